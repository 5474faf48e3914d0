#pragma once

#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

/// What the service manager is told (sd_notify(3)): by hand, since libsystemd costs 0.85 MiB for these few lines.
/// Everything here does nothing where no service manager asked for it.
namespace anyvip::io {

/// Sends `state`, lines such as "READY=1", to $NOTIFY_SOCKET; "@name" is one in the abstract namespace.
void sd_notify(std::string_view state);

/// "RELOADING=1" with the instant that must be beside it, for a manager may have asked before. READY=1 ends it.
[[nodiscard]] std::string reloading();

/// Pets the manager's watchdog twice in each $WATCHDOG_USEC, from the executor's thread: a loop that hangs goes
/// unheard, and the manager puts an end to a process that is none any more.
class Watchdog {
public:
    explicit Watchdog(const boost::asio::any_io_executor& executor);

private:
    void pet();

    boost::asio::steady_timer timer_;
    boost::asio::steady_timer::duration interval_{};
};

}  // namespace anyvip::io
