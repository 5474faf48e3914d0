#include "anyvip/ipvs/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "anyvip/random.hpp"

namespace anyvip::ipvs {
namespace {

net::Endpoint at(const char* address, std::uint16_t port = 80) {
    return {net::IpAddress::parse(address).value(), port};
}

const VirtualServerId www{Protocol::Tcp, at("203.0.113.10")};
const VirtualServerId dns{Protocol::Udp, at("203.0.113.10", 53)};
const net::Endpoint rs1 = at("10.0.1.21");
const net::Endpoint rs2 = at("10.0.1.22");

RealServer weighing(std::uint32_t weight) {
    return {.weight = Weight{weight}};
}

VirtualServer serving(std::map<net::Endpoint, RealServer> pool, const char* scheduler = "wlc") {
    return {.scheduler = Scheduler{scheduler}, .real_servers = std::move(pool)};
}

using Commands = std::vector<Command>;

TEST(IpvsPlan, CreatesTheVirtualServerBeforeItsRealServers) {
    EXPECT_EQ(plan({{www, serving({{rs1, weighing(1)}, {rs2, weighing(2)}})}}, {}, {}),
              (Commands{CreateVirtualServer{www, serving({})}, AddRealServer{www, rs1, weighing(1)},
                        AddRealServer{www, rs2, weighing(2)}}));
}

TEST(IpvsPlan, RemovesAVirtualServerThatIsOwnedAndNoLongerDesired) {
    EXPECT_EQ(plan({}, {{www, serving({{rs1, weighing(1)}})}}, {www}), (Commands{RemoveVirtualServer{www}}));
}

TEST(IpvsPlan, LeavesAloneWhatIsNeitherOwnedNorDesired) {
    EXPECT_EQ(plan({}, {{www, serving({{rs1, weighing(1)}})}}, {dns}), Commands{});
}

TEST(IpvsPlan, AdoptsAMatchingVirtualServerWithoutACommand) {
    const Table table{{www, serving({{rs1, weighing(1)}})}};
    EXPECT_EQ(plan(table, table, {}), Commands{});
}

TEST(IpvsPlan, EditsAnAdoptedVirtualServerInPlace) {
    EXPECT_EQ(plan({{www, serving({{rs1, weighing(1)}}, "mh")}}, {{www, serving({{rs1, weighing(1)}}, "rr")}}, {}),
              (Commands{EditVirtualServer{www, serving({}, "mh")}}));
}

TEST(IpvsPlan, RepairsWhatSomebodyElseDeleted) {
    EXPECT_EQ(
        plan({{www, serving({{rs1, weighing(1)}, {rs2, weighing(1)}})}}, {{www, serving({{rs1, weighing(1)}})}}, {www}),
        (Commands{AddRealServer{www, rs2, weighing(1)}}));
}

TEST(IpvsPlan, RemovesARealServerThatSomebodyElseAddedToOurs) {
    EXPECT_EQ(
        plan({{www, serving({{rs1, weighing(1)}})}}, {{www, serving({{rs1, weighing(1)}, {rs2, weighing(1)}})}}, {www}),
        (Commands{RemoveRealServer{www, rs2}}));
}

TEST(IpvsPlan, ADrainedRealServerGetsWeightZeroAndStays) {
    EXPECT_EQ(plan({{www, serving({{rs1, weighing(0)}})}}, {{www, serving({{rs1, weighing(5)}})}}, {www}),
              (Commands{EditRealServer{www, rs1, weighing(0)}}));
}

TEST(IpvsPlan, RaisesBeforeItLowersAndLowersBeforeItRemoves) {
    const auto rs3 = at("10.0.1.23");
    EXPECT_EQ(plan({{www, serving({{rs1, weighing(0)}, {rs3, weighing(1)}})}},
                   {{www, serving({{rs1, weighing(1)}, {rs2, weighing(1)}, {rs3, weighing(0)}})}}, {www}),
              (Commands{EditRealServer{www, rs3, weighing(1)}, EditRealServer{www, rs1, weighing(0)},
                        RemoveRealServer{www, rs2}}));
}

TEST(IpvsPlan, ChangesTheForwardingMethodInPlace) {
    const RealServer direct{.forwarding = Forwarding::DirectRouting};
    EXPECT_EQ(plan({{www, serving({{rs1, direct}})}}, {{www, serving({{rs1, weighing(1)}})}}, {www}),
              (Commands{EditRealServer{www, rs1, direct}}));
}

TEST(IpvsPlan, ANetmaskWithoutPersistenceIsNoDifference) {
    VirtualServer observed = serving({});
    observed.persistence_netmask = 0xffffff00;
    EXPECT_EQ(plan({{www, serving({})}}, {{www, observed}}, {}), Commands{});
    VirtualServer desired = serving({});
    desired.persistence_timeout = observed.persistence_timeout = 300;
    EXPECT_EQ(plan({{www, desired}}, {{www, observed}}, {}), (Commands{EditVirtualServer{www, desired}}));
}

TEST(IpvsPlan, AnIpv6ServerIsCreatedWithAPrefixLengthThatTheKernelTakes) {
    const VirtualServerId www6{Protocol::Tcp, at("2001:db8::10")};
    const auto commands = plan({{www6, serving({})}}, {}, {});
    ASSERT_EQ(commands.size(), 1U);
    EXPECT_EQ(std::get<CreateVirtualServer>(commands[0]).properties.persistence_netmask, 128U);
}

TEST(IpvsPlan, CommandsSayWhatTheyDo) {
    VirtualServer persistent = serving({}, "mh");
    persistent.scheduler_flags = 0x18;
    persistent.persistence_timeout = 300;
    EXPECT_EQ(describe(CreateVirtualServer{www, persistent}),
              "CreateVirtualServer tcp 203.0.113.10:80 mh flags 0x18 persistent 300 s netmask 0xffffffff");
    EXPECT_EQ(describe(EditVirtualServer{dns, serving({})}), "EditVirtualServer udp 203.0.113.10:53 wlc");
    EXPECT_EQ(describe(RemoveVirtualServer{dns}), "RemoveVirtualServer udp 203.0.113.10:53");
    EXPECT_EQ(describe(AddRealServer{www, rs1, weighing(3)}),
              "AddRealServer 10.0.1.21:80 nat weight 3 to tcp 203.0.113.10:80");
    EXPECT_EQ(describe(EditRealServer{www, rs1, {.forwarding = Forwarding::Tunnel, .upper_threshold = 9}}),
              "EditRealServer 10.0.1.21:80 tun weight 1 upper 9 of tcp 203.0.113.10:80");
    EXPECT_EQ(describe(RemoveRealServer{www, rs1}), "RemoveRealServer 10.0.1.21:80 of tcp 203.0.113.10:80");
}

VirtualServer random_server(Random& random) {
    VirtualServer server;
    server.scheduler = Scheduler{random.chance(500) ? "wlc" : "mh"};
    server.persistence_timeout = random.chance(300) ? 60 : 0;
    server.persistence_netmask = random.chance(300) ? 24 : 0xffffffff;
    server.one_packet = random.chance(100);
    for (const char* address : {"10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4"}) {
        if (random.chance(400)) continue;
        server.real_servers.emplace(
            at(address), RealServer{.forwarding = random.chance(300) ? Forwarding::DirectRouting : Forwarding::Nat,
                                    .weight = Weight{random.between(0U, 2U)}});
    }
    return server;
}

/// Of four identities, so that tables often share some.
Table random_table(Random& random) {
    Table table;
    for (const char* vip : {"10.1.0.1", "10.1.0.2", "2001:db8::1", "2001:db8::2"}) {
        if (random.chance(600)) table.emplace(VirtualServerId{Protocol::Tcp, at(vip)}, random_server(random));
    }
    return table;
}

bool has_positive_weight(const Table& table, const VirtualServerId& id) {
    const auto found = table.find(id);
    return found != table.end() && std::ranges::any_of(found->second.real_servers, [](const auto& entry) {
               return entry.second.weight > Weight{0};
           });
}

TEST(IpvsPlan, AnyPlanEndsAtWhatIsDesiredAndTouchesNothingElse) {
    Random random{1};
    for (int i = 0; i < 5'000; ++i) {
        const auto desired = random_table(random);
        const auto observed = normalised(random_table(random));
        std::set<VirtualServerId> owned;
        for (const auto& [id, server] : observed) {
            if (random.chance(500)) owned.insert(id);
        }
        Table expected = normalised(desired);
        for (const auto& [id, server] : observed) {
            if (!owned.contains(id)) expected.emplace(id, server);  // Not where it is desired.
        }
        Table table = observed;
        for (const auto& command : plan(desired, observed, owned)) {
            ASSERT_TRUE(applies(table, command)) << describe(command) << "\non\n" << describe(table);
            table = apply(std::move(table), command);
            for (const auto& [id, server] : desired) {
                const bool both_ends = has_positive_weight(observed, id) && has_positive_weight(desired, id);
                ASSERT_TRUE(!both_ends || has_positive_weight(table, id)) << "after " << describe(command) << "\n"
                                                                          << describe(table);
            }
        }
        ASSERT_EQ(table, expected) << describe(table) << "\ninstead of\n" << describe(expected);
        ASSERT_EQ(plan(desired, table, owned), Commands{});
    }
}

TEST(IpvsPlan, ATableNeedsNothingToBecomeItself) {
    Random random{2};
    for (int i = 0; i < 1'000; ++i) {
        const auto table = random_table(random);
        ASSERT_EQ(plan(table, table, {}), Commands{});
    }
}

TEST(IpvsApply, ARefusedCommandChangesNothing) {
    const Table table{{www, serving({{rs1, weighing(1)}})}};
    for (const Command& command :
         Commands{CreateVirtualServer{www, serving({})}, EditVirtualServer{dns, serving({})}, RemoveVirtualServer{dns},
                  AddRealServer{www, rs1, weighing(2)}, AddRealServer{dns, rs1, weighing(2)},
                  EditRealServer{www, rs2, weighing(2)}, EditRealServer{dns, rs1, weighing(2)},
                  RemoveRealServer{www, rs2}, RemoveRealServer{dns, rs1}}) {
        EXPECT_FALSE(applies(table, command)) << describe(command);
        EXPECT_EQ(apply(table, command), table) << describe(command);
    }
}

}  // namespace
}  // namespace anyvip::ipvs
