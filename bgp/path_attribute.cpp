#include "bgp/path_attribute.hpp"

#include <algorithm>
#include <bitset>
#include <cassert>
#include <utility>

namespace anyvip::bgp {
namespace {

using Reason = AttributeError::Reason;

/// Type codes (IANA "BGP Path Attributes").
namespace attribute {
constexpr std::uint8_t origin = 1;
constexpr std::uint8_t as_path = 2;
constexpr std::uint8_t next_hop = 3;
constexpr std::uint8_t multi_exit_disc = 4;
constexpr std::uint8_t local_pref = 5;
constexpr std::uint8_t atomic_aggregate = 6;
constexpr std::uint8_t aggregator = 7;
constexpr std::uint8_t communities = 8;
constexpr std::uint8_t originator_id = 9;
constexpr std::uint8_t cluster_list = 10;
constexpr std::uint8_t mp_reach_nlri = 14;
constexpr std::uint8_t mp_unreach_nlri = 15;
constexpr std::uint8_t extended_communities = 16;
constexpr std::uint8_t as4_path = 17;
constexpr std::uint8_t as4_aggregator = 18;
constexpr std::uint8_t large_community = 32;
}  // namespace attribute

// RFC 4271 §4.3.
constexpr std::uint8_t optional_bit = 0x80;
constexpr std::uint8_t transitive_bit = 0x40;
constexpr std::uint8_t extended_length_bit = 0x10;

enum class FlagClass : std::uint8_t {
    WellKnown = transitive_bit,
    OptionalTransitive = optional_bit | transitive_bit,
    OptionalNonTransitive = optional_bit,
};

/// What a malformed value does (RFC 7606 §7; an error in the flags is always treated as a withdrawal).
enum class Malformed : std::uint8_t { Discards, Withdraws, Resets };

/// Whom an attribute may come from; from others it is discarded (RFC 7606 §7.5, §7.9, §7.10; RFC 6793 §6).
enum class From : std::uint8_t { Anyone, InternalPeers, OldSpeakers };

struct Encoding {
    const PathAttributes& path;
    const std::optional<MpReach>& mp_reach;
    const std::optional<MpUnreach>& mp_unreach;
    bool classic_nlri;
    const EncodeContext& context;
};

struct Decoding {
    const DecodeContext& context;
    DecodedAttributes out{};
    std::optional<AsPath> as4_path{};
    std::optional<Aggregator> as4_aggregator{};
};

/// nullopt for a good value. Octets that lack or are left need no mention: the caller asks the reader.
using Fault = std::optional<Reason>;

struct Row {
    std::uint8_t type;
    std::string_view name;
    FlagClass flags;
    Malformed malformed;
    From from;
    bool (*encode)(const Encoding&, wire::Writer&);  ///< the value; false: not sent
    Fault (*decode)(wire::Reader&, Decoding&);
    std::string (*describe)(const PathAttributes&);  ///< "name=value", or empty
};

template <class Items>
std::string joined(const Items& items, std::string_view separator) {
    std::string text;
    for (const auto& item : items) {
        if (!text.empty()) text += separator;
        text += describe(item);
    }
    return text;
}

std::string field(std::string_view name, const std::string& value) {
    return value.empty() ? std::string{} : std::string{name} + '=' + value;
}

// ORIGIN (RFC 4271 §5.1.1): one octet.

bool encode_origin(const Encoding& in, wire::Writer& out) {
    out.u8(static_cast<std::uint8_t>(in.path.origin));
    return true;
}

Fault decode_origin(wire::Reader& in, Decoding& decoding) {
    const auto value = in.u8();
    if (value > static_cast<std::uint8_t>(Origin::Incomplete)) return Reason::Value;
    decoding.out.path.origin = static_cast<Origin>(value);
    return std::nullopt;
}

// AS_PATH (RFC 4271 §5.1.2, RFC 6793 §4): segments of type (1 octet), count (1), and numbers of 2 or 4 octets.

constexpr std::size_t max_segment = 255;

void write_asn(Asn asn, bool four_octets, wire::Writer& out) {
    if (four_octets) return out.u32(asn.value());
    out.u16(static_cast<std::uint16_t>(asn.fits_two_octets() ? asn.value() : as_trans.value()));
}

Asn read_asn(wire::Reader& in, bool four_octets) {
    return Asn{four_octets ? in.u32() : in.u16()};
}

void write_path(const AsPath& path, bool four_octets, wire::Writer& out) {
    for (const auto& segment : path.segments) {
        for (std::size_t begin = 0; begin < segment.asns.size(); begin += max_segment) {
            const auto count = std::min(max_segment, segment.asns.size() - begin);
            out.u8(static_cast<std::uint8_t>(segment.type));
            out.u8(static_cast<std::uint8_t>(count));
            for (const auto asn : std::span{segment.asns}.subspan(begin, count)) write_asn(asn, four_octets, out);
        }
    }
}

Fault read_path(wire::Reader& in, bool four_octets, AsPath& path) {
    while (!in.at_end()) {
        const auto type = in.u8();
        const std::size_t count = in.u8();
        if (in.failed()) return Reason::Length;
        // RFC 7606 §7.2: an unknown type and an empty segment are malformed.
        if (type < 1 || type > 4 || count == 0) return Reason::Value;
        AsPathSegment segment{static_cast<AsPathSegment::Type>(type), {}};
        for (std::size_t i = 0; i < count && !in.failed(); ++i) segment.asns.push_back(read_asn(in, four_octets));
        if (in.failed()) return Reason::Length;
        if (std::ranges::find(segment.asns, Asn{0}) != segment.asns.end()) return Reason::Value;  // RFC 7607 §2
        path.segments.push_back(std::move(segment));
    }
    return std::nullopt;
}

bool is_confederation(const AsPathSegment& segment) {
    return segment.type == AsPathSegment::Type::ConfedSequence || segment.type == AsPathSegment::Type::ConfedSet;
}

bool is_set(const AsPathSegment& segment) {
    return segment.type == AsPathSegment::Type::Set;
}

bool encode_as_path(const Encoding& in, wire::Writer& out) {
    write_path(in.path.as_path, in.context.four_octet_as, out);
    return true;
}

Fault decode_as_path(wire::Reader& in, Decoding& decoding) {
    AsPath path;
    if (const auto fault = read_path(in, decoding.context.four_octet_as, path)) return fault;
    // RFC 5065 §5: confederation segments from outside of a confederation, and we are in none.
    if (std::ranges::any_of(path.segments, is_confederation)) return Reason::Value;
    if (std::ranges::any_of(path.segments, is_set)) return Reason::AsSet;
    decoding.out.path.as_path = std::move(path);
    return std::nullopt;
}

std::string describe_as_path(const PathAttributes& path) {
    return "as_path=\"" + describe(path.as_path) + '"';
}

// NEXT_HOP (RFC 4271 §5.1.3): an IPv4 address, of NLRI in the UPDATE's own field alone.

bool encode_next_hop(const Encoding& in, wire::Writer& out) {
    if (!in.classic_nlri) return false;
    assert(in.path.next_hop.is_v4());
    out.ip(in.path.next_hop);
    return true;
}

Fault decode_next_hop(wire::Reader& in, Decoding& decoding) {
    const auto address = in.ipv4();
    if (in.failed()) return Reason::Length;
    // RFC 4271 §6.3: a host's address; 240/4 and above is none either.
    if (address.is_unspecified() || address.value() >> 28U >= 0xe) return Reason::Value;
    decoding.out.path.next_hop = address;
    return std::nullopt;
}

// MULTI_EXIT_DISC and LOCAL_PREF (RFC 4271 §5.1.4, §5.1.5): four octets.

bool encode_med(const Encoding& in, wire::Writer& out) {
    out.u32(in.path.med.value_or(0));
    return in.path.med.has_value();
}

Fault decode_med(wire::Reader& in, Decoding& decoding) {
    decoding.out.path.med = in.u32();
    return std::nullopt;
}

bool encode_local_pref(const Encoding& in, wire::Writer& out) {
    out.u32(in.path.local_pref.value_or(default_local_pref));
    return in.context.ibgp;
}

Fault decode_local_pref(wire::Reader& in, Decoding& decoding) {
    decoding.out.path.local_pref = in.u32();
    return std::nullopt;
}

std::string describe_number(std::string_view name, const std::optional<std::uint32_t>& number) {
    return number ? field(name, std::to_string(*number)) : std::string{};
}

// ATOMIC_AGGREGATE (RFC 4271 §5.1.6): nothing. AGGREGATOR (§5.1.7): a number of 2 or 4 octets, an address.

bool encode_atomic_aggregate(const Encoding& in, wire::Writer& /*out*/) {
    return in.path.atomic_aggregate;
}

Fault decode_atomic_aggregate(wire::Reader& in, Decoding& decoding) {
    if (!in.at_end()) return Reason::Length;
    decoding.out.path.atomic_aggregate = true;
    return std::nullopt;
}

bool encode_aggregator(const Encoding& in, wire::Writer& out) {
    if (!in.path.aggregator) return false;
    write_asn(in.path.aggregator->asn, in.context.four_octet_as, out);
    out.ipv4(in.path.aggregator->address);
    return true;
}

Fault read_aggregator(wire::Reader& in, bool four_octets, std::optional<Aggregator>& result) {
    Aggregator value;
    value.asn = read_asn(in, four_octets);
    value.address = in.ipv4();
    if (in.failed() || !in.at_end()) return Reason::Length;
    if (value.asn == Asn{0}) return Reason::Value;  // RFC 7607 §2
    result = value;
    return std::nullopt;
}

Fault decode_aggregator(wire::Reader& in, Decoding& decoding) {
    return read_aggregator(in, decoding.context.four_octet_as, decoding.out.path.aggregator);
}

std::string describe_aggregator(const PathAttributes& path) {
    if (!path.aggregator) return {};
    return "aggregator=" + describe(path.aggregator->asn) + '@' + describe(path.aggregator->address);
}

// COMMUNITIES (RFC 1997), EXTENDED COMMUNITIES (RFC 4360 §2), LARGE_COMMUNITY (RFC 8092 §3), CLUSTER_LIST
// (RFC 4456 §8): items of one size; none at all is malformed (RFC 7606 §7.8, §7.10, §7.14; RFC 8092 §6).

template <class Read>
Fault read_items(wire::Reader& in, Read read_item) {
    if (in.at_end()) return Reason::Length;
    while (!in.at_end()) read_item();
    return in.failed() ? Fault{Reason::Length} : std::nullopt;
}

bool encode_communities(const Encoding& in, wire::Writer& out) {
    for (const auto community : in.path.communities) out.u32(community.value());
    return !in.path.communities.empty();
}

Fault decode_communities(wire::Reader& in, Decoding& decoding) {
    return read_items(in, [&] { decoding.out.path.communities.insert(Community{in.u32()}); });
}

bool encode_extended_communities(const Encoding& in, wire::Writer& out) {
    for (const auto& community : in.path.extended_communities) out.bytes(community.octets);
    return !in.path.extended_communities.empty();
}

Fault decode_extended_communities(wire::Reader& in, Decoding& decoding) {
    return read_items(in, [&] {
        ExtendedCommunity community;
        std::ranges::copy(in.bytes(community.octets.size()), community.octets.begin());
        decoding.out.path.extended_communities.insert(community);
    });
}

bool encode_large_communities(const Encoding& in, wire::Writer& out) {
    for (const auto& community : in.path.large_communities) {
        out.u32(community.global_administrator);
        out.u32(community.local_data_1);
        out.u32(community.local_data_2);
    }
    return !in.path.large_communities.empty();
}

Fault decode_large_communities(wire::Reader& in, Decoding& decoding) {
    return read_items(in, [&] {
        LargeCommunity community;
        community.global_administrator = in.u32();
        community.local_data_1 = in.u32();
        community.local_data_2 = in.u32();
        decoding.out.path.large_communities.insert(community);
    });
}

bool encode_cluster_list(const Encoding& in, wire::Writer& out) {
    for (const auto& cluster : in.path.cluster_list) out.ipv4(cluster);
    return in.context.ibgp && !in.path.cluster_list.empty();
}

Fault decode_cluster_list(wire::Reader& in, Decoding& decoding) {
    return read_items(in, [&] { decoding.out.path.cluster_list.push_back(in.ipv4()); });
}

// ORIGINATOR_ID (RFC 4456 §8): four octets.

bool encode_originator_id(const Encoding& in, wire::Writer& out) {
    out.ipv4(in.path.originator_id.value_or(net::Ipv4Address{}));
    return in.context.ibgp && in.path.originator_id.has_value();
}

Fault decode_originator_id(wire::Reader& in, Decoding& decoding) {
    decoding.out.path.originator_id = in.ipv4();
    return std::nullopt;
}

std::string describe_originator_id(const PathAttributes& path) {
    return path.originator_id ? "originator_id=" + describe(*path.originator_id) : std::string{};
}

void encode_all(const std::vector<Nlri>& routes, AddressFamily family, const EncodeContext& context,
                wire::Writer& out) {
    const auto addresses = unicast_addresses(family);
    const bool path_identifiers = addresses && context.add_path.contains(*addresses);
    for (const auto& nlri : routes) encode_nlri(nlri, path_identifiers, out);
}

// MP_REACH_NLRI (RFC 4760 §3): AFI (2 octets), SAFI (1), length of the next hop (1), next hop, reserved (1), NLRI.

bool encode_mp_reach(const Encoding& in, wire::Writer& out) {
    if (!in.mp_reach) return false;
    out.u16(in.mp_reach->family.afi);
    out.u8(in.mp_reach->family.safi);
    {
        const auto length = out.length8();
        encode_next_hop(in.mp_reach->next_hop, in.mp_reach->link_local, in.context.link_local_form, out);
    }
    out.u8(0);
    encode_all(in.mp_reach->nlri, in.mp_reach->family, in.context, out);
    return true;
}

/// 16 octets, or 32 with a link-local address (RFC 2545 §3); IPv4 prefixes may have either kind (RFC 8950 §3).
bool read_next_hop(wire::Reader& in, MpReach& reach) {
    switch (in.remaining()) {
        case 4: reach.next_hop = in.ipv4(); return unicast_addresses(reach.family) == net::Family::Ipv4;
        case 16: reach.next_hop = in.ipv6(); return true;
        case 32:
            reach.next_hop = in.ipv6();
            reach.link_local = in.ipv6();
            return true;
    }
    return false;
}

/// Whether the session speaks the family, and then which addresses it has.
std::optional<net::Family> spoken(AddressFamily family, const DecodeContext& context) {
    if (std::ranges::find(context.families, family) == context.families.end()) return std::nullopt;
    return unicast_addresses(family);
}

Fault decode_mp_reach(wire::Reader& in, Decoding& decoding) {
    MpReach reach;
    reach.family.afi = in.u16();
    reach.family.safi = in.u8();
    auto next_hops = in.sub(in.u8());
    in.skip(1);
    const auto nlri = in.rest();
    if (in.failed()) return Reason::Length;
    const auto addresses = spoken(reach.family, decoding.context);
    if (!addresses) return Reason::FamilyNotSpoken;
    if (!read_next_hop(next_hops, reach)) return Reason::Length;
    auto routes = decode_nlri(nlri, *addresses, decoding.context.add_path.contains(*addresses));
    if (!routes) return Reason::Value;
    reach.nlri = std::move(*routes);
    decoding.out.mp_reach = std::move(reach);
    return std::nullopt;
}

// MP_UNREACH_NLRI (RFC 4760 §4): AFI (2 octets), SAFI (1), withdrawn routes.

bool encode_mp_unreach(const Encoding& in, wire::Writer& out) {
    if (!in.mp_unreach) return false;
    out.u16(in.mp_unreach->family.afi);
    out.u8(in.mp_unreach->family.safi);
    encode_all(in.mp_unreach->withdrawn, in.mp_unreach->family, in.context, out);
    return true;
}

Fault decode_mp_unreach(wire::Reader& in, Decoding& decoding) {
    MpUnreach unreach;
    unreach.family.afi = in.u16();
    unreach.family.safi = in.u8();
    const auto withdrawn = in.rest();
    if (in.failed()) return Reason::Length;
    const auto addresses = spoken(unreach.family, decoding.context);
    if (!addresses) return Reason::FamilyNotSpoken;
    auto routes = decode_nlri(withdrawn, *addresses, decoding.context.add_path.contains(*addresses));
    if (!routes) return Reason::Value;
    unreach.withdrawn = std::move(*routes);
    decoding.out.mp_unreach = std::move(unreach);
    return std::nullopt;
}

// AS4_PATH and AS4_AGGREGATOR (RFC 6793 §3): to and from OLD speakers, what AS_TRANS hides.

bool encode_as4_path(const Encoding& in, wire::Writer& out) {
    const auto hidden = [](const AsPathSegment& segment) {
        return std::ranges::any_of(segment.asns, [](Asn asn) { return !asn.fits_two_octets(); });
    };
    if (in.context.four_octet_as || std::ranges::none_of(in.path.as_path.segments, hidden)) return false;
    write_path(in.path.as_path, true, out);
    return true;
}

Fault decode_as4_path(wire::Reader& in, Decoding& decoding) {
    AsPath path;
    if (const auto fault = read_path(in, true, path)) return fault;
    std::erase_if(path.segments, is_confederation);  // RFC 6793 §6
    if (path.segments.empty()) return Reason::Length;
    if (std::ranges::any_of(path.segments, is_set)) return Reason::AsSet;
    decoding.as4_path = std::move(path);
    return std::nullopt;
}

bool encode_as4_aggregator(const Encoding& in, wire::Writer& out) {
    const auto& value = in.path.aggregator;
    if (in.context.four_octet_as || !value || value->asn.fits_two_octets()) return false;
    write_asn(value->asn, true, out);
    out.ipv4(value->address);
    return true;
}

Fault decode_as4_aggregator(wire::Reader& in, Decoding& decoding) {
    return read_aggregator(in, true, decoding.as4_aggregator);
}

// ONLY_TO_CUSTOMER (RFC 9234 §5): four octets.

bool encode_only_to_customer(const Encoding& in, wire::Writer& out) {
    out.u32(in.path.only_to_customer.value_or(Asn{}).value());
    return in.path.only_to_customer.has_value();
}

Fault decode_only_to_customer(wire::Reader& in, Decoding& decoding) {
    decoding.out.path.only_to_customer = Asn{in.u32()};
    return std::nullopt;
}

std::string describe_nothing(const PathAttributes& /*path*/) {
    return {};
}

/// In the order of sending: what carries prefixes first (RFC 7606 §5.1), then by type.
constexpr std::array table{
    Row{attribute::mp_reach_nlri, "MP_REACH_NLRI", FlagClass::OptionalNonTransitive, Malformed::Resets, From::Anyone,
        encode_mp_reach, decode_mp_reach, describe_nothing},
    Row{attribute::mp_unreach_nlri, "MP_UNREACH_NLRI", FlagClass::OptionalNonTransitive, Malformed::Resets,
        From::Anyone, encode_mp_unreach, decode_mp_unreach, describe_nothing},
    Row{attribute::origin, "ORIGIN", FlagClass::WellKnown, Malformed::Withdraws, From::Anyone,  //
        encode_origin, decode_origin,
        [](const PathAttributes& path) { return field("origin", std::string{describe(path.origin)}); }},
    Row{attribute::as_path, "AS_PATH", FlagClass::WellKnown, Malformed::Withdraws, From::Anyone,  //
        encode_as_path, decode_as_path, describe_as_path},
    Row{attribute::next_hop, "NEXT_HOP", FlagClass::WellKnown, Malformed::Withdraws, From::Anyone,  //
        encode_next_hop, decode_next_hop,
        [](const PathAttributes& path) { return field("next_hop", describe(path.next_hop)); }},
    Row{attribute::multi_exit_disc, "MULTI_EXIT_DISC", FlagClass::OptionalNonTransitive, Malformed::Withdraws,
        From::Anyone, encode_med, decode_med,
        [](const PathAttributes& path) { return describe_number("med", path.med); }},
    Row{attribute::local_pref, "LOCAL_PREF", FlagClass::WellKnown, Malformed::Withdraws, From::InternalPeers,  //
        encode_local_pref, decode_local_pref,
        [](const PathAttributes& path) { return describe_number("local_pref", path.local_pref); }},
    Row{attribute::atomic_aggregate, "ATOMIC_AGGREGATE", FlagClass::WellKnown, Malformed::Discards, From::Anyone,
        encode_atomic_aggregate, decode_atomic_aggregate,
        [](const PathAttributes& path) { return std::string{path.atomic_aggregate ? "atomic_aggregate" : ""}; }},
    Row{attribute::aggregator, "AGGREGATOR", FlagClass::OptionalTransitive, Malformed::Discards, From::Anyone,  //
        encode_aggregator, decode_aggregator, describe_aggregator},
    Row{attribute::communities, "COMMUNITIES", FlagClass::OptionalTransitive, Malformed::Withdraws, From::Anyone,
        encode_communities, decode_communities,
        [](const PathAttributes& path) { return field("communities", joined(path.communities, ",")); }},
    Row{attribute::originator_id, "ORIGINATOR_ID", FlagClass::OptionalNonTransitive, Malformed::Withdraws,
        From::InternalPeers, encode_originator_id, decode_originator_id, describe_originator_id},
    Row{attribute::cluster_list, "CLUSTER_LIST", FlagClass::OptionalNonTransitive, Malformed::Withdraws,
        From::InternalPeers, encode_cluster_list, decode_cluster_list,
        [](const PathAttributes& path) { return field("cluster_list", joined(path.cluster_list, ",")); }},
    Row{attribute::extended_communities, "EXTENDED_COMMUNITIES", FlagClass::OptionalTransitive, Malformed::Withdraws,
        From::Anyone, encode_extended_communities, decode_extended_communities,
        [](const PathAttributes& path) {
            return field("extended_communities", joined(path.extended_communities, ","));
        }},
    Row{attribute::as4_path, "AS4_PATH", FlagClass::OptionalTransitive, Malformed::Discards, From::OldSpeakers,  //
        encode_as4_path, decode_as4_path, describe_nothing},
    Row{attribute::as4_aggregator, "AS4_AGGREGATOR", FlagClass::OptionalTransitive, Malformed::Discards,
        From::OldSpeakers, encode_as4_aggregator, decode_as4_aggregator, describe_nothing},
    Row{attribute::large_community, "LARGE_COMMUNITY", FlagClass::OptionalTransitive, Malformed::Withdraws,
        From::Anyone, encode_large_communities, decode_large_communities,
        [](const PathAttributes& path) { return field("large_communities", joined(path.large_communities, ",")); }},
    Row{only_to_customer_attribute, "ONLY_TO_CUSTOMER", FlagClass::OptionalTransitive, Malformed::Withdraws,
        From::Anyone, encode_only_to_customer, decode_only_to_customer,
        [](const PathAttributes& path) {
            return path.only_to_customer ? field("only_to_customer", describe(*path.only_to_customer)) : std::string{};
        }},
};

const Row* row_of(std::uint8_t type) {
    const auto* const found = std::ranges::find(table, type, &Row::type);
    return found == table.end() ? nullptr : found;
}

bool carries_prefixes(std::uint8_t type) {
    return type == attribute::mp_reach_nlri || type == attribute::mp_unreach_nlri;
}

/// RFC 4271 §6.3: the data of an attribute error is the attribute, as far as a NOTIFICATION of 4096 octets holds it.
Notification update_error(UpdateMessageSubcode subcode, std::span<const std::uint8_t> attribute = {}) {
    constexpr std::size_t longest = 4096 - 21;
    const auto data = attribute.first(std::min(attribute.size(), longest));
    return Notification{subcode, {data.begin(), data.end()}};
}

bool may_come(From from, const DecodeContext& context) {
    switch (from) {
        case From::Anyone: return true;
        case From::InternalPeers: return context.ibgp;
        case From::OldSpeakers: return !context.four_octet_as;
    }
    return true;
}

/// RFC 6793 §4.2.3: the AS_PATH of an OLD speaker has as many numbers in front as its AS4_PATH lacks.
AsPath merged(const AsPath& path, const AsPath& four_octet_path) {
    if (path.length() < four_octet_path.length()) return path;
    auto lacking = path.length() - four_octet_path.length();
    AsPath result;
    for (const auto& segment : path.segments) {
        if (lacking == 0) break;
        const auto taken =
            std::min(lacking, segment.asns.size());  // Sequences only: decode_as_path() lets no other by.
        result.segments.push_back(
            {segment.type, {segment.asns.begin(), segment.asns.begin() + static_cast<std::ptrdiff_t>(taken)}});
        lacking -= taken;
    }
    result.segments.insert(result.segments.end(), four_octet_path.segments.begin(), four_octet_path.segments.end());
    return result;
}

void merge_four_octet_attributes(Decoding& decoding) {
    auto& path = decoding.out.path;
    if (path.aggregator && decoding.as4_aggregator) {
        // An aggregator that is not AS_TRANS was set by an OLD speaker on the way: the AS4 attributes are older.
        if (path.aggregator->asn != as_trans) return;
        path.aggregator = decoding.as4_aggregator;
    }
    if (decoding.as4_path) path.as_path = merged(path.as_path, *decoding.as4_path);
}

/// The list of one UPDATE, attribute by attribute. Stops at the first error that resets the session.
class AttributeList {
public:
    AttributeList(std::span<const std::uint8_t> bytes, bool classic_nlri, const DecodeContext& context)
        : bytes_{bytes}, in_{bytes}, classic_nlri_{classic_nlri}, decoding_{.context = context} {}

    Result<DecodedAttributes> decode() {
        while (!in_.at_end() && !reset_) next();
        if (!reset_) check_mandatory();
        if (!reset_) check_that_prefixes_can_be_known();
        if (reset_) return std::unexpected{*reset_};
        merge_four_octet_attributes(decoding_);
        auto& out = decoding_.out;
        if (out.mp_reach && !classic_nlri_) out.path.next_hop = out.mp_reach->effective_next_hop();
        return std::move(out);
    }

private:
    void next() {
        const auto begin = in_.at();
        const auto flags = in_.u8();
        const auto type = in_.u8();
        const std::size_t length = (flags & extended_length_bit) != 0 ? in_.u16() : in_.u8();
        auto value = in_.sub(length);
        if (in_.failed()) return overrun(type, bytes_.subspan(begin));
        one(flags, type, value, bytes_.subspan(begin, in_.at() - begin));
    }

    void one(std::uint8_t flags, std::uint8_t type, wire::Reader& value, std::span<const std::uint8_t> whole) {
        if (seen_[type]) return duplicate(type);
        seen_.set(type);
        const auto* const row = row_of(type);
        if (row == nullptr) return unknown(flags, type, whole);
        if (!may_come(row->from, decoding_.context)) return report(type, Reason::Unexpected, Discard{});
        if (type == attribute::next_hop && !classic_nlri_) return;  // RFC 4760 §3: ignored, MP_REACH_NLRI has its own.
        if ((flags & (optional_bit | transitive_bit)) != static_cast<std::uint8_t>(row->flags)) {
            report(type, Reason::Flags, TreatAsWithdraw{});  // RFC 7606 §3 (c)
            if (!carries_prefixes(type)) return;             // What is to be withdrawn must still be read.
        }
        auto fault = row->decode(value, decoding_);
        if (!fault && (value.failed() || !value.at_end())) fault = Reason::Length;
        if (fault) malformed(*row, *fault, whole);
    }

    /// RFC 7606 §4: nothing after it can be found; the NLRI still can, by the total length. What was cut in an
    /// attribute that carries prefixes cannot.
    void overrun(std::uint8_t type, std::span<const std::uint8_t> rest) {
        overran_ = true;
        if (!carries_prefixes(type)) return report(type, Reason::Overrun, TreatAsWithdraw{});
        reset(type, Reason::Overrun, UpdateMessageSubcode::OptionalAttributeError, rest);
    }

    /// RFC 7606 §3 (g).
    void duplicate(std::uint8_t type) {
        if (!carries_prefixes(type)) return report(type, Reason::Duplicate, Discard{});
        reset(type, Reason::Duplicate, UpdateMessageSubcode::MalformedAttributeList, {});
    }

    /// RFC 4271 §6.3, §9: an unknown attribute is passed over unless it says that everyone must know it.
    void unknown(std::uint8_t flags, std::uint8_t type, std::span<const std::uint8_t> whole) {
        if ((flags & optional_bit) != 0) return;
        reset(type, Reason::UnknownWellKnown, UpdateMessageSubcode::UnrecognizedWellKnownAttribute, whole);
    }

    void malformed(const Row& row, Reason reason, std::span<const std::uint8_t> whole) {
        if (reason == Reason::FamilyNotSpoken) return report(row.type, reason, Discard{});
        if (reason == Reason::AsSet) return report(row.type, reason, TreatAsWithdraw{});  // RFC 9774 §3
        switch (row.malformed) {
            case Malformed::Discards: return report(row.type, reason, Discard{});
            case Malformed::Withdraws: return report(row.type, reason, TreatAsWithdraw{});
            case Malformed::Resets: return reset(row.type, reason, UpdateMessageSubcode::OptionalAttributeError, whole);
        }
    }

    /// RFC 7606 §3 (d).
    void check_mandatory() {
        if (!classic_nlri_ && !seen_[attribute::mp_reach_nlri]) return;
        const auto check = [this](std::uint8_t type, bool mandatory) {
            if (mandatory && !seen_[type]) report(type, Reason::Missing, TreatAsWithdraw{});
        };
        check(attribute::origin, true);
        check(attribute::as_path, true);
        check(attribute::next_hop, classic_nlri_);
        check(attribute::local_pref, decoding_.context.ibgp);
    }

    /// RFC 7606 §5.2: routes that cannot be seen cannot be withdrawn.
    void check_that_prefixes_can_be_known() {
        if (!decoding_.out.treat_as_withdraw || classic_nlri_ || seen_[attribute::mp_reach_nlri]) return;
        if (!overran_ && seen_.count() == 1 && seen_[attribute::mp_unreach_nlri]) return;
        reset(0, Reason::Missing, UpdateMessageSubcode::MalformedAttributeList, {});
    }

    void reset(std::uint8_t type, Reason reason, UpdateMessageSubcode subcode, std::span<const std::uint8_t> data) {
        report(type, reason, SessionReset{update_error(subcode, data)});
    }

    /// The one place where an error takes effect.
    void report(std::uint8_t type, Reason reason, AttributeAction action) {
        auto& out = decoding_.out;
        if (const auto* const strongest = std::get_if<SessionReset>(&action)) reset_ = strongest->notification;
        if (std::holds_alternative<TreatAsWithdraw>(action)) out.treat_as_withdraw = true;
        if (out.errors.size() < max_reported_attribute_errors) out.errors.push_back({type, reason, std::move(action)});
    }

    std::span<const std::uint8_t> bytes_;
    wire::Reader in_;
    bool classic_nlri_;
    Decoding decoding_;
    std::bitset<256> seen_;
    bool overran_ = false;
    std::optional<Notification> reset_;
};

}  // namespace

AsPath AsPath::sequence(std::initializer_list<Asn> asns) {
    AsPath path;
    if (asns.size() != 0) path.segments.push_back({AsPathSegment::Type::Sequence, asns});
    return path;
}

void AsPath::prepend(Asn asn, std::size_t times) {
    if (times == 0) return;
    if (segments.empty() || segments.front().type != AsPathSegment::Type::Sequence) {
        segments.insert(segments.begin(), AsPathSegment{});
    }
    auto& asns = segments.front().asns;
    asns.insert(asns.begin(), times, asn);
}

std::size_t AsPath::length() const {
    std::size_t length = 0;
    for (const auto& segment : segments) {
        switch (segment.type) {
            case AsPathSegment::Type::Set: ++length; break;
            case AsPathSegment::Type::Sequence: length += segment.asns.size(); break;
            case AsPathSegment::Type::ConfedSequence:
            case AsPathSegment::Type::ConfedSet: break;
        }
    }
    return length;
}

bool AsPath::contains(Asn asn) const {
    return std::ranges::any_of(
        segments, [&](const auto& segment) { return std::ranges::find(segment.asns, asn) != segment.asns.end(); });
}

std::optional<Asn> AsPath::first() const {
    if (segments.empty() || segments.front().type != AsPathSegment::Type::Sequence) return std::nullopt;
    const auto& asns = segments.front().asns;
    return asns.empty() ? std::nullopt : std::optional{asns.front()};
}

net::IpAddress MpReach::effective_next_hop() const {
    return next_hop == net::IpAddress{net::Ipv6Address{}} && link_local ? net::IpAddress{*link_local} : next_hop;
}

void encode_attributes(const PathAttributes& path, const std::optional<MpReach>& mp_reach,
                       const std::optional<MpUnreach>& mp_unreach, bool classic_nlri, const EncodeContext& context,
                       wire::Writer& out) {
    const Encoding encoding{path, mp_reach, mp_unreach, classic_nlri, context};
    const bool routes = classic_nlri || mp_reach.has_value();
    for (const auto& row : table) {
        wire::Writer value;
        if (!(routes || carries_prefixes(row.type)) || !row.encode(encoding, value)) continue;
        const bool extended = value.size() > 0xff;
        out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(row.flags) | (extended ? extended_length_bit : 0U)));
        out.u8(row.type);
        if (extended) {
            const auto length = out.length16();
            out.bytes(value.view());
        } else {
            const auto length = out.length8();
            out.bytes(value.view());
        }
    }
}

Result<DecodedAttributes> decode_attributes(std::span<const std::uint8_t> attributes, bool classic_nlri,
                                            const DecodeContext& context) {
    return AttributeList{attributes, classic_nlri, context}.decode();
}

void encode_prefix(const net::Prefix& prefix, wire::Writer& out) {
    const auto network = prefix.network();
    const auto write = [&](const auto& octets) { out.bytes(std::span{octets}.first(encoded_size(network) - 1)); };
    out.u8(network.length());
    network.family() == net::Family::Ipv4 ? write(network.address().v4().bytes())
                                          : write(network.address().v6().bytes());
}

std::size_t encoded_size(const net::Prefix& prefix) {
    return 1U + (prefix.length() + 7U) / 8U;
}

void encode_nlri(const Nlri& nlri, bool path_identifiers, wire::Writer& out) {
    if (path_identifiers) out.u32(nlri.path_id);
    encode_prefix(nlri.prefix, out);
}

std::size_t encoded_size(const Nlri& nlri, bool path_identifiers) {
    return (path_identifiers ? sizeof nlri.path_id : 0) + encoded_size(nlri.prefix);
}

void encode_next_hop(const net::IpAddress& next_hop, const std::optional<net::Ipv6Address>& link_local,
                     LinkLocalForm form, wire::Writer& out) {
    const bool has_no_form = next_hop.is_link_local() && next_hop.is_v6() && !link_local;
    if (has_no_form && form == LinkLocalForm::AfterUnspecified) out.ipv6(net::Ipv6Address{});
    out.ip(next_hop);
    if (has_no_form && form == LinkLocalForm::Twice) out.ip(next_hop);
    if (link_local) out.ipv6(*link_local);
}

std::optional<std::vector<Nlri>> decode_nlri(std::span<const std::uint8_t> bytes, net::Family family,
                                             bool path_identifiers) {
    std::vector<Nlri> routes;
    wire::Reader in{bytes};
    while (!in.at_end()) {
        const auto path_id = path_identifiers ? in.u32() : 0;
        const auto length = in.u8();
        if (length > net::max_prefix_length(family)) return std::nullopt;
        const auto octets = in.bytes((length + 7U) / 8U);
        if (in.failed()) return std::nullopt;
        net::Ipv4Address::Bytes v4{};
        net::Ipv6Address::Bytes v6{};
        if (family == net::Family::Ipv4) {
            std::ranges::copy(octets, v4.begin());
            routes.emplace_back(net::Prefix{net::Ipv4Address{v4}, length}.network(), path_id);
        } else {
            std::ranges::copy(octets, v6.begin());
            routes.emplace_back(net::Prefix{net::Ipv6Address{v6}, length}.network(), path_id);
        }
    }
    return routes;
}

std::string attribute_name(std::uint8_t type) {
    const auto* const row = row_of(type);
    return row == nullptr ? "attribute " + std::to_string(type) : std::string{row->name};
}

std::string describe(const Nlri& nlri) {
    return describe(nlri.prefix) + (nlri.path_id == 0 ? "" : " path " + std::to_string(nlri.path_id));
}

std::string_view describe(Origin origin) {
    switch (origin) {
        case Origin::Igp: return "igp";
        case Origin::Egp: return "egp";
        case Origin::Incomplete: return "incomplete";
    }
    return "?";
}

std::string describe(const AsPath& path) {
    std::string text;
    for (const auto& segment : path.segments) {
        if (!text.empty()) text += ' ';
        switch (segment.type) {
            case AsPathSegment::Type::Sequence: text += joined(segment.asns, " "); break;
            case AsPathSegment::Type::Set: text += '{' + joined(segment.asns, ",") + '}'; break;
            case AsPathSegment::Type::ConfedSequence: text += '(' + joined(segment.asns, " ") + ')'; break;
            case AsPathSegment::Type::ConfedSet: text += '[' + joined(segment.asns, ",") + ']'; break;
        }
    }
    return text;
}

std::string describe(const PathAttributes& attributes) {
    std::string text;
    for (const auto& row : table) {
        const auto item = row.describe(attributes);
        if (!text.empty() && !item.empty()) text += ' ';
        text += item;
    }
    return text;
}

std::string_view describe(AttributeError::Reason reason) {
    switch (reason) {
        case Reason::Flags: return "wrong flags";
        case Reason::Length: return "wrong length";
        case Reason::Overrun: return "longer than the attributes";
        case Reason::Value: return "forbidden value";
        case Reason::AsSet: return "AS_SET";
        case Reason::Duplicate: return "duplicate";
        case Reason::Missing: return "missing";
        case Reason::Unexpected: return "unexpected from this peer";
        case Reason::FamilyNotSpoken: return "address family not negotiated";
        case Reason::UnknownWellKnown: return "well-known, and not known here";
        case Reason::Leak: return "route leak";
    }
    return "?";
}

std::string describe(const AttributeError& error) {
    struct Visitor {
        std::string operator()(const Discard& /*action*/) const { return "discarded"; }
        std::string operator()(const TreatAsWithdraw& /*action*/) const { return "treated as withdrawn"; }
        std::string operator()(const SessionReset& reset) const {
            return "session reset: " + describe(reset.notification);
        }
    };
    return attribute_name(error.type) + ": " + std::string{describe(error.reason)} + ", " +
           std::visit(Visitor{}, error.action);
}

}  // namespace anyvip::bgp
