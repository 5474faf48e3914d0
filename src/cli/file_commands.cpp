#include <optional>
#include <ostream>

#include "anyvip/config/diff.hpp"
#include "anyvip/config/load.hpp"
#include "cli/commands.hpp"

namespace anyvip::cli {
namespace {

std::optional<config::Config> load(const std::string& file, const Terminal& terminal) {
    auto config = config::load(file);
    if (config) return std::move(*config);
    for (const auto& error : config.error()) terminal.err << config::describe(error) << '\n';
    return std::nullopt;
}

}  // namespace

ExitCode check_file(const std::string& file, const Terminal& terminal) {
    const auto config = load(file, terminal);
    if (!config) return ExitCode::Error;
    for (const auto& warning : config::warnings(*config)) terminal.err << file << ": warning: " << warning << '\n';
    terminal.out << config::format(*config);
    return ExitCode::Ok;
}

ExitCode plan(const std::string& file, const std::string& against, const Terminal& terminal) {
    const auto from = load(against, terminal);
    auto to = load(file, terminal);
    if (!from || !to) return ExitCode::Error;
    config::keep_derived(*to, *from);
    terminal.out << config::describe(config::diff(*from, *to)) << '\n';
    return ExitCode::Ok;
}

}  // namespace anyvip::cli
