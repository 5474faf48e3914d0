#include "daemon/translate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/actions.hpp"

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;
using anyvip::testing::config_of;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

net::IpAddress ip(std::string_view text) {
    return net::IpAddress::parse(text).value();
}
net::Prefix prefix(std::string_view text) {
    return net::Prefix::parse(text).value();
}

const std::string everything = R"(
[node]
name = "lb1"
apply_timeout = "3s"
propagation_wait = "700ms"
[bgp]
asn = 65010
router_id = "10.0.0.11"
[[bgp.peer]]
name = "external"
address = "10.0.0.1"
asn = 65000
hold_time = "30s"
next_hop6 = "2001:db8::1"
[[bgp.peer]]
name = "any"
address = "10.0.0.2"
asn = "external"
[[bgp.peer]]
name = "internal"
address = "10.0.0.3"
asn = "internal"
[[virtual_router]]
name = "office"
interface = "eth1"
vrid = 51
priority = 150
track = [{ check = "nginx", weight = -60 }]
[[virtual_router]]
name = "six"
interface = "eth1"
vrid = 52
family = "ipv6"
[[check]]
name = "nginx"
tcp = { address = "127.0.0.1", port = 80 }
[[vip]]
name = "anycast"
address = "203.0.113.10"
announce = "bgp"
track = ["nginx"]
services = "any"
bgp = { communities = ["65010:100"], med = 50, prepend = 1, peers = ["external", "any"] }
[[vip]]
name = "anycast6"
address = "2001:db8::10"
announce = "bgp"
[[vip]]
name = "hybrid"
address = "192.0.2.100/24"
announce = ["vrrp", "bgp"]
virtual_router = "office"
[[vip]]
name = "floating6"
address = "fe80::100/64"
announce = "vrrp"
virtual_router = "six"
[[vip]]
name = "floating6-host"
address = "2001:db8::100"
announce = "vrrp"
virtual_router = "six"
[[virtual_server]]
name = "http"
vip = "anycast"
port = 80
forwarding = "nat"
quorum = 2
when_empty = "keep"
check = { tcp = {} }
[[virtual_server.real_server]]
address = "10.0.1.21"
weight = 3
[[virtual_server.real_server]]
address = "10.0.1.22"
[[virtual_server]]
name = "active-only"
vip = "hybrid"
port = 80
forwarding = "nat"
program = "active"
scheduler = "mh"
persistence = "5m"
[[virtual_server.real_server]]
address = "10.0.1.21"
)";

class TranslateTest : public ::testing::Test {
protected:
    const config::Vip& vip(std::string_view name) const {
        return *std::ranges::find_if(config.vips, [&](const auto& v) { return v.name.value() == name; });
    }
    vip::VipPolicy policy(std::string_view name) const {
        const auto all = policies(config);
        return *std::ranges::find_if(all.vips, [&](const auto& v) { return v.name.value() == name; });
    }
    RouterSetup setup(std::string_view name) const {
        for (const auto& router : router_setups(config)) {
            if (router.name.value() == name) return router;
        }
        ADD_FAILURE() << "no setup for " << name;
        return {};
    }

    config::Config config = config_of(everything);
};

TEST_F(TranslateTest, TheOrderOfABgpVip) {
    EXPECT_EQ(lifecycle_config(config, vip("anycast")), (vip::LifecycleConfig{.announces = true,
                                                                              .owns_address = true,
                                                                              .needs_active = false,
                                                                              .propagation_wait = 700ms,
                                                                              .send_timeout = 3s,
                                                                              .graceful_shutdown = 2s}));
}

TEST_F(TranslateTest, TheOrderOfAHybridAndOfAVrrpVip) {
    const auto hybrid = lifecycle_config(config, vip("hybrid"));
    EXPECT_TRUE(hybrid.announces && hybrid.needs_active && !hybrid.owns_address);
    const auto vrrp = lifecycle_config(config, vip("floating6"));
    EXPECT_TRUE(!vrrp.announces && !vrrp.owns_address);
}

TEST_F(TranslateTest, APolicyHasTheTracksTheRuleAndThePeers) {
    const auto anycast = policy("anycast");
    EXPECT_THAT(anycast.policy.tracks, ElementsAre(vip::Track{CheckName{"nginx"}, std::nullopt}));
    EXPECT_EQ(anycast.policy.services, vip::ServicesRule::Any);
    EXPECT_FALSE(anycast.policy.needs_bgp_session);
    EXPECT_EQ(anycast.router, std::nullopt);
    EXPECT_THAT(anycast.peers, ElementsAre(PeerName{"any"}, PeerName{"external"}));
}

TEST_F(TranslateTest, AHybridVipNeedsASessionByDefault) {
    EXPECT_TRUE(policy("hybrid").policy.needs_bgp_session);
    EXPECT_EQ(policy("hybrid").router, RouterName{"office"});
    EXPECT_FALSE(policy("floating6").policy.needs_bgp_session);
}

TEST_F(TranslateTest, AWeightStaysAWeight) {
    EXPECT_THAT(policies(config).routers.at(0).tracks, ElementsAre(vip::Track{CheckName{"nginx"}, -60}));
}

TEST_F(TranslateTest, EveryRealServerHasItsCheckIfTheVirtualServerHasOne) {
    const auto servers = policies(config).servers;
    EXPECT_EQ(servers.at(0).quorum, 2U);
    EXPECT_EQ(servers.at(0).when_empty, vip::WhenEmpty::Keep);
    EXPECT_THAT(servers.at(0).real_servers,
                ElementsAre(vip::RealServerPolicy{{ip("10.0.1.21"), 80}, 3, CheckName{"http/10.0.1.21:80"}},
                            vip::RealServerPolicy{{ip("10.0.1.22"), 80}, 1, CheckName{"http/10.0.1.22:80"}}));
    EXPECT_EQ(servers.at(1).real_servers.at(0).check, std::nullopt);
}

TEST_F(TranslateTest, EveryCheckIsKnownAlsoOneThatNothingDependsOn) {
    config.vips.at(0).track.clear();
    config.virtual_routers.at(0).track.clear();
    EXPECT_THAT(policies(config).checks,
                ElementsAre(CheckName{"nginx"}, CheckName{"http/10.0.1.21:80"}, CheckName{"http/10.0.1.22:80"}));
}

TEST_F(TranslateTest, APeersAsIsANumberAnyOtherOrOurs) {
    const auto& peers = config.bgp->peers;
    EXPECT_EQ(peer_config(*config.bgp, peers[0]).peer_as, bgp::PeerAs{bgp::Asn{65000}});
    EXPECT_EQ(peer_config(*config.bgp, peers[1]).peer_as, bgp::PeerAs{bgp::ExternalAs{}});
    EXPECT_EQ(peer_config(*config.bgp, peers[2]).peer_as, bgp::PeerAs{bgp::InternalAs{}});
}

TEST_F(TranslateTest, APeerHasWhatTheFileSays) {
    const auto peer = peer_config(*config.bgp, config.bgp->peers[0]);
    EXPECT_EQ(peer.local_as, bgp::Asn{65010});
    EXPECT_EQ(peer.router_id, *net::Ipv4Address::parse("10.0.0.11"));
    EXPECT_EQ(peer.address, ip("10.0.0.1"));
    EXPECT_EQ(peer.hold_time, 30s);
}

TEST_F(TranslateTest, ASessionOffersWhatTheFileSays) {
    auto from = config.bgp->peers[0];
    from.device = "vrf-red";
    from.delay_open = 5s;
    from.extended_next_hop = true;
    from.add_path.receive = true;
    from.strict_role = true;
    from.capability_fallback = true;
    const std::vector<std::pair<config::BgpRole, bgp::Role>> roles{
        {config::BgpRole::Provider, bgp::Role::Provider},
        {config::BgpRole::RouteServer, bgp::Role::RouteServer},
        {config::BgpRole::RouteServerClient, bgp::Role::RouteServerClient},
        {config::BgpRole::Customer, bgp::Role::Customer},
        {config::BgpRole::Peer, bgp::Role::Peer}};
    for (const auto& [word, role] : roles) {
        from.role = word;
        EXPECT_EQ(peer_config(*config.bgp, from).role, role);
    }
    const auto to = peer_config(*config.bgp, from);
    EXPECT_EQ(to.device, "vrf-red");
    EXPECT_EQ(to.delay_open, 5s);
    EXPECT_EQ(to.add_path, (bgp::AddPathWish{.send = false, .receive = true}));
    EXPECT_TRUE(to.extended_next_hop && to.strict_role && to.capability_fallback);
}

TEST_F(TranslateTest, GracefulRestartIsOfferedWhereItIsOn) {
    auto from = config.bgp->peers[0];
    EXPECT_EQ(peer_config(*config.bgp, from).graceful_restart, std::nullopt);
    from.restart_time = 60s;
    from.long_lived_stale_time = 1h;
    for (const auto on : {config::GracefulRestart::On, config::GracefulRestart::Forced}) {
        from.graceful_restart = on;
        EXPECT_EQ(peer_config(*config.bgp, from).graceful_restart,
                  (bgp::RestartOffer{.restart_time = 60s, .long_lived_stale_time = 3600s}));
    }
}

TEST_F(TranslateTest, StrictModeIsAPartOfBfd) {
    auto from = config.bgp->peers[0];
    EXPECT_FALSE(peer_config(*config.bgp, from).bfd_strict);
    from.bfd = config::PeerBfd{.strict = true, .strict_hold = 45s};
    EXPECT_TRUE(peer_config(*config.bgp, from).bfd_strict);
    EXPECT_EQ(peer_config(*config.bgp, from).bfd_hold_time, 45s);
}

// RFC 8326 §4.2: negative; what stays does not say that it goes.
TEST_F(TranslateTest, ARouteHasWhatTheFileSays) {
    const auto to = route(config.bgp, vip("anycast"), Announcement::Announced).value();
    EXPECT_EQ(to.attributes.communities.size(), 1U);
    EXPECT_EQ(to.attributes.med, 50U);
    EXPECT_EQ(to.attributes.prepend, 1);
    EXPECT_EQ(route(config.bgp, vip("anycast6"), Announcement::Announced)->attributes, bgp::RouteAttributes{});
    EXPECT_NE(to.for_peer(vip("anycast").bgp.peers.at(0)), nullptr);
    EXPECT_EQ(to.for_peer(PeerName{"another"}), nullptr);
}

// RFC 10005 §2: positive. 0x4cee6b28 is 125,000,000 as IEEE has it: 1.862645149230957 times 2^26.
TEST_F(TranslateTest, ALinkBandwidthIsOurAsAndARate) {
    auto from = vip("anycast");
    from.bgp.attributes.extended_communities = {*net::ExtendedCommunity::parse("rt:65000:100")};
    from.bgp.attributes.link_bandwidth = config::LinkBandwidth{.octets_per_second = 125'000'000};
    auto of_servers = from.bgp.attributes;
    of_servers.link_bandwidth = config::LinkBandwidth{.octets_per_second = 12'500'000, .per_weight = true};
    from.bgp.per_peer = {{from.bgp.peers.at(0), of_servers}};
    const auto octets = [&](std::uint64_t capacity, bool to_peer) {
        const auto to = route(config.bgp, from, Announcement::Announced, capacity).value();
        const auto& attributes = to_peer ? to.exceptions.at(from.bgp.peers.at(0)) : to.attributes;
        EXPECT_EQ(attributes.extended_communities.front().to_string(), "rt:65000:100");
        return attributes.extended_communities.back();
    };
    ASSERT_EQ(config.bgp->asn, config::Asn{65010});
    EXPECT_EQ(octets(0, false), (net::ExtendedCommunity{{0x40, 0x04, 0xfd, 0xf2, 0x4c, 0xee, 0x6b, 0x28}}));
    EXPECT_EQ(octets(10, true), (net::ExtendedCommunity{{0x40, 0x04, 0xfd, 0xf2, 0x4c, 0xee, 0x6b, 0x28}}));
    // Nothing serves any more, and the route stays: one octet per second, 0x3f800000.
    EXPECT_EQ(octets(0, true), (net::ExtendedCommunity{{0x40, 0x04, 0xfd, 0xf2, 0x3f, 0x80, 0, 0}}));
}

// RFC 10005 §2: negative; nothing is said where nobody asked for it.
TEST_F(TranslateTest, WithoutALinkBandwidthThereIsNone) {
    EXPECT_TRUE(route(config.bgp, vip("anycast"), Announcement::Announced, 5)->attributes.extended_communities.empty());
}

// RFC 8326 §4.2: positive; the community, and to internal peers the least LOCAL_PREF.
TEST_F(TranslateTest, ARouteThatIsToGoSaysSo) {
    const auto to = route(config.bgp, vip("anycast"), Announcement::GracefulShutdown).value();
    EXPECT_EQ(to.attributes.communities.back(), bgp::graceful_shutdown_community);
    EXPECT_EQ(to.attributes.local_pref, 0U);
    EXPECT_EQ(to.attributes.med, 50U) << "the rest is as it was";
    EXPECT_EQ(route(config.bgp, vip("anycast"), Announcement::None), std::nullopt);
}

TEST_F(TranslateTest, AnAnycastAddressNeverBecomesASource) {
    EXPECT_EQ(anycast_address(vip("anycast")),
              (kernel::Address{.key = {net::InterfaceName{"lo"}, prefix("203.0.113.10/32")},
                               .scope = kernel::Scope::Host,
                               .deprecated = false}));
    EXPECT_EQ(anycast_address(vip("anycast6")),
              (kernel::Address{.key = {net::InterfaceName{"lo"}, prefix("2001:db8::10/128")},
                               .scope = kernel::Scope::Global,
                               .deprecated = true}));
}

TEST_F(TranslateTest, AVirtualRouterHasTheAddressesOfItsVips) {
    const auto office = setup("office");
    EXPECT_EQ(office.identity, (vrrp::Identity{vrrp::VirtualRouterId{51}, net::Family::Ipv4}));
    EXPECT_EQ(office.config.priority, vrrp::Priority{150});
    EXPECT_EQ(office.config.apply_timeout, 3s);
    EXPECT_THAT(office.config.addresses, ElementsAre(ip("192.0.2.100")));
    EXPECT_EQ(office.addresses,
              (kernel::AddressTable{{.key = {net::InterfaceName{"eth1"}, prefix("192.0.2.100/24")}}}));
}

TEST_F(TranslateTest, AnIpv6HostAddressOfAVirtualRouterNeverBecomesASource) {
    const auto six = setup("six");
    EXPECT_THAT(six.config.addresses, ElementsAre(ip("fe80::100"), ip("2001:db8::100")));  // In the file's order.
    for (const auto& address : six.addresses) {
        EXPECT_EQ(address.deprecated, address.key.prefix.is_host()) << address.key.prefix.to_string();
    }
}

TEST_F(TranslateTest, AVirtualRouterWithoutVipsDoesNotRun) {
    std::erase_if(config.vips, [](const auto& v) { return v.virtual_router == RouterName{"office"}; });
    const auto setups = router_setups(config);
    ASSERT_EQ(setups.size(), 1U);
    EXPECT_EQ(setups[0].name, RouterName{"six"});
}

TEST_F(TranslateTest, AVipHasItsVirtualServersWithTheirPoolsStillToBeFilledIn) {
    const auto setups = server_setups(config);
    EXPECT_EQ(setups.size(), 2U);
    const auto& http = setups.at(VipName{"anycast"});
    ASSERT_EQ(http.size(), 1U);
    EXPECT_EQ(http[0].name, ServerName{"http"});
    EXPECT_EQ(http[0].program, config::Program::Always);
    EXPECT_EQ(http[0].id, (ipvs::VirtualServerId{ipvs::Protocol::Tcp, {ip("203.0.113.10"), 80}}));
    EXPECT_EQ(http[0].desired.forwarding, ipvs::Forwarding::Nat);
    EXPECT_EQ(http[0].desired.properties.persistence_timeout, 0U);
    EXPECT_THAT(http[0].desired.pool, IsEmpty());
    const auto& active_only = setups.at(VipName{"hybrid"}).at(0);
    EXPECT_EQ(active_only.program, config::Program::Active);
    EXPECT_EQ(active_only.desired.properties.scheduler, ipvs::Scheduler{"mh"});
    EXPECT_EQ(active_only.desired.properties.persistence_timeout, 300U);
}

TEST_F(TranslateTest, WhatABackupMustNotHaveIsNotAdopted) {
    const auto adopt = adoptable(config);
    EXPECT_THAT(adopt.addresses,
                ElementsAre(anycast_address(vip("anycast")).key, anycast_address(vip("anycast6")).key));
    EXPECT_THAT(adopt.virtual_servers,
                ElementsAre(ipvs::VirtualServerId{ipvs::Protocol::Tcp, {ip("203.0.113.10"), 80}}));
}

TEST(Translate, PeersWithBfdHaveASessionOverAsManyHopsAsTheirOwn) {
    const auto sessions = bfd_sessions(testing::config_of(R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
[[bgp.peer]]
name = "near"
address = "10.0.0.1"
asn = 65000
source = "10.0.0.11"
bfd = { interval = "50ms", multiplier = 5 }
[[bgp.peer]]
name = "far"
address = "10.0.1.1"
asn = 65000
multihop = 3
bfd = { receive_interval = "1s", passive = true, min_ttl = 253 }
[[bgp.peer]]
name = "plain"
address = "10.0.0.2"
asn = 65000
[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
)"));
    ASSERT_EQ(sessions.sessions.size(), 2U);
    const bfd::Config near{.desired_min_tx_interval = 50ms,
                           .required_min_rx_interval = 50ms,
                           .detect_mult = 5,
                           .passive = false,
                           .minimum_ttl = 255};
    EXPECT_EQ(sessions.sessions[0],
              (BfdSetup{PeerName{"near"}, ip("10.0.0.1"), ip("10.0.0.11"), {}, bfd::Hops::Single, near}));
    const bfd::Config far{.desired_min_tx_interval = 300ms,
                          .required_min_rx_interval = 1s,
                          .detect_mult = 3,
                          .passive = true,
                          .minimum_ttl = 253};
    EXPECT_EQ(sessions.sessions[1], (BfdSetup{PeerName{"far"}, ip("10.0.1.1"), {}, {}, bfd::Hops::Multiple, far}));
    EXPECT_EQ(sessions.vips, std::set{ip("203.0.113.10")});
}

}  // namespace
}  // namespace anyvip::daemon
