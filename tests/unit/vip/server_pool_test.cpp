#include "anyvip/vip/server_pool.hpp"

#include <gtest/gtest.h>

#include <cstddef>

#include "support/print.hpp"

ANYVIP_PRINT(anyvip::vip)

namespace anyvip::vip {
namespace {

const net::Endpoint first{net::IpAddress::parse("10.0.1.21").value(), 80};
const net::Endpoint second{net::IpAddress::parse("10.0.1.22").value(), 80};
constexpr bool drained = true;
constexpr bool in_service = false;

ServerPool pool_of_two(std::size_t quorum = 1) {
    return ServerPool{{.name = ServerName{"http"},
                       .vip = VipName{"www"},
                       .quorum = quorum,
                       .real_servers = {{.address = first, .weight = 5, .check = CheckName{"first"}},
                                        {.address = second, .weight = 7, .check = CheckName{"second"}}}}};
}

TEST(ServerPool, BeforeTheFirstVerdictsItIsAsTheKernelHasIt) {
    const auto pool = pool_of_two();
    EXPECT_EQ(pool.pool(), (Pool{{first, AsItIs{}}, {second, AsItIs{}}}));
    EXPECT_EQ(pool.fact(), (PoolFact{.healthy = 0, .configured = 2, .quorum = 1}));
}

TEST(ServerPool, WhatIsHealthyIsPresentWithItsWeightAndWhatFailedIsGone) {
    auto pool = pool_of_two();
    EXPECT_TRUE(pool.learn(0, Health::Up, in_service));
    EXPECT_TRUE(pool.learn(1, Health::Down, in_service));
    EXPECT_EQ(pool.pool(), (Pool{{first, Present{5}}, {second, Absent{}}}));
    EXPECT_EQ(pool.fact().healthy, 1U);
    EXPECT_TRUE(pool.learn(0, Health::Down, in_service));
    EXPECT_EQ(pool.fact().healthy, 0U);
}

TEST(ServerPool, WhatWasKnownBeforeChangesNothing) {
    auto pool = pool_of_two();
    ASSERT_TRUE(pool.learn(0, Health::Up, in_service));
    EXPECT_FALSE(pool.learn(0, Health::Up, in_service));
    EXPECT_FALSE(pool.learn(1, Health::Unknown, in_service));
    EXPECT_EQ(pool.fact().healthy, 1U);
}

TEST(ServerPool, ADrainedRealServerHasWeightZeroUnlessItFailed) {
    auto pool = pool_of_two();
    EXPECT_TRUE(pool.learn(0, Health::Unknown, drained));
    EXPECT_TRUE(pool.learn(1, Health::Down, drained));
    EXPECT_EQ(pool.pool(), (Pool{{first, Present{0}}, {second, Absent{}}}));
    EXPECT_FALSE(pool.learn(0, Health::Up, drained));
    EXPECT_EQ(pool.fact().healthy, 0U);
    EXPECT_TRUE(pool.learn(0, Health::Up, in_service));
    EXPECT_EQ(pool.fact().healthy, 1U);
}

TEST(ServerPool, WhatServesHasAWeight) {
    auto pool = pool_of_two();
    EXPECT_EQ(pool.weights(), (Weights{.serving = 0, .configured = 12}));
    (void)pool.learn(0, Health::Up, in_service);
    (void)pool.learn(1, Health::Up, in_service);
    EXPECT_EQ(pool.weights(), (Weights{.serving = 12, .configured = 12}));
    (void)pool.learn(0, Health::Up, drained);
    EXPECT_EQ(pool.weights(), (Weights{.serving = 7, .configured = 12}));
    (void)pool.learn(1, Health::Unknown, in_service);
    EXPECT_EQ(pool.weights(), (Weights{.serving = 0, .configured = 12})) << "what is not known serves nobody";
}

TEST(ServerPool, ItIsUndecidedWhileMoreVerdictsCouldReachTheQuorum) {
    auto pool = pool_of_two(2);
    EXPECT_TRUE(pool.undecided());
    (void)pool.learn(0, Health::Up, in_service);
    EXPECT_TRUE(pool.undecided());
    (void)pool.learn(1, Health::Down, in_service);
    EXPECT_FALSE(pool.undecided()) << "without hope of its quorum";
    (void)pool.learn(1, Health::Up, drained);
    EXPECT_FALSE(pool.undecided()) << "a drained one has its verdict";
}

TEST(ServerPool, ItIsDecidedWithItsQuorumWhateverTheOthersWillBe) {
    auto pool = pool_of_two(1);
    (void)pool.learn(0, Health::Up, in_service);
    EXPECT_FALSE(pool.undecided());
    (void)pool.learn(0, Health::Unknown, in_service);
    EXPECT_TRUE(pool.undecided());
}

}  // namespace
}  // namespace anyvip::vip
