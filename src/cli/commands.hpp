#pragma once

#include <chrono>
#include <iosfwd>
#include <string>
#include <string_view>

#include "anyvip/vip/coordinator.hpp"
#include "cli/table.hpp"

/// What `anyvip` does, one function a command. Each writes to the streams that it is given and returns the exit
/// code; main.cpp knows CLI11 and the terminal.
///
/// Commands that ask the daemon speak control/request.hpp over its socket; `check FILE`, `plan` and `cleanup` work
/// without one.
///
/// Not implemented: events, doctor, import, probe; a plan against what the daemon runs (the protocol has no
/// request for the running configuration).
namespace anyvip::cli {

enum class ExitCode : int {
    Ok = 0,
    Error = 1,
    Usage = 2,
    NotReachable = 3,
    Unhealthy = 4,
};

struct Terminal {
    std::ostream& out;
    std::ostream& err;
    Style style;
};

/// Validates a file and prints the effective configuration, as a file that says the same.
[[nodiscard]] ExitCode check_file(const std::string& file, const Terminal& terminal);
/// What a reload from `against` to `file` would do.
[[nodiscard]] ExitCode plan(const std::string& file, const std::string& against, const Terminal& terminal);

enum class View : unsigned char { Overview, Vips, Peers, Routes, Routers, Servers, Checks, Chain };

struct StatusOptions {
    View view = View::Overview;
    std::string peer{};  ///< of View::Peers: this one in full; empty: all
    std::string vip{};   ///< of View::Chain
    bool json = false;
    bool watch = false;
    bool exit_code = false;  ///< Unhealthy if it is; of View::Chain: if a link is broken
    std::chrono::milliseconds interval{std::chrono::seconds{2}};
};
/// Error if View::Chain is of a VIP that there is not.
[[nodiscard]] ExitCode show_status(const std::string& socket, const StatusOptions& options, const Terminal& terminal);

[[nodiscard]] ExitCode reload(const std::string& socket, const Terminal& terminal);
[[nodiscard]] ExitCode drain(const std::string& socket, const vip::DrainTarget& target, bool drain,
                             const Terminal& terminal);

/// Removes from the kernel what STATE_DIR/owned lists, unless a daemon is there that may want it.
[[nodiscard]] ExitCode cleanup(const std::string& socket, const std::string& state_dir, bool dry_run,
                               const Terminal& terminal);

}  // namespace anyvip::cli
