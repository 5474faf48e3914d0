#include "anyvip/deadlines.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "anyvip/random.hpp"

namespace anyvip {
namespace {

using namespace std::chrono_literals;
using Keys = std::vector<std::string>;

constexpr TimePoint start{};

TEST(Deadlines, TheEarliestComesFirst) {
    Deadlines<std::string> deadlines;
    EXPECT_EQ(deadlines.next(), std::nullopt);
    deadlines.set("b", start + 2s);
    deadlines.set("a", start + 3s);
    deadlines.set("c", start + 1s);
    EXPECT_EQ(deadlines.next(), start + 1s);
    EXPECT_EQ(deadlines.due(start + 999ms), Keys{});
    EXPECT_EQ(deadlines.due(start + 2s), (Keys{"c", "b"}));
}

TEST(Deadlines, WhatIsSetAnewCountsAlone) {
    Deadlines<std::string> deadlines;
    deadlines.set("a", start + 1s);
    deadlines.set("a", start + 5s);
    EXPECT_EQ(deadlines.next(), start + 5s);
    deadlines.set("a", start + 2s);
    EXPECT_EQ(deadlines.due(start + 5s), Keys{"a"});
    deadlines.set("a", std::nullopt);
    EXPECT_EQ(deadlines.next(), std::nullopt);
    EXPECT_EQ(deadlines.due(start + 5s), Keys{});
}

TEST(Deadlines, WhatIsDueStaysDueUntilItIsSetAnew) {
    Deadlines<std::string> deadlines;
    deadlines.set("a", start + 1s);
    EXPECT_EQ(deadlines.due(start + 1s), Keys{"a"});
    EXPECT_EQ(deadlines.due(start + 1s), Keys{"a"});
}

TEST(Deadlines, OfOneTimeTheOrderIsThatOfTheKeys) {
    Deadlines<std::string> deadlines;
    for (const auto* key : {"c", "a", "b"}) deadlines.set(key, start + 1s);
    EXPECT_EQ(deadlines.due(start + 1s), (Keys{"a", "b", "c"}));
}

/// Beside what it is meant to save: looking at all of them.
TEST(Deadlines, SayWhatLookingAtAllOfThemWouldSay) {
    Random random{7};
    Deadlines<std::uint64_t> deadlines;
    std::map<std::uint64_t, TimePoint> all;
    for (int step = 0; step < 2000; ++step) {
        const auto key = random.below(20);
        std::optional<TimePoint> at;
        if (!random.chance(300)) at = start + std::chrono::seconds{random.below(50)};
        deadlines.set(key, at);
        all.erase(key);
        if (at) all.emplace(key, *at);

        std::optional<TimePoint> first;
        std::vector<std::pair<TimePoint, std::uint64_t>> due;
        for (const auto& [other, other_at] : all) {
            first = earliest(first, other_at);
            if (other_at <= start + 25s) due.emplace_back(other_at, other);
        }
        std::ranges::sort(due);
        std::vector<std::uint64_t> keys;
        for (const auto& [_, due_key] : due) keys.push_back(due_key);
        ASSERT_EQ(deadlines.next(), first);
        ASSERT_EQ(deadlines.due(start + 25s), keys);
    }
}

}  // namespace
}  // namespace anyvip
