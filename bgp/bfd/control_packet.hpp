#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <ratio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "anyvip/strong.hpp"

/// The BFD Control packet of RFC 5880 §4.1, as a value. Echo packets have no format of their own; we send none.
///
/// The decoder is total and knows no session: it answers for what §6.8.6 asks of a packet alone. What depends on the
/// session (its discriminator, whether authentication is in use, the TTL) is Session's to refuse.
namespace anyvip::bfd {

/// bfd.SessionState, numbered as on the wire.
enum class SessionState : std::uint8_t { AdminDown = 0, Down = 1, Init = 2, Up = 3 };

/// Why the local system last changed its state (§4.1). Five bits: a value that has no name here is reserved, and is
/// shown, not refused.
enum class Diagnostic : std::uint8_t {
    None = 0,
    ControlDetectionTimeExpired = 1,
    EchoFunctionFailed = 2,
    NeighborSignaledSessionDown = 3,
    ForwardingPlaneReset = 4,
    PathDown = 5,
    ConcatenatedPathDown = 6,
    AdministrativelyDown = 7,
    ReverseConcatenatedPathDown = 8,
};

/// Names a session to whoever chose it; 0: not known.
using Discriminator = Strong<std::uint32_t, struct DiscriminatorTag>;

/// Every interval on the wire.
using Microseconds = std::chrono::duration<std::uint32_t, std::micro>;

/// The optional section of §4.1: read so that its length is known to be right, and never more than that.
struct AuthenticationSection {
    std::uint8_t type = 0;
    std::vector<std::uint8_t> data;  ///< after Auth Type and Auth Len; at most 229 octets, which Length can count
    friend bool operator==(const AuthenticationSection&, const AuthenticationSection&) = default;
};

struct ControlPacket {
    Diagnostic diagnostic = Diagnostic::None;
    SessionState state = SessionState::Down;
    bool poll = false;
    bool final = false;
    /// The sender's BFD goes on when its control plane does not. Ours never says so: see Session.
    bool control_plane_independent = false;
    bool demand = false;
    std::uint8_t detect_mult = 3;
    Discriminator my_discriminator{};
    Discriminator your_discriminator{};
    Microseconds desired_min_tx_interval{};
    Microseconds required_min_rx_interval{};
    Microseconds required_min_echo_rx_interval{};
    std::optional<AuthenticationSection> authentication{};
    friend bool operator==(const ControlPacket&, const ControlPacket&) = default;
};

/// In the order of §6.8.6; the last four are Session's and the demultiplexer's.
enum class DiscardReason : std::uint8_t {
    Truncated,
    VersionMismatch,
    LengthTooSmall,
    LengthExceedsPayload,
    ZeroDetectMult,
    Multipoint,
    ZeroMyDiscriminator,
    ZeroYourDiscriminator,     ///< in a state in which the sender must know ours
    BadAuthenticationSection,  ///< Auth Len disagrees with Length
    UnknownYourDiscriminator,  ///< of no session here, or of another one
    AuthenticationMismatch,    ///< present, and not in use here
    TtlTooLow,                 ///< RFC 5881 §5 (not 255) or RFC 5883 §4 (below what is configured)
};
inline constexpr std::size_t discard_reasons = 12;

template <class T>
using Result = std::expected<T, DiscardReason>;

inline constexpr std::size_t mandatory_octets = 24;

[[nodiscard]] std::vector<std::uint8_t> encode(const ControlPacket& packet);
/// Octets after Length are ignored (§6.8.6 asks only that the payload holds as many).
[[nodiscard]] Result<ControlPacket> decode(std::span<const std::uint8_t> bytes);

[[nodiscard]] std::string_view describe(SessionState state);
/// As the RFC names them.
[[nodiscard]] std::string describe(Diagnostic diagnostic);
[[nodiscard]] std::string_view describe(DiscardReason reason);
[[nodiscard]] std::string describe(const ControlPacket& packet);

}  // namespace anyvip::bfd
