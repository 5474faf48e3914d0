#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "daemon/io/shells.hpp"
#include "support/print.hpp"

ANYVIP_PRINT(anyvip::daemon)

namespace anyvip::daemon::io {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const VipName www{"www"};
const kernel::Address a1{.key = {net::InterfaceName{"lo"}, *net::Prefix::parse("203.0.113.1/32")},
                         .scope = kernel::Scope::Host};
const kernel::Address nowhere{.key = {net::InterfaceName{"nowhere"}, *net::Prefix::parse("203.0.113.2/32")}};
const ipvs::VirtualServerId http{ipvs::Protocol::Tcp, {*net::IpAddress::parse("203.0.113.1"), 80}};

/// The shell over the kernel of a network namespace of its own, and a state folder of its own.
class KernelShellTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "needs root";
        command("ip link set lo up");
        std::string folder = ::testing::TempDir() + "kernel_shell_XXXXXX";
        ASSERT_NE(::mkdtemp(folder.data()), nullptr);
        state = folder;
    }
    void TearDown() override { std::filesystem::remove_all(state); }

    static void command(const std::string& words) { ASSERT_EQ(std::system(words.c_str()), 0) << words; }
    KernelShell& started() {
        auto& shell =
            shell_.emplace(context, [this](Kernel::Event event) { fed.push_back(std::move(event)); }, post, state);
        const auto done = shell.start();
        EXPECT_TRUE(done) << done.error();
        return shell;
    }
    /// What the shell answers to an action.
    template <class Answer>
    Answer ask(const Kernel::Action& action) {
        fed.clear();
        shell_->perform(action);
        EXPECT_EQ(fed.size(), 1U);
        return std::get<Answer>(fed.at(0));
    }
    [[nodiscard]] bool has(const kernel::Address& address) {
        return ask<KernelRead>(ReadKernel{}).addresses.value().contains(address);
    }

    std::filesystem::path state;
    boost::asio::io_context context;
    Post post;
    std::vector<Kernel::Event> fed;

private:
    std::optional<KernelShell> shell_;
};

TEST_F(KernelShellTest, TellsAtTheStartWhatAFormerRunLeft) {
    const Ownership ownership{.addresses = {a1.key}, .virtual_servers = {http}};
    ASSERT_TRUE(kernel::io::OwnedFile{state / "owned"}.store(ownership));
    started();
    ASSERT_EQ(fed.size(), 1U);
    EXPECT_EQ(std::get<OwnedLoaded>(fed[0]), OwnedLoaded{ownership});
}

TEST_F(KernelShellTest, ALineOfTheListThatSaysNothingIsPassedOver) {
    ASSERT_TRUE(kernel::io::OwnedFile{state / "owned"}.store({.addresses = {a1.key}, .virtual_servers = {}}));
    std::ofstream{state / "owned", std::ios::app} << "adress 203.0.113.9/32 lo\n";
    started();
    EXPECT_EQ(std::get<OwnedLoaded>(fed.at(0)), (OwnedLoaded{{.addresses = {a1.key}, .virtual_servers = {}}}));
}

// Without the list a former run's objects would be taken for somebody else's.
TEST_F(KernelShellTest, DoesNotStartWithAListThatCannotBeRead) {
    std::filesystem::create_directory(state / "owned");
    KernelShell shell{context, [this](Kernel::Event event) { fed.push_back(std::move(event)); }, post, state};
    const auto done = shell.start();
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error(), HasSubstr("owned"));
    EXPECT_TRUE(fed.empty());
}

TEST_F(KernelShellTest, AReadingHasAddressesAndLinksAndServicesOnlyWhenAsked) {
    started();
    const auto read = ask<KernelRead>(ReadKernel{});
    EXPECT_TRUE(read.addresses.value().contains(
        {.key = {net::InterfaceName{"lo"}, *net::Prefix::parse("127.0.0.1/8")}, .scope = kernel::Scope::Host}));
    EXPECT_TRUE(read.links.value().contains(net::InterfaceName{"lo"}));
    EXPECT_FALSE(read.services.has_value());
}

/// Whether there is IPVS depends on the machine; tests/interop/ipvs_test.py has it in any case.
TEST_F(KernelShellTest, AReadingWithServicesHasThemOrSaysThatTheKernelHasNoIpvs) {
    started();
    const auto read = ask<KernelRead>(ReadKernel{true});
    ASSERT_TRUE(read.services.has_value());
    if (*read.services) {
        EXPECT_EQ(read.services->value(), ipvs::Table{});  // The namespace is new.
    } else {
        EXPECT_EQ(read.services->error(), (kernel::Error{ENOENT, "the kernel has no IPVS: modprobe ip_vs"}));
    }
    EXPECT_TRUE(read.addresses.has_value()) << "one does not depend on the other";
}

TEST_F(KernelShellTest, CommandsAreCarriedOutAndARefusalIsNamedByWhatItWasAbout) {
    started();
    const auto executed = ask<Executed>(Execute{{kernel::AddAddress{nowhere}, kernel::AddAddress{a1}}, {}});
    ASSERT_EQ(executed.addresses.size(), 1U);
    EXPECT_EQ(executed.addresses.at(nowhere.key).code, ENODEV);
    EXPECT_TRUE(has(a1)) << "a refusal does not concern the next command";
    EXPECT_EQ(ask<Executed>(Execute{{kernel::RemoveAddress{a1.key}}, {}}), Executed{});
    EXPECT_FALSE(has(a1));
}

TEST_F(KernelShellTest, WhatIsOursIsWrittenDownBeforeTheAnswer) {
    started();
    const Ownership ownership{.addresses = {a1.key}, .virtual_servers = {http}};
    EXPECT_EQ(ask<OwnedStored>(StoreOwned{ownership}), OwnedStored{});
    EXPECT_EQ(kernel::io::OwnedFile{state / "owned"}.load().value().ownership, ownership);
    std::filesystem::remove_all(state);
    const auto stored = ask<OwnedStored>(StoreOwned{Ownership{}});
    ASSERT_TRUE(stored.error.has_value());
    EXPECT_EQ(stored.error->code, ENOENT);
}

TEST_F(KernelShellTest, WhatSomebodyElseChangesIsNotified) {
    started();
    fed.clear();
    command("ip address add 198.51.100.1/32 dev lo");
    context.run_for(0ms);
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (fed.empty() && std::chrono::steady_clock::now() < deadline) context.run_one_for(100ms);
    ASSERT_FALSE(fed.empty());
    EXPECT_TRUE(std::holds_alternative<KernelNotified>(fed[0]));
}

TEST_F(KernelShellTest, CarriesLettersBothWays) {
    auto& shell = started();
    fed.clear();
    const KernelMail of_heartbeat = SetAddresses{RouterName{"office"}, 1, {a1}};
    const KernelMail of_decision = SetServices{www, 2, {}};
    post.heartbeat_to_kernel.send(of_heartbeat);
    post.decision_to_kernel.send(of_decision);
    shell.drain();
    ASSERT_EQ(fed.size(), 2U);
    EXPECT_EQ(std::get<KernelMail>(fed[0]), of_heartbeat);
    EXPECT_EQ(std::get<KernelMail>(fed[1]), of_decision);

    shell.perform(Kernel::Action{DecisionMail{ServicesApplied{www, 2, std::nullopt}}});
    shell.perform(Kernel::Action{HeartbeatMail{RouterAddressesApplied{RouterName{"office"}, 1, std::nullopt}}});
    EXPECT_TRUE(shell.flush());
    std::vector<DecisionMail> to_decision;
    post.kernel_to_decision.receive([&](DecisionMail mail) { to_decision.push_back(std::move(mail)); });
    EXPECT_THAT(to_decision, ElementsAre(DecisionMail{ServicesApplied{www, 2, std::nullopt}}));
    std::vector<HeartbeatMail> to_heartbeat;
    post.kernel_to_heartbeat.receive([&](HeartbeatMail mail) { to_heartbeat.push_back(std::move(mail)); });
    EXPECT_THAT(to_heartbeat,
                ElementsAre(HeartbeatMail{RouterAddressesApplied{RouterName{"office"}, 1, std::nullopt}}));
}

}  // namespace
}  // namespace anyvip::daemon::io
