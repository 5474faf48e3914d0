#include "kernel/io/rtnetlink.hpp"

#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace anyvip::kernel::io {
namespace {

using anyvip::io::NetlinkMessage;

AddressKey key(const char* interface, const char* prefix) {
    return {net::InterfaceName{interface}, net::Prefix::parse(prefix).value()};
}

void shell(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

bool within_two_seconds(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        (void)::poll(nullptr, 0, 5);
    }
    return true;
}

/// Each test runs in a network namespace of its own, with a pair of interfaces that are up.
class RtnetlinkTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "needs root";
        shell("ip link set lo up");
        shell("ip link add left mtu 1400 type veth peer name right");
        shell("ip link set left address 02:00:00:00:00:01 up && ip link set right up");
        auto opened = Rtnetlink::open();
        ASSERT_TRUE(opened) << describe(opened.error());
        rtnetlink_.emplace(std::move(*opened));
        // The kernel's linkwatch settles the operational state a little after the command.
        ASSERT_TRUE(within_two_seconds([&] { return link("left").is_up() && link("right").is_up(); }));
    }

    Link link(const char* name) { return rtnetlink_->links().value().at(net::InterfaceName{name}); }
    std::expected<void, Error> execute(const Command& command) { return rtnetlink_->execute(command); }
    AddressTable addresses() { return rtnetlink_->addresses().value(); }
    /// The address of that key as a dump shows it.
    std::optional<Address> observed(const AddressKey& wanted) {
        const auto table = addresses();
        const auto found = std::ranges::find(table, wanted, &Address::key);
        return found == table.end() ? std::nullopt : std::optional{*found};
    }

    std::optional<Rtnetlink> rtnetlink_;
};

TEST_F(RtnetlinkTest, DumpsLinks) {
    const auto links = rtnetlink_->links().value();
    ASSERT_TRUE(links.contains(net::InterfaceName{"left"}));
    const Link& left = links.at(net::InterfaceName{"left"});
    EXPECT_TRUE(left.is_up()) << describe(left);
    EXPECT_EQ(left.mac.to_string(), "02:00:00:00:00:01");
    EXPECT_EQ(left.mtu, 1400U);
    EXPECT_TRUE(links.at(net::InterfaceName{"lo"}).is_up());
}

TEST_F(RtnetlinkTest, ALinkWithoutCarrierIsNotUp) {
    shell("ip link set right down");
    const Link left = rtnetlink_->links().value().at(net::InterfaceName{"left"});
    EXPECT_TRUE(left.admin_up);
    EXPECT_FALSE(left.lower_up);
    EXPECT_FALSE(left.is_up());
}

TEST_F(RtnetlinkTest, AnIpv4VipOnLoHasHostScope) {
    const Address vip{.key = key("lo", "203.0.113.10/32"), .scope = Scope::Host};
    ASSERT_TRUE(execute(AddAddress{vip}));
    EXPECT_EQ(observed(vip.key), vip);
    ASSERT_TRUE(execute(RemoveAddress{vip.key}));
    EXPECT_EQ(observed(vip.key), std::nullopt);
}

TEST_F(RtnetlinkTest, AnIpv6VipIsDeprecatedAndUsableAtOnce) {
    for (const char* interface : {"lo", "left"}) {
        const Address vip{.key = key(interface, "2001:db8::10/128"), .deprecated = true};
        ASSERT_TRUE(execute(AddAddress{vip}));
        EXPECT_EQ(observed(vip.key), vip) << interface << ": without IFA_F_NODAD it would be tentative on a veth";
        ASSERT_TRUE(execute(RemoveAddress{vip.key}));
    }
}

TEST_F(RtnetlinkTest, AnIpv6AddressThatSomebodyElseHasDoesNotFailDetection) {
    shell("ip addr add 2001:db8::10/64 dev right nodad");
    const Address vip{.key = key("left", "2001:db8::10/64")};
    ASSERT_TRUE(execute(AddAddress{vip}));
    EXPECT_EQ(observed(vip.key), vip);
}

TEST_F(RtnetlinkTest, AddingAgainChangesThePreferredLifetime) {
    Address vip{.key = key("left", "2001:db8::10/128")};
    ASSERT_TRUE(execute(AddAddress{vip}));
    EXPECT_EQ(observed(vip.key), vip);
    vip.deprecated = true;
    ASSERT_TRUE(execute(AddAddress{vip}));
    EXPECT_EQ(observed(vip.key), vip);
    vip.deprecated = false;
    ASSERT_TRUE(execute(AddAddress{vip}));
    EXPECT_EQ(observed(vip.key), vip);
}

TEST_F(RtnetlinkTest, APlanOfEveryKindOfDifferenceIsExecutedAndReadBack) {
    shell("ip addr add 10.0.0.1/24 dev left");               // Not ours: stays.
    shell("ip addr add 203.0.113.10/32 dev lo");             // Desired, of another scope: made anew.
    shell("ip addr add 203.0.113.99/32 dev lo scope host");  // Ours, no longer desired: removed.
    shell("ip addr add 2001:db8::10/128 dev lo nodad");      // Desired, not deprecated: deprecated.
    const AddressTable desired{{.key = key("lo", "203.0.113.10/32"), .scope = Scope::Host},
                               {.key = key("lo", "203.0.113.11/32"), .scope = Scope::Host},
                               {.key = key("lo", "2001:db8::10/128"), .deprecated = true}};
    const std::set<AddressKey> owned{key("lo", "203.0.113.99/32")};
    for (const auto& command : plan(desired, addresses(), owned)) {
        const auto done = execute(command);
        ASSERT_TRUE(done) << describe(done.error());
    }
    EXPECT_EQ(plan(desired, addresses(), owned), std::vector<Command>{}) << describe(addresses());
    EXPECT_EQ(observed(key("lo", "203.0.113.99/32")), std::nullopt);
    EXPECT_NE(observed(key("left", "10.0.0.1/24")), std::nullopt);
}

TEST_F(RtnetlinkTest, ARefusalHasTheKernelsNumberAndSaysWhatWasAsked) {
    const auto gone = execute(RemoveAddress{key("lo", "203.0.113.10/32")});
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code, EADDRNOTAVAIL);
    EXPECT_EQ(gone.error().what, "RemoveAddress 203.0.113.10/32 on lo: Cannot assign requested address");
    const auto no_interface = execute(AddAddress{{.key = key("missing0", "203.0.113.10/32")}});
    ASSERT_FALSE(no_interface);
    EXPECT_EQ(no_interface.error().code, ENODEV);
    EXPECT_TRUE(rtnetlink_->addresses()) << "the socket goes on working";
}

TEST_F(RtnetlinkTest, AThousandAddressesComeInOneTable) {
    AddressTable wanted;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        const net::Prefix prefix = net::Prefix::host(net::Ipv4Address{0x0a010000 + i});
        const Address address{.key = {net::InterfaceName{"lo"}, prefix}, .scope = Scope::Host};
        ASSERT_TRUE(execute(AddAddress{address}));
        wanted.insert(address);
    }
    EXPECT_EQ(plan(wanted, addresses(), {}), std::vector<Command>{});
}

class MonitorTest : public RtnetlinkTest {
protected:
    void SetUp() override {
        RtnetlinkTest::SetUp();
        auto opened = Monitor::open();
        ASSERT_TRUE(opened) << describe(opened.error());
        monitor_.emplace(std::move(*opened));
    }

    /// Reads until something said is `wanted`, or two seconds are over.
    bool hears(const std::function<bool(const Notification&)>& wanted) {
        return within_two_seconds([&] {
            std::ranges::move(monitor_->read(), std::back_inserter(heard_));
            return std::ranges::any_of(heard_, wanted);
        });
    }
    bool hears(const Notification& wanted) {
        return hears([&](const Notification& heard) { return heard == wanted; });
    }

    std::optional<Monitor> monitor_;
    std::vector<Notification> heard_;
};

TEST_F(MonitorTest, TellsOfAddresses) {
    const Address vip{.key = key("lo", "203.0.113.10/32"), .scope = Scope::Host};
    ASSERT_TRUE(execute(AddAddress{vip}));
    EXPECT_TRUE(hears(AddressChanged{vip})) << describe(heard_);
    ASSERT_TRUE(execute(RemoveAddress{vip.key}));
    EXPECT_TRUE(hears(AddressRemoved{vip.key})) << describe(heard_);
}

TEST_F(MonitorTest, TellsOfLinksAndOfAddressesOnNewOnes) {
    shell("ip link add later type bridge && ip link set later up");
    const Link later = link("later");
    EXPECT_TRUE(hears(LinkChanged{later})) << describe(heard_);
    const Address address{.key = key("later", "10.9.9.9/24")};
    ASSERT_TRUE(execute(AddAddress{address}));
    EXPECT_TRUE(hears(AddressChanged{address})) << describe(heard_);
    shell("ip link del later");
    EXPECT_TRUE(hears(AddressRemoved{address.key})) << describe(heard_);
    EXPECT_TRUE(hears(LinkRemoved{later.name, later.index})) << describe(heard_);
    EXPECT_EQ(std::ranges::find(heard_, Notification{ResyncNeeded{}}), heard_.end()) << describe(heard_);
}

TEST_F(MonitorTest, TellsOfALinkThatLosesItsCarrier) {
    shell("ip link set right down");
    EXPECT_TRUE(hears([](const Notification& heard) {
        const auto* changed = std::get_if<LinkChanged>(&heard);
        return changed != nullptr && changed->link.name == net::InterfaceName{"left"} && changed->link.admin_up &&
               !changed->link.lower_up && !changed->link.is_up();
    })) << describe(heard_);
}

TEST_F(MonitorTest, ItsDescriptorIsReadableWhenThereIsSomethingToRead) {
    while (!monitor_->read().empty()) {
    }
    ASSERT_TRUE(execute(AddAddress{{.key = key("lo", "203.0.113.10/32"), .scope = Scope::Host}}));
    pollfd readable{.fd = monitor_->native_handle(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&readable, 1, 2000), 1);
    EXPECT_FALSE(monitor_->read().empty());
}

TEST_F(MonitorTest, NothingToReadIsNothing) {
    while (!monitor_->read().empty()) {
    }
    EXPECT_EQ(monitor_->read(), std::vector<Notification>{});
}

TEST_F(MonitorTest, AnOverrunAsksForANewDumpAndLaterNewsStillCome) {
    ASSERT_TRUE(monitor_->set_receive_buffer(2304));
    for (std::uint32_t i = 0; i < 200; ++i) {
        ASSERT_TRUE(execute(
            AddAddress{{.key = {net::InterfaceName{"lo"}, net::Prefix::host(net::Ipv4Address{0x0a010000 + i})}}}));
    }
    EXPECT_TRUE(hears(ResyncNeeded{}));
    const Address vip{.key = key("lo", "203.0.113.10/32"), .scope = Scope::Host};
    ASSERT_TRUE(execute(AddAddress{vip}));
    EXPECT_TRUE(hears(AddressChanged{vip}));
}

/// A well-formed RTM_NEWADDR of 10.0.0.1/24 on the interface of index 7, to be spoilt by the tests.
NetlinkMessage new_address(std::uint8_t family, std::uint8_t length, int octets) {
    NetlinkMessage message{nlmsg_alloc_simple(RTM_NEWADDR, 0)};
    ifaddrmsg header{};
    header.ifa_family = family;
    header.ifa_prefixlen = length;
    header.ifa_index = 7;
    const std::array<std::uint8_t, 20> address{10, 0, 0, 1};
    EXPECT_EQ(nlmsg_append(message.get(), &header, sizeof(header), NLMSG_ALIGNTO), 0);
    EXPECT_EQ(nla_put(message.get(), IFA_LOCAL, octets, address.data()), 0);
    return message;
}

TEST(DecodeAddress, TakesNothingThatBreaksThePolicy) {
    const InterfaceNames names{{net::InterfaceIndex{7}, net::InterfaceName{"eth0"}}};
    const auto decode = [&](const NetlinkMessage& message) { return decode_address(*nlmsg_hdr(message.get()), names); };
    EXPECT_EQ(decode(new_address(AF_INET, 24, 4)), (Address{.key = key("eth0", "10.0.0.1/24")}));
    EXPECT_EQ(decode(new_address(AF_INET, 33, 4)), std::nullopt) << "longer than an address";
    EXPECT_EQ(decode(new_address(AF_INET6, 24, 4)), std::nullopt) << "length of the other family";
    EXPECT_EQ(decode(new_address(AF_INET, 24, 3)), std::nullopt);
    EXPECT_EQ(decode(new_address(AF_INET, 24, 5)), std::nullopt);
    EXPECT_EQ(decode(new_address(AF_INET6, 24, 17)), std::nullopt);
    EXPECT_EQ(decode_address(*nlmsg_hdr(new_address(AF_INET, 24, 4).get()), {}), std::nullopt) << "unknown interface";
    EXPECT_EQ(decode_link(*nlmsg_hdr(new_address(AF_INET, 24, 4).get())), std::nullopt);
}

}  // namespace
}  // namespace anyvip::kernel::io
