#include "bgp/fsm.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/overloaded.hpp"

namespace anyvip::bgp {

using namespace fsm;

namespace {

constexpr Duration large_hold_time = std::chrono::minutes{4};       // RFC 4271 §8.2.2, OpenSent.
constexpr Duration least_keepalive_time = std::chrono::seconds{1};  // RFC 4271 §4.4.
constexpr Duration least_send_hold_time = std::chrono::minutes{8};  // RFC 9687 §3.2.

std::optional<TimePoint> earliest(std::initializer_list<std::optional<TimePoint>> timers) {
    std::optional<TimePoint> first;
    for (const auto& timer : timers) {
        if (timer && (!first || *timer < *first)) first = timer;
    }
    return first;
}

/// The type of the message that an event stands for: data of an FSM error (RFC 6608 §4).
template <class E>
std::optional<MessageType> message_type_of() {
    if constexpr (std::same_as<E, BgpOpen> || std::same_as<E, BgpOpenMsgErr>) return MessageType::Open;
    if constexpr (std::same_as<E, UpdateMsg> || std::same_as<E, UpdateMsgErr>) return MessageType::Update;
    if constexpr (std::same_as<E, KeepAliveMsg>) return MessageType::Keepalive;
    if constexpr (std::same_as<E, RouteRefreshMsg>) return MessageType::RouteRefresh;
    return std::nullopt;
}

}  // namespace

bool needs_reset(const PeerConfig& from, const PeerConfig& to) {
    auto same_session = from;
    same_session.hold_time = to.hold_time;
    same_session.connect_retry = to.connect_retry;
    same_session.idle_hold = to.idle_hold;
    same_session.passive = to.passive;
    same_session.next_hop = to.next_hop;
    same_session.next_hop6 = to.next_hop6;
    same_session.capability_fallback = to.capability_fallback;
    same_session.delay_open = to.delay_open;
    same_session.import = to.import;
    same_session.bfd_strict = to.bfd_strict;
    same_session.bfd_hold_time = to.bfd_hold_time;
    return same_session != to;
}

struct Fsm::Step {
    AnyState next;
    Actions actions;
    std::optional<Reason> reason;
};

struct Fsm::Handler {
    const PeerConfig& config;
    Random& random;
    std::uint32_t& connect_retry_counter;
    Concessions& concessions;
    const OwnRestart& own_restart;
    bool bfd_up;
    TimePoint now;

    // ---- Idle -------------------------------------------------------------------------------------------

    Step operator()(const Idle&, const ManualStart&) const {  // Events 1, 4
        connect_retry_counter = 0;
        concessions = {};
        return start();
    }
    Step operator()(const Idle& idle, const fsm::TimerExpired&) const {  // Event 13
        return due(idle.idle_hold_timer) ? start() : stay(idle);
    }
    Step operator()(const Idle&, const ManualStop&) const { return {Idle{}, {}, {}}; }  // Event 2
    Step operator()(const Idle&, const OpenCollisionDump&) const { return {Idle{}, {}, {}}; }
    /// "Any other event (Events 9-12, 15-28) received in the Idle state does not cause change".
    Step operator()(const Idle& idle, const auto&) const { return stay(idle); }

    // ---- Connect ----------------------------------------------------------------------------------------

    Step operator()(const Connect& connect, const ManualStop&) const {  // Event 2
        connect_retry_counter = 0;
        return {Idle{}, give_up(connect), Reason{}};
    }
    Step operator()(const Connect& connect, const fsm::TimerExpired&) const {  // Events 9, 12
        if (due(connect.delay_open_timer)) return send_open();
        if (!due(connect.connect_retry_timer)) return stay(connect);
        return {Connect{connect_retry()}, {AbortOpen{}, OpenConnection{}}, {}};
    }
    Step operator()(const Connect& connect, const TcpConnectionConfirmed&) const {  // Events 16, 17
        return connected(connect);
    }
    Step operator()(const Connect& connect, const BgpOpen& event) const {  // Events 19, 20
        if (!connect.delay_open_timer) return {back_off(), {AbortOpen{}}, unexpected_event()};
        return answer_open(event);
    }
    Step operator()(const Connect&, const TcpConnectionFails& event) const {  // Event 18
        // To Active as if DelayOpenTimer were running, not to Idle: nothing is wrong but that nobody listens
        // yet, and in Idle we would refuse the connection that the peer may open in the meantime.
        return {wait_for_connection(), {}, connection_failed(event)};
    }
    Step operator()(const Connect& connect, const OpenCollisionDump&) const {  // Event 23
        return {Idle{}, give_up(connect), collision()};
    }
    Step operator()(const Connect& connect, const NotifMsg& event) const {  // Events 24, 25
        return {back_off(), give_up(connect), received(event)};
    }
    Step operator()(const Connect& connect, const ManualStart&) const { return stay(connect); }  // Events 1, 3-7
    Step operator()(const Connect& connect, const Progress&) const { return stay(connect); }
    Step operator()(const Connect& connect, const BfdDown&) const { return stay(connect); }  // Event 31
    Step operator()(const Connect& connect, const BfdUp&) const { return stay(connect); }    // Event 32
    /// "Any other events (Events 8, 10-11, 13, 19, 23, 25-28)", and 21 and 22.
    Step operator()(const Connect& connect, const auto&) const {
        return {back_off(), give_up(connect), unexpected_event()};
    }

    // ---- Active -----------------------------------------------------------------------------------------

    Step operator()(const Active& active, const ManualStop&) const {  // Event 2
        connect_retry_counter = 0;
        return {Idle{}, give_up(active), Reason{}};
    }
    Step operator()(const Active& active, const fsm::TimerExpired&) const {  // Events 9, 12
        if (due(active.delay_open_timer)) return send_open();
        if (!due(active.connect_retry_timer)) return stay(active);
        return {Connect{connect_retry()}, {OpenConnection{}}, {}};
    }
    Step operator()(const Active& active, const TcpConnectionConfirmed&) const {  // Events 16, 17
        return connected(active);
    }
    Step operator()(const Active& active, const BgpOpen& event) const {  // Events 19, 20
        if (!active.delay_open_timer) return {back_off(), {}, unexpected_event()};
        return answer_open(event);
    }
    Step operator()(const Active&, const TcpConnectionFails& event) const {  // Event 18
        return {back_off(), {}, connection_failed(event)};
    }
    Step operator()(const Active& active, const OpenCollisionDump&) const {  // Event 23
        return {Idle{}, give_up(active), collision()};
    }
    Step operator()(const Active& active, const NotifMsg& event) const {  // Events 24, 25
        return {back_off(), give_up(active), received(event)};
    }
    Step operator()(const Active& active, const ManualStart&) const { return stay(active); }  // Events 1, 3-7
    Step operator()(const Active& active, const Progress&) const { return stay(active); }
    Step operator()(const Active& active, const BfdDown&) const { return stay(active); }  // Event 31
    Step operator()(const Active& active, const BfdUp&) const { return stay(active); }    // Event 32
    /// "Any other event (Events 8, 10-11, 13, 19, 23, 25-28)", and 21 and 22.
    Step operator()(const Active& active, const auto&) const {
        return {back_off(), give_up(active), unexpected_event()};
    }

    // ---- OpenSent ---------------------------------------------------------------------------------------

    Step operator()(const OpenSent&, const ManualStop& event) const { return stop(event.cease); }     // Event 2
    Step operator()(const OpenSent&, const AutomaticStop& event) const { return fail(event.cease); }  // Event 8
    Step operator()(const OpenSent& open_sent, const fsm::TimerExpired&) const {                      // Events 10, 34
        if (!due(open_sent.hold_timer)) return stay(open_sent);
        const auto& pending = open_sent.bfd_up_pending;
        const bool peer_is_silent = !pending || (pending->confirmed && hold_timer(pending->negotiated));
        return peer_is_silent ? hold_timer_expires() : bfd_never_came_up();
    }
    Step operator()(const OpenSent&, const TcpConnectionFails& event) const {  // Event 18
        return {wait_for_connection(), {CloseConnection{}}, connection_failed(event)};
    }
    Step operator()(const OpenSent& open_sent, const BgpOpen& event) const {  // Event 19
        if (open_sent.bfd_up_pending) return any_other_event<BgpOpen>(FsmSubcode::UnexpectedMessageInOpenSent);
        return accept_open(event, open_sent.hold_timer);
    }
    Step operator()(const OpenSent& open_sent, const KeepAliveMsg&) const {  // Event 26
        // The peer's BFD was up before ours. Without strict mode that would be too early.
        if (!open_sent.bfd_up_pending) return any_other_event<KeepAliveMsg>(FsmSubcode::UnexpectedMessageInOpenSent);
        auto next = open_sent;
        next.bfd_up_pending->confirmed = true;
        next.hold_timer = hold_timer(next.bfd_up_pending->negotiated).value_or(open_sent.hold_timer);
        return {next, {}, {}};
    }
    Step operator()(const OpenSent&, const BgpHeaderErr& event) const { return fail(event.notification); }   // 21
    Step operator()(const OpenSent&, const BgpOpenMsgErr& event) const { return fail(event.notification); }  // 22
    Step operator()(const OpenSent&, const OpenCollisionDump&) const { return lose_collision(); }            // 23
    Step operator()(const OpenSent&, const NotifMsg& event) const {  // Events 24, 25
        // The RFC lists 25 under "any other event"; to answer a NOTIFICATION with one would break §6.4.
        return refused(event);
    }
    Step operator()(const OpenSent& open_sent, const ManualStart&) const { return stay(open_sent); }  // 1, 3-7
    Step operator()(const OpenSent& open_sent, const TcpConnectionConfirmed&) const {
        return stay(open_sent);  // Events 16, 17: a second connection, which is the Peer's to track.
    }
    Step operator()(const OpenSent& open_sent, const Progress&) const { return stay(open_sent); }
    Step operator()(const OpenSent& open_sent, const BfdDown& event) const {  // Event 31
        return open_sent.bfd_up_pending ? path_failed(*open_sent.bfd_up_pending, event) : stay(open_sent);
    }
    Step operator()(const OpenSent& open_sent, const BfdUp&) const {  // Event 32
        if (!open_sent.bfd_up_pending) return stay(open_sent);
        const auto& [negotiated, confirmed] = *open_sent.bfd_up_pending;
        auto step = confirm(negotiated, now + large_hold_time);
        if (!confirmed) return step;
        auto established = establish(std::get<OpenConfirm>(step.next));
        established.actions.insert(established.actions.begin(), step.actions.begin(), step.actions.end());
        return established;
    }
    /// "Any other event (Events 9, 11-13, 20, 25-28)".
    template <class Other>
    Step operator()(const OpenSent&, const Other&) const {
        return any_other_event<Other>(FsmSubcode::UnexpectedMessageInOpenSent);
    }

    // ---- OpenConfirm ------------------------------------------------------------------------------------

    Step operator()(const OpenConfirm& confirm, const ManualStop& event) const {  // Event 2
        return stop(parting(confirm, event.cease));
    }
    Step operator()(const OpenConfirm& confirm, const AutomaticStop& event) const {  // Event 8
        return fail(parting(confirm, event.cease));
    }
    Step operator()(const OpenConfirm& confirm, const fsm::TimerExpired&) const {  // Events 10, 11
        if (due(confirm.hold_timer)) return hold_timer_expires();
        if (!due(confirm.keepalive_timer)) return stay(confirm);
        auto next = confirm;
        next.keepalive_timer = keepalive_timer(confirm.negotiated);
        return {next, {fsm::Send{Keepalive{}}}, {}};
    }
    Step operator()(const OpenConfirm&, const TcpConnectionFails& event) const { return disconnected(event); }  // 18
    Step operator()(const OpenConfirm&, const BgpHeaderErr& event) const { return fail(event.notification); }   // 21
    Step operator()(const OpenConfirm&, const BgpOpenMsgErr& event) const { return fail(event.notification); }  // 22
    Step operator()(const OpenConfirm&, const OpenCollisionDump&) const { return lose_collision(); }            // 23
    Step operator()(const OpenConfirm&, const NotifMsg& event) const { return refused(event); }            // 24, 25
    Step operator()(const OpenConfirm& confirm, const KeepAliveMsg&) const { return establish(confirm); }  // Event 26
    Step operator()(const OpenConfirm& confirm, const ManualStart&) const { return stay(confirm); }        // 1, 3-7
    Step operator()(const OpenConfirm& confirm, const TcpConnectionConfirmed&) const {
        return stay(confirm);  // Events 16, 17: a second connection, which is the Peer's to track.
    }
    Step operator()(const OpenConfirm& confirm, const Progress&) const { return stay(confirm); }
    Step operator()(const OpenConfirm& confirm, const BfdDown& event) const {  // Event 31
        return confirm.negotiated.bfd_strict ? path_failed(confirm, event) : stay(confirm);
    }
    Step operator()(const OpenConfirm& confirm, const BfdUp&) const { return stay(confirm); }  // Event 32
    /// "Any other event (Events 9, 12-13, 20, 27-28)", and a second OPEN on the same connection.
    template <class Other>
    Step operator()(const OpenConfirm&, const Other&) const {
        return any_other_event<Other>(FsmSubcode::UnexpectedMessageInOpenConfirm);
    }

    // ---- Established ------------------------------------------------------------------------------------

    Step operator()(const Established& established, const ManualStop& event) const {  // Event 2
        return down(stop(parting(established, event.cease)));
    }
    Step operator()(const Established& established, const AutomaticStop& event) const {  // Event 8
        return down(established, fail(parting(established, event.cease)));
    }
    Step operator()(const Established& established, const fsm::TimerExpired&) const {  // Events 10, 11, 29
        if (due(established.hold_timer)) return down(established, hold_timer_expires());
        if (due(established.send_hold_timer)) return down(established, send_hold_timer_expires());
        if (!due(established.keepalive_timer)) return stay(established);
        auto next = established;
        next.keepalive_timer = keepalive_timer(established.negotiated);
        return {next, {fsm::Send{Keepalive{}}}, {}};
    }
    Step operator()(const Established& established, const TcpConnectionFails& event) const {  // Event 18
        return down(established, disconnected(event));
    }
    Step operator()(const Established& established, const BgpHeaderErr& event) const {  // Event 21
        // The RFC lists 21 under "any other event", yet §6.1 demands its own error code.
        return down(established, fail(event.notification));
    }
    Step operator()(const Established&, const OpenCollisionDump&) const { return down(lose_collision()); }  // 23
    Step operator()(const Established& established, const NotifMsg& event) const {  // Events 24, 25
        return down(established, notified(event));
    }
    Step operator()(const Established& established, const KeepAliveMsg&) const { return heard(established); }  // 26
    Step operator()(const Established& established, const UpdateMsg&) const { return heard(established); }     // 27
    Step operator()(const Established& established, const UpdateMsgErr& event) const {                         // 28
        return down(established, fail(event.notification));
    }
    Step operator()(const Established& established, const RouteRefreshMsg&) const {
        return stay(established);  // §4.2 counts only KEEPALIVE and UPDATE against the hold time.
    }
    Step operator()(const Established& established, const Progress&) const {  // RFC 9687 §3.2
        auto next = established;
        next.send_hold_timer = send_hold_timer(established.negotiated);
        return {next, {}, {}};
    }
    Step operator()(const Established& established, const BfdDown& event) const {  // Event 31
        return down(path_failed(established, event));
    }
    Step operator()(const Established& established, const BfdUp&) const { return stay(established); }  // Event 32
    Step operator()(const Established& established, const ManualStart&) const { return stay(established); }
    Step operator()(const Established& established, const TcpConnectionConfirmed&) const {
        return stay(established);  // Events 16, 17: a second connection, which is the Peer's to refuse.
    }
    /// "Any other event (Events 9, 12-13, 20-22)", and OPEN.
    template <class Other>
    Step operator()(const Established& established, const Other&) const {
        return down(established, any_other_event<Other>(FsmSubcode::UnexpectedMessageInEstablished));
    }

private:
    // ---- Timers -----------------------------------------------------------------------------------------

    [[nodiscard]] bool due(const std::optional<TimePoint>& timer) const { return timer && *timer <= now; }

    /// §10: by a factor from 0.75 to 1.0, so that peers do not fall into step.
    [[nodiscard]] Duration jittered(Duration duration) const {
        return random.between<Duration>(duration * 3 / 4, duration);
    }
    [[nodiscard]] TimePoint connect_retry() const { return now + jittered(config.connect_retry); }
    [[nodiscard]] std::optional<TimePoint> hold_timer(const Negotiated& negotiated) const {
        if (negotiated.hold_time.count() == 0) return std::nullopt;
        return now + negotiated.hold_time;
    }
    /// §4.4: a third of the hold time. §10 may take a quarter of it away, but not from the shortest.
    [[nodiscard]] std::optional<TimePoint> keepalive_timer(const Negotiated& negotiated) const {
        if (negotiated.hold_time.count() == 0) return std::nullopt;
        return now + std::max(least_keepalive_time, jittered(Duration{negotiated.hold_time} / 3));
    }
    [[nodiscard]] std::optional<TimePoint> send_hold_timer(const Negotiated& negotiated) const {
        if (negotiated.hold_time.count() == 0) return std::nullopt;
        return now + std::max<Duration>(least_send_hold_time, 2 * Duration{negotiated.hold_time});
    }

    // ---- Ways from state to state -----------------------------------------------------------------------

    template <class S>
    [[nodiscard]] static Step stay(const S& state) {
        return {state, {}, {}};
    }

    [[nodiscard]] Step start() const {
        if (config.passive) return {Active{}, {}, {}};
        return {Connect{connect_retry()}, {OpenConnection{}}, {}};
    }

    [[nodiscard]] Active wait_for_connection() const {
        if (config.passive) return Active{};
        return Active{connect_retry()};
    }

    [[nodiscard]] Step send_open() const {
        return {
            OpenSent{.hold_timer = now + large_hold_time}, {fsm::Send{our_open(config, concessions, own_restart)}}, {}};
    }

    /// Connect or Active: the OPEN now, or after the peer's with DelayOpen. A second connection is the Peer's to track.
    template <class S>
    [[nodiscard]] Step connected(const S& state) const {
        if (state.delay_open_timer) return stay(state);
        if (config.delay_open == Duration::zero()) return send_open();
        return {S{.connect_retry_timer = {}, .delay_open_timer = now + config.delay_open}, {}, {}};
    }

    /// The attempt, or the connection that waits for an OPEN.
    [[nodiscard]] static Actions give_up(const Connect& connect) {
        if (connect.delay_open_timer) return {CloseConnection{}};
        return {AbortOpen{}};
    }
    [[nodiscard]] static Actions give_up(const Active& active) {
        if (active.delay_open_timer) return {CloseConnection{}};
        return {};
    }

    /// `hold_timer` bounds OpenConfirm where no hold time does, so that a peer that falls silent after its OPEN does
    /// not pin the connection for ever.
    [[nodiscard]] Step accept_open(const BgpOpen& event, TimePoint large_hold_timer) const {
        const auto negotiated = negotiate(config, event.open, concessions);
        if (!negotiated) return fail(negotiated.error());  // Event 22
        if (negotiated->bfd_strict && !bfd_up) {
            return {OpenSent{.hold_timer = hold_timer(*negotiated).value_or(now + config.bfd_hold_time),
                             .bfd_up_pending = BfdUpPending{*negotiated}},
                    {},
                    {}};
        }
        return confirm(*negotiated, large_hold_timer);
    }

    [[nodiscard]] Step confirm(const Negotiated& negotiated, TimePoint large_hold_timer) const {
        return {OpenConfirm{.negotiated = negotiated,
                            .hold_timer = hold_timer(negotiated).value_or(large_hold_timer),
                            .keepalive_timer = keepalive_timer(negotiated)},
                {fsm::Send{Keepalive{}}},
                {}};
    }

    [[nodiscard]] Step establish(const OpenConfirm& confirm) const {
        const auto& negotiated = confirm.negotiated;
        return {Established{.negotiated = negotiated,
                            .hold_timer = hold_timer(negotiated),
                            .keepalive_timer = confirm.keepalive_timer,
                            .send_hold_timer = send_hold_timer(negotiated),
                            .since = now},
                {fsm::SessionUp{negotiated}},
                {}};
    }

    /// Event 20: what the peer was waited for; ours goes first, whatever comes of it.
    [[nodiscard]] Step answer_open(const BgpOpen& event) const {
        auto step = accept_open(event, now + large_hold_time);
        step.actions.insert(step.actions.begin(), fsm::Send{our_open(config, concessions, own_restart)});
        return step;
    }

    /// Idle after an error, for idle_hold times two to the power of the errors before (§8.1.1,
    /// DampPeerOscillations).
    [[nodiscard]] Idle back_off() const {
        const auto doublings = std::min<std::uint32_t>(connect_retry_counter, 16);
        ++connect_retry_counter;
        return Idle{now + jittered(std::min(max_idle_hold, config.idle_hold * (std::int64_t{1} << doublings)))};
    }

    [[nodiscard]] Step stop(const Notification& cease) const {
        connect_retry_counter = 0;
        return {Idle{},
                {fsm::Send{cease}, CloseConnection{}},
                Reason{.kind = Reason::Kind::Stopped, .notification = cease, .text = {}}};
    }

    /// RFC 8538 §3.1: a peer that would keep our routes after this NOTIFICATION is told not to.
    template <class S>
    [[nodiscard]] static Notification parting(const S& state, const Notification& notification) {
        const auto& restart = state.negotiated.graceful_restart;
        if (!restart || !restart->notification || !ends_for_good(notification)) return notification;
        return hard_reset(notification);
    }

    [[nodiscard]] Step fail(const Notification& notification,
                            Reason::Kind kind = Reason::Kind::NotificationSent) const {
        return {back_off(),
                {fsm::Send{notification}, CloseConnection{}},
                Reason{.kind = kind, .notification = notification, .text = {}}};
    }

    [[nodiscard]] Step hold_timer_expires() const {
        return fail(bgp::hold_timer_expired(), Reason::Kind::HoldTimerExpired);
    }

    /// RFC 9687 §3.2 wants a NOTIFICATION only if it does not delay the rest; into a stuck connection it would.
    [[nodiscard]] Step send_hold_timer_expires() const {
        return {back_off(),
                {CloseConnection{}},
                Reason{.kind = Reason::Kind::SendHoldTimerExpired, .notification = {}, .text = {}}};
    }

    [[nodiscard]] Step notified(const NotifMsg& event) const {
        return {back_off(), {CloseConnection{}}, received(event)};
    }

    /// RFC 5492 §3: before a session, it may be our OPEN that the peer refuses.
    [[nodiscard]] Step refused(const NotifMsg& event) const {
        concessions = concede(config, concessions, event.notification).value_or(Concessions{});
        return notified(event);
    }

    [[nodiscard]] static Reason received(const NotifMsg& event) {
        return {.kind = Reason::Kind::NotificationReceived, .notification = event.notification, .text = {}};
    }

    [[nodiscard]] Step disconnected(const TcpConnectionFails& event) const {
        return {back_off(), {CloseConnection{}}, connection_failed(event)};
    }

    /// Event 34, and 10 as far as it is one: the back-off grows, as the path may never carry BFD.
    [[nodiscard]] Step bfd_never_came_up() const {
        auto step = fail(cease(CeaseSubcode::BfdDown), Reason::Kind::BfdDown);
        step.reason->text = "it did not come up while the session waited for it";
        return step;
    }

    /// RFC 9384. Nobody broke a rule: the next attempt, which finds out whether the path is there again, comes within
    /// a second, and the back-off does not grow.
    template <class S>
    [[nodiscard]] Step path_failed(const S& state, const BfdDown& event) const {
        const auto notification = parting(state, cease(CeaseSubcode::BfdDown));
        return {Idle{now + jittered(std::chrono::seconds{1})},
                {fsm::Send{notification}, CloseConnection{}},
                Reason{.kind = Reason::Kind::BfdDown, .notification = notification, .text = event.text}};
    }

    /// The next state is of no interest: the Peer drops the machine, or puts the winner in its place.
    [[nodiscard]] Step lose_collision() const {
        const auto notification = cease(CeaseSubcode::ConnectionCollisionResolution);
        return {Idle{},
                {fsm::Send{notification}, CloseConnection{}},
                Reason{.kind = Reason::Kind::Collision, .notification = notification, .text = {}}};
    }

    template <class Other>
    [[nodiscard]] Step any_other_event(FsmSubcode subcode) const {
        const auto type = message_type_of<Other>();
        return fail(type ? fsm_error(subcode, static_cast<std::uint8_t>(*type)) : fsm_error());
    }

    [[nodiscard]] Step heard(const Established& established) const {
        auto next = established;
        next.hold_timer = hold_timer(established.negotiated);
        return {next, {}, {}};
    }

    /// The peer may have learnt since: the next OPEN has everything again.
    [[nodiscard]] Step down(Step step) const {
        concessions = {};
        step.actions.emplace_back(fsm::SessionDown{*step.reason});
        return step;
    }
    /// A session that was stable for as long as we would ever wait ends the series of errors before it.
    [[nodiscard]] Step down(const Established& established, Step step) const {
        if (now - established.since >= max_idle_hold) {
            connect_retry_counter = 0;
            step.next = back_off();
        }
        return down(std::move(step));
    }

    [[nodiscard]] static Reason connection_failed(const TcpConnectionFails& event) {
        return {.kind = Reason::Kind::ConnectionFailed, .notification = {}, .text = event.text};
    }
    [[nodiscard]] static Reason collision() {
        return {.kind = Reason::Kind::Collision, .notification = {}, .text = {}};
    }
    [[nodiscard]] static Reason unexpected_event() {
        return {.kind = Reason::Kind::ConnectionFailed, .notification = {}, .text = "unexpected event"};
    }
};

Fsm Fsm::for_incoming(const PeerConfig& config, Random& random, std::uint32_t connect_retry_counter,
                      Concessions concessions, bool bfd_up) {
    Fsm machine{config, random};
    machine.state_ = Active{};
    machine.connect_retry_counter_ = connect_retry_counter;
    machine.concessions_ = std::move(concessions);
    machine.bfd_up_ = bfd_up;
    return machine;
}

Actions Fsm::handle(const Event& event, TimePoint now) {
    if (std::holds_alternative<BfdUp>(event)) bfd_up_ = true;
    if (std::holds_alternative<BfdDown>(event)) bfd_up_ = false;
    const Handler handler{config_, *random_, connect_retry_counter_, concessions_, own_restart_, bfd_up_, now};
    const State from = state();
    auto step = std::visit(handler, std::as_const(state_), event);
    state_ = step.next;
    if (state() != from) step.actions.emplace_back(fsm::StateChanged{from, state(), std::move(step.reason)});
    return std::move(step.actions);
}

std::optional<TimePoint> Fsm::deadline() const {
    return std::visit(
        overloaded{
            [](const Idle& idle) { return idle.idle_hold_timer; },
            [](const Connect& connect) { return earliest({connect.connect_retry_timer, connect.delay_open_timer}); },
            [](const Active& active) { return earliest({active.connect_retry_timer, active.delay_open_timer}); },
            [](const OpenSent& open_sent) { return std::optional{open_sent.hold_timer}; },
            [](const OpenConfirm& confirm) { return earliest({confirm.hold_timer, confirm.keepalive_timer}); },
            [](const Established& established) {
                return earliest({established.hold_timer, established.keepalive_timer, established.send_hold_timer});
            }},
        state_);
}

State Fsm::state() const {
    return std::visit(
        overloaded{[](const Idle&) { return State::Idle; }, [](const Connect&) { return State::Connect; },
                   [](const Active&) { return State::Active; }, [](const OpenSent&) { return State::OpenSent; },
                   [](const OpenConfirm&) { return State::OpenConfirm; },
                   [](const Established&) { return State::Established; }},
        state_);
}

const Negotiated* Fsm::negotiated() const {
    const auto* const open_sent = std::get_if<OpenSent>(&state_);
    if (open_sent != nullptr && open_sent->bfd_up_pending) return &open_sent->bfd_up_pending->negotiated;
    if (const auto* confirm = std::get_if<OpenConfirm>(&state_)) return &confirm->negotiated;
    if (const auto* established = std::get_if<Established>(&state_)) return &established->negotiated;
    return nullptr;
}

bool Fsm::waits_for_bfd() const {
    const auto* const open_sent = std::get_if<OpenSent>(&state_);
    return open_sent != nullptr && open_sent->bfd_up_pending.has_value();
}

}  // namespace anyvip::bgp
