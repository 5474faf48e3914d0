#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "bgp/peer.hpp"

/// One open TCP connection: octets in become Received, octets taken by the kernel become Written, its end
/// becomes ConnectionClosed.
///
/// Parts: a coroutine that reads until the end of the stream, into a buffer that it reuses; a queue of what the
/// kernel did not take yet, with a wait for room while it is not empty; a timer for the time after close().
/// send() writes at once what the kernel takes, so that a withdrawal is on the wire before send() returns. The rest
/// it keeps: Peer bounds that by its window, and counts by Written what the kernel has.
///
/// Who calls: Speaker makes it of a connected socket (tcp_options has set what it must have), starts it, hands it
/// the Peer's octets and closes it; `report` leads back to the Peer. It owns itself while it reads, waits or
/// lingers: after close() nobody needs to keep it.
///
/// close() lets what was sent go out, says FIN, and throws away what still comes: closing with unread octets would
/// make the kernel reset the connection and destroy our NOTIFICATION on its way (RFC 1122 §4.2.2.13). All within
/// `linger`. abort() is for what must end now.
///
/// Standards: none of BGP; that is what it is not. It knows no messages and no states, connects to nobody, decides
/// nothing, logs nothing and has no lock: all of it runs on the executor of its socket.
namespace anyvip::bgp::io {

class Connection : public std::enable_shared_from_this<Connection> {
public:
    using Socket = boost::asio::ip::tcp::socket;
    using Report = std::move_only_function<void(Event)>;

    static constexpr std::chrono::seconds linger{1};

    Connection(Socket socket, ConnectionId id, Report report)
        : socket_{std::move(socket)}, linger_timer_{socket_.get_executor()}, id_{id}, report_{std::move(report)} {}

    /// Starts to read. `report` may be called from within send().
    void start();
    void send(std::vector<std::uint8_t> bytes);
    /// Octets of ours that the peer's TCP has (SIOCOUTQ of tcp(7) are those that it has not).
    [[nodiscard]] std::uint64_t acknowledged();
    /// Nothing is reported from here on. `ended` is called once, when the socket is closed: within `linger`.
    void close(std::move_only_function<void()> ended = {});
    /// At once, and without report.
    void abort();

private:
    boost::asio::awaitable<void> read();
    void flush();
    void wait_until_writable();
    void finish();
    void fail(const std::string& reason);

    Socket socket_;
    boost::asio::steady_timer linger_timer_;
    ConnectionId id_;
    Report report_;
    std::move_only_function<void()> ended_;
    std::deque<std::vector<std::uint8_t>> queue_;
    std::size_t front_written_ = 0;  ///< octets of queue_.front() that the kernel has
    std::uint64_t written_ = 0;
    bool waiting_ = false;  ///< for room
    bool closing_ = false;
    std::array<std::uint8_t, 16384> buffer_{};
};

}  // namespace anyvip::bgp::io
