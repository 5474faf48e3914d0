#include "bgp/import.hpp"

#include <algorithm>

namespace anyvip::bgp {

bool ImportRule::takes(const net::Prefix& candidate) const {
    return candidate.length() >= prefix.length() && candidate.length() <= max_length &&
           prefix.contains(candidate.address());
}

bool Import::takes(const net::Prefix& candidate) const {
    return std::ranges::any_of(rules, [&](const ImportRule& rule) { return rule.takes(candidate); });
}

}  // namespace anyvip::bgp
