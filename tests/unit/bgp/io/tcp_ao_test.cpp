#include "bgp/io/tcp_ao.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "support/own_network.hpp"

namespace anyvip::bgp::io {
namespace {

PeerConfig keyed(const char* address) {
    PeerConfig peer;
    peer.address = *net::IpAddress::parse(address);
    peer.tcp_ao = {{.send_id = 1, .receive_id = 2, .key = Password{"old"}},
                   {.send_id = 3, .receive_id = 4, .algorithm = TcpAoAlgorithm::Aes128Cmac, .key = Password{"new"}}};
    return peer;
}

PeerConfig keyed_range(const char* range) {
    const auto prefix = *net::Prefix::parse(range);
    auto peer = keyed(prefix.address().to_string().c_str());
    peer.range = prefix;
    return peer;
}

/// What a kernel says to keys: 0 where it has TCP-AO, else ENOPROTOOPT, and nothing else.
class TcpAoTest : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(network.usable()) << "needs root"; }
    void TearDown() override {
        for (const int socket : sockets) ::close(socket);
    }
    int socket_for(const PeerConfig& peer) {
        const auto made = new_socket(peer.address.family());
        EXPECT_TRUE(made);
        sockets.push_back(made.value_or(-1));
        return sockets.back();
    }
    static void expect_taken_or_named(const OptionResult& result) {
        if (result) return;
        EXPECT_EQ(result.error().code, ENOPROTOOPT) << describe(result.error());
        EXPECT_EQ(describe(result.error()),
                  "TCP_AO_ADD_KEY: this kernel has no TCP-AO (CONFIG_TCP_AO, since Linux 6.7)");
    }

    testing::OwnNetwork network;
    std::vector<int> sockets;
};

TEST_F(TcpAoTest, KeysOfAPeerAreTakenOrTheKernelIsNamed) {
    for (const char* address : {"127.0.0.2", "2001:db8::1"}) {
        const auto peer = keyed(address);
        expect_taken_or_named(set_tcp_ao_keys(socket_for(peer), peer, SocketRole::Connects));
    }
}

TEST_F(TcpAoTest, KeysOfARangeAreTakenOrTheKernelIsNamed) {
    for (const char* range : {"10.0.0.0/24", "2001:db8::/64", "0.0.0.0/0"}) {
        const auto peer = keyed_range(range);
        const int socket = socket_for(peer);
        ASSERT_EQ(::listen(socket, 1), 0);
        expect_taken_or_named(set_tcp_ao_keys(socket, peer, SocketRole::Listens));
        // Again, as every reload does.
        expect_taken_or_named(set_tcp_ao_keys(socket, peer, SocketRole::Listens));
    }
}

// No VRF: the key is the socket's, which is the device's.
TEST_F(TcpAoTest, KeysOnASocketOfADeviceAreTakenOrTheKernelIsNamed) {
    auto peer = keyed("127.0.0.2");
    peer.device = "lo";
    const int socket = socket_for(peer);
    ASSERT_TRUE(bind_to_device(socket, peer.device));
    expect_taken_or_named(set_tcp_ao_keys(socket, peer, SocketRole::Listens));
}

TEST_F(TcpAoTest, AKeyThatIsGoneCanBeSetToAnotherValue) {
    auto peer = keyed("127.0.0.2");
    const int socket = socket_for(peer);
    ASSERT_EQ(::listen(socket, 1), 0);
    const auto set = set_tcp_ao_keys(socket, peer, SocketRole::Listens);
    expect_taken_or_named(set);
    if (!set) return;
    for (const auto& key : peer.tcp_ao) EXPECT_TRUE(remove_tcp_ao_key(socket, peer, key));
    peer.tcp_ao[0].key = Password{"newer"};
    EXPECT_TRUE(set_tcp_ao_keys(socket, peer, SocketRole::Listens));
}

TEST_F(TcpAoTest, NoKeysNeedNoKernel) {
    PeerConfig peer;
    peer.address = *net::IpAddress::parse("127.0.0.2");
    EXPECT_TRUE(set_tcp_ao_keys(socket_for(peer), peer, SocketRole::Connects));
}

// It would be a session without protection.
TEST_F(TcpAoTest, AnEmptyKeyOrOneThatIsTooLongIsRefused) {
    auto peer = keyed("127.0.0.2");
    peer.tcp_ao[0].key = Password{};
    EXPECT_FALSE(set_tcp_ao_keys(socket_for(peer), peer, SocketRole::Connects));
    peer.tcp_ao[0].key = Password{std::string(81, 'x')};
    EXPECT_FALSE(set_tcp_ao_keys(socket_for(peer), peer, SocketRole::Connects));
}

}  // namespace
}  // namespace anyvip::bgp::io
