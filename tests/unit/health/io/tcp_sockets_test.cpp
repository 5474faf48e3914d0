#include "health/io/tcp_sockets.hpp"

#include <sys/resource.h>

#include <array>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>

#include "health/io/system_error.hpp"
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

net::IpAddress address(const char* text) {
    return *net::IpAddress::parse(text);
}

TEST(TcpSocketsTest, KeepsASocketThatItCanReset) {
    boost::asio::io_context io_context;
    TcpSockets sockets{io_context.get_executor()};
    const Server server{[](tcp::socket& socket) { end_of(socket); }};
    boost::system::error_code error;
    auto socket = sockets.take(net::Family::Ipv4, {}, error);
    ASSERT_FALSE(error);
    const auto descriptor = socket.native_handle();
    socket.non_blocking(false);
    socket.connect({boost::asio::ip::address_v4::loopback(), server.endpoint().port});
    sockets.give_back(net::Family::Ipv4, {}, std::move(socket));
    EXPECT_EQ(sockets.idle(), 1U);
    auto again = sockets.take(net::Family::Ipv4, {}, error);
    EXPECT_EQ(again.native_handle(), descriptor);
    again.remote_endpoint(error);
    EXPECT_EQ(error, boost::asio::error::not_connected);
}

TEST(TcpSocketsTest, ASocketThatIsUsedAgainKeepsItsSource) {
    boost::asio::io_context io_context;
    TcpSockets sockets{io_context.get_executor()};
    const Server server{[](tcp::socket& socket) { end_of(socket); }};
    boost::system::error_code error;
    for (int i = 0; i < 3; ++i) {
        auto socket = sockets.take(net::Family::Ipv4, address("127.0.0.77"), error);
        ASSERT_FALSE(error);
        socket.non_blocking(false);
        socket.connect({boost::asio::ip::address_v4::loopback(), server.endpoint().port});
        EXPECT_EQ(socket.local_endpoint().address().to_string(), "127.0.0.77");
        sockets.give_back(net::Family::Ipv4, address("127.0.0.77"), std::move(socket));
        ASSERT_EQ(sockets.idle(), 1U);
    }
}

// Not through a Prober: UBSan's check of virtual calls needs descriptors of its own.
TEST(TcpSocketsTest, WithoutDescriptorsAProbeCouldNotRun) {
    boost::asio::io_context io_context;
    const boost::asio::any_io_executor executor = io_context.get_executor();
    const tcp::socket first{executor};  // Asio's own descriptors come with it.
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    boost::system::error_code error;
    const auto socket = open_socket(executor, net::Family::Ipv4, {}, error);
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(expect<CouldNotRun>(outcome_of(error)).reason, CouldNotRunReason::NoDescriptors);
}

}  // namespace
}  // namespace anyvip::health::io
