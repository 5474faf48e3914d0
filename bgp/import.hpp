#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anyvip/net/address.hpp"

/// What of a peer's routes is accepted: what the operator names, and nothing else (RFC 8212).
namespace anyvip::bgp {

/// Takes the prefix itself, and what is more specific up to a length, as a ROA says it (RFC 9582).
struct ImportRule {
    net::Prefix prefix;
    std::uint8_t max_length = 0;
    friend bool operator==(const ImportRule&, const ImportRule&) = default;

    [[nodiscard]] bool takes(const net::Prefix& candidate) const;
};

struct Import {
    std::vector<ImportRule> rules{};  ///< none: nothing is accepted
    std::size_t max_prefixes = 100;   ///< accepted at a time; each path of ADD-PATH is one
    bool stop_at_max = false;         ///< one more ends the session (RFC 4486); otherwise it is refused
    friend bool operator==(const Import&, const Import&) = default;

    [[nodiscard]] bool takes(const net::Prefix& candidate) const;
};

}  // namespace anyvip::bgp
