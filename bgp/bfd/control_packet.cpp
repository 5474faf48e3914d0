#include "bgp/bfd/control_packet.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "anyvip/wire/reader.hpp"
#include "anyvip/wire/writer.hpp"

namespace anyvip::bfd {
namespace {

constexpr std::uint8_t version = 1;
/// Auth Type and Auth Len.
constexpr std::size_t authentication_header_octets = 2;

constexpr std::uint8_t poll_bit = 0x20;
constexpr std::uint8_t final_bit = 0x10;
constexpr std::uint8_t control_plane_independent_bit = 0x08;
constexpr std::uint8_t authentication_present_bit = 0x04;
constexpr std::uint8_t demand_bit = 0x02;
constexpr std::uint8_t multipoint_bit = 0x01;

std::uint8_t flags(const ControlPacket& packet) {
    unsigned bits = static_cast<unsigned>(packet.state) << 6U;
    if (packet.poll) bits |= poll_bit;
    if (packet.final) bits |= final_bit;
    if (packet.control_plane_independent) bits |= control_plane_independent_bit;
    if (packet.authentication) bits |= authentication_present_bit;
    if (packet.demand) bits |= demand_bit;
    return static_cast<std::uint8_t>(bits);
}

/// What follows the mandatory section, up to Length.
Result<AuthenticationSection> decode_authentication(std::span<const std::uint8_t> bytes) {
    wire::Reader in{bytes};
    AuthenticationSection section;
    section.type = in.u8();
    const std::uint8_t length = in.u8();
    if (length < authentication_header_octets) return std::unexpected{DiscardReason::BadAuthenticationSection};
    const auto data = in.bytes(length - authentication_header_octets);
    if (in.failed()) return std::unexpected{DiscardReason::BadAuthenticationSection};
    section.data.assign(data.begin(), data.end());
    return section;
}

}  // namespace

// RFC 5880 §4.1:
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                       My Discriminator                        |
// |                      Your Discriminator                       |
// |                    Desired Min TX Interval                    |
// |                   Required Min RX Interval                    |
// |                 Required Min Echo RX Interval                 |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |   Auth Type   |   Auth Len    |    Authentication Data...     |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
std::vector<std::uint8_t> encode(const ControlPacket& packet) {
    const auto authentication_octets =
        packet.authentication ? authentication_header_octets + packet.authentication->data.size() : 0;
    wire::Writer out{mandatory_octets + authentication_octets};
    out.u8(static_cast<std::uint8_t>(version << 5U | static_cast<std::uint8_t>(packet.diagnostic)));
    out.u8(flags(packet));
    out.u8(packet.detect_mult);
    out.u8(static_cast<std::uint8_t>(mandatory_octets + authentication_octets));
    out.u32(packet.my_discriminator.value());
    out.u32(packet.your_discriminator.value());
    out.u32(packet.desired_min_tx_interval.count());
    out.u32(packet.required_min_rx_interval.count());
    out.u32(packet.required_min_echo_rx_interval.count());
    if (packet.authentication) {
        out.u8(packet.authentication->type);
        out.u8(static_cast<std::uint8_t>(authentication_octets));
        out.bytes(packet.authentication->data);
    }
    return out.take();
}

Result<ControlPacket> decode(std::span<const std::uint8_t> bytes) {
    const auto discarded = [](DiscardReason reason) { return std::unexpected{reason}; };
    wire::Reader in{bytes};
    const std::uint8_t version_and_diagnostic = in.u8();
    const std::uint8_t state_and_flags = in.u8();
    const auto has = [&](std::uint8_t bit) { return (state_and_flags & bit) != 0; };
    ControlPacket packet;
    packet.diagnostic = static_cast<Diagnostic>(version_and_diagnostic & 0x1fU);
    packet.state = static_cast<SessionState>(state_and_flags >> 6U);
    packet.poll = has(poll_bit);
    packet.final = has(final_bit);
    packet.control_plane_independent = has(control_plane_independent_bit);
    packet.demand = has(demand_bit);
    packet.detect_mult = in.u8();
    const std::size_t length = in.u8();
    packet.my_discriminator = Discriminator{in.u32()};
    packet.your_discriminator = Discriminator{in.u32()};
    packet.desired_min_tx_interval = Microseconds{in.u32()};
    packet.required_min_rx_interval = Microseconds{in.u32()};
    packet.required_min_echo_rx_interval = Microseconds{in.u32()};
    if (in.failed()) return discarded(DiscardReason::Truncated);

    // §6.8.6, in its order.
    if (version_and_diagnostic >> 5U != version) return discarded(DiscardReason::VersionMismatch);
    const auto least = mandatory_octets + (has(authentication_present_bit) ? authentication_header_octets : 0);
    if (length < least) return discarded(DiscardReason::LengthTooSmall);
    if (length > bytes.size()) return discarded(DiscardReason::LengthExceedsPayload);
    if (packet.detect_mult == 0) return discarded(DiscardReason::ZeroDetectMult);
    if (has(multipoint_bit)) return discarded(DiscardReason::Multipoint);
    if (packet.my_discriminator == Discriminator{0}) return discarded(DiscardReason::ZeroMyDiscriminator);
    // A neighbour that does not know ours yet cannot have got further than Down.
    const bool may_be_zero = packet.state == SessionState::Down || packet.state == SessionState::AdminDown;
    if (packet.your_discriminator == Discriminator{0} && !may_be_zero) {
        return discarded(DiscardReason::ZeroYourDiscriminator);
    }
    if (has(authentication_present_bit)) {
        auto section = decode_authentication(bytes.subspan(mandatory_octets, length - mandatory_octets));
        if (!section) return discarded(section.error());
        packet.authentication = *std::move(section);
    }
    return packet;
}

}  // namespace anyvip::bfd
