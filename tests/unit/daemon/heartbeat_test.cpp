#include "daemon/heartbeat.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "support/actions.hpp"
#include "support/print.hpp"

ANYVIP_PRINT(anyvip::daemon)

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;
using anyvip::testing::all;
using anyvip::testing::place_of;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const RouterName office{"office"};
const RouterName lab{"lab"};
const net::InterfaceName eth1{"eth1"};

net::IpAddress ip(std::string_view text) {
    return net::IpAddress::parse(text).value();
}
net::Prefix prefix(std::string_view text) {
    return net::Prefix::parse(text).value();
}
TimePoint at(Duration since_start) {
    return TimePoint{} + 1000s + since_start;
}

const net::IpAddress ours = ip("192.0.2.5");
const net::IpAddress vip_address = ip("192.0.2.100");
const net::IpAddress group = ip("224.0.0.18");

kernel::Link link(std::uint32_t index = 3, bool up = true) {
    return {.name = eth1,
            .index = net::InterfaceIndex{index},
            .admin_up = true,
            .running = up,
            .lower_up = up,
            .mac = {},
            .mtu = 1500};
}
InterfaceChanged interface(const kernel::Link& as_it_is,
                           std::vector<net::Prefix> addresses = {prefix("192.0.2.5/24")}) {
    return {eth1, as_it_is, std::move(addresses)};
}
RouterSetup setup(const RouterName& name = office, std::uint8_t id = 51, std::string_view vip = "192.0.2.100/24") {
    RouterSetup to{.name = name,
                   .identity = {.virtual_router_id = vrrp::VirtualRouterId{id}, .family = net::Family::Ipv4},
                   .interface = eth1,
                   .config = {},
                   .addresses = {{.key = {.interface = eth1, .prefix = prefix(vip)}}}};
    to.config.addresses = {prefix(vip).address()};
    to.config.garp_repeat = 1;
    return to;
}
vrrp::Lease lease(std::uint8_t priority, TimePoint until) {
    return {vrrp::Priority{priority}, "", until};
}

/// An advertisement as another router sends it, from 192.0.2.9 to the group.
PacketReceived advertisement(const RouterName& socket, std::uint8_t id, std::uint8_t priority) {
    const auto source = ip("192.0.2.9");
    const vrrp::Advertisement sent{
        vrrp::Version::V3, vrrp::VirtualRouterId{id}, vrrp::Priority{priority}, Centiseconds{100}, {ip("192.0.2.100")}};
    return {socket, {source, group, 255}, vrrp::encode(sent, vrrp::ChecksumCoverage::WithPseudoHeader, source, group)};
}
/// Octet 2 of the packet.
int priority_of(const SendPacket& packet) {
    return packet.bytes.at(2);
}

class HeartbeatTest : public ::testing::Test {
protected:
    Heartbeat::Actions feed(const Heartbeat::Event& event) { return heartbeat.handle(event, now); }
    Heartbeat::Actions letter(const HeartbeatMail& mail) { return feed(mail); }
    Heartbeat::Actions configure(std::vector<RouterSetup> setups) {
        return letter(ConfigureRouters{std::move(setups)});
    }
    Heartbeat::Actions applied(const RouterName& router, Generation generation, std::optional<std::string> error = {}) {
        return letter(RouterAddressesApplied{router, generation, std::move(error)});
    }
    Heartbeat::Actions wait_until(TimePoint then) {
        now = then;
        return feed(HeartbeatTimerExpired{});
    }
    Heartbeat::Actions wait() { return wait_until(heartbeat.deadline().value()); }

    /// Backup with priority 100 at 0 s; Active_Down_Interval 3 s + 156/256 s.
    void make_backup() {
        (void)letter(interface(link()));
        ASSERT_THAT(all<OpenSocket>(configure({setup()})),
                    ElementsAre(OpenSocket{office, eth1, net::Family::Ipv4, ours, true}));
        (void)feed(SocketOpened{office, {}});
        (void)letter(RouterLease{office, lease(100, at(1h))});
        ASSERT_EQ(heartbeat.deadline(), at(3'609'375us));
    }
    /// Active since 3.609375 s with addresses 1 in the kernel.
    void make_active() {
        make_backup();
        ASSERT_THAT(all<SetAddresses>(wait()), ElementsAre(SetAddresses{office, 1, setup().addresses}));
        ASSERT_THAT(all<RouterServing>(applied(office, 1)), ElementsAre(RouterServing{office, {vip_address}}));
    }
    vrrp::StateName state(const RouterName& name = office) {
        for (const auto& snapshot : all<RoutersSnapshot>(letter(SnapshotRequested{}))) {
            for (const auto& router : snapshot.routers) {
                if (router.name == name) return static_cast<vrrp::StateName>(router.state.index());
            }
        }
        ADD_FAILURE() << "no such router";
        return vrrp::StateName::Initialize;
    }

    Heartbeat heartbeat;
    TimePoint now = at(0s);
};

using vrrp::StateName;

// ---- taking part

TEST_F(HeartbeatTest, ARouterWithInterfaceSocketAndVerdictTakesPart) {
    make_backup();
    EXPECT_EQ(state(), StateName::Backup);
}

TEST_F(HeartbeatTest, ARouterThatComesUpAdvertisesThenAsksForItsAddressesThenTellsOfIt) {
    make_backup();
    const auto actions = wait();
    ASSERT_EQ(actions.size(), 3U);
    const auto& packet = std::get<SendPacket>(actions[0]);
    EXPECT_EQ(packet.source, ours);
    EXPECT_EQ(packet.destination, group);
    EXPECT_EQ(priority_of(packet), 100);
    EXPECT_EQ(all<SetAddresses>(actions).size(), 1U);
    EXPECT_EQ(all<RouterStateChanged>(actions).at(0).to, StateName::Active);
}

TEST_F(HeartbeatTest, GratuitousArpFollowsTheKernelsAnswer) {
    make_backup();
    EXPECT_THAT(all<SendFrame>(wait()), IsEmpty());
    const auto frames = all<SendFrame>(applied(office, 1));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].address, ip("192.0.2.100"));
}

TEST_F(HeartbeatTest, WithoutAVerdictNobodyTakesPart) {
    (void)letter(interface(link()));
    (void)configure({setup()});
    (void)feed(SocketOpened{office, {}});
    EXPECT_EQ(state(), StateName::Initialize);
    EXPECT_EQ(heartbeat.deadline(), std::nullopt);
}

TEST_F(HeartbeatTest, AnInterfaceThatIsNotThereYetIsWaitedFor) {
    EXPECT_THAT(all<OpenSocket>(configure({setup()})), IsEmpty());
    EXPECT_EQ(all<OpenSocket>(letter(interface(link()))).size(), 1U);
}

TEST_F(HeartbeatTest, AnInterfaceThatComesUpLaterIsOpenedThen) {
    (void)configure({setup()});
    EXPECT_THAT(all<OpenSocket>(letter(interface(link(3, false)))), IsEmpty());
    EXPECT_EQ(all<OpenSocket>(letter(interface(link()))).size(), 1U);
}

TEST_F(HeartbeatTest, AnInterfaceWithoutAnAddressHasNoSource) {
    (void)configure({setup()});
    EXPECT_THAT(all<OpenSocket>(letter(interface(link(), {}))), IsEmpty());
    EXPECT_EQ(all<OpenSocket>(letter(interface(link()))).size(), 1U);
}

TEST_F(HeartbeatTest, ASocketThatCannotBeOpenedIsTriedAgainAfterASecond) {
    (void)letter(interface(link()));
    (void)configure({setup()});
    (void)letter(RouterLease{office, lease(100, at(1h))});
    EXPECT_THAT(feed(SocketOpened{office, "not permitted"}), IsEmpty());
    EXPECT_EQ(state(), StateName::Initialize);
    EXPECT_EQ(heartbeat.deadline(), at(1s));
    EXPECT_EQ(all<OpenSocket>(wait()).size(), 1U);
    (void)feed(SocketOpened{office, {}});
    EXPECT_EQ(state(), StateName::Backup);
}

TEST_F(HeartbeatTest, ASocketThatOpensAfterTheInterfaceWentDownBringsNothingUp) {
    (void)letter(interface(link()));
    (void)configure({setup()});
    (void)letter(RouterLease{office, lease(100, at(1h))});
    (void)letter(interface(link(3, false)));
    (void)feed(SocketOpened{office, {}});
    EXPECT_EQ(state(), StateName::Initialize);
    (void)letter(interface(link()));
    EXPECT_EQ(state(), StateName::Backup);
}

TEST_F(HeartbeatTest, TheConfiguredSourceIsUsed) {
    auto with_source = setup();
    with_source.config.source = ip("192.0.2.77");
    (void)letter(interface(link()));
    EXPECT_EQ(all<OpenSocket>(configure({with_source})).at(0).source, ip("192.0.2.77"));
}

// RFC 9568 §5.1.2.1: positive
TEST_F(HeartbeatTest, OverIpv6TheLinkLocalAddressIsTheSource) {
    auto six = setup();
    six.identity.family = net::Family::Ipv6;
    (void)letter(interface(link(), {prefix("192.0.2.5/24"), prefix("2001:db8::5/64"), prefix("fe80::5/64")}));
    EXPECT_EQ(all<OpenSocket>(configure({six})).at(0).source, ip("fe80::5"));
}

// RFC 9568 §5.1.2.1, the source is the link-local address and no other: negative
TEST_F(HeartbeatTest, OverIpv6AGlobalAddressIsNoSource) {
    auto six = setup();
    six.identity.family = net::Family::Ipv6;
    (void)letter(RouterLease{office, lease(100, at(1h))});
    (void)letter(interface(link(), {prefix("192.0.2.5/24"), prefix("2001:db8::5/64")}));
    EXPECT_THAT(all<OpenSocket>(configure({six})), IsEmpty());
    EXPECT_EQ(all<OpenSocket>(letter(interface(link(), {prefix("fe80::5/64")}))).at(0).source, ip("fe80::5"));
}

// ---- losing the interface

TEST_F(HeartbeatTest, AnInterfaceThatGoesDownMakesAnActiveLeave) {
    make_active();
    const auto actions = letter(interface(link(3, false)));
    EXPECT_THAT(all<SetAddresses>(actions), ElementsAre(SetAddresses{office, 2, {}}));
    EXPECT_THAT(all<RouterServing>(actions), ElementsAre(RouterServing{office, {}}));
    EXPECT_EQ(state(), StateName::Initialize);
    (void)letter(interface(link()));
    EXPECT_EQ(state(), StateName::Backup);
}

TEST_F(HeartbeatTest, AnInterfaceThatIsGoneClosesTheSocket) {
    make_backup();
    EXPECT_THAT(all<CloseSocket>(letter(InterfaceChanged{eth1, std::nullopt, {}})), ElementsAre(CloseSocket{office}));
    EXPECT_EQ(state(), StateName::Initialize);
}

/// The farewell is the first that happens, from the source that there was; then the socket goes.
void expect_farewell_before_the_socket_closes(const Heartbeat::Actions& actions) {
    const auto packets = all<SendPacket>(actions);
    ASSERT_EQ(packets.size(), 1U);
    EXPECT_EQ(priority_of(packets[0]), 0);
    EXPECT_EQ(packets[0].source, ours);
    ASSERT_THAT(all<CloseSocket>(actions), ElementsAre(CloseSocket{office}));
    EXPECT_LT(*place_of<SendPacket>(actions), *place_of<CloseSocket>(actions));
}

// RFC 9568 §6.4.3 "Send an ADVERTISEMENT with Priority = 0": positive
TEST_F(HeartbeatTest, AnActiveThatLosesItsAddressSaysGoodbyeFromIt) {
    make_active();
    const auto actions = letter(interface(link(), {}));
    expect_farewell_before_the_socket_closes(actions);
    EXPECT_EQ(all<RouterStateChanged>(actions).at(0).reason.cause, vrrp::Cause::NoSourceAddress);
    EXPECT_EQ(all<OpenSocket>(letter(interface(link()))).size(), 1U);
}

// RFC 9568 §6.4.3 "Send an ADVERTISEMENT with Priority = 0" is for who was Active: negative
TEST_F(HeartbeatTest, ABackupThatLosesItsAddressGoesInSilence) {
    make_backup();
    const auto actions = letter(interface(link(), {}));
    EXPECT_THAT(all<SendPacket>(actions), IsEmpty());
    EXPECT_THAT(all<CloseSocket>(actions), ElementsAre(CloseSocket{office}));
}

// RFC 9568 §6.4.3 "Send an ADVERTISEMENT with Priority = 0": positive
TEST_F(HeartbeatTest, AnActiveWhoseInterfaceDisappearsSaysGoodbye) {
    make_active();
    const auto actions = letter(InterfaceChanged{eth1, std::nullopt, {}});
    expect_farewell_before_the_socket_closes(actions);
    EXPECT_EQ(all<RouterStateChanged>(actions).at(0).reason.cause, vrrp::Cause::InterfaceDown);
}

// RFC 9568 §6.4.3 "Send an ADVERTISEMENT with Priority = 0": positive
TEST_F(HeartbeatTest, AnActiveWhoseAddressIsReplacedSaysGoodbyeFromTheOldOne) {
    make_active();
    const auto actions = letter(interface(link(), {prefix("192.0.2.6/24")}));
    expect_farewell_before_the_socket_closes(actions);
    EXPECT_EQ(all<OpenSocket>(actions).at(0).source, ip("192.0.2.6"));
    EXPECT_LT(*place_of<CloseSocket>(actions), *place_of<OpenSocket>(actions));
}

TEST_F(HeartbeatTest, AnInterfaceThatWasMadeAnewNeedsANewSocket) {
    make_backup();
    EXPECT_EQ(all<OpenSocket>(letter(interface(link(4)))).size(), 1U);
    EXPECT_EQ(state(), StateName::Initialize);
    (void)feed(SocketOpened{office, {}});
    EXPECT_EQ(state(), StateName::Backup);
}

TEST_F(HeartbeatTest, AnotherOwnAddressBehindTheFirstChangesNothing) {
    make_active();
    EXPECT_THAT(letter(interface(link(), {prefix("192.0.2.5/24"), prefix("192.0.2.6/24")})), IsEmpty());
}

TEST_F(HeartbeatTest, ALowerOwnAddressBesideTheSourceChangesNothing) {
    make_active();
    EXPECT_THAT(letter(interface(link(), {prefix("192.0.2.2/24"), prefix("192.0.2.5/24")})), IsEmpty());
    EXPECT_EQ(state(), StateName::Active);
}

TEST_F(HeartbeatTest, OnlyWhenTheSourceIsGoneAnotherOwnAddressTakesItsPlace) {
    make_backup();
    (void)letter(interface(link(), {prefix("192.0.2.2/24"), prefix("192.0.2.5/24"), prefix("192.0.2.9/24")}));
    const auto actions = letter(interface(link(), {prefix("192.0.2.2/24"), prefix("192.0.2.9/24")}));
    EXPECT_EQ(all<OpenSocket>(actions).at(0).source, ip("192.0.2.2"));
}

// ---- packets

TEST_F(HeartbeatTest, APacketGoesToTheRouterThatItIsForAlone) {
    (void)letter(interface(link()));
    (void)configure({setup(), setup(lab, 52, "192.0.2.101/24")});
    for (const auto& name : {office, lab}) {
        (void)feed(SocketOpened{name, {}});
        (void)letter(RouterLease{name, lease(100, at(1h))});
    }
    // Both sockets hear everything of the segment.
    now = at(3s);
    (void)feed(advertisement(office, 51, 200));
    (void)feed(advertisement(lab, 51, 200));
    (void)wait_until(at(3'609'375us));
    EXPECT_EQ(state(office), StateName::Backup);
    EXPECT_EQ(state(lab), StateName::Active);
}

TEST_F(HeartbeatTest, APacketThatIsRefusedIsCountedForItsRouter) {
    make_backup();
    auto packet = advertisement(office, 51, 200);
    packet.metadata.ttl = 254;
    (void)feed(packet);
    const auto snapshot = all<RoutersSnapshot>(letter(SnapshotRequested{})).at(0).routers.at(0);
    EXPECT_EQ(snapshot.counters.discarded.at(static_cast<std::size_t>(vrrp::DiscardReason::TtlNot255)), 1U);
}

TEST_F(HeartbeatTest, ABetterRouterTakesTheAddressesAtOnce) {
    make_active();
    const auto actions = feed(advertisement(office, 51, 200));
    EXPECT_THAT(all<SendPacket>(actions), IsEmpty());
    EXPECT_THAT(all<SetAddresses>(actions), ElementsAre(SetAddresses{office, 2, {}}));
    EXPECT_THAT(all<RouterServing>(actions), ElementsAre(RouterServing{office, {}}));
}

TEST_F(HeartbeatTest, WhatNobodyKnowsIsIgnored) {
    EXPECT_THAT(feed(advertisement(office, 51, 200)), IsEmpty());
    EXPECT_THAT(feed(SocketOpened{office, {}}), IsEmpty());
    EXPECT_THAT(letter(RouterLease{office, lease(100, at(1h))}), IsEmpty());
    EXPECT_THAT(applied(office, 1), IsEmpty());
    EXPECT_THAT(feed(HeartbeatTimerExpired{}), IsEmpty());
}

TEST_F(HeartbeatTest, UnicastPeersGetAPacketEach) {
    auto unicast = setup();
    unicast.config.peers = {ip("192.0.2.9"), ip("192.0.2.10")};
    (void)letter(interface(link()));
    EXPECT_FALSE(all<OpenSocket>(configure({unicast})).at(0).multicast);
    (void)feed(SocketOpened{office, {}});
    (void)letter(RouterLease{office, lease(255, at(1h))});
    (void)letter(RouterLease{office, lease(100, at(1h))});
    const auto packets = all<SendPacket>(wait());
    ASSERT_EQ(packets.size(), 2U);
    EXPECT_EQ(packets[0].destination, ip("192.0.2.9"));
    EXPECT_EQ(packets[1].destination, ip("192.0.2.10"));
}

// ---- verdicts

TEST_F(HeartbeatTest, ALeaseThatRunsOutGivesTheVipUp) {
    make_active();
    (void)applied(office, 1);
    (void)letter(RouterLease{office, lease(100, at(4s))});
    EXPECT_EQ(heartbeat.deadline(), at(4s));
    const auto actions = wait();
    EXPECT_EQ(priority_of(all<SendPacket>(actions).at(0)), 0);
    EXPECT_THAT(all<SetAddresses>(actions), ElementsAre(SetAddresses{office, 2, {}}));
    EXPECT_EQ(all<RouterStateChanged>(actions).at(0).reason.cause, vrrp::Cause::VerdictsStalled);
}

TEST_F(HeartbeatTest, ALeaseWithoutAPriorityGivesTheVipUpWithItsReason) {
    make_active();
    const auto actions = letter(RouterLease{office, {std::nullopt, "nginx: refused", at(1h)}});
    EXPECT_EQ(priority_of(all<SendPacket>(actions).at(0)), 0);
    EXPECT_EQ(all<RouterStateChanged>(actions).at(0).reason, (vrrp::Reason{vrrp::Cause::Ineligible, "nginx: refused"}));
}

// ---- the kernel's answers

TEST_F(HeartbeatTest, RefusedAddressesAreTriedAgainAfterASecond) {
    make_backup();
    (void)wait();
    const auto actions = applied(office, 1, "not permitted");
    EXPECT_EQ(priority_of(all<SendPacket>(actions).at(0)), 0);
    EXPECT_EQ(all<RouterStateChanged>(actions).at(0).reason.cause, vrrp::Cause::ApplyFailed);
    EXPECT_EQ(heartbeat.deadline(), at(4'609'375us));
    (void)wait();
    EXPECT_EQ(state(), StateName::Backup);
}

TEST_F(HeartbeatTest, AddressesThatAreNotConfirmedInTimeAreTriedAgainAfterASecond) {
    make_backup();
    (void)wait();
    (void)wait_until(at(4'609'375us));
    const auto actions = wait_until(at(5'609'375us));  // apply_timeout: 2 s
    EXPECT_EQ(all<RouterStateChanged>(actions).at(0).reason.cause, vrrp::Cause::ApplyTimeout);
    EXPECT_EQ(heartbeat.deadline(), at(6'609'375us));
    (void)wait();
    EXPECT_EQ(state(), StateName::Backup);
}

TEST_F(HeartbeatTest, AnOlderAnswerDoesNotMakeARouterServe) {
    make_active();
    (void)feed(advertisement(office, 51, 200));  // Wish 2: none.
    now = at(10s);
    (void)wait_until(at(11s));
    (void)wait_until(at(12s));  // Active again: wish 3.
    ASSERT_EQ(state(), StateName::Active);
    EXPECT_THAT(applied(office, 1), IsEmpty());
    EXPECT_THAT(applied(office, 2), IsEmpty());
    EXPECT_THAT(all<RouterServing>(applied(office, 3)), ElementsAre(RouterServing{office, {vip_address}}));
}

TEST_F(HeartbeatTest, ARepairIsAnnounced) {
    make_active();
    EXPECT_EQ(all<SendFrame>(applied(office, 1)).size(), 1U);
}

// ---- reconfiguration

TEST_F(HeartbeatTest, TheSameRoutersAgainCauseNothing) {
    make_active();
    EXPECT_THAT(configure({setup()}), IsEmpty());
}

TEST_F(HeartbeatTest, ARouterThatKeepsNameInterfaceAndIdentityKeepsItsState) {
    make_active();
    auto more = setup();
    more.addresses.insert({.key = {.interface = eth1, .prefix = prefix("192.0.2.101/24")}});
    more.config.addresses.push_back(ip("192.0.2.101"));
    const auto actions = configure({more});
    EXPECT_THAT(all<RouterStateChanged>(actions), IsEmpty());
    EXPECT_THAT(all<SetAddresses>(actions), ElementsAre(SetAddresses{office, 2, more.addresses}));
    EXPECT_EQ(state(), StateName::Active);
}

TEST_F(HeartbeatTest, AnAddressThatJoinsDoesNotEndTheServiceOfTheOthers) {
    make_active();
    auto more = setup();
    more.addresses.insert({.key = {.interface = eth1, .prefix = prefix("192.0.2.101/24")}});
    more.config.addresses.push_back(ip("192.0.2.101"));
    EXPECT_THAT(all<RouterServing>(configure({more})), IsEmpty());
    EXPECT_THAT(all<RouterServing>(applied(office, 2)),
                ElementsAre(RouterServing{office, {vip_address, ip("192.0.2.101")}}));
}

TEST_F(HeartbeatTest, AnAddressThatLeavesEndsItsOwnServiceAtOnceAndNoOther) {
    auto two = setup();
    two.addresses.insert({.key = {.interface = eth1, .prefix = prefix("192.0.2.101/24")}});
    two.config.addresses.push_back(ip("192.0.2.101"));
    make_active();
    (void)configure({two});
    (void)applied(office, 2);
    EXPECT_THAT(all<RouterServing>(configure({setup()})), ElementsAre(RouterServing{office, {vip_address}}));
    EXPECT_THAT(all<RouterServing>(applied(office, 3)), IsEmpty());
}

TEST_F(HeartbeatTest, AnAddressThatJoinsAndIsRefusedEndsTheService) {
    make_active();
    auto more = setup();
    more.addresses.insert({.key = {.interface = eth1, .prefix = prefix("192.0.2.101/24")}});
    more.config.addresses.push_back(ip("192.0.2.101"));
    (void)configure({more});
    EXPECT_THAT(all<RouterServing>(applied(office, 2, "refused")), ElementsAre(RouterServing{office, {}}));
}

TEST_F(HeartbeatTest, AnotherPrefixLengthIsAskedForAndAnnouncedWithoutLeavingActive) {
    make_active();
    const auto actions = configure({setup(office, 51, "192.0.2.100/32")});
    EXPECT_THAT(all<RouterStateChanged>(actions), IsEmpty());
    EXPECT_THAT(all<RouterServing>(actions), IsEmpty());
    EXPECT_THAT(all<SetAddresses>(actions),
                ElementsAre(SetAddresses{office, 2, setup(office, 51, "192.0.2.100/32").addresses}));
    EXPECT_THAT(applied(office, 1), IsEmpty()) << "the answer to the old wish";
    EXPECT_EQ(all<SendFrame>(applied(office, 2)).size(), 1U);
}

TEST_F(HeartbeatTest, AnotherPrefixLengthThatIsNotConfirmedInTimeIsAFault) {
    make_active();
    (void)configure({setup(office, 51, "192.0.2.100/32")});
    (void)wait_until(at(4'609'375us));
    EXPECT_EQ(state(), StateName::Active);
    const auto actions = wait_until(at(5'609'375us));  // apply_timeout: 2 s
    ASSERT_EQ(all<SendPacket>(actions).size(), 1U);
    EXPECT_EQ(priority_of(all<SendPacket>(actions)[0]), 0);
    EXPECT_THAT(all<SetAddresses>(actions), ElementsAre(SetAddresses{office, 3, {}}));
    EXPECT_EQ(all<RouterStateChanged>(actions).at(0).reason.cause, vrrp::Cause::ApplyTimeout);
}

TEST_F(HeartbeatTest, AnotherScopeThatTheKernelRefusesEndsTheService) {
    make_active();
    auto narrow = setup();
    narrow.addresses = {{.key = {.interface = eth1, .prefix = prefix("192.0.2.100/24")}, .scope = kernel::Scope::Link}};
    EXPECT_THAT(all<SetAddresses>(configure({narrow})), ElementsAre(SetAddresses{office, 2, narrow.addresses}));
    EXPECT_THAT(all<RouterServing>(applied(office, 2, "refused")), ElementsAre(RouterServing{office, {}}));
}

TEST_F(HeartbeatTest, ABackupAsksForNothingWhenThePrefixLengthChanges) {
    make_backup();
    EXPECT_THAT(configure({setup(office, 51, "192.0.2.100/32")}), IsEmpty());
    EXPECT_EQ(all<SetAddresses>(wait()).at(0).addresses, setup(office, 51, "192.0.2.100/32").addresses);
}

TEST_F(HeartbeatTest, UnicastInsteadOfMulticastClosesTheSocketAlthoughTheInterfaceIsDown) {
    make_backup();
    EXPECT_THAT(all<CloseSocket>(letter(interface(link(3, false)))), IsEmpty());
    auto unicast = setup();
    unicast.config.peers = {ip("192.0.2.9")};
    const auto actions = configure({unicast});
    EXPECT_THAT(all<CloseSocket>(actions), ElementsAre(CloseSocket{office}));
    EXPECT_THAT(all<OpenSocket>(actions), IsEmpty());
    EXPECT_FALSE(all<OpenSocket>(letter(interface(link()))).at(0).multicast);
}

TEST_F(HeartbeatTest, AnActiveThatChangesToUnicastSaysGoodbyeToTheGroupFirst) {
    make_active();
    auto unicast = setup();
    unicast.config.peers = {ip("192.0.2.9")};
    const auto actions = configure({unicast});
    expect_farewell_before_the_socket_closes(actions);
    EXPECT_EQ(all<SendPacket>(actions).at(0).destination, group);
    EXPECT_THAT(all<OpenSocket>(actions), ElementsAre(OpenSocket{office, eth1, net::Family::Ipv4, ours, false}));
}

TEST_F(HeartbeatTest, AnotherRouterDoesNotDisturbTheFirst) {
    make_active();
    const auto actions = configure({setup(), setup(lab, 52, "192.0.2.101/24")});
    EXPECT_THAT(actions, ElementsAre(Heartbeat::Action{OpenSocket{lab, eth1, net::Family::Ipv4, ours, true}}));
}

TEST_F(HeartbeatTest, ARouterThatIsNoLongerConfiguredLeavesWithPriorityZero) {
    make_active();
    const auto actions = configure({});
    EXPECT_EQ(priority_of(all<SendPacket>(actions).at(0)), 0);
    EXPECT_THAT(all<SetAddresses>(actions), ElementsAre(SetAddresses{office, 2, {}}));
    EXPECT_THAT(all<CloseSocket>(actions), ElementsAre(CloseSocket{office}));
}

TEST_F(HeartbeatTest, ARouterOfAnotherVridIsAnotherRouter) {
    make_active();
    const auto actions = configure({setup(office, 52)});
    EXPECT_EQ(priority_of(all<SendPacket>(actions).at(0)), 0);
    EXPECT_EQ(all<OpenSocket>(actions).size(), 1U);
    EXPECT_EQ(state(), StateName::Initialize);
}

TEST_F(HeartbeatTest, ARouterThatComesAnewDoesNotTakeTheAnswersOfItsPredecessor) {
    make_backup();
    (void)wait();                          // Wish 1 is not answered yet.
    (void)configure({setup(office, 52)});  // Wish 2 of the predecessor: none.
    (void)feed(SocketOpened{office, {}});
    const auto actions = letter(RouterLease{office, lease(255, at(1h))});  // An address owner does not wait.
    EXPECT_EQ(all<SetAddresses>(actions).at(0).generation, 3U);
    EXPECT_THAT(applied(office, 1), IsEmpty());
    EXPECT_THAT(applied(office, 2), IsEmpty());
    EXPECT_THAT(all<RouterServing>(applied(office, 3)), ElementsAre(RouterServing{office, {vip_address}}));
}

// ---- leaving

TEST_F(HeartbeatTest, StoppingIsToldOnlyWhenTheAddressesAreGone) {
    make_active();
    const auto leaving = letter(StopRouters{});
    EXPECT_EQ(priority_of(all<SendPacket>(leaving).at(0)), 0);
    EXPECT_THAT(all<RoutersStopped>(leaving), IsEmpty());
    EXPECT_THAT(all<RoutersStopped>(applied(office, 2, "busy")), IsEmpty());
    EXPECT_EQ(all<RoutersStopped>(applied(office, 2)).size(), 1U);
    EXPECT_THAT(all<RoutersStopped>(letter(StopRouters{})), IsEmpty());
}

TEST_F(HeartbeatTest, WhatHoldsNothingStopsAtOnce) {
    make_backup();
    EXPECT_EQ(all<RoutersStopped>(letter(StopRouters{})).size(), 1U);
    EXPECT_EQ(heartbeat.deadline(), std::nullopt);
}

TEST_F(HeartbeatTest, WithoutRoutersStoppingIsDoneAtOnce) {
    EXPECT_EQ(letter(StopRouters{}), (Heartbeat::Actions{DecisionMail{RoutersStopped{}}}));
}

TEST_F(HeartbeatTest, StoppingWaitsForRoutersThatWereLeavingAlready) {
    make_active();
    (void)configure({});
    EXPECT_THAT(all<RoutersStopped>(letter(StopRouters{})), IsEmpty());
    EXPECT_EQ(all<RoutersStopped>(applied(office, 2)).size(), 1U);
}

// ---- BFD: what it does is in bfd_sessions_test; here, that it is a part of the loop

const BfdSetup tor_a{.peer = PeerName{"tor-a"},
                     .remote = ip("10.0.0.1"),
                     .source = std::nullopt,
                     .interface = std::nullopt,
                     .config = {}};

TEST(HeartbeatWithBfd, CarriesItsSessionsPacketsAndTimers) {
    Heartbeat heartbeat{Random{1}};
    (void)heartbeat.handle(HeartbeatMail{BfdLease{at(10s)}}, at(0s));
    const auto asked = heartbeat.handle(HeartbeatMail{ConfigureBfd{{tor_a}, {}}}, at(0s));
    const auto wishes = all<OpenBfdSender>(asked);
    ASSERT_EQ(wishes.size(), 1U);
    EXPECT_EQ(all<OpenBfdListener>(asked).size(), 1U);
    const auto opened = heartbeat.handle(BfdSenderOpened{wishes[0].session, ip("10.0.0.11"), {}, {}}, at(0s));
    EXPECT_EQ(all<SendBfdPacket>(opened).size(), 1U);
    ASSERT_TRUE(heartbeat.deadline());
    EXPECT_LE(*heartbeat.deadline(), at(1s));
    EXPECT_EQ(all<SendBfdPacket>(heartbeat.handle(HeartbeatTimerExpired{}, at(1s))).size(), 1U);

    const bfd::ControlPacket down{.my_discriminator = bfd::Discriminator{7},
                                  .desired_min_tx_interval = bfd::Microseconds{300000},
                                  .required_min_rx_interval = bfd::Microseconds{300000}};
    const auto heard = heartbeat.handle(
        BfdPacketReceived{bfd::Hops::Single, {ip("10.0.0.1"), ip("10.0.0.11"), {}, 255}, bfd::encode(down)}, at(2s));
    EXPECT_EQ(all<BfdStateChanged>(heard).size(), 1U);
}

TEST(HeartbeatWithBfd, TheSnapshotOfItsSessionsComesBeforeThatOfTheRouters) {
    Heartbeat heartbeat{Random{1}};
    EXPECT_FALSE(place_of<BfdSnapshot>(heartbeat.handle(HeartbeatMail{SnapshotRequested{}}, at(0s))));
    (void)heartbeat.handle(HeartbeatMail{ConfigureBfd{{tor_a}, {}}}, at(0s));
    const auto actions = heartbeat.handle(HeartbeatMail{SnapshotRequested{}}, at(0s));
    ASSERT_TRUE(place_of<BfdSnapshot>(actions) && place_of<RoutersSnapshot>(actions));
    EXPECT_LT(*place_of<BfdSnapshot>(actions), *place_of<RoutersSnapshot>(actions));
}

// Product rule 7: leaving is announced by BGP; until its Cease is out, BFD stays Up.
TEST(HeartbeatWithBfd, StopRoutersLeavesItsSessionsAlone) {
    Heartbeat heartbeat{Random{1}};
    (void)heartbeat.handle(HeartbeatMail{ConfigureBfd{{tor_a}, {}}}, at(0s));
    const auto actions = heartbeat.handle(HeartbeatMail{StopRouters{}}, at(1s));
    EXPECT_TRUE(all<SendBfdPacket>(actions).empty());
    EXPECT_TRUE(all<CloseBfdListener>(actions).empty());
}

}  // namespace
}  // namespace anyvip::daemon
