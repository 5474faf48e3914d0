#include "bgp/peer_range.hpp"

#include <string>

namespace anyvip::bgp {
namespace {

constexpr char separator = '/';

}  // namespace

Peers::const_iterator peer_of(const Peers& peers, const net::IpAddress& remote, std::string_view device) {
    auto best = peers.end();
    for (auto peer = peers.begin(); peer != peers.end(); ++peer) {
        if (peer->second.device != device || !addresses_of(peer->second).contains(remote)) continue;
        // A peer with this very address is asked for by name; a range of the one address is not.
        if (!peer->second.range) return peer;
        if (best == peers.end() || best->second.range->length() < peer->second.range->length()) best = peer;
    }
    return best;
}

PeerConfig instance_of(const PeerConfig& of, const net::IpAddress& address) {
    auto instance = of;
    instance.address = address;
    instance.range.reset();
    instance.limit = {};
    return instance;
}

PeerName instance_name(const PeerName& range, const net::IpAddress& address) {
    return PeerName{range.value() + separator + address.to_string()};
}

PeerName range_name(const PeerName& name) {
    return PeerName{name.value().substr(0, name.value().find(separator))};
}

net::Prefix addresses_of(const PeerConfig& peer) {
    return peer.range.value_or(net::Prefix::host(peer.address));
}

}  // namespace anyvip::bgp
