#include "anyvip/describe.hpp"

#include <chrono>
#include <string>

#include "anyvip/vip/lifecycle.hpp"

namespace anyvip::vip {
namespace {

std::string with_generation(const std::string& name, Generation generation) {
    return name + " generation=" + std::to_string(generation);
}

std::string outcome(const std::optional<std::string>& error) {
    return error ? " error=\"" + *error + '"' : "";
}

}  // namespace

std::string describe(Lifecycle::State state) {
    switch (state) {
        case Lifecycle::State::Absent: return "Absent";
        case Lifecycle::State::Programming: return "Programming";
        case Lifecycle::State::Ready: return "Ready";
        case Lifecycle::State::Announced: return "Announced";
        case Lifecycle::State::GracefulShutdown: return "GracefulShutdown";
        case Lifecycle::State::Withdrawing: return "Withdrawing";
        case Lifecycle::State::Removing: return "Removing";
    }
    return "unknown state";
}

std::string describe(const Configured& /*event*/) {
    return "Configured";
}
std::string describe(const ConfigChanged& /*event*/) {
    return "ConfigChanged";
}
std::string describe(const Leave& /*event*/) {
    return "Leave";
}
std::string describe(const VerdictGiven& event) {
    return "VerdictGiven " + anyvip::describe(event.verdict);
}
std::string describe(const VrrpActive& event) {
    return event.active ? "VrrpActive" : "VrrpActive no";
}
std::string describe(const OthersObserved& event) {
    return "OthersObserved " + describe(event.others.knowledge) +
           (event.others.text.empty() ? "" : " \"" + event.others.text + '"');
}
std::string describe(const ServicesChanged& /*event*/) {
    return "ServicesChanged";
}
std::string describe(const ServicesApplied& event) {
    return with_generation("ServicesApplied", event.generation) + outcome(event.error);
}
std::string describe(const AddressesApplied& event) {
    return with_generation("AddressesApplied", event.generation) + outcome(event.error);
}
std::string describe(const RoutesSent& /*event*/) {
    return "RoutesSent";
}
std::string describe(const TimerExpired& /*event*/) {
    return "TimerExpired";
}
std::string describe(const SetServices& action) {
    return with_generation("SetServices", action.generation) + (action.present ? " present" : " absent");
}
std::string describe(const SetAddresses& action) {
    return with_generation("SetAddresses", action.generation) + (action.present ? " present" : " absent");
}
std::string describe(const Announce& /*action*/) {
    return "Announce";
}
std::string describe(const AnnounceGracefulShutdown& /*action*/) {
    return "AnnounceGracefulShutdown";
}
std::string describe(const HeldBack& action) {
    const auto until = std::chrono::duration<double>(action.until.time_since_epoch());
    return "HeldBack until " + std::to_string(until.count()) + 's';
}
std::string describe(const Withdraw& /*action*/) {
    return "Withdraw";
}
std::string describe(const Removed& /*action*/) {
    return "Removed";
}

}  // namespace anyvip::vip
