#include "bgp/fsm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/describe.hpp"
#include "anyvip/random.hpp"

namespace anyvip::bgp {
namespace {

using namespace std::chrono_literals;
using namespace fsm;
using ::testing::ElementsAre;

const TimePoint t0{1000s};

PeerConfig config_of_node() {
    PeerConfig config;
    config.local_as = Asn{65010};
    config.router_id = *net::Ipv4Address::parse("10.0.0.11");
    config.peer_as = Asn{65000};
    return config;
}

Open open_of_peer(std::uint16_t hold_time = 90) {
    Open open;
    open.my_as = Asn{65000};
    open.hold_time = HoldTime{hold_time};
    open.identifier = *net::Ipv4Address::parse("10.0.0.1");
    open.capabilities = {Multiprotocol{ipv4_unicast}, FourOctetAs{Asn{65000}}};
    return open;
}

/// Every arm of the machine, reached over the way a connection takes.
class FsmTest : public ::testing::Test {
protected:
    void reach(State state) {
        const std::vector<std::pair<State, Event>> way{{State::Connect, ManualStart{}},
                                                       {State::OpenSent, TcpConnectionConfirmed{}},
                                                       {State::OpenConfirm, BgpOpen{open_of_peer()}},
                                                       {State::Established, KeepAliveMsg{}}};
        if (state == State::Active) {
            (void)feed(ManualStart{});
            (void)feed(TcpConnectionFails{"refused"});
        } else {
            for (const auto& [next, event] : way) {
                if (next <= state) (void)feed(event);
            }
        }
        ASSERT_EQ(machine.state(), state);
    }

    Actions feed(const Event& event) { return machine.handle(event, now); }

    /// The actions less StateChanged, which repeats what state() says.
    Actions what(const Event& event) {
        auto actions = feed(event);
        std::erase_if(actions, [](const Action& action) { return std::holds_alternative<StateChanged>(action); });
        return actions;
    }

    Duration remaining() { return *machine.deadline() - now; }

    Random random{1};
    TimePoint now = t0;
    Fsm machine{config_of_node(), random};
};

const Notification admin = cease(CeaseSubcode::AdministrativeShutdown);

// ---- Idle -----------------------------------------------------------------------------------------------

TEST_F(FsmTest, IdleStartsToConnect) {  // Event 1
    EXPECT_THAT(what(ManualStart{}), ElementsAre(OpenConnection{}));
    EXPECT_EQ(machine.state(), State::Connect);
    EXPECT_GE(remaining(), 3750ms);  // ConnectRetryTimer 5 s, jittered.
    EXPECT_LE(remaining(), 5s);
}

TEST_F(FsmTest, IdleIgnoresEverythingElse) {  // Events 9-12, 15-28: no change
    for (const Event& event : std::vector<Event>{ManualStop{admin}, TcpConnectionConfirmed{}, TcpConnectionFails{"x"},
                                                 BgpOpen{open_of_peer()}, BgpHeaderErr{}, BgpOpenMsgErr{},
                                                 OpenCollisionDump{}, NotifMsg{}, KeepAliveMsg{}, UpdateMsg{},
                                                 UpdateMsgErr{}, RouteRefreshMsg{}, Progress{}, TimerExpired{}}) {
        EXPECT_EQ(feed(event), Actions{}) << anyvip::describe(event);
        EXPECT_EQ(machine.state(), State::Idle);
    }
}

// ---- Connect --------------------------------------------------------------------------------------------

TEST_F(FsmTest, ConnectRetryTimerTriesAgain) {  // Event 9
    reach(State::Connect);
    now = *machine.deadline();
    EXPECT_THAT(what(TimerExpired{}), ElementsAre(AbortOpen{}, OpenConnection{}));
    EXPECT_EQ(machine.state(), State::Connect);
}

TEST_F(FsmTest, ATimerThatIsNotDueDoesNothing) {
    for (const auto state : {State::Connect, State::Active, State::OpenSent, State::OpenConfirm, State::Established}) {
        machine = Fsm{config_of_node(), random};
        reach(state);
        const auto before = machine.full_state();
        EXPECT_EQ(feed(TimerExpired{}), Actions{});
        EXPECT_EQ(machine.full_state(), before);
    }
}

TEST_F(FsmTest, ConnectStops) {  // Event 2
    reach(State::Connect);
    EXPECT_THAT(what(ManualStop{admin}), ElementsAre(AbortOpen{}));
    EXPECT_EQ(machine.full_state(), AnyState{Idle{}});
}

TEST_F(FsmTest, ConnectSendsOpenOnceConnected) {  // Events 16, 17
    reach(State::Connect);
    EXPECT_THAT(what(TcpConnectionConfirmed{}), ElementsAre(Send{our_open(config_of_node())}));
    EXPECT_EQ(machine.full_state(), AnyState{OpenSent{t0 + 4min}});  // The large hold time.
}

TEST_F(FsmTest, ConnectFallsBackToActive) {  // Event 18
    reach(State::Connect);
    EXPECT_THAT(what(TcpConnectionFails{"refused"}), ElementsAre());
    EXPECT_EQ(machine.state(), State::Active);
    EXPECT_EQ(machine.connect_retry_counter(), 0U);  // Nothing is wrong with the peer.
}

TEST_F(FsmTest, ConnectGivesUpOnAnyOtherEvent) {  // Events 8, 10-11, 13, 19, 23, 25-28
    for (const Event& event : std::vector<Event>{BgpOpen{open_of_peer()}, KeepAliveMsg{}, UpdateMsg{}, NotifMsg{}}) {
        machine = Fsm{config_of_node(), random};
        reach(State::Connect);
        EXPECT_THAT(what(event), ElementsAre(AbortOpen{})) << anyvip::describe(event);
        EXPECT_EQ(machine.state(), State::Idle);
        EXPECT_EQ(machine.connect_retry_counter(), 1U);
    }
}

// ---- Active ---------------------------------------------------------------------------------------------

TEST_F(FsmTest, ActiveConnectsWhenTheTimerExpires) {  // Event 9
    reach(State::Active);
    now = *machine.deadline();
    EXPECT_THAT(what(TimerExpired{}), ElementsAre(OpenConnection{}));
    EXPECT_EQ(machine.state(), State::Connect);
}

TEST_F(FsmTest, ActiveStops) {  // Event 2
    reach(State::Active);
    EXPECT_THAT(what(ManualStop{admin}), ElementsAre());
    EXPECT_EQ(machine.full_state(), AnyState{Idle{}});
}

TEST_F(FsmTest, ActiveSendsOpenOnAConnection) {  // Event 17
    reach(State::Active);
    EXPECT_THAT(what(TcpConnectionConfirmed{}), ElementsAre(Send{our_open(config_of_node())}));
}

TEST_F(FsmTest, ActiveGoesIdleOnAnyOtherEvent) {  // Events 8, 10-11, 13, 18, 19, 23, 25-28
    for (const Event& event : std::vector<Event>{BgpOpen{open_of_peer()}, UpdateMsg{}, TcpConnectionFails{"x"}}) {
        machine = Fsm{config_of_node(), random};
        reach(State::Active);
        (void)feed(event);
        EXPECT_EQ(machine.state(), State::Idle) << anyvip::describe(event);
    }
}

// ---- OpenSent -------------------------------------------------------------------------------------------

// RFC 4271 §10: negative; the HoldTimer is not jittered.
TEST_F(FsmTest, OpenSentAnswersAnOpenWithKeepalive) {  // Event 19
    reach(State::OpenSent);
    EXPECT_THAT(what(BgpOpen{open_of_peer()}), ElementsAre(Send{Keepalive{}}));
    const auto& confirm = std::get<OpenConfirm>(machine.full_state());
    EXPECT_EQ(confirm.hold_timer, t0 + 9s);
    EXPECT_GE(*confirm.keepalive_timer, t0 + 2250ms);  // A third of 9 s, jittered.
    EXPECT_LE(*confirm.keepalive_timer, t0 + 3s);
}

// RFC 4271 §6.2: negative, one per rule.
// RFC 4271 §6.2: positive for what is beside each.
TEST_F(FsmTest, OpenSentRefusesBadOpens) {  // Event 22
    auto wrong_as = open_of_peer();
    wrong_as.my_as = Asn{64999};
    wrong_as.capabilities = {FourOctetAs{Asn{64999}}};
    auto no_identifier = open_of_peer();
    no_identifier.identifier = {};
    auto no_family = open_of_peer();
    no_family.capabilities = {Multiprotocol{{25, 70}}, FourOctetAs{Asn{65000}}};
    const std::vector<std::pair<Open, std::pair<int, int>>> cases{{wrong_as, {2, 2}},
                                                                  {no_identifier, {2, 3}},
                                                                  {open_of_peer(1), {2, 6}},
                                                                  {open_of_peer(2), {2, 6}},
                                                                  {no_family, {2, 7}}};
    for (const auto& [open, expected] : cases) {
        machine = Fsm{config_of_node(), random};
        reach(State::OpenSent);
        const auto actions = what(BgpOpen{open});
        ASSERT_EQ(actions.size(), 2U);
        const auto& notification = std::get<Notification>(std::get<Send>(actions[0]).message);
        EXPECT_EQ(notification.code, expected.first);
        EXPECT_EQ(notification.subcode, expected.second);
        EXPECT_EQ(actions[1], Action{CloseConnection{}});
        EXPECT_EQ(machine.state(), State::Idle);
        EXPECT_GE(remaining(), 750ms);  // IdleHoldTimer 1 s, jittered.
    }
    auto another_identifier = open_of_peer(3);
    another_identifier.identifier = *net::Ipv4Address::parse("255.255.255.255");
    for (const auto& open : {open_of_peer(0), another_identifier}) {
        machine = Fsm{config_of_node(), random};
        reach(State::OpenSent);
        (void)feed(BgpOpen{open});
        EXPECT_EQ(machine.state(), State::OpenConfirm);
    }
}

// RFC 5492 §5: positive. The data lists, as in an OPEN, what we cannot do without.
// RFC 5492 §5: negative; what we can do without, and what the peer can do and we cannot, is no error.
TEST_F(FsmTest, OpenSentNamesTheCapabilitiesThatAreMissing) {
    reach(State::OpenSent);
    auto open = open_of_peer();
    open.capabilities = {Multiprotocol{{25, 70}}, UnknownCapability{250, {1}}};
    EXPECT_EQ(what(BgpOpen{open}).at(0), (Action{Send{Notification{2, 7, {1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1}}}}));
    machine = Fsm{config_of_node(), random};
    reach(State::OpenSent);
    open.capabilities.emplace_back(Multiprotocol{ipv6_unicast});
    open.capabilities.emplace_back(FourOctetAs{Asn{65000}});
    EXPECT_THAT(what(BgpOpen{open}), ElementsAre(Send{Keepalive{}}));
}

TEST_F(FsmTest, OpenSentExpiresAfterFourMinutes) {  // Event 10
    reach(State::OpenSent);
    now = t0 + 4min;
    EXPECT_THAT(what(TimerExpired{}), ElementsAre(Send{hold_timer_expired()}, CloseConnection{}));
    EXPECT_EQ(machine.state(), State::Idle);
}

TEST_F(FsmTest, OpenSentReturnsToActiveWhenTcpFails) {  // Event 18
    reach(State::OpenSent);
    EXPECT_THAT(what(TcpConnectionFails{"reset"}), ElementsAre(CloseConnection{}));
    EXPECT_EQ(machine.state(), State::Active);
}

// ---- OpenConfirm ----------------------------------------------------------------------------------------

TEST_F(FsmTest, OpenConfirmIsEstablishedByKeepalive) {  // Event 26
    reach(State::OpenConfirm);
    now = t0 + 1s;
    const auto actions = what(KeepAliveMsg{});
    ASSERT_EQ(actions.size(), 1U);
    EXPECT_EQ(std::get<fsm::SessionUp>(actions[0]).negotiated.peer_as, Asn{65000});
    const auto& established = std::get<Established>(machine.full_state());
    EXPECT_EQ(established.hold_timer, t0 + 10s);
    EXPECT_EQ(established.send_hold_timer, t0 + 1s + 8min);  // RFC 9687 §3.2: the longer of 8 min and 18 s.
}

TEST_F(FsmTest, OpenConfirmExpires) {  // Event 10
    reach(State::OpenConfirm);
    now = t0 + 9s;
    EXPECT_THAT(what(TimerExpired{}), ElementsAre(Send{hold_timer_expired()}, CloseConnection{}));
}

TEST_F(FsmTest, OpenConfirmKeepsAlive) {  // Event 11
    reach(State::OpenConfirm);
    now = *machine.deadline();
    EXPECT_THAT(what(TimerExpired{}), ElementsAre(Send{Keepalive{}}));
    EXPECT_EQ(machine.state(), State::OpenConfirm);
}

// RFC 4271 §4.4: negative. Not more often than once a second, whatever a third of the hold time and §10 say.
TEST_F(FsmTest, KeepalivesAreASecondApartEvenForTheShortestHoldTime) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        Random another{seed};
        machine = Fsm{config_of_node(), another};
        reach(State::OpenSent);
        (void)feed(BgpOpen{open_of_peer(3)});
        EXPECT_EQ(std::get<OpenConfirm>(machine.full_state()).keepalive_timer, t0 + 1s) << seed;
        (void)feed(KeepAliveMsg{});
        now = t0 + 1s;
        EXPECT_THAT(what(TimerExpired{}), ElementsAre(Send{Keepalive{}}));
        EXPECT_EQ(std::get<Established>(machine.full_state()).keepalive_timer, t0 + 2s) << seed;
        now = t0;
    }
}

// RFC 4271 §4.4: positive; a third of the hold time at most.
// RFC 4271 §10: positive; less a quarter at most.
TEST_F(FsmTest, KeepalivesComeAfterAThirdOfTheHoldTimeOrALittleLess) {
    auto config = config_of_node();
    config.hold_time = 90s;
    bool differ = false;
    std::optional<Duration> first;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        Random another{seed};
        machine = Fsm{config, another};
        reach(State::OpenConfirm);
        const auto after = *std::get<OpenConfirm>(machine.full_state()).keepalive_timer - t0;
        EXPECT_GE(after, 22500ms);
        EXPECT_LE(after, 30s);
        differ = differ || after != first.value_or(after);
        first = after;
    }
    EXPECT_TRUE(differ);
}

// RFC 4271 §4.2: a hold time of zero is none; yet a silent peer does not stay for ever.
TEST_F(FsmTest, ZeroHoldTimeStillBoundsOpenConfirm) {
    reach(State::OpenSent);
    (void)feed(BgpOpen{open_of_peer(0)});
    EXPECT_EQ(machine.deadline(), t0 + 4min);
    (void)feed(KeepAliveMsg{});
    EXPECT_EQ(machine.state(), State::Established);
    EXPECT_EQ(machine.deadline(), std::nullopt);
}

// ---- Established ----------------------------------------------------------------------------------------

TEST_F(FsmTest, EstablishedIsHeldByKeepaliveAndUpdate) {  // Events 26, 27
    reach(State::Established);
    for (const Event& event : std::vector<Event>{KeepAliveMsg{}, UpdateMsg{}}) {
        now += 5s;
        EXPECT_EQ(feed(event), Actions{});
        EXPECT_EQ(std::get<Established>(machine.full_state()).hold_timer, now + 9s);
    }
    (void)feed(RouteRefreshMsg{});  // RFC 4271 §4.2 names only those two.
    EXPECT_EQ(std::get<Established>(machine.full_state()).hold_timer, now + 9s);
}

TEST_F(FsmTest, EstablishedExpires) {  // Event 10
    reach(State::Established);
    now = t0 + 9s;
    const auto actions = what(TimerExpired{});
    EXPECT_THAT(actions, ElementsAre(Send{hold_timer_expired()}, CloseConnection{},
                                     fsm::SessionDown{Reason{.kind = Reason::Kind::HoldTimerExpired,
                                                             .notification = hold_timer_expired(),
                                                             .text = {}}}));
}

// RFC 9687 §3.2: positive after eight minutes without progress.
// RFC 9687 §3.2: negative while TCP takes octets.
TEST_F(FsmTest, EstablishedEndsWhenNothingCouldBeSentForEightMinutes) {  // Event 29
    reach(State::Established);
    while (now < t0 + 7min) {
        now += 5s;
        (void)feed(KeepAliveMsg{});
        (void)feed(TimerExpired{});
    }
    (void)feed(Progress{});
    for (; now < t0 + 15min - 5s; now += 5s) {
        (void)feed(KeepAliveMsg{});
        (void)feed(TimerExpired{});
        ASSERT_EQ(machine.state(), State::Established);
    }
    now = t0 + 15min;
    (void)feed(KeepAliveMsg{});
    const auto actions = what(TimerExpired{});
    EXPECT_EQ(actions.at(0), Action{CloseConnection{}});  // No NOTIFICATION into a stuck connection.
    EXPECT_EQ(std::get<fsm::SessionDown>(actions.at(1)).reason.kind, Reason::Kind::SendHoldTimerExpired);
}

// RFC 9687 §3.2: positive; twice the hold time where that is longer than eight minutes.
TEST_F(FsmTest, ALongHoldTimeIsSendHeldForTwiceAsLong) {
    auto config = config_of_node();
    config.hold_time = 300s;
    machine = Fsm{config, random};
    reach(State::OpenSent);
    (void)feed(BgpOpen{open_of_peer(400)});
    (void)feed(KeepAliveMsg{});
    EXPECT_EQ(std::get<Established>(machine.full_state()).send_hold_timer, t0 + 10min);
}

TEST_F(FsmTest, EstablishedEndsWhenTcpFails) {  // Event 18
    reach(State::Established);
    EXPECT_EQ(what(TcpConnectionFails{"reset"}).size(), 2U);
    EXPECT_EQ(machine.state(), State::Idle);
    EXPECT_LE(remaining(), 1s);
}

TEST_F(FsmTest, EstablishedReportsABadUpdate) {  // Event 28
    reach(State::Established);
    const Notification malformed{UpdateMessageSubcode::MalformedAttributeList};
    EXPECT_EQ(what(UpdateMsgErr{malformed}).at(0), Action{Send{malformed}});
}

TEST_F(FsmTest, AStableSessionForgetsEarlierErrors) {
    for (int i = 0; i < 4; ++i) {
        reach(State::OpenSent);
        (void)feed(BgpOpen{open_of_peer(1)});
        now = *machine.deadline();
        (void)feed(TimerExpired{});
        (void)feed(ManualStop{admin});
        machine = Fsm::for_incoming(config_of_node(), random, 4);
    }
    (void)feed(TcpConnectionConfirmed{});
    (void)feed(BgpOpen{open_of_peer(0)});
    (void)feed(KeepAliveMsg{});
    now += 2min;
    (void)feed(TcpConnectionFails{"reset"});
    EXPECT_LE(remaining(), 1s);
}

// ---- What several states have in common -----------------------------------------------------------------

class ConnectedStates : public FsmTest, public ::testing::WithParamInterface<State> {};
INSTANTIATE_TEST_SUITE_P(Fsm, ConnectedStates,
                         ::testing::Values(State::OpenSent, State::OpenConfirm, State::Established),
                         [](const auto& info) { return std::string{describe(info.param)}; });

TEST_P(ConnectedStates, StopSaysCease) {  // Events 2, 8
    reach(GetParam());
    const auto actions = what(ManualStop{admin});
    EXPECT_EQ(actions.at(0), Action{Send{admin}});
    EXPECT_EQ(actions.at(1), Action{CloseConnection{}});
    EXPECT_EQ(machine.full_state(), AnyState{Idle{}});
}

TEST_P(ConnectedStates, ABadHeaderIsNamed) {  // Event 21
    reach(GetParam());
    const Notification bad{MessageHeaderSubcode::BadMessageLength};
    EXPECT_EQ(what(BgpHeaderErr{bad}).at(0), Action{Send{bad}});
    EXPECT_EQ(machine.state(), State::Idle);
}

// RFC 4271 §6.4: negative. A NOTIFICATION is not answered, not even one that no registry knows.
TEST_P(ConnectedStates, ANotificationEndsItInSilence) {  // Events 24, 25
    reach(GetParam());
    for (const auto& notification : {admin, Notification{99, 7, {1, 2, 3}}, Notification{2, 1, {0, 3}}}) {
        machine = Fsm{config_of_node(), random};
        reach(GetParam());
        const auto actions = what(NotifMsg{notification});
        EXPECT_EQ(actions.at(0), Action{CloseConnection{}});
        EXPECT_EQ(machine.state(), State::Idle);
        EXPECT_EQ(machine.connect_retry_counter(), 1U);
    }
}

TEST_P(ConnectedStates, ALostCollisionSaysCease) {  // Event 23
    reach(GetParam());
    const auto actions = what(OpenCollisionDump{});
    EXPECT_EQ(actions.at(0), Action{Send{cease(CeaseSubcode::ConnectionCollisionResolution)}});
    EXPECT_EQ(actions.at(1), Action{CloseConnection{}});
}

TEST_P(ConnectedStates, StartsAndOtherConnectionsAreIgnored) {  // Events 1, 3-7, 16, 17
    reach(GetParam());
    EXPECT_EQ(feed(ManualStart{}), Actions{});
    EXPECT_EQ(feed(TcpConnectionConfirmed{}), Actions{});
    EXPECT_EQ(machine.state(), GetParam());
}

// RFC 6608 §3, §4: positive. The subcode names the state, the data the message.
// RFC 6608 §3: negative for what the state expects.
TEST_P(ConnectedStates, AnyOtherMessageIsAnFsmError) {
    const std::vector<std::pair<Event, std::uint8_t>> messages{
        {BgpOpen{open_of_peer()}, 1}, {UpdateMsg{}, 2}, {KeepAliveMsg{}, 4}, {RouteRefreshMsg{}, 5}};
    const auto subcode =
        static_cast<std::uint8_t>(static_cast<int>(GetParam()) - static_cast<int>(State::OpenSent) + 1);
    const auto unexpected = [&](std::uint8_t type) {
        if (GetParam() == State::OpenSent) return type != 1;
        if (GetParam() == State::OpenConfirm) return type != 4;
        return type == 1;
    };
    for (const auto& [event, type] : messages) {
        machine = Fsm{config_of_node(), random};
        reach(GetParam());
        const auto actions = what(event);
        if (!unexpected(type)) {
            EXPECT_GE(machine.state(), GetParam()) << anyvip::describe(event);
            continue;
        }
        EXPECT_EQ(actions.at(0), (Action{Send{Notification{5, subcode, {type}}}})) << anyvip::describe(event);
        EXPECT_EQ(machine.state(), State::Idle);
    }
}

// ---- DelayOpen (§8.1.1, optional) -----------------------------------------------------------------------

class DelayOpenTest : public FsmTest {
protected:
    DelayOpenTest() {
        config.delay_open = 10s;
        machine = Fsm{config, random};
    }
    /// A connection that waits, ours or the peer's.
    void reach_delayed(State state) {
        (void)feed(ManualStart{});
        if (state == State::Active) (void)feed(TcpConnectionFails{"refused"});
        EXPECT_THAT(what(TcpConnectionConfirmed{}), ElementsAre());
        ASSERT_EQ(machine.state(), state);
        ASSERT_EQ(machine.deadline(), t0 + 10s);  // ConnectRetryTimer has stopped.
    }

    PeerConfig config = config_of_node();
};

TEST_F(DelayOpenTest, TheOpenIsSentWhenTheTimerExpires) {  // Event 12
    for (const auto state : {State::Connect, State::Active}) {
        machine = Fsm{config, random};
        now = t0;
        reach_delayed(state);
        now = t0 + 10s - 1ms;
        EXPECT_EQ(feed(TimerExpired{}), Actions{});
        now = t0 + 10s;
        EXPECT_THAT(what(TimerExpired{}), ElementsAre(Send{our_open(config)}));
        EXPECT_EQ(machine.full_state(), AnyState{OpenSent{now + 4min}});
    }
}

TEST_F(DelayOpenTest, ThePeersOpenIsAnsweredWithOpenAndKeepalive) {  // Event 20
    for (const auto state : {State::Connect, State::Active}) {
        machine = Fsm{config, random};
        reach_delayed(state);
        EXPECT_THAT(what(BgpOpen{open_of_peer()}), ElementsAre(Send{our_open(config)}, Send{Keepalive{}}));
        EXPECT_EQ(std::get<OpenConfirm>(machine.full_state()).hold_timer, t0 + 9s);
    }
}

TEST_F(DelayOpenTest, AnOpenThatIsRefusedGetsOursFirst) {  // Event 22
    reach_delayed(State::Active);
    auto open = open_of_peer();
    open.capabilities = {FourOctetAs{Asn{65001}}};
    EXPECT_THAT(what(BgpOpen{open}), ElementsAre(Send{our_open(config)}, Send{bad_peer_as()}, CloseConnection{}));
    EXPECT_EQ(machine.state(), State::Idle);
}

TEST_F(DelayOpenTest, ALostConnectionIsWaitedForAgain) {  // Event 18
    reach_delayed(State::Connect);
    (void)feed(TcpConnectionFails{"reset"});
    EXPECT_EQ(machine.state(), State::Active);
    EXPECT_GE(remaining(), 3750ms);
    EXPECT_LE(remaining(), 5s);
    machine = Fsm{config, random};
    reach_delayed(State::Active);
    (void)feed(TcpConnectionFails{"reset"});
    EXPECT_EQ(machine.state(), State::Idle);
    EXPECT_EQ(machine.connect_retry_counter(), 1U);
}

TEST_F(DelayOpenTest, WhateverElseComesClosesTheConnection) {  // Events 2, 21-25, 26-28
    for (const auto state : {State::Connect, State::Active}) {
        for (const Event& event : std::vector<Event>{ManualStop{admin}, OpenCollisionDump{}, BgpHeaderErr{},
                                                     BgpOpenMsgErr{}, NotifMsg{admin}, KeepAliveMsg{}, UpdateMsg{}}) {
            machine = Fsm{config, random};
            reach_delayed(state);
            EXPECT_THAT(what(event), ElementsAre(CloseConnection{})) << anyvip::describe(event);
            EXPECT_EQ(machine.state(), State::Idle);
        }
    }
}

TEST_F(DelayOpenTest, AHoldTimeOfZeroStillBoundsOpenConfirm) {
    reach_delayed(State::Connect);
    (void)feed(BgpOpen{open_of_peer(0)});
    EXPECT_EQ(machine.deadline(), t0 + 4min);
}

// ---- What the peer refuses (RFC 5492 §3) ----------------------------------------------------------------

const Notification unsupported_parameter{OpenMessageSubcode::UnsupportedOptionalParameter};

class RefusedOpen : public FsmTest {
protected:
    /// The OPEN that follows the refusal of this one.
    Open open_after(const Notification& refusal) {
        (void)feed(NotifMsg{refusal});
        now = *machine.deadline();
        (void)feed(TimerExpired{});
        const auto actions = what(TcpConnectionConfirmed{});
        return std::get<Open>(std::get<Send>(actions.at(0)).message);
    }
};

// RFC 5492 §3: positive, "SHOULD attempt to re-establish without".
// RFC 5492 §3: negative; once, and then with everything again.
TEST_F(RefusedOpen, WithoutParametersOnce) {
    reach(State::OpenSent);
    EXPECT_TRUE(open_after(unsupported_parameter).capabilities.empty());
    // The peer's capabilities count for nothing when we offer none.
    (void)feed(BgpOpen{open_of_peer()});
    EXPECT_FALSE(machine.negotiated()->four_octet_as);
    EXPECT_EQ(open_after(unsupported_parameter), our_open(config_of_node()));
}

TEST_F(RefusedOpen, TheNextSessionBeginsWithEverythingAgain) {
    reach(State::OpenSent);
    (void)open_after(unsupported_parameter);
    (void)feed(BgpOpen{open_of_peer()});
    (void)feed(KeepAliveMsg{});
    ASSERT_EQ(machine.state(), State::Established);
    EXPECT_EQ(open_after(admin), our_open(config_of_node()));
}

TEST_F(RefusedOpen, OtherRefusalsChangeNothing) {
    reach(State::OpenSent);
    EXPECT_EQ(open_after(bad_peer_as()), our_open(config_of_node()));
}

TEST_F(RefusedOpen, ASecondConnectionGoesWithoutToo) {
    const Concessions concessions{.no_parameters = true};
    machine = Fsm::for_incoming(config_of_node(), random, 0, concessions);
    EXPECT_THAT(what(TcpConnectionConfirmed{}), ElementsAre(Send{our_open(config_of_node(), concessions)}));
}

// ---- BFD ------------------------------------------------------------------------------------------------

// RFC 9384 §3 "Cease NOTIFICATION with subcode BFD Down": positive
TEST_F(FsmTest, ASessionWhosePathHasFailedEndsWithCeaseBfdDownAndIsTriedAgainWithinASecond) {
    reach(State::Established);
    const auto reason =
        Reason{.kind = Reason::Kind::BfdDown, .notification = cease(CeaseSubcode::BfdDown), .text = "silence"};
    EXPECT_THAT(what(BfdDown{"silence"}),
                ElementsAre(Send{cease(CeaseSubcode::BfdDown)}, CloseConnection{}, SessionDown{reason}));
    EXPECT_EQ(machine.state(), State::Idle);
    EXPECT_GE(remaining(), 750ms);
    EXPECT_LE(remaining(), 1s);
    EXPECT_EQ(machine.connect_retry_counter(), 0U);  // The back-off after errors does not grow by it.
}

// RFC 9384 §3: negative. BFD that was never up keeps no BGP down (RFC 5882 §4.1).
TEST_F(FsmTest, WithoutASessionBfdDownMeansNothing) {
    for (const auto state : {State::Idle, State::Connect, State::Active, State::OpenSent, State::OpenConfirm}) {
        machine = Fsm{config_of_node(), random};
        reach(state);
        const auto before = machine.full_state();
        EXPECT_EQ(feed(BfdDown{"silence"}), Actions{});
        EXPECT_EQ(machine.full_state(), before);
        EXPECT_EQ(feed(BfdUp{}), Actions{});
        EXPECT_EQ(machine.full_state(), before);
    }
}

// ---- BFD strict mode (draft-ietf-idr-bgp-bfd-strict-mode-19; § below are its) ------------------------------

PeerConfig strict_config() {
    auto config = config_of_node();  // With a hold time of 9 s.
    config.bfd_strict = true;
    config.bfd_hold_time = 20s;
    return config;
}

Open strict_open(std::uint16_t hold_time = 90) {
    auto open = open_of_peer(hold_time);
    open.capabilities.emplace_back(BfdStrictMode{});
    return open;
}

class StrictBfd : public FsmTest {
protected:
    void wait_for_bfd(std::uint16_t hold_time = 90) {
        machine = Fsm{strict_config(), random};
        reach(State::OpenSent);
        ASSERT_EQ(feed(BgpOpen{strict_open(hold_time)}), Actions{});
        ASSERT_TRUE(machine.waits_for_bfd());
        ASSERT_EQ(machine.state(), State::OpenSent);
    }
};

// §6, §8.5.5: positive
TEST_F(StrictBfd, NoKeepaliveIsSentBeforeBfdIsUp) {
    wait_for_bfd();
    EXPECT_TRUE(machine.negotiated()->bfd_strict);
    EXPECT_EQ(remaining(), 9s);  // The HoldTimer alone: a KEEPALIVE would be due after three.
    now += 8s;
    EXPECT_EQ(feed(TimerExpired{}), Actions{});
    EXPECT_THAT(what(BfdUp{}), ElementsAre(Send{Keepalive{}}));
    EXPECT_EQ(machine.state(), State::OpenConfirm);
    EXPECT_FALSE(machine.waits_for_bfd());
    EXPECT_EQ(what(KeepAliveMsg{}).size(), 1U);
    EXPECT_EQ(machine.state(), State::Established);
}

// §8.5.5: negative. What is up already is not waited for.
TEST_F(StrictBfd, WhereBfdIsUpBeforeTheOpenNothingIsHeldBack) {
    machine = Fsm{strict_config(), random};
    EXPECT_EQ(feed(BfdUp{}), Actions{});
    reach(State::OpenSent);
    EXPECT_THAT(what(BgpOpen{strict_open()}), ElementsAre(Send{Keepalive{}}));
    EXPECT_EQ(machine.state(), State::OpenConfirm);
}

TEST_F(StrictBfd, WhatWasUpAndFellIsWaitedForAgain) {
    machine = Fsm{strict_config(), random};
    (void)feed(BfdUp{});
    (void)feed(BfdDown{"silence"});
    reach(State::OpenSent);
    EXPECT_EQ(feed(BgpOpen{strict_open()}), Actions{});
    EXPECT_TRUE(machine.waits_for_bfd());
}

// §6: negative. One end alone does not wait.
TEST_F(StrictBfd, APeerWithoutTheCapabilityIsNotKeptWaiting) {
    machine = Fsm{strict_config(), random};
    reach(State::OpenSent);
    EXPECT_THAT(what(BgpOpen{open_of_peer()}), ElementsAre(Send{Keepalive{}}));
    machine = Fsm{config_of_node(), random};
    reach(State::OpenSent);
    EXPECT_THAT(what(BgpOpen{strict_open()}), ElementsAre(Send{Keepalive{}}));
}

// §8.5.6: positive. The peer's BFD was up first: the session begins with ours, without another KEEPALIVE of the peer.
TEST_F(StrictBfd, APeerThatIsReadyFirstIsRemembered) {
    wait_for_bfd();
    now += 5s;
    EXPECT_EQ(feed(KeepAliveMsg{}), Actions{});
    EXPECT_EQ(remaining(), 9s);
    const auto negotiated = *machine.negotiated();
    EXPECT_THAT(what(BfdUp{}), ElementsAre(Send{Keepalive{}}, SessionUp{negotiated}));
    EXPECT_EQ(machine.state(), State::Established);
}

// §8.5.6: negative. Without strict mode it is an error of the machine, as ever.
TEST_F(StrictBfd, WithoutStrictModeAKeepaliveBeforeTheOpenIsAnError) {
    machine = Fsm{strict_config(), random};
    reach(State::OpenSent);
    EXPECT_THAT(what(KeepAliveMsg{}),
                ElementsAre(Send{fsm_error(FsmSubcode::UnexpectedMessageInOpenSent, 4)}, CloseConnection{}));
}

// §9: positive. Nobody has sent a KEEPALIVE, since both wait: it is BFD that is missing.
TEST_F(StrictBfd, AHoldTimeWithoutBfdEndsWithCeaseBfdDown) {
    wait_for_bfd();
    now += 9s;
    EXPECT_THAT(what(TimerExpired{}), ElementsAre(Send{cease(CeaseSubcode::BfdDown)}, CloseConnection{}));
    EXPECT_EQ(machine.state(), State::Idle);
    EXPECT_EQ(machine.connect_retry_counter(), 1U);
}

// §9: negative. A peer that was ready and fell silent is gone.
TEST_F(StrictBfd, APeerThatFallsSilentAfterItsKeepaliveHasALapsedHoldTime) {
    wait_for_bfd();
    (void)feed(KeepAliveMsg{});
    now += 9s;
    EXPECT_THAT(what(TimerExpired{}), ElementsAre(Send{hold_timer_expired()}, CloseConnection{}));
}

// §8.5.3: positive. Without a hold time BfdHoldTimer bounds the wait, also after the peer's KEEPALIVE.
TEST_F(StrictBfd, WithoutAHoldTimeTheWaitHasOneOfItsOwn) {
    wait_for_bfd(0);
    EXPECT_EQ(remaining(), 20s);
    now += 5s;
    (void)feed(KeepAliveMsg{});
    EXPECT_EQ(remaining(), 15s);
    now += 15s;
    EXPECT_THAT(what(TimerExpired{}), ElementsAre(Send{cease(CeaseSubcode::BfdDown)}, CloseConnection{}));
}

// §8.5.2, §8.6.2: positive; their negative is WithoutASessionBfdDownMeansNothing.
TEST_F(StrictBfd, BfdThatFailsBeforeTheSessionEndsTheConnection) {
    wait_for_bfd();
    EXPECT_THAT(what(BfdDown{"silence"}), ElementsAre(Send{cease(CeaseSubcode::BfdDown)}, CloseConnection{}));
    wait_for_bfd();
    (void)feed(BfdUp{});
    ASSERT_EQ(machine.state(), State::OpenConfirm);
    EXPECT_THAT(what(BfdDown{"silence"}), ElementsAre(Send{cease(CeaseSubcode::BfdDown)}, CloseConnection{}));
    EXPECT_EQ(machine.connect_retry_counter(), 0U);
}

// §8.5.5: positive for the second OPEN.
TEST_F(StrictBfd, ASecondOpenIsAnError) {
    wait_for_bfd();
    EXPECT_THAT(what(BgpOpen{strict_open()}),
                ElementsAre(Send{fsm_error(FsmSubcode::UnexpectedMessageInOpenSent, 1)}, CloseConnection{}));
}

// §8.3.5, §8.4.5: positive; our OPEN goes, and nothing after it.
TEST_F(StrictBfd, WithDelayOpenTheOpenIsAnsweredAndNoMore) {
    auto config = strict_config();
    config.delay_open = 30s;
    machine = Fsm{config, random};
    (void)feed(ManualStart{});
    (void)feed(TcpConnectionConfirmed{});
    const auto actions = what(BgpOpen{strict_open()});
    ASSERT_EQ(actions.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<Open>(std::get<Send>(actions[0]).message));
    EXPECT_TRUE(machine.waits_for_bfd());
}

TEST_F(StrictBfd, ASecondConnectionKnowsWhatBfdSays) {
    machine = Fsm::for_incoming(strict_config(), random, 0, {}, true);
    (void)feed(TcpConnectionConfirmed{});
    EXPECT_THAT(what(BgpOpen{strict_open()}), ElementsAre(Send{Keepalive{}}));
}

}  // namespace
}  // namespace anyvip::bgp
