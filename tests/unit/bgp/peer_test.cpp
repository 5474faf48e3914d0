#include "bgp/peer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/describe.hpp"
#include "anyvip/random.hpp"
#include "bgp/message.hpp"
#include "support/transcript.hpp"
#include "support/vectors.hpp"

namespace anyvip::bgp {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TimePoint t0{1000s};

net::IpAddress address(const char* text) {
    return *net::IpAddress::parse(text);
}
net::Ipv4Address ipv4(const char* text) {
    return *net::Ipv4Address::parse(text);
}
net::Prefix prefix(const char* text) {
    return *net::Prefix::parse(text);
}

PeerConfig config_of_node() {
    PeerConfig config;
    config.local_as = Asn{65010};
    config.router_id = ipv4("10.0.0.11");
    config.address = address("10.0.0.1");
    config.peer_as = Asn{65000};
    return config;
}

PeerConfig config_of_router() {
    PeerConfig config;
    config.local_as = Asn{65000};
    config.router_id = ipv4("10.0.0.1");
    config.address = address("10.0.0.11");
    config.peer_as = ExternalAs{};
    return config;
}

template <class T>
std::vector<T> all(const Actions& actions) {
    std::vector<T> found;
    for (const auto& action : actions) {
        if (const auto* wanted = std::get_if<T>(&action)) found.push_back(*wanted);
    }
    return found;
}

std::vector<Message> messages(const std::vector<std::uint8_t>& bytes,
                              const DecodeContext& context = {.families = {ipv4_unicast, ipv6_unicast}}) {
    std::vector<Message> result;
    Framer framer;
    framer.feed(bytes);
    while (const auto raw = framer.next()) {
        if (!*raw) return result;
        if (auto message = decode(**raw, context)) result.push_back(std::move(*message));
    }
    return result;
}

std::vector<Message> sent(const Actions& actions) {
    std::vector<Message> result;
    for (const auto& send : all<Send>(actions)) {
        for (auto& message : messages(send.bytes)) result.push_back(std::move(message));
    }
    return result;
}

/// One peer of ours and what the test says the router does.
class PeerTest : public ::testing::Test {
protected:
    Actions feed(const Event& event) { return peer.handle(event, now); }

    Actions open(std::uint64_t id, std::optional<std::uint64_t> attempt) {
        ConnectionOpened opened{.connection = ConnectionId{id},
                                .attempt = {},
                                .local = {address("10.0.0.11"), 40000},
                                .remote = {address("10.0.0.1"), 179}};
        if (attempt) opened.attempt = AttemptId{*attempt};
        return feed(opened);
    }

    Actions receive(std::uint64_t id, const Message& message) {
        return feed(Received{ConnectionId{id}, encode(message, EncodeContext{})});
    }

    static Open router_open(const char* id = "10.0.0.1", Asn asn = Asn{65000}) {
        Open open;
        open.my_as = asn;
        open.hold_time = HoldTime{90};
        open.identifier = ipv4(id);
        open.capabilities = {Multiprotocol{ipv4_unicast}, Multiprotocol{ipv6_unicast}, RouteRefreshCapability{},
                             FourOctetAs{asn}};
        return open;
    }

    /// Over connection 1, which we opened.
    void establish(const Open& offer = router_open()) {
        (void)feed(Start{});
        (void)open(1, 1);
        (void)receive(1, offer);
        (void)receive(1, Keepalive{});
        ASSERT_EQ(peer.state(), State::Established);
        (void)feed(Written{ConnectionId{1}, 1U << 30U});
    }

    /// Another peer in the place of this one.
    void become(const PeerConfig& config) {
        std::destroy_at(&peer);
        std::construct_at(&peer, config, random, routes);
    }

    void take_all() { (void)feed(Written{ConnectionId{1}, 1U << 30U}); }

    Random random{1};
    RouteTable routes;
    TimePoint now = t0;
    Peer peer{config_of_node(), random, routes};
};

TEST_F(PeerTest, StartOpensAConnection) {
    EXPECT_EQ(feed(Start{}), (Actions{OpenConnection{AttemptId{1}}, StateChanged{State::Idle, State::Connect, {}}}));
}

TEST_F(PeerTest, PassivePeerWaitsForAConnection) {
    auto config = config_of_node();
    config.passive = true;
    Peer passive{config, random, routes};
    EXPECT_EQ(passive.handle(Start{}, now), (Actions{StateChanged{State::Idle, State::Active, {}}}));
    EXPECT_EQ(passive.deadline(), std::nullopt);
}

TEST_F(PeerTest, SessionComesUpOverOurConnection) {
    (void)feed(Start{});
    const auto opened = open(1, 1);
    ASSERT_EQ(sent(opened).size(), 1U);
    const auto hello = std::get<Open>(sent(opened)[0]);
    EXPECT_EQ(hello.asn(), Asn{65010});
    EXPECT_EQ(hello.hold_time, HoldTime{9});
    EXPECT_EQ(hello.identifier, ipv4("10.0.0.11"));

    const auto confirmed = receive(1, router_open());
    EXPECT_EQ(sent(confirmed), (std::vector<Message>{Keepalive{}}));
    const auto up = receive(1, Keepalive{});
    ASSERT_EQ(all<SessionUp>(up).size(), 1U);
    EXPECT_EQ(all<SessionUp>(up)[0].negotiated.hold_time, 9s);  // The smaller of 9 and 90.
    EXPECT_EQ(peer.status().remote, (net::Endpoint{address("10.0.0.1"), 179}));
}

TEST_F(PeerTest, AnAnswerToAnAttemptThatWasGivenUpIsClosed) {
    (void)feed(Start{});
    (void)feed(Stop{});
    (void)feed(Start{});  // Attempt 2.
    EXPECT_EQ(open(7, 1), (Actions{CloseConnection{ConnectionId{7}}}));
    EXPECT_EQ(feed(ConnectionFailed{AttemptId{1}, "refused"}), Actions{});
    EXPECT_EQ(peer.state(), State::Connect);
}

TEST_F(PeerTest, RefusedConnectionIsTriedAgainWithoutBackOff) {
    (void)feed(Start{});
    for (std::uint64_t attempt = 1; attempt <= 5; ++attempt) {
        (void)feed(ConnectionFailed{AttemptId{attempt}, "connection refused"});
        ASSERT_EQ(peer.state(), State::Active);
        // RFC 4271 §10: 5 s by a factor from 0.75 to 1.
        EXPECT_GE(*peer.deadline() - now, 3750ms);
        EXPECT_LE(*peer.deadline() - now, 5s);
        now = *peer.deadline();
        EXPECT_EQ(all<OpenConnection>(feed(TimerExpired{})), (std::vector{OpenConnection{AttemptId{attempt + 1}}}));
    }
    EXPECT_EQ(peer.status().last_error->text, "connection refused");
}

TEST_F(PeerTest, AConnectionThatTheShellRefusedIsCountedAndKeptAsTheLastError) {
    establish();
    EXPECT_EQ(feed(ConnectionRefused{"it would speak from 203.0.113.10, which is a VIP"}), Actions{});
    EXPECT_EQ(peer.state(), State::Established);
    const auto status = peer.status();
    EXPECT_EQ(status.counters.connections_refused, 1U);
    ASSERT_TRUE(status.last_error);
    EXPECT_EQ(describe(*status.last_error), "connection failed \"it would speak from 203.0.113.10, which is a VIP\"");
    EXPECT_EQ(status.last_error_at, now);
}

// RFC 4271 §8.2.2: positive. Active takes the peer's connection as its own.
TEST_F(PeerTest, ActiveTakesTheConnectionOfThePeer) {
    (void)feed(Start{});
    (void)feed(ConnectionFailed{AttemptId{1}, "refused"});
    EXPECT_EQ(sent(open(5, {})).size(), 1U);
    EXPECT_EQ(peer.state(), State::OpenSent);
}

// RFC 4271 §8.2.2, Idle: negative. Connections are refused.
TEST_F(PeerTest, IdleRefusesConnections) {
    EXPECT_EQ(open(5, {}), (Actions{CloseConnection{ConnectionId{5}}}));
    (void)feed(Start{});
    (void)open(1, 1);
    (void)receive(1, router_open("10.0.0.1", Asn{64999}));  // Bad Peer AS: back-off.
    ASSERT_EQ(peer.state(), State::Idle);
    EXPECT_EQ(open(6, {}), (Actions{CloseConnection{ConnectionId{6}}}));
}

// RFC 4271 §6.8: positive, for either relation of the identifiers and in both orders of the OPENs. 10.0.0.11 is higher
// than 10.0.0.1.
TEST_F(PeerTest, CollisionKeepsOursWhenOurIdentifierIsHigher) {
    (void)feed(Start{});
    (void)open(1, 1);
    (void)open(2, {});
    (void)receive(1, router_open());
    const auto decided = receive(2, router_open());
    EXPECT_THAT(sent(decided), ElementsAre(Message{cease(CeaseSubcode::ConnectionCollisionResolution)}));
    EXPECT_EQ(all<CloseConnection>(decided), (std::vector{CloseConnection{ConnectionId{2}}}));
    (void)receive(1, Keepalive{});
    EXPECT_EQ(peer.state(), State::Established);
}

TEST_F(PeerTest, CollisionKeepsOursWhenTheOpenOfTheirsCameFirst) {
    (void)feed(Start{});
    (void)open(1, 1);
    (void)open(2, {});
    (void)receive(2, router_open());
    const auto decided = receive(1, router_open());
    EXPECT_EQ(all<CloseConnection>(decided), (std::vector{CloseConnection{ConnectionId{2}}}));
    (void)receive(1, Keepalive{});
    EXPECT_EQ(peer.state(), State::Established);
}

TEST_F(PeerTest, CollisionKeepsTheirsWhenTheirIdentifierIsHigher) {
    (void)feed(Start{});
    (void)open(1, 1);
    (void)open(2, {});
    (void)receive(1, router_open("10.0.0.200"));
    const auto decided = receive(2, router_open("10.0.0.200"));
    EXPECT_THAT(sent(decided),
                ElementsAre(Message{cease(CeaseSubcode::ConnectionCollisionResolution)}, Message{Keepalive{}}));
    EXPECT_EQ(all<CloseConnection>(decided), (std::vector{CloseConnection{ConnectionId{1}}}));
    (void)receive(2, Keepalive{});
    EXPECT_EQ(peer.state(), State::Established);
    EXPECT_EQ(peer.status().negotiated->peer_id, ipv4("10.0.0.200"));
}

TEST_F(PeerTest, CollisionKeepsTheirsWhenItsOpenCameFirst) {
    (void)feed(Start{});
    (void)open(1, 1);
    (void)open(2, {});
    (void)receive(2, router_open("10.0.0.200"));
    const auto decided = receive(1, router_open("10.0.0.200"));
    EXPECT_EQ(all<CloseConnection>(decided), (std::vector{CloseConnection{ConnectionId{1}}}));
    (void)receive(2, Keepalive{});
    EXPECT_EQ(peer.state(), State::Established);
}

// RFC 4271 §6.8: positive. Four octets in network order, without a sign: 200.0.0.1 is higher than 10.0.0.11, and
// 9.255.255.255 is lower.
TEST_F(PeerTest, CollisionComparesIdentifiersAsNumbers) {
    for (const auto& [identifier, closed] : {std::pair{"200.0.0.1", 1U}, std::pair{"9.255.255.255", 2U}}) {
        become(config_of_node());
        (void)feed(Start{});
        (void)open(1, 1);
        (void)open(2, {});
        (void)receive(1, router_open(identifier));
        EXPECT_EQ(all<CloseConnection>(receive(2, router_open(identifier))),
                  (std::vector{CloseConnection{ConnectionId{closed}}}))
            << identifier;
    }
}

// RFC 4271 §6.8: negative. A connection in OpenSent, whose OPEN has not come, is no collision yet.
TEST_F(PeerTest, NothingCollidesBeforeTheSecondOpen) {
    (void)feed(Start{});
    (void)open(1, 1);
    (void)open(2, {});
    const auto first = receive(1, router_open("10.0.0.200"));
    EXPECT_THAT(sent(first), ElementsAre(Message{Keepalive{}}));
    EXPECT_THAT(all<CloseConnection>(first), IsEmpty());
}

// RFC 6286 §2.3: negative; a lower AS number of ours gives the connection up.
TEST_F(PeerTest, CollisionOfEqualIdentifiersIsLostByTheLowerAsNumber) {
    auto config = config_of_node();
    config.peer_as = Asn{65020};
    become(config);
    (void)feed(Start{});
    (void)open(1, 1);
    (void)open(2, {});
    (void)receive(1, router_open("10.0.0.11", Asn{65020}));
    EXPECT_EQ(all<CloseConnection>(receive(2, router_open("10.0.0.11", Asn{65020}))),
              (std::vector{CloseConnection{ConnectionId{1}}}));
}

// RFC 6286 §2.3: positive. Equal identifiers over eBGP; the higher AS number, ours, decides.
TEST_F(PeerTest, CollisionOfEqualIdentifiersGoesByAsNumber) {
    (void)feed(Start{});
    (void)open(1, 1);
    (void)open(2, {});
    (void)receive(1, router_open("10.0.0.11"));
    EXPECT_EQ(all<CloseConnection>(receive(2, router_open("10.0.0.11"))),
              (std::vector{CloseConnection{ConnectionId{2}}}));
}

// RFC 4271 §6.8: negative. An Established session is not given up for a new connection.
TEST_F(PeerTest, EstablishedSessionRefusesAnotherConnection) {
    establish();
    EXPECT_EQ(open(2, {}), (Actions{CloseConnection{ConnectionId{2}}}));
    EXPECT_EQ(peer.state(), State::Established);
}

TEST_F(PeerTest, SessionOverTheirsEndsOurAttempt) {
    (void)feed(Start{});
    (void)open(2, {});
    ASSERT_EQ(peer.state(), State::OpenSent);
    EXPECT_EQ(all<AbortOpen>(receive(2, router_open())), (std::vector{AbortOpen{AttemptId{1}}}));
    (void)receive(2, Keepalive{});
    EXPECT_EQ(peer.state(), State::Established);
    EXPECT_EQ(open(3, 1), (Actions{CloseConnection{ConnectionId{3}}}));  // It was under way.
}

TEST_F(PeerTest, ABadOpenOnOneConnectionLeavesTheOtherAlone) {
    (void)feed(Start{});
    (void)open(1, 1);
    (void)open(2, {});
    (void)receive(1, router_open());
    const auto refused = receive(2, router_open("10.0.0.200", Asn{64999}));
    EXPECT_EQ(sent(refused), (std::vector<Message>{bad_peer_as()}));
    (void)receive(1, Keepalive{});
    EXPECT_EQ(peer.state(), State::Established);
}

// RFC 4271 §5.1.2: positive; to an external peer our AS is the path.
// RFC 4271 §5.1.5: negative; LOCAL_PREF is never for an external peer.
TEST_F(PeerTest, RoutesWantedBeforeTheSessionGoOutWithIt) {
    (void)feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{.attributes = {.med = 50}}})});
    (void)feed(Start{});
    (void)open(1, 1);
    (void)receive(1, router_open());
    const auto up = receive(1, Keepalive{});
    ASSERT_EQ(sent(up).size(), 1U);  // And no End-of-RIB: not every route is known yet.
    const auto update = std::get<Update>(sent(up)[0]);
    EXPECT_EQ(update.nlri, (std::vector<Nlri>{prefix("203.0.113.10/32")}));
    EXPECT_EQ(update.attributes.next_hop, address("10.0.0.11"));  // Our end of the session.
    EXPECT_EQ(update.attributes.as_path, AsPath::sequence({Asn{65010}}));
    EXPECT_EQ(update.attributes.med, 50U);
    EXPECT_THAT(update.errors, IsEmpty());  // As it would be of a LOCAL_PREF that was sent.
}

/// A session between link-local addresses, and the octets of the next hop of a route that goes over it.
class LinkLocalPeerTest : public PeerTest {
protected:
    std::vector<std::uint8_t> next_hop_octets(const char* route, std::optional<LinkLocalForm> form = {},
                                              bool capability = false) {
        auto config = config_of_node();
        config.extended_next_hop = true;
        config.link_local_form = form;
        become(config);
        auto offer = router_open();
        offer.capabilities.emplace_back(ExtendedNextHop{{{ipv4_unicast, 2}}});
        if (capability) offer.capabilities.emplace_back(LinkLocalNextHop{});
        (void)feed(Start{});
        (void)feed(ConnectionOpened{.connection = ConnectionId{1},
                                    .attempt = AttemptId{1},
                                    .local = {address("fe80::11"), 40000},
                                    .remote = {address("fe80::1"), 179}});
        (void)receive(1, offer);
        (void)receive(1, Keepalive{});
        const auto actions = all<Send>(feed(RoutesChanged{routes.change({prefix(route), Route{}})}));
        if (actions.empty()) return {};
        // Header 19, two lengths of two, flags, type and two of length, AFI and SAFI; then the next hop's length.
        const auto& bytes = actions[0].bytes;
        const auto length = bytes.at(30);
        return {bytes.begin() + 31, bytes.begin() + 31 + length};
    }
    static std::vector<std::uint8_t> octets(std::initializer_list<const char*> addresses) {
        std::vector<std::uint8_t> all;
        for (const char* text : addresses) {
            const auto bytes = address(text).v6().bytes();
            all.insert(all.end(), bytes.begin(), bytes.end());
        }
        return all;
    }
};

// RFC 2545 §3: positive; RFC 8950 §3: positive. The peer is on the link, as its address says.
TEST_F(LinkLocalPeerTest, OurEndIsTheNextHopOfBothFamilies) {
    for (const char* route : {"2001:db8::10/128", "203.0.113.10/32"}) {
        EXPECT_EQ(next_hop_octets(route, {}, true), octets({"fe80::11"})) << route;
    }
}

// draft-ietf-idr-linklocal-capability: who does not say that it takes 16 octets gets the 32 that older routers take.
TEST_F(LinkLocalPeerTest, WithoutTheCapabilityItIsSaidTwice) {
    EXPECT_EQ(next_hop_octets("2001:db8::10/128"), octets({"fe80::11", "fe80::11"}));
    EXPECT_EQ(next_hop_octets("203.0.113.10/32"), octets({"fe80::11", "fe80::11"}));
}

TEST_F(LinkLocalPeerTest, TheOperatorsFormWins) {
    EXPECT_EQ(next_hop_octets("203.0.113.10/32", LinkLocalForm::Alone), octets({"fe80::11"}));
    EXPECT_EQ(next_hop_octets("203.0.113.11/32", LinkLocalForm::Twice, true), octets({"fe80::11", "fe80::11"}));
    EXPECT_EQ(next_hop_octets("203.0.113.12/32", LinkLocalForm::AfterUnspecified, true), octets({"::", "fe80::11"}));
}

// RFC 2545 §3: negative. To a peer with a global address it means nothing, or another link.
TEST_F(PeerTest, ALinkLocalEndOfTheSessionIsNoNextHopForAGlobalPeer) {
    (void)feed(Start{});
    (void)feed(ConnectionOpened{.connection = ConnectionId{1},
                                .attempt = AttemptId{1},
                                .local = {address("fe80::11"), 40000},
                                .remote = {address("2001:db8::1"), 179}});
    (void)receive(1, router_open());
    (void)receive(1, Keepalive{});
    EXPECT_THAT(sent(feed(RoutesChanged{routes.change({prefix("2001:db8::10/128"), Route{}})})), IsEmpty());
    EXPECT_EQ(peer.status().routes_withheld, (std::map<Withheld, std::size_t>{{Withheld::NoNextHop, 1}}));
}

// RFC 2545 §3: positive. Our end of a session over IPv6, as the one global next hop of 16 octets.
TEST_F(PeerTest, OurEndOfAnIpv6SessionIsTheNextHopOfIpv6Routes) {
    (void)feed(Start{});
    (void)feed(ConnectionOpened{.connection = ConnectionId{1},
                                .attempt = AttemptId{1},
                                .local = {address("2001:db8::11"), 40000},
                                .remote = {address("2001:db8::1"), 179}});
    (void)receive(1, router_open());
    (void)receive(1, Keepalive{});
    const auto update =
        std::get<Update>(sent(feed(RoutesChanged{routes.change({prefix("2001:db8:f::10/128"), Route{}})})).at(0));
    ASSERT_TRUE(update.mp_reach);
    EXPECT_EQ(update.mp_reach->next_hop, address("2001:db8::11"));
    EXPECT_EQ(update.mp_reach->link_local, std::nullopt);
}

TEST_F(PeerTest, EndOfRibWaitsForTheFirstVerdicts) {
    establish();
    const auto complete = feed(InitialRoutesComplete{});
    EXPECT_THAT(sent(complete), ElementsAre(Message{end_of_rib(ipv4_unicast)}, Message{end_of_rib(ipv6_unicast)}));
    EXPECT_THAT(sent(feed(InitialRoutesComplete{})), IsEmpty());
}

TEST_F(PeerTest, RoutesAreSentWhenTcpHasTakenThem) {
    establish();
    const auto changed = feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{}})});
    ASSERT_EQ(all<Send>(changed).size(), 1U);
    EXPECT_THAT(all<RoutesSent>(changed), IsEmpty());
    // OPEN 51 and KEEPALIVE 19 are out, the UPDATE is not.
    EXPECT_THAT(all<RoutesSent>(feed(Written{ConnectionId{1}, 70})), IsEmpty());
    EXPECT_EQ(all<RoutesSent>(feed(Written{ConnectionId{1}, 1U << 30U})).size(), 1U);
}

TEST_F(PeerTest, RoutesAreSentAtOnceWithoutASession) {
    EXPECT_EQ(feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{}})}), (Actions{RoutesSent{}}));
}

TEST_F(PeerTest, LosingTheSessionSettlesWhatWasOwed) {
    establish();
    (void)feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{}})});
    const auto lost = feed(ConnectionClosed{ConnectionId{1}, "reset"});
    EXPECT_EQ(all<SessionDown>(lost).size(), 1U);
    EXPECT_EQ(all<RoutesSent>(lost).size(), 1U);
    EXPECT_THAT(all<CloseConnection>(lost), IsEmpty());  // It is closed already.
}

TEST_F(PeerTest, APeerThatDoesNotReadGetsOnlyTheNewestState) {
    establish();
    std::size_t octets = 0;
    std::vector<RouteChange> many;
    for (std::uint32_t i = 0; i < 20000; ++i) {
        many.push_back({net::Prefix::host(net::Ipv4Address{0x0a000000U + i}), Route{.attributes = {.med = i}}});
    }
    for (const auto& send : all<Send>(feed(RoutesChanged{routes.change(many)}))) octets += send.bytes.size();
    // While it does not read, everything is taken back: nothing is sent but what still has room.
    for (auto& change : many) change.route.reset();
    for (const auto& send : all<Send>(feed(RoutesChanged{routes.change(many)}))) octets += send.bytes.size();
    EXPECT_LE(octets, Peer::send_window);
    std::size_t announced = 0;
    for (const auto& message : sent(feed(Written{ConnectionId{1}, 1U << 30U}))) {
        announced += std::get<Update>(message).nlri.size();
    }
    EXPECT_EQ(announced, 0U);
}

// RFC 9003, and product rule 7: withdraw, then Cease, then close.
TEST_F(PeerTest, TenThousandFlapsBeforeAPeerThatDoesNotReadAreOneChangeAPrefix) {
    establish();
    std::size_t octets = 0;
    for (std::uint32_t flap = 0; flap < 10'000; ++flap) {
        std::vector<RouteChange> both;
        for (const char* text : {"203.0.113.10/32", "203.0.113.11/32"}) {
            both.push_back(
                {prefix(text), flap % 2 == 0 ? std::optional{Route{.attributes = {.med = flap}}} : std::nullopt});
        }
        for (const auto& send : all<Send>(feed(RoutesChanged{routes.change(both)}))) octets += send.bytes.size();
        ASSERT_LE(octets, Peer::send_window);
    }
    EXPECT_LE(routes.size(), 2U);
    // The last of them withdrew: what the peer still has to be told is that, once, or nothing.
    std::size_t changes = 0;
    for (const auto& message : sent(feed(Written{ConnectionId{1}, 1U << 30U}))) {
        const auto& update = std::get<Update>(message);
        EXPECT_THAT(update.nlri, IsEmpty());
        changes += update.withdrawn.size();
    }
    EXPECT_LE(changes, 2U);
    EXPECT_EQ(peer.status().routes_announced, 0U);
}

// RFC 9494 §4.1: positive; a peer that keeps routes for long is told not to.
// RFC 9494 §4.1: negative; where it does not, or the operator wants it to, nothing is said.
TEST_F(PeerTest, APeerThatKeepsRoutesForLongIsToldNotTo) {
    const auto communities_for = [&](std::vector<LongLivedGracefulRestart::Entry> families, bool no_llgr) {
        become(config_of_node());
        auto offer = router_open();
        offer.capabilities.emplace_back(GracefulRestart{});
        offer.capabilities.emplace_back(LongLivedGracefulRestart{std::move(families)});
        (void)feed(
            RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{.attributes = {.no_llgr = no_llgr}}})});
        (void)feed(Start{});
        (void)open(1, 1);
        (void)receive(1, offer);
        const auto update = std::get<Update>(sent(receive(1, Keepalive{})).at(0));
        (void)feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), std::nullopt})});
        return update.attributes.communities;
    };
    const LongLivedGracefulRestart::Entry ipv4{.family = ipv4_unicast, .stale_time = 86400s};
    EXPECT_EQ(communities_for({ipv4}, true), (std::set<Community>{no_llgr_community}));
    EXPECT_THAT(communities_for({ipv4}, false), IsEmpty());
    EXPECT_THAT(communities_for({}, true), IsEmpty());
    EXPECT_THAT(communities_for({{.family = ipv4_unicast, .stale_time = 0s}}, true), IsEmpty());
}

TEST_F(PeerTest, StopWithdrawsThenSaysCeaseThenCloses) {
    establish();
    (void)feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{}})});
    take_all();
    const auto stopped = feed(Stop{CeaseSubcode::AdministrativeShutdown, "maintenance"});
    ASSERT_EQ(sent(stopped).size(), 2U);
    EXPECT_EQ(std::get<Update>(sent(stopped)[0]).withdrawn, (std::vector<Nlri>{prefix("203.0.113.10/32")}));
    const auto notification = std::get<Notification>(sent(stopped)[1]);
    EXPECT_EQ(notification.code, 6);
    EXPECT_EQ(notification.subcode, 2);
    EXPECT_EQ(notification.data,
              (std::vector<std::uint8_t>{11, 'm', 'a', 'i', 'n', 't', 'e', 'n', 'a', 'n', 'c', 'e'}));
    ASSERT_GE(stopped.size(), 4U);
    EXPECT_TRUE(std::holds_alternative<Send>(stopped[0]));
    EXPECT_TRUE(std::holds_alternative<Send>(stopped[1]));
    EXPECT_EQ(stopped[2], Action{CloseConnection{ConnectionId{1}}});
    EXPECT_TRUE(std::holds_alternative<SessionDown>(stopped[3]));
    EXPECT_EQ(peer.state(), State::Idle);
    EXPECT_EQ(peer.deadline(), std::nullopt);
}

TEST_F(PeerTest, RoutesComeBackWithTheNextSession) {
    establish();
    (void)feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{}})});
    (void)feed(Stop{});
    (void)feed(Start{});
    (void)open(2, 2);
    (void)receive(2, router_open());
    const auto up = receive(2, Keepalive{});
    ASSERT_EQ(sent(up).size(), 1U);
    EXPECT_EQ(std::get<Update>(sent(up)[0]).nlri, (std::vector<Nlri>{prefix("203.0.113.10/32")}));
}

// RFC 4271 §6.5: negative. Any KEEPALIVE or UPDATE within the hold time counts, up to its last moment.
TEST_F(PeerTest, AWordWithinTheHoldTimeHoldsTheSession) {
    establish();
    now = t0 + 9s - 1ms;
    EXPECT_THAT(all<SessionDown>(feed(TimerExpired{})), IsEmpty());
    (void)receive(1, end_of_rib(ipv4_unicast));
    now += 9s - 1ms;
    EXPECT_THAT(all<SessionDown>(feed(TimerExpired{})), IsEmpty());
    EXPECT_EQ(peer.state(), State::Established);
}

// RFC 4271 §6.4: positive. What cannot be answered is noticed here, with code, subcode and data.
TEST_F(PeerTest, ANotificationThatNoRegistryKnowsIsKeptForTheOperator) {
    establish();
    const auto ended = receive(1, Notification{99, 7, {0x0a, 0x0b}});
    EXPECT_THAT(sent(ended), IsEmpty());
    EXPECT_EQ(all<CloseConnection>(ended).size(), 1U);
    EXPECT_EQ(describe(*peer.status().last_error), "received code 99 subcode 7 data 0a0b");
}

// RFC 4271 §6.5: positive.
TEST_F(PeerTest, SilenceForTheHoldTimeEndsTheSession) {
    establish();
    now = t0 + 9s;
    const auto expired = feed(TimerExpired{});
    EXPECT_EQ(sent(expired).back(), Message{hold_timer_expired()});
    EXPECT_EQ(all<SessionDown>(expired)[0].reason.kind, Reason::Kind::HoldTimerExpired);
    EXPECT_EQ(peer.state(), State::Idle);
}

TEST_F(PeerTest, ErrorsBackOffExponentially) {
    (void)feed(Start{});
    const std::vector<std::pair<Duration, Duration>> bounds{
        {750ms, 1s}, {1500ms, 2s}, {3s, 4s}, {6s, 8s}, {12s, 16s}, {24s, 32s}, {48s, 64s}, {90s, 120s}, {90s, 120s}};
    std::uint64_t attempt = 0;
    for (const auto& [low, high] : bounds) {
        ++attempt;
        (void)open(attempt, attempt);
        (void)receive(attempt, router_open("10.0.0.1", Asn{64999}));
        ASSERT_EQ(peer.state(), State::Idle);
        EXPECT_GE(*peer.deadline() - now, low);
        EXPECT_LE(*peer.deadline() - now, high);
        now = *peer.deadline();
        (void)feed(TimerExpired{});
        ASSERT_EQ(peer.state(), State::Connect);
    }
}

// RFC 2918 §4: positive.
// RFC 2918 §4: negative; a family that was not agreed on, or that we have nothing of.
// RFC 7313 §5: positive; a subtype that we do not know is ignored, and the session goes on.
// RFC 2918 §3: negative; a family that was not agreed on is ignored.
TEST_F(PeerTest, RouteRefreshRepeatsTheRoutesOfItsFamily) {
    establish();
    (void)feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{}})});
    take_all();
    const auto refreshed = sent(receive(1, RouteRefresh{.family = ipv4_unicast}));
    ASSERT_EQ(refreshed.size(), 1U);
    EXPECT_EQ(std::get<Update>(refreshed[0]).nlri, (std::vector<Nlri>{prefix("203.0.113.10/32")}));
    EXPECT_THAT(sent(receive(1, RouteRefresh{.family = ipv6_unicast})), IsEmpty());
    EXPECT_THAT(sent(receive(1, RouteRefresh{.family = {25, 70}})), IsEmpty());
    EXPECT_EQ(peer.state(), State::Established);
}

// RFC 2918 §3: positive; without RFC 7313 the octet is reserved: "ignored by the receiver".
TEST_F(PeerTest, TheReservedOctetOfAPlainRouteRefreshIsIgnored) {
    establish();
    (void)feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{}})});
    take_all();
    const auto refreshed = receive(1, RouteRefresh{.family = ipv4_unicast, .subtype = RouteRefresh::begin});
    EXPECT_EQ(sent(refreshed).size(), 1U);
    EXPECT_THAT(all<RefreshBegins>(refreshed), IsEmpty());
}

// RFC 7313 §4: positive.
// RFC 7313 §5: negative; EoRR without BoRR, a family that was not agreed on, an unknown subtype: ignored.
TEST_F(PeerTest, AnEnhancedRefreshBeginsAndEnds) {
    auto offer = router_open();
    offer.capabilities.emplace_back(EnhancedRouteRefresh{});
    establish(offer);
    (void)feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{}})});
    take_all();
    const auto marker = [&](AddressFamily family, std::uint8_t subtype) {
        return receive(1, RouteRefresh{.family = family, .subtype = subtype});
    };
    EXPECT_EQ(marker(ipv4_unicast, RouteRefresh::end), Actions{});
    EXPECT_EQ(marker(ipv4_unicast, RouteRefresh::begin), Actions{RefreshBegins{net::Family::Ipv4}});
    EXPECT_EQ(marker(ipv6_unicast, RouteRefresh::end), Actions{});
    EXPECT_EQ(marker(ipv4_unicast, RouteRefresh::begin), Actions{RefreshBegins{net::Family::Ipv4}});
    EXPECT_EQ(marker(ipv4_unicast, RouteRefresh::end), Actions{RefreshEnds{net::Family::Ipv4}});
    EXPECT_EQ(marker(ipv4_unicast, RouteRefresh::end), Actions{});
    EXPECT_EQ(marker(ipv4_unicast, 3), Actions{});
    EXPECT_EQ(marker({25, 70}, RouteRefresh::begin), Actions{});
    EXPECT_EQ(peer.state(), State::Established);
}

// RFC 7313 §5: negative. The data is the message.
TEST_F(PeerTest, AMarkerOfAnotherLengthEndsTheSession) {
    establish();
    auto octets = encode(RouteRefresh{.family = ipv4_unicast, .subtype = RouteRefresh::begin}, EncodeContext{});
    octets.push_back(0);
    octets[17] = 24;
    const auto ended = feed(Received{ConnectionId{1}, octets});
    ASSERT_FALSE(sent(ended).empty());
    EXPECT_EQ(sent(ended)[0], (Message{Notification{7, 1, octets}}));
}

// RFC 8654 §4: positive once both have offered it.
// RFC 8654 §4: negative; otherwise what is longer than 4096 octets is Bad Message Length.
TEST_F(PeerTest, LongMessagesAreReadWhenBothOfferThem) {
    const auto long_update = [] {
        Update update;
        for (std::uint32_t i = 0; i < 1000; ++i) {
            update.withdrawn.emplace_back(net::Prefix::host(net::Ipv4Address{0x0a000000U + i}));
        }
        return encode(update, EncodeContext{.extended_message = true});
    }();
    ASSERT_EQ(long_update.size(), 5023U);  // 19 + 2 + 1000 * 5 + 2.
    auto offer = router_open();
    offer.capabilities.emplace_back(ExtendedMessage{});
    establish(offer);
    const auto received = all<RoutesReceived>(feed(Received{ConnectionId{1}, long_update}));
    ASSERT_EQ(received.size(), 1U);
    EXPECT_EQ(received[0].update.withdrawn.size(), 1000U);

    Peer other{config_of_node(), random, routes};
    (void)other.handle(Start{}, now);
    (void)other.handle(ConnectionOpened{ConnectionId{1}, AttemptId{1}, {address("10.0.0.11"), 40000}, {}}, now);
    for (const Message& message : std::vector<Message>{router_open(), Keepalive{}}) {
        (void)other.handle(Received{ConnectionId{1}, encode(message, EncodeContext{})}, now);
    }
    ASSERT_EQ(other.state(), State::Established);
    const auto refused = other.handle(Received{ConnectionId{1}, long_update}, now);
    EXPECT_EQ(sent(refused).at(0), (Message{Notification{1, 2, {0x13, 0x9f}}}));
}

// RFC 7911 §5: positive
TEST_F(PeerTest, PathIdentifiersAreReadWhenTheyWereAgreedOn) {
    auto config = config_of_node();
    config.add_path.receive = true;
    become(config);
    auto offer = router_open();
    offer.capabilities.emplace_back(AddPath{{{ipv4_unicast, 3}}});
    establish(offer);
    Update update;
    update.withdrawn = {{prefix("203.0.113.10/32"), 7}};
    const auto octets = encode(update, EncodeContext{.add_path = {.ipv4 = true}});
    const auto received = all<RoutesReceived>(feed(Received{ConnectionId{1}, octets}));
    ASSERT_EQ(received.size(), 1U);
    EXPECT_EQ(received[0].update.withdrawn, update.withdrawn);
}

// RFC 7911 §5: negative. Four octets of an identifier that was not agreed on would be four prefixes of length 0.
TEST_F(PeerTest, PathIdentifiersAreNotReadWhereThePeerDoesNotSendThem) {
    auto config = config_of_node();
    config.add_path.receive = true;
    become(config);
    auto offer = router_open();
    offer.capabilities.emplace_back(AddPath{{{ipv4_unicast, 1}}});  // It only wants to receive them.
    establish(offer);
    Update update;
    update.withdrawn = {{prefix("203.0.113.10/32")}};
    const auto received = all<RoutesReceived>(feed(Received{ConnectionId{1}, encode(update, EncodeContext{})}));
    ASSERT_EQ(received.size(), 1U);
    EXPECT_EQ(received[0].update.withdrawn, update.withdrawn);
}

Update route_of_router(std::optional<Asn> otc) {
    Update update;
    update.attributes.as_path = AsPath::sequence({Asn{65000}});
    update.attributes.next_hop = address("10.0.0.1");
    update.attributes.only_to_customer = otc;
    update.nlri = {prefix("198.51.100.0/24")};
    return update;
}

// RFC 9234 §5, on receipt, 1: negative. From a customer it must not come.
TEST_F(PeerTest, ALeakedRouteArrivesWithdrawn) {
    auto config = config_of_node();
    config.role = Role::Provider;
    become(config);
    establish();
    const auto leaked = all<RoutesReceived>(receive(1, route_of_router(Asn{65099})));
    ASSERT_EQ(leaked.size(), 1U);
    EXPECT_TRUE(leaked[0].update.nlri.empty());
    EXPECT_EQ(leaked[0].update.withdrawn, (std::vector<Nlri>{prefix("198.51.100.0/24")}));
    EXPECT_EQ(describe(leaked[0].update),
              "UPDATE withdraw 198.51.100.0/24 (ONLY_TO_CUSTOMER: route leak, treated as withdrawn)");
    const auto good = all<RoutesReceived>(receive(1, route_of_router({})));
    EXPECT_EQ(good.at(0).update.nlri.size(), 1U);
    EXPECT_EQ(good.at(0).update.attributes.only_to_customer, std::nullopt);
}

// RFC 9234 §5, on receipt, 3: positive.
// RFC 9234 §5: negative; without a role of ours nothing is done.
TEST_F(PeerTest, ARouteOfAProviderIsMarked) {
    establish();
    EXPECT_EQ(all<RoutesReceived>(receive(1, route_of_router({}))).at(0).update.attributes.only_to_customer,
              std::nullopt);
    auto config = config_of_node();
    config.role = Role::Customer;
    become(config);
    establish();
    EXPECT_EQ(all<RoutesReceived>(receive(1, route_of_router({}))).at(0).update.attributes.only_to_customer,
              Asn{65000});
    // A withdrawal says nothing of roles.
    Update withdrawal;
    withdrawal.withdrawn = {prefix("198.51.100.0/24")};
    EXPECT_EQ(all<RoutesReceived>(receive(1, withdrawal)).at(0).update, withdrawal);
}

struct Malformed {
    const char* what;
    const char* octets;  ///< behind the marker: length, type, body
    std::optional<Notification> answer;
    const char* marker = "ffffffffffffffffffffffffffffffff";
};

class MalformedMessages : public PeerTest {
protected:
    /// A new peer whose connection has come as far as that.
    void reach(State state) {
        become(config_of_node());
        (void)feed(Start{});
        (void)open(1, 1);
        if (state >= State::OpenConfirm) (void)receive(1, router_open());
        if (state >= State::Established) (void)receive(1, Keepalive{});
        ASSERT_EQ(peer.state(), state);
    }

    void expect_answers(State state, const std::vector<Malformed>& messages) {
        for (const auto& message : messages) {
            reach(state);
            auto octets = testing::bytes_from_hex(message.marker);
            const auto rest = testing::bytes_from_hex(message.octets);
            octets.insert(octets.end(), rest.begin(), rest.end());
            const auto actions = feed(Received{ConnectionId{1}, octets});
            std::optional<Notification> answer;
            for (const auto& reply : sent(actions)) {
                if (const auto* const notification = std::get_if<Notification>(&reply)) answer = *notification;
            }
            EXPECT_EQ(answer, message.answer) << describe(state) << ": " << message.what;
            EXPECT_EQ(all<CloseConnection>(actions).size(), 1U) << describe(state) << ": " << message.what;
            EXPECT_EQ(peer.state(), State::Idle) << describe(state) << ": " << message.what;
        }
    }
};

// RFC 4271 §6.1: negative, in every state; the data is the length or the type that was wrong.
TEST_F(MalformedMessages, AHeaderThatIsWrongIsNamedInEveryState) {
    const std::vector<Malformed> headers{
        {"a marker that is none", "0013 04", Notification{1, 1}, "ffffffffffffffffffffffffffffff00"},
        {"a length below the header's", "0012 04", Notification{1, 2, {0x00, 0x12}}},
        {"a length of nothing", "0000 02", Notification{1, 2, {0x00, 0x00}}},
        {"a length above 4096", "1001 02", Notification{1, 2, {0x10, 0x01}}},
        {"a length of all ones", "ffff 03", Notification{1, 2, {0xff, 0xff}}},
        {"OPEN without its identifier", "001c 01", Notification{1, 2, {0x00, 0x1c}}},
        {"UPDATE without its second length", "0016 02", Notification{1, 2, {0x00, 0x16}}},
        {"NOTIFICATION without its subcode", "0014 03", Notification{1, 2, {0x00, 0x14}}},
        {"KEEPALIVE with something in it", "0014 04 00", Notification{1, 2, {0x00, 0x14}}},
        {"type 0", "0013 00", Notification{1, 3, {0}}},
        {"type 6", "0013 06", Notification{1, 3, {6}}},
        {"type 255", "0017 ff 00000000", Notification{1, 3, {255}}},
        {"NOTIFICATION", "0015 03 0602", std::nullopt},  // RFC 4271 §6.4: never answered.
        {"NOTIFICATION of no registry", "0017 03 ff ff 0102", std::nullopt},
    };
    for (const auto state : {State::OpenSent, State::OpenConfirm, State::Established}) expect_answers(state, headers);
}

// RFC 4271 §6.2, RFC 5492 §4, RFC 6286 §2.2, RFC 6793, RFC 7607 §2, RFC 9072 §2: negative
TEST_F(MalformedMessages, AnOpenThatIsWrongIsRefused) {
    expect_answers(
        State::OpenSent,
        {{"version 3", "001d 01 03 fde8 005a 0a000001 00", unsupported_version()},
         {"AS 0", "001d 01 04 0000 005a 0a000001 00", bad_peer_as()},
         {"another AS", "001d 01 04 fde9 005a 0a000001 00", bad_peer_as()},
         {"AS 0 in four octets", "0025 01 04 fde8 005a 0a000001 08 0206 4104 00000000", bad_peer_as()},
         {"identifier 0", "001d 01 04 fde8 005a 00000000 00", bad_bgp_identifier()},
         {"hold time 1", "001d 01 04 fde8 0001 0a000001 00", unacceptable_hold_time()},
         {"hold time 2", "001d 01 04 fde8 0002 0a000001 00", unacceptable_hold_time()},
         {"authentication, RFC 4271's only parameter", "0020 01 04 fde8 005a 0a000001 03 0101 00", Notification{2, 4}},
         {"parameters that are not there", "001d 01 04 fde8 005a 0a000001 02", Notification{2, 0}},
         {"octets behind the parameters", "001e 01 04 fde8 005a 0a000001 00 00", Notification{2, 0}},
         {"a parameter beyond the parameters", "0020 01 04 fde8 005a 0a000001 03 0205 41", Notification{2, 0}},
         {"a capability beyond its parameter", "0021 01 04 fde8 005a 0a000001 04 0202 4104", Notification{2, 0}},
         {"a capability of another length", "0023 01 04 fde8 005a 0a000001 06 0204 4102 fde8", Notification{2, 0}},
         {"extended parameters cut", "0020 01 04 fde8 005a 0a000001 ff ff 0009", Notification{2, 0}},
         {"no family in common", "0025 01 04 fde8 005a 0a000001 08 0206 0104 0019 00 46",
          Notification{2, 7, testing::bytes_from_hex("0104 0001 00 01  0104 0002 00 01")}}});
}

// RFC 4271 §6.3, RFC 7606 §3, §5.3: negative; what resets the session.
// RFC 7313 §5: negative
TEST_F(MalformedMessages, AnUpdateOrARefreshThatCannotBeReadEndsTheSession) {
    expect_answers(
        State::Established,
        {{"withdrawn routes beyond the end", "0017 02 0001 0000", Notification{3, 1}},
         {"attributes beyond the end", "0017 02 0000 0001", Notification{3, 1}},
         {"withdrawn /33", "001d 02 0006 21 0a00000000 0000", Notification{3, 10}},
         {"a withdrawn prefix cut", "001a 02 0003 18 0a00 0000", Notification{3, 10}},
         {"an announced prefix cut", "001a 02 0000 0000 18 0a00", Notification{3, 10}},
         {"MP_UNREACH_NLRI twice", "0023 02 0000 000c 80 0f 03 0002 01  80 0f 03 0002 01", Notification{3, 1}},
         {"an unknown well-known attribute", "001b 02 0000 0004 40 63 01 aa",
          Notification{3, 2, testing::bytes_from_hex("40 63 01 aa")}},
         {"ROUTE-REFRESH cut", "0016 05 000100",
          Notification{7, 1, testing::bytes_from_hex("ffffffffffffffffffffffffffffffff 0016 05 000100")}},
         {"ROUTE-REFRESH with more behind it", "0018 05 00010001 00",
          Notification{7, 1, testing::bytes_from_hex("ffffffffffffffffffffffffffffffff 0018 05 00010001 00")}}});
}

// RFC 6608 §3, §4: positive; well-formed, and in the wrong state.
TEST_F(MalformedMessages, AMessageInTheWrongStateIsAnFsmError) {
    const Malformed open{"OPEN", "001d 01 04 fde8 005a 0a000001 00", {}};
    const Malformed update{"UPDATE", "0017 02 0000 0000", {}};
    const Malformed keepalive{"KEEPALIVE", "0013 04", {}};
    const Malformed refresh{"ROUTE-REFRESH", "0017 05 00010001", {}};
    const auto answered = [](Malformed message, std::uint8_t subcode, std::uint8_t type) {
        message.answer = Notification{5, subcode, {type}};
        return message;
    };
    expect_answers(State::OpenSent, {answered(update, 1, 2), answered(keepalive, 1, 4), answered(refresh, 1, 5)});
    expect_answers(State::OpenConfirm, {answered(open, 2, 1), answered(update, 2, 2), answered(refresh, 2, 5)});
    expect_answers(State::Established, {answered(open, 3, 1)});
}

TEST_F(PeerTest, WhatTheShellMakesOutIsTheLastErrorUntilAConnectionComesAbout) {
    EXPECT_EQ(feed(TransportDiagnosis{"TCP-MD5: another key?"}), Actions{});
    EXPECT_EQ(peer.status().last_error, std::nullopt) << "nobody wants a connection yet";
    (void)feed(Start{});
    EXPECT_EQ(feed(TransportDiagnosis{"TCP-MD5: another key?"}), Actions{});
    EXPECT_EQ(peer.status().last_error->text, "TCP-MD5: another key?");
    (void)open(1, 1);
    (void)feed(TransportDiagnosis{"too late"});
    EXPECT_EQ(peer.status().last_error->text, "TCP-MD5: another key?");
}

TEST_F(PeerTest, StatusKeepsTheLastNotificationOfEachSide) {
    establish();
    EXPECT_EQ(peer.status().last_sent, std::nullopt);
    EXPECT_EQ(peer.status().offered, router_open().capabilities);
    const auto shutdown = cease(CeaseSubcode::AdministrativeShutdown, "upgrade");
    (void)receive(1, shutdown);
    EXPECT_EQ(peer.status().last_received, (Said{shutdown, now}));
    EXPECT_THAT(peer.status().offered, IsEmpty());
    now = *peer.deadline();
    (void)feed(TimerExpired{});
    (void)open(2, 2);
    (void)receive(2, router_open("10.0.0.1", Asn{65001}));
    EXPECT_EQ(peer.status().last_sent, (Said{bad_peer_as(), now}));
    EXPECT_EQ(peer.status().said_as, Asn{65001});
    EXPECT_EQ(peer.status().last_received, (Said{shutdown, now - (now - t0)}));
}

/// Two connections that both wait for the peer's OPEN: whichever it comes over first, one session comes of them.
TEST_F(PeerTest, CollisionsAreDecidedWhileOpensAreDelayed) {
    for (const std::uint64_t first : {1U, 2U}) {
        auto config = config_of_node();
        config.delay_open = 30s;
        become(config);
        (void)feed(Start{});
        EXPECT_THAT(sent(open(1, 1)), IsEmpty());
        EXPECT_THAT(sent(open(2, {})), IsEmpty());
        EXPECT_EQ(sent(receive(first, router_open())).size(), 2U);  // OPEN, KEEPALIVE.
        EXPECT_EQ(peer.state(), State::OpenConfirm);
        // Ours is the higher identifier: the connection that we opened wins (§6.8).
        const auto decided = receive(3 - first, router_open());
        ASSERT_EQ(all<CloseConnection>(decided).size(), 1U);
        EXPECT_EQ(all<CloseConnection>(decided)[0].connection, ConnectionId{2});
        (void)receive(1, Keepalive{});
        EXPECT_EQ(peer.state(), State::Established) << "first OPEN over " << first;
    }
}

TEST_F(PeerTest, Ipv6RouteOverAnIpv4SessionNeedsAConfiguredNextHop) {
    establish();
    EXPECT_THAT(sent(feed(RoutesChanged{routes.change({prefix("2001:db8::10/128"), Route{}})})), IsEmpty());
    EXPECT_EQ(peer.status().routes_withheld, (std::map<Withheld, std::size_t>{{Withheld::NoNextHop, 1}}));

    auto config = config_of_node();
    config.next_hop6 = *net::Ipv6Address::parse("2001:db8::11");
    const auto changed = feed(ConfigChanged{config});  // The session goes on.
    ASSERT_EQ(sent(changed).size(), 1U);
    const auto update = std::get<Update>(sent(changed)[0]);
    ASSERT_TRUE(update.mp_reach);
    EXPECT_EQ(update.mp_reach->nlri, (std::vector<Nlri>{prefix("2001:db8::10/128")}));
    EXPECT_EQ(update.mp_reach->next_hop, address("2001:db8::11"));
    EXPECT_THAT(peer.status().routes_withheld, IsEmpty());
}

TEST_F(PeerTest, AnotherNextHopIsAnnouncedWithoutAReset) {
    establish();
    (void)feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{}})});
    auto config = config_of_node();
    config.next_hop = ipv4("10.0.0.99");
    const auto changed = feed(ConfigChanged{config});
    ASSERT_EQ(sent(changed).size(), 1U);
    EXPECT_EQ(std::get<Update>(sent(changed)[0]).attributes.next_hop, address("10.0.0.99"));
    EXPECT_EQ(peer.state(), State::Established);
}

TEST_F(PeerTest, AnotherPasswordResetsTheSession) {
    establish();
    auto config = config_of_node();
    config.password = Password{"secret"};
    const auto changed = feed(ConfigChanged{config});
    EXPECT_THAT(sent(changed), ElementsAre(Message{cease(CeaseSubcode::OtherConfigurationChange)}));
    EXPECT_EQ(all<SessionDown>(changed).size(), 1U);
    EXPECT_EQ(all<OpenConnection>(changed).size(), 1U);
    EXPECT_EQ(describe(Event{ConfigChanged{config}}).find("secret"), std::string::npos);
}

// RFC 4271 §5.1.5: positive; to internal peers always.
// RFC 4271 §5.1.2: negative; a route of our own has an empty AS_PATH among them, prepends or not.
TEST_F(PeerTest, InternalPeerGetsLocalPrefAndAnEmptyPath) {
    auto config = config_of_node();
    config.peer_as = InternalAs{};
    become(config);
    (void)feed(Start{});
    (void)open(1, 1);
    (void)receive(1, router_open("10.0.0.1", Asn{65010}));
    (void)receive(1, Keepalive{});
    const auto changed =
        feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{.attributes = {.prepend = 2}}})});
    DecodeContext internal;
    internal.ibgp = true;
    const auto decoded = messages(all<Send>(changed).at(0).bytes, internal);
    const auto& update = std::get<Update>(decoded.at(0));
    EXPECT_EQ(update.attributes.local_pref, 100U);
    EXPECT_EQ(update.attributes.as_path, AsPath{});
}

// RFC 4271 §6.3: positive
TEST_F(PeerTest, WhatThePeerAnnouncesIsHandedOnAndNotKept) {
    establish();
    Update update;
    update.attributes.as_path = AsPath::sequence({Asn{65000}});
    update.attributes.next_hop = address("10.0.0.1");
    update.nlri = {prefix("0.0.0.0/0")};
    const auto received = receive(1, update);
    ASSERT_EQ(all<RoutesReceived>(received).size(), 1U);
    EXPECT_EQ(all<RoutesReceived>(received)[0].update.nlri, (std::vector<Nlri>{prefix("0.0.0.0/0")}));
    EXPECT_EQ(peer.status().counters.updates_in, 1U);
}

Update announcement(const char* text) {
    Update update;
    update.attributes.as_path = AsPath::sequence({Asn{65000}});
    update.attributes.next_hop = address("10.0.0.1");
    update.nlri = {prefix(text)};
    return update;
}

TEST_F(PeerTest, WhatImportNamesIsKeptUntilTheSessionEnds) {
    auto config = config_of_node();
    config.import.rules = {{.prefix = prefix("0.0.0.0/0"), .max_length = 0}};
    become(config);
    establish();
    (void)receive(1, announcement("0.0.0.0/0"));
    (void)receive(1, announcement("10.0.0.0/8"));
    EXPECT_EQ(peer.adj_rib_in().accepted(), 1U);
    EXPECT_TRUE(peer.adj_rib_in().examples().contains(prefix("10.0.0.0/8")));
    (void)feed(ConnectionClosed{ConnectionId{1}, "reset"});
    EXPECT_EQ(peer.adj_rib_in().accepted(), 0U);
}

// RFC 2918 §4: positive; the peer is asked again when more is wanted than before.
TEST_F(PeerTest, MoreThatIsWantedIsAskedFor) {
    establish();
    const std::vector<Message> both{RouteRefresh{.family = ipv4_unicast}, RouteRefresh{.family = ipv6_unicast}};
    EXPECT_EQ(sent(feed(Watch{{prefix("203.0.113.10/32")}})), both);
    EXPECT_THAT(sent(feed(Watch{{prefix("203.0.113.10/32")}})), IsEmpty());
    EXPECT_THAT(sent(feed(Watch{})), IsEmpty());
    auto config = config_of_node();
    config.import.rules = {{.prefix = prefix("10.0.0.0/8"), .max_length = 24}};
    EXPECT_EQ(sent(feed(ConfigChanged{config})), both);
    EXPECT_EQ(peer.state(), State::Established);
}

// RFC 2918 §4: negative; a peer that did not offer it is not asked.
TEST_F(PeerTest, APeerThatCannotBeAskedIsNotAsked) {
    auto offer = router_open();
    std::erase_if(offer.capabilities, [](const Capability& capability) {
        return std::holds_alternative<RouteRefreshCapability>(capability);
    });
    establish(offer);
    EXPECT_THAT(sent(feed(Watch{{prefix("203.0.113.10/32")}})), IsEmpty());
}

TEST_F(PeerTest, RoutesOfWatchedPrefixesAreToldAsTheyComeAndGo) {
    establish();
    (void)feed(Watch{{prefix("203.0.113.10/32")}});
    const Actions news{WatchedRoutesChanged{{prefix("203.0.113.10/32")}}};
    const auto told = [](const Actions& actions) { return all<WatchedRoutesChanged>(actions).size(); };
    EXPECT_EQ(told(receive(1, announcement("203.0.113.10/32"))), 1U);
    EXPECT_EQ(told(receive(1, announcement("203.0.113.10/32"))), 0U);
    EXPECT_EQ(told(receive(1, announcement("203.0.113.11/32"))), 0U);
    Update withdrawal;
    withdrawal.withdrawn = {prefix("203.0.113.10/32")};
    EXPECT_EQ(told(receive(1, withdrawal)), 1U);
    EXPECT_EQ(told(receive(1, withdrawal)), 0U);
}

TEST_F(PeerTest, EndOfRibOfThePeerIsTold) {
    establish();
    EXPECT_EQ(all<InitialRoutesReceived>(receive(1, end_of_rib(ipv4_unicast))),
              std::vector{InitialRoutesReceived{net::Family::Ipv4}});
    EXPECT_TRUE(peer.adj_rib_in().complete(net::Family::Ipv4));
    EXPECT_FALSE(peer.adj_rib_in().complete(net::Family::Ipv6));
}

// RFC 4486 §4: negative; by default the session goes on.
TEST_F(PeerTest, MoreThanMaxPrefixesAreRefusedAndToldOnce) {
    auto config = config_of_node();
    config.import = {.rules = {{.prefix = prefix("10.0.0.0/8"), .max_length = 32}}, .max_prefixes = 1};
    become(config);
    establish();
    (void)receive(1, announcement("10.1.0.0/16"));
    EXPECT_EQ(all<MaxPrefixesReached>(receive(1, announcement("10.2.0.0/16"))), std::vector{MaxPrefixesReached{1}});
    EXPECT_THAT(all<MaxPrefixesReached>(receive(1, announcement("10.3.0.0/16"))), IsEmpty());
    EXPECT_EQ(peer.state(), State::Established);
    EXPECT_EQ(peer.adj_rib_in().accepted(), 1U);
}

// RFC 4486 §4: positive; "the Error Code field, Subcode 1", with AFI, SAFI and the limit as data. RFC 4271 §8.1.2,
// Event 8: and it is tried again later.
TEST_F(PeerTest, OneMoreThanMaxPrefixesMayEndTheSession) {
    auto config = config_of_node();
    config.import = {
        .rules = {{.prefix = prefix("10.0.0.0/8"), .max_length = 32}}, .max_prefixes = 1, .stop_at_max = true};
    become(config);
    establish();
    (void)receive(1, announcement("10.1.0.0/16"));
    EXPECT_EQ(peer.state(), State::Established);
    const auto actions = receive(1, announcement("10.2.0.0/16"));
    const Notification expected{6, 1, {0, 1, 1, 0, 0, 0, 1}};
    EXPECT_THAT(sent(actions), ElementsAre(Message{expected}));
    EXPECT_EQ(describe(expected), "Cease / Maximum Number of Prefixes Reached (ipv4-unicast, 1)");
    EXPECT_EQ(peer.state(), State::Idle);
    EXPECT_TRUE(peer.deadline());
}

TEST_F(PeerTest, ARouteIsFollowedUntilThePeersTcpHasIt) {
    const auto www = prefix("203.0.113.10/32");
    EXPECT_EQ(peer.route_status(www), RouteStatus{});
    (void)feed(RoutesChanged{routes.change({www, Route{}})});
    EXPECT_EQ(peer.route_status(www), RouteStatus{.desired = true});
    (void)feed(Start{});
    (void)open(1, 1);
    (void)receive(1, router_open());
    const auto up = receive(1, Keepalive{});
    EXPECT_EQ(peer.route_status(www), (RouteStatus{.desired = true, .withheld = {}, .sent = true}));
    // OPEN, KEEPALIVE and the UPDATE: our TCP has them, the peer's at first only a part.
    (void)feed(Written{ConnectionId{1}, 1000});
    EXPECT_GT(peer.status().unacknowledged, 0U);
    const auto sent_at = now;
    now += 2s;
    (void)feed(Acknowledged{ConnectionId{1}, 20});
    EXPECT_FALSE(peer.route_status(www).acknowledged);
    EXPECT_EQ(peer.status().unacknowledged_since, sent_at);
    (void)feed(Acknowledged{ConnectionId{1}, 1000});
    EXPECT_TRUE(peer.route_status(www).acknowledged);
    EXPECT_EQ(peer.status().unacknowledged, 0U);
    EXPECT_EQ(peer.status().unacknowledged_since, std::nullopt);
    // A later change of another route does not unsay it.
    (void)feed(RoutesChanged{routes.change({prefix("203.0.113.11/32"), Route{}})});
    EXPECT_TRUE(peer.route_status(www).acknowledged);
    EXPECT_FALSE(peer.route_status(prefix("203.0.113.11/32")).acknowledged);
    (void)feed(RoutesChanged{routes.change({www, std::nullopt})});
    EXPECT_EQ(peer.route_status(www), RouteStatus{});
}

TEST_F(PeerTest, WhatASessionWithholdsIsNotSent) {
    const auto www6 = prefix("2001:db8::10/128");
    establish();
    (void)feed(RoutesChanged{routes.change({www6, Route{}})});
    EXPECT_EQ(peer.route_status(www6), (RouteStatus{.desired = true, .withheld = Withheld::NoNextHop}));
}

// RFC 9384 §3: positive
TEST_F(PeerTest, BfdDownEndsTheSessionWithItsCeaseAndIsShownAsTheLastError) {
    establish();
    const auto actions = feed(BfdDown{"Control Detection Time Expired"});
    EXPECT_THAT(sent(actions), ElementsAre(Message{cease(CeaseSubcode::BfdDown)}));
    EXPECT_EQ(all<CloseConnection>(actions).size(), 1U);
    EXPECT_EQ(all<SessionDown>(actions).size(), 1U);
    ASSERT_TRUE(peer.status().last_error);
    EXPECT_EQ(describe(*peer.status().last_error), "BFD down \"Control Detection Time Expired\"");
    EXPECT_LE(*peer.deadline(), now + 1s);
}

TEST_F(PeerTest, BfdUpMakesAWaitingPeerTryAtOnce) {
    establish();
    (void)feed(BfdDown{"x"});
    EXPECT_THAT(all<OpenConnection>(feed(BfdUp{})), ElementsAre(OpenConnection{AttemptId{2}}));
    (void)feed(ConnectionFailed{AttemptId{2}, "refused"});
    ASSERT_EQ(peer.state(), State::Active);
    EXPECT_THAT(all<OpenConnection>(feed(BfdUp{})), ElementsAre(OpenConnection{AttemptId{3}}));
}

TEST_F(PeerTest, BfdUpDisturbsNeitherAConnectionNorAStoppedPeer) {
    EXPECT_EQ(feed(BfdUp{}), Actions{});
    (void)feed(Start{});
    (void)open(1, 1);
    EXPECT_EQ(feed(BfdUp{}), Actions{});
    (void)receive(1, router_open());
    (void)receive(1, Keepalive{});
    EXPECT_EQ(feed(BfdUp{}), Actions{});
}

Open strict_open(const char* id = "10.0.0.1") {
    Open open;
    open.my_as = Asn{65000};
    open.hold_time = HoldTime{90};
    open.identifier = ipv4(id);
    open.capabilities = {Multiprotocol{ipv4_unicast}, BfdStrictMode{}, FourOctetAs{Asn{65000}}};
    return open;
}

PeerConfig strict_config() {
    auto config = config_of_node();
    config.bfd_strict = true;
    return config;
}

// draft-ietf-idr-bgp-bfd-strict-mode §8.5, §11: a session waits for BFD, and says so.
TEST_F(PeerTest, InStrictModeASessionWaitsForBfd) {
    become(strict_config());
    (void)feed(Start{});
    const auto hello = std::get<Open>(sent(open(1, 1)).at(0));
    EXPECT_TRUE(has<BfdStrictMode>(hello.capabilities));
    EXPECT_EQ(sent(receive(1, strict_open())), std::vector<Message>{});
    EXPECT_EQ(peer.state(), State::OpenSent);
    EXPECT_TRUE(peer.status().waits_for_bfd);
    EXPECT_EQ(peer.status().negotiated->peer_as, Asn{65000});
    EXPECT_EQ(sent(feed(BfdUp{})), (std::vector<Message>{Keepalive{}}));
    EXPECT_FALSE(peer.status().waits_for_bfd);
    EXPECT_EQ(all<SessionUp>(receive(1, Keepalive{})).size(), 1U);
}

// RFC 4271 §6.8: positive. Two connections that both wait are a collision like any other.
TEST_F(PeerTest, InStrictModeACollisionIsDecidedBeforeBfdIsUp) {
    become(strict_config());
    (void)feed(Start{});
    (void)open(1, 1);
    (void)receive(1, strict_open());
    (void)open(2, std::nullopt);
    // Ours is the higher identifier: what we opened stays.
    EXPECT_THAT(sent(receive(2, strict_open())),
                ElementsAre(Message{cease(CeaseSubcode::ConnectionCollisionResolution)}));
    EXPECT_TRUE(peer.status().waits_for_bfd);
    EXPECT_EQ(sent(feed(BfdUp{})), (std::vector<Message>{Keepalive{}}));
}

// draft-ietf-idr-bgp-bfd-strict-mode §8.1, §8.5.4, §8.7.3: what has begun begins anew, a session goes on.
TEST_F(PeerTest, AnotherStrictModeResetsWhatIsNoSessionYet) {
    become(strict_config());
    (void)feed(Start{});
    (void)open(1, 1);
    (void)receive(1, strict_open());
    const auto changed = feed(ConfigChanged{config_of_node()});
    EXPECT_THAT(sent(changed), ElementsAre(Message{cease(CeaseSubcode::OtherConfigurationChange)}));
    EXPECT_THAT(all<OpenConnection>(changed), ElementsAre(OpenConnection{AttemptId{2}}));
    (void)open(2, 2);
    (void)receive(2, strict_open());
    (void)receive(2, Keepalive{});
    ASSERT_EQ(peer.state(), State::Established);
    EXPECT_EQ(feed(ConfigChanged{strict_config()}), Actions{});
    EXPECT_EQ(peer.state(), State::Established);
}

TEST_F(PeerTest, GarbageInsteadOfAHeaderIsAnsweredAndClosed) {
    establish();
    const auto refused = feed(Received{ConnectionId{1}, std::vector<std::uint8_t>(19, 0x55)});
    EXPECT_EQ(std::get<Notification>(sent(refused).at(0)).code, 1);
    EXPECT_EQ(std::get<Notification>(sent(refused).at(0)).subcode, 1);  // Connection Not Synchronized.
    EXPECT_EQ(all<CloseConnection>(refused).size(), 1U);
}

// ---- Two peers and a wire between them ------------------------------------------------------------------

/// Carries out the actions of both ends over connections in memory; what one sends, the other receives in
/// pieces of a few octets.
class Wire {
public:
    Wire(Peer& a, Peer& b) : ends_{&a, &b} {}

    void feed(std::size_t end, const Event& event) {
        events_.emplace_back(end, event);
        run();
    }

    void run() {
        while (!events_.empty()) {
            auto [end, event] = std::move(events_.front());
            events_.pop_front();
            if (end == 0) transcript.event(now, describe(event));
            for (auto& action : ends_[end]->handle(event, now)) {
                if (end == 0) transcript.action(describe(action));
                std::visit([&](auto& a) { perform(end, a); }, action);
            }
        }
    }

    void advance(Duration duration) {
        const auto until = now + duration;
        while (true) {
            std::optional<TimePoint> next;
            for (const auto* end : ends_) {
                if (end->deadline() && (!next || *end->deadline() < *next)) next = end->deadline();
            }
            if (!next || *next > until) break;
            now = std::max(now, *next);
            for (std::size_t end : {0U, 1U}) events_.emplace_back(end, TimerExpired{});
            run();
        }
        now = until;
    }

    TimePoint now = t0;
    testing::Transcript transcript{t0};             ///< of the first end
    std::size_t piece = 7;                          ///< octets that arrive at a time
    std::map<net::Prefix, PathAttributes> seen[2];  ///< what each end has been told
    std::size_t duplicates = 0;
    std::set<AddressFamily> ended[2];

private:
    void perform(std::size_t end, const OpenConnection& action) {
        const ConnectionId here{++last_id_};
        const ConnectionId there{++last_id_};
        link_[here] = {1 - end, there};
        link_[there] = {end, here};
        const net::Endpoint local{ends_[1 - end]->config().address, 40000};
        const net::Endpoint remote{ends_[end]->config().address, 179};
        events_.emplace_back(1 - end, ConnectionOpened{there, {}, remote, local});
        events_.emplace_back(end, ConnectionOpened{here, action.attempt, local, remote});
    }
    void perform(std::size_t, const AbortOpen&) {}
    void perform(std::size_t end, const Send& action) {
        written_[action.connection] += action.bytes.size();
        events_.emplace_back(end, Written{action.connection, written_[action.connection]});
        const auto link = link_.find(action.connection);
        if (link == link_.end()) return;
        for (std::size_t at = 0; at < action.bytes.size(); at += piece) {
            const auto last = std::min(at + piece, action.bytes.size());
            events_.emplace_back(link->second.first,
                                 Received{link->second.second,
                                          {action.bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                           action.bytes.begin() + static_cast<std::ptrdiff_t>(last)}});
        }
    }
    void perform(std::size_t, const CloseConnection& action) {
        const auto link = link_.find(action.connection);
        if (link == link_.end()) return;
        events_.emplace_back(link->second.first, ConnectionClosed{link->second.second, "closed by peer"});
        link_.erase(link->second.second);
        link_.erase(action.connection);
    }
    void perform(std::size_t end, const SessionUp&) { seen[end].clear(); }
    void perform(std::size_t end, const SessionDown&) { seen[end].clear(); }
    void perform(std::size_t, const RoutesSent&) {}
    void perform(std::size_t, const RefreshBegins&) {}
    void perform(std::size_t, const RefreshEnds&) {}
    void perform(std::size_t, const WatchedRoutesChanged&) {}
    void perform(std::size_t, const InitialRoutesReceived&) {}
    void perform(std::size_t, const MaxPrefixesReached&) {}
    void perform(std::size_t, const StateChanged&) {}
    void perform(std::size_t end, const RoutesReceived& action) {
        const auto& update = action.update;
        EXPECT_THAT(update.errors, IsEmpty());
        if (const auto family = end_of_rib_family(update)) {
            duplicates += ended[end].insert(*family).second ? 0U : 1U;
            return;
        }
        const auto announce = [&](const std::vector<Nlri>& routes) {
            for (const auto& [p, path_id] : routes) {
                const auto [known, added] = seen[end].try_emplace(p, update.attributes);
                if (!added && known->second == update.attributes) ++duplicates;
                known->second = update.attributes;
            }
        };
        const auto withdraw = [&](const std::vector<Nlri>& routes) {
            for (const auto& nlri : routes) duplicates += seen[end].erase(nlri.prefix) == 1 ? 0U : 1U;
        };
        withdraw(update.withdrawn);
        if (update.mp_unreach) withdraw(update.mp_unreach->withdrawn);
        announce(update.nlri);
        if (update.mp_reach) announce(update.mp_reach->nlri);
    }

    Peer* ends_[2];
    std::deque<std::pair<std::size_t, Event>> events_;
    std::map<ConnectionId, std::pair<std::size_t, ConnectionId>> link_;
    std::map<ConnectionId, std::uint64_t> written_;
    std::uint64_t last_id_ = 0;
};

TEST(TwoPeers, ActiveAndPassiveExchangeRoutesAndPart) {
    Random random{7};
    auto router_config = config_of_router();
    router_config.passive = true;
    auto node_config = config_of_node();
    node_config.next_hop6 = *net::Ipv6Address::parse("2001:db8::11");
    RouteTable routes;
    RouteTable router_routes;
    Peer node{node_config, random, routes};
    Peer router{router_config, random, router_routes};
    Wire wire{node, router};
    wire.feed(1, Start{});
    wire.feed(0, Start{});
    ASSERT_EQ(node.state(), State::Established);
    ASSERT_EQ(router.state(), State::Established);

    const std::vector<RouteChange> wanted{
        {prefix("203.0.113.10/32"),
         Route{.attributes = {.communities = {Community{65010, 100}}, .med = 50, .prepend = 1}}},
        {prefix("2001:db8:1::10/128"), Route{}}};
    wire.feed(0, RoutesChanged{routes.change(wanted)});
    wire.feed(0, InitialRoutesComplete{});
    ASSERT_EQ(wire.seen[1].size(), 2U);
    const auto& v4 = wire.seen[1].at(prefix("203.0.113.10/32"));
    EXPECT_EQ(v4.as_path, AsPath::sequence({Asn{65010}, Asn{65010}}));
    EXPECT_EQ(v4.communities, (std::set{Community{65010, 100}}));
    EXPECT_EQ(wire.ended[1].size(), 2U);

    wire.feed(0, RoutesChanged{routes.change({prefix("203.0.113.10/32"), std::nullopt})});
    EXPECT_EQ(wire.seen[1].size(), 1U);

    wire.advance(60s);  // KEEPALIVEs hold it.
    EXPECT_EQ(node.status().counters.sessions, 1U);
    EXPECT_EQ(node.state(), State::Established);

    wire.feed(0, Stop{CeaseSubcode::AdministrativeShutdown, "bye"});
    EXPECT_EQ(router.status().last_error->notification->shutdown_communication(), "bye");
    EXPECT_EQ(wire.duplicates, 0U);
}

TEST(TwoPeers, BothActiveEndWithOneSession) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        Random random{seed};
        RouteTable routes;
        RouteTable router_routes;
        Peer node{config_of_node(), random, routes};
        Peer router{config_of_router(), random, router_routes};
        Wire wire{node, router};
        wire.feed(0, RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{}})});
        wire.feed(seed % 2, Start{});
        wire.feed(1 - seed % 2, Start{});
        wire.advance(20s);
        ASSERT_EQ(node.state(), State::Established) << seed;
        ASSERT_EQ(router.state(), State::Established) << seed;
        ASSERT_EQ(wire.seen[1].size(), 1U) << seed;
        ASSERT_EQ(wire.duplicates, 0U) << seed;
    }
}

// The life of a session in one piece, as a person reads it.
TEST(TwoPeers, TranscriptOfASession) {
    Random random{7};
    auto router_config = config_of_router();
    router_config.passive = true;
    RouteTable routes;
    RouteTable router_routes;
    Peer node{config_of_node(), random, routes};
    Peer router{router_config, random, router_routes};
    Wire wire{node, router};
    wire.piece = 4096;
    wire.feed(1, Start{});
    wire.feed(0, RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{.attributes = {.med = 50}}})});
    wire.feed(0, Start{});
    wire.feed(0, InitialRoutesComplete{});
    wire.advance(3s);
    wire.feed(0, RoutesChanged{routes.change({prefix("203.0.113.10/32"), std::nullopt})});
    wire.feed(1, Stop{CeaseSubcode::AdministrativeReset, "new software"});
    wire.feed(1, Start{});
    wire.advance(2s);
    wire.feed(0, Stop{CeaseSubcode::AdministrativeShutdown, "maintenance"});
    EXPECT_EQ(wire.transcript.text(), wire.transcript.expected("bgp/session.txt"));
}

}  // namespace
}  // namespace anyvip::bgp
