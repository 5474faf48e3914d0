#include <utility>
#include <variant>

#include "anyvip/overloaded.hpp"
#include "daemon/io/shells.hpp"

namespace anyvip::daemon::io {

ChecksShell::ChecksShell(boost::asio::io_context& context, Feed feed, Post& post)
    : feed_{std::move(feed)},
      post_{post},
      prober_{context.get_executor(), [this](const CheckName& check, const health::ProbeFinished& finished) {
                  feed_(CheckProbeFinished{check, finished});
              }} {}

void ChecksShell::perform(const Checks::Action& action) {
    std::visit(overloaded{
                   [this](const StartCheckProbe& start) { prober_.start(start.check, start.id, start.probe); },
                   [this](const AbandonCheckProbe& abandon) { prober_.abandon(abandon.check, abandon.id); },
                   [this](const DecisionMail& mail) { post_.checks_to_decision.send(mail); },
               },
               action);
}

void ChecksShell::drain() {
    post_.decision_to_checks.receive([this](ChecksMail mail) { feed_(std::move(mail)); });
}

bool ChecksShell::flush() {
    return post_.checks_to_decision.flush();
}

}  // namespace anyvip::daemon::io
