#pragma once

#include <string>
#include <vector>

namespace anyvip::io {

/// Linux capabilities (capabilities(7)) by their numbers in linux/capability.h.
struct Capability {
    int number = 0;
    std::string name;  ///< "CAP_NET_ADMIN"
};

/// Makes effective what is permitted of these, for a binary with file capabilities "=p": with "=ep" exec
/// itself fails where one is missing from the bounding set, and says no more than EPERM.
/// Returns those that are not permitted. Call it before other threads exist: capabilities are per thread.
[[nodiscard]] std::vector<std::string> raise_capabilities(const std::vector<Capability>& wanted);

}  // namespace anyvip::io
