#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

namespace anyvip::net {

class MacAddress {
public:
    using Bytes = std::array<std::uint8_t, 6>;

    constexpr MacAddress() = default;
    constexpr explicit MacAddress(const Bytes& bytes) : bytes_{bytes} {}

    [[nodiscard]] static constexpr MacAddress broadcast() {
        return MacAddress{Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    }
    [[nodiscard]] constexpr const Bytes& bytes() const { return bytes_; }
    /// "00:00:5e:00:01:33".
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;

private:
    Bytes bytes_{};
};

[[nodiscard]] inline std::string describe(const MacAddress& mac) {
    return mac.to_string();
}

}  // namespace anyvip::net
