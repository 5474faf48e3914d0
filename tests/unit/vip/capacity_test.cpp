#include "anyvip/vip/capacity.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>

namespace anyvip::vip {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{};

/// Of so many weights, announced.
struct Pool {
    std::uint64_t configured = 10;
    Capacity capacity{10s};

    explicit Pool(std::uint64_t all) : configured{all} {
        (void)capacity.learn({.serving = all, .configured = all}, false, start);
    }
    bool serves(std::uint64_t serving, TimePoint now) {
        return capacity.learn({.serving = serving, .configured = configured}, true, now);
    }
};

TEST(Capacity, WhatNobodyHasHeardOfIsToldAsItIs) {
    Capacity capacity{10s};
    EXPECT_TRUE(capacity.learn({.serving = 1, .configured = 10}, false, start));
    EXPECT_TRUE(capacity.learn({.serving = 7, .configured = 10}, false, start));
    EXPECT_EQ(capacity.told(), 7U);
    EXPECT_EQ(capacity.deadline(), std::nullopt);
}

TEST(Capacity, AFallIsToldAtOnce) {
    Pool pool{10};
    EXPECT_TRUE(pool.serves(9, start + 1s));
    EXPECT_EQ(pool.capacity.told(), 9U);
    EXPECT_FALSE(pool.serves(9, start + 2s));
    EXPECT_TRUE(pool.serves(0, start + 3s));
    EXPECT_EQ(pool.capacity.told(), 0U);
}

TEST(Capacity, ARiseIsToldWhenItHasHeld) {
    Pool pool{10};
    EXPECT_TRUE(pool.serves(5, start));
    EXPECT_FALSE(pool.serves(8, start + 1s));
    EXPECT_EQ(pool.capacity.deadline(), start + 11s);
    EXPECT_FALSE(pool.capacity.expire(start + 10999ms));
    EXPECT_TRUE(pool.capacity.expire(start + 11s));
    EXPECT_EQ(pool.capacity.told(), 8U);
    EXPECT_EQ(pool.capacity.deadline(), std::nullopt);
}

TEST(Capacity, WhatComesAndGoesIsNotCounted) {
    Pool pool{10};
    EXPECT_TRUE(pool.serves(5, start));
    EXPECT_FALSE(pool.serves(6, start + 1s));  // One is back to stay, another one is not.
    for (int i = 1; i < 4; ++i) {
        EXPECT_FALSE(pool.serves(7, start + i * 2s));
        EXPECT_FALSE(pool.serves(6, start + i * 2s + 1s));
    }
    EXPECT_FALSE(pool.serves(7, start + 9s));
    EXPECT_TRUE(pool.capacity.expire(start + 11s));
    EXPECT_EQ(pool.capacity.told(), 6U) << "the least that was there for ten seconds";
    EXPECT_EQ(pool.capacity.deadline(), start + 21s) << "and the seventh has to hold as long";
}

TEST(Capacity, ARiseThatEndsBeforeItsTimeWasNone) {
    Pool pool{10};
    EXPECT_TRUE(pool.serves(5, start));
    EXPECT_FALSE(pool.serves(6, start + 1s));
    EXPECT_FALSE(pool.serves(5, start + 5s));
    EXPECT_EQ(pool.capacity.deadline(), std::nullopt);
    EXPECT_TRUE(pool.serves(4, start + 6s));
}

TEST(Capacity, OfAHundredFiveMatter) {
    Pool pool{100};
    EXPECT_FALSE(pool.serves(96, start));
    EXPECT_TRUE(pool.serves(95, start));
    EXPECT_FALSE(pool.serves(99, start + 1s));
    EXPECT_EQ(pool.capacity.deadline(), std::nullopt) << "four more are not told either";
    EXPECT_FALSE(pool.serves(100, start + 2s));
    EXPECT_EQ(pool.capacity.deadline(), start + 12s) << "all of them are";
    EXPECT_TRUE(pool.capacity.expire(start + 12s));
    EXPECT_EQ(pool.capacity.told(), 100U);
}

TEST(Capacity, TheLastOfAHundredMatters) {
    Pool pool{100};
    EXPECT_TRUE(pool.serves(1, start));
    EXPECT_TRUE(pool.serves(0, start));
}

}  // namespace
}  // namespace anyvip::vip
