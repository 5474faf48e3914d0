#include "daemon/observers.hpp"

#include <algorithm>
#include <string>

#include "anyvip/describe.hpp"
#include "bgp/standby_mark.hpp"

namespace anyvip::daemon {
namespace {

bool wants_to_know(const config::Vip& vip) {
    return vip.announce.bgp && (vip.standby || vip.flap);
}

std::string text_of(const bgp::PathAttributes& attributes, const std::optional<bgp::StandbyMark>& mark) {
    std::string text = "via " + describe(attributes.next_hop);
    if (attributes.as_path.length() > 0) text += ", AS_PATH " + describe(attributes.as_path);
    if (mark) text += ", standby of rank " + std::to_string(mark->rank) + ' ' + describe(mark->router_id);
    return text;
}

}  // namespace

void Observers::configure(const config::Config& config, TimePoint now) {
    if (config.bgp) router_id_ = config.bgp->router_id.address;
    std::erase_if(vips_, [&](const auto& entry) {
        const auto vip = std::ranges::find(config.vips, entry.first, &config::Vip::name);
        return vip == config.vips.end() || !wants_to_know(*vip) || route_prefix(*vip) != entry.second.prefix;
    });
    for (const auto& vip : config.vips) {
        if (!wants_to_know(vip)) continue;
        auto& observed = vips_[vip.name];
        observed.prefix = route_prefix(vip);
        observed.peers = {vip.bgp.peers.begin(), vip.bgp.peers.end()};
        observed.observation.configure(vip.learn_delay, observed.peers, now);
        observed.due = observed.observation.deadline(now);
    }
}

std::set<net::Prefix> Observers::watched(const PeerName& peer) const {
    std::set<net::Prefix> prefixes;
    for (const auto& [name, vip] : vips_) {
        if (vip.peers.contains(peer)) prefixes.insert(vip.prefix);
    }
    return prefixes;
}

Observers::News Observers::look(const PeerName& name, const bgp::Peer* peer, TimePoint now) {
    News news;
    for (auto& [vip_name, vip] : vips_) {
        if (peer != nullptr && !vip.peers.contains(peer->config().name)) continue;
        vip.observation.see(name, sighting(peer, vip.prefix), now);
        if (peer == nullptr) vip.observation.forget(name);
        tell(vip_name, vip, now, news);
    }
    return news;
}

Observers::News Observers::look(const PeerName& name, const bgp::Peer& peer, const std::set<net::Prefix>& prefixes,
                                TimePoint now) {
    News news;
    for (auto& [vip_name, vip] : vips_) {
        if (!vip.peers.contains(peer.config().name) || !prefixes.contains(vip.prefix)) continue;
        vip.observation.see(name, sighting(&peer, vip.prefix), now);
        tell(vip_name, vip, now, news);
    }
    return news;
}

Observers::News Observers::expire(TimePoint now) {
    News news;
    for (auto& [name, vip] : vips_) {
        if (vip.due && *vip.due <= now) tell(name, vip, now, news);
    }
    return news;
}

std::optional<TimePoint> Observers::deadline() const {
    std::optional<TimePoint> next;
    for (const auto& [name, vip] : vips_) next = earliest(next, vip.due);
    return next;
}

vip::Others Observers::others(const VipName& vip) const {
    const auto found = vips_.find(vip);
    return found == vips_.end() ? vip::Others{} : found->second.told;
}

vip::Sighting Observers::sighting(const bgp::Peer* peer, const net::Prefix& prefix) const {
    const auto* const session = peer == nullptr ? nullptr : peer->session();
    if (session == nullptr || !session->carries(prefix.family())) return {};
    const auto& rib = peer->adj_rib_in();
    vip::Sighting sighting{.session = true, .complete = rib.complete(prefix.family())};
    for (auto route = rib.routes().lower_bound({prefix}); route != rib.routes().end(); ++route) {
        if (route->first.prefix != prefix) break;
        const auto& attributes = route->second.attributes;
        const auto mark = bgp::standby_mark(attributes.large_communities);
        const bool own = (mark && mark->router_id == router_id_) ||
                         route->second.refused == bgp::Refusal::OwnRouterId ||
                         attributes.next_hop == peer->local()->address;
        // RFC 9494 §4.3: the router keeps it for want of a better one; its node has been away for long. What we keep
        // ourselves of a router that is away says nothing of the kind.
        const bool long_gone = attributes.communities.contains(bgp::llgr_stale_community) && !route->second.stale;
        if (own || long_gone || attributes.communities.contains(bgp::graceful_shutdown_community)) continue;
        vip::Heard heard{.rank = std::nullopt, .text = text_of(attributes, mark)};
        if (mark) heard.rank = vip::Rank{.rank = mark->rank, .router_id = mark->router_id.value()};
        sighting.routes.push_back(std::move(heard));
    }
    return sighting;
}

void Observers::tell(const VipName& name, Observed& vip, TimePoint now, News& news) {
    vip.due = vip.observation.deadline(now);
    auto others = vip.observation.others(now);
    if (others == vip.told) return;
    vip.told = others;
    news.emplace_back(name, std::move(others));
}

}  // namespace anyvip::daemon
