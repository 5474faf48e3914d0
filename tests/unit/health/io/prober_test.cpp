#include "health/io/prober.hpp"

#include <array>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>

#include "unit/health/io/prober_fixture.hpp"

namespace anyvip::health::io {
namespace {

using boost::asio::ip::tcp;

/// How the server sees the end of a connection.
boost::system::error_code end_of(tcp::socket& socket) {
    std::array<char, 1> byte{};
    boost::system::error_code error;
    boost::asio::read(socket, boost::asio::buffer(byte), error);
    return error;
}

TEST_F(ProberTest, AnAbandonedProbeNeverReports) {
    const Server server{[](tcp::socket& socket) { end_of(socket); }};
    prober.start(CheckName{"test"}, ProbeId{1}, TcpProbe{.target = server.endpoint(), .source = {}});
    prober.abandon(CheckName{"test"}, ProbeId{1});
    prober.abandon(CheckName{"test"}, ProbeId{1});
    last_id = 1;
    expect<Success>(outcome_of(TcpProbe{.target = server.endpoint(), .source = {}}));
    EXPECT_EQ(finished.size(), 1U);
}

TEST_F(ProberTest, ProberMayGoWhileProbesRun) {
    const Server server{[](tcp::socket& socket) { end_of(socket); }};
    {
        Prober short_lived{io_context.get_executor(), [](const CheckName&, const ProbeFinished&) { FAIL(); }};
        short_lived.start(CheckName{"test"}, ProbeId{1}, TcpProbe{.target = server.endpoint(), .source = {}});
    }
    io_context.restart();
    io_context.run();
}

TEST_F(ProberTest, TheSameIdOfTwoChecksIsTwoProbes) {
    const Server server{[](tcp::socket& socket) { end_of(socket); }};
    const ClosedPort closed;
    prober.start(CheckName{"good"}, ProbeId{1}, TcpProbe{.target = server.endpoint(), .source = {}});
    prober.start(CheckName{"bad"}, ProbeId{1}, TcpProbe{.target = closed.endpoint(), .source = {}});
    run_until([&] { return finished.size() == 2; });
    for (const auto& [check, event] : finished) {
        EXPECT_EQ(std::holds_alternative<Success>(event.outcome), check == CheckName{"good"});
    }
}

TEST_F(ProberTest, OneThatIsStartedAgainUnderItsIdReportsOnce) {
    const Server server{[](tcp::socket& socket) { end_of(socket); }};
    const ClosedPort closed;
    prober.start(CheckName{"test"}, ProbeId{1}, TcpProbe{.target = closed.endpoint(), .source = {}});
    prober.start(CheckName{"test"}, ProbeId{1}, TcpProbe{.target = server.endpoint(), .source = {}});
    run_until([&] { return !finished.empty(); });
    expect<Success>(finished.front().second.outcome);
    last_id = 1;
    expect<Success>(outcome_of(TcpProbe{.target = server.endpoint(), .source = {}}));
    EXPECT_EQ(finished.size(), 2U);
}

}  // namespace
}  // namespace anyvip::health::io
