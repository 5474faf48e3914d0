#include "bgp/adj_rib_in.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bgp/message.hpp"

namespace anyvip::bgp {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

const TimePoint t0{1000s};

net::Prefix prefix(const std::string& text) {
    return *net::Prefix::parse(text);
}

const net::Prefix www = prefix("203.0.113.10/32");

/// A route of AS 65000 that another one originates.
Update announce(const Nlri& nlri, const AsPath& path = AsPath::sequence({Asn{65000}, Asn{65020}})) {
    Update update;
    update.attributes.as_path = path;
    update.attributes.next_hop = *net::IpAddress::parse("10.0.0.1");
    update.nlri = {nlri};
    return update;
}
Update withdraw(const Nlri& nlri) {
    Update update;
    update.withdrawn = {nlri};
    return update;
}

class AdjRibInTest : public ::testing::Test {
protected:
    AdjRibInTest() {
        (void)rib.configure({.rules = {{.prefix = prefix("10.0.0.0/8"), .max_length = 24}}, .max_prefixes = 3});
        rib.start({.local_as = Asn{65010}, .router_id = *net::Ipv4Address::parse("10.0.0.11"), .external = true});
    }
    AdjRibIn::Learnt learn(const Update& update) { return rib.learn(update, t0); }
    std::optional<Refusal> example(const Nlri& nlri) const {
        const auto found = rib.examples().find(nlri);
        return found == rib.examples().end() ? std::nullopt : std::optional{found->second.why};
    }
    std::uint64_t refused(Refusal why) const { return rib.refused()[static_cast<std::size_t>(why)]; }

    AdjRibIn rib;
};

// RFC 8212 §2: positive; without a policy nothing is accepted.
TEST(AdjRibIn, WithoutARuleNothingIsAccepted) {
    AdjRibIn rib;
    rib.start({.local_as = Asn{65010}, .router_id = {}, .external = true});
    (void)rib.learn(announce(prefix("0.0.0.0/0")), t0);
    EXPECT_EQ(rib.accepted(), 0U);
    EXPECT_THAT(rib.routes(), IsEmpty());
}

// RFC 4271 §9.1.2: negative; a path without our AS is no loop.
TEST_F(AdjRibInTest, AcceptsWhatARuleNames) {
    (void)learn(announce(prefix("10.1.0.0/16")));
    (void)learn(announce(prefix("192.0.2.0/24")));
    EXPECT_EQ(rib.accepted(), 1U);
    EXPECT_TRUE(rib.routes().contains(prefix("10.1.0.0/16")));
    EXPECT_EQ(example(prefix("192.0.2.0/24")), Refusal::Policy);
    (void)learn(withdraw(prefix("10.1.0.0/16")));
    (void)learn(withdraw(prefix("192.0.2.0/24")));
    EXPECT_EQ(rib.accepted(), 0U);
    EXPECT_THAT(rib.examples(), IsEmpty());
    EXPECT_EQ(refused(Refusal::Policy), 1U);
}

TEST_F(AdjRibInTest, KeepsTheNextHopOfEitherKindOfNlri) {
    Update update;
    update.attributes.as_path = AsPath::sequence({Asn{65000}});
    update.mp_reach = MpReach{.family = ipv6_unicast,
                              .next_hop = *net::IpAddress::parse("2001:db8::1"),
                              .link_local = {},
                              .nlri = {prefix("2001:db8:1::/48")}};
    (void)rib.configure({.rules = {{.prefix = prefix("2001:db8::/32"), .max_length = 48}}});
    (void)learn(update);
    EXPECT_EQ(rib.routes().at(prefix("2001:db8:1::/48")).attributes.next_hop, *net::IpAddress::parse("2001:db8::1"));
}

// RFC 4271 §9.1.2: positive; "if the AS_PATH attribute of a BGP route contains an AS loop, the BGP route should be
// excluded".
TEST_F(AdjRibInTest, RefusesARouteWithOurAsInItsPath) {
    (void)learn(announce(prefix("10.1.0.0/16"), AsPath::sequence({Asn{65000}, Asn{65010}})));
    EXPECT_EQ(rib.accepted(), 0U);
    EXPECT_EQ(example(prefix("10.1.0.0/16")), Refusal::OwnAs);
    EXPECT_EQ(rib.examples().begin()->second.detail, "65000 65010");
}

// RFC 4456 §8: positive; "should ignore a route received with its BGP Identifier as the ORIGINATOR_ID".
TEST_F(AdjRibInTest, RefusesWhatIsReflectedToItsOriginator) {
    auto update = announce(prefix("10.1.0.0/16"), {});
    update.attributes.originator_id = net::Ipv4Address::parse("10.0.0.11");
    (void)learn(update);
    EXPECT_EQ(example(prefix("10.1.0.0/16")), Refusal::OwnRouterId);
    update.attributes.originator_id = net::Ipv4Address::parse("10.0.0.12");
    (void)learn(update);
    EXPECT_EQ(rib.accepted(), 1U);
    EXPECT_THAT(rib.examples(), IsEmpty());
}

TEST_F(AdjRibInTest, NamesTheAttributeAtFault) {
    Update update;
    update.withdrawn = {prefix("10.9.0.0/16"), prefix("10.1.0.0/16")};
    update.refused = {prefix("10.1.0.0/16")};
    update.errors = {{8, AttributeError::Reason::Flags, Discard{}},
                     {4, AttributeError::Reason::Length, TreatAsWithdraw{}}};
    (void)learn(announce(prefix("10.1.0.0/16")));
    (void)learn(update);
    EXPECT_EQ(rib.accepted(), 0U);
    EXPECT_EQ(example(prefix("10.1.0.0/16")), Refusal::Malformed);
    EXPECT_EQ(rib.examples().at(prefix("10.1.0.0/16")).detail, describe(update.errors[1]));
    EXPECT_EQ(example(prefix("10.9.0.0/16")), std::nullopt);
}

// RFC 9234 §5: positive
TEST_F(AdjRibInTest, ALeakIsRefusedAsOne) {
    auto update = announce(prefix("10.1.0.0/16"));
    withdraw_leak(update);
    (void)learn(update);
    EXPECT_EQ(example(prefix("10.1.0.0/16")), Refusal::Leak);
}

// RFC 8326 §4.1: positive; from an external peer.
TEST_F(AdjRibInTest, GracefulShutdownIsTheLeastPreferred) {
    auto update = announce(prefix("10.1.0.0/16"));
    update.attributes.communities = {graceful_shutdown_community};
    (void)learn(update);
    EXPECT_EQ(rib.routes().at(prefix("10.1.0.0/16")).attributes.local_pref, 0U);
    update.attributes.communities = {};
    (void)learn(update);
    EXPECT_EQ(rib.routes().at(prefix("10.1.0.0/16")).attributes.local_pref, std::nullopt);
}

// RFC 8326 §4.1: negative; an internal peer has already set the LOCAL_PREF that it wants.
TEST_F(AdjRibInTest, GracefulShutdownOfAnInternalPeerSpeaksForItself) {
    rib.start({.local_as = Asn{65010}, .router_id = {}, .external = false});
    auto update = announce(prefix("10.1.0.0/16"), {});
    update.attributes.communities = {graceful_shutdown_community};
    update.attributes.local_pref = 70;
    (void)learn(update);
    EXPECT_EQ(rib.routes().at(prefix("10.1.0.0/16")).attributes.local_pref, 70U);
}

TEST_F(AdjRibInTest, AcceptsMaxPrefixesAndTellsOnceThatThereAreMore) {
    for (const char* text : {"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"}) {
        EXPECT_FALSE(learn(announce(prefix(text))).limit_reached);
    }
    EXPECT_EQ(learn(announce(prefix("10.4.0.0/16"))).limit_reached, net::Family::Ipv4);
    EXPECT_FALSE(learn(announce(prefix("10.5.0.0/16"))).limit_reached);
    EXPECT_EQ(rib.accepted(), 3U);
    EXPECT_EQ(example(prefix("10.4.0.0/16")), Refusal::MaxPrefixes);
    // One that is known may change.
    EXPECT_FALSE(learn(announce(prefix("10.3.0.0/16"), AsPath::sequence({Asn{65000}}))).limit_reached);
    (void)learn(withdraw(prefix("10.1.0.0/16")));
    (void)learn(announce(prefix("10.5.0.0/16")));
    EXPECT_EQ(rib.accepted(), 3U);
    EXPECT_EQ(learn(announce(prefix("10.6.0.0/16"))).limit_reached, net::Family::Ipv4);
}

TEST_F(AdjRibInTest, PathsOfOnePrefixCountEach) {
    for (const std::uint32_t path : {1U, 2U, 3U}) (void)learn(announce({prefix("10.1.0.0/16"), path}));
    EXPECT_EQ(rib.accepted(), 3U);
    EXPECT_TRUE(learn(announce({prefix("10.1.0.0/16"), 4})).limit_reached);
    (void)learn(withdraw({prefix("10.1.0.0/16"), 2}));
    EXPECT_EQ(rib.accepted(), 2U);
}

TEST_F(AdjRibInTest, AMillionRefusedRoutesLeaveExamples) {
    for (std::uint32_t i = 0; i < 1'000'000; ++i) {
        (void)learn(announce(net::Prefix::host(net::Ipv4Address{0x14000000U + i})));
    }
    EXPECT_EQ(rib.examples().size(), AdjRibIn::max_examples);
    EXPECT_THAT(rib.routes(), IsEmpty());
    EXPECT_EQ(refused(Refusal::Policy), 1'000'000U);
}

TEST_F(AdjRibInTest, ARouteWithMoreAttributesThanAnybodyNeedsIsRefused) {
    auto update = announce(prefix("10.1.0.0/16"));
    for (std::uint32_t i = 0; i < AdjRibIn::max_elements - 2; ++i) update.attributes.communities.emplace(i);
    (void)learn(update);  // With two in its AS_PATH as many as there may be.
    EXPECT_EQ(rib.accepted(), 1U);
    update.attributes.communities.emplace(0xfffffff0U);
    (void)learn(update);
    EXPECT_EQ(rib.accepted(), 0U);
    EXPECT_EQ(example(prefix("10.1.0.0/16")), Refusal::TooLarge);
}

TEST_F(AdjRibInTest, WatchedPrefixesAreKeptWhyeverTheyAreRefused) {
    EXPECT_TRUE(rib.watch({www}));
    EXPECT_EQ(learn(announce(www)).watched, std::set{www});
    EXPECT_EQ(rib.routes().at(www).refused, Refusal::Policy);
    EXPECT_EQ(learn(announce(www, AsPath::sequence({Asn{65000}, Asn{65010}}))).watched, std::set{www});
    EXPECT_EQ(rib.routes().at(www).refused, Refusal::OwnAs);
    EXPECT_THAT(learn(announce(www, AsPath::sequence({Asn{65000}, Asn{65010}}))).watched, IsEmpty());
    EXPECT_EQ(rib.accepted(), 0U);
    EXPECT_EQ(learn(withdraw(www)).watched, std::set{www});
    EXPECT_THAT(learn(withdraw(www)).watched, IsEmpty());
}

TEST_F(AdjRibInTest, AWatchedPrefixHasABoundedNumberOfPaths) {
    (void)rib.watch({www});
    for (std::uint32_t path = 1; path <= 100; ++path) (void)learn(announce({www, path}));
    EXPECT_EQ(rib.routes().size(), AdjRibIn::max_watched_paths);
    EXPECT_EQ(learn(withdraw({www, 1})).watched, std::set{www});
}

TEST_F(AdjRibInTest, WhatIsNoLongerWatchedGoes) {
    EXPECT_TRUE(rib.watch({www}));
    (void)learn(announce(www));
    EXPECT_FALSE(rib.watch({www}));
    EXPECT_FALSE(rib.watch({}));
    EXPECT_THAT(rib.routes(), IsEmpty());
}

TEST_F(AdjRibInTest, ANarrowerImportLetsGoAndAWiderOneAsksAgain) {
    (void)learn(announce(prefix("10.1.0.0/16")));
    (void)learn(announce(prefix("10.2.0.0/24")));
    EXPECT_TRUE(rib.configure({.rules = {{.prefix = prefix("10.0.0.0/8"), .max_length = 16}}, .max_prefixes = 3}));
    EXPECT_EQ(rib.accepted(), 1U);
    EXPECT_FALSE(rib.configure({.rules = {{.prefix = prefix("10.0.0.0/8"), .max_length = 16}}, .max_prefixes = 3}));
    EXPECT_FALSE(rib.configure({.rules = {{.prefix = prefix("10.0.0.0/8"), .max_length = 16}}, .max_prefixes = 2}));
    EXPECT_TRUE(rib.configure({.rules = {{.prefix = prefix("10.0.0.0/8"), .max_length = 16}}, .max_prefixes = 9}));
}

// RFC 7313 §4: positive; what is not said again by EoRR is gone.
TEST_F(AdjRibInTest, WhatARefreshDoesNotRepeatIsGone) {
    (void)rib.watch({www});
    for (const char* text : {"10.1.0.0/16", "10.2.0.0/16", "203.0.113.10/32"}) (void)learn(announce(prefix(text)));
    rib.refresh_begins(net::Family::Ipv6);
    EXPECT_THAT(rib.refresh_ends(net::Family::Ipv6).watched, IsEmpty());
    EXPECT_EQ(rib.accepted(), 2U);
    rib.refresh_begins(net::Family::Ipv4);
    (void)learn(announce(prefix("10.2.0.0/16")));
    EXPECT_EQ(rib.refresh_ends(net::Family::Ipv4).watched, std::set{www});
    EXPECT_EQ(rib.accepted(), 1U);
    EXPECT_TRUE(rib.routes().contains(prefix("10.2.0.0/16")));
}

// RFC 4724 §2: positive
TEST_F(AdjRibInTest, EndOfRibIsOfAFamilyAndOfASession) {
    EXPECT_FALSE(rib.complete(net::Family::Ipv4));
    (void)learn(end_of_rib(ipv4_unicast));
    EXPECT_TRUE(rib.complete(net::Family::Ipv4));
    EXPECT_FALSE(rib.complete(net::Family::Ipv6));
    (void)learn(end_of_rib(ipv6_unicast));
    EXPECT_TRUE(rib.complete(net::Family::Ipv6));
    rib.stop();
    EXPECT_FALSE(rib.complete(net::Family::Ipv4));
}

}  // namespace
}  // namespace anyvip::bgp
