#include "anyvip/describe.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "bgp/adj_rib_out.hpp"
#include "bgp/fsm.hpp"
#include "bgp/message.hpp"
#include "bgp/peer.hpp"
#include "bgp/peer_config.hpp"

namespace anyvip::bgp {
namespace {

/// In quotes, and with nothing in it that could break a log line: it may come from the network.
std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
    return result + '"';
}

/// "OPEN 29, KEEPALIVE 19": the messages in octets of ours, or how many octets there are when they are none.
std::string messages_in(const std::vector<std::uint8_t>& bytes) {
    std::string text;
    std::size_t at = 0;
    while (at + header_size <= bytes.size()) {
        const std::size_t length = std::size_t{bytes[at + 16]} << 8U | bytes[at + 17];
        const auto type = to_message_type(bytes[at + 18]);
        if (!type || length < header_size || at + length > bytes.size()) break;
        text += (text.empty() ? "" : ", ") + std::string{describe(*type)} + ' ' + std::to_string(length);
        at += length;
    }
    if (at < bytes.size()) {
        text += (text.empty() ? "" : ", ") + std::to_string(bytes.size() - at) + " octets";
    }
    return text;
}

std::string stepped_back(const std::optional<Reason>& reason) {
    return reason ? ": " + describe(*reason) : std::string{};
}

}  // namespace

std::string_view describe(State state) {
    switch (state) {
        case State::Idle: return "Idle";
        case State::Connect: return "Connect";
        case State::Active: return "Active";
        case State::OpenSent: return "OpenSent";
        case State::OpenConfirm: return "OpenConfirm";
        case State::Established: return "Established";
    }
    return "unknown state";
}

std::string describe(const Reason& reason) {
    const auto notification = reason.notification ? ' ' + describe(*reason.notification) : std::string{};
    switch (reason.kind) {
        case Reason::Kind::Stopped: return "stopped" + notification;
        case Reason::Kind::NotificationReceived: return "received" + notification;
        case Reason::Kind::NotificationSent: return "sent" + notification;
        case Reason::Kind::HoldTimerExpired: return "hold timer expired";
        case Reason::Kind::SendHoldTimerExpired: return "send hold timer expired";
        case Reason::Kind::ConnectionFailed: return "connection failed " + quoted(reason.text);
        case Reason::Kind::Collision: return "connection collision";
        case Reason::Kind::BfdDown: return "BFD down " + quoted(reason.text);
    }
    return "unknown reason";
}

namespace fsm {

std::string describe(const ManualStart&) {
    return "ManualStart";
}
std::string describe(const ManualStop& event) {
    return "ManualStop " + describe(event.cease);
}
std::string describe(const AutomaticStop& event) {
    return "AutomaticStop " + describe(event.cease);
}
std::string describe(const TcpConnectionConfirmed&) {
    return "TcpConnectionConfirmed";
}
std::string describe(const TcpConnectionFails& event) {
    return "TcpConnectionFails " + quoted(event.text);
}
std::string describe(const BgpOpen& event) {
    return "BGPOpen " + describe(event.open);
}
std::string describe(const BgpHeaderErr& event) {
    return "BGPHeaderErr " + describe(event.notification);
}
std::string describe(const BgpOpenMsgErr& event) {
    return "BGPOpenMsgErr " + describe(event.notification);
}
std::string describe(const OpenCollisionDump&) {
    return "OpenCollisionDump";
}
std::string describe(const NotifMsg& event) {
    return "NotifMsg " + describe(event.notification);
}
std::string describe(const KeepAliveMsg&) {
    return "KeepAliveMsg";
}
std::string describe(const UpdateMsg&) {
    return "UpdateMsg";
}
std::string describe(const UpdateMsgErr& event) {
    return "UpdateMsgErr " + describe(event.notification);
}
std::string describe(const RouteRefreshMsg&) {
    return "RouteRefreshMsg";
}
std::string describe(const BfdDown& event) {
    return "BfdDown " + quoted(event.text);
}
std::string describe(const BfdUp&) {
    return "BfdUp";
}
std::string describe(const Progress&) {
    return "Progress";
}
std::string describe(const TimerExpired&) {
    return "TimerExpired";
}
std::string describe(const OpenConnection&) {
    return "OpenConnection";
}
std::string describe(const AbortOpen&) {
    return "AbortOpen";
}
std::string describe(const Send& action) {
    return "Send " + anyvip::describe(action.message);
}
std::string describe(const CloseConnection&) {
    return "CloseConnection";
}
std::string describe(const SessionUp& action) {
    return "SessionUp " + describe(action.negotiated);
}
std::string describe(const SessionDown& action) {
    return "SessionDown " + describe(action.reason);
}
std::string describe(const StateChanged& action) {
    return "StateChanged " + std::string{describe(action.from)} + " -> " + std::string{describe(action.to)} +
           stepped_back(action.reason);
}

}  // namespace fsm

std::string_view describe(Withheld reason) {
    switch (reason) {
        case Withheld::FamilyNotNegotiated: return "family not negotiated";
        case Withheld::NoNextHop: return "no next hop of this family";
        case Withheld::TooLarge: return "attributes too large";
    }
    return "unknown reason";
}

std::string describe(const RouteAttributes& attributes) {
    std::string text;
    const auto add = [&](const std::string& item) { text += (text.empty() ? "" : " ") + item; };
    if (attributes.next_hop) add("next_hop=" + describe(*attributes.next_hop));
    if (attributes.med) add("med=" + std::to_string(*attributes.med));
    if (attributes.local_pref) add("local_pref=" + std::to_string(*attributes.local_pref));
    if (attributes.prepend != 0) add("prepend=" + std::to_string(attributes.prepend));
    for (const auto& community : attributes.communities) add(describe(community));
    for (const auto& community : attributes.large_communities) add(describe(community));
    for (const auto& community : attributes.extended_communities) add(describe(community));
    return text.empty() ? "plain" : text;
}

std::string describe(const Route& route) {
    auto text = describe(route.attributes);
    if (route.peers) {
        text += ", to";
        for (const auto& peer : *route.peers) text += ' ' + describe(peer);
    }
    for (const auto& [peer, attributes] : route.exceptions) text += ", " + describe(peer) + ": " + describe(attributes);
    return text;
}

std::string describe(const Start& event) {
    if (!event.own.restarted) return "Start";
    return "Start restarted preserved=" + describe(event.own.preserved);
}
std::string describe(const Stop& event) {
    return "Stop " + std::string{describe(event.subcode)} + (event.text.empty() ? "" : ' ' + quoted(event.text));
}
std::string describe(const ConnectionOpened& event) {
    return "ConnectionOpened " + describe(event.connection) +
           (event.attempt ? " attempt " + describe(*event.attempt) : " by peer") + ' ' + describe(event.local) + ' ' +
           describe(event.remote);
}
std::string describe(const ConnectionFailed& event) {
    return "ConnectionFailed attempt " + describe(event.attempt) + ' ' + quoted(event.reason);
}
std::string describe(const ConnectionRefused& event) {
    return "ConnectionRefused " + quoted(event.reason);
}
std::string describe(const TransportDiagnosis& event) {
    return "TransportDiagnosis " + quoted(event.text);
}
std::string describe(const ConnectionClosed& event) {
    return "ConnectionClosed " + describe(event.connection) + ' ' + quoted(event.reason);
}
std::string describe(const Received& event) {
    return "Received " + describe(event.connection) + ' ' + messages_in(event.bytes);
}
std::string describe(const Written& event) {
    return "Written " + describe(event.connection) + ' ' + std::to_string(event.octets);
}
std::string describe(const Acknowledged& event) {
    return "Acknowledged connection=" + std::to_string(event.connection.value()) +
           " octets=" + std::to_string(event.octets);
}
std::string describe(const RoutesChanged& event) {
    std::string text = "RoutesChanged";
    for (const auto slot : event.slots) text += ' ' + describe(slot);
    return text;
}
std::string describe(const InitialRoutesComplete&) {
    return "InitialRoutesComplete";
}
std::string describe(const BfdDown& event) {
    return "BfdDown " + quoted(event.text);
}
std::string describe(const BfdUp&) {
    return "BfdUp";
}
std::string describe(const Watch& event) {
    std::string text = "Watch";
    for (const auto& prefix : event.prefixes) text += ' ' + describe(prefix);
    return text;
}
std::string describe(const ConfigChanged& event) {
    return "ConfigChanged " + describe(event.config.address);
}
std::string describe(const TimerExpired&) {
    return "TimerExpired";
}
std::string describe(const OpenConnection& action) {
    return "OpenConnection attempt " + describe(action.attempt);
}
std::string describe(const AbortOpen& action) {
    return "AbortOpen attempt " + describe(action.attempt);
}
std::string describe(const Send& action) {
    return "Send " + describe(action.connection) + ' ' + messages_in(action.bytes);
}
std::string describe(const CloseConnection& action) {
    return "CloseConnection " + describe(action.connection);
}
std::string describe(const SessionUp& action) {
    return "SessionUp " + describe(action.negotiated);
}
std::string describe(const SessionDown& action) {
    return "SessionDown " + describe(action.reason);
}
std::string describe(const RoutesSent&) {
    return "RoutesSent";
}
std::string describe(const RoutesReceived& action) {
    return "RoutesReceived " + describe(action.update);
}
std::string describe(const RefreshBegins& action) {
    return "RefreshBegins " + describe(unicast(action.family));
}
std::string describe(const RefreshEnds& action) {
    return "RefreshEnds " + describe(unicast(action.family));
}
std::string describe(const WatchedRoutesChanged& action) {
    std::string text = "WatchedRoutesChanged";
    for (const auto& prefix : action.prefixes) text += ' ' + describe(prefix);
    return text;
}
std::string describe(const InitialRoutesReceived& action) {
    return "InitialRoutesReceived " + std::string{describe(action.family)};
}
std::string describe(const MaxPrefixesReached& action) {
    return "MaxPrefixesReached " + std::to_string(action.max_prefixes);
}
std::string describe(const StateChanged& action) {
    return "StateChanged " + std::string{describe(action.from)} + " -> " + std::string{describe(action.to)} +
           stepped_back(action.reason);
}

}  // namespace anyvip::bgp
