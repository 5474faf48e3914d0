#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "anyvip/kernel/link_table.hpp"
#include "anyvip/kernel/plan.hpp"
#include "io/netlink.hpp"

/// rtnetlink: addresses and links of the network namespace that the calling thread is in.
///
/// `Rtnetlink` asks and commands, and blocks while somebody else holds the kernel's lock: it belongs to the
/// kernel loop. `Monitor` only listens; its descriptor is watched by Asio, and what it says is a hint: the
/// reconciler still dumps. Received attributes go through one policy table a message type (rtnetlink.cpp).
///
/// How an address of ours is added (product rules 1, 11): IPv4 with the scope that is asked (host, on lo);
/// IPv6 with IFA_F_NODAD, so that it can be used at once and never fails detection, and with preferred
/// lifetime 0 when it is to be deprecated, so that the kernel does not pick it as a source.
///
/// Not implemented: routes, rules, changes of links, other namespaces than the caller's.
namespace anyvip::kernel::io {

using InterfaceNames = std::map<net::InterfaceIndex, net::InterfaceName>;

class Rtnetlink {
public:
    [[nodiscard]] static std::expected<Rtnetlink, Error> open();

    [[nodiscard]] std::expected<LinkTable, Error> links();
    [[nodiscard]] std::expected<AddressTable, Error> addresses();
    /// EEXIST, EADDRNOTAVAIL and ENODEV (no such interface) mean that the plan was older than the kernel.
    [[nodiscard]] std::expected<void, Error> execute(const Command& command);

private:
    explicit Rtnetlink(anyvip::io::NetlinkSocket socket) : socket_{std::move(socket)} {}

    anyvip::io::NetlinkSocket socket_;
};

class Monitor {
public:
    /// Listens from here on; what was before is in a dump made after this call.
    [[nodiscard]] static std::expected<Monitor, Error> open();

    /// Readable when read() has something to say. Owned by this object.
    [[nodiscard]] int native_handle() const;
    /// All that waits, in the kernel's order; empty when nothing does. Never blocks.
    [[nodiscard]] std::vector<Notification> read();
    /// Kernel memory for notifications not yet read; small ones make overruns, for tests.
    [[nodiscard]] std::expected<void, Error> set_receive_buffer(int octets);

private:
    explicit Monitor(anyvip::io::NetlinkSocket socket) : socket_{std::move(socket)} {}

    void translate(nlmsghdr& message, std::vector<Notification>& notifications);

    anyvip::io::NetlinkSocket socket_;
    InterfaceNames names_;  ///< notifications of addresses carry the index alone
};

/// nullopt: not a message of that type, or one that breaks the policy.
[[nodiscard]] std::optional<Link> decode_link(nlmsghdr& message);
/// Also nullopt for an address on an interface that is not in `names`.
[[nodiscard]] std::optional<Address> decode_address(nlmsghdr& message, const InterfaceNames& names);

}  // namespace anyvip::kernel::io
