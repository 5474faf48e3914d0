#include <cstdint>
#include <cstdlib>
#include <string>

#include "kernel/io/owned_file.hpp"

/// The list of what is ours, of any contents: it is read, and what was read is written so that it is read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace anyvip::kernel::io;
    const auto contents = decode_owned(std::string{data, data + size});
    const auto again = decode_owned(encode_owned(contents));
    if (again.ownership != contents.ownership) std::abort();
    if (again.bad_lines.size() != contents.bad_lines.size()) std::abort();
    return 0;
}
