#include "anyvip/kernel/address_table.hpp"

#include <gtest/gtest.h>

#include "anyvip/kernel/link_table.hpp"

namespace anyvip::kernel {
namespace {

AddressKey key(const char* prefix) {
    return {.interface = net::InterfaceName{"eth0"}, .prefix = *net::Prefix::parse(prefix)};
}

TEST(AddressTable, AnAddressIsNamedByInterfaceAndPrefixWithItsHostBits) {
    EXPECT_NE(key("10.0.0.1/24"), key("10.0.0.2/24"));
    EXPECT_NE(key("10.0.0.1/24"), key("10.0.0.1/32"));
    EXPECT_EQ(describe(key("10.0.0.1/24")), "10.0.0.1/24 on eth0");
}

TEST(AddressTable, AnAddressSaysWhatIsUnusualAboutIt) {
    Address address;
    address.key = key("2001:db8::10/128");
    EXPECT_EQ(describe(address), "2001:db8::10/128 on eth0 scope global");
    address.deprecated = true;
    address.dad = DadState::DadFailed;
    EXPECT_EQ(describe(address), "2001:db8::10/128 on eth0 scope global deprecated dadfailed");
}

TEST(AddressTable, ALinkIsUpOnlyWhenOperatorCableAndProtocolAgree) {
    Link link;
    link.name = net::InterfaceName{"eth0"};
    EXPECT_FALSE(link.is_up());
    link.admin_up = true;
    EXPECT_FALSE(link.is_up()) << "no carrier";
    link.lower_up = true;
    EXPECT_FALSE(link.is_up()) << "802.1X or LACP still waits (RFC 2863)";
    link.running = true;
    EXPECT_TRUE(link.is_up());
}

TEST(AddressTable, AnErrorTellsWhatWasAskedAndItsNumber) {
    EXPECT_EQ(describe(Error{.code = 19, .what = "add 10.0.0.1/24 on eth9: No such device"}),
              "add 10.0.0.1/24 on eth9: No such device (error 19)");
}

}  // namespace
}  // namespace anyvip::kernel
