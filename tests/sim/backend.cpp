#include "sim/backend.hpp"

#include "sim/world.hpp"

namespace anyvip::sim {

using namespace std::chrono_literals;

void Backend::set(int node, const CheckName& check, Health health) {
    health_[{node, check}] = health;
    world_->trace("backend", [&] {
        constexpr const char* words[] = {"is up", "refuses", "hangs", "cannot be probed"};
        return check.value() + " at node" + std::to_string(node) + ' ' + words[static_cast<int>(health)];
    });
}

void Backend::set(const CheckName& check, Health health) {
    for (const auto& node : world_->nodes()) set(node->index(), check, health);
}

Backend::Health Backend::health(int node, const CheckName& check) const {
    const auto known = health_.find({node, check});
    return known == health_.end() ? Health::Up : known->second;
}

void Backend::settle() {
    for (auto& [key, health] : health_) {
        if (health == Health::Hangs || health == Health::CannotBeProbed) health = Health::Up;
    }
}

bool Backend::is_script(const CheckName& check) const {
    return world_->options().script && check == CheckName{"local"};
}

void Backend::probe(int node, const CheckName& check, std::function<void(health::Outcome)> answer) {
    health::Outcome outcome = health::Success{"simulated"};
    switch (health(node, check)) {
        case Health::Up: break;
        case Health::Refuses:
            outcome = is_script(check) ? health::Failure{health::FailureReason::ExitCode, "1"}
                                       : health::Failure{health::FailureReason::Refused, ""};
            break;
        case Health::Hangs: return;
        case Health::CannotBeProbed:
            outcome = health::CouldNotRun{
                is_script(check) ? health::CouldNotRunReason::NoProcess : health::CouldNotRunReason::NoDescriptors, ""};
            break;
    }
    world_->after(world_->random().between(Duration{1ms}, Duration{50ms}),
                  [answer = std::move(answer), outcome] { answer(outcome); });
}

}  // namespace anyvip::sim
