#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "anyvip/ipvs/plan.hpp"
#include "anyvip/random.hpp"
#include "ipvs/io/ipvs_client.hpp"

/// The IPVS client and the planner against a real kernel: run by tests/uml/ipvs_kernel.sh. `ipvsadm` plays the
/// operator who was there before us, and is the second opinion on what we did.
namespace anyvip::ipvs::io {
namespace {

net::Endpoint at(const char* address, std::uint16_t port = 80) {
    return {net::IpAddress::parse(address).value(), port};
}

const VirtualServerId www{Protocol::Tcp, at("10.1.0.1")};
const net::Endpoint rs1 = at("10.0.2.21");
const net::Endpoint rs2 = at("10.0.2.22");

RealServer weighing(std::uint32_t weight, Forwarding forwarding = Forwarding::Nat) {
    return {.forwarding = forwarding, .weight = Weight{weight}};
}

VirtualServer serving(std::map<net::Endpoint, RealServer> pool, const char* scheduler = "wlc") {
    VirtualServer server;
    server.scheduler = Scheduler{scheduler};
    server.real_servers = std::move(pool);
    return server;
}

void shell(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

std::string output_of(const std::string& command) {
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string text;
    std::array<char, 4096> buffer{};
    while (const auto got = std::fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), got);
    EXPECT_EQ(::pclose(pipe), 0) << command;
    return text;
}

std::string ipvsadm_save() {
    return output_of("ipvsadm -Sn");
}

TEST(WithoutIpvs, OpeningSaysThatTheKernelHasNone) {
    const auto client = IpvsClient::open();
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error(), (kernel::Error{ENOENT, "the kernel has no IPVS: modprobe ip_vs"}));
}

/// Each test has a network namespace and so IPVS tables of its own.
class IpvsKernel : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
        shell("ip link set lo up");  // The kernel looks up what kind of address a real server's is.
        auto opened = IpvsClient::open();
        ASSERT_TRUE(opened) << describe(opened.error());
        client_.emplace(std::move(*opened));
    }

    Table dump() {
        auto table = client_->dump();
        EXPECT_TRUE(table) << describe(table.error());
        return table.value_or(Table{});
    }
    std::expected<void, kernel::Error> execute(const Command& command) { return client_->execute(command); }

    /// Dump, plan, execute.
    void reconcile(const Table& desired, const std::set<VirtualServerId>& owned) {
        for (const auto& command : plan(desired, dump(), owned)) {
            const auto done = execute(command);
            ASSERT_TRUE(done) << describe(done.error());
        }
    }

    std::optional<IpvsClient> client_;
};

TEST_F(IpvsKernel, TellsItsVersion) {
    const auto info = client_->info();
    ASSERT_TRUE(info) << describe(info.error());
    EXPECT_EQ(info->version, 0x010201U);
    EXPECT_GE(info->connection_table_size, 256U);
}

/// One of everything that a table can say.
Table one_of_everything() {
    Table table;
    table[www] = serving({{rs1, weighing(3)}, {at("10.0.2.22", 8080), weighing(1)}, {at("10.0.2.23"), weighing(0)}});
    auto& direct = table[{Protocol::Tcp, at("10.1.0.2", 443)}];
    direct = serving({{at("10.0.0.21", 443), weighing(1, Forwarding::DirectRouting)}}, "mh");
    direct.scheduler_flags = 0x18;  // mh-fallback, mh-port
    direct.persistence_timeout = 300;
    direct.persistence_netmask = 0xffffff00;
    auto& tunnel = table[{Protocol::Sctp, at("10.1.0.3", 9)}];
    tunnel = serving({{at("10.0.0.21", 9), weighing(1, Forwarding::Tunnel)}}, "rr");
    tunnel.real_servers.begin()->second.upper_threshold = 1000;
    tunnel.real_servers.begin()->second.lower_threshold = 800;
    auto& dns = table[{Protocol::Udp, at("10.1.0.4", 53)}];
    dns = serving({{at("10.0.0.21", 53), weighing(1, Forwarding::DirectRouting)}}, "rr");
    dns.one_packet = true;
    auto& www6 = table[{Protocol::Tcp, at("2001:db8::10")}];
    www6 = serving(
        {{at("2001:db8:2::21"), weighing(1)}, {at("2001:db8:2::22"), weighing(2, Forwarding::DirectRouting)}}, "wrr");
    auto& persistent6 = table[{Protocol::Tcp, at("2001:db8::11")}];
    persistent6 = serving({{at("2001:db8:2::21"), weighing(1)}}, "sh");
    persistent6.persistence_timeout = 60;
    persistent6.persistence_netmask = 64;
    return table;
}

TEST_F(IpvsKernel, OneOfEverythingIsCreatedReadBackAndRemoved) {
    const Table desired = one_of_everything();
    std::set<VirtualServerId> owned;
    for (const auto& [id, server] : desired) owned.insert(id);
    reconcile(desired, owned);
    EXPECT_EQ(dump(), normalised(desired)) << describe(dump());
    EXPECT_EQ(plan(desired, dump(), owned), std::vector<Command>{});
    reconcile({}, owned);
    EXPECT_EQ(dump(), Table{});
}

TEST_F(IpvsKernel, IpvsadmSeesWhatWeMade) {
    Table desired;
    desired[www] = serving({{rs1, weighing(3)}, {rs2, weighing(1, Forwarding::DirectRouting)}}, "mh");
    desired[www].scheduler_flags = 0x18;
    reconcile(desired, {});
    EXPECT_EQ(ipvsadm_save(),
              "-A -t 10.1.0.1:80 -s mh -b mh-fallback,mh-port\n"
              "-a -t 10.1.0.1:80 -r 10.0.2.21:80 -m -w 3\n"
              "-a -t 10.1.0.1:80 -r 10.0.2.22:80 -g -w 1\n");
}

TEST_F(IpvsKernel, EveryPropertyIsEditedInPlace) {
    reconcile({{www, serving({{rs1, weighing(1)}})}}, {});
    VirtualServer changed = serving({{rs1, weighing(7, Forwarding::DirectRouting)}}, "mh");
    changed.scheduler_flags = 0x10;
    changed.persistence_timeout = 120;
    changed.persistence_netmask = 0xffff0000;
    changed.one_packet = true;
    changed.real_servers.begin()->second.upper_threshold = 10;
    changed.real_servers.begin()->second.lower_threshold = 5;
    for (const VirtualServer& wanted : {changed, serving({{rs1, weighing(1)}})}) {
        const auto commands = plan({{www, wanted}}, dump(), {});
        ASSERT_EQ(commands.size(), 2U) << describe(commands);
        EXPECT_TRUE(std::holds_alternative<EditVirtualServer>(commands[0])) << describe(commands);
        EXPECT_TRUE(std::holds_alternative<EditRealServer>(commands[1])) << describe(commands);
        reconcile({{www, wanted}}, {});
        EXPECT_EQ(dump(), normalised(Table{{www, wanted}})) << describe(dump());
    }
}

TEST_F(IpvsKernel, ADrainedRealServerStaysWithWeightZeroAndAFailedOneGoes) {
    reconcile({{www, serving({{rs1, weighing(1)}, {rs2, weighing(1)}})}}, {});
    reconcile({{www, serving({{rs1, weighing(0)}, {rs2, weighing(1)}})}}, {www});
    EXPECT_EQ(dump(), (Table{{www, serving({{rs1, weighing(0)}, {rs2, weighing(1)}})}}));
    reconcile({{www, serving({{rs2, weighing(1)}})}}, {www});
    EXPECT_EQ(dump(), (Table{{www, serving({{rs2, weighing(1)}})}}));
    reconcile({{www, serving({{rs1, weighing(1)}, {rs2, weighing(1)}})}}, {www});
    EXPECT_EQ(dump(), (Table{{www, serving({{rs1, weighing(1)}, {rs2, weighing(1)}})}}));
}

TEST_F(IpvsKernel, WhatMatchesIsAdoptedWithoutACommand) {
    shell("ipvsadm -A -t 10.1.0.1:80 -s wlc && ipvsadm -a -t 10.1.0.1:80 -r 10.0.2.21:80 -m -w 3");
    const Table desired{{www, serving({{rs1, weighing(3)}})}};
    EXPECT_EQ(plan(desired, dump(), {}), std::vector<Command>{}) << describe(dump());
}

TEST_F(IpvsKernel, WhatMatchesByNameAloneIsAdoptedAndEdited) {
    shell("ipvsadm -A -t 10.1.0.1:80 -s rr -p 60 && ipvsadm -a -t 10.1.0.1:80 -r 10.0.2.29:80 -g");
    const Table desired{{www, serving({{rs1, weighing(3)}})}};
    const auto commands = plan(desired, dump(), {});
    EXPECT_EQ(describe(commands),
              "EditVirtualServer tcp 10.1.0.1:80 wlc\n"
              "AddRealServer 10.0.2.21:80 nat weight 3 to tcp 10.1.0.1:80\n"
              "RemoveRealServer 10.0.2.29:80 of tcp 10.1.0.1:80");
    reconcile(desired, {});
    EXPECT_EQ(dump(), desired) << describe(dump());
}

TEST_F(IpvsKernel, WhatSomebodyElseChangedIsRepaired) {
    const Table desired = one_of_everything();
    reconcile(desired, {});
    shell("ipvsadm -D -u 10.1.0.4:53 && ipvsadm -d -t 10.1.0.1:80 -r 10.0.2.21:80 && ipvsadm -E -t 10.1.0.2:443 -s rr");
    EXPECT_NE(dump(), normalised(desired));
    reconcile(desired, {});
    EXPECT_EQ(dump(), normalised(desired)) << describe(dump());
}

TEST_F(IpvsKernel, WhatIsNotOursStaysAsItIs) {
    shell("ipvsadm -A -f 7 -s wlc -p 90 && ipvsadm -a -f 7 -r 10.0.2.29:0 -g -w 5");
    shell("ipvsadm -A -t 10.9.0.1:80 -s rr && ipvsadm -a -t 10.9.0.1:80 -r 10.0.2.29:80 -m -w 5");
    const std::string before = ipvsadm_save();
    const Table desired = one_of_everything();
    std::set<VirtualServerId> owned;
    for (const auto& [id, server] : desired) owned.insert(id);
    reconcile(desired, owned);
    EXPECT_NE(ipvsadm_save(), before);
    reconcile({}, owned);
    EXPECT_EQ(ipvsadm_save(), before);
}

TEST_F(IpvsKernel, AMissingSchedulerIsNamedWithItsModule) {
    const auto created = execute(CreateVirtualServer{www, serving({}, "nosuch")});
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error(), (kernel::Error{ENOENT, "scheduler nosuch is not available: modprobe ip_vs_nosuch"}));
    ASSERT_TRUE(execute(CreateVirtualServer{www, serving({})}));
    const auto edited = execute(EditVirtualServer{www, serving({}, "nosuch")});
    ASSERT_FALSE(edited);
    EXPECT_EQ(edited.error().code, ENOENT);
    EXPECT_EQ(dump(), (Table{{www, serving({})}})) << "an edit that fails changes nothing";
}

TEST_F(IpvsKernel, RefusesWhatTheModelRefuses) {
    const Table table{{www, serving({{rs1, weighing(1)}})}};
    reconcile(table, {});
    const VirtualServerId other{Protocol::Tcp, at("10.1.0.9")};
    const std::vector<std::pair<Command, int>> refused{
        {CreateVirtualServer{www, serving({})}, EEXIST},
        {EditVirtualServer{other, serving({})}, ESRCH},
        {RemoveVirtualServer{other}, ESRCH},
        {AddRealServer{www, rs1, weighing(2)}, EEXIST},
        {AddRealServer{other, rs1, weighing(2)}, ESRCH},
        {EditRealServer{www, rs2, weighing(2)}, ENOENT},
        {EditRealServer{other, rs1, weighing(2)}, ESRCH},
        {RemoveRealServer{www, rs2}, ENOENT},
        {RemoveRealServer{other, rs1}, ESRCH},
    };
    for (const auto& [command, code] : refused) {
        EXPECT_FALSE(applies(table, command)) << describe(command);
        const auto done = execute(command);
        ASSERT_FALSE(done) << describe(command);
        EXPECT_EQ(done.error().code, code) << describe(done.error());
    }
    EXPECT_EQ(dump(), table) << "and the socket goes on working";
}

/// Of three identities with up to four real servers.
Table random_table(Random& random) {
    Table table;
    for (const char* vip : {"10.1.0.1", "10.1.0.2", "2001:db8::10"}) {
        if (random.chance(400)) continue;
        const VirtualServerId id{Protocol::Tcp, at(vip)};
        VirtualServer& server = table[id];
        server.scheduler = Scheduler{random.chance(500) ? "wlc" : "mh"};
        server.persistence_timeout = random.chance(300) ? 60 : 0;
        server.persistence_netmask = random.chance(300) ? 24 : 0xffffffff;
        for (const char* last : {"1", "2", "3", "4"}) {
            if (random.chance(400)) continue;
            const std::string address = (id.address.address.is_v4() ? "10.0.2.2" : "2001:db8:2::2") + std::string{last};
            server.real_servers.emplace(
                at(address.c_str()),
                weighing(random.between(0U, 2U), random.chance(300) ? Forwarding::DirectRouting : Forwarding::Nat));
        }
    }
    return table;
}

TEST_F(IpvsKernel, DoesWhatTheModelDoesStepByStep) {
    Random random{1};
    std::set<VirtualServerId> owned;
    for (const char* vip : {"10.1.0.1", "10.1.0.2", "2001:db8::10"}) owned.insert({Protocol::Tcp, at(vip)});
    Table model;
    for (int i = 0; i < 60; ++i) {
        const Table desired = random_table(random);
        for (const auto& command : plan(desired, dump(), owned)) {
            ASSERT_TRUE(execute(command)) << describe(command);
            model = apply(std::move(model), command);
            ASSERT_EQ(dump(), model) << "after " << describe(command) << "\n"
                                     << describe(dump()) << "model\n"
                                     << describe(model);
        }
        ASSERT_EQ(model, normalised(desired));
    }
}

TEST_F(IpvsKernel, ManyRealServersComeInOneTable) {
    Table desired;
    for (std::uint32_t v = 0; v < 20; ++v) {
        auto& server = desired[{Protocol::Tcp, {net::Ipv4Address{0x0a010000 + v}, 80}}];
        for (std::uint32_t r = 0; r < 100; ++r) {
            server.real_servers.emplace(net::Endpoint{net::Ipv4Address{0x0a020000 + r}, 80}, weighing(1 + r));
        }
    }
    reconcile(desired, {});
    EXPECT_EQ(dump(), normalised(desired));
}

}  // namespace
}  // namespace anyvip::ipvs::io
