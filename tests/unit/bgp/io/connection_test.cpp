#include "bgp/io/connection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "support/own_network.hpp"

namespace anyvip::bgp::io {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;
using Octets = std::vector<std::uint8_t>;
using Tcp = asio::ip::tcp;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Octets that tell where they belong.
Octets numbered(std::size_t count) {
    Octets octets(count);
    for (std::size_t i = 0; i < count; ++i) octets[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
    return octets;
}

/// A Connection and, at the other end of a real TCP connection, a socket that does what the test says.
class ConnectionTest : public ::testing::Test {
protected:
    static constexpr ConnectionId id{7};

    void SetUp() override {
        ASSERT_TRUE(network.usable()) << "needs root";
        Tcp::socket ours{context};
        ours.open(Tcp::v4());
        ours.set_option(asio::socket_base::send_buffer_size{8192});  // A little is soon too much.
        ours.connect(acceptor.local_endpoint());
        peer = acceptor.accept();
        connection = std::make_shared<Connection>(std::move(ours), id,
                                                  [this](Event event) { events.push_back(std::move(event)); });
        connection->start();
    }

    bool run_until(auto condition) {
        const auto deadline = std::chrono::steady_clock::now() + 5s;
        while (!condition() && std::chrono::steady_clock::now() < deadline) {
            context.restart();
            context.run_one_for(10ms);
        }
        return condition();
    }
    /// Everything that is ready to happen.
    void settle() {
        context.restart();
        while (context.poll_one() != 0) continue;
    }

    /// Reads what is there; true when the connection has ended, by whatever.
    bool read_on() {
        Octets buffer(65536);
        error_code error;
        peer.non_blocking(true);
        while (!error) {
            const auto count = peer.read_some(asio::buffer(buffer), error);
            heard.insert(heard.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
        }
        end = error;
        return error != asio::error::would_block;
    }

    [[nodiscard]] std::vector<std::uint64_t> written() const {
        std::vector<std::uint64_t> counts;
        for (const auto& event : events) {
            if (const auto* taken = std::get_if<Written>(&event)) counts.push_back(taken->octets);
        }
        return counts;
    }
    [[nodiscard]] Octets received() const {
        Octets all;
        for (const auto& event : events) {
            if (const auto* some = std::get_if<Received>(&event)) {
                all.insert(all.end(), some->bytes.begin(), some->bytes.end());
            }
        }
        return all;
    }

    testing::OwnNetwork network;
    asio::io_context context;
    Tcp::acceptor acceptor{context, {asio::ip::make_address("127.0.0.1"), 0}};
    Tcp::socket peer{context};
    std::vector<Event> events;
    std::shared_ptr<Connection> connection;
    Octets heard;    ///< by the peer
    error_code end;  ///< of the peer's last read
};

TEST_F(ConnectionTest, WhatArrivesInOddChunksIsReportedInOrder) {
    const auto octets = numbered(100'003);
    std::size_t at = 0;
    for (const std::size_t chunk : {1U, 2U, 3U, 18U, 19U, 20U, 4095U, 4097U, 16384U, 16385U, 58979U}) {
        asio::write(peer, asio::buffer(octets.data() + at, chunk));
        at += chunk;
        ASSERT_TRUE(run_until([&] { return received().size() == at; })) << chunk;
    }
    ASSERT_EQ(at, octets.size());
    EXPECT_EQ(received(), octets);
    for (const auto& event : events) EXPECT_LE(std::get<Received>(event).bytes.size(), 16384U);
}

TEST_F(ConnectionTest, APeerThatClosesIsReportedOnce) {
    asio::write(peer, asio::buffer(Octets{1, 2, 3}));
    peer.close();
    ASSERT_TRUE(run_until([&] { return events.size() >= 2; }));
    settle();
    EXPECT_THAT(events, ElementsAre(Event{Received{id, {1, 2, 3}}}, Event{ConnectionClosed{id, "closed by peer"}}));
}

TEST_F(ConnectionTest, AResetIsReportedInTheSystemsWords) {
    peer.set_option(asio::socket_base::linger{true, 0});
    peer.close();
    ASSERT_TRUE(run_until([&] { return !events.empty(); }));
    settle();
    EXPECT_THAT(events, ElementsAre(Event{ConnectionClosed{id, "Connection reset by peer"}}));
}

TEST_F(ConnectionTest, SendingIntoAResetConnectionEndsItOnce) {
    peer.set_option(asio::socket_base::linger{true, 0});
    peer.close();  // Nobody has read of it yet when the write fails.
    connection->send({1});
    settle();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(std::get<ConnectionClosed>(events[0]).connection, id);
}

// From verdict to wire there is no turn of the loop in between (product rule 3).
TEST_F(ConnectionTest, WhatTheKernelTakesIsWrittenBeforeSendReturns) {
    connection->send(numbered(100));
    EXPECT_THAT(events, ElementsAre(Event{Written{id, 100}}));
    connection->send(numbered(23));
    EXPECT_THAT(written(), ElementsAre(100, 123));
    EXPECT_FALSE(read_on());
    EXPECT_EQ(heard.size(), 123U);
    connection->send({});
    EXPECT_EQ(events.size(), 2U);
}

TEST_F(ConnectionTest, APeerThatStopsReadingGetsAllOfItLaterAndWrittenSaysWhatTheKernelHas) {
    const auto octets = numbered(8'000'000);
    constexpr std::size_t pieces = 5;
    constexpr std::size_t piece = 1'600'000;
    for (std::size_t i = 0; i < pieces; ++i) {
        const auto from = octets.begin() + static_cast<std::ptrdiff_t>(i * piece);
        connection->send({from, from + static_cast<std::ptrdiff_t>(piece)});
    }
    context.run_for(200ms);  // Until the buffers of both ends are full.
    ASSERT_FALSE(written().empty());
    EXPECT_LT(written().back(), octets.size());

    ASSERT_TRUE(run_until([&] {
        (void)read_on();
        return heard.size() == octets.size();
    }));
    EXPECT_EQ(heard, octets);
    ASSERT_TRUE(run_until([&] { return written().back() == octets.size(); }));
    const auto counts = written();
    for (std::size_t i = 1; i < counts.size(); ++i) EXPECT_GT(counts[i], counts[i - 1]);
    EXPECT_EQ(events.size(), counts.size());
}

TEST_F(ConnectionTest, ClosingLetsOutWhatWaitsAndReportsNothingMore) {
    const auto octets = numbered(1'000'000);
    connection->send(octets);
    const auto before = events;
    bool ended = false;
    connection->close([&] { ended = true; });
    connection->send({0xee});  // Too late.
    connection.reset();        // It owns itself until its end.
    asio::write(peer, asio::buffer(numbered(1000)));
    ASSERT_TRUE(run_until([&] { return read_on(); }));
    EXPECT_EQ(end, asio::error::eof);
    EXPECT_EQ(heard, octets);
    EXPECT_FALSE(ended);  // The peer may have more to say, and is not reset for it.
    peer.close();
    EXPECT_TRUE(run_until([&] { return ended; }));
    EXPECT_EQ(events, before);
}

// RFC 1122 §4.2.2.13: closing with unread octets sends a RST, which may overtake what was sent. positive
TEST_F(ConnectionTest, OctetsOfThePeerThatNobodyReadDoNotDestroyOurLastWords) {
    asio::write(peer, asio::buffer(numbered(50'000)));
    connection->send(numbered(21));
    bool ended = false;
    connection->close([&] { ended = true; });
    ASSERT_TRUE(run_until([&] { return read_on(); }));
    EXPECT_EQ(end, asio::error::eof);  // And not a reset.
    EXPECT_EQ(heard, numbered(21));
    EXPECT_THAT(received(), IsEmpty());
    peer.close();
    EXPECT_TRUE(run_until([&] { return ended; }));
}

TEST_F(ConnectionTest, APeerThatNeverReadsHoldsItForOneSecond) {
    connection->send(numbered(8'000'000));
    bool ended = false;
    const auto begin = std::chrono::steady_clock::now();
    connection->close([&] { ended = true; });
    EXPECT_TRUE(run_until([&] { return ended; }));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 1s);
}

TEST_F(ConnectionTest, AbortingEndsItAtOnceAndInSilence) {
    connection->send(numbered(8'000'000));
    events.clear();
    connection->abort();
    settle();
    EXPECT_THAT(events, IsEmpty());
    ASSERT_TRUE(run_until([&] { return read_on(); }));
    EXPECT_LT(heard.size(), 8'000'000U);
}

}  // namespace
}  // namespace anyvip::bgp::io
