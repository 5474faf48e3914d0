#include "anyvip/ipvs/plan.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/overloaded.hpp"

namespace anyvip::ipvs {
namespace {

VirtualServer without_pool(VirtualServer virtual_server) {
    virtual_server.real_servers.clear();
    return virtual_server;
}

/// The parts of a plan in the order in which they are executed.
struct Phases {
    std::vector<Command> ensure;
    std::vector<Command> raise;
    std::vector<Command> lower;
    std::vector<Command> remove;

    std::vector<Command> take() {
        std::vector<Command> commands = std::move(ensure);
        for (auto* phase : {&raise, &lower, &remove}) std::ranges::move(*phase, std::back_inserter(commands));
        return commands;
    }
};

void plan_pool(const VirtualServerId& id, const VirtualServer& wanted, const VirtualServer& present, Phases& phases) {
    for (const auto& [address, real_server] : wanted.real_servers) {
        const auto found = present.real_servers.find(address);
        if (found == present.real_servers.end()) {
            phases.raise.emplace_back(AddRealServer{id, address, real_server});
        } else if (found->second != real_server) {
            auto& phase = real_server.weight < found->second.weight ? phases.lower : phases.raise;
            phase.emplace_back(EditRealServer{id, address, real_server});
        }
    }
    for (const auto& [address, real_server] : present.real_servers) {
        if (!wanted.real_servers.contains(address)) phases.remove.emplace_back(RemoveRealServer{id, address});
    }
}

}  // namespace

std::vector<Command> plan(const Table& desired, const Table& observed, const std::set<VirtualServerId>& owned) {
    Phases phases;
    for (const auto& [id, as_configured] : desired) {
        const VirtualServer wanted = normalised(id, as_configured);
        const auto found = observed.find(id);
        if (found == observed.end()) {
            phases.ensure.emplace_back(CreateVirtualServer{id, without_pool(wanted)});
            plan_pool(id, wanted, VirtualServer{}, phases);
            continue;
        }
        const VirtualServer present = normalised(id, found->second);
        if (without_pool(wanted) != without_pool(present)) {
            phases.ensure.emplace_back(EditVirtualServer{id, without_pool(wanted)});
        }
        plan_pool(id, wanted, present, phases);
    }
    for (const auto& [id, present] : observed) {
        if (owned.contains(id) && !desired.contains(id)) phases.remove.emplace_back(RemoveVirtualServer{id});
    }
    return phases.take();
}

Table apply(Table table, const Command& command) {
    if (!applies(table, command)) return table;
    std::visit(overloaded{[&](const CreateVirtualServer& c) {
                              table.emplace(c.id, normalised(c.id, without_pool(c.properties)));
                          },
                          [&](const EditVirtualServer& c) {
                              VirtualServer edited = normalised(c.id, c.properties);
                              edited.real_servers = std::move(table[c.id].real_servers);
                              table[c.id] = std::move(edited);
                          },
                          [&](const AddRealServer& c) { table[c.id].real_servers.emplace(c.address, c.real_server); },
                          [&](const EditRealServer& c) { table[c.id].real_servers[c.address] = c.real_server; },
                          [&](const RemoveRealServer& c) { table[c.id].real_servers.erase(c.address); },
                          [&](const RemoveVirtualServer& c) { table.erase(c.id); }},
               command);
    return table;
}

bool applies(const Table& table, const Command& command) {
    const auto has_virtual_server = [&](const VirtualServerId& id) { return table.contains(id); };
    const auto has_real_server = [&](const auto& c) {
        const auto found = table.find(c.id);
        return found != table.end() && found->second.real_servers.contains(c.address);
    };
    return std::visit(
        overloaded{[&](const CreateVirtualServer& c) { return !has_virtual_server(c.id); },
                   [&](const EditVirtualServer& c) { return has_virtual_server(c.id); },
                   [&](const AddRealServer& c) { return has_virtual_server(c.id) && !has_real_server(c); },
                   [&](const EditRealServer& c) { return has_real_server(c); },
                   [&](const RemoveRealServer& c) { return has_real_server(c); },
                   [&](const RemoveVirtualServer& c) { return has_virtual_server(c.id); }},
        command);
}

std::string describe(const CreateVirtualServer& command) {
    return "CreateVirtualServer " + describe(command.id) + " " + describe(command.properties);
}
std::string describe(const EditVirtualServer& command) {
    return "EditVirtualServer " + describe(command.id) + " " + describe(command.properties);
}
std::string describe(const RemoveVirtualServer& command) {
    return "RemoveVirtualServer " + describe(command.id);
}
std::string describe(const AddRealServer& command) {
    return "AddRealServer " + command.address.to_string() + " " + describe(command.real_server) + " to " +
           describe(command.id);
}
std::string describe(const EditRealServer& command) {
    return "EditRealServer " + command.address.to_string() + " " + describe(command.real_server) + " of " +
           describe(command.id);
}
std::string describe(const RemoveRealServer& command) {
    return "RemoveRealServer " + command.address.to_string() + " of " + describe(command.id);
}

const VirtualServerId& key_of(const Command& command) {
    return std::visit([](const auto& c) -> const VirtualServerId& { return c.id; }, command);
}

}  // namespace anyvip::ipvs
