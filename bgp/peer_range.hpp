#pragma once

#include <map>
#include <string_view>

#include "anyvip/names.hpp"
#include "anyvip/net/address.hpp"
#include "bgp/peer_config.hpp"

/// Peers that are not known before they connect: a PeerConfig with a range stands for all of its addresses.
///
/// Each address that connects has a Peer of its own, an instance, which is configured as the range is. Of its
/// config only the address is another one: routes that name the range are for all of its instances. The name by which
/// the process knows an instance is "RANGE/ADDRESS"; no peer has a slash in the name that it was given.
///
/// Standards: none. What is more specific wins, as with routes and as with the kernel's keys of TCP-MD5.
namespace anyvip::bgp {

using Peers = std::map<PeerName, PeerConfig>;

/// Whose a connection from `remote` is, in a device or none: the peer with this address, or the longest range that it
/// is in; end() for nobody's.
[[nodiscard]] Peers::const_iterator peer_of(const Peers& peers, const net::IpAddress& remote, std::string_view device);

/// Precondition: of.range contains the address.
[[nodiscard]] PeerConfig instance_of(const PeerConfig& of, const net::IpAddress& address);
[[nodiscard]] PeerName instance_name(const PeerName& range, const net::IpAddress& address);
/// The range of an instance's name; of any other name itself.
[[nodiscard]] PeerName range_name(const PeerName& name);

/// The addresses that the peer may have: one, or all of its range.
[[nodiscard]] net::Prefix addresses_of(const PeerConfig& peer);

}  // namespace anyvip::bgp
