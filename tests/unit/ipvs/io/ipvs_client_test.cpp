#include "ipvs/io/ipvs_client.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <cerrno>

/// What every machine can test. The conversations with a kernel that has IPVS are in tests/uml/ipvs_kernel_test.cpp.
namespace anyvip::ipvs::io {
namespace {

TEST(IpvsClient, AKernelWithoutIpvsSaysSoAndOneWithItHasAnEmptyTableInANewNamespace) {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "needs root";
    auto client = IpvsClient::open();
    if (!client) {
        EXPECT_EQ(client.error(), (kernel::Error{ENOENT, "the kernel has no IPVS: modprobe ip_vs"}));
        return;
    }
    EXPECT_EQ(client->dump(), Table{});
    const VirtualServerId id{Protocol::Tcp, {*net::IpAddress::parse("203.0.113.1"), 80}};
    const auto removed = client->execute(RemoveVirtualServer{id});
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, ESRCH);
}

}  // namespace
}  // namespace anyvip::ipvs::io
