#include "control/request.hpp"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "anyvip/overloaded.hpp"
#include "control/serialize.hpp"

namespace anyvip::control {
namespace {

namespace json = boost::json;

using Error = std::unexpected<std::string>;

/// Text of the client's, for the client's eyes.
std::string quoted(std::string_view text) {
    constexpr std::size_t enough = 40;
    std::string quoted = "\"";
    for (const char c : text.substr(0, enough)) quoted += c >= ' ' && c < '\x7f' ? c : '?';
    return quoted + (text.size() > enough ? "...\"" : "\"");
}

/// The members of a request, each asked for at most once; what nobody asked for is an error.
class Members {
public:
    explicit Members(const json::object& object) : object_{&object} {}

    /// A string that is not empty.
    [[nodiscard]] std::expected<std::string, std::string> text(std::string_view name) {
        const auto* const value = object_->if_contains(name);
        if (value == nullptr) return Error{"\"" + std::string{name} + "\" is missing"};
        const auto* const string = value->if_string();
        if (string == nullptr || string->empty()) return Error{"\"" + std::string{name} + "\" must be a string"};
        known_.push_back(name);
        return std::string{*string};
    }

    [[nodiscard]] std::optional<std::string> unknown() const {
        for (const auto& member : *object_) {
            const auto is_known = [&] {
                for (const auto name : known_) {
                    if (name == std::string_view{member.key()}) return true;
                }
                return false;
            };
            if (!is_known()) return "unknown member " + quoted(member.key());
        }
        return std::nullopt;
    }

private:
    const json::object* object_;
    std::vector<std::string_view> known_;
};

std::expected<vip::DrainTarget, std::string> decode_target(Members& members) {
    const auto kind = members.text("target");
    if (!kind) return Error{kind.error()};
    if (*kind == "node") return vip::NodeTarget{};
    if (*kind == "vip") {
        auto name = members.text("vip");
        if (!name) return Error{name.error()};
        return VipName{std::move(*name)};
    }
    if (*kind == "server") {
        auto name = members.text("server");
        if (!name) return Error{name.error()};
        const auto address = members.text("address");
        if (!address) return Error{address.error()};
        const auto endpoint = parse_endpoint(*address);
        if (!endpoint) return Error{quoted(*address) + " is no ADDRESS:PORT"};
        return vip::RealServerTarget{ServerName{std::move(*name)}, *endpoint};
    }
    return Error{"unknown target " + quoted(*kind) + ": node, vip or server"};
}

std::expected<Request, std::string> decode_command(Members& members) {
    const auto command = members.text("command");
    if (!command) return Error{command.error()};
    if (*command == "ping") return PingRequest{};
    if (*command == "status") return StatusRequest{};
    if (*command == "routes") return RoutesRequest{};
    if (*command == "reload") return ReloadRequest{};
    if (*command == "drain" || *command == "undrain") {
        auto target = decode_target(members);
        if (!target) return Error{target.error()};
        return DrainRequest{std::move(*target), *command == "drain"};
    }
    return Error{"unknown command " + quoted(*command)};
}

json::object command(std::string_view name) {
    json::object object;
    object["command"] = json::string{name};
    return object;
}

json::object drain_command(const DrainRequest& drain) {
    json::object object = command(drain.drain ? "drain" : "undrain");
    std::visit(overloaded{
                   [&](const vip::NodeTarget&) { object["target"] = "node"; },
                   [&](const VipName& name) {
                       object["target"] = "vip";
                       object["vip"] = json::string{name.value()};
                   },
                   [&](const vip::RealServerTarget& target) {
                       object["target"] = "server";
                       object["server"] = json::string{target.server.value()};
                       object["address"] = json::string{target.address.to_string()};
                   },
               },
               drain.target);
    return object;
}

}  // namespace

std::optional<net::Endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = net::IpAddress::parse(host);
    if (!address || address->is_v6() != bracketed) return std::nullopt;

    std::uint32_t port = 0;
    const auto digits = text.substr(colon + 1);
    if (digits.empty() || digits.size() > 5) return std::nullopt;
    for (const char digit : digits) {
        if (digit < '0' || digit > '9') return std::nullopt;
        port = port * 10 + static_cast<std::uint32_t>(digit - '0');
    }
    if (port == 0 || port > 65535) return std::nullopt;
    return net::Endpoint{*address, static_cast<std::uint16_t>(port)};
}

std::expected<Request, std::string> decode(std::string_view line) {
    if (line.size() > max_request_size) return Error{"the request is longer than 64 KiB"};
    json::error_code failure;
    const json::value document = json::parse({line.data(), line.size()}, failure);
    if (failure) return Error{"the request is not JSON"};
    const auto* const object = document.if_object();
    if (object == nullptr) return Error{"the request is not a JSON object"};
    Members members{*object};
    auto request = decode_command(members);
    if (!request) return request;
    if (auto unknown = members.unknown()) return Error{std::move(*unknown)};
    return request;
}

std::string encode(const Request& request) {
    return serialize(std::visit(overloaded{
                                    [](const PingRequest&) { return command("ping"); },
                                    [](const StatusRequest&) { return command("status"); },
                                    [](const RoutesRequest&) { return command("routes"); },
                                    [](const ReloadRequest&) { return command("reload"); },
                                    [](const DrainRequest& drain) { return drain_command(drain); },
                                },
                                request));
}

std::string answer_ok(std::string_view text) {
    json::object answer;
    answer["ok"] = true;
    answer["text"] = json::string{valid_utf8(text)};
    return serialize(answer);
}

std::string answer_error(std::string_view error) {
    json::object answer;
    answer["ok"] = false;
    answer["error"] = json::string{valid_utf8(error)};
    return serialize(answer);
}

std::string describe(const PingRequest& /*request*/) {
    return "PingRequest";
}
std::string describe(const StatusRequest& /*request*/) {
    return "StatusRequest";
}
std::string describe(const RoutesRequest& /*request*/) {
    return "RoutesRequest";
}
std::string describe(const ReloadRequest& /*request*/) {
    return "ReloadRequest";
}
std::string describe(const DrainRequest& request) {
    return std::string{"DrainRequest "} + (request.drain ? "drain " : "undrain ") + vip::describe(request.target);
}

}  // namespace anyvip::control
