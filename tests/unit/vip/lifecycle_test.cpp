#include "anyvip/vip/lifecycle.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/describe.hpp"
#include "support/print.hpp"

ANYVIP_PRINT(anyvip::vip)

namespace anyvip::vip {
namespace {

using namespace std::chrono_literals;

TimePoint at(Duration since_start) {
    return TimePoint{} + 1000s + since_start;
}

LifecycleConfig bgp() {
    return {.announces = true, .owns_address = true, .needs_active = false, .propagation_wait = 1s, .send_timeout = 2s};
}
LifecycleConfig graceful() {
    LifecycleConfig config = bgp();
    config.graceful_shutdown = 2s;
    return config;
}
LifecycleConfig holding() {
    LifecycleConfig config = bgp();
    config.flaps.hold_down = 5s;
    return config;
}
LifecycleConfig vrrp() {
    LifecycleConfig config = bgp();
    config.announces = false;
    config.owns_address = false;
    return config;
}
LifecycleConfig hybrid() {
    LifecycleConfig config = bgp();
    config.owns_address = false;
    config.needs_active = true;
    return config;
}

const Verdict good = Eligible{};
const Verdict bad = Ineligible{Reason::CheckFailed, "nginx"};
const Verdict drained = Ineligible{Reason::Drained, "this VIP"};
using State = Lifecycle::State;

class LifecycleTest : public ::testing::Test {
protected:
    LifecycleActions feed(const LifecycleEvent& event, Duration now = 0s) { return vip.handle(event, at(now)); }

    void become(const LifecycleConfig& config) { vip = Lifecycle{config}; }

    /// A BGP VIP with services 1 and addresses 1 in the kernel, not eligible.
    void make_ready() {
        (void)feed(Configured{});
        (void)feed(ServicesApplied{1, {}});
        (void)feed(AddressesApplied{1, {}});
        ASSERT_EQ(vip.state(), State::Ready);
    }
    void make_announced() {
        make_ready();
        ASSERT_EQ(feed(VerdictGiven{good}), (LifecycleActions{Announce{}}));
        ASSERT_EQ(vip.state(), State::Announced);
    }
    /// Withdrawn at 10 s; the wait runs from there when the routes were sent.
    void make_withdrawing(bool sent) {
        make_announced();
        ASSERT_EQ(feed(VerdictGiven{bad}, 10s), (LifecycleActions{Withdraw{}}));
        if (sent) {
            ASSERT_EQ(feed(RoutesSent{}, 10s), LifecycleActions{});
        }
        ASSERT_EQ(vip.state(), State::Withdrawing);
    }

    Lifecycle vip{bgp()};
};

// ---- up

TEST_F(LifecycleTest, NothingIsAskedForBeforeTheVipIsConfigured) {
    EXPECT_EQ(feed(VerdictGiven{good}), LifecycleActions{});
    EXPECT_EQ(feed(ServicesChanged{}), LifecycleActions{});
    EXPECT_EQ(feed(RoutesSent{}), LifecycleActions{});
    EXPECT_EQ(feed(TimerExpired{}), LifecycleActions{});
    EXPECT_EQ(feed(Leave{}), LifecycleActions{});
    EXPECT_EQ(vip.state(), State::Absent);
    EXPECT_EQ(vip.deadline(), std::nullopt);
}

TEST_F(LifecycleTest, BgpComesUpServicesThenAddressThenRoute) {
    EXPECT_EQ(feed(Configured{}), (LifecycleActions{SetServices{1, true}}));
    EXPECT_EQ(feed(VerdictGiven{good}), LifecycleActions{});
    EXPECT_EQ(feed(ServicesApplied{1, {}}), (LifecycleActions{SetAddresses{1, true}}));
    EXPECT_EQ(feed(AddressesApplied{1, {}}), (LifecycleActions{Announce{}}));
    EXPECT_EQ(vip.state(), State::Announced);
}

TEST_F(LifecycleTest, TheAddressFollowsTheConfigurationAndNotTheVerdict) {
    (void)feed(Configured{});
    EXPECT_EQ(feed(ServicesApplied{1, {}}), (LifecycleActions{SetAddresses{1, true}}));
    EXPECT_EQ(feed(AddressesApplied{1, {}}), LifecycleActions{});
    EXPECT_EQ(vip.state(), State::Ready);
    EXPECT_EQ(feed(VerdictGiven{bad}), LifecycleActions{});
    EXPECT_EQ(feed(VerdictGiven{good}), (LifecycleActions{Announce{}}));
}

TEST_F(LifecycleTest, ASecondConfiguredChangesNothing) {
    make_announced();
    EXPECT_EQ(feed(Configured{}), LifecycleActions{});
    EXPECT_EQ(vip.state(), State::Announced);
}

TEST_F(LifecycleTest, VrrpNeitherOwnsItsAddressNorAnnounces) {
    become(vrrp());
    EXPECT_EQ(feed(Configured{}), (LifecycleActions{SetServices{1, true}}));
    EXPECT_EQ(feed(VerdictGiven{good}), LifecycleActions{});
    EXPECT_FALSE(vip.services_ready());
    EXPECT_EQ(feed(ServicesApplied{1, {}}), LifecycleActions{});
    EXPECT_TRUE(vip.services_ready());
    EXPECT_EQ(feed(VrrpActive{true}), LifecycleActions{});
    EXPECT_EQ(vip.state(), State::Ready);
}

TEST_F(LifecycleTest, HybridAnnouncesOnlyWhileActive) {
    become(hybrid());
    (void)feed(Configured{});
    (void)feed(VerdictGiven{good});
    EXPECT_EQ(feed(ServicesApplied{1, {}}), LifecycleActions{});
    EXPECT_EQ(feed(VrrpActive{true}), (LifecycleActions{Announce{}}));
    EXPECT_EQ(feed(VrrpActive{false}), (LifecycleActions{Withdraw{}}));
    EXPECT_EQ(vip.state(), State::Withdrawing);
}

TEST_F(LifecycleTest, HybridDoesNotAnnounceWithoutItsServices) {
    become(hybrid());
    (void)feed(Configured{});
    (void)feed(VerdictGiven{good});
    EXPECT_EQ(feed(VrrpActive{true}), LifecycleActions{});
    EXPECT_EQ(feed(ServicesApplied{1, {}}), (LifecycleActions{Announce{}}));
}

// ---- what the kernel says

TEST_F(LifecycleTest, AnAnswerToAnOlderServicesWishIsIgnored) {
    (void)feed(Configured{});
    EXPECT_EQ(feed(ServicesChanged{}), (LifecycleActions{SetServices{2, true}}));
    EXPECT_EQ(feed(ServicesApplied{1, {}}), LifecycleActions{});
    EXPECT_EQ(feed(ServicesApplied{1, "EPERM"}), LifecycleActions{});
    EXPECT_EQ(vip.kernel_error(), std::nullopt);
    EXPECT_EQ(feed(ServicesApplied{2, {}}), (LifecycleActions{SetAddresses{1, true}}));
}

TEST_F(LifecycleTest, AnAnswerToAnOlderAddressWishIsIgnored) {
    make_ready();
    (void)feed(Leave{});
    ASSERT_EQ(feed(ServicesApplied{2, {}}), (LifecycleActions{SetAddresses{2, false}}));
    EXPECT_EQ(feed(AddressesApplied{1, {}}), LifecycleActions{});
    EXPECT_EQ(vip.state(), State::Removing);
    EXPECT_EQ(feed(AddressesApplied{2, {}}), (LifecycleActions{Removed{}}));
}

TEST_F(LifecycleTest, RefusedServicesKeepTheAddressAndTheRouteAway) {
    (void)feed(Configured{});
    (void)feed(VerdictGiven{good});
    EXPECT_EQ(feed(ServicesApplied{1, "no such scheduler"}), LifecycleActions{});
    EXPECT_EQ(vip.state(), State::Programming);
    EXPECT_EQ(vip.kernel_error(), "no such scheduler");
    EXPECT_FALSE(vip.services_ready());
}

TEST_F(LifecycleTest, WhatTheKernelMakesGoodLaterIsTaken) {
    (void)feed(Configured{});
    (void)feed(VerdictGiven{good});
    (void)feed(ServicesApplied{1, "no such scheduler"});
    EXPECT_EQ(feed(ServicesApplied{1, {}}), (LifecycleActions{SetAddresses{1, true}}));
    (void)feed(AddressesApplied{1, "EPERM"});
    EXPECT_EQ(vip.kernel_error(), "EPERM");
    EXPECT_EQ(feed(AddressesApplied{1, {}}), (LifecycleActions{Announce{}}));
    EXPECT_EQ(vip.kernel_error(), std::nullopt);
}

TEST_F(LifecycleTest, ARefusedPoolChangeWithdraws) {
    make_announced();
    EXPECT_EQ(feed(ServicesChanged{}), (LifecycleActions{SetServices{2, true}}));
    EXPECT_EQ(vip.state(), State::Announced);
    EXPECT_EQ(feed(ServicesApplied{2, "ENOMEM"}), (LifecycleActions{Withdraw{}}));
    EXPECT_EQ(vip.kernel_error(), "ENOMEM");
}

TEST_F(LifecycleTest, AnAddressThatIsGoneForGoodWithdraws) {
    make_announced();
    EXPECT_EQ(feed(AddressesApplied{1, "EPERM"}), (LifecycleActions{Withdraw{}}));
    EXPECT_EQ(feed(AddressesApplied{1, {}}), (LifecycleActions{Announce{}}));
}

TEST_F(LifecycleTest, ARepairThatSucceededChangesNothing) {
    make_announced();
    EXPECT_EQ(feed(AddressesApplied{1, {}}), LifecycleActions{});
    EXPECT_EQ(feed(ServicesApplied{1, {}}), LifecycleActions{});
    EXPECT_EQ(vip.state(), State::Announced);
}

// ---- pool changes

TEST_F(LifecycleTest, APoolChangeOfAnAnnouncedVipGoesToTheKernelAtOnceAndTheRouteStays) {
    make_announced();
    EXPECT_EQ(feed(ServicesChanged{}), (LifecycleActions{SetServices{2, true}}));
    EXPECT_EQ(feed(ServicesApplied{2, {}}), LifecycleActions{});
    EXPECT_EQ(vip.state(), State::Announced);
}

TEST_F(LifecycleTest, APoolChangeUnderWayLeavesTheServicesReady) {
    make_announced();
    (void)feed(ServicesChanged{});
    EXPECT_TRUE(vip.services_ready());
    (void)feed(ServicesApplied{2, "ENOMEM"});
    EXPECT_FALSE(vip.services_ready());
}

TEST_F(LifecycleTest, APoolChangeOfAReadyVipIsConfirmedBeforeItIsAnnounced) {
    make_ready();
    EXPECT_EQ(feed(ServicesChanged{}), (LifecycleActions{SetServices{2, true}}));
    EXPECT_EQ(feed(VerdictGiven{good}), LifecycleActions{});
    EXPECT_EQ(feed(ServicesApplied{2, {}}), (LifecycleActions{Announce{}}));
}

TEST_F(LifecycleTest, PoolChangesWaitUntilTheRoutersHaveTurnedElsewhere) {
    make_withdrawing(true);
    EXPECT_EQ(feed(ServicesChanged{}, 10s), LifecycleActions{});
    EXPECT_EQ(feed(TimerExpired{}, 10'999ms), LifecycleActions{});
    EXPECT_EQ(feed(TimerExpired{}, 11s), (LifecycleActions{SetServices{2, true}}));
    EXPECT_EQ(vip.state(), State::Programming);
}

TEST_F(LifecycleTest, WhatIsBeingRemovedNeedsNoPool) {
    make_ready();
    ASSERT_EQ(feed(Leave{}), (LifecycleActions{SetServices{2, false}}));
    EXPECT_EQ(feed(ServicesChanged{}), LifecycleActions{});
    EXPECT_EQ(vip.state(), State::Removing);
}

// ---- down

TEST_F(LifecycleTest, TheWaitBeginsWhenTheWithdrawalWasSent) {
    make_withdrawing(false);
    EXPECT_EQ(vip.deadline(), at(12s));  // 10 s + send_timeout
    (void)feed(RoutesSent{}, 10'400ms);
    EXPECT_EQ(vip.deadline(), at(11'400ms));  // + propagation_wait
}

TEST_F(LifecycleTest, ASecondRoutesSentDoesNotProlongTheWait) {
    make_withdrawing(true);
    (void)feed(RoutesSent{}, 10'900ms);
    EXPECT_EQ(vip.deadline(), at(11s));
}

TEST_F(LifecycleTest, APeerThatNeverReadsHoldsTheVipUpForTheSendTimeoutOnly) {
    make_withdrawing(false);
    (void)feed(ServicesChanged{}, 10s);
    EXPECT_EQ(feed(TimerExpired{}, 11'999ms), LifecycleActions{});
    EXPECT_EQ(feed(TimerExpired{}, 12s), (LifecycleActions{SetServices{2, true}}));
    EXPECT_EQ(vip.deadline(), std::nullopt);
}

TEST_F(LifecycleTest, WithoutAPropagationWaitTheWithdrawalAloneIsEnough) {
    LifecycleConfig config = bgp();
    config.propagation_wait = 0s;
    become(config);
    make_withdrawing(false);
    EXPECT_EQ(feed(RoutesSent{}, 10s), LifecycleActions{});
    EXPECT_EQ(vip.state(), State::Ready);
}

TEST_F(LifecycleTest, AfterTheWaitTheAddressStays) {
    make_withdrawing(true);
    EXPECT_EQ(feed(TimerExpired{}, 11s), LifecycleActions{});
    EXPECT_EQ(vip.state(), State::Ready);
}

TEST_F(LifecycleTest, RecoveryWithinTheWaitAnnouncesAtOnce) {
    make_withdrawing(true);
    EXPECT_EQ(feed(VerdictGiven{good}, 10'200ms), (LifecycleActions{Announce{}}));
    EXPECT_EQ(vip.deadline(), std::nullopt);
}

TEST_F(LifecycleTest, RecoveryWithinTheWaitProgramsAChangedPoolFirst) {
    make_withdrawing(true);
    (void)feed(ServicesChanged{}, 10'100ms);
    EXPECT_EQ(feed(VerdictGiven{good}, 10'200ms), (LifecycleActions{SetServices{2, true}}));
    EXPECT_EQ(feed(ServicesApplied{2, {}}, 10'300ms), (LifecycleActions{Announce{}}));
}

TEST_F(LifecycleTest, APoolChangeOfAnEarlierWithdrawalIsNotAskedForAgain) {
    make_withdrawing(true);
    (void)feed(ServicesChanged{}, 10s);
    ASSERT_EQ(feed(VerdictGiven{good}, 10s), (LifecycleActions{SetServices{2, true}}));
    ASSERT_EQ(feed(ServicesApplied{2, {}}, 10s), (LifecycleActions{Announce{}}));
    ASSERT_EQ(feed(VerdictGiven{bad}, 20s), (LifecycleActions{Withdraw{}}));
    EXPECT_EQ(feed(TimerExpired{}, 22s), LifecycleActions{});
}

TEST_F(LifecycleTest, LeavingTakesRouteThenServicesThenAddress) {
    make_announced();
    EXPECT_EQ(feed(Leave{}, 10s), (LifecycleActions{Withdraw{}}));
    EXPECT_EQ(feed(RoutesSent{}, 10s), LifecycleActions{});
    EXPECT_EQ(feed(TimerExpired{}, 11s), (LifecycleActions{SetServices{2, false}}));
    EXPECT_EQ(feed(ServicesApplied{2, {}}, 11s), (LifecycleActions{SetAddresses{2, false}}));
    EXPECT_EQ(feed(AddressesApplied{2, {}}, 11s), (LifecycleActions{Removed{}}));
    EXPECT_EQ(vip.state(), State::Absent);
}

TEST_F(LifecycleTest, LeavingAVipThatIsNotAnnouncedWithdrawsNothing) {
    make_ready();
    EXPECT_EQ(feed(Leave{}), (LifecycleActions{SetServices{2, false}}));
}

TEST_F(LifecycleTest, LeavingDuringTheFirstProgrammingWaitsForNoAnswer) {
    (void)feed(Configured{});
    EXPECT_EQ(feed(Leave{}), (LifecycleActions{SetServices{2, false}}));
    EXPECT_EQ(feed(ServicesApplied{1, {}}), LifecycleActions{});
    EXPECT_EQ(feed(ServicesApplied{2, {}}), (LifecycleActions{Removed{}}));  // No address was asked for.
}

TEST_F(LifecycleTest, LeavingWithinTheWaitEndsTheWaitInOrder) {
    make_withdrawing(true);
    EXPECT_EQ(feed(Leave{}, 10'500ms), LifecycleActions{});
    EXPECT_EQ(feed(VerdictGiven{good}, 10'600ms), LifecycleActions{});  // What leaves does not come back.
    EXPECT_EQ(feed(TimerExpired{}, 11s), (LifecycleActions{SetServices{2, false}}));
}

TEST_F(LifecycleTest, LeavingTwiceIsLeavingOnce) {
    make_ready();
    ASSERT_EQ(feed(Leave{}), (LifecycleActions{SetServices{2, false}}));
    EXPECT_EQ(feed(Leave{}), LifecycleActions{});
}

TEST_F(LifecycleTest, ARemovalThatTheKernelRefusesIsWaitedFor) {
    make_ready();
    (void)feed(Leave{});
    EXPECT_EQ(feed(ServicesApplied{2, "EBUSY"}), LifecycleActions{});
    EXPECT_EQ(vip.kernel_error(), "EBUSY");
    EXPECT_EQ(feed(ServicesApplied{2, {}}), (LifecycleActions{SetAddresses{2, false}}));
}

// ---- coming back

TEST_F(LifecycleTest, ConfiguredAgainWithinTheWaitAnnouncesAtOnce) {
    make_announced();
    (void)feed(Leave{}, 10s);
    EXPECT_EQ(feed(Configured{}, 10'100ms), (LifecycleActions{Announce{}}));
}

TEST_F(LifecycleTest, ConfiguredAgainWhileServicesAreBeingRemovedAsksForThemAnew) {
    make_announced();
    (void)feed(Leave{}, 10s);
    (void)feed(RoutesSent{}, 10s);
    ASSERT_EQ(feed(TimerExpired{}, 11s), (LifecycleActions{SetServices{2, false}}));
    EXPECT_EQ(feed(Configured{}, 11s), (LifecycleActions{SetServices{3, true}}));
    EXPECT_EQ(feed(ServicesApplied{2, {}}, 11s), LifecycleActions{});
    EXPECT_EQ(feed(ServicesApplied{3, {}}, 11s), (LifecycleActions{Announce{}}));  // The address never went.
}

TEST_F(LifecycleTest, ServicesThatWereAskedAwayAreNotReadyBeforeTheKernelHasThemAgain) {
    become(vrrp());
    (void)feed(Configured{});
    (void)feed(ServicesApplied{1, {}});
    (void)feed(Leave{});
    EXPECT_FALSE(vip.services_ready());
    (void)feed(Configured{});
    EXPECT_FALSE(vip.services_ready());
    (void)feed(ServicesApplied{3, {}});
    EXPECT_TRUE(vip.services_ready());
}

TEST_F(LifecycleTest, ConfiguredAgainWhileTheAddressIsBeingRemovedAsksForBoth) {
    make_ready();
    (void)feed(VerdictGiven{good});
    (void)feed(Leave{}, 10s);
    (void)feed(TimerExpired{}, 12s);
    ASSERT_EQ(feed(ServicesApplied{2, {}}, 12s), (LifecycleActions{SetAddresses{2, false}}));
    EXPECT_EQ(feed(Configured{}, 12s), (LifecycleActions{SetServices{3, true}}));
    EXPECT_EQ(feed(AddressesApplied{2, {}}, 12s), LifecycleActions{});
    EXPECT_EQ(feed(ServicesApplied{3, {}}, 12s), (LifecycleActions{SetAddresses{3, true}}));
    EXPECT_EQ(feed(AddressesApplied{3, {}}, 12s), (LifecycleActions{Announce{}}));
}

TEST_F(LifecycleTest, ARemovedVipMayBeConfiguredAnew) {
    make_ready();
    (void)feed(Leave{});
    (void)feed(ServicesApplied{2, {}});
    ASSERT_EQ(feed(AddressesApplied{2, {}}), (LifecycleActions{Removed{}}));
    EXPECT_EQ(feed(Configured{}), (LifecycleActions{SetServices{3, true}}));
}

TEST_F(LifecycleTest, OtherWaitsCountFromTheNextWithdrawal) {
    make_announced();
    LifecycleConfig config = bgp();
    config.propagation_wait = 3s;
    EXPECT_EQ(feed(ConfigChanged{config}), LifecycleActions{});
    (void)feed(VerdictGiven{bad}, 10s);
    (void)feed(RoutesSent{}, 10s);
    EXPECT_EQ(vip.deadline(), at(13s));
}

// ---- graceful shutdown (RFC 8326)

// RFC 8326 §4: positive; what is drained says so, waits, and is withdrawn.
TEST_F(LifecycleTest, ADrainedVipIsAnnouncedWithTheCommunityFirst) {
    become(graceful());
    make_announced();
    EXPECT_EQ(feed(VerdictGiven{drained}, 10s), (LifecycleActions{AnnounceGracefulShutdown{}}));
    EXPECT_EQ(vip.state(), State::GracefulShutdown);
    EXPECT_EQ(vip.deadline(), at(12s));
    EXPECT_EQ(feed(TimerExpired{}, 11s), LifecycleActions{});
    EXPECT_EQ(feed(TimerExpired{}, 12s), (LifecycleActions{Withdraw{}}));
    EXPECT_EQ(vip.state(), State::Withdrawing);
}

TEST_F(LifecycleTest, AVipThatLeavesTheConfigurationSaysSoToo) {
    become(graceful());
    make_announced();
    EXPECT_EQ(feed(Leave{}, 10s), (LifecycleActions{AnnounceGracefulShutdown{}}));
    EXPECT_EQ(feed(TimerExpired{}, 12s), (LifecycleActions{Withdraw{}}));
}

// RFC 8326 §4: negative; what does not work has nothing to wait for.
TEST_F(LifecycleTest, AnUnhealthyVipIsWithdrawnAtOnce) {
    become(graceful());
    make_announced();
    EXPECT_EQ(feed(VerdictGiven{bad}, 10s), (LifecycleActions{Withdraw{}}));
}

TEST_F(LifecycleTest, AVipThatFailsDuringItsShutdownIsWithdrawnAtOnce) {
    become(graceful());
    make_announced();
    (void)feed(VerdictGiven{drained}, 10s);
    EXPECT_EQ(feed(VerdictGiven{bad}, 11s), (LifecycleActions{Withdraw{}}));
}

TEST_F(LifecycleTest, AnUndrainedVipLosesTheCommunityAgain) {
    become(graceful());
    make_announced();
    (void)feed(VerdictGiven{drained}, 10s);
    EXPECT_EQ(feed(VerdictGiven{good}, 11s), (LifecycleActions{Announce{}}));
    EXPECT_EQ(vip.state(), State::Announced);
    EXPECT_EQ(vip.deadline(), std::nullopt);
}

// ---- what falls too often

TEST_F(LifecycleTest, AVipThatFellIsHeldBackForTheHoldDown) {
    become(holding());
    make_announced();
    (void)feed(VerdictGiven{bad}, 10s);
    (void)feed(RoutesSent{}, 10s);
    EXPECT_EQ(feed(VerdictGiven{good}, 12s), (LifecycleActions{HeldBack{at(15s)}}));
    EXPECT_EQ(vip.state(), State::Ready);
    EXPECT_EQ(vip.deadline(), at(15s));
    EXPECT_EQ(feed(TimerExpired{}, 14s), LifecycleActions{}) << "it is said once";
    EXPECT_EQ(feed(TimerExpired{}, 15s), (LifecycleActions{Announce{}}));
}

TEST_F(LifecycleTest, WhatAnOperatorDrainsDoesNotCountAsAFall) {
    become(holding());
    make_announced();
    (void)feed(VerdictGiven{drained}, 10s);
    (void)feed(RoutesSent{}, 10s);
    EXPECT_EQ(feed(VerdictGiven{good}, 12s), (LifecycleActions{Announce{}}));
}

// ---- every short story

/// What must hold after each event, whatever came before: product rule 1 as it looks from outside.
class Order {
public:
    explicit Order(const LifecycleConfig& config) : config_{config} {}

    /// The answers that the kernel may give now.
    [[nodiscard]] Generation newest_services() const { return services_.asked; }
    [[nodiscard]] Generation newest_addresses() const { return addresses_.asked; }

    void before(const LifecycleEvent& event) {
        if (const auto* applied = std::get_if<ServicesApplied>(&event))
            services_.answer(applied->generation, applied->error);
        if (const auto* applied = std::get_if<AddressesApplied>(&event))
            addresses_.answer(applied->generation, applied->error);
        if (const auto* given = std::get_if<VerdictGiven>(&event)) {
            eligible_ = is_eligible(given->verdict);
            unhealthy_ = given->verdict == bad;
        }
        if (const auto* vrrp = std::get_if<VrrpActive>(&event)) active_ = vrrp->active;
        if (std::holds_alternative<Configured>(event)) configured_ = true;
        if (std::holds_alternative<Leave>(event)) configured_ = false;
    }

    [[nodiscard]] std::string broken_by(const LifecycleAction& action) {
        if (const auto* services = std::get_if<SetServices>(&action)) {
            if (services->generation != services_.asked + 1) return "a generation of services skipped or used twice";
            if (announced_ && !services->present) return "services asked away while announced";
            services_.ask(services->generation, services->present);
        } else if (const auto* addresses = std::get_if<SetAddresses>(&action)) {
            if (addresses->generation != addresses_.asked + 1) return "a generation of addresses skipped or used twice";
            if (!config_.owns_address) return "an address that VRRP owns";
            if (announced_ && !addresses->present) return "address asked away while announced";
            if (!addresses->present && !services_.gone()) return "address asked away before the services were gone";
            if (addresses->present && !services_.there()) return "address asked for before the services were there";
            addresses_.ask(addresses->generation, addresses->present);
        } else if (std::holds_alternative<Announce>(action)) {
            if (announced_ && !shutting_down_) return "announced twice";
            // What is on its way out and stays after all has not been gone: a pool change may be under way.
            const bool anew = !std::exchange(shutting_down_, false);
            if (anew && !services_.there()) return "announced without services";
            if (anew && config_.owns_address && !addresses_.there()) return "announced without address";
            if (!eligible_ || !configured_) return "announced what is not eligible or not configured";
            if (config_.needs_active && !active_) return "announced by a Backup";
            if (!config_.announces) return "announced without BGP";
            announced_ = true;
        } else if (std::holds_alternative<AnnounceGracefulShutdown>(action)) {
            if (!announced_ || shutting_down_) return "a shutdown of what is not announced";
            if (eligible_ && configured_) return "a shutdown of what is to stay";
            if (config_.graceful_shutdown == 0s) return "a shutdown that nobody asked for";
            shutting_down_ = true;
        } else if (std::holds_alternative<HeldBack>(action)) {
            if (announced_ || !eligible_) return "held back what is announced or not eligible";
        } else if (std::holds_alternative<Withdraw>(action)) {
            if (!announced_) return "withdrawn twice";
            announced_ = false;
            shutting_down_ = false;
        } else if (std::holds_alternative<Removed>(action)) {
            if (announced_ || configured_) return "removed what is in use";
            if (!services_.gone() || !addresses_.gone()) return "removed what the kernel still has";
        }
        return "";
    }

    [[nodiscard]] std::string broken_at_rest(const Lifecycle& vip) const {
        if (announced_ && !shutting_down_ && !(eligible_ && configured_)) return "still announced";
        if (shutting_down_ && unhealthy_) return "a shutdown of what does not work";
        if (announced_ && config_.needs_active && !active_) return "still announced by a Backup";
        if (announced_ && (services_.refused() || addresses_.refused())) return "announced what the kernel refused";
        const auto expected = shutting_down_ ? State::GracefulShutdown : State::Announced;
        if (announced_ != (vip.state() == expected)) return "the state does not say what is announced";
        const bool waits = vip.state() == State::Withdrawing || vip.state() == State::GracefulShutdown;
        const bool held = vip.state() == State::Ready && config_.flaps.hold_down > 0s;
        if (!held && vip.deadline().has_value() != waits) return "a deadline of nothing";
        if (vip.services_ready() && (!services_.present || services_.refused())) return "ready without services";
        return "";
    }

private:
    struct Wish {
        Generation asked = 0;
        Generation answered = 0;
        bool present = false;
        bool good = true;
        void ask(Generation generation, bool wanted) {
            asked = generation;
            present = wanted;
        }
        void answer(Generation generation, const std::optional<std::string>& error) {
            if (generation != asked) return;
            answered = generation;
            good = !error;
        }
        [[nodiscard]] bool there() const { return present && answered == asked && good; }
        [[nodiscard]] bool gone() const { return !present && answered == asked && good; }
        [[nodiscard]] bool refused() const { return asked != 0 && answered == asked && !good; }
    };

    LifecycleConfig config_;
    Wish services_;
    Wish addresses_;
    bool eligible_ = false;
    bool active_ = false;
    bool configured_ = false;
    bool announced_ = false;
    bool shutting_down_ = false;
    bool unhealthy_ = false;
};

/// A story so far. An answer is always to the newest wish, or to the one before it.
struct Story {
    Lifecycle vip;
    Order order;
    Duration now{};
    std::string text;
};

using Chapter = std::function<LifecycleEvent(const Story&)>;

std::vector<Chapter> alphabet(const LifecycleConfig& config) {
    std::vector<Chapter> chapters{
        [](const Story&) { return Configured{}; },
        [](const Story&) { return Leave{}; },
        [](const Story&) { return VerdictGiven{good}; },
        [](const Story&) { return VerdictGiven{bad}; },
        [](const Story&) { return VerdictGiven{drained}; },
        [](const Story&) { return ServicesChanged{}; },
        [](const Story& s) { return ServicesApplied{s.order.newest_services(), {}}; },
        [](const Story& s) { return ServicesApplied{s.order.newest_services(), "refused"}; },
        [](const Story& s) { return ServicesApplied{s.order.newest_services() - 1, {}}; },
        [](const Story&) { return TimerExpired{}; },
    };
    if (config.owns_address) {
        chapters.emplace_back([](const Story& s) { return AddressesApplied{s.order.newest_addresses(), {}}; });
        chapters.emplace_back([](const Story& s) { return AddressesApplied{s.order.newest_addresses(), "refused"}; });
    }
    if (config.needs_active) {
        chapters.emplace_back([](const Story&) { return VrrpActive{true}; });
        chapters.emplace_back([](const Story&) { return VrrpActive{false}; });
    }
    if (config.announces) chapters.emplace_back([](const Story&) { return RoutesSent{}; });
    return chapters;
}

/// Half a second passes between events: a wait of 1 s is seen running and over.
void tell(Story& story, const LifecycleEvent& event) {
    story.now += 500ms;
    story.text += anyvip::describe(event) + '\n';
    story.order.before(event);
    for (const auto& action : story.vip.handle(event, at(story.now))) {
        story.text += "    " + anyvip::describe(action) + '\n';
        const auto broken = story.order.broken_by(action);
        ASSERT_EQ(broken, "") << story.text;
    }
    const auto broken = story.order.broken_at_rest(story.vip);
    ASSERT_EQ(broken, "") << story.text;
}

std::size_t tell_all(const Story& so_far, const std::vector<Chapter>& chapters, std::size_t length) {
    std::size_t stories = 0;
    for (const auto& chapter : chapters) {
        Story story = so_far;
        const auto event = chapter(story);
        if (const auto* applied = std::get_if<ServicesApplied>(&event); applied && applied->generation + 1 < 2)
            continue;
        if (const auto* applied = std::get_if<AddressesApplied>(&event); applied && applied->generation == 0) continue;
        tell(story, event);
        if (::testing::Test::HasFatalFailure()) return stories;
        ++stories;
        if (length > 1) stories += tell_all(story, chapters, length - 1);
        if (::testing::Test::HasFatalFailure()) return stories;
    }
    return stories;
}

/// `rehearsed`: events before the enumeration begins, so that it also sees the far end of a VIP's life.
void expect_order(const LifecycleConfig& config, const std::vector<LifecycleEvent>& rehearsed, std::size_t length) {
    Story story{.vip = Lifecycle{config}, .order = Order{config}, .now = 0s, .text = ""};
    for (const auto& event : rehearsed) ASSERT_NO_FATAL_FAILURE(tell(story, event));
    EXPECT_GT(tell_all(story, alphabet(config), length), 10'000U);
}

TEST(LifecycleOrder, HoldsInEveryShortStoryOfABgpVip) {
    expect_order(bgp(), {Configured{}}, 5);
}

TEST(LifecycleOrder, HoldsInEveryShortStoryOfAnAnnouncedBgpVip) {
    expect_order(bgp(), {Configured{}, VerdictGiven{good}, ServicesApplied{1, {}}, AddressesApplied{1, {}}}, 5);
}

TEST(LifecycleOrder, HoldsInEveryShortStoryOfAVipThatLeavesGracefully) {
    expect_order(graceful(), {Configured{}, VerdictGiven{good}, ServicesApplied{1, {}}, AddressesApplied{1, {}}}, 5);
}

TEST(LifecycleOrder, HoldsInEveryShortStoryOfAVipThatIsHeldBack) {
    expect_order(holding(), {Configured{}, VerdictGiven{good}, ServicesApplied{1, {}}, AddressesApplied{1, {}}}, 5);
}

TEST(LifecycleOrder, HoldsInEveryShortStoryOfALeavingBgpVip) {
    expect_order(
        bgp(),
        {Configured{}, VerdictGiven{good}, ServicesApplied{1, {}}, AddressesApplied{1, {}}, Leave{}, RoutesSent{}}, 5);
}

TEST(LifecycleOrder, HoldsInEveryShortStoryOfAHybridVip) {
    expect_order(hybrid(), {Configured{}, VerdictGiven{good}, VrrpActive{true}}, 5);
}

TEST(LifecycleOrder, HoldsInEveryShortStoryOfAVrrpVip) {
    expect_order(vrrp(), {}, 6);
}

// ---- standby, and the last one

const Others nobody{.knowledge = Others::Knowledge::None};
const Others primary{.knowledge = Others::Knowledge::Heard, .unranked = true, .best = {}, .text = "tor-a"};

LifecycleConfig standing_by() {
    LifecycleConfig config = bgp();
    config.standby = StandbyPolicy{.own = {100, 7}, .take_after = 1s, .yield_after = 2s};
    return config;
}

TEST_F(LifecycleTest, AStandbyAnnouncesInTheAbsenceOfOthers) {
    become(standing_by());
    make_ready();
    EXPECT_EQ(feed(VerdictGiven{good}), LifecycleActions{});
    EXPECT_TRUE(vip.stands_by());
    EXPECT_EQ(feed(OthersObserved{primary}, 1s), LifecycleActions{});
    EXPECT_EQ(feed(OthersObserved{nobody}, 10s), LifecycleActions{});
    EXPECT_EQ(vip.deadline(), at(11s));
    EXPECT_EQ(feed(TimerExpired{}, 11s), (LifecycleActions{Announce{}}));
    EXPECT_FALSE(vip.stands_by());
}

TEST_F(LifecycleTest, AStandbyGivesWayWithoutBeingPenalised) {
    auto config = standing_by();
    config.flaps.hold_down = 60s;
    become(config);
    make_ready();
    (void)feed(VerdictGiven{good});
    (void)feed(OthersObserved{nobody}, 10s);
    (void)feed(TimerExpired{}, 11s);
    ASSERT_EQ(vip.state(), State::Announced);
    EXPECT_EQ(feed(OthersObserved{primary}, 20s), LifecycleActions{});
    EXPECT_EQ(vip.deadline(), at(22s));
    EXPECT_EQ(feed(TimerExpired{}, 22s), (LifecycleActions{Withdraw{}}));
    EXPECT_EQ(vip.flaps().held_until(at(22s)), std::nullopt);
}

TEST_F(LifecycleTest, AnUnhealthyStandbyDoesNotTake) {
    become(standing_by());
    make_ready();
    (void)feed(VerdictGiven{bad});
    (void)feed(OthersObserved{nobody}, 10s);
    EXPECT_EQ(feed(TimerExpired{}, 11s), LifecycleActions{});
    EXPECT_EQ(feed(VerdictGiven{good}, 12s), (LifecycleActions{Announce{}}));
}

TEST_F(LifecycleTest, AStandbyThatBecomesAPrimaryAnnouncesBesideOthers) {
    become(standing_by());
    make_ready();
    (void)feed(VerdictGiven{good});
    (void)feed(OthersObserved{primary}, 1s);
    EXPECT_EQ(feed(ConfigChanged{bgp()}, 2s), (LifecycleActions{Announce{}}));
}

/// One fall is enough: suppressed for a half-life, 60 s from then.
LifecycleConfig suppressing() {
    LifecycleConfig config = bgp();
    config.flaps = {.suppresses = true, .penalty = 2000, .half_life = 60s, .suppress = 2000, .reuse = 1000};
    return config;
}

TEST_F(LifecycleTest, TheLastThatAnnouncesIsNotSuppressed) {
    become(suppressing());
    make_withdrawing(true);
    (void)feed(TimerExpired{}, 11s);
    (void)feed(OthersObserved{primary}, 12s);
    EXPECT_EQ(feed(VerdictGiven{good}, 12s), (LifecycleActions{HeldBack{at(70s)}}));
    EXPECT_EQ(feed(OthersObserved{nobody}, 13s), (LifecycleActions{Announce{}}));
}

TEST_F(LifecycleTest, WhereNothingIsKnownOfOthersItIsSuppressed) {
    become(suppressing());
    make_withdrawing(true);
    (void)feed(TimerExpired{}, 11s);
    EXPECT_EQ(feed(VerdictGiven{good}, 12s), (LifecycleActions{HeldBack{at(70s)}}));
}

TEST_F(LifecycleTest, AHoldDownHoldsTheLastToo) {
    become(holding());
    make_withdrawing(true);
    (void)feed(TimerExpired{}, 11s);
    (void)feed(OthersObserved{nobody}, 12s);
    EXPECT_EQ(feed(VerdictGiven{good}, 12s), (LifecycleActions{HeldBack{at(15s)}}));
}

}  // namespace
}  // namespace anyvip::vip
