#include "ipvs/io/ipvs_client.hpp"

#include <linux/ip_vs.h>
#include <netlink/genl/genl.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "anyvip/overloaded.hpp"

namespace anyvip::ipvs::io {
namespace {

using anyvip::io::kernel_error;
using anyvip::io::NetlinkMessage;

std::span<const std::uint8_t> attributes_of(nlmsghdr& reply) {
    if (genlmsg_valid_hdr(&reply, 0) == 0) return {};
    const auto* header = static_cast<genlmsghdr*>(nlmsg_data(&reply));
    const void* first = genlmsg_attrdata(header, 0);
    return {static_cast<const std::uint8_t*>(first), static_cast<std::size_t>(genlmsg_attrlen(header, 0))};
}

std::uint8_t command_number(const Command& command) {
    return std::visit(overloaded{[](const CreateVirtualServer&) { return IPVS_CMD_NEW_SERVICE; },
                                 [](const EditVirtualServer&) { return IPVS_CMD_SET_SERVICE; },
                                 [](const RemoveVirtualServer&) { return IPVS_CMD_DEL_SERVICE; },
                                 [](const AddRealServer&) { return IPVS_CMD_NEW_DEST; },
                                 [](const EditRealServer&) { return IPVS_CMD_SET_DEST; },
                                 [](const RemoveRealServer&) { return IPVS_CMD_DEL_DEST; }},
                      command);
}

bool put(nl_msg& message, const CreateVirtualServer& c) {
    return put_service(message, c.id, c.properties);
}
bool put(nl_msg& message, const EditVirtualServer& c) {
    return put_service(message, c.id, c.properties);
}
bool put(nl_msg& message, const RemoveVirtualServer& c) {
    return put_service(message, c.id);
}
bool put(nl_msg& message, const AddRealServer& c) {
    return put_service(message, c.id) && put_destination(message, c.address, c.real_server);
}
bool put(nl_msg& message, const EditRealServer& c) {
    return put_service(message, c.id) && put_destination(message, c.address, c.real_server);
}
bool put(nl_msg& message, const RemoveRealServer& c) {
    return put_service(message, c.id) && put_destination(message, c.address);
}

/// The kernel says ENOENT here for nothing but a scheduler that it could not find or load.
kernel::Error explain(kernel::Error error, const VirtualServer& properties) {
    if (error.code != ENOENT) return error;
    const std::string& name = properties.scheduler.value();
    return {ENOENT, "scheduler " + name + " is not available: modprobe ip_vs_" + name};
}

kernel::Error explain(kernel::Error error, const Command& command) {
    return std::visit(overloaded{[&](const CreateVirtualServer& c) { return explain(std::move(error), c.properties); },
                                 [&](const EditVirtualServer& c) { return explain(std::move(error), c.properties); },
                                 [&](const auto& /*other*/) { return std::move(error); }},
                      command);
}

}  // namespace

std::expected<IpvsClient, kernel::Error> IpvsClient::open() {
    auto socket = NetlinkSocket::open();
    if (!socket) return std::unexpected{socket.error()};
    return IpvsClient{std::move(*socket)};
}

std::expected<Info, kernel::Error> IpvsClient::info() {
    const std::string what = "ask for the version of IPVS";
    const auto request = socket_.request(IPVS_CMD_GET_INFO, 0);
    if (!request) return std::unexpected{kernel_error(ENOMEM, what)};
    std::expected<Info, DecodeErrc> info = std::unexpected{DecodeErrc::Malformed};
    const auto done =
        socket_.exchange(*request, what, [&](nlmsghdr& reply) { info = decode_info(attributes_of(reply)); });
    if (!done) return std::unexpected{done.error()};
    if (!info) return std::unexpected{kernel_error(EBADMSG, what)};
    return *info;
}

std::expected<Table, kernel::Error> IpvsClient::dump() {
    const std::string what = "dump virtual servers";
    const auto request = socket_.request(IPVS_CMD_GET_SERVICE, NLM_F_DUMP);
    if (!request) return std::unexpected{kernel_error(ENOMEM, what)};
    Table table;
    bool malformed = false;
    const auto done = socket_.exchange(*request, what, [&](nlmsghdr& reply) {
        auto service = decode_service(attributes_of(reply));
        if (service) table.insert_or_assign(service->first, std::move(service->second));
        malformed = malformed || (!service && service.error() == DecodeErrc::Malformed);
    });
    if (!done) return std::unexpected{done.error()};
    // A table with a hole would make us create what is there.
    if (malformed) return std::unexpected{kernel_error(EBADMSG, what)};
    for (auto& [id, virtual_server] : table) {
        if (auto filled = dump_real_servers(id, virtual_server); !filled) return std::unexpected{filled.error()};
    }
    return table;
}

std::expected<void, kernel::Error> IpvsClient::dump_real_servers(const VirtualServerId& id,
                                                                 VirtualServer& virtual_server) {
    const std::string what = "dump real servers of " + describe(id);
    const auto request = socket_.request(IPVS_CMD_GET_DEST, NLM_F_DUMP);
    if (!request || !put_service(*request, id)) return std::unexpected{kernel_error(ENOMEM, what)};
    bool malformed = false;
    auto done = socket_.exchange(*request, what, [&](nlmsghdr& reply) {
        const auto destination = decode_destination(attributes_of(reply), id.address.address.family());
        if (destination) virtual_server.real_servers.insert_or_assign(destination->first, destination->second);
        malformed = malformed || (!destination && destination.error() == DecodeErrc::Malformed);
    });
    if (!done) return done;
    if (malformed) return std::unexpected{kernel_error(EBADMSG, what)};
    return {};
}

std::expected<void, kernel::Error> IpvsClient::execute(const Command& command) {
    const std::string what = describe(command);
    const auto request = socket_.request(command_number(command), 0);
    const bool complete = request && std::visit([&](const auto& c) { return put(*request, c); }, command);
    if (!complete) return std::unexpected{kernel_error(ENOMEM, what)};
    const auto done = socket_.exchange(*request, what);
    if (!done) return std::unexpected{explain(done.error(), command)};
    return {};
}

}  // namespace anyvip::ipvs::io
