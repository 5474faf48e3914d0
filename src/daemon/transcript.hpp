#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "anyvip/describe.hpp"
#include "anyvip/time.hpp"
#include "daemon/checks.hpp"
#include "daemon/decision.hpp"
#include "daemon/heartbeat.hpp"
#include "daemon/kernel.hpp"

/// What a loop was told and what it answered, as text: `anyvipd --record DIR` writes it, tests/transcripts keeps it.
///
///     @12.000345 > peer=tor-a Received 1 KEEPALIVE 19
///     | Received peer=tor-a connection=1 bytes=ffffffffffffffffffffffffffffffff001304
///     < peer=tor-a StateChanged OpenConfirm -> Established
///
/// `>` and `<` are describe() of the event and of each action. A line with `|` belongs to the one above it and holds
/// what that leaves out, so that read_event() gets the same event back: a recorded session of the heartbeat or the
/// decision loop is a test as it is (tests/support/replay.hpp). Behind an action it holds the octets that went out.
///
/// Times count from the start of the recording, in whole microseconds as the loops see them. Text that has lines of
/// its own goes on indented. The first line has the seed of the composite's Random, and the clock at the start, since
/// some texts tell its time.
///
/// Without secrets: of a configuration its passwords' file names, and none of the headers of its HTTP checks.
///
/// Not implemented: reading the events of the checks and kernel loops. What they did is seen in their letters.
namespace anyvip::daemon {

/// "@12.000": with as many digits as it takes, three or six.
[[nodiscard]] std::string timestamp(Duration since_start);

/// The lines behind `>` and `<`, without "| "; none where describe() has said it all.
[[nodiscard]] std::vector<std::string> details(const Heartbeat::Event& event, TimePoint start);
[[nodiscard]] std::vector<std::string> details(const Decision::Event& event, TimePoint start);
[[nodiscard]] std::vector<std::string> details(const Heartbeat::Action& action, TimePoint start);
[[nodiscard]] std::vector<std::string> details(const Decision::Action& action, TimePoint start);
template <class Other>
[[nodiscard]] std::vector<std::string> details(const Other& /*of the other loops*/, TimePoint /*start*/) {
    return {};
}

/// `mark` is "> " or "< ".
[[nodiscard]] std::string transcript_lines(std::string_view mark, std::string_view text,
                                           const std::vector<std::string>& details);

/// One event and its answers.
template <class Event, class Actions>
[[nodiscard]] std::string transcript_entry(const Event& event, const Actions& actions, TimePoint now, TimePoint start) {
    std::string text =
        timestamp(now - start) + ' ' + transcript_lines("> ", anyvip::describe(event), details(event, start));
    for (const auto& action : actions) {
        text += transcript_lines("< ", anyvip::describe(action), details(action, start));
    }
    return text;
}

/// From the lines of details(), or from the text behind `>` where it had none. The error is for people.
template <class Event>
[[nodiscard]] std::expected<Event, std::string> read_event(const std::vector<std::string>& lines, TimePoint start);
template <>
[[nodiscard]] std::expected<Heartbeat::Event, std::string> read_event(const std::vector<std::string>& lines,
                                                                      TimePoint start);
template <>
[[nodiscard]] std::expected<Decision::Event, std::string> read_event(const std::vector<std::string>& lines,
                                                                     TimePoint start);

}  // namespace anyvip::daemon
