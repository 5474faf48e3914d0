#include "anyvip/net/community.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "support/vectors.hpp"

namespace anyvip::net {
namespace {

using testing::bytes_from_hex;

TEST(Community, ReadsNumbersAndWellKnownNames) {
    EXPECT_EQ(Community::parse("65010:100"), (Community{65010, 100}));
    EXPECT_EQ(Community::parse("graceful-shutdown"), Community{0xffff0000});  // RFC 8326 §3
    EXPECT_EQ(Community::parse("blackhole"), (Community{65535, 666}));        // RFC 7999 §5
    EXPECT_EQ(Community::parse("no-export"), Community{0xffffff01});          // RFC 1997
    EXPECT_EQ(Community::parse("no-llgr"), Community{0xffff0007});            // RFC 9494 §4.3
    EXPECT_EQ(Community::parse("llgr-stale"), Community{0xffff0006});         // RFC 9494 §4.2
    for (const auto* text : {"", "1", "1:", ":1", "65536:1", "1:65536", "1:2:3", "no_export", "1:-1", " 1:1"}) {
        EXPECT_EQ(Community::parse(text), std::nullopt) << text;
    }
    EXPECT_EQ(describe(Community{65010, 100}), "65010:100");
    EXPECT_EQ(describe(Community{0xffffff02}), "no-advertise");
}

TEST(LargeCommunity, ReadsThreeNumbers) {
    EXPECT_EQ(LargeCommunity::parse("4200000010:1:2"), (LargeCommunity{4200000010, 1, 2}));
    EXPECT_EQ(LargeCommunity::parse("1:2"), std::nullopt);
    EXPECT_EQ(LargeCommunity::parse("1:2:4294967296"), std::nullopt);
    EXPECT_EQ(describe(LargeCommunity{4200000010, 1, 2}), "4200000010:1:2");
}

TEST(ExtendedCommunity, ShowsRouteTargetsInWords) {
    EXPECT_EQ(describe(ExtendedCommunity{{0x00, 0x02, 0xfd, 0xf2, 0, 0, 0, 100}}), "rt:65010:100");
    EXPECT_EQ(describe(ExtendedCommunity{{0x02, 0x03, 0x00, 0x01, 0x00, 0x0a, 0, 100}}), "soo:65546:100");
    EXPECT_EQ(describe(ExtendedCommunity{{0x01, 0x02, 10, 0, 0, 1, 0, 100}}), "rt:10.0.0.1:100");
    EXPECT_EQ(describe(ExtendedCommunity{{0x03, 0x0c, 0, 0, 0, 0, 0, 8}}), "0x030c000000000008");
}

// RFC 10005 §2: positive. 0x4e000000 is 2^29 as IEEE has it: sign 0, exponent 29 + 127, no
// fraction. RFC 10005 §2: negative; what is no rate is shown as octets.
TEST(ExtendedCommunity, ALinkBandwidthIsARateInOctets) {
    const ExtendedCommunity community{{0x40, 0x04, 0xfd, 0xf2, 0x4e, 0, 0, 0}};
    EXPECT_EQ(describe(community), "bandwidth:65010:536870912");
    EXPECT_EQ(community.octets_per_second(), 536870912.0F);
    EXPECT_EQ(ExtendedCommunity::link_bandwidth(65010, 536870912.0F), community);
    // AS_TRANS for a number that does not fit.
    EXPECT_EQ(ExtendedCommunity::link_bandwidth(4200000010, 0.0F),
              (ExtendedCommunity{{0x40, 0x04, 0x5b, 0xa0, 0, 0, 0, 0}}));
    EXPECT_EQ((ExtendedCommunity{{0x00, 0x04, 0xfd, 0xf2, 0x4e, 0, 0, 0}}.octets_per_second()), 536870912.0F);
    EXPECT_EQ((ExtendedCommunity{{0x40, 0x05, 0xfd, 0xf2, 0x4e, 0, 0, 0}}.octets_per_second()), std::nullopt);
    const ExtendedCommunity infinite{{0x40, 0x04, 0xfd, 0xf2, 0x7f, 0x80, 0, 0}};
    const ExtendedCommunity negative{{0x40, 0x04, 0xfd, 0xf2, 0xce, 0, 0, 0}};
    EXPECT_EQ(infinite.octets_per_second(), std::nullopt);
    EXPECT_EQ(describe(infinite), "0x4004fdf27f800000");
    EXPECT_EQ(describe(negative), "0x4004fdf2ce000000");
}

// RFC 4360 §3, §4, §5: positive
// RFC 5668 §2: positive
TEST(ExtendedCommunity, ReadsWhatItShows) {
    const auto octets = [](const char* text) {
        const auto community = ExtendedCommunity::parse(text);
        return community ? std::vector<std::uint8_t>{community->octets.begin(), community->octets.end()}
                         : std::vector<std::uint8_t>{};
    };
    EXPECT_EQ(octets("rt:65010:100"), bytes_from_hex("0002 fdf2 00000064"));
    EXPECT_EQ(octets("rt:65535:4294967295"), bytes_from_hex("0002 ffff ffffffff"));
    EXPECT_EQ(octets("soo:65010:100"), bytes_from_hex("0003 fdf2 00000064"));
    EXPECT_EQ(octets("rt:4200000010:100"), bytes_from_hex("0202 fa56ea0a 0064"));
    EXPECT_EQ(octets("soo:65536:65535"), bytes_from_hex("0203 00010000 ffff"));
    EXPECT_EQ(octets("rt:10.0.0.1:100"), bytes_from_hex("0102 0a000001 0064"));
    EXPECT_EQ(octets("bandwidth:65010:1250000"), bytes_from_hex("4004 fdf2 49989680"));
    EXPECT_EQ(octets("bandwidth:4200000010:1250000"), bytes_from_hex("4004 5ba0 49989680"));
    EXPECT_EQ(octets("0x030c000000000008"), bytes_from_hex("030c000000000008"));
    for (const auto* text : {"rt:65010:100", "soo:4200000010:65535", "rt:10.0.0.1:0", "bandwidth:65010:1250000",
                             "bandwidth:1:0.1", "0x030c000000000008", "0x0202000000010064"}) {
        const auto community = ExtendedCommunity::parse(text);
        ASSERT_TRUE(community) << text;
        EXPECT_EQ(community->to_string(), text);
    }
}

// RFC 5668 §2: negative; a number of four octets leaves two for the value.
TEST(ExtendedCommunity, RefusesWhatIsNone) {
    for (const auto* text : {"",
                             "rt",
                             "rt:",
                             "rt:1",
                             "rt:65010:4294967296",
                             "rt:65536:65536",
                             "rt:4294967296:1",
                             "rt:10.0.0.1:65536",
                             "rt:1:2:3",
                             "target:1:2",
                             "bandwidth:1",
                             "bandwidth:1:",
                             "bandwidth:1:-1",
                             "bandwidth:1:inf",
                             "bandwidth:1:nan",
                             "bandwidth:1:1e39",
                             "bandwidth:1:5x",
                             "bandwidth:4294967296:5",
                             "0x",
                             "0x030c00000000000",
                             "0x030c00000000000g",
                             "0x030c0000000000080",
                             "RT:1:2",
                             " rt:1:2",
                             "rt:1: 2"}) {
        EXPECT_EQ(ExtendedCommunity::parse(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace anyvip::net
