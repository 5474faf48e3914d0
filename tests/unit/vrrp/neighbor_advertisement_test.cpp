#include "vrrp/neighbor_advertisement.hpp"

#include <gtest/gtest.h>

#include "support/vectors.hpp"

namespace anyvip::vrrp {
namespace {

constexpr net::MacAddress mac{net::MacAddress::Bytes{2, 0, 0, 0, 0, 1}};
const net::Ipv6Address vip = net::Ipv6Address::parse("2001:db8::64").value();

// RFC 4861 §7.2.6 and RFC 9568 §8.2.2: positive
TEST(NeighborAdvertisement, OfAHostOverridesAndGoesToAllNodes) {
    EXPECT_EQ(unsolicited_neighbor_advertisement(mac, vip, RouterFlag::Host),
              testing::vector_bytes("vrrp/frames/neighbor_advertisement_host.hex"));
}

TEST(NeighborAdvertisement, OfARouterSaysSo) {
    EXPECT_EQ(unsolicited_neighbor_advertisement(mac, vip, RouterFlag::Router),
              testing::vector_bytes("vrrp/frames/neighbor_advertisement_router.hex"));
}

// RFC 4861 §7.2.6 "the Solicited flag MUST be set to zero", lest the neighbours take it for a proof of reachability
// RFC 4861 §7.2.6, and §7.1.2 has them discard what is both multicast and solicited: negative
TEST(NeighborAdvertisement, IsNobodysAnswer) {
    for (const auto flag : {RouterFlag::Host, RouterFlag::Router}) {
        const auto frame = unsolicited_neighbor_advertisement(mac, vip, flag);
        EXPECT_EQ(frame.at(58) & 0x40, 0);  // 14 octets of Ethernet, 40 of IPv6, 4 before the flags
        EXPECT_EQ(frame.at(58) & 0x20, 0x20) << "Override";
        EXPECT_EQ(frame.at(21), 255) << "a hop limit that no router has lowered";
    }
}

}  // namespace
}  // namespace anyvip::vrrp
