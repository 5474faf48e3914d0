#include "anyvip/vip/lifecycle.hpp"

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace anyvip::vip {

Lifecycle::Lifecycle(const LifecycleConfig& config) : config_{config}, flaps_{config.flaps} {
    if (config.standby) standby_.emplace(*config.standby);
}

std::optional<TimePoint> Lifecycle::deadline() const {
    return standby_ ? earliest(deadline_, standby_->deadline()) : deadline_;
}

void Lifecycle::Wish::ask(bool wanted) {
    ++generation;
    if (wanted != present) answered = 0;  // What was true of the opposite says nothing.
    present = wanted;
}

void Lifecycle::Wish::answer(Generation to, const std::optional<std::string>& refusal) {
    if (to != generation) return;  // An answer to an older wish says nothing about this one.
    answered = to;
    error = refusal;
}

std::optional<std::string> Lifecycle::kernel_error() const {
    if (services_.refused()) return services_.error;
    if (addresses_.refused()) return addresses_.error;
    return std::nullopt;
}

LifecycleActions Lifecycle::handle(const LifecycleEvent& event, TimePoint now) {
    LifecycleActions out;
    std::visit([&](const auto& e) { on(e, now, out); }, event);
    if (standby_) standby_->update(others_, is_out(), now);
    settle(now, out);
    if (standby_) standby_->update(others_, is_out(), now);
    return out;
}

void Lifecycle::on(const Configured& /*event*/, TimePoint /*now*/, LifecycleActions& out) {
    leaving_ = false;
    if (state_ != State::Absent && state_ != State::Removing) return;
    state_ = State::Programming;
    ask_services(true, out);
}

void Lifecycle::on(const ConfigChanged& event, TimePoint /*now*/, LifecycleActions& /*out*/) {
    config_ = event.config;
    flaps_.configure(event.config.flaps);
    if (!config_.standby) {
        standby_.reset();
    } else if (standby_) {
        standby_->configure(*config_.standby);
    } else {
        standby_.emplace(*config_.standby);
    }
}

void Lifecycle::on(const Leave& /*event*/, TimePoint /*now*/, LifecycleActions& /*out*/) {
    leaving_ = true;
}

void Lifecycle::on(const VerdictGiven& event, TimePoint /*now*/, LifecycleActions& /*out*/) {
    verdict_ = event.verdict;
}

void Lifecycle::on(const VrrpActive& event, TimePoint /*now*/, LifecycleActions& /*out*/) {
    vrrp_active_ = event.active;
}

void Lifecycle::on(const OthersObserved& event, TimePoint /*now*/, LifecycleActions& /*out*/) {
    others_ = event.others;
}

void Lifecycle::on(const ServicesChanged& /*event*/, TimePoint /*now*/, LifecycleActions& out) {
    switch (state_) {
        case State::Absent:
        case State::Removing: return;  // What is going needs no pool.
        case State::Withdrawing: services_changed_ = true; return;
        case State::Programming:
        case State::Ready:
        case State::Announced:
        case State::GracefulShutdown: ask_services(true, out); return;
    }
}

void Lifecycle::on(const ServicesApplied& event, TimePoint /*now*/, LifecycleActions& /*out*/) {
    services_.answer(event.generation, event.error);
}

void Lifecycle::on(const AddressesApplied& event, TimePoint /*now*/, LifecycleActions& /*out*/) {
    addresses_.answer(event.generation, event.error);
}

void Lifecycle::on(const RoutesSent& /*event*/, TimePoint now, LifecycleActions& /*out*/) {
    if (state_ != State::Withdrawing || routes_sent_) return;
    routes_sent_ = true;
    deadline_ = now + config_.propagation_wait;
}

void Lifecycle::on(const TimerExpired& /*event*/, TimePoint /*now*/, LifecycleActions& /*out*/) {
    // The states compare the deadline with now: a spurious expiry changes nothing.
}

void Lifecycle::settle(TimePoint now, LifecycleActions& out) {
    while (const auto next = step(now, out)) state_ = *next;
}

std::optional<Lifecycle::State> Lifecycle::step(TimePoint now, LifecycleActions& out) {
    switch (state_) {
        case State::Absent: return std::nullopt;
        case State::Programming: return from_programming(out);
        case State::Ready: return from_ready(now, out);
        case State::Announced: return from_announced(now, out);
        case State::GracefulShutdown: return from_graceful_shutdown(now, out);
        case State::Withdrawing: return from_withdrawing(now, out);
        case State::Removing: return from_removing(out);
    }
    return std::nullopt;
}

std::optional<Lifecycle::State> Lifecycle::from_programming(LifecycleActions& out) {
    if (leaving_) {
        ask_services(false, out);
        return State::Removing;
    }
    if (!services_.confirmed()) return std::nullopt;
    if (config_.owns_address && !addresses_.present) ask_addresses(true, out);
    if (!programmed()) return std::nullopt;
    return State::Ready;
}

std::optional<Lifecycle::State> Lifecycle::from_ready(TimePoint now, LifecycleActions& out) {
    const auto held_before = std::exchange(deadline_, std::nullopt);
    if (leaving_ || !programmed()) return State::Programming;
    if (!wants_route()) return std::nullopt;
    if (const auto until = held_until(now)) {
        deadline_ = until;
        if (held_before != until) out.emplace_back(HeldBack{*until});
        return std::nullopt;
    }
    out.emplace_back(Announce{});
    return State::Announced;
}

std::optional<Lifecycle::State> Lifecycle::from_announced(TimePoint now, LifecycleActions& out) {
    // A pool change under way is no reason to leave; one that the kernel refused is: what is announced must work.
    const bool works = !services_.refused() && !addresses_.refused();
    if (works && wants_route()) return std::nullopt;
    if (works && leaves_in_order()) {
        out.emplace_back(AnnounceGracefulShutdown{});
        deadline_ = now + config_.graceful_shutdown;
        return State::GracefulShutdown;
    }
    return withdraw(now, out);
}

std::optional<Lifecycle::State> Lifecycle::from_graceful_shutdown(TimePoint now, LifecycleActions& out) {
    const bool works = !services_.refused() && !addresses_.refused();
    if (works && wants_route()) {  // The operator thinks otherwise: the community goes again.
        deadline_.reset();
        out.emplace_back(Announce{});
        return State::Announced;
    }
    if (works && leaves_in_order() && now < *deadline_) return std::nullopt;
    return withdraw(now, out);
}

Lifecycle::State Lifecycle::withdraw(TimePoint now, LifecycleActions& out) {
    const auto* ineligible = std::get_if<Ineligible>(&verdict_);
    if (!leaving_ && ineligible != nullptr && ineligible->reason != Reason::Drained) flaps_.fell(now);
    out.emplace_back(Withdraw{});
    routes_sent_ = false;
    services_changed_ = false;
    deadline_ = now + config_.send_timeout;
    return State::Withdrawing;
}

std::optional<Lifecycle::State> Lifecycle::from_withdrawing(TimePoint now, LifecycleActions& out) {
    const bool recovered = wants_route() && programmed();
    if (!recovered && now < *deadline_) return std::nullopt;
    deadline_.reset();
    if (services_changed_ && !leaving_) ask_services(true, out);
    return State::Programming;
}

std::optional<Lifecycle::State> Lifecycle::from_removing(LifecycleActions& out) {
    if (!services_.gone()) return std::nullopt;
    if (addresses_.present) ask_addresses(false, out);
    if (!addresses_.gone()) return std::nullopt;
    out.emplace_back(Removed{});
    return State::Absent;
}

std::optional<TimePoint> Lifecycle::held_until(TimePoint now) const {
    const bool last = others_.knowledge == Others::Knowledge::None;
    return last ? flaps_.held_down_until(now) : flaps_.held_until(now);
}

bool Lifecycle::programmed() const {
    return services_.confirmed() && (!config_.owns_address || addresses_.confirmed());
}

bool Lifecycle::wants_route() const {
    return config_.announces && !leaving_ && is_eligible(verdict_) && (!config_.needs_active || vrrp_active_) &&
           !stands_by();
}

/// RFC 8326 is for planned work: the service goes on while the routers look for another way.
bool Lifecycle::leaves_in_order() const {
    const bool serves = config_.announces && (!config_.needs_active || vrrp_active_);
    const auto* ineligible = std::get_if<Ineligible>(&verdict_);
    const bool drained = ineligible != nullptr && ineligible->reason == Reason::Drained;
    return config_.graceful_shutdown > Duration::zero() && serves && (drained || (leaving_ && ineligible == nullptr));
}

void Lifecycle::ask_services(bool present, LifecycleActions& out) {
    services_.ask(present);
    out.emplace_back(SetServices{services_.generation, present});
}

void Lifecycle::ask_addresses(bool present, LifecycleActions& out) {
    addresses_.ask(present);
    out.emplace_back(SetAddresses{addresses_.generation, present});
}

}  // namespace anyvip::vip
