#include "anyvip/config/diff.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "anyvip/random.hpp"

namespace anyvip::config {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::SizeIs;

net::IpAddress address(const std::string& text) {
    return *net::IpAddress::parse(text);
}

Peer peer(const std::string& name, const std::string& at) {
    Peer peer;
    peer.name = PeerName{name};
    peer.address = address(at);
    peer.asn = Asn{65000};
    peer.families.ipv4 = true;
    return peer;
}

Config example() {
    Config config;
    config.bgp = Bgp{};
    config.bgp->asn = Asn{65010};
    config.bgp->peers = {peer("a", "10.0.0.1"), peer("b", "10.0.0.2")};
    Vip vip;
    vip.name = VipName{"www"};
    vip.address = net::Prefix::host(address("203.0.113.10"));
    vip.announce.bgp = true;
    config.vips = {vip};
    VirtualServer server;
    server.name = ServerName{"web"};
    server.vip = vip.name;
    server.port = 80;
    server.check = ServerCheck{{}, health::TcpProbe{}, std::nullopt};
    server.real_servers = {{{address("10.1.0.1"), 80}, ipvs::Weight{1}}, {{address("10.1.0.2"), 80}, ipvs::Weight{1}}};
    config.virtual_servers = {server};
    return config;
}

TEST(ConfigDiff, OfAConfigWithItselfIsEmpty) {
    const Diff none = diff(example(), example());
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(describe(none), "nothing changes");
}

TEST(ConfigDiff, AnotherOrderOfThingsIsNoChange) {
    Config to = example();
    std::ranges::reverse(to.bgp->peers);
    std::ranges::reverse(to.virtual_servers[0].real_servers);
    EXPECT_TRUE(diff(example(), to).empty());
}

TEST(ConfigDiff, AVipThatChangesLeavesEverySessionAlone) {
    Config to = example();
    to.vips[0].bgp.attributes.med = 50;
    const Diff changes = diff(example(), to);
    ASSERT_THAT(changes.vips.changed, SizeIs(1));
    EXPECT_TRUE(changes.peers.empty());
    EXPECT_EQ(describe(changes), "~ VIP www\n0 sessions reset");
}

TEST(ConfigDiff, WhatTheOpenAgreedOnResetsThatSessionAlone) {
    Config to = example();
    to.bgp->peers[1].families = {.ipv4 = true, .ipv6 = true};
    to.bgp->peers[1].next_hop6 = net::Ipv6Address::parse("2001:db8::11");
    const Diff changes = diff(example(), to);
    EXPECT_EQ(changes.sessions_reset(), 1U);
    EXPECT_EQ(describe(changes), "~ peer b: next_hop6, families (session reset)\n1 session reset");
}

TEST(ConfigDiff, WhatIsOfferedInTheOpenResetsThatSession) {
    Config to = example();
    Peer& peer = to.bgp->peers[0];
    peer.device = "vrf-red";
    peer.extended_next_hop = true;
    peer.add_path.receive = true;
    peer.role = BgpRole::Customer;
    peer.strict_role = true;
    EXPECT_EQ(describe(diff(example(), to)),
              "~ peer a: device, extended_next_hop, add_path, role, strict_role (session reset)\n1 session reset");
}

TEST(ConfigDiff, GracefulRestartIsAgreedOnInTheOpenAndForcedIsOn) {
    Config to = example();
    to.bgp->peers[0].graceful_restart = GracefulRestart::On;
    to.bgp->peers[0].restart_time = 60s;
    EXPECT_EQ(describe(diff(example(), to)),
              "~ peer a: graceful_restart, restart_time (session reset)\n1 session reset");
    Config forced = to;
    forced.bgp->peers[0].graceful_restart = GracefulRestart::Forced;
    EXPECT_EQ(describe(diff(to, forced)), "~ peer a: graceful_restart (session goes on)\n0 sessions reset");
}

TEST(ConfigDiff, HowAnOpenIsSentCountsFromTheNextOne) {
    Config to = example();
    to.bgp->peers[0].delay_open = 5s;
    to.bgp->peers[0].capability_fallback = true;
    EXPECT_EQ(describe(diff(example(), to)),
              "~ peer a: delay_open, capability_fallback (session goes on)\n0 sessions reset");
}

TEST(ConfigDiff, WhatCountsFromTheNextAttemptOnResetsNothing) {
    Config to = example();
    to.bgp->peers[0].connect_retry = 1s;
    to.bgp->peers[0].idle_hold = 2s;
    to.bgp->peers[0].hold_time = 30s;  // As bgp::needs_reset() has it.
    to.bgp->peers[0].next_hop = net::Ipv4Address::parse("10.0.0.11");
    const Diff changes = diff(example(), to);
    EXPECT_EQ(describe(changes),
              "~ peer a: hold_time, connect_retry, idle_hold, next_hop (session goes on)\n0 sessions reset");
}

TEST(ConfigDiff, AWiderRangeKeepsItsSessionsAndAnotherOneDoesNot) {
    Config from = example();
    from.bgp->peers[0].range = *net::Prefix::parse("10.0.0.0/24");
    from.bgp->peers[0].address = address("10.0.0.0");
    Config wider = from;
    wider.bgp->peers[0].range = *net::Prefix::parse("10.0.0.0/16");
    wider.bgp->peers[0].limit = 10;
    EXPECT_EQ(describe(diff(from, wider)), "~ peer a: range, limit (session goes on)\n0 sessions reset");
    EXPECT_EQ(describe(diff(wider, from)),
              "~ peer a: range, limit (sessions outside 10.0.0.0/24 end)\n0 sessions reset");
    auto elsewhere = from;
    elsewhere.bgp->peers[0].range = *net::Prefix::parse("10.1.0.0/24");
    EXPECT_EQ(describe(diff(from, elsewhere)), "~ peer a: range (session reset)\n1 session reset");
}

TEST(ConfigDiff, APasswordResetsTheSessionAndIsNotPrinted) {
    Config to = example();
    to.bgp->peers[0].password = Secret{"hunter2"};
    EXPECT_EQ(describe(diff(example(), to)), "~ peer a: password (session reset)\n1 session reset");
}

TEST(ConfigDiff, AnotherKeyOfTcpAoResetsTheSessionAndIsNotPrinted) {
    Config from = example();
    from.bgp->peers[0].tcp_ao = {{.key_file = "a.key", .key = Secret{"hunter1"}, .send_id = 1, .receive_id = 1}};
    Config to = from;
    to.bgp->peers[0].tcp_ao[0].key = Secret{"hunter2"};
    EXPECT_EQ(describe(diff(from, to)), "~ peer a: tcp_ao (session reset)\n1 session reset");
}

TEST(ConfigDiff, AnotherRouterIdResetsEverySession) {
    Config to = example();
    to.bgp->router_id.address = *net::Ipv4Address::parse("10.0.0.12");
    const Diff changes = diff(example(), to);
    EXPECT_TRUE(changes.bgp_speaker);
    EXPECT_EQ(changes.sessions_reset(), 2U);
}

TEST(ConfigDiff, WithoutBgpEveryPeerIsRemoved) {
    Config to = example();
    to.bgp.reset();
    const Diff changes = diff(example(), to);
    EXPECT_THAT(changes.peers.removed, SizeIs(2));
    EXPECT_EQ(changes.sessions_reset(), 2U);
}

TEST(ConfigDiff, ARealServerComesWithItsCheckAndLeavesItsVirtualServerUnchanged) {
    Config to = example();
    to.virtual_servers[0].real_servers.push_back({{address("10.1.0.3"), 80}, ipvs::Weight{5}});
    const Diff changes = diff(example(), to);
    EXPECT_TRUE(changes.virtual_servers.empty());
    ASSERT_THAT(changes.real_servers, SizeIs(1));
    EXPECT_THAT(changes.real_servers[0].real_servers.added, SizeIs(1));
    ASSERT_THAT(changes.checks.added, SizeIs(1));
    EXPECT_EQ(changes.checks.added[0].name, CheckName{"web/10.1.0.3:80"});
    EXPECT_EQ(describe(changes), "+ check web/10.1.0.3:80\n+ real server web/10.1.0.3:80\n0 sessions reset");
}

TEST(ConfigDiff, AWeightIsToldFromAndTo) {
    Config to = example();
    to.virtual_servers[0].real_servers[0].weight = ipvs::Weight{9};
    EXPECT_EQ(describe(diff(example(), to)), "~ real server web/10.1.0.1:80: weight 1 -> 9\n0 sessions reset");
}

/// A config of few names and few values, so that two of them overlap in every way.
Config random_config(Random& random) {
    Config config;
    if (random.chance(800)) {
        config.bgp = Bgp{};
        config.bgp->asn = Asn{static_cast<std::uint32_t>(random.between(65010, 65011))};
        for (const char* name : {"a", "b", "c"}) {
            if (!random.chance(600)) continue;
            Peer some = peer(name, "10.0.0.1");
            some.port = static_cast<std::uint16_t>(random.between(179, 180));
            config.bgp->peers.push_back(some);
        }
    }
    for (const char* name : {"x", "y", "z"}) {
        if (random.chance(600)) {
            Vip vip;
            vip.name = VipName{name};
            vip.bgp.attributes.prepend = static_cast<std::uint8_t>(random.below(2));
            config.vips.push_back(vip);
        }
        if (random.chance(600)) {
            VirtualServer server;
            server.name = ServerName{name};
            server.port = static_cast<std::uint16_t>(random.between(80, 81));
            for (const char* at : {"10.1.0.1", "10.1.0.2", "10.1.0.3"}) {
                if (!random.chance(500)) continue;
                server.real_servers.push_back(
                    {{address(at), 80}, ipvs::Weight{static_cast<std::uint32_t>(random.below(2))}});
            }
            config.virtual_servers.push_back(server);
        }
    }
    return config;
}

template <class T, class Key>
void apply(std::vector<T>& things, const Changes<T>& changes, Key key) {
    const auto erase = [&](const T& gone) {
        std::erase_if(things, [&](const T& thing) { return std::invoke(key, thing) == std::invoke(key, gone); });
    };
    for (const T& gone : changes.removed) erase(gone);
    for (const auto& [from, to] : changes.changed) {
        EXPECT_TRUE(std::ranges::find(things, from) != things.end());
        erase(from);
        things.push_back(to);
    }
    things.insert(things.end(), changes.added.begin(), changes.added.end());
}

template <class T, class Key>
std::vector<T> sorted(std::vector<T> things, Key key) {
    std::ranges::sort(things, {}, key);
    return things;
}

TEST(ConfigDiffProperty, AppliedToTheOneConfigItIsTheOther) {
    Random random{7};
    for (int round = 0; round < 3000; ++round) {
        const Config from = random_config(random);
        const Config to = random_config(random);
        const Diff changes = diff(from, to);

        std::vector<Vip> vips = from.vips;
        apply(vips, changes.vips, &Vip::name);
        EXPECT_EQ(sorted(vips, &Vip::name), sorted(to.vips, &Vip::name));

        for (const VirtualServer& server : to.virtual_servers) {
            const auto old = std::ranges::find(from.virtual_servers, server.name, &VirtualServer::name);
            if (old == from.virtual_servers.end()) continue;
            std::vector<RealServer> pool = old->real_servers;
            const auto told = std::ranges::find(changes.real_servers, server.name, &RealServerChanges::server);
            if (told != changes.real_servers.end()) apply(pool, told->real_servers, &RealServer::address);
            EXPECT_EQ(sorted(pool, &RealServer::address), sorted(server.real_servers, &RealServer::address));
        }
        ASSERT_FALSE(HasFailure()) << "round " << round;
    }
}

TEST(ConfigDiffProperty, ThereAndBackAddsWhatItRemoved) {
    Random random{8};
    for (int round = 0; round < 1000; ++round) {
        const Config from = random_config(random);
        const Config to = random_config(random);
        const Diff there = diff(from, to);
        const Diff back = diff(to, from);
        EXPECT_EQ(there.empty(), back.empty());
        EXPECT_EQ(there.vips.added, back.vips.removed);
        EXPECT_EQ(there.peers.added, back.peers.removed);
        EXPECT_EQ(there.virtual_servers.changed.size(), back.virtual_servers.changed.size());
        ASSERT_FALSE(HasFailure()) << "round " << round;
    }
}

// Product rule 4: BFD has a session of its own, and that of BGP goes on.
TEST(ConfigDiff, AnotherBfdResetsNoPeer) {
    const Config from = example();
    Config to = from;
    to.bgp->peers[0].bfd.emplace();
    const auto changes = diff(from, to);
    ASSERT_EQ(changes.peers.changed.size(), 1U);
    EXPECT_FALSE(changes.peers.changed[0].reset);
    EXPECT_EQ(changes.peers.changed[0].reason, "bfd");
}

}  // namespace
}  // namespace anyvip::config
