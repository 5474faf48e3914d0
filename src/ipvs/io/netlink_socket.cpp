#include "ipvs/io/netlink_socket.hpp"

#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#include <array>
#include <cerrno>
#include <utility>

namespace anyvip::ipvs::io {
namespace {

constexpr auto controller_policy = [] {
    std::array<nla_policy, CTRL_ATTR_MAX + 1> policy{};
    policy[CTRL_ATTR_FAMILY_ID] = {.type = NLA_U16, .minlen = 0, .maxlen = 0};
    return policy;
}();

/// The number of the IPVS family. Asking by name also makes the kernel load the module, where it may.
std::expected<int, kernel::Error> resolve(nl_sock& socket) {
    const std::string what = "find the kernel's IPVS";
    const anyvip::io::NetlinkMessage message{nlmsg_alloc()};
    if (!message ||
        genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, GENL_ID_CTRL, 0, NLM_F_REQUEST, CTRL_CMD_GETFAMILY, 1) ==
            nullptr ||
        nla_put_string(message.get(), CTRL_ATTR_FAMILY_NAME, IPVS_GENL_NAME) < 0) {
        return std::unexpected{anyvip::io::kernel_error(ENOMEM, what)};
    }
    int family = 0;
    const auto done = anyvip::io::exchange(socket, *message, what, [&](nlmsghdr& reply) {
        std::array<nlattr*, CTRL_ATTR_MAX + 1> attributes{};
        if (genlmsg_parse(&reply, 0, attributes.data(), CTRL_ATTR_MAX, controller_policy.data()) < 0) return;
        if (attributes[CTRL_ATTR_FAMILY_ID] != nullptr) family = nla_get_u16(attributes[CTRL_ATTR_FAMILY_ID]);
    });
    if (!done && done.error().code != ENOENT) return std::unexpected{done.error()};
    if (family == 0) return std::unexpected{kernel::Error{ENOENT, "the kernel has no IPVS: modprobe ip_vs"}};
    return family;
}

}  // namespace

std::expected<NetlinkSocket, kernel::Error> NetlinkSocket::open() {
    auto socket = anyvip::io::open_netlink(NETLINK_GENERIC);
    if (!socket) return std::unexpected{socket.error()};
    const auto family = resolve(**socket);
    if (!family) return std::unexpected{family.error()};
    return NetlinkSocket{std::move(*socket), *family};
}

anyvip::io::NetlinkMessage NetlinkSocket::request(std::uint8_t command, int flags) const {
    anyvip::io::NetlinkMessage message{nlmsg_alloc()};
    if (message && genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family_, 0, NLM_F_REQUEST | flags, command,
                               IPVS_GENL_VERSION) == nullptr) {
        message.reset();
    }
    return message;
}

std::expected<void, kernel::Error> NetlinkSocket::exchange(nl_msg& message, const std::string& what,
                                                           const std::function<void(nlmsghdr&)>& on_reply) const {
    return anyvip::io::exchange(*socket_, message, what, on_reply);
}

}  // namespace anyvip::ipvs::io
