#include "anyvip/health/check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "anyvip/random.hpp"

namespace anyvip::health {

void PrintTo(const Action& action, std::ostream* out) {
    *out << describe(action);
}

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Outcome good = Success{"connected"};
const Outcome bad = Failure{FailureReason::Refused, {}};
const Outcome blind = CouldNotRun{CouldNotRunReason::NoProcess, {}};

constexpr Policy two_up_three_down{
    .interval = 2s, .timeout = 1s, .rise = 2, .fall = 3, .unknown_timeout = 30s, .fast_interval = {}};

/// A check whose times count from the start of its first probe: the stagger has its own tests.
class CheckTest : public ::testing::Test {
protected:
    void begin(const Policy& policy) {
        check.emplace(policy, random, TimePoint{7s});
        zero = *check->deadline();
    }
    Actions at(Duration time, const Event& event) { return check->handle(event, zero + time); }
    [[nodiscard]] Duration deadline() const { return *check->deadline() - zero; }

    /// The probe that is due at `time` ends 10 ms later. Returns what its outcome caused.
    Actions probe(Duration time, const Outcome& outcome) {
        EXPECT_EQ(deadline(), time);
        const auto started = at(time, TimerExpired{});
        EXPECT_EQ(started.size(), 1U);
        const auto* const start = std::get_if<StartProbe>(&started.at(0));
        EXPECT_NE(start, nullptr);
        return at(time + 10ms, ProbeFinished{start->id, outcome});
    }

    Random random{42};
    std::optional<Check> check;
    TimePoint zero;
};

TEST_F(CheckTest, TheFirstProbeIsStaggeredByAtMostAHundredMilliseconds) {
    Duration least = 1h;
    Duration most{0};
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        Random chance{seed};
        const Check staggered{two_up_three_down, chance, TimePoint{7s}};
        const auto wait = *staggered.deadline() - TimePoint{7s};
        least = std::min(least, wait);
        most = std::max(most, wait);
    }
    EXPECT_GE(least, 0ms);
    EXPECT_LT(least, 5ms) << "the whole range is used";
    EXPECT_GT(most, 95ms);
    EXPECT_LE(most, 100ms);
}

TEST_F(CheckTest, TheFirstProbeOfAShortIntervalIsStaggeredWithinTheInterval) {
    auto policy = two_up_three_down;
    policy.interval = 20ms;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        Random chance{seed};
        const Check staggered{policy, chance, TimePoint{7s}};
        EXPECT_LE(*staggered.deadline(), TimePoint{7020ms});
    }
}

TEST_F(CheckTest, IsUnknownUntilTheFirstOutcome) {
    begin(two_up_three_down);
    EXPECT_EQ(check->state(), State::Unknown);
    EXPECT_THAT(at(0ms, TimerExpired{}), ElementsAre(StartProbe{ProbeId{1}, zero + 1s}));
    EXPECT_EQ(check->state(), State::Unknown);
    EXPECT_FALSE(check->status().reason);
}

TEST_F(CheckTest, OneSuccessMakesAnUnknownCheckUpWhateverRiseSays) {
    begin(two_up_three_down);
    EXPECT_THAT(probe(0s, good), ElementsAre(HealthChanged{State::Unknown, State::Up, good}));
}

TEST_F(CheckTest, OneFailureMakesAnUnknownCheckDownWhateverFallSays) {
    begin(two_up_three_down);
    EXPECT_THAT(probe(0s, bad), ElementsAre(HealthChanged{State::Unknown, State::Down, bad}));
}

TEST_F(CheckTest, FallFailuresInARowMakeItDownAndNoFewer) {
    begin(two_up_three_down);
    probe(0s, good);
    EXPECT_THAT(probe(2s, bad), IsEmpty());
    EXPECT_THAT(probe(4s, bad), IsEmpty());
    EXPECT_THAT(probe(6s, bad), ElementsAre(HealthChanged{State::Up, State::Down, bad}));
    EXPECT_THAT(probe(8s, bad), IsEmpty()) << "the change is reported once";
}

TEST_F(CheckTest, ASuccessBetweenFailuresStartsTheRowAgain) {
    begin(two_up_three_down);
    probe(0s, good);
    probe(2s, bad);
    probe(4s, bad);
    probe(6s, good);
    EXPECT_THAT(probe(8s, bad), IsEmpty());
    EXPECT_THAT(probe(10s, bad), IsEmpty());
    EXPECT_EQ(check->state(), State::Up);
    EXPECT_EQ(check->status().failures, 2U);
}

TEST_F(CheckTest, RiseSuccessesInARowMakeItUpAndNoFewer) {
    begin(two_up_three_down);
    probe(0s, bad);
    EXPECT_THAT(probe(2s, good), IsEmpty());
    EXPECT_THAT(probe(4s, bad), IsEmpty());
    EXPECT_THAT(probe(6s, good), IsEmpty()) << "the failure started the row again";
    EXPECT_THAT(probe(8s, good), ElementsAre(HealthChanged{State::Down, State::Up, good}));
}

TEST_F(CheckTest, NextStartCountsFromThePreviousStartWithoutDrift) {
    begin(two_up_three_down);
    EXPECT_EQ(at(3ms, TimerExpired{}).size(), 1U) << "the loop came 3 ms late";
    at(700ms, ProbeFinished{ProbeId{1}, good});
    EXPECT_EQ(deadline(), 2s);
    EXPECT_EQ(at(2004ms, TimerExpired{}).size(), 1U);
    at(2900ms, ProbeFinished{ProbeId{2}, good});
    EXPECT_EQ(deadline(), 4s);
}

TEST_F(CheckTest, ASpuriousTimerIsHarmless) {
    begin(two_up_three_down);
    EXPECT_THAT(at(-1ms, TimerExpired{}), IsEmpty());
    at(0s, TimerExpired{});
    EXPECT_THAT(at(999ms, TimerExpired{}), IsEmpty());
    EXPECT_EQ(deadline(), 1s);
}

TEST_F(CheckTest, AProbeWithoutOutcomeIsAbandonedAtItsDeadlineAndCountsAsFailure) {
    begin(two_up_three_down);
    at(0s, TimerExpired{});
    EXPECT_EQ(deadline(), 1s);
    const Outcome timed_out = Failure{FailureReason::TimedOut, "no outcome within 1s"};
    EXPECT_THAT(at(1s, TimerExpired{}),
                ElementsAre(AbandonProbe{ProbeId{1}}, HealthChanged{State::Unknown, State::Down, timed_out}));
    EXPECT_EQ(deadline(), 2s);
}

TEST_F(CheckTest, TheOutcomeOfAnAbandonedProbeIsIgnored) {
    begin(two_up_three_down);
    at(0s, TimerExpired{});
    at(1s, TimerExpired{});
    EXPECT_THAT(at(1001ms, ProbeFinished{ProbeId{1}, good}), IsEmpty()) << "nothing runs";
    at(2s, TimerExpired{});
    EXPECT_THAT(at(2001ms, ProbeFinished{ProbeId{1}, good}), IsEmpty()) << "another one runs";
    EXPECT_EQ(check->status().successes, 0U);
    EXPECT_EQ(deadline(), 3s) << "and goes on";
}

TEST_F(CheckTest, AnOutcomeThatIsReadWithTheDeadlineStillCounts) {
    begin(two_up_three_down);
    at(0s, TimerExpired{});
    EXPECT_THAT(at(1s, ProbeFinished{ProbeId{1}, good}), ElementsAre(HealthChanged{State::Unknown, State::Up, good}));
}

TEST_F(CheckTest, ADeadlineNoticedMoreThanAQuarterTooLateProvesNothingOnce) {
    begin(two_up_three_down);
    at(0s, TimerExpired{});
    EXPECT_THAT(at(1251ms, TimerExpired{}), IsEmpty()) << "timeout 1 s: a quarter is 250 ms";
    EXPECT_EQ(check->status().late_expiries, 1U);
    EXPECT_EQ(deadline(), 1501ms);
    EXPECT_EQ(at(9s, TimerExpired{}).size(), 2U) << "late again, but it had its chance";
    EXPECT_EQ(check->state(), State::Down);
}

TEST_F(CheckTest, ADeadlineNoticedAQuarterLateIsATimeOut) {
    begin(two_up_three_down);
    at(0s, TimerExpired{});
    EXPECT_EQ(at(1250ms, TimerExpired{}).size(), 2U);
    EXPECT_EQ(check->status().late_expiries, 0U);
}

TEST_F(CheckTest, AStalledLoopSkipsStartsInsteadOfMakingABurst) {
    begin(two_up_three_down);
    probe(0s, good);
    EXPECT_THAT(at(11s, TimerExpired{}), ElementsAre(StartProbe{ProbeId{2}, zero + 12s}));
    at(11010ms, ProbeFinished{ProbeId{2}, good});
    EXPECT_EQ(deadline(), 12s) << "the slots 2, 4, 6 and 8 are gone, 10 was used late";
}

TEST_F(CheckTest, AProbeThatOutlastsTheIntervalSkipsTheSlotsThatItCovers) {
    auto policy = two_up_three_down;
    policy.timeout = 5s;
    begin(policy);
    at(0s, TimerExpired{});
    at(3500ms, ProbeFinished{ProbeId{1}, good});
    EXPECT_EQ(deadline(), 4s);
}

TEST_F(CheckTest, WithTimeoutEqualToIntervalEachTimeOutIsFollowedByAStart) {
    auto policy = two_up_three_down;
    policy.timeout = 2s;
    begin(policy);
    at(0s, TimerExpired{});
    EXPECT_EQ(at(2001ms, TimerExpired{}).size(), 2U);
    EXPECT_EQ(deadline(), 2s) << "due at once, although the timer tick came a millisecond after the slot";
    EXPECT_EQ(at(2001ms, TimerExpired{}).size(), 1U);
    EXPECT_EQ(deadline(), 4001ms);
}

TEST_F(CheckTest, AProbeThatCouldNotRunKeepsVerdictAndCounts) {
    begin(two_up_three_down);
    probe(0s, good);
    probe(2s, bad);
    EXPECT_THAT(probe(4s, blind), IsEmpty());
    EXPECT_THAT(probe(6s, blind), IsEmpty());
    EXPECT_EQ(check->state(), State::Up);
    EXPECT_EQ(check->status().failures, 1U);
}

TEST_F(CheckTest, AProbeThatCouldNotRunForUnknownTimeoutCountsAsFailedWithThatReason) {
    auto policy = two_up_three_down;
    policy.unknown_timeout = 3s;
    begin(policy);
    probe(0s, good);
    probe(2s, blind);  // known at 2.010 s, so the verdict holds until 5.010 s
    probe(4s, blind);
    EXPECT_EQ(deadline(), 5010ms);
    EXPECT_THAT(at(5009ms, TimerExpired{}), IsEmpty());
    EXPECT_THAT(at(5010ms, TimerExpired{}), ElementsAre(HealthChanged{State::Up, State::Down, blind}));
    EXPECT_EQ(deadline(), 6s);
    EXPECT_THAT(probe(6s, blind), IsEmpty());
    EXPECT_EQ(deadline(), 8s) << "no second time-out while Down";
    probe(8s, good);
    EXPECT_EQ(check->state(), State::Down);
    EXPECT_THAT(probe(10s, good), ElementsAre(HealthChanged{State::Down, State::Up, good}));
}

TEST_F(CheckTest, UnknownTimeoutAlsoEndsWhileAProbeRuns) {
    auto policy = two_up_three_down;
    policy.unknown_timeout = 3s;
    policy.timeout = 2s;
    begin(policy);
    probe(0s, good);
    probe(2s, blind);
    at(4s, TimerExpired{});
    EXPECT_EQ(deadline(), 5010ms);
    EXPECT_THAT(at(5010ms, TimerExpired{}), ElementsAre(HealthChanged{State::Up, State::Down, blind}));
    EXPECT_EQ(deadline(), 6s) << "the probe goes on";
}

TEST_F(CheckTest, AnyOutcomeAboutTheTargetEndsTheUnknownTimeout) {
    auto policy = two_up_three_down;
    policy.unknown_timeout = 3s;
    begin(policy);
    probe(0s, good);
    probe(2s, blind);
    probe(4s, good);
    EXPECT_EQ(deadline(), 6s);
    EXPECT_THAT(at(5010ms, TimerExpired{}), IsEmpty());
}

TEST_F(CheckTest, ACheckThatCouldNeverRunStaysUnknownAndThenIsDown) {
    auto policy = two_up_three_down;
    policy.unknown_timeout = 3s;
    begin(policy);
    EXPECT_THAT(probe(0s, blind), IsEmpty());
    EXPECT_THAT(probe(2s, blind), IsEmpty());
    EXPECT_EQ(check->state(), State::Unknown);
    EXPECT_THAT(at(3010ms, TimerExpired{}), ElementsAre(HealthChanged{State::Unknown, State::Down, blind}));
}

TEST_F(CheckTest, UnknownTimeoutOfZeroCountsAtOnce) {
    auto policy = two_up_three_down;
    policy.unknown_timeout = 0s;
    begin(policy);
    probe(0s, good);
    EXPECT_THAT(probe(2s, blind), ElementsAre(HealthChanged{State::Up, State::Down, blind}));
}

TEST_F(CheckTest, ASuspicionIsConfirmedAtTheFastInterval) {
    auto policy = two_up_three_down;
    policy.fast_interval = 200ms;
    begin(policy);
    probe(0s, good);
    probe(2s, bad);
    probe(2200ms, bad);
    EXPECT_THAT(probe(2400ms, bad), ElementsAre(HealthChanged{State::Up, State::Down, bad}));
    EXPECT_EQ(deadline(), 4400ms) << "a verdict is no suspicion";
}

TEST_F(CheckTest, ConfigChangedInMidProbeKeepsTheProbeAndItsDeadline) {
    begin(two_up_three_down);
    at(0s, TimerExpired{});
    auto policy = two_up_three_down;
    policy.interval = 500ms;
    policy.timeout = 100ms;
    EXPECT_THAT(at(50ms, ConfigChanged{policy}), IsEmpty());
    EXPECT_EQ(deadline(), 1s);
    at(60ms, ProbeFinished{ProbeId{1}, good});
    EXPECT_EQ(deadline(), 500ms);
    EXPECT_THAT(at(500ms, TimerExpired{}), ElementsAre(StartProbe{ProbeId{2}, zero + 600ms}));
}

TEST_F(CheckTest, ConfigChangedKeepsTheVerdictAndJudgesTheNextOutcomeByTheNewFall) {
    begin(two_up_three_down);
    probe(0s, good);
    probe(2s, bad);
    auto policy = two_up_three_down;
    policy.fall = 1;
    EXPECT_THAT(at(3s, ConfigChanged{policy}), IsEmpty());
    EXPECT_EQ(check->state(), State::Up);
    EXPECT_THAT(probe(4s, bad), ElementsAre(HealthChanged{State::Up, State::Down, bad}));
}

TEST_F(CheckTest, AShorterIntervalTakesEffectWithoutWaitingForTheLongOne) {
    auto policy = two_up_three_down;
    policy.interval = 60s;
    begin(policy);
    probe(0s, good);
    at(5s, ConfigChanged{two_up_three_down});
    EXPECT_EQ(deadline(), 7s);
}

TEST_F(CheckTest, AReplacedProbeIsAbandonedAndTheNewOneStartsAtOnce) {
    begin(two_up_three_down);
    probe(0s, good);
    probe(2s, bad);
    at(4s, TimerExpired{});
    EXPECT_THAT(at(4100ms, ProbeReplaced{}),
                ElementsAre(AbandonProbe{ProbeId{3}}, StartProbe{ProbeId{4}, zero + 5100ms}));
    EXPECT_EQ(check->state(), State::Up);
    EXPECT_EQ(check->status().failures, 0U) << "they were another target's";
    EXPECT_THAT(at(4101ms, ProbeFinished{ProbeId{3}, bad}), IsEmpty());
    EXPECT_EQ(check->status().failures, 0U);
}

TEST_F(CheckTest, StopAbandonsWhatRunsAndNothingStartsAfterIt) {
    begin(two_up_three_down);
    at(0s, TimerExpired{});
    EXPECT_THAT(at(10ms, Stop{}), ElementsAre(AbandonProbe{ProbeId{1}}));
    EXPECT_FALSE(check->deadline());
    EXPECT_THAT(at(20ms, ProbeFinished{ProbeId{1}, good}), IsEmpty());
    EXPECT_THAT(at(5s, TimerExpired{}), IsEmpty());
    EXPECT_THAT(at(5s, ProbeReplaced{}), IsEmpty());
    EXPECT_FALSE(check->deadline());
}

TEST_F(CheckTest, StatusTellsTheReasonTheRowAndTheLastTwentyResults) {
    begin(two_up_three_down);
    for (int i = 0; i < 21; ++i) probe(2s * i, good);
    probe(42s, bad);
    const auto& status = check->status();
    EXPECT_EQ(status.state, State::Up);
    EXPECT_EQ(status.since, zero + 10ms);
    EXPECT_EQ(status.reason, good);
    EXPECT_EQ(status.last, bad);
    EXPECT_EQ(status.last_duration, 10ms);
    EXPECT_EQ(status.successes, 0U);
    EXPECT_EQ(status.failures, 1U);
    ASSERT_EQ(status.history.size(), 20U);
    EXPECT_EQ(status.history.front(), (Result{zero + 4s, 10ms, ResultKind::Success}));
    EXPECT_EQ(status.history.back(), (Result{zero + 42s, 10ms, ResultKind::Failure}));
}

TEST_F(CheckTest, APolicyOfZerosDoesNotSpin) {
    begin(Policy{.interval = 0s, .timeout = 0s, .rise = 0, .fall = 0, .unknown_timeout = 0s, .fast_interval = 0s});
    EXPECT_THAT(at(0s, TimerExpired{}), ElementsAre(StartProbe{ProbeId{1}, zero + 1ms}));
    at(0s, ProbeFinished{ProbeId{1}, good});
    EXPECT_EQ(deadline(), 1ms);
}

TEST(Describe, TellsReasonsAsAnOperatorReadsThem) {
    EXPECT_EQ(describe(Outcome{Failure{FailureReason::UnexpectedStatus, "503"}}), "unexpected status (503)");
    EXPECT_EQ(describe(Outcome{blind}), "could not run: cannot fork");
    EXPECT_EQ(describe(Action{HealthChanged{State::Up, State::Down, bad}}),
              "HealthChanged up -> down connection refused");
    EXPECT_EQ(describe(Actions{StartProbe{ProbeId{3}, {}}, AbandonProbe{ProbeId{2}}}), "StartProbe 3\nAbandonProbe 2");
    EXPECT_EQ(describe(Event{ConfigChanged{two_up_three_down}}),
              "ConfigChanged interval=2s timeout=1s rise=2 fall=3 unknown_timeout=30s");
}

}  // namespace
}  // namespace anyvip::health
