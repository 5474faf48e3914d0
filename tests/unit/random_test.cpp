#include "anyvip/random.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <set>

namespace anyvip {
namespace {

using namespace std::chrono_literals;

// The first outputs of SplitMix64 as published with the algorithm, for seeds 0 and 1234567.
TEST(Random, YieldsThePublishedSequenceOfItsSeed) {
    Random zero{0};
    EXPECT_EQ(zero.next(), 0xe220a8397b1dcdafU);
    EXPECT_EQ(zero.next(), 0x6e789e6aa1b965f4U);
    Random other{1234567};
    EXPECT_EQ(other.next(), 6457827717110365317U);
    EXPECT_EQ(other.next(), 3203168211198807973U);
}

TEST(Random, BelowABoundStaysBelowItAndReachesAllOfIt) {
    Random random{7};
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 200; ++i) seen.insert(random.below(5));
    EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4}));
    EXPECT_EQ(random.below(1), 0U);
    EXPECT_EQ(random.below(0), 0U);
}

TEST(Random, BetweenIncludesBothEnds) {
    Random random{7};
    std::set<int> seen;
    for (int i = 0; i < 200; ++i) seen.insert(random.between(-1, 1));
    EXPECT_EQ(seen, (std::set<int>{-1, 0, 1}));
    EXPECT_EQ(random.between(4, 4), 4);
}

TEST(Random, BetweenDurationsIsADuration) {
    Random random{7};
    std::set<std::chrono::milliseconds> seen;
    for (int i = 0; i < 200; ++i) seen.insert(random.between(750ms, 752ms));
    EXPECT_EQ(seen, (std::set<std::chrono::milliseconds>{750ms, 751ms, 752ms}));
}

TEST(Random, ChanceIsInThousandths) {
    Random random{7};
    int hits = 0;
    for (int i = 0; i < 10'000; ++i) {
        EXPECT_FALSE(random.chance(0));
        EXPECT_TRUE(random.chance(1000));
        if (random.chance(100)) ++hits;
    }
    EXPECT_GT(hits, 900);
    EXPECT_LT(hits, 1100);
}

}  // namespace
}  // namespace anyvip
