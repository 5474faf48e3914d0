#include "bgp/path_attribute.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "support/vectors.hpp"

namespace anyvip::bgp {
namespace {

using Reason = AttributeError::Reason;
using testing::bytes_from_hex;

// The mandatory attributes of a route from an external peer of four-octet numbers.
const std::string origin = "40 01 01 00 ";
const std::string as_path = "40 02 06 02 01 0000fde8 ";
const std::string next_hop = "40 03 04 0a000001 ";
const std::string mandatory = origin + as_path + next_hop;
const std::string local_pref = "40 05 04 00000064 ";
/// 2001:db8::/32 by way of 2001:db8::11.
const std::string mp_reach = "80 0e 1a 0002 01 10 20010db8000000000000000000000011 00 20 20010db8 ";

DecodeContext external() {
    return {true, false, false, {ipv4_unicast, ipv6_unicast}};
}
DecodeContext internal() {
    return {true, false, true, {ipv4_unicast, ipv6_unicast}};
}
DecodeContext old_speaker() {
    return {false, false, false, {ipv4_unicast, ipv6_unicast}};
}

struct Peer {
    DecodeContext context = external();
    bool nlri = true;  ///< the UPDATE has IPv4 NLRI of its own
};

Result<DecodedAttributes> decode(const std::string& attributes, const Peer& peer = {}) {
    return decode_attributes(bytes_from_hex(attributes), peer.nlri, peer.context);
}

PathAttributes path(const std::string& attributes, const Peer& peer = {}) {
    const auto decoded = decode(attributes, peer);
    EXPECT_TRUE(decoded && decoded->errors.empty());
    return decoded ? decoded->path : PathAttributes{};
}

struct Fault {
    const char* what;
    std::string attributes;
    std::uint8_t type;
    Reason reason;
    Peer peer{};
};

void expect_one_error(const Fault& fault, const AttributeAction& action) {
    const auto decoded = decode(fault.attributes, fault.peer);
    ASSERT_TRUE(decoded) << fault.what << ": " << describe(decoded.error());
    ASSERT_EQ(decoded->errors.size(), 1U) << fault.what;
    EXPECT_EQ(decoded->errors[0], (AttributeError{fault.type, fault.reason, action}))
        << fault.what << ": " << describe(decoded->errors[0]);
    EXPECT_EQ(decoded->treat_as_withdraw, std::holds_alternative<TreatAsWithdraw>(action)) << fault.what;
}

// RFC 7606 §7: positive, attribute by attribute: the smallest and the largest that each rule lets pass.
TEST(PathAttribute, WhatRfc7606LetsPass) {
    const Peer from_internal{internal()};
    const std::string edges = mandatory + "80 04 04 ffffffff " + "40 06 00 " + "c0 07 08 00000001 0a000001 " +
                              "c0 08 08 00000000 ffffffff " + "c0 10 08 0000000000000000 " +
                              "c0 20 18 000000000000000000000000 ffffffffffffffffffffffff ";
    EXPECT_EQ(path(edges).med, 0xffffffffU);
    EXPECT_EQ(path(edges).communities.size(), 2U);
    EXPECT_EQ(path(edges).large_communities.size(), 2U);
    EXPECT_TRUE(path(edges).atomic_aggregate);
    const auto from_inside = path(mandatory + local_pref + "80 09 04 0a000002 80 0a 04 0a000003", from_internal);
    EXPECT_EQ(from_inside.local_pref, 100U);
    EXPECT_EQ(from_inside.cluster_list.size(), 1U);
    EXPECT_EQ(path("40 01 01 02 " + as_path + "40 03 04 01000001").origin, Origin::Incomplete);
    EXPECT_EQ(path(origin + "40 02 00 " + next_hop).as_path, AsPath{});  // None at all is a path.
}

// RFC 4271 §4.3: positive. Of the flags two say what an attribute is; Partial is true of what passed through others,
// and the low four are ignored.
TEST(PathAttribute, TheFlagsThatSayNothingAreIgnored) {
    EXPECT_EQ(path("6f" + origin.substr(2) + as_path + next_hop), path(mandatory));
    EXPECT_EQ(path(mandatory + "e0 08 04 fdf20064").communities.size(), 1U);
}

// RFC 7606 §3: negative
// RFC 7606 §7: negative
TEST(PathAttribute, WhatRfc7606TreatsAsWithdrawn) {
    const Peer from_internal{internal()};
    const std::vector<Fault> faults{
        {"ORIGIN without its octet", "40 01 00 " + as_path + next_hop, 1, Reason::Length},
        {"ORIGIN of two octets", "40 01 02 0000 " + as_path + next_hop, 1, Reason::Length},
        {"ORIGIN 3", "40 01 01 03 " + as_path + next_hop, 1, Reason::Value},
        {"ORIGIN marked optional", "c0 01 01 00 " + as_path + next_hop, 1, Reason::Flags},
        {"ORIGIN not transitive", "00 01 01 00 " + as_path + next_hop, 1, Reason::Flags},
        {"AS_PATH segment of type 5", origin + "40 02 06 05 01 0000fde8 " + next_hop, 2, Reason::Value},
        {"AS_PATH segment of none", origin + "40 02 02 02 00 " + next_hop, 2, Reason::Value},
        {"AS_PATH segment beyond its end", origin + "40 02 06 02 02 0000fde8 " + next_hop, 2, Reason::Length},
        {"AS_PATH with half a segment header", origin + "40 02 07 02 01 0000fde8 02 " + next_hop, 2, Reason::Length},
        {"AS_PATH with AS 0 (RFC 7607)", origin + "40 02 06 02 01 00000000 " + next_hop, 2, Reason::Value},
        {"AS_PATH with AS 0 behind others", origin + "40 02 0a 02 02 0000fde8 00000000 " + next_hop, 2, Reason::Value},
        {"AS_PATH with AS 0 from an OLD speaker",
         origin + "40 02 04 02 01 0000 " + next_hop,
         2,
         Reason::Value,
         {old_speaker()}},
        {"AS_PATH with AS_SET (RFC 9774)", origin + "40 02 06 01 01 0000fde8 " + next_hop, 2, Reason::AsSet},
        {"AS_PATH with AS_CONFED_SEQUENCE", origin + "40 02 06 03 01 0000fde8 " + next_hop, 2, Reason::Value},
        {"NEXT_HOP of three octets", origin + as_path + "40 03 03 0a0000", 3, Reason::Length},
        {"NEXT_HOP 0.0.0.0", origin + as_path + "40 03 04 00000000", 3, Reason::Value},
        {"NEXT_HOP 224.0.0.1", origin + as_path + "40 03 04 e0000001", 3, Reason::Value},
        {"MULTI_EXIT_DISC of five octets", mandatory + "80 04 05 0000000000", 4, Reason::Length},
        {"LOCAL_PREF of three octets", mandatory + "40 05 03 000000", 5, Reason::Length, from_internal},
        {"COMMUNITIES of five octets", mandatory + "c0 08 05 fdf2006400", 8, Reason::Length},
        {"COMMUNITIES of none", mandatory + "c0 08 00", 8, Reason::Length},
        {"COMMUNITIES not transitive", mandatory + "80 08 04 fdf20064", 8, Reason::Flags},
        {"ORIGINATOR_ID of five octets", mandatory + local_pref + "80 09 05 0a00000200", 9, Reason::Length,
         from_internal},
        {"CLUSTER_LIST of six octets", mandatory + local_pref + "80 0a 06 0a0000030a00", 10, Reason::Length,
         from_internal},
        {"EXTENDED_COMMUNITIES of seven octets", mandatory + "c0 10 07 0002fdf2000000", 16, Reason::Length},
        {"LARGE_COMMUNITY of eight octets", mandatory + "c0 20 08 0000fdf200000001", 32, Reason::Length},
        {"LARGE_COMMUNITY of none (RFC 8092 §6)", mandatory + "c0 20 00", 32, Reason::Length},
        {"ONLY_TO_CUSTOMER of two octets (RFC 9234 §5)", mandatory + "c0 23 02 fde8", 35, Reason::Length},
        {"ONLY_TO_CUSTOMER not transitive", mandatory + "80 23 04 0000fde8", 35, Reason::Flags},
        {"AS_PATH marked optional", origin + "c0" + as_path.substr(2) + next_hop, 2, Reason::Flags},
        {"NEXT_HOP marked optional", origin + as_path + "c0" + next_hop.substr(2), 3, Reason::Flags},
        {"MULTI_EXIT_DISC marked transitive", mandatory + "c0 04 04 00000000", 4, Reason::Flags},
        {"LOCAL_PREF marked optional", mandatory + "c0" + local_pref.substr(2), 5, Reason::Flags, from_internal},
        {"ATOMIC_AGGREGATE marked optional", mandatory + "c0 06 00", 6, Reason::Flags},
        {"AGGREGATOR not transitive", mandatory + "80 07 08 00000001 0a000001", 7, Reason::Flags},
        {"ORIGINATOR_ID marked transitive", mandatory + local_pref + "c0 09 04 0a000002", 9, Reason::Flags,
         from_internal},
        {"CLUSTER_LIST marked transitive", mandatory + local_pref + "c0 0a 04 0a000003", 10, Reason::Flags,
         from_internal},
        {"EXTENDED_COMMUNITIES not transitive", mandatory + "80 10 08 0002fdf200000064", 16, Reason::Flags},
        {"EXTENDED_COMMUNITIES of none", mandatory + "c0 10 00", 16, Reason::Length},
        {"LARGE_COMMUNITY not transitive", mandatory + "80 20 0c 0000fdf20000000100000002", 32, Reason::Flags},
        {"MULTI_EXIT_DISC of none", mandatory + "80 04 00", 4, Reason::Length},
        {"LOCAL_PREF of five octets", mandatory + "40 05 05 0000006400", 5, Reason::Length, from_internal},
        {"NEXT_HOP of sixteen octets", origin + as_path + "40 03 10 20010db8000000000000000000000011", 3,
         Reason::Length},
        {"ORIGINATOR_ID of none", mandatory + local_pref + "80 09 00", 9, Reason::Length, from_internal},
        {"CLUSTER_LIST of none", mandatory + local_pref + "80 0a 00", 10, Reason::Length, from_internal},
        {"no ORIGIN", as_path + next_hop, 1, Reason::Missing},
        {"no AS_PATH", origin + next_hop, 2, Reason::Missing},
        {"no NEXT_HOP", origin + as_path, 3, Reason::Missing},
        {"no LOCAL_PREF from an internal peer", mandatory, 5, Reason::Missing, from_internal},
        {"an attribute beyond the total length", mandatory + "c0 08 08 fdf20064", 8, Reason::Overrun},
        {"an attribute without its length", mandatory + "c0 08", 8, Reason::Overrun},
        {"an attribute without its type", mandatory + "c0", 0, Reason::Overrun},
        {"MP_REACH_NLRI marked transitive", "c0" + mp_reach.substr(2) + mandatory, 14, Reason::Flags},
    };
    for (const auto& fault : faults) expect_one_error(fault, TreatAsWithdraw{});
}

// RFC 7606 §3 (g), §7: negative
TEST(PathAttribute, WhatRfc7606Discards) {
    const std::vector<Fault> faults{
        {"a second ORIGIN", mandatory + "40 01 01 02", 1, Reason::Duplicate},
        {"ATOMIC_AGGREGATE with a value", mandatory + "40 06 01 00", 6, Reason::Length},
        {"AGGREGATOR of six octets from a NEW speaker", mandatory + "c0 07 06 fde8 0a000001", 7, Reason::Length},
        {"AGGREGATOR with AS 0 (RFC 7607)", mandatory + "c0 07 08 00000000 0a000001", 7, Reason::Value},
        {"AGGREGATOR with AS 0 from an OLD speaker (RFC 7607)",
         origin + "40 02 04 02 01 fde8 " + next_hop + "c0 07 06 0000 0a000001",
         7,
         Reason::Value,
         {old_speaker()}},
        {"AS4_PATH with AS 0 (RFC 7607)",
         origin + "40 02 04 02 01 5ba0 " + next_hop + "c0 11 06 02 01 00000000",
         17,
         Reason::Value,
         {old_speaker()}},
        {"AS4_AGGREGATOR with AS 0 (RFC 7607)",
         origin + "40 02 04 02 01 fde8 " + next_hop + "c0 07 06 5ba0 0a000001 c0 12 08 00000000 0a000001",
         18,
         Reason::Value,
         {old_speaker()}},
        {"AS4_AGGREGATOR of seven octets (RFC 6793 §6)",
         origin + "40 02 04 02 01 fde8 " + next_hop + "c0 12 07 0001000a 0a0000",
         18,
         Reason::Length,
         {old_speaker()}},
        {"LOCAL_PREF from an external peer", mandatory + local_pref, 5, Reason::Unexpected},
        {"ORIGINATOR_ID from an external peer", mandatory + "80 09 04 0a000002", 9, Reason::Unexpected},
        {"CLUSTER_LIST from an external peer, malformed", mandatory + "80 0a 01 00", 10, Reason::Unexpected},
        {"AS4_PATH from a NEW speaker", mandatory + "c0 11 06 02 01 0001000a", 17, Reason::Unexpected},
        {"AS4_AGGREGATOR from a NEW speaker", mandatory + "c0 12 08 0001000a 0a000001", 18, Reason::Unexpected},
        {"MP_REACH_NLRI of VPN-IPv4", "80 0e 05 0001 80 00 00 " + mandatory, 14, Reason::FamilyNotSpoken},
        {"MP_UNREACH_NLRI of L2VPN", "80 0f 03 0019 46 " + mandatory, 15, Reason::FamilyNotSpoken},
        {"AS4_PATH cut",
         origin + "40 02 04 02 01 fde8 " + next_hop + "c0 11 05 02 01 000100",
         17,
         Reason::Length,
         {old_speaker()}},
        {"AS4_PATH empty",
         origin + "40 02 04 02 01 fde8 " + next_hop + "c0 11 00",
         17,
         Reason::Length,
         {old_speaker()}},
    };
    for (const auto& fault : faults) expect_one_error(fault, Discard{});
}

// RFC 7607 §2: positive. Zero is one number; zero octets in others are not it.
TEST(PathAttribute, OnlyAsZeroIsZero) {
    EXPECT_EQ(path(origin + "40 02 0a 02 02 00000001 00010000 " + next_hop).as_path,
              AsPath::sequence({Asn{1}, Asn{65536}}));
    EXPECT_EQ(path(mandatory + "c0 07 08 00010000 0a000001").aggregator->asn, Asn{65536});
}

// RFC 7606 §3 (h): positive; of several errors the strongest action is taken, in whatever order they come.
TEST(PathAttribute, TheStrongestOfSeveralErrorsCounts) {
    const std::string discards = "40 06 01 00 ";
    const std::string withdraws = "80 04 05 0000000000 ";
    const std::string resets = "40 63 01 aa ";
    for (const auto& both : {discards + withdraws, withdraws + discards}) {
        const auto decoded = decode(mandatory + both);
        ASSERT_TRUE(decoded);
        EXPECT_TRUE(decoded->treat_as_withdraw);
        EXPECT_EQ(decoded->errors.size(), 2U);
    }
    for (const auto& all : {discards + withdraws + resets, resets + withdraws + discards}) {
        const auto decoded = decode(mandatory + all);
        ASSERT_FALSE(decoded);
        EXPECT_EQ(decoded.error(), (Notification{3, 2, bytes_from_hex(resets)}));
    }
}

// RFC 4760 §3: positive. NEXT_HOP belongs to the NLRI of the UPDATE itself; beside MP_REACH_NLRI alone it is ignored.
TEST(PathAttribute, NextHopWithoutNlriOfItsOwnIsIgnoredWhateverItSays) {
    for (const auto* ignored : {"40 03 04 00000000", "40 03 04 0a000001", "40 03 00", "c0 03 04 0a000001"}) {
        const auto decoded = decode(mp_reach + origin + as_path + ignored, {external(), false});
        ASSERT_TRUE(decoded) << ignored;
        EXPECT_TRUE(decoded->errors.empty()) << ignored;
        EXPECT_EQ(decoded->path.next_hop, net::IpAddress{*net::Ipv6Address::parse("2001:db8::11")});
    }
}

// RFC 4760 §3: positive. The reserved octet, once the number of SNPAs, is ignored.
TEST(PathAttribute, TheReservedOctetOfMpReachIsIgnored) {
    const auto decoded = decode(
        "80 0e 1a 0002 01 10 20010db8000000000000000000000011 ff 20 20010db8 " + origin + as_path, {external(), false});
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->mp_reach->nlri, std::vector<Nlri>{*net::Prefix::parse("2001:db8::/32")});
}

// RFC 7606 §3 (g): positive
TEST(PathAttribute, OfDuplicatesTheFirstCounts) {
    const auto decoded = decode(mandatory + "40 01 01 02");
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->path.origin, Origin::Igp);
}

struct Reset {
    const char* what;
    std::string attributes;
    Notification notification;
    bool nlri = false;
};

// RFC 7606 §3, §5: negative
// RFC 7606 §5.2: negative; where no prefix can be seen none can be withdrawn.
// RFC 4760 §4: negative
// RFC 4271 §9: negative; an unknown attribute that everyone must know.
TEST(PathAttribute, WhatResetsTheSession) {
    const auto data = [](const std::string& hex) { return bytes_from_hex(hex); };
    const std::string unreach = "80 0f 03 0002 01 ";
    const std::vector<Reset> resets{
        {"MP_REACH_NLRI twice", mp_reach + mp_reach + mandatory, {3, 1}},
        {"MP_UNREACH_NLRI twice", unreach + unreach, {3, 1}},
        {"MP_REACH_NLRI with a next hop of 15 octets",
         "80 0e 15 0002 01 0f 20010db80000000000000000000000 00 00 " + origin + as_path,
         {3, 9, data("80 0e 15 0002 01 0f 20010db80000000000000000000000 00 00")}},
        {"MP_REACH_NLRI of IPv6 with an IPv4 next hop",
         "80 0e 09 0002 01 04 0a000001 00 " + origin + as_path,
         {3, 9, data("80 0e 09 0002 01 04 0a000001 00")}},
        {"MP_REACH_NLRI cut in its prefix",
         "80 0e 19 0002 01 10 20010db8000000000000000000000011 00 20 20010d " + origin + as_path,
         {3, 9, data("80 0e 19 0002 01 10 20010db8000000000000000000000011 00 20 20010d")}},
        {"MP_REACH_NLRI of /129",
         "80 0e 17 0002 01 10 20010db8000000000000000000000011 00 81 00 " + origin + as_path,
         {3, 9, data("80 0e 17 0002 01 10 20010db8000000000000000000000011 00 81 00")}},
        {"MP_REACH_NLRI with a next hop beyond its end",
         "80 0e 08 0002 01 10 20010db8 " + origin + as_path,
         {3, 9, data("80 0e 08 0002 01 10 20010db8")}},
        {"MP_REACH_NLRI without its reserved octet",
         "80 0e 14 0002 01 10 20010db8000000000000000000000011 " + origin + as_path,
         {3, 9, data("80 0e 14 0002 01 10 20010db8000000000000000000000011")}},
        {"MP_UNREACH_NLRI of /129", "80 0f 05 0002 01 81 00", {3, 9, data("80 0f 05 0002 01 81 00")}},
        {"MP_UNREACH_NLRI with a cut prefix", "80 0f 05 0002 01 20 20", {3, 9, data("80 0f 05 0002 01 20 20")}},
        {"MP_UNREACH_NLRI beyond the total length", "80 0f 09 0002 01 20", {3, 9, data("80 0f 09 0002 01 20")}},
        {"MP_UNREACH_NLRI without its SAFI", "80 0f 02 0002", {3, 9, data("80 0f 02 0002")}},
        {"MP_REACH_NLRI beyond the total length", mandatory + "80 0e ff 0002", {3, 9, data("80 0e ff 0002")}, true},
        {"an unknown well-known attribute", mandatory + "40 63 01 aa", {3, 2, data("40 63 01 aa")}, true},
        {"an error where no prefix can be seen (§5.2)", "40 01 01 03", {3, 1}},
        {"a cut attribute where no prefix can be seen (§5.2)", unreach + "c0 08", {3, 1}},
    };
    for (const auto& reset : resets) {
        const auto decoded = decode(reset.attributes, {external(), reset.nlri});
        ASSERT_FALSE(decoded) << reset.what;
        EXPECT_EQ(decoded.error(), reset.notification) << reset.what << ": " << describe(decoded.error());
    }
}

// RFC 7606 §5.2: positive
TEST(PathAttribute, AWithdrawalWithWrongFlagsIsStillAWithdrawal) {
    const auto decoded = decode("40 0f 08 0002 01 20 20010db8", {external(), false});
    ASSERT_TRUE(decoded);
    EXPECT_TRUE(decoded->treat_as_withdraw);
    EXPECT_EQ(decoded->mp_unreach->withdrawn.size(), 1U);
}

// RFC 4271 §9: positive. Attribute 28 once took routers down, 255 is for development, 99 is nobody's.
TEST(PathAttribute, UnknownOptionalAttributesArePassedOver) {
    for (const auto* unknown : {"c0 1c 01 00", "e0 ff 00", "80 63 02 aabb", "d0 63 0002 aabb"}) {
        EXPECT_EQ(path(mandatory + unknown), path(mandatory)) << unknown;
    }
}

// RFC 4271 §4.3: positive
TEST(PathAttribute, LengthsOfTwoOctetsAreReadWhereverTheyAreUsed) {
    EXPECT_EQ(path("50 01 0001 02 " + as_path + next_hop).origin, Origin::Incomplete);
}

TEST(PathAttribute, ReportsAreBoundedWhateverThePeerSends) {
    std::string many = mandatory;
    for (int i = 0; i < 1000; ++i) many += "40 01 01 00 ";
    const auto decoded = decode(many);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->errors.size(), 16U);
}

// RFC 6793 §4.2.3: positive
TEST(PathAttribute, TheFourOctetPathOfAnOldSpeakerIsMerged) {
    const Peer peer{old_speaker()};
    const auto with = [&](const std::string& attributes) { return path(origin + next_hop + attributes, peer).as_path; };
    // 65000 (OLD) prepended itself to what AS 65546 and AS 65547 had sent.
    EXPECT_EQ(with("40 02 08 02 03 fde8 5ba0 5ba0  c0 11 0a 02 02 0001000a 0001000b").segments,
              (std::vector<AsPathSegment>{{AsPathSegment::Type::Sequence, {Asn{65000}}},
                                          {AsPathSegment::Type::Sequence, {Asn{65546}, Asn{65547}}}}));
    // A longer AS4_PATH cannot belong to this AS_PATH.
    EXPECT_EQ(with("40 02 04 02 01 5ba0  c0 11 0a 02 02 0001000a 0001000b"), AsPath::sequence({as_trans}));
    EXPECT_EQ(with("40 02 04 02 01 fde8"), AsPath::sequence({Asn{65000}}));
}

// RFC 6793 §4.2.3: positive.
// RFC 6793 §4.2.3: negative; an aggregator that is not AS_TRANS came later than both.
TEST(PathAttribute, AnOldAggregatorOverrulesTheFourOctetAttributes) {
    const Peer peer{old_speaker()};
    const std::string as4 = "c0 11 06 02 01 0001000a  c0 12 08 0001000a 0a000001";
    const std::string start = origin + next_hop + "40 02 04 02 01 5ba0 ";
    const auto merged = path(start + "c0 07 06 5ba0 0a000001 " + as4, peer);
    EXPECT_EQ(merged.aggregator, (Aggregator{Asn{65546}, *net::Ipv4Address::parse("10.0.0.1")}));
    EXPECT_EQ(merged.as_path, AsPath::sequence({Asn{65546}}));
    const auto kept = path(start + "c0 07 06 fde8 0a000001 " + as4, peer);
    EXPECT_EQ(kept.aggregator->asn, Asn{65000});
    EXPECT_EQ(kept.as_path, AsPath::sequence({as_trans}));
}

// RFC 2545 §3: positive; and the two forms seen where there is no global address
TEST(PathAttribute, NextHopsOfIpv6MayHaveALinkLocalPart) {
    const auto reach = [](const std::string& next_hops) {
        const auto decoded =
            decode("80 0e 25 0002 01 20 " + next_hops + " 00 " + origin + as_path, {external(), false});
        EXPECT_TRUE(decoded && decoded->errors.empty());
        return decoded ? decoded->mp_reach : std::nullopt;
    };
    const auto global = *net::Ipv6Address::parse("2001:db8::1");
    const auto link_local = *net::Ipv6Address::parse("fe80::1");
    EXPECT_EQ(reach("20010db8000000000000000000000001 fe800000000000000000000000000001"),
              (MpReach{ipv6_unicast, global, link_local, {}}));
    EXPECT_EQ(reach("fe800000000000000000000000000001 fe800000000000000000000000000001"),
              (MpReach{ipv6_unicast, link_local, link_local, {}}));
    EXPECT_EQ(reach("00000000000000000000000000000000 fe800000000000000000000000000001"),
              (MpReach{ipv6_unicast, net::Ipv6Address{}, link_local, {}}));
}

// draft-ietf-idr-linklocal-capability: positive; the address to send to is the link-local one in all three forms.
TEST(PathAttribute, ALinkLocalNextHopIsReadInAllThreeForms) {
    const std::string link_local = "fe800000000000000000000000000011";
    const std::string unspecified = "00000000000000000000000000000000";
    for (const auto& next_hops : {"80 0e 15 0002 01 10 " + link_local, "80 0e 25 0002 01 20 " + link_local + link_local,
                                  "80 0e 25 0002 01 20 " + unspecified + link_local}) {
        const auto decoded = decode(next_hops + " 00 " + origin + as_path, {external(), false});
        ASSERT_TRUE(decoded && decoded->errors.empty()) << next_hops;
        EXPECT_EQ(decoded->path.next_hop, net::IpAddress{*net::Ipv6Address::parse("fe80::11")}) << next_hops;
    }
}

// The three forms of FRR, Junos and the draft; beside a global address there is one (RFC 2545 §3).
TEST(PathAttribute, ALinkLocalNextHopIsWrittenInTheFormThatIsAskedFor) {
    const net::IpAddress link_local = *net::Ipv6Address::parse("fe80::11");
    const net::IpAddress global = *net::Ipv6Address::parse("2001:db8::11");
    const auto written = [](const net::IpAddress& next_hop, std::optional<net::Ipv6Address> second,
                            LinkLocalForm form) {
        wire::Writer out;
        encode_next_hop(next_hop, second, form, out);
        return out.take();
    };
    const std::string octets = "fe800000000000000000000000000011";
    EXPECT_EQ(written(link_local, {}, LinkLocalForm::Alone), bytes_from_hex(octets));
    EXPECT_EQ(written(link_local, {}, LinkLocalForm::Twice), bytes_from_hex(octets + octets));
    EXPECT_EQ(written(link_local, {}, LinkLocalForm::AfterUnspecified), bytes_from_hex(std::string(32, '0') + octets));
    for (const auto form : {LinkLocalForm::Alone, LinkLocalForm::Twice, LinkLocalForm::AfterUnspecified}) {
        EXPECT_EQ(written(global, {}, form), bytes_from_hex("20010db8000000000000000000000011"));
        EXPECT_EQ(written(global, link_local.v6(), form), bytes_from_hex("20010db8000000000000000000000011" + octets));
        EXPECT_EQ(written(*net::IpAddress::parse("10.0.0.1"), {}, form), bytes_from_hex("0a000001"));
    }
}

// RFC 7911 §3: positive
TEST(Nlri, CarriesItsPathIdentifierWhereThatWasAgreedOn) {
    const Nlri nlri{*net::Prefix::parse("203.0.113.0/24"), 0x01020304};
    wire::Writer with;
    encode_nlri(nlri, true, with);
    EXPECT_EQ(with.take(), bytes_from_hex("01020304 18 cb0071"));
    EXPECT_EQ(encoded_size(nlri, true), 8U);
    wire::Writer without;
    encode_nlri(nlri, false, without);
    EXPECT_EQ(without.take(), bytes_from_hex("18 cb0071"));
    EXPECT_EQ(encoded_size(nlri, false), 4U);
    EXPECT_EQ(decode_nlri(bytes_from_hex("01020304 18 cb0071"), net::Family::Ipv4, true), std::vector{nlri});
    EXPECT_EQ(describe(nlri), "203.0.113.0/24 path 16909060");
}

// RFC 7911 §3: negative
// RFC 7606 §5.3: negative
TEST(Nlri, WhatIsCutOrTooLongIsRefused) {
    for (const auto* octets : {"010203", "01020304", "01020304 18 cb00", "01020304 21 cb00710a00"}) {
        EXPECT_EQ(decode_nlri(bytes_from_hex(octets), net::Family::Ipv4, true), std::nullopt) << octets;
    }
    for (const auto* octets : {"18 cb00", "21 cb00710a00"}) {
        EXPECT_EQ(decode_nlri(bytes_from_hex(octets), net::Family::Ipv4, false), std::nullopt) << octets;
    }
    EXPECT_EQ(decode_nlri(bytes_from_hex("81 20010db80000000000000000000000110000"), net::Family::Ipv6, false),
              std::nullopt);
}

// RFC 9234 §5: positive
TEST(PathAttribute, OnlyToCustomerIsReadFromAnyone) {
    EXPECT_EQ(path(mandatory + "c0 23 04 0000fde8").only_to_customer, Asn{65000});
    EXPECT_EQ(path(mandatory).only_to_customer, std::nullopt);
}

// RFC 8950 §3: negative. IPv6 prefixes have no IPv4 next hop (WhatResetsTheSession), nor any of another length.
TEST(PathAttribute, NextHopsOfOtherLengthsResetTheSession) {
    for (const auto* reach : {"80 0e 06 0001 01 00 00 00", "80 0e 0e 0001 01 08 0a0000010a000002 00 00",
                              "80 0e 16 0002 01 11 20010db800000000000000000000001100 00"}) {
        const auto decoded = decode(reach + (' ' + origin) + as_path, {external(), false});
        ASSERT_FALSE(decoded) << reach;
        EXPECT_EQ(decoded.error(), (Notification{3, 9, bytes_from_hex(reach)})) << reach;
    }
}

// RFC 8950 §3: positive
TEST(PathAttribute, Ipv4PrefixesMayComeWithAnIpv6NextHop) {
    const auto decoded = decode(
        "80 0e 1a 0001 01 10 20010db8000000000000000000000011 00 20 cb00710a " + origin + as_path, {external(), false});
    ASSERT_TRUE(decoded && decoded->mp_reach);
    EXPECT_TRUE(decoded->errors.empty());
    EXPECT_EQ(decoded->mp_reach->nlri, std::vector<Nlri>{*net::Prefix::parse("203.0.113.10/32")});
    EXPECT_EQ(decoded->path.next_hop, net::IpAddress{*net::Ipv6Address::parse("2001:db8::11")});
}

std::vector<std::uint8_t> encoded(const PathAttributes& attributes, const EncodeContext& context) {
    wire::Writer out;
    encode_attributes(attributes, std::nullopt, std::nullopt, true, context, out);
    return out.take();
}

PathAttributes simple() {
    PathAttributes attributes;
    attributes.as_path = AsPath::sequence({Asn{65000}});
    attributes.next_hop = net::Ipv4Address{0x0a000001};
    return attributes;
}

// RFC 4271 §5.1.5: negative
// RFC 4456 §8: negative; none of it goes to an external peer.
// RFC 4456 §8: positive among internal ones.
TEST(PathAttribute, WhatIsForInternalPeersStaysAmongThem) {
    auto attributes = simple();
    attributes.local_pref = 100;
    attributes.originator_id = net::Ipv4Address{0x0a000002};
    attributes.cluster_list = {net::Ipv4Address{0x0a000003}};
    EXPECT_EQ(encoded(attributes, {true, false, false}), bytes_from_hex(mandatory));
    EXPECT_EQ(encoded(attributes, {true, false, true}),
              bytes_from_hex(mandatory + local_pref + "80 09 04 0a000002 80 0a 04 0a000003"));
    EXPECT_EQ(encoded(simple(), {true, false, true}), bytes_from_hex(mandatory + local_pref));
}

// RFC 6793 §4.2.2: positive. What AS_TRANS hides is told in AS4_PATH.
TEST(PathAttribute, AnOldSpeakerGetsTheFourOctetPathOfLongNumbers) {
    auto attributes = simple();
    attributes.as_path = AsPath::sequence({Asn{65000}, Asn{65546}});
    EXPECT_EQ(encoded(attributes, {false, false, false}),
              bytes_from_hex(origin + "40 02 06 02 02 fde8 5ba0 " + next_hop + "c0 11 0a 02 02 0000fde8 0001000a"));
}

// RFC 4271 §4.3: negative. We set no Partial bit and none of the low four.
TEST(PathAttribute, FlagsThatSayNothingAreNotSent) {
    auto attributes = simple();
    attributes.med = 1;
    attributes.communities = {Community{1, 1}};
    const auto octets = encoded(attributes, {true, false, false});
    for (std::size_t at = 0; at < octets.size(); at += 3U + octets[at + 2]) {
        EXPECT_EQ(octets[at] & 0x2f, 0) << "attribute " << int{octets[at + 1]};
    }
}

// RFC 8092 §5: positive. A community that stands there twice is one, received or sent.
TEST(PathAttribute, LargeCommunitiesAreSaidOnce) {
    const auto twice = path(mandatory + "c0 20 18 0000fdf2 00000001 00000002 0000fdf2 00000001 00000002");
    EXPECT_EQ(twice.large_communities, (std::set{LargeCommunity{65010, 1, 2}}));
    auto attributes = simple();
    attributes.large_communities = twice.large_communities;
    EXPECT_EQ(encoded(attributes, {true, false, false}),
              bytes_from_hex(mandatory + "c0 20 0c 0000fdf2 00000001 00000002"));
}

// RFC 8092 §5: negative. Three equal numbers in another order are another community.
TEST(PathAttribute, LargeCommunitiesThatDifferAreKept) {
    EXPECT_EQ(
        path(mandatory + "c0 20 18 0000fdf2 00000001 00000002 0000fdf2 00000002 00000001").large_communities.size(),
        2U);
}

// RFC 6793 §4.2.2: negative; AS4_PATH only where something is hidden
TEST(PathAttribute, AnOldSpeakerGetsNoFourOctetPathForShortNumbers) {
    EXPECT_EQ(encoded(simple(), {false, false, false}), bytes_from_hex(origin + "40 02 04 02 01 fde8 " + next_hop));
}

// RFC 4271 §4.3: a segment counts in one octet
TEST(PathAttribute, APathOfMoreThan255IsWrittenInSegments) {
    auto attributes = simple();
    attributes.as_path.prepend(Asn{65010}, 299);
    const auto octets = encoded(attributes, {true, false, false});
    // Behind ORIGIN: flags with extended length, type, length 2 + 255 * 4 + 2 + 45 * 4 = 1204, then the segment.
    EXPECT_EQ(std::vector(octets.begin() + 4, octets.begin() + 10), bytes_from_hex("50 02 04b4 02 ff"));
    EXPECT_EQ(std::vector(octets.begin() + 10 + 1020, octets.begin() + 12 + 1020), bytes_from_hex("02 2d"));
}

TEST(AsPath, CountsLikeRouteSelection) {
    AsPath path = AsPath::sequence({Asn{1}, Asn{2}});
    path.segments.push_back({AsPathSegment::Type::Set, {Asn{3}, Asn{4}}});
    EXPECT_EQ(path.length(), 3U);
    EXPECT_TRUE(path.contains(Asn{4}));
    EXPECT_FALSE(path.contains(Asn{5}));
    path.prepend(Asn{5}, 2);
    EXPECT_EQ(path.first(), Asn{5});
    EXPECT_EQ(describe(path), "5 5 1 2 {3,4}");
    EXPECT_EQ(AsPath{}.first(), std::nullopt);
}

TEST(PathAttributes, EqualOnesAreOneKeyInWhateverOrderTheyWereMade) {
    auto one = simple();
    one.communities = {Community{1, 2}, Community{1, 1}, Community{1, 2}};
    auto other = simple();
    other.communities = {Community{1, 1}, Community{1, 2}};
    EXPECT_EQ(one, other);
    other.med = 0;
    EXPECT_NE(one, other) << "a MED of 0 is not no MED";
    EXPECT_TRUE(one < other || other < one);
}

TEST(PathAttribute, IsNamedAsItsRfcNamesIt) {
    EXPECT_EQ(attribute_name(14), "MP_REACH_NLRI");
    EXPECT_EQ(attribute_name(99), "attribute 99");
    EXPECT_EQ(describe(AttributeError{2, Reason::AsSet, TreatAsWithdraw{}}), "AS_PATH: AS_SET, treated as withdrawn");
}

}  // namespace
}  // namespace anyvip::bgp
