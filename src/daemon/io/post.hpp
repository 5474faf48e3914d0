#pragma once

#include <string>

#include "daemon/io/bfd_sockets.hpp"
#include "daemon/io/mailbox.hpp"
#include "daemon/io/socket_orders.hpp"
#include "daemon/mail.hpp"
#include "io/socket.hpp"

/// Every way that a letter can take, and the bell of each loop. Made before the loops, outlives them.
namespace anyvip::daemon::io {

/// A socket of the heartbeat's could not be opened, or did not send or receive.
struct SocketProblem {
    std::string subject;  ///< "virtual_router=office"
    anyvip::io::SocketError error;
    friend bool operator==(const SocketProblem&, const SocketProblem&) = default;
};

struct Post {
    Doorbell heartbeat_bell;
    Doorbell decision_bell;
    Doorbell checks_bell;
    Doorbell kernel_bell;

    Mailbox<HeartbeatMail> decision_to_heartbeat{heartbeat_bell};
    Mailbox<HeartbeatMail> kernel_to_heartbeat{heartbeat_bell};
    Mailbox<DecisionMail> heartbeat_to_decision{decision_bell};
    Mailbox<DecisionMail> checks_to_decision{decision_bell};
    Mailbox<DecisionMail> kernel_to_decision{decision_bell};
    Mailbox<ChecksMail> decision_to_checks{checks_bell};
    Mailbox<KernelMail> heartbeat_to_kernel{kernel_bell};
    Mailbox<KernelMail> decision_to_kernel{kernel_bell};

    Mailbox<SocketOrder> socket_orders{kernel_bell};       ///< of the heartbeat
    Mailbox<SocketAnswer> socket_answers{heartbeat_bell};  ///< of the kernel loop
    Mailbox<BfdSocketOrder> bfd_socket_orders{kernel_bell};
    Mailbox<BfdSocketAnswer> bfd_socket_answers{heartbeat_bell};

    /// The heartbeat has no logger of its own: spdlog's queue is a lock. The decision loop describes and logs.
    LossyMailbox<SocketProblem> heartbeat_log{decision_bell};
};

}  // namespace anyvip::daemon::io
