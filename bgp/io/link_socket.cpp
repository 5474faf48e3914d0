#include "bgp/io/link_socket.hpp"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>

#include "bgp/neighbor_discovery.hpp"

namespace anyvip::bgp::io {
namespace {

using anyvip::io::failed;
using anyvip::io::FileDescriptor;
using anyvip::io::set_options;
using anyvip::io::to_socket_address;
using Option = anyvip::io::SocketOption;
using Outcome = std::expected<void, LinkSocket::Error>;

constexpr std::size_t longest_packet = 1500;  // Options that are cut off are not ours to read.

constexpr std::array options{
    Option{"setsockopt(IPV6_UNICAST_HOPS)", IPPROTO_IPV6, IPV6_UNICAST_HOPS, nd::hop_limit},
    Option{"setsockopt(IPV6_MULTICAST_HOPS)", IPPROTO_IPV6, IPV6_MULTICAST_HOPS, nd::hop_limit},
    Option{"setsockopt(IPV6_MULTICAST_LOOP)", IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0},
    Option{"setsockopt(IPV6_RECVHOPLIMIT)", IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1},
    Option{"setsockopt(IPV6_RECVPKTINFO)", IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
};

template <class T>
bool set(int socket, int level, int name, const T& value) {
    return ::setsockopt(socket, level, name, &value, sizeof value) == 0;
}

Outcome prepare(int socket, const net::InterfaceName& interface, int index) {
    const auto& name = interface.value();
    if (::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, name.data(), static_cast<socklen_t>(name.size())) != 0) {
        return failed("setsockopt(SO_BINDTODEVICE)");
    }
    if (const auto done = set_options(socket, options); !done) return done;
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ND_ROUTER_SOLICIT, &filter);
    ICMP6_FILTER_SETPASS(ND_ROUTER_ADVERT, &filter);
    if (!set(socket, IPPROTO_ICMPV6, ICMP6_FILTER, filter)) return failed("setsockopt(ICMP6_FILTER)");
    if (!set(socket, IPPROTO_IPV6, IPV6_MULTICAST_IF, index)) return failed("setsockopt(IPV6_MULTICAST_IF)");
    // Solicitations go to the routers of a link, of which the kernel counts us as one only where we forward.
    ipv6_mreq request{};
    std::memcpy(&request.ipv6mr_multiaddr, nd::all_routers.bytes().data(), nd::all_routers.bytes().size());
    request.ipv6mr_interface = static_cast<unsigned>(index);
    if (!set(socket, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, request)) return failed("setsockopt(IPV6_ADD_MEMBERSHIP)");
    return {};
}

}  // namespace

LinkSocket::LinkSocket(const boost::asio::any_io_executor& executor, Sink sink)
    : sink_{std::move(sink)}, packets_{executor, longest_packet, [this](auto packet) {
                                           // An error is the interface's, and the kernel loop tells of that.
                                           if (!packet || !packet->source.address.is_v6()) return;
                                           sink_({.source = packet->source.address.v6(),
                                                  .hop_limit = packet->ttl,
                                                  .bytes = std::move(packet->bytes)});
                                       }} {}

LinkSocket::~LinkSocket() {
    packets_.release();
}

Outcome LinkSocket::open(const net::InterfaceName& interface, net::InterfaceIndex index) {
    FileDescriptor socket{::socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6)};
    if (socket.get() < 0) return failed("socket(SOCK_RAW, IPPROTO_ICMPV6)");
    if (const auto done = prepare(socket.get(), interface, static_cast<int>(index.value())); !done) return done;
    packets_.release();
    socket_ = std::move(socket);
    index_ = index;
    return packets_.watch(socket_.get());
}

Outcome LinkSocket::send(const link::SendPacket& packet) {
    auto to = to_socket_address({packet.destination, 0}, index_);
    // sendmsg() does not write through iov_base; its type is older than const.
    iovec data{const_cast<std::uint8_t*>(packet.bytes.data()), packet.bytes.size()};
    in6_pktinfo info{};
    info.ipi6_ifindex = index_.value();
    std::memcpy(&info.ipi6_addr, packet.source.bytes().data(), packet.source.bytes().size());
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof info)> control{};
    msghdr message{};
    message.msg_name = &to.storage;
    message.msg_namelen = to.size;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_IPV6;
    header->cmsg_type = IPV6_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
    if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) < 0) return failed("sendmsg(ICMPv6)");
    return {};
}

}  // namespace anyvip::bgp::io
