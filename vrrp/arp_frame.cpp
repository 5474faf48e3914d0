#include "vrrp/arp_frame.hpp"

#include <cstdint>
#include <vector>

#include "anyvip/wire/writer.hpp"

namespace anyvip::vrrp {
namespace {

constexpr std::uint16_t ethertype_arp = 0x0806;
constexpr std::uint16_t ethertype_ipv4 = 0x0800;
constexpr std::uint16_t hardware_ethernet = 1;
/// IEEE 802.3, without the frame check sequence; some drivers do not pad by themselves.
constexpr std::size_t minimum_frame_octets = 60;

}  // namespace

// RFC 826 behind an Ethernet header:
//
//   destination (6) = broadcast | source (6) | EtherType (2)
//   hardware type (2) | protocol type (2) | hardware length (1) | protocol length (1) | operation (2)
//   sender hardware address (6) | sender protocol address (4)
//   target hardware address (6) | target protocol address (4)
std::vector<std::uint8_t> gratuitous_arp(const net::MacAddress& sender, net::Ipv4Address address,
                                         ArpOperation operation) {
    wire::Writer out{minimum_frame_octets};
    out.bytes(net::MacAddress::broadcast().bytes());
    out.bytes(sender.bytes());
    out.u16(ethertype_arp);
    out.u16(hardware_ethernet);
    out.u16(ethertype_ipv4);
    out.u8(6);
    out.u8(4);
    out.u16(static_cast<std::uint16_t>(operation));
    out.bytes(sender.bytes());
    out.ipv4(address);
    // A request asks for it, so RFC 5227 has it ignored; a reply tells the target about itself.
    out.bytes(operation == ArpOperation::Request ? net::MacAddress{}.bytes() : sender.bytes());
    out.ipv4(address);
    out.fill(minimum_frame_octets - out.size(), 0);
    return out.take();
}

}  // namespace anyvip::vrrp
