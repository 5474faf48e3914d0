#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/wire/writer.hpp"
#include "bgp/message.hpp"
#include "bgp/path_attribute.hpp"

/// Writes UPDATEs for runs of prefixes that share everything else: the attributes are encoded once for a run, and
/// each message holds as many prefixes as its size allows (RFC 4271 §4.3, RFC 4760 §3, RFC 8654).
///
/// Parts: a frame is what stands before and after the prefixes of a message, with the places of the lengths that
/// count them; `out_` is all messages one after the other, as the transport wants them.
///
/// AdjRibOut asks for the runs: announce() or withdraw(), then add() for each prefix, until it says that the budget
/// has no room. A message that is begun is part of the budget with all of its frame, so that no octet too many is
/// ever written. What a single Update looks like is message.hpp's business; the frames are cut from its encoding.
namespace anyvip::bgp {

class UpdateWriter {
public:
    /// Of every route of ours, where a session has ADD-PATH: we announce one path to a prefix.
    static constexpr std::uint32_t only_path = 1;

    /// `budget`: octets of all messages together.
    UpdateWriter(const EncodeContext& context, std::size_t budget) : context_{context}, budget_{budget} {}

    /// The prefixes that follow are announced with `attributes`; IPv4 ones with an IPv6 next hop in MP_REACH_NLRI
    /// (RFC 8950). Precondition: fits().
    void announce(net::Family family, const PathAttributes& attributes);
    /// The prefixes that follow are withdrawn; `multiprotocol`: in MP_UNREACH_NLRI, as it has to be but for IPv4.
    void withdraw(net::Family family, bool multiprotocol);
    /// False, with nothing written, when the budget has no room for it.
    [[nodiscard]] bool add(const net::Prefix& prefix);
    /// A message of its own; false as above.
    [[nodiscard]] bool append(const Message& message);

    /// A message with these attributes has room for a prefix.
    [[nodiscard]] static bool fits(net::Family family, const PathAttributes& attributes, const EncodeContext& context);

    /// Whole messages.
    [[nodiscard]] std::vector<std::uint8_t> take();
    [[nodiscard]] std::size_t messages() const { return messages_; }
    [[nodiscard]] std::size_t updates() const { return updates_; }

private:
    struct Frame {
        std::vector<std::uint8_t> before;
        std::vector<std::uint8_t> after;
        bool path_identifiers = false;  ///< RFC 7911
        bool multiprotocol = false;     ///< the prefixes end an MP attribute
        bool withdrawn = false;         ///< the prefixes are the Withdrawn Routes
    };
    [[nodiscard]] static Frame announcement(net::Family family, const PathAttributes& attributes,
                                            const EncodeContext& context);
    [[nodiscard]] static Frame withdrawal(net::Family family, bool multiprotocol, const EncodeContext& context);
    void begin(Frame frame);
    [[nodiscard]] bool open_message(std::size_t first_prefix);
    void close_message();
    [[nodiscard]] std::size_t message_size() const { return out_.size() - message_at_ + frame_.after.size(); }

    EncodeContext context_;
    std::size_t budget_;
    wire::Writer out_;
    Frame frame_;
    bool open_ = false;
    std::size_t message_at_ = 0;
    std::size_t messages_ = 0;
    std::size_t updates_ = 0;
};

}  // namespace anyvip::bgp
