#include "vrrp/neighbor_advertisement.hpp"

#include <cstdint>
#include <vector>

#include "anyvip/wire/checksum.hpp"
#include "anyvip/wire/writer.hpp"

namespace anyvip::vrrp {
namespace {

constexpr std::uint16_t ethertype_ipv6 = 0x86dd;
constexpr std::uint8_t next_header_icmpv6 = 58;
constexpr std::uint8_t hop_limit = 255;  // RFC 4861 §7.1.2: anything else is discarded.
constexpr std::uint8_t type_neighbor_advertisement = 136;
constexpr std::uint8_t option_target_link_layer_address = 2;
constexpr std::uint32_t flag_router = 0x80000000;
constexpr std::uint32_t flag_override = 0x20000000;

constexpr net::Ipv6Address all_nodes{net::Ipv6Address::Bytes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
/// RFC 2464 §7: 33:33 and the last four octets of the group.
constexpr net::MacAddress all_nodes_mac{net::MacAddress::Bytes{0x33, 0x33, 0, 0, 0, 1}};

// RFC 4861 §4.4 and §4.6.1:
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |     Type      |     Code      |          Checksum             |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |R|S|O|                     Reserved                            |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                   Target Address (128)                        |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |  Option Type  | Length (8s)   |    Link-Layer Address (48)    |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
std::vector<std::uint8_t> icmpv6_message(const net::MacAddress& sender, const net::Ipv6Address& address,
                                         RouterFlag router) {
    wire::Writer out;
    out.u8(type_neighbor_advertisement);
    out.u8(0);
    out.u16(0);
    out.u32(flag_override | (router == RouterFlag::Router ? flag_router : 0));
    out.ipv6(address);
    out.u8(option_target_link_layer_address);
    out.u8(1);
    out.bytes(sender.bytes());
    wire::Checksum sum;
    sum.add_pseudo_header(address, all_nodes, next_header_icmpv6, static_cast<std::uint32_t>(out.size()));
    out.patch_u16(2, sum.add(out.view()).value());
    return out.take();
}

}  // namespace

std::vector<std::uint8_t> unsolicited_neighbor_advertisement(const net::MacAddress& sender,
                                                             const net::Ipv6Address& address, RouterFlag router) {
    const auto message = icmpv6_message(sender, address, router);
    wire::Writer out;
    out.bytes(all_nodes_mac.bytes());
    out.bytes(sender.bytes());
    out.u16(ethertype_ipv6);
    out.u32(0x60000000);  // RFC 8200 §3: version 6, no traffic class, no flow label.
    out.u16(static_cast<std::uint16_t>(message.size()));
    out.u8(next_header_icmpv6);
    out.u8(hop_limit);
    out.ipv6(address);
    out.ipv6(all_nodes);
    out.bytes(message);
    return out.take();
}

}  // namespace anyvip::vrrp
