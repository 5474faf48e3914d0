#include "io/sd_notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace anyvip::io {
namespace {

std::optional<std::uint64_t> number_in(const char* variable) {
    const char* const value = std::getenv(variable);
    if (value == nullptr) return std::nullopt;
    const std::string_view text = value;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// Zero: nobody watches, or it is another process that is watched (the variables are inherited).
std::chrono::microseconds watchdog_timeout() {
    const auto process = number_in("WATCHDOG_PID");
    if (process && *process != static_cast<std::uint64_t>(::getpid())) return {};
    constexpr std::uint64_t longest = 86'400'000'000;
    return std::chrono::microseconds{std::min(number_in("WATCHDOG_USEC").value_or(0), longest)};
}

}  // namespace

void sd_notify(std::string_view state) {
    const char* variable = std::getenv("NOTIFY_SOCKET");
    if (variable == nullptr) return;
    const std::string_view path = variable;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) return;
    std::ranges::copy(path, address.sun_path);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // The abstract namespace.
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    (void)::sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                   std::bit_cast<const sockaddr*>(&address), length);
    ::close(descriptor);
}

std::string reloading() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto microseconds =
        static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
    return "RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds);
}

Watchdog::Watchdog(const boost::asio::any_io_executor& executor) : timer_{executor}, interval_{watchdog_timeout() / 2} {
    if (interval_ > interval_.zero()) pet();
}

void Watchdog::pet() {
    sd_notify("WATCHDOG=1");
    timer_.expires_after(interval_);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) pet();
    });
}

}  // namespace anyvip::io
