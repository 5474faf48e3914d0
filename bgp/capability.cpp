#include "bgp/capability.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace anyvip::bgp {
namespace {

AddressFamily read_family(wire::Reader& in) {
    AddressFamily family;
    family.afi = in.u16();
    family.safi = in.u8();
    return family;
}

void write_family(AddressFamily family, wire::Writer& out) {
    out.u16(family.afi);
    out.u8(family.safi);
}

// RFC 4760 §8: AFI (2 octets), reserved (1), SAFI (1).
void encode_multiprotocol(const Multiprotocol& capability, wire::Writer& out) {
    out.u16(capability.family.afi);
    out.u8(0);
    out.u8(capability.family.safi);
}

Multiprotocol decode_multiprotocol(wire::Reader& in) {
    AddressFamily family;
    family.afi = in.u16();
    in.skip(1);
    family.safi = in.u8();
    return {family};
}

/// Capabilities whose presence says everything.
template <class T>
void encode_nothing(const T& /*capability*/, wire::Writer& /*out*/) {}

template <class T>
T decode_nothing(wire::Reader& /*in*/) {
    return {};
}

// RFC 8950 §4: entries of NLRI AFI (2 octets), NLRI SAFI (2), Nexthop AFI (2).
void encode_extended_next_hop(const ExtendedNextHop& capability, wire::Writer& out) {
    for (const auto& entry : capability.entries) {
        out.u16(entry.nlri.afi);
        out.u16(entry.nlri.safi);
        out.u16(entry.next_hop_afi);
    }
}

ExtendedNextHop decode_extended_next_hop(wire::Reader& in) {
    ExtendedNextHop capability;
    while (!in.at_end()) {
        ExtendedNextHop::Entry entry;
        entry.nlri.afi = in.u16();
        const auto safi = in.u16();
        if (safi > 0xff) in.fail();
        entry.nlri.safi = static_cast<std::uint8_t>(safi);
        entry.next_hop_afi = in.u16();
        capability.entries.push_back(entry);
    }
    return capability;
}

// RFC 4724 §3: flags (4 bits: R, and N of RFC 8538), time (12 bits), entries of AFI, SAFI, flags (F first).
constexpr std::uint16_t restart_bit = 0x8000;
constexpr std::uint16_t notification_bit = 0x4000;
constexpr std::uint16_t restart_time_bits = 0x0fff;
constexpr std::uint8_t forwarding_bit = 0x80;

void encode_graceful_restart(const GracefulRestart& capability, wire::Writer& out) {
    const auto time = std::clamp<std::chrono::seconds::rep>(capability.restart_time.count(), 0, restart_time_bits);
    out.u16(static_cast<std::uint16_t>((capability.restarted ? restart_bit : 0) |
                                       (capability.notification ? notification_bit : 0) | time));
    for (const auto& entry : capability.families) {
        write_family(entry.family, out);
        out.u8(entry.forwarding_preserved ? forwarding_bit : 0);
    }
}

GracefulRestart decode_graceful_restart(wire::Reader& in) {
    GracefulRestart capability;
    const auto head = in.u16();
    capability.restarted = (head & restart_bit) != 0;
    capability.notification = (head & notification_bit) != 0;
    capability.restart_time = std::chrono::seconds{head & restart_time_bits};
    while (!in.at_end()) {
        GracefulRestart::Entry entry;
        entry.family = read_family(in);
        entry.forwarding_preserved = (in.u8() & forwarding_bit) != 0;
        capability.families.push_back(entry);
    }
    return capability;
}

// RFC 6793 §3: the number in four octets.
void encode_four_octet_as(const FourOctetAs& capability, wire::Writer& out) {
    out.u32(capability.asn.value());
}

FourOctetAs decode_four_octet_as(wire::Reader& in) {
    return {Asn{in.u32()}};
}

// RFC 9234 §4.1: one octet.
void encode_role(const RoleCapability& capability, wire::Writer& out) {
    out.u8(capability.value);
}

RoleCapability decode_role(wire::Reader& in) {
    return {in.u8()};
}

// RFC 7911 §4: entries of AFI (2 octets), SAFI (1), Send/Receive (1).
void encode_add_path(const AddPath& capability, wire::Writer& out) {
    for (const auto& entry : capability.entries) {
        write_family(entry.family, out);
        out.u8(entry.mode);
    }
}

AddPath decode_add_path(wire::Reader& in) {
    AddPath capability;
    while (!in.at_end()) {
        const auto family = read_family(in);
        capability.entries.push_back({family, in.u8()});
    }
    return capability;
}

// RFC 9494 §3.1: entries of AFI (2 octets), SAFI (1), flags (1, F first), Long-Lived Stale Time (3).
constexpr std::chrono::seconds::rep longest_stale_time = 0xffffff;

void encode_long_lived(const LongLivedGracefulRestart& capability, wire::Writer& out) {
    for (const auto& entry : capability.families) {
        write_family(entry.family, out);
        out.u8(entry.forwarding_preserved ? forwarding_bit : 0);
        const auto time = std::clamp<std::chrono::seconds::rep>(entry.stale_time.count(), 0, longest_stale_time);
        out.u8(static_cast<std::uint8_t>(time >> 16U));
        out.u16(static_cast<std::uint16_t>(time));
    }
}

LongLivedGracefulRestart decode_long_lived(wire::Reader& in) {
    LongLivedGracefulRestart capability;
    while (!in.at_end()) {
        LongLivedGracefulRestart::Entry entry;
        entry.family = read_family(in);
        entry.forwarding_preserved = (in.u8() & forwarding_bit) != 0;
        const std::uint32_t high = in.u8();
        entry.stale_time = std::chrono::seconds{high << 16U | in.u16()};
        capability.families.push_back(entry);
    }
    return capability;
}

// draft-walton-bgp-hostname-capability §2: length (1 octet) and host name, length (1) and domain name.
void write_name(const std::string& name, wire::Writer& out) {
    const auto length = out.length8();
    for (const char c : name) out.u8(static_cast<std::uint8_t>(c));
}

std::string read_name(wire::Reader& in) {
    const auto name = in.bytes(in.u8());
    return {name.begin(), name.end()};
}

void encode_domain_name(const FullyQualifiedDomainName& capability, wire::Writer& out) {
    write_name(capability.host, out);
    write_name(capability.domain, out);
}

FullyQualifiedDomainName decode_domain_name(wire::Reader& in) {
    FullyQualifiedDomainName capability;
    capability.host = read_name(in);
    capability.domain = read_name(in);
    return capability;
}

// draft-abraitis-idr-addpath-paths-limit §2: entries of AFI (2 octets), SAFI (1), limit (2).
void encode_paths_limit(const PathsLimit& capability, wire::Writer& out) {
    for (const auto& entry : capability.entries) {
        write_family(entry.family, out);
        out.u16(entry.limit);
    }
}

PathsLimit decode_paths_limit(wire::Reader& in) {
    PathsLimit capability;
    while (!in.at_end()) {
        const auto family = read_family(in);
        capability.entries.push_back({family, in.u16()});
    }
    return capability;
}

struct Row {
    std::uint8_t code;
    std::string_view name;
    std::size_t alternative;  ///< of Capability
    void (*encode)(const Capability&, wire::Writer&);
    Capability (*decode)(wire::Reader&);  ///< a failed reader, or octets that are left, mean malformed
};

template <class T, std::size_t I = 0>
constexpr std::size_t alternative_of() {
    if constexpr (std::is_same_v<std::variant_alternative_t<I, Capability>, T>) {
        return I;
    } else {
        return alternative_of<T, I + 1>();
    }
}

template <class T, void (*Encode)(const T&, wire::Writer&), T (*Decode)(wire::Reader&)>
constexpr Row row(std::uint8_t code, std::string_view name) {
    return {code, name, alternative_of<T>(),
            [](const Capability& capability, wire::Writer& out) { Encode(std::get<T>(capability), out); },
            [](wire::Reader& in) -> Capability { return Decode(in); }};
}

template <class T>
constexpr Row flag_row(std::uint8_t code, std::string_view name) {
    return row<T, encode_nothing<T>, decode_nothing<T>>(code, name);
}

/// Of two rows for one alternative the first is sent.
constexpr std::array table{
    row<Multiprotocol, encode_multiprotocol, decode_multiprotocol>(1, "multiprotocol"),
    flag_row<RouteRefreshCapability>(2, "route-refresh"),
    row<ExtendedNextHop, encode_extended_next_hop, decode_extended_next_hop>(5, "extended-next-hop"),
    flag_row<ExtendedMessage>(6, "extended-message"),
    row<RoleCapability, encode_role, decode_role>(9, "role"),
    row<GracefulRestart, encode_graceful_restart, decode_graceful_restart>(64, "graceful-restart"),
    row<FourOctetAs, encode_four_octet_as, decode_four_octet_as>(65, "four-octet-as"),
    row<AddPath, encode_add_path, decode_add_path>(69, "add-path"),
    flag_row<EnhancedRouteRefresh>(70, "enhanced-route-refresh"),
    row<LongLivedGracefulRestart, encode_long_lived, decode_long_lived>(71, "long-lived-graceful-restart"),
    row<FullyQualifiedDomainName, encode_domain_name, decode_domain_name>(73, "fqdn"),
    flag_row<BfdStrictMode>(74, "bfd-strict-mode"),
    row<PathsLimit, encode_paths_limit, decode_paths_limit>(76, "paths-limit"),
    flag_row<LinkLocalNextHop>(77, "link-local-next-hop"),
    flag_row<RouteRefreshCapability>(128, "route-refresh-old"),  // Cisco's code before RFC 2918
};

const Row* row_of(std::uint8_t code) {
    const auto* const found = std::ranges::find(table, code, &Row::code);
    return found == table.end() ? nullptr : found;
}

template <class T>
std::string name_of() {
    return std::string{std::ranges::find(table, alternative_of<T>(), &Row::alternative)->name};
}

}  // namespace

bool AddPath::understood() const {
    return std::ranges::all_of(entries, [](const Entry& entry) { return entry.mode >= 1 && entry.mode <= 3; });
}

bool offers(const std::vector<Capability>& capabilities, AddressFamily family) {
    if (!has<Multiprotocol>(capabilities)) return family == ipv4_unicast;
    return std::ranges::find(capabilities, Capability{Multiprotocol{family}}) != capabilities.end();
}

void encode(const Capability& capability, wire::Writer& out) {
    if (const auto* const unknown = std::get_if<UnknownCapability>(&capability)) {
        out.u8(unknown->code);
        const auto length = out.length8();
        out.bytes(unknown->value);
        return;
    }
    const auto* const found = std::ranges::find(table, capability.index(), &Row::alternative);
    out.u8(found->code);
    const auto length = out.length8();
    found->encode(capability, out);
}

Result<std::vector<Capability>> decode_capabilities(std::span<const std::uint8_t> parameter) {
    std::vector<Capability> capabilities;
    wire::Reader in{parameter};
    while (!in.at_end()) {
        const auto code = in.u8();
        auto value = in.sub(in.u8());
        if (in.failed()) break;
        if (const auto* const known = row_of(code)) {
            capabilities.push_back(known->decode(value));
        } else {
            const auto octets = value.rest();
            capabilities.emplace_back(UnknownCapability{code, {octets.begin(), octets.end()}});
        }
        if (value.failed() || !value.at_end()) in.fail();
    }
    // RFC 4271 §6.2: a parameter that is recognized but malformed is "Unspecific".
    if (in.failed()) return std::unexpected{Notification{OpenMessageSubcode::Unspecific}};
    return capabilities;
}

std::string describe(const Multiprotocol& capability) {
    return name_of<Multiprotocol>() + ' ' + describe(capability.family);
}

std::string describe(const RouteRefreshCapability& /*capability*/) {
    return name_of<RouteRefreshCapability>();
}

std::string describe(const ExtendedNextHop& capability) {
    auto text = name_of<ExtendedNextHop>();
    for (const auto& entry : capability.entries) {
        text += ' ' + describe(entry.nlri) + " via afi " + std::to_string(entry.next_hop_afi);
    }
    return text;
}

std::string describe(const ExtendedMessage& /*capability*/) {
    return name_of<ExtendedMessage>();
}

std::string describe(const GracefulRestart& capability) {
    auto text = name_of<GracefulRestart>() + ' ' + std::to_string(capability.restart_time.count()) + 's';
    if (capability.restarted) text += " restarted";
    if (capability.notification) text += " notification";
    for (const auto& entry : capability.families) {
        text += ' ' + describe(entry.family) + (entry.forwarding_preserved ? " preserved" : "");
    }
    return text;
}

std::string describe(const FourOctetAs& capability) {
    return name_of<FourOctetAs>() + ' ' + describe(capability.asn);
}

std::string describe(const EnhancedRouteRefresh& /*capability*/) {
    return name_of<EnhancedRouteRefresh>();
}

std::string describe(const RoleCapability& capability) {
    const auto role = capability.role();
    return name_of<RoleCapability>() + ' ' + (role ? std::string{describe(*role)} : std::to_string(capability.value));
}

std::string describe(const AddPath& capability) {
    auto text = name_of<AddPath>();
    for (const auto& entry : capability.entries) {
        text += ' ' + describe(entry.family);
        if (entry.mode == 1) text += " receive";
        if (entry.mode == 2) text += " send";
        if (entry.mode == 3) text += " both";
        if (entry.mode < 1 || entry.mode > 3) text += " mode " + std::to_string(entry.mode);
    }
    return text;
}

std::string describe(const LongLivedGracefulRestart& capability) {
    auto text = name_of<LongLivedGracefulRestart>();
    for (const auto& entry : capability.families) {
        text += ' ' + describe(entry.family) + ' ' + std::to_string(entry.stale_time.count()) + 's' +
                (entry.forwarding_preserved ? " preserved" : "");
    }
    return text;
}

std::string describe(const FullyQualifiedDomainName& capability) {
    const auto name = capability.host + (capability.domain.empty() ? "" : '.' + capability.domain);
    return name_of<FullyQualifiedDomainName>() + ' ' +
           fit_for_display(std::vector<std::uint8_t>{name.begin(), name.end()});
}

std::string describe(const BfdStrictMode& /*capability*/) {
    return name_of<BfdStrictMode>();
}

std::string describe(const PathsLimit& capability) {
    auto text = name_of<PathsLimit>();
    for (const auto& entry : capability.entries) {
        text += ' ' + describe(entry.family) + ' ' + std::to_string(entry.limit);
    }
    return text;
}

std::string describe(const LinkLocalNextHop& /*capability*/) {
    return name_of<LinkLocalNextHop>();
}

std::string describe(const UnknownCapability& capability) {
    return "capability " + std::to_string(capability.code);
}

}  // namespace anyvip::bgp
