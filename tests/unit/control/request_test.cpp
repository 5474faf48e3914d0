#include "control/request.hpp"

#include <gtest/gtest.h>

#include <string>

namespace anyvip::control {
namespace {

net::Endpoint endpoint(const char* address, std::uint16_t port) {
    return {*net::IpAddress::parse(address), port};
}

std::string refusal(std::string_view line) {
    const auto request = decode(line);
    return request ? "accepted: " + describe(*request) : request.error();
}

TEST(ControlRequest, CommandsWithoutMembersAreDecoded) {
    EXPECT_EQ(decode(R"({"command":"ping"})"), Request{PingRequest{}});
    EXPECT_EQ(decode(R"({"command":"status"})"), Request{StatusRequest{}});
    EXPECT_EQ(decode(R"({"command":"routes"})"), Request{RoutesRequest{}});
    EXPECT_EQ(decode(R"( { "command" : "reload" } )"), Request{ReloadRequest{}});
}

TEST(ControlRequest, DrainNamesItsTarget) {
    EXPECT_EQ(decode(R"({"command":"drain","target":"node"})"), (Request{DrainRequest{vip::NodeTarget{}, true}}));
    EXPECT_EQ(decode(R"({"vip":"www","target":"vip","command":"undrain"})"),
              (Request{DrainRequest{VipName{"www"}, false}}));
    EXPECT_EQ(decode(R"({"command":"drain","target":"server","server":"www-https","address":"10.0.1.21:443"})"),
              (Request{DrainRequest{vip::RealServerTarget{ServerName{"www-https"}, endpoint("10.0.1.21", 443)}}}));
    EXPECT_EQ(decode(R"({"command":"drain","target":"server","server":"s","address":"[2001:db8::21]:80"})"),
              (Request{DrainRequest{vip::RealServerTarget{ServerName{"s"}, endpoint("2001:db8::21", 80)}}}));
}

TEST(ControlRequest, WhatIsNoRequestIsRefusedWithASentence) {
    EXPECT_EQ(refusal(""), "the request is not JSON");
    EXPECT_EQ(refusal(R"({"command":"status"} x)"), "the request is not JSON");
    EXPECT_EQ(refusal(R"(["status"])"), "the request is not a JSON object");
    EXPECT_EQ(refusal("{}"), R"("command" is missing)");
    EXPECT_EQ(refusal(R"({"command":7})"), R"("command" must be a string)");
    EXPECT_EQ(refusal(R"({"command":"explode"})"), R"(unknown command "explode")");
    EXPECT_EQ(refusal(R"({"command":"drain"})"), R"("target" is missing)");
    EXPECT_EQ(refusal(R"({"command":"drain","target":"vip"})"), R"("vip" is missing)");
    EXPECT_EQ(refusal(R"({"command":"drain","target":"vip","vip":""})"), R"("vip" must be a string)");
    EXPECT_EQ(refusal(R"({"command":"drain","target":"moon"})"), R"(unknown target "moon": node, vip or server)");
    EXPECT_EQ(refusal(R"({"command":"drain","target":"server","server":"s","address":"10.0.1.21"})"),
              R"("10.0.1.21" is no ADDRESS:PORT)");
}

TEST(ControlRequest, AMemberThatNobodyAskedForIsRefused) {
    EXPECT_EQ(refusal(R"({"command":"status","verbose":true})"), R"(unknown member "verbose")");
    EXPECT_EQ(refusal(R"({"command":"drain","target":"node","vip":"www"})"), R"(unknown member "vip")");
}

TEST(ControlRequest, TextOfTheClientIsQuotedShortAndWithoutControlCharacters) {
    EXPECT_EQ(refusal(R"({"command":"\u001b[2J"})"), R"(unknown command "?[2J")");
    EXPECT_EQ(refusal(R"({"command":")" + std::string(100, 'x') + R"("})"),
              "unknown command \"" + std::string(40, 'x') + "...\"");
}

TEST(ControlRequest, TheLimitIs64KiB) {
    const std::string request = R"({"command":"status"})";
    EXPECT_EQ(decode(request + std::string(65536 - request.size(), ' ')), Request{StatusRequest{}});
    EXPECT_EQ(refusal(request + std::string(65537 - request.size(), ' ')), "the request is longer than 64 KiB");
}

TEST(ControlRequest, DeepNestingIsRefusedAndNotFollowed) {
    EXPECT_EQ(refusal(std::string(60000, '[')), "the request is not JSON");
}

TEST(ControlRequest, EncodingIsTheLineThatIsDecoded) {
    EXPECT_EQ(encode(StatusRequest{}), R"({"command":"status"})");
    EXPECT_EQ(encode(RoutesRequest{}), R"({"command":"routes"})");
    EXPECT_EQ(encode(DrainRequest{VipName{"www"}, false}), R"({"command":"undrain","target":"vip","vip":"www"})");
    EXPECT_EQ(encode(DrainRequest{vip::RealServerTarget{ServerName{"s"}, endpoint("2001:db8::21", 80)}, true}),
              R"({"command":"drain","target":"server","server":"s","address":"[2001:db8::21]:80"})");
}

TEST(ControlRequest, AnEndpointHasAPortAndAnIpv6AddressBrackets) {
    EXPECT_EQ(parse_endpoint("10.0.0.1:65535"), endpoint("10.0.0.1", 65535));
    EXPECT_EQ(parse_endpoint("[::1]:1"), endpoint("::1", 1));
    for (const char* text : {"", ":", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:+80",
                             "10.0.0.1:000080", "[10.0.0.1]:80", "::1:80", "[::1]", "host:80"}) {
        EXPECT_EQ(parse_endpoint(text), std::nullopt) << text;
    }
}

TEST(ControlRequest, AnswersAreOneLineOfValidUtf8) {
    EXPECT_EQ(answer_ok("node"), R"({"ok":true,"text":"node"})");
    EXPECT_EQ(answer_error("line 1\nline \"2\""), R"({"ok":false,"error":"line 1\nline \"2\""})");
    // "e" with acute, an octet that begins nothing, an overlong "/", a surrogate, a sequence that is cut off.
    EXPECT_EQ(answer_ok("\xc3\xa9 \xff \xc0\xaf \xed\xa0\x80 \xe2\x82"),
              "{\"ok\":true,\"text\":\"\xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd "
              "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\"}");
}

}  // namespace
}  // namespace anyvip::control
