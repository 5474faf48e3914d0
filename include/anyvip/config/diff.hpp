#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "anyvip/config/config.hpp"

/// What a reload changes, for people: `anyvip plan` prints it before, the log and the answer to `anyvip reload` after.
/// Pure and typed; empty where nothing differs.
///
/// It drives nothing. The decision loop compares what each of its parts wants before and after (daemon/decision.cpp,
/// reload()), because that is more exact: two files that differ can want the same of a peer, a router or the kernel,
/// and then nobody hears of it. What this says of a reset session therefore has to agree with bgp::needs_reset().
namespace anyvip::config {

/// By value, since both configs may be gone when the loops act on it.
template <class T>
struct Changed {
    T from;
    T to;
    friend bool operator==(const Changed&, const Changed&) = default;
};

/// Things that keep their name keep their state: only what is in `changed` is told.
template <class T>
struct Changes {
    std::vector<T> added;
    std::vector<T> removed;
    std::vector<Changed<T>> changed;
    [[nodiscard]] bool empty() const { return added.empty() && removed.empty() && changed.empty(); }
    friend bool operator==(const Changes&, const Changes&) = default;
};

/// A peer whose session goes on with other values, or must be taken down first because what differs was
/// agreed on in its OPEN or belongs to its TCP connection.
struct PeerChange {
    Peer from;
    Peer to;
    bool reset = false;
    std::string reason;  ///< the keys that differ: "hold_time, source"
    friend bool operator==(const PeerChange&, const PeerChange&) = default;
};

struct PeerChanges {
    std::vector<Peer> added;
    std::vector<Peer> removed;
    std::vector<PeerChange> changed;
    [[nodiscard]] bool empty() const { return added.empty() && removed.empty() && changed.empty(); }
    friend bool operator==(const PeerChanges&, const PeerChanges&) = default;
};

/// Real servers of one virtual server that is in both configs.
struct RealServerChanges {
    ServerName server;
    Changes<RealServer> real_servers;
    friend bool operator==(const RealServerChanges&, const RealServerChanges&) = default;
};

struct Diff {
    bool node = false;         ///< a value of [node]
    bool bgp_speaker = false;  ///< asn or router_id: every peer that stays is in peers.changed with reset
    bool bgp_listen = false;   ///< listen or port
    PeerChanges peers;
    Changes<VirtualRouter> virtual_routers;
    Changes<Check> checks;  ///< the effective ones, so those of real servers too
    Changes<Vip> vips;
    /// Compared without their real servers. What names a service in the kernel may differ between from and to.
    Changes<VirtualServer> virtual_servers;
    std::vector<RealServerChanges> real_servers;

    [[nodiscard]] bool empty() const;
    /// Sessions that a reload takes down: removed peers and changed ones with `reset`.
    [[nodiscard]] std::size_t sessions_reset() const;
    friend bool operator==(const Diff&, const Diff&) = default;
};

[[nodiscard]] Diff diff(const Config& from, const Config& to);

/// For `anyvip plan` and the log: one line a change, "0 sessions reset" last; "nothing changes" alone.
[[nodiscard]] std::string describe(const Diff& diff);

}  // namespace anyvip::config
