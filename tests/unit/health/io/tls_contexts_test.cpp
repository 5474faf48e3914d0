#include "health/io/tls_contexts.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

namespace anyvip::health::io {
namespace {

class TlsContextsTest : public ::testing::Test {
protected:
    TlsContextsTest() {
        std::string name = (std::filesystem::temp_directory_path() / "anyvip-ca-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"mkdtemp"};
        folder_ = name;
    }
    ~TlsContextsTest() override { std::filesystem::remove_all(folder_); }

    using Answer = std::optional<TlsContexts::Loaded>;

    /// A coroutine's own arguments: what a lambda captures would be gone with it.
    static boost::asio::awaitable<void> ask(TlsContexts& contexts, std::string ca_file, bool verify, Answer& answer) {
        auto loaded = co_await contexts.get(std::move(ca_file), verify);
        answer = std::move(loaded);
    }
    void begin(const std::string& ca_file, bool verify, Answer& answer) {
        boost::asio::co_spawn(io_context_, ask(contexts_, ca_file, verify, answer), boost::asio::detached);
    }
    TlsContexts::Loaded get(const std::string& ca_file, bool verify) {
        Answer answer;
        begin(ca_file, verify, answer);
        wait_for(answer);
        return *answer;
    }
    void wait_for(const Answer& answer) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{10};
        while (!answer) {
            if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error{"no answer in time"};
            io_context_.restart();
            io_context_.run_one_for(std::chrono::milliseconds{20});
        }
    }
    [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }

    std::filesystem::path folder_;
    boost::asio::io_context io_context_;
    TlsContexts contexts_{io_context_.get_executor()};
};

TEST_F(TlsContextsTest, OneContextServesAllThatAgreeOnWhatToTrust) {
    const auto first = get("", false);
    ASSERT_TRUE(first);
    EXPECT_EQ(*get("", false), *first);
    EXPECT_EQ(*get("/nowhere.pem", false), *first) << "what is not verified needs no file";
    const auto verifying = get("", true);
    ASSERT_TRUE(verifying);
    EXPECT_NE(*verifying, *first);
}

TEST_F(TlsContextsTest, AFileThatCannotBeLoadedIsTriedAgain) {
    const auto missing = get(path("ca.pem"), true);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().reason, CouldNotRunReason::CaFileUnusable);
    std::ofstream{path("ca.pem")} << "no certificate";
    const auto odd = get(path("ca.pem"), true);
    ASSERT_FALSE(odd);
    EXPECT_NE(odd.error().detail, missing.error().detail);
}

/// A FIFO in place of a slow disk: opening it waits for who writes.
TEST_F(TlsContextsTest, ASlowFileIsNotWaitedForForLongAndHoldsUpNobody) {
    ASSERT_EQ(::mkfifo(path("slow.pem").c_str(), 0600), 0);
    Answer slow;
    Answer as_slow;
    begin(path("slow.pem"), true, slow);
    begin(path("slow.pem"), true, as_slow);
    wait_for(slow);
    wait_for(as_slow);
    for (const auto& answer : {slow, as_slow}) {
        ASSERT_FALSE(*answer);
        EXPECT_EQ(answer->error().reason, CouldNotRunReason::CaFileUnusable);
        EXPECT_EQ(answer->error().detail, path("slow.pem") + ": is still being loaded");
    }
    std::ofstream{path("slow.pem")} << "no certificate";  // Ends the worker's wait.
    io_context_.restart();
    io_context_.run_for(std::chrono::milliseconds{20});
}

}  // namespace
}  // namespace anyvip::health::io
