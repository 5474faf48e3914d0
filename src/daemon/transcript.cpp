#include "daemon/transcript.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "anyvip/config/load.hpp"
#include "daemon/field_text.hpp"

namespace anyvip::daemon {
namespace {

using field_text::Reader;
using field_text::write_hex;
using field_text::write_seconds;
using field_text::Writer;

// ---- fields: one line each, for writing and for reading

template <class T>
constexpr std::string_view kind;

template <>
constexpr std::string_view kind<HeartbeatTimerExpired> = "TimerExpired";
template <>
constexpr std::string_view kind<DecisionTimerExpired> = "TimerExpired";
template <>
constexpr std::string_view kind<StopRouters> = "StopRouters";
template <>
constexpr std::string_view kind<SnapshotRequested> = "SnapshotRequested";
template <>
constexpr std::string_view kind<RoutersStopped> = "RoutersStopped";
// Their contents are for status alone, and no answer of the core depends on them.
template <>
constexpr std::string_view kind<ChecksSnapshot> = "ChecksSnapshot";
template <>
constexpr std::string_view kind<BfdSnapshot> = "BfdSnapshot";
template <>
constexpr std::string_view kind<RoutersSnapshot> = "RoutersSnapshot";
template <class Io, class Empty>
void fields(Io& /*io*/, Empty& /*event*/) {
    static_assert(std::is_empty_v<Empty> || std::is_same_v<Empty, ChecksSnapshot> ||
                      std::is_same_v<Empty, BfdSnapshot> || std::is_same_v<Empty, RoutersSnapshot>,
                  "what has members has fields");
}

template <>
constexpr std::string_view kind<RouterSetup> = "RouterSetup";
template <class Io>
void fields(Io& io, RouterSetup& setup) {
    io("name", setup.name);
    io("vrid", setup.identity.virtual_router_id);
    io("family", setup.identity.family);
    io("interface", setup.interface);
    io("version", setup.config.version);
    io("priority", setup.config.priority);
    io("advertise_interval", setup.config.advertise_interval);
    io("preempt", setup.config.preempt);
    io("preempt_delay", setup.config.preempt_delay);
    io("vips", setup.config.addresses);
    io("source", setup.config.source);
    io("peers", setup.config.peers);
    io("checksum", setup.config.checksum);
    io("garp_repeat", setup.config.garp_repeat);
    io("garp_delay", setup.config.garp_delay);
    io("apply_timeout", setup.config.apply_timeout);
}

template <>
constexpr std::string_view kind<kernel::Address> = "Address";
template <class Io>
void fields(Io& io, kernel::Address& address) {
    io("interface", address.key.interface);
    io("prefix", address.key.prefix);
    io("scope", address.scope);
    io("deprecated", address.deprecated);
    io("dad", address.dad);
}

template <>
constexpr std::string_view kind<ConfigureRouters> = "ConfigureRouters";
template <class Io>
void fields(Io& /*io*/, ConfigureRouters& /*mail: a line for each router and each address follows*/) {}

template <>
constexpr std::string_view kind<RouterLease> = "RouterLease";
template <class Io>
void fields(Io& io, RouterLease& mail) {
    io("virtual_router", mail.router);
    io("priority", mail.lease.priority);
    io("reason", mail.lease.reason);
    io("expires_at", mail.lease.expires_at);
}

template <>
constexpr std::string_view kind<RouterAddressesApplied> = "RouterAddressesApplied";
template <class Io>
void fields(Io& io, RouterAddressesApplied& mail) {
    io("virtual_router", mail.router);
    io("generation", mail.generation);
    io("error", mail.error);
}

template <>
constexpr std::string_view kind<InterfaceChanged> = "InterfaceChanged";
template <class Io>
void fields(Io& io, InterfaceChanged& mail) {
    io("interface", mail.name);
    io("addresses", mail.addresses);
    bool exists = mail.link.has_value();  // NOLINT(misc-const-correctness): a Reader writes it.
    io("exists", exists);
    if (!exists) return;
    kernel::Link link = mail.link.value_or(kernel::Link{});
    link.name = mail.name;
    io("index", link.index);
    io("admin_up", link.admin_up);
    io("running", link.running);
    io("lower_up", link.lower_up);
    io("mac", link.mac);
    io("mtu", link.mtu);
    mail.link = link;
}

template <>
constexpr std::string_view kind<PacketReceived> = "PacketReceived";
template <class Io>
void fields(Io& io, PacketReceived& event) {
    io("virtual_router", event.socket);
    io("source", event.metadata.source);
    io("destination", event.metadata.destination);
    io("ttl", event.metadata.ttl);
    io("bytes", event.bytes);
}

template <>
constexpr std::string_view kind<SocketOpened> = "SocketOpened";
template <class Io>
void fields(Io& io, SocketOpened& event) {
    io("virtual_router", event.router);
    io("error", event.error);
}

template <>
constexpr std::string_view kind<BfdSetup> = "BfdSetup";
template <class Io>
void fields(Io& io, BfdSetup& setup) {
    io("peer", setup.peer);
    io("remote", setup.remote);
    io("source", setup.source);
    io("interface", setup.interface);
    io("hops", setup.hops);
    io("desired_min_tx_interval", setup.config.desired_min_tx_interval);
    io("required_min_rx_interval", setup.config.required_min_rx_interval);
    io("detect_mult", setup.config.detect_mult);
    io("passive", setup.config.passive);
    io("minimum_ttl", setup.config.minimum_ttl);
}

template <>
constexpr std::string_view kind<ConfigureBfd> = "ConfigureBfd";
template <class Io>
void fields(Io& io, ConfigureBfd& mail /* a line for each session follows */) {
    io("vips", mail.vips);
}

template <>
constexpr std::string_view kind<BfdLease> = "BfdLease";
template <class Io>
void fields(Io& io, BfdLease& mail) {
    io("expires_at", mail.expires_at);
}

template <>
constexpr std::string_view kind<BfdListenerOpened> = "BfdListenerOpened";
template <class Io>
void fields(Io& io, BfdListenerOpened& event) {
    io("family", event.listener.family);
    io("hops", event.listener.hops);
    io("error", event.error);
}

template <>
constexpr std::string_view kind<BfdSenderOpened> = "BfdSenderOpened";
template <class Io>
void fields(Io& io, BfdSenderOpened& event) {
    io("session", event.session);
    io("local", event.local);
    io("interface", event.interface);
    io("error", event.error);
}

template <>
constexpr std::string_view kind<BfdSendFailed> = "BfdSendFailed";
template <class Io>
void fields(Io& io, BfdSendFailed& event) {
    io("session", event.session);
    io("error", event.error);
}

template <>
constexpr std::string_view kind<BfdPacketReceived> = "BfdPacketReceived";
template <class Io>
void fields(Io& io, BfdPacketReceived& event) {
    io("hops", event.hops);
    io("source", event.metadata.source);
    io("destination", event.metadata.destination);
    io("interface", event.metadata.interface);
    io("ttl", event.metadata.ttl);
    io("bytes", event.bytes);
}

template <>
constexpr std::string_view kind<BfdStateChanged> = "BfdStateChanged";
template <class Io>
void fields(Io& io, BfdStateChanged& mail) {
    io("peer", mail.peer);
    io("from", mail.change.from);
    io("to", mail.change.to);
    io("diagnostic", mail.change.diagnostic);
    io("remote", mail.change.remote);
}

template <>
constexpr std::string_view kind<LinkLocalChanged> = "LinkLocalChanged";
template <class Io>
void fields(Io& io, LinkLocalChanged& mail) {
    io("interface", mail.interface);
    io("index", mail.index);
    io("address", mail.address);
    io("mac", mail.mac);
}

template <>
constexpr std::string_view kind<LinkPacket> = "LinkPacket";
template <class Io>
void fields(Io& io, LinkPacket& event) {
    io("interface", event.interface);
    io("source", event.packet.source);
    io("hop_limit", event.packet.hop_limit);
    io("bytes", event.packet.bytes);
}

template <>
constexpr std::string_view kind<HealthChanged> = "HealthChanged";
template <class Io>
void fields(Io& io, HealthChanged& mail) {
    io("check", mail.check);
    io("to", mail.to);
    io("detail", mail.detail);
}

template <>
constexpr std::string_view kind<RouterStateChanged> = "RouterStateChanged";
template <class Io>
void fields(Io& io, RouterStateChanged& mail) {
    io("virtual_router", mail.router);
    io("from", mail.from);
    io("to", mail.to);
    io("cause", mail.reason.cause);
    io("detail", mail.reason.detail);
}

template <>
constexpr std::string_view kind<RouterServing> = "RouterServing";
template <class Io>
void fields(Io& io, RouterServing& mail) {
    io("virtual_router", mail.router);
    io("addresses", mail.addresses);
}

template <>
constexpr std::string_view kind<Adopted> = "Adopted";
template <class Io>
void fields(Io& io, Adopted& mail) {
    io("generation", mail.generation);
    io("error", mail.error);
}

template <>
constexpr std::string_view kind<FormerRunFound> = "FormerRunFound";
template <class Io>
void fields(Io& io, FormerRunFound& mail) {
    io("left_something", mail.left_something);
    io("forwarded_ipv4", mail.forwarded_ipv4);
    io("forwarded_ipv6", mail.forwarded_ipv6);
}

template <>
constexpr std::string_view kind<VipAddressesApplied> = "VipAddressesApplied";
template <class Io>
void fields(Io& io, VipAddressesApplied& mail) {
    io("vip", mail.vip);
    io("generation", mail.generation);
    io("error", mail.error);
}

template <>
constexpr std::string_view kind<ServicesApplied> = "ServicesApplied";
template <class Io>
void fields(Io& io, ServicesApplied& mail) {
    io("vip", mail.vip);
    io("generation", mail.generation);
    io("error", mail.error);
}

template <>
constexpr std::string_view kind<Repaired> = "Repaired";
template <class Io>
void fields(Io& io, Repaired& mail) {
    io("command", mail.command);
}

template <>
constexpr std::string_view kind<ConfigLoaded> = "ConfigLoaded";
template <class Io>
void fields(Io& io, ConfigLoaded& event) {
    // The file, or what was wrong with it, follows. NOLINTNEXTLINE(misc-const-correctness): a Reader writes it.
    bool accepted = event.result.has_value();
    io("accepted", accepted);
    io("client", event.client);
    if (!accepted && event.result) event.result = std::unexpected{std::vector<config::Error>{}};
}

template <>
constexpr std::string_view kind<StopRequested> = "StopRequested";
template <class Io>
void fields(Io& io, StopRequested& event) {
    io("why", event.why);
}

template <>
constexpr std::string_view kind<StatusRequested> = "StatusRequested";
template <class Io>
void fields(Io& io, StatusRequested& event) {
    io("client", event.client);
}

template <>
constexpr std::string_view kind<RoutesRequested> = "RoutesRequested";
template <class Io>
void fields(Io& io, RoutesRequested& event) {
    io("client", event.client);
}

template <>
constexpr std::string_view kind<DrainCommand> = "DrainCommand";
template <class Io>
void fields(Io& io, DrainCommand& event) {
    io("client", event.client);
    io("drain", event.drain);
    std::optional<VipName> vip;
    std::optional<ServerName> server;
    std::optional<net::Endpoint> address;
    if (const auto* target = std::get_if<VipName>(&event.target)) vip = *target;
    if (const auto* target = std::get_if<vip::RealServerTarget>(&event.target)) {
        server = target->server;
        address = target->address;
    }
    io("vip", vip);
    io("server", server);
    io("address", address);
    if (vip) event.target = *vip;
    if (server && address) event.target = vip::RealServerTarget{*server, *address};
}

// What the speaker says of a connection. The composite's own words to a peer are no events of the loop.

template <>
constexpr std::string_view kind<bgp::ConnectionOpened> = "ConnectionOpened";
template <class Io>
void fields(Io& io, bgp::ConnectionOpened& event) {
    io("connection", event.connection);
    io("attempt", event.attempt);
    io("local", event.local);
    io("remote", event.remote);
}

template <>
constexpr std::string_view kind<bgp::ConnectionFailed> = "ConnectionFailed";
template <class Io>
void fields(Io& io, bgp::ConnectionFailed& event) {
    io("attempt", event.attempt);
    io("reason", event.reason);
}

template <>
constexpr std::string_view kind<bgp::ConnectionRefused> = "ConnectionRefused";
template <class Io>
void fields(Io& io, bgp::ConnectionRefused& event) {
    io("reason", event.reason);
}

template <>
constexpr std::string_view kind<bgp::TransportDiagnosis> = "TransportDiagnosis";
template <class Io>
void fields(Io& io, bgp::TransportDiagnosis& event) {
    io("text", event.text);
}

template <>
constexpr std::string_view kind<bgp::ConnectionClosed> = "ConnectionClosed";
template <class Io>
void fields(Io& io, bgp::ConnectionClosed& event) {
    io("connection", event.connection);
    io("reason", event.reason);
}

template <>
constexpr std::string_view kind<bgp::Received> = "Received";
template <class Io>
void fields(Io& io, bgp::Received& event) {
    io("connection", event.connection);
    io("bytes", event.bytes);
}

template <>
constexpr std::string_view kind<bgp::Written> = "Written";
template <class Io>
void fields(Io& io, bgp::Written& event) {
    io("connection", event.connection);
    io("octets", event.octets);
}

template <>
constexpr std::string_view kind<bgp::Acknowledged> = "Acknowledged";
template <class Io>
void fields(Io& io, bgp::Acknowledged& event) {
    io("connection", event.connection);
    io("octets", event.octets);
}

template <class Event>
concept OfAConnection = std::same_as<Event, bgp::ConnectionOpened> || std::same_as<Event, bgp::ConnectionFailed> ||
                        std::same_as<Event, bgp::ConnectionRefused> || std::same_as<Event, bgp::TransportDiagnosis> ||
                        std::same_as<Event, bgp::ConnectionClosed> || std::same_as<Event, bgp::Received> ||
                        std::same_as<Event, bgp::Written> || std::same_as<Event, bgp::Acknowledged>;

// ---- writing

template <class Event>
std::string line_of(Event event, TimePoint start) {
    Writer writer{kind<Event>, start};
    fields(writer, event);
    return writer.text();
}

using Lines = std::vector<std::string>;

Lines lines_of(const ConfigureRouters& mail, TimePoint start) {
    Lines lines{line_of(mail, start)};
    for (const auto& router : mail.routers) {
        lines.push_back(line_of(router, start));
        for (const auto& address : router.addresses) lines.push_back(line_of(address, start));
    }
    return lines;
}

Lines lines_of(const ConfigureBfd& mail, TimePoint start) {
    Lines lines{line_of(mail, start)};
    for (const auto& session : mail.sessions) lines.push_back(line_of(session, start));
    return lines;
}

/// Headers are where credentials are: their names stay.
config::Config without_secrets(config::Config config) {
    const auto conceal = [](health::Probe& probe) {
        auto* http = std::get_if<health::HttpProbe>(&probe);
        if (http == nullptr) return;
        for (auto& [name, value] : http->headers) value = "concealed";
    };
    for (auto& check : config.checks) conceal(check.probe);
    for (auto& server : config.virtual_servers) {
        if (server.check) conceal(server.check->probe);
    }
    return config;
}

Lines lines_of(const ConfigLoaded& event, TimePoint start) {
    Lines lines{line_of(event, start)};
    std::string text;
    if (event.result) {
        text = config::format(without_secrets(*event.result));
    } else {
        for (const auto& error : event.result.error()) text += config::describe(error) + '\n';
    }
    for (std::string_view rest = text; !rest.empty();) {
        const auto end = std::min(rest.find('\n'), rest.size());
        lines.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return lines;
}

Lines lines_of(const PeerEvent& event, TimePoint start) {
    return std::visit(
        [&]<class Event>(const Event& of_peer) {
            if constexpr (OfAConnection<Event>) {
                Writer writer{kind<Event>, start};
                writer("peer", event.peer);
                auto of_connection = of_peer;
                fields(writer, of_connection);
                return Lines{writer.text()};
            } else {
                return Lines{};
            }
        },
        event.event);
}

template <class Event>
Lines lines_of(const Event& event, TimePoint start) {
    const auto line = line_of(event, start);
    if (line == describe(event)) return {};
    return {line};
}

template <class... Alternatives>
Lines lines_of(const std::variant<Alternatives...>& event, TimePoint start) {
    return std::visit([&](const auto& alternative) { return lines_of(alternative, start); }, event);
}

// ---- reading

using Read = std::optional<std::string>;  ///< an error

template <class Event>
Read read_one(const Lines& lines, TimePoint start, Event& event) {
    Reader reader{lines.front(), start};
    fields(reader, event);
    return reader.error();
}

Read read_one(const Lines& lines, TimePoint start, ConfigureRouters& mail) {
    for (std::size_t i = 1; i < lines.size(); ++i) {
        Reader reader{lines[i], start};
        if (reader.kind() == kind<RouterSetup>) {
            fields(reader, mail.routers.emplace_back());
        } else if (reader.kind() == kind<kernel::Address> && !mail.routers.empty()) {
            kernel::Address address;
            fields(reader, address);
            mail.routers.back().addresses.insert(address);
        } else {
            reader.fail("neither a router nor one's address");
        }
        if (auto error = reader.error()) return error;
    }
    return std::nullopt;
}

Read read_one(const Lines& lines, TimePoint start, ConfigureBfd& mail) {
    Reader head{lines.front(), start};
    fields(head, mail);
    if (auto error = head.error()) return error;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        Reader reader{lines[i], start};
        if (reader.kind() != kind<BfdSetup>) reader.fail("no session");
        fields(reader, mail.sessions.emplace_back());
        if (auto error = reader.error()) return error;
    }
    return std::nullopt;
}

Read read_one(const Lines& lines, TimePoint start, ConfigLoaded& event) {
    Reader reader{lines.front(), start};
    fields(reader, event);
    if (auto error = reader.error()) return error;
    if (!event.result) {
        for (std::size_t i = 1; i < lines.size(); ++i) {
            // As config::describe() made it: a place of its own, in one piece.
            const auto separator = std::string_view{": error: "};
            const auto end = lines[i].find(separator);
            if (end == std::string::npos) return "no error of a configuration: " + lines[i];
            event.result.error().push_back({.file = lines[i].substr(0, end),
                                            .line = 0,
                                            .column = 0,
                                            .message = lines[i].substr(end + separator.size()),
                                            .suggestion = {}});
        }
        return std::nullopt;
    }
    std::string text;
    for (std::size_t i = 1; i < lines.size(); ++i) text += lines[i] + '\n';
    event.result = config::parse(text, "transcript");
    if (!event.result) return config::describe(event.result.error().front());
    return std::nullopt;
}

template <class Event>
using Found = std::optional<std::expected<Event, std::string>>;  ///< nullopt: it is of another kind

/// `Wrap` is what holds the alternative in the event: a mail, or the event itself.
template <class Wrap, class Alternative, class Event>
bool try_kind(const Lines& lines, TimePoint start, Found<Event>& found) {
    if (Reader{lines.front(), start}.kind() != kind<Alternative>) return false;
    Alternative alternative{};
    if (auto error = read_one(lines, start, alternative)) {
        found = std::unexpected{*error};
    } else {
        found = Event{Wrap{std::move(alternative)}};
    }
    return true;
}

template <class... Mails, class Event>
bool try_mail(std::type_identity<std::variant<Mails...>> /*mail*/, const Lines& lines, TimePoint start,
              Found<Event>& found) {
    return (try_kind<std::variant<Mails...>, Mails>(lines, start, found) || ...);
}

template <OfAConnection Event>
bool try_connection(const Lines& lines, TimePoint start, Found<Decision::Event>& found) {
    Reader reader{lines.front(), start};
    if (reader.kind() != kind<Event>) return false;
    PeerEvent event;
    Event of_connection{};
    reader("peer", event.peer);
    fields(reader, of_connection);
    event.event = std::move(of_connection);
    if (auto error = reader.error()) {
        found = std::unexpected{*error};
    } else {
        found = Decision::Event{std::move(event)};
    }
    return true;
}

template <class Event>
std::expected<Event, std::string> result_of(const Lines& lines, Found<Event> found) {
    if (!found) return std::unexpected{"no event that can be read: " + lines.front()};
    return *std::move(found);
}

std::string indented(std::string_view text) {
    std::string lines;
    for (const char c : text) {
        lines += c;
        if (c == '\n') lines += "  ";
    }
    return lines;
}

}  // namespace

std::string timestamp(Duration since_start) {
    return '@' + write_seconds(std::chrono::floor<std::chrono::microseconds>(since_start));
}

std::string transcript_lines(std::string_view mark, std::string_view text, const std::vector<std::string>& details) {
    std::string lines = std::string{mark} + indented(text) + '\n';
    for (const auto& detail : details) lines += "| " + detail + '\n';
    return lines;
}

std::vector<std::string> details(const Heartbeat::Event& event, TimePoint start) {
    return lines_of(event, start);
}

std::vector<std::string> details(const Decision::Event& event, TimePoint start) {
    return lines_of(event, start);
}

std::vector<std::string> details(const Heartbeat::Action& action, TimePoint /*start*/) {
    if (const auto* packet = std::get_if<SendPacket>(&action)) return {write_hex(packet->bytes)};
    if (const auto* frame = std::get_if<SendFrame>(&action)) return {write_hex(frame->bytes)};
    if (const auto* packet = std::get_if<SendBfdPacket>(&action)) return {write_hex(packet->bytes)};
    return {};
}

std::vector<std::string> details(const Decision::Action& action, TimePoint /*start*/) {
    if (const auto* of_link = std::get_if<SendLinkPacket>(&action)) return {write_hex(of_link->packet.bytes)};
    const auto* of_peer = std::get_if<PeerAction>(&action);
    const auto* send = of_peer == nullptr ? nullptr : std::get_if<bgp::Send>(&of_peer->action);
    if (send == nullptr) return {};
    return {write_hex(send->bytes)};
}

template <>
std::expected<Heartbeat::Event, std::string> read_event(const std::vector<std::string>& lines, TimePoint start) {
    using Event = Heartbeat::Event;
    Found<Event> found;
    (void)(try_mail(std::type_identity<HeartbeatMail>{}, lines, start, found) ||
           try_kind<Event, PacketReceived>(lines, start, found) || try_kind<Event, SocketOpened>(lines, start, found) ||
           try_kind<Event, BfdPacketReceived>(lines, start, found) ||
           try_kind<Event, BfdListenerOpened>(lines, start, found) ||
           try_kind<Event, BfdSenderOpened>(lines, start, found) ||
           try_kind<Event, BfdSendFailed>(lines, start, found) ||
           try_kind<Event, HeartbeatTimerExpired>(lines, start, found));
    return result_of(lines, std::move(found));
}

template <>
std::expected<Decision::Event, std::string> read_event(const std::vector<std::string>& lines, TimePoint start) {
    using Event = Decision::Event;
    Found<Event> found;
    (void)(try_mail(std::type_identity<DecisionMail>{}, lines, start, found) ||
           try_kind<Event, ConfigLoaded>(lines, start, found) || try_kind<Event, StopRequested>(lines, start, found) ||
           try_kind<Event, LinkPacket>(lines, start, found) || try_kind<Event, StatusRequested>(lines, start, found) ||
           try_kind<Event, RoutesRequested>(lines, start, found) ||
           try_kind<Event, DrainCommand>(lines, start, found) ||
           try_kind<Event, DecisionTimerExpired>(lines, start, found) ||
           try_connection<bgp::ConnectionOpened>(lines, start, found) ||
           try_connection<bgp::ConnectionFailed>(lines, start, found) ||
           try_connection<bgp::ConnectionRefused>(lines, start, found) ||
           try_connection<bgp::TransportDiagnosis>(lines, start, found) ||
           try_connection<bgp::ConnectionClosed>(lines, start, found) ||
           try_connection<bgp::Received>(lines, start, found) || try_connection<bgp::Written>(lines, start, found) ||
           try_connection<bgp::Acknowledged>(lines, start, found));
    return result_of(lines, std::move(found));
}

}  // namespace anyvip::daemon
