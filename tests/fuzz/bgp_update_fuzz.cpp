#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "bgp/message.hpp"

/// The first octet says what kind of session it is, the rest is the body of an UPDATE. What is read without an error
/// says the same again when it is written and read; what is refused is refused with an UPDATE Message Error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace anyvip::bgp;
    if (size == 0 || size > max_message_size) return 0;
    const bool four_octet_as = (data[0] & 1U) == 0;
    const bool ibgp = (data[0] & 2U) != 0;
    const Families add_path{.ipv4 = (data[0] & 4U) != 0, .ipv6 = (data[0] & 8U) != 0};
    const DecodeContext from{four_octet_as, false, ibgp, {ipv4_unicast, ipv6_unicast}, add_path};
    const auto update = decode_update({data + 1, size - 1}, from);
    if (!update) {
        if (update.error().error_code() != ErrorCode::UpdateMessage || describe(update.error()).empty()) std::abort();
        if (update.error().data.size() > max_message_size - header_size - 2) std::abort();
        return 0;
    }
    if (describe(*update).empty() || update->errors.size() > max_reported_attribute_errors) std::abort();

    auto said = *update;
    for (const auto& error : said.errors) {
        if (std::holds_alternative<SessionReset>(error.action)) std::abort();
        const bool withdrawn = std::holds_alternative<TreatAsWithdraw>(error.action);
        if (withdrawn && (!said.nlri.empty() || said.mp_reach)) std::abort();
    }
    said.errors.clear();
    said.refused.clear();
    if (said.nlri.empty() && !said.mp_reach) said.attributes = {};  // They meant nothing, and are not written.
    anyvip::wire::Writer out;
    encode(said, {four_octet_as, false, ibgp, add_path}, out);
    const auto again = decode_update(out.view(), from);
    if (!again || *again != said) std::abort();
    return 0;
}
