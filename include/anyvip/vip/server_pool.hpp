#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/vip/capacity.hpp"
#include "anyvip/vip/eligibility.hpp"
#include "anyvip/vip/policies.hpp"

/// The pool of one virtual server: what each of its real servers should be in the kernel, and the sums that a quorum
/// is about. They are kept up to date one real server at a time, so that a verdict costs the same in a pool of ten
/// thousand.
///
/// A failed real server is removed, so that persistent clients do not stay glued to the dead; a drained one keeps its
/// connections at weight 0.
namespace anyvip::vip {

/// What should be in the kernel for one real server.
struct AsItIs {  ///< no first verdict: keep what the kernel has, also nothing
    friend bool operator==(const AsItIs&, const AsItIs&) = default;
};
struct Present {
    std::uint32_t weight = 0;
    friend bool operator==(const Present&, const Present&) = default;
};
struct Absent {
    friend bool operator==(const Absent&, const Absent&) = default;
};
using RealServerWish = std::variant<AsItIs, Present, Absent>;
using Pool = std::map<net::Endpoint, RealServerWish>;

class ServerPool {
public:
    explicit ServerPool(ServerPolicy policy);

    /// What is known of the real server at this index of the policy; true: the pool is another one now.
    [[nodiscard]] bool learn(std::size_t index, Health health, bool drained);

    [[nodiscard]] const ServerPolicy& policy() const { return policy_; }
    [[nodiscard]] const Pool& pool() const { return pool_; }
    [[nodiscard]] PoolFact fact() const;
    [[nodiscard]] Weights weights() const { return {.serving = serving_weight_, .configured = configured_weight_}; }
    /// More verdicts are to come, and the quorum is not reached without them.
    [[nodiscard]] bool undecided() const { return up_ < policy_.quorum && unknown_ > 0; }

private:
    ServerPolicy policy_;
    std::vector<Health> health_;  ///< by index
    Pool pool_;
    std::size_t up_ = 0;
    std::size_t unknown_ = 0;
    std::size_t healthy_ = 0;  ///< present with a weight
    std::uint64_t serving_weight_ = 0;
    std::uint64_t configured_weight_ = 0;
};

[[nodiscard]] std::string describe(const RealServerWish& wish);

}  // namespace anyvip::vip
