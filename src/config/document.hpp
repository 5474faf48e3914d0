#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// A TOML document as a value that remembers where everything stands. What it is for: document.cpp is the
/// one unit that includes toml++, which costs seconds to compile and throws.
namespace anyvip::config {

/// From 1; columns count code points.
struct Place {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
};

struct Value;
struct Entry;

using Array = std::vector<Value>;

/// In alphabetical order, as toml++ keeps them.
using Table = std::vector<Entry>;

/// Dates and times: TOML has them, we have no key for them.
struct DateOrTime {};

struct Value {
    Place place;
    std::variant<std::string, std::int64_t, double, bool, DateOrTime, Array, Table> data;
};

struct Entry {
    std::string key;
    Place place;  ///< of the key
    Value value;
};

struct SyntaxError {
    Place place;
    std::string message;
};

/// The table that is the whole document.
[[nodiscard]] std::expected<Value, SyntaxError> parse_document(std::string_view text);

/// nullptr: `value` is no table or has no such key.
[[nodiscard]] const Entry* find(const Value& value, std::string_view key);

/// "a string", "the integer 5", "a table": what an error says was found.
[[nodiscard]] std::string describe_kind(const Value& value);

}  // namespace anyvip::config
