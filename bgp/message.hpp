#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anyvip/net/address.hpp"
#include "bgp/address_family.hpp"
#include "bgp/asn.hpp"
#include "bgp/capability.hpp"
#include "bgp/notification.hpp"
#include "bgp/path_attribute.hpp"

/// BGP messages (RFC 4271 §4): a struct each, encoded and decoded side by side in message.cpp.
///
///     octets -> Framer (framer.hpp) -> RawMessage -> decode() -> Message -> bgp::Fsm
///     bgp::AdjRibOut -> UpdateWriter (update_writer.hpp: many prefixes, one set of attributes) -> octets
///
/// All functions are total and know nothing but their arguments: what was negotiated comes as a context, and what
/// is wrong with the octets leaves as the NOTIFICATION to send. decode() judges what every peer must get right
/// (version, AS 0, identifier 0, hold time 1 and 2, malformed parameters); whether it is the *expected* AS or an
/// *acceptable* hold time is for `bgp::Fsm`. An UPDATE with an error that RFC 7606 treats as a withdrawal arrives
/// as one: its routes stand in `withdrawn` and `mp_unreach`, and `errors` says why.
///
/// RFC 4271, 2918 and 7313 (ROUTE-REFRESH), 4724 §2 (End-of-RIB), 4760, 5492, 6286, 6793, 7606, 7911, 8654, 9072.
/// Outbound route filters (RFC 5291) are never offered, so that a refresh with one is error 7/1.
namespace anyvip::bgp {

enum class MessageType : std::uint8_t { Open = 1, Update = 2, Notification = 3, Keepalive = 4, RouteRefresh = 5 };

[[nodiscard]] std::optional<MessageType> to_message_type(std::uint8_t type);
[[nodiscard]] std::string_view describe(MessageType type);

inline constexpr std::size_t header_size = 19;
inline constexpr std::size_t max_message_size = 4096;
inline constexpr std::size_t max_extended_message_size = 65535;  // RFC 8654

[[nodiscard]] constexpr std::size_t max_size(const EncodeContext& context) {
    return context.extended_message ? max_extended_message_size : max_message_size;
}

using HoldTime = std::chrono::duration<std::uint16_t>;

struct Open {
    /// The My Autonomous System field. encode() writes AS_TRANS for a number that needs four octets.
    Asn my_as;
    HoldTime hold_time{0};
    net::Ipv4Address identifier;  ///< compare as the 32-bit number it is (RFC 6286)
    std::vector<Capability> capabilities;

    /// The sender's number: from capability 65, or my_as of an OLD speaker.
    [[nodiscard]] Asn asn() const;

    friend bool operator==(const Open&, const Open&) = default;
};

struct Update {
    std::vector<Nlri> withdrawn;  ///< IPv4
    std::optional<MpUnreach> mp_unreach;
    std::optional<MpReach> mp_reach;
    PathAttributes attributes;  ///< meaningless without nlri or mp_reach
    std::vector<Nlri> nlri;     ///< IPv4
    /// Received UPDATEs only: what was announced and is treated as withdrawn; it stands among the withdrawn as well.
    std::vector<Nlri> refused{};
    /// Received UPDATEs only: what RFC 7606 let pass, at most max_reported_attribute_errors.
    std::vector<AttributeError> errors;

    friend bool operator==(const Update&, const Update&) = default;
};

struct Keepalive {
    friend bool operator==(const Keepalive&, const Keepalive&) = default;
};

struct RouteRefresh {
    /// RFC 7313 §3.2; other values are to be ignored.
    static constexpr std::uint8_t request = 0;
    static constexpr std::uint8_t begin = 1;
    static constexpr std::uint8_t end = 2;

    AddressFamily family;
    std::uint8_t subtype = request;
    friend bool operator==(const RouteRefresh&, const RouteRefresh&) = default;
};

using Message = std::variant<Open, Update, Notification, Keepalive, RouteRefresh>;

[[nodiscard]] MessageType type_of(const Message& message);

/// One framed message. `body` is what follows the header; it belongs to the Framer and lives until its next feed().
struct RawMessage {
    MessageType type = MessageType::Keepalive;
    std::span<const std::uint8_t> body;
};

/// The whole message with its header.
[[nodiscard]] std::vector<std::uint8_t> encode(const Message& message, const EncodeContext& context);
[[nodiscard]] Result<Message> decode(const RawMessage& message, const DecodeContext& context);

// The bodies, one pair per message (Notification's is in notification.hpp; KEEPALIVE has none).
void encode(const Open& open, wire::Writer& out);
[[nodiscard]] Result<Open> decode_open(std::span<const std::uint8_t> body);
void encode(const Update& update, const EncodeContext& context, wire::Writer& out);
[[nodiscard]] Result<Update> decode_update(std::span<const std::uint8_t> body, const DecodeContext& context);
void encode(const RouteRefresh& refresh, wire::Writer& out);
[[nodiscard]] Result<RouteRefresh> decode_route_refresh(std::span<const std::uint8_t> body);

/// A route that RFC 9234 §5 takes for a leak: its UPDATE withdraws what it announced, and says so.
void withdraw_leak(Update& update);

/// RFC 4724 §2: an empty UPDATE, or one with only an empty MP_UNREACH_NLRI.
[[nodiscard]] Update end_of_rib(AddressFamily family);
/// The family whose End-of-RIB this is.
[[nodiscard]] std::optional<AddressFamily> end_of_rib_family(const Update& update);

/// "OPEN as=65010 hold_time=30s id=10.0.0.11 [multiprotocol ipv4-unicast, four-octet-as 65010]".
[[nodiscard]] std::string describe(const Open& open);
/// "UPDATE announce 203.0.113.10/32 origin=igp ...", "UPDATE withdraw 203.0.113.10/32", "UPDATE End-of-RIB
/// ipv4-unicast".
[[nodiscard]] std::string describe(const Update& update);
[[nodiscard]] std::string describe(const Keepalive& keepalive);
[[nodiscard]] std::string describe(const RouteRefresh& refresh);

}  // namespace anyvip::bgp
