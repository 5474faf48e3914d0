#include "daemon/observers.hpp"

#include <string>
#include <utility>

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
    by_prefix_.clear();
    deadlines_ = {};
    auto before = std::exchange(vips_, {});
    for (const auto& vip : config.vips) {
        if (!wants_to_know(vip)) continue;
        auto& observed = vips_[vip.name];
        const auto known = before.find(vip.name);
        if (known != before.end() && known->second.prefix == route_prefix(vip)) observed = std::move(known->second);
        observed.prefix = route_prefix(vip);
        observed.peers = {vip.bgp.peers.begin(), vip.bgp.peers.end()};
        observed.observation.configure(vip.learn_delay, observed.peers, now);
        by_prefix_[observed.prefix].insert(vip.name);
        deadlines_.set(vip.name, observed.observation.deadline(now));
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
    for (const auto& prefix : prefixes) {
        const auto concerned = by_prefix_.find(prefix);
        if (concerned == by_prefix_.end()) continue;
        for (const auto& vip_name : concerned->second) {
            auto& vip = vips_.at(vip_name);
            if (!vip.peers.contains(peer.config().name)) continue;
            vip.observation.see(name, sighting(&peer, prefix), now);
            tell(vip_name, vip, now, news);
        }
    }
    return news;
}

Observers::News Observers::expire(TimePoint now) {
    News news;
    for (const auto& name : deadlines_.due(now)) tell(name, vips_.at(name), now, news);
    return news;
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
    deadlines_.set(name, vip.observation.deadline(now));
    auto others = vip.observation.others(now);
    if (others == vip.told) return;
    vip.told = others;
    news.emplace_back(name, std::move(others));
}

}  // namespace anyvip::daemon
