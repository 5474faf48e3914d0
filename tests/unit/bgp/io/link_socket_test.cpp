#include "bgp/io/link_socket.hpp"

#include <gtest/gtest.h>
#include <net/if.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "bgp/neighbor_discovery.hpp"
#include "support/own_network.hpp"

namespace anyvip::bgp::io {
namespace {

using namespace std::chrono_literals;

/// A cable with two ends in one network: what one end sends to all, the other hears.
class LinkSocketTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(network.usable()) << "needs root";
        ASSERT_TRUE(
            network.shell("ip link add left type veth peer name right && "
                          "sysctl -q -w net.ipv6.conf.left.accept_dad=0 net.ipv6.conf.right.accept_dad=0 && "
                          "ip link set left addrgenmode none && ip link set right addrgenmode none && "
                          "ip link set left up && ip link set right up && "
                          "ip address add fe80::1/64 dev left nodad && "
                          "ip address add fe80::2/64 dev right nodad"));
        for (auto* end : {&left, &right}) {
            ASSERT_TRUE(end->socket.open(net::InterfaceName{end->name}, index_of(end->name)));
        }
    }
    static net::InterfaceIndex index_of(const char* name) { return net::InterfaceIndex{::if_nametoindex(name)}; }

    bool until(auto condition, std::chrono::milliseconds limit = 5s) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (!condition() && std::chrono::steady_clock::now() < end) {
            context.restart();
            context.run_one_for(20ms);
        }
        return condition();
    }
    static link::SendPacket advertisement(const char* from, const net::Ipv6Address& to = nd::all_nodes) {
        return {*net::Ipv6Address::parse(from), to, nd::encode(nd::RouterAdvertisement{})};
    }

    struct End {
        End(boost::asio::io_context& io, const char* interface)
            : name{interface},
              socket{io.get_executor(), [this](link::PacketReceived packet) { heard.push_back(std::move(packet)); }} {}
        const char* name;
        std::vector<link::PacketReceived> heard;
        LinkSocket socket;
    };

    testing::OwnNetwork network;
    boost::asio::io_context context;
    End left{context, "left"};
    End right{context, "right"};
};

// The kernel has filled in the checksum, and checked it.
TEST_F(LinkSocketTest, AnAdvertisementArrivesWithHopLimit255AndItsSource) {
    ASSERT_TRUE(left.socket.send(advertisement("fe80::1")));
    ASSERT_TRUE(until([&] { return !right.heard.empty(); }));
    const auto& packet = right.heard.front();
    EXPECT_EQ(packet.source, *net::Ipv6Address::parse("fe80::1"));
    EXPECT_EQ(packet.hop_limit, 255);
    const auto message = nd::decode(packet.bytes, packet.source, packet.hop_limit);
    ASSERT_TRUE(message) << nd::describe(message.error());
    EXPECT_TRUE(std::holds_alternative<nd::RouterAdvertisement>(*message));
    EXPECT_TRUE(left.heard.empty()) << "it hears itself";
}

TEST_F(LinkSocketTest, ASolicitationReachesWhoIsNoRouterToTheKernel) {
    ASSERT_TRUE(
        left.socket.send({*net::Ipv6Address::parse("fe80::1"), nd::all_routers, nd::encode(nd::RouterSolicitation{})}));
    ASSERT_TRUE(until([&] { return !right.heard.empty(); }));
    EXPECT_EQ(right.heard.front().bytes.at(0), 133);
}

TEST_F(LinkSocketTest, NothingElseOfIcmpv6IsHeard) {
    ASSERT_TRUE(network.shell("ping -6 -c 1 -W 1 -I left ff02::1 >/dev/null || true"));
    ASSERT_TRUE(left.socket.send(advertisement("fe80::1")));
    ASSERT_TRUE(until([&] { return !right.heard.empty(); }));
    for (const auto& packet : right.heard) EXPECT_GE(packet.bytes.at(0), 133);
    for (const auto& packet : right.heard) EXPECT_LE(packet.bytes.at(0), 134);
}

// Product rule 11: the source is what we say, not what the kernel would choose.
TEST_F(LinkSocketTest, TheSourceIsTheOneThatWasAskedFor) {
    ASSERT_TRUE(network.shell("ip address add fe80::3/64 dev left nodad"));
    ASSERT_TRUE(left.socket.send(advertisement("fe80::3")));
    ASSERT_TRUE(until([&] { return !right.heard.empty(); }));
    EXPECT_EQ(right.heard.front().source, *net::Ipv6Address::parse("fe80::3"));
    EXPECT_FALSE(left.socket.send(advertisement("fe80::99")));
}

TEST_F(LinkSocketTest, AnInterfaceThatIsNotThereIsAnError) {
    LinkSocket socket{context.get_executor(), [](const link::PacketReceived&) {}};
    const auto opened = socket.open(net::InterfaceName{"nowhere"}, net::InterfaceIndex{77});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ENODEV);
}

}  // namespace
}  // namespace anyvip::bgp::io
