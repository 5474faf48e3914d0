#include "anyvip/vip/observation.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <set>

namespace anyvip::vip {
namespace {

using namespace std::chrono_literals;
using Knowledge = Others::Knowledge;

const PeerName a{"tor-a"};
const PeerName b{"tor-b"};
const Heard primary{std::nullopt, "via 10.0.0.12"};
const Heard standby{Rank{100, 7}, "via 10.0.0.13"};

constexpr Sighting silent{.session = true, .complete = true};
constexpr Sighting learning{.session = true, .complete = false};
constexpr Sighting lost{};
Sighting tells(const Heard& heard) {
    return {.session = true, .complete = true, .routes = {heard}};
}

/// Two observers since 0 s, which have 20 s to have their say.
class ObservationTest : public ::testing::Test {
protected:
    ObservationTest() { seen.configure(20s, {a, b}, at(0s)); }
    static TimePoint at(Duration since_start) { return TimePoint{} + 1000s + since_start; }
    void see(const PeerName& observer, const Sighting& sighting, Duration now) {
        seen.see(observer, sighting, at(now));
    }
    Knowledge known(Duration now) const { return seen.others(at(now)).knowledge; }

    Observation seen;
};

TEST_F(ObservationTest, NothingIsKnownBeforeEveryObserverHadItsSay) {
    EXPECT_EQ(known(0s), Knowledge::Unknown);
    see(a, silent, 1s);
    EXPECT_EQ(known(1s), Knowledge::Unknown);
    EXPECT_EQ(seen.others(at(1s)).text, "tor-b has not had its say yet");
    see(b, silent, 2s);
    EXPECT_EQ(known(2s), Knowledge::None);
}

TEST_F(ObservationTest, AnObserverThatNeverComesIsNotWaitedForForEver) {
    see(a, silent, 1s);
    EXPECT_EQ(seen.deadline(at(1s)), at(20s));
    EXPECT_EQ(known(19999ms), Knowledge::Unknown);
    EXPECT_EQ(known(20s), Knowledge::None);
    EXPECT_EQ(seen.deadline(at(20s)), std::nullopt);
}

TEST_F(ObservationTest, AnObserverWithoutEndOfRibHasItsSayAfterLearnDelay) {
    see(a, silent, 1s);
    see(b, learning, 5s);
    EXPECT_EQ(known(24999ms), Knowledge::Unknown);
    EXPECT_EQ(known(25s), Knowledge::None);
}

TEST_F(ObservationTest, WithoutAnySessionNothingIsKnown) {
    EXPECT_EQ(known(60s), Knowledge::Unknown);
    EXPECT_EQ(seen.others(at(60s)).text, "no session tells");
}

TEST_F(ObservationTest, WhatOneHearsIsHeard) {
    see(b, tells(primary), 1s);
    EXPECT_EQ(known(1s), Knowledge::Heard);
    EXPECT_TRUE(seen.others(at(1s)).unranked);
    EXPECT_EQ(seen.others(at(1s)).text, "tor-b: via 10.0.0.12");
    see(a, silent, 1s);
    EXPECT_EQ(known(60s), Knowledge::Heard);
    see(b, silent, 61s);
    EXPECT_EQ(known(61s), Knowledge::None);
}

TEST_F(ObservationTest, OfStandbysTheHighestRankCounts) {
    see(a, tells(standby), 1s);
    see(b, tells({Rank{100, 9}, "via 10.0.0.14"}), 1s);
    EXPECT_FALSE(seen.others(at(1s)).unranked);
    EXPECT_EQ(seen.others(at(1s)).best, (Rank{100, 9}));
}

TEST_F(ObservationTest, LosingTheObserverThatHeardIsNotAbsence) {
    see(a, tells(primary), 1s);
    see(b, silent, 1s);
    see(a, lost, 30s);
    EXPECT_EQ(known(30s), Knowledge::Heard);
    EXPECT_EQ(known(3600s), Knowledge::Heard);
    EXPECT_EQ(seen.others(at(3600s)).text, "tor-a: via 10.0.0.12, before its session was lost");
}

TEST_F(ObservationTest, ARouterThatWasRestartedMayBeBackBeforeTheOtherNode) {
    see(a, tells(primary), 1s);
    see(b, silent, 1s);
    see(a, lost, 30s);
    see(a, silent, 40s);
    EXPECT_EQ(known(40s), Knowledge::Heard);
    EXPECT_EQ(seen.deadline(at(40s)), at(60s));
    EXPECT_EQ(known(59999ms), Knowledge::Heard);
    EXPECT_EQ(known(60s), Knowledge::None);
}

TEST_F(ObservationTest, AnObserverThatIsBackMayHearItAgainAndThenTellItsEnd) {
    see(a, tells(primary), 1s);
    see(b, silent, 1s);
    see(a, lost, 30s);
    see(a, silent, 40s);
    see(a, tells(primary), 42s);
    see(a, silent, 43s);
    EXPECT_EQ(known(43s), Knowledge::None);
}

TEST_F(ObservationTest, AnotherThatHearsTheSameTellsWhenItEnds) {
    see(a, tells(primary), 1s);
    see(b, tells(primary), 1s);
    see(a, lost, 30s);
    EXPECT_EQ(known(30s), Knowledge::Heard);
    see(b, silent, 31s);
    EXPECT_EQ(known(31s), Knowledge::None);
}

TEST_F(ObservationTest, LosingAnObserverThatHeardNothingChangesNothing) {
    see(a, silent, 1s);
    see(b, silent, 1s);
    see(b, lost, 30s);
    EXPECT_EQ(known(30s), Knowledge::None);
}

TEST_F(ObservationTest, LosingAllOfThemIsNotAbsence) {
    see(a, silent, 1s);
    see(b, silent, 1s);
    see(a, lost, 30s);
    see(b, lost, 30s);
    EXPECT_EQ(known(30s), Knowledge::Unknown);
}

TEST_F(ObservationTest, AnObserverThatCameByItselfTellsAndIsForgottenWithItsSession) {
    const PeerName guest{"rack 10.0.0.7"};
    see(a, silent, 1s);
    see(b, silent, 1s);
    see(guest, tells(primary), 2s);
    EXPECT_EQ(known(2s), Knowledge::Heard);
    see(guest, lost, 3s);
    EXPECT_EQ(known(3s), Knowledge::Heard);
    see(guest, silent, 10s);
    EXPECT_EQ(known(30s), Knowledge::None);
    see(guest, tells(primary), 40s);
    see(guest, lost, 41s);
    seen.configure(20s, {a, b}, at(41s));
    EXPECT_EQ(known(41s), Knowledge::Heard);
    seen.forget(guest);
    EXPECT_EQ(known(41s), Knowledge::None);
    seen.forget(a);
    EXPECT_EQ(known(41s), Knowledge::None);
}

TEST_F(ObservationTest, AnObserverThatLeavesTheConfigurationIsForgotten) {
    see(a, tells(primary), 1s);
    see(b, silent, 1s);
    seen.configure(20s, {b}, at(30s));
    EXPECT_EQ(known(30s), Knowledge::None);
    seen.configure(20s, {a, b}, at(40s));
    EXPECT_EQ(known(40s), Knowledge::Unknown);
}

}  // namespace
}  // namespace anyvip::vip
