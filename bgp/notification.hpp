#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "anyvip/describe.hpp"
#include "anyvip/wire/writer.hpp"
#include "bgp/address_family.hpp"

/// NOTIFICATION (RFC 4271 §4.5, §6): how a session says why it ends, and the error type of every decoder here.
///
/// The code and the subcode stay as they were received: a peer may send what no registry knows, and `describe()` must
/// still show it. What we send is made by the named constructors, each of which knows the data its RFC asks for.
///
/// RFC 4271, 4486 (Cease), 6608 (FSM), 7313 (ROUTE-REFRESH), 8538 (Hard Reset), 9003 (shutdown communication),
/// 9384 (BFD Down), 9687 (Send Hold Timer).
namespace anyvip::bgp {

using anyvip::describe;

enum class ErrorCode : std::uint8_t {
    MessageHeader = 1,
    OpenMessage = 2,
    UpdateMessage = 3,
    HoldTimerExpired = 4,
    FiniteStateMachine = 5,
    Cease = 6,
    RouteRefreshMessage = 7,   // RFC 7313 §5
    SendHoldTimerExpired = 8,  // RFC 9687 §3
};

enum class MessageHeaderSubcode : std::uint8_t {
    ConnectionNotSynchronized = 1,
    BadMessageLength = 2,
    BadMessageType = 3,
};

enum class OpenMessageSubcode : std::uint8_t {
    Unspecific = 0,
    UnsupportedVersionNumber = 1,
    BadPeerAs = 2,
    BadBgpIdentifier = 3,
    UnsupportedOptionalParameter = 4,
    UnacceptableHoldTime = 6,
    UnsupportedCapability = 7,  // RFC 5492 §5
    RoleMismatch = 11,          // RFC 9234 §4.2
};

enum class UpdateMessageSubcode : std::uint8_t {
    Unspecific = 0,
    MalformedAttributeList = 1,
    UnrecognizedWellKnownAttribute = 2,
    MissingWellKnownAttribute = 3,
    AttributeFlagsError = 4,
    AttributeLengthError = 5,
    InvalidOriginAttribute = 6,
    InvalidNextHopAttribute = 8,
    OptionalAttributeError = 9,
    InvalidNetworkField = 10,
    MalformedAsPath = 11,
};

// RFC 6608 §3.
enum class FsmSubcode : std::uint8_t {
    Unspecified = 0,
    UnexpectedMessageInOpenSent = 1,
    UnexpectedMessageInOpenConfirm = 2,
    UnexpectedMessageInEstablished = 3,
};

// RFC 4486 §3, RFC 8538 §3, RFC 9384 §3.
enum class CeaseSubcode : std::uint8_t {
    MaximumNumberOfPrefixesReached = 1,
    AdministrativeShutdown = 2,
    PeerDeconfigured = 3,
    AdministrativeReset = 4,
    ConnectionRejected = 5,
    OtherConfigurationChange = 6,
    ConnectionCollisionResolution = 7,
    OutOfResources = 8,
    HardReset = 9,
    BfdDown = 10,
};

enum class RouteRefreshSubcode : std::uint8_t {
    InvalidMessageLength = 1,  // RFC 7313 §5
};

[[nodiscard]] std::optional<ErrorCode> to_error_code(std::uint8_t code);
[[nodiscard]] std::optional<MessageHeaderSubcode> to_message_header_subcode(std::uint8_t subcode);
[[nodiscard]] std::optional<OpenMessageSubcode> to_open_message_subcode(std::uint8_t subcode);
[[nodiscard]] std::optional<UpdateMessageSubcode> to_update_message_subcode(std::uint8_t subcode);
[[nodiscard]] std::optional<FsmSubcode> to_fsm_subcode(std::uint8_t subcode);
[[nodiscard]] std::optional<CeaseSubcode> to_cease_subcode(std::uint8_t subcode);
[[nodiscard]] std::optional<RouteRefreshSubcode> to_route_refresh_subcode(std::uint8_t subcode);

[[nodiscard]] std::string_view describe(ErrorCode code);
[[nodiscard]] std::string_view describe(MessageHeaderSubcode subcode);
[[nodiscard]] std::string_view describe(OpenMessageSubcode subcode);
[[nodiscard]] std::string_view describe(UpdateMessageSubcode subcode);
[[nodiscard]] std::string_view describe(FsmSubcode subcode);
[[nodiscard]] std::string_view describe(CeaseSubcode subcode);
[[nodiscard]] std::string_view describe(RouteRefreshSubcode subcode);

struct Notification {
    std::uint8_t code = 0;
    std::uint8_t subcode = 0;
    std::vector<std::uint8_t> data;

    Notification() = default;
    Notification(std::uint8_t raw_code, std::uint8_t raw_subcode, std::vector<std::uint8_t> octets = {})
        : code{raw_code}, subcode{raw_subcode}, data{std::move(octets)} {}
    explicit Notification(MessageHeaderSubcode subcode, std::vector<std::uint8_t> data = {});
    explicit Notification(OpenMessageSubcode subcode, std::vector<std::uint8_t> data = {});
    explicit Notification(UpdateMessageSubcode subcode, std::vector<std::uint8_t> data = {});
    explicit Notification(FsmSubcode subcode, std::vector<std::uint8_t> data = {});
    explicit Notification(CeaseSubcode subcode, std::vector<std::uint8_t> data = {});
    explicit Notification(RouteRefreshSubcode subcode, std::vector<std::uint8_t> data = {});

    [[nodiscard]] std::optional<ErrorCode> error_code() const { return to_error_code(code); }
    /// The subcode when this is a Cease with a known one.
    [[nodiscard]] std::optional<CeaseSubcode> cease_subcode() const;
    /// RFC 8538 §3.1: what a Hard Reset wraps; nullopt when this is none, or wraps nothing.
    [[nodiscard]] std::optional<Notification> wrapped() const;
    /// RFC 4486 §4: the family and its limit, where a Cease for too many prefixes says them.
    [[nodiscard]] std::optional<std::pair<AddressFamily, std::uint32_t>> prefix_limit() const;
    /// RFC 9003: the operator's words, fit for a log line: control characters gone, what is not UTF-8 as "?".
    /// nullopt when this is no administrative shutdown or reset, or when it says nothing.
    [[nodiscard]] std::optional<std::string> shutdown_communication() const;

    friend bool operator==(const Notification&, const Notification&) = default;
};

/// What every decoder returns: the value, or the NOTIFICATION that ends the session.
template <class T>
using Result = std::expected<T, Notification>;

/// Words of a peer, fit for a log line: control characters gone, what is not UTF-8 as "?".
[[nodiscard]] std::string fit_for_display(std::span<const std::uint8_t> text);

[[nodiscard]] Notification hold_timer_expired();
[[nodiscard]] Notification send_hold_timer_expired();
/// RFC 6608 §4: the type of the unexpected message is the data.
[[nodiscard]] Notification fsm_error(FsmSubcode subcode, std::uint8_t unexpected_message_type);
/// An unexpected event that is no message.
[[nodiscard]] Notification fsm_error();
/// RFC 9003 §2: only the administrative subcodes carry text; it is cut at a character after 128 octets, which is
/// what receivers of the older RFC 8203 accept.
[[nodiscard]] Notification cease(CeaseSubcode subcode, std::string_view communication = {});
/// RFC 4486 §4: the data is the family and how many of it there may be.
[[nodiscard]] Notification max_prefixes_reached(AddressFamily family, std::uint32_t max_prefixes);
/// RFC 8538 §3.1: the session ends for good, whatever graceful restart would keep; `reason` is its data.
/// RFC 8538 §5.1, and RFC 9384: what ends a session for longer, so that nobody is to keep its routes meanwhile.
[[nodiscard]] bool ends_for_good(const Notification& notification);
[[nodiscard]] Notification hard_reset(const Notification& reason);
/// RFC 4271 §6.2: the data is the largest version we support, 4.
[[nodiscard]] Notification unsupported_version();
[[nodiscard]] Notification bad_peer_as();
[[nodiscard]] Notification bad_bgp_identifier();
[[nodiscard]] Notification unacceptable_hold_time();

//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  | Error code    | Error subcode |   Data (variable)             |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// The body, without the message header.
void encode(const Notification& notification, wire::Writer& out);
[[nodiscard]] Result<Notification> decode_notification(std::span<const std::uint8_t> body);

/// "Cease / Administrative Shutdown "maintenance"", "OPEN Message Error / Bad Peer AS", "code 9 subcode 1 data 0a0b",
/// "Cease / Hard Reset (Cease / Peer De-configured)".
[[nodiscard]] std::string describe(const Notification& notification);

}  // namespace anyvip::bgp
