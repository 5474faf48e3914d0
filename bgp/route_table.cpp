#include "bgp/route_table.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace anyvip::bgp {

const RouteAttributes* Route::for_peer(const PeerName& peer) const {
    if (peers && !peers->contains(peer)) return nullptr;
    const auto exception = exceptions.find(peer);
    return exception == exceptions.end() ? &attributes : &exception->second;
}

std::vector<RouteSlot> RouteTable::change(std::span<const RouteChange> changes) {
    add_rows(changes);
    std::vector<RouteSlot> changed;
    for (const auto& change : changes) {
        const auto slot = find(change.prefix);
        if (!slot) continue;  // A withdrawal of what was never there.
        auto& changing = row(*slot);
        const bool was_idle = changing.idle();
        const RouteId wanted = change.route ? routes_.acquire(*change.route) : Interned<Route>::none;
        const RouteId before = std::exchange(changing.route, wanted);
        if (before != wanted) changed.push_back(*slot);
        routes_.release(before);
        idle_ = idle_ - (was_idle ? 1U : 0U) + (changing.idle() ? 1U : 0U);
    }
    std::ranges::sort(changed);
    const auto repeated = std::ranges::unique(changed);
    changed.erase(repeated.begin(), repeated.end());
    forget_idle_rows();
    return changed;
}

std::optional<RouteSlot> RouteTable::find(const net::Prefix& prefix) const {
    const auto network = prefix.network();
    const auto prefix_of = [this](RouteSlot slot) -> const net::Prefix& { return row(slot).prefix; };
    const auto place = std::ranges::lower_bound(index_, network, {}, prefix_of);
    if (place == index_.end() || prefix_of(*place) != network) return std::nullopt;
    return *place;
}

/// All new prefixes at once: a table that grows by many costs one merge, not as many moves.
void RouteTable::add_rows(std::span<const RouteChange> changes) {
    std::vector<net::Prefix> fresh;
    for (const auto& change : changes) {
        if (change.route && !find(change.prefix)) fresh.push_back(change.prefix.network());
    }
    std::ranges::sort(fresh);
    const auto repeated = std::ranges::unique(fresh);
    fresh.erase(repeated.begin(), repeated.end());
    if (fresh.empty()) return;
    const auto known = index_.size();
    for (const auto& prefix : fresh) add_row(prefix);
    const auto prefix_of = [this](RouteSlot slot) -> const net::Prefix& { return row(slot).prefix; };
    if (known == 0 || prefix_of(index_[known - 1]) < prefix_of(index_[known])) return;  // They belong at the end.
    const std::span all{index_};
    std::vector<RouteSlot> merged;
    merged.reserve(index_.size());
    std::ranges::merge(all.first(known), all.subspan(known), std::back_inserter(merged), {}, prefix_of, prefix_of);
    index_ = std::move(merged);
}

void RouteTable::add_row(const net::Prefix& prefix) {
    if (free_.empty()) {
        free_.emplace_back(static_cast<std::uint32_t>(rows_.size()));
        rows_.emplace_back();
    }
    const auto slot = free_.back();
    free_.pop_back();
    row(slot) = {.prefix = prefix};
    index_.push_back(slot);
    ++idle_;
}

void RouteTable::hold(RouteSlot slot) {
    if (row(slot).idle()) --idle_;
    ++row(slot).holders;
}

void RouteTable::let_go(RouteSlot slot) {
    --row(slot).holders;
    if (row(slot).idle()) ++idle_;
}

void RouteTable::forget_idle_rows() {
    constexpr std::size_t not_worth_it = 64;
    if (idle_ <= std::max(not_worth_it, index_.size() / 2)) return;
    std::erase_if(index_, [this](RouteSlot slot) {
        if (!row(slot).idle()) return false;
        free_.push_back(slot);
        return true;
    });
    idle_ = 0;
}

}  // namespace anyvip::bgp
