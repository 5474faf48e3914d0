#include "daemon/decision.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "support/actions.hpp"
#include "support/decision_world.hpp"
#include "support/print.hpp"

ANYVIP_PRINT(anyvip::daemon)

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;
using anyvip::testing::all;
using anyvip::testing::place_of;
using health::State;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const TimePoint t0 = TimePoint{} + 1000s;
const VipName www{"www"};
const PeerName tor_a{"tor-a"};
constexpr std::uint32_t router_id = 167772171;  // 10.0.0.11
const RouterName office{"office"};
const net::IpAddress address_of_www = net::IpAddress::parse("192.0.2.100").value();
const net::IpAddress address_of_dns = net::IpAddress::parse("192.0.2.53").value();

const std::string peer_tor_a = R"(
[[bgp.peer]]
name = "tor-a"
address = "10.0.0.1"
asn = 65000
)";
const std::string bgp = R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
graceful_shutdown = "0s"
)" + peer_tor_a;
const std::string graceful_bgp = R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
)" + peer_tor_a;
const std::string nginx = R"(
[[check]]
name = "nginx"
tcp = { address = "127.0.0.1", port = 80 }
)";
const std::string vip_www = R"(
[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
track = ["nginx"]
)";
const std::string vip_dns = R"(
[[vip]]
name = "dns"
address = "203.0.113.53"
announce = "bgp"
)";
const std::string server = R"(
[[virtual_server]]
name = "http"
vip = "www"
port = 80
forwarding = "nat"
check = { tcp = {}, interval = "2s", timeout = "1s", rise = 1, fall = 1 }
[[virtual_server.real_server]]
address = "10.0.1.21"
)";
const std::string router = R"(
[[virtual_router]]
name = "office"
interface = "eth1"
vrid = 51
priority = 150
)";
const std::string vrrp_www = R"(
[[vip]]
name = "www"
address = "192.0.2.100/24"
announce = "vrrp"
virtual_router = "office"
track = ["nginx"]
)";
const std::string hybrid_www = R"(
[[vip]]
name = "www"
address = "192.0.2.100/24"
announce = ["vrrp", "bgp"]
virtual_router = "office"
)";
const char* const real_server = "http/10.0.1.21:80";

std::vector<bgp::Update> updates(const Decision::Actions& actions) {
    std::vector<bgp::Update> result;
    for (const auto& sent : all<PeerAction>(actions)) {
        const auto* send = std::get_if<bgp::Send>(&sent.action);
        if (send == nullptr) continue;
        bgp::Framer framer;
        framer.feed(send->bytes);
        while (const auto raw = framer.next()) {
            const auto message = bgp::decode(**raw, {});
            if (message && std::holds_alternative<bgp::Update>(*message)) {
                result.push_back(std::get<bgp::Update>(*message));
            }
        }
    }
    return result;
}

class DecisionTest : public ::testing::Test {
protected:
    /// One VIP, one peer, one check: announced.
    void announce() {
        world.load(bgp + nginx + vip_www);
        world.establish("tor-a");
        world.health("nginx", State::Up);
        ASSERT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.10/32", "tor-a end-of-rib"));
        world.clear();
    }
    void announce_with_server() {
        world.load(bgp + nginx + vip_www + server);
        world.establish("tor-a");
        world.health("nginx", State::Up);
        world.health(real_server, State::Up);
        ASSERT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.10/32", "tor-a end-of-rib"));
        world.clear();
    }
    /// An Active hybrid router whose route is out.
    void announce_hybrid(const std::string& rest = "") {
        world.load(bgp + router + hybrid_www + rest);
        world.establish("tor-a");
        world.tell(RouterServing{office, {address_of_www}});
        ASSERT_THAT(world.wire(), ::testing::Contains("tor-a + 192.0.2.100/32"));
        world.clear();
    }
    Status status() {
        world.feed(StatusRequested{ClientId{99}});
        world.tell(ChecksSnapshot{});
        world.tell(RoutersSnapshot{});
        return all<ReplyStatus>(world.log).back().status;
    }
    std::vector<RouterLease> leases() {
        auto found = all<RouterLease>(world.log);
        world.clear();
        return found;
    }

    anyvip::testing::DecisionWorld world;
};

// ---- the start

TEST_F(DecisionTest, TheFirstLetterToTheKernelSaysWhatIsGoingToBeWanted) {
    world.kernel_answers = false;
    world.load(bgp + nginx + vip_www + server);
    const auto letters = all<KernelMail>(world.log);
    ASSERT_GE(letters.size(), 2U);
    ASSERT_TRUE(std::holds_alternative<Adopt>(letters[0]));
    EXPECT_EQ(std::get<Adopt>(letters[0]).addresses.size(), 1U);
    EXPECT_EQ(std::get<Adopt>(letters[0]).virtual_servers.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<SetServices>(letters[1]));
}

TEST_F(DecisionTest, AStartConfiguresThePeersAndTheChecksAndIsReady) {
    world.load(bgp + nginx + vip_www);
    EXPECT_EQ(all<ConfigureSpeaker>(world.log).at(0).peers.size(), 1U);
    EXPECT_EQ(all<ConfigureChecks>(world.log).at(0).checks.size(), 1U);
    EXPECT_EQ(all<Ready>(world.log).size(), 1U);
}

TEST_F(DecisionTest, ABrokenFirstConfigurationStartsNothing) {
    world.feed(ConfigLoaded{std::unexpected{std::vector<config::Error>{{"f", 1, 2, "no", ""}}}, std::nullopt});
    EXPECT_THAT(all<Ready>(world.log), IsEmpty());
    EXPECT_EQ(all<Notice>(world.log).at(0).kind, NoticeKind::ReloadRefused);
    EXPECT_EQ(world.core.deadline(), std::nullopt);
}

TEST_F(DecisionTest, TheAddressIsThereBeforeTheRouteAndTheServicesBeforeTheAddress) {
    world.load(bgp + nginx + vip_www + server);
    world.establish("tor-a");
    world.health(real_server, State::Up);
    world.health("nginx", State::Up);
    const auto services = place_of<SetServices>(world.log);
    const auto addresses = place_of<SetAddresses>(world.log);
    ASSERT_TRUE(services && addresses);
    EXPECT_LT(*services, *addresses);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.10/32", "tor-a end-of-rib"));
}

TEST_F(DecisionTest, NothingIsAnnouncedBeforeTheKernelHasAnswered) {
    world.kernel_answers = false;
    world.load(bgp + vip_dns);
    world.establish("tor-a");
    EXPECT_THAT(world.wire(), IsEmpty());
    world.tell(ServicesApplied{VipName{"dns"}, 1, {}});
    EXPECT_THAT(world.wire(), IsEmpty());
    world.tell(VipAddressesApplied{VipName{"dns"}, 1, {}});
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.53/32", "tor-a end-of-rib"));
}

// RFC 4724 §2: positive
TEST_F(DecisionTest, EndOfRibWaitsForTheFirstVerdicts) {
    world.load(bgp + nginx + vip_www + vip_dns);
    world.establish("tor-a");
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.53/32"));
    world.clear();
    world.health("nginx", State::Down, "refused");
    EXPECT_THAT(world.wire(), ElementsAre("tor-a end-of-rib"));
}

TEST_F(DecisionTest, EndOfRibIsNotHeldBackForEver) {
    world.load(bgp + nginx + vip_www);
    world.establish("tor-a");
    world.wait_until(t0 + 9'999ms);
    EXPECT_THAT(world.wire(), IsEmpty());
    EXPECT_EQ(world.core.deadline(), t0 + 10s);
    world.wait();
    EXPECT_THAT(world.wire(), ElementsAre("tor-a end-of-rib"));
}

TEST_F(DecisionTest, AVipThatTheKernelRefusesHoldsNobodyBack) {
    world.services_error = "IPVS is not available";
    world.load(bgp + nginx + vip_www + vip_dns + server);
    world.establish("tor-a");
    world.health("nginx", State::Up);
    world.health(real_server, State::Up);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.53/32", "tor-a end-of-rib"));
    EXPECT_EQ(status().vips.at(1).kernel_error, "IPVS is not available");
}

// ---- link bandwidth

const std::string vip_that_tells = R"(
[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
bgp = { link_bandwidth = { per_weight = "8bit/s" } }
)";
const std::string two_servers = R"(
[[virtual_server]]
name = "http"
vip = "www"
port = 80
forwarding = "nat"
check = { tcp = {}, interval = "2s", timeout = "1s", rise = 1, fall = 1 }
real_server = [{ address = "10.0.1.21", weight = 3 }, { address = "10.0.1.22", weight = 2 }]
)";
const char* const second_server = "http/10.0.1.22:80";

/// Of the last route that was announced, in octets per second.
std::optional<float> bandwidth(const Decision::Actions& actions) {
    auto sent = updates(actions);
    std::erase_if(sent, [](const bgp::Update& update) { return update.nlri.empty(); });
    if (sent.empty() || sent.back().attributes.extended_communities.size() != 1) return std::nullopt;
    return sent.back().attributes.extended_communities.begin()->octets_per_second();
}

class CapacityTest : public DecisionTest {
protected:
    void SetUp() override {
        world.load(bgp + vip_that_tells + two_servers);
        world.establish("tor-a");
        world.health(second_server, State::Up);
        world.health(real_server, State::Up);
        world.wait_until(t0 + 10s);
        ASSERT_EQ(bandwidth(world.log), 5.0F);
        world.clear();
    }
};

TEST_F(DecisionTest, ARouteBeginsWithTheCapacityThatThereIs) {
    world.load(bgp + vip_that_tells + two_servers);
    world.establish("tor-a");
    world.health(real_server, State::Up);
    EXPECT_EQ(bandwidth(world.log), 3.0F);
    world.clear();
    world.health(second_server, State::Up);
    EXPECT_THAT(updates(world.log), IsEmpty());
    world.wait_until(t0 + 9'999ms);
    EXPECT_THAT(updates(world.log), IsEmpty());
    world.wait_until(t0 + 10s);
    EXPECT_EQ(bandwidth(world.log), 5.0F);
    EXPECT_EQ(updates(world.log).size(), 1U);
}

TEST_F(CapacityTest, ARealServerThatFailsIsOneUpdateAndTheRouteStays) {
    world.health(real_server, State::Down, "refused");
    EXPECT_THAT(world.wire(world.first), ElementsAre("tor-a + 203.0.113.10/32"));
    EXPECT_EQ(bandwidth(world.first), 2.0F);
    EXPECT_EQ(updates(world.log).size(), 1U);
    const auto vip = status().vips.at(0);
    EXPECT_EQ(vip.capacity->told(), 2U);
    EXPECT_EQ(vip.capacity->weights(), (vip::Weights{.serving = 2, .configured = 5}));
}

TEST_F(CapacityTest, TheLastOneWithdrawsAndIsNoCapacityOfNone) {
    world.health(real_server, State::Down, "refused");
    world.clear();
    world.health(second_server, State::Down, "refused");
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.10/32"));
    world.wait();
    world.clear();
    world.health(second_server, State::Up);
    EXPECT_EQ(bandwidth(world.log), 2.0F) << "what was withdrawn comes back as it is, at once";
}

TEST_F(CapacityTest, ADrainedRealServerCountsNoLonger) {
    world.feed(DrainCommand{ClientId{1},
                            vip::RealServerTarget{ServerName{"http"}, {net::IpAddress::parse("10.0.1.21").value(), 80}},
                            true});
    EXPECT_EQ(bandwidth(world.log), 2.0F);
}

TEST_F(CapacityTest, AnotherRateIsToldAndTheSameFileIsNot) {
    world.load(bgp + vip_that_tells + two_servers);
    EXPECT_THAT(updates(world.log), IsEmpty());
    auto faster = vip_that_tells;
    faster.replace(faster.find("8bit/s"), 6, "2MB/s");
    world.load(bgp + faster + two_servers);
    EXPECT_EQ(bandwidth(world.log), 10'000'000.0F);
    world.load(bgp + vip_that_tells.substr(0, vip_that_tells.find("bgp =")) + two_servers);
    EXPECT_EQ(bandwidth(world.log), std::nullopt);
    EXPECT_EQ(status().vips.at(0).capacity, std::nullopt);
}

TEST_F(DecisionTest, WhatSharesAPrefixSharesItsCapacity) {
    const std::string prefix = "prefix = \"203.0.113.0/24\"\n";
    auto second = vip_that_tells;
    second.replace(second.find("www"), 3, "api");
    second.replace(second.find("113.10"), 6, "113.11");
    auto servers = two_servers;
    servers.replace(servers.find("\"http\""), 6, "\"apis\"");
    servers.replace(servers.find("www"), 3, "api");
    world.load(bgp + vip_that_tells + prefix + second + prefix + two_servers + servers);
    world.establish("tor-a");
    world.health(real_server, State::Up);
    EXPECT_EQ(bandwidth(world.log), 3.0F);
    world.health("apis/10.0.1.22:80", State::Up);
    EXPECT_EQ(bandwidth(world.log), 5.0F);
    world.health("apis/10.0.1.22:80", State::Down);
    EXPECT_EQ(bandwidth(world.log), 3.0F);
}

// ---- the way of a failed check

TEST_F(DecisionTest, AFailedCheckWithdrawsInTheSameTurnAndBeforeEveryLetter) {
    announce_with_server();
    world.health("nginx", State::Down, "refused");
    EXPECT_THAT(world.wire(world.first), ElementsAre("tor-a - 203.0.113.10/32"));
    EXPECT_EQ(place_of<PeerAction>(world.first), 0U);
}

TEST_F(DecisionTest, TheDeathOfTheLastRealServerWithdrawsWaitsAndThenTouchesThePool) {
    announce_with_server();
    world.health(real_server, State::Down, "refused");
    EXPECT_THAT(world.wire(world.first), ElementsAre("tor-a - 203.0.113.10/32"));
    EXPECT_THAT(all<SetServices>(world.log), IsEmpty());
    EXPECT_EQ(world.core.deadline(), t0 + 1s);  // propagation_wait
    world.wait();
    const auto set = all<SetServices>(world.log);
    ASSERT_EQ(set.size(), 1U);
    EXPECT_EQ(set[0].services.begin()->second.pool.begin()->second, vip::RealServerWish{vip::Absent{}});
}

TEST_F(DecisionTest, ADeadRealServerAmongOthersLeavesAtOnceAndTheRouteStays) {
    world.load(bgp + nginx + vip_www + server + "[[virtual_server.real_server]]\naddress = \"10.0.1.22\"\n");
    world.establish("tor-a");
    world.health("nginx", State::Up);
    world.health(real_server, State::Up);
    world.health("http/10.0.1.22:80", State::Up);
    world.clear();
    world.health(real_server, State::Down, "refused");
    EXPECT_THAT(world.wire(), IsEmpty());
    EXPECT_EQ(all<SetServices>(world.log).size(), 1U);
}

TEST_F(DecisionTest, RecoveryWithinTheWaitAnnouncesAtOnce) {
    announce();
    world.health("nginx", State::Down, "refused");
    world.clear();
    world.health("nginx", State::Up);
    EXPECT_THAT(world.wire(world.first), ElementsAre("tor-a + 203.0.113.10/32"));
}

TEST_F(DecisionTest, ASlowPeerHoldsThePoolForTheSendTimeoutOnly) {
    announce_with_server();
    world.slow_peers.insert(PeerName{"tor-a"});
    world.health(real_server, State::Down, "refused");
    EXPECT_EQ(world.core.deadline(), t0 + 2s);  // apply_timeout
    world.wait();
    EXPECT_EQ(all<SetServices>(world.log).size(), 1U);
}

TEST_F(DecisionTest, TheWaitBeginsWhenASlowPeerHasReadTheWithdrawal) {
    announce_with_server();
    world.slow_peers.insert(PeerName{"tor-a"});
    world.health(real_server, State::Down, "refused");
    world.now = t0 + 500ms;
    world.read_on("tor-a");
    EXPECT_EQ(world.core.deadline(), t0 + 1500ms);
}

TEST_F(DecisionTest, WithoutASessionAWithdrawalIsSentAtOnce) {
    announce_with_server();
    world.lose("tor-a");
    world.clear();
    world.health(real_server, State::Down, "refused");
    world.wait_until(t0 + 1s);
    EXPECT_EQ(all<SetServices>(world.log).size(), 1U);
}

TEST_F(DecisionTest, ASessionThatComesBackGetsTheRoutesAgain) {
    announce();
    world.lose("tor-a");
    world.clear();
    world.wait_until(t0 + 2s);  // idle_hold 1 s, with jitter
    world.establish("tor-a", 2);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.10/32", "tor-a end-of-rib"));
}

TEST_F(DecisionTest, RefusedServicesWithdrawAndAreReported) {
    announce_with_server();
    world.services_error = "ENOMEM";
    world.feed(DrainCommand{
        ClientId{1}, vip::RealServerTarget{ServerName{"http"}, {*net::IpAddress::parse("10.0.1.21"), 80}}, true});
    world.clear();
    world.wait();
    EXPECT_EQ(status().vips.at(0).kernel_error, "ENOMEM");
}

// ---- what routes say

const std::string prefix_www = R"(
[[vip]]
name = "www"
address = "203.0.113.10"
prefix = "203.0.113.0/24"
announce = "bgp"
track = ["nginx"]
)";
const std::string prefix_dns = R"(
[[vip]]
name = "dns"
address = "203.0.113.53"
prefix = "203.0.113.0/24"
announce = "bgp"
)";

TEST_F(DecisionTest, VipsThatShareAPrefixAreAnnouncedWhileOneOfThemIs) {
    world.load(bgp + nginx + prefix_www + prefix_dns);
    world.establish("tor-a");
    world.health("nginx", State::Up);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.0/24", "tor-a end-of-rib"));
    world.clear();
    world.health("nginx", State::Down);
    EXPECT_THAT(world.wire(), IsEmpty());
    EXPECT_EQ(status().vips.at(1).state, vip::Lifecycle::State::Withdrawing) << "nothing to send, and the wait runs";
    world.feed(DrainCommand{ClientId{1}, VipName{"dns"}, true});
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.0/24"));
}

// RFC 8326 §4: positive
TEST_F(DecisionTest, ADrainedVipIsAnnouncedOnceMoreBeforeItIsWithdrawn) {
    world.load(graceful_bgp + vip_dns);
    world.establish("tor-a");
    world.clear();
    world.feed(DrainCommand{ClientId{1}, VipName{"dns"}, true});
    ASSERT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.53/32"));
    EXPECT_TRUE(updates(world.log).at(0).attributes.communities.contains(bgp::graceful_shutdown_community));
    world.clear();
    world.wait_until(t0 + 2s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.53/32"));
}

TEST_F(DecisionTest, AnUndrainedVipLosesTheCommunityAgain) {
    world.load(graceful_bgp + vip_dns);
    world.establish("tor-a");
    world.feed(DrainCommand{ClientId{1}, VipName{"dns"}, true});
    world.clear();
    world.feed(DrainCommand{ClientId{1}, VipName{"dns"}, false});
    ASSERT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.53/32"));
    EXPECT_THAT(updates(world.log).at(0).attributes.communities, IsEmpty());
}

TEST_F(DecisionTest, AStoppingNodeSaysSoBeforeItWithdraws) {
    world.load(graceful_bgp + vip_dns);
    world.establish("tor-a");
    world.clear();
    world.feed(StopRequested{});
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.53/32"));
    world.clear();
    world.wait_until(t0 + 2s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.53/32"));
}

TEST_F(DecisionTest, AVipThatFlapsIsHeldBackAndSaysSo) {
    world.load(bgp + nginx + vip_www + "flap = { suppress = 1500, reuse = 1000 }\n");
    world.establish("tor-a");
    world.health("nginx", State::Up);
    world.health("nginx", State::Down);
    world.health("nginx", State::Up);
    world.health("nginx", State::Down);
    world.clear();
    world.health("nginx", State::Up);
    EXPECT_THAT(world.wire(), IsEmpty());
    // 2000 halves in a minute.
    const auto held = status().vips.at(0);
    EXPECT_EQ(held.held_until, t0 + 60s);
    EXPECT_EQ(held.held_down_until, std::nullopt);
    EXPECT_NEAR(held.flap_penalty, 2000, 1);
    world.wait_until(t0 + 60s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.10/32"));
}

// ---- standby

const std::string standby_dns =
    vip_dns + "role = \"standby\"\nstandby = { take_after = \"1s\", yield_after = \"2s\" }\n";

bgp::Update route_of_another(const char* prefix, std::vector<bgp::LargeCommunity> communities = {}) {
    bgp::Update update;
    update.attributes.as_path = bgp::AsPath::sequence({bgp::Asn{65000}, bgp::Asn{65010}});
    update.attributes.next_hop = *net::IpAddress::parse("10.0.0.1");
    update.attributes.large_communities = {communities.begin(), communities.end()};
    update.nlri = {*net::Prefix::parse(prefix)};
    return update;
}
bgp::Update withdrawal(const char* prefix) {
    bgp::Update update;
    update.withdrawn = {*net::Prefix::parse(prefix)};
    return update;
}

TEST_F(DecisionTest, AStandbyWaitsForTheRoutersSilence) {
    world.load(bgp + standby_dns);
    world.establish("tor-a");
    EXPECT_THAT(world.wire(), Not(Contains("tor-a + 203.0.113.53/32")));
    EXPECT_TRUE(status().vips.at(0).stands_by);
    EXPECT_EQ(status().vips.at(0).others.text, "tor-a has not had its say yet");
    world.receive(tor_a, bgp::end_of_rib(bgp::ipv4_unicast));
    world.clear();
    world.wait_until(t0 + 1s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.53/32"));
}

// RFC 7911 §4: several paths are told only when both sides have said so; what we wished for is not enough.
TEST_F(DecisionTest, AStandbysRouteWarnsWhenTheSessionHasNotAgreedToAddPath) {
    const auto warning = [&] {
        world.feed(RoutesRequested{ClientId{1}});
        return all<ReplyRoutes>(world.log).back().routes.announcements.at(0).warning;
    };
    world.load(bgp + "add_path = \"receive\"\n" + standby_dns + "bgp = { prepend = 0 }\n");
    EXPECT_EQ(warning(), std::nullopt);
    world.establish("tor-a");
    EXPECT_THAT(warning().value_or(""), HasSubstr("it needs a router that agrees to add_path"));
    EXPECT_THAT(status().vips.at(0).warnings, ElementsAre(HasSubstr("hides another site of our AS")));
}

TEST_F(DecisionTest, AnOrdinaryVipAndAStandbyWithTheWorseRouteWarnOfNothing) {
    world.load(bgp + vip_www + nginx + standby_dns);
    world.establish("tor-a");
    world.feed(RoutesRequested{ClientId{1}});
    const auto reply = all<ReplyRoutes>(world.log).back();
    EXPECT_EQ(reply.routes.announcements.size(), 2U);
    for (const auto& route : reply.routes.announcements) {
        EXPECT_EQ(route.warning, std::nullopt) << route.vip.value();
    }
}

TEST_F(DecisionTest, AStandbyWithoutEndOfRibWaitsForLearnDelay) {
    world.load(bgp + standby_dns);
    world.establish("tor-a");
    world.clear();
    world.wait_until(t0 + 20s);
    EXPECT_THAT(world.wire(), IsEmpty());
    world.wait_until(t0 + 21s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.53/32"));
}

// RFC 8326: negative; a route that stays keeps it back.
TEST_F(DecisionTest, AStandbyHearsTheOtherBehindTheAsLoopAndGivesWay) {
    world.load(bgp + standby_dns);
    world.establish("tor-a");
    world.receive(tor_a, route_of_another("203.0.113.53/32"));
    world.receive(tor_a, bgp::end_of_rib(bgp::ipv4_unicast));
    EXPECT_EQ(status().vips.at(0).others.text, "tor-a: via 10.0.0.1, AS_PATH 65000 65010");
    world.clear();
    world.wait_until(t0 + 100s);
    EXPECT_THAT(world.wire(), IsEmpty());
    world.receive(tor_a, withdrawal("203.0.113.53/32"));
    world.wait_until(t0 + 101s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.53/32"));
    EXPECT_THAT(updates(world.log).at(0).attributes.large_communities,
                ElementsAre(bgp::LargeCommunity{65010, 4271000100, router_id}));
    world.receive(tor_a, route_of_another("203.0.113.53/32"));
    world.clear();
    world.wait_until(t0 + 103s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.53/32"));
}

TEST_F(DecisionTest, AStandbyKnowsItsOwnRouteWhenItComesBack) {
    world.load(bgp + standby_dns);
    world.establish("tor-a");
    world.receive(tor_a, bgp::end_of_rib(bgp::ipv4_unicast));
    world.wait_until(t0 + 1s);
    world.clear();
    world.receive(tor_a, route_of_another("203.0.113.53/32", {{65010, 4271000100, router_id}}));
    EXPECT_EQ(status().vips.at(0).others.knowledge, vip::Others::Knowledge::None);
    world.wait_until(t0 + 10s);
    EXPECT_THAT(world.wire(), IsEmpty());
}

TEST_F(DecisionTest, OfTwoStandbysTheLowerRankGivesWay) {
    world.load(bgp + standby_dns);
    world.establish("tor-a");
    world.receive(tor_a, bgp::end_of_rib(bgp::ipv4_unicast));
    world.wait_until(t0 + 1s);
    world.clear();
    world.receive(tor_a, route_of_another("203.0.113.53/32", {{65010, 4271000099, 4294967295}}));
    world.wait_until(t0 + 10s);
    EXPECT_THAT(world.wire(), IsEmpty());
    world.receive(tor_a, route_of_another("203.0.113.53/32", {{65010, 4271000101, 1}}));
    world.wait_until(t0 + 12s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.53/32"));
}

// RFC 8326: positive; what is about to go is no reason to stay back.
TEST_F(DecisionTest, AStandbyTakesWhileThePrimaryStillSaysThatItGoes) {
    world.load(bgp + standby_dns);
    world.establish("tor-a");
    world.receive(tor_a, route_of_another("203.0.113.53/32"));
    world.receive(tor_a, bgp::end_of_rib(bgp::ipv4_unicast));
    auto leaving = route_of_another("203.0.113.53/32");
    leaving.attributes.communities = {bgp::graceful_shutdown_community};
    world.receive(tor_a, leaving);
    world.clear();
    world.wait_until(t0 + 1s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.53/32"));
}

TEST_F(DecisionTest, LosingTheRouterThatToldIsNotAbsence) {
    world.load(bgp + standby_dns);
    world.establish("tor-a");
    world.receive(tor_a, route_of_another("203.0.113.53/32"));
    world.receive(tor_a, bgp::end_of_rib(bgp::ipv4_unicast));
    world.lose("tor-a");
    EXPECT_EQ(status().vips.at(0).others.knowledge, vip::Others::Knowledge::Heard);
}

TEST_F(DecisionTest, AVipThatIsTheLastIsNotSuppressed) {
    world.load(bgp + nginx + vip_www + "flap = { suppress = 1500, reuse = 1000 }\n");
    world.establish("tor-a");
    world.receive(tor_a, bgp::end_of_rib(bgp::ipv4_unicast));
    for (int fall = 0; fall < 2; ++fall) {
        world.health("nginx", State::Up);
        world.health("nginx", State::Down);
    }
    world.clear();
    world.health("nginx", State::Up);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.10/32"));
}

TEST_F(DecisionTest, WhatAPeerAnnouncesAboveMaxPrefixesIsNoticedOnce) {
    world.load(bgp + "import = [\"203.0.113.1/32\", \"203.0.113.2/32\"]\nmax_prefixes = 1\n" + vip_dns);
    world.establish("tor-a");
    world.clear();
    world.receive(tor_a, route_of_another("203.0.113.1/32"));
    auto update = route_of_another("203.0.113.1/32");
    update.attributes.as_path = bgp::AsPath::sequence({bgp::Asn{65000}});
    world.receive(tor_a, update);
    update.nlri = {*net::Prefix::parse("203.0.113.2/32")};
    world.receive(tor_a, update);
    const auto notices = all<Notice>(world.log);
    EXPECT_THAT(notices, ElementsAre(Notice{NoticeKind::PeerMaxPrefixes, "peer=tor-a", "MaxPrefixesReached 1"}));
}

TEST_F(DecisionTest, APeerMayHearSomethingElse) {
    world.load(bgp + vip_dns + "bgp = { med = 50, per_peer = { tor-a = { med = 60 } } }\n");
    world.establish("tor-a");
    EXPECT_EQ(updates(world.log).at(0).attributes.med, 60U);
}

// ---- hybrid and VRRP

TEST_F(DecisionTest, HybridAnnouncesWhileTheRouterServes) {
    announce_hybrid();
    world.tell(RouterServing{office, {}});
    EXPECT_THAT(world.wire(world.first), ElementsAre("tor-a - 192.0.2.100/32"));
}

const std::string hybrid_dns = R"(
[[vip]]
name = "dns"
address = "192.0.2.53/24"
announce = ["vrrp", "bgp"]
virtual_router = "office"
)";

TEST_F(DecisionTest, AHybridVipThatJoinsARouterThatServesWaitsForItsOwnAddress) {
    announce_hybrid();
    world.load(bgp + router + hybrid_www + hybrid_dns);
    EXPECT_THAT(world.wire(), IsEmpty());
    world.tell(RouterServing{office, {address_of_www, address_of_dns}});
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 192.0.2.53/32"));
}

TEST_F(DecisionTest, AHybridVipThatComesBackWaitsForItsAddressAgainThoughTheHeartbeatHasNotSpokenSince) {
    announce_hybrid(hybrid_dns);
    world.tell(RouterServing{office, {address_of_www, address_of_dns}});
    world.load(bgp + router + hybrid_www);
    world.wait_until(t0 + 1s);  // propagation_wait
    world.clear();
    world.load(bgp + router + hybrid_www + hybrid_dns);
    EXPECT_THAT(world.wire(), IsEmpty());
    world.tell(RouterServing{office, {address_of_www, address_of_dns}});
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 192.0.2.53/32"));
}

TEST_F(DecisionTest, AHybridVipThatMovesToAnotherServingRouterWaitsForItsAddressThere) {
    const RouterName lab{"lab"};
    const std::string other = R"(
[[virtual_router]]
name = "lab"
interface = "eth2"
vrid = 52
[[vip]]
name = "web"
address = "192.0.2.101/24"
announce = ["vrrp", "bgp"]
virtual_router = "lab"
)";
    auto moved = hybrid_dns;
    moved.replace(moved.find("office"), 6, "lab");
    const auto address_of_web = net::IpAddress::parse("192.0.2.101").value();
    announce_hybrid(hybrid_dns + other);
    world.tell(RouterServing{office, {address_of_www, address_of_dns}});
    world.tell(RouterServing{lab, {address_of_web}});
    world.clear();
    world.load(bgp + router + hybrid_www + moved + other);
    world.wait_until(t0 + 1s);  // propagation_wait
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 192.0.2.53/32"));
    world.clear();
    world.tell(RouterServing{lab, {address_of_web, address_of_dns}});
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 192.0.2.53/32"));
}

TEST_F(DecisionTest, AHybridRouterWithoutASessionGivesWay) {
    announce_hybrid();
    world.lose("tor-a");
    const auto given = leases();
    ASSERT_EQ(given.size(), 1U);
    EXPECT_EQ(given[0].lease.priority, std::nullopt);
    EXPECT_EQ(given[0].lease.reason, "Ineligible: no BGP session is Established");
}

TEST_F(DecisionTest, ServicesOfAnActiveOnlyServerComeBeforeTheHybridRouteAndGoAfterIt) {
    const std::string active_only = R"(
[[virtual_server]]
name = "http"
vip = "www"
port = 80
forwarding = "nat"
program = "active"
[[virtual_server.real_server]]
address = "10.0.1.21"
)";
    world.load(bgp + router + hybrid_www + active_only);
    world.establish("tor-a");
    world.clear();
    world.tell(RouterServing{office, {address_of_www}});
    EXPECT_THAT(world.wire(world.first), IsEmpty());
    EXPECT_EQ(all<SetServices>(world.first).at(0).services.size(), 1U);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 192.0.2.100/32"));
    world.clear();
    world.tell(RouterServing{office, {}});
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 192.0.2.100/32"));
    EXPECT_THAT(all<SetServices>(world.log), IsEmpty());
    world.wait_until(t0 + 1s);
    EXPECT_THAT(all<SetServices>(world.log).at(0).services, IsEmpty());
}

TEST_F(DecisionTest, AVirtualRouterGetsALeaseOfStallTimeoutWithItsPriority) {
    world.load(nginx + router + vrrp_www);
    ASSERT_THAT(leases().back().lease,
                (vrrp::Lease{std::nullopt, "Ineligible: check has no verdict yet: nginx", t0 + 3s}));
    world.health("nginx", State::Up);
    EXPECT_THAT(leases(), ElementsAre(RouterLease{office, {vrrp::Priority{150}, "", t0 + 3s}}));
    world.health("nginx", State::Down, "refused");
    EXPECT_THAT(leases(),
                ElementsAre(RouterLease{office, {std::nullopt, "Ineligible: check failed: nginx: refused", t0 + 3s}}));
}

TEST_F(DecisionTest, LeasesAreRenewedEveryThirdOfStallTimeout) {
    world.load(nginx + router + vrrp_www);
    world.health("nginx", State::Up);
    world.clear();
    world.wait_until(t0 + 999ms);
    EXPECT_THAT(leases(), IsEmpty());
    EXPECT_EQ(world.core.deadline(), t0 + 1s);
    world.wait();
    EXPECT_THAT(leases(), ElementsAre(RouterLease{office, {vrrp::Priority{150}, "", t0 + 4s}}));
}

TEST_F(DecisionTest, AWeightMovesThePriorityAtOnce) {
    world.load(nginx + router + "track = [{ check = \"nginx\", weight = -60 }]\n" + R"(
[[vip]]
name = "www"
address = "192.0.2.100/24"
announce = "vrrp"
virtual_router = "office"
)");
    world.clear();
    world.health("nginx", State::Down, "refused");
    EXPECT_THAT(leases(), ElementsAre(RouterLease{office, {vrrp::Priority{90}, "", t0 + 3s}}));
}

TEST_F(DecisionTest, NobodyTakesPartBeforeTheKernelHasTheServices) {
    world.kernel_answers = false;
    world.load(nginx + router + vrrp_www + server);
    world.health("nginx", State::Up);
    world.health(real_server, State::Up);
    EXPECT_EQ(leases().back().lease.reason, "vip=www: services are not programmed yet");
    world.tell(ServicesApplied{www, 2, "no such scheduler"});
    EXPECT_EQ(leases().back().lease.reason, "vip=www: no such scheduler");
    world.tell(ServicesApplied{www, 2, {}});
    EXPECT_EQ(leases().back().lease.priority, vrrp::Priority{150});
}

const std::string vrrp_dns = R"(
[[vip]]
name = "dns"
address = "192.0.2.53/24"
announce = "vrrp"
virtual_router = "office"
)";

TEST_F(DecisionTest, AVipThatLeavesAVirtualRouterDoesNotMakeItGiveWay) {
    world.load(nginx + router + vrrp_www + vrrp_dns);
    world.health("nginx", State::Up);
    world.clear();
    world.kernel_answers = false;
    world.load(nginx + router + vrrp_www);
    for (const auto& given : leases()) EXPECT_EQ(given.lease.priority, vrrp::Priority{150});
}

TEST_F(DecisionTest, AVipThatJoinsAVirtualRouterDoesNotMakeItGiveWay) {
    world.load(nginx + router + vrrp_www);
    world.health("nginx", State::Up);
    world.clear();
    world.kernel_answers = false;
    world.load(nginx + router + vrrp_www + vrrp_dns);
    for (const auto& given : leases()) EXPECT_EQ(given.lease.priority, vrrp::Priority{150});
    world.tell(ServicesApplied{VipName{"dns"}, 1, "refused"});
    EXPECT_EQ(leases().back().lease.priority, std::nullopt);
}

// ---- reload

TEST_F(DecisionTest, TheSameConfigurationAgainIsOnlyAnswered) {
    announce_with_server();
    world.feed(ConfigLoaded{anyvip::testing::config_of(bgp + nginx + vip_www + server), ClientId{5}});
    EXPECT_EQ(world.log.size(), 2U);
    EXPECT_EQ(all<Notice>(world.log).at(0).kind, NoticeKind::Reloaded);
    EXPECT_EQ(all<ReplyDone>(world.log).at(0).client, ClientId{5});
    EXPECT_EQ(all<ReplyDone>(world.log).at(0).error, std::nullopt);
}

TEST_F(DecisionTest, ABadFileChangesNothingAndIsAnsweredWithItsErrors) {
    announce();
    world.feed(ConfigLoaded{std::unexpected{std::vector<config::Error>{{"f", 1, 2, "no", ""}}}, ClientId{5}});
    EXPECT_EQ(world.log.size(), 2U);
    EXPECT_EQ(all<ReplyDone>(world.log).at(0).error, "f:1:2: error: no\n");
    world.clear();
    world.health("nginx", State::Down);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.10/32"));
}

TEST_F(DecisionTest, ANewVipDoesNotDisturbTheOthers) {
    announce();
    world.load(bgp + nginx + vip_www + vip_dns);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.53/32"));
    for (const auto& set : all<SetAddresses>(world.log)) EXPECT_EQ(set.owner, AddressOwner{VipName{"dns"}});
}

TEST_F(DecisionTest, ANewPeerDoesNotDisturbTheOthersAndGetsEverything) {
    announce();
    world.load(bgp + "[[bgp.peer]]\nname = \"tor-b\"\naddress = \"10.0.0.2\"\nasn = 65000\n" + nginx + vip_www);
    EXPECT_THAT(world.wire(), IsEmpty());
    world.establish("tor-b");
    EXPECT_THAT(world.wire(), ElementsAre("tor-b + 203.0.113.10/32", "tor-b end-of-rib"));
}

// Product rule 11.
TEST_F(DecisionTest, TheSpeakerKnowsTheVipsThatNoSessionMaySpeakFrom) {
    world.load(bgp + nginx + vip_www);
    EXPECT_THAT(all<ConfigureSpeaker>(world.log).at(0).vips, ElementsAre(*net::IpAddress::parse("203.0.113.10")));
    world.establish("tor-a");
    world.clear();
    world.load(bgp + nginx + vip_www + "[[vip]]\nname = \"other\"\naddress = \"203.0.113.11\"\nannounce = \"bgp\"\n");
    EXPECT_THAT(all<ConfigureSpeaker>(world.log).at(0).vips,
                ElementsAre(*net::IpAddress::parse("203.0.113.10"), *net::IpAddress::parse("203.0.113.11")));
    EXPECT_EQ(status().peers.at(0).status.state, bgp::State::Established);
}

TEST_F(DecisionTest, AConnectionThatTheSpeakerRefusedIsALineOfTheLog) {
    world.load(bgp + nginx + vip_www);
    world.clear();
    world.feed(PeerEvent{PeerName{"tor-a"}, bgp::ConnectionRefused{"it would speak from a VIP"}});
    EXPECT_THAT(all<Notice>(world.log),
                ElementsAre(Notice{NoticeKind::PeerConnectionRefused, "peer=tor-a", "it would speak from a VIP"}));
    EXPECT_EQ(status().peers.at(0).status.counters.connections_refused, 1U);
    EXPECT_EQ(status().peers.at(0).peer_as, bgp::PeerAs{bgp::Asn{65000}});
}

TEST_F(DecisionTest, APeerThatLeavesIsWithdrawnFromAndGetsItsCeaseBeforeTheSpeakerForgetsIt) {
    announce();
    world.load(nginx + router + vrrp_www);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.10/32", "tor-a cease"));
    EXPECT_LT(*place_of<PeerAction>(world.log), *place_of<ConfigureSpeaker>(world.log));
}

TEST_F(DecisionTest, AVipThatLeavesIsWithdrawnFirstAndItsAddressGoesLast) {
    announce_with_server();
    world.load(bgp);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.10/32"));
    EXPECT_THAT(all<SetServices>(world.log), IsEmpty());
    world.wait_until(t0 + 1s);
    EXPECT_THAT(all<SetServices>(world.log).at(0).services, IsEmpty());
    EXPECT_THAT(all<SetAddresses>(world.log).at(0).addresses, IsEmpty());
    EXPECT_LT(*place_of<SetServices>(world.log), *place_of<SetAddresses>(world.log));
    EXPECT_THAT(status().vips, IsEmpty());
}

TEST_F(DecisionTest, AVipWithAnotherAddressLeavesAndComesAnew) {
    announce();
    const std::string moved = R"(
[[vip]]
name = "www"
address = "203.0.113.11"
announce = "bgp"
track = ["nginx"]
)";
    world.load(bgp + nginx + moved);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.10/32"));
    world.wait_until(t0 + 1s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.10/32", "tor-a + 203.0.113.11/32"));
}

// Product rule 1: withdraw, propagation wait, services. The new pool must not take the old services away.
TEST_F(DecisionTest, AVipWithAnotherAddressAndAnotherPoolKeepsItsServicesUntilTheRoutersHaveTurned) {
    announce_with_server();
    const std::string moved = "[[vip]]\nname = \"www\"\naddress = \"203.0.113.11\"\nannounce = \"bgp\"\n";
    const std::string more = "[[virtual_server.real_server]]\naddress = \"10.0.1.22\"\n";
    world.load(bgp + nginx + moved + server + more);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.10/32"));
    EXPECT_THAT(all<SetServices>(world.log), IsEmpty());
    world.wait_until(t0 + 1s);
    EXPECT_THAT(all<SetServices>(world.log).at(0).services, IsEmpty());
}

TEST_F(DecisionTest, AVipThatWasToComeAnewDoesNotComeWhileTheDaemonStops) {
    announce();
    world.load(bgp + nginx + "[[vip]]\nname = \"www\"\naddress = \"203.0.113.11\"\nannounce = \"bgp\"\n");
    world.clear();
    world.feed(StopRequested{"SIGTERM"});
    world.wait_until(t0 + 1s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a cease"));
    EXPECT_THAT(all<StopFinished>(world.log), ElementsAre(StopFinished{true}));
}

TEST_F(DecisionTest, OtherCommunitiesAreAnUpdateAndNoWithdrawal) {
    announce();
    world.load(bgp + nginx + vip_www + "bgp = { communities = [\"65010:100\"] }\n");
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.10/32"));
}

TEST_F(DecisionTest, AVipThatLeftComesBackWhileItIsStillGoing) {
    announce();
    world.load(bgp + nginx);
    world.clear();
    world.load(bgp + nginx + vip_www);
    EXPECT_EQ(status().vips.size(), 1U);
    world.health("nginx", State::Up);
    EXPECT_THAT(world.wire(), ::testing::Contains("tor-a + 203.0.113.10/32"));
}

// ---- drain

TEST_F(DecisionTest, ADrainWithdrawsIsAnsweredAndCanBeTakenBack) {
    announce();
    world.feed(DrainCommand{ClientId{3}, www, true});
    EXPECT_THAT(world.wire(world.first), ElementsAre("tor-a - 203.0.113.10/32"));
    EXPECT_THAT(all<ReplyDone>(world.log), ElementsAre(ReplyDone{ClientId{3}, std::nullopt, "vip=www"}));
    EXPECT_EQ(std::get<vip::Ineligible>(status().vips.at(0).verdict).reason, vip::Reason::Drained);
    EXPECT_TRUE(status().vips.at(0).drained);
    world.clear();
    world.feed(DrainCommand{ClientId{3}, www, false});
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.10/32"));
    EXPECT_FALSE(status().vips.at(0).drained);
}

TEST_F(DecisionTest, WhatDoesNotExistCannotBeDrained) {
    announce();
    world.feed(DrainCommand{ClientId{3}, VipName{"wwww"}, true});
    EXPECT_THAT(world.wire(), IsEmpty());
    EXPECT_THAT(all<ReplyDone>(world.log), ElementsAre(ReplyDone{ClientId{3}, "there is no vip=wwww", ""}));
}

TEST_F(DecisionTest, ADrainedNodeSaysSo) {
    announce();
    EXPECT_FALSE(status().drained);
    world.feed(DrainCommand{ClientId{3}, vip::NodeTarget{}, true});
    EXPECT_TRUE(status().drained);
}

// ---- stop

TEST_F(DecisionTest, StoppingWithdrawsWaitsRemovesAndThenCeases) {
    announce_with_server();
    world.feed(StopRequested{"SIGTERM"});
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.10/32"));
    EXPECT_THAT(all<StopFinished>(world.log), IsEmpty());
    world.wait_until(t0 + 1s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.10/32", "tor-a cease"));
    EXPECT_LT(*place_of<SetServices>(world.log), *place_of<SetAddresses>(world.log));
    EXPECT_THAT(all<StopFinished>(world.log), ElementsAre(StopFinished{true}));
}

TEST_F(DecisionTest, VipsOfVirtualRoutersKeepTheirServicesUntilTheRoutersHaveLeft) {
    announce_hybrid();
    world.heartbeat_answers = false;
    world.feed(StopRequested{"SIGTERM"});
    EXPECT_EQ(all<StopRouters>(world.log).size(), 1U);
    EXPECT_THAT(world.wire(), IsEmpty());
    world.tell(RouterServing{office, {}});
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 192.0.2.100/32"));
    EXPECT_THAT(all<SetServices>(world.log), IsEmpty());
    world.tell(RoutersStopped{});
    world.wait_until(t0 + 1s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 192.0.2.100/32", "tor-a cease"));
    EXPECT_THAT(all<StopFinished>(world.log), ElementsAre(StopFinished{true}));
}

TEST_F(DecisionTest, AStuckKernelHoldsTheStopUpForStopTimeoutOnly) {
    announce();
    world.kernel_answers = false;
    world.feed(StopRequested{"SIGTERM"});
    world.wait_until(t0 + 9'999ms);
    EXPECT_THAT(all<StopFinished>(world.log), IsEmpty());
    EXPECT_EQ(world.core.deadline(), t0 + 10s);
    world.wait();
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 203.0.113.10/32", "tor-a cease"));
    EXPECT_THAT(all<StopFinished>(world.log), ElementsAre(StopFinished{false}));
    EXPECT_EQ(all<Notice>(world.log).back(),
              (Notice{NoticeKind::Stopped, "node", "stop_timeout; vip=www is Removing; the kernel loop is silent"}));
}

// What a former run left stood there after a stop that called itself orderly.
TEST_F(DecisionTest, WhatAFormerRunLeftHoldsTheStopUpForStopTimeoutAndTheLogNamesIt) {
    announce();
    world.adoption_error = "192.0.2.100/24 on eth0 is left over: busy (error 16)";
    world.feed(StopRequested{"SIGTERM"});
    world.wait_until(t0 + 9'999ms);
    EXPECT_THAT(all<StopFinished>(world.log), IsEmpty());
    EXPECT_THAT(all<Notice>(world.log),
                ::testing::Contains(Notice{NoticeKind::KernelRefused, "kernel", *world.adoption_error}));
    world.wait();
    EXPECT_THAT(all<StopFinished>(world.log), ElementsAre(StopFinished{false}));
    EXPECT_EQ(all<Notice>(world.log).back(),
              (Notice{NoticeKind::Stopped, "node", "stop_timeout; " + *world.adoption_error}));
}

TEST_F(DecisionTest, TheStopIsOverWhenTheLastLeftoverIsGone) {
    announce();
    world.adoption_error = "busy";
    world.feed(StopRequested{"SIGTERM"});
    world.wait_until(t0 + 1s);
    EXPECT_THAT(all<StopFinished>(world.log), IsEmpty());
    world.tell(Adopted{1, std::nullopt});  // Of the letter at the start: it says nothing of now.
    EXPECT_THAT(all<StopFinished>(world.log), IsEmpty());
    world.tell(Adopted{2, std::nullopt});
    EXPECT_THAT(all<StopFinished>(world.log), ElementsAre(StopFinished{true}));
}

TEST_F(DecisionTest, AStuckHeartbeatStillLetsTheRoutesBeWithdrawn) {
    announce_hybrid();
    world.heartbeat_answers = false;
    world.feed(StopRequested{"SIGTERM"});
    world.wait_until(t0 + 10s);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a - 192.0.2.100/32", "tor-a cease"));
    EXPECT_THAT(all<StopFinished>(world.log), ElementsAre(StopFinished{false}));
    EXPECT_EQ(all<Notice>(world.log).back(),
              (Notice{NoticeKind::Stopped, "node", "stop_timeout; the virtual routers have not left"}));
}

TEST_F(DecisionTest, WhileStoppingNothingIsLoadedAndASecondStopIsNoMore) {
    announce();
    world.feed(StopRequested{"SIGTERM"});
    world.clear();
    world.feed(StopRequested{"SIGTERM"});
    EXPECT_THAT(world.log, IsEmpty());
    world.feed(ConfigLoaded{anyvip::testing::config_of(bgp), ClientId{5}});
    EXPECT_THAT(all<ReplyDone>(world.log), ElementsAre(ReplyDone{ClientId{5}, "the daemon is stopping", ""}));
}

TEST_F(DecisionTest, ANodeWithoutAnythingStopsAtOnce) {
    world.load("[node]\nname = \"lb1\"\n" + bgp);
    world.feed(StopRequested{"SIGTERM"});
    EXPECT_THAT(all<StopFinished>(world.log), ElementsAre(StopFinished{true}));
}

// ---- status

TEST_F(DecisionTest, AStatusWaitsForBothSnapshots) {
    announce();
    world.feed(StatusRequested{ClientId{1}});
    EXPECT_EQ(all<SnapshotRequested>(world.log).size(), 2U);
    world.tell(RoutersSnapshot{});
    EXPECT_THAT(all<ReplyStatus>(world.log), IsEmpty());
    world.tell(ChecksSnapshot{{{CheckName{"nginx"}, {}}}});
    const auto replies = all<ReplyStatus>(world.log);
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(replies[0].client, ClientId{1});
    EXPECT_TRUE(replies[0].status.checks.at(0).core.has_value());
    EXPECT_TRUE(replies[0].status.vips.at(0).announced);
    EXPECT_EQ(replies[0].status.peers.at(0).status.state, bgp::State::Established);
}

TEST_F(DecisionTest, AStatusWithoutSnapshotsShowsWhatItHasAfterHalfASecond) {
    announce();
    world.feed(StatusRequested{ClientId{1}});
    world.feed(StatusRequested{ClientId{2}});
    EXPECT_EQ(world.core.deadline(), t0 + 500ms);
    world.wait();
    const auto replies = all<ReplyStatus>(world.log);
    ASSERT_EQ(replies.size(), 2U);
    EXPECT_EQ(replies[1].client, ClientId{2});
    EXPECT_FALSE(replies[0].status.checks.at(0).core.has_value());
    world.clear();
    world.tell(RoutersSnapshot{});  // Too late.
    EXPECT_THAT(world.log, IsEmpty());
}

TEST_F(DecisionTest, WhatNobodyKnowsIsIgnored) {
    announce();
    world.tell(ServicesApplied{VipName{"gone"}, 1, {}});
    world.tell(VipAddressesApplied{VipName{"gone"}, 1, "refused"});
    world.feed(PeerEvent{PeerName{"gone"}, bgp::Start{}});
    EXPECT_THAT(world.log, IsEmpty());
}

// ---- BFD ------------------------------------------------------------------------------------------------

const std::string with_bfd = "bfd = { interval = \"50ms\", multiplier = 5 }\n";

BfdStateChanged bfd_down(bfd::Diagnostic diagnostic, bfd::SessionState remote = bfd::SessionState::Down) {
    return {tor_a, {bfd::SessionState::Up, bfd::SessionState::Down, diagnostic, remote}};
}
const BfdStateChanged bfd_up{
    tor_a, {bfd::SessionState::Init, bfd::SessionState::Up, bfd::Diagnostic::None, bfd::SessionState::Up}};

class DecisionWithBfdTest : public DecisionTest {
protected:
    void announce_with_bfd() {
        world.load(bgp + with_bfd + nginx + vip_www);
        world.establish("tor-a");
        world.health("nginx", State::Up);
        world.tell(bfd_up);
        world.clear();
    }
};

TEST_F(DecisionWithBfdTest, ThePeersThatHaveItHaveASessionUnderALease) {
    world.load(bgp + with_bfd + vip_dns);
    const auto configured = all<ConfigureBfd>(world.log);
    ASSERT_EQ(configured.size(), 1U);
    ASSERT_EQ(configured[0].sessions.size(), 1U);
    EXPECT_EQ(configured[0].sessions[0].peer, tor_a);
    EXPECT_EQ(configured[0].sessions[0].config.desired_min_tx_interval, 50ms);
    EXPECT_EQ(configured[0].sessions[0].config.detect_mult, 5);
    EXPECT_EQ(configured[0].vips, std::set{net::IpAddress::parse("203.0.113.53").value()});
    EXPECT_THAT(all<BfdLease>(world.log), ElementsAre(BfdLease{t0 + 3s}));
    ASSERT_LT(*place_of<ConfigureBfd>(world.log), *place_of<BfdLease>(world.log));
}

// Product rule 10: as long as the decision loop answers.
TEST_F(DecisionWithBfdTest, TheLeaseIsRenewedInAThirdOfStallTimeout) {
    world.load(bgp + with_bfd + vip_dns);
    world.clear();
    world.wait_until(t0 + 1s);
    EXPECT_THAT(all<BfdLease>(world.log), ElementsAre(BfdLease{t0 + 4s}));
}

TEST_F(DecisionWithBfdTest, WithoutBfdTheHeartbeatHearsNothingOfIt) {
    announce();
    world.wait_until(t0 + 1s);
    EXPECT_THAT(all<ConfigureBfd>(world.log), IsEmpty());
    EXPECT_THAT(all<BfdLease>(world.log), IsEmpty());
}

// RFC 9384 §3: positive
// RFC 5882 §4.1: positive
TEST_F(DecisionWithBfdTest, AFailureEndsTheSessionAtOnceAndItIsTriedAgainWithinASecond) {
    announce_with_bfd();
    world.tell(bfd_down(bfd::Diagnostic::ControlDetectionTimeExpired));
    EXPECT_THAT(world.wire(), ElementsAre("tor-a cease"));
    world.clear();
    world.wait_until(world.now + 1s);
    const auto actions = all<PeerAction>(world.log);
    EXPECT_TRUE(std::ranges::any_of(
        actions, [](const PeerAction& action) { return std::holds_alternative<bgp::OpenConnection>(action.action); }));
}

// RFC 5882 §3.2: positive. The neighbour's operator has switched BFD off, which says nothing of the path.
TEST_F(DecisionWithBfdTest, ThePeersAdminDownKeepsTheSession) {
    announce_with_bfd();
    world.tell(bfd_down(bfd::Diagnostic::NeighborSignaledSessionDown, bfd::SessionState::AdminDown));
    EXPECT_THAT(world.wire(), IsEmpty());
}

TEST_F(DecisionWithBfdTest, OurOwnStallIsNoFailureOfThePeer) {
    announce_with_bfd();
    world.tell(bfd_down(bfd::Diagnostic::ForwardingPlaneReset, bfd::SessionState::Up));
    EXPECT_THAT(world.wire(), IsEmpty());
}

// RFC 5882 §4.1: negative. BFD that was never Up keeps no BGP down.
TEST_F(DecisionWithBfdTest, ASessionThatNeverCameUpIsNoFailure) {
    world.load(bgp + with_bfd + nginx + vip_www);
    world.establish("tor-a");
    world.clear();
    world.tell(BfdStateChanged{
        tor_a, {bfd::SessionState::Init, bfd::SessionState::Down, bfd::Diagnostic::ControlDetectionTimeExpired, {}}});
    EXPECT_THAT(world.wire(), IsEmpty());
}

TEST_F(DecisionWithBfdTest, InStrictModeASessionBeginsWithBfd) {
    world.load(bgp + "bfd = { strict = true }\n" + vip_dns);
    world.establish("tor-a", 1, {bgp::BfdStrictMode{}});
    EXPECT_THAT(world.wire(), Not(Contains("tor-a + 203.0.113.53/32")));
    EXPECT_TRUE(status().peers.at(0).status.waits_for_bfd);
    world.tell(bfd_up);
    EXPECT_THAT(world.wire(), Contains("tor-a + 203.0.113.53/32"));
    EXPECT_EQ(status().peers.at(0).status.state, bgp::State::Established);
}

TEST_F(DecisionWithBfdTest, InStrictModeARouterThatDoesNotOfferItIsNotKeptWaiting) {
    world.load(bgp + "bfd = { strict = true }\n" + vip_dns);
    world.establish("tor-a");
    EXPECT_THAT(world.wire(), Contains("tor-a + 203.0.113.53/32"));
}

TEST_F(DecisionWithBfdTest, ALateLetterOfASessionThatIsNoLongerConfiguredChangesNothing) {
    announce_with_bfd();
    world.load(bgp + nginx + vip_www);
    EXPECT_THAT(all<ConfigureBfd>(world.log), ElementsAre(ConfigureBfd{}));
    world.clear();
    world.tell(bfd_down(bfd::Diagnostic::ControlDetectionTimeExpired));
    EXPECT_THAT(world.wire(), IsEmpty());
}

// Product rule 4.
TEST_F(DecisionWithBfdTest, OtherIntervalsTouchNoSessionOfBgp) {
    announce_with_bfd();
    world.load(bgp + "bfd = { interval = \"1s\" }\n" + nginx + vip_www);
    EXPECT_THAT(world.wire(), IsEmpty());
    ASSERT_EQ(all<ConfigureBfd>(world.log).size(), 1U);
    EXPECT_EQ(all<ConfigureBfd>(world.log)[0].sessions[0].config.desired_min_tx_interval, 1s);
}

// Product rule 7: leaving is announced by BGP. Routers take AdminDown for a failure, and would miss the Cease.
TEST_F(DecisionWithBfdTest, WhenTheDaemonStopsBfdGoesOnToTheEnd) {
    announce_with_bfd();
    world.feed(StopRequested{"SIGTERM"});
    for (int i = 0; i < 10 && all<StopFinished>(world.log).empty(); ++i) world.wait();
    ASSERT_FALSE(all<StopFinished>(world.log).empty());
    EXPECT_THAT(all<ConfigureBfd>(world.log), IsEmpty());
}

TEST_F(DecisionWithBfdTest, BfdOfAPeerThatIsRemovedOutlivesTheCeaseByASecond) {
    announce_with_bfd();
    world.load("[bgp]\nasn = 65010\nrouter_id = \"10.0.0.11\"\n");
    EXPECT_THAT(world.wire(), Contains("tor-a cease"));
    EXPECT_THAT(all<ConfigureBfd>(world.log), IsEmpty());
    const auto removed = world.now;
    while (all<ConfigureBfd>(world.log).empty()) world.wait();
    EXPECT_EQ(world.now, removed + 1s);
    EXPECT_THAT(all<ConfigureBfd>(world.log), ElementsAre(ConfigureBfd{}));
}

// Product rule 4.
TEST_F(DecisionWithBfdTest, APeerThatComesBackWithinThatSecondIsConfiguredAsItIsNow) {
    announce_with_bfd();
    world.load("[bgp]\nasn = 65010\nrouter_id = \"10.0.0.11\"\n");
    world.clear();
    world.load(bgp + "bfd = { interval = \"1s\" }\n");
    const auto configured = all<ConfigureBfd>(world.log);
    ASSERT_EQ(configured.size(), 1U);
    ASSERT_EQ(configured[0].sessions.size(), 1U);
    EXPECT_EQ(configured[0].sessions[0].config.desired_min_tx_interval, 1s);
    world.clear();
    world.wait_until(world.now + 1s);
    EXPECT_THAT(all<ConfigureBfd>(world.log), IsEmpty());
}

TEST_F(DecisionWithBfdTest, TheStatusShowsTheSession) {
    announce_with_bfd();
    world.feed(StatusRequested{ClientId{1}});
    BfdSessionSnapshot session{.peer = tor_a, .local = net::IpAddress{}, .socket_error = std::nullopt, .status = {}};
    session.status.state = bfd::SessionState::Up;
    world.tell(BfdSnapshot{{session}});
    world.tell(RoutersSnapshot{});
    world.tell(ChecksSnapshot{});
    const auto replies = all<ReplyStatus>(world.log);
    ASSERT_EQ(replies.size(), 1U);
    const auto& shown = replies[0].status.peers.at(0).bfd;
    ASSERT_TRUE(shown && shown->core);
    EXPECT_EQ(*shown->core, session);
}

// ---- ranges of peers

const std::string rack = R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
graceful_shutdown = "0s"
[[bgp.peer]]
name = "rack"
range = "10.0.0.0/24"
asn = 65000
)";
const PeerName rack_7{"rack/10.0.0.7"};

// ---- graceful restart -----------------------------------------------------------------------------------

/// A peer that keeps our routes while we are away, and a former run that left something.
class DecisionAfterACrashTest : public DecisionTest {
protected:
    void load(const std::string& more = "") {
        world.load(bgp + "graceful_restart = \"forced\"\nrestart_time = \"30s\"\n" + more + nginx + vip_www);
    }
    /// Of our newest OPEN.
    [[nodiscard]] std::optional<bgp::GracefulRestart> said() const {
        std::optional<bgp::GracefulRestart> newest;
        for (const auto& sent : all<PeerAction>(world.log)) {
            const auto* const send = std::get_if<bgp::Send>(&sent.action);
            if (send == nullptr) continue;
            bgp::Framer framer;
            framer.feed(send->bytes);
            while (const auto raw = framer.next()) {
                if (!*raw) break;
                const auto message = bgp::decode(**raw, {});
                const auto* const open = message ? std::get_if<bgp::Open>(&*message) : nullptr;
                if (open == nullptr) continue;
                for (const auto& capability : open->capabilities) {
                    if (const auto* restart = std::get_if<bgp::GracefulRestart>(&capability)) newest = *restart;
                }
            }
        }
        return newest;
    }
    [[nodiscard]] bool connects() const {
        return std::ranges::any_of(all<PeerAction>(world.log), [](const PeerAction& action) {
            return std::holds_alternative<bgp::OpenConnection>(action.action);
        });
    }
    const FormerRunFound survived{.left_something = true, .forwarded_ipv4 = true, .forwarded_ipv6 = true};
};

// RFC 4724 §4.1: positive; the first OPEN waits for what the kernel loop finds, and says it.
TEST_F(DecisionAfterACrashTest, TheFirstOpenSaysWhatAFormerRunLeft) {
    load();
    EXPECT_FALSE(connects());
    world.tell(survived);
    EXPECT_TRUE(connects());
    world.establish("tor-a");
    ASSERT_TRUE(said());
    EXPECT_TRUE(said()->restarted);
    EXPECT_TRUE(said()->families.at(0).forwarding_preserved);
}

// RFC 4724 §4.1: negative; after a reboot nothing was forwarded, and after an orderly stop nothing restarted.
TEST_F(DecisionAfterACrashTest, AfterARebootNothingWasForwarded) {
    world.former_run = FormerRunFound{.left_something = true, .forwarded_ipv4 = false, .forwarded_ipv6 = false};
    load();
    world.establish("tor-a");
    EXPECT_TRUE(said()->restarted);
    EXPECT_FALSE(said()->families.at(0).forwarding_preserved);
}

TEST_F(DecisionAfterACrashTest, AfterAnOrderlyStopNothingRestarts) {
    world.former_run = FormerRunFound{};
    load();
    world.establish("tor-a");
    EXPECT_FALSE(said()->restarted);
    EXPECT_FALSE(said()->families.at(0).forwarding_preserved);
}

TEST_F(DecisionAfterACrashTest, AKernelLoopThatIsSilentKeepsNobodyWaitingForLong) {
    load();
    EXPECT_EQ(world.core.deadline(), t0 + 1s);
    world.wait();
    EXPECT_TRUE(connects());
    world.establish("tor-a");
    world.tell(survived);  // Too late to be true for anybody.
    EXPECT_FALSE(said()->restarted);
}

TEST_F(DecisionAfterACrashTest, APeerWithoutGracefulRestartWaitsForNothing) {
    world.load(bgp + nginx + vip_www);
    EXPECT_TRUE(connects());
}

// RFC 4724 §4.1: positive; End-of-RIB after the first verdicts, and a VIP that has failed meanwhile is not before it.
TEST_F(DecisionAfterACrashTest, WhatHasFailedMeanwhileIsNotBeforeEndOfRib) {
    world.former_run = survived;
    load(R"([[check]]
name = "other"
tcp = { address = "127.0.0.1", port = 81 }
[[vip]]
name = "dns"
address = "203.0.113.53"
announce = "bgp"
track = ["other"]
)");
    world.establish("tor-a");
    world.health("other", State::Down);
    EXPECT_THAT(world.wire(), IsEmpty());
    world.health("nginx", State::Up);
    EXPECT_THAT(world.wire(), ElementsAre("tor-a + 203.0.113.10/32", "tor-a end-of-rib"));
}

// RFC 4724 §3: negative; R is for those that may have something of before.
TEST_F(DecisionAfterACrashTest, AnInstanceThatComesLateHasNothingOfTheFormerRun) {
    world.former_run = survived;
    world.load(R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
graceful_shutdown = "0s"
[[bgp.peer]]
name = "rack"
range = "10.0.0.0/24"
asn = 65000
graceful_restart = "on"
restart_time = "30s"
)" + nginx + vip_www);
    world.establish_from("rack", "10.0.0.7");
    EXPECT_TRUE(said()->restarted);
    world.clear();
    world.now += 30s;
    world.establish_from("rack", "10.0.0.8");
    EXPECT_FALSE(said()->restarted);
}

class DecisionWithRangeTest : public DecisionTest {
protected:
    void announce_to_two() {
        world.load(rack + nginx + vip_www);
        world.establish_from("rack", "10.0.0.7");
        world.establish_from("rack", "10.0.0.8");
        world.health("nginx", State::Up);
        ASSERT_THAT(world.wire(), ElementsAre("rack/10.0.0.7 + 203.0.113.10/32", "rack/10.0.0.8 + 203.0.113.10/32",
                                              "rack/10.0.0.7 end-of-rib", "rack/10.0.0.8 end-of-rib"));
        world.clear();
    }
    std::vector<std::string> peers() {
        std::vector<std::string> names;
        for (const auto& peer : status().peers) names.push_back(peer.name.value());
        return names;
    }
    std::vector<std::string> notices(NoticeKind kind) const {
        std::vector<std::string> lines;
        for (const auto& notice : all<Notice>(world.log)) {
            if (notice.kind == kind) lines.push_back(notice.subject + ": " + notice.detail);
        }
        return lines;
    }
    std::vector<bgp::CeaseSubcode> cease_subcodes() const {
        std::vector<bgp::CeaseSubcode> subcodes;
        for (const auto& send : all<bgp::Send>(of_peers())) {
            bgp::Framer framer;
            framer.feed(send.bytes);
            while (const auto raw = framer.next()) {
                const auto message = bgp::decode(**raw, {});
                if (!message || !std::holds_alternative<bgp::Notification>(*message)) continue;
                subcodes.push_back(static_cast<bgp::CeaseSubcode>(std::get<bgp::Notification>(*message).subcode));
            }
        }
        return subcodes;
    }
    std::size_t closed() const { return all<bgp::CloseConnection>(of_peers()).size(); }
    std::vector<bgp::Action> of_peers() const {
        std::vector<bgp::Action> actions;
        for (const auto& action : all<PeerAction>(world.log)) actions.push_back(action.action);
        return actions;
    }
};

TEST_F(DecisionWithRangeTest, NobodyIsThereBeforeSomebodyConnects) {
    world.load(rack + vip_dns);
    EXPECT_THAT(peers(), IsEmpty());
    EXPECT_EQ(status().peer_ranges.at(0).instances, 0U);
    EXPECT_TRUE(all<ConfigureSpeaker>(world.log).at(0).peers.at(PeerName{"rack"}).range);
}

TEST_F(DecisionWithRangeTest, WhoConnectsFromTheRangeIsAPeerAndHearsOfTheVips) {
    announce_to_two();
    EXPECT_THAT(peers(), ElementsAre("rack/10.0.0.7", "rack/10.0.0.8"));
    EXPECT_EQ(status().peers.at(0).address, *net::IpAddress::parse("10.0.0.7"));
    EXPECT_EQ(status().peers.at(0).range, PeerName{"rack"});
    EXPECT_EQ(status().peers.at(0).status.routes_wanted, 1U);
    EXPECT_EQ(status().peer_ranges.at(0).established, 2U);
}

// What a shell reports twice over a reload: the range is gone when its connection is read.
TEST_F(DecisionWithRangeTest, WhoIsInNoRangeIsClosedWithoutAWord) {
    world.load(rack + vip_dns);
    world.clear();
    world.connect("rack", "10.0.1.7");
    world.connect("spine", "10.0.0.7");
    EXPECT_EQ(closed(), 2U);
    EXPECT_THAT(peers(), IsEmpty());
    EXPECT_EQ(status().peer_ranges.at(0).refused, 0U);
}

TEST_F(DecisionWithRangeTest, TheRouteNamesTheRangeAndAllOfItsInstancesAreMeant) {
    world.load(rack + peer_tor_a + vip_dns + "bgp = { peers = [\"rack\"], per_peer = { rack = { med = 7 } } }\n");
    world.establish("tor-a");
    world.establish_from("rack", "10.0.0.7");
    const auto sent = updates(world.log);
    ASSERT_FALSE(sent.empty());
    EXPECT_THAT(world.wire(),
                ElementsAre("tor-a end-of-rib", "rack/10.0.0.7 + 203.0.113.53/32", "rack/10.0.0.7 end-of-rib"));
    EXPECT_EQ(sent.at(1).attributes.med, 7U);
}

TEST_F(DecisionWithRangeTest, AWithdrawalWaitsForEveryInstance) {
    announce_to_two();
    world.slow_peers.insert(rack_7);
    world.health("nginx", State::Down);
    EXPECT_EQ(world.core.deadline(), t0 + 2s);  // apply_timeout
    world.now = t0 + 500ms;
    world.read_on("rack/10.0.0.7");
    EXPECT_EQ(world.core.deadline(), t0 + 1500ms);  // propagation_wait
}

TEST_F(DecisionWithRangeTest, AHybridVipCountsTheSessionsOfARangeUnderItsName) {
    world.load(rack + router + hybrid_www);
    EXPECT_FALSE(vip::is_eligible(status().vips.at(0).verdict));
    world.establish_from("rack", "10.0.0.7");
    EXPECT_TRUE(vip::is_eligible(status().vips.at(0).verdict));
    world.lose("rack/10.0.0.7");
    EXPECT_FALSE(vip::is_eligible(status().vips.at(0).verdict));
}

TEST_F(DecisionWithRangeTest, AnInstanceIsForgottenTwoMinutesAfterItsConnection) {
    announce_to_two();
    world.lose("rack/10.0.0.7");
    const auto lost = world.now;
    while (world.core.deadline() && *world.core.deadline() < lost + 120s) world.wait();
    EXPECT_THAT(peers(), ElementsAre("rack/10.0.0.7", "rack/10.0.0.8"));
    world.wait_until(lost + 120s);
    EXPECT_THAT(peers(), ElementsAre("rack/10.0.0.8"));
}

TEST_F(DecisionWithRangeTest, AnInstanceThatComesBackIsTheSameOne) {
    announce_to_two();
    world.lose("rack/10.0.0.7");
    world.wait_until(world.now + 10s);
    world.establish_from("rack", "10.0.0.7");
    world.wait_until(world.now + 130s);
    EXPECT_THAT(peers(), ElementsAre("rack/10.0.0.7", "rack/10.0.0.8"));
    EXPECT_EQ(status().peers.at(0).status.counters.sessions, 2U);
}

// RFC 4486 §4: positive
TEST_F(DecisionWithRangeTest, BeyondTheLimitIsRefusedCountedAndLoggedOnce) {
    world.load(rack + "limit = 2\n" + vip_dns);
    world.establish_from("rack", "10.0.0.7");
    world.establish_from("rack", "10.0.0.8");
    world.clear();
    world.connect("rack", "10.0.0.9");
    world.connect("rack", "10.0.0.10");
    EXPECT_EQ(closed(), 2U);
    EXPECT_THAT(cease_subcodes(),
                ElementsAre(bgp::CeaseSubcode::ConnectionRejected, bgp::CeaseSubcode::ConnectionRejected));
    EXPECT_THAT(peers(), ElementsAre("rack/10.0.0.7", "rack/10.0.0.8"));
    const auto range = status().peer_ranges.at(0);
    EXPECT_EQ(range.refused, 2U);
    EXPECT_EQ(range.last_error, "all 2 sessions of the range are taken");
    EXPECT_EQ(notices(NoticeKind::PeerConnectionRefused),
              std::vector<std::string>{"peer=rack/10.0.0.9: all 2 sessions of the range are taken"});
}

TEST_F(DecisionWithRangeTest, WhoIsNoLongerConnectedGivesItsPlace) {
    world.load(rack + "limit = 2\n" + vip_dns);
    world.establish_from("rack", "10.0.0.7");
    world.establish_from("rack", "10.0.0.8");
    world.lose("rack/10.0.0.8");
    world.connect("rack", "10.0.0.9");
    EXPECT_THAT(peers(), ElementsAre("rack/10.0.0.7", "rack/10.0.0.9"));
}

TEST_F(DecisionWithRangeTest, WhatTheSpeakerTellsOfTheRangeIsShownWithIt) {
    world.load(rack + vip_dns);
    world.feed(PeerEvent{PeerName{"rack"}, bgp::TransportDiagnosis{"TCP-MD5: another key?"}});
    EXPECT_EQ(status().peer_ranges.at(0).last_error, "TCP-MD5: another key?");
    world.feed(PeerEvent{rack_7, bgp::ConnectionRefused{"it would speak from a VIP"}});
    EXPECT_EQ(status().peer_ranges.at(0).last_error, "it would speak from a VIP");
    EXPECT_EQ(status().peer_ranges.at(0).refused, 1U);
}

TEST_F(DecisionWithRangeTest, ARangeThatIsRemovedEndsItsSessionsWithPeerDeconfigured) {
    announce_to_two();
    world.load(bgp + nginx + vip_www);
    EXPECT_THAT(world.wire(), ElementsAre("rack/10.0.0.7 - 203.0.113.10/32", "rack/10.0.0.7 cease",
                                          "rack/10.0.0.8 - 203.0.113.10/32", "rack/10.0.0.8 cease"));
    EXPECT_THAT(cease_subcodes(),
                ElementsAre(bgp::CeaseSubcode::PeerDeconfigured, bgp::CeaseSubcode::PeerDeconfigured));
    EXPECT_THAT(peers(), ElementsAre("tor-a"));
    EXPECT_THAT(status().peer_ranges, IsEmpty());
}

TEST_F(DecisionWithRangeTest, ANarrowerRangeEndsThoseSessionsThatAreNoLongerInIt) {
    announce_to_two();
    std::string narrower = rack;
    narrower.replace(narrower.find("10.0.0.0/24"), 11, "10.0.0.8/29");
    world.load(narrower + nginx + vip_www);
    EXPECT_THAT(world.wire(), ElementsAre("rack/10.0.0.7 - 203.0.113.10/32", "rack/10.0.0.7 cease"));
    EXPECT_THAT(peers(), ElementsAre("rack/10.0.0.8"));
}

TEST_F(DecisionWithRangeTest, AWiderRangeAndAnotherLimitTouchNobody) {
    announce_to_two();
    std::string wider = rack + "limit = 1\n";
    wider.replace(wider.find("10.0.0.0/24"), 11, "10.0.0.0/16");
    world.load(wider + nginx + vip_www);
    EXPECT_THAT(world.wire(), IsEmpty());
    EXPECT_THAT(peers(), ElementsAre("rack/10.0.0.7", "rack/10.0.0.8"));
}

TEST_F(DecisionWithRangeTest, WhatIsAgreedOnInTheOpenResetsEverySessionOfTheRange) {
    announce_to_two();
    world.load(rack + "add_path = \"receive\"\n" + nginx + vip_www);
    EXPECT_THAT(world.wire(), ElementsAre("rack/10.0.0.7 cease", "rack/10.0.0.8 cease"));
    EXPECT_THAT(cease_subcodes(),
                ElementsAre(bgp::CeaseSubcode::OtherConfigurationChange, bgp::CeaseSubcode::OtherConfigurationChange));
}

TEST_F(DecisionWithRangeTest, AnAddressThatGetsAPeerOfItsOwnLeavesTheRange) {
    announce_to_two();
    world.load(rack + "[[bgp.peer]]\nname = \"seven\"\naddress = \"10.0.0.7\"\nasn = 65000\n" + nginx + vip_www);
    EXPECT_THAT(world.wire(), ElementsAre("rack/10.0.0.7 - 203.0.113.10/32", "rack/10.0.0.7 cease"));
    EXPECT_THAT(peers(), ElementsAre("rack/10.0.0.8", "seven"));
}

TEST_F(DecisionWithRangeTest, BfdComesAndGoesWithTheInstance) {
    world.load(rack + with_bfd + vip_dns);
    world.clear();
    world.establish_from("rack", "10.0.0.7");
    ASSERT_EQ(all<ConfigureBfd>(world.log).size(), 1U);
    const auto session = all<ConfigureBfd>(world.log).at(0).sessions.at(0);
    EXPECT_EQ(session.peer, rack_7);
    EXPECT_EQ(session.remote, *net::IpAddress::parse("10.0.0.7"));
    world.tell(BfdStateChanged{
        rack_7, {bfd::SessionState::Init, bfd::SessionState::Up, bfd::Diagnostic::None, bfd::SessionState::Up}});
    world.tell(BfdStateChanged{rack_7,
                               {bfd::SessionState::Up, bfd::SessionState::Down,
                                bfd::Diagnostic::ControlDetectionTimeExpired, bfd::SessionState::Down}});
    EXPECT_NE(status().peers.at(0).status.state, bgp::State::Established);
    world.clear();
    world.wait_until(world.now + 121s);
    ASSERT_EQ(all<ConfigureBfd>(world.log).size(), 1U);
    EXPECT_THAT(all<ConfigureBfd>(world.log).at(0).sessions, IsEmpty());
}

TEST_F(DecisionWithRangeTest, AStoppedDaemonAdmitsNobody) {
    announce_to_two();
    world.feed(StopRequested{"SIGTERM"});
    while (all<StopFinished>(world.log).empty()) world.wait();
    world.clear();
    world.connect("rack", "10.0.0.9");
    EXPECT_EQ(closed(), 1U);
    EXPECT_THAT(world.wire(), IsEmpty());
}

// ---- unnumbered peers

const std::string on_eth0 = R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
graceful_shutdown = "0s"
[[bgp.peer]]
name = "tor"
interface = "eth0"
asn = "external"
)";
const net::InterfaceName eth0{"eth0"};
const net::Ipv6Address own_address = *net::Ipv6Address::parse("fe80::11");
const net::Ipv6Address tor_address = *net::Ipv6Address::parse("fe80::1");
const PeerName tor{"tor"};

class DecisionUnnumberedTest : public DecisionTest {
protected:
    void link(std::optional<net::Ipv6Address> address, std::uint32_t index = 3) {
        world.tell(LinkLocalChanged{eth0, net::InterfaceIndex{index}, address});
    }
    void hear(const net::Ipv6Address& from) {
        world.feed(LinkPacket{eth0, {from, 255, bgp::nd::encode(bgp::nd::RouterAdvertisement{})}});
    }
    void start() {
        world.load(on_eth0 + vip_dns);
        link(own_address);
        hear(tor_address);
    }
    bgp::PeerConfig peer() const { return all<ConfigureSpeaker>(world.log).back().peers.at(tor); }
    std::size_t attempts() const {
        std::size_t count = 0;
        for (const auto& action : all<PeerAction>(world.log)) {
            count += std::holds_alternative<bgp::OpenConnection>(action.action) ? 1 : 0;
        }
        return count;
    }
};

TEST_F(DecisionUnnumberedTest, NothingIsTriedBeforeARouterIsHeard) {
    world.load(on_eth0 + vip_dns);
    EXPECT_TRUE(peer().passive);
    EXPECT_TRUE(peer().address.is_unspecified());
    link(own_address);
    world.wait_until(world.now + 60s);
    EXPECT_EQ(attempts(), 0U);
    EXPECT_EQ(status().peers.at(0).link->core.own, own_address);
}

TEST_F(DecisionUnnumberedTest, TheSocketIsThereBeforeTheFirstAdvertisement) {
    world.load(on_eth0 + vip_dns);
    world.clear();
    link(own_address);
    EXPECT_EQ(all<ConfigureLinks>(world.log), (std::vector{ConfigureLinks{{{eth0, net::InterfaceIndex{3}}}}}));
    ASSERT_TRUE(place_of<SendLinkPacket>(world.log));
    EXPECT_LT(place_of<ConfigureLinks>(world.log), place_of<SendLinkPacket>(world.log));
    EXPECT_EQ(all<SendLinkPacket>(world.log).at(0).packet.source, own_address);
}

TEST_F(DecisionUnnumberedTest, ARouterThatIsHeardIsConnectedToAtOnceFromOurOwnAddress) {
    start();
    EXPECT_EQ(peer().address, net::IpAddress{tor_address});
    EXPECT_EQ(peer().source, net::IpAddress{own_address});
    EXPECT_EQ(peer().device, "eth0");
    EXPECT_FALSE(peer().passive);
    EXPECT_EQ(attempts(), 1U);
}

TEST_F(DecisionUnnumberedTest, WhoIsHeardOnAnInterfaceOfNoPeerIsNobody) {
    world.load(bgp + vip_dns);
    link(own_address);
    world.clear();
    hear(tor_address);
    EXPECT_THAT(world.log, IsEmpty());
}

TEST_F(DecisionUnnumberedTest, AnInterfaceThatVanishesEndsTheSessionAndThatOfAnotherIndexBeginsANewOne) {
    start();
    world.establish("tor");
    ASSERT_EQ(status().peers.at(0).status.state, bgp::State::Established);
    world.clear();
    link(std::nullopt);
    EXPECT_THAT(world.wire(), ElementsAre("tor cease"));
    EXPECT_TRUE(peer().address.is_unspecified());
    EXPECT_TRUE(all<ConfigureLinks>(world.log).back().links.empty());
    world.clear();
    link(own_address, 4);
    hear(tor_address);
    EXPECT_EQ(all<ConfigureLinks>(world.log).back().links.at(eth0), net::InterfaceIndex{4});
    EXPECT_EQ(attempts(), 1U);
}

TEST_F(DecisionUnnumberedTest, AnotherAddressOfOursResetsTheSession) {
    start();
    world.establish("tor");
    world.clear();
    link(*net::Ipv6Address::parse("fe80::12"));
    EXPECT_THAT(world.wire(), ElementsAre("tor cease"));
    EXPECT_EQ(peer().source, *net::IpAddress::parse("fe80::12"));
    EXPECT_EQ(peer().address, net::IpAddress{tor_address});
}

TEST_F(DecisionUnnumberedTest, ASecondRouterIsALineOfTheLogAndNoMore) {
    start();
    world.establish("tor");
    world.clear();
    hear(*net::Ipv6Address::parse("fe80::2"));
    hear(*net::Ipv6Address::parse("fe80::2"));
    EXPECT_EQ(all<Notice>(world.log),
              (std::vector{Notice{NoticeKind::PeerNeighborIgnored, "peer=tor", "fe80::2 is a router on eth0 too"}}));
    EXPECT_TRUE(all<ConfigureSpeaker>(world.log).empty());
}

TEST_F(DecisionUnnumberedTest, AReloadThatChangesNothingOfItTouchesNothing) {
    start();
    world.establish("tor");
    world.clear();
    world.load(on_eth0 + vip_dns + vip_www + nginx);
    EXPECT_TRUE(all<ConfigureLinks>(world.log).empty());
    EXPECT_EQ(peer().address, net::IpAddress{tor_address});
    EXPECT_EQ(status().peers.at(0).status.state, bgp::State::Established);
}

TEST_F(DecisionUnnumberedTest, AReloadThatRemovesItClosesItsSocket) {
    start();
    world.establish("tor");
    world.clear();
    world.load(bgp + vip_dns);
    EXPECT_THAT(world.wire(), ElementsAre("tor - 203.0.113.53/32", "tor cease"));
    EXPECT_TRUE(all<ConfigureLinks>(world.log).back().links.empty());
    EXPECT_THAT(all<SendLinkPacket>(world.log), IsEmpty());
}

TEST_F(DecisionUnnumberedTest, AStoppedDaemonIsSilentOnTheLink) {
    start();
    world.feed(StopRequested{"SIGTERM"});
    while (all<StopFinished>(world.log).empty()) world.wait();
    EXPECT_TRUE(all<ConfigureLinks>(world.log).back().links.empty());
    world.clear();
    world.wait_until(world.now + 60s);
    hear(tor_address);
    EXPECT_THAT(all<SendLinkPacket>(world.log), IsEmpty());
}

// Its session ends, and with it goes a neighbour whose advertisements have ended long ago.
TEST_F(DecisionUnnumberedTest, ANeighborThatGoesWithItsSessionIsNoReasonToBeginAnew) {
    start();
    world.establish("tor");
    world.wait_until(world.now + 1h);
    ASSERT_EQ(status().peers.at(0).status.state, bgp::State::Established);
    world.clear();
    world.feed(StopRequested{"SIGTERM"});
    while (all<StopFinished>(world.log).empty()) world.wait();
    EXPECT_THAT(all<ConfigureSpeaker>(world.log), IsEmpty());
    EXPECT_EQ(attempts(), 0U);
    EXPECT_THAT(status().peers, IsEmpty());
}

TEST_F(DecisionUnnumberedTest, ANeighborThatGoesWithItsSessionDoesNotDisturbAReload) {
    start();
    world.establish("tor");
    world.wait_until(world.now + 1h);
    world.clear();
    world.load(on_eth0 + "add_path = \"receive\"\n" + peer_tor_a + vip_dns);
    EXPECT_THAT(world.wire(), ElementsAre("tor cease"));
    EXPECT_TRUE(peer().address.is_unspecified());
    EXPECT_EQ(status().peers.size(), 2U);
}

TEST_F(DecisionUnnumberedTest, BfdGoesToTheNeighborThroughTheInterface) {
    world.load(on_eth0 + "bfd = {}\n" + vip_dns);
    EXPECT_THAT(all<ConfigureBfd>(world.log), IsEmpty());
    link(own_address);
    hear(tor_address);
    ASSERT_EQ(all<ConfigureBfd>(world.log).size(), 1U);
    const auto session = all<ConfigureBfd>(world.log).at(0).sessions.at(0);
    EXPECT_EQ(session.remote, net::IpAddress{tor_address});
    EXPECT_EQ(session.interface, eth0);
    EXPECT_EQ(session.hops, bfd::Hops::Single);
}

}  // namespace
}  // namespace anyvip::daemon
