#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "anyvip/health/probe.hpp"
#include "anyvip/ipvs/table.hpp"
#include "anyvip/names.hpp"
#include "anyvip/net/address.hpp"
#include "anyvip/net/community.hpp"
#include "anyvip/net/interface.hpp"
#include "anyvip/strong.hpp"
#include "anyvip/time.hpp"

/// The configuration as a value: what the file says, with every default filled in and every name resolved.
///
/// Parts:
///   config.hpp   this: plain structs with ==, nothing that can be wrong by type
///   load.hpp     text -> Config, or every error of the file with its place; Config -> text; warnings
///   diff.hpp     what a reload changes, in words for people
///   src/config/  reader (toml++ with places and suggestions), load (the schema), check (rules between
///                sections), format, diff
///
/// A Config that load() or parse() returned holds what follows, and its users need not look again: names are
/// unique within their kind, every name that is referred to exists, ranges are those in the comments, a
/// VIP's `interface` and `bgp.peers` are the effective ones, families fit, at most one VIP has an address.
/// Lists keep the order of the file.
///
/// The protocol cores have types of their own; src/daemon translates. This header therefore knows only the
/// vocabulary, and neither bgp/ nor vrrp/.
namespace anyvip::config {

using Asn = Strong<std::uint32_t, struct AsnTag>;                   ///< four-octet AS number (RFC 6793), never 0
using Vrid = Strong<std::uint8_t, struct VridTag>;                  ///< 1..255
using VrrpPriority = Strong<std::uint8_t, struct VrrpPriorityTag>;  ///< 1..255; 255 is the address owner's

/// A password that was read from a file. It has no describe() and no operator<<: it cannot get into a log,
/// a status or a test failure by accident.
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string text) : text_{std::move(text)} {}
    /// For the one call that hands it to the kernel.
    [[nodiscard]] const std::string& reveal() const { return text_; }
    [[nodiscard]] bool empty() const { return text_.empty(); }
    friend bool operator==(const Secret&, const Secret&) = default;

private:
    std::string text_;
};

struct Node {
    std::string name;  ///< the host's name unless given
    std::string state_dir = "/var/lib/anyvip";
    Duration stop_timeout = std::chrono::seconds{10};     ///< the order down ends after it, done or not
    Duration stall_timeout = std::chrono::seconds{3};     ///< lease of the verdicts that the heartbeat holds
    Duration apply_timeout = std::chrono::seconds{2};     ///< the kernel's time to confirm what was asked
    Duration propagation_wait = std::chrono::seconds{1};  ///< after a withdraw, before weights and services
    friend bool operator==(const Node&, const Node&) = default;
};

/// `derived` says where it came from, for people; it is no part of the value.
struct RouterId {
    net::Ipv4Address address;  ///< a number in an address's clothes (RFC 6286), never 0.0.0.0
    bool derived = false;
    friend bool operator==(const RouterId& a, const RouterId& b) { return a.address == b.address; }
};

/// Address families that a session carries (RFC 4760).
struct Families {
    bool ipv4 = false;
    bool ipv6 = false;
    [[nodiscard]] bool contains(net::Family family) const { return family == net::Family::Ipv4 ? ipv4 : ipv6; }
    friend bool operator==(const Families&, const Families&) = default;
};

/// What we are to an external peer (RFC 9234 §4.1).
enum class BgpRole : std::uint8_t { Provider, RouteServer, RouteServerClient, Customer, Peer };

/// BFD towards a peer (RFC 5880); intervals are wishes, the slower of both ends' counts.
struct PeerBfd {
    Duration interval = std::chrono::milliseconds{300};          ///< between our packets, once the session is Up
    Duration receive_interval = std::chrono::milliseconds{300};  ///< the shortest between the peer's that we take
    std::uint8_t multiplier = 3;  ///< so many intervals without a packet of ours, and the peer takes us for dead
    bool passive = false;         ///< waits for the peer's first packet
    bool multihop = false;        ///< RFC 5883 in place of RFC 5881; default: what the peer's own is
    std::uint8_t min_ttl = 255;   ///< over several hops: what a packet must arrive with; 255 and fixed over one
    /// The BGP session waits for BFD, if the peer offers to wait too (draft-ietf-idr-bgp-bfd-strict-mode).
    bool strict = false;
    Duration strict_hold = std::chrono::seconds{30};  ///< for how long, where hold_time is 0
    friend bool operator==(const PeerBfd&, const PeerBfd&) = default;
};

/// What of a peer's routes is accepted: the prefix, and what is more specific up to a length.
struct ImportRule {
    net::Prefix prefix;
    std::uint8_t max_length = 0;  ///< as a ROA has it (RFC 9582); the prefix' own at least
    friend bool operator==(const ImportRule&, const ImportRule&) = default;
};

/// What happens to the route above max_prefixes.
enum class MaxPrefixesAction : std::uint8_t { Refuse, Stop };

/// RFC 5926: what every implementation of TCP-AO has.
enum class TcpAoAlgorithm : std::uint8_t { HmacSha1, Aes128Cmac };

/// A master key tuple of TCP-AO (RFC 5925).
struct TcpAoKey {
    std::string key_file;
    Secret key;                   ///< what the file holds; only load() reads it
    std::uint8_t send_id = 0;     ///< of what we send
    std::uint8_t receive_id = 0;  ///< of what the peer sends
    TcpAoAlgorithm algorithm = TcpAoAlgorithm::HmacSha1;
    friend bool operator==(const TcpAoKey&, const TcpAoKey&) = default;
};

/// How a next hop is written that is a link-local address without a global one: alone in 16 octets
/// (draft-ietf-idr-linklocal-capability), or in the 32 octets of RFC 2545 twice, or behind ::.
enum class LinkLocalNextHop : std::uint8_t { Alone, Twice, AfterUnspecified };

/// Several paths for a prefix (RFC 7911).
struct AddPath {
    bool send = false;     ///< ours carry a path identifier; there is one for each prefix
    bool receive = false;  ///< the peer may tell several
    friend bool operator==(const AddPath&, const AddPath&) = default;
};

/// Does the peer keep our routes for a while when the session ends without a word (RFC 4724, 8538), and we the peer's?
/// Forced: also where a dead node would keep traffic that others could have.
enum class GracefulRestart : std::uint8_t { Off, On, Forced };

struct Peer {
    PeerName name;
    net::IpAddress address;            ///< with `range`: its first
    std::optional<net::Prefix> range;  ///< whoever connects from there is such a peer
    std::uint16_t limit = 100;         ///< of them at a time
    /// The router on this link, at whatever link-local address; `address` is :: then.
    std::optional<net::InterfaceName> interface;
    std::optional<Asn> asn;  ///< nullopt: "external", any AS but ours. "internal" is our own, filled in
    std::uint16_t port = 179;
    std::optional<net::IpAddress> source;
    bool passive = false;                          ///< never connects, only listens
    std::optional<std::uint8_t> ttl_security;      ///< GTSM (RFC 5082): hops; TTL below 256 - hops is refused
    std::uint8_t multihop = 1;                     ///< outgoing TTL without ttl_security; 1 is a connected peer
    Duration hold_time = std::chrono::seconds{9};  ///< 0 or 3s..65535s, whole seconds; KEEPALIVE at a third
    Duration connect_retry = std::chrono::seconds{5};
    Duration idle_hold = std::chrono::seconds{1};  ///< the first back-off after an error
    std::string password_file;                     ///< empty: no TCP-MD5 (RFC 2385)
    Secret password;                               ///< what the file holds; only load() reads it
    std::vector<TcpAoKey> tcp_ao;                  ///< not beside a password; the first is what we begin with
    std::optional<net::Ipv4Address> next_hop;      ///< of IPv4 routes; nullopt: our end of an IPv4 session
    std::optional<net::Ipv6Address> next_hop6;     ///< of IPv6 routes; nullopt: our end of an IPv6 session
    Families families;
    std::string device;              ///< interface or VRF that the session belongs to; empty: none
    Duration delay_open{0};          ///< how long to wait for the peer's OPEN before ours; 0: not at all
    bool extended_next_hop = false;  ///< IPv4 routes may have IPv6 next hops (RFC 8950)
    std::optional<LinkLocalNextHop> link_local_next_hop;  ///< nullopt: "auto", as both ends agree
    AddPath add_path;
    std::optional<BgpRole> role;
    bool strict_role = false;          ///< no session with a peer that does not say its role
    bool capability_fallback = false;  ///< retry without capabilities that the peer refuses (RFC 5492 §3)
    GracefulRestart graceful_restart = GracefulRestart::Off;
    Duration restart_time = std::chrono::seconds{30};  ///< for which the peer waits for us; 1s..4095s, whole seconds
    /// After that, as the last choice (RFC 9494); 0: not at all; up to 16777215s, whole seconds.
    Duration long_lived_stale_time{};
    std::optional<PeerBfd> bfd;
    std::vector<ImportRule> import;    ///< empty: nothing (RFC 8212)
    std::uint32_t max_prefixes = 100;  ///< accepted at a time
    MaxPrefixesAction max_prefixes_action = MaxPrefixesAction::Refuse;
    std::optional<std::uint32_t> max_prefixes_out;  ///< that may be configured to go to it; nullopt: any number
    friend bool operator==(const Peer&, const Peer&) = default;
};

/// How long a peer with graceful restart sends traffic to a node that has died; nullopt: for ever, since nothing ends
/// the session.
[[nodiscard]] std::optional<Duration> traffic_after_death(const Peer& peer);

struct Bgp {
    Asn asn;
    RouterId router_id;
    std::vector<net::IpAddress> listen;  ///< empty: no listening socket; default: any, if a peer is passive
    std::uint16_t port = 179;            ///< that we listen on
    /// How long a route that leaves in order is announced with the community of RFC 8326 before it is withdrawn;
    /// 0: not at all.
    Duration graceful_shutdown = std::chrono::seconds{2};
    std::vector<Peer> peers;
    friend bool operator==(const Bgp&, const Bgp&) = default;
};

/// A dependence on a check: required, or with a weight that is added to a virtual router's priority while
/// the check is good (positive) or bad (negative), as keepalived does it.
struct Track {
    CheckName check;
    std::optional<std::int16_t> weight;  ///< -253..253, not 0; nullopt: required
    friend bool operator==(const Track&, const Track&) = default;
};

enum class VrrpVersion : std::uint8_t { V2 = 2, V3 = 3 };

/// VRRPv3 over IPv4: what the checksum that we send covers. RFC 9568 §5.2.8 takes the VRRP message alone,
/// RFC 5798 was read as with a pseudo-header (keepalived, FRR), and implementations discard what differs.
/// Automatic begins with the pseudo-header and then does as the last router heard did. Both are accepted.
enum class VrrpChecksum : std::uint8_t { Automatic, Rfc9568, PseudoHeader };

/// Gratuitous ARP and unsolicited neighbour advertisements, on becoming Active.
struct GratuitousArp {
    std::uint8_t count = 5;                    ///< per address and burst, 1..
    Duration delay = std::chrono::seconds{5};  ///< to the second burst; 0: there is none
    friend bool operator==(const GratuitousArp&, const GratuitousArp&) = default;
};

struct VirtualRouter {
    RouterName name;
    net::InterfaceName interface;
    Vrid vrid;
    net::Family family = net::Family::Ipv4;  ///< that of its VIPs
    VrrpVersion version = VrrpVersion::V3;
    VrrpPriority priority{100};
    /// v3: 10ms..40.95s in steps of 10ms; v2: 1s..255s in whole seconds.
    Duration advertise_interval = std::chrono::seconds{1};
    bool preempt = true;
    Duration preempt_delay{};
    std::optional<net::IpAddress> source;
    std::vector<net::IpAddress> unicast_peers;  ///< empty: multicast
    GratuitousArp garp;
    VrrpChecksum checksum = VrrpChecksum::Automatic;
    std::vector<Track> track;
    friend bool operator==(const VirtualRouter&, const VirtualRouter&) = default;
};

/// When a probe is started and what its outcomes amount to.
struct CheckPolicy {
    Duration interval = std::chrono::seconds{2};
    Duration timeout = std::chrono::seconds{1};           ///< at most the interval
    std::uint16_t rise = 2;                               ///< 1..
    std::uint16_t fall = 3;                               ///< 1..
    Duration unknown_timeout = std::chrono::seconds{30};  ///< how long a check that cannot run keeps its verdict
    friend bool operator==(const CheckPolicy&, const CheckPolicy&) = default;
};

/// A [[check]], whose probe names its target itself, or one of effective_checks().
struct Check {
    CheckName name;
    CheckPolicy policy;
    health::Probe probe;
    friend bool operator==(const Check&, const Check&) = default;
};

/// Hybrid is both: the VRRP Active router also announces the route.
struct Announce {
    bool bgp = false;
    bool vrrp = false;
    friend bool operator==(const Announce&, const Announce&) = default;
};

/// A link bandwidth (RFC 10005) that a route carries: one that stands in the file, or what the real servers that serve
/// can carry.
struct LinkBandwidth {
    std::uint64_t octets_per_second = 0;  ///< 1..
    bool per_weight = false;  ///< of each unit of weight; the real servers of the VIP that serve are summed up
    friend bool operator==(const LinkBandwidth&, const LinkBandwidth&) = default;
};

/// What a route carries.
struct RouteAttributes {
    std::vector<net::Community> communities;             ///< sorted, each once
    std::vector<net::LargeCommunity> large_communities;  ///< sorted, each once
    /// Sorted, each once; no link bandwidth beside `link_bandwidth`.
    std::vector<net::ExtendedCommunity> extended_communities;
    std::optional<LinkBandwidth> link_bandwidth;
    std::optional<std::uint32_t> med;
    std::uint8_t prepend = 0;                 ///< 0..16 times our own AS more (external peers)
    std::optional<std::uint32_t> local_pref;  ///< internal peers; nullopt: 100
    /// A peer that keeps routes for long after a session ended is told not to with this one (RFC 9494).
    bool no_llgr = true;
    friend bool operator==(const RouteAttributes&, const RouteAttributes&) = default;
};

/// The route of a VIP, and where it goes.
struct VipBgp {
    RouteAttributes attributes;
    std::map<PeerName, RouteAttributes> per_peer;  ///< instead of `attributes`; only peers that are in `peers`
    std::vector<PeerName> peers;                   ///< sorted; default: all that carry the family
    friend bool operator==(const VipBgp&, const VipBgp&) = default;
};

/// What the route prefers, if the keys of `bgp` do not say otherwise. Primary: LOCAL_PREF 200 and MED 0; backup and
/// standby: LOCAL_PREF 50, MED 100, and our AS three times more.
enum class Role : std::uint8_t { None, Primary, Backup, Standby };

/// A standby announces while no other node's route is heard.
struct Standby {
    std::uint16_t rank = 100;  ///< among standbys; the higher stays, of equal ones that of the higher router ID
    Duration take_after = std::chrono::seconds{1};   ///< so long nobody was heard
    Duration yield_after = std::chrono::seconds{1};  ///< so long another one was heard that goes before us
    friend bool operator==(const Standby&, const Standby&) = default;
};

/// Flaps of health become a penalty, and above a limit the VIP stays withdrawn for a while (RFC 2439, on ourselves).
struct Flap {
    std::uint32_t penalty = 1000;  ///< of one fall
    Duration half_life = std::chrono::seconds{60};
    std::uint32_t suppress = 4000;
    std::uint32_t reuse = 1500;  ///< below `suppress`
    Duration longest = std::chrono::minutes{10};
    friend bool operator==(const Flap&, const Flap&) = default;
};

/// Of several virtual servers on one VIP: whose quorum does the VIP need?
enum class Services : std::uint8_t { All, Any };

struct Vip {
    VipName name;
    /// The length is that of the interface address: /32 or /128 unless given, and always those with BGP alone.
    net::Prefix address;
    /// The route: contains the address, and is announced while any VIP of it is; nullopt: its host prefix.
    std::optional<net::Prefix> prefix;
    Announce announce;
    std::optional<RouterName> virtual_router;  ///< if and only if announce.vrrp
    std::vector<Track> track;                  ///< a weight only if announce.vrrp
    /// Hybrid: ineligible while no BGP session of `bgp.peers` is Established, so that an Active router
    /// without a session gives way. Never set without announce.vrrp and announce.bgp.
    bool track_bgp_session = false;
    Role role = Role::None;
    std::optional<Standby> standby;  ///< if and only if that is its role
    /// What a peer has, without End-of-RIB, to tell of others' routes before its silence means that there are none.
    Duration learn_delay = std::chrono::seconds{20};
    VipBgp bgp;                ///< means nothing without announce.bgp; the role is already in it
    Duration hold_down{};      ///< after its health fell: not announced for so long
    std::optional<Flap> flap;  ///< nullopt: it may flap
    /// How long real servers must have served before a link bandwidth per weight counts them.
    Duration capacity_rise_after = std::chrono::seconds{10};
    net::InterfaceName interface;  ///< that holds the address: the router's, or "lo" with BGP alone
    Services services = Services::All;
    friend bool operator==(const Vip&, const Vip&) = default;
};

/// The check of each real server of a virtual server: a probe without target.
struct ServerCheck {
    CheckPolicy policy;
    health::Probe probe;                ///< TcpProbe or HttpProbe; its target is not set
    std::optional<std::uint16_t> port;  ///< nullopt: the real server's
    friend bool operator==(const ServerCheck&, const ServerCheck&) = default;
};

struct RealServer {
    net::Endpoint address;
    ipvs::Weight weight{1};  ///< 0..65535
    friend bool operator==(const RealServer&, const RealServer&) = default;
};

/// Below the quorum: the VIP is withdrawn, or stays.
enum class WhenEmpty : std::uint8_t { Withdraw, Keep };

/// Whether IPVS is programmed on every node, or with VRRP only while Active.
enum class Program : std::uint8_t { Always, Active };

struct VirtualServer {
    ServerName name;
    VipName vip;
    std::uint16_t port = 0;
    ipvs::Protocol protocol = ipvs::Protocol::Tcp;
    ipvs::Scheduler scheduler{"wlc"};
    ipvs::Forwarding forwarding = ipvs::Forwarding::Nat;
    std::uint32_t quorum = 1;  ///< healthy real servers, 1..number of real servers
    WhenEmpty when_empty = WhenEmpty::Withdraw;
    std::optional<std::chrono::seconds> persistence;  ///< 1s..
    std::optional<ServerCheck> check;                 ///< nullopt: its real servers count as healthy
    std::vector<RealServer> real_servers;             ///< at least one; each address and port once
    Program program = Program::Always;
    friend bool operator==(const VirtualServer&, const VirtualServer&) = default;
};

struct Config {
    Node node;
    std::optional<Bgp> bgp;
    std::vector<VirtualRouter> virtual_routers;
    std::vector<Check> checks;
    std::vector<Vip> vips;
    std::vector<VirtualServer> virtual_servers;
    friend bool operator==(const Config&, const Config&) = default;
};

/// What of the VIP is announced by BGP: the route, or its host prefix.
[[nodiscard]] net::Prefix route_prefix(const Vip& vip);

/// The check of one real server: "SERVER/ADDRESS:PORT".
[[nodiscard]] CheckName check_name(const ServerName& server, const net::Endpoint& real_server);

/// Every check that runs: the named ones, then one per real server whose virtual server has a check, with
/// its target filled in.
[[nodiscard]] std::vector<Check> effective_checks(const Config& config);

/// Precondition: the VIP of a virtual server, the peer of a VIP and so on exist, as in every loaded Config.
[[nodiscard]] const Vip& vip_of(const Config& config, const VirtualServer& server);

/// What names the virtual server in the kernel.
[[nodiscard]] ipvs::VirtualServerId id_of(const Config& config, const VirtualServer& server);

/// Its route says what its real servers can carry, to one peer at least.
[[nodiscard]] bool tells_capacity(const Vip& vip);

[[nodiscard]] std::string describe(const Announce& announce);  ///< "bgp", "vrrp", "vrrp+bgp"
[[nodiscard]] std::string describe(const Track& track);        ///< "nginx", "uplink -20"
[[nodiscard]] std::string_view describe(Role role);            ///< "primary", "backup", "standby", "none"

}  // namespace anyvip::config
