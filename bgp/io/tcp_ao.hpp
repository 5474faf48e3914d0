#pragma once

#include <cstdint>

#include "bgp/io/tcp_options.hpp"
#include "bgp/peer_config.hpp"

/// TCP-AO (RFC 5925) as Linux has it since 6.7, where it was built with CONFIG_TCP_AO. A kernel that has not refuses
/// the first key with ENOPROTOOPT, and describe() of that error says so. Non-logging.
///
/// A master key tuple is a key with its two identifiers, for one address or a prefix of them. Several may be set on a
/// socket: the first one that is configured is what we begin to send with, and each side takes any of them.
///
/// Not implemented: another key within a session (RNextKeyID at our wish; the kernel follows the peer's), MACs that
/// leave out TCP's other options, keys of a VRF on a socket of none.
namespace anyvip::bgp::io {

enum class SocketRole : std::uint8_t { Connects, Listens };

/// All keys of a peer, or of the peers of a range: on a socket before connect(), or on a listening one. A key that is
/// there already stays: one that differs has to be removed before.
[[nodiscard]] OptionResult set_tcp_ao_keys(int socket, const PeerConfig& peer, SocketRole role);
/// One key, from a listening socket.
[[nodiscard]] OptionResult remove_tcp_ao_key(int socket, const PeerConfig& peer, const TcpAoKey& key);

}  // namespace anyvip::bgp::io
