#include "daemon/io/mailbox.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace anyvip::daemon::io {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

bool has_rung(const Doorbell& bell) {
    pollfd descriptor{.fd = bell.native_handle(), .events = POLLIN, .revents = 0};
    return ::poll(&descriptor, 1, 0) == 1;
}

template <class Box>
std::vector<int> received(Box& box) {
    std::vector<int> letters;
    box.receive([&](int letter) { letters.push_back(letter); });
    return letters;
}

TEST(DoorbellTest, StaysRungUntilItIsAnswered) {
    const Doorbell bell;
    EXPECT_FALSE(has_rung(bell));
    bell.ring();
    bell.ring();
    EXPECT_TRUE(has_rung(bell));
    bell.answer();
    EXPECT_FALSE(has_rung(bell));
    bell.answer();  // For nothing: it does not block.
}

TEST(MailboxTest, DeliversInOrderAndRings) {
    Doorbell bell;
    Mailbox<int> box{bell};
    box.send(1);
    box.send(2);
    EXPECT_TRUE(has_rung(bell));
    EXPECT_THAT(received(box), ElementsAre(1, 2));
    EXPECT_THAT(received(box), IsEmpty());
}

TEST(MailboxTest, KeepsWhatDoesNotFitAndItsOrder) {
    constexpr int letters = 3000;
    Doorbell bell;
    Mailbox<int> box{bell};
    for (int i = 0; i < letters; ++i) box.send(i);
    EXPECT_FALSE(box.flush());
    std::vector<int> all;
    do {
        for (const int letter : received(box)) all.push_back(letter);
    } while (!box.flush() || all.size() < letters);
    ASSERT_EQ(all.size(), 3000U);
    for (int i = 0; i < letters; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i);
}

TEST(MailboxTest, RingsAgainWhenWhatWaitedIsOnItsWay) {
    Doorbell bell;
    Mailbox<int> box{bell};
    for (int i = 0; i < 1500; ++i) box.send(i);
    bell.answer();
    (void)received(box);
    EXPECT_TRUE(box.flush());
    EXPECT_TRUE(has_rung(bell));
}

TEST(MailboxTest, MovesWhatALetterOwns) {
    Doorbell bell;
    Mailbox<std::unique_ptr<int>> box{bell};
    for (int i = 0; i < 1500; ++i) box.send(std::make_unique<int>(i));  // More than fit, and than the ring is long.
    int next = 0;
    const auto receive = [&] {
        box.receive([&](std::unique_ptr<int> letter) {
            EXPECT_EQ(*letter, next);
            ++next;
        });
    };
    receive();
    EXPECT_TRUE(box.flush());
    receive();
    EXPECT_EQ(next, 1500);
}

TEST(MailboxTest, LosesAndSwapsNothingBetweenTwoThreads) {
    constexpr int letters = 50'000;
    Doorbell bell;
    Mailbox<std::string> box{bell};
    std::thread sender{[&] {
        for (int i = 0; i < letters; ++i) box.send(std::to_string(i));
        while (!box.flush()) std::this_thread::yield();
    }};
    int next = 0;
    while (next < letters) {
        pollfd descriptor{.fd = bell.native_handle(), .events = POLLIN, .revents = 0};
        constexpr int limit_ms = 10'000;
        if (::poll(&descriptor, 1, limit_ms) != 1) break;
        bell.answer();
        box.receive([&](const std::string& letter) {
            EXPECT_EQ(letter, std::to_string(next));
            ++next;
        });
    }
    sender.join();
    EXPECT_EQ(next, letters);
}

TEST(LossyMailboxTest, DropsAndCountsWhatDoesNotFit) {
    Doorbell bell;
    LossyMailbox<int> box{bell};
    for (int i = 0; i < static_cast<int>(LossyMailbox<int>::capacity) + 3; ++i) box.send(i);
    EXPECT_TRUE(has_rung(bell));
    const auto letters = received(box);
    EXPECT_EQ(letters.size(), LossyMailbox<int>::capacity);
    EXPECT_EQ(letters.back(), 1023);
    EXPECT_EQ(box.take_dropped(), 3U);
    EXPECT_EQ(box.take_dropped(), 0U);
}

}  // namespace
}  // namespace anyvip::daemon::io
