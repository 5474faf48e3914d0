#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/random.hpp"
#include "anyvip/vip/coordinator.hpp"
#include "support/print.hpp"

ANYVIP_PRINT(anyvip::vip)

/// The coordinator looks only at what an event concerns. Here random policies live through random events, and after
/// each one it must agree with plain loops over everything.
namespace anyvip::vip {
namespace {

template <class Name>
Name name(const char* kind, std::uint64_t number) {
    return Name{kind + std::to_string(number)};
}
net::Endpoint endpoint(std::uint64_t number) {
    return {net::IpAddress::parse("10.0.1." + std::to_string(number)).value(), 80};
}

/// A few of everything, so that names come, go, return and are shared.
class Chance {
public:
    explicit Chance(std::uint64_t seed) : random_{seed} {}

    Policies policies() {
        Policies to;
        for (const auto number : some_of(5)) to.vips.push_back(vip(number));
        for (const auto number : some_of(3)) to.routers.push_back({name<RouterName>("router", number), tracks()});
        for (const auto number : some_of(5)) to.servers.push_back(server(number));
        for (std::uint64_t number = 0; number < checks; ++number) to.checks.push_back(name<CheckName>("check", number));
        return to;
    }
    CoordinatorEvent event(const Policies& now) {
        const auto kind = random_.below(100);
        if (kind < 70) return health();
        if (kind < 80) return sessions();
        if (kind < 95) return drain(now);
        return PoliciesChanged{policies()};
    }

private:
    static constexpr std::uint64_t checks = 6;

    /// In any order.
    std::vector<std::uint64_t> some_of(std::uint64_t number) {
        std::vector<std::uint64_t> some;
        for (std::uint64_t one = 0; one < number; ++one) {
            if (!random_.chance(700)) continue;
            some.insert(some.begin() + static_cast<std::ptrdiff_t>(random_.below(some.size() + 1)), one);
        }
        return some;
    }
    CheckName check() { return name<CheckName>("check", random_.below(checks)); }
    std::vector<Track> tracks() {
        std::vector<Track> to;
        for (std::uint64_t number = 0; number < checks; ++number) {
            if (!random_.chance(200)) continue;
            const bool weighted = random_.chance(300);
            to.push_back(
                {name<CheckName>("check", number), weighted ? std::optional{random_.between(-20, 20)} : std::nullopt});
        }
        return to;
    }
    VipPolicy vip(std::uint64_t number) {
        VipPolicy to{.name = name<VipName>("vip", number), .router = std::nullopt, .peers = {}, .policy = {}};
        if (random_.chance(500)) to.router = name<RouterName>("router", random_.below(3));
        for (const auto peer : some_of(3)) to.peers.push_back(name<PeerName>("peer", peer));
        to.policy.tracks = tracks();
        to.policy.services = random_.chance(500) ? ServicesRule::All : ServicesRule::Any;
        to.policy.needs_bgp_session = random_.chance(300);
        return to;
    }
    ServerPolicy server(std::uint64_t number) {
        ServerPolicy to{.name = name<ServerName>("server", number),
                        .vip = name<VipName>("vip", random_.below(5)),
                        .quorum = random_.below(3),
                        .when_empty = random_.chance(700) ? WhenEmpty::Withdraw : WhenEmpty::Keep,
                        .real_servers = {}};
        for (const auto one : some_of(4)) {
            to.real_servers.push_back({.address = endpoint(one),
                                       .weight = static_cast<std::uint32_t>(random_.below(3)),
                                       .check = random_.chance(800) ? std::optional{check()} : std::nullopt});
        }
        return to;
    }
    HealthReported health() {
        const auto health = random_.chance(100) ? Health::Unknown : random_.chance(600) ? Health::Up : Health::Down;
        return {check(), {health, health == Health::Down && random_.chance(500) ? "refused" : ""}};
    }
    SessionsReported sessions() {
        SessionsReported to;
        for (const auto peer : some_of(3)) to.established.insert(name<PeerName>("peer", peer));
        return to;
    }
    DrainRequested drain(const Policies& now) {
        const bool drain = random_.chance(500);
        const auto kind = random_.below(5);
        if (kind < 2 && !now.vips.empty()) return {now.vips[random_.below(now.vips.size())].name, drain};
        if (kind < 4 && !now.servers.empty()) {
            const auto& server = now.servers[random_.below(now.servers.size())];
            const auto& all = server.real_servers;
            if (!all.empty()) return {RealServerTarget{server.name, all[random_.below(all.size())].address}, drain};
        }
        return {NodeTarget{}, drain};
    }

    Random random_;
};

/// What the coordinator was told, and what follows from it, by plain loops. It knows nothing of dependences that are
/// not counted yet: it is right where there are none.
class Plain {
public:
    Policies policies;
    std::map<CheckName, CheckFact> facts;
    std::set<PeerName> established;
    std::set<DrainTarget> drained;
    bool reloaded = false;

    void hear(const CoordinatorEvent& event) {
        if (const auto* changed = std::get_if<PoliciesChanged>(&event)) {
            reloaded = true;
            policies = changed->policies;
        }
        if (const auto* health = std::get_if<HealthReported>(&event)) facts[health->check] = health->fact;
        if (const auto* sessions = std::get_if<SessionsReported>(&event)) established = sessions->established;
    }
    /// Nothing that was reloaded waits for a first verdict.
    [[nodiscard]] bool nothing_joins() const {
        return !reloaded ||
               std::ranges::all_of(policies.checks, [&](const auto& c) { return health(c) != Health::Unknown; });
    }
    [[nodiscard]] Pool pool(const ServerPolicy& server) const {
        Pool pool;
        for (const auto& real_server : server.real_servers) {
            const bool is_drained = drained.contains(RealServerTarget{server.name, real_server.address});
            const auto health_of = health(real_server);
            RealServerWish wish = Present{is_drained ? 0 : real_server.weight};
            if (health_of == Health::Down) wish = Absent{};
            if (health_of == Health::Unknown && !is_drained) wish = AsItIs{};
            pool.emplace(real_server.address, wish);
        }
        return pool;
    }
    [[nodiscard]] PoolFact pool_fact(const ServerPolicy& server) const {
        PoolFact fact{.healthy = 0, .configured = server.real_servers.size(), .quorum = server.quorum};
        for (const auto& [address, wish] : pool(server)) {
            if (wish != RealServerWish{Present{0}} && std::holds_alternative<Present>(wish)) ++fact.healthy;
        }
        return fact;
    }
    [[nodiscard]] Verdict verdict(const VipPolicy& vip) const {
        auto policy = vip.policy;
        Facts known = all_facts();
        if (drained.contains(vip.name)) known.drained = "this VIP";
        if (drained.contains(NodeTarget{})) known.drained = "this node";
        for (const auto& peer : vip.peers) known.established_sessions += established.count(peer);
        for (const auto& server : policies.servers) {
            if (server.vip == vip.name && server.when_empty == WhenEmpty::Withdraw)
                policy.servers.push_back(server.name);
        }
        return evaluate(policy, known);
    }
    [[nodiscard]] Verdict verdict(const RouterPolicy& router) const {
        Facts known = all_facts();
        if (drained.contains(NodeTarget{})) known.drained = "this node";
        auto own = evaluate({.tracks = router.tracks, .servers = {}}, known);
        for (const auto& vip : policies.vips) {
            if (vip.router != router.name || !is_eligible(own)) continue;
            const auto of_vip = verdict(vip);
            if (!is_eligible(of_vip)) return of_vip;
            std::get<Eligible>(own).priority_adjustment += std::get<Eligible>(of_vip).priority_adjustment;
        }
        return own;
    }
    [[nodiscard]] bool all_decided() const {
        for (const auto& vip : policies.vips) {
            for (const auto& track : vip.policy.tracks) {
                if (!track.weight && health(track.check) == Health::Unknown) return false;
            }
            for (const auto& server : policies.servers) {
                if (server.vip == vip.name && server.when_empty == WhenEmpty::Withdraw && undecided(server))
                    return false;
            }
        }
        return true;
    }

private:
    [[nodiscard]] Health health(const CheckName& check) const {
        return facts.contains(check) ? facts.at(check).health : Health::Unknown;
    }
    [[nodiscard]] Health health(const RealServerPolicy& real_server) const {
        return real_server.check ? health(*real_server.check) : Health::Up;
    }
    [[nodiscard]] bool undecided(const ServerPolicy& server) const {
        const auto number_of = [&](Health wanted) {
            return static_cast<std::size_t>(
                std::ranges::count_if(server.real_servers, [&](const auto& r) { return health(r) == wanted; }));
        };
        return number_of(Health::Up) < server.quorum && number_of(Health::Unknown) > 0;
    }
    [[nodiscard]] Facts all_facts() const {
        Facts to{.checks = facts, .pools = {}, .established_sessions = 0, .drained = std::nullopt};
        for (const auto& server : policies.servers) to.pools[server.name] = pool_fact(server);
        return to;
    }
};

/// What somebody knows who hears nothing but the actions.
class Listener {
public:
    std::map<VipName, Verdict> vips;
    std::map<RouterName, Verdict> routers;
    std::map<ServerName, Pool> pools;

    void forget_the_absent(const Policies& policies) {
        const auto forget = [](auto& map, const auto& list) {
            std::erase_if(map, [&](const auto& entry) {
                return std::ranges::none_of(list, [&](const auto& named) { return named.name == entry.first; });
            });
        };
        forget(vips, policies.vips);
        forget(routers, policies.routers);
        forget(pools, policies.servers);
    }
    /// Everything that is told is news, and told in the order of the contract.
    void hear(const CoordinatorActions& actions, const Coordinator& coordinator) {
        int stage = 0;
        const auto told = [&](auto& known, const auto& who, const auto& what, int its_stage) {
            EXPECT_GE(its_stage, stage) << "falling, pools, rising";
            stage = its_stage;
            EXPECT_TRUE(!known.contains(who) || known.at(who) != what) << who.value() << " is no news";
            known.insert_or_assign(who, what);
        };
        for (const auto& action : actions) {
            if (const auto* vip = std::get_if<VipVerdictChanged>(&action)) {
                told(vips, vip->vip, vip->verdict, is_eligible(vip->verdict) ? 2 : 0);
            } else if (const auto* router = std::get_if<RouterVerdictChanged>(&action)) {
                told(routers, router->router, router->verdict, is_eligible(router->verdict) ? 2 : 0);
            } else {
                const auto& server = std::get<PoolChanged>(action).server;
                told(pools, server, coordinator.pool(server), 1);
            }
        }
    }
};

class Story {
public:
    explicit Story(std::uint64_t seed) : chance_{seed} {
        live(PoliciesChanged{chance_.policies()});
        plain_.reloaded = false;
    }
    void go_on() { live(chance_.event(plain_.policies)); }

    std::size_t compared = 0;

private:
    void live(const CoordinatorEvent& event) {
        SCOPED_TRACE(std::visit([](const auto& e) { return describe(e); }, event));
        const auto actions = coordinator_.handle(event);
        plain_.hear(event);
        plain_.drained = coordinator_.drained();
        listener_.forget_the_absent(plain_.policies);
        listener_.hear(actions, coordinator_);
        nothing_was_kept_back();
        nothing_was_overlooked();
        if (!plain_.nothing_joins()) return;
        ++compared;
        agrees_with_plain_loops();
    }
    void nothing_was_kept_back() {
        for (const auto& vip : plain_.policies.vips)
            EXPECT_EQ(listener_.vips.at(vip.name), coordinator_.verdict(vip.name));
        for (const auto& router : plain_.policies.routers) {
            EXPECT_EQ(listener_.routers.at(router.name), coordinator_.verdict(router.name));
        }
        for (const auto& server : plain_.policies.servers) {
            EXPECT_EQ(listener_.pools.at(server.name), coordinator_.pool(server.name));
        }
    }
    /// The same policies again make it look at everything: it must find nothing new.
    void nothing_was_overlooked() {
        auto again = coordinator_;
        EXPECT_EQ(again.handle(PoliciesChanged{plain_.policies}), CoordinatorActions{});
        EXPECT_EQ(again.all_decided(), coordinator_.all_decided());
        for (const auto& server : plain_.policies.servers) {
            EXPECT_EQ(again.pool_fact(server.name), coordinator_.pool_fact(server.name));
        }
    }
    void agrees_with_plain_loops() {
        EXPECT_EQ(coordinator_.all_decided(), plain_.all_decided());
        for (const auto& vip : plain_.policies.vips) EXPECT_EQ(coordinator_.verdict(vip.name), plain_.verdict(vip));
        for (const auto& router : plain_.policies.routers) {
            EXPECT_EQ(coordinator_.verdict(router.name), plain_.verdict(router));
        }
        for (const auto& server : plain_.policies.servers) {
            EXPECT_EQ(coordinator_.pool(server.name), plain_.pool(server));
            EXPECT_EQ(coordinator_.pool_fact(server.name), plain_.pool_fact(server));
        }
    }

    Chance chance_;
    Coordinator coordinator_;
    Plain plain_;
    Listener listener_;
};

TEST(CoordinatorProperty, AnEventThatConcernsLittleLeavesNothingBehindThatAFullEvaluationWouldFind) {
    std::size_t compared = 0;
    for (std::uint64_t seed = 1; seed <= 60 && !::testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Story story{seed};
        for (int event = 0; event < 80 && !::testing::Test::HasFailure(); ++event) story.go_on();
        compared += story.compared;
    }
    EXPECT_GT(compared, 2000U) << "too few moments at which nothing was joining";
}

}  // namespace
}  // namespace anyvip::vip
