#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/strong.hpp"
#include "anyvip/time.hpp"
#include "vrrp/advertisement.hpp"

/// One virtual router: the state machine of RFC 9568 §6.4, without sockets, clock and kernel.
///
/// The heartbeat loop owns one per (interface, VRID, family). It decodes what the raw socket received and feeds
/// AdvertisementReceived or AdvertisementDiscarded; the decision loop's verdicts arrive as Lease, the kernel loop's
/// answers as AddressesApplied. It performs the returned actions in order: SendAdvertisement by encoding
/// `advertisement(priority)` with `coverage()` once per destination, SetAddresses as mail to the kernel loop,
/// SendGratuitousArp by one frame per virtual address, StateChanged as mail to the decision loop.
///
/// Participation. Besides the RFC's states there are facts that forbid to take part at all: not started, interface
/// down, no source address, no fresh verdict, not eligible, the kernel refused the addresses. Any of them means
/// Initialize, with the reason; when the last one goes, the RFC's Startup event happens. What the owner of the
/// object must tell before anything happens: Startup, InterfaceUp, SourceChanged, and PriorityChanged or Lease.
///
/// Order (product rule "Order"): becoming Active is advertisement, addresses, and gratuitous ARP when the kernel has
/// confirmed the addresses; leaving by own will is priority 0, then removal; yielding is removal at once.
///
/// Timers bear the RFC's names. The caller drains its sockets and its mail before it feeds TimerExpired; an
/// Active_Down_Timer that is seen too late all the same proves only that we slept, and is re-armed once.
///
/// Version 2 (RFC 3768) differs in Skew_Time, in using its own interval only, and in not answering an Active Router
/// that loses.
///
/// Beyond the RFC: preempt_delay, unicast peers, the delayed second burst of gratuitous ARP, answering a
/// priority change with an advertisement at once.
/// Not implemented: Accept_Mode false; the virtual router MAC address (addresses keep the interface's, as
/// keepalived does by default); a raised priority for a sticky Active; sync groups.
namespace anyvip::vrrp {

/// What SetAddresses asked for; its answer carries it back, and only the newest counts.
using Generation = Strong<std::uint64_t, struct GenerationTag>;

/// What does not change while the object lives.
struct Identity {
    VirtualRouterId virtual_router_id{1};
    net::Family family = net::Family::Ipv4;
    friend auto operator<=>(const Identity&, const Identity&) = default;
};

/// Which checksum to send in version 3 over IPv4. Automatic begins with the pseudo-header, since keepalived (2.2.7
/// by default) and FRR discard anything else, and then does as the last router heard did, so that it also gets
/// along with those that follow RFC 9568 §5.2.8 to the letter.
enum class ChecksumChoice : std::uint8_t { Automatic, WithPseudoHeader, MessageOnly };

struct Config {
    Version version = Version::V3;
    /// The base that weights are applied to. The core uses what Lease and PriorityChanged say.
    Priority priority{100};
    /// Version 3: 10 ms to 40.95 s in steps of 10 ms; version 2: whole seconds, 1 s to 255 s.
    Duration advertise_interval = std::chrono::seconds{1};
    bool preempt = true;
    /// How long a less preferred Active is left alone after it was first heard. 0: not at all.
    Duration preempt_delay{};
    /// At least one, of the identity's family, in the order in which they are advertised.
    std::vector<net::IpAddress> addresses;
    /// For the shell: where advertisements come from; none: one of the interface's own (IPv6: link-local).
    std::optional<net::IpAddress> source;
    /// For the shell: unicast peers; empty: multicast.
    std::vector<net::IpAddress> peers;
    ChecksumChoice checksum = ChecksumChoice::Automatic;
    /// How often every address is announced when we become Active, and again after garp_delay.
    std::uint8_t garp_repeat = 5;
    Duration garp_delay = std::chrono::seconds{5};  ///< 0: no second burst
    /// How long the kernel may take to confirm the addresses; above 0.
    Duration apply_timeout = std::chrono::seconds{2};
    friend bool operator==(const Config&, const Config&) = default;
};

/// What decode() is to compare a packet with.
[[nodiscard]] Expected expected(const Identity& identity, const Config& config);

enum class Cause : std::uint8_t {
    // Why we do not take part.
    NotStarted,
    ShutDown,
    InterfaceDown,
    NoSourceAddress,
    NoVerdict,        ///< nobody has said yet that we are eligible
    VerdictsStalled,  ///< the lease has run out
    Ineligible,
    ApplyFailed,   ///< the kernel refused the addresses
    ApplyTimeout,  ///< the kernel did not answer in apply_timeout
    // Why we do.
    StartedAsBackup,
    StartedAsAddressOwner,
    ActiveDownTimerExpired,
    // Why we yielded.
    HigherPriority,
    HigherAddress,
};

struct Reason {
    Cause cause = Cause::NotStarted;
    std::string detail{};  ///< the verdict's reason or the kernel's words, where there are any
    friend bool operator==(const Reason&, const Reason&) = default;
};

// ---- States (§6.4). Each carries its timers, so that no timer outlives its state.

struct Initialize {
    Reason reason;
    friend bool operator==(const Initialize&, const Initialize&) = default;
};

struct Backup {
    TimePoint active_down_timer;
    Duration active_adver_interval{};
    /// Part of the running Active_Down_Timer, which moves with it when our priority changes.
    Duration skew_time{};
    /// Who is Active, once heard.
    std::optional<net::IpAddress> active_router;
    /// Set by the first advertisement of a less preferred Active when there is a preempt_delay.
    std::optional<TimePoint> preempt_delay_timer;
    /// The Active_Down_Timer was seen too late and has been given one more interval.
    bool rearmed_after_late_wakeup = false;
    friend bool operator==(const Backup&, const Backup&) = default;
};

struct Active {
    TimePoint adver_timer;
    /// What the last advertisement said; a change is advertised at once.
    Priority advertised;
    /// Runs until the kernel has confirmed the addresses.
    std::optional<TimePoint> apply_timer;
    /// The second burst of gratuitous ARP.
    std::optional<TimePoint> garp_timer;
    friend bool operator==(const Active&, const Active&) = default;
};

using State = std::variant<Initialize, Backup, Active>;
enum class StateName : std::uint8_t { Initialize, Backup, Active };

// ---- Events

struct Startup {
    friend bool operator==(const Startup&, const Startup&) = default;
};
struct Shutdown {
    friend bool operator==(const Shutdown&, const Shutdown&) = default;
};
struct TimerExpired {
    friend bool operator==(const TimerExpired&, const TimerExpired&) = default;
};
struct AdvertisementReceived {
    net::IpAddress source;
    Advertisement advertisement;
    ChecksumCoverage coverage = ChecksumCoverage::WithPseudoHeader;
    friend bool operator==(const AdvertisementReceived&, const AdvertisementReceived&) = default;
};
/// A packet for this virtual router that decode() refused; it is counted.
struct AdvertisementDiscarded {
    DiscardReason reason = DiscardReason::Truncated;
    friend bool operator==(const AdvertisementDiscarded&, const AdvertisementDiscarded&) = default;
};
/// The effective priority, after all weights; none: Ineligible.
struct PriorityChanged {
    std::optional<Priority> priority;
    std::string reason;  ///< why Ineligible
    friend bool operator==(const PriorityChanged&, const PriorityChanged&) = default;
};
/// The same with an end: when TimerExpired finds it past, we are Ineligible ("verdicts stalled").
struct Lease {
    std::optional<Priority> priority;
    std::string reason;
    TimePoint expires_at;
    friend bool operator==(const Lease&, const Lease&) = default;
};
/// The kernel's answer to SetAddresses. Given again for a generation already confirmed, it means that the addresses
/// were repaired (announced again) or could not be.
struct AddressesApplied {
    Generation generation;
    std::optional<std::string> error;
    friend bool operator==(const AddressesApplied&, const AddressesApplied&) = default;
};
/// After ApplyFailed or ApplyTimeout: try again.
struct Retry {
    friend bool operator==(const Retry&, const Retry&) = default;
};
struct InterfaceUp {
    friend bool operator==(const InterfaceUp&, const InterfaceUp&) = default;
};
struct InterfaceDown {
    friend bool operator==(const InterfaceDown&, const InterfaceDown&) = default;
};
/// The address that our advertisements come from; it breaks ties. None: we cannot send.
struct SourceChanged {
    std::optional<net::IpAddress> source;
    friend bool operator==(const SourceChanged&, const SourceChanged&) = default;
};
struct ConfigChanged {
    Config config;
    /// Which addresses there are, or something about them that the core does not know: a prefix length, a scope. An
    /// Active Router then wants them anew.
    bool addresses_changed = false;
    friend bool operator==(const ConfigChanged&, const ConfigChanged&) = default;
};

using Event =
    std::variant<Startup, Shutdown, TimerExpired, AdvertisementReceived, AdvertisementDiscarded, PriorityChanged, Lease,
                 AddressesApplied, Retry, InterfaceUp, InterfaceDown, SourceChanged, ConfigChanged>;

// ---- Actions

/// `advertisement(priority)`, to the multicast group or to every peer.
struct SendAdvertisement {
    Priority priority;
    friend bool operator==(const SendAdvertisement&, const SendAdvertisement&) = default;
};
/// A level, not a command: all of the configured addresses, or none. Until the first one the level is "none".
struct SetAddresses {
    Generation generation;
    bool present = false;
    friend bool operator==(const SetAddresses&, const SetAddresses&) = default;
};
/// One gratuitous ARP or unsolicited Neighbor Advertisement for each of the configured addresses.
struct SendGratuitousArp {
    friend bool operator==(const SendGratuitousArp&, const SendGratuitousArp&) = default;
};
struct StateChanged {
    StateName from = StateName::Initialize;
    StateName to = StateName::Initialize;
    Reason reason;
    friend bool operator==(const StateChanged&, const StateChanged&) = default;
};

using Action = std::variant<SendAdvertisement, SetAddresses, SendGratuitousArp, StateChanged>;
using Actions = std::vector<Action>;

/// For status and metrics; they survive everything but the object.
struct Counters {
    std::uint64_t advertisements_sent = 0;
    std::uint64_t advertisements_received = 0;
    std::uint64_t priority_zero_sent = 0;
    std::uint64_t priority_zero_received = 0;
    std::uint64_t became_active = 0;
    std::uint64_t became_backup = 0;
    std::uint64_t became_initialize = 0;
    /// While Active: advertisements of another Active Router that lost against us.
    std::uint64_t losing_advertisements = 0;
    std::uint64_t late_wakeups = 0;
    std::uint64_t apply_errors = 0;
    std::uint64_t apply_timeouts = 0;
    std::array<std::uint64_t, discard_reasons> discarded{};  ///< by DiscardReason
    friend bool operator==(const Counters&, const Counters&) = default;
};

class VirtualRouter {
public:
    VirtualRouter(Identity identity, Config config);

    [[nodiscard]] Actions handle(const Event& event, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] const State& state() const { return state_; }
    [[nodiscard]] StateName state_name() const;

    /// What SendAdvertisement{priority} stands for now.
    [[nodiscard]] Advertisement advertisement(Priority priority) const;
    [[nodiscard]] ChecksumCoverage coverage() const;

    [[nodiscard]] const Identity& identity() const { return identity_; }
    [[nodiscard]] const Config& config() const { return config_; }
    [[nodiscard]] const Counters& counters() const { return counters_; }
    /// The effective priority; none while there is no verdict or it is Ineligible.
    [[nodiscard]] std::optional<Priority> priority() const { return facts_.priority; }
    [[nodiscard]] std::optional<net::IpAddress> source() const { return facts_.source; }

private:
    /// What is known of the world outside the RFC's machine: updated by events whatever the state is.
    struct Facts {
        bool started = false;
        bool shut_down = false;
        bool interface_up = false;
        std::optional<net::IpAddress> source;
        std::optional<Priority> priority;  ///< none if and only if `ineligible`
        std::optional<Reason> ineligible = Reason{Cause::NoVerdict, {}};
        std::optional<TimePoint> lease_expires_at;
        std::optional<Reason> apply_fault;
        std::optional<ChecksumCoverage> coverage_heard;
    };

    void note(const Event& event);
    void note_verdict(const std::optional<Priority>& priority, const std::string& reason);
    void note_applied(const AddressesApplied& event);
    [[nodiscard]] std::optional<Reason> obstacle(const Event& event, TimePoint now) const;
    [[nodiscard]] bool is_lease_over(const Event& event, TimePoint now) const;

    // The transitions.
    [[nodiscard]] Actions start(TimePoint now);
    [[nodiscard]] Actions leave(const Reason& reason);
    [[nodiscard]] Actions become_active(Cause cause, TimePoint now);
    [[nodiscard]] Actions yield(const AdvertisementReceived& event, Cause cause, TimePoint now);

    // One handler per state and event that means something there.
    [[nodiscard]] Actions received(Backup backup, const AdvertisementReceived& event, TimePoint now);
    [[nodiscard]] Actions expired(Backup backup, TimePoint now);
    [[nodiscard]] Actions reprioritised(Backup backup, TimePoint now);
    [[nodiscard]] Actions reconfigured(Backup backup, TimePoint now);
    [[nodiscard]] Actions received(Active active, const AdvertisementReceived& event, TimePoint now);
    [[nodiscard]] Actions expired(Active active, TimePoint now);
    [[nodiscard]] Actions reprioritised(Active active, TimePoint now);
    [[nodiscard]] Actions reconfigured(Active active, const ConfigChanged& event, TimePoint now);
    [[nodiscard]] Actions applied(Active active, const AddressesApplied& event, TimePoint now);
    [[nodiscard]] Actions contested(Active active, TimePoint now);

    [[nodiscard]] bool listens_to(Backup& backup, const Advertisement& advertisement, TimePoint now) const;
    [[nodiscard]] bool discarded(const AdvertisementReceived& event);
    [[nodiscard]] Backup backup_of(Duration active_adver_interval, TimePoint now) const;
    [[nodiscard]] Duration interval_of(const Advertisement& advertisement) const;
    [[nodiscard]] Duration skew_time(Duration active_adver_interval) const;

    // Each makes the action and keeps the books.
    [[nodiscard]] SendAdvertisement send(Priority priority);
    [[nodiscard]] SetAddresses set_addresses(bool present);
    [[nodiscard]] StateChanged change_state(State next, const Reason& reason);
    void discard(DiscardReason reason);

    Identity identity_;
    Config config_;
    Facts facts_;
    State state_ = Initialize{};
    Generation generation_{0};
    Counters counters_;
};

[[nodiscard]] std::string_view describe(StateName name);
[[nodiscard]] std::string_view describe(ChecksumChoice choice);
[[nodiscard]] std::string_view describe(Cause cause);
[[nodiscard]] std::string describe(const Reason& reason);
[[nodiscard]] std::string describe(const Identity& identity);

[[nodiscard]] std::string describe(const Initialize& state);
[[nodiscard]] std::string describe(const Backup& state);
[[nodiscard]] std::string describe(const Active& state);

[[nodiscard]] std::string describe(const Startup& event);
[[nodiscard]] std::string describe(const Shutdown& event);
[[nodiscard]] std::string describe(const TimerExpired& event);
[[nodiscard]] std::string describe(const AdvertisementReceived& event);
[[nodiscard]] std::string describe(const AdvertisementDiscarded& event);
[[nodiscard]] std::string describe(const PriorityChanged& event);
[[nodiscard]] std::string describe(const Lease& event);
[[nodiscard]] std::string describe(const AddressesApplied& event);
[[nodiscard]] std::string describe(const Retry& event);
[[nodiscard]] std::string describe(const InterfaceUp& event);
[[nodiscard]] std::string describe(const InterfaceDown& event);
[[nodiscard]] std::string describe(const SourceChanged& event);
[[nodiscard]] std::string describe(const ConfigChanged& event);

[[nodiscard]] std::string describe(const SendAdvertisement& action);
[[nodiscard]] std::string describe(const SetAddresses& action);
[[nodiscard]] std::string describe(const SendGratuitousArp& action);
[[nodiscard]] std::string describe(const StateChanged& action);

}  // namespace anyvip::vrrp
