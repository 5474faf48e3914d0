#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anyvip/health/outcome.hpp"
#include "anyvip/random.hpp"
#include "anyvip/time.hpp"

/// A check: a policy over time on the outcomes of probes. It decides when a probe starts, when it has taken
/// too long, and what a row of outcomes means. It does not know what kind of probe it runs.
///
/// Who calls what: the checks composite (src/daemon/checks) owns one Check per name, hands StartProbe and
/// AbandonProbe to health::io::Prober, brings back its ProbeFinished, and mails HealthChanged to the decision
/// loop. A probe has no timer of its own: its deadline is this core's.
///
/// The rules, which no RFC gives:
/// - The first outcome decides alone, in either direction; from then on `rise` successes in a row make Up and
///   `fall` failures in a row make Down. Waiting for a row at start would delay every start by as much, and
///   a target that was never seen well has no good name to protect. keepalived decides the same way.
/// - CouldNotRun says nothing about the target (product rule 2): verdict and counts stay, for
///   `unknown_timeout` after the first one of a row; then the check is Down, at that instant, with that reason.
/// - The first probe is staggered by at most 100 ms, then next start = previous start + interval. A start that
///   the loop was too late for, or that finds the former probe still running, is skipped: no bursts, no drift.
/// - A deadline noticed too late by more than a quarter of the timeout is evidence about us, not about the
///   target: the probe gets that quarter again, once. The answer may be in the socket already.
///
/// Not implemented: AdminOverride (drain), flap penalty, jitter after the first start.
namespace anyvip::health {

enum class State : std::uint8_t { Unknown, Up, Down };

struct Policy {
    Duration interval = std::chrono::seconds{2};
    Duration timeout = std::chrono::seconds{1};
    std::uint32_t rise = 2;  ///< 0 counts as 1, here and in `fall`
    std::uint32_t fall = 3;
    Duration unknown_timeout = std::chrono::seconds{30};
    /// Between probes while Up with failures, so that a suspicion is confirmed sooner; none: `interval`.
    std::optional<Duration> fast_interval;
    friend bool operator==(const Policy&, const Policy&) = default;
};

// Events.
struct ProbeFinished {
    ProbeId id;
    Outcome outcome;
    friend bool operator==(const ProbeFinished&, const ProbeFinished&) = default;
};
struct TimerExpired {
    friend bool operator==(const TimerExpired&, const TimerExpired&) = default;
};
/// Verdict and counts stay and are judged by the new policy from the next outcome on.
struct ConfigChanged {
    Policy policy;
    friend bool operator==(const ConfigChanged&, const ConfigChanged&) = default;
};
/// The probe itself is another now. What runs asks the old question: it is abandoned, and the new one starts
/// at once. The verdict stays until the new probe's outcomes say otherwise; counts begin again.
struct ProbeReplaced {
    friend bool operator==(const ProbeReplaced&, const ProbeReplaced&) = default;
};
/// The check leaves the configuration or the daemon stops. Nothing starts after it.
struct Stop {
    friend bool operator==(const Stop&, const Stop&) = default;
};
using Event = std::variant<ProbeFinished, TimerExpired, ConfigChanged, ProbeReplaced, Stop>;

// Actions.
struct StartProbe {
    ProbeId id;
    TimePoint deadline;  ///< for the record: AbandonProbe comes then, by this core
    friend bool operator==(const StartProbe&, const StartProbe&) = default;
};
struct AbandonProbe {
    ProbeId id;
    friend bool operator==(const AbandonProbe&, const AbandonProbe&) = default;
};
struct HealthChanged {
    State from{};
    State to{};
    Outcome reason;  ///< the outcome that decided
    friend bool operator==(const HealthChanged&, const HealthChanged&) = default;
};
using Action = std::variant<StartProbe, AbandonProbe, HealthChanged>;
using Actions = std::vector<Action>;

/// Outcome without its text: ten thousand checks keep twenty of them each.
enum class ResultKind : std::uint8_t { Success, Failure, CouldNotRun };
struct Result {
    TimePoint started;
    Duration duration{};
    ResultKind kind{};
    friend bool operator==(const Result&, const Result&) = default;
};

/// A snapshot for the status socket.
struct Status {
    State state{};
    TimePoint since;                ///< of the state
    std::optional<Outcome> reason;  ///< why the state is what it is; none while Unknown
    std::optional<Outcome> last;    ///< the newest outcome
    std::optional<Duration> last_duration;
    std::uint32_t successes = 0;  ///< in a row
    std::uint32_t failures = 0;   ///< in a row
    std::uint64_t late_expiries = 0;
    std::vector<Result> history;  ///< the last 20, oldest first
    friend bool operator==(const Status&, const Status&) = default;
};

class Check {
public:
    /// The first probe starts at a random instant within min(interval, 100 ms) from `now`.
    Check(const Policy& policy, Random& random, TimePoint now);

    [[nodiscard]] Actions handle(const Event& event, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] State state() const { return status_.state; }
    [[nodiscard]] const Status& status() const { return status_; }
    [[nodiscard]] const Policy& policy() const { return policy_; }

private:
    struct Waiting {
        TimePoint next_start;
    };
    struct Probing {
        ProbeId id;
        TimePoint slot;  ///< when it should have started: the next start counts from here
        TimePoint started;
        TimePoint deadline;
        bool granted_more_time = false;
    };
    struct Stopped {};
    using Phase = std::variant<Waiting, Probing, Stopped>;
    struct Step {
        Phase next;
        Actions actions;
    };

    [[nodiscard]] Step start_probe(TimePoint slot, TimePoint now);
    [[nodiscard]] Step finish_probe(const Probing& probing, const Outcome& outcome, TimePoint now);
    [[nodiscard]] Step time_out(const Probing& probing, TimePoint now);
    [[nodiscard]] TimePoint next_start(TimePoint slot, TimePoint now) const;
    [[nodiscard]] Duration grace() const;

    void record(const Probing& probing, const Outcome& outcome, TimePoint now);
    void judge(const Success& success, TimePoint now, Actions& actions);
    void judge(const Failure& failure, TimePoint now, Actions& actions);
    void judge(const CouldNotRun& could_not_run, TimePoint now, Actions& actions);
    void count_blindness_as_failure(TimePoint now, Actions& actions);
    void forget_counts();
    void change_state(State to, const Outcome& reason, TimePoint now, Actions& actions);

    /// Set by the first CouldNotRun of a row, cleared by any other outcome. Not kept while Down: there is
    /// nothing left to give up.
    struct Blindness {
        TimePoint since;
        CouldNotRun reason;
    };
    [[nodiscard]] TimePoint unknown_timer(const Blindness& blindness) const {
        return blindness.since + policy_.unknown_timeout;
    }

    Policy policy_;
    Phase phase_;
    std::optional<Blindness> blindness_;
    std::uint64_t last_id_ = 0;
    Status status_;
};

[[nodiscard]] std::string_view describe(State state);
[[nodiscard]] std::string_view describe(ResultKind kind);
[[nodiscard]] std::string describe(const Policy& policy);
[[nodiscard]] std::string describe(const ProbeFinished& event);
[[nodiscard]] std::string describe(const TimerExpired& event);
[[nodiscard]] std::string describe(const ConfigChanged& event);
[[nodiscard]] std::string describe(const ProbeReplaced& event);
[[nodiscard]] std::string describe(const Stop& event);
[[nodiscard]] std::string describe(const StartProbe& action);
[[nodiscard]] std::string describe(const AbandonProbe& action);
[[nodiscard]] std::string describe(const HealthChanged& action);
[[nodiscard]] std::string describe(const Event& event);
[[nodiscard]] std::string describe(const Action& action);
[[nodiscard]] std::string describe(const Actions& actions);

}  // namespace anyvip::health
