#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "daemon/io/shells.hpp"

namespace anyvip::daemon::io {

HeartbeatShell::HeartbeatShell(boost::asio::io_context& context, Feed feed, Post& post)
    : context_{context}, feed_{std::move(feed)}, post_{post}, bfd_{context, feed_, post} {}

void HeartbeatShell::perform(const Heartbeat::Action& action) {
    std::visit([this](const auto& a) { perform(a); }, action);
}

/// Mail first: after a stall of this thread a packet is to be judged by the newest lease and configuration.
void HeartbeatShell::drain() {
    const auto feed_mail = [this](HeartbeatMail mail) { feed_(std::move(mail)); };
    post_.decision_to_heartbeat.receive(feed_mail);
    post_.kernel_to_heartbeat.receive(feed_mail);
    post_.socket_answers.receive([this](SocketAnswer answer) { adopt(std::move(answer)); });
    bfd_.drain();
    for (auto& [name, socket] : sockets_) socket->drain();
}

bool HeartbeatShell::flush() {
    const bool decision = post_.heartbeat_to_decision.flush();
    const bool kernel = post_.heartbeat_to_kernel.flush();
    const bool bfd = bfd_.flush();
    return post_.socket_orders.flush() && decision && kernel && bfd;
}

void HeartbeatShell::perform(const OpenSocket& action) {
    last_order_ = SocketOrderNumber{last_order_.value() + 1};
    opening_[action.router] = last_order_;
    post_.socket_orders.send(OpenSocketOrder{last_order_, action});
}

void HeartbeatShell::adopt(SocketAnswer answer) {
    const auto awaited = opening_.find(answer.router);
    if (awaited == opening_.end() || awaited->second != answer.number) {
        // Closed while it was being opened.
        if (answer.opened) close(std::move(*answer.opened));
        return;
    }
    opening_.erase(awaited);
    const auto& router = answer.router;
    const auto refused = [&](const vrrp::io::Error& error) {
        report(router, error);
        feed_(SocketOpened{router, vrrp::io::describe(error)});
    };
    if (!answer.opened) return refused(answer.opened.error());
    auto& socket = sockets_[router];
    socket = std::make_unique<vrrp::io::RawSocket>(context_.get_executor(), [this, router](auto received) {
        if (received) {
            feed_(PacketReceived{router, received->metadata, std::move(received->bytes)});
        } else {
            report(router, received.error());
        }
    });
    const auto adopted = socket->adopt(std::move(*answer.opened));
    if (!adopted) return refused(adopted.error());  // Its descriptors go with CloseSocket.
    reported_.erase(router);
    feed_(SocketOpened{router, std::nullopt});
}

void HeartbeatShell::perform(const CloseSocket& action) {
    opening_.erase(action.router);
    if (const auto socket = sockets_.extract(action.router)) close(socket.mapped()->release());
}

void HeartbeatShell::close(vrrp::io::Descriptors descriptors) {
    post_.socket_orders.send(CloseSocketOrder{std::move(descriptors)});
}

void HeartbeatShell::perform(const SendPacket& action) {
    const auto socket = sockets_.find(action.router);
    if (socket == sockets_.end()) return;
    const auto sent = socket->second->send(action.source, action.destination, action.bytes);
    if (!sent) report(action.router, sent.error());
}

void HeartbeatShell::perform(const SendFrame& action) {
    const auto socket = sockets_.find(action.router);
    if (socket == sockets_.end()) return;
    const auto sent = socket->second->send_frame(action.bytes);
    if (!sent) report(action.router, sent.error());
}

void HeartbeatShell::perform(const DecisionMail& mail) {
    post_.heartbeat_to_decision.send(mail);
}
void HeartbeatShell::perform(const KernelMail& mail) {
    post_.heartbeat_to_kernel.send(mail);
}

void HeartbeatShell::report(const RouterName& router, const vrrp::io::Error& error) {
    const auto [last, is_first] = reported_.try_emplace(router, error);
    if (!is_first && last->second == error) return;
    last->second = error;
    post_.heartbeat_log.send({"virtual_router=" + router.value(), error});
}

}  // namespace anyvip::daemon::io
