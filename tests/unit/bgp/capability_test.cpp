#include "bgp/capability.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/vectors.hpp"

namespace anyvip::bgp {
namespace {

using testing::bytes_from_hex;

struct Row {
    Capability capability;
    const char* octets;
    const char* words;
};

std::vector<Row> rows() {
    return {
        {Multiprotocol{ipv6_unicast}, "01 04 0002 00 01", "multiprotocol ipv6-unicast"},  // RFC 4760 §8
        {Multiprotocol{{25, 70}}, "01 04 0019 00 46", "multiprotocol afi 25 safi 70"},    //
        {RouteRefreshCapability{}, "02 00", "route-refresh"},                             // RFC 2918 §2
        {ExtendedNextHop{{{ipv4_unicast, 2}}}, "05 06 0001 0001 0002",
         "extended-next-hop ipv4-unicast via afi 2"},      // RFC 8950 §4
        {ExtendedMessage{}, "06 00", "extended-message"},  // RFC 8654 §3
        {GracefulRestart{false, true, std::chrono::seconds{4095}, {{ipv6_unicast, false}}}, "40 06 4fff 0002 01 00",
         "graceful-restart 4095s notification ipv6-unicast"},                // RFC 4724 §3
        {FourOctetAs{Asn{65546}}, "41 04 0001000a", "four-octet-as 65546"},  // RFC 6793 §3
        {EnhancedRouteRefresh{}, "46 00", "enhanced-route-refresh"},         // RFC 7313 §3.1
        {RoleCapability{3}, "09 01 03", "role customer"},                    // RFC 9234 §4.1
        {RoleCapability{9}, "09 01 09", "role 9"},                           //
        {AddPath{{{ipv4_unicast, 1}, {ipv6_unicast, 2}, {{25, 70}, 3}}}, "45 0c 0001 01 01 0002 01 02 0019 46 03",
         "add-path ipv4-unicast receive ipv6-unicast send afi 25 safi 70 both"},  // RFC 7911 §4
        {LongLivedGracefulRestart{{{ipv4_unicast, true, std::chrono::seconds{0x123456}}}}, "47 07 0001 01 80 123456",
         "long-lived-graceful-restart ipv4-unicast 1193046s preserved"},  // RFC 9494 §3.1
        {FullyQualifiedDomainName{"tor-a", "example.net"}, "49 12 05 746f722d61 0b 6578616d706c652e6e6574",
         "fqdn tor-a.example.net"},                                                                 //
        {BfdStrictMode{}, "4a 00", "bfd-strict-mode"},                                              //
        {PathsLimit{{{ipv6_unicast, 258}}}, "4c 05 0002 01 0102", "paths-limit ipv6-unicast 258"},  //
        {LinkLocalNextHop{}, "4d 00", "link-local-next-hop"},                                       //
        {UnknownCapability{250, {1, 2}}, "fa 02 01 02", "capability 250"},
    };
}

// RFC 5492 §4: positive
TEST(Capability, EachIsWrittenAndReadAsItsRfcDrawsIt) {
    for (const auto& row : rows()) {
        wire::Writer out;
        encode(row.capability, out);
        EXPECT_EQ(out.take(), bytes_from_hex(row.octets)) << row.words;
        const auto decoded = decode_capabilities(bytes_from_hex(row.octets));
        ASSERT_TRUE(decoded) << row.words;
        EXPECT_EQ(*decoded, std::vector{row.capability}) << row.words;
        EXPECT_EQ(describe(row.capability), row.words);
    }
}

// RFC 5492 §4: negative
TEST(Capability, EveryProperPrefixIsRefused) {
    for (const auto& row : rows()) {
        const auto octets = bytes_from_hex(row.octets);
        for (std::size_t length = 1; length < octets.size(); ++length) {
            EXPECT_FALSE(decode_capabilities(std::span{octets}.first(length))) << row.words << ' ' << length;
        }
    }
}

// RFC 4271 §6.2: negative; recognized but malformed is Unspecific
TEST(Capability, AKnownOneOfTheWrongLengthIsUnspecific) {
    for (const auto* octets : {"01 03 0001 01",
                               "01 05 0001 00 01 00",
                               "02 01 00",
                               "05 05 0001 0001 00",
                               "05 06 0001 0101 0002",
                               "40 01 00",
                               "40 03 0078 00",
                               "41 02 fdf2",
                               "41 05 0000fdf200",
                               "09 00",
                               "09 02 0303",
                               "45 03 0001 01",
                               "45 05 0001 01 01 00",
                               "47 06 0001 01 80 1234",
                               "49 00",
                               "49 01 00",
                               "49 03 02 61 00",
                               "49 04 01 61 00 00",
                               "4a 01 00",
                               "4c 04 0001 01 00",
                               "4d 01 00"}) {
        const auto decoded = decode_capabilities(bytes_from_hex(octets));
        ASSERT_FALSE(decoded) << octets;
        EXPECT_EQ(decoded.error(), (Notification{2, 0})) << octets;
    }
}

// Before RFC 2918 there was Cisco's own code, and routers still send both.
TEST(Capability, TheOldRouteRefreshCountsAsTheNewOne) {
    const auto decoded = decode_capabilities(bytes_from_hex("80 00"));
    ASSERT_TRUE(decoded);
    EXPECT_TRUE(has<RouteRefreshCapability>(*decoded));
}

// RFC 7911 §4: positive.
// RFC 7911 §4: negative; with a mode that it does not define the capability is not understood.
TEST(Capability, AddPathHasThreeModes) {
    const AddPath receives{{{ipv4_unicast, 1}}};
    const AddPath sends{{{ipv4_unicast, 2}}};
    const AddPath both{{{ipv4_unicast, 3}}};
    EXPECT_TRUE(receives.entries[0].receives() && !receives.entries[0].sends());
    EXPECT_TRUE(sends.entries[0].sends() && !sends.entries[0].receives());
    EXPECT_TRUE(both.entries[0].sends() && both.entries[0].receives());
    EXPECT_TRUE(receives.understood() && sends.understood() && both.understood());
    EXPECT_FALSE((AddPath{{{ipv4_unicast, 3}, {ipv6_unicast, 0}}}.understood()));
    EXPECT_FALSE((AddPath{{{ipv4_unicast, 4}}}.understood()));
    EXPECT_EQ(describe(AddPath{{{ipv4_unicast, 4}}}), "add-path ipv4-unicast mode 4");
}

TEST(Capability, ANameFromThePeerCannotWriteOnTheTerminal) {
    EXPECT_EQ(describe(FullyQualifiedDomainName{"tor\x1b[2J\n", "\xff"}), "fqdn tor[2J.?");
}

// RFC 4760 §8: positive.
// RFC 4760 §8: negative; a peer that names families speaks no others.
TEST(Capability, APeerWithoutMultiprotocolOffersIpv4Unicast) {
    EXPECT_TRUE(offers({}, ipv4_unicast));
    EXPECT_FALSE(offers({}, ipv6_unicast));
    EXPECT_FALSE(offers({Multiprotocol{ipv6_unicast}}, ipv4_unicast));
    EXPECT_TRUE(offers({Multiprotocol{ipv6_unicast}}, ipv6_unicast));
}

}  // namespace
}  // namespace anyvip::bgp
