#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "bgp/framer.hpp"

/// The first octet says in what chunks the rest is fed, and whether messages may be long. However it is cut, the
/// stream holds the same messages, ends with the same error, and never more than one message waits.

namespace {

using namespace anyvip::bgp;

struct Stream {
    std::vector<std::pair<MessageType, std::vector<std::uint8_t>>> messages;
    Notification error;
    friend bool operator==(const Stream&, const Stream&) = default;
};

Stream read(std::span<const std::uint8_t> octets, std::size_t chunk, bool extended) {
    Stream stream;
    Framer framer;
    if (extended) framer.accept_extended_messages();
    for (std::size_t at = 0; at < octets.size(); at += chunk) {
        framer.feed(octets.subspan(at, std::min(chunk, octets.size() - at)));
        while (const auto next = framer.next()) {
            if (*next) {
                stream.messages.emplace_back((*next)->type, std::vector((*next)->body.begin(), (*next)->body.end()));
            } else {
                stream.error = next->error();
            }
        }
        if (framer.buffered() >= (extended ? max_extended_message_size : max_message_size)) std::abort();
    }
    return stream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::span octets{data + 1, size - 1};
    const bool extended = (data[0] & 0x80U) != 0;
    const std::size_t chunk = 1 + (data[0] & 0x7fU);
    if (read(octets, chunk, extended) != read(octets, size, extended)) std::abort();
    return 0;
}
