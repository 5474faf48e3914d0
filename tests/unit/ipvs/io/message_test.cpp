#include "ipvs/io/message.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "io/netlink.hpp"
#include "support/vectors.hpp"

namespace anyvip::ipvs::io {
namespace {

using testing::vector_bytes;

net::Endpoint at(const char* address, std::uint16_t port) {
    return {net::IpAddress::parse(address).value(), port};
}

TEST(DecodeService, ReadsWhatTheKernelSaysOfAPersistentTcpService) {
    const auto service = decode_service(vector_bytes("ipvs/service_tcp_persistent.hex"));
    ASSERT_TRUE(service) << describe(service.error());
    EXPECT_EQ(service->first, (VirtualServerId{Protocol::Tcp, at("203.0.113.10", 443)}));
    EXPECT_EQ(service->second, (VirtualServer{.scheduler = Scheduler{"mh"},
                                              .scheduler_flags = 0x18,  // IP_VS_SVC_F_SCHED1 and 2
                                              .persistence_timeout = 300,
                                              .persistence_netmask = 0xffffff00,
                                              .one_packet = false,
                                              .real_servers = {}}));
}

TEST(DecodeService, ReadsWhatTheKernelSaysOfAnIpv6Service) {
    const auto service = decode_service(vector_bytes("ipvs/service_udp_one_packet_ipv6.hex"));
    ASSERT_TRUE(service) << describe(service.error());
    EXPECT_EQ(service->first, (VirtualServerId{Protocol::Udp, at("2001:db8::10", 53)}));
    EXPECT_EQ(service->second, (VirtualServer{.scheduler = Scheduler{"rr"},
                                              .scheduler_flags = 0,
                                              .persistence_timeout = 0,
                                              .persistence_netmask = 128,
                                              .one_packet = true,
                                              .real_servers = {}}));
}

TEST(DecodeService, LeavesFirewallMarksToTheirOwner) {
    const auto service = decode_service(vector_bytes("ipvs/service_firewall_mark.hex"));
    ASSERT_FALSE(service);
    EXPECT_EQ(service.error(), DecodeErrc::NotRepresented);
}

TEST(DecodeDestination, ReadsWhatTheKernelSaysOfANatDestination) {
    const auto destination = decode_destination(vector_bytes("ipvs/destination_nat.hex"), net::Family::Ipv4);
    ASSERT_TRUE(destination) << describe(destination.error());
    EXPECT_EQ(destination->first, at("10.0.1.21", 8443));
    EXPECT_EQ(
        destination->second,
        (RealServer{
            .forwarding = Forwarding::Nat, .weight = Weight{3}, .upper_threshold = 1000, .lower_threshold = 800}));
}

TEST(DecodeDestination, BelievesItsOwnFamilyBeforeThatOfItsService) {
    // An IPv6 real server behind an IPv4 virtual server: the kernel allows that for tunnels.
    const auto destination = decode_destination(vector_bytes("ipvs/destination_dr_ipv6.hex"), net::Family::Ipv4);
    ASSERT_TRUE(destination) << describe(destination.error());
    EXPECT_EQ(destination->first, at("2001:db8:1::21", 53));
    EXPECT_EQ(destination->second, (RealServer{.forwarding = Forwarding::DirectRouting, .weight = Weight{0}}));
}

TEST(DecodeInfo, ReadsVersionAndTableSize) {
    const auto info = decode_info(vector_bytes("ipvs/info.hex"));
    ASSERT_TRUE(info) << describe(info.error());
    EXPECT_EQ(describe(*info), "1.2.1, 4096 hash buckets");
}

/// What any of the decoders makes of it; true when one takes it.
bool anyone_takes(std::span<const std::uint8_t> octets) {
    return decode_info(octets).has_value() || decode_service(octets).has_value() ||
           decode_destination(octets, net::Family::Ipv4).has_value();
}

class IpvsVectors : public ::testing::TestWithParam<std::string> {};

TEST_P(IpvsVectors, EveryProperPrefixIsRefused) {
    const auto octets = vector_bytes(GetParam());
    for (std::size_t length = 0; length < octets.size(); ++length) {
        // A copy of that length, so that the sanitizer sees a read beyond it.
        const std::vector<std::uint8_t> prefix{octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(length)};
        EXPECT_FALSE(anyone_takes(prefix)) << length;
    }
}

INSTANTIATE_TEST_SUITE_P(All, IpvsVectors, ::testing::ValuesIn(testing::vector_names("ipvs")));

/// Encodes into a message and gives its attributes: what the kernel would get.
template <class... Args>
std::vector<std::uint8_t> attributes_of_service(const Args&... args) {
    const anyvip::io::NetlinkMessage message{nlmsg_alloc()};
    EXPECT_TRUE(put_service(*message, args...));
    const auto* first = static_cast<const std::uint8_t*>(nlmsg_data(nlmsg_hdr(message.get())));
    return {first, first + nlmsg_datalen(nlmsg_hdr(message.get()))};
}

TEST(PutService, NamesTheServiceInThisOrder) {
    // IPVS_CMD_ATTR_SERVICE { AF 2, PROTOCOL 6, ADDR (16 octets), PORT 443 big-endian }; nested flag 0x8000.
    EXPECT_EQ(attributes_of_service(VirtualServerId{Protocol::Tcp, at("203.0.113.10", 443)}),
              testing::bytes_from_hex("30000180 06000100 02000000 06000200 06000000"
                                      "14000300 cb00710a 00000000 00000000 00000000 06000400 01bb0000"));
}

TEST(PutService, WritesWhatIsReadBack) {
    const VirtualServerId id{Protocol::Sctp, at("2001:db8::10", 80)};
    const VirtualServer properties{.scheduler = Scheduler{"sh"},
                                   .scheduler_flags = 0x10,
                                   .persistence_timeout = 60,
                                   .persistence_netmask = 64,
                                   .one_packet = true,
                                   .real_servers = {}};
    const auto decoded = decode_service(attributes_of_service(id, properties));
    ASSERT_TRUE(decoded) << describe(decoded.error());
    EXPECT_EQ(*decoded, (std::pair{id, properties}));
}

TEST(PutDestination, WritesWhatIsReadBack) {
    const RealServer real_server{
        .forwarding = Forwarding::Tunnel, .weight = Weight{65535}, .upper_threshold = 2, .lower_threshold = 1};
    const anyvip::io::NetlinkMessage message{nlmsg_alloc()};
    ASSERT_TRUE(put_destination(*message, at("10.0.1.21", 80), real_server));
    const auto* first = static_cast<const std::uint8_t*>(nlmsg_data(nlmsg_hdr(message.get())));
    const std::vector<std::uint8_t> octets{first, first + nlmsg_datalen(nlmsg_hdr(message.get()))};
    const auto decoded = decode_destination(octets, net::Family::Ipv4);
    ASSERT_TRUE(decoded) << describe(decoded.error());
    EXPECT_EQ(*decoded, (std::pair{at("10.0.1.21", 80), real_server}));
}

TEST(DecodeDestination, LeavesForwardingMethodsThatWeDoNotHaveToTheirOwner) {
    auto octets = vector_bytes("ipvs/destination_nat.hex");
    octets[36] = 1;  // IPVS_DEST_ATTR_FWD_METHOD: IP_VS_CONN_F_LOCALNODE
    const auto destination = decode_destination(octets, net::Family::Ipv4);
    ASSERT_FALSE(destination);
    EXPECT_EQ(destination.error(), DecodeErrc::NotRepresented);
}

TEST(DecodeService, AnAttributeTooShortForItsTypeIsMalformed) {
    auto octets = vector_bytes("ipvs/service_tcp_persistent.hex");
    octets[4] = 5;  // IPVS_SVC_ATTR_AF with one octet
    const auto service = decode_service(octets);
    ASSERT_FALSE(service);
    EXPECT_EQ(service.error(), DecodeErrc::Malformed);
}

}  // namespace
}  // namespace anyvip::ipvs::io
