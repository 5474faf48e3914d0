#include "bgp/framer.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/vectors.hpp"

namespace anyvip::bgp {
namespace {

using Octets = std::vector<std::uint8_t>;
using testing::bytes_from_hex;
using testing::vector_bytes;

Octets header(const char* length_and_type) {
    return bytes_from_hex(std::string{"ffffffffffffffffffffffffffffffff"} + length_and_type);
}

Octets joined(std::initializer_list<Octets> messages) {
    Octets all;
    for (const auto& message : messages) all.insert(all.end(), message.begin(), message.end());
    return all;
}

/// The error that ends a stream of just these octets.
Notification error_of(const Octets& octets, bool extended = false) {
    Framer framer;
    if (extended) framer.accept_extended_messages();
    framer.feed(octets);
    const auto next = framer.next();
    return next && !*next ? next->error() : Notification{};
}

// RFC 4271 §4.1: positive
TEST(Framer, ChunksOfAnySizeYieldTheSameMessages) {
    const auto open = vector_bytes("bgp/open.hex");
    const auto update = vector_bytes("bgp/update_announce.hex");
    const auto stream = joined({open, vector_bytes("bgp/keepalive.hex"), update});
    for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
        Framer framer;
        std::vector<MessageType> types;
        std::vector<Octets> bodies;
        for (std::size_t at = 0; at < stream.size(); at += chunk) {
            framer.feed(std::span{stream}.subspan(at, std::min(chunk, stream.size() - at)));
            while (const auto next = framer.next()) {
                ASSERT_TRUE(*next);
                types.push_back((*next)->type);
                bodies.emplace_back((*next)->body.begin(), (*next)->body.end());
            }
            EXPECT_LE(framer.buffered(), update.size());
        }
        EXPECT_EQ(types, (std::vector{MessageType::Open, MessageType::Keepalive, MessageType::Update})) << chunk;
        EXPECT_EQ(bodies[0], Octets(open.begin() + 19, open.end())) << chunk;
        EXPECT_EQ(bodies[1], Octets{}) << chunk;
        EXPECT_EQ(bodies[2], Octets(update.begin() + 19, update.end())) << chunk;
        EXPECT_EQ(framer.buffered(), 0U) << chunk;
    }
}

// RFC 4271 §6.1: negative
TEST(Framer, AMarkerThatIsNotAllOnesEndsTheStream) {
    for (std::size_t i = 0; i < 16; ++i) {
        auto octets = vector_bytes("bgp/keepalive.hex");
        octets[i] = 0xfe;
        EXPECT_EQ(error_of(octets), (Notification{1, 1})) << i;
    }
}

// RFC 4271 §4.1: negative; 19 to 4096 octets.
// RFC 4271 §6.1: negative; the data is the length field
TEST(Framer, ALengthOutsideOfItsTypeIsRefusedWithTheLength) {
    EXPECT_EQ(error_of(header("0012 04")), (Notification{1, 2, {0x00, 0x12}})) << "below a header";
    EXPECT_EQ(error_of(header("1001 02")), (Notification{1, 2, {0x10, 0x01}})) << "4097";
    EXPECT_EQ(error_of(header("001c 01")), (Notification{1, 2, {0x00, 0x1c}})) << "OPEN of 28";
    EXPECT_EQ(error_of(header("0016 02")), (Notification{1, 2, {0x00, 0x16}})) << "UPDATE of 22";
    EXPECT_EQ(error_of(header("0014 03")), (Notification{1, 2, {0x00, 0x14}})) << "NOTIFICATION of 20";
    EXPECT_EQ(error_of(header("0014 04")), (Notification{1, 2, {0x00, 0x14}})) << "KEEPALIVE of 20";
}

// RFC 4271 §6.1: positive, the edges
TEST(Framer, LengthsAtTheEdgeAreWaitedFor) {
    for (const auto* edge : {"001d 01", "1000 01", "0017 02", "1000 02", "0015 03", "1000 03", "0017 05"}) {
        Framer framer;
        framer.feed(header(edge));
        EXPECT_FALSE(framer.next()) << edge;
    }
}

// RFC 8654 §4: positive
// RFC 8654 §4: negative for OPEN and KEEPALIVE, which stay as they are.
TEST(Framer, ExtendedMessagesAreForUpdatesAndOnlyWhenBothSaidSo) {
    Framer framer;
    framer.accept_extended_messages();
    framer.feed(header("ffff 02"));
    framer.feed(Octets(65535 - 19));
    const auto next = framer.next();
    ASSERT_TRUE(next && *next);
    EXPECT_EQ((*next)->body.size(), 65516U);
    EXPECT_EQ(error_of(header("1001 01"), true), (Notification{1, 2, {0x10, 0x01}})) << "OPEN";
    EXPECT_EQ(error_of(header("1001 04"), true), (Notification{1, 2, {0x10, 0x01}})) << "KEEPALIVE";
}

// RFC 4271 §6.1: negative; the data is the type
TEST(Framer, AnUnknownTypeIsRefusedWithTheType) {
    EXPECT_EQ(error_of(header("0013 00")), (Notification{1, 3, {0}}));
    EXPECT_EQ(error_of(header("0013 06")), (Notification{1, 3, {6}}));
}

TEST(Framer, AfterAnErrorNothingMoreComesAndNothingIsKept) {
    Framer framer;
    framer.feed(joined({header("0013 06"), vector_bytes("bgp/keepalive.hex")}));
    const auto error = framer.next();
    ASSERT_TRUE(error && !*error);
    EXPECT_FALSE(framer.next());
    framer.feed(vector_bytes("bgp/keepalive.hex"));
    EXPECT_FALSE(framer.next());
    EXPECT_EQ(framer.buffered(), 0U);
}

TEST(Framer, EveryProperPrefixOfEveryMessageIsWaitedFor) {
    for (const auto& name : testing::vector_names("bgp")) {
        const auto octets = vector_bytes(name);
        for (std::size_t length = 0; length < octets.size(); ++length) {
            Framer framer;
            framer.feed(std::span{octets}.first(length));
            EXPECT_FALSE(framer.next()) << name << ", " << length << " octets";
        }
    }
}

}  // namespace
}  // namespace anyvip::bgp
