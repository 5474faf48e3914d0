#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "anyvip/describe.hpp"

namespace anyvip::bgp {

// Found by argument-dependent lookup for variants and vectors of this namespace's types.
using anyvip::describe;

/// An autonomous system number (RFC 6793: four octets everywhere but on the wire to an OLD speaker).
class Asn {
public:
    constexpr Asn() = default;
    constexpr explicit Asn(std::uint32_t value) : value_{value} {}

    /// "65010" or asdot "65000.10" (RFC 5396); nullopt for anything else. Reserved numbers parse: see is_valid().
    [[nodiscard]] static std::optional<Asn> parse(std::string_view text);

    [[nodiscard]] constexpr std::uint32_t value() const { return value_; }
    [[nodiscard]] constexpr bool fits_two_octets() const { return value_ <= 0xffff; }
    /// False for what no speaker may call its own: 0 (RFC 7607), AS_TRANS, and the last of each width (RFC 7300).
    [[nodiscard]] constexpr bool is_valid() const {
        return value_ != 0 && value_ != 23456 && value_ != 65535 && value_ != 4294967295U;
    }
    /// RFC 6996: 64512-65534 and 4200000000-4294967294.
    [[nodiscard]] constexpr bool is_private() const {
        return (value_ >= 64512 && value_ <= 65534) || (value_ >= 4200000000U && value_ <= 4294967294U);
    }
    /// "65010", "4200000001" (asplain).
    [[nodiscard]] std::string to_string() const;
    /// "65010", "64086.59905" (asdot).
    [[nodiscard]] std::string to_asdot() const;

    friend constexpr auto operator<=>(const Asn&, const Asn&) = default;

private:
    std::uint32_t value_ = 0;
};

/// Stands for a four-octet number where only two octets fit (RFC 6793 §9).
inline constexpr Asn as_trans{23456};

[[nodiscard]] inline std::string describe(Asn asn) {
    return asn.to_string();
}

}  // namespace anyvip::bgp
