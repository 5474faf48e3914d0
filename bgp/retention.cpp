#include "bgp/retention.hpp"

#include <algorithm>

namespace anyvip::bgp {
namespace {

bool is_hard_reset(const std::optional<Notification>& notification) {
    return notification && notification->cease_subcode() == CeaseSubcode::HardReset;
}

/// The F bit: of the capability whose timer runs.
bool is_preserved(const PeerRestart& restart, net::Family family, bool long_lived) {
    if (!long_lived) return restart.families.contains(family) && restart.preserved.contains(family);
    const auto entry = restart.long_lived.find(family);
    return entry != restart.long_lived.end() && entry->second.preserved;
}

}  // namespace

bool keeps_routes(const Reason& reason, const PeerRestart& restart) {
    switch (reason.kind) {
        case Reason::Kind::ConnectionFailed: return true;
        case Reason::Kind::Stopped:
        case Reason::Kind::NotificationReceived:
        case Reason::Kind::NotificationSent:
        case Reason::Kind::HoldTimerExpired:
        case Reason::Kind::SendHoldTimerExpired: return restart.notification && !is_hard_reset(reason.notification);
        // RFC 5882 §4.3: what forwards has failed, or nobody knows better.
        case Reason::Kind::BfdDown:
        case Reason::Kind::Collision: return false;
    }
    return false;
}

Retention::Lost Retention::lost(const PeerRestart& restart, TimePoint now) {
    Lost lost;
    for (const auto family : {net::Family::Ipv4, net::Family::Ipv6}) {
        const auto entry = restart.long_lived.find(family);
        const auto long_lived_time =
            entry == restart.long_lived.end() ? std::chrono::seconds{0} : entry->second.stale_time;
        const bool keeps = restart.restart_time.count() > 0 || long_lived_time.count() > 0;
        if (!keeps || !restart.families.contains(family)) {
            kept_.erase(family);
            continue;
        }
        lost.kept.add(family);
        if (kept_.contains(family) && !restart.notification) {
            lost.twice.add(family);
            kept_.erase(family);
        }
        const auto [place, first] = kept_.try_emplace(family);
        auto& kept = place->second;
        kept.back = false;
        if (first) kept.bound = now + restart.restart_time + stale_time;
        if (kept.long_lived) continue;  // RFC 9494 §4.2: its timer runs on until End-of-RIB.
        kept.until = std::min<TimePoint>(now + restart.restart_time, kept.bound);
        kept.long_lived_time = long_lived_time;
    }
    return lost;
}

Families Retention::back(const std::optional<PeerRestart>& restart, TimePoint now) {
    std::erase_if(kept_, [&](const auto& entry) {
        return !restart || !is_preserved(*restart, entry.first, entry.second.long_lived);
    });
    for (auto& [family, kept] : kept_) {
        kept.back = true;
        if (!kept.long_lived) kept.until = std::min(now + stale_time, kept.bound);
    }
    return families();
}

Retention::Due Retention::expire(TimePoint now) {
    Due due;
    for (auto it = kept_.begin(); it != kept_.end();) {
        auto& [family, kept] = *it;
        if (kept.until > now) {
            ++it;
        } else if (kept.long_lived || kept.back || kept.long_lived_time.count() == 0) {
            due.gone.add(family);
            it = kept_.erase(it);
        } else {
            due.long_lived.add(family);
            kept.long_lived = true;
            kept.until += kept.long_lived_time;
        }
    }
    return due;
}

std::optional<TimePoint> Retention::deadline() const {
    std::optional<TimePoint> first;
    for (const auto& [family, kept] : kept_) {
        if (!first || kept.until < *first) first = kept.until;
    }
    return first;
}

Families Retention::families() const {
    Families families;
    for (const auto& [family, kept] : kept_) families.add(family);
    return families;
}

Families Retention::long_lived() const {
    Families families;
    for (const auto& [family, kept] : kept_) {
        if (kept.long_lived) families.add(family);
    }
    return families;
}

}  // namespace anyvip::bgp
