#include "vrrp/advertisement.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "support/vectors.hpp"

namespace anyvip::vrrp {
namespace {

using testing::vector_bytes;
using Bytes = std::vector<std::uint8_t>;

net::IpAddress ip(std::string_view text) {
    return net::IpAddress::parse(text).value();
}

const net::IpAddress group4 = ip("224.0.0.18");

/// What a vector under tests/vectors/vrrp says.
struct Case {
    std::string name;
    Advertisement advertisement;
    ChecksumCoverage coverage;
    ReceivedMetadata metadata;
};

const Advertisement v3_ipv4{Version::V3, VirtualRouterId{51}, Priority{150}, Centiseconds{100}, {ip("10.0.0.100")}};
const Advertisement v2_ipv4{Version::V2, VirtualRouterId{51}, Priority{150}, Centiseconds{100}, {ip("10.0.0.100")}};
const Advertisement v3_ipv6{
    Version::V3, VirtualRouterId{51}, Priority{150}, Centiseconds{100}, {ip("fe80::64"), ip("2001:db8::64")}};
const Advertisement farewell{Version::V3, VirtualRouterId{51}, Priority{0}, Centiseconds{100}, {ip("10.0.0.100")}};
const ReceivedMetadata from_ipv4{ip("10.0.0.1"), group4, 255};
const ReceivedMetadata from_ipv6{ip("fe80::1"), ip("ff02::12"), 255};

const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {"vrrp/v2_ipv4.hex", v2_ipv4, ChecksumCoverage::WithPseudoHeader, from_ipv4},
        {"vrrp/v3_ipv4_message_only.hex", v3_ipv4, ChecksumCoverage::MessageOnly, from_ipv4},
        {"vrrp/v3_ipv4_priority_zero.hex", farewell, ChecksumCoverage::WithPseudoHeader, from_ipv4},
        {"vrrp/v3_ipv4_with_pseudo_header.hex", v3_ipv4, ChecksumCoverage::WithPseudoHeader, from_ipv4},
        {"vrrp/v3_ipv6.hex", v3_ipv6, ChecksumCoverage::WithPseudoHeader, from_ipv6},
    };
    return all;
}

Expected expecting(Version version) {
    return {version, VirtualRouterId{51}, Centiseconds{100}, {}};
}

DiscardReason reason(std::span<const std::uint8_t> bytes, const ReceivedMetadata& metadata, const Expected& expected) {
    const auto decoded = decode(bytes, metadata, expected);
    EXPECT_FALSE(decoded.has_value());
    return decoded ? DiscardReason::NotParticipating : decoded.error();
}

/// The v3 vector with one octet changed, and the checksum mended by the same difference.
Bytes v3_with(std::size_t at, std::uint8_t value) {
    Bytes bytes = vector_bytes("vrrp/v3_ipv4_message_only.hex");
    bytes[at] = value;
    bytes[6] = bytes[7] = 0;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 2) sum += bytes[i] * 256U + bytes[i + 1];
    while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
    bytes[6] = static_cast<std::uint8_t>(~sum >> 8U);
    bytes[7] = static_cast<std::uint8_t>(~sum);
    return bytes;
}

class AdvertisementVector : public ::testing::TestWithParam<Case> {};

TEST_P(AdvertisementVector, DecodesToItsFields) {
    const auto& [name, advertisement, coverage, metadata] = GetParam();
    const auto decoded = decode(vector_bytes(name), metadata, expecting(advertisement.version));
    ASSERT_TRUE(decoded) << describe(decoded.error());
    EXPECT_EQ(decoded->advertisement, advertisement);
    EXPECT_EQ(decoded->coverage, coverage);
}

TEST_P(AdvertisementVector, IsWhatItsFieldsEncodeTo) {
    const auto& [name, advertisement, coverage, metadata] = GetParam();
    EXPECT_EQ(encode(advertisement, coverage, metadata.source, metadata.destination), vector_bytes(name));
}

// RFC 9568 §7.1 "MUST verify that the VRRP packet length": negative
TEST_P(AdvertisementVector, EveryProperPrefixIsTruncated) {
    const auto& [name, advertisement, coverage, metadata] = GetParam();
    const Bytes bytes = vector_bytes(name);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        EXPECT_EQ(reason(std::span{bytes}.first(length), metadata, expecting(advertisement.version)),
                  DiscardReason::Truncated)
            << length;
    }
}

TEST_P(AdvertisementVector, EverySingleBitErrorIsRefused) {
    const auto& [name, advertisement, coverage, metadata] = GetParam();
    const Bytes right = vector_bytes(name);
    for (std::size_t bit = 0; bit < right.size() * 8; ++bit) {
        Bytes bytes = right;
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        EXPECT_FALSE(decode(bytes, metadata, expecting(advertisement.version))) << bit;
    }
}

INSTANTIATE_TEST_SUITE_P(Vrrp, AdvertisementVector, ::testing::ValuesIn(cases()), [](const auto& info) {
    const std::string stem = info.param.name.substr(5);
    return stem.substr(0, stem.size() - 4);
});

TEST(Advertisement, EveryVectorHasACase) {
    std::set<std::string> tested;
    for (const auto& one : cases()) tested.insert(one.name);
    const auto names = testing::vector_names("vrrp");
    EXPECT_EQ(tested, (std::set<std::string>{names.begin(), names.end()}));
}

// RFC 9568 §7.1 "MUST verify that the IPv4 TTL/IPv6 Hop Limit is 255": negative (positive: the vectors)
TEST(Advertisement, ForwardedMulticastIsDiscarded) {
    ReceivedMetadata metadata = from_ipv4;
    metadata.ttl = 254;
    EXPECT_EQ(reason(vector_bytes("vrrp/v3_ipv4_message_only.hex"), metadata, expecting(Version::V3)),
              DiscardReason::TtlNot255);
}

TEST(Advertisement, UnicastPeersMayBeHopsAway) {
    Expected expected = expecting(Version::V3);
    expected.peers = {ip("10.0.0.1")};
    const ReceivedMetadata metadata{ip("10.0.0.1"), ip("10.0.0.2"), 63};
    EXPECT_TRUE(decode(vector_bytes("vrrp/v3_ipv4_message_only.hex"), metadata, expected));
}

// RFC 9568 §7.1 "MUST verify the VRRP version": negative
TEST(Advertisement, TheOtherVersionIsAMismatch) {
    EXPECT_EQ(reason(vector_bytes("vrrp/v2_ipv4.hex"), from_ipv4, expecting(Version::V3)),
              DiscardReason::VersionMismatch);
    EXPECT_EQ(reason(vector_bytes("vrrp/v3_ipv4_message_only.hex"), from_ipv4, expecting(Version::V2)),
              DiscardReason::VersionMismatch);
    EXPECT_EQ(reason(v3_with(0, 0x41), from_ipv4, expecting(Version::V3)), DiscardReason::VersionMismatch);
}

// RFC 3768 §7.1 "MUST verify that the Auth Type matches": negative
TEST(Advertisement, ASimplePasswordIsAnAuthenticationMismatch) {
    Bytes bytes = vector_bytes("vrrp/v2_ipv4.hex");
    bytes[4] = 1;
    EXPECT_EQ(reason(bytes, from_ipv4, expecting(Version::V2)), DiscardReason::AuthenticationMismatch);
}

// RFC 3768 §7.1 "MUST verify that the Adver Interval in the packet is the same": negative
TEST(Advertisement, Version2ComparesTheIntervals) {
    Expected expected = expecting(Version::V2);
    expected.advertise_interval = Centiseconds{200};
    EXPECT_EQ(reason(vector_bytes("vrrp/v2_ipv4.hex"), from_ipv4, expected), DiscardReason::AdvertiseIntervalMismatch);
}

// RFC 3768 §7.1 "MUST verify that the Auth Type matches ... that the Adver Interval ... is the same": positive
TEST(Advertisement, Version2WithoutAuthenticationAndWithOurIntervalIsListenedTo) {
    Expected expected = expecting(Version::V2);
    expected.advertise_interval = Centiseconds{200};
    Bytes bytes = vector_bytes("vrrp/v2_ipv4.hex");
    bytes[5] = 2;  // Seconds; the checksum is one less than the vector's.
    bytes[7] = 0x65;
    const auto decoded = decode(bytes, from_ipv4, expected);
    ASSERT_TRUE(decoded) << describe(decoded.error());
    EXPECT_EQ(decoded->advertisement.max_advertise_interval, Centiseconds{200});
}

// RFC 9568 §6.1, Active_Adver_Interval: positive
TEST(Advertisement, Version3TakesAnyInterval) {
    Expected expected = expecting(Version::V3);
    expected.advertise_interval = Centiseconds{20};
    EXPECT_TRUE(decode(vector_bytes("vrrp/v3_ipv4_message_only.hex"), from_ipv4, expected));
}

TEST(Advertisement, Version3IgnoresTheReservedBits) {
    const auto decoded = decode(v3_with(4, 0xf0), from_ipv4, expecting(Version::V3));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->advertisement.max_advertise_interval, Centiseconds{100});
}

// RFC 9568 §5.2.2, the one packet type there is has the number 1: positive
TEST(Advertisement, IsOfType1InBothVersions) {
    const auto first_octet = [](const Advertisement& advertisement) {
        return encode(advertisement, ChecksumCoverage::MessageOnly, from_ipv4.source, group4).at(0);
    };
    EXPECT_EQ(first_octet(v3_ipv4), 0x31);
    EXPECT_EQ(first_octet(v2_ipv4), 0x21);
    EXPECT_TRUE(decode(v3_with(0, 0x31), from_ipv4, expecting(Version::V3)));
}

// RFC 9568 §5.2.2 "A packet with unknown type MUST be discarded": negative
TEST(Advertisement, AnotherTypeIsNoAdvertisement) {
    EXPECT_EQ(reason(v3_with(0, 0x32), from_ipv4, expecting(Version::V3)), DiscardReason::NotAnAdvertisement);
}

// RFC 9568 §7.1 "MUST verify the VRRP checksum": negative
TEST(Advertisement, AWrongChecksumIsDiscarded) {
    Bytes bytes = vector_bytes("vrrp/v3_ipv4_message_only.hex");
    bytes[7] ^= 1U;
    EXPECT_EQ(reason(bytes, from_ipv4, expecting(Version::V3)), DiscardReason::BadChecksum);
}

// RFC 9568 §5.2.8, over IPv4 the sum is that of the message alone: positive
TEST(Advertisement, OverIpv4TheAddressesNeedNotBeInTheChecksum) {
    ReceivedMetadata metadata = from_ipv4;
    metadata.source = ip("10.0.0.2");
    EXPECT_TRUE(decode(vector_bytes("vrrp/v3_ipv4_message_only.hex"), metadata, expecting(Version::V3)));
    // The sender that put its address in is held to it.
    EXPECT_EQ(reason(vector_bytes("vrrp/v3_ipv4_with_pseudo_header.hex"), metadata, expecting(Version::V3)),
              DiscardReason::BadChecksum);
}

// RFC 9568 §5.2.8, over IPv6 it includes a pseudo-header: positive
TEST(Advertisement, OverIpv6TheChecksumIsThatOfTheVectorWhateverIsWanted) {
    for (const auto coverage : {ChecksumCoverage::WithPseudoHeader, ChecksumCoverage::MessageOnly}) {
        const auto bytes = encode(v3_ipv6, coverage, from_ipv6.source, from_ipv6.destination);
        EXPECT_EQ(bytes.at(6), 0x0d);
        EXPECT_EQ(bytes.at(7), 0x35);
    }
}

// RFC 9568 §5.2.8, IPv6: negative
TEST(Advertisement, OverIpv6TheAddressesAreInTheChecksum) {
    ReceivedMetadata metadata = from_ipv6;
    metadata.source = ip("fe80::2");
    EXPECT_EQ(reason(vector_bytes("vrrp/v3_ipv6.hex"), metadata, expecting(Version::V3)), DiscardReason::BadChecksum);
}

TEST(Advertisement, MulticastIsNotForUnicastPeersAndTheReverse) {
    Expected unicast = expecting(Version::V3);
    unicast.peers = {ip("10.0.0.1")};
    const Bytes bytes = vector_bytes("vrrp/v3_ipv4_message_only.hex");
    EXPECT_EQ(reason(bytes, from_ipv4, unicast), DiscardReason::WrongDestination);
    const ReceivedMetadata to_us{ip("10.0.0.1"), ip("10.0.0.2"), 255};
    EXPECT_EQ(reason(bytes, to_us, expecting(Version::V3)), DiscardReason::WrongDestination);
}

TEST(Advertisement, OnlyPeersAreListenedTo) {
    Expected unicast = expecting(Version::V3);
    unicast.peers = {ip("10.0.0.7"), ip("10.0.0.8")};
    const ReceivedMetadata metadata{ip("10.0.0.1"), ip("10.0.0.2"), 255};
    EXPECT_EQ(reason(vector_bytes("vrrp/v3_ipv4_message_only.hex"), metadata, unicast), DiscardReason::UnlistedSource);
}

// RFC 9568 §5.2.5 "The minimum value is 1": positive
TEST(Advertisement, TheCountSaysHowManyAddressesFollow) {
    Advertisement advertisement = v3_ipv4;
    EXPECT_EQ(encode(advertisement, ChecksumCoverage::MessageOnly, from_ipv4.source, group4).at(3), 1);
    advertisement.addresses.assign(255, ip("10.0.0.100"));
    const auto bytes = encode(advertisement, ChecksumCoverage::MessageOnly, from_ipv4.source, group4);
    EXPECT_EQ(bytes.at(3), 255);
    EXPECT_EQ(bytes.size(), 1028U);  // 8 + 255 * 4
    const auto decoded = decode(bytes, from_ipv4, expecting(Version::V3));
    ASSERT_TRUE(decoded) << describe(decoded.error());
    EXPECT_EQ(decoded->advertisement.addresses.size(), 255U);
}

// RFC 9568 §5.2.5 "If the received count is 0, the VRRP Advertisement MUST be ignored": negative
TEST(Advertisement, NoAddressesMeansIgnored) {
    EXPECT_EQ(reason(v3_with(3, 0), from_ipv4, expecting(Version::V3)), DiscardReason::BadChecksum)
        << "the address is now behind the message";
    Bytes bytes = vector_bytes("vrrp/v3_ipv4_message_only.hex");
    bytes.resize(8);
    bytes[3] = 0;
    bytes[6] = 0x38;  // ~(3133 + 9600 + 0064) = ~c797
    bytes[7] = 0x68;
    EXPECT_EQ(reason(bytes, from_ipv4, expecting(Version::V3)), DiscardReason::NoAddresses);
}

TEST(Advertisement, AZeroIntervalIsDiscarded) {
    EXPECT_EQ(reason(v3_with(5, 0), from_ipv4, expecting(Version::V3)), DiscardReason::ZeroInterval);
}

// RFC 9568 §7.1 "MUST verify that the VRID is configured": negative
TEST(Advertisement, AnotherVridIsNotOurs) {
    EXPECT_EQ(reason(v3_with(1, 52), from_ipv4, expecting(Version::V3)), DiscardReason::OtherVirtualRouter);
    Expected zero = expecting(Version::V3);
    zero.virtual_router_id = VirtualRouterId{0};
    EXPECT_EQ(reason(v3_with(1, 0), from_ipv4, zero), DiscardReason::OtherVirtualRouter);
}

TEST(Advertisement, TheFirstBrokenRuleIsTheReason) {
    Bytes bytes = v3_with(0, 0x42);  // Version 4, type 2, ...
    bytes[7] ^= 1U;                  // ... and a wrong checksum.
    ReceivedMetadata metadata = from_ipv4;
    EXPECT_EQ(reason(bytes, metadata, expecting(Version::V3)), DiscardReason::VersionMismatch);
    metadata.ttl = 1;
    EXPECT_EQ(reason(bytes, metadata, expecting(Version::V3)), DiscardReason::TtlNot255);
}

TEST(Advertisement, TheVridCanBeSeenBeforeAnythingIsBelieved) {
    EXPECT_EQ(peek_virtual_router_id(vector_bytes("vrrp/v3_ipv4_message_only.hex")), VirtualRouterId{51});
    const std::array<std::uint8_t, 7> header{0x31, 51};
    EXPECT_EQ(peek_virtual_router_id(header), std::nullopt);
}

TEST(Advertisement, DescribesItself) {
    EXPECT_EQ(describe(v3_ipv6), "VRRPv3 vrid=51 priority=150 interval=1000ms addresses=fe80::64,2001:db8::64");
    EXPECT_EQ(describe(from_ipv4), "10.0.0.1 > 224.0.0.18 ttl=255");
}

}  // namespace
}  // namespace anyvip::vrrp
