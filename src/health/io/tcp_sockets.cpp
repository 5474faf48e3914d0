#include "health/io/tcp_sockets.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <utility>

#include "health/io/tcp_endpoint.hpp"

namespace anyvip::health::io {
namespace {

using boost::asio::ip::tcp;

/// As many as a burst of probes needs; more would only hold descriptors.
constexpr std::size_t max_idle = 256;

/// Sends a reset and leaves the socket unconnected, its source still bound. False if the kernel refuses.
bool reset_connection(tcp::socket& socket) {
    const sockaddr unspecified{.sa_family = AF_UNSPEC, .sa_data = {}};
    return ::connect(socket.native_handle(), &unspecified, sizeof unspecified) == 0;
}

}  // namespace

tcp::socket open_socket(const boost::asio::any_io_executor& executor, net::Family family,
                        const std::optional<net::IpAddress>& source, boost::system::error_code& error) {
    tcp::socket socket{executor};
    socket.open(family == net::Family::Ipv4 ? tcp::v4() : tcp::v6(), error);
    if (!error) socket.non_blocking(true, error);
    if (!error && source) {
        const boost::asio::detail::socket_option::boolean<IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT> port_at_connect{true};
        socket.set_option(port_at_connect, error);
        if (!error) socket.bind(tcp_endpoint(*source, 0), error);
    }
    return socket;
}

tcp::socket TcpSockets::take(net::Family family, const std::optional<net::IpAddress>& source,
                             boost::system::error_code& error) {
    error.clear();
    auto& sockets = idle_[{family, source}];
    if (sockets.empty()) return open_socket(executor_, family, source, error);
    auto socket = std::move(sockets.back());
    sockets.pop_back();
    return socket;
}

void TcpSockets::give_back(net::Family family, const std::optional<net::IpAddress>& source, tcp::socket socket) {
    auto& sockets = idle_[{family, source}];
    if (sockets.size() < max_idle && reset_connection(socket)) sockets.push_back(std::move(socket));
}

std::size_t TcpSockets::idle() const {
    std::size_t count = 0;
    for (const auto& [key, sockets] : idle_) count += sockets.size();
    return count;
}

}  // namespace anyvip::health::io
