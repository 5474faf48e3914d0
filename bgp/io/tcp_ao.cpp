#include "bgp/io/tcp_ao.hpp"

#include <linux/types.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>

#include "bgp/peer_range.hpp"

namespace anyvip::bgp::io {
namespace {

// What <linux/tcp.h> says since Linux 6.7; Debian 12 has that of 6.1. Names of our own, so that a newer header does
// not get in the way.
constexpr int tcp_ao_add_key = 38;
constexpr int tcp_ao_del_key = 39;
constexpr std::uint8_t for_ifindex = 1U << 0U;  // TCP_AO_KEYF_IFINDEX
constexpr std::size_t longest_key = 80;         // TCP_AO_MAXKEYLEN
constexpr std::uint8_t mac_octets = 12;         // RFC 5926 §3.2: both MACs are cut to 96 bits.

/// struct tcp_ao_add.
struct AddKey {
    sockaddr_storage address;
    char algorithm[64];
    std::int32_t ifindex;
    std::uint32_t set_current : 1, set_rnext : 1, reserved : 30;
    std::uint16_t reserved2;
    std::uint8_t prefix;
    std::uint8_t send_id;
    std::uint8_t receive_id;
    std::uint8_t mac_length;
    std::uint8_t flags;
    std::uint8_t key_length;
    std::uint8_t key[longest_key];
} __attribute__((aligned(8)));
static_assert(sizeof(AddKey) == 288 && offsetof(AddKey, ifindex) == 192 && offsetof(AddKey, prefix) == 202 &&
              offsetof(AddKey, key) == 208);

/// struct tcp_ao_del.
struct DeleteKey {
    sockaddr_storage address;
    std::int32_t ifindex;
    std::uint32_t set_current : 1, set_rnext : 1, del_async : 1, reserved : 29;
    std::uint16_t reserved2;
    std::uint8_t prefix;
    std::uint8_t send_id;
    std::uint8_t receive_id;
    std::uint8_t current_key;
    std::uint8_t rnext;
    std::uint8_t flags;
} __attribute__((aligned(8)));
static_assert(sizeof(DeleteKey) == 144 && offsetof(DeleteKey, prefix) == 138 && offsetof(DeleteKey, flags) == 143);

std::string_view kernel_name(TcpAoAlgorithm algorithm) {
    switch (algorithm) {
        case TcpAoAlgorithm::HmacSha1: return "hmac(sha1)";
        case TcpAoAlgorithm::Aes128Cmac: return "cmac(aes128)";
    }
    return "";
}

/// The address without its host bits and without a port: the kernel refuses either.
sockaddr_storage to_storage(const net::IpAddress& address) {
    sockaddr_storage storage{};
    if (address.is_v4()) {
        sockaddr_in name{};
        name.sin_family = AF_INET;
        std::memcpy(&name.sin_addr, address.v4().bytes().data(), sizeof name.sin_addr);
        std::memcpy(&storage, &name, sizeof name);
    } else {
        sockaddr_in6 name{};
        name.sin6_family = AF_INET6;
        std::memcpy(&name.sin6_addr, address.v6().bytes().data(), sizeof name.sin6_addr);
        std::memcpy(&storage, &name, sizeof name);
    }
    return storage;
}

template <class Request>
Request request_for(const PeerConfig& peer, const TcpAoKey& key) {
    const auto addresses = addresses_of(peer);
    Request request{};
    request.address = to_storage(addresses.network().address());
    request.prefix = addresses.length();
    request.send_id = key.send_id;
    request.receive_id = key.receive_id;
    return request;
}

template <class Request>
int set(int socket, int option, const Request& request) {
    return ::setsockopt(socket, IPPROTO_TCP, option, &request, sizeof request) == 0 ? 0 : errno;
}

/// A key may be one of a VRF, and of no other device: for those the kernel answers EINVAL. There it goes without, since
/// the socket is bound to the device, and the key is the socket's.
template <class Request>
int set_for_device(int socket, int option, Request request, const std::string& device) {
    if (!device.empty()) {
        request.ifindex = static_cast<std::int32_t>(::if_nametoindex(device.c_str()));
        request.flags = for_ifindex;
        const int code = set(socket, option, request);
        if (code != EINVAL && code != ENOENT) return code;
        request.ifindex = 0;
        request.flags = 0;
    }
    return set(socket, option, request);
}

}  // namespace

OptionResult set_tcp_ao_keys(int socket, const PeerConfig& peer, SocketRole role) {
    bool first = true;
    for (const auto& key : peer.tcp_ao) {
        const auto& secret = key.key.reveal();
        if (secret.empty() || secret.size() > longest_key)
            return std::unexpected{OptionError{"TCP_AO_ADD_KEY", EINVAL}};
        auto request = request_for<AddKey>(peer, key);
        std::ranges::copy(kernel_name(key.algorithm), std::begin(request.algorithm));
        request.mac_length = mac_octets;
        request.key_length = static_cast<std::uint8_t>(secret.size());
        std::ranges::copy(secret, std::begin(request.key));
        // A listening socket has no current key: its connections begin with the one of the SYN.
        if (first && role == SocketRole::Connects) request.set_current = request.set_rnext = 1;
        first = false;
        const int code = set_for_device(socket, tcp_ao_add_key, request, peer.device);
        const bool there_already = code == EEXIST && role == SocketRole::Listens;
        if (code != 0 && !there_already) return std::unexpected{OptionError{"TCP_AO_ADD_KEY", code}};
    }
    return {};
}

OptionResult remove_tcp_ao_key(int socket, const PeerConfig& peer, const TcpAoKey& key) {
    const int code = set_for_device(socket, tcp_ao_del_key, request_for<DeleteKey>(peer, key), peer.device);
    if (code != 0 && code != ENOENT) return std::unexpected{OptionError{"TCP_AO_DEL_KEY", code}};
    return {};
}

}  // namespace anyvip::bgp::io
