#include "bgp/address_family.hpp"

namespace anyvip::bgp {

std::string describe(AddressFamily family) {
    if (family == ipv4_unicast) return "ipv4-unicast";
    if (family == ipv6_unicast) return "ipv6-unicast";
    return "afi " + std::to_string(family.afi) + " safi " + std::to_string(family.safi);
}

}  // namespace anyvip::bgp
