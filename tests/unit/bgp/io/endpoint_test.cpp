#include "bgp/io/endpoint.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include "support/own_network.hpp"

namespace anyvip::bgp::io {
namespace {

using Tcp = boost::asio::ip::tcp;

net::IpAddress address(const char* text) {
    return *net::IpAddress::parse(text);
}

TEST(Endpoint, IsTheSameOnBothSidesOfAsio) {
    for (const auto* text : {"203.0.113.10", "2001:db8::10", "0.0.0.0", "::"}) {
        EXPECT_EQ(from_asio(to_asio(address(text), 179)), (net::Endpoint{address(text), 179})) << text;
    }
}

// RFC 4291 §2.5.5.2: positive
// RFC 4291 §2.5.5.2: negative; the compatible form of §2.5.5.1 is an address of its own.
TEST(Endpoint, AMappedAddressIsTheIpv4Address) {
    const auto from = [](const char* text) { return from_asio({boost::asio::ip::make_address(text), 1}).address; };
    EXPECT_EQ(from("::ffff:203.0.113.10"), address("203.0.113.10"));
    EXPECT_EQ(from("::203.0.113.10"), address("::cb00:710a"));
}

TEST(Endpoint, ADualStackSocketShowsTheIpv4AddressesOfItsConnections) {
    const testing::OwnNetwork network;
    ASSERT_TRUE(network.usable());
    boost::asio::io_context context;
    Tcp::acceptor acceptor{context};
    acceptor.open(Tcp::v6());
    acceptor.set_option(boost::asio::ip::v6_only{false});
    acceptor.bind({Tcp::v6(), 0});
    acceptor.listen();
    Tcp::socket client{context, Tcp::v4()};
    client.bind(to_asio(address("127.0.0.1"), 0));
    client.connect(to_asio(address("127.0.0.9"), acceptor.local_endpoint().port()));
    const Tcp::socket accepted = acceptor.accept();
    ASSERT_TRUE(accepted.local_endpoint().address().is_v6());
    EXPECT_EQ(from_asio(accepted.local_endpoint()).address, address("127.0.0.9"));
    EXPECT_EQ(from_asio(accepted.remote_endpoint()).address, address("127.0.0.1"));
}

}  // namespace
}  // namespace anyvip::bgp::io
