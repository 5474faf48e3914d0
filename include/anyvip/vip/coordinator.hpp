#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/names.hpp"
#include "anyvip/net/address.hpp"
#include "anyvip/vip/capacity.hpp"
#include "anyvip/vip/dependences.hpp"
#include "anyvip/vip/eligibility.hpp"
#include "anyvip/vip/policies.hpp"
#include "anyvip/vip/server_pool.hpp"

/// The whole product policy in one place: it turns what is known (checks, sessions, an operator's drains)
/// into verdicts for VIPs and virtual routers and into wishes for real servers.
///
/// Fed by the decision loop; its VerdictChanged goes to a Lifecycle or to a virtual router's lease, its
/// PoolChanged to the Lifecycle of the VIP, which knows when the kernel may be told. It has no timers: no
/// verdict is ever delayed here (product rule 3).
///
/// An event costs what it concerns, not what there is: a fact goes to those that Dependences names, a pool that changed
/// to its VIP, a VIP to its virtual router, and nothing else is looked at. Only new policies are all looked at.
///
/// What a thing starts as (decided once, here):
///
///   | new                                    | starts as                                                      |
///   |----------------------------------------|----------------------------------------------------------------|
///   | VIP, virtual router                    | Ineligible until every dependence has a first verdict          |
///   | dependence of what is Eligible, also   | not counted until its first verdict: a reload withdraws        |
///   | a VIP of a virtual router, or a        | nothing and makes no Active router give way                    |
///   | virtual server that got its checks or  |                                                                |
///   | all its real servers anew              |                                                                |
///   | real server                            | as the kernel has it (absent, or adopted with its weight)      |
///   |                                        | until its first verdict; healthy only after a good one         |
///   | real server without a check            | healthy                                                        |
///
/// The drain of a VIP or a real server ends when it leaves the configuration.
namespace anyvip::vip {

// What can be drained.
struct NodeTarget {
    friend auto operator<=>(const NodeTarget&, const NodeTarget&) = default;
};
struct RealServerTarget {
    ServerName server;
    net::Endpoint address;
    friend auto operator<=>(const RealServerTarget&, const RealServerTarget&) = default;
};
using DrainTarget = std::variant<NodeTarget, VipName, RealServerTarget>;

// Events.
struct PoliciesChanged {
    Policies policies;
    friend bool operator==(const PoliciesChanged&, const PoliciesChanged&) = default;
};
struct HealthReported {
    CheckName check;
    CheckFact fact;
    friend bool operator==(const HealthReported&, const HealthReported&) = default;
};
struct SessionsReported {
    std::set<PeerName> established;
    friend bool operator==(const SessionsReported&, const SessionsReported&) = default;
};
struct DrainRequested {
    DrainTarget target;
    bool drain = true;  ///< false: undrain
    friend bool operator==(const DrainRequested&, const DrainRequested&) = default;
};
using CoordinatorEvent = std::variant<PoliciesChanged, HealthReported, SessionsReported, DrainRequested>;

// Actions.
struct VipVerdictChanged {
    VipName vip;
    Verdict verdict;
    friend bool operator==(const VipVerdictChanged&, const VipVerdictChanged&) = default;
};
struct RouterVerdictChanged {
    RouterName router;
    Verdict verdict;
    friend bool operator==(const RouterVerdictChanged&, const RouterVerdictChanged&) = default;
};
struct PoolChanged {
    VipName vip;
    ServerName server;
    friend bool operator==(const PoolChanged&, const PoolChanged&) = default;
};
using CoordinatorAction = std::variant<VipVerdictChanged, RouterVerdictChanged, PoolChanged>;
using CoordinatorActions = std::vector<CoordinatorAction>;

class Coordinator {
public:
    /// Falling verdicts come before pool changes, pool changes before rising verdicts.
    [[nodiscard]] CoordinatorActions handle(const CoordinatorEvent& event);

    /// Ineligible{Starting} for a name that is not known.
    [[nodiscard]] Verdict verdict(const VipName& vip) const;
    [[nodiscard]] Verdict verdict(const RouterName& router) const;
    /// Empty for a name that is not known.
    [[nodiscard]] const Pool& pool(const ServerName& server) const;
    /// Of the pools of the VIP together. A real server that two of its virtual servers have counts for both.
    [[nodiscard]] Weights weights(const VipName& vip) const;
    [[nodiscard]] const PoolFact& pool_fact(const ServerName& server) const;
    [[nodiscard]] const CheckFact& fact(const CheckName& check) const;
    [[nodiscard]] const std::set<DrainTarget>& drained() const { return drained_; }
    /// Every required dependence of every VIP has a first verdict: End-of-RIB may be sent.
    [[nodiscard]] bool all_decided() const { return undecided_.empty(); }

private:
    // What is "joining" came to what was Eligible and has no first verdict yet: it is not counted.
    struct Server {
        ServerPool pool;
        bool joining = false;  ///< its VIP
    };
    struct Vip {
        VipPolicy policy;
        std::set<CheckName> joining_checks;
        bool joining = false;            ///< its virtual router
        std::optional<Verdict> verdict;  ///< none yet: new
    };
    struct Router {
        RouterPolicy policy;
        std::set<CheckName> joining_checks;
        std::optional<Verdict> verdict;
    };
    /// What an event concerns.
    struct Concerned {
        std::set<Place> pools;  ///< that have changed
        std::set<Place> vips;
        std::set<Place> routers;
    };

    [[nodiscard]] Concerned on(const PoliciesChanged& event);
    [[nodiscard]] Concerned on(const HealthReported& event);
    [[nodiscard]] Concerned on(const SessionsReported& event);
    [[nodiscard]] Concerned on(const DrainRequested& event);

    [[nodiscard]] Server successor(const ServerPolicy& policy) const;
    [[nodiscard]] Vip successor(const VipPolicy& policy) const;
    [[nodiscard]] Router successor(const RouterPolicy& policy) const;
    [[nodiscard]] bool exists(const DrainTarget& target) const;
    [[nodiscard]] std::optional<std::size_t> index_of(Place server, const net::Endpoint& address) const;
    [[nodiscard]] bool learn(Place server, std::size_t index);
    void settle(Place server, Concerned& concerned);

    void evaluate_vip(Place place, CoordinatorActions& fallen, CoordinatorActions& risen);
    void evaluate_router(Place place, CoordinatorActions& fallen, CoordinatorActions& risen);
    void learn_about_node();
    void learn_about(const VipPolicy& vip);
    [[nodiscard]] bool is_known(const CheckName& check) const;
    [[nodiscard]] bool decided(Place vip) const;
    [[nodiscard]] Policy counted(Place vip) const;

    Dependences dependences_;
    // In the order of the policies.
    std::vector<Server> servers_;
    std::vector<Vip> vips_;
    std::vector<Router> routers_;
    /// Of checks and pools for all; its sessions and drain are those of the VIP that is looked at. Never
    /// copied: there may be ten thousand checks, and a verdict has to be on the wire in a millisecond.
    Facts facts_;
    std::set<DrainTarget> drained_;
    std::set<PeerName> established_;
    std::set<Place> undecided_;  ///< VIPs
};

[[nodiscard]] std::string describe(const DrainTarget& target);
[[nodiscard]] std::string describe(const PoliciesChanged&);
[[nodiscard]] std::string describe(const HealthReported& event);
[[nodiscard]] std::string describe(const SessionsReported& event);
[[nodiscard]] std::string describe(const DrainRequested& event);
[[nodiscard]] std::string describe(const VipVerdictChanged& action);
[[nodiscard]] std::string describe(const RouterVerdictChanged& action);
[[nodiscard]] std::string describe(const PoolChanged& action);

}  // namespace anyvip::vip
