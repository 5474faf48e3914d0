#include "bgp/adj_rib_out.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/random.hpp"
#include "bgp/framer.hpp"
#include "bgp/message.hpp"
#include "support/vectors.hpp"

namespace anyvip::bgp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t plenty = 1U << 20U;

net::Prefix prefix(const char* text) {
    return *net::Prefix::parse(text);
}

Export external_session() {
    return {.peer = PeerName{"tor-a"},
            .local_as = Asn{65010},
            .ipv4 = true,
            .ipv6 = true,
            .next_hop = net::Ipv4Address::parse("10.0.0.11"),
            .next_hop6 = net::Ipv6Address::parse("2001:db8::11")};
}

/// With a table of its own.
struct OwnTable {
    RouteTable routes;
};
class Rib : private OwnTable, public AdjRibOut {
public:
    Rib() : AdjRibOut{routes} {}
    void change(const net::Prefix& prefix, const std::optional<Route>& route) {
        changed(routes.change({prefix, route}));
    }
    std::size_t wanted() const { return AdjRibOut::wanted(PeerName{"tor-a"}); }
};

Route with_med(std::uint32_t med) {
    return {.attributes = {.med = med}};
}

std::vector<Message> messages(const AdjRibOut::Taken& taken, bool internal = false) {
    std::vector<Message> result;
    DecodeContext context;
    context.ibgp = internal;
    context.families = {ipv4_unicast, ipv6_unicast};
    Framer framer;
    framer.feed(taken.octets);
    while (const auto raw = framer.next()) {
        auto decoded = decode(**raw, context);
        EXPECT_TRUE(decoded);
        result.push_back(std::move(*decoded));
    }
    EXPECT_EQ(result.size(), taken.messages);
    return result;
}

std::vector<Update> updates(const AdjRibOut::Taken& taken, bool internal = false) {
    std::vector<Update> result;
    for (auto& message : messages(taken, internal)) {
        result.push_back(std::get<Update>(std::move(message)));
        EXPECT_THAT(result.back().errors, IsEmpty());
    }
    EXPECT_EQ(result.size(), taken.updates);
    return result;
}

/// What a peer knows that is told everything, and whether it was ever told something twice.
struct View {
    std::map<net::Prefix, PathAttributes> routes;
    bool internal = false;
    std::size_t repeated = 0;

    void hear(const AdjRibOut::Taken& taken) {
        for (const auto& update : updates(taken, internal)) {
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
    Rib rib;
    rib.start(external_session());
    rib.change(prefix("203.0.113.10/32"), with_med(50));
    rib.change(prefix("203.0.113.11/32"), with_med(50));
    rib.change(prefix("203.0.113.12/32"), with_med(60));
    const auto sent = updates(rib.take(plenty));
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_THAT(sent[0].nlri, ElementsAre(prefix("203.0.113.10/32"), prefix("203.0.113.11/32")));
    EXPECT_THAT(sent[1].nlri, ElementsAre(prefix("203.0.113.12/32")));
    EXPECT_TRUE(rib.clean());
    EXPECT_EQ(rib.announced(), 3U);
}

TEST(AdjRibOut, WithdrawalsGoFirst) {
    Rib rib;
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
    Rib rib;
    rib.start(external_session());
    rib.change(prefix("203.0.113.10/32"), Route{.attributes = {.communities = {Community{1, 2}, Community{1, 1}}}});
    (void)rib.take(plenty);
    // An external peer never hears of LOCAL_PREF, and communities are a set.
    rib.change(
        prefix("203.0.113.10/32"),
        Route{.attributes = {.communities = {Community{1, 1}, Community{1, 2}, Community{1, 1}}, .local_pref = 300}});
    EXPECT_THAT(rib.take(plenty).octets, IsEmpty());
    EXPECT_TRUE(rib.clean());
}

// RFC 4360 §2, RFC 10005 §2: positive. Optional and transitive, 3 times 8 octets in their order; also what is not
// transitive goes to an external peer, since it begins here (RFC 4360 §6 is about handing on).
TEST(AdjRibOut, ExtendedCommunitiesAreSortedAndSaidOnce) {
    const auto community = [](const char* text) { return ExtendedCommunity::parse(text).value(); };
    Rib rib;
    rib.start(external_session());
    rib.change(prefix("203.0.113.10/32"),
               Route{.attributes = {.extended_communities = {community("bandwidth:65010:125000000"),
                                                             community("soo:192.0.2.1:5"), community("rt:65000:100"),
                                                             community("soo:192.0.2.1:5")}}});
    const auto octets = rib.take(plenty).octets;
    const auto attribute =
        anyvip::testing::bytes_from_hex("c0 10 18 0002fde800000064 0103c00002010005 4004fdf24cee6b28");
    EXPECT_THAT(octets, Not(IsEmpty()));
    EXPECT_FALSE(std::ranges::search(octets, attribute).empty());
    // RFC 10005 §2: negative; without one there is no attribute of this kind.
    rib.change(prefix("203.0.113.10/32"), Route{});
    EXPECT_THAT(updates(rib.take(plenty)).at(0).attributes.extended_communities, IsEmpty());
}

TEST(AdjRibOut, AChangeThatIsTakenBackBeforeItWasSentIsNotSent) {
    Rib rib;
    rib.start(external_session());
    rib.change(prefix("203.0.113.10/32"), Route{});
    rib.change(prefix("203.0.113.10/32"), std::nullopt);
    EXPECT_THAT(rib.take(plenty).octets, IsEmpty());
    EXPECT_EQ(rib.wanted(), 0U);
}

// RFC 4724 §2: once for each family, and not before all is told.
TEST(AdjRibOut, EndOfRibFollowsTheLastRouteOnce) {
    Rib rib;
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
    Rib rib;
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
    EXPECT_THAT(rib.take(plenty).octets, IsEmpty());
}

std::vector<std::string> described(const std::vector<Message>& sent) {
    std::vector<std::string> words;
    for (const auto& message : sent) {
        words.push_back(std::visit([](const auto& m) { return describe(m); }, message));
    }
    return words;
}

// RFC 7313 §4: positive; BoRR, the routes, EoRR.
TEST(AdjRibOut, AnEnhancedRefreshIsEnclosed) {
    Rib rib;
    auto session = external_session();
    session.enhanced_refresh = true;
    rib.allow_end_of_rib();
    rib.start(session);
    rib.change(prefix("203.0.113.10/32"), Route{});
    (void)rib.take(plenty);
    rib.refresh(net::Family::Ipv4);
    EXPECT_FALSE(rib.clean());
    const auto answer = messages(rib.take(plenty));
    ASSERT_EQ(answer.size(), 3U);
    EXPECT_EQ(answer.front(), (Message{RouteRefresh{ipv4_unicast, RouteRefresh::begin}}));
    EXPECT_THAT(std::get<Update>(answer[1]).nlri, ElementsAre(prefix("203.0.113.10/32")));
    EXPECT_EQ(answer.back(), (Message{RouteRefresh{ipv4_unicast, RouteRefresh::end}}));
    EXPECT_TRUE(rib.clean());
    // A family without routes is answered as well: the peer is waiting.
    rib.refresh(net::Family::Ipv6);
    EXPECT_EQ(messages(rib.take(plenty)), (std::vector<Message>{RouteRefresh{ipv6_unicast, RouteRefresh::begin},
                                                                RouteRefresh{ipv6_unicast, RouteRefresh::end}}));
}

// RFC 7313 §4: negative; no BoRR before the End-of-RIB of the session.
TEST(AdjRibOut, AnEnhancedRefreshWaitsForEndOfRib) {
    Rib rib;
    auto session = external_session();
    session.enhanced_refresh = true;
    session.ipv6 = false;
    rib.start(session);
    rib.change(prefix("203.0.113.10/32"), Route{});
    EXPECT_EQ(updates(rib.take(plenty)).size(), 1U);
    rib.refresh(net::Family::Ipv4);
    EXPECT_TRUE(rib.clean());
    rib.allow_end_of_rib();
    const auto sent = messages(rib.take(plenty));
    ASSERT_EQ(sent.size(), 4U) << ::testing::PrintToString(described(sent));
    EXPECT_EQ(end_of_rib_family(std::get<Update>(sent[0])), ipv4_unicast);
    EXPECT_EQ(std::get<RouteRefresh>(sent[1]).subtype, RouteRefresh::begin);
    EXPECT_EQ(std::get<RouteRefresh>(sent[3]).subtype, RouteRefresh::end);
    EXPECT_TRUE(rib.clean());
}

TEST(AdjRibOut, ARouteGoesToThePeersThatItNamesAsTheyAreToHearIt) {
    Rib rib;
    rib.start(external_session());
    auto route = with_med(50);
    route.exceptions[PeerName{"tor-a"}] = {.med = 60};
    rib.change(prefix("203.0.113.10/32"), route);
    EXPECT_EQ(updates(rib.take(plenty)).at(0).attributes.med, 60U);
    // The peer is no longer among those that hear of it: that is a withdrawal.
    route.peers = std::set{PeerName{"tor-b"}};
    rib.change(prefix("203.0.113.10/32"), route);
    EXPECT_EQ(rib.wanted(), 0U);
    const auto sent = updates(rib.take(plenty));
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_THAT(sent[0].withdrawn, ElementsAre(prefix("203.0.113.10/32")));
    EXPECT_THAT(rib.withheld(), IsEmpty()) << "it is not withheld: it is for others";
}

// RFC 8950 §4: positive; to a peer that takes them.
TEST(AdjRibOut, Ipv4GoesWithAnIpv6NextHopWhereThePeerTakesIt) {
    Rib rib;
    auto session = external_session();
    session.next_hop.reset();
    session.ipv4_over_ipv6 = true;
    rib.start(session);
    rib.change(prefix("203.0.113.10/32"), Route{});
    const auto sent = updates(rib.take(plenty));
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].mp_reach->family, ipv4_unicast);
    EXPECT_EQ(sent[0].mp_reach->next_hop, net::IpAddress{*session.next_hop6});
    rib.change(prefix("203.0.113.10/32"), std::nullopt);
    const auto withdrawn = updates(rib.take(plenty));
    ASSERT_EQ(withdrawn.size(), 1U);
    EXPECT_EQ(withdrawn[0].mp_unreach->family, ipv4_unicast);
}

// RFC 8950 §4: negative; others hear nothing.
TEST(AdjRibOut, Ipv4StaysAtHomeWithoutANextHopThatThePeerTakes) {
    Rib rib;
    auto session = external_session();
    session.next_hop.reset();
    rib.start(session);
    rib.change(prefix("203.0.113.10/32"), Route{});
    EXPECT_THAT(rib.take(plenty).octets, IsEmpty());
    EXPECT_EQ(rib.withheld(), (std::map<Withheld, std::size_t>{{Withheld::NoNextHop, 1}}));
}

// RFC 9234 §5: positive; to a customer our number says that the route goes no way but down.
TEST(AdjRibOut, ARouteForACustomerSaysSo) {
    Rib rib;
    auto session = external_session();
    session.only_to_customer = Asn{65010};
    rib.start(session);
    rib.change(prefix("203.0.113.10/32"), Route{});
    EXPECT_EQ(updates(rib.take(plenty)).at(0).attributes.only_to_customer, Asn{65010});
}

/// A peer that does not read, while its routes come and go: nothing piles up.
TEST(AdjRibOut, TenThousandFlapsBeforeAPeerReadsAreOneChangeEach) {
    Rib rib;
    rib.start(external_session());
    rib.change(prefix("203.0.113.10/32"), Route{});
    rib.change(prefix("203.0.113.11/32"), Route{});
    (void)rib.take(plenty);
    for (std::uint32_t flap = 0; flap < 10000; ++flap) {
        rib.change(prefix("203.0.113.10/32"), std::nullopt);
        (void)rib.take(0);
        rib.change(prefix("203.0.113.10/32"), with_med(flap % 2));
        (void)rib.take(0);
        rib.change(prefix("203.0.113.11/32"), std::nullopt);
        rib.change(prefix("203.0.113.11/32"), Route{});
    }
    const auto sent = updates(rib.take(plenty));
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_THAT(sent[0].nlri, ElementsAre(prefix("203.0.113.10/32")));
    EXPECT_EQ(sent[0].attributes.med, 1U);
}

TEST(AdjRibOut, NothingIsAnnouncedInAFamilyThatWasNotNegotiated) {
    Rib rib;
    auto session = external_session();
    session.ipv6 = false;
    rib.start(session);
    rib.change(prefix("2001:db8:1::1/128"), Route{});
    EXPECT_THAT(rib.take(plenty).octets, IsEmpty());
    EXPECT_EQ(rib.withheld(), (std::map<Withheld, std::size_t>{{Withheld::FamilyNotNegotiated, 1}}));
}

TEST(AdjRibOut, ARouteThatIsTooLargeIsWithheldAndTheOldOneWithdrawn) {
    Rib rib;
    rib.start(external_session());
    rib.change(prefix("203.0.113.10/32"), Route{});
    (void)rib.take(plenty);
    Route large;
    for (std::uint16_t i = 0; i < 1100; ++i) large.attributes.communities.emplace_back(std::uint16_t{65010}, i);
    rib.change(prefix("203.0.113.10/32"), large);
    const auto sent = updates(rib.take(plenty));
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_THAT(sent[0].withdrawn, ElementsAre(prefix("203.0.113.10/32")));
    EXPECT_EQ(rib.withheld(), (std::map<Withheld, std::size_t>{{Withheld::TooLarge, 1}}));
}

TEST(AdjRibOut, WithdrawAllLeavesThePeerWithNothing) {
    Rib rib;
    View view;
    rib.start(external_session());
    for (std::uint32_t i = 0; i < 3000; ++i) rib.change(net::Prefix::host(net::Ipv4Address{i}), with_med(i % 3));
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
        Rib rib;
        View view;
        std::map<net::Prefix, Route> model;
        auto session = external_session();
        if (random.chance(300)) session.next_hop6.reset();
        session.encoding.ibgp = random.chance(300);
        view.internal = session.encoding.ibgp;
        rib.start(session);
        if (random.chance(500)) rib.allow_end_of_rib();
        for (int step = 0; step < 200; ++step) {
            const auto number = static_cast<std::uint32_t>(random.below(40));
            const auto p = random.chance(500)
                               ? net::Prefix::host(net::Ipv4Address{0xcb007100U + number})
                               : net::Prefix{*net::IpAddress::parse("2001:db8::"), static_cast<std::uint8_t>(number)};
            if (random.chance(600)) {
                const Route route{.attributes = {.med = static_cast<std::uint32_t>(random.below(3)), .local_pref = 7}};
                model[p.network()] = route;
                rib.change(p, route);
            } else {
                model.erase(p.network());
                rib.change(p, std::nullopt);
            }
            if (random.chance(300)) {
                const auto budget = random.below(120);
                const auto taken = rib.take(budget);
                ASSERT_LE(taken.octets.size(), budget);
                view.hear(taken);
            }
            if (random.chance(10)) {
                view.routes.clear();
                rib.start(session);
            }
        }
        view.hear(rib.take(plenty));
        std::map<net::Prefix, PathAttributes> expected;
        for (const auto& [p, route] : model) {
            if (const auto attributes = session.attributes(p.family(), route.attributes)) expected[p] = *attributes;
        }
        ASSERT_EQ(view.routes, expected) << seed;
        ASSERT_EQ(view.repeated, 0U) << seed;
        ASSERT_TRUE(rib.clean()) << seed;
        ASSERT_EQ(rib.announced(), expected.size()) << seed;
    }
}

TEST(AdjRibOut, AHundredThousandRoutesFitIntoFullMessages) {
    Rib rib;
    rib.start(external_session());
    for (std::uint32_t i = 0; i < 100000; ++i) rib.change(net::Prefix::host(net::Ipv4Address{i}), Route{});
    const auto taken = rib.take(plenty);
    // 4096 less the header 19, the two lengths 4 and the attributes: about 808 prefixes of 5 octets in each.
    EXPECT_EQ(taken.messages, 124U);
    EXPECT_EQ(rib.announced(), 100000U);
}

}  // namespace
}  // namespace anyvip::bgp
