#include "cli/table.hpp"

#include <gtest/gtest.h>

#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "cli/answer.hpp"

namespace anyvip::cli {
namespace {

boost::json::object status(const std::string& json) {
    return boost::json::parse(json).as_object();
}

TEST(Table, ColumnsAreAsWideAsWhatIsInThem) {
    Table table{{"A", "LONG", "LAST"}};
    table.add({{"one"}, {"x"}, {"end"}});
    table.add({{"1"}, {"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"}, {"end"}});
    EXPECT_EQ(table.render({}),
              "A    LONG   LAST\n"
              "one  x      end\n"
              "1    \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9  end\n");
}

TEST(Table, TheLastColumnGoesOnBelowItself) {
    Table table{{"A", "WHY"}};
    table.add({{"x"}, {"twelve chars and then some more words here"}});
    table.add({{"y"}, {"abcdefghijklmnopqrstuvwxyz"}});
    EXPECT_EQ(table.render({.width = 23, .colour = false}),
              "A  WHY\n"
              "x  twelve chars and\n"
              "   then some more words\n"
              "   here\n"
              "y  abcdefghijklmnopqrst\n"
              "   uvwxyz\n");
}

TEST(Table, ColourIsForTerminalsAndDoesNotCountAsWidth) {
    Table table{{"A", "B"}};
    table.add({{"up", Tone::Good}, {"x", Tone::Bad}});
    EXPECT_EQ(table.render({.width = 80, .colour = true}),
              "\033[1mA\033[0m   \033[1mB\033[0m\n"
              "\033[32mup\033[0m  \033[31mx\033[0m\n");
}

TEST(Table, ControlCharactersDoNotReachTheTerminal) {
    Table table{{"A"}};
    table.add(
        {{"a\033[2Jb\nc\x7f\xc2\x9b"
          "d"}});
    EXPECT_EQ(table.render({}), "A\na?[2Jb?c??d\n");
}

TEST(Table, WithoutRowsThereIsNothing) {
    EXPECT_EQ(Table{{"A"}}.render({}), "");
}

TEST(Tables, AVipShowsItsVerdictAndTheKernelsRefusal) {
    EXPECT_EQ(vip_table(status(R"({"vips":[
        {"name":"www","address":"203.0.113.10/32","announce":"bgp","state":"Announced",
         "verdict":{"eligible":true,"reason":null,"detail":null,"priority_adjustment":0},"kernel_error":null},
        {"name":"api","address":"203.0.113.11/32","announce":"bgp","state":"Ready",
         "verdict":{"eligible":false,"reason":"check_failed","detail":"nginx: exit code 1","priority_adjustment":0},
         "kernel_error":"add address: Operation not permitted"},
        {"name":"office","address":"10.1.0.100/24","announce":"vrrp","state":"Ready",
         "verdict":{"eligible":true,"reason":null,"detail":null,"priority_adjustment":-20},"kernel_error":null}]})"),
                        {}),
              "VIP     ADDRESS          ANNOUNCE  STATE      VERDICT\n"
              "www     203.0.113.10/32  bgp       Announced  eligible\n"
              "api     203.0.113.11/32  bgp       Ready      check failed: nginx: exit code 1;\n"
              "                                              kernel: add address: Operation not\n"
              "                                              permitted\n"
              "office  10.1.0.100/24    vrrp      Ready      eligible, priority -20\n");
}

TEST(Tables, APeerShowsItsRoutesAndItsLastError) {
    EXPECT_EQ(peer_table(status(R"({"peers":[
        {"name":"tor-a","address":"10.0.0.1","asn":65000,"configured_asn":"external","state":"Established",
         "since":7380.5,"local":"10.0.0.11:40001","routes_wanted":2,"routes_announced":1,
         "routes_withheld":{"no_next_hop":1},
         "last_error":null,"last_error_age":null},
        {"name":"tor-b","address":"10.0.0.2","asn":null,"configured_asn":65001,"state":"Active","since":3.25,
         "local":null,"routes_wanted":2,"routes_announced":0,"routes_withheld":{},
         "last_error":"hold timer expired","last_error_age":61}]})"),
                         {}),
              "PEER   ADDRESS   AS     STATE        FOR    ROUTES  REMARKS\n"
              "tor-a  10.0.0.1  65000  Established  2h 3m  1/2     from 10.0.0.11:40001; 1\n"
              "                                                    withheld: no next hop\n"
              "tor-b  10.0.0.2  65001  Active       3.2s   0/2     hold timer expired (1m 1s\n"
              "                                                    ago)\n");
}

TEST(Tables, AnUnnumberedPeerShowsItsLinkAndWhatItWaitsFor) {
    EXPECT_EQ(peer_table(status(R"({"peers":[
        {"name":"a","address":"fe80::1","asn":65000,"configured_asn":"external","state":"Established","since":2,
         "local":"fe80::11","routes_wanted":2,"routes_announced":2,"routes_withheld":{},"last_error":null,
         "link":{"interface":"eth0","local":"fe80::11","neighbor":"fe80::1","another_neighbor":"fe80::9"}},
        {"name":"b","address":"::","asn":null,"configured_asn":"external","state":"Active","since":2,
         "local":null,"routes_wanted":2,"routes_announced":0,"routes_withheld":{},"last_error":null,
         "link":{"interface":"eth1","local":"fe80::12","neighbor":null,"another_neighbor":null,
                 "last_discard":"hop limit is not 255"}},
        {"name":"c","address":"::","asn":null,"configured_asn":"external","state":"Active","since":2,
         "local":null,"routes_wanted":2,"routes_announced":0,"routes_withheld":{},"last_error":null,
         "link":{"interface":"eth2","local":null,"neighbor":null,"another_neighbor":null}}]})"),
                         {.width = 140, .colour = false}),
              "PEER  ADDRESS       AS        STATE        FOR   ROUTES  REMARKS\n"
              "a     fe80::1%eth0  65000     Established  2.0s  2/2     from fe80::11; another router: fe80::9\n"
              "b     -%eth1        external  Active       2.0s  0/2     no router advertisement heard on eth1; "
              "discarded: hop limit is not 255\n"
              "c     -%eth2        external  Active       2.0s  0/2     eth2 has no link-local address, or is not "
              "there\n");
}

TEST(Tables, ARangeShowsItsSessionsAndWhomItTurnedAway) {
    EXPECT_EQ(range_table(status(R"({"peer_ranges":[
        {"name":"rack","range":"10.0.0.0/24","configured_asn":"external","limit":100,"instances":3,"established":2,
         "refused":7,"last_error":"all 100 sessions are taken","last_error_age":5}]})"),
                          {.width = 100, .colour = false}),
              "RANGE  ADDRESSES    AS        SESSIONS  KNOWN  REFUSED  REMARKS\n"
              "rack   10.0.0.0/24  external  2/100     3      7        all 100 sessions are taken (5.0s ago)\n");
}

TEST(Tables, BfdShowsWhatWasNegotiatedAndWhyItIsDown) {
    EXPECT_EQ(bfd_table(status(R"({"peers":[
        {"name":"tor-a","bfd":{"state":"Up","since":7380.5,"diagnostic":"No Diagnostic","held_down":false,
         "hops":"single_hop","socket_error":null,"remote_state":"Up","transmit_interval_ms":300,
         "receive_interval_ms":50,"detection_time_ms":150,"last_failure":"Control Detection Time Expired",
         "last_failure_age":61}},
        {"name":"tor-b","bfd":{"state":"Down","since":3.25,"diagnostic":"Neighbor Signaled Session Down",
         "held_down":false,"hops":"multihop","socket_error":null,"remote_state":"AdminDown","transmit_interval_ms":1000,
         "receive_interval_ms":300,"detection_time_ms":0,"last_failure":null}},
        {"name":"tor-c","bfd":null},
        {"name":"tor-d","bfd":{"state":"AdminDown","since":3,"held_down":true,"diagnostic":"No Diagnostic",
         "socket_error":"bind: Address already in use"}}]})"),
                        {.width = 100, .colour = false}),
              "BFD    STATE      FOR    SEND   RECEIVE  DETECT  REMARKS\n"
              "tor-a  Up         2h 3m  300ms  50ms     150ms   failed: Control Detection Time Expired (1m 1s ago)\n"
              "tor-b  Down       3.2s   1.0s   300ms    -       multihop; Neighbor Signaled Session Down; the peer\n"
              "                                                 is AdminDown\n"
              "tor-d  AdminDown  3.0s   -      -        -       held down: the decision loop does not answer;\n"
              "                                                 socket: bind: Address already in use\n");
}

TEST(Tables, AVirtualRouterShowsWhoIsActive) {
    EXPECT_EQ(router_table(status(R"({"virtual_routers":[
        {"name":"office","interface":"eth1","vrid":51,"family":"ipv4","state":"Backup","reason":"started",
         "serving":false,"priority":100,"active_router":"10.1.0.2","verdict":{"eligible":true}},
        {"name":"lab","interface":"eth1","vrid":52,"family":"ipv6","state":"Active","serving":false,
         "reason":"Active_Down_Timer expired","priority":null,"active_router":null,"verdict":{"eligible":true}}]})"),
                           {.width = 100, .colour = false}),
              "VIRTUAL ROUTER  INTERFACE  VRID  FAMILY  STATE   PRIO  REASON\n"
              "office          eth1       51    ipv4    Backup  100   started; Active is 10.1.0.2\n"
              "lab             eth1       52    ipv6    Active  -     Active_Down_Timer expired; addresses not\n"
              "                                                       confirmed yet\n");
}

TEST(Tables, AVirtualServerHasItsRealServersBelowIt) {
    EXPECT_EQ(server_table(status(R"({"virtual_servers":[
        {"name":"www-https","vip":"www","address":"203.0.113.10","port":443,"protocol":"tcp","scheduler":"mh",
         "forwarding":"dr","quorum":1,"healthy":1,"configured":2,"real_servers":[
          {"address":"10.0.1.21:443","weight":1,"state":"up","detail":""},
          {"address":"10.0.1.22:443","weight":1,"state":"down","detail":"connection refused"}]},
        {"name":"six","vip":"six","address":"2001:db8::10","port":80,"protocol":"tcp","scheduler":"wlc",
         "forwarding":"nat","quorum":1,"healthy":0,"configured":0,"real_servers":[]}]})"),
                           {.width = 100, .colour = false}),
              "SERVER     ADDRESS                WEIGHT  STATE  DETAIL\n"
              "www-https  203.0.113.10:443 tcp           1/2    mh dr, quorum 1, VIP www\n"
              "           10.0.1.21:443          1       up\n"
              "           10.0.1.22:443          1       down   connection refused\n"
              "six        [2001:db8::10]:80 tcp          0/0    wlc nat, quorum 1, VIP six\n");
}

TEST(Tables, ACheckShowsItsNewestTenResults) {
    EXPECT_EQ(check_table(status(R"({"checks":[
        {"name":"nginx","state":"down","since":12.5,"last_duration_ms":35.2,"detail":"exit code 1","history":[
          {"result":"success"},{"result":"success"},{"result":"success"},{"result":"success"},{"result":"success"},
          {"result":"success"},{"result":"success"},{"result":"could_not_run"},{"result":"failure"},
          {"result":"failure"},{"result":"failure"}]},
        {"name":"new","state":"unknown","since":null,"last_duration_ms":null,"detail":"","history":[]}]
})"),
                          {}),
              "CHECK  STATE    FOR  TOOK  HISTORY     DETAIL\n"
              "nginx  down     12s  35ms  ++++++?---  exit code 1\n"
              "new    unknown  -    -\n");
}

TEST(Tables, WhatADaemonOfAnotherAgeDoesNotSayIsADash) {
    EXPECT_EQ(vip_table(status(R"({"vips":[{"name":"www"},17]})"), {}),
              "VIP  ADDRESS  ANNOUNCE  STATE  VERDICT\n"
              "www  -        -         -      -\n");
    EXPECT_EQ(overview(status("{}"), {}), "node -, anyvipd -, up -\n");
    EXPECT_EQ(check_table(status(R"({"checks":7})"), {}), "");
}

TEST(Tables, TheOverviewHasTheNodeAndTheTablesThatHaveRows) {
    EXPECT_EQ(overview(status(R"({"node":"lb1","version":"0.1.0","uptime":273600.0,"stopping":false,"drained":true,
        "bgp":{"asn":65010,"router_id":"10.0.0.11"},"vips":[],"peers":[],"virtual_routers":[],"virtual_servers":[],
        "checks":[{"name":"nginx","state":"up","since":1,"last_duration_ms":2,"detail":"ok","history":[]}]})"),
                       {}),
              "node lb1, anyvipd 0.1.0, up 3d 4h, AS 65010, router id 10.0.0.11, drained\n"
              "\n"
              "CHECK  STATE  FOR   TOOK  HISTORY  DETAIL\n"
              "nginx  up     1.0s  2ms            ok\n");
}

TEST(Tables, ANodeIsHealthyWhenEveryVipIsEligibleAndInTheKernel) {
    EXPECT_TRUE(is_healthy(status(R"({"vips":[]})")));
    EXPECT_TRUE(is_healthy(status(R"({"vips":[{"verdict":{"eligible":true},"kernel_error":null}]})")));
    EXPECT_FALSE(is_healthy(status(R"({"vips":[{"verdict":{"eligible":false},"kernel_error":null}]})")));
    EXPECT_FALSE(is_healthy(status(R"({"vips":[{"verdict":{"eligible":true},"kernel_error":"no"}]})")));
}

TEST(Age, HasTwoUnitsAtMost) {
    EXPECT_EQ(answer::age(0), "0ms");
    EXPECT_EQ(answer::age(0.35), "350ms");
    EXPECT_EQ(answer::age(4.26), "4.2s");
    EXPECT_EQ(answer::age(59.9), "59s");
    EXPECT_EQ(answer::age(60), "1m");
    EXPECT_EQ(answer::age(200), "3m 20s");
    EXPECT_EQ(answer::age(18720), "5h 12m");
    EXPECT_EQ(answer::age(273600), "3d 4h");
    EXPECT_EQ(answer::age(-1), "0ms");
}

TEST(Tables, APeerThatWaitsForBfdSaysSo) {
    const auto of_peer = [](const std::string& waits) {
        return peer_table(status(R"({"peers":[{"name":"tor-a","address":"10.0.0.1","asn":65000,"state":"OpenSent",
            "since":5.0,"routes_wanted":1,"routes_announced":0,"routes_withheld":{},"last_error":null,
            "waits_for_bfd":)" + waits +
                                 "}]}"),
                          {});
    };
    EXPECT_NE(of_peer("true").find("waits for BFD"), std::string::npos);
    EXPECT_EQ(of_peer("false").find("waits for BFD"), std::string::npos);
}

TEST(Tables, WhatAPeerWasToldOfAVip) {
    const auto routes = status(R"({"announcements":[
        {"vip":"www","prefix":"203.0.113.10/32","peer":"tor-a","desired":true,"withheld":null,"sent":true,
         "acknowledged":true,"attributes":"med=50 rt:65010:100"},
        {"vip":"www","prefix":"203.0.113.10/32","peer":"tor-b","desired":true,"withheld":"no_next_hop","sent":false,
         "acknowledged":false,"attributes":null}]})");
    EXPECT_EQ(announcement_table(routes, {}),
              "VIP  PREFIX           PEER   DESIRED  SENT             ACKNOWLEDGED  ATTRIBUTES\n"
              "www  203.0.113.10/32  tor-a  yes      yes              yes           med=50 rt:65010:100\n"
              "www  203.0.113.10/32  tor-b  yes      no: no next hop  no\n");
}

TEST(Tables, WhatAPeerAnnouncesAndWhyItIsRefused) {
    const auto routes = status(R"({"received":[{"peer":"tor-a","accepted":0,"max_prefixes":5,"refused":{"own_as":1},
        "routes":[{"prefix":"203.0.113.10/32","path_id":3,"accepted":false,"refused":"own_as","detail":null,
        "next_hop":"10.0.0.1","as_path":"65000 65010","age":61,"med":5,"communities":["no-export"]}]}]})");
    EXPECT_EQ(received_table(routes, {.width = 120}),
              "tor-a: 0 of at most 5 accepted, 1 refused: own as\n\n"
              "PEER   PREFIX                  NEXT HOP  AS_PATH      FOR    REMARKS\n"
              "tor-a  203.0.113.10/32 path 3  10.0.0.1  65000 65010  1m 1s  own as; med=5 no-export\n");
}

TEST(Tables, OnePeerInFull) {
    const auto one = status(R"({"peers":[{"name":"tor-a","address":"10.0.0.1","asn":65000,"router_id":"10.0.0.1",
        "state":"Established","since":12,"local":"10.0.0.11:40000","remote":"10.0.0.1:179",
        "negotiated":"as=65000 ipv4","offered":["route-refresh"],"routes_announced":1,"routes_wanted":2,
        "unacknowledged_octets":0,"last_error":null,"last_received":{"text":"Cease","age":5},
        "counters":{"messages_in":3}}]})");
    EXPECT_EQ(peer_details(one, "tor-a", {}),
              "PEER            tor-a\n"
              "address         10.0.0.1, AS 65000, router id 10.0.0.1\n"
              "state           Established for 12s\n"
              "connection      from 10.0.0.11:40000; to 10.0.0.1:179\n"
              "agreed on       as=65000 ipv4\n"
              "it offers       route-refresh\n"
              "routes          1 of 2 announced\n"
              "unacknowledged  0 octets\n"
              "last error      -\n"
              "last sent       -\n"
              "last received   Cease (5.0s ago)\n"
              "messages in     3\n");
    EXPECT_EQ(peer_details(one, "tor-b", {}), "");
}

TEST(Tables, OnePeerThatRestarts) {
    const auto one = status(R"({"peers":[{"name":"tor-a","state":"Idle","since":2,
        "kept":{"routes":3,"families":"ipv4","long_lived":true,"time_left":18}}]})");
    EXPECT_NE(peer_details(one, "tor-a", {})
                  .find("restarts        3 stale routes of ipv4 kept for another 18s; as the last choice\n"),
              std::string::npos);
}

}  // namespace
}  // namespace anyvip::cli
