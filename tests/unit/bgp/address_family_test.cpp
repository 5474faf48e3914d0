#include "bgp/address_family.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace anyvip::bgp {
namespace {

// RFC 4760 §3: positive. AFI 1 and 2, SAFI 1.
TEST(AddressFamily, TheTwoUnicastFamiliesAreThoseOfTheirAddresses) {
    EXPECT_EQ(unicast(net::Family::Ipv4), (AddressFamily{.afi = 1, .safi = 1}));
    EXPECT_EQ(unicast(net::Family::Ipv6), (AddressFamily{.afi = 2, .safi = 1}));
    EXPECT_EQ(unicast_addresses({.afi = 1, .safi = 1}), net::Family::Ipv4);
    EXPECT_EQ(unicast_addresses({.afi = 2, .safi = 1}), net::Family::Ipv6);
}

// RFC 4760 §3: negative. Multicast of a known AFI, and a family that we do not speak, are carried and not understood.
TEST(AddressFamily, AnyOtherPairHasNoAddressesForUs) {
    EXPECT_EQ(unicast_addresses({.afi = 1, .safi = 2}), std::nullopt);
    EXPECT_EQ(unicast_addresses({.afi = 25, .safi = 70}), std::nullopt);
    EXPECT_EQ(unicast_addresses({.afi = 0, .safi = 0}), std::nullopt);
}

TEST(Families, AreSomeOfTwo) {
    Families families;
    EXPECT_TRUE(families.none());
    EXPECT_EQ(describe(families), "none");
    families.add(net::Family::Ipv6);
    EXPECT_TRUE(families.contains(net::Family::Ipv6));
    EXPECT_FALSE(families.contains(net::Family::Ipv4));
    EXPECT_EQ(describe(families), "ipv6");
    families.add(net::Family::Ipv4);
    EXPECT_EQ(families, (Families{.ipv4 = true, .ipv6 = true}));
    EXPECT_EQ(describe(families), "ipv4+ipv6");
}

TEST(AddressFamily, IsDescribedByNameOrByItsNumbers) {
    EXPECT_EQ(describe(ipv4_unicast), "ipv4-unicast");
    EXPECT_EQ(describe(ipv6_unicast), "ipv6-unicast");
    EXPECT_EQ(describe(AddressFamily{.afi = 25, .safi = 70}), "afi 25 safi 70");
}

}  // namespace
}  // namespace anyvip::bgp
