#include "control/io/server.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace anyvip::control::io {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto patience = 10s;

/// The other end, by plain system calls; non-blocking, so that one thread runs both ends.
class Client {
public:
    explicit Client(const fs::path& path) : fd_{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.c_str(), path.native().size() + 1);
        connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    ~Client() { ::close(fd_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    [[nodiscard]] bool connected() const { return connected_; }
    /// How much the socket took.
    std::size_t send(std::string_view text) {
        const auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
        return sent < 0 ? 0 : static_cast<std::size_t>(sent);
    }
    void receive() {
        std::array<char, 4096> chunk{};
        while (true) {
            const auto size = ::recv(fd_, chunk.data(), chunk.size(), 0);
            if (size == 0 || (size < 0 && errno == ECONNRESET)) ended = true;
            if (size <= 0) return;
            received.append(chunk.data(), static_cast<std::size_t>(size));
        }
    }
    [[nodiscard]] int fd() const { return fd_; }

    std::string received;
    bool ended = false;

private:
    int fd_;
    bool connected_ = false;
};

class ControlServer : public testing::Test {
protected:
    ControlServer() {
        std::string pattern = (fs::temp_directory_path() / "anyvip-control-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
        path_ = directory_ / "anyvipd.sock";
    }
    ~ControlServer() override {
        server_.reset();
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }

    void start(ServerLimits limits = {}) {
        server_ = std::make_unique<Server>(
            context_.get_executor(),
            [this](ClientId client, Request request) {
                requests_.emplace_back(client, request);
                if (answer_) server_->reply(client, *answer_);
            },
            limits);
        const auto listening = server_->listen(path_);
        ASSERT_TRUE(listening) << listening.error();
    }

    [[nodiscard]] bool run_until(const std::function<bool()>& condition) {
        const auto deadline = steady_clock::now() + patience;
        while (!condition()) {
            if (steady_clock::now() > deadline) return false;
            context_.restart();
            context_.run_one_for(5ms);
        }
        return true;
    }

    /// The next line that `client` gets, or what it got until it was cut off.
    std::string line(Client& client) {
        const bool came = run_until([&] {
            client.receive();
            return client.ended || client.received.find('\n') != std::string::npos;
        });
        if (!came) return "nothing came";
        const auto end = std::min(client.received.find('\n'), client.received.size());
        auto text = client.received.substr(0, end);
        client.received.erase(0, end + 1);
        return text;
    }
    [[nodiscard]] bool is_cut_off(Client& client) {
        return run_until([&] {
            client.receive();
            return client.ended;
        });
    }

    boost::asio::io_context context_;
    fs::path directory_;
    fs::path path_;
    std::vector<std::pair<ClientId, Request>> requests_;
    std::optional<std::string> answer_ = answer_ok("done");  ///< none: the test replies
    std::unique_ptr<Server> server_;
};

TEST_F(ControlServer, AnswersOneRequestAfterTheOther) {
    start();
    Client client{path_};
    client.send("{\"command\":\"status\"}\n{\"command\":\"reload\"}\n");
    EXPECT_EQ(line(client), R"({"ok":true,"text":"done"})");
    EXPECT_EQ(line(client), R"({"ok":true,"text":"done"})");
    ASSERT_EQ(requests_.size(), 2U);
    EXPECT_EQ(requests_[0].second, Request{StatusRequest{}});
    EXPECT_EQ(requests_[1].second, Request{ReloadRequest{}});
    EXPECT_FALSE(client.ended);
}

TEST_F(ControlServer, AnAnswerMayComeLater) {
    answer_ = std::nullopt;
    start();
    Client client{path_};
    client.send("{\"command\":\"status\"}\n{\"command\":\"status\"}\n");
    ASSERT_TRUE(run_until([&] { return !requests_.empty(); }));
    // The second request waits for the first one's answer.
    context_.restart();
    context_.run_for(20ms);
    ASSERT_EQ(requests_.size(), 1U);
    server_->reply(requests_[0].first, "first");
    EXPECT_EQ(line(client), "first");
    ASSERT_TRUE(run_until([&] { return requests_.size() == 2; }));
    server_->reply(requests_[1].first, "second");
    EXPECT_EQ(line(client), "second");
}

TEST_F(ControlServer, AnswersGoToWhoAsked) {
    answer_ = std::nullopt;
    start();
    Client one{path_};
    one.send("{\"command\":\"status\"}\n");
    ASSERT_TRUE(run_until([&] { return requests_.size() == 1; }));
    Client two{path_};
    two.send("{\"command\":\"reload\"}\n");
    ASSERT_TRUE(run_until([&] { return requests_.size() == 2; }));
    server_->reply(requests_[1].first, "for two");
    server_->reply(requests_[0].first, "for one");
    EXPECT_EQ(line(one), "for one");
    EXPECT_EQ(line(two), "for two");
}

TEST_F(ControlServer, PingsAndNonsenseDoNotReachTheSink) {
    start();
    Client client{path_};
    client.send("{\"command\":\"ping\"}\n");
    EXPECT_EQ(line(client), "{\"ok\":true,\"text\":\"anyvipd " ANYVIP_VERSION "\"}");
    client.send("hello\n");
    EXPECT_EQ(line(client), R"({"ok":false,"error":"the request is not JSON"})");
    client.send("{\"command\":\"status\"}\n");
    EXPECT_EQ(line(client), R"({"ok":true,"text":"done"})");
    EXPECT_EQ(requests_.size(), 1U);
}

TEST_F(ControlServer, ALongAnswerArrivesWhole) {
    answer_ = std::string(3'000'000, 'x');
    start();
    Client client{path_};
    client.send("{\"command\":\"status\"}\n");
    EXPECT_EQ(line(client), *answer_);
}

TEST_F(ControlServer, AnOversizedRequestIsRefusedAndItsClientCutOff) {
    start();
    Client client{path_};
    const std::string request(200'000, ' ');
    std::size_t sent = 0;
    ASSERT_TRUE(run_until([&] {
        sent += client.send(std::string_view{request}.substr(sent));
        client.receive();
        return client.received.ends_with('\n');
    }));
    EXPECT_EQ(line(client), R"({"ok":false,"error":"the request is longer than 64 KiB"})");
    EXPECT_TRUE(is_cut_off(client));
}

TEST_F(ControlServer, AClientThatDoesNotFinishItsRequestIsCutOff) {
    start({.transfer = 50ms, .idle = 60s});
    Client client{path_};
    client.send("{\"comm");
    EXPECT_TRUE(is_cut_off(client));
    EXPECT_EQ(client.received, "");
}

TEST_F(ControlServer, AClientThatTricklesItsRequestIsCutOffAllTheSame) {
    start({.transfer = 100ms, .idle = 60s});
    Client client{path_};
    const auto begin = steady_clock::now();
    EXPECT_TRUE(run_until([&] {
        client.send(" ");
        client.receive();
        return client.ended;
    }));
    EXPECT_LT(steady_clock::now() - begin, 5s);
}

TEST_F(ControlServer, AClientThatSaysNothingIsCutOffWhenItHasBeenIdle) {
    start({.transfer = 60s, .idle = 50ms});
    Client client{path_};
    EXPECT_TRUE(is_cut_off(client));
}

TEST_F(ControlServer, AClientThatDoesNotTakeItsAnswerIsCutOff) {
    answer_ = std::string(3'000'000, 'x');
    start({.clients = 1, .transfer = 100ms});
    Client client{path_};
    client.send("{\"command\":\"status\"}\n");
    ASSERT_TRUE(run_until([&] { return !requests_.empty(); }));
    // It is gone when its place is free.
    EXPECT_TRUE(run_until([&] {
        Client other{path_};
        other.send("{\"command\":\"ping\"}\n");
        return line(other).find("anyvipd") != std::string::npos;
    }));
}

TEST_F(ControlServer, AClientIsToldWhenTheDaemonDoesNotAnswer) {
    answer_ = std::nullopt;
    start({.answer = 50ms});
    Client client{path_};
    client.send("{\"command\":\"status\"}\n");
    EXPECT_EQ(line(client), R"({"ok":false,"error":"the daemon does not answer"})");
    EXPECT_TRUE(is_cut_off(client));
    server_->reply(requests_.at(0).first, "too late");  // Goes nowhere.
}

TEST_F(ControlServer, ThereIsRoomForSoManyClientsAndTheirPlacesAreGivenAgain) {
    start({.clients = 2});
    auto one = std::make_unique<Client>(path_);
    Client two{path_};
    one->send("{\"command\":\"ping\"}\n");
    two.send("{\"command\":\"ping\"}\n");
    (void)line(*one);
    (void)line(two);
    Client three{path_};
    EXPECT_EQ(line(three), R"({"ok":false,"error":"too many clients"})");
    EXPECT_TRUE(is_cut_off(three));
    one.reset();
    EXPECT_TRUE(run_until([&] {
        Client four{path_};
        four.send("{\"command\":\"ping\"}\n");
        return line(four).find("anyvipd") != std::string::npos;
    }));
}

TEST_F(ControlServer, AClientThatLeavesWithoutItsAnswerIsNoTrouble) {
    answer_ = std::nullopt;
    start();
    auto client = std::make_unique<Client>(path_);
    client->send("{\"command\":\"status\"}\n");
    ASSERT_TRUE(run_until([&] { return !requests_.empty(); }));
    client.reset();
    server_->reply(requests_[0].first, "anybody there?");
    Client other{path_};
    other.send("{\"command\":\"ping\"}\n");
    EXPECT_NE(line(other).find("anyvipd"), std::string::npos);
}

TEST_F(ControlServer, TheSocketIsForOwnerAndGroup) {
    start();
    struct stat status{};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0660U);
}

TEST_F(ControlServer, NoDescriptorOfItsOutlivesExec) {
    start();
    Client client{path_};
    client.send("{\"command\":\"ping\"}\n");
    (void)line(client);
    for (int fd = 3; fd < 64; ++fd) {
        struct stat status{};
        if (::fstat(fd, &status) != 0 || !S_ISSOCK(status.st_mode)) continue;
        EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << "descriptor " << fd;
    }
}

TEST_F(ControlServer, ASocketThatADeadDaemonLeftIsReplaced) {
    {
        const int dead = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path_.c_str(), path_.native().size() + 1);
        ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(::listen(dead, 1), 0);
        ::close(dead);
    }
    ASSERT_FALSE(Client{path_}.connected());
    start();
    Client client{path_};
    client.send("{\"command\":\"ping\"}\n");
    EXPECT_NE(line(client).find("anyvipd"), std::string::npos);
}

TEST_F(ControlServer, ALiveDaemonKeepsItsSocket) {
    start();
    Server second{context_.get_executor(), [](ClientId, Request) {}};
    const auto refused = second.listen(path_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), "another anyvipd is running on " + path_.string());
    second.close();
    Client client{path_};
    client.send("{\"command\":\"ping\"}\n");
    EXPECT_NE(line(client).find("anyvipd"), std::string::npos);
}

TEST_F(ControlServer, AFileThatIsNoSocketIsLeftAlone) {
    std::ofstream{path_} << "precious";
    Server server{context_.get_executor(), [](ClientId, Request) {}};
    const auto refused = server.listen(path_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), path_.string() + " is there and is no socket");
    EXPECT_EQ(fs::file_size(path_), 8U);
}

TEST_F(ControlServer, APathThatCannotBeIsRefused) {
    Server server{context_.get_executor(), [](ClientId, Request) {}};
    const auto missing = server.listen(directory_ / "no" / "such" / "folder");
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().find("No such file or directory"), std::string::npos) << missing.error();
    EXPECT_FALSE(fs::exists(directory_ / "no"));
    const auto long_one = server.listen(directory_ / std::string(108, 'x'));
    ASSERT_FALSE(long_one);
    EXPECT_NE(long_one.error().find("107 octets"), std::string::npos) << long_one.error();
}

TEST_F(ControlServer, ClosingRemovesTheSocketAndCutsEverybodyOff) {
    answer_ = std::nullopt;
    start();
    Client idle{path_};
    Client waiting{path_};
    waiting.send("{\"command\":\"status\"}\n");
    ASSERT_TRUE(run_until([&] { return !requests_.empty(); }));
    server_->close();
    EXPECT_FALSE(fs::exists(path_));
    EXPECT_TRUE(is_cut_off(idle));
    EXPECT_TRUE(is_cut_off(waiting));
    EXPECT_FALSE(Client{path_}.connected());
}

TEST_F(ControlServer, ClosingStillDeliversWhatWasReplied) {
    answer_ = std::nullopt;
    start();
    Client client{path_};
    client.send("{\"command\":\"reload\"}\n");
    ASSERT_TRUE(run_until([&] { return !requests_.empty(); }));
    server_->reply(requests_[0].first, "last words");
    server_.reset();
    EXPECT_EQ(line(client), "last words");
    EXPECT_TRUE(is_cut_off(client));
}

TEST_F(ControlServer, ClosingLeavesASocketThatIsNoLongerOurs) {
    start();
    fs::remove(path_);
    std::ofstream{path_} << "another's";
    server_->close();
    EXPECT_TRUE(fs::exists(path_));
}

}  // namespace
}  // namespace anyvip::control::io
