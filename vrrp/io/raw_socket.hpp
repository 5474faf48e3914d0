#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <span>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "anyvip/net/address.hpp"
#include "anyvip/net/interface.hpp"
#include "io/file_descriptor.hpp"
#include "io/socket.hpp"
#include "vrrp/advertisement.hpp"

/// The wire of VRRP: IP protocol 112 on one interface and family, and the Ethernet frames of gratuitous ARP.
///
/// No decisions: what arrives goes to the sink undecoded, what fails is returned (or, while receiving, handed to
/// the sink), and the caller tries again. Several virtual routers share a socket; they are told apart by VRID.
/// The executor runs on one thread. Needs CAP_NET_RAW.
///
/// Opening and closing may wait: joining and leaving a multicast group take the kernel's RTNL lock, which somebody else
/// can hold for seconds. So any thread may open(), a RawSocket adopts what was opened, and gives it back to be closed
/// elsewhere. The rest never blocks, and a full send buffer is an error like any other.
namespace anyvip::vrrp::io {

using Error = anyvip::io::SocketError;
using anyvip::io::describe;

struct Received {
    net::InterfaceName interface;
    net::Family family = net::Family::Ipv4;
    ReceivedMetadata metadata;
    std::vector<std::uint8_t> bytes;  ///< from the Version field on
};

enum class Transport : std::uint8_t { Multicast, Unicast };

/// What open() made. To destroy it is to close it, which may wait.
struct Descriptors {
    net::InterfaceName interface;
    net::InterfaceIndex index;
    net::Family family = net::Family::Ipv4;
    anyvip::io::FileDescriptor packets;
    anyvip::io::FileDescriptor frames;
};

/// ENODEV in the result: there is no such interface (yet). Another one is needed when the interface was recreated,
/// since it is bound to the index.
[[nodiscard]] std::expected<Descriptors, Error> open(const net::InterfaceName& interface, net::Family family,
                                                     Transport transport);

class RawSocket {
public:
    using Sink = std::move_only_function<void(std::expected<Received, Error>)>;

    RawSocket(const boost::asio::any_io_executor& executor, Sink sink);
    RawSocket(const RawSocket&) = delete;
    RawSocket& operator=(const RawSocket&) = delete;
    ~RawSocket();

    /// Releases what it had, as release() does, and works with these. They are its own also when this fails.
    [[nodiscard]] std::expected<void, Error> adopt(Descriptors descriptors);
    /// The sink hears nothing any more. Does not close.
    Descriptors release();

    /// To the multicast group or to a peer, with TTL 255. The source need not be an address of the host (any more),
    /// except for unicast over IPv6 where no route is left.
    [[nodiscard]] std::expected<void, Error> send(const net::IpAddress& source, const net::IpAddress& destination,
                                                  std::span<const std::uint8_t> bytes);
    /// A whole Ethernet frame.
    [[nodiscard]] std::expected<void, Error> send_frame(std::span<const std::uint8_t> frame);

    /// Hands everything that is pending to the sink, now.
    void drain() { packets_.drain(); }

private:
    void receive(std::expected<anyvip::io::Packet, Error> packet);

    Descriptors descriptors_;
    Sink sink_;
    anyvip::io::PacketReader packets_;
};

}  // namespace anyvip::vrrp::io
