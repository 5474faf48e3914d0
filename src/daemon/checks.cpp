#include "daemon/checks.hpp"

#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"

namespace anyvip::daemon {
namespace {

health::Policy policy_of(const config::Check& check) {
    return {.interval = check.policy.interval,
            .timeout = check.policy.timeout,
            .rise = check.policy.rise,
            .fall = check.policy.fall,
            .unknown_timeout = check.policy.unknown_timeout,
            .fast_interval = std::nullopt};
}

}  // namespace

Checks::Actions Checks::handle(const Event& event, TimePoint now) {
    Actions out;
    std::visit([&](const auto& e) { on(e, now, out); }, event);
    return out;
}

std::optional<TimePoint> Checks::deadline() const {
    if (due_.empty()) return std::nullopt;
    return due_.begin()->first;
}

void Checks::on(const ChecksMail& mail, TimePoint now, Actions& out) {
    std::visit([&](const auto& m) { read(m, now, out); }, mail);
}

void Checks::on(const CheckProbeFinished& event, TimePoint now, Actions& out) {
    const auto found = checks_.find(event.check);
    if (found != checks_.end()) feed(found->second, event.finished, now, out);
}

void Checks::on(const ChecksTimerExpired& /*event*/, TimePoint now, Actions& out) {
    // Taken out first: each is fed once, also if it is due again at once.
    std::vector<CheckName> due;
    for (auto it = due_.begin(); it != due_.end() && it->first <= now; ++it) due.push_back(it->second);
    for (const auto& name : due) feed(checks_.at(name), health::TimerExpired{}, now, out);
}

void Checks::read(const ConfigureChecks& mail, TimePoint now, Actions& out) {
    std::set<CheckName> wanted;
    for (const auto& config : mail.checks) wanted.insert(config.name);
    for (auto it = checks_.begin(); it != checks_.end();) {
        if (wanted.contains(it->first)) {
            ++it;
            continue;
        }
        feed(it->second, health::Stop{}, now, out);
        if (it->second.due) due_.erase({*it->second.due, it->first});
        it = checks_.erase(it);
    }
    for (const auto& config : mail.checks) {
        const auto found = checks_.find(config.name);
        if (found == checks_.end()) {
            const auto added =
                checks_.emplace(config.name, Running{config, health::Check{policy_of(config), random_, now}}).first;
            note_deadline(added->second);
        } else {
            reconfigure(found->second, config, now, out);
        }
    }
}

void Checks::reconfigure(Running& running, const config::Check& config, TimePoint now, Actions& out) {
    const auto before = running.config;
    running.config = config;
    if (before.policy != config.policy) feed(running, health::ConfigChanged{policy_of(config)}, now, out);
    if (before.probe != config.probe) feed(running, health::ProbeReplaced{}, now, out);
}

void Checks::read(const SnapshotRequested& /*mail*/, TimePoint /*now*/, Actions& out) {
    ChecksSnapshot snapshot;
    for (const auto& [name, running] : checks_) {
        snapshot.checks.push_back({.name = name, .status = running.check.status()});
    }
    out.emplace_back(DecisionMail{std::move(snapshot)});
}

void Checks::feed(Running& running, const health::Event& event, TimePoint now, Actions& out) {
    const auto& name = running.config.name;
    for (const auto& action : running.check.handle(event, now)) {
        std::visit(
            overloaded{
                [&](const health::StartProbe& start) {
                    out.emplace_back(StartCheckProbe{name, start.id, running.config.probe});
                },
                [&](const health::AbandonProbe& abandon) { out.emplace_back(AbandonCheckProbe{name, abandon.id}); },
                [&](const health::HealthChanged& changed) {
                    out.emplace_back(DecisionMail{HealthChanged{name, changed.to, anyvip::describe(changed.reason)}});
                },
            },
            action);
    }
    note_deadline(running);
}

void Checks::note_deadline(Running& running) {
    const auto deadline = running.check.deadline();
    if (deadline == running.due) return;
    if (running.due) due_.erase({*running.due, running.config.name});
    if (deadline) due_.emplace(*deadline, running.config.name);
    running.due = deadline;
}

std::string describe(const CheckProbeFinished& event) {
    return "check=" + event.check.value() + ' ' + describe(event.finished);
}
std::string describe(const ChecksTimerExpired& /*event*/) {
    return "TimerExpired";
}
std::string describe(const StartCheckProbe& action) {
    return "StartProbe check=" + action.check.value() + " id=" + anyvip::describe(action.id);
}
std::string describe(const AbandonCheckProbe& action) {
    return "AbandonProbe check=" + action.check.value() + " id=" + anyvip::describe(action.id);
}

}  // namespace anyvip::daemon
