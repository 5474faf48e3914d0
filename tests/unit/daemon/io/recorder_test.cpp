#include "daemon/io/recorder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "daemon/io/loop.hpp"
#include "daemon/io/mailbox.hpp"

namespace anyvip::daemon::io {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class RecorderTest : public ::testing::Test {
protected:
    RecorderTest() {
        std::string pattern = (fs::temp_directory_path() / "anyvip-record-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~RecorderTest() override {
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }

    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream file{directory_ / name};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    /// Until the file holds the text; fails after ten seconds.
    [[nodiscard]] bool soon_has(const std::string& name, const std::string& text) const {
        for (const auto end = monotonic_now() + 10s; monotonic_now() < end; std::this_thread::yield()) {
            if (read(name).find(text) != std::string::npos) return true;
        }
        return false;
    }
    static Heartbeat::Event opened(const std::string& router) { return SocketOpened{RouterName{router}, {}}; }

    fs::path directory_;
    const TimePoint now_ = monotonic_now();
};

TEST_F(RecorderTest, WithoutAFolderThereIsNoWitness) {
    Recorder recorder{"", 42};
    EXPECT_FALSE(recorder.witness<Heartbeat>("heartbeat"));
    EXPECT_TRUE(fs::is_empty(directory_));
}

TEST_F(RecorderTest, WritesWhatALoopWasToldAndAnsweredAfterALineWithTheSeed) {
    Recorder recorder{directory_ / "made", 42};
    const auto witness = recorder.witness<Heartbeat>("heartbeat");
    ASSERT_TRUE(witness);
    witness(opened("office"), {DecisionMail{RouterServing{RouterName{"office"}, {}}}}, now_ + 1h);
    recorder.stop();
    EXPECT_THAT(read("made/heartbeat.txt"),
                MatchesRegex("# anyvip [0-9.]+ heartbeat seed=42 start=[0-9]+us\n"
                             "@3[56][0-9][0-9]\\.[0-9]+ > SocketOpened virtual_router=office\n"
                             "< Serving virtual_router=office addresses=none\n"));
    struct stat status{};
    ASSERT_EQ(::stat((directory_ / "made/heartbeat.txt").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);  // It shows more than others need to know.
}

TEST_F(RecorderTest, IsWrittenWhileTheLoopsRun) {
    Recorder recorder{directory_, 42};
    recorder.witness<Kernel>("kernel")(KernelTimerExpired{}, {}, now_);
    EXPECT_TRUE(soon_has("kernel.txt", "TimerExpired"));
}

TEST_F(RecorderTest, AFullFileAndOneOfAFormerRunBecomeTheOldOne) {
    std::ofstream{directory_ / "heartbeat.txt"} << "of a former run";
    {
        Recorder recorder{directory_, 42, 400};
        const auto witness = recorder.witness<Heartbeat>("heartbeat");
        witness(opened("first"), {}, now_);
        EXPECT_TRUE(soon_has("heartbeat.txt", "first"));
        EXPECT_EQ(read("heartbeat.old.txt"), "of a former run");
        for (int i = 0; i < 20; ++i) witness(opened("filler"), {}, now_);
        witness(opened("last"), {}, now_);
    }
    EXPECT_THAT(read("heartbeat.txt"), StartsWith("# anyvip"));
    EXPECT_THAT(read("heartbeat.txt"), HasSubstr("last"));
    EXPECT_THAT(read("heartbeat.old.txt"), HasSubstr("filler"));
    EXPECT_LE(fs::file_size(directory_ / "heartbeat.txt"), 400U);
    EXPECT_LE(fs::file_size(directory_ / "heartbeat.old.txt"), 400U);
}

TEST_F(RecorderTest, AFolderThatCannotBeWrittenCostsTheRecordingAlone) {
    std::ofstream{directory_ / "file"} << "in the way";
    Recorder recorder{directory_ / "file" / "folder", 42};
    const auto witness = recorder.witness<Heartbeat>("heartbeat");
    for (int i = 0; i < 10; ++i) witness(opened("office"), {}, now_);
    recorder.stop();
    EXPECT_EQ(read("file"), "in the way");
}

/// EFBIG in place of ENOSPC: a limit that a test may have without a file system of its own.
TEST_F(RecorderTest, AFullDiskLosesWholeEntriesAndCountsThem) {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    Recorder recorder{directory_, 42};
    const auto witness = recorder.witness<Heartbeat>("heartbeat");
    witness(opened("before"), {}, now_);
    ASSERT_TRUE(soon_has("heartbeat.txt", "before\n"));

    const auto size = fs::file_size(directory_ / "heartbeat.txt");
    const rlimit full{.rlim_cur = size + 10, .rlim_max = before.rlim_max};  // The next entry fits in part.
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
    for (int i = 0; i < 3; ++i) witness(opened("during"), {}, now_);
    // The thread has had all three when it has answered for another file.
    recorder.witness<Kernel>("kernel")(KernelTimerExpired{}, {}, now_);
    const bool kernel = soon_has("kernel.txt", "#");
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    ASSERT_TRUE(kernel);

    witness(opened("after"), {}, now_);
    recorder.stop();
    const auto text = read("heartbeat.txt");
    EXPECT_THAT(text, HasSubstr("before\n# 3 entries lost\n@"));
    EXPECT_THAT(text, HasSubstr("virtual_router=after\n"));
    EXPECT_THAT(text, Not(HasSubstr("during")));
}

TEST_F(RecorderTest, WhatDoesNotFitIntoTheRingIsDroppedAndCounted) {
    constexpr std::size_t entries = 20 * LossyMailbox<std::string>::capacity;
    Recorder recorder{directory_, 42};
    const auto witness = recorder.witness<Heartbeat>("heartbeat");
    for (std::size_t i = 0; i < entries; ++i) witness(opened("office"), {}, now_);
    recorder.stop();

    std::istringstream text{read("heartbeat.txt")};
    std::size_t written = 0;
    std::size_t lost = 0;
    for (std::string line; std::getline(text, line);) {
        if (line.starts_with('@')) ++written;
        if (line.ends_with("entries lost")) lost += std::stoul(line.substr(2));
    }
    EXPECT_EQ(written + lost, entries);
}

}  // namespace
}  // namespace anyvip::daemon::io
