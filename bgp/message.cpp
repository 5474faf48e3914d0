#include "bgp/message.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "anyvip/overloaded.hpp"
#include "anyvip/wire/reader.hpp"
#include "anyvip/wire/writer.hpp"

namespace anyvip::bgp {
namespace {

constexpr std::uint8_t supported_version = 4;
constexpr std::uint8_t capabilities_parameter = 2;  // RFC 5492 §4
constexpr std::uint8_t extended_parameters = 255;   // RFC 9072 §2
constexpr std::size_t longest_parameters = 255;     // in the form of RFC 4271 §4.2

template <class T>
std::unexpected<Notification> refused(T error) {
    return std::unexpected{Notification{error}};
}

// Optional parameters (RFC 4271 §4.2): type (1 octet), length (1), value; or, when they need more than 255 octets,
// RFC 9072 §2: 255, 255, total length (2 octets), and then type (1), length (2), value.

/// One parameter with all capabilities.
void encode_parameters(const std::vector<Capability>& capabilities, wire::Writer& out) {
    wire::Writer value;
    for (const auto& capability : capabilities) encode(capability, value);
    if (value.size() == 0) return out.u8(0);
    if (value.size() + 2 <= longest_parameters) {
        const auto total = out.length8();
        out.u8(capabilities_parameter);
        const auto length = out.length8();
        return out.bytes(value.view());
    }
    out.u8(extended_parameters);
    out.u8(extended_parameters);
    const auto total = out.length16();
    out.u8(capabilities_parameter);
    const auto length = out.length16();
    out.bytes(value.view());
}

/// RFC 5492 §4: capabilities may share a parameter or have one each. `extended`: lengths of two octets.
Result<std::vector<Capability>> decode_parameters(wire::Reader& in, bool extended) {
    std::vector<Capability> capabilities;
    while (!in.at_end()) {
        const auto type = in.u8();
        const auto value = in.bytes(extended ? in.u16() : in.u8());
        if (in.failed()) break;
        if (type != capabilities_parameter) return refused(OpenMessageSubcode::UnsupportedOptionalParameter);
        const auto more = decode_capabilities(value);
        if (!more) return std::unexpected{more.error()};
        capabilities.insert(capabilities.end(), more->begin(), more->end());
    }
    if (in.failed()) return refused(OpenMessageSubcode::Unspecific);
    return capabilities;
}

/// The parameters are the rest of the message, with their length(s) in front.
Result<std::vector<Capability>> decode_parameters(wire::Reader& in) {
    const auto length = in.u8();
    auto peek = in;
    const bool extended = length != 0 && peek.u8() == extended_parameters;
    if (extended) in.skip(1);  // The one-octet length means nothing then (RFC 9072 §2).
    auto parameters = in.sub(extended ? in.u16() : length);
    if (in.failed() || !in.at_end()) return refused(OpenMessageSubcode::Unspecific);
    return decode_parameters(parameters, extended);
}

/// RFC 7606 §2: "as though all of the routes contained in it had been withdrawn".
void withdraw_all(Update& update) {
    update.refused = update.nlri;
    if (update.mp_reach) {
        update.refused.insert(update.refused.end(), update.mp_reach->nlri.begin(), update.mp_reach->nlri.end());
    }
    update.withdrawn.insert(update.withdrawn.end(), update.nlri.begin(), update.nlri.end());
    update.nlri.clear();
    update.attributes = {};
    if (!update.mp_reach) return;
    const auto reach = *std::exchange(update.mp_reach, std::nullopt);
    if (!update.mp_unreach) update.mp_unreach = MpUnreach{reach.family, {}};
    // Of two families one is IPv4, whose withdrawals have a field of their own.
    if (update.mp_unreach->family != reach.family && update.mp_unreach->family == ipv4_unicast) {
        const auto& classic = update.mp_unreach->withdrawn;
        update.withdrawn.insert(update.withdrawn.end(), classic.begin(), classic.end());
        update.mp_unreach = MpUnreach{reach.family, {}};
    }
    auto& withdrawn = update.mp_unreach->family == reach.family ? update.mp_unreach->withdrawn : update.withdrawn;
    withdrawn.insert(withdrawn.end(), reach.nlri.begin(), reach.nlri.end());
}

template <class Items>
std::string joined(const Items& items, std::string_view separator) {
    std::string text;
    for (const auto& item : items) {
        if (!text.empty()) text += separator;
        text += describe(item);
    }
    return text;
}

/// The first few: a peer may send a thousand in one message.
void append(std::string& text, std::string_view verb, const std::vector<Nlri>& routes) {
    constexpr std::size_t shown = 8;
    if (routes.empty()) return;
    text += text.empty() ? "" : "; ";
    text += verb;
    for (const auto& nlri : std::span{routes}.first(std::min(routes.size(), shown))) text += ' ' + describe(nlri);
    if (routes.size() > shown) text += " and " + std::to_string(routes.size() - shown) + " more";
}

}  // namespace

std::optional<MessageType> to_message_type(std::uint8_t type) {
    if (type < 1 || type > 5) return std::nullopt;
    return static_cast<MessageType>(type);
}

std::string_view describe(MessageType type) {
    switch (type) {
        case MessageType::Open: return "OPEN";
        case MessageType::Update: return "UPDATE";
        case MessageType::Notification: return "NOTIFICATION";
        case MessageType::Keepalive: return "KEEPALIVE";
        case MessageType::RouteRefresh: return "ROUTE-REFRESH";
    }
    return "?";
}

MessageType type_of(const Message& message) {
    return std::visit(overloaded{
                          [](const Open&) { return MessageType::Open; },
                          [](const Update&) { return MessageType::Update; },
                          [](const Notification&) { return MessageType::Notification; },
                          [](const Keepalive&) { return MessageType::Keepalive; },
                          [](const RouteRefresh&) { return MessageType::RouteRefresh; },
                      },
                      message);
}

// The header (RFC 4271 §4.1; the figure is in framer.cpp, which reads it).

std::vector<std::uint8_t> encode(const Message& message, const EncodeContext& context) {
    wire::Writer out{64};
    out.fill(16, 0xff);
    out.u16(0);
    out.u8(static_cast<std::uint8_t>(type_of(message)));
    std::visit(overloaded{
                   [&](const Open& open) { encode(open, out); },
                   [&](const Update& update) { encode(update, context, out); },
                   [&](const Notification& notification) { encode(notification, out); },
                   [](const Keepalive&) {},
                   [&](const RouteRefresh& refresh) { encode(refresh, out); },
               },
               message);
    assert(out.size() <= max_extended_message_size);
    out.patch_u16(16, static_cast<std::uint16_t>(out.size()));
    return out.take();
}

Result<Message> decode(const RawMessage& message, const DecodeContext& context) {
    const auto widened = [](auto result) -> Result<Message> {
        if (!result) return std::unexpected{std::move(result.error())};
        // In place: g++ 12 takes the destructor of a moved-from Message for a read of what was never set.
        return Result<Message>{std::in_place, std::move(*result)};
    };
    switch (message.type) {
        case MessageType::Open: return widened(decode_open(message.body));
        case MessageType::Update: return widened(decode_update(message.body, context));
        case MessageType::Notification: return widened(decode_notification(message.body));
        case MessageType::Keepalive: return Message{Keepalive{}};
        case MessageType::RouteRefresh: return widened(decode_route_refresh(message.body));
    }
    return refused(MessageHeaderSubcode::BadMessageType);
}

// OPEN (RFC 4271 §4.2)
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-+-+-+-+
//  |    Version    |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |     My Autonomous System      |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |           Hold Time           |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |                         BGP Identifier                        |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  | Opt Parm Len  |  Optional Parameters (variable)
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

void encode(const Open& open, wire::Writer& out) {
    const auto my_as = open.my_as.fits_two_octets() ? open.my_as : as_trans;
    out.u8(supported_version);
    out.u16(static_cast<std::uint16_t>(my_as.value()));
    out.u16(open.hold_time.count());
    out.ipv4(open.identifier);
    encode_parameters(open.capabilities, out);
}

Result<Open> decode_open(std::span<const std::uint8_t> body) {
    wire::Reader in{body};
    Open open;
    const auto version = in.u8();
    open.my_as = Asn{in.u16()};
    open.hold_time = HoldTime{in.u16()};
    open.identifier = in.ipv4();
    if (in.failed()) return refused(OpenMessageSubcode::Unspecific);

    // RFC 4271 §6.2, in its order.
    if (version != supported_version) return std::unexpected{unsupported_version()};
    if (open.my_as == Asn{0}) return std::unexpected{bad_peer_as()};  // RFC 7607 §2
    if (open.hold_time == HoldTime{1} || open.hold_time == HoldTime{2}) {
        return std::unexpected{unacceptable_hold_time()};
    }
    if (open.identifier.is_unspecified()) return std::unexpected{bad_bgp_identifier()};  // RFC 6286 §2.2
    auto capabilities = decode_parameters(in);
    if (!capabilities) return std::unexpected{capabilities.error()};
    open.capabilities = std::move(*capabilities);
    if (open.asn() == Asn{0}) return std::unexpected{bad_peer_as()};
    return open;
}

Asn Open::asn() const {
    for (const auto& capability : capabilities) {
        if (const auto* const four_octets = std::get_if<FourOctetAs>(&capability)) return four_octets->asn;
    }
    return my_as;
}

// UPDATE (RFC 4271 §4.3)
//
//  +-----------------------------------------------------+
//  |   Withdrawn Routes Length (2 octets)                |
//  +-----------------------------------------------------+
//  |   Withdrawn Routes (variable)                       |
//  +-----------------------------------------------------+
//  |   Total Path Attribute Length (2 octets)            |
//  +-----------------------------------------------------+
//  |   Path Attributes (variable)                        |
//  +-----------------------------------------------------+
//  |   Network Layer Reachability Information (variable) |
//  +-----------------------------------------------------+

void encode(const Update& update, const EncodeContext& context, wire::Writer& out) {
    const auto encode_all = [&](const std::vector<Nlri>& routes) {
        for (const auto& nlri : routes) {
            assert(nlri.prefix.family() == net::Family::Ipv4);
            encode_nlri(nlri, context.add_path.ipv4, out);
        }
    };
    {
        const auto withdrawn_length = out.length16();
        encode_all(update.withdrawn);
    }
    {
        const auto attributes_length = out.length16();
        encode_attributes(update.attributes, update.mp_reach, update.mp_unreach, !update.nlri.empty(), context, out);
    }
    encode_all(update.nlri);
}

Result<Update> decode_update(std::span<const std::uint8_t> body, const DecodeContext& context) {
    wire::Reader in{body};
    const auto withdrawn = in.bytes(in.u16());
    const auto attributes = in.bytes(in.u16());
    const auto nlri = in.rest();
    // RFC 4271 §6.3, and RFC 7606 §3 (b): where the lengths contradict each other nothing can be found.
    if (in.failed()) return refused(UpdateMessageSubcode::MalformedAttributeList);

    // RFC 7606 §5.3: a field that can't be parsed resets the session.
    auto withdrawn_routes = decode_nlri(withdrawn, net::Family::Ipv4, context.add_path.ipv4);
    auto announced_routes = decode_nlri(nlri, net::Family::Ipv4, context.add_path.ipv4);
    if (!withdrawn_routes || !announced_routes) return refused(UpdateMessageSubcode::InvalidNetworkField);
    auto decoded = decode_attributes(attributes, !announced_routes->empty(), context);
    if (!decoded) return std::unexpected{std::move(decoded.error())};

    Update update;
    update.withdrawn = std::move(*withdrawn_routes);
    update.mp_unreach = std::move(decoded->mp_unreach);
    update.mp_reach = std::move(decoded->mp_reach);
    update.attributes = std::move(decoded->path);
    update.nlri = std::move(*announced_routes);
    update.errors = std::move(decoded->errors);
    if (decoded->treat_as_withdraw) withdraw_all(update);
    return update;
}

void withdraw_leak(Update& update) {
    update.errors.push_back(
        {only_to_customer_attribute, AttributeError::Reason::Leak, AttributeAction{TreatAsWithdraw{}}});
    withdraw_all(update);
}

Update end_of_rib(AddressFamily family) {
    Update update;
    if (family != ipv4_unicast) update.mp_unreach = MpUnreach{family, {}};
    return update;
}

std::optional<AddressFamily> end_of_rib_family(const Update& update) {
    // An UPDATE with an error said something else, which was withdrawn or discarded.
    if (!update.errors.empty() || update.mp_reach || !update.nlri.empty() || !update.withdrawn.empty()) {
        return std::nullopt;
    }
    if (!update.mp_unreach) return update.attributes == PathAttributes{} ? std::optional{ipv4_unicast} : std::nullopt;
    return update.mp_unreach->withdrawn.empty() ? std::optional{update.mp_unreach->family} : std::nullopt;
}

// ROUTE-REFRESH (RFC 2918 §3, RFC 7313 §3.2)
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |             AFI               |    Subtype    |     SAFI      |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

void encode(const RouteRefresh& refresh, wire::Writer& out) {
    out.u16(refresh.family.afi);
    out.u8(refresh.subtype);
    out.u8(refresh.family.safi);
}

Result<RouteRefresh> decode_route_refresh(std::span<const std::uint8_t> body) {
    wire::Reader in{body};
    RouteRefresh refresh;
    refresh.family.afi = in.u16();
    refresh.subtype = in.u8();
    refresh.family.safi = in.u8();
    if (!in.failed() && in.at_end()) return refresh;
    // RFC 7313 §5: the data is the complete message, here as far as a NOTIFICATION holds it.
    constexpr std::size_t longest = max_message_size - 2 * header_size - 2;
    wire::Writer whole;
    whole.fill(16, 0xff);
    whole.u16(static_cast<std::uint16_t>(header_size + body.size()));
    whole.u8(static_cast<std::uint8_t>(MessageType::RouteRefresh));
    whole.bytes(body.first(std::min(body.size(), longest)));
    return std::unexpected{Notification{RouteRefreshSubcode::InvalidMessageLength, whole.take()}};
}

std::string describe(const Open& open) {
    return "OPEN as=" + describe(open.asn()) + " hold_time=" + std::to_string(open.hold_time.count()) +
           "s id=" + describe(open.identifier) + " [" + joined(open.capabilities, ", ") + ']';
}

std::string describe(const Update& update) {
    if (const auto family = end_of_rib_family(update)) return "UPDATE End-of-RIB " + describe(*family);
    std::string text;
    append(text, "withdraw", update.withdrawn);
    if (update.mp_unreach) append(text, "withdraw", update.mp_unreach->withdrawn);
    append(text, "announce", update.nlri);
    if (update.mp_reach) append(text, "announce", update.mp_reach->nlri);
    if (!update.nlri.empty() || update.mp_reach) text += ' ' + describe(update.attributes);
    if (!update.errors.empty()) text += " (" + joined(update.errors, "; ") + ')';
    return "UPDATE " + text;
}

std::string describe(const Keepalive& /*keepalive*/) {
    return "KEEPALIVE";
}

std::string describe(const RouteRefresh& refresh) {
    std::string text = "ROUTE-REFRESH " + describe(refresh.family);
    if (refresh.subtype != RouteRefresh::request) text += " subtype " + std::to_string(refresh.subtype);
    return text;
}

}  // namespace anyvip::bgp
