#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/random.hpp"
#include "anyvip/strong.hpp"
#include "anyvip/time.hpp"
#include "bgp/adj_rib_in.hpp"
#include "bgp/adj_rib_out.hpp"
#include "bgp/framer.hpp"
#include "bgp/fsm.hpp"
#include "bgp/message.hpp"
#include "bgp/notification.hpp"
#include "bgp/peer_config.hpp"
#include "bgp/retention.hpp"
#include "bgp/route_table.hpp"

/// One BGP peer: its session, however many connections it takes to get one, and the routes it is told.
///
/// Parts: one Fsm for the connection that we open (or wait for), a second one while the peer has opened
/// another beside it; per connection a Framer for what arrives and a count of what TCP took; the AdjRibOut and
/// the AdjRibIn.
/// Peer decides collisions (RFC 4271 §6.8, RFC 6286 §2.3), turns octets into Fsm events and messages into
/// octets, and pulls UPDATEs from the AdjRibOut only as the transport takes them.
///
/// Who calls: the decision loop's composite feeds Start, RoutesChanged and so on; bgp::io::Speaker, or the
/// simulator's network, feeds what happens to connections and carries out the actions in their order.
/// ConnectionIds are given by the shell and never used twice; AttemptIds by the Peer, so that the answer to
/// an attempt that was given up cannot be taken for that to the next one.
///
/// Octets: at most `send_window` of UPDATEs are with the transport at a time, so the shell's queue is bounded
/// by construction. Written says how many octets TCP has taken since the connection was opened; the shell
/// reports it after each Send that TCP took at once and each time a queue moves on.
///
/// Stopping withdraws everything, then sends Cease with the text of RFC 9003, then closes: a peer that keeps
/// routes for a while (graceful restart) must not keep ours, and where it would even so (RFC 8538) the Cease is a Hard
/// Reset. End-of-RIB waits for InitialRoutesComplete.
/// What the peer announces is handed on as it comes, and the AdjRibIn keeps of it what Import and Watch ask for; when
/// they ask for more than before, the peer is asked to say it again (RFC 2918). RFC 9234 §5 is done before: a leaked
/// route arrives withdrawn, others with the OTC they are to have.
///
/// Graceful restart, where the operator asks for it: as the one that restarts (RFC 4724 §4.1) our OPENs say R until the
/// peer had our End-of-RIB, and F if Start says that what it may have kept was forwarded all along, or since it had a
/// session with us. As the other one (§4.2) what a lost session told stays in the AdjRibIn for as long as the Retention
/// says, and another connection of a peer whose session is up is a restart of it (§5).
namespace anyvip::bgp {

/// A TCP connection; assigned by the shell, unique in the process.
using ConnectionId = Strong<std::uint64_t, struct ConnectionIdTag>;
/// One OpenConnection; assigned by the Peer, unique in it.
using AttemptId = Strong<std::uint64_t, struct AttemptIdTag>;

// Events.
using anyvip::describe;

struct Start {
    OwnRestart own{};  ///< since when the peer may have kept something of us: before this run of the program
    friend bool operator==(const Start&, const Start&) = default;
};
struct Stop {
    CeaseSubcode subcode = CeaseSubcode::AdministrativeShutdown;
    std::string text;  ///< RFC 9003; cut to 128 octets, which every receiver takes
    friend bool operator==(const Stop&, const Stop&) = default;
};
struct ConnectionOpened {
    ConnectionId connection;
    std::optional<AttemptId> attempt;  ///< nullopt: the peer opened it
    net::Endpoint local;
    net::Endpoint remote;
    friend bool operator==(const ConnectionOpened&, const ConnectionOpened&) = default;
};
struct ConnectionFailed {  ///< before it was open
    AttemptId attempt;
    std::string reason;
    friend bool operator==(const ConnectionFailed&, const ConnectionFailed&) = default;
};
struct ConnectionRefused {  ///< the peer opened it, and the shell may not use it: it was never open to us
    std::string reason;
    friend bool operator==(const ConnectionRefused&, const ConnectionRefused&) = default;
};
struct TransportDiagnosis {  ///< why no connection comes about, as far as the shell can tell
    std::string text;
    friend bool operator==(const TransportDiagnosis&, const TransportDiagnosis&) = default;
};
struct ConnectionClosed {  ///< by the peer or the network; also follows our own CloseConnection or not, as the
                           ///< shell likes
    ConnectionId connection;
    std::string reason;
    friend bool operator==(const ConnectionClosed&, const ConnectionClosed&) = default;
};
struct Received {
    ConnectionId connection;
    std::vector<std::uint8_t> bytes;
    friend bool operator==(const Received&, const Received&) = default;
};
struct Written {
    ConnectionId connection;
    std::uint64_t octets = 0;  ///< that TCP has taken since the connection was opened
    friend bool operator==(const Written&, const Written&) = default;
};
/// Of what was written the peer's TCP has so much; a shell that can ask for it does before a status.
struct Acknowledged {
    ConnectionId connection;
    std::uint64_t octets = 0;  ///< since the connection was opened
    friend bool operator==(const Acknowledged&, const Acknowledged&) = default;
};
struct RoutesChanged {  ///< in the RouteTable, which is changed before
    std::vector<RouteSlot> slots;
    friend bool operator==(const RoutesChanged&, const RoutesChanged&) = default;
};
struct InitialRoutesComplete {  ///< the first verdicts are known
    friend bool operator==(const InitialRoutesComplete&, const InitialRoutesComplete&) = default;
};
struct BfdDown {       ///< the path to the peer has failed (RFC 9384); means something to a session, or in strict mode
    std::string text;  ///< the diagnostic
    friend bool operator==(const BfdDown&, const BfdDown&) = default;
};
struct BfdUp {  ///< the path to the peer is there
    friend bool operator==(const BfdUp&, const BfdUp&) = default;
};
/// Routes for these prefixes are to be kept whatever Import says. A level: the newest counts.
struct Watch {
    std::set<net::Prefix> prefixes;
    friend bool operator==(const Watch&, const Watch&) = default;
};
struct ConfigChanged {
    PeerConfig config;
    friend bool operator==(const ConfigChanged&, const ConfigChanged&) = default;
};
struct TimerExpired {
    friend bool operator==(const TimerExpired&, const TimerExpired&) = default;
};
using Event = std::variant<Start, Stop, ConnectionOpened, ConnectionFailed, ConnectionRefused, TransportDiagnosis,
                           ConnectionClosed, Received, Written, Acknowledged, RoutesChanged, InitialRoutesComplete,
                           BfdDown, BfdUp, Watch, ConfigChanged, TimerExpired>;

// Actions.
struct OpenConnection {  ///< answered by ConnectionOpened or ConnectionFailed with the same attempt
    AttemptId attempt;
    friend bool operator==(const OpenConnection&, const OpenConnection&) = default;
};
struct AbortOpen {
    AttemptId attempt;
    friend bool operator==(const AbortOpen&, const AbortOpen&) = default;
};
struct Send {
    ConnectionId connection;
    std::vector<std::uint8_t> bytes;  ///< whole messages
    friend bool operator==(const Send&, const Send&) = default;
};
struct CloseConnection {  ///< after what was sent, but not for long
    ConnectionId connection;
    friend bool operator==(const CloseConnection&, const CloseConnection&) = default;
};
struct SessionUp {
    Negotiated negotiated;
    friend bool operator==(const SessionUp&, const SessionUp&) = default;
};
struct SessionDown {
    Reason reason;
    friend bool operator==(const SessionDown&, const SessionDown&) = default;
};
/// Everything wanted so far was taken by TCP, or there is no session that could know otherwise. Follows every
/// RoutesChanged sooner or later: at once without a session or when nothing had to be sent.
struct RoutesSent {
    friend bool operator==(const RoutesSent&, const RoutesSent&) = default;
};
struct RoutesReceived {
    Update update;
    friend bool operator==(const RoutesReceived&, const RoutesReceived&) = default;
};
/// RFC 7313 §4: the peer says all routes of the family again; what it has not said until RefreshEnds is gone.
struct RefreshBegins {
    net::Family family = net::Family::Ipv4;
    friend bool operator==(const RefreshBegins&, const RefreshBegins&) = default;
};
struct RefreshEnds {
    net::Family family = net::Family::Ipv4;
    friend bool operator==(const RefreshEnds&, const RefreshEnds&) = default;
};
struct WatchedRoutesChanged {
    std::set<net::Prefix> prefixes;
    friend bool operator==(const WatchedRoutesChanged&, const WatchedRoutesChanged&) = default;
};
struct InitialRoutesReceived {  ///< the peer's End-of-RIB
    net::Family family = net::Family::Ipv4;
    friend bool operator==(const InitialRoutesReceived&, const InitialRoutesReceived&) = default;
};
/// The peer announces more than is accepted: the rest is refused, or (Import::stop_at_max) the session ends.
struct MaxPrefixesReached {
    std::size_t max_prefixes = 0;
    friend bool operator==(const MaxPrefixesReached&, const MaxPrefixesReached&) = default;
};
struct StateChanged {  ///< of the connection that has come furthest
    State from = State::Idle;
    State to = State::Idle;
    std::optional<Reason> reason;
    friend bool operator==(const StateChanged&, const StateChanged&) = default;
};
using Action = std::variant<OpenConnection, AbortOpen, Send, CloseConnection, SessionUp, SessionDown, RoutesSent,
                            RoutesReceived, RefreshBegins, RefreshEnds, WatchedRoutesChanged, InitialRoutesReceived,
                            MaxPrefixesReached, StateChanged>;
using Actions = std::vector<Action>;

/// Since the Peer was made, over all its connections.
struct Counters {
    std::uint64_t messages_in = 0;
    std::uint64_t messages_out = 0;
    std::uint64_t updates_in = 0;
    std::uint64_t updates_out = 0;
    std::uint64_t sessions = 0;             ///< times Established
    std::uint64_t connections_refused = 0;  ///< that the peer opened and the shell could not use
    friend bool operator==(const Counters&, const Counters&) = default;
};

/// A NOTIFICATION of ours or the peer's.
struct Said {
    Notification notification;
    TimePoint at;
    friend bool operator==(const Said&, const Said&) = default;
};

/// Routes of the peer that are kept after its session was lost.
struct Kept {
    Families families{};
    Families long_lived{};  ///< of them, as the last choice
    std::size_t routes = 0;
    TimePoint until;  ///< the first of the families
    friend bool operator==(const Kept&, const Kept&) = default;
};

/// What `anyvip status` shows of a peer. No secrets.
struct Status {
    State state = State::Idle;
    TimePoint since;                       ///< of the state
    bool started = false;                  ///< wants a session
    std::optional<TimePoint> established;  ///< uptime counts from here
    std::optional<net::Endpoint> local;    ///< of the connection that has come furthest
    std::optional<net::Endpoint> remote;
    bool waits_for_bfd = false;  ///< the OPENs are exchanged, and the session waits for BFD (strict mode)
    std::optional<Negotiated> negotiated;
    std::vector<Capability> offered;  ///< by the peer, of this session; agreed on or not
    std::size_t routes_wanted = 0;
    std::size_t routes_announced = 0;
    std::map<Withheld, std::size_t> routes_withheld;
    std::optional<Reason> last_error;
    TimePoint last_error_at;
    std::optional<Said> last_sent;
    std::optional<Said> last_received;
    std::optional<Kept> kept;                       ///< the peer restarts, or has not said everything again since
    std::optional<Asn> said_as;                     ///< of the peer's last OPEN, accepted or not
    std::uint64_t unacknowledged = 0;               ///< octets sent that the peer's TCP has not, as far as is known
    std::optional<TimePoint> unacknowledged_since;  ///< of the oldest UPDATE among them
    Counters counters;
};

/// A prefix towards one peer, from what is wanted to what is known to have arrived.
struct RouteStatus {
    bool desired = false;
    std::optional<Withheld> withheld{};  ///< why it is not sent
    bool sent = false;                   ///< given to the transport as it is desired now
    bool acknowledged = false;           ///< and taken by the peer's TCP
    friend bool operator==(const RouteStatus&, const RouteStatus&) = default;
};

class Peer {
public:
    /// Octets of UPDATEs that may be with the transport before TCP has taken them.
    static constexpr std::uint64_t send_window = 65536;
    static constexpr std::size_t max_unacknowledged = 256;

    /// `random` and `routes` outlive the peer.
    Peer(const PeerConfig& config, Random& random, RouteTable& routes);

    [[nodiscard]] Actions handle(const Event& event, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] State state() const;
    /// There is a connection, of whichever state.
    [[nodiscard]] bool connected() const { return primary_.connection || incoming_; }
    [[nodiscard]] Status status() const;
    [[nodiscard]] const PeerConfig& config() const { return config_; }
    /// What the session that is up was agreed on, and our end of it; null and nullopt without one.
    [[nodiscard]] const Negotiated* session() const;
    [[nodiscard]] std::optional<net::Endpoint> local() const;
    [[nodiscard]] const AdjRibIn& adj_rib_in() const { return adj_rib_in_; }
    [[nodiscard]] RouteStatus route_status(const net::Prefix& prefix) const;

private:
    /// A TCP connection of ours or theirs.
    struct Connection {
        ConnectionId id;
        bool opened_by_us = false;
        net::Endpoint local;
        net::Endpoint remote;
        Framer framer;
        std::uint64_t sent = 0;          ///< octets given to the transport
        std::uint64_t written = 0;       ///< octets that our TCP took
        std::uint64_t acknowledged = 0;  ///< octets that the peer's has
    };
    /// A machine and the connection or attempt that it drives.
    struct Seat {
        Fsm fsm;
        std::optional<AttemptId> attempt;
        std::optional<Connection> connection;
        std::vector<Capability> offered{};  ///< by the peer, in its last OPEN here
    };
    /// What was sent in a session, for its acknowledgement.
    struct Sent {
        AdjRibOut::Batch batch = 0;
        std::uint64_t end = 0;  ///< octets of the connection up to here
        TimePoint at;
    };
    class Turn;  ///< one handle(): peer.cpp

    PeerConfig config_;
    Random* random_;
    Seat primary_;                  ///< ours: connects, or waits when passive
    std::optional<Seat> incoming_;  ///< theirs, while ours is on its way too
    AdjRibOut adj_rib_out_;
    AdjRibIn adj_rib_in_;
    Retention retention_;                  ///< of what is in adj_rib_in_
    std::optional<PeerRestart> restart_;   ///< of the session that is up or was the last
    std::optional<net::IpAddress> heard_;  ///< the peer's end of it
    OwnRestart own_restart_;
    std::deque<Sent> unacknowledged_;  ///< at most max_unacknowledged; older ones count as acknowledged with the next
    std::optional<AdjRibOut::Batch> acknowledged_;
    AttemptId last_attempt_;
    bool started_ = false;
    bool routes_owed_ = false;  ///< a RoutesSent is due once all is written
    TimePoint since_;
    std::optional<TimePoint> established_;
    std::optional<Reason> last_error_;
    TimePoint last_error_at_;
    std::optional<Said> last_sent_;
    std::optional<Said> last_received_;
    std::optional<Asn> said_as_;
    std::set<net::Family> refreshing_;  ///< between the peer's BoRR and EoRR
    Counters counters_;
};

[[nodiscard]] std::string describe(const Start& event);
[[nodiscard]] std::string describe(const Stop& event);
[[nodiscard]] std::string describe(const ConnectionOpened& event);
[[nodiscard]] std::string describe(const ConnectionFailed& event);
[[nodiscard]] std::string describe(const ConnectionRefused& event);
[[nodiscard]] std::string describe(const TransportDiagnosis& event);
[[nodiscard]] std::string describe(const ConnectionClosed& event);
[[nodiscard]] std::string describe(const Received& event);
[[nodiscard]] std::string describe(const Written& event);
[[nodiscard]] std::string describe(const Acknowledged& event);
[[nodiscard]] std::string describe(const RoutesChanged& event);
[[nodiscard]] std::string describe(const InitialRoutesComplete& event);
[[nodiscard]] std::string describe(const BfdDown& event);
[[nodiscard]] std::string describe(const BfdUp& event);
[[nodiscard]] std::string describe(const Watch& event);
[[nodiscard]] std::string describe(const ConfigChanged& event);
[[nodiscard]] std::string describe(const TimerExpired& event);
[[nodiscard]] std::string describe(const OpenConnection& action);
[[nodiscard]] std::string describe(const AbortOpen& action);
[[nodiscard]] std::string describe(const Send& action);
[[nodiscard]] std::string describe(const CloseConnection& action);
[[nodiscard]] std::string describe(const SessionUp& action);
[[nodiscard]] std::string describe(const SessionDown& action);
[[nodiscard]] std::string describe(const RoutesSent& action);
[[nodiscard]] std::string describe(const RoutesReceived& action);
[[nodiscard]] std::string describe(const RefreshBegins& action);
[[nodiscard]] std::string describe(const RefreshEnds& action);
[[nodiscard]] std::string describe(const WatchedRoutesChanged& action);
[[nodiscard]] std::string describe(const InitialRoutesReceived& action);
[[nodiscard]] std::string describe(const MaxPrefixesReached& action);
[[nodiscard]] std::string describe(const StateChanged& action);

}  // namespace anyvip::bgp
