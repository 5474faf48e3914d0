#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "anyvip/config/config.hpp"
#include "anyvip/health/check.hpp"
#include "anyvip/names.hpp"
#include "anyvip/time.hpp"
#include "anyvip/vip/capacity.hpp"
#include "anyvip/vip/coordinator.hpp"
#include "anyvip/vip/lifecycle.hpp"
#include "bgp/link_neighbor.hpp"
#include "bgp/peer.hpp"
#include "bgp/route_table.hpp"
#include "daemon/mail.hpp"
#include "vrrp/virtual_router.hpp"

/// What `anyvip status` shows: the verdicts and states that the tests compare, at one instant. Values of the
/// cores themselves; src/control/ gives them a JSON form, src/cli/ a table. No secrets.
namespace anyvip::daemon {

struct VipStatus {
    config::Vip config;
    vip::Verdict verdict;
    vip::Lifecycle::State state = vip::Lifecycle::State::Absent;
    bool announced = false;
    std::optional<TimePoint> held_until;  ///< ready, and not announced before then
    std::optional<std::string> kernel_error;
    bool stands_by = false;                      ///< a standby that leaves it to others
    vip::Others others{};                        ///< that announce it, as far as somebody wants to know
    std::optional<vip::Capacity> capacity{};     ///< none: its route does not speak of it
    bool drained = false;                        ///< itself; its node may be as well
    std::optional<TimePoint> held_down_until{};  ///< of `held_until` what is plain hold-down and no flap's penalty
    double flap_penalty = 0;                     ///< means nothing without config.flap
    std::vector<std::string> warnings{};         ///< of `check`, about its route
};

struct PeerStatus {
    PeerName name;
    std::optional<PeerName> range{};  ///< that it is an instance of
    net::IpAddress address;
    bgp::PeerAs peer_as;  ///< as configured; what the peer says of itself stands in what was negotiated
    bgp::Status status;
    /// `core` is missing when the heartbeat loop did not answer in time.
    struct Bfd {
        std::optional<BfdSessionSnapshot> core;
    };
    std::optional<Bfd> bfd{};  ///< none: not configured
    struct Link {
        net::InterfaceName interface;
        bgp::link::Status core;
    };
    std::optional<Link> link{};  ///< of an unnumbered peer
    enum class Signature : std::uint8_t { None, TcpMd5, TcpAo };
    Signature signature = Signature::None;  ///< of every segment, as configured
};

/// A range of addresses, beside its instances, which are peers like others.
struct PeerRangeStatus {
    PeerName name;
    net::Prefix range;
    bgp::PeerAs peer_as;
    std::size_t limit = 0;
    std::size_t instances = 0;  ///< with a connection or without
    std::size_t established = 0;
    std::uint64_t refused = 0;
    std::optional<std::string> last_error;
    TimePoint last_error_at;
};

/// `core` is missing when the heartbeat loop did not answer in time.
struct RouterStatus {
    config::VirtualRouter config;
    vrrp::StateName state = vrrp::StateName::Initialize;
    vrrp::Reason reason;
    bool serving = false;
    vip::Verdict verdict;
    struct Core {
        vrrp::State state;
        std::optional<vrrp::Priority> priority;
        std::optional<net::IpAddress> source;
        vrrp::Counters counters;
    };
    std::optional<Core> core;
};

struct RealServerStatus {
    net::Endpoint address;
    vip::RealServerWish wish;
    bool drained = false;
    std::optional<vip::CheckFact> check;
};

struct ServerStatus {
    config::VirtualServer config;
    net::IpAddress address;
    vip::PoolFact pool;
    std::vector<RealServerStatus> real_servers;
};

/// `core` is missing when the checks loop did not answer in time.
struct CheckStatus {
    CheckName name;
    vip::CheckFact fact;
    std::optional<health::Status> core;
};

/// A VIP towards one of its peers.
struct AnnouncementStatus {
    VipName vip;
    net::Prefix prefix;
    PeerName peer;
    bgp::RouteStatus route;
    std::optional<bgp::RouteAttributes> attributes{};  ///< none: the peer is to hear nothing of it
    std::optional<std::string> warning{};              ///< of `check`, as the session shows it if there is one
};

/// What one peer announces: what is kept of it, and examples of what is refused.
struct ReceivedStatus {
    PeerName peer;
    std::map<bgp::Nlri, bgp::ReceivedRoute> routes{};
    std::map<bgp::Nlri, bgp::RefusedRoute> examples{};
    std::size_t accepted = 0;
    std::size_t max_prefixes = 0;
    std::array<std::uint64_t, bgp::refusals> refused{};
};

/// What `anyvip bgp` shows beside the Status: it grows with VIPs times peers.
struct Routes {
    TimePoint now;
    std::vector<AnnouncementStatus> announcements;
    std::vector<ReceivedStatus> received;
};

struct Status {
    std::string node;
    TimePoint now;  ///< every instant below is shown as how long ago it was
    TimePoint started_at;
    bool stopping = false;
    bool drained = false;
    std::optional<config::Asn> asn;
    std::optional<config::RouterId> router_id;
    std::vector<VipStatus> vips;
    std::vector<PeerStatus> peers;
    std::vector<PeerRangeStatus> peer_ranges;
    std::vector<RouterStatus> routers;
    std::vector<ServerStatus> servers;
    std::vector<CheckStatus> checks;
};

}  // namespace anyvip::daemon
