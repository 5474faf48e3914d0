#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/health/check.hpp"
#include "anyvip/health/probe.hpp"
#include "anyvip/names.hpp"
#include "anyvip/random.hpp"
#include "anyvip/time.hpp"
#include "daemon/mail.hpp"

/// The checks loop without its I/O: one health::Check per name, probes to the prober, verdicts to the decision loop.
///
/// Who calls what. The loop's driver feeds mail of the decision loop (which checks there are, who asks how they are)
/// and outcomes from the prober; it performs the actions in their order. What a check wants of its probe becomes
/// StartCheckProbe and AbandonCheckProbe with the check's name, and HealthChanged a letter to the decision loop.
///
/// What it may never do: decide anything but a check's own state. What a verdict means for a VIP is the coordinator's
/// business, and no verdict waits for another check: ten thousand of them share this loop and nothing else.
///
/// A reload. A check that keeps its name keeps its verdict and its counts: another policy counts from now on, another
/// probe abandons the one that runs, and what has not changed hears nothing. One that leaves is abandoned without a
/// word, since whoever no longer lists it no longer depends on it.
///
/// Time. Probes have no timers of their own: every interval and time-out is a deadline of a health::Check, and `due_`
/// keeps them sorted, so that a wake-up costs what is due and not what exists. The first probes are staggered by
/// chance, which is why this composite has a Random.
namespace anyvip::daemon {

// Events: mail, and from the prober:
struct CheckProbeFinished {
    CheckName check;
    health::ProbeFinished finished;
    friend bool operator==(const CheckProbeFinished&, const CheckProbeFinished&) = default;
};
struct ChecksTimerExpired {
    friend bool operator==(const ChecksTimerExpired&, const ChecksTimerExpired&) = default;
};

// Actions: mail, and to the prober:
struct StartCheckProbe {
    CheckName check;
    health::ProbeId id;
    health::Probe probe;
    friend bool operator==(const StartCheckProbe&, const StartCheckProbe&) = default;
};
struct AbandonCheckProbe {
    CheckName check;
    health::ProbeId id;
    friend bool operator==(const AbandonCheckProbe&, const AbandonCheckProbe&) = default;
};

class Checks {
public:
    using Event = std::variant<ChecksMail, CheckProbeFinished, ChecksTimerExpired>;
    using Action = std::variant<StartCheckProbe, AbandonCheckProbe, DecisionMail>;
    using Actions = std::vector<Action>;
    using TimerExpired = ChecksTimerExpired;

    explicit Checks(Random random) : random_{random} {}

    [[nodiscard]] Actions handle(const Event& event, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

private:
    struct Running {
        config::Check config;
        health::Check check;
        std::optional<TimePoint> due = std::nullopt;  ///< as in due_
    };

    void on(const ChecksMail& mail, TimePoint now, Actions& out);
    void on(const CheckProbeFinished& event, TimePoint now, Actions& out);
    void on(const ChecksTimerExpired&, TimePoint now, Actions& out);
    void read(const ConfigureChecks& mail, TimePoint now, Actions& out);
    void read(const SnapshotRequested&, TimePoint now, Actions& out);
    void reconfigure(Running& running, const config::Check& config, TimePoint now, Actions& out);
    void feed(Running& running, const health::Event& event, TimePoint now, Actions& out);

    void note_deadline(Running& running);

    Random random_;
    std::map<CheckName, Running> checks_;
    std::set<std::pair<TimePoint, CheckName>> due_;  ///< the deadline of each check that has one
};

[[nodiscard]] std::string describe(const CheckProbeFinished& event);
[[nodiscard]] std::string describe(const ChecksTimerExpired& event);
[[nodiscard]] std::string describe(const StartCheckProbe& action);
[[nodiscard]] std::string describe(const AbandonCheckProbe& action);

}  // namespace anyvip::daemon
