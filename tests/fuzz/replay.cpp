#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

/// The main of a fuzz target when libFuzzer is not linked: runs every file of the corpus once.
/// An empty or missing corpus is a failure, so that a renamed folder cannot pass unseen.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
    std::size_t runs = 0;
    for (int i = 1; i < argc; ++i) {
        std::error_code missing;
        for (const auto& entry : std::filesystem::directory_iterator{argv[i], missing}) {
            std::ifstream file{entry.path(), std::ios::binary};
            const std::vector<char> text{std::istreambuf_iterator<char>{file}, {}};
            const std::vector<std::uint8_t> bytes{text.begin(), text.end()};
            (void)LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
            ++runs;
        }
    }
    std::printf("%zu inputs\n", runs);
    return runs == 0 ? 1 : 0;
}
