#include "ipvs/io/message.hpp"

#include <linux/ip_vs.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace anyvip::ipvs::io {
namespace {

constexpr std::uint32_t scheduler_flags = IP_VS_SVC_F_SCHED1 | IP_VS_SVC_F_SCHED2 | IP_VS_SVC_F_SCHED3;
constexpr std::uint32_t our_flags = IP_VS_SVC_F_PERSISTENT | IP_VS_SVC_F_ONEPACKET | scheduler_flags;

constexpr std::size_t address_union_size = 16;  ///< union nf_inet_addr: IPv4 is in its first 4 octets

constexpr nla_policy number(std::uint16_t type) {
    return {.type = type, .minlen = 0, .maxlen = 0};
}
constexpr nla_policy bytes(std::uint16_t low, std::uint16_t high) {
    return {.type = NLA_UNSPEC, .minlen = low, .maxlen = high};
}

/// One row for every attribute that we read; the others (statistics, tunnel types, ...) are skipped.
constexpr auto command_policy = [] {
    std::array<nla_policy, IPVS_CMD_ATTR_MAX + 1> policy{};
    policy[IPVS_CMD_ATTR_SERVICE] = number(NLA_NESTED);
    policy[IPVS_CMD_ATTR_DEST] = number(NLA_NESTED);
    return policy;
}();

constexpr auto info_policy = [] {
    std::array<nla_policy, IPVS_INFO_ATTR_MAX + 1> policy{};
    policy[IPVS_INFO_ATTR_VERSION] = number(NLA_U32);
    policy[IPVS_INFO_ATTR_CONN_TAB_SIZE] = number(NLA_U32);
    return policy;
}();

constexpr auto service_policy = [] {
    std::array<nla_policy, IPVS_SVC_ATTR_MAX + 1> policy{};
    policy[IPVS_SVC_ATTR_AF] = number(NLA_U16);
    policy[IPVS_SVC_ATTR_PROTOCOL] = number(NLA_U16);
    policy[IPVS_SVC_ATTR_ADDR] = bytes(4, address_union_size);
    policy[IPVS_SVC_ATTR_PORT] = number(NLA_U16);
    policy[IPVS_SVC_ATTR_FWMARK] = number(NLA_U32);
    policy[IPVS_SVC_ATTR_SCHED_NAME] = {.type = NLA_STRING, .minlen = 1, .maxlen = IP_VS_SCHEDNAME_MAXLEN};
    policy[IPVS_SVC_ATTR_FLAGS] = bytes(sizeof(ip_vs_flags), 0);
    policy[IPVS_SVC_ATTR_TIMEOUT] = number(NLA_U32);
    policy[IPVS_SVC_ATTR_NETMASK] = number(NLA_U32);
    return policy;
}();

constexpr auto destination_policy = [] {
    std::array<nla_policy, IPVS_DEST_ATTR_MAX + 1> policy{};
    policy[IPVS_DEST_ATTR_ADDR] = bytes(4, address_union_size);
    policy[IPVS_DEST_ATTR_PORT] = number(NLA_U16);
    policy[IPVS_DEST_ATTR_FWD_METHOD] = number(NLA_U32);
    policy[IPVS_DEST_ATTR_WEIGHT] = number(NLA_U32);
    policy[IPVS_DEST_ATTR_U_THRESH] = number(NLA_U32);
    policy[IPVS_DEST_ATTR_L_THRESH] = number(NLA_U32);
    policy[IPVS_DEST_ATTR_ADDR_FAMILY] = number(NLA_U16);
    return policy;
}();

/// The attributes of one level, by type; absent or not wanted ones are null.
template <std::size_t Size>
class Attributes {
public:
    bool parse(std::span<const std::uint8_t> octets, const std::array<nla_policy, Size>& policy) {
        // libnl takes no const; it does not write.
        void* first = const_cast<std::uint8_t*>(octets.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
        return nla_parse(table_.data(), static_cast<int>(Size) - 1, static_cast<nlattr*>(first),
                         static_cast<int>(octets.size()), policy.data()) >= 0;
    }
    bool parse_nested(nlattr* parent, const std::array<nla_policy, Size>& policy) {
        return parent != nullptr &&
               nla_parse_nested(table_.data(), static_cast<int>(Size) - 1, parent, policy.data()) >= 0;
    }
    [[nodiscard]] nlattr* operator[](std::size_t type) const { return table_[type]; }
    [[nodiscard]] bool has(std::size_t type) const { return table_[type] != nullptr; }
    [[nodiscard]] std::uint16_t u16(std::size_t type) const { return has(type) ? nla_get_u16(table_[type]) : 0; }
    [[nodiscard]] std::uint32_t u32(std::size_t type) const { return has(type) ? nla_get_u32(table_[type]) : 0; }
    [[nodiscard]] std::uint16_t port(std::size_t type) const { return ntohs(u16(type)); }

private:
    std::array<nlattr*, Size> table_{};
};

std::optional<net::Family> to_family(std::uint16_t af) {
    if (af == AF_INET) return net::Family::Ipv4;
    if (af == AF_INET6) return net::Family::Ipv6;
    return std::nullopt;
}

std::optional<Protocol> to_protocol(std::uint16_t number) {
    if (number == IPPROTO_TCP) return Protocol::Tcp;
    if (number == IPPROTO_UDP) return Protocol::Udp;
    if (number == IPPROTO_SCTP) return Protocol::Sctp;
    return std::nullopt;
}

std::uint16_t to_wire(Protocol protocol) {
    switch (protocol) {
        case Protocol::Tcp: return IPPROTO_TCP;
        case Protocol::Udp: return IPPROTO_UDP;
        case Protocol::Sctp: return IPPROTO_SCTP;
    }
    return IPPROTO_TCP;
}

std::optional<Forwarding> to_forwarding(std::uint32_t method) {
    switch (method & IP_VS_CONN_F_FWD_MASK) {
        case IP_VS_CONN_F_MASQ: return Forwarding::Nat;
        case IP_VS_CONN_F_DROUTE: return Forwarding::DirectRouting;
        case IP_VS_CONN_F_TUNNEL: return Forwarding::Tunnel;
        default: return std::nullopt;  // Local and bypass: the kernel's own and the cache cluster's.
    }
}

std::uint32_t to_wire(Forwarding forwarding) {
    switch (forwarding) {
        case Forwarding::Nat: return IP_VS_CONN_F_MASQ;
        case Forwarding::DirectRouting: return IP_VS_CONN_F_DROUTE;
        case Forwarding::Tunnel: return IP_VS_CONN_F_TUNNEL;
    }
    return IP_VS_CONN_F_MASQ;
}

std::optional<net::IpAddress> to_address(const nlattr* attribute, net::Family family) {
    const std::span octets{static_cast<const std::uint8_t*>(nla_data(attribute)),
                           static_cast<std::size_t>(nla_len(attribute))};
    const std::size_t size = family == net::Family::Ipv4 ? 4 : 16;
    if (octets.size() < size) return std::nullopt;
    return net::IpAddress::from_bytes(octets.first(size));
}

std::uint16_t to_af(const net::IpAddress& address) {
    return address.is_v4() ? AF_INET : AF_INET6;
}

/// The kernel keeps an IPv4 mask in network order, and an IPv6 prefix length as it came.
std::uint32_t swap_if_ipv4(std::uint32_t netmask, net::Family family) {
    return family == net::Family::Ipv4 ? ntohl(netmask) : netmask;
}

class Putter {
public:
    explicit Putter(nl_msg& message) : message_{message} {}
    ~Putter() {
        if (nested_ != nullptr) nla_nest_end(&message_, nested_);
    }
    Putter(const Putter&) = delete;
    Putter& operator=(const Putter&) = delete;

    void nest(int type) {
        nested_ = nla_nest_start(&message_, type);
        ok_ = ok_ && nested_ != nullptr;
    }
    void u16(int type, std::uint16_t value) { ok_ = ok_ && nla_put_u16(&message_, type, value) == 0; }
    void u32(int type, std::uint32_t value) { ok_ = ok_ && nla_put_u32(&message_, type, value) == 0; }
    void text(int type, const std::string& value) { ok_ = ok_ && nla_put_string(&message_, type, value.c_str()) == 0; }
    void port(int type, std::uint16_t value) { u16(type, htons(value)); }
    template <class T>
    void raw(int type, const T& value) {
        static_assert(std::is_trivially_copyable_v<T>);
        ok_ = ok_ && nla_put(&message_, type, static_cast<int>(sizeof(value)), &value) == 0;
    }
    void address(int type, const net::IpAddress& address) {
        std::array<std::uint8_t, address_union_size> octets{};
        if (address.is_v4()) {
            std::ranges::copy(address.v4().bytes(), octets.begin());
        } else {
            octets = address.v6().bytes();
        }
        raw(type, octets);
    }
    [[nodiscard]] bool ok() const { return ok_; }

private:
    nl_msg& message_;
    nlattr* nested_ = nullptr;
    bool ok_ = true;
};

void put_identity(Putter& out, const VirtualServerId& id) {
    out.u16(IPVS_SVC_ATTR_AF, to_af(id.address.address));
    out.u16(IPVS_SVC_ATTR_PROTOCOL, to_wire(id.protocol));
    out.address(IPVS_SVC_ATTR_ADDR, id.address.address);
    out.port(IPVS_SVC_ATTR_PORT, id.address.port);
}

void put_identity(Putter& out, const net::Endpoint& address) {
    out.u16(IPVS_DEST_ATTR_ADDR_FAMILY, to_af(address.address));
    out.address(IPVS_DEST_ATTR_ADDR, address.address);
    out.port(IPVS_DEST_ATTR_PORT, address.port);
}

}  // namespace

std::string describe(DecodeErrc error) {
    switch (error) {
        case DecodeErrc::Malformed: return "malformed";
        case DecodeErrc::NotRepresented: return "not represented";
    }
    return "?";
}

std::string describe(const Info& info) {
    const auto part = [&](unsigned shift) { return std::to_string(info.version >> shift & 0xffU); };
    return part(16) + '.' + part(8) + '.' + part(0) + ", " + std::to_string(info.connection_table_size) +
           " hash buckets";
}

std::expected<Info, DecodeErrc> decode_info(std::span<const std::uint8_t> attributes) {
    Attributes<IPVS_INFO_ATTR_MAX + 1> info;
    if (!info.parse(attributes, info_policy) || !info.has(IPVS_INFO_ATTR_VERSION) ||
        !info.has(IPVS_INFO_ATTR_CONN_TAB_SIZE)) {
        return std::unexpected{DecodeErrc::Malformed};
    }
    return Info{info.u32(IPVS_INFO_ATTR_VERSION), info.u32(IPVS_INFO_ATTR_CONN_TAB_SIZE)};
}

std::expected<std::pair<VirtualServerId, VirtualServer>, DecodeErrc> decode_service(
    std::span<const std::uint8_t> attributes) {
    Attributes<IPVS_CMD_ATTR_MAX + 1> command;
    Attributes<IPVS_SVC_ATTR_MAX + 1> service;
    if (!command.parse(attributes, command_policy) ||
        !service.parse_nested(command[IPVS_CMD_ATTR_SERVICE], service_policy)) {
        return std::unexpected{DecodeErrc::Malformed};
    }
    if (service.has(IPVS_SVC_ATTR_FWMARK)) return std::unexpected{DecodeErrc::NotRepresented};
    for (const std::size_t needed : {IPVS_SVC_ATTR_AF, IPVS_SVC_ATTR_PROTOCOL, IPVS_SVC_ATTR_ADDR, IPVS_SVC_ATTR_PORT,
                                     IPVS_SVC_ATTR_SCHED_NAME, IPVS_SVC_ATTR_FLAGS}) {
        if (!service.has(needed)) return std::unexpected{DecodeErrc::Malformed};
    }
    const auto family = to_family(service.u16(IPVS_SVC_ATTR_AF));
    const auto protocol = to_protocol(service.u16(IPVS_SVC_ATTR_PROTOCOL));
    if (!family || !protocol) return std::unexpected{DecodeErrc::NotRepresented};
    const auto address = to_address(service[IPVS_SVC_ATTR_ADDR], *family);
    if (!address) return std::unexpected{DecodeErrc::Malformed};

    ip_vs_flags flags{};
    std::memcpy(&flags, nla_data(service[IPVS_SVC_ATTR_FLAGS]), sizeof(flags));
    const VirtualServerId id{*protocol, {*address, service.port(IPVS_SVC_ATTR_PORT)}};
    VirtualServer result;
    result.scheduler = Scheduler{nla_get_string(service[IPVS_SVC_ATTR_SCHED_NAME])};
    result.scheduler_flags = flags.flags & scheduler_flags;
    result.one_packet = (flags.flags & IP_VS_SVC_F_ONEPACKET) != 0;
    if ((flags.flags & IP_VS_SVC_F_PERSISTENT) != 0) {
        result.persistence_timeout = service.u32(IPVS_SVC_ATTR_TIMEOUT);
        result.persistence_netmask = swap_if_ipv4(service.u32(IPVS_SVC_ATTR_NETMASK), *family);
    }
    return std::pair{id, normalised(id, std::move(result))};
}

bool put_service(nl_msg& message, const VirtualServerId& id) {
    Putter out{message};
    out.nest(IPVS_CMD_ATTR_SERVICE);
    put_identity(out, id);
    return out.ok();
}

bool put_service(nl_msg& message, const VirtualServerId& id, const VirtualServer& properties) {
    const VirtualServer service = normalised(id, properties);
    ip_vs_flags flags{.flags = service.scheduler_flags & scheduler_flags, .mask = our_flags};
    if (service.persistence_timeout != 0) flags.flags |= IP_VS_SVC_F_PERSISTENT;
    if (service.one_packet) flags.flags |= IP_VS_SVC_F_ONEPACKET;

    Putter out{message};
    out.nest(IPVS_CMD_ATTR_SERVICE);
    put_identity(out, id);
    out.text(IPVS_SVC_ATTR_SCHED_NAME, service.scheduler.value());
    out.raw(IPVS_SVC_ATTR_FLAGS, flags);
    out.u32(IPVS_SVC_ATTR_TIMEOUT, service.persistence_timeout);
    out.u32(IPVS_SVC_ATTR_NETMASK, swap_if_ipv4(service.persistence_netmask, id.address.address.family()));
    return out.ok();
}

std::expected<std::pair<net::Endpoint, RealServer>, DecodeErrc> decode_destination(
    std::span<const std::uint8_t> attributes, net::Family family) {
    Attributes<IPVS_CMD_ATTR_MAX + 1> command;
    Attributes<IPVS_DEST_ATTR_MAX + 1> destination;
    if (!command.parse(attributes, command_policy) ||
        !destination.parse_nested(command[IPVS_CMD_ATTR_DEST], destination_policy)) {
        return std::unexpected{DecodeErrc::Malformed};
    }
    for (const std::size_t needed :
         {IPVS_DEST_ATTR_ADDR, IPVS_DEST_ATTR_PORT, IPVS_DEST_ATTR_FWD_METHOD, IPVS_DEST_ATTR_WEIGHT}) {
        if (!destination.has(needed)) return std::unexpected{DecodeErrc::Malformed};
    }
    if (destination.has(IPVS_DEST_ATTR_ADDR_FAMILY)) {
        const auto own = to_family(destination.u16(IPVS_DEST_ATTR_ADDR_FAMILY));
        if (!own) return std::unexpected{DecodeErrc::NotRepresented};
        family = *own;
    }
    const auto forwarding = to_forwarding(destination.u32(IPVS_DEST_ATTR_FWD_METHOD));
    if (!forwarding) return std::unexpected{DecodeErrc::NotRepresented};
    const auto address = to_address(destination[IPVS_DEST_ATTR_ADDR], family);
    if (!address) return std::unexpected{DecodeErrc::Malformed};
    return std::pair{net::Endpoint{*address, destination.port(IPVS_DEST_ATTR_PORT)},
                     RealServer{.forwarding = *forwarding,
                                .weight = Weight{destination.u32(IPVS_DEST_ATTR_WEIGHT)},
                                .upper_threshold = destination.u32(IPVS_DEST_ATTR_U_THRESH),
                                .lower_threshold = destination.u32(IPVS_DEST_ATTR_L_THRESH)}};
}

bool put_destination(nl_msg& message, const net::Endpoint& address) {
    Putter out{message};
    out.nest(IPVS_CMD_ATTR_DEST);
    put_identity(out, address);
    return out.ok();
}

bool put_destination(nl_msg& message, const net::Endpoint& address, const RealServer& real_server) {
    Putter out{message};
    out.nest(IPVS_CMD_ATTR_DEST);
    put_identity(out, address);
    out.u32(IPVS_DEST_ATTR_FWD_METHOD, to_wire(real_server.forwarding));
    out.u32(IPVS_DEST_ATTR_WEIGHT, real_server.weight.value());
    out.u32(IPVS_DEST_ATTR_U_THRESH, real_server.upper_threshold);
    out.u32(IPVS_DEST_ATTR_L_THRESH, real_server.lower_threshold);
    return out.ok();
}

}  // namespace anyvip::ipvs::io
