#include "daemon/bfd_sessions.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/actions.hpp"
#include "support/print.hpp"

ANYVIP_PRINT(anyvip::daemon)

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;
using testing::all;

const PeerName tor_a{"tor-a"};
const PeerName tor_b{"tor-b"};

net::IpAddress ip(std::string_view text) {
    return net::IpAddress::parse(text).value();
}
const net::IpAddress router = ip("10.0.0.1");
const net::IpAddress ours = ip("10.0.0.11");

BfdSetup setup_of(const PeerName& peer, const net::IpAddress& remote) {
    return {.peer = peer, .remote = remote, .source = std::nullopt, .interface = std::nullopt, .config = {}};
}

class BfdSessionsTest : public ::testing::Test {
protected:
    BfdSessions::Actions feed(const BfdSessions::Event& event) { return sessions.handle(event, now); }

    /// Opens all that is asked for.
    BfdSessions::Actions open(const BfdSessions::Actions& asked) {
        BfdSessions::Actions out;
        const auto add = [&](const BfdSessions::Actions& more) { out.insert(out.end(), more.begin(), more.end()); };
        for (const auto& wish : all<OpenBfdListener>(asked)) add(feed(BfdListenerOpened{wish.listener, std::nullopt}));
        for (const auto& wish : all<OpenBfdSender>(asked)) {
            session_of[wish.peer] = wish.session;
            add(feed(BfdSenderOpened{wish.session, ours, {}, std::nullopt}));
        }
        return out;
    }
    BfdSessions::Actions configure(std::vector<BfdSetup> setups, std::set<net::IpAddress> vips = {}) {
        return feed(ConfigureBfd{std::move(setups), std::move(vips)});
    }
    void start(std::vector<BfdSetup> setups) {
        (void)feed(BfdLease{now + 1000s});
        (void)open(configure(std::move(setups)));
    }
    BfdSessions::Actions hear(const bfd::ControlPacket& packet, const net::IpAddress& source = router,
                              bfd::Hops hops = bfd::Hops::Single) {
        return feed(BfdPacketReceived{hops, {source, ours, net::InterfaceIndex{2}, 255}, bfd::encode(packet)});
    }
    static bfd::ControlPacket says(bfd::SessionState state, bfd::Discriminator yours = {}, std::uint32_t mine = 7) {
        return {.state = state,
                .my_discriminator = bfd::Discriminator{mine},
                .your_discriminator = yours,
                .desired_min_tx_interval = bfd::Microseconds{300000},
                .required_min_rx_interval = bfd::Microseconds{300000}};
    }
    void come_up(const PeerName& peer, const net::IpAddress& source = router) {
        (void)hear(says(bfd::SessionState::Down), source);
        (void)hear(says(bfd::SessionState::Up, session_of.at(peer)), source);
        ASSERT_EQ(state(peer), bfd::SessionState::Up);
    }
    std::optional<bfd::SessionState> state(const PeerName& peer) {
        for (const auto& snapshot : all<BfdSnapshot>(feed(SnapshotRequested{}))) {
            for (const auto& session : snapshot.sessions) {
                if (session.peer == peer) return session.status.state;
            }
        }
        return std::nullopt;
    }
    static bfd::ControlPacket first_sent(const BfdSessions::Actions& actions) {
        return bfd::decode(all<SendBfdPacket>(actions).at(0).bytes).value();
    }

    TimePoint now{1000s};
    BfdSessions sessions{Random{1}};
    std::map<PeerName, bfd::Discriminator> session_of;
};

TEST_F(BfdSessionsTest, ASessionBeginsWhenItsSocketIsOpen) {
    (void)feed(BfdLease{now + 10s});
    const auto asked = configure({setup_of(tor_a, router)});
    ASSERT_EQ(all<OpenBfdListener>(asked), (std::vector{OpenBfdListener{{net::Family::Ipv4, bfd::Hops::Single}}}));
    ASSERT_EQ(all<OpenBfdSender>(asked).size(), 1U);
    EXPECT_TRUE(all<SendBfdPacket>(asked).empty());
    const auto opened = open(asked);
    ASSERT_EQ(all<SendBfdPacket>(opened).size(), 1U);
    EXPECT_EQ(first_sent(opened).state, bfd::SessionState::Down);
}

TEST_F(BfdSessionsTest, WhatComesUpIsToldToTheDecisionLoop) {
    start({setup_of(tor_a, router)});
    (void)hear(says(bfd::SessionState::Down));
    const auto actions = hear(says(bfd::SessionState::Up, session_of.at(tor_a)));
    EXPECT_EQ(
        all<BfdStateChanged>(actions),
        (std::vector{BfdStateChanged{
            tor_a, {bfd::SessionState::Init, bfd::SessionState::Up, bfd::Diagnostic::None, bfd::SessionState::Up}}}));
}

// RFC 5880 §6.3 "demultiplexed based solely on the Your Discriminator field": positive
TEST_F(BfdSessionsTest, APacketIsForTheSessionWhoseDiscriminatorItBears) {
    start({setup_of(tor_a, router), setup_of(tor_b, ip("10.0.0.2"))});
    (void)hear(says(bfd::SessionState::Init, session_of.at(tor_b)), router);
    EXPECT_EQ(state(tor_b), bfd::SessionState::Up);
    EXPECT_EQ(state(tor_a), bfd::SessionState::Down);
}

// RFC 5880 §6.3 (Your Discriminator zero), RFC 5881 §3: positive
TEST_F(BfdSessionsTest, WithoutADiscriminatorItIsForTheSessionOfItsAddress) {
    start({setup_of(tor_a, router), setup_of(tor_b, ip("10.0.0.2"))});
    (void)hear(says(bfd::SessionState::Down), ip("10.0.0.2"));
    EXPECT_EQ(state(tor_b), bfd::SessionState::Init);
    EXPECT_EQ(state(tor_a), bfd::SessionState::Down);
}

// RFC 5880 §6.8.6 "If no session is found, the packet MUST be discarded": negative
TEST_F(BfdSessionsTest, AStrangersPacketIsNoPacket) {
    start({setup_of(tor_a, router)});
    EXPECT_TRUE(hear(says(bfd::SessionState::Down), ip("10.0.0.99")).empty());
    EXPECT_TRUE(hear(says(bfd::SessionState::Up, bfd::Discriminator{1}), router).empty());
    EXPECT_TRUE(feed(BfdPacketReceived{bfd::Hops::Single, {router, ours, {}, 255}, {1, 2, 3}}).empty());
    const auto counters = all<BfdSnapshot>(feed(SnapshotRequested{})).at(0).sessions.at(0).status.counters;
    EXPECT_EQ(counters.discarded.at(static_cast<std::size_t>(bfd::DiscardReason::UnknownYourDiscriminator)), 1U);
    EXPECT_EQ(counters.discarded.at(static_cast<std::size_t>(bfd::DiscardReason::Truncated)), 1U);
}

// RFC 5881 §3 "a link-local neighbour on that interface": positive
// RFC 5881 §3: negative; on another one it is another neighbour.
TEST_F(BfdSessionsTest, ALinkLocalNeighbourIsKnownByItsInterfaceToo) {
    auto setup = setup_of(tor_a, ip("fe80::1"));
    setup.interface = net::InterfaceName{"eth0"};
    (void)feed(BfdLease{now + 1000s});
    const auto asked = configure({setup});
    (void)feed(BfdSenderOpened{all<OpenBfdSender>(asked).at(0).session, ip("fe80::2"), net::InterfaceIndex{2}, {}});
    const auto packet = bfd::encode(says(bfd::SessionState::Down));
    (void)feed(
        BfdPacketReceived{bfd::Hops::Single, {ip("fe80::1"), ip("fe80::2"), net::InterfaceIndex{3}, 255}, packet});
    EXPECT_EQ(state(tor_a), bfd::SessionState::Down);
    (void)feed(
        BfdPacketReceived{bfd::Hops::Single, {ip("fe80::1"), ip("fe80::2"), net::InterfaceIndex{2}, 255}, packet});
    EXPECT_EQ(state(tor_a), bfd::SessionState::Init);
}

// RFC 5883 §4 "demultiplexed ... based on ... source and destination addresses": positive
// RFC 5883 §4: negative; one of them alone is not enough.
TEST_F(BfdSessionsTest, AMultihopSessionIsKnownByBothItsAddresses) {
    auto setup = setup_of(tor_a, router);
    setup.hops = bfd::Hops::Multiple;
    start({setup});
    const auto packet = bfd::encode(says(bfd::SessionState::Down));
    (void)feed(BfdPacketReceived{bfd::Hops::Multiple, {router, ip("10.9.9.9"), {}, 255}, packet});
    EXPECT_EQ(state(tor_a), bfd::SessionState::Down);
    (void)feed(BfdPacketReceived{bfd::Hops::Single, {router, ours, {}, 255}, packet});
    EXPECT_EQ(state(tor_a), bfd::SessionState::Down) << "it came to the other port";
    (void)feed(BfdPacketReceived{bfd::Hops::Multiple, {router, ours, {}, 255}, packet});
    EXPECT_EQ(state(tor_a), bfd::SessionState::Init);
}

// Product rule 4: what does not change is not touched; other intervals do not flap a session.
TEST_F(BfdSessionsTest, OtherIntervalsArePolledAndKeepTheSession) {
    start({setup_of(tor_a, router)});
    come_up(tor_a);
    auto slower = setup_of(tor_a, router);
    slower.config.desired_min_tx_interval = 1s;
    slower.config.detect_mult = 5;
    const auto actions = configure({slower});
    EXPECT_TRUE(all<OpenBfdSender>(actions).empty());
    EXPECT_TRUE(all<BfdStateChanged>(actions).empty());
    EXPECT_EQ(state(tor_a), bfd::SessionState::Up);
    ASSERT_EQ(all<SendBfdPacket>(actions).size(), 1U);
    EXPECT_TRUE(first_sent(actions).poll);
    EXPECT_EQ(first_sent(actions).detect_mult, 5);
}

TEST_F(BfdSessionsTest, TheSameConfigurationAgainChangesNothing) {
    start({setup_of(tor_a, router)});
    come_up(tor_a);
    EXPECT_TRUE(configure({setup_of(tor_a, router)}).empty());
}

TEST_F(BfdSessionsTest, ASessionThatLeavesSaysAdminDownAndThenClosesItsSocket) {
    start({setup_of(tor_a, router)});
    come_up(tor_a);
    const auto leaving = configure({});
    EXPECT_EQ(first_sent(leaving).state, bfd::SessionState::AdminDown);
    EXPECT_TRUE(all<BfdStateChanged>(leaving).empty()) << "it is no news of a peer that has no BFD";
    EXPECT_EQ(all<CloseBfdListener>(leaving).size(), 1U);
    EXPECT_EQ(state(tor_a), std::nullopt);
    std::vector<CloseBfdSender> closed;
    for (int i = 0; i < 20 && closed.empty() && sessions.deadline(); ++i) {
        now = *sessions.deadline();
        closed = all<CloseBfdSender>(feed(bfd::TimerExpired{}));
    }
    EXPECT_EQ(closed, std::vector{CloseBfdSender{session_of.at(tor_a)}});
    // Three of the seconds that it says it sends in: the Detection Time of the neighbour.
    EXPECT_EQ(now, TimePoint{1003s});
    EXPECT_EQ(sessions.deadline(), std::nullopt);
}

TEST_F(BfdSessionsTest, APeerThatComesBackAtOnceHasANewSession) {
    start({setup_of(tor_a, router)});
    come_up(tor_a);
    const auto before = session_of.at(tor_a);
    (void)configure({});
    (void)open(configure({setup_of(tor_a, router)}));
    EXPECT_NE(session_of.at(tor_a), before);
    EXPECT_EQ(state(tor_a), bfd::SessionState::Down);
}

// Product rule 10.
TEST_F(BfdSessionsTest, ALeaseThatRunsOutTakesEverySessionDown) {
    start({setup_of(tor_a, router), setup_of(tor_b, ip("10.0.0.2"))});
    come_up(tor_a);
    (void)hear(says(bfd::SessionState::Init, session_of.at(tor_b)), ip("10.0.0.2"));
    (void)feed(BfdLease{now + 100ms});
    now += 100ms;
    const auto actions = feed(bfd::TimerExpired{});
    ASSERT_EQ(all<BfdStateChanged>(actions).size(), 2U);
    for (const auto& change : all<BfdStateChanged>(actions)) {
        EXPECT_EQ(change.change.to, bfd::SessionState::Down);
        EXPECT_EQ(change.change.diagnostic, bfd::Diagnostic::ForwardingPlaneReset);
        EXPECT_FALSE(bfd::is_failure(change.change));
    }
}

TEST_F(BfdSessionsTest, ASessionThatJoinsHasTheLeaseOfTheOthers) {
    start({setup_of(tor_a, router)});
    (void)open(configure({setup_of(tor_a, router), setup_of(tor_b, ip("10.0.0.2"))}));
    (void)hear(says(bfd::SessionState::Down), ip("10.0.0.2"));
    EXPECT_EQ(state(tor_b), bfd::SessionState::Init);
}

TEST_F(BfdSessionsTest, WhatCannotBeOpenedIsTriedAgainAndShown) {
    (void)feed(BfdLease{now + 1000s});
    const auto asked = configure({setup_of(tor_a, router)});
    const auto session = all<OpenBfdSender>(asked).at(0).session;
    (void)feed(BfdListenerOpened{{net::Family::Ipv4, bfd::Hops::Single}, "bind: Address already in use"});
    (void)feed(BfdSenderOpened{session, {}, {}, "connect: Network is unreachable"});
    const auto shown = all<BfdSnapshot>(feed(SnapshotRequested{})).at(0).sessions.at(0);
    EXPECT_EQ(shown.socket_error, "connect: Network is unreachable");
    EXPECT_EQ(shown.local, std::nullopt);
    EXPECT_EQ(sessions.deadline(), now + 1s);
    now += 1s;
    const auto again = feed(bfd::TimerExpired{});
    EXPECT_EQ(all<OpenBfdListener>(again).size(), 1U);
    EXPECT_EQ(all<OpenBfdSender>(again).size(), 1U);
    const auto opened = feed(BfdSenderOpened{session, ours, {}, std::nullopt});
    EXPECT_EQ(all<SendBfdPacket>(opened).size(), 1U);
}

TEST_F(BfdSessionsTest, ASocketThatCannotSendIsReplacedUnlessTheSessionIsUp) {
    start({setup_of(tor_a, router)});
    (void)feed(BfdSendFailed{session_of.at(tor_a), "sendto: Invalid argument"});
    now += 1s;
    const auto again = feed(bfd::TimerExpired{});
    EXPECT_EQ(all<CloseBfdSender>(again).size(), 1U);
    (void)open(again);
    come_up(tor_a);
    (void)feed(BfdSendFailed{session_of.at(tor_a), "sendto: No buffer space available"});
    now += 500ms;
    EXPECT_TRUE(all<CloseBfdSender>(feed(bfd::TimerExpired{})).empty());
}

TEST_F(BfdSessionsTest, AnInterfaceThatWasMadeAnewNeedsAnotherSocket) {
    auto setup = setup_of(tor_a, ip("fe80::1"));
    setup.interface = net::InterfaceName{"eth0"};
    const auto asked = configure({setup});
    (void)feed(BfdSenderOpened{all<OpenBfdSender>(asked).at(0).session, ip("fe80::2"), net::InterfaceIndex{2}, {}});
    kernel::Link link;
    link.index = net::InterfaceIndex{2};
    EXPECT_TRUE(feed(InterfaceChanged{net::InterfaceName{"eth0"}, link, {}}).empty());
    link.index = net::InterfaceIndex{9};
    const auto again = feed(InterfaceChanged{net::InterfaceName{"eth0"}, link, {}});
    EXPECT_EQ(all<CloseBfdSender>(again).size(), 1U);
    EXPECT_EQ(all<OpenBfdSender>(again).size(), 1U);
}

// Product rule 11.
TEST_F(BfdSessionsTest, AnAddressThatBecomesAVipIsNoSourceAnyLonger) {
    start({setup_of(tor_a, router)});
    const auto again = configure({setup_of(tor_a, router)}, {ours});
    ASSERT_EQ(all<OpenBfdSender>(again).size(), 1U);
    EXPECT_TRUE(all<OpenBfdSender>(again).at(0).vips.contains(ours));
}

TEST_F(BfdSessionsTest, DiscriminatorsAreOfEachSessionAlone) {
    std::vector<BfdSetup> setups;
    for (std::uint32_t i = 0; i < 100; ++i) {
        setups.push_back(setup_of(PeerName{"p" + std::to_string(i)}, net::Ipv4Address{0x0a010000U + i}));
    }
    std::set<bfd::Discriminator> seen;
    for (const auto& wish : all<OpenBfdSender>(configure(setups))) seen.insert(wish.session);
    EXPECT_EQ(seen.size(), 100U);
    EXPECT_FALSE(seen.contains(bfd::Discriminator{0}));
}

}  // namespace
}  // namespace anyvip::daemon
