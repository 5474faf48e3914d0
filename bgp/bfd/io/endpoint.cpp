#include "bgp/bfd/io/endpoint.hpp"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <span>
#include <utility>

namespace anyvip::bfd::io {
namespace {

using anyvip::io::failed;
using anyvip::io::FileDescriptor;
using anyvip::io::Packet;
using anyvip::io::set_options;
using anyvip::io::SocketAddress;
using anyvip::io::SocketOption;
using anyvip::io::to_socket_address;

constexpr int internetwork_control = 0xc0;   // DSCP CS6, as routing protocols do: RFC 4594 §3.1.
constexpr std::size_t longest_packet = 512;  // Length is one octet; what is longer is cut, and still too long.

constexpr std::array ipv4_listener_options{
    SocketOption{"setsockopt(IP_RECVTTL)", IPPROTO_IP, IP_RECVTTL, 1},
    SocketOption{"setsockopt(IP_PKTINFO)", IPPROTO_IP, IP_PKTINFO, 1},
};
constexpr std::array ipv6_listener_options{
    SocketOption{"setsockopt(IPV6_V6ONLY)", IPPROTO_IPV6, IPV6_V6ONLY, 1},
    SocketOption{"setsockopt(IPV6_RECVHOPLIMIT)", IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1},
    SocketOption{"setsockopt(IPV6_RECVPKTINFO)", IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
};
// RFC 5881 §5; over several hops it lets the neighbour say how far away we may be.
constexpr std::array ipv4_sender_options{
    SocketOption{"setsockopt(IP_TTL)", IPPROTO_IP, IP_TTL, undiminished_ttl},
    SocketOption{"setsockopt(IP_TOS)", IPPROTO_IP, IP_TOS, internetwork_control},
};
constexpr std::array ipv6_sender_options{
    SocketOption{"setsockopt(IPV6_V6ONLY)", IPPROTO_IPV6, IPV6_V6ONLY, 1},
    SocketOption{"setsockopt(IPV6_UNICAST_HOPS)", IPPROTO_IPV6, IPV6_UNICAST_HOPS, undiminished_ttl},
    SocketOption{"setsockopt(IPV6_TCLASS)", IPPROTO_IPV6, IPV6_TCLASS, internetwork_control},
};

std::expected<FileDescriptor, Error> udp_socket(net::Family family, std::span<const SocketOption> options) {
    FileDescriptor socket{
        ::socket(family == net::Family::Ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (socket.get() < 0) return failed("socket(SOCK_DGRAM)");
    if (const auto set = set_options(socket.get(), options); !set) return std::unexpected{set.error()};
    return socket;
}

net::IpAddress any(net::Family family) {
    return family == net::Family::Ipv4 ? net::IpAddress{net::Ipv4Address{}} : net::IpAddress{net::Ipv6Address{}};
}

/// A link-local address says nothing without its link.
net::InterfaceIndex scope_of(const net::IpAddress& address, net::InterfaceIndex interface) {
    return address.is_v6() && address.is_link_local() ? interface : net::InterfaceIndex{};
}

/// Which address the kernel would send from: connect() of a UDP socket sends nothing.
std::expected<net::IpAddress, Error> source_towards(const net::IpAddress& remote, net::InterfaceIndex interface) {
    const FileDescriptor probe{
        ::socket(remote.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (probe.get() < 0) return failed("socket(SOCK_DGRAM)");
    const auto to = to_socket_address({remote, destination_port(Hops::Single)}, scope_of(remote, interface));
    if (::connect(probe.get(), to.get(), to.size) != 0) return failed("connect");
    SocketAddress local;
    if (::getsockname(probe.get(), local.get(), &local.size) != 0) return failed("getsockname");
    return anyvip::io::from_socket_address(local.storage).address;
}

/// Binds to the first free one of the ports that are allowed, beginning at `hint`.
std::expected<std::uint16_t, Error> bind_source_port(int socket, const net::IpAddress& source,
                                                     net::InterfaceIndex interface, std::uint32_t hint) {
    for (std::uint32_t i = 0; i < source_ports; ++i) {
        const auto port = static_cast<std::uint16_t>(first_source_port + (hint + i) % source_ports);
        const auto local = to_socket_address({source, port}, scope_of(source, interface));
        if (::bind(socket, local.get(), local.size) == 0) return port;
        if (errno != EADDRINUSE) return failed("bind");
    }
    return failed("bind", EADDRINUSE);
}

}  // namespace

std::expected<FileDescriptor, Error> open_listener(const Listener& listener) {
    const bool ipv4 = listener.family == net::Family::Ipv4;
    auto socket = udp_socket(listener.family,
                             ipv4 ? std::span<const SocketOption>{ipv4_listener_options} : ipv6_listener_options);
    if (!socket) return socket;
    const auto local = to_socket_address({any(listener.family), destination_port(listener.hops)});
    if (::bind(socket->get(), local.get(), local.size) != 0) return failed("bind");
    return socket;
}

std::expected<OpenedSender, Error> open_sender(const SenderWish& wish) {
    const bool ipv4 = wish.remote.is_v4();
    net::InterfaceIndex interface;
    if (wish.interface) interface = net::InterfaceIndex{::if_nametoindex(wish.interface->value().c_str())};
    if (wish.interface && interface == net::InterfaceIndex{}) return failed("if_nametoindex");
    auto socket = udp_socket(wish.remote.family(),
                             ipv4 ? std::span<const SocketOption>{ipv4_sender_options} : ipv6_sender_options);
    if (!socket) return std::unexpected{socket.error()};
    auto source = wish.source;
    if (!source) {
        const auto chosen = source_towards(wish.remote, interface);
        if (!chosen) return std::unexpected{chosen.error()};
        source = *chosen;
    }
    if (wish.forbidden.contains(*source)) return failed("a VIP is no source", EADDRNOTAVAIL);
    const auto port = bind_source_port(socket->get(), *source, interface, wish.port_hint);
    if (!port) return std::unexpected{port.error()};
    return OpenedSender{.socket = *std::move(socket), .local = {*source, *port}, .interface = interface};
}

ListeningSocket::ListeningSocket(const boost::asio::any_io_executor& executor, Sink sink)
    : sink_{std::move(sink)}, packets_{executor, longest_packet, [this](std::expected<Packet, Error> packet) {
                                           if (!packet) return sink_(std::unexpected{packet.error()});
                                           sink_(Received{.metadata = {.source = packet->source.address,
                                                                       .destination = packet->destination,
                                                                       .interface = packet->interface,
                                                                       .ttl = packet->ttl},
                                                          .bytes = std::move(packet->bytes)});
                                       }} {}

std::expected<void, Error> ListeningSocket::adopt(FileDescriptor socket) {
    packets_.release();
    socket_ = std::move(socket);
    return packets_.watch(socket_.get());
}

FileDescriptor ListeningSocket::release() {
    packets_.release();
    return std::exchange(socket_, {});
}

std::expected<void, Error> send(const OpenedSender& sender, const net::IpAddress& remote, Hops hops,
                                std::span<const std::uint8_t> bytes) {
    const auto to = to_socket_address({remote, destination_port(hops)}, scope_of(remote, sender.interface));
    const auto sent = ::sendto(sender.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL, to.get(), to.size);
    if (sent < 0) return failed("sendto");
    return {};
}

}  // namespace anyvip::bfd::io
