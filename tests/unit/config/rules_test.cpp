#include "config/rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "anyvip/config/load.hpp"

/// Both sides of the rules between sections: what each allows, and what it does not. Where an error stands in the
/// file, and that one mistake is one message, is tests/config-errors.
namespace anyvip::config {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view base = R"([node]
name = "lb1"
[bgp]
asn = 65010
router_id = "10.0.0.11"
peer = [{ name = "tor-a", address = "10.0.0.1", asn = 65000, $peer }]
[[virtual_router]]
name = "office"
interface = "eth1"
vrid = 51
$router
[[check]]
name = "probe"
tcp = { address = "10.1.0.1", port = 80, $probe }
[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
$www
[[vip]]
name = "intranet"
address = "192.0.2.10/24"
announce = "vrrp"
virtual_router = "office"
$intranet
[[virtual_server]]
name = "web"
vip = "www"
port = 80
$server
)";

/// The base with a text in one of its gaps; every other gap gets what makes it whole.
std::string with(std::string_view gap, std::string_view text) {
    std::string file{base};
    const auto fill = [&](std::string_view name, std::string_view value) {
        const auto at = file.find(name);
        file.replace(at, name.size(), value);
    };
    fill("$peer", gap == "$peer" ? text : "port = 179");
    fill("$router", gap == "$router" ? text : "");
    fill("$probe", gap == "$probe" ? text : "close = \"reset\"");
    fill("$www", gap == "$www" ? text : "");
    fill("$intranet", gap == "$intranet" ? text : "");
    fill("$server", gap == "$server" ? text : "forwarding = \"nat\"\nreal_server = [{ address = \"10.1.0.1\" }]");
    return file;
}

/// All that is said about it; empty: it is accepted.
std::string said_about(const std::string& file) {
    const auto config = parse(file, "t.toml");
    std::string said;
    if (!config) {
        for (const auto& error : config.error()) said += describe(error) + '\n';
    }
    return said;
}

struct Rule {
    std::string_view gap;
    std::string_view allowed;
    std::string_view refused;
    std::string_view said;
};

TEST(ConfigRules, HaveTwoSides) {
    for (const Rule& rule : {
             Rule{"$peer", "source = \"10.0.0.11\"", "source = \"203.0.113.10\"", "is a VIP and cannot be the source"},
             Rule{"$peer", "source = \"10.0.0.11\"", "source = \"2001:db8::1\"", "is not of the family of the peer"},
             Rule{"$peer", "max_prefixes_out = 1", "max_prefixes_out = 0", "expected an integer from 1"},
             Rule{"$www", "role = \"standby\"", "standby = { rank = 1 }", "has no effect without role"},
             Rule{"$intranet", "role = \"backup\"", "role = \"standby\"", "announced by \"bgp\" alone"},
             Rule{"$router", "version = 2", "version = 2\nfamily = \"ipv6\"", "version 2 is for IPv4 only"},
             Rule{"$router", "checksum = \"rfc9568\"", "version = 2\nchecksum = \"rfc9568\"", "a matter of version 3"},
             Rule{"$router", "source = \"192.0.2.2\"", "source = \"192.0.2.10\"", "cannot be the source of advertisem"},
             Rule{"$router", "source = \"192.0.2.10\"\npriority = 255", "source = \"192.0.2.10\"\npriority = 254",
                  "cannot be the source of advertisements"},
             Rule{"$router", "source = \"192.0.2.2\"\nunicast_peers = [\"192.0.2.3\"]",
                  "source = \"192.0.2.2\"\nunicast_peers = [\"192.0.2.2\"]", "cannot be its peer"},
             Rule{"$router", "track = [{ check = \"probe\", weight = -1 }]", "track = [\"prob\"]",
                  "did you mean \"probe\"?"},
             Rule{"$probe", "source = \"10.0.0.11\"", "source = \"192.0.2.10\"", "cannot be the source of a probe"},
             Rule{"$probe", "source = \"10.0.0.11\"", "source = \"fe80::1\"", "is not of the family of the target"},
             Rule{"$www", "track = [\"probe\"]", "track = [\"probe\", \"probe\"]", "is tracked twice"},
             Rule{"$www", "track = [\"probe\"]", "track = [{ check = \"probe\", weight = -1 }]",
                  "and this VIP has none"},
             Rule{"$www", "bgp = { peers = [\"tor-a\"] }", "bgp = { peers = [\"tor-b\"] }", "did you mean \"tor-a\"?"},
             Rule{"$www", "bgp = { peers = [\"tor-a\"] }", "bgp = { peers = [\"tor-a\", \"tor-a\"] }", "listed twice"},
             Rule{"$www", "", "virtual_router = \"office\"", "has no effect: the VIP is announced by \"bgp\" alone"},
             Rule{"$intranet", "track = [{ check = \"probe\", weight = -20 }]", "track_bgp_session = true",
                  "needs announce = [\"vrrp\", \"bgp\"]"},
             Rule{"$intranet", "", "bgp = { med = 5 }", "has no effect: the VIP is announced by \"vrrp\" alone"},
             Rule{"$server", "forwarding = \"nat\"\nreal_server = [{ address = \"10.1.0.1\", port = 8080 }]",
                  "forwarding = \"dr\"\nreal_server = [{ address = \"10.1.0.1\", port = 8080 }]",
                  "only forwarding = \"nat\" can change the port"},
             Rule{"$server", "forwarding = \"tun\"\nreal_server = [{ address = \"2001:db8::1\" }]",
                  "forwarding = \"dr\"\nreal_server = [{ address = \"2001:db8::1\" }]",
                  "is not of the family of the VIP"},
             Rule{"$server", "forwarding = \"dr\"\nquorum = 1\nreal_server = [{ address = \"10.1.0.1\" }]",
                  "forwarding = \"dr\"\nquorum = 2\nreal_server = [{ address = \"10.1.0.1\" }]",
                  "cannot be reached with 1 real servers"},
             Rule{"$server", "forwarding = \"dr\"\nreal_server = [{ address = \"10.1.0.1\" }]",
                  "forwarding = \"dr\"\nreal_server = [{ address = \"10.1.0.1\" }, { address = \"10.1.0.1\" }]",
                  "is there already"},
             Rule{"$server", "forwarding = \"dr\"\nreal_server = [{ address = \"10.1.0.1\" }]",
                  "forwarding = \"dr\"\nprogram = \"active\"\nreal_server = [{ address = \"10.1.0.1\" }]",
                  "needs a VIP that is announced by \"vrrp\""},
         }) {
        EXPECT_EQ(said_about(with(rule.gap, rule.allowed)), "") << rule.allowed;
        EXPECT_THAT(said_about(with(rule.gap, rule.refused)), HasSubstr(std::string{rule.said})) << rule.refused;
    }
}

TEST(ConfigRules, DefaultsFollowFromOtherSections) {
    const auto config = parse(with("$peer", "passive = true"), "t.toml");
    ASSERT_TRUE(config) << describe(config.error().front());
    EXPECT_EQ(config->vips[0].interface, net::InterfaceName{"lo"});
    EXPECT_EQ(config->vips[1].interface, net::InterfaceName{"eth1"});
    EXPECT_EQ(config->vips[0].bgp.peers, std::vector{PeerName{"tor-a"}});
    EXPECT_EQ(config->virtual_routers[0].family, net::Family::Ipv4);
    EXPECT_EQ(config->bgp->listen, std::vector{net::IpAddress{net::Ipv4Address{}}});
}

}  // namespace
}  // namespace anyvip::config
