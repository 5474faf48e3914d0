#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include "anyvip/net/address.hpp"

namespace anyvip::health::io {

/// Sockets that TCP probes use again, per address family and source. A socket that was reset by
/// connect(AF_UNSPEC) is as good as new and spares socket(), epoll_ctl() and close() per probe; most of what a
/// probe costs is these.
class TcpSockets {
public:
    using Socket = boost::asio::ip::tcp::socket;

    explicit TcpSockets(boost::asio::any_io_executor executor) : executor_{std::move(executor)} {}

    /// A socket that is open, non-blocking, bound to the source if there is one, and not connected.
    [[nodiscard]] Socket take(net::Family family, const std::optional<net::IpAddress>& source,
                              boost::system::error_code& error);

    /// Resets the connection and keeps the socket; one that cannot be reset is closed.
    /// Only for sockets whose probe succeeded: after a failed connect the kernel keeps the local port.
    void give_back(net::Family family, const std::optional<net::IpAddress>& source, Socket socket);

    [[nodiscard]] std::size_t idle() const;

private:
    using Key = std::pair<net::Family, std::optional<net::IpAddress>>;

    boost::asio::any_io_executor executor_;
    std::map<Key, std::vector<Socket>> idle_;
};

/// Opens and binds; the source's port is chosen at connect, not at bind, so that sources do not run out of them.
[[nodiscard]] boost::asio::ip::tcp::socket open_socket(const boost::asio::any_io_executor& executor, net::Family family,
                                                       const std::optional<net::IpAddress>& source,
                                                       boost::system::error_code& error);

}  // namespace anyvip::health::io
