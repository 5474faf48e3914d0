#include "anyvip/vip/dependences.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

namespace anyvip::vip {
namespace {

template <class Name, class Named>
std::map<Name, Place> places_of(const std::vector<Named>& list) {
    std::map<Name, Place> places;
    for (Place place = 0; place < list.size(); ++place) places.emplace(list[place].name, place);
    return places;
}

template <class Name>
std::optional<Place> find_in(const std::map<Name, Place>& places, const Name& name) {
    const auto found = places.find(name);
    return found == places.end() ? std::nullopt : std::optional{found->second};
}

}  // namespace

Dependences::Dependences(const Policies& policies)
    : vips_{places_of<VipName>(policies.vips)},
      routers_{places_of<RouterName>(policies.routers)},
      servers_{places_of<ServerName>(policies.servers)},
      servers_of_vip_(policies.vips.size()),
      vips_of_router_(policies.routers.size()) {
    for (Place place = 0; place < policies.servers.size(); ++place) {
        const auto vip = find(policies.servers[place].vip);
        vip_of_server_.push_back(vip);
        if (vip) servers_of_vip_[*vip].push_back(place);
    }
    for (Place place = 0; place < policies.vips.size(); ++place) {
        const auto& vip = policies.vips[place];
        const auto router = vip.router ? find(*vip.router) : std::nullopt;
        router_of_vip_.push_back(router);
        if (router) vips_of_router_[*router].push_back(place);
        if (!vip.policy.needs_bgp_session) continue;
        for (const auto& peer : vip.peers) peers_[peer].push_back(place);
    }
    index_checks(policies);
}

void Dependences::index_checks(const Policies& policies) {
    for (const auto& check : policies.checks) checks_.try_emplace(check);
    const auto depends = [this](const CheckName& check, auto list, const auto& who) {
        const auto known = checks_.find(check);
        if (known != checks_.end()) (known->second.*list).push_back(who);
    };
    for (Place server = 0; server < policies.servers.size(); ++server) {
        const auto& real_servers = policies.servers[server].real_servers;
        for (std::size_t index = 0; index < real_servers.size(); ++index) {
            const auto& check = real_servers[index].check;
            if (check) depends(*check, &Dependents::real_servers, Dependents::RealServer{server, index});
        }
    }
    for (Place vip = 0; vip < policies.vips.size(); ++vip) {
        for (const auto& track : policies.vips[vip].policy.tracks) depends(track.check, &Dependents::vips, vip);
    }
    for (Place router = 0; router < policies.routers.size(); ++router) {
        for (const auto& track : policies.routers[router].tracks) depends(track.check, &Dependents::routers, router);
    }
}

const Dependents* Dependences::of(const CheckName& check) const {
    const auto known = checks_.find(check);
    return known == checks_.end() ? nullptr : &known->second;
}

const std::vector<Place>& Dependences::of(const PeerName& peer) const {
    static const std::vector<Place> nobody;
    const auto known = peers_.find(peer);
    return known == peers_.end() ? nobody : known->second;
}

std::optional<Place> Dependences::find(const VipName& name) const {
    return find_in(vips_, name);
}

std::optional<Place> Dependences::find(const RouterName& name) const {
    return find_in(routers_, name);
}

std::optional<Place> Dependences::find(const ServerName& name) const {
    return find_in(servers_, name);
}

}  // namespace anyvip::vip
