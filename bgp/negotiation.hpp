#pragma once

#include <chrono>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "anyvip/net/address.hpp"
#include "bgp/address_family.hpp"
#include "bgp/asn.hpp"
#include "bgp/capability.hpp"
#include "bgp/message.hpp"
#include "bgp/notification.hpp"
#include "bgp/path_attribute.hpp"
#include "bgp/peer_config.hpp"
#include "bgp/role.hpp"

/// What two OPENs agree on (RFC 4271 §4.2, §6.2; RFC 5492).
///
/// our_open() says what the operator wants, negotiate() compares it with what the peer says, concede() says what to
/// leave out of the next OPEN when the peer refused this one. Functions of their arguments; `Fsm` calls them, and
/// whoever reads or writes UPDATEs asks for the context of the session that came of it.
///
/// Standards: RFC 4760, 2918, 5492, 6286 (BGP Identifier), 6793, 7313, 7607 (AS 0), 7911, 8654, 8950, 9234 (roles).
/// A role that does not fit the peer's is always refused (§4.2: MUST); one that the peer does not say, in strict mode.
/// RFC 4724, 8538 and 9494: where the operator asks for graceful restart. draft-ietf-idr-bgp-bfd-strict-mode.
namespace anyvip::bgp {

/// What our OPEN says of ourselves (RFC 4724 §3): of this run of the program, not of the operator.
struct OwnRestart {
    bool restarted = false;  ///< R: there was a run before this one, and the peer has not had our End-of-RIB since
    Families preserved{};    ///< F: what it may have kept of us is still forwarded
    friend bool operator==(const OwnRestart&, const OwnRestart&) = default;
};

/// What the peer has said of its own restarts, where we have said something of ours.
struct PeerRestart {
    std::chrono::seconds restart_time{0};  ///< for which its routes are kept while it is away
    bool restarted = false;                ///< R
    bool notification = false;  ///< both have said N: also after a NOTIFICATION that is no Hard Reset (RFC 8538)
    Families families{};        ///< that the session carries
    Families preserved{};       ///< with F
    struct LongLived {
        bool preserved = false;
        std::chrono::seconds stale_time{0};
        friend bool operator==(const LongLived&, const LongLived&) = default;
    };
    std::map<net::Family, LongLived> long_lived{};  ///< RFC 9494, if both have said so
    friend bool operator==(const PeerRestart&, const PeerRestart&) = default;
};

/// What both OPENs together say about a session.
struct Negotiated {
    std::chrono::seconds hold_time{0};  ///< 0: neither HoldTimer nor KEEPALIVEs
    Asn peer_as;
    net::Ipv4Address peer_id;
    bool external = true;       ///< eBGP
    bool four_octet_as = true;  ///< RFC 6793: both ends are NEW speakers
    bool route_refresh = false;
    bool ipv4 = false;
    bool ipv6 = false;
    bool enhanced_route_refresh = false;  ///< RFC 7313: an answer to a refresh stands between BoRR and EoRR
    bool extended_message = false;        ///< RFC 8654: messages up to 65535 octets, both ways
    bool extended_next_hop = false;       ///< RFC 8950: the peer takes IPv4 routes with an IPv6 next hop
    bool link_local_next_hop = false;     ///< the peer takes a link-local next hop in 16 octets
    bool bfd_strict = false;              ///< neither end begins the session before BFD is Up
    Families add_path_send{};             ///< RFC 7911: our NLRI have path identifiers
    Families add_path_receive{};          ///< the peer's have
    std::optional<Role> role;             ///< ours, where its rules apply (RFC 9234 §4.2: said by the peer or not)
    std::optional<PeerRestart> graceful_restart{};
    friend bool operator==(const Negotiated&, const Negotiated&) = default;

    [[nodiscard]] bool carries(net::Family family) const { return family == net::Family::Ipv4 ? ipv4 : ipv6; }
    /// For what is sent in the session, and for what is received in it.
    [[nodiscard]] EncodeContext encode_context() const;
    [[nodiscard]] DecodeContext decode_context() const;
};

/// What an OPEN goes without, since the peer has refused it with that.
struct Concessions {
    bool no_parameters = false;  ///< as before RFC 5492: IPv4 unicast, numbers of two octets
    std::vector<Capability> without{};
    friend bool operator==(const Concessions&, const Concessions&) = default;
};

/// Our OPEN. Four-octet AS, the families offered, both kinds of route refresh and extended messages are always among
/// its capabilities.
[[nodiscard]] Open our_open(const PeerConfig& config, const Concessions& concessions = {}, const OwnRestart& own = {});

/// §6.2: what a session would be by these OPENs, or the NOTIFICATION that refuses the peer's.
[[nodiscard]] std::expected<Negotiated, Notification> negotiate(const PeerConfig& config, const Open& open,
                                                                const Concessions& concessions = {});

/// The peer refused an OPEN that already went without `so_far`. RFC 5492 §3: after Unsupported Optional Parameter once
/// without any; after Unsupported Capability, if the operator wants it (capability_fallback), without those that the
/// peer names, or without all but families and four-octet AS when it names none. nullopt: the refusal is no such one,
/// or nothing is left to leave out: the next OPEN has everything again.
[[nodiscard]] std::optional<Concessions> concede(const PeerConfig& config, const Concessions& so_far,
                                                 const Notification& refusal);

/// "as=65000 id=10.0.0.1 hold_time=9s external ipv4 route-refresh"; what is not agreed on is not said.
[[nodiscard]] std::string describe(const Negotiated& negotiated);

}  // namespace anyvip::bgp
