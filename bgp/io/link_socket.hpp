#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "anyvip/net/address.hpp"
#include "anyvip/net/interface.hpp"
#include "bgp/link_neighbor.hpp"
#include "io/file_descriptor.hpp"
#include "io/socket.hpp"

/// The socket of one link::Neighbor: router advertisements and solicitations of an interface, and nothing else of
/// ICMPv6. It is bound to the interface as it was when it was opened: one that is recreated needs another. Non-logging.
namespace anyvip::bgp::io {

class LinkSocket {
public:
    using Error = anyvip::io::SocketError;
    using Sink = std::move_only_function<void(link::PacketReceived)>;

    LinkSocket(const boost::asio::any_io_executor& executor, Sink sink);
    LinkSocket(const LinkSocket&) = delete;
    LinkSocket& operator=(const LinkSocket&) = delete;
    ~LinkSocket();

    [[nodiscard]] std::expected<void, Error> open(const net::InterfaceName& interface, net::InterfaceIndex index);
    [[nodiscard]] net::InterfaceIndex index() const { return index_; }
    /// With hop limit 255, from the address that the action names.
    [[nodiscard]] std::expected<void, Error> send(const link::SendPacket& packet);

private:
    net::InterfaceIndex index_;
    anyvip::io::FileDescriptor socket_;
    Sink sink_;
    anyvip::io::PacketReader packets_;
};

}  // namespace anyvip::bgp::io
