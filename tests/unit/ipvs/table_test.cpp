#include "anyvip/ipvs/table.hpp"

#include <gtest/gtest.h>

namespace anyvip::ipvs {
namespace {

VirtualServerId id(const char* address) {
    return {.protocol = Protocol::Tcp, .address = {*net::IpAddress::parse(address), 443}};
}

VirtualServer with_netmask(std::uint32_t timeout, std::uint32_t netmask) {
    VirtualServer virtual_server;
    virtual_server.persistence_timeout = timeout;
    virtual_server.persistence_netmask = netmask;
    return virtual_server;
}

TEST(IpvsTable, WithoutPersistenceTheNetmaskIsThatOfOneHost) {
    EXPECT_EQ(normalised(id("203.0.113.10"), with_netmask(0, 0xffffff00)).persistence_netmask, 0xffffffff);
    EXPECT_EQ(normalised(id("2001:db8::10"), with_netmask(0, 64)).persistence_netmask, 128U);
}

TEST(IpvsTable, WithPersistenceTheNetmaskStays) {
    EXPECT_EQ(normalised(id("203.0.113.10"), with_netmask(300, 0xffffff00)).persistence_netmask, 0xffffff00);
    EXPECT_EQ(normalised(id("2001:db8::10"), with_netmask(300, 64)).persistence_netmask, 64U);
}

TEST(IpvsTable, AnIpv6PrefixLengthThatIsNoneBecomes128) {
    EXPECT_EQ(normalised(id("2001:db8::10"), with_netmask(300, 0xffffffff)).persistence_netmask, 128U);
    EXPECT_EQ(normalised(id("2001:db8::10"), with_netmask(300, 0)).persistence_netmask, 128U);
    EXPECT_EQ(normalised(id("2001:db8::10"), with_netmask(300, 129)).persistence_netmask, 128U);
}

TEST(IpvsTable, IsDescribedAsAnOperatorWouldReadIt) {
    VirtualServer virtual_server = with_netmask(300, 0xffffff00);
    virtual_server.scheduler = Scheduler{"mh"};
    virtual_server.scheduler_flags = 0x18;
    virtual_server.real_servers[{*net::IpAddress::parse("10.0.1.21"), 443}] = {
        .forwarding = Forwarding::DirectRouting, .weight = Weight{3}, .upper_threshold = 100, .lower_threshold = 80};
    EXPECT_EQ(describe(Table{{id("203.0.113.10"), virtual_server}}),
              "tcp 203.0.113.10:443 mh flags 0x18 persistent 300 s netmask 0xffffff00\n"
              "  10.0.1.21:443 dr weight 3 upper 100 lower 80\n");
}

}  // namespace
}  // namespace anyvip::ipvs
