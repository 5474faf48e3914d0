#include "health/io/tcp_probe.hpp"

#include <array>
#include <atomic>
#include <optional>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>

#include "unit/health/io/prober_fixture.hpp"

namespace anyvip::health::io {
namespace {

using TcpProbeTest = ProberTest;
using boost::asio::ip::tcp;

/// How the server sees the end of a connection.
boost::system::error_code end_of(tcp::socket& socket) {
    std::array<char, 1> byte{};
    boost::system::error_code error;
    boost::asio::read(socket, boost::asio::buffer(byte), error);
    return error;
}

net::IpAddress address(const char* text) {
    return *net::IpAddress::parse(text);
}

TEST_F(TcpProbeTest, ACompletedHandshakeIsSuccess) {
    const Server server{[](tcp::socket& socket) { end_of(socket); }};
    EXPECT_EQ(outcome_of(TcpProbe{.target = server.endpoint(), .source = {}}), Outcome{Success{"connected"}});
}

TEST_F(TcpProbeTest, ProbesIpv6) {
    const Server server{[](tcp::socket& socket) { end_of(socket); }, "::1"};
    EXPECT_EQ(outcome_of(TcpProbe{.target = server.endpoint(), .source = {}}), Outcome{Success{"connected"}});
}

TEST_F(TcpProbeTest, AClosedPortIsRefused) {
    const ClosedPort port;
    EXPECT_EQ(outcome_of(TcpProbe{.target = port.endpoint(), .source = {}}),
              (Outcome{Failure{FailureReason::Refused, {}}}));
}

TEST_F(TcpProbeTest, UsesTheSameSocketAgainAndSeesATargetDieAndReturn) {
    std::optional<Server> server{std::in_place, [](tcp::socket& socket) { end_of(socket); }};
    const TcpProbe probe{.target = server->endpoint(), .source = {}};
    for (int i = 0; i < 50; ++i) expect<Success>(outcome_of(probe));
    server.reset();
    EXPECT_EQ(expect<Failure>(outcome_of(probe)).reason, FailureReason::Refused)
        << "success on a socket that was used before must not be stale";
    EXPECT_EQ(expect<Failure>(outcome_of(probe)).reason, FailureReason::Refused);
}

TEST_F(TcpProbeTest, ConnectsFromTheSource) {
    std::atomic<bool> right_source = false;
    const Server server{[&](tcp::socket& socket) {
        right_source = socket.remote_endpoint().address().to_string() == "127.0.0.77";
        end_of(socket);
    }};
    for (int i = 0; i < 3; ++i) {
        right_source = false;
        // Without a reset, which takes the peer's name from a connection that is not accepted yet.
        expect<Success>(outcome_of(
            TcpProbe{.target = server.endpoint(), .source = address("127.0.0.77"), .close = CloseWith::Fin}));
        run_until([&] { return right_source.load(); });
    }
}

TEST_F(TcpProbeTest, AMissingSourceIsOurFaultAndNotTheTargets) {
    const Server server{[](tcp::socket& socket) { end_of(socket); }};
    const auto outcome = outcome_of(TcpProbe{.target = server.endpoint(), .source = address("192.0.2.1")});
    EXPECT_EQ(expect<CouldNotRun>(outcome).reason, CouldNotRunReason::NoLocalAddress);
}

TEST_F(TcpProbeTest, EndsWithAResetOrWithFinAsConfigured) {
    std::atomic<int> ends = 0;
    std::atomic<bool> reset = false;
    const Server server{[&](tcp::socket& socket) {
        reset = end_of(socket) == boost::asio::error::connection_reset;
        ++ends;
    }};
    expect<Success>(outcome_of(TcpProbe{.target = server.endpoint(), .source = {}, .close = CloseWith::Reset}));
    run_until([&] { return ends == 1; });
    EXPECT_TRUE(reset);
    expect<Success>(outcome_of(TcpProbe{.target = server.endpoint(), .source = {}, .close = CloseWith::Fin}));
    run_until([&] { return ends == 2; });
    EXPECT_FALSE(reset);
}

}  // namespace
}  // namespace anyvip::health::io
