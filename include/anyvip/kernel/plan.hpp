#pragma once

#include <set>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/describe.hpp"
#include "anyvip/kernel/address_table.hpp"

/// Addresses: from what we want and what the kernel has to the commands between the two.
///
/// Pure. The kernel loop dumps, plans, writes what will be ours to STATE_DIR/owned, executes, and dumps
/// again; on any refusal it starts over with a new dump and never patches an old plan (product rule 5).
///
/// Whose is an address?  Ours is what is listed as owned, and what is desired: an address that somebody
/// put there before us and that we want is adopted, and repaired like any other. Everything else is left
/// alone, whatever it looks like.
///
/// What is compared: the scope for IPv4 only, since the kernel derives an IPv6 address's scope from the
/// address; `dad` must be Done, since ours is installed without detection. `Address::dad` of a desired
/// address is not looked at.
///
/// Who calls what: src/daemon/kernel plans, src/kernel/io/rtnetlink executes, tests/sim executes with `apply`.
///
/// Not implemented: routes, rules; point-to-point addresses (a peer other than the address itself).
/// Not prevented: removing an IPv4 address that happens to be the primary of its subnet takes its
/// secondaries with it unless net.ipv4.conf.*.promote_secondaries is set. A VIP of a /32 is alone in its subnet.
namespace anyvip::kernel {

/// Adds it, or brings its preferred lifetime to what is asked when it is there.
struct AddAddress {
    Address address;
    friend bool operator==(const AddAddress&, const AddAddress&) = default;
};

struct RemoveAddress {
    AddressKey key;
    friend bool operator==(const RemoveAddress&, const RemoveAddress&) = default;
};

using Command = std::variant<AddAddress, RemoveAddress>;

/// The address that a command is about.
[[nodiscard]] const AddressKey& key_of(const Command& command);
using anyvip::describe;  // of a Command: a variant of ours is looked up here

[[nodiscard]] std::string describe(const AddAddress& command);
[[nodiscard]] std::string describe(const RemoveAddress& command);

/// In the order of execution: removals that make room for an address of other attributes stand right before
/// its AddAddress; additions come before the removal of what is no longer wanted.
[[nodiscard]] std::vector<Command> plan(const AddressTable& desired, const AddressTable& observed,
                                        const std::set<AddressKey>& owned);

/// What the kernel makes of a command; the same table where applies() is false.
[[nodiscard]] AddressTable apply(AddressTable table, const Command& command);

/// False where the kernel refuses (EADDRNOTAVAIL: nothing to remove) or keeps what is there (the address exists
/// with another scope or failed detection, which an addition does not mend).
[[nodiscard]] bool applies(const AddressTable& table, const Command& command);

}  // namespace anyvip::kernel
