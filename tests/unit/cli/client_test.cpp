#include "cli/client.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>

namespace anyvip::cli {
namespace {

class Client : public testing::Test {
protected:
    Client() {
        std::string pattern = (std::filesystem::temp_directory_path() / "anyvip-client-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~Client() override {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    [[nodiscard]] std::string socket() const { return (directory_ / "s").string(); }

    std::filesystem::path directory_;
};

/// Takes one request and answers it with anything; what the daemon itself answers is control/io/server_test.
class Stranger {
public:
    Stranger(const std::string& path, std::string answer)
        : listening_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        if (::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listening_, 1) != 0) {
            throw std::runtime_error{"bind"};
        }
        thread_ = std::thread{[this, answer = std::move(answer)] {
            const int connection = ::accept(listening_, nullptr, nullptr);
            std::array<char, 4096> buffer{};
            const auto size = ::recv(connection, buffer.data(), buffer.size(), 0);
            if (size > 0) heard.assign(buffer.data(), static_cast<std::size_t>(size));
            // In two parts, since an answer need not come in one.
            (void)::send(connection, answer.data(), answer.size() / 2, MSG_NOSIGNAL);
            (void)::send(connection, answer.data() + answer.size() / 2, answer.size() - answer.size() / 2,
                         MSG_NOSIGNAL);
            ::close(connection);
        }};
    }
    ~Stranger() {
        ::shutdown(listening_, SHUT_RDWR);
        thread_.join();
        ::close(listening_);
    }
    Stranger(const Stranger&) = delete;
    Stranger& operator=(const Stranger&) = delete;

    std::string heard;

private:
    int listening_;
    std::thread thread_;
};

AskError::Kind kind_of(const std::expected<boost::json::object, AskError>& answer) {
    return answer ? throw std::runtime_error{"it was answered"} : answer.error().kind;
}

TEST_F(Client, AnAnswerThatIsGoodIsGivenAsItIs) {
    Stranger daemon{socket(), "{\"ok\":true,\"text\":\"done\"}\n"};
    const auto answer = ask(socket(), control::ReloadRequest{});
    ASSERT_TRUE(answer) << answer.error().text;
    EXPECT_EQ(answer->at("text").as_string(), "done");
    EXPECT_EQ(daemon.heard, "{\"command\":\"reload\"}\n");
}

TEST_F(Client, ARefusalSaysWhy) {
    const Stranger daemon{socket(), "{\"ok\":false,\"error\":\"no such VIP\"}\n"};
    const auto answer = ask(socket(), control::PingRequest{});
    EXPECT_EQ(kind_of(answer), AskError::Kind::Refused);
    EXPECT_EQ(answer.error().text, "no such VIP");
}

TEST_F(Client, WhatIsNoAnswerIsBroken) {
    for (const auto* const odd : {"hello\n", "[]\n", "{}\n", "{\"ok\":1}\n", "\n", "", "{\"ok\":true}"}) {
        {
            const Stranger daemon{socket(), odd};
            EXPECT_EQ(kind_of(ask(socket(), control::PingRequest{})), AskError::Kind::Broken) << odd;
        }
        std::filesystem::remove(socket());
    }
}

TEST_F(Client, NobodyThereIsToldFromOneThatWeMayNotReach) {
    EXPECT_EQ(kind_of(ask(socket(), control::PingRequest{})), AskError::Kind::NotRunning);
    {
        const Stranger gone{socket(), ""};
        (void)ask(socket(), control::PingRequest{});
    }
    EXPECT_EQ(kind_of(ask(socket(), control::PingRequest{})), AskError::Kind::NotRunning) << "its socket is left";
    EXPECT_EQ(kind_of(ask(std::string(200, 'x'), control::PingRequest{})), AskError::Kind::NotRunning);
}

}  // namespace
}  // namespace anyvip::cli
