#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/net/address.hpp"

/// What one attempt of a check does: data only. The shells under src/health/io/ carry it out; health::Check
/// decides when, and what its outcome means, without knowing which kind it is.
namespace anyvip::health {

/// How a TCP probe ends its connection: a reset frees the port at once, some servers mind it.
enum class CloseWith : std::uint8_t { Reset, Fin };

struct TcpProbe {
    net::Endpoint target;
    std::optional<net::IpAddress> source;
    CloseWith close = CloseWith::Reset;
    friend bool operator==(const TcpProbe&, const TcpProbe&) = default;
};

/// Inclusive range of HTTP status codes.
struct StatusRange {
    std::uint16_t low = 200;
    std::uint16_t high = 299;
    friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

struct HttpProbe {
    net::Endpoint target;
    std::optional<net::IpAddress> source;
    std::string method = "GET";
    std::string path = "/";
    std::string host;  ///< Host header, and SNI and the name to verify with TLS; empty: the target's address
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<StatusRange> status{StatusRange{}};
    std::string body_contains;  ///< empty: the body is not looked at
    bool tls = false;
    bool verify = true;   ///< with TLS: verify the certificate chain and the name
    std::string ca_file;  ///< empty: the system's
    friend bool operator==(const HttpProbe&, const HttpProbe&) = default;
};

struct ExecProbe {
    std::vector<std::string> argv;  ///< argv[0] is an absolute path; no shell
    std::string user;               ///< empty: the daemon's own
    friend bool operator==(const ExecProbe&, const ExecProbe&) = default;
};

using Probe = std::variant<TcpProbe, HttpProbe, ExecProbe>;

}  // namespace anyvip::health
