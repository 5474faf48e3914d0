#include "daemon/decision.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "anyvip/config/diff.hpp"
#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"
#include "bgp/peer_range.hpp"

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;

/// How long a status waits for the other loops.
constexpr Duration status_timeout = 500ms;
/// How long an instance of a range is kept without a connection: a session that comes back finds its counters, and
/// the longest pause after an error cannot be cut short by coming as somebody new.
constexpr Duration instance_linger = bgp::max_idle_hold;
/// End-of-RIB is not held back for ever by a check that never comes to a verdict.
constexpr Duration initial_verdicts_timeout = 10s;

std::string subject(const VipName& vip) {
    return "vip=" + vip.value();
}
std::string subject(const PeerName& peer) {
    return "peer=" + peer.value();
}
std::string subject(const RouterName& router) {
    return "virtual_router=" + router.value();
}

/// What a peer told us, and when it tells all of it again.
bool is_import(const bgp::Action& action) {
    return std::holds_alternative<bgp::RoutesReceived>(action) || std::holds_alternative<bgp::RefreshBegins>(action) ||
           std::holds_alternative<bgp::RefreshEnds>(action) ||
           std::holds_alternative<bgp::WatchedRoutesChanged>(action) ||
           std::holds_alternative<bgp::InitialRoutesReceived>(action) ||
           std::holds_alternative<bgp::MaxPrefixesReached>(action);
}

vip::Health health_of(health::State state) {
    switch (state) {
        case health::State::Unknown: return vip::Health::Unknown;
        case health::State::Up: return vip::Health::Up;
        case health::State::Down: return vip::Health::Down;
    }
    return vip::Health::Unknown;
}

/// What a VIP is; the rest of it can change under way.
bool same_identity(const config::Vip& a, const config::Vip& b) {
    return a.address == b.address && a.prefix == b.prefix && a.interface == b.interface && a.announce == b.announce &&
           a.virtual_router == b.virtual_router;
}

template <class Items, class Name>
auto find_named(Items& items, const Name& name) {
    return std::ranges::find_if(items, [&](const auto& item) { return item.name == name; });
}

}  // namespace

Decision::Actions Decision::handle(const Event& event, TimePoint now) {
    Turn turn{.now = now, .wire = {}, .rest = {}};
    std::visit([&](const auto& e) { on(e, turn); }, event);
    follow_neighbors(turn);
    flush_routes(turn);
    complete_initial_routes(turn);
    renew_leases(turn);
    proceed_with_stop(turn);
    Actions out = std::move(turn.wire);
    out.insert(out.end(), std::make_move_iterator(turn.rest.begin()), std::make_move_iterator(turn.rest.end()));
    return out;
}

std::optional<TimePoint> Decision::deadline() const {
    std::optional<TimePoint> next = lease_renewal_;
    for (const auto& [name, vip] : vips_) next = earliest(next, vip.lifecycle.deadline());
    next = earliest(next, observers_.deadline());
    for (const auto& [name, peer] : peers_) {
        next = earliest(next, peer.core.deadline());
        if (name != peer.core.config().name && peer.connected_until) {
            next = earliest(next, *peer.connected_until + instance_linger);
        }
    }
    for (const auto& [name, link] : links_) next = earliest(next, link.core.deadline());
    next = earliest(next, stop_deadline_);
    if (pending_status_) next = earliest(next, pending_status_->deadline);
    if (config_ && !initial_routes_complete_) {
        next = earliest(next, started_at_ + initial_verdicts_timeout);
    }
    return next;
}

void Decision::on(const DecisionTimerExpired& /*event*/, Turn& turn) {
    for (auto it = vips_.begin(); it != vips_.end();) {
        const auto& [name, vip] = *it++;  // feed() may remove the VIP.
        const auto deadline = vip.lifecycle.deadline();
        if (deadline && *deadline <= turn.now) feed(VipName{name}, vip::TimerExpired{}, turn);
    }
    for (auto it = peers_.begin(); it != peers_.end();) {
        const auto name = it->first;
        const auto deadline = it->second.core.deadline();
        ++it;
        if (deadline && *deadline <= turn.now) feed_peer(name, bgp::TimerExpired{}, turn);
    }
    tell_others(observers_.expire(turn.now), turn);
    forget_instances(turn);
    for (auto it = links_.begin(); it != links_.end();) {
        const auto& [interface, link] = *it++;
        const auto deadline = link.core.deadline();
        if (deadline && *deadline <= turn.now) feed_link(interface, bgp::link::TimerExpired{}, turn);
    }
    if (pending_status_ && pending_status_->deadline <= turn.now) answer_status(turn);
}

// ---- mail ----------------------------------------------------------------------------------------------

void Decision::on(const DecisionMail& mail, Turn& turn) {
    std::visit([&](const auto& m) { read(m, turn); }, mail);
}

void Decision::read(const HealthChanged& mail, Turn& turn) {
    turn.rest.emplace_back(Notice{NoticeKind::CheckChanged, "check=" + mail.check.value(),
                                  std::string{health::describe(mail.to)} + ": " + mail.detail});
    coordinate(vip::HealthReported{mail.check, {health_of(mail.to), mail.detail}}, turn);
}

void Decision::read(const RouterStateChanged& mail, Turn& turn) {
    // A late letter of a router that is no longer configured is news, but no reason to remember it.
    if (const auto router = routers_.find(mail.router); router != routers_.end()) {
        router->second.state = mail.to;
        router->second.reason = mail.reason;
    }
    turn.rest.emplace_back(Notice{NoticeKind::RouterStateChanged, subject(mail.router),
                                  std::string{vrrp::describe(mail.from)} + " -> " +
                                      std::string{vrrp::describe(mail.to)} + ": " + vrrp::describe(mail.reason)});
}

void Decision::read(const RouterServing& mail, Turn& turn) {
    const auto router = routers_.find(mail.router);
    if (router != routers_.end()) router->second.serving = mail.addresses;
    for (auto it = vips_.begin(); it != vips_.end();) {
        const auto name = it->first;
        auto& vip = it->second;
        ++it;
        if (vip.config.virtual_router != mail.router) continue;
        // Up: services, then the route; down: the route, then services (product rule 1).
        const bool serves = !mail.addresses.empty();
        if (serves) refresh_services(vip, turn);
        feed(name, vip::VrrpActive{mail.addresses.contains(vip.config.address.address())}, turn);
        if (!serves && vips_.contains(name)) refresh_services(vip, turn);
    }
}

void Decision::read(const RoutersStopped& /*mail*/, Turn& turn) {
    if (stage_ != Stage::LeavingRouters) return;
    stage_ = Stage::LeavingVips;
    for (auto it = vips_.begin(); it != vips_.end();) {
        const auto name = it->first;
        ++it;
        feed(name, vip::Leave{}, turn);
    }
}

void Decision::read(const BfdStateChanged& mail, Turn& turn) {
    // A late letter says nothing of a peer that is to have no BFD any longer.
    const auto configured = std::ranges::find(bfd_.sessions, mail.peer, &BfdSetup::peer);
    if (configured == bfd_.sessions.end() || mail.change.from == bfd::SessionState::AdminDown) return;
    const auto diagnostic = bfd::describe(mail.change.diagnostic);
    turn.rest.emplace_back(Notice{NoticeKind::PeerBfdChanged, subject(mail.peer),
                                  std::string{bfd::describe(mail.change.from)} + " -> " +
                                      std::string{bfd::describe(mail.change.to)} + ": " + diagnostic});
    if (bfd::is_failure(mail.change)) feed_peer(mail.peer, bgp::BfdDown{diagnostic}, turn);
    if (mail.change.to == bfd::SessionState::Up) feed_peer(mail.peer, bgp::BfdUp{}, turn);
}

void Decision::read(const LinkLocalChanged& mail, Turn& turn) {
    if (mail.address) {
        link_locals_[mail.interface] = mail;
    } else {
        link_locals_.erase(mail.interface);
    }
    if (links_.contains(mail.interface)) follow_interface(mail.interface, turn);
}

void Decision::read(const VipAddressesApplied& mail, Turn& turn) {
    feed(mail.vip, vip::AddressesApplied{mail.generation, mail.error}, turn);
}

void Decision::read(const ServicesApplied& mail, Turn& turn) {
    feed(mail.vip, vip::ServicesApplied{mail.generation, mail.error}, turn);
}

void Decision::read(const Adopted& mail, Turn& turn) {
    if (mail.generation != adoption_.generation) return;
    adoption_.shortfall = mail.error;
    if (mail.error) turn.rest.emplace_back(Notice{NoticeKind::KernelRefused, "kernel", *mail.error});
}

void Decision::read(const Repaired& mail, Turn& turn) {
    turn.rest.emplace_back(Notice{NoticeKind::Repaired, "kernel", mail.command});
}

void Decision::read(const ChecksSnapshot& mail, Turn& turn) {
    if (!pending_status_) return;
    pending_status_->checks = mail;
    if (pending_status_->routers) answer_status(turn);
}

void Decision::read(const BfdSnapshot& mail, Turn& /*turn*/) {
    if (pending_status_) pending_status_->bfd = mail;
}

void Decision::read(const RoutersSnapshot& mail, Turn& turn) {
    if (!pending_status_) return;
    pending_status_->routers = mail;
    if (pending_status_->checks) answer_status(turn);
}

// ---- configuration -------------------------------------------------------------------------------------

void Decision::on(const ConfigLoaded& event, Turn& turn) {
    if (stage_ != Stage::Running) {
        if (event.client) turn.rest.emplace_back(ReplyDone{*event.client, "the daemon is stopping", ""});
        return;
    }
    if (!event.result) {
        std::string errors;
        for (const auto& error : event.result.error()) errors += config::describe(error) + '\n';
        turn.rest.emplace_back(Notice{NoticeKind::ReloadRefused, "config", errors});
        if (event.client) turn.rest.emplace_back(ReplyDone{*event.client, errors, ""});
        return;
    }
    if (!config_) {
        start(*event.result, turn);
    } else {
        reload(*event.result, event.client, turn);
    }
}

void Decision::take(config::Config config) {
    config_ = std::move(config);
    servers_ = server_setups(*config_);
}

void Decision::start(const config::Config& config, Turn& turn) {
    take(config);
    started_at_ = turn.now;
    adopt(adoptable(config), turn);
    coordinate(vip::PoliciesChanged{policies(config)}, turn);
    observers_.configure(config, turn.now);
    configure_links(turn);
    configure_peers(turn);
    configure_bfd(wanted_bfd(), turn);
    configure_vips(turn);
    watch_routes(turn);
    configure_routers(turn);
    checks_ = effective_checks(config);
    turn.rest.emplace_back(ChecksMail{ConfigureChecks{checks_}});
    turn.rest.emplace_back(Notice{NoticeKind::Started, "node=" + config.node.name, ""});
    turn.rest.emplace_back(Ready{});
}

void Decision::reload(const config::Config& config, const std::optional<ClientId>& client, Turn& turn) {
    auto next = config;
    keep_derived(next, *config_);
    next.node.state_dir = config_->node.state_dir;  // Where the list of what is ours lies was decided at the start.
    const auto changes = config::describe(config::diff(*config_, next));
    const auto adopted = adoptable(*config_);
    take(std::move(next));
    // What goes is withdrawn before anything else is told to change: its pool, its peers.
    release_vips(turn);
    coordinate(vip::PoliciesChanged{policies(*config_)}, turn);
    observers_.configure(*config_, turn.now);
    configure_links(turn);
    configure_peers(turn);
    configure_bfd(wanted_bfd(), turn);
    configure_vips(turn);
    watch_routes(turn);
    configure_routers(turn);
    if (auto checks = effective_checks(*config_); checks != checks_) {
        checks_ = std::move(checks);
        turn.rest.emplace_back(ChecksMail{ConfigureChecks{checks_}});
    }
    if (auto wish = adoptable(*config_); wish != adopted) adopt(std::move(wish), turn);
    lease_renewal_.reset();  // stall_timeout may be shorter now than the present rhythm.
    turn.rest.emplace_back(Notice{NoticeKind::Reloaded, "config", changes});
    if (client) turn.rest.emplace_back(ReplyDone{*client, std::nullopt, changes});
}

void Decision::adopt(Adopt wish, Turn& turn) {
    adoption_ = {.generation = adoption_.generation + 1};
    wish.generation = adoption_.generation;
    turn.rest.emplace_back(KernelMail{std::move(wish)});
}

/// The peers follow: configure_peers() asks for the neighbours.
void Decision::configure_links(Turn& turn) {
    std::map<net::InterfaceName, PeerName> wanted;
    if (config_->bgp) {
        for (const auto& peer : config_->bgp->peers) {
            if (peer.interface) wanted.emplace(*peer.interface, peer.name);
        }
    }
    std::erase_if(links_, [&](const auto& link) { return !wanted.contains(link.first); });
    for (const auto& [interface, peer] : wanted) {
        const auto [link, added] = links_.try_emplace(interface, Link{peer, bgp::link::Neighbor{random_}});
        link->second.peer = peer;
        if (added) follow_interface(interface, turn);
    }
    open_links(turn);
}

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

ConfigureBfd Decision::wanted_bfd() const {
    std::map<PeerName, bgp::PeerConfig> learnt;
    for (const auto& [name, peer] : peers_) {
        const auto& config = peer.core.config();
        if (name != config.name || (config.unnumbered && !config.address.is_unspecified()))
            learnt.emplace(name, config);
    }
    return bfd_sessions(*config_, learnt);
}

void Decision::configure_bfd(ConfigureBfd wanted, Turn& turn) {
    if (wanted == bfd_) return;
    bfd_ = std::move(wanted);
    turn.rest.emplace_back(HeartbeatMail{bfd_});
    lease_renewal_.reset();  // Those that are new over there need one at once.
}

/// VIPs that are no longer there, or are something else now.
void Decision::release_vips(Turn& turn) {
    for (auto it = vips_.begin(); it != vips_.end();) {
        const auto name = it->first;
        auto& vip = it->second;
        ++it;
        const auto wanted = find_named(config_->vips, name);
        vip.next.reset();
        if (wanted != config_->vips.end() && same_identity(*wanted, vip.config)) continue;
        if (wanted != config_->vips.end()) vip.next = *wanted;
        feed(name, vip::Leave{}, turn);
    }
    flush_routes(turn);
}

void Decision::configure_vips(Turn& turn) {
    for (const auto& wanted : config_->vips) {
        const auto known = vips_.find(wanted.name);
        if (known == vips_.end()) {
            add_vip(wanted, turn);
            continue;
        }
        auto& vip = known->second;
        if (vip.next) continue;
        const bool other_routes = vip.config.bgp != wanted.bgp || vip.config.standby != wanted.standby;
        if (other_routes) expect_to_be_sent(vip);  // By peers that it no longer goes to as well.
        vip.config = wanted;
        if (other_routes) route_changed(vip, turn);
        feed(wanted.name, vip::ConfigChanged{lifecycle_config(*config_, wanted)}, turn);
        feed(wanted.name, vip::Configured{}, turn);
        if (const auto still = vips_.find(wanted.name); still != vips_.end()) refresh_services(still->second, turn);
    }
}

void Decision::add_vip(const config::Vip& vip, Turn& turn) {
    vips_.emplace(vip.name, Vip{vip, lifecycle_config(*config_, vip)});
    feed(vip.name, vip::Configured{}, turn);
    feed(vip.name, vip::OthersObserved{observers_.others(vip.name)}, turn);
    feed(vip.name, vip::VerdictGiven{coordinator_.verdict(vip.name)}, turn);
    if (!vip.virtual_router) return;
    const auto router = routers_.find(*vip.virtual_router);
    if (router == routers_.end()) return;
    feed(vip.name, vip::VrrpActive{router->second.serving.contains(vip.address.address())}, turn);
}

void Decision::configure_routers(Turn& turn) {
    auto setups = router_setups(*config_);
    if (setups == router_setups_) return;
    router_setups_ = std::move(setups);
    turn.rest.emplace_back(HeartbeatMail{ConfigureRouters{router_setups_}});
    std::erase_if(routers_, [this](const auto& entry) {
        return find_named(router_setups_, entry.first) == router_setups_.end();
    });
    for (const auto& setup : router_setups_) {
        // An address that leaves may come back before the heartbeat has said that it let it go.
        std::erase_if(routers_[setup.name].serving, [&](const net::IpAddress& address) {
            return std::ranges::find(setup.config.addresses, address) == setup.config.addresses.end();
        });
    }
    lease_renewal_.reset();  // Those that are new over there need one at once.
}

// ---- verdicts and order --------------------------------------------------------------------------------

void Decision::coordinate(const vip::CoordinatorEvent& event, Turn& turn) {
    for (const auto& action : coordinator_.handle(event)) {
        std::visit([&](const auto& a) { perform(a, turn); }, action);
    }
}

void Decision::perform(const vip::VipVerdictChanged& action, Turn& turn) {
    turn.rest.emplace_back(Notice{NoticeKind::VerdictChanged, subject(action.vip), anyvip::describe(action.verdict)});
    feed(action.vip, vip::VerdictGiven{action.verdict}, turn);
}

void Decision::perform(const vip::RouterVerdictChanged& action, Turn& turn) {
    turn.rest.emplace_back(
        Notice{NoticeKind::VerdictChanged, subject(action.router), anyvip::describe(action.verdict)});
    turn.routers.insert(action.router);
}

void Decision::perform(const vip::PoolChanged& action, Turn& turn) {
    const auto vip = vips_.find(action.vip);
    if (vip != vips_.end()) refresh_services(vip->second, turn);
}

void Decision::feed(const VipName& name, const vip::LifecycleEvent& event, Turn& turn) {
    const auto found = vips_.find(name);
    if (found == vips_.end()) return;
    auto& vip = found->second;
    if (vip.config.virtual_router) turn.routers.insert(*vip.config.virtual_router);
    const auto before = vip.lifecycle.state();
    const auto actions = vip.lifecycle.handle(event, turn.now);
    const auto after = vip.lifecycle.state();
    if (before != after) {
        turn.rest.emplace_back(
            Notice{NoticeKind::VipStateChanged, subject(name), vip::describe(before) + " -> " + vip::describe(after)});
    }
    note_kernel_error(vip, turn);
    for (const auto& action : actions) {
        std::visit([&](const auto& a) { perform(vip, a, turn); }, action);
    }
    if (after == vip::Lifecycle::State::Absent && before != after) {
        const auto next = stage_ == Stage::Running ? vip.next : std::nullopt;
        vips_.erase(found);
        if (next) add_vip(*next, turn);
    }
}

void Decision::note_kernel_error(Vip& vip, Turn& turn) {
    const auto error = vip.lifecycle.kernel_error();
    if (error == vip.kernel_error) return;
    vip.kernel_error = error;
    if (error) turn.rest.emplace_back(Notice{NoticeKind::KernelRefused, subject(vip.config.name), *error});
}

void Decision::perform(Vip& vip, const vip::SetServices& action, Turn& turn) {
    vip.services = action.present ? services_of(vip) : DesiredServices{};
    turn.rest.emplace_back(KernelMail{SetServices{vip.config.name, action.generation, vip.services}});
}

void Decision::perform(Vip& vip, const vip::SetAddresses& action, Turn& turn) {
    kernel::AddressTable addresses;
    if (action.present) addresses.insert(anycast_address(vip.config));
    turn.rest.emplace_back(KernelMail{SetAddresses{vip.config.name, action.generation, std::move(addresses)}});
}

void Decision::perform(Vip& vip, const vip::Announce& /*action*/, Turn& turn) {
    announce(vip, Announcement::Announced, turn);
}

void Decision::perform(Vip& vip, const vip::AnnounceGracefulShutdown& /*action*/, Turn& turn) {
    announce(vip, Announcement::GracefulShutdown, turn);
}

void Decision::perform(Vip& vip, const vip::HeldBack& action, Turn& turn) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(action.until - turn.now);
    const auto penalty = std::llround(vip.lifecycle.flaps().penalty(turn.now));
    turn.rest.emplace_back(Notice{NoticeKind::VipHeldBack, subject(vip.config.name),
                                  "Eligible, but not announced for another " + std::to_string(left.count()) + "s" +
                                      (penalty > 0 ? ": it fell too often, penalty " + std::to_string(penalty) : "")});
}

void Decision::perform(Vip& vip, const vip::Withdraw& /*action*/, Turn& turn) {
    vip.routes_pending = true;
    turn.withdrawn.insert(vip.config.name);
    announce(vip, Announcement::None, turn);
}

void Decision::perform(Vip& /*vip*/, const vip::Removed& /*action*/, Turn& /*turn*/) {
    // feed() sees that the lifecycle is Absent and lets the VIP go.
}

/// Asks for the pool again if it is no longer what was asked for.
void Decision::refresh_services(Vip& vip, Turn& turn) {
    if (services_of(vip) != vip.services) feed(vip.config.name, vip::ServicesChanged{}, turn);
}

DesiredServices Decision::services_of(const Vip& vip) const {
    DesiredServices services;
    const auto router = vip.config.virtual_router ? routers_.find(*vip.config.virtual_router) : routers_.end();
    const bool active = router != routers_.end() && !router->second.serving.empty();
    const auto servers = servers_.find(vip.config.name);
    if (servers == servers_.end()) return services;
    for (const auto& server : servers->second) {
        if (server.program == config::Program::Active && !active) continue;
        services.emplace(server.id, server.desired).first->second.pool = coordinator_.pool(server.name);
    }
    return services;
}

// ---- peers ---------------------------------------------------------------------------------------------

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
    const auto peer_name = found->second.core.config().name;
    const bool established = found->second.core.state() == bgp::State::Established;
    const bool gone = found->second.leaving && found->second.core.state() == bgp::State::Idle;
    std::set<VipName> taken;
    if (news.sent || gone) taken.swap(found->second.unsent);
    if (gone) peers_.erase(found);
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
    feed_peer(name, bgp::Start{}, turn);
    if (initial_routes_complete_) feed_peer(name, bgp::InitialRoutesComplete{}, turn);
}

void Decision::end_peer(const PeerName& name, Turn& turn) {
    peers_.at(name).leaving = true;
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
        turn.wire.emplace_back(PeerAction{name, bgp::CloseConnection{opened.connection}});
        return;
    }
    ranges_.at(range->name).said.reset();
    add_peer(name, bgp::instance_of(*range, opened.remote.address), turn);
    feed_peer(name, opened, turn);
    configure_bfd(wanted_bfd(), turn);
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
    if (!forgotten.empty() && stage_ != Stage::Stopped) configure_bfd(wanted_bfd(), turn);
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
    if (own != link_locals_.end()) is.interface = {own->second.index, *own->second.address};
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
        configure_bfd(wanted_bfd(), turn);
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

/// By all instances of a range as well.
void Decision::expect_to_be_sent(const Vip& vip) {
    for (auto& [name, peer] : peers_) {
        if (peer.leaving || !std::ranges::binary_search(vip.config.bgp.peers, peer.core.config().name)) continue;
        peer.unsent.insert(vip.config.name);
    }
}

void Decision::announce(Vip& vip, Announcement announcement, Turn& turn) {
    vip.announcement = announcement;
    route_changed(vip, turn);
}

void Decision::route_changed(const Vip& vip, Turn& turn) {
    expect_to_be_sent(vip);
    const auto prefix = route_prefix(vip.config);
    const auto announcement = vip.config.prefix ? announcement_of(prefix) : vip.announcement;
    turn.routes.push_back({.prefix = prefix, .route = route(config_->bgp, vip.config, announcement)});
}

/// VIPs that share a prefix share its route: it stays while one of them is announced.
Announcement Decision::announcement_of(const net::Prefix& prefix) const {
    auto most = Announcement::None;
    for (const auto& [name, vip] : vips_) {
        if (route_prefix(vip.config) == prefix) most = std::max(most, vip.announcement);
    }
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
    if (vip == vips_.end() || !vip->second.routes_pending) return;
    if (std::ranges::any_of(peers_, [&](const auto& entry) { return entry.second.unsent.contains(name); })) return;
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
    const auto is_programming = [](const auto& entry) {
        return entry.second.lifecycle.state() == vip::Lifecycle::State::Programming && !entry.second.kernel_error;
    };
    const bool complete = coordinator_.all_decided() && std::ranges::none_of(vips_, is_programming);
    if (!complete && turn.now < started_at_ + initial_verdicts_timeout) return;
    initial_routes_complete_ = true;
    for (auto it = peers_.begin(); it != peers_.end();) {
        const auto name = it->first;
        ++it;
        feed_peer(name, bgp::InitialRoutesComplete{}, turn);
    }
}

// ---- leases --------------------------------------------------------------------------------------------

vrrp::Lease Decision::lease_for(const config::VirtualRouter& router, TimePoint now) const {
    vrrp::Lease lease{.priority = std::nullopt, .reason = {}, .expires_at = now + config_->node.stall_timeout};
    const auto verdict = coordinator_.verdict(router.name);
    if (const auto* ineligible = std::get_if<vip::Ineligible>(&verdict)) {
        lease.reason = vip::describe(*ineligible);
        return lease;
    }
    const auto& sent = routers_.at(router.name).sent;
    const bool takes_part = sent && sent->priority;
    for (const auto& [name, vip] : vips_) {
        if (vip.config.virtual_router != router.name || vip.lifecycle.services_ready()) continue;
        // What leaves needs no services; and one that joins must not make an Active router give way meanwhile.
        const auto state = vip.lifecycle.state();
        const bool joins = state == vip::Lifecycle::State::Programming && !vip.kernel_error && takes_part;
        if (state == vip::Lifecycle::State::Removing || joins) continue;
        lease.reason = subject(name) + ": " + vip.kernel_error.value_or("services are not programmed yet");
        return lease;
    }
    const auto base = router.priority.value();
    const int adjusted = base + std::get<vip::Eligible>(verdict).priority_adjustment;
    // An owner stays one (RFC 9568 §5.2.4); nobody becomes one by a weight, and 0 means leaving.
    lease.priority =
        base == 255 ? vrrp::Priority::owner() : vrrp::Priority{static_cast<std::uint8_t>(std::clamp(adjusted, 1, 254))};
    return lease;
}

void Decision::renew_leases(Turn& turn) {
    const bool for_routers = config_ && stage_ == Stage::Running && !router_setups_.empty();
    // While we leave, routers are to hear it from BGP.
    const bool for_bfd = config_ && stage_ != Stage::Stopped && !bfd_.sessions.empty();
    if (!for_routers && !for_bfd) {
        lease_renewal_.reset();
        return;
    }
    const bool due = !lease_renewal_ || *lease_renewal_ <= turn.now;
    if (due) lease_renewal_ = turn.now + config_->node.stall_timeout / 3;
    if (due && for_bfd) {
        turn.rest.emplace_back(HeartbeatMail{BfdLease{turn.now + config_->node.stall_timeout}});
    }
    if (!for_routers) return;
    for (const auto& router : config_->virtual_routers) {
        const auto known = routers_.find(router.name);
        if (known == routers_.end() || (!due && !turn.routers.contains(router.name))) continue;
        auto lease = lease_for(router, turn.now);
        auto& sent = known->second.sent;
        if (!due && sent && sent->priority == lease.priority && sent->reason == lease.reason) continue;
        sent = lease;
        turn.rest.emplace_back(HeartbeatMail{RouterLease{router.name, std::move(lease)}});
    }
}

// ---- stopping ------------------------------------------------------------------------------------------

void Decision::on(const StopRequested& event, Turn& turn) {
    if (stage_ != Stage::Running) return;
    turn.rest.emplace_back(Notice{NoticeKind::Stopping, "node", event.why});
    stage_ = Stage::LeavingRouters;
    stop_deadline_ = turn.now + (config_ ? config_->node.stop_timeout : Duration{});
    turn.rest.emplace_back(HeartbeatMail{StopRouters{}});
    // A VIP that goes before it asked for its address says nothing of the one that a former run left.
    adopt({}, turn);
    // Virtual routers keep what serves them until they have left; the others begin at once.
    for (auto it = vips_.begin(); it != vips_.end();) {
        const auto name = it->first;
        const bool waits = it->second.config.virtual_router.has_value();
        ++it;
        if (!waits) feed(name, vip::Leave{}, turn);
    }
    flush_routes(turn);
}

void Decision::proceed_with_stop(Turn& turn) {
    if (stage_ == Stage::Running || stage_ == Stage::Stopped) return;
    const bool left = stage_ == Stage::LeavingVips && vips_.empty() && !adoption_.shortfall;
    if (!left && turn.now < *stop_deadline_) return;
    const auto how = left ? "in order" : "stop_timeout" + unfinished();
    stage_ = Stage::Stopped;
    stop_deadline_.reset();
    for (auto it = peers_.begin(); it != peers_.end();) {
        const auto name = it->first;
        it->second.leaving = true;
        ++it;
        feed_peer(name, bgp::Stop{bgp::CeaseSubcode::AdministrativeShutdown, "anyvip stops"}, turn);
    }
    links_.clear();
    open_links(turn);
    configure_bfd({}, turn);  // After the Cease: to a router this is no failure, and would not end the session.
    turn.rest.emplace_back(Notice{NoticeKind::Stopped, "node", how});
    turn.rest.emplace_back(StopFinished{left});
}

/// What the stop did not wait for any longer.
std::string Decision::unfinished() const {
    std::string text;
    if (stage_ == Stage::LeavingRouters) text += "; the virtual routers have not left";
    for (const auto& [name, vip] : vips_) {
        if (stage_ == Stage::LeavingRouters && vip.config.virtual_router) continue;  // It waits for its router.
        text += "; " + subject(name) + " is " + vip::describe(vip.lifecycle.state());
        if (vip.kernel_error) text += ": " + *vip.kernel_error;
    }
    if (adoption_.shortfall) text += "; " + *adoption_.shortfall;
    return text;
}

// ---- requests ------------------------------------------------------------------------------------------

void Decision::on(const DrainCommand& event, Turn& turn) {
    if (!exists(event.target)) {
        turn.rest.emplace_back(ReplyDone{event.client, "there is no " + vip::describe(event.target), ""});
        return;
    }
    turn.rest.emplace_back(
        Notice{event.drain ? NoticeKind::Drained : NoticeKind::Undrained, vip::describe(event.target), ""});
    coordinate(vip::DrainRequested{event.target, event.drain}, turn);
    turn.rest.emplace_back(ReplyDone{event.client, std::nullopt, vip::describe(event.target)});
}

bool Decision::exists(const vip::DrainTarget& target) const {
    if (!config_) return false;
    return std::visit(overloaded{
                          [](const vip::NodeTarget&) { return true; },
                          [this](const VipName& vip) { return vips_.contains(vip); },
                          [this](const vip::RealServerTarget& real_server) {
                              return coordinator_.pool(real_server.server).contains(real_server.address);
                          },
                      },
                      target);
}

void Decision::on(const StatusRequested& event, Turn& turn) {
    if (pending_status_) {
        pending_status_->clients.push_back(event.client);
        return;
    }
    pending_status_ = PendingStatus{.clients = {event.client},
                                    .checks = std::nullopt,
                                    .bfd = std::nullopt,
                                    .routers = std::nullopt,
                                    .deadline = turn.now + status_timeout};
    turn.rest.emplace_back(HeartbeatMail{SnapshotRequested{}});
    turn.rest.emplace_back(ChecksMail{SnapshotRequested{}});
}

void Decision::on(const RoutesRequested& event, Turn& turn) {
    turn.rest.emplace_back(ReplyRoutes{event.client, routes(turn.now)});
}

Routes Decision::routes(TimePoint now) const {
    Routes routes{.now = now, .announcements = {}, .received = {}};
    for (const auto& [name, vip] : vips_) {
        const auto prefix = route_prefix(vip.config);
        for (const auto& [peer_name, peer] : peers_) {
            if (std::ranges::find(vip.config.bgp.peers, peer.core.config().name) == vip.config.bgp.peers.end())
                continue;
            routes.announcements.push_back({name, prefix, peer_name, peer.core.route_status(prefix)});
        }
    }
    for (const auto& [name, peer] : peers_) {
        const auto& rib = peer.core.adj_rib_in();
        routes.received.push_back({.peer = name,
                                   .routes = rib.routes(),
                                   .examples = rib.examples(),
                                   .accepted = rib.accepted(),
                                   .max_prefixes = peer.core.config().import.max_prefixes,
                                   .refused = rib.refused()});
    }
    return routes;
}

void Decision::answer_status(Turn& turn) {
    const auto answer = status(turn.now);
    for (const auto& client : pending_status_->clients) turn.rest.emplace_back(ReplyStatus{client, answer});
    pending_status_.reset();
}

std::optional<PeerStatus::Bfd> Decision::bfd_status(const PeerName& peer) const {
    if (std::ranges::find(bfd_.sessions, peer, &BfdSetup::peer) == bfd_.sessions.end()) return std::nullopt;
    PeerStatus::Bfd status;
    if (!pending_status_ || !pending_status_->bfd) return status;
    const auto& sessions = pending_status_->bfd->sessions;
    const auto session = std::ranges::find(sessions, peer, &BfdSessionSnapshot::peer);
    if (session != sessions.end()) status.core = *session;
    return status;
}

Status Decision::status(TimePoint now) const {
    Status status;
    status.now = now;
    status.started_at = started_at_;
    status.stopping = stage_ != Stage::Running;
    status.drained = coordinator_.drained().contains(vip::NodeTarget{});
    if (!config_) return status;
    status.node = config_->node.name;
    if (config_->bgp) {
        status.asn = config_->bgp->asn;
        status.router_id = config_->bgp->router_id;
    }
    for (const auto& [name, vip] : vips_) {
        status.vips.push_back({vip.config, coordinator_.verdict(name), vip.lifecycle.state(),
                               vip.announcement != Announcement::None, vip.lifecycle.held_until(now),
                               vip.lifecycle.kernel_error(), vip.lifecycle.stands_by(), vip.lifecycle.others()});
    }
    for (const auto& [name, peer] : peers_) {
        const auto& config = peer.core.config();
        const auto range = name == config.name ? std::nullopt : std::optional{config.name};
        status.peers.push_back(
            {name, range, config.address, config.peer_as, peer.core.status(), bfd_status(name), link_status(name)});
    }
    status.peer_ranges = range_status();
    for (const auto& router : config_->virtual_routers) {
        RouterStatus to;
        to.config = router;
        to.verdict = coordinator_.verdict(router.name);
        if (const auto known = routers_.find(router.name); known != routers_.end()) {
            to.state = known->second.state;
            to.reason = known->second.reason;
            to.serving = !known->second.serving.empty();
        }
        if (pending_status_ && pending_status_->routers) {
            const auto& snapshots = pending_status_->routers->routers;
            if (const auto core = find_named(snapshots, router.name); core != snapshots.end()) {
                to.core = RouterStatus::Core{core->state, core->priority, core->source, core->counters};
            }
        }
        status.routers.push_back(std::move(to));
    }
    for (const auto& server : config_->virtual_servers) {
        ServerStatus to{.config = server,
                        .address = config::vip_of(*config_, server).address.address(),
                        .pool = coordinator_.pool_fact(server.name),
                        .real_servers = {}};
        for (const auto& [address, wish] : coordinator_.pool(server.name)) {
            to.real_servers.push_back(
                {.address = address,
                 .wish = wish,
                 .drained = coordinator_.drained().contains(vip::RealServerTarget{server.name, address}),
                 .check = server.check ? std::optional{coordinator_.fact(config::check_name(server.name, address))}
                                       : std::nullopt});
        }
        status.servers.push_back(std::move(to));
    }
    std::map<CheckName, const health::Status*> cores;
    if (pending_status_ && pending_status_->checks) {
        for (const auto& check : pending_status_->checks->checks) cores.emplace(check.name, &check.status);
    }
    for (const auto& check : checks_) {
        const auto core = cores.find(check.name);
        status.checks.push_back({.name = check.name,
                                 .fact = coordinator_.fact(check.name),
                                 .core = core == cores.end() ? std::nullopt : std::optional{*core->second}});
    }
    return status;
}

}  // namespace anyvip::daemon
