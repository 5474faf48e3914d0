#include "bgp/update_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <variant>
#include <vector>

#include "bgp/framer.hpp"

namespace anyvip::bgp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t plenty = 1U << 20U;
const EncodeContext extended{.extended_message = true};

/// 20 octets: ORIGIN 4, AS_PATH 9, NEXT_HOP 7.
PathAttributes vip_attributes() {
    PathAttributes attributes;
    attributes.as_path = AsPath::sequence({Asn{65010}});
    attributes.next_hop = *net::IpAddress::parse("10.0.0.11");
    return attributes;
}

PathAttributes vip6_attributes() {
    auto attributes = vip_attributes();
    attributes.next_hop = *net::IpAddress::parse("2001:db8::11");
    return attributes;
}

std::vector<net::Prefix> hosts(std::uint32_t count) {
    std::vector<net::Prefix> prefixes;
    for (std::uint32_t i = 0; i < count; ++i) prefixes.push_back(net::Prefix::host(net::Ipv4Address{0x0a000000U + i}));
    return prefixes;
}

std::vector<net::Prefix> ipv6_hosts(std::size_t count) {
    std::vector<net::Prefix> prefixes;
    for (std::size_t i = 0; i < count; ++i) {
        net::Ipv6Address::Bytes bytes{0x20, 0x01, 0x0d, 0xb8};
        bytes[14] = static_cast<std::uint8_t>(i >> 8U);
        bytes[15] = static_cast<std::uint8_t>(i);
        prefixes.push_back(net::Prefix::host(net::Ipv6Address{bytes}));
    }
    return prefixes;
}

std::size_t add_all(UpdateWriter& writer, const std::vector<net::Prefix>& prefixes) {
    std::size_t added = 0;
    while (added < prefixes.size() && writer.add(prefixes[added])) ++added;
    return added;
}

struct Read {
    Update update;
    std::size_t size = 0;  ///< of the message
};

std::vector<Read> read(const std::vector<std::uint8_t>& octets, bool extended_message = false) {
    std::vector<Read> all;
    Framer framer;
    if (extended_message) framer.accept_extended_messages();
    framer.feed(octets);
    const DecodeContext context{.extended_message = extended_message, .families = {ipv4_unicast, ipv6_unicast}};
    while (const auto raw = framer.next()) {
        const auto message = decode(**raw, context);
        EXPECT_TRUE(message);
        all.push_back({std::get<Update>(*message), header_size + (*raw)->body.size()});
        EXPECT_THAT(all.back().update.errors, IsEmpty());
    }
    return all;
}

// RFC 8654 §4: negative; 4096 octets where nothing else was agreed on.
TEST(UpdateWriter, FillsAMessageAndBeginsTheNext) {
    UpdateWriter writer{{}, plenty};
    writer.announce(net::Family::Ipv4, vip_attributes());
    EXPECT_EQ(add_all(writer, hosts(1000)), 1000U);
    EXPECT_EQ(writer.messages(), 2U);
    const auto messages = read(writer.take());
    ASSERT_EQ(messages.size(), 2U);
    // 19 + 2 + 2 of frame, 20 of attributes: 4053 octets are left, 810 prefixes of 5.
    EXPECT_EQ(messages[0].update.nlri.size(), 810U);
    EXPECT_EQ(messages[0].size, 4093U);
    EXPECT_EQ(messages[0].update.attributes, vip_attributes());
    EXPECT_EQ(messages[1].update.nlri.size(), 190U);
    EXPECT_EQ(messages[1].update.nlri.front().prefix.to_string(), "10.0.3.42/32");
}

// RFC 8654 §4: positive
TEST(UpdateWriter, FillsAnExtendedMessageWhereBothAgreed) {
    UpdateWriter writer{extended, plenty};
    writer.announce(net::Family::Ipv4, vip_attributes());
    (void)add_all(writer, hosts(20000));
    const auto messages = read(writer.take(), true);
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_EQ(messages[0].update.nlri.size(), 13098U) << "(65535 - 43) / 5";
    EXPECT_EQ(messages[0].size, 65533U);
}

// RFC 4760 §3: positive
TEST(UpdateWriter, Ipv6GoesIntoMpReachWithinTheLimit) {
    UpdateWriter writer{{}, plenty};
    writer.announce(net::Family::Ipv6, vip6_attributes());
    (void)add_all(writer, ipv6_hosts(500));
    const auto messages = read(writer.take());
    ASSERT_EQ(messages.size(), 3U);
    // 23 of frame, 13 of ORIGIN and AS_PATH, 4 + 21 of MP_REACH_NLRI: 4035 octets are left, 237 prefixes of 17.
    EXPECT_EQ(messages[0].update.mp_reach->nlri.size(), 237U);
    EXPECT_EQ(messages[0].size, 4090U);
    EXPECT_EQ(messages[0].update.attributes, vip6_attributes());
    EXPECT_THAT(messages[0].update.nlri, IsEmpty());
    EXPECT_EQ(messages[2].update.mp_reach->nlri.size(), 26U);
}

// RFC 8950 §3: positive; IPv4 prefixes with an IPv6 next hop, and no NEXT_HOP attribute beside it.
TEST(UpdateWriter, Ipv4WithAnIpv6NextHopGoesIntoMpReach) {
    UpdateWriter writer{{}, plenty};
    writer.announce(net::Family::Ipv4, vip6_attributes());
    ASSERT_TRUE(writer.add(*net::Prefix::parse("203.0.113.10/32")));
    // Worked by hand from RFC 4271 §4.3 and RFC 4760 §3: MP_REACH_NLRI first, with AFI 1 and a next hop of 16.
    std::vector<std::uint8_t> expected(16, 0xff);
    const std::vector<std::uint8_t> rest{0,    66,   2,                           // length, UPDATE
                                         0,    0,    0,    43,                    // nothing withdrawn
                                         0x90, 14,   0,    26,   0,  1,   1, 16,  // IPv4 unicast
                                         0x20, 0x01, 0x0d, 0xb8, 0,  0,   0, 0,    0,   0,    0, 0, 0,
                                         0,    0,    0x11, 0,    32, 203, 0, 113,  10,  0x40, 1, 1, 0,  // ORIGIN IGP
                                         0x40, 2,    6,    2,    1,  0,   0, 0xfd, 0xf2};               // AS_PATH 65010
    expected.insert(expected.end(), rest.begin(), rest.end());
    EXPECT_EQ(writer.take(), expected);
}

// RFC 7911 §3: positive; the identifier stands before each prefix, also of those that are withdrawn.
TEST(UpdateWriter, PathsHaveTheirNumbersWhereThePeerTakesSeveral) {
    const EncodeContext add_path{.add_path = {.ipv4 = true}};
    UpdateWriter writer{add_path, plenty};
    writer.withdraw(net::Family::Ipv4, false);
    ASSERT_TRUE(writer.add(*net::Prefix::parse("203.0.113.0/24")));
    std::vector<std::uint8_t> expected(16, 0xff);
    const std::vector<std::uint8_t> rest{0, 31, 2, 0, 8, 0, 0, 0, 1, 24, 203, 0, 113, 0, 0};
    expected.insert(expected.end(), rest.begin(), rest.end());
    EXPECT_EQ(writer.take(), expected);
    writer.announce(net::Family::Ipv4, vip_attributes());
    (void)add_all(writer, hosts(1000));
    EXPECT_EQ(writer.messages(), 4U) << "4053 octets are left of a message, 450 prefixes of 9";
}

TEST(UpdateWriter, WithdrawalsFillMessagesOfBothKinds) {
    UpdateWriter writer{{}, plenty};
    writer.withdraw(net::Family::Ipv4, false);
    (void)add_all(writer, hosts(1000));
    writer.withdraw(net::Family::Ipv6, true);
    (void)add_all(writer, ipv6_hosts(500));
    const auto messages = read(writer.take());
    ASSERT_EQ(messages.size(), 5U);
    EXPECT_EQ(messages[0].update.withdrawn.size(), 814U) << "(4096 - 23) / 5";
    EXPECT_EQ(messages[0].size, 4093U);
    EXPECT_EQ(messages[1].update.withdrawn.size(), 186U);
    EXPECT_EQ(messages[2].update.mp_unreach->withdrawn.size(), 239U) << "(4096 - 23 - 7) / 17";
    EXPECT_EQ(messages[2].size, 4093U);
}

// RFC 8950 §4: what was announced in MP_REACH_NLRI is taken back in MP_UNREACH_NLRI.
TEST(UpdateWriter, Ipv4IsTakenBackTheWayItWasSaid) {
    UpdateWriter writer{{}, plenty};
    writer.withdraw(net::Family::Ipv4, true);
    ASSERT_TRUE(writer.add(*net::Prefix::parse("203.0.113.0/24")));
    const auto messages = read(writer.take());
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0].update.mp_unreach->family, ipv4_unicast);
    EXPECT_THAT(messages[0].update.mp_unreach->withdrawn, ElementsAre(*net::Prefix::parse("203.0.113.0/24")));
    EXPECT_EQ(messages[0].size, 23U + 7U + 4U);
}

TEST(UpdateWriter, NeverExceedsItsBudgetAndNeverWritesAnEmptyUpdate) {
    for (std::size_t budget = 0; budget < 200; ++budget) {
        UpdateWriter writer{{}, budget};
        writer.announce(net::Family::Ipv4, vip_attributes());
        const auto announced = add_all(writer, hosts(100));
        writer.withdraw(net::Family::Ipv6, true);
        const auto withdrawn = add_all(writer, ipv6_hosts(100));
        const auto octets = writer.take();
        ASSERT_LE(octets.size(), budget);
        std::size_t seen = 0;
        for (const auto& [update, size] : read(octets)) {
            const auto prefixes = update.nlri.size() + (update.mp_unreach ? update.mp_unreach->withdrawn.size() : 0);
            ASSERT_GT(prefixes, 0U);
            seen += prefixes;
        }
        ASSERT_EQ(seen, announced + withdrawn);
        // 43 of frame and attributes, 5 for each; then 30 and 17 for each.
        if (budget == 53) {
            EXPECT_EQ(announced, 2U);
        }
        if (budget == 47) {
            EXPECT_EQ(announced, 0U);
            EXPECT_EQ(withdrawn, 1U);
        }
    }
}

TEST(UpdateWriter, AMessageOfItsOwnKeepsToTheBudgetToo) {
    UpdateWriter writer{{}, 41};
    EXPECT_TRUE(writer.append(end_of_rib(ipv4_unicast)));
    EXPECT_FALSE(writer.append(Keepalive{})) << "23 + 19 are 42";
    EXPECT_EQ(writer.messages(), 1U);
}

TEST(UpdateWriter, AttributesThatFillTheMessageDoNotFit) {
    auto attributes = vip_attributes();
    EXPECT_TRUE(UpdateWriter::fits(net::Family::Ipv4, attributes, {}));
    for (std::uint16_t tag = 0; tag < 1100; ++tag) attributes.communities.insert(Community{65010, tag});
    EXPECT_FALSE(UpdateWriter::fits(net::Family::Ipv4, attributes, {}));
    EXPECT_TRUE(UpdateWriter::fits(net::Family::Ipv4, attributes, extended));
}

}  // namespace
}  // namespace anyvip::bgp
