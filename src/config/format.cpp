#include <algorithm>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/config/load.hpp"
#include "anyvip/overloaded.hpp"
#include "config/reader.hpp"

/// A Config as the TOML that load.cpp reads: a line per key, in the order of the schema.
namespace anyvip::config {

namespace {

std::string_view checksum_word(VrrpChecksum checksum) {
    switch (checksum) {
        case VrrpChecksum::Automatic: return "automatic";
        case VrrpChecksum::Rfc9568: return "rfc9568";
        case VrrpChecksum::PseudoHeader: return "pseudo_header";
    }
    return "automatic";
}

// One overload per type of value that a key can have.

std::string toml(std::string_view text) {
    return quote(text);
}
std::string toml(const std::string& text) {
    return quote(text);
}
std::string toml(const char* text) {
    return quote(text);
}
std::string toml(std::same_as<bool> auto value) {
    return value ? "true" : "false";
}
template <std::integral T>
    requires(!std::same_as<T, bool>)
std::string toml(T value) {
    return std::to_string(value);
}
std::string toml(Duration duration) {
    return quote(format_duration(duration));
}
template <class T, class Tag>
std::string toml(const Strong<T, Tag>& strong) {
    return toml(strong.value());
}
std::string toml(const net::IpAddress& address) {
    return quote(address.to_string());
}
std::string toml(const net::Community& community) {
    return quote(community.to_string());
}
std::string toml(const net::LargeCommunity& community) {
    return quote(community.to_string());
}
std::string toml(const net::ExtendedCommunity& community) {
    return quote(community.to_string());
}
std::string toml(const LinkBandwidth& bandwidth) {
    const auto rate = quote(format_rate(bandwidth.octets_per_second));
    return bandwidth.per_weight ? "{ per_weight = " + rate + " }" : rate;
}
std::string toml(const Track& track) {
    if (!track.weight) return toml(track.check);
    return "{ check = " + toml(track.check) + ", weight = " + toml(*track.weight) + " }";
}
std::string toml(const ImportRule& rule) {
    auto prefix = quote(rule.prefix.to_string());
    if (rule.max_length == rule.prefix.length()) return prefix;
    return "{ prefix = " + prefix + ", max_length = " + std::to_string(rule.max_length) + " }";
}
std::string toml(const health::StatusRange& range) {
    if (range.low == range.high) return std::to_string(range.low);
    return quote(std::to_string(range.low) + '-' + std::to_string(range.high));
}
template <class T>
std::string toml(const std::vector<T>& items) {
    std::string text = "[";
    for (const T& item : items) {
        if (text.size() > 1) text += ", ";
        text += toml(item);
    }
    return text + ']';
}

/// "{ key = value, ... }" on one line: TOML's inline table.
class InlineTable {
public:
    template <class T>
    InlineTable& key(std::string_view name, const T& value) {
        return raw(name, toml(value));
    }
    template <class T>
    InlineTable& key(std::string_view name, const std::optional<T>& value) {
        return value ? key(name, *value) : *this;
    }
    InlineTable& raw(std::string_view name, std::string_view value) {
        text_ += text_.empty() ? " " : ", ";
        text_ += name;
        text_ += " = ";
        text_ += value;
        return *this;
    }
    [[nodiscard]] std::string text() const { return text_.empty() ? "{}" : '{' + text_ + " }"; }

private:
    std::string text_;
};

class Output {
public:
    void header(std::string_view name) {
        if (!text_.empty()) text_ += '\n';
        text_ += name;
        text_ += '\n';
    }
    template <class T>
    void key(std::string_view name, const T& value) {
        raw(name, toml(value));
    }
    template <class T>
    void key(std::string_view name, const std::optional<T>& value) {
        if (value) key(name, *value);
    }
    void raw(std::string_view name, std::string_view value) {
        text_ += name;
        text_ += " = ";
        text_ += value;
        text_ += '\n';
    }
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    std::string text_;
};

void write_node(Output& out, const Node& node) {
    out.header("[node]");
    if (!node.name.empty()) out.key("name", node.name);
    out.key("state_dir", node.state_dir);
    out.key("stop_timeout", node.stop_timeout);
    out.key("stall_timeout", node.stall_timeout);
    out.key("apply_timeout", node.apply_timeout);
    out.key("propagation_wait", node.propagation_wait);
}

std::vector<std::string> words_of(const Families& families) {
    std::vector<std::string> words;
    if (families.ipv4) words.emplace_back("ipv4");
    if (families.ipv6) words.emplace_back("ipv6");
    return words;
}

std::string word_of(BgpRole role) {
    switch (role) {
        case BgpRole::Provider: return "provider";
        case BgpRole::RouteServer: return "rs";
        case BgpRole::RouteServerClient: return "rs-client";
        case BgpRole::Customer: return "customer";
        case BgpRole::Peer: return "peer";
    }
    return "?";
}

std::string word_of(LinkLocalNextHop form) {
    switch (form) {
        case LinkLocalNextHop::Alone: return "alone";
        case LinkLocalNextHop::Twice: return "twice";
        case LinkLocalNextHop::AfterUnspecified: return "after-unspecified";
    }
    return "?";
}

std::string_view word_of(const AddPath& add_path) {
    if (add_path.send && add_path.receive) return "both";
    return add_path.send ? "send" : "receive";
}

std::string bfd_table(const PeerBfd& bfd) {
    InlineTable table;
    table.key("interval", bfd.interval).key("receive_interval", bfd.receive_interval);
    table.key("multiplier", bfd.multiplier).key("passive", bfd.passive).key("multihop", bfd.multihop);
    if (bfd.multihop) table.key("min_ttl", bfd.min_ttl);
    table.key("strict", bfd.strict);
    if (bfd.strict) table.key("strict_hold", bfd.strict_hold);
    return table.text();
}

std::string tcp_ao_list(const std::vector<TcpAoKey>& keys) {
    std::string text;
    for (const TcpAoKey& key : keys) {
        InlineTable table;
        table.key("key_file", key.key_file).key("send_id", key.send_id).key("receive_id", key.receive_id);
        table.key("algorithm", key.algorithm == TcpAoAlgorithm::HmacSha1 ? "hmac-sha1-96" : "aes-128-cmac-96");
        text += (text.empty() ? "[" : ", ") + table.text();
    }
    return text + ']';
}

void write_peer(Output& out, const Bgp& bgp, const Peer& peer) {
    out.header("[[bgp.peer]]");
    out.key("name", peer.name);
    if (peer.range) {
        out.key("range", peer.range->to_string());
        out.key("limit", peer.limit);
    } else if (peer.interface) {
        out.key("interface", *peer.interface);
    } else {
        out.key("address", peer.address);
    }
    if (!peer.asn) {
        out.key("asn", "external");
    } else if (*peer.asn == bgp.asn) {
        out.key("asn", "internal");
    } else {
        out.key("asn", *peer.asn);
    }
    if (!peer.range) out.key("port", peer.port);
    out.key("source", peer.source);
    out.key("passive", peer.passive);
    if (peer.ttl_security) {
        out.key("ttl_security", peer.ttl_security);
    } else if (!peer.interface) {
        out.key("multihop", peer.multihop);
    }
    out.key("hold_time", peer.hold_time);
    if (!peer.range) out.key("connect_retry", peer.connect_retry);
    out.key("idle_hold", peer.idle_hold);
    if (!peer.password_file.empty()) out.key("password_file", peer.password_file);
    if (!peer.tcp_ao.empty()) out.raw("tcp_ao", tcp_ao_list(peer.tcp_ao));
    if (peer.next_hop) out.key("next_hop", net::IpAddress{*peer.next_hop});
    if (peer.next_hop6) out.key("next_hop6", net::IpAddress{*peer.next_hop6});
    if (peer.extended_next_hop || peer.interface) out.key("extended_next_hop", peer.extended_next_hop);
    if (peer.link_local_next_hop) out.key("link_local_next_hop", word_of(*peer.link_local_next_hop));
    out.key("families", words_of(peer.families));
    if (peer.delay_open > Duration::zero()) out.key("delay_open", peer.delay_open);
    if (peer.add_path != AddPath{}) out.key("add_path", word_of(peer.add_path));
    if (peer.role) out.key("role", word_of(*peer.role));
    if (peer.strict_role) out.key("strict_role", peer.strict_role);
    if (peer.capability_fallback) out.key("capability_fallback", peer.capability_fallback);
    if (peer.graceful_restart != GracefulRestart::Off) {
        out.key("graceful_restart", peer.graceful_restart == GracefulRestart::On ? "on" : "forced");
        out.key("restart_time", peer.restart_time);
        out.key("long_lived_stale_time", peer.long_lived_stale_time);
    }
    if (!peer.device.empty()) out.key("device", peer.device);
    if (peer.bfd) out.raw("bfd", bfd_table(*peer.bfd));
    out.key("import", peer.import);
    out.key("max_prefixes", peer.max_prefixes);
    out.key("max_prefixes_action", peer.max_prefixes_action == MaxPrefixesAction::Stop ? "stop" : "refuse");
    out.key("max_prefixes_out", peer.max_prefixes_out);
}

void write_bgp(Output& out, const Bgp& bgp) {
    out.header("[bgp]");
    out.key("asn", bgp.asn);
    out.raw("router_id", quote(bgp.router_id.address.to_string()) + (bgp.router_id.derived ? "  # derived" : ""));
    out.key("listen", bgp.listen);
    out.key("port", bgp.port);
    out.key("graceful_shutdown", bgp.graceful_shutdown);
    for (const Peer& peer : bgp.peers) write_peer(out, bgp, peer);
}

void write_virtual_router(Output& out, const VirtualRouter& router) {
    const bool ipv4 = router.family == net::Family::Ipv4;
    out.header("[[virtual_router]]");
    out.key("name", router.name);
    out.key("interface", router.interface);
    out.key("vrid", router.vrid);
    out.key("family", ipv4 ? "ipv4" : "ipv6");
    out.key("version", router.version == VrrpVersion::V2 ? 2 : 3);
    out.key("priority", router.priority);
    out.key("advertise_interval", router.advertise_interval);
    out.key("preempt", router.preempt);
    out.key("preempt_delay", router.preempt_delay);
    out.key("source", router.source);
    out.key("unicast_peers", router.unicast_peers);
    InlineTable garp;
    garp.key("count", router.garp.count).key("delay", router.garp.delay);
    out.raw("garp", garp.text());
    if (ipv4 && router.version == VrrpVersion::V3) {
        out.key("checksum", checksum_word(router.checksum));
    }
    out.key("track", router.track);
}

template <class Table>
void write_policy(Table& out, const CheckPolicy& policy) {
    out.key("interval", policy.interval);
    out.key("timeout", policy.timeout);
    out.key("rise", policy.rise);
    out.key("fall", policy.fall);
    out.key("unknown_timeout", policy.unknown_timeout);
}

std::string tcp_table(const health::TcpProbe& probe, const std::optional<net::IpAddress>& address,
                      const std::optional<std::uint16_t>& port) {
    InlineTable table;
    table.key("address", address).key("port", port).key("source", probe.source);
    table.key("close", probe.close == health::CloseWith::Reset ? "reset" : "fin");
    return table.text();
}

std::string http_table(const health::HttpProbe& probe, const std::optional<net::IpAddress>& address,
                       const std::optional<std::uint16_t>& port) {
    InlineTable table;
    table.key("address", address).key("port", port).key("source", probe.source);
    table.key("method", probe.method).key("path", probe.path);
    if (!probe.host.empty()) table.key("host", probe.host);
    if (!probe.headers.empty()) {
        InlineTable headers;
        for (const auto& [name, value] : probe.headers) headers.key(quote(name), value);
        table.raw("headers", headers.text());
    }
    table.key("status", probe.status);
    if (!probe.body_contains.empty()) table.key("body_contains", probe.body_contains);
    table.key("tls", probe.tls);
    if (probe.tls) table.key("verify", probe.verify);
    if (!probe.ca_file.empty()) table.key("ca_file", probe.ca_file);
    return table.text();
}

void write_check(Output& out, const Check& check) {
    out.header("[[check]]");
    out.key("name", check.name);
    write_policy(out, check.policy);
    std::visit(overloaded{
                   [&](const health::TcpProbe& probe) {
                       out.raw("tcp", tcp_table(probe, probe.target.address, probe.target.port));
                   },
                   [&](const health::HttpProbe& probe) {
                       out.raw("http", http_table(probe, probe.target.address, probe.target.port));
                   },
                   [&](const health::ExecProbe& probe) {
                       out.key("script", probe.argv);
                       if (!probe.user.empty()) out.key("user", probe.user);
                   },
               },
               check.probe);
}

std::string server_check_table(const ServerCheck& check) {
    InlineTable table;
    std::visit(
        overloaded{
            [&](const health::TcpProbe& probe) { table.raw("tcp", tcp_table(probe, std::nullopt, check.port)); },
            [&](const health::HttpProbe& probe) { table.raw("http", http_table(probe, std::nullopt, check.port)); },
            [](const health::ExecProbe&) {},
        },
        check.probe);
    write_policy(table, check.policy);
    return table.text();
}

/// `inherited_bandwidth`: without a word of its own it would have one.
InlineTable attributes_table(const RouteAttributes& attributes, bool inherited_bandwidth = false) {
    InlineTable table;
    table.key("communities", attributes.communities).key("large_communities", attributes.large_communities);
    table.key("extended_communities", attributes.extended_communities);
    if (attributes.link_bandwidth) {
        table.key("link_bandwidth", *attributes.link_bandwidth);
    } else if (inherited_bandwidth) {
        table.key("link_bandwidth", "off");
    }
    table.key("med", attributes.med).key("prepend", attributes.prepend).key("local_pref", attributes.local_pref);
    table.key("no_llgr", attributes.no_llgr);
    return table;
}

std::string vip_bgp_table(const VipBgp& bgp) {
    auto table = attributes_table(bgp.attributes);
    table.key("peers", bgp.peers);
    if (!bgp.per_peer.empty()) {
        InlineTable per_peer;
        for (const auto& [peer, attributes] : bgp.per_peer) {
            per_peer.raw(quote(peer.value()),
                         attributes_table(attributes, bgp.attributes.link_bandwidth.has_value()).text());
        }
        table.raw("per_peer", per_peer.text());
    }
    return table.text();
}

std::string flap_table(const Flap& flap) {
    InlineTable table;
    table.key("penalty", flap.penalty).key("half_life", flap.half_life).key("suppress", flap.suppress);
    table.key("reuse", flap.reuse).key("longest", flap.longest);
    return table.text();
}

std::string standby_table(const Standby& standby) {
    InlineTable table;
    table.key("rank", standby.rank).key("take_after", standby.take_after).key("yield_after", standby.yield_after);
    return table.text();
}

void write_vip(Output& out, const Vip& vip) {
    out.header("[[vip]]");
    out.key("name", vip.name);
    out.key("address", vip.address.is_host() ? vip.address.address().to_string() : vip.address.to_string());
    if (vip.prefix) out.key("prefix", vip.prefix->to_string());
    std::vector<std::string> announce;
    if (vip.announce.vrrp) announce.emplace_back("vrrp");
    if (vip.announce.bgp) announce.emplace_back("bgp");
    out.key("announce", announce);
    out.key("virtual_router", vip.virtual_router);
    out.key("track", vip.track);
    if (vip.announce.bgp && vip.announce.vrrp) out.key("track_bgp_session", vip.track_bgp_session);
    if (vip.role != Role::None) out.key("role", describe(vip.role));
    if (vip.standby) out.raw("standby", standby_table(*vip.standby));
    if (vip.standby || vip.flap) out.key("learn_delay", vip.learn_delay);
    if (vip.announce.bgp) out.raw("bgp", vip_bgp_table(vip.bgp));
    if (vip.hold_down > Duration::zero()) out.key("hold_down", vip.hold_down);
    if (vip.flap) out.raw("flap", flap_table(*vip.flap));
    if (tells_capacity(vip)) out.key("capacity_rise_after", vip.capacity_rise_after);
    out.key("interface", vip.interface);
    out.key("services", vip.services == Services::All ? "all" : "any");
}

std::string_view word_of(ipvs::Protocol protocol) {
    switch (protocol) {
        case ipvs::Protocol::Tcp: return "tcp";
        case ipvs::Protocol::Udp: return "udp";
        case ipvs::Protocol::Sctp: return "sctp";
    }
    return "";
}

std::string_view word_of(ipvs::Forwarding forwarding) {
    switch (forwarding) {
        case ipvs::Forwarding::Nat: return "nat";
        case ipvs::Forwarding::DirectRouting: return "dr";
        case ipvs::Forwarding::Tunnel: return "tun";
    }
    return "";
}

void write_virtual_server(Output& out, const VirtualServer& server) {
    out.header("[[virtual_server]]");
    out.key("name", server.name);
    out.key("vip", server.vip);
    out.key("port", server.port);
    out.key("protocol", word_of(server.protocol));
    out.key("scheduler", server.scheduler);
    out.key("forwarding", word_of(server.forwarding));
    out.key("quorum", server.quorum);
    out.key("when_empty", server.when_empty == WhenEmpty::Withdraw ? "withdraw" : "keep");
    if (server.persistence) out.key("persistence", Duration{*server.persistence});
    if (server.check) out.raw("check", server_check_table(*server.check));
    out.key("program", server.program == Program::Always ? "always" : "active");
    for (const RealServer& real_server : server.real_servers) {
        out.header("[[virtual_server.real_server]]");
        out.key("address", real_server.address.address);
        out.key("port", real_server.address.port);
        out.key("weight", real_server.weight);
    }
}

}  // namespace

std::string format(const Config& config) {
    Output out;
    write_node(out, config.node);
    if (config.bgp) write_bgp(out, *config.bgp);
    for (const VirtualRouter& router : config.virtual_routers) write_virtual_router(out, router);
    for (const Check& check : config.checks) write_check(out, check);
    for (const Vip& vip : config.vips) write_vip(out, vip);
    for (const VirtualServer& server : config.virtual_servers) write_virtual_server(out, server);
    return out.take();
}

}  // namespace anyvip::config
