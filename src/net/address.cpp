#include "anyvip/net/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "anyvip/net/mac_address.hpp"

namespace anyvip::net {
namespace {

/// inet_pton stops at the first NUL, so none may be inside; text longer than any address is none.
template <int AddressFamily, class Bytes>
std::optional<Bytes> parse_bytes(std::string_view text) {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size() || text.contains('\0')) return std::nullopt;
    std::ranges::copy(text, terminated.begin());
    Bytes bytes{};
    if (::inet_pton(AddressFamily, terminated.data(), bytes.data()) != 1) return std::nullopt;
    return bytes;
}

template <int AddressFamily, class Bytes>
std::string format_bytes(const Bytes& bytes) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    return ::inet_ntop(AddressFamily, bytes.data(), text.data(), text.size());
}

template <class Bytes>
Bytes masked(Bytes bytes, std::uint8_t length) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::size_t bits = std::clamp<std::size_t>(length, 8 * i, 8 * i + 8) - 8 * i;
        bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00U >> bits));
    }
    return bytes;
}

}  // namespace

std::string_view describe(Family family) {
    switch (family) {
        case Family::Ipv4: return "ipv4";
        case Family::Ipv6: return "ipv6";
    }
    return "unknown family";
}

std::optional<Ipv4Address> Ipv4Address::parse(std::string_view text) {
    const auto bytes = parse_bytes<AF_INET, Bytes>(text);
    if (!bytes) return std::nullopt;
    return Ipv4Address{*bytes};
}

std::string Ipv4Address::to_string() const {
    return format_bytes<AF_INET>(bytes());
}

std::optional<Ipv6Address> Ipv6Address::parse(std::string_view text) {
    const auto bytes = parse_bytes<AF_INET6, Bytes>(text);
    if (!bytes) return std::nullopt;
    return Ipv6Address{*bytes};
}

std::string Ipv6Address::to_string() const {
    return format_bytes<AF_INET6>(bytes_);
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (const auto v4 = Ipv4Address::parse(text)) return IpAddress{*v4};
    if (const auto v6 = Ipv6Address::parse(text)) return IpAddress{*v6};
    return std::nullopt;
}

std::optional<IpAddress> IpAddress::from_bytes(std::span<const std::uint8_t> bytes) {
    if (bytes.size() == 4) {
        Ipv4Address::Bytes v4{};
        std::ranges::copy(bytes, v4.begin());
        return IpAddress{Ipv4Address{v4}};
    }
    if (bytes.size() == 16) {
        Ipv6Address::Bytes v6{};
        std::ranges::copy(bytes, v6.begin());
        return IpAddress{Ipv6Address{v6}};
    }
    return std::nullopt;
}

bool IpAddress::is_unspecified() const {
    return is_v4() ? v4().is_unspecified() : v6().is_unspecified();
}
bool IpAddress::is_loopback() const {
    return is_v4() ? v4().is_loopback() : v6().is_loopback();
}
bool IpAddress::is_multicast() const {
    return is_v4() ? v4().is_multicast() : v6().is_multicast();
}
bool IpAddress::is_link_local() const {
    return is_v4() ? v4().value() >> 16U == 0xa9fe : v6().is_link_local();
}
std::string IpAddress::to_string() const {
    return is_v4() ? v4().to_string() : v6().to_string();
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == std::string_view::npos) return host(*address);
    const auto digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (length > max_prefix_length(address->family())) return std::nullopt;
    return Prefix{*address, static_cast<std::uint8_t>(length)};
}

Prefix Prefix::network() const {
    if (address_.is_v4()) return {Ipv4Address{masked(address_.v4().bytes(), length_)}, length_};
    return {Ipv6Address{masked(address_.v6().bytes(), length_)}, length_};
}

bool Prefix::contains(const IpAddress& address) const {
    return address.family() == family() && Prefix{address, length_}.network() == network();
}

std::string Prefix::to_string() const {
    return address_.to_string() + '/' + std::to_string(length_);
}

std::string Endpoint::to_string() const {
    const auto text = address.to_string();
    return (address.is_v6() ? '[' + text + ']' : text) + ':' + std::to_string(port);
}

std::string MacAddress::to_string() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const auto octet : bytes_) {
        if (!text.empty()) text += ':';
        text += digits[octet >> 4U];
        text += digits[octet & 0xfU];
    }
    return text;
}

}  // namespace anyvip::net
