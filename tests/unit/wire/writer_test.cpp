#include "anyvip/wire/writer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

namespace anyvip::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(Writer, PutsTheMostSignificantOctetFirst) {
    Writer out;
    out.u8(0x01);
    out.u16(0x0203);
    out.u32(0x04050607);
    EXPECT_EQ(out.take(), (Bytes{1, 2, 3, 4, 5, 6, 7}));
}

TEST(Writer, PutsAddressesAsTheyStandOnTheWire) {
    Writer out;
    out.ipv4(net::Ipv4Address{0xc0000201U});
    out.ip(net::IpAddress::parse("192.0.2.2").value());
    EXPECT_EQ(out.take(), (Bytes{192, 0, 2, 1, 192, 0, 2, 2}));
    out.ipv6(net::Ipv6Address::parse("2001:db8::1").value());
    EXPECT_EQ(out.take(), (Bytes{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
    out.ip(net::IpAddress::parse("2001:db8::2").value());
    EXPECT_EQ(out.take(), (Bytes{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}));
}

TEST(Writer, PatchesALengthWhenItsScopeEnds) {
    Writer out;
    out.u8(0xaa);
    {
        const auto length = out.length8();
        out.u16(0x0102);
    }
    out.u8(0xbb);
    EXPECT_EQ(out.take(), (Bytes{0xaa, 2, 1, 2, 0xbb}));
}

TEST(Writer, NestsLengths) {
    Writer out;
    {
        const auto outer = out.length16();
        out.u8(0xaa);
        {
            const auto inner = out.length8();
            out.fill(3, 0xcc);
        }
        {
            const auto empty = out.length8();
        }
    }
    EXPECT_EQ(out.take(), (Bytes{0, 6, 0xaa, 3, 0xcc, 0xcc, 0xcc, 0}));
}

TEST(Writer, WritesALengthAboveOneOctetInTwo) {
    Writer out;
    {
        const auto length = out.length16();
        out.fill(0x0123, 0);
    }
    EXPECT_EQ(out.size(), 0x0125U);
    EXPECT_EQ(out.view()[0], 0x01);
    EXPECT_EQ(out.view()[1], 0x23);
}

TEST(Writer, OverwritesTwoOctetsAndNoMore) {
    Writer out{16};
    out.bytes(std::array<std::uint8_t, 4>{1, 2, 3, 4});
    out.patch_u16(1, 0xbeef);
    EXPECT_EQ(out.take(), (Bytes{1, 0xbe, 0xef, 4}));
}

TEST(Writer, IsEmptyAfterItsBytesWereTaken) {
    Writer out;
    out.u8(1);
    EXPECT_EQ(out.take(), Bytes{1});
    EXPECT_EQ(out.size(), 0U);
    EXPECT_EQ(out.take(), Bytes{});
}

}  // namespace
}  // namespace anyvip::wire
