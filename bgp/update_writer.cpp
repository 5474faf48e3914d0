#include "bgp/update_writer.hpp"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "bgp/address_family.hpp"

namespace anyvip::bgp {
namespace {

// Where the lengths of an UPDATE are (RFC 4271 §4.1, §4.3). With an MP attribute, which stands first, nothing is
// withdrawn in the classic field, and the attribute has an extended length.
constexpr std::size_t message_length_at = 16;
constexpr std::size_t withdrawn_length_at = 19;
constexpr std::size_t attributes_length_at = 21;
constexpr std::size_t mp_length_at = 25;

constexpr std::uint8_t optional_extended = 0x90;  // The flags of MP_REACH_NLRI and MP_UNREACH_NLRI.

void write_header(wire::Writer& out) {
    out.fill(16, 0xff);
    out.u16(0);
    out.u8(static_cast<std::uint8_t>(MessageType::Update));
}

/// The first of the attributes, which is an MP one without prefixes, gets two octets of length.
void extend_length(std::span<const std::uint8_t> attribute, wire::Writer& out) {
    out.u8(optional_extended);
    out.u8(attribute[1]);
    out.u16(0);
    out.bytes(attribute.subspan(3));
}

}  // namespace

UpdateWriter::Frame UpdateWriter::announcement(net::Family family, const PathAttributes& attributes,
                                               const EncodeContext& context) {
    assert(family == net::Family::Ipv4 || attributes.next_hop.is_v6());
    const bool multiprotocol = attributes.next_hop.is_v6();
    wire::Writer encoded;
    const auto reach =
        multiprotocol ? std::optional{MpReach{unicast(family), attributes.next_hop, {}, {}}} : std::nullopt;
    encode_attributes(attributes, reach, std::nullopt, !multiprotocol, context, encoded);
    wire::Writer before;
    write_header(before);
    before.u16(0);
    if (!multiprotocol) {
        before.u16(static_cast<std::uint16_t>(encoded.size()));
        before.bytes(encoded.view());
        return {.before = before.take(), .after = {}, .path_identifiers = context.add_path.contains(family)};
    }
    const std::size_t mp_size = 3U + encoded.view()[2];
    before.u16(0);
    extend_length(encoded.view().first(mp_size), before);
    const auto rest = encoded.view().subspan(mp_size);
    return {.before = before.take(),
            .after = {rest.begin(), rest.end()},
            .path_identifiers = context.add_path.contains(family),
            .multiprotocol = true};
}

UpdateWriter::Frame UpdateWriter::withdrawal(net::Family family, bool multiprotocol, const EncodeContext& context) {
    const bool path_identifiers = context.add_path.contains(family);
    wire::Writer before;
    write_header(before);
    before.u16(0);
    if (!multiprotocol) {
        return {.before = before.take(), .after = {0, 0}, .path_identifiers = path_identifiers, .withdrawn = true};
    }
    wire::Writer encoded;
    encode_attributes({}, std::nullopt, MpUnreach{unicast(family), {}}, false, {}, encoded);
    before.u16(0);
    extend_length(encoded.view(), before);
    return {.before = before.take(), .after = {}, .path_identifiers = path_identifiers, .multiprotocol = true};
}

bool UpdateWriter::fits(net::Family family, const PathAttributes& attributes, const EncodeContext& context) {
    const auto frame = announcement(family, attributes, context);
    const auto address = family == net::Family::Ipv4 ? net::IpAddress{net::Ipv4Address{}} : net::Ipv6Address{};
    const auto longest = encoded_size(net::Prefix::host(address), frame.path_identifiers);
    return frame.before.size() + frame.after.size() + longest <= max_size(context);
}

void UpdateWriter::announce(net::Family family, const PathAttributes& attributes) {
    begin(announcement(family, attributes, context_));
}

void UpdateWriter::withdraw(net::Family family, bool multiprotocol) {
    begin(withdrawal(family, multiprotocol, context_));
}

void UpdateWriter::begin(Frame frame) {
    close_message();
    frame_ = std::move(frame);
}

bool UpdateWriter::add(const net::Prefix& prefix) {
    const auto size = encoded_size({prefix, only_path}, frame_.path_identifiers);
    if (open_ && message_size() + size > max_size(context_)) close_message();
    if (!open_ && !open_message(size)) return false;
    if (out_.size() + frame_.after.size() + size > budget_) return false;
    encode_nlri({prefix, only_path}, frame_.path_identifiers, out_);
    return true;
}

bool UpdateWriter::append(const Message& message) {
    close_message();
    const auto octets = encode(message, context_);
    if (out_.size() + octets.size() > budget_) return false;
    out_.bytes(octets);
    ++messages_;
    if (type_of(message) == MessageType::Update) ++updates_;
    return true;
}

/// Only if there is room for a prefix in it as well: an UPDATE without any would be an End-of-RIB.
bool UpdateWriter::open_message(std::size_t first_prefix) {
    if (out_.size() + frame_.before.size() + frame_.after.size() + first_prefix > budget_) return false;
    message_at_ = out_.size();
    out_.bytes(frame_.before);
    open_ = true;
    ++messages_;
    ++updates_;
    return true;
}

void UpdateWriter::close_message() {
    if (!open_) return;
    open_ = false;
    const auto prefixes_end = out_.size() - message_at_;
    out_.bytes(frame_.after);
    const auto end = out_.size() - message_at_;
    const auto patch = [this](std::size_t at, std::size_t length) {
        out_.patch_u16(message_at_ + at, static_cast<std::uint16_t>(length));
    };
    patch(message_length_at, end);
    if (frame_.withdrawn) patch(withdrawn_length_at, prefixes_end - withdrawn_length_at - 2);
    if (frame_.multiprotocol) {
        patch(attributes_length_at, end - attributes_length_at - 2);
        patch(mp_length_at, prefixes_end - mp_length_at - 2);
    }
}

std::vector<std::uint8_t> UpdateWriter::take() {
    close_message();
    return out_.take();
}

}  // namespace anyvip::bgp
