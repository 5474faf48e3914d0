#include "vrrp/virtual_router.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/describe.hpp"

namespace anyvip::vrrp {

// For test failures: actions, events and states print as in the log.
template <class T>
    requires requires(const T& value) { describe(value); }
void PrintTo(const T& value, std::ostream* out) {
    *out << describe(value);
}

namespace {

using namespace std::chrono_literals;

net::IpAddress ip(std::string_view text) {
    return net::IpAddress::parse(text).value();
}

TimePoint at(Duration since_start) {
    return TimePoint{} + 1000s + since_start;
}

const Identity identity{VirtualRouterId{51}, net::Family::Ipv4};
const net::IpAddress ours = ip("10.0.0.5");
const net::IpAddress lower = ip("10.0.0.4");
const net::IpAddress higher = ip("10.0.0.6");

Config config_with(Version version) {
    Config config;
    config.version = version;
    config.addresses = {ip("10.0.0.100")};
    config.garp_repeat = 2;
    return config;
}

/// Started at 0 s with priority 100 unless a test says otherwise.
/// Version 3, 1 s: Skew_Time 156/256 s = 0.609375 s, Active_Down_Interval 3.609375 s.
class VirtualRouterTest : public ::testing::Test {
protected:
    void start(std::uint8_t priority = 100) {
        (void)router.handle(InterfaceUp{}, at(0s));
        (void)router.handle(SourceChanged{ours}, at(0s));
        (void)router.handle(PriorityChanged{Priority{priority}, {}}, at(0s));
        started = router.handle(Startup{}, at(0s));
    }
    /// Active since 3.609375 s, confirmed by the kernel at the same time.
    void become_active() {
        start();
        (void)router.handle(TimerExpired{}, at(3'609'375us));
        ASSERT_EQ(router.state_name(), StateName::Active);
    }
    void become_confirmed_active() {
        become_active();
        (void)router.handle(AddressesApplied{Generation{1}, {}}, at(3'609'375us));
    }
    Actions hear(const net::IpAddress& source, std::uint8_t priority, Duration when,
                 Centiseconds interval = Centiseconds{100}) {
        const Advertisement advertisement{router.config().version, VirtualRouterId{51}, Priority{priority}, interval,
                                          router.config().addresses};
        return router.handle(AdvertisementReceived{source, advertisement}, at(when));
    }
    std::uint64_t discarded(DiscardReason reason) const {
        return router.counters().discarded.at(static_cast<std::size_t>(reason));
    }
    const Backup& backup() const { return std::get<Backup>(router.state()); }
    const Active& active() const { return std::get<Active>(router.state()); }

    VirtualRouter router{identity, config_with(Version::V3)};
    Actions started;
};

class VirtualRouterVersion2Test : public VirtualRouterTest {
protected:
    VirtualRouterVersion2Test() { router = VirtualRouter{identity, config_with(Version::V2)}; }
};

State not_participating(Cause cause, const std::string& detail = {}) {
    return Initialize{{cause, detail}};
}
StateChanged to_initialize(StateName from, Cause cause, const std::string& detail = {}) {
    return {from, StateName::Initialize, {cause, detail}};
}
StateChanged yielded(Cause cause, const std::string& to) {
    return {StateName::Active, StateName::Backup, {cause, to}};
}
const StateChanged took_over{StateName::Backup, StateName::Active, {Cause::ActiveDownTimerExpired, {}}};
const Actions nothing;

// ---- §6.4.1 Initialize

// RFC 9568 §6.4.1 (120) "Set the Active_Down_Timer to Active_Down_Interval": positive
TEST_F(VirtualRouterTest, StartupLeadsToBackupForOneActiveDownInterval) {
    start();
    EXPECT_EQ(started, (Actions{StateChanged{StateName::Initialize, StateName::Backup, {Cause::StartedAsBackup, {}}}}));
    EXPECT_EQ(router.deadline(), at(3'609'375us));
    EXPECT_EQ(backup().active_adver_interval, Duration{1s});
}

// RFC 9568 §6.4.1 (105) "If the Priority = 255 ... Send an ADVERTISEMENT ... transition to Active": positive
TEST_F(VirtualRouterTest, TheAddressOwnerStartsAsActive) {
    start(255);
    EXPECT_EQ(started,
              (Actions{SendAdvertisement{Priority{255}}, SetAddresses{Generation{1}, true},
                       StateChanged{StateName::Initialize, StateName::Active, {Cause::StartedAsAddressOwner, {}}}}));
}

// RFC 9568 §6.4.1: negative
TEST_F(VirtualRouterTest, NothingHappensBeforeStartup) {
    (void)router.handle(InterfaceUp{}, at(0s));
    (void)router.handle(SourceChanged{ours}, at(0s));
    (void)router.handle(PriorityChanged{Priority{255}, {}}, at(0s));
    EXPECT_EQ(hear(higher, 200, 1s), nothing);
    EXPECT_EQ(router.handle(TimerExpired{}, at(100s)), nothing);
    EXPECT_EQ(router.state(), not_participating(Cause::NotStarted));
    EXPECT_EQ(router.deadline(), std::nullopt);
    EXPECT_EQ(discarded(DiscardReason::NotParticipating), 1U);
}

TEST_F(VirtualRouterTest, WhatKeepsItInInitializeIsNamed) {
    (void)router.handle(Startup{}, at(0s));
    EXPECT_EQ(router.state(), not_participating(Cause::InterfaceDown));
    (void)router.handle(InterfaceUp{}, at(0s));
    EXPECT_EQ(router.state(), not_participating(Cause::NoSourceAddress));
    (void)router.handle(SourceChanged{ours}, at(0s));
    EXPECT_EQ(router.state(), not_participating(Cause::NoVerdict));
    (void)router.handle(PriorityChanged{{}, "check nginx is down"}, at(0s));
    EXPECT_EQ(router.state(), not_participating(Cause::Ineligible, "check nginx is down"));
    (void)router.handle(PriorityChanged{Priority{100}, {}}, at(7s));
    EXPECT_EQ(router.deadline(), at(10'609'375us));
}

TEST_F(VirtualRouterTest, PriorityZeroIsNoPriorityToTakePartWith) {
    start(0);
    EXPECT_EQ(router.state(), not_participating(Cause::Ineligible));
}

// ---- §6.4.2 Backup

// RFC 9568 §6.4.2 (325) "If the Active_Down_Timer fires": positive
TEST_F(VirtualRouterTest, BackupTakesOverWithTheAdvertisementFirst) {
    start();
    EXPECT_EQ(router.handle(TimerExpired{}, at(3'609'375us)),
              (Actions{SendAdvertisement{Priority{100}}, SetAddresses{Generation{1}, true}, took_over}));
    EXPECT_EQ(active().adver_timer, at(4'609'375us));
}

// RFC 9568 §6.4.2 (325): negative
TEST_F(VirtualRouterTest, BackupWaitsForItsTimer) {
    start();
    EXPECT_EQ(router.handle(TimerExpired{}, at(3'609'374us)), nothing);
    EXPECT_EQ(router.state_name(), StateName::Backup);
}

// RFC 9568 §6.4.2 (420) "Priority ... is 0, then Set the Active_Down_Timer to Skew_Time": positive
TEST_F(VirtualRouterTest, FarewellShortensTheWaitToTheSkewTime) {
    start();
    (void)hear(higher, 200, 1s);
    EXPECT_EQ(hear(higher, 0, 1500ms), nothing);
    EXPECT_EQ(router.deadline(), at(2'109'375us));  // 1.5 s + 0.609375 s
    EXPECT_EQ(router.counters().priority_zero_received, 1U);
}

// RFC 9568 §6.4.2 (430) "Priority in the ADVERTISEMENT is greater than or equal to the local Priority": positive
TEST_F(VirtualRouterTest, BackupListensToAnEqualOrHigherPriority) {
    start();
    (void)hear(lower, 100, 2s);
    EXPECT_EQ(router.deadline(), at(5'609'375us));
    EXPECT_EQ(backup().active_router, lower) << "the address does not matter in Backup";
    (void)hear(higher, 101, 3s);
    EXPECT_EQ(router.deadline(), at(6'609'375us));
}

// RFC 9568 §6.4.2 (445) "Else ... Discard the ADVERTISEMENT": negative
TEST_F(VirtualRouterTest, BackupThatPreemptsDoesNotListenToALowerPriority) {
    start();
    (void)hear(higher, 99, 2s);
    EXPECT_EQ(router.deadline(), at(3'609'375us));
}

// RFC 9568 §6.4.2 (430) "If Preempt_Mode is False": positive
TEST_F(VirtualRouterTest, WithoutPreemptionBackupListensToAnyPriority) {
    Config config = config_with(Version::V3);
    config.preempt = false;
    router = VirtualRouter{identity, config};
    start();
    (void)hear(lower, 1, 2s);
    EXPECT_EQ(router.deadline(), at(5'609'375us));
}

// RFC 9568 §6.4.2 (435) "Set Active_Adver_Interval to Max Advertise Interval contained in the ADVERTISEMENT": positive
TEST_F(VirtualRouterTest, BackupLearnsTheIntervalOfTheActiveRouter) {
    start();
    (void)hear(higher, 200, 1s, Centiseconds{20});
    // 0.2 s: Skew_Time 0.121875 s, Active_Down_Interval 0.721875 s.
    EXPECT_EQ(router.deadline(), at(1'721'875us));
    (void)hear(higher, 0, 1200ms, Centiseconds{100});
    EXPECT_EQ(router.deadline(), at(1'321'875us)) << "a farewell teaches no interval";
}

// RFC 9568 §6.1 Skew_Time, a higher priority waits less: positive
TEST_F(VirtualRouterTest, TheHigherPriorityTakesOverFirst) {
    start(150);
    EXPECT_EQ(router.deadline(), at(3'414'062'500ns));  // Skew_Time 106/256 s
}

// RFC 9568 §6.1 Skew_Time, a lower priority does not come first, nor does any wait four intervals: negative
TEST_F(VirtualRouterTest, TheLowestPriorityTakesOverLast) {
    start(1);
    EXPECT_EQ(router.deadline(), at(3'996'093'750ns));  // Skew_Time 255/256 s
}

// RFC 9568 §6.4.2 (345) "If a Shutdown event is received": positive
TEST_F(VirtualRouterTest, BackupShutsDownInSilence) {
    start();
    EXPECT_EQ(router.handle(Shutdown{}, at(1s)), (Actions{to_initialize(StateName::Backup, Cause::ShutDown)}));
    EXPECT_EQ(router.deadline(), std::nullopt);
}

TEST_F(VirtualRouterTest, AChangedPriorityMovesTheRunningTimerByTheDifferenceInSkew) {
    start();
    (void)hear(higher, 200, 1s);
    EXPECT_EQ(router.handle(PriorityChanged{Priority{150}, {}}, at(2s)), nothing);
    EXPECT_EQ(router.deadline(), at(4'414'062'500ns));  // 1 s + 3 s + 106/256 s
    (void)router.handle(PriorityChanged{Priority{100}, {}}, at(3s));
    EXPECT_EQ(router.deadline(), at(4'609'375us));
}

TEST_F(VirtualRouterTest, APriorityThatLetsTheTimerHaveExpiredTakesOverNow) {
    start(1);  // Skew_Time 255/256 s: until 3.99609375 s.
    // Skew_Time 2/256 s: until 3.0078125 s, 0.8921875 s ago.
    EXPECT_EQ(router.handle(PriorityChanged{Priority{254}, {}}, at(3900ms)), nothing);
    EXPECT_EQ(router.deadline(), at(3900ms));
    EXPECT_EQ(router.handle(TimerExpired{}, at(3900ms)).back(), Action{took_over});
    EXPECT_EQ(router.counters().late_wakeups, 0U);
}

TEST_F(VirtualRouterTest, APriorityThatComesAfterALateWakeupDoesNotHideIt) {
    start(1);
    (void)router.handle(PriorityChanged{Priority{254}, {}}, at(6s));
    EXPECT_EQ(router.handle(TimerExpired{}, at(6s)), nothing);
    EXPECT_EQ(router.counters().late_wakeups, 1U);
    EXPECT_EQ(router.deadline(), at(7s));
}

// ---- preempt_delay

class PreemptDelayTest : public VirtualRouterTest {
protected:
    PreemptDelayTest() {
        Config config = config_with(Version::V3);
        config.preempt_delay = 10s;
        router = VirtualRouter{identity, config};
    }
};

TEST_F(PreemptDelayTest, ALesserActiveIsLeftAloneUntilTheDelayIsOver) {
    start();
    (void)hear(lower, 50, 1s);
    EXPECT_EQ(router.deadline(), at(4'609'375us));
    (void)hear(lower, 50, 10'900ms);
    EXPECT_EQ(router.deadline(), at(14'509'375us));
    (void)hear(lower, 50, 11s);
    EXPECT_EQ(router.deadline(), at(14'509'375us)) << "no longer listened to";
}

TEST_F(PreemptDelayTest, ABetterActiveEndsTheDelay) {
    start();
    (void)hear(lower, 50, 1s);
    (void)hear(higher, 200, 5s);
    (void)hear(lower, 50, 12s);
    EXPECT_EQ(router.deadline(), at(15'609'375us)) << "the delay begins again with the next lesser Active";
}

TEST_F(PreemptDelayTest, DoesNotDelayATakeoverFromNobody) {
    start();
    EXPECT_EQ(router.deadline(), at(3'609'375us));
}

// ---- Late wake-ups (a late expiry is evidence about us)

TEST_F(VirtualRouterTest, AnExpirySeenTooLateIsRearmedOnceForOneInterval) {
    start();
    // Tolerated: a quarter of 1 s.
    EXPECT_EQ(router.handle(TimerExpired{}, at(3'859'376us)), nothing);
    EXPECT_EQ(router.deadline(), at(4'859'376us));
    EXPECT_EQ(router.counters().late_wakeups, 1U);
    EXPECT_EQ(router.handle(TimerExpired{}, at(9s)).back(), Action{took_over}) << "once";
}

TEST_F(VirtualRouterTest, AnExpirySeenALittleLateCounts) {
    start();
    EXPECT_EQ(router.handle(TimerExpired{}, at(3'859'375us)).back(), Action{took_over});
    EXPECT_EQ(router.counters().late_wakeups, 0U);
}

TEST_F(VirtualRouterTest, ShortIntervalsTolerateFiveMilliseconds) {
    start();
    (void)hear(higher, 200, 1s, Centiseconds{1});  // Skew_Time 6.09375 ms, Active_Down_Interval 36.09375 ms
    EXPECT_EQ(router.handle(TimerExpired{}, at(1'041'093'751ns)), nothing);
    EXPECT_EQ(router.counters().late_wakeups, 1U);
    EXPECT_EQ(router.deadline(), at(1'051'093'751ns));
}

TEST_F(VirtualRouterTest, AnAdvertisementForgivesTheLateWakeup) {
    start();
    (void)router.handle(TimerExpired{}, at(5s));
    (void)hear(higher, 200, 5500ms);
    EXPECT_FALSE(backup().rearmed_after_late_wakeup);
    EXPECT_EQ(router.handle(TimerExpired{}, at(20s)), nothing);
    EXPECT_EQ(router.counters().late_wakeups, 2U);
}

// ---- §6.4.3 Active

// RFC 9568 §6.4.3 (650) "If the Adver_Timer fires": positive
TEST_F(VirtualRouterTest, ActiveAdvertisesEveryIntervalWithoutDrift) {
    become_confirmed_active();
    EXPECT_EQ(router.handle(TimerExpired{}, at(4'700ms)), (Actions{SendAdvertisement{Priority{100}}}));
    EXPECT_EQ(active().adver_timer, at(5'609'375us)) << "from the deadline, not from the wake-up";
}

TEST_F(VirtualRouterTest, ActiveThatSleptDoesNotCatchUp) {
    become_confirmed_active();
    EXPECT_EQ(router.handle(TimerExpired{}, at(8s)), (Actions{SendAdvertisement{Priority{100}}}));
    EXPECT_EQ(active().adver_timer, at(9s));
}

// RFC 9568 §6.4.3 (650): negative
TEST_F(VirtualRouterTest, ActiveWaitsForItsTimer) {
    become_confirmed_active();
    EXPECT_EQ(router.handle(TimerExpired{}, at(4'609'374us)), nothing);
    EXPECT_EQ(router.deadline(), at(4'609'375us));
}

// RFC 9568 §6.4.3 (635) "If a Shutdown event is received ... Send an ADVERTISEMENT with Priority = 0": positive
TEST_F(VirtualRouterTest, LeavingIsAnnouncedBeforeTheAddressesGo) {
    become_confirmed_active();
    EXPECT_EQ(router.handle(Shutdown{}, at(4s)),
              (Actions{SendAdvertisement{Priority{0}}, SetAddresses{Generation{2}, false},
                       to_initialize(StateName::Active, Cause::ShutDown)}));
    EXPECT_EQ(router.counters().priority_zero_sent, 1U);
}

// RFC 9568 §6.4.3 (705) "Priority ... is 0, then Send an ADVERTISEMENT, Reset the Adver_Timer": positive
TEST_F(VirtualRouterTest, ActiveAnswersAFarewell) {
    become_confirmed_active();
    EXPECT_EQ(hear(higher, 0, 4s), (Actions{SendAdvertisement{Priority{100}}}));
    EXPECT_EQ(active().adver_timer, at(5s));
}

// RFC 9568 §6.4.3 (725) "Priority in the ADVERTISEMENT is greater than the local Priority": positive
TEST_F(VirtualRouterTest, ActiveYieldsToAHigherPriorityAndDropsTheAddressesAtOnce) {
    become_confirmed_active();
    EXPECT_EQ(hear(lower, 101, 4s),
              (Actions{SetAddresses{Generation{2}, false}, yielded(Cause::HigherPriority, "10.0.0.4")}));
    EXPECT_EQ(router.deadline(), at(7'609'375us));
    EXPECT_EQ(backup().active_router, lower);
}

// RFC 9568 §6.4.3 (725) "equal to the local Priority and the primary IPvX address of the sender is greater": positive
TEST_F(VirtualRouterTest, ActiveYieldsToAHigherAddressOnEqualPriority) {
    become_confirmed_active();
    EXPECT_EQ(hear(higher, 100, 4s),
              (Actions{SetAddresses{Generation{2}, false}, yielded(Cause::HigherAddress, "10.0.0.6")}));
}

// RFC 9568 §6.4.3 (725) "greater than the local Priority", and the address decides between equals alone: negative
TEST_F(VirtualRouterTest, ActiveYieldsToNoHigherAddressOfALowerPriority) {
    become_confirmed_active();
    EXPECT_EQ(hear(higher, 99, 4s).front(), Action{SendAdvertisement{Priority{100}}});
    EXPECT_EQ(router.state_name(), StateName::Active);
}

// RFC 9568 §6.4.3 (725) "equal ... and the primary IPvX address of the sender is greater": negative
TEST_F(VirtualRouterTest, ActiveYieldsToNoLowerAddressOnEqualPriority) {
    become_confirmed_active();
    EXPECT_EQ(hear(lower, 100, 4s).front(), Action{SendAdvertisement{Priority{100}}});
    EXPECT_EQ(router.state_name(), StateName::Active);
}

// RFC 9568 §6.4.3 (740), yielding takes over the winner's interval: positive
TEST_F(VirtualRouterTest, ActiveThatYieldsLearnsTheInterval) {
    become_confirmed_active();
    (void)hear(higher, 200, 4s, Centiseconds{20});
    EXPECT_EQ(router.deadline(), at(4'721'875us));
}

// RFC 9568 §6.4.3 (765) "Send an ADVERTISEMENT immediately to assert the Active state": positive
TEST_F(VirtualRouterTest, ActiveAnswersALosingAdvertisementAtOnce) {
    become_confirmed_active();
    (void)router.handle(TimerExpired{}, at(8'609'375us));  // The delayed burst is over.
    EXPECT_EQ(hear(lower, 100, 9s), (Actions{SendAdvertisement{Priority{100}}, SendGratuitousArp{}}));
    EXPECT_EQ(router.counters().losing_advertisements, 1U);
    EXPECT_EQ(router.state_name(), StateName::Active);
}

TEST_F(VirtualRouterTest, AContestCausesOneRoundOfGratuitousArpUntilTheDelayedBurst) {
    become_confirmed_active();
    (void)router.handle(TimerExpired{}, at(8'609'375us));
    (void)hear(lower, 99, 9s);
    EXPECT_EQ(hear(lower, 99, 9100ms), (Actions{SendAdvertisement{Priority{100}}}));
    EXPECT_EQ(active().garp_timer, at(14s));
}

TEST_F(VirtualRouterTest, WithoutAddressesThereIsNothingToReannounce) {
    become_active();
    EXPECT_EQ(hear(lower, 99, 4s), (Actions{SendAdvertisement{Priority{100}}}));
}

// RFC 9568 §7.1, our own packet is nobody else's: negative
TEST_F(VirtualRouterTest, OwnAdvertisementsAreIgnored) {
    become_confirmed_active();
    EXPECT_EQ(hear(ours, 100, 4s), nothing);
    EXPECT_EQ(hear(ours, 0, 4s), nothing);
    EXPECT_EQ(discarded(DiscardReason::OwnAdvertisement), 2U);
}

// RFC 9568 §7.1 "the local router is not the IPvX address owner": positive
TEST_F(VirtualRouterTest, TheAddressOwnerYieldsToNobody) {
    start(255);
    EXPECT_EQ(hear(higher, 255, 1s), nothing);
    EXPECT_EQ(router.state_name(), StateName::Active);
    EXPECT_EQ(discarded(DiscardReason::LocalIsAddressOwner), 1U);
}

TEST_F(VirtualRouterTest, AChangedPriorityIsAdvertisedAtOnce) {
    become_confirmed_active();
    EXPECT_EQ(router.handle(PriorityChanged{Priority{80}, {}}, at(4s)), (Actions{SendAdvertisement{Priority{80}}}));
    EXPECT_EQ(active().adver_timer, at(5s));
    EXPECT_EQ(router.handle(PriorityChanged{Priority{80}, {}}, at(4s)), nothing);
}

// ---- Addresses and gratuitous ARP

TEST_F(VirtualRouterTest, GratuitousArpWaitsForTheKernelAndIsRepeatedAfterTheDelay) {
    become_active();
    EXPECT_EQ(router.handle(AddressesApplied{Generation{1}, {}}, at(3700ms)),
              (Actions{SendGratuitousArp{}, SendGratuitousArp{}}));
    EXPECT_EQ(active().apply_timer, std::nullopt);
    EXPECT_EQ(active().garp_timer, at(8700ms));
    for (int i = 0; i < 4; ++i) (void)router.handle(TimerExpired{}, *router.deadline());  // Advertisements at .609375.
    EXPECT_EQ(router.deadline(), at(8'609'375us));
    (void)router.handle(TimerExpired{}, at(8'609'375us));
    EXPECT_EQ(router.handle(TimerExpired{}, at(8700ms)), (Actions{SendGratuitousArp{}, SendGratuitousArp{}}));
    EXPECT_EQ(active().garp_timer, std::nullopt);
}

TEST_F(VirtualRouterTest, AnAnswerToAnOlderWishIsIgnored) {
    become_active();              // generation 1: present
    (void)hear(higher, 200, 4s);  // generation 2: absent
    (void)hear(higher, 0, 4100ms);
    (void)router.handle(TimerExpired{}, at(4'709'375us));  // generation 3: present
    ASSERT_EQ(router.state_name(), StateName::Active);
    EXPECT_EQ(router.handle(AddressesApplied{Generation{1}, {}}, at(4800ms)), nothing);
    EXPECT_EQ(router.handle(AddressesApplied{Generation{2}, "no such address"}, at(4800ms)), nothing);
    EXPECT_EQ(router.counters().apply_errors, 0U);
    EXPECT_EQ(router.handle(AddressesApplied{Generation{3}, {}}, at(4800ms)).size(), 2U);
}

TEST_F(VirtualRouterTest, AddressesNotConfirmedInTimeMeanFault) {
    become_active();
    (void)router.handle(TimerExpired{}, at(4'609'375us));
    EXPECT_EQ(router.deadline(), at(5'609'375us));  // apply_timeout 2 s
    EXPECT_EQ(router.handle(TimerExpired{}, at(5'609'375us)),
              (Actions{SendAdvertisement{Priority{0}}, SetAddresses{Generation{2}, false},
                       to_initialize(StateName::Active, Cause::ApplyTimeout)}));
    EXPECT_EQ(router.handle(AddressesApplied{Generation{1}, {}}, at(6s)), nothing) << "too late";
    EXPECT_EQ(router.counters().apply_timeouts, 1U);
}

TEST_F(VirtualRouterTest, AddressesThatTheKernelRefusesMeanFaultUntilRetry) {
    become_active();
    EXPECT_EQ(router.handle(AddressesApplied{Generation{1}, "RTM_NEWADDR: permission denied"}, at(4s)),
              (Actions{SendAdvertisement{Priority{0}}, SetAddresses{Generation{2}, false},
                       to_initialize(StateName::Active, Cause::ApplyFailed, "RTM_NEWADDR: permission denied")}));
    EXPECT_EQ(router.handle(PriorityChanged{Priority{100}, {}}, at(5s)), nothing);
    EXPECT_EQ(router.state_name(), StateName::Initialize);
    (void)router.handle(Retry{}, at(6s));
    EXPECT_EQ(router.deadline(), at(9'609'375us));
}

TEST_F(VirtualRouterTest, RepairedAddressesAreAnnouncedAgain) {
    become_confirmed_active();
    EXPECT_EQ(router.handle(AddressesApplied{Generation{1}, {}}, at(60s)).size(), 2U);
}

TEST_F(VirtualRouterTest, ARemovalThatFailsKeepsNobodyFromBeingBackup) {
    become_confirmed_active();
    (void)hear(higher, 200, 4s);
    EXPECT_EQ(router.handle(AddressesApplied{Generation{2}, "busy"}, at(4s)), nothing);
    EXPECT_EQ(router.state_name(), StateName::Backup);
    EXPECT_EQ(router.counters().apply_errors, 1U);
}

TEST_F(VirtualRouterTest, NoSecondBurstWithoutADelay) {
    Config config = config_with(Version::V3);
    config.garp_delay = 0s;
    router = VirtualRouter{identity, config};
    become_confirmed_active();
    EXPECT_EQ(active().garp_timer, std::nullopt);
}

// ---- Eligibility, leases, faults

TEST_F(VirtualRouterTest, AnIneligibleActiveSaysGoodbyeFirst) {
    become_confirmed_active();
    EXPECT_EQ(router.handle(PriorityChanged{{}, "check nginx is down"}, at(4s)),
              (Actions{SendAdvertisement{Priority{0}}, SetAddresses{Generation{2}, false},
                       to_initialize(StateName::Active, Cause::Ineligible, "check nginx is down")}));
}

TEST_F(VirtualRouterTest, AnIneligibleBackupTakesNoPart) {
    start();
    EXPECT_EQ(router.handle(PriorityChanged{{}, "drained"}, at(1s)),
              (Actions{to_initialize(StateName::Backup, Cause::Ineligible, "drained")}));
    EXPECT_EQ(router.handle(TimerExpired{}, at(60s)), nothing);
}

TEST_F(VirtualRouterTest, ALeaseThatRunsOutGivesTheVirtualRouterUp) {
    become_confirmed_active();
    EXPECT_EQ(router.handle(Lease{Priority{100}, {}, at(4500ms)}, at(4s)), nothing);
    EXPECT_EQ(router.deadline(), at(4500ms));
    EXPECT_EQ(router.handle(TimerExpired{}, at(4500ms)),
              (Actions{SendAdvertisement{Priority{0}}, SetAddresses{Generation{2}, false},
                       to_initialize(StateName::Active, Cause::VerdictsStalled)}));
    EXPECT_EQ(router.deadline(), std::nullopt);
    (void)router.handle(Lease{Priority{100}, {}, at(8s)}, at(5s));
    EXPECT_EQ(router.state_name(), StateName::Backup);
}

TEST_F(VirtualRouterTest, ALeaseThatIsRenewedInTimeChangesNothing) {
    become_confirmed_active();
    (void)router.handle(Lease{Priority{100}, {}, at(4500ms)}, at(4s));
    EXPECT_EQ(router.handle(Lease{Priority{100}, {}, at(7s)}, at(4400ms)), nothing);
    EXPECT_EQ(router.handle(TimerExpired{}, at(4500ms)), nothing);
    EXPECT_EQ(router.state_name(), StateName::Active);
}

TEST_F(VirtualRouterTest, APacketThatIsHandledBeforeAFreshLeaseEndsNothing) {
    become_confirmed_active();
    (void)router.handle(Lease{Priority{100}, {}, at(5s)}, at(4s));
    // A stall of ours until 7 s; the lease of 6 s waits in the mail.
    EXPECT_EQ(hear(lower, 0, 7s), (Actions{SendAdvertisement{Priority{100}}}));
    EXPECT_EQ(router.handle(Lease{Priority{100}, {}, at(9s)}, at(7s)), nothing);
    (void)router.handle(TimerExpired{}, at(7s));
    EXPECT_EQ(router.state_name(), StateName::Active);
}

TEST_F(VirtualRouterTest, OnlyTheTimerEndsTheRoleOfALeaseThatIsOver) {
    become_confirmed_active();
    (void)router.handle(Lease{Priority{100}, {}, at(5s)}, at(4s));
    (void)hear(lower, 0, 7s);
    EXPECT_EQ(router.state_name(), StateName::Active);
    EXPECT_EQ(router.deadline(), at(5s)) << "overdue, not forgotten";
    EXPECT_EQ(router.handle(TimerExpired{}, at(7s)),
              (Actions{SendAdvertisement{Priority{0}}, SetAddresses{Generation{2}, false},
                       to_initialize(StateName::Active, Cause::VerdictsStalled)}));
    (void)hear(lower, 0, 8s);
    EXPECT_EQ(router.state(), not_participating(Cause::VerdictsStalled));
}

TEST_F(VirtualRouterTest, TheAddressOwnerDoesNotStartOnAnExpiredLease) {
    (void)router.handle(Lease{Priority{255}, {}, at(1s)}, at(0s));
    (void)router.handle(SourceChanged{ours}, at(0s));
    (void)router.handle(Startup{}, at(0s));
    EXPECT_EQ(router.handle(InterfaceUp{}, at(1s)), nothing);
    EXPECT_EQ(router.state(), not_participating(Cause::VerdictsStalled));
}

TEST_F(VirtualRouterTest, NobodyBecomesActiveOnAnExpiredLease) {
    start();
    (void)router.handle(Lease{Priority{100}, {}, at(3'609'375us)}, at(1s));
    EXPECT_EQ(router.handle(TimerExpired{}, at(3'609'375us)),
              (Actions{to_initialize(StateName::Backup, Cause::VerdictsStalled)}));
}

TEST_F(VirtualRouterTest, ALeaseCarriesThePriorityAndTheReason) {
    become_confirmed_active();
    EXPECT_EQ(router.handle(Lease{Priority{80}, {}, at(60s)}, at(4s)), (Actions{SendAdvertisement{Priority{80}}}));
    EXPECT_EQ(router.handle(Lease{{}, "no real server", at(60s)}, at(5s)).back(),
              (Action{to_initialize(StateName::Active, Cause::Ineligible, "no real server")}));
}

TEST_F(VirtualRouterTest, AnInterfaceThatFailsAndReturnsMeansBackupForAWholeInterval) {
    become_confirmed_active();
    EXPECT_EQ(router.handle(InterfaceDown{}, at(4s)),
              (Actions{SendAdvertisement{Priority{0}}, SetAddresses{Generation{2}, false},
                       to_initialize(StateName::Active, Cause::InterfaceDown)}));
    (void)router.handle(InterfaceUp{}, at(10s));
    EXPECT_EQ(router.deadline(), at(13'609'375us));
}

TEST_F(VirtualRouterTest, WithoutASourceAddressThereIsNoAdvertising) {
    become_confirmed_active();
    EXPECT_EQ(router.handle(SourceChanged{std::nullopt}, at(4s)).back(),
              (Action{to_initialize(StateName::Active, Cause::NoSourceAddress)}));
}

TEST_F(VirtualRouterTest, AChangedSourceBreaksTheNextTie) {
    become_confirmed_active();
    EXPECT_EQ(router.handle(SourceChanged{ip("10.0.0.7")}, at(4s)), nothing);
    (void)hear(higher, 100, 5s);
    EXPECT_EQ(router.state_name(), StateName::Active) << "10.0.0.6 is no longer the higher one";
}

TEST_F(VirtualRouterTest, AfterAShutdownItCanBeStartedAgain) {
    become_confirmed_active();
    (void)router.handle(Shutdown{}, at(4s));
    (void)router.handle(Startup{}, at(5s));
    EXPECT_EQ(router.deadline(), at(8'609'375us));
}

// ---- Configuration

TEST_F(VirtualRouterTest, ChangedAddressesAreAppliedAndAnnouncedWithoutLeavingActive) {
    become_confirmed_active();
    Config config = config_with(Version::V3);
    config.addresses.push_back(ip("10.0.0.101"));
    EXPECT_EQ(router.handle(ConfigChanged{config, true}, at(4s)),
              (Actions{SendAdvertisement{Priority{100}}, SetAddresses{Generation{2}, true}}));
    EXPECT_EQ(active().apply_timer, at(6s));
    EXPECT_EQ(router.handle(AddressesApplied{Generation{2}, {}}, at(4100ms)).size(), 2U);
}

// Product rule 1: whatever is wanted is to be confirmed within apply_timeout, also by an Active of long standing.
TEST_F(VirtualRouterTest, ChangedAddressesThatAreNotConfirmedInTimeMeanFault) {
    become_confirmed_active();
    (void)router.handle(ConfigChanged{config_with(Version::V3), true}, at(4s));
    (void)router.handle(TimerExpired{}, at(5s));
    EXPECT_EQ(router.handle(AddressesApplied{Generation{1}, {}}, at(5500ms)), nothing) << "the answer to the old wish";
    EXPECT_EQ(router.handle(TimerExpired{}, at(6s)),
              (Actions{SendAdvertisement{Priority{0}}, SetAddresses{Generation{3}, false},
                       to_initialize(StateName::Active, Cause::ApplyTimeout)}));
}

TEST_F(VirtualRouterTest, AChangedIntervalIsAdvertisedAtOnceAndKeepsTheAddresses) {
    become_confirmed_active();
    Config config = config_with(Version::V3);
    config.advertise_interval = 200ms;
    EXPECT_EQ(router.handle(ConfigChanged{config}, at(4s)), (Actions{SendAdvertisement{Priority{100}}}));
    EXPECT_EQ(active().adver_timer, at(4200ms));
    EXPECT_EQ(router.advertisement(Priority{100}).max_advertise_interval, Centiseconds{20});
}

TEST_F(VirtualRouterTest, ABackupOfVersion3KeepsTheLearnedInterval) {
    start();
    (void)hear(higher, 200, 1s);
    Config config = config_with(Version::V3);
    config.advertise_interval = 200ms;
    EXPECT_EQ(router.handle(ConfigChanged{config}, at(2s)), nothing);
    EXPECT_EQ(router.deadline(), at(4'609'375us));
}

// ---- The checksum to send

TEST_F(VirtualRouterTest, AutomaticChecksumBeginsWithThePseudoHeaderAndFollowsWhatItHears) {
    start();
    EXPECT_EQ(router.coverage(), ChecksumCoverage::WithPseudoHeader);
    AdvertisementReceived cisco{higher, router.advertisement(Priority{200}), ChecksumCoverage::MessageOnly};
    (void)router.handle(cisco, at(1s));
    EXPECT_EQ(router.coverage(), ChecksumCoverage::MessageOnly);
    (void)hear(higher, 200, 2s);
    EXPECT_EQ(router.coverage(), ChecksumCoverage::WithPseudoHeader);
}

TEST_F(VirtualRouterTest, AConfiguredChecksumFollowsNobody) {
    Config config = config_with(Version::V3);
    config.checksum = ChecksumChoice::MessageOnly;
    router = VirtualRouter{identity, config};
    start();
    (void)hear(higher, 200, 1s);
    EXPECT_EQ(router.coverage(), ChecksumCoverage::MessageOnly);
}

// ---- Version 2

// RFC 3768 §6.1 Skew_Time is (256 - Priority) / 256 seconds, whatever the interval is: positive
TEST_F(VirtualRouterVersion2Test, SkewTimeDoesNotScaleWithTheInterval) {
    Config config = config_with(Version::V2);
    config.advertise_interval = 2s;
    router = VirtualRouter{identity, config};
    start();
    EXPECT_EQ(router.deadline(), at(6'609'375us));
}

// RFC 9568 §6.1 Skew_Time scales, the pair of the former: positive
TEST_F(VirtualRouterTest, SkewTimeScalesWithTheInterval) {
    Config config = config_with(Version::V3);
    config.advertise_interval = 2s;
    router = VirtualRouter{identity, config};
    start();
    EXPECT_EQ(router.deadline(), at(7'218'750us));  // 6 s + 156/256 * 2 s
}

// RFC 3768 §6.1 Advertisement_Interval is in seconds, of which there is no fraction: negative
TEST_F(VirtualRouterVersion2Test, NoIntervalIsShorterThanASecond) {
    Config config = config_with(Version::V2);
    config.advertise_interval = 200ms;
    router = VirtualRouter{identity, config};
    start();
    EXPECT_EQ(router.deadline(), at(3'609'375us));
    EXPECT_EQ(router.advertisement(Priority{100}).max_advertise_interval, Centiseconds{100});
}

// RFC 3768 §6.4.2 "If the Priority ... is Zero, then Set the Master_Down_Timer to Skew_Time": positive
TEST_F(VirtualRouterVersion2Test, AFarewellShortensTheWaitToTheSkewTime) {
    start();
    (void)hear(higher, 200, 1s);
    (void)hear(higher, 0, 1500ms);
    EXPECT_EQ(router.deadline(), at(2'109'375us));  // 1.5 s + 156/256 s
}

// RFC 3768 §6.4.2, the interval is everybody's own: negative
TEST_F(VirtualRouterVersion2Test, NoIntervalIsLearned) {
    start();
    (void)hear(higher, 200, 1s, Centiseconds{500});
    EXPECT_EQ(router.deadline(), at(4'609'375us));
}

// RFC 3768 §6.4.3 "Priority ... is greater than the local Priority ... Transition to the {Backup} state": positive
TEST_F(VirtualRouterVersion2Test, ActiveYieldsToAHigherPriorityForOneMasterDownInterval) {
    become_confirmed_active();
    EXPECT_EQ(hear(lower, 101, 4s),
              (Actions{SetAddresses{Generation{2}, false}, yielded(Cause::HigherPriority, "10.0.0.4")}));
    EXPECT_EQ(router.deadline(), at(7'609'375us));  // 4 s + 3 s + 156/256 s
}

// RFC 3768 §6.4.3 "Priority ... is Zero, then Send an ADVERTISEMENT": positive
TEST_F(VirtualRouterVersion2Test, ActiveAnswersAFarewell) {
    become_confirmed_active();
    EXPECT_EQ(hear(higher, 0, 4s), (Actions{SendAdvertisement{Priority{100}}}));
    EXPECT_EQ(active().adver_timer, at(5s));
}

// RFC 3768 §6.4.3 "Discard ADVERTISEMENT": negative
TEST_F(VirtualRouterVersion2Test, ALosingAdvertisementIsNotAnswered) {
    become_confirmed_active();
    EXPECT_EQ(hear(lower, 99, 4s), nothing);
    EXPECT_EQ(router.counters().losing_advertisements, 1U);
}

TEST_F(VirtualRouterVersion2Test, AChangedIntervalRestartsTheTimer) {
    start();
    Config config = config_with(Version::V2);
    config.advertise_interval = 2s;
    (void)router.handle(ConfigChanged{config}, at(1s));
    EXPECT_EQ(router.deadline(), at(7'609'375us));
}

TEST_F(VirtualRouterVersion2Test, TheDecoderExpectsOurInterval) {
    Config config = config_with(Version::V2);
    config.advertise_interval = 2s;
    const auto wanted = expected(identity, config);
    EXPECT_EQ(wanted.version, Version::V2);
    EXPECT_EQ(wanted.advertise_interval, Centiseconds{200});
    EXPECT_EQ(wanted.virtual_router_id, VirtualRouterId{51});
}

// ---- The text form

TEST_F(VirtualRouterTest, ActionsAndStatesDescribeThemselves) {
    become_active();
    EXPECT_EQ(anyvip::describe(Action{took_over}),
              "StateChanged from=Backup to=Active reason=\"Active_Down_Timer expired\"");
    EXPECT_EQ(anyvip::describe(Action{SetAddresses{Generation{1}, true}}), "SetAddresses generation=1 present");
    EXPECT_EQ(anyvip::describe(router.state()),
              "Active adver_timer=1004609375us advertised=100 apply_timer=1005609375us");
    EXPECT_EQ(anyvip::describe(Event{Lease{{}, "drained", at(1s)}}),
              "Lease ineligible reason=\"drained\" expires_at=1001000000us");
}

TEST_F(VirtualRouterTest, RefusedPacketsAreCountedByReason) {
    start();
    (void)router.handle(AdvertisementDiscarded{DiscardReason::BadChecksum}, at(1s));
    EXPECT_EQ(discarded(DiscardReason::BadChecksum), 1U);
}

}  // namespace
}  // namespace anyvip::vrrp
