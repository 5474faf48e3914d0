#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "anyvip/time.hpp"
#include "daemon/heartbeat.hpp"
#include "daemon/kernel.hpp"
#include "daemon/mail.hpp"
#include "sim/node.hpp"

namespace anyvip::sim {

class World;

/// What must never be, and what must be once nothing disturbs any more. It judges by what can be seen from
/// outside: octets, packets, commands, dumps, tables; of the daemon's own words it takes verdicts and states.
///
///   announce-order         a route is sent only after a dump had its address and its virtual servers
///   announce-eligible      and only of an Eligible VIP of the configuration, hybrid ones only while Active
///   withdraw-bound         a router forgets a route soon after the verdict fell, the VIP left, the node went
///   withdraw-before-close  a node that stops, withdraws before it closes
///   removal-order          no service or address goes while a router still sends packets there
///   stop-complete          an orderly stop leaves nothing behind
///   stop-in-time           and no stop takes longer than stop_timeout and a second
///   two-active             on a good segment two Active routers end within an Active_Down_Interval
///   takeover-cause         no takeover from an Active router that was heard in time (product rule 6)
///   yield-rule             an Active router yields only to one that RFC 9568 §6.4.3 puts above it
///   lease                  a decision loop that hangs gives its virtual routers up within stall_timeout
///   garp-order             gratuitous ARP only for addresses that a dump had since they were last asked for
///   foreign                somebody else's addresses and virtual servers stay as they are
///   drained-server         a drained real server is quiesced, not removed
///   failed-server          a failed real server gets no new connections
///   timer                  no timer in the past
class Oracle {
public:
    struct Violation {
        std::string oracle;
        std::string what;
        TimePoint when;
    };

    explicit Oracle(World& world);

    [[nodiscard]] const std::vector<Violation>& violations() const { return violations_; }
    void fail(const std::string& oracle, const std::string& what);

    void look();  ///< after every event
    void tick();  ///< from time to time: for bounds

    /// What is not yet as it should be with faults off; empty: all is well.
    [[nodiscard]] std::vector<std::string> unmet() const;

    // What the glue reports.
    void advertised(const Node& node, const daemon::SendPacket& packet);
    void heard(const Node& node, const RouterName& router, const daemon::SendPacket& packet);
    void framed(Node& node, const daemon::SendFrame& frame);
    void state_changed(const Node& node, const daemon::RouterStateChanged& change);
    /// True when the octets withdraw something; keeps `announced`.
    bool sent(Node& node, const bgp::Send& send, std::set<net::Prefix>& announced);
    void executing(Node& node, const daemon::Execute& commands);
    void stopped(Node& node, bool in_order);

private:
    void check_announcement(Node& node, const net::Prefix& prefix);
    void check_routes(const Node& node);
    void check_actives();
    void check_lease(const Node& node);
    void check_servers(Node& node);
    [[nodiscard]] std::optional<TimePoint> unwanted_since(const Node& node, const net::Prefix& prefix) const;
    [[nodiscard]] bool should_serve(Node& node, const config::Vip& vip) const;
    void unmet_routes(Node& node, std::vector<std::string>& out) const;
    void unmet_routers(std::vector<std::string>& out) const;
    void unmet_services(Node& node, std::vector<std::string>& out) const;

    struct Advertisement {
        TimePoint when;
        int priority = 0;
        net::IpAddress source;
    };
    World* world_;
    std::set<net::IpAddress> vips_;  ///< of every variant
    std::vector<Violation> violations_;
    std::map<std::pair<int, RouterName>, std::vector<Advertisement>> advertised_;  ///< of the last seconds
    std::map<std::pair<int, RouterName>, Advertisement> heard_;                    ///< newest that counts
    std::map<RouterName, TimePoint> two_active_since_;
};

}  // namespace anyvip::sim
