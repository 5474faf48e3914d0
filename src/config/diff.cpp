#include "anyvip/config/diff.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace anyvip::config {

namespace {

/// By key, in the order of `to` for what is there and of `from` for what is gone.
template <class T, class Key, class Equal = std::equal_to<>>
Changes<T> changes_of(const std::vector<T>& from, const std::vector<T>& to, Key key, Equal equal = {}) {
    using Name = std::decay_t<std::invoke_result_t<Key, const T&>>;
    std::map<Name, const T*> before;
    for (const T& thing : from) before.emplace(std::invoke(key, thing), &thing);
    Changes<T> changes;
    for (const T& thing : to) {
        const auto old = before.find(std::invoke(key, thing));
        if (old == before.end()) {
            changes.added.push_back(thing);
            continue;
        }
        if (!equal(*old->second, thing)) changes.changed.push_back({*old->second, thing});
        before.erase(old);
    }
    for (const T& thing : from) {
        if (before.contains(std::invoke(key, thing))) changes.removed.push_back(thing);
    }
    return changes;
}

/// What a key of a peer means for its session while that is up.
enum class Effect : std::uint8_t { NextTime, Reset };

/// The keys by which two peers of one name differ.
class PeerComparison {
public:
    PeerComparison(const Peer& from, const Peer& to) : from_{from}, to_{to} {}

    template <class T>
    PeerComparison& field(std::string_view key, T Peer::* member, Effect effect) {
        if (from_.*member == to_.*member) return *this;
        reset_ = reset_ || effect == Effect::Reset;
        if (!keys_.empty()) keys_ += ", ";
        keys_ += key;
        return *this;
    }
    [[nodiscard]] bool reset() const { return reset_; }
    [[nodiscard]] const std::string& keys() const { return keys_; }

private:
    const Peer& from_;
    const Peer& to_;
    bool reset_ = false;
    std::string keys_;
};

/// All of its peers are in it still.
bool widened(const Peer& from, const Peer& to) {
    return from.range && to.range && to.range->contains(from.range->address()) &&
           to.range->length() <= from.range->length();
}

/// Some of them are.
bool narrowed(const Peer& from, const Peer& to) {
    return from.range != to.range && widened(to, from);
}

/// Whether it is on or forced makes no difference to the peer.
bool is_off(const Peer& peer) {
    return peer.graceful_restart == GracefulRestart::Off;
}

PeerComparison compare(const Peer& from, const Peer& to) {
    PeerComparison comparison{from, to};
    // Of the TCP connection, or agreed on in the OPEN; the rest counts from the next attempt or route on.
    const auto of_range = widened(from, to) || narrowed(from, to) ? Effect::NextTime : Effect::Reset;
    comparison.field("address", &Peer::address, of_range)
        .field("range", &Peer::range, of_range)
        .field("interface", &Peer::interface, Effect::Reset)
        .field("limit", &Peer::limit, Effect::NextTime)
        .field("asn", &Peer::asn, Effect::Reset)
        .field("port", &Peer::port, Effect::Reset)
        .field("source", &Peer::source, Effect::Reset)
        .field("passive", &Peer::passive, Effect::NextTime)
        .field("ttl_security", &Peer::ttl_security, Effect::Reset)
        .field("multihop", &Peer::multihop, Effect::Reset)
        .field("hold_time", &Peer::hold_time, Effect::NextTime)
        .field("connect_retry", &Peer::connect_retry, Effect::NextTime)
        .field("idle_hold", &Peer::idle_hold, Effect::NextTime)
        .field("password_file", &Peer::password_file, Effect::NextTime)
        .field("password", &Peer::password, Effect::Reset)
        .field("tcp_ao", &Peer::tcp_ao, Effect::Reset)
        .field("next_hop", &Peer::next_hop, Effect::NextTime)
        .field("next_hop6", &Peer::next_hop6, Effect::NextTime)
        .field("families", &Peer::families, Effect::Reset)
        .field("device", &Peer::device, Effect::Reset)
        .field("delay_open", &Peer::delay_open, Effect::NextTime)
        .field("extended_next_hop", &Peer::extended_next_hop, Effect::Reset)
        .field("link_local_next_hop", &Peer::link_local_next_hop, Effect::Reset)
        .field("add_path", &Peer::add_path, Effect::Reset)
        .field("role", &Peer::role, Effect::Reset)
        .field("strict_role", &Peer::strict_role, Effect::Reset)
        .field("capability_fallback", &Peer::capability_fallback, Effect::NextTime)
        .field("graceful_restart", &Peer::graceful_restart,
               is_off(from) == is_off(to) ? Effect::NextTime : Effect::Reset)
        .field("restart_time", &Peer::restart_time, Effect::Reset)
        .field("long_lived_stale_time", &Peer::long_lived_stale_time, Effect::Reset)
        .field("import", &Peer::import, Effect::NextTime)
        .field("max_prefixes", &Peer::max_prefixes, Effect::NextTime)
        .field("max_prefixes_action", &Peer::max_prefixes_action, Effect::NextTime)
        .field("max_prefixes_out", &Peer::max_prefixes_out, Effect::NextTime)
        .field("bfd", &Peer::bfd, Effect::NextTime);  // Its session is another one, and hears of it at once.
    return comparison;
}

PeerChanges peer_changes(const std::vector<Peer>& from, const std::vector<Peer>& to, bool speaker_changed) {
    // Peers that stay count as changed where the speaker itself is another one.
    auto changes =
        changes_of(from, to, &Peer::name, [&](const Peer& a, const Peer& b) { return a == b && !speaker_changed; });
    PeerChanges result{std::move(changes.added), std::move(changes.removed), {}};
    for (auto& [before, after] : changes.changed) {
        const PeerComparison comparison = compare(before, after);
        std::string reason = speaker_changed ? "the speaker's asn or router_id" : "";
        if (!comparison.keys().empty()) reason += (reason.empty() ? "" : ", ") + comparison.keys();
        const bool reset = speaker_changed || comparison.reset();
        result.changed.push_back({std::move(before), std::move(after), reset, std::move(reason)});
    }
    return result;
}

bool equal_but_for_real_servers(const VirtualServer& a, const VirtualServer& b) {
    VirtualServer without = a;
    without.real_servers = b.real_servers;
    return without == b;
}

std::vector<RealServerChanges> real_server_changes(const std::vector<VirtualServer>& from,
                                                   const std::vector<VirtualServer>& to) {
    std::map<ServerName, const VirtualServer*> before;
    for (const VirtualServer& server : from) before.emplace(server.name, &server);
    std::vector<RealServerChanges> result;
    for (const VirtualServer& server : to) {
        const auto old = before.find(server.name);
        if (old == before.end()) continue;
        auto changes = changes_of(old->second->real_servers, server.real_servers, &RealServer::address);
        if (!changes.empty()) result.push_back({server.name, std::move(changes)});
    }
    return result;
}

void diff_bgp(const std::optional<Bgp>& from, const std::optional<Bgp>& to, Diff& diff) {
    const bool both = from && to;
    diff.bgp_speaker =
        both ? from->asn != to->asn || from->router_id != to->router_id : from.has_value() != to.has_value();
    diff.bgp_listen = both ? from->listen != to->listen || from->port != to->port : from.has_value() != to.has_value();
    static const std::vector<Peer> none;
    diff.peers = peer_changes(from ? from->peers : none, to ? to->peers : none, diff.bgp_speaker);
}

class Lines {
public:
    void add(char sign, std::string_view kind, std::string_view name, std::string_view more = {}) {
        text_ += sign;
        text_ += ' ';
        text_ += kind;
        text_ += ' ';
        text_ += name;
        if (!more.empty()) text_ += ": ";
        text_ += more;
        text_ += '\n';
    }
    template <class T>
    void add(std::string_view kind, const Changes<T>& changes) {
        for (const T& thing : changes.removed) add('-', kind, describe(thing.name));
        for (const T& thing : changes.added) add('+', kind, describe(thing.name));
        for (const auto& change : changes.changed) add('~', kind, describe(change.to.name));
    }
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    std::string text_;
};

void describe_peers(const PeerChanges& peers, Lines& lines) {
    for (const Peer& peer : peers.removed) lines.add('-', "peer", peer.name.value());
    for (const Peer& peer : peers.added) lines.add('+', "peer", peer.name.value());
    const auto outcome = [](const PeerChange& change) -> std::string {
        if (change.reset) return " (session reset)";
        if (narrowed(change.from, change.to)) return " (sessions outside " + change.to.range->to_string() + " end)";
        return " (session goes on)";
    };
    for (const PeerChange& change : peers.changed) {
        lines.add('~', "peer", change.to.name.value(), change.reason + outcome(change));
    }
}

std::string real_server_name(const ServerName& server, const RealServer& real_server) {
    return server.value() + '/' + real_server.address.to_string();
}

void describe_real_servers(const RealServerChanges& changes, Lines& lines) {
    for (const RealServer& gone : changes.real_servers.removed) {
        lines.add('-', "real server", real_server_name(changes.server, gone));
    }
    for (const RealServer& added : changes.real_servers.added) {
        lines.add('+', "real server", real_server_name(changes.server, added));
    }
    for (const auto& [from, to] : changes.real_servers.changed) {
        lines.add('~', "real server", real_server_name(changes.server, to),
                  "weight " + describe(from.weight) + " -> " + describe(to.weight));
    }
}

}  // namespace

bool Diff::empty() const {
    return *this == Diff{};
}

std::size_t Diff::sessions_reset() const {
    return peers.removed.size() + static_cast<std::size_t>(std::ranges::count(peers.changed, true, &PeerChange::reset));
}

Diff diff(const Config& from, const Config& to) {
    Diff diff;
    diff.node = from.node != to.node;
    diff_bgp(from.bgp, to.bgp, diff);
    diff.virtual_routers = changes_of(from.virtual_routers, to.virtual_routers, &VirtualRouter::name);
    diff.checks = changes_of(effective_checks(from), effective_checks(to), &Check::name);
    diff.vips = changes_of(from.vips, to.vips, &Vip::name);
    diff.virtual_servers =
        changes_of(from.virtual_servers, to.virtual_servers, &VirtualServer::name, equal_but_for_real_servers);
    diff.real_servers = real_server_changes(from.virtual_servers, to.virtual_servers);
    return diff;
}

std::string describe(const Diff& diff) {
    if (diff.empty()) return "nothing changes";
    Lines lines;
    if (diff.node) lines.add('~', "node", "values of [node]");
    if (diff.bgp_speaker) lines.add('~', "bgp", "asn or router_id");
    if (diff.bgp_listen) lines.add('~', "bgp", "listening addresses");
    describe_peers(diff.peers, lines);
    lines.add("virtual router", diff.virtual_routers);
    lines.add("check", diff.checks);
    lines.add("VIP", diff.vips);
    lines.add("virtual server", diff.virtual_servers);
    for (const RealServerChanges& changes : diff.real_servers) describe_real_servers(changes, lines);
    const std::size_t resets = diff.sessions_reset();
    return lines.take() + std::to_string(resets) + (resets == 1 ? " session reset" : " sessions reset");
}

}  // namespace anyvip::config
