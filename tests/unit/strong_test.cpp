#include "anyvip/strong.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <type_traits>

namespace anyvip {
namespace {

using Vrid = Strong<std::uint8_t, struct VridTestTag>;
using Priority = Strong<std::uint8_t, struct PriorityTestTag>;
using Name = Strong<std::string, struct NameTestTag>;

TEST(Strong, IsMadeExplicitlyAndFromItsOwnKindOnly) {
    static_assert(!std::is_convertible_v<int, Vrid>);
    static_assert(!std::is_convertible_v<Priority, Vrid>);
    static_assert(!std::is_constructible_v<Vrid, Priority>);
    static_assert(!std::is_convertible_v<Vrid, std::uint8_t>);
    EXPECT_EQ(Vrid{51}.value(), 51);
    EXPECT_EQ(Vrid{}.value(), 0);
}

TEST(Strong, IsOrderedAsItsValue) {
    EXPECT_LT(Vrid{1}, Vrid{200});
    EXPECT_EQ(Name{"www"}, Name{std::string{"www"}});
    EXPECT_LT(Name{"a"}, Name{"b"});
}

TEST(Strong, IsDescribedAsItsValue) {
    EXPECT_EQ(describe(Vrid{51}), "51");
    EXPECT_EQ(describe(Name{"www"}), "www");
}

}  // namespace
}  // namespace anyvip
