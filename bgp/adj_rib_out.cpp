#include "bgp/adj_rib_out.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace anyvip::bgp {
namespace {

constexpr std::size_t index_of(net::Family family) {
    return family == net::Family::Ipv4 ? 0 : 1;
}

/// Room for the header, the other attributes and one prefix in a message of 4096 octets.
constexpr std::size_t max_variable_attributes = 3800;

std::size_t variable_size(const Route& route) {
    return 4 * route.communities.size() + 12 * route.large_communities.size() + 4 * std::size_t{route.prepend};
}

}  // namespace

std::expected<PathAttributes, Withheld> Export::attributes(net::Family family, const Route& route) const {
    if (!carries(family)) return std::unexpected{Withheld::FamilyNotNegotiated};
    if (variable_size(route) > max_variable_attributes) return std::unexpected{Withheld::TooLarge};
    PathAttributes path;
    if (route.next_hop && route.next_hop->family() == family) {
        path.next_hop = *route.next_hop;
    } else if (family == net::Family::Ipv4 && next_hop) {
        path.next_hop = *next_hop;
    } else if (family == net::Family::Ipv6 && next_hop6) {
        path.next_hop = *next_hop6;
    } else {
        return std::unexpected{Withheld::NoNextHop};
    }
    if (external) {
        path.as_path.prepend(local_as, std::size_t{1} + route.prepend);
    } else {
        path.local_pref = route.local_pref.value_or(default_local_pref);  // §5.1.5: always to internal peers.
    }
    path.med = route.med;
    path.communities = {route.communities.begin(), route.communities.end()};
    path.large_communities = {route.large_communities.begin(), route.large_communities.end()};
    return path;
}

// ---- The table ------------------------------------------------------------------------------------------

AdjRibOut::Entry& AdjRibOut::entry(const net::Prefix& prefix) {
    const auto place = std::ranges::lower_bound(table_, prefix, {}, &Entry::prefix);
    if (place != table_.end() && place->prefix == prefix) return *place;
    return *table_.insert(place, Entry{.prefix = prefix});
}

const AdjRibOut::Entry* AdjRibOut::find(const net::Prefix& prefix) const {
    const auto place = std::ranges::lower_bound(table_, prefix, {}, &Entry::prefix);
    return place != table_.end() && place->prefix == prefix ? &*place : nullptr;
}

void AdjRibOut::mark(Entry& entry) {
    if (!export_ || entry.dirty) return;
    entry.dirty = true;
    dirty_.push_back(entry.prefix);
}

void AdjRibOut::mark_all() {
    for (auto& entry : table_) mark(entry);
}

void AdjRibOut::set_sent(Entry& entry, AttributesId id) {
    announced_ = announced_ - (entry.sent != none ? 1U : 0U) + (id != none ? 1U : 0U);
    attributes_.release(std::exchange(entry.sent, id));
}

void AdjRibOut::forget_empty_entries() {
    std::erase_if(table_,
                  [](const Entry& entry) { return entry.wanted == none && entry.sent == none && !entry.dirty; });
}

// ---- What is wanted -------------------------------------------------------------------------------------

void AdjRibOut::change(const net::Prefix& prefix, const std::optional<Route>& route) {
    const auto network = prefix.network();
    if (!route && find(network) == nullptr) return;
    auto& changed = entry(network);
    const RouteId wanted = route ? routes_.acquire(*route) : none;
    wanted_ = wanted_ - (changed.wanted != none ? 1U : 0U) + (wanted != none ? 1U : 0U);
    routes_.release(std::exchange(changed.wanted, wanted));
    mark(changed);
    if (wanted == none && !changed.dirty) forget_empty_entries();
}

void AdjRibOut::start(const Export& exported) {
    stop();
    export_ = exported;
    for (const auto family : {net::Family::Ipv4, net::Family::Ipv6}) {
        end_of_rib_due_[index_of(family)] = exported.carries(family);
    }
    mark_all();
}

void AdjRibOut::change_export(const Export& exported) {
    if (!export_) return;
    export_ = exported;
    mark_all();
}

void AdjRibOut::stop() {
    export_.reset();
    withdrawing_ = false;
    end_of_rib_due_ = {};
    dirty_.clear();
    for (auto& entry : table_) {
        set_sent(entry, none);
        entry.dirty = false;
        entry.again = false;
    }
    forget_empty_entries();
}

void AdjRibOut::refresh(net::Family family) {
    for (auto& entry : table_) {
        if (entry.prefix.family() != family || entry.sent == none) continue;
        entry.again = true;
        mark(entry);
    }
}

void AdjRibOut::withdraw_all() {
    withdrawing_ = true;
    end_of_rib_due_ = {};
    mark_all();
}

// ---- What is sent ---------------------------------------------------------------------------------------

/// One take(): sorts what is dirty into withdrawals and groups of announcements, then fills messages.
class AdjRibOut::Taking {
public:
    Taking(AdjRibOut& rib, std::size_t budget)
        : rib_{rib},
          budget_{budget},
          context_{
              .four_octet_as = rib.export_->four_octet_as, .extended_message = false, .ibgp = !rib.export_->external} {}
    ~Taking() {
        for (const auto& [key, id] : told_) rib_.attributes_.release(id);
    }
    Taking(const Taking&) = delete;
    Taking& operator=(const Taking&) = delete;

    std::vector<Octets> run() {
        sort();
        withdraw();
        announce();
        keep_the_rest();
        end_of_rib();
        return std::move(messages_);
    }

private:
    /// What the peer is to be told of an entry; none: nothing.
    AttributesId target(const Entry& entry) {
        if (entry.wanted == none || rib_.withdrawing_) return none;
        const auto family = entry.prefix.family();
        const auto [known, added] = told_.try_emplace({entry.wanted, family}, none);
        if (added) {
            if (const auto attributes = rib_.export_->attributes(family, rib_.routes_.at(entry.wanted))) {
                known->second = rib_.attributes_.acquire(*attributes);
            }
        }
        return known->second;
    }

    void sort() {
        std::ranges::sort(rib_.dirty_);
        for (const auto& prefix : rib_.dirty_) {
            auto& entry = rib_.entry(prefix);
            const auto wanted = target(entry);
            if (wanted == none && entry.sent != none) {
                withdrawals_[prefix.family()].push_back(prefix);
            } else if (wanted != none && (wanted != entry.sent || entry.again)) {
                announcements_[{prefix.family(), wanted}].push_back(prefix);
            } else {
                entry.dirty = false;
                entry.again = false;
            }
        }
    }

    void withdraw() {
        for (const auto& [family, prefixes] : withdrawals_) {
            fill(prefixes, none, [&](auto& rest, auto room) { return take_withdrawal(rest, context_, room); });
        }
    }

    void announce() {
        for (const auto& [key, prefixes] : announcements_) {
            const auto id = key.second;
            const auto& attributes = rib_.attributes_.at(id);
            fill(prefixes, id,
                 [&](auto& rest, auto room) { return take_announcement(attributes, rest, context_, room); });
        }
    }

    /// Messages from the front of `prefixes`, until they or the budget are used up.
    void fill(std::span<const net::Prefix> prefixes, AttributesId id, const auto& take) {
        while (!full_ && !prefixes.empty()) {
            auto rest = prefixes;
            const auto update = take(rest, budget_);
            if (!update || !append(*update)) {
                full_ = true;
                return;
            }
            for (const auto& prefix : prefixes.first(prefixes.size() - rest.size())) {
                auto& entry = rib_.entry(prefix);
                if (id != none) (void)rib_.attributes_.acquire(rib_.attributes_.at(id));
                rib_.set_sent(entry, id);
                entry.dirty = false;
                entry.again = false;
            }
            prefixes = rest;
        }
    }

    /// False, and nothing appended, when the budget has no room for it.
    bool append(const Update& update) {
        auto octets = encode(Message{update}, context_);
        if (octets.size() > budget_) return false;
        budget_ -= octets.size();
        messages_.push_back(std::move(octets));
        return true;
    }

    void keep_the_rest() {
        std::erase_if(rib_.dirty_, [&](const net::Prefix& prefix) { return !rib_.find(prefix)->dirty; });
        rib_.forget_empty_entries();
    }

    void end_of_rib() {
        if (!rib_.dirty_.empty() || !rib_.end_of_rib_allowed_) return;
        for (const auto family : {net::Family::Ipv4, net::Family::Ipv6}) {
            bool& due = rib_.end_of_rib_due_[index_of(family)];
            if (due && append(bgp::end_of_rib(unicast(family)))) due = false;
        }
    }

    AdjRibOut& rib_;
    std::size_t budget_;
    EncodeContext context_;
    std::map<std::pair<RouteId, net::Family>, AttributesId> told_;  ///< each holds a use of its attributes
    std::map<net::Family, std::vector<net::Prefix>> withdrawals_;
    std::map<std::pair<net::Family, AttributesId>, std::vector<net::Prefix>> announcements_;
    std::vector<Octets> messages_;
    bool full_ = false;
};

std::vector<AdjRibOut::Octets> AdjRibOut::take(std::size_t budget) {
    if (clean()) return {};
    return Taking{*this, budget}.run();
}

bool AdjRibOut::clean() const {
    return !export_ || (dirty_.empty() && !(end_of_rib_allowed_ && (end_of_rib_due_[0] || end_of_rib_due_[1])));
}

// ---- What can be seen -----------------------------------------------------------------------------------

bool AdjRibOut::announces(const net::Prefix& prefix) const {
    const auto* known = find(prefix.network());
    return known != nullptr && known->sent != none;
}

std::map<Withheld, std::size_t> AdjRibOut::withheld() const {
    std::map<Withheld, std::size_t> counts;
    if (!export_) return counts;
    for (const auto& entry : table_) {
        if (entry.wanted == none) continue;
        const auto attributes = export_->attributes(entry.prefix.family(), routes_.at(entry.wanted));
        if (!attributes) ++counts[attributes.error()];
    }
    return counts;
}

}  // namespace anyvip::bgp
