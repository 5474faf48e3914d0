#include <expected>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "cli/explain.hpp"
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

std::string table(const json::object& status, const StatusOptions& options, const Style& style) {
    switch (options.view) {
        case View::Overview: return overview(status, style);
        case View::Vips: return vip_table(status, style);
        case View::Peers: {
            if (!options.peer.empty()) return peer_details(status, options.peer, style);
            std::string text;
            for (const auto& table : {peer_table(status, style), range_table(status, style), bfd_table(status, style),
                                      announcement_table(status, style)}) {
                if (!text.empty() && !table.empty()) text += '\n';
                text += table;
            }
            return text;
        }
        case View::Routes: return received_table(status, style);
        case View::Routers: return router_table(status, style);
        case View::Servers: return server_table(status, style);
        case View::Checks: return check_table(status, style);
        case View::Chain: break;  // It is no table.
    }
    return {};
}

std::string_view subject(View view) {
    switch (view) {
        case View::Overview: return "nothing";
        case View::Vips: return "no VIPs";
        case View::Peers: return "no such BGP peer";
        case View::Routes: return "no BGP peers";
        case View::Routers: return "no virtual routers";
        case View::Servers: return "no virtual servers";
        case View::Checks: return "no checks";
        case View::Chain: return "no such VIP";
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
        case View::Peers: return only({"bgp", "peers", "peer_ranges", "announcements"});
        case View::Routes: return only({"received"});
        case View::Routers: return only({"virtual_routers"});
        case View::Servers: return only({"virtual_servers"});
        case View::Checks: return only({"checks"});
        case View::Chain: break;
    }
    return {};
}

struct Picture {
    std::string text;
    bool well = true;
};

std::string unknown_vip(const json::object& status, const std::string& name) {
    std::string text = "there is no VIP " + name;
    const auto names = vip_names(status);
    for (const auto& known : names) text += (&known == &names.front() ? "; there are: " : ", ") + known;
    return text;
}

/// What is shown of an answer; the error is that there is nothing to show.
std::expected<Picture, std::string> picture(const json::object& status, const StatusOptions& options,
                                            const Style& style) {
    if (options.view == View::Chain) {
        const auto chain = explain(status, options.vip);
        if (!chain) return std::unexpected{unknown_vip(status, options.vip)};
        return Picture{options.json ? control::serialize(chain_json(*chain)) + '\n' : chain_text(*chain, style),
                       !chain->broken()};
    }
    auto text = options.json ? control::serialize(part(status, options.view)) + '\n' : table(status, options, style);
    if (text.empty()) text = std::string{subject(options.view)} + '\n';
    return Picture{std::move(text), is_healthy(status)};
}

/// One member of an answer, which must be there.
std::expected<json::object, AskError> ask_for(const std::string& socket, const control::Request& request,
                                              std::string_view member) {
    const auto answer = ask(socket, request);
    if (!answer) return std::unexpected{answer.error()};
    const auto* const value = answer->if_contains(member);
    const auto* const object = value == nullptr ? nullptr : value->if_object();
    if (object != nullptr) return *object;
    return std::unexpected{AskError{AskError::Kind::Broken, "an answer without " + std::string{member}}};
}

/// The status, the routes, or both in one, as the view needs it.
std::expected<json::object, AskError> answer_for(const std::string& socket, View view) {
    if (view == View::Routes) return ask_for(socket, control::RoutesRequest{}, "routes");
    auto status = ask_for(socket, control::StatusRequest{}, "status");
    if ((view != View::Peers && view != View::Chain) || !status) return status;
    const auto routes = ask_for(socket, control::RoutesRequest{}, "routes");
    if (!routes) return routes;
    for (const auto& part : *routes) (*status)[part.key()] = part.value();
    return status;
}

}  // namespace

ExitCode show_status(const std::string& socket, const StatusOptions& options, const Terminal& terminal) {
    while (true) {
        const auto status = answer_for(socket, options.view);
        if (!status) return report(status.error(), terminal);
        const auto shown = picture(*status, options, terminal.style);
        if (!shown) {
            terminal.err << "anyvip: " << printable(shown.error()) << '\n';
            return ExitCode::Error;
        }
        // On a terminal the new picture takes the old one's place.
        if (options.watch && !options.json) terminal.out << (terminal.style.colour ? "\033[H\033[2J" : "\n");
        terminal.out << shown->text;
        terminal.out.flush();
        if (!options.watch) {
            return options.exit_code && !shown->well ? ExitCode::Unhealthy : ExitCode::Ok;
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
