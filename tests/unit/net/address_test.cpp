#include "anyvip/net/address.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace anyvip::net {
namespace {

IpAddress ip(const std::string& text) {
    return IpAddress::parse(text).value();
}
Prefix prefix(const std::string& text) {
    return Prefix::parse(text).value();
}

TEST(Ipv4Address, HoldsItsOctetsInNetworkOrder) {
    const Ipv4Address address{Ipv4Address::Bytes{192, 0, 2, 33}};
    EXPECT_EQ(address.value(), 0xc0000221U);
    EXPECT_EQ(address.bytes(), (Ipv4Address::Bytes{192, 0, 2, 33}));
    EXPECT_EQ(address, Ipv4Address{0xc0000221U});
    EXPECT_EQ(address.to_string(), "192.0.2.33");
}

TEST(Ipv4Address, ParsesADottedQuadAndNothingElse) {
    EXPECT_EQ(Ipv4Address::parse("203.0.113.10"), (Ipv4Address{Ipv4Address::Bytes{203, 0, 113, 10}}));
    for (const auto* text : {"", "203.0.113", "203.0.113.256", "203.0.113.10 ", " 203.0.113.10", "203.0.113.10/32",
                             "0xcb007108", "::1", "203.0.113.10.1", "a.b.c.d"}) {
        EXPECT_EQ(Ipv4Address::parse(text), std::nullopt) << text;
    }
}

TEST(Ipv4Address, RefusesANulInsideTheText) {
    EXPECT_EQ(Ipv4Address::parse(std::string_view{"10.0.0.1\0.2", 11}), std::nullopt);
}

TEST(Ipv4Address, KnowsItsSpecialRanges) {
    EXPECT_TRUE(Ipv4Address{}.is_unspecified());
    EXPECT_FALSE((Ipv4Address{Ipv4Address::Bytes{0, 0, 0, 1}}.is_unspecified()));
    EXPECT_TRUE((Ipv4Address{Ipv4Address::Bytes{127, 255, 0, 1}}.is_loopback()));
    EXPECT_FALSE((Ipv4Address{Ipv4Address::Bytes{128, 0, 0, 1}}.is_loopback()));
    EXPECT_TRUE((Ipv4Address{Ipv4Address::Bytes{224, 0, 0, 18}}.is_multicast()));
    EXPECT_TRUE((Ipv4Address{Ipv4Address::Bytes{239, 255, 255, 255}}.is_multicast()));
    EXPECT_FALSE((Ipv4Address{Ipv4Address::Bytes{223, 255, 255, 255}}.is_multicast()));
    EXPECT_FALSE((Ipv4Address{Ipv4Address::Bytes{240, 0, 0, 0}}.is_multicast()));
}

TEST(Ipv6Address, ParsesTheFormsOfRfc4291) {
    const Ipv6Address::Bytes bytes{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10};
    EXPECT_EQ(Ipv6Address::parse("2001:db8::10"), Ipv6Address{bytes});
    EXPECT_EQ(Ipv6Address::parse("2001:0DB8:0:0:0:0:0:0010"), Ipv6Address{bytes});
    EXPECT_EQ(Ipv6Address::parse("2001:db8::0.0.0.16"), Ipv6Address{bytes});
    for (const auto* text : {"", ":", "2001:db8", "2001:db8::1::2", "fe80::1%eth0", "2001:db8::g", "2001:db8::1/64",
                             "10.0.0.1", "1:2:3:4:5:6:7:8:9", "12345::"}) {
        EXPECT_EQ(Ipv6Address::parse(text), std::nullopt) << text;
    }
}

TEST(Ipv6Address, PrintsTheShortFormOfRfc5952) {
    EXPECT_EQ(Ipv6Address::parse("2001:0DB8:0:0:0:0:0:0010")->to_string(), "2001:db8::10");
    EXPECT_EQ(Ipv6Address::parse("2001:db8:0:0:1:0:0:1")->to_string(), "2001:db8::1:0:0:1");
    EXPECT_EQ(Ipv6Address{}.to_string(), "::");
}

TEST(Ipv6Address, KnowsItsSpecialRanges) {
    EXPECT_TRUE(Ipv6Address{}.is_unspecified());
    EXPECT_FALSE(Ipv6Address::parse("::1")->is_unspecified());
    EXPECT_TRUE(Ipv6Address::parse("::1")->is_loopback());
    EXPECT_FALSE(Ipv6Address::parse("::2")->is_loopback());
    EXPECT_TRUE(Ipv6Address::parse("fe80::1")->is_link_local());
    EXPECT_TRUE(Ipv6Address::parse("febf::1")->is_link_local());  // fe80::/10 ends here
    EXPECT_FALSE(Ipv6Address::parse("fec0::1")->is_link_local());
    EXPECT_TRUE(Ipv6Address::parse("ff02::12")->is_multicast());
    EXPECT_FALSE(Ipv6Address::parse("fe02::12")->is_multicast());
}

TEST(IpAddress, IsTheFamilyOfItsText) {
    EXPECT_EQ(ip("10.0.0.1").family(), Family::Ipv4);
    EXPECT_EQ(ip("10.0.0.1").v4(), Ipv4Address{0x0a000001U});
    EXPECT_EQ(ip("2001:db8::1").family(), Family::Ipv6);
    EXPECT_TRUE(ip("2001:db8::1").is_v6());
    EXPECT_EQ(IpAddress::parse("www.example.net"), std::nullopt);
}

TEST(IpAddress, ComesFromFourOrSixteenOctetsOnly) {
    const std::array<std::uint8_t, 17> octets{10, 0, 0, 1};
    const std::span all{octets};
    EXPECT_EQ(IpAddress::from_bytes(all.first(4)), ip("10.0.0.1"));
    EXPECT_EQ(IpAddress::from_bytes(all.first(16)), ip("a00:1::"));
    for (const std::size_t length : {0U, 3U, 5U, 15U, 17U}) {
        EXPECT_EQ(IpAddress::from_bytes(all.first(length)), std::nullopt) << length;
    }
}

TEST(IpAddress, AsksItsFamilyForTheSpecialRanges) {
    EXPECT_TRUE(ip("0.0.0.0").is_unspecified());
    EXPECT_TRUE(ip("::").is_unspecified());
    EXPECT_TRUE(ip("127.0.0.1").is_loopback());
    EXPECT_TRUE(ip("::1").is_loopback());
    EXPECT_TRUE(ip("224.0.0.18").is_multicast());
    EXPECT_TRUE(ip("ff02::12").is_multicast());
    EXPECT_TRUE(ip("169.254.7.7").is_link_local());
    EXPECT_FALSE(ip("169.253.7.7").is_link_local());
    EXPECT_TRUE(ip("fe80::7").is_link_local());
}

// VRRP decides between equal priorities by the greater address: RFC 9568 §6.4.3.
TEST(IpAddress, IsOrderedAsAnUnsignedNumberInNetworkOrder) {
    EXPECT_LT(ip("10.0.0.2"), ip("10.0.0.10"));
    EXPECT_LT(ip("9.255.255.255"), ip("200.0.0.1"));
    EXPECT_LT(ip("fe80::1"), ip("fe80::1:0"));
    EXPECT_LT(ip("255.255.255.255"), ip("::")) << "IPv4 stands before IPv6";
}

TEST(Prefix, ParsesAnAddressWithALengthOrAlone) {
    EXPECT_EQ(prefix("10.0.0.1/24"), (Prefix{ip("10.0.0.1"), 24}));
    EXPECT_EQ(prefix("203.0.113.10"), (Prefix{ip("203.0.113.10"), 32}));
    EXPECT_EQ(prefix("2001:db8::10"), (Prefix{ip("2001:db8::10"), 128}));
    EXPECT_EQ(prefix("0.0.0.0/0").length(), 0);
    for (const auto* text : {"", "/24", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8",
                             "2001:db8::/129", "10.0.0.0/8/8", "10.0.0.0/99999999999"}) {
        EXPECT_EQ(Prefix::parse(text), std::nullopt) << text;
    }
}

TEST(Prefix, KeepsHostBitsUntilAskedForTheNetwork) {
    EXPECT_EQ(prefix("10.1.2.3/20").to_string(), "10.1.2.3/20");
    EXPECT_EQ(prefix("10.1.18.3/20").network(), prefix("10.1.16.0/20"));
    EXPECT_EQ(prefix("255.255.255.255/0").network(), prefix("0.0.0.0/0"));
    EXPECT_EQ(prefix("255.255.255.255/1").network(), prefix("128.0.0.0/1"));
    EXPECT_EQ(prefix("192.0.2.1/32").network(), prefix("192.0.2.1/32"));
    EXPECT_EQ(prefix("2001:db8:ffff::1/33").network(), prefix("2001:db8:8000::/33"));
}

TEST(Prefix, ContainsWhatAgreesInItsLength) {
    EXPECT_TRUE(prefix("10.0.0.7/24").contains(ip("10.0.0.255")));
    EXPECT_FALSE(prefix("10.0.0.7/24").contains(ip("10.0.1.0")));
    EXPECT_TRUE(prefix("0.0.0.0/0").contains(ip("203.0.113.10")));
    EXPECT_FALSE(prefix("0.0.0.0/0").contains(ip("::")));
    EXPECT_TRUE(prefix("2001:db8::/32").contains(ip("2001:db8:ffff::1")));
    EXPECT_FALSE(prefix("2001:db8::/32").contains(ip("2001:db9::")));
}

TEST(Prefix, CutsALengthThatItsFamilyDoesNotHave) {
    EXPECT_EQ((Prefix{ip("10.0.0.1"), 200}.length()), 32);
    EXPECT_EQ((Prefix{ip("::1"), 200}.length()), 128);
}

TEST(Prefix, OfAHostHasTheFullLength) {
    EXPECT_EQ(Prefix::host(ip("203.0.113.10")).to_string(), "203.0.113.10/32");
    EXPECT_EQ(Prefix::host(ip("2001:db8::10")).to_string(), "2001:db8::10/128");
    EXPECT_TRUE(Prefix::host(ip("203.0.113.10")).is_host());
    EXPECT_FALSE(prefix("203.0.113.10/31").is_host());
}

TEST(Endpoint, BracketsAnIpv6Address) {
    EXPECT_EQ((Endpoint{ip("10.0.0.1"), 80}.to_string()), "10.0.0.1:80");
    EXPECT_EQ((Endpoint{ip("2001:db8::1"), 443}.to_string()), "[2001:db8::1]:443");
}

TEST(Endpoint, IsOrderedByAddressThenPort) {
    EXPECT_LT((Endpoint{ip("10.0.0.1"), 443}), (Endpoint{ip("10.0.0.2"), 80}));
    EXPECT_LT((Endpoint{ip("10.0.0.1"), 80}), (Endpoint{ip("10.0.0.1"), 443}));
}

TEST(Family, HasTheLengthOfItsHostPrefix) {
    EXPECT_EQ(max_prefix_length(Family::Ipv4), 32);
    EXPECT_EQ(max_prefix_length(Family::Ipv6), 128);
    EXPECT_EQ(describe(Family::Ipv4), "ipv4");
    EXPECT_EQ(describe(Family::Ipv6), "ipv6");
}

TEST(Address, IsDescribedAsItsText) {
    EXPECT_EQ(describe(Ipv4Address{0x0a000001U}), "10.0.0.1");
    EXPECT_EQ(describe(Ipv6Address::parse("2001:db8::1").value()), "2001:db8::1");
    EXPECT_EQ(describe(ip("10.0.0.1")), "10.0.0.1");
    EXPECT_EQ(describe(prefix("10.0.0.0/8")), "10.0.0.0/8");
    EXPECT_EQ(describe(Endpoint{ip("10.0.0.1"), 80}), "10.0.0.1:80");
}

}  // namespace
}  // namespace anyvip::net
