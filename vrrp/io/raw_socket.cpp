#include "vrrp/io/raw_socket.hpp"

#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace anyvip::vrrp::io {
namespace {

using anyvip::io::failed;
using anyvip::io::FileDescriptor;
using anyvip::io::set_options;
using anyvip::io::SocketAddress;
using anyvip::io::to_socket_address;
using Option = anyvip::io::SocketOption;
using Outcome = std::expected<void, Error>;

constexpr int hop_limit = 255;               // RFC 9568 §5.1.1.3.
constexpr int internetwork_control = 0xc0;   // DSCP CS6, as routing protocols do: RFC 4594 §3.1.
constexpr std::size_t buffer_octets = 8192;  // 255 IPv6 addresses are 4088, and the IPv4 header comes along.

template <class T>
bool set(int socket, int level, int name, const T& value) {
    return ::setsockopt(socket, level, name, &value, sizeof value) == 0;
}

constexpr std::array ipv4_options{
    Option{"setsockopt(IP_TTL)", IPPROTO_IP, IP_TTL, hop_limit},
    Option{"setsockopt(IP_MULTICAST_TTL)", IPPROTO_IP, IP_MULTICAST_TTL, hop_limit},
    Option{"setsockopt(IP_MULTICAST_LOOP)", IPPROTO_IP, IP_MULTICAST_LOOP, 0},
    // Only the groups of this socket, and not those that anybody on this host has joined.
    Option{"setsockopt(IP_MULTICAST_ALL)", IPPROTO_IP, IP_MULTICAST_ALL, 0},
    Option{"setsockopt(IP_TOS)", IPPROTO_IP, IP_TOS, internetwork_control},
    // An Active Router that loses its source address still says goodbye, from that address (RFC 9568 §6.4.3): without
    // this the kernel sends from none but the host's own.
    Option{"setsockopt(IP_TRANSPARENT)", IPPROTO_IP, IP_TRANSPARENT, 1},
    Option{"setsockopt(IP_RECVTTL)", IPPROTO_IP, IP_RECVTTL, 1},
    Option{"setsockopt(IP_PKTINFO)", IPPROTO_IP, IP_PKTINFO, 1},
};

constexpr std::array ipv6_options{
    Option{"setsockopt(IPV6_UNICAST_HOPS)", IPPROTO_IPV6, IPV6_UNICAST_HOPS, hop_limit},
    Option{"setsockopt(IPV6_MULTICAST_HOPS)", IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hop_limit},
    Option{"setsockopt(IPV6_MULTICAST_LOOP)", IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0},
    Option{"setsockopt(IPV6_MULTICAST_ALL)", IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0},
    Option{"setsockopt(IPV6_TCLASS)", IPPROTO_IPV6, IPV6_TCLASS, internetwork_control},
    Option{"setsockopt(IPV6_TRANSPARENT)", IPPROTO_IPV6, IPV6_TRANSPARENT, 1},
    Option{"setsockopt(IPV6_RECVHOPLIMIT)", IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1},
    Option{"setsockopt(IPV6_RECVPKTINFO)", IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
};

Outcome join(int socket, net::Family family, int index) {
    const auto group = multicast_group(family);
    if (family == net::Family::Ipv4) {
        ip_mreqn request{};
        const auto bytes = group.v4().bytes();
        std::memcpy(&request.imr_multiaddr, bytes.data(), bytes.size());
        request.imr_ifindex = index;
        if (!set(socket, IPPROTO_IP, IP_MULTICAST_IF, request)) return failed("setsockopt(IP_MULTICAST_IF)");
        if (!set(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, request)) return failed("setsockopt(IP_ADD_MEMBERSHIP)");
    } else {
        ipv6_mreq request{};
        std::memcpy(&request.ipv6mr_multiaddr, group.v6().bytes().data(), group.v6().bytes().size());
        request.ipv6mr_interface = static_cast<unsigned>(index);
        if (!set(socket, IPPROTO_IPV6, IPV6_MULTICAST_IF, index)) return failed("setsockopt(IPV6_MULTICAST_IF)");
        if (!set(socket, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, request)) return failed("setsockopt(IPV6_ADD_MEMBERSHIP)");
    }
    return {};
}

/// A raw IPv4 socket delivers the IP header too (and an IPv6 one does not). The kernel has checked its lengths and
/// cut off Ethernet's padding.
std::span<const std::uint8_t> without_ipv4_header(std::span<const std::uint8_t> packet) {
    if (packet.empty()) return packet;
    const std::size_t header = std::size_t{4} * (packet[0] & 0x0fU);
    return packet.subspan(std::min(header, packet.size()));
}

/// The source address of one packet goes along as a control message, so that one socket can send from several.
class SourceControl {
public:
    SourceControl(msghdr& message, const net::IpAddress& source, int index) {
        message.msg_control = buffer_.data();
        if (source.is_v4()) {
            in_pktinfo info{};
            info.ipi_ifindex = index;
            const auto bytes = source.v4().bytes();
            std::memcpy(&info.ipi_spec_dst, bytes.data(), bytes.size());
            fill(message, IPPROTO_IP, IP_PKTINFO, info);
        } else {
            in6_pktinfo info{};
            info.ipi6_ifindex = static_cast<unsigned>(index);
            std::memcpy(&info.ipi6_addr, source.v6().bytes().data(), source.v6().bytes().size());
            fill(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
        }
    }

private:
    template <class T>
    void fill(msghdr& message, int level, int type, const T& info) {
        message.msg_controllen = CMSG_SPACE(sizeof info);
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = level;
        header->cmsg_type = type;
        header->cmsg_len = CMSG_LEN(sizeof info);
        std::memcpy(CMSG_DATA(header), &info, sizeof info);
    }

    alignas(cmsghdr) std::array<std::uint8_t, 64> buffer_{};
};

std::optional<ifreq> interface_request(const net::InterfaceName& interface) {
    ifreq request{};
    if (interface.value().empty() || interface.value().size() >= sizeof request.ifr_name) return std::nullopt;
    std::ranges::copy(interface.value(), &request.ifr_name[0]);
    return request;
}

std::expected<int, Error> index_of(int socket, const net::InterfaceName& interface) {
    auto request = interface_request(interface);
    if (!request) return failed("interface name", ENODEV);
    if (::ioctl(socket, SIOCGIFINDEX, &*request) != 0) return failed("ioctl(SIOCGIFINDEX)");
    const int index = request->ifr_ifindex;
    if (::ioctl(socket, SIOCGIFHWADDR, &*request) != 0) return failed("ioctl(SIOCGIFHWADDR)");
    // Without Ethernet there is no gratuitous ARP to send, and VRRP is not for such links.
    if (request->ifr_hwaddr.sa_family != ARPHRD_ETHER) return failed("hardware type of the interface", ENOTSUP);
    return index;
}

}  // namespace

std::expected<Descriptors, Error> open(const net::InterfaceName& interface, net::Family family, Transport transport) {
    constexpr int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    const bool ipv4 = family == net::Family::Ipv4;
    FileDescriptor packets{::socket(ipv4 ? AF_INET : AF_INET6, SOCK_RAW | flags, ip_protocol)};
    if (packets.get() < 0) return failed("socket(SOCK_RAW)");
    const auto index = index_of(packets.get(), interface);
    if (!index) return std::unexpected{index.error()};
    const auto& name = interface.value();
    if (::setsockopt(packets.get(), SOL_SOCKET, SO_BINDTODEVICE, name.data(), static_cast<socklen_t>(name.size())) !=
        0) {
        return failed("setsockopt(SO_BINDTODEVICE)");
    }
    if (const auto set = set_options(packets.get(), ipv4 ? std::span<const Option>{ipv4_options} : ipv6_options);
        !set) {
        return std::unexpected{set.error()};
    }
    if (transport == Transport::Multicast) {
        if (const auto joined = join(packets.get(), family, *index); !joined) return std::unexpected{joined.error()};
    }
    // Protocol 0: it sends and never receives.
    FileDescriptor frames{::socket(AF_PACKET, SOCK_RAW | flags, 0)};
    if (frames.get() < 0) return failed("socket(AF_PACKET)");
    return Descriptors{.interface = interface,
                       .index = net::InterfaceIndex{static_cast<std::uint32_t>(*index)},
                       .family = family,
                       .packets = std::move(packets),
                       .frames = std::move(frames)};
}

RawSocket::RawSocket(const boost::asio::any_io_executor& executor, Sink sink)
    : sink_{std::move(sink)}, packets_{executor, buffer_octets, [this](auto packet) { receive(std::move(packet)); }} {}

RawSocket::~RawSocket() {
    (void)release();
}

Outcome RawSocket::adopt(Descriptors descriptors) {
    (void)release();
    descriptors_ = std::move(descriptors);
    return packets_.watch(descriptors_.packets.get());
}

Descriptors RawSocket::release() {
    packets_.release();
    return std::exchange(descriptors_, {});
}

Outcome RawSocket::send(const net::IpAddress& source, const net::IpAddress& destination,
                        std::span<const std::uint8_t> bytes) {
    const auto family = descriptors_.family;
    if (source.family() != family || destination.family() != family) return failed("send", EAFNOSUPPORT);
    // The kernel asks for the index where the scope is a link, and minds it nowhere else on a bound socket.
    auto to = to_socket_address({destination, 0}, descriptors_.index);
    // sendmsg() does not write through iov_base; its type is older than const.
    iovec data{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_name = &to.storage;
    message.msg_namelen = to.size;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    const SourceControl control{message, source, static_cast<int>(descriptors_.index.value())};
    if (::sendmsg(descriptors_.packets.get(), &message, MSG_NOSIGNAL) < 0) return failed("sendmsg");
    return {};
}

Outcome RawSocket::send_frame(std::span<const std::uint8_t> frame) {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(descriptors_.index.value());
    SocketAddress address;
    std::memcpy(&address.storage, &to, sizeof to);
    iovec data{const_cast<std::uint8_t*>(frame.data()), frame.size()};
    msghdr message{};
    message.msg_name = &address.storage;
    message.msg_namelen = sizeof to;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (::sendmsg(descriptors_.frames.get(), &message, MSG_NOSIGNAL) < 0) return failed("sendmsg(AF_PACKET)");
    return {};
}

void RawSocket::receive(std::expected<anyvip::io::Packet, Error> packet) {
    if (!packet) return sink_(std::unexpected{packet.error()});
    auto bytes = std::span<const std::uint8_t>{packet->bytes};
    if (descriptors_.family == net::Family::Ipv4) bytes = without_ipv4_header(bytes);
    sink_(
        Received{.interface = descriptors_.interface,
                 .family = descriptors_.family,
                 .metadata = {.source = packet->source.address, .destination = packet->destination, .ttl = packet->ttl},
                 .bytes = {bytes.begin(), bytes.end()}});
}

}  // namespace anyvip::vrrp::io
