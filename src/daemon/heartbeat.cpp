#include "daemon/heartbeat.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"
#include "vrrp/arp_frame.hpp"
#include "vrrp/neighbor_advertisement.hpp"

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;

/// A socket that could not be opened, and addresses that the kernel refused, are tried again.
constexpr Duration retry_interval = 1s;

/// The same object goes on if only this is equal; everything else is a ConfigChanged.
bool same_router(const RouterSetup& a, const RouterSetup& b) {
    return a.name == b.name && a.interface == b.interface && a.identity == b.identity;
}

}  // namespace

Heartbeat::Actions Heartbeat::handle(const Event& event, TimePoint now) {
    Actions out;
    std::visit([&](const auto& e) { on(e, now, out); }, event);
    finish_leaving(out);
    return out;
}

std::optional<TimePoint> Heartbeat::deadline() const {
    std::optional<TimePoint> next = bfd_.deadline();
    for (const auto& [name, router] : routers_) {
        next = earliest(next, router.core.deadline());
        next = earliest(next, router.retry_at);
        if (router.socket) next = earliest(next, router.socket->retry_at);
    }
    return next;
}

void Heartbeat::on(const HeartbeatMail& mail, TimePoint now, Actions& out) {
    std::visit([&](const auto& m) { read(m, now, out); }, mail);
}

/// Virtual routers of one interface and family hear each other's sockets; the VRID says whose it is.
void Heartbeat::on(const PacketReceived& event, TimePoint now, Actions& out) {
    const auto through = routers_.find(event.socket);
    const auto id = vrrp::peek_virtual_router_id(event.bytes);
    if (through == routers_.end() || id != through->second.setup.identity.virtual_router_id) return;
    auto& router = through->second;
    const auto received =
        vrrp::decode(event.bytes, event.metadata, vrrp::expected(router.setup.identity, router.setup.config));
    if (received) {
        feed(router, vrrp::AdvertisementReceived{event.metadata.source, received->advertisement, received->coverage},
             now, out);
    } else {
        feed(router, vrrp::AdvertisementDiscarded{received.error()}, now, out);
    }
}

void Heartbeat::on(const SocketOpened& event, TimePoint now, Actions& out) {
    const auto found = routers_.find(event.router);
    if (found == routers_.end() || !found->second.socket) return;
    auto& router = found->second;
    router.socket->open = !event.error;
    router.socket->retry_at = event.error ? std::optional{now + retry_interval} : std::nullopt;
    follow_interface(router, now, out);  // It may have gone down in the meantime.
}

/// RFC 5880 asks for less time than VRRP does: what is due there goes first.
void Heartbeat::on(const HeartbeatTimerExpired& /*event*/, TimePoint now, Actions& out) {
    feed_bfd(bfd::TimerExpired{}, now, out);
    for (auto& [name, router] : routers_) {
        const auto deadline = router.core.deadline();
        if (deadline && *deadline <= now) feed(router, vrrp::TimerExpired{}, now, out);
        if (router.retry_at && *router.retry_at <= now) {
            router.retry_at.reset();
            feed(router, vrrp::Retry{}, now, out);
        }
        if (router.socket && router.socket->retry_at && *router.socket->retry_at <= now) {
            close_socket(router, now, out);
            follow_interface(router, now, out);
        }
    }
}

void Heartbeat::read(const ConfigureRouters& mail, TimePoint now, Actions& out) {
    for (auto it = routers_.begin(); it != routers_.end();) {
        const bool stays = std::ranges::any_of(
            mail.routers, [&](const RouterSetup& setup) { return same_router(setup, it->second.setup); });
        if (stays) {
            ++it;
            continue;
        }
        feed(it->second, vrrp::Shutdown{}, now, out);
        out.emplace_back(CloseSocket{it->first});
        leaving_.insert_or_assign(it->first, std::move(it->second));
        it = routers_.erase(it);
    }
    for (const auto& setup : mail.routers) {
        const auto found = routers_.find(setup.name);
        if (found == routers_.end()) {
            add(setup, now, out);
            continue;
        }
        auto& router = found->second;
        if (router.setup == setup) continue;
        const bool other_socket = router.setup.config.source != setup.config.source ||
                                  router.setup.config.peers.empty() != setup.config.peers.empty();
        // The farewell, if one is due, goes to the old peers from the old source.
        if (other_socket && router.socket) close_socket(router, now, out);
        const bool addresses_changed = router.setup.addresses != setup.addresses;
        router.setup = setup;
        feed(router, vrrp::ConfigChanged{setup.config, addresses_changed}, now, out);
        follow_interface(router, now, out);
    }
}

void Heartbeat::add(const RouterSetup& setup, TimePoint now, Actions& out) {
    Router fresh{.setup = setup,
                 .core = vrrp::VirtualRouter{setup.identity, setup.config},
                 .socket = std::nullopt,
                 .retry_at = std::nullopt};
    auto& router = routers_.emplace(setup.name, std::move(fresh)).first->second;
    feed(router, vrrp::Startup{}, now, out);
    follow_interface(router, now, out);
}

void Heartbeat::read(const RouterLease& mail, TimePoint now, Actions& out) {
    const auto found = routers_.find(mail.router);
    if (found != routers_.end()) feed(found->second, mail.lease, now, out);
}

void Heartbeat::read(const RouterAddressesApplied& mail, TimePoint now, Actions& out) {
    for (auto* routers : {&routers_, &leaving_}) {
        const auto found = routers->find(mail.router);
        if (found == routers->end()) continue;
        auto& router = found->second;
        if (mail.generation < router.wanted) continue;  // An answer to an older wish says nothing about this one.
        if (!mail.error) {
            router.confirmed = router.wanted;  // Or a successor's wish, which ours was part of.
            router.in_kernel = wanted_addresses(router);
        }
        if (mail.generation == router.wanted) feed(router, vrrp::AddressesApplied{router.asked, mail.error}, now, out);
        tell_serving(router, out);
    }
}

void Heartbeat::read(const InterfaceChanged& mail, TimePoint now, Actions& out) {
    if (mail.link) {
        interfaces_[mail.name] = mail;
    } else {
        interfaces_.erase(mail.name);
    }
    for (auto& [name, router] : routers_) {
        if (router.setup.interface == mail.name) follow_interface(router, now, out);
    }
    feed_bfd(mail, now, out);
}

void Heartbeat::read(const StopRouters& /*mail*/, TimePoint now, Actions& out) {
    stopping_ = true;
    for (auto& [name, router] : routers_) {
        feed(router, vrrp::Shutdown{}, now, out);
        leaving_.insert_or_assign(name, std::move(router));
    }
    routers_.clear();
}

void Heartbeat::read(const SnapshotRequested& mail, TimePoint now, Actions& out) {
    feed_bfd(mail, now, out);
    RoutersSnapshot snapshot;
    for (const auto& [name, router] : routers_) {
        snapshot.routers.push_back({.name = name,
                                    .state = router.core.state(),
                                    .priority = router.core.priority(),
                                    .source = router.core.source(),
                                    .counters = router.core.counters()});
    }
    out.emplace_back(DecisionMail{std::move(snapshot)});
}

/// Brings the socket and the core's idea of the interface in line with the interface as it is. A farewell goes out
/// through the socket that there was, hence before it is closed.
void Heartbeat::follow_interface(Router& router, TimePoint now, Actions& out) {
    const auto interface = interfaces_.find(router.setup.interface);
    const bool exists = interface != interfaces_.end() && interface->second.link;
    const bool up = exists && interface->second.link->is_up();
    const auto source = source_for(router);
    if (!up) feed(router, vrrp::InterfaceDown{}, now, out);  // First, for it is the reason for the rest.
    feed(router, vrrp::SourceChanged{source}, now, out);
    const bool right_socket = exists && source && router.socket &&
                              router.socket->index == interface->second.link->index && router.socket->source == *source;
    if (router.socket && !right_socket) close_socket(router, now, out);
    if (!up || !source) return;  // A socket that is right comes up again with the interface.
    if (!router.socket) {
        open_socket(router, *interface->second.link, *source, out);
    } else if (router.socket->open) {
        feed(router, vrrp::InterfaceUp{}, now, out);
    }
}

/// Until SocketOpened nothing can be sent; the core is told so by close_socket(), or never believed otherwise.
void Heartbeat::open_socket(Router& router, const kernel::Link& link, const net::IpAddress& source, Actions& out) {
    router.socket = Socket{.index = link.index, .source = source, .open = false, .retry_at = std::nullopt};
    out.emplace_back(OpenSocket{.router = router.setup.name,
                                .interface = router.setup.interface,
                                .family = router.setup.identity.family,
                                .source = source,
                                .multicast = router.setup.config.peers.empty()});
}

void Heartbeat::close_socket(Router& router, TimePoint now, Actions& out) {
    feed(router, vrrp::InterfaceDown{}, now, out);
    out.emplace_back(CloseSocket{router.setup.name});
    router.socket.reset();
}

/// The configured source; or else the present one for as long as the interface has it, lest an address that comes
/// beside it make an Active resign; or else the first of the interface's addresses (the kernel loop sorts them), over
/// IPv6 the first link-local one (RFC 9568 §5.1.2.1).
std::optional<net::IpAddress> Heartbeat::source_for(const Router& router) const {
    if (router.setup.config.source) return router.setup.config.source;
    const auto interface = interfaces_.find(router.setup.interface);
    if (interface == interfaces_.end()) return std::nullopt;
    std::optional<net::IpAddress> first;
    for (const auto& prefix : interface->second.addresses) {
        if (prefix.family() != router.setup.identity.family) continue;
        if (prefix.family() == net::Family::Ipv6 && !prefix.address().is_link_local()) continue;
        if (prefix.address() == router.core.source()) return prefix.address();
        if (!first) first = prefix.address();
    }
    return first;
}

void Heartbeat::feed(Router& router, const vrrp::Event& event, TimePoint now, Actions& out) {
    for (const auto& action : router.core.handle(event, now)) {
        std::visit([&](const auto& a) { perform(router, a, now, out); }, action);
    }
}

void Heartbeat::perform(Router& router, const vrrp::SendAdvertisement& action, TimePoint /*now*/, Actions& out) {
    // From where the socket was opened: the farewell of a router that loses its address is sent from that address.
    if (!router.socket) return;
    const auto& source = router.socket->source;
    const auto& peers = router.setup.config.peers;
    const auto destinations = peers.empty() ? std::vector{vrrp::multicast_group(router.setup.identity.family)} : peers;
    const auto advertisement = router.core.advertisement(action.priority);
    for (const auto& destination : destinations) {
        out.emplace_back(SendPacket{router.setup.name, source, destination,
                                    vrrp::encode(advertisement, router.core.coverage(), source, destination)});
    }
}

void Heartbeat::perform(Router& router, const vrrp::SetAddresses& action, TimePoint /*now*/, Actions& out) {
    router.asked = action.generation;
    router.wanted = ++last_generation_;
    router.wanted_present = action.present;
    out.emplace_back(KernelMail{SetAddresses{router.setup.name, router.wanted,
                                             action.present ? router.setup.addresses : kernel::AddressTable{}}});
    const auto wanted = wanted_addresses(router);
    std::erase_if(router.in_kernel, [&](const net::IpAddress& address) { return !wanted.contains(address); });
    tell_serving(router, out);
}

/// Bare, as routes and clients know them: another prefix length makes no other address of it.
std::set<net::IpAddress> Heartbeat::wanted_addresses(const Router& router) {
    std::set<net::IpAddress> bare;
    if (!router.wanted_present) return bare;
    for (const auto& address : router.setup.addresses) bare.insert(address.key.prefix.address());
    return bare;
}

void Heartbeat::perform(Router& router, const vrrp::SendGratuitousArp& /*action*/, TimePoint /*now*/, Actions& out) {
    const auto interface = interfaces_.find(router.setup.interface);
    if (interface == interfaces_.end()) return;
    const auto& mac = interface->second.link->mac;
    for (const auto& address : router.setup.addresses) {
        const auto& ip = address.key.prefix.address();
        // The R flag is that of a router: clients of a first-hop VIP must keep it as default router.
        auto frame = ip.is_v4() ? vrrp::gratuitous_arp(mac, ip.v4())
                                : vrrp::unsolicited_neighbor_advertisement(mac, ip.v6(), vrrp::RouterFlag::Router);
        out.emplace_back(SendFrame{router.setup.name, ip, std::move(frame)});
    }
}

void Heartbeat::perform(Router& router, const vrrp::StateChanged& action, TimePoint now, Actions& out) {
    const auto cause = action.reason.cause;
    const bool kernel_failed = cause == vrrp::Cause::ApplyFailed || cause == vrrp::Cause::ApplyTimeout;
    router.retry_at = kernel_failed ? std::optional{now + retry_interval} : std::nullopt;
    out.emplace_back(DecisionMail{RouterStateChanged{router.setup.name, action.from, action.to, action.reason}});
    tell_serving(router, out);
}

/// A change of the addresses under way does not end it for those that stay: their routes must not flap with a reload,
/// and one that joins has none before the kernel has it. A change that the kernel refuses ends it by way of the state.
void Heartbeat::tell_serving(Router& router, Actions& out) {
    auto serving = router.core.state_name() == vrrp::StateName::Active ? router.in_kernel : std::set<net::IpAddress>{};
    if (serving == router.serving) return;
    router.serving = std::move(serving);
    out.emplace_back(DecisionMail{RouterServing{router.setup.name, router.serving}});
}

void Heartbeat::feed_bfd(const BfdSessions::Event& event, TimePoint now, Actions& out) {
    for (auto& action : bfd_.handle(event, now)) {
        std::visit([&](auto& a) { out.emplace_back(std::move(a)); }, action);
    }
}

void Heartbeat::finish_leaving(Actions& out) {
    std::erase_if(leaving_, [](const auto& entry) { return entry.second.addresses_gone(); });
    if (!stopping_ || stopped_told_ || !leaving_.empty()) return;
    stopped_told_ = true;
    out.emplace_back(DecisionMail{RoutersStopped{}});
}

std::string describe(const PacketReceived& event) {
    return "PacketReceived virtual_router=" + event.socket.value() + ' ' + vrrp::describe(event.metadata) +
           " octets=" + std::to_string(event.bytes.size());
}
std::string describe(const SocketOpened& event) {
    return "SocketOpened virtual_router=" + event.router.value() +
           (event.error ? " error=\"" + *event.error + '"' : "");
}
std::string describe(const HeartbeatTimerExpired& /*event*/) {
    return "TimerExpired";
}
std::string describe(const OpenSocket& action) {
    return "OpenSocket virtual_router=" + action.router.value() + " interface=" + action.interface.value() +
           " source=" + action.source.to_string() + (action.multicast ? " multicast" : " unicast");
}
std::string describe(const CloseSocket& action) {
    return "CloseSocket virtual_router=" + action.router.value();
}
std::string describe(const SendPacket& action) {
    return "SendPacket virtual_router=" + action.router.value() + " to=" + action.destination.to_string() +
           " octets=" + std::to_string(action.bytes.size());
}
std::string describe(const SendFrame& action) {
    return "SendFrame virtual_router=" + action.router.value() + " address=" + action.address.to_string();
}

}  // namespace anyvip::daemon
