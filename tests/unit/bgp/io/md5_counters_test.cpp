#include "bgp/io/md5_counters.hpp"

#include <gtest/gtest.h>

namespace anyvip::bgp::io {
namespace {

// As Linux 6.1 writes it, cut to a few columns.
constexpr std::string_view netstat =
    "TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPSackShifted\n"
    "TcpExt: 1 2 3 4 5\n"
    "IpExt: InNoRoutes InTruncatedPkts\n"
    "IpExt: 6 7\n";

TEST(Md5Counters, AreFoundByTheirNames) {
    EXPECT_EQ(parse_md5_counters(netstat), (Md5Counters{2, 3, 4}));
    EXPECT_EQ(parse_md5_counters("IpExt: A\nIpExt: 1\nTcpExt: TCPMD5Failure TCPMD5NotFound TCPMD5Unexpected\n"
                                 "TcpExt: 18446744073709551615 0 1\n"),
              (Md5Counters{0, 1, 18446744073709551615U}));
}

TEST(Md5Counters, ATextWithoutThemHasNone) {
    for (const auto* text : {"", "TcpExt:", "TcpExt: TCPMD5NotFound\n", "TcpExt: TCPMD5NotFound\nTcpExt: 1\n",
                             "TcpExt: TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure\nTcpExt: 1 2 x\n",
                             "IpExt: TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure\nIpExt: 1 2 3\n"}) {
        EXPECT_EQ(parse_md5_counters(text), std::nullopt) << text;
    }
}

TEST(Md5Counters, TheKernelHasThem) {
    EXPECT_TRUE(read_md5_counters());
}

TEST(Md5Counters, WhatAPeerWithAKeySuffersFrom) {
    const Md5Counters before{1, 1, 1};
    EXPECT_EQ(explain(before, before, true), "");
    EXPECT_EQ(explain(before, {1, 1, 4}, true),
              "TCP-MD5: another key? The kernel dropped 3 segments with a wrong signature (TCPMD5Failure)");
    EXPECT_EQ(explain(before, {2, 1, 1}, true),
              "TCP-MD5: does the peer have a key? The kernel dropped 1 segment without a signature (TCPMD5NotFound)");
    EXPECT_EQ(explain(before, {1, 9, 1}, true), "") << "it concerns a peer without a key here";
}

TEST(Md5Counters, WhatAPeerWithoutAKeySuffersFrom) {
    const Md5Counters before{1, 1, 1};
    EXPECT_EQ(explain(before, {1, 3, 1}, false),
              "TCP-MD5: does the peer expect a key? The kernel dropped 2 segments with a signature (TCPMD5Unexpected)");
    EXPECT_EQ(explain(before, {9, 1, 9}, false), "");
}

}  // namespace
}  // namespace anyvip::bgp::io
