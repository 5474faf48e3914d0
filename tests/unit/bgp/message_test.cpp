#include "bgp/message.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "bgp/framer.hpp"
#include "support/vectors.hpp"

namespace anyvip::bgp {
namespace {

using Octets = std::vector<std::uint8_t>;
using testing::bytes_from_hex;
using testing::vector_bytes;

net::Prefix prefix(const char* text) {
    return net::Prefix::parse(text).value();
}

net::IpAddress address(const char* text) {
    return net::IpAddress::parse(text).value();
}

net::Ipv4Address ipv4(const char* text) {
    return net::Ipv4Address::parse(text).value();
}

struct Session {
    bool four_octet_as = true;
    bool ibgp = false;
    Families add_path{};

    [[nodiscard]] EncodeContext encode() const { return {four_octet_as, false, ibgp, add_path}; }
    [[nodiscard]] DecodeContext decode() const {
        return {four_octet_as, false, ibgp, {ipv4_unicast, ipv6_unicast}, add_path};
    }
};

struct Case {
    const char* vector;
    Message message;
    Session session{};
    bool decoded_only = false;  ///< a form that we read and do not write
};

PathAttributes vip_attributes() {
    PathAttributes attributes;
    attributes.as_path = AsPath::sequence({Asn{65010}});
    attributes.next_hop = address("10.0.0.11");
    return attributes;
}

Case open_with_everything() {
    return {"open.hex", Open{Asn{65010},
                             HoldTime{30},
                             ipv4("10.0.0.11"),
                             {Multiprotocol{ipv4_unicast}, Multiprotocol{ipv6_unicast}, RouteRefreshCapability{},
                              ExtendedMessage{}, FourOctetAs{Asn{65010}},
                              GracefulRestart{true, false, std::chrono::seconds{120}, {{ipv4_unicast, true}}}}}};
}

Case announcement() {
    Update update;
    update.attributes = vip_attributes();
    update.attributes.med = 50;
    update.attributes.communities = {Community{65010, 100}};
    update.nlri = {prefix("203.0.113.10/32")};
    return {"update_announce.hex", update};
}

Case internal_announcement() {
    Update update;
    update.attributes.next_hop = address("10.0.0.11");
    update.attributes.local_pref = 200;
    update.nlri = {prefix("203.0.113.0/24"), prefix("0.0.0.0/0"), prefix("10.128.0.0/9")};
    return {"update_internal.hex", update, Session{true, true}};
}

Case ipv6_announcement() {
    Update update;
    update.attributes = vip_attributes();
    update.attributes.next_hop = address("2001:db8::11");
    update.mp_reach = MpReach{ipv6_unicast,
                              address("2001:db8::11"),
                              std::nullopt,
                              {prefix("2001:db8:1::10/128"), prefix("2001:db8::/32"), prefix("2000::/3")}};
    return {"update_announce_ipv6.hex", update};
}

Case withdrawal() {
    Update update;
    update.withdrawn = {prefix("203.0.113.10/32"), prefix("203.0.113.0/24")};
    return {"update_withdraw.hex", update};
}

Case ipv6_withdrawal() {
    Update update;
    update.mp_unreach = MpUnreach{ipv6_unicast, {prefix("2001:db8:1::10/128")}};
    return {"update_withdraw_ipv6.hex", update};
}

Case to_old_speaker() {
    Update update;
    update.attributes.origin = Origin::Incomplete;
    update.attributes.as_path = AsPath::sequence({Asn{4200000010}, Asn{65000}});
    update.attributes.next_hop = address("10.0.0.11");
    update.attributes.aggregator = Aggregator{Asn{4200000010}, ipv4("10.0.0.1")};
    update.nlri = {prefix("10.0.0.0/8")};
    return {"update_old_speaker.hex", update, Session{false, false}};
}

Case every_attribute() {
    Update update;
    auto& attributes = update.attributes;
    attributes.origin = Origin::Egp;
    attributes.as_path = AsPath::sequence({Asn{65010}, Asn{4200000010}});
    attributes.next_hop = address("10.0.0.11");
    attributes.local_pref = 100;
    attributes.atomic_aggregate = true;
    attributes.aggregator = Aggregator{Asn{4200000010}, ipv4("10.0.0.1")};
    attributes.communities = {no_export_community, Community{65010, 100}};
    attributes.originator_id = ipv4("10.0.0.2");
    attributes.cluster_list = {ipv4("10.0.0.3"), ipv4("10.0.0.4")};
    attributes.extended_communities = {ExtendedCommunity{{0x00, 0x02, 0xfd, 0xf2, 0x00, 0x00, 0x00, 0x64}}};
    attributes.large_communities = {LargeCommunity{4200000010, 1, 2}};
    update.nlri = {prefix("203.0.113.1/32")};
    return {"update_every_attribute.hex", update, Session{true, true}};
}

Case open_of_a_router_of_today() {
    return {"open_more_capabilities.hex",
            Open{Asn{65000},
                 HoldTime{180},
                 ipv4("10.0.0.1"),
                 {Multiprotocol{ipv4_unicast}, ExtendedNextHop{{{ipv4_unicast, 2}}}, RoleCapability{0},
                  AddPath{{{ipv4_unicast, 3}, {ipv6_unicast, 1}}},
                  LongLivedGracefulRestart{{{ipv4_unicast, true, std::chrono::seconds{86400}}}},
                  FullyQualifiedDomainName{"tor-a", ""}, BfdStrictMode{}, PathsLimit{{{ipv4_unicast, 8}}},
                  LinkLocalNextHop{}}}};
}

Case ipv4_over_ipv6() {
    Update update;
    update.attributes = vip_attributes();
    update.attributes.next_hop = address("2001:db8::11");
    update.mp_reach = MpReach{ipv4_unicast, address("2001:db8::11"), std::nullopt, {prefix("203.0.113.10/32")}};
    return {"update_ipv4_over_ipv6.hex", update};
}

Case ipv4_withdrawal_over_ipv6() {
    Update update;
    update.mp_unreach = MpUnreach{ipv4_unicast, {prefix("203.0.113.10/32")}};
    return {"update_withdraw_ipv4_over_ipv6.hex", update};
}

Case link_local_next_hop() {
    Update update;
    update.attributes = vip_attributes();
    update.attributes.next_hop = address("fe80::11");
    update.mp_reach = MpReach{ipv6_unicast, address("fe80::11"), std::nullopt, {prefix("2001:db8:1::10/128")}};
    return {"update_link_local.hex", update};
}

Case with_path_identifiers() {
    Update update;
    update.withdrawn = {{prefix("203.0.113.10/32"), 1}, {prefix("203.0.113.10/32"), 2}};
    update.attributes = vip_attributes();
    update.nlri = {{prefix("203.0.113.10/32"), 4294967295}, {prefix("203.0.113.0/24"), 0}};
    return {"update_add_path.hex", update, Session{.add_path = {.ipv4 = true}}};
}

Case ipv6_with_path_identifiers() {
    Update update;
    update.mp_unreach = MpUnreach{ipv6_unicast, {{prefix("2001:db8:1::10/128"), 7}}};
    update.attributes = vip_attributes();
    update.attributes.next_hop = address("2001:db8::11");
    update.mp_reach = MpReach{ipv6_unicast, address("2001:db8::11"), std::nullopt, {{prefix("2001:db8:1::10/128"), 8}}};
    return {"update_add_path_ipv6.hex", update, Session{.add_path = {.ipv6 = true}}};
}

Case to_a_customer() {
    Update update;
    update.attributes = vip_attributes();
    update.attributes.extended_communities = {*ExtendedCommunity::parse("rt:4200000010:100"),
                                              *ExtendedCommunity::parse("bandwidth:65010:1250000")};
    update.attributes.communities = {no_llgr_community};
    update.attributes.only_to_customer = Asn{65010};
    update.nlri = {prefix("203.0.113.10/32")};
    return {"update_only_to_customer.hex", update};
}

std::vector<Case> cases() {
    return {
        open_with_everything(),
        open_of_a_router_of_today(),
        {"open_four_octet_as.hex", Open{as_trans, HoldTime{90}, ipv4("192.0.2.1"), {FourOctetAs{Asn{4200000010}}}}},
        {"open_no_parameters.hex", Open{Asn{65000}, HoldTime{0}, ipv4("10.0.0.1"), {}}},
        {"open_parameter_each.hex",
         Open{Asn{65000},
              HoldTime{180},
              ipv4("10.0.0.1"),
              {Multiprotocol{ipv4_unicast}, RouteRefreshCapability{}, EnhancedRouteRefresh{},
               UnknownCapability{250, {0xbe, 0xef}}}},
         {},
         true},
        {"open_extended_parameters.hex",
         Open{Asn{65000}, HoldTime{180}, ipv4("10.0.0.1"), {Multiprotocol{ipv6_unicast}}},
         {},
         true},
        {"keepalive.hex", Keepalive{}},
        {"notification_shutdown.hex", cease(CeaseSubcode::AdministrativeShutdown, "kernel update")},
        {"notification_bad_length.hex", Notification{MessageHeaderSubcode::BadMessageLength, {0, 18}}},
        {"route_refresh.hex", RouteRefresh{ipv6_unicast}},
        announcement(),
        internal_announcement(),
        ipv6_announcement(),
        withdrawal(),
        ipv6_withdrawal(),
        {"update_end_of_rib.hex", end_of_rib(ipv4_unicast)},
        {"update_end_of_rib_ipv6.hex", end_of_rib(ipv6_unicast)},
        to_old_speaker(),
        every_attribute(),
        ipv4_over_ipv6(),
        ipv4_withdrawal_over_ipv6(),
        link_local_next_hop(),
        with_path_identifiers(),
        ipv6_with_path_identifiers(),
        to_a_customer(),
    };
}

std::span<const std::uint8_t> body_of(const Octets& octets) {
    return std::span{octets}.subspan(header_size);
}

Octets vector_of(const Case& test) {
    return vector_bytes(std::string{"bgp/"} + test.vector);
}

TEST(Message, EveryVectorIsReadAsWhatItSays) {
    for (const auto& test : cases()) {
        const auto octets = vector_of(test);
        const auto decoded = decode({type_of(test.message), body_of(octets)}, test.session.decode());
        ASSERT_TRUE(decoded) << test.vector << ": " << describe(decoded.error());
        EXPECT_EQ(*decoded, test.message) << test.vector << ": " << describe(*decoded);
    }
}

TEST(Message, EveryVectorIsWhatWeWrite) {
    for (const auto& test : cases()) {
        if (test.decoded_only) continue;
        EXPECT_EQ(encode(test.message, test.session.encode()), vector_of(test)) << test.vector;
    }
}

TEST(Message, NoVectorLacksItsCase) {
    EXPECT_EQ(cases().size(), testing::vector_names("bgp").size());
}

// A cut NOTIFICATION is one with less data, and an UPDATE cut between two prefixes of its NLRI has fewer: only the
// length in the header tells (framer_test). All else is refused here.
TEST(Message, EveryProperPrefixIsRefused) {
    for (const auto& test : cases()) {
        const auto octets = vector_of(test);
        const auto body = body_of(octets);
        const auto type = type_of(test.message);
        std::size_t end = body.size();
        if (type == MessageType::Notification) end = 2;
        if (const auto* const update = std::get_if<Update>(&test.message)) {
            for (const auto& nlri : update->nlri) end -= encoded_size(nlri, test.session.add_path.ipv4);
        }
        for (std::size_t length = 0; length < end; ++length) {
            EXPECT_FALSE(decode({type, body.first(length)}, test.session.decode())) << test.vector << ' ' << length;
        }
    }
}

// OPEN

Octets with(Octets octets, std::size_t at, std::initializer_list<std::uint8_t> changed) {
    std::copy(changed.begin(), changed.end(), octets.begin() + static_cast<std::ptrdiff_t>(at));
    return octets;
}

Notification open_error(const Octets& body) {
    const auto decoded = decode_open(body);
    return decoded ? Notification{} : decoded.error();
}

/// AS 65000, hold time 90, 10.0.0.1, no parameters.
const Octets plain_open{4, 0xfd, 0xe8, 0, 90, 10, 0, 0, 1, 0};

// RFC 4271 §6.2: negative
TEST(Open, AnotherVersionIsRefusedWithOurs) {
    EXPECT_EQ(open_error(with(plain_open, 0, {3})), (Notification{2, 1, {0, 4}}));
    EXPECT_EQ(open_error(with(plain_open, 0, {5})), (Notification{2, 1, {0, 4}}));
}

// RFC 4271 §6.2: positive.
// RFC 6286 §2.2: positive; any number but zero, an address or not.
TEST(Open, WhatBreaksNoRuleIsTaken) {
    EXPECT_TRUE(decode_open(plain_open));
    EXPECT_TRUE(decode_open(with(plain_open, 5, {0, 0, 0, 1})));
    EXPECT_TRUE(decode_open(with(plain_open, 5, {224, 0, 0, 1})));
    EXPECT_TRUE(decode_open(with(plain_open, 5, {255, 255, 255, 255})));
}

// RFC 7607 §2: negative
TEST(Open, AsZeroIsRefusedInEitherPlace) {
    EXPECT_EQ(open_error(with(plain_open, 1, {0, 0})), (Notification{2, 2}));
    EXPECT_EQ(open_error(bytes_from_hex("04 5ba0 005a 0a000001 08 02 06 41 04 00000000")), (Notification{2, 2}));
}

// RFC 6286 §2.2: negative
TEST(Open, IdentifierZeroIsRefused) {
    EXPECT_EQ(open_error(with(plain_open, 5, {0, 0, 0, 0})), (Notification{2, 3}));
}

// RFC 4271 §6.2: negative, and positive for the neighbours
TEST(Open, HoldTimesOfOneAndTwoSecondsAreRefused) {
    EXPECT_EQ(open_error(with(plain_open, 3, {0, 1})), (Notification{2, 6}));
    EXPECT_EQ(open_error(with(plain_open, 3, {0, 2})), (Notification{2, 6}));
    EXPECT_TRUE(decode_open(with(plain_open, 3, {0, 0})));
    EXPECT_TRUE(decode_open(with(plain_open, 3, {0, 3})));
}

// RFC 4271 §6.2: negative
TEST(Open, AnUnknownParameterIsUnsupportedAndAMalformedOneUnspecific) {
    EXPECT_EQ(open_error(bytes_from_hex("04 fde8 005a 0a000001 02 01 00")), (Notification{2, 4}));
    EXPECT_EQ(open_error(bytes_from_hex("04 fde8 005a 0a000001 02 02 01")), (Notification{2, 0}));
    EXPECT_EQ(open_error(bytes_from_hex("04 fde8 005a 0a000001 00 00")), (Notification{2, 0})) << "octets left";
}

// RFC 9072 §2: negative. Up to 255 octets of parameters the form of RFC 4271 is used.
TEST(Open, CapabilitiesOfUpTo255OctetsKeepTheirForm) {
    Open open{Asn{65010}, HoldTime{30}, ipv4("10.0.0.11"), {UnknownCapability{200, Octets(251, 7)}}};
    const auto at_the_edge = encode(open, EncodeContext{});
    // 251 + 2 octets of capability behind type and length: 255.
    EXPECT_EQ(Octets(at_the_edge.begin() + 28, at_the_edge.begin() + 33), (Octets{255, 2, 253, 200, 251}));
    EXPECT_EQ(at_the_edge.size(), 19U + 10U + 255U);
    EXPECT_EQ(decode_open(body_of(at_the_edge)), open);
    open.capabilities = {UnknownCapability{200, Octets(252, 7)}};
    const auto beyond = encode(open, EncodeContext{});
    EXPECT_EQ(Octets(beyond.begin() + 28, beyond.begin() + 36), (Octets{255, 255, 1, 1, 2, 0, 254, 200}));
    EXPECT_EQ(decode_open(body_of(beyond)), open);
}

// RFC 9072 §2: positive; the extended form is taken whatever needed it.
// RFC 9072 §2: negative; lengths that contradict each other, and the length of zero that announces nothing.
TEST(Open, TheExtendedFormIsTakenForFewOctetsToo) {
    EXPECT_TRUE(decode_open(bytes_from_hex("04 fde8 005a 0a000001 ff ff 0000")));
    EXPECT_TRUE(decode_open(bytes_from_hex("04 fde8 005a 0a000001 01 ff 0005 02 0002 02 00")));
    EXPECT_EQ(open_error(bytes_from_hex("04 fde8 005a 0a000001 ff ff 0006 02 0002 02 00")), (Notification{2, 0}));
    EXPECT_EQ(open_error(bytes_from_hex("04 fde8 005a 0a000001 ff ff 0005 02 0003 02 00")), (Notification{2, 0}));
    EXPECT_EQ(open_error(bytes_from_hex("04 fde8 005a 0a000001 00 ff 0000")), (Notification{2, 0}));
}

// RFC 9072 §2: positive
TEST(Open, CapabilitiesBeyond255OctetsTakeTheExtendedForm) {
    Open open{Asn{65010}, HoldTime{30}, ipv4("10.0.0.11"), {}};
    open.capabilities.emplace_back(UnknownCapability{200, Octets(200, 7)});
    open.capabilities.emplace_back(UnknownCapability{201, Octets(100, 8)});
    const auto octets = encode(open, EncodeContext{});
    // 304 octets of capabilities behind type and length: 307.
    const Octets start{4, 0xfd, 0xf2, 0, 30, 10, 0, 0, 11, 255, 255, 0x01, 0x33, 2, 0x01, 0x30, 200, 200};
    EXPECT_EQ(Octets(octets.begin() + 19, octets.begin() + 37), start);
    const auto decoded = decode_open(body_of(octets));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, open);
}

// RFC 6793 §4.1: positive.
// RFC 6793 §4.1: negative; without the capability the two octets count.
TEST(Open, TheSendersNumberIsTheFourOctetOne) {
    EXPECT_EQ((Open{as_trans, {}, {}, {FourOctetAs{Asn{4200000010}}}}).asn(), Asn{4200000010});
    EXPECT_EQ((Open{Asn{65000}, {}, {}, {}}).asn(), Asn{65000});
    wire::Writer out;
    encode(Open{Asn{4200000010}, HoldTime{90}, ipv4("10.0.0.1"), {}}, out);
    EXPECT_EQ(out.take(), bytes_from_hex("04 5ba0 005a 0a000001 00"));
}

// UPDATE

Notification update_error(const char* body) {
    const auto decoded = decode_update(bytes_from_hex(body), DecodeContext{});
    return decoded ? Notification{} : decoded.error();
}

// RFC 7606 §3 (b): negative
TEST(Update, LengthsThatContradictTheMessageResetTheSession) {
    EXPECT_EQ(update_error("0001 0000"), (Notification{3, 1})) << "withdrawn routes into the attributes' length";
    EXPECT_EQ(update_error("0000 0001"), (Notification{3, 1})) << "attributes beyond the end";
    EXPECT_EQ(update_error("ffff 0000"), (Notification{3, 1}));
}

// RFC 7606 §5.3: negative
TEST(Update, PrefixesThatCannotBeReadResetTheSession) {
    EXPECT_EQ(update_error("0006 21 0a00000000 0000"), (Notification{3, 10})) << "/33 withdrawn";
    EXPECT_EQ(update_error("0000 0000 21 0a00000000"), (Notification{3, 10})) << "/33 announced";
    EXPECT_EQ(update_error("0000 0000 20 0a0000"), (Notification{3, 10})) << "cut";
}

// RFC 7606 §5.3: positive; the edges.
// RFC 4760 §4: positive; 128 bits
TEST(Update, PrefixesOfEveryLengthAreRead) {
    const auto decoded = decode_update(bytes_from_hex("0006 00 20 0a000001 0000"), DecodeContext{});
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->withdrawn, (std::vector<Nlri>{prefix("0.0.0.0/0"), prefix("10.0.0.1/32")}));
    const auto ipv6 = decode_update(bytes_from_hex("0000 0018 80 0f 15 0002 01 80 20010db8000000000000000000000001 00"),
                                    Session{}.decode());
    ASSERT_TRUE(ipv6);
    EXPECT_EQ(ipv6->mp_unreach->withdrawn, (std::vector<Nlri>{prefix("2001:db8::1/128"), prefix("::/0")}));
}

// RFC 4271 §4.3: positive; the value of the trailing bits is irrelevant
TEST(Update, BitsBeyondThePrefixLengthAreIgnored) {
    const auto decoded = decode_update(bytes_from_hex("0003 09 0aff 0000"), DecodeContext{});
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->withdrawn, std::vector<Nlri>{prefix("10.128.0.0/9")});
}

// RFC 7606 §2: negative. What is only discarded leaves the routes of its UPDATE.
TEST(Update, ADiscardedAttributeLeavesTheRoutes) {
    // ATOMIC_AGGREGATE has no value.
    const auto decoded = decode_update(bytes_from_hex("0000 0018 40 01 01 00  40 02 06 02 01 0000fde8"
                                                      "40 03 04 0a000001  40 06 01 00  18 c00002"),
                                       Session{}.decode());
    ASSERT_TRUE(decoded) << describe(decoded.error());
    EXPECT_EQ(decoded->nlri, std::vector<Nlri>{prefix("192.0.2.0/24")});
    EXPECT_TRUE(decoded->withdrawn.empty());
    EXPECT_FALSE(decoded->attributes.atomic_aggregate);
    EXPECT_EQ(decoded->errors.size(), 1U);
}

// RFC 7606 §2: positive
TEST(Update, TreatAsWithdrawTurnsItsRoutesIntoWithdrawals) {
    // ORIGIN 3 is forbidden; MP_REACH of 2001:db8::/32; withdrawn 10.0.0.0/8, announced 192.0.2.0/24.
    const auto decoded =
        decode_update(bytes_from_hex("0002 08 0a 0031"
                                     "80 0e 1a 0002 01 10 20010db8000000000000000000000011 00 20 20010db8"
                                     "40 01 01 03  40 02 06 02 01 0000fde8  40 03 04 0a000001"
                                     "18 c00002"),
                      Session{}.decode());
    ASSERT_TRUE(decoded) << describe(decoded.error());
    EXPECT_EQ(decoded->withdrawn, (std::vector<Nlri>{prefix("10.0.0.0/8"), prefix("192.0.2.0/24")}));
    EXPECT_EQ(decoded->mp_unreach, (MpUnreach{ipv6_unicast, {prefix("2001:db8::/32")}}));
    EXPECT_FALSE(decoded->mp_reach);
    EXPECT_TRUE(decoded->nlri.empty());
    EXPECT_EQ(describe(*decoded),
              "UPDATE withdraw 10.0.0.0/8 192.0.2.0/24; withdraw 2001:db8::/32"
              " (ORIGIN: forbidden value, treated as withdrawn)");
}

// RFC 4724 §2: positive.
// RFC 4724 §2: negative for what has anything in it.
TEST(Update, EndOfRibIsAnUpdateWithNothingInIt) {
    EXPECT_EQ(end_of_rib_family(end_of_rib(ipv4_unicast)), ipv4_unicast);
    EXPECT_EQ(end_of_rib_family(end_of_rib(ipv6_unicast)), ipv6_unicast);
    EXPECT_EQ(end_of_rib_family(std::get<Update>(withdrawal().message)), std::nullopt);
    EXPECT_EQ(end_of_rib_family(std::get<Update>(ipv6_withdrawal().message)), std::nullopt);
    EXPECT_EQ(end_of_rib_family(std::get<Update>(announcement().message)), std::nullopt);
}

// ROUTE-REFRESH

// RFC 7313 §5: negative; the data is the complete message.
// RFC 7313 §5: positive for four octets.
TEST(RouteRefresh, AWrongLengthIsRefusedWithTheMessage) {
    EXPECT_EQ(decode_route_refresh(bytes_from_hex("0001 00 01")), RouteRefresh{ipv4_unicast});
    const auto decoded = decode_route_refresh(bytes_from_hex("0001 00 01 00"));
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error(),
              (Notification{7, 1, bytes_from_hex("ffffffffffffffffffffffffffffffff 0018 05 0001 00 01 00")}));
}

// describe()

TEST(Message, IsDescribedInOneLine) {
    EXPECT_EQ(describe(open_with_everything().message),
              "OPEN as=65010 hold_time=30s id=10.0.0.11 [multiprotocol ipv4-unicast, multiprotocol ipv6-unicast, "
              "route-refresh, extended-message, four-octet-as 65010, graceful-restart 120s restarted ipv4-unicast "
              "preserved]");
    EXPECT_EQ(describe(announcement().message),
              "UPDATE announce 203.0.113.10/32 origin=igp as_path=\"65010\" next_hop=10.0.0.11 med=50 "
              "communities=65010:100");
    EXPECT_EQ(describe(withdrawal().message), "UPDATE withdraw 203.0.113.10/32 203.0.113.0/24");
    EXPECT_EQ(describe(Message{end_of_rib(ipv6_unicast)}), "UPDATE End-of-RIB ipv6-unicast");
    EXPECT_EQ(describe(Message{RouteRefresh{ipv4_unicast, 1}}), "ROUTE-REFRESH ipv4-unicast subtype 1");
    EXPECT_EQ(describe(Message{Keepalive{}}), "KEEPALIVE");
}

}  // namespace
}  // namespace anyvip::bgp
