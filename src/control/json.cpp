#include "control/json.hpp"

#include <chrono>
#include <optional>
#include <string_view>
#include <variant>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"
#include "control/serialize.hpp"
#include "control/version.hpp"

namespace anyvip::control {
namespace {

namespace json = boost::json;  // json::value(x), never {x}: that is an array of one.

json::value text(std::string_view text) {
    return json::string{valid_utf8(text)};
}

/// Null where there is none.
template <class T>
json::value text_of(const std::optional<T>& item) {
    return item ? text(describe(*item)) : json::value{};
}
json::value text_of(const std::optional<std::string>& item) {
    return item ? text(*item) : json::value{};
}

json::value seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}
json::value milliseconds(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

template <class Items, class ToJson>
json::array list(const Items& items, ToJson to_json) {
    json::array array;
    array.reserve(items.size());
    for (const auto& item : items) array.push_back(to_json(item));
    return array;
}

// The words of the contract. describe() is for people and may be reworded.

std::string_view word(vip::Reason reason) {
    switch (reason) {
        case vip::Reason::Starting: return "starting";
        case vip::Reason::Drained: return "drained";
        case vip::Reason::CheckUnknown: return "check_unknown";
        case vip::Reason::CheckFailed: return "check_failed";
        case vip::Reason::BelowQuorum: return "below_quorum";
        case vip::Reason::NoBgpSession: return "no_bgp_session";
    }
    return "unknown";
}

std::string_view word(vip::Health health) {
    switch (health) {
        case vip::Health::Unknown: return "unknown";
        case vip::Health::Up: return "up";
        case vip::Health::Down: return "down";
    }
    return "unknown";
}

std::string_view word(health::State state) {
    switch (state) {
        case health::State::Unknown: return "unknown";
        case health::State::Up: return "up";
        case health::State::Down: return "down";
    }
    return "unknown";
}

std::string_view word(health::ResultKind kind) {
    switch (kind) {
        case health::ResultKind::Success: return "success";
        case health::ResultKind::Failure: return "failure";
        case health::ResultKind::CouldNotRun: return "could_not_run";
    }
    return "unknown";
}

std::string_view word(vip::Others::Knowledge knowledge) {
    switch (knowledge) {
        case vip::Others::Knowledge::Unknown: return "unknown";
        case vip::Others::Knowledge::None: return "none";
        case vip::Others::Knowledge::Heard: return "heard";
    }
    return "unknown";
}

std::string_view word(bgp::Withheld reason) {
    switch (reason) {
        case bgp::Withheld::FamilyNotNegotiated: return "family_not_negotiated";
        case bgp::Withheld::NoNextHop: return "no_next_hop";
        case bgp::Withheld::TooLarge: return "too_large";
    }
    return "unknown";
}

std::string_view word(bgp::Reason::Kind kind) {
    switch (kind) {
        case bgp::Reason::Kind::Stopped: return "stopped";
        case bgp::Reason::Kind::NotificationReceived: return "notification_received";
        case bgp::Reason::Kind::NotificationSent: return "notification_sent";
        case bgp::Reason::Kind::HoldTimerExpired: return "hold_timer_expired";
        case bgp::Reason::Kind::SendHoldTimerExpired: return "send_hold_timer_expired";
        case bgp::Reason::Kind::ConnectionFailed: return "connection_failed";
        case bgp::Reason::Kind::Collision: return "collision";
        case bgp::Reason::Kind::BfdDown: return "bfd_down";
    }
    return "unknown";
}

std::string_view word(bgp::Refusal why) {
    switch (why) {
        case bgp::Refusal::Malformed: return "treated_as_withdrawn";
        case bgp::Refusal::Leak: return "leak";
        case bgp::Refusal::OwnAs: return "own_as";
        case bgp::Refusal::OwnRouterId: return "own_router_id";
        case bgp::Refusal::TooLarge: return "too_large";
        case bgp::Refusal::Policy: return "policy";
        case bgp::Refusal::MaxPrefixes: return "max_prefixes";
    }
    return "unknown";
}

std::string_view word(vrrp::DiscardReason reason) {
    switch (reason) {
        case vrrp::DiscardReason::Truncated: return "truncated";
        case vrrp::DiscardReason::TtlNot255: return "ttl_not_255";
        case vrrp::DiscardReason::VersionMismatch: return "version_mismatch";
        case vrrp::DiscardReason::AuthenticationMismatch: return "authentication_mismatch";
        case vrrp::DiscardReason::AdvertiseIntervalMismatch: return "advertise_interval_mismatch";
        case vrrp::DiscardReason::NotAnAdvertisement: return "not_an_advertisement";
        case vrrp::DiscardReason::BadChecksum: return "bad_checksum";
        case vrrp::DiscardReason::WrongDestination: return "wrong_destination";
        case vrrp::DiscardReason::UnlistedSource: return "unlisted_source";
        case vrrp::DiscardReason::NoAddresses: return "no_addresses";
        case vrrp::DiscardReason::ZeroInterval: return "zero_interval";
        case vrrp::DiscardReason::OtherVirtualRouter: return "other_virtual_router";
        case vrrp::DiscardReason::OwnAdvertisement: return "own_advertisement";
        case vrrp::DiscardReason::LocalIsAddressOwner: return "local_is_address_owner";
        case vrrp::DiscardReason::NotParticipating: return "not_participating";
    }
    return "unknown";
}

std::string_view word(bfd::Hops hops) {
    switch (hops) {
        case bfd::Hops::Single: return "single_hop";
        case bfd::Hops::Multiple: return "multihop";
    }
    return "unknown";
}

std::string_view word(bfd::DiscardReason reason) {
    switch (reason) {
        case bfd::DiscardReason::Truncated: return "truncated";
        case bfd::DiscardReason::VersionMismatch: return "version_mismatch";
        case bfd::DiscardReason::LengthTooSmall: return "length_too_small";
        case bfd::DiscardReason::LengthExceedsPayload: return "length_exceeds_payload";
        case bfd::DiscardReason::ZeroDetectMult: return "zero_detect_mult";
        case bfd::DiscardReason::Multipoint: return "multipoint";
        case bfd::DiscardReason::ZeroMyDiscriminator: return "zero_my_discriminator";
        case bfd::DiscardReason::ZeroYourDiscriminator: return "zero_your_discriminator";
        case bfd::DiscardReason::BadAuthenticationSection: return "bad_authentication_section";
        case bfd::DiscardReason::UnknownYourDiscriminator: return "unknown_your_discriminator";
        case bfd::DiscardReason::AuthenticationMismatch: return "authentication_mismatch";
        case bfd::DiscardReason::TtlTooLow: return "ttl_too_low";
    }
    return "unknown";
}

json::object verdict(const vip::Verdict& verdict) {
    json::object object;
    const auto* const ineligible = std::get_if<vip::Ineligible>(&verdict);
    const auto* const eligible = std::get_if<vip::Eligible>(&verdict);
    object["eligible"] = eligible != nullptr;
    object["reason"] = ineligible != nullptr ? text(word(ineligible->reason)) : json::value{};
    object["detail"] = ineligible != nullptr ? text(ineligible->detail) : json::value{};
    object["priority_adjustment"] = eligible != nullptr ? eligible->priority_adjustment : 0;
    return object;
}

json::value to_value(const std::optional<vip::Capacity>& capacity) {
    if (!capacity) return nullptr;
    json::object object;
    object["serving"] = capacity->weights().serving;
    object["configured"] = capacity->weights().configured;
    object["told"] = capacity->told();
    return object;
}

template <class Items>
json::array texts(const Items& items) {
    return list(items, [](const auto& item) { return text(describe(item)); });
}

json::array tracks(const std::vector<config::Track>& tracks) {
    return list(tracks, [](const auto& track) {
        json::object object;
        object["check"] = text(track.check.value());
        object["weight"] = track.weight ? json::value(*track.weight) : json::value{};
        return object;
    });
}

json::value held_back_by(const daemon::VipStatus& vip) {
    if (!vip.held_until) return nullptr;
    return text(vip.held_down_until && *vip.held_down_until >= *vip.held_until ? "hold_down" : "flap");
}

json::value flap(const daemon::VipStatus& vip) {
    if (!vip.config.flap) return nullptr;
    json::object object;
    object["penalty"] = vip.flap_penalty;
    object["suppress"] = vip.config.flap->suppress;
    object["reuse"] = vip.config.flap->reuse;
    return object;
}

json::object to_object(const daemon::VipStatus& vip, TimePoint now) {
    json::object object;
    object["name"] = text(vip.config.name.value());
    object["address"] = text(vip.config.address.to_string());
    object["interface"] = text(vip.config.interface.value());
    object["announce"] = text(describe(vip.config.announce));
    object["virtual_router"] = text_of(vip.config.virtual_router);
    object["verdict"] = verdict(vip.verdict);
    object["state"] = text(describe(vip.state));
    object["announced"] = vip.announced;
    object["held_back_for"] = vip.held_until ? seconds(*vip.held_until - now) : json::value{};
    object["kernel_error"] = text_of(vip.kernel_error);
    object["role"] = vip.config.role == config::Role::None ? json::value{} : text(config::describe(vip.config.role));
    object["stands_by"] = vip.stands_by;
    object["others"] = text(word(vip.others.knowledge));
    object["others_detail"] = text(vip.others.text);
    object["capacity"] = to_value(vip.capacity);
    object["drained"] = vip.drained;
    object["prefix"] = vip.config.announce.bgp ? text(describe(config::route_prefix(vip.config))) : json::value{};
    object["peers"] = vip.config.announce.bgp ? texts(vip.config.bgp.peers) : json::array{};
    object["needs_bgp_session"] = vip.config.track_bgp_session;
    object["track"] = tracks(vip.config.track);
    object["services"] = vip.config.services == config::Services::All ? "all" : "any";
    object["held_back_by"] = held_back_by(vip);
    object["flap"] = flap(vip);
    object["warnings"] = list(vip.warnings, [](const auto& warning) { return text(warning); });
    return object;
}

json::object to_object(const bgp::Counters& counters) {
    json::object object;
    object["messages_in"] = counters.messages_in;
    object["messages_out"] = counters.messages_out;
    object["updates_in"] = counters.updates_in;
    object["updates_out"] = counters.updates_out;
    object["sessions"] = counters.sessions;
    object["connections_refused"] = counters.connections_refused;
    return object;
}

/// A NOTIFICATION in words, and how long ago it was.
json::value to_value(const std::optional<bgp::Said>& said, TimePoint now) {
    if (!said) return nullptr;
    json::object object;
    object["text"] = text(bgp::describe(said->notification));
    object["code"] = said->notification.code;
    object["subcode"] = said->notification.subcode;
    object["age"] = seconds(now - said->at);
    return object;
}

json::object to_object(const bfd::Counters& counters) {
    json::object object;
    object["packets_sent"] = counters.packets_sent;
    object["packets_received"] = counters.packets_received;
    object["times_up"] = counters.times_up;
    object["times_failed"] = counters.times_failed;
    object["late_wakeups"] = counters.late_wakeups;
    json::object discarded;
    for (std::size_t i = 0; i < counters.discarded.size(); ++i) {
        discarded[word(static_cast<bfd::DiscardReason>(i))] = counters.discarded[i];
    }
    object["discarded"] = std::move(discarded);
    return object;
}

json::object to_object(const daemon::PeerStatus::Bfd& bfd, TimePoint now) {
    const auto& core = bfd.core;
    const auto of_core = [&](auto member) { return core ? json::value(member(core->status)) : json::value{}; };
    json::object object;
    object["state"] = of_core([](const auto& status) { return text(bfd::describe(status.state)); });
    object["since"] = of_core([&](const auto& status) { return seconds(now - status.since); });
    object["diagnostic"] = of_core([](const auto& status) { return text(bfd::describe(status.diagnostic)); });
    object["held_down"] = of_core([](const auto& status) { return status.held_down; });
    object["hops"] = core ? text(word(core->hops)) : json::value{};
    object["local"] = core ? text_of(core->local) : json::value{};
    object["socket_error"] = core ? text_of(core->socket_error) : json::value{};
    object["remote_state"] = of_core([](const auto& status) { return text(bfd::describe(status.remote_state)); });
    object["remote_diagnostic"] =
        of_core([](const auto& status) { return text(bfd::describe(status.remote_diagnostic)); });
    object["transmit_interval_ms"] = of_core([](const auto& status) { return milliseconds(status.transmit_interval); });
    object["receive_interval_ms"] = of_core([](const auto& status) { return milliseconds(status.receive_interval); });
    object["detection_time_ms"] = of_core([](const auto& status) { return milliseconds(status.detection_time); });
    object["polling"] = of_core([](const auto& status) { return status.polling; });
    object["last_failure"] = of_core([](const auto& status) { return text_of(status.last_failure); });
    object["last_failure_age"] = of_core([&](const auto& status) {
        return status.last_failure ? seconds(now - status.last_failure_at) : json::value{};
    });
    object["counters"] = of_core([](const auto& status) { return to_object(status.counters); });
    return object;
}

json::value to_value(const bgp::PeerAs& peer_as) {
    return std::visit(overloaded{
                          [](const bgp::Asn& asn) { return json::value(asn.value()); },
                          [](const bgp::ExternalAs&) { return json::value(text("external")); },
                          [](const bgp::InternalAs&) { return json::value(text("internal")); },
                      },
                      peer_as);
}

json::object to_object(const daemon::PeerRangeStatus& range, TimePoint now) {
    json::object object;
    object["name"] = text(range.name.value());
    object["range"] = text(range.range.to_string());
    object["configured_asn"] = to_value(range.peer_as);
    object["limit"] = range.limit;
    object["instances"] = range.instances;
    object["established"] = range.established;
    object["refused"] = range.refused;
    object["last_error"] = text_of(range.last_error);
    object["last_error_age"] = range.last_error ? seconds(now - range.last_error_at) : json::value{};
    return object;
}

json::object to_object(const daemon::PeerStatus::Link& link, TimePoint now) {
    const auto& core = link.core;
    json::object object;
    object["interface"] = text(link.interface.value());
    object["local"] = text_of(core.own);
    object["neighbor"] = text_of(core.neighbor);
    object["heard"] = core.neighbor ? seconds(now - core.heard_at) : json::value{};
    object["another_neighbor"] = text_of(core.another);
    object["sent"] = core.sent;
    object["received"] = core.received;
    object["discarded"] = core.discarded;
    object["last_discard"] = core.last_discard ? text(bgp::nd::describe(*core.last_discard)) : json::value{};
    return object;
}

json::value to_value(const std::optional<bgp::Kept>& kept, TimePoint now) {
    if (!kept) return nullptr;
    json::object object;
    object["routes"] = kept->routes;
    object["families"] = text(bgp::describe(kept->families));
    object["long_lived"] = !kept->long_lived.none();
    object["time_left"] = seconds(kept->until - now);
    return object;
}

json::value to_value(daemon::PeerStatus::Signature signature) {
    switch (signature) {
        case daemon::PeerStatus::Signature::None: return nullptr;
        case daemon::PeerStatus::Signature::TcpMd5: return "tcp_md5";
        case daemon::PeerStatus::Signature::TcpAo: return "tcp_ao";
    }
    return nullptr;
}

json::object to_object(const daemon::PeerStatus& peer, TimePoint now) {
    const auto& status = peer.status;
    const auto& negotiated = status.negotiated;
    json::object object;
    object["name"] = text(peer.name.value());
    object["range"] = text_of(peer.range);
    object["address"] = text(peer.address.to_string());
    object["asn"] = negotiated ? json::value(negotiated->peer_as.value()) : json::value{};
    object["configured_asn"] = to_value(peer.peer_as);
    object["state"] = text(bgp::describe(status.state));
    object["started"] = status.started;
    object["waits_for_bfd"] = status.waits_for_bfd;
    object["since"] = seconds(now - status.since);
    object["uptime"] = status.established ? seconds(now - *status.established) : json::value{};
    object["local"] = text_of(status.local);
    object["remote"] = text_of(status.remote);
    object["router_id"] = negotiated ? text(negotiated->peer_id.to_string()) : json::value{};
    object["hold_time"] = negotiated ? seconds(negotiated->hold_time) : json::value{};
    object["ipv4"] = negotiated ? json::value(negotiated->ipv4) : json::value{};
    object["ipv6"] = negotiated ? json::value(negotiated->ipv6) : json::value{};
    object["negotiated"] = negotiated ? text(describe(*negotiated)) : json::value{};
    json::array offered;
    for (const auto& capability : status.offered) offered.push_back(text(anyvip::describe(capability)));
    object["offered"] = std::move(offered);
    object["kept"] = to_value(status.kept, now);
    object["unacknowledged_octets"] = status.unacknowledged;
    object["routes_wanted"] = status.routes_wanted;
    object["routes_announced"] = status.routes_announced;
    json::object withheld;
    for (const auto& [reason, count] : status.routes_withheld) withheld[word(reason)] = count;
    object["routes_withheld"] = std::move(withheld);
    object["last_error"] = text_of(status.last_error);
    object["last_error_age"] = status.last_error ? seconds(now - status.last_error_at) : json::value{};
    object["last_error_kind"] = status.last_error ? text(word(status.last_error->kind)) : json::value{};
    object["last_sent"] = to_value(status.last_sent, now);
    object["last_received"] = to_value(status.last_received, now);
    object["signature"] = to_value(peer.signature);
    object["said_asn"] = status.said_as ? json::value(status.said_as->value()) : json::value{};
    object["updates_unacknowledged_for"] =
        status.unacknowledged_since ? seconds(now - *status.unacknowledged_since) : json::value{};
    object["counters"] = to_object(status.counters);
    object["bfd"] = peer.bfd ? json::value(to_object(*peer.bfd, now)) : json::value{};
    object["link"] = peer.link ? json::value(to_object(*peer.link, now)) : json::value{};
    return object;
}

json::object to_object(const vrrp::Counters& counters) {
    json::object object;
    object["advertisements_sent"] = counters.advertisements_sent;
    object["advertisements_received"] = counters.advertisements_received;
    object["priority_zero_sent"] = counters.priority_zero_sent;
    object["priority_zero_received"] = counters.priority_zero_received;
    object["became_active"] = counters.became_active;
    object["became_backup"] = counters.became_backup;
    object["became_initialize"] = counters.became_initialize;
    object["losing_advertisements"] = counters.losing_advertisements;
    object["late_wakeups"] = counters.late_wakeups;
    object["apply_errors"] = counters.apply_errors;
    object["apply_timeouts"] = counters.apply_timeouts;
    json::object discarded;
    for (std::size_t i = 0; i < counters.discarded.size(); ++i) {
        discarded[word(static_cast<vrrp::DiscardReason>(i))] = counters.discarded[i];
    }
    object["discarded"] = std::move(discarded);
    return object;
}

/// The router that has the addresses now, as far as we know.
json::value active_router(const daemon::RouterStatus::Core& core) {
    return std::visit(overloaded{
                          [](const vrrp::Initialize&) { return json::value{}; },
                          [](const vrrp::Backup& backup) { return text_of(backup.active_router); },
                          [&](const vrrp::Active&) { return text_of(core.source); },
                      },
                      core.state);
}

json::object to_object(const daemon::RouterStatus& router) {
    json::object object;
    object["name"] = text(router.config.name.value());
    object["interface"] = text(router.config.interface.value());
    object["vrid"] = router.config.vrid.value();
    object["family"] = router.config.family == net::Family::Ipv4 ? "ipv4" : "ipv6";
    object["version"] = static_cast<unsigned>(router.config.version);
    object["state"] = text(vrrp::describe(router.state));
    object["reason"] = text(vrrp::describe(router.reason));
    object["serving"] = router.serving;
    object["verdict"] = verdict(router.verdict);
    object["track"] = tracks(router.config.track);
    object["priority"] =
        router.core && router.core->priority ? json::value(router.core->priority->value()) : json::value{};
    object["source"] = router.core ? text_of(router.core->source) : json::value{};
    object["active_router"] = router.core ? active_router(*router.core) : json::value{};
    object["counters"] = router.core ? json::value(to_object(router.core->counters)) : json::value{};
    return object;
}

/// The configured weight, which the wish of a failed or drained real server no longer has.
json::value configured_weight(const config::VirtualServer& server, const net::Endpoint& address) {
    for (const auto& real_server : server.real_servers) {
        if (real_server.address == address) return real_server.weight.value();
    }
    return {};
}

json::object to_object(const daemon::RealServerStatus& real_server, const config::VirtualServer& server) {
    // Without a check it counts as healthy (config::VirtualServer).
    const auto health = real_server.check ? real_server.check->health : vip::Health::Up;
    const auto* const present = std::get_if<vip::Present>(&real_server.wish);
    json::object object;
    object["address"] = text(real_server.address.to_string());
    object["weight"] = configured_weight(server, real_server.address);
    object["wished_weight"] = present != nullptr ? json::value(present->weight) : json::value{};
    object["state"] = text(real_server.drained ? "drained" : word(health));
    object["detail"] = text(real_server.check ? real_server.check->detail : "");
    return object;
}

json::object to_object(const daemon::ServerStatus& server) {
    json::object object;
    object["name"] = text(server.config.name.value());
    object["vip"] = text(server.config.vip.value());
    object["address"] = text(server.address.to_string());
    object["port"] = server.config.port;
    object["protocol"] = text(ipvs::describe(server.config.protocol));
    object["scheduler"] = text(server.config.scheduler.value());
    object["forwarding"] = text(ipvs::describe(server.config.forwarding));
    object["quorum"] = server.pool.quorum;
    object["healthy"] = server.pool.healthy;
    object["configured"] = server.pool.configured;
    object["when_empty"] = server.config.when_empty == config::WhenEmpty::Withdraw ? "withdraw" : "keep";
    object["real_servers"] =
        list(server.real_servers, [&](const auto& real_server) { return to_object(real_server, server.config); });
    return object;
}

json::object to_object(const health::Result& result, TimePoint now) {
    json::object object;
    object["result"] = text(word(result.kind));
    object["age"] = seconds(now - result.started);
    object["duration_ms"] = milliseconds(result.duration);
    return object;
}

json::object to_object(const daemon::CheckStatus& check, TimePoint now) {
    json::object object;
    object["name"] = text(check.name.value());
    object["state"] = text(check.core ? word(check.core->state) : word(check.fact.health));
    object["detail"] =
        text(check.core && check.core->reason ? health::describe(*check.core->reason) : check.fact.detail);
    const auto* const core = check.core ? &*check.core : nullptr;
    object["since"] = core != nullptr ? seconds(now - core->since) : json::value{};
    object["last"] = core != nullptr && core->last ? text(health::describe(*core->last)) : json::value{};
    object["last_duration_ms"] =
        core != nullptr && core->last_duration ? milliseconds(*core->last_duration) : json::value{};
    object["successes"] = core != nullptr ? json::value(core->successes) : json::value{};
    object["failures"] = core != nullptr ? json::value(core->failures) : json::value{};
    object["history"] = core == nullptr
                            ? json::array{}
                            : list(core->history, [&](const auto& result) { return to_object(result, now); });
    return object;
}

json::object to_object(const daemon::AnnouncementStatus& announcement) {
    const auto& route = announcement.route;
    json::object object;
    object["vip"] = text(announcement.vip.value());
    object["prefix"] = text(describe(announcement.prefix));
    object["peer"] = text(announcement.peer.value());
    object["desired"] = route.desired;
    object["withheld"] = route.withheld ? text(word(*route.withheld)) : json::value{};
    object["sent"] = route.sent;
    object["acknowledged"] = route.acknowledged;
    object["attributes"] = announcement.attributes ? text(bgp::describe(*announcement.attributes)) : json::value{};
    object["warning"] = text_of(announcement.warning);
    return object;
}

json::object route_object(const bgp::Nlri& nlri, const std::optional<bgp::Refusal>& refused, Duration age) {
    json::object object;
    object["prefix"] = text(describe(nlri.prefix));
    object["path_id"] = nlri.path_id;
    object["accepted"] = !refused;
    object["refused"] = refused ? text(word(*refused)) : json::value{};
    object["age"] = seconds(age);
    return object;
}

json::object to_object(const bgp::Nlri& nlri, const bgp::ReceivedRoute& route, TimePoint now) {
    const auto& attributes = route.attributes;
    auto object = route_object(nlri, route.refused, now - route.since);
    object["detail"] = nullptr;
    object["stale"] = route.stale;
    object["next_hop"] = text(describe(attributes.next_hop));
    object["as_path"] = text(describe(attributes.as_path));
    object["origin"] = text(describe(attributes.origin));
    object["med"] = attributes.med ? json::value(*attributes.med) : json::value{};
    object["local_pref"] = attributes.local_pref ? json::value(*attributes.local_pref) : json::value{};
    object["communities"] = texts(attributes.communities);
    object["large_communities"] = texts(attributes.large_communities);
    object["extended_communities"] = texts(attributes.extended_communities);
    return object;
}

json::object to_object(const bgp::Nlri& nlri, const bgp::RefusedRoute& route, TimePoint now) {
    auto object = route_object(nlri, route.why, now - route.since);
    object["detail"] = text(route.detail);
    object["stale"] = false;
    for (const auto* const member : {"next_hop", "as_path", "origin", "med", "local_pref"}) object[member] = nullptr;
    for (const auto* const member : {"communities", "large_communities", "extended_communities"}) {
        object[member] = json::array{};
    }
    return object;
}

json::object to_object(const daemon::ReceivedStatus& received, TimePoint now) {
    json::object object;
    object["peer"] = text(received.peer.value());
    object["accepted"] = received.accepted;
    object["max_prefixes"] = received.max_prefixes;
    json::object refused;
    for (std::size_t i = 0; i < received.refused.size(); ++i) {
        refused[word(static_cast<bgp::Refusal>(i))] = received.refused[i];
    }
    object["refused"] = std::move(refused);
    json::array routes;
    for (const auto& [nlri, route] : received.routes) routes.push_back(to_object(nlri, route, now));
    for (const auto& [nlri, route] : received.examples) {
        if (!received.routes.contains(nlri)) routes.push_back(to_object(nlri, route, now));
    }
    object["routes"] = std::move(routes);
    return object;
}

json::object to_object(const daemon::Routes& routes) {
    json::object object;
    object["announcements"] = list(routes.announcements, [](const auto& item) { return to_object(item); });
    object["received"] = list(routes.received, [&](const auto& item) { return to_object(item, routes.now); });
    return object;
}

json::object to_object(const daemon::Status& status) {
    json::object object;
    object["node"] = text(status.node);
    object["version"] = text(version);
    object["uptime"] = seconds(status.now - status.started_at);
    object["stopping"] = status.stopping;
    object["drained"] = status.drained;
    object["bgp"] = nullptr;
    if (status.asn) {
        json::object bgp;
        bgp["asn"] = status.asn->value();
        bgp["router_id"] = status.router_id ? text(status.router_id->address.to_string()) : json::value{};
        object["bgp"] = std::move(bgp);
    }
    object["vips"] = list(status.vips, [&](const auto& vip) { return to_object(vip, status.now); });
    object["peers"] = list(status.peers, [&](const auto& peer) { return to_object(peer, status.now); });
    object["peer_ranges"] = list(status.peer_ranges, [&](const auto& range) { return to_object(range, status.now); });
    object["virtual_routers"] = list(status.routers, [](const auto& router) { return to_object(router); });
    object["virtual_servers"] = list(status.servers, [](const auto& server) { return to_object(server); });
    object["checks"] = list(status.checks, [&](const auto& check) { return to_object(check, status.now); });
    return object;
}

}  // namespace

std::string to_json(const daemon::Status& status) {
    return serialize(to_object(status));
}

std::string answer_routes(const daemon::Routes& routes) {
    json::object answer;
    answer["ok"] = true;
    answer["routes"] = to_object(routes);
    return serialize(answer);
}

std::string answer_status(const daemon::Status& status) {
    json::object answer;
    answer["ok"] = true;
    answer["status"] = to_object(status);
    return serialize(answer);
}

}  // namespace anyvip::control
