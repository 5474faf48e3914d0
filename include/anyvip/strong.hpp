#pragma once

#include <compare>
#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

namespace anyvip {

/// A value whose type says what it identifies: a VRID is no priority, an interface index no length.
/// Explicit to make, ordered, without arithmetic.
template <class T, class Tag>
class Strong {
public:
    using value_type = T;

    constexpr Strong() = default;
    constexpr explicit Strong(T value) : value_{std::move(value)} {}
    constexpr explicit Strong(const char* text)
        requires std::same_as<T, std::string>
        : value_{text} {}

    [[nodiscard]] constexpr const T& value() const { return value_; }

    friend constexpr auto operator<=>(const Strong&, const Strong&) = default;

private:
    T value_{};
};

template <class T, class Tag>
    requires std::is_arithmetic_v<T>
[[nodiscard]] std::string describe(const Strong<T, Tag>& strong) {
    return std::to_string(strong.value());
}

template <class Tag>
[[nodiscard]] std::string describe(const Strong<std::string, Tag>& strong) {
    return strong.value();
}

}  // namespace anyvip
