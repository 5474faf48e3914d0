#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"
#include "bgp/message.hpp"
#include "bgp/notification.hpp"
#include "bgp/peer_range.hpp"
#include "daemon/decision.hpp"
#include "daemon/named.hpp"

/// Decision's peers: configured ones, the instances of ranges, those that are found on a link; what they are told, and
/// what they tell.
namespace anyvip::daemon {
namespace {

/// What a peer told us, and when it tells all of it again.
bool is_import(const bgp::Action& action) {
    return std::holds_alternative<bgp::RoutesReceived>(action) || std::holds_alternative<bgp::RefreshBegins>(action) ||
           std::holds_alternative<bgp::RefreshEnds>(action) ||
           std::holds_alternative<bgp::WatchedRoutesChanged>(action) ||
           std::holds_alternative<bgp::InitialRoutesReceived>(action) ||
           std::holds_alternative<bgp::MaxPrefixesReached>(action);
}

}  // namespace

void Decision::configure_peers(Turn& turn) {
    ConfigureSpeaker speaker;
    if (config_->bgp) {
        speaker.listen = config_->bgp->listen;
        speaker.port = config_->bgp->port;
        for (const auto& peer : config_->bgp->peers) {
            speaker.peers.emplace(peer.name, with_neighbor(peer_config(*config_->bgp, peer)));
        }
        for (const auto& vip : config_->vips) speaker.vips.insert(vip.address.address());
    }
    if (speaker_ == speaker || (!speaker_ && speaker.peers.empty())) return;
    speaker_ = speaker;

    for (auto it = peers_.begin(); it != peers_.end();) {
        const auto name = it->first;
        const bool stays = wanted(name, it->second.core).has_value();
        ++it;
        if (!stays) end_peer(name, turn);
    }
    turn.wire.emplace_back(speaker);  // After the Cease: a peer that the shell does not know has no socket.
    for (auto it = peers_.begin(); it != peers_.end();) {
        const auto& [name, peer] = *it++;
        const auto config = wanted(name, peer.core);
        if (config && *config != peer.core.config()) feed_peer(PeerName{name}, bgp::ConfigChanged{*config}, turn);
    }
    std::erase_if(ranges_, [&](const auto& range) {
        const auto peer = speaker.peers.find(range.first);
        return peer == speaker.peers.end() || !peer->second.range;
    });
    for (const auto& [name, peer] : speaker.peers) {
        if (peer.range) {
            ranges_.try_emplace(name);
        } else if (!peers_.contains(name)) {
            add_peer(name, peer, turn);
        }
    }
}

/// What a peer is configured as now; an instance, as the range is that its address belongs to. nullopt: no longer.
std::optional<bgp::PeerConfig> Decision::wanted(const PeerName& name, const bgp::Peer& peer) const {
    const auto& config = peer.config();
    const auto& peers = speaker_->peers;
    if (name != config.name) {
        const auto owner = bgp::peer_of(peers, config.address, config.device);
        if (owner == peers.end() || !owner->second.range || owner->first != config.name) return std::nullopt;
        return bgp::instance_of(owner->second, config.address);
    }
    const auto found = peers.find(name);
    return found == peers.end() || found->second.range ? std::nullopt : std::optional{found->second};
}

void Decision::on(const PeerEvent& event, Turn& turn) {
    if (!peers_.contains(event.peer)) return read_of_stranger(event, turn);
    if (const auto* refused = std::get_if<bgp::ConnectionRefused>(&event.event)) {
        turn.rest.emplace_back(Notice{NoticeKind::PeerConnectionRefused, subject(event.peer), refused->reason});
    }
    feed_peer(event.peer, event.event, turn);
}

void Decision::feed_peer(const PeerName& name, const bgp::Event& event, Turn& turn) {
    const auto found = peers_.find(name);
    if (found == peers_.end()) return;
    PeerNews news;
    for (auto& action : found->second.core.handle(event, turn.now)) {
        take_note(name, action, news, turn);
        // What the peer announced ends here: it is looked at, and goes nowhere.
        if (!is_import(action)) turn.wire.emplace_back(PeerAction{name, std::move(action)});
    }
    auto& connected_until = found->second.connected_until;
    if (found->second.core.connected()) {
        connected_until.reset();
    } else if (!connected_until) {
        connected_until = turn.now;
    }
    auto due = found->second.core.deadline();
    const auto peer_name = found->second.core.config().name;
    if (name != peer_name && connected_until) due = earliest(due, *connected_until + instance_linger);
    peer_deadlines_.set(name, due);
    const bool established = found->second.core.state() == bgp::State::Established;
    const bool gone = found->second.leaving && found->second.core.state() == bgp::State::Idle;
    std::set<VipName> taken;
    if (news.sent || gone) taken.swap(found->second.unsent);
    for (const auto& vip : taken) --vips_.at(vip).unsent_by;
    if (gone) {
        peer_deadlines_.set(name, std::nullopt);
        peers_.erase(found);
    }
    look_for_others(name, news, turn);
    for (const auto& vip : taken) tell_if_sent(vip, turn);
    if (!news.session_changed) return;
    report_sessions(turn);
    for (auto it = links_.begin(); it != links_.end();) {
        const auto& [interface, link] = *it++;
        if (link.peer == peer_name) feed_link(interface, bgp::link::SessionIs{established}, turn);
    }
}

/// What an action of a peer means beside its being carried out.
void Decision::take_note(const PeerName& name, const bgp::Action& action, PeerNews& news, Turn& turn) {
    std::visit(
        overloaded{
            [&](const bgp::RoutesSent&) { news.sent = true; },
            [&](const bgp::SessionUp&) { news.session_changed = true; },
            [&](const bgp::SessionDown&) { news.session_changed = true; },
            [&](const bgp::InitialRoutesReceived&) { news.had_its_say = true; },
            [&](const bgp::WatchedRoutesChanged& changed) {
                news.watched.insert(changed.prefixes.begin(), changed.prefixes.end());
            },
            [&](const bgp::StateChanged& changed) {
                turn.rest.emplace_back(Notice{NoticeKind::PeerStateChanged, subject(name), bgp::describe(changed)});
            },
            [&](const bgp::MaxPrefixesReached& reached) {
                turn.rest.emplace_back(Notice{NoticeKind::PeerMaxPrefixes, subject(name), bgp::describe(reached)});
            },
            [](const auto& /*for_the_shell*/) {},
        },
        action);
}

void Decision::look_for_others(const PeerName& name, const PeerNews& news, Turn& turn) {
    const auto peer = peers_.find(name);
    const auto* const core = peer == peers_.end() ? nullptr : &peer->second.core;
    if (news.session_changed || news.had_its_say || core == nullptr) {
        tell_others(observers_.look(name, core, turn.now), turn);
    } else if (!news.watched.empty()) {
        tell_others(observers_.look(name, *core, news.watched, turn.now), turn);
    }
}

void Decision::tell_others(const Observers::News& news, Turn& turn) {
    for (const auto& [vip, others] : news) {
        turn.rest.emplace_back(
            Notice{NoticeKind::VipOthersChanged, subject(vip),
                   vip::describe(others.knowledge) + (others.text.empty() ? "" : ": " + others.text)});
        feed(vip, vip::OthersObserved{others}, turn);
    }
}

void Decision::watch_routes(Turn& turn) {
    std::vector<PeerName> names;
    for (const auto& [name, peer] : peers_) names.push_back(name);
    for (const auto& name : names) watch_routes(name, turn);
}

void Decision::watch_routes(const PeerName& name, Turn& turn) {
    auto& peer = peers_.at(name);
    auto watched = observers_.watched(peer.core.config().name);
    if (watched == peer.watched) return;
    peer.watched = watched;
    feed_peer(name, bgp::Watch{std::move(watched)}, turn);
    tell_others(observers_.look(name, &peers_.at(name).core, turn.now), turn);
}

void Decision::add_peer(const PeerName& name, const bgp::PeerConfig& config, Turn& turn) {
    peers_.emplace(name, Peer{.core = bgp::Peer{config, random_, routes_}});
    watch_routes(name, turn);
    if (config.graceful_restart && !former_run_) {
        peers_.at(name).waits = true;
    } else {
        start_peer(name, turn);
    }
    if (initial_routes_complete_) feed_peer(name, bgp::InitialRoutesComplete{}, turn);
}

void Decision::start_peer(const PeerName& name, Turn& turn) {
    auto& peer = peers_.at(name);
    peer.waits = false;
    feed_peer(name, bgp::Start{own_restart(peer.core.config(), turn.now)}, turn);
}

void Decision::start_waiting_peers(Turn& turn) {
    for (auto it = peers_.begin(); it != peers_.end();) {
        const auto& [name, peer] = *it++;
        if (peer.waits && !peer.leaving) start_peer(PeerName{name}, turn);
    }
}

/// Who comes later than the restart time has nothing of a former run any longer. The address of a hybrid VIP is not
/// there before its virtual router is Active.
bgp::OwnRestart Decision::own_restart(const bgp::PeerConfig& peer, TimePoint now) const {
    if (!peer.graceful_restart || !former_run_ || !former_run_->left_something) return {};
    if (now >= started_at_ + peer.graceful_restart->restart_time) return {};
    const auto is_hybrid = [&](net::Family family) {
        return std::ranges::any_of(config_->vips, [&](const config::Vip& vip) {
            return vip.announce.bgp && vip.announce.vrrp && vip.address.family() == family &&
                   std::ranges::binary_search(vip.bgp.peers, peer.name);
        });
    };
    return {.restarted = true,
            .preserved = {.ipv4 = former_run_->forwarded_ipv4 && !is_hybrid(net::Family::Ipv4),
                          .ipv6 = former_run_->forwarded_ipv6 && !is_hybrid(net::Family::Ipv6)}};
}

void Decision::end_peer(const PeerName& name, Turn& turn) {
    auto& peer = peers_.at(name);
    peer.leaving = true;
    const bool has_bfd = std::ranges::find(bfd_.sessions, name, &BfdSetup::peer) != bfd_.sessions.end();
    if (has_bfd && peer.core.connected()) bfd_farewells_[name] = turn.now + bfd_farewell;
    feed_peer(name, bgp::Stop{bgp::CeaseSubcode::PeerDeconfigured, "no longer configured"}, turn);
}

// ---- ranges --------------------------------------------------------------------------------------------

std::vector<PeerName> Decision::instances_of(const PeerName& range) const {
    std::vector<PeerName> names;
    for (const auto& [name, peer] : peers_) {
        if (name != range && peer.core.config().name == range) names.push_back(name);
    }
    return names;
}

/// The shell speaks of a peer that there is not: of a range, of what connects from there, or of what has gone.
void Decision::read_of_stranger(const PeerEvent& event, Turn& turn) {
    std::visit(overloaded{
                   [&](const bgp::ConnectionOpened& opened) { admit(event.peer, opened, turn); },
                   [&](const bgp::ConnectionRefused& refused) { turn_away(event.peer, refused.reason, turn); },
                   [&](const bgp::TransportDiagnosis& diagnosis) {
                       const auto range = ranges_.find(event.peer);
                       if (range == ranges_.end()) return;
                       range->second.last_error = diagnosis.text;
                       range->second.last_error_at = turn.now;
                   },
                   [](const auto& /*of_a_former_peer*/) {},
               },
               event.event);
}

/// Asks again whose the address is: a reload may have come between.
const bgp::PeerConfig* Decision::range_of(const PeerName& name, const net::IpAddress& address) const {
    if (!speaker_) return nullptr;
    const auto& peers = speaker_->peers;
    const auto range = peers.find(bgp::range_name(name));
    if (range == peers.end() || !range->second.range) return nullptr;
    return bgp::peer_of(peers, address, range->second.device) == range ? &range->second : nullptr;
}

void Decision::admit(const PeerName& name, const bgp::ConnectionOpened& opened, Turn& turn) {
    const auto* const range = range_of(name, opened.remote.address);
    if (range == nullptr || stage_ == Stage::Stopped) {
        turn.wire.emplace_back(PeerAction{name, bgp::CloseConnection{opened.connection}});
        return;
    }
    if (!make_room(*range, turn)) {
        turn_away(name, "all " + std::to_string(range->limit) + " sessions of the range are taken", turn);
        // RFC 4486 §4; nobody has said an OPEN yet.
        auto rejected = bgp::encode(bgp::cease(bgp::CeaseSubcode::ConnectionRejected), {});
        turn.wire.emplace_back(PeerAction{name, bgp::Send{opened.connection, std::move(rejected)}});
        turn.wire.emplace_back(PeerAction{name, bgp::CloseConnection{opened.connection}});
        return;
    }
    ranges_.at(range->name).said.reset();
    add_peer(name, bgp::instance_of(*range, opened.remote.address), turn);
    feed_peer(name, opened, turn);
    configure_bfd(turn);
}

/// Whoever is connected stays; of the others the one goes that has been away for longest.
bool Decision::make_room(const bgp::PeerConfig& range, Turn& turn) {
    const auto names = instances_of(range.name);
    if (names.size() < range.limit) return true;
    const auto since = [this](const PeerName& name) {
        return peers_.at(name).connected_until.value_or(TimePoint::max());
    };
    const auto first = std::ranges::min_element(names, {}, since);
    if (!peers_.at(*first).connected_until) return false;
    end_peer(*first, turn);
    return true;
}

/// In the log once: a rack of hosts beyond the limit tries again every few seconds.
void Decision::turn_away(const PeerName& name, const std::string& reason, Turn& turn) {
    const auto range = ranges_.find(bgp::range_name(name));
    if (range == ranges_.end()) return;
    ++range->second.refused;
    range->second.last_error = reason;
    range->second.last_error_at = turn.now;
    if (std::exchange(range->second.said, reason) == reason) return;
    turn.rest.emplace_back(Notice{NoticeKind::PeerConnectionRefused, subject(name), reason});
}

void Decision::forget_instances(Turn& turn) {
    std::vector<PeerName> forgotten;
    for (const auto& [name, peer] : peers_) {
        if (name == peer.core.config().name || !peer.connected_until) continue;
        if (*peer.connected_until + instance_linger <= turn.now) forgotten.push_back(name);
    }
    for (const auto& name : forgotten) end_peer(name, turn);
    if (!forgotten.empty() && stage_ != Stage::Stopped) configure_bfd(turn);
}

std::vector<PeerRangeStatus> Decision::range_status() const {
    std::vector<PeerRangeStatus> to;
    for (const auto& [name, range] : ranges_) {
        const auto& config = speaker_->peers.at(name);
        const auto instances = instances_of(name);
        const auto established = std::ranges::count_if(instances, [this](const PeerName& instance) {
            return peers_.at(instance).core.state() == bgp::State::Established;
        });
        to.push_back({.name = name,
                      .range = *config.range,
                      .peer_as = config.peer_as,
                      .limit = config.limit,
                      .instances = instances.size(),
                      .established = static_cast<std::size_t>(established),
                      .refused = range.refused,
                      .last_error = range.last_error,
                      .last_error_at = range.last_error_at});
    }
    return to;
}

// ---- unnumbered peers ----------------------------------------------------------------------------------

void Decision::on(const LinkPacket& event, Turn& turn) {
    if (links_.contains(event.interface)) feed_link(event.interface, event.packet, turn);
}

void Decision::follow_interface(const net::InterfaceName& interface, Turn& turn) {
    const auto own = link_locals_.find(interface);
    bgp::link::InterfaceIs is;
    if (own != link_locals_.end()) is.interface = {own->second.index, *own->second.address, own->second.mac};
    feed_link(interface, is, turn);
}

/// Precondition: there is such a link.
void Decision::feed_link(const net::InterfaceName& interface, const bgp::link::Event& event, Turn& turn) {
    auto& link = links_.at(interface);
    const auto own = link.core.interface();
    const auto actions = link.core.handle(event, turn.now);
    if (link.core.interface() != own) open_links(turn);  // Before the first packet.
    turn.neighbors_changed = turn.neighbors_changed || link.core.interface() != own;
    for (const auto& action : actions) {
        std::visit(
            overloaded{
                [&](const bgp::link::SendPacket& packet) { turn.rest.emplace_back(SendLinkPacket{interface, packet}); },
                [&](const bgp::link::NeighborChanged& changed) {
                    turn.neighbors_changed = true;
                    const auto who = changed.neighbor ? changed.neighbor->to_string() : "nobody";
                    turn.rest.emplace_back(
                        Notice{NoticeKind::PeerNeighborChanged, subject(link.peer), who + " on " + interface.value()});
                },
                [&](const bgp::link::AnotherNeighbor& another) {
                    turn.rest.emplace_back(
                        Notice{NoticeKind::PeerNeighborIgnored, subject(link.peer),
                               another.address.to_string() + " is a router on " + interface.value() + " too"});
                },
            },
            action);
    }
}

/// The session goes where the neighbour is. At the end of a turn: a session that ends may be what a neighbour goes
/// with.
void Decision::follow_neighbors(Turn& turn) {
    while (std::exchange(turn.neighbors_changed, false) && stage_ != Stage::Stopped) {
        configure_peers(turn);
        configure_bfd(turn);
    }
}

void Decision::open_links(Turn& turn) {
    ConfigureLinks wanted;
    for (const auto& [name, link] : links_) {
        if (link.core.interface()) wanted.links.emplace(name, link.core.interface()->index);
    }
    if (wanted == open_links_) return;
    open_links_ = std::move(wanted);
    turn.rest.emplace_back(open_links_);
}

/// Where nobody is known there is nothing to connect to; and from what the kernel might choose, a VIP may be.
bgp::PeerConfig Decision::with_neighbor(bgp::PeerConfig config) const {
    if (!config.unnumbered) return config;
    const auto link = links_.find(net::InterfaceName{config.device});
    const auto neighbor = link == links_.end() ? std::nullopt : link->second.core.neighbor();
    if (neighbor) {
        config.address = *neighbor;
        config.source = link->second.core.interface()->address;
    } else {
        config.passive = true;
    }
    return config;
}

std::optional<PeerStatus::Link> Decision::link_status(const PeerName& peer) const {
    for (const auto& [interface, link] : links_) {
        if (link.peer == peer) return PeerStatus::Link{interface, link.core.status()};
    }
    return std::nullopt;
}

// ---- routes --------------------------------------------------------------------------------------------

/// By all instances of a range as well. Those that have nothing to send have it behind them at once: RoutesSent.
void Decision::expect_to_be_sent(Vip& vip) {
    for (auto& [name, peer] : peers_) {
        if (peer.leaving || !std::ranges::binary_search(vip.config->bgp.peers, peer.core.config().name)) continue;
        if (peer.unsent.insert(vip.config->name).second) ++vip.unsent_by;
    }
}

/// Its configuration is another one now, or new.
void Decision::follow_capacity(const config::Vip& vip, Turn& turn) {
    if (!config::tells_capacity(vip)) return forget_capacity(vip.name);
    const auto [capacity, added] = capacities_.try_emplace(vip.name, vip.capacity_rise_after);
    capacity->second.configure(vip.capacity_rise_after);
    // Without it the route spoke of no weight yet.
    if (added) (void)capacity->second.learn(coordinator_.weights(vip.name), false, turn.now);
    capacity_deadlines_.set(vip.name, capacity->second.deadline());
}

void Decision::forget_capacity(const VipName& vip) {
    capacities_.erase(vip);
    capacity_deadlines_.set(vip, std::nullopt);
}

/// Its pool is another one now.
void Decision::weigh(const Vip& vip, Turn& turn) {
    const auto capacity = capacities_.find(vip.config->name);
    if (capacity == capacities_.end()) return;
    const bool announced = vip.announcement != Announcement::None;
    const bool other = capacity->second.learn(coordinator_.weights(vip.config->name), announced, turn.now);
    capacity_deadlines_.set(vip.config->name, capacity->second.deadline());
    if (other && announced) route_changed(vip, turn);
}

void Decision::expire_capacities(Turn& turn) {
    for (const auto& name : capacity_deadlines_.due(turn.now)) {
        auto& capacity = capacities_.at(name);
        const bool other = capacity.expire(turn.now);
        capacity_deadlines_.set(name, capacity.deadline());
        if (!other) continue;
        const auto vip = vips_.find(name);
        if (vip != vips_.end() && vip->second.announcement != Announcement::None) route_changed(vip->second, turn);
    }
}

/// VIPs that share a prefix share its route: what they can carry together is what comes by it.
std::uint64_t Decision::capacity_of(const Vip& vip) const {
    const auto told = [this](const Vip& each) -> std::uint64_t {
        const auto capacity = capacities_.find(each.config->name);
        return capacity == capacities_.end() ? 0 : capacity->second.told();
    };
    if (!vip.config->prefix) return told(vip);
    std::uint64_t sum = 0;
    for (const auto& name : covering_.at(*vip.config->prefix)) {
        const auto& each = vips_.at(name);
        if (each.announcement != Announcement::None) sum += told(each);
    }
    return sum;
}

void Decision::announce(Vip& vip, Announcement announcement, Turn& turn) {
    const auto capacity = capacities_.find(vip.config->name);
    if (vip.announcement == Announcement::None && capacity != capacities_.end()) {
        (void)capacity->second.learn(coordinator_.weights(vip.config->name), false, turn.now);
        capacity_deadlines_.set(vip.config->name, capacity->second.deadline());
    }
    vip.announcement = announcement;
    route_changed(vip, turn);
}

void Decision::route_changed(const Vip& vip, Turn& turn) {
    const auto prefix = route_prefix(*vip.config);
    const auto announcement = vip.config->prefix ? announcement_of(prefix) : vip.announcement;
    turn.routes.push_back(
        {.prefix = prefix, .route = route(config_->bgp, *vip.config, announcement, capacity_of(vip))});
}

/// VIPs that share a prefix share its route: it stays while one of them is announced.
Announcement Decision::announcement_of(const net::Prefix& prefix) const {
    auto most = Announcement::None;
    for (const auto& name : covering_.at(prefix)) most = std::max(most, vips_.at(name).announcement);
    return most;
}

/// All changes at once, so that routes with equal attributes share an UPDATE. A peer that a VIP does not go to, or
/// no longer does, sees so in the route.
void Decision::flush_routes(Turn& turn) {
    // A peer's RoutesSent may let a lifecycle go on and change routes again.
    while (!turn.routes.empty() || !turn.withdrawn.empty()) {
        const bgp::RoutesChanged changed{routes_.change(std::exchange(turn.routes, {}))};
        for (auto it = peers_.begin(); it != peers_.end();) {
            const auto name = it->first;  // One that leaves may be gone afterwards.
            ++it;
            feed_peer(name, changed, turn);
        }
        // Without any peer nothing has to be sent.
        for (const auto& name : std::exchange(turn.withdrawn, {})) tell_if_sent(name, turn);
    }
}

void Decision::tell_if_sent(const VipName& name, Turn& turn) {
    const auto vip = vips_.find(name);
    if (vip == vips_.end() || !vip->second.routes_pending || vip->second.unsent_by > 0) return;
    vip->second.routes_pending = false;
    feed(name, vip::RoutesSent{}, turn);
}

void Decision::report_sessions(Turn& turn) {
    vip::SessionsReported report;
    for (const auto& [name, peer] : peers_) {
        if (peer.core.state() == bgp::State::Established) report.established.insert(peer.core.config().name);
    }
    coordinate(report, turn);
    flush_routes(turn);
}

/// End-of-RIB after the first verdicts, and after what they lead to has been announced: a peer that purges
/// what it kept for us at End-of-RIB must have our routes by then.
void Decision::complete_initial_routes(Turn& turn) {
    if (!config_ || initial_routes_complete_) return;
    const bool complete = coordinator_.all_decided() && programming_ == 0;
    if (!complete && turn.now < started_at_ + initial_verdicts_timeout) return;
    initial_routes_complete_ = true;
    for (auto it = peers_.begin(); it != peers_.end();) {
        const auto name = it->first;
        ++it;
        feed_peer(name, bgp::InitialRoutesComplete{}, turn);
    }
}

}  // namespace anyvip::daemon
