#include "io/sd_notify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>

namespace anyvip::io {
namespace {

using namespace std::chrono_literals;

/// The service manager's end: a datagram socket, and the environment that names it.
class Manager {
public:
    /// `name` as in $NOTIFY_SOCKET.
    explicit Manager(const std::string& name) : descriptor_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        name.copy(address.sun_path, sizeof address.sun_path - 1);
        if (name.starts_with('@')) address.sun_path[0] = '\0';
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        bound_ = ::bind(descriptor_, std::bit_cast<const sockaddr*>(&address), length) == 0;
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    }
    ~Manager() {
        ::close(descriptor_);
        ::unsetenv("NOTIFY_SOCKET");
    }
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;

    [[nodiscard]] bool bound() const { return bound_; }
    /// The next datagram that is there already.
    [[nodiscard]] std::optional<std::string> heard() const {
        std::array<char, 512> buffer{};
        const auto size = ::recv(descriptor_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size < 0) return std::nullopt;
        return std::string{buffer.data(), static_cast<std::size_t>(size)};
    }

private:
    int descriptor_;
    bool bound_ = false;
};

class SdNotify : public ::testing::Test {
protected:
    SdNotify() {
        std::string pattern = (std::filesystem::temp_directory_path() / "anyvip-notify-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~SdNotify() override {
        ::unsetenv("WATCHDOG_USEC");
        ::unsetenv("WATCHDOG_PID");
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    [[nodiscard]] std::string path() const { return (directory_ / "notify").string(); }

    std::filesystem::path directory_;
};

TEST_F(SdNotify, ReachesASocketInTheFileSystem) {
    const Manager manager{path()};
    ASSERT_TRUE(manager.bound());
    sd_notify("READY=1\nSTATUS=running");
    EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=running");
    EXPECT_EQ(manager.heard(), std::nullopt);
}

TEST_F(SdNotify, ReachesASocketInTheAbstractNamespace) {
    const Manager manager{"@anyvip-sd-notify-test-" + std::to_string(::getpid())};
    ASSERT_TRUE(manager.bound());
    sd_notify("STOPPING=1");
    EXPECT_EQ(manager.heard(), "STOPPING=1");
}

TEST_F(SdNotify, DoesNothingWithoutAManagerOrWithOneThatCannotBeReached) {
    ::unsetenv("NOTIFY_SOCKET");
    sd_notify("READY=1");
    const auto descriptors = [] {
        return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"},
                             std::filesystem::directory_iterator{});
    };
    const auto before = descriptors();
    for (const auto& nowhere : {std::string{}, path() + "-missing", std::string(200, 'x')}) {
        ::setenv("NOTIFY_SOCKET", nowhere.c_str(), 1);
        sd_notify("READY=1");
    }
    ::unsetenv("NOTIFY_SOCKET");
    EXPECT_EQ(descriptors(), before);
}

TEST_F(SdNotify, AFullSocketHoldsNobodyUp) {
    const Manager manager{path()};
    ASSERT_TRUE(manager.bound());
    for (int i = 0; i < 10'000; ++i) sd_notify("WATCHDOG=1");  // Far beyond net.unix.max_dgram_qlen.
    EXPECT_EQ(manager.heard(), "WATCHDOG=1");
}

/// sd_notify(3): "the field must be formatted as decimal", CLOCK_MONOTONIC in microseconds, at the reload's begin.
TEST_F(SdNotify, AReloadSaysWhenItBegan) {
    const auto monotonic = [] {
        return std::chrono::duration_cast<std::chrono::microseconds>(
                   std::chrono::steady_clock::now().time_since_epoch())
            .count();
    };
    const std::string prefix = "RELOADING=1\nMONOTONIC_USEC=";
    const auto before = monotonic();
    const auto text = reloading();
    ASSERT_TRUE(text.starts_with(prefix)) << text;
    const auto at = std::stoll(text.substr(prefix.size()));
    EXPECT_GE(at, before);
    EXPECT_LE(at, monotonic());
}

TEST_F(SdNotify, TheWatchdogIsPettedTwiceInItsTimeWhileTheLoopRuns) {
    const Manager manager{path()};
    ::setenv("WATCHDOG_USEC", "20000", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    boost::asio::io_context context;
    const auto begin = std::chrono::steady_clock::now();
    const Watchdog watchdog{context.get_executor()};
    EXPECT_EQ(manager.heard(), "WATCHDOG=1");
    EXPECT_EQ(manager.heard(), std::nullopt);  // Not before the loop has run: it is the loop that is watched.
    for (int pets = 0; pets < 2; ++pets) {
        context.run_one();
        EXPECT_EQ(manager.heard(), "WATCHDOG=1");
    }
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
}

TEST_F(SdNotify, NoWatchdogIsPettedThatIsNotOurs) {
    const Manager manager{path()};
    boost::asio::io_context context;
    const auto petted = [&] {
        const Watchdog watchdog{context.get_executor()};
        return manager.heard().has_value();
    };
    EXPECT_FALSE(petted());
    for (const auto* const odd : {"", "soon", "10s", "-1", "0"}) {
        ::setenv("WATCHDOG_USEC", odd, 1);
        EXPECT_FALSE(petted()) << odd;
    }
    ::setenv("WATCHDOG_USEC", "20000", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getppid()).c_str(), 1);
    EXPECT_FALSE(petted());
}

}  // namespace
}  // namespace anyvip::io
