#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "anyvip/describe.hpp"
#include "bgp/asn.hpp"

/// BGP roles (RFC 9234): what two neighbours are to each other, and how ONLY_TO_CUSTOMER (OTC) keeps routes from
/// leaking up again. The rules of the RFC as functions of nothing but their arguments; `capability` carries the role,
/// `path_attribute` the OTC, and `fsm` refuses what does not fit together.
///
/// RFC 9234 §4, §5. We never hand on what we received, so of §5's rules for sending only the first can apply.
namespace anyvip::bgp {

using anyvip::describe;

/// What the one who says it is; values of the registry.
enum class Role : std::uint8_t { Provider = 0, RouteServer = 1, RouteServerClient = 2, Customer = 3, Peer = 4 };

[[nodiscard]] std::optional<Role> to_role(std::uint8_t value);

/// §4.2, table 2: what our neighbour must be.
[[nodiscard]] Role counterpart(Role ours);

/// §5, on receipt: a route that went down or sideways once, and comes back up to us. `otc` as received.
[[nodiscard]] bool is_leak(Role ours, Asn neighbour, std::optional<Asn> otc);
/// §5, on receipt: the OTC of a route that is no leak, with the neighbour's number where it is to be added.
[[nodiscard]] std::optional<Asn> otc_received(Role ours, Asn neighbour, std::optional<Asn> otc);
/// §5, on sending: our number, for routes that must not go up from there.
[[nodiscard]] std::optional<Asn> otc_to_send(Role ours, Asn own);

/// "provider", "rs", "rs-client", "customer", "peer".
[[nodiscard]] std::string_view describe(Role role);

}  // namespace anyvip::bgp
