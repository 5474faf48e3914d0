#include "sim/tor_router.hpp"

#include <utility>
#include <variant>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"
#include "sim/world.hpp"

namespace anyvip::sim {

using namespace std::chrono_literals;

namespace {

void append(std::vector<net::Prefix>& prefixes, const std::vector<bgp::Nlri>& routes) {
    for (const auto& nlri : routes) prefixes.push_back(nlri.prefix);
}

}  // namespace

std::vector<net::Prefix> announced_in(const bgp::Update& update) {
    std::vector<net::Prefix> prefixes;
    append(prefixes, update.nlri);
    if (update.mp_reach) append(prefixes, update.mp_reach->nlri);
    return prefixes;
}

std::vector<net::Prefix> withdrawn_in(const bgp::Update& update) {
    std::vector<net::Prefix> prefixes;
    append(prefixes, update.withdrawn);
    if (update.mp_unreach) append(prefixes, update.mp_unreach->withdrawn);
    return prefixes;
}

TorRouter::TorRouter(World& world, int index)
    : world_{&world}, index_{index}, random_{world.options().seed * 31 + static_cast<std::uint64_t>(index)} {
    make_sessions();
    world.network().listen(host(), [this](Host from) -> std::optional<Network::Sink> {
        if (world_->options().opens == Opens::Router || !sessions_.contains(from)) return std::nullopt;
        return [this, from, life = life_](bgp::Event event) { feed(from, std::move(event), life); };
    });
}

void TorRouter::make_sessions() {
    sessions_.clear();
    for (const auto& node : world_->nodes()) {
        bgp::PeerConfig config;
        config.local_as = bgp::Asn{65000};
        config.router_id = address_of(host());
        config.address = address_of(node->index());
        config.peer_as = bgp::Asn{65010};
        config.passive = world_->options().opens == Opens::Node;
        config.ipv6 = world_->options().ipv6;
        sessions_.try_emplace(node->index(), config, random_);
    }
}

void TorRouter::start() {
    for (const auto& [node, session] : sessions_) {
        feed(node, bgp::Start{}, life_);
        feed(node, bgp::InitialRoutesComplete{}, life_);
    }
}

void TorRouter::restart() {
    world_->trace(describe_host(host()), [] { return "restarts"; });
    ++life_;
    world_->network().close_all(host());
    make_sessions();
    start();
}

std::vector<int> TorRouter::next_hops(const std::string& address) const {
    const auto prefix = net::Prefix::host(*net::IpAddress::parse(address));
    std::vector<int> nodes;
    for (const auto& [node, session] : sessions_) {
        if (session.routes.contains(prefix)) nodes.push_back(node);
    }
    return nodes;
}

bool TorRouter::established(int node) const {
    return sessions_.at(node).core.state() == bgp::State::Established;
}

const std::map<net::Prefix, TimePoint>& TorRouter::routes(int node) const {
    return sessions_.at(node).routes;
}

void TorRouter::feed(int node, bgp::Event event, unsigned life) {
    if (life != life_) return;
    auto& session = sessions_.at(node);
    session.queue.push_back(std::move(event));
    if (session.busy) return;
    session.busy = true;
    while (!session.queue.empty()) {
        const auto next = std::move(session.queue.front());
        session.queue.pop_front();
        world_->trace(describe_host(host()), [&] { return "> from " + describe_host(node) + ' ' + describe(next); });
        for (const auto& action : session.core.handle(next, world_->now())) perform(node, action);
    }
    session.busy = false;
    arm(node);
}

void TorRouter::perform(int node, const bgp::Action& action) {
    auto& session = sessions_.at(node);
    auto& network = world_->network();
    world_->trace(describe_host(host()), [&] { return "< to " + describe_host(node) + ' ' + describe(action); });
    std::visit(overloaded{
                   [&](const bgp::OpenConnection& open) {
                       network.connect(host(), node, open.attempt, [this, node, life = life_](bgp::Event event) {
                           feed(node, std::move(event), life);
                       });
                   },
                   [&](const bgp::AbortOpen& abort) { network.abort(host(), node, abort.attempt); },
                   [&](const bgp::Send& send) { network.send(send.connection, send.bytes); },
                   [&](const bgp::CloseConnection& close) { network.close(close.connection); },
                   [&](const bgp::SessionDown&) { session.routes.clear(); },
                   [&](const bgp::RoutesReceived& received) { learn(session, received.update); },
                   [&](const bgp::SessionUp&) {},
                   [&](const bgp::RoutesSent&) {},
                   [&](const bgp::RefreshBegins&) {},
                   [&](const bgp::RefreshEnds&) {},
                   [&](const bgp::StateChanged&) {},
               },
               action);
}

void TorRouter::learn(Session& session, const bgp::Update& update) {
    for (const auto& prefix : withdrawn_in(update)) session.routes.erase(prefix);
    for (const auto& prefix : announced_in(update)) session.routes.try_emplace(prefix, world_->now());
}

void TorRouter::arm(int node) {
    auto& session = sessions_.at(node);
    const auto deadline = session.core.deadline();
    if (!deadline || (session.armed && *session.armed <= *deadline)) return;
    session.armed = std::max(*deadline, world_->now());
    world_->at(*session.armed, [this, node, life = life_] {
        if (life != life_) return;
        auto& expired = sessions_.at(node);
        if (!expired.armed || *expired.armed > world_->now()) return;
        expired.armed.reset();
        if (expired.core.deadline() && *expired.core.deadline() <= world_->now()) feed(node, bgp::TimerExpired{}, life);
        arm(node);
    });
}

}  // namespace anyvip::sim
