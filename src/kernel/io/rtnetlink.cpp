#include "kernel/io/rtnetlink.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>
#include <variant>

#include "anyvip/overloaded.hpp"

// <linux/if.h> has it and cannot be included beside <net/if.h>.
#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

namespace anyvip::kernel::io {
namespace {

using anyvip::io::exchange;
using anyvip::io::kernel_error;
using anyvip::io::libnl_error;
using anyvip::io::NetlinkMessage;

constexpr std::uint32_t forever = 0xffffffff;  ///< INFINITY_LIFE_TIME

template <std::size_t Size>
using Attributes = std::array<nlattr*, Size>;

/// Attributes that we read; the others are skipped. libnl refuses a message that breaks a row.
constexpr auto link_policy = [] {
    std::array<nla_policy, IFLA_MAX + 1> policy{};
    policy[IFLA_IFNAME] = {.type = NLA_STRING, .minlen = 1, .maxlen = IFNAMSIZ};
    policy[IFLA_MTU] = {.type = NLA_U32, .minlen = 0, .maxlen = 0};
    policy[IFLA_ADDRESS] = {.type = NLA_UNSPEC, .minlen = 0, .maxlen = 0};
    return policy;
}();

constexpr auto address_policy = [] {
    std::array<nla_policy, IFA_MAX + 1> policy{};
    policy[IFA_LOCAL] = {.type = NLA_UNSPEC, .minlen = 4, .maxlen = 16};
    policy[IFA_ADDRESS] = {.type = NLA_UNSPEC, .minlen = 4, .maxlen = 16};
    policy[IFA_FLAGS] = {.type = NLA_U32, .minlen = 0, .maxlen = 0};
    return policy;
}();

template <std::size_t Size>
bool parse(nlmsghdr& message, std::size_t header_size, Attributes<Size>& attributes,
           const std::array<nla_policy, Size>& policy) {
    return nlmsg_parse(&message, static_cast<int>(header_size), attributes.data(), static_cast<int>(Size) - 1,
                       policy.data()) >= 0;
}

/// The fixed part of a message that `parse` has accepted.
template <class Header>
Header header_of(const nlmsghdr& message) {
    Header header;
    std::memcpy(&header, nlmsg_data(&message), sizeof(header));
    return header;
}

std::span<const std::uint8_t> bytes_of(const nlattr* attribute) {
    return {static_cast<const std::uint8_t*>(nla_data(attribute)), static_cast<std::size_t>(nla_len(attribute))};
}

Scope to_scope(std::uint8_t scope) {
    if (scope == RT_SCOPE_HOST) return Scope::Host;
    if (scope == RT_SCOPE_LINK) return Scope::Link;
    return Scope::Global;
}

std::uint8_t to_wire(Scope scope) {
    switch (scope) {
        case Scope::Global: return RT_SCOPE_UNIVERSE;
        case Scope::Link: return RT_SCOPE_LINK;
        case Scope::Host: return RT_SCOPE_HOST;
    }
    return RT_SCOPE_UNIVERSE;
}

DadState to_dad_state(std::uint32_t flags) {
    if ((flags & IFA_F_DADFAILED) != 0) return DadState::DadFailed;
    // An optimistic address is tentative and usable (RFC 4429); it is somebody else's in any case.
    if ((flags & IFA_F_TENTATIVE) != 0) return DadState::Tentative;
    return DadState::Done;
}

/// What a dump of `type` gives, asked again while the kernel calls it inconsistent.
std::expected<void, Error> dump(nl_sock& socket, std::uint16_t type, const std::string& what,
                                const std::function<void()>& start_over,
                                const std::function<void(nlmsghdr&)>& on_reply) {
    constexpr int attempts = 5;
    std::expected<void, Error> result;
    for (int i = 0; i < attempts; ++i) {
        start_over();
        const NetlinkMessage request{nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP)};
        rtgenmsg family{.rtgen_family = AF_UNSPEC};
        if (!request || nlmsg_append(request.get(), &family, sizeof(family), NLMSG_ALIGNTO) < 0) {
            return std::unexpected{kernel_error(ENOMEM, what)};
        }
        result = exchange(socket, *request, what, on_reply);
        if (result || result.error().code != EINTR) break;
    }
    return result;
}

bool put_address(nl_msg& message, std::uint16_t type, const net::IpAddress& address) {
    if (address.is_v4()) {
        const auto bytes = address.v4().bytes();
        return nla_put(&message, type, static_cast<int>(bytes.size()), bytes.data()) == 0;
    }
    const auto& bytes = address.v6().bytes();
    return nla_put(&message, type, static_cast<int>(bytes.size()), bytes.data()) == 0;
}

/// RTM_NEWADDR and RTM_DELADDR up to what names the address.
NetlinkMessage address_message(std::uint16_t type, int flags, const AddressKey& key, unsigned index, Scope scope) {
    NetlinkMessage message{nlmsg_alloc_simple(type, NLM_F_REQUEST | flags)};
    if (!message) return nullptr;
    ifaddrmsg header{};
    header.ifa_family = key.prefix.address().is_v4() ? AF_INET : AF_INET6;
    header.ifa_prefixlen = key.prefix.length();
    header.ifa_scope = to_wire(scope);
    header.ifa_index = index;
    const bool complete = nlmsg_append(message.get(), &header, sizeof(header), NLMSG_ALIGNTO) == 0 &&
                          put_address(*message, IFA_LOCAL, key.prefix.address()) &&
                          put_address(*message, IFA_ADDRESS, key.prefix.address());
    return complete ? std::move(message) : nullptr;
}

NetlinkMessage to_message(const AddAddress& add, unsigned index) {
    // REPLACE: for an address that is there, it sets the lifetimes.
    auto message =
        address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, add.address.key, index, add.address.scope);
    if (!message) return nullptr;
    std::uint32_t flags = IFA_F_PERMANENT;
    if (add.address.key.prefix.address().is_v6()) flags |= IFA_F_NODAD;
    ifa_cacheinfo lifetimes{};
    lifetimes.ifa_prefered = add.address.deprecated ? 0 : forever;
    lifetimes.ifa_valid = forever;
    const bool complete = nla_put_u32(message.get(), IFA_FLAGS, flags) == 0 &&
                          nla_put(message.get(), IFA_CACHEINFO, sizeof(lifetimes), &lifetimes) == 0;
    return complete ? std::move(message) : nullptr;
}

NetlinkMessage to_message(const RemoveAddress& remove, unsigned index) {
    return address_message(RTM_DELADDR, 0, remove.key, index, Scope::Global);
}

}  // namespace

std::optional<Link> decode_link(nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWLINK && message.nlmsg_type != RTM_DELLINK) return std::nullopt;
    Attributes<IFLA_MAX + 1> attributes{};
    if (!parse(message, sizeof(ifinfomsg), attributes, link_policy)) return std::nullopt;
    const auto header = header_of<ifinfomsg>(message);
    if (attributes[IFLA_IFNAME] == nullptr || header.ifi_index <= 0) return std::nullopt;

    Link link;
    link.name = net::InterfaceName{nla_get_string(attributes[IFLA_IFNAME])};
    link.index = net::InterfaceIndex{static_cast<std::uint32_t>(header.ifi_index)};
    link.admin_up = (header.ifi_flags & IFF_UP) != 0;
    link.running = (header.ifi_flags & IFF_RUNNING) != 0;
    link.lower_up = (header.ifi_flags & IFF_LOWER_UP) != 0;
    if (attributes[IFLA_MTU] != nullptr) link.mtu = nla_get_u32(attributes[IFLA_MTU]);
    if (attributes[IFLA_ADDRESS] != nullptr) {
        net::MacAddress::Bytes mac{};
        const auto bytes = bytes_of(attributes[IFLA_ADDRESS]);
        if (bytes.size() == mac.size()) std::ranges::copy(bytes, mac.begin());
        link.mac = net::MacAddress{mac};
    }
    return link;
}

std::optional<Address> decode_address(nlmsghdr& message, const InterfaceNames& names) {
    if (message.nlmsg_type != RTM_NEWADDR && message.nlmsg_type != RTM_DELADDR) return std::nullopt;
    Attributes<IFA_MAX + 1> attributes{};
    if (!parse(message, sizeof(ifaddrmsg), attributes, address_policy)) return std::nullopt;
    const auto header = header_of<ifaddrmsg>(message);

    // With a point-to-point peer IFA_ADDRESS is the peer's; without one IPv6 has no IFA_LOCAL.
    const nlattr* local = attributes[IFA_LOCAL] != nullptr ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
    const auto name = names.find(net::InterfaceIndex{header.ifa_index});
    if (local == nullptr || name == names.end()) return std::nullopt;
    const auto ip = net::IpAddress::from_bytes(bytes_of(local));
    if (!ip || (header.ifa_family != (ip->is_v4() ? AF_INET : AF_INET6))) return std::nullopt;
    if (header.ifa_prefixlen > net::max_prefix_length(ip->family())) return std::nullopt;

    const std::uint32_t flags =
        attributes[IFA_FLAGS] != nullptr ? nla_get_u32(attributes[IFA_FLAGS]) : header.ifa_flags;
    return Address{.key = {name->second, net::Prefix{*ip, header.ifa_prefixlen}},
                   .scope = to_scope(header.ifa_scope),
                   .deprecated = (flags & IFA_F_DEPRECATED) != 0,
                   .dad = to_dad_state(flags)};
}

std::expected<Rtnetlink, Error> Rtnetlink::open() {
    auto socket = anyvip::io::open_netlink(NETLINK_ROUTE);
    if (!socket) return std::unexpected{socket.error()};
    return Rtnetlink{std::move(*socket)};
}

std::expected<LinkTable, Error> Rtnetlink::links() {
    LinkTable table;
    const auto done = dump(
        *socket_, RTM_GETLINK, "dump links", [&] { table.clear(); },
        [&](nlmsghdr& message) {
            if (const auto link = decode_link(message)) table.insert_or_assign(link->name, *link);
        });
    if (!done) return std::unexpected{done.error()};
    return table;
}

std::expected<AddressTable, Error> Rtnetlink::addresses() {
    const auto links = this->links();
    if (!links) return std::unexpected{links.error()};
    InterfaceNames names;
    for (const auto& [name, link] : *links) names.emplace(link.index, name);

    AddressTable table;
    const auto done = dump(
        *socket_, RTM_GETADDR, "dump addresses", [&] { table.clear(); },
        [&](nlmsghdr& message) {
            if (const auto address = decode_address(message, names)) table.insert(*address);
        });
    if (!done) return std::unexpected{done.error()};
    return table;
}

std::expected<void, Error> Rtnetlink::execute(const Command& command) {
    const std::string what = describe(command);
    const unsigned index = ::if_nametoindex(key_of(command).interface.value().c_str());
    if (index == 0) return std::unexpected{kernel_error(ENODEV, what)};
    const auto message = std::visit([&](const auto& c) { return to_message(c, index); }, command);
    if (!message) return std::unexpected{kernel_error(ENOMEM, what)};
    return exchange(*socket_, *message, what);
}

std::expected<Monitor, Error> Monitor::open() {
    auto socket = anyvip::io::open_netlink(NETLINK_ROUTE);
    if (!socket) return std::unexpected{socket.error()};
    const int joined =
        nl_socket_add_memberships(socket->get(), RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_NONE);
    if (joined < 0) return std::unexpected{libnl_error(joined, "listen to links and addresses")};
    Monitor monitor{std::move(*socket)};

    // After joining: a link that appears between the two is known from both.
    auto rtnetlink = Rtnetlink::open();
    if (!rtnetlink) return std::unexpected{rtnetlink.error()};
    const auto links = rtnetlink->links();
    if (!links) return std::unexpected{links.error()};
    for (const auto& [name, link] : *links) monitor.names_.emplace(link.index, name);
    return monitor;
}

int Monitor::native_handle() const {
    return nl_socket_get_fd(socket_.get());
}

std::expected<void, Error> Monitor::set_receive_buffer(int octets) {
    const int error = nl_socket_set_buffer_size(socket_.get(), octets, 0);
    if (error < 0) return std::unexpected{libnl_error(error, "set receive buffer")};
    return {};
}

std::vector<Notification> Monitor::read() {
    std::vector<Notification> notifications;
    // The kernel's own limit for one datagram here (NLMSG_GOODSIZE) is far below.
    alignas(nlmsghdr) std::array<unsigned char, 32768> buffer;
    while (true) {
        sockaddr_nl sender{};
        socklen_t sender_size = sizeof(sender);
        void* sender_address = &sender;
        const auto received = ::recvfrom(native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC,
                                         static_cast<sockaddr*>(sender_address), &sender_size);
        if (received < 0) {
            if (errno == EINTR) continue;
            // The kernel says ENOBUFS once and goes on with what comes after the gap.
            if (errno != EAGAIN) notifications.emplace_back(ResyncNeeded{});
            if (errno == ENOBUFS) continue;
            return notifications;
        }
        if (sender.nl_pid != 0) continue;  // Another process, not the kernel.
        if (static_cast<std::size_t>(received) > buffer.size()) {
            notifications.emplace_back(ResyncNeeded{});
            continue;
        }
        void* data = buffer.data();
        int left = static_cast<int>(received);
        for (auto* message = static_cast<nlmsghdr*>(data); nlmsg_ok(message, left) != 0;
             message = nlmsg_next(message, &left)) {
            translate(*message, notifications);
        }
    }
}

void Monitor::translate(nlmsghdr& message, std::vector<Notification>& notifications) {
    if (const auto link = decode_link(message)) {
        // Bridges report the going of a port with their own family and the link still there.
        const bool removed = message.nlmsg_type == RTM_DELLINK && header_of<ifinfomsg>(message).ifi_family == AF_UNSPEC;
        if (removed) {
            names_.erase(link->index);
            notifications.emplace_back(LinkRemoved{link->name, link->index});
        } else if (message.nlmsg_type == RTM_NEWLINK) {
            names_.insert_or_assign(link->index, link->name);
            notifications.emplace_back(LinkChanged{*link});
        }
    } else if (const auto address = decode_address(message, names_)) {
        if (message.nlmsg_type == RTM_DELADDR) {
            notifications.emplace_back(AddressRemoved{address->key});
        } else {
            notifications.emplace_back(AddressChanged{*address});
        }
    } else {
        notifications.emplace_back(ResyncNeeded{});
    }
}

}  // namespace anyvip::kernel::io
