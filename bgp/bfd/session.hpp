#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/random.hpp"
#include "anyvip/time.hpp"
#include "bgp/bfd/control_packet.hpp"

/// One BFD session in Asynchronous mode: RFC 5880 §6.8, without sockets and clock.
///
/// Who calls. The heartbeat loop owns one for each BGP peer that has BFD. It decodes what arrives, finds the session
/// (§6.3: by Your Discriminator, or by addresses while that is zero) and feeds ControlPacketReceived, or
/// ControlPacketDiscarded when decode() refused; it sends what SendControlPacket holds, and tells the decision loop
/// about StateChanged. Between construction and AdminUp nothing is sent.
///
/// Intervals. `announced` is what our packets say, `in use` what our own timers follow; they differ only while a Poll
/// Sequence runs in the Up state, because a slower transmission and a shorter Detection Time must wait for the Final
/// (§6.8.3). Until the session is Up nothing is sent faster than once a second.
///
/// Its own lateness is no evidence about the neighbour (architecture: the core contract, 2). The caller drains its
/// sockets before it feeds TimerExpired; a Detection Time whose end is seen too late all the same is extended once, by
/// one interval, and counted.
///
/// The lease (product rule 10). A decision loop that hangs must not look alive to routers: when the lease runs out the
/// session goes Down with the diagnostic Forwarding Plane Reset, "the remote system can no longer rely on the local
/// forwarding state" (§6.8.15), and stays Down until there is another. Not AdminDown, which routers must not take for
/// a failure (RFC 5882 §3.2). Without any lease it does not leave Down.
///
/// Deviations: held Down for want of a lease, the session does not answer a Down with Init (§6.8.6).
/// Not implemented: Demand mode of our own (§6.6; the neighbour's is honoured), the Echo function (§6.4; Required Min
/// Echo RX Interval is 0), authentication (§6.7; such packets are discarded). The C bit is never set: BFD here ends
/// with the process, and by the lease even with its decision loop, and so shares the fate of the control plane.
namespace anyvip::bfd {

struct Config {
    /// Used in the Up state; 10 ms and more (RFC 7419 names the values that every implementation has).
    Duration desired_min_tx_interval = std::chrono::milliseconds{300};
    Duration required_min_rx_interval = std::chrono::milliseconds{300};
    std::uint8_t detect_mult = 3;  ///< not 0
    bool passive = false;          ///< says nothing before the neighbour does (§6.1)
    /// What a packet must arrive with: 255 for a single hop (RFC 5881 §5).
    std::uint8_t minimum_ttl = 255;
    friend bool operator==(const Config&, const Config&) = default;
};

/// The least transmission interval in every state but Up (§6.8.3).
inline constexpr Duration slow_interval = std::chrono::seconds{1};

// ---- Events

struct AdminUp {
    friend bool operator==(const AdminUp&, const AdminUp&) = default;
};
/// The neighbour is told for one Detection Time (§6.8.16); then the session is silent and `is_finished()`.
struct AdminDown {
    friend bool operator==(const AdminDown&, const AdminDown&) = default;
};
struct ConfigChanged {
    Config config;
    friend bool operator==(const ConfigChanged&, const ConfigChanged&) = default;
};
struct Lease {
    TimePoint expires_at;
    friend bool operator==(const Lease&, const Lease&) = default;
};
struct ControlPacketReceived {
    ControlPacket packet;
    std::uint8_t ttl = 255;
    friend bool operator==(const ControlPacketReceived&, const ControlPacketReceived&) = default;
};
/// A packet from the neighbour's address that decode() or the demultiplexer refused; it is counted.
struct ControlPacketDiscarded {
    DiscardReason reason = DiscardReason::Truncated;
    friend bool operator==(const ControlPacketDiscarded&, const ControlPacketDiscarded&) = default;
};
struct TimerExpired {
    friend bool operator==(const TimerExpired&, const TimerExpired&) = default;
};

using Event =
    std::variant<AdminUp, AdminDown, ConfigChanged, Lease, ControlPacketReceived, ControlPacketDiscarded, TimerExpired>;

// ---- Actions

struct SendControlPacket {
    ControlPacket packet;
    friend bool operator==(const SendControlPacket&, const SendControlPacket&) = default;
};
struct StateChanged {
    SessionState from = SessionState::Down;
    SessionState to = SessionState::Down;
    Diagnostic diagnostic = Diagnostic::None;
    SessionState remote = SessionState::Down;  ///< bfd.RemoteSessionState: AdminDown is the neighbour's own wish
    friend bool operator==(const StateChanged&, const StateChanged&) = default;
};

using Action = std::variant<SendControlPacket, StateChanged>;
using Actions = std::vector<Action>;

/// Whether a client, such as BGP, is to conclude that the path to the neighbour has failed: the session was Up, and
/// went Down neither because the neighbour's operator wanted it (RFC 5882 §3.2) nor because of us.
[[nodiscard]] bool is_failure(const StateChanged& change);

/// Since the session was made.
struct Counters {
    std::uint64_t packets_sent = 0;
    std::uint64_t packets_received = 0;  ///< not counting those discarded
    std::uint64_t times_up = 0;
    std::uint64_t times_failed = 0;                          ///< by is_failure()
    std::uint64_t late_wakeups = 0;                          ///< Detection Times that ended unseen, and proved nothing
    std::array<std::uint64_t, discard_reasons> discarded{};  ///< by DiscardReason
    friend bool operator==(const Counters&, const Counters&) = default;
};

/// What `anyvip status` shows of a session.
struct Status {
    SessionState state = SessionState::Down;
    TimePoint since{};                         ///< of the state
    bool held_down = false;                    ///< by the lease
    Diagnostic diagnostic = Diagnostic::None;  ///< of the last change of state
    Discriminator local_discriminator{};
    SessionState remote_state = SessionState::Down;
    Diagnostic remote_diagnostic = Diagnostic::None;
    Discriminator remote_discriminator{};  ///< 0: the neighbour is not heard
    Duration transmit_interval{};          ///< negotiated, before jitter; 0: the neighbour wants no packets
    Duration receive_interval{};           ///< negotiated: the slowest that we expect
    Duration detection_time{};             ///< 0: the neighbour is not heard
    bool polling = false;
    std::optional<Diagnostic> last_failure{};
    TimePoint last_failure_at{};
    Counters counters{};
    friend bool operator==(const Status&, const Status&) = default;
};

class Session {
public:
    /// `discriminator` is not 0 and no other session's here. `random` outlives the session.
    Session(Discriminator discriminator, const Config& config, Random& random);

    [[nodiscard]] Actions handle(const Event& event, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] SessionState state() const { return state_; }

    [[nodiscard]] Discriminator discriminator() const { return local_discriminator_; }
    [[nodiscard]] const Config& config() const { return config_; }
    /// AdminDown, and the neighbour has been told long enough.
    [[nodiscard]] bool is_finished() const;
    [[nodiscard]] Status status() const;

private:
    struct Intervals {
        Duration desired_min_tx{};
        Duration required_min_rx{};
        friend bool operator==(const Intervals&, const Intervals&) = default;
    };

    void on(const AdminUp& event, TimePoint now, Actions& out);
    void on(const AdminDown& event, TimePoint now, Actions& out);
    void on(const ConfigChanged& event, TimePoint now, Actions& out);
    void on(const Lease& event, TimePoint now, Actions& out);
    void on(const ControlPacketReceived& event, TimePoint now, Actions& out);
    void on(const ControlPacketDiscarded& event, TimePoint now, Actions& out);
    void on(const TimerExpired& event, TimePoint now, Actions& out);

    [[nodiscard]] std::optional<DiscardReason> objection(const ControlPacketReceived& event) const;
    void follow(SessionState remote, TimePoint now, Actions& out);
    void change_state(SessionState to, Diagnostic diagnostic, TimePoint now, Actions& out);
    void detection_expired(TimePoint now, Actions& out);
    void forget_neighbour();
    [[nodiscard]] bool is_lease_over(TimePoint now) const;

    void announce_intervals();
    void begin_poll();
    void end_poll();
    void settle(TimePoint now, Actions& out);
    void set_transmit_timer(TimePoint now, Actions& out);
    void transmit(TimePoint planned, TimePoint now, Actions& out);
    [[nodiscard]] ControlPacket packet() const;
    [[nodiscard]] bool may_transmit() const;
    [[nodiscard]] bool transmits_periodically() const;
    [[nodiscard]] Duration transmit_interval() const;
    [[nodiscard]] Duration receive_interval() const;
    [[nodiscard]] Duration detection_time() const;
    [[nodiscard]] Duration jittered(Duration interval);

    Discriminator local_discriminator_;
    Config config_;
    Random* random_;

    // §6.8.1, State Variables.
    SessionState state_ = SessionState::AdminDown;
    Diagnostic local_diagnostic_ = Diagnostic::None;
    Discriminator remote_discriminator_;
    SessionState remote_state_ = SessionState::Down;
    Diagnostic remote_diagnostic_ = Diagnostic::None;
    Duration remote_min_rx_ = std::chrono::microseconds{1};
    Duration remote_min_tx_{};
    std::uint8_t remote_detect_mult_ = 0;
    bool remote_demand_ = false;
    Intervals announced_;
    Intervals in_use_;

    /// The Poll Sequence that runs, and what it is about.
    std::optional<Intervals> poll_;
    bool poll_due_ = false;   ///< its first packet has not left yet
    bool final_due_ = false;  ///< the neighbour polled
    bool periodic_due_ = false;

    std::optional<TimePoint> transmit_timer_;
    Duration transmit_timer_interval_{};  ///< that it was set with
    TimePoint last_transmission_;
    std::optional<ControlPacket> last_packet_;  ///< without Poll and Final
    std::optional<TimePoint> detection_timer_;
    TimePoint last_reception_;
    bool rearmed_after_late_wakeup_ = false;
    std::optional<TimePoint> farewell_timer_;  ///< in AdminDown, until when the neighbour is told

    bool held_down_ = true;
    std::optional<TimePoint> lease_expires_at_;

    TimePoint since_;
    std::optional<Diagnostic> last_failure_;
    TimePoint last_failure_at_;
    Counters counters_;
};

[[nodiscard]] std::string describe(const AdminUp& event);
[[nodiscard]] std::string describe(const AdminDown& event);
[[nodiscard]] std::string describe(const ConfigChanged& event);
[[nodiscard]] std::string describe(const Lease& event);
[[nodiscard]] std::string describe(const ControlPacketReceived& event);
[[nodiscard]] std::string describe(const ControlPacketDiscarded& event);
[[nodiscard]] std::string describe(const TimerExpired& event);
[[nodiscard]] std::string describe(const SendControlPacket& action);
[[nodiscard]] std::string describe(const StateChanged& action);

}  // namespace anyvip::bfd
