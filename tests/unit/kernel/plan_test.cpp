#include "anyvip/kernel/plan.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "anyvip/kernel/link_table.hpp"
#include "anyvip/random.hpp"

namespace anyvip::kernel {
namespace {

AddressKey key(std::string_view prefix, const char* interface = "lo") {
    return {net::InterfaceName{interface}, net::Prefix::parse(prefix).value()};
}

Address host(std::string_view prefix) {
    return {.key = key(prefix), .scope = Scope::Host};
}

Address deprecated(std::string_view prefix) {
    return {.key = key(prefix), .deprecated = true};
}

TEST(KernelPlan, AddsWhatIsMissing) {
    const auto vip = host("203.0.113.10/32");
    EXPECT_EQ(plan({vip}, {}, {}), (std::vector<Command>{AddAddress{vip}}));
}

TEST(KernelPlan, RemovesWhatIsOwnedAndNoLongerDesired) {
    const auto vip = host("203.0.113.10/32");
    EXPECT_EQ(plan({}, {vip}, {vip.key}), (std::vector<Command>{RemoveAddress{vip.key}}));
}

TEST(KernelPlan, LeavesAloneWhatIsNotOwned) {
    EXPECT_EQ(plan({}, {host("203.0.113.10/32")}, {key("203.0.113.11/32")}), std::vector<Command>{});
}

TEST(KernelPlan, DoesNotRemoveAnOwnedAddressThatIsGone) {
    EXPECT_EQ(plan({}, {}, {key("203.0.113.10/32")}), std::vector<Command>{});
}

TEST(KernelPlan, AdoptsAMatchingAddressThatWasThereBefore) {
    const auto vip = host("203.0.113.10/32");
    EXPECT_EQ(plan({vip}, {vip}, {}), std::vector<Command>{});
}

TEST(KernelPlan, TheSameAddressOnAnotherInterfaceIsAnotherOne) {
    const Address elsewhere{.key = key("203.0.113.10/32", "eth0")};
    const auto vip = host("203.0.113.10/32");
    EXPECT_EQ(plan({vip}, {elsewhere}, {}), (std::vector<Command>{AddAddress{vip}}));
}

TEST(KernelPlan, MakesAnIpv4AddressOfAnotherScopeAnew) {
    const auto vip = host("203.0.113.10/32");
    const Address global{.key = vip.key, .scope = Scope::Global};
    EXPECT_EQ(plan({vip}, {global}, {}), (std::vector<Command>{RemoveAddress{vip.key}, AddAddress{vip}}));
}

TEST(KernelPlan, DoesNotCompareTheScopeOfIpv6) {
    const Address wanted{.key = key("2001:db8::10/128"), .scope = Scope::Host, .deprecated = true};
    EXPECT_EQ(plan({wanted}, {deprecated("2001:db8::10/128")}, {}), std::vector<Command>{});
}

TEST(KernelPlan, DeprecatesInPlace) {
    const auto vip = deprecated("2001:db8::10/128");
    const Address preferred{.key = vip.key};
    EXPECT_EQ(plan({vip}, {preferred}, {}), (std::vector<Command>{AddAddress{vip}}));
    EXPECT_EQ(plan({preferred}, {vip}, {}), (std::vector<Command>{AddAddress{preferred}}));
}

TEST(KernelPlan, MakesAnAddressThatFailedDetectionAnew) {
    const auto vip = deprecated("2001:db8::10/128");
    Address failed = vip;
    failed.dad = DadState::DadFailed;
    EXPECT_EQ(plan({vip}, {failed}, {}), (std::vector<Command>{RemoveAddress{vip.key}, AddAddress{vip}}));
}

TEST(KernelPlan, AddsBeforeItRemoves) {
    const auto old_vip = host("203.0.113.10/32");
    const auto new_vip = host("203.0.113.11/32");
    EXPECT_EQ(plan({new_vip}, {old_vip}, {old_vip.key}),
              (std::vector<Command>{AddAddress{new_vip}, RemoveAddress{old_vip.key}}));
}

TEST(KernelPlan, CommandsSayWhatTheyDo) {
    EXPECT_EQ(describe(AddAddress{host("203.0.113.10/32")}), "AddAddress 203.0.113.10/32 on lo scope host");
    EXPECT_EQ(describe(RemoveAddress{key("2001:db8::10/128")}), "RemoveAddress 2001:db8::10/128 on lo");
}

/// At most one of each of six keys, so that tables often share some.
AddressTable random_table(Random& random, bool observed) {
    AddressTable table;
    for (const char* prefix : {"10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/24"}) {
        if (random.chance(500)) continue;
        table.insert({.key = key(prefix, random.chance(200) ? "eth0" : "lo"),
                      .scope = random.chance(500) ? Scope::Host : Scope::Global});
    }
    for (const char* prefix : {"2001:db8::1/128", "2001:db8::2/128", "2001:db8::3/64"}) {
        if (random.chance(500)) continue;
        table.insert({.key = key(prefix),
                      .deprecated = random.chance(500),
                      .dad = observed && random.chance(200) ? DadState::DadFailed : DadState::Done});
    }
    return table;
}

TEST(KernelPlan, AnyPlanEndsAtWhatIsDesiredAndTouchesNothingElse) {
    Random random{1};
    for (int i = 0; i < 20'000; ++i) {
        const auto desired = random_table(random, false);
        const auto observed = random_table(random, true);
        std::set<AddressKey> owned;
        for (const auto& address : observed) {
            if (random.chance(500)) owned.insert(address.key);
        }
        AddressTable expected = desired;
        std::set<AddressKey> desired_keys;
        for (const auto& address : desired) desired_keys.insert(address.key);
        for (const auto& address : observed) {
            if (!owned.contains(address.key) && !desired_keys.contains(address.key)) expected.insert(address);
        }
        AddressTable table = observed;
        for (const auto& command : plan(desired, observed, owned)) {
            ASSERT_TRUE(applies(table, command)) << describe(command) << "\non\n" << describe(table);
            table = apply(std::move(table), command);
        }
        ASSERT_EQ(table, expected) << describe(table) << "\ninstead of\n" << describe(expected);
        ASSERT_EQ(plan(desired, table, owned), std::vector<Command>{});
    }
}

TEST(KernelApply, ARefusedCommandChangesNothing) {
    const AddressTable table{host("203.0.113.10/32")};
    const Command remove = RemoveAddress{key("203.0.113.11/32")};
    EXPECT_FALSE(applies(table, remove));
    EXPECT_EQ(apply(table, remove), table);
    const Command other_scope = AddAddress{{.key = key("203.0.113.10/32"), .scope = Scope::Global}};
    EXPECT_FALSE(applies(table, other_scope));
    EXPECT_EQ(apply(table, other_scope), table);
}

TEST(Link, IsUpOnlyWhenPacketsCanLeave) {
    Link link{.name = net::InterfaceName{"eth0"}, .index = net::InterfaceIndex{2}};
    EXPECT_FALSE(link.is_up());
    link.admin_up = link.running = link.lower_up = true;
    EXPECT_TRUE(link.is_up());
    link.running = false;
    EXPECT_FALSE(link.is_up());
}

}  // namespace
}  // namespace anyvip::kernel
