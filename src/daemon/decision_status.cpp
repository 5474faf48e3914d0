#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "anyvip/config/load.hpp"
#include "anyvip/overloaded.hpp"
#include "daemon/decision.hpp"
#include "daemon/named.hpp"

/// What Decision answers when somebody asks over the control socket.
namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;

/// How long a status waits for the other loops.
constexpr Duration status_timeout = 500ms;

/// Whether the router would tell a standby of others: what the session has agreed on counts, if there is one.
std::optional<std::string> deafness(const config::Config& config, const config::Vip& vip, const bgp::Peer& peer) {
    if (!vip.standby || !config.bgp) return std::nullopt;
    const auto configured = find_named(config.bgp->peers, peer.config().name);
    if (configured == config.bgp->peers.end()) return std::nullopt;  // It leaves.
    const auto* const session = peer.session();
    const bool add_path = session == nullptr ? configured->add_path.receive
                                             : session->add_path_receive.contains(route_prefix(vip).family());
    return config::deaf_standby(*config.bgp, vip, *configured, add_path);
}

}  // namespace

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

/// What the peer is to hear of the prefix.
std::optional<bgp::RouteAttributes> Decision::attributes_for(const PeerName& peer, const net::Prefix& prefix) const {
    const auto slot = routes_.find(prefix);
    if (!slot || routes_.route_id(*slot) == bgp::Interned<bgp::Route>::none) return std::nullopt;
    const auto* const attributes = routes_.route(routes_.route_id(*slot)).for_peer(peer);
    return attributes == nullptr ? std::nullopt : std::optional{*attributes};
}

Routes Decision::routes(TimePoint now) const {
    Routes routes{.now = now, .announcements = {}, .received = {}};
    for (const auto& [name, vip] : vips_) {
        const auto prefix = route_prefix(*vip.config);
        for (const auto& [peer_name, peer] : peers_) {
            if (std::ranges::find(vip.config->bgp.peers, peer.core.config().name) == vip.config->bgp.peers.end())
                continue;
            const auto& core = peer.core;
            routes.announcements.push_back({name, prefix, peer_name, core.route_status(prefix),
                                            attributes_for(core.config().name, prefix),
                                            deafness(*config_, *vip.config, core)});
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

std::optional<vip::Capacity> Decision::find_capacity(const VipName& vip) const {
    const auto capacity = capacities_.find(vip);
    return capacity == capacities_.end() ? std::nullopt : std::optional{capacity->second};
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
        status.vips.push_back({*vip.config, coordinator_.verdict(name), vip.lifecycle.state(),
                               vip.announcement != Announcement::None, vip.lifecycle.held_until(now),
                               vip.lifecycle.kernel_error(), vip.lifecycle.stands_by(), vip.lifecycle.others(),
                               find_capacity(name)});
        auto& told = status.vips.back();
        told.drained = coordinator_.drained().contains(name);
        told.held_down_until = vip.lifecycle.flaps().held_down_until(now);
        told.flap_penalty = vip.lifecycle.flaps().penalty(now);
        if (config_->bgp) told.warnings = config::warnings(*config_->bgp, told.config);
    }
    for (const auto& [name, peer] : peers_) {
        const auto& config = peer.core.config();
        const auto range = name == config.name ? std::nullopt : std::optional{config.name};
        status.peers.push_back(
            {name, range, config.address, config.peer_as, peer.core.status(), bfd_status(name), link_status(name)});
        status.peers.back().signature = !config.password.empty() ? PeerStatus::Signature::TcpMd5
                                        : !config.tcp_ao.empty() ? PeerStatus::Signature::TcpAo
                                                                 : PeerStatus::Signature::None;
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
