#include "daemon/transcript.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "anyvip/config/load.hpp"
#include "anyvip/describe.hpp"
#include "anyvip/random.hpp"
#include "support/replay.hpp"

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const TimePoint start{100s};
const std::string odd = "a \"b\" \\ c\nd\x01 =\xc3\xa9";  ///< everything that a text could trip over

net::IpAddress ip(std::string_view text) {
    return net::IpAddress::parse(text).value();
}
net::Prefix prefix(std::string_view text) {
    return net::Prefix::parse(text).value();
}

/// What a recording would hold of the event, read again.
template <class Event>
std::expected<Event, std::string> again(const Event& event) {
    auto lines = details(event, start);
    if (lines.empty()) lines = {anyvip::describe(event)};
    return read_event<Event>(lines, start);
}
template <class Event>
void expect_same(const Event& event) {
    const auto read = again(event);
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(*read, event) << anyvip::describe(event);
}

RouterSetup setup() {
    return {.name = RouterName{"office"},
            .identity = {.virtual_router_id = vrrp::VirtualRouterId{51}, .family = net::Family::Ipv6},
            .interface = net::InterfaceName{"eth1"},
            .config = {.version = vrrp::Version::V2,
                       .priority = vrrp::Priority{254},
                       .advertise_interval = 1250us,
                       .preempt = false,
                       .preempt_delay = 7s,
                       .addresses = {ip("fe80::1"), ip("2001:db8::1")},
                       .source = ip("fe80::2"),
                       .peers = {ip("fe80::3"), ip("fe80::4")},
                       .checksum = vrrp::ChecksumChoice::MessageOnly,
                       .garp_repeat = 3,
                       .garp_delay = 4s,
                       .apply_timeout = 5s},
            .addresses = {{.key = {.interface = net::InterfaceName{"eth1"}, .prefix = prefix("fe80::1/64")},
                           .scope = kernel::Scope::Link,
                           .deprecated = true,
                           .dad = kernel::DadState::Tentative},
                          {.key = {.interface = net::InterfaceName{"lo"}, .prefix = prefix("192.0.2.1/32")},
                           .scope = kernel::Scope::Host,
                           .deprecated = false,
                           .dad = kernel::DadState::DadFailed}}};
}

TEST(Transcript, EveryEventOfTheHeartbeatCanBeReadAgain) {
    const RouterName office{"office"};
    const kernel::Link link{.name = net::InterfaceName{"eth1"},
                            .index = net::InterfaceIndex{7},
                            .admin_up = true,
                            .running = false,
                            .lower_up = true,
                            .mac = net::MacAddress{{0, 0x1b, 2, 3, 4, 0xff}},
                            .mtu = 9000};
    auto second = setup();
    second.name = RouterName{"second"};
    second.config.source.reset();
    second.config.peers.clear();
    second.addresses.clear();
    for (const Heartbeat::Event& event : std::vector<Heartbeat::Event>{
             HeartbeatMail{ConfigureRouters{}},
             HeartbeatMail{ConfigureRouters{{setup(), second}}},
             HeartbeatMail{RouterLease{office, {vrrp::Priority{0}, "", start + 3s + 1us}}},
             HeartbeatMail{RouterLease{office, {std::nullopt, odd, start - 1ns}}},
             HeartbeatMail{RouterAddressesApplied{office, 18446744073709551615U, std::nullopt}},
             HeartbeatMail{RouterAddressesApplied{office, 2, odd}},
             HeartbeatMail{InterfaceChanged{link.name, link, {prefix("192.0.2.5/24"), prefix("fe80::5/64")}}},
             HeartbeatMail{InterfaceChanged{link.name, std::nullopt, {}}},
             HeartbeatMail{ConfigureBfd{}},
             HeartbeatMail{ConfigureBfd{{{.peer = PeerName{"tor-a"},
                                          .remote = ip("fe80::1"),
                                          .source = ip("fe80::2"),
                                          .interface = net::InterfaceName{"eth0"},
                                          .hops = bfd::Hops::Multiple,
                                          .config = {.desired_min_tx_interval = 10ms,
                                                     .required_min_rx_interval = 1250us,
                                                     .detect_mult = 255,
                                                     .passive = true,
                                                     .minimum_ttl = 1}},
                                         {.peer = PeerName{"tor-b"},
                                          .remote = ip("10.0.0.1"),
                                          .source = std::nullopt,
                                          .interface = std::nullopt,
                                          .config = {}}},
                                        {ip("203.0.113.10"), ip("2001:db8::10")}}},
             HeartbeatMail{BfdLease{start + 3s}},
             BfdListenerOpened{{net::Family::Ipv6, bfd::Hops::Multiple}, odd},
             BfdListenerOpened{{net::Family::Ipv4, bfd::Hops::Single}, std::nullopt},
             BfdSenderOpened{bfd::Discriminator{0xa1b2c3d4}, ip("10.0.0.11"), net::InterfaceIndex{3}, std::nullopt},
             BfdSenderOpened{bfd::Discriminator{1}, {}, {}, odd},
             BfdSendFailed{bfd::Discriminator{1}, odd},
             BfdPacketReceived{bfd::Hops::Single, {ip("fe80::9"), ip("fe80::2"), net::InterfaceIndex{3}, 255}, {0x20}},
             HeartbeatMail{StopRouters{}},
             HeartbeatMail{SnapshotRequested{}},
             PacketReceived{office, {ip("192.0.2.9"), ip("224.0.0.18"), 255}, {0x00, 0x7f, 0xff}},
             PacketReceived{office, {ip("fe80::9"), ip("ff02::12"), 1}, {}},
             SocketOpened{office, std::nullopt},
             SocketOpened{office, odd},
             HeartbeatTimerExpired{},
         }) {
        expect_same(event);
    }
}

TEST(Transcript, EveryEventOfTheDecisionLoopCanBeReadAgain) {
    const bgp::ConnectionId connection{5};
    const PeerName tor{"tor-a"};
    const ClientId client{3};
    using Events = std::vector<Decision::Event>;
    for (const Decision::Event& event : Events{
             DecisionMail{HealthChanged{CheckName{"www/10.0.1.21:80"}, health::State::Up, odd}},
             DecisionMail{RouterStateChanged{RouterName{"office"},
                                             vrrp::StateName::Backup,
                                             vrrp::StateName::Initialize,
                                             {vrrp::Cause::ApplyFailed, odd}}},
             DecisionMail{RouterServing{RouterName{"office"}, {}}},
             DecisionMail{RouterServing{RouterName{"office"}, {ip("10.0.0.100"), ip("2001:db8::100")}}},
             DecisionMail{Adopted{2, std::nullopt}},
             DecisionMail{Adopted{2, odd}},
             DecisionMail{FormerRunFound{.left_something = true, .forwarded_ipv4 = true, .forwarded_ipv6 = false}},
             DecisionMail{RoutersStopped{}},
             DecisionMail{
                 BfdStateChanged{tor,
                                 {bfd::SessionState::Up, bfd::SessionState::Down,
                                  bfd::Diagnostic::ReverseConcatenatedPathDown, bfd::SessionState::AdminDown}}},
             DecisionMail{LinkLocalChanged{net::InterfaceName{"eth0"}, net::InterfaceIndex{7},
                                           net::Ipv6Address::parse("fe80::5"), net::MacAddress{{2, 0, 0, 0, 0, 5}}}},
             DecisionMail{LinkLocalChanged{net::InterfaceName{"eth0"}, net::InterfaceIndex{7}, std::nullopt}},
             LinkPacket{net::InterfaceName{"eth0"}, {*net::Ipv6Address::parse("fe80::1"), 255, {134, 0, 0}}},
             DecisionMail{VipAddressesApplied{VipName{"www"}, 4, std::nullopt}},
             DecisionMail{VipAddressesApplied{VipName{"www"}, 4, odd}},
             DecisionMail{ServicesApplied{VipName{"www"}, 4, odd}},
             DecisionMail{Repaired{odd}},
             StopRequested{"SIGTERM"},
             StatusRequested{client},
             RoutesRequested{client},
             DrainCommand{client, vip::NodeTarget{}, true},
             DrainCommand{client, VipName{"www"}, false},
             DrainCommand{client, vip::RealServerTarget{ServerName{"web"}, {ip("2001:db8::1"), 443}}, true},
             DecisionTimerExpired{},
             PeerEvent{
                 tor,
                 bgp::ConnectionOpened{connection, bgp::AttemptId{2}, {ip("10.0.0.1"), 40000}, {ip("10.0.0.2"), 179}}},
             PeerEvent{tor, bgp::ConnectionOpened{connection, std::nullopt, {ip("fe80::1"), 179}, {ip("fe80::2"), 9}}},
             PeerEvent{tor, bgp::ConnectionFailed{bgp::AttemptId{2}, odd}},
             PeerEvent{tor, bgp::ConnectionRefused{odd}},
             PeerEvent{tor, bgp::TransportDiagnosis{odd}},
             PeerEvent{tor, bgp::ConnectionClosed{connection, odd}},
             PeerEvent{tor, bgp::Received{connection, {0xff, 0x00, 0x13}}},
             PeerEvent{tor, bgp::Written{connection, 12345678901U}},
             PeerEvent{tor, bgp::Acknowledged{connection, 12345678901U}},
         }) {
        const auto read = again(event);
        ASSERT_TRUE(read) << read.error();
        EXPECT_EQ(anyvip::describe(*read), anyvip::describe(event));
        EXPECT_EQ(details(*read, start), details(event, start)) << anyvip::describe(event);
    }
}

constexpr const char* configuration = R"([node]
name = "lb1"
[bgp]
asn = 65010
router_id = "10.0.0.11"
[[bgp.peer]]
name = "tor-a"
address = "10.0.0.1"
asn = 65000
password_file = "/etc/anyvip/tor-a.key"
[[check]]
name = "portal"
http = { address = "10.0.1.30", headers = { Authorization = "Bearer moon-shot" } }
[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
track = ["portal"]
[[virtual_server]]
name = "web"
vip = "www"
port = 80
forwarding = "nat"
real_server = [{ address = "10.0.1.21" }]
check = { http = { headers = { X-Token = "moon-shot" } } }
)";

ConfigLoaded loaded() {
    config::Host host{
        .name = "lb1", .source_towards = {}, .read_password = [](const std::string&) { return "moon-shot"; }};
    return {config::parse(configuration, "anyvip.toml", host), ClientId{9}};
}

TEST(Transcript, AConfigurationIsReadAgainFromItsText) {
    const auto event = loaded();
    ASSERT_TRUE(event.result) << config::describe(event.result.error().front());
    const auto read = again(Decision::Event{event});
    ASSERT_TRUE(read) << read.error();
    const auto& same = std::get<ConfigLoaded>(*read);
    EXPECT_EQ(same.client, event.client);
    ASSERT_TRUE(same.result);
    EXPECT_EQ(same.result->bgp->peers.front().password_file, "/etc/anyvip/tor-a.key");
    EXPECT_EQ(same.result->vips, event.result->vips);
    EXPECT_EQ(same.result->node, event.result->node);
}

TEST(Transcript, NeitherPasswordsNorTheHeadersOfChecksAreInIt) {
    const auto event = loaded();
    ASSERT_TRUE(event.result);
    ASSERT_EQ(event.result->bgp->peers.front().password.reveal(), "moon-shot");
    const auto entry = transcript_entry(Decision::Event{event}, Decision::Actions{}, start, start);
    EXPECT_THAT(entry, HasSubstr("X-Token"));
    EXPECT_THAT(entry, Not(HasSubstr("moon-shot")));

    Decision decision{Random{1}};
    const auto actions = decision.handle(event, start);
    EXPECT_THAT(transcript_entry(Decision::Event{event}, actions, start, start), Not(HasSubstr("moon-shot")));
}

TEST(Transcript, ARefusedReloadIsReadAgainWithItsErrors) {
    const ConfigLoaded event{std::unexpected{std::vector<config::Error>{{"/etc/a.toml", 3, 7, "no such", "word"},
                                                                        {"/etc/a.toml", 0, 0, "gone", ""}}},
                             std::nullopt};
    const auto read = again(Decision::Event{event});
    ASSERT_TRUE(read) << read.error();
    const auto& errors = std::get<ConfigLoaded>(*read).result;
    ASSERT_FALSE(errors);
    ASSERT_EQ(errors.error().size(), 2U);
    EXPECT_EQ(config::describe(errors.error()[0]), "/etc/a.toml:3:7: error: no such; did you mean \"word\"?");
    EXPECT_EQ(config::describe(errors.error()[1]), "/etc/a.toml: error: gone");
}

TEST(Transcript, AnEntryIsTheEventWithItsAnswersAndTheOctetsOfBoth) {
    const RouterName office{"office"};
    const Heartbeat::Event event = PacketReceived{office, {ip("192.0.2.9"), ip("224.0.0.18"), 255}, {0x31, 0x33}};
    const Heartbeat::Actions actions{SendPacket{office, ip("192.0.2.5"), ip("224.0.0.18"), {0xab}},
                                     DecisionMail{Repaired{"one\ntwo"}}};
    EXPECT_EQ(
        transcript_entry(event, actions, start + 12345678us, start),
        "@12.345678 > " + anyvip::describe(event) +
            "\n| PacketReceived virtual_router=office source=192.0.2.9 destination=224.0.0.18 ttl=255 bytes=3133\n"
            "< " +
            anyvip::describe(actions[0]) + "\n| ab\n< Repaired one\n  two\n");
}

TEST(Transcript, TimesHaveAsManyDigitsAsTheyNeed) {
    EXPECT_EQ(timestamp(12s), "@12.000");
    EXPECT_EQ(timestamp(1ms), "@0.001");
    EXPECT_EQ(timestamp(61s + 1us), "@61.000001");
}

TEST(Transcript, WhatIsNoEventIsRefusedWithTheReason) {
    const auto error = [](const std::string& line) {
        const auto read = read_event<Decision::Event>({line}, start);
        return read ? "accepted" : read.error();
    };
    EXPECT_EQ(error(""), "no event that can be read: ");
    EXPECT_EQ(error("Start"), "no event that can be read: Start");
    EXPECT_EQ(error("Written peer=a connection=1"), "Written: no octets");
    EXPECT_EQ(error("Written peer=a connection=-1 octets=1"), "Written: not a connection: -1");
    EXPECT_EQ(error("Written peer=a connection=1 octets=1 more=1"), "Written: unknown more");
    EXPECT_EQ(error("Written peer=a connection=1 octets"), "Written: a word without a value: octets");
    EXPECT_EQ(error("Repaired command=\"open"), "Repaired: no end of command");
    EXPECT_EQ(error("Received peer=a connection=1 bytes=abc"), "Received: not a bytes: abc");
    EXPECT_EQ(error("HealthChanged check=c to=Sideways detail=\"\""), "HealthChanged: not a to: Sideways");
    EXPECT_THAT(read_event<Heartbeat::Event>({"ConfigureRouters", "Address interface=lo"}, start).error(),
                HasSubstr("neither a router nor one's address"));
}

// ---- recordings, told again

std::string contents(const std::filesystem::path& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

/// tests/transcripts/daemon/*.txt are files as `anyvipd --record` wrote them, each of one loop from its first event on.
/// With ANYVIP_RECORD set the answers become what they are now, and the difference is reviewed like code.
TEST(Transcript, RecordedSessionsAreAnsweredAsTheyWere) {
    int heartbeats = 0;
    int decisions = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator{std::filesystem::path{ANYVIP_SOURCE_DIR} / "tests/transcripts/daemon"}) {
        SCOPED_TRACE(entry.path().filename().string());
        const auto recorded = contents(entry.path());
        const testing::Recording recording{recorded};
        std::string now;
        if (recording.loop() == "heartbeat") {
            ++heartbeats;
            now = recording.replay(Heartbeat{});
        } else {
            ASSERT_EQ(recording.loop(), "decision") << "what the other loops are told cannot be read";
            ++decisions;
            now = recording.replay(Decision{Random{recording.seed()}});
        }
        if (std::getenv("ANYVIP_RECORD") != nullptr) std::ofstream{entry.path()} << now;
        EXPECT_EQ(now, recorded);
    }
    EXPECT_GE(heartbeats, 1);
    EXPECT_GE(decisions, 1);
}

TEST(Transcript, AnotherAnswerThanTheRecordedOneIsSeen) {
    const std::string recorded =
        "# anyvip 0.1.0 heartbeat seed=1 start=5us\n@0.000 > StopRouters\n< RoutersStopped\n@0.001 > TimerExpired\n";
    EXPECT_EQ(testing::Recording{recorded}.replay(Heartbeat{}), recorded);
    const std::string other =
        "# anyvip 0.1.0 heartbeat seed=1 start=5us\n@0.000 > StopRouters\n@0.001 > TimerExpired\n";
    EXPECT_EQ(testing::Recording{other}.replay(Heartbeat{}), recorded);
}

TEST(Transcript, ARecordingWithAGapIsNotTold) {
    const testing::Recording recording{
        "# anyvip 0.1.0 heartbeat seed=1 start=5us\n# 3 entries lost\n@0.000 > StopRouters\n"};
    EXPECT_THROW((void)recording.replay(Heartbeat{}), std::runtime_error);
}

}  // namespace
}  // namespace anyvip::daemon
