#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What the kernel counts of TCP-MD5 (RFC 2385): a segment with a wrong signature is dropped in silence, so that a
/// wrong key looks like a peer that is not there. The counters of TcpExt in /proc/net/netstat tell the difference.
///
/// They are those of the whole network namespace: what they say of one peer is likely and not certain, and is worded
/// so. Speaker compares them while a peer has no connection.
namespace anyvip::bgp::io {

struct Md5Counters {
    std::uint64_t not_found = 0;   ///< TCPMD5NotFound: a key is set here, and the segment had no signature
    std::uint64_t unexpected = 0;  ///< TCPMD5Unexpected: the segment had one, and no key is set here
    std::uint64_t failure = 0;     ///< TCPMD5Failure: both, and another key
    friend bool operator==(const Md5Counters&, const Md5Counters&) = default;
};

/// Of the text of /proc/net/netstat: a line of names and one of values. nullopt when it does not have all three.
[[nodiscard]] std::optional<Md5Counters> parse_md5_counters(std::string_view netstat);
/// Of the network namespace of the process.
[[nodiscard]] std::optional<Md5Counters> read_md5_counters();

/// What has happened from `before` to `now` that a peer with or without a key of ours would suffer from; empty:
/// nothing.
[[nodiscard]] std::string explain(const Md5Counters& before, const Md5Counters& now, bool has_key);

}  // namespace anyvip::bgp::io
