#include "bgp/neighbor_discovery.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "support/vectors.hpp"

namespace anyvip::bgp::nd {
namespace {

using namespace std::chrono_literals;
using testing::vector_bytes;
using Bytes = std::vector<std::uint8_t>;

const auto link_local = *net::Ipv6Address::parse("fe80::1");
const auto global = *net::Ipv6Address::parse("2001:db8::1");
constexpr net::MacAddress mac{net::MacAddress::Bytes{0x00, 0x1b, 0x02, 0x03, 0x04, 0x05}};

Discard refusal(const Bytes& bytes, const net::Ipv6Address& source = link_local, std::uint8_t limit = hop_limit) {
    const auto decoded = decode(bytes, source, limit);
    EXPECT_FALSE(decoded);
    return decoded ? Discard::OtherType : decoded.error();
}

TEST(NeighborDiscovery, WhatWeSendIsTheVector) {
    EXPECT_EQ(encode(RouterAdvertisement{}), vector_bytes("nd/advertisement_ours.hex"));
    EXPECT_EQ(encode(RouterSolicitation{mac}), vector_bytes("nd/solicitation.hex"));
}

// RFC 4861 §6.1.2: positive
// RFC 4861 §4.6: positive
TEST(NeighborDiscovery, AnAdvertisementIsReadWithItsOptions) {
    RouterAdvertisement expected;
    expected.current_hop_limit = 64;
    expected.managed = true;
    expected.other = true;
    expected.router_lifetime = decltype(expected.router_lifetime){1800};
    expected.reachable_time = 30s;
    expected.retransmission_timer = 1s;
    expected.source_link_layer = mac;
    EXPECT_EQ(decode(vector_bytes("nd/advertisement_options.hex"), link_local, hop_limit), Message{expected});
}

TEST(NeighborDiscovery, ASolicitationIsRead) {
    EXPECT_EQ(decode(vector_bytes("nd/solicitation.hex"), link_local, hop_limit), Message{RouterSolicitation{mac}});
}

// RFC 4861 §6.1.1: negative; §6.1.2: negative. What a router between has passed on has less.
TEST(NeighborDiscovery, WhatCrossedARouterIsDiscarded) {
    EXPECT_EQ(refusal(vector_bytes("nd/advertisement_ours.hex"), link_local, 254), Discard::HopLimitNot255);
    EXPECT_EQ(refusal(vector_bytes("nd/solicitation.hex"), link_local, 254), Discard::HopLimitNot255);
}

// RFC 4861 §6.1.2: negative.
TEST(NeighborDiscovery, AnAdvertisementFromAGlobalAddressIsDiscarded) {
    EXPECT_EQ(refusal(vector_bytes("nd/advertisement_ours.hex"), global), Discard::SourceNotLinkLocal);
}

// RFC 4861 §6.1.1: positive; a host may ask from any of its addresses, and before it has one.
TEST(NeighborDiscovery, ASolicitationMayComeFromAnyAddress) {
    EXPECT_TRUE(decode(vector_bytes("nd/solicitation.hex"), global, hop_limit));
    EXPECT_TRUE(decode(encode(RouterSolicitation{}), net::Ipv6Address{}, hop_limit));
}

// RFC 4861 §6.1.1: negative.
TEST(NeighborDiscovery, WhoHasNoAddressTellsNoLinkLayerAddress) {
    EXPECT_EQ(refusal(vector_bytes("nd/solicitation.hex"), net::Ipv6Address{}), Discard::UnspecifiedWithOption);
}

// RFC 4861 §6.1.2: negative.
TEST(NeighborDiscovery, AnotherCodeIsDiscarded) {
    auto bytes = vector_bytes("nd/advertisement_ours.hex");
    bytes[1] = 1;
    EXPECT_EQ(refusal(bytes), Discard::CodeNotZero);
}

// RFC 4861 §4.6: negative. It would never come to its end.
TEST(NeighborDiscovery, AnOptionWithoutLengthIsDiscarded) {
    auto bytes = vector_bytes("nd/advertisement_options.hex");
    bytes[17] = 0;
    EXPECT_EQ(refusal(bytes), Discard::OptionLengthZero);
}

TEST(NeighborDiscovery, EveryCutIsTruncatedOrEndsBetweenOptions) {
    for (const char* name : {"nd/advertisement_options.hex", "nd/solicitation.hex"}) {
        const auto bytes = vector_bytes(name);
        const std::size_t fixed = bytes[0] == 134 ? 16 : 8;
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            const auto decoded = decode(std::span{bytes}.first(size), link_local, hop_limit);
            const bool whole = size >= fixed && (size - fixed) % 8 == 0 && size != fixed + 24;
            EXPECT_EQ(decoded.has_value(), whole) << name << " cut to " << size;
            if (!decoded) EXPECT_EQ(decoded.error(), Discard::Truncated) << name << " cut to " << size;
        }
    }
}

TEST(NeighborDiscovery, OtherTypesAreNotOurs) {
    EXPECT_EQ(refusal({135, 0, 0, 0, 0, 0, 0, 0}), Discard::OtherType);
}

// An InfiniBand address, for one.
TEST(NeighborDiscovery, ALinkLayerAddressOfAnotherLengthIsPassedOver) {
    auto bytes = encode(RouterSolicitation{});
    bytes.insert(bytes.end(), {1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    EXPECT_EQ(decode(bytes, link_local, hop_limit), Message{RouterSolicitation{}});
}

}  // namespace
}  // namespace anyvip::bgp::nd
