#pragma once

#include <expected>

#include "anyvip/ipvs/plan.hpp"
#include "anyvip/ipvs/table.hpp"
#include "ipvs/io/message.hpp"
#include "ipvs/io/netlink_socket.hpp"

/// The kernel's IPVS tables of the network namespace that the calling thread is in.
///
/// Parts: `netlink_socket` has the socket and the family, `message` is the codec, this class has the
/// conversations. All calls block and belong to the kernel loop. After any error, dump and plan again.
///
/// An Error's code is the kernel's errno; its text says what to do where that is known:
/// ENOENT from open() is a kernel without IPVS, ENOENT from creating or editing a scheduler that is not loaded.
/// Services of firewall marks are not in a dump, as are other things that ipvs::Table cannot say.
namespace anyvip::ipvs::io {

class IpvsClient {
public:
    [[nodiscard]] static std::expected<IpvsClient, kernel::Error> open();

    [[nodiscard]] std::expected<Info, kernel::Error> info();
    [[nodiscard]] std::expected<Table, kernel::Error> dump();
    [[nodiscard]] std::expected<void, kernel::Error> execute(const Command& command);

private:
    explicit IpvsClient(NetlinkSocket socket) : socket_{std::move(socket)} {}

    [[nodiscard]] std::expected<void, kernel::Error> dump_real_servers(const VirtualServerId& id,
                                                                       VirtualServer& virtual_server);

    NetlinkSocket socket_;
};

}  // namespace anyvip::ipvs::io
