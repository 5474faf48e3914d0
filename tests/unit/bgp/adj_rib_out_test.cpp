#include "bgp/adj_rib_out.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "anyvip/random.hpp"
#include "bgp/framer.hpp"
#include "bgp/message.hpp"

namespace anyvip::bgp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t plenty = 1U << 20U;

net::Prefix prefix(const char* text) {
    return *net::Prefix::parse(text);
}

Export external_session() {
    return {.local_as = Asn{65010},
            .external = true,
            .four_octet_as = true,
            .ipv4 = true,
            .ipv6 = true,
            .next_hop = net::Ipv4Address::parse("10.0.0.11"),
            .next_hop6 = net::Ipv6Address::parse("2001:db8::11")};
}

std::vector<Update> updates(const std::vector<AdjRibOut::Octets>& octets, bool internal = false) {
    std::vector<Update> result;
    DecodeContext context;
    context.ibgp = internal;
    context.families = {ipv4_unicast, ipv6_unicast};
    for (const auto& message : octets) {
        Framer framer;
        framer.feed(message);
        auto decoded = decode(**framer.next(), context);
        EXPECT_TRUE(decoded);
        result.push_back(std::get<Update>(*decoded));
        EXPECT_THAT(result.back().errors, IsEmpty());
    }
    return result;
}

std::size_t size(const std::vector<AdjRibOut::Octets>& messages) {
    std::size_t sum = 0;
    for (const auto& message : messages) sum += message.size();
    return sum;
}

/// What a peer knows that is told everything, and whether it was ever told something twice.
struct View {
    std::map<net::Prefix, PathAttributes> routes;
    bool internal = false;
    std::size_t repeated = 0;

    void hear(const std::vector<AdjRibOut::Octets>& octets) {
        for (const auto& update : updates(octets, internal)) {
            forget(update.withdrawn);
            if (update.mp_unreach) forget(update.mp_unreach->withdrawn);
            learn(update.nlri, update.attributes);
            if (update.mp_reach) learn(update.mp_reach->nlri, update.attributes);
        }
    }
    void forget(const std::vector<Nlri>& withdrawn) {
        for (const auto& nlri : withdrawn) repeated += routes.erase(nlri.prefix) == 1 ? 0U : 1U;
    }
    void learn(const std::vector<Nlri>& announced, const PathAttributes& attributes) {
        for (const auto& [p, path_id] : announced) {
            const auto [known, added] = routes.try_emplace(p, attributes);
            if (!added && known->second == attributes) ++repeated;
            known->second = attributes;
        }
    }
};

TEST(AdjRibOut, PacksPrefixesOfEqualAttributesIntoOneUpdate) {
    AdjRibOut rib;
    rib.start(external_session());
    rib.change(prefix("203.0.113.10/32"), Route{.med = 50});
    rib.change(prefix("203.0.113.11/32"), Route{.med = 50});
    rib.change(prefix("203.0.113.12/32"), Route{.med = 60});
    const auto sent = updates(rib.take(plenty));
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_THAT(sent[0].nlri, ElementsAre(prefix("203.0.113.10/32"), prefix("203.0.113.11/32")));
    EXPECT_THAT(sent[1].nlri, ElementsAre(prefix("203.0.113.12/32")));
    EXPECT_TRUE(rib.clean());
    EXPECT_EQ(rib.announced(), 3U);
}

TEST(AdjRibOut, WithdrawalsGoFirst) {
    AdjRibOut rib;
    rib.start(external_session());
    rib.change(prefix("203.0.113.10/32"), Route{});
    rib.change(prefix("2001:db8:1::1/128"), Route{});
    (void)rib.take(plenty);
    rib.change(prefix("203.0.113.9/32"), Route{});
    rib.change(prefix("203.0.113.10/32"), std::nullopt);
    rib.change(prefix("2001:db8:1::1/128"), std::nullopt);
    const auto sent = updates(rib.take(plenty));
    ASSERT_EQ(sent.size(), 3U);
    EXPECT_THAT(sent[0].withdrawn, ElementsAre(prefix("203.0.113.10/32")));
    EXPECT_THAT(sent[1].mp_unreach->withdrawn, ElementsAre(prefix("2001:db8:1::1/128")));
    EXPECT_THAT(sent[2].nlri, ElementsAre(prefix("203.0.113.9/32")));
}

TEST(AdjRibOut, WhatTheSessionCannotTellApartIsNotSentAgain) {
    AdjRibOut rib;
    rib.start(external_session());
    rib.change(prefix("203.0.113.10/32"), Route{.communities = {Community{1, 2}, Community{1, 1}}});
    (void)rib.take(plenty);
    // An external peer never hears of LOCAL_PREF, and communities are a set.
    rib.change(prefix("203.0.113.10/32"),
               Route{.communities = {Community{1, 1}, Community{1, 2}, Community{1, 1}}, .local_pref = 300});
    EXPECT_THAT(rib.take(plenty), IsEmpty());
    EXPECT_TRUE(rib.clean());
}

TEST(AdjRibOut, AChangeThatIsTakenBackBeforeItWasSentIsNotSent) {
    AdjRibOut rib;
    rib.start(external_session());
    rib.change(prefix("203.0.113.10/32"), Route{});
    rib.change(prefix("203.0.113.10/32"), std::nullopt);
    EXPECT_THAT(rib.take(plenty), IsEmpty());
    EXPECT_EQ(rib.wanted(), 0U);
}

// RFC 4724 §2: once for each family, and not before all is told.
TEST(AdjRibOut, EndOfRibFollowsTheLastRouteOnce) {
    AdjRibOut rib;
    rib.change(prefix("203.0.113.10/32"), Route{});
    rib.start(external_session());
    EXPECT_EQ(updates(rib.take(plenty)).size(), 1U);
    rib.allow_end_of_rib();
    EXPECT_FALSE(rib.clean());
    const auto ends = updates(rib.take(plenty));
    ASSERT_EQ(ends.size(), 2U);
    EXPECT_EQ(end_of_rib_family(ends[0]), ipv4_unicast);
    EXPECT_EQ(end_of_rib_family(ends[1]), ipv6_unicast);
    rib.change(prefix("203.0.113.11/32"), Route{});
    EXPECT_EQ(updates(rib.take(plenty)).size(), 1U);
    rib.start(external_session());
    EXPECT_EQ(updates(rib.take(plenty)).size(), 3U);
}

TEST(AdjRibOut, RefreshRepeatsWhatIsStillWanted) {
    AdjRibOut rib;
    rib.start(external_session());
    rib.change(prefix("203.0.113.10/32"), Route{});
    rib.change(prefix("203.0.113.11/32"), Route{});
    (void)rib.take(plenty);
    rib.change(prefix("203.0.113.11/32"), std::nullopt);
    rib.refresh(net::Family::Ipv4);
    const auto sent = updates(rib.take(plenty));
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_THAT(sent[0].withdrawn, ElementsAre(prefix("203.0.113.11/32")));
    EXPECT_THAT(sent[1].nlri, ElementsAre(prefix("203.0.113.10/32")));
    EXPECT_THAT(rib.take(plenty), IsEmpty());
}

TEST(AdjRibOut, NothingIsAnnouncedInAFamilyThatWasNotNegotiated) {
    AdjRibOut rib;
    auto session = external_session();
    session.ipv6 = false;
    rib.start(session);
    rib.change(prefix("2001:db8:1::1/128"), Route{});
    EXPECT_THAT(rib.take(plenty), IsEmpty());
    EXPECT_EQ(rib.withheld(), (std::map<Withheld, std::size_t>{{Withheld::FamilyNotNegotiated, 1}}));
}

TEST(AdjRibOut, ARouteThatIsTooLargeIsWithheldAndTheOldOneWithdrawn) {
    AdjRibOut rib;
    rib.start(external_session());
    rib.change(prefix("203.0.113.10/32"), Route{});
    (void)rib.take(plenty);
    Route large;
    for (std::uint16_t i = 0; i < 1000; ++i) large.communities.emplace_back(std::uint16_t{65010}, i);
    rib.change(prefix("203.0.113.10/32"), large);
    const auto sent = updates(rib.take(plenty));
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_THAT(sent[0].withdrawn, ElementsAre(prefix("203.0.113.10/32")));
    EXPECT_EQ(rib.withheld(), (std::map<Withheld, std::size_t>{{Withheld::TooLarge, 1}}));
}

TEST(AdjRibOut, WithdrawAllLeavesThePeerWithNothing) {
    AdjRibOut rib;
    View view;
    rib.start(external_session());
    for (std::uint32_t i = 0; i < 3000; ++i) rib.change(net::Prefix::host(net::Ipv4Address{i}), Route{.med = i % 3});
    view.hear(rib.take(plenty));
    EXPECT_EQ(view.routes.size(), 3000U);
    rib.withdraw_all();
    view.hear(rib.take(plenty));
    EXPECT_THAT(view.routes, IsEmpty());
    EXPECT_EQ(rib.wanted(), 3000U);  // For the next session.
}

/// Random changes, budgets, refreshes and sessions: when all is taken, the peer's view is what is wanted, and
/// it was never told anything twice.
TEST(AdjRibOut, ThePeersViewIsWhatIsWantedWhateverTheOrder) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        Random random{seed};
        AdjRibOut rib;
        View view;
        std::map<net::Prefix, Route> model;
        auto session = external_session();
        if (random.chance(300)) session.next_hop6.reset();
        session.external = random.chance(700);
        view.internal = !session.external;
        rib.start(session);
        if (random.chance(500)) rib.allow_end_of_rib();
        for (int step = 0; step < 200; ++step) {
            const auto number = static_cast<std::uint32_t>(random.below(40));
            const auto p = random.chance(500)
                               ? net::Prefix::host(net::Ipv4Address{0xcb007100U + number})
                               : net::Prefix{*net::IpAddress::parse("2001:db8::"), static_cast<std::uint8_t>(number)};
            if (random.chance(600)) {
                const Route route{.med = static_cast<std::uint32_t>(random.below(3)), .local_pref = 7};
                model[p.network()] = route;
                rib.change(p, route);
            } else {
                model.erase(p.network());
                rib.change(p, std::nullopt);
            }
            if (random.chance(300)) {
                const auto budget = random.below(120);
                const auto octets = rib.take(budget);
                ASSERT_LE(size(octets), budget);
                view.hear(octets);
            }
            if (random.chance(10)) {
                view.routes.clear();
                rib.start(session);
            }
        }
        view.hear(rib.take(plenty));
        std::map<net::Prefix, PathAttributes> expected;
        for (const auto& [p, route] : model) {
            if (const auto attributes = session.attributes(p.family(), route)) expected[p] = *attributes;
        }
        ASSERT_EQ(view.routes, expected) << seed;
        ASSERT_EQ(view.repeated, 0U) << seed;
        ASSERT_TRUE(rib.clean()) << seed;
        ASSERT_EQ(rib.announced(), expected.size()) << seed;
    }
}

TEST(AdjRibOut, AHundredThousandRoutesFitIntoFullMessages) {
    AdjRibOut rib;
    rib.start(external_session());
    for (std::uint32_t i = 0; i < 100000; ++i) rib.change(net::Prefix::host(net::Ipv4Address{i}), Route{});
    const auto messages = rib.take(plenty);
    // 4096 less the header 19, the two lengths 4 and the attributes: about 808 prefixes of 5 octets in each.
    EXPECT_LE(messages.size(), 125U);
    EXPECT_EQ(rib.announced(), 100000U);
}

}  // namespace
}  // namespace anyvip::bgp
