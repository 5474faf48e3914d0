#include "bgp/role.hpp"

namespace anyvip::bgp {

std::optional<Role> to_role(std::uint8_t value) {
    if (value > static_cast<std::uint8_t>(Role::Peer)) return std::nullopt;
    return static_cast<Role>(value);
}

Role counterpart(Role ours) {
    switch (ours) {
        case Role::Provider: return Role::Customer;
        case Role::RouteServer: return Role::RouteServerClient;
        case Role::RouteServerClient: return Role::RouteServer;
        case Role::Customer: return Role::Provider;
        case Role::Peer: return Role::Peer;
    }
    return ours;
}

bool is_leak(Role ours, Asn neighbour, std::optional<Asn> otc) {
    if (!otc) return false;
    switch (ours) {
        case Role::Provider:
        case Role::RouteServer: return true;  // From a customer or an RS-client, who had it from above.
        case Role::Peer: return *otc != neighbour;
        case Role::Customer:
        case Role::RouteServerClient: return false;
    }
    return false;
}

std::optional<Asn> otc_received(Role ours, Asn neighbour, std::optional<Asn> otc) {
    if (otc) return otc;
    switch (ours) {
        case Role::Customer:
        case Role::RouteServerClient:
        case Role::Peer: return neighbour;
        case Role::Provider:
        case Role::RouteServer: return std::nullopt;
    }
    return std::nullopt;
}

std::optional<Asn> otc_to_send(Role ours, Asn own) {
    switch (ours) {
        case Role::Provider:
        case Role::RouteServer:
        case Role::Peer: return own;
        case Role::Customer:
        case Role::RouteServerClient: return std::nullopt;
    }
    return std::nullopt;
}

std::string_view describe(Role role) {
    switch (role) {
        case Role::Provider: return "provider";
        case Role::RouteServer: return "rs";
        case Role::RouteServerClient: return "rs-client";
        case Role::Customer: return "customer";
        case Role::Peer: return "peer";
    }
    return "?";
}

}  // namespace anyvip::bgp
