#include "anyvip/config/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace anyvip::config {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const fs::path source_dir{ANYVIP_SOURCE_DIR};

std::string read(const fs::path& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

std::string describe_all(const std::vector<Error>& errors) {
    std::string text;
    for (const Error& error : errors) text += describe(error) + '\n';
    return text;
}

Config parsed(const std::string& text, const Host& host = {.name = "lb1"}) {
    auto config = parse(text, "t.toml", host);
    if (config) return *std::move(config);
    ADD_FAILURE() << describe_all(config.error());
    return {};
}

std::string errors_of(const std::string& text, const Host& host = {.name = "lb1"}) {
    const auto config = parse(text, "t.toml", host);
    return config ? "" : describe_all(config.error());
}

const std::string one_peer = R"(
[bgp]
asn = 65010
[[bgp.peer]]
name = "tor-a"
address = "10.0.0.1"
asn = 65000
)";

const std::string one_vip = R"(
[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
)";

TEST(ConfigLoad, FifteenLinesAreAVipOverOnePeerWithOneCheck) {
    const std::string text = read(source_dir / "conf/minimal.toml");
    EXPECT_LE(std::ranges::count(text, '\n'), 15);
    const Config config = parsed(text);
    ASSERT_EQ(config.vips.size(), 1U);
    EXPECT_EQ(config.vips[0].interface, net::InterfaceName{"lo"});
    EXPECT_THAT(config.vips[0].bgp.peers, ElementsAre(PeerName{"tor-a"}));
    EXPECT_THAT(config.vips[0].track, ElementsAre(Track{CheckName{"nginx"}, std::nullopt}));
    EXPECT_EQ(config.checks[0].policy.timeout, 1s);
}

TEST(ConfigLoad, EveryFileInConfLoads) {
    int files = 0;
    for (const auto& entry : fs::directory_iterator{source_dir / "conf"}) {
        if (entry.path().extension() != ".toml") continue;
        ++files;
        const auto config = load(entry.path());
        EXPECT_TRUE(config) << describe_all(config ? std::vector<Error>{} : config.error());
    }
    EXPECT_GE(files, 4);
}

TEST(ConfigLoad, AnyvipTomlNamesEveryKey) {
    const std::string text = read(source_dir / "conf/anyvip.toml");
    const std::string printed = format(parsed(text));
    std::string word;
    for (std::size_t i = 0; i < printed.size(); ++i) {
        const char c = printed[i];
        if ((c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9')) {
            word += c;
            continue;
        }
        if (printed.compare(i, 3, " = ") == 0 && !word.empty()) {
            EXPECT_THAT(text, AnyOf(HasSubstr(word + " = "), HasSubstr('.' + word + ']')))
                << "conf/anyvip.toml does not show this key";
        }
        word.clear();
    }
}

/// tests/config-errors/NAME.toml is a file with mistakes, NAME.errors what is said about it.
/// ANYVIP_RECORD=1 rewrites the latter; the difference is reviewed like code.
TEST(ConfigLoad, SaysAboutEachBrokenFileWhatItsErrorsFileSays) {
    int files = 0;
    for (const auto& entry : fs::directory_iterator{source_dir / "tests/config-errors"}) {
        if (entry.path().extension() != ".toml") continue;
        ++files;
        const auto config = parse(read(entry.path()), entry.path().filename().string(), {.name = "lb1"});
        const std::string said = config ? "" : describe_all(config.error());
        fs::path expected = entry.path();
        expected.replace_extension(".errors");
        if (std::getenv("ANYVIP_RECORD") != nullptr) std::ofstream{expected} << said;
        EXPECT_EQ(said, read(expected)) << entry.path();
        EXPECT_NE(said, "") << entry.path();
    }
    EXPECT_GE(files, 8);
}

TEST(ConfigLoad, WhatIsPrintedReadsAsTheSameConfig) {
    for (const auto& entry : fs::directory_iterator{source_dir / "conf"}) {
        if (entry.path().extension() != ".toml") continue;
        const Config config = parsed(read(entry.path()));
        EXPECT_EQ(parsed(format(config), {}), config) << format(config);
    }
}

TEST(ConfigLoad, PrintsTheDefaultsThatWereFilledIn) {
    const std::string printed = format(parsed(one_peer + one_vip));
    EXPECT_THAT(printed, HasSubstr("name = \"lb1\"\n"));
    EXPECT_THAT(printed, HasSubstr("hold_time = \"9s\"\n"));
    EXPECT_THAT(printed, HasSubstr("families = [\"ipv4\"]\n"));
    EXPECT_THAT(printed, HasSubstr("peers = [\"tor-a\"]"));
    EXPECT_THAT(printed, HasSubstr("  # derived\n"));
}

TEST(ConfigLoad, ErrorsComeInTheOrderOfTheFile) {
    const std::string errors = errors_of("[node]\nzz = 1\nname = 5\n[bgp]\nasn = 0\nport = \"x\"\n");
    EXPECT_EQ(errors,
              "t.toml:2:1: error: unknown key \"zz\" in node\n"
              "t.toml:3:8: error: expected a string, found the integer 5\n"
              "t.toml:5:7: error: AS 0 is reserved and cannot be a speaker's\n"
              "t.toml:6:8: error: expected an integer from 1 to 65535, found \"x\"\n");
}

TEST(ConfigLoad, ColumnsCountCodePoints) {
    // The e-acute is one code point and two octets; "zz" begins at the 16th character.
    EXPECT_THAT(errors_of("node = { n = \"\u00e9\", zz = 1 }"), HasSubstr("t.toml:1:19: error: unknown key \"zz\""));
}

TEST(ConfigLoad, ASyntaxErrorIsOneError) {
    const auto config = parse("[node\nname = 1", "t.toml");
    ASSERT_FALSE(config);
    ASSERT_EQ(config.error().size(), 1U);
    EXPECT_EQ(config.error()[0].line, 1U);
}

TEST(ConfigLoad, AsdotIsAFourOctetAs) {
    // 65000 * 65536 + 10.
    EXPECT_EQ(parsed("[bgp]\nasn = \"65000.10\"").bgp->asn, Asn{4259840010U});
    EXPECT_THAT(errors_of("[bgp]\nasn = \"65000.65536\""), HasSubstr("expected an AS number"));
}

TEST(ConfigLoad, InternalPeersAreOfOurAsAndMayBeFarAway) {
    const Config config =
        parsed("[bgp]\nasn = 65010\n[[bgp.peer]]\nname=\"a\"\naddress=\"10.0.0.1\"\nasn=\"internal\"\n");
    const Peer& peer = config.bgp->peers[0];
    EXPECT_EQ(peer.asn, Asn{65010});
    EXPECT_EQ(peer.multihop, 255);
    EXPECT_EQ(peer.hold_time, 30s);
}

TEST(ConfigLoad, ExternalPeersHaveAnyAs) {
    const Config config =
        parsed("[bgp]\nasn = 65010\n[[bgp.peer]]\nname=\"a\"\naddress=\"10.0.0.1\"\nasn=\"external\"\n");
    EXPECT_EQ(config.bgp->peers[0].asn, std::nullopt);
    EXPECT_EQ(config.bgp->peers[0].multihop, 1);
    EXPECT_EQ(config.bgp->peers[0].hold_time, 9s);
}

TEST(ConfigLoad, APassivePeerMakesTheSpeakerListen) {
    EXPECT_THAT(parsed(one_peer).bgp->listen, IsEmpty());
    EXPECT_THAT(parsed(one_peer + "passive = true\n").bgp->listen, ElementsAre(net::IpAddress{net::Ipv4Address{}}));
}

TEST(ConfigLoad, RouterIdIsTheSourceOfAPeerBeforeWhatTheHostSays) {
    Host host{.name = "lb1"};
    host.source_towards = [](const net::IpAddress&) { return net::Ipv4Address::parse("10.0.0.99"); };
    EXPECT_EQ(parsed(one_peer + "source = \"10.0.0.11\"\n", host).bgp->router_id.address.to_string(), "10.0.0.11");
    const Config derived = parsed(one_peer, host);
    EXPECT_EQ(derived.bgp->router_id.address.to_string(), "10.0.0.99");
    EXPECT_TRUE(derived.bgp->router_id.derived);
}

TEST(ConfigLoad, RouterIdIsNeverAVip) {
    Host host{.name = "lb1"};
    host.source_towards = [](const net::IpAddress&) { return net::Ipv4Address::parse("203.0.113.10"); };
    const auto router_id = parsed(one_peer + one_vip, host).bgp->router_id;
    EXPECT_NE(router_id.address.to_string(), "203.0.113.10");
    EXPECT_FALSE(router_id.address.is_unspecified());
}

TEST(ConfigLoad, AReloadKeepsADerivedRouterIdAndTakesAWrittenOne) {
    Config running = parsed(one_peer);
    running.bgp->router_id.address = *net::Ipv4Address::parse("10.9.9.9");
    Config next = parsed(one_peer);
    keep_derived(next, running);
    EXPECT_EQ(next.bgp->router_id.address.to_string(), "10.9.9.9");
    Config written = parsed("[bgp]\nasn = 65010\nrouter_id = \"10.0.0.5\"\n");
    keep_derived(written, running);
    EXPECT_EQ(written.bgp->router_id.address.to_string(), "10.0.0.5");
}

TEST(ConfigLoad, AVipGoesToThePeersThatCarryItsFamily) {
    const Config config = parsed(one_peer + R"(
[[bgp.peer]]
name = "both"
address = "10.0.0.2"
asn = 65000
next_hop6 = "2001:db8::11"
[[vip]]
name = "six"
address = "2001:db8:1::1"
announce = "bgp"
)" + one_vip);
    EXPECT_THAT(config.vips[0].bgp.peers, ElementsAre(PeerName{"both"}));
    EXPECT_THAT(config.vips[1].bgp.peers, ElementsAre(PeerName{"both"}, PeerName{"tor-a"}));
}

TEST(ConfigLoad, AVirtualRouterHasTheFamilyOfItsVips) {
    const Config config = parsed(R"(
[[virtual_router]]
name = "six"
interface = "eth1"
vrid = 1
[[vip]]
name = "v"
address = "2001:db8::1/64"
announce = "vrrp"
virtual_router = "six"
)");
    EXPECT_EQ(config.virtual_routers[0].family, net::Family::Ipv6);
    EXPECT_EQ(config.vips[0].interface, net::InterfaceName{"eth1"});
    EXPECT_EQ(config.vips[0].address.length(), 64);
}

TEST(ConfigLoad, AHybridVipTracksTheSessionUnlessToldOtherwise) {
    const std::string hybrid = one_peer + R"(
[[virtual_router]]
name = "r"
interface = "eth1"
vrid = 1
[[vip]]
name = "v"
address = "192.0.2.1"
announce = ["vrrp", "bgp"]
virtual_router = "r"
)";
    EXPECT_TRUE(parsed(hybrid).vips[0].track_bgp_session);
    EXPECT_FALSE(parsed(hybrid + "track_bgp_session = false\n").vips[0].track_bgp_session);
    EXPECT_FALSE(parsed(one_peer + one_vip).vips[0].track_bgp_session);
}

TEST(ConfigLoad, EachRealServerHasACheckOfItsOwn) {
    const Config config = parsed(one_peer + one_vip + R"(
[[virtual_server]]
name = "web"
vip = "www"
port = 80
forwarding = "nat"
check = { http = { path = "/up", port = 8081 } }
[[virtual_server.real_server]]
address = "10.1.0.1"
port = 8080
)");
    const auto checks = effective_checks(config);
    ASSERT_EQ(checks.size(), 1U);
    EXPECT_EQ(checks[0].name, CheckName{"web/10.1.0.1:8080"});
    const auto& probe = std::get<health::HttpProbe>(checks[0].probe);
    EXPECT_EQ(probe.target.to_string(), "10.1.0.1:8081");
    EXPECT_EQ(probe.path, "/up");
    EXPECT_EQ(id_of(config, config.virtual_servers[0]).address.to_string(), "203.0.113.10:80");
}

TEST(ConfigLoad, WhatASessionOffersIsOffUnlessAskedFor) {
    const Config plain = parsed(one_peer);
    const Peer& peer = plain.bgp->peers[0];
    EXPECT_EQ(peer.role, std::nullopt);
    EXPECT_FALSE(peer.strict_role || peer.extended_next_hop || peer.capability_fallback);
    EXPECT_EQ(peer.add_path, AddPath{});
    EXPECT_EQ(peer.delay_open, Duration::zero());
    EXPECT_EQ(peer.device, "");
    EXPECT_EQ(format(plain).find("role"), std::string::npos);

    const std::string words =
        "role = \"rs-client\"\nstrict_role = true\nadd_path = \"receive\"\ndelay_open = \"5s\"\n"
        "capability_fallback = true\ndevice = \"vrf-red\"\n";
    const Config full = parsed(one_peer + words);
    const Peer& with = full.bgp->peers[0];
    EXPECT_EQ(with.role, BgpRole::RouteServerClient);
    EXPECT_TRUE(with.strict_role && with.add_path.receive && with.capability_fallback);
    EXPECT_EQ(with.delay_open, 5s);
    EXPECT_EQ(with.device, "vrf-red");
    EXPECT_EQ(parsed(format(full)), full);
}

TEST(ConfigLoad, NobodyKeepsRoutesOfALostSessionUnlessItIsAskedFor) {
    const Config plain = parsed(one_peer);
    EXPECT_EQ(plain.bgp->peers[0].graceful_restart, GracefulRestart::Off);
    EXPECT_EQ(format(plain).find("restart_time"), std::string::npos);

    const Config on = parsed(one_peer + "graceful_restart = \"on\"\n");
    EXPECT_EQ(on.bgp->peers[0].graceful_restart, GracefulRestart::On);
    EXPECT_EQ(on.bgp->peers[0].restart_time, 30s);
    EXPECT_EQ(on.bgp->peers[0].long_lived_stale_time, Duration::zero());
    EXPECT_EQ(traffic_after_death(on.bgp->peers[0]), 39s) << "9 s of hold_time and 30 s";

    const Config full = parsed(one_peer + "graceful_restart = \"forced\"\nrestart_time = \"4095s\"\n");
    EXPECT_EQ(full.bgp->peers[0].restart_time, 4095s);
    EXPECT_EQ(parsed(format(full)), full);
}

TEST(ConfigLoad, SeveralPathsAreSentReceivedOrBoth) {
    for (const auto& [word, add_path] : {std::pair{"off", AddPath{}},
                                         {"receive", {.send = false, .receive = true}},
                                         {"send", {.send = true, .receive = false}},
                                         {"both", {.send = true, .receive = true}}}) {
        const Config config = parsed(one_peer + "add_path = \"" + word + "\"\n");
        EXPECT_EQ(config.bgp->peers[0].add_path, add_path);
        EXPECT_EQ(parsed(format(config)), config);
    }
}

TEST(ConfigLoad, NothingIsImportedUnlessItIsNamed) {
    const Config nothing = parsed(one_peer);
    const Peer& plain = nothing.bgp->peers[0];
    EXPECT_THAT(plain.import, IsEmpty());
    EXPECT_EQ(plain.max_prefixes, 100U);
    EXPECT_EQ(plain.max_prefixes_action, MaxPrefixesAction::Refuse);
    const Config full = parsed(one_peer +
                               "import = [\"0.0.0.0/0\", { prefix = \"10.0.0.0/8\", max_length = 24 }]\n"
                               "max_prefixes = 5\nmax_prefixes_action = \"stop\"\nmax_prefixes_out = 7\n");
    const Peer& peer = full.bgp->peers[0];
    EXPECT_THAT(peer.import, ElementsAre(ImportRule{*net::Prefix::parse("0.0.0.0/0"), 0},
                                         ImportRule{*net::Prefix::parse("10.0.0.0/8"), 24}));
    EXPECT_EQ(peer.max_prefixes, 5U);
    EXPECT_EQ(peer.max_prefixes_action, MaxPrefixesAction::Stop);
    EXPECT_EQ(peer.max_prefixes_out, 7U);
    EXPECT_EQ(parsed(format(full)), full);
}

TEST(ConfigLoad, AnExtendedNextHopLetsAnIpv6SessionCarryIpv4) {
    const std::string ipv6 =
        "[bgp]\nasn = 65010\nrouter_id = \"10.0.0.11\"\n[[bgp.peer]]\nname=\"a\"\n"
        "address=\"2001:db8::1\"\nasn=65000\n";
    EXPECT_FALSE(parsed(ipv6).bgp->peers[0].families.ipv4);
    const Config config = parsed(ipv6 + "extended_next_hop = true\n");
    EXPECT_TRUE(config.bgp->peers[0].families.ipv4);
    EXPECT_EQ(parsed(format(config)), config);
}

TEST(ConfigLoad, WordsOfLaterVersionsAreNotTakenForMistakes) {
    EXPECT_EQ(errors_of(one_peer +
                        "[[vip]]\nname = \"www\"\naddress = \"203.0.113.10\"\nannounce = \"bgp\"\nnotify = \"x\"\n"),
              "t.toml:12:1: error: \"notify\" is not available yet in this version\n");
    EXPECT_THAT(errors_of(one_peer + "bfdd = 1\n"), HasSubstr("unknown key \"bfdd\" in bgp.peer"));
}

class PasswordFile : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "anyvip-config-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        std::ofstream{folder_ / "anyvip.toml"} << one_peer << "password_file = \"tor-a.key\"\n";
    }
    void TearDown() override { fs::remove_all(folder_); }

    void write_key(const std::string& text, mode_t mode) {
        std::ofstream{folder_ / "tor-a.key"} << text;
        ASSERT_EQ(::chmod((folder_ / "tor-a.key").c_str(), mode), 0);
    }
    std::string message() {
        const auto config = load(folder_ / "anyvip.toml");
        return config ? "" : describe_all(config.error());
    }

    fs::path folder_;
};

TEST_F(PasswordFile, IsReadBesideTheConfigAndNeverPrinted) {
    write_key("s3cret\n", 0600);
    const auto config = load(folder_ / "anyvip.toml");
    ASSERT_TRUE(config);
    EXPECT_EQ(config->bgp->peers[0].password.reveal(), "s3cret");
    EXPECT_THAT(format(*config), HasSubstr("password_file = \"tor-a.key\""));
    EXPECT_THAT(format(*config), ::testing::Not(HasSubstr("s3cret")));
}

TEST_F(PasswordFile, ThatOthersCanReadIsAnErrorAtItsPlace) {
    write_key("s3cret\n", 0644);
    EXPECT_THAT(message(), HasSubstr("anyvip.toml:8:17: error: password file"));
    EXPECT_THAT(message(), HasSubstr("everybody can read it"));
}

TEST_F(PasswordFile, ThatIsMissingEmptyOrTooLongIsAnError) {
    EXPECT_THAT(message(), HasSubstr("cannot read it"));
    write_key("\n", 0600);
    EXPECT_THAT(message(), HasSubstr("it is empty"));
    write_key(std::string(81, 'x'), 0600);
    EXPECT_THAT(message(), HasSubstr("at most 80 octets"));
}

TEST(ConfigLoad, AFileThatCannotBeReadIsOneErrorWithoutPlace) {
    const auto config = load("/nonexistent/anyvip.toml");
    ASSERT_FALSE(config);
    EXPECT_EQ(describe_all(config.error()),
              "/nonexistent/anyvip.toml: error: cannot read it: No such file or directory\n");
}

TEST(ConfigWarnings, NatBehindSeveralAnnouncers) {
    const std::string nat = one_peer + one_vip + R"(
[[virtual_server]]
name = "web"
vip = "www"
port = 80
forwarding = "nat"
check = { tcp = {} }
[[virtual_server.real_server]]
address = "10.1.0.1"
)";
    EXPECT_THAT(warnings(parsed(nat)), ElementsAre(HasSubstr("replies follow the real server's one gateway")));
}

TEST(ConfigWarnings, ABackupThatIsARealServerItself) {
    const auto config = [](const std::string& program) {
        return parsed(R"(
[[virtual_router]]
name = "r"
interface = "eth1"
vrid = 1
source = "192.0.2.1"
unicast_peers = ["192.0.2.2"]
[[vip]]
name = "v"
address = "192.0.2.100"
announce = "vrrp"
virtual_router = "r"
[[virtual_server]]
name = "web"
vip = "v"
port = 80
forwarding = "dr"
check = { tcp = {} }
program = ")" + program +
                      R"("
[[virtual_server.real_server]]
address = "192.0.2.2"
)");
    };
    EXPECT_THAT(warnings(config("always")), ElementsAre(HasSubstr("packets loop between the nodes")));
    EXPECT_THAT(warnings(config("active")), IsEmpty());
}

/// A VIP to one external peer.
Config announced(const std::string& node, const std::string& vip) {
    return parsed("[node]\n" + node + R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
[[bgp.peer]]
name = "tor-a"
address = "10.0.0.1"
asn = 65000
[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
)" + vip);
}

TEST(ConfigWarnings, AStopThatIsShorterThanItsOwnPartsIsAMistake) {
    EXPECT_THAT(warnings(announced("stop_timeout = \"3s\"", "")), ElementsAre(HasSubstr("stop_timeout ends before")));
    EXPECT_THAT(warnings(announced("stop_timeout = \"4s\"", "")), IsEmpty());
}

TEST(ConfigWarnings, ARoleSpeaksToEveryKindOfPeer) {
    EXPECT_THAT(warnings(announced("", "role = \"backup\"")), IsEmpty());
    EXPECT_THAT(warnings(announced("", "bgp = { local_pref = 50 }")),
                ElementsAre(HasSubstr("local_pref has no effect")));
}

TEST(ConfigLoad, NobodyIsToKeepARouteForLongUnlessItIsSaid) {
    EXPECT_TRUE(announced("", "").vips[0].bgp.attributes.no_llgr);
    const Config kept = announced("", "bgp = { no_llgr = false, per_peer = { tor-a = { no_llgr = true } } }");
    EXPECT_FALSE(kept.vips[0].bgp.attributes.no_llgr);
    EXPECT_TRUE(kept.vips[0].bgp.per_peer.at(PeerName{"tor-a"}).no_llgr);
    EXPECT_EQ(parsed(format(kept)).vips, kept.vips);
}

// RFC 4360 §3, RFC 5668 §2: positive; the kind follows from what stands in front of the last colon.
TEST(ConfigLoad, ExtendedCommunitiesAreSortedAndOnceEach) {
    const Config config = announced("",
                                    "bgp = { extended_communities = [\"soo:192.0.2.1:5\", \"rt:4200000000:7\", "
                                    "\"rt:65000:100\", \"0x0002fde800000064\"], "
                                    "per_peer = { tor-a = { extended_communities = [] } } }");
    std::vector<std::string> texts;
    for (const auto& each : config.vips[0].bgp.attributes.extended_communities) texts.push_back(each.to_string());
    EXPECT_THAT(texts, ElementsAre("rt:65000:100", "soo:192.0.2.1:5", "rt:4200000000:7"));
    EXPECT_THAT(config.vips[0].bgp.per_peer.at(PeerName{"tor-a"}).extended_communities, IsEmpty());
    EXPECT_THAT(format(config),
                HasSubstr(R"(extended_communities = ["rt:65000:100", "soo:192.0.2.1:5", "rt:4200000000:7"])"));
    EXPECT_EQ(parsed(format(config)), config);
}

TEST(ConfigLoad, ALinkBandwidthIsARateOrOneForEachWeight) {
    const Config config = announced("",
                                    "bgp = { link_bandwidth = \"10Gbit/s\", "
                                    "per_peer = { tor-a = { link_bandwidth = \"off\" } } }");
    EXPECT_EQ(config.vips[0].bgp.attributes.link_bandwidth, (LinkBandwidth{1'250'000'000, false}));
    EXPECT_EQ(config.vips[0].bgp.per_peer.at(PeerName{"tor-a"}).link_bandwidth, std::nullopt);
    EXPECT_EQ(parsed(format(config)), config);
    const std::string server =
        "\n[[virtual_server]]\nname = \"http\"\nvip = \"www\"\nport = 80\nforwarding = \"nat\"\n"
        "real_server = [{ address = \"10.0.1.21\" }]\n";
    const Config of_servers = announced("",
                                        "bgp = { link_bandwidth = { per_weight = \"125MB/s\" } }\n"
                                        "capacity_rise_after = \"3s\"" +
                                            server);
    EXPECT_EQ(of_servers.vips[0].bgp.attributes.link_bandwidth, (LinkBandwidth{125'000'000, true}));
    EXPECT_EQ(of_servers.vips[0].capacity_rise_after, 3s);
    EXPECT_EQ(parsed(format(of_servers)), of_servers);
}

TEST(ConfigLoad, BfdMayBeStrict) {
    const auto bfd = [](const std::string& words) {
        const Config config = parsed(R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
[[bgp.peer]]
name = "tor-a"
address = "10.0.0.1"
asn = 65000
bfd = { )" + words + " }\n");
        EXPECT_EQ(parsed(format(config)), config);
        return *config.bgp->peers[0].bfd;
    };
    EXPECT_FALSE(bfd("").strict);
    EXPECT_TRUE(bfd("strict = true").strict);
    EXPECT_EQ(bfd("strict = true").strict_hold, 30s);  // draft-ietf-idr-bgp-bfd-strict-mode §3
    EXPECT_EQ(bfd("strict = true, strict_hold = \"45s\"").strict_hold, 45s);
}

TEST(ConfigLoad, AStandbyPrefersOthersAndHasItsTimes) {
    const Config config = announced("", "role = \"standby\"\nlearn_delay = \"5s\"\nstandby = { rank = 7 }\n");
    const Vip& vip = config.vips[0];
    EXPECT_EQ(vip.standby, (Standby{.rank = 7, .take_after = 1s, .yield_after = 1s}));
    EXPECT_EQ(vip.learn_delay, 5s);
    EXPECT_EQ(vip.bgp.attributes.local_pref, 50U);
    EXPECT_EQ(vip.bgp.attributes.med, 100U);
    EXPECT_EQ(vip.bgp.attributes.prepend, 3U);
    EXPECT_EQ(parsed(format(config)), config);
    EXPECT_EQ(announced("", "role = \"standby\"").vips[0].standby, Standby{});
    EXPECT_EQ(announced("", "role = \"backup\"").vips[0].standby, std::nullopt);
}

TEST(ConfigWarnings, AStandbyThatWouldNotHearThatThePrimaryIsBack) {
    const auto deaf = HasSubstr("would not hear from \"tor-a\" that the primary is back");
    const auto hidden = HasSubstr("a router that sends no route to an AS that is in its path");
    EXPECT_THAT(warnings(announced("", "role = \"standby\"")), ElementsAre(hidden));
    EXPECT_THAT(warnings(announced("", "role = \"standby\"\nbgp = { prepend = 0 }")), ElementsAre(deaf, hidden));
    EXPECT_THAT(warnings(announced("", "role = \"standby\"\nbgp = { per_peer = { tor-a = { prepend = 0 } } }")),
                ElementsAre(deaf, hidden));
}

const std::string peer_with_bfd = R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
[[bgp.peer]]
name = "tor-a"
address = "10.0.0.1"
asn = 65000
)";

TEST(ConfigLoad, BfdIsOffUntilItIsAskedForAndHasItsDefaults) {
    EXPECT_EQ(parsed(peer_with_bfd).bgp->peers[0].bfd, std::nullopt);
    const auto peer = parsed(peer_with_bfd + "bfd = {}\n").bgp->peers[0];
    EXPECT_EQ(peer.bfd, PeerBfd{});
    // The hold time no longer is what finds a dead node.
    EXPECT_EQ(peer.hold_time, std::chrono::seconds{30});
}

TEST(ConfigLoad, BfdOverSeveralHopsFollowsThePeer) {
    const auto peer = parsed(peer_with_bfd + "multihop = 2\nbfd = { interval = \"10ms\" }\n").bgp->peers[0];
    EXPECT_TRUE(peer.bfd->multihop);
    EXPECT_EQ(peer.bfd->min_ttl, 1);
    EXPECT_EQ(peer.bfd->receive_interval, std::chrono::milliseconds{10});
    EXPECT_FALSE(parsed(peer_with_bfd + "multihop = 2\nbfd = { multihop = false }\n").bgp->peers[0].bfd->multihop);
}

TEST(ConfigLoad, BfdIsPrintedAsItWasRead) {
    const auto config = parsed(peer_with_bfd + "multihop = 2\nbfd = { passive = true, min_ttl = 254 }\n");
    EXPECT_EQ(parsed(format(config)), config) << format(config);
}

const std::string peer_range = R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
[[bgp.peer]]
name = "rack"
range = "10.0.0.0/24"
asn = "external"
[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
)";

TEST(ConfigLoad, ARangeIsPassiveListensAndHasALimit) {
    const Bgp bgp = *parsed(peer_range).bgp;
    EXPECT_EQ(bgp.peers[0].range->to_string(), "10.0.0.0/24");
    EXPECT_EQ(bgp.peers[0].limit, 100);
    EXPECT_TRUE(bgp.peers[0].passive);
    EXPECT_TRUE(bgp.peers[0].families.ipv4);
    EXPECT_THAT(bgp.listen, ElementsAre(net::IpAddress{net::Ipv4Address{}}));
    EXPECT_THAT(parsed(peer_range).vips[0].bgp.peers, ElementsAre(PeerName{"rack"}));
}

TEST(ConfigLoad, ARangeIsPrintedAsItWasRead) {
    const auto config = parsed(peer_range);
    EXPECT_EQ(parsed(format(config)), config) << format(config);
}

// It is no address that a route leads to.
TEST(ConfigLoad, NoRouterIdIsDerivedFromARange) {
    const Host host{.name = "lb1",
                    .source_towards = [](const net::IpAddress&) { return net::Ipv4Address::parse("127.0.0.1"); },
                    .read_password = {}};
    std::string text = peer_range;
    text.replace(text.find("router_id"), std::string{"router_id = \"10.0.0.11\""}.size(), "");
    EXPECT_NE(parsed(text, host).bgp->router_id.address, *net::Ipv4Address::parse("127.0.0.1"));
}

const std::string unnumbered = R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
[[bgp.peer]]
name = "tor"
interface = "eth0"
asn = "external"
[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
[[vip]]
name = "www6"
address = "2001:db8:f::10"
announce = "bgp"
)";

TEST(ConfigLoad, AnUnnumberedPeerCarriesBothFamilies) {
    const Config config = parsed(unnumbered);
    const Peer& peer = config.bgp->peers[0];
    EXPECT_EQ(peer.interface, net::InterfaceName{"eth0"});
    EXPECT_EQ(peer.address, net::IpAddress{net::Ipv6Address{}});
    EXPECT_TRUE(peer.extended_next_hop);
    EXPECT_EQ(peer.families, (Families{.ipv4 = true, .ipv6 = true}));
    EXPECT_EQ(peer.link_local_next_hop, std::nullopt);
    EXPECT_FALSE(peer.passive);
    EXPECT_THAT(config.bgp->listen, ::testing::IsEmpty());
    for (const Vip& vip : config.vips) EXPECT_THAT(vip.bgp.peers, ElementsAre(PeerName{"tor"}));
}

TEST(ConfigLoad, AnUnnumberedPeerOfOurOwnAsIsOnTheLinkToo) {
    std::string text = unnumbered;
    text.replace(text.find("\"external\""), 10, "\"internal\"");
    EXPECT_EQ(parsed(text).bgp->peers[0].multihop, 1);
}

TEST(ConfigLoad, AnUnnumberedPeerIsPrintedAsItWasRead) {
    for (const char* more : {"", "link_local_next_hop = \"twice\"\n", "link_local_next_hop = \"after-unspecified\"\n",
                             "extended_next_hop = false\n", "passive = true\n", "ttl_security = 1\n"}) {
        std::string text = unnumbered;
        text.insert(text.find("[[vip]]"), more);
        if (std::string_view{more}.starts_with("extended")) text.resize(text.find("[[vip]]"));
        const auto config = parsed(text);
        EXPECT_EQ(parsed(format(config)), config) << format(config);
    }
}

TEST(ConfigLoad, KeysOfTcpAoAreReadAndPrintedWithoutTheirSecrets) {
    const Host host{.name = "lb1",
                    .source_towards = {},
                    .read_password = [](const std::string& file) -> std::expected<std::string, std::string> {
                        return "moon-" + file;
                    }};
    std::string text = peer_range;
    text.insert(text.find("[[vip]]"),
                "tcp_ao = [{ key_file = \"old\", send_id = 1, receive_id = 2, algorithm = \"aes-128-cmac-96\" }, "
                "{ key_file = \"new\", send_id = 3, receive_id = 4 }]\n");
    const auto config = parsed(text, host);
    const auto& keys = config.bgp->peers[0].tcp_ao;
    ASSERT_EQ(keys.size(), 2U);
    EXPECT_EQ(keys[0].key.reveal(), "moon-old");
    EXPECT_EQ(keys[0].algorithm, TcpAoAlgorithm::Aes128Cmac);
    EXPECT_EQ((std::pair{keys[1].send_id, keys[1].receive_id}), (std::pair<std::uint8_t, std::uint8_t>{3, 4}));
    EXPECT_EQ(keys[1].algorithm, TcpAoAlgorithm::HmacSha1);
    EXPECT_THAT(format(config), ::testing::Not(HasSubstr("moon-")));
    EXPECT_EQ(parsed(format(config), host), config) << format(config);
}

}  // namespace
}  // namespace anyvip::config
