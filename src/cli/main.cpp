#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "control/request.hpp"
#include "control/version.hpp"

namespace {

using namespace anyvip;
using cli::ExitCode;

constexpr const char* footer =
    "Exit codes: 0 done; 1 it failed, the reason is on stderr; 2 wrong usage; 3 no daemon answers;\n"
    "4 with --exit-code, `status`: a VIP is not eligible, or the kernel refuses what it needs; `explain`: a link of\n"
    "the VIP's chain is broken.";

cli::Style style_of_stdout() {
    cli::Style style;
    if (::isatty(STDOUT_FILENO) == 0) return style;
    style.colour = std::getenv("NO_COLOR") == nullptr;
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) style.width = size.ws_col;
    return style;
}

/// What the command line asks for, filled in while it is parsed.
struct Invocation {
    std::string socket{control::default_socket};
    std::string file;
    std::string against;
    std::string state_dir = "/var/lib/anyvip";
    bool dry_run = false;
    cli::StatusOptions status;
    std::string name;
    std::string address;
    std::function<ExitCode(const cli::Terminal&)> run;
};

void add_table_options(CLI::App& command, Invocation& invocation, cli::View view) {
    command.add_flag("--json", invocation.status.json, "as JSON, in one line; its members are a stable contract");
    command.add_flag("--watch", invocation.status.watch, "again every two seconds, until interrupted");
    command.callback([&invocation, view] {
        invocation.status.view = view;
        invocation.run = [&invocation](const cli::Terminal& terminal) {
            return cli::show_status(invocation.socket, invocation.status, terminal);
        };
    });
}

void add_drain(CLI::App& app, Invocation& invocation, bool drain) {
    auto* const command = app.add_subcommand(
        drain ? "drain" : "undrain",
        drain ? "take a node, a VIP or a real server out of service, gracefully" : "take it back into service");
    command->require_subcommand(1);
    const auto run_with = [&invocation, drain](const vip::DrainTarget& target) {
        invocation.run = [&invocation, target, drain](const cli::Terminal& terminal) {
            return cli::drain(invocation.socket, target, drain, terminal);
        };
    };
    command->add_subcommand("node", "everything on this node")->callback([run_with] { run_with(vip::NodeTarget{}); });

    auto* const vip = command->add_subcommand("vip", "one VIP");
    vip->add_option("NAME", invocation.name, "as in the configuration")->required();
    vip->callback([&invocation, run_with] { run_with(VipName{invocation.name}); });

    auto* const server = command->add_subcommand("server", "one real server of a virtual server");
    server->add_option("NAME", invocation.name, "of the virtual server")->required();
    server->add_option("ADDRESS:PORT", invocation.address, "of the real server")->required();
    server->callback([&invocation, run_with] {
        const auto address = control::parse_endpoint(invocation.address);
        if (!address) throw CLI::ValidationError{"ADDRESS:PORT", invocation.address + " is none"};
        run_with(vip::RealServerTarget{ServerName{invocation.name}, *address});
    });
}

void add_bgp(CLI::App& app, Invocation& invocation) {
    auto* const bgp = app.add_subcommand("bgp", "the BGP peers, their sessions, and what each was told of every VIP");
    add_table_options(*bgp, invocation, cli::View::Peers);
    bgp->fallthrough();  // Their options are those of `bgp`.
    auto* const peer = bgp->add_subcommand("peer", "one peer in full: capabilities, last errors, counters");
    peer->add_option("NAME", invocation.status.peer, "as in the configuration")->required();
    auto* const routes =
        bgp->add_subcommand("routes", "what the peers announce: what is accepted, and why the rest is not");
    // CLI11 calls it after those of the subcommands.
    bgp->callback([&invocation, routes] {
        invocation.status.view = routes->parsed() ? cli::View::Routes : cli::View::Peers;
        invocation.run = [&invocation](const cli::Terminal& terminal) {
            return cli::show_status(invocation.socket, invocation.status, terminal);
        };
    });
}

void add_explain(CLI::App& app, Invocation& invocation) {
    auto* const explain = app.add_subcommand(
        "explain", "why a VIP is announced, or is not: node, checks, servers, kernel, sessions, acknowledgements");
    add_table_options(*explain, invocation, cli::View::Chain);
    explain->add_option("VIP", invocation.status.vip, "as in the configuration")->required();
    explain->add_flag("--exit-code", invocation.status.exit_code, "exit with 4 if a link of its chain is broken");
}

void add_commands(CLI::App& app, Invocation& invocation) {
    auto* const status = app.add_subcommand("status", "node, VIPs, peers, virtual routers and servers, checks");
    add_table_options(*status, invocation, cli::View::Overview);
    status->add_flag("--exit-code", invocation.status.exit_code, "exit with 4 unless every VIP is well");
    add_table_options(*app.add_subcommand("vip", "the VIPs, their verdicts and states"), invocation, cli::View::Vips);
    add_explain(app, invocation);
    add_bgp(app, invocation);
    add_table_options(*app.add_subcommand("vrrp", "the virtual routers"), invocation, cli::View::Routers);
    add_table_options(*app.add_subcommand("server", "the virtual servers and their real servers"), invocation,
                      cli::View::Servers);
    add_table_options(*app.add_subcommand("checks", "the checks and what they saw"), invocation, cli::View::Checks);

    auto* const check = app.add_subcommand("check", "validate FILE and print what it means; without FILE like checks");
    add_table_options(*check, invocation, cli::View::Checks);
    check->add_option("FILE", invocation.file, "a configuration");
    check->callback([&invocation] {
        invocation.status.view = cli::View::Checks;
        invocation.run = [&invocation](const cli::Terminal& terminal) {
            return invocation.file.empty() ? cli::show_status(invocation.socket, invocation.status, terminal)
                                           : cli::check_file(invocation.file, terminal);
        };
    });

    auto* const plan = app.add_subcommand("plan", "what a reload from one file to another would do");
    plan->add_option("FILE", invocation.file, "the new configuration")->required();
    plan->add_option("--against", invocation.against, "the file that the daemon runs with")->required();
    plan->callback([&invocation] {
        invocation.run = [&invocation](const cli::Terminal& terminal) {
            return cli::plan(invocation.file, invocation.against, terminal);
        };
    });

    app.add_subcommand("reload", "load the configuration again and apply the difference")->callback([&invocation] {
        invocation.run = [&invocation](const cli::Terminal& terminal) {
            return cli::reload(invocation.socket, terminal);
        };
    });
    add_drain(app, invocation, true);
    add_drain(app, invocation, false);

    auto* const cleanup =
        app.add_subcommand("cleanup", "remove from the kernel what a daemon that was killed has left there");
    cleanup->add_option("--state-dir", invocation.state_dir, "where its list of it is")->capture_default_str();
    cleanup->add_flag("--dry-run", invocation.dry_run, "only say what would be removed");
    cleanup->callback([&invocation] {
        invocation.run = [&invocation](const cli::Terminal& terminal) {
            return cli::cleanup(invocation.socket, invocation.state_dir, invocation.dry_run, terminal);
        };
    });
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"anyvip: what a node's anyvipd does, and why", "anyvip"};
    Invocation invocation;
    app.set_version_flag("--version", "anyvip " + std::string{control::version});
    app.add_option("--socket", invocation.socket, "of the daemon")->capture_default_str();
    app.footer(footer);
    app.require_subcommand(1);
    app.fallthrough();
    add_commands(app, invocation);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::Usage);
    }
    return static_cast<int>(invocation.run({std::cout, std::cerr, style_of_stdout()}));
}
