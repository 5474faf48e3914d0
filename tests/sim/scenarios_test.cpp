#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sim/world.hpp"

/// What an operator would try in a lab, in virtual time. The oracles look on all the while.
namespace anyvip::sim {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class Scenario : public testing::Test {
protected:
    /// node1 has priority 180, node2 160; both are up and settled.
    World& pair(Options options) {
        options.nodes = 2;
        return settled(options);
    }
    World& settled(const Options& options) {
        world_.emplace(options);
        world_->start();
        EXPECT_TRUE(world_->run_until([&] { return world_->oracle().unmet().empty(); }, 20s));
        EXPECT_TRUE(world_->run_for(2s));
        return *world_;
    }
    void TearDown() override {
        if (!world_) return;
        for (const auto& violation : world_->oracle().violations()) {
            ADD_FAILURE() << violation.oracle << ": " << violation.what;
        }
    }

private:
    std::optional<World> world_;
};

constexpr auto www = "203.0.113.10";
constexpr auto office = "192.0.2.100";
constexpr auto edge = "192.0.2.200";
const CheckName local{"local"};
const CheckName first_server{"www-http/10.1.0.21:80"};
const CheckName second_server{"www-http/10.1.0.22:80"};

Options bgp() {
    return {.bgp_vip = true};
}
Options vrrp() {
    return {.bgp_vip = false, .vrrp_vip = true};
}
Options hybrid() {
    return {.bgp_vip = false, .hybrid_vip = true};
}

std::size_t real_servers(World& world, int node, const char* address) {
    const auto found =
        world.node(node).kernel().services.find({ipvs::Protocol::Tcp, {*net::IpAddress::parse(address), 80}});
    return found == world.node(node).kernel().services.end() ? 0 : found->second.real_servers.size();
}
bool has(World& world, int node, const char* address) {
    return world.node(node).kernel().has(*net::IpAddress::parse(address));
}
void remove(Kernel& kernel, const char* address) {
    std::erase_if(kernel.addresses,
                  [&](const auto& a) { return a.key.prefix.address() == *net::IpAddress::parse(address); });
}

// ---- VRRP -----------------------------------------------------------------------------------------------

// RFC 9568 §6.1: 3 s and a Skew_Time of (256 - 160) / 256 s after the last advertisement.
TEST_F(Scenario, TheBackupTakesOverWithinAnActiveDownIntervalOfACrash) {
    auto& world = pair(vrrp());
    ASSERT_THAT(world.active("office"), ElementsAre(1));
    world.node(1).crash();
    ASSERT_TRUE(world.run_for(2300ms));
    EXPECT_THAT(world.active("office"), IsEmpty());
    ASSERT_TRUE(world.run_for(1100ms));
    EXPECT_THAT(world.active("office"), ElementsAre(2));
    EXPECT_TRUE(has(world, 2, office));
    EXPECT_EQ(world.node(2).frames(office), 5U);
}

TEST_F(Scenario, TheBackupTakesOverWithinASkewTimeOfAStop) {
    auto& world = pair(vrrp());
    world.node(1).stop();
    ASSERT_TRUE(world.run_for(400ms));  // 375 ms, and the way there.
    EXPECT_THAT(world.active("office"), ElementsAre(2));
    ASSERT_TRUE(world.run_until([&] { return !world.node(1).is_running(); }, 10s));
    EXPECT_EQ(world.node(1).stopped_in_order(), true);
    EXPECT_FALSE(has(world, 1, office));
}

TEST_F(Scenario, ThePreferredRouterTakesTheAddressBack) {
    auto& world = pair(vrrp());
    world.node(1).crash();
    ASSERT_TRUE(world.run_for(5s));
    world.node(1).start();
    ASSERT_TRUE(world.run_until([&] { return world.active("office") == std::vector{1}; }, 10s));
    ASSERT_TRUE(world.run_for(1s));
    EXPECT_FALSE(has(world, 2, office));
}

TEST_F(Scenario, ACutSegmentHasTwoActiveRoutersAndOneWhenItHeals) {
    auto& world = pair(vrrp());
    world.network().cut_both(1, 2);
    ASSERT_TRUE(world.run_for(5s));
    EXPECT_THAT(world.active("office"), ElementsAre(1, 2));
    world.network().heal_both(1, 2);
    ASSERT_TRUE(world.run_for(1200ms));
    EXPECT_THAT(world.active("office"), ElementsAre(1));
}

// The kernel loop is in a call for a second while node2 becomes Active and Backup again.
TEST_F(Scenario, AnAddressThatIsAboutToGoIsNotAnnounced) {
    auto options = vrrp();
    options.advertise_interval = 100ms;
    auto& world = pair(options);
    const auto sent = world.node(2).frames(office);  // It may have been the first to be there.
    for (int flap = 0; flap < 3; ++flap) {
        world.node(2).stall(LoopName::Kernel, 1s);
        world.network().cut(1, 2);
        ASSERT_TRUE(world.run_until([&] { return world.node(2).is_active(RouterName{"office"}); }, 2s));
        world.network().heal(1, 2);
        ASSERT_TRUE(world.run_for(300ms));
        EXPECT_THAT(world.active("office"), ElementsAre(1));
        EXPECT_EQ(world.node(2).frames(office), sent);
    }
    ASSERT_TRUE(world.run_for(3s));
    EXPECT_EQ(world.node(2).frames(office), sent);
    EXPECT_FALSE(has(world, 2, office));
}

TEST_F(Scenario, ADecisionLoopThatHangsGivesTheAddressUp) {
    auto& world = pair(vrrp());
    world.node(1).stall(LoopName::Decision, 20s);
    ASSERT_TRUE(world.run_for(4s));  // stall_timeout is 3 s; priority 0 makes the rest quick.
    EXPECT_THAT(world.active("office"), ElementsAre(2));
    EXPECT_FALSE(has(world, 1, office));
}

TEST_F(Scenario, AHeartbeatThatSleptDoubtsItselfAndNotItsNeighbour) {
    auto& world = pair(vrrp());
    world.node(2).stall(LoopName::Heartbeat, 10s);
    ASSERT_TRUE(world.run_for(20s));
    EXPECT_THAT(world.active("office"), ElementsAre(1));
    EXPECT_EQ(world.node(2).frames(office), 0U);
}

// ---- BGP ------------------------------------------------------------------------------------------------

TEST_F(Scenario, BothNodesAreNextHopsOfTheRouter) {
    auto& world = pair(bgp());
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(1, 2));
}

// Interval 1 s, fall 2, timeout 500 ms: two probes and the second's failure.
TEST_F(Scenario, TheRouteGoesWhenTheCheckFailsAndReturnsWithHealth) {
    auto& world = pair(bgp());
    world.backend().set(1, local, Backend::Health::Refuses);
    ASSERT_TRUE(world.run_until([&] { return world.router(1).next_hops(www) == std::vector{2}; }, 2500ms));
    ASSERT_TRUE(world.run_for(5s));
    EXPECT_TRUE(has(world, 1, www)) << "the address follows the configuration, not the verdict";
    world.backend().set(1, local, Backend::Health::Up);
    ASSERT_TRUE(world.run_until([&] { return world.router(1).next_hops(www) == std::vector{1, 2}; }, 3s));
}

TEST_F(Scenario, ACheckThatCannotRunKeepsItsVerdictForAWhile) {
    auto& world = pair(bgp());
    world.backend().set(1, local, Backend::Health::CannotBeProbed);
    ASSERT_TRUE(world.run_for(4s));
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(1, 2));
    ASSERT_TRUE(world.run_for(4s));  // unknown_timeout is 5 s.
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(2));
}

TEST_F(Scenario, TheRouteGoesWithTheLastRealServer) {
    auto& world = pair(bgp());
    world.backend().set(1, first_server, Backend::Health::Refuses);
    ASSERT_TRUE(world.run_for(4s));
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(1, 2));
    EXPECT_EQ(real_servers(world, 1, www), 1U);
    world.backend().set(1, second_server, Backend::Health::Refuses);
    ASSERT_TRUE(world.run_for(3s));
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(2));
    ASSERT_TRUE(world.run_for(3s));
    EXPECT_EQ(real_servers(world, 1, www), 0U);
}

TEST_F(Scenario, AStoppedNodeWithdrawsAndLeavesNothing) {
    auto& world = pair(bgp());
    world.node(1).stop();
    ASSERT_TRUE(world.run_for(50ms));
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(2));
    EXPECT_TRUE(world.router(1).established(1)) << "withdrawn by an UPDATE, before the session closes";
    EXPECT_TRUE(has(world, 1, www)) << "packets on their way are still served";
    ASSERT_TRUE(world.run_until([&] { return !world.node(1).is_running(); }, 10s));
    EXPECT_EQ(world.node(1).stopped_in_order(), true);
    EXPECT_FALSE(has(world, 1, www));
    EXPECT_EQ(real_servers(world, 1, www), 0U);
}

TEST_F(Scenario, TheRouteOfACrashedDaemonGoesWithItsConnection) {
    auto& world = pair(bgp());
    world.node(1).crash();
    ASSERT_TRUE(world.run_for(50ms));
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(2));
}

TEST_F(Scenario, TheRouteOfADeadHostGoesWithTheHoldTimer) {
    auto& world = pair(bgp());
    world.node(1).power_off();
    ASSERT_TRUE(world.run_for(5s));
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(1, 2));
    ASSERT_TRUE(world.run_for(4500ms));  // hold_time is 9 s.
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(2));
    world.node(1).power_on();
    ASSERT_TRUE(world.run_until([&] { return world.router(1).next_hops(www) == std::vector{1, 2}; }, 30s));
}

TEST_F(Scenario, ADrainedNodeIsNoNextHopUntilItIsUndrained) {
    auto& world = pair(bgp());
    world.node(2).drain(vip::NodeTarget{});
    ASSERT_TRUE(world.run_for(100ms));
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(1));
    world.node(2).drain(vip::NodeTarget{}, false);
    ASSERT_TRUE(world.run_until([&] { return world.router(1).next_hops(www) == std::vector{1, 2}; }, 5s));
}

// RFC 8326: the router keeps a way until it has had the time to take another.
TEST_F(Scenario, ADrainedNodeSaysThatItGoesBeforeItDoes) {
    auto options = bgp();
    options.graceful_shutdown = 2s;
    auto& world = pair(options);
    world.node(2).drain(vip::NodeTarget{});
    ASSERT_TRUE(world.run_for(1900ms));
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(1, 2));
    ASSERT_TRUE(world.run_for(300ms));
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(1));
}

TEST_F(Scenario, AStopEndsInTimeThoughTheKernelLoopIsStuck) {
    auto& world = pair(bgp());
    world.node(1).stall(LoopName::Kernel, 60s);
    world.node(1).stop();
    ASSERT_TRUE(world.run_for(100ms));
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(2));
    ASSERT_TRUE(world.run_until([&] { return !world.node(1).is_running(); }, 11s));
    EXPECT_EQ(world.node(1).stopped_in_order(), false);
}

// ---- hybrid ---------------------------------------------------------------------------------------------

TEST_F(Scenario, OnlyTheActiveRouterAnnounces) {
    auto& world = pair(hybrid());
    EXPECT_THAT(world.active("edge"), ElementsAre(1));
    EXPECT_THAT(world.router(1).next_hops(edge), ElementsAre(1));
    world.node(1).crash();
    ASSERT_TRUE(world.run_for(4s));
    EXPECT_THAT(world.router(1).next_hops(edge), ElementsAre(2));
}

TEST_F(Scenario, AnActiveRouterWithoutASessionGivesWay) {
    auto& world = pair(hybrid());
    world.network().cut_both(1, router_host(1));
    ASSERT_TRUE(world.run_for(12s));  // The hold time, and a Skew_Time.
    EXPECT_THAT(world.active("edge"), ElementsAre(2));
    EXPECT_THAT(world.router(1).next_hops(edge), ElementsAre(2));
    EXPECT_FALSE(has(world, 1, edge));
}

// The kernel loop is in a call when the second VIP joins: its route waits for it, and that of the first stays.
TEST_F(Scenario, AVipThatJoinsAnActiveRouterIsAnnouncedWhenItsAddressIsThere) {
    constexpr auto extra = "192.0.2.201";
    auto& world = pair(hybrid());
    const auto since = world.router(1).routes(1);
    world.node(1).stall(LoopName::Kernel, 1s);
    world.node(1).reload(1);
    ASSERT_TRUE(world.run_for(500ms));
    EXPECT_EQ(world.router(1).routes(1), since);
    ASSERT_TRUE(world.run_until([&] { return has(world, 1, extra); }, 2s));
    ASSERT_TRUE(world.run_for(500ms));
    EXPECT_THAT(world.router(1).next_hops(extra), ElementsAre(1));
    EXPECT_THAT(world.router(1).next_hops(edge), ElementsAre(1));
}

// ---- the kernel -----------------------------------------------------------------------------------------

TEST_F(Scenario, WhatAnOperatorRemovedIsRepaired) {
    auto& world = pair(bgp());
    world.node(1).edit_kernel([](Kernel& kernel) { remove(kernel, www); });
    ASSERT_TRUE(world.run_for(100ms));
    EXPECT_TRUE(has(world, 1, www));
    world.node(1).edit_kernel(
        [](Kernel& kernel) {
            std::erase_if(kernel.services, [](const auto& e) { return e.first.protocol == ipvs::Protocol::Tcp; });
        },
        false);
    ASSERT_TRUE(world.run_for(2500ms));  // IPVS tells nobody: it is read every two seconds.
    EXPECT_EQ(real_servers(world, 1, www), 2U);
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(1, 2));
}

TEST_F(Scenario, ARestartedDaemonAdoptsItsVirtualServersWithTheirConnections) {
    auto& world = pair(bgp());
    world.node(1).crash();
    ASSERT_TRUE(world.run_for(1s));
    EXPECT_EQ(real_servers(world, 1, www), 2U);
    world.node(1).start();
    bool emptied = false;
    const auto back = [&] {
        emptied = emptied || real_servers(world, 1, www) != 2;
        return world.router(1).next_hops(www) == std::vector{1, 2};
    };
    ASSERT_TRUE(world.run_until(back, 20s));
    EXPECT_FALSE(emptied) << "adopted, not flushed";
}

// The virtual server cannot be read, so the VIP never gets as far as to ask for its address.
TEST_F(Scenario, AStopBeforeTheAddressWasAskedForLeavesNothingOfTheFormerRun) {
    auto& world = pair(bgp());
    world.node(1).crash();
    world.node(1).kernel().refuses_all = kernel::Error{105, "everything"};
    world.node(1).start();
    ASSERT_TRUE(world.run_for(500ms));
    world.node(1).stop();
    ASSERT_TRUE(world.run_for(500ms));
    world.node(1).kernel().refuses_all.reset();
    ASSERT_TRUE(world.run_until([&] { return !world.node(1).is_running(); }, 12s));
    EXPECT_EQ(world.node(1).stopped_in_order(), true);
    EXPECT_FALSE(has(world, 1, www));
}

TEST_F(Scenario, WhatTheKernelRefusesIsNotAnnounced) {
    World world{bgp()};
    world.node(1).kernel().refuses_all = kernel::Error{105, "everything"};
    world.start();
    ASSERT_TRUE(world.run_for(15s));
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(2));
    world.node(1).kernel().refuses_all.reset();
    EXPECT_TRUE(world.run_until([&] { return world.router(1).next_hops(www) == std::vector{1, 2}; }, 6s));
}

// ---- reload ---------------------------------------------------------------------------------------------

TEST_F(Scenario, AReloadThatConcernsNothingChangesNothing) {
    auto options = bgp();
    options.vrrp_vip = true;
    auto& world = pair(options);
    const auto since = world.router(1).routes(1);
    world.node(1).reload(0);
    ASSERT_TRUE(world.run_for(10s));
    EXPECT_EQ(world.router(1).routes(1), since);
    EXPECT_THAT(world.active("office"), ElementsAre(1));
}

TEST_F(Scenario, AVipComesAndGoesWithReloadsWhileTheOtherStays) {
    auto& world = pair(bgp());
    world.node(1).reload(1);
    ASSERT_TRUE(world.run_for(1s));
    EXPECT_THAT(world.router(1).next_hops("203.0.113.30"), ElementsAre(1));
    world.node(1).reload(0);
    ASSERT_TRUE(world.run_for(100ms));
    EXPECT_THAT(world.router(1).next_hops("203.0.113.30"), IsEmpty());
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(1, 2));
    ASSERT_TRUE(world.run_for(3s));
    EXPECT_FALSE(has(world, 1, "203.0.113.30"));
}

// Twice changed and stopped before the first change was through.
TEST_F(Scenario, AStopInTheMiddleOfAReloadIsAStop) {
    auto& world = pair(bgp());
    world.node(1).reload(4);
    ASSERT_TRUE(world.run_for(20ms));
    world.node(1).reload(1);
    ASSERT_TRUE(world.run_for(20ms));
    world.node(1).stop();
    ASSERT_TRUE(world.run_until([&] { return !world.node(1).is_running(); }, 12s));
    EXPECT_EQ(world.node(1).stopped_in_order(), true);
}

// ---- BFD ------------------------------------------------------------------------------------------------

Options bgp_with_bfd() {
    return {.nodes = 1, .bgp_vip = true, .bfd = true};
}

// 300 ms x 3 at both ends: a dead path is left in 900 ms, where the hold time takes 9 s.
TEST_F(Scenario, APathThatIsCutIsLeftInADetectionTimeAndFoundAgain) {
    auto& world = settled(bgp_with_bfd());
    ASSERT_EQ(world.router(1).bfd_state(1), bfd::SessionState::Up);
    ASSERT_THAT(world.router(1).next_hops(www), ElementsAre(1));
    world.network().cut_both(1, router_host(1));
    ASSERT_TRUE(world.run_for(550ms));  // The last packet may have been there for 300 ms.
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(1));
    ASSERT_TRUE(world.run_for(400ms));
    EXPECT_THAT(world.router(1).next_hops(www), IsEmpty());
    EXPECT_EQ(world.router(1).bfd_state(1), bfd::SessionState::Down);
    ASSERT_TRUE(world.run_for(10s));
    world.network().heal_both(1, router_host(1));
    // One second of slow packets, and the session of BGP at once.
    EXPECT_TRUE(world.run_until([&] { return world.router(1).next_hops(www) == std::vector{1}; }, 3s));
}

// draft-ietf-idr-bgp-bfd-strict-mode §8.1: the session waits for BFD, at the start and after each failure.
TEST_F(Scenario, InStrictModeSessionsComeWithBfdAndComeBackWithIt) {
    auto options = bgp_with_bfd();
    options.bfd_strict = true;
    auto& world = settled(options);
    ASSERT_EQ(world.router(1).bfd_state(1), bfd::SessionState::Up);
    ASSERT_THAT(world.router(1).next_hops(www), ElementsAre(1));
    world.network().cut_both(1, router_host(1));
    ASSERT_TRUE(world.run_for(1s));
    EXPECT_THAT(world.router(1).next_hops(www), IsEmpty());
    world.network().heal_both(1, router_host(1));
    EXPECT_TRUE(world.run_until(
        [&] {
            const bool announced = !world.router(1).next_hops(www).empty();
            EXPECT_TRUE(!announced || world.router(1).bfd_state(1) == bfd::SessionState::Up);
            return announced;
        },
        5s));
}

TEST_F(Scenario, WithoutBfdACutPathIsKeptForTheHoldTime) {
    auto options = bgp_with_bfd();
    options.bfd = false;
    auto& world = settled(options);
    world.network().cut_both(1, router_host(1));
    ASSERT_TRUE(world.run_for(5s));
    EXPECT_THAT(world.router(1).next_hops(www), ElementsAre(1));
}

// Product rule 10: stall_timeout is 3 s.
TEST_F(Scenario, ADecisionLoopThatHangsIsDownAtTheRouterWithinStallTimeout) {
    auto& world = settled(bgp_with_bfd());
    world.node(1).stall(LoopName::Decision, 20s);
    EXPECT_TRUE(world.run_until([&] { return world.router(1).next_hops(www).empty(); }, 3100ms));
    EXPECT_EQ(world.router(1).bfd_state(1), bfd::SessionState::Down);
    ASSERT_TRUE(world.run_for(10s));
    EXPECT_NE(world.router(1).bfd_state(1), bfd::SessionState::Up);
    EXPECT_TRUE(world.run_until([&] { return world.router(1).next_hops(www) == std::vector{1}; }, 20s));
    EXPECT_EQ(world.router(1).bfd_state(1), bfd::SessionState::Up);
}

// Architecture, the core contract, 2: our lateness says nothing of the router. What waits in the socket is read first.
TEST_F(Scenario, AHeartbeatThatWasStarvedKeepsItsSessions) {
    auto& world = settled(bgp_with_bfd());
    for (int i = 0; i < 20; ++i) {
        world.node(1).stall(LoopName::Heartbeat, 550ms);  // The router takes us for dead after 900 ms, less a packet.
        ASSERT_TRUE(world.run_for(1s));
        ASSERT_TRUE(world.router(1).established(1));
        ASSERT_EQ(world.router(1).bfd_state(1), bfd::SessionState::Up);
    }
}

TEST_F(Scenario, AStopEndsBfdAfterItsRoutesAreWithdrawn) {
    auto& world = settled(bgp_with_bfd());
    world.node(1).stop();
    ASSERT_TRUE(world.run_until([&] { return world.router(1).next_hops(www).empty(); }, 5s));
    EXPECT_EQ(world.router(1).bfd_state(1), bfd::SessionState::Up);
    ASSERT_TRUE(world.run_until([&] { return !world.node(1).is_running(); }, 10s));
    EXPECT_EQ(world.node(1).stopped_in_order(), true);
}

}  // namespace
}  // namespace anyvip::sim
