#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The three kinds of BGP community as values, and as the text in which a configuration has them and a status shows
/// them. What routes do with them is the speaker's matter.
///
/// RFC 1997 (communities), 4360 and 5668 (extended communities), 8092 (large communities), 10005 (link bandwidth).
namespace anyvip::net {

/// RFC 1997: "65010:100" or a well-known name.
class Community {
public:
    constexpr Community() = default;
    constexpr explicit Community(std::uint32_t value) : value_{value} {}
    constexpr Community(std::uint16_t asn, std::uint16_t tag) : value_{std::uint32_t{asn} << 16U | tag} {}

    /// "65010:100", "no-export", "graceful-shutdown", ...
    [[nodiscard]] static std::optional<Community> parse(std::string_view text);
    [[nodiscard]] constexpr std::uint32_t value() const { return value_; }
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const Community&, const Community&) = default;

private:
    std::uint32_t value_ = 0;
};

inline constexpr Community graceful_shutdown_community{0xffff0000};  // RFC 8326
inline constexpr Community llgr_stale_community{0xffff0006};         // RFC 9494
inline constexpr Community no_llgr_community{0xffff0007};            // RFC 9494
inline constexpr Community blackhole_community{0xffff029a};          // RFC 7999
inline constexpr Community no_export_community{0xffffff01};
inline constexpr Community no_advertise_community{0xffffff02};

/// The names that Community::parse() takes, for suggestions.
[[nodiscard]] std::vector<std::string> well_known_communities();

/// RFC 8092: "65010:1:100".
struct LargeCommunity {
    std::uint32_t global_administrator = 0;
    std::uint32_t local_data_1 = 0;
    std::uint32_t local_data_2 = 0;

    [[nodiscard]] static std::optional<LargeCommunity> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;

    friend auto operator<=>(const LargeCommunity&, const LargeCommunity&) = default;
};

/// RFC 4360, as octets: type, subtype, value.
struct ExtendedCommunity {
    std::array<std::uint8_t, 8> octets{};

    /// A route target or a site of origin, "rt:65010:100", "rt:4200000010:100" (RFC 5668: a number of four octets and
    /// a value of two), "rt:10.0.0.1:100", "soo:..."; a link bandwidth in octets per second, "bandwidth:65010:1250000";
    /// otherwise all of it, "0x0003000a00000064". parse() takes what to_string() gives.
    [[nodiscard]] static std::optional<ExtendedCommunity> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    /// RFC 10005: not transitive; the number of an AS above two octets is AS_TRANS (RFC 6793 §9). Precondition: finite
    /// and not negative.
    [[nodiscard]] static ExtendedCommunity link_bandwidth(std::uint32_t asn, float octets_per_second);
    /// Of a link bandwidth, transitive or not.
    [[nodiscard]] std::optional<float> octets_per_second() const;

    friend auto operator<=>(const ExtendedCommunity&, const ExtendedCommunity&) = default;
};

[[nodiscard]] std::string describe(Community community);
[[nodiscard]] std::string describe(const LargeCommunity& community);
[[nodiscard]] std::string describe(const ExtendedCommunity& community);

}  // namespace anyvip::net
