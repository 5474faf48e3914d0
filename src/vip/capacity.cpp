#include "anyvip/vip/capacity.hpp"

#include <algorithm>
#include <utility>

namespace anyvip::vip {

bool Capacity::learn(const Weights& weights, bool heard_of, TimePoint now) {
    weights_ = weights;
    const auto serving = weights.serving;
    if (!heard_of || (serving < told_ && worth_telling(serving))) {
        rise_.reset();
        return tell(serving);
    }
    follow_rise(now);
    return false;
}

bool Capacity::expire(TimePoint now) {
    if (!rise_ || now < rise_->until) return false;
    const bool changed = tell(std::exchange(rise_, std::nullopt)->least);
    follow_rise(now);
    return changed;
}

std::optional<TimePoint> Capacity::deadline() const {
    return rise_ ? std::optional{rise_->until} : std::nullopt;
}

bool Capacity::worth_telling(std::uint64_t serving) const {
    constexpr std::uint64_t parts = 20;
    const auto difference = std::max(serving, told_) - std::min(serving, told_);
    if (serving == 0 || serving == weights_.configured) return difference > 0;
    return difference > 0 && difference >= weights_.configured / parts;
}

bool Capacity::tell(std::uint64_t serving) {
    return std::exchange(told_, serving) != serving;
}

void Capacity::follow_rise(TimePoint now) {
    const auto serving = weights_.serving;
    if (serving <= told_ || !worth_telling(serving)) {
        rise_.reset();
    } else if (rise_) {
        rise_->least = std::min(rise_->least, serving);
    } else {
        rise_ = Rise{now + rise_after_, serving};
    }
}

}  // namespace anyvip::vip
