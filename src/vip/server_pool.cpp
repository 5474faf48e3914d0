#include "anyvip/vip/server_pool.hpp"

#include <string>
#include <utility>
#include <variant>

namespace anyvip::vip {
namespace {

RealServerWish wish_for(const RealServerPolicy& real_server, Health health, bool drained) {
    switch (health) {
        case Health::Unknown:
            // The operator's word is no verdict and need not wait for one.
            if (drained) return Present{0};
            return AsItIs{};
        case Health::Down: return Absent{};
        case Health::Up: return Present{drained ? 0 : real_server.weight};
    }
    return Absent{};
}

std::uint32_t weight_of(const RealServerWish& wish) {
    const auto* present = std::get_if<Present>(&wish);
    return present == nullptr ? 0 : present->weight;
}

bool serves(const RealServerWish& wish) {
    return weight_of(wish) > 0;
}

/// Keeps the number of those of whom something is true.
void recount(std::size_t& number, bool was, bool is) {
    if (was) --number;
    if (is) ++number;
}

}  // namespace

ServerPool::ServerPool(ServerPolicy policy)
    : policy_{std::move(policy)},
      health_(policy_.real_servers.size(), Health::Unknown),
      unknown_{policy_.real_servers.size()} {
    for (const auto& real_server : policy_.real_servers) {
        pool_.emplace(real_server.address, AsItIs{});
        configured_weight_ += real_server.weight;
    }
}

bool ServerPool::learn(std::size_t index, Health health, bool drained) {
    const auto& real_server = policy_.real_servers[index];
    auto& wish = pool_.at(real_server.address);
    const auto next = wish_for(real_server, health, drained);
    const auto was = std::exchange(health_[index], health);
    recount(up_, was == Health::Up, health == Health::Up);
    recount(unknown_, was == Health::Unknown, health == Health::Unknown);
    recount(healthy_, serves(wish), serves(next));
    serving_weight_ = serving_weight_ - weight_of(wish) + weight_of(next);
    return std::exchange(wish, next) != next;
}

PoolFact ServerPool::fact() const {
    return {.healthy = healthy_, .configured = policy_.real_servers.size(), .quorum = policy_.quorum};
}

std::string describe(const RealServerWish& wish) {
    if (const auto* present = std::get_if<Present>(&wish)) return "weight " + std::to_string(present->weight);
    return std::holds_alternative<AsItIs>(wish) ? "as it is" : "absent";
}

}  // namespace anyvip::vip
