#include <ostream>
#include <thread>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "control/serialize.hpp"

namespace anyvip::cli {
namespace {

namespace json = boost::json;

/// Says what went wrong, in one line or as many as the daemon's words have.
ExitCode report(const AskError& error, const Terminal& terminal) {
    switch (error.kind) {
        case AskError::Kind::NotRunning:
            terminal.err << "anyvip: no daemon: " << error.text << '\n';
            return ExitCode::NotReachable;
        case AskError::Kind::NoAccess:
        case AskError::Kind::Broken:
            terminal.err << "anyvip: cannot talk to the daemon: " << error.text << '\n';
            return ExitCode::NotReachable;
        case AskError::Kind::Refused: terminal.err << "anyvip: " << error.text << '\n'; return ExitCode::Error;
    }
    return ExitCode::Error;
}

ExitCode run(const std::string& socket, const control::Request& request, const Terminal& terminal) {
    const auto answer = ask(socket, request);
    if (!answer) return report(answer.error(), terminal);
    if (const auto* const text = answer->if_contains("text"); text != nullptr && text->is_string()) {
        terminal.out << std::string_view{text->as_string()} << '\n';
    }
    return ExitCode::Ok;
}

std::string table(const json::object& status, View view, const Style& style) {
    switch (view) {
        case View::Overview: return overview(status, style);
        case View::Vips: return vip_table(status, style);
        case View::Peers: {
            const auto bfd = bfd_table(status, style);
            return peer_table(status, style) + (bfd.empty() ? "" : '\n' + bfd);
        }
        case View::Routers: return router_table(status, style);
        case View::Servers: return server_table(status, style);
        case View::Checks: return check_table(status, style);
    }
    return {};
}

std::string_view subject(View view) {
    switch (view) {
        case View::Overview: return "nothing";
        case View::Vips: return "no VIPs";
        case View::Peers: return "no BGP peers";
        case View::Routers: return "no virtual routers";
        case View::Servers: return "no virtual servers";
        case View::Checks: return "no checks";
    }
    return {};
}

/// The members of the status that the view shows, under their own names: one jq path fits all.
json::value part(const json::object& status, View view) {
    const auto only = [&](std::initializer_list<std::string_view> names) {
        json::object part;
        for (const auto name : names) {
            if (const auto* const value = status.if_contains(name)) part[name] = *value;
        }
        return part;
    };
    switch (view) {
        case View::Overview: return status;
        case View::Vips: return only({"vips"});
        case View::Peers: return only({"bgp", "peers"});
        case View::Routers: return only({"virtual_routers"});
        case View::Servers: return only({"virtual_servers"});
        case View::Checks: return only({"checks"});
    }
    return {};
}

}  // namespace

ExitCode show_status(const std::string& socket, const StatusOptions& options, const Terminal& terminal) {
    while (true) {
        const auto answer = ask(socket, control::StatusRequest{});
        if (!answer) return report(answer.error(), terminal);
        const auto* const value = answer->if_contains("status");
        const auto* const status = value == nullptr ? nullptr : value->if_object();
        if (status == nullptr) return report({AskError::Kind::Broken, "an answer without a status"}, terminal);

        if (options.json) {
            terminal.out << control::serialize(part(*status, options.view)) << '\n';
        } else {
            const auto text = table(*status, options.view, terminal.style);
            // On a terminal the new picture takes the old one's place.
            if (options.watch) terminal.out << (terminal.style.colour ? "\033[H\033[2J" : "\n");
            terminal.out << (text.empty() ? std::string{subject(options.view)} + '\n' : text);
        }
        terminal.out.flush();
        if (!options.watch) {
            return options.exit_code && !is_healthy(*status) ? ExitCode::Unhealthy : ExitCode::Ok;
        }
        if (!terminal.out) return ExitCode::Error;
        std::this_thread::sleep_for(options.interval);
    }
}

ExitCode reload(const std::string& socket, const Terminal& terminal) {
    return run(socket, control::ReloadRequest{}, terminal);
}

ExitCode drain(const std::string& socket, const vip::DrainTarget& target, bool drain, const Terminal& terminal) {
    return run(socket, control::DrainRequest{target, drain}, terminal);
}

}  // namespace anyvip::cli
