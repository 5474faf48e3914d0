#pragma once

#include <map>
#include <vector>

#include "anyvip/config/config.hpp"
#include "anyvip/ipvs/table.hpp"
#include "anyvip/kernel/address_table.hpp"
#include "anyvip/names.hpp"
#include "anyvip/vip/coordinator.hpp"
#include "anyvip/vip/lifecycle.hpp"
#include "bgp/adj_rib_out.hpp"
#include "bgp/peer_config.hpp"
#include "daemon/mail.hpp"

/// From the words of the configuration to those of each core: pure, and the only place that knows both.
namespace anyvip::daemon {

[[nodiscard]] vip::Policies policies(const config::Config& config);
[[nodiscard]] vip::LifecycleConfig lifecycle_config(const config::Config& config, const config::Vip& vip);

/// Precondition: config.bgp.
[[nodiscard]] bgp::PeerConfig peer_config(const config::Bgp& bgp, const config::Peer& peer);

enum class Announcement : std::uint8_t {
    None,
    GracefulShutdown,  ///< for a little while yet (RFC 8326)
    Announced,
};
/// nullopt for None. A standby's carries its StandbyMark; not once [bgp] has left the configuration, and it with it.
/// Nor has it a link bandwidth then. `capacity`: the weights that one per weight is of. Of none it is one octet per
/// second, the least that there is: routers take a 0 for a path of unknown bandwidth, and many then balance by none at
/// all.
[[nodiscard]] std::optional<bgp::Route> route(const std::optional<config::Bgp>& bgp, const config::Vip& vip,
                                              Announcement announcement, std::uint64_t capacity = 0);

/// The sessions of all peers that have BFD; `learnt` are those whose addresses are not in the configuration: instances
/// of ranges, and unnumbered peers.
[[nodiscard]] ConfigureBfd bfd_sessions(const config::Config& config,
                                        const std::map<PeerName, bgp::PeerConfig>& learnt = {});

[[nodiscard]] std::vector<RouterSetup> router_setups(const config::Config& config);

/// What a BGP VIP has on its interface from start to stop (product rule 1).
[[nodiscard]] kernel::Address anycast_address(const config::Vip& vip);

/// A virtual server as the kernel loop is to hear of it, less its pool.
struct ServerSetup {
    ServerName name;
    config::Program program = config::Program::Always;
    ipvs::VirtualServerId id;
    DesiredServer desired;
    friend bool operator==(const ServerSetup&, const ServerSetup&) = default;
};
[[nodiscard]] std::map<VipName, std::vector<ServerSetup>> server_setups(const config::Config& config);

/// Everything that the configuration is going to want, for the reconciler's first letter.
[[nodiscard]] Adopt adoptable(const config::Config& config);

}  // namespace anyvip::daemon
