#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "bgp/bfd/control_packet.hpp"

/// The decoder is total, and what it accepts is what it would have encoded, up to Length and its reserved octets.

using namespace anyvip;
using namespace anyvip::bfd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto decoded = decode(std::span{data, size});
    if (!decoded) {
        (void)describe(decoded.error());
        return 0;
    }
    (void)describe(*decoded);
    const auto again = decode(encode(*decoded));
    if (!again || *again != *decoded) std::abort();
    return 0;
}
