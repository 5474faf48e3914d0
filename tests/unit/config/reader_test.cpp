#include "config/reader.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace anyvip::config {
namespace {

using namespace std::chrono_literals;

TEST(ConfigDuration, HasAUnit) {
    EXPECT_EQ(parse_duration("300ms"), Duration{300ms});
    EXPECT_EQ(parse_duration("2s"), Duration{2s});
    EXPECT_EQ(parse_duration("1.5s"), Duration{1500ms});
    EXPECT_EQ(parse_duration("2m"), Duration{2min});
    EXPECT_EQ(parse_duration("1h"), Duration{1h});
    EXPECT_EQ(parse_duration("0s"), Duration::zero());
}

TEST(ConfigDuration, WithoutOneOrOutOfRangeIsNone) {
    for (const char* text : {"", "2", "s", "-2s", "2 s", "1.s", ".5s", "2sec", "1.5ns", "1.0000000001s",
                             "9999999999999s", "99999999999999999999s", "1e3s"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(ConfigDuration, IsPrintedInTheLargestUnitThatFits) {
    EXPECT_EQ(format_duration(0s), "0s");
    EXPECT_EQ(format_duration(1500ms), "1500ms");
    EXPECT_EQ(format_duration(90s), "90s");
    EXPECT_EQ(format_duration(120s), "2m");
    EXPECT_EQ(format_duration(3ns), "3ns");
}

TEST(ConfigRate, IsInBitsOrOctets) {
    EXPECT_EQ(parse_rate("10Gbit/s"), 1'250'000'000U);
    EXPECT_EQ(parse_rate("1.25GB/s"), 1'250'000'000U);
    EXPECT_EQ(parse_rate("100kbit/s"), 12'500U);
    EXPECT_EQ(parse_rate("1B/s"), 1U);
    EXPECT_EQ(parse_rate("8bit/s"), 1U);
    EXPECT_EQ(parse_rate("0.5Tbit/s"), 62'500'000'000U);
}

TEST(ConfigRate, WithoutAUnitOrAnOctetIsNone) {
    for (const char* text : {"", "10", "10G", "10Gb/s", "10 Gbit/s", "0Gbit/s", "1bit/s", "0.0001kbit/s", "-1B/s",
                             "1KB/s", "10gbit/s", "99999999999TB/s"}) {
        EXPECT_EQ(parse_rate(text), std::nullopt) << text;
    }
}

TEST(ConfigRate, IsPrintedAsItIsRead) {
    EXPECT_EQ(format_rate(1'250'000'000), "10Gbit/s");
    EXPECT_EQ(format_rate(125'000'000'000), "1Tbit/s");
    EXPECT_EQ(format_rate(1), "8bit/s");
    EXPECT_EQ(parse_rate(format_rate(12'345)), 12'345U);
}

TEST(ConfigSuggest, TakesTheNearestWithinAThirdOfTheWord) {
    const std::vector<std::string> keys{"interval", "timeout", "rise", "fall"};
    EXPECT_EQ(suggest("intervall", keys), "interval");
    EXPECT_EQ(suggest("timout", keys), "timeout");
    EXPECT_EQ(suggest("ris", keys), "rise");
    EXPECT_EQ(suggest("port", keys), "");
    EXPECT_EQ(suggest("", keys), "");
}

TEST(ConfigQuote, NoTextCanForgeALine) {
    EXPECT_EQ(quote("a\"b\\c\nd"), "\"a\\\"b\\\\c\\u000ad\"");
}

}  // namespace
}  // namespace anyvip::config
