#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "anyvip/net/address.hpp"
#include "anyvip/net/interface.hpp"
#include "bgp/bfd/encapsulation.hpp"
#include "io/file_descriptor.hpp"
#include "io/socket.hpp"

/// The wire of BFD: UDP to and from ports 3784 (RFC 5881) and 4784 (RFC 5883).
///
/// Packets arrive at one socket for each family and kind of hop, which all sessions share, since the port is the same;
/// each session sends from a socket of its own, since its source port is its own (RFC 5881 §4). No decisions: what
/// arrives goes to the sink undecoded and with its TTL, what fails is returned.
///
/// To open is left to any thread that may wait; the rest never blocks.
namespace anyvip::bfd::io {

using Error = anyvip::io::SocketError;
using anyvip::io::describe;

/// Of all local addresses: which are ours may change.
[[nodiscard]] std::expected<anyvip::io::FileDescriptor, Error> open_listener(const Listener& listener);

struct SenderWish {
    net::IpAddress remote;
    std::optional<net::IpAddress> source{};         ///< none: the one that the kernel would take
    std::optional<net::InterfaceName> interface{};  ///< of a link-local neighbour
    Hops hops = Hops::Single;
    /// Sessions begin to look for a free source port at different places.
    std::uint32_t port_hint = 0;
    std::set<net::IpAddress> forbidden{};  ///< sources: VIPs (product rule 11)
    friend bool operator==(const SenderWish&, const SenderWish&) = default;
};

struct OpenedSender {
    anyvip::io::FileDescriptor socket;
    net::Endpoint local;
    net::InterfaceIndex interface;  ///< 0: none was asked for
};
[[nodiscard]] std::expected<OpenedSender, Error> open_sender(const SenderWish& wish);

struct Received {
    ReceivedMetadata metadata;
    std::vector<std::uint8_t> bytes;
};

class ListeningSocket {
public:
    using Sink = std::move_only_function<void(std::expected<Received, Error>)>;

    ListeningSocket(const boost::asio::any_io_executor& executor, Sink sink);

    /// Owns the descriptor from now on.
    [[nodiscard]] std::expected<void, Error> adopt(anyvip::io::FileDescriptor socket);
    /// The sink hears nothing any more. Does not close.
    [[nodiscard]] anyvip::io::FileDescriptor release();
    /// Hands everything that is pending to the sink, now.
    void drain() { packets_.drain(); }

private:
    anyvip::io::FileDescriptor socket_;
    Sink sink_;
    anyvip::io::PacketReader packets_;
};

/// A full send buffer is an error like any other: a packet that is late is worth nothing.
[[nodiscard]] std::expected<void, Error> send(const OpenedSender& sender, const net::IpAddress& remote, Hops hops,
                                              std::span<const std::uint8_t> bytes);

}  // namespace anyvip::bfd::io
