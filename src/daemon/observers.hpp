#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "anyvip/config/config.hpp"
#include "anyvip/deadlines.hpp"
#include "anyvip/names.hpp"
#include "anyvip/time.hpp"
#include "anyvip/vip/observation.hpp"
#include "bgp/peer.hpp"

/// Looks at what the peers tell of other nodes' routes, for the VIPs that want to know: standbys, and those whose flaps
/// are to be held back unless they are the last.
///
/// It knows which of the routes is our own: what carries our router ID in its StandbyMark or as ORIGINATOR_ID, or has
/// our end of the session as its next hop. A route with GRACEFUL_SHUTDOWN is about to go (RFC 8326): whoever waits for
/// that may take before it does.
namespace anyvip::daemon {

class Observers {
public:
    /// What is known of whom else announces a VIP is another thing now.
    using News = std::vector<std::pair<VipName, vip::Others>>;

    void configure(const config::Config& config, TimePoint now);
    /// Prefixes whose routes the peer must not lose. By its name in the configuration, which a range shares with its
    /// instances.
    [[nodiscard]] std::set<net::Prefix> watched(const PeerName& peer) const;

    /// At all that the peer, or the instance of a range, tells; nullptr: it is gone.
    [[nodiscard]] News look(const PeerName& name, const bgp::Peer* peer, TimePoint now);
    [[nodiscard]] News look(const PeerName& name, const bgp::Peer& peer, const std::set<net::Prefix>& prefixes,
                            TimePoint now);
    [[nodiscard]] News expire(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const { return deadlines_.next(); }

    /// As last told; nothing is known of a VIP that does not want to know.
    [[nodiscard]] vip::Others others(const VipName& vip) const;

private:
    struct Observed {
        net::Prefix prefix;
        std::set<PeerName> peers;
        vip::Observation observation;
        vip::Others told;
    };
    [[nodiscard]] vip::Sighting sighting(const bgp::Peer* peer, const net::Prefix& prefix) const;
    void tell(const VipName& name, Observed& vip, TimePoint now, News& news);

    net::Ipv4Address router_id_;
    std::map<VipName, Observed> vips_;
    std::map<net::Prefix, std::set<VipName>> by_prefix_;
    Deadlines<VipName> deadlines_;
};

}  // namespace anyvip::daemon
