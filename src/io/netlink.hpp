#pragma once

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "anyvip/kernel/address_table.hpp"

/// libnl-3 with owners, and the one conversation that we have over netlink: a request, its replies, its end.
///
/// Errors keep the kernel's own errno. libnl folds several into one (ESRCH and ENOENT become "not found"),
/// and the difference is what tells a missing service from a missing scheduler.
namespace anyvip::io {

struct NetlinkDeleter {
    void operator()(nl_sock* socket) const { nl_socket_free(socket); }
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using NetlinkSocket = std::unique_ptr<nl_sock, NetlinkDeleter>;
using NetlinkMessage = std::unique_ptr<nl_msg, NetlinkDeleter>;

/// A connected socket of a netlink protocol such as NETLINK_ROUTE.
[[nodiscard]] std::expected<NetlinkSocket, kernel::Error> open_netlink(int protocol);

/// Sends `message` and hands every reply to `on_reply` until the kernel has acknowledged it or ended the dump.
/// Blocks. `what` is for the error's reader. A dump that the kernel calls inconsistent fails with EINTR:
/// ask again. Whatever happens, no reply is left in the socket: it can be used again.
[[nodiscard]] std::expected<void, kernel::Error> exchange(nl_sock& socket, nl_msg& message, const std::string& what,
                                                          const std::function<void(nlmsghdr&)>& on_reply = {});

/// `what` and the text of the error, for people.
[[nodiscard]] kernel::Error kernel_error(int code, const std::string& what);
/// The same for a libnl error code, of either sign.
[[nodiscard]] kernel::Error libnl_error(int nle, const std::string& what);

}  // namespace anyvip::io
