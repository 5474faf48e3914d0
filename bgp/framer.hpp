#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bgp/message.hpp"
#include "bgp/notification.hpp"

/// Cuts the octets of a TCP connection into messages and judges their headers.
///
///     framer.feed(octets);
///     while (const auto message = framer.next()) { ... }
///
/// Parts: a buffer and a mark in it. feed() appends a chunk, which may end anywhere; next() yields the body of the
/// oldest complete message as a view into the buffer, or the NOTIFICATION that a bad header deserves. A header is
/// judged as soon as its 19 octets are there: a peer that announces too much is refused before it has sent it.
///
/// Who calls: bgp::Peer has one for each connection, feeds it what Received brings and asks until it has nothing
/// more; decode() (message.hpp) takes the bodies. Used like that, memory is bounded by one message and one chunk.
/// After a header error the stream has no more messages: next() yields the error once, then nothing, and what is
/// fed is thrown away. The Peer closes the connection; nothing can be found again in a stream that lost its step.
///
/// Standards: RFC 4271 §4.1 (header), §6.1 (its errors); RFC 8654 §4 (extended messages); RFC 7313 §5 (leaves the
/// length of a ROUTE-REFRESH to its decoder). What it is not: it knows no session, reads no body, keeps no time, and
/// takes no octets from a socket.
namespace anyvip::bgp {

class Framer {
public:
    /// RFC 8654 §4: up to 65535 octets, once both sides have said so in OPEN. OPEN itself stays at 4096.
    void accept_extended_messages() { extended_ = true; }

    void feed(std::span<const std::uint8_t> bytes);

    /// The next complete message, the header error that ends the stream, or nullopt when more octets are needed.
    /// The body is valid until the next call of feed().
    [[nodiscard]] std::optional<Result<RawMessage>> next();

    /// Octets held: of a message that is not complete, when next() has nothing more.
    [[nodiscard]] std::size_t buffered() const { return buffer_.size() - at_; }

private:
    std::vector<std::uint8_t> buffer_;
    std::size_t at_ = 0;  ///< what lies before it has been handed out
    bool extended_ = false;
    bool failed_ = false;
};

}  // namespace anyvip::bgp
