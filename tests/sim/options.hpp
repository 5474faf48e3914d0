#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "anyvip/config/config.hpp"
#include "anyvip/net/address.hpp"
#include "anyvip/time.hpp"

/// What one run of the simulator is made of. All of it follows from the seed and is printed in full before a
/// run begins; scenarios by hand write it down instead.
namespace anyvip::sim {

/// Faults of the glue, one at a time: each must be noticed by an oracle. The composites are never touched.
enum class Mutation : std::uint8_t {
    None,
    StaleGeneration,       ///< an answer of the kernel loop counts for the newest wish, whichever it was for
    AnnounceUnconfirmed,   ///< wishes of the kernel are answered before the kernel loop has them
    LeaseIgnored,          ///< verdicts that reach the heartbeat do not end
    SocketsNotDrained,     ///< the heartbeat's timer is looked at before what waits in its sockets and mail
    WithdrawAfterRemoval,  ///< withdrawals are claimed to be sent, and sent seconds later
};
[[nodiscard]] std::string_view describe(Mutation mutation);
[[nodiscard]] std::optional<Mutation> to_mutation(std::string_view name);

enum class Opens : std::uint8_t { Node, Router, Both };

struct Options {
    std::uint64_t seed = 1;
    Mutation mutation = Mutation::None;
    bool trace = false;
    bool keep_going = false;  ///< after a violation

    int nodes = 2;
    int routers = 1;
    bool bgp_vip = true;      ///< "www", 203.0.113.10, with a virtual server of two real servers
    bool vrrp_vip = false;    ///< "office", 192.0.2.100, with one as well
    bool hybrid_vip = false;  ///< "edge", 192.0.2.200: the Active router announces it
    bool preempt = true;
    Duration advertise_interval = std::chrono::seconds{1};
    Opens opens = Opens::Node;

    Duration link_delay = std::chrono::milliseconds{1};
    Duration mail_delay{};      ///< at most
    Duration lateness{};        ///< of every wake-up, at most
    Duration kernel_latency{};  ///< of a dump or a list of commands, at most
    unsigned loss = 0;          ///< of VRRP packets, per mille; likewise the next two
    unsigned duplication = 0;
    unsigned reordering = 0;
    unsigned refusals = 0;  ///< of commands and dumps, per mille

    Duration chaos{};  ///< faults happen for so long
    Duration between_faults = std::chrono::seconds{3};
    bool hostile = false;  ///< an operator edits what is ours

    bool ipv6 = false;            ///< VIPs, real servers and virtual routers; the sessions stay on IPv4 (RFC 4760)
    bool script = false;          ///< the check "local" is a script
    bool persistence = false;     ///< of "www-http"
    bool keeps_empty = false;     ///< when_empty = "keep" for "www-http"
    bool program_active = false;  ///< program = "active" for "office-http" and "edge-http", which then exists
    bool vrrp2 = false;           ///< IPv4 only, and with whole seconds
    bool bfd = false;             ///< 300 ms x 3, at both ends of each session
    bool bfd_strict = false;      ///< with it: sessions wait for it
    std::chrono::seconds graceful_shutdown{0};  ///< [bgp]; 0: what leaves is withdrawn at once
};

/// What the configuration's addresses are.
struct Addresses {
    std::string_view www;
    std::string_view www_moved;  ///< variant 4
    std::string_view extra;      ///< variant 1
    std::string_view office;
    std::string_view edge;
    std::string_view edge_extra;  ///< variant 1
    std::string_view length;      ///< of what VRRP moves
    std::array<std::string_view, 2> real_servers;
    std::string_view stranger;  ///< a real server that an operator adds
};
[[nodiscard]] const Addresses& addresses_of(const Options& options);
/// Every VIP that a variant has.
[[nodiscard]] std::set<net::IpAddress> vips_of(const Options& options);
[[nodiscard]] net::Endpoint real_server_of(const Options& options, std::size_t which);
[[nodiscard]] net::Endpoint stranger_of(const Options& options);

/// All of it drawn from the seed.
[[nodiscard]] Options options_from(std::uint64_t seed);
[[nodiscard]] std::string describe(const Options& options);

/// What a node's configuration file says. Variants differ in what a reload is to change.
inline constexpr int variants = 6;
[[nodiscard]] std::string config_text(const Options& options, int node, int variant);
[[nodiscard]] config::Config config_of(const Options& options, int node, int variant);

/// Above every priority that a configuration gives to the node.
[[nodiscard]] int priority_of(int node, int variant);

}  // namespace anyvip::sim
