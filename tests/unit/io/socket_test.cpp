#include "io/socket.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "io/file_descriptor.hpp"

namespace anyvip::io {
namespace {

using namespace std::chrono_literals;

net::IpAddress ip(std::string_view text) {
    return net::IpAddress::parse(text).value();
}

TEST(SocketAddress, ComesBackAsWhatItWas) {
    for (const net::Endpoint endpoint : {net::Endpoint{ip("192.0.2.1"), 3784}, net::Endpoint{ip("2001:db8::1"), 1}}) {
        EXPECT_EQ(from_socket_address(to_socket_address(endpoint).storage), endpoint);
    }
}

TEST(SocketAddress, CarriesTheScopeOfALinkLocalAddress) {
    const auto address = to_socket_address({ip("fe80::1"), 1}, net::InterfaceIndex{7});
    EXPECT_EQ(static_cast<const sockaddr_in6*>(static_cast<const void*>(&address.storage))->sin6_scope_id, 7U);
}

TEST(SetOptions, NamesTheFirstThatTheKernelRefuses) {
    const FileDescriptor socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    constexpr std::array options{SocketOption{"good", IPPROTO_IP, IP_TTL, 255},
                                 SocketOption{"bad", IPPROTO_IP, IP_TTL, 256},
                                 SocketOption{"worse", IPPROTO_IP, IP_TTL, 257}};
    EXPECT_EQ(set_options(socket.get(), options).error(), (SocketError{"bad", EINVAL}));
    EXPECT_EQ(describe(SocketError{"bad", EINVAL}), "bad: Invalid argument");
}

class PacketReaderTest : public ::testing::Test {
protected:
    void SetUp() override {
        const auto loopback = to_socket_address({ip("127.0.0.1"), 0});
        ASSERT_EQ(::bind(socket.get(), loopback.get(), loopback.size), 0);
        ASSERT_EQ(::getsockname(socket.get(), own.get(), &own.size), 0);
        constexpr std::array options{SocketOption{"IP_RECVTTL", IPPROTO_IP, IP_RECVTTL, 1},
                                     SocketOption{"IP_PKTINFO", IPPROTO_IP, IP_PKTINFO, 1},
                                     SocketOption{"IP_TTL", IPPROTO_IP, IP_TTL, 77}};
        ASSERT_TRUE(set_options(socket.get(), options));
        ASSERT_TRUE(reader.watch(socket.get()));
    }
    void send(const std::string& text) {
        ASSERT_GT(::sendto(socket.get(), text.data(), text.size(), 0, own.get(), own.size), 0);
    }

    boost::asio::io_context context;
    const FileDescriptor socket{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    SocketAddress own;
    std::vector<Packet> heard;
    PacketReader reader{context.get_executor(), 4, [this](std::expected<Packet, SocketError> packet) {
                            ASSERT_TRUE(packet);
                            heard.push_back(*std::move(packet));
                        }};
};

TEST_F(PacketReaderTest, TellsHowAPacketCame) {
    send("one");
    context.run_for(10ms);
    ASSERT_EQ(heard.size(), 1U);
    EXPECT_EQ(heard[0].source, from_socket_address(own.storage));
    EXPECT_EQ(heard[0].destination, ip("127.0.0.1"));
    EXPECT_EQ(heard[0].ttl, 77);
    EXPECT_EQ(heard[0].bytes, (std::vector<std::uint8_t>{'o', 'n', 'e'}));
}

// Architecture, the core contract, 2: a driver drains before it feeds TimerExpired.
TEST_F(PacketReaderTest, DrainsAllThatWaitsWithoutTheLoop) {
    send("one");
    send("two");
    reader.drain();
    EXPECT_EQ(heard.size(), 2U);
}

TEST_F(PacketReaderTest, APacketThatIsTooLongIsCut) {
    send("three");
    reader.drain();
    ASSERT_EQ(heard.size(), 1U);
    EXPECT_EQ(heard[0].bytes.size(), 4U);
}

TEST_F(PacketReaderTest, AfterReleaseNothingIsHeard) {
    reader.release();
    send("one");
    reader.drain();
    context.run_for(10ms);
    EXPECT_TRUE(heard.empty());
}

}  // namespace
}  // namespace anyvip::io
