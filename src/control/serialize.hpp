#pragma once

#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

namespace anyvip::control {

/// One line without spaces. Numbers with a fraction have three decimals and no exponent, so that the same text
/// comes out of what it is parsed to; Boost's own serializer writes 12.5 as 1.25E1.
[[nodiscard]] std::string serialize(const boost::json::value& value);

/// A JSON string is UTF-8 (RFC 8259 §8.1), what a check's target said may be anything: octets that are not
/// UTF-8 become U+FFFD.
[[nodiscard]] std::string valid_utf8(std::string_view text);

}  // namespace anyvip::control
