#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/net/mac_address.hpp"
#include "anyvip/strong.hpp"
#include "anyvip/time.hpp"
#include "vrrp/advertisement.hpp"

/// A value as a line of text that can be read again: "Kind key=value key=\"a value with spaces\"".
///
/// Writer and Reader have the same call for a field, so that a function which names the fields of a struct is written
/// once for both directions (daemon/transcript.cpp). What is not there for the Reader, cannot be read, or was not asked
/// for is an error, and the first one is kept.
namespace anyvip::daemon::field_text {

// ---- values: write() and read() of each type that an event is made of

inline constexpr std::string_view hex_digits = "0123456789abcdef";

template <std::integral T>
std::optional<T> read_number(std::string_view text) {
    T number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

inline std::string write_hex(const std::vector<std::uint8_t>& bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const auto byte : bytes) {
        text += hex_digits[byte >> 4U];
        text += hex_digits[byte & 0xfU];
    }
    return text;
}

inline std::optional<std::vector<std::uint8_t>> read_hex(std::string_view text) {
    std::vector<std::uint8_t> bytes;
    if (text.size() % 2 != 0) return std::nullopt;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const auto high = hex_digits.find(text[i]);
        const auto low = hex_digits.find(text[i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
        bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
    }
    return bytes;
}

/// Seconds, with three, six or nine digits behind the point.
inline std::string write_seconds(Duration duration) {
    constexpr std::int64_t second = 1'000'000'000;
    const auto count = duration.count();
    auto fraction = std::to_string(second + (count < 0 ? -count : count) % second).substr(1);
    while (fraction.size() > 3 && fraction.ends_with("000")) fraction.resize(fraction.size() - 3);
    return (count < 0 ? "-" : "") + std::to_string((count < 0 ? -count : count) / second) + '.' + fraction;
}

inline std::optional<Duration> read_seconds(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const auto point = text.find('.');
    if (point == std::string_view::npos) return std::nullopt;
    std::string digits{text.substr(point + 1)};
    if (digits.empty() || digits.size() > 9) return std::nullopt;
    digits.append(9 - digits.size(), '0');
    const auto whole = read_number<std::uint32_t>(text.substr(0, point));
    const auto fraction = read_number<std::uint32_t>(digits);
    if (!whole || !fraction) return std::nullopt;
    const auto duration = std::chrono::seconds{*whole} + Duration{*fraction};
    return negative ? -duration : duration;
}

template <class T>
struct Form;

template <>
struct Form<bool> {
    static std::string write(bool value) { return value ? "yes" : "no"; }
    static std::optional<bool> read(std::string_view text) {
        if (text != "yes" && text != "no") return std::nullopt;
        return text == "yes";
    }
};

template <std::unsigned_integral T>
struct Form<T> {
    static std::string write(T value) { return std::to_string(value); }
    static std::optional<T> read(std::string_view text) { return read_number<T>(text); }
};

template <>
struct Form<std::string> {
    static std::string write(const std::string& value) { return value; }
    static std::optional<std::string> read(std::string_view text) { return std::string{text}; }
};

template <class T, class Tag>
struct Form<Strong<T, Tag>> {
    static std::string write(const Strong<T, Tag>& value) { return Form<T>::write(value.value()); }
    static std::optional<Strong<T, Tag>> read(std::string_view text) {
        auto value = Form<T>::read(text);
        if (!value) return std::nullopt;
        return Strong<T, Tag>{*std::move(value)};
    }
};

template <>
struct Form<vrrp::Priority> {
    static std::string write(vrrp::Priority value) { return std::to_string(value.value()); }
    static std::optional<vrrp::Priority> read(std::string_view text) {
        const auto value = read_number<std::uint8_t>(text);
        if (!value) return std::nullopt;
        return vrrp::Priority{*value};
    }
};

/// By the words of describe().
template <class T>
    requires std::is_enum_v<T>
struct Form<T> {
    static_assert(std::is_same_v<std::underlying_type_t<T>, std::uint8_t>);
    static std::string write(T value) { return std::string{describe(value)}; }
    static std::optional<T> read(std::string_view text) {
        for (unsigned value = 0; value < 256; ++value) {
            const auto candidate = static_cast<T>(value);
            if (std::string{describe(candidate)} == text) return candidate;
        }
        return std::nullopt;
    }
};

template <class T>
    requires std::same_as<T, net::IpAddress> || std::same_as<T, net::Ipv6Address> || std::same_as<T, net::Prefix>
struct Form<T> {
    static std::string write(const T& value) { return value.to_string(); }
    static std::optional<T> read(std::string_view text) { return T::parse(text); }
};

template <>
struct Form<net::Endpoint> {
    static std::string write(const net::Endpoint& value) { return value.to_string(); }
    static std::optional<net::Endpoint> read(std::string_view text) {
        const auto colon = text.rfind(':');
        if (colon == std::string_view::npos) return std::nullopt;
        auto host = text.substr(0, colon);
        if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
        const auto address = net::IpAddress::parse(host);
        const auto port = read_number<std::uint16_t>(text.substr(colon + 1));
        if (!address || !port) return std::nullopt;
        return net::Endpoint{*address, *port};
    }
};

template <>
struct Form<net::MacAddress> {
    static std::string write(const net::MacAddress& value) { return value.to_string(); }
    static std::optional<net::MacAddress> read(std::string_view text) {
        std::string digits{text};
        std::erase(digits, ':');
        const auto bytes = read_hex(digits);
        net::MacAddress::Bytes mac{};
        if (!bytes || bytes->size() != mac.size()) return std::nullopt;
        std::ranges::copy(*bytes, mac.begin());
        return net::MacAddress{mac};
    }
};

template <>
struct Form<std::vector<std::uint8_t>> {
    static std::string write(const std::vector<std::uint8_t>& value) { return write_hex(value); }
    static std::optional<std::vector<std::uint8_t>> read(std::string_view text) { return read_hex(text); }
};

template <class List>
    requires std::same_as<List, std::vector<typename List::value_type>> ||
             std::same_as<List, std::set<typename List::value_type>>
struct Form<List> {
    using T = List::value_type;
    static std::string write(const List& values) {
        std::string text;
        for (const auto& value : values) text += (text.empty() ? "" : ",") + Form<T>::write(value);
        return text;
    }
    static std::optional<List> read(std::string_view text) {
        List values;
        while (!text.empty()) {
            const auto end = std::min(text.find(','), text.size());
            auto value = Form<T>::read(text.substr(0, end));
            if (!value) return std::nullopt;
            values.insert(values.end(), *std::move(value));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        return values;
    }
};

// ---- lines: "Kind key=value key="a value with spaces""

inline std::string quoted(const std::string& value) {
    const auto plain = [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; };
    if (!value.empty() && std::ranges::all_of(value, plain)) return value;
    std::string text{'"'};
    for (const char c : value) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (c == '"' || c == '\\') {
            text += '\\';
            text += c;
        } else if (byte < ' ' || byte >= 0x7f) {
            text += "\\x";
            text += write_hex({byte});
        } else {
            text += c;
        }
    }
    return text + '"';
}

/// Takes a value from the front of `text`; nullopt: it has no end.
inline std::optional<std::string> take_value(std::string_view& text) {
    if (!text.starts_with('"')) {
        const auto end = std::min(text.find(' '), text.size());
        std::string value{text.substr(0, end)};
        text.remove_prefix(end);
        return value;
    }
    std::string value;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '"') {
            text.remove_prefix(i + 1);
            return value;
        }
        if (text[i] != '\\') {
            value += text[i];
        } else if (const auto byte = read_hex(text.substr(std::min(i + 2, text.size()), 2));
                   text.substr(i).starts_with("\\x") && byte && byte->size() == 1) {
            value += static_cast<char>(byte->front());
            i += 3;
        } else if (++i < text.size()) {
            value += text[i];
        }
    }
    return std::nullopt;
}

class Writer {
public:
    Writer(std::string_view kind, TimePoint start) : text_{kind}, start_{start} {}

    template <class T>
    void operator()(std::string_view key, const T& value) {
        text_ += ' ' + std::string{key} + '=' + quoted(Form<T>::write(value));
    }
    template <class T>
    void operator()(std::string_view key, const std::optional<T>& value) {
        if (value) (*this)(key, *value);
    }
    void operator()(std::string_view key, Duration value) { (*this)(key, write_seconds(value)); }
    void operator()(std::string_view key, TimePoint value) { (*this)(key, value - start_); }

    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string text_;
    TimePoint start_;
};

class Reader {
public:
    Reader(std::string_view line, TimePoint start) : start_{start}, kind_{line.substr(0, line.find(' '))} {
        line.remove_prefix(kind_.size());
        while (!error_ && line.starts_with(' ')) take_field(line);
        if (!line.empty()) fail("what is " + std::string{line});
    }

    template <class T>
    void operator()(std::string_view key, T& value) {
        std::optional<T> read;
        if (!values_.contains(std::string{key})) return fail("no " + std::string{key});
        (*this)(key, read);
        if (read) value = *std::move(read);
    }
    template <class T>
    void operator()(std::string_view key, std::optional<T>& value) {
        const auto found = values_.find(std::string{key});
        value.reset();
        if (found == values_.end()) return;
        value = read<T>(found->second);
        if (!value) fail("not a " + std::string{key} + ": " + found->second);
        values_.erase(found);
    }

    [[nodiscard]] const std::string& kind() const { return kind_; }
    /// After all fields were read: what was wrong, a key that nobody asked for included.
    [[nodiscard]] std::optional<std::string> error() const {
        if (error_) return kind_ + ": " + *error_;
        if (!values_.empty()) return kind_ + ": unknown " + values_.begin()->first;
        return std::nullopt;
    }
    void fail(std::string why) {
        if (!error_) error_ = std::move(why);
    }

private:
    /// " key=value", from the front.
    void take_field(std::string_view& line) {
        line.remove_prefix(1);
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) return fail("a word without a value: " + std::string{line});
        const std::string key{line.substr(0, equals)};
        line.remove_prefix(equals + 1);
        auto value = take_value(line);
        if (!value) return fail("no end of " + key);
        values_[key] = *std::move(value);
    }

    template <class T>
    [[nodiscard]] std::optional<T> read(std::string_view text) const {
        if constexpr (std::same_as<T, Duration>) {
            return read_seconds(text);
        } else if constexpr (std::same_as<T, TimePoint>) {
            const auto since_start = read_seconds(text);
            return since_start ? std::optional{start_ + *since_start} : std::nullopt;
        } else {
            return Form<T>::read(text);
        }
    }

    TimePoint start_;
    std::string kind_;
    std::map<std::string, std::string> values_;
    std::optional<std::string> error_;
};

}  // namespace anyvip::daemon::field_text
