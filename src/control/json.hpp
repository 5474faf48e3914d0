#pragma once

#include <string>

#include "daemon/status.hpp"

/// The JSON form of a daemon::Status: the contract of `anyvip status --json`, of scripts and of dashboards.
/// Members are added and never renamed or removed. What does not apply or is not known is null; a list is never
/// missing. Instants become ages ("since": how many seconds ago), durations are seconds; both are numbers with a
/// fraction. States are the words of the RFCs, everything else is lower case with underscores.
///
///     node, version, uptime, stopping, drained
///     bgp                null without a speaker
///       asn, router_id
///     vips[]
///       name, address "203.0.113.10/32", interface, announce "bgp" | "vrrp" | "vrrp+bgp", virtual_router
///       verdict          also of virtual routers
///         eligible, reason "check_failed", detail, priority_adjustment
///       state "Absent" | "Programming" | "Ready" | "Announced" | "Withdrawing" | "Removing"
///       announced, held_back_for, kernel_error
///       role "primary" | "backup" | "standby", stands_by, others "unknown" | "none" | "heard", others_detail
///       capacity {serving, configured, told}  weights; null where no link bandwidth per weight tells of them
///       drained (itself), prefix (its route), peers[] and track[] {check, weight} as configured, needs_bgp_session
///       services "all" | "any" of its virtual servers, held_back_by "hold_down" | "flap"
///       flap {penalty, suppress, reuse}, warnings[] (of `check`, about its route)
///     peers[]
///       name, address, asn (of its OPEN), configured_asn 65000 | "external" | "internal"
///       state "Established", started, waits_for_bfd, since, uptime, local "10.0.0.11:40001", remote, router_id,
///       hold_time, ipv4, ipv6 routes_wanted, routes_announced, routes_withheld {REASON: n}, last_error, last_error_age
///       negotiated, offered[] (capabilities of its OPEN), unacknowledged_octets
///       kept             of a session that was lost, while the peer restarts (RFC 4724); null: nothing
///         routes (that are stale), families "ipv4+ipv6", long_lived, time_left
///       last_sent, last_received {text, code, subcode, age}      NOTIFICATIONs
///       last_error_kind "stopped" | "notification_received" | "notification_sent" | "hold_timer_expired" |
///         "send_hold_timer_expired" | "connection_failed" | "collision" | "bfd_down"
///       signature "tcp_md5" | "tcp_ao", as configured
///       said_asn (of its last OPEN, accepted or not), updates_unacknowledged_for (the oldest of them)
///       counters {messages_in, messages_out, updates_in, updates_out, sessions, connections_refused}
///       bfd              null where it is not configured; its members are when the heartbeat did not answer in time
///         state "Up", since, diagnostic, held_down, hops "single_hop" | "multihop", local, socket_error
///         remote_state, remote_diagnostic, transmit_interval_ms, receive_interval_ms, detection_time_ms, polling
///         last_failure, last_failure_age
///         counters {packets_sent, packets_received, times_up, times_failed, late_wakeups, discarded {REASON: n}}
///     virtual_routers[]
///       name, interface, vrid, family, version, state "Active", reason, serving, verdict, track[] as of VIPs
///       priority, source, active_router, counters {...}       null when the heartbeat did not answer in time
///     virtual_servers[]
///       name, vip, address, port, protocol, scheduler, forwarding, quorum, healthy, configured
///       when_empty "withdraw" | "keep": below its quorum
///       real_servers[]
///         address, weight (configured), wished_weight (null: absent or as the kernel has it),
///         state "up" | "down" | "unknown" | "drained", detail
///     checks[]
///       name, state "up" | "down" | "unknown", detail
///       since, last, last_duration_ms, successes, failures    null when the checks loop did not answer in time
///       history[]  oldest first: result "success" | "failure" | "could_not_run", age, duration_ms
namespace anyvip::control {

/// One line, without a newline.
[[nodiscard]] std::string to_json(const daemon::Status& status);

/// {"ok":true,"routes":{...}}, of the same kind:
///
///     announcements[]    a VIP towards a peer
///       vip, prefix, peer, desired, withheld REASON, sent, acknowledged
///       attributes "med=50 65010:100 bandwidth:65010:1250000"          null where it is not desired
///       warning          what `check` would say, of what the session has agreed on
///     received[]         what a peer announces
///       peer, accepted, max_prefixes, refused {REASON: n}
///       routes[]         accepted ones, those of our own VIPs, and examples of what is refused
///         prefix, path_id, accepted, refused REASON, detail, stale, age
///         next_hop, as_path "65000 65010", origin, med, local_pref          null for a mere example
///         communities[], large_communities[], extended_communities[]
[[nodiscard]] std::string answer_routes(const daemon::Routes& routes);

/// {"ok":true,"status":{...}} as one line, without a newline.
[[nodiscard]] std::string answer_status(const daemon::Status& status);

}  // namespace anyvip::control
