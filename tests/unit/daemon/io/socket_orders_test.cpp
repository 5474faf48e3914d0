#include "daemon/io/socket_orders.hpp"

#include <gtest/gtest.h>
#include <net/if.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "support/network_namespace.hpp"

namespace anyvip::daemon::io {
namespace {

class SocketOrdersTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(host.exists()) << "needs root";
        host.run("ip link add left type veth peer name right && ip link set left up");
    }
    static SocketAnswer open(const char* interface, bool multicast) {
        const OpenSocket wanted{RouterName{"office"}, net::InterfaceName{interface}, net::Family::Ipv4,
                                net::Ipv4Address{0x0a000001}, multicast};
        auto answer = carry_out(OpenSocketOrder{SocketOrderNumber{7}, wanted});
        EXPECT_TRUE(answer);
        return std::move(answer).value();
    }
    /// 224.0.0.18 in the kernel's list of groups that somebody on this host has joined: RFC 9568 §5.1.1.2.
    static bool is_member() {
        std::ifstream groups{"/proc/thread-self/net/igmp"};
        const std::string text{std::istreambuf_iterator<char>{groups}, {}};
        return text.find("120000E0") != std::string::npos;
    }

    anyvip::testing::NetworkNamespace host;
};

TEST_F(SocketOrdersTest, WhatIsOpenedHasJoinedTheGroupAndIsAnsweredByItsNumber) {
    const auto answer = open("left", true);
    EXPECT_EQ(answer.number, SocketOrderNumber{7});
    EXPECT_EQ(answer.router, RouterName{"office"});
    ASSERT_TRUE(answer.opened);
    EXPECT_EQ(answer.opened->index.value(), ::if_nametoindex("left"));
    EXPECT_TRUE(is_member());
}

TEST_F(SocketOrdersTest, UnicastJoinsNoGroup) {
    EXPECT_TRUE(open("left", false).opened);
    EXPECT_FALSE(is_member());
}

TEST_F(SocketOrdersTest, WhatCannotBeOpenedIsAnsweredWithTheReason) {
    EXPECT_EQ(open("nowhere", true).opened.error(), (vrrp::io::Error{"ioctl(SIOCGIFINDEX)", ENODEV}));
}

TEST_F(SocketOrdersTest, WhatIsClosedIsClosedWhenTheOrderIsCarriedOut) {
    auto answer = open("left", true);
    ASSERT_TRUE(answer.opened);
    CloseSocketOrder order{std::move(*answer.opened)};
    EXPECT_TRUE(is_member());
    EXPECT_FALSE(carry_out(std::move(order))) << "it has no answer";
    EXPECT_FALSE(is_member());
}

}  // namespace
}  // namespace anyvip::daemon::io
