#include "vrrp/arp_frame.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "support/vectors.hpp"

namespace anyvip::vrrp {
namespace {

constexpr net::MacAddress mac{net::MacAddress::Bytes{2, 0, 0, 0, 0, 1}};
constexpr net::Ipv4Address vip{0x0a000064};

// RFC 5227 §3: positive
TEST(ArpFrame, GratuitousArpIsABroadcastRequestForOneself) {
    EXPECT_EQ(gratuitous_arp(mac, vip), testing::vector_bytes("vrrp/frames/gratuitous_arp_request.hex"));
}

// RFC 5227 §3 and §2.1.1, an announcement is a Request, and no Probe, whose sender address is zero: negative
TEST(ArpFrame, GratuitousArpIsNeitherAReplyNorAProbe) {
    const auto frame = gratuitous_arp(mac, vip);
    const std::vector<std::uint8_t> sender(frame.begin() + 28, frame.begin() + 32);
    const std::vector<std::uint8_t> target(frame.begin() + 38, frame.begin() + 42);
    EXPECT_NE(frame.at(21), 2);
    EXPECT_NE(sender, (std::vector<std::uint8_t>{0, 0, 0, 0}));
    EXPECT_EQ(sender, target);
}

TEST(ArpFrame, GratuitousArpCanBeAReply) {
    EXPECT_EQ(gratuitous_arp(mac, vip, ArpOperation::Reply),
              testing::vector_bytes("vrrp/frames/gratuitous_arp_reply.hex"));
}

}  // namespace
}  // namespace anyvip::vrrp
