#include "bgp/retention.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace anyvip::bgp {
namespace {

using namespace std::chrono_literals;

const TimePoint t0{1000s};
constexpr Families both{.ipv4 = true, .ipv6 = true};
constexpr Families none{};
constexpr Families only_ipv4{.ipv4 = true, .ipv6 = false};
constexpr Families only_ipv6{.ipv4 = false, .ipv6 = true};

PeerRestart restart_of(bool notification = false, std::chrono::seconds long_lived = 0s) {
    PeerRestart restart{.restart_time = 30s, .notification = notification, .families = both, .preserved = both};
    if (long_lived.count() == 0) return restart;
    for (const auto family : {net::Family::Ipv4, net::Family::Ipv6}) {
        restart.long_lived[family] = {.preserved = true, .stale_time = long_lived};
    }
    return restart;
}

Reason reason(Reason::Kind kind, std::optional<Notification> notification = std::nullopt) {
    return {.kind = kind, .notification = std::move(notification), .text = {}};
}

// RFC 4724 §4.2: positive; a connection that ends without a word leaves the routes where they are.
// RFC 4724 §4.2: negative; a NOTIFICATION does not, of either side.
TEST(KeepsRoutes, WithoutAWord) {
    const auto restart = restart_of();
    EXPECT_TRUE(keeps_routes(reason(Reason::Kind::ConnectionFailed), restart));
    EXPECT_FALSE(keeps_routes(reason(Reason::Kind::NotificationReceived, fsm_error()), restart));
    EXPECT_FALSE(keeps_routes(reason(Reason::Kind::NotificationSent, fsm_error()), restart));
    EXPECT_FALSE(keeps_routes(reason(Reason::Kind::HoldTimerExpired, hold_timer_expired()), restart));
    EXPECT_FALSE(keeps_routes(reason(Reason::Kind::Stopped, cease(CeaseSubcode::AdministrativeShutdown)), restart));
}

// RFC 8538 §4: positive; with the N bit of both a NOTIFICATION and the hold time are no reason to drop them.
// RFC 8538 §4: negative; a Hard Reset of either side is.
TEST(KeepsRoutes, AfterANotificationThatIsNoHardReset) {
    const auto restart = restart_of(true);
    const auto hard = hard_reset(cease(CeaseSubcode::AdministrativeShutdown));
    EXPECT_TRUE(keeps_routes(reason(Reason::Kind::ConnectionFailed), restart));
    EXPECT_TRUE(keeps_routes(reason(Reason::Kind::NotificationReceived, fsm_error()), restart));
    EXPECT_TRUE(keeps_routes(reason(Reason::Kind::NotificationSent, fsm_error()), restart));
    EXPECT_TRUE(keeps_routes(reason(Reason::Kind::HoldTimerExpired, hold_timer_expired()), restart));
    EXPECT_FALSE(keeps_routes(reason(Reason::Kind::NotificationReceived, hard), restart));
    EXPECT_FALSE(keeps_routes(reason(Reason::Kind::NotificationSent, hard), restart));
    EXPECT_FALSE(keeps_routes(reason(Reason::Kind::Stopped, hard), restart));
    EXPECT_FALSE(keeps_routes(reason(Reason::Kind::BfdDown, hard), restart)) << "the path itself has failed";
}

// RFC 4724 §4.2: positive; the peer's own restart time, counted from the loss.
TEST(Retention, EndsWithTheRestartTime) {
    Retention retention;
    EXPECT_EQ(retention.lost(restart_of(), t0), (Retention::Lost{.kept = both, .twice = none}));
    EXPECT_EQ(retention.deadline(), t0 + 30s);
    EXPECT_EQ(retention.expire(t0 + 30s - 1ns), Retention::Due{});
    EXPECT_EQ(retention.expire(t0 + 30s), (Retention::Due{.gone = both, .long_lived = none}));
    EXPECT_EQ(retention.deadline(), std::nullopt);
}

// RFC 4724 §4.2: negative; of a family that the capability does not list nothing is kept, nor without a time.
TEST(Retention, KeepsWhatTheCapabilityListsAlone) {
    Retention retention;
    auto restart = restart_of();
    restart.families = only_ipv6;
    EXPECT_EQ(retention.lost(restart, t0).kept, only_ipv6);
    restart.restart_time = 0s;
    EXPECT_EQ(retention.lost(restart, t0).kept, none);
    EXPECT_EQ(retention.families(), none);
}

// RFC 4724 §4.2: positive; F clear, a family that is missing, no capability at all: gone at once.
TEST(Retention, ANewSessionKeepsWhatWasForwardedAlone) {
    const auto back_with = [](const std::optional<PeerRestart>& restart) {
        Retention retention;
        (void)retention.lost(restart_of(), t0);
        return retention.back(restart, t0 + 5s);
    };
    auto clear = restart_of();
    clear.preserved = only_ipv6;
    auto missing = restart_of();
    missing.families = only_ipv4;
    missing.preserved = only_ipv4;
    EXPECT_EQ(back_with(restart_of()), both);
    EXPECT_EQ(back_with(clear), only_ipv6);
    EXPECT_EQ(back_with(missing), only_ipv4);
    EXPECT_EQ(back_with(std::nullopt), none);
}

// RFC 8538 §4.1: positive; who is back and never says End-of-RIB has 180 s, but no more than that and its restart time
// since it was lost.
TEST(Retention, EndOfRibIsNotWaitedForForEver) {
    Retention retention;
    (void)retention.lost(restart_of(), t0);
    (void)retention.back(restart_of(), t0 + 20s);
    EXPECT_EQ(retention.deadline(), t0 + 200s);
    EXPECT_EQ(retention.expire(t0 + 200s), (Retention::Due{.gone = both, .long_lived = none}));
}

TEST(Retention, EndOfRibEndsIt) {
    Retention retention;
    (void)retention.lost(restart_of(), t0);
    (void)retention.back(restart_of(), t0 + 5s);
    EXPECT_TRUE(retention.complete(net::Family::Ipv4));
    EXPECT_FALSE(retention.complete(net::Family::Ipv4));
    EXPECT_EQ(retention.families(), only_ipv6);
}

// RFC 4724 §4.2: positive; of consecutive restarts only the newest session's routes survive.
// RFC 8538 §4.1: negative; with the N bit what is stale may become so again, within the same bound.
TEST(Retention, ASecondRestartBeforeEndOfRib) {
    Retention plain;
    (void)plain.lost(restart_of(), t0);
    (void)plain.back(restart_of(), t0 + 5s);
    EXPECT_EQ(plain.lost(restart_of(), t0 + 10s), (Retention::Lost{.kept = both, .twice = both}));
    EXPECT_EQ(plain.deadline(), t0 + 40s);

    Retention notified;
    (void)notified.lost(restart_of(true), t0);
    (void)notified.back(restart_of(true), t0 + 5s);
    EXPECT_EQ(notified.lost(restart_of(true), t0 + 10s), (Retention::Lost{.kept = both, .twice = none}));
    EXPECT_EQ(notified.deadline(), t0 + 40s);
    (void)notified.back(restart_of(true), t0 + 20s);
    (void)notified.lost(restart_of(true), t0 + 190s);
    EXPECT_EQ(notified.deadline(), t0 + 210s) << "30 s and 180 s since the first loss";
}

// RFC 9494 §4.2: positive; after the restart time the long-lived one begins, and ends it.
TEST(Retention, LongLived) {
    Retention retention;
    (void)retention.lost(restart_of(false, 3600s), t0);
    EXPECT_EQ(retention.long_lived(), none);
    EXPECT_EQ(retention.expire(t0 + 30s), (Retention::Due{.gone = none, .long_lived = both}));
    EXPECT_EQ(retention.long_lived(), both);
    EXPECT_EQ(retention.deadline(), t0 + 3630s);
    EXPECT_EQ(retention.expire(t0 + 3630s), (Retention::Due{.gone = both, .long_lived = none}));
}

// RFC 9494 §4.2: negative; a session that is back does not stop the timer, nor does another loss start it again; and
// the F bit that counts is that of the long-lived capability.
TEST(Retention, ALongLivedTimerRunsOn) {
    Retention retention;
    const auto restart = restart_of(true, 3600s);
    (void)retention.lost(restart, t0);
    (void)retention.expire(t0 + 30s);
    EXPECT_EQ(retention.back(restart, t0 + 1000s), both);
    EXPECT_EQ(retention.deadline(), t0 + 3630s);
    (void)retention.lost(restart, t0 + 1001s);
    EXPECT_EQ(retention.deadline(), t0 + 3630s);
    auto clear = restart;
    clear.long_lived[net::Family::Ipv4].preserved = false;
    EXPECT_EQ(retention.back(clear, t0 + 1002s), only_ipv6);
}

// RFC 9494 §4.2: negative; who is back within the restart time and does not say everything again is not long-lived.
TEST(Retention, WhoIsBackInTimeIsNotLongLived) {
    Retention retention;
    (void)retention.lost(restart_of(false, 3600s), t0);
    (void)retention.back(restart_of(false, 3600s), t0 + 20s);
    EXPECT_EQ(retention.expire(t0 + 200s), (Retention::Due{.gone = both, .long_lived = none}));
}

}  // namespace
}  // namespace anyvip::bgp
