#include "cli/hints.hpp"

#include <gtest/gtest.h>

#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace anyvip::cli {
namespace {

std::string hint(const std::string& peer) {
    return hint_for_session(boost::json::parse(R"({"bgp":{"asn":65010}})").as_object(),
                            boost::json::parse(peer).as_object());
}

std::string after_notification(const char* direction, int code, int subcode) {
    const std::string said = std::string{direction} == "sent" ? "last_sent" : "last_received";
    return hint(R"({"last_error_kind":"notification_)" + std::string{direction} + R"(","said_asn":65001,)" +
                R"("configured_asn":65000,")" + said + R"(":{"code":)" + std::to_string(code) + R"(,"subcode":)" +
                std::to_string(subcode) + "}}");
}

TEST(Hints, OfABadPeerAsNameBothNumbers) {  // RFC 4271 §6.2
    EXPECT_EQ(after_notification("sent", 2, 2),
              "it says that it is AS 65001, and asn = 65000 is configured: correct one of them");
    EXPECT_EQ(after_notification("received", 2, 2),
              "the router expects another AS than our 65010: correct its remote-as, or our asn");
}

TEST(Hints, OfANotificationDependOnWhoSaidIt) {
    // RFC 4486 §4: Cease / Maximum Number of Prefixes Reached.
    EXPECT_NE(after_notification("sent", 6, 1).find("the router announces more than max_prefixes"), std::string::npos);
    EXPECT_NE(after_notification("received", 6, 1).find("maximum-prefix"), std::string::npos);
    EXPECT_EQ(after_notification("sent", 6, 2), "");
}

TEST(Hints, ASubcodeThatHasNoWordsOfItsOwnHasThoseOfItsCode) {
    EXPECT_EQ(after_notification("received", 2, 99), "compare this peer's configuration with the router's");
    EXPECT_EQ(after_notification("received", 99, 0), "");
}

TEST(Hints, OfAConnectionAreForWhatTheSystemSaid) {
    const auto failed = [](const std::string& words) {
        return hint(R"({"last_error_kind":"connection_failed","last_error":")" + words + R"("})");
    };
    EXPECT_NE(failed("connection failed 'Connection refused'").find("nothing listens"), std::string::npos);
    EXPECT_NE(failed("TCP-MD5: ... (TCPMD5NotFound)").find("the router signs nothing"), std::string::npos);
    EXPECT_NE(failed("TCP-MD5: ... (TCPMD5Unexpected)").find("set password_file"), std::string::npos);
    EXPECT_EQ(failed("something new"), "");
}

// RFC 4486 §4: a router that has shut the session says so once, and then closes every connection.
TEST(Hints, OfARouterThatTurnsUsAwayAreForWhatItSaidBefore) {
    const auto after_shutdown = [](const std::string& words) {
        return hint(R"({"last_error_kind":"connection_failed","last_error":")" + words +
                    R"(","last_received":{"code":6,"subcode":2,"age":90000}})");
    };
    EXPECT_NE(after_shutdown("Connection reset by peer").find("it last said why: an administrator has shut"),
              std::string::npos);
    // It does not answer at all now, or another thing is wrong: old words are no reason for that.
    EXPECT_NE(after_shutdown("No route to host").find("nobody answers"), std::string::npos);
    EXPECT_NE(after_shutdown("(TCPMD5Failure)").find("another key"), std::string::npos);
}

TEST(Hints, OfAPeerWithoutAnyWordIsWhereToLook) {
    EXPECT_EQ(
        hint(R"({"address":"10.0.0.1","last_error":null})"),
        "nothing comes back from 10.0.0.1: is the router there, a firewall between, does it expect a TCP-MD5 key?");
}

// RFC 2385 §2: what fails the comparison is dropped, and nothing is said.
TEST(Hints, OfSilenceTowardsASignedConnectionBeginWithTheKey) {
    for (const auto* const error : {"null", R"("connection failed 'Connection timed out'")"}) {
        EXPECT_NE(hint(R"({"address":"10.0.0.1","signature":"tcp_md5","last_error":)" + std::string{error} + "}")
                      .find("another TCP-MD5 key"),
                  std::string::npos);
    }
    EXPECT_NE(hint(R"({"address":"10.0.0.1","signature":"tcp_ao"})").find("another TCP-AO key"), std::string::npos);
}

TEST(Hints, OfAnUnnumberedPeerBeginWithItsLink) {
    EXPECT_NE(hint(R"({"link":{"interface":"eth0","local":null}})").find("is eth0 up?"), std::string::npos);
    // One that is heard has the troubles of every other peer.
    EXPECT_NE(hint(R"({"link":{"interface":"eth0","local":"fe80::1","neighbor":"fe80::2"},)"
                   R"("last_error_kind":"hold_timer_expired"})")
                  .find("nothing came"),
              std::string::npos);
}

TEST(Hints, OfARouteThatIsWithheldAreForItsFamily) {
    EXPECT_NE(hint_for_withheld("no_next_hop", "2001:db8::/32").find("next_hop6"), std::string::npos);
    EXPECT_NE(hint_for_withheld("no_next_hop", "203.0.113.0/24").find("extended_next_hop"), std::string::npos);
    EXPECT_NE(hint_for_withheld("family_not_negotiated", "203.0.113.0/24").find("IPv4"), std::string::npos);
    EXPECT_NE(hint_for_withheld("too_large", "203.0.113.0/24").find("fewer communities"), std::string::npos);
    EXPECT_EQ(hint_for_withheld("a reason of tomorrow", "203.0.113.0/24"), "");
}

TEST(Hints, OfTheKernelAreLeftOutWhereItSaysSoItself) {
    EXPECT_EQ(hint_for_kernel("scheduler mh is not available: modprobe ip_vs_mh"), "");
    EXPECT_EQ(hint_for_kernel("Operation not permitted"), "anyvipd needs CAP_NET_ADMIN");
}

}  // namespace
}  // namespace anyvip::cli
