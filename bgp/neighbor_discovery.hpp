#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anyvip/describe.hpp"
#include "anyvip/net/address.hpp"
#include "anyvip/net/mac_address.hpp"

/// The two messages by which routers of a link find each other (RFC 4861 §4.1, §4.2), as far as unnumbered peers need
/// them: that there is a router, and at which address. decode() is total.
///
/// The kernel checks and fills in the checksum of ICMPv6. Prefixes, the MTU and options that are not known are passed
/// over: nothing is configured from what a neighbour says.
namespace anyvip::bgp::nd {

/// Everybody on the link, and its routers (RFC 4291 §2.7.1).
inline constexpr net::Ipv6Address all_nodes{
    net::Ipv6Address::Bytes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
inline constexpr net::Ipv6Address all_routers{
    net::Ipv6Address::Bytes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

/// What no router between could have left alone (§6.1).
inline constexpr std::uint8_t hop_limit = 255;

struct RouterSolicitation {
    std::optional<net::MacAddress> source_link_layer{};
    friend bool operator==(const RouterSolicitation&, const RouterSolicitation&) = default;
};

struct RouterAdvertisement {
    std::uint8_t current_hop_limit = 0;  ///< 0: not said
    bool managed = false;
    bool other = false;
    std::chrono::duration<std::uint16_t> router_lifetime{0};  ///< 0: it is no default router
    std::chrono::duration<std::uint32_t, std::milli> reachable_time{0};
    std::chrono::duration<std::uint32_t, std::milli> retransmission_timer{0};
    std::optional<net::MacAddress> source_link_layer{};
    friend bool operator==(const RouterAdvertisement&, const RouterAdvertisement&) = default;
};

using Message = std::variant<RouterSolicitation, RouterAdvertisement>;

/// Why a message is not taken: §6.1.1, §6.1.2.
enum class Discard : std::uint8_t {
    OtherType,
    Truncated,
    HopLimitNot255,
    CodeNotZero,
    OptionLengthZero,
    SourceNotLinkLocal,     ///< of an advertisement
    UnspecifiedWithOption,  ///< a solicitation without a source that tells its link-layer address
};

/// `source` and `hop_limit` are those of the packet; `bytes` begin with the type.
[[nodiscard]] std::expected<Message, Discard> decode(std::span<const std::uint8_t> bytes,
                                                     const net::Ipv6Address& source, std::uint8_t hop_limit);
/// With a checksum of 0, for the kernel to fill in.
[[nodiscard]] std::vector<std::uint8_t> encode(const Message& message);

using anyvip::describe;
[[nodiscard]] std::string_view describe(Discard reason);
[[nodiscard]] std::string describe(const RouterSolicitation& message);
[[nodiscard]] std::string describe(const RouterAdvertisement& message);

}  // namespace anyvip::bgp::nd
