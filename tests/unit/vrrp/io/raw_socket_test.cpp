#include "vrrp/io/raw_socket.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "support/network_namespace.hpp"
#include "vrrp/advertisement.hpp"
#include "vrrp/arp_frame.hpp"
#include "vrrp/neighbor_advertisement.hpp"

/// Two network namespaces of this process's own and a veth pair between them. Needs root; needs tshark for the
/// last test.
namespace anyvip::vrrp::io {
namespace {

using namespace std::chrono_literals;
using anyvip::testing::NetworkNamespace;
using Bytes = std::vector<std::uint8_t>;

const net::InterfaceName left_end{"left"};
const net::InterfaceName right_end{"right"};
const net::MacAddress left_mac{{2, 0, 0, 0, 0, 1}};

net::IpAddress ip(std::string_view text) {
    return net::IpAddress::parse(text).value();
}

class RawSocketTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (!left_host.exists() || !right_host.exists()) GTEST_SKIP() << "needs root";
        right_host.run("ip link add right type veth peer name left netns " + left_host.path());
        configure(left_host, "left", "1");
        configure(right_host, "right", "2");
    }
    static void configure(const NetworkNamespace& host, const std::string& interface, const std::string& number) {
        host.run("ip link set " + interface + " address 02:00:00:00:00:0" + number + " addrgenmode none up");
        host.run("ip address replace 10.0.0." + number + "/24 dev " + interface);
        host.run("ip address replace fe80::" + number + "/64 dev " + interface + " nodad");
        host.run("ip address replace 2001:db8::" + number + "/64 dev " + interface + " nodad");
    }
    static std::expected<void, Error> open(RawSocket& socket, const NetworkNamespace& host,
                                           const net::InterfaceName& interface, net::Family family,
                                           Transport transport) {
        host.enter();
        auto descriptors = io::open(interface, family, transport);
        if (!descriptors) return std::unexpected{descriptors.error()};
        return socket.adopt(std::move(*descriptors));
    }
    void open(net::Family family, Transport transport) {
        ASSERT_TRUE(open(left, left_host, left_end, family, transport));
        ASSERT_TRUE(open(right, right_host, right_end, family, transport));
    }
    std::expected<void, Error> send(const net::IpAddress& destination) {
        return left.send(ip(destination.is_v4() ? "10.0.0.1" : "fe80::1"), destination, packet);
    }
    RawSocket::Sink into(std::vector<Received>& inbox) {
        return [&inbox](std::expected<Received, Error> received) {
            ASSERT_TRUE(received) << describe(received.error());
            inbox.push_back(std::move(*received));
        };
    }
    void run_until(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + 5s;
        while (!condition() && std::chrono::steady_clock::now() < deadline) context.run_for(1ms);
        EXPECT_TRUE(condition()) << "not within 5 s";
    }
    /// A link that is just up may still drop the first packets of a family.
    void exchange(const net::IpAddress& destination) {
        exchange(ip(destination.is_v4() ? "10.0.0.1" : "fe80::1"), destination);
    }
    void exchange(const net::IpAddress& source, const net::IpAddress& destination) {
        run_until([&] {
            if (right_inbox.empty()) EXPECT_TRUE(left.send(source, destination, packet));
            context.run_for(1ms);
            return !right_inbox.empty();
        });
    }

    const Bytes packet{0x31, 51, 150, 1, 0, 100, 0x43, 0x73, 10, 0, 0, 100};
    NetworkNamespace left_host;
    NetworkNamespace right_host;
    boost::asio::io_context context;
    std::vector<Received> left_inbox;
    std::vector<Received> right_inbox;
    RawSocket left{context.get_executor(), into(left_inbox)};
    RawSocket right{context.get_executor(), into(right_inbox)};
};

// RFC 9568 §5.1.1: positive
TEST_F(RawSocketTest, MulticastArrivesWithItsMetadataAndNotAtTheSender) {
    for (const auto family : {net::Family::Ipv4, net::Family::Ipv6}) {
        SCOPED_TRACE(net::describe(family));
        right_inbox.clear();
        open(family, Transport::Multicast);
        exchange(multicast_group(family));
        ASSERT_FALSE(right_inbox.empty());
        const auto& received = right_inbox.front();
        const bool ipv4 = family == net::Family::Ipv4;
        const ReceivedMetadata expected{ip(ipv4 ? "10.0.0.1" : "fe80::1"), ip(ipv4 ? "224.0.0.18" : "ff02::12"), 255};
        EXPECT_EQ(received.metadata, expected) << describe(received.metadata);
        EXPECT_EQ(received.interface, right_end);
        EXPECT_EQ(received.family, family);
        EXPECT_EQ(received.bytes, packet);
        EXPECT_TRUE(left_inbox.empty());
    }
}

// RFC 9568 §5.1.1 "receiving a packet with the TTL not equal to 255 MUST discard the packet", hence sees it: negative
TEST_F(RawSocketTest, MulticastThatWasForwardedIsSeenToBe) {
    open(net::Family::Ipv4, Transport::Multicast);
    auto descriptors = left.release();
    const int one_hop_later = 254;
    ASSERT_EQ(
        ::setsockopt(descriptors.packets.get(), IPPROTO_IP, IP_MULTICAST_TTL, &one_hop_later, sizeof one_hop_later), 0);
    ASSERT_TRUE(left.adopt(std::move(descriptors)));
    exchange(multicast_group(net::Family::Ipv4));
    ASSERT_FALSE(right_inbox.empty());
    const auto& received = right_inbox.front();
    EXPECT_EQ(received.metadata.ttl, 254);
    const Expected expected{Version::V3, VirtualRouterId{51}, Centiseconds{100}, {}};
    EXPECT_EQ(decode(received.bytes, received.metadata, expected).error(), DiscardReason::TtlNot255);
}

TEST_F(RawSocketTest, UnicastComesFromTheAddressThatWasAskedFor) {
    left_host.run("ip address add 10.0.0.9/24 dev left");
    open(net::Family::Ipv4, Transport::Unicast);
    exchange(ip("10.0.0.9"), ip("10.0.0.2"));
    ASSERT_FALSE(right_inbox.empty());
    const ReceivedMetadata expected{ip("10.0.0.9"), ip("10.0.0.2"), 255};
    EXPECT_EQ(right_inbox.front().metadata, expected) << describe(right_inbox.front().metadata);
}

TEST_F(RawSocketTest, UnicastIpv6PeersMayHaveGlobalAddresses) {
    open(net::Family::Ipv6, Transport::Unicast);
    exchange(ip("2001:db8::1"), ip("2001:db8::2"));
    ASSERT_FALSE(right_inbox.empty());
    const ReceivedMetadata expected{ip("2001:db8::1"), ip("2001:db8::2"), 255};
    EXPECT_EQ(right_inbox.front().metadata, expected) << describe(right_inbox.front().metadata);
}

// RFC 9568 §6.4.3 "Send an ADVERTISEMENT with Priority = 0" although our address is gone: positive
TEST_F(RawSocketTest, AnAddressThatTheInterfaceHasLostIsStillASource) {
    for (const auto transport : {Transport::Multicast, Transport::Unicast}) {
        for (const auto family : {net::Family::Ipv4, net::Family::Ipv6}) {
            if (transport == Transport::Unicast && family == net::Family::Ipv6) continue;  // Needs a route.
            SCOPED_TRACE(net::describe(family));
            right_inbox.clear();
            open(family, transport);
            const bool ipv4 = family == net::Family::Ipv4;
            const auto to = transport == Transport::Multicast ? multicast_group(family) : ip("10.0.0.2");
            exchange(to);
            left_host.run(std::string{"ip "} + (ipv4 ? "-4" : "-6") + " address flush dev left");
            right_inbox.clear();
            const auto sent = send(to);
            ASSERT_TRUE(sent) << describe(sent.error());
            run_until([&] { return !right_inbox.empty(); });
            ASSERT_FALSE(right_inbox.empty());
            EXPECT_EQ(right_inbox.front().metadata.source, ip(ipv4 ? "10.0.0.1" : "fe80::1"));
            configure(left_host, "left", "1");
        }
    }
}

// Loop::arm_timer: the driver drains before it feeds TimerExpired.
TEST_F(RawSocketTest, DrainDeliversWhatIsPendingWithoutTheEventLoop) {
    open(net::Family::Ipv4, Transport::Multicast);
    exchange(multicast_group(net::Family::Ipv4));
    right_inbox.clear();
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(send(multicast_group(net::Family::Ipv4)));
    right.drain();
    EXPECT_EQ(right_inbox.size(), 5U) << "a veth pair delivers in the sender's call";
    right.drain();
    EXPECT_EQ(right_inbox.size(), 5U);
}

TEST_F(RawSocketTest, AnInterfaceThatDoesNotExistYetIsAnErrorAndCanBeTriedAgain) {
    const net::InterfaceName later{"later"};
    const auto opened = open(left, left_host, later, net::Family::Ipv4, Transport::Multicast);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), (Error{"ioctl(SIOCGIFINDEX)", ENODEV})) << describe(opened.error());
    EXPECT_EQ(send(ip("224.0.0.18")).error().code, EBADF);
    left_host.run("ip link add later type veth peer name later-peer");
    EXPECT_TRUE(open(left, left_host, later, net::Family::Ipv4, Transport::Multicast));
}

TEST_F(RawSocketTest, ANameLongerThanTheKernelsIsNoSuchInterface) {
    const auto opened = io::open(net::InterfaceName{"sixteen-octets-x"}, net::Family::Ipv4, Transport::Multicast);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ENODEV);
}

TEST_F(RawSocketTest, ReleasedMeansNothingArrivesAlthoughItIsStillOpen) {
    open(net::Family::Ipv4, Transport::Multicast);
    exchange(multicast_group(net::Family::Ipv4));
    right_inbox.clear();
    const auto descriptors = right.release();
    EXPECT_TRUE(send(multicast_group(net::Family::Ipv4)));
    right.drain();
    context.run_for(10ms);
    EXPECT_TRUE(right_inbox.empty());
    EXPECT_EQ(::fcntl(descriptors.packets.get(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(::fcntl(descriptors.frames.get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(RawSocketTest, WhatWasReleasedCanBeAdoptedAgain) {
    open(net::Family::Ipv4, Transport::Multicast);
    ASSERT_TRUE(right.adopt(right.release()));
    exchange(multicast_group(net::Family::Ipv4));
}

TEST_F(RawSocketTest, OpenReadsTheIndexOfTheInterface) {
    left_host.enter();
    const auto opened = io::open(left_end, net::Family::Ipv4, Transport::Multicast);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->index.value(), ::if_nametoindex("left"));
}

// RFC 5227 §3 and RFC 4861 §7.2.5: what the frames are for.
TEST_F(RawSocketTest, AnnouncementsMoveAnAddressInTheNeighboursCache) {
    open(net::Family::Ipv4, Transport::Multicast);
    for (const char* vip : {"10.0.0.100", "2001:db8::64"}) {
        right_host.run(std::string{"ip neighbour replace "} + vip + " lladdr 02:00:00:00:00:99 dev right nud stale");
    }
    EXPECT_TRUE(left.send_frame(gratuitous_arp(left_mac, ip("10.0.0.100").v4())));
    EXPECT_TRUE(
        left.send_frame(unsolicited_neighbor_advertisement(left_mac, ip("2001:db8::64").v6(), RouterFlag::Host)));
    for (const char* vip : {"10.0.0.100", "2001:db8::64"}) {
        run_until([&] {
            return right_host.output(std::string{"ip neighbour show "} + vip).find("02:00:00:00:00:01") !=
                   std::string::npos;
        });
    }
}

// ---- Another implementation reads what we send

/// What a socket on `right` saw, as a pcap file that is gone with the object.
class Capture {
public:
    explicit Capture(const NetworkNamespace& host) {
        host.enter();
        socket_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(ETH_P_ALL);
        address.sll_ifindex = static_cast<int>(::if_nametoindex("right"));
        sockaddr_storage storage{};
        std::memcpy(&storage, &address, sizeof address);
        EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&storage), sizeof address), 0);
        file_ = std::filesystem::temp_directory_path() / ("anyvip_vrrp_" + std::to_string(::getpid()) + ".pcap");
    }
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    ~Capture() {
        ::close(socket_);
        std::error_code ignored;
        std::filesystem::remove(file_, ignored);
    }
    /// Writes the frames that pass `wanted`, waiting until there are `count`.
    void save(std::size_t count) {
        std::ofstream out{file_, std::ios::binary};
        const std::array<std::uint32_t, 6> header{0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
        write(out, header);
        std::size_t saved = 0;
        Bytes frame(2048);
        for (pollfd poll_fd{socket_, POLLIN, 0}; saved < count && ::poll(&poll_fd, 1, 5000) == 1;) {
            const auto octets = ::recv(socket_, frame.data(), frame.size(), 0);
            if (octets <= 0 || !is_ours(frame)) continue;
            const auto length = static_cast<std::uint32_t>(octets);
            write(out, std::array<std::uint32_t, 4>{0, 0, length, length});
            for (std::uint32_t i = 0; i < length; ++i) out.put(static_cast<char>(frame[i]));
            ++saved;
        }
        EXPECT_EQ(saved, count);
    }
    [[nodiscard]] std::string path() const { return file_.string(); }

private:
    /// Hosts on a fresh link also talk MLD.
    static bool is_ours(const Bytes& frame) {
        const bool arp = frame[12] == 0x08 && frame[13] == 0x06;
        const bool vrrp_in_ipv4 = frame[12] == 0x08 && frame[13] == 0x00 && frame[23] == ip_protocol;
        const bool ipv6 = frame[12] == 0x86 && frame[13] == 0xdd;
        return arp || vrrp_in_ipv4 || (ipv6 && (frame[20] == ip_protocol || frame[54] == 136));
    }
    template <std::size_t N>
    static void write(std::ofstream& out, const std::array<std::uint32_t, N>& words) {
        std::array<char, 4 * N> octets{};
        std::memcpy(octets.data(), words.data(), octets.size());
        out.write(octets.data(), octets.size());
    }

    int socket_ = -1;
    std::filesystem::path file_;
};

TEST_F(RawSocketTest, TsharkReadsEveryPacketWithoutAWarning) {
    if (std::system("command -v tshark >/dev/null") != 0) GTEST_SKIP() << "needs tshark";
    Capture capture{right_host};
    const auto send = [&](Version version, const net::IpAddress& source, const net::IpAddress& vip) {
        const auto group = multicast_group(source.family());
        ASSERT_TRUE(open(left, left_host, left_end, source.family(), Transport::Multicast));
        const Advertisement advertisement{version, VirtualRouterId{51}, Priority{150}, Centiseconds{100}, {vip}};
        EXPECT_TRUE(left.send(source, group, encode(advertisement, ChecksumCoverage::WithPseudoHeader, source, group)));
    };
    send(Version::V2, ip("10.0.0.1"), ip("10.0.0.100"));
    send(Version::V3, ip("10.0.0.1"), ip("10.0.0.100"));
    send(Version::V3, ip("fe80::1"), ip("fe80::64"));
    EXPECT_TRUE(left.send_frame(gratuitous_arp(left_mac, ip("10.0.0.100").v4())));
    EXPECT_TRUE(left.send_frame(gratuitous_arp(left_mac, ip("10.0.0.100").v4(), ArpOperation::Reply)));
    EXPECT_TRUE(
        left.send_frame(unsolicited_neighbor_advertisement(left_mac, ip("2001:db8::64").v6(), RouterFlag::Router)));
    capture.save(6);

    const std::string tshark = "tshark -n -r " + capture.path() + " 2>/dev/null ";
    // Wireshark's severities: warning is 0x600000, below it are chat (0x200000) and note (0x400000).
    EXPECT_EQ(left_host.output(tshark + "-Y '_ws.malformed || _ws.expert.severity >= 0x600000'"), "");
    EXPECT_EQ(left_host.output(tshark + "-Y vrrp -T fields -E separator=, -e vrrp.version -e vrrp.virt_rtr_id "
                                        "-e vrrp.prio -e vrrp.checksum.status"),
              "2,51,150,1\n3,51,150,1\n3,51,150,1\n");
    EXPECT_EQ(left_host.output(tshark + "-Y arp -T fields -E separator=, -e arp.isgratuitous -e arp.opcode"),
              "1,1\n1,2\n");
    EXPECT_EQ(left_host.output(tshark + "-Y icmpv6 -T fields -E separator=, -e icmpv6.type -e icmpv6.checksum.status "
                                        "-e icmpv6.nd.na.flag.o -e icmpv6.nd.na.flag.s -e icmpv6.nd.na.flag.r"),
              "136,1,1,0,1\n");
}

}  // namespace
}  // namespace anyvip::vrrp::io
