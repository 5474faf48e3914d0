#include "bgp/asn.hpp"

#include <charconv>

namespace anyvip::bgp {
namespace {

std::optional<std::uint32_t> number(std::string_view digits, std::uint32_t limit) {
    std::uint32_t value = 0;
    const char* const first = digits.data();
    const char* const last = first + digits.size();
    const auto [end, error] = std::from_chars(first, last, value);
    if (error != std::errc{} || end != last || value > limit) return std::nullopt;
    return value;
}

}  // namespace

std::optional<Asn> Asn::parse(std::string_view text) {
    const auto dot = text.find('.');
    if (dot == std::string_view::npos) {
        const auto value = number(text, 0xffffffff);
        return value ? std::optional{Asn{*value}} : std::nullopt;
    }
    const auto high = number(text.substr(0, dot), 0xffff);
    const auto low = number(text.substr(dot + 1), 0xffff);
    if (!high || !low) return std::nullopt;
    return Asn{*high << 16U | *low};
}

std::string Asn::to_string() const {
    return std::to_string(value_);
}

std::string Asn::to_asdot() const {
    if (fits_two_octets()) return to_string();
    return std::to_string(value_ >> 16U) + '.' + std::to_string(value_ & 0xffffU);
}

}  // namespace anyvip::bgp
