#include "io/netlink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>

#include <cerrno>
#include <expected>
#include <set>
#include <string>

namespace anyvip::io {
namespace {

using ::testing::HasSubstr;

NetlinkMessage request(int type, int flags) {
    NetlinkMessage message{nlmsg_alloc_simple(type, NLM_F_REQUEST | flags)};
    const rtgenmsg family{.rtgen_family = AF_UNSPEC};
    nlmsg_append(message.get(), const_cast<rtgenmsg*>(&family), sizeof family, NLMSG_ALIGNTO);
    return message;
}

/// The names of all links, as a dump gives them.
std::expected<std::set<int>, kernel::Error> types_of_replies(nl_sock& socket) {
    std::set<int> types;
    const auto done = exchange(socket, *request(RTM_GETLINK, NLM_F_DUMP), "dump links",
                               [&](const nlmsghdr& reply) { types.insert(reply.nlmsg_type); });
    if (!done) return std::unexpected{done.error()};
    return types;
}

TEST(Netlink, ADumpIsReadToItsEnd) {
    const auto socket = open_netlink(NETLINK_ROUTE);
    ASSERT_TRUE(socket) << socket.error().what;
    for (int i = 0; i < 2; ++i) {  // Nothing of the first is left for the second to read.
        const auto types = types_of_replies(**socket);
        ASSERT_TRUE(types) << types.error().what;
        EXPECT_EQ(*types, std::set<int>{RTM_NEWLINK});
    }
}

TEST(Netlink, ARefusalKeepsTheKernelsErrorAndTheSocketCanBeUsedAgain) {
    const auto socket = open_netlink(NETLINK_ROUTE);
    ASSERT_TRUE(socket);
    NetlinkMessage message{nlmsg_alloc_simple(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK)};
    ifinfomsg nobody{};
    nobody.ifi_index = 0x7ffffff0;
    nlmsg_append(message.get(), &nobody, sizeof nobody, NLMSG_ALIGNTO);
    const auto refused = exchange(**socket, *message, "get link 2147483632");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ENODEV);
    EXPECT_THAT(refused.error().what, HasSubstr("get link 2147483632: No such device"));
    EXPECT_TRUE(types_of_replies(**socket));
}

TEST(Netlink, AProtocolThatThereIsNotIsAnError) {
    const auto socket = open_netlink(31);
    ASSERT_FALSE(socket);
    EXPECT_THAT(socket.error().what, HasSubstr("open netlink socket"));
}

TEST(Netlink, ErrorsOfLibnlAreErrnosWhateverTheirSign) {
    EXPECT_EQ(libnl_error(-NLE_PERM, "x").code, EPERM);
    EXPECT_EQ(libnl_error(NLE_PERM, "x").code, EPERM);
    EXPECT_EQ(libnl_error(-NLE_DUMP_INTR, "x").code, EINTR);
    EXPECT_EQ(libnl_error(-NLE_FAILURE, "x").code, EIO);
    EXPECT_EQ(kernel_error(EBUSY, "do it").what, "do it: Device or resource busy");
    EXPECT_EQ(kernel_error(100'000, "do it").what, "do it: unknown error");
}

}  // namespace
}  // namespace anyvip::io
