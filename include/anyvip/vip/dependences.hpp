#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "anyvip/names.hpp"
#include "anyvip/vip/policies.hpp"

/// Who depends on what: an index of Policies, built when they change, so that the work of an event is that of what
/// the event concerns and not that of the whole configuration.
///
/// It answers with places in the lists of the policies, in ascending order, and never with a name: a place is found
/// without a search, and the order of the lists is the order of what is told.
namespace anyvip::vip {

/// Of a VIP, virtual router or virtual server in its list of the Policies.
using Place = std::size_t;

/// What to look at again when a check has changed.
struct Dependents {
    struct RealServer {
        Place server = 0;
        std::size_t index = 0;  ///< in its virtual server's list
        friend bool operator==(const RealServer&, const RealServer&) = default;
    };
    std::vector<RealServer> real_servers;
    std::vector<Place> vips;
    std::vector<Place> routers;
    friend bool operator==(const Dependents&, const Dependents&) = default;
};

class Dependences {
public:
    Dependences() = default;
    explicit Dependences(const Policies& policies);

    /// Null: no such check runs.
    [[nodiscard]] const Dependents* of(const CheckName& check) const;
    /// VIPs that need a session of this peer or of another one.
    [[nodiscard]] const std::vector<Place>& of(const PeerName& peer) const;

    [[nodiscard]] std::optional<Place> find(const VipName& name) const;
    [[nodiscard]] std::optional<Place> find(const RouterName& name) const;
    [[nodiscard]] std::optional<Place> find(const ServerName& name) const;

    [[nodiscard]] const std::vector<Place>& servers_of_vip(Place vip) const { return servers_of_vip_[vip]; }
    [[nodiscard]] const std::vector<Place>& vips_of_router(Place router) const { return vips_of_router_[router]; }
    [[nodiscard]] std::optional<Place> vip_of_server(Place server) const { return vip_of_server_[server]; }
    [[nodiscard]] std::optional<Place> router_of_vip(Place vip) const { return router_of_vip_[vip]; }

private:
    void index_checks(const Policies& policies);

    std::map<CheckName, Dependents> checks_;
    std::map<PeerName, std::vector<Place>> peers_;
    std::map<VipName, Place> vips_;
    std::map<RouterName, Place> routers_;
    std::map<ServerName, Place> servers_;
    std::vector<std::vector<Place>> servers_of_vip_;
    std::vector<std::vector<Place>> vips_of_router_;
    std::vector<std::optional<Place>> vip_of_server_;
    std::vector<std::optional<Place>> router_of_vip_;
};

}  // namespace anyvip::vip
