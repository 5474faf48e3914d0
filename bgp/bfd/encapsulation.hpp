#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "anyvip/net/address.hpp"
#include "anyvip/net/interface.hpp"

/// How Control packets travel in UDP: RFC 5881 for a neighbour on the same link, RFC 5883 for one that is further away.
namespace anyvip::bfd {

enum class Hops : std::uint8_t { Single, Multiple };

/// RFC 5881 §4, RFC 5883 §5.
[[nodiscard]] constexpr std::uint16_t destination_port(Hops hops) {
    return hops == Hops::Single ? 3784 : 4784;
}

/// RFC 5881 §4: the source port is one of these, and the same one for all of a session.
inline constexpr std::uint16_t first_source_port = 49152;
inline constexpr std::uint16_t source_ports = 16384;

/// RFC 5881 §5: sent with it, and over a single hop received with no other.
inline constexpr std::uint8_t undiminished_ttl = 255;

/// Where packets arrive, whoever they are for.
struct Listener {
    net::Family family = net::Family::Ipv4;
    Hops hops = Hops::Single;
    friend auto operator<=>(const Listener&, const Listener&) = default;
};

struct ReceivedMetadata {
    net::IpAddress source;
    net::IpAddress destination;
    net::InterfaceIndex interface;  ///< that it came in through
    std::uint8_t ttl = 0;           ///< IPv6: hop limit
    friend bool operator==(const ReceivedMetadata&, const ReceivedMetadata&) = default;
};

[[nodiscard]] std::string_view describe(Hops hops);
/// "IPv4 single hop".
[[nodiscard]] std::string describe(const Listener& listener);
[[nodiscard]] std::string describe(const ReceivedMetadata& metadata);

}  // namespace anyvip::bfd
