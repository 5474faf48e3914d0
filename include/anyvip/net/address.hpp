#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

/// Addresses and prefixes as values. No sockets here; conversions to sockaddr live in the shells.
namespace anyvip::net {

enum class Family : std::uint8_t { Ipv4, Ipv6 };

[[nodiscard]] std::string_view describe(Family family);

class Ipv4Address {
public:
    using Bytes = std::array<std::uint8_t, 4>;

    constexpr Ipv4Address() = default;
    /// Host order: 10.0.0.1 is 0x0a000001.
    constexpr explicit Ipv4Address(std::uint32_t value) : value_{value} {}
    constexpr explicit Ipv4Address(const Bytes& b)
        : value_{std::uint32_t{b[0]} << 24U | std::uint32_t{b[1]} << 16U | std::uint32_t{b[2]} << 8U | b[3]} {}

    /// Dotted quad only; nullopt for anything else.
    [[nodiscard]] static std::optional<Ipv4Address> parse(std::string_view text);

    [[nodiscard]] constexpr std::uint32_t value() const { return value_; }
    [[nodiscard]] constexpr Bytes bytes() const {
        return {static_cast<std::uint8_t>(value_ >> 24U), static_cast<std::uint8_t>(value_ >> 16U),
                static_cast<std::uint8_t>(value_ >> 8U), static_cast<std::uint8_t>(value_)};
    }
    [[nodiscard]] constexpr bool is_unspecified() const { return value_ == 0; }
    [[nodiscard]] constexpr bool is_loopback() const { return value_ >> 24U == 127; }
    [[nodiscard]] constexpr bool is_multicast() const { return value_ >> 28U == 0xe; }
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const Ipv4Address&, const Ipv4Address&) = default;

private:
    std::uint32_t value_ = 0;
};

class Ipv6Address {
public:
    using Bytes = std::array<std::uint8_t, 16>;

    constexpr Ipv6Address() = default;
    constexpr explicit Ipv6Address(const Bytes& bytes) : bytes_{bytes} {}

    /// RFC 4291 text without a zone; nullopt for anything else.
    [[nodiscard]] static std::optional<Ipv6Address> parse(std::string_view text);

    [[nodiscard]] constexpr const Bytes& bytes() const { return bytes_; }
    [[nodiscard]] constexpr bool is_unspecified() const { return bytes_ == Bytes{}; }
    [[nodiscard]] constexpr bool is_loopback() const {
        Bytes loopback{};
        loopback[15] = 1;
        return bytes_ == loopback;
    }
    [[nodiscard]] constexpr bool is_link_local() const { return bytes_[0] == 0xfe && (bytes_[1] & 0xc0U) == 0x80; }
    [[nodiscard]] constexpr bool is_multicast() const { return bytes_[0] == 0xff; }
    /// RFC 5952.
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const Ipv6Address&, const Ipv6Address&) = default;

private:
    Bytes bytes_{};
};

class IpAddress {
public:
    constexpr IpAddress() = default;
    // NOLINTBEGIN(google-explicit-constructor): an address of one family is an address.
    constexpr IpAddress(Ipv4Address address) : address_{address} {}
    constexpr IpAddress(const Ipv6Address& address) : address_{address} {}
    // NOLINTEND(google-explicit-constructor)

    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
    /// 4 or 16 octets in network order; nullopt for any other length.
    [[nodiscard]] static std::optional<IpAddress> from_bytes(std::span<const std::uint8_t> bytes);

    [[nodiscard]] constexpr Family family() const { return is_v4() ? Family::Ipv4 : Family::Ipv6; }
    [[nodiscard]] constexpr bool is_v4() const { return std::holds_alternative<Ipv4Address>(address_); }
    [[nodiscard]] constexpr bool is_v6() const { return !is_v4(); }
    /// Precondition: is_v4().
    [[nodiscard]] constexpr Ipv4Address v4() const { return std::get<Ipv4Address>(address_); }
    /// Precondition: is_v6().
    [[nodiscard]] constexpr const Ipv6Address& v6() const { return std::get<Ipv6Address>(address_); }
    [[nodiscard]] bool is_unspecified() const;
    [[nodiscard]] bool is_loopback() const;
    [[nodiscard]] bool is_multicast() const;
    [[nodiscard]] bool is_link_local() const;  ///< fe80::/10 or 169.254.0.0/16
    [[nodiscard]] std::string to_string() const;

    /// IPv4 before IPv6, then numerically.
    friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

private:
    std::variant<Ipv4Address, Ipv6Address> address_;
};

[[nodiscard]] constexpr std::uint8_t max_prefix_length(Family family) {
    return family == Family::Ipv4 ? 32 : 128;
}

/// An address with a prefix length. Host bits may be set, as in an interface address "10.0.0.1/24";
/// `network()` clears them.
class Prefix {
public:
    constexpr Prefix() = default;
    /// Precondition: length <= max_prefix_length(address.family()); a longer one is cut to it.
    constexpr Prefix(const IpAddress& address, std::uint8_t length)
        : address_{address},
          length_{length > max_prefix_length(address.family()) ? max_prefix_length(address.family()) : length} {}

    /// The /32 or /128 of an address.
    [[nodiscard]] static constexpr Prefix host(const IpAddress& address) {
        return {address, max_prefix_length(address.family())};
    }
    /// "10.0.0.0/8", or an address alone for its host prefix.
    [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);

    [[nodiscard]] constexpr const IpAddress& address() const { return address_; }
    [[nodiscard]] constexpr std::uint8_t length() const { return length_; }
    [[nodiscard]] constexpr Family family() const { return address_.family(); }
    [[nodiscard]] constexpr bool is_host() const { return length_ == max_prefix_length(family()); }
    [[nodiscard]] Prefix network() const;
    [[nodiscard]] bool contains(const IpAddress& address) const;
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;

private:
    IpAddress address_;
    std::uint8_t length_ = 0;
};

/// An address and a port.
struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;

    /// "10.0.0.1:80", "[2001:db8::1]:80".
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

[[nodiscard]] inline std::string describe(const Ipv4Address& address) {
    return address.to_string();
}
[[nodiscard]] inline std::string describe(const Ipv6Address& address) {
    return address.to_string();
}
[[nodiscard]] inline std::string describe(const IpAddress& address) {
    return address.to_string();
}
[[nodiscard]] inline std::string describe(const Prefix& prefix) {
    return prefix.to_string();
}
[[nodiscard]] inline std::string describe(const Endpoint& endpoint) {
    return endpoint.to_string();
}

}  // namespace anyvip::net
