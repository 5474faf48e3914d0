#include "config/rules.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace anyvip::config {

namespace {

/// The place of an element of the array at a key, or of the value if it is none.
Place place_of_element(const Value& table, std::string_view key, std::size_t index) {
    const Entry* entry = find(table, key);
    if (entry == nullptr) return table.place;
    const auto* items = std::get_if<Array>(&entry->value.data);
    return items != nullptr && index < items->size() ? (*items)[index].place : entry->value.place;
}

/// Of "bgp.peers" and its like: a key of a table at a key.
const Value& inner(const Value& table, std::string_view key) {
    const Entry* entry = find(table, key);
    return entry == nullptr ? table : entry->value;
}

std::string first_at(Place place) {
    return "first in line " + std::to_string(place.line);
}

template <class T>
const T* by_name(const std::vector<T>& things, const decltype(T::name)& name) {
    const auto thing = std::ranges::find(things, name, &T::name);
    return thing == things.end() ? nullptr : &*thing;
}

template <class T>
std::vector<std::string> names_of(const std::vector<T>& things) {
    std::vector<std::string> names;
    for (const T& thing : things) names.push_back(thing.name.value());
    return names;
}

/// True for a thing that is there and was read without error.
template <class T>
bool is_sound(const std::vector<T>& things, const std::vector<Source>& sources, const T* thing) {
    return thing != nullptr && sources[static_cast<std::size_t>(thing - things.data())].sound;
}

/// FNV-1a: the last resort for a router_id where the host has no IPv4 (RFC 6286 asks for any number but 0).
std::uint32_t hash_of(std::string_view text) {
    std::uint32_t hash = 2166136261U;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return hash == 0 ? 1 : hash;
}

bool is_vip(const Config& config, const net::IpAddress& address) {
    return std::ranges::any_of(config.vips, [&](const Vip& vip) { return vip.address.address() == address; });
}

net::Ipv4Address derive_router_id(const Config& config, const Host& host) {
    for (const Peer& peer : config.bgp->peers) {
        if (peer.source && peer.source->is_v4()) return peer.source->v4();
    }
    if (host.source_towards) {
        for (const Peer& peer : config.bgp->peers) {
            if (!peer.address.is_v4() || peer.range) continue;
            const auto address = host.source_towards(peer.address);
            if (address && !is_vip(config, *address)) return *address;
        }
    }
    return config.node.name.empty() ? net::Ipv4Address{} : net::Ipv4Address{hash_of(config.node.name)};
}

void resolve_bgp(Config& config, const Sources& sources, const Host& host, Errors& errors) {
    Bgp& bgp = *config.bgp;
    if (find(*sources.bgp, "router_id") == nullptr) {
        bgp.router_id = {derive_router_id(config, host), true};
        if (bgp.router_id.address.is_unspecified()) {
            errors.add(sources.bgp->place, "\"router_id\" is missing in bgp, and there is nothing to derive it from");
        }
    }
    if (find(*sources.bgp, "listen") == nullptr) {
        const auto passive = [&](net::Family family) {
            return std::ranges::any_of(bgp.peers,
                                       [&](const Peer& p) { return p.passive && p.address.family() == family; });
        };
        if (passive(net::Family::Ipv4)) bgp.listen.emplace_back(net::Ipv4Address{});
        if (passive(net::Family::Ipv6)) bgp.listen.emplace_back(net::Ipv6Address{});
    }
}

void resolve_vip(Config& config, Vip& vip, const Source& source) {
    const VirtualRouter* router = vip.virtual_router ? by_name(config.virtual_routers, *vip.virtual_router) : nullptr;
    if (find(*source.table, "interface") == nullptr) {
        vip.interface = router != nullptr ? router->interface : net::InterfaceName{"lo"};
    }
    if (!vip.announce.bgp || !config.bgp) return;
    const bool all = vip.bgp.peers.empty();
    std::vector<PeerName> peers;
    for (const Peer& peer : config.bgp->peers) {
        const bool named = std::ranges::find(vip.bgp.peers, peer.name) != vip.bgp.peers.end();
        if (all ? peer.families.contains(vip.address.family()) : named) peers.push_back(peer.name);
    }
    // Names that lead nowhere stay, for the rule that complains about them.
    for (const PeerName& name : vip.bgp.peers) {
        if (by_name(config.bgp->peers, name) == nullptr) return;
    }
    // By name, so that another order of the peers in the file is no change of the VIP.
    std::ranges::sort(peers);
    vip.bgp.peers = std::move(peers);
}

void resolve_virtual_router(const Config& config, VirtualRouter& router, const Source& source) {
    if (find(*source.table, "family") != nullptr) return;
    for (const Vip& vip : config.vips) {
        if (vip.virtual_router != router.name) continue;
        router.family = vip.address.family();
        return;
    }
}

/// The rules, each for one thing at a time; it says where the thing stands and where it is wrong.
class Rules {
public:
    Rules(const Config& config, const Sources& sources, Errors& errors)
        : config_{config}, sources_{sources}, errors_{errors} {
        for (const Vip& vip : config.vips) vip_addresses_.insert(vip.address.address());
    }

    void check() {
        check_names();
        check_peers();
        check_virtual_routers();
        check_probes();
        check_vips();
        check_virtual_servers();
    }

private:
    void check_names() {
        if (config_.bgp) unique_names(config_.bgp->peers, sources_.peers, "peer");
        unique_names(config_.virtual_routers, sources_.virtual_routers, "virtual router");
        unique_names(config_.checks, sources_.checks, "check");
        unique_names(config_.vips, sources_.vips, "VIP");
        unique_names(config_.virtual_servers, sources_.virtual_servers, "virtual server");
    }

    template <class T>
    void unique_names(const std::vector<T>& things, const std::vector<Source>& sources, const std::string& kind) {
        std::map<std::string, Place> seen;
        for (std::size_t i = 0; i < things.size(); ++i) {
            const std::string& name = things[i].name.value();
            const Place place = place_of(*sources[i].table, "name");
            const auto [first, added] = seen.emplace(name, place);
            if (!added && !name.empty()) {
                errors_.add(place, "duplicate " + kind + " " + quote(name) + ", " + first_at(first->second));
            }
        }
    }

    template <class T>
    bool exists(const std::vector<T>& things, const decltype(T::name)& name, Place place, const std::string& kind) {
        if (by_name(things, name) != nullptr) return true;
        errors_.add(place, "there is no " + kind + " " + quote(name.value()), suggest(name.value(), names_of(things)));
        return false;
    }

    /// Product rule 11: packets of our own never come from a VIP, nor go to one as if it were another host.
    void not_a_vip(const net::IpAddress& address, Place place, const std::string& role) {
        if (vip_addresses_.contains(address)) {
            errors_.add(place, address.to_string() + " is a VIP and cannot be the " + role);
        }
    }

    void same_family(const net::IpAddress& address, net::Family family, Place place, const std::string& whose) {
        if (address.family() == family) return;
        errors_.add(place,
                    address.to_string() + " is not of the family of " + whose + ", " + std::string{describe(family)});
    }

    using PeerPlaces = std::map<std::pair<net::IpAddress, std::uint16_t>, Place>;

    void check_peers() {
        if (!config_.bgp) return;
        const Bgp& bgp = *config_.bgp;
        for (std::size_t i = 0; i < bgp.listen.size(); ++i) {
            not_a_vip(bgp.listen[i], place_of_element(*sources_.bgp, "listen", i), "listening address");
        }
        PeerPlaces seen;
        for (std::size_t i = 0; i < bgp.peers.size(); ++i) {
            if (sources_.peers[i].sound) check_peer(bgp.peers[i], *sources_.peers[i].table, seen);
        }
    }

    void check_peer(const Peer& peer, const Value& table, PeerPlaces& seen) {
        if (peer.range) {
            check_range(peer, table);
        } else if (peer.interface) {
            check_interface(peer, table);
        } else {
            check_address(peer, table, seen);
        }
        if (peer.passive && config_.bgp->listen.empty()) {
            const auto* const key = peer.range ? "range" : "passive";
            errors_.add(place_of(table, key), "a passive peer needs a listening address, and \"listen\" is empty");
        }
        check_covering_keys(peer, table);
        check_graceful_restart(peer, table);
    }

    /// A peer that waits for us sends the traffic of a dead node to it meanwhile (product rule 7).
    void check_graceful_restart(const Peer& peer, const Value& table) {
        if (peer.long_lived_stale_time > Duration::zero() && !lets_keep_for_long(peer)) {
            errors_.add(place_of(table, "long_lived_stale_time"),
                        "\"long_lived_stale_time\" has no effect: no VIP that goes to this peer has no_llgr = false");
        }
        if (peer.graceful_restart != GracefulRestart::On) return;
        const Place place = place_of(table, "graceful_restart");
        const auto refuse = [&](const std::string& beside) {
            errors_.add(place, "graceful restart beside " + beside + ": the peer would send traffic to a dead node " +
                                   duration_of_death(peer) + "; graceful_restart = \"forced\" does it all the same");
        };
        if (peer.bfd) refuse("\"bfd\", which is there to find that out sooner");
        for (const Vip& vip : config_.vips) {
            const bool goes = std::ranges::find(vip.bgp.peers, peer.name) != vip.bgp.peers.end();
            const bool has_others = vip.role != Role::None || vip.announce.vrrp;
            if (!vip.announce.bgp || !goes || !has_others) continue;
            return refuse("the VIP " + quote(vip.name.value()) + ", which other nodes can announce");
        }
    }

    [[nodiscard]] bool lets_keep_for_long(const Peer& peer) const {
        return std::ranges::any_of(config_.vips, [&](const Vip& vip) {
            if (!vip.announce.bgp || std::ranges::find(vip.bgp.peers, peer.name) == vip.bgp.peers.end()) return false;
            const auto own = vip.bgp.per_peer.find(peer.name);
            return !(own == vip.bgp.per_peer.end() ? vip.bgp.attributes : own->second).no_llgr;
        });
    }

    [[nodiscard]] static std::string duration_of_death(const Peer& peer) {
        const auto whole = traffic_after_death(peer);
        if (!whole) return "for ever (hold_time 0s)";
        auto parts =
            "hold_time " + format_duration(peer.hold_time) + ", restart_time " + format_duration(peer.restart_time);
        if (peer.long_lived_stale_time > Duration::zero()) {
            parts += ", long_lived_stale_time " + format_duration(peer.long_lived_stale_time);
        }
        return "for " + format_duration(*whole) + " (" + parts + ')';
    }

    void check_interface(const Peer& peer, const Value& table) {
        const Place place = place_of(table, "interface");
        const auto [first, added] = interfaces_.emplace(*peer.interface, place);
        if (added) return;
        errors_.add(place,
                    "the interface " + peer.interface->value() + " has a peer already, " + first_at(first->second));
    }

    void check_range(const Peer& peer, const Value& table) {
        const Place place = place_of(table, "range");
        const auto [first, added] = ranges_.emplace(std::pair{*peer.range, peer.device}, place);
        if (peer.address.is_v6() && peer.address.is_link_local() && peer.device.empty()) {
            errors_.add(place, "link-local addresses are those of an interface: the range needs \"device\"");
        }
        if (added) return;
        errors_.add(place, "the range " + peer.range->to_string() + " is there already, " + first_at(first->second));
    }

    /// Of the keys that match, the kernel takes the longest prefix, and it knows no "none"; nor does it have keys of
    /// both kinds for an address, nor two of TCP-AO with one identifier (RFC 5925 §3.1).
    void check_covering_keys(const Peer& peer, const Value& table) {
        if (peer.interface) return;
        const auto own = peer.range.value_or(net::Prefix::host(peer.address));
        for (const Peer& other : config_.bgp->peers) {
            const bool covers = other.range && other.device == peer.device && other.range->contains(peer.address) &&
                                other.range->length() < own.length();
            if (covers && !fits_covering_key(peer, other, table)) return;
        }
    }

    bool fits_covering_key(const Peer& peer, const Peer& wider, const Value& table) {
        const auto kind_of = [](const Peer& keyed) -> std::string_view {
            return !keyed.password_file.empty() ? "password_file" : keyed.tcp_ao.empty() ? "" : "tcp_ao";
        };
        const auto kind = kind_of(wider);
        if (!kind.empty() && kind_of(peer) != kind) {
            errors_.add(place_of(table, "name"), "it is in the range of " + quote(wider.name.value()) +
                                                     ", whose key counts for it too: it needs a " + quote(kind));
            return false;
        }
        const bool shares_id = std::ranges::any_of(peer.tcp_ao, [&](const TcpAoKey& key) {
            return std::ranges::any_of(wider.tcp_ao, [&](const TcpAoKey& theirs) {
                return key.send_id == theirs.send_id || key.receive_id == theirs.receive_id;
            });
        });
        if (!shares_id) return true;
        errors_.add(place_of(table, "tcp_ao"),
                    "a key has an identifier of one of " + quote(wider.name.value()) + ", in whose range the peer is");
        return false;
    }

    void check_address(const Peer& peer, const Value& table, PeerPlaces& seen) {
        const Place place = place_of(table, "address");
        not_a_vip(peer.address, place, "address of a peer");
        const auto neighbour = seen.lower_bound({peer.address, 0});
        const bool same_address = neighbour != seen.end() && neighbour->first.first == peer.address;
        const auto [first, added] = seen.emplace(std::pair{peer.address, peer.port}, place);
        if (!added) {
            errors_.add(place, "a peer with the address " + peer.address.to_string() + " is there already, " +
                                   first_at(first->second));
        } else if (same_address && !config_.bgp->listen.empty()) {
            // What connects to us comes from a port of its kernel's choice.
            errors_.add(place, "a speaker that listens tells peers apart by their address, and " +
                                   peer.address.to_string() + " is there already, " + first_at(neighbour->second));
        }
        if (peer.source) {
            not_a_vip(*peer.source, place_of(table, "source"), "source of a session");
            same_family(*peer.source, peer.address.family(), place_of(table, "source"), "the peer");
        }
        check_max_prefixes_out(peer, table);
    }

    /// What the peer would count: prefixes, each once.
    void check_max_prefixes_out(const Peer& peer, const Value& table) {
        if (!peer.max_prefixes_out) return;
        std::set<net::Prefix> prefixes;
        for (const Vip& vip : config_.vips) {
            const bool goes = std::ranges::find(vip.bgp.peers, peer.name) != vip.bgp.peers.end();
            if (vip.announce.bgp && goes) prefixes.insert(route_prefix(vip));
        }
        if (prefixes.size() <= *peer.max_prefixes_out) return;
        errors_.add(place_of(table, "max_prefixes_out"), std::to_string(prefixes.size()) +
                                                             " prefixes would go to this peer, which takes " +
                                                             std::to_string(*peer.max_prefixes_out));
    }

    void check_tracks(const std::vector<Track>& tracks, const Value& table, bool vrrp) {
        std::set<CheckName> seen;
        for (std::size_t i = 0; i < tracks.size(); ++i) {
            const Place place = place_of_element(table, "track", i);
            if (tracks[i].check.value().empty()) continue;  // Said so when it was read.
            if (!exists(config_.checks, tracks[i].check, place, "check")) continue;
            if (!seen.insert(tracks[i].check).second) {
                errors_.add(place, "the check " + quote(tracks[i].check.value()) + " is tracked twice");
            }
            if (tracks[i].weight && !vrrp) {
                errors_.add(place, "a weight changes the priority of a virtual router, and this VIP has none");
            }
        }
    }

    void check_virtual_routers() {
        std::map<std::tuple<net::InterfaceName, Vrid, net::Family>, Place> seen;
        for (std::size_t i = 0; i < config_.virtual_routers.size(); ++i) {
            const VirtualRouter& router = config_.virtual_routers[i];
            const Value& table = *sources_.virtual_routers[i].table;
            check_tracks(router.track, table, true);
            if (!sources_.virtual_routers[i].sound) continue;
            const bool used =
                std::ranges::any_of(config_.vips, [&](const Vip& vip) { return vip.virtual_router == router.name; });
            if (!used) {
                errors_.add(place_of(table, "name"), "no VIP names the virtual router " + quote(router.name.value()));
            }
            const Place place = place_of(table, "vrid");
            const auto [first, added] = seen.emplace(std::tuple{router.interface, router.vrid, router.family}, place);
            if (!added) {
                errors_.add(place, "VRID " + describe(router.vrid) + " for " + std::string{describe(router.family)} +
                                       " on " + router.interface.value() + " is taken, " + first_at(first->second));
            }
            check_virtual_router(router, table);
        }
    }

    void check_virtual_router(const VirtualRouter& router, const Value& table) {
        const bool ipv6 = router.family == net::Family::Ipv6;
        if (router.version == VrrpVersion::V2 && ipv6) {
            errors_.add(place_of(table, "version"), "VRRP version 2 is for IPv4 only");
        }
        if (find(table, "checksum") != nullptr && (router.version == VrrpVersion::V2 || ipv6)) {
            errors_.add(place_of(table, "checksum"), "\"checksum\" is a matter of version 3 over IPv4 only");
        }
        if (router.source) {
            const Place place = place_of(table, "source");
            same_family(*router.source, router.family, place, "the virtual router");
            // The address owner's real address is the VIP (RFC 9568 §1.6).
            if (router.priority != VrrpPriority{255}) not_a_vip(*router.source, place, "source of advertisements");
        }
        for (std::size_t i = 0; i < router.unicast_peers.size(); ++i) {
            const Place place = place_of_element(table, "unicast_peers", i);
            same_family(router.unicast_peers[i], router.family, place, "the virtual router");
            not_a_vip(router.unicast_peers[i], place, "address of a unicast peer");
            if (router.unicast_peers[i] == router.source) {
                errors_.add(place, "the source of the virtual router cannot be its peer");
            }
        }
    }

    void check_probe(const health::Probe& probe, const Value& table) {
        if (const auto* tcp = std::get_if<health::TcpProbe>(&probe)) {
            check_probe_source(tcp->source, inner(table, "tcp"));
        } else if (const auto* http = std::get_if<health::HttpProbe>(&probe)) {
            check_probe_source(http->source, inner(table, "http"));
        }
    }

    void check_probe_source(const std::optional<net::IpAddress>& source, const Value& table) {
        if (source) not_a_vip(*source, place_of(table, "source"), "source of a probe");
    }

    void check_probes() {
        for (std::size_t i = 0; i < config_.checks.size(); ++i) {
            const Value& table = *sources_.checks[i].table;
            if (!sources_.checks[i].sound) continue;
            check_probe(config_.checks[i].probe, table);
            const auto target_fits = [&](const auto& probe, std::string_view kind) {
                if (probe.source) {
                    same_family(*probe.source, probe.target.address.family(), place_of(inner(table, kind), "source"),
                                "the target");
                }
            };
            if (const auto* tcp = std::get_if<health::TcpProbe>(&config_.checks[i].probe)) target_fits(*tcp, "tcp");
            if (const auto* http = std::get_if<health::HttpProbe>(&config_.checks[i].probe)) target_fits(*http, "http");
        }
    }

    void check_vips() {
        std::map<net::IpAddress, Place> seen;
        for (std::size_t i = 0; i < config_.vips.size(); ++i) {
            const Vip& vip = config_.vips[i];
            const Value& table = *sources_.vips[i].table;
            check_vip_router(vip, table, sources_.vips[i].sound);
            check_vip_peers(vip, table, sources_.vips[i].sound);
            check_tracks(vip.track, table, vip.announce.vrrp || !sources_.vips[i].sound);
            if (!sources_.vips[i].sound) continue;
            const Place place = place_of(table, "address");
            const auto [first, added] = seen.emplace(vip.address.address(), place);
            if (!added) {
                errors_.add(place, vip.address.address().to_string() + " is a VIP already, " + first_at(first->second));
            }
            if (!vip.announce.vrrp && !vip.address.is_host()) {
                errors_.add(place, "a VIP that is announced by \"bgp\" alone has no prefix length",
                            vip.address.address().to_string());
            }
            check_prefix(vip, table);
            check_capacity(vip, table);
            if (vip.announce.bgp && vip.address.address().is_link_local()) {
                errors_.add(place, "a link-local address cannot be announced by \"bgp\"");
            }
            if (vip.standby && (!vip.announce.bgp || vip.announce.vrrp)) {
                errors_.add(place_of(table, "role"), "\"standby\" is for a VIP that is announced by \"bgp\" alone");
            }
            if (find(table, "track_bgp_session") != nullptr && !(vip.announce.bgp && vip.announce.vrrp)) {
                errors_.add(place_of(table, "track_bgp_session"),
                            "\"track_bgp_session\" needs announce = [\"vrrp\", \"bgp\"]");
            }
        }
    }

    void check_prefix(const Vip& vip, const Value& table) {
        if (!vip.prefix) return;
        const Place place = place_of(table, "prefix");
        if (!vip.announce.bgp) {
            errors_.add(place, "\"prefix\" has no effect: the VIP is announced by \"vrrp\" alone");
        }
        if (vip.prefix->family() != vip.address.family() || !vip.prefix->contains(vip.address.address())) {
            errors_.add(place, vip.prefix->to_string() + " does not contain " + vip.address.address().to_string());
        }
        const auto [other, added] = prefixes_.emplace(*vip.prefix, &vip);
        if (!added && (other->second->bgp != vip.bgp || other->second->standby != vip.standby)) {
            errors_.add(place, vip.prefix->to_string() +
                                   " is one route: its \"bgp\" and role must be those of the VIP " +
                                   quote(other->second->name.value()));
        }
    }

    void check_capacity(const Vip& vip, const Value& table) {
        const bool has_servers = std::ranges::any_of(
            config_.virtual_servers, [&](const VirtualServer& server) { return server.vip == vip.name; });
        if (!tells_capacity(vip) || has_servers) return;
        errors_.add(
            place_of(inner(table, "bgp"), "link_bandwidth"),
            "\"per_weight\" is about real servers, and no virtual server has the VIP " + quote(vip.name.value()));
    }

    void check_vip_router(const Vip& vip, const Value& table, bool sound) {
        if (vip.virtual_router) {
            const Place place = place_of(table, "virtual_router");
            if (!exists(config_.virtual_routers, *vip.virtual_router, place, "virtual router") || !sound) return;
            if (!vip.announce.vrrp) {
                errors_.add(place, "\"virtual_router\" has no effect: the VIP is announced by \"bgp\" alone");
            }
            const VirtualRouter* router = by_name(config_.virtual_routers, *vip.virtual_router);
            if (!is_sound(config_.virtual_routers, sources_.virtual_routers, router)) return;
            same_family(vip.address.address(), router->family, place_of(table, "address"),
                        "the virtual router " + quote(router->name.value()));
        } else if (vip.announce.vrrp && sound) {
            errors_.add(place_of(table, "announce"), "announce by \"vrrp\" needs \"virtual_router\"");
        }
    }

    void check_vip_peers(const Vip& vip, const Value& table, bool sound) {
        const Value& bgp = inner(table, "bgp");
        if (!vip.announce.bgp) {
            if (sound && &bgp != &table) {
                errors_.add(bgp.place, "\"bgp\" has no effect: the VIP is announced by \"vrrp\" alone");
            }
            return;
        }
        if (!config_.bgp || config_.bgp->peers.empty()) {
            errors_.add(place_of(table, "announce"), "announce by \"bgp\" needs [bgp] and a [[bgp.peer]]");
            return;
        }
        check_per_peer(vip, bgp);
        const Entry* listed = find(bgp, "peers");
        if (listed == nullptr || &bgp == &table) {
            const bool all_peers_sound = std::ranges::all_of(sources_.peers, &Source::sound);
            if (vip.bgp.peers.empty() && sound && all_peers_sound) {
                errors_.add(place_of(table, "address"),
                            "no peer carries " + std::string{describe(vip.address.family())} +
                                "; over a session of the other family it needs " +
                                (vip.address.address().is_v4() ? "\"next_hop\"" : "\"next_hop6\""));
            }
            return;
        }
        check_listed_peers(vip, listed->value, sound);
    }

    void check_per_peer(const Vip& vip, const Value& bgp) {
        const Entry* per_peer = find(bgp, "per_peer");
        const auto* table = per_peer == nullptr ? nullptr : std::get_if<Table>(&per_peer->value.data);
        if (table == nullptr) return;
        for (const Entry& entry : *table) {
            const PeerName name{entry.key};
            if (!exists(config_.bgp->peers, name, entry.place, "peer")) continue;
            if (std::ranges::find(vip.bgp.peers, name) == vip.bgp.peers.end()) {
                errors_.add(entry.place, "the VIP does not go to the peer " + quote(entry.key));
            }
        }
    }

    void check_listed_peers(const Vip& vip, const Value& listed, bool sound) {
        const auto* items = std::get_if<Array>(&listed.data);
        if (items == nullptr) return;
        std::set<std::string> seen;
        for (const Value& item : *items) {
            const auto* name = std::get_if<std::string>(&item.data);
            if (name == nullptr || !exists(config_.bgp->peers, PeerName{*name}, item.place, "peer")) continue;
            if (!seen.insert(*name).second) errors_.add(item.place, quote(*name) + " is listed twice");
            const Peer* peer = by_name(config_.bgp->peers, PeerName{*name});
            if (!sound || !is_sound(config_.bgp->peers, sources_.peers, peer)) continue;
            if (!peer->families.contains(vip.address.family())) {
                errors_.add(item.place, "the peer " + quote(*name) + " does not carry " +
                                            std::string{describe(vip.address.family())});
            }
        }
    }

    void check_virtual_servers() {
        std::map<std::tuple<VipName, std::uint16_t, ipvs::Protocol>, Place> seen;
        for (std::size_t i = 0; i < config_.virtual_servers.size(); ++i) {
            const VirtualServer& server = config_.virtual_servers[i];
            const Value& table = *sources_.virtual_servers[i].table;
            const bool has_vip =
                server.vip.value().empty() || exists(config_.vips, server.vip, place_of(table, "vip"), "VIP");
            check_real_servers(server, i, has_vip);
            if (!sources_.virtual_servers[i].sound || !has_vip) continue;
            const auto [first, added] =
                seen.emplace(std::tuple{server.vip, server.port, server.protocol}, place_of(table, "port"));
            if (!added) {
                errors_.add(
                    place_of(table, "port"),
                    "a virtual server for this VIP, port and protocol is there already, " + first_at(first->second));
            }
            check_virtual_server(server, table);
        }
    }

    void check_virtual_server(const VirtualServer& server, const Value& table) {
        const Vip* vip = by_name(config_.vips, server.vip);
        if (server.real_servers.empty()) {
            errors_.add(table.place, "a virtual server needs a [[virtual_server.real_server]]");
        } else if (server.quorum > server.real_servers.size()) {
            errors_.add(place_of(table, "quorum"), "a quorum of " + std::to_string(server.quorum) +
                                                       " cannot be reached with " +
                                                       std::to_string(server.real_servers.size()) + " real servers");
        }
        if (is_sound(config_.vips, sources_.vips, vip) && server.program == Program::Active && !vip->announce.vrrp) {
            errors_.add(place_of(table, "program"), "program = \"active\" needs a VIP that is announced by \"vrrp\"");
        }
        if (server.check) check_probe(server.check->probe, inner(table, "check"));
    }

    void check_real_servers(const VirtualServer& server, std::size_t index, bool has_vip) {
        const Vip* vip = by_name(config_.vips, server.vip);
        const bool compare =
            has_vip && sources_.virtual_servers[index].sound && is_sound(config_.vips, sources_.vips, vip);
        std::map<net::Endpoint, Place> seen;
        for (std::size_t i = 0; i < server.real_servers.size(); ++i) {
            const Source& source = sources_.real_servers[index][i];
            if (!source.sound) continue;
            const net::Endpoint& address = server.real_servers[i].address;
            const Place place = place_of(*source.table, "address");
            not_a_vip(address.address, place, "address of a real server");
            const auto [first, added] = seen.emplace(address, place);
            if (!added) {
                errors_.add(place,
                            "the real server " + address.to_string() + " is there already, " + first_at(first->second));
            }
            if (compare) check_forwarding(server, *vip, address, *source.table);
        }
    }

    void check_forwarding(const VirtualServer& server, const Vip& vip, const net::Endpoint& address,
                          const Value& table) {
        // Only a tunnel can change the family on the way (Linux 3.18).
        if (server.forwarding != ipvs::Forwarding::Tunnel) {
            same_family(address.address, vip.address.family(), place_of(table, "address"), "the VIP");
        }
        // The kernel would take another port and never use it: only NAT rewrites packets.
        if (server.forwarding != ipvs::Forwarding::Nat && address.port != server.port) {
            errors_.add(place_of(table, "port"), "only forwarding = \"nat\" can change the port");
        }
    }

    const Config& config_;
    const Sources& sources_;
    std::map<net::Prefix, const Vip*> prefixes_;                   ///< that VIPs share
    std::map<std::pair<net::Prefix, std::string>, Place> ranges_;  ///< of peers, by device
    std::map<net::InterfaceName, Place> interfaces_;               ///< of unnumbered peers
    Errors& errors_;
    std::set<net::IpAddress> vip_addresses_;
};

}  // namespace

void resolve(Config& config, const Sources& sources, const Host& host, Errors& errors) {
    for (std::size_t i = 0; i < config.virtual_routers.size(); ++i) {
        resolve_virtual_router(config, config.virtual_routers[i], sources.virtual_routers[i]);
    }
    if (config.bgp) resolve_bgp(config, sources, host, errors);
    for (std::size_t i = 0; i < config.vips.size(); ++i) resolve_vip(config, config.vips[i], sources.vips[i]);
}

void check_rules(const Config& config, const Sources& sources, Errors& errors) {
    Rules{config, sources, errors}.check();
}

}  // namespace anyvip::config
