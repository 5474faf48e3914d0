#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/strong.hpp"
#include "anyvip/time.hpp"

/// The one VRRP packet, in both versions that are in use.
///
/// Standards: RFC 9568 (version 3, IPv4 and IPv6; 2024, obsoletes 5798), RFC 3768 (version 2, IPv4).
/// `encode` and `decode` stand next to each other in advertisement.cpp, each under the RFC's figure. `decode` also
/// does everything of RFC 9568 §7.1 that needs no state, in one fixed order, and names the first rule that a packet
/// broke: a counter per reason is what tells an operator that the other router speaks version 2.
///
/// Not implemented: authentication of version 2 (simple password, AH): such a packet is AuthenticationMismatch;
/// keepalived's HMAC trailer: octets after the message are ignored.
namespace anyvip::vrrp {

/// 1 to 255. With the interface and the family it names a virtual router.
using VirtualRouterId = Strong<std::uint8_t, struct VirtualRouterIdTag>;

enum class Version : std::uint8_t { V2 = 2, V3 = 3 };

/// RFC 9568 §5.2.4.
class Priority {
public:
    constexpr Priority() = default;
    constexpr explicit Priority(std::uint8_t value) : value_{value} {}

    /// Sent by an Active Router that leaves.
    [[nodiscard]] static constexpr Priority shutdown() { return Priority{0}; }
    /// The router whose own addresses the virtual addresses are.
    [[nodiscard]] static constexpr Priority owner() { return Priority{255}; }

    [[nodiscard]] constexpr std::uint8_t value() const { return value_; }

    friend constexpr auto operator<=>(const Priority&, const Priority&) = default;

private:
    std::uint8_t value_ = 100;
};

/// What the checksum of a version 3 packet over IPv4 covers. RFC 5798 was read as "with a pseudo-header"
/// (keepalived, FRR, Wireshark), RFC 9568 §5.2.8 says "without" (as Cisco and Juniper always did). Both are
/// accepted. Over IPv6 the pseudo-header is always in, in version 2 never.
enum class ChecksumCoverage : std::uint8_t { WithPseudoHeader, MessageOnly };

struct Advertisement {
    Version version = Version::V3;
    VirtualRouterId virtual_router_id{1};
    Priority priority;
    /// Version 3: 12 bits, 1 to 4095. Version 2: whole seconds, 100 to 25500.
    Centiseconds max_advertise_interval{100};
    /// At least one, all of one family, in the order of the configuration.
    std::vector<net::IpAddress> addresses;
    friend bool operator==(const Advertisement&, const Advertisement&) = default;
};

/// What the IP header said; the shell reads it from there (RFC 9568 §5.1).
struct ReceivedMetadata {
    net::IpAddress source;
    net::IpAddress destination;
    std::uint8_t ttl = 0;  ///< IPv6: hop limit
    friend bool operator==(const ReceivedMetadata&, const ReceivedMetadata&) = default;
};

/// What the virtual router that a packet is for was configured with.
struct Expected {
    Version version = Version::V3;
    VirtualRouterId virtual_router_id{1};
    Centiseconds advertise_interval{100};  ///< compared in version 2 only
    std::vector<net::IpAddress> peers;     ///< unicast; empty: multicast
};

/// Why a packet was not listened to, in the order in which the rules are applied.
enum class DiscardReason : std::uint8_t {
    Truncated,                  ///< shorter than its header and its address count say
    TtlNot255,                  ///< it was forwarded; multicast only, as unicast peers may be hops away
    VersionMismatch,            ///< not the configured one
    AuthenticationMismatch,     ///< version 2: any authentication type but 0
    AdvertiseIntervalMismatch,  ///< version 2: RFC 3768 §7.1
    NotAnAdvertisement,         ///< type other than 1
    BadChecksum,
    WrongDestination,     ///< multicast for a virtual router with unicast peers, or the reverse
    UnlistedSource,       ///< unicast from somebody who is no peer
    NoAddresses,          ///< RFC 9568 §5.2.5: "MUST be ignored"
    ZeroInterval,         ///< would ask for endless advertisements
    OtherVirtualRouter,   ///< VRID 0 or not ours
    OwnAdvertisement,     ///< source is ourselves: a reflection, or a duplicate address (found by the core)
    LocalIsAddressOwner,  ///< RFC 9568 §7.1: the owner does not listen (found by the core)
    NotParticipating,     ///< we are in Initialize (found by the core)
};
inline constexpr std::size_t discard_reasons = 15;

template <class T>
using Result = std::expected<T, DiscardReason>;

struct Decoded {
    Advertisement advertisement;
    ChecksumCoverage coverage = ChecksumCoverage::WithPseudoHeader;
    friend bool operator==(const Decoded&, const Decoded&) = default;
};

/// 112.
inline constexpr std::uint8_t ip_protocol = 112;
/// 224.0.0.18 or ff02::12.
[[nodiscard]] net::IpAddress multicast_group(net::Family family);

/// The packet without its IP header. Source and destination are of the addresses' family and enter the checksum.
[[nodiscard]] std::vector<std::uint8_t> encode(const Advertisement& advertisement, ChecksumCoverage coverage,
                                               const net::IpAddress& source, const net::IpAddress& destination);
[[nodiscard]] Result<Decoded> decode(std::span<const std::uint8_t> bytes, const ReceivedMetadata& metadata,
                                     const Expected& expected);
/// Which virtual router a packet is for, before anything about it is believed: several share a socket.
[[nodiscard]] std::optional<VirtualRouterId> peek_virtual_router_id(std::span<const std::uint8_t> bytes);

[[nodiscard]] std::string_view describe(Version version);
[[nodiscard]] std::string_view describe(ChecksumCoverage coverage);
[[nodiscard]] std::string_view describe(DiscardReason reason);
[[nodiscard]] std::string describe(Priority priority);
[[nodiscard]] std::string describe(const Advertisement& advertisement);
[[nodiscard]] std::string describe(const ReceivedMetadata& metadata);

}  // namespace anyvip::vrrp
