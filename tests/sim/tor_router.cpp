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
    world.network().hear(host(), [this](Host from, const auto& bytes) {
        const auto packet = bfd::decode(bytes);
        if (packet && sessions_.contains(from)) feed_bfd(from, bfd::ControlPacketReceived{*packet, 255});
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
        config.bfd_strict = world_->options().bfd_strict;
        auto& session = sessions_.try_emplace(node->index(), config, random_).first->second;
        // A router that was restarted has other discriminators.
        const bfd::Discriminator discriminator{static_cast<std::uint32_t>(node->index()) + 100 * (life_ + 1)};
        if (world_->options().bfd) session.bfd.emplace(discriminator, bfd::Config{}, random_);
    }
}

void TorRouter::start() {
    for (const auto& [node, session] : sessions_) {
        feed(node, bgp::Start{}, life_);
        feed(node, bgp::InitialRoutesComplete{}, life_);
        feed_bfd(node, bfd::Lease{TimePoint::max()});
        feed_bfd(node, bfd::AdminUp{});
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

bfd::SessionState TorRouter::bfd_state(int node) const {
    const auto& session = sessions_.at(node).bfd;
    return session ? session->state() : bfd::SessionState::AdminDown;
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
                   [&](const bgp::WatchedRoutesChanged&) {},
                   [&](const bgp::InitialRoutesReceived&) {},
                   [&](const bgp::MaxPrefixesReached&) {},
                   [&](const bgp::StateChanged&) {},
               },
               action);
}

void TorRouter::learn(Session& session, const bgp::Update& update) {
    for (const auto& prefix : withdrawn_in(update)) session.routes.erase(prefix);
    for (const auto& prefix : announced_in(update)) session.routes.try_emplace(prefix, world_->now());
}

void TorRouter::feed_bfd(int node, const bfd::Event& event) {
    auto& session = sessions_.at(node).bfd;
    if (!session) return;
    for (const auto& action : session->handle(event, world_->now())) {
        std::visit(overloaded{
                       [&](const bfd::SendControlPacket& send) {
                           world_->network().send_datagram(host(), node, bfd::encode(send.packet));
                       },
                       [&](const bfd::StateChanged& change) {
                           world_->trace(describe_host(host()),
                                         [&] { return "BFD of " + describe_host(node) + ' ' + describe(change); });
                           if (bfd::is_failure(change)) {
                               feed(node, bgp::BfdDown{bfd::describe(change.diagnostic)}, life_);
                           }
                           // Others try again by their own timers; strict mode is about BFD alone.
                           const bool came_up = change.to == bfd::SessionState::Up;
                           if (came_up && world_->options().bfd_strict) feed(node, bgp::BfdUp{}, life_);
                       },
                   },
                   action);
    }
    arm_bfd(node);
}

void TorRouter::arm_bfd(int node) {
    auto& session = sessions_.at(node);
    const auto deadline = session.bfd->deadline();
    if (!deadline || (session.bfd_armed && *session.bfd_armed <= *deadline)) return;
    session.bfd_armed = std::max(*deadline, world_->now());
    world_->at(*session.bfd_armed, [this, node, life = life_] {
        if (life != life_) return;
        auto& expired = sessions_.at(node);
        if (!expired.bfd_armed || *expired.bfd_armed > world_->now()) return;
        expired.bfd_armed.reset();
        feed_bfd(node, bfd::TimerExpired{});
    });
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
