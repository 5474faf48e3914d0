#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "vrrp/advertisement.hpp"

/// The decoder is total, and what it accepts is what it would have encoded (but for reserved bits and octets after
/// the message). The first octet chooses the expectations, the rest is the packet.

using namespace anyvip;
using namespace anyvip::vrrp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::uint8_t choice = data[0];
    const std::span bytes{data + 1, size - 1};
    const bool ipv6 = (choice & 1U) != 0;
    Expected expected;
    expected.version = (choice & 2U) != 0 ? Version::V2 : Version::V3;
    expected.virtual_router_id = VirtualRouterId{51};

    ReceivedMetadata metadata;
    metadata.source = ipv6 ? net::IpAddress::parse("fe80::1").value() : net::IpAddress::parse("10.0.0.1").value();
    metadata.destination = multicast_group(metadata.source.family());
    metadata.ttl = 255;
    if ((choice & 4U) != 0) {
        expected.peers = {metadata.source};
        metadata.destination =
            ipv6 ? net::IpAddress::parse("fe80::2").value() : net::IpAddress::parse("10.0.0.2").value();
    }

    (void)peek_virtual_router_id(bytes);
    const auto decoded = decode(bytes, metadata, expected);
    if (!decoded) {
        (void)describe(decoded.error());
        return 0;
    }
    (void)describe(decoded->advertisement);
    const auto encoded = encode(decoded->advertisement, decoded->coverage, metadata.source, metadata.destination);
    const auto again = decode(encoded, metadata, expected);
    if (!again || again->advertisement != decoded->advertisement) std::abort();
    // A sum of zero over the pseudo-header makes the two coverages the same packet.
    return 0;
}
