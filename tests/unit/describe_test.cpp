#include "anyvip/describe.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace anyvip::described {

struct Start {};
struct Stop {
    int code = 0;
};
using Event = std::variant<Start, Stop>;

std::string describe(const Start& /*start*/) {
    return "Start";
}
std::string describe(const Stop& stop) {
    return "Stop code=" + std::to_string(stop.code);
}

namespace {

using anyvip::describe;

TEST(Describe, AVariantIsItsAlternative) {
    EXPECT_EQ(describe(Event{Start{}}), "Start");
    EXPECT_EQ(describe(Event{Stop{3}}), "Stop code=3");
}

TEST(Describe, AListHasOneItemALine) {
    EXPECT_EQ(describe(std::vector<Event>{Start{}, Stop{1}}), "Start\nStop code=1");
    EXPECT_EQ(describe(std::vector<Event>{}), "");
}

TEST(Describe, NothingIsNone) {
    EXPECT_EQ(describe(std::optional<Stop>{}), "none");
    EXPECT_EQ(describe(std::optional{Stop{2}}), "Stop code=2");
}

}  // namespace
}  // namespace anyvip::described
