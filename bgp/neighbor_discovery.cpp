#include "bgp/neighbor_discovery.hpp"

#include <algorithm>

#include "anyvip/overloaded.hpp"
#include "anyvip/wire/reader.hpp"
#include "anyvip/wire/writer.hpp"

namespace anyvip::bgp::nd {
namespace {

constexpr std::uint8_t type_solicitation = 133;
constexpr std::uint8_t type_advertisement = 134;
constexpr std::uint8_t option_source_link_layer = 1;
constexpr std::size_t option_unit = 8;  // Lengths of options count these (§4.6).
constexpr std::uint8_t flag_managed = 0x80;
constexpr std::uint8_t flag_other = 0x40;

/// The options behind the fixed part. A link-layer address of another length than Ethernet's says nothing to us.
std::expected<std::optional<net::MacAddress>, Discard> decode_options(wire::Reader& in) {
    std::optional<net::MacAddress> source;
    while (!in.at_end()) {
        const auto type = in.u8();
        const auto units = in.u8();
        if (!in.failed() && units == 0) return std::unexpected{Discard::OptionLengthZero};
        const auto value = in.bytes(units * option_unit - std::min<std::size_t>(2, units * option_unit));
        if (in.failed()) return std::unexpected{Discard::Truncated};
        net::MacAddress::Bytes mac{};
        if (type != option_source_link_layer || value.size() != mac.size()) continue;
        std::ranges::copy(value, mac.begin());
        source = net::MacAddress{mac};
    }
    return source;
}

std::expected<Message, Discard> decode_solicitation(wire::Reader& in, const net::Ipv6Address& source) {
    in.skip(4);  // Reserved.
    const auto options = decode_options(in);
    if (in.failed()) return std::unexpected{Discard::Truncated};
    if (!options) return std::unexpected{options.error()};
    if (source.is_unspecified() && *options) return std::unexpected{Discard::UnspecifiedWithOption};
    return RouterSolicitation{*options};
}

std::expected<Message, Discard> decode_advertisement(wire::Reader& in, const net::Ipv6Address& source) {
    if (!source.is_link_local()) return std::unexpected{Discard::SourceNotLinkLocal};
    RouterAdvertisement message;
    message.current_hop_limit = in.u8();
    const auto flags = in.u8();
    message.managed = (flags & flag_managed) != 0;
    message.other = (flags & flag_other) != 0;
    message.router_lifetime = decltype(message.router_lifetime){in.u16()};
    message.reachable_time = decltype(message.reachable_time){in.u32()};
    message.retransmission_timer = decltype(message.retransmission_timer){in.u32()};
    const auto options = decode_options(in);
    if (in.failed()) return std::unexpected{Discard::Truncated};
    if (!options) return std::unexpected{options.error()};
    message.source_link_layer = *options;
    return message;
}

void encode_option(const std::optional<net::MacAddress>& source_link_layer, wire::Writer& out) {
    if (!source_link_layer) return;
    out.u8(option_source_link_layer);
    out.u8(1);
    out.bytes(source_link_layer->bytes());
}

std::string link_layer(const std::optional<net::MacAddress>& mac) {
    return mac ? " from " + mac->to_string() : "";
}

}  // namespace

std::expected<Message, Discard> decode(std::span<const std::uint8_t> bytes, const net::Ipv6Address& source,
                                       std::uint8_t packet_hop_limit) {
    wire::Reader in{bytes};
    const auto type = in.u8();
    const auto code = in.u8();
    in.skip(2);  // Checksum.
    if (in.failed()) return std::unexpected{Discard::Truncated};
    if (type != type_solicitation && type != type_advertisement) return std::unexpected{Discard::OtherType};
    if (packet_hop_limit != hop_limit) return std::unexpected{Discard::HopLimitNot255};
    if (code != 0) return std::unexpected{Discard::CodeNotZero};
    return type == type_solicitation ? decode_solicitation(in, source) : decode_advertisement(in, source);
}

std::vector<std::uint8_t> encode(const Message& message) {
    wire::Writer out;
    std::visit(overloaded{
                   [&](const RouterSolicitation& solicitation) {
                       out.u8(type_solicitation);
                       out.u8(0);
                       out.u16(0);
                       out.u32(0);
                       encode_option(solicitation.source_link_layer, out);
                   },
                   [&](const RouterAdvertisement& advertisement) {
                       out.u8(type_advertisement);
                       out.u8(0);
                       out.u16(0);
                       out.u8(advertisement.current_hop_limit);
                       out.u8(static_cast<std::uint8_t>((advertisement.managed ? flag_managed : 0U) |
                                                        (advertisement.other ? flag_other : 0U)));
                       out.u16(advertisement.router_lifetime.count());
                       out.u32(advertisement.reachable_time.count());
                       out.u32(advertisement.retransmission_timer.count());
                       encode_option(advertisement.source_link_layer, out);
                   },
               },
               message);
    return out.take();
}

std::string_view describe(Discard reason) {
    switch (reason) {
        case Discard::OtherType: return "another type of ICMPv6";
        case Discard::Truncated: return "truncated";
        case Discard::HopLimitNot255: return "hop limit is not 255";
        case Discard::CodeNotZero: return "code is not 0";
        case Discard::OptionLengthZero: return "an option without length";
        case Discard::SourceNotLinkLocal: return "source is not link-local";
        case Discard::UnspecifiedWithOption: return "a link-layer address without a source";
    }
    return "?";
}

std::string describe(const RouterSolicitation& message) {
    return "RouterSolicitation" + link_layer(message.source_link_layer);
}

std::string describe(const RouterAdvertisement& message) {
    return "RouterAdvertisement lifetime=" + std::to_string(message.router_lifetime.count()) + 's' +
           link_layer(message.source_link_layer);
}

}  // namespace anyvip::bgp::nd
