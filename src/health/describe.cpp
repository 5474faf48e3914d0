#include "health/describe.hpp"

#include <chrono>
#include <string>
#include <string_view>

#include "anyvip/describe.hpp"
#include "anyvip/health/check.hpp"
#include "anyvip/health/outcome.hpp"

namespace anyvip::health {
namespace {

std::string with_detail(std::string_view reason, const std::string& detail) {
    return std::string{reason} + (detail.empty() ? "" : " (" + detail + ")");
}

}  // namespace

std::string text_of(Duration duration) {
    using std::chrono::duration_cast;
    if (duration % std::chrono::seconds{1} == Duration{0}) {
        return std::to_string(duration_cast<std::chrono::seconds>(duration).count()) + "s";
    }
    if (duration % std::chrono::milliseconds{1} == Duration{0}) {
        return std::to_string(duration_cast<std::chrono::milliseconds>(duration).count()) + "ms";
    }
    return std::to_string(duration_cast<std::chrono::microseconds>(duration).count()) + "us";
}

std::string_view describe(FailureReason reason) {
    switch (reason) {
        case FailureReason::TimedOut: return "timed out";
        case FailureReason::Refused: return "connection refused";
        case FailureReason::Unreachable: return "unreachable";
        case FailureReason::ConnectionLost: return "connection lost";
        case FailureReason::TlsFailed: return "TLS handshake failed";
        case FailureReason::CertificateRejected: return "certificate rejected";
        case FailureReason::MalformedResponse: return "malformed response";
        case FailureReason::UnexpectedStatus: return "unexpected status";
        case FailureReason::BodyMismatch: return "body does not match";
        case FailureReason::ExitCode: return "exit code";
        case FailureReason::KilledBySignal: return "killed by signal";
    }
    return "unknown failure";
}

std::string_view describe(CouldNotRunReason reason) {
    switch (reason) {
        case CouldNotRunReason::NoDescriptors: return "out of file descriptors";
        case CouldNotRunReason::NoProcess: return "cannot fork";
        case CouldNotRunReason::NoMemory: return "out of memory";
        case CouldNotRunReason::NoLocalAddress: return "no local address";
        case CouldNotRunReason::NotPermitted: return "not permitted";
        case CouldNotRunReason::ScriptMissing: return "script missing";
        case CouldNotRunReason::ScriptNotExecutable: return "script not executable";
        case CouldNotRunReason::ScriptInsecure: return "script insecure";
        case CouldNotRunReason::UnknownUser: return "unknown user";
        case CouldNotRunReason::CaFileUnusable: return "CA file unusable";
        case CouldNotRunReason::StillRunning: return "former probes still running";
        case CouldNotRunReason::SystemError: return "system error";
    }
    return "unknown obstacle";
}

std::string describe(const Success& success) {
    return with_detail("success", success.detail);
}
std::string describe(const Failure& failure) {
    return with_detail(describe(failure.reason), failure.detail);
}
std::string describe(const CouldNotRun& could_not_run) {
    return "could not run: " + with_detail(describe(could_not_run.reason), could_not_run.detail);
}
std::string describe(const Outcome& outcome) {
    return anyvip::describe(outcome);
}

std::string_view describe(State state) {
    switch (state) {
        case State::Unknown: return "unknown";
        case State::Up: return "up";
        case State::Down: return "down";
    }
    return "unknown state";
}

std::string_view describe(ResultKind kind) {
    switch (kind) {
        case ResultKind::Success: return "success";
        case ResultKind::Failure: return "failure";
        case ResultKind::CouldNotRun: return "could not run";
    }
    return "unknown result";
}

std::string describe(const Policy& policy) {
    return "interval=" + text_of(policy.interval) + " timeout=" + text_of(policy.timeout) +
           " rise=" + std::to_string(policy.rise) + " fall=" + std::to_string(policy.fall) +
           " unknown_timeout=" + text_of(policy.unknown_timeout) +
           (policy.fast_interval ? " fast_interval=" + text_of(*policy.fast_interval) : "");
}

std::string describe(const ProbeFinished& event) {
    return "ProbeFinished " + describe(event.id) + ' ' + describe(event.outcome);
}
std::string describe(const TimerExpired& /*event*/) {
    return "TimerExpired";
}
std::string describe(const ConfigChanged& event) {
    return "ConfigChanged " + describe(event.policy);
}
std::string describe(const ProbeReplaced& /*event*/) {
    return "ProbeReplaced";
}
std::string describe(const Stop& /*event*/) {
    return "Stop";
}
std::string describe(const StartProbe& action) {
    return "StartProbe " + describe(action.id);
}
std::string describe(const AbandonProbe& action) {
    return "AbandonProbe " + describe(action.id);
}
std::string describe(const HealthChanged& action) {
    return "HealthChanged " + std::string{describe(action.from)} + " -> " + std::string{describe(action.to)} + ' ' +
           describe(action.reason);
}
std::string describe(const Event& event) {
    return anyvip::describe(event);
}
std::string describe(const Action& action) {
    return anyvip::describe(action);
}
std::string describe(const Actions& actions) {
    return anyvip::describe(actions);
}

}  // namespace anyvip::health
