#include "bgp/bfd/session.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

namespace anyvip::bfd {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// A Detection Time whose end is seen later than this is evidence about us: we slept.
constexpr Duration least_lateness = milliseconds{5};

/// What fits into the packet, and is no reserved zero.
Duration on_the_wire(Duration interval) {
    return std::clamp<Duration>(interval, microseconds{1}, Microseconds::max());
}

Microseconds to_microseconds(Duration interval) {
    return std::chrono::duration_cast<Microseconds>(interval);
}

}  // namespace

bool is_failure(const StateChanged& change) {
    if (change.from != SessionState::Up || change.to != SessionState::Down) return false;
    switch (change.diagnostic) {
        case Diagnostic::ControlDetectionTimeExpired: return true;
        case Diagnostic::NeighborSignaledSessionDown: return change.remote != SessionState::AdminDown;
        // Of our own making, or never a reason here.
        case Diagnostic::None:
        case Diagnostic::EchoFunctionFailed:
        case Diagnostic::ForwardingPlaneReset:
        case Diagnostic::PathDown:
        case Diagnostic::ConcatenatedPathDown:
        case Diagnostic::AdministrativelyDown:
        case Diagnostic::ReverseConcatenatedPathDown: return false;
    }
    return false;
}

Session::Session(Discriminator discriminator, const Config& config, Random& random)
    : local_discriminator_{discriminator}, config_{config}, random_{&random} {}

Actions Session::handle(const Event& event, TimePoint now) {
    Actions out;
    std::visit([&](const auto& e) { on(e, now, out); }, event);
    settle(now, out);
    return out;
}

std::optional<TimePoint> Session::deadline() const {
    auto next = earliest(transmit_timer_, detection_timer_);
    next = earliest(next, farewell_timer_);
    if (!held_down_ && state_ != SessionState::AdminDown) next = earliest(next, lease_expires_at_);
    return next;
}

bool Session::is_finished() const {
    return state_ == SessionState::AdminDown && !farewell_timer_;
}

Status Session::status() const {
    return {.state = state_,
            .since = since_,
            .held_down = held_down_,
            .diagnostic = local_diagnostic_,
            .local_discriminator = local_discriminator_,
            .remote_state = remote_state_,
            .remote_diagnostic = remote_diagnostic_,
            .remote_discriminator = remote_discriminator_,
            .transmit_interval = transmits_periodically() ? transmit_interval() : Duration{},
            .receive_interval = receive_interval(),
            .detection_time = detection_timer_ ? detection_time() : Duration{},
            .polling = poll_.has_value(),
            .last_failure = last_failure_,
            .last_failure_at = last_failure_at_,
            .counters = counters_};
}

// ---- Events

void Session::on(const AdminUp& /*event*/, TimePoint now, Actions& out) {
    if (state_ != SessionState::AdminDown) return;
    farewell_timer_.reset();
    change_state(SessionState::Down, Diagnostic::None, now, out);
}

void Session::on(const AdminDown& /*event*/, TimePoint now, Actions& out) {
    if (state_ == SessionState::AdminDown) return;
    change_state(SessionState::AdminDown, Diagnostic::AdministrativelyDown, now, out);
    // §6.8.16: for as long as the neighbour would take to miss us. One that is not heard gets a single packet.
    const auto interval = std::max({slow_interval, config_.desired_min_tx_interval, remote_min_rx_});
    const bool heard = remote_discriminator_ != Discriminator{0};
    farewell_timer_ = heard ? now + config_.detect_mult * interval : now;
}

// What changes shows in settle().
void Session::on(const ConfigChanged& event, TimePoint /*now*/, Actions& /*out*/) {
    config_ = event.config;
}

void Session::on(const Lease& event, TimePoint now, Actions& /*out*/) {
    lease_expires_at_ = event.expires_at;
    if (!is_lease_over(now)) held_down_ = false;
}

// §6.8.6, from where the session is known.
void Session::on(const ControlPacketReceived& event, TimePoint now, Actions& out) {
    if (const auto reason = objection(event)) return on(ControlPacketDiscarded{*reason}, now, out);
    ++counters_.packets_received;
    const auto& packet = event.packet;
    remote_discriminator_ = packet.my_discriminator;
    remote_state_ = packet.state;
    remote_diagnostic_ = packet.diagnostic;
    remote_demand_ = packet.demand;
    remote_min_rx_ = packet.required_min_rx_interval;
    remote_min_tx_ = packet.desired_min_tx_interval;
    remote_detect_mult_ = packet.detect_mult;
    if (packet.final && poll_ && !poll_due_) end_poll();
    last_reception_ = now;
    detection_timer_ = now + detection_time();
    rearmed_after_late_wakeup_ = false;
    if (state_ == SessionState::AdminDown) return;
    follow(packet.state, now, out);
    final_due_ = packet.poll;
}

void Session::on(const ControlPacketDiscarded& event, TimePoint /*now*/, Actions& /*out*/) {
    ++counters_.discarded.at(static_cast<std::size_t>(event.reason));
}

void Session::on(const TimerExpired& /*event*/, TimePoint now, Actions& out) {
    if (farewell_timer_ && now >= *farewell_timer_) farewell_timer_.reset();
    if (!held_down_ && is_lease_over(now)) {
        held_down_ = true;
        const bool claims_life = state_ == SessionState::Init || state_ == SessionState::Up;
        if (claims_life) change_state(SessionState::Down, Diagnostic::ForwardingPlaneReset, now, out);
    }
    if (detection_timer_ && now >= *detection_timer_) detection_expired(now, out);
    // A change that is told at once, in settle(), takes the place of the periodic packet.
    periodic_due_ = transmit_timer_ && now >= *transmit_timer_;
}

// ---- The neighbour

std::optional<DiscardReason> Session::objection(const ControlPacketReceived& event) const {
    if (event.ttl < config_.minimum_ttl) return DiscardReason::TtlTooLow;
    const auto yours = event.packet.your_discriminator;
    if (yours != Discriminator{0} && yours != local_discriminator_) return DiscardReason::UnknownYourDiscriminator;
    if (event.packet.authentication) return DiscardReason::AuthenticationMismatch;
    return std::nullopt;
}

// §6.8.6, the state machine of §6.2.
void Session::follow(SessionState remote, TimePoint now, Actions& out) {
    if (remote == SessionState::AdminDown) {
        if (state_ != SessionState::Down) {
            change_state(SessionState::Down, Diagnostic::NeighborSignaledSessionDown, now, out);
        }
        return;
    }
    const bool may_rise = !held_down_ && !is_lease_over(now);
    switch (state_) {
        case SessionState::AdminDown: return;
        case SessionState::Down:
            if (!may_rise) return;
            if (remote == SessionState::Down) return change_state(SessionState::Init, Diagnostic::None, now, out);
            if (remote == SessionState::Init) return change_state(SessionState::Up, Diagnostic::None, now, out);
            return;
        case SessionState::Init:
            if (!may_rise || remote == SessionState::Down) return;
            return change_state(SessionState::Up, Diagnostic::None, now, out);
        case SessionState::Up:
            if (remote != SessionState::Down) return;
            return change_state(SessionState::Down, Diagnostic::NeighborSignaledSessionDown, now, out);
    }
}

void Session::change_state(SessionState to, Diagnostic diagnostic, TimePoint now, Actions& out) {
    const StateChanged change{state_, to, diagnostic, remote_state_};
    state_ = to;
    local_diagnostic_ = diagnostic;
    since_ = now;
    if (to == SessionState::Up) ++counters_.times_up;
    if (is_failure(change)) {
        ++counters_.times_failed;
        last_failure_ = diagnostic;
        last_failure_at_ = now;
    }
    out.emplace_back(change);
}

// §6.8.4. Seen too late, it says that we slept and not that the neighbour did: its packets may still be on their way
// through a machine that slept as a whole.
void Session::detection_expired(TimePoint now, Actions& out) {
    const Duration tolerated = std::max(least_lateness, receive_interval() / 4);
    if (now - *detection_timer_ > tolerated && !rearmed_after_late_wakeup_) {
        ++counters_.late_wakeups;
        rearmed_after_late_wakeup_ = true;
        detection_timer_ = now + receive_interval();
        return;
    }
    forget_neighbour();
    const bool was_alive = state_ == SessionState::Init || state_ == SessionState::Up;
    if (was_alive) change_state(SessionState::Down, Diagnostic::ControlDetectionTimeExpired, now, out);
}

// §6.8.1, bfd.RemoteDiscr. What else the neighbour said goes with it: one that came back may want something else, and
// if it had wanted no packets, it would never hear of us again.
void Session::forget_neighbour() {
    detection_timer_.reset();
    remote_discriminator_ = Discriminator{0};
    remote_state_ = SessionState::Down;
    remote_demand_ = false;
    remote_min_rx_ = microseconds{1};
    remote_min_tx_ = {};
    poll_.reset();
    poll_due_ = false;
    in_use_ = announced_;
}

// Mail is drained before TimerExpired and not before a packet: a lease that looks over may have its successor waiting.
// So nothing goes Down before TimerExpired; but nothing comes up, either.
bool Session::is_lease_over(TimePoint now) const {
    return !lease_expires_at_ || now >= *lease_expires_at_;
}

// ---- Intervals and Poll Sequences

// §6.8.3. A change is announced at once; in the Up state a slower transmission and a faster detection wait for the
// Final. Nobody needs to be polled who has not heard the former values.
void Session::announce_intervals() {
    const Duration least = state_ == SessionState::Up ? Duration{} : slow_interval;
    const Intervals wanted{.desired_min_tx = on_the_wire(std::max(config_.desired_min_tx_interval, least)),
                           .required_min_rx = on_the_wire(config_.required_min_rx_interval)};
    const bool heard = remote_discriminator_ != Discriminator{0};
    if (wanted != announced_) {
        announced_ = wanted;
        in_use_ = {.desired_min_tx = std::min(in_use_.desired_min_tx, wanted.desired_min_tx),
                   .required_min_rx = std::max(in_use_.required_min_rx, wanted.required_min_rx)};
        if (heard && !poll_) begin_poll();
    }
    if (state_ != SessionState::Up || !heard) in_use_ = announced_;
}

void Session::begin_poll() {
    poll_ = announced_;
    poll_due_ = true;
}

// The Final answers the values that the sequence began with; what changed since needs one of its own.
void Session::end_poll() {
    const auto acknowledged = std::exchange(poll_, std::nullopt);
    if (acknowledged == announced_) {
        in_use_ = announced_;
    } else {
        begin_poll();
    }
}

// ---- Transmission (§6.8.7)

/// After every event: what has become due because of it.
void Session::settle(TimePoint now, Actions& out) {
    announce_intervals();
    if (detection_timer_ && !rearmed_after_late_wakeup_) {
        // Required Min RX may have grown; when it shrinks, a packet has just come or the session is not Up.
        detection_timer_ = std::max(*detection_timer_, last_reception_ + detection_time());
    }
    // "As soon as practicable, without respect to the transmission timer."
    if (std::exchange(final_due_, false)) {
        last_packet_ = packet();
        ++counters_.packets_sent;
        auto answer = *last_packet_;
        answer.final = true;
        out.emplace_back(SendControlPacket{answer});
    }
    const bool news = poll_due_ || last_packet_ != packet();
    if (news && may_transmit()) {
        transmit(now, now, out);
    } else if (periodic_due_ && transmits_periodically()) {
        transmit(*transmit_timer_, now, out);
    }
    periodic_due_ = false;
    set_transmit_timer(now, out);
}

/// A changed interval counts from the last packet on; if it has passed already, the next one is due.
void Session::set_transmit_timer(TimePoint now, Actions& out) {
    if (!transmits_periodically()) return transmit_timer_.reset();
    if (transmit_timer_ && transmit_timer_interval_ == transmit_interval()) return;
    transmit_timer_interval_ = transmit_interval();
    transmit_timer_ = last_transmission_ + jittered(transmit_timer_interval_);
    if (*transmit_timer_ <= now) transmit(now, now, out);
}

/// `planned` is when it was due, so that lateness does not add up; nor may it make the next interval too short.
void Session::transmit(TimePoint planned, TimePoint now, Actions& out) {
    last_packet_ = packet();
    last_transmission_ = now;
    ++counters_.packets_sent;
    auto sent = *last_packet_;
    sent.poll = poll_.has_value();
    poll_due_ = false;
    out.emplace_back(SendControlPacket{sent});
    transmit_timer_interval_ = transmit_interval();
    transmit_timer_ = std::max(planned + jittered(transmit_timer_interval_), now + transmit_timer_interval_ * 3 / 4);
}

ControlPacket Session::packet() const {
    return {.diagnostic = local_diagnostic_,
            .state = state_,
            .detect_mult = config_.detect_mult,
            .my_discriminator = local_discriminator_,
            .your_discriminator = remote_discriminator_,
            .desired_min_tx_interval = to_microseconds(announced_.desired_min_tx),
            .required_min_rx_interval = to_microseconds(announced_.required_min_rx)};
}

bool Session::may_transmit() const {
    if (state_ == SessionState::AdminDown && !farewell_timer_) return false;
    return !config_.passive || remote_discriminator_ != Discriminator{0};
}

bool Session::transmits_periodically() const {
    if (!may_transmit() || remote_min_rx_ == Duration::zero()) return false;
    const bool demanded =
        remote_demand_ && state_ == SessionState::Up && remote_state_ == SessionState::Up && !poll_.has_value();
    return !demanded;
}

Duration Session::transmit_interval() const {
    return std::max(in_use_.desired_min_tx, remote_min_rx_);
}

Duration Session::receive_interval() const {
    return std::max(in_use_.required_min_rx, remote_min_tx_);
}

Duration Session::detection_time() const {
    return remote_detect_mult_ * receive_interval();
}

// By up to 25 %, lest neighbours that transmit in step stay in step; with a multiplier of 1 by 10 % at least, since the
// Detection Time is then a single interval.
Duration Session::jittered(Duration interval) {
    const Duration most = config_.detect_mult == 1 ? interval * 9 / 10 : interval;
    return random_->between(interval * 3 / 4, most);
}

}  // namespace anyvip::bfd
