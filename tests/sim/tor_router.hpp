#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "anyvip/random.hpp"
#include "bgp/bfd/session.hpp"
#include "bgp/peer.hpp"
#include "sim/network.hpp"

namespace anyvip::sim {

class World;

/// Routes of both families: IPv6 has them in attributes (RFC 4760).
[[nodiscard]] std::vector<net::Prefix> announced_in(const bgp::Update& update);
[[nodiscard]] std::vector<net::Prefix> withdrawn_in(const bgp::Update& update);

/// What the fabric sees: a router with a session to each node, and the host routes that it learned.
class TorRouter {
public:
    TorRouter(World& world, int index);
    TorRouter(const TorRouter&) = delete;

    void start();
    void restart();  ///< its BGP daemon is killed and comes back

    [[nodiscard]] Host host() const { return router_host(index_); }
    /// The nodes that the router would send packets for the address to: ECMP over all of them.
    [[nodiscard]] std::vector<int> next_hops(const std::string& address) const;
    [[nodiscard]] bool established(int node) const;
    /// AdminDown where there is none.
    [[nodiscard]] bfd::SessionState bfd_state(int node) const;
    [[nodiscard]] const std::map<net::Prefix, TimePoint>& routes(int node) const;

private:
    struct Session {
        Session(const bgp::PeerConfig& config, Random& random) : core{config, random, own_routes} {}
        bgp::RouteTable own_routes;  ///< none: it announces nothing
        bgp::Peer core;
        std::map<net::Prefix, TimePoint> routes;  ///< with the instant of the first announcement
        std::deque<bgp::Event> queue;
        bool busy = false;
        std::optional<TimePoint> armed;
        std::optional<bfd::Session> bfd;
        std::optional<TimePoint> bfd_armed;
    };
    void make_sessions();
    void feed(int node, bgp::Event event, unsigned life);
    void perform(int node, const bgp::Action& action);
    void learn(Session& session, const bgp::Update& update);
    void arm(int node);
    void feed_bfd(int node, const bfd::Event& event);
    void arm_bfd(int node);

    World* world_;
    int index_;
    unsigned life_ = 0;
    Random random_;
    std::map<int, Session> sessions_;
};

}  // namespace anyvip::sim
