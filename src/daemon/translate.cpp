#include "daemon/translate.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "bgp/standby_mark.hpp"

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;

vip::Track track(const config::Track& track) {
    return {.check = track.check, .weight = track.weight ? std::optional<int>{*track.weight} : std::nullopt};
}

std::vector<vip::Track> tracks(const std::vector<config::Track>& from) {
    std::vector<vip::Track> to;
    for (const auto& t : from) to.push_back(track(t));
    return to;
}

vip::ServerPolicy server_policy(const config::VirtualServer& server) {
    vip::ServerPolicy policy{
        .name = server.name,
        .vip = server.vip,
        .quorum = server.quorum,
        .when_empty = server.when_empty == config::WhenEmpty::Keep ? vip::WhenEmpty::Keep : vip::WhenEmpty::Withdraw,
        .real_servers = {}};
    for (const auto& real_server : server.real_servers) {
        policy.real_servers.push_back(
            {.address = real_server.address,
             .weight = real_server.weight.value(),
             .check =
                 server.check ? std::optional{config::check_name(server.name, real_server.address)} : std::nullopt});
    }
    return policy;
}

bgp::PeerAs peer_as(const config::Bgp& bgp, const config::Peer& peer) {
    if (!peer.asn) return bgp::ExternalAs{};
    if (*peer.asn == bgp.asn) return bgp::InternalAs{};
    return bgp::Asn{peer.asn->value()};
}

bgp::Role role(config::BgpRole role) {
    switch (role) {
        case config::BgpRole::Provider: return bgp::Role::Provider;
        case config::BgpRole::RouteServer: return bgp::Role::RouteServer;
        case config::BgpRole::RouteServerClient: return bgp::Role::RouteServerClient;
        case config::BgpRole::Customer: return bgp::Role::Customer;
        case config::BgpRole::Peer: return bgp::Role::Peer;
    }
    return bgp::Role::Customer;
}

bgp::TcpAoKey tcp_ao_key(const config::TcpAoKey& key) {
    const bool hmac = key.algorithm == config::TcpAoAlgorithm::HmacSha1;
    return {.send_id = key.send_id,
            .receive_id = key.receive_id,
            .algorithm = hmac ? bgp::TcpAoAlgorithm::HmacSha1 : bgp::TcpAoAlgorithm::Aes128Cmac,
            .key = bgp::Password{key.key.reveal()}};
}

bgp::LinkLocalForm link_local_form(config::LinkLocalNextHop form) {
    switch (form) {
        case config::LinkLocalNextHop::Alone: return bgp::LinkLocalForm::Alone;
        case config::LinkLocalNextHop::Twice: return bgp::LinkLocalForm::Twice;
        case config::LinkLocalNextHop::AfterUnspecified: return bgp::LinkLocalForm::AfterUnspecified;
    }
    return bgp::LinkLocalForm::Alone;
}

vip::FlapPolicy flap_policy(const config::Vip& vip) {
    vip::FlapPolicy to{.hold_down = vip.hold_down};
    if (!vip.flap) return to;
    to.suppresses = true;
    to.penalty = vip.flap->penalty;
    to.half_life = vip.flap->half_life;
    to.suppress = vip.flap->suppress;
    to.reuse = vip.flap->reuse;
    to.longest = vip.flap->longest;
    return to;
}

std::optional<vip::StandbyPolicy> standby_policy(const config::Config& config, const config::Vip& vip) {
    if (!vip.standby) return std::nullopt;
    return vip::StandbyPolicy{.own = {.rank = vip.standby->rank, .router_id = config.bgp->router_id.address.value()},
                              .take_after = vip.standby->take_after,
                              .yield_after = vip.standby->yield_after};
}

bgp::Import import(const config::Peer& peer) {
    bgp::Import to{.max_prefixes = peer.max_prefixes,
                   .stop_at_max = peer.max_prefixes_action == config::MaxPrefixesAction::Stop};
    for (const auto& rule : peer.import) to.rules.push_back({.prefix = rule.prefix, .max_length = rule.max_length});
    return to;
}

bgp::RouteAttributes route_attributes(const config::RouteAttributes& from, Announcement announcement) {
    bgp::RouteAttributes to;
    to.communities = from.communities;
    to.large_communities = from.large_communities;
    to.extended_communities = from.extended_communities;
    to.med = from.med;
    to.prepend = from.prepend;
    to.local_pref = from.local_pref;
    to.no_llgr = from.no_llgr;
    if (announcement == Announcement::GracefulShutdown) {  // RFC 8326 §4.2
        to.communities.push_back(bgp::graceful_shutdown_community);
        to.local_pref = 0;
    }
    return to;
}

/// IEEE floats lose the odd octet of what is above 16 Mbit/s, which no router minds.
net::ExtendedCommunity link_bandwidth(const config::LinkBandwidth& bandwidth, std::uint64_t capacity,
                                      const config::Asn& asn) {
    const auto each = static_cast<double>(bandwidth.octets_per_second);
    const auto rate = bandwidth.per_weight ? each * static_cast<double>(capacity) : each;
    return net::ExtendedCommunity::link_bandwidth(asn.value(), static_cast<float>(std::max(rate, 1.0)));
}

/// What an address of a VIP looks like on the interface of a virtual router. A host prefix of IPv6 has a
/// preferred lifetime of 0, so that it does not become a source (product rule 11).
kernel::Address router_address(const config::Vip& vip) {
    return {.key = {.interface = vip.interface, .prefix = vip.address},
            .scope = kernel::Scope::Global,
            .deprecated = vip.address.family() == net::Family::Ipv6 && vip.address.is_host()};
}

vrrp::Config router_config(const config::Config& config, const config::VirtualRouter& router) {
    vrrp::Config to;
    to.version = router.version == config::VrrpVersion::V2 ? vrrp::Version::V2 : vrrp::Version::V3;
    to.priority = vrrp::Priority{router.priority.value()};
    to.advertise_interval = router.advertise_interval;
    to.preempt = router.preempt;
    to.preempt_delay = router.preempt_delay;
    for (const auto& vip : config.vips) {
        if (vip.virtual_router == router.name) to.addresses.push_back(vip.address.address());
    }
    to.source = router.source;
    to.peers = router.unicast_peers;
    switch (router.checksum) {
        case config::VrrpChecksum::Automatic: to.checksum = vrrp::ChecksumChoice::Automatic; break;
        case config::VrrpChecksum::Rfc9568: to.checksum = vrrp::ChecksumChoice::MessageOnly; break;
        case config::VrrpChecksum::PseudoHeader: to.checksum = vrrp::ChecksumChoice::WithPseudoHeader; break;
    }
    to.garp_repeat = router.garp.count;
    to.garp_delay = router.garp.delay;
    to.apply_timeout = config.node.apply_timeout;
    return to;
}

BfdSetup bfd_session(const PeerName& name, const config::Peer& peer, const net::IpAddress& address) {
    return {.peer = name,
            .remote = address,
            .source = peer.source,
            .interface = peer.interface,
            .hops = peer.bfd->multihop ? bfd::Hops::Multiple : bfd::Hops::Single,
            .config = {.desired_min_tx_interval = peer.bfd->interval,
                       .required_min_rx_interval = peer.bfd->receive_interval,
                       .detect_mult = peer.bfd->multiplier,
                       .passive = peer.bfd->passive,
                       .minimum_ttl = peer.bfd->min_ttl}};
}

}  // namespace

vip::Policies policies(const config::Config& config) {
    vip::Policies to;
    for (const auto& v : config.vips) {
        to.vips.push_back({.name = v.name,
                           .router = v.virtual_router,
                           .peers = v.bgp.peers,
                           .policy = {.tracks = tracks(v.track),
                                      .servers = {},
                                      .services = v.services == config::Services::Any ? vip::ServicesRule::Any
                                                                                      : vip::ServicesRule::All,
                                      .needs_bgp_session = v.track_bgp_session}});
    }
    for (const auto& router : config.virtual_routers) {
        to.routers.push_back({.name = router.name, .tracks = tracks(router.track)});
    }
    for (const auto& server : config.virtual_servers) to.servers.push_back(server_policy(server));
    for (auto& check : effective_checks(config)) to.checks.push_back(std::move(check.name));
    return to;
}

vip::LifecycleConfig lifecycle_config(const config::Config& config, const config::Vip& vip) {
    return {.announces = vip.announce.bgp,
            .owns_address = !vip.announce.vrrp,
            .needs_active = vip.announce.vrrp,
            .propagation_wait = config.node.propagation_wait,
            .send_timeout = config.node.apply_timeout,
            .graceful_shutdown = config.bgp ? config.bgp->graceful_shutdown : Duration::zero(),
            .flaps = flap_policy(vip),
            .standby = standby_policy(config, vip)};
}

bgp::PeerConfig peer_config(const config::Bgp& bgp, const config::Peer& peer) {
    bgp::PeerConfig to;
    to.name = peer.name;
    to.local_as = bgp::Asn{bgp.asn.value()};
    to.router_id = bgp.router_id.address;
    to.address = peer.address;
    to.range = peer.range;
    if (peer.range) to.limit = peer.limit;
    to.unnumbered = peer.interface.has_value();
    to.port = peer.port;
    to.peer_as = peer_as(bgp, peer);
    to.source = peer.source;
    to.passive = peer.passive;
    to.ttl_security = peer.ttl_security;
    to.multihop = peer.multihop;
    to.password = bgp::Password{peer.password.reveal()};
    for (const auto& key : peer.tcp_ao) to.tcp_ao.push_back(tcp_ao_key(key));
    to.hold_time = std::chrono::duration_cast<std::chrono::seconds>(peer.hold_time);
    to.connect_retry = peer.connect_retry;
    to.idle_hold = peer.idle_hold;
    to.ipv4 = peer.families.ipv4;
    to.ipv6 = peer.families.ipv6;
    to.next_hop = peer.next_hop;
    to.next_hop6 = peer.next_hop6;
    to.device = peer.interface ? peer.interface->value() : peer.device;
    to.delay_open = peer.delay_open;
    to.extended_next_hop = peer.extended_next_hop;
    if (peer.link_local_next_hop) to.link_local_form = link_local_form(*peer.link_local_next_hop);
    to.add_path = {.send = peer.add_path.send, .receive = peer.add_path.receive};
    if (peer.role) to.role = role(*peer.role);
    to.strict_role = peer.strict_role;
    to.capability_fallback = peer.capability_fallback;
    if (peer.graceful_restart != config::GracefulRestart::Off) {
        to.graceful_restart = {
            .restart_time = std::chrono::duration_cast<std::chrono::seconds>(peer.restart_time),
            .long_lived_stale_time = std::chrono::duration_cast<std::chrono::seconds>(peer.long_lived_stale_time)};
    }
    to.bfd_strict = peer.bfd && peer.bfd->strict;
    if (peer.bfd) to.bfd_hold_time = peer.bfd->strict_hold;
    to.import = import(peer);
    return to;
}

std::optional<bgp::Route> route(const std::optional<config::Bgp>& bgp, const config::Vip& vip,
                                Announcement announcement, std::uint64_t capacity) {
    if (announcement == Announcement::None) return std::nullopt;
    const auto attributes_of = [&](const config::RouteAttributes& from) {
        auto attributes = route_attributes(from, announcement);
        if (from.link_bandwidth && bgp) {
            attributes.extended_communities.push_back(link_bandwidth(*from.link_bandwidth, capacity, bgp->asn));
        }
        if (vip.standby && bgp) {
            attributes.large_communities.push_back(bgp::to_community(
                {.rank = vip.standby->rank, .router_id = bgp->router_id.address}, bgp::Asn{bgp->asn.value()}));
        }
        return attributes;
    };
    bgp::Route to;
    to.attributes = attributes_of(vip.bgp.attributes);
    for (const auto& [peer, attributes] : vip.bgp.per_peer) to.exceptions.emplace(peer, attributes_of(attributes));
    to.peers.emplace(vip.bgp.peers.begin(), vip.bgp.peers.end());
    return to;
}

ConfigureBfd bfd_sessions(const config::Config& config, const std::map<PeerName, bgp::PeerConfig>& learnt) {
    ConfigureBfd to;
    if (!config.bgp) return to;
    for (const auto& peer : config.bgp->peers) {
        if (!peer.bfd) continue;
        if (!peer.range && !peer.interface) to.sessions.push_back(bfd_session(peer.name, peer, peer.address));
        for (const auto& [name, known] : learnt) {
            if (known.name == peer.name) to.sessions.push_back(bfd_session(name, peer, known.address));
        }
    }
    if (to.sessions.empty()) return to;
    for (const auto& vip : config.vips) to.vips.insert(vip.address.address());
    return to;
}

std::vector<RouterSetup> router_setups(const config::Config& config) {
    std::vector<RouterSetup> to;
    for (const auto& router : config.virtual_routers) {
        RouterSetup setup{
            .name = router.name,
            .identity = {.virtual_router_id = vrrp::VirtualRouterId{router.vrid.value()}, .family = router.family},
            .interface = router.interface,
            .config = router_config(config, router),
            .addresses = {}};
        for (const auto& vip : config.vips) {
            if (vip.virtual_router == router.name) setup.addresses.insert(router_address(vip));
        }
        if (!setup.addresses.empty()) to.push_back(std::move(setup));
    }
    return to;
}

kernel::Address anycast_address(const config::Vip& vip) {
    return {.key = {.interface = vip.interface, .prefix = net::Prefix::host(vip.address.address())},
            .scope = vip.address.family() == net::Family::Ipv4 ? kernel::Scope::Host : kernel::Scope::Global,
            .deprecated = vip.address.family() == net::Family::Ipv6};
}

std::map<VipName, std::vector<ServerSetup>> server_setups(const config::Config& config) {
    std::map<VipName, std::vector<ServerSetup>> to;
    for (const auto& server : config.virtual_servers) {
        to[server.vip].push_back({.name = server.name,
                                  .program = server.program,
                                  .id = id_of(config, server),
                                  .desired = {.properties = {.scheduler = server.scheduler,
                                                             .persistence_timeout = static_cast<std::uint32_t>(
                                                                 server.persistence.value_or(0s).count()),
                                                             .real_servers = {}},
                                              .forwarding = server.forwarding,
                                              .pool = {}}});
    }
    return to;
}

Adopt adoptable(const config::Config& config) {
    Adopt adopt;
    for (const auto& vip : config.vips) {
        if (!vip.announce.vrrp) adopt.addresses.insert(anycast_address(vip).key);
    }
    for (const auto& server : config.virtual_servers) {
        // Nobody starts as Active: on a Backup such services are wrong, and left-over ones might loop packets.
        if (server.program == config::Program::Always) adopt.virtual_servers.insert(id_of(config, server));
    }
    return adopt;
}

}  // namespace anyvip::daemon
