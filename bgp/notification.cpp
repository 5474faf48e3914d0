#include "bgp/notification.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "anyvip/wire/reader.hpp"

namespace anyvip::bgp {
namespace {

constexpr std::size_t max_communication = 128;

struct Character {
    std::uint32_t code_point = 0;
    std::size_t octets = 0;  ///< 0: not UTF-8
};

/// The first character of `text`, which is not empty. Overlong forms and surrogates are not UTF-8 (RFC 3629 §3).
Character first_character(std::span<const std::uint8_t> text) {
    const std::uint8_t lead = text[0];
    if (lead < 0x80) return {lead, 1};
    const std::size_t octets = lead >= 0xf0 ? 4U : lead >= 0xe0 ? 3U : 2U;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < octets) return {};
    std::uint32_t code_point = lead & (0xffU >> (octets + 1));
    for (std::size_t i = 1; i < octets; ++i) {
        if ((text[i] & 0xc0U) != 0x80) return {};
        code_point = code_point << 6U | (text[i] & 0x3fU);
    }
    constexpr std::array<std::uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
    if (code_point < smallest[octets] || code_point > 0x10ffff || surrogate) return {};
    return {code_point, octets};
}

/// C0, DEL, C1, line separators, and what turns the direction of the text around it.
bool is_control(std::uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/// At most `limit` octets, without half a character at the end.
std::string_view cut(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) return text;
    while (limit > 0 && (static_cast<std::uint8_t>(text[limit]) & 0xc0U) == 0x80) --limit;
    return text.substr(0, limit);
}

bool carries_communication(CeaseSubcode subcode) {
    return subcode == CeaseSubcode::AdministrativeShutdown || subcode == CeaseSubcode::AdministrativeReset;
}

std::string hex(std::span<const std::uint8_t> octets) {
    constexpr std::string_view digits = "0123456789abcdef";
    constexpr std::size_t shown = 32;
    std::string text;
    for (const auto octet : octets.first(std::min(octets.size(), shown))) {
        text += digits[octet >> 4U];
        text += digits[octet & 0xfU];
    }
    if (octets.size() > shown) text += "...";
    return text;
}

/// "code / subcode" in words; empty for a subcode that is not registered.
std::string subcode_name(ErrorCode code, std::uint8_t subcode) {
    const auto name = [](const auto& known) { return known ? std::string{describe(*known)} : std::string{}; };
    switch (code) {
        case ErrorCode::MessageHeader: return name(to_message_header_subcode(subcode));
        case ErrorCode::OpenMessage: return name(to_open_message_subcode(subcode));
        case ErrorCode::UpdateMessage: return name(to_update_message_subcode(subcode));
        case ErrorCode::FiniteStateMachine: return name(to_fsm_subcode(subcode));
        case ErrorCode::Cease: return name(to_cease_subcode(subcode));
        case ErrorCode::RouteRefreshMessage: return name(to_route_refresh_subcode(subcode));
        case ErrorCode::HoldTimerExpired:
        case ErrorCode::SendHoldTimerExpired: return {};
    }
    return {};
}

}  // namespace

std::string fit_for_display(std::span<const std::uint8_t> text) {
    std::string shown;
    while (!text.empty()) {
        const auto [code_point, octets] = first_character(text);
        if (octets == 0) shown += '?';
        if (octets != 0 && !is_control(code_point)) shown.append(text.begin(), text.begin() + static_cast<int>(octets));
        text = text.subspan(std::max<std::size_t>(octets, 1));
    }
    return shown;
}

std::optional<ErrorCode> to_error_code(std::uint8_t code) {
    if (code < 1 || code > 8) return std::nullopt;
    return static_cast<ErrorCode>(code);
}

std::optional<MessageHeaderSubcode> to_message_header_subcode(std::uint8_t subcode) {
    if (subcode < 1 || subcode > 3) return std::nullopt;
    return static_cast<MessageHeaderSubcode>(subcode);
}

std::optional<OpenMessageSubcode> to_open_message_subcode(std::uint8_t subcode) {
    if (subcode == 5 || (subcode > 7 && subcode != 11)) return std::nullopt;
    return static_cast<OpenMessageSubcode>(subcode);
}

std::optional<UpdateMessageSubcode> to_update_message_subcode(std::uint8_t subcode) {
    if (subcode == 7 || subcode > 11) return std::nullopt;
    return static_cast<UpdateMessageSubcode>(subcode);
}

std::optional<FsmSubcode> to_fsm_subcode(std::uint8_t subcode) {
    if (subcode > 3) return std::nullopt;
    return static_cast<FsmSubcode>(subcode);
}

std::optional<CeaseSubcode> to_cease_subcode(std::uint8_t subcode) {
    if (subcode < 1 || subcode > 10) return std::nullopt;
    return static_cast<CeaseSubcode>(subcode);
}

std::optional<RouteRefreshSubcode> to_route_refresh_subcode(std::uint8_t subcode) {
    if (subcode != 1) return std::nullopt;
    return static_cast<RouteRefreshSubcode>(subcode);
}

std::string_view describe(ErrorCode code) {
    switch (code) {
        case ErrorCode::MessageHeader: return "Message Header Error";
        case ErrorCode::OpenMessage: return "OPEN Message Error";
        case ErrorCode::UpdateMessage: return "UPDATE Message Error";
        case ErrorCode::HoldTimerExpired: return "Hold Timer Expired";
        case ErrorCode::FiniteStateMachine: return "Finite State Machine Error";
        case ErrorCode::Cease: return "Cease";
        case ErrorCode::RouteRefreshMessage: return "ROUTE-REFRESH Message Error";
        case ErrorCode::SendHoldTimerExpired: return "Send Hold Timer Expired";
    }
    return "?";
}

std::string_view describe(MessageHeaderSubcode subcode) {
    switch (subcode) {
        case MessageHeaderSubcode::ConnectionNotSynchronized: return "Connection Not Synchronized";
        case MessageHeaderSubcode::BadMessageLength: return "Bad Message Length";
        case MessageHeaderSubcode::BadMessageType: return "Bad Message Type";
    }
    return "?";
}

std::string_view describe(OpenMessageSubcode subcode) {
    switch (subcode) {
        case OpenMessageSubcode::Unspecific: return "Unspecific";
        case OpenMessageSubcode::UnsupportedVersionNumber: return "Unsupported Version Number";
        case OpenMessageSubcode::BadPeerAs: return "Bad Peer AS";
        case OpenMessageSubcode::BadBgpIdentifier: return "Bad BGP Identifier";
        case OpenMessageSubcode::UnsupportedOptionalParameter: return "Unsupported Optional Parameter";
        case OpenMessageSubcode::UnacceptableHoldTime: return "Unacceptable Hold Time";
        case OpenMessageSubcode::UnsupportedCapability: return "Unsupported Capability";
        case OpenMessageSubcode::RoleMismatch: return "Role Mismatch";
    }
    return "?";
}

std::string_view describe(UpdateMessageSubcode subcode) {
    switch (subcode) {
        case UpdateMessageSubcode::Unspecific: return "Unspecific";
        case UpdateMessageSubcode::MalformedAttributeList: return "Malformed Attribute List";
        case UpdateMessageSubcode::UnrecognizedWellKnownAttribute: return "Unrecognized Well-known Attribute";
        case UpdateMessageSubcode::MissingWellKnownAttribute: return "Missing Well-known Attribute";
        case UpdateMessageSubcode::AttributeFlagsError: return "Attribute Flags Error";
        case UpdateMessageSubcode::AttributeLengthError: return "Attribute Length Error";
        case UpdateMessageSubcode::InvalidOriginAttribute: return "Invalid ORIGIN Attribute";
        case UpdateMessageSubcode::InvalidNextHopAttribute: return "Invalid NEXT_HOP Attribute";
        case UpdateMessageSubcode::OptionalAttributeError: return "Optional Attribute Error";
        case UpdateMessageSubcode::InvalidNetworkField: return "Invalid Network Field";
        case UpdateMessageSubcode::MalformedAsPath: return "Malformed AS_PATH";
    }
    return "?";
}

std::string_view describe(FsmSubcode subcode) {
    switch (subcode) {
        case FsmSubcode::Unspecified: return "Unspecified Error";
        case FsmSubcode::UnexpectedMessageInOpenSent: return "Unexpected Message in OpenSent";
        case FsmSubcode::UnexpectedMessageInOpenConfirm: return "Unexpected Message in OpenConfirm";
        case FsmSubcode::UnexpectedMessageInEstablished: return "Unexpected Message in Established";
    }
    return "?";
}

std::string_view describe(CeaseSubcode subcode) {
    switch (subcode) {
        case CeaseSubcode::MaximumNumberOfPrefixesReached: return "Maximum Number of Prefixes Reached";
        case CeaseSubcode::AdministrativeShutdown: return "Administrative Shutdown";
        case CeaseSubcode::PeerDeconfigured: return "Peer De-configured";
        case CeaseSubcode::AdministrativeReset: return "Administrative Reset";
        case CeaseSubcode::ConnectionRejected: return "Connection Rejected";
        case CeaseSubcode::OtherConfigurationChange: return "Other Configuration Change";
        case CeaseSubcode::ConnectionCollisionResolution: return "Connection Collision Resolution";
        case CeaseSubcode::OutOfResources: return "Out of Resources";
        case CeaseSubcode::HardReset: return "Hard Reset";
        case CeaseSubcode::BfdDown: return "BFD Down";
    }
    return "?";
}

std::string_view describe(RouteRefreshSubcode subcode) {
    switch (subcode) {
        case RouteRefreshSubcode::InvalidMessageLength: return "Invalid Message Length";
    }
    return "?";
}

Notification::Notification(MessageHeaderSubcode known, std::vector<std::uint8_t> octets)
    : Notification{static_cast<std::uint8_t>(ErrorCode::MessageHeader), static_cast<std::uint8_t>(known),
                   std::move(octets)} {}
Notification::Notification(OpenMessageSubcode known, std::vector<std::uint8_t> octets)
    : Notification{static_cast<std::uint8_t>(ErrorCode::OpenMessage), static_cast<std::uint8_t>(known),
                   std::move(octets)} {}
Notification::Notification(UpdateMessageSubcode known, std::vector<std::uint8_t> octets)
    : Notification{static_cast<std::uint8_t>(ErrorCode::UpdateMessage), static_cast<std::uint8_t>(known),
                   std::move(octets)} {}
Notification::Notification(FsmSubcode known, std::vector<std::uint8_t> octets)
    : Notification{static_cast<std::uint8_t>(ErrorCode::FiniteStateMachine), static_cast<std::uint8_t>(known),
                   std::move(octets)} {}
Notification::Notification(CeaseSubcode known, std::vector<std::uint8_t> octets)
    : Notification{static_cast<std::uint8_t>(ErrorCode::Cease), static_cast<std::uint8_t>(known), std::move(octets)} {}
Notification::Notification(RouteRefreshSubcode known, std::vector<std::uint8_t> octets)
    : Notification{static_cast<std::uint8_t>(ErrorCode::RouteRefreshMessage), static_cast<std::uint8_t>(known),
                   std::move(octets)} {}

std::optional<CeaseSubcode> Notification::cease_subcode() const {
    if (error_code() != ErrorCode::Cease) return std::nullopt;
    return to_cease_subcode(subcode);
}

std::optional<Notification> Notification::wrapped() const {
    if (cease_subcode() != CeaseSubcode::HardReset || data.size() < 2) return std::nullopt;
    return Notification{data[0], data[1], {data.begin() + 2, data.end()}};
}

std::optional<std::pair<AddressFamily, std::uint32_t>> Notification::prefix_limit() const {
    if (cease_subcode() != CeaseSubcode::MaximumNumberOfPrefixesReached) return std::nullopt;
    wire::Reader in{data};
    const auto afi = in.u16();
    const AddressFamily family{afi, in.u8()};
    const auto limit = in.u32();
    if (in.failed() || !in.at_end()) return std::nullopt;
    return std::pair{family, limit};
}

std::optional<std::string> Notification::shutdown_communication() const {
    const auto cease = cease_subcode();
    if (!cease || !carries_communication(*cease)) return std::nullopt;
    wire::Reader in{data};
    const auto text = in.bytes(in.u8());
    if (in.failed() || text.empty()) return std::nullopt;
    return fit_for_display(text);
}

Notification hold_timer_expired() {
    return {static_cast<std::uint8_t>(ErrorCode::HoldTimerExpired), 0};
}

Notification send_hold_timer_expired() {
    return {static_cast<std::uint8_t>(ErrorCode::SendHoldTimerExpired), 0};
}

Notification fsm_error(FsmSubcode subcode, std::uint8_t unexpected_message_type) {
    return Notification{subcode, {unexpected_message_type}};
}

Notification fsm_error() {
    return Notification{FsmSubcode::Unspecified};
}

Notification cease(CeaseSubcode subcode, std::string_view communication) {
    if (!carries_communication(subcode) || communication.empty()) return Notification{subcode};
    const auto text = cut(communication, max_communication);
    wire::Writer out;
    {
        const auto length = out.length8();
        for (const char c : text) out.u8(static_cast<std::uint8_t>(c));
    }
    return Notification{subcode, out.take()};
}

Notification max_prefixes_reached(AddressFamily family, std::uint32_t max_prefixes) {
    wire::Writer out;
    out.u16(family.afi);
    out.u8(family.safi);
    out.u32(max_prefixes);
    return Notification{CeaseSubcode::MaximumNumberOfPrefixesReached, out.take()};
}

bool ends_for_good(const Notification& notification) {
    const auto subcode = notification.cease_subcode();
    if (!subcode) return false;
    switch (*subcode) {
        case CeaseSubcode::MaximumNumberOfPrefixesReached:
        case CeaseSubcode::AdministrativeShutdown:
        case CeaseSubcode::PeerDeconfigured:
        case CeaseSubcode::AdministrativeReset:
        case CeaseSubcode::HardReset:
        case CeaseSubcode::BfdDown: return true;
        case CeaseSubcode::ConnectionRejected:
        case CeaseSubcode::OtherConfigurationChange:
        case CeaseSubcode::ConnectionCollisionResolution:
        case CeaseSubcode::OutOfResources: return false;
    }
    return false;
}

Notification hard_reset(const Notification& reason) {
    wire::Writer out;
    encode(reason, out);
    return Notification{CeaseSubcode::HardReset, out.take()};
}

Notification unsupported_version() {
    return Notification{OpenMessageSubcode::UnsupportedVersionNumber, {0, 4}};
}

Notification bad_peer_as() {
    return Notification{OpenMessageSubcode::BadPeerAs};
}

Notification bad_bgp_identifier() {
    return Notification{OpenMessageSubcode::BadBgpIdentifier};
}

Notification unacceptable_hold_time() {
    return Notification{OpenMessageSubcode::UnacceptableHoldTime};
}

void encode(const Notification& notification, wire::Writer& out) {
    out.u8(notification.code);
    out.u8(notification.subcode);
    out.bytes(notification.data);
}

Result<Notification> decode_notification(std::span<const std::uint8_t> body) {
    wire::Reader in{body};
    Notification notification;
    notification.code = in.u8();
    notification.subcode = in.u8();
    const auto data = in.rest();
    // The Framer lets none so short through; RFC 4271 §6.4 leaves an error in a NOTIFICATION to the log.
    if (in.failed()) return std::unexpected{Notification{MessageHeaderSubcode::BadMessageLength}};
    notification.data.assign(data.begin(), data.end());
    return notification;
}

std::string describe(const Notification& notification) {
    const auto code = notification.error_code();
    std::string text;
    std::string subcode;
    if (code) {
        text = describe(*code);
        subcode = subcode_name(*code, notification.subcode);
    } else {
        text = "code " + std::to_string(notification.code);
    }
    if (!subcode.empty()) {
        text += " / " + subcode;
    } else if (!code || notification.subcode != 0) {
        text += " subcode " + std::to_string(notification.subcode);
    }
    if (const auto wrapped = notification.wrapped()) {
        // A wrapped one may wrap another, as often as 4096 octets allow: one is enough to know why.
        text += " (" + (wrapped->wrapped() ? std::string{describe(CeaseSubcode::HardReset)} : describe(*wrapped)) + ')';
    } else if (auto communication = notification.shutdown_communication()) {
        std::ranges::replace(*communication, '"', '\'');
        text += " \"" + *communication + '"';
    } else if (const auto limit = notification.prefix_limit()) {
        text += " (" + describe(limit->first) + ", " + std::to_string(limit->second) + ')';
    } else if (!notification.data.empty()) {
        text += " data " + hex(notification.data);
    }
    return text;
}

}  // namespace anyvip::bgp
