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
#include "bgp/bfd/control_packet.hpp"
#include "bgp/bfd/encapsulation.hpp"
#include "bgp/bfd/session.hpp"
#include "daemon/mail.hpp"

/// The heartbeat's part for BFD: one bfd::Session for each BGP peer that has it, the packets they send and receive, the
/// sockets they need. Without I/O, like the composite that it is a part of (daemon/heartbeat.hpp).
///
/// Who a packet is for (RFC 5880 §6.3): the session whose discriminator it bears; while the neighbour does not know
/// that yet, the one with its address, of a link-local address on that interface, and over several hops (RFC 5883 §4)
/// between those two addresses.
///
/// Sockets. Sessions send each from one of its own, which their discriminator names; what arrives comes through one for
/// each family and kind of hop, open while any session needs it. A session begins when its socket is open, lest its
/// first packets be lost. What cannot be opened is tried again; so is a socket that cannot send, unless its session is
/// Up: then the neighbour will notice, and say so.
///
/// A session that leaves says AdminDown for as long as its neighbour needs to hear it. One lease is for all of them.
namespace anyvip::daemon {

// Events beside mail:
struct BfdListenerOpened {  ///< the answer to OpenBfdListener
    bfd::Listener listener;
    std::optional<std::string> error;
    friend bool operator==(const BfdListenerOpened&, const BfdListenerOpened&) = default;
};
struct BfdSenderOpened {  ///< the answer to OpenBfdSender
    bfd::Discriminator session;
    net::IpAddress local;           ///< where its packets come from
    net::InterfaceIndex interface;  ///< 0: it is bound to none
    std::optional<std::string> error;
    friend bool operator==(const BfdSenderOpened&, const BfdSenderOpened&) = default;
};
struct BfdSendFailed {
    bfd::Discriminator session;
    std::string error;
    friend bool operator==(const BfdSendFailed&, const BfdSendFailed&) = default;
};
struct BfdPacketReceived {
    bfd::Hops hops = bfd::Hops::Single;
    bfd::ReceivedMetadata metadata;
    std::vector<std::uint8_t> bytes;
    friend bool operator==(const BfdPacketReceived&, const BfdPacketReceived&) = default;
};

// Actions beside mail:
struct OpenBfdListener {  ///< answered by BfdListenerOpened, sooner or later, unless CloseBfdListener comes first
    bfd::Listener listener;
    friend bool operator==(const OpenBfdListener&, const OpenBfdListener&) = default;
};
struct CloseBfdListener {
    bfd::Listener listener;
    friend bool operator==(const CloseBfdListener&, const CloseBfdListener&) = default;
};
struct OpenBfdSender {  ///< answered by BfdSenderOpened, sooner or later, unless CloseBfdSender comes first
    bfd::Discriminator session;
    PeerName peer;
    net::IpAddress remote;
    std::optional<net::IpAddress> source;
    std::optional<net::InterfaceName> interface;
    bfd::Hops hops = bfd::Hops::Single;
    std::set<net::IpAddress> vips;  ///< no packet comes from one (product rule 11)
    friend bool operator==(const OpenBfdSender&, const OpenBfdSender&) = default;
};
struct CloseBfdSender {
    bfd::Discriminator session;
    friend bool operator==(const CloseBfdSender&, const CloseBfdSender&) = default;
};
struct SendBfdPacket {
    bfd::Discriminator session;
    std::vector<std::uint8_t> bytes;
    friend bool operator==(const SendBfdPacket&, const SendBfdPacket&) = default;
};

class BfdSessions {
public:
    using Event = std::variant<ConfigureBfd, BfdLease, InterfaceChanged, SnapshotRequested, BfdListenerOpened,
                               BfdSenderOpened, BfdSendFailed, BfdPacketReceived, bfd::TimerExpired>;
    using Action =
        std::variant<OpenBfdListener, CloseBfdListener, OpenBfdSender, CloseBfdSender, SendBfdPacket, DecisionMail>;
    using Actions = std::vector<Action>;

    explicit BfdSessions(Random random) : random_{random} {}

    [[nodiscard]] Actions handle(const Event& event, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

private:
    struct Socket {
        bool open = false;
        net::IpAddress local;
        net::InterfaceIndex interface;
        std::optional<std::string> error;
        std::optional<TimePoint> retry_at;  ///< it could not be opened, or does not send
    };
    struct Session {
        BfdSetup setup;
        bfd::Session core;
        Socket socket = {};
        bool leaving = false;
    };
    /// By the session's discriminator; a peer's present session beside former ones that say goodbye.
    using Sessions = std::map<bfd::Discriminator, Session>;

    void on(const ConfigureBfd& mail, TimePoint now, Actions& out);
    void on(const BfdLease& mail, TimePoint now, Actions& out);
    void on(const InterfaceChanged& mail, TimePoint now, Actions& out);
    void on(const SnapshotRequested& mail, TimePoint now, Actions& out);
    void on(const BfdListenerOpened& event, TimePoint now, Actions& out);
    void on(const BfdSenderOpened& event, TimePoint now, Actions& out);
    void on(const BfdSendFailed& event, TimePoint now, Actions& out);
    void on(const BfdPacketReceived& event, TimePoint now, Actions& out);
    void on(const bfd::TimerExpired& event, TimePoint now, Actions& out);

    void add(const BfdSetup& setup, TimePoint now, Actions& out);
    void open(Session& session, Actions& out);
    void reopen(Session& session, Actions& out);
    void follow_listeners(Actions& out);
    void finish_leaving(Actions& out);
    [[nodiscard]] Session* find(const PeerName& peer);
    [[nodiscard]] Session* find_by_addresses(const BfdPacketReceived& event);
    void feed(Session& session, const bfd::Event& event, TimePoint now, Actions& out);

    Random random_;
    Sessions sessions_;
    std::map<bfd::Listener, Socket> listeners_;
    std::set<net::IpAddress> vips_;
    std::optional<TimePoint> lease_expires_at_;
};

[[nodiscard]] std::string describe(const BfdListenerOpened& event);
[[nodiscard]] std::string describe(const BfdSenderOpened& event);
[[nodiscard]] std::string describe(const BfdSendFailed& event);
[[nodiscard]] std::string describe(const BfdPacketReceived& event);
[[nodiscard]] std::string describe(const OpenBfdListener& action);
[[nodiscard]] std::string describe(const CloseBfdListener& action);
[[nodiscard]] std::string describe(const OpenBfdSender& action);
[[nodiscard]] std::string describe(const CloseBfdSender& action);
[[nodiscard]] std::string describe(const SendBfdPacket& action);

}  // namespace anyvip::daemon
