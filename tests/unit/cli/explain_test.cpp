#include "cli/explain.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "control/serialize.hpp"

namespace anyvip::cli {
namespace {

namespace json = boost::json;

/// All is well: two external peers have the route of www; office is VRRP alone, both is hybrid.
constexpr const char* all_is_well = R"({
"node":"lb1","version":"0.1.0","uptime":11100,"stopping":false,"drained":false,
"bgp":{"asn":65010,"router_id":"10.0.0.11"},
"vips":[
 {"name":"www","address":"203.0.113.10/32","interface":"lo","announce":"bgp","virtual_router":null,
  "verdict":{"eligible":true,"reason":null,"detail":null,"priority_adjustment":0},"state":"Announced",
  "announced":true,"held_back_for":null,"kernel_error":null,"role":null,"stands_by":false,"others":"unknown",
  "others_detail":"","drained":false,"prefix":"203.0.113.10/32","peers":["tor-a","tor-b"],"needs_bgp_session":false,
  "track":[{"check":"nginx","weight":null}],"services":"all","held_back_by":null,"flap":null,"warnings":[]},
 {"name":"office","address":"10.1.0.100/24","interface":"eth1","announce":"vrrp","virtual_router":"floor",
  "verdict":{"eligible":true,"reason":null,"detail":null,"priority_adjustment":0},"state":"Ready","announced":false,
  "held_back_for":null,"kernel_error":null,"role":null,"stands_by":false,"others":"unknown","others_detail":"",
  "drained":false,"prefix":null,"peers":[],"needs_bgp_session":false,"track":[],"services":"all",
  "held_back_by":null,"flap":null,"warnings":[]},
 {"name":"both","address":"2001:db8::20/128","interface":"eth1","announce":"vrrp+bgp","virtual_router":"floor6",
  "verdict":{"eligible":true,"reason":null,"detail":null,"priority_adjustment":0},"state":"Announced",
  "announced":true,"held_back_for":null,"kernel_error":null,"role":null,"stands_by":false,"others":"unknown",
  "others_detail":"","drained":false,"prefix":"2001:db8::20/128","peers":["tor-a"],"needs_bgp_session":true,
  "track":[],"services":"all","held_back_by":null,"flap":null,"warnings":[]}],
"peers":[
 {"name":"tor-a","range":null,"address":"10.0.0.1","asn":65000,"configured_asn":65000,"state":"Established",
  "started":true,"since":180,"uptime":180,"ipv4":true,"ipv6":true,"unacknowledged_octets":0,"last_error":null,
  "last_error_kind":null,"last_error_age":null,"last_sent":null,"last_received":null,"said_asn":65000,
  "updates_unacknowledged_for":null,"link":null,
  "bfd":{"state":"Up","since":179,"diagnostic":"No Diagnostic","held_down":false,"hops":"single_hop",
         "socket_error":null,"remote_state":"Up","last_failure":null,"last_failure_age":null,
         "counters":{"packets_received":600,"times_up":1}}},
 {"name":"tor-b","range":null,"address":"2001:db8::b","asn":65001,"configured_asn":"external","state":"Established",
  "started":true,"since":180,"uptime":180,"ipv4":true,"ipv6":true,"unacknowledged_octets":0,"last_error":null,
  "last_error_kind":null,"last_error_age":null,"last_sent":null,"last_received":null,"said_asn":65001,
  "updates_unacknowledged_for":null,"link":null,"bfd":null}],
"peer_ranges":[],
"virtual_routers":[
 {"name":"floor","interface":"eth1","vrid":51,"family":"ipv4","version":3,"state":"Active",
  "reason":"Active_Down_Timer expired","serving":true,"verdict":{"eligible":true},"track":[],"priority":150,
  "source":"10.1.0.1","active_router":"10.1.0.1","counters":{"discarded":{"bad_checksum":0,"own_advertisement":9}}},
 {"name":"floor6","interface":"eth1","vrid":52,"family":"ipv6","version":3,"state":"Active",
  "reason":"Active_Down_Timer expired","serving":true,"verdict":{"eligible":true},"track":[],"priority":150,
  "source":"fe80::1","active_router":"fe80::1","counters":{"discarded":{}}}],
"virtual_servers":[
 {"name":"www-https","vip":"www","address":"203.0.113.10","port":443,"protocol":"tcp","quorum":2,"healthy":3,
  "configured":3,"when_empty":"withdraw","real_servers":[
   {"address":"10.0.1.21:443","state":"up","detail":""},{"address":"10.0.1.22:443","state":"up","detail":""},
   {"address":"10.0.1.23:443","state":"up","detail":""}]}],
"checks":[
 {"name":"nginx","state":"up","detail":"success","since":3600,"history":[{"result":"success"},{"result":"success"}]},
 {"name":"uplink","state":"up","detail":"success","since":3600,"history":[]}],
"announcements":[
 {"vip":"both","prefix":"2001:db8::20/128","peer":"tor-a","desired":true,"withheld":null,"sent":true,
  "acknowledged":true,"warning":null},
 {"vip":"www","prefix":"203.0.113.10/32","peer":"tor-a","desired":true,"withheld":null,"sent":true,
  "acknowledged":true,"warning":null},
 {"vip":"www","prefix":"203.0.113.10/32","peer":"tor-b","desired":true,"withheld":null,"sent":true,
  "acknowledged":true,"warning":null}],
"received":[
 {"peer":"tor-a","accepted":0,"max_prefixes":100,"refused":{"policy":2,"max_prefixes":0},"routes":[]},
 {"peer":"tor-b","accepted":0,"max_prefixes":100,"refused":{"policy":2,"max_prefixes":0},"routes":[]}]})";

/// Where (RFC 6901), and what is there instead.
using Changes = std::vector<std::pair<const char*, const char*>>;

json::object changed(const Changes& changes) {
    auto answer = json::parse(all_is_well);
    for (const auto& [pointer, value] : changes) {
        const std::string where = pointer;
        const auto last = where.rfind('/');
        auto& parent = last == 0 ? answer : answer.at_pointer(where.substr(0, last));
        const auto key = where.substr(last + 1);
        (parent.is_array() ? parent.as_array().at(std::stoul(key)) : parent.as_object()[key]) = json::parse(value);
    }
    return answer.as_object();
}

/// A VIP that is neither eligible nor announced.
Changes ineligible(const char* reason, const char* detail, Changes rest) {
    Changes changes{{"/vips/0/verdict/eligible", "false"},
                    {"/vips/0/verdict/reason", reason},
                    {"/vips/0/verdict/detail", detail},
                    {"/vips/0/state", R"("Ready")"},
                    {"/vips/0/announced", "false"},
                    {"/announcements/1/desired", "false"},
                    {"/announcements/1/sent", "false"},
                    {"/announcements/1/acknowledged", "false"},
                    {"/announcements/2/desired", "false"},
                    {"/announcements/2/sent", "false"},
                    {"/announcements/2/acknowledged", "false"}};
    changes.insert(changes.end(), rest.begin(), rest.end());
    return changes;
}

/// Eligible, and not announced for another reason.
Changes unannounced(Changes rest) {
    rest.insert(rest.begin(), {"/vips/0/verdict/eligible", "true"});
    return ineligible("null", "null", std::move(rest));
}

/// tor-b has no session, and its route is nowhere.
Changes without_tor_b(const char* kind, const char* error, Changes rest) {
    Changes changes{{"/peers/1/state", R"("Active")"},
                    {"/peers/1/since", "3"},
                    {"/peers/1/uptime", "null"},
                    {"/peers/1/asn", "null"},
                    {"/peers/1/last_error", error},
                    {"/peers/1/last_error_kind", kind},
                    {"/peers/1/last_error_age", "2"},
                    {"/announcements/2/sent", "false"},
                    {"/announcements/2/acknowledged", "false"}};
    changes.insert(changes.end(), rest.begin(), rest.end());
    return changes;
}

Changes as_backup(Changes rest) {
    Changes changes{{"/virtual_routers/0/state", R"("Backup")"},
                    {"/virtual_routers/0/serving", "false"},
                    {"/virtual_routers/0/reason", R"("higher priority heard")"},
                    {"/virtual_routers/0/active_router", R"("10.1.0.2")"}};
    changes.insert(changes.end(), rest.begin(), rest.end());
    return changes;
}

/// Something has gone wrong, and what the first line says of it.
struct Situation {
    const char* what;
    const char* vip;
    Changes changes;
    const char* kind;
    LinkState state;
    const char* summary;
    const char* hint;  ///< a part of it; nullptr: none is known
};

std::vector<Situation> situations() {
    using enum LinkState;
    return {
        {"the node is drained", "www", ineligible(R"("drained")", R"("this node")", {{"/drained", "true"}}), "node",
         Broken, "www is not announced: node lb1 is drained", "anyvip undrain node"},
        {"the VIP is drained", "www", ineligible(R"("drained")", R"("this VIP")", {{"/vips/0/drained", "true"}}), "vip",
         Broken, "www is not announced: VIP www is drained", "anyvip undrain vip www"},
        // RFC 8326: the route stays for a while, and says that it will go.
        {"a drain that the routers are told of",
         "www",
         {{"/vips/0/verdict/eligible", "false"},
          {"/vips/0/verdict/reason", R"("drained")"},
          {"/vips/0/drained", "true"},
          {"/vips/0/state", R"("GracefulShutdown")"}},
         "vip",
         Broken,
         "www is leaving, still announced with GRACEFUL_SHUTDOWN to all 2 peers: VIP www is drained",
         "anyvip undrain vip www"},
        {"the daemon stops", "www", unannounced({{"/stopping", "true"}, {"/vips/0/state", R"("Withdrawing")"}}), "node",
         Broken, "www is not announced: node lb1 is leaving: anyvipd stops", nullptr},
        {"the VIP leaves the configuration", "www", unannounced({{"/vips/0/state", R"("Removing")"}}), "vip", Broken,
         "www is not announced: VIP www is leaving: it is no longer in the configuration, or becomes another", nullptr},
        {"a check failed", "www",
         ineligible(
             R"("check_failed")", R"("nginx: exit code 1")",
             {{"/checks/0/state", R"("down")"},
              {"/checks/0/since", "12"},
              {"/checks/0/detail", R"("exit code 1")"},
              {"/checks/0/history", R"([{"result":"success"},{"result":"failure"},{"result":"could_not_run"}])"}}),
         "check", Broken, "www is not announced: check nginx failed 12s ago: exit code 1, last probes +-?", nullptr},
        {"a check has no verdict", "www",
         ineligible(R"("check_unknown")", R"("nginx")",
                    {{"/checks/0/state", R"("unknown")"}, {"/checks/0/detail", R"("")"}, {"/checks/0/history", "[]"}}),
         "check", Unknown, "www is not announced: check nginx has no verdict yet", nullptr},
        {"a quorum is lost", "www",
         ineligible(R"("below_quorum")", R"("www-https: 1 of 3")",
                    {{"/virtual_servers/0/healthy", "1"},
                     {"/virtual_servers/0/real_servers/0/state", R"("down")"},
                     {"/virtual_servers/0/real_servers/0/detail", R"("connection refused")"},
                     {"/virtual_servers/0/real_servers/2/state", R"("drained")"}}),
         "virtual_server", Broken,
         "www is not announced: virtual server www-https has 1 of 3 real servers healthy, its quorum is 2; "
         "10.0.1.21:443 down: connection refused; 10.0.1.23:443 drained",
         nullptr},
        {"the kernel refuses the address", "www",
         unannounced({{"/vips/0/state", R"("Programming")"},
                      {"/vips/0/kernel_error", R"("add 203.0.113.10/32 to lo: Operation not permitted")"}}),
         "kernel", Broken,
         "www is not announced: kernel refuses what it needs: add 203.0.113.10/32 to lo: Operation not permitted",
         "CAP_NET_ADMIN"},
        {"the kernel refuses a service, and says why itself", "www",
         unannounced({{"/vips/0/state", R"("Programming")"},
                      {"/vips/0/kernel_error", R"("the kernel has no IPVS: modprobe ip_vs")"}}),
         "kernel", Broken, "www is not announced: kernel refuses what it needs: the kernel has no IPVS: modprobe ip_vs",
         nullptr},
        {"the kernel has not answered", "www", unannounced({{"/vips/0/state", R"("Programming")"}}), "kernel", Unknown,
         "www is not announced: kernel has not confirmed the services and the address yet", nullptr},
        {"held down", "www", unannounced({{"/vips/0/held_back_for", "12"}, {"/vips/0/held_back_by", R"("hold_down")"}}),
         "hold_down", Broken, "www is not announced: hold-down keeps it back for another 12s, since its health fell",
         nullptr},
        {"suppressed, since it flaps", "www",
         unannounced({{"/vips/0/held_back_for", "84"},
                      {"/vips/0/held_back_by", R"("flap")"},
                      {"/vips/0/flap", R"({"penalty":4100.4,"suppress":4000,"reuse":1500})"}}),
         "flap", Broken,
         "www is not announced: flap control keeps it back for another 1m 24s: its health fell too often, penalty "
         "4100, "
         "suppressed from 4000 on, back at 1500",
         nullptr},
        {"a standby hears another node", "www",
         unannounced({{"/vips/0/role", R"("standby")"},
                      {"/vips/0/stands_by", "true"},
                      {"/vips/0/others", R"("heard")"},
                      {"/vips/0/others_detail", R"("tor-a: via 10.0.0.12, AS_PATH 65000 65020")"}}),
         "standby", Rests,
         "www is not announced: standby leaves it to another node: tor-a: via 10.0.0.12, AS_PATH 65000 65020", nullptr},
        {"a standby hears nothing that counts", "www",
         unannounced({{"/vips/0/role", R"("standby")"},
                      {"/vips/0/stands_by", "true"},
                      {"/vips/0/others_detail", R"("no session tells")"}}),
         "standby", Unknown,
         "www is not announced: standby does not know whether another node announces: no session tells", "its peers"},
        {"all holds, and it is on its way back", "www", unannounced({{"/vips/0/state", R"("Withdrawing")"}}),
         "lifecycle", Unknown,
         "www is not announced: order of steps waits until the routers have turned elsewhere, and announces it again "
         "then",
         nullptr},
        {"a reason that an older daemon does not tell the rest of", "www",
         ineligible(R"("check_failed")", R"("nginx: exit code 1")", {{"/vips/0/track", "null"}}), "lifecycle", Broken,
         "www is not announced: order of steps holds it back: check failed: nginx: exit code 1", nullptr},

        {"a router refuses the connection", "www",
         without_tor_b(R"("connection_failed")", R"("connection failed \"Connection refused\"")", {}), "peer", Broken,
         "www is announced to 1 of 2 peers: peer tor-b is Active for 3.0s: connection failed \"Connection refused\" "
         "(2.0s ago)",
         "nothing listens there"},
        {"nobody is there", "www",
         without_tor_b(R"("connection_failed")", R"("connection failed \"No route to host\"")", {}), "peer", Broken,
         "www is announced to 1 of 2 peers: peer tor-b is Active for 3.0s: connection failed \"No route to host\" "
         "(2.0s ago)",
         "nobody answers"},
        {"nothing was heard yet", "www", without_tor_b("null", "null", {{"/peers/1/state", R"("Connect")"}}), "peer",
         Broken, "www is announced to 1 of 2 peers: peer tor-b is Connect for 3.0s: no answer yet",
         "nothing comes back from 2001:db8::b"},
        // RFC 2385 §2: the router's kernel drops what we sign otherwise, and ours has nothing to count.
        {"nothing was heard yet of what is signed", "www",
         without_tor_b("null", "null", {{"/peers/1/state", R"("Connect")"}, {"/peers/1/signature", R"("tcp_md5")"}}),
         "peer", Broken,
         "www is announced to 1 of 2 peers: peer tor-b is Connect for 3.0s: no answer yet to what we send, which is "
         "signed with TCP-MD5",
         "another TCP-MD5 key"},
        {"another TCP-MD5 key", "www",
         without_tor_b(
             R"("connection_failed")",
             R"("connection failed \"TCP-MD5: another key? 3 segments with a wrong signature (TCPMD5Failure)\"")", {}),
         "peer", Broken,
         "www is announced to 1 of 2 peers: peer tor-b is Active for 3.0s: connection failed \"TCP-MD5: another key? "
         "3 segments with a wrong signature (TCPMD5Failure)\" (2.0s ago)",
         "password_file holds another key"},
        // RFC 4271 §6.2: code 2, subcode 2.
        {"the router is of another AS", "www",
         without_tor_b(
             R"("notification_sent")", R"("sent OPEN Message Error / Bad Peer AS")",
             {{"/peers/1/configured_asn", "65001"},
              {"/peers/1/said_asn", "65099"},
              {"/peers/1/last_sent", R"({"text":"OPEN Message Error / Bad Peer AS","code":2,"subcode":2,"age":2})"}}),
         "peer", Broken,
         "www is announced to 1 of 2 peers: peer tor-b is Active for 3.0s: sent OPEN Message Error / Bad Peer AS (2.0s "
         "ago)",
         "it says that it is AS 65099, and asn = 65001 is configured"},
        {"the router takes us for another AS", "www",
         without_tor_b(R"("notification_received")", R"("received OPEN Message Error / Bad Peer AS")",
                       {{"/peers/1/last_received",
                         R"({"text":"OPEN Message Error / Bad Peer AS","code":2,"subcode":2,"age":2})"}}),
         "peer", Broken,
         "www is announced to 1 of 2 peers: peer tor-b is Active for 3.0s: received OPEN Message Error / Bad Peer AS "
         "(2.0s ago)",
         "expects another AS than our 65010"},
        {"an administrator shut it, and we had said something as well", "www",
         without_tor_b(R"("notification_received")", R"("received Cease / Administrative Shutdown \"upgrade\"")",
                       {{"/peers/1/last_received", R"({"text":"Cease","code":6,"subcode":2,"age":2})"},
                        {"/peers/1/last_sent", R"({"text":"Hold Timer Expired","code":4,"subcode":0,"age":60})"}}),
         "peer", Broken,
         "www is announced to 1 of 2 peers: peer tor-b is Active for 3.0s: received Cease / Administrative Shutdown "
         "\"upgrade\" (2.0s ago); we said Hold Timer Expired (1m ago)",
         "an administrator has shut the session"},
        {"a router that has shut the session turns us away", "www",
         without_tor_b(R"("connection_failed")", R"("connection failed \"Connection reset by peer\"")",
                       {{"/peers/1/last_received",
                         R"({"text":"Cease / Administrative Shutdown","code":6,"subcode":2,"age":90000})"}}),
         "peer", Broken,
         "www is announced to 1 of 2 peers: peer tor-b is Active for 3.0s: connection failed \"Connection reset by "
         "peer\" (2.0s ago); it said Cease / Administrative Shutdown (1d 1h ago)",
         "it last said why: an administrator has shut the session"},
        {"the hold timer expired", "www", without_tor_b(R"("hold_timer_expired")", R"("hold timer expired")", {}),
         "peer", Broken,
         "www is announced to 1 of 2 peers: peer tor-b is Active for 3.0s: hold timer expired (2.0s ago)",
         "nothing came from the router"},
        {"an unnumbered peer hears no router", "www",
         without_tor_b("null", "null",
                       {{"/peers/1/link", R"({"interface":"eth0","local":"fe80::11","neighbor":null})"}}),
         "peer", Broken,
         "www is announced to 1 of 2 peers: peer tor-b is Active for 3.0s: no router advertisement heard on eth0",
         "router advertisements"},
        {"BFD found the path dead",
         "both",
         {{"/peers/0/bfd/state", R"("Down")"},
          {"/peers/0/bfd/since", "2"},
          {"/peers/0/bfd/diagnostic", R"("Control Detection Time Expired")"},
          {"/peers/0/state", R"("Idle")"},
          {"/peers/0/since", "2"},
          {"/peers/0/last_error", R"("BFD down \"Control Detection Time Expired\"")"},
          {"/peers/0/last_error_kind", R"("bfd_down")"},
          {"/announcements/0/sent", "false"},
          {"/announcements/0/acknowledged", "false"},
          {"/vips/2/needs_bgp_session", "false"}},
         "bfd",
         Broken,
         "both is announced to no peer: BFD to tor-a is Down for 2.0s: Control Detection Time Expired",
         nullptr},
        {"the session does not carry the family",
         "both",
         {{"/announcements/0/withheld", R"("family_not_negotiated")"},
          {"/announcements/0/sent", "false"},
          {"/announcements/0/acknowledged", "false"}},
         "route",
         Broken,
         "both is announced to no peer: route to tor-a 2001:db8::20/128 is withheld: family not negotiated",
         "does not carry IPv6"},
        {"no next hop of the family",
         "both",
         {{"/announcements/0/withheld", R"("no_next_hop")"},
          {"/announcements/0/sent", "false"},
          {"/announcements/0/acknowledged", "false"}},
         "route",
         Broken,
         "both is announced to no peer: route to tor-a 2001:db8::20/128 is withheld: no next hop",
         "next_hop6"},
        {"octets that nobody acknowledges",
         "www",
         {{"/announcements/2/acknowledged", "false"},
          {"/peers/1/updates_unacknowledged_for", "5"},
          {"/peers/1/unacknowledged_octets", "77"}},
         "route",
         Broken,
         "www is announced to all 2 peers: route to tor-b 203.0.113.10/32 is sent, and not acknowledged by its TCP: "
         "octets wait for 5.0s, 77 of them in all",
         "the path to the router loses packets"},
        {"octets that are on their way",
         "www",
         {{"/announcements/2/acknowledged", "false"},
          {"/peers/1/updates_unacknowledged_for", "0.02"},
          {"/peers/1/unacknowledged_octets", "77"}},
         "route",
         Unknown,
         "www is announced to all 2 peers: route to tor-b 203.0.113.10/32 is sent, and not acknowledged by its TCP: "
         "octets wait for 20ms, 77 of them in all",
         nullptr},
        {"nobody of a range has come",
         "www",
         {{"/vips/0/peers", R"(["rack","tor-a","tor-b"])"},
          {"/peer_ranges", R"([{"name":"rack","range":"10.9.0.0/24","last_error":null}])"}},
         "range",
         Broken,
         "www is announced to all 2 peers: range rack has no session: nobody has connected from 10.9.0.0/24",
         "have to connect to this node"},

        {"another router is Active", "office", as_backup({}), "virtual_router", Rests,
         "office is not served here: virtual router floor is Backup: higher priority heard, priority 150; Active is "
         "10.1.0.2",
         nullptr},
        {"a virtual router that cannot run", "office",
         as_backup({{"/virtual_routers/0/state", R"("Initialize")"},
                    {"/virtual_routers/0/reason", R"("interface down")"},
                    {"/virtual_routers/0/counters/discarded/bad_checksum", "7"}}),
         "virtual_router", Broken,
         "office is not served here: virtual router floor is Initialize: interface down, priority 150; advertisements "
         "discarded: bad checksum 7",
         nullptr},
        {"a virtual router whose other VIP fails",
         "both",
         {{"/virtual_routers/1/state", R"("Initialize")"},
          {"/virtual_routers/1/serving", "false"},
          {"/virtual_routers/1/reason", R"("ineligible")"},
          {"/virtual_routers/1/priority", "null"},
          {"/vips/2/announced", "false"},
          {"/vips/2/state", R"("Ready")"},
          {"/vips/1/virtual_router", R"("floor6")"},
          {"/vips/1/verdict", R"({"eligible":false,"reason":"check_failed","detail":"uplink: timed out"})"}},
         "virtual_router",
         Broken,
         "both is not announced: virtual router floor6 is Initialize: ineligible; its VIP office has to be eligible as "
         "well, and is not: check failed: uplink: timed out",
         nullptr},
        {"an address that the kernel has not confirmed",
         "office",
         {{"/virtual_routers/0/serving", "false"}},
         "virtual_router",
         Unknown,
         "office is not served here: virtual router floor is Active: Active_Down_Timer expired, priority 150, and the "
         "kernel has not confirmed its addresses yet",
         nullptr},
        {"a hybrid VIP without a session",
         "both",
         {{"/vips/2/verdict", R"({"eligible":false,"reason":"no_bgp_session","detail":""})"},
          {"/vips/2/announced", "false"},
          {"/vips/2/state", R"("Ready")"},
          {"/peers/0/state", R"("Active")"},
          {"/peers/0/last_error", R"("connection failed \"Connection refused\"")"},
          {"/peers/0/last_error_kind", R"("connection_failed")"},
          {"/peers/0/last_error_age", "4"},
          {"/virtual_routers/1/state", R"("Initialize")"},
          {"/virtual_routers/1/serving", "false"}},
         "bgp_session",
         Broken,
         "both is not announced: BGP has no Established session, which this VIP needs; tor-a: connection failed "
         "\"Connection refused\" (4.0s ago)",
         "nothing listens there"},
        {"the heartbeat is silent",
         "office",
         {{"/virtual_routers/0/counters", "null"}},
         "loop",
         Unknown,
         "office is served here: loop heartbeat did not answer in time: what it knows is missing here, the rest may be "
         "old",
         "fails closed"},
        {"the heartbeat is silent about BFD",
         "www",
         {{"/peers/0/bfd/state", "null"}},
         "loop",
         Unknown,
         "www is announced to all 2 peers: loop heartbeat did not answer in time: what it knows is missing here, the "
         "rest may be old",
         "fails closed"},
        {"the checks are silent",
         "www",
         {{"/checks/0/since", "null"}},
         "loop",
         Unknown,
         "www is announced to all 2 peers: loop checks did not answer in time: what it knows is missing here, the rest "
         "may be old",
         "fails closed"},
    };
}

TEST(Explain, TheFirstLineNamesTheFirstBrokenLink) {
    for (const auto& situation : situations()) {
        SCOPED_TRACE(situation.what);
        const auto chain = explain(changed(situation.changes), situation.vip);
        ASSERT_TRUE(chain);
        EXPECT_EQ(chain->summary, situation.summary);
        ASSERT_TRUE(chain->cause);
        const auto& cause = chain->links[*chain->cause];
        EXPECT_EQ(cause.kind, situation.kind);
        EXPECT_EQ(cause.state, situation.state);
        EXPECT_EQ(chain->broken(), situation.state == LinkState::Broken);
        if (situation.hint == nullptr) {
            EXPECT_EQ(cause.hint, "");
        } else {
            EXPECT_NE(cause.hint.find(situation.hint), std::string::npos) << cause.hint;
        }
        EXPECT_TRUE(chain_text(*chain, {}).starts_with(chain->summary + '\n'));
    }
}

TEST(Explain, WhereAllHoldsThereIsNoCause) {
    for (const auto& [vip, summary] : {std::pair{"www", "www is announced to all 2 peers, acknowledged"},
                                       std::pair{"office", "office is served here"},
                                       std::pair{"both", "both is announced to tor-a, acknowledged"}}) {
        const auto chain = explain(changed({}), vip);
        ASSERT_TRUE(chain);
        EXPECT_EQ(chain->summary, summary);
        EXPECT_EQ(chain->cause, std::nullopt);
        EXPECT_FALSE(chain->broken());
        EXPECT_TRUE(chain->served);
        for (const auto& link : chain->links) {
            EXPECT_TRUE(link.state == LinkState::Holds || link.state == LinkState::Remark) << link.kind << link.text;
        }
    }
}

TEST(Explain, ThereIsNoSuchVip) {
    EXPECT_EQ(explain(changed({}), "wwww"), std::nullopt);
    EXPECT_EQ(vip_names(changed({})), (std::vector<std::string>{"www", "office", "both"}));
}

TEST(Explain, WhatIsBrokenComesFirstAndTheRestFollowsInItsOrder) {
    const auto chain =
        explain(changed(without_tor_b(R"("hold_timer_expired")", R"("hold timer expired")",
                                      {{"/checks/0/state", R"("down")"}, {"/checks/0/detail", R"("x")"}})),
                "www");
    ASSERT_TRUE(chain);
    EXPECT_EQ(chain_text(*chain, {.width = 100, .colour = false}),
              R"(www is announced to 1 of 2 peers: check nginx failed 1h ago: x, last probes ++

BROKEN       STATE   WHY
check nginx  broken  failed 1h ago: x, last probes ++
peer tor-b   broken  is Active for 3.0s: hold timer expired (2.0s ago)
                     hint: nothing came from the router for the hold time: is the path up in both
                     directions, the router alive?

THE REST                  STATE   WHY
node lb1                  holds   is in service, anyvipd up for 3h 5m
VIP www                   holds   203.0.113.10/32 on lo, announced by bgp
virtual server www-https  holds   has 3 of 3 real servers healthy, its quorum is 2
kernel                    holds   has the services and the address
BFD to tor-a              holds   is Up for 2m 59s
peer tor-a                holds   is Established for 3m with 10.0.0.1, AS 65000
route to tor-a            holds   203.0.113.10/32 is sent, and its TCP has acknowledged it
the router's side         remark  decides what becomes of a route that it has: we cannot see its
                                  policy
                                  hint: FRR from 7.4 on uses nothing of an external peer without a
                                  policy (no bgp ebgp-requires-policy); compare `show bgp neighbors
                                  ADDRESS routes`, in BIRD `show route all protocol NAME`
)");
}

/// The link of a kind, with a subject; one that says that it is missing.
Link link_of(const Changes& changes, const char* vip, const std::string& kind, const std::string& subject = "") {
    const auto chain = explain(changed(changes), vip).value();
    for (const auto& link : chain.links) {
        if (link.kind == kind && link.subject == subject) return link;
    }
    return {.kind = kind, .subject = subject, .state = LinkState::Unknown, .text = "there is no such link"};
}

TEST(Explain, AFailedCheckWithAWeightBreaksNothing) {
    const auto link = link_of({{"/vips/1/track", R"([{"check":"uplink","weight":-20}])"},
                               {"/checks/1/state", R"("down")"},
                               {"/checks/1/since", "4"},
                               {"/checks/1/detail", R"("timed out")"}},
                              "office", "check", "uplink");
    EXPECT_EQ(link.state, LinkState::Remark);
    EXPECT_EQ(link.text, "failed 4.0s ago: timed out; its weight is -20");
}

TEST(Explain, AVirtualRoutersOwnChecksAreItsVipsToo) {
    const auto link = link_of(
        {{"/virtual_routers/0/track", R"([{"check":"uplink","weight":null}])"}, {"/checks/1/state", R"("down")"}},
        "office", "check", "uplink");
    EXPECT_EQ(link.state, LinkState::Broken);
    EXPECT_EQ(link_of({}, "www", "check", "uplink").text, "there is no such link");
}

TEST(Explain, AQuorumThatIsNotNeededBreaksNothing) {
    const auto keeps = link_of({{"/virtual_servers/0/healthy", "0"}, {"/virtual_servers/0/when_empty", R"("keep")"}},
                               "www", "virtual_server", "www-https");
    EXPECT_EQ(keeps.state, LinkState::Remark);
    const char* const another =
        R"([{"name":"a","vip":"www","quorum":1,"healthy":0,"configured":1},
            {"name":"b","vip":"www","quorum":1,"healthy":1,"configured":1}])";
    EXPECT_EQ(
        link_of({{"/virtual_servers", another}, {"/vips/0/services", R"("any")"}}, "www", "virtual_server", "a").state,
        LinkState::Remark);
    EXPECT_EQ(link_of({{"/virtual_servers", another}}, "www", "virtual_server", "a").state, LinkState::Broken);
}

TEST(Explain, ASessionThatWasNeverWatchedByBfdGoesOn) {
    const auto link = link_of(
        {{"/peers/0/bfd/state", R"("Down")"}, {"/peers/0/bfd/counters", R"({"packets_received":0,"times_up":0})"}},
        "www", "bfd", "tor-a");
    EXPECT_EQ(link.state, LinkState::Remark);
    EXPECT_NE(link.hint.find("is BFD configured there"), std::string::npos) << link.hint;
}

TEST(Explain, AnOldErrorOfASessionThatIsUpIsOnlyTold) {
    const auto link = link_of({{"/peers/0/last_error", R"("hold timer expired")"}, {"/peers/0/last_error_age", "200"}},
                              "www", "peer", "tor-a");
    EXPECT_EQ(link.state, LinkState::Holds);
    EXPECT_EQ(link.text, "is Established for 3m with 10.0.0.1, AS 65000; last error: hold timer expired (3m 20s ago)");
}

TEST(Explain, AStandbyThatAnnouncesTellsWhomItGoesBefore) {
    const auto alone = link_of({{"/vips/0/role", R"("standby")"}, {"/vips/0/others", R"("none")"}}, "www", "standby");
    EXPECT_EQ(alone.state, LinkState::Holds);
    EXPECT_EQ(alone.text, "may announce: no other node that goes before it is heard");
    EXPECT_EQ(link_of({{"/vips/0/role", R"("standby")"},
                       {"/vips/0/others", R"("heard")"},
                       {"/vips/0/others_detail", R"("tor-a: via 10.0.0.13")"}},
                      "www", "standby")
                  .text,
              "goes before the other node that it hears: tor-a: via 10.0.0.13");
}

TEST(Explain, APenaltyThatKeepsNothingBackIsARemark) {
    const auto link = link_of({{"/vips/0/flap", R"({"penalty":1000,"suppress":4000,"reuse":1500})"}}, "www", "flap");
    EXPECT_EQ(link.state, LinkState::Remark);
    EXPECT_EQ(link.text, "lets it pass: penalty 1000, suppressed from 4000 on, back at 1500");
}

TEST(Explain, WarningsAreInTheWordsOfCheck) {
    const Changes changes{{"/vips/0/role", R"("standby")"},
                          {"/vips/0/warnings", R"(["a router that sends no route to an AS that is in its path"])"},
                          {"/announcements/2/warning", R"("a standby that announces would not hear from \"tor-b\"")"}};
    std::vector<std::string> warnings;
    const auto chain = explain(changed(changes), "www").value();
    for (const auto& link : chain.links) {
        if (link.kind == "warning") warnings.push_back(link.text);
        if (link.kind == "warning") EXPECT_EQ(link.state, LinkState::Remark);
    }
    EXPECT_EQ(warnings, (std::vector<std::string>{"a standby that announces would not hear from \"tor-b\"",
                                                  "a router that sends no route to an AS that is in its path"}));
}

TEST(Explain, WhatAPeerSaysBeyondMaxPrefixesIsARemark) {
    const auto link = link_of({{"/received/1/refused/max_prefixes", "9"}}, "www", "import", "tor-b");
    EXPECT_EQ(link.state, LinkState::Remark);
    EXPECT_EQ(link.text, "9 are refused: max_prefixes is 100");
}

TEST(Explain, ARouteThatAnotherVipSharesIsThereAllTheSame) {
    auto changes = unannounced({{"/vips/0/held_back_for", "12"}});
    changes.insert(changes.end(), {{"/announcements/1/desired", "true"}, {"/announcements/1/sent", "true"}});
    const auto link = link_of(changes, "www", "route", "tor-a");
    EXPECT_EQ(link.state, LinkState::Remark);
    EXPECT_EQ(link.text, "203.0.113.10/32 is announced all the same, for another VIP");
}

TEST(Explain, TheRouterOfAnInternalPeerNeedsNoPolicy) {
    EXPECT_EQ(link_of({{"/peers/0/asn", "65010"}}, "both", "router").text, "there is no such link");
    EXPECT_EQ(link_of({}, "both", "router").state, LinkState::Remark);
}

TEST(Explain, AnAnswerThatLacksNearlyEverythingIsExplainedAsFarAsItGoes) {
    const auto answer = json::parse(R"({"vips":[{"name":"www"}]})").as_object();
    const auto chain = explain(answer, "www");
    ASSERT_TRUE(chain);
    EXPECT_FALSE(chain->served);
    EXPECT_FALSE(chain_text(*chain, {}).empty());
}

TEST(Explain, ControlCharactersDoNotReachTheTerminal) {
    const auto chain =
        explain(changed(ineligible(R"("check_failed")", R"("")",
                                   {{"/checks/0/state", R"("down")"}, {"/checks/0/detail", R"("\u001b[2Jx")"}})),
                "www");
    ASSERT_TRUE(chain);
    EXPECT_EQ(chain_text(*chain, {}).find('\033'), std::string::npos);
    EXPECT_NE(chain_text(*chain, {}).find("?[2Jx"), std::string::npos);
}

TEST(Explain, TheJsonIsTheChainInItsOrder) {
    const auto chain = explain(changed(as_backup({})), "office");
    ASSERT_TRUE(chain);
    EXPECT_EQ(
        control::serialize(chain_json(*chain)),
        R"({"vip":"office","served":false,"summary":"office is not served here: virtual router floor is Backup: )"
        R"(higher priority heard, priority 150; Active is 10.1.0.2","cause":2,"links":[)"
        R"({"kind":"node","subject":"lb1","state":"holds","text":"is in service, anyvipd up for 3h 5m","hint":null},)"
        R"({"kind":"vip","subject":"office","state":"holds","text":"10.1.0.100/24 on eth1, announced by vrrp",)"
        R"("hint":null},)"
        R"({"kind":"virtual_router","subject":"floor","state":"rests","text":"is Backup: higher priority heard, )"
        R"(priority 150; Active is 10.1.0.2","hint":null},)"
        R"({"kind":"kernel","subject":null,"state":"holds","text":"has the services","hint":null}]})");
}

}  // namespace
}  // namespace anyvip::cli
