#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "anyvip/net/address.hpp"
#include "bgp/peer_config.hpp"

/// What a TCP socket must have set before a BGP session may run over it. Non-logging.
///
/// Fails closed: a socket whose key or TTL check could not be set is not used.
/// TCP-MD5 (RFC 2385) for an address or for a prefix of them, GTSM (RFC 5082), CS6 (RFC 4594), SO_BINDTODEVICE for
/// sessions of an interface or a VRF, TCP-AO (tcp_ao.hpp), TCP_USER_TIMEOUT = hold time, so that a peer that vanished
/// is noticed even while we only send.
namespace anyvip::bgp::io {

struct OptionError {
    std::string option;  ///< "TCP_MD5SIG"
    int code = 0;        ///< errno
    friend bool operator==(const OptionError&, const OptionError&) = default;
};

using OptionResult = std::expected<void, OptionError>;

/// A new socket, close-on-exec from birth (a check that is being executed must not hold a session open) and
/// non-blocking; the caller owns it.
[[nodiscard]] std::expected<int, OptionError> new_socket(net::Family family);

/// Before connect(), so that the handshake is covered.
[[nodiscard]] OptionResult prepare_to_connect(int socket, const PeerConfig& peer);
/// Right after accept(). The key came with the listening socket.
[[nodiscard]] OptionResult prepare_accepted(int socket, const PeerConfig& peer);
/// TTL 255, whatever the peers want: a peer with GTSM would drop our SYN-ACK otherwise. `device`: empty for none.
[[nodiscard]] OptionResult prepare_to_listen(int socket, net::Family family, const std::string& device);
/// GTSM for a SYN: how far away the farthest peer of the listening socket is; nullopt: any distance.
[[nodiscard]] OptionResult limit_listener(int socket, net::Family family, std::optional<std::uint8_t> hops);
/// The key of one peer, or of all in a prefix, on a listening socket; an empty one removes it. Of several that match
/// the kernel takes the longest.
[[nodiscard]] OptionResult set_md5_key(int socket, const net::Prefix& peers, const Password& password);
/// The socket belongs to an interface, or to the VRF of that name; an empty name changes nothing.
[[nodiscard]] OptionResult bind_to_device(int socket, const std::string& device);

[[nodiscard]] std::string describe(const OptionError& error);

}  // namespace anyvip::bgp::io
