#pragma once

#include <cstdint>
#include <string>

#include "anyvip/strong.hpp"

namespace anyvip::net {

/// As in `ip link`; at most 15 octets (IFNAMSIZ less the NUL).
using InterfaceName = Strong<std::string, struct InterfaceNameTag>;

/// The kernel's ifindex; 0 is none. It changes when an interface is recreated, the name does not.
using InterfaceIndex = Strong<std::uint32_t, struct InterfaceIndexTag>;

}  // namespace anyvip::net
