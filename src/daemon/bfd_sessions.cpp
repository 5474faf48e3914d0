#include "daemon/bfd_sessions.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"

namespace anyvip::daemon {
namespace {

/// A socket that could not be opened, or does not send, is tried again.
constexpr Duration retry_interval = std::chrono::seconds{1};

/// The same session goes on if only this is equal; everything else is a ConfigChanged.
bool same_session(const BfdSetup& a, const BfdSetup& b) {
    return a.peer == b.peer && a.remote == b.remote && a.source == b.source && a.interface == b.interface &&
           a.hops == b.hops;
}

bfd::Listener listener_of(const BfdSetup& setup) {
    return {setup.remote.family(), setup.hops};
}

std::string subject(bfd::Discriminator session) {
    return "session=" + anyvip::describe(session);
}

std::string with_error(std::string text, const std::optional<std::string>& error) {
    return error ? std::move(text) + " error=\"" + *error + '"' : text;
}

}  // namespace

BfdSessions::Actions BfdSessions::handle(const Event& event, TimePoint now) {
    Actions out;
    std::visit([&](const auto& e) { on(e, now, out); }, event);
    finish_leaving(out);
    return out;
}

std::optional<TimePoint> BfdSessions::deadline() const {
    std::optional<TimePoint> next;
    for (const auto& [discriminator, session] : sessions_) {
        next = earliest(next, session.core.deadline());
        next = earliest(next, session.socket.retry_at);
    }
    for (const auto& [listener, socket] : listeners_) next = earliest(next, socket.retry_at);
    return next;
}

// ---- mail

void BfdSessions::on(const ConfigureBfd& mail, TimePoint now, Actions& out) {
    vips_ = mail.vips;
    for (auto& [discriminator, session] : sessions_) {
        const bool stays = std::ranges::any_of(
            mail.sessions, [&](const BfdSetup& setup) { return same_session(setup, session.setup); });
        if (stays || session.leaving) continue;
        session.leaving = true;
        session.socket.retry_at.reset();
        feed(session, bfd::AdminDown{}, now, out);
    }
    for (const auto& setup : mail.sessions) {
        auto* const session = find(setup.peer);
        if (session == nullptr) {
            add(setup, now, out);
            continue;
        }
        session->setup = setup;
        feed(*session, bfd::ConfigChanged{setup.config}, now, out);
        if (session->socket.open && vips_.contains(session->socket.local)) reopen(*session, out);
    }
    follow_listeners(out);
}

void BfdSessions::add(const BfdSetup& setup, TimePoint now, Actions& out) {
    bfd::Discriminator discriminator;
    // RFC 5880 §6.8.1: unique here, and best not to be guessed.
    while (discriminator == bfd::Discriminator{0} || sessions_.contains(discriminator)) {
        discriminator = bfd::Discriminator{static_cast<std::uint32_t>(random_.next())};
    }
    auto& session =
        sessions_.emplace(discriminator, Session{.setup = setup, .core = {discriminator, setup.config, random_}})
            .first->second;
    if (lease_expires_at_) feed(session, bfd::Lease{*lease_expires_at_}, now, out);
    open(session, out);
}

void BfdSessions::on(const BfdLease& mail, TimePoint now, Actions& out) {
    lease_expires_at_ = mail.expires_at;
    for (auto& [discriminator, session] : sessions_) feed(session, bfd::Lease{mail.expires_at}, now, out);
}

/// An interface that was made anew bears another index, and a socket knows only that.
void BfdSessions::on(const InterfaceChanged& mail, TimePoint /*now*/, Actions& out) {
    for (auto& [discriminator, session] : sessions_) {
        if (session.setup.interface != mail.name || session.leaving || !session.socket.open) continue;
        if (!mail.link || mail.link->index != session.socket.interface) reopen(session, out);
    }
}

void BfdSessions::on(const SnapshotRequested& /*mail*/, TimePoint /*now*/, Actions& out) {
    BfdSnapshot snapshot;
    for (const auto& [discriminator, session] : sessions_) {
        if (session.leaving) continue;
        const auto& listener = listeners_.at(listener_of(session.setup));
        snapshot.sessions.push_back({.peer = session.setup.peer,
                                     .hops = session.setup.hops,
                                     .local = session.socket.open ? std::optional{session.socket.local} : std::nullopt,
                                     .socket_error = session.socket.error ? session.socket.error : listener.error,
                                     .status = session.core.status()});
    }
    if (!snapshot.sessions.empty()) out.emplace_back(DecisionMail{std::move(snapshot)});
}

// ---- sockets

void BfdSessions::on(const BfdListenerOpened& event, TimePoint now, Actions& /*out*/) {
    const auto found = listeners_.find(event.listener);
    if (found == listeners_.end()) return;
    auto& socket = found->second;
    socket.open = !event.error;
    socket.error = event.error;
    socket.retry_at = event.error ? std::optional{now + retry_interval} : std::nullopt;
}

void BfdSessions::on(const BfdSenderOpened& event, TimePoint now, Actions& out) {
    const auto found = sessions_.find(event.session);
    if (found == sessions_.end() || found->second.leaving) return;
    auto& session = found->second;
    session.socket = {.open = !event.error,
                      .local = event.local,
                      .interface = event.interface,
                      .error = event.error,
                      .retry_at = event.error ? std::optional{now + retry_interval} : std::nullopt};
    if (!event.error) feed(session, bfd::AdminUp{}, now, out);
}

void BfdSessions::on(const BfdSendFailed& event, TimePoint now, Actions& /*out*/) {
    const auto found = sessions_.find(event.session);
    if (found == sessions_.end() || found->second.leaving) return;
    auto& session = found->second;
    if (session.core.state() == bfd::SessionState::Up) return;
    session.socket.error = event.error;
    if (!session.socket.retry_at) session.socket.retry_at = now + retry_interval;
}

void BfdSessions::open(Session& session, Actions& out) {
    session.socket.retry_at.reset();
    const auto& setup = session.setup;
    out.emplace_back(OpenBfdSender{.session = session.core.discriminator(),
                                   .peer = setup.peer,
                                   .remote = setup.remote,
                                   .source = setup.source,
                                   .interface = setup.interface,
                                   .hops = setup.hops,
                                   .vips = vips_});
}

void BfdSessions::reopen(Session& session, Actions& out) {
    out.emplace_back(CloseBfdSender{session.core.discriminator()});
    session.socket.open = false;
    open(session, out);
}

void BfdSessions::follow_listeners(Actions& out) {
    std::set<bfd::Listener> wanted;
    for (const auto& [discriminator, session] : sessions_) {
        if (!session.leaving) wanted.insert(listener_of(session.setup));
    }
    std::erase_if(listeners_, [&](const auto& entry) {
        if (wanted.contains(entry.first)) return false;
        out.emplace_back(CloseBfdListener{entry.first});
        return true;
    });
    for (const auto& listener : wanted) {
        if (listeners_.try_emplace(listener).second) out.emplace_back(OpenBfdListener{listener});
    }
}

// ---- packets and timers

void BfdSessions::on(const BfdPacketReceived& event, TimePoint now, Actions& out) {
    const auto packet = bfd::decode(event.bytes);
    if (!packet) {
        if (auto* const session = find_by_addresses(event); session != nullptr) {
            feed(*session, bfd::ControlPacketDiscarded{packet.error()}, now, out);
        }
        return;
    }
    Session* session = nullptr;
    if (packet->your_discriminator == bfd::Discriminator{0}) {
        session = find_by_addresses(event);
    } else if (const auto found = sessions_.find(packet->your_discriminator); found != sessions_.end()) {
        // The same number through the other port is for nobody: its TTL was not meant for that session.
        const bool its_port =
            listener_of(found->second.setup) == bfd::Listener{event.metadata.source.family(), event.hops};
        if (its_port) session = &found->second;
    }
    if (session != nullptr) return feed(*session, bfd::ControlPacketReceived{*packet, event.metadata.ttl}, now, out);
    // Of a former session of ours, as a rule, which the neighbour has not missed yet.
    if (auto* const addressed = find_by_addresses(event); addressed != nullptr) {
        feed(*addressed, bfd::ControlPacketDiscarded{bfd::DiscardReason::UnknownYourDiscriminator}, now, out);
    }
}

BfdSessions::Session* BfdSessions::find_by_addresses(const BfdPacketReceived& event) {
    const auto& metadata = event.metadata;
    const auto is_of = [&](const auto& entry) {
        const Session& session = entry.second;
        if (session.leaving || session.setup.hops != event.hops || session.setup.remote != metadata.source)
            return false;
        if (session.setup.interface && session.socket.interface != metadata.interface) return false;
        // Until the socket is open nobody knows which address is ours.
        return event.hops == bfd::Hops::Single || !session.socket.open || session.socket.local == metadata.destination;
    };
    const auto found = std::ranges::find_if(sessions_, is_of);
    return found == sessions_.end() ? nullptr : &found->second;
}

BfdSessions::Session* BfdSessions::find(const PeerName& peer) {
    const auto found = std::ranges::find_if(
        sessions_, [&](const auto& entry) { return entry.second.setup.peer == peer && !entry.second.leaving; });
    return found == sessions_.end() ? nullptr : &found->second;
}

void BfdSessions::on(const bfd::TimerExpired& event, TimePoint now, Actions& out) {
    for (auto& [discriminator, session] : sessions_) {
        const auto deadline = session.core.deadline();
        if (deadline && *deadline <= now) feed(session, event, now, out);
        if (session.socket.retry_at && *session.socket.retry_at <= now) reopen(session, out);
    }
    for (auto& [listener, socket] : listeners_) {
        if (!socket.retry_at || *socket.retry_at > now) continue;
        socket.retry_at.reset();
        out.emplace_back(CloseBfdListener{listener});
        out.emplace_back(OpenBfdListener{listener});
    }
}

void BfdSessions::feed(Session& session, const bfd::Event& event, TimePoint now, Actions& out) {
    for (const auto& action : session.core.handle(event, now)) {
        std::visit(overloaded{
                       [&](const bfd::SendControlPacket& send) {
                           if (!session.socket.open) return;
                           out.emplace_back(SendBfdPacket{session.core.discriminator(), bfd::encode(send.packet)});
                       },
                       // What becomes of a session that leaves is no news of its peer.
                       [&](const bfd::StateChanged& change) {
                           if (session.leaving) return;
                           out.emplace_back(DecisionMail{BfdStateChanged{session.setup.peer, change}});
                       },
                   },
                   action);
    }
}

void BfdSessions::finish_leaving(Actions& out) {
    std::erase_if(sessions_, [&](const auto& entry) {
        if (!entry.second.leaving || !entry.second.core.is_finished()) return false;
        out.emplace_back(CloseBfdSender{entry.first});
        return true;
    });
}

// ---- text

std::string describe(const BfdListenerOpened& event) {
    return with_error("BfdListenerOpened " + bfd::describe(event.listener), event.error);
}
std::string describe(const BfdSenderOpened& event) {
    return with_error("BfdSenderOpened " + subject(event.session) + " local=" + event.local.to_string(), event.error);
}
std::string describe(const BfdSendFailed& event) {
    return with_error("BfdSendFailed " + subject(event.session), event.error);
}
std::string describe(const BfdPacketReceived& event) {
    return "BfdPacketReceived " + std::string{bfd::describe(event.hops)} + ' ' + bfd::describe(event.metadata) +
           " octets=" + std::to_string(event.bytes.size());
}
std::string describe(const OpenBfdListener& action) {
    return "OpenBfdListener " + bfd::describe(action.listener);
}
std::string describe(const CloseBfdListener& action) {
    return "CloseBfdListener " + bfd::describe(action.listener);
}
std::string describe(const OpenBfdSender& action) {
    return "OpenBfdSender " + subject(action.session) + " peer=" + action.peer.value() +
           " remote=" + action.remote.to_string() + ' ' + std::string{bfd::describe(action.hops)};
}
std::string describe(const CloseBfdSender& action) {
    return "CloseBfdSender " + subject(action.session);
}
std::string describe(const SendBfdPacket& action) {
    return "SendBfdPacket " + subject(action.session) + " octets=" + std::to_string(action.bytes.size());
}

}  // namespace anyvip::daemon
