#pragma once

#include <cstdint>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/net/mac_address.hpp"

/// Gratuitous ARP: the frame that moves an IPv4 address to another port of the switch and into every neighbour's
/// cache (RFC 826, RFC 5227 §3, RFC 9568 §8.1.2). Sent only, hence no decoder.
namespace anyvip::vrrp {

/// The form. RFC 5227 §3 wants the request; some old hosts listen to the reply only. keepalived sends the request.
enum class ArpOperation : std::uint16_t { Request = 1, Reply = 2 };

/// A whole Ethernet frame, broadcast, sender and target protocol address both `address`.
[[nodiscard]] std::vector<std::uint8_t> gratuitous_arp(const net::MacAddress& sender, net::Ipv4Address address,
                                                       ArpOperation operation = ArpOperation::Request);

}  // namespace anyvip::vrrp
