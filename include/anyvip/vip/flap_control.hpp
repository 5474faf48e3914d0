#pragma once

#include <chrono>
#include <optional>

#include "anyvip/time.hpp"

/// Keeps a VIP whose health flaps from becoming a flapping route, which routers elsewhere may suppress for an hour
/// (RFC 2439). It is the same arithmetic, turned on ourselves, and below the thresholds that others use (RFC 7196):
/// each fall adds to a penalty, which halves every half-life; above `suppress` the VIP stays withdrawn until the
/// penalty has fallen to `reuse`. Beside it a plain hold-down: how long a VIP stays withdrawn after any fall.
///
/// Lifecycle owns one per VIP, tells it of falls, and asks it before it announces. Only falls of health count: what an
/// operator drains, and a virtual router that gives way, do not flap.
namespace anyvip::vip {

struct FlapPolicy {
    Duration hold_down{};     ///< after each fall
    bool suppresses = false;  ///< what follows counts
    double penalty = 1000;    ///< of a fall
    Duration half_life = std::chrono::seconds{60};
    double suppress = 4000;
    double reuse = 1500;                          ///< below `suppress`
    Duration longest = std::chrono::minutes{10};  ///< that it is suppressed, however often it falls
    friend bool operator==(const FlapPolicy&, const FlapPolicy&) = default;
};

class FlapControl {
public:
    FlapControl() = default;
    explicit FlapControl(const FlapPolicy& policy) : policy_{policy} {}

    void fell(TimePoint now);
    /// What has been counted stays.
    void configure(const FlapPolicy& policy);

    /// The instant from which the VIP may be announced again, if that is not now.
    [[nodiscard]] std::optional<TimePoint> held_until(TimePoint now) const;
    /// The same, of the plain hold-down alone: for the last one that announces, whom suppression would serve nobody.
    [[nodiscard]] std::optional<TimePoint> held_down_until(TimePoint now) const;
    [[nodiscard]] double penalty(TimePoint now) const;

private:
    [[nodiscard]] double ceiling() const;
    /// The time that a penalty takes to fall to `reuse`.
    [[nodiscard]] Duration time_to_reuse(double penalty) const;

    FlapPolicy policy_;
    double penalty_ = 0;  ///< at `counted_at_`
    TimePoint counted_at_;
    std::optional<TimePoint> held_down_until_;
    std::optional<TimePoint> suppressed_until_;
};

}  // namespace anyvip::vip
