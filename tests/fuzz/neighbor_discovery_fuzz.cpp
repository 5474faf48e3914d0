#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <variant>

#include "bgp/neighbor_discovery.hpp"

/// The decoder is total, and what it accepts is what it would have encoded, less the options that it passes over.
/// The first two octets say what kind of source the packet has, and its hop limit.

using namespace anyvip;
using namespace anyvip::bgp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    net::Ipv6Address::Bytes source{};
    if (data[0] % 3 != 0) source = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    if (data[0] % 3 == 2) source[0] = 0x20;
    const net::Ipv6Address from{source};
    const auto decoded = nd::decode(std::span{data, size}.subspan(2), from, data[1]);
    if (!decoded) {
        (void)nd::describe(decoded.error());
        return 0;
    }
    std::visit([](const auto& message) { (void)nd::describe(message); }, *decoded);
    const auto again = nd::decode(nd::encode(*decoded), from, nd::hop_limit);
    if (!again || *again != *decoded) std::abort();
    return 0;
}
