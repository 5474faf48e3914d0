#include "anyvip/ipvs/table.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace anyvip::ipvs {
namespace {

constexpr std::uint32_t ipv4_host_mask = 0xffffffff;
constexpr std::uint32_t ipv6_host_length = 128;

std::string hexadecimal(std::uint32_t value) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    do {
        text.insert(text.begin(), digits[value % 16]);
        value /= 16;
    } while (value != 0);
    return "0x" + text;
}

}  // namespace

VirtualServer normalised(const VirtualServerId& id, VirtualServer virtual_server) {
    const bool v4 = id.address.address.is_v4();
    auto& netmask = virtual_server.persistence_netmask;
    const bool is_length = netmask >= 1 && netmask <= ipv6_host_length;
    if (virtual_server.persistence_timeout == 0 || (!v4 && !is_length)) {
        netmask = v4 ? ipv4_host_mask : ipv6_host_length;
    }
    return virtual_server;
}

Table normalised(const Table& table) {
    Table result;
    for (const auto& [id, virtual_server] : table) result.emplace(id, normalised(id, virtual_server));
    return result;
}

std::string describe(Protocol protocol) {
    switch (protocol) {
        case Protocol::Tcp: return "tcp";
        case Protocol::Udp: return "udp";
        case Protocol::Sctp: return "sctp";
    }
    return "?";
}

std::string describe(Forwarding forwarding) {
    switch (forwarding) {
        case Forwarding::Nat: return "nat";
        case Forwarding::DirectRouting: return "dr";
        case Forwarding::Tunnel: return "tun";
    }
    return "?";
}

std::string describe(const VirtualServerId& id) {
    return describe(id.protocol) + " " + id.address.to_string();
}

std::string describe(const RealServer& real_server) {
    std::string text = describe(real_server.forwarding) + " weight " + std::to_string(real_server.weight.value());
    if (real_server.upper_threshold != 0) text += " upper " + std::to_string(real_server.upper_threshold);
    if (real_server.lower_threshold != 0) text += " lower " + std::to_string(real_server.lower_threshold);
    return text;
}

std::string describe(const VirtualServer& virtual_server) {
    std::string text = virtual_server.scheduler.value();
    if (virtual_server.scheduler_flags != 0) text += " flags " + hexadecimal(virtual_server.scheduler_flags);
    if (virtual_server.one_packet) text += " one-packet";
    if (virtual_server.persistence_timeout != 0) {
        text += " persistent " + std::to_string(virtual_server.persistence_timeout) + " s netmask " +
                hexadecimal(virtual_server.persistence_netmask);
    }
    return text;
}

std::string describe(const Table& table) {
    std::string text;
    for (const auto& [id, virtual_server] : table) {
        text += describe(id) + " " + describe(virtual_server) + '\n';
        for (const auto& [address, real_server] : virtual_server.real_servers) {
            text += "  " + address.to_string() + " " + describe(real_server) + '\n';
        }
    }
    return text;
}

}  // namespace anyvip::ipvs
