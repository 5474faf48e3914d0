#include "io/netlink.hpp"

#include <netlink/errno.h>
#include <netlink/handlers.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace anyvip::io {
namespace {

struct Conversation {
    const std::function<void(nlmsghdr&)>& on_reply;
    bool ended = false;
    bool interrupted = false;
    int error = 0;  ///< positive, as the kernel gave it
};

int on_valid(nl_msg* message, void* argument) {
    const auto& conversation = *static_cast<Conversation*>(argument);
    if (conversation.on_reply) conversation.on_reply(*nlmsg_hdr(message));
    return NL_OK;
}

int on_acknowledgement(nl_msg* /*message*/, void* argument) {
    static_cast<Conversation*>(argument)->ended = true;
    return NL_STOP;
}

int on_end_of_dump(nl_msg* message, void* argument) {
    auto& conversation = *static_cast<Conversation*>(argument);
    conversation.ended = true;
    // A dump that fails half-way says so in its last message, where libnl does not look.
    int error = 0;
    const nlmsghdr* header = nlmsg_hdr(message);
    if (nlmsg_datalen(header) >= static_cast<int>(sizeof(error))) {
        std::memcpy(&error, nlmsg_data(header), sizeof(error));
        if (error < 0) conversation.error = -error;
    }
    return NL_STOP;
}

int on_interrupted_dump(nl_msg* /*message*/, void* argument) {
    static_cast<Conversation*>(argument)->interrupted = true;
    return NL_OK;
}

int on_error(sockaddr_nl* /*sender*/, nlmsgerr* message, void* argument) {
    auto& conversation = *static_cast<Conversation*>(argument);
    conversation.ended = true;
    conversation.error = -message->error;
    return NL_STOP;
}

struct CallbacksDeleter {
    void operator()(nl_cb* callbacks) const { nl_cb_put(callbacks); }
};

/// Reads away what an aborted conversation left, so that the next one does not meet it.
void drain(nl_sock& socket) {
    std::array<char, 4096> buffer{};
    while (::recv(nl_socket_get_fd(&socket), buffer.data(), buffer.size(), MSG_DONTWAIT) >= 0 || errno == ENOBUFS ||
           errno == EINTR) {
    }
}

int errno_of_libnl(int nle) {
    switch (std::abs(nle)) {
        case NLE_NOMEM: return ENOBUFS;  // ENOMEM and ENOBUFS; from a socket it is the latter.
        case NLE_INTR:
        case NLE_DUMP_INTR: return EINTR;
        case NLE_AGAIN: return EAGAIN;
        case NLE_EXIST: return EEXIST;
        case NLE_OBJ_NOTFOUND: return ENOENT;
        case NLE_PERM: return EPERM;
        case NLE_NOACCESS: return EACCES;
        case NLE_BUSY: return EBUSY;
        case NLE_INVAL: return EINVAL;
        case NLE_NODEV: return ENODEV;
        case NLE_NOADDR: return EADDRNOTAVAIL;
        case NLE_AF_NOSUPPORT: return EAFNOSUPPORT;
        case NLE_PROTO_MISMATCH: return EPROTONOSUPPORT;
        case NLE_MSGSIZE: return EMSGSIZE;
        case NLE_RANGE: return ERANGE;
        default: return EIO;
    }
}

}  // namespace

kernel::Error kernel_error(int code, const std::string& what) {
    const char* text = ::strerrordesc_np(code);
    return {code, what + ": " + (text == nullptr ? "unknown error" : text)};
}

kernel::Error libnl_error(int nle, const std::string& what) {
    return kernel_error(errno_of_libnl(nle), what);
}

std::expected<NetlinkSocket, kernel::Error> open_netlink(int protocol) {
    NetlinkSocket socket{nl_socket_alloc()};
    if (!socket) return std::unexpected{kernel_error(ENOMEM, "open netlink socket")};
    if (const int error = nl_connect(socket.get(), protocol); error < 0) {
        return std::unexpected{libnl_error(error, "open netlink socket")};
    }
    return socket;
}

std::expected<void, kernel::Error> exchange(nl_sock& socket, nl_msg& message, const std::string& what,
                                            const std::function<void(nlmsghdr&)>& on_reply) {
    const std::unique_ptr<nl_cb, CallbacksDeleter> callbacks{nl_cb_alloc(NL_CB_DEFAULT)};
    if (!callbacks) return std::unexpected{kernel_error(ENOMEM, what)};
    Conversation conversation{.on_reply = on_reply};
    nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_valid, &conversation);
    nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_acknowledgement, &conversation);
    nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_end_of_dump, &conversation);
    nl_cb_set(callbacks.get(), NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interrupted_dump, &conversation);
    nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &conversation);

    if (const int sent = nl_send_auto(&socket, &message); sent < 0) return std::unexpected{libnl_error(sent, what)};
    while (!conversation.ended) {
        const int received = nl_recvmsgs(&socket, callbacks.get());
        if (received < 0 && !conversation.ended) {
            drain(socket);
            return std::unexpected{libnl_error(received, what)};
        }
    }
    if (conversation.error != 0) return std::unexpected{kernel_error(conversation.error, what)};
    if (conversation.interrupted) return std::unexpected{kernel_error(EINTR, what)};
    return {};
}

}  // namespace anyvip::io
