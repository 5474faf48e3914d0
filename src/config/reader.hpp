#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "anyvip/config/load.hpp"
#include "anyvip/strong.hpp"
#include "anyvip/time.hpp"
#include "config/document.hpp"

/// Reading is the schema: the keys that somebody asks a Section for are the allowed ones and the candidates
/// for suggestions; there is no second list of them to forget. Nothing here knows what a key means.
namespace anyvip::config {

/// Collects the errors of one file.
class Errors {
public:
    explicit Errors(std::string file) : file_{std::move(file)} {}

    void add(Place place, std::string message, std::string suggestion = {});
    [[nodiscard]] std::size_t count() const { return errors_.size(); }
    /// Sorted by place; errors of one place keep the order in which they were found.
    [[nodiscard]] std::vector<Error> take();

private:
    std::string file_;
    std::vector<Error> errors_;
};

/// The candidate that is near enough to have been meant: an edit distance of at most a third of the word,
/// and one is always near enough. Empty: none.
[[nodiscard]] std::string suggest(std::string_view word, std::span<const std::string> candidates);

/// As a TOML basic string, so that no text can forge a line of output.
[[nodiscard]] std::string quote(std::string_view text);

/// "300ms", "1.5s", "2m"; nullopt for anything else, and for what does not fit.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

/// In the largest unit that needs no fraction: "1500ms", "2s", "0s".
[[nodiscard]] std::string format_duration(Duration duration);

/// Octets per second: "10Gbit/s", "1.25GB/s", "2Mbit/s"; nullopt for anything else, for what is no whole number of
/// octets and for what is none at all. Units are those of SI: a kilobit is a thousand bits.
[[nodiscard]] std::optional<std::uint64_t> parse_rate(std::string_view text);

/// In the largest unit of bits that needs no fraction: "10Gbit/s", "8bit/s".
[[nodiscard]] std::string format_rate(std::uint64_t octets_per_second);

constexpr Duration longest = std::chrono::hours{24 * 365};

/// A word of the configuration language that stands for a value.
template <class T>
using Choice = std::pair<std::string_view, T>;

/// One table of the document. Each `read` leaves its target alone if the key is absent and complains if
/// the value does not fit. A key that nobody asked for is reported when the Section goes out of scope.
class Section {
public:
    /// `name` as in "bgp.peer": finds words of later versions, and says where a key is missing.
    Section(const Value& value, std::string name, Errors& errors);
    ~Section();
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

    /// The value of a key, for what needs more than the methods below.
    [[nodiscard]] const Value* find(std::string_view key);
    /// As find, but its absence is an error; not so if a word of a later version may be there in its stead.
    const Value* require(std::string_view key);

    [[nodiscard]] bool asks_for_later() const;
    /// True for an array that was written with nothing in it.
    [[nodiscard]] bool is_empty_array(std::string_view key);

    void read(std::string_view key, bool& target);
    void read(std::string_view key, std::string& target);
    void read(std::string_view key, Duration& target, Duration low, Duration high = longest);
    void read(std::string_view key, net::IpAddress& target);
    void read(std::string_view key, net::Ipv4Address& target);
    void read(std::string_view key, net::Ipv6Address& target);
    void read(std::string_view key, std::vector<net::IpAddress>& target);

    template <class T>
    void read(std::string_view key, std::optional<T>& target) {
        if (find(key) == nullptr) return;
        const std::size_t before = errors_.count();
        T value{};
        read(key, value);
        if (errors_.count() == before) target = std::move(value);
    }
    /// In [low, high].
    template <class T>
    void integer(std::string_view key, T& target, std::int64_t low, std::int64_t high) {
        if (const auto value = integer_in(key, low, high)) target = T{static_cast<typename Number<T>::type>(*value)};
    }
    template <class T>
    void integer(std::string_view key, std::optional<T>& target, std::int64_t low, std::int64_t high) {
        if (const auto value = integer_in(key, low, high)) target = T{static_cast<typename Number<T>::type>(*value)};
    }
    /// One word of `choices`.
    template <class T>
    void choice(std::string_view key, T& target, std::span<const Choice<T>> choices) {
        const Value* value = find(key);
        if (value == nullptr) return;
        std::vector<std::string> words;
        for (const auto& [word, meaning] : choices) words.emplace_back(word);
        if (const auto index = word(key, *value, words)) target = choices[*index].second;
    }
    template <class T, std::size_t N>
    void choice(std::string_view key, T& target, const Choice<T> (&choices)[N]) {
        choice(key, target, std::span<const Choice<T>>{choices});
    }

    /// The index of the word that `value` is; complains if it is none, or one of a later version.
    [[nodiscard]] std::optional<std::size_t> word(std::string_view key, const Value& value,
                                                  std::span<const std::string> words);
    /// The elements of an array; with a complaint none of anything else.
    [[nodiscard]] std::span<const Value> array(std::string_view key);
    /// nullptr: absent or, with a complaint, no table.
    [[nodiscard]] const Value* table(std::string_view key);
    /// The elements of [[key]] that are tables; complains about the others.
    [[nodiscard]] std::vector<const Value*> tables(std::string_view key);

    /// Complains unless `value` is a string.
    [[nodiscard]] const std::string* text(const Value& value);
    [[nodiscard]] std::optional<std::int64_t> number(const Value& value, std::int64_t low, std::int64_t high);
    /// Complains that `value` is not what was expected: "expected EXPECTED, found ...".
    void mismatch(const Value& value, std::string_view expected, std::string suggestion = {});
    void error(Place place, std::string message, std::string suggestion = {});

    /// Of the value of the key, or of the table if the key is absent.
    [[nodiscard]] Place place(std::string_view key) const;
    [[nodiscard]] Place place() const { return value_.place; }
    [[nodiscard]] Errors& errors() { return errors_; }

private:
    template <class T>
    struct Number {
        using type = T;
    };
    template <class T, class Tag>
    struct Number<Strong<T, Tag>> {
        using type = T;
    };

    [[nodiscard]] std::optional<std::int64_t> integer_in(std::string_view key, std::int64_t low, std::int64_t high);

    const Value& value_;
    std::string name_;
    Errors& errors_;
    std::vector<std::string> asked_;
};

/// Of the value of a key of a table, or of the table.
[[nodiscard]] Place place_of(const Value& table, std::string_view key);

}  // namespace anyvip::config
