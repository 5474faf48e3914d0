#include "bgp/peer_range.hpp"

#include <gtest/gtest.h>

#include <string>

namespace anyvip::bgp {
namespace {

net::IpAddress ip(const char* text) {
    return *net::IpAddress::parse(text);
}

PeerConfig at(const char* address, const char* device = "") {
    PeerConfig peer;
    peer.address = ip(address);
    peer.device = device;
    return peer;
}

PeerConfig from(const char* range, const char* device = "") {
    PeerConfig peer;
    peer.range = *net::Prefix::parse(range);
    peer.address = peer.range->address();
    peer.device = device;
    peer.passive = true;
    peer.limit = 5;
    return peer;
}

std::string owner(const Peers& peers, const char* remote, const char* device = "") {
    const auto found = peer_of(peers, ip(remote), device);
    return found == peers.end() ? "nobody" : found->first.value();
}

// "all" stands before the others in the map, so that the order of names cannot be what decides.
const Peers peers{{PeerName{"all"}, from("10.0.0.0/8")},
                  {PeerName{"host"}, at("10.0.0.7")},
                  {PeerName{"one"}, from("10.0.0.7/32")},
                  {PeerName{"rack"}, from("10.0.0.0/24")},
                  {PeerName{"six"}, from("2001:db8::/64")}};

TEST(PeerRange, AnAddressOfAPeerIsNoRanges) {
    EXPECT_EQ(owner(peers, "10.0.0.7"), "host");
}

TEST(PeerRange, TheLongestRangeWins) {
    EXPECT_EQ(owner(peers, "10.0.0.8"), "rack");
    EXPECT_EQ(owner(peers, "10.0.1.8"), "all");
    EXPECT_EQ(owner(peers, "2001:db8::7"), "six");
}

TEST(PeerRange, WhatNobodyExpectsIsNobodys) {
    EXPECT_EQ(owner(peers, "192.0.2.1"), "nobody");
    EXPECT_EQ(owner(peers, "2001:db8:0:1::7"), "nobody");
}

TEST(PeerRange, TheAddressesOfADeviceAreItsOwn) {
    const Peers in_vrf{{PeerName{"red"}, from("10.0.0.0/24", "vrf-red")}, {PeerName{"main"}, from("10.0.0.0/16")}};
    EXPECT_EQ(owner(in_vrf, "10.0.0.7", "vrf-red"), "red");
    EXPECT_EQ(owner(in_vrf, "10.0.0.7"), "main");
    EXPECT_EQ(owner(in_vrf, "10.0.1.7", "vrf-red"), "nobody");
}

TEST(PeerRange, AnInstanceIsTheRangeAtOneAddress) {
    const auto range = from("10.0.0.0/24");
    auto expected = range;
    expected.address = ip("10.0.0.9");
    expected.range.reset();
    expected.limit = 0;
    EXPECT_EQ(instance_of(range, ip("10.0.0.9")), expected);
}

// Another size or limit of its range must not reset an instance.
TEST(PeerRange, AnInstanceKnowsNothingOfHowLargeItsRangeIs) {
    auto wider = from("10.0.0.0/16");
    wider.limit = 6;
    EXPECT_FALSE(needs_reset(instance_of(from("10.0.0.0/24"), ip("10.0.0.9")), instance_of(wider, ip("10.0.0.9"))));
}

TEST(PeerRange, TheNameOfAnInstanceTellsItsRange) {
    const auto name = instance_name(PeerName{"rack"}, ip("2001:db8::9"));
    EXPECT_EQ(name, PeerName{"rack/2001:db8::9"});
    EXPECT_EQ(range_name(name), PeerName{"rack"});
    EXPECT_EQ(range_name(PeerName{"tor-a"}), PeerName{"tor-a"});
}

TEST(PeerRange, TheAddressesOfAPeerAreOneOrARange) {
    EXPECT_EQ(addresses_of(at("10.0.0.7")).to_string(), "10.0.0.7/32");
    EXPECT_EQ(addresses_of(from("10.0.0.0/24")).to_string(), "10.0.0.0/24");
}

}  // namespace
}  // namespace anyvip::bgp
