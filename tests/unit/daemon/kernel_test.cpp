#include "daemon/kernel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "support/actions.hpp"
#include "support/kernel_world.hpp"
#include "support/print.hpp"

ANYVIP_PRINT(anyvip::daemon)

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;
using anyvip::testing::all;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const VipName www{"www"};
const VipName dns{"dns"};
const RouterName office{"office"};
const net::InterfaceName lo{"lo"};
const net::InterfaceName eth1{"eth1"};

net::IpAddress ip(std::string_view text) {
    return net::IpAddress::parse(text).value();
}
net::Endpoint endpoint(std::string_view address, std::uint16_t port = 80) {
    return {ip(address), port};
}
kernel::Address on_lo(std::string_view address) {
    return {.key = {.interface = lo, .prefix = net::Prefix::host(ip(address))}, .scope = kernel::Scope::Host};
}
kernel::Address on_eth1(std::string_view prefix) {
    return {.key = {.interface = eth1, .prefix = net::Prefix::parse(prefix).value()}, .scope = kernel::Scope::Global};
}
kernel::Link link(const net::InterfaceName& name, std::uint32_t index) {
    return {.name = name,
            .index = net::InterfaceIndex{index},
            .admin_up = true,
            .running = true,
            .lower_up = true,
            .mac = {},
            .mtu = 1500};
}

const kernel::Address a1 = on_lo("203.0.113.1");
const kernel::Address a2 = on_lo("203.0.113.2");
const kernel::Address foreign = on_lo("127.0.0.1");
const ipvs::VirtualServerId http{ipvs::Protocol::Tcp, endpoint("203.0.113.1")};
const ipvs::VirtualServerId theirs{ipvs::Protocol::Udp, endpoint("198.51.100.9", 53)};
const net::Endpoint first = endpoint("10.0.1.21");
const net::Endpoint second = endpoint("10.0.1.22");

ipvs::RealServer real(std::uint32_t weight) {
    return {.forwarding = ipvs::Forwarding::Nat, .weight = ipvs::Weight{weight}};
}
ipvs::VirtualServer with(std::map<net::Endpoint, ipvs::RealServer> real_servers) {
    ipvs::VirtualServer server;
    server.real_servers = std::move(real_servers);
    return server;
}
DesiredServices wanting(vip::Pool pool) {
    return {{http, {.properties = {}, .forwarding = ipvs::Forwarding::Nat, .pool = std::move(pool)}}};
}

SetAddresses addresses(const AddressOwner& owner, Generation generation, kernel::AddressTable table) {
    return {owner, generation, std::move(table)};
}
KernelMail mail(const KernelMail& letter) {
    return letter;
}

class KernelTest : public ::testing::Test {
protected:
    /// Started on an empty state directory; nothing to adopt, nothing in the way.
    void start(const Ownership& owned = {}, const Adopt& adopt = {}) {
        world.disk = owned;
        world.tell(OwnedLoaded{owned});
        world.tell(mail(adopt));
        world.clear();
    }
    void ask(const KernelMail& letter) { world.tell(letter); }
    void set(const AddressOwner& owner, Generation generation, kernel::AddressTable table) {
        ask(addresses(owner, generation, std::move(table)));
    }
    void serve(const VipName& vip, Generation generation, DesiredServices services) {
        ask(SetServices{vip, generation, std::move(services)});
    }
    template <class T>
    std::vector<T> take() {
        auto found = all<T>(world.log);
        world.clear();
        return found;
    }

    anyvip::testing::KernelWorld world;
};

// ---- the round

TEST_F(KernelTest, NothingIsReadOrRemovedBeforeTheFirstLetterIsHere) {
    world.addresses = {a1};
    world.tell(OwnedLoaded{{.addresses = {a1.key}, .virtual_servers = {}}});
    world.tell(KernelNotified{});
    world.tell(addresses(www, 1, {a2}));
    EXPECT_THAT(world.log, IsEmpty());
    world.tell(mail(Adopt{}));
    EXPECT_EQ(world.addresses, (kernel::AddressTable{a2}));
}

TEST_F(KernelTest, ARoundReadsWritesDownExecutesAndReadsBack) {
    start();
    world.feed(addresses(www, 1, {a1}));
    ASSERT_TRUE(std::holds_alternative<ReadKernel>(*world.asked()));
    world.step();
    ASSERT_EQ(std::get<StoreOwned>(*world.asked()), (StoreOwned{{.addresses = {a1.key}, .virtual_servers = {}}}));
    EXPECT_THAT(world.addresses, IsEmpty());
    world.step();
    ASSERT_EQ(std::get<Execute>(*world.asked()), (Execute{{kernel::AddAddress{a1}}, {}}));
    world.step();
    EXPECT_THAT(all<VipAddressesApplied>(world.log), IsEmpty());  // A command's success is no proof.
    ASSERT_TRUE(std::holds_alternative<ReadKernel>(*world.asked()));
    world.step();
    EXPECT_THAT(all<VipAddressesApplied>(world.log), ElementsAre(VipAddressesApplied{www, 1, {}}));
    EXPECT_EQ(world.asked(), nullptr);
}

TEST_F(KernelTest, WhatIsReadBackCountsAndNotWhatWasExecuted) {
    start();
    world.feed(addresses(www, 1, {a1}));
    world.step();
    world.step();
    world.step();
    world.addresses.clear();  // Somebody was quicker.
    world.settle();
    EXPECT_THAT(take<VipAddressesApplied>(),
                ElementsAre(VipAddressesApplied{www, 1, "203.0.113.1/32 on lo is not there"}));
}

TEST_F(KernelTest, WhatIsThereAlreadyIsWrittenDownAndConfirmedWithoutACommand) {
    world.addresses = {a1};
    start();
    set(www, 1, {a1});
    EXPECT_EQ(world.disk.addresses, (std::set{a1.key}));
    EXPECT_THAT(all<Execute>(world.log), IsEmpty());
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{www, 1, {}}));
}

TEST_F(KernelTest, AWishOfAVirtualRouterIsAnsweredToTheHeartbeat) {
    start();
    set(office, 3, {a1});
    EXPECT_THAT(take<RouterAddressesApplied>(), ElementsAre(RouterAddressesApplied{office, 3, {}}));
}

TEST_F(KernelTest, AWishThatComesMidRoundIsAnsweredAfterARoundOfItsOwn) {
    start();
    world.feed(addresses(www, 1, {a1}));
    world.step();                         // read
    world.feed(addresses(dns, 1, {a2}));  // too late for this plan
    world.step();                         // stored
    world.step();                         // executed
    world.step();                         // read back
    EXPECT_THAT(all<VipAddressesApplied>(world.log), ElementsAre(VipAddressesApplied{www, 1, {}}));
    world.clear();
    world.settle();
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{dns, 1, {}}));
}

TEST_F(KernelTest, ANewerWishMidRoundLeavesTheOlderUnanswered) {
    start();
    world.feed(addresses(www, 1, {a1}));
    world.step();
    world.feed(addresses(www, 2, {}));
    world.settle();
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{www, 2, {}}));
    EXPECT_THAT(world.addresses, IsEmpty());
}

TEST_F(KernelTest, OnlyTheNewestWishIsExecuted) {
    start();
    world.feed(KernelNotified{});  // A round is under way while Active -> Backup -> Active happens.
    world.feed(addresses(office, 1, {a1}));
    world.feed(addresses(office, 2, {}));
    world.feed(addresses(office, 3, {a1}));
    world.settle();
    EXPECT_THAT(take<RouterAddressesApplied>(), ElementsAre(RouterAddressesApplied{office, 3, {}}));
    EXPECT_EQ(world.addresses, (kernel::AddressTable{a1}));
}

TEST_F(KernelTest, ServicesThatJoinARoundThatDidNotReadThemAreReadFirst) {
    world.services[http] = with({{first, real(3)}});
    start();
    world.feed(addresses(dns, 1, {a2}));
    ASSERT_EQ(std::get<ReadKernel>(*world.asked()), ReadKernel{false});
    world.feed(SetServices{www, 1, wanting({{first, vip::AsItIs{}}})});
    world.settle();
    for (const auto& execute : all<Execute>(world.log)) EXPECT_THAT(execute.services, IsEmpty());
    EXPECT_THAT(take<ServicesApplied>(), ElementsAre(ServicesApplied{www, 1, {}}));
    EXPECT_EQ(world.services.at(http).real_servers, (std::map{std::pair{first, real(3)}}));
}

// ---- removal

TEST_F(KernelTest, WhatIsNoLongerWantedIsRemovedAndThenConfirmed) {
    start();
    set(www, 1, {a1});
    set(www, 2, {});
    EXPECT_THAT(world.addresses, IsEmpty());
    EXPECT_THAT(take<VipAddressesApplied>(),
                ElementsAre(VipAddressesApplied{www, 1, {}}, VipAddressesApplied{www, 2, {}}));
}

TEST_F(KernelTest, ARemovalIsNotConfirmedWhileItIsStillThere) {
    start();
    set(www, 1, {a1});
    world.clear();
    world.refused_addresses[a1.key] = {16, "busy"};
    set(www, 2, {});
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{www, 2, "busy (error 16)"}));
    world.refused_addresses.clear();
    world.wait();
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{www, 2, {}}));
}

TEST_F(KernelTest, AnAddressThatMovesToAnotherOwnerStaysAndTheFormerOwnerIsFree) {
    start();
    set(www, 1, {a1});
    set(dns, 1, {a1});
    world.clear();
    set(www, 2, {});
    EXPECT_EQ(world.addresses, (kernel::AddressTable{a1}));
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{www, 2, {}}));
}

TEST_F(KernelTest, AVirtualServerThatMovesToAnotherVipStaysAndTheFormerVipIsFree) {
    start();
    serve(www, 1, wanting({{first, vip::Present{1}}}));
    serve(dns, 1, wanting({{first, vip::Present{1}}}));
    world.clear();
    serve(www, 2, {});
    EXPECT_TRUE(world.services.contains(http));
    EXPECT_THAT(take<ServicesApplied>(), ElementsAre(ServicesApplied{www, 2, {}}));
}

TEST_F(KernelTest, WhatIsGoneIsStruckOffTheList) {
    start();
    set(www, 1, {a1});
    set(www, 2, {});
    world.wait();
    EXPECT_EQ(world.disk, Ownership{});
}

// ---- whose it is

TEST_F(KernelTest, WhatIsNotOursIsNeverTouched) {
    world.addresses = {foreign, a2};
    world.services[theirs] = with({{first, real(1)}});
    start();
    set(www, 1, {a1});
    serve(www, 1, wanting({{first, vip::Present{1}}}));
    set(www, 2, {});
    serve(www, 2, DesiredServices{});
    world.wait();
    EXPECT_EQ(world.addresses, (kernel::AddressTable{foreign, a2}));
    EXPECT_EQ(world.services, (ipvs::Table{{theirs, with({{first, real(1)}})}}));
}

TEST_F(KernelTest, WhatAFormerRunLeftAndNobodyWillWantIsRemovedAtTheStart) {
    world.addresses = {foreign, a1};
    world.services[http] = with({});
    world.disk = {.addresses = {a1.key}, .virtual_servers = {http}};
    world.tell(OwnedLoaded{world.disk});
    world.tell(mail(Adopt{1, {}, {}}));
    EXPECT_EQ(world.addresses, (kernel::AddressTable{foreign}));
    EXPECT_THAT(world.services, IsEmpty());
    EXPECT_THAT(take<Adopted>(), ElementsAre(Adopted{1, {}}));
}

// A stop that did not hear of it called itself orderly and left the address behind.
TEST_F(KernelTest, ALeftoverThatTheKernelDoesNotLetGoIsAnErrorOfTheAdoptionAndTriedAgainSoon) {
    world.addresses = {a1};
    world.refused_addresses[a1.key] = {16, "busy"};
    world.tell(OwnedLoaded{{.addresses = {a1.key}, .virtual_servers = {}}});
    world.tell(mail(Adopt{1, {}, {}}));
    EXPECT_THAT(take<Adopted>(), ElementsAre(Adopted{1, "203.0.113.1/32 on lo is left over: busy (error 16)"}));
    EXPECT_EQ(world.core.deadline(), world.now + 100ms);
    world.wait();
    EXPECT_THAT(take<Adopted>(), IsEmpty());  // Told once.
    world.refused_addresses.clear();
    world.wait();
    EXPECT_THAT(take<Adopted>(), ElementsAre(Adopted{1, {}}));
    EXPECT_EQ(world.core.deadline(), world.now + 30s);
}

TEST_F(KernelTest, ALeftoverVirtualServerIsAnErrorOfTheAdoptionAsWell) {
    world.services[http] = with({});
    world.refused_services[http] = {16, "busy"};
    world.tell(OwnedLoaded{{.addresses = {}, .virtual_servers = {http}}});
    world.tell(mail(Adopt{1, {}, {}}));
    EXPECT_THAT(take<Adopted>(), ElementsAre(Adopted{1, "tcp 203.0.113.1:80 is left over: busy (error 16)"}));
}

// RFC 4724 §4.1: positive; what was written down is there still.
// RFC 4724 §4.1: negative; after a reboot it is not, nor is it without the virtual servers or half of the addresses.
TEST_F(KernelTest, TellsOnceWhetherAFormerRunsVipsWereForwardedAllAlong) {
    const auto found = [this](kernel::AddressTable there, ipvs::Table services, const Ownership& owned) {
        world = {};
        world.addresses = std::move(there);
        world.services = std::move(services);
        world.disk = owned;
        world.tell(OwnedLoaded{owned});
        world.tell(mail(Adopt{.generation = 1, .addresses = {a1.key, a2.key}, .virtual_servers = {http}}));
        set(www, 1, {a1});
        const auto told = take<FormerRunFound>();
        EXPECT_EQ(told.size(), 1U);
        return told.empty() ? FormerRunFound{} : told.front();
    };
    const FormerRunFound forwarded{.left_something = true, .forwarded_ipv4 = true, .forwarded_ipv6 = false};
    const FormerRunFound lost{.left_something = true, .forwarded_ipv4 = false, .forwarded_ipv6 = false};
    const Ownership owned{.addresses = {a1.key, a2.key}, .virtual_servers = {http}};
    EXPECT_EQ(found({a1, a2}, {{http, with({})}}, owned), forwarded);
    EXPECT_EQ(found({a1}, {{http, with({})}}, owned), lost);
    EXPECT_EQ(found({a1, a2}, {}, owned), lost);
    EXPECT_EQ(found({}, {}, owned), lost);
    EXPECT_EQ(found({a1}, {}, {.addresses = {a1.key}, .virtual_servers = {}}), forwarded) << "the rest is new";
    EXPECT_EQ(found({a1, a2}, {}, {}), FormerRunFound{}) << "they are somebody else's";
}

TEST_F(KernelTest, WhatIsProtectedOrWantedIsNoLeftover) {
    world.addresses = {a1, a2};
    start({.addresses = {a1.key, a2.key}, .virtual_servers = {}},
          {.generation = 1, .addresses = {a1.key, a2.key}, .virtual_servers = {}});
    set(www, 1, {a1});
    ask(Adopt{2, {}, {}});
    EXPECT_EQ(world.addresses, (kernel::AddressTable{a1}));
    EXPECT_THAT(take<Adopted>(), ElementsAre(Adopted{2, {}}));
}

TEST_F(KernelTest, WhatCannotBeReadMayBeLeftOver) {
    world.services[http] = with({});
    world.has_ipvs = false;
    world.tell(OwnedLoaded{{.addresses = {}, .virtual_servers = {http}}});
    world.tell(mail(Adopt{1, {}, {}}));
    EXPECT_THAT(take<Adopted>(),
                ElementsAre(Adopted{1, "tcp 203.0.113.1:80 is left over: IPVS is not available (error 2)"}));
}

TEST_F(KernelTest, WhatAFormerRunLeftStaysUntilItsOwnerSpeaks) {
    world.addresses = {a1, a2};
    world.services[http] = with({{first, real(3)}});
    start({.addresses = {a1.key, a2.key}, .virtual_servers = {http}},
          {.generation = 1, .addresses = {a1.key, a2.key}, .virtual_servers = {http}});
    EXPECT_EQ(world.addresses, (kernel::AddressTable{a1, a2}));
    EXPECT_TRUE(world.services.contains(http));
    set(www, 1, {a1});
    EXPECT_EQ(world.addresses, (kernel::AddressTable{a1, a2}));  // Not yet asked for is not unwanted.
    set(www, 2, {});
    EXPECT_EQ(world.addresses, (kernel::AddressTable{a2}));
}

TEST_F(KernelTest, ARunningPoolIsAdoptedWithTheWeightsItHas) {
    world.services[http] = with({{first, real(3)}, {second, real(0)}});
    start({.addresses = {}, .virtual_servers = {http}}, {.generation = 1, .addresses = {}, .virtual_servers = {http}});
    serve(www, 1, wanting({{first, vip::AsItIs{}}, {second, vip::AsItIs{}}}));
    EXPECT_THAT(all<Execute>(world.log), IsEmpty());
    EXPECT_EQ(world.services.at(http), with({{first, real(3)}, {second, real(0)}}));
    serve(www, 2, wanting({{first, vip::Present{5}}, {second, vip::AsItIs{}}}));
    EXPECT_EQ(world.services.at(http), with({{first, real(5)}, {second, real(0)}}));
}

TEST_F(KernelTest, ARealServerWithoutAVerdictIsNotCreated) {
    start();
    serve(www, 1, wanting({{first, vip::AsItIs{}}, {second, vip::Present{7}}}));
    EXPECT_EQ(world.services.at(http), with({{second, real(7)}}));
    EXPECT_THAT(take<ServicesApplied>(), ElementsAre(ServicesApplied{www, 1, {}}));
}

TEST_F(KernelTest, AFailedRealServerIsRemovedAndADrainedOneKeptAtWeightZero) {
    start();
    serve(www, 1, wanting({{first, vip::Present{1}}, {second, vip::Present{1}}}));
    serve(www, 2, wanting({{first, vip::Absent{}}, {second, vip::Present{0}}}));
    EXPECT_EQ(world.services.at(http), with({{second, real(0)}}));
}

// ---- errors

TEST_F(KernelTest, WhatCannotBeWrittenDownIsNotMade) {
    start();
    world.store_error = kernel::Error{28, "no space left"};
    set(www, 1, {a1});
    EXPECT_THAT(world.addresses, IsEmpty());
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{www, 1, "no space left (error 28)"}));
    world.store_error.reset();
    world.wait();
    EXPECT_EQ(world.addresses, (kernel::AddressTable{a1}));
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{www, 1, {}}));
}

TEST_F(KernelTest, AFullDiskTakesNothingFromThoseWhoHaveWhatTheyWant) {
    start();
    set(www, 1, {a1});
    serve(www, 1, wanting({{first, vip::Present{1}}}));
    world.clear();
    world.store_error = kernel::Error{28, "no space left"};
    set(dns, 1, {a2});
    EXPECT_THAT(all<ServicesApplied>(world.log), IsEmpty());
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{dns, 1, "no space left (error 28)"}));
}

TEST_F(KernelTest, ARefusedCommandIsAnsweredInTheKernelsWordsOnceAndTriedAgainEverMoreSlowly) {
    start();
    world.refused_addresses[a1.key] = {1, "not permitted"};
    const auto asked_at = world.now;
    set(www, 1, {a1});
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{www, 1, "not permitted (error 1)"}));
    for (const Duration expected : {100ms, 300ms, 700ms, 1500ms, 3100ms, 6300ms, 11300ms, 16300ms}) {
        EXPECT_EQ(world.core.deadline(), asked_at + expected);
        world.wait();
    }
    EXPECT_THAT(all<VipAddressesApplied>(world.log), IsEmpty());  // Told once.
    world.refused_addresses.clear();
    world.wait();
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{www, 1, {}}));
    EXPECT_EQ(world.core.deadline(), world.now + 30s);
}

TEST_F(KernelTest, OneRefusalDoesNotConcernOthers) {
    start();
    world.refused_services[http] = {2, "no such scheduler"};
    world.feed(SetServices{www, 1, wanting({{first, vip::Present{1}}})});
    world.tell(addresses(dns, 1, {a2}));
    EXPECT_THAT(all<ServicesApplied>(world.log), ElementsAre(ServicesApplied{www, 1, "no such scheduler (error 2)"}));
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{dns, 1, {}}));
}

TEST_F(KernelTest, WithoutIpvsOnlyWhoWantsServicesIsRefused) {
    world.has_ipvs = false;
    start();
    serve(www, 1, DesiredServices{});
    set(www, 1, {a1});
    EXPECT_THAT(all<ServicesApplied>(world.log), ElementsAre(ServicesApplied{www, 1, {}}));
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{www, 1, {}}));
    serve(dns, 1, wanting({{first, vip::Present{1}}}));
    EXPECT_THAT(take<ServicesApplied>(), ElementsAre(ServicesApplied{dns, 1, "IPVS is not available (error 2)"}));
}

TEST_F(KernelTest, WithoutIpvsTheAddressesOfAVipWithServicesWorkAllTheSame) {
    world.has_ipvs = false;
    start();
    serve(www, 1, wanting({{first, vip::Present{1}}}));
    set(dns, 1, {a2});
    EXPECT_THAT(take<VipAddressesApplied>(), ElementsAre(VipAddressesApplied{dns, 1, {}}));
}

TEST_F(KernelTest, WithoutIpvsAVipWithServicesMayLeave) {
    world.has_ipvs = false;
    start();
    serve(www, 1, wanting({{first, vip::Present{1}}}));
    world.clear();
    serve(www, 2, DesiredServices{});
    EXPECT_THAT(take<ServicesApplied>(), ElementsAre(ServicesApplied{www, 2, {}}));
    EXPECT_EQ(world.disk, Ownership{});
}

// ---- repairs

TEST_F(KernelTest, WhatSomebodyDeletedIsRepairedAndReported) {
    start();
    set(www, 1, {a1});
    world.clear();
    world.addresses.clear();
    world.tell(KernelNotified{});
    EXPECT_EQ(world.addresses, (kernel::AddressTable{a1}));
    EXPECT_THAT(all<Repaired>(world.log), ElementsAre(Repaired{"AddAddress 203.0.113.1/32 on lo scope host"}));
}

TEST_F(KernelTest, ARepairOfAVirtualRoutersAddressIsToldSoThatItIsAnnouncedAgain) {
    start();
    set(office, 4, {a1});
    world.clear();
    world.addresses.clear();
    world.tell(KernelNotified{});
    EXPECT_THAT(take<RouterAddressesApplied>(), ElementsAre(RouterAddressesApplied{office, 4, {}}));
}

TEST_F(KernelTest, ARepairThatIsRefusedIsAnErrorToItsOwner) {
    start();
    set(office, 4, {a1});
    world.clear();
    world.addresses.clear();
    world.refused_addresses[a1.key] = {1, "not permitted"};
    world.tell(KernelNotified{});
    EXPECT_THAT(take<RouterAddressesApplied>(),
                ElementsAre(RouterAddressesApplied{office, 4, "not permitted (error 1)"}));
}

TEST_F(KernelTest, IpvsTellsNobodyAndIsReadEveryTwoSeconds) {
    start();
    serve(www, 1, wanting({{first, vip::Present{1}}}));
    EXPECT_EQ(world.core.deadline(), world.now + 2s);
    world.clear();
    world.services.at(http).real_servers.at(first).weight = ipvs::Weight{9};
    world.wait();
    EXPECT_EQ(world.services.at(http), with({{first, real(1)}}));
    EXPECT_THAT(all<Repaired>(world.log).size(), 1U);
    EXPECT_THAT(take<ServicesApplied>(), ElementsAre(ServicesApplied{www, 1, {}}));
}

// Product rule 2: unknown is not down. One failed dump must not withdraw every VIP with services.
TEST_F(KernelTest, AReadingThatFailsTakesNothingFromThoseWhoWereConfirmedForThirtySeconds) {
    start();
    serve(www, 1, wanting({{first, vip::Present{1}}}));
    world.clear();
    world.has_ipvs = false;
    const auto blind_at = world.now + 2s + 30s;
    while (world.core.deadline() < blind_at) world.wait();
    EXPECT_THAT(take<ServicesApplied>(), IsEmpty());
    world.wait();
    EXPECT_THAT(take<ServicesApplied>(), ElementsAre(ServicesApplied{www, 1, "IPVS is not available (error 2)"}));
    world.has_ipvs = true;
    world.wait();
    EXPECT_THAT(take<ServicesApplied>(), ElementsAre(ServicesApplied{www, 1, {}}));
}

TEST_F(KernelTest, AWishThatWasChangedIsNoRepair) {
    start();
    set(www, 1, {a1});
    set(www, 2, {a2});
    EXPECT_THAT(all<Repaired>(world.log), IsEmpty());
}

TEST_F(KernelTest, AQuietKernelIsLeftAlone) {
    start();
    set(www, 1, {a1});
    world.clear();
    world.wait();
    EXPECT_EQ(world.log, (Kernel::Actions{ReadKernel{false}}));
}

TEST_F(KernelTest, ATimerThatHasNotComeStartsNothing) {
    start();
    world.now += 29'999ms;
    world.tell(KernelTimerExpired{});
    EXPECT_THAT(world.log, IsEmpty());
}

TEST_F(KernelTest, AnswersThatNobodyAskedForChangeNothing) {
    start();
    world.feed(OwnedStored{{}});
    world.feed(Executed{});
    EXPECT_THAT(world.log, IsEmpty());
}

// ---- interfaces

TEST_F(KernelTest, TheHeartbeatHearsOfEveryInterfaceAndNeverOfOurOwnVips) {
    const auto vip = on_eth1("192.0.2.100/24");
    const auto own = on_eth1("192.0.2.5/24");
    const auto tentative = [&] {
        auto address = on_eth1("fe80::1/64");
        address.dad = kernel::DadState::Tentative;
        return address;
    }();
    const auto left_over = on_eth1("192.0.2.101/24");
    world.links[eth1] = link(eth1, 3);
    world.addresses = {own, tentative, left_over};
    world.tell(OwnedLoaded{{.addresses = {left_over.key}, .virtual_servers = {}}});
    world.tell(mail(Adopt{}));
    EXPECT_THAT(take<InterfaceChanged>(), ElementsAre(InterfaceChanged{eth1, link(eth1, 3), {own.key.prefix}}));
    set(office, 1, {vip});
    EXPECT_THAT(take<InterfaceChanged>(), IsEmpty());
}

TEST_F(KernelTest, AnInterfaceIsToldAgainWhenItChangedAndWhenItIsGone) {
    world.links[eth1] = link(eth1, 3);
    start();
    world.tell(KernelNotified{});
    EXPECT_THAT(take<InterfaceChanged>(), IsEmpty());
    world.links[eth1].lower_up = false;
    world.tell(KernelNotified{});
    EXPECT_THAT(take<InterfaceChanged>(), ElementsAre(InterfaceChanged{eth1, world.links[eth1], {}}));
    world.links.clear();
    world.tell(KernelNotified{});
    EXPECT_THAT(take<InterfaceChanged>(), ElementsAre(InterfaceChanged{eth1, std::nullopt, {}}));
}

// Product rule 11: a VIP of a virtual router may be link-local, and is not what we talk to a neighbour from.
TEST_F(KernelTest, TheDecisionLoopHearsOfTheLinkLocalAddressThatIsNoVip) {
    const auto own = on_eth1("fe80::5/64");
    world.links[eth1] = link(eth1, 3);
    world.addresses = {on_eth1("fe80::1/64"), own};
    world.tell(OwnedLoaded{{.addresses = {on_eth1("fe80::1/64").key}, .virtual_servers = {}}});
    world.tell(mail(Adopt{}));
    const auto address = net::Ipv6Address::parse("fe80::5");
    EXPECT_THAT(take<LinkLocalChanged>(), ElementsAre(LinkLocalChanged{eth1, net::InterfaceIndex{3}, address}));
    world.links[eth1].running = false;
    world.tell(KernelNotified{});
    EXPECT_THAT(take<LinkLocalChanged>(), IsEmpty()) << "a cable that is pulled takes no address away";
    world.links[eth1] = link(eth1, 4);
    world.tell(KernelNotified{});
    EXPECT_THAT(take<LinkLocalChanged>(), ElementsAre(LinkLocalChanged{eth1, net::InterfaceIndex{4}, address}));
    const net::MacAddress mac{{2, 0, 0, 0, 0, 5}};
    world.links[eth1].mac = mac;
    world.tell(KernelNotified{});
    EXPECT_THAT(take<LinkLocalChanged>(), ElementsAre(LinkLocalChanged{eth1, net::InterfaceIndex{4}, address, mac}));
    world.links[eth1].admin_up = false;
    world.tell(KernelNotified{});
    EXPECT_THAT(take<LinkLocalChanged>(), ElementsAre(LinkLocalChanged{eth1, net::InterfaceIndex{4}, std::nullopt}));
}

// Product rule 2: a reading that failed would have given up every virtual router.
TEST_F(KernelTest, AnInterfaceIsNotGoneBecauseItCouldNotBeRead) {
    world.links[eth1] = link(eth1, 3);
    start();
    world.links_error = kernel::Error{4, "Interrupted system call"};
    world.tell(KernelNotified{});
    EXPECT_THAT(take<InterfaceChanged>(), IsEmpty());
}

}  // namespace
}  // namespace anyvip::daemon
