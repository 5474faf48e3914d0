#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace anyvip::bgp {

/// Values as numbers: equal values have the same one for as long as anybody uses it; 0 is none. What many rows of
/// a table share is stored once, and compared as an integer.
template <class T>
class Interned {
public:
    using Id = std::uint32_t;
    static constexpr Id none = 0;

    Interned() = default;
    Interned(Interned&&) = default;  // A copy's slots would point into the original's map.
    Interned& operator=(Interned&&) = default;

    /// One use more, by whoever calls.
    [[nodiscard]] Id acquire(const T& value) {
        const auto [found, added] = ids_.try_emplace(value, none);
        if (added) {
            if (free_.empty()) {
                free_.push_back(static_cast<Id>(slots_.size()));
                slots_.emplace_back();
            }
            found->second = free_.back();
            free_.pop_back();
            slots_[found->second] = {.place = found, .uses = 0};
        }
        ++slots_[found->second].uses;
        return found->second;
    }
    /// One use more of a value that is in use.
    Id share(Id id) {
        if (id != none) ++slots_[id].uses;
        return id;
    }
    void release(Id id) {
        if (id == none || --slots_[id].uses > 0) return;
        ids_.erase(slots_[id].place);
        free_.push_back(id);
    }
    /// Precondition: acquired and not released.
    [[nodiscard]] const T& at(Id id) const { return slots_[id].place->first; }
    [[nodiscard]] std::size_t size() const { return ids_.size(); }

private:
    struct Slot {
        typename std::map<T, Id>::iterator place{};
        std::uint32_t uses = 0;
    };
    std::map<T, Id> ids_;
    std::vector<Slot> slots_{1};
    std::vector<Id> free_;
};

}  // namespace anyvip::bgp
