#pragma once

#include <set>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/describe.hpp"
#include "anyvip/ipvs/table.hpp"

/// IPVS: from the table we want and the table that the kernel has to the commands between the two.
///
/// Pure. The kernel loop dumps, plans, executes and dumps again; on any refusal it starts over with a new dump.
///
/// Whose is a virtual server?  Ours is what is listed as owned, and what is desired: one that somebody made
/// before us under an identity that we want is adopted and edited, with its connections and counters kept.
/// Every other virtual server is left alone, and so are its real servers.
///
/// Order, over the whole table: virtual servers are created and edited, real servers added and raised, then
/// lowered, then removed, last whole virtual servers removed. So no step leaves a virtual server without a
/// positive weight if it had one before and will have one after.
///
/// Drained or failed?  Not decided here: the desired table has a drained real server with weight 0 and a failed
/// one not at all (vip::Coordinator decides).
///
/// Who calls what: src/daemon/kernel plans, src/ipvs/io/ipvs_client executes, tests/sim executes with `apply`.
///
/// Not implemented: firewall-mark services (they are somebody else's by definition), persistence engines,
/// tunnel types other than IPIP, sync daemons, time-outs.
namespace anyvip::ipvs {

/// `properties.real_servers` is empty in both: real servers have commands of their own.
struct CreateVirtualServer {
    VirtualServerId id;
    VirtualServer properties;
    friend bool operator==(const CreateVirtualServer&, const CreateVirtualServer&) = default;
};
struct EditVirtualServer {
    VirtualServerId id;
    VirtualServer properties;
    friend bool operator==(const EditVirtualServer&, const EditVirtualServer&) = default;
};
/// With its real servers.
struct RemoveVirtualServer {
    VirtualServerId id;
    friend bool operator==(const RemoveVirtualServer&, const RemoveVirtualServer&) = default;
};

struct AddRealServer {
    VirtualServerId id;
    net::Endpoint address;
    RealServer real_server;
    friend bool operator==(const AddRealServer&, const AddRealServer&) = default;
};
struct EditRealServer {
    VirtualServerId id;
    net::Endpoint address;
    RealServer real_server;
    friend bool operator==(const EditRealServer&, const EditRealServer&) = default;
};
struct RemoveRealServer {
    VirtualServerId id;
    net::Endpoint address;
    friend bool operator==(const RemoveRealServer&, const RemoveRealServer&) = default;
};

using Command = std::variant<CreateVirtualServer, EditVirtualServer, AddRealServer, EditRealServer, RemoveRealServer,
                             RemoveVirtualServer>;

/// The virtual server that a command is about.
[[nodiscard]] const VirtualServerId& key_of(const Command& command);
using anyvip::describe;  // of a Command: a variant of ours is looked up here

[[nodiscard]] std::string describe(const CreateVirtualServer& command);
[[nodiscard]] std::string describe(const EditVirtualServer& command);
[[nodiscard]] std::string describe(const RemoveVirtualServer& command);
[[nodiscard]] std::string describe(const AddRealServer& command);
[[nodiscard]] std::string describe(const EditRealServer& command);
[[nodiscard]] std::string describe(const RemoveRealServer& command);

[[nodiscard]] std::vector<Command> plan(const Table& desired, const Table& observed,
                                        const std::set<VirtualServerId>& owned);

/// What the kernel makes of a command. A command that it would refuse changes nothing.
[[nodiscard]] Table apply(Table table, const Command& command);

/// False where the kernel answers EEXIST, ESRCH or ENOENT: what is to be created is there, or the rest is not.
[[nodiscard]] bool applies(const Table& table, const Command& command);

}  // namespace anyvip::ipvs
