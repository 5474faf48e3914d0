#include "cli/table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "cli/answer.hpp"

namespace anyvip::cli {
namespace {

namespace json = boost::json;
using namespace answer;

constexpr std::string_view gap = "  ";
/// Less is not worth reading: a narrower terminal wraps the lines itself.
constexpr std::size_t narrowest_last_column = 20;

// ---- Text

/// Code points; a wide one counts as one, which is right for every name we know.
std::size_t columns(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

/// The first octet after `count` code points.
std::size_t after(std::string_view text, std::size_t count) {
    std::size_t i = 0;
    while (i < text.size() && count > 0) {
        ++i;
        while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0U) == 0x80) ++i;
        --count;
    }
    return i;
}

/// At spaces, and within words that are longer than a line.
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    std::vector<std::string> lines;
    while (columns(text) > width) {
        const auto limit = after(text, width);
        auto end = text.rfind(' ', limit);
        if (end == std::string_view::npos || end == 0) end = limit;
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
        text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    }
    lines.emplace_back(text);
    return lines;
}

std::string heading(const std::string& text, const Style& style) {
    return style.colour ? "\033[1m" + text + "\033[0m" : text;
}

// ---- Cells

std::string verdict_text(const json::object& thing) {
    const auto* const verdict = member(thing, "verdict");
    if (verdict == nullptr) return std::string{nothing};
    if (is_true(*verdict, "eligible")) {
        const auto adjustment = number(*verdict, "priority_adjustment").value_or(0);
        if (adjustment == 0) return "eligible";
        return "eligible, priority " + std::string{adjustment > 0 ? "+" : ""} +
               std::to_string(std::llround(adjustment));
    }
    const auto detail = string(*verdict, "detail");
    return words(string(*verdict, "reason")) + (detail.empty() ? "" : ": " + detail);
}

std::string kernel_error(const json::object& vip) {
    const auto error = string(vip, "kernel_error");
    return error.empty() ? error : "kernel: " + error;
}

std::string held_back(const json::object& vip) {
    const auto* left = vip.if_contains("held_back_for");
    return left == nullptr || !left->is_number() ? "" : "held back for " + age(left->to_number<double>());
}

/// Why a standby does not announce.
std::string stands_by(const json::object& vip) {
    if (!is_true(vip, "stands_by")) return "";
    const auto detail = string(vip, "others_detail");
    return "stands by" + (detail.empty() ? "" : ": " + detail);
}

Tone health_tone(const std::string& state) {
    if (state == "up") return Tone::Good;
    return state == "down" ? Tone::Bad : Tone::Doubtful;
}

std::string withheld(const json::object& peer) {
    const auto* const reasons = member(peer, "routes_withheld");
    std::string all;
    if (reasons == nullptr) return all;
    for (const auto& reason : *reasons) {
        all +=
            (all.empty() ? "" : ", ") + text(*reasons, reason.key()) + " withheld: " + words(std::string{reason.key()});
    }
    return all;
}

/// ", 3 refused: policy", of those that are not zero.
std::string refusals(const json::object& received) {
    const auto* const refused = member(received, "refused");
    std::string all;
    if (refused == nullptr) return all;
    for (const auto& reason : *refused) {
        if (number(*refused, reason.key()).value_or(0) == 0) continue;
        all += ", " + text(*refused, reason.key()) + " refused: " + words(std::string{reason.key()});
    }
    return all;
}

std::string attributes(const json::object& route) {
    std::string all;
    for (const auto* const name : {"med", "local_pref"}) {
        if (number(route, name)) all += (all.empty() ? "" : " ") + std::string{name} + '=' + text(route, name);
    }
    for (const auto* const name : {"communities", "large_communities", "extended_communities"}) {
        for (const auto& community : list(route, name)) {
            if (community.is_string()) all += (all.empty() ? "" : " ") + std::string{community.as_string()};
        }
    }
    return joined({all, is_true(route, "stale") ? "stale" : ""});
}

/// Our end of the session: the address that the kernel chose where none is configured.
std::string near_end(const json::object& peer) {
    const auto local = string(peer, "local");
    return local.empty() ? local : "from " + local;
}

/// That of an unnumbered peer says nothing without its link.
std::string peer_address(const json::object& peer) {
    const auto* const link = member(peer, "link");
    if (link == nullptr) return text(peer, "address");
    return text(*link, "neighbor") + '%' + string(*link, "interface");
}

}  // namespace

std::string printable(std::string_view text) {
    std::string safe;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto octet = static_cast<unsigned char>(text[i]);
        const bool c1 = octet == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        if (c1) ++i;
        safe += c1 || octet < 0x20 || octet == 0x7f ? '?' : text[i];
    }
    return safe;
}

std::string coloured(const std::string& text, Tone tone, const Style& style) {
    if (!style.colour || text.empty()) return text;
    switch (tone) {
        case Tone::Plain: return text;
        case Tone::Good: return "\033[32m" + text + "\033[0m";
        case Tone::Bad: return "\033[31m" + text + "\033[0m";
        case Tone::Doubtful: return "\033[33m" + text + "\033[0m";
    }
    return text;
}

std::string Table::render(const Style& style) const {
    if (rows_.empty()) return {};
    std::vector<std::size_t> widths;
    for (const auto& header : headers_) widths.push_back(columns(header));
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i].text));
    }
    std::size_t before_last = 0;
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) before_last += widths[i] + gap.size();
    const auto left = style.width > before_last ? style.width - before_last : 0;
    const auto last_width = std::max(left, narrowest_last_column);

    std::string out;
    const auto pad = [&](std::size_t i, std::size_t used) {
        out.append(widths[i] - used, ' ');
        out += gap;
    };
    for (std::size_t i = 0; i < headers_.size(); ++i) {
        out += heading(headers_[i], style);
        if (i + 1 < headers_.size()) pad(i, columns(headers_[i]));
    }
    out += '\n';
    for (const auto& row : rows_) {
        std::string line;
        std::swap(line, out);
        for (std::size_t i = 0; i + 1 < row.size(); ++i) {
            const auto safe = printable(row[i].text);
            out += coloured(safe, row[i].tone, style);
            pad(i, columns(safe));
        }
        bool first = true;
        for (const auto& part : wrapped(printable(row.back().text), last_width)) {
            if (!first) out += '\n' + std::string(before_last, ' ');
            out += coloured(part, row.back().tone, style);
            first = false;
        }
        out.erase(out.find_last_not_of(' ') + 1);
        out.insert(0, line);
        out += '\n';
    }
    return out;
}

std::string vip_table(const json::object& status, const Style& style) {
    Table table{{"VIP", "ADDRESS", "ANNOUNCE", "STATE", "VERDICT"}};
    for_each(list(status, "vips"), [&](const json::object& vip) {
        const bool well = is_eligible(vip) && string(vip, "kernel_error").empty();
        const auto state = text(vip, "state");
        table.add({{text(vip, "name")},
                   {text(vip, "address")},
                   {text(vip, "announce")},
                   {state, state == "Announced" ? Tone::Good : Tone::Plain},
                   {joined({verdict_text(vip), stands_by(vip), held_back(vip), kernel_error(vip)}),
                    well ? Tone::Good : Tone::Bad}});
    });
    return table.render(style);
}

std::string waits_for_bfd(const json::object& peer) {
    return is_true(peer, "waits_for_bfd") ? "waits for BFD" : "";
}

std::string peer_table(const json::object& status, const Style& style) {
    Table table{{"PEER", "ADDRESS", "AS", "STATE", "FOR", "ROUTES", "REMARKS"}};
    for_each(list(status, "peers"), [&](const json::object& peer) {
        const auto state = text(peer, "state");
        const bool established = state == "Established";
        table.add(
            {{text(peer, "name")},
             {peer_address(peer)},
             {peer_as(peer)},
             {state, established ? Tone::Good : Tone::Bad},
             {age_of(peer, "since")},
             {text(peer, "routes_announced") + '/' + text(peer, "routes_wanted")},
             {joined({near_end(peer), waits_for_bfd(peer), link_remarks(peer), withheld(peer), last_error(peer)})}});
    });
    return table.render(style);
}

std::string range_table(const json::object& status, const Style& style) {
    Table table{{"RANGE", "ADDRESSES", "AS", "SESSIONS", "KNOWN", "REFUSED", "REMARKS"}};
    for_each(list(status, "peer_ranges"), [&](const json::object& range) {
        table.add({{text(range, "name")},
                   {text(range, "range")},
                   {text(range, "configured_asn")},
                   {text(range, "established") + '/' + text(range, "limit")},
                   {text(range, "instances")},
                   {text(range, "refused"), text(range, "refused") == "0" ? Tone::Plain : Tone::Bad},
                   {last_error(range)}});
    });
    return table.render(style);
}

std::string bfd_table(const json::object& status, const Style& style) {
    Table table{{"BFD", "STATE", "FOR", "SEND", "RECEIVE", "DETECT", "REMARKS"}};
    for_each(list(status, "peers"), [&](const json::object& peer) {
        const auto* const bfd = member(peer, "bfd");
        if (bfd == nullptr) return;
        const auto interval = [&](std::string_view name) {
            const auto value = number(*bfd, name).value_or(0);
            return value > 0 ? age(value / 1000) : std::string{nothing};
        };
        const auto state = text(*bfd, "state");
        table.add({{text(peer, "name")},
                   {state, state == "Up" ? Tone::Good : Tone::Bad},
                   {age_of(*bfd, "since")},
                   {interval("transmit_interval_ms")},
                   {interval("receive_interval_ms")},
                   {interval("detection_time_ms")},
                   {bfd_remarks(*bfd)}});
    });
    return table.render(style);
}

std::string peer_details(const json::object& status, std::string_view name, const Style& style) {
    Table table{{"PEER", std::string{name}}};
    for_each(list(status, "peers"), [&](const json::object& peer) {
        if (string(peer, "name") != name) return;
        const auto line = [&](const std::string& what, const std::string& value, Tone tone = Tone::Plain) {
            table.add({{what}, {value.empty() ? std::string{nothing} : value, tone}});
        };
        const auto state = text(peer, "state");
        line("address", text(peer, "address") + ", AS " + peer_as(peer) + ", router id " + text(peer, "router_id"));
        line("state", state + " for " + age_of(peer, "since"), state == "Established" ? Tone::Good : Tone::Bad);
        line("connection",
             joined({near_end(peer), string(peer, "remote").empty() ? "" : "to " + text(peer, "remote")}));
        line("agreed on", string(peer, "negotiated"));
        for (const auto& capability : list(peer, "offered")) {
            line("it offers", capability.is_string() ? std::string{capability.as_string()} : std::string{nothing});
        }
        line("routes", joined({text(peer, "routes_announced") + " of " + text(peer, "routes_wanted") + " announced",
                               withheld(peer)}));
        if (const auto* const kept = member(peer, "kept")) {
            line("restarts",
                 joined({text(*kept, "routes") + " stale routes of " + text(*kept, "families") + " kept for another " +
                             age_of(*kept, "time_left"),
                         is_true(*kept, "long_lived") ? "as the last choice" : ""}),
                 Tone::Doubtful);
        }
        line("unacknowledged", text(peer, "unacknowledged_octets") + " octets");
        line("last error", last_error(peer), Tone::Bad);
        line("last sent", notification(peer, "last_sent"));
        line("last received", notification(peer, "last_received"));
        if (const auto* const counters = member(peer, "counters")) {
            for (const auto& counter : *counters) {
                line(words(std::string{counter.key()}), text(*counters, counter.key()));
            }
        }
    });
    return table.render(style);
}

std::string announcement_table(const json::object& routes, const Style& style) {
    Table table{{"VIP", "PREFIX", "PEER", "DESIRED", "SENT", "ACKNOWLEDGED", "ATTRIBUTES"}};
    for_each(list(routes, "announcements"), [&](const json::object& route) {
        const auto yes = [&](std::string_view name) { return std::string{is_true(route, name) ? "yes" : "no"}; };
        const bool desired = is_true(route, "desired");
        const auto withheld = string(route, "withheld");
        const auto tone = !desired ? Tone::Plain : is_true(route, "acknowledged") ? Tone::Good : Tone::Doubtful;
        table.add({{text(route, "vip")},
                   {text(route, "prefix")},
                   {text(route, "peer")},
                   {yes("desired")},
                   {withheld.empty() ? yes("sent") : "no: " + words(withheld)},
                   {yes("acknowledged"), tone},
                   {printable(string(route, "attributes"))}});
    });
    return table.render(style);
}

std::string received_table(const json::object& routes, const Style& style) {
    Table table{{"PEER", "PREFIX", "NEXT HOP", "AS_PATH", "FOR", "REMARKS"}};
    std::string sums;
    for_each(list(routes, "received"), [&](const json::object& received) {
        sums += printable(text(received, "peer")) + ": " + text(received, "accepted") + " of at most " +
                text(received, "max_prefixes") + " accepted" + refusals(received) + '\n';
        for_each(list(received, "routes"), [&](const json::object& route) {
            const bool accepted = is_true(route, "accepted");
            const auto path = number(route, "path_id").value_or(0);
            table.add({{text(received, "peer")},
                       {text(route, "prefix") + (path > 0 ? " path " + text(route, "path_id") : "")},
                       {text(route, "next_hop")},
                       {text(route, "as_path")},
                       {age_of(route, "age")},
                       {accepted ? attributes(route)
                                 : joined({words(text(route, "refused")), string(route, "detail"), attributes(route)}),
                        accepted ? Tone::Plain : Tone::Doubtful}});
        });
    });
    const auto text = table.render(style);
    return text.empty() ? sums : sums + '\n' + text;
}

std::string router_table(const json::object& status, const Style& style) {
    Table table{{"VIRTUAL ROUTER", "INTERFACE", "VRID", "FAMILY", "STATE", "PRIO", "REASON"}};
    for_each(list(status, "virtual_routers"), [&](const json::object& router) {
        const auto state = text(router, "state");
        const bool active = state == "Active";
        const bool unconfirmed = active && !is_true(router, "serving");
        const auto other = state == "Backup" ? string(router, "active_router") : std::string{};
        table.add(
            {{text(router, "name")},
             {text(router, "interface")},
             {text(router, "vrid")},
             {text(router, "family")},
             {state, active              ? Tone::Good
                     : state == "Backup" ? Tone::Plain
                                         : Tone::Bad},
             {text(router, "priority")},
             {joined({text(router, "reason"), unconfirmed ? "addresses not confirmed yet" : "",
                      other.empty() ? "" : "Active is " + other, is_eligible(router) ? "" : verdict_text(router)})}});
    });
    return table.render(style);
}

std::string server_table(const json::object& status, const Style& style) {
    Table table{{"SERVER", "ADDRESS", "WEIGHT", "STATE", "DETAIL"}};
    for_each(list(status, "virtual_servers"), [&](const json::object& server) {
        const auto address = string(server, "address");
        const bool v6 = address.find(':') != std::string::npos;
        const bool quorate = number(server, "healthy").value_or(0) >= number(server, "quorum").value_or(1);
        table.add({{text(server, "name")},
                   {(v6 ? '[' + address + ']' : address) + ':' + text(server, "port") + ' ' + text(server, "protocol")},
                   {""},
                   {text(server, "healthy") + '/' + text(server, "configured"), quorate ? Tone::Good : Tone::Bad},
                   {text(server, "scheduler") + ' ' + text(server, "forwarding") + ", quorum " +
                    text(server, "quorum") + ", VIP " + text(server, "vip")}});
        for_each(list(server, "real_servers"), [&](const json::object& real_server) {
            const auto state = text(real_server, "state");
            table.add({{""},
                       {text(real_server, "address")},
                       {text(real_server, "weight")},
                       {state, health_tone(state)},
                       {string(real_server, "detail")}});
        });
    });
    return table.render(style);
}

std::string check_table(const json::object& status, const Style& style) {
    Table table{{"CHECK", "STATE", "FOR", "TOOK", "HISTORY", "DETAIL"}};
    for_each(list(status, "checks"), [&](const json::object& check) {
        const auto state = text(check, "state");
        const auto took = number(check, "last_duration_ms");
        table.add({{text(check, "name")},
                   {state, health_tone(state)},
                   {age_of(check, "since")},
                   {took ? age(*took / 1000) : std::string{nothing}},
                   {history(check)},
                   {string(check, "detail")}});
    });
    return table.render(style);
}

std::string overview(const json::object& status, const Style& style) {
    std::string out = "node " + printable(text(status, "node")) + ", anyvipd " + printable(text(status, "version")) +
                      ", up " + age_of(status, "uptime");
    if (const auto* const bgp = member(status, "bgp")) {
        out += ", AS " + text(*bgp, "asn") + ", router id " + printable(text(*bgp, "router_id"));
    }
    if (is_true(status, "drained")) out += coloured(", drained", Tone::Doubtful, style);
    if (is_true(status, "stopping")) out += coloured(", stopping", Tone::Doubtful, style);
    out += '\n';
    for (const auto& table :
         {vip_table(status, style), peer_table(status, style), range_table(status, style), bfd_table(status, style),
          router_table(status, style), server_table(status, style), check_table(status, style)}) {
        if (!table.empty()) out += '\n' + table;
    }
    return out;
}

bool is_healthy(const json::object& status) {
    bool healthy = true;
    for_each(list(status, "vips"), [&](const json::object& vip) {
        healthy = healthy && is_eligible(vip) && string(vip, "kernel_error").empty();
    });
    return healthy;
}

}  // namespace anyvip::cli
