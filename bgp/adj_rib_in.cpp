#include "bgp/adj_rib_in.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace anyvip::bgp {
namespace {

std::size_t elements(const PathAttributes& attributes) {
    std::size_t count = attributes.communities.size() + attributes.large_communities.size() +
                        attributes.extended_communities.size() + attributes.cluster_list.size();
    for (const auto& segment : attributes.as_path.segments) count += segment.asns.size();
    return count;
}

/// Which of the errors made a withdrawal of it.
std::string fault_of(const Update& update) {
    for (const auto& error : update.errors) {
        if (std::holds_alternative<TreatAsWithdraw>(error.action)) return describe(error);
    }
    return {};
}

bool is_leak(const Update& update) {
    return std::ranges::any_of(update.errors,
                               [](const auto& error) { return error.reason == AttributeError::Reason::Leak; });
}

std::string shortened(std::string text) {
    constexpr std::size_t enough = 200;
    if (text.size() > enough) text.replace(enough, std::string::npos, "...");
    return text;
}

std::size_t index(Refusal why) {
    return static_cast<std::size_t>(why);
}

}  // namespace

bool AdjRibIn::configure(const Import& import) {
    if (import == import_) return false;
    const bool wider = import.rules != import_.rules || import.max_prefixes > import_.max_prefixes;
    import_ = import;
    for (auto& [nlri, route] : routes_) {
        if (!route.refused && !import_.takes(nlri.prefix)) {
            route.refused = Refusal::Policy;
            --accepted_;
        }
    }
    std::erase_if(routes_,
                  [this](const auto& entry) { return entry.second.refused && !watched_.contains(entry.first.prefix); });
    full_ = accepted_ >= import_.max_prefixes;
    return wider;
}

bool AdjRibIn::watch(std::set<net::Prefix> prefixes) {
    const bool more = !std::ranges::includes(watched_, prefixes);
    watched_ = std::move(prefixes);
    std::erase_if(routes_,
                  [this](const auto& entry) { return entry.second.refused && !watched_.contains(entry.first.prefix); });
    return more;
}

void AdjRibIn::start(const Session& session, Families kept) {
    retain(kept);
    session_ = session;
}

void AdjRibIn::stop() {
    retain({});
}

void AdjRibIn::retain(Families kept, Families twice) {
    examples_.clear();
    examples_of_ = {};
    refused_ = {};
    complete_ = {};
    (void)withdraw_if([&](const Nlri& nlri, const ReceivedRoute& route) {
        const auto family = nlri.prefix.family();
        return !kept.contains(family) || (route.stale && twice.contains(family));
    });
    for (auto& [nlri, route] : routes_) route.stale = true;
    full_ = accepted_ >= import_.max_prefixes;
}

AdjRibIn::Learnt AdjRibIn::forget_stale(Families families) {
    return withdraw_if([&](const Nlri& nlri, const ReceivedRoute& route) {
        return route.stale && families.contains(nlri.prefix.family());
    });
}

AdjRibIn::Learnt AdjRibIn::keep_for_long(Families families) {
    auto learnt = withdraw_if([&](const Nlri& nlri, const ReceivedRoute& route) {
        return route.stale && families.contains(nlri.prefix.family()) &&
               route.attributes.communities.contains(no_llgr_community);
    });
    for (auto& [nlri, route] : routes_) {
        if (!route.stale || !families.contains(nlri.prefix.family())) continue;
        route.attributes.communities.insert(llgr_stale_community);
        if (watched_.contains(nlri.prefix)) learnt.watched.insert(nlri.prefix);
    }
    return learnt;
}

std::size_t AdjRibIn::stale() const {
    const auto count = std::ranges::count_if(routes_, [](const auto& entry) { return entry.second.stale; });
    return static_cast<std::size_t>(count);
}

template <class Condition>
AdjRibIn::Learnt AdjRibIn::withdraw_if(const Condition& condition) {
    std::vector<Nlri> gone;
    for (const auto& [nlri, route] : routes_) {
        if (condition(nlri, route)) gone.push_back(nlri);
    }
    Learnt learnt;
    for (const auto& nlri : gone) withdraw(nlri, learnt);
    return learnt;
}

AdjRibIn::Learnt AdjRibIn::learn(const Update& update, TimePoint now) {
    Learnt learnt;
    if (const auto family = end_of_rib_family(update)) {
        if (const auto addresses = unicast_addresses(*family)) complete_.add(*addresses);
        return learnt;
    }
    for (const auto& nlri : update.withdrawn) withdraw(nlri, learnt);
    if (update.mp_unreach) {
        for (const auto& nlri : update.mp_unreach->withdrawn) withdraw(nlri, learnt);
    }
    const auto why = is_leak(update) ? Refusal::Leak : Refusal::Malformed;
    for (const auto& nlri : update.refused) {
        if (auto* example = refuse(nlri, why, now)) example->detail = shortened(fault_of(update));
    }
    for (const auto& nlri : update.nlri) announce(nlri, update.attributes, now, learnt);
    if (update.mp_reach) {
        auto attributes = update.attributes;
        attributes.next_hop = update.mp_reach->effective_next_hop();
        for (const auto& nlri : update.mp_reach->nlri) announce(nlri, attributes, now, learnt);
    }
    return learnt;
}

void AdjRibIn::refresh_begins(net::Family family) {
    for (auto& [nlri, route] : routes_) {
        if (nlri.prefix.family() == family) route.stale = true;
    }
}

AdjRibIn::Learnt AdjRibIn::refresh_ends(net::Family family) {
    Families families;
    families.add(family);
    return forget_stale(families);
}

std::optional<Refusal> AdjRibIn::refusal(const net::Prefix& prefix, const PathAttributes& attributes) const {
    if (attributes.as_path.contains(session_.local_as)) return Refusal::OwnAs;
    if (attributes.originator_id == session_.router_id) return Refusal::OwnRouterId;
    if (elements(attributes) > max_elements) return Refusal::TooLarge;
    if (!import_.takes(prefix)) return Refusal::Policy;
    return std::nullopt;
}

void AdjRibIn::announce(const Nlri& nlri, const PathAttributes& attributes, TimePoint now, Learnt& learnt) {
    auto why = refusal(nlri.prefix, attributes);
    if (!why && !has_room_for(nlri)) {
        why = Refusal::MaxPrefixes;
        if (!std::exchange(full_, true)) learnt.limit_reached = nlri.prefix.family();
    }
    if (why) {
        if (auto* example = refuse(nlri, *why, now)) example->detail = shortened(describe(attributes.as_path));
        if (!can_watch(nlri)) return withdraw_known(nlri, learnt);
    } else {
        forget_example(nlri);
    }
    ReceivedRoute route{.attributes = attributes, .since = now, .refused = why};
    if (why == Refusal::TooLarge) route.attributes = {};
    // RFC 8326 §4.1: less preferred than any other.
    if (session_.external && attributes.communities.contains(graceful_shutdown_community)) {
        route.attributes.local_pref = 0;
    }
    keep(nlri, std::move(route), learnt);
}

void AdjRibIn::keep(const Nlri& nlri, ReceivedRoute route, Learnt& learnt) {
    const auto [place, added] = routes_.try_emplace(nlri);
    auto& known = place->second;
    if (!added && known.attributes == route.attributes && known.refused == route.refused) {
        known.stale = false;
        return;
    }
    if (!added && !known.refused) --accepted_;
    if (!route.refused) ++accepted_;
    if (accepted_ < import_.max_prefixes) full_ = false;
    known = std::move(route);
    if (watched_.contains(nlri.prefix)) learnt.watched.insert(nlri.prefix);
}

/// Among those that are accepted.
bool AdjRibIn::has_room_for(const Nlri& nlri) const {
    const auto known = routes_.find(nlri);
    const bool is_accepted = known != routes_.end() && !known->second.refused;
    return is_accepted || accepted_ < import_.max_prefixes;
}

bool AdjRibIn::can_watch(const Nlri& nlri) const {
    if (!watched_.contains(nlri.prefix)) return false;
    if (routes_.contains(nlri)) return true;
    const auto first = routes_.lower_bound({nlri.prefix});
    const auto last =
        std::find_if(first, routes_.end(), [&](const auto& entry) { return entry.first.prefix != nlri.prefix; });
    return static_cast<std::size_t>(std::distance(first, last)) < max_watched_paths;
}

void AdjRibIn::withdraw(const Nlri& nlri, Learnt& learnt) {
    forget_example(nlri);
    withdraw_known(nlri, learnt);
}

void AdjRibIn::withdraw_known(const Nlri& nlri, Learnt& learnt) {
    const auto known = routes_.find(nlri);
    if (known == routes_.end()) return;
    if (!known->second.refused) {
        --accepted_;
        full_ = false;
    }
    routes_.erase(known);
    if (watched_.contains(nlri.prefix)) learnt.watched.insert(nlri.prefix);
}

/// Counts it, and returns the example to fill in if there is room for one: a million of them cost no text.
RefusedRoute* AdjRibIn::refuse(const Nlri& nlri, Refusal why, TimePoint now) {
    ++refused_[index(why)];
    forget_example(nlri);
    if (examples_of_[index(why)] == max_examples) return nullptr;
    ++examples_of_[index(why)];
    return &examples_.emplace(nlri, RefusedRoute{.why = why, .detail = {}, .since = now}).first->second;
}

void AdjRibIn::forget_example(const Nlri& nlri) {
    const auto example = examples_.find(nlri);
    if (example == examples_.end()) return;
    --examples_of_[index(example->second.why)];
    examples_.erase(example);
}

std::string_view describe(Refusal why) {
    switch (why) {
        case Refusal::Malformed: return "treated as withdrawn";
        case Refusal::Leak: return "leak";
        case Refusal::OwnAs: return "our AS is in its AS_PATH";
        case Refusal::OwnRouterId: return "our own, reflected";
        case Refusal::TooLarge: return "too many attributes";
        case Refusal::Policy: return "not imported";
        case Refusal::MaxPrefixes: return "max_prefixes reached";
    }
    return "unknown reason";
}

}  // namespace anyvip::bgp
