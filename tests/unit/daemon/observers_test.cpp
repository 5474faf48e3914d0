#include "daemon/observers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "anyvip/config/load.hpp"
#include "anyvip/random.hpp"
#include "bgp/message.hpp"

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;
using Knowledge = vip::Others::Knowledge;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TimePoint t0 = TimePoint{} + 1000s;
const VipName www{"www"};
const PeerName tor{"tor"};
const net::Prefix prefix = *net::Prefix::parse("203.0.113.10/32");

/// A VIP that stands by, and one that does not care, behind one router of an internal session, so that next hops and
/// ORIGINATOR_ID arrive as they were sent.
class ObserversTest : public ::testing::Test {
protected:
    ObserversTest() {
        const auto config = config::parse(R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
[[bgp.peer]]
name = "tor"
address = "10.0.0.1"
asn = "internal"
[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
role = "standby"
[[vip]]
name = "dns"
address = "203.0.113.53"
announce = "bgp"
)",
                                          "t.toml");
        observers.configure(config.value(), t0);
        feed(bgp::Start{});
        feed(bgp::Watch{observers.watched(tor)});
        feed(bgp::ConnectionOpened{.connection = bgp::ConnectionId{1},
                                   .attempt = bgp::AttemptId{1},
                                   .local = {*net::IpAddress::parse("10.0.0.11"), 40000},
                                   .remote = {*net::IpAddress::parse("10.0.0.1"), 179}});
        bgp::Open open;
        open.my_as = bgp::Asn{65010};
        open.identifier = *net::Ipv4Address::parse("10.0.0.1");
        open.capabilities = {bgp::Multiprotocol{bgp::ipv4_unicast}, bgp::FourOctetAs{bgp::Asn{65010}}};
        receive(open);
        receive(bgp::Keepalive{});
        receive(bgp::end_of_rib(bgp::ipv4_unicast));
    }

    static bgp::PeerConfig peer_config() {
        bgp::PeerConfig config;
        config.name = tor;
        config.local_as = bgp::Asn{65010};
        config.router_id = *net::Ipv4Address::parse("10.0.0.11");
        config.address = *net::IpAddress::parse("10.0.0.1");
        config.peer_as = bgp::InternalAs{};
        return config;
    }
    void feed(const bgp::Event& event) { (void)peer.handle(event, t0); }
    void receive(const bgp::Message& message) {
        feed(bgp::Received{bgp::ConnectionId{1}, bgp::encode(message, {.ibgp = true})});
    }
    void hear(const bgp::PathAttributes& attributes) {
        bgp::Update update;
        update.attributes = attributes;
        update.nlri = {prefix};
        receive(update);
    }
    static bgp::PathAttributes via(const char* next_hop) {
        bgp::PathAttributes attributes;
        attributes.next_hop = *net::IpAddress::parse(next_hop);
        attributes.local_pref = 100;
        return attributes;
    }
    Knowledge known() {
        (void)observers.look(tor, &peer, t0);
        return observers.others(www).knowledge;
    }

    Random random{1};
    bgp::RouteTable routes;
    bgp::Peer peer{peer_config(), random, routes};
    Observers observers;
};

TEST_F(ObserversTest, OnlyThoseThatWantToKnowAreWatched) {
    EXPECT_THAT(observers.watched(tor), ElementsAre(prefix));
    EXPECT_THAT(observers.watched(PeerName{"another"}), IsEmpty());
}

TEST_F(ObserversTest, WhatChangesIsTold) {
    EXPECT_EQ(observers.look(tor, &peer, t0).size(), 1U);
    EXPECT_THAT(observers.look(tor, &peer, t0), IsEmpty());
    hear(via("10.0.0.12"));
    EXPECT_THAT(observers.look(tor, peer, {*net::Prefix::parse("203.0.113.53/32")}, t0), IsEmpty());
    const auto news = observers.look(tor, peer, {prefix}, t0);
    ASSERT_EQ(news.size(), 1U);
    EXPECT_EQ(news[0].first, www);
    EXPECT_EQ(news[0].second.text, "tor: via 10.0.0.12");
}

TEST_F(ObserversTest, OurOwnIsKnownByItsMarkItsOriginatorOrItsNextHop) {
    EXPECT_EQ(known(), Knowledge::None);
    auto marked = via("10.0.0.1");
    marked.large_communities = {{65010, 4271000100, 167772171}};
    hear(marked);
    EXPECT_EQ(known(), Knowledge::None);
    auto reflected = via("10.0.0.1");
    reflected.originator_id = net::Ipv4Address::parse("10.0.0.11");
    hear(reflected);
    EXPECT_EQ(known(), Knowledge::None);
    hear(via("10.0.0.11"));
    EXPECT_EQ(known(), Knowledge::None);
    hear(via("10.0.0.12"));
    EXPECT_EQ(known(), Knowledge::Heard);
}

TEST_F(ObserversTest, TheMarkOfAnotherIsItsRank) {
    auto marked = via("10.0.0.12");
    marked.large_communities = {{65010, 4271000200, 167772172}};
    hear(marked);
    EXPECT_EQ(known(), Knowledge::Heard);
    EXPECT_FALSE(observers.others(www).unranked);
    EXPECT_EQ(observers.others(www).best, (vip::Rank{200, 167772172}));
}

// RFC 8326: positive; a route that is about to go keeps nobody back.
TEST_F(ObserversTest, WhatIsAboutToGoIsNotThere) {
    auto leaving = via("10.0.0.12");
    leaving.communities = {bgp::graceful_shutdown_community};
    hear(leaving);
    EXPECT_EQ(known(), Knowledge::None);
}

// RFC 9494 §4.3: positive; what a router keeps for long, its node being away, is the last choice.
TEST_F(ObserversTest, WhatARouterKeepsForWantOfABetterOneIsNotThere) {
    auto stale = via("10.0.0.12");
    stale.communities = {bgp::llgr_stale_community};
    hear(stale);
    EXPECT_EQ(known(), Knowledge::None);
}

// RFC 4724 §4.2: positive; what a router told that restarts counts until it has said everything again.
TEST_F(ObserversTest, WhatIsKeptOfARouterThatRestartsIsThere) {
    auto config = peer_config();
    config.graceful_restart = bgp::RestartOffer{};
    feed(bgp::ConfigChanged{config});  // Ends the session, and connects anew.
    const auto connect = [this](std::uint64_t id) {
        feed(bgp::ConnectionOpened{.connection = bgp::ConnectionId{id},
                                   .attempt = bgp::AttemptId{id},
                                   .local = {*net::IpAddress::parse("10.0.0.11"), 40000},
                                   .remote = {*net::IpAddress::parse("10.0.0.1"), 179}});
        bgp::Open open;
        open.my_as = bgp::Asn{65010};
        open.identifier = *net::Ipv4Address::parse("10.0.0.1");
        open.capabilities = {bgp::Multiprotocol{bgp::ipv4_unicast}, bgp::FourOctetAs{bgp::Asn{65010}},
                             bgp::GracefulRestart{.restart_time = 60s, .families = {{bgp::ipv4_unicast, true}}}};
        const auto say = [this, id](const bgp::Message& message) {
            feed(bgp::Received{bgp::ConnectionId{id}, bgp::encode(message, {.ibgp = true})});
        };
        say(open);
        say(bgp::Keepalive{});
        return say;
    };
    bgp::Update update;
    update.attributes = via("10.0.0.12");
    update.nlri = {prefix};
    const auto first = connect(2);
    first(update);
    first(bgp::end_of_rib(bgp::ipv4_unicast));
    EXPECT_EQ(known(), Knowledge::Heard);
    feed(bgp::ConnectionClosed{bgp::ConnectionId{2}, "reset"});
    EXPECT_EQ(known(), Knowledge::Heard);
    (void)peer.handle(bgp::TimerExpired{}, t0 + 2s);
    const auto again = connect(3);
    EXPECT_EQ(known(), Knowledge::Heard) << "nothing is said yet";
    again(bgp::end_of_rib(bgp::ipv4_unicast));
    EXPECT_NE(observers.others(www).text.find("10.0.0.12"), std::string::npos);
    EXPECT_THAT(peer.adj_rib_in().routes(), IsEmpty());
}

TEST_F(ObserversTest, APeerThatIsGoneTellsNothing) {
    EXPECT_EQ(known(), Knowledge::None);
    (void)observers.look(tor, nullptr, t0);
    EXPECT_EQ(observers.others(www).knowledge, Knowledge::Unknown);
    EXPECT_EQ(observers.others(VipName{"dns"}).knowledge, Knowledge::Unknown);
}

TEST_F(ObserversTest, TheTimeToLearnEndsByItself) {
    Observers fresh;
    fresh.configure(config::parse("[bgp]\nasn = 65010\nrouter_id = \"10.0.0.11\"\n[[bgp.peer]]\nname = \"tor\"\n"
                                  "address = \"10.0.0.1\"\nasn = \"internal\"\n[[vip]]\nname = \"www\"\n"
                                  "address = \"203.0.113.10\"\nannounce = \"bgp\"\nrole = \"standby\"\n",
                                  "t.toml")
                        .value(),
                    t0);
    EXPECT_EQ(fresh.deadline(), t0 + 20s);
    EXPECT_THAT(fresh.expire(t0 + 20s), ElementsAre(std::pair{www, vip::Others{.text = "no session tells"}}));
    EXPECT_EQ(fresh.deadline(), std::nullopt);
}

}  // namespace
}  // namespace anyvip::daemon
