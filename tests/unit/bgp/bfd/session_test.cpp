#include "bgp/bfd/session.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "anyvip/describe.hpp"
#include "support/print.hpp"

ANYVIP_PRINT(anyvip::bfd)

namespace anyvip::bfd {
namespace {

using namespace std::chrono_literals;

constexpr Discriminator ours{0xa1b2c3d4};
constexpr Discriminator theirs{7};

TimePoint at(Duration since_start) {
    return TimePoint{} + 1000s + since_start;
}

std::vector<ControlPacket> sent(const Actions& actions) {
    std::vector<ControlPacket> packets;
    for (const auto& action : actions) {
        if (const auto* send = std::get_if<SendControlPacket>(&action)) packets.push_back(send->packet);
    }
    return packets;
}

std::vector<StateChanged> changes(const Actions& actions) {
    std::vector<StateChanged> found;
    for (const auto& action : actions) {
        if (const auto* change = std::get_if<StateChanged>(&action)) found.push_back(*change);
    }
    return found;
}

/// 300 ms x 3 on both sides unless a test says otherwise; with a lease until 1000 s.
class SessionTest : public ::testing::Test {
protected:
    void start(const Config& config = {}) {
        session = Session{ours, config, random};
        (void)session.handle(Lease{at(1000s)}, at(0s));
        started = session.handle(AdminUp{}, at(0s));
    }
    [[nodiscard]] ControlPacket from_peer(SessionState state) const {
        return {.state = state,
                .my_discriminator = theirs,
                .your_discriminator = state == SessionState::Down ? Discriminator{0} : ours,
                .desired_min_tx_interval = peer_tx,
                .required_min_rx_interval = peer_rx};
    }
    Actions hear(SessionState state, Duration when) { return hear(from_peer(state), when); }
    Actions hear(const ControlPacket& packet, Duration when) {
        return session.handle(ControlPacketReceived{packet, 255}, at(when));
    }
    Actions expire(Duration when) { return session.handle(TimerExpired{}, at(when)); }

    /// Up at 20 ms, the Poll Sequence of that answered.
    void come_up(const Config& config = {}) {
        start(config);
        (void)hear(SessionState::Down, 10ms);
        came_up = hear(SessionState::Up, 20ms);
        ASSERT_EQ(session.state(), SessionState::Up);
        auto final = from_peer(SessionState::Up);
        final.final = true;
        (void)hear(final, 20ms);
        ASSERT_FALSE(session.status().polling);
    }
    /// Times between `count` + 1 periodic packets. The neighbour is heard before its Detection Time can end.
    std::vector<Duration> gaps(std::size_t count) {
        std::vector<Duration> found;
        std::optional<TimePoint> last;
        TimePoint now = at(20ms);
        while (found.size() < count) {
            now = std::min(*session.deadline(), now + 25ms);
            (void)session.handle(ControlPacketReceived{from_peer(session.state()), 255}, now);
            if (sent(session.handle(TimerExpired{}, now)).empty()) continue;
            if (last) found.push_back(now - *last);
            last = now;
        }
        return found;
    }
    std::uint64_t discarded(DiscardReason reason) const {
        return session.status().counters.discarded.at(static_cast<std::size_t>(reason));
    }

    Random random{7};
    Microseconds peer_tx{300000};
    Microseconds peer_rx{300000};
    Session session{ours, Config{}, random};
    Actions started;
    Actions came_up;
};

const Actions nothing;

// ---- The state machine, §6.2 and §6.8.6

// RFC 5880 §6.8.1 "bfd.SessionState MUST be initialized to Down"; §6.1, active role: positive
// RFC 5880 §6.1: negative; only the passive role waits.
TEST_F(SessionTest, TheActiveRoleSpeaksFirst) {
    start();
    EXPECT_EQ(started, (Actions{StateChanged{SessionState::AdminDown, SessionState::Down, Diagnostic::None},
                                SendControlPacket{{.state = SessionState::Down,
                                                   .detect_mult = 3,
                                                   .my_discriminator = ours,
                                                   .your_discriminator = Discriminator{0},
                                                   .desired_min_tx_interval = Microseconds{1000000},
                                                   .required_min_rx_interval = Microseconds{300000}}}}));
}

// RFC 5880 §6.1 "A system taking the Passive role MUST NOT begin sending BFD packets": positive
TEST_F(SessionTest, ThePassiveRoleWaitsForTheNeighbour) {
    start({.passive = true});
    EXPECT_TRUE(sent(started).empty());
    EXPECT_TRUE(sent(expire(10s)).empty());
    const auto answered = sent(hear(SessionState::Down, 20s));
    ASSERT_EQ(answered.size(), 1U);
    EXPECT_EQ(answered[0].state, SessionState::Init);
    EXPECT_EQ(answered[0].your_discriminator, theirs);
}

// RFC 5880 §6.8.6 "If received State is Down, set bfd.SessionState to Init": positive
TEST_F(SessionTest, DownHearsDownAndBecomesInit) {
    start();
    EXPECT_EQ(changes(hear(SessionState::Down, 10ms)),
              (std::vector{StateChanged{SessionState::Down, SessionState::Init, Diagnostic::None}}));
}

// RFC 5880 §6.8.6 "Else if received State is Init, set bfd.SessionState to Up": positive
// RFC 5880 §6.2: positive; Init says that the other end agrees.
TEST_F(SessionTest, DownHearsInitAndBecomesUp) {
    start();
    EXPECT_EQ(changes(hear(SessionState::Init, 10ms)),
              (std::vector{StateChanged{SessionState::Down, SessionState::Up, Diagnostic::None, SessionState::Init}}));
}

// RFC 5880 §6.2 "A session remains in Down state until the remote system indicates that it agrees": negative
TEST_F(SessionTest, DownDoesNotBelieveAnUp) {
    start();
    EXPECT_TRUE(changes(hear(SessionState::Up, 10ms)).empty());
    EXPECT_EQ(session.state(), SessionState::Down);
}

// RFC 5880 §6.8.6 "If received State is Init or Up, set bfd.SessionState to Up": positive
TEST_F(SessionTest, InitHearsInitOrUpAndBecomesUp) {
    for (const auto heard : {SessionState::Init, SessionState::Up}) {
        start();
        (void)hear(SessionState::Down, 10ms);
        (void)hear(heard, 20ms);
        EXPECT_EQ(session.state(), SessionState::Up);
    }
}

// RFC 5880 §6.8.6 (Init): negative
TEST_F(SessionTest, InitStaysInitWhileTheNeighbourIsDown) {
    start();
    (void)hear(SessionState::Down, 10ms);
    EXPECT_TRUE(changes(hear(SessionState::Down, 20ms)).empty());
    EXPECT_EQ(session.state(), SessionState::Init);
}

// RFC 5880 §6.8.6 "If received State is Down, set bfd.LocalDiag to 3 ... set bfd.SessionState to Down": positive
TEST_F(SessionTest, UpHearsDownAndGoesDown) {
    come_up();
    const auto actions = hear(SessionState::Down, 100ms);
    const StateChanged change{SessionState::Up, SessionState::Down, Diagnostic::NeighborSignaledSessionDown};
    EXPECT_EQ(changes(actions), std::vector{change});
    EXPECT_TRUE(is_failure(change));
    EXPECT_EQ(session.status().last_failure, Diagnostic::NeighborSignaledSessionDown);
}

// RFC 5880 §6.8.6 "If received State is Init or Up" in Up: negative
TEST_F(SessionTest, UpStaysUpWhenTheNeighbourIsInitOrUp) {
    come_up();
    EXPECT_TRUE(changes(hear(SessionState::Init, 100ms)).empty());
    EXPECT_TRUE(changes(hear(SessionState::Up, 200ms)).empty());
}

// RFC 5882 §3.2 "the session going AdminDown ... not an indication of a failure": positive
TEST_F(SessionTest, TheNeighboursAdminDownIsNoFailure) {
    come_up();
    const auto change = changes(hear(SessionState::AdminDown, 100ms));
    ASSERT_EQ(change, (std::vector{StateChanged{SessionState::Up, SessionState::Down,
                                                Diagnostic::NeighborSignaledSessionDown, SessionState::AdminDown}}));
    EXPECT_FALSE(is_failure(change[0]));
    EXPECT_EQ(session.status().last_failure, std::nullopt);
}

// RFC 5880 §6.8.6 "If received state is AdminDown: If bfd.SessionState is not Down": negative
TEST_F(SessionTest, AdminDownInDownChangesNothing) {
    start();
    EXPECT_TRUE(changes(hear(SessionState::AdminDown, 10ms)).empty());
}

// RFC 5882 §3.2: negative. A session that was never Up has not failed.
TEST_F(SessionTest, WhatWasNeverUpDoesNotFail) {
    start();
    (void)hear(SessionState::Down, 10ms);
    const auto change = changes(expire(910ms));
    ASSERT_EQ(change.size(), 1U);
    EXPECT_FALSE(is_failure(change[0]));
}

// ---- Discarded packets, §6.8.6 as far as it needs the session

// RFC 5881 §5 "all received ... packets ... MUST be discarded if ... TTL ... not equal to 255": negative
TEST_F(SessionTest, ASingleHopPacketWithTtl254IsDiscarded) {
    start();
    EXPECT_EQ(session.handle(ControlPacketReceived{from_peer(SessionState::Down), 254}, at(10ms)), nothing);
    EXPECT_EQ(session.state(), SessionState::Down);
    EXPECT_EQ(discarded(DiscardReason::TtlTooLow), 1U);
}

// RFC 5883 §5: positive. How far away a multihop neighbour may be is the operator's to say.
TEST_F(SessionTest, AMultihopPacketMayHaveTheTtlThatIsConfigured) {
    start({.minimum_ttl = 254});
    (void)session.handle(ControlPacketReceived{from_peer(SessionState::Down), 254}, at(10ms));
    EXPECT_EQ(session.state(), SessionState::Init);
    start({.minimum_ttl = 254});
    (void)session.handle(ControlPacketReceived{from_peer(SessionState::Down), 253}, at(10ms));
    EXPECT_EQ(session.state(), SessionState::Down);
}

// RFC 5880 §6.8.6 "If the A bit is set and no authentication is in use ... MUST be discarded": negative
TEST_F(SessionTest, AnAuthenticatedPacketIsDiscarded) {
    start();
    auto packet = from_peer(SessionState::Down);
    packet.authentication = AuthenticationSection{1, {1, 2, 3}};
    EXPECT_EQ(hear(packet, 10ms), nothing);
    EXPECT_EQ(discarded(DiscardReason::AuthenticationMismatch), 1U);
}

// RFC 5880 §6.8.6 "Your Discriminator ... If no session is found, the packet MUST be discarded": negative
// RFC 5880 §6.3: negative.
TEST_F(SessionTest, APacketForAnotherSessionIsDiscarded) {
    start();
    auto packet = from_peer(SessionState::Init);
    packet.your_discriminator = Discriminator{8};
    EXPECT_EQ(hear(packet, 10ms), nothing);
    EXPECT_EQ(discarded(DiscardReason::UnknownYourDiscriminator), 1U);
}

TEST_F(SessionTest, WhatTheDecoderRefusedIsCounted) {
    start();
    EXPECT_EQ(session.handle(ControlPacketDiscarded{DiscardReason::Multipoint}, at(10ms)), nothing);
    EXPECT_EQ(discarded(DiscardReason::Multipoint), 1U);
}

// ---- Transmission, §6.8.2, §6.8.3 and §6.8.7

// RFC 5880 §6.8.3 "When bfd.SessionState is not Up ... not less than one second": positive
TEST_F(SessionTest, UntilUpNothingIsSentFasterThanOnceASecondLessJitter) {
    start();
    std::vector<Duration> found;
    TimePoint last = at(0s);
    for (int i = 0; i < 50; ++i) {
        const TimePoint now = *session.deadline();
        EXPECT_EQ(sent(session.handle(TimerExpired{}, now)).size(), 1U);
        found.push_back(now - last);
        last = now;
    }
    EXPECT_GE(*std::ranges::min_element(found), 750ms);
    EXPECT_LE(*std::ranges::max_element(found), 1000ms);
}

// RFC 5880 §6.8.7 "jittered on a packet-by-packet basis by up to 25%": positive
TEST_F(SessionTest, UpTheIntervalIsJitteredByUpToAQuarter) {
    come_up();
    const auto found = gaps(200);
    EXPECT_GE(*std::ranges::min_element(found), 225ms);
    EXPECT_LE(*std::ranges::max_element(found), 300ms);
    // All of the range is used: 200 draws miss the lowest or the highest tenth of it once in a billion runs.
    EXPECT_LT(*std::ranges::min_element(found), 233ms);
    EXPECT_GT(*std::ranges::max_element(found), 292ms);
}

// RFC 5880 §6.8.7 "If bfd.DetectMult is equal to 1 ... no more than 90% ... no less than 75%": positive
TEST_F(SessionTest, WithAMultiplierOfOneTheIntervalIsShortenedByATenthAtLeast) {
    come_up({.detect_mult = 1});
    const auto found = gaps(200);
    EXPECT_GE(*std::ranges::min_element(found), 225ms);
    EXPECT_LE(*std::ranges::max_element(found), 270ms);
    EXPECT_GT(*std::ranges::max_element(found), 265ms);
}

// RFC 5880 §6.8.7 "the larger of bfd.DesiredMinTxInterval and bfd.RemoteMinRxInterval": positive
TEST_F(SessionTest, TheNeighboursRequirementSlowsUsDown) {
    peer_rx = Microseconds{2000000};
    come_up();
    const auto found = gaps(20);
    EXPECT_GE(*std::ranges::min_element(found), 1500ms);
    EXPECT_LE(*std::ranges::max_element(found), 2000ms);
}

// RFC 5880 §6.8.3 "cannot wait longer than the new interval between the previous packet transmission and the next":
// positive
TEST_F(SessionTest, AShorterRequirementIsHonouredAtOnce) {
    peer_rx = Microseconds{10000000};
    come_up();
    ASSERT_GT(*session.deadline(), at(900ms));  // The Detection Time: 900 ms after 20 ms.
    peer_rx = Microseconds{300000};
    // Some 680 ms after our last packet, which is more than 300 ms ago.
    EXPECT_EQ(sent(hear(SessionState::Up, 700ms)).size(), 1U);
}

// RFC 5880 §6.8.7 "MUST NOT periodically transmit ... if bfd.RemoteMinRxInterval is zero": negative
TEST_F(SessionTest, ANeighbourThatWantsNoPacketsGetsNoPeriodicOnes) {
    come_up();
    peer_rx = Microseconds{0};
    (void)hear(SessionState::Up, 100ms);
    EXPECT_EQ(session.deadline(), at(1000ms));  // Nothing but the Detection Time: 100 ms + 900 ms.
    peer_rx = Microseconds{300000};
    (void)hear(SessionState::Up, 200ms);
    EXPECT_LE(*session.deadline(), at(500ms));
}

// RFC 5880 §6.8.6 "If bfd.RemoteDemandMode is 1 ... MUST cease the periodic transmission": positive
TEST_F(SessionTest, ANeighbourInDemandModeIsNotSentTo) {
    come_up();
    auto demanding = from_peer(SessionState::Up);
    demanding.demand = true;
    (void)hear(demanding, 100ms);
    EXPECT_EQ(session.deadline(), at(1000ms));
    (void)hear(SessionState::Up, 200ms);
    EXPECT_LE(*session.deadline(), at(500ms));
}

// RFC 5880 §6.8.7 "SHOULD be transmitted ... when the contents of that packet would differ": positive
TEST_F(SessionTest, AChangeOfStateIsToldAtOnce) {
    start();
    const auto init = sent(hear(SessionState::Down, 10ms));
    ASSERT_EQ(init.size(), 1U);
    EXPECT_EQ(init[0].state, SessionState::Init);
    EXPECT_EQ(init[0].your_discriminator, theirs);
    const auto up = sent(hear(SessionState::Up, 20ms));
    ASSERT_EQ(up.size(), 1U);
    EXPECT_EQ(up[0].state, SessionState::Up);
}

// RFC 5880 §6.8.7: negative
TEST_F(SessionTest, APacketThatChangesNothingIsNotAnswered) {
    come_up();
    EXPECT_EQ(hear(SessionState::Up, 100ms), nothing);
}

TEST_F(SessionTest, LatenessOfOursDoesNotAddUp) {
    come_up();
    const TimePoint planned = *session.deadline();
    (void)session.handle(TimerExpired{}, planned + 50ms);
    // At most 300 ms after it should have been sent, and never less than three quarters after it was.
    EXPECT_LE(*session.deadline(), planned + 300ms);
    EXPECT_GE(*session.deadline(), planned + 275ms);
}

// RFC 5880 §4.1 (C bit), RFC 5882 §4.3: negative. Ours shares the fate of the control plane.
TEST_F(SessionTest, NeverClaimsToBeControlPlaneIndependent) {
    come_up();
    for (const auto* actions : {&started, &came_up}) {
        for (const auto& packet : sent(*actions)) EXPECT_FALSE(packet.control_plane_independent);
    }
}

// ---- Poll Sequences, §6.5 and §6.8.3

// RFC 5880 §6.8.6 "If the Poll (P) bit is set, send a BFD Control packet ... with the Final (F) bit set": positive
TEST_F(SessionTest, APollIsAnsweredAtOnce) {
    come_up();
    auto poll = from_peer(SessionState::Up);
    poll.poll = true;
    const auto answer = sent(hear(poll, 100ms));
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_TRUE(answer[0].final);
    EXPECT_FALSE(answer[0].poll);
}

// RFC 5880 §6.8.3 "If either bfd.DesiredMinTxInterval is changed ... a Poll Sequence MUST be initiated": positive
TEST_F(SessionTest, TheFasterIntervalOfUpIsPolled) {
    start();
    (void)hear(SessionState::Down, 10ms);
    const auto up = sent(hear(SessionState::Up, 20ms));
    ASSERT_EQ(up.size(), 1U);
    EXPECT_TRUE(up[0].poll);
    EXPECT_EQ(up[0].desired_min_tx_interval, Microseconds{300000});
    // Until there is an answer, every packet asks.
    const auto again = sent(session.handle(TimerExpired{}, *session.deadline()));
    ASSERT_EQ(again.size(), 1U);
    EXPECT_TRUE(again[0].poll);
    auto final = from_peer(SessionState::Up);
    final.final = true;
    (void)hear(final, 400ms);
    const auto after = sent(session.handle(TimerExpired{}, *session.deadline()));
    ASSERT_EQ(after.size(), 1U);
    EXPECT_FALSE(after[0].poll);
}

// RFC 5880 §6.5 "MUST NOT ... both Poll and Final": negative
TEST_F(SessionTest, NoPacketIsBothPollAndFinal) {
    start();
    (void)hear(SessionState::Down, 10ms);
    auto poll = from_peer(SessionState::Up);
    poll.poll = true;
    const auto packets = sent(hear(poll, 20ms));
    ASSERT_EQ(packets.size(), 2U);
    EXPECT_TRUE(packets[0].final && !packets[0].poll);
    EXPECT_TRUE(packets[1].poll && !packets[1].final);
}

// RFC 5880 §6.8.3 "If bfd.DesiredMinTxInterval is increased ... MUST NOT change until the Poll Sequence ... has
// terminated": positive
TEST_F(SessionTest, ASlowerTransmissionWaitsForTheFinal) {
    come_up();
    const auto polled = sent(session.handle(ConfigChanged{{.desired_min_tx_interval = 2s}}, at(100ms)));
    ASSERT_EQ(polled.size(), 1U);
    EXPECT_TRUE(polled[0].poll);
    EXPECT_EQ(polled[0].desired_min_tx_interval, Microseconds{2000000});
    EXPECT_EQ(session.status().transmit_interval, 300ms);
    EXPECT_LE(*session.deadline(), at(400ms));

    auto final = from_peer(SessionState::Up);
    final.final = true;
    (void)hear(final, 150ms);
    EXPECT_EQ(session.status().transmit_interval, 2s);
    EXPECT_EQ(session.state(), SessionState::Up);
}

// RFC 5880 §6.8.3 "If bfd.RequiredMinRxInterval is reduced ... the previous value ... MUST be used": positive
TEST_F(SessionTest, AShorterDetectionTimeWaitsForTheFinal) {
    peer_tx = Microseconds{50000};
    come_up();
    EXPECT_EQ(session.status().detection_time, 900ms);
    (void)session.handle(ConfigChanged{{.required_min_rx_interval = 50ms}}, at(100ms));
    EXPECT_EQ(session.status().detection_time, 900ms);
    auto final = from_peer(SessionState::Up);
    final.final = true;
    (void)hear(final, 150ms);
    EXPECT_EQ(session.status().detection_time, 150ms);
}

// RFC 5880 §6.8.3: negative. What makes nobody late takes effect at once.
TEST_F(SessionTest, AFasterTransmissionAndALongerDetectionTimeDoNotWait) {
    come_up();
    (void)session.handle(ConfigChanged{{.desired_min_tx_interval = 100ms, .required_min_rx_interval = 1s}}, at(100ms));
    EXPECT_EQ(session.status().transmit_interval, 300ms);  // The neighbour requires no more.
    EXPECT_EQ(session.status().detection_time, 3s);
}

// RFC 5880 §6.5: positive. The Final answers the values that were polled; newer ones are polled again.
TEST_F(SessionTest, AChangeDuringAPollSequenceIsPolledAfterIt) {
    come_up();
    (void)session.handle(ConfigChanged{{.desired_min_tx_interval = 2s}}, at(100ms));
    (void)session.handle(ConfigChanged{{.desired_min_tx_interval = 4s}}, at(110ms));
    auto final = from_peer(SessionState::Up);
    final.final = true;
    const auto second = sent(hear(final, 150ms));
    ASSERT_EQ(second.size(), 1U);
    EXPECT_TRUE(second[0].poll);
    EXPECT_EQ(session.status().transmit_interval, 300ms);
    (void)hear(final, 200ms);
    EXPECT_EQ(session.status().transmit_interval, 4s);
}

// RFC 5880 §6.8.3 (bfd.DetectMult is no part of it): negative. Told at once, and without a Poll Sequence.
TEST_F(SessionTest, AnotherMultiplierNeedsNoPoll) {
    come_up();
    const auto told = sent(session.handle(ConfigChanged{{.detect_mult = 5}}, at(100ms)));
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].detect_mult, 5);
    EXPECT_FALSE(told[0].poll);
}

TEST_F(SessionTest, TheSameConfigurationAgainSaysNothing) {
    come_up();
    EXPECT_EQ(session.handle(ConfigChanged{Config{}}, at(100ms)), nothing);
}

// RFC 7419 §2 and the floor: 10 ms x 3 where the neighbour agrees.
TEST_F(SessionTest, TenMillisecondsTimesThree) {
    peer_tx = peer_rx = Microseconds{10000};
    come_up({.desired_min_tx_interval = 10ms, .required_min_rx_interval = 10ms});
    EXPECT_EQ(session.status().detection_time, 30ms);
    const auto found = gaps(50);
    EXPECT_GE(*std::ranges::min_element(found), 7500us);
    EXPECT_LE(*std::ranges::max_element(found), 10ms);
}

// ---- Detection, §6.8.4

// RFC 5880 §6.8.4 "remote ... Detect Mult ... times the agreed transmit interval of the remote system": positive
TEST_F(SessionTest, TheDetectionTimeIsTheNeighboursMultiplierTimesTheSlowerInterval) {
    come_up();
    auto packet = from_peer(SessionState::Up);
    packet.detect_mult = 5;
    packet.desired_min_tx_interval = Microseconds{400000};
    (void)hear(packet, 100ms);
    EXPECT_EQ(session.status().detection_time, 2000ms);  // 5 x max(300, 400)
    packet.desired_min_tx_interval = Microseconds{100000};
    (void)hear(packet, 200ms);
    EXPECT_EQ(session.status().detection_time, 1500ms);  // 5 x max(300, 100)
}

// RFC 5880 §6.8.4 "set bfd.SessionState to Down and bfd.LocalDiag to 1": positive
TEST_F(SessionTest, SilenceForADetectionTimeIsAFailure) {
    come_up();
    (void)hear(SessionState::Up, 100ms);
    EXPECT_TRUE(changes(expire(999ms)).empty());
    const auto actions = expire(1000ms);
    const StateChanged change{SessionState::Up, SessionState::Down, Diagnostic::ControlDetectionTimeExpired};
    EXPECT_EQ(changes(actions), std::vector{change});
    EXPECT_TRUE(is_failure(change));
    const auto told = sent(actions);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].state, SessionState::Down);
    EXPECT_EQ(told[0].diagnostic, Diagnostic::ControlDetectionTimeExpired);
    // §6.8.1: a Detection Time without a packet sets bfd.RemoteDiscr to zero; §6.8.3: slow again.
    EXPECT_EQ(told[0].your_discriminator, Discriminator{0});
    EXPECT_EQ(told[0].desired_min_tx_interval, Microseconds{1000000});
}

// RFC 5880 §6.8.4: negative
TEST_F(SessionTest, EveryPacketBeginsTheDetectionTimeAnew) {
    come_up();
    for (Duration when = 100ms; when < 10s; when += 800ms) {
        (void)hear(SessionState::Up, when);
        EXPECT_TRUE(changes(expire(when + 799ms)).empty());
    }
    EXPECT_EQ(session.state(), SessionState::Up);
}

TEST_F(SessionTest, OutagesOfEveryLengthEnd) {
    for (const auto outage : {100ms, 1000ms, 9000ms, 60000ms, 600000ms}) {
        come_up();
        Duration now = 20ms;
        for (const Duration end = now + outage; *session.deadline() < at(end);) {
            now = *session.deadline() - at(0s);
            (void)expire(now);
        }
        now = 20ms + outage;
        if (session.state() != SessionState::Up) {
            (void)hear(SessionState::Down, now);
            (void)hear(SessionState::Up, now + 1ms);
        }
        (void)hear(SessionState::Up, now + 2ms);
        EXPECT_EQ(session.state(), SessionState::Up) << outage.count();
    }
}

// ---- Our own lateness (architecture: the core contract, 2)

TEST_F(SessionTest, ADetectionTimeWhoseEndIsSeenTooLateProvesNothing) {
    come_up();
    (void)hear(SessionState::Up, 100ms);
    // Due at 1000 ms; a quarter of the interval is 75 ms.
    EXPECT_TRUE(changes(expire(1076ms)).empty());
    EXPECT_EQ(session.state(), SessionState::Up);
    EXPECT_EQ(session.status().counters.late_wakeups, 1U);
    // One more interval, and once only: then the silence is the neighbour's.
    EXPECT_TRUE(changes(expire(1375ms)).empty());
    EXPECT_EQ(changes(expire(1376ms)).size(), 1U);
}

TEST_F(SessionTest, LatenessWithinAQuarterOfTheIntervalIsNoExcuse) {
    come_up();
    (void)hear(SessionState::Up, 100ms);
    EXPECT_EQ(changes(expire(1075ms)).size(), 1U);
}

TEST_F(SessionTest, FiveMillisecondsAreNoLateness) {
    peer_tx = peer_rx = Microseconds{10000};
    come_up({.desired_min_tx_interval = 10ms, .required_min_rx_interval = 10ms});
    (void)hear(SessionState::Up, 100ms);  // Due at 130 ms.
    EXPECT_EQ(changes(expire(135ms)).size(), 1U);

    come_up({.desired_min_tx_interval = 10ms, .required_min_rx_interval = 10ms});
    (void)hear(SessionState::Up, 100ms);
    EXPECT_TRUE(changes(expire(136ms)).empty());
}

TEST_F(SessionTest, APacketAfterALateWakeupMakesAllGood) {
    come_up();
    (void)hear(SessionState::Up, 100ms);
    (void)expire(5000ms);
    (void)hear(SessionState::Up, 5001ms);
    EXPECT_TRUE(changes(expire(5900ms)).empty());
    // And the next lateness is excused again.
    (void)expire(9000ms);
    EXPECT_EQ(session.state(), SessionState::Up);
    EXPECT_EQ(session.status().counters.late_wakeups, 2U);
}

// ---- Administration

// RFC 5880 §6.8.16: positive
TEST_F(SessionTest, AdminDownIsToldForADetectionTimeAndThenSilent) {
    come_up();
    const auto actions = session.handle(AdminDown{}, at(100ms));
    const StateChanged change{SessionState::Up, SessionState::AdminDown, Diagnostic::AdministrativelyDown,
                              SessionState::Up};
    EXPECT_EQ(changes(actions), std::vector{change});
    EXPECT_FALSE(is_failure(change));
    ASSERT_EQ(sent(actions).size(), 1U);
    EXPECT_EQ(sent(actions)[0].state, SessionState::AdminDown);
    EXPECT_EQ(sent(actions)[0].diagnostic, Diagnostic::AdministrativelyDown);
    EXPECT_FALSE(session.is_finished());
    // Its Detection Time is 3 s now, since we say 1 s.
    std::size_t more = 0;
    while (session.deadline() && *session.deadline() < at(3100ms)) {
        more += sent(session.handle(TimerExpired{}, *session.deadline())).size();
    }
    EXPECT_GE(more, 2U);
    (void)expire(3100ms);
    EXPECT_TRUE(session.is_finished());
    EXPECT_EQ(session.deadline(), std::nullopt);
}

// RFC 5880 §6.8.6 "If bfd.SessionState is AdminDown, discard the packet": negative
// RFC 5880 §6.8.16: negative; it is no reason to speak.
TEST_F(SessionTest, AdminDownAnswersNobody) {
    come_up();
    (void)session.handle(AdminDown{}, at(100ms));
    auto poll = from_peer(SessionState::Down);
    poll.poll = true;
    EXPECT_TRUE(changes(hear(poll, 200ms)).empty());
    EXPECT_EQ(session.state(), SessionState::AdminDown);
}

TEST_F(SessionTest, AdminUpBeginsAgainFromDown) {
    come_up();
    (void)session.handle(AdminDown{}, at(100ms));
    (void)session.handle(AdminUp{}, at(10s));
    EXPECT_EQ(session.state(), SessionState::Down);
    (void)hear(SessionState::Down, 10s);
    EXPECT_EQ(session.state(), SessionState::Init);
}

// RFC 5880 §6.8.1: negative; what nobody wants is not even Down.
TEST_F(SessionTest, NothingIsSentBeforeAdminUp) {
    session = Session{ours, {}, random};
    EXPECT_EQ(session.handle(Lease{at(1000s)}, at(0s)), nothing);
    EXPECT_EQ(expire(10s), nothing);
    EXPECT_EQ(session.deadline(), std::nullopt);
    EXPECT_TRUE(session.is_finished());
}

// ---- The lease (product rule 10)

TEST_F(SessionTest, WithoutALeaseItStaysDown) {
    session = Session{ours, {}, random};
    (void)session.handle(AdminUp{}, at(0s));
    EXPECT_TRUE(changes(hear(SessionState::Down, 10ms)).empty());
    EXPECT_TRUE(session.status().held_down);
    (void)session.handle(Lease{at(3s)}, at(20ms));
    EXPECT_EQ(changes(hear(SessionState::Down, 30ms)).size(), 1U);
}

// RFC 5880 §6.8.15 "MUST set bfd.LocalDiag to 4 (Forwarding Plane Reset), and set bfd.SessionState to Down": positive
TEST_F(SessionTest, ALeaseThatRunsOutTakesTheSessionDownAndNotAdminDown) {
    come_up();
    (void)session.handle(Lease{at(500ms)}, at(100ms));
    const auto actions = expire(500ms);
    const StateChanged change{SessionState::Up, SessionState::Down, Diagnostic::ForwardingPlaneReset, SessionState::Up};
    EXPECT_EQ(changes(actions), std::vector{change});
    EXPECT_FALSE(is_failure(change));  // Not the neighbour's.
    ASSERT_EQ(sent(actions).size(), 1U);
    EXPECT_EQ(sent(actions)[0].state, SessionState::Down);
    EXPECT_EQ(sent(actions)[0].diagnostic, Diagnostic::ForwardingPlaneReset);
    // It stays so whatever the neighbour says, and goes on saying it.
    EXPECT_TRUE(changes(hear(SessionState::Down, 600ms)).empty());
    EXPECT_TRUE(changes(hear(SessionState::Init, 700ms)).empty());
    EXPECT_EQ(sent(expire(1500ms)).size(), 1U);
}

TEST_F(SessionTest, AnotherLeaseLetsItComeUpAgain) {
    come_up();
    (void)session.handle(Lease{at(500ms)}, at(100ms));
    (void)expire(500ms);
    (void)session.handle(Lease{at(5s)}, at(800ms));
    (void)hear(SessionState::Down, 900ms);
    (void)hear(SessionState::Up, 910ms);
    EXPECT_EQ(session.state(), SessionState::Up);
}

// Before a packet the mail is not drained: the lease may have a successor that waits.
// RFC 5880 §6.8.15: negative; a packet that is handled late is no reset.
TEST_F(SessionTest, ALeaseIsJudgedByTimerExpiredAlone) {
    come_up();
    (void)session.handle(Lease{at(500ms)}, at(100ms));
    (void)hear(SessionState::Up, 600ms);
    EXPECT_EQ(session.state(), SessionState::Up);
    (void)session.handle(Lease{at(5s)}, at(601ms));
    (void)expire(602ms);
    EXPECT_EQ(session.state(), SessionState::Up);
}

TEST_F(SessionTest, NothingComesUpUnderALeaseThatIsOver) {
    start();
    (void)session.handle(Lease{at(500ms)}, at(0s));
    (void)hear(SessionState::Down, 10ms);
    EXPECT_TRUE(changes(hear(SessionState::Up, 600ms)).empty());
    EXPECT_EQ(session.state(), SessionState::Init);
}

TEST_F(SessionTest, TheDeadlineIsThatOfTheLeaseWhenThatComesFirst) {
    come_up();
    (void)session.handle(Lease{at(150ms)}, at(100ms));
    EXPECT_EQ(session.deadline(), at(150ms));
}

// ---- Text

TEST_F(SessionTest, SaysWhatItDoes) {
    EXPECT_EQ(describe(StateChanged{SessionState::Up, SessionState::Down, Diagnostic::ControlDetectionTimeExpired}),
              "StateChanged from=Up to=Down diagnostic=\"Control Detection Time Expired\" remote=Down");
    EXPECT_EQ(describe(Lease{TimePoint{} + 3s}), "Lease expires_at=3000000us");
}

}  // namespace
}  // namespace anyvip::bfd
