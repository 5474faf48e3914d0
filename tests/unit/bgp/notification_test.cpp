#include "bgp/notification.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "support/vectors.hpp"

namespace anyvip::bgp {
namespace {

using testing::bytes_from_hex;

// RFC 9003 §2: positive
TEST(Notification, AdministrativeShutdownCarriesWords) {
    const auto notification = cease(CeaseSubcode::AdministrativeShutdown, "bye");
    EXPECT_EQ(notification, (Notification{6, 2, {3, 'b', 'y', 'e'}}));
    EXPECT_EQ(describe(notification), "Cease / Administrative Shutdown \"bye\"");
}

// RFC 9003 §2: negative
TEST(Notification, OtherCeasesCarryNone) {
    EXPECT_EQ(cease(CeaseSubcode::PeerDeconfigured, "bye"), (Notification{6, 3}));
    EXPECT_EQ((Notification{6, 3, {3, 'b', 'y', 'e'}}).shutdown_communication(), std::nullopt);
}

// RFC 8203 §2 allows 128 octets; 64 characters of two octets fit, and no half one.
TEST(Notification, WordsAreCutBetweenCharacters) {
    std::string words = "x";
    for (int i = 0; i < 100; ++i) words += "\xc3\xbc";
    const auto notification = cease(CeaseSubcode::AdministrativeReset, words);
    ASSERT_EQ(notification.data.size(), 128U);
    EXPECT_EQ(notification.data[0], 127);
    EXPECT_EQ(notification.data.back(), 0xbc);
}

// RFC 9003 §5: what a peer wrote must not reach a terminal as it is.
TEST(Notification, ControlCharactersAndBrokenUtf8AreNotShown) {
    const std::string words =
        "a\x1b[31mb\nc\x7f\xc2\x85"
        "d\xff"
        "e\xc0\x80"
        "f\xe2\x80\xae"
        "g\xed\xa0\x80"
        "h\xc3";
    std::vector<std::uint8_t> data(1 + words.size(), static_cast<std::uint8_t>(words.size()));
    std::ranges::copy(words, data.begin() + 1);
    const Notification notification{6, 2, data};
    EXPECT_EQ(notification.shutdown_communication(), "a[31mbcd?e??fg???h?");
}

TEST(Notification, ALengthBeyondItsDataSaysNothing) {
    EXPECT_EQ((Notification{6, 2, {4, 'b', 'y', 'e'}}).shutdown_communication(), std::nullopt);
    EXPECT_EQ((Notification{6, 2, {0}}).shutdown_communication(), std::nullopt);
    EXPECT_EQ((Notification{6, 2}).shutdown_communication(), std::nullopt);
}

TEST(Notification, NamedOnesHaveTheOctetsOfTheirRfc) {
    EXPECT_EQ(hold_timer_expired(), (Notification{4, 0}));                                           // RFC 4271 §6.5
    EXPECT_EQ(send_hold_timer_expired(), (Notification{8, 0}));                                      // RFC 9687 §3
    EXPECT_EQ(fsm_error(), (Notification{5, 0}));                                                    // RFC 6608 §3
    EXPECT_EQ(fsm_error(FsmSubcode::UnexpectedMessageInOpenConfirm, 2), (Notification{5, 2, {2}}));  // RFC 6608 §4
    EXPECT_EQ(unsupported_version(), (Notification{2, 1, {0, 4}}));                                  // RFC 4271 §6.2
    EXPECT_EQ(bad_peer_as(), (Notification{2, 2}));
    EXPECT_EQ(bad_bgp_identifier(), (Notification{2, 3}));
    EXPECT_EQ(unacceptable_hold_time(), (Notification{2, 6}));
    EXPECT_EQ(cease(CeaseSubcode::BfdDown), (Notification{6, 10}));  // RFC 9384 §3
}

TEST(Notification, WhatNoRegistryKnowsIsKeptAndShown) {
    const std::array<std::uint8_t, 4> body{9, 1, 0x0a, 0x0b};
    const auto notification = decode_notification(body);
    ASSERT_TRUE(notification);
    EXPECT_EQ(notification->error_code(), std::nullopt);
    EXPECT_EQ(describe(*notification), "code 9 subcode 1 data 0a0b");
    EXPECT_EQ(describe(Notification{2, 99}), "OPEN Message Error subcode 99");
    EXPECT_EQ(describe(Notification{2, 2}), "OPEN Message Error / Bad Peer AS");
    EXPECT_EQ(describe(Notification{4, 0}), "Hold Timer Expired");
}

template <class T>
std::string_view words_of(const std::optional<T>& known) {
    return known ? describe(*known) : std::string_view{};
}

TEST(Notification, EveryRegisteredSubcodeHasWords) {
    EXPECT_EQ(to_open_message_subcode(5), std::nullopt) << "deprecated by RFC 4271";
    EXPECT_EQ(to_update_message_subcode(7), std::nullopt) << "deprecated by RFC 4271";
    EXPECT_EQ(to_cease_subcode(0), std::nullopt);
    for (int subcode = 0; subcode < 256; ++subcode) {
        const auto octet = static_cast<std::uint8_t>(subcode);
        EXPECT_NE(words_of(to_cease_subcode(octet)), "?");
        EXPECT_NE(words_of(to_open_message_subcode(octet)), "?");
        EXPECT_NE(words_of(to_update_message_subcode(octet)), "?");
        EXPECT_NE(words_of(to_error_code(octet)), "?");
    }
}

// RFC 8538 §5.1: positive for the subcodes that it lists as such, and RFC 9384's.
// RFC 8538 §5.1: negative for those of a pause, and for errors.
TEST(Notification, SomeCeasesAreForGood) {
    for (const std::uint8_t subcode : std::vector<std::uint8_t>{1, 2, 3, 4, 9, 10})
        EXPECT_TRUE(ends_for_good({6, subcode})) << int{subcode};
    for (const std::uint8_t subcode : std::vector<std::uint8_t>{0, 5, 6, 7, 8, 11})
        EXPECT_FALSE(ends_for_good({6, subcode})) << int{subcode};
    EXPECT_FALSE(ends_for_good(hold_timer_expired()));
    EXPECT_FALSE(ends_for_good({3, 2}));
}

// RFC 8538 §3.1: positive; the wrapped code, subcode and data follow.
// RFC 8538 §3.1: negative for one that wraps nothing, and for other Ceases.
TEST(Notification, AHardResetWrapsItsReason) {
    const auto shutdown = cease(CeaseSubcode::AdministrativeShutdown, "for good");
    const auto reset = hard_reset(shutdown);
    EXPECT_EQ(reset, (Notification{6, 9, bytes_from_hex("06 02 08 666f7220676f6f64")}));
    EXPECT_EQ(reset.wrapped(), shutdown);
    EXPECT_EQ(describe(reset), "Cease / Hard Reset (Cease / Administrative Shutdown \"for good\")");
    EXPECT_EQ((Notification{6, 9}.wrapped()), std::nullopt);
    EXPECT_EQ((Notification{6, 9, {6}}.wrapped()), std::nullopt);
    EXPECT_EQ(describe(Notification{6, 9, {6}}), "Cease / Hard Reset data 06");
    EXPECT_EQ(shutdown.wrapped(), std::nullopt);
    // Not as deep as a peer might want it.
    EXPECT_EQ(describe(hard_reset(hard_reset(shutdown))), "Cease / Hard Reset (Hard Reset)");
}

}  // namespace
}  // namespace anyvip::bgp
