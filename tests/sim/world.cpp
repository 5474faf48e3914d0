#include "sim/world.hpp"

#include <cstdio>

namespace anyvip::sim {

using namespace std::chrono_literals;

World::World(const Options& options)
    : options_{options}, random_{options.seed}, network_{*this}, backend_{*this}, oracle_{*this} {
    for (int i = 1; i <= options.nodes; ++i) nodes_.push_back(std::make_unique<Node>(*this, i));
    for (int i = 1; i <= options.routers; ++i) routers_.push_back(std::make_unique<TorRouter>(*this, i));
    at(now_ + 50ms, [this] { oracle_.tick(); });
}

void World::at(TimePoint when, std::function<void()> what) {
    events_.push({when, ++sequence_, std::make_shared<std::function<void()>>(std::move(what))});
}

void World::step() {
    const Event event = events_.top();
    events_.pop();
    now_ = event.when;
    (*event.what)();
    oracle_.look();
}

bool World::run_for(Duration duration) {
    const auto end = now_ + duration;
    while (!failed() && !events_.empty() && events_.top().when <= end) step();
    if (failed()) return false;
    now_ = end;
    return true;
}

void World::start() {
    for (const auto& router : routers_) router->start();
    for (const auto& node : nodes_) node->start();
}

std::vector<int> World::active(const std::string& router) const {
    std::vector<int> found;
    for (const auto& node : nodes_) {
        if (node->is_active(RouterName{router})) found.push_back(node->index());
    }
    return found;
}

void World::record(const std::string& who, const std::string& text) {
    char stamp[32];
    std::snprintf(stamp, sizeof stamp, "@%.6f ", static_cast<double>((now_ - TimePoint{1000s}).count()) / 1e9);
    transcript_.push_back(stamp + who + ' ' + text);
}

}  // namespace anyvip::sim
