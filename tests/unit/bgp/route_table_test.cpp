#include "bgp/route_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "anyvip/random.hpp"

namespace anyvip::bgp {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

net::Prefix prefix(const char* text) {
    return *net::Prefix::parse(text);
}

Route with_med(std::uint32_t med) {
    return {.attributes = {.med = med}};
}

net::Prefix host(std::uint32_t number) {
    return net::Prefix::host(net::Ipv4Address{0x0a000000U + number});
}

TEST(Route, IsForAllPeersUnlessItNamesThem) {
    Route route = with_med(50);
    route.exceptions[PeerName{"tor-b"}] = {.med = 60};
    EXPECT_EQ(route.for_peer(PeerName{"tor-a"})->med, 50U);
    EXPECT_EQ(route.for_peer(PeerName{"tor-b"})->med, 60U);
    route.peers = std::set{PeerName{"tor-b"}};
    EXPECT_EQ(route.for_peer(PeerName{"tor-a"}), nullptr);
    EXPECT_EQ(route.for_peer(PeerName{"tor-b"})->med, 60U);
    EXPECT_EQ(describe(route), "med=50, to tor-b, tor-b: med=60");
}

TEST(RouteTable, TellsWhichSlotsHaveOtherRoutes) {
    RouteTable table;
    const std::vector<RouteChange> first{{prefix("10.0.0.1/32"), with_med(1)}, {prefix("10.0.0.2/32"), with_med(1)}};
    EXPECT_THAT(table.change(first), SizeIs(2));
    EXPECT_THAT(table.change(first), IsEmpty()) << "nothing is another now";
    const auto changed = table.change({prefix("10.0.0.2/32"), with_med(2)});
    ASSERT_THAT(changed, SizeIs(1));
    EXPECT_EQ(table.prefix(changed[0]), prefix("10.0.0.2/32"));
    EXPECT_EQ(table.route(table.route_id(changed[0])), with_med(2));
    EXPECT_THAT(table.change({prefix("10.0.0.3/32"), std::nullopt}), IsEmpty());
}

TEST(RouteTable, OfTwoChangesOfOnePrefixTheLaterCounts) {
    RouteTable table;
    const std::vector<RouteChange> changes{{prefix("10.0.0.1/32"), with_med(1)},
                                           {prefix("10.0.0.1/32"), with_med(2)},
                                           {prefix("10.0.0.1/24"), with_med(3)},
                                           {prefix("10.0.0.0/24"), with_med(4)}};
    ASSERT_THAT(table.change(changes), SizeIs(2));
    EXPECT_EQ(table.route(table.route_id(*table.find(prefix("10.0.0.1/32")))), with_med(2));
    EXPECT_EQ(table.route(table.route_id(*table.find(prefix("10.0.0.77/24")))), with_med(4)) << "host bits";
}

TEST(RouteTable, ASlotThatIsHeldKeepsItsPrefix) {
    RouteTable table;
    const auto slot = table.change({host(0), Route{}}).at(0);
    table.hold(slot);
    (void)table.change({host(0), std::nullopt});
    // Others come and go, often enough that every slot without a use is taken again.
    for (std::uint32_t i = 1; i < 1000; ++i) {
        (void)table.change({host(i), Route{}});
        (void)table.change({host(i), std::nullopt});
    }
    EXPECT_EQ(table.prefix(slot), host(0));
    EXPECT_EQ(table.find(host(0)), slot);
    table.let_go(slot);
    for (std::uint32_t i = 1; i < 1000; ++i) {
        (void)table.change({host(i), Route{}});
        (void)table.change({host(i), std::nullopt});
    }
    EXPECT_EQ(table.find(host(0)), std::nullopt);
}

// A configuration that changes for ever costs no memory.
TEST(RouteTable, DoesNotGrowWithWhatIsGone) {
    RouteTable table;
    for (std::uint32_t i = 0; i < 100000; ++i) {
        (void)table.change({host(i), with_med(i)});
        (void)table.change({host(i), std::nullopt});
    }
    EXPECT_LE(table.size(), 128U);
}

TEST(RouteTable, IsAMapWhateverTheOrder) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        Random random{seed};
        RouteTable table;
        std::map<net::Prefix, Route> model;
        std::map<net::Prefix, RouteSlot> held;
        for (int step = 0; step < 300; ++step) {
            std::vector<RouteChange> changes;
            for (auto left = random.below(6); left > 0; --left) {
                const auto of = host(static_cast<std::uint32_t>(random.below(200)));
                if (random.chance(500)) {
                    changes.push_back({of, with_med(static_cast<std::uint32_t>(random.below(5)))});
                    model[of] = *changes.back().route;
                } else {
                    changes.push_back({of, std::nullopt});
                    model.erase(of);
                }
            }
            for (const auto slot : table.change(changes)) {
                if (random.chance(200) && !held.contains(table.prefix(slot))) {
                    table.hold(slot);
                    held.emplace(table.prefix(slot), slot);
                }
            }
            if (!held.empty() && random.chance(300)) {
                table.let_go(held.begin()->second);
                held.erase(held.begin());
            }
            for (const auto& [of, slot] : held) ASSERT_EQ(table.prefix(slot), of) << seed;
        }
        std::map<net::Prefix, Route> seen;
        for (std::uint32_t i = 0; i < 200; ++i) {
            const auto slot = table.find(host(i));
            if (slot && table.route_id(*slot) != 0) seen.emplace(host(i), table.route(table.route_id(*slot)));
        }
        ASSERT_EQ(seen, model) << seed;
    }
}

}  // namespace
}  // namespace anyvip::bgp
