#include "cli/answer.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <boost/json/value.hpp>

namespace anyvip::cli::answer {

namespace json = boost::json;

const json::array& list(const json::object& object, std::string_view name) {
    static const json::array empty;
    const auto* const value = object.if_contains(name);
    const auto* const array = value == nullptr ? nullptr : value->if_array();
    return array == nullptr ? empty : *array;
}

const json::object* member(const json::object& object, std::string_view name) {
    const auto* const value = object.if_contains(name);
    return value == nullptr ? nullptr : value->if_object();
}

std::optional<double> number(const json::object& object, std::string_view name) {
    const auto* const value = object.if_contains(name);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return value->to_number<double>();
}

bool is_true(const json::object& object, std::string_view name) {
    const auto* const value = object.if_contains(name);
    const auto* const truth = value == nullptr ? nullptr : value->if_bool();
    return truth != nullptr && *truth;
}

std::string string(const json::object& object, std::string_view name) {
    const auto* const value = object.if_contains(name);
    const auto* const text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string{} : std::string{*text};
}

std::string text(const json::object& object, std::string_view name) {
    if (auto found = string(object, name); !found.empty()) return found;
    const auto value = number(object, name);
    return value ? std::to_string(std::llround(*value)) : std::string{nothing};
}

std::string age_of(const json::object& object, std::string_view name) {
    const auto seconds = number(object, name);
    return seconds ? age(*seconds) : std::string{nothing};
}

std::string joined(std::initializer_list<std::string> parts) {
    std::string all;
    for (const auto& part : parts) {
        if (part.empty()) continue;
        if (!all.empty()) all += "; ";
        all += part;
    }
    return all;
}

std::string words(std::string text) {
    std::ranges::replace(text, '_', ' ');
    return text;
}

std::string age(double seconds) {
    const auto ago = std::max(seconds, 0.0);
    const auto milliseconds = std::llround(ago * 1000);
    if (milliseconds < 1000) return std::to_string(milliseconds) + "ms";
    if (milliseconds < 10'000) {
        const auto tenths = milliseconds / 100;
        return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + 's';
    }
    const auto whole = milliseconds / 1000;
    const auto pair = [](std::int64_t large, const char* unit, std::int64_t small, const char* small_unit) {
        return std::to_string(large) + unit + (small == 0 ? "" : ' ' + std::to_string(small) + small_unit);
    };
    if (whole < 60) return std::to_string(whole) + 's';
    if (whole < 3600) return pair(whole / 60, "m", whole % 60, "s");
    if (whole < 86'400) return pair(whole / 3600, "h", whole % 3600 / 60, "m");
    return pair(whole / 86'400, "d", whole % 86'400 / 3600, "h");
}

bool is_eligible(const json::object& thing) {
    const auto* const verdict = member(thing, "verdict");
    return verdict != nullptr && is_true(*verdict, "eligible");
}

std::string last_error(const json::object& peer) {
    const auto error = string(peer, "last_error");
    return error.empty() ? error : error + " (" + age_of(peer, "last_error_age") + " ago)";
}

std::string notification(const json::object& peer, std::string_view name) {
    const auto* const said = member(peer, name);
    return said == nullptr ? "" : string(*said, "text") + " (" + age_of(*said, "age") + " ago)";
}

std::string peer_as(const json::object& peer) {
    const auto asn = text(peer, "asn");
    return asn == nothing ? text(peer, "configured_asn") : asn;
}

std::string signature_of(const json::object& peer) {
    const auto signature = string(peer, "signature");
    return signature == "tcp_md5" ? "TCP-MD5" : signature == "tcp_ao" ? "TCP-AO" : "";
}

std::string link_remarks(const json::object& peer) {
    const auto* const link = member(peer, "link");
    if (link == nullptr) return {};
    const auto interface = string(*link, "interface");
    const auto another = string(*link, "another_neighbor");
    const auto discard = string(*link, "last_discard");
    const bool heard = !string(*link, "neighbor").empty();
    if (string(*link, "local").empty()) return interface + " has no link-local address, or is not there";
    return joined({heard ? "" : "no router advertisement heard on " + interface,
                   heard || discard.empty() ? "" : "discarded: " + discard,
                   another.empty() ? "" : "another router: " + another});
}

std::string bfd_remarks(const json::object& bfd) {
    const bool up = string(bfd, "state") == "Up";
    const auto diagnostic = string(bfd, "diagnostic");
    const auto socket = string(bfd, "socket_error");
    const auto remote = string(bfd, "remote_state");
    const auto failure = string(bfd, "last_failure");
    return joined({string(bfd, "hops") == "multihop" ? "multihop" : "",
                   is_true(bfd, "held_down") ? "held down: the decision loop does not answer" : "",
                   socket.empty() ? "" : "socket: " + socket, up || diagnostic == "No Diagnostic" ? "" : diagnostic,
                   !up && remote == "AdminDown" ? "the peer is AdminDown" : "",
                   failure.empty() ? "" : "failed: " + failure + " (" + age_of(bfd, "last_failure_age") + " ago)"});
}

std::string history(const json::object& check) {
    constexpr std::size_t shown = 10;
    std::string marks;
    for_each(list(check, "history"), [&](const json::object& result) {
        const auto kind = string(result, "result");
        marks += kind == "success" ? '+' : kind == "failure" ? '-' : '?';
    });
    return marks.size() > shown ? marks.substr(marks.size() - shown) : marks;
}

}  // namespace anyvip::cli::answer
