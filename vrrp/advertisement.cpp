#include "vrrp/advertisement.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/wire/checksum.hpp"
#include "anyvip/wire/reader.hpp"
#include "anyvip/wire/writer.hpp"

namespace anyvip::vrrp {
namespace {

constexpr std::uint8_t type_advertisement = 1;
constexpr std::uint8_t authentication_none = 0;
constexpr std::uint8_t ttl_never_forwarded = 255;
constexpr std::size_t header_octets = 8;
constexpr std::size_t checksum_offset = 6;
/// RFC 3768 §5.3.10: present also when no authentication is used.
constexpr std::size_t authentication_data_octets = 8;
constexpr std::uint16_t interval_mask = 0x0fff;
constexpr std::uint16_t centiseconds_in_a_second = 100;

std::size_t message_octets(std::uint8_t version, std::size_t addresses, net::Family family) {
    const std::size_t address_octets = family == net::Family::Ipv4 ? 4 : 16;
    const bool v2 = version == static_cast<std::uint8_t>(Version::V2);
    return header_octets + addresses * address_octets + (v2 ? authentication_data_octets : 0);
}

std::uint16_t checksum(std::span<const std::uint8_t> message, bool with_pseudo_header, const net::IpAddress& source,
                       const net::IpAddress& destination) {
    wire::Checksum sum;
    if (with_pseudo_header) {
        sum.add_pseudo_header(source, destination, ip_protocol, static_cast<std::uint32_t>(message.size()));
    }
    return sum.add(message).value();
}

bool has_pseudo_header(Version version, net::Family family, ChecksumCoverage coverage) {
    if (version == Version::V2) return false;
    return family == net::Family::Ipv6 || coverage == ChecksumCoverage::WithPseudoHeader;
}

/// What the packet's checksum covers, if it is right at all.
std::optional<ChecksumCoverage> right_coverage(std::span<const std::uint8_t> message, Version version,
                                               const ReceivedMetadata& metadata) {
    for (const auto coverage : {ChecksumCoverage::WithPseudoHeader, ChecksumCoverage::MessageOnly}) {
        const bool pseudo_header = has_pseudo_header(version, metadata.source.family(), coverage);
        if (checksum(message, pseudo_header, metadata.source, metadata.destination) == 0) return coverage;
    }
    return std::nullopt;
}

bool is_listed(const Expected& expected, const net::IpAddress& source) {
    return expected.peers.empty() || std::ranges::find(expected.peers, source) != expected.peers.end();
}

bool is_expected_destination(const Expected& expected, const net::IpAddress& destination) {
    return expected.peers.empty() ? destination == multicast_group(destination.family()) : !destination.is_multicast();
}

}  // namespace

net::IpAddress multicast_group(net::Family family) {
    constexpr net::Ipv4Address ipv4{0xe0000012};
    constexpr net::Ipv6Address ipv6{net::Ipv6Address::Bytes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12}};
    return family == net::Family::Ipv4 ? net::IpAddress{ipv4} : net::IpAddress{ipv6};
}

// RFC 9568 §5.1, version 3:                               RFC 3768 §5.1, version 2, differs in:
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |Version| Type  | Virtual Rtr ID|   Priority    |IPvX Addr Count|
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |Reserve| Max Advertise Interval|          Checksum             |   Auth Type (8), Adver Int (8, seconds)
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                   IPvX Address(es)  ...                       |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//                                                                    Authentication Data (64) after the addresses
std::vector<std::uint8_t> encode(const Advertisement& advertisement, ChecksumCoverage coverage,
                                 const net::IpAddress& source, const net::IpAddress& destination) {
    const auto version = static_cast<std::uint8_t>(advertisement.version);
    const std::size_t count = std::min<std::size_t>(advertisement.addresses.size(), 255);
    wire::Writer out{message_octets(version, count, source.family())};
    out.u8(static_cast<std::uint8_t>(version << 4U | type_advertisement));
    out.u8(advertisement.virtual_router_id.value());
    out.u8(advertisement.priority.value());
    out.u8(static_cast<std::uint8_t>(count));
    if (advertisement.version == Version::V2) {
        out.u8(authentication_none);
        out.u8(static_cast<std::uint8_t>(advertisement.max_advertise_interval.count() / centiseconds_in_a_second));
    } else {
        out.u16(advertisement.max_advertise_interval.count() & interval_mask);
    }
    out.u16(0);
    for (const auto& address : std::span{advertisement.addresses}.first(count)) out.ip(address);
    if (advertisement.version == Version::V2) out.fill(authentication_data_octets, 0);
    const bool pseudo_header = has_pseudo_header(advertisement.version, source.family(), coverage);
    out.patch_u16(checksum_offset, checksum(out.view(), pseudo_header, source, destination));
    return out.take();
}

Result<Decoded> decode(std::span<const std::uint8_t> bytes, const ReceivedMetadata& metadata,
                       const Expected& expected) {
    const auto discarded = [](DiscardReason reason) { return std::unexpected{reason}; };
    const auto family = metadata.source.family();

    wire::Reader in{bytes};
    const std::uint8_t version_and_type = in.u8();
    const VirtualRouterId virtual_router_id{in.u8()};
    const Priority priority{in.u8()};
    const std::uint8_t count = in.u8();
    const std::uint16_t interval_field = in.u16();
    (void)in.u16();  // The checksum is summed with the rest.
    std::vector<net::IpAddress> addresses;
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
        addresses.push_back(family == net::Family::Ipv4 ? net::IpAddress{in.ipv4()} : net::IpAddress{in.ipv6()});
    }
    const auto version = static_cast<std::uint8_t>(version_and_type >> 4U);
    const std::size_t octets = message_octets(version, count, family);

    // RFC 9568 §7.1, in the order that keepalived's counters taught operators to read.
    if (in.failed() || bytes.size() < octets) return discarded(DiscardReason::Truncated);
    if (metadata.destination.is_multicast() && metadata.ttl != ttl_never_forwarded) {
        return discarded(DiscardReason::TtlNot255);
    }
    if (version != static_cast<std::uint8_t>(expected.version)) return discarded(DiscardReason::VersionMismatch);
    Centiseconds interval{static_cast<std::uint16_t>(interval_field & interval_mask)};
    if (expected.version == Version::V2) {
        if (interval_field >> 8U != authentication_none) return discarded(DiscardReason::AuthenticationMismatch);
        interval = Centiseconds{static_cast<std::uint16_t>((interval_field & 0xffU) * centiseconds_in_a_second)};
        // Only version 3 learns the interval of the Active Router; in version 2 a difference is a configuration error.
        if (interval != expected.advertise_interval) return discarded(DiscardReason::AdvertiseIntervalMismatch);
    }
    if ((version_and_type & 0x0fU) != type_advertisement) return discarded(DiscardReason::NotAnAdvertisement);
    const auto coverage = right_coverage(bytes.first(octets), expected.version, metadata);
    if (!coverage) return discarded(DiscardReason::BadChecksum);
    if (!is_expected_destination(expected, metadata.destination)) return discarded(DiscardReason::WrongDestination);
    if (!is_listed(expected, metadata.source)) return discarded(DiscardReason::UnlistedSource);
    if (count == 0) return discarded(DiscardReason::NoAddresses);
    if (interval == Centiseconds::zero()) return discarded(DiscardReason::ZeroInterval);
    if (virtual_router_id == VirtualRouterId{0} || virtual_router_id != expected.virtual_router_id) {
        return discarded(DiscardReason::OtherVirtualRouter);
    }
    return Decoded{{expected.version, virtual_router_id, priority, interval, std::move(addresses)}, *coverage};
}

std::optional<VirtualRouterId> peek_virtual_router_id(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < header_octets) return std::nullopt;
    return VirtualRouterId{bytes[1]};
}

std::string_view describe(Version version) {
    switch (version) {
        case Version::V2: return "VRRPv2";
        case Version::V3: return "VRRPv3";
    }
    return "?";
}

std::string_view describe(ChecksumCoverage coverage) {
    switch (coverage) {
        case ChecksumCoverage::WithPseudoHeader: return "with pseudo-header";
        case ChecksumCoverage::MessageOnly: return "message only";
    }
    return "?";
}

std::string_view describe(DiscardReason reason) {
    switch (reason) {
        case DiscardReason::Truncated: return "truncated";
        case DiscardReason::TtlNot255: return "TTL is not 255";
        case DiscardReason::VersionMismatch: return "version mismatch";
        case DiscardReason::AuthenticationMismatch: return "authentication mismatch";
        case DiscardReason::AdvertiseIntervalMismatch: return "advertisement interval mismatch";
        case DiscardReason::NotAnAdvertisement: return "not an advertisement";
        case DiscardReason::BadChecksum: return "bad checksum";
        case DiscardReason::WrongDestination: return "wrong destination";
        case DiscardReason::UnlistedSource: return "unlisted source";
        case DiscardReason::NoAddresses: return "no addresses";
        case DiscardReason::ZeroInterval: return "zero interval";
        case DiscardReason::OtherVirtualRouter: return "other virtual router";
        case DiscardReason::OwnAdvertisement: return "own advertisement";
        case DiscardReason::LocalIsAddressOwner: return "local router is the address owner";
        case DiscardReason::NotParticipating: return "not participating";
    }
    return "?";
}

std::string describe(Priority priority) {
    return std::to_string(priority.value());
}

std::string describe(const Advertisement& advertisement) {
    std::string text{describe(advertisement.version)};
    text += " vrid=" + std::to_string(advertisement.virtual_router_id.value());
    text += " priority=" + describe(advertisement.priority);
    text += " interval=" + std::to_string(advertisement.max_advertise_interval.count() * 10) + "ms";
    text += " addresses=";
    for (std::size_t i = 0; i < advertisement.addresses.size(); ++i) {
        text += (i == 0 ? "" : ",") + advertisement.addresses[i].to_string();
    }
    return text;
}

std::string describe(const ReceivedMetadata& metadata) {
    return metadata.source.to_string() + " > " + metadata.destination.to_string() +
           " ttl=" + std::to_string(metadata.ttl);
}

}  // namespace anyvip::vrrp
