#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/config/config.hpp"
#include "anyvip/config/load.hpp"
#include "anyvip/deadlines.hpp"
#include "anyvip/names.hpp"
#include "anyvip/random.hpp"
#include "anyvip/strong.hpp"
#include "anyvip/time.hpp"
#include "anyvip/vip/capacity.hpp"
#include "anyvip/vip/coordinator.hpp"
#include "anyvip/vip/lifecycle.hpp"
#include "bgp/link_neighbor.hpp"
#include "bgp/peer.hpp"
#include "daemon/mail.hpp"
#include "daemon/observers.hpp"
#include "daemon/status.hpp"
#include "daemon/translate.hpp"

/// The decision loop without its I/O: the coordinator, one lifecycle per VIP, one bgp::Peer per peer, and the
/// requests of `anyvip`.
///
/// The way of a failed check: HealthChanged (mail) -> Coordinator -> VipVerdictChanged -> Lifecycle -> Withdraw
/// -> RoutesChanged -> Peer -> Send. All of it happens within one handle(), and what goes to the peers stands
/// in front of the letters to other loops.
///
/// A reload is a difference (product rule 4): what is equal before and after hears nothing of it. What a VIP
/// is (address, interface, how it is announced) cannot change under way: such a VIP leaves and comes anew.
///
/// A peer with a range has an instance for each address that connects (bgp/peer_range.hpp). It goes when it has had no
/// connection for `instance_linger`, or when a reload leaves its range without it; what needs its place may have it
/// as soon as it has no connection. An unnumbered peer has the address of the router that its link::Neighbor hears, and
/// is passive while there is none.
///
/// A peer with graceful restart is started when it is known what a former run has left: only then our OPEN can say
/// whether it may keep what it has of us (RFC 4724 §4.1). End-of-RIB waits for the first verdicts: what has failed
/// meanwhile goes with it.
///
/// Three files: decision.cpp is the order of things (configuration, verdicts, leases, stopping), decision_peers.cpp the
/// peers and their routes, decision_status.cpp what is answered when somebody asks.
///
/// Stopping: virtual routers leave (priority 0), VIPs are withdrawn, wait, give up services and addresses;
/// and nothing of a former run is left over; then the peers get their Cease. `stop_timeout` ends it, whatever is
/// still missing.
namespace anyvip::daemon {

/// A conversation on the control socket that waits for an answer; given by the shell.
using ClientId = Strong<std::uint64_t, struct ClientIdTag>;

// Events: mail, and from the shell:
/// Loaded and validated elsewhere. The first one starts everything, later ones are reloads.
struct ConfigLoaded {
    std::expected<config::Config, std::vector<config::Error>> result;
    std::optional<ClientId> client;  ///< who asked; none: SIGHUP or the start
};
struct StopRequested {
    std::string why;
    friend bool operator==(const StopRequested&, const StopRequested&) = default;
};
struct PeerEvent {
    PeerName peer;
    bgp::Event event;
    friend bool operator==(const PeerEvent&, const PeerEvent&) = default;
};
struct LinkPacket {  ///< what a router on the link of an unnumbered peer says
    net::InterfaceName interface;
    bgp::link::PacketReceived packet;
    friend bool operator==(const LinkPacket&, const LinkPacket&) = default;
};
struct StatusRequested {
    ClientId client;
    friend bool operator==(const StatusRequested&, const StatusRequested&) = default;
};
struct RoutesRequested {
    ClientId client;
    friend bool operator==(const RoutesRequested&, const RoutesRequested&) = default;
};
struct DrainCommand {
    ClientId client;
    vip::DrainTarget target;
    bool drain = true;
    friend bool operator==(const DrainCommand&, const DrainCommand&) = default;
};
struct DecisionTimerExpired {
    friend bool operator==(const DecisionTimerExpired&, const DecisionTimerExpired&) = default;
};

// Actions: mail, and to the shell:
struct PeerAction {
    PeerName peer;
    bgp::Action action;
    friend bool operator==(const PeerAction&, const PeerAction&) = default;
};
/// Where to listen and whom to expect: a level.
struct ConfigureSpeaker {
    std::vector<net::IpAddress> listen;
    std::uint16_t port = 179;
    std::map<PeerName, bgp::PeerConfig> peers;
    std::set<net::IpAddress> vips;  ///< no session speaks from one (product rule 11)
    friend bool operator==(const ConfigureSpeaker&, const ConfigureSpeaker&) = default;
};
/// The interfaces on which routers are listened for, as they are now: a level.
struct ConfigureLinks {
    std::map<net::InterfaceName, net::InterfaceIndex> links;
    friend bool operator==(const ConfigureLinks&, const ConfigureLinks&) = default;
};
struct SendLinkPacket {
    net::InterfaceName interface;
    bgp::link::SendPacket packet;
    friend bool operator==(const SendLinkPacket&, const SendLinkPacket&) = default;
};
struct ReplyStatus {
    ClientId client;
    Status status;
};
struct ReplyRoutes {
    ClientId client;
    Routes routes;
};
struct ReplyDone {
    ClientId client;
    std::optional<std::string> error;
    std::string text;
    friend bool operator==(const ReplyDone&, const ReplyDone&) = default;
};
enum class NoticeKind : std::uint8_t {
    Started,
    Reloaded,
    ReloadRefused,
    VerdictChanged,
    VipStateChanged,
    VipHeldBack,
    VipOthersChanged,  ///< who else announces it
    PeerStateChanged,
    PeerConnectionRefused,
    PeerMaxPrefixes,
    PeerBfdChanged,
    PeerNeighborChanged,  ///< of an unnumbered peer
    PeerNeighborIgnored,  ///< another router on its link
    RouterStateChanged,
    CheckChanged,
    ConfigWarning,
    SpeakerRefused,  ///< an address that cannot be listened on, a key that cannot be set
    SpeakerRecovered,
    SocketFailed,  ///< of a virtual router or of BFD
    LogLost,
    KernelRefused,
    Repaired,
    Drained,
    Undrained,
    Stopping,
    Stopped,
};
/// A line of the log: what happened to what, and why (product rule 12).
struct Notice {
    NoticeKind kind{};
    std::string subject;  ///< "vip=www"
    std::string detail;
    friend bool operator==(const Notice&, const Notice&) = default;
};
/// The daemon is running: sd_notify READY.
struct Ready {
    friend bool operator==(const Ready&, const Ready&) = default;
};
struct StopFinished {
    bool complete = false;  ///< false: stop_timeout ended it
    friend bool operator==(const StopFinished&, const StopFinished&) = default;
};

class Decision {
public:
    using Event = std::variant<DecisionMail, ConfigLoaded, StopRequested, PeerEvent, LinkPacket, StatusRequested,
                               RoutesRequested, DrainCommand, DecisionTimerExpired>;
    using Action = std::variant<PeerAction, ConfigureSpeaker, ConfigureLinks, SendLinkPacket, ReplyStatus, ReplyRoutes,
                                ReplyDone, Notice, Ready, StopFinished, HeartbeatMail, ChecksMail, KernelMail>;
    using Actions = std::vector<Action>;
    using TimerExpired = DecisionTimerExpired;

    explicit Decision(Random random) : random_{random} {}

    [[nodiscard]] Actions handle(const Event& event, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

private:
    /// How long an instance of a range is kept without a connection: a session that comes back finds its counters, and
    /// the longest pause after an error cannot be cut short by coming as somebody new.
    static constexpr Duration instance_linger = bgp::max_idle_hold;
    static constexpr Duration bfd_farewell = std::chrono::seconds{1};
    /// End-of-RIB is not held back for ever by a check that never comes to a verdict.
    static constexpr Duration initial_verdicts_timeout = std::chrono::seconds{10};
    /// Nor is the first OPEN of a peer with graceful restart by a kernel loop that does not say what it found.
    static constexpr Duration former_run_timeout = std::chrono::seconds{1};

    struct Vip {
        Vip(std::shared_ptr<const config::Vip> wanted, const vip::LifecycleConfig& lifecycle_config)
            : config{std::move(wanted)}, lifecycle{lifecycle_config} {}

        std::shared_ptr<const config::Vip> config;  ///< in the Config that it was last configured by
        vip::Lifecycle lifecycle;
        Announcement announcement = Announcement::None;
        bool routes_pending = false;              ///< RoutesSent is due once no peer has it in `unsent`
        std::size_t unsent_by = 0;                ///< peers that have
        bool holds_end_of_rib = false;            ///< what it is going to announce at first is not out yet
        DesiredServices services;                 ///< last asked for
        std::shared_ptr<const config::Vip> next;  ///< comes when this one is gone
        std::optional<std::string> kernel_error;
    };
    struct Peer {
        bgp::Peer core;
        bool leaving = false;
        bool waits = false;  ///< for former_run_, before its first OPEN
        std::set<net::Prefix> watched = {};
        std::set<VipName> unsent = {};                  ///< whose withdrawal it has not taken
        std::optional<TimePoint> connected_until = {};  ///< an instance without a connection
    };
    /// A peer that is a range: what there is to say of it beside its instances.
    struct Range {
        std::uint64_t refused = 0;
        std::optional<std::string> last_error = {};
        TimePoint last_error_at = {};
        std::optional<std::string> said = {};  ///< in the log, since somebody was admitted
    };
    /// Of an unnumbered peer.
    struct Link {
        PeerName peer;
        bgp::link::Neighbor core;
    };
    struct Router {
        vrrp::StateName state = vrrp::StateName::Initialize;
        vrrp::Reason reason;
        std::set<net::IpAddress> serving;  ///< confirmed by the kernel
        std::optional<vrrp::Lease> sent;   ///< newest lease
    };

    /// What the actions of one event of a peer amount to.
    struct PeerNews {
        bool sent = false;
        bool session_changed = false;
        bool had_its_say = false;
        std::set<net::Prefix> watched = {};
    };
    /// What one handle() collects. Packets to peers go first.
    struct Turn {
        TimePoint now;
        Actions wire;
        Actions rest;
        std::vector<bgp::RouteChange> routes = {};
        std::set<VipName> withdrawn = {};
        std::set<RouterName> routers = {};  ///< whose lease may be another one now
        bool neighbors_changed = false;     ///< unnumbered peers have other addresses now
    };

    void on(const DecisionMail& mail, Turn& turn);
    void on(const ConfigLoaded& event, Turn& turn);
    void on(const StopRequested& event, Turn& turn);
    void on(const PeerEvent& event, Turn& turn);
    void on(const LinkPacket& event, Turn& turn);
    void on(const StatusRequested& event, Turn& turn);
    void on(const RoutesRequested& event, Turn& turn);
    void on(const DrainCommand& event, Turn& turn);
    void on(const DecisionTimerExpired&, Turn& turn);
    void read(const HealthChanged& mail, Turn& turn);
    void read(const RouterStateChanged& mail, Turn& turn);
    void read(const RouterServing& mail, Turn& turn);
    void read(const RoutersStopped&, Turn& turn);
    void read(const BfdStateChanged& mail, Turn& turn);
    void read(const LinkLocalChanged& mail, Turn& turn);
    void read(const VipAddressesApplied& mail, Turn& turn);
    void read(const ServicesApplied& mail, Turn& turn);
    void read(const Adopted& mail, Turn& turn);
    void read(const FormerRunFound& mail, Turn& turn);
    void read(const Repaired& mail, Turn& turn);
    void read(const ChecksSnapshot& mail, Turn& turn);
    void read(const BfdSnapshot& mail, Turn& turn);
    void read(const RoutersSnapshot& mail, Turn& turn);

    // Configuration.
    void adopt(Adopt wish, Turn& turn);
    void take(config::Config config);
    [[nodiscard]] std::shared_ptr<const config::Vip> shared(const config::Vip& vip) const;
    void start(const config::Config& config, Turn& turn);
    void reload(const config::Config& config, const std::optional<ClientId>& client, Turn& turn);
    void configure_links(Turn& turn);
    void configure_peers(Turn& turn);
    void configure_bfd(Turn& turn);
    void release_vips(Turn& turn);
    void configure_vips(Turn& turn);
    void configure_routers(Turn& turn);
    void add_vip(const config::Vip& vip, Turn& turn);

    // Verdicts and order.
    void coordinate(const vip::CoordinatorEvent& event, Turn& turn);
    void perform(const vip::VipVerdictChanged& action, Turn& turn);
    void perform(const vip::RouterVerdictChanged& action, Turn& turn);
    void perform(const vip::PoolChanged& action, Turn& turn);
    void feed(const VipName& name, const vip::LifecycleEvent& event, Turn& turn);
    void perform(Vip& vip, const vip::SetServices& action, Turn& turn);
    void perform(Vip& vip, const vip::SetAddresses& action, Turn& turn);
    void perform(Vip& vip, const vip::Announce& action, Turn& turn);
    void perform(Vip& vip, const vip::AnnounceGracefulShutdown& action, Turn& turn);
    void perform(Vip& vip, const vip::HeldBack& action, Turn& turn);
    void perform(Vip& vip, const vip::Withdraw& action, Turn& turn);
    void perform(Vip& vip, const vip::Removed& action, Turn& turn);
    void note_kernel_error(Vip& vip, Turn& turn);
    void refresh_services(Vip& vip, Turn& turn);
    [[nodiscard]] DesiredServices services_of(const Vip& vip) const;

    // Peers.
    void feed_peer(const PeerName& name, const bgp::Event& event, Turn& turn);
    void take_note(const PeerName& name, const bgp::Action& action, PeerNews& news, Turn& turn);
    void look_for_others(const PeerName& name, const PeerNews& news, Turn& turn);
    void watch_routes(Turn& turn);
    void watch_routes(const PeerName& name, Turn& turn);
    void tell_others(const Observers::News& news, Turn& turn);
    void start_peer(const PeerName& name, Turn& turn);
    void start_waiting_peers(Turn& turn);
    [[nodiscard]] bgp::OwnRestart own_restart(const bgp::PeerConfig& peer, TimePoint now) const;
    void end_peer(const PeerName& name, Turn& turn);
    void add_peer(const PeerName& name, const bgp::PeerConfig& config, Turn& turn);
    [[nodiscard]] std::optional<bgp::PeerConfig> wanted(const PeerName& name, const bgp::Peer& peer) const;
    [[nodiscard]] std::vector<PeerName> instances_of(const PeerName& range) const;
    [[nodiscard]] const bgp::PeerConfig* range_of(const PeerName& name, const net::IpAddress& address) const;
    void read_of_stranger(const PeerEvent& event, Turn& turn);
    void admit(const PeerName& name, const bgp::ConnectionOpened& opened, Turn& turn);
    [[nodiscard]] bool make_room(const bgp::PeerConfig& range, Turn& turn);
    void turn_away(const PeerName& name, const std::string& reason, Turn& turn);
    void forget_instances(Turn& turn);
    void feed_link(const net::InterfaceName& interface, const bgp::link::Event& event, Turn& turn);
    void open_links(Turn& turn);
    void follow_interface(const net::InterfaceName& interface, Turn& turn);
    void follow_neighbors(Turn& turn);
    [[nodiscard]] bgp::PeerConfig with_neighbor(bgp::PeerConfig config) const;
    [[nodiscard]] std::optional<PeerStatus::Link> link_status(const PeerName& peer) const;
    [[nodiscard]] ConfigureBfd wanted_bfd() const;
    [[nodiscard]] std::vector<PeerRangeStatus> range_status() const;
    void expect_to_be_sent(Vip& vip);
    void forget_capacity(const VipName& vip);
    void follow_capacity(const config::Vip& vip, Turn& turn);
    void weigh(const Vip& vip, Turn& turn);
    void expire_capacities(Turn& turn);
    [[nodiscard]] std::uint64_t capacity_of(const Vip& vip) const;
    [[nodiscard]] std::optional<vip::Capacity> find_capacity(const VipName& vip) const;
    [[nodiscard]] std::optional<bgp::RouteAttributes> attributes_for(const PeerName& peer,
                                                                     const net::Prefix& prefix) const;
    void announce(Vip& vip, Announcement announcement, Turn& turn);
    void route_changed(const Vip& vip, Turn& turn);
    [[nodiscard]] Announcement announcement_of(const net::Prefix& prefix) const;
    void flush_routes(Turn& turn);
    void tell_if_sent(const VipName& name, Turn& turn);
    void take_count(const VipName& name, Vip& vip);
    void forget(std::map<VipName, Vip>::iterator vip);
    void report_sessions(Turn& turn);
    void complete_initial_routes(Turn& turn);

    // Leases, stopping, status.
    void renew_leases(Turn& turn);
    [[nodiscard]] vrrp::Lease lease_for(const config::VirtualRouter& router, TimePoint now) const;
    void proceed_with_stop(Turn& turn);
    [[nodiscard]] std::string unfinished() const;
    void answer_status(Turn& turn);
    [[nodiscard]] Status status(TimePoint now) const;
    [[nodiscard]] Routes routes(TimePoint now) const;
    [[nodiscard]] std::optional<PeerStatus::Bfd> bfd_status(const PeerName& peer) const;
    [[nodiscard]] bool exists(const vip::DrainTarget& target) const;

    Random random_;
    /// None: the first has not come. Shared with those VIPs alone that it configured and no later one did.
    std::shared_ptr<const config::Config> config_;
    std::map<VipName, std::vector<ServerSetup>> servers_;  ///< of config_
    vip::Coordinator coordinator_;
    std::map<VipName, Vip> vips_;
    Deadlines<VipName> vip_deadlines_;
    std::size_t programming_ = 0;                        ///< VIPs that hold back End-of-RIB
    std::map<net::Prefix, std::set<VipName>> covering_;  ///< whose route is a `prefix`
    std::map<VipName, vip::Capacity> capacities_;        ///< of those VIPs that tell theirs
    Deadlines<VipName> capacity_deadlines_;
    bgp::RouteTable routes_;          ///< outlives the peers
    std::map<PeerName, Peer> peers_;  ///< and the instances of ranges
    Deadlines<PeerName> peer_deadlines_;
    std::map<PeerName, Range> ranges_;
    std::map<net::InterfaceName, Link> links_;
    std::map<net::InterfaceName, LinkLocalChanged> link_locals_;  ///< of all interfaces
    ConfigureLinks open_links_;
    std::map<RouterName, Router> routers_;
    Observers observers_;
    std::optional<ConfigureSpeaker> speaker_;
    ConfigureBfd bfd_;
    std::map<PeerName, TimePoint> bfd_farewells_;  ///< until when it has those of peers that we left
    std::vector<RouterSetup> router_setups_;
    std::vector<config::Check> checks_;
    /// The newest Adopt, and what the kernel loop said to it.
    struct Adoption {
        Generation generation = 0;
        std::optional<std::string> shortfall = "the kernel loop is silent";
    };
    Adoption adoption_;
    std::optional<FormerRunFound> former_run_;
    bool initial_routes_complete_ = false;
    TimePoint started_at_;
    std::optional<TimePoint> lease_renewal_;

    enum class Stage : std::uint8_t { Running, LeavingRouters, LeavingVips, Stopped };
    Stage stage_ = Stage::Running;
    std::optional<TimePoint> stop_deadline_;

    /// A status is answered when both loops have sent theirs, or shows what it has after a while.
    struct PendingStatus {
        std::vector<ClientId> clients;
        std::optional<ChecksSnapshot> checks;
        std::optional<BfdSnapshot> bfd;
        std::optional<RoutersSnapshot> routers;
        TimePoint deadline;
    };
    std::optional<PendingStatus> pending_status_;
};

[[nodiscard]] std::string describe(NoticeKind kind);
[[nodiscard]] std::string describe(const ConfigLoaded& event);
[[nodiscard]] std::string describe(const StopRequested& event);
[[nodiscard]] std::string describe(const PeerEvent& event);
[[nodiscard]] std::string describe(const LinkPacket& event);
[[nodiscard]] std::string describe(const StatusRequested& event);
[[nodiscard]] std::string describe(const RoutesRequested& event);
[[nodiscard]] std::string describe(const DrainCommand& event);
[[nodiscard]] std::string describe(const DecisionTimerExpired& event);
[[nodiscard]] std::string describe(const PeerAction& action);
[[nodiscard]] std::string describe(const ConfigureSpeaker& action);
[[nodiscard]] std::string describe(const ConfigureLinks& action);
[[nodiscard]] std::string describe(const SendLinkPacket& action);
[[nodiscard]] std::string describe(const ReplyStatus& action);
[[nodiscard]] std::string describe(const ReplyRoutes& action);
[[nodiscard]] std::string describe(const ReplyDone& action);
[[nodiscard]] std::string describe(const Notice& action);
[[nodiscard]] std::string describe(const Ready& action);
[[nodiscard]] std::string describe(const StopFinished& action);

}  // namespace anyvip::daemon
