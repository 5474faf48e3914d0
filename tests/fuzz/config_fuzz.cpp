#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "anyvip/config/diff.hpp"
#include "anyvip/config/load.hpp"

/// Any text is a configuration or a list of errors; and a configuration that is printed is the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace anyvip;
    const std::string text{data, data + size};
    const auto config = config::parse(text, "fuzz.toml", {.name = "node"});
    if (!config) {
        if (config.error().empty()) std::abort();
        for (const config::Error& error : config.error()) (void)config::describe(error);
        return 0;
    }
    const auto again = config::parse(config::format(*config), "fuzz.toml");
    if (!again || *again != *config) std::abort();
    if (!config::diff(*config, *again).empty()) std::abort();
    (void)config::warnings(*config);
    return 0;
}
