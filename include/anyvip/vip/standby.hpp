#pragma once

#include <optional>

#include "anyvip/time.hpp"
#include "anyvip/vip/observation.hpp"

/// When a standby announces its VIP, and when it gives way again.
///
///   takes        nobody else has been heard for `take_after`
///   gives way    what is no standby's, or a standby's with a higher Rank, has been heard for `yield_after`
///
/// Before it announces, anybody's route keeps it back, whatever its rank: nobody is moved who serves. What is not known
/// changes nothing: it neither takes, nor gives way because a session was lost. Two that take at the same moment hear
/// one another, and the lower Rank gives way.
///
/// Lifecycle owns one, and asks it whether the route may be out.
namespace anyvip::vip {

struct StandbyPolicy {
    Rank own;
    Duration take_after{};
    Duration yield_after{};
    friend bool operator==(const StandbyPolicy&, const StandbyPolicy&) = default;
};

class Standby {
public:
    explicit Standby(const StandbyPolicy& policy) : policy_{policy} {}

    void configure(const StandbyPolicy& policy) { policy_ = policy; }
    /// What is known now, and whether the VIP's route is out.
    void update(const Others& others, bool announced, TimePoint now);

    [[nodiscard]] bool may_announce() const { return may_announce_; }
    /// When update() may come to another end although nothing has changed.
    [[nodiscard]] std::optional<TimePoint> deadline() const { return deadline_; }

private:
    [[nodiscard]] bool beaten_by(const Others& others) const;

    StandbyPolicy policy_;
    bool may_announce_ = false;
    std::optional<TimePoint> deadline_;  ///< of taking, or of giving way
};

}  // namespace anyvip::vip
