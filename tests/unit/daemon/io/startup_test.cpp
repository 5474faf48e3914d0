#include "daemon/io/startup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <variant>

#include "anyvip/config/load.hpp"

namespace anyvip::daemon::io {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

config::Config configuration(const std::string& text) {
    auto config = config::parse(text, "test.toml", {.name = "lb1"});
    if (!config) throw std::runtime_error{config::describe(config.error().front())};
    return *config;
}

constexpr const char* bgp = R"([bgp]
asn = 65010
router_id = "10.0.0.11"
%
[[bgp.peer]]
name = "tor-a"
address = "10.0.0.1"
asn = 65000
)";

std::string bgp_with(const std::string& line) {
    std::string text = bgp;
    return text.replace(text.find('%'), 1, line);
}

TEST(NeededCapabilities, OfASpeakerThatOnlyConnectsIsNetAdminAlone) {
    EXPECT_THAT(needed_capabilities(configuration(bgp_with(""))), ElementsAre("CAP_NET_ADMIN"));
}

TEST(NeededCapabilities, OfALowPortIsBindService) {
    EXPECT_THAT(needed_capabilities(configuration(bgp_with("listen = [\"0.0.0.0\"]"))),
                UnorderedElementsAre("CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"));
    EXPECT_THAT(needed_capabilities(configuration(bgp_with("listen = [\"0.0.0.0\"]\nport = 1179"))),
                ElementsAre("CAP_NET_ADMIN"));
}

TEST(NeededCapabilities, OfAVirtualRouterIsNetRaw) {
    const auto config = configuration(R"([[virtual_router]]
name = "office"
interface = "eth1"
vrid = 51
[[vip]]
name = "www"
address = "192.0.2.10"
announce = "vrrp"
virtual_router = "office"
)");
    EXPECT_THAT(needed_capabilities(config), UnorderedElementsAre("CAP_NET_ADMIN", "CAP_NET_RAW"));
}

TEST(NeededCapabilities, OfAScriptAreThoseThatChangeTheUserAndOnlyWhereItHasOne) {
    const std::string script = "[[check]]\nname = \"c\"\nscript = [\"/bin/true\"]\n";
    EXPECT_THAT(needed_capabilities(configuration(script)), ElementsAre("CAP_NET_ADMIN"));
    EXPECT_THAT(needed_capabilities(configuration(script + "user = \"nobody\"\n")),
                UnorderedElementsAre("CAP_NET_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_KILL"));
}

TEST(CommandLine, TakesEveryOption) {
    const std::array words{"anyvipd", "--config",    "a.toml", "--socket", "b.sock", "--state-dir",
                           "c",       "--log-level", "debug",  "--record", "d"};
    const auto parsed = parse_command_line(static_cast<int>(words.size()), words.data());
    const auto* options = std::get_if<Options>(&parsed);
    ASSERT_NE(options, nullptr);
    EXPECT_EQ(options->config, "a.toml");
    EXPECT_EQ(options->socket, "b.sock");
    EXPECT_EQ(options->state_dir, "c");
    EXPECT_EQ(options->log_level, "debug");
    EXPECT_EQ(options->record, "d");
}

TEST(CommandLine, EndsWithSuccessAfterHelpAndWithAnErrorAfterAWordThatItDoesNotKnow) {
    const std::array help{"anyvipd", "--help"};
    EXPECT_EQ(std::get<ExitStatus>(parse_command_line(static_cast<int>(help.size()), help.data())).code, 0);
    const std::array odd{"anyvipd", "--log-level", "loud"};
    EXPECT_NE(std::get<ExitStatus>(parse_command_line(static_cast<int>(odd.size()), odd.data())).code, 0);
}

class LoadConfiguration : public ::testing::Test {
protected:
    LoadConfiguration() {
        std::string pattern = (fs::temp_directory_path() / "anyvip-startup-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~LoadConfiguration() override {
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }
    std::string write(const std::string& text) {
        const auto path = (directory_ / "anyvip.toml").string();
        std::ofstream{path} << text;
        return path;
    }
    fs::path directory_;
};

TEST_F(LoadConfiguration, TheStateFolderOfTheCommandLineCountsAndIsMade) {
    const auto wanted = (directory_ / "a" / "b").string();
    const auto config = load_configuration({.config = write(bgp_with("")), .state_dir = wanted});
    EXPECT_EQ(config.node.state_dir, wanted);
    EXPECT_TRUE(fs::is_directory(wanted));
}

TEST_F(LoadConfiguration, SaysEveryErrorOfTheFileOnALineOfItsOwn) {
    try {
        (void)load_configuration({.config = write("[bgp]\nasn = 0\n[[vip]]\nname = \"www\"\n")});
        FAIL() << "it was accepted";
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), HasSubstr("anyvip.toml:2:7: error: AS 0 is reserved"));
        EXPECT_THAT(error.what(), HasSubstr("\n" + directory_.string()));
    }
}

TEST_F(LoadConfiguration, AStateFolderThatCannotBeMadeIsNamed) {
    const auto blocked = write(bgp_with("")) + "/state";  // Below a file.
    try {
        (void)load_configuration({.config = directory_ / "anyvip.toml", .state_dir = blocked});
        FAIL() << "it was accepted";
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), HasSubstr(blocked));
    }
}

}  // namespace
}  // namespace anyvip::daemon::io
