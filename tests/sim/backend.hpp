#pragma once

#include <functional>
#include <map>
#include <utility>

#include "anyvip/health/outcome.hpp"
#include "anyvip/names.hpp"
#include "anyvip/time.hpp"

namespace anyvip::sim {

class World;

/// What probes find, as the script says: per node and check, since one node's view of a target may differ.
class Backend {
public:
    enum class Health : std::uint8_t { Up, Refuses, Hangs, CannotBeProbed };

    explicit Backend(World& world) : world_{&world} {}

    void set(int node, const CheckName& check, Health health);
    void set(const CheckName& check, Health health);  ///< for every node
    [[nodiscard]] Health health(int node, const CheckName& check) const;
    /// Nothing hangs and everything can be probed.
    void settle();

    /// `answer` comes later, or never.
    void probe(int node, const CheckName& check, std::function<void(health::Outcome)> answer);

private:
    [[nodiscard]] bool is_script(const CheckName& check) const;

    World* world_;
    std::map<std::pair<int, CheckName>, Health> health_;
};

}  // namespace anyvip::sim
