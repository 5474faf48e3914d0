#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "anyvip/net/address.hpp"
#include "bgp/asn.hpp"
#include "bgp/path_attribute.hpp"

/// How the route of a standby says whose it is and how it ranks among standbys: one large community (RFC 8092),
///
///     ASN : 4271000000 + rank : router ID          "65010:4271000100:167772171"
///
/// which routers hand on, where AS_PATH and NEXT_HOP become others on the way. A standby knows its own route by it when
/// it is reflected, and other standbys' from that of a primary, which has none.
namespace anyvip::bgp {

struct StandbyMark {
    std::uint16_t rank = 0;
    net::Ipv4Address router_id;
    friend auto operator<=>(const StandbyMark&, const StandbyMark&) = default;
};

[[nodiscard]] LargeCommunity to_community(const StandbyMark& mark, Asn local_as);
/// Of several the highest.
[[nodiscard]] std::optional<StandbyMark> standby_mark(const std::set<LargeCommunity>& communities);

}  // namespace anyvip::bgp
