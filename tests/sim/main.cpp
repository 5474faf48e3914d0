#include <charconv>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/world.hpp"

/// anyvip_sim --seed N [--trace] | --seeds FROM..TO | --seeds-file FILE   [--mutation NAME [--expect ORACLE]]
///
/// Prints what each seed's run is made of and, of a failed one, what the oracles said and the transcript up to
/// there. With --expect it succeeds if and only if that oracle speaks for at least one of the seeds: an oracle
/// that cannot fail proves nothing.
namespace {

using namespace anyvip::sim;

constexpr std::size_t last_lines = 300;

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// A seed a line; what follows it is its story.
std::vector<std::uint64_t> read_seeds(const std::string& file) {
    std::vector<std::uint64_t> seeds;
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);) {
        const auto word = line.substr(0, line.find_first_of(" \t#"));
        if (const auto seed = number(word)) seeds.push_back(*seed);
    }
    return seeds;
}

int usage() {
    std::cerr << "usage: anyvip_sim (--seed N [--trace] | --seeds FROM..TO | --seeds-file FILE)\n"
                 "                  [--mutation NAME [--expect ORACLE]]\n";
    return 2;
}

void print_violations(const World& world, const Oracle& oracle) {
    (void)world;
    for (const auto& violation : oracle.violations()) {
        std::cout << "FAILED " << violation.oracle << " @"
                  << static_cast<double>(violation.when.time_since_epoch().count()) / 1e9 - 1000 << ": "
                  << violation.what << '\n';
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::uint64_t> seeds;
    bool trace = false;
    Mutation mutation = Mutation::None;
    std::string expect;
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto& option = arguments[i];
        if (option == "--trace") {
            trace = true;
            continue;
        }
        if (++i == arguments.size()) return usage();
        const auto& value = arguments[i];
        if (option == "--seed") {
            const auto seed = number(value);
            if (!seed) return usage();
            seeds.push_back(*seed);
        } else if (option == "--seeds") {
            const auto dots = value.find("..");
            if (dots == std::string::npos) return usage();
            const auto from = number(value.substr(0, dots));
            const auto to = number(value.substr(dots + 2));
            if (!from || !to) return usage();
            for (auto seed = *from; seed <= *to; ++seed) seeds.push_back(seed);
        } else if (option == "--seeds-file") {
            for (const auto seed : read_seeds(value)) seeds.push_back(seed);
        } else if (option == "--mutation") {
            const auto known = to_mutation(value);
            if (!known) return usage();
            mutation = *known;
        } else if (option == "--expect") {
            expect = value;
        } else {
            return usage();
        }
    }
    if (seeds.empty()) return usage();

    std::map<std::string, std::size_t> spoke;
    std::size_t failed = 0;
    std::uint64_t events = 0;
    for (const auto seed : seeds) {
        auto options = options_from(seed);
        options.mutation = mutation;
        options.trace = trace;
        World world{options};
        if (expect.empty()) std::cout << describe(options) << std::endl;
        const bool good = run_seed(world);
        events += world.events();
        for (const auto& violation : world.oracle().violations()) ++spoke[violation.oracle];
        if (!expect.empty()) {
            if (!spoke.contains(expect)) continue;
            std::cout << "seed " << seed << " notices " << describe(mutation) << ":\n";
            print_violations(world, world.oracle());
            return 0;
        }
        if (trace) {
            for (const auto& line : world.transcript()) std::cout << line << '\n';
        }
        if (good) continue;
        ++failed;
        print_violations(world, world.oracle());
        if (trace || mutation != Mutation::None) continue;
        // The run ended with the first violation: its transcript is the shortest that fails.
        options.trace = true;
        World again{options};
        (void)run_seed(again);
        const auto& transcript = again.transcript();
        const auto skipped = transcript.size() > last_lines ? transcript.size() - last_lines : 0;
        if (skipped > 0) std::cout << "... " << skipped << " lines before: --seed " << seed << " --trace\n";
        for (auto i = skipped; i < transcript.size(); ++i) std::cout << transcript[i] << '\n';
    }
    if (!expect.empty()) {
        std::cout << "no seed notices " << describe(mutation) << " by " << expect << "; what spoke:";
        for (const auto& [oracle, count] : spoke) std::cout << ' ' << oracle << '=' << count;
        std::cout << '\n';
        return 1;
    }
    std::cout << seeds.size() << " seeds, " << failed << " failed, " << events << " events;";
    for (const auto& [oracle, count] : spoke) std::cout << ' ' << oracle << '=' << count;
    std::cout << '\n';
    return failed == 0 ? 0 : 1;
}
