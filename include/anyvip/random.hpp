#pragma once

#include <cstdint>

namespace anyvip {

/// SplitMix64: the only source of chance below the shells. The seed is injected, so that a run can be
/// repeated exactly; std::uniform_int_distribution is not used because the standard leaves its sequence open.
/// Not for secrets.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_{seed} {}

    [[nodiscard]] std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }

    /// In [0, bound); 0 when bound is 0. The modulo bias is below 2^-32 for every bound in use here.
    [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }

    /// In [low, high], low <= high; any integer or chrono duration.
    template <class T>
    [[nodiscard]] T between(T low, T high) {
        if constexpr (requires { low.count(); }) {
            return low + T{static_cast<typename T::rep>(below(static_cast<std::uint64_t>((high - low).count()) + 1))};
        } else {
            return static_cast<T>(low + static_cast<T>(below(static_cast<std::uint64_t>(high - low) + 1)));
        }
    }

    /// True in `permille` of a thousand calls.
    [[nodiscard]] bool chance(std::uint64_t permille) { return below(1000) < permille; }

private:
    std::uint64_t state_;
};

}  // namespace anyvip
