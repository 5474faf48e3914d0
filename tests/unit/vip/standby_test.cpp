#include "anyvip/vip/standby.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace anyvip::vip {
namespace {

using namespace std::chrono_literals;

const Others nobody{.knowledge = Others::Knowledge::None};
const Others unknown{};
const Others primary{.knowledge = Others::Knowledge::Heard, .unranked = true};
Others other_standby(Rank rank) {
    return {.knowledge = Others::Knowledge::Heard, .unranked = false, .best = rank};
}

/// Rank 100, router ID 7; takes after 1 s and gives way after 2 s.
class StandbyTest : public ::testing::Test {
protected:
    static TimePoint at(Duration since_start) { return TimePoint{} + 1000s + since_start; }
    bool update(const Others& others, bool announced, Duration now) {
        core.update(others, announced, at(now));
        return core.may_announce();
    }
    void take() {
        (void)update(nobody, false, 0s);
        ASSERT_TRUE(update(nobody, false, 1s));
        ASSERT_TRUE(update(nobody, true, 1s));
    }

    Standby core{{.own = {100, 7}, .take_after = 1s, .yield_after = 2s}};
};

TEST_F(StandbyTest, TakesWhenNobodyWasHeardForLongEnough) {
    EXPECT_FALSE(update(nobody, false, 0s));
    EXPECT_EQ(core.deadline(), at(1s));
    EXPECT_FALSE(update(nobody, false, 999ms));
    EXPECT_TRUE(update(nobody, false, 1s));
    EXPECT_EQ(core.deadline(), std::nullopt);
}

TEST_F(StandbyTest, AnybodysRouteKeepsItBack) {
    EXPECT_FALSE(update(primary, false, 0s));
    EXPECT_FALSE(update(other_standby({1, 1}), false, 100s));
    EXPECT_EQ(core.deadline(), std::nullopt);
}

TEST_F(StandbyTest, WhatIsNotKnownKeepsItBackAndTheTimeBeginsAnew) {
    (void)update(nobody, false, 0s);
    EXPECT_FALSE(update(unknown, false, 500ms));
    EXPECT_FALSE(update(nobody, false, 1s));
    EXPECT_EQ(core.deadline(), at(2s));
}

TEST_F(StandbyTest, GivesWayToWhatIsNoStandby) {
    take();
    EXPECT_TRUE(update(primary, true, 10s));
    EXPECT_EQ(core.deadline(), at(12s));
    EXPECT_FALSE(update(primary, true, 12s));
}

TEST_F(StandbyTest, ARouteThatGoesAgainInTimeDoesNotMoveIt) {
    take();
    (void)update(primary, true, 10s);
    EXPECT_TRUE(update(nobody, true, 11s));
    EXPECT_TRUE(update(primary, true, 11500ms));
    EXPECT_TRUE(update(primary, true, 13s));
    EXPECT_FALSE(update(primary, true, 13500ms));
}

TEST_F(StandbyTest, TiesEndByRankAndThenByRouterId) {
    take();
    EXPECT_TRUE(update(other_standby({99, 1000}), true, 10s));
    EXPECT_EQ(core.deadline(), std::nullopt);
    EXPECT_TRUE(update(other_standby({100, 6}), true, 20s));
    EXPECT_EQ(core.deadline(), std::nullopt);
    (void)update(other_standby({100, 8}), true, 30s);
    EXPECT_EQ(core.deadline(), at(32s));
    (void)update(nobody, true, 31s);
    (void)update(other_standby({101, 1}), true, 40s);
    EXPECT_FALSE(update(other_standby({101, 1}), true, 42s));
}

TEST_F(StandbyTest, NotKnowingDoesNotMakeItGiveWay) {
    take();
    EXPECT_TRUE(update(unknown, true, 10s));
    EXPECT_TRUE(update(unknown, true, 1000s));
}

TEST_F(StandbyTest, OneThatIsNotOutHasNothingToGiveWayWith) {
    take();
    EXPECT_TRUE(update(nobody, false, 10s));  // Its health fell; it may come back while nobody took.
    EXPECT_FALSE(update(other_standby({1, 1}), false, 11s));
    EXPECT_FALSE(update(nobody, false, 12s));
    EXPECT_TRUE(update(nobody, false, 13s));
}

}  // namespace
}  // namespace anyvip::vip
