#include "bgp/framer.hpp"

#include <algorithm>
#include <cstdint>

#include "anyvip/wire/reader.hpp"

namespace anyvip::bgp {
namespace {

constexpr std::size_t marker_size = 16;

/// RFC 4271 §6.1, and RFC 8654 §4 for what may be longer. ROUTE-REFRESH's own length is judged by its decoder
/// (RFC 7313 §5 wants another NOTIFICATION).
bool length_fits(MessageType type, std::size_t length, bool extended) {
    const std::size_t longest = extended ? max_extended_message_size : max_message_size;
    switch (type) {
        case MessageType::Open: return length >= 29 && length <= max_message_size;
        case MessageType::Update: return length >= 23 && length <= longest;
        case MessageType::Notification: return length >= 21 && length <= longest;
        case MessageType::Keepalive: return length == header_size;
        case MessageType::RouteRefresh: return length <= longest;
    }
    return false;
}

}  // namespace

void Framer::feed(std::span<const std::uint8_t> bytes) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
    if (!failed_) buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |                       Marker (16 octets, all ones)            |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |          Length               |      Type     |
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
std::optional<Result<RawMessage>> Framer::next() {
    if (failed_ || buffered() < header_size) return std::nullopt;
    const auto error = [this](MessageHeaderSubcode subcode, std::vector<std::uint8_t> data) {
        failed_ = true;
        at_ = buffer_.size();
        return Result<RawMessage>{std::unexpect, subcode, std::move(data)};
    };

    const auto unread = std::span<const std::uint8_t>{buffer_}.subspan(at_);
    wire::Reader in{unread};
    if (std::ranges::any_of(in.bytes(marker_size), [](std::uint8_t octet) { return octet != 0xff; })) {
        return error(MessageHeaderSubcode::ConnectionNotSynchronized, {});
    }
    const std::size_t length = in.u16();
    const auto raw_type = in.u8();
    const std::vector<std::uint8_t> bad_length{unread[marker_size], unread[marker_size + 1]};
    if (length < header_size || length > (extended_ ? max_extended_message_size : max_message_size)) {
        return error(MessageHeaderSubcode::BadMessageLength, bad_length);
    }
    const auto type = to_message_type(raw_type);
    if (!type) return error(MessageHeaderSubcode::BadMessageType, {raw_type});
    if (!length_fits(*type, length, extended_)) return error(MessageHeaderSubcode::BadMessageLength, bad_length);

    if (unread.size() < length) return std::nullopt;
    at_ += length;
    return RawMessage{*type, unread.subspan(header_size, length - header_size)};
}

}  // namespace anyvip::bgp
