#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "anyvip/config/load.hpp"
#include "config/reader.hpp"

/// What can be right, and more often is a mistake that shows only when something fails.
namespace anyvip::config {

namespace {

std::string server_subject(const VirtualServer& server) {
    return "virtual server " + quote(server.name.value()) + ": ";
}

void warn_about_peers(const Config& config, std::vector<std::string>& warnings) {
    if (!config.bgp) return;
    for (const Peer& peer : config.bgp->peers) {
        const std::string subject = "peer " + quote(peer.name.value()) + ": ";
        if (peer.hold_time == Duration::zero()) {
            warnings.push_back(subject + "with hold_time = \"0s\" a dead node keeps its routes at the peer");
        }
        const bool used = std::ranges::any_of(config.vips, [&](const Vip& vip) {
            return vip.announce.bgp && std::ranges::find(vip.bgp.peers, peer.name) != vip.bgp.peers.end();
        });
        if (!used) warnings.push_back(subject + "no VIP is announced to it");
    }
}

/// A router sends its best route. It sends another node's while ours is there only with ADD-PATH, or if it prefers the
/// other's whatever that is.
bool is_worse(const Bgp& bgp, const Vip& vip, const Peer& peer) {
    const auto own = vip.bgp.per_peer.find(peer.name);
    const RouteAttributes& attributes = own == vip.bgp.per_peer.end() ? vip.bgp.attributes : own->second;
    return peer.asn == bgp.asn ? attributes.local_pref.value_or(100) < 100 : attributes.prepend > 0;
}

std::vector<const Peer*> peers_of(const Bgp& bgp, const Vip& vip) {
    std::vector<const Peer*> peers;
    for (const Peer& peer : bgp.peers) {
        if (std::ranges::find(vip.bgp.peers, peer.name) != vip.bgp.peers.end()) peers.push_back(&peer);
    }
    return peers;
}

void warn_about_vip(const Config& config, const Vip& vip, std::vector<std::string>& found) {
    if (!vip.announce.bgp) return;
    const std::string subject = "VIP " + quote(vip.name.value()) + ": ";
    for (const Peer* peer : peers_of(*config.bgp, vip)) {
        const auto deaf = deaf_standby(*config.bgp, vip, *peer, peer->add_path.receive);
        if (deaf) found.push_back(subject + *deaf);
    }
    for (const auto& warning : warnings(*config.bgp, vip)) found.push_back(subject + warning);
}

void warn_about_virtual_router(const Config& config, const VirtualRouter& router, std::vector<std::string>& warnings) {
    const std::string subject = "virtual router " + quote(router.name.value()) + ": ";
    if (!router.preempt && router.preempt_delay > Duration::zero()) {
        warnings.push_back(subject + "preempt_delay has no effect with preempt = false");
    }
    if (router.priority == VrrpPriority{255} && !router.preempt) {
        warnings.push_back(subject +
                           "with priority 255 it owns its addresses and preempts all the same (RFC 9568 §6.1)");
    }
    if (router.priority == VrrpPriority{255} &&
        std::ranges::any_of(router.track, [](const Track& t) { return t.weight.has_value(); })) {
        warnings.push_back(subject + "a weight cannot change priority 255, the address owner's");
    }
    const auto first = std::ranges::find(config.vips, std::optional{router.name}, &Vip::virtual_router);
    if (router.family == net::Family::Ipv6 && first != config.vips.end() && !first->address.address().is_link_local()) {
        warnings.push_back(subject +
                           "its first VIP is not link-local, as RFC 9568 §5.2.9 asks; some routers refuse that");
    }
}

void warn_about_virtual_server(const Config& config, const VirtualServer& server, std::vector<std::string>& warnings) {
    const Vip& vip = vip_of(config, server);
    if (!server.check) {
        warnings.push_back(server_subject(server) + "without check its real servers count as healthy for ever");
    }
    if (server.forwarding == ipvs::Forwarding::Nat && vip.announce.bgp && !vip.announce.vrrp) {
        warnings.push_back(server_subject(server) +
                           "forwarding = \"nat\" behind a VIP that several nodes may announce: replies follow the real "
                           "server's one gateway, which need not be the node that the request came through");
    }
    // A Backup that is itself a real server would hand a packet that the Active router gave it to IPVS again.
    if (server.forwarding == ipvs::Forwarding::DirectRouting && vip.announce.vrrp &&
        server.program == Program::Always) {
        const auto router = std::ranges::find(config.virtual_routers, *vip.virtual_router, &VirtualRouter::name);
        for (const RealServer& real_server : server.real_servers) {
            const net::IpAddress& address = real_server.address.address;
            const bool a_node = router != config.virtual_routers.end() &&
                                (router->source == address ||
                                 std::ranges::find(router->unicast_peers, address) != router->unicast_peers.end());
            if (!a_node) continue;
            warnings.push_back(server_subject(server) + "the real server " + address.to_string() +
                               " is a node of virtual router " + quote(router->name.value()) +
                               "; with program = \"always\" packets loop between the nodes, \"active\" avoids it");
        }
    }
}

}  // namespace

std::optional<std::string> deaf_standby(const Bgp& bgp, const Vip& vip, const Peer& peer, bool add_path) {
    if (!vip.standby || add_path || is_worse(bgp, vip, peer)) return std::nullopt;
    std::string text = "a standby that announces would not hear from " + quote(peer.name.value());
    text += " that the primary is back: it needs ";
    text += peer.add_path.receive ? "a router that agrees to add_path = \"receive\"" : "add_path = \"receive\"";
    text += peer.asn == bgp.asn ? ", or local_pref below 100" : ", or prepend";
    return text + " so that its own route is the worse one";
}

std::vector<std::string> warnings(const Bgp& bgp, const Vip& vip) {
    std::vector<std::string> found;
    if (!vip.announce.bgp) return found;
    const auto peers = peers_of(bgp, vip);
    const bool internal = std::ranges::any_of(peers, [&](const Peer* peer) { return peer->asn == bgp.asn; });
    const bool external = std::ranges::any_of(peers, [&](const Peer* peer) { return peer->asn != bgp.asn; });
    if (vip.standby && external) {
        found.emplace_back(
            "a router that sends no route to an AS that is in its path hides another site of our AS "
            "from a standby; it must be told not to (as-path checks on sending are off in FRR and BIRD)");
    }
    if (vip.role != Role::None) return found;  // It says what each kind of peer is to prefer.
    if (vip.bgp.attributes.local_pref && !internal) {
        found.emplace_back("local_pref has no effect: none of its peers is internal");
    }
    if (vip.bgp.attributes.prepend > 0 && !external) {
        found.emplace_back("prepend has no effect: none of its peers is external");
    }
    return found;
}

std::vector<std::string> warnings(const Config& config) {
    std::vector<std::string> found;
    warn_about_peers(config, found);
    for (const VirtualRouter& router : config.virtual_routers) warn_about_virtual_router(config, router, found);
    for (const Vip& vip : config.vips) warn_about_vip(config, vip, found);
    for (const VirtualServer& server : config.virtual_servers) warn_about_virtual_server(config, server, found);
    if (config.bgp && config.bgp->graceful_shutdown + config.node.propagation_wait >= config.node.stop_timeout) {
        found.push_back("node: stop_timeout ends before graceful_shutdown and propagation_wait are over");
    }
    if (config.node.stall_timeout <= config.node.apply_timeout) {
        found.push_back("node: stall_timeout is not above apply_timeout; a slow kernel would look like a stalled node");
    }
    return found;
}

}  // namespace anyvip::config
