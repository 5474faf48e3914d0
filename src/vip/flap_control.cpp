#include "anyvip/vip/flap_control.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

namespace anyvip::vip {
namespace {

double ratio(Duration duration, Duration unit) {
    return std::chrono::duration<double>(duration) / std::chrono::duration<double>(unit);
}

std::optional<TimePoint> still(const std::optional<TimePoint>& until, TimePoint now) {
    return until && *until > now ? until : std::nullopt;
}

}  // namespace

void FlapControl::fell(TimePoint now) {
    held_down_until_ = now + policy_.hold_down;
    if (!policy_.suppresses) return;
    penalty_ = std::min(penalty(now) + policy_.penalty, ceiling());
    counted_at_ = now;
    if (penalty_ >= policy_.suppress) suppressed_until_ = now + time_to_reuse(penalty_);
}

void FlapControl::configure(const FlapPolicy& policy) {
    if (policy == policy_) return;
    policy_ = policy;
    held_down_until_.reset();  // The operator has looked at it.
    suppressed_until_.reset();
}

std::optional<TimePoint> FlapControl::held_until(TimePoint now) const {
    return std::max(held_down_until(now), still(suppressed_until_, now));
}

std::optional<TimePoint> FlapControl::held_down_until(TimePoint now) const {
    return still(held_down_until_, now);
}

double FlapControl::penalty(TimePoint now) const {
    return penalty_ * std::exp2(-ratio(now - counted_at_, policy_.half_life));
}

/// RFC 2439 §4.2: no penalty may take longer than `longest` to be forgiven.
double FlapControl::ceiling() const {
    return policy_.reuse * std::exp2(ratio(policy_.longest, policy_.half_life));
}

Duration FlapControl::time_to_reuse(double penalty) const {
    const std::chrono::duration<double> half_life = policy_.half_life;
    return std::chrono::ceil<std::chrono::milliseconds>(half_life * std::log2(penalty / policy_.reuse));
}

}  // namespace anyvip::vip
