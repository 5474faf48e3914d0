#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/names.hpp"
#include "anyvip/time.hpp"
#include "anyvip/vip/eligibility.hpp"
#include "anyvip/vip/flap_control.hpp"
#include "anyvip/vip/observation.hpp"
#include "anyvip/vip/standby.hpp"

/// The order in which a VIP comes up and goes down: product rule 1, and nothing else does.
///
///   up    services programmed and read back -> address present -> Eligible -> Announce
///   down  Withdraw -> routes sent -> propagation wait -> services -> (leaving for good) -> address
///
/// What leaves in order (drained, out of the configuration, with the daemon) says so first: the route stays for a
/// while with the community of RFC 8326, so that routers find another way before this one is gone. What is unhealthy
/// is withdrawn at once, and after that may be held back for a while (FlapControl), though not while it is known that
/// nobody else announces it. A standby announces only in the absence of others (Standby).
///
/// One Lifecycle per VIP, fed by the decision loop. What it wants of the kernel is a level with a generation:
/// SetServices and SetAddresses are answered by ServicesApplied and AddressesApplied, and an answer to an
/// older wish is ignored. What a service or an address is, it does not know.
///
/// Three kinds of VIP differ only in Config: a BGP VIP owns its address and announces; a VRRP VIP does
/// neither, its address follows the virtual router; a hybrid one announces while the virtual router is
/// Active with the VIP's address confirmed.
///
/// A route that is out stays out while the pool of an eligible VIP changes: a failed real server leaves at once.
/// When the verdict falls, pool changes wait until the routers have had time to turn elsewhere.
namespace anyvip::vip {

struct LifecycleConfig {
    bool announces = true;      ///< BGP takes part
    bool owns_address = true;   ///< the address follows the configuration, not VRRP
    bool needs_active = false;  ///< hybrid: only the Active router announces
    Duration propagation_wait{};
    /// How long a withdrawal may take to reach the transport of a peer that reads slowly.
    Duration send_timeout{};
    Duration graceful_shutdown{};  ///< before a withdrawal in order; 0: none
    FlapPolicy flaps{};
    std::optional<StandbyPolicy> standby{};
    friend bool operator==(const LifecycleConfig&, const LifecycleConfig&) = default;
};

using Generation = std::uint64_t;

// Events.
struct Configured {  ///< the VIP is in the configuration
    friend bool operator==(const Configured&, const Configured&) = default;
};
struct ConfigChanged {
    LifecycleConfig config;
    friend bool operator==(const ConfigChanged&, const ConfigChanged&) = default;
};
struct Leave {  ///< it left the configuration, or the daemon stops
    friend bool operator==(const Leave&, const Leave&) = default;
};
struct VerdictGiven {
    Verdict verdict;
    friend bool operator==(const VerdictGiven&, const VerdictGiven&) = default;
};
struct VrrpActive {  ///< the router is Active and the kernel has confirmed this VIP's address, or no longer
    bool active = false;
    friend bool operator==(const VrrpActive&, const VrrpActive&) = default;
};
struct OthersObserved {
    Others others;
    friend bool operator==(const OthersObserved&, const OthersObserved&) = default;
};
struct ServicesChanged {  ///< the desired pool differs from the one last asked for
    friend bool operator==(const ServicesChanged&, const ServicesChanged&) = default;
};
struct ServicesApplied {
    Generation generation = 0;
    std::optional<std::string> error;
    friend bool operator==(const ServicesApplied&, const ServicesApplied&) = default;
};
struct AddressesApplied {
    Generation generation = 0;
    std::optional<std::string> error;
    friend bool operator==(const AddressesApplied&, const AddressesApplied&) = default;
};
struct RoutesSent {  ///< every peer's transport has taken what was desired
    friend bool operator==(const RoutesSent&, const RoutesSent&) = default;
};
struct TimerExpired {
    friend bool operator==(const TimerExpired&, const TimerExpired&) = default;
};
using LifecycleEvent = std::variant<Configured, ConfigChanged, Leave, VerdictGiven, VrrpActive, OthersObserved,
                                    ServicesChanged, ServicesApplied, AddressesApplied, RoutesSent, TimerExpired>;

// Actions.
struct SetServices {
    Generation generation = 0;
    bool present = false;
    friend bool operator==(const SetServices&, const SetServices&) = default;
};
struct SetAddresses {
    Generation generation = 0;
    bool present = false;
    friend bool operator==(const SetAddresses&, const SetAddresses&) = default;
};
struct Announce {
    friend bool operator==(const Announce&, const Announce&) = default;
};
struct AnnounceGracefulShutdown {  ///< RFC 8326: the route is about to go
    friend bool operator==(const AnnounceGracefulShutdown&, const AnnounceGracefulShutdown&) = default;
};
/// Eligible and ready, but not announced before then, because it fell too often or not long ago.
struct HeldBack {
    TimePoint until;
    friend bool operator==(const HeldBack&, const HeldBack&) = default;
};
struct Withdraw {
    friend bool operator==(const Withdraw&, const Withdraw&) = default;
};
struct Removed {  ///< nothing of it is left; the object may go
    friend bool operator==(const Removed&, const Removed&) = default;
};
using LifecycleAction =
    std::variant<SetServices, SetAddresses, Announce, AnnounceGracefulShutdown, HeldBack, Withdraw, Removed>;
using LifecycleActions = std::vector<LifecycleAction>;

class Lifecycle {
public:
    /// Programming waits for the kernel; Ready could announce; GracefulShutdown announces that it will not for
    /// long; Withdrawing keeps the services until the routers have turned elsewhere; Removing waits for the kernel
    /// to let go.
    enum class State : std::uint8_t { Absent, Programming, Ready, Announced, GracefulShutdown, Withdrawing, Removing };

    explicit Lifecycle(const LifecycleConfig& config);

    [[nodiscard]] LifecycleActions handle(const LifecycleEvent& event, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] State state() const { return state_; }

    /// The kernel has services of this VIP and has refused none: a virtual router may take part. A change
    /// under way does not take that back.
    [[nodiscard]] bool services_ready() const {
        return services_.present && services_.answered != 0 && !services_.error;
    }
    /// What the kernel last refused, if what we want is still refused.
    [[nodiscard]] std::optional<std::string> kernel_error() const;
    [[nodiscard]] const LifecycleConfig& config() const { return config_; }
    [[nodiscard]] const FlapControl& flaps() const { return flaps_; }
    /// Not announced before then, for it fell too often or not long ago.
    [[nodiscard]] std::optional<TimePoint> held_until(TimePoint now) const;
    [[nodiscard]] const Others& others() const { return others_; }
    /// A standby that leaves the VIP to others, or does not know yet.
    [[nodiscard]] bool stands_by() const { return standby_ && !standby_->may_announce(); }

private:
    /// A wish of the kernel and its newest answer.
    struct Wish {
        Generation generation = 0;
        Generation answered = 0;
        bool present = false;
        std::optional<std::string> error;
        [[nodiscard]] bool answered_well() const { return answered == generation && !error; }
        [[nodiscard]] bool confirmed() const { return present && answered_well(); }
        [[nodiscard]] bool gone() const { return !present && answered_well(); }
        [[nodiscard]] bool refused() const { return answered == generation && error.has_value(); }
        void ask(bool wanted);
        void answer(Generation to, const std::optional<std::string>& refusal);
    };

    void on(const Configured&, TimePoint now, LifecycleActions& out);
    void on(const ConfigChanged& event, TimePoint now, LifecycleActions& out);
    void on(const Leave&, TimePoint now, LifecycleActions& out);
    void on(const VerdictGiven& event, TimePoint now, LifecycleActions& out);
    void on(const VrrpActive& event, TimePoint now, LifecycleActions& out);
    void on(const OthersObserved& event, TimePoint now, LifecycleActions& out);
    void on(const ServicesChanged&, TimePoint now, LifecycleActions& out);
    void on(const ServicesApplied& event, TimePoint now, LifecycleActions& out);
    void on(const AddressesApplied& event, TimePoint now, LifecycleActions& out);
    void on(const RoutesSent&, TimePoint now, LifecycleActions& out);
    void on(const TimerExpired&, TimePoint now, LifecycleActions& out);

    /// Moves on as far as what is known allows; called after every event.
    void settle(TimePoint now, LifecycleActions& out);
    [[nodiscard]] std::optional<State> step(TimePoint now, LifecycleActions& out);
    [[nodiscard]] std::optional<State> from_programming(LifecycleActions& out);
    [[nodiscard]] std::optional<State> from_ready(TimePoint now, LifecycleActions& out);
    [[nodiscard]] std::optional<State> from_announced(TimePoint now, LifecycleActions& out);
    [[nodiscard]] std::optional<State> from_graceful_shutdown(TimePoint now, LifecycleActions& out);
    [[nodiscard]] std::optional<State> from_withdrawing(TimePoint now, LifecycleActions& out);
    [[nodiscard]] std::optional<State> from_removing(LifecycleActions& out);

    [[nodiscard]] bool is_out() const { return state_ == State::Announced || state_ == State::GracefulShutdown; }
    [[nodiscard]] bool programmed() const;
    [[nodiscard]] bool wants_route() const;
    [[nodiscard]] bool leaves_in_order() const;
    [[nodiscard]] State withdraw(TimePoint now, LifecycleActions& out);
    void ask_services(bool present, LifecycleActions& out);
    void ask_addresses(bool present, LifecycleActions& out);

    LifecycleConfig config_;
    State state_ = State::Absent;
    std::optional<TimePoint> deadline_;  ///< of Ready (held back), GracefulShutdown and Withdrawing
    Verdict verdict_;
    bool vrrp_active_ = false;
    bool leaving_ = false;
    bool services_changed_ = false;  ///< while Withdrawing: ask again after it
    bool routes_sent_ = false;       ///< while Withdrawing: the propagation wait runs
    FlapControl flaps_;
    Others others_;
    std::optional<Standby> standby_;
    Wish services_;
    Wish addresses_;
};

[[nodiscard]] std::string describe(Lifecycle::State state);
[[nodiscard]] std::string describe(const Configured&);
[[nodiscard]] std::string describe(const ConfigChanged& event);
[[nodiscard]] std::string describe(const Leave&);
[[nodiscard]] std::string describe(const VerdictGiven& event);
[[nodiscard]] std::string describe(const VrrpActive& event);
[[nodiscard]] std::string describe(const OthersObserved& event);
[[nodiscard]] std::string describe(const ServicesChanged&);
[[nodiscard]] std::string describe(const ServicesApplied& event);
[[nodiscard]] std::string describe(const AddressesApplied& event);
[[nodiscard]] std::string describe(const RoutesSent&);
[[nodiscard]] std::string describe(const TimerExpired&);
[[nodiscard]] std::string describe(const SetServices& action);
[[nodiscard]] std::string describe(const SetAddresses& action);
[[nodiscard]] std::string describe(const Announce&);
[[nodiscard]] std::string describe(const AnnounceGracefulShutdown&);
[[nodiscard]] std::string describe(const HeldBack& action);
[[nodiscard]] std::string describe(const Withdraw&);
[[nodiscard]] std::string describe(const Removed&);

}  // namespace anyvip::vip
