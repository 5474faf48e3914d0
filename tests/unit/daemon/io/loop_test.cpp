#include "daemon/io/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace anyvip::daemon::io {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

/// What the composite and the shell of a test do and have seen.
struct Script {
    std::vector<std::string> log;
    std::optional<TimePoint> deadline;
    std::optional<TimePoint> expired_at;
    std::function<std::vector<std::string>(const std::string& event)> handle = [](const std::string&) {
        return std::vector<std::string>{};
    };
    std::function<void(const std::string& action)> perform = [](const std::string&) {};
    std::function<void()> drain = [] {};
    std::function<bool()> flush = [] { return true; };
};

class Composite {
public:
    struct TimerExpired {};
    using Event = std::variant<std::string, TimerExpired>;
    using Actions = std::vector<std::string>;

    explicit Composite(Script& script) : script_{&script} {}

    std::vector<std::string> handle(const Event& event, TimePoint now) {
        const auto* text = std::get_if<std::string>(&event);
        if (text == nullptr) {
            script_->deadline.reset();
            script_->expired_at = now;
        }
        const std::string name = text != nullptr ? *text : "timer";
        script_->log.push_back("event " + name);
        return script_->handle(name);
    }
    [[nodiscard]] std::optional<TimePoint> deadline() const { return script_->deadline; }

private:
    Script* script_;
};

template <bool together>
class ScriptedShell {
public:
    static constexpr auto thread_name = "scripted";
    static constexpr bool drains_together = together;
    using Feed = std::function<void(Composite::Event)>;
    ScriptedShell(boost::asio::io_context& context, Feed feed, Script& script)
        : context_{context}, feed_{std::move(feed)}, script_{script} {}

    void perform(const std::string& action) {
        script_.log.push_back("action " + action);
        script_.perform(action);
    }
    void drain() { script_.drain(); }
    bool flush() { return script_.flush(); }
    void feed(const std::string& event) { feed_(event); }
    void stop() { context_.stop(); }

private:
    boost::asio::io_context& context_;
    Feed feed_;
    Script& script_;
};

using Shell = ScriptedShell<false>;

class LoopTest : public ::testing::Test {
protected:
    static std::vector<std::string> stop_on_timer(const std::string& event) {
        if (event == "timer") return {"stop"};
        return {};
    }
    LoopTest() {
        script.perform = [this](const std::string& action) {
            if (action == "stop") loop.stop();
        };
    }

    Script script;
    Doorbell bell;
    Loop<Composite, Shell> loop{Composite{script}, bell, script};
};

TEST_F(LoopTest, PerformsTheActionsOfAnEventInOrder) {
    script.handle = [](const std::string&) { return std::vector<std::string>{"a", "b"}; };
    loop.feed("1");
    loop.feed("2");
    EXPECT_THAT(script.log, ElementsAre("event 1", "action a", "action b", "event 2", "action a", "action b"));
}

TEST_F(LoopTest, RunsToCompletionBeforeItHandlesWhatAnActionCaused) {
    script.handle = [](const std::string& event) {
        return event == "1" ? std::vector<std::string>{"a", "b"} : std::vector<std::string>{};
    };
    script.perform = [this](const std::string& action) { loop.feed("from " + action); };
    loop.feed("1");
    EXPECT_THAT(script.log, ElementsAre("event 1", "action a", "action b", "event from a", "event from b"));
}

TEST_F(LoopTest, AWitnessSeesEachEventWithItsActionsAndTheTimeBeforeTheyArePerformed) {
    std::optional<TimePoint> seen;
    script.handle = [](const std::string&) { return std::vector<std::string>{"a", "b"}; };
    loop.witness([&](const Composite::Event& event, const Composite::Actions& actions, TimePoint now) {
        script.log.push_back("witness " + std::get<std::string>(event) + ' ' + std::to_string(actions.size()));
        seen = now;
    });
    const auto before = monotonic_now();
    loop.feed("1");
    EXPECT_THAT(script.log, ElementsAre("event 1", "witness 1 2", "action a", "action b"));
    ASSERT_TRUE(seen);
    EXPECT_GE(*seen, before);
    EXPECT_EQ(seen->time_since_epoch() % 1us, 0ns);  // No more than a transcript can tell.
}

TEST_F(LoopTest, DrainsBeforeItSaysThatTheTimeIsOver) {
    script.handle = stop_on_timer;
    script.drain = [this] { loop.feed("waited in a socket"); };
    script.deadline = monotonic_now() + 3ms;
    loop.feed("1");
    loop.run();
    EXPECT_THAT(script.log, ElementsAre("event 1", "event waited in a socket", "event timer", "action stop"));
}

TEST_F(LoopTest, RoundsADeadlineUpToTheNextMillisecond) {
    script.handle = stop_on_timer;
    const TimePoint grid{std::chrono::floor<std::chrono::milliseconds>(monotonic_now().time_since_epoch()) + 10ms};
    script.deadline = grid + 1us;
    loop.feed("1");
    loop.run();
    EXPECT_GE(script.expired_at, grid + 1ms);
}

TEST_F(LoopTest, ArmsAnEarlierDeadlineInPlaceOfALaterOne) {
    script.handle = stop_on_timer;
    const auto begin = monotonic_now();
    script.deadline = begin + 1h;
    loop.feed("1");
    script.deadline = begin + 2ms;
    loop.feed("2");
    loop.run();
    EXPECT_LT(monotonic_now() - begin, 10s);
}

TEST_F(LoopTest, TriesAFullMailboxAgainThoughNothingHappens) {
    int tries = 0;
    script.flush = [&] {
        if (++tries < 4) return false;
        loop.stop();
        return true;
    };
    loop.feed("1");
    EXPECT_EQ(tries, 1);
    loop.run();
    EXPECT_EQ(tries, 4);
}

TEST_F(LoopTest, DrainsWhenItsBellRings) {
    script.drain = [this] { loop.stop(); };
    bell.ring();
    loop.run();
    EXPECT_THAT(script.log, ElementsAre());
}

template <bool together>
std::vector<std::string> two_letters() {
    Script script;
    Doorbell bell;
    Loop<Composite, ScriptedShell<together>> loop{Composite{script}, bell, script};
    script.handle = [](const std::string& event) -> std::vector<std::string> {
        if (event == "caused") return {"stop"};
        return {"act on " + event};
    };
    script.perform = [&](const std::string& action) {
        if (action == "act on letter 1") loop.feed("caused");
        if (action == "stop") loop.stop();
    };
    script.drain = [&] {
        loop.feed("letter 1");
        loop.feed("letter 2");
    };
    bell.ring();
    loop.run();
    return script.log;
}

TEST_F(LoopTest, WhatTheFirstLetterCausesStandsBehindTheLastWhereTheShellWantsItSo) {
    EXPECT_THAT(two_letters<true>(), ElementsAre("event letter 1", "action act on letter 1", "event letter 2",
                                                 "action act on letter 2", "event caused", "action stop"));
    EXPECT_THAT(two_letters<false>(), ElementsAre("event letter 1", "action act on letter 1", "event caused",
                                                  "action stop", "event letter 2", "action act on letter 2"));
}

TEST_F(LoopTest, AThreadBearsTheNameOfItsLoopAndTheMainThreadThatOfTheProcess) {
    const auto name = [] {
        std::array<char, 16> text{};
        ::pthread_getname_np(::pthread_self(), text.data(), text.size());
        return std::string{text.data()};
    };
    const auto before = name();
    std::vector<std::string> seen;
    script.drain = [&] {
        seen.push_back(name());
        loop.stop();
    };
    bell.ring();
    std::thread{[&] { loop.run(); }}.join();
    EXPECT_THAT(seen, ElementsAre("scripted"));
    EXPECT_EQ(name(), before);
}

TEST_F(LoopTest, AnExceptionEndsTheProcess) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    script.drain = [] { throw std::runtime_error{"the reason"}; };
    bell.ring();
    EXPECT_DEATH(loop.run(), "the reason");
}

}  // namespace
}  // namespace anyvip::daemon::io
