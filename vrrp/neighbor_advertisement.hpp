#pragma once

#include <cstdint>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/net/mac_address.hpp"

/// The unsolicited Neighbor Advertisement: what gratuitous ARP is for IPv6 (RFC 4861 §4.4 and §7.2.6,
/// RFC 9568 §8.2.2). Sent only, hence no decoder.
namespace anyvip::vrrp {

/// The R flag: whether the host forwards. A wrong 0 makes neighbours drop it as a default router.
enum class RouterFlag : std::uint8_t { Host, Router };

/// A whole Ethernet frame from `address` to all nodes (ff02::1), Override set, with the target link-layer option.
[[nodiscard]] std::vector<std::uint8_t> unsolicited_neighbor_advertisement(const net::MacAddress& sender,
                                                                           const net::Ipv6Address& address,
                                                                           RouterFlag router);

}  // namespace anyvip::vrrp
