#include "anyvip/health/check.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "anyvip/overloaded.hpp"
#include "health/describe.hpp"

namespace anyvip::health {
namespace {

constexpr Duration max_stagger = std::chrono::milliseconds{100};
constexpr std::size_t history_size = 20;

/// A policy of zeros must not make a loop that never sleeps.
constexpr Duration at_least_a_millisecond(Duration duration) {
    return std::max<Duration>(duration, std::chrono::milliseconds{1});
}

constexpr void count(std::uint32_t& counter) {
    if (counter < std::numeric_limits<std::uint32_t>::max()) ++counter;
}

ResultKind kind_of(const Outcome& outcome) {
    return std::visit(overloaded{[](const Success&) { return ResultKind::Success; },
                                 [](const Failure&) { return ResultKind::Failure; },
                                 [](const CouldNotRun&) { return ResultKind::CouldNotRun; }},
                      outcome);
}

}  // namespace

Check::Check(const Policy& policy, Random& random, TimePoint now)
    : policy_{policy},
      phase_{Waiting{now + random.between(Duration{0}, std::clamp(policy.interval, Duration{0}, max_stagger))}} {
    status_.since = now;
}

Actions Check::handle(const Event& event, TimePoint now) {
    auto step = std::visit(overloaded{
                               [&](const Waiting& waiting, const TimerExpired&) -> Step {
                                   Actions actions;
                                   count_blindness_as_failure(now, actions);
                                   if (now < waiting.next_start) return {waiting, std::move(actions)};
                                   auto started = start_probe(waiting.next_start, now);
                                   std::ranges::move(started.actions, std::back_inserter(actions));
                                   return {started.next, std::move(actions)};
                               },
                               [&](const Waiting& waiting, const ConfigChanged& changed) -> Step {
                                   policy_ = changed.policy;
                                   const auto soonest = now + at_least_a_millisecond(policy_.interval);
                                   return {Waiting{std::min(waiting.next_start, soonest)}, {}};
                               },
                               [&](const Waiting&, const ProbeReplaced&) -> Step {
                                   forget_counts();
                                   return start_probe(now, now);
                               },
                               [&](const Waiting&, const Stop&) -> Step {
                                   forget_counts();
                                   return {Stopped{}, {}};
                               },
                               // Any other event: the outcome of an abandoned probe.
                               [](const Waiting& waiting, const auto&) -> Step { return {waiting, {}}; },

                               [&](const Probing& probing, const ProbeFinished& finished) -> Step {
                                   if (finished.id != probing.id) return {probing, {}};
                                   return finish_probe(probing, finished.outcome, now);
                               },
                               [&](const Probing& probing, const TimerExpired&) -> Step {
                                   Actions actions;
                                   count_blindness_as_failure(now, actions);
                                   if (now < probing.deadline) return {probing, std::move(actions)};
                                   auto timed_out = time_out(probing, now);
                                   std::ranges::move(timed_out.actions, std::back_inserter(actions));
                                   return {timed_out.next, std::move(actions)};
                               },
                               [&](const Probing& probing, const ConfigChanged& changed) -> Step {
                                   policy_ = changed.policy;  // What runs keeps the deadline that it was started with.
                                   return {probing, {}};
                               },
                               [&](const Probing& probing, const ProbeReplaced&) -> Step {
                                   forget_counts();
                                   auto started = start_probe(now, now);
                                   started.actions.insert(started.actions.begin(), AbandonProbe{probing.id});
                                   return started;
                               },
                               [&](const Probing& probing, const Stop&) -> Step {
                                   forget_counts();
                                   return {Stopped{}, {AbandonProbe{probing.id}}};
                               },

                               // Any other event: nothing starts after Stop.
                               [](const Stopped& stopped, const auto&) -> Step { return {stopped, {}}; },
                           },
                           std::as_const(phase_), event);
    phase_ = step.next;
    return std::move(step.actions);
}

std::optional<TimePoint> Check::deadline() const {
    auto earliest = std::visit(overloaded{[](const Waiting& waiting) { return std::optional{waiting.next_start}; },
                                          [](const Probing& probing) { return std::optional{probing.deadline}; },
                                          [](const Stopped&) { return std::optional<TimePoint>{}; }},
                               phase_);
    if (blindness_ && earliest) earliest = std::min(*earliest, unknown_timer(*blindness_));
    return earliest;
}

Check::Step Check::start_probe(TimePoint slot, TimePoint now) {
    // After a stall the slots that have passed are gone: catching up would ask the same question in a burst.
    const auto interval = at_least_a_millisecond(policy_.interval);
    const auto latest_slot = slot + (now - slot) / interval * interval;
    const Probing probing{.id = ProbeId{++last_id_},
                          .slot = latest_slot,
                          .started = now,
                          .deadline = now + at_least_a_millisecond(policy_.timeout)};
    return {probing, {StartProbe{probing.id, probing.deadline}}};
}

Check::Step Check::finish_probe(const Probing& probing, const Outcome& outcome, TimePoint now) {
    record(probing, outcome, now);
    Actions actions;
    std::visit([&](const auto& kind) { judge(kind, now, actions); }, outcome);
    return {Waiting{next_start(probing.slot, now)}, std::move(actions)};
}

Check::Step Check::time_out(const Probing& probing, TimePoint now) {
    if (now - probing.deadline > grace() && !probing.granted_more_time) {
        ++status_.late_expiries;
        auto extended = probing;
        extended.deadline = now + grace();
        extended.granted_more_time = true;
        return {extended, {}};
    }
    const auto waited = probing.deadline - probing.started;
    auto step = finish_probe(probing, Failure{FailureReason::TimedOut, "no outcome within " + text_of(waited)}, now);
    step.actions.insert(step.actions.begin(), AbandonProbe{probing.id});
    return step;
}

TimePoint Check::next_start(TimePoint slot, TimePoint now) const {
    const auto interval = at_least_a_millisecond(policy_.interval);
    if (policy_.fast_interval && status_.state == State::Up && status_.failures > 0) {
        return std::max(now, slot + std::min(at_least_a_millisecond(*policy_.fast_interval), interval));
    }
    const auto next = slot + interval;
    if (next >= now) return next;
    // A slot that was missed by little is used: with timeout == interval a probe that times out ends a timer
    // tick after the next slot, and skipping that one would make detection twice as slow.
    const auto latest_slot = next + (now - next) / interval * interval;
    return now - latest_slot < interval / 2 ? latest_slot : latest_slot + interval;
}

Duration Check::grace() const {
    return std::max<Duration>(std::chrono::milliseconds{5}, policy_.timeout / 4);
}

void Check::record(const Probing& probing, const Outcome& outcome, TimePoint now) {
    const auto duration = now - probing.started;
    status_.last = outcome;
    status_.last_duration = duration;
    if (status_.history.size() == history_size) status_.history.erase(status_.history.begin());
    status_.history.push_back({.started = probing.started, .duration = duration, .kind = kind_of(outcome)});
}

void Check::judge(const Success& success, TimePoint now, Actions& actions) {
    blindness_.reset();
    status_.failures = 0;
    count(status_.successes);
    switch (status_.state) {
        case State::Unknown: return change_state(State::Up, success, now, actions);
        case State::Up: return;
        case State::Down:
            if (status_.successes >= policy_.rise) change_state(State::Up, success, now, actions);
            return;
    }
}

void Check::judge(const Failure& failure, TimePoint now, Actions& actions) {
    blindness_.reset();
    status_.successes = 0;
    count(status_.failures);
    switch (status_.state) {
        case State::Unknown: return change_state(State::Down, failure, now, actions);
        case State::Up:
            if (status_.failures >= policy_.fall) change_state(State::Down, failure, now, actions);
            return;
        case State::Down: return;
    }
}

void Check::judge(const CouldNotRun& could_not_run, TimePoint now, Actions& actions) {
    if (status_.state == State::Down) return;
    blindness_ = Blindness{.since = blindness_ ? blindness_->since : now, .reason = could_not_run};
    count_blindness_as_failure(now, actions);
}

void Check::count_blindness_as_failure(TimePoint now, Actions& actions) {
    if (!blindness_ || now < unknown_timer(*blindness_)) return;
    const auto reason = blindness_->reason;
    forget_counts();
    change_state(State::Down, reason, now, actions);
}

void Check::forget_counts() {
    blindness_.reset();
    status_.successes = 0;
    status_.failures = 0;
}

void Check::change_state(State to, const Outcome& reason, TimePoint now, Actions& actions) {
    actions.push_back(HealthChanged{.from = status_.state, .to = to, .reason = reason});
    status_.state = to;
    status_.since = now;
    status_.reason = reason;
}

}  // namespace anyvip::health
