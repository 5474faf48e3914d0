#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "control/request.hpp"

/// Any line is a request or a sentence that says why not; and a request that is written down is the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace anyvip;
    const std::string line{data, data + size};
    const auto request = control::decode(line);
    if (!request) {
        if (request.error().empty() || control::answer_error(request.error()).find('\n') != std::string::npos)
            std::abort();
        return 0;
    }
    (void)describe(*request);
    if (control::decode(control::encode(*request)) != request) std::abort();
    return 0;
}
