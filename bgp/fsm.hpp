#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/random.hpp"
#include "anyvip/time.hpp"
#include "bgp/message.hpp"
#include "bgp/negotiation.hpp"
#include "bgp/notification.hpp"
#include "bgp/peer_config.hpp"

/// The finite state machine of one BGP connection (RFC 4271 §8).
///
/// Parts: a state is a struct that carries its timers, so that no timer outlives its state; handle() visits
/// (state, event); each state lists the events it knows with their numbers of §8.1 and ends in the RFC's own
/// "any other event", which is an FSM error with the subcode of RFC 6608.
/// bgp::Peer owns one Fsm, or two while a collision is undecided, turns decoded messages into events and
/// carries out the actions. What an OPEN is checked with is in negotiation.hpp.
///
/// Standards: RFC 4271 §8 (machine, with the optional DelayOpen, DampPeerOscillations and PassiveTcpEstablishment),
/// §6 (errors), §10 (jitter); RFC 5492 §3 (the retry without what was refused); RFC 6608 (FSM subcodes);
/// RFC 8538 §3.1 (Hard Reset); RFC 9003 (shutdown communication); RFC 9687 (SendHoldTimer, event 29);
/// draft-ietf-idr-bgp-bfd-strict-mode §8.
///
/// Where it leaves the text of §8.2.2, with the reason at the arm:
///  - a refused connection goes from Connect to Active, as with DelayOpen and as every implementation does;
///    the RFC's way to Idle would refuse the peer's own connection while nothing is wrong;
///  - a NOTIFICATION is never answered with one; a bad header is reported as what it is (§6.1) in every state;
///  - ConnectRetryTimer does not run in a passive peer's Active state;
///  - an OPEN that is refused while DelayOpenTimer runs gets our own before the NOTIFICATION, so that
///    SendNOTIFICATIONwithoutOPEN is never needed;
///  - with DelayOpen, too, BFD is waited for in OpenSent, since by then our OPEN is sent; the draft has sub-states of
///    Connect and Active for it;
///  - HoldTimer that runs out while BFD is waited for is Cease/BFD Down (§9 of the draft) until the peer has sent its
///    KEEPALIVE: it is BFD that is missing, and a peer that waits too says nothing;
///  - CollisionDetectEstablishedState is off, as by default (§8.1.1): an Established session always wins.
namespace anyvip::bgp {

enum class State : std::uint8_t { Idle, Connect, Active, OpenSent, OpenConfirm, Established };

/// Why a connection or an attempt at one came to its end.
struct Reason {
    enum class Kind : std::uint8_t {
        Stopped,               ///< by us: Cease
        NotificationReceived,  ///< by the peer
        NotificationSent,      ///< the peer broke a rule
        HoldTimerExpired,
        SendHoldTimerExpired,
        ConnectionFailed,  ///< TCP: refused, reset, timed out; `text` has the system's words
        Collision,         ///< the other connection to this peer won (§6.8)
        BfdDown,           ///< RFC 9384: BFD says that the path to the peer has failed; `text` has its diagnostic
    };
    Kind kind = Kind::Stopped;
    std::optional<Notification> notification;  ///< sent or received
    std::string text;
    friend bool operator==(const Reason&, const Reason&) = default;
};

namespace fsm {

// §8.2.2, in the RFC's order.
struct Idle {
    std::optional<TimePoint> idle_hold_timer;  ///< none: stopped; waits for a start
    friend bool operator==(const Idle&, const Idle&) = default;
};
struct Connect {
    std::optional<TimePoint> connect_retry_timer;  ///< none: connected, and DelayOpenTimer runs instead
    std::optional<TimePoint> delay_open_timer{};
    friend bool operator==(const Connect&, const Connect&) = default;
};
struct Active {
    std::optional<TimePoint> connect_retry_timer{};  ///< none: passive, or connected
    std::optional<TimePoint> delay_open_timer{};     ///< connected, and waits for the peer's OPEN before its own
    friend bool operator==(const Active&, const Active&) = default;
};
/// What an OpenSent waits with for BFD: the OPENs are exchanged, and our KEEPALIVE is held back. OpenSentBfdUpPending
/// of draft-ietf-idr-bgp-bfd-strict-mode §8.1, and OpenSentConfirmedBfdUpPending when the peer has sent its KEEPALIVE.
struct BfdUpPending {
    Negotiated negotiated;
    bool confirmed = false;
    friend bool operator==(const BfdUpPending&, const BfdUpPending&) = default;
};
struct OpenSent {
    TimePoint hold_timer;  ///< BfdHoldTimer where BFD is waited for and no hold time is agreed on
    std::optional<BfdUpPending> bfd_up_pending{};
    friend bool operator==(const OpenSent&, const OpenSent&) = default;
};
struct OpenConfirm {
    Negotiated negotiated;
    std::optional<TimePoint> hold_timer;
    std::optional<TimePoint> keepalive_timer;
    friend bool operator==(const OpenConfirm&, const OpenConfirm&) = default;
};
struct Established {
    Negotiated negotiated;
    std::optional<TimePoint> hold_timer;
    std::optional<TimePoint> keepalive_timer;
    std::optional<TimePoint> send_hold_timer;
    TimePoint since;
    friend bool operator==(const Established&, const Established&) = default;
};
using AnyState = std::variant<Idle, Connect, Active, OpenSent, OpenConfirm, Established>;

// Events, with their numbers in RFC 4271 §8.1.
struct ManualStart {  ///< 1, and 4 when the peer is passive
    friend bool operator==(const ManualStart&, const ManualStart&) = default;
};
struct ManualStop {  ///< 2
    Notification cease;
    friend bool operator==(const ManualStop&, const ManualStop&) = default;
};
struct AutomaticStop {  ///< 8: we end it, and try again later
    Notification cease;
    friend bool operator==(const AutomaticStop&, const AutomaticStop&) = default;
};
struct TcpConnectionConfirmed {  ///< 16 (ours was accepted) and 17 (theirs)
    friend bool operator==(const TcpConnectionConfirmed&, const TcpConnectionConfirmed&) = default;
};
struct TcpConnectionFails {  ///< 18
    std::string text;
    friend bool operator==(const TcpConnectionFails&, const TcpConnectionFails&) = default;
};
struct BgpOpen {  ///< 19, or 20 with DelayOpenTimer running, or 22 when negotiate() refuses it
    Open open;
    friend bool operator==(const BgpOpen&, const BgpOpen&) = default;
};
struct BgpHeaderErr {  ///< 21; also a ROUTE-REFRESH that RFC 7313 §5 does not allow
    Notification notification;
    friend bool operator==(const BgpHeaderErr&, const BgpHeaderErr&) = default;
};
struct BgpOpenMsgErr {  ///< 22
    Notification notification;
    friend bool operator==(const BgpOpenMsgErr&, const BgpOpenMsgErr&) = default;
};
struct OpenCollisionDump {  ///< 23
    friend bool operator==(const OpenCollisionDump&, const OpenCollisionDump&) = default;
};
struct NotifMsg {  ///< 25, and 24 when it is a version error
    Notification notification;
    friend bool operator==(const NotifMsg&, const NotifMsg&) = default;
};
struct KeepAliveMsg {  ///< 26
    friend bool operator==(const KeepAliveMsg&, const KeepAliveMsg&) = default;
};
struct UpdateMsg {  ///< 27; the contents are the Peer's business
    friend bool operator==(const UpdateMsg&, const UpdateMsg&) = default;
};
struct UpdateMsgErr {  ///< 28
    Notification notification;
    friend bool operator==(const UpdateMsgErr&, const UpdateMsgErr&) = default;
};
struct RouteRefreshMsg {  ///< RFC 2918; no number. Restarts no timer
    friend bool operator==(const RouteRefreshMsg&, const RouteRefreshMsg&) = default;
};
struct Progress {  ///< RFC 9687: TCP took octets of ours, or has none left to take
    friend bool operator==(const Progress&, const Progress&) = default;
};
/// 31 (draft-ietf-idr-bgp-bfd-strict-mode §4; RFC 9384). BFD says that the path to the peer has failed. Without strict
/// mode only a session can end by it: BFD that is not up yet keeps no BGP down.
struct BfdDown {
    std::string text;
    friend bool operator==(const BfdDown&, const BfdDown&) = default;
};
struct BfdUp {  ///< 32
    friend bool operator==(const BfdUp&, const BfdUp&) = default;
};
struct TimerExpired {  ///< 9, 10, 11, 12, 13, 29: whichever timers are due
    friend bool operator==(const TimerExpired&, const TimerExpired&) = default;
};
using Event = std::variant<ManualStart, ManualStop, AutomaticStop, TcpConnectionConfirmed, TcpConnectionFails, BgpOpen,
                           BgpHeaderErr, BgpOpenMsgErr, OpenCollisionDump, NotifMsg, KeepAliveMsg, UpdateMsg,
                           UpdateMsgErr, RouteRefreshMsg, Progress, BfdDown, BfdUp, TimerExpired>;

// Actions.
struct OpenConnection {  ///< answered by TcpConnectionConfirmed or TcpConnectionFails
    friend bool operator==(const OpenConnection&, const OpenConnection&) = default;
};
struct AbortOpen {  ///< no longer wanted; a later answer must not reach the machine
    friend bool operator==(const AbortOpen&, const AbortOpen&) = default;
};
struct Send {
    Message message;
    friend bool operator==(const Send&, const Send&) = default;
};
struct CloseConnection {  ///< after what was sent
    friend bool operator==(const CloseConnection&, const CloseConnection&) = default;
};
struct SessionUp {
    Negotiated negotiated;
    friend bool operator==(const SessionUp&, const SessionUp&) = default;
};
struct SessionDown {  ///< only for a session that was up
    Reason reason;
    friend bool operator==(const SessionDown&, const SessionDown&) = default;
};
struct StateChanged {
    State from = State::Idle;
    State to = State::Idle;
    std::optional<Reason> reason;  ///< of a step back
    friend bool operator==(const StateChanged&, const StateChanged&) = default;
};
using Action = std::variant<OpenConnection, AbortOpen, Send, CloseConnection, SessionUp, SessionDown, StateChanged>;
using Actions = std::vector<Action>;

}  // namespace fsm

class Fsm {
public:
    /// `random` outlives the machine.
    Fsm(const PeerConfig& config, Random& random) : config_{config}, random_{&random} {}

    /// A machine in Active state, for a connection that the peer opened beside ours (§8.2.1). It inherits the
    /// back-off, what the peer has refused, and what BFD says.
    [[nodiscard]] static Fsm for_incoming(const PeerConfig& config, Random& random, std::uint32_t connect_retry_counter,
                                          Concessions concessions = {}, bool bfd_up = false);

    [[nodiscard]] fsm::Actions handle(const fsm::Event& event, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] State state() const;
    [[nodiscard]] const fsm::AnyState& full_state() const { return state_; }
    /// From OpenConfirm on, and while the OPENs are exchanged and BFD is waited for.
    [[nodiscard]] const Negotiated* negotiated() const;
    [[nodiscard]] bool waits_for_bfd() const;
    /// What BFD said last.
    [[nodiscard]] bool bfd_up() const { return bfd_up_; }
    /// Errors since the last session: the exponent of the back-off.
    [[nodiscard]] std::uint32_t connect_retry_counter() const { return connect_retry_counter_; }
    /// What our OPEN goes without, until a session ends or we are started again.
    [[nodiscard]] const Concessions& concessions() const { return concessions_; }

    /// Other timers from the next use on. What was negotiated stays.
    void configure(const PeerConfig& config) { config_ = config; }
    /// What our next OPEN says of our own restarts.
    void set_own_restart(const OwnRestart& own) { own_restart_ = own; }

private:
    struct Step;     ///< next state and actions
    struct Handler;  ///< the arms: one overload per (state, event)

    PeerConfig config_;
    Random* random_;
    fsm::AnyState state_;
    std::uint32_t connect_retry_counter_ = 0;
    Concessions concessions_;
    OwnRestart own_restart_;
    bool bfd_up_ = false;  ///< of all states: what BFD said last
};

[[nodiscard]] std::string_view describe(State state);
[[nodiscard]] std::string describe(const Reason& reason);

namespace fsm {
[[nodiscard]] std::string describe(const ManualStart& event);
[[nodiscard]] std::string describe(const ManualStop& event);
[[nodiscard]] std::string describe(const AutomaticStop& event);
[[nodiscard]] std::string describe(const TcpConnectionConfirmed& event);
[[nodiscard]] std::string describe(const TcpConnectionFails& event);
[[nodiscard]] std::string describe(const BgpOpen& event);
[[nodiscard]] std::string describe(const BgpHeaderErr& event);
[[nodiscard]] std::string describe(const BgpOpenMsgErr& event);
[[nodiscard]] std::string describe(const OpenCollisionDump& event);
[[nodiscard]] std::string describe(const NotifMsg& event);
[[nodiscard]] std::string describe(const KeepAliveMsg& event);
[[nodiscard]] std::string describe(const UpdateMsg& event);
[[nodiscard]] std::string describe(const UpdateMsgErr& event);
[[nodiscard]] std::string describe(const RouteRefreshMsg& event);
[[nodiscard]] std::string describe(const Progress& event);
[[nodiscard]] std::string describe(const BfdDown& event);
[[nodiscard]] std::string describe(const BfdUp& event);
[[nodiscard]] std::string describe(const TimerExpired& event);
[[nodiscard]] std::string describe(const OpenConnection& action);
[[nodiscard]] std::string describe(const AbortOpen& action);
[[nodiscard]] std::string describe(const Send& action);
[[nodiscard]] std::string describe(const CloseConnection& action);
[[nodiscard]] std::string describe(const SessionUp& action);
[[nodiscard]] std::string describe(const SessionDown& action);
[[nodiscard]] std::string describe(const StateChanged& action);
}  // namespace fsm

}  // namespace anyvip::bgp
