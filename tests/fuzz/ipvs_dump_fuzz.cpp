#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "anyvip/ipvs/table.hpp"
#include "ipvs/io/message.hpp"

/// What a dump of IPVS is parsed with: any octets give a value or an error. The first octet picks the decoder.
/// What is taken is normalised, so that a dump never differs from itself.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace anyvip;
    if (size == 0) return 0;
    // A copy: attributes must be aligned, and the sanitizer sees a read beyond the end.
    const std::vector<std::uint8_t> octets{data + 1, data + size};
    switch (data[0] % 4) {
        case 0:
            if (const auto service = ipvs::io::decode_service(octets)) {
                if (ipvs::normalised(service->first, service->second) != service->second) std::abort();
                if (!service->second.real_servers.empty()) std::abort();
            }
            break;
        case 1: (void)ipvs::io::decode_destination(octets, net::Family::Ipv4); break;
        case 2: (void)ipvs::io::decode_destination(octets, net::Family::Ipv6); break;
        case 3: (void)ipvs::io::decode_info(octets); break;
    }
    return 0;
}
