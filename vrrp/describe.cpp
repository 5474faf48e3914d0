#include "anyvip/describe.hpp"

#include <chrono>
#include <string>
#include <string_view>

#include "vrrp/virtual_router.hpp"

/// The one text form of the virtual router's states, events and actions: a word for what it is, then key=value.
namespace anyvip::vrrp {
namespace {

/// Microseconds are as fine as a transcript needs: skew times are fractions of 1/256 s.
std::string text(Duration duration) {
    return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(duration).count()) + "us";
}

std::string text(TimePoint time) {
    return text(time.time_since_epoch());
}

std::string timer(std::string_view name, const std::optional<TimePoint>& at) {
    return at ? ' ' + std::string{name} + '=' + text(*at) : std::string{};
}

std::string verdict(const std::optional<Priority>& priority, const std::string& reason) {
    return priority ? "priority=" + describe(*priority) : "ineligible reason=\"" + reason + '"';
}

std::string list(const std::vector<net::IpAddress>& addresses) {
    std::string joined;
    for (const auto& address : addresses) joined += (joined.empty() ? "" : ",") + address.to_string();
    return joined;
}

}  // namespace

std::string_view describe(StateName name) {
    switch (name) {
        case StateName::Initialize: return "Initialize";
        case StateName::Backup: return "Backup";
        case StateName::Active: return "Active";
    }
    return "?";
}

std::string_view describe(ChecksumChoice choice) {
    switch (choice) {
        case ChecksumChoice::Automatic: return "automatic";
        case ChecksumChoice::WithPseudoHeader: return "with pseudo-header";
        case ChecksumChoice::MessageOnly: return "message only";
    }
    return "?";
}

std::string_view describe(Cause cause) {
    switch (cause) {
        case Cause::NotStarted: return "not started";
        case Cause::ShutDown: return "shut down";
        case Cause::InterfaceDown: return "interface down";
        case Cause::NoSourceAddress: return "no source address";
        case Cause::NoVerdict: return "no verdict yet";
        case Cause::VerdictsStalled: return "verdicts stalled";
        case Cause::Ineligible: return "ineligible";
        case Cause::ApplyFailed: return "addresses refused by the kernel";
        case Cause::ApplyTimeout: return "addresses not confirmed in time";
        case Cause::StartedAsBackup: return "started";
        case Cause::StartedAsAddressOwner: return "started as address owner";
        case Cause::ActiveDownTimerExpired: return "Active_Down_Timer expired";
        case Cause::HigherPriority: return "higher priority heard";
        case Cause::HigherAddress: return "equal priority and higher address heard";
    }
    return "?";
}

std::string describe(const Reason& reason) {
    std::string words{describe(reason.cause)};
    if (!reason.detail.empty()) words += ": " + reason.detail;
    return words;
}

std::string describe(const Identity& identity) {
    return "vrid=" + anyvip::describe(identity.virtual_router_id) +
           " family=" + std::string{net::describe(identity.family)};
}

std::string describe(const Initialize& state) {
    return "Initialize reason=\"" + describe(state.reason) + '"';
}

std::string describe(const Backup& state) {
    return "Backup active_down_timer=" + text(state.active_down_timer) +
           " active_adver_interval=" + text(state.active_adver_interval) +
           " active_router=" + anyvip::describe(state.active_router) +
           timer("preempt_delay_timer", state.preempt_delay_timer) +
           (state.rearmed_after_late_wakeup ? " rearmed_after_late_wakeup" : "");
}

std::string describe(const Active& state) {
    return "Active adver_timer=" + text(state.adver_timer) + " advertised=" + describe(state.advertised) +
           timer("apply_timer", state.apply_timer) + timer("garp_timer", state.garp_timer);
}

std::string describe(const Startup&) {
    return "Startup";
}
std::string describe(const Shutdown&) {
    return "Shutdown";
}
std::string describe(const TimerExpired&) {
    return "TimerExpired";
}
std::string describe(const AdvertisementReceived& event) {
    return "AdvertisementReceived source=" + describe(event.source) + ' ' + describe(event.advertisement) +
           " checksum=\"" + std::string{describe(event.coverage)} + '"';
}
std::string describe(const AdvertisementDiscarded& event) {
    return "AdvertisementDiscarded reason=\"" + std::string{describe(event.reason)} + '"';
}
std::string describe(const PriorityChanged& event) {
    return "PriorityChanged " + verdict(event.priority, event.reason);
}
std::string describe(const Lease& event) {
    return "Lease " + verdict(event.priority, event.reason) + " expires_at=" + text(event.expires_at);
}
std::string describe(const AddressesApplied& event) {
    return "AddressesApplied generation=" + anyvip::describe(event.generation) +
           (event.error ? " error=\"" + *event.error + '"' : std::string{});
}
std::string describe(const Retry&) {
    return "Retry";
}
std::string describe(const InterfaceUp&) {
    return "InterfaceUp";
}
std::string describe(const InterfaceDown&) {
    return "InterfaceDown";
}
std::string describe(const SourceChanged& event) {
    return "SourceChanged source=" + anyvip::describe(event.source);
}
std::string describe(const ConfigChanged& event) {
    const Config& config = event.config;
    std::string words = "ConfigChanged version=" + std::string{describe(config.version)};
    words += " priority=" + describe(config.priority);
    words += " advertise_interval=" + text(config.advertise_interval);
    words += config.preempt ? " preempt" : " nopreempt";
    words += " preempt_delay=" + text(config.preempt_delay);
    words += " addresses=" + list(config.addresses);
    words += " peers=" + list(config.peers);
    words += " checksum=\"" + std::string{describe(config.checksum)} + '"';
    words += " garp_repeat=" + std::to_string(config.garp_repeat) + " garp_delay=" + text(config.garp_delay);
    words += " apply_timeout=" + text(config.apply_timeout);
    if (event.addresses_changed) words += " addresses_changed";
    return words;
}

std::string describe(const SendAdvertisement& action) {
    return "SendAdvertisement priority=" + describe(action.priority);
}
std::string describe(const SetAddresses& action) {
    return "SetAddresses generation=" + anyvip::describe(action.generation) + (action.present ? " present" : " absent");
}
std::string describe(const SendGratuitousArp&) {
    return "SendGratuitousArp";
}
std::string describe(const StateChanged& action) {
    return "StateChanged from=" + std::string{describe(action.from)} + " to=" + std::string{describe(action.to)} +
           " reason=\"" + describe(action.reason) + '"';
}

}  // namespace anyvip::vrrp
