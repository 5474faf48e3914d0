#include "bgp/address_family.hpp"

namespace anyvip::bgp {

std::string describe(AddressFamily family) {
    if (family == ipv4_unicast) return "ipv4-unicast";
    if (family == ipv6_unicast) return "ipv6-unicast";
    return "afi " + std::to_string(family.afi) + " safi " + std::to_string(family.safi);
}

std::string describe(const Families& families) {
    if (families.none()) return "none";
    return std::string{families.ipv4 ? "ipv4" : ""} + (families.ipv4 && families.ipv6 ? "+" : "") +
           (families.ipv6 ? "ipv6" : "");
}

}  // namespace anyvip::bgp
