#include "bgp/io/speaker.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "bgp/io/tcp_ao.hpp"
#include "support/bgp_node.hpp"
#include "support/own_network.hpp"

namespace anyvip::bgp::io {
namespace {

using namespace std::chrono_literals;
using testing::BgpNode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::run_until;

net::Ipv4Address ipv4(const char* text) {
    return *net::Ipv4Address::parse(text);
}

/// 127.0.0.1 speaks with 127.0.0.2; the second one only listens.
class SpeakerTest : public ::testing::Test {
protected:
    static PeerConfig active() {
        PeerConfig config;
        config.local_as = Asn{65010};
        config.router_id = ipv4("127.0.0.1");
        config.address = ipv4("127.0.0.2");
        config.source = ipv4("127.0.0.1");
        config.peer_as = Asn{65000};
        config.connect_retry = 200ms;
        config.idle_hold = 100ms;
        return config;
    }
    static PeerConfig passive() {
        PeerConfig config;
        config.local_as = Asn{65000};
        config.router_id = ipv4("127.0.0.2");
        config.address = ipv4("127.0.0.1");
        config.peer_as = Asn{65010};
        config.passive = true;
        return config;
    }

    void SetUp() override { ASSERT_TRUE(network.usable()) << "needs root"; }

    /// Starts both ends: the listener first, so that its port is known.
    void start(PeerConfig node_config, const PeerConfig& router_config,
               const std::set<net::IpAddress>& vips_of_router = {}) {
        router.emplace(context, router_config);
        ASSERT_THAT(router->configure({{ipv4("127.0.0.2"), 0}}, vips_of_router), IsEmpty());
        node_config.port = router->speaker().listening().at(0).port;
        node.emplace(context, node_config);
        ASSERT_THAT(node->configure({}), IsEmpty());
        router->feed(Start{});
        node->feed(Start{});
    }

    bool until(std::chrono::milliseconds limit, auto condition) {
        return run_until(context, {&*node, &*router}, limit, condition);
    }
    bool both_established() {
        return node->peer().state() == State::Established && router->peer().state() == State::Established;
    }

    static std::string last_error_of(BgpNode& of) {
        const auto error = of.peer().status().last_error;
        return error ? error->text : "";
    }

    testing::OwnNetwork network;
    boost::asio::io_context context;
    std::optional<BgpNode> node;
    std::optional<BgpNode> router;
};

TEST_F(SpeakerTest, SessionComesUpCarriesARouteAndEndsWithWithdrawAndCease) {
    start(active(), passive());
    ASSERT_TRUE(until(5s, [&] { return both_established(); }));
    EXPECT_EQ(node->peer().status().local->address, net::IpAddress{ipv4("127.0.0.1")});

    node->announce(*net::Prefix::parse("203.0.113.10/32"), Route{});
    ASSERT_TRUE(until(5s, [&] { return router->updates.size() == 1 && node->routes_sent >= 1; }));
    EXPECT_EQ(router->updates[0].nlri.at(0).prefix.to_string(), "203.0.113.10/32");
    EXPECT_EQ(router->updates[0].attributes.next_hop, net::IpAddress{ipv4("127.0.0.1")});

    node->feed(Stop{CeaseSubcode::AdministrativeShutdown, "maintenance"});
    ASSERT_TRUE(until(5s, [&] { return router->peer().state() != State::Established; }));
    ASSERT_EQ(router->updates.size(), 2U);
    EXPECT_EQ(router->updates[1].withdrawn.size(), 1U);
    EXPECT_EQ(router->peer().status().last_error->notification->shutdown_communication(), "maintenance");
}

// RFC 2385: positive.
TEST_F(SpeakerTest, EqualKeysGiveASession) {
    auto here = active();
    auto there = passive();
    here.password = there.password = Password{"correct horse"};
    start(here, there);
    EXPECT_TRUE(until(5s, [&] { return both_established(); }));
}

// RFC 2385: negative. The kernel drops the SYN in silence, and counts it: so the operator hears of it.
TEST_F(SpeakerTest, AWrongKeyGivesNoneAndIsNamed) {
    auto here = active();
    auto there = passive();
    here.password = Password{"battery staple"};
    there.password = Password{"correct horse"};
    start(here, there);
    EXPECT_TRUE(until(10s, [&] { return last_error_of(*router).find("TCPMD5Failure") != std::string::npos; }))
        << last_error_of(*router);
    EXPECT_FALSE(both_established());
}

/// True where the kernel has TCP-AO.
bool has_tcp_ao(const PeerConfig& keyed) {
    const auto socket = new_socket(keyed.address.family());
    const auto set = set_tcp_ao_keys(socket.value_or(-1), keyed, SocketRole::Connects);
    ::close(socket.value_or(-1));
    return set.has_value();
}

// RFC 5925: positive where the kernel has it. Where it has not there is no session, and both ends say why.
TEST_F(SpeakerTest, WithTcpAoTheSessionIsSignedOrThereIsNone) {
    auto here = active();
    auto there = passive();
    here.tcp_ao = {{.send_id = 1, .receive_id = 2, .key = Password{"correct horse"}}};
    there.tcp_ao = {{.send_id = 2, .receive_id = 1, .key = Password{"correct horse"}}};
    if (has_tcp_ao(here)) {
        start(here, there);
        EXPECT_TRUE(until(5s, [&] { return both_established(); }));
        return;
    }
    router.emplace(context, there);
    const auto problems = router->configure({{ipv4("127.0.0.2"), 0}});
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_THAT(problems[0], HasSubstr("this kernel has no TCP-AO"));
    here.port = router->speaker().listening().at(0).port;
    node.emplace(context, here);
    ASSERT_THAT(node->configure({}), IsEmpty());
    router->feed(Start{});
    node->feed(Start{});
    EXPECT_TRUE(until(5s, [&] { return last_error_of(*node).find("this kernel has no TCP-AO") != std::string::npos; }))
        << last_error_of(*node);
    EXPECT_FALSE(until(1s, [&] { return both_established(); }));
}

// RFC 5925: negative. What comes without a signature is not taken, by a kernel that knows the key or by us.
TEST_F(SpeakerTest, WhereTcpAoIsExpectedAnUnsignedConnectionIsNone) {
    auto there = passive();
    there.tcp_ao = {{.send_id = 2, .receive_id = 1, .key = Password{"correct horse"}}};
    router.emplace(context, there);
    (void)router->configure({{ipv4("127.0.0.2"), 0}});
    auto here = active();
    here.port = router->speaker().listening().at(0).port;
    node.emplace(context, here);
    ASSERT_THAT(node->configure({}), IsEmpty());
    router->feed(Start{});
    node->feed(Start{});
    EXPECT_FALSE(until(1s, [&] { return both_established(); }));
    if (!has_tcp_ao(there)) {
        EXPECT_THAT(last_error_of(*router), HasSubstr("the kernel did not take the key of the peer"));
    }
}

TEST_F(SpeakerTest, NoKeyGivesNoneWhereOneIsExpectedAndThatIsNamed) {
    auto there = passive();
    there.password = Password{"correct horse"};
    start(active(), there);
    EXPECT_TRUE(until(10s, [&] { return last_error_of(*router).find("TCPMD5NotFound") != std::string::npos; }))
        << last_error_of(*router);
    EXPECT_FALSE(both_established());
}

TEST_F(SpeakerTest, AKeyWhereNoneIsExpectedIsNamed) {
    auto here = active();
    here.password = Password{"correct horse"};
    start(here, passive());
    EXPECT_TRUE(until(10s, [&] { return last_error_of(*router).find("TCPMD5Unexpected") != std::string::npos; }))
        << last_error_of(*router);
    EXPECT_FALSE(both_established());
}

TEST_F(SpeakerTest, APeerOfADeviceSpeaksThere) {
    auto here = active();
    auto there = passive();
    here.device = there.device = "lo";
    start(here, there);
    EXPECT_TRUE(until(5s, [&] { return both_established(); }));
}

TEST_F(SpeakerTest, APeerOfADeviceIsNotHeardElsewhere) {
    ASSERT_TRUE(network.shell("ip link add red type veth peer name red-peer && ip link set red up"));
    auto there = passive();
    there.device = "red";
    start(active(), there);
    EXPECT_FALSE(until(700ms, [&] { return both_established(); }));
}

TEST_F(SpeakerTest, ADeviceThatIsMissingIsAProblem) {
    auto there = passive();
    there.device = "vrf-red";
    router.emplace(context, there);
    const auto problems = router->configure({{ipv4("127.0.0.2"), 0}});
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_THAT(problems[0], HasSubstr("SO_BINDTODEVICE vrf-red: No such device"));
}

TEST_F(SpeakerTest, AKeyThatTheKernelRefusesMeansNoConnection) {
    auto here = active();
    here.password = Password{std::string(81, 'x')};
    start(here, passive());
    ASSERT_TRUE(until(2s, [&] { return node->peer().status().last_error.has_value(); }));
    EXPECT_THAT(node->peer().status().last_error->text, HasSubstr("TCP_MD5SIG"));
}

// RFC 5082: positive. On a loopback every packet arrives with what it was sent with, 255.
TEST_F(SpeakerTest, TtlSecurityHoldsOnBothEnds) {
    auto here = active();
    auto there = passive();
    here.ttl_security = there.ttl_security = 1;
    start(here, there);
    EXPECT_TRUE(until(5s, [&] { return both_established(); }));
}

// RFC 5082: negative. A peer that sends TTL 1 could be anywhere.
TEST_F(SpeakerTest, TtlSecurityRefusesALowTtl) {
    auto there = passive();
    there.ttl_security = 1;
    start(active(), there);
    EXPECT_FALSE(until(700ms, [&] { return both_established(); }));
}

TEST_F(SpeakerTest, AConnectionFromAnybodyElseIsClosed) {
    auto there = passive();
    there.address = ipv4("127.0.0.77");
    start(active(), there);
    EXPECT_FALSE(until(500ms, [&] { return both_established(); }));
    EXPECT_EQ(router->peer().state(), State::Active);
}

// Product rule 11: no packet of a session comes from a VIP.
TEST_F(SpeakerTest, AConnectionTowardsAVipIsClosedCountedAndExplained) {
    start(active(), passive(), {ipv4("127.0.0.2"), ipv4("203.0.113.10")});
    ASSERT_TRUE(until(5s, [&] { return router->peer().status().counters.connections_refused >= 2; }));
    EXPECT_EQ(router->peer().status().last_error->text, "it would speak from 127.0.0.2, which is a VIP");
    EXPECT_EQ(router->peer().state(), State::Active);
    EXPECT_EQ(node->peer().status().counters.messages_in, 0U);  // Not even an OPEN came from the VIP.
}

TEST_F(SpeakerTest, AConnectionBesideTheVipsIsTaken) {
    start(active(), passive(), {ipv4("127.0.0.1"), ipv4("127.0.0.3")});  // The far end may be called what it likes.
    EXPECT_TRUE(until(5s, [&] { return both_established(); }));
    EXPECT_EQ(router->peer().status().counters.connections_refused, 0U);
}

TEST_F(SpeakerTest, AConnectionThatTheKernelWouldOpenFromAVipIsNotOpened) {
    ASSERT_TRUE(
        network.shell("ip address add 203.0.113.10/32 dev lo && ip address add 192.0.2.11/32 dev lo && "
                      "ip route add 192.0.2.1 dev lo src 203.0.113.10"));
    auto config = active();
    config.source.reset();
    config.address = ipv4("192.0.2.1");
    node.emplace(context, config);
    ASSERT_THAT(node->configure({}, {ipv4("203.0.113.10")}), IsEmpty());
    node->feed(Start{});
    EXPECT_EQ(node->peer().state(), State::Active);
    EXPECT_EQ(node->peer().status().last_error->text, "it would speak from 203.0.113.10, which is a VIP");
    // The same with a source that the operator has named.
    config.source = ipv4("192.0.2.11");
    node.emplace(context, config);
    ASSERT_THAT(node->configure({}, {ipv4("192.0.2.11")}), IsEmpty());
    node->feed(Start{});
    EXPECT_EQ(node->peer().status().last_error->text, "it would speak from 192.0.2.11, which is a VIP");
    // And one that is none.
    node.emplace(context, config);
    ASSERT_THAT(node->configure({}, {ipv4("203.0.113.10")}), IsEmpty());
    node->feed(Start{});
    EXPECT_EQ(node->peer().state(), State::Connect);
}

TEST_F(SpeakerTest, ASessionWhoseAddressBecomesAVipEndsWithTheReload) {
    start(active(), passive());
    ASSERT_TRUE(until(5s, [&] { return both_established(); }));
    ASSERT_THAT(node->configure({}, {ipv4("127.0.0.1")}), IsEmpty());
    EXPECT_EQ(node->peer().state(), State::Idle);
    EXPECT_EQ(node->peer().status().last_error->text, "it would speak from 127.0.0.1, which is a VIP");
    ASSERT_TRUE(until(5s, [&] { return router->peer().state() == State::Active || router->peer().deadline(); }));
    EXPECT_EQ(router->updates.size(), 0U);
}

TEST_F(SpeakerTest, NoDescriptorSurvivesExec) {
    start(active(), passive());
    ASSERT_TRUE(until(5s, [&] { return both_established(); }));
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        std::error_code gone;
        const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
        if (gone || !target.starts_with("socket:")) continue;
        const int flags = ::fcntl(std::stoi(entry.path().filename()), F_GETFD);
        if (flags >= 0) EXPECT_TRUE((flags & FD_CLOEXEC) != 0) << target;
    }
}

TEST_F(SpeakerTest, AnAddressInUseIsAProblemAndASecondTryASolution) {
    std::optional<BgpNode> first;
    first.emplace(context, passive());
    ASSERT_THAT(first->configure({{ipv4("127.0.0.2"), 0}}), IsEmpty());
    const auto endpoint = first->speaker().listening().at(0);
    router.emplace(context, passive());
    ASSERT_EQ(router->configure({endpoint}).size(), 1U);
    first.reset();
    EXPECT_THAT(router->configure({endpoint}), IsEmpty());
}

/// A Speaker with a range of 127.0.0.2 to .3, and a peer at .2; events come under the names that it gives.
class SpeakerWithRangeTest : public ::testing::Test {
protected:
    SpeakerWithRangeTest() { EXPECT_TRUE(network.usable()) << "needs root"; }
    static PeerConfig range() {
        PeerConfig config;
        config.range = *net::Prefix::parse("127.0.0.2/31");
        config.address = config.range->address();
        config.passive = true;
        return config;
    }
    static PeerConfig host() {
        PeerConfig config;
        config.address = ipv4("127.0.0.2");
        config.passive = true;
        return config;
    }
    void listen(const Peers& peers) { ASSERT_THAT(speaker.configure({{ipv4("127.0.0.1"), 0}}, peers, {}), IsEmpty()); }
    /// Connects from there, with a key or without.
    void connect(const char* address, const Password& key = {}) {
        auto& socket = sockets.emplace_back(context, boost::asio::ip::tcp::v4());
        const auto listening = speaker.listening().at(0);
        if (!key.empty()) {
            ASSERT_TRUE(set_md5_key(socket.native_handle(), net::Prefix::host(listening.address), key));
        }
        socket.bind({boost::asio::ip::make_address(address), 0});
        socket.async_connect({boost::asio::ip::make_address("127.0.0.1"), listening.port},
                             [](const boost::system::error_code&) {});
    }
    bool run_until_true(auto condition, std::chrono::milliseconds limit = 5s) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (!condition() && std::chrono::steady_clock::now() < end) {
            context.restart();
            context.run_one_for(50ms);
        }
        return condition();
    }

    testing::OwnNetwork network;
    boost::asio::io_context context;
    std::vector<std::string> opened;
    Speaker speaker{context.get_executor(), [this](const PeerName& name, const Event& event) {
                        if (std::holds_alternative<ConnectionOpened>(event)) opened.push_back(name.value());
                    }};
    std::vector<boost::asio::ip::tcp::socket> sockets;
};

TEST_F(SpeakerWithRangeTest, WhatConnectsFromThereHasTheRangesNameAndItsAddress) {
    listen({{PeerName{"all"}, range()}, {PeerName{"host"}, host()}});
    connect("127.0.0.3");
    ASSERT_TRUE(run_until_true([&] { return opened.size() == 1; }));
    connect("127.0.0.2");
    ASSERT_TRUE(run_until_true([&] { return opened.size() == 2; }));
    connect("127.0.0.4");
    EXPECT_FALSE(run_until_true([&] { return opened.size() == 3; }, 300ms));
    EXPECT_THAT(opened, ElementsAre("all/127.0.0.3", "host"));
}

// RFC 2385 over a prefix: positive and negative.
TEST_F(SpeakerWithRangeTest, TheKeyOfTheRangeIsAskedOfEachOfItsAddresses) {
    auto keyed = range();
    keyed.password = Password{"correct horse"};
    listen({{PeerName{"all"}, keyed}});
    connect("127.0.0.3");
    connect("127.0.0.2", Password{"correct horse"});
    ASSERT_TRUE(run_until_true([&] { return !opened.empty(); }));
    EXPECT_FALSE(run_until_true([&] { return opened.size() == 2; }, 300ms));
    EXPECT_THAT(opened, ElementsAre("all/127.0.0.2"));
}

TEST_F(SpeakerWithRangeTest, ARangeThatLosesItsKeyIsOpenToAll) {
    auto keyed = range();
    keyed.password = Password{"correct horse"};
    listen({{PeerName{"all"}, keyed}});
    const auto endpoint = speaker.listening().at(0);
    ASSERT_THAT(speaker.configure({{ipv4("127.0.0.1"), 0}}, {{PeerName{"all"}, range()}}, {}), IsEmpty());
    ASSERT_EQ(speaker.listening().at(0), endpoint);
    connect("127.0.0.3");
    EXPECT_TRUE(run_until_true([&] { return !opened.empty(); }));
}

/// A Speaker with one peer, which is a bare socket: it reads when the test says so.
class SpeakerWithBarePeerTest : public ::testing::Test {
protected:
    SpeakerWithBarePeerTest() {
        EXPECT_TRUE(network.usable()) << "needs root";
        PeerConfig config;
        config.address = ipv4("127.0.0.2");
        config.port = acceptor.local_endpoint().port();
        EXPECT_THAT(speaker.configure({}, {{peer, config}}, {}), IsEmpty());
    }
    void connect() {
        speaker.perform(peer, OpenConnection{AttemptId{1}});
        boost::asio::ip::tcp::socket accepted = acceptor.accept();
        bare.emplace(std::move(accepted));
        run_until_true([&] { return !events.empty(); });
        connection = std::get<ConnectionOpened>(events.at(0)).connection;
    }
    bool run_until_true(auto condition) {
        const auto end = std::chrono::steady_clock::now() + 5s;
        while (!condition() && std::chrono::steady_clock::now() < end) context.run_one_for(50ms);
        return condition();
    }

    testing::OwnNetwork network;
    boost::asio::io_context context;
    const PeerName peer{"bare"};
    std::vector<Event> events;
    Speaker speaker{context.get_executor(),
                    [this](const PeerName&, Event event) { events.push_back(std::move(event)); }};
    boost::asio::ip::tcp::acceptor acceptor{context, {boost::asio::ip::make_address("127.0.0.2"), 0}};
    std::optional<boost::asio::ip::tcp::socket> bare;
    ConnectionId connection;
};

TEST_F(SpeakerWithBarePeerTest, IsIdleAtOnceWhenNothingLingersButNeverFromWithin) {
    bool idle = false;
    speaker.when_idle([&] { idle = true; });
    EXPECT_FALSE(idle);
    EXPECT_TRUE(run_until_true([&] { return idle; }));
}

TEST_F(SpeakerWithBarePeerTest, IsIdleOnlyWhenASlowPeerHasReadEverything) {
    connect();
    constexpr std::size_t more_than_the_kernel_takes = 16'000'000;
    speaker.perform(peer, Send{connection, std::vector<std::uint8_t>(more_than_the_kernel_takes)});
    speaker.perform(peer, CloseConnection{connection});
    bool idle = false;
    speaker.when_idle([&] { idle = true; });
    context.run_for(100ms);
    EXPECT_FALSE(idle);

    std::size_t octets = 0;
    std::vector<std::uint8_t> buffer(1'000'000);
    boost::system::error_code error;
    bare->non_blocking(true);
    while (error != boost::asio::error::eof && !idle) {
        octets += bare->read_some(boost::asio::buffer(buffer), error);
        context.poll();
    }
    EXPECT_EQ(octets, more_than_the_kernel_takes);
    EXPECT_FALSE(idle);
    bare->close();
    EXPECT_TRUE(run_until_true([&] { return idle; }));
}

TEST_F(SpeakerWithBarePeerTest, WaitsNoLongerThanASecondForAPeerThatNeverReads) {
    connect();
    speaker.perform(peer, CloseConnection{connection});
    bool idle = false;
    const auto begin = std::chrono::steady_clock::now();
    speaker.when_idle([&] { idle = true; });
    EXPECT_TRUE(run_until_true([&] { return idle; }));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 900ms);
    EXPECT_LE(std::chrono::steady_clock::now() - begin, 3s);
}

TEST_F(SpeakerWithBarePeerTest, AConnectionThatThePeerRefusesIsReportedInTheSystemsWords) {
    acceptor.close();
    speaker.perform(peer, OpenConnection{AttemptId{3}});
    ASSERT_TRUE(run_until_true([&] { return !events.empty(); }));
    EXPECT_THAT(events, ::testing::ElementsAre(Event{ConnectionFailed{AttemptId{3}, "Connection refused"}}));
}

TEST_F(SpeakerWithBarePeerTest, AnAttemptThatWasGivenUpDoesNotEndTheNextOfTheSameNumber) {
    speaker.perform(peer, OpenConnection{AttemptId{1}});
    speaker.perform(peer, AbortOpen{AttemptId{1}});
    speaker.perform(peer, OpenConnection{AttemptId{1}});
    ASSERT_TRUE(run_until_true([&] { return !events.empty(); }));
    EXPECT_EQ(events.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<ConnectionOpened>(events.at(0)));
}

TEST_F(SpeakerTest, NobodyListensWithoutPeers) {
    Speaker speaker{context.get_executor(), [](const PeerName&, const Event&) {}};
    EXPECT_THAT(speaker.configure({{ipv4("127.0.0.2"), 0}}, {}, {}), IsEmpty());
    EXPECT_THAT(speaker.listening(), IsEmpty());
}

}  // namespace
}  // namespace anyvip::bgp::io
