#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <ratio>

/// Time as every core sees it: a value that the shell hands in.
///
/// `Clock` is a tag without `now()`. A core that wanted to read the time could not: what
/// reads a clock is the driver of a loop (src/daemon/io/loop.hpp), and the simulator brings its own.
namespace anyvip {

using Duration = std::chrono::nanoseconds;

struct Clock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<Clock>;
    static constexpr bool is_steady = true;
};

/// Monotonic; the epoch means nothing.
using TimePoint = Clock::time_point;

/// VRRP's unit on the wire (RFC 9568 §5.2.7). Converts to Duration without loss, and back only by a cast.
using Centiseconds = std::chrono::duration<std::uint16_t, std::centi>;

/// Of a machine's deadlines, the one that comes first; nullopt: there is none.
[[nodiscard]] constexpr std::optional<TimePoint> earliest(const std::optional<TimePoint>& a,
                                                          const std::optional<TimePoint>& b) {
    if (!a || !b) return a ? a : b;
    return *a < *b ? a : b;
}

}  // namespace anyvip
