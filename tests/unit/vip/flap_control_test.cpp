#include "anyvip/vip/flap_control.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace anyvip::vip {
namespace {

using namespace std::chrono_literals;

const TimePoint t0{1000s};
/// 1000 a fall, halved every 60 s, suppressed from 4000 to 1500.
const FlapPolicy suppressing{.suppresses = true};

TEST(FlapControl, AFewFallsHoldNothing) {
    FlapControl flaps{suppressing};
    for (int fall = 0; fall < 3; ++fall) flaps.fell(t0);
    EXPECT_EQ(flaps.penalty(t0), 3000);
    EXPECT_EQ(flaps.held_until(t0), std::nullopt);
}

// RFC 2439 §4.2: positive; the fourth reaches 4000, and log2(4000 / 1500) half-lives are 84.9 s.
TEST(FlapControl, TheFallThatReachesTheLimitSuppressesUntilReuse) {
    FlapControl flaps{suppressing};
    for (int fall = 0; fall < 4; ++fall) flaps.fell(t0);
    ASSERT_TRUE(flaps.held_until(t0));
    EXPECT_GT(*flaps.held_until(t0), t0 + 84'500ms);
    EXPECT_LT(*flaps.held_until(t0), t0 + 85'500ms);
    EXPECT_EQ(flaps.held_until(t0 + 86s), std::nullopt);
}

// RFC 2439 §4.2: negative; falls that are far apart are forgotten.
TEST(FlapControl, ThePenaltyHalvesWithEachHalfLife) {
    FlapControl flaps{suppressing};
    flaps.fell(t0);
    flaps.fell(t0 + 60s);
    EXPECT_DOUBLE_EQ(flaps.penalty(t0 + 60s), 1500);
    EXPECT_DOUBLE_EQ(flaps.penalty(t0 + 120s), 750);
    for (int minute = 2; minute < 100; ++minute) flaps.fell(t0 + minute * 60s);
    EXPECT_EQ(flaps.held_until(t0 + 99 * 60s), std::nullopt) << "one a minute comes to 2000 at most";
}

TEST(FlapControl, NothingIsSuppressedForLongerThanTheLongest) {
    FlapControl flaps{suppressing};
    for (int fall = 0; fall < 100'000; ++fall) flaps.fell(t0);
    EXPECT_LE(*flaps.held_until(t0), t0 + 10min + 1ms);
    EXPECT_GT(*flaps.held_until(t0), t0 + 9min);
}

TEST(FlapControl, HoldDownCountsFromEachFallWithoutAnyPenalty) {
    FlapControl flaps{FlapPolicy{.hold_down = 5s}};
    EXPECT_EQ(flaps.held_until(t0), std::nullopt);
    flaps.fell(t0);
    EXPECT_EQ(flaps.held_until(t0), t0 + 5s);
    flaps.fell(t0 + 3s);
    EXPECT_EQ(flaps.held_until(t0 + 3s), t0 + 8s);
    EXPECT_EQ(flaps.held_until(t0 + 8s), std::nullopt);
    EXPECT_EQ(flaps.penalty(t0 + 8s), 0);
}

TEST(FlapControl, AnotherPolicyReleasesWhatTheOldOneHeld) {
    FlapControl flaps{suppressing};
    for (int fall = 0; fall < 4; ++fall) flaps.fell(t0);
    flaps.configure(suppressing);
    EXPECT_TRUE(flaps.held_until(t0));
    flaps.configure(FlapPolicy{});
    EXPECT_EQ(flaps.held_until(t0), std::nullopt);
}

}  // namespace
}  // namespace anyvip::vip
