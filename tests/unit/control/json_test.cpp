#include "control/json.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace anyvip::control {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint now{1000s};

net::IpAddress ip(const char* text) {
    return *net::IpAddress::parse(text);
}

daemon::Status empty() {
    daemon::Status status;
    status.node = "lb1";
    status.now = now;
    status.started_at = now - 12345ms;
    return status;
}

/// The part of the JSON that begins with `"name":`, up to the list or end that follows.
std::string member(const std::string& json, const std::string& from, const std::string& to) {
    const auto begin = json.find(from);
    const auto end = json.find(to, begin);
    if (begin == std::string::npos || end == std::string::npos) return json;
    return json.substr(begin, end - begin);
}

TEST(ControlJson, ANodeThatDoesNothingYetHasEveryListAndNoSpeaker) {
    EXPECT_EQ(to_json(empty()),
              R"({"node":"lb1","version":")" ANYVIP_VERSION
              R"(","uptime":12.345,"stopping":false,"drained":false,"bgp":null,)"
              R"("vips":[],"peers":[],"peer_ranges":[],"virtual_routers":[],"virtual_servers":[],"checks":[]})");
}

TEST(ControlJson, TheAnswerWrapsTheStatus) {
    EXPECT_TRUE(answer_status(empty()).starts_with(R"({"ok":true,"status":{"node":"lb1",)"));
}

TEST(ControlJson, ASpeakerHasItsAsnAsANumber) {
    auto status = empty();
    status.asn = config::Asn{4200000001};
    status.router_id = config::RouterId{*net::Ipv4Address::parse("10.0.0.11"), true};
    EXPECT_EQ(member(to_json(status), R"("bgp":)", R"(,"vips")"),
              R"("bgp":{"asn":4200000001,"router_id":"10.0.0.11"})");
}

TEST(ControlJson, AVipTellsItsVerdictAndWhy) {
    auto status = empty();
    daemon::VipStatus vip;
    vip.config.name = VipName{"www"};
    vip.config.address = *net::Prefix::parse("203.0.113.10/32");
    vip.config.interface = net::InterfaceName{"lo"};
    vip.config.announce = {.bgp = true, .vrrp = false};
    vip.verdict = vip::Ineligible{vip::Reason::CheckFailed, "nginx: exit code 1"};
    vip.state = vip::Lifecycle::State::Ready;
    vip.held_until = now + 12s;
    vip.held_down_until = now + 2s;
    vip.flap_penalty = 4100.5;
    vip.config.flap.emplace();
    vip.config.prefix = *net::Prefix::parse("203.0.113.0/24");
    vip.config.bgp.peers = {PeerName{"tor-a"}};
    vip.config.track = {{CheckName{"nginx"}, std::nullopt}};
    status.vips.push_back(vip);
    vip.held_until.reset();
    vip.held_down_until.reset();
    vip.config.flap.reset();
    vip.config.prefix.reset();
    vip.config.bgp.peers.clear();
    vip.config.track = {{CheckName{"uplink"}, std::int16_t{-20}}};
    vip.config.track_bgp_session = true;
    vip.config.services = config::Services::Any;
    vip.drained = true;
    vip.warnings = {"a router hides it"};
    vip.config.name = VipName{"office"};
    vip.config.address = *net::Prefix::parse("2001:db8::10/64");
    vip.config.interface = net::InterfaceName{"eth1"};
    vip.config.announce = {.bgp = true, .vrrp = true};
    vip.config.virtual_router = RouterName{"office"};
    vip.verdict = vip::Eligible{-20};
    vip.state = vip::Lifecycle::State::Announced;
    vip.announced = true;
    vip.kernel_error = "add address: \"x\"";
    vip.config.role = config::Role::Standby;
    vip.stands_by = true;
    vip.others = {.knowledge = vip::Others::Knowledge::Heard, .text = "tor-a: via 10.0.0.1"};
    vip.capacity = vip::Capacity{std::chrono::seconds{10}};
    EXPECT_TRUE(vip.capacity->learn({.serving = 3, .configured = 4}, false, now));
    status.vips.push_back(vip);
    EXPECT_EQ(
        member(to_json(status), R"("vips":)", R"(,"peers":[],"peer_ranges")"),
        R"("vips":[{"name":"www","address":"203.0.113.10/32","interface":"lo","announce":"bgp","virtual_router":null,)"
        R"("verdict":{"eligible":false,"reason":"check_failed","detail":"nginx: exit code 1","priority_adjustment":0},)"
        R"("state":"Ready","announced":false,"held_back_for":12.000,"kernel_error":null,)"
        R"("role":null,"stands_by":false,"others":"unknown","others_detail":"","capacity":null,"drained":false,)"
        R"("prefix":"203.0.113.0/24","peers":["tor-a"],"needs_bgp_session":false,"track":[{"check":"nginx",)"
        R"("weight":null}],"services":"all","held_back_by":"flap","flap":{"penalty":4100.500,"suppress":4000,)"
        R"("reuse":1500},"warnings":[]},)"
        R"({"name":"office","address":"2001:db8::10/64","interface":"eth1","announce":"vrrp+bgp",)"
        R"("virtual_router":"office","verdict":{"eligible":true,"reason":null,"detail":null,"priority_adjustment":-20},)"
        R"("state":"Announced","announced":true,"held_back_for":null,"kernel_error":"add address: \"x\"",)"
        R"("role":"standby","stands_by":true,"others":"heard","others_detail":"tor-a: via 10.0.0.1",)"
        R"("capacity":{"serving":3,"configured":4,"told":3},)"
        R"("drained":true,"prefix":"2001:db8::10/128","peers":[],"needs_bgp_session":true,)"
        R"("track":[{"check":"uplink","weight":-20}],"services":"any","held_back_by":null,"flap":null,)"
        R"("warnings":["a router hides it"]}])");
}

TEST(ControlJson, AHoldDownIsNoFlap) {
    auto status = empty();
    daemon::VipStatus vip;
    vip.held_until = now + 12s;
    vip.held_down_until = now + 12s;
    status.vips.push_back(vip);
    EXPECT_NE(to_json(status).find(R"("held_back_by":"hold_down","flap":null)"), std::string::npos);
}

TEST(ControlJson, RoutesTellWhatWasSentAndWhatWasReceived) {
    daemon::Routes routes{.now = now, .announcements = {}, .received = {}};
    const auto www = *net::Prefix::parse("203.0.113.10/32");
    routes.announcements = {
        {VipName{"www"},
         www,
         PeerName{"tor-a"},
         {.desired = true, .withheld = {}, .sent = true, .acknowledged = true},
         bgp::RouteAttributes{.extended_communities = {*bgp::ExtendedCommunity::parse("rt:65010:100")}, .med = 50}},
        {VipName{"www"},
         www,
         PeerName{"tor-b"},
         {.desired = true, .withheld = bgp::Withheld::NoNextHop},
         {},
         "it is deaf"}};
    daemon::ReceivedStatus received{.peer = PeerName{"tor-a"}, .accepted = 1, .max_prefixes = 100};
    auto& route = received.routes[{*net::Prefix::parse("0.0.0.0/0"), 7}];
    route.since = now - 3s;
    route.attributes.next_hop = ip("10.0.0.1");
    route.attributes.as_path = bgp::AsPath::sequence({bgp::Asn{65000}});
    route.attributes.med = 5;
    route.attributes.communities = {bgp::no_export_community};
    received.examples[*net::Prefix::parse("10.0.0.0/8")] = {
        .why = bgp::Refusal::Malformed, .detail = "MULTI_EXIT_DISC", .since = now - 4s};
    received.refused[static_cast<std::size_t>(bgp::Refusal::Malformed)] = 9;
    routes.received = {received};
    EXPECT_EQ(answer_routes(routes),
              R"({"ok":true,"routes":{"announcements":[)"
              R"({"vip":"www","prefix":"203.0.113.10/32","peer":"tor-a","desired":true,"withheld":null,"sent":true,)"
              R"("acknowledged":true,"attributes":"med=50 rt:65010:100","warning":null},)"
              R"({"vip":"www","prefix":"203.0.113.10/32","peer":"tor-b","desired":true,"withheld":"no_next_hop",)"
              R"("sent":false,"acknowledged":false,"attributes":null,"warning":"it is deaf"}],)"
              R"("received":[{"peer":"tor-a","accepted":1,"max_prefixes":100,"refused":{"treated_as_withdrawn":9,)"
              R"("leak":0,"own_as":0,"own_router_id":0,"too_large":0,"policy":0,"max_prefixes":0},"routes":[)"
              R"({"prefix":"0.0.0.0/0","path_id":7,"accepted":true,"refused":null,"age":3.000,"detail":null,)"
              R"("stale":false,"next_hop":"10.0.0.1","as_path":"65000","origin":"igp","med":5,"local_pref":null,)"
              R"("communities":["no-export"],"large_communities":[],"extended_communities":[]},)"
              R"({"prefix":"10.0.0.0/8","path_id":0,"accepted":false,"refused":"treated_as_withdrawn","age":4.000,)"
              R"("detail":"MULTI_EXIT_DISC","stale":false,"next_hop":null,"as_path":null,"origin":null,"med":null,)"
              R"("local_pref":null,"communities":[],"large_communities":[],"extended_communities":[]}]}]}})");
}

TEST(ControlJson, AnEstablishedPeerTellsItsSession) {
    auto status = empty();
    daemon::PeerStatus peer{
        .name = PeerName{"tor-a"}, .address = ip("10.0.0.1"), .peer_as = bgp::Asn{65000}, .status = {}};
    auto& core = peer.status;
    core.state = bgp::State::Established;
    core.since = now - 90s;
    core.started = true;
    core.established = now - 90s;
    core.local = net::Endpoint{ip("10.0.0.11"), 40001};
    core.remote = net::Endpoint{ip("10.0.0.1"), 179};
    core.negotiated.emplace();
    core.negotiated->hold_time = 9s;
    core.negotiated->peer_as = bgp::Asn{65000};
    core.negotiated->peer_id = *net::Ipv4Address::parse("192.0.2.1");
    core.negotiated->ipv4 = true;
    core.routes_wanted = 3;
    core.routes_announced = 2;
    core.routes_withheld = {{bgp::Withheld::NoNextHop, 1}};
    core.last_error = bgp::Reason{bgp::Reason::Kind::HoldTimerExpired, std::nullopt, ""};
    core.last_error_at = now - 100500ms;
    core.offered = {bgp::RouteRefreshCapability{}, bgp::FullyQualifiedDomainName{"tor-a", ""}};
    core.unacknowledged = 77;
    core.kept = bgp::Kept{.families = {.ipv4 = true, .ipv6 = false}, .long_lived = {}, .routes = 2, .until = now + 20s};
    core.unacknowledged_since = now - 5s;
    core.said_as = bgp::Asn{65000};
    peer.signature = daemon::PeerStatus::Signature::TcpMd5;
    core.last_sent = bgp::Said{bgp::hold_timer_expired(), now - 100500ms};
    core.last_received = bgp::Said{bgp::cease(bgp::CeaseSubcode::AdministrativeShutdown, "upgrade"), now - 200s};
    core.counters = {.messages_in = 1,
                     .messages_out = 2,
                     .updates_in = 3,
                     .updates_out = 4,
                     .sessions = 5,
                     .connections_refused = 6};
    status.peers.push_back(peer);
    EXPECT_EQ(member(to_json(status), R"("peers":)", R"(,"peer_ranges")"),
              R"("peers":[{"name":"tor-a","range":null,"address":"10.0.0.1","asn":65000,"configured_asn":65000,)"
              R"("state":"Established","started":true,"waits_for_bfd":false,"since":90.000,"uptime":90.000,)"
              R"("local":"10.0.0.11:40001","remote":"10.0.0.1:179",)"
              R"("router_id":"192.0.2.1","hold_time":9.000,"ipv4":true,"ipv6":false,)"
              R"("negotiated":"as=65000 id=192.0.2.1 hold_time=9s external ipv4",)"
              R"("offered":["route-refresh","fqdn tor-a"],)"
              R"("kept":{"routes":2,"families":"ipv4","long_lived":false,"time_left":20.000},)"
              R"("unacknowledged_octets":77,)"
              R"("routes_wanted":3,"routes_announced":2,"routes_withheld":{"no_next_hop":1},)"
              R"("last_error":"hold timer expired","last_error_age":100.500,"last_error_kind":"hold_timer_expired",)"
              R"("last_sent":{"text":"Hold Timer Expired","code":4,"subcode":0,"age":100.500},)"
              R"("last_received":{"text":"Cease / Administrative Shutdown \"upgrade\"","code":6,"subcode":2,)"
              R"("age":200.000},"signature":"tcp_md5","said_asn":65000,"updates_unacknowledged_for":5.000,)"
              R"("counters":{"messages_in":1,"messages_out":2,"updates_in":3,"updates_out":4,"sessions":5,)"
              R"("connections_refused":6},"bfd":null,"link":null}])");
}

TEST(ControlJson, ARangeTellsHowManyItHasAndWhomItTurnedAway) {
    auto status = empty();
    status.peer_ranges.push_back({.name = PeerName{"rack"},
                                  .range = *net::Prefix::parse("10.0.0.0/24"),
                                  .peer_as = bgp::ExternalAs{},
                                  .limit = 100,
                                  .instances = 3,
                                  .established = 2,
                                  .refused = 7,
                                  .last_error = "all 100 sessions of the range are taken",
                                  .last_error_at = now - 5s});
    status.peers.push_back({.name = PeerName{"rack/10.0.0.7"},
                            .range = PeerName{"rack"},
                            .address = ip("10.0.0.7"),
                            .peer_as = bgp::ExternalAs{},
                            .status = {}});
    const auto text = to_json(status);
    EXPECT_EQ(member(text, R"("peer_ranges":)", R"(,"virtual_routers")"),
              R"("peer_ranges":[{"name":"rack","range":"10.0.0.0/24","configured_asn":"external","limit":100,)"
              R"("instances":3,"established":2,"refused":7,)"
              R"("last_error":"all 100 sessions of the range are taken","last_error_age":5.000}])");
    EXPECT_NE(text.find(R"({"name":"rack/10.0.0.7","range":"rack","address":"10.0.0.7",)"), std::string::npos) << text;
}

TEST(ControlJson, AnUnnumberedPeerTellsWhoIsOnItsLink) {
    auto status = empty();
    daemon::PeerStatus peer{
        .name = PeerName{"tor"}, .address = ip("fe80::1"), .peer_as = bgp::ExternalAs{}, .status = {}};
    auto& link = peer.link.emplace();
    link.interface = net::InterfaceName{"eth0"};
    link.core.own = ip("fe80::11").v6();
    link.core.neighbor = ip("fe80::1").v6();
    link.core.heard_at = now - 3s;
    link.core.sent = 4;
    link.core.received = 5;
    link.core.discarded = 1;
    link.core.last_discard = bgp::nd::Discard::HopLimitNot255;
    status.peers.push_back(peer);
    EXPECT_EQ(member(to_json(status), R"("link":{)", R"(}],"peer_ranges")"),
              R"("link":{"interface":"eth0","local":"fe80::11","neighbor":"fe80::1","heard":3.000,)"
              R"("another_neighbor":null,"sent":4,"received":5,"discarded":1,)"
              R"("last_discard":"hop limit is not 255"})");
}

TEST(ControlJson, APeerWithBfdTellsItsSession) {
    auto status = empty();
    daemon::PeerStatus peer{
        .name = PeerName{"tor-a"}, .address = ip("10.0.0.1"), .peer_as = bgp::ExternalAs{}, .status = {}};
    daemon::BfdSessionSnapshot session{.peer = peer.name,
                                       .hops = bfd::Hops::Multiple,
                                       .local = ip("10.0.0.11"),
                                       .socket_error = std::nullopt,
                                       .status = {}};
    session.status = {.state = bfd::SessionState::Up,
                      .since = now - 2s,
                      .remote_state = bfd::SessionState::Up,
                      .transmit_interval = 300ms,
                      .receive_interval = 50ms,
                      .detection_time = 150ms,
                      .last_failure = bfd::Diagnostic::ControlDetectionTimeExpired,
                      .last_failure_at = now - 5s};
    session.status.counters.packets_sent = 7;
    session.status.counters.discarded.at(static_cast<std::size_t>(bfd::DiscardReason::TtlTooLow)) = 3;
    peer.bfd.emplace().core = session;
    status.peers.push_back(peer);
    EXPECT_EQ(member(to_json(status), R"("bfd":{)", R"(,"link":null)"),
              R"("bfd":{"state":"Up","since":2.000,"diagnostic":"No Diagnostic","held_down":false,)"
              R"("hops":"multihop","local":"10.0.0.11","socket_error":null,"remote_state":"Up",)"
              R"("remote_diagnostic":"No Diagnostic","transmit_interval_ms":300.000,"receive_interval_ms":50.000,)"
              R"("detection_time_ms":150.000,"polling":false,"last_failure":"Control Detection Time Expired",)"
              R"("last_failure_age":5.000,"counters":{"packets_sent":7,"packets_received":0,"times_up":0,)"
              R"("times_failed":0,"late_wakeups":0,"discarded":{"truncated":0,"version_mismatch":0,)"
              R"("length_too_small":0,"length_exceeds_payload":0,"zero_detect_mult":0,"multipoint":0,)"
              R"("zero_my_discriminator":0,"zero_your_discriminator":0,"bad_authentication_section":0,)"
              R"("unknown_your_discriminator":0,"authentication_mismatch":0,"ttl_too_low":3}}})");
}

TEST(ControlJson, WithoutAnAnswerOfTheHeartbeatTheMembersOfBfdAreNull) {
    auto status = empty();
    daemon::PeerStatus peer{
        .name = PeerName{"tor-a"}, .address = ip("10.0.0.1"), .peer_as = bgp::ExternalAs{}, .status = {}};
    peer.bfd.emplace();
    status.peers.push_back(peer);
    EXPECT_NE(to_json(status).find(R"("bfd":{"state":null,"since":null,)"), std::string::npos);
}

TEST(ControlJson, APeerOfOurOwnAsIsConfiguredAsInternal) {
    auto status = empty();
    status.peers.push_back(
        {.name = PeerName{"rr"}, .address = ip("10.0.0.3"), .peer_as = bgp::InternalAs{}, .status = {}});
    EXPECT_NE(to_json(status).find(R"("asn":null,"configured_asn":"internal",)"), std::string::npos);
}

TEST(ControlJson, APeerWithoutASessionHasNulls) {
    auto status = empty();
    daemon::PeerStatus peer{
        .name = PeerName{"tor-a"}, .address = ip("10.0.0.1"), .peer_as = bgp::ExternalAs{}, .status = {}};
    peer.status.since = now - 1s;
    status.peers.push_back(peer);
    const auto json = to_json(status);
    EXPECT_NE(
        json.find(
            R"("asn":null,"configured_asn":"external","state":"Idle","started":false,"waits_for_bfd":false,"since":1.000,)"
            R"("uptime":null,"local":null,"remote":null,"router_id":null,"hold_time":null,"ipv4":null,"ipv6":null,)"
            R"("negotiated":null,"offered":[],"kept":null,"unacknowledged_octets":0,)"),
        std::string::npos)
        << json;
    EXPECT_NE(
        json.find(
            R"("routes_withheld":{},"last_error":null,"last_error_age":null,"last_error_kind":null,"last_sent":null,)"
            R"("last_received":null,"signature":null,"said_asn":null,"updates_unacknowledged_for":null)"),
        std::string::npos)
        << json;
}

daemon::RouterStatus router() {
    daemon::RouterStatus router;
    router.config.name = RouterName{"office"};
    router.config.interface = net::InterfaceName{"eth1"};
    router.config.vrid = config::Vrid{51};
    router.state = vrrp::StateName::Backup;
    router.reason = {vrrp::Cause::HigherPriority, ""};
    router.verdict = vip::Eligible{};
    return router;
}

TEST(ControlJson, AVirtualRouterTellsWhoIsActiveAndCountsByName) {
    auto status = empty();
    auto office = router();
    office.core.emplace();
    vrrp::Backup backup;
    backup.active_router = ip("10.1.0.2");
    office.core->state = backup;
    office.core->priority = vrrp::Priority{150};
    office.core->source = ip("10.1.0.1");
    office.core->counters.advertisements_received = 7;
    office.core->counters.discarded[6] = 2;  // BadChecksum is the seventh.
    status.routers.push_back(office);
    const auto json = to_json(status);
    EXPECT_EQ(member(json, R"("virtual_routers":)", R"(,"counters")"),
              R"("virtual_routers":[{"name":"office","interface":"eth1","vrid":51,"family":"ipv4","version":3,)"
              R"("state":"Backup","reason":"higher priority heard","serving":false,)"
              R"("verdict":{"eligible":true,"reason":null,"detail":null,"priority_adjustment":0},"track":[],)"
              R"("priority":150,"source":"10.1.0.1","active_router":"10.1.0.2")");
    EXPECT_NE(json.find(R"("advertisements_received":7,)"), std::string::npos) << json;
    EXPECT_NE(json.find(R"("bad_checksum":2,"wrong_destination":0,)"), std::string::npos) << json;
}

TEST(ControlJson, AVirtualRouterWhoseLoopDidNotAnswerHasNulls) {
    auto status = empty();
    status.routers.push_back(router());
    EXPECT_NE(to_json(status).find(R"("priority":null,"source":null,"active_router":null,"counters":null}])"),
              std::string::npos);
}

TEST(ControlJson, ARealServerIsUpDownUnknownOrDrained) {
    auto status = empty();
    daemon::ServerStatus server;
    server.config.name = ServerName{"www-https"};
    server.config.vip = VipName{"www"};
    server.config.port = 443;
    server.config.scheduler = ipvs::Scheduler{"mh"};
    server.config.forwarding = ipvs::Forwarding::DirectRouting;
    server.address = ip("203.0.113.10");
    server.pool = {.healthy = 1, .configured = 4, .quorum = 2};
    const auto add = [&](const char* address, vip::RealServerWish wish, std::optional<vip::CheckFact> check,
                         bool drained = false) {
        const net::Endpoint endpoint{ip(address), 443};
        server.config.real_servers.push_back({endpoint, ipvs::Weight{5}});
        server.real_servers.push_back(
            {.address = endpoint, .wish = wish, .drained = drained, .check = std::move(check)});
    };
    add("10.0.1.21", vip::Present{5}, std::nullopt);
    add("10.0.1.22", vip::Absent{}, vip::CheckFact{vip::Health::Down, "connection refused"});
    add("10.0.1.23", vip::AsItIs{}, vip::CheckFact{});
    add("10.0.1.24", vip::Present{0}, vip::CheckFact{vip::Health::Up, ""}, true);
    status.servers.push_back(server);
    EXPECT_EQ(
        member(to_json(status), R"("virtual_servers":)", R"(,"checks")"),
        R"("virtual_servers":[{"name":"www-https","vip":"www","address":"203.0.113.10","port":443,"protocol":"tcp",)"
        R"("scheduler":"mh","forwarding":"dr","quorum":2,"healthy":1,"configured":4,"when_empty":"withdraw",)"
        R"("real_servers":[)"
        R"({"address":"10.0.1.21:443","weight":5,"wished_weight":5,"state":"up","detail":""},)"
        R"({"address":"10.0.1.22:443","weight":5,"wished_weight":null,"state":"down","detail":"connection refused"},)"
        R"({"address":"10.0.1.23:443","weight":5,"wished_weight":null,"state":"unknown","detail":""},)"
        R"({"address":"10.0.1.24:443","weight":5,"wished_weight":0,"state":"drained","detail":""}]}])");
}

TEST(ControlJson, ACheckHasItsHistoryAndWhatTheTargetSaidIsValidUtf8) {
    auto status = empty();
    daemon::CheckStatus check{.name = CheckName{"nginx"}, .fact = {vip::Health::Down, "as mailed"}, .core = {}};
    status.checks.push_back(check);
    check.core.emplace();
    check.core->state = health::State::Down;
    check.core->since = now - 1500ms;
    check.core->reason = health::Failure{health::FailureReason::UnexpectedStatus, "503 \xff"};
    check.core->last = health::Success{"200"};
    check.core->last_duration = 12500us;
    check.core->successes = 1;
    check.core->history = {{.started = now - 2s, .duration = 1ms, .kind = health::ResultKind::Failure},
                           {.started = now - 250ms, .duration = 12500us, .kind = health::ResultKind::Success}};
    status.checks.push_back(check);
    const auto json = to_json(status);
    EXPECT_EQ(json.substr(json.find(R"("checks":)")),
              R"("checks":[{"name":"nginx","state":"down","detail":"as mailed","since":null,"last":null,)"
              R"("last_duration_ms":null,"successes":null,"failures":null,"history":[]},)"
              "{\"name\":\"nginx\",\"state\":\"down\",\"detail\":\"unexpected status (503 \xef\xbf\xbd)\","
              "\"since\":1.500,\"last\":\"success (200)\","
              R"("last_duration_ms":12.500,"successes":1,"failures":0,)"
              R"("history":[{"result":"failure","age":2.000,"duration_ms":1.000},)"
              R"({"result":"success","age":0.250,"duration_ms":12.500}]}]})");
}

}  // namespace
}  // namespace anyvip::control
