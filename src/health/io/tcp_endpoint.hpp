#pragma once

#include <cstdint>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "anyvip/net/address.hpp"

namespace anyvip::health::io {

[[nodiscard]] inline boost::asio::ip::tcp::endpoint tcp_endpoint(const net::IpAddress& address, std::uint16_t port) {
    namespace ip = boost::asio::ip;
    if (address.is_v4()) return {ip::address_v4{address.v4().value()}, port};
    return {ip::address_v6{address.v6().bytes()}, port};
}

[[nodiscard]] inline boost::asio::ip::tcp::endpoint tcp_endpoint(const net::Endpoint& endpoint) {
    return tcp_endpoint(endpoint.address, endpoint.port);
}

}  // namespace anyvip::health::io
