#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <variant>

#include "anyvip/describe.hpp"
#include "anyvip/kernel/address_table.hpp"
#include "anyvip/net/interface.hpp"
#include "anyvip/net/mac_address.hpp"

/// Interfaces as observed values, and what the kernel tells about links and addresses as it happens.
/// We never change a link: there is no desired link and no command.
namespace anyvip::kernel {

/// RTM_GETLINK. Three answers, because they fail apart: an operator sets `admin_up`, the cable is `lower_up`,
/// and `running` (RFC 2863 operational state) also waits for 802.1X, LACP and the like.
struct Link {
    net::InterfaceName name;
    net::InterfaceIndex index;
    bool admin_up = false;  ///< IFF_UP
    bool running = false;   ///< IFF_RUNNING
    bool lower_up = false;  ///< IFF_LOWER_UP
    net::MacAddress mac{};  ///< zeros where the link has none of six octets, such as lo or a tunnel
    std::uint32_t mtu = 0;

    /// Packets can leave.
    [[nodiscard]] bool is_up() const { return admin_up && running && lower_up; }

    friend auto operator<=>(const Link&, const Link&) = default;
};

using LinkTable = std::map<net::InterfaceName, Link>;

/// A link is new or differs in some way; the whole new state.
struct LinkChanged {
    Link link;
    friend bool operator==(const LinkChanged&, const LinkChanged&) = default;
};
struct LinkRemoved {
    net::InterfaceName name;
    net::InterfaceIndex index;
    friend bool operator==(const LinkRemoved&, const LinkRemoved&) = default;
};
/// An address is new or its attributes changed.
struct AddressChanged {
    Address address;
    friend bool operator==(const AddressChanged&, const AddressChanged&) = default;
};
struct AddressRemoved {
    AddressKey key;
    friend bool operator==(const AddressRemoved&, const AddressRemoved&) = default;
};
/// Notifications were lost (ENOBUFS) or not understood: what was learnt from them is stale; dump again.
struct ResyncNeeded {
    friend bool operator==(const ResyncNeeded&, const ResyncNeeded&) = default;
};

using Notification = std::variant<LinkChanged, LinkRemoved, AddressChanged, AddressRemoved, ResyncNeeded>;
using anyvip::describe;  // of a Notification

[[nodiscard]] std::string describe(const Link& link);
[[nodiscard]] std::string describe(const LinkChanged& notification);
[[nodiscard]] std::string describe(const LinkRemoved& notification);
[[nodiscard]] std::string describe(const AddressChanged& notification);
[[nodiscard]] std::string describe(const AddressRemoved& notification);
[[nodiscard]] std::string describe(const ResyncNeeded& notification);

}  // namespace anyvip::kernel
