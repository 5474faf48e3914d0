#include "daemon/io/bfd_sockets.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "anyvip/overloaded.hpp"
#include "daemon/io/post.hpp"

namespace anyvip::daemon::io {
namespace {

std::expected<bfd::io::OpenedSender, bfd::io::Error> open(const BfdSocketWish& wish) {
    using Opened = std::expected<bfd::io::OpenedSender, bfd::io::Error>;
    return std::visit(overloaded{
                          [](const OpenBfdListener& wanted) -> Opened {
                              auto socket = bfd::io::open_listener(wanted.listener);
                              if (!socket) return std::unexpected{socket.error()};
                              return bfd::io::OpenedSender{.socket = *std::move(socket), .local = {}, .interface = {}};
                          },
                          [](const OpenBfdSender& wanted) -> Opened {
                              return bfd::io::open_sender({.remote = wanted.remote,
                                                           .source = wanted.source,
                                                           .interface = wanted.interface,
                                                           .hops = wanted.hops,
                                                           .port_hint = wanted.session.value(),
                                                           .forbidden = wanted.vips});
                          },
                      },
                      wish);
}

std::string subject(const bfd::Listener& listener) {
    return "bfd " + bfd::describe(listener);
}
std::string subject(const PeerName& peer) {
    return "bfd peer=" + peer.value();
}

}  // namespace

std::optional<BfdSocketAnswer> carry_out(BfdSocketOrder order) {
    return std::visit(overloaded{
                          [](OpenBfdOrder& wanted) -> std::optional<BfdSocketAnswer> {
                              auto opened = open(wanted.wanted);
                              return BfdSocketAnswer{wanted.number, std::move(wanted.wanted), std::move(opened)};
                          },
                          // The order ends here, and its descriptor with it.
                          [](CloseBfdOrder&) -> std::optional<BfdSocketAnswer> { return std::nullopt; },
                      },
                      order);
}

BfdSockets::BfdSockets(boost::asio::io_context& context, Feed feed, Post& post)
    : context_{context}, feed_{std::move(feed)}, post_{post} {}

void BfdSockets::drain() {
    post_.bfd_socket_answers.receive([this](BfdSocketAnswer answer) { adopt(std::move(answer)); });
    for (auto& [listener, socket] : listeners_) socket->drain();
}

bool BfdSockets::flush() {
    return post_.bfd_socket_orders.flush();
}

template <class Key, class Wish>
void BfdSockets::order(std::map<Key, SocketOrderNumber>& opening, const Key& key, const Wish& wish) {
    last_order_ = SocketOrderNumber{last_order_.value() + 1};
    opening[key] = last_order_;
    post_.bfd_socket_orders.send(OpenBfdOrder{last_order_, wish});
}

void BfdSockets::perform(const OpenBfdListener& action) {
    order(opening_listeners_, action.listener, action);
}

void BfdSockets::perform(const OpenBfdSender& action) {
    order(opening_senders_, action.session, action);
}

void BfdSockets::adopt(BfdSocketAnswer answer) {
    const BfdSocketWish wish = std::move(answer.wanted);  // The rest of the answer moves on.
    std::visit([&](const auto& wanted) { adopt(wanted, std::move(answer)); }, wish);
}

void BfdSockets::adopt(const OpenBfdListener& wanted, BfdSocketAnswer answer) {
    const auto& listener = wanted.listener;
    const auto awaited = opening_listeners_.find(listener);
    if (awaited == opening_listeners_.end() || awaited->second != answer.number) {
        // Closed while it was being opened.
        if (answer.opened) close(std::move(answer.opened->socket));
        return;
    }
    opening_listeners_.erase(awaited);
    const auto refused = [&](const bfd::io::Error& error) {
        report(subject(listener), error);
        feed_(BfdListenerOpened{listener, bfd::io::describe(error)});
    };
    if (!answer.opened) return refused(answer.opened.error());
    auto& socket = listeners_[listener];
    socket = std::make_unique<bfd::io::ListeningSocket>(context_.get_executor(), [this, listener](auto received) {
        if (received) {
            feed_(BfdPacketReceived{listener.hops, received->metadata, std::move(received->bytes)});
        } else {
            report(subject(listener), received.error());
        }
    });
    const auto adopted = socket->adopt(std::move(answer.opened->socket));
    if (!adopted) return refused(adopted.error());  // Its descriptor goes with CloseBfdListener.
    reported_.erase(subject(listener));
    feed_(BfdListenerOpened{listener, std::nullopt});
}

void BfdSockets::adopt(const OpenBfdSender& wanted, BfdSocketAnswer answer) {
    const auto session = wanted.session;
    const auto awaited = opening_senders_.find(session);
    if (awaited == opening_senders_.end() || awaited->second != answer.number) {
        if (answer.opened) close(std::move(answer.opened->socket));
        return;
    }
    opening_senders_.erase(awaited);
    if (!answer.opened) {
        report(subject(wanted.peer), answer.opened.error());
        feed_(BfdSenderOpened{session, {}, {}, bfd::io::describe(answer.opened.error())});
        return;
    }
    const auto local = answer.opened->local.address;
    const auto interface = answer.opened->interface;
    senders_.insert_or_assign(session, Sender{.wanted = wanted, .socket = *std::move(answer.opened)});
    feed_(BfdSenderOpened{session, local, interface, std::nullopt});
}

void BfdSockets::perform(const CloseBfdListener& action) {
    opening_listeners_.erase(action.listener);
    if (const auto socket = listeners_.extract(action.listener)) close(socket.mapped()->release());
}

void BfdSockets::perform(const CloseBfdSender& action) {
    opening_senders_.erase(action.session);
    if (auto sender = senders_.extract(action.session)) close(std::move(sender.mapped().socket.socket));
}

void BfdSockets::close(anyvip::io::FileDescriptor socket) {
    post_.bfd_socket_orders.send(CloseBfdOrder{std::move(socket)});
}

void BfdSockets::perform(const SendBfdPacket& action) {
    const auto found = senders_.find(action.session);
    if (found == senders_.end()) return;
    const auto& [wanted, socket] = found->second;
    const auto sent = bfd::io::send(socket, wanted.remote, wanted.hops, action.bytes);
    if (sent && reported_.empty()) return;  // As a rule; the name of the subject is put together for a problem alone.
    if (sent) {
        reported_.erase(subject(wanted.peer));
        return;
    }
    report(subject(wanted.peer), sent.error());
    feed_(BfdSendFailed{action.session, bfd::io::describe(sent.error())});
}

void BfdSockets::report(const std::string& subject, const bfd::io::Error& error) {
    const auto [last, is_first] = reported_.try_emplace(subject, error);
    if (!is_first && last->second == error) return;
    last->second = error;
    post_.heartbeat_log.send({subject, error});
}

}  // namespace anyvip::daemon::io
