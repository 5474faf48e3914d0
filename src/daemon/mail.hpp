#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/config/config.hpp"
#include "anyvip/health/check.hpp"
#include "anyvip/ipvs/table.hpp"
#include "anyvip/kernel/address_table.hpp"
#include "anyvip/kernel/link_table.hpp"
#include "anyvip/names.hpp"
#include "anyvip/net/mac_address.hpp"
#include "anyvip/time.hpp"
#include "anyvip/vip/coordinator.hpp"
#include "bgp/bfd/encapsulation.hpp"
#include "bgp/bfd/session.hpp"
#include "vrrp/virtual_router.hpp"

/// What the four loops say to each other. They share no state: a letter is a value, and one loop's letters
/// to another arrive whole and in order, late or not at all soon.
///
///            leases, virtual routers, BFD sessions        checks
///     heartbeat  <-------------------------  decision  ------------>  checks
///         |      ------------------------->     |      <------------    |
///         |         states of routers           |         health        |
///         |                                     |
///         |   addresses                         |   addresses, services
///         +----------------->  kernel  <--------+
///         <-----------------           --------->
///          applied, interfaces          applied, repairs
///
/// What is wanted of the kernel is a level with a generation, and the answer bears the same generation.
namespace anyvip::daemon {

using Generation = std::uint64_t;

// ---- to the kernel loop

/// Who wants addresses: a BGP VIP from start to stop, a virtual router while it is Active.
using AddressOwner = std::variant<VipName, RouterName>;

/// All addresses that the owner wants; empty: none.
struct SetAddresses {
    AddressOwner owner;
    Generation generation = 0;
    kernel::AddressTable addresses;
    friend bool operator==(const SetAddresses&, const SetAddresses&) = default;
};

/// `properties.real_servers` is empty: the pool says which there are and with what weight.
struct DesiredServer {
    ipvs::VirtualServer properties;
    ipvs::Forwarding forwarding = ipvs::Forwarding::Nat;
    vip::Pool pool;
    friend bool operator==(const DesiredServer&, const DesiredServer&) = default;
};
using DesiredServices = std::map<ipvs::VirtualServerId, DesiredServer>;

/// All virtual servers of the VIP; empty: none.
struct SetServices {
    VipName vip;
    Generation generation = 0;
    DesiredServices services;
    friend bool operator==(const SetServices&, const SetServices&) = default;
};

/// The first letter after the start: what the configuration is going to want. What a former run left and is
/// listed here is kept until its owner speaks; the rest of it is removed now. A later one, after a reload or when
/// the daemon stops, only ends the protection of what it does not list.
struct Adopt {
    Generation generation = 0;
    std::set<kernel::AddressKey> addresses;
    std::set<ipvs::VirtualServerId> virtual_servers;
    friend bool operator==(const Adopt&, const Adopt&) = default;
};

using KernelMail = std::variant<Adopt, SetAddresses, SetServices>;

// ---- to the heartbeat loop

/// A virtual router and all that its packets need.
struct RouterSetup {
    RouterName name;
    vrrp::Identity identity;
    net::InterfaceName interface;
    vrrp::Config config;
    kernel::AddressTable addresses;
    friend bool operator==(const RouterSetup&, const RouterSetup&) = default;
};

/// All of them; one that keeps its name, interface and identity keeps its state.
struct ConfigureRouters {
    std::vector<RouterSetup> routers;
    friend bool operator==(const ConfigureRouters&, const ConfigureRouters&) = default;
};

/// A verdict that ends by itself (product rule 10): a decision loop that hangs gives the VIP up.
struct RouterLease {
    RouterName router;
    vrrp::Lease lease;
    friend bool operator==(const RouterLease&, const RouterLease&) = default;
};

struct RouterAddressesApplied {
    RouterName router;
    Generation generation = 0;
    std::optional<std::string> error;
    friend bool operator==(const RouterAddressesApplied&, const RouterAddressesApplied&) = default;
};

/// An interface as it is now; `link` is empty when there is none of that name.
/// `addresses` are those that are no VIP of ours.
struct InterfaceChanged {
    net::InterfaceName name;
    std::optional<kernel::Link> link;
    std::vector<net::Prefix> addresses;
    friend bool operator==(const InterfaceChanged&, const InterfaceChanged&) = default;
};

/// A BFD session and all that its packets need.
struct BfdSetup {
    PeerName peer;
    net::IpAddress remote;
    std::optional<net::IpAddress> source;         ///< none: the kernel's choice
    std::optional<net::InterfaceName> interface;  ///< of a link-local neighbour
    bfd::Hops hops = bfd::Hops::Single;
    bfd::Config config;
    friend bool operator==(const BfdSetup&, const BfdSetup&) = default;
};

/// All of them; one that keeps its peer and addresses keeps its state.
struct ConfigureBfd {
    std::vector<BfdSetup> sessions;
    std::set<net::IpAddress> vips;  ///< no packet comes from one (product rule 11)
    friend bool operator==(const ConfigureBfd&, const ConfigureBfd&) = default;
};

/// For all BFD sessions together, and like RouterLease: while it is over they are Down.
struct BfdLease {
    TimePoint expires_at;
    friend bool operator==(const BfdLease&, const BfdLease&) = default;
};

/// Leave everything, in order; answered by RoutersStopped.
struct StopRouters {
    friend bool operator==(const StopRouters&, const StopRouters&) = default;
};

/// Answered by a snapshot; by the heartbeat with RoutersSnapshot, and before it BfdSnapshot if there are sessions.
struct SnapshotRequested {
    friend bool operator==(const SnapshotRequested&, const SnapshotRequested&) = default;
};

using HeartbeatMail = std::variant<ConfigureRouters, RouterLease, RouterAddressesApplied, InterfaceChanged,
                                   ConfigureBfd, BfdLease, StopRouters, SnapshotRequested>;

// ---- to the checks loop

/// All of them; one that keeps its name keeps its verdict.
struct ConfigureChecks {
    std::vector<config::Check> checks;
    friend bool operator==(const ConfigureChecks&, const ConfigureChecks&) = default;
};

using ChecksMail = std::variant<ConfigureChecks, SnapshotRequested>;

// ---- to the decision loop

struct HealthChanged {
    CheckName check;
    health::State to{};
    std::string detail;
    friend bool operator==(const HealthChanged&, const HealthChanged&) = default;
};

struct RouterStateChanged {
    RouterName router;
    vrrp::StateName from = vrrp::StateName::Initialize;
    vrrp::StateName to = vrrp::StateName::Initialize;
    vrrp::Reason reason;
    friend bool operator==(const RouterStateChanged&, const RouterStateChanged&) = default;
};

/// Active with these addresses in the kernel: the route of a hybrid VIP follows its own. Empty: it does not serve.
struct RouterServing {
    RouterName router;
    std::set<net::IpAddress> addresses;
    friend bool operator==(const RouterServing&, const RouterServing&) = default;
};

struct RoutersStopped {
    friend bool operator==(const RoutersStopped&, const RoutersStopped&) = default;
};

struct BfdStateChanged {
    PeerName peer;
    bfd::StateChanged change;
    friend bool operator==(const BfdStateChanged&, const BfdStateChanged&) = default;
};

/// What packets of ours to a neighbour on an interface may come from: its link-local address that is no VIP of ours.
/// nullopt: it has none, is down or is not there.
struct LinkLocalChanged {
    net::InterfaceName interface;
    net::InterfaceIndex index;
    std::optional<net::Ipv6Address> address;
    std::optional<net::MacAddress> mac{};  ///< of the interface, if it has one
    friend bool operator==(const LinkLocalChanged&, const LinkLocalChanged&) = default;
};

struct VipAddressesApplied {
    VipName vip;
    Generation generation = 0;
    std::optional<std::string> error;
    friend bool operator==(const VipAddressesApplied&, const VipAddressesApplied&) = default;
};

struct ServicesApplied {
    VipName vip;
    Generation generation = 0;
    std::optional<std::string> error;
    friend bool operator==(const ServicesApplied&, const ServicesApplied&) = default;
};

/// Nothing of ours is left over, which nobody wants and nothing protects; or what is, and why.
struct Adopted {
    Generation generation = 0;
    std::optional<std::string> error;
    friend bool operator==(const Adopted&, const Adopted&) = default;
};

/// What there was of a run before this one when it started; once, after the first Adopt and before anything is changed.
struct FormerRunFound {
    bool left_something = false;  ///< it did not end in order
    /// Of the family there was something, and all of it that is wanted still was in the kernel: addresses and virtual
    /// servers. Packets to its VIPs went their way in between (RFC 4724 §4.1).
    bool forwarded_ipv4 = false;
    bool forwarded_ipv6 = false;
    friend bool operator==(const FormerRunFound&, const FormerRunFound&) = default;
};

/// The kernel was not as we had left it, and `command` was given to mend it.
struct Repaired {
    std::string command;
    friend bool operator==(const Repaired&, const Repaired&) = default;
};

struct CheckSnapshot {
    CheckName name;
    health::Status status;
    friend bool operator==(const CheckSnapshot&, const CheckSnapshot&) = default;
};
struct ChecksSnapshot {
    std::vector<CheckSnapshot> checks;
    friend bool operator==(const ChecksSnapshot&, const ChecksSnapshot&) = default;
};

struct BfdSessionSnapshot {
    PeerName peer;
    bfd::Hops hops = bfd::Hops::Single;
    std::optional<net::IpAddress> local;  ///< none: there is no socket
    std::optional<std::string> socket_error;
    bfd::Status status;
    friend bool operator==(const BfdSessionSnapshot&, const BfdSessionSnapshot&) = default;
};
struct BfdSnapshot {
    std::vector<BfdSessionSnapshot> sessions;
    friend bool operator==(const BfdSnapshot&, const BfdSnapshot&) = default;
};

struct RouterSnapshot {
    RouterName name;
    vrrp::State state;
    std::optional<vrrp::Priority> priority;
    std::optional<net::IpAddress> source;
    vrrp::Counters counters;
    friend bool operator==(const RouterSnapshot&, const RouterSnapshot&) = default;
};
struct RoutersSnapshot {
    std::vector<RouterSnapshot> routers;
    friend bool operator==(const RoutersSnapshot&, const RoutersSnapshot&) = default;
};

using DecisionMail = std::variant<HealthChanged, RouterStateChanged, RouterServing, RoutersStopped, BfdStateChanged,
                                  LinkLocalChanged, VipAddressesApplied, ServicesApplied, Adopted, FormerRunFound,
                                  Repaired, ChecksSnapshot, BfdSnapshot, RoutersSnapshot>;

[[nodiscard]] std::string describe(const AddressOwner& owner);
[[nodiscard]] std::string describe(const SetAddresses& mail);
[[nodiscard]] std::string describe(const SetServices& mail);
[[nodiscard]] std::string describe(const Adopt& mail);
[[nodiscard]] std::string describe(const ConfigureRouters& mail);
[[nodiscard]] std::string describe(const RouterLease& mail);
[[nodiscard]] std::string describe(const RouterAddressesApplied& mail);
[[nodiscard]] std::string describe(const InterfaceChanged& mail);
[[nodiscard]] std::string describe(const ConfigureBfd& mail);
[[nodiscard]] std::string describe(const BfdLease& mail);
[[nodiscard]] std::string describe(const StopRouters& mail);
[[nodiscard]] std::string describe(const SnapshotRequested& mail);
[[nodiscard]] std::string describe(const ConfigureChecks& mail);
[[nodiscard]] std::string describe(const HealthChanged& mail);
[[nodiscard]] std::string describe(const RouterStateChanged& mail);
[[nodiscard]] std::string describe(const RouterServing& mail);
[[nodiscard]] std::string describe(const RoutersStopped& mail);
[[nodiscard]] std::string describe(const BfdStateChanged& mail);
[[nodiscard]] std::string describe(const LinkLocalChanged& mail);
[[nodiscard]] std::string describe(const VipAddressesApplied& mail);
[[nodiscard]] std::string describe(const ServicesApplied& mail);
[[nodiscard]] std::string describe(const Adopted& mail);
[[nodiscard]] std::string describe(const FormerRunFound& mail);
[[nodiscard]] std::string describe(const Repaired& mail);
[[nodiscard]] std::string describe(const ChecksSnapshot& mail);
[[nodiscard]] std::string describe(const BfdSnapshot& mail);
[[nodiscard]] std::string describe(const RoutersSnapshot& mail);

}  // namespace anyvip::daemon
