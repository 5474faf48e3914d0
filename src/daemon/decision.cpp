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
#include "daemon/named.hpp"

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;

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
    next = earliest(next, vip_deadlines_.next());
    next = earliest(next, peer_deadlines_.next());
    next = earliest(next, observers_.deadline());
    next = earliest(next, capacity_deadlines_.next());
    const bool somebody_waits =
        !former_run_ && std::ranges::any_of(peers_, [](const auto& p) { return p.second.waits; });
    if (somebody_waits) next = earliest(next, started_at_ + former_run_timeout);
    for (const auto& [name, link] : links_) next = earliest(next, link.core.deadline());
    for (const auto& [name, until] : bfd_farewells_) next = earliest(next, until);
    next = earliest(next, stop_deadline_);
    if (pending_status_) next = earliest(next, pending_status_->deadline);
    if (config_ && !initial_routes_complete_) {
        next = earliest(next, started_at_ + initial_verdicts_timeout);
    }
    return next;
}

void Decision::on(const DecisionTimerExpired& /*event*/, Turn& turn) {
    for (const auto& name : vip_deadlines_.due(turn.now)) feed(name, vip::TimerExpired{}, turn);
    for (const auto& name : peer_deadlines_.due(turn.now)) feed_peer(name, bgp::TimerExpired{}, turn);
    tell_others(observers_.expire(turn.now), turn);
    expire_capacities(turn);
    if (config_ && !former_run_ && started_at_ + former_run_timeout <= turn.now) read(FormerRunFound{}, turn);
    forget_instances(turn);
    for (auto it = links_.begin(); it != links_.end();) {
        const auto& [interface, link] = *it++;
        const auto deadline = link.core.deadline();
        if (deadline && *deadline <= turn.now) feed_link(interface, bgp::link::TimerExpired{}, turn);
    }
    const auto has_passed = [&](const auto& farewell) { return farewell.second <= turn.now; };
    if (std::ranges::any_of(bfd_farewells_, has_passed)) configure_bfd(turn);
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
        if (vip.config->virtual_router != mail.router) continue;
        // Up: services, then the route; down: the route, then services (product rule 1).
        const bool serves = !mail.addresses.empty();
        if (serves) refresh_services(vip, turn);
        feed(name, vip::VrrpActive{mail.addresses.contains(vip.config->address.address())}, turn);
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

void Decision::read(const FormerRunFound& mail, Turn& turn) {
    if (former_run_) return;  // It came too late.
    former_run_ = mail;
    start_waiting_peers(turn);
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
    config_ = std::make_shared<const config::Config>(std::move(config));
    servers_ = server_setups(*config_);
}

std::shared_ptr<const config::Vip> Decision::shared(const config::Vip& vip) const {
    return {config_, &vip};
}

void Decision::start(const config::Config& config, Turn& turn) {
    take(config);
    started_at_ = turn.now;
    adopt(adoptable(config), turn);
    coordinate(vip::PoliciesChanged{policies(config)}, turn);
    observers_.configure(config, turn.now);
    configure_links(turn);
    configure_peers(turn);
    configure_bfd(turn);
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
    configure_bfd(turn);
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

ConfigureBfd Decision::wanted_bfd() const {
    std::map<PeerName, bgp::PeerConfig> learnt;
    for (const auto& [name, peer] : peers_) {
        const auto& config = peer.core.config();
        if (name != config.name || (config.unnumbered && !config.address.is_unspecified()))
            learnt.emplace(name, config);
    }
    return bfd_sessions(*config_, learnt);
}

/// AdminDown is no failure (RFC 5882 §3.2), but routers take it for one: what ends their session is then not the Cease
/// that says why. So the BFD session of a peer that we left goes on until the router has read that.
void Decision::configure_bfd(Turn& turn) {
    auto wanted = wanted_bfd();
    const auto is_wanted = [&wanted](const BfdSetup& setup) {
        return std::ranges::any_of(wanted.sessions, [&](const BfdSetup& other) {
            return other.peer == setup.peer || other.remote == setup.remote;
        });
    };
    std::erase_if(bfd_farewells_, [&](const auto& farewell) { return farewell.second <= turn.now; });
    for (const auto& setup : bfd_.sessions) {
        if (is_wanted(setup) || !bfd_farewells_.contains(setup.peer)) continue;
        if (wanted.sessions.empty()) wanted.vips = bfd_.vips;
        wanted.sessions.push_back(setup);
    }
    if (wanted == bfd_) return;
    bfd_ = std::move(wanted);
    turn.rest.emplace_back(HeartbeatMail{bfd_});
    lease_renewal_.reset();  // Those that are new over there need one at once.
}

/// VIPs that are no longer there, or are something else now.
void Decision::release_vips(Turn& turn) {
    std::map<VipName, const config::Vip*> by_name;
    for (const auto& vip : config_->vips) by_name.emplace(vip.name, &vip);
    for (auto it = vips_.begin(); it != vips_.end();) {
        const auto name = it->first;
        auto& vip = it->second;
        ++it;
        const auto wanted = by_name.find(name);
        vip.next.reset();
        if (wanted != by_name.end() && same_identity(*wanted->second, *vip.config)) continue;
        if (wanted != by_name.end()) vip.next = shared(*wanted->second);
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
        const bool other_routes = vip.config->bgp != wanted.bgp || vip.config->standby != wanted.standby;
        if (other_routes) expect_to_be_sent(vip);  // By peers that it no longer goes to as well.
        vip.config = shared(wanted);
        follow_capacity(wanted, turn);
        if (other_routes) route_changed(vip, turn);
        feed(wanted.name, vip::ConfigChanged{lifecycle_config(*config_, wanted)}, turn);
        feed(wanted.name, vip::Configured{}, turn);
        if (const auto still = vips_.find(wanted.name); still != vips_.end()) refresh_services(still->second, turn);
    }
}

void Decision::add_vip(const config::Vip& vip, Turn& turn) {
    vips_.emplace(vip.name, Vip{shared(vip), lifecycle_config(*config_, vip)});
    if (vip.prefix) covering_[route_prefix(vip)].insert(vip.name);
    follow_capacity(vip, turn);
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
    if (vip == vips_.end()) return;
    weigh(vip->second, turn);
    refresh_services(vip->second, turn);
}

void Decision::feed(const VipName& name, const vip::LifecycleEvent& event, Turn& turn) {
    const auto found = vips_.find(name);
    if (found == vips_.end()) return;
    auto& vip = found->second;
    if (vip.config->virtual_router) turn.routers.insert(*vip.config->virtual_router);
    const auto before = vip.lifecycle.state();
    const auto actions = vip.lifecycle.handle(event, turn.now);
    const auto after = vip.lifecycle.state();
    if (before != after) {
        turn.rest.emplace_back(
            Notice{NoticeKind::VipStateChanged, subject(name), vip::describe(before) + " -> " + vip::describe(after)});
    }
    note_kernel_error(vip, turn);
    take_count(name, vip);
    for (const auto& action : actions) {
        std::visit([&](const auto& a) { perform(vip, a, turn); }, action);
    }
    if (after == vip::Lifecycle::State::Absent && before != after) {
        const auto next = stage_ == Stage::Running ? vip.next : nullptr;
        forget(found);
        if (next) add_vip(*next, turn);
    }
}

/// What is asked of all VIPs after every event is kept beside them.
void Decision::take_count(const VipName& name, Vip& vip) {
    vip_deadlines_.set(name, vip.lifecycle.deadline());
    const bool holds = vip.lifecycle.state() == vip::Lifecycle::State::Programming && !vip.kernel_error;
    if (holds != std::exchange(vip.holds_end_of_rib, holds)) holds ? ++programming_ : --programming_;
}

void Decision::forget(std::map<VipName, Vip>::iterator vip) {
    const auto& [name, gone] = *vip;
    vip_deadlines_.set(name, std::nullopt);
    if (gone.unsent_by > 0) {
        for (auto& [_, peer] : peers_) peer.unsent.erase(name);
    }
    if (gone.config->prefix) {
        const auto covering = covering_.find(route_prefix(*gone.config));
        covering->second.erase(name);
        if (covering->second.empty()) covering_.erase(covering);
    }
    forget_capacity(name);
    vips_.erase(vip);
}

void Decision::note_kernel_error(Vip& vip, Turn& turn) {
    const auto error = vip.lifecycle.kernel_error();
    if (error == vip.kernel_error) return;
    vip.kernel_error = error;
    if (error) turn.rest.emplace_back(Notice{NoticeKind::KernelRefused, subject(vip.config->name), *error});
}

void Decision::perform(Vip& vip, const vip::SetServices& action, Turn& turn) {
    vip.services = action.present ? services_of(vip) : DesiredServices{};
    turn.rest.emplace_back(KernelMail{SetServices{vip.config->name, action.generation, vip.services}});
}

void Decision::perform(Vip& vip, const vip::SetAddresses& action, Turn& turn) {
    kernel::AddressTable addresses;
    if (action.present) addresses.insert(anycast_address(*vip.config));
    turn.rest.emplace_back(KernelMail{SetAddresses{vip.config->name, action.generation, std::move(addresses)}});
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
    turn.rest.emplace_back(Notice{NoticeKind::VipHeldBack, subject(vip.config->name),
                                  "Eligible, but not announced for another " + std::to_string(left.count()) + "s" +
                                      (penalty > 0 ? ": it fell too often, penalty " + std::to_string(penalty) : "")});
}

void Decision::perform(Vip& vip, const vip::Withdraw& /*action*/, Turn& turn) {
    vip.routes_pending = true;
    turn.withdrawn.insert(vip.config->name);
    expect_to_be_sent(vip);
    announce(vip, Announcement::None, turn);
}

void Decision::perform(Vip& /*vip*/, const vip::Removed& /*action*/, Turn& /*turn*/) {
    // feed() sees that the lifecycle is Absent and lets the VIP go.
}

/// Asks for the pool again if it is no longer what was asked for.
void Decision::refresh_services(Vip& vip, Turn& turn) {
    if (services_of(vip) != vip.services) feed(vip.config->name, vip::ServicesChanged{}, turn);
}

DesiredServices Decision::services_of(const Vip& vip) const {
    DesiredServices services;
    const auto router = vip.config->virtual_router ? routers_.find(*vip.config->virtual_router) : routers_.end();
    const bool active = router != routers_.end() && !router->second.serving.empty();
    const auto servers = servers_.find(vip.config->name);
    if (servers == servers_.end()) return services;
    for (const auto& server : servers->second) {
        if (server.program == config::Program::Active && !active) continue;
        services.emplace(server.id, server.desired).first->second.pool = coordinator_.pool(server.name);
    }
    return services;
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
        if (vip.config->virtual_router != router.name || vip.lifecycle.services_ready()) continue;
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
        const bool waits = it->second.config->virtual_router.has_value();
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
    // BFD goes on until we are gone: a router that takes AdminDown for a failure is to hear our Cease.
    turn.rest.emplace_back(Notice{NoticeKind::Stopped, "node", how});
    turn.rest.emplace_back(StopFinished{left});
}

/// What the stop did not wait for any longer.
std::string Decision::unfinished() const {
    std::string text;
    if (stage_ == Stage::LeavingRouters) text += "; the virtual routers have not left";
    for (const auto& [name, vip] : vips_) {
        if (stage_ == Stage::LeavingRouters && vip.config->virtual_router) continue;  // It waits for its router.
        text += "; " + subject(name) + " is " + vip::describe(vip.lifecycle.state());
        if (vip.kernel_error) text += ": " + *vip.kernel_error;
    }
    if (adoption_.shortfall) text += "; " + *adoption_.shortfall;
    return text;
}

}  // namespace anyvip::daemon
