#include "anyvip/net/community.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <charconv>
#include <cmath>
#include <span>
#include <system_error>

#include "anyvip/net/address.hpp"
#include "anyvip/wire/reader.hpp"
#include "anyvip/wire/writer.hpp"

namespace anyvip::net {
namespace {

struct NamedCommunity {
    Community community;
    std::string_view name;
};

constexpr std::array named_communities{
    NamedCommunity{graceful_shutdown_community, "graceful-shutdown"},
    NamedCommunity{Community{0xffff0001}, "accept-own"},           // RFC 7611
    NamedCommunity{llgr_stale_community, "llgr-stale"},            //
    NamedCommunity{no_llgr_community, "no-llgr"},                  //
    NamedCommunity{blackhole_community, "blackhole"},              //
    NamedCommunity{no_export_community, "no-export"},              //
    NamedCommunity{no_advertise_community, "no-advertise"},        //
    NamedCommunity{Community{0xffffff03}, "no-export-subconfed"},  // RFC 1997
    NamedCommunity{Community{0xffffff04}, "no-peer"},              // RFC 3765
};

/// Decimal numbers up to `limit`, as many as `numbers` has, between colons.
template <std::size_t N>
bool parse_numbers(std::string_view text, std::uint32_t limit, std::array<std::uint32_t, N>& numbers) {
    const auto* at = text.data();
    const auto* const last = text.data() + text.size();
    for (std::size_t i = 0; i < N; ++i) {
        if (i > 0) {
            if (at == last || *at != ':') return false;
            ++at;
        }
        const auto [end, error] = std::from_chars(at, last, numbers[i]);
        if (error != std::errc{} || numbers[i] > limit) return false;
        at = end;
    }
    return at == last;
}

/// Extended communities (RFC 4360 §2, §3; IANA "BGP Extended Communities"): type, and subtype.
namespace extended {
constexpr std::uint8_t two_octet_as = 0;   // RFC 4360 §3.1: a number of two octets, then a value of four
constexpr std::uint8_t ipv4_address = 1;   // RFC 4360 §3.2: an address, then a value of two
constexpr std::uint8_t four_octet_as = 2;  // RFC 5668 §2: a number of four octets, then a value of two
constexpr std::uint8_t non_transitive = 0x40;
constexpr std::uint8_t route_target = 2;
constexpr std::uint8_t site_of_origin = 3;
constexpr std::uint8_t bandwidth = 4;
}  // namespace extended

/// Precondition: eight octets were written.
ExtendedCommunity from_octets(const wire::Writer& written) {
    ExtendedCommunity community;
    assert(written.size() == community.octets.size());
    std::ranges::copy(written.view(), community.octets.begin());
    return community;
}

/// Sixteen hexadecimal digits.
std::optional<ExtendedCommunity> parse_octets(std::string_view digits) {
    ExtendedCommunity community;
    if (digits.size() != 2 * community.octets.size()) return std::nullopt;
    for (std::size_t i = 0; i < community.octets.size(); ++i) {
        const auto* const first = digits.data() + 2 * i;
        const auto [end, error] = std::from_chars(first, first + 2, community.octets[i], 16);
        if (error != std::errc{} || end != first + 2) return std::nullopt;
    }
    return community;
}

/// "65010:100", "4200000010:100", "10.0.0.1:100": the administrator says which type it is.
std::optional<ExtendedCommunity> parse_administered(std::uint8_t subtype, std::string_view text) {
    wire::Writer out;
    std::array<std::uint32_t, 2> numbers{};
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    if (const auto address = Ipv4Address::parse(text.substr(0, colon))) {
        std::array<std::uint32_t, 1> value{};
        if (!parse_numbers(text.substr(colon + 1), 0xffff, value)) return std::nullopt;
        out.u8(extended::ipv4_address);
        out.u8(subtype);
        out.ipv4(*address);
        out.u16(static_cast<std::uint16_t>(value[0]));
        return from_octets(out);
    }
    if (!parse_numbers(text, 0xffffffff, numbers)) return std::nullopt;
    const bool two_octets = numbers[0] <= 0xffff;
    if (!two_octets && numbers[1] > 0xffff) return std::nullopt;
    out.u8(two_octets ? extended::two_octet_as : extended::four_octet_as);
    out.u8(subtype);
    if (two_octets) {
        out.u16(static_cast<std::uint16_t>(numbers[0]));
        out.u32(numbers[1]);
    } else {
        out.u32(numbers[0]);
        out.u16(static_cast<std::uint16_t>(numbers[1]));
    }
    return from_octets(out);
}

/// "65010:1250000".
std::optional<ExtendedCommunity> parse_bandwidth(std::string_view text) {
    const auto colon = text.find(':');
    std::array<std::uint32_t, 1> asn{};
    if (colon == std::string_view::npos || !parse_numbers(text.substr(0, colon), 0xffffffff, asn)) return std::nullopt;
    const auto rate = text.substr(colon + 1);
    float octets_per_second = 0;
    const auto [end, error] = std::from_chars(rate.data(), rate.data() + rate.size(), octets_per_second);
    if (error != std::errc{} || end != rate.data() + rate.size()) return std::nullopt;
    if (!std::isfinite(octets_per_second) || std::signbit(octets_per_second)) return std::nullopt;
    return ExtendedCommunity::link_bandwidth(asn[0], octets_per_second);
}

/// "0x0003000a00000064".
std::string hex(std::span<const std::uint8_t> octets) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text = "0x";
    for (const auto octet : octets) {
        text += digits[octet >> 4U];
        text += digits[octet & 0x0fU];
    }
    return text;
}

/// The shortest digits that are read back as the same number; without an exponent.
std::string to_text(float number) {
    std::array<char, 64> text{};
    const auto [end, error] = std::to_chars(text.begin(), text.end(), number, std::chars_format::fixed);
    return error == std::errc{} ? std::string{text.begin(), end} : std::string{};
}

}  // namespace

std::optional<Community> Community::parse(std::string_view text) {
    for (const auto& named : named_communities) {
        if (named.name == text) return named.community;
    }
    std::array<std::uint32_t, 2> numbers{};
    if (!parse_numbers(text, 0xffff, numbers)) return std::nullopt;
    return Community{static_cast<std::uint16_t>(numbers[0]), static_cast<std::uint16_t>(numbers[1])};
}

std::string Community::to_string() const {
    for (const auto& named : named_communities) {
        if (named.community == *this) return std::string{named.name};
    }
    return std::to_string(value_ >> 16U) + ':' + std::to_string(value_ & 0xffffU);
}

std::vector<std::string> well_known_communities() {
    std::vector<std::string> names;
    for (const auto& named : named_communities) names.emplace_back(named.name);
    return names;
}

std::optional<LargeCommunity> LargeCommunity::parse(std::string_view text) {
    std::array<std::uint32_t, 3> numbers{};
    if (!parse_numbers(text, 0xffffffff, numbers)) return std::nullopt;
    return LargeCommunity{numbers[0], numbers[1], numbers[2]};
}

std::string LargeCommunity::to_string() const {
    return std::to_string(global_administrator) + ':' + std::to_string(local_data_1) + ':' +
           std::to_string(local_data_2);
}

std::optional<ExtendedCommunity> ExtendedCommunity::parse(std::string_view text) {
    if (text.starts_with("0x")) return parse_octets(text.substr(2));
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto kind = text.substr(0, colon);
    const auto value = text.substr(colon + 1);
    if (kind == "rt") return parse_administered(extended::route_target, value);
    if (kind == "soo") return parse_administered(extended::site_of_origin, value);
    if (kind == "bandwidth") return parse_bandwidth(value);
    return std::nullopt;
}

std::string ExtendedCommunity::to_string() const {
    wire::Reader in{octets};
    const auto type = in.u8();
    const auto subtype = in.u8();
    if (type == (extended::two_octet_as | extended::non_transitive) && octets_per_second()) {
        return "bandwidth:" + std::to_string(in.u16()) + ':' + to_text(*octets_per_second());
    }
    if (subtype != extended::route_target && subtype != extended::site_of_origin) return hex(octets);
    const std::string kind = subtype == extended::route_target ? "rt:" : "soo:";
    switch (type) {
        case extended::two_octet_as: {
            const auto administrator = in.u16();
            return kind + std::to_string(administrator) + ':' + std::to_string(in.u32());
        }
        case extended::ipv4_address: {
            const auto administrator = in.ipv4();
            return kind + administrator.to_string() + ':' + std::to_string(in.u16());
        }
        case extended::four_octet_as: {
            const auto administrator = in.u32();
            // What parse() takes for the type of two octets is shown as it is.
            if (administrator <= 0xffff) return hex(octets);
            return kind + std::to_string(administrator) + ':' + std::to_string(in.u16());
        }
    }
    return hex(octets);
}

ExtendedCommunity ExtendedCommunity::link_bandwidth(std::uint32_t asn, float octets_per_second) {
    assert(std::isfinite(octets_per_second) && octets_per_second >= 0);
    wire::Writer out;
    out.u8(extended::two_octet_as | extended::non_transitive);
    out.u8(extended::bandwidth);
    constexpr std::uint16_t as_trans = 23456;
    out.u16(asn <= 0xffff ? static_cast<std::uint16_t>(asn) : as_trans);
    out.u32(std::bit_cast<std::uint32_t>(octets_per_second));
    return from_octets(out);
}

std::optional<float> ExtendedCommunity::octets_per_second() const {
    wire::Reader in{octets};
    const auto type = in.u8();
    if ((type & ~extended::non_transitive) != extended::two_octet_as || in.u8() != extended::bandwidth) {
        return std::nullopt;
    }
    in.skip(2);
    const auto rate = std::bit_cast<float>(in.u32());
    return std::isfinite(rate) && !std::signbit(rate) ? std::optional{rate} : std::nullopt;
}

std::string describe(Community community) {
    return community.to_string();
}

std::string describe(const LargeCommunity& community) {
    return community.to_string();
}

std::string describe(const ExtendedCommunity& community) {
    return community.to_string();
}

}  // namespace anyvip::net
