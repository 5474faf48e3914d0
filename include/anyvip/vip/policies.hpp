#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "anyvip/names.hpp"
#include "anyvip/net/address.hpp"
#include "anyvip/vip/eligibility.hpp"

/// What the operator wrote about VIPs, virtual routers and virtual servers, in the words of this module. Lists, for
/// their order is that of the file, and what is decided about several is told in that order.
namespace anyvip::vip {

enum class WhenEmpty : std::uint8_t { Withdraw, Keep };

struct RealServerPolicy {
    net::Endpoint address;
    std::uint32_t weight = 1;
    std::optional<CheckName> check;
    friend bool operator==(const RealServerPolicy&, const RealServerPolicy&) = default;
};

struct ServerPolicy {
    ServerName name;
    VipName vip;
    std::size_t quorum = 1;
    WhenEmpty when_empty = WhenEmpty::Withdraw;
    std::vector<RealServerPolicy> real_servers;
    friend bool operator==(const ServerPolicy&, const ServerPolicy&) = default;
};

/// `policy.servers` is filled in by the coordinator from the ServerPolicies.
struct VipPolicy {
    VipName name;
    std::optional<RouterName> router;  ///< set when VRRP takes part
    std::vector<PeerName> peers;       ///< where its route goes: whose sessions policy.needs_bgp_session means
    Policy policy;
    friend bool operator==(const VipPolicy&, const VipPolicy&) = default;
};

/// A virtual router moves as one: it is Eligible when its own tracks and all its VIPs are.
struct RouterPolicy {
    RouterName name;
    std::vector<Track> tracks;
    friend bool operator==(const RouterPolicy&, const RouterPolicy&) = default;
};

struct Policies {
    std::vector<VipPolicy> vips;
    std::vector<RouterPolicy> routers;
    std::vector<ServerPolicy> servers;
    /// Every check that runs, whether something depends on it or not: a check reports only changes, so what it
    /// said last has to be kept for those that may depend on it later.
    std::vector<CheckName> checks = {};
    friend bool operator==(const Policies&, const Policies&) = default;
};

}  // namespace anyvip::vip
