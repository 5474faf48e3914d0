#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "anyvip/net/address.hpp"

namespace anyvip::wire {

/// Reads big-endian fields and remembers the first failure: after it every read yields zero and moves
/// nothing, so a decoder reads all its fields and asks `failed()` once. Does not own the bytes.
class Reader {
public:
    explicit Reader(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}

    [[nodiscard]] std::uint8_t u8() {
        const auto b = bytes(1);
        return b.empty() ? std::uint8_t{0} : b[0];
    }
    [[nodiscard]] std::uint16_t u16() {
        const auto b = bytes(2);
        return b.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(b[0] << 8U | b[1]);
    }
    [[nodiscard]] std::uint32_t u32() {
        const auto b = bytes(4);
        if (b.empty()) return 0;
        return std::uint32_t{b[0]} << 24U | std::uint32_t{b[1]} << 16U | std::uint32_t{b[2]} << 8U | b[3];
    }
    [[nodiscard]] net::Ipv4Address ipv4() { return net::Ipv4Address{u32()}; }
    [[nodiscard]] net::Ipv6Address ipv6() {
        net::Ipv6Address::Bytes address{};
        const auto b = bytes(address.size());
        for (std::size_t i = 0; i < b.size(); ++i) address[i] = b[i];
        return net::Ipv6Address{address};
    }
    /// The next n octets, or none of them and a failure.
    [[nodiscard]] std::span<const std::uint8_t> bytes(std::size_t n) {
        if (failed_ || n > remaining()) {
            failed_ = true;
            return {};
        }
        const auto result = bytes_.subspan(at_, n);
        at_ += n;
        return result;
    }
    /// A reader over the next n octets: nested lengths cannot read past their parent.
    [[nodiscard]] Reader sub(std::size_t n) {
        Reader inner{bytes(n)};
        inner.failed_ = failed_;
        return inner;
    }
    [[nodiscard]] std::span<const std::uint8_t> rest() { return bytes(remaining()); }
    void skip(std::size_t n) { (void)bytes(n); }
    /// Marks a failure that the reader cannot see by itself, such as a field out of range.
    void fail() { failed_ = true; }

    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] std::size_t remaining() const { return failed_ ? 0 : bytes_.size() - at_; }
    [[nodiscard]] bool at_end() const { return remaining() == 0; }
    /// Octets read so far; after a failure, the offset of the field that failed.
    [[nodiscard]] std::size_t at() const { return at_; }

private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

}  // namespace anyvip::wire
