#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "anyvip/describe.hpp"
#include "anyvip/net/address.hpp"

namespace anyvip::bgp {

using anyvip::describe;

/// AFI and SAFI as on the wire (RFC 4760 §3); any value can come from a peer.
struct AddressFamily {
    std::uint16_t afi = 1;
    std::uint8_t safi = 1;
    friend constexpr auto operator<=>(const AddressFamily&, const AddressFamily&) = default;
};

inline constexpr AddressFamily ipv4_unicast{1, 1};
inline constexpr AddressFamily ipv6_unicast{2, 1};

[[nodiscard]] constexpr AddressFamily unicast(net::Family family) {
    return family == net::Family::Ipv4 ? ipv4_unicast : ipv6_unicast;
}

/// The addresses in its NLRI, when it is one of the two unicast families that this speaker knows.
[[nodiscard]] constexpr std::optional<net::Family> unicast_addresses(AddressFamily family) {
    if (family == ipv4_unicast) return net::Family::Ipv4;
    if (family == ipv6_unicast) return net::Family::Ipv6;
    return std::nullopt;
}

/// Some of the two unicast families: those that a session carries, or does something particular with.
struct Families {
    bool ipv4 = false;
    bool ipv6 = false;
    friend constexpr auto operator<=>(const Families&, const Families&) = default;

    [[nodiscard]] constexpr bool contains(net::Family family) const {
        return family == net::Family::Ipv4 ? ipv4 : ipv6;
    }
    [[nodiscard]] constexpr bool none() const { return !ipv4 && !ipv6; }
    constexpr void add(net::Family family) { (family == net::Family::Ipv4 ? ipv4 : ipv6) = true; }
};

/// "ipv4-unicast", "ipv6-unicast", "afi 25 safi 70".
[[nodiscard]] std::string describe(AddressFamily family);
/// "ipv4", "ipv4+ipv6", "none".
[[nodiscard]] std::string describe(const Families& families);

}  // namespace anyvip::bgp
