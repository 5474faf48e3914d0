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

#include "bgp/update_writer.hpp"

namespace anyvip::bgp {
namespace {

constexpr std::array families{net::Family::Ipv4, net::Family::Ipv6};

constexpr std::size_t index_of(net::Family family) {
    return family == net::Family::Ipv4 ? 0 : 1;
}

}  // namespace

std::expected<PathAttributes, Withheld> Export::attributes(net::Family family, const RouteAttributes& route) const {
    if (!carries(family)) return std::unexpected{Withheld::FamilyNotNegotiated};
    const auto next = next_hop_of(family, route);
    if (!next) return std::unexpected{Withheld::NoNextHop};
    PathAttributes path;
    path.next_hop = *next;
    if (external()) {
        path.as_path.prepend(local_as, std::size_t{1} + route.prepend);
    } else {
        path.local_pref = route.local_pref.value_or(default_local_pref);  // §5.1.5: always to internal peers.
    }
    path.med = route.med;
    path.communities = {route.communities.begin(), route.communities.end()};
    path.large_communities = {route.large_communities.begin(), route.large_communities.end()};
    // RFC 4360 §6 keeps what is not transitive from being handed on to another AS; it is not handed on here, but
    // begins.
    path.extended_communities = {route.extended_communities.begin(), route.extended_communities.end()};
    if (keeps_for_long && route.no_llgr) path.communities.insert(no_llgr_community);
    path.only_to_customer = only_to_customer;
    if (!UpdateWriter::fits(family, path, encoding)) return std::unexpected{Withheld::TooLarge};
    return path;
}

std::optional<net::IpAddress> Export::next_hop_of(net::Family family, const RouteAttributes& route) const {
    if (route.next_hop && route.next_hop->family() == family) return route.next_hop;
    if (family == net::Family::Ipv4 && next_hop) return *next_hop;
    if ((family == net::Family::Ipv6 || ipv4_over_ipv6) && next_hop6) return *next_hop6;
    return std::nullopt;
}

// ---- What there is to do --------------------------------------------------------------------------------

void AdjRibOut::WorkList::clear() {
    slots_.clear();
    done_ = 0;
}

std::span<const RouteSlot> AdjRibOut::WorkList::front(std::size_t most) const {
    const auto rest = std::span{slots_}.subspan(done_);
    return rest.first(std::min(most, rest.size()));
}

void AdjRibOut::WorkList::drop(std::size_t count, const auto& finished) {
    // The unfinished ones move to the end of what was looked at, in their order.
    auto kept = done_ + count;
    for (auto at = kept; at > done_; --at) {
        if (!finished(slots_[at - 1])) slots_[--kept] = slots_[at - 1];
    }
    done_ = kept;
    if (empty()) clear();
}

AdjRibOut::~AdjRibOut() {
    stop();
}

void AdjRibOut::mark(RouteSlot slot) {
    if (!export_) return;
    if (told_.size() <= slot.value()) told_.resize(routes_->size());
    auto& row = told(slot);
    if (withdrawing_ || routes_->route_id(slot) == none) {
        if (row.in_withdrawals || row.attributes == none) return;
        row.in_withdrawals = true;
        withdrawals_.push(slot);
    } else {
        if (row.in_announcements) return;
        row.in_announcements = true;
        announcements_.push(slot);
    }
    settle(slot);
}

void AdjRibOut::mark_all() {
    for (std::uint32_t slot = 0; slot < routes_->size(); ++slot) {
        const RouteSlot each{slot};
        if (routes_->route_id(each) != none || (slot < told_.size() && told(each).attributes != none)) mark(each);
    }
}

void AdjRibOut::tell(RouteSlot slot, AttributesId id) {
    auto& row = told(slot);
    announced_ = announced_ - (row.attributes != none ? 1U : 0U) + (id != none ? 1U : 0U);
    routes_->attributes().share(id);
    routes_->attributes().release(std::exchange(row.attributes, id));
    row.again = false;
}

/// The table keeps a slot for as long as there is something to say about it, or to take back.
void AdjRibOut::settle(RouteSlot slot) {
    auto& row = told(slot);
    if (row.held == row.matters()) return;
    row.held = !row.held;
    row.held ? routes_->hold(slot) : routes_->let_go(slot);
}

void AdjRibOut::changed(std::span<const RouteSlot> slots) {
    for (const auto slot : slots) mark(slot);
}

void AdjRibOut::start(const Export& exported) {
    stop();
    export_ = exported;
    for (const auto family : families) markers_[index_of(family)].end_of_rib_due = exported.carries(family);
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
    markers_ = {};
    withdrawals_.clear();
    announcements_.clear();
    for (std::uint32_t slot = 0; slot < told_.size(); ++slot) {
        tell(RouteSlot{slot}, none);
        told_[slot].in_withdrawals = false;
        told_[slot].in_announcements = false;
        settle(RouteSlot{slot});
    }
    told_.clear();
}

void AdjRibOut::refresh(net::Family family) {
    if (!export_ || withdrawing_ || !export_->carries(family)) return;
    auto& markers = markers_[index_of(family)];
    if (export_->enhanced_refresh) {
        // RFC 7313 §4: what a session announces at first ends before any answer begins.
        markers.refresh_waits = markers.end_of_rib_due;
        if (markers.refresh_waits) return;
        markers.refresh_begins = true;
    }
    for (std::uint32_t slot = 0; slot < told_.size(); ++slot) {
        const RouteSlot each{slot};
        if (told(each).attributes == none || routes_->prefix(each).family() != family) continue;
        told(each).again = true;
        mark(each);
    }
}

void AdjRibOut::withdraw_all() {
    withdrawing_ = true;
    markers_ = {};
    mark_all();
}

// ---- What is sent ---------------------------------------------------------------------------------------

/// One take(): looks at as many slots as the budget could take, sorts them into runs of equal attributes, and has
/// them written.
class AdjRibOut::Taking {
public:
    Taking(AdjRibOut& rib, std::size_t budget)
        : rib_{rib}, writer_{rib.export_->encoding, budget}, most_slots_{budget / least_octets + 1} {}
    ~Taking() {
        for (const auto& [key, id] : targets_) rib_.routes_->attributes().release(id);
    }
    Taking(const Taking&) = delete;
    Taking& operator=(const Taking&) = delete;

    /// False: the budget ended it.
    [[nodiscard]] bool run() {
        begin_refreshes();
        withdraw();
        if (rib_.withdrawals_.empty()) announce();
        if (rib_.withdrawals_.empty() && rib_.announcements_.empty()) end_families();
        return !full_;
    }
    void append_to(Taken& taken) {
        taken.messages += writer_.messages();
        taken.updates += writer_.updates();
        auto octets = writer_.take();
        if (taken.octets.empty()) {
            taken.octets = std::move(octets);
        } else {
            taken.octets.insert(taken.octets.end(), octets.begin(), octets.end());
        }
    }

private:
    enum class Pass : std::uint8_t { Withdrawals, Announcements };

    /// Of most prefixes that hosts announce: /24 or longer. A peer that wants ten thousand default routes has to
    /// call twice.
    static constexpr std::size_t least_octets = 4;

    using RunKey = std::pair<net::Family, AttributesId>;
    using Runs = std::map<RunKey, std::vector<RouteSlot>>;

    /// What the peer is to be told of a slot; none: nothing.
    AttributesId target(RouteSlot slot) {
        const auto wanted = rib_.routes_->route_id(slot);
        if (wanted == none || rib_.withdrawing_) return none;
        const std::pair key{wanted, rib_.routes_->prefix(slot).family()};
        if (key == last_key_) return last_target_;  // Neighbours tend to be alike.
        const auto [known, added] = targets_.try_emplace(key, none);
        if (added) known->second = acquire(key.second, rib_.routes_->route(wanted));
        last_key_ = key;
        last_target_ = known->second;
        return known->second;
    }

    AttributesId acquire(net::Family family, const Route& route) {
        const auto& exported = *rib_.export_;
        const auto* const said = route.for_peer(exported.peer);
        if (said == nullptr) return none;
        const auto attributes = exported.attributes(family, *said);
        return attributes ? rib_.routes_->attributes().acquire(*attributes) : none;
    }

    void withdraw() {
        pass_ = Pass::Withdrawals;
        const auto slots = rib_.withdrawals_.front(most_slots_);
        for (const auto slot : slots) {
            auto& row = rib_.told(slot);
            // It may have a route again: then it is in the other list as well, and nothing to take back.
            if (row.attributes != none && target(slot) == none) {
                note_withdrawal(slot);
            } else {
                finish(slot, row.attributes);
            }
        }
        write_withdrawals();
        const auto count = slots.size();
        rib_.withdrawals_.drop(count, [this](RouteSlot slot) { return !rib_.told(slot).in_withdrawals; });
    }

    void announce() {
        pass_ = Pass::Announcements;
        const auto slots = rib_.announcements_.front(most_slots_);
        Runs announcements;
        auto* run = &announcements[{net::Family::Ipv4, none}];
        RunKey run_key{net::Family::Ipv4, none};
        for (const auto slot : slots) {
            auto& row = rib_.told(slot);
            const auto wanted = target(slot);
            if (wanted == none && row.attributes != none) {
                note_withdrawal(slot);  // The session can no longer carry it.
            } else if (wanted != none && (wanted != row.attributes || row.again)) {
                const RunKey key{rib_.routes_->prefix(slot).family(), wanted};
                if (key != run_key) {
                    run = &announcements[key];
                    run_key = key;
                }
                run->push_back(slot);
            } else {
                finish(slot, row.attributes);
            }
        }
        write_withdrawals();
        for (const auto& [key, members] : announcements) {
            if (members.empty()) continue;
            if (full_) break;
            writer_.announce(key.first, rib_.routes_->attributes().at(key.second));
            write(members, key.second);
        }
        const auto count = slots.size();
        rib_.announcements_.drop(count, [this](RouteSlot slot) { return !rib_.told(slot).in_announcements; });
    }

    /// What was said in MP_REACH_NLRI is taken back in MP_UNREACH_NLRI.
    void note_withdrawal(RouteSlot slot) {
        const auto family = rib_.routes_->prefix(slot).family();
        const bool multiprotocol = rib_.routes_->attributes().at(rib_.told(slot).attributes).next_hop.is_v6();
        withdrawals_[{family, multiprotocol}].push_back(slot);
    }

    void write_withdrawals() {
        for (const auto& [key, slots] : std::exchange(withdrawals_, {})) {
            if (full_) return;
            writer_.withdraw(key.first, key.second);
            write(slots, none);
        }
    }

    void write(std::span<const RouteSlot> slots, AttributesId id) {
        for (const auto slot : slots) {
            if (!writer_.add(rib_.routes_->prefix(slot))) {
                full_ = true;
                return;
            }
            rib_.told(slot).batch = rib_.batch_ & (batches - 1);
            finish(slot, id);
        }
    }

    void finish(RouteSlot slot, AttributesId id) {
        auto& row = rib_.told(slot);
        if (row.attributes != id) rib_.tell(slot, id);
        switch (pass_) {
            case Pass::Withdrawals: row.in_withdrawals = false; break;
            case Pass::Announcements:
                row.in_announcements = false;
                row.again = false;
                break;
        }
        rib_.settle(slot);
    }

    void begin_refreshes() {
        for (const auto family : families) {
            auto& markers = rib_.markers_[index_of(family)];
            if (!markers.refresh_begins || !append(marker(family, RouteRefresh::begin))) continue;
            markers.refresh_begins = false;
            markers.refresh_ends = true;
        }
    }

    void end_families() {
        for (const auto family : families) {
            auto& markers = rib_.markers_[index_of(family)];
            if (markers.refresh_ends && append(marker(family, RouteRefresh::end))) markers.refresh_ends = false;
            if (!markers.end_of_rib_due || !rib_.end_of_rib_allowed_) continue;
            if (!append(end_of_rib(unicast(family)))) continue;
            markers.end_of_rib_due = false;
            if (markers.refresh_waits) rib_.refresh(family);
        }
    }

    [[nodiscard]] static RouteRefresh marker(net::Family family, std::uint8_t subtype) {
        return {.family = unicast(family), .subtype = subtype};
    }

    [[nodiscard]] bool append(const Message& message) {
        full_ = full_ || !writer_.append(message);
        return !full_;
    }

    AdjRibOut& rib_;
    UpdateWriter writer_;
    std::size_t most_slots_;
    std::map<std::pair<RouteTable::RouteId, net::Family>, AttributesId> targets_;  ///< each holds a use
    std::pair<RouteTable::RouteId, net::Family> last_key_{none, net::Family::Ipv4};
    AttributesId last_target_ = none;
    std::map<std::pair<net::Family, bool>, std::vector<RouteSlot>> withdrawals_;  ///< true: multiprotocol
    Pass pass_ = Pass::Withdrawals;
    bool full_ = false;
};

AdjRibOut::Taken AdjRibOut::take(std::size_t budget) {
    if (clean()) return {};
    batch_ = (batch_ + 1) % batches;
    Taken taken{.octets = {}, .batch = batch_};
    bool room = true;
    while (room && !clean()) {
        Taking taking{*this, budget - taken.octets.size()};
        room = taking.run();
        taking.append_to(taken);
    }
    return taken;
}

bool AdjRibOut::clean() const {
    if (!export_) return true;
    if (!withdrawals_.empty() || !announcements_.empty()) return false;
    return std::ranges::none_of(markers_, [this](const Markers& markers) {
        return markers.refreshing() || (markers.end_of_rib_due && end_of_rib_allowed_);
    });
}

bool AdjRibOut::end_of_rib_sent() const {
    return export_ && std::ranges::none_of(markers_, &Markers::end_of_rib_due);
}

// ---- What can be seen -----------------------------------------------------------------------------------

std::size_t AdjRibOut::wanted(const PeerName& peer) const {
    std::size_t count = 0;
    for (std::uint32_t slot = 0; slot < routes_->size(); ++slot) {
        const auto id = routes_->route_id(RouteSlot{slot});
        if (id != none && routes_->route(id).for_peer(peer) != nullptr) ++count;
    }
    return count;
}

bool AdjRibOut::announces(const net::Prefix& prefix) const {
    const auto slot = routes_->find(prefix);
    return slot && slot->value() < told_.size() && told(*slot).attributes != none;
}

AdjRibOut::Account AdjRibOut::account(const net::Prefix& prefix, const PeerName& peer) const {
    Account account;
    const auto slot = routes_->find(prefix);
    if (!slot) return account;
    const auto id = routes_->route_id(*slot);
    account.wanted = id != none && routes_->route(id).for_peer(peer) != nullptr;
    if (export_ && account.wanted) account.withheld = why_withheld(prefix.family(), routes_->route(id));
    if (slot->value() >= told_.size()) return account;
    const auto& row = told(*slot);
    const bool settled = row.attributes != none && !row.in_withdrawals && !row.in_announcements;
    if (settled) account.sent = row.batch;
    return account;
}

std::map<Withheld, std::size_t> AdjRibOut::withheld() const {
    std::map<Withheld, std::size_t> counts;
    if (!export_) return counts;
    std::map<std::pair<RouteTable::RouteId, net::Family>, std::optional<Withheld>> known;
    for (std::uint32_t slot = 0; slot < routes_->size(); ++slot) {
        const auto id = routes_->route_id(RouteSlot{slot});
        if (id == none) continue;
        const auto family = routes_->prefix(RouteSlot{slot}).family();
        const auto [reason, added] = known.try_emplace({id, family});
        if (added) reason->second = why_withheld(family, routes_->route(id));
        if (reason->second) ++counts[*reason->second];
    }
    return counts;
}

std::optional<Withheld> AdjRibOut::why_withheld(net::Family family, const Route& route) const {
    const auto* const said = route.for_peer(export_->peer);
    if (said == nullptr) return std::nullopt;
    const auto attributes = export_->attributes(family, *said);
    return attributes ? std::nullopt : std::optional{attributes.error()};
}

}  // namespace anyvip::bgp
