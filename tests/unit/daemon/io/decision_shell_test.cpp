#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "daemon/io/shells.hpp"
#include "support/own_network.hpp"

namespace anyvip::daemon::io {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Tcp = asio::ip::tcp;

constexpr const char* good_file = R"(
[node]
name = "lb1"
[bgp]
asn = 65010
router_id = "10.0.0.11"
[[bgp.peer]]
name = "tor-a"
address = "10.0.0.1"
asn = 65000
)";

net::IpAddress ip(const char* text) {
    return *net::IpAddress::parse(text);
}

/// The shell alone: what it feeds is kept, and no composite answers.
class DecisionShellTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(network.usable()) << "needs root";
        std::string pattern = (fs::temp_directory_path() / "anyvip-decision-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        write_config(good_file);
        shell = std::make_unique<DecisionShell>(
            context, [this](Decision::Event event) { fed.push_back(std::move(event)); }, post, folder / "anyvip.toml");
    }
    void TearDown() override {
        shell.reset();
        std::error_code ignored;
        fs::remove_all(folder, ignored);
    }

    void perform(const Decision::Action& action) { shell->perform(action); }
    void write_config(const std::string& text) const { std::ofstream{folder / "anyvip.toml"} << text; }

    bool run_until(auto condition, std::chrono::seconds limit = 5s) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (!condition() && std::chrono::steady_clock::now() < end) {
            context.restart();
            context.run_one_for(20ms);
        }
        return condition();
    }
    template <class T>
    [[nodiscard]] const T* last() const {
        const T* found = nullptr;
        for (const auto& event : fed) {
            if (const auto* wanted = std::get_if<T>(&event)) found = wanted;
        }
        return found;
    }
    /// The newest event of the peer "tor-a" that is a T.
    template <class T>
    [[nodiscard]] const T* last_of_peer() const {
        const T* found = nullptr;
        for (const auto& event : fed) {
            const auto* peer = std::get_if<PeerEvent>(&event);
            if (peer == nullptr || peer->peer != tor_a) continue;
            if (const auto* wanted = std::get_if<T>(&peer->event)) found = wanted;
        }
        return found;
    }

    asio::local::stream_protocol::socket client() {
        asio::local::stream_protocol::socket socket{context};
        socket.connect({(folder / "anyvipd.sock").string()});
        return socket;
    }
    static void ask(asio::local::stream_protocol::socket& socket, const std::string& request) {
        asio::write(socket, asio::buffer(request + '\n'));
    }
    /// A line, without its newline; empty when none comes.
    std::string answer(asio::local::stream_protocol::socket& socket) {
        std::string text;
        socket.non_blocking(true);
        (void)run_until([&] {
            std::string chunk(4096, '\0');
            boost::system::error_code error;
            const auto count = socket.read_some(asio::buffer(chunk), error);
            text.append(chunk, 0, count);
            return text.ends_with('\n') || (error && error != asio::error::would_block);
        });
        if (!text.empty()) text.pop_back();
        return text;
    }

    static bgp::PeerConfig peer_config(const char* address, std::uint16_t port, bool passive) {
        bgp::PeerConfig config;
        config.local_as = bgp::Asn{65010};
        config.router_id = *net::Ipv4Address::parse("10.0.0.11");
        config.address = ip(address);
        config.port = port;
        config.peer_as = bgp::Asn{65000};
        config.passive = passive;
        return config;
    }

    const PeerName tor_a{"tor-a"};
    testing::OwnNetwork network;
    asio::io_context context;
    Post post;
    fs::path folder;
    std::vector<Decision::Event> fed;
    std::unique_ptr<DecisionShell> shell;
};

// ---- signals and reloads

TEST_F(DecisionShellTest, TermAndIntAskForAStop) {
    for (const auto& [signal, name] : {std::pair{SIGTERM, "SIGTERM"}, std::pair{SIGINT, "SIGINT"}}) {
        fed.clear();
        ASSERT_EQ(::kill(::getpid(), signal), 0);
        ASSERT_TRUE(run_until([&] { return !fed.empty(); })) << name;
        EXPECT_EQ(std::get<StopRequested>(fed.at(0)), (StopRequested{name}));
    }
}

TEST_F(DecisionShellTest, HupLoadsTheFileAgainAndAgain) {
    for (const auto* name : {"lb1", "lb2"}) {
        fed.clear();
        write_config(std::string{good_file}.replace(std::string{good_file}.find("lb1"), 3, name));
        ASSERT_EQ(::kill(::getpid(), SIGHUP), 0);
        ASSERT_TRUE(run_until([&] { return last<ConfigLoaded>() != nullptr; }));
        const auto& loaded = *last<ConfigLoaded>();
        ASSERT_TRUE(loaded.result);
        EXPECT_EQ(loaded.result->node.name, name);
        EXPECT_EQ(loaded.client, std::nullopt);
    }
}

TEST_F(DecisionShellTest, ABrokenFileIsFedWithItsErrorsAndTheClientThatAsked) {
    write_config("[bgp]\nasn = \"nobody\"\n");
    ASSERT_TRUE(shell->listen(folder / "anyvipd.sock"));
    auto socket = client();
    ask(socket, R"({"command":"reload"})");
    ASSERT_TRUE(run_until([&] { return last<ConfigLoaded>() != nullptr; }));
    const auto& loaded = *last<ConfigLoaded>();
    ASSERT_FALSE(loaded.result);
    EXPECT_FALSE(loaded.result.error().empty());
    ASSERT_TRUE(loaded.client);
    perform(ReplyDone{*loaded.client, "bgp.asn is wrong", ""});
    EXPECT_EQ(answer(socket), R"({"ok":false,"error":"bgp.asn is wrong"})");
}

// ---- the control socket

TEST_F(DecisionShellTest, ARequestBecomesAnEventAndItsReplyALine) {
    ASSERT_TRUE(shell->listen(folder / "anyvipd.sock"));
    auto socket = client();
    ask(socket, R"({"command":"status"})");
    ASSERT_TRUE(run_until([&] { return last<StatusRequested>() != nullptr; }));
    Status status;
    status.node = "lb1";
    perform(ReplyStatus{last<StatusRequested>()->client, status});
    EXPECT_THAT(answer(socket), HasSubstr(R"({"ok":true,"status":{"node":"lb1",)"));

    ask(socket, R"({"command":"undrain","target":"vip","vip":"www"})");
    ASSERT_TRUE(run_until([&] { return last<DrainCommand>() != nullptr; }));
    const auto& command = *last<DrainCommand>();
    EXPECT_FALSE(command.drain);
    EXPECT_EQ(command.target, vip::DrainTarget{VipName{"www"}});
    perform(ReplyDone{command.client, std::nullopt, "www is undrained"});
    EXPECT_EQ(answer(socket), R"({"ok":true,"text":"www is undrained"})");
}

TEST_F(DecisionShellTest, APingIsAnsweredWithoutTheComposite) {
    ASSERT_TRUE(shell->listen(folder / "anyvipd.sock"));
    auto socket = client();
    ask(socket, R"({"command":"ping"})");
    EXPECT_THAT(answer(socket), HasSubstr(R"("ok":true)"));
    EXPECT_THAT(fed, IsEmpty());
}

// ---- peers

TEST_F(DecisionShellTest, ConnectionsAreCarriedOutAndComeBackAsEventsOfTheirPeer) {
    Tcp::acceptor router{context, {asio::ip::make_address("127.0.0.2"), 0}};
    perform(ConfigureSpeaker{.listen = {},
                             .port = 179,
                             .peers = {{tor_a, peer_config("127.0.0.2", router.local_endpoint().port(), false)}},
                             .vips = {}});
    perform(PeerAction{tor_a, bgp::OpenConnection{bgp::AttemptId{1}}});
    ASSERT_TRUE(run_until([&] { return last_of_peer<bgp::ConnectionOpened>() != nullptr; }));
    const auto opened = *last_of_peer<bgp::ConnectionOpened>();
    EXPECT_EQ(opened.attempt, bgp::AttemptId{1});
    auto accepted = router.accept();

    perform(PeerAction{tor_a, bgp::Send{opened.connection, {1, 2, 3}}});
    ASSERT_NE(last_of_peer<bgp::Written>(), nullptr);
    EXPECT_EQ(last_of_peer<bgp::Written>()->octets, 3U);
    std::vector<std::uint8_t> octets(3);
    asio::read(accepted, asio::buffer(octets));
    EXPECT_EQ(octets, (std::vector<std::uint8_t>{1, 2, 3}));

    perform(PeerAction{tor_a, bgp::CloseConnection{opened.connection}});
    boost::system::error_code end;
    EXPECT_EQ(accepted.read_some(asio::buffer(octets), end), 0U);
    EXPECT_EQ(end, asio::error::eof);
    accepted.close();
}

// Product rule 11, from the configuration to the socket.
TEST_F(DecisionShellTest, TheSpeakerHearsOfTheVips) {
    const ConfigureSpeaker action{.listen = {ip("127.0.0.1")},
                                  .port = 17900,
                                  .peers = {{tor_a, peer_config("127.0.0.2", 179, true)}},
                                  .vips = {ip("127.0.0.1")}};
    perform(action);
    Tcp::socket router{context};
    router.open(Tcp::v4());
    router.bind({asio::ip::make_address("127.0.0.2"), 0});
    router.connect({asio::ip::make_address("127.0.0.1"), 17900});
    ASSERT_TRUE(run_until([&] { return last_of_peer<bgp::ConnectionRefused>() != nullptr; }));
    EXPECT_EQ(last_of_peer<bgp::ConnectionRefused>()->reason, "it would speak from 127.0.0.1, which is a VIP");
    EXPECT_EQ(last_of_peer<bgp::ConnectionOpened>(), nullptr);
}

TEST_F(DecisionShellTest, AnAddressThatCannotBeBoundIsTriedAgain) {
    const ConfigureSpeaker action{.listen = {ip("192.0.2.11")},
                                  .port = 17900,
                                  .peers = {{tor_a, peer_config("192.0.2.11", 179, true)}},
                                  .vips = {}};
    perform(action);
    ASSERT_TRUE(network.shell("ip address add 192.0.2.11/32 dev lo"));
    Tcp::socket router{context};
    // Every five seconds.
    EXPECT_TRUE(run_until(
        [&] {
            boost::system::error_code error;
            router.close(error);
            router.connect({asio::ip::make_address("192.0.2.11"), 17900}, error);
            return !error;
        },
        8s));
}

// ---- mail

TEST_F(DecisionShellTest, LettersOfTheOtherLoopsAreFedAndOursAreOnTheirWay) {
    post.checks_to_decision.send(HealthChanged{CheckName{"nginx"}, health::State::Up, "200"});
    post.kernel_to_decision.send(HealthChanged{CheckName{"kernel"}, health::State::Down, ""});
    post.heartbeat_to_decision.send(HealthChanged{CheckName{"heartbeat"}, health::State::Down, ""});
    shell->drain();
    ASSERT_EQ(fed.size(), 3U);
    for (const auto& event : fed) EXPECT_TRUE(std::holds_alternative<DecisionMail>(event));

    const SetAddresses letter{.owner = VipName{"www"}, .generation = 7, .addresses = {}};
    perform(KernelMail{letter});
    EXPECT_TRUE(shell->flush());
    std::vector<KernelMail> received;
    post.decision_to_kernel.receive([&](KernelMail mail) { received.push_back(std::move(mail)); });
    ASSERT_EQ(received.size(), 1U);
    EXPECT_EQ(std::get<SetAddresses>(received[0]), letter);
}

TEST_F(DecisionShellTest, FlushSaysWhenALoopIsTooFarBehind) {
    for (int i = 0; i < 2000; ++i) perform(KernelMail{SetAddresses{VipName{"www"}, 1, {}}});
    EXPECT_FALSE(shell->flush());
    std::size_t received = 0;
    while (received < 2000) {
        const auto before = received;
        post.decision_to_kernel.receive([&](const KernelMail&) { ++received; });
        ASSERT_GT(received, before);
        (void)shell->flush();
    }
    EXPECT_TRUE(shell->flush());
}

// ---- the end

TEST_F(DecisionShellTest, TheEndWaitsForTheLastWordsAndTakesTheSocketAway) {
    Tcp::acceptor router{context, {asio::ip::make_address("127.0.0.2"), 0}};
    perform(ConfigureSpeaker{.listen = {},
                             .port = 179,
                             .peers = {{tor_a, peer_config("127.0.0.2", router.local_endpoint().port(), false)}},
                             .vips = {}});
    perform(PeerAction{tor_a, bgp::OpenConnection{bgp::AttemptId{1}}});
    ASSERT_TRUE(run_until([&] { return last_of_peer<bgp::ConnectionOpened>() != nullptr; }));
    auto accepted = router.accept();
    ASSERT_TRUE(shell->listen(folder / "anyvipd.sock"));

    std::optional<bool> stopped;
    shell->on_stopped([&](bool complete) { stopped = complete; });
    perform(PeerAction{tor_a, bgp::CloseConnection{last_of_peer<bgp::ConnectionOpened>()->connection}});
    perform(StopFinished{.complete = true});
    EXPECT_FALSE(fs::exists(folder / "anyvipd.sock"));
    EXPECT_FALSE(stopped.has_value());
    accepted.close();
    ASSERT_TRUE(run_until([&] { return stopped.has_value(); }));
    EXPECT_TRUE(*stopped);
}

}  // namespace
}  // namespace anyvip::daemon::io
