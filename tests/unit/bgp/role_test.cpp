#include "bgp/role.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace anyvip::bgp {
namespace {

constexpr Asn own{65010};
constexpr Asn neighbour{65000};
constexpr Asn third{65099};

// RFC 9234 §4.1: positive
TEST(Role, ValuesAreThoseOfTheRegistry) {
    EXPECT_EQ(to_role(0), Role::Provider);
    EXPECT_EQ(to_role(1), Role::RouteServer);
    EXPECT_EQ(to_role(2), Role::RouteServerClient);
    EXPECT_EQ(to_role(3), Role::Customer);
    EXPECT_EQ(to_role(4), Role::Peer);
    EXPECT_EQ(to_role(5), std::nullopt);
    EXPECT_EQ(to_role(255), std::nullopt);
}

// RFC 9234 §4.2, table 2: positive
TEST(Role, EachHasItsCounterpart) {
    EXPECT_EQ(counterpart(Role::Provider), Role::Customer);
    EXPECT_EQ(counterpart(Role::Customer), Role::Provider);
    EXPECT_EQ(counterpart(Role::RouteServer), Role::RouteServerClient);
    EXPECT_EQ(counterpart(Role::RouteServerClient), Role::RouteServer);
    EXPECT_EQ(counterpart(Role::Peer), Role::Peer);
}

// RFC 9234 §5, on receipt, 1: negative; from a customer or an RS-client it must not come, whoever set it.
// RFC 9234 §5, on receipt, 2: negative; from a peer only its own.
// RFC 9234 §5, on receipt: positive; from above it may.
TEST(Role, WhatIsALeak) {
    for (const auto ours : {Role::Provider, Role::RouteServer}) {
        EXPECT_TRUE(is_leak(ours, neighbour, neighbour)) << describe(ours);
        EXPECT_TRUE(is_leak(ours, neighbour, third)) << describe(ours);
    }
    EXPECT_TRUE(is_leak(Role::Peer, neighbour, third));
    EXPECT_FALSE(is_leak(Role::Peer, neighbour, neighbour));
    for (const auto ours : {Role::Customer, Role::RouteServerClient}) {
        EXPECT_FALSE(is_leak(ours, neighbour, third)) << describe(ours);
    }
    for (const auto ours : {Role::Provider, Role::RouteServer, Role::RouteServerClient, Role::Customer, Role::Peer}) {
        EXPECT_FALSE(is_leak(ours, neighbour, std::nullopt)) << describe(ours);
    }
}

// RFC 9234 §5, on receipt, 3: positive.
// RFC 9234 §5, on receipt, 3: negative; nothing is added to what comes from below, and nothing is overwritten.
TEST(Role, WhatComesFromAboveIsMarked) {
    for (const auto ours : {Role::Customer, Role::RouteServerClient, Role::Peer}) {
        EXPECT_EQ(otc_received(ours, neighbour, std::nullopt), neighbour) << describe(ours);
        EXPECT_EQ(otc_received(ours, neighbour, third), third) << describe(ours);
    }
    for (const auto ours : {Role::Provider, Role::RouteServer}) {
        EXPECT_EQ(otc_received(ours, neighbour, std::nullopt), std::nullopt) << describe(ours);
    }
}

// RFC 9234 §5, on sending, 1: positive; to customers, peers and RS-clients.
// RFC 9234 §5, on sending, 1: negative; a provider must be able to hand it on to its own.
TEST(Role, WhatGoesDownOrSidewaysIsMarked) {
    for (const auto ours : {Role::Provider, Role::RouteServer, Role::Peer}) {
        EXPECT_EQ(otc_to_send(ours, own), own) << describe(ours);
    }
    for (const auto ours : {Role::Customer, Role::RouteServerClient}) {
        EXPECT_EQ(otc_to_send(ours, own), std::nullopt) << describe(ours);
    }
}

}  // namespace
}  // namespace anyvip::bgp
