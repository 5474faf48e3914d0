#include "anyvip/describe.hpp"

#include <optional>
#include <string>

#include "daemon/decision.hpp"
#include "daemon/mail.hpp"

namespace anyvip::daemon {
namespace {

std::string wish(const std::string& name, const std::string& owner, Generation generation, std::size_t count) {
    return name + ' ' + owner + " generation=" + std::to_string(generation) + " count=" + std::to_string(count);
}

std::string answer(const std::string& name, const std::string& owner, Generation generation,
                   const std::optional<std::string>& error) {
    return name + ' ' + owner + " generation=" + std::to_string(generation) + (error ? " error=\"" + *error + '"' : "");
}

std::string client(const std::string& name, ClientId id) {
    return name + " client=" + anyvip::describe(id);
}

}  // namespace

std::string describe(const AddressOwner& owner) {
    if (const auto* vip = std::get_if<VipName>(&owner)) return "vip=" + vip->value();
    return "virtual_router=" + std::get<RouterName>(owner).value();
}

std::string describe(const SetAddresses& mail) {
    return wish("SetAddresses", describe(mail.owner), mail.generation, mail.addresses.size());
}
std::string describe(const SetServices& mail) {
    return wish("SetServices", "vip=" + mail.vip.value(), mail.generation, mail.services.size());
}
std::string describe(const Adopt& mail) {
    return "Adopt generation=" + std::to_string(mail.generation) +
           " addresses=" + std::to_string(mail.addresses.size()) +
           " virtual_servers=" + std::to_string(mail.virtual_servers.size());
}
std::string describe(const ConfigureRouters& mail) {
    return "ConfigureRouters count=" + std::to_string(mail.routers.size());
}
std::string describe(const RouterLease& mail) {
    return "virtual_router=" + mail.router.value() + ' ' + vrrp::describe(mail.lease);
}
std::string describe(const RouterAddressesApplied& mail) {
    return answer("AddressesApplied", "virtual_router=" + mail.router.value(), mail.generation, mail.error);
}
std::string describe(const InterfaceChanged& mail) {
    return "InterfaceChanged " + (mail.link ? kernel::describe(*mail.link) : mail.name.value() + " is gone");
}
std::string describe(const ConfigureBfd& mail) {
    return "ConfigureBfd count=" + std::to_string(mail.sessions.size());
}
std::string describe(const BfdLease& mail) {
    return "BFD " + bfd::describe(bfd::Lease{mail.expires_at});
}
std::string describe(const StopRouters& /*mail*/) {
    return "StopRouters";
}
std::string describe(const SnapshotRequested& /*mail*/) {
    return "SnapshotRequested";
}
std::string describe(const ConfigureChecks& mail) {
    return "ConfigureChecks count=" + std::to_string(mail.checks.size());
}
std::string describe(const HealthChanged& mail) {
    return "HealthChanged check=" + mail.check.value() + ' ' + std::string{health::describe(mail.to)} + " \"" +
           mail.detail + '"';
}
std::string describe(const RouterStateChanged& mail) {
    return "StateChanged virtual_router=" + mail.router.value() + ' ' + std::string{vrrp::describe(mail.from)} +
           " -> " + std::string{vrrp::describe(mail.to)} + ": " + vrrp::describe(mail.reason);
}
std::string describe(const RouterServing& mail) {
    std::string text = "Serving virtual_router=" + mail.router.value() + " addresses=";
    if (mail.addresses.empty()) return text + "none";
    for (const auto& address : mail.addresses) {
        text += (address == *mail.addresses.begin() ? "" : ",") + address.to_string();
    }
    return text;
}
std::string describe(const RoutersStopped& /*mail*/) {
    return "RoutersStopped";
}
std::string describe(const BfdStateChanged& mail) {
    return "BFD peer=" + mail.peer.value() + ' ' + bfd::describe(mail.change);
}
std::string describe(const LinkLocalChanged& mail) {
    return "LinkLocalChanged " + mail.interface.value() + ' ' + (mail.address ? mail.address->to_string() : "none");
}
std::string describe(const VipAddressesApplied& mail) {
    return answer("AddressesApplied", "vip=" + mail.vip.value(), mail.generation, mail.error);
}
std::string describe(const ServicesApplied& mail) {
    return answer("ServicesApplied", "vip=" + mail.vip.value(), mail.generation, mail.error);
}
std::string describe(const Adopted& mail) {
    return answer("Adopted", "kernel", mail.generation, mail.error);
}
std::string describe(const FormerRunFound& mail) {
    if (!mail.left_something) return "FormerRunFound: nothing is left of it";
    return std::string{"FormerRunFound: forwarded"} + (mail.forwarded_ipv4 ? " ipv4" : "") +
           (mail.forwarded_ipv6 ? " ipv6" : "") + (mail.forwarded_ipv4 || mail.forwarded_ipv6 ? "" : " nothing");
}
std::string describe(const Repaired& mail) {
    return "Repaired " + mail.command;
}
std::string describe(const ChecksSnapshot& mail) {
    return "ChecksSnapshot count=" + std::to_string(mail.checks.size());
}
std::string describe(const BfdSnapshot& mail) {
    return "BfdSnapshot count=" + std::to_string(mail.sessions.size());
}
std::string describe(const RoutersSnapshot& mail) {
    return "RoutersSnapshot count=" + std::to_string(mail.routers.size());
}

std::string describe(NoticeKind kind) {
    switch (kind) {
        case NoticeKind::Started: return "started";
        case NoticeKind::Reloaded: return "reloaded";
        case NoticeKind::ReloadRefused: return "reload refused";
        case NoticeKind::VerdictChanged: return "verdict";
        case NoticeKind::VipStateChanged: return "vip state";
        case NoticeKind::VipHeldBack: return "vip held back";
        case NoticeKind::VipOthersChanged: return "vip announced by others";
        case NoticeKind::PeerStateChanged: return "peer state";
        case NoticeKind::PeerBfdChanged: return "bfd";
        case NoticeKind::PeerMaxPrefixes: return "peer announces too much";
        case NoticeKind::PeerNeighborChanged: return "peer neighbor";
        case NoticeKind::PeerNeighborIgnored: return "peer neighbor ignored";
        case NoticeKind::PeerConnectionRefused: return "peer connection refused";
        case NoticeKind::RouterStateChanged: return "virtual router state";
        case NoticeKind::CheckChanged: return "check";
        case NoticeKind::ConfigWarning: return "config warning";
        case NoticeKind::SpeakerRefused: return "bgp speaker refused";
        case NoticeKind::SpeakerRecovered: return "bgp speaker recovered";
        case NoticeKind::SocketFailed: return "socket";
        case NoticeKind::LogLost: return "log lost";
        case NoticeKind::KernelRefused: return "kernel refused";
        case NoticeKind::Repaired: return "repaired";
        case NoticeKind::Drained: return "drained";
        case NoticeKind::Undrained: return "undrained";
        case NoticeKind::Stopping: return "stopping";
        case NoticeKind::Stopped: return "stopped";
    }
    return "unknown notice";
}

std::string describe(const ConfigLoaded& event) {
    return event.result ? "ConfigLoaded" : "ConfigLoaded errors=" + std::to_string(event.result.error().size());
}
std::string describe(const StopRequested& event) {
    return "StopRequested \"" + event.why + '"';
}
std::string describe(const PeerEvent& event) {
    return "peer=" + event.peer.value() + ' ' + describe(event.event);
}
std::string describe(const LinkPacket& event) {
    return event.interface.value() + ' ' + bgp::link::describe(event.packet);
}
std::string describe(const StatusRequested& event) {
    return client("StatusRequested", event.client);
}
std::string describe(const RoutesRequested& event) {
    return client("RoutesRequested", event.client);
}
std::string describe(const DrainCommand& event) {
    return client(event.drain ? "Drain " : "Undrain ", event.client) + ' ' + vip::describe(event.target);
}
std::string describe(const DecisionTimerExpired& /*event*/) {
    return "TimerExpired";
}
std::string describe(const PeerAction& action) {
    return "peer=" + action.peer.value() + ' ' + describe(action.action);
}
std::string describe(const ConfigureSpeaker& action) {
    return "ConfigureSpeaker port=" + std::to_string(action.port) + " peers=" + std::to_string(action.peers.size());
}
std::string describe(const ConfigureLinks& action) {
    return "ConfigureLinks count=" + std::to_string(action.links.size());
}
std::string describe(const SendLinkPacket& action) {
    return action.interface.value() + ' ' + bgp::link::describe(action.packet);
}
std::string describe(const ReplyStatus& action) {
    return client("ReplyStatus", action.client);
}
std::string describe(const ReplyRoutes& action) {
    return client("ReplyRoutes", action.client);
}
std::string describe(const ReplyDone& action) {
    return client("ReplyDone", action.client) + (action.error ? " error=\"" + *action.error + '"' : "");
}
std::string describe(const Notice& action) {
    return describe(action.kind) + ' ' + action.subject + (action.detail.empty() ? "" : ' ' + action.detail);
}
std::string describe(const Ready& /*action*/) {
    return "Ready";
}
std::string describe(const StopFinished& action) {
    return action.complete ? "StopFinished" : "StopFinished incomplete";
}

}  // namespace anyvip::daemon
