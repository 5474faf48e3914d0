#include "vrrp/virtual_router.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "anyvip/overloaded.hpp"

namespace anyvip::vrrp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A detection that is seen later than this is evidence about us: we slept.
constexpr Duration least_lateness = milliseconds{5};

/// What fits into the packet: 12 bits of centiseconds, or 8 bits of seconds.
Duration own_interval(const Config& config) {
    const Duration most = config.version == Version::V2 ? Duration{seconds{255}} : Duration{milliseconds{40950}};
    const Duration least = config.version == Version::V2 ? Duration{seconds{1}} : Duration{milliseconds{10}};
    return std::clamp(config.advertise_interval, least, most);
}

Centiseconds on_the_wire(Duration interval) {
    return std::chrono::duration_cast<Centiseconds>(interval);
}

void append(Actions& actions, const Actions& more) {
    actions.insert(actions.end(), more.begin(), more.end());
}

}  // namespace

Expected expected(const Identity& identity, const Config& config) {
    return {config.version, identity.virtual_router_id, on_the_wire(own_interval(config)), config.peers};
}

VirtualRouter::VirtualRouter(Identity identity, Config config) : identity_{identity}, config_{std::move(config)} {}

Actions VirtualRouter::handle(const Event& event, TimePoint now) {
    note(event);
    if (const auto reason = obstacle(event, now)) return leave(*reason);

    // The arms get copies of the state, so that they may assign state_.
    return std::visit(
        overloaded{
            // §6.4.1 Initialize. The last obstacle has just gone: this is the RFC's Startup event.
            [&](const Initialize&, const auto& /*any other event*/) { return start(now); },

            // §6.4.2 Backup.
            [&](const Backup& backup, const AdvertisementReceived& e) { return received(backup, e, now); },
            [&](const Backup& backup, const TimerExpired&) { return expired(backup, now); },
            [&](const Backup& backup, const PriorityChanged&) { return reprioritised(backup, now); },
            [&](const Backup& backup, const Lease&) { return reprioritised(backup, now); },
            [&](const Backup& backup, const ConfigChanged&) { return reconfigured(backup, now); },
            [&](const Backup&, const auto& /*any other event*/) { return Actions{}; },

            // §6.4.3 Active.
            [&](const Active& active, const AdvertisementReceived& e) { return received(active, e, now); },
            [&](const Active& active, const TimerExpired&) { return expired(active, now); },
            [&](const Active& active, const PriorityChanged&) { return reprioritised(active, now); },
            [&](const Active& active, const Lease&) { return reprioritised(active, now); },
            [&](const Active& active, const ConfigChanged& e) { return reconfigured(active, e, now); },
            [&](const Active& active, const AddressesApplied& e) { return applied(active, e, now); },
            [&](const Active&, const auto& /*any other event*/) { return Actions{}; },
        },
        State{state_}, event);
}

std::optional<TimePoint> VirtualRouter::deadline() const {
    auto earliest = facts_.lease_expires_at;
    const auto consider = [&](std::optional<TimePoint> timer) {
        if (timer && (!earliest || *timer < *earliest)) earliest = timer;
    };
    return std::visit(overloaded{
                          // Nothing ends here by itself; the lease least of all.
                          [&](const Initialize&) { return std::optional<TimePoint>{}; },
                          [&](const Backup& backup) {
                              consider(backup.active_down_timer);
                              return earliest;
                          },
                          [&](const Active& active) {
                              consider(active.adver_timer);
                              consider(active.apply_timer);
                              consider(active.garp_timer);
                              return earliest;
                          },
                      },
                      state_);
}

StateName VirtualRouter::state_name() const {
    return std::visit(overloaded{
                          [](const Initialize&) { return StateName::Initialize; },
                          [](const Backup&) { return StateName::Backup; },
                          [](const Active&) { return StateName::Active; },
                      },
                      state_);
}

Advertisement VirtualRouter::advertisement(Priority priority) const {
    return {config_.version, identity_.virtual_router_id, priority, on_the_wire(own_interval(config_)),
            config_.addresses};
}

ChecksumCoverage VirtualRouter::coverage() const {
    switch (config_.checksum) {
        case ChecksumChoice::Automatic: return facts_.coverage_heard.value_or(ChecksumCoverage::WithPseudoHeader);
        case ChecksumChoice::WithPseudoHeader: return ChecksumCoverage::WithPseudoHeader;
        case ChecksumChoice::MessageOnly: return ChecksumCoverage::MessageOnly;
    }
    return ChecksumCoverage::WithPseudoHeader;
}

// ---- Facts

void VirtualRouter::note(const Event& event) {
    std::visit(overloaded{
                   [&](const Startup&) {
                       facts_.started = true;
                       facts_.apply_fault.reset();
                   },
                   [&](const Shutdown&) {
                       facts_.shut_down = facts_.started;
                       facts_.started = false;
                   },
                   [&](const AdvertisementReceived& e) {
                       ++counters_.advertisements_received;
                       if (e.advertisement.priority == Priority::shutdown()) ++counters_.priority_zero_received;
                       if (std::holds_alternative<Initialize>(state_)) discard(DiscardReason::NotParticipating);
                       if (e.source != facts_.source) facts_.coverage_heard = e.coverage;
                   },
                   [&](const AdvertisementDiscarded& e) { discard(e.reason); },
                   [&](const PriorityChanged& e) { note_verdict(e.priority, e.reason); },
                   [&](const Lease& e) {
                       note_verdict(e.priority, e.reason);
                       facts_.lease_expires_at = e.expires_at;
                   },
                   [&](const AddressesApplied& e) { note_applied(e); },
                   [&](const Retry&) { facts_.apply_fault.reset(); },
                   [&](const InterfaceUp&) { facts_.interface_up = true; },
                   [&](const InterfaceDown&) { facts_.interface_up = false; },
                   [&](const SourceChanged& e) { facts_.source = e.source; },
                   [&](const ConfigChanged& e) {
                       config_ = e.config;
                       facts_.apply_fault.reset();
                   },
                   [&](const TimerExpired&) {},
               },
               event);
}

void VirtualRouter::note_verdict(const std::optional<Priority>& priority, const std::string& reason) {
    // Priority 0 is no preference but a farewell (§5.2.4): nobody can take part with it.
    if (!priority || *priority == Priority::shutdown()) {
        facts_.priority.reset();
        facts_.ineligible = Reason{Cause::Ineligible, reason};
    } else {
        facts_.priority = priority;
        facts_.ineligible.reset();
    }
}

void VirtualRouter::note_applied(const AddressesApplied& event) {
    if (event.generation != generation_ || !event.error) return;
    ++counters_.apply_errors;
    // A removal that fails is the kernel loop's to repeat; it keeps nobody from being Backup.
    if (std::holds_alternative<Active>(state_)) facts_.apply_fault = Reason{Cause::ApplyFailed, *event.error};
}

std::optional<Reason> VirtualRouter::obstacle(const Event& event, TimePoint now) const {
    if (!facts_.started) return Reason{facts_.shut_down ? Cause::ShutDown : Cause::NotStarted, {}};
    if (!facts_.interface_up) return Reason{Cause::InterfaceDown, {}};
    if (!facts_.source) return Reason{Cause::NoSourceAddress, {}};
    if (facts_.ineligible) return facts_.ineligible;
    if (is_lease_over(event, now)) return Reason{Cause::VerdictsStalled, {}};
    return facts_.apply_fault;
}

// Before TimerExpired the caller has drained its mail, before any other event it has not: after a stall of ours a
// fresh lease may wait behind the packet that is being handled. Until then whoever takes part goes on; nobody becomes
// Active but by TimerExpired or out of Initialize.
bool VirtualRouter::is_lease_over(const Event& event, TimePoint now) const {
    const bool judged = std::holds_alternative<TimerExpired>(event) || std::holds_alternative<Initialize>(state_);
    return judged && facts_.lease_expires_at && now >= *facts_.lease_expires_at;
}

// ---- Transitions

// §6.4.1: the address owner does not wait for anybody.
Actions VirtualRouter::start(TimePoint now) {
    if (facts_.priority == Priority::owner()) return become_active(Cause::StartedAsAddressOwner, now);
    return {change_state(backup_of(own_interval(config_), now), {Cause::StartedAsBackup, {}})};
}

// §6.4.3, Shutdown: priority 0 lets the Backup Routers take over in Skew_Time. It goes first, so that the time in
// which nobody answers is short.
Actions VirtualRouter::leave(const Reason& reason) {
    return std::visit(overloaded{
                          [&](const Initialize&) {
                              state_ = Initialize{reason};
                              return Actions{};
                          },
                          [&](const Backup&) { return Actions{change_state(Initialize{reason}, reason)}; },
                          [&](const Active&) {
                              return Actions{send(Priority::shutdown()), set_addresses(false),
                                             change_state(Initialize{reason}, reason)};
                          },
                      },
                      State{state_});
}

// §6.4.2, Active_Down_Timer fires. Gratuitous ARP waits until the kernel has the addresses: see applied().
Actions VirtualRouter::become_active(Cause cause, TimePoint now) {
    const Active active{.adver_timer = now + own_interval(config_),
                        .advertised = *facts_.priority,
                        .apply_timer = now + config_.apply_timeout,
                        .garp_timer = std::nullopt};
    return {send(*facts_.priority), set_addresses(true), change_state(active, {cause, {}})};
}

// §6.4.3: the addresses go at once, since the other router already announces them; no priority 0, which would make
// third parties take over from it.
Actions VirtualRouter::yield(const AdvertisementReceived& event, Cause cause, TimePoint now) {
    Backup backup = backup_of(interval_of(event.advertisement), now);
    backup.active_router = event.source;
    return {set_addresses(false), change_state(backup, {cause, describe(event.source)})};
}

// ---- Backup

Actions VirtualRouter::received(Backup backup, const AdvertisementReceived& event, TimePoint now) {
    if (discarded(event)) return {};
    backup.active_router = event.source;
    // Priority 0 means that the Active Router is leaving: be quick, but in the order of priority.
    if (event.advertisement.priority == Priority::shutdown()) {
        backup.skew_time = skew_time(backup.active_adver_interval);
        backup.active_down_timer = now + backup.skew_time;
        backup.rearmed_after_late_wakeup = false;
    } else if (listens_to(backup, event.advertisement, now)) {
        const auto preempt_delay_timer = backup.preempt_delay_timer;
        backup = backup_of(interval_of(event.advertisement), now);
        backup.active_router = event.source;
        backup.preempt_delay_timer = preempt_delay_timer;
    }
    state_ = backup;
    return {};
}

// §6.4.2: Preempt_Mode false, or a priority not below ours. The address does not matter here: only two Actives
// compare it. preempt_delay is ours: for that long after the first one heard, a lesser Active is listened to.
bool VirtualRouter::listens_to(Backup& backup, const Advertisement& advertisement, TimePoint now) const {
    if (advertisement.priority >= *facts_.priority) {
        backup.preempt_delay_timer.reset();
        return true;
    }
    if (!config_.preempt) return true;
    if (!backup.preempt_delay_timer) backup.preempt_delay_timer = now + config_.preempt_delay;
    return now < *backup.preempt_delay_timer;
}

Actions VirtualRouter::expired(Backup backup, TimePoint now) {
    if (now < backup.active_down_timer) return {};
    const Duration tolerated = std::max(least_lateness, backup.active_adver_interval / 4);
    if (now - backup.active_down_timer > tolerated && !backup.rearmed_after_late_wakeup) {
        ++counters_.late_wakeups;
        backup.rearmed_after_late_wakeup = true;
        backup.active_down_timer = now + backup.active_adver_interval;
        state_ = backup;
        return {};
    }
    return become_active(Cause::ActiveDownTimerExpired, now);
}

// Skew_Time follows the priority; the timer that runs moves by the difference. That makes it expire now at the
// earliest: how far in the past it lies says how long we slept, and the move must not add to that.
Actions VirtualRouter::reprioritised(Backup backup, TimePoint now) {
    const Duration skew = skew_time(backup.active_adver_interval);
    const TimePoint earliest = std::min(backup.active_down_timer, now);
    backup.active_down_timer = std::max(backup.active_down_timer + (skew - backup.skew_time), earliest);
    backup.skew_time = skew;
    state_ = backup;
    return {};
}

Actions VirtualRouter::reconfigured(Backup backup, TimePoint now) {
    const bool version_2_interval_changed =
        config_.version == Version::V2 && backup.active_adver_interval != own_interval(config_);
    if (!version_2_interval_changed) return reprioritised(backup, now);
    Backup restarted = backup_of(own_interval(config_), now);
    restarted.active_router = backup.active_router;
    restarted.preempt_delay_timer = backup.preempt_delay_timer;
    state_ = restarted;
    return {};
}

// ---- Active

Actions VirtualRouter::received(Active active, const AdvertisementReceived& event, TimePoint now) {
    if (discarded(event)) return {};
    const Priority theirs = event.advertisement.priority;
    const Priority ours = *facts_.priority;
    // Whoever heard the farewell must hear that somebody is still here.
    if (theirs == Priority::shutdown()) {
        active.adver_timer = now + own_interval(config_);
        state_ = active;
        return {send(ours)};
    }
    if (theirs > ours) return yield(event, Cause::HigherPriority, now);
    if (theirs == ours && event.source > *facts_.source) return yield(event, Cause::HigherAddress, now);
    return contested(active, now);
}

// §6.4.3: another Active Router that loses. It shall hear so at once, and so shall the bridges and hosts that its
// gratuitous ARP misled; at most one round until the delayed burst, so that nobody can make us a flood.
Actions VirtualRouter::contested(Active active, TimePoint now) {
    ++counters_.losing_advertisements;
    Actions actions;
    // RFC 3768 §6.4.3 only discards.
    if (config_.version == Version::V3) actions.emplace_back(send(*facts_.priority));
    if (!active.apply_timer && !active.garp_timer) {
        actions.emplace_back(SendGratuitousArp{});
        active.garp_timer = now + std::max(config_.garp_delay, own_interval(config_));
    }
    state_ = active;
    return actions;
}

Actions VirtualRouter::expired(Active active, TimePoint now) {
    if (active.apply_timer && now >= *active.apply_timer) {
        ++counters_.apply_timeouts;
        facts_.apply_fault = Reason{Cause::ApplyTimeout, {}};
        return leave(*facts_.apply_fault);
    }
    Actions actions;
    if (now >= active.adver_timer) {
        actions.emplace_back(send(*facts_.priority));
        // From the last deadline and not from now, so that lateness does not add up; never into the past.
        active.adver_timer += own_interval(config_);
        if (active.adver_timer <= now) active.adver_timer = now + own_interval(config_);
    }
    if (active.garp_timer && now >= *active.garp_timer) {
        append(actions, Actions(config_.garp_repeat, SendGratuitousArp{}));
        active.garp_timer.reset();
    }
    state_ = active;
    return actions;
}

// A lower priority may hand over and a higher one ends a contest: neither waits for the Adver_Timer.
Actions VirtualRouter::reprioritised(Active active, TimePoint now) {
    if (active.advertised == *facts_.priority) return {};
    active.advertised = *facts_.priority;
    active.adver_timer = now + own_interval(config_);
    state_ = active;
    return {send(*facts_.priority)};
}

Actions VirtualRouter::reconfigured(Active active, const ConfigChanged& event, TimePoint now) {
    Actions actions{send(*facts_.priority)};
    active.advertised = *facts_.priority;
    active.adver_timer = now + own_interval(config_);
    if (event.addresses_changed) {
        actions.emplace_back(set_addresses(true));
        active.apply_timer = now + config_.apply_timeout;
        active.garp_timer.reset();
    }
    state_ = active;
    return actions;
}

Actions VirtualRouter::applied(Active active, const AddressesApplied& event, TimePoint now) {
    // The kernel is slow and this answers an earlier wish: the addresses may be about to go again.
    if (event.generation != generation_) return {};
    active.apply_timer.reset();
    active.garp_timer.reset();
    if (config_.garp_delay > Duration::zero()) active.garp_timer = now + config_.garp_delay;
    state_ = active;
    return Actions(config_.garp_repeat, SendGratuitousArp{});
}

// ---- Arithmetic of §6.1, and the books

Backup VirtualRouter::backup_of(Duration active_adver_interval, TimePoint now) const {
    Backup backup;
    backup.active_adver_interval = active_adver_interval;
    backup.skew_time = skew_time(active_adver_interval);
    // Active_Down_Interval.
    backup.active_down_timer = now + 3 * active_adver_interval + backup.skew_time;
    return backup;
}

// Version 2 has one interval for all, and decode() has seen to it; version 3 learns the Active Router's.
Duration VirtualRouter::interval_of(const Advertisement& advertisement) const {
    if (config_.version == Version::V2) return own_interval(config_);
    return std::max<Duration>(advertisement.max_advertise_interval, milliseconds{10});
}

// RFC 9568 §6.1: ((256 - Priority) * Active_Adver_Interval) / 256; RFC 3768 §6.1: (256 - Priority) / 256 seconds.
Duration VirtualRouter::skew_time(Duration active_adver_interval) const {
    const Duration unit = config_.version == Version::V2 ? Duration{seconds{1}} : active_adver_interval;
    return (256 - facts_.priority->value()) * unit / 256;
}

// What §7.1 asks for and needs the state of the router: never our own packet, and nothing at all as owner.
bool VirtualRouter::discarded(const AdvertisementReceived& event) {
    if (event.source == facts_.source) {
        discard(DiscardReason::OwnAdvertisement);
        return true;
    }
    if (facts_.priority == Priority::owner()) {
        discard(DiscardReason::LocalIsAddressOwner);
        return true;
    }
    return false;
}

void VirtualRouter::discard(DiscardReason reason) {
    ++counters_.discarded.at(static_cast<std::size_t>(reason));
}

SendAdvertisement VirtualRouter::send(Priority priority) {
    ++counters_.advertisements_sent;
    if (priority == Priority::shutdown()) ++counters_.priority_zero_sent;
    return {priority};
}

SetAddresses VirtualRouter::set_addresses(bool present) {
    generation_ = Generation{generation_.value() + 1};
    return {generation_, present};
}

StateChanged VirtualRouter::change_state(State next, const Reason& reason) {
    const StateName from = state_name();
    state_ = std::move(next);
    const StateName to = state_name();
    switch (to) {
        case StateName::Initialize: ++counters_.became_initialize; break;
        case StateName::Backup: ++counters_.became_backup; break;
        case StateName::Active: ++counters_.became_active; break;
    }
    return {from, to, reason};
}

}  // namespace anyvip::vrrp
