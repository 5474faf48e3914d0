#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "daemon/io/shells.hpp"
#include "support/network_namespace.hpp"
#include "support/print.hpp"
#include "vrrp/advertisement.hpp"
#include "vrrp/arp_frame.hpp"

ANYVIP_PRINT(anyvip::daemon)

/// The shell of the heartbeat between two hosts with a veth pair. The test is its composite and the other loops: what
/// it orders from the kernel loop is carried out when the test says so.
namespace anyvip::daemon::io {
namespace {

using namespace std::chrono_literals;
using anyvip::testing::NetworkNamespace;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Bytes = std::vector<std::uint8_t>;

const RouterName office{"office"};
const net::InterfaceName left{"left"};
const net::InterfaceName right{"right"};

net::IpAddress ip(std::string_view text) {
    return net::IpAddress::parse(text).value();
}
const net::IpAddress group = vrrp::multicast_group(net::Family::Ipv4);

/// A host, the shell on it, and what it told its composite.
struct Host {
    NetworkNamespace network;
    boost::asio::io_context context;
    Post post;
    std::vector<Heartbeat::Event> events;
    HeartbeatShell shell{context, [this](Heartbeat::Event event) { events.push_back(std::move(event)); }, post};

    void perform(const Heartbeat::Action& action) {
        network.enter();
        shell.perform(action);
    }
    /// What waits for the kernel loop.
    std::vector<SocketOrder> take_orders() {
        std::vector<SocketOrder> orders;
        post.socket_orders.receive([&](SocketOrder order) { orders.push_back(std::move(order)); });
        return orders;
    }
    /// The kernel loop does what it was ordered to do, and the shell hears of it.
    void carry_out(std::vector<SocketOrder> orders) {
        network.enter();
        for (auto& order : orders) {
            if (auto answer = io::carry_out(std::move(order))) post.socket_answers.send(std::move(*answer));
        }
        shell.drain();
    }
    void open(const OpenSocket& socket) {
        perform(socket);
        carry_out(take_orders());
    }
    template <class T>
    std::vector<T> heard() const {
        std::vector<T> found;
        for (const auto& event : events) {
            if (const auto* of_kind = std::get_if<T>(&event)) found.push_back(*of_kind);
        }
        return found;
    }
    std::vector<SocketProblem> logged() {
        std::vector<SocketProblem> problems;
        post.heartbeat_log.receive([&](const SocketProblem& problem) { problems.push_back(problem); });
        return problems;
    }
};

class HeartbeatShellTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(one.network.exists() && two.network.exists()) << "needs root";
        two.network.run("ip link add right type veth peer name left netns " + one.network.path());
        one.network.run("ip link set left address 02:00:00:00:00:01 up && ip address add 10.0.0.1/24 dev left");
        two.network.run("ip link set right address 02:00:00:00:00:02 up && ip address add 10.0.0.2/24 dev right");
    }
    void run_until(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + 5s;
        while (!condition() && std::chrono::steady_clock::now() < deadline) {
            one.context.run_for(1ms);
            two.context.run_for(1ms);
        }
        EXPECT_TRUE(condition()) << "not within 5 s";
    }

    const OpenSocket of_one{office, left, net::Family::Ipv4, ip("10.0.0.1"), true};
    const OpenSocket of_two{office, right, net::Family::Ipv4, ip("10.0.0.2"), true};
    const SendPacket packet{office, ip("10.0.0.1"), group, {0x31, 51, 150, 1, 0, 100, 0x43, 0x73, 10, 0, 0, 100}};
    Host one;
    Host two;
};

bool is_open(int descriptor) {
    return ::fcntl(descriptor, F_GETFD) >= 0;
}

// README, four loops: the heartbeat may never wait, and to join a multicast group is to wait for the kernel's RTNL
// lock.
TEST_F(HeartbeatShellTest, ASocketIsOrderedFromTheKernelLoopAndOpenWhenItAnswers) {
    one.perform(of_one);
    EXPECT_THAT(one.events, IsEmpty());
    auto orders = one.take_orders();
    ASSERT_EQ(orders.size(), 1U);
    EXPECT_EQ(std::get<OpenSocketOrder>(orders[0]).wanted, of_one);
    one.shell.drain();
    EXPECT_THAT(one.events, IsEmpty()) << "the kernel loop has not answered yet";
    one.carry_out(std::move(orders));
    EXPECT_THAT(one.heard<SocketOpened>(), ElementsAre(SocketOpened{office, std::nullopt}));
}

TEST_F(HeartbeatShellTest, ASocketThatCannotBeOpenedIsAnsweredWithItsErrorAndLogged) {
    one.open({office, net::InterfaceName{"nowhere"}, net::Family::Ipv4, ip("10.0.0.1"), true});
    EXPECT_THAT(one.heard<SocketOpened>(), ElementsAre(SocketOpened{office, "ioctl(SIOCGIFINDEX): No such device"}));
    EXPECT_THAT(one.logged(), ElementsAre(SocketProblem{"virtual_router=office", {"ioctl(SIOCGIFINDEX)", ENODEV}}));
}

TEST_F(HeartbeatShellTest, ClosingASocketLeavesItToTheKernelLoopToo) {
    one.open(of_one);
    one.perform(CloseSocket{office});
    auto orders = one.take_orders();
    ASSERT_EQ(orders.size(), 1U);
    const int descriptor = std::get<CloseSocketOrder>(orders[0]).descriptors.packets.get();
    EXPECT_TRUE(is_open(descriptor));
    one.carry_out(std::move(orders));
    EXPECT_FALSE(is_open(descriptor));
    EXPECT_EQ(one.heard<SocketOpened>().size(), 1U) << "closing has no answer";
}

TEST_F(HeartbeatShellTest, ASocketThatIsClosedWhileItIsBeingOpenedIsNeverThere) {
    one.perform(of_one);
    one.perform(CloseSocket{office});
    one.carry_out(one.take_orders());
    EXPECT_THAT(one.events, IsEmpty());
    const auto orders = one.take_orders();
    ASSERT_EQ(orders.size(), 1U) << "what was opened for nothing";
    EXPECT_TRUE(std::holds_alternative<CloseSocketOrder>(orders[0]));
}

TEST_F(HeartbeatShellTest, AnotherSocketThatIsWantedInTheMeantimeIsTheOneThatIsAnswered) {
    one.perform(OpenSocket{office, net::InterfaceName{"nowhere"}, net::Family::Ipv4, ip("10.0.0.1"), true});
    auto first = one.take_orders();
    one.perform(CloseSocket{office});
    one.perform(of_one);
    one.carry_out(std::move(first));
    EXPECT_THAT(one.events, IsEmpty()) << "the error is that of a socket that nobody wants";
    EXPECT_THAT(one.logged(), IsEmpty());
    one.carry_out(one.take_orders());
    EXPECT_THAT(one.heard<SocketOpened>(), ElementsAre(SocketOpened{office, std::nullopt}));
}

TEST_F(HeartbeatShellTest, WhatOneSendsTheOtherReceives) {
    one.open(of_one);
    two.open(of_two);
    run_until([&] {
        if (two.heard<PacketReceived>().empty()) one.perform(packet);  // A fresh link may drop the first.
        return !two.heard<PacketReceived>().empty();
    });
    EXPECT_EQ(two.heard<PacketReceived>().at(0), (PacketReceived{office, {ip("10.0.0.1"), group, 255}, packet.bytes}));
    EXPECT_THAT(one.heard<PacketReceived>(), IsEmpty());
}

TEST_F(HeartbeatShellTest, AFrameReachesTheNeighboursCache) {
    one.open(of_one);
    two.network.run("ip neighbour replace 10.0.0.100 lladdr 02:00:00:00:00:99 dev right nud stale");
    const auto mac = net::MacAddress{{2, 0, 0, 0, 0, 1}};
    one.perform(SendFrame{office, ip("10.0.0.100"), vrrp::gratuitous_arp(mac, ip("10.0.0.100").v4())});
    run_until([&] {
        return two.network.output("ip neighbour show 10.0.0.100").find("02:00:00:00:00:01") != std::string::npos;
    });
}

TEST_F(HeartbeatShellTest, WhatIsSentWithoutASocketGoesNowhere) {
    one.perform(packet);
    one.perform(SendFrame{office, ip("10.0.0.100"), Bytes(42)});
    one.perform(CloseSocket{office});
    EXPECT_THAT(one.events, IsEmpty());
    EXPECT_THAT(one.logged(), IsEmpty());
    EXPECT_THAT(one.take_orders(), IsEmpty());
}

TEST_F(HeartbeatShellTest, TheSameProblemIsLoggedOnceForEachSocket) {
    for (int i = 0; i < 2; ++i) {
        one.open(of_one);
        one.network.run("ip link set left down");
        one.perform(packet);
        one.perform(packet);
        EXPECT_THAT(one.logged(), ElementsAre(SocketProblem{"virtual_router=office", {"sendmsg", ENETUNREACH}}));
        one.network.run("ip link set left up");
        one.perform(CloseSocket{office});
    }
}

// Loop::arm_timer: a lease that waits in the mail is older news than a packet that waits in the socket.
TEST_F(HeartbeatShellTest, DrainFeedsTheMailThenThePackets) {
    one.open(of_one);
    two.open(of_two);
    run_until([&] {
        if (two.heard<PacketReceived>().empty()) one.perform(packet);
        return !two.heard<PacketReceived>().empty();
    });
    two.events.clear();
    one.perform(packet);
    two.post.decision_to_heartbeat.send(StopRouters{});
    two.post.kernel_to_heartbeat.send(SnapshotRequested{});
    two.shell.drain();
    EXPECT_THAT(two.events,
                ElementsAre(Heartbeat::Event{HeartbeatMail{StopRouters{}}},
                            Heartbeat::Event{HeartbeatMail{SnapshotRequested{}}},
                            Heartbeat::Event{PacketReceived{office, {ip("10.0.0.1"), group, 255}, packet.bytes}}));
}

TEST_F(HeartbeatShellTest, MailGoesToItsLoop) {
    one.perform(DecisionMail{RoutersStopped{}});
    one.perform(KernelMail{SetAddresses{office, 7, {}}});
    std::vector<DecisionMail> to_decision;
    one.post.heartbeat_to_decision.receive([&](DecisionMail mail) { to_decision.push_back(std::move(mail)); });
    std::vector<KernelMail> to_kernel;
    one.post.heartbeat_to_kernel.receive([&](KernelMail mail) { to_kernel.push_back(std::move(mail)); });
    EXPECT_THAT(to_decision, ElementsAre(DecisionMail{RoutersStopped{}}));
    EXPECT_THAT(to_kernel, ElementsAre(KernelMail{SetAddresses{office, 7, {}}}));
}

TEST_F(HeartbeatShellTest, FlushSaysWhetherAnythingStillWaits) {
    EXPECT_TRUE(one.shell.flush());
    for (int i = 0; i < 1100; ++i) one.perform(KernelMail{SetAddresses{office, 7, {}}});
    EXPECT_FALSE(one.shell.flush());
    one.post.heartbeat_to_kernel.receive([](const KernelMail&) {});
    EXPECT_TRUE(one.shell.flush());
    for (int i = 0; i < 1100; ++i) one.perform(of_one);
    EXPECT_FALSE(one.shell.flush());
    (void)one.take_orders();
    EXPECT_TRUE(one.shell.flush());
}

}  // namespace
}  // namespace anyvip::daemon::io
