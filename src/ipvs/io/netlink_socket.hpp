#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>

#include "anyvip/kernel/address_table.hpp"
#include "io/netlink.hpp"

namespace anyvip::ipvs::io {

/// A generic-netlink socket with the id of the IPVS family, which the kernel deals out when ip_vs is loaded.
class NetlinkSocket {
public:
    /// ENOENT: the kernel has no IPVS.
    [[nodiscard]] static std::expected<NetlinkSocket, kernel::Error> open();

    /// An empty request: IPVS_CMD_*, NLM_F_*.
    [[nodiscard]] anyvip::io::NetlinkMessage request(std::uint8_t command, int flags) const;
    /// Blocks; see io::exchange.
    [[nodiscard]] std::expected<void, kernel::Error> exchange(
        nl_msg& message, const std::string& what, const std::function<void(nlmsghdr&)>& on_reply = {}) const;

private:
    NetlinkSocket(anyvip::io::NetlinkSocket socket, int family) : socket_{std::move(socket)}, family_{family} {}

    anyvip::io::NetlinkSocket socket_;
    int family_;
};

}  // namespace anyvip::ipvs::io
