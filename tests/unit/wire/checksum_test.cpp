#include "anyvip/wire/checksum.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace anyvip::wire {
namespace {

// RFC 1071 §3: 00 01 f2 03 f4 f5 f6 f7 sum to 2ddf0, with the carry ddf2; the field is its complement.
constexpr std::array<std::uint8_t, 8> example{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

// RFC 1071 §1: positive
TEST(Checksum, OfTheExampleInRfc1071) {
    EXPECT_EQ(Checksum{}.add(example).value(), 0x220d);
}

// RFC 1071 §1: positive
TEST(Checksum, OverDataThatHoldsARightOneIsZero) {
    EXPECT_EQ(Checksum{}.add(example).add(std::array<std::uint8_t, 2>{0x22, 0x0d}).value(), 0);
}

// RFC 1071 §1: negative
TEST(Checksum, OverDamagedDataIsNotZero) {
    auto damaged = example;
    damaged[3] ^= 1U;
    EXPECT_NE(Checksum{}.add(damaged).add(std::array<std::uint8_t, 2>{0x22, 0x0d}).value(), 0);
}

TEST(Checksum, IsTheSameInEvenPieces) {
    const std::span bytes{example};
    EXPECT_EQ(Checksum{}.add(bytes.first(2)).add(bytes.subspan(2, 4)).add(bytes.last(2)).value(), 0x220d);
}

TEST(Checksum, PadsAnOddLastOctetWithZero) {
    // 0102 + 0300 = 0402.
    EXPECT_EQ(Checksum{}.add(std::array<std::uint8_t, 3>{1, 2, 3}).value(), 0xfbfd);
}

TEST(Checksum, OfNothingIsAllOnes) {
    EXPECT_EQ(Checksum{}.value(), 0xffff);
}

TEST(Checksum, CarriesWrapAroundHoweverManyThereAre) {
    // 40,000 words of ffff: their ones' complement sum is ffff.
    EXPECT_EQ(Checksum{}.add(std::vector<std::uint8_t>(80'000, 0xff)).value(), 0);
}

// An IPv4 header without options as it stands on the wire: 4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7.
TEST(Checksum, OfAnIpv4Header) {
    const std::array<std::uint8_t, 20> header{0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                              0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
    EXPECT_EQ(Checksum{}.add(header).value(), 0xb861);
}

TEST(Checksum, PseudoHeaderOfIpv4CountsAddressesProtocolAndLength) {
    // c0a8+0001 + e000+0012 + 0070 + 000c = 1a137, with the carry a138; its complement 5ec7.
    const auto source = net::IpAddress::parse("192.168.0.1").value();
    const auto group = net::IpAddress::parse("224.0.0.18").value();
    EXPECT_EQ(Checksum{}.add_pseudo_header(source, group, 112, 12).value(), 0x5ec7);
}

// RFC 8200 §8.1: positive
TEST(Checksum, PseudoHeaderOfIpv6HasALengthOf32Bits) {
    // fe80+0001 + ff02+0012 + 0003+0002 (length 0x30002) + 003a = 1fdd4, with the carry fdd5; its complement 022a.
    const auto source = net::IpAddress::parse("fe80::1").value();
    const auto group = net::IpAddress::parse("ff02::12").value();
    EXPECT_EQ(Checksum{}.add_pseudo_header(source, group, 58, 0x30002).value(), 0x022a);
}

// RFC 8200 §8.1: negative
TEST(Checksum, PseudoHeaderOfIpv6TellsAnotherDestinationAndAnotherProtocol) {
    // As above with ff02::13 and, the second time, next header 112: 0x36 more, which comes off the complement.
    const auto source = net::IpAddress::parse("fe80::1").value();
    const auto group = net::IpAddress::parse("ff02::12").value();
    const auto other = net::IpAddress::parse("ff02::13").value();
    EXPECT_EQ(Checksum{}.add_pseudo_header(source, other, 58, 0x30002).value(), 0x0229);
    EXPECT_EQ(Checksum{}.add_pseudo_header(source, group, 112, 0x30002).value(), 0x01f4);
}

}  // namespace
}  // namespace anyvip::wire
