#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "anyvip/net/address.hpp"
#include "anyvip/net/interface.hpp"

/// What the shells share that speak in packets: options that are set in a row, addresses as the socket calls take
/// them, and a reader that tells with each packet how it came. No decisions.
namespace anyvip::io {

struct SocketError {
    std::string_view step;  ///< the system call or option, as in "setsockopt(SO_BINDTODEVICE)"
    int code = 0;           ///< errno
    friend bool operator==(const SocketError&, const SocketError&) = default;
};
[[nodiscard]] std::string describe(const SocketError& error);

/// errno as it is now.
[[nodiscard]] std::unexpected<SocketError> failed(std::string_view step);
[[nodiscard]] std::unexpected<SocketError> failed(std::string_view step, int code);

struct SocketOption {
    std::string_view step;
    int level;
    int name;
    int value;
};
/// In their order, up to the first that the kernel refuses.
[[nodiscard]] std::expected<void, SocketError> set_options(int socket, std::span<const SocketOption> options);

/// A sockaddr of either family, in the one form that the socket calls take.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;

    [[nodiscard]] const sockaddr* get() const;
    [[nodiscard]] sockaddr* get();
};
/// `scope`: of an IPv6 address that means something on one link alone; 0: none.
[[nodiscard]] SocketAddress to_socket_address(const net::Endpoint& endpoint, net::InterfaceIndex scope = {});
[[nodiscard]] net::Endpoint from_socket_address(const sockaddr_storage& storage);

/// A packet, and what the kernel says of its way: as far as the socket asks for it (IP_RECVTTL, IP_PKTINFO and their
/// likes).
struct Packet {
    net::Endpoint source;
    net::IpAddress destination;
    net::InterfaceIndex interface;  ///< that it came in through
    std::uint8_t ttl = 0;           ///< or hop limit
    std::vector<std::uint8_t> bytes;
};

/// Reads packets from a socket that somebody else owns. The executor runs on one thread.
class PacketReader {
public:
    using Sink = std::move_only_function<void(std::expected<Packet, SocketError>)>;

    PacketReader(const boost::asio::any_io_executor& executor, std::size_t longest_packet, Sink sink);
    PacketReader(const PacketReader&) = delete;
    PacketReader& operator=(const PacketReader&) = delete;
    ~PacketReader();

    [[nodiscard]] std::expected<void, SocketError> watch(int socket);
    /// The sink hears nothing any more. Does not close.
    void release();
    /// Hands everything that is pending to the sink, now. The driver of a loop calls it before it feeds TimerExpired:
    /// a timer that ran out while packets wait in the socket proves nothing.
    void drain();

private:
    void wait();
    /// False when nothing is pending any more.
    bool receive_one();

    boost::asio::posix::stream_descriptor socket_;  ///< borrowed: only waits for what arrives
    Sink sink_;
    /// Handlers of earlier sockets hold the earlier one.
    std::shared_ptr<const int> epoch_;
    std::vector<std::uint8_t> buffer_;
};

}  // namespace anyvip::io
