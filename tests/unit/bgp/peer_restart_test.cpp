#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bgp/message.hpp"
#include "bgp/peer.hpp"

/// Graceful restart as bgp::Peer does it, on both sides: RFC 4724, 8538, 9494.
namespace anyvip::bgp {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TimePoint t0{1000s};
constexpr Families both{.ipv4 = true, .ipv6 = true};

net::IpAddress address(const char* text) {
    return *net::IpAddress::parse(text);
}
net::Prefix prefix(const char* text) {
    return *net::Prefix::parse(text);
}

PeerConfig config_of_node(std::chrono::seconds long_lived = 0s) {
    PeerConfig config;
    config.local_as = Asn{65010};
    config.router_id = *net::Ipv4Address::parse("10.0.0.11");
    config.address = address("10.0.0.1");
    config.peer_as = Asn{65000};
    config.graceful_restart = RestartOffer{.restart_time = 30s, .long_lived_stale_time = long_lived};
    config.import = {.rules = {{.prefix = prefix("10.0.0.0/8"), .max_length = 32}}, .max_prefixes = 10};
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

std::vector<Message> sent(const Actions& actions) {
    std::vector<Message> result;
    for (const auto& send : all<Send>(actions)) {
        Framer framer;
        framer.feed(send.bytes);
        while (const auto raw = framer.next()) {
            if (!*raw) return result;
            auto message = decode(**raw, {.families = {ipv4_unicast, ipv6_unicast}});
            if (message) result.push_back(std::move(*message));
        }
    }
    return result;
}

template <class T>
std::optional<T> said(const Actions& actions) {
    for (const auto& message : sent(actions)) {
        const auto* const open = std::get_if<Open>(&message);
        if (open == nullptr) continue;
        for (const auto& capability : open->capabilities) {
            if (const auto* wanted = std::get_if<T>(&capability)) return *wanted;
        }
    }
    return std::nullopt;
}

GracefulRestart restart_of_router(bool notification = true, bool preserved = true) {
    return {.restarted = false,
            .notification = notification,
            .restart_time = 60s,
            .families = {{ipv4_unicast, preserved}, {ipv6_unicast, preserved}}};
}

Update route(const char* text, std::set<Community> communities = {}) {
    Update update;
    update.attributes.as_path = AsPath::sequence({Asn{65000}});
    update.attributes.next_hop = address("10.0.0.1");
    update.attributes.communities = std::move(communities);
    update.nlri = {prefix(text)};
    return update;
}

class PeerRestartTest : public ::testing::Test {
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
    static Open offer(std::optional<GracefulRestart> restart,
                      std::optional<LongLivedGracefulRestart> long_lived = std::nullopt) {
        Open open;
        open.my_as = Asn{65000};
        open.hold_time = HoldTime{90};
        open.identifier = *net::Ipv4Address::parse("10.0.0.1");
        open.capabilities = {Multiprotocol{ipv4_unicast}, Multiprotocol{ipv6_unicast}, FourOctetAs{Asn{65000}}};
        if (restart) open.capabilities.emplace_back(*restart);
        if (long_lived) open.capabilities.emplace_back(*long_lived);
        return open;
    }
    /// Over a connection that we open; returns our OPEN.
    Actions establish(const Open& offered = offer(restart_of_router())) {
        const auto opened = open(++connection, ++attempts);
        (void)receive(connection, offered);
        (void)receive(connection, Keepalive{});
        EXPECT_EQ(peer.state(), State::Established);
        take_all();
        return opened;
    }
    Actions start(const OwnRestart& own = {}) {
        (void)feed(Start{own});
        return establish();
    }
    void take_all() { (void)feed(Written{ConnectionId{connection}, 1U << 30U}); }
    Actions lose() { return feed(ConnectionClosed{ConnectionId{connection}, "reset"}); }
    /// Until it connects again.
    void come_back(const Open& offered = offer(restart_of_router())) {
        wait_for_attempt();
        (void)establish(offered);
    }
    void wait_for_attempt() {
        now += 2s;
        ASSERT_EQ(all<OpenConnection>(feed(TimerExpired{})).size(), 1U);
    }
    void become(const PeerConfig& config) {
        std::destroy_at(&peer);
        std::construct_at(&peer, config, random, routes);
    }
    [[nodiscard]] std::vector<std::string> heard() const {
        std::vector<std::string> lines;
        for (const auto& [nlri, known] : peer.adj_rib_in().routes()) {
            lines.push_back(nlri.prefix.to_string() + (known.stale ? " stale" : ""));
        }
        return lines;
    }

    Random random{1};
    RouteTable routes;
    TimePoint now = t0;
    std::uint64_t connection = 0;
    std::uint64_t attempts = 0;
    Peer peer{config_of_node(), random, routes};
};

// ---- the one that restarts ------------------------------------------------------------------------------

// RFC 4724 §3: negative; who has not restarted does not say so, nor that anything was preserved.
// RFC 8538 §2: positive; the N bit.
TEST_F(PeerRestartTest, TheFirstRunSaysNothingOfARestart) {
    EXPECT_EQ(said<GracefulRestart>(start()),
              (GracefulRestart{.restarted = false,
                               .notification = true,
                               .restart_time = 30s,
                               .families = {{ipv4_unicast, false}, {ipv6_unicast, false}}}));
}

TEST_F(PeerRestartTest, NothingIsSaidWhereItIsOff) {
    auto config = config_of_node();
    config.graceful_restart.reset();
    become(config);
    EXPECT_EQ(said<GracefulRestart>(start()), std::nullopt);
    (void)receive(connection, route("10.1.0.0/16"));
    (void)lose();
    EXPECT_THAT(heard(), IsEmpty());
    EXPECT_EQ(peer.status().kept, std::nullopt);
}

// RFC 4724 §4.1: positive; R until the initial update is complete, F for what was preserved.
// RFC 4724 §3: negative; R is not said for ever (a restart of the peer would otherwise wait for nobody's End-of-RIB).
TEST_F(PeerRestartTest, RUntilThePeerHadOurEndOfRib) {
    auto restart =
        said<GracefulRestart>(start({.restarted = true, .preserved = {.ipv4 = true, .ipv6 = false}})).value();
    EXPECT_TRUE(restart.restarted);
    EXPECT_THAT(restart.families,
                ElementsAre(GracefulRestart::Entry{ipv4_unicast, true}, GracefulRestart::Entry{ipv6_unicast, false}));
    (void)lose();  // Before our End-of-RIB.
    wait_for_attempt();
    restart = said<GracefulRestart>(establish()).value();
    EXPECT_TRUE(restart.restarted);
    EXPECT_TRUE(restart.families.at(1).forwarding_preserved) << "what the last session told is forwarded";

    (void)feed(InitialRoutesComplete{});
    (void)lose();
    wait_for_attempt();
    restart = said<GracefulRestart>(establish()).value();
    EXPECT_FALSE(restart.restarted);
    EXPECT_TRUE(restart.families.at(0).forwarding_preserved);
}

// RFC 8538 §3.1: positive; Cease/9 wraps what the Cease would have been: 6, 2, length, text.
TEST_F(PeerRestartTest, AnOrderlyStopIsAHardReset) {
    (void)start();
    const auto stopped = sent(feed(Stop{CeaseSubcode::AdministrativeShutdown, "bye"}));
    const auto notification = std::get<Notification>(stopped.back());
    EXPECT_EQ(notification.code, 6);
    EXPECT_EQ(notification.subcode, 9);
    EXPECT_EQ(notification.data, (std::vector<std::uint8_t>{6, 2, 3, 'b', 'y', 'e'}));
}

// RFC 8538 §3.1: negative; not to a peer that has not said N. RFC 4724 has its NOTIFICATION end everything.
TEST_F(PeerRestartTest, WithoutTheNBitACeaseIsOne) {
    (void)feed(Start{});
    (void)establish(offer(restart_of_router(false)));
    const auto stopped = sent(feed(Stop{CeaseSubcode::AdministrativeShutdown, ""}));
    EXPECT_EQ(std::get<Notification>(stopped.back()), cease(CeaseSubcode::AdministrativeShutdown));
}

// RFC 8538 §5.1, RFC 9384 §3: positive; BFD says that the path has failed, and nobody is to keep anything.
TEST_F(PeerRestartTest, BfdDownIsAHardReset) {
    (void)start();
    (void)receive(connection, route("10.1.0.0/16"));
    const auto down = sent(feed(BfdDown{"Control Detection Time Expired"}));
    ASSERT_EQ(down.size(), 1U);
    EXPECT_EQ(std::get<Notification>(down[0]).data, (std::vector<std::uint8_t>{6, 10}));
    EXPECT_EQ(std::get<Notification>(down[0]).subcode, 9);
    EXPECT_THAT(heard(), IsEmpty());
}

// RFC 8538 §5.1: negative; another configuration is a pause, and a graceful one; but not for who was another peer.
TEST_F(PeerRestartTest, AChangeOfTheConfigurationIsGracefulForTheSamePeerAlone) {
    (void)start();
    (void)receive(connection, route("10.1.0.0/16"));
    auto config = config_of_node();
    config.add_path.receive = true;
    EXPECT_EQ(sent(feed(ConfigChanged{config})).at(0), Message{cease(CeaseSubcode::OtherConfigurationChange)});
    EXPECT_THAT(heard(), ElementsAre("10.1.0.0/16 stale"));

    (void)establish();
    config.address = address("10.0.0.2");
    const auto ended = sent(feed(ConfigChanged{config}));
    EXPECT_EQ(ended.at(0), Message{hard_reset(cease(CeaseSubcode::PeerDeconfigured))});
    EXPECT_THAT(heard(), IsEmpty());
}

// ---- the other one --------------------------------------------------------------------------------------

// RFC 4724 §4.2: positive; stale until it is said again, and at End-of-RIB the rest goes.
TEST_F(PeerRestartTest, RoutesOfAPeerThatRestartsAreKept) {
    (void)start();
    (void)feed(Watch{{prefix("10.1.0.0/16")}});
    (void)receive(connection, route("10.1.0.0/16"));
    (void)receive(connection, route("10.2.0.0/16"));
    (void)lose();
    EXPECT_THAT(heard(), ElementsAre("10.1.0.0/16 stale", "10.2.0.0/16 stale"));
    EXPECT_EQ(peer.status().kept, (Kept{.families = both, .long_lived = {}, .routes = 2, .until = now + 60s}));

    come_back();
    EXPECT_THAT(heard(), ElementsAre("10.1.0.0/16 stale", "10.2.0.0/16 stale"));
    (void)receive(connection, route("10.2.0.0/16"));
    EXPECT_THAT(heard(), ElementsAre("10.1.0.0/16 stale", "10.2.0.0/16"));
    const auto ended = receive(connection, end_of_rib(ipv4_unicast));
    EXPECT_THAT(heard(), ElementsAre("10.2.0.0/16"));
    EXPECT_EQ(all<WatchedRoutesChanged>(ended).size(), 1U);
    (void)receive(connection, end_of_rib(ipv6_unicast));
    EXPECT_EQ(peer.status().kept, std::nullopt);
}

// RFC 4724 §4.2: negative; not longer than its restart time.
TEST_F(PeerRestartTest, RoutesOfAPeerThatStaysAwayGo) {
    (void)start();
    (void)receive(connection, route("10.1.0.0/16"));
    (void)lose();
    const auto until = now + 60s;
    while (peer.deadline() && *peer.deadline() < until) {
        now = *peer.deadline();
        for (const auto& wanted : all<OpenConnection>(feed(TimerExpired{}))) {
            (void)feed(ConnectionFailed{wanted.attempt, "refused"});
        }
        EXPECT_THAT(heard(), ElementsAre("10.1.0.0/16 stale"));
    }
    now = until;
    (void)feed(TimerExpired{});
    EXPECT_THAT(heard(), IsEmpty());
}

// RFC 4724 §4.2: positive; without F, or without the capability, what is stale goes when the session is back.
TEST_F(PeerRestartTest, APeerThatForwardsNoLongerSaysSo) {
    for (const auto& back : {offer(restart_of_router(true, false)), offer(std::nullopt)}) {
        connection = attempts = 0;
        become(config_of_node());
        (void)start();
        (void)receive(connection, route("10.1.0.0/16"));
        (void)lose();
        come_back(back);
        EXPECT_THAT(heard(), IsEmpty());
    }
}

// RFC 8538 §4: positive; a NOTIFICATION of either side, and the hold time.
// RFC 8538 §3.1: negative; a Hard Reset is the end, whatever it wraps.
TEST_F(PeerRestartTest, ANotificationKeepsThemAndAHardResetDoesNot) {
    (void)start();
    (void)receive(connection, route("10.1.0.0/16"));
    (void)receive(connection, cease(CeaseSubcode::OutOfResources));
    EXPECT_THAT(heard(), ElementsAre("10.1.0.0/16 stale"));
    come_back();
    (void)receive(connection, route("10.1.0.0/16"));
    now += 9s;  // The hold time of our configuration, the smaller one.
    (void)feed(TimerExpired{});
    EXPECT_EQ(peer.state(), State::Idle);
    EXPECT_THAT(heard(), ElementsAre("10.1.0.0/16 stale"));
    come_back();
    (void)receive(connection, hard_reset(cease(CeaseSubcode::AdministrativeShutdown, "bye")));
    EXPECT_THAT(heard(), IsEmpty());
    EXPECT_NE(describe(*peer.status().last_error).find("Administrative Shutdown \"bye\""), std::string::npos);
}

TEST_F(PeerRestartTest, AStopForgetsWhatWasKept) {
    (void)start();
    (void)receive(connection, route("10.1.0.0/16"));
    (void)lose();
    (void)feed(Stop{});
    EXPECT_THAT(heard(), IsEmpty());
    EXPECT_EQ(peer.deadline(), std::nullopt);
}

// RFC 4724 §5: positive; a router that lost its power has not closed its connection, and opens another.
// RFC 4724 §5: negative; without its capability the session that is up wins (RFC 4271 §6.8).
TEST_F(PeerRestartTest, AnotherConnectionOfAPeerWithASessionIsItsRestart) {
    (void)start();
    (void)receive(connection, route("10.1.0.0/16"));
    EXPECT_THAT(all<CloseConnection>(open(50, std::nullopt)), ElementsAre(CloseConnection{ConnectionId{50}}))
        << "it may have crossed ours";
    now += 2s;
    const auto opened = open(51, std::nullopt);
    EXPECT_THAT(all<CloseConnection>(opened), ElementsAre(CloseConnection{ConnectionId{connection}}));
    EXPECT_EQ(all<SessionDown>(opened).size(), 1U);
    EXPECT_TRUE(std::holds_alternative<Open>(sent(opened).at(0)));
    EXPECT_THAT(heard(), ElementsAre("10.1.0.0/16 stale"));
    (void)receive(51, offer(restart_of_router()));
    (void)receive(51, Keepalive{});
    EXPECT_EQ(peer.state(), State::Established);
    EXPECT_THAT(heard(), ElementsAre("10.1.0.0/16 stale"));

    connection = attempts = 0;
    become(config_of_node());
    (void)feed(Start{});
    (void)establish(offer(std::nullopt));
    now += 2s;
    EXPECT_THAT(all<CloseConnection>(open(52, std::nullopt)), ElementsAre(CloseConnection{ConnectionId{52}}));
    EXPECT_EQ(peer.state(), State::Established);
}

// RFC 9494 §4.2: positive; after the restart time the community, and the long-lived time.
// RFC 9494 §4.3: negative; what bears NO_LLGR is not kept for that.
TEST_F(PeerRestartTest, LongLivedRoutesAreMarked) {
    become(config_of_node(3600s));
    const auto offered =
        offer(restart_of_router(),
              LongLivedGracefulRestart{{{.family = ipv4_unicast, .forwarding_preserved = true, .stale_time = 600s}}});
    (void)feed(Start{});
    const auto opened = establish(offered);
    EXPECT_EQ(said<LongLivedGracefulRestart>(opened)->families.at(0).stale_time, 3600s);
    (void)receive(connection, route("10.1.0.0/16"));
    (void)receive(connection, route("10.2.0.0/16", {no_llgr_community}));
    (void)lose();
    now += 60s;
    (void)feed(TimerExpired{});
    EXPECT_THAT(heard(), ElementsAre("10.1.0.0/16 stale"));
    const auto& kept = peer.adj_rib_in().routes().begin()->second;
    EXPECT_TRUE(kept.attributes.communities.contains(llgr_stale_community));
    EXPECT_EQ(peer.status().kept->until, now + 600s);
    EXPECT_EQ(peer.status().kept->long_lived, (Families{.ipv4 = true, .ipv6 = false}));
    now += 600s;
    (void)feed(TimerExpired{});
    EXPECT_THAT(heard(), IsEmpty());
}

// RFC 9494 §4.1: negative; without our own wish nothing is kept for long.
TEST_F(PeerRestartTest, LongLivedOnlyIfBothSaySo) {
    (void)feed(Start{});
    (void)establish(offer(restart_of_router(), LongLivedGracefulRestart{{{ipv4_unicast, true, 600s}}}));
    (void)receive(connection, route("10.1.0.0/16"));
    (void)lose();
    now += 60s;
    (void)feed(TimerExpired{});
    EXPECT_THAT(heard(), IsEmpty());
}

// RFC 9494 §4.1, §4.3: positive; who is asked to keep routes for long is told which ones not to.
TEST_F(PeerRestartTest, ARouteOfWhichNothingElseIsSaidIsNotKeptForLong) {
    become(config_of_node(3600s));
    (void)feed(RoutesChanged{routes.change({prefix("203.0.113.10/32"), Route{}})});
    (void)feed(RoutesChanged{routes.change({prefix("203.0.113.11/32"), Route{.attributes = {.no_llgr = false}}})});
    (void)feed(Start{});
    (void)open(1, 1);
    (void)receive(1, offer(restart_of_router(), LongLivedGracefulRestart{{{ipv4_unicast, false, 0s}}}));
    std::vector<std::string> marked;
    for (const auto& message : sent(receive(1, Keepalive{}))) {
        const auto* const update = std::get_if<Update>(&message);
        if (update == nullptr || !update->attributes.communities.contains(no_llgr_community)) continue;
        for (const auto& nlri : update->nlri) marked.push_back(nlri.prefix.to_string());
    }
    EXPECT_THAT(marked, ElementsAre("203.0.113.10/32"));
}

}  // namespace
}  // namespace anyvip::bgp
