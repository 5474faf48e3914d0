#include "bgp/peer.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/overloaded.hpp"

namespace anyvip::bgp {
namespace {

/// RFC 9494 §3: with a time for some family, its own or ours. FRR offers all of them with none, when nobody has asked
/// for it.
bool keeps_for_long(const PeerConfig& config, const std::vector<Capability>& offered) {
    const bool asked = config.graceful_restart && config.graceful_restart->long_lived_stale_time.count() > 0;
    return std::ranges::any_of(offered, [asked](const Capability& capability) {
        const auto* const llgr = std::get_if<LongLivedGracefulRestart>(&capability);
        return llgr != nullptr && (asked || std::ranges::any_of(llgr->families, [](const auto& family) {
                                       return family.stale_time > std::chrono::seconds{0};
                                   }));
    });
}

/// A connection of the peer's that crossed ours on its way is none of a peer that has restarted.
constexpr Duration no_longer_crossing = std::chrono::seconds{1};

}  // namespace

/// One handle(): the event goes to the machines, what they answer is carried out or handed on in order.
class Peer::Turn {
public:
    Turn(Peer& peer, TimePoint now) : peer_{peer}, now_{now}, shown_{peer.state()} {}

    Actions run(const Event& event) {
        std::visit([this](const auto& e) { on(e); }, event);
        send_updates();
        tell_routes_sent();
        return std::move(actions_);
    }

private:
    // ---- Events -----------------------------------------------------------------------------------------

    void on(const Start& event) {
        peer_.started_ = true;
        set_own_restart(event.own);
        feed(peer_.primary_, fsm::ManualStart{});
    }

    /// Withdraw, then Cease, then close: a peer that keeps the routes of a lost session must not keep ours.
    void on(const Stop& event) {
        peer_.started_ = false;
        if (peer_.primary_.fsm.state() == State::Established) {
            peer_.adj_rib_out_.withdraw_all();
            // Beyond the window if need be: this is the last that is sent, and closing does not wait for long.
            give_updates(std::numeric_limits<std::size_t>::max());
        }
        stop_machines(cease(event.subcode, event.text));
        forget_kept();
    }

    void on(const ConnectionOpened& event) {
        Connection connection{.id = event.connection,
                              .opened_by_us = event.attempt.has_value(),
                              .local = event.local,
                              .remote = event.remote,
                              .framer = {}};
        auto& primary = peer_.primary_;
        if (event.attempt) {
            if (primary.attempt != event.attempt) return refuse(event);  // Given up in the meantime.
            primary.attempt.reset();
            confirm(primary, std::move(connection));
        } else if (primary.fsm.state() == State::Active && !primary.connection) {
            confirm(primary, std::move(connection));
        } else if (collision_possible(primary) && !peer_.incoming_) {
            confirm(seat_for_incoming(), std::move(connection));
        } else if (has_restarted(primary)) {
            feed(primary, fsm::TcpConnectionFails{"the peer has opened another connection: it restarted"});
            confirm(seat_for_incoming(), std::move(connection));
        } else {
            // RFC 4271 §8.2.2: Idle refuses connections. An Established session always wins (§6.8), so that the
            // end of the new connection need not wait for its OPEN. Without NOTIFICATION: it would make some
            // peers back off for a minute, and nothing is wrong.
            refuse(event);
        }
    }

    void on(const ConnectionFailed& event) {
        auto& primary = peer_.primary_;
        if (primary.attempt != event.attempt) return;  // Given up in the meantime.
        primary.attempt.reset();
        feed(primary, fsm::TcpConnectionFails{event.reason});
    }

    /// Nothing was there to lose, so that no machine hears of it; the operator must, who asked for the connection.
    void on(const ConnectionRefused& event) {
        ++peer_.counters_.connections_refused;
        remember({.kind = Reason::Kind::ConnectionFailed, .notification = {}, .text = event.reason});
    }

    void on(const TransportDiagnosis& event) {
        if (peer_.state() >= State::OpenSent || !peer_.started_) return;  // A connection came about since.
        remember({.kind = Reason::Kind::ConnectionFailed, .notification = {}, .text = event.text});
    }

    void on(const ConnectionClosed& event) {
        Seat* seat = find(event.connection);
        if (seat == nullptr) return;
        seat->connection.reset();  // There is nothing left to close.
        feed(*seat, fsm::TcpConnectionFails{event.reason});
    }

    void on(const Received& event) {
        if (Seat* seat = find(event.connection)) seat->connection->framer.feed(event.bytes);
        // A message may end the connection, or move it to the other seat.
        while (Seat* seat = find(event.connection)) {
            const auto message = seat->connection->framer.next();
            if (!message) return;
            if (!*message) {
                feed(*seat, fsm::BgpHeaderErr{message->error()});
            } else {
                receive(*seat, **message);
            }
        }
    }

    void on(const Written& event) {
        Seat* seat = find(event.connection);
        if (seat == nullptr) return;
        auto& connection = *seat->connection;
        connection.written = std::clamp(event.octets, connection.written, connection.sent);
        feed(*seat, fsm::Progress{});
    }

    void on(const Acknowledged& event) {
        Seat* seat = find(event.connection);
        if (seat == nullptr) return;
        auto& connection = *seat->connection;
        connection.acknowledged = std::clamp(event.octets, connection.acknowledged, connection.written);
        auto& waiting = peer_.unacknowledged_;
        while (seat == &peer_.primary_ && !waiting.empty() && waiting.front().end <= connection.acknowledged) {
            peer_.acknowledged_ = waiting.front().batch;
            waiting.pop_front();
        }
    }

    void on(const RoutesChanged& event) {
        peer_.adj_rib_out_.changed(event.slots);
        peer_.routes_owed_ = true;
    }

    void on(const InitialRoutesComplete&) { peer_.adj_rib_out_.allow_end_of_rib(); }

    void on(const BfdDown& event) {
        if (peer_.incoming_) feed(*peer_.incoming_, fsm::BfdDown{event.text});
        feed(peer_.primary_, fsm::BfdDown{event.text});
    }

    /// An attempt that waits for a timer need not wait any longer.
    void on(const BfdUp&) {
        auto& primary = peer_.primary_;
        if (peer_.incoming_) feed(*peer_.incoming_, fsm::BfdUp{});
        feed(primary, fsm::BfdUp{});
        if (!peer_.started_ || peer_.incoming_ || primary.connection || primary.fsm.state() >= State::OpenSent) return;
        feed(primary, fsm::ManualStop{});
        feed(primary, fsm::ManualStart{});
    }

    void on(const Watch& event) {
        if (peer_.adj_rib_in_.watch(event.prefixes)) ask_again();
    }

    void on(const ConfigChanged& event) {
        if (event.config == peer_.config_) return;
        // draft-ietf-idr-bgp-bfd-strict-mode §8.1: what has begun without a session begins anew, a session goes on.
        const bool reset = needs_reset(peer_.config_, event.config) ||
                           (peer_.state() != State::Established && changes_strict_mode(peer_.config_, event.config));
        const bool more = peer_.adj_rib_in_.configure(event.config.import);
        auto& primary = peer_.primary_;
        const bool other = is_other_peer(peer_.config_, event.config);
        // To the one that it was it is no longer configured, and that one is not to wait for us.
        if (reset)
            stop_machines(cease(other ? CeaseSubcode::PeerDeconfigured : CeaseSubcode::OtherConfigurationChange));
        if (other || !event.config.graceful_restart) forget_kept();
        peer_.config_ = event.config;
        primary.fsm.configure(event.config);
        if (peer_.incoming_) peer_.incoming_->fsm.configure(event.config);
        if (primary.fsm.state() == State::Established) {
            peer_.adj_rib_out_.change_export(exported(primary));
            if (more) ask_again();
        } else if (peer_.started_ && primary.fsm.state() < State::OpenSent) {
            // Whatever we were waiting for, the operator expects the new values to be tried now.
            feed(primary, fsm::ManualStop{});
            feed(primary, fsm::ManualStart{});
        }
    }

    void on(const TimerExpired&) {
        feed(peer_.primary_, fsm::TimerExpired{});
        if (peer_.incoming_) feed(*peer_.incoming_, fsm::TimerExpired{});
        const auto due = peer_.retention_.expire(now_);
        tell(peer_.adj_rib_in_.forget_stale(due.gone));
        tell(peer_.adj_rib_in_.keep_for_long(due.long_lived));
    }

    // ---- Messages ---------------------------------------------------------------------------------------

    void receive(Seat& seat, const RawMessage& raw) {
        ++peer_.counters_.messages_in;
        if (raw.type == MessageType::Update) ++peer_.counters_.updates_in;
        auto message = decode(raw, decode_context(seat));
        if (message) return std::visit([&](auto& decoded) { on_message(seat, decoded); }, *message);
        switch (raw.type) {
            case MessageType::Open: return feed(seat, fsm::BgpOpenMsgErr{message.error()});
            case MessageType::Update: return feed(seat, fsm::UpdateMsgErr{message.error()});
            case MessageType::Notification:
            case MessageType::Keepalive:
            case MessageType::RouteRefresh: return feed(seat, fsm::BgpHeaderErr{message.error()});
        }
    }

    void on_message(Seat& seat, const Open& open) {
        peer_.said_as_ = open.asn();
        const bool first = seat.fsm.state() <= State::OpenSent && !has_open(seat);
        const bool decides = first && collides(seat) && negotiate(peer_.config_, open, seat.fsm.concessions());
        if (decides && !wins(seat, open)) return feed(seat, fsm::OpenCollisionDump{});
        const auto id = seat.connection->id;
        if (decides) feed(*other(seat), fsm::OpenCollisionDump{});
        feed(*find(id), fsm::BgpOpen{open});  // It may have taken the loser's seat.
        Seat* const agreed = find(id);
        if (agreed == nullptr || agreed->fsm.negotiated() == nullptr) return;
        agreed->offered = open.capabilities;
        if (agreed->fsm.negotiated()->extended_message) agreed->connection->framer.accept_extended_messages();
    }

    void on_message(Seat& seat, Update& update) {
        const bool established = seat.fsm.state() == State::Established;
        if (established) apply_role(*seat.fsm.negotiated(), update);
        feed(seat, fsm::UpdateMsg{});
        if (!established) return;
        const auto family = end_of_rib_family(update);
        const auto learnt = peer_.adj_rib_in_.learn(update, now_);
        actions_.emplace_back(RoutesReceived{std::move(update)});
        if (const auto initial = family ? unicast_addresses(*family) : std::nullopt) {
            actions_.emplace_back(InitialRoutesReceived{*initial});
            if (peer_.retention_.complete(*initial)) tell(peer_.adj_rib_in_.refresh_ends(*initial));
        }
        tell(learnt);
    }

    void tell(const AdjRibIn::Learnt& learnt) {
        if (!learnt.watched.empty()) actions_.emplace_back(WatchedRoutesChanged{learnt.watched});
        if (!learnt.limit_reached) return;
        const auto& import = peer_.config_.import;
        actions_.emplace_back(MaxPrefixesReached{import.max_prefixes});
        if (!import.stop_at_max) return;
        const auto limit = static_cast<std::uint32_t>(import.max_prefixes);
        feed(peer_.primary_, fsm::AutomaticStop{max_prefixes_reached(unicast(*learnt.limit_reached), limit)});
    }

    /// RFC 2918: what was refused before may be wanted now. A peer that cannot be asked says it in its next session.
    void ask_again() {
        auto& primary = peer_.primary_;
        if (primary.fsm.state() != State::Established || !primary.fsm.negotiated()->route_refresh) return;
        for (const auto family : {net::Family::Ipv4, net::Family::Ipv6}) {
            if (!primary.fsm.negotiated()->carries(family)) continue;
            perform(primary, fsm::Send{RouteRefresh{.family = unicast(family)}});
        }
    }

    /// RFC 9234 §5, on receipt.
    static void apply_role(const Negotiated& negotiated, Update& update) {
        if (!negotiated.role || (update.nlri.empty() && !update.mp_reach)) return;
        auto& otc = update.attributes.only_to_customer;
        if (is_leak(*negotiated.role, negotiated.peer_as, otc)) return withdraw_leak(update);
        otc = otc_received(*negotiated.role, negotiated.peer_as, otc);
    }

    void on_message(Seat& seat, const Notification& notification) {
        peer_.last_received_ = Said{notification, now_};
        feed(seat, fsm::NotifMsg{notification});
    }
    void on_message(Seat& seat, const Keepalive&) { feed(seat, fsm::KeepAliveMsg{}); }

    void on_message(Seat& seat, const RouteRefresh& refresh) {
        if (seat.fsm.state() != State::Established) return feed(seat, fsm::RouteRefreshMsg{});
        const auto negotiated = *seat.fsm.negotiated();
        feed(seat, fsm::RouteRefreshMsg{});
        const auto family = unicast_addresses(refresh.family);
        // RFC 7313 §5: a family or subtype that we do not know is ignored.
        if (!family || !negotiated.carries(*family)) return;
        // RFC 2918 §3: without RFC 7313 the octet is reserved, and ignored.
        const auto subtype = negotiated.enhanced_route_refresh ? refresh.subtype : RouteRefresh::request;
        if (subtype == RouteRefresh::request) peer_.adj_rib_out_.refresh(*family);
        if (subtype == RouteRefresh::begin) refresh_begins(*family);
        if (subtype == RouteRefresh::end) refresh_ends(*family);
    }

    /// RFC 7313 §4: from BoRR on all that the peer said before is stale; another BoRR begins anew.
    void refresh_begins(net::Family family) {
        peer_.refreshing_.insert(family);
        peer_.adj_rib_in_.refresh_begins(family);
        actions_.emplace_back(RefreshBegins{family});
    }
    /// RFC 7313 §5: EoRR without BoRR is ignored.
    void refresh_ends(net::Family family) {
        if (peer_.refreshing_.erase(family) == 0) return;
        actions_.emplace_back(RefreshEnds{family});
        tell(peer_.adj_rib_in_.refresh_ends(family));
    }

    [[nodiscard]] static DecodeContext decode_context(const Seat& seat) {
        const auto* const negotiated = seat.fsm.negotiated();
        return negotiated != nullptr ? negotiated->decode_context() : DecodeContext{};
    }

    // ---- Collisions (RFC 4271 §6.8) ---------------------------------------------------------------------

    [[nodiscard]] Seat* other(const Seat& seat) {
        if (&seat != &peer_.primary_) return &peer_.primary_;
        return peer_.incoming_ ? &*peer_.incoming_ : nullptr;
    }

    /// An attempt, or a connection that is not yet a session.
    [[nodiscard]] static bool collision_possible(const Seat& seat) {
        switch (seat.fsm.state()) {
            case State::Connect:
            case State::OpenSent:
            case State::OpenConfirm: return true;
            case State::Active: return seat.connection.has_value();  // DelayOpen
            case State::Idle:
            case State::Established: return false;
        }
        return false;
    }

    /// The other connection has had its OPEN. One in OpenSent is left alone: its own OPEN decides.
    [[nodiscard]] bool collides(const Seat& seat) {
        const Seat* rival = other(seat);
        return rival != nullptr && has_open(*rival);
    }

    /// The peer's, and it was good.
    [[nodiscard]] static bool has_open(const Seat& seat) { return seat.fsm.negotiated() != nullptr; }

    /// The connection that the speaker with the higher identifier has opened stays; with equal ones, which only
    /// different ASes may have, the one with the higher AS number (RFC 6286 §2.3).
    /// Precondition: collides(seat).
    [[nodiscard]] bool wins(const Seat& seat, const Open& open) {
        const Seat& rival = *other(seat);
        if (rival.fsm.state() == State::Established) return false;
        // Both from one end: whoever opens a second connection has forgotten the first one.
        if (seat.connection->opened_by_us == rival.connection->opened_by_us) return true;
        const bool we_are_higher =
            std::pair{peer_.config_.router_id, peer_.config_.local_as} > std::pair{open.identifier, open.asn()};
        return seat.connection->opened_by_us == we_are_higher;
    }

    /// After each step: one session at most, and the connection that will be it sits in the first seat.
    void settle() {
        auto& primary = peer_.primary_;
        auto& incoming = peer_.incoming_;
        if (!incoming) return;
        if (!incoming->connection) {
            incoming.reset();
        } else if (primary.fsm.state() == State::Established) {
            feed(*incoming, fsm::OpenCollisionDump{});
        } else if (incoming->fsm.state() == State::Established && primary.fsm.state() >= State::Connect) {
            feed(primary, fsm::OpenCollisionDump{});  // And comes back here with an idle primary.
        } else if (has_open(*incoming) && primary.fsm.state() == State::Connect && !primary.connection) {
            feed(primary, fsm::OpenCollisionDump{});  // It would only collide.
        } else if (dumped(primary) || incoming->fsm.state() == State::Established) {
            primary = std::move(*incoming);
            incoming.reset();
        }
    }

    /// Idle without a timer, while a session is wanted: lost a collision.
    [[nodiscard]] bool dumped(const Seat& seat) const {
        return peer_.started_ && seat.fsm.state() == State::Idle && !seat.fsm.deadline();
    }

    // ---- What the machines want -------------------------------------------------------------------------

    void feed(Seat& seat, const fsm::Event& event) {
        std::optional<Reason> reason;
        for (const auto& action : seat.fsm.handle(event, now_)) {
            std::visit(overloaded{[&](const fsm::StateChanged& changed) { reason = changed.reason; },
                                  [&](const auto& wanted) { perform(seat, wanted); }},
                       action);
        }
        if (reason && reason->kind != Reason::Kind::Stopped && reason->kind != Reason::Kind::Collision) {
            remember(*reason);
        }
        settle();
        show_state(std::move(reason));
    }

    void remember(const Reason& error) {
        peer_.last_error_ = error;
        peer_.last_error_at_ = now_;
    }

    void perform(Seat& seat, const fsm::OpenConnection&) {
        peer_.last_attempt_ = AttemptId{peer_.last_attempt_.value() + 1};
        seat.attempt = peer_.last_attempt_;
        actions_.emplace_back(OpenConnection{peer_.last_attempt_});
    }
    void perform(Seat& seat, const fsm::AbortOpen&) {
        if (seat.attempt) actions_.emplace_back(AbortOpen{*seat.attempt});
        seat.attempt.reset();
    }
    void perform(Seat& seat, const fsm::Send& send) {
        if (!seat.connection) return;
        // None but UPDATE depends on what was negotiated, and those are the AdjRibOut's.
        give(*seat.connection, encode(send.message, EncodeContext{}));
        ++peer_.counters_.messages_out;
        if (const auto* const notification = std::get_if<Notification>(&send.message)) {
            peer_.last_sent_ = Said{*notification, now_};
        }
    }
    void perform(Seat& seat, const fsm::CloseConnection&) {
        if (seat.connection) actions_.emplace_back(CloseConnection{seat.connection->id});
        seat.connection.reset();
    }
    void perform(Seat& seat, const fsm::SessionUp& up) {
        peer_.established_ = now_;
        peer_.unacknowledged_.clear();
        peer_.acknowledged_.reset();
        ++peer_.counters_.sessions;
        actions_.emplace_back(SessionUp{up.negotiated});
        peer_.adj_rib_out_.start(exported(seat));
        const auto& remote = seat.connection->remote.address;
        if (peer_.heard_ != remote) peer_.retention_.forget();
        peer_.heard_ = remote;
        peer_.restart_ = up.negotiated.graceful_restart;
        peer_.adj_rib_in_.start({.local_as = peer_.config_.local_as,
                                 .router_id = peer_.config_.router_id,
                                 .external = up.negotiated.external},
                                peer_.retention_.back(peer_.restart_, now_));
        // What this session tells the peer has been forwarded from here on, whatever was before it (RFC 8538 §3).
        set_own_restart({.restarted = peer_.own_restart_.restarted, .preserved = {.ipv4 = true, .ipv6 = true}});
        peer_.routes_owed_ = true;
    }
    void perform(Seat&, const fsm::SessionDown& down) {
        peer_.established_.reset();
        peer_.refreshing_.clear();
        peer_.unacknowledged_.clear();
        peer_.adj_rib_out_.stop();
        if (peer_.restart_ && keeps_routes(down.reason, *peer_.restart_)) {
            const auto lost = peer_.retention_.lost(*peer_.restart_, now_);
            peer_.adj_rib_in_.retain(lost.kept, lost.twice);
        } else {
            forget_kept();
        }
        actions_.emplace_back(SessionDown{down.reason});
    }

    /// Without a session nothing is left of what the peer told.
    void forget_kept() {
        if (peer_.primary_.fsm.state() == State::Established) return;
        peer_.retention_.forget();
        peer_.adj_rib_in_.stop();
    }

    void set_own_restart(const OwnRestart& own) {
        peer_.own_restart_ = own;
        peer_.primary_.fsm.set_own_restart(own);
        if (peer_.incoming_) peer_.incoming_->fsm.set_own_restart(own);
    }

    void show_state(std::optional<Reason> reason) {
        const State state = peer_.state();
        if (state == shown_) return;
        actions_.emplace_back(StateChanged{shown_, state, std::move(reason)});
        shown_ = state;
        peer_.since_ = now_;
    }

    // ---- Octets and routes ------------------------------------------------------------------------------

    void give(Connection& connection, std::vector<std::uint8_t> bytes) {
        connection.sent += bytes.size();
        actions_.emplace_back(Send{connection.id, std::move(bytes)});
    }

    void send_updates() {
        const auto& primary = peer_.primary_;
        if (primary.fsm.state() != State::Established) return;
        const auto in_flight = primary.connection->sent - primary.connection->written;
        if (in_flight < send_window) give_updates(send_window - in_flight);
        // RFC 4724 §4.1: that was all that the restart delayed.
        if (peer_.own_restart_.restarted && peer_.adj_rib_out_.end_of_rib_sent()) {
            set_own_restart({.restarted = false, .preserved = peer_.own_restart_.preserved});
        }
    }

    void give_updates(std::size_t budget) {
        auto taken = peer_.adj_rib_out_.take(budget);
        peer_.counters_.messages_out += taken.messages;
        peer_.counters_.updates_out += taken.updates;
        if (taken.octets.empty()) return;
        auto& connection = *peer_.primary_.connection;
        give(connection, std::move(taken.octets));
        peer_.unacknowledged_.push_back({taken.batch, connection.sent, now_});
        if (peer_.unacknowledged_.size() > max_unacknowledged) peer_.unacknowledged_.pop_front();
    }

    void tell_routes_sent() {
        if (!peer_.routes_owed_ || !peer_.adj_rib_out_.clean()) return;
        const auto& primary = peer_.primary_;
        const bool in_flight =
            primary.fsm.state() == State::Established && primary.connection->written < primary.connection->sent;
        if (in_flight) return;
        peer_.routes_owed_ = false;
        actions_.emplace_back(RoutesSent{});
    }

    /// A next hop of the other family than the session's must be configured. A link-local one means something to a peer
    /// that has such an address itself, on the same link, and to no other (RFC 2545 §3).
    [[nodiscard]] Export exported(const Seat& seat) const {
        const auto& config = peer_.config_;
        const auto& negotiated = *seat.fsm.negotiated();
        const auto& local = seat.connection->local.address;
        Export exported{
            .peer = config.name,
            .local_as = config.local_as,
            .encoding = negotiated.encode_context(),
            .enhanced_refresh = negotiated.enhanced_route_refresh,
            .ipv4 = negotiated.ipv4,
            .ipv6 = negotiated.ipv6,
            .ipv4_over_ipv6 = negotiated.extended_next_hop,
            .only_to_customer = negotiated.role ? otc_to_send(*negotiated.role, config.local_as) : std::nullopt,
            .keeps_for_long = keeps_for_long(config, seat.offered),
            .next_hop = config.next_hop,
            .next_hop6 = config.next_hop6};
        if (!exported.next_hop && local.is_v4()) exported.next_hop = local.v4();
        const bool shared = !local.is_link_local() || seat.connection->remote.address.is_link_local();
        if (!exported.next_hop6 && local.is_v6() && shared) exported.next_hop6 = local.v6();
        if (config.link_local_form) exported.encoding.link_local_form = *config.link_local_form;
        return exported;
    }

    // ---- Seats ------------------------------------------------------------------------------------------

    [[nodiscard]] Seat& seat_for_incoming() {
        const auto& primary = peer_.primary_.fsm;
        auto& seat = peer_.incoming_.emplace(
            Seat{.fsm = Fsm::for_incoming(peer_.config_, *peer_.random_, primary.connect_retry_counter(),
                                          primary.concessions(), primary.bfd_up()),
                 .attempt = {},
                 .connection = {}});
        seat.fsm.set_own_restart(peer_.own_restart_);
        return seat;
    }

    /// RFC 4724 §5: the end of its session was lost on the way.
    [[nodiscard]] bool has_restarted(const Seat& primary) const {
        return primary.fsm.state() == State::Established && !peer_.incoming_ && peer_.restart_ &&
               !peer_.restart_->families.none() && now_ - *peer_.established_ >= no_longer_crossing;
    }

    /// Of what was told and heard nothing counts for it. An unnumbered peer without an address is still the one that it
    /// was.
    [[nodiscard]] static bool is_other_peer(const PeerConfig& from, const PeerConfig& to) {
        const bool unknown = to.unnumbered && (from.address.is_unspecified() || to.address.is_unspecified());
        return (!unknown && to.address != from.address) || to.device != from.device || to.port != from.port ||
               to.local_as != from.local_as || to.peer_as != from.peer_as || to.router_id != from.router_id;
    }

    [[nodiscard]] Seat* find(ConnectionId id) {
        for (Seat* seat : {&peer_.primary_, peer_.incoming_ ? &*peer_.incoming_ : nullptr}) {
            if (seat != nullptr && seat->connection && seat->connection->id == id) return seat;
        }
        return nullptr;
    }

    void confirm(Seat& seat, Connection connection) {
        seat.connection = std::move(connection);
        feed(seat, fsm::TcpConnectionConfirmed{});
    }

    void refuse(const ConnectionOpened& event) { actions_.emplace_back(CloseConnection{event.connection}); }

    void stop_machines(const Notification& notification) {
        if (peer_.incoming_) feed(*peer_.incoming_, fsm::ManualStop{notification});
        feed(peer_.primary_, fsm::ManualStop{notification});
    }

    Peer& peer_;
    TimePoint now_;
    State shown_;
    Actions actions_;
};

Peer::Peer(const PeerConfig& config, Random& random, RouteTable& routes)
    : config_{config},
      random_{&random},
      primary_{.fsm = Fsm{config, random}, .attempt = {}, .connection = {}},
      adj_rib_out_{routes} {
    (void)adj_rib_in_.configure(config.import);  // There is nobody yet who could be asked for more.
}

Actions Peer::handle(const Event& event, TimePoint now) {
    return Turn{*this, now}.run(event);
}

std::optional<TimePoint> Peer::deadline() const {
    const auto first = primary_.fsm.deadline();
    const auto second = incoming_ ? incoming_->fsm.deadline() : std::nullopt;
    return earliest(earliest(first, second), retention_.deadline());
}

State Peer::state() const {
    return incoming_ ? std::max(primary_.fsm.state(), incoming_->fsm.state()) : primary_.fsm.state();
}

RouteStatus Peer::route_status(const net::Prefix& prefix) const {
    const auto account = adj_rib_out_.account(prefix, config_.name);
    RouteStatus status{.desired = account.wanted, .withheld = account.withheld, .sent = account.sent && account.wanted};
    if (!status.sent || !acknowledged_) return status;
    const auto later = (*acknowledged_ + AdjRibOut::batches - *account.sent) % AdjRibOut::batches;
    status.acknowledged = later < AdjRibOut::batches / 2;
    return status;
}

const Negotiated* Peer::session() const {
    return primary_.fsm.state() == State::Established ? primary_.fsm.negotiated() : nullptr;
}

std::optional<net::Endpoint> Peer::local() const {
    return session() != nullptr ? std::optional{primary_.connection->local} : std::nullopt;
}

Status Peer::status() const {
    const Seat& furthest = incoming_ && incoming_->fsm.state() > primary_.fsm.state() ? *incoming_ : primary_;
    Status status;
    status.state = state();
    status.since = since_;
    status.started = started_;
    status.established = established_;
    if (furthest.connection) {
        status.local = furthest.connection->local;
        status.remote = furthest.connection->remote;
    }
    status.waits_for_bfd = furthest.fsm.waits_for_bfd();
    if (const auto* negotiated = furthest.fsm.negotiated()) {
        status.negotiated = *negotiated;
        status.offered = furthest.offered;
    }
    status.routes_wanted = adj_rib_out_.wanted(config_.name);
    status.routes_announced = adj_rib_out_.announced();
    status.routes_withheld = adj_rib_out_.withheld();
    status.last_error = last_error_;
    status.last_error_at = last_error_at_;
    status.last_sent = last_sent_;
    status.last_received = last_received_;
    if (const auto until = retention_.deadline()) {
        status.kept = Kept{.families = retention_.families(),
                           .long_lived = retention_.long_lived(),
                           .routes = adj_rib_in_.stale(),
                           .until = *until};
    }
    status.said_as = said_as_;
    if (!unacknowledged_.empty()) status.unacknowledged_since = unacknowledged_.front().at;
    if (furthest.connection) status.unacknowledged = furthest.connection->sent - furthest.connection->acknowledged;
    status.counters = counters_;
    return status;
}

}  // namespace anyvip::bgp
