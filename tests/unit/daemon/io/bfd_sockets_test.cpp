#include "daemon/io/bfd_sockets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "daemon/io/post.hpp"
#include "support/network_namespace.hpp"

/// The heartbeat's sockets for BFD on one of two hosts with a veth pair; the test is the composite and the kernel loop.
namespace anyvip::daemon::io {
namespace {

using namespace std::chrono_literals;
using anyvip::testing::NetworkNamespace;
using ::testing::ElementsAre;

net::IpAddress ip(std::string_view text) {
    return net::IpAddress::parse(text).value();
}

class BfdSocketsTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(network.exists()) << "needs root";
        network.run("ip link set lo up && ip address add 10.0.0.1/32 dev lo && ip address add 10.0.0.2/32 dev lo");
    }
    std::vector<BfdSocketOrder> take_orders() {
        std::vector<BfdSocketOrder> orders;
        post.bfd_socket_orders.receive([&](BfdSocketOrder order) { orders.push_back(std::move(order)); });
        return orders;
    }
    void carry_out_all() {
        for (auto& order : take_orders()) {
            if (auto answer = io::carry_out(std::move(order))) post.bfd_socket_answers.send(std::move(*answer));
        }
        sockets.drain();
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

    NetworkNamespace network;
    boost::asio::io_context context;
    Post post;
    std::vector<Heartbeat::Event> events;
    BfdSockets sockets{context, [this](Heartbeat::Event event) { events.push_back(std::move(event)); }, post};
    const bfd::Listener listener{net::Family::Ipv4, bfd::Hops::Single};
    const bfd::Discriminator session{0xa1b2c3d4};
    const OpenBfdSender sender{.session = session,
                               .peer = PeerName{"tor-a"},
                               .remote = ip("10.0.0.2"),
                               .source = ip("10.0.0.1"),
                               .interface = std::nullopt,
                               .hops = bfd::Hops::Single,
                               .vips = {}};
};

// README, four loops: the heartbeat may never wait, and opens nothing itself.
TEST_F(BfdSocketsTest, ASocketIsOrderedFromTheKernelLoopAndOpenWhenItAnswers) {
    sockets.perform(sender);
    sockets.perform(OpenBfdListener{listener});
    sockets.drain();
    EXPECT_TRUE(events.empty());
    carry_out_all();
    EXPECT_THAT(heard<BfdSenderOpened>(), ElementsAre(BfdSenderOpened{session, ip("10.0.0.1"), {}, std::nullopt}));
    EXPECT_THAT(heard<BfdListenerOpened>(), ElementsAre(BfdListenerOpened{listener, std::nullopt}));
}

TEST_F(BfdSocketsTest, WhatIsSentArrivesWithItsWayAndTtl) {
    sockets.perform(OpenBfdListener{listener});
    sockets.perform(sender);
    carry_out_all();
    sockets.perform(SendBfdPacket{session, {1, 2, 3}});
    // The driver drains before it feeds TimerExpired: nothing depends on the loop's own turn.
    sockets.drain();
    const auto packets = heard<BfdPacketReceived>();
    ASSERT_EQ(packets.size(), 1U);
    EXPECT_EQ(packets[0].hops, bfd::Hops::Single);
    EXPECT_EQ(packets[0].metadata.source, ip("10.0.0.1"));
    EXPECT_EQ(packets[0].metadata.destination, ip("10.0.0.2"));
    EXPECT_EQ(packets[0].metadata.ttl, 255);
    EXPECT_EQ(packets[0].bytes, (std::vector<std::uint8_t>{1, 2, 3}));
}

TEST_F(BfdSocketsTest, WhatCannotBeOpenedIsSaidOnce) {
    auto wanted = sender;
    wanted.source = ip("10.9.9.9");
    for (int i = 0; i < 2; ++i) {
        sockets.perform(wanted);
        carry_out_all();
    }
    EXPECT_EQ(heard<BfdSenderOpened>().size(), 2U);
    EXPECT_EQ(heard<BfdSenderOpened>()[0].error, "bind: Cannot assign requested address");
    EXPECT_THAT(logged(), ElementsAre(SocketProblem{"bfd peer=tor-a", {"bind", EADDRNOTAVAIL}}));
}

TEST_F(BfdSocketsTest, WhatWasClosedWhileItWasOpenedIsClosed) {
    sockets.perform(sender);
    auto orders = take_orders();
    sockets.perform(CloseBfdSender{session});
    for (auto& order : orders) post.bfd_socket_answers.send(io::carry_out(std::move(order)).value());
    sockets.drain();
    EXPECT_TRUE(events.empty());
    EXPECT_EQ(take_orders().size(), 1U) << "the order to close it";
}

TEST_F(BfdSocketsTest, APacketThatCannotBeSentIsToldToTheComposite) {
    sockets.perform(sender);
    carry_out_all();
    network.run("ip address del 10.0.0.1/32 dev lo");  // Its source is gone.
    sockets.perform(SendBfdPacket{session, {1}});
    ASSERT_EQ(heard<BfdSendFailed>().size(), 1U);
    EXPECT_EQ(heard<BfdSendFailed>()[0].session, session);
}

TEST_F(BfdSocketsTest, WhatIsClosedIsClosedByTheKernelLoop) {
    sockets.perform(OpenBfdListener{listener});
    carry_out_all();
    sockets.perform(CloseBfdListener{listener});
    EXPECT_FALSE(bfd::io::open_listener(listener)) << "it is still bound";
    carry_out_all();
    EXPECT_TRUE(bfd::io::open_listener(listener));
}

}  // namespace
}  // namespace anyvip::daemon::io
