#pragma once

#include <cstdint>
#include <optional>

#include "anyvip/time.hpp"

/// How much of what its real servers could carry the route of a VIP speaks of (bgp link bandwidth).
///
/// Fed by the decision loop with the weights of the VIP's pools whenever one has changed; what it tells goes into the
/// route. A router that balances by it moves connections with each word, so it is told
///
///   - less at once: what is gone cannot serve;
///   - more only after `rise_after` with at least so much, so that a real server that comes and goes is not counted,
///     and a pool that comes up is one step or two;
///   - nothing of a difference below a twentieth of all weights, unless all are there again or none is left.
///
/// What nobody has heard of yet is told as it is: the first route begins with what is healthy then.
namespace anyvip::vip {

struct Weights {
    std::uint64_t serving = 0;     ///< of the real servers that get new connections
    std::uint64_t configured = 0;  ///< of all
    friend bool operator==(const Weights&, const Weights&) = default;
};

class Capacity {
public:
    explicit Capacity(Duration rise_after) : rise_after_{rise_after} {}

    /// Counts for the next rise.
    void configure(Duration rise_after) { rise_after_ = rise_after; }
    /// `heard_of`: the route is announced. True: told() is another now.
    [[nodiscard]] bool learn(const Weights& weights, bool heard_of, TimePoint now);
    /// When the deadline has come; true: told() is another now.
    [[nodiscard]] bool expire(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    /// The weights that the route speaks of.
    [[nodiscard]] std::uint64_t told() const { return told_; }
    [[nodiscard]] const Weights& weights() const { return weights_; }

private:
    /// More than what is told, since when it will have held, and the least of it so far.
    struct Rise {
        TimePoint until;
        std::uint64_t least = 0;
    };
    [[nodiscard]] bool worth_telling(std::uint64_t serving) const;
    [[nodiscard]] bool tell(std::uint64_t serving);
    void follow_rise(TimePoint now);

    Duration rise_after_;
    Weights weights_;
    std::uint64_t told_ = 0;
    std::optional<Rise> rise_;
};

}  // namespace anyvip::vip
