#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/net/community.hpp"
#include "anyvip/wire/reader.hpp"
#include "anyvip/wire/writer.hpp"
#include "bgp/address_family.hpp"
#include "bgp/asn.hpp"
#include "bgp/notification.hpp"

/// Path attributes (RFC 4271 §4.3, §5): what is said about routes.
///
/// `PathAttributes` is the value: what we originate, what routes are grouped by, and what a received UPDATE said.
/// The wire form lives in one table in path_attribute.cpp, a row per attribute (type, name, flags, encode, decode,
/// describe): a new attribute is a field here and a row there. MP_REACH_NLRI and MP_UNREACH_NLRI are rows too, but
/// carry prefixes and so belong to `Update` (message.hpp).
///
/// What is wrong with a received attribute is an `AttributeError`, whose action is RFC 7606 as a type: `Discard` the
/// attribute, `TreatAsWithdraw` the routes, or `SessionReset` with the NOTIFICATION.
///
/// RFC 1997, 4271, 4360, 4456, 4760, 2545, 5668, 6793, 7606, 7607, 7911 (path identifiers), 8092, 8950, 9234 (OTC),
/// 9774. Confederations (RFC 5065) we are in none of, so that such a path is treated as withdrawn. Unknown optional
/// attributes, AIGP among them, are passed over: we propagate nothing.
namespace anyvip::bgp {

enum class Origin : std::uint8_t { Igp = 0, Egp = 1, Incomplete = 2 };

struct AsPathSegment {
    enum class Type : std::uint8_t { Set = 1, Sequence = 2, ConfedSequence = 3, ConfedSet = 4 };
    Type type = Type::Sequence;
    std::vector<Asn> asns;  ///< nearest first; 1 to 255
    friend auto operator<=>(const AsPathSegment&, const AsPathSegment&) = default;
};

struct AsPath {
    std::vector<AsPathSegment> segments;

    /// One AS_SEQUENCE; empty for none.
    [[nodiscard]] static AsPath sequence(std::initializer_list<Asn> asns);
    void prepend(Asn asn, std::size_t times = 1);
    /// As route selection counts: a set is one (RFC 4271 §9.1.2.2), confederation segments are none (RFC 5065 §5.3).
    [[nodiscard]] std::size_t length() const;
    [[nodiscard]] bool contains(Asn asn) const;
    /// The neighbour that sent it, when the path starts with a sequence.
    [[nodiscard]] std::optional<Asn> first() const;

    friend auto operator<=>(const AsPath&, const AsPath&) = default;
};

// Of the vocabulary: the configuration has them too.
using net::blackhole_community;
using net::Community;
using net::ExtendedCommunity;
using net::graceful_shutdown_community;
using net::LargeCommunity;
using net::llgr_stale_community;
using net::no_advertise_community;
using net::no_export_community;
using net::no_llgr_community;

struct Aggregator {
    Asn asn;
    net::Ipv4Address address;
    friend auto operator<=>(const Aggregator&, const Aggregator&) = default;
};

/// All of a route but its prefix. Equal values may share an UPDATE.
struct PathAttributes {
    Origin origin = Origin::Igp;
    AsPath as_path;
    /// NEXT_HOP, or the one in MP_REACH_NLRI for routes that are announced there: the global address, or the
    /// link-local one where there is no other.
    net::IpAddress next_hop;
    std::optional<std::uint32_t> med;
    /// Never sent to and never taken from an external peer; 100 to an internal one when absent (RFC 4271 §5.1.5).
    std::optional<std::uint32_t> local_pref;
    bool atomic_aggregate = false;
    std::optional<Aggregator> aggregator;
    std::set<Community> communities;  ///< sets: sorted, and each said once
    std::set<LargeCommunity> large_communities;
    std::set<ExtendedCommunity> extended_communities;
    std::optional<net::Ipv4Address> originator_id;
    std::vector<net::Ipv4Address> cluster_list;
    std::optional<Asn> only_to_customer;  ///< OTC (role.hpp)

    friend auto operator<=>(const PathAttributes&, const PathAttributes&) = default;
};

inline constexpr std::uint32_t default_local_pref = 100;

/// What an UPDATE announces or withdraws: a prefix, and which path to it where the session has ADD-PATH for its
/// family (RFC 7911 §3). A prefix is one whose identifier is 0, which is also what goes unsaid.
struct Nlri {
    net::Prefix prefix;
    std::uint32_t path_id = 0;

    Nlri() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): without ADD-PATH a prefix is all that there is to say.
    Nlri(const net::Prefix& which, std::uint32_t path = 0) : prefix{which}, path_id{path} {}
    friend auto operator<=>(const Nlri&, const Nlri&) = default;
};

/// How a link-local address is written where there is no global one beside it: RFC 2545 has no form for it. Read are
/// all three.
enum class LinkLocalForm : std::uint8_t {
    Alone,             ///< 16 octets, as draft-ietf-idr-linklocal-capability has it; and Junos
    Twice,             ///< 32 octets, which older FRR and Cumulus send and expect
    AfterUnspecified,  ///< 32 octets, behind ::
};

struct MpReach {
    AddressFamily family = ipv6_unicast;
    net::IpAddress next_hop;
    std::optional<net::Ipv6Address> link_local;  ///< the second address of a 32-octet next hop (RFC 2545 §3)
    std::vector<Nlri> nlri;
    /// The address to send packets to, of whatever form.
    [[nodiscard]] net::IpAddress effective_next_hop() const;
    friend bool operator==(const MpReach&, const MpReach&) = default;
};

struct MpUnreach {
    AddressFamily family = ipv6_unicast;
    std::vector<Nlri> withdrawn;
    friend bool operator==(const MpUnreach&, const MpUnreach&) = default;
};

/// What a decoder must know of the session that the octets came from.
struct DecodeContext {
    bool four_octet_as = true;  ///< both sides sent capability 65 (RFC 6793: a NEW speaker)
    bool extended_message = false;
    bool ibgp = false;
    std::vector<AddressFamily> families{ipv4_unicast};  ///< negotiated; others in MP attributes are passed over
    Families add_path{};                                ///< whose NLRI come with path identifiers
    friend bool operator==(const DecodeContext&, const DecodeContext&) = default;
};

/// What an encoder must know of the session that the octets are for.
struct EncodeContext {
    bool four_octet_as = true;
    bool extended_message = false;  ///< messages up to 65535 octets instead of 4096 (RFC 8654)
    bool ibgp = false;
    Families add_path{};  ///< whose NLRI go with path identifiers
    LinkLocalForm link_local_form = LinkLocalForm::Alone;
    friend bool operator==(const EncodeContext&, const EncodeContext&) = default;
};

// RFC 7606 §2, from the weakest to the strongest.
struct Discard {
    friend bool operator==(const Discard&, const Discard&) = default;
};
struct TreatAsWithdraw {
    friend bool operator==(const TreatAsWithdraw&, const TreatAsWithdraw&) = default;
};
struct SessionReset {
    Notification notification;
    friend bool operator==(const SessionReset&, const SessionReset&) = default;
};
using AttributeAction = std::variant<Discard, TreatAsWithdraw, SessionReset>;

struct AttributeError {
    enum class Reason : std::uint8_t {
        Flags,             ///< optional or transitive bit against its specification
        Length,            ///< of the attribute, or of a part of it
        Overrun,           ///< longer than the attributes' total length
        Value,             ///< a value that its specification forbids
        AsSet,             ///< RFC 9774, in AS_PATH or AS4_PATH
        Duplicate,         ///< the first one counts
        Missing,           ///< mandatory, and not there
        Unexpected,        ///< not from this kind of peer
        FamilyNotSpoken,   ///< MP attribute of a family that was not negotiated
        UnknownWellKnown,  ///< not optional, and not known
        Leak,              ///< OTC where it must not come from (RFC 9234 §5)
    };
    std::uint8_t type = 0;  ///< attribute type code; 0 for the list as a whole
    Reason reason = Reason::Value;
    AttributeAction action;
    friend bool operator==(const AttributeError&, const AttributeError&) = default;
};

/// The attributes of one UPDATE, as read.
struct DecodedAttributes {
    PathAttributes path;
    std::optional<MpReach> mp_reach;
    std::optional<MpUnreach> mp_unreach;
    /// Never a SessionReset: that is the Result's error. At most `max_reported`, so that a peer cannot make us log
    /// thousands of lines; `treat_as_withdraw` counts them all.
    std::vector<AttributeError> errors;
    bool treat_as_withdraw = false;
};

inline constexpr std::size_t max_reported_attribute_errors = 16;

inline constexpr std::uint8_t only_to_customer_attribute = 35;

//   0                   1
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+   O optional, T transitive, P partial,
//  |O|T|P|E|0 0 0 0|   Type Code   |   E extended length: two octets of length instead of one
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  | Length (1 or 2 octets), Value |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// MP_REACH_NLRI first (RFC 7606 §5.1), then by type code. `path` is written when routes are announced: with
/// `mp_reach`, or with NLRI of the UPDATE itself (`classic_nlri`, which alone needs NEXT_HOP).
void encode_attributes(const PathAttributes& path, const std::optional<MpReach>& mp_reach,
                       const std::optional<MpUnreach>& mp_unreach, bool classic_nlri, const EncodeContext& context,
                       wire::Writer& out);
/// `classic_nlri`: the UPDATE has NLRI of its own (which attributes are mandatory depends on it).
[[nodiscard]] Result<DecodedAttributes> decode_attributes(std::span<const std::uint8_t> attributes, bool classic_nlri,
                                                          const DecodeContext& context);

/// The addresses of an MP_REACH_NLRI, without their length: 4, 16 or 32 octets.
void encode_next_hop(const net::IpAddress& next_hop, const std::optional<net::Ipv6Address>& link_local,
                     LinkLocalForm form, wire::Writer& out);

//  +---------------------------+
//  | Path Identifier (4 octets)|  only with ADD-PATH
//  +---------------------------+
//  |   Length (1 octet)        |  in bits
//  +---------------------------+
//  |   Prefix (variable)       |  the fewest octets that hold them; bits beyond are ignored
//  +---------------------------+
void encode_prefix(const net::Prefix& prefix, wire::Writer& out);
[[nodiscard]] std::size_t encoded_size(const net::Prefix& prefix);
void encode_nlri(const Nlri& nlri, bool path_identifiers, wire::Writer& out);
[[nodiscard]] std::size_t encoded_size(const Nlri& nlri, bool path_identifiers);
/// nullopt for a length above 32/128 or a cut prefix or identifier.
[[nodiscard]] std::optional<std::vector<Nlri>> decode_nlri(std::span<const std::uint8_t> bytes, net::Family family,
                                                           bool path_identifiers);

/// "ORIGIN", "AS_PATH", ...; "attribute 99" for what the table does not know.
[[nodiscard]] std::string attribute_name(std::uint8_t type);

/// "203.0.113.10/32", "203.0.113.10/32 path 7".
[[nodiscard]] std::string describe(const Nlri& nlri);
[[nodiscard]] std::string_view describe(Origin origin);
[[nodiscard]] std::string describe(const AsPath& path);  ///< "65010 65010 {65001,65002}"
/// "origin=igp as_path=\"65010\" next_hop=10.0.0.11 med=50 communities=65010:100,no-export".
[[nodiscard]] std::string describe(const PathAttributes& attributes);
[[nodiscard]] std::string_view describe(AttributeError::Reason reason);
[[nodiscard]] std::string describe(const AttributeError& error);

}  // namespace anyvip::bgp
