#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "anyvip/config/load.hpp"

/// Looking into what a composite wants done: mail is a variant within a variant.
namespace anyvip::testing {

template <class T>
struct IsVariant : std::false_type {};
template <class... Ts>
struct IsVariant<std::variant<Ts...>> : std::true_type {};

template <class T, class Action>
void collect(const Action& action, std::vector<T>& found) {
    if constexpr (std::is_same_v<T, Action>) {
        found.push_back(action);
    } else if constexpr (IsVariant<Action>::value) {
        std::visit([&](const auto& inner) { collect(inner, found); }, action);
    }
}

/// Every action or letter of one kind, in order.
template <class T, class Actions>
[[nodiscard]] std::vector<T> all(const Actions& actions) {
    std::vector<T> found;
    for (const auto& action : actions) collect(action, found);
    return found;
}

/// Where the first of a kind stands; nullopt: nowhere.
template <class T, class Actions>
[[nodiscard]] std::optional<std::size_t> place_of(const Actions& actions) {
    for (std::size_t i = 0; i < actions.size(); ++i) {
        std::vector<T> found;
        collect(actions[i], found);
        if (!found.empty()) return i;
    }
    return std::nullopt;
}

/// The configuration that a test writes out; a mistake in it is the test's own.
[[nodiscard]] inline config::Config config_of(std::string_view toml) {
    auto parsed = config::parse(toml, "test.toml");
    if (parsed) return *std::move(parsed);
    std::string errors;
    for (const auto& error : parsed.error()) errors += config::describe(error) + '\n';
    throw std::invalid_argument{errors};
}

}  // namespace anyvip::testing
