#include "config/reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <numeric>
#include <tuple>

#include "config/later.hpp"

namespace anyvip::config {

namespace {

std::string joined(std::span<const std::string> words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
        text += quote(words[i]);
    }
    return text;
}

bool is_later(std::string_view section, std::string_view key, std::string_view value = {}) {
    return std::ranges::any_of(later_words, [&](const LaterWord& word) {
        return word.section == section && word.key == key && word.value == value;
    });
}

/// Insertions, deletions, substitutions and exchanged neighbours ("nmae"), one each.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(last.begin(), last.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), last[j] + 1, row[j - 1] + 1});
            const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (exchanged) row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        before_last.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

struct Unit {
    std::string_view name;
    std::int64_t size;
};

constexpr Unit unit_of(std::string_view name, Duration duration) {
    return {name, duration.count()};
}

/// In nanoseconds, the largest first.
constexpr std::array duration_units{
    unit_of("h", std::chrono::hours{1}),         unit_of("m", std::chrono::minutes{1}),
    unit_of("s", std::chrono::seconds{1}),       unit_of("ms", std::chrono::milliseconds{1}),
    unit_of("us", std::chrono::microseconds{1}), unit_of("ns", std::chrono::nanoseconds{1}),
};

/// In bits per second; those of bits first, the largest first.
constexpr std::array rate_units{
    Unit{"Tbit/s", 1'000'000'000'000},
    Unit{"Gbit/s", 1'000'000'000},
    Unit{"Mbit/s", 1'000'000},
    Unit{"kbit/s", 1'000},
    Unit{"bit/s", 1},
    Unit{"TB/s", 8'000'000'000'000},
    Unit{"GB/s", 8'000'000'000},
    Unit{"MB/s", 8'000'000},
    Unit{"kB/s", 8'000},
    Unit{"B/s", 8},
};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// "1.5ms", in the smallest unit.
std::optional<std::int64_t> parse_quantity(std::string_view text, std::span<const Unit> units) {
    const auto digits_end = std::ranges::find_if_not(text, is_digit);
    const auto whole_text = text.substr(0, static_cast<std::size_t>(digits_end - text.begin()));
    auto rest = text.substr(whole_text.size());
    std::int64_t whole = 0;
    const auto parsed = std::from_chars(whole_text.data(), whole_text.data() + whole_text.size(), whole);
    if (whole_text.empty() || parsed.ec != std::errc{}) return std::nullopt;

    std::string_view fraction;
    if (rest.starts_with('.')) {
        rest.remove_prefix(1);
        const auto end = std::ranges::find_if_not(rest, is_digit);
        fraction = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
        rest.remove_prefix(fraction.size());
        if (fraction.empty() || fraction.size() > 9) return std::nullopt;
    }

    const auto unit = std::ranges::find(units, rest, &Unit::name);
    if (unit == units.end() || whole > std::numeric_limits<std::int64_t>::max() / unit->size - 1) return std::nullopt;
    auto result = whole * unit->size;
    auto place_value = unit->size;
    for (const char digit : fraction) {
        if (place_value % 10 != 0) return digit == '0' ? std::optional{result} : std::nullopt;
        place_value /= 10;
        result += (digit - '0') * place_value;
    }
    return result;
}

/// In the first unit that needs no fraction.
std::string format_quantity(std::int64_t quantity, std::span<const Unit> units) {
    const auto unit = std::ranges::find_if(units, [&](const Unit& u) { return quantity % u.size == 0; });
    return std::to_string(quantity / unit->size) + std::string{unit->name};
}

}  // namespace

void Errors::add(Place place, std::string message, std::string suggestion) {
    errors_.push_back({file_, place.line, place.column, std::move(message), std::move(suggestion)});
}

std::vector<Error> Errors::take() {
    // std::stable_sort warns with clang on libstdc++ 12 (its buffer is deprecated), so the order is a key.
    std::vector<std::size_t> order(errors_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return std::tuple{errors_[i].line, errors_[i].column, i}; });
    std::vector<Error> sorted;
    sorted.reserve(order.size());
    for (const std::size_t i : order) sorted.push_back(std::move(errors_[i]));
    errors_.clear();
    return sorted;
}

std::string suggest(std::string_view word, std::span<const std::string> candidates) {
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        // Names can be long and many; what differs more in length than allowed needs no table.
        const std::size_t apart = std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
        if (apart >= best_distance) continue;
        if (const std::size_t distance = edit_distance(word, candidate); distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string quote(std::string_view text) {
    static constexpr std::string_view hex = "0123456789abcdef";
    std::string quoted{'"'};
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            quoted += '\\';
            quoted += c;
        } else if (octet < 0x20 || octet == 0x7f) {
            quoted += "\\u00";
            quoted += hex[octet >> 4U];
            quoted += hex[octet & 0xfU];
        } else {
            quoted += c;
        }
    }
    return quoted + '"';
}

std::optional<Duration> parse_duration(std::string_view text) {
    const auto nanoseconds = parse_quantity(text, duration_units);
    return nanoseconds ? std::optional{Duration{*nanoseconds}} : std::nullopt;
}

std::string format_duration(Duration duration) {
    return duration == Duration::zero() ? "0s" : format_quantity(duration.count(), duration_units);
}

std::optional<std::uint64_t> parse_rate(std::string_view text) {
    const auto bits = parse_quantity(text, rate_units);
    if (!bits || *bits == 0 || *bits % 8 != 0) return std::nullopt;
    return static_cast<std::uint64_t>(*bits / 8);
}

std::string format_rate(std::uint64_t octets_per_second) {
    return format_quantity(static_cast<std::int64_t>(octets_per_second * 8), rate_units);
}

Section::Section(const Value& value, std::string name, Errors& errors)
    : value_{value}, name_{std::move(name)}, errors_{errors} {}

Section::~Section() {
    const auto* entries = std::get_if<Table>(&value_.data);
    if (entries == nullptr) return;
    for (const Entry& entry : *entries) {
        if (std::ranges::find(asked_, entry.key) != asked_.end()) continue;
        if (is_later(name_, entry.key)) {
            error(entry.place, quote(entry.key) + " is not available yet in this version");
        } else {
            error(entry.place, "unknown key " + quote(entry.key) + (name_.empty() ? "" : " in " + name_),
                  suggest(entry.key, asked_));
        }
    }
}

const Value* Section::find(std::string_view key) {
    if (std::ranges::find(asked_, key) == asked_.end()) asked_.emplace_back(key);
    const Entry* entry = config::find(value_, key);
    return entry == nullptr ? nullptr : &entry->value;
}

const Value* Section::require(std::string_view key) {
    const Value* value = find(key);
    if (value == nullptr && !asks_for_later())
        error(place(), quote(key) + " is missing" + (name_.empty() ? "" : " in " + name_));
    return value;
}

bool Section::asks_for_later() const {
    const auto* entries = std::get_if<Table>(&value_.data);
    return entries != nullptr && std::ranges::any_of(*entries, [&](const Entry& e) { return is_later(name_, e.key); });
}

bool Section::is_empty_array(std::string_view key) {
    const Value* value = find(key);
    const auto* items = value == nullptr ? nullptr : std::get_if<Array>(&value->data);
    return items != nullptr && items->empty();
}

void Section::read(std::string_view key, bool& target) {
    const Value* value = find(key);
    if (value == nullptr) return;
    if (const auto* boolean = std::get_if<bool>(&value->data)) {
        target = *boolean;
    } else {
        mismatch(*value, "true or false");
    }
}

void Section::read(std::string_view key, std::string& target) {
    const Value* value = find(key);
    if (value == nullptr) return;
    if (const std::string* found = text(*value)) target = *found;
}

void Section::read(std::string_view key, Duration& target, Duration low, Duration high) {
    const Value* value = find(key);
    if (value == nullptr) return;
    const std::string expected = "a duration with a unit, such as \"300ms\" or \"2s\"";
    if (const auto* integer = std::get_if<std::int64_t>(&value->data)) {
        return mismatch(*value, expected, std::to_string(*integer) + "s");
    }
    const auto* found = std::get_if<std::string>(&value->data);
    if (found == nullptr) return mismatch(*value, expected);
    const auto duration = parse_duration(*found);
    if (!duration) return mismatch(*value, expected);
    if (*duration < low || *duration > high) {
        const std::string bounds = high == longest ? "at least " + format_duration(low)
                                                   : format_duration(low) + " to " + format_duration(high);
        return error(value->place, quote(key) + " must be " + bounds + ", found " + quote(*found));
    }
    target = *duration;
}

void Section::read(std::string_view key, net::IpAddress& target) {
    const Value* value = find(key);
    if (value == nullptr) return;
    const auto* found = std::get_if<std::string>(&value->data);
    const auto address = found == nullptr ? std::nullopt : net::IpAddress::parse(*found);
    if (address) {
        target = *address;
    } else {
        mismatch(*value, "an IPv4 or IPv6 address");
    }
}

void Section::read(std::string_view key, net::Ipv4Address& target) {
    const Value* value = find(key);
    if (value == nullptr) return;
    const auto* found = std::get_if<std::string>(&value->data);
    const auto address = found == nullptr ? std::nullopt : net::Ipv4Address::parse(*found);
    if (address) {
        target = *address;
    } else {
        mismatch(*value, "an IPv4 address");
    }
}

void Section::read(std::string_view key, net::Ipv6Address& target) {
    const Value* value = find(key);
    if (value == nullptr) return;
    const auto* found = std::get_if<std::string>(&value->data);
    const auto address = found == nullptr ? std::nullopt : net::Ipv6Address::parse(*found);
    if (address) {
        target = *address;
    } else {
        mismatch(*value, "an IPv6 address");
    }
}

void Section::read(std::string_view key, std::vector<net::IpAddress>& target) {
    if (find(key) == nullptr) return;
    target.clear();
    for (const Value& item : array(key)) {
        const auto* found = std::get_if<std::string>(&item.data);
        const auto address = found == nullptr ? std::nullopt : net::IpAddress::parse(*found);
        if (!address) {
            mismatch(item, "an IPv4 or IPv6 address");
        } else if (std::ranges::find(target, *address) != target.end()) {
            error(item.place, quote(*found) + " is listed twice");
        } else {
            target.push_back(*address);
        }
    }
}

std::optional<std::size_t> Section::word(std::string_view key, const Value& value, std::span<const std::string> words) {
    const auto* found = std::get_if<std::string>(&value.data);
    if (found == nullptr) {
        mismatch(value, joined(words));
        return std::nullopt;
    }
    const auto at = std::ranges::find(words, *found);
    if (at != words.end()) return static_cast<std::size_t>(at - words.begin());
    if (is_later(name_, key, *found)) {
        error(value.place, std::string{key} + " = " + quote(*found) + " is not available yet in this version");
    } else {
        mismatch(value, joined(words), suggest(*found, words));
    }
    return std::nullopt;
}

std::span<const Value> Section::array(std::string_view key) {
    const Value* value = find(key);
    if (value == nullptr) return {};
    if (const auto* items = std::get_if<Array>(&value->data)) return *items;
    mismatch(*value, "an array");
    return {};
}

const Value* Section::table(std::string_view key) {
    const Value* value = find(key);
    if (value == nullptr) return nullptr;
    if (std::holds_alternative<Table>(value->data)) return value;
    mismatch(*value, "a table");
    return nullptr;
}

std::vector<const Value*> Section::tables(std::string_view key) {
    std::vector<const Value*> found;
    const std::string header = "[[" + (name_.empty() ? "" : name_ + ".") + std::string{key} + "]]";
    const Value* value = find(key);
    if (value == nullptr) return found;
    const auto* items = std::get_if<Array>(&value->data);
    if (items == nullptr) {
        mismatch(*value, "an array of tables, " + header);
        return found;
    }
    for (const Value& item : *items) {
        if (std::holds_alternative<Table>(item.data)) {
            found.push_back(&item);
        } else {
            mismatch(item, "a table, as in " + header);
        }
    }
    return found;
}

const std::string* Section::text(const Value& value) {
    const auto* found = std::get_if<std::string>(&value.data);
    if (found == nullptr) mismatch(value, "a string");
    return found;
}

std::optional<std::int64_t> Section::number(const Value& value, std::int64_t low, std::int64_t high) {
    const auto* found = std::get_if<std::int64_t>(&value.data);
    if (found != nullptr && *found >= low && *found <= high) return *found;
    mismatch(value, "an integer from " + std::to_string(low) + " to " + std::to_string(high));
    return std::nullopt;
}

std::optional<std::int64_t> Section::integer_in(std::string_view key, std::int64_t low, std::int64_t high) {
    const Value* value = find(key);
    return value == nullptr ? std::nullopt : number(*value, low, high);
}

void Section::mismatch(const Value& value, std::string_view expected, std::string suggestion) {
    const auto* found = std::get_if<std::string>(&value.data);
    error(value.place,
          "expected " + std::string{expected} + ", found " + (found == nullptr ? describe_kind(value) : quote(*found)),
          std::move(suggestion));
}

void Section::error(Place place, std::string message, std::string suggestion) {
    errors_.add(place, std::move(message), std::move(suggestion));
}

Place Section::place(std::string_view key) const {
    return place_of(value_, key);
}

Place place_of(const Value& table, std::string_view key) {
    const Entry* entry = find(table, key);
    return entry == nullptr ? table.place : entry->value.place;
}

}  // namespace anyvip::config
