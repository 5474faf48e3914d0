#include "anyvip/vip/coordinator.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "support/print.hpp"

ANYVIP_PRINT(anyvip::vip)

namespace anyvip::vip {
namespace {

const VipName www{"www"};
const VipName dns{"dns"};
const RouterName office{"office"};
const ServerName http{"http"};
const ServerName https{"https"};
const CheckName nginx{"nginx"};
const CheckName uplink{"uplink"};

net::Endpoint endpoint(std::string_view address, std::uint16_t port = 80) {
    return {net::IpAddress::parse(address).value(), port};
}
const net::Endpoint first = endpoint("10.0.1.21");
const net::Endpoint second = endpoint("10.0.1.22");
const CheckName of_first{"http/10.0.1.21:80"};
const CheckName of_second{"http/10.0.1.22:80"};

Track required(const CheckName& check) {
    return {.check = check, .weight = std::nullopt};
}
Track weighted(const CheckName& check, int weight) {
    return {.check = check, .weight = weight};
}

VipPolicy vip(const VipName& name, std::vector<Track> tracks = {}, std::optional<RouterName> router = std::nullopt) {
    VipPolicy policy;
    policy.name = name;
    policy.router = std::move(router);
    policy.policy.tracks = std::move(tracks);
    return policy;
}

/// Two real servers, each with its check, weights 5 and 7.
ServerPolicy checked_server(std::size_t quorum = 1, WhenEmpty when_empty = WhenEmpty::Withdraw) {
    return {.name = http,
            .vip = www,
            .quorum = quorum,
            .when_empty = when_empty,
            .real_servers = {{.address = first, .weight = 5, .check = of_first},
                             {.address = second, .weight = 7, .check = of_second}}};
}
ServerPolicy unchecked_server(const ServerName& name) {
    return {.name = name,
            .vip = www,
            .quorum = 1,
            .when_empty = WhenEmpty::Withdraw,
            .real_servers = {{.address = first, .weight = 5, .check = std::nullopt}}};
}

Verdict good(int adjustment = 0) {
    return Eligible{adjustment};
}
Verdict bad(Reason reason, std::string detail = "") {
    return Ineligible{reason, std::move(detail)};
}

CoordinatorAction risen(const VipName& name, int adjustment = 0) {
    return VipVerdictChanged{name, good(adjustment)};
}
CoordinatorAction fallen(const VipName& name, Reason reason, std::string detail = "") {
    return VipVerdictChanged{name, bad(reason, std::move(detail))};
}

class CoordinatorTest : public ::testing::Test {
protected:
    /// With every check that is named, and `also` with those that nothing depends on.
    CoordinatorActions configure(Policies policies, const std::vector<CheckName>& also = {}) {
        std::set<CheckName> checks{also.begin(), also.end()};
        for (const auto& vip : policies.vips) {
            for (const auto& track : vip.policy.tracks) checks.insert(track.check);
        }
        for (const auto& router : policies.routers) {
            for (const auto& track : router.tracks) checks.insert(track.check);
        }
        for (const auto& server : policies.servers) {
            for (const auto& real_server : server.real_servers) {
                if (real_server.check) checks.insert(*real_server.check);
            }
        }
        policies.checks = {checks.begin(), checks.end()};
        return coordinator.handle(PoliciesChanged{std::move(policies)});
    }
    CoordinatorActions up(const CheckName& check) {
        return coordinator.handle(HealthReported{check, {Health::Up, ""}});
    }
    CoordinatorActions down(const CheckName& check) {
        return coordinator.handle(HealthReported{check, {Health::Down, "refused"}});
    }
    CoordinatorActions drain(const DrainTarget& target) { return coordinator.handle(DrainRequested{target, true}); }
    CoordinatorActions undrain(const DrainTarget& target) { return coordinator.handle(DrainRequested{target, false}); }

    /// www with http, both real servers healthy.
    void serve(std::size_t quorum = 1, WhenEmpty when_empty = WhenEmpty::Withdraw) {
        (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {checked_server(quorum, when_empty)}});
        (void)up(of_first);
        (void)up(of_second);
        ASSERT_EQ(coordinator.verdict(www), good());
    }

    Coordinator coordinator;
};

// ---- what a thing starts as

TEST_F(CoordinatorTest, WhatIsNotKnownIsNotEligible) {
    EXPECT_EQ(coordinator.verdict(www), bad(Reason::Starting));
    EXPECT_EQ(coordinator.verdict(office), bad(Reason::Starting));
    EXPECT_TRUE(coordinator.pool(http).empty());
    EXPECT_EQ(coordinator.fact(nginx), CheckFact{});
}

TEST_F(CoordinatorTest, AVipWithoutDependencesIsEligibleAtOnce) {
    EXPECT_EQ(configure({.vips = {vip(www)}, .routers = {}, .servers = {}}), (CoordinatorActions{risen(www)}));
}

TEST_F(CoordinatorTest, ANewVipIsIneligibleUntilItsChecksHaveAVerdict) {
    EXPECT_EQ(configure({.vips = {vip(www, {required(nginx), required(uplink)})}, .routers = {}, .servers = {}}),
              (CoordinatorActions{fallen(www, Reason::CheckUnknown, "nginx")}));
    EXPECT_EQ(up(nginx), (CoordinatorActions{fallen(www, Reason::CheckUnknown, "uplink")}));
    EXPECT_EQ(up(uplink), (CoordinatorActions{risen(www)}));
}

TEST_F(CoordinatorTest, ARealServerWithoutAVerdictIsLeftAsTheKernelHasIt) {
    EXPECT_EQ(configure({.vips = {vip(www)}, .routers = {}, .servers = {checked_server()}}),
              (CoordinatorActions{fallen(www, Reason::BelowQuorum, "http: 0 of 2 real servers healthy, quorum 1"),
                                  PoolChanged{www, http}}));
    EXPECT_EQ(coordinator.pool(http), (Pool{{first, AsItIs{}}, {second, AsItIs{}}}));
}

TEST_F(CoordinatorTest, ARealServerWithoutACheckIsHealthy) {
    EXPECT_EQ(configure({.vips = {vip(www)}, .routers = {}, .servers = {unchecked_server(http)}}),
              (CoordinatorActions{PoolChanged{www, http}, risen(www)}));
    EXPECT_EQ(coordinator.pool(http), (Pool{{first, Present{5}}}));
}

// ---- pools

TEST_F(CoordinatorTest, AGoodVerdictBringsTheRealServerInBeforeTheVip) {
    (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {checked_server()}});
    EXPECT_EQ(up(of_first), (CoordinatorActions{PoolChanged{www, http}, risen(www)}));
    EXPECT_EQ(coordinator.pool(http), (Pool{{first, Present{5}}, {second, AsItIs{}}}));
}

TEST_F(CoordinatorTest, AFailedRealServerIsRemoved) {
    serve();
    EXPECT_EQ(down(of_first), (CoordinatorActions{PoolChanged{www, http}}));
    EXPECT_EQ(coordinator.pool(http), (Pool{{first, Absent{}}, {second, Present{7}}}));
    EXPECT_EQ(coordinator.verdict(www), good());
}

TEST_F(CoordinatorTest, TheLastRealServerTakesTheVipDownBeforeThePoolIsTouched) {
    serve();
    (void)down(of_first);
    EXPECT_EQ(down(of_second),
              (CoordinatorActions{fallen(www, Reason::BelowQuorum, "http: 0 of 2 real servers healthy, quorum 1"),
                                  PoolChanged{www, http}}));
}

TEST_F(CoordinatorTest, TheQuorumDecides) {
    serve(2);
    EXPECT_EQ(down(of_first),
              (CoordinatorActions{fallen(www, Reason::BelowQuorum, "http: 1 of 2 real servers healthy, quorum 2"),
                                  PoolChanged{www, http}}));
    EXPECT_EQ(up(of_first), (CoordinatorActions{PoolChanged{www, http}, risen(www)}));
}

TEST_F(CoordinatorTest, WhenEmptyKeepLeavesTheVipWhereItIs) {
    serve(1, WhenEmpty::Keep);
    EXPECT_EQ(down(of_first), (CoordinatorActions{PoolChanged{www, http}}));
    EXPECT_EQ(down(of_second), (CoordinatorActions{PoolChanged{www, http}}));
    EXPECT_EQ(coordinator.verdict(www), good());
    EXPECT_EQ(coordinator.pool(http), (Pool{{first, Absent{}}, {second, Absent{}}}));
}

TEST_F(CoordinatorTest, ARealServerOfWeightZeroIsPresentAndNotHealthy) {
    auto server = unchecked_server(http);
    server.real_servers[0].weight = 0;
    (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {server}});
    EXPECT_EQ(coordinator.pool(http), (Pool{{first, Present{0}}}));
    EXPECT_EQ(coordinator.pool_fact(http), (PoolFact{.healthy = 0, .configured = 1, .quorum = 1}));
}

TEST_F(CoordinatorTest, AnotherWeightIsAnotherPool) {
    (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {unchecked_server(http)}});
    auto server = unchecked_server(http);
    server.real_servers[0].weight = 9;
    EXPECT_EQ(configure({.vips = {vip(www)}, .routers = {}, .servers = {server}}),
              (CoordinatorActions{PoolChanged{www, http}}));
}

TEST_F(CoordinatorTest, AFactThatChangesNothingCausesNothing) {
    serve();
    EXPECT_EQ(up(of_first), CoordinatorActions{});
    EXPECT_EQ(up(CheckName{"of nobody"}), CoordinatorActions{});
}

TEST_F(CoordinatorTest, AnyOneVirtualServerIsEnoughWhereTheVipSaysSo) {
    auto any = vip(www);
    any.policy.services = ServicesRule::Any;
    (void)configure({.vips = {any}, .routers = {}, .servers = {checked_server(), unchecked_server(https)}});
    EXPECT_EQ(coordinator.verdict(www), good());
}

// ---- drains

TEST_F(CoordinatorTest, ADrainedRealServerKeepsItsConnectionsAtWeightZero) {
    serve();
    EXPECT_EQ(drain(RealServerTarget{http, first}), (CoordinatorActions{PoolChanged{www, http}}));
    EXPECT_EQ(coordinator.pool(http), (Pool{{first, Present{0}}, {second, Present{7}}}));
    EXPECT_EQ(undrain(RealServerTarget{http, first}), (CoordinatorActions{PoolChanged{www, http}}));
    EXPECT_EQ(coordinator.pool(http), (Pool{{first, Present{5}}, {second, Present{7}}}));
}

TEST_F(CoordinatorTest, ADrainedRealServerThatFailsIsRemovedAllTheSame) {
    serve();
    (void)drain(RealServerTarget{http, first});
    (void)down(of_first);
    EXPECT_EQ(coordinator.pool(http), (Pool{{first, Absent{}}, {second, Present{7}}}));
}

TEST_F(CoordinatorTest, ADrainedRealServerGetsNoNewConnectionsEvenBeforeItsFirstVerdict) {
    (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {checked_server()}});
    EXPECT_EQ(drain(RealServerTarget{http, first}), (CoordinatorActions{PoolChanged{www, http}}));
    EXPECT_EQ(coordinator.pool(http), (Pool{{first, Present{0}}, {second, AsItIs{}}}));
}

TEST_F(CoordinatorTest, DrainingTheLastRealServerTakesTheVipDownFirst) {
    serve();
    (void)drain(RealServerTarget{http, first});
    EXPECT_EQ(drain(RealServerTarget{http, second}),
              (CoordinatorActions{fallen(www, Reason::BelowQuorum, "http: 0 of 2 real servers healthy, quorum 1"),
                                  PoolChanged{www, http}}));
}

TEST_F(CoordinatorTest, ADrainedVipFallsAndComesBack) {
    (void)configure({.vips = {vip(www), vip(dns)}, .routers = {}, .servers = {}});
    EXPECT_EQ(drain(www), (CoordinatorActions{fallen(www, Reason::Drained, "this VIP")}));
    EXPECT_EQ(coordinator.verdict(dns), good());
    EXPECT_EQ(drain(www), CoordinatorActions{});
    EXPECT_EQ(undrain(www), (CoordinatorActions{risen(www)}));
}

TEST_F(CoordinatorTest, ADrainedNodeTakesEverythingWithIt) {
    (void)configure(
        {.vips = {vip(www), vip(dns, {}, office)}, .routers = {{.name = office, .tracks = {}}}, .servers = {}});
    EXPECT_EQ(drain(NodeTarget{}),
              (CoordinatorActions{fallen(www, Reason::Drained, "this node"), fallen(dns, Reason::Drained, "this node"),
                                  RouterVerdictChanged{office, bad(Reason::Drained, "this node")}}));
    EXPECT_EQ(undrain(NodeTarget{}),
              (CoordinatorActions{risen(www), risen(dns), RouterVerdictChanged{office, good()}}));
}

TEST_F(CoordinatorTest, ADrainedVipThatIsAlsoOnADrainedNodeComesBackWithBoth) {
    (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {}});
    (void)drain(www);
    (void)drain(NodeTarget{});
    (void)undrain(NodeTarget{});
    EXPECT_EQ(coordinator.verdict(www), bad(Reason::Drained, "this VIP"));
    EXPECT_EQ(coordinator.drained(), (std::set<DrainTarget>{www}));
}

TEST_F(CoordinatorTest, ADrainSurvivesAReload) {
    const Policies policies{.vips = {vip(www)}, .routers = {}, .servers = {}};
    (void)configure(policies);
    (void)drain(www);
    EXPECT_EQ(configure(policies), CoordinatorActions{});
    EXPECT_EQ(coordinator.verdict(www), bad(Reason::Drained, "this VIP"));
}

TEST_F(CoordinatorTest, ADrainEndsWithWhatItIsOf) {
    const Policies all{.vips = {vip(www)}, .routers = {}, .servers = {unchecked_server(http)}};
    (void)configure(all);
    (void)drain(www);
    (void)drain(RealServerTarget{http, first});
    (void)drain(NodeTarget{});
    auto other = unchecked_server(http);
    other.real_servers[0].address = second;
    (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {other}});
    EXPECT_EQ(coordinator.drained(), (std::set<DrainTarget>{NodeTarget{}, www}));
    (void)configure({.vips = {}, .routers = {}, .servers = {}});
    EXPECT_EQ(coordinator.drained(), (std::set<DrainTarget>{NodeTarget{}}));
    (void)undrain(NodeTarget{});
    (void)configure(all);
    EXPECT_EQ(coordinator.verdict(www), good());
    EXPECT_EQ(coordinator.pool(http), (Pool{{first, Present{5}}}));
}

// ---- virtual routers

TEST_F(CoordinatorTest, AVirtualRouterNeedsItsOwnTracks) {
    (void)configure(
        {.vips = {vip(www, {}, office)}, .routers = {{.name = office, .tracks = {required(uplink)}}}, .servers = {}});
    EXPECT_EQ(coordinator.verdict(office), bad(Reason::CheckUnknown, "uplink"));
    EXPECT_EQ(up(uplink), (CoordinatorActions{RouterVerdictChanged{office, good()}}));
    EXPECT_EQ(down(uplink),
              (CoordinatorActions{RouterVerdictChanged{office, bad(Reason::CheckFailed, "uplink: refused")}}));
    EXPECT_EQ(coordinator.verdict(www), good());
}

TEST_F(CoordinatorTest, AVirtualRouterNeedsEveryOneOfItsVips) {
    (void)configure({.vips = {vip(dns, {}, office), vip(www, {required(nginx)}, office)},
                     .routers = {{.name = office, .tracks = {}}},
                     .servers = {}});
    EXPECT_EQ(up(nginx), (CoordinatorActions{risen(www), RouterVerdictChanged{office, good()}}));
    EXPECT_EQ(down(nginx),
              (CoordinatorActions{fallen(www, Reason::CheckFailed, "nginx: refused"),
                                  RouterVerdictChanged{office, bad(Reason::CheckFailed, "nginx: refused")}}));
}

TEST_F(CoordinatorTest, TheVipsOfOtherRoutersDoNotMatter) {
    (void)configure({.vips = {vip(www, {}, office), vip(dns, {required(nginx)})},
                     .routers = {{.name = office, .tracks = {}}},
                     .servers = {}});
    (void)down(nginx);
    EXPECT_EQ(coordinator.verdict(office), good());
}

TEST_F(CoordinatorTest, WeightsOfTheRouterAndItsVipsAddUp) {
    (void)configure({.vips = {vip(www, {weighted(nginx, -20)}, office)},
                     .routers = {{.name = office, .tracks = {weighted(uplink, 30)}}},
                     .servers = {}});
    EXPECT_EQ(up(uplink), (CoordinatorActions{RouterVerdictChanged{office, good(30)}}));
    EXPECT_EQ(down(nginx), (CoordinatorActions{risen(www, -20), RouterVerdictChanged{office, good(10)}}));
}

// ---- sessions

TEST_F(CoordinatorTest, AHybridVipNeedsASessionOfOneOfItsPeers) {
    const PeerName a{"tor-a"};
    const PeerName b{"tor-b"};
    auto hybrid = vip(www);
    hybrid.policy.needs_bgp_session = true;
    hybrid.peers = {a};
    EXPECT_EQ(configure({.vips = {hybrid}, .routers = {}, .servers = {}}),
              (CoordinatorActions{fallen(www, Reason::NoBgpSession)}));
    EXPECT_EQ(coordinator.handle(SessionsReported{{b}}), CoordinatorActions{});
    EXPECT_EQ(coordinator.handle(SessionsReported{{a, b}}), (CoordinatorActions{risen(www)}));
    EXPECT_EQ(coordinator.handle(SessionsReported{{a}}), CoordinatorActions{});
    EXPECT_EQ(coordinator.handle(SessionsReported{{b}}), (CoordinatorActions{fallen(www, Reason::NoBgpSession)}));
}

// ---- reload

TEST_F(CoordinatorTest, TheSamePoliciesAgainCauseNothing) {
    serve();
    EXPECT_EQ(configure({.vips = {vip(www)}, .routers = {}, .servers = {checked_server()}}), CoordinatorActions{});
}

TEST_F(CoordinatorTest, ACheckThatJoinsAnEligibleVipIsNotCountedBeforeItsFirstVerdict) {
    (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {}});
    EXPECT_EQ(configure({.vips = {vip(www, {required(nginx)})}, .routers = {}, .servers = {}}), CoordinatorActions{});
    EXPECT_EQ(coordinator.verdict(www), good());
    EXPECT_EQ(down(nginx), (CoordinatorActions{fallen(www, Reason::CheckFailed, "nginx: refused")}));
    EXPECT_EQ(up(nginx), (CoordinatorActions{risen(www)}));
}

TEST_F(CoordinatorTest, ACheckThatJoinsAndIsKnownToBeBadCountsAtOnce) {
    (void)configure({.vips = {vip(dns, {required(nginx)}), vip(www)}, .routers = {}, .servers = {}});
    (void)down(nginx);
    EXPECT_EQ(
        configure({.vips = {vip(dns, {required(nginx)}), vip(www, {required(nginx)})}, .routers = {}, .servers = {}}),
        (CoordinatorActions{fallen(www, Reason::CheckFailed, "nginx: refused")}));
}

TEST_F(CoordinatorTest, ACheckThatJoinsAnIneligibleVipCountsAtOnce) {
    (void)configure({.vips = {vip(www, {required(uplink)})}, .routers = {}, .servers = {}});
    (void)configure({.vips = {vip(www, {required(uplink), required(nginx)})}, .routers = {}, .servers = {}});
    EXPECT_EQ(up(uplink), (CoordinatorActions{fallen(www, Reason::CheckUnknown, "nginx")}));
}

TEST_F(CoordinatorTest, AVirtualServerThatJoinsAnEligibleVipIsNotCountedWhileItIsUndecided) {
    (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {}});
    EXPECT_EQ(configure({.vips = {vip(www)}, .routers = {}, .servers = {checked_server(2)}}),
              (CoordinatorActions{PoolChanged{www, http}}));
    EXPECT_EQ(up(of_first), (CoordinatorActions{PoolChanged{www, http}}));
    EXPECT_EQ(coordinator.verdict(www), good());
    EXPECT_EQ(down(of_second),
              (CoordinatorActions{fallen(www, Reason::BelowQuorum, "http: 1 of 2 real servers healthy, quorum 2"),
                                  PoolChanged{www, http}}));
}

TEST_F(CoordinatorTest, AVirtualServerThatGetsItsChecksOnlyNowWithdrawsNothing) {
    auto unchecked = checked_server();
    for (auto& real_server : unchecked.real_servers) real_server.check.reset();
    (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {unchecked}});
    EXPECT_EQ(configure({.vips = {vip(www)}, .routers = {}, .servers = {checked_server()}}),
              (CoordinatorActions{PoolChanged{www, http}}));
    EXPECT_EQ(coordinator.verdict(www), good());
    EXPECT_EQ(down(of_first), (CoordinatorActions{PoolChanged{www, http}}));
    EXPECT_EQ(down(of_second),
              (CoordinatorActions{fallen(www, Reason::BelowQuorum, "http: 0 of 2 real servers healthy, quorum 1"),
                                  PoolChanged{www, http}}));
}

TEST_F(CoordinatorTest, AVirtualServerWithNoneOfItsOldRealServersWithdrawsNothing) {
    serve();
    auto other = checked_server();
    other.real_servers = {{.address = endpoint("10.0.1.23"), .weight = 5, .check = CheckName{"http/10.0.1.23:80"}}};
    EXPECT_EQ(configure({.vips = {vip(www)}, .routers = {}, .servers = {other}}),
              (CoordinatorActions{PoolChanged{www, http}}));
    EXPECT_EQ(coordinator.verdict(www), good());
    EXPECT_EQ(down(CheckName{"http/10.0.1.23:80"}),
              (CoordinatorActions{fallen(www, Reason::BelowQuorum, "http: 0 of 1 real servers healthy, quorum 1"),
                                  PoolChanged{www, http}}));
}

TEST_F(CoordinatorTest, AQuorumThatIsRaisedAboveTheKnownWithdrawsNothingUntilTheOthersAreKnown) {
    (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {checked_server(1)}});
    (void)up(of_first);
    EXPECT_EQ(configure({.vips = {vip(www)}, .routers = {}, .servers = {checked_server(2)}}), CoordinatorActions{});
    EXPECT_EQ(down(of_second),
              (CoordinatorActions{fallen(www, Reason::BelowQuorum, "http: 1 of 2 real servers healthy, quorum 2"),
                                  PoolChanged{www, http}}));
}

TEST_F(CoordinatorTest, AVirtualServerThatLosesItsQuorumToAReloadForGoodWithdrawsItsVip) {
    serve();
    auto empty = checked_server();
    empty.real_servers.clear();
    EXPECT_EQ(configure({.vips = {vip(www)}, .routers = {}, .servers = {empty}}),
              (CoordinatorActions{fallen(www, Reason::BelowQuorum, "http: 0 of 0 real servers healthy, quorum 1"),
                                  PoolChanged{www, http}}));
}

TEST_F(CoordinatorTest, ACheckThatJoinsAnEligibleVirtualRouterIsNotCountedBeforeItsFirstVerdict) {
    (void)configure({.vips = {vip(www, {}, office)}, .routers = {{.name = office, .tracks = {}}}, .servers = {}});
    EXPECT_EQ(configure({.vips = {vip(www, {}, office)},
                         .routers = {{.name = office, .tracks = {required(uplink)}}},
                         .servers = {}}),
              CoordinatorActions{});
    EXPECT_EQ(down(uplink),
              (CoordinatorActions{RouterVerdictChanged{office, bad(Reason::CheckFailed, "uplink: refused")}}));
}

TEST_F(CoordinatorTest, AVipThatJoinsAnEligibleVirtualRouterIsNotCountedBeforeItsFirstVerdict) {
    (void)configure({.vips = {vip(www, {}, office)}, .routers = {{.name = office, .tracks = {}}}, .servers = {}});
    EXPECT_EQ(configure({.vips = {vip(www, {}, office), vip(dns, {required(nginx)}, office)},
                         .routers = {{.name = office, .tracks = {}}},
                         .servers = {}}),
              (CoordinatorActions{fallen(dns, Reason::CheckUnknown, "nginx")}));
    EXPECT_EQ(coordinator.verdict(office), good());
    EXPECT_EQ(down(nginx),
              (CoordinatorActions{fallen(dns, Reason::CheckFailed, "nginx: refused"),
                                  RouterVerdictChanged{office, bad(Reason::CheckFailed, "nginx: refused")}}));
}

TEST_F(CoordinatorTest, WhatLeavesTheConfigurationIsForgotten) {
    (void)configure({.vips = {vip(www, {required(nginx)})}, .routers = {}, .servers = {}});
    (void)up(nginx);
    (void)configure({.vips = {}, .routers = {}, .servers = {}});
    EXPECT_EQ(coordinator.verdict(www), bad(Reason::Starting));
    EXPECT_EQ(coordinator.fact(nginx), CheckFact{});
    EXPECT_EQ(configure({.vips = {vip(www, {required(nginx)})}, .routers = {}, .servers = {}}),
              (CoordinatorActions{fallen(www, Reason::CheckUnknown, "nginx")}));
}

TEST_F(CoordinatorTest, ACheckThatGoesOnRunningKeepsItsVerdictWhileNothingDependsOnIt) {
    (void)configure({.vips = {vip(www, {required(nginx)})}, .routers = {}, .servers = {}});
    (void)up(nginx);
    (void)configure({.vips = {}, .routers = {}, .servers = {}}, {nginx});
    EXPECT_EQ(configure({.vips = {vip(www, {required(nginx)})}, .routers = {}, .servers = {}}),
              (CoordinatorActions{risen(www)}));
}

TEST_F(CoordinatorTest, ACheckThatNothingDependsOnIsHeard) {
    (void)configure({.vips = {}, .routers = {}, .servers = {}}, {nginx});
    (void)up(nginx);
    EXPECT_EQ(configure({.vips = {vip(www, {required(nginx)})}, .routers = {}, .servers = {}}),
              (CoordinatorActions{risen(www)}));
}

TEST_F(CoordinatorTest, ALateReportOfARemovedCheckIsNoVerdictOfItsSuccessor) {
    (void)configure({.vips = {vip(www, {required(nginx)})}, .routers = {}, .servers = {}});
    (void)configure({.vips = {}, .routers = {}, .servers = {}});
    (void)up(nginx);
    EXPECT_EQ(configure({.vips = {vip(www, {required(nginx)})}, .routers = {}, .servers = {}}),
              (CoordinatorActions{fallen(www, Reason::CheckUnknown, "nginx")}));
}

TEST_F(CoordinatorTest, WhatKeepsItsNameKeepsItsVerdicts) {
    (void)configure({.vips = {vip(www, {required(nginx)})}, .routers = {}, .servers = {}});
    (void)up(nginx);
    EXPECT_EQ(
        configure({.vips = {vip(www, {required(nginx)}), vip(dns, {required(nginx)})}, .routers = {}, .servers = {}}),
        (CoordinatorActions{risen(dns)}));
}

// ---- order

TEST_F(CoordinatorTest, FallingVerdictsComeBeforePoolsAndPoolsBeforeRisingVerdicts) {
    (void)configure({.vips = {vip(dns), vip(www)}, .routers = {}, .servers = {checked_server()}});
    (void)drain(www);
    (void)up(of_first);
    // One reload that drops dns' dependence-free life (a bad check joins) and lets www rise with another weight.
    (void)undrain(www);
    (void)down(of_first);
    (void)down(of_second);
    auto server = checked_server();
    for (auto& real_server : server.real_servers) real_server.check.reset();
    EXPECT_EQ(configure({.vips = {vip(dns, {required(of_first)}), vip(www)}, .routers = {}, .servers = {server}}),
              (CoordinatorActions{fallen(dns, Reason::CheckFailed, "http/10.0.1.21:80: refused"),
                                  PoolChanged{www, http}, risen(www)}));
}

// ---- the first verdicts

TEST_F(CoordinatorTest, AllIsDecidedWhenNothingIsAwaited) {
    EXPECT_TRUE(coordinator.all_decided());
    (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {unchecked_server(http)}});
    EXPECT_TRUE(coordinator.all_decided());
}

TEST_F(CoordinatorTest, ABadVerdictIsAVerdict) {
    (void)configure({.vips = {vip(www, {required(nginx)})}, .routers = {}, .servers = {}});
    EXPECT_FALSE(coordinator.all_decided());
    (void)down(nginx);
    EXPECT_TRUE(coordinator.all_decided());
}

TEST_F(CoordinatorTest, AVirtualServerIsDecidedWithItsQuorumOrWithoutHopeOfIt) {
    (void)configure({.vips = {vip(www)}, .routers = {}, .servers = {checked_server(1)}});
    EXPECT_FALSE(coordinator.all_decided());
    (void)up(of_first);
    EXPECT_TRUE(coordinator.all_decided());
    (void)down(of_first);
    EXPECT_FALSE(coordinator.all_decided());
    (void)down(of_second);
    EXPECT_TRUE(coordinator.all_decided());
}

TEST_F(CoordinatorTest, WhatIsNotRequiredIsNotAwaited) {
    (void)configure(
        {.vips = {vip(www, {weighted(uplink, -20)})}, .routers = {}, .servers = {checked_server(1, WhenEmpty::Keep)}});
    EXPECT_TRUE(coordinator.all_decided());
}

}  // namespace
}  // namespace anyvip::vip
