#include "bgp/asn.hpp"

#include <gtest/gtest.h>

namespace anyvip::bgp {
namespace {

// RFC 5396 §2: positive
TEST(Asn, ReadsAsplainAndAsdot) {
    EXPECT_EQ(Asn::parse("65010"), Asn{65010});
    EXPECT_EQ(Asn::parse("4294967295"), Asn{4294967295U});
    EXPECT_EQ(Asn::parse("1.10"), Asn{65546});
    EXPECT_EQ(Asn::parse("0.65010"), Asn{65010});
}

// RFC 5396 §2: negative
TEST(Asn, RefusesWhatIsNoNumber) {
    for (const auto* text :
         {"", ".", "1.", ".1", "1.2.3", "65536.0", "1.65536", "4294967296", "-1", "+1", " 1", "1 "}) {
        EXPECT_EQ(Asn::parse(text), std::nullopt) << text;
    }
}

TEST(Asn, IsWrittenAsplainAndAsdotOnRequest) {
    EXPECT_EQ(describe(Asn{65546}), "65546");
    EXPECT_EQ(Asn{65546}.to_asdot(), "1.10");
    EXPECT_EQ(Asn{65010}.to_asdot(), "65010");
}

// RFC 7607 §2: negative
// RFC 7300 §2: negative
// RFC 6793 §9: negative
// RFC 7300 §2: positive for the numbers beside them.
// RFC 6793 §9: positive for the numbers beside AS_TRANS.
TEST(Asn, KnowsTheNumbersThatNobodyMayHave) {
    for (const auto value : {0U, 23456U, 65535U, 4294967295U}) EXPECT_FALSE(Asn{value}.is_valid()) << value;
    for (const auto value : {1U, 23455U, 23457U, 64512U, 65534U, 65536U, 4294967294U})
        EXPECT_TRUE(Asn{value}.is_valid()) << value;
}

// RFC 6996 §5: positive.
// RFC 6996 §5: negative just outside.
TEST(Asn, KnowsThePrivateRanges) {
    for (const auto value : {64512U, 65534U, 4200000000U, 4294967294U}) EXPECT_TRUE(Asn{value}.is_private()) << value;
    for (const auto value : {64511U, 65535U, 4199999999U, 4294967295U}) EXPECT_FALSE(Asn{value}.is_private()) << value;
}

}  // namespace
}  // namespace anyvip::bgp
