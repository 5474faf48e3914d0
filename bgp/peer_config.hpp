#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/names.hpp"
#include "anyvip/net/address.hpp"
#include "anyvip/time.hpp"
#include "bgp/asn.hpp"
#include "bgp/import.hpp"
#include "bgp/path_attribute.hpp"
#include "bgp/role.hpp"

namespace anyvip::bgp {

/// Any AS but our own, and our own: for peers whose number the operator need not know.
struct ExternalAs {
    friend bool operator==(const ExternalAs&, const ExternalAs&) = default;
};
struct InternalAs {
    friend bool operator==(const InternalAs&, const InternalAs&) = default;
};
using PeerAs = std::variant<Asn, ExternalAs, InternalAs>;

/// Several paths for one prefix, of every family offered (RFC 7911).
struct AddPathWish {
    bool send = false;
    bool receive = false;
    friend bool operator==(const AddPathWish&, const AddPathWish&) = default;
};

/// A key of TCP-MD5 (RFC 2385) or TCP-AO. Without describe() and operator<<, so that it cannot get into a log by
/// accident.
class Password {
public:
    Password() = default;
    explicit Password(std::string text) : text_{std::move(text)} {}
    /// For the one call that hands it to the kernel.
    [[nodiscard]] const std::string& reveal() const { return text_; }
    [[nodiscard]] bool empty() const { return text_.empty(); }
    friend bool operator==(const Password&, const Password&) = default;

private:
    std::string text_;
};

/// RFC 5926: what every implementation of TCP-AO has.
enum class TcpAoAlgorithm : std::uint8_t { HmacSha1, Aes128Cmac };

/// A master key tuple of TCP-AO (RFC 5925 §3.1), less the connections that it is for.
struct TcpAoKey {
    std::uint8_t send_id = 0;     ///< KeyID of what we send
    std::uint8_t receive_id = 0;  ///< of what the peer sends
    TcpAoAlgorithm algorithm = TcpAoAlgorithm::HmacSha1;
    Password key;
    friend bool operator==(const TcpAoKey&, const TcpAoKey&) = default;
};

/// Graceful restart, in what our OPEN says of it (RFC 4724, 8538, 9494).
struct RestartOffer {
    std::chrono::seconds restart_time{30};          ///< 1..4095: the peer waits for us so long
    std::chrono::seconds long_lived_stale_time{0};  ///< and then keeps our routes as its last choice; 0: not at all
    friend bool operator==(const RestartOffer&, const RestartOffer&) = default;
};

/// What the operator says about one peer, and what of our own the peer sees. A value: Peer keeps a copy,
/// ConfigChanged brings another, io/ reads the transport's part of it.
struct PeerConfig {
    PeerName name;  ///< routes may name it
    Asn local_as;
    net::Ipv4Address router_id;  ///< BGP Identifier: 32 bits, not zero (RFC 6286)

    net::IpAddress address;            ///< with a range: of its family, and no more
    bool unnumbered = false;           ///< the address is that of whoever is heard on `device`; ::, until somebody is
    std::optional<net::Prefix> range;  ///< stands for whoever connects from there: peer_range.hpp
    std::uint16_t limit = 0;           ///< of a range: how many at a time
    std::uint16_t port = 179;
    PeerAs peer_as = ExternalAs{};
    std::optional<net::IpAddress> source;      ///< of our connections
    std::string device;                        ///< interface or VRF whose routes count (SO_BINDTODEVICE); empty: none
    bool passive = false;                      ///< never connects, only listens
    std::optional<std::uint8_t> ttl_security;  ///< GTSM (RFC 5082): hops; a TTL below 256 - hops is refused
    std::uint8_t multihop = 1;                 ///< outgoing TTL without ttl_security
    Password password;                         ///< empty: no TCP-MD5
    std::vector<TcpAoKey> tcp_ao;              ///< empty: no TCP-AO; never beside a password

    std::chrono::seconds hold_time{9};  ///< 0 or 3..65535; the smaller of both ends' counts
    Duration connect_retry = std::chrono::seconds{5};
    Duration idle_hold = std::chrono::seconds{1};  ///< the first back-off after an error; it doubles up to
                                                   ///< max_idle_hold
    Duration delay_open{0};                        ///< DelayOpenTime (RFC 4271 §8.1.1): how long to wait for the
                                                   ///< peer's OPEN before sending ours; 0: not at all
    bool ipv4 = true;                              ///< families offered; the session carries those that both offer
    bool ipv6 = true;
    std::optional<net::Ipv4Address> next_hop;   ///< of IPv4 routes; nullopt: our end of an IPv4 session
    std::optional<net::Ipv6Address> next_hop6;  ///< of IPv6 routes; nullopt: our end of an IPv6 session

    bool extended_next_hop = false;                ///< offer IPv4 routes with IPv6 next hops (RFC 8950)
    std::optional<LinkLocalForm> link_local_form;  ///< nullopt: Alone where both ends have said so, else Twice
    AddPathWish add_path;
    std::optional<Role> role;                        ///< what we are to the peer (RFC 9234); external peers only
    bool strict_role = false;                        ///< no session with a peer that does not say its role
    bool capability_fallback = false;                ///< retry without capabilities that the peer refuses (RFC 5492 §3)
    std::optional<RestartOffer> graceful_restart{};  ///< nullopt: routes live as long as their session, at both ends
    /// Offer to wait for BFD with the session (draft-ietf-idr-bgp-bfd-strict-mode); it waits where both ends offer it.
    bool bfd_strict = false;
    Duration bfd_hold_time = std::chrono::seconds{30};  ///< BfdHoldTime: for so long, where there is no hold time
    Import import{};                                    ///< what of the peer's routes is accepted

    friend bool operator==(const PeerConfig&, const PeerConfig&) = default;

    [[nodiscard]] bool offers(net::Family family) const { return family == net::Family::Ipv4 ? ipv4 : ipv6; }
};

inline constexpr Duration max_idle_hold = std::chrono::seconds{120};

/// True when a session cannot go on with the other values, since they were agreed on in its OPEN or belong
/// to its TCP connection. Timers and hold time count from the next OPEN; next hops at once. BFD strict mode is of no
/// interest to a session any more, and what was to become one is another matter: changes_strict_mode().
[[nodiscard]] bool needs_reset(const PeerConfig& from, const PeerConfig& to);

[[nodiscard]] inline bool changes_strict_mode(const PeerConfig& from, const PeerConfig& to) {
    return from.bfd_strict != to.bfd_strict;
}

}  // namespace anyvip::bgp
