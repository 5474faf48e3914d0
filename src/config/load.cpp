#include "anyvip/config/load.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/document.hpp"
#include "config/reader.hpp"
#include "config/rules.hpp"

/// The schema. Each function reads one table; what it asks for is what the language has.
namespace anyvip::config {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}

/// Names are parts of log fields, metrics and "SERVER/ADDRESS:PORT".
void check_name_text(Section& section, const Value& value, const std::string& name) {
    if (name.empty() || name.size() > 64 || !std::ranges::all_of(name, is_name_character)) {
        section.mismatch(value, "a name of at most 64 letters, digits, \"-\", \"_\" and \".\"");
    }
}

template <class Name>
Name read_name(Section& section) {
    const Value* value = section.require("name");
    const std::string* name = value == nullptr ? nullptr : section.text(*value);
    if (name == nullptr) return Name{};
    check_name_text(section, *value, *name);
    return Name{*name};
}

/// A reference to a thing of another section; whether it exists is a rule.
template <class Name>
void read_reference(Section& section, std::string_view key, std::optional<Name>& target) {
    std::optional<std::string> name;
    section.read(key, name);
    if (name) target = Name{*name};
}

void read_interface(Section& section, net::InterfaceName& target) {
    const Value* value = section.find("interface");
    const std::string* name = value == nullptr ? nullptr : section.text(*value);
    if (name == nullptr) return;
    const bool odd = std::ranges::any_of(*name, [](char c) { return c <= ' ' || c == '/' || c == ':' || c == 0x7f; });
    if (name->empty() || name->size() > 15 || odd || *name == "." || *name == "..") {
        section.mismatch(*value, "an interface name of 1 to 15 characters");
    }
    target = net::InterfaceName{*name};
}

void read_absolute_path(Section& section, std::string_view key, std::string& target) {
    section.read(key, target);
    if (const Value* value = section.find(key); value != nullptr && !target.empty() && !target.starts_with('/')) {
        section.mismatch(*value, "an absolute path");
    }
}

Node read_node(const Value* table, const Host& host, Errors& errors) {
    Node node{.name = host.name};
    if (table == nullptr) return node;
    Section section{*table, "node", errors};
    section.read("name", node.name);
    if (const Value* value = section.find("name")) check_name_text(section, *value, node.name);
    read_absolute_path(section, "state_dir", node.state_dir);
    section.read("stop_timeout", node.stop_timeout, milliseconds{100}, hours{1});
    section.read("stall_timeout", node.stall_timeout, milliseconds{100}, hours{1});
    section.read("apply_timeout", node.apply_timeout, milliseconds{100}, hours{1});
    section.read("propagation_wait", node.propagation_wait, Duration::zero(), hours{1});
    return node;
}

/// "65000.10" is 65000 * 65536 + 10 (RFC 5396 asdot).
std::optional<std::uint32_t> parse_asdot(std::string_view text) {
    const auto dot = text.find('.');
    std::uint32_t halves[2]{};
    if (dot == std::string_view::npos) return std::nullopt;
    const std::string_view texts[2]{text.substr(0, dot), text.substr(dot + 1)};
    for (int i = 0; i < 2; ++i) {
        if (texts[i].empty() || texts[i].size() > 5) return std::nullopt;
        for (const char c : texts[i]) {
            if (c < '0' || c > '9') return std::nullopt;
            halves[i] = halves[i] * 10 + static_cast<std::uint32_t>(c - '0');
        }
        if (halves[i] > 65535) return std::nullopt;
    }
    return halves[0] << 16U | halves[1];
}

std::optional<Asn> asn_of(Section& section, const Value& value, std::string_view expected) {
    std::optional<std::uint32_t> number;
    if (const auto* integer = std::get_if<std::int64_t>(&value.data); integer != nullptr && *integer >= 0) {
        if (*integer <= std::numeric_limits<std::uint32_t>::max()) number = static_cast<std::uint32_t>(*integer);
    } else if (const auto* text = std::get_if<std::string>(&value.data)) {
        number = parse_asdot(*text);
    }
    if (!number) {
        section.mismatch(value, expected);
        return std::nullopt;
    }
    // RFC 7607, RFC 6793 §9 (AS_TRANS), RFC 7300.
    if (*number == 0 || *number == 23456 || *number == 65535 || *number == 4294967295) {
        section.error(value.place, "AS " + std::to_string(*number) + " is reserved and cannot be a speaker's");
        return std::nullopt;
    }
    return Asn{*number};
}

/// Our own AS must be known, because "internal" means it and the defaults follow from it.
void read_peer_asn(Section& section, Asn own, Peer& peer) {
    const Value* value = section.require("asn");
    if (value == nullptr) return;
    const auto* text = std::get_if<std::string>(&value->data);
    if (text != nullptr && *text == "external") return;
    if (text != nullptr && *text == "internal") {
        peer.asn = own;
        return;
    }
    std::string suggestion;
    if (text != nullptr) suggestion = suggest(*text, std::vector<std::string>{"external", "internal"});
    if (!suggestion.empty()) {
        section.mismatch(*value, "an AS number, \"external\" or \"internal\"", suggestion);
        return;
    }
    peer.asn = asn_of(section, *value, "an AS number such as 65000 or \"65000.10\", \"external\" or \"internal\"");
}

/// An AFI needs a next hop of its own: that of the session's family is our end of the session.
void read_families(Section& section, Peer& peer) {
    peer.families.ipv4 = peer.address.is_v4() || peer.next_hop || peer.extended_next_hop;
    peer.families.ipv6 = peer.address.is_v6() || peer.next_hop6;
    if (section.find("families") == nullptr) return;
    const Families possible = peer.families;
    peer.families = {};
    const std::vector<std::string> words{"ipv4", "ipv6"};
    for (const Value& item : section.array("families")) {
        const auto index = section.word("families", item, words);
        if (!index) continue;
        bool& family = *index == 0 ? peer.families.ipv4 : peer.families.ipv6;
        if (family) section.error(item.place, quote(words[*index]) + " is listed twice");
        family = true;
        if (*index == 0 && !possible.ipv4) {
            section.error(item.place, "IPv4 routes over an IPv6 session need \"next_hop\" or \"extended_next_hop\"");
        } else if (*index == 1 && !possible.ipv6) {
            section.error(item.place, "IPv6 routes over an IPv4 session need \"next_hop6\"");
        }
    }
    if (section.is_empty_array("families"))
        section.error(section.place("families"), "a peer needs at least one family");
}

void read_link_local_next_hop(Section& section, Peer& peer) {
    using Form = std::optional<LinkLocalNextHop>;
    constexpr Choice<Form> forms[] = {{"auto", std::nullopt},
                                      {"alone", LinkLocalNextHop::Alone},
                                      {"twice", LinkLocalNextHop::Twice},
                                      {"after-unspecified", LinkLocalNextHop::AfterUnspecified}};
    section.choice("link_local_next_hop", peer.link_local_next_hop, std::span<const Choice<Form>>{forms});
    if (section.find("link_local_next_hop") != nullptr && peer.address.is_v4()) {
        section.error(section.place("link_local_next_hop"), "a session over IPv4 has no link-local next hop");
    }
}

void read_hold_time(Section& section, Peer& peer) {
    // Without BFD the hold time is what finds a dead node, so it is short where the peer is connected.
    peer.hold_time = peer.multihop == 1 && !peer.bfd ? seconds{9} : seconds{30};
    section.read("hold_time", peer.hold_time, Duration::zero(), seconds{65535});
    if (peer.hold_time % seconds{1} != Duration::zero() ||
        (peer.hold_time > Duration::zero() && peer.hold_time < seconds{3})) {
        // RFC 4271 §4.2.
        section.error(section.place("hold_time"), "\"hold_time\" must be whole seconds, \"0s\" or at least \"3s\"");
    }
}

/// What the file at `key` holds.
void read_secret(Section& section, std::string_view key, const Host& host, std::string& file, Secret& secret) {
    section.read(key, file);
    const Value* value = section.find(key);
    if (value == nullptr || !std::holds_alternative<std::string>(value->data)) return;
    if (file.empty()) return section.mismatch(*value, "the path of a file");
    if (!host.read_password) return;
    auto text = host.read_password(file);
    if (text) {
        secret = Secret{*std::move(text)};
    } else {
        section.error(value->place, text.error());
    }
}

TcpAoKey read_tcp_ao_key(const Value& table, const Host& host, const Peer& peer, Errors& errors) {
    TcpAoKey key;
    Section section{table, "bgp.peer.tcp_ao", errors};
    constexpr Choice<TcpAoAlgorithm> algorithms[] = {{"hmac-sha1-96", TcpAoAlgorithm::HmacSha1},
                                                     {"aes-128-cmac-96", TcpAoAlgorithm::Aes128Cmac}};
    if (section.require("key_file") != nullptr) read_secret(section, "key_file", host, key.key_file, key.key);
    if (section.require("send_id") != nullptr) section.integer("send_id", key.send_id, 0, 255);
    if (section.require("receive_id") != nullptr) section.integer("receive_id", key.receive_id, 0, 255);
    section.choice("algorithm", key.algorithm, algorithms);
    // RFC 5925 §3.1: of two that match a segment, nobody could say which one it was made with.
    if (std::ranges::find(peer.tcp_ao, key.send_id, &TcpAoKey::send_id) != peer.tcp_ao.end()) {
        section.error(section.place("send_id"), "another key of the peer has this \"send_id\"");
    }
    if (std::ranges::find(peer.tcp_ao, key.receive_id, &TcpAoKey::receive_id) != peer.tcp_ao.end()) {
        section.error(section.place("receive_id"), "another key of the peer has this \"receive_id\"");
    }
    return key;
}

void read_keys(Section& section, const Host& host, Peer& peer) {
    read_secret(section, "password_file", host, peer.password_file, peer.password);
    for (const Value& item : section.array("tcp_ao")) {
        if (!std::holds_alternative<Table>(item.data)) {
            section.mismatch(item, "a table such as { key_file = \"tor.key\", send_id = 1, receive_id = 1 }");
            continue;
        }
        peer.tcp_ao.push_back(read_tcp_ao_key(item, host, peer, section.errors()));
    }
    // An empty list would look like a protection that there is not.
    if (section.is_empty_array("tcp_ao")) section.error(section.place("tcp_ao"), "\"tcp_ao\" needs at least one key");
    if (section.find("tcp_ao") != nullptr && section.find("password_file") != nullptr) {
        section.error(section.place("tcp_ao"), "\"tcp_ao\" and \"password_file\" exclude one another");
    }
}

constexpr Choice<BgpRole> roles[] = {{"provider", BgpRole::Provider},
                                     {"rs", BgpRole::RouteServer},
                                     {"rs-client", BgpRole::RouteServerClient},
                                     {"customer", BgpRole::Customer},
                                     {"peer", BgpRole::Peer}};

/// What is offered in the OPEN beyond families.
void read_capabilities(Section& section, Asn own, Peer& peer) {
    constexpr Choice<AddPath> add_path[] = {{"off", {}},
                                            {"receive", {.send = false, .receive = true}},
                                            {"send", {.send = true, .receive = false}},
                                            {"both", {.send = true, .receive = true}}};
    section.choice("add_path", peer.add_path, add_path);
    if (section.find("role") != nullptr) {
        BgpRole role{};
        const std::size_t before = section.errors().count();
        section.choice("role", role, roles);
        if (section.errors().count() == before) peer.role = role;
        // RFC 9234 §4.
        if (peer.asn == own && own != Asn{}) section.error(section.place("role"), "an internal peer has no \"role\"");
    }
    section.read("strict_role", peer.strict_role);
    if (peer.strict_role && !peer.role) {
        section.error(section.place("strict_role"), "\"strict_role\" has no effect without \"role\"");
    }
    section.read("capability_fallback", peer.capability_fallback);
}

/// Times that an OPEN says in seconds.
void read_whole_seconds(Section& section, std::string_view key, Duration& time, Duration least, Duration most) {
    section.read(key, time, least, most);
    if (time % seconds{1} == Duration::zero()) return;
    section.error(section.place(key), quote(key) + " must be whole seconds");
}

void read_graceful_restart(Section& section, Peer& peer) {
    constexpr Choice<GracefulRestart> words[]{
        {"off", GracefulRestart::Off}, {"on", GracefulRestart::On}, {"forced", GracefulRestart::Forced}};
    section.choice("graceful_restart", peer.graceful_restart, words);
    read_whole_seconds(section, "restart_time", peer.restart_time, seconds{1}, seconds{4095});  // RFC 4724 §3.
    read_whole_seconds(section, "long_lived_stale_time", peer.long_lived_stale_time, Duration::zero(),
                       seconds{16777215});  // RFC 9494 §3.1.
    if (peer.graceful_restart != GracefulRestart::Off) return;
    for (const char* key : {"restart_time", "long_lived_stale_time"}) {
        if (section.find(key) == nullptr) continue;
        section.error(section.place(key), quote(key) + " has no effect without \"graceful_restart\"");
    }
}

void read_device(Section& section, Peer& peer) {
    constexpr std::size_t longest_interface_name = 15;  // IFNAMSIZ, less the zero behind it
    section.read("device", peer.device);
    if (peer.device.size() > longest_interface_name || (peer.device.empty() && section.find("device") != nullptr)) {
        section.error(section.place("device"), "\"device\" must be the name of an interface, of 1 to 15 characters");
    }
}

void read_bfd(Section& peer_section, Peer& peer) {
    const Value* table = peer_section.table("bfd");
    if (table == nullptr) return;
    Section section{*table, "bgp.peer.bfd", peer_section.errors()};
    PeerBfd& bfd = peer.bfd.emplace();
    // RFC 7419 §3 names 10 ms as the fastest common interval; the slowest is a matter of taste.
    constexpr auto fastest = milliseconds{10};
    constexpr auto slowest = seconds{60};
    section.read("interval", bfd.interval, fastest, slowest);
    bfd.receive_interval = bfd.interval;
    section.read("receive_interval", bfd.receive_interval, fastest, slowest);
    section.integer("multiplier", bfd.multiplier, 1, 255);
    section.read("passive", bfd.passive);
    section.read("strict", bfd.strict);
    section.read("strict_hold", bfd.strict_hold, seconds{1}, hours{1});
    if (!bfd.strict && section.find("strict_hold") != nullptr) {
        section.error(section.place("strict_hold"), "\"strict_hold\" has no effect without \"strict\"");
    }
    bfd.multihop = peer.multihop > 1;
    section.read("multihop", bfd.multihop);
    // RFC 5881 §5; what is on the way to another network, only the operator knows.
    bfd.min_ttl = bfd.multihop ? 1 : 255;
    section.integer("min_ttl", bfd.min_ttl, 1, 255);
    if (!bfd.multihop && bfd.min_ttl != 255) {
        section.error(section.place("min_ttl"), "over a single hop every packet arrives with 255 (RFC 5881)");
    }
}

std::optional<ImportRule> read_import_rule(Section& parent, const Value& item) {
    const auto prefix_of = [&](const Value& value) -> std::optional<net::Prefix> {
        const auto* text = std::get_if<std::string>(&value.data);
        const auto prefix = text == nullptr ? std::nullopt : net::Prefix::parse(*text);
        if (!prefix) {
            parent.mismatch(value, "a prefix such as \"10.0.0.0/8\", or { prefix = \"10.0.0.0/8\", max_length = 24 }");
        } else if (*prefix != prefix->network()) {
            parent.error(value.place, "the prefix has host bits set", prefix->network().to_string());
        }
        return prefix;
    };
    if (!std::holds_alternative<Table>(item.data)) {
        const auto prefix = prefix_of(item);
        return prefix ? std::optional{ImportRule{*prefix, prefix->length()}} : std::nullopt;
    }
    Section section{item, "bgp.peer.import", parent.errors()};
    const Value* value = section.require("prefix");
    const auto prefix = value == nullptr ? std::nullopt : prefix_of(*value);
    if (!prefix) {
        (void)section.find("max_length");
        return std::nullopt;
    }
    ImportRule rule{*prefix, prefix->length()};
    section.integer("max_length", rule.max_length, prefix->length(), net::max_prefix_length(prefix->family()));
    return rule;
}

void read_import(Section& section, Peer& peer) {
    for (const Value& item : section.array("import")) {
        if (const auto rule = read_import_rule(section, item)) peer.import.push_back(*rule);
    }
    // Each may hold some kilobytes of attributes.
    section.integer("max_prefixes", peer.max_prefixes, 1, 10'000);
    constexpr Choice<MaxPrefixesAction> actions[] = {{"refuse", MaxPrefixesAction::Refuse},
                                                     {"stop", MaxPrefixesAction::Stop}};
    section.choice("max_prefixes_action", peer.max_prefixes_action, actions);
    section.integer("max_prefixes_out", peer.max_prefixes_out, 1, 4294967295);
}

void read_range(Section& section, Peer& peer) {
    const Value& value = *section.find("range");
    const std::string* text = section.text(value);
    const auto range = text == nullptr ? std::nullopt : net::Prefix::parse(*text);
    if (text != nullptr && !range) return section.mismatch(value, "a prefix such as \"10.0.0.0/24\"");
    if (!range) return;
    if (*range != range->network()) {
        section.error(value.place, "the range has bits behind its length", range->network().to_string());
    }
    if (range->address().is_multicast()) section.error(value.place, range->to_string() + " is multicast");
    peer.range = range->network();
    peer.address = peer.range->address();
    peer.passive = true;
}

/// The address is learnt, and is one of the link.
void read_unnumbered(Section& section, Peer& peer) {
    read_interface(section, peer.interface.emplace());
    peer.address = net::Ipv6Address{};
    peer.extended_next_hop = true;
    for (const char* key : {"source", "device", "multihop"}) {
        if (section.find(key) == nullptr) continue;
        section.error(section.place(key), quote(key) + " has no effect with \"interface\"");
    }
}

/// The peer has an address, or a range has peers, or whoever is on a link is the peer.
void read_whom(Section& section, Peer& peer) {
    const char* whom = nullptr;
    for (const char* key : {"address", "range", "interface"}) {
        if (section.find(key) == nullptr) continue;
        if (whom != nullptr) {
            section.error(section.place(key), quote(whom) + " and " + quote(key) + " exclude one another");
        } else {
            whom = key;
        }
    }
    if (section.find("interface") != nullptr) {
        read_unnumbered(section, peer);
    } else if (section.find("range") != nullptr) {
        read_range(section, peer);
    } else if (section.require("address") != nullptr) {
        section.read("address", peer.address);
    }
    section.integer("limit", peer.limit, 1, 65535);
    if (section.find("limit") != nullptr && section.find("range") == nullptr) {
        section.error(section.place("limit"), "\"limit\" has no effect without \"range\"");
    }
}

/// Nothing is opened towards a range.
void read_passive(Section& section, Peer& peer) {
    section.read("passive", peer.passive);
    if (!peer.range) return;
    if (!peer.passive) section.error(section.place("passive"), "a peer with a \"range\" is always passive");
    for (const char* key : {"port", "source", "connect_retry"}) {
        if (section.find(key) == nullptr) continue;
        section.error(section.place(key), quote(key) + " has no effect with \"range\": its peers connect to us");
    }
}

Peer read_peer(const Value& table, Asn own, const Host& host, Errors& errors) {
    Peer peer;
    Section section{table, "bgp.peer", errors};
    peer.name = read_name<PeerName>(section);
    read_whom(section, peer);
    read_peer_asn(section, own, peer);
    section.integer("port", peer.port, 1, 65535);
    section.read("source", peer.source);
    read_passive(section, peer);
    section.integer("ttl_security", peer.ttl_security, 1, 254);
    // RFC 4271 leaves it open; everybody lets internal sessions cross the network and external ones one hop.
    peer.multihop = peer.asn == own && own != Asn{} && !peer.interface ? 255 : 1;
    if (peer.ttl_security) peer.multihop = *peer.ttl_security;
    section.integer("multihop", peer.multihop, 1, 255);
    if (peer.ttl_security && section.find("multihop") != nullptr) {
        section.error(section.place("multihop"), "\"multihop\" and \"ttl_security\" exclude one another");
    }
    read_bfd(section, peer);
    read_hold_time(section, peer);
    section.read("connect_retry", peer.connect_retry, milliseconds{100}, hours{1});
    section.read("idle_hold", peer.idle_hold, Duration::zero(), hours{1});
    section.read("next_hop", peer.next_hop);
    section.read("next_hop6", peer.next_hop6);
    section.read("extended_next_hop", peer.extended_next_hop);
    read_link_local_next_hop(section, peer);
    read_families(section, peer);
    section.read("delay_open", peer.delay_open, Duration::zero(), std::chrono::minutes{4});
    read_capabilities(section, own, peer);
    read_graceful_restart(section, peer);
    read_device(section, peer);
    if (peer.bfd && !peer.device.empty()) {
        section.error(section.place("bfd"), "\"bfd\" beside \"device\" is not available yet in this version");
    }
    read_keys(section, host, peer);
    read_import(section, peer);
    return peer;
}

Bgp read_bgp(const Value& table, const Host& host, Sources& sources, Errors& errors) {
    Bgp bgp;
    Section section{table, "bgp", errors};
    if (const Value* asn = section.require("asn")) {
        bgp.asn = asn_of(section, *asn, "an AS number such as 65000 or \"65000.10\"").value_or(Asn{});
    }
    std::optional<net::Ipv4Address> router_id;
    section.read("router_id", router_id);
    bgp.router_id.address = router_id.value_or(net::Ipv4Address{});
    if (router_id == net::Ipv4Address{}) {
        section.error(section.place("router_id"), "\"router_id\" must not be 0.0.0.0");
    }
    section.read("listen", bgp.listen);
    section.integer("port", bgp.port, 1, 65535);
    section.read("graceful_shutdown", bgp.graceful_shutdown, Duration::zero(), hours{1});
    for (const Value* peer : section.tables("peer")) {
        const std::size_t before = errors.count();
        bgp.peers.push_back(read_peer(*peer, bgp.asn, host, errors));
        sources.peers.push_back({peer, errors.count() == before});
    }
    return bgp;
}

Track read_track(Section& parent, const Value& item, const std::string& section_name) {
    if (const auto* check = std::get_if<std::string>(&item.data)) return {CheckName{*check}, std::nullopt};
    if (!std::holds_alternative<Table>(item.data)) {
        parent.mismatch(item, "the name of a check, or a table such as { check = \"uplink\", weight = -20 }");
        return {};
    }
    Track track;
    Section section{item, section_name, parent.errors()};
    std::string check;
    section.require("check");
    section.read("check", check);
    track.check = CheckName{check};
    section.integer("weight", track.weight, -253, 253);
    if (track.weight == std::int16_t{0}) {
        section.error(section.place("weight"), "a weight of 0 has no effect; leave it out for a required check");
    }
    return track;
}

std::vector<Track> read_tracks(Section& section, const std::string& section_name) {
    std::vector<Track> tracks;
    for (const Value& item : section.array("track")) tracks.push_back(read_track(section, item, section_name));
    return tracks;
}

constexpr Choice<net::Family> family_words[]{{"ipv4", net::Family::Ipv4}, {"ipv6", net::Family::Ipv6}};
constexpr Choice<VrrpChecksum> checksum_words[]{{"automatic", VrrpChecksum::Automatic},
                                                {"rfc9568", VrrpChecksum::Rfc9568},
                                                {"pseudo_header", VrrpChecksum::PseudoHeader}};

void read_version(Section& section, VirtualRouter& router) {
    std::int64_t version = 3;
    section.integer("version", version, 2, 3);
    router.version = version == 2 ? VrrpVersion::V2 : VrrpVersion::V3;
}

void read_advertise_interval(Section& section, VirtualRouter& router) {
    // What the field of an advertisement holds: 12 bits of centiseconds (RFC 9568 §5.2.7), or 8 bits of
    // seconds (RFC 3768 §5.3.7).
    const bool v2 = router.version == VrrpVersion::V2;
    const Duration step = v2 ? Duration{seconds{1}} : Duration{milliseconds{10}};
    section.read("advertise_interval", router.advertise_interval, step, step * (v2 ? 255 : 4095));
    if (router.advertise_interval % step != Duration::zero()) {
        section.error(section.place("advertise_interval"),
                      std::string{"\"advertise_interval\" must be "} +
                          (v2 ? "whole seconds with version 2" : "a multiple of 10ms with version 3"));
    }
}

void read_garp(const Value& table, Errors& errors, GratuitousArp& garp) {
    Section section{table, "virtual_router.garp", errors};
    section.integer("count", garp.count, 1, 255);
    section.read("delay", garp.delay, Duration::zero(), hours{1});
}

VirtualRouter read_virtual_router(const Value& table, Errors& errors) {
    VirtualRouter router;
    Section section{table, "virtual_router", errors};
    router.name = read_name<RouterName>(section);
    if (section.require("interface") != nullptr) read_interface(section, router.interface);
    if (section.require("vrid") != nullptr) section.integer("vrid", router.vrid, 1, 255);
    section.choice("family", router.family, family_words);
    read_version(section, router);
    section.integer("priority", router.priority, 1, 255);
    read_advertise_interval(section, router);
    section.read("preempt", router.preempt);
    section.read("preempt_delay", router.preempt_delay, Duration::zero(), hours{1});
    section.read("source", router.source);
    section.read("unicast_peers", router.unicast_peers);
    if (const Value* garp = section.table("garp")) read_garp(*garp, errors, router.garp);
    section.choice("checksum", router.checksum, checksum_words);
    router.track = read_tracks(section, "virtual_router.track");
    return router;
}

void read_policy(Section& section, CheckPolicy& policy) {
    section.read("interval", policy.interval, milliseconds{10}, hours{24});
    policy.timeout = std::min<Duration>(policy.timeout, policy.interval);
    section.read("timeout", policy.timeout, milliseconds{1}, hours{24});
    if (policy.timeout > policy.interval) {
        section.error(section.place("timeout"),
                      "\"timeout\" must not be longer than \"interval\", " + quote(format_duration(policy.interval)));
    }
    section.integer("rise", policy.rise, 1, 1000);
    section.integer("fall", policy.fall, 1, 1000);
    section.read("unknown_timeout", policy.unknown_timeout, Duration::zero(), hours{24});
}

/// Of a [[check]], which names its target, or of a virtual server's check, which is given one.
enum class Target : std::uint8_t { Named, RealServer };

std::string name_of(Target target) {
    return target == Target::Named ? "check" : "virtual_server.check";
}

/// `port` is what a probe without one uses; 0: there is no default.
void read_target(Section& section, Target target, net::Endpoint& endpoint, std::uint16_t default_port,
                 std::optional<std::uint16_t>& port) {
    section.integer("port", port, 1, 65535);
    if (target == Target::RealServer) return;
    if (section.require("address") != nullptr) section.read("address", endpoint.address);
    if (default_port == 0) section.require("port");
    endpoint.port = port.value_or(default_port);
}

constexpr Choice<health::CloseWith> close_words[]{{"reset", health::CloseWith::Reset}, {"fin", health::CloseWith::Fin}};

health::TcpProbe read_tcp(const Value& table, Target target, std::optional<std::uint16_t>& port, Errors& errors) {
    health::TcpProbe probe;
    Section section{table, name_of(target) + ".tcp", errors};
    read_target(section, target, probe.target, 0, port);
    section.read("source", probe.source);
    section.choice("close", probe.close, close_words);
    return probe;
}

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return is_name_character(c) || std::string_view{"!#$%&'*+^`|~"}.find(c) != std::string_view::npos;
    });
}

bool is_one_line(std::string_view text) {
    return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::optional<health::StatusRange> parse_status(Section& section, const Value& value) {
    const auto one = [](std::int64_t code) { return code >= 100 && code <= 599; };
    if (const auto* code = std::get_if<std::int64_t>(&value.data); code != nullptr && one(*code)) {
        return health::StatusRange{static_cast<std::uint16_t>(*code), static_cast<std::uint16_t>(*code)};
    }
    if (const auto* text = std::get_if<std::string>(&value.data);
        text != nullptr && text->size() == 7 && (*text)[3] == '-') {
        std::int64_t bounds[2]{};
        bool digits = true;
        for (std::size_t i = 0; i < 7; ++i) {
            if (i == 3) continue;
            digits = digits && (*text)[i] >= '0' && (*text)[i] <= '9';
            bounds[i / 4] = bounds[i / 4] * 10 + ((*text)[i] - '0');
        }
        if (digits && one(bounds[0]) && one(bounds[1]) && bounds[0] <= bounds[1]) {
            return health::StatusRange{static_cast<std::uint16_t>(bounds[0]), static_cast<std::uint16_t>(bounds[1])};
        }
    }
    section.mismatch(value, "an HTTP status code such as 200, or a range such as \"200-299\"");
    return std::nullopt;
}

void read_headers(Section& section, health::HttpProbe& probe) {
    const Value* headers = section.table("headers");
    if (headers == nullptr) return;
    for (const Entry& header : std::get<Table>(headers->data)) {
        const std::string* value = section.text(header.value);
        if (value == nullptr) continue;
        if (!is_token(header.key)) section.error(header.place, quote(header.key) + " is no name of an HTTP header");
        if (!is_one_line(*value)) section.mismatch(header.value, "one line of text");
        probe.headers.emplace_back(header.key, *value);
    }
}

health::HttpProbe read_http(const Value& table, Target target, std::optional<std::uint16_t>& port, Errors& errors) {
    health::HttpProbe probe;
    Section section{table, name_of(target) + ".http", errors};
    section.read("tls", probe.tls);
    read_target(section, target, probe.target, probe.tls ? 443 : 80, port);
    section.read("source", probe.source);
    section.read("method", probe.method);
    if (!is_token(probe.method)) section.error(section.place("method"), "expected an HTTP method such as \"GET\"");
    section.read("path", probe.path);
    if (!probe.path.starts_with('/') || !is_one_line(probe.path) || probe.path.find(' ') != std::string::npos) {
        section.error(section.place("path"), "expected a path that begins with \"/\" and has no spaces");
    }
    section.read("host", probe.host);
    if (!is_one_line(probe.host) || probe.host.find(' ') != std::string::npos) {
        section.error(section.place("host"), "expected a host name");
    }
    read_headers(section, probe);
    if (section.find("status") != nullptr) {
        probe.status.clear();
        for (const Value& item : section.array("status")) {
            if (const auto range = parse_status(section, item)) probe.status.push_back(*range);
        }
        if (section.is_empty_array("status"))
            section.error(section.place("status"), "\"status\" needs at least one code or range");
    }
    section.read("body_contains", probe.body_contains);
    section.read("verify", probe.verify);
    read_absolute_path(section, "ca_file", probe.ca_file);
    for (const std::string_view key : {"verify", "ca_file"}) {
        if (!probe.tls && section.find(key) != nullptr) {
            section.error(section.place(key), quote(key) + " needs \"tls = true\"");
        }
    }
    return probe;
}

health::ExecProbe read_script(Section& section) {
    health::ExecProbe probe;
    for (const Value& item : section.array("script")) {
        const std::string* argument = section.text(item);
        if (argument == nullptr) continue;
        if (argument->find('\0') != std::string::npos) section.mismatch(item, "a text without NUL");
        if (probe.argv.empty() && !argument->starts_with('/')) {
            section.mismatch(item, "the absolute path of a program (there is no shell)");
        }
        probe.argv.push_back(*argument);
    }
    if (section.is_empty_array("script"))
        section.error(section.place("script"), "\"script\" needs a program: [\"/path\", \"argument\"]");
    section.read("user", probe.user);
    return probe;
}

/// Exactly one of the kinds of probe.
health::Probe read_probe(Section& section, Target target, std::optional<std::uint16_t>& port) {
    health::Probe probe;
    int kinds = 0;
    if (const Value* tcp = section.find("tcp"); tcp != nullptr && ++kinds > 0 && section.table("tcp") != nullptr) {
        probe = read_tcp(*tcp, target, port, section.errors());
    }
    if (const Value* http = section.find("http"); http != nullptr && ++kinds > 0 && section.table("http") != nullptr) {
        probe = read_http(*http, target, port, section.errors());
    }
    if (target == Target::Named && section.find("script") != nullptr) {
        ++kinds;
        probe = read_script(section);
    }
    const std::string kinds_text =
        target == Target::Named ? "\"script\", \"tcp\" and \"http\"" : "\"tcp\" and \"http\"";
    if (kinds != 1 && !section.asks_for_later())
        section.error(section.place(), "a check needs exactly one of " + kinds_text);
    return probe;
}

Check read_check(const Value& table, Errors& errors) {
    Check check;
    Section section{table, "check", errors};
    check.name = read_name<CheckName>(section);
    read_policy(section, check.policy);
    std::optional<std::uint16_t> port;
    check.probe = read_probe(section, Target::Named, port);
    return check;
}

ServerCheck read_server_check(const Value& table, Errors& errors) {
    ServerCheck check;
    Section section{table, "virtual_server.check", errors};
    read_policy(section, check.policy);
    check.probe = read_probe(section, Target::RealServer, check.port);
    return check;
}

/// A list of communities of one kind, as sorted and once each; what was there before is gone if the key is there.
template <class Community>
void read_communities(Section& section, std::string_view key, std::vector<Community>& communities,
                      std::string_view expected, const std::vector<std::string>& names = {}) {
    if (section.find(key) == nullptr) return;
    communities.clear();
    for (const Value& item : section.array(key)) {
        const auto* text = std::get_if<std::string>(&item.data);
        const auto community = text == nullptr ? std::nullopt : Community::parse(*text);
        if (community) {
            communities.push_back(*community);
        } else {
            section.mismatch(item, expected, text == nullptr ? "" : suggest(*text, names));
        }
    }
    std::ranges::sort(communities);
    const auto [first, last] = std::ranges::unique(communities);
    communities.erase(first, last);
}

std::optional<std::uint64_t> read_rate(Section& section, const Value& value, std::string_view expected) {
    const auto* text = std::get_if<std::string>(&value.data);
    const auto rate = text == nullptr ? std::nullopt : parse_rate(*text);
    if (!rate) section.mismatch(value, expected);
    return rate;
}

void read_link_bandwidth(Section& parent, RouteAttributes& attributes) {
    const Value* value = parent.find("link_bandwidth");
    if (value == nullptr) return;
    attributes.link_bandwidth.reset();
    if (std::holds_alternative<Table>(value->data)) {
        Section section{*value, "vip.bgp.link_bandwidth", parent.errors()};
        const Value* each = section.require("per_weight");
        if (each == nullptr) return;
        const auto rate = read_rate(section, *each, "a rate such as \"1Gbit/s\" or \"125MB/s\"");
        if (rate) attributes.link_bandwidth = LinkBandwidth{*rate, true};
        return;
    }
    const auto* text = std::get_if<std::string>(&value->data);
    if (text != nullptr && *text == "off") return;
    const auto rate = read_rate(parent, *value, "a rate such as \"10Gbit/s\", { per_weight = \"1Gbit/s\" } or \"off\"");
    if (rate) attributes.link_bandwidth = LinkBandwidth{*rate, false};
}

/// Of two link bandwidths a router takes whichever it likes.
void check_one_link_bandwidth(Section& section, const RouteAttributes& attributes) {
    const bool said_otherwise = std::ranges::any_of(attributes.extended_communities, [](const auto& community) {
        return community.octets_per_second().has_value();
    });
    if (!attributes.link_bandwidth || !said_otherwise) return;
    section.error(section.place(section.find("link_bandwidth") != nullptr ? "link_bandwidth" : "extended_communities"),
                  "a link bandwidth stands in both \"link_bandwidth\" and \"extended_communities\"");
}

/// Keys that are there take the place of what was.
void read_attributes(Section& section, RouteAttributes& attributes) {
    read_communities(section, "communities", attributes.communities,
                     "a community such as \"65010:100\" or \"no-export\"", net::well_known_communities());
    read_communities(section, "large_communities", attributes.large_communities,
                     "a large community such as \"65010:1:2\"");
    read_communities(section, "extended_communities", attributes.extended_communities,
                     "an extended community such as \"rt:65010:100\", \"soo:192.0.2.1:5\" or \"0x0002fdf200000064\"");
    read_link_bandwidth(section, attributes);
    check_one_link_bandwidth(section, attributes);
    section.integer("med", attributes.med, 0, 4294967295);
    section.integer("prepend", attributes.prepend, 0, 16);
    section.integer("local_pref", attributes.local_pref, 0, 4294967295);
    section.read("no_llgr", attributes.no_llgr);
}

void read_per_peer(const Value& table, VipBgp& bgp, Errors& errors) {
    for (const Entry& entry : std::get<Table>(table.data)) {
        if (!std::holds_alternative<Table>(entry.value.data)) {
            errors.add(entry.value.place, "expected a table such as { med = 50 }");
            continue;
        }
        Section section{entry.value, "vip.bgp.per_peer", errors};
        auto attributes = bgp.attributes;
        read_attributes(section, attributes);
        bgp.per_peer.emplace(PeerName{entry.key}, std::move(attributes));
    }
}

void read_vip_bgp(const Value& table, VipBgp& bgp, Errors& errors) {
    Section section{table, "vip.bgp", errors};
    read_attributes(section, bgp.attributes);
    if (const Value* per_peer = section.table("per_peer")) read_per_peer(*per_peer, bgp, errors);
    for (const Value& item : section.array("peers")) {
        if (const std::string* name = section.text(item)) bgp.peers.emplace_back(*name);
    }
    if (section.is_empty_array("peers")) {
        section.error(section.place("peers"), "\"peers\" is empty; leave it out for every peer of the family");
    }
}

RouteAttributes preferences(Role role) {
    RouteAttributes attributes;
    switch (role) {
        case Role::None: break;
        case Role::Primary:
            attributes.local_pref = 200;
            attributes.med = 0;
            break;
        case Role::Backup:
        case Role::Standby:
            attributes.local_pref = 50;
            attributes.med = 100;
            attributes.prepend = 3;
            break;
    }
    return attributes;
}

Flap read_flap(const Value& table, Errors& errors) {
    Flap flap;
    Section section{table, "vip.flap", errors};
    section.integer("penalty", flap.penalty, 1, 1000000);
    section.read("half_life", flap.half_life, seconds{1}, hours{1});
    section.integer("suppress", flap.suppress, 1, 1000000);
    section.integer("reuse", flap.reuse, 1, 1000000);
    section.read("longest", flap.longest, seconds{1}, hours{24});
    if (flap.reuse >= flap.suppress) {
        section.error(section.place("reuse"), "\"reuse\" must be below \"suppress\"");
    }
    return flap;
}

void read_announce(Section& section, Announce& announce) {
    const Value* value = section.require("announce");
    if (value == nullptr) return;
    const std::vector<std::string> words{"bgp", "vrrp"};
    std::span<const Value> items{value, 1};
    if (const auto* list = std::get_if<Array>(&value->data)) items = *list;
    for (const Value& item : items) {
        const auto index = section.word("announce", item, words);
        if (!index) continue;
        bool& way = *index == 0 ? announce.bgp : announce.vrrp;
        if (way) section.error(item.place, quote(words[*index]) + " is listed twice");
        way = true;
    }
    if (items.empty()) section.error(value->place, "a VIP is announced by \"bgp\", by \"vrrp\" or by both");
}

void read_vip_address(Section& section, Vip& vip) {
    const Value* value = section.require("address");
    if (value == nullptr) return;
    const auto* text = std::get_if<std::string>(&value->data);
    const auto prefix = text == nullptr ? std::nullopt : net::Prefix::parse(*text);
    if (!prefix) return section.mismatch(*value, "an IPv4 or IPv6 address, with or without \"/LENGTH\"");
    vip.address = *prefix;
    const net::IpAddress& address = prefix->address();
    if (address.is_unspecified() || address.is_loopback() || address.is_multicast()) {
        section.error(value->place, address.to_string() + " cannot be a VIP");
    }
    if (prefix->length() == 0) section.error(value->place, "a VIP cannot have the prefix length 0");
}

void read_prefix(Section& section, Vip& vip) {
    const Value* value = section.find("prefix");
    if (value == nullptr) return;
    const auto* text = std::get_if<std::string>(&value->data);
    const auto prefix = text == nullptr ? std::nullopt : net::Prefix::parse(*text);
    if (!prefix) return section.mismatch(*value, "a prefix such as \"203.0.113.0/24\"");
    if (*prefix != prefix->network()) {
        return section.error(value->place, "the prefix has host bits set", prefix->network().to_string());
    }
    vip.prefix = *prefix;
}

constexpr Choice<Services> services_words[]{{"all", Services::All}, {"any", Services::Any}};
constexpr Choice<Role> role_words[]{{"primary", Role::Primary}, {"backup", Role::Backup}, {"standby", Role::Standby}};

void read_standby(Section& parent, Vip& vip) {
    if (vip.role == Role::Standby) vip.standby.emplace();
    const Value* table = parent.table("standby");
    if (table == nullptr) return;
    if (!vip.standby) parent.error(parent.place("standby"), "\"standby\" has no effect without role = \"standby\"");
    Section section{*table, "vip.standby", parent.errors()};
    Standby standby;
    section.integer("rank", standby.rank, 0, 65535);
    section.read("take_after", standby.take_after, Duration::zero(), hours{1});
    section.read("yield_after", standby.yield_after, Duration::zero(), hours{1});
    if (vip.standby) vip.standby = standby;
}

Vip read_vip(const Value& table, Errors& errors) {
    Vip vip;
    Section section{table, "vip", errors};
    vip.name = read_name<VipName>(section);
    read_vip_address(section, vip);
    read_prefix(section, vip);
    read_announce(section, vip.announce);
    read_reference(section, "virtual_router", vip.virtual_router);
    vip.track = read_tracks(section, "vip.track");
    vip.track_bgp_session = vip.announce.bgp && vip.announce.vrrp;
    section.read("track_bgp_session", vip.track_bgp_session);
    section.choice("role", vip.role, role_words);
    read_standby(section, vip);
    section.read("learn_delay", vip.learn_delay, seconds{1}, hours{1});
    vip.bgp.attributes = preferences(vip.role);
    if (const Value* bgp = section.table("bgp")) read_vip_bgp(*bgp, vip.bgp, errors);
    section.read("hold_down", vip.hold_down, Duration::zero(), hours{1});
    if (const Value* flap = section.table("flap")) vip.flap = read_flap(*flap, errors);
    section.read("capacity_rise_after", vip.capacity_rise_after, Duration::zero(), hours{1});
    if (section.find("capacity_rise_after") != nullptr && !tells_capacity(vip)) {
        section.error(section.place("capacity_rise_after"),
                      "\"capacity_rise_after\" has no effect without link_bandwidth = { per_weight = ... }");
    }
    read_interface(section, vip.interface);
    section.choice("services", vip.services, services_words);
    return vip;
}

constexpr Choice<ipvs::Protocol> protocol_words[]{
    {"tcp", ipvs::Protocol::Tcp}, {"udp", ipvs::Protocol::Udp}, {"sctp", ipvs::Protocol::Sctp}};
constexpr Choice<ipvs::Forwarding> forwarding_words[]{
    {"nat", ipvs::Forwarding::Nat}, {"dr", ipvs::Forwarding::DirectRouting}, {"tun", ipvs::Forwarding::Tunnel}};
constexpr Choice<WhenEmpty> when_empty_words[]{{"withdraw", WhenEmpty::Withdraw}, {"keep", WhenEmpty::Keep}};
constexpr Choice<Program> program_words[]{{"always", Program::Always}, {"active", Program::Active}};

/// The modules ip_vs_*.ko of Linux 6.1.
constexpr Choice<std::string_view> scheduler_words[]{
    {"rr", "rr"},       {"wrr", "wrr"}, {"lc", "lc"},   {"wlc", "wlc"},   {"lblc", "lblc"},
    {"lblcr", "lblcr"}, {"dh", "dh"},   {"sh", "sh"},   {"mh", "mh"},     {"sed", "sed"},
    {"nq", "nq"},       {"fo", "fo"},   {"ovf", "ovf"}, {"twos", "twos"},
};

RealServer read_real_server(const Value& table, std::uint16_t default_port, Errors& errors) {
    RealServer server;
    Section section{table, "virtual_server.real_server", errors};
    if (section.require("address") != nullptr) section.read("address", server.address.address);
    server.address.port = default_port;
    section.integer("port", server.address.port, 1, 65535);
    section.integer("weight", server.weight, 0, 65535);
    return server;
}

void read_persistence(Section& section, VirtualServer& server) {
    if (section.find("persistence") == nullptr) return;
    Duration persistence = seconds{1};
    section.read("persistence", persistence, seconds{1}, hours{24 * 30});
    if (persistence % seconds{1} != Duration::zero()) {
        section.error(section.place("persistence"), "\"persistence\" must be whole seconds");
    }
    server.persistence = std::chrono::duration_cast<seconds>(persistence);
}

VirtualServer read_virtual_server(const Value& table, std::vector<Source>& real_servers, Errors& errors) {
    VirtualServer server;
    Section section{table, "virtual_server", errors};
    server.name = read_name<ServerName>(section);
    if (const Value* vip = section.require("vip")) {
        if (const std::string* name = section.text(*vip)) server.vip = VipName{*name};
    }
    if (section.require("port") != nullptr) section.integer("port", server.port, 1, 65535);
    section.choice("protocol", server.protocol, protocol_words);
    std::string_view scheduler = server.scheduler.value();
    section.choice("scheduler", scheduler, scheduler_words);
    server.scheduler = ipvs::Scheduler{std::string{scheduler}};
    if (section.require("forwarding") != nullptr) section.choice("forwarding", server.forwarding, forwarding_words);
    section.integer("quorum", server.quorum, 1, 65535);
    section.choice("when_empty", server.when_empty, when_empty_words);
    read_persistence(section, server);
    if (const Value* check = section.table("check")) server.check = read_server_check(*check, errors);
    section.choice("program", server.program, program_words);
    for (const Value* real_server : section.tables("real_server")) {
        const std::size_t before = errors.count();
        server.real_servers.push_back(read_real_server(*real_server, server.port, errors));
        real_servers.push_back({real_server, errors.count() == before});
    }
    return server;
}

/// Reads [[key]] and remembers where each of its tables stands.
template <class T, class ReadOne>
void read_list(Section& document, std::string_view key, std::vector<T>& target, std::vector<Source>& sources,
               ReadOne read_one) {
    for (const Value* table : document.tables(key)) {
        const std::size_t before = document.errors().count();
        target.push_back(read_one(*table));
        sources.push_back({table, document.errors().count() == before});
    }
}

Config read_document(const Value& root, const Host& host, Sources& sources, Errors& errors) {
    Config config;
    Section document{root, "", errors};
    config.node = read_node(document.table("node"), host, errors);
    sources.bgp = document.table("bgp");
    if (sources.bgp != nullptr) config.bgp = read_bgp(*sources.bgp, host, sources, errors);
    read_list(document, "virtual_router", config.virtual_routers, sources.virtual_routers,
              [&](const Value& table) { return read_virtual_router(table, errors); });
    read_list(document, "check", config.checks, sources.checks,
              [&](const Value& table) { return read_check(table, errors); });
    read_list(document, "vip", config.vips, sources.vips, [&](const Value& table) { return read_vip(table, errors); });
    read_list(document, "virtual_server", config.virtual_servers, sources.virtual_servers, [&](const Value& table) {
        return read_virtual_server(table, sources.real_servers.emplace_back(), errors);
    });
    return config;
}

}  // namespace

std::expected<Config, std::vector<Error>> parse(std::string_view text, const std::string& filename, const Host& host) {
    Errors errors{filename};
    const auto document = parse_document(text);
    if (!document) {
        errors.add(document.error().place, document.error().message);
        return std::unexpected{errors.take()};
    }
    Sources sources;
    Config config = read_document(*document, host, sources, errors);
    resolve(config, sources, host, errors);
    check_rules(config, sources, errors);
    if (errors.count() > 0) return std::unexpected{errors.take()};
    return config;
}

void keep_derived(Config& next, const Config& running) {
    if (next.bgp && running.bgp && next.bgp->router_id.derived)
        next.bgp->router_id.address = running.bgp->router_id.address;
}

std::string describe(const Error& error) {
    std::string text = error.file;
    if (error.line > 0) text += ':' + std::to_string(error.line) + ':' + std::to_string(error.column);
    text += ": error: " + error.message;
    if (!error.suggestion.empty()) text += "; did you mean " + quote(error.suggestion) + '?';
    return text;
}

}  // namespace anyvip::config
