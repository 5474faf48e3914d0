#include "bgp/negotiation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "anyvip/wire/writer.hpp"
#include "support/vectors.hpp"

namespace anyvip::bgp {
namespace {

using namespace std::chrono_literals;
using testing::bytes_from_hex;

PeerConfig config_of_node() {
    PeerConfig config;
    config.local_as = Asn{65010};
    config.router_id = *net::Ipv4Address::parse("10.0.0.11");
    config.peer_as = Asn{65000};
    return config;
}

Open open_of_peer(std::uint16_t hold_time = 90) {
    Open open;
    open.my_as = Asn{65000};
    open.hold_time = HoldTime{hold_time};
    open.identifier = *net::Ipv4Address::parse("10.0.0.1");
    open.capabilities = {Multiprotocol{ipv4_unicast}, FourOctetAs{Asn{65000}}};
    return open;
}

Open open_with(std::vector<Capability> more) {
    auto open = open_of_peer();
    open.capabilities.emplace_back(Multiprotocol{ipv6_unicast});
    open.capabilities.insert(open.capabilities.end(), more.begin(), more.end());
    return open;
}

bool has(const Open& open, const Capability& capability) {
    return std::ranges::find(open.capabilities, capability) != open.capabilities.end();
}

TEST(Negotiate, TakesTheSmallerHoldTimeAndTheCommonFamilies) {
    const auto negotiated = negotiate(config_of_node(), open_of_peer(3));
    ASSERT_TRUE(negotiated);
    EXPECT_EQ(negotiated->hold_time, 3s);
    EXPECT_TRUE(negotiated->ipv4);
    EXPECT_FALSE(negotiated->ipv6);
    EXPECT_TRUE(negotiated->external);
    EXPECT_FALSE(negotiated->route_refresh);
}

// RFC 4760 §8: positive; a peer that offers no family at all speaks IPv4 unicast.
// RFC 6793 §4.1: negative; without the capability it is an OLD speaker.
TEST(Negotiate, APeerWithoutCapabilitiesSpeaksIpv4WithTwoOctetNumbers) {
    auto open = open_of_peer();
    open.capabilities.clear();
    const auto negotiated = negotiate(config_of_node(), open);
    ASSERT_TRUE(negotiated);
    EXPECT_TRUE(negotiated->ipv4);
    EXPECT_FALSE(negotiated->four_octet_as);
}

// RFC 6286 §2.1: positive over eBGP.
// RFC 6286 §2.1: negative over iBGP.
TEST(Negotiate, OurOwnIdentifierIsRefusedOnlyWithinOurAs) {
    auto config = config_of_node();
    auto open = open_of_peer();
    open.identifier = config.router_id;
    EXPECT_TRUE(negotiate(config, open));
    config.peer_as = InternalAs{};
    open.my_as = config.local_as;
    open.capabilities = {FourOctetAs{config.local_as}};
    ASSERT_FALSE(negotiate(config, open));
    EXPECT_EQ(negotiate(config, open).error(), bad_bgp_identifier());
    open.identifier = *net::Ipv4Address::parse("10.0.0.12");
    EXPECT_TRUE(negotiate(config, open));
}

TEST(Negotiate, ExternalIsAnyAsButOursAndNotZero) {
    auto config = config_of_node();
    config.peer_as = ExternalAs{};
    EXPECT_TRUE(negotiate(config, open_of_peer()));
    auto open = open_of_peer();
    open.capabilities = {FourOctetAs{config.local_as}};
    EXPECT_EQ(negotiate(config, open).error(), bad_peer_as());
    open.capabilities = {FourOctetAs{Asn{0}}};  // RFC 7607 §2: negative.
    EXPECT_EQ(negotiate(config, open).error(), bad_peer_as());
}

// RFC 4271 §4.2: positive for 0 and from 3 on.
// RFC 4271 §4.2: negative for 1 and 2.
TEST(Negotiate, AHoldTimeIsNoneOrThreeSecondsAtLeast) {
    EXPECT_EQ(negotiate(config_of_node(), open_of_peer(0))->hold_time, 0s);
    EXPECT_EQ(negotiate(config_of_node(), open_of_peer(3))->hold_time, 3s);
    EXPECT_EQ(negotiate(config_of_node(), open_of_peer(65535))->hold_time, 9s);
    for (const std::uint16_t refused : {std::uint16_t{1}, std::uint16_t{2}}) {
        EXPECT_EQ(negotiate(config_of_node(), open_of_peer(refused)).error(), unacceptable_hold_time());
    }
}

TEST(OurOpen, OffersWhatEverySessionMayHave) {
    const auto open = our_open(config_of_node());
    for (const Capability& capability : std::vector<Capability>{
             Multiprotocol{ipv4_unicast}, Multiprotocol{ipv6_unicast}, RouteRefreshCapability{}, EnhancedRouteRefresh{},
             ExtendedMessage{}, LinkLocalNextHop{}, FourOctetAs{Asn{65010}}}) {
        EXPECT_TRUE(has(open, capability)) << anyvip::describe(capability);
    }
    EXPECT_EQ(open.capabilities.size(), 7U);
}

TEST(OurOpen, OffersTheRestWhenTheOperatorAsksForIt) {
    auto config = config_of_node();
    config.ipv6 = false;
    config.extended_next_hop = true;
    config.role = Role::Customer;
    config.add_path = {.send = true, .receive = false};
    const auto open = our_open(config);
    EXPECT_TRUE(has(open, ExtendedNextHop{{{ipv4_unicast, 2}}}));
    EXPECT_TRUE(has(open, RoleCapability{3}));
    EXPECT_TRUE(has(open, AddPath{{{ipv4_unicast, 2}}}));
    config.add_path = {.send = false, .receive = true};
    EXPECT_TRUE(has(our_open(config), AddPath{{{ipv4_unicast, 1}}}));
    config.add_path = {.send = true, .receive = true};
    config.ipv6 = true;
    EXPECT_TRUE(has(our_open(config), AddPath{{{ipv4_unicast, 3}, {ipv6_unicast, 3}}}));
}

std::vector<std::uint8_t> octets_of(const Capability& capability) {
    wire::Writer out;
    encode(capability, out);
    return out.take();
}

// RFC 4724 §3, RFC 8538 §2, RFC 9494 §3.1: positive; R, N and 30 s are c01e, an hour is 000e10, F is the first bit.
// RFC 9494 §3.1: negative; without a time nothing is said of it.
TEST(OurOpen, SaysWhatARestartOfOursIs) {
    auto config = config_of_node();
    config.graceful_restart = RestartOffer{.restart_time = 30s, .long_lived_stale_time = 3600s};
    const OwnRestart own{.restarted = true, .preserved = {.ipv4 = true, .ipv6 = false}};
    std::vector<std::vector<std::uint8_t>> said;
    for (const auto& capability : our_open(config, {}, own).capabilities) said.push_back(octets_of(capability));
    EXPECT_NE(std::ranges::find(said, bytes_from_hex("40 0a c01e 0001 01 80 0002 01 00")), said.end());
    EXPECT_NE(std::ranges::find(said, bytes_from_hex("47 0e 0001 01 80 000e10 0002 01 00 000e10")), said.end());

    config.graceful_restart = RestartOffer{.restart_time = 4095s};
    said.clear();
    for (const auto& capability : our_open(config).capabilities) said.push_back(octets_of(capability));
    EXPECT_NE(std::ranges::find(said, bytes_from_hex("40 0a 4fff 0001 01 00 0002 01 00")), said.end());
    EXPECT_EQ(std::ranges::count(said, 0x47, [](const auto& octets) { return octets.at(0); }), 0);
}

// RFC 4724 §3: positive; what the peer lists and the session carries, and of two capabilities the last.
// RFC 4724 §3: negative; nothing is agreed on where we do not offer it.
TEST(Negotiate, GracefulRestartIsThePeersWord) {
    auto config = config_of_node();
    const auto offered = open_with({GracefulRestart{.restart_time = 5s, .families = {}},
                                    GracefulRestart{.restarted = true,
                                                    .notification = true,
                                                    .restart_time = 120s,
                                                    .families = {{ipv4_unicast, true}, {{1, 128}, true}}}});
    EXPECT_EQ(negotiate(config, offered)->graceful_restart, std::nullopt);
    config.graceful_restart = RestartOffer{};
    EXPECT_EQ(negotiate(config, offered)->graceful_restart, (PeerRestart{.restart_time = 120s,
                                                                         .restarted = true,
                                                                         .notification = true,
                                                                         .families = {.ipv4 = true, .ipv6 = false},
                                                                         .preserved = {.ipv4 = true, .ipv6 = false}}));
    EXPECT_EQ(negotiate(config, open_of_peer())->graceful_restart, std::nullopt);
    EXPECT_NE(describe(*negotiate(config, offered)).find("graceful-restart=120s restart-after-notification"),
              std::string::npos);
}

// RFC 9494 §3.1: positive; both have to say so.
// RFC 9494 §3.1: negative; a family without graceful restart, or without a time, is not kept for long.
TEST(Negotiate, LongLivedOnTopOfGracefulRestart) {
    auto config = config_of_node();
    config.graceful_restart = RestartOffer{.restart_time = 30s, .long_lived_stale_time = 3600s};
    const GracefulRestart restart{.restart_time = 120s, .families = {{ipv4_unicast, true}}};
    const LongLivedGracefulRestart long_lived{{{ipv4_unicast, true, 600s}, {ipv6_unicast, true, 600s}}};
    const auto agreed = negotiate(config, open_with({restart, long_lived}))->graceful_restart;
    ASSERT_TRUE(agreed);
    ASSERT_EQ(agreed->long_lived.size(), 1U);
    EXPECT_EQ(agreed->long_lived.at(net::Family::Ipv4),
              (PeerRestart::LongLived{.preserved = true, .stale_time = 600s}));
    EXPECT_FALSE(negotiate(config, open_with({long_lived}))->graceful_restart);
    const LongLivedGracefulRestart timeless{{{ipv4_unicast, true, 0s}}};
    EXPECT_TRUE(negotiate(config, open_with({restart, timeless}))->graceful_restart->long_lived.empty());
    config.graceful_restart->long_lived_stale_time = 0s;
    EXPECT_TRUE(negotiate(config, open_with({restart, long_lived}))->graceful_restart->long_lived.empty());
}

// RFC 5492 §3: positive; a capability that was refused is left out whatever its bits are now.
TEST(Concede, ARefusedRestartStaysRefused) {
    auto config = config_of_node();
    config.capability_fallback = true;
    config.graceful_restart = RestartOffer{};
    wire::Writer named;
    encode(Capability{GracefulRestart{}}, named);
    const auto conceded = concede(config, {}, {2, 7, named.take()});
    ASSERT_TRUE(conceded);
    const OwnRestart own{.restarted = true, .preserved = {.ipv4 = true, .ipv6 = true}};
    EXPECT_FALSE(bgp::has<GracefulRestart>(our_open(config, *conceded, own).capabilities));
}

// RFC 9234 §4.1: negative; roles are for external sessions.
TEST(OurOpen, TellsNoRoleWithinOurAs) {
    auto config = config_of_node();
    config.role = Role::Peer;
    for (const PeerAs& internal : {PeerAs{InternalAs{}}, PeerAs{config.local_as}}) {
        config.peer_as = internal;
        EXPECT_FALSE(has(our_open(config), RoleCapability{4}));
    }
}

// RFC 8654 §4, RFC 7313 §3.1, RFC 2918 §2: positive.
// RFC 8654 §4, RFC 7313 §3.1, RFC 2918 §2: negative; what the peer does not offer is not agreed on.
TEST(Negotiate, WhatBothOfferIsAgreedOn) {
    const auto without = negotiate(config_of_node(), open_of_peer());
    EXPECT_FALSE(without->route_refresh || without->enhanced_route_refresh || without->extended_message ||
                 without->link_local_next_hop || without->extended_next_hop);
    const auto with =
        negotiate(config_of_node(),
                  open_with({RouteRefreshCapability{}, EnhancedRouteRefresh{}, ExtendedMessage{}, LinkLocalNextHop{}}));
    EXPECT_TRUE(with->route_refresh && with->enhanced_route_refresh && with->extended_message &&
                with->link_local_next_hop);
    EXPECT_TRUE(with->encode_context().extended_message);
    EXPECT_EQ(with->encode_context().link_local_form, LinkLocalForm::Alone);
    EXPECT_EQ(without->encode_context().link_local_form, LinkLocalForm::Twice);
    EXPECT_EQ(describe(*with),
              "as=65000 id=10.0.0.1 hold_time=9s external ipv4 ipv6 route-refresh enhanced-route-refresh "
              "extended-message link-local-next-hop");
}

// RFC 8950 §4: positive.
// RFC 8950 §4: negative for another family, and when we did not ask.
TEST(Negotiate, Ipv6NextHopsAreForThoseWhoTakeThem) {
    auto config = config_of_node();
    const auto offered = open_with({ExtendedNextHop{{{{1, 2}, 2}, {ipv4_unicast, 2}}}});
    EXPECT_FALSE(negotiate(config, offered)->extended_next_hop);
    config.extended_next_hop = true;
    EXPECT_TRUE(negotiate(config, offered)->extended_next_hop);
    EXPECT_FALSE(negotiate(config, open_with({ExtendedNextHop{{{{1, 128}, 2}}}}))->extended_next_hop);
    EXPECT_FALSE(negotiate(config, open_of_peer())->extended_next_hop);
}

// RFC 7911 §4: positive, for each direction and family by itself.
// RFC 7911 §4: negative; two that only send agree on nothing.
TEST(Negotiate, AddPathNeedsASenderAndAReceiver) {
    auto config = config_of_node();
    config.add_path = {.send = true, .receive = true};
    const auto agreed = [&](std::vector<AddPath::Entry> entries) {
        const auto negotiated = negotiate(config, open_with({AddPath{std::move(entries)}}));
        return std::pair{negotiated->add_path_send, negotiated->add_path_receive};
    };
    const Families none{};
    const Families ipv4{.ipv4 = true};
    const Families ipv6{.ipv6 = true};
    const Families both{.ipv4 = true, .ipv6 = true};
    EXPECT_EQ(agreed({{ipv4_unicast, 1}}), (std::pair{ipv4, none}));
    EXPECT_EQ(agreed({{ipv4_unicast, 2}}), (std::pair{none, ipv4}));
    EXPECT_EQ(agreed({{ipv4_unicast, 3}, {ipv6_unicast, 1}}), (std::pair{both, ipv4}));
    EXPECT_EQ(agreed({{ipv6_unicast, 2}}), (std::pair{none, ipv6}));
    EXPECT_EQ(agreed({{ipv4_unicast, 1}, {ipv4_unicast, 2}}), (std::pair{ipv4, none})) << "the first tuple counts";
    EXPECT_EQ(agreed({{ipv4_unicast, 3}, {ipv6_unicast, 4}}), (std::pair{none, none})) << "not understood";
    config.add_path = {.send = true, .receive = false};
    EXPECT_EQ(agreed({{ipv4_unicast, 2}}), (std::pair{none, none}));
    config.ipv6 = false;
    EXPECT_EQ(agreed({{ipv4_unicast, 1}, {ipv6_unicast, 1}}), (std::pair{ipv4, none})) << "a family we do not carry";
}

TEST(Negotiate, TheContextsSayWhatWasAgreedOn) {
    auto config = config_of_node();
    config.add_path = {.send = true, .receive = true};
    const auto negotiated = negotiate(config, open_with({AddPath{{{ipv4_unicast, 2}, {ipv6_unicast, 1}}}}));
    EXPECT_EQ(negotiated->encode_context().add_path, (Families{.ipv6 = true}));
    EXPECT_EQ(negotiated->decode_context().add_path, (Families{.ipv4 = true}));
    EXPECT_EQ(negotiated->decode_context().families, (std::vector{ipv4_unicast, ipv6_unicast}));
    EXPECT_FALSE(negotiated->decode_context().ibgp);
    EXPECT_TRUE(negotiated->decode_context().four_octet_as);
}

const Notification role_mismatch{OpenMessageSubcode::RoleMismatch};

// RFC 9234 §4.2, table 2: positive; each of the five pairs.
// RFC 9234 §4.2: negative; every other pair, and two roles at once, are a Role Mismatch.
TEST(Negotiate, RolesMustFitTogether) {
    auto config = config_of_node();
    for (std::uint8_t ours = 0; ours <= 4; ++ours) {
        config.role = to_role(ours);
        for (std::uint8_t theirs = 0; theirs <= 6; ++theirs) {
            const auto negotiated = negotiate(config, open_with({RoleCapability{theirs}}));
            const bool fits = (ours == 0 && theirs == 3) || (ours == 3 && theirs == 0) || (ours == 1 && theirs == 2) ||
                              (ours == 2 && theirs == 1) || (ours == 4 && theirs == 4);
            EXPECT_EQ(negotiated.has_value(), fits) << int{ours} << ' ' << int{theirs};
            if (!fits) EXPECT_EQ(negotiated.error(), role_mismatch);
        }
    }
    config.role = Role::Customer;
    EXPECT_TRUE(negotiate(config, open_with({RoleCapability{0}, RoleCapability{0}})));
    EXPECT_EQ(negotiate(config, open_with({RoleCapability{0}, RoleCapability{4}})).error(), role_mismatch);
}

// RFC 9234 §4.2: positive; a peer that says none gets a session, under our role.
// RFC 9234 §4.2: negative in strict mode.
TEST(Negotiate, ARoleThatThePeerDoesNotSayIsMissedInStrictModeOnly) {
    auto config = config_of_node();
    EXPECT_EQ(negotiate(config, open_with({RoleCapability{1}}))->role, std::nullopt) << "we say none ourselves";
    config.role = Role::Customer;
    EXPECT_EQ(negotiate(config, open_of_peer())->role, Role::Customer);
    config.strict_role = true;
    EXPECT_EQ(negotiate(config, open_of_peer()).error(), role_mismatch);
    EXPECT_TRUE(negotiate(config, open_with({RoleCapability{0}})));
}

// RFC 9234 §4.1: negative; within an AS there are no roles.
TEST(Negotiate, NoRoleAppliesWithinOurAs) {
    auto config = config_of_node();
    config.peer_as = InternalAs{};
    config.role = Role::Customer;
    config.strict_role = true;
    auto open = open_of_peer();
    open.capabilities = {FourOctetAs{config.local_as}};
    EXPECT_EQ(negotiate(config, open)->role, std::nullopt);
}

Notification unsupported_capability(const char* capabilities) {
    return Notification{OpenMessageSubcode::UnsupportedCapability, bytes_from_hex(capabilities)};
}

// RFC 5492 §3: positive.
// RFC 5492 §3: negative; there is nothing to retry without parameters when IPv4 is not wanted.
TEST(Concede, WithoutParametersOnceAndOnlyForIpv4) {
    auto config = config_of_node();
    const Notification refusal{OpenMessageSubcode::UnsupportedOptionalParameter};
    const auto conceded = concede(config, {}, refusal);
    ASSERT_EQ(conceded, Concessions{.no_parameters = true});
    EXPECT_TRUE(our_open(config, *conceded).capabilities.empty());
    const auto negotiated = negotiate(config, open_with({EnhancedRouteRefresh{}}), *conceded);
    ASSERT_TRUE(negotiated);
    EXPECT_TRUE(negotiated->ipv4);
    EXPECT_FALSE(negotiated->ipv6 || negotiated->four_octet_as || negotiated->enhanced_route_refresh);
    EXPECT_EQ(concede(config, *conceded, refusal), std::nullopt);
    config.ipv4 = false;
    EXPECT_EQ(concede(config, {}, refusal), std::nullopt);
}

TEST(Concede, CapabilitiesOnlyWhenTheOperatorAllowsIt) {
    auto config = config_of_node();
    const auto refusal = unsupported_capability("46 00");
    EXPECT_EQ(concede(config, {}, refusal), std::nullopt);
    config.capability_fallback = true;
    const auto conceded = concede(config, {}, refusal);
    ASSERT_TRUE(conceded);
    EXPECT_FALSE(has(our_open(config, *conceded), EnhancedRouteRefresh{}));
    EXPECT_TRUE(has(our_open(config, *conceded), ExtendedMessage{}));
    EXPECT_FALSE(negotiate(config, open_with({EnhancedRouteRefresh{}}), *conceded)->enhanced_route_refresh);
    // Another one after it: both stay away.
    const auto more = concede(config, *conceded, unsupported_capability("06 00"));
    ASSERT_TRUE(more);
    EXPECT_FALSE(has(our_open(config, *more), EnhancedRouteRefresh{}));
    EXPECT_FALSE(has(our_open(config, *more), ExtendedMessage{}));
}

TEST(Concede, OneFamilyOfTwo) {
    auto config = config_of_node();
    config.capability_fallback = true;
    const auto conceded = concede(config, {}, unsupported_capability("01 04 0002 00 01"));
    ASSERT_TRUE(conceded);
    EXPECT_FALSE(has(our_open(config, *conceded), Multiprotocol{ipv6_unicast}));
    EXPECT_TRUE(has(our_open(config, *conceded), Multiprotocol{ipv4_unicast}));
    EXPECT_FALSE(negotiate(config, open_with({}), *conceded)->ipv6);
    config.ipv4 = false;
    EXPECT_EQ(concede(config, {}, unsupported_capability("01 04 0002 00 01")), std::nullopt) << "nothing would be left";
}

TEST(Concede, AllButTheBasicOnesWhenThePeerNamesNone) {
    auto config = config_of_node();
    config.capability_fallback = true;
    for (const auto* data : {"", "46"}) {
        const auto conceded = concede(config, {}, unsupported_capability(data));
        ASSERT_TRUE(conceded) << data;
        EXPECT_EQ(our_open(config, *conceded).capabilities,
                  (std::vector<Capability>{Multiprotocol{ipv4_unicast}, Multiprotocol{ipv6_unicast},
                                           FourOctetAs{Asn{65010}}}));
        EXPECT_EQ(concede(config, *conceded, unsupported_capability(data)), std::nullopt) << "nothing more to leave";
    }
}

// RFC 5492 §5: negative. The data also lists what the peer misses: that cannot be left out.
TEST(Concede, WhatThePeerMissesIsNotOursToLeaveOut) {
    auto config = config_of_node();
    config.capability_fallback = true;
    EXPECT_EQ(concede(config, {}, unsupported_capability("40 02 0078")), std::nullopt);
    EXPECT_EQ(concede(config, {}, bad_peer_as()), std::nullopt);
    EXPECT_EQ(concede(config, {}, Notification{3, 7}), std::nullopt);
}

}  // namespace
}  // namespace anyvip::bgp
