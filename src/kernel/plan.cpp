#include "anyvip/kernel/plan.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/overloaded.hpp"

namespace anyvip::kernel {
namespace {

AddressTable::const_iterator find(const AddressTable& table, const AddressKey& key) {
    // The key comes first in the order, and the rest of this one is the least that there is.
    const auto place = table.lower_bound(Address{.key = key});
    return place != table.end() && place->key == key ? place : table.end();
}

/// The kernel has no request that changes these in place.
bool must_be_made_anew(const Address& wanted, const Address& present) {
    return present.dad != DadState::Done || (wanted.key.prefix.address().is_v4() && wanted.scope != present.scope);
}

}  // namespace

std::vector<Command> plan(const AddressTable& desired, const AddressTable& observed,
                          const std::set<AddressKey>& owned) {
    std::vector<Command> commands;
    for (Address wanted : desired) {
        wanted.dad = DadState::Done;
        const auto present = find(observed, wanted.key);
        if (present == observed.end()) {
            commands.emplace_back(AddAddress{wanted});
        } else if (must_be_made_anew(wanted, *present)) {
            commands.emplace_back(RemoveAddress{wanted.key});
            commands.emplace_back(AddAddress{wanted});
        } else if (wanted.deprecated != present->deprecated) {
            commands.emplace_back(AddAddress{wanted});
        }
    }
    if (owned.empty()) return commands;
    for (const Address& present : observed) {
        const bool ours = owned.contains(present.key);
        if (ours && find(desired, present.key) == desired.end()) commands.emplace_back(RemoveAddress{present.key});
    }
    return commands;
}

AddressTable apply(AddressTable table, const Command& command) {
    if (!applies(table, command)) return table;
    std::visit(overloaded{[&](const AddAddress& add) {
                              std::erase_if(table, [&](const Address& a) { return a.key == add.address.key; });
                              table.insert(add.address);
                          },
                          [&](const RemoveAddress& remove) {
                              std::erase_if(table, [&](const Address& a) { return a.key == remove.key; });
                          }},
               command);
    return table;
}

bool applies(const AddressTable& table, const Command& command) {
    return std::visit(overloaded{[&](const AddAddress& add) {
                                     const auto present = find(table, add.address.key);
                                     return present == table.end() || !must_be_made_anew(add.address, *present);
                                 },
                                 [&](const RemoveAddress& remove) { return find(table, remove.key) != table.end(); }},
                      command);
}

std::string describe(const AddAddress& command) {
    return "AddAddress " + describe(command.address);
}

std::string describe(const RemoveAddress& command) {
    return "RemoveAddress " + describe(command.key);
}

const AddressKey& key_of(const Command& command) {
    return std::visit(overloaded{[](const AddAddress& add) -> const AddressKey& { return add.address.key; },
                                 [](const RemoveAddress& remove) -> const AddressKey& { return remove.key; }},
                      command);
}

}  // namespace anyvip::kernel
