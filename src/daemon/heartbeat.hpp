#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/names.hpp"
#include "anyvip/net/address.hpp"
#include "anyvip/net/interface.hpp"
#include "anyvip/random.hpp"
#include "anyvip/time.hpp"
#include "daemon/bfd_sessions.hpp"
#include "daemon/mail.hpp"
#include "vrrp/advertisement.hpp"
#include "vrrp/virtual_router.hpp"

/// The heartbeat loop without its I/O: one vrrp::VirtualRouter per virtual router, the packets they send and
/// receive, the sockets and interfaces they need; and beside them the BFD sessions (daemon/bfd_sessions.hpp).
///
/// Who calls what. The loop's driver feeds mail of the decision loop (which routers there are, leases, the order to
/// stop), mail of the kernel loop (interfaces, answers to SetAddresses) and what comes through the sockets; it
/// performs the actions in their order. Every event becomes vrrp::Events of one core or of several, and perform()
/// turns what a core wants into packets, frames and mail. The driver drains mail and sockets before a timer expires.
///
/// What it may never do: wait for anybody, in particular for the kernel or the disk. What the other loops do not say
/// in time is taken as no: a lease ends, an answer times out (product rule 10).
///
/// Sockets. One for each router, open only while its interface is up and has a source for it; until SocketOpened, which
/// may take its time, the core believes the interface down. Another interface index, source or transport means another
/// socket. The core hears of it before CloseSocket, so that the farewell of an Active still goes out, from the old
/// source.
///
/// A router that leaves is kept until the kernel has confirmed that its addresses are gone; RoutersStopped waits for
/// the last of them. Wishes to the kernel bear generations of this loop, for those of a core begin with the core.
namespace anyvip::daemon {

// Events: mail, and from the sockets:
struct PacketReceived {
    RouterName socket;  ///< that of the virtual router whose socket it came through
    vrrp::ReceivedMetadata metadata;
    std::vector<std::uint8_t> bytes;
    friend bool operator==(const PacketReceived&, const PacketReceived&) = default;
};
struct SocketOpened {  ///< the answer to OpenSocket
    RouterName router;
    std::optional<std::string> error;
    friend bool operator==(const SocketOpened&, const SocketOpened&) = default;
};
struct HeartbeatTimerExpired {
    friend bool operator==(const HeartbeatTimerExpired&, const HeartbeatTimerExpired&) = default;
};

// Actions: mail, and to the sockets:
struct OpenSocket {  ///< answered by SocketOpened, sooner or later, unless CloseSocket comes first
    RouterName router;
    net::InterfaceName interface;
    net::Family family = net::Family::Ipv4;
    net::IpAddress source;
    bool multicast = true;
    friend bool operator==(const OpenSocket&, const OpenSocket&) = default;
};
struct CloseSocket {
    RouterName router;
    friend bool operator==(const CloseSocket&, const CloseSocket&) = default;
};
struct SendPacket {
    RouterName router;
    net::IpAddress source;
    net::IpAddress destination;
    std::vector<std::uint8_t> bytes;
    friend bool operator==(const SendPacket&, const SendPacket&) = default;
};
struct SendFrame {  ///< gratuitous ARP or an unsolicited Neighbor Advertisement
    RouterName router;
    net::IpAddress address;  ///< that it is for
    std::vector<std::uint8_t> bytes;
    friend bool operator==(const SendFrame&, const SendFrame&) = default;
};

class Heartbeat {
public:
    using Event = std::variant<HeartbeatMail, PacketReceived, SocketOpened, BfdPacketReceived, BfdListenerOpened,
                               BfdSenderOpened, BfdSendFailed, HeartbeatTimerExpired>;
    using Action = std::variant<OpenSocket, CloseSocket, SendPacket, SendFrame, OpenBfdListener, CloseBfdListener,
                                OpenBfdSender, CloseBfdSender, SendBfdPacket, DecisionMail, KernelMail>;
    using Actions = std::vector<Action>;
    using TimerExpired = HeartbeatTimerExpired;

    /// Of the discriminators and the jitter of BFD.
    explicit Heartbeat(Random random = Random{0}) : bfd_{random} {}

    [[nodiscard]] Actions handle(const Event& event, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

private:
    /// What OpenSocket asked for; another interface index means another socket.
    struct Socket {
        net::InterfaceIndex index;
        net::IpAddress source;
        bool open = false;
        std::optional<TimePoint> retry_at;  ///< it could not be opened
    };
    struct Router {
        RouterSetup setup;
        vrrp::VirtualRouter core;
        std::optional<Socket> socket;
        std::optional<TimePoint> retry_at;  ///< the kernel refused the addresses
        vrrp::Generation asked{0};          ///< the core's newest wish
        Generation wanted = 0;              ///< the same as the kernel loop knows it
        bool wanted_present = false;
        Generation confirmed = 0;                 ///< newest that the kernel fulfilled
        std::set<net::IpAddress> in_kernel = {};  ///< of what is wanted, what it is known to have
        std::set<net::IpAddress> serving = {};    ///< told to the decision loop
        [[nodiscard]] bool addresses_gone() const { return !wanted_present && confirmed == wanted; }
    };
    using Routers = std::map<RouterName, Router>;

    void on(const HeartbeatMail& mail, TimePoint now, Actions& out);
    void on(const PacketReceived& event, TimePoint now, Actions& out);
    void on(const SocketOpened& event, TimePoint now, Actions& out);
    void on(const BfdPacketReceived& event, TimePoint now, Actions& out) { feed_bfd(event, now, out); }
    void on(const BfdListenerOpened& event, TimePoint now, Actions& out) { feed_bfd(event, now, out); }
    void on(const BfdSenderOpened& event, TimePoint now, Actions& out) { feed_bfd(event, now, out); }
    void on(const BfdSendFailed& event, TimePoint now, Actions& out) { feed_bfd(event, now, out); }
    void on(const HeartbeatTimerExpired&, TimePoint now, Actions& out);
    void read(const ConfigureRouters& mail, TimePoint now, Actions& out);
    void read(const RouterLease& mail, TimePoint now, Actions& out);
    void read(const RouterAddressesApplied& mail, TimePoint now, Actions& out);
    void read(const InterfaceChanged& mail, TimePoint now, Actions& out);
    void read(const ConfigureBfd& mail, TimePoint now, Actions& out) { feed_bfd(mail, now, out); }
    void read(const BfdLease& mail, TimePoint now, Actions& out) { feed_bfd(mail, now, out); }
    void read(const StopRouters&, TimePoint now, Actions& out);
    void read(const SnapshotRequested&, TimePoint now, Actions& out);

    void add(const RouterSetup& setup, TimePoint now, Actions& out);
    void follow_interface(Router& router, TimePoint now, Actions& out);
    void open_socket(Router& router, const kernel::Link& link, const net::IpAddress& source, Actions& out);
    void close_socket(Router& router, TimePoint now, Actions& out);
    [[nodiscard]] std::optional<net::IpAddress> source_for(const Router& router) const;
    void feed(Router& router, const vrrp::Event& event, TimePoint now, Actions& out);
    void perform(Router& router, const vrrp::SendAdvertisement& action, TimePoint now, Actions& out);
    void perform(Router& router, const vrrp::SetAddresses& action, TimePoint now, Actions& out);
    void perform(Router& router, const vrrp::SendGratuitousArp& action, TimePoint now, Actions& out);
    void perform(Router& router, const vrrp::StateChanged& action, TimePoint now, Actions& out);
    [[nodiscard]] static std::set<net::IpAddress> wanted_addresses(const Router& router);
    void tell_serving(Router& router, Actions& out);
    void finish_leaving(Actions& out);
    void feed_bfd(const BfdSessions::Event& event, TimePoint now, Actions& out);

    BfdSessions bfd_;
    Routers routers_;
    Routers leaving_;  ///< no longer configured; kept until the kernel has let their addresses go
    std::map<net::InterfaceName, InterfaceChanged> interfaces_;
    /// Of all routers together: one that comes anew under the name of another must not take the answers that
    /// the kernel still owes its predecessor.
    Generation last_generation_ = 0;
    bool stopping_ = false;
    bool stopped_told_ = false;
};

[[nodiscard]] std::string describe(const PacketReceived& event);
[[nodiscard]] std::string describe(const SocketOpened& event);
[[nodiscard]] std::string describe(const HeartbeatTimerExpired& event);
[[nodiscard]] std::string describe(const OpenSocket& action);
[[nodiscard]] std::string describe(const CloseSocket& action);
[[nodiscard]] std::string describe(const SendPacket& action);
[[nodiscard]] std::string describe(const SendFrame& action);

}  // namespace anyvip::daemon
