#include "control/serialize.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace anyvip::control {
namespace {

namespace json = boost::json;

void append(std::string& out, double number) {
    std::array<char, 512> digits{};
    // JSON has no infinity; nothing of ours is that large.
    const double finite = std::isfinite(number) ? number : 0.0;
    const auto result =
        std::to_chars(digits.data(), digits.data() + digits.size(), finite, std::chars_format::fixed, 3);
    out.append(digits.data(), result.ptr);
}

void append(std::string& out, const json::value& value) {
    if (const auto* object = value.if_object()) {
        char before = '{';
        for (const auto& member : *object) {
            out += before;
            out += json::serialize(member.key());
            out += ':';
            append(out, member.value());
            before = ',';
        }
        if (object->empty()) out += '{';
        out += '}';
    } else if (const auto* array = value.if_array()) {
        char before = '[';
        for (const auto& element : *array) {
            out += before;
            append(out, element);
            before = ',';
        }
        if (array->empty()) out += '[';
        out += ']';
    } else if (const auto* number = value.if_double()) {
        append(out, *number);
    } else {
        out += json::serialize(value);
    }
}

/// The length of the UTF-8 sequence at the start of `text` (RFC 3629 §4), 0 if there is none.
std::size_t sequence_length(std::string_view text) {
    const auto octet = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0U; };
    const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
        return octet(i) >= low && octet(i) <= high;
    };
    const unsigned first = octet(0);
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {  // Neither overlong forms nor surrogates.
        return continues(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && continues(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {  // Neither overlong forms nor beyond U+10FFFF.
        return continues(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf) && continues(2) && continues(3)
                   ? 4
                   : 0;
    }
    return 0;
}

}  // namespace

std::string serialize(const json::value& value) {
    std::string out;
    append(out, value);
    return out;
}

std::string valid_utf8(std::string_view text) {
    std::string valid;
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        valid += length == 0 ? std::string_view{"\xef\xbf\xbd"} : text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return valid;
}

}  // namespace anyvip::control
