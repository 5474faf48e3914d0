#pragma once

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

/// Golden bytes: tests/vectors/PROTOCOL/CASE.hex. Hexadecimal octets, any white space, `#` starts a comment
/// to the end of the line; the first comment names the source (RFC, capture, or worked out by hand).
namespace anyvip::testing {

inline std::vector<std::uint8_t> bytes_from_hex(const std::string& text) {
    std::vector<std::uint8_t> bytes;
    std::string digits;
    bool comment = false;
    for (const char c : text) {
        if (c == '#') comment = true;
        if (c == '\n') comment = false;
        if (comment || std::isspace(static_cast<unsigned char>(c)) != 0) continue;
        digits += c;
        if (digits.size() == 2) {
            std::size_t used = 0;
            bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits, &used, 16)));
            if (used != 2) throw std::invalid_argument{"not hexadecimal: " + digits};
            digits.clear();
        }
    }
    if (!digits.empty()) throw std::invalid_argument{"half an octet at the end: " + digits};
    return bytes;
}

/// `name` is a path under tests/vectors. Throws when there is no such file.
inline std::vector<std::uint8_t> vector_bytes(const std::string& name) {
    std::ifstream file{std::filesystem::path{ANYVIP_SOURCE_DIR} / "tests/vectors" / name};
    if (!file) throw std::invalid_argument{"no vector " + name};
    return bytes_from_hex({std::istreambuf_iterator<char>{file}, {}});
}

/// All cases of a protocol, sorted, as names for vector_bytes(). Throws when there is none.
inline std::vector<std::string> vector_names(const std::string& folder) {
    std::vector<std::string> names;
    const auto path = std::filesystem::path{ANYVIP_SOURCE_DIR} / "tests/vectors" / folder;
    for (const auto& entry : std::filesystem::directory_iterator{path}) {
        if (entry.path().extension() == ".hex") names.push_back(folder + '/' + entry.path().filename().string());
    }
    if (names.empty()) throw std::invalid_argument{"no vectors in " + folder};
    std::ranges::sort(names);
    return names;
}

}  // namespace anyvip::testing
