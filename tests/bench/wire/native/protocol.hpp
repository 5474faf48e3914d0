#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

/// As much BGP as both ends of a benchmark need, and sockets. Nothing here shares code with the daemon.
namespace wire {

/// Nanoseconds of CLOCK_MONOTONIC, which is the clock of Python's time.monotonic_ns().
using Nanoseconds = std::int64_t;

inline Nanoseconds read_clock(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return Nanoseconds{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}
inline Nanoseconds now() {
    return read_clock(CLOCK_MONOTONIC);
}

enum class Type : std::uint8_t { Open = 1, Update = 2, Notification = 3, Keepalive = 4 };

constexpr std::size_t header_length = 19;
constexpr std::size_t longest_message = 4096;

inline void put16(std::string& out, std::size_t value) {
    out += static_cast<char>(value >> 8);
    out += static_cast<char>(value);
}
inline void put32(std::string& out, std::uint32_t value) {
    put16(out, value >> 16);
    put16(out, value & 0xffff);
}
inline std::size_t get16(const std::uint8_t* octets) {
    return static_cast<std::size_t>(octets[0]) << 8 | octets[1];
}
inline std::uint32_t get32(const std::uint8_t* octets) {
    return static_cast<std::uint32_t>(get16(octets) << 16 | get16(octets + 2));
}

inline std::string message(Type type, std::string_view body = {}) {
    std::string out(16, '\xff');
    put16(out, header_length + body.size());
    out += static_cast<char>(type);
    return out.append(body);
}

/// IPv4 unicast, a four-octet AS, and graceful restart without a family: it keeps nothing, and asks for End-of-RIB
/// from those who only send it to a peer that has the capability.
inline std::string open(std::uint32_t asn, std::size_t hold_time, in_addr identifier) {
    std::string capabilities{"\x01\x04\x00\x01\x00\x01\x40\x02\x00\x00\x41\x04", 12};
    put32(capabilities, asn);
    std::string body{'\4'};
    put16(body, asn);
    put16(body, hold_time);
    put32(body, ntohl(identifier.s_addr));
    body += static_cast<char>(capabilities.size() + 2);
    body += '\2';
    body += static_cast<char>(capabilities.size());
    return message(Type::Open, body + capabilities);
}

inline std::string end_of_rib() {
    return message(Type::Update, std::string_view{"\0\0\0\0", 4});
}

/// Calls `each(type, body)` for the messages that are whole, and returns how many octets they were.
template <typename Each>
std::size_t cut(std::span<const std::uint8_t> octets, Each each) {
    std::size_t at = 0;
    while (octets.size() - at >= header_length) {
        const std::size_t length = get16(&octets[at + 16]);
        if (length < header_length) throw std::runtime_error{"a message shorter than its header"};
        if (octets.size() - at < length) break;
        each(static_cast<Type>(octets[at + 18]), octets.subspan(at + header_length, length - header_length));
        at += length;
    }
    return at;
}

inline in_addr address(const std::string& text) {
    in_addr parsed{};
    if (inet_pton(AF_INET, text.c_str(), &parsed) != 1) throw std::runtime_error{"no address: " + text};
    return parsed;
}

inline std::system_error failed(const std::string& what) {
    return {errno, std::generic_category(), what};
}

inline void set_option(int socket, int level, int name, int value, const char* what) {
    if (setsockopt(socket, level, name, &value, sizeof value) != 0) throw failed(what);
}

inline void bind_to(int socket, in_addr local, std::uint16_t port) {
    set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr = local;
    name.sin_port = htons(port);
    if (bind(socket, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) throw failed("bind");
}

inline int listening_socket(in_addr local, std::uint16_t port, int flags = 0) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (socket < 0) throw failed("socket");
    bind_to(socket, local, port);
    if (listen(socket, 1024) != 0) throw failed("listen");
    return socket;
}

/// Starts to connect; on a blocking socket the connection is there.
inline void connect_to(int socket, in_addr remote, std::uint16_t port) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr = remote;
    name.sin_port = htons(port);
    if (connect(socket, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 && errno != EINPROGRESS) {
        throw failed("connect");
    }
}

/// All of it, on a blocking socket.
inline void send_all(int socket, std::string_view octets) {
    while (!octets.empty()) {
        const auto sent = send(socket, octets.data(), octets.size(), MSG_NOSIGNAL);
        if (sent < 0) throw failed("send");
        octets.remove_prefix(static_cast<std::size_t>(sent));
    }
}

/// The VIPs of every benchmark: consecutive /32s.
constexpr std::uint32_t first_vip = 0x0a100000;  // 10.16.0.0
constexpr std::uint32_t vip_room = 1U << 20;

}  // namespace wire
