#include "anyvip/vip/eligibility.hpp"

#include <optional>
#include <string>

namespace anyvip::vip {
namespace {

std::string with_detail(const std::string& name, const std::string& detail) {
    return detail.empty() ? name : name + ": " + detail;
}

/// The first required check that is not up.
std::optional<Ineligible> broken_check(const Policy& policy, const Facts& facts) {
    for (const auto& track : policy.tracks) {
        if (track.weight) continue;
        const auto fact = facts.checks.find(track.check);
        if (fact == facts.checks.end() || fact->second.health == Health::Unknown) {
            return Ineligible{Reason::CheckUnknown, track.check.value()};
        }
        if (fact->second.health == Health::Down) {
            return Ineligible{Reason::CheckFailed, with_detail(track.check.value(), fact->second.detail)};
        }
    }
    return std::nullopt;
}

std::string describe_pool(const ServerName& name, const PoolFact& pool) {
    return name.value() + ": " + std::to_string(pool.healthy) + " of " + std::to_string(pool.configured) +
           " real servers healthy, quorum " + std::to_string(pool.quorum);
}

/// All virtual servers need their quorum, or any one of them.
std::optional<Ineligible> broken_server(const Policy& policy, const Facts& facts) {
    std::optional<Ineligible> first_broken;
    for (const auto& name : policy.servers) {
        const auto fact = facts.pools.find(name);
        const PoolFact pool = fact == facts.pools.end() ? PoolFact{} : fact->second;
        if (pool.healthy >= pool.quorum) {
            if (policy.services == ServicesRule::Any) return std::nullopt;
            continue;
        }
        if (!first_broken) first_broken = Ineligible{Reason::BelowQuorum, describe_pool(name, pool)};
    }
    return first_broken;
}

/// keepalived's arithmetic: a negative weight counts while the check fails, a positive one while it is good.
/// An unknown check is not good, and not known to have failed: it moves nothing.
int priority_adjustment(const Policy& policy, const Facts& facts) {
    int sum = 0;
    for (const auto& track : policy.tracks) {
        const auto fact = facts.checks.find(track.check);
        if (!track.weight || fact == facts.checks.end()) continue;
        const bool counts = *track.weight < 0 ? fact->second.health == Health::Down : fact->second.health == Health::Up;
        if (counts) sum += *track.weight;
    }
    return sum;
}

}  // namespace

Verdict evaluate(const Policy& policy, const Facts& facts) {
    if (facts.drained) return Ineligible{Reason::Drained, *facts.drained};
    if (auto broken = broken_check(policy, facts)) return *broken;
    if (auto broken = broken_server(policy, facts)) return *broken;
    if (policy.needs_bgp_session && facts.established_sessions == 0) return Ineligible{Reason::NoBgpSession, ""};
    return Eligible{priority_adjustment(policy, facts)};
}

std::string describe(Reason reason) {
    switch (reason) {
        case Reason::Starting: return "starting";
        case Reason::Drained: return "drained";
        case Reason::CheckUnknown: return "check has no verdict yet";
        case Reason::CheckFailed: return "check failed";
        case Reason::BelowQuorum: return "below quorum";
        case Reason::NoBgpSession: return "no BGP session is Established";
    }
    return "unknown reason";
}

std::string describe(Health health) {
    switch (health) {
        case Health::Unknown: return "unknown";
        case Health::Up: return "up";
        case Health::Down: return "down";
    }
    return "unknown health";
}

std::string describe(const Eligible& eligible) {
    if (eligible.priority_adjustment == 0) return "Eligible";
    const auto sign = eligible.priority_adjustment > 0 ? "+" : "";
    return std::string{"Eligible, priority "} + sign + std::to_string(eligible.priority_adjustment);
}

std::string describe(const Ineligible& ineligible) {
    return "Ineligible: " + with_detail(describe(ineligible.reason), ineligible.detail);
}

}  // namespace anyvip::vip
