#pragma once

#include <cstdint>
#include <span>

#include "anyvip/net/address.hpp"

namespace anyvip::wire {

/// The Internet checksum (RFC 1071), fed piece by piece. Every piece but the last must have an even length.
class Checksum {
public:
    Checksum& add(std::span<const std::uint8_t> bytes) {
        for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum_ += std::uint32_t{bytes[i]} << 8U | bytes[i + 1];
        if (bytes.size() % 2 != 0) sum_ += std::uint32_t{bytes.back()} << 8U;
        return *this;
    }

    /// The pseudo-header of IPv4 (RFC 793) or IPv6 (RFC 8200 §8.1). Both addresses are of one family.
    Checksum& add_pseudo_header(const net::IpAddress& source, const net::IpAddress& destination, std::uint8_t protocol,
                                std::uint32_t length) {
        add_address(source);
        add_address(destination);
        sum_ += (length >> 16U) + (length & 0xffffU) + protocol;
        return *this;
    }

    /// What belongs into the checksum field; 0 over data that already holds a right one.
    [[nodiscard]] std::uint16_t value() const {
        std::uint64_t sum = sum_;
        while (sum >> 16U != 0) sum = (sum & 0xffffU) + (sum >> 16U);
        return static_cast<std::uint16_t>(~sum);
    }

private:
    void add_address(const net::IpAddress& address) {
        if (address.is_v4()) {
            add(address.v4().bytes());
        } else {
            add(address.v6().bytes());
        }
    }

    std::uint64_t sum_ = 0;
};

}  // namespace anyvip::wire
