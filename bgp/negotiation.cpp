#include "bgp/negotiation.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <variant>

#include "anyvip/overloaded.hpp"
#include "anyvip/wire/writer.hpp"

namespace anyvip::bgp {
namespace {

constexpr std::uint16_t afi_ipv6 = 2;
constexpr std::uint8_t add_path_receive = 1;
constexpr std::uint8_t add_path_send = 2;

std::vector<net::Family> families_of(const PeerConfig& config) {
    std::vector<net::Family> families;
    for (const auto family : {net::Family::Ipv4, net::Family::Ipv6}) {
        if (config.offers(family)) families.push_back(family);
    }
    return families;
}

AddPath our_add_path(const PeerConfig& config) {
    const auto mode = static_cast<std::uint8_t>((config.add_path.receive ? add_path_receive : 0U) |
                                                (config.add_path.send ? add_path_send : 0U));
    AddPath capability;
    if (mode == 0) return capability;
    for (const auto family : families_of(config)) capability.entries.push_back({unicast(family), mode});
    return capability;
}

bool is_internal(const PeerConfig& config) {
    return std::holds_alternative<InternalAs>(config.peer_as) || config.peer_as == PeerAs{config.local_as};
}

/// RFC 4724 §3 with the N bit of RFC 8538, RFC 9494 §3.1: every family that is offered, since without any the peer
/// would keep nothing.
void add_restart(const PeerConfig& config, const OwnRestart& own, std::vector<Capability>& capabilities) {
    if (!config.graceful_restart) return;
    const auto& [restart_time, stale_time] = *config.graceful_restart;
    GracefulRestart restart{
        .restarted = own.restarted, .notification = true, .restart_time = restart_time, .families = {}};
    LongLivedGracefulRestart long_lived;
    for (const auto family : families_of(config)) {
        const bool preserved = own.preserved.contains(family);
        restart.families.push_back({.family = unicast(family), .forwarding_preserved = preserved});
        long_lived.families.push_back(
            {.family = unicast(family), .forwarding_preserved = preserved, .stale_time = stale_time});
    }
    capabilities.emplace_back(std::move(restart));
    if (stale_time.count() > 0) capabilities.emplace_back(std::move(long_lived));
}

std::vector<Capability> our_capabilities(const PeerConfig& config, const OwnRestart& own = {}) {
    std::vector<Capability> capabilities;
    for (const auto family : families_of(config)) capabilities.emplace_back(Multiprotocol{unicast(family)});
    capabilities.emplace_back(RouteRefreshCapability{});
    capabilities.emplace_back(EnhancedRouteRefresh{});
    capabilities.emplace_back(ExtendedMessage{});
    if (config.extended_next_hop) capabilities.emplace_back(ExtendedNextHop{{{ipv4_unicast, afi_ipv6}}});
    if (config.ipv6 || config.extended_next_hop) capabilities.emplace_back(LinkLocalNextHop{});
    if (config.bfd_strict) capabilities.emplace_back(BfdStrictMode{});
    // RFC 9234 §4.1: for external peers.
    if (config.role && !is_internal(config)) {
        capabilities.emplace_back(RoleCapability{static_cast<std::uint8_t>(*config.role)});
    }
    if (auto add_path = our_add_path(config); !add_path.entries.empty()) capabilities.emplace_back(std::move(add_path));
    add_restart(config, own, capabilities);
    capabilities.emplace_back(FourOctetAs{config.local_as});
    return capabilities;
}

template <class T>
std::vector<T> all(const std::vector<Capability>& capabilities) {
    std::vector<T> found;
    for (const auto& capability : capabilities) {
        if (const auto* const wanted = std::get_if<T>(&capability)) found.push_back(*wanted);
    }
    return found;
}

template <class T>
bool both_have(const std::vector<Capability>& ours, const std::vector<Capability>& theirs) {
    return has<T>(ours) && has<T>(theirs);
}

/// RFC 8950 §4: the peer can take them; we can when we offer it too.
bool takes_ipv6_next_hops(const std::vector<Capability>& capabilities) {
    return std::ranges::any_of(all<ExtendedNextHop>(capabilities), [](const ExtendedNextHop& capability) {
        return std::ranges::find(capability.entries, ExtendedNextHop::Entry{ipv4_unicast, afi_ipv6}) !=
               capability.entries.end();
    });
}

/// What is said of the family; RFC 7911 §4: the first tuple counts, and nothing of a capability that is not understood.
std::optional<AddPath::Entry> add_path_of(const std::vector<Capability>& capabilities, net::Family family) {
    for (const auto& capability : all<AddPath>(capabilities)) {
        if (!capability.understood()) continue;
        const auto entry = std::ranges::find(capability.entries, unicast(family), &AddPath::Entry::family);
        if (entry != capability.entries.end()) return *entry;
    }
    return std::nullopt;
}

void agree_on_add_path(const std::vector<Capability>& ours, const std::vector<Capability>& theirs,
                       Negotiated& negotiated) {
    for (const auto family : {net::Family::Ipv4, net::Family::Ipv6}) {
        const auto our = add_path_of(ours, family);
        const auto their = add_path_of(theirs, family);
        if (!our || !their || !negotiated.carries(family)) continue;
        if (our->sends() && their->receives()) negotiated.add_path_send.add(family);
        if (our->receives() && their->sends()) negotiated.add_path_receive.add(family);
    }
}

/// RFC 9494 §3.1: nothing without a graceful restart of the family. One that names no time keeps nothing for long.
void agree_on_long_lived(const std::vector<Capability>& ours, const std::vector<Capability>& theirs,
                         PeerRestart& restart) {
    const auto said = all<LongLivedGracefulRestart>(theirs);
    if (!has<LongLivedGracefulRestart>(ours) || said.empty()) return;
    for (const auto& entry : said.back().families) {
        const auto family = unicast_addresses(entry.family);
        if (!family || !restart.families.contains(*family) || entry.stale_time.count() == 0) continue;
        restart.long_lived[*family] = {.preserved = entry.forwarding_preserved, .stale_time = entry.stale_time};
    }
}

/// RFC 4724 §3: of several capabilities the last one counts.
std::optional<PeerRestart> agree_on_restart(const std::vector<Capability>& ours, const std::vector<Capability>& theirs,
                                            const Negotiated& negotiated) {
    const auto offered = all<GracefulRestart>(ours);
    const auto said = all<GracefulRestart>(theirs);
    if (offered.empty() || said.empty()) return std::nullopt;
    const auto& last = said.back();
    PeerRestart restart{.restart_time = last.restart_time,
                        .restarted = last.restarted,
                        .notification = last.notification && offered.back().notification};
    for (const auto& entry : last.families) {
        const auto family = unicast_addresses(entry.family);
        if (!family || !negotiated.carries(*family)) continue;
        restart.families.add(*family);
        if (entry.forwarding_preserved) restart.preserved.add(*family);
    }
    agree_on_long_lived(ours, theirs, restart);
    return restart;
}

/// RFC 9234 §4.2.
bool roles_fit(const PeerConfig& config, const std::vector<Capability>& theirs) {
    const auto said = all<RoleCapability>(theirs);
    if (said.empty()) return !config.strict_role;
    const RoleCapability wanted{static_cast<std::uint8_t>(counterpart(*config.role))};
    return std::ranges::all_of(said, [&](const RoleCapability& role) { return role == wanted; });
}

/// RFC 5492 §5: the data lists what we cannot do without.
Notification no_common_family(const std::vector<Capability>& ours) {
    wire::Writer required;
    for (const auto& capability : all<Multiprotocol>(ours)) encode(Capability{capability}, required);
    return Notification{OpenMessageSubcode::UnsupportedCapability, required.take()};
}

bool refuses(const Notification& notification, OpenMessageSubcode subcode) {
    return notification.error_code() == ErrorCode::OpenMessage &&
           notification.subcode == static_cast<std::uint8_t>(subcode);
}

/// A family is a capability of its own; of the others the peer may mean another value.
bool is_meant(const Capability& ours, const Capability& named) {
    if (std::holds_alternative<Multiprotocol>(ours)) return ours == named;
    return ours.index() == named.index();
}

bool is_basic(const Capability& capability) {
    return std::holds_alternative<Multiprotocol>(capability) || std::holds_alternative<FourOctetAs>(capability);
}

}  // namespace

EncodeContext Negotiated::encode_context() const {
    return {.four_octet_as = four_octet_as,
            .extended_message = extended_message,
            .ibgp = !external,
            .add_path = add_path_send,
            .link_local_form = link_local_next_hop ? LinkLocalForm::Alone : LinkLocalForm::Twice};
}

DecodeContext Negotiated::decode_context() const {
    DecodeContext context{.four_octet_as = four_octet_as,
                          .extended_message = extended_message,
                          .ibgp = !external,
                          .families = {},
                          .add_path = add_path_receive};
    for (const auto family : {net::Family::Ipv4, net::Family::Ipv6}) {
        if (carries(family)) context.families.push_back(unicast(family));
    }
    return context;
}

Open our_open(const PeerConfig& config, const Concessions& concessions, const OwnRestart& own) {
    Open open;
    open.my_as = config.local_as;
    open.hold_time = HoldTime{static_cast<std::uint16_t>(config.hold_time.count())};
    open.identifier = config.router_id;
    if (concessions.no_parameters) return open;
    for (auto& capability : our_capabilities(config, own)) {
        const bool refused = std::ranges::any_of(concessions.without,
                                                 [&](const auto& without) { return is_meant(capability, without); });
        if (!refused) open.capabilities.push_back(std::move(capability));
    }
    return open;
}

std::expected<Negotiated, Notification> negotiate(const PeerConfig& config, const Open& open,
                                                  const Concessions& concessions) {
    const Asn peer_as = open.asn();
    const bool internal = peer_as == config.local_as;
    const bool expected_as = std::visit(
        overloaded{[&](const Asn& asn) { return peer_as == asn; }, [&](const ExternalAs&) { return !internal; },
                   [&](const InternalAs&) { return internal; }},
        config.peer_as);
    // RFC 7607: AS 0 is nobody's, whatever the configuration expects.
    if (!expected_as || peer_as == Asn{}) return std::unexpected{bad_peer_as()};
    // RFC 6286 §2.1: zero never; our own only from another AS.
    if (open.identifier.is_unspecified() || (internal && open.identifier == config.router_id)) {
        return std::unexpected{bad_bgp_identifier()};
    }
    // §4.2: "MUST reject Hold Time values of one or two seconds".
    if (open.hold_time == HoldTime{1} || open.hold_time == HoldTime{2}) {
        return std::unexpected{unacceptable_hold_time()};
    }
    if (config.role && !internal && !roles_fit(config, open.capabilities)) {
        return std::unexpected{Notification{OpenMessageSubcode::RoleMismatch}};
    }
    const auto ours = our_open(config, concessions).capabilities;
    const auto& theirs = open.capabilities;
    Negotiated negotiated;
    negotiated.hold_time = std::min<std::chrono::seconds>(config.hold_time, open.hold_time);
    negotiated.peer_as = peer_as;
    negotiated.peer_id = open.identifier;
    negotiated.external = !internal;
    negotiated.four_octet_as = both_have<FourOctetAs>(ours, theirs);
    negotiated.route_refresh = both_have<RouteRefreshCapability>(ours, theirs);
    negotiated.enhanced_route_refresh = both_have<EnhancedRouteRefresh>(ours, theirs);
    negotiated.extended_message = both_have<ExtendedMessage>(ours, theirs);
    negotiated.extended_next_hop = takes_ipv6_next_hops(ours) && takes_ipv6_next_hops(theirs);
    negotiated.link_local_next_hop = both_have<LinkLocalNextHop>(ours, theirs);
    negotiated.bfd_strict = both_have<BfdStrictMode>(ours, theirs);
    negotiated.ipv4 = offers(ours, ipv4_unicast) && offers(theirs, ipv4_unicast);
    negotiated.ipv6 = offers(ours, ipv6_unicast) && offers(theirs, ipv6_unicast);
    if (!negotiated.ipv4 && !negotiated.ipv6) return std::unexpected{no_common_family(ours)};
    agree_on_add_path(ours, theirs, negotiated);
    negotiated.graceful_restart = agree_on_restart(ours, theirs, negotiated);
    if (!internal) negotiated.role = config.role;
    return negotiated;
}

std::optional<Concessions> concede(const PeerConfig& config, const Concessions& so_far, const Notification& refusal) {
    if (refuses(refusal, OpenMessageSubcode::UnsupportedOptionalParameter)) {
        // Without parameters there is IPv4 alone.
        if (so_far.no_parameters || !config.ipv4) return std::nullopt;
        return Concessions{.no_parameters = true};
    }
    if (!config.capability_fallback || !refuses(refusal, OpenMessageSubcode::UnsupportedCapability)) {
        return std::nullopt;
    }
    const auto named = decode_capabilities(refusal.data);
    const bool names_some = named && !named->empty();
    auto next = so_far;
    bool families_left = false;
    for (const auto& ours : our_open(config, so_far).capabilities) {
        const bool refused = names_some ? std::ranges::any_of(*named, [&](const auto& n) { return is_meant(ours, n); })
                                        : !is_basic(ours);
        if (refused) next.without.push_back(ours);
        families_left = families_left || (!refused && std::holds_alternative<Multiprotocol>(ours));
    }
    // What the peer misses, rather than refuses, is not ours to leave out.
    if (next == so_far || (!families_left && !config.ipv4)) return std::nullopt;
    return next;
}

std::string describe(const Negotiated& negotiated) {
    std::string text = "as=" + describe(negotiated.peer_as) + " id=" + describe(negotiated.peer_id) +
                       " hold_time=" + std::to_string(negotiated.hold_time.count()) + "s";
    const auto add = [&](bool agreed, const std::string& words) { text += agreed ? ' ' + words : ""; };
    text += negotiated.external ? " external" : " internal";
    add(negotiated.ipv4, "ipv4");
    add(negotiated.ipv6, "ipv6");
    add(!negotiated.four_octet_as, "two-octet-as");
    add(negotiated.route_refresh, "route-refresh");
    add(negotiated.enhanced_route_refresh, "enhanced-route-refresh");
    add(negotiated.extended_message, "extended-message");
    add(negotiated.extended_next_hop, "extended-next-hop");
    add(negotiated.link_local_next_hop, "link-local-next-hop");
    add(negotiated.bfd_strict, "bfd-strict-mode");
    add(!negotiated.add_path_send.none(), "add-path-send=" + describe(negotiated.add_path_send));
    add(!negotiated.add_path_receive.none(), "add-path-receive=" + describe(negotiated.add_path_receive));
    if (const auto& restart = negotiated.graceful_restart) {
        add(true, "graceful-restart=" + std::to_string(restart->restart_time.count()) + 's');
        add(restart->notification, "restart-after-notification");
        for (const auto& [family, long_lived] : restart->long_lived) {
            add(true,
                "long-lived-" + describe(unicast(family)) + '=' + std::to_string(long_lived.stale_time.count()) + 's');
        }
    }
    if (negotiated.role) text += " role=" + std::string{describe(*negotiated.role)};
    return text;
}

}  // namespace anyvip::bgp
