#include "bgp/standby_mark.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace anyvip::bgp {
namespace {

const auto router_id = *net::Ipv4Address::parse("10.0.0.11");  // 167772171

TEST(StandbyMark, IsALargeCommunityThatPeopleCanRead) {
    EXPECT_EQ(to_community({100, router_id}, Asn{65010}).to_string(), "65010:4271000100:167772171");
}

TEST(StandbyMark, IsFoundAmongOthers) {
    EXPECT_EQ(standby_mark({{65010, 1, 2}, {65010, 4271000100, 167772171}}), (StandbyMark{100, router_id}));
    EXPECT_EQ(standby_mark({{65020, 4271065535, 167772171}}), (StandbyMark{65535, router_id}));
    EXPECT_EQ(standby_mark({{65010, 4271000100, 167772171}, {65010, 4271000200, 1}}),
              (StandbyMark{200, net::Ipv4Address{1}}));
}

TEST(StandbyMark, WhatIsOutsideItsRangeIsSomethingElse) {
    EXPECT_EQ(standby_mark({}), std::nullopt);
    EXPECT_EQ(standby_mark({{65010, 4270999999, 1}, {65010, 4271065536, 1}, {4271000100U, 1, 1}}), std::nullopt);
}

}  // namespace
}  // namespace anyvip::bgp
