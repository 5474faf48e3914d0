#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "anyvip/net/address.hpp"
#include "anyvip/strong.hpp"

/// The IPVS table as a value: what we want, and what a dump of the kernel says (linux/ip_vs.h).
/// LVS's words; the kernel's own *service* and *destination* appear only under io/.
namespace anyvip::ipvs {

enum class Protocol : std::uint8_t { Tcp, Udp, Sctp };

/// IP_VS_CONN_F_MASQ, IP_VS_CONN_F_DROUTE, IP_VS_CONN_F_TUNNEL.
enum class Forwarding : std::uint8_t { Nat, DirectRouting, Tunnel };

/// The kernel module's name less "ip_vs_": "rr", "wrr", "lc", "wlc", "sh", "mh", ...
using Scheduler = Strong<std::string, struct SchedulerTag>;

/// 0 keeps the connections of a real server and gives it no new ones: quiesced.
using Weight = Strong<std::uint32_t, struct WeightTag>;

/// What names a virtual server in the kernel.
struct VirtualServerId {
    Protocol protocol = Protocol::Tcp;
    net::Endpoint address;
    friend auto operator<=>(const VirtualServerId&, const VirtualServerId&) = default;
};

struct RealServer {
    Forwarding forwarding = Forwarding::Nat;
    Weight weight{1};
    std::uint32_t upper_threshold = 0;  ///< connections; 0 is none
    std::uint32_t lower_threshold = 0;
    friend bool operator==(const RealServer&, const RealServer&) = default;
};

/// Properties and pool. The key of a real server is its address and port; at most one entry of each.
struct VirtualServer {
    Scheduler scheduler{"wlc"};
    std::uint32_t scheduler_flags = 0;               ///< IP_VS_SVC_F_SCHED1..3, such as mh-fallback and mh-port
    std::uint32_t persistence_timeout = 0;           ///< seconds; 0 is no persistence
    std::uint32_t persistence_netmask = 0xffffffff;  ///< IPv4 mask, or IPv6 prefix length
    bool one_packet = false;                         ///< UDP: every packet is scheduled by itself
    std::map<net::Endpoint, RealServer> real_servers;
    friend bool operator==(const VirtualServer&, const VirtualServer&) = default;
};

using Table = std::map<VirtualServerId, VirtualServer>;

/// The form in which the kernel gives a virtual server back, for comparing: without persistence its netmask
/// means nothing and becomes that of one host, as does an IPv6 prefix length that is none.
[[nodiscard]] VirtualServer normalised(const VirtualServerId& id, VirtualServer virtual_server);
[[nodiscard]] Table normalised(const Table& table);

[[nodiscard]] std::string describe(Protocol protocol);
[[nodiscard]] std::string describe(Forwarding forwarding);
[[nodiscard]] std::string describe(const VirtualServerId& id);
[[nodiscard]] std::string describe(const RealServer& real_server);
/// Properties alone: "mh flags 0x18, persistent 300 s".
[[nodiscard]] std::string describe(const VirtualServer& virtual_server);
/// One line a virtual server, its real servers below it, indented.
[[nodiscard]] std::string describe(const Table& table);

}  // namespace anyvip::ipvs
