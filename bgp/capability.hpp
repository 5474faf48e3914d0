#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anyvip/wire/reader.hpp"
#include "anyvip/wire/writer.hpp"
#include "bgp/address_family.hpp"
#include "bgp/asn.hpp"
#include "bgp/notification.hpp"
#include "bgp/role.hpp"

/// Capabilities (RFC 5492): what each side of a session can do, said in OPEN.
///
/// A struct each, and one row each in the table of capability.cpp (code, name, encode, decode): a new capability is a
/// new row. What the table does not know is kept as `UnknownCapability`, so that it can be shown. `bgp::Open` carries
/// the list; who compares ours with the peer's is `bgp::Fsm`.
///
/// RFC 4760 (1), 2918 (2, and Cisco's 128 on receipt), 8950 (5), 8654 (6), 9234 (9), 4724 (64), 6793 (65), 7911 (69),
/// 7313 (70), 9494 (71), and the drafts that routers speak: FQDN (73), BFD strict mode (74), paths limit (76),
/// link-local next hop (77).
namespace anyvip::bgp {

struct Multiprotocol {
    AddressFamily family;
    friend bool operator==(const Multiprotocol&, const Multiprotocol&) = default;
};

struct RouteRefreshCapability {
    friend bool operator==(const RouteRefreshCapability&, const RouteRefreshCapability&) = default;
};

struct ExtendedNextHop {
    struct Entry {
        AddressFamily nlri;
        std::uint16_t next_hop_afi = 0;
        friend bool operator==(const Entry&, const Entry&) = default;
    };
    std::vector<Entry> entries;
    friend bool operator==(const ExtendedNextHop&, const ExtendedNextHop&) = default;
};

struct ExtendedMessage {
    friend bool operator==(const ExtendedMessage&, const ExtendedMessage&) = default;
};

/// What the sender is to the receiver (RFC 9234 §4.1).
struct RoleCapability {
    std::uint8_t value = 0;
    /// nullopt: a value that no registry knows.
    [[nodiscard]] std::optional<Role> role() const { return to_role(value); }
    friend bool operator==(const RoleCapability&, const RoleCapability&) = default;
};

struct GracefulRestart {
    struct Entry {
        AddressFamily family;
        bool forwarding_preserved = false;
        friend bool operator==(const Entry&, const Entry&) = default;
    };
    bool restarted = false;
    bool notification = false;  ///< the N bit of RFC 8538
    std::chrono::seconds restart_time{0};
    std::vector<Entry> families;
    friend bool operator==(const GracefulRestart&, const GracefulRestart&) = default;
};

struct FourOctetAs {
    Asn asn;
    friend bool operator==(const FourOctetAs&, const FourOctetAs&) = default;
};

/// Several paths for one prefix, told apart by an identifier (RFC 7911 §4).
struct AddPath {
    struct Entry {
        AddressFamily family;
        std::uint8_t mode = 0;  ///< 1: the sender can receive them; 2: it can send them; 3: both
        [[nodiscard]] bool receives() const { return (mode & 1U) != 0; }
        [[nodiscard]] bool sends() const { return (mode & 2U) != 0; }
        friend bool operator==(const Entry&, const Entry&) = default;
    };
    std::vector<Entry> entries;
    /// RFC 7911 §4: with any other mode the capability is treated as not understood.
    [[nodiscard]] bool understood() const;
    friend bool operator==(const AddPath&, const AddPath&) = default;
};

struct LongLivedGracefulRestart {
    struct Entry {
        AddressFamily family;
        bool forwarding_preserved = false;
        std::chrono::seconds stale_time{0};  ///< 24 bits
        friend bool operator==(const Entry&, const Entry&) = default;
    };
    std::vector<Entry> families;
    friend bool operator==(const LongLivedGracefulRestart&, const LongLivedGracefulRestart&) = default;
};

/// draft-walton-bgp-hostname-capability: names for people, as the peer sent them.
struct FullyQualifiedDomainName {
    std::string host;
    std::string domain;
    friend bool operator==(const FullyQualifiedDomainName&, const FullyQualifiedDomainName&) = default;
};

/// draft-ietf-idr-bgp-bfd-strict-mode: no session before BFD is Up.
struct BfdStrictMode {
    friend bool operator==(const BfdStrictMode&, const BfdStrictMode&) = default;
};

/// draft-abraitis-idr-addpath-paths-limit: how many paths for a prefix the sender takes.
struct PathsLimit {
    struct Entry {
        AddressFamily family;
        std::uint16_t limit = 0;
        friend bool operator==(const Entry&, const Entry&) = default;
    };
    std::vector<Entry> entries;
    friend bool operator==(const PathsLimit&, const PathsLimit&) = default;
};

/// draft-ietf-idr-linklocal-capability: a next hop may be a link-local address alone, in 16 octets.
struct LinkLocalNextHop {
    friend bool operator==(const LinkLocalNextHop&, const LinkLocalNextHop&) = default;
};

struct EnhancedRouteRefresh {
    friend bool operator==(const EnhancedRouteRefresh&, const EnhancedRouteRefresh&) = default;
};

struct UnknownCapability {
    std::uint8_t code = 0;
    std::vector<std::uint8_t> value;
    friend bool operator==(const UnknownCapability&, const UnknownCapability&) = default;
};

using Capability =
    std::variant<Multiprotocol, RouteRefreshCapability, ExtendedNextHop, ExtendedMessage, RoleCapability,
                 GracefulRestart, FourOctetAs, AddPath, EnhancedRouteRefresh, LongLivedGracefulRestart,
                 FullyQualifiedDomainName, BfdStrictMode, PathsLimit, LinkLocalNextHop, UnknownCapability>;

/// True when the list has the capability, in whatever form.
template <class T>
[[nodiscard]] bool has(const std::vector<Capability>& capabilities) {
    for (const auto& capability : capabilities) {
        if (std::holds_alternative<T>(capability)) return true;
    }
    return false;
}

/// RFC 4760 §8: a family is offered by its capability; a peer that offers none at all speaks IPv4 unicast.
[[nodiscard]] bool offers(const std::vector<Capability>& capabilities, AddressFamily family);

//  +------------------------------+
//  | Capability Code (1 octet)    |
//  +------------------------------+
//  | Capability Length (1 octet)  |
//  +------------------------------+
//  | Capability Value (variable)  |
//  +------------------------------+
void encode(const Capability& capability, wire::Writer& out);
/// Appends the capabilities of one optional parameter. A known one that is malformed is OPEN error 2/0.
[[nodiscard]] Result<std::vector<Capability>> decode_capabilities(std::span<const std::uint8_t> parameter);

[[nodiscard]] std::string describe(const Multiprotocol& capability);
[[nodiscard]] std::string describe(const RouteRefreshCapability& capability);
[[nodiscard]] std::string describe(const ExtendedNextHop& capability);
[[nodiscard]] std::string describe(const ExtendedMessage& capability);
[[nodiscard]] std::string describe(const GracefulRestart& capability);
[[nodiscard]] std::string describe(const FourOctetAs& capability);
[[nodiscard]] std::string describe(const EnhancedRouteRefresh& capability);
[[nodiscard]] std::string describe(const RoleCapability& capability);
[[nodiscard]] std::string describe(const AddPath& capability);
[[nodiscard]] std::string describe(const LongLivedGracefulRestart& capability);
/// What is unfit for display is left out, as of any words of a peer's.
[[nodiscard]] std::string describe(const FullyQualifiedDomainName& capability);
[[nodiscard]] std::string describe(const BfdStrictMode& capability);
[[nodiscard]] std::string describe(const PathsLimit& capability);
[[nodiscard]] std::string describe(const LinkLocalNextHop& capability);
[[nodiscard]] std::string describe(const UnknownCapability& capability);

}  // namespace anyvip::bgp
