#pragma once

#include <set>

#include "anyvip/ipvs/table.hpp"
#include "anyvip/kernel/address_table.hpp"

namespace anyvip {

/// What is ours in the kernel, by name (product rule 5): the contents of STATE_DIR/owned, written and synced
/// before the first command that creates the object, and listed until it is known to be gone. The kernel
/// itself does not remember who made an address or a virtual server.
/// A virtual server that is ours is ours with all its real servers.
struct Ownership {
    std::set<kernel::AddressKey> addresses;
    std::set<ipvs::VirtualServerId> virtual_servers;
    friend bool operator==(const Ownership&, const Ownership&) = default;
};

}  // namespace anyvip
