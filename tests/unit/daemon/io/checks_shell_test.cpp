#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "anyvip/describe.hpp"
#include "daemon/io/post.hpp"
#include "daemon/io/shells.hpp"

namespace anyvip::daemon::io {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ChecksShellTest : public ::testing::Test {
protected:
    /// Of a port that is bound and not listened on.
    [[nodiscard]] health::Probe refused() const {
        return health::TcpProbe{.target = {*net::IpAddress::parse("127.0.0.1"), closed_.local_endpoint().port()},
                                .source = {}};
    }
    void run_until_something_is_fed() {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{10};
        while (fed_.empty() && std::chrono::steady_clock::now() < give_up) {
            context_.restart();
            context_.run_one_for(std::chrono::milliseconds{20});
        }
    }

    boost::asio::io_context context_;
    boost::asio::ip::tcp::socket closed_{context_, {boost::asio::ip::address_v4::loopback(), 0}};
    Post post_;
    std::vector<Checks::Event> fed_;
    ChecksShell shell_{context_, [this](Checks::Event event) { fed_.push_back(std::move(event)); }, post_};
};

TEST_F(ChecksShellTest, AProbeThatIsStartedComesBackAsAnEventOfItsCheck) {
    shell_.perform(StartCheckProbe{CheckName{"web"}, health::ProbeId{7}, refused()});
    EXPECT_THAT(fed_, IsEmpty()) << "an action must not feed from inside";
    run_until_something_is_fed();
    ASSERT_EQ(fed_.size(), 1U);
    const auto& finished = std::get<CheckProbeFinished>(fed_.front());
    EXPECT_EQ(finished.check, CheckName{"web"});
    EXPECT_EQ(finished.finished.id, health::ProbeId{7});
    EXPECT_EQ(std::get<health::Failure>(finished.finished.outcome).reason, health::FailureReason::Refused);
}

TEST_F(ChecksShellTest, AProbeThatIsAbandonedDoesNotComeBack) {
    shell_.perform(StartCheckProbe{CheckName{"web"}, health::ProbeId{7}, refused()});
    shell_.perform(AbandonCheckProbe{CheckName{"web"}, health::ProbeId{7}});
    shell_.perform(StartCheckProbe{CheckName{"other"}, health::ProbeId{1}, refused()});
    run_until_something_is_fed();
    ASSERT_EQ(fed_.size(), 1U);
    EXPECT_EQ(std::get<CheckProbeFinished>(fed_.front()).check, CheckName{"other"});
}

TEST_F(ChecksShellTest, MailGoesToTheDecisionLoopAndComesFromItInOrder) {
    shell_.perform(DecisionMail{HealthChanged{CheckName{"a"}, health::State::Up, ""}});
    shell_.perform(DecisionMail{HealthChanged{CheckName{"b"}, health::State::Down, ""}});
    EXPECT_TRUE(shell_.flush());
    std::vector<std::string> sent;
    post_.checks_to_decision.receive(
        [&](const DecisionMail& mail) { sent.push_back(std::get<HealthChanged>(mail).check.value()); });
    EXPECT_THAT(sent, ElementsAre("a", "b"));

    post_.decision_to_checks.send(ConfigureChecks{});
    post_.decision_to_checks.send(SnapshotRequested{});
    shell_.drain();
    ASSERT_EQ(fed_.size(), 2U);
    EXPECT_TRUE(std::holds_alternative<ConfigureChecks>(std::get<ChecksMail>(fed_[0])));
    EXPECT_TRUE(std::holds_alternative<SnapshotRequested>(std::get<ChecksMail>(fed_[1])));
}

TEST_F(ChecksShellTest, MailThatTheDecisionLoopDoesNotTakeIsKeptUntilItDoes) {
    constexpr int more_than_a_ring = 3000;
    for (int i = 0; i < more_than_a_ring; ++i) {
        shell_.perform(DecisionMail{HealthChanged{CheckName{"a"}, health::State::Up, std::to_string(i)}});
    }
    EXPECT_FALSE(shell_.flush());
    int received = 0;
    while (received < more_than_a_ring) {
        const int before = received;
        post_.checks_to_decision.receive([&](const DecisionMail& mail) {
            EXPECT_EQ(std::get<HealthChanged>(mail).detail, std::to_string(received++));
        });
        (void)shell_.flush();
        ASSERT_GT(received, before);
    }
    EXPECT_TRUE(shell_.flush());
}

}  // namespace
}  // namespace anyvip::daemon::io
