#include "anyvip/wire/reader.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

namespace anyvip::wire {
namespace {

TEST(Reader, TakesTheMostSignificantOctetFirst) {
    const std::array<std::uint8_t, 7> bytes{0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87};
    Reader in{bytes};
    EXPECT_EQ(in.u8(), 0x81);
    EXPECT_EQ(in.u16(), 0x8283);
    EXPECT_EQ(in.u32(), 0x84858687U);
    EXPECT_TRUE(in.at_end());
    EXPECT_FALSE(in.failed());
}

TEST(Reader, TakesAddresses) {
    std::vector<std::uint8_t> bytes{192, 0, 2, 1, 0x20, 0x01, 0x0d, 0xb8};
    bytes.resize(20);
    bytes.back() = 7;
    Reader in{bytes};
    EXPECT_EQ(in.ipv4().to_string(), "192.0.2.1");
    EXPECT_EQ(in.ipv6().to_string(), "2001:db8::7");
    EXPECT_FALSE(in.failed());
    EXPECT_TRUE(in.ipv6().is_unspecified());
    EXPECT_TRUE(in.failed());
}

TEST(Reader, RemembersTheFirstFailureAndYieldsZeroAfterIt) {
    const std::array<std::uint8_t, 3> bytes{0x12, 0x34, 0x56};
    Reader in{bytes};
    EXPECT_EQ(in.u16(), 0x1234);
    EXPECT_EQ(in.u16(), 0);
    EXPECT_TRUE(in.failed());
    EXPECT_EQ(in.at(), 2U);
    EXPECT_EQ(in.u8(), 0) << "the octet that is left must not be read after a failure";
    EXPECT_EQ(in.remaining(), 0U);
    EXPECT_TRUE(in.rest().empty());
}

TEST(Reader, ReadsAFieldWholeOrNotAtAll) {
    const std::array<std::uint8_t, 3> bytes{0x12, 0x34, 0x56};
    Reader in{bytes};
    EXPECT_EQ(in.u32(), 0U);
    EXPECT_TRUE(in.failed());
    EXPECT_EQ(in.at(), 0U);
}

TEST(Reader, SubReaderCannotReadPastItsParent) {
    const std::array<std::uint8_t, 4> bytes{1, 2, 3, 4};
    Reader in{bytes};
    auto inner = in.sub(2);
    EXPECT_EQ(inner.u32(), 0U);
    EXPECT_TRUE(inner.failed());
    EXPECT_FALSE(in.failed());
    EXPECT_EQ(in.u16(), 0x0304);
    EXPECT_TRUE(in.sub(1).failed());
}

TEST(Reader, SkipsAndTakesTheRest) {
    const std::array<std::uint8_t, 4> bytes{1, 2, 3, 4};
    Reader in{bytes};
    in.skip(1);
    EXPECT_EQ(in.remaining(), 3U);
    EXPECT_EQ(in.rest().size(), 3U);
    EXPECT_TRUE(in.at_end());
    EXPECT_FALSE(in.failed());
    in.skip(1);
    EXPECT_TRUE(in.failed());
}

TEST(Reader, OfNothingIsAtItsEndWithoutAFailure) {
    Reader in{{}};
    EXPECT_TRUE(in.at_end());
    EXPECT_FALSE(in.failed());
    EXPECT_TRUE(in.bytes(0).empty());
    EXPECT_FALSE(in.failed());
}

TEST(Reader, FailsWhenTold) {
    const std::array<std::uint8_t, 2> bytes{1, 2};
    Reader in{bytes};
    in.fail();
    EXPECT_TRUE(in.failed());
    EXPECT_EQ(in.u8(), 0);
}

}  // namespace
}  // namespace anyvip::wire
