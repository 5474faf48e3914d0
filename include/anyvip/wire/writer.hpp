#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "anyvip/net/address.hpp"

namespace anyvip::wire {

/// Writes big-endian fields into a vector of its own. Lengths are back-patched by scope, so that nested
/// TLVs read like the RFC's figure:
///
///     const auto capability = out.length8();   // one octet now, its value when the scope ends
///     out.u16(afi); ...
class Writer {
public:
    /// Patches the length of what was written after it when it goes out of scope.
    template <std::size_t Octets>
    class [[nodiscard]] Length {
    public:
        explicit Length(Writer& writer) : writer_{writer}, at_{writer.bytes_.size()} {
            writer_.bytes_.insert(writer_.bytes_.end(), Octets, 0);
        }
        ~Length() {
            const std::size_t length = writer_.bytes_.size() - at_ - Octets;
            assert(length < std::size_t{1} << (8U * Octets));
            for (std::size_t i = 0; i < Octets; ++i) {
                writer_.bytes_[at_ + i] = static_cast<std::uint8_t>(length >> (8U * (Octets - 1 - i)));
            }
        }
        Length(const Length&) = delete;
        Length& operator=(const Length&) = delete;

    private:
        Writer& writer_;
        std::size_t at_;
    };

    Writer() = default;
    explicit Writer(std::size_t reserve) { bytes_.reserve(reserve); }

    void u8(std::uint8_t value) { bytes_.push_back(value); }
    void u16(std::uint16_t value) {
        u8(static_cast<std::uint8_t>(value >> 8U));
        u8(static_cast<std::uint8_t>(value));
    }
    void u32(std::uint32_t value) {
        u16(static_cast<std::uint16_t>(value >> 16U));
        u16(static_cast<std::uint16_t>(value));
    }
    void bytes(std::span<const std::uint8_t> b) { bytes_.insert(bytes_.end(), b.begin(), b.end()); }
    void ipv4(net::Ipv4Address address) { u32(address.value()); }
    void ipv6(const net::Ipv6Address& address) { bytes(address.bytes()); }
    void ip(const net::IpAddress& address) { address.is_v4() ? ipv4(address.v4()) : ipv6(address.v6()); }
    void fill(std::size_t n, std::uint8_t value) { bytes_.insert(bytes_.end(), n, value); }

    Length<1> length8() { return Length<1>{*this}; }
    Length<2> length16() { return Length<2>{*this}; }

    /// Overwrites two octets already written: checksums, and lengths that count their own header.
    void patch_u16(std::size_t at, std::uint16_t value) {
        assert(at + 2 <= bytes_.size());
        bytes_[at] = static_cast<std::uint8_t>(value >> 8U);
        bytes_[at + 1] = static_cast<std::uint8_t>(value);
    }

    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] std::span<const std::uint8_t> view() const { return bytes_; }
    [[nodiscard]] std::vector<std::uint8_t> take() { return std::exchange(bytes_, {}); }

private:
    std::vector<std::uint8_t> bytes_;
};

}  // namespace anyvip::wire
