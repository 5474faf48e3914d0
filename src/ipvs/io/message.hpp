#pragma once

#include <netlink/msg.h>

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "anyvip/ipvs/plan.hpp"
#include "anyvip/ipvs/table.hpp"

/// The generic-netlink messages of IPVS (linux/ip_vs.h, "IPVS Generic Netlink interface definitions").
/// The kernel says *service* and *destination*; here is where they become virtual and real servers.
/// Decoders take the attributes that follow the generic-netlink header, aligned to 4 octets, are total, and
/// check every attribute against a policy (message.cpp).
namespace anyvip::ipvs::io {

/// Why a message of the kernel was not taken over.
enum class DecodeErrc : std::uint8_t {
    Malformed,      ///< breaks the policy, or lacks what names the object
    NotRepresented  ///< firewall mark, another protocol or forwarding method: somebody else's, left alone
};

[[nodiscard]] std::string describe(DecodeErrc error);

struct Info {
    std::uint32_t version = 0;  ///< 0x010201 is 1.2.1
    std::uint32_t connection_table_size = 0;
    friend bool operator==(const Info&, const Info&) = default;
};

[[nodiscard]] std::string describe(const Info& info);  ///< "1.2.1, 4096 hash buckets"

[[nodiscard]] std::expected<Info, DecodeErrc> decode_info(std::span<const std::uint8_t> attributes);
/// Normalised, without real servers.
[[nodiscard]] std::expected<std::pair<VirtualServerId, VirtualServer>, DecodeErrc> decode_service(
    std::span<const std::uint8_t> attributes);
/// `family` is that of the virtual server: kernels before 3.18 do not tell the real server's own.
[[nodiscard]] std::expected<std::pair<net::Endpoint, RealServer>, DecodeErrc> decode_destination(
    std::span<const std::uint8_t> attributes, net::Family family);

/// IPVS_CMD_ATTR_SERVICE with what names it; false when the message is full.
[[nodiscard]] bool put_service(nl_msg& message, const VirtualServerId& id);
[[nodiscard]] bool put_service(nl_msg& message, const VirtualServerId& id, const VirtualServer& properties);
[[nodiscard]] bool put_destination(nl_msg& message, const net::Endpoint& address);
[[nodiscard]] bool put_destination(nl_msg& message, const net::Endpoint& address, const RealServer& real_server);

}  // namespace anyvip::ipvs::io
