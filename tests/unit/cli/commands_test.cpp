#include "cli/commands.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "anyvip/overloaded.hpp"
#include "control/io/server.hpp"

namespace anyvip::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* config_text = R"([bgp]
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
)";

// What FakeDaemon has of peers.
const std::string range_of_nobody =
    "RANGE  ADDRESSES    AS     SESSIONS  KNOWN  REFUSED  REMARKS\n"
    "rack   10.0.8.0/24  65000  0/100     0      2\n";

class Commands : public testing::Test {
protected:
    Commands() {
        std::string pattern = (fs::temp_directory_path() / "anyvip-cli-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~Commands() override {
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }

    std::string write(const std::string& name, const std::string& text) {
        const auto path = (directory_ / name).string();
        std::ofstream{path} << text;
        return path;
    }
    [[nodiscard]] std::string socket() const { return (directory_ / "anyvipd.sock").string(); }

    fs::path directory_;
    std::ostringstream out_;
    std::ostringstream err_;
    Terminal terminal_{out_, err_, {}};
};

/// A daemon that has the conversation and nothing behind it, in a thread of its own as the real one is.
class FakeDaemon {
public:
    explicit FakeDaemon(const std::string& path)
        : server_{context_.get_executor(), [this](control::io::ClientId client, control::Request request) {
                      server_.reply(client, answer(request));
                  }} {
        listening_ = server_.listen(path).has_value();
        thread_ = std::thread{[this] { context_.run(); }};
    }
    ~FakeDaemon() {
        context_.stop();
        thread_.join();
    }
    FakeDaemon(const FakeDaemon&) = delete;
    FakeDaemon& operator=(const FakeDaemon&) = delete;
    [[nodiscard]] bool listening() const { return listening_; }

private:
    static std::string answer(const control::Request& request) {
        return std::visit(
            overloaded{
                [](const control::PingRequest&) { return control::answer_error("the server answers pings"); },
                [](const control::StatusRequest&) {
                    return std::string{
                        R"({"ok":true,"status":{"node":"lb1","version":"0.1.0","uptime":1.5,"bgp":null,"vips":[{"name":)"
                        R"("www","address":"203.0.113.10/32","announce":"bgp","state":"Ready","verdict":{"eligible":)"
                        R"(false,"reason":"drained","detail":""},"kernel_error":null}],"peer_ranges":[{"name":"rack",)"
                        R"("range":"10.0.8.0/24","configured_asn":65000,"limit":100,"instances":0,"established":0,)"
                        R"("refused":2,"last_error":null}],"checks":[]}})"};
                },
                [](const control::RoutesRequest&) {
                    return std::string{
                        R"({"ok":true,"routes":{"announcements":[],"received":[{"peer":"tor-a","accepted":1,)"
                        R"("max_prefixes":100,"refused":{"policy":2,"leak":0},"routes":[{"prefix":"0.0.0.0/0",)"
                        R"("accepted":true,"next_hop":"10.0.0.1","as_path":"65000","age":3}]}]}})"};
                },
                [](const control::ReloadRequest&) { return control::answer_error("a.toml:3:1: error: no such key"); },
                [](const control::DrainRequest& drain) { return control::answer_ok(describe(drain)); },
            },
            request);
    }

    boost::asio::io_context context_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
    control::io::Server server_;
    bool listening_ = false;
    std::thread thread_;
};

TEST_F(Commands, CheckPrintsTheEffectiveConfigurationWhichPassesAgain) {
    EXPECT_EQ(check_file(write("a.toml", config_text), terminal_), ExitCode::Ok) << err_.str();
    EXPECT_NE(out_.str().find("hold_time = \"9s\""), std::string::npos) << out_.str();
    const auto again = write("b.toml", out_.str());
    std::ostringstream second;
    EXPECT_EQ(check_file(again, {second, err_, {}}), ExitCode::Ok) << err_.str();
    EXPECT_EQ(second.str(), out_.str());
}

TEST_F(Commands, CheckNamesThePlaceOfAnError) {
    const auto file = write("a.toml", "[[vip]]\nname = \"www\"\nadress = \"203.0.113.10\"\n");
    EXPECT_EQ(check_file(file, terminal_), ExitCode::Error);
    EXPECT_EQ(out_.str(), "");
    EXPECT_NE(err_.str().find(file + ":3:1: error: "), std::string::npos) << err_.str();
    EXPECT_NE(err_.str().find("did you mean \"address\"?"), std::string::npos) << err_.str();
}

TEST_F(Commands, PlanTellsWhatAReloadWouldDo) {
    const auto from = write("a.toml", config_text);
    EXPECT_EQ(plan(from, from, terminal_), ExitCode::Ok);
    EXPECT_EQ(out_.str(), "nothing changes\n");
    out_.str("");
    std::string changed = config_text;
    changed += "bgp = { med = 50 }\n";
    EXPECT_EQ(plan(write("b.toml", changed), from, terminal_), ExitCode::Ok);
    EXPECT_NE(out_.str().find("www"), std::string::npos) << out_.str();
    EXPECT_EQ(plan(write("c.toml", "nonsense"), from, terminal_), ExitCode::Error);
}

TEST_F(Commands, WithoutADaemonTheExitCodeSaysSo) {
    EXPECT_EQ(show_status(socket(), {}, terminal_), ExitCode::NotReachable);
    EXPECT_EQ(err_.str(), "anyvip: no daemon: " + socket() + ": No such file or directory\n");
    EXPECT_EQ(reload(socket(), terminal_), ExitCode::NotReachable);
}

TEST_F(Commands, StatusIsATableOrTheJsonAsItIs) {
    const FakeDaemon daemon{socket()};
    ASSERT_TRUE(daemon.listening());
    EXPECT_EQ(show_status(socket(), {}, terminal_), ExitCode::Ok) << err_.str();
    EXPECT_EQ(out_.str(),
              "node lb1, anyvipd 0.1.0, up 1.5s\n\nVIP  ADDRESS          ANNOUNCE  STATE  VERDICT\n"
              "www  203.0.113.10/32  bgp       Ready  drained\n\n" +
                  range_of_nobody);
    out_.str("");
    EXPECT_EQ(show_status(socket(), {.view = View::Vips, .json = true}, terminal_), ExitCode::Ok);
    EXPECT_EQ(out_.str(), R"({"vips":[{"name":"www","address":"203.0.113.10/32","announce":"bgp","state":"Ready",)"
                          R"("verdict":{"eligible":false,"reason":"drained","detail":""},"kernel_error":null}]})"
                          "\n");
    out_.str("");
    EXPECT_EQ(show_status(socket(), {.view = View::Checks}, terminal_), ExitCode::Ok);
    EXPECT_EQ(out_.str(), "no checks\n");
    EXPECT_EQ(show_status(socket(), {.exit_code = true}, terminal_), ExitCode::Unhealthy);
}

TEST_F(Commands, RoutesAreAnAnswerOfTheirOwn) {
    const FakeDaemon daemon{socket()};
    ASSERT_TRUE(daemon.listening());
    EXPECT_EQ(show_status(socket(), {.view = View::Routes}, terminal_), ExitCode::Ok) << err_.str();
    EXPECT_EQ(out_.str(),
              "tor-a: 1 of at most 100 accepted, 2 refused: policy\n\n"
              "PEER   PREFIX     NEXT HOP  AS_PATH  FOR   REMARKS\n"
              "tor-a  0.0.0.0/0  10.0.0.1  65000    3.0s\n");
    out_.str("");
    EXPECT_EQ(show_status(socket(), {.view = View::Peers, .json = true}, terminal_), ExitCode::Ok);
    EXPECT_EQ(out_.str(), R"({"bgp":null,"peer_ranges":[{"name":"rack","range":"10.0.8.0/24","configured_asn":65000,)"
                          R"("limit":100,"instances":0,"established":0,"refused":2,"last_error":null}],)"
                          R"("announcements":[]})"
                          "\n");
    out_.str("");
    EXPECT_EQ(show_status(socket(), {.view = View::Peers, .peer = "tor-b"}, terminal_), ExitCode::Ok);
    EXPECT_EQ(out_.str(), "no such BGP peer\n");
}

TEST_F(Commands, ARangeThatNobodyHasConnectedFromIsShownWithThePeers) {
    const FakeDaemon daemon{socket()};
    ASSERT_TRUE(daemon.listening());
    EXPECT_EQ(show_status(socket(), {.view = View::Peers}, terminal_), ExitCode::Ok) << err_.str();
    EXPECT_EQ(out_.str(), range_of_nobody);
}

TEST_F(Commands, ExplainTellsWhyAndItsExitCodeOnlyWhenAsked) {
    const FakeDaemon daemon{socket()};
    ASSERT_TRUE(daemon.listening());
    EXPECT_EQ(show_status(socket(), {.view = View::Chain, .vip = "www"}, terminal_), ExitCode::Ok) << err_.str();
    EXPECT_TRUE(out_.str().starts_with("www is not announced: order of steps holds it back: drained\n")) << out_.str();
    EXPECT_EQ(show_status(socket(), {.view = View::Chain, .vip = "www", .exit_code = true}, terminal_),
              ExitCode::Unhealthy);
    out_.str("");
    EXPECT_EQ(show_status(socket(), {.view = View::Chain, .vip = "www", .json = true}, terminal_), ExitCode::Ok);
    EXPECT_TRUE(out_.str().starts_with(R"({"vip":"www","served":false,"summary":"www is not announced: )"))
        << out_.str();
}

TEST_F(Commands, ExplainOfAnUnknownVipNamesThoseThatThereAre) {
    const FakeDaemon daemon{socket()};
    ASSERT_TRUE(daemon.listening());
    EXPECT_EQ(show_status(socket(), {.view = View::Chain, .vip = "api"}, terminal_), ExitCode::Error);
    EXPECT_EQ(out_.str(), "");
    EXPECT_EQ(err_.str(), "anyvip: there is no VIP api; there are: www\n");
}

TEST_F(Commands, WhatTheDaemonRefusesFails) {
    const FakeDaemon daemon{socket()};
    EXPECT_EQ(reload(socket(), terminal_), ExitCode::Error);
    EXPECT_EQ(err_.str(), "anyvip: a.toml:3:1: error: no such key\n");
}

TEST_F(Commands, DrainSaysWhatWasDrained) {
    const FakeDaemon daemon{socket()};
    const vip::RealServerTarget target{ServerName{"web"}, {*net::IpAddress::parse("10.0.1.21"), 443}};
    EXPECT_EQ(drain(socket(), target, true, terminal_), ExitCode::Ok);
    EXPECT_EQ(drain(socket(), VipName{"www"}, false, terminal_), ExitCode::Ok);
    EXPECT_EQ(out_.str(),
              "DrainRequest drain real_server=web/10.0.1.21:443\n"
              "DrainRequest undrain vip=www\n");
}

TEST_F(Commands, CleanupKeepsItsHandsOffWhileADaemonRuns) {
    const auto owned = write("owned", "address lo 203.0.113.10/32\n");
    const FakeDaemon daemon{socket()};
    EXPECT_EQ(cleanup(socket(), directory_.string(), false, terminal_), ExitCode::Error);
    EXPECT_NE(err_.str().find("a daemon is running on " + socket()), std::string::npos) << err_.str();
    EXPECT_EQ(out_.str(), "");
}

TEST_F(Commands, CleanupOfNothingIsDone) {
    EXPECT_EQ(cleanup(socket(), directory_.string(), false, terminal_), ExitCode::Ok) << err_.str();
    EXPECT_EQ(out_.str(), "");
}

TEST_F(Commands, CleanupDoesNotPassOverALineThatItCannotRead) {
    write("owned", "adress lo 203.0.113.10/32\n");
    EXPECT_EQ(cleanup(socket(), directory_.string(), false, terminal_), ExitCode::Error);
    EXPECT_NE(err_.str().find("adress lo 203.0.113.10/32"), std::string::npos) << err_.str();
}

}  // namespace
}  // namespace anyvip::cli
