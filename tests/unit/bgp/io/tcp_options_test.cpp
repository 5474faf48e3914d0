#include "bgp/io/tcp_options.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "bgp/io/endpoint.hpp"
#include "support/own_network.hpp"

namespace anyvip::bgp::io {
namespace {

using namespace std::chrono_literals;

constexpr int ipv6_minhopcount = 73;

net::IpAddress address(const char* text) {
    return *net::IpAddress::parse(text);
}

net::Prefix prefix(const char* text) {
    return *net::Prefix::parse(text);
}

PeerConfig peer_at(const char* text) {
    PeerConfig config;
    config.address = address(text);
    return config;
}

/// A socket of new_socket() that closes itself.
class Socket {
public:
    explicit Socket(net::Family family = net::Family::Ipv4) : descriptor_{new_socket(family).value_or(-1)} {}
    explicit Socket(int descriptor) : descriptor_{descriptor} {}
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    [[nodiscard]] int get() const { return descriptor_; }
    [[nodiscard]] int option(int level, int name) const {
        int value = -1;
        socklen_t size = sizeof value;
        EXPECT_EQ(::getsockopt(descriptor_, level, name, &value, &size), 0) << name;
        return value;
    }

private:
    int descriptor_;
};

class TcpOptionsTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(network.usable()) << "needs root";
        ASSERT_TRUE(prepare_to_listen(listener.get(), net::Family::Ipv4, {}));
        auto name = to_asio(address("127.0.0.2"), 0);
        ASSERT_EQ(::bind(listener.get(), name.data(), static_cast<socklen_t>(name.size())), 0);
        ASSERT_EQ(::listen(listener.get(), 8), 0);
        auto size = static_cast<socklen_t>(name.capacity());
        ASSERT_EQ(::getsockname(listener.get(), name.data(), &size), 0);
        port = name.port();
    }

    /// What came of connecting: 0 or an errno, and how long it took.
    std::pair<int, std::chrono::steady_clock::duration> connect(const Socket& socket) const {
        const auto begin = std::chrono::steady_clock::now();
        const auto name = to_asio(address("127.0.0.2"), port);
        if (::connect(socket.get(), name.data(), static_cast<socklen_t>(name.size())) != 0 && errno == EINPROGRESS) {
            pollfd wait{.fd = socket.get(), .events = POLLOUT, .revents = 0};
            if (::poll(&wait, 1, 20'000) != 1) return {EAGAIN, {}};
        }
        return {socket.option(SOL_SOCKET, SO_ERROR), std::chrono::steady_clock::now() - begin};
    }

    testing::OwnNetwork network;
    Socket listener;
    std::uint16_t port = 0;
};

TEST_F(TcpOptionsTest, ASocketIsNonBlockingAndClosedOnExecFromBirth) {
    for (const auto family : {net::Family::Ipv4, net::Family::Ipv6}) {
        const Socket socket{family};
        EXPECT_NE(::fcntl(socket.get(), F_GETFD) & FD_CLOEXEC, 0);
        EXPECT_NE(::fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
    }
}

// RFC 5082 §3: positive. 255 goes out; of one hop 255 comes in, of two 254.
TEST_F(TcpOptionsTest, TtlSecuritySends255AndTakesWhatIsNoFurtherAway) {
    auto config = peer_at("127.0.0.2");
    auto config6 = peer_at("::1");
    for (const auto& [hops, least] : {std::pair{1, 255}, std::pair{2, 254}, std::pair{255, 1}}) {
        config.ttl_security = config6.ttl_security = static_cast<std::uint8_t>(hops);
        const Socket socket;
        ASSERT_TRUE(prepare_to_connect(socket.get(), config));
        EXPECT_EQ(socket.option(IPPROTO_IP, IP_TTL), 255);
        EXPECT_EQ(socket.option(IPPROTO_IP, IP_MINTTL), least);
        const Socket socket6{net::Family::Ipv6};
        ASSERT_TRUE(prepare_accepted(socket6.get(), config6));
        EXPECT_EQ(socket6.option(IPPROTO_IPV6, IPV6_UNICAST_HOPS), 255);
        EXPECT_EQ(socket6.option(IPPROTO_IPV6, ipv6_minhopcount), least);
    }
}

// RFC 5082 §3: negative. Without it the TTL is that of `multihop`, and any is taken.
TEST_F(TcpOptionsTest, WithoutTtlSecurityTheTtlIsTheNumberOfHops) {
    auto config = peer_at("127.0.0.2");
    for (const int hops : {1, 4}) {
        config.multihop = static_cast<std::uint8_t>(hops);
        const Socket socket;
        ASSERT_TRUE(prepare_to_connect(socket.get(), config));
        EXPECT_EQ(socket.option(IPPROTO_IP, IP_TTL), hops);
        EXPECT_EQ(socket.option(IPPROTO_IP, IP_MINTTL), 0);
    }
}

TEST_F(TcpOptionsTest, ASessionIsNetworkControlAndIsNotHeldBack) {
    const Socket socket;
    ASSERT_TRUE(prepare_to_connect(socket.get(), peer_at("127.0.0.2")));
    EXPECT_EQ(socket.option(IPPROTO_IP, IP_TOS), 0xc0);  // CS6, RFC 4594 §3.1.
    EXPECT_NE(socket.option(IPPROTO_TCP, TCP_NODELAY), 0);
    const Socket socket6{net::Family::Ipv6};
    ASSERT_TRUE(prepare_to_connect(socket6.get(), peer_at("::1")));
    EXPECT_EQ(socket6.option(IPPROTO_IPV6, IPV6_TCLASS), 0xc0);
}

TEST_F(TcpOptionsTest, OctetsThatNobodyAcknowledgesEndTheConnectionWithTheHoldTime) {
    auto config = peer_at("127.0.0.2");
    for (const auto& [hold_time, milliseconds] : {std::pair{9s, 9000}, std::pair{0s, 0}}) {
        config.hold_time = hold_time;
        const Socket socket;
        ASSERT_TRUE(prepare_accepted(socket.get(), config));
        EXPECT_EQ(socket.option(IPPROTO_TCP, TCP_USER_TIMEOUT), milliseconds);
    }
}

TEST_F(TcpOptionsTest, AListenerAnswersWithTtl255AndOfItsFamilyAlone) {
    EXPECT_EQ(listener.option(IPPROTO_IP, IP_TTL), 255);
    EXPECT_NE(listener.option(SOL_SOCKET, SO_REUSEADDR), 0);
    const Socket listener6{net::Family::Ipv6};
    ASSERT_TRUE(prepare_to_listen(listener6.get(), net::Family::Ipv6, {}));
    EXPECT_EQ(listener6.option(IPPROTO_IPV6, IPV6_UNICAST_HOPS), 255);
    EXPECT_NE(listener6.option(IPPROTO_IPV6, IPV6_V6ONLY), 0);
}

// RFC 2385 §2: positive
TEST_F(TcpOptionsTest, EqualKeysConnect) {
    ASSERT_TRUE(set_md5_key(listener.get(), prefix("127.0.0.1/32"), Password{"correct horse"}));
    auto config = peer_at("127.0.0.2");
    config.password = Password{"correct horse"};
    const Socket socket;
    ASSERT_TRUE(prepare_to_connect(socket.get(), config));
    EXPECT_EQ(connect(socket).first, 0);
}

// RFC 2385 §2: negative. A segment with the wrong digest is dropped in silence, so that time alone tells.
TEST_F(TcpOptionsTest, AnotherKeyEndsInATimeout) {
    ASSERT_TRUE(set_md5_key(listener.get(), prefix("127.0.0.1/32"), Password{"correct horse"}));
    auto config = peer_at("127.0.0.2");
    config.password = Password{"battery staple"};
    config.hold_time = 1s;  // The user timeout.
    const Socket socket;
    ASSERT_TRUE(prepare_to_connect(socket.get(), config));
    const auto [error, took] = connect(socket);
    EXPECT_EQ(error, ETIMEDOUT);
    EXPECT_GE(took, 900ms);
}

TEST_F(TcpOptionsTest, AnEmptyKeyTakesAwayTheOneThatWasThereAndMissesNone) {
    const auto peer = prefix("127.0.0.1/32");
    EXPECT_TRUE(set_md5_key(listener.get(), peer, Password{}));
    ASSERT_TRUE(set_md5_key(listener.get(), peer, Password{"correct horse"}));
    ASSERT_TRUE(set_md5_key(listener.get(), peer, Password{}));
    const Socket socket;
    ASSERT_TRUE(prepare_to_connect(socket.get(), peer_at("127.0.0.2")));
    EXPECT_EQ(connect(socket).first, 0);
}

TEST_F(TcpOptionsTest, AKeyOfIpv6IsForThatAddress) {
    const Socket listener6{net::Family::Ipv6};
    EXPECT_TRUE(set_md5_key(listener6.get(), prefix("2001:db8::1/128"), Password{"correct horse"}));
    EXPECT_TRUE(set_md5_key(listener6.get(), prefix("2001:db8::1/128"), Password{}));
}

// TCP_MD5SIG_EXT: one key for a range of peers, as dynamic ones need it; the longest prefix that matches counts.
TEST_F(TcpOptionsTest, AKeyOfAPrefixIsForAllWithinIt) {
    ASSERT_TRUE(set_md5_key(listener.get(), prefix("127.0.0.0/24"), Password{"correct horse"}));
    auto config = peer_at("127.0.0.2");
    config.password = Password{"correct horse"};
    const Socket within;
    ASSERT_TRUE(prepare_to_connect(within.get(), config));
    EXPECT_EQ(connect(within).first, 0);

    ASSERT_TRUE(set_md5_key(listener.get(), prefix("127.0.0.1/32"), Password{"battery staple"}));
    config.hold_time = 1s;
    const Socket shadowed;
    ASSERT_TRUE(prepare_to_connect(shadowed.get(), config));
    EXPECT_EQ(connect(shadowed).first, ETIMEDOUT);

    ASSERT_TRUE(set_md5_key(listener.get(), prefix("127.0.0.1/32"), Password{}));
    ASSERT_TRUE(set_md5_key(listener.get(), prefix("127.0.0.0/24"), Password{}));
    const Socket unsigned_now;
    ASSERT_TRUE(prepare_to_connect(unsigned_now.get(), peer_at("127.0.0.2")));
    EXPECT_EQ(connect(unsigned_now).first, 0);
}

TEST_F(TcpOptionsTest, AKeyOfAPrefixOfIpv6CanBeSetAndTakenAway) {
    const Socket listener6{net::Family::Ipv6};
    EXPECT_TRUE(set_md5_key(listener6.get(), prefix("2001:db8::/64"), Password{"correct horse"}));
    EXPECT_TRUE(set_md5_key(listener6.get(), prefix("2001:db8::/64"), Password{}));
    EXPECT_TRUE(set_md5_key(listener6.get(), prefix("2001:db8::/64"), Password{})) << "there is none to remove";
}

TEST_F(TcpOptionsTest, ASocketBelongsToADeviceThatExists) {
    auto config = peer_at("127.0.0.2");
    config.device = "lo";
    const Socket socket;
    ASSERT_TRUE(prepare_to_connect(socket.get(), config));
    char device[16] = {};
    socklen_t size = sizeof device;
    ASSERT_EQ(::getsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, device, &size), 0);
    EXPECT_STREQ(device, "lo");
    EXPECT_EQ(connect(socket).first, 0);

    config.device = "vrf-red";
    const Socket nowhere;
    const auto refused = prepare_to_connect(nowhere.get(), config);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), (OptionError{"SO_BINDTODEVICE vrf-red", ENODEV}));
    EXPECT_FALSE(prepare_to_listen(nowhere.get(), net::Family::Ipv4, "vrf-red"));
}

// RFC 5082 §3: positive; a SYN from too far away is not answered, and needs no connection to be refused.
TEST_F(TcpOptionsTest, AListenerLimitsHowFarASynMayCome) {
    ASSERT_TRUE(limit_listener(listener.get(), net::Family::Ipv4, std::uint8_t{2}));
    EXPECT_EQ(listener.option(IPPROTO_IP, IP_MINTTL), 254);
    auto config = peer_at("127.0.0.2");
    config.multihop = 253;
    config.hold_time = 1s;
    const Socket far;
    ASSERT_TRUE(prepare_to_connect(far.get(), config));
    EXPECT_EQ(connect(far).first, ETIMEDOUT);
    config.multihop = 254;
    const Socket near;
    ASSERT_TRUE(prepare_to_connect(near.get(), config));
    EXPECT_EQ(connect(near).first, 0);
    ASSERT_TRUE(limit_listener(listener.get(), net::Family::Ipv4, std::nullopt));
    EXPECT_EQ(listener.option(IPPROTO_IP, IP_MINTTL), 0);
}

TEST_F(TcpOptionsTest, WhatTheKernelRefusesIsNamedWithItsReason) {
    auto config = peer_at("127.0.0.2");
    config.password = Password{std::string(81, 'x')};  // TCP_MD5SIG_MAXKEYLEN is 80.
    const Socket socket;
    const auto refused = prepare_to_connect(socket.get(), config);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), (OptionError{"TCP_MD5SIG", EINVAL}));
    EXPECT_EQ(describe(refused.error()), "TCP_MD5SIG: Invalid argument");
    const Socket closed{-1};
    EXPECT_EQ(prepare_accepted(closed.get(), peer_at("127.0.0.2")).error().code, EBADF);
}

}  // namespace
}  // namespace anyvip::bgp::io
