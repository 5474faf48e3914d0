#include "anyvip/vip/coordinator.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"

namespace anyvip::vip {
namespace {

void append(CoordinatorActions& to, CoordinatorActions&& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

std::set<Place> all_of(std::size_t number) {
    std::set<Place> places;
    for (Place place = 0; place < number; ++place) places.insert(places.end(), place);
    return places;
}

bool contains(const std::vector<Track>& tracks, const CheckName& check) {
    return std::ranges::any_of(tracks, [&](const Track& track) { return track.check == check; });
}

/// Of the checks that are tracked after a reload, those that were joining and go on, and those that join now.
std::set<CheckName> joining_checks(const std::set<CheckName>& joining, const std::vector<Track>& before,
                                   const std::vector<Track>& after, bool is_eligible) {
    std::set<CheckName> next;
    for (const auto& track : after) {
        const bool joins = is_eligible && !contains(before, track.check);
        if (joins || joining.contains(track.check)) next.insert(track.check);
    }
    return next;
}

}  // namespace

CoordinatorActions Coordinator::handle(const CoordinatorEvent& event) {
    auto concerned = std::visit([this](const auto& e) { return on(e); }, event);

    CoordinatorActions fallen;
    CoordinatorActions pools;
    CoordinatorActions risen;
    for (const auto place : concerned.pools) {
        const auto& server = servers_[place].pool.policy();
        pools.emplace_back(PoolChanged{server.vip, server.name});
    }
    for (const auto place : concerned.vips) {
        evaluate_vip(place, fallen, risen);
        if (const auto router = dependences_.router_of_vip(place)) concerned.routers.insert(*router);
    }
    for (const auto place : concerned.routers) evaluate_router(place, fallen, risen);

    CoordinatorActions out = std::move(fallen);
    append(out, std::move(pools));
    append(out, std::move(risen));
    return out;
}

// ---- what an event concerns ----------------------------------------------------------------------------

/// What keeps its name keeps its state; what leaves the configuration is forgotten.
Coordinator::Concerned Coordinator::on(const PoliciesChanged& event) {
    std::vector<Server> servers;
    std::vector<Vip> vips;
    std::vector<Router> routers;
    for (const auto& policy : event.policies.servers) servers.push_back(successor(policy));
    for (const auto& policy : event.policies.vips) vips.push_back(successor(policy));
    for (const auto& policy : event.policies.routers) routers.push_back(successor(policy));

    const auto former = std::exchange(dependences_, Dependences{event.policies});
    const auto former_servers = std::exchange(servers_, std::move(servers));
    vips_ = std::move(vips);
    routers_ = std::move(routers);
    undecided_.clear();
    std::erase_if(facts_.checks, [this](const auto& entry) { return dependences_.of(entry.first) == nullptr; });
    std::erase_if(drained_, [this](const DrainTarget& target) { return !exists(target); });

    Concerned concerned{.pools = {}, .vips = all_of(vips_.size()), .routers = all_of(routers_.size())};
    facts_.pools.clear();
    for (Place place = 0; place < servers_.size(); ++place) {
        const auto& pool = servers_[place].pool;
        for (std::size_t index = 0; index < pool.policy().real_servers.size(); ++index) (void)learn(place, index);
        settle(place, concerned);
        const auto before = former.find(pool.policy().name);
        if (!before || former_servers[*before].pool.pool() != pool.pool()) concerned.pools.insert(place);
    }
    return concerned;
}

Coordinator::Concerned Coordinator::on(const HealthReported& event) {
    Concerned concerned;
    // A late letter of a check that left must not make its successor of the same name start with a verdict.
    const auto* dependents = dependences_.of(event.check);
    if (dependents == nullptr || fact(event.check) == event.fact) return concerned;
    facts_.checks[event.check] = event.fact;
    for (const auto& [server, index] : dependents->real_servers) {
        if (learn(server, index)) concerned.pools.insert(server);
        settle(server, concerned);
    }
    concerned.vips.insert(dependents->vips.begin(), dependents->vips.end());
    concerned.routers.insert(dependents->routers.begin(), dependents->routers.end());
    return concerned;
}

Coordinator::Concerned Coordinator::on(const SessionsReported& event) {
    const auto before = std::exchange(established_, event.established);
    std::vector<PeerName> changed;
    std::ranges::set_symmetric_difference(before, established_, std::back_inserter(changed));
    Concerned concerned;
    for (const auto& peer : changed) {
        const auto& vips = dependences_.of(peer);
        concerned.vips.insert(vips.begin(), vips.end());
    }
    return concerned;
}

Coordinator::Concerned Coordinator::on(const DrainRequested& event) {
    Concerned concerned;
    const bool changed = event.drain ? drained_.insert(event.target).second : drained_.erase(event.target) > 0;
    if (!changed) return concerned;
    std::visit(overloaded{
                   [&](const NodeTarget&) {
                       concerned.vips = all_of(vips_.size());
                       concerned.routers = all_of(routers_.size());
                   },
                   [&](const VipName& name) {
                       if (const auto vip = dependences_.find(name)) concerned.vips.insert(*vip);
                   },
                   [&](const RealServerTarget& target) {
                       const auto server = dependences_.find(target.server);
                       const auto index = server ? index_of(*server, target.address) : std::nullopt;
                       if (!index) return;
                       if (learn(*server, *index)) concerned.pools.insert(*server);
                       settle(*server, concerned);
                   },
               },
               event.target);
    return concerned;
}

std::optional<std::size_t> Coordinator::index_of(Place server, const net::Endpoint& address) const {
    const auto& real_servers = servers_[server].pool.policy().real_servers;
    const auto found = std::ranges::find(real_servers, address, &RealServerPolicy::address);
    if (found == real_servers.end()) return std::nullopt;
    return static_cast<std::size_t>(found - real_servers.begin());
}

bool Coordinator::exists(const DrainTarget& target) const {
    return std::visit(overloaded{
                          [](const NodeTarget&) { return true; },
                          [this](const VipName& vip) { return dependences_.find(vip).has_value(); },
                          [this](const RealServerTarget& real_server) {
                              const auto server = dependences_.find(real_server.server);
                              return server && index_of(*server, real_server.address);
                          },
                      },
                      target);
}

// ---- reload --------------------------------------------------------------------------------------------

/// A virtual server that joins an Eligible VIP must not withdraw it before its first verdicts. What was undecided
/// before makes nothing worse: only what the new policy makes so need not count.
Coordinator::Server Coordinator::successor(const ServerPolicy& policy) const {
    Server next{.pool = ServerPool{policy}};
    const auto place = dependences_.find(policy.name);
    const auto* before = place && servers_[*place].pool.policy().vip == policy.vip ? &servers_[*place] : nullptr;
    const bool was_undecided =
        before != nullptr && before->pool.policy().when_empty == WhenEmpty::Withdraw && before->pool.undecided();
    const bool goes_on = before != nullptr && before->joining;
    next.joining = goes_on || (!was_undecided && is_eligible(verdict(policy.vip)));
    return next;
}

Coordinator::Vip Coordinator::successor(const VipPolicy& policy) const {
    Vip next{.policy = policy, .joining_checks = {}, .joining = false, .verdict = std::nullopt};
    const auto place = dependences_.find(policy.name);
    const auto* before = place ? &vips_[*place] : nullptr;
    if (before != nullptr) {
        next.joining = before->joining;
        next.verdict = before->verdict;
        next.joining_checks = joining_checks(before->joining_checks, before->policy.policy.tracks, policy.policy.tracks,
                                             is_eligible(verdict(policy.name)));
    }
    const bool was_there = before != nullptr && before->policy.router == policy.router;
    if (policy.router && !was_there && is_eligible(verdict(*policy.router))) next.joining = true;
    return next;
}

Coordinator::Router Coordinator::successor(const RouterPolicy& policy) const {
    Router next{.policy = policy, .joining_checks = {}, .verdict = std::nullopt};
    const auto place = dependences_.find(policy.name);
    if (!place) return next;
    const auto& before = routers_[*place];
    next.verdict = before.verdict;
    next.joining_checks =
        joining_checks(before.joining_checks, before.policy.tracks, policy.tracks, is_eligible(verdict(policy.name)));
    return next;
}

// ---- pools ---------------------------------------------------------------------------------------------

/// True: the pool is another one now. settle() is to follow.
bool Coordinator::learn(Place server, std::size_t index) {
    auto& pool = servers_[server].pool;
    const auto& real_server = pool.policy().real_servers[index];
    const auto health = real_server.check ? fact(*real_server.check).health : Health::Up;
    return pool.learn(index, health, drained_.contains(RealServerTarget{pool.policy().name, real_server.address}));
}

void Coordinator::settle(Place server, Concerned& concerned) {
    auto& [pool, joining] = servers_[server];
    facts_.pools[pool.policy().name] = pool.fact();
    if (!pool.undecided()) joining = false;
    if (const auto vip = dependences_.vip_of_server(server)) concerned.vips.insert(*vip);
}

// ---- verdicts ------------------------------------------------------------------------------------------

void Coordinator::evaluate_vip(Place place, CoordinatorActions& fallen, CoordinatorActions& risen) {
    auto& vip = vips_[place];
    std::erase_if(vip.joining_checks, [this](const CheckName& check) { return is_known(check); });
    if (decided(place)) {
        vip.joining = false;
        undecided_.erase(place);
    } else {
        undecided_.insert(place);
    }
    learn_about(vip.policy);
    auto verdict = evaluate(counted(place), facts_);
    if (vip.verdict == verdict) return;
    vip.verdict = verdict;
    (is_eligible(verdict) ? risen : fallen).emplace_back(VipVerdictChanged{vip.policy.name, std::move(verdict)});
}

void Coordinator::evaluate_router(Place place, CoordinatorActions& fallen, CoordinatorActions& risen) {
    auto& router = routers_[place];
    std::erase_if(router.joining_checks, [this](const CheckName& check) { return is_known(check); });
    Policy own;
    for (const auto& track : router.policy.tracks) {
        if (!router.joining_checks.contains(track.check)) own.tracks.push_back(track);
    }
    learn_about_node();
    auto verdict = evaluate(own, facts_);
    for (const auto vip : dependences_.vips_of_router(place)) {
        auto* eligible = std::get_if<Eligible>(&verdict);
        if (eligible == nullptr) break;
        if (vips_[vip].joining) continue;
        const auto& of_vip = *vips_[vip].verdict;
        if (const auto* ineligible = std::get_if<Ineligible>(&of_vip)) {
            verdict = *ineligible;
        } else {
            eligible->priority_adjustment += std::get<Eligible>(of_vip).priority_adjustment;
        }
    }
    if (router.verdict == verdict) return;
    router.verdict = verdict;
    (is_eligible(verdict) ? risen : fallen).emplace_back(RouterVerdictChanged{router.policy.name, std::move(verdict)});
}

void Coordinator::learn_about_node() {
    facts_.drained.reset();
    if (drained_.contains(NodeTarget{})) facts_.drained = "this node";
}

void Coordinator::learn_about(const VipPolicy& vip) {
    facts_.established_sessions = static_cast<std::size_t>(
        std::ranges::count_if(vip.peers, [this](const PeerName& peer) { return established_.contains(peer); }));
    learn_about_node();
    if (!facts_.drained && drained_.contains(vip.name)) facts_.drained = "this VIP";
}

bool Coordinator::is_known(const CheckName& check) const {
    return fact(check).health != Health::Unknown;
}

/// Every dependence that it needs has a first verdict.
bool Coordinator::decided(Place vip) const {
    return std::ranges::all_of(vips_[vip].policy.policy.tracks,
                               [this](const Track& track) { return track.weight || is_known(track.check); }) &&
           std::ranges::none_of(dependences_.servers_of_vip(vip), [this](Place server) {
               const auto& pool = servers_[server].pool;
               return pool.policy().when_empty == WhenEmpty::Withdraw && pool.undecided();
           });
}

/// The VIP's policy with its virtual servers, less what is still joining.
Policy Coordinator::counted(Place place) const {
    const auto& vip = vips_[place];
    Policy policy = vip.policy.policy;
    std::erase_if(policy.tracks, [&](const Track& track) { return vip.joining_checks.contains(track.check); });
    for (const auto server : dependences_.servers_of_vip(place)) {
        const auto& [pool, joining] = servers_[server];
        if (!joining && pool.policy().when_empty == WhenEmpty::Withdraw) policy.servers.push_back(pool.policy().name);
    }
    return policy;
}

// ---- what others ask -----------------------------------------------------------------------------------

Verdict Coordinator::verdict(const VipName& vip) const {
    const auto place = dependences_.find(vip);
    return place ? vips_[*place].verdict.value_or(Verdict{}) : Verdict{};
}

Verdict Coordinator::verdict(const RouterName& router) const {
    const auto place = dependences_.find(router);
    return place ? routers_[*place].verdict.value_or(Verdict{}) : Verdict{};
}

const Pool& Coordinator::pool(const ServerName& server) const {
    static const Pool none;
    const auto place = dependences_.find(server);
    return place ? servers_[*place].pool.pool() : none;
}

Weights Coordinator::weights(const VipName& vip) const {
    Weights sum;
    const auto place = dependences_.find(vip);
    if (!place) return sum;
    for (const auto server : dependences_.servers_of_vip(*place)) {
        const auto weights = servers_[server].pool.weights();
        sum.serving += weights.serving;
        sum.configured += weights.configured;
    }
    return sum;
}

const PoolFact& Coordinator::pool_fact(const ServerName& server) const {
    static const PoolFact none;
    const auto known = facts_.pools.find(server);
    return known == facts_.pools.end() ? none : known->second;
}

const CheckFact& Coordinator::fact(const CheckName& check) const {
    static const CheckFact none;
    const auto known = facts_.checks.find(check);
    return known == facts_.checks.end() ? none : known->second;
}

std::string describe(const DrainTarget& target) {
    if (const auto* vip = std::get_if<VipName>(&target)) return "vip=" + vip->value();
    if (const auto* real_server = std::get_if<RealServerTarget>(&target)) {
        return "real_server=" + real_server->server.value() + '/' + real_server->address.to_string();
    }
    return "node";
}

std::string describe(const PoliciesChanged& /*event*/) {
    return "PoliciesChanged";
}
std::string describe(const HealthReported& event) {
    return "HealthReported check=" + event.check.value() + ' ' + describe(event.fact.health) +
           (event.fact.detail.empty() ? "" : " \"" + event.fact.detail + '"');
}
std::string describe(const SessionsReported& event) {
    return "SessionsReported established=" + std::to_string(event.established.size());
}
std::string describe(const DrainRequested& event) {
    return (event.drain ? "DrainRequested " : "UndrainRequested ") + describe(event.target);
}
std::string describe(const VipVerdictChanged& action) {
    return "VipVerdictChanged vip=" + action.vip.value() + ' ' + anyvip::describe(action.verdict);
}
std::string describe(const RouterVerdictChanged& action) {
    return "RouterVerdictChanged virtual_router=" + action.router.value() + ' ' + anyvip::describe(action.verdict);
}
std::string describe(const PoolChanged& action) {
    return "PoolChanged vip=" + action.vip.value() + " virtual_server=" + action.server.value();
}

}  // namespace anyvip::vip
