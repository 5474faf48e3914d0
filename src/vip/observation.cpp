#include "anyvip/vip/observation.hpp"

#include <algorithm>
#include <utility>

namespace anyvip::vip {
namespace {

void add(Others& others, const PeerName& observer, const std::vector<Heard>& routes, const char* remark) {
    for (const auto& heard : routes) {
        others.knowledge = Others::Knowledge::Heard;
        if (!heard.rank) others.unranked = true;
        others.best = std::max(others.best, heard.rank);
        if (others.text.empty()) others.text = observer.value() + ": " + heard.text + remark;
    }
}

}  // namespace

void Observation::configure(Duration learn_delay, const std::set<PeerName>& observers, TimePoint now) {
    learn_delay_ = learn_delay;
    std::erase_if(observers_,
                  [&](const auto& entry) { return entry.second.configured && !observers.contains(entry.first); });
    for (const auto& observer : observers) {
        observers_.try_emplace(observer,
                               Observer{.now = {}, .configured = true, .lost = {}, .waited_until = now + learn_delay});
    }
}

void Observation::see(const PeerName& observer, const Sighting& sighting, TimePoint now) {
    if (!sighting.session && !observers_.contains(observer)) return;
    auto& known =
        observers_.try_emplace(observer, Observer{.now = {}, .configured = false, .lost = {}, .waited_until = now})
            .first->second;
    if (!known.now.session && sighting.session) known.waited_until = now + learn_delay_;
    if (known.now.session && !sighting.session && !known.now.routes.empty()) known.lost = known.now.routes;
    known.now = sighting;
    if (has_been_back(known, now)) known.lost.clear();
    // Whoever hears it as well will tell when it ends.
    const bool heard = std::ranges::any_of(observers_, [](const auto& o) { return !o.second.now.routes.empty(); });
    if (heard) {
        for (auto& [name, other] : observers_) other.lost.clear();
    }
    std::erase_if(observers_, [](const auto& entry) {
        return !entry.second.configured && !entry.second.now.session && entry.second.lost.empty();
    });
}

void Observation::forget(const PeerName& observer) {
    const auto found = observers_.find(observer);
    if (found != observers_.end() && !found->second.configured) observers_.erase(found);
}

Others Observation::others(TimePoint now) const {
    Others others;
    for (const auto& [name, observer] : observers_) add(others, name, observer.now.routes, "");
    if (others.knowledge == Others::Knowledge::Heard) return others;
    for (const auto& [name, observer] : observers_) {
        if (!has_been_back(observer, now)) add(others, name, observer.lost, ", before its session was lost");
    }
    if (others.knowledge == Others::Knowledge::Heard) return others;
    bool any = false;
    for (const auto& [name, observer] : observers_) {
        any = any || had_its_say(observer, now);
        if (had_its_say(observer, now) || now >= observer.waited_until) continue;
        others.text = name.value() + " has not had its say yet";
        return others;
    }
    if (any) {
        others.knowledge = Others::Knowledge::None;
    } else {
        others.text = "no session tells";
    }
    return others;
}

std::optional<TimePoint> Observation::deadline(TimePoint now) const {
    std::optional<TimePoint> next;
    for (const auto& [name, observer] : observers_) {
        const bool waits = !observer.now.complete || !observer.lost.empty();
        if (waits && observer.waited_until > now) next = earliest(next, observer.waited_until);
    }
    return next;
}

bool Observation::has_been_back(const Observer& observer, TimePoint now) {
    return observer.now.session && now >= observer.waited_until;
}

bool Observation::had_its_say(const Observer& observer, TimePoint now) {
    return observer.now.session && (observer.now.complete || now >= observer.waited_until);
}

std::string describe(const Rank& rank) {
    return "rank " + std::to_string(rank.rank) + " of router ID " + std::to_string(rank.router_id);
}

std::string describe(Others::Knowledge knowledge) {
    switch (knowledge) {
        case Others::Knowledge::Unknown: return "not known";
        case Others::Knowledge::None: return "nobody else";
        case Others::Knowledge::Heard: return "heard";
    }
    return "not known";
}

}  // namespace anyvip::vip
