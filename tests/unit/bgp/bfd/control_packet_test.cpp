#include "bgp/bfd/control_packet.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "support/vectors.hpp"

namespace anyvip::bfd {
namespace {

using testing::vector_bytes;
using Bytes = std::vector<std::uint8_t>;

constexpr Discriminator ours{0xa1b2c3d4};
constexpr Discriminator theirs{7};

/// What a vector under tests/vectors/bfd says.
struct Case {
    std::string name;
    ControlPacket packet;
};

const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {"bfd/down.hex",
         {.my_discriminator = ours,
          .desired_min_tx_interval = Microseconds{1000000},
          .required_min_rx_interval = Microseconds{300000}}},
        {"bfd/up_poll.hex",
         {.state = SessionState::Up,
          .poll = true,
          .my_discriminator = ours,
          .your_discriminator = theirs,
          .desired_min_tx_interval = Microseconds{300000},
          .required_min_rx_interval = Microseconds{300000}}},
        {"bfd/up_final.hex",
         {.state = SessionState::Up,
          .final = true,
          .control_plane_independent = true,
          .detect_mult = 5,
          .my_discriminator = theirs,
          .your_discriminator = ours,
          .desired_min_tx_interval = Microseconds{10000},
          .required_min_rx_interval = Microseconds{10000},
          .required_min_echo_rx_interval = Microseconds{50000}}},
        {"bfd/admin_down.hex",
         {.diagnostic = Diagnostic::AdministrativelyDown,
          .state = SessionState::AdminDown,
          .demand = true,
          .my_discriminator = theirs,
          .your_discriminator = ours,
          .desired_min_tx_interval = Microseconds{1000000},
          .required_min_rx_interval = Microseconds{300000}}},
        {"bfd/expired.hex",
         {.diagnostic = Diagnostic::ControlDetectionTimeExpired,
          .my_discriminator = ours,
          .desired_min_tx_interval = Microseconds{1000000},
          .required_min_rx_interval = Microseconds{300000}}},
        {"bfd/init.hex",
         {.state = SessionState::Init,
          .my_discriminator = theirs,
          .your_discriminator = ours,
          .desired_min_tx_interval = Microseconds{1000000},
          .required_min_rx_interval = Microseconds{300000}}},
        {"bfd/authenticated.hex",
         {.my_discriminator = theirs,
          .desired_min_tx_interval = Microseconds{1000000},
          .required_min_rx_interval = Microseconds{300000},
          .authentication = AuthenticationSection{1, {0x01, 0x62, 0x66, 0x64}}}},
    };
    return all;
}

class ControlPacketVector : public ::testing::TestWithParam<Case> {};

// RFC 5880 §4.1: positive
TEST_P(ControlPacketVector, DecodesToItsFields) {
    const auto decoded = decode(vector_bytes(GetParam().name));
    ASSERT_TRUE(decoded) << describe(decoded.error());
    EXPECT_EQ(*decoded, GetParam().packet) << describe(*decoded);
}

// RFC 5880 §4.1: positive
TEST_P(ControlPacketVector, IsWhatItsFieldsEncodeTo) {
    EXPECT_EQ(encode(GetParam().packet), vector_bytes(GetParam().name));
}

// RFC 5880 §6.8.6 "If the Length field is greater than the payload ... MUST be discarded": negative
TEST_P(ControlPacketVector, NoProperPrefixIsAPacket) {
    const Bytes bytes = vector_bytes(GetParam().name);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        const auto decoded = decode(std::span{bytes}.first(length));
        ASSERT_FALSE(decoded) << length;
        EXPECT_EQ(decoded.error(), length < 24 ? DiscardReason::Truncated : DiscardReason::LengthExceedsPayload)
            << length;
    }
}

INSTANTIATE_TEST_SUITE_P(Bfd, ControlPacketVector, ::testing::ValuesIn(cases()));

TEST(ControlPacket, EveryVectorIsTested) {
    EXPECT_EQ(testing::vector_names("bfd").size(), cases().size());
}

/// The octets of a vector with some of them changed.
struct Change {
    std::size_t at;
    std::uint8_t value;
};
Result<ControlPacket> decode_with(const std::string& name, const std::vector<Change>& changes) {
    Bytes bytes = vector_bytes(name);
    for (const auto& change : changes) bytes.at(change.at) = change.value;
    return decode(bytes);
}
DiscardReason reason(const Result<ControlPacket>& decoded) {
    EXPECT_FALSE(decoded.has_value());
    return decoded ? DiscardReason::TtlTooLow : decoded.error();
}

// RFC 5880 §6.8.6 "If the version number is not correct (1), the packet MUST be discarded": negative
TEST(ControlPacket, EveryOtherVersionIsDiscarded) {
    for (const unsigned version : {0U, 2U, 3U, 4U, 5U, 6U, 7U}) {
        const auto first = static_cast<std::uint8_t>(version << 5U);
        EXPECT_EQ(reason(decode_with("bfd/down.hex", {{0, first}})), DiscardReason::VersionMismatch) << version;
    }
}

// RFC 5880 §6.8.6 "less than the minimum correct value (24 if the A bit is clear)": negative
TEST(ControlPacket, ALengthBelow24IsDiscarded) {
    EXPECT_EQ(reason(decode_with("bfd/down.hex", {{3, 23}})), DiscardReason::LengthTooSmall);
    EXPECT_EQ(reason(decode_with("bfd/down.hex", {{3, 0}})), DiscardReason::LengthTooSmall);
}

// RFC 5880 §6.8.6 "or 26 if the A bit is set": negative
TEST(ControlPacket, ALengthBelow26WithAuthenticationIsDiscarded) {
    EXPECT_EQ(reason(decode_with("bfd/authenticated.hex", {{3, 25}})), DiscardReason::LengthTooSmall);
}

// RFC 5880 §6.8.6 "If the Detect Mult field is zero, the packet MUST be discarded": negative
TEST(ControlPacket, ADetectMultOfZeroIsDiscarded) {
    EXPECT_EQ(reason(decode_with("bfd/down.hex", {{2, 0}})), DiscardReason::ZeroDetectMult);
}

// RFC 5880 §6.8.6 "If the Multipoint (M) bit is nonzero, the packet MUST be discarded": negative
TEST(ControlPacket, AMultipointPacketIsDiscarded) {
    EXPECT_EQ(reason(decode_with("bfd/down.hex", {{1, 0x41}})), DiscardReason::Multipoint);
}

// RFC 5880 §6.8.6 "If the My Discriminator field is zero, the packet MUST be discarded": negative
TEST(ControlPacket, AMyDiscriminatorOfZeroIsDiscarded) {
    EXPECT_EQ(reason(decode_with("bfd/init.hex", {{7, 0}})), DiscardReason::ZeroMyDiscriminator);
}

// RFC 5880 §6.8.6 "Your Discriminator field is zero and the State field is not Down or AdminDown": negative
TEST(ControlPacket, InInitAndUpTheSenderMustKnowOurDiscriminator) {
    EXPECT_EQ(reason(decode_with("bfd/down.hex", {{1, 0x80}})), DiscardReason::ZeroYourDiscriminator);
    EXPECT_EQ(reason(decode_with("bfd/down.hex", {{1, 0xc0}})), DiscardReason::ZeroYourDiscriminator);
}

// RFC 5880 §6.8.6 "Your Discriminator field is zero": positive
TEST(ControlPacket, InDownAndAdminDownItNeedNot) {
    EXPECT_TRUE(decode_with("bfd/down.hex", {{1, 0x40}}));
    EXPECT_TRUE(decode_with("bfd/down.hex", {{1, 0x00}}));
}

// RFC 5880 §4.1 "Auth Len": negative
TEST(ControlPacket, AnAuthLenThatDisagreesWithLengthIsDiscarded) {
    EXPECT_EQ(reason(decode_with("bfd/authenticated.hex", {{25, 7}})), DiscardReason::BadAuthenticationSection);
    EXPECT_EQ(reason(decode_with("bfd/authenticated.hex", {{25, 1}})), DiscardReason::BadAuthenticationSection);
}

// RFC 5880 §4.1 (Diagnostic, "9-31 -- Reserved for future use"): positive
TEST(ControlPacket, AReservedDiagnosticIsNoReasonToDiscard) {
    const auto decoded = decode_with("bfd/down.hex", {{0, 0x3f}});
    ASSERT_TRUE(decoded);
    EXPECT_EQ(describe(decoded->diagnostic), "diagnostic 31");
}

// RFC 5880 §6.8.6 asks for a payload of at least Length octets: positive
TEST(ControlPacket, OctetsAfterLengthAreIgnored) {
    Bytes bytes = vector_bytes("bfd/up_poll.hex");
    bytes.resize(60, 0xee);
    EXPECT_EQ(decode(bytes), decode(vector_bytes("bfd/up_poll.hex")));
}

TEST(ControlPacket, SaysWhatItIs) {
    EXPECT_EQ(describe(*decode(vector_bytes("bfd/up_poll.hex"))),
              "Up poll diagnostic=\"No Diagnostic\" detect_mult=3 my_discriminator=0xa1b2c3d4 "
              "your_discriminator=0x00000007 desired_min_tx_interval=300000us required_min_rx_interval=300000us");
}

}  // namespace
}  // namespace anyvip::bfd
