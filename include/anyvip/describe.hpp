#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

/// One text form of every event, action and state: `describe(x)`, found by argument-dependent lookup.
/// Logs, transcripts, the status socket and test failures all print it, so that a log line can be searched
/// for in a test. Each module defines describe() for its structs in its own namespace; here are the
/// combinators. The text is built only where somebody reads it.
namespace anyvip {

template <class... Ts>
[[nodiscard]] std::string describe(const std::variant<Ts...>& variant) {
    return std::visit([](const auto& alternative) { return describe(alternative); }, variant);
}

/// One item a line: the shape of a transcript.
template <class T>
[[nodiscard]] std::string describe(const std::vector<T>& items) {
    std::string text;
    for (const auto& item : items) {
        if (!text.empty()) text += '\n';
        text += describe(item);
    }
    return text;
}

template <class T>
[[nodiscard]] std::string describe(const std::optional<T>& item) {
    return item ? describe(*item) : std::string{"none"};
}

}  // namespace anyvip
