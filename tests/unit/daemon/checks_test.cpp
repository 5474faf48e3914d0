#include "daemon/checks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "support/actions.hpp"
#include "support/print.hpp"

ANYVIP_PRINT(anyvip::daemon)

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;
using anyvip::testing::all;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TimePoint t0 = TimePoint{} + 1000s;
const CheckName nginx{"nginx"};
const CheckName disk{"disk"};

config::Check check(const CheckName& name, std::uint16_t port = 80) {
    return {.name = name,
            .policy = {.interval = 2s, .timeout = 1s, .rise = 1, .fall = 1, .unknown_timeout = 30s},
            .probe = health::TcpProbe{.target = {*net::IpAddress::parse("127.0.0.1"), port}, .source = std::nullopt}};
}

class ChecksTest : public ::testing::Test {
protected:
    Checks::Actions configure(std::vector<config::Check> wanted) {
        return checks.handle(ChecksMail{ConfigureChecks{std::move(wanted)}}, now);
    }
    Checks::Actions wait() {
        now = checks.deadline().value();
        return checks.handle(ChecksTimerExpired{}, now);
    }
    /// The next probe of a check that runs alone.
    StartCheckProbe probe() { return all<StartCheckProbe>(wait()).at(0); }
    Checks::Actions finish(const StartCheckProbe& started, const health::Outcome& outcome) {
        return checks.handle(CheckProbeFinished{started.check, {started.id, outcome}}, now);
    }

    Checks checks{Random{1}};
    TimePoint now = t0;
};

TEST_F(ChecksTest, WithoutChecksThereIsNothingToWaitFor) {
    EXPECT_EQ(checks.deadline(), std::nullopt);
    EXPECT_THAT(checks.handle(ChecksTimerExpired{}, now), IsEmpty());
}

TEST_F(ChecksTest, TheFirstProbeStartsWithinATenthOfASecond) {
    EXPECT_THAT(configure({check(nginx)}), IsEmpty());
    EXPECT_LE(checks.deadline(), t0 + 100ms);
    const auto started = probe();
    EXPECT_EQ(started.check, nginx);
    EXPECT_EQ(started.probe, check(nginx).probe);
}

TEST_F(ChecksTest, AVerdictIsMailedWithItsReason) {
    (void)configure({check(nginx)});
    EXPECT_THAT(all<HealthChanged>(finish(probe(), health::Success{})),
                ElementsAre(::testing::Field(&HealthChanged::to, health::State::Up)));
    const auto changed = all<HealthChanged>(finish(probe(), health::Failure{health::FailureReason::Refused, ""}));
    ASSERT_EQ(changed.size(), 1U);
    EXPECT_EQ(changed[0].check, nginx);
    EXPECT_EQ(changed[0].to, health::State::Down);
    EXPECT_THAT(changed[0].detail, ::testing::HasSubstr("connection refused"));
}

TEST_F(ChecksTest, AProbeThatTakesTooLongIsAbandonedAndCounts) {
    (void)configure({check(nginx)});
    const auto started = probe();
    EXPECT_EQ(checks.deadline(), now + 1s);
    const auto actions = wait();
    EXPECT_THAT(all<AbandonCheckProbe>(actions), ElementsAre(AbandonCheckProbe{nginx, started.id}));
    EXPECT_EQ(all<HealthChanged>(actions).at(0).to, health::State::Down);
}

TEST_F(ChecksTest, TheEarliestDeadlineOfAllCounts) {
    (void)configure({check(nginx)});
    (void)finish(probe(), health::Success{});
    const auto next = checks.deadline();
    now += 100ms;
    (void)configure({check(nginx), check(disk)});
    EXPECT_LT(checks.deadline(), next);
    EXPECT_EQ(probe().check, disk);
}

TEST_F(ChecksTest, ATimerThatExpiresIsOfThoseThatAreDueAlone) {
    (void)configure({check(nginx)});
    (void)finish(probe(), health::Success{});
    now += 500ms;
    (void)configure({check(nginx), check(disk)});
    const auto started = all<StartCheckProbe>(wait());
    ASSERT_EQ(started.size(), 1U);
    EXPECT_EQ(started[0].check, disk);
    (void)finish(started[0], health::Success{});
    EXPECT_EQ(probe().check, nginx);
}

TEST_F(ChecksTest, WithEveryEventTheDeadlineIsThatOfTheChecksThatAreLeft) {
    (void)configure({check(nginx), check(disk)});
    now += 1s;
    const auto started = all<StartCheckProbe>(checks.handle(ChecksTimerExpired{}, now));
    ASSERT_EQ(started.size(), 2U);
    EXPECT_EQ(checks.deadline(), now + 1s);  // The timeout of both.
    (void)finish(started[0], health::Success{});
    EXPECT_EQ(checks.deadline(), now + 1s);  // The other's.
    (void)configure({check(started[0].check)});
    EXPECT_GT(checks.deadline(), now + 1s);  // The next probe.
    (void)configure({});
    EXPECT_EQ(checks.deadline(), std::nullopt);
}

TEST_F(ChecksTest, AnOutcomeGoesToItsOwnCheckAlone) {
    (void)configure({check(nginx), check(disk)});
    now += 1s;
    const auto started = all<StartCheckProbe>(checks.handle(ChecksTimerExpired{}, now));
    ASSERT_EQ(started.size(), 2U);
    const auto changed = all<HealthChanged>(finish(started[0], health::Success{}));
    ASSERT_EQ(changed.size(), 1U);
    EXPECT_EQ(changed[0].check, started[0].check);
}

TEST_F(ChecksTest, AnOutcomeOfNobodysProbeIsIgnored) {
    (void)configure({check(nginx)});
    EXPECT_THAT(checks.handle(CheckProbeFinished{disk, {health::ProbeId{1}, health::Success{}}}, now), IsEmpty());
}

TEST_F(ChecksTest, TheSameChecksAgainCauseNothingAndKeepTheirVerdict) {
    (void)configure({check(nginx)});
    (void)finish(probe(), health::Success{});
    const auto deadline = checks.deadline();
    EXPECT_THAT(configure({check(nginx)}), IsEmpty());
    EXPECT_EQ(checks.deadline(), deadline);
    EXPECT_THAT(all<HealthChanged>(finish(probe(), health::Success{})), IsEmpty());
}

TEST_F(ChecksTest, AnotherTargetIsProbedAtOnceAndTheVerdictStaysMeanwhile) {
    (void)configure({check(nginx)});
    (void)finish(probe(), health::Success{});
    const auto actions = configure({check(nginx, 8080)});
    EXPECT_THAT(all<HealthChanged>(actions), IsEmpty());
    ASSERT_EQ(all<StartCheckProbe>(actions).size(), 1U);
    EXPECT_EQ(all<StartCheckProbe>(actions)[0].probe, check(nginx, 8080).probe);
}

TEST_F(ChecksTest, AnotherPolicyAbandonsNoProbe) {
    (void)configure({check(nginx)});
    const auto started = probe();
    auto other = check(nginx);
    other.policy.fall = 5;
    EXPECT_THAT(all<AbandonCheckProbe>(configure({other})), IsEmpty());
    EXPECT_EQ(all<HealthChanged>(finish(started, health::Success{})).size(), 1U);
}

TEST_F(ChecksTest, ACheckThatLeavesAbandonsItsProbeAndIsHeardOfNoMore) {
    (void)configure({check(nginx)});
    const auto started = probe();
    EXPECT_THAT(all<AbandonCheckProbe>(configure({})), ElementsAre(AbandonCheckProbe{nginx, started.id}));
    EXPECT_EQ(checks.deadline(), std::nullopt);
    EXPECT_THAT(finish(started, health::Success{}), IsEmpty());
}

TEST_F(ChecksTest, ASnapshotHasEveryCheck) {
    (void)configure({check(nginx), check(disk)});
    const auto snapshot = all<ChecksSnapshot>(checks.handle(ChecksMail{SnapshotRequested{}}, now)).at(0);
    ASSERT_EQ(snapshot.checks.size(), 2U);
    EXPECT_EQ(snapshot.checks[0].name, disk);
    EXPECT_EQ(snapshot.checks[1].name, nginx);
    EXPECT_EQ(snapshot.checks[1].status.state, health::State::Unknown);
}

}  // namespace
}  // namespace anyvip::daemon
