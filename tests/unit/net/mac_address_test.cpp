#include "anyvip/net/mac_address.hpp"

#include <gtest/gtest.h>

namespace anyvip::net {
namespace {

TEST(MacAddress, PrintsTwoDigitsAnOctet) {
    // The virtual router MAC address of VRID 51: RFC 9568 §7.3.
    const MacAddress mac{MacAddress::Bytes{0x00, 0x00, 0x5e, 0x00, 0x01, 0x33}};
    EXPECT_EQ(mac.to_string(), "00:00:5e:00:01:33");
    EXPECT_EQ(describe(mac), "00:00:5e:00:01:33");
}

TEST(MacAddress, BroadcastIsAllOnes) {
    EXPECT_EQ(MacAddress::broadcast().to_string(), "ff:ff:ff:ff:ff:ff");
    EXPECT_EQ(MacAddress{}.to_string(), "00:00:00:00:00:00");
    EXPECT_LT(MacAddress{}, MacAddress::broadcast());
}

}  // namespace
}  // namespace anyvip::net
