#include "daemon/io/recorder.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <future>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "control/version.hpp"
#include "daemon/io/loop.hpp"
#include "daemon/io/mailbox.hpp"

namespace anyvip::daemon::io {
namespace {

std::string text_of_errno() {
    return std::error_code{errno, std::system_category()}.message();
}

/// One loop's file, on the recorder's thread; only add() is called on the loop's.
class File {
public:
    File(Doorbell& bell, std::filesystem::path path, std::string first_line, std::uint64_t limit)
        : ring_{bell}, path_{std::move(path)}, first_line_{std::move(first_line)}, limit_{limit} {}
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    void add(const std::string& entry) { ring_.send(entry); }

    void write_waiting() {
        ring_.receive([this](const std::string& entry) {
            lost_ += ring_.take_dropped();
            if (!append(entry)) ++lost_;
        });
        lost_ += ring_.take_dropped();
    }

    /// What is missing at the end is to be seen as well.
    void finish() {
        write_waiting();
        if (lost_ != 0) (void)append({});
    }

private:
    bool append(const std::string& entry) {
        const auto gap = lost_ == 0 ? std::string{} : "# " + std::to_string(lost_) + " entries lost\n";
        if (descriptor_ < 0 || size_ + gap.size() + entry.size() > limit_) {
            if (!begin()) return false;
        }
        if (!write(gap + entry)) return false;
        lost_ = 0;
        if (std::exchange(in_trouble_, false)) spdlog::info("record {} goes on", path_.string());
        return true;
    }

    /// A new file; the one that is there becomes the old one.
    bool begin() {
        if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
        auto old = path_;
        old.replace_extension(".old.txt");
        if (::rename(path_.c_str(), old.c_str()) != 0 && errno != ENOENT) return fail();
        // Nobody else's business: it shows the addresses and the health of everything.
        descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
        size_ = 0;
        if (descriptor_ < 0) return fail();
        return write(first_line_);
    }

    /// All of it or nothing: half an entry could not be read.
    bool write(const std::string& text) {
        std::string_view rest = text;
        while (!rest.empty()) {
            const auto written = ::write(descriptor_, rest.data(), rest.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) {
                fail();
                if (::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0 ||
                    ::lseek(descriptor_, static_cast<off_t>(size_), SEEK_SET) < 0) {
                    ::close(std::exchange(descriptor_, -1));
                }
                return false;
            }
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
        size_ += text.size();
        return true;
    }

    bool fail() {
        const auto why = text_of_errno();
        if (!std::exchange(in_trouble_, true)) spdlog::error("record {}: {}", path_.string(), why);
        return false;
    }

    LossyMailbox<std::string> ring_;
    std::filesystem::path path_;
    std::string first_line_;
    std::uint64_t limit_;
    int descriptor_ = -1;
    std::uint64_t size_ = 0;
    std::uint64_t lost_ = 0;   ///< since the last entry that is in the file
    bool in_trouble_ = false;  ///< and said so
};

}  // namespace

class Recorder::Files {
public:
    Files(std::filesystem::path directory, std::string about, std::uint64_t limit)
        : directory_{std::move(directory)}, about_{std::move(about)}, limit_{limit} {
        std::error_code error;
        std::filesystem::create_directories(directory_, error);
        if (error) spdlog::error("record {}: {}", directory_.string(), error.message());
    }

    File& open(const std::string& loop) {
        const std::lock_guard lock{mutex_};
        const auto first_line = "# anyvip " + std::string{control::version} + ' ' + loop + ' ' + about_ + '\n';
        return files_.emplace_back(bell_, directory_ / (loop + ".txt"), first_line, limit_);
    }

    void run() {
        while (!stopping_) {
            pollfd wait{.fd = bell_.native_handle(), .events = POLLIN, .revents = 0};
            (void)::poll(&wait, 1, -1);
            bell_.answer();
            for_each(&File::write_waiting);
        }
        for_each(&File::finish);
        ended_.set_value();
    }

    std::future<void> end() {
        auto ended = ended_.get_future();
        stopping_ = true;
        bell_.ring();
        return ended;
    }

private:
    void for_each(void (File::*work)()) {
        const std::lock_guard lock{mutex_};
        for (auto& file : files_) (file.*work)();
    }

    std::filesystem::path directory_;
    std::string about_;
    std::uint64_t limit_;
    Doorbell bell_;
    std::mutex mutex_;  ///< of the list; loops hold a reference to their file and never lock
    std::list<File> files_;
    std::atomic<bool> stopping_ = false;
    std::promise<void> ended_;
};

Recorder::Recorder(std::filesystem::path directory, std::uint64_t seed, std::uint64_t limit) : start_{monotonic_now()} {
    if (directory.empty()) return;
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(start_.time_since_epoch()).count();
    auto about = "seed=" + std::to_string(seed) + " start=" + std::to_string(microseconds) + "us";
    files_ = std::make_shared<Files>(std::move(directory), std::move(about), limit);
    std::thread{[files = files_] { files->run(); }}.detach();
}

Recorder::~Recorder() {
    stop();
}

void Recorder::stop() {
    if (!files_) return;
    (void)files_->end().wait_for(std::chrono::seconds{1});
    files_.reset();
}

std::function<void(const std::string& entry)> Recorder::open(const std::string& loop) {
    if (!files_) return nullptr;
    return [files = files_, &file = files_->open(loop)](const std::string& entry) { file.add(entry); };
}

}  // namespace anyvip::daemon::io
