#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "protocol.hpp"

/// bare LOCAL SESSIONS PREFIXES CHECKED_ADDRESS CHECKED_PORT INTERVAL_MS
///
/// What cannot be beaten: a speaker that has its UPDATEs ready, asks the same HTTP server as the daemon does, and calls
/// send() for one session after the other when the answer changes. It knows no more of BGP than the sink needs, and
/// every one of its sockets blocks.
namespace wire {
namespace {

/// A path of the HTTP server, and the routes that go and come with its answer.
struct Watched {
    std::string path;
    bool up = true;
    std::string announcement;
    std::string withdrawal;
};

std::string announcement(std::string_view prefixes, in_addr next_hop) {
    std::string body{"\0\0\0\x14\x40\x01\x01\x00\x40\x02\x06\x02\x01", 13};
    put32(body, 65001);
    body += std::string_view{"\x40\x03\x04", 3};
    put32(body, ntohl(next_hop.s_addr));
    return message(Type::Update, body.append(prefixes));
}

std::string withdrawal(std::string_view prefixes) {
    std::string body;
    put16(body, prefixes.size());
    return message(Type::Update, body.append(prefixes).append(std::string_view{"\0\0", 2}));
}

Watched watch(const std::string& path, std::uint32_t first, std::uint32_t count, in_addr next_hop) {
    constexpr std::uint32_t per_message = 800;
    Watched watched{.path = path, .announcement = {}, .withdrawal = {}};
    for (std::uint32_t at = 0; at < count; at += per_message) {
        std::string prefixes;
        for (std::uint32_t i = at; i < std::min(at + per_message, count); ++i) {
            prefixes += '\x20';
            put32(prefixes, first_vip + first + i);
        }
        watched.announcement += announcement(prefixes, next_hop);
        watched.withdrawal += withdrawal(prefixes);
    }
    return watched;
}

/// Reads whole messages until one of this type has come.
void await(int session, Type type) {
    std::vector<std::uint8_t> octets;
    bool seen = false;
    while (!seen) {
        std::array<std::uint8_t, longest_message> more{};
        const auto length = recv(session, more.data(), more.size(), 0);
        if (length <= 0) throw failed("the session ended");
        octets.insert(octets.end(), more.begin(), more.begin() + length);
        const auto used = cut(octets, [&](Type each, std::span<const std::uint8_t>) { seen |= each == type; });
        octets.erase(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(used));
    }
}

bool ask(in_addr server, std::uint16_t port, const std::string& path) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) throw failed("socket");
    connect_to(socket, server, port);
    send_all(socket, "GET " + path + " HTTP/1.1\r\nHost: bare\r\n\r\n");
    std::array<char, 512> answer{};
    const auto length = recv(socket, answer.data(), answer.size(), 0);
    close(socket);
    if (length < 0) throw failed("recv");
    return std::string_view{answer.data(), static_cast<std::size_t>(length)}.starts_with("HTTP/1.1 200");
}

/// What a session has said: KEEPALIVEs, which nobody reads.
void discard(int session) {
    std::array<std::uint8_t, longest_message> octets{};
    while (recv(session, octets.data(), octets.size(), MSG_DONTWAIT) > 0) {
    }
}

int run(in_addr local, std::size_t count, std::uint32_t prefixes, in_addr server, std::uint16_t port, int interval) {
    std::array watched{watch("/one", 0, 1, local), watch("/all", 1, prefixes - 1, local)};
    const int listener = listening_socket(local, 179);
    std::vector<int> sessions;
    while (sessions.size() < count) {
        const int session = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (session < 0) throw failed("accept");
        set_option(session, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
        send_all(session, open(65001, 90, local) + message(Type::Keepalive));
        await(session, Type::Keepalive);
        sessions.push_back(session);
        for (const auto& each : watched) send_all(session, each.announcement);
        send_all(session, end_of_rib());
    }
    auto keepalive_at = now();
    while (true) {
        for (auto& each : watched) {
            const bool up = ask(server, port, each.path);
            if (up == each.up) continue;
            each.up = up;
            for (const int session : sessions) send_all(session, up ? each.announcement : each.withdrawal);
        }
        if (now() >= keepalive_at) {
            for (const int session : sessions) send_all(session, message(Type::Keepalive));
            keepalive_at = now() + Nanoseconds{20'000'000'000};
        }
        for (const int session : sessions) discard(session);
        poll(nullptr, 0, interval);
    }
}

}  // namespace
}  // namespace wire

int main(int argc, char** argv) {
    if (argc != 7) {
        std::cerr << "usage: bare LOCAL SESSIONS PREFIXES CHECKED_ADDRESS CHECKED_PORT INTERVAL_MS\n";
        return 2;
    }
    try {
        return wire::run(wire::address(argv[1]), std::stoul(argv[2]), static_cast<std::uint32_t>(std::stoul(argv[3])),
                         wire::address(argv[4]), static_cast<std::uint16_t>(std::stoul(argv[5])), std::stoi(argv[6]));
    } catch (const std::exception& error) {
        std::cerr << "bare: " << error.what() << '\n';
        return 1;
    }
}
