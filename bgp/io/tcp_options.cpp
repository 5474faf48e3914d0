#include "bgp/io/tcp_options.hpp"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <initializer_list>
#include <system_error>

#include "bgp/io/tcp_ao.hpp"

namespace anyvip::bgp::io {
namespace {

constexpr int cs6 = 0xc0;  // DSCP 48 (RFC 4594 §3.1: network control).
constexpr int gtsm_ttl = 255;
#ifndef IPV6_MINHOPCOUNT
constexpr int IPV6_MINHOPCOUNT = 73;
#endif

template <class T>
OptionResult set(int socket, int level, int option, const T& value, const char* name) {
    if (::setsockopt(socket, level, option, &value, sizeof value) == 0) return {};
    return std::unexpected{OptionError{name, errno}};
}

OptionResult set_ttl(int socket, net::Family family, int ttl) {
    if (family == net::Family::Ipv4) return set(socket, IPPROTO_IP, IP_TTL, ttl, "IP_TTL");
    return set(socket, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl, "IPV6_UNICAST_HOPS");
}

OptionResult set_least_ttl(int socket, net::Family family, int ttl) {
    if (family == net::Family::Ipv4) return set(socket, IPPROTO_IP, IP_MINTTL, ttl, "IP_MINTTL");
    return set(socket, IPPROTO_IPV6, IPV6_MINHOPCOUNT, ttl, "IPV6_MINHOPCOUNT");
}

OptionResult set_class(int socket, net::Family family) {
    if (family == net::Family::Ipv4) return set(socket, IPPROTO_IP, IP_TOS, cs6, "IP_TOS");
    return set(socket, IPPROTO_IPV6, IPV6_TCLASS, cs6, "IPV6_TCLASS");
}

OptionResult set_user_timeout(int socket, std::chrono::seconds hold_time) {
    if (hold_time.count() == 0) return {};
    const auto timeout = static_cast<unsigned>(std::chrono::milliseconds{hold_time}.count());
    return set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, timeout, "TCP_USER_TIMEOUT");
}

OptionResult first_error(std::initializer_list<OptionResult> results) {
    for (const auto& result : results) {
        if (!result) return result;
    }
    return {};
}

}  // namespace

std::expected<int, OptionError> new_socket(net::Family family) {
    const int domain = family == net::Family::Ipv4 ? AF_INET : AF_INET6;
    const int socket = ::socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (socket < 0) return std::unexpected{OptionError{"socket", errno}};
    return socket;
}

OptionResult prepare_accepted(int socket, const PeerConfig& peer) {
    const auto family = peer.address.family();
    const int ttl = peer.ttl_security ? gtsm_ttl : peer.multihop;
    return first_error({
        set_ttl(socket, family, ttl),
        peer.ttl_security ? set_least_ttl(socket, family, gtsm_ttl + 1 - *peer.ttl_security) : OptionResult{},
        set_class(socket, family),
        set_user_timeout(socket, peer.hold_time),
        set(socket, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"),
    });
}

OptionResult prepare_to_connect(int socket, const PeerConfig& peer) {
    return first_error({
        bind_to_device(socket, peer.device),
        peer.password.empty() ? OptionResult{} : set_md5_key(socket, net::Prefix::host(peer.address), peer.password),
        set_tcp_ao_keys(socket, peer, SocketRole::Connects),
        prepare_accepted(socket, peer),
    });
}

OptionResult prepare_to_listen(int socket, net::Family family, const std::string& device) {
    return first_error({
        bind_to_device(socket, device),
        set(socket, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"),
        family == net::Family::Ipv6 ? set(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY") : OptionResult{},
        set_ttl(socket, family, gtsm_ttl),
        set_class(socket, family),
    });
}

OptionResult limit_listener(int socket, net::Family family, std::optional<std::uint8_t> hops) {
    return set_least_ttl(socket, family, hops ? gtsm_ttl + 1 - *hops : 0);
}

OptionResult bind_to_device(int socket, const std::string& device) {
    if (device.empty()) return {};
    const auto size = static_cast<socklen_t>(device.size() + 1);
    if (::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(), size) == 0) return {};
    return std::unexpected{OptionError{"SO_BINDTODEVICE " + device, errno}};
}

OptionResult set_md5_key(int socket, const net::Prefix& peers, const Password& password) {
    tcp_md5sig key{};
    const auto peer = peers.network().address();
    const auto& text = password.reveal();
    if (text.size() > sizeof key.tcpm_key) return std::unexpected{OptionError{"TCP_MD5SIG", EINVAL}};
    if (peer.is_v4()) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        std::memcpy(&address.sin_addr, peer.v4().bytes().data(), sizeof address.sin_addr);
        std::memcpy(&key.tcpm_addr, &address, sizeof address);
    } else {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        std::memcpy(&address.sin6_addr, peer.v6().bytes().data(), sizeof address.sin6_addr);
        std::memcpy(&key.tcpm_addr, &address, sizeof address);
    }
    key.tcpm_keylen = static_cast<decltype(key.tcpm_keylen)>(text.size());
    std::ranges::copy(text, key.tcpm_key);
    if (!peers.is_host()) {
        key.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;
        key.tcpm_prefixlen = peers.length();
    }
    const auto result = peers.is_host() ? set(socket, IPPROTO_TCP, TCP_MD5SIG, key, "TCP_MD5SIG")
                                        : set(socket, IPPROTO_TCP, TCP_MD5SIG_EXT, key, "TCP_MD5SIG_EXT");
    if (!result && result.error().code == ENOENT && password.empty()) return {};  // There was none to remove.
    return result;
}

std::string describe(const OptionError& error) {
    if (error.option.starts_with("TCP_AO") && error.code == ENOPROTOOPT) {
        return error.option + ": this kernel has no TCP-AO (CONFIG_TCP_AO, since Linux 6.7)";
    }
    return error.option + ": " + std::generic_category().message(error.code);
}

}  // namespace anyvip::bgp::io
