#include "anyvip/config/config.hpp"

#include <algorithm>
#include <cassert>

#include "anyvip/overloaded.hpp"

namespace anyvip::config {

CheckName check_name(const ServerName& server, const net::Endpoint& real_server) {
    return CheckName{server.value() + '/' + real_server.to_string()};
}

std::vector<Check> effective_checks(const Config& config) {
    std::vector<Check> checks = config.checks;
    for (const VirtualServer& server : config.virtual_servers) {
        if (!server.check) continue;
        for (const RealServer& real_server : server.real_servers) {
            Check check{check_name(server.name, real_server.address), server.check->policy, server.check->probe};
            const net::Endpoint target{real_server.address.address,
                                       server.check->port.value_or(real_server.address.port)};
            std::visit(overloaded{
                           [&](health::TcpProbe& probe) { probe.target = target; },
                           [&](health::HttpProbe& probe) { probe.target = target; },
                           [](health::ExecProbe&) {},
                       },
                       check.probe);
            checks.push_back(std::move(check));
        }
    }
    return checks;
}

std::optional<Duration> traffic_after_death(const Peer& peer) {
    if (peer.hold_time == Duration::zero()) return std::nullopt;
    return peer.hold_time + peer.restart_time + peer.long_lived_stale_time;
}

const Vip& vip_of(const Config& config, const VirtualServer& server) {
    const auto vip = std::ranges::find(config.vips, server.vip, &Vip::name);
    assert(vip != config.vips.end());
    return *vip;
}

ipvs::VirtualServerId id_of(const Config& config, const VirtualServer& server) {
    return {server.protocol, {vip_of(config, server).address.address(), server.port}};
}

std::string describe(const Announce& announce) {
    if (announce.bgp && announce.vrrp) return "vrrp+bgp";
    if (announce.bgp) return "bgp";
    return announce.vrrp ? "vrrp" : "nothing";
}

std::string describe(const Track& track) {
    return track.weight ? track.check.value() + ' ' + std::to_string(*track.weight) : track.check.value();
}

std::string_view describe(Role role) {
    switch (role) {
        case Role::None: return "none";
        case Role::Primary: return "primary";
        case Role::Backup: return "backup";
        case Role::Standby: return "standby";
    }
    return "none";
}

bool tells_capacity(const Vip& vip) {
    const auto tells = [](const RouteAttributes& attributes) {
        return attributes.link_bandwidth && attributes.link_bandwidth->per_weight;
    };
    return vip.announce.bgp &&
           (tells(vip.bgp.attributes) ||
            std::ranges::any_of(vip.bgp.per_peer, [&](const auto& own) { return tells(own.second); }));
}

net::Prefix route_prefix(const Vip& vip) {
    return vip.prefix.value_or(net::Prefix::host(vip.address.address()));
}

}  // namespace anyvip::config
