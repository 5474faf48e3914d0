#include "daemon/io/startup.hpp"

#include <linux/capability.h>
#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "anyvip/config/load.hpp"
#include "control/version.hpp"
#include "io/capabilities.hpp"

namespace anyvip::daemon::io {
namespace {

const std::vector<anyvip::io::Capability>& all_capabilities() {
    static const std::vector<anyvip::io::Capability> all{
        {CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_NET_RAW, "CAP_NET_RAW"}, {CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE"},
        {CAP_SETUID, "CAP_SETUID"},       {CAP_SETGID, "CAP_SETGID"},   {CAP_KILL, "CAP_KILL"}};
    return all;
}

bool has_another_user(const config::Check& check) {
    const auto* script = std::get_if<health::ExecProbe>(&check.probe);
    return script != nullptr && !script->user.empty();
}

}  // namespace

std::variant<Options, ExitStatus> parse_command_line(int argc, const char* const* argv) {
    Options options;
    CLI::App app{"anyvipd keeps virtual IP addresses reachable: BGP, VRRP and IPVS in one daemon."};
    app.set_version_flag("--version", std::string{control::version});
    app.add_option("--config", options.config, "the configuration")->capture_default_str();
    app.add_option("--socket", options.socket, "the control socket")->capture_default_str();
    app.add_option("--state-dir", options.state_dir, "instead of the configuration's node.state_dir");
    app.add_option("--log-level", options.log_level, "what to log")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
        ->capture_default_str();
    app.add_option("--record", options.record,
                   "write a transcript of each loop into this folder; a test can replay it");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return ExitStatus{app.exit(error)};
    }
    return options;
}

config::Config load_configuration(const Options& options) {
    auto config = config::load(options.config);
    if (!config) {
        std::string all = "the configuration is refused:";
        for (const auto& error : config.error()) all += '\n' + config::describe(error);
        throw std::runtime_error{all};
    }
    if (!options.state_dir.empty()) config->node.state_dir = options.state_dir;
    std::error_code error;
    std::filesystem::create_directories(config->node.state_dir, error);
    if (error) throw std::runtime_error{config->node.state_dir + ": " + error.message()};
    return *std::move(config);
}

std::set<std::string> needed_capabilities(const config::Config& config) {
    // Addresses, IPVS, TCP-MD5 keys and binding probes to devices are all the same one to the kernel.
    std::set<std::string> needed{"CAP_NET_ADMIN"};
    if (!config.virtual_routers.empty()) needed.insert("CAP_NET_RAW");
    if (config.bgp && !config.bgp->listen.empty() && config.bgp->port < 1024) needed.insert("CAP_NET_BIND_SERVICE");
    // To become the user, and to end what then is another's.
    if (std::ranges::any_of(config.checks, has_another_user)) {
        needed.insert({"CAP_SETUID", "CAP_SETGID", "CAP_KILL"});
    }
    return needed;
}

void raise_capabilities(const config::Config& config) {
    const auto needed = needed_capabilities(config);
    std::string missing;
    for (const auto& name : anyvip::io::raise_capabilities(all_capabilities())) {
        if (needed.contains(name)) missing += ' ' + name;
    }
    if (!missing.empty()) throw std::runtime_error{"missing capabilities:" + missing};
}

void start_log(const std::string& level) {
    spdlog::init_thread_pool(512, 1);
    spdlog::set_default_logger(spdlog::create_async_nb<spdlog::sinks::stderr_sink_mt>("anyvipd"));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    spdlog::set_level(spdlog::level::from_str(level));
    spdlog::flush_on(spdlog::level::info);
}

}  // namespace anyvip::daemon::io
