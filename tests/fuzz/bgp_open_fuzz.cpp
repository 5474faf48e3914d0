#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "bgp/message.hpp"

/// The input is the body of an OPEN. What is read says the same again when it is written and read; what is refused
/// is refused with an OPEN Message Error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace anyvip::bgp;
    if (size > max_message_size - header_size) return 0;  // The Framer lets none so long through.
    const auto open = decode_open({data, size});
    if (!open) {
        if (open.error().error_code() != ErrorCode::OpenMessage || describe(open.error()).empty()) std::abort();
        return 0;
    }
    if (describe(*open).empty() || open->asn() == Asn{0}) std::abort();
    anyvip::wire::Writer out;
    encode(*open, out);
    const auto again = decode_open(out.view());
    if (!again || *again != *open) std::abort();
    return 0;
}
