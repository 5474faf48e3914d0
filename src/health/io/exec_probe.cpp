#include "health/io/exec_probe.hpp"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

namespace anyvip::health::io {
namespace {

using boost::system::error_code;

constexpr std::size_t kept_output = 4096;
constexpr std::size_t max_line = 200;
constexpr std::size_t pipe_size = std::size_t{64} * 1024;

/// For people, on one line: the end of what a script says is where it says why.
std::string last_line(std::string_view output) {
    constexpr std::string_view white_space = " \t\r\n";
    const auto end = output.find_last_not_of(white_space);
    if (end == std::string_view::npos) return {};
    output = output.substr(0, end + 1);
    const auto newline = output.rfind('\n');
    if (newline != std::string_view::npos) output.remove_prefix(newline + 1);
    std::string line{output.substr(0, max_line)};
    for (auto& character : line) {
        if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) character = '?';
    }
    return line;
}

Outcome outcome_of(const siginfo_t& info, const std::string& output) {
    const auto line = last_line(output);
    if (info.si_code == CLD_EXITED && info.si_status == 0) return Success{line};
    const auto said = line.empty() ? line : ": " + line;
    if (info.si_code == CLD_EXITED) return Failure{FailureReason::ExitCode, std::to_string(info.si_status) + said};
    const char* const name = ::sigabbrev_np(info.si_status);
    return Failure{FailureReason::KilledBySignal,
                   (name != nullptr ? "SIG" + std::string{name} : std::to_string(info.si_status)) + said};
}

class ExecAttempt final : public Attempt {
public:
    ExecAttempt(const boost::asio::any_io_executor& executor, std::shared_ptr<Processes> processes, CheckName check,
                ExecProbe probe, Report on_outcome)
        : Attempt{std::move(on_outcome)},
          processes_{std::move(processes)},
          check_{std::move(check)},
          probe_{std::move(probe)},
          pidfd_{executor},
          output_{executor} {}

    ~ExecAttempt() override {
        // Only when the executor ends before the process does: its zombie is then for init.
        if (pid_ > 0) kill_group();
    }

    void start() override {
        auto started = processes_->start(check_, probe_.argv, probe_.user);
        if (!started) return refuse(started.error());
        pid_ = started->pid;
        error_code error;
        pidfd_.assign(started->pidfd.get(), error);
        if (error) {
            // Its end cannot be waited for. If it does not come at once, its zombie is for init.
            kill_group();
            siginfo_t info{};
            ::waitid(P_PIDFD, static_cast<id_t>(started->pidfd.get()), &info, WEXITED | WNOHANG);
            pid_ = -1;
            return refuse(CouldNotRun{CouldNotRunReason::SystemError, "watch the process: " + error.message()});
        }
        (void)started->pidfd.release();
        await_exit();
        output_.assign(started->output.get(), error);
        if (error) {
            stop();
            return refuse(CouldNotRun{CouldNotRunReason::SystemError, "watch its output: " + error.message()});
        }
        (void)started->output.release();
        await_output();
    }

private:
    void refuse(CouldNotRun why) {
        boost::asio::post(pidfd_.get_executor(),
                          [self = shared_from_this(), this, why = std::move(why)] { report(why); });
    }

    void stop() override {
        if (pid_ <= 0) return;
        kill_group();
        lingering_ = true;
        processes_->lingers(check_);
        error_code ignored;
        output_.close(ignored);
    }

    /// The group's number cannot have been given to another: its leader is not reaped before this.
    void kill_group() const { ::kill(-pid_, SIGKILL); }

    /// Waits and then reads, in place of an asynchronous read: such a read may have taken the last line out of the
    /// pipe, its handler still to come, when the process is seen to end.
    void await_output() {
        output_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                           [self = shared_from_this(), this](error_code error) {
                               if (!error && output_.is_open() && drain_output()) await_output();
                           });
    }

    /// Until the pipe is empty, but no more than it can hold: somebody may write for ever. False at its end.
    bool drain_output() {
        std::array<char, 4096> buffer;
        for (std::size_t total = 0; total < pipe_size;) {
            const auto size = ::read(output_.native_handle(), buffer.data(), buffer.size());
            if (size < 0) return errno == EAGAIN || errno == EINTR;
            if (size == 0) return false;
            total += static_cast<std::size_t>(size);
            said_.append(buffer.data(), static_cast<std::size_t>(size));
            if (said_.size() > kept_output) said_.erase(0, said_.size() - kept_output);
        }
        return true;
    }

    void await_exit() {
        pidfd_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                          [self = shared_from_this(), this](error_code /*error*/) { exited(); });
    }

    void exited() {
        // Asio may complete a wait for an event that belonged to a descriptor closed before: ask before believing.
        siginfo_t info{};
        const auto pidfd = static_cast<id_t>(pidfd_.native_handle());
        if (::waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) {
            return await_exit();
        }
        kill_group();
        ::waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG);
        pid_ = -1;
        if (lingering_) processes_->gone(check_);
        error_code error;
        pidfd_.close(error);
        if (is_over()) return;

        drain_output();  // Not until its end: a process that left the group may hold the pipe for ever.
        output_.close(error);
        report(outcome_of(info, said_));
    }

    std::shared_ptr<Processes> processes_;
    CheckName check_;
    ExecProbe probe_;
    boost::asio::posix::stream_descriptor pidfd_;
    boost::asio::posix::stream_descriptor output_;
    pid_t pid_ = -1;
    bool lingering_ = false;
    std::string said_;
};

}  // namespace

std::shared_ptr<Attempt> make_exec_attempt(const boost::asio::any_io_executor& executor,
                                           const std::shared_ptr<Processes>& processes, const CheckName& check,
                                           const ExecProbe& probe, Attempt::Report report) {
    return std::make_shared<ExecAttempt>(executor, processes, check, probe, std::move(report));
}

}  // namespace anyvip::health::io
