#pragma once

#include <cstdint>

#include <boost/asio/ip/tcp.hpp>

#include "anyvip/net/address.hpp"

/// Addresses between Asio's types and ours.
namespace anyvip::bgp::io {

[[nodiscard]] inline boost::asio::ip::tcp::endpoint to_asio(const net::IpAddress& address, std::uint16_t port) {
    if (address.is_v4()) return {boost::asio::ip::address_v4{address.v4().bytes()}, port};
    return {boost::asio::ip::address_v6{address.v6().bytes()}, port};
}

/// An IPv4-mapped address (RFC 4291 §2.5.5.2), as a dual-stack socket shows it, is the IPv4 address: what is
/// compared with peers and VIPs must not depend on the socket that saw it.
[[nodiscard]] inline net::Endpoint from_asio(const boost::asio::ip::tcp::endpoint& endpoint) {
    const auto& address = endpoint.address();
    if (address.is_v4()) return {net::Ipv4Address{address.to_v4().to_bytes()}, endpoint.port()};
    const auto v6 = address.to_v6();
    if (!v6.is_v4_mapped()) return {net::Ipv6Address{v6.to_bytes()}, endpoint.port()};
    const auto v4 = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6);
    return {net::Ipv4Address{v4.to_bytes()}, endpoint.port()};
}

}  // namespace anyvip::bgp::io
