#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <boost/asio/io_context.hpp>

#include "bgp/bfd/io/endpoint.hpp"
#include "daemon/heartbeat.hpp"
#include "daemon/io/socket_orders.hpp"
#include "io/file_descriptor.hpp"
#include "io/socket.hpp"

/// The heartbeat's UDP sockets for BFD, ordered from the kernel loop like those of VRRP (daemon/io/socket_orders.hpp):
/// whoever opens, binds and closes sockets asks the kernel for what may take its time.
namespace anyvip::daemon::io {

struct Post;

using BfdSocketWish = std::variant<OpenBfdListener, OpenBfdSender>;
struct OpenBfdOrder {
    SocketOrderNumber number;
    BfdSocketWish wanted;
};
struct CloseBfdOrder {
    anyvip::io::FileDescriptor socket;
};
using BfdSocketOrder = std::variant<OpenBfdOrder, CloseBfdOrder>;

/// Of an OpenBfdOrder alone. A listener has neither a local address nor an interface.
struct BfdSocketAnswer {
    SocketOrderNumber number;
    BfdSocketWish wanted;
    std::expected<bfd::io::OpenedSender, bfd::io::Error> opened;
};

/// On the kernel loop: may wait.
[[nodiscard]] std::optional<BfdSocketAnswer> carry_out(BfdSocketOrder order);

/// What the shell of the heartbeat keeps for BFD.
class BfdSockets {
public:
    using Feed = std::function<void(Heartbeat::Event)>;
    BfdSockets(boost::asio::io_context& context, Feed feed, Post& post);

    void perform(const OpenBfdListener& action);
    void perform(const CloseBfdListener& action);
    void perform(const OpenBfdSender& action);
    void perform(const CloseBfdSender& action);
    void perform(const SendBfdPacket& action);
    void drain();
    bool flush();

private:
    struct Sender {
        OpenBfdSender wanted;
        bfd::io::OpenedSender socket;
    };

    template <class Key, class Wish>
    void order(std::map<Key, SocketOrderNumber>& opening, const Key& key, const Wish& wish);
    void adopt(BfdSocketAnswer answer);
    void adopt(const OpenBfdListener& wanted, BfdSocketAnswer answer);
    void adopt(const OpenBfdSender& wanted, BfdSocketAnswer answer);
    void close(anyvip::io::FileDescriptor socket);
    void report(const std::string& subject, const bfd::io::Error& error);

    boost::asio::io_context& context_;
    Feed feed_;
    Post& post_;
    SocketOrderNumber last_order_;
    std::map<bfd::Listener, SocketOrderNumber> opening_listeners_;
    std::map<bfd::Discriminator, SocketOrderNumber> opening_senders_;
    std::map<bfd::Listener, std::unique_ptr<bfd::io::ListeningSocket>> listeners_;
    std::map<bfd::Discriminator, Sender> senders_;
    std::map<std::string, bfd::io::Error> reported_;  ///< the last problem of each: said once, not with every packet
};

}  // namespace anyvip::daemon::io
