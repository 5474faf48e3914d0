#include "io/capabilities.hpp"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace anyvip::io {

std::vector<std::string> raise_capabilities(const std::vector<Capability>& wanted) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> data{};
    std::vector<std::string> missing;
    const bool known = ::syscall(SYS_capget, &header, data.data()) == 0;
    for (const auto& capability : wanted) {
        const auto word = static_cast<std::size_t>(capability.number) / 32;
        const std::uint32_t bit = 1U << (static_cast<unsigned>(capability.number) % 32);
        if (known && (data.at(word).permitted & bit) != 0) {
            data.at(word).effective |= bit;
        } else {
            missing.push_back(capability.name);
        }
    }
    if (known && ::syscall(SYS_capset, &header, data.data()) != 0) {
        for (const auto& capability : wanted) missing.push_back(capability.name);
    }
    return missing;
}

}  // namespace anyvip::io
