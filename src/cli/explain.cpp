#include "cli/explain.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <set>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "cli/answer.hpp"
#include "cli/hints.hpp"

namespace anyvip::cli {
namespace {

namespace json = boost::json;
using namespace answer;

/// An UPDATE takes a round trip; one that is older than this has met something else.
constexpr double slow_acknowledgement = 2;  // seconds
/// Of the other side's words, beside the last error.
constexpr double old_news = 3600;  // seconds

/// By name; null: there is none.
const json::object* find(const json::array& items, std::string_view name) {
    for (const auto& item : items) {
        const auto* const object = item.if_object();
        if (object != nullptr && string(*object, "name") == name) return object;
    }
    return nullptr;
}

std::vector<std::string> strings(const json::array& items) {
    std::vector<std::string> all;
    for (const auto& item : items) {
        if (item.is_string()) all.emplace_back(item.as_string());
    }
    return all;
}

std::string ago(const json::object& object, std::string_view name) {
    const auto seconds = number(object, name);
    return seconds ? " " + age(*seconds) + " ago" : std::string{};
}

std::string lasting(const json::object& object, std::string_view name) {
    const auto seconds = number(object, name);
    return seconds ? " for " + age(*seconds) : std::string{};
}

std::string after_colon(const std::string& text) {
    return text.empty() ? text : ": " + text;
}

/// "check nginx", "route to tor-a".
std::string label(const Link& link) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 9> phrases{{{"vip", "VIP"},
                                                                                    {"bfd", "BFD to"},
                                                                                    {"route", "route to"},
                                                                                    {"bgp_session", "BGP"},
                                                                                    {"hold_down", "hold-down"},
                                                                                    {"flap", "flap control"},
                                                                                    {"lifecycle", "order of steps"},
                                                                                    {"import", "routes of"},
                                                                                    {"router", "the router's side"}}};
    const auto* const phrase =
        std::ranges::find(phrases, link.kind, &std::pair<std::string_view, std::string_view>::first);
    const auto kind = phrase == phrases.end() ? words(link.kind) : std::string{phrase->second};
    return link.subject.empty() ? kind : kind + ' ' + link.subject;
}

std::string_view word(LinkState state) {
    switch (state) {
        case LinkState::Holds: return "holds";
        case LinkState::Remark: return "remark";
        case LinkState::Unknown: return "unknown";
        case LinkState::Rests: return "rests";
        case LinkState::Broken: return "broken";
    }
    return "unknown";
}

Tone tone(LinkState state) {
    switch (state) {
        case LinkState::Holds: return Tone::Good;
        case LinkState::Remark: return Tone::Plain;
        case LinkState::Unknown: return Tone::Doubtful;
        case LinkState::Rests: return Tone::Plain;
        case LinkState::Broken: return Tone::Bad;
    }
    return Tone::Plain;
}

/// What is known of one VIP, link by link.
class Explanation {
public:
    Explanation(const json::object& answer, const json::object& vip)
        : answer_{answer},
          vip_{vip},
          name_{string(vip, "name")},
          router_{find(list(answer, "virtual_routers"), string(vip, "virtual_router"))},
          by_vrrp_{string(vip, "announce").starts_with("vrrp")},
          by_bgp_{string(vip, "announce").ends_with("bgp")} {
        for_each(list(answer, "announcements"), [this](const json::object& route) {
            if (string(route, "vip") == name_) announcements_.push_back(&route);
        });
    }

    Chain chain() && {
        about_node();
        about_vip();
        about_checks();
        about_servers();
        about_needed_session();
        about_router();
        about_kernel();
        about_standby();
        about_holding_back();
        about_what_is_left();
        about_loops();
        const auto gates = chain_.links.size();
        about_peers();
        about_remarks();
        conclude(gates);
        return std::move(chain_);
    }

private:
    void add(std::string kind, std::string subject, LinkState state, std::string text, std::string hint = {}) {
        chain_.links.push_back({std::move(kind), std::move(subject), state, std::move(text), std::move(hint)});
    }
    [[nodiscard]] bool announced() const { return is_true(vip_, "announced"); }
    [[nodiscard]] bool has_state(std::string_view state) const { return string(vip_, "state") == state; }
    [[nodiscard]] const json::object* peer(const json::object& announcement) const {
        return find(list(answer_, "peers"), string(announcement, "peer"));
    }

    // ---- May this node serve it

    void about_node() {
        const auto node = string(answer_, "node");
        if (is_true(answer_, "stopping")) {
            add("node", node, LinkState::Broken, "is leaving: anyvipd stops");
        } else if (is_true(answer_, "drained")) {
            add("node", node, LinkState::Broken, "is drained", "`anyvip undrain node` takes it back into service");
        } else {
            add("node", node, LinkState::Holds, "is in service, anyvipd up" + lasting(answer_, "uptime"));
        }
    }

    void about_vip() {
        if (has_state("Removing")) {
            add("vip", name_, LinkState::Broken,
                "is leaving: it is no longer in the configuration, or becomes another");
        } else if (is_true(vip_, "drained")) {
            add("vip", name_, LinkState::Broken, "is drained", "`anyvip undrain vip " + name_ + "` takes it back");
        } else {
            add("vip", name_, LinkState::Holds,
                text(vip_, "address") + " on " + text(vip_, "interface") + ", announced by " + text(vip_, "announce"));
        }
    }

    void about_checks() {
        std::set<std::string> told;
        const auto about = [&](const json::object& track) {
            const auto name = string(track, "check");
            const auto weight = number(track, "weight");
            if (told.insert(name).second) about_check(name, weight);
        };
        for_each(list(vip_, "track"), about);
        if (router_ != nullptr) for_each(list(*router_, "track"), about);
    }

    void about_check(const std::string& name, const std::optional<double>& weight) {
        const auto* const check = find(list(answer_, "checks"), name);
        if (check == nullptr) return add("check", name, LinkState::Unknown, "is not known to the daemon");
        const auto state = string(*check, "state");
        const auto detail = after_colon(string(*check, "detail"));
        const auto effect = weight ? "; its weight is " + std::to_string(std::llround(*weight)) : std::string{};
        const auto probes = history(*check);
        const auto last = probes.empty() ? probes : ", last probes " + probes;
        if (state == "up") {
            add("check", name, LinkState::Holds, "is up" + lasting(*check, "since") + effect);
        } else if (state == "down") {
            add("check", name, weight ? LinkState::Remark : LinkState::Broken,
                "failed" + ago(*check, "since") + detail + last + effect);
        } else {
            add("check", name, weight ? LinkState::Remark : LinkState::Unknown,
                "has no verdict yet" + detail + last + effect);
        }
    }

    [[nodiscard]] static bool is_quorate(const json::object& server) {
        return number(server, "healthy").value_or(0) >= number(server, "quorum").value_or(1);
    }

    void about_servers() {
        std::vector<const json::object*> servers;
        bool any = false;
        for_each(list(answer_, "virtual_servers"), [&](const json::object& server) {
            if (string(server, "vip") != name_) return;
            servers.push_back(&server);
            any = any || (is_quorate(server) && string(server, "when_empty") != "keep");
        });
        const bool one_is_enough = string(vip_, "services") == "any" && any;
        for (const auto* const server : servers) about_server(*server, one_is_enough);
    }

    void about_server(const json::object& server, bool one_is_enough) {
        const bool quorate = is_quorate(server);
        const bool keeps = string(server, "when_empty") == "keep";
        const auto* const why = quorate         ? ""
                                : keeps         ? "; when_empty = \"keep\": the VIP stays all the same"
                                : one_is_enough ? "; services = \"any\": another virtual server has its quorum"
                                                : "";
        add("virtual_server", string(server, "name"),
            quorate                  ? LinkState::Holds
            : keeps || one_is_enough ? LinkState::Remark
                                     : LinkState::Broken,
            "has " + text(server, "healthy") + " of " + text(server, "configured") +
                " real servers healthy, its quorum is " + text(server, "quorum") + why + unwell(server));
    }

    /// The real servers that do not count, a few of them.
    [[nodiscard]] static std::string unwell(const json::object& server) {
        constexpr std::size_t shown = 3;
        std::size_t count = 0;
        std::string all;
        for_each(list(server, "real_servers"), [&](const json::object& real_server) {
            const auto state = string(real_server, "state");
            if (state == "up" || ++count > shown) return;
            all += "; " + text(real_server, "address") + ' ' + state + after_colon(string(real_server, "detail"));
        });
        return count > shown ? all + "; and " + std::to_string(count - shown) + " more" : all;
    }

    void about_needed_session() {
        if (!is_true(vip_, "needs_bgp_session")) return;
        std::string troubles;
        std::string hint;
        for (const auto* const announcement : announcements_) {
            const auto* const to = peer(*announcement);
            if (to == nullptr) continue;
            if (string(*to, "state") == "Established") {
                return add("bgp_session", "", LinkState::Holds, "has an Established session, which this VIP needs");
            }
            troubles += "; " + text(*to, "name") + ": " + trouble(*to);
            if (hint.empty()) hint = hint_for_session(answer_, *to);
        }
        add("bgp_session", "", LinkState::Broken, "has no Established session, which this VIP needs" + troubles, hint);
    }

    void about_router() {
        if (!by_vrrp_) return;
        const auto name = string(vip_, "virtual_router");
        if (router_ == nullptr) {
            return add("virtual_router", name, LinkState::Unknown, "is not known to the daemon");
        }
        const auto state = string(*router_, "state");
        const auto reason = after_colon(string(*router_, "reason"));
        const auto priority = number(*router_, "priority");
        const auto own = priority ? ", priority " + text(*router_, "priority") : std::string{};
        const auto said = "is " + state + reason + own;
        if (state == "Backup") {
            const auto other = string(*router_, "active_router");
            add("virtual_router", name, LinkState::Rests,
                said + (other.empty() ? "" : "; Active is " + other) + losses());
        } else if (state != "Active") {
            add("virtual_router", name, LinkState::Broken, said + siblings() + losses());
        } else if (is_true(*router_, "serving")) {
            add("virtual_router", name, LinkState::Holds, said + losses());
        } else {
            add("virtual_router", name, LinkState::Unknown,
                said + ", and the kernel has not confirmed its addresses yet");
        }
    }

    /// A virtual router moves as one: the other VIPs that it has, and that are not eligible.
    [[nodiscard]] std::string siblings() const {
        std::string all;
        for_each(list(answer_, "vips"), [&](const json::object& vip) {
            const auto* const verdict = member(vip, "verdict");
            if (string(vip, "name") == name_ || string(vip, "virtual_router") != string(vip_, "virtual_router")) return;
            if (verdict == nullptr || is_eligible(vip)) return;
            all += "; its VIP " + string(vip, "name") +
                   " has to be eligible as well, and is not: " + words(string(*verdict, "reason")) +
                   after_colon(string(*verdict, "detail"));
        });
        return all;
    }

    /// Advertisements that were meant for us and could not be used.
    [[nodiscard]] std::string losses() const {
        const auto* const counters = member(*router_, "counters");
        const auto* const discarded = counters == nullptr ? nullptr : member(*counters, "discarded");
        std::string all;
        if (discarded == nullptr) return all;
        for (const auto& reason : *discarded) {
            const std::set<std::string_view> usual{"own_advertisement", "other_virtual_router", "not_participating"};
            if (usual.contains(reason.key()) || number(*discarded, reason.key()).value_or(0) == 0) continue;
            all += (all.empty() ? "; advertisements discarded: " : ", ") + words(std::string{reason.key()}) + ' ' +
                   text(*discarded, reason.key());
        }
        return all;
    }

    // ---- Whether it could, and is let

    void about_kernel() {
        const auto error = string(vip_, "kernel_error");
        const auto* const what = by_vrrp_ ? "the services" : "the services and the address";
        if (!error.empty()) {
            add("kernel", "", LinkState::Broken, "refuses what it needs: " + error, hint_for_kernel(error));
        } else if (has_state("Programming")) {
            add("kernel", "", LinkState::Unknown, std::string{"has not confirmed "} + what + " yet");
        } else if (!has_state("Absent") && !has_state("Removing")) {
            add("kernel", "", LinkState::Holds, std::string{"has "} + what);
        }
    }

    void about_standby() {
        if (string(vip_, "role") != "standby") return;
        const auto others = string(vip_, "others");
        const auto detail = after_colon(string(vip_, "others_detail"));
        if (!is_true(vip_, "stands_by")) {
            add("standby", "", LinkState::Holds,
                others == "heard" ? "goes before the other node that it hears" + detail
                                  : "may announce: no other node that goes before it is heard" + detail);
        } else if (others == "heard") {
            add("standby", "", LinkState::Rests, "leaves it to another node" + detail);
        } else if (others == "none") {
            add("standby", "", LinkState::Unknown, "hears no other node, and takes the VIP after take_after");
        } else {
            add("standby", "", LinkState::Unknown, "does not know whether another node announces" + detail,
                "it takes nothing while no router that it hears can tell: see its peers");
        }
    }

    void about_holding_back() {
        const auto* const flap = member(vip_, "flap");
        const auto penalty = flap == nullptr ? 0 : number(*flap, "penalty").value_or(0);
        const auto left = number(vip_, "held_back_for");
        if (left && string(vip_, "held_back_by") != "flap") {
            return add("hold_down", "", LinkState::Broken,
                       "keeps it back for another " + age(*left) + ", since its health fell");
        }
        const auto counted = flap == nullptr
                                 ? std::string{}
                                 : "penalty " + std::to_string(std::llround(penalty)) + ", suppressed from " +
                                       text(*flap, "suppress") + " on, back at " + text(*flap, "reuse");
        if (left) {
            add("flap", "", LinkState::Broken,
                "keeps it back for another " + age(*left) + ": its health fell too often" +
                    (counted.empty() ? "" : ", " + counted));
        } else if (penalty >= 1) {
            add("flap", "", LinkState::Remark, "lets it pass: " + counted);
        }
    }

    /// Every link so far holds, and the VIP is not there all the same; or the daemon says no for a reason that it did
    /// not tell us the rest of, being older than this.
    void about_what_is_left() {
        const bool explained = std::ranges::any_of(chain_.links, [](const Link& link) {
            return link.state != LinkState::Holds && link.state != LinkState::Remark;
        });
        const auto* const verdict = member(vip_, "verdict");
        if (explained) return;
        if (verdict != nullptr && !is_eligible(vip_)) {
            return add("lifecycle", "", LinkState::Broken,
                       "holds it back: " + words(string(*verdict, "reason")) + after_colon(string(*verdict, "detail")));
        }
        if (!by_bgp_ || announced()) return;
        add("lifecycle", "", LinkState::Unknown,
            has_state("Withdrawing") ? "waits until the routers have turned elsewhere, and announces it again then"
                                     : "has it " + text(vip_, "state") + ", and nothing is known that keeps it back");
    }

    /// Of the parts of the daemon that know something of this VIP.
    void about_loops() {
        bool heartbeat = router_ != nullptr && router_->contains("counters") && member(*router_, "counters") == nullptr;
        for (const auto* const announcement : announcements_) {
            const auto* const to = peer(*announcement);
            const auto* const bfd = to == nullptr ? nullptr : member(*to, "bfd");
            heartbeat = heartbeat || (bfd != nullptr && string(*bfd, "state").empty());
        }
        bool checks = false;
        for_each(list(vip_, "track"), [&](const json::object& track) {
            const auto* const check = find(list(answer_, "checks"), string(track, "check"));
            checks = checks || (check != nullptr && check->contains("since") && !number(*check, "since"));
        });
        const std::string silent = "did not answer in time: what it knows is missing here, the rest may be old";
        if (heartbeat) add("loop", "heartbeat", LinkState::Unknown, silent, "a stalled part fails closed: see the log");
        if (checks) add("loop", "checks", LinkState::Unknown, silent, "a stalled part fails closed: see the log");
    }

    // ---- Whom it reaches

    void about_peers() {
        if (!by_bgp_) return;
        std::set<std::string> told;
        for (const auto* const announcement : announcements_) {
            const auto name = string(*announcement, "peer");
            const auto* const to = peer(*announcement);
            told.insert(name);
            if (to == nullptr) {
                add("peer", name, LinkState::Unknown, "is not known to the daemon");
                continue;
            }
            if (const auto range = string(*to, "range"); !range.empty()) told.insert(range);
            about_bfd(*to);
            about_peer(*to);
            about_route(*announcement, *to);
        }
        for (const auto& name : strings(list(vip_, "peers"))) {
            if (!told.contains(name)) about_nobody(name);
        }
    }

    void about_bfd(const json::object& to) {
        const auto* const bfd = member(to, "bfd");
        const auto state = bfd == nullptr ? std::string{} : string(*bfd, "state");
        if (state.empty()) return;
        const auto name = string(to, "name");
        if (state == "Up") return add("bfd", name, LinkState::Holds, "is Up" + lasting(*bfd, "since"));
        const auto* const counters = member(*bfd, "counters");
        const bool was_up = counters != nullptr && number(*counters, "times_up").value_or(0) > 0;
        const bool ended_it = string(to, "last_error_kind") == "bfd_down" && string(to, "state") != "Established";
        const bool broken = ended_it || was_up || !string(*bfd, "socket_error").empty();
        const auto heard = counters != nullptr && number(*counters, "packets_received").value_or(0) > 0;
        add("bfd", name, broken ? LinkState::Broken : LinkState::Remark,
            "is " + state + lasting(*bfd, "since") + after_colon(bfd_remarks(*bfd)),
            heard ? "" : "no packet of the router's has come: is BFD configured there, towards this node?");
    }

    /// Why there is no session, and what both sides said lately.
    [[nodiscard]] static std::string trouble(const json::object& to) {
        const auto kind = string(to, "last_error_kind");
        const auto lately = [&](std::string_view name, const char* who, bool known) {
            const auto* const said = member(to, name);
            const bool fresh = said != nullptr && number(*said, "age").value_or(0) < old_news;
            const bool worth = !known && (fresh || (kind == "connection_failed" && name == "last_received"));
            return worth && said != nullptr ? std::string{who} + notification(to, name) : std::string{};
        };
        // What ended a session sent its NOTIFICATION itself.
        const bool ours = kind == "notification_sent" || kind == "hold_timer_expired" ||
                          kind == "send_hold_timer_expired" || kind == "bfd_down";
        auto why = joined({link_remarks(to), last_error(to),
                           lately("last_received", "it said ", kind == "notification_received"),
                           lately("last_sent", "we said ", ours)});
        if (!why.empty()) return why;
        if (!is_true(to, "started")) return "is not started";
        const auto signature = signature_of(to);
        return string(to, "state") == "Active" ? "no connection yet"
               : signature.empty()             ? "no answer yet"
                                               : "no answer yet to what we send, which is signed with " + signature;
    }

    void about_peer(const json::object& to) {
        const auto name = string(to, "name");
        const auto state = string(to, "state");
        if (state != "Established") {
            return add("peer", name, LinkState::Broken, "is " + state + lasting(to, "since") + ": " + trouble(to),
                       hint_for_session(answer_, to));
        }
        const auto error = last_error(to);
        add("peer", name, LinkState::Holds,
            "is Established" + lasting(to, "uptime") + " with " + text(to, "address") + ", AS " + peer_as(to) +
                (error.empty() ? "" : "; last error: " + error));
    }

    void about_route(const json::object& route, const json::object& to) {
        if (string(to, "state") != "Established") return;
        const auto name = string(to, "name");
        const auto prefix = text(route, "prefix");
        if (!is_true(route, "desired")) {
            if (announced()) add("route", name, LinkState::Unknown, prefix + " is not to go there");
            return;
        }
        if (const auto withheld = string(route, "withheld"); !withheld.empty()) {
            return add("route", name, LinkState::Broken, prefix + " is withheld: " + words(withheld),
                       hint_for_withheld(withheld, prefix));
        }
        if (!announced()) {
            return add("route", name, LinkState::Remark, prefix + " is announced all the same, for another VIP");
        }
        if (is_true(route, "acknowledged")) {
            return add("route", name, LinkState::Holds, prefix + " is sent, and its TCP has acknowledged it");
        }
        const auto waits = number(to, "updates_unacknowledged_for");
        const bool stuck = waits && *waits >= slow_acknowledgement;
        add("route", name, stuck ? LinkState::Broken : LinkState::Unknown,
            prefix + (is_true(route, "sent") ? " is sent, and not acknowledged by its TCP" : " is not sent yet") +
                (waits ? ": octets wait for " + age(*waits) : "") + ", " + text(to, "unacknowledged_octets") +
                " of them in all",
            stuck ? "the path to the router loses packets, or the router does not read: its hold time will tell" : "");
    }

    /// A peer that the route goes to, and nobody is there.
    void about_nobody(const std::string& name) {
        const auto* const range = find(list(answer_, "peer_ranges"), name);
        if (range == nullptr) return add("peer", name, LinkState::Unknown, "is not known to the daemon");
        add("range", name, LinkState::Broken,
            "has no session: nobody has connected from " + text(*range, "range") + after_colon(last_error(*range)),
            "a range waits: its routers have to connect to this node");
    }

    // ---- What else there is to say

    void about_remarks() {
        if (!by_bgp_) return;
        std::set<std::string> peers;
        for (const auto* const announcement : announcements_) {
            const auto name = string(*announcement, "peer");
            peers.insert(name);
            if (const auto warning = string(*announcement, "warning"); !warning.empty()) {
                add("warning", "", LinkState::Remark, warning);
            }
        }
        for (auto& warning : strings(list(vip_, "warnings"))) add("warning", "", LinkState::Remark, std::move(warning));
        for_each(list(answer_, "received"), [&](const json::object& received) {
            const auto* const refused = member(received, "refused");
            const auto count = refused == nullptr ? 0 : number(*refused, "max_prefixes").value_or(0);
            if (count == 0 || !peers.contains(string(received, "peer"))) return;
            add("import", string(received, "peer"), LinkState::Remark,
                text(*refused, "max_prefixes") + " are refused: max_prefixes is " + text(received, "max_prefixes"));
        });
        about_the_other_side();
    }

    /// What an acknowledgement does not tell.
    void about_the_other_side() {
        const auto* const bgp = member(answer_, "bgp");
        const bool external = std::ranges::any_of(announcements_, [&](const json::object* announcement) {
            const auto* const to = peer(*announcement);
            return is_true(*announcement, "acknowledged") && to != nullptr && bgp != nullptr &&
                   peer_as(*to) != text(*bgp, "asn");
        });
        if (!external || !announced()) return;
        add("router", "", LinkState::Remark, "decides what becomes of a route that it has: we cannot see its policy",
            "FRR from 7.4 on uses nothing of an external peer without a policy (no bgp ebgp-requires-policy); compare "
            "`show bgp neighbors ADDRESS routes`, in BIRD `show route all protocol NAME`");
    }

    // ---- What comes of it

    [[nodiscard]] std::size_t reached() const {
        return static_cast<std::size_t>(std::ranges::count_if(announcements_, [&](const json::object* announcement) {
            const auto* const to = peer(*announcement);
            return is_true(*announcement, "sent") && to != nullptr && string(*to, "state") == "Established";
        }));
    }

    [[nodiscard]] std::string to_whom() const {
        const auto all = announcements_.size();
        const auto reached = this->reached();
        if (reached == 0) return "no peer";
        if (all == 1) return string(*announcements_.front(), "peer");
        if (reached == all) return "all " + std::to_string(all) + " peers";
        return std::to_string(reached) + " of " + std::to_string(all) + " peers";
    }

    [[nodiscard]] std::optional<std::size_t> first(LinkState state, std::size_t end) const {
        for (std::size_t i = 0; i < end; ++i) {
            if (chain_.links[i].state == state) return i;
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<std::size_t> first(std::initializer_list<LinkState> states, std::size_t end) const {
        for (const auto state : states) {
            if (const auto found = first(state, end)) return found;
        }
        return std::nullopt;
    }

    void conclude(std::size_t gates) {
        const bool active =
            by_vrrp_ && router_ != nullptr && string(*router_, "state") == "Active" && is_true(*router_, "serving");
        const bool there = by_bgp_ ? announced() : active;
        const auto all = chain_.links.size();
        chain_.vip = name_;
        chain_.served = active || (announced() && reached() > 0);
        chain_.cause = there ? first({LinkState::Broken, LinkState::Unknown}, all)
                             : first({LinkState::Broken, LinkState::Rests, LinkState::Unknown}, gates);
        chain_.summary = name_ + (!by_bgp_ ? active ? " is served here" : " is not served here"
                                  : !there ? " is not announced"
                                  : has_state("GracefulShutdown")
                                      ? " is leaving, still announced with GRACEFUL_SHUTDOWN to " + to_whom()
                                      : " is announced to " + to_whom());
        if (chain_.cause) {
            const auto& link = chain_.links[*chain_.cause];
            chain_.summary += ": " + label(link) + ' ' + link.text;
        } else if (by_bgp_) {
            chain_.summary += ", acknowledged";
        }
    }

    const json::object& answer_;
    const json::object& vip_;
    std::string name_;
    const json::object* router_;  ///< null: none takes part
    bool by_vrrp_;
    bool by_bgp_;
    std::vector<const json::object*> announcements_;  ///< of this VIP, one for each peer that there is
    Chain chain_;
};

}  // namespace

bool Chain::broken() const {
    return std::ranges::find(links, LinkState::Broken, &Link::state) != links.end();
}

std::optional<Chain> explain(const json::object& answer, std::string_view vip) {
    const auto* const found = find(list(answer, "vips"), vip);
    if (found == nullptr) return std::nullopt;
    return Explanation{answer, *found}.chain();
}

std::vector<std::string> vip_names(const json::object& status) {
    std::vector<std::string> names;
    for_each(list(status, "vips"), [&](const json::object& vip) { names.push_back(string(vip, "name")); });
    return names;
}

std::string chain_text(const Chain& chain, const Style& style) {
    std::string out = coloured(printable(chain.summary),
                               chain.broken() ? Tone::Bad
                               : chain.cause  ? Tone::Doubtful
                                              : Tone::Good,
                               style) +
                      '\n';
    for (const bool broken : {true, false}) {
        Table table{{broken ? "BROKEN" : "THE REST", "STATE", "WHY"}};
        for (const auto& link : chain.links) {
            if ((link.state == LinkState::Broken) != broken) continue;
            table.add({{label(link)}, {std::string{word(link.state)}, tone(link.state)}, {link.text}});
            if (!link.hint.empty()) table.add({{""}, {""}, {"hint: " + link.hint}});
        }
        if (!table.empty()) out += '\n' + table.render(style);
    }
    return out;
}

json::object chain_json(const Chain& chain) {
    json::object object;
    object["vip"] = chain.vip;
    object["served"] = chain.served;
    object["summary"] = chain.summary;
    object["cause"] = chain.cause ? json::value(*chain.cause) : json::value{};
    json::array links;
    for (const auto& link : chain.links) {
        json::object each;
        each["kind"] = link.kind;
        each["subject"] = link.subject.empty() ? json::value{} : json::value(link.subject);
        each["state"] = word(link.state);
        each["text"] = link.text;
        each["hint"] = link.hint.empty() ? json::value{} : json::value(link.hint);
        links.push_back(std::move(each));
    }
    object["links"] = std::move(links);
    return object;
}

}  // namespace anyvip::cli
