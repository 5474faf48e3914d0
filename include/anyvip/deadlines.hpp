#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "anyvip/time.hpp"

namespace anyvip {

/// When each of many things wants to be woken. Which is next is known without asking all of them: a hundred thousand
/// VIPs cost an event no more than ten.
template <class Key>
class Deadlines {
public:
    /// In place of what was set before; nullopt: it waits for nothing.
    void set(const Key& key, const std::optional<TimePoint>& at) {
        const auto known = at_.find(key);
        if (known == at_.end() ? !at : at == known->second) return;
        if (known != at_.end()) {
            order_.erase({known->second, key});
            if (!at) at_.erase(known);
        }
        if (!at) return;
        at_.insert_or_assign(key, *at);
        order_.emplace(*at, key);
    }

    [[nodiscard]] std::optional<TimePoint> next() const {
        return order_.empty() ? std::nullopt : std::optional{order_.begin()->first};
    }

    /// Whose time has come, the earliest first. They stay until they are set anew.
    [[nodiscard]] std::vector<Key> due(TimePoint now) const {
        std::vector<Key> keys;
        for (const auto& [at, key] : order_) {
            if (at > now) break;
            keys.push_back(key);
        }
        return keys;
    }

private:
    std::map<Key, TimePoint> at_;
    std::set<std::pair<TimePoint, Key>> order_;
};

}  // namespace anyvip
