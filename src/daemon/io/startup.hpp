#pragma once

#include <set>
#include <string>
#include <variant>

#include "anyvip/config/config.hpp"
#include "control/version.hpp"

/// What lies between exec and the first loop: the command line, the configuration, the capabilities that it needs,
/// the log. Everything here is over before a second thread exists, and a failure of it ends the process.
namespace anyvip::daemon::io {

struct Options {
    std::string config = "/etc/anyvip/anyvip.toml";
    std::string socket{control::default_socket};
    std::string state_dir{};  ///< empty: the configuration's
    std::string log_level = "info";
    std::string record{};  ///< a folder for transcripts; empty: none
};

/// Why the process ends before it has begun: what was asked for is done (--help), or it cannot be.
struct ExitStatus {
    int code = 0;
    friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

/// Says on the terminal what --help and --version ask for, and what is wrong.
[[nodiscard]] std::variant<Options, ExitStatus> parse_command_line(int argc, const char* const* argv);

/// Throws std::runtime_error with all that is wrong, one error a line. The state folder exists afterwards.
[[nodiscard]] config::Config load_configuration(const Options& options);

/// "CAP_NET_ADMIN" and so on: what the kernel asks for each thing that this configuration wants of it.
[[nodiscard]] std::set<std::string> needed_capabilities(const config::Config& config);

/// Raises all that is permitted, since a reload may need what this configuration does not. Throws
/// std::runtime_error that names what is needed now and missing.
void raise_capabilities(const config::Config& config);

/// Written by a thread of its own: a terminal or a pipe that nobody reads must not stop a loop, and what does
/// not fit is dropped, oldest first.
void start_log(const std::string& level);

}  // namespace anyvip::daemon::io
