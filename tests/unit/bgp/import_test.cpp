#include "bgp/import.hpp"

#include <gtest/gtest.h>

#include <string>

namespace anyvip::bgp {
namespace {

net::Prefix prefix(const std::string& text) {
    return *net::Prefix::parse(text);
}

TEST(ImportRule, TakesItsPrefixAndWhatIsMoreSpecificUpToItsLength) {
    const ImportRule rule{.prefix = prefix("10.0.0.0/8"), .max_length = 24};
    EXPECT_TRUE(rule.takes(prefix("10.0.0.0/8")));
    EXPECT_TRUE(rule.takes(prefix("10.200.3.0/24")));
    EXPECT_FALSE(rule.takes(prefix("10.200.3.0/25")));
    EXPECT_FALSE(rule.takes(prefix("0.0.0.0/0")));
    EXPECT_FALSE(rule.takes(prefix("11.0.0.0/8")));
    EXPECT_FALSE(rule.takes(prefix("2001:db8::/24")));
}

// RFC 8212 §2: positive
TEST(Import, WithoutRulesTakesNothing) {
    EXPECT_FALSE(Import{}.takes(prefix("0.0.0.0/0")));
    EXPECT_FALSE(Import{}.takes(prefix("2001:db8::/32")));
}

// RFC 8212 §2: negative; a policy is what lets routes in.
TEST(Import, TakesWhatAnyOfItsRulesTakes) {
    const Import import{.rules = {{.prefix = prefix("0.0.0.0/0"), .max_length = 0},
                                  {.prefix = prefix("2001:db8::/32"), .max_length = 48}}};
    EXPECT_TRUE(import.takes(prefix("0.0.0.0/0")));
    EXPECT_TRUE(import.takes(prefix("2001:db8:1::/48")));
    EXPECT_FALSE(import.takes(prefix("10.0.0.0/8")));
}

}  // namespace
}  // namespace anyvip::bgp
