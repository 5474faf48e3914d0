#include "bgp/bfd/io/endpoint.hpp"

#include <gtest/gtest.h>
#include <net/if.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "support/network_namespace.hpp"

/// Two hosts of this process's own and a veth pair between them. Needs root.
namespace anyvip::bfd::io {
namespace {

using namespace std::chrono_literals;
using anyvip::testing::NetworkNamespace;
using Bytes = std::vector<std::uint8_t>;

net::IpAddress ip(std::string_view text) {
    return net::IpAddress::parse(text).value();
}

class EndpointTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(left_host.exists() && right_host.exists()) << "needs root";
        right_host.run("ip link set lo up && ip link add right type veth peer name left netns " + left_host.path());
        configure(left_host, "left", "1");
        configure(right_host, "right", "2");
    }
    static void configure(const NetworkNamespace& host, const std::string& interface, const std::string& number) {
        host.run("ip link set " + interface + " address 02:00:00:00:00:0" + number + " addrgenmode none up");
        host.run("ip address add 10.0.0." + number + "/24 dev " + interface);
        host.run("ip address add 2001:db8::" + number + "/64 dev " + interface + " nodad");
        host.run("ip address add fe80::" + number + "/64 dev " + interface + " nodad");
    }
    /// A socket of the right host.
    void listen(const Listener& listener) {
        right_host.enter();
        auto opened = open_listener(listener);
        ASSERT_TRUE(opened) << describe(opened.error());
        ASSERT_TRUE(socket.adopt(*std::move(opened)));
    }
    [[nodiscard]] std::expected<OpenedSender, Error> open(const SenderWish& wish) const {
        left_host.enter();
        return open_sender(wish);
    }
    /// Sends a packet from the left host, and waits for it at the right one.
    std::optional<Received> deliver(const SenderWish& wish) {
        const auto sender = open(wish);
        EXPECT_TRUE(sender) << (sender ? "" : describe(sender.error()));
        if (!sender) return std::nullopt;
        const auto sent = send(*sender, wish.remote, wish.hops, payload);
        EXPECT_TRUE(sent) << (sent ? "" : describe(sent.error()));
        const auto deadline = std::chrono::steady_clock::now() + 3s;
        while (heard.empty() && std::chrono::steady_clock::now() < deadline) context.run_for(1ms);
        return heard.empty() ? std::nullopt : std::optional{heard.front()};
    }

    NetworkNamespace left_host;
    NetworkNamespace right_host;
    boost::asio::io_context context;
    std::vector<Received> heard;
    ListeningSocket socket{context.get_executor(), [this](std::expected<Received, Error> received) {
                               ASSERT_TRUE(received) << describe(received.error());
                               heard.push_back(*std::move(received));
                           }};
    const Bytes payload{0x20, 0x40, 0x03, 0x18};
};

// RFC 5881 §4 (port 3784), §5 "sent with a TTL or Hop Limit value of 255": positive
TEST_F(EndpointTest, APacketOverIpv4ArrivesWithItsTtlAndItsWay) {
    listen({net::Family::Ipv4, Hops::Single});
    const auto received = deliver({.remote = ip("10.0.0.2")});
    ASSERT_TRUE(received);
    EXPECT_EQ(received->bytes, payload);
    EXPECT_EQ(received->metadata.source, ip("10.0.0.1"));
    EXPECT_EQ(received->metadata.destination, ip("10.0.0.2"));
    EXPECT_EQ(received->metadata.ttl, 255);
    right_host.enter();
    EXPECT_EQ(received->metadata.interface.value(), ::if_nametoindex("right"));
}

// RFC 5881 §5: positive
TEST_F(EndpointTest, AndOverIpv6) {
    listen({net::Family::Ipv6, Hops::Single});
    const auto received = deliver({.remote = ip("2001:db8::2")});
    ASSERT_TRUE(received);
    EXPECT_EQ(received->metadata.source, ip("2001:db8::1"));
    EXPECT_EQ(received->metadata.ttl, 255);
}

TEST_F(EndpointTest, ALinkLocalNeighbourIsReachedThroughItsInterface) {
    listen({net::Family::Ipv6, Hops::Single});
    const auto received = deliver({.remote = ip("fe80::2"), .interface = net::InterfaceName{"left"}});
    ASSERT_TRUE(received);
    EXPECT_EQ(received->metadata.source, ip("fe80::1"));
}

// RFC 5883 §5 (port 4784): positive
TEST_F(EndpointTest, AMultihopPacketGoesToItsOwnPort) {
    listen({net::Family::Ipv4, Hops::Multiple});
    EXPECT_TRUE(deliver({.remote = ip("10.0.0.2"), .hops = Hops::Multiple}));
}

// RFC 5883 §5: negative; RFC 5881 §4: negative
TEST_F(EndpointTest, APacketToTheOtherPortIsNotHeard) {
    listen({net::Family::Ipv4, Hops::Multiple});
    const auto sender = open({.remote = ip("10.0.0.2")});
    ASSERT_TRUE(sender);
    ASSERT_TRUE(send(*sender, ip("10.0.0.2"), Hops::Single, payload));
    context.run_for(50ms);
    EXPECT_TRUE(heard.empty());
}

// RFC 5881 §4 "source port MUST be in the range 49152 through 65535 ... SHOULD be unique among all BFD sessions":
// positive
TEST_F(EndpointTest, EverySessionHasASourcePortOfItsOwn) {
    const auto first = open({.remote = ip("10.0.0.2"), .port_hint = 16383});
    const auto second = open({.remote = ip("10.0.0.2"), .port_hint = 16383});
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->local.port, 65535);
    EXPECT_EQ(second->local.port, 49152);
}

// Product rule 11: our own packets never come from a VIP.
TEST_F(EndpointTest, AVipIsNoSource) {
    const auto sender = open({.remote = ip("10.0.0.2"), .forbidden = {ip("10.0.0.1")}});
    ASSERT_FALSE(sender);
    EXPECT_EQ(sender.error(), (Error{"a VIP is no source", EADDRNOTAVAIL}));
}

TEST_F(EndpointTest, TheConfiguredSourceIsUsed) {
    left_host.run("ip address add 10.0.0.9/24 dev left");
    const auto sender = open({.remote = ip("10.0.0.2"), .source = ip("10.0.0.9")});
    ASSERT_TRUE(sender);
    EXPECT_EQ(sender->local.address, ip("10.0.0.9"));
}

TEST_F(EndpointTest, WhatIsNotThereIsNamed) {
    EXPECT_EQ(open({.remote = ip("10.0.0.2"), .source = ip("10.9.9.9")}).error(), (Error{"bind", EADDRNOTAVAIL}));
    EXPECT_EQ(open({.remote = ip("192.0.2.1")}).error(), (Error{"connect", ENETUNREACH}));
    EXPECT_EQ(open({.remote = ip("fe80::2"), .interface = net::InterfaceName{"nowhere"}}).error(),
              (Error{"if_nametoindex", ENODEV}));
}

TEST_F(EndpointTest, APortThatIsTakenIsNamed) {
    listen({net::Family::Ipv4, Hops::Single});
    EXPECT_EQ(open_listener({net::Family::Ipv4, Hops::Single}).error(), (Error{"bind", EADDRINUSE}));
    EXPECT_TRUE(open_listener({net::Family::Ipv6, Hops::Single})) << "the families do not share a port";
}

TEST_F(EndpointTest, WhatWasReleasedIsNotHeard) {
    listen({net::Family::Ipv4, Hops::Single});
    const auto released = socket.release();
    const auto sender = open({.remote = ip("10.0.0.2")});
    ASSERT_TRUE(sender);
    ASSERT_TRUE(send(*sender, ip("10.0.0.2"), Hops::Single, payload));
    context.restart();
    context.run_for(50ms);
    socket.drain();
    EXPECT_TRUE(heard.empty());
}

}  // namespace
}  // namespace anyvip::bfd::io
