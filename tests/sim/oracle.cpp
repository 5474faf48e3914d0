#include "sim/oracle.hpp"

#include <algorithm>
#include <chrono>
#include <variant>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"
#include "bgp/framer.hpp"
#include "bgp/message.hpp"
#include "sim/world.hpp"
#include "vrrp/advertisement.hpp"

namespace anyvip::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration stall_timeout = 3s;  // config::Node's defaults, in words of their own.
constexpr Duration stop_timeout = 10s;
constexpr Duration hold_time = 9s;

/// From a verdict to the router's table, over a link in order.
constexpr Duration withdraw_bound = 1500ms;

const config::Vip* vip_of(const config::Config& config, const net::Prefix& prefix) {
    const auto found = std::ranges::find_if(config.vips, [&](const auto& vip) {
        return vip.announce.bgp && net::Prefix::host(vip.address.address()) == prefix;
    });
    return found == config.vips.end() ? nullptr : &*found;
}

std::optional<int> priority_in(const daemon::SendPacket& packet) {
    // RFC 9568 §5.1: the third octet.
    if (packet.bytes.size() < 3) return std::nullopt;
    return packet.bytes[2];
}

/// The two virtual routers' VRIDs: see config_text().
std::optional<RouterName> router_in(const daemon::SendPacket& packet) {
    const auto id = vrrp::peek_virtual_router_id(packet.bytes);
    if (!id) return std::nullopt;
    return RouterName{id->value() == 51 ? "office" : "edge"};
}

/// RFC 4486: Cease, Administrative Shutdown.
bool is_farewell(const bgp::Notification& notification) {
    return notification == bgp::cease(bgp::CeaseSubcode::AdministrativeShutdown, "anyvip stops");
}

std::string at(const Node& node) {
    return node.name() + ": ";
}

}  // namespace

Oracle::Oracle(World& world) : world_{&world}, vips_{vips_of(world.options())} {}

void Oracle::fail(const std::string& oracle, const std::string& what) {
    violations_.push_back({oracle, what, world_->now()});
    world_->trace("oracle", [&] { return oracle + ": " + what; });
}

void Oracle::look() {
    for (const auto& router : {RouterName{"office"}, RouterName{"edge"}}) {
        if (world_->active(router.value()).size() < 2) {
            two_active_since_.erase(router);
        } else {
            two_active_since_.try_emplace(router, world_->now());
        }
    }
}

void Oracle::tick() {
    check_actives();
    for (const auto& node : world_->nodes()) {
        check_routes(*node);
        check_lease(*node);
        check_servers(*node);
        if (!node->kernel().foreign_untouched()) fail("foreign", at(*node) + "what is not ours has changed");
        const auto& stopping = node->known().stopping;
        if (node->is_running() && stopping) {
            const auto since = std::max(*stopping, node->well_since(LoopName::Decision));
            if (world_->now() - since > stop_timeout + 1500ms) fail("stop-in-time", at(*node) + "is still there");
        }
    }
    world_->after(50ms, [this] { tick(); });
}

// ---- VRRP -----------------------------------------------------------------------------------------------

void Oracle::advertised(const Node& node, const daemon::SendPacket& packet) {
    auto& list = advertised_[{node.index(), packet.router}];
    std::erase_if(list, [&](const auto& old) { return world_->now() - old.when > 20s; });
    list.push_back({world_->now(), priority_in(packet).value_or(0), packet.source});
}

void Oracle::heard(const Node& node, const RouterName& router, const daemon::SendPacket& packet) {
    if (router_in(packet) != router) return;
    const int priority = priority_in(packet).value_or(0);
    if (priority == 0) {
        heard_.erase({node.index(), router});
        return;
    }
    // Below our own priority it may be ignored; above all that we are ever configured with it never is.
    int ours = 0;
    for (int variant = 0; variant < variants; ++variant) ours = std::max(ours, priority_of(node.index(), variant));
    if (priority < ours && world_->options().preempt) return;
    heard_[{node.index(), router}] = {world_->now(), priority, packet.source};
}

void Oracle::state_changed(const Node& node, const daemon::RouterStateChanged& change) {
    const auto key = std::pair{node.index(), change.router};
    if (change.to == vrrp::StateName::Active) {
        const auto heard = heard_.find(key);
        if (heard == heard_.end() || change.from != vrrp::StateName::Backup) return;
        // RFC 9568 §6.1: Active_Down_Interval is more than three times the Active router's interval.
        if (world_->now() - heard->second.when < 3 * world_->options().advertise_interval) {
            fail("takeover-cause", at(node) + change.router.value() + " became Active though priority " +
                                       std::to_string(heard->second.priority) + " was heard " +
                                       std::to_string((world_->now() - heard->second.when) / 1ms) + " ms ago");
        }
        return;
    }
    using vrrp::Cause;
    if (change.reason.cause != Cause::HigherPriority && change.reason.cause != Cause::HigherAddress) return;
    const auto ours = advertised_.find(key);
    if (ours == advertised_.end() || ours->second.empty()) return;
    const auto mine = ours->second.back();
    for (const auto& [other, list] : advertised_) {
        if (other.first == node.index() || other.second != change.router) continue;
        for (const auto& theirs : list) {
            const bool above = std::pair{theirs.priority, theirs.source} > std::pair{mine.priority, mine.source};
            if (above && theirs.source.to_string() == change.reason.detail) return;
        }
    }
    fail("yield-rule", at(node) + change.router.value() + " yielded to " + change.reason.detail +
                           ", which never advertised more than priority " + std::to_string(mine.priority));
}

void Oracle::framed(Node& node, const daemon::SendFrame& frame) {
    const auto& known = node.known();
    const auto wish = known.wishes.find(frame.router);
    if (wish == known.wishes.end() || !wish->second.present) {
        return fail("garp-order", at(node) + frame.address.to_string() + " is announced, but not wanted");
    }
    for (const auto& [key, when] : known.dumped_addresses) {
        if (key.prefix.address() == frame.address && when >= wish->second.since) return;
    }
    fail("garp-order", at(node) + frame.address.to_string() + " is announced before the kernel had it");
}

void Oracle::check_actives() {
    const auto& options = world_->options();
    for (const auto& [router, since] : two_active_since_) {
        if (world_->network().loses()) return;
        TimePoint calm = std::max(since, world_->network().stopped_losing_at());
        bool well = true;
        for (const auto& a : world_->nodes()) {
            if (!a->is_active(router)) continue;
            well =
                well && !a->is_stalled(LoopName::Heartbeat) && a->kernel().links.at(net::InterfaceName{"eth0"}).is_up();
            calm = std::max(calm, a->well_since(LoopName::Heartbeat));
            for (const auto& b : world_->nodes()) {
                if (a->index() == b->index() || !b->is_active(router)) continue;
                well = well && !world_->network().is_cut(a->index(), b->index());
                calm = std::max(calm, world_->network().changed_at(a->index(), b->index()));
            }
        }
        // An interface that went down is only known to the heartbeat when the kernel loop has said so.
        for (const auto& node : world_->nodes()) {
            if (node->is_active(router)) calm = std::max(calm, node->well_since(LoopName::Kernel));
        }
        const auto bound = 4 * options.advertise_interval + 2 * options.mail_delay + 4 * options.kernel_latency + 200ms;
        if (well && world_->now() - calm > bound) {
            fail("two-active", router.value() + " has two Active routers on a good segment");
            return;
        }
    }
}

void Oracle::check_lease(const Node& node) {
    if (!node.is_running() || !node.is_stalled(LoopName::Decision) || node.is_stalled(LoopName::Heartbeat)) return;
    const auto last = node.decision_stalled_at();
    const auto since = std::max(last, node.well_since(LoopName::Heartbeat));
    if (world_->now() - since < stall_timeout + 200ms + world_->options().lateness) return;
    for (const auto& [router, state] : node.known().states) {
        if (state == vrrp::StateName::Active) {
            fail("lease", at(node) + router.value() + " is Active though nobody decides");
        }
    }
}

// ---- BGP ------------------------------------------------------------------------------------------------

bool Oracle::sent(Node& node, const bgp::Send& send, std::set<net::Prefix>& announced) {
    bool withdraws = false;
    bgp::Framer framer;
    framer.feed(send.bytes);
    while (const auto message = framer.next()) {
        if (!*message) break;
        bgp::DecodeContext context;
        context.families = {bgp::ipv4_unicast, bgp::ipv6_unicast};
        const auto decoded = bgp::decode(**message, context);
        if (!decoded) continue;
        if (const auto* update = std::get_if<bgp::Update>(&*decoded)) {
            for (const auto& prefix : withdrawn_in(*update)) {
                withdraws = true;
                announced.erase(prefix);
            }
            for (const auto& prefix : announced_in(*update)) {
                announced.insert(prefix);
                // RFC 8326: what is about to go is Ineligible or no longer configured, and has been announced before.
                if (!update->attributes.communities.contains(bgp::graceful_shutdown_community)) {
                    check_announcement(node, prefix);
                }
            }
        } else if (const auto* notification = std::get_if<bgp::Notification>(&*decoded)) {
            if (node.known().stopping && !announced.empty() && is_farewell(*notification)) {
                fail("withdraw-before-close", at(node) + announced.begin()->to_string() + " was not withdrawn");
            }
        }
    }
    return withdraws;
}

void Oracle::check_announcement(Node& node, const net::Prefix& prefix) {
    const auto& known = node.known();
    const auto* vip = known.config ? vip_of(*known.config, prefix) : nullptr;
    if (vip == nullptr) return fail("announce-eligible", at(node) + prefix.to_string() + " is not configured");
    const auto verdict = known.verdicts.find(vip->name);
    if (verdict == known.verdicts.end() || !verdict->second.eligible) {
        fail("announce-eligible", at(node) + prefix.to_string() + " is Ineligible");
    }
    if (vip->virtual_router) {
        const auto serving = known.serving.find(*vip->virtual_router);
        if (serving == known.serving.end() || !serving->second.eligible) {
            fail("announce-eligible", at(node) + prefix.to_string() + " is announced by a router that is not Active");
        }
    }
    const bool has_address = std::ranges::any_of(
        known.dumped_addresses, [&](const auto& entry) { return entry.first.prefix.address() == prefix.address(); });
    if (!has_address) fail("announce-order", at(node) + prefix.to_string() + ": the kernel never had the address");
    for (const auto& server : known.config->virtual_servers) {
        if (server.vip != vip->name || !known.lasting_servers.contains(server.name)) continue;
        if (!known.dumped_services.contains(config::id_of(*known.config, server))) {
            fail("announce-order", at(node) + prefix.to_string() + ": the kernel never had " + server.name.value());
        }
    }
}

std::optional<TimePoint> Oracle::unwanted_since(const Node& node, const net::Prefix& prefix) const {
    if (!node.is_running()) return node.down_since();
    const auto& known = node.known();
    if (!known.config) return known.started;
    const auto* vip = vip_of(*known.config, prefix);
    if (vip == nullptr) {
        const auto since = known.unknown_since.find(prefix);
        return since == known.unknown_since.end() ? known.started : since->second;
    }
    const auto verdict = known.verdicts.find(vip->name);
    if (verdict == known.verdicts.end()) return known.started;
    if (!verdict->second.eligible) return verdict->second.since;
    if (vip->virtual_router) {
        const auto serving = known.serving.find(*vip->virtual_router);
        if (serving == known.serving.end()) return known.started;
        if (!serving->second.eligible) return serving->second.since;
    }
    if (known.stopping && !vip->virtual_router) return known.stopping;
    return std::nullopt;
}

void Oracle::check_routes(const Node& node) {
    for (const auto& router : world_->routers()) {
        for (const auto& [prefix, learned] : router->routes(node.index())) {
            const auto unwanted = unwanted_since(node, prefix);
            if (!unwanted) continue;
            const bool well = node.is_powered() && world_->network().is_well(node.host(), router->host());
            auto bound = withdraw_bound + 2 * world_->options().link_delay + world_->options().graceful_shutdown;
            auto since = std::max({*unwanted, learned, world_->network().changed_at(node.host(), router->host())});
            // Nobody tells the router: its HoldTimer must. The same after a reboot, whose kernel knows no connection.
            if (!well || since - node.powered_off_at() < hold_time + 2s) bound += hold_time;
            if (world_->now() - since > bound) {
                fail("withdraw-bound",
                     describe_host(router->host()) + " still has " + prefix.to_string() + " via " + node.name());
                return;
            }
        }
    }
}

// ---- the kernel -----------------------------------------------------------------------------------------

void Oracle::executing(Node& node, const daemon::Execute& commands) {
    const auto& known = node.known();
    const auto routed = [&](const net::IpAddress& address) {
        return std::ranges::any_of(world_->routers(), [&](const auto& router) {
            const auto& network = world_->network();
            const bool calm = network.is_well(node.host(), router->host()) &&
                              world_->now() - network.changed_at(node.host(), router->host()) > 15s &&
                              world_->now() - node.powered_off_at() > 15s;
            return calm && router->routes(node.index()).contains(net::Prefix::host(address));
        });
    };
    const auto comes_again = [&](const kernel::AddressKey& key) {
        return std::ranges::any_of(commands.addresses, [&](const auto& command) {
            const auto* add = std::get_if<kernel::AddAddress>(&command);
            return add != nullptr && add->address.key == key;
        });
    };
    for (const auto& command : commands.addresses) {
        const auto* remove = std::get_if<kernel::RemoveAddress>(&command);
        if (remove == nullptr || remove->key.interface.value() != "lo" || comes_again(remove->key)) continue;
        if (routed(remove->key.prefix.address())) {
            fail("removal-order", at(node) + anyvip::describe(command) + " while a router sends packets there");
        }
    }
    for (const auto& command : commands.services) {
        if (const auto* remove = std::get_if<ipvs::RemoveVirtualServer>(&command)) {
            // A virtual server may leave the configuration of a VIP that stays, or may have left it before the VIP.
            const bool vip_stays = known.config && !known.stopping &&
                                   vip_of(*known.config, net::Prefix::host(remove->id.address.address)) != nullptr;
            const bool server_stays =
                known.config && std::ranges::any_of(known.config->virtual_servers, [&](const auto& server) {
                    return config::id_of(*known.config, server) == remove->id;
                });
            if ((!vip_stays || server_stays) && known.services.contains(remove->id) &&
                routed(remove->id.address.address)) {
                fail("removal-order", at(node) + anyvip::describe(command) + " while a router sends packets there");
            }
        }
        const auto* remove = std::get_if<ipvs::RemoveRealServer>(&command);
        if (remove == nullptr || !known.config || known.stopping) continue;
        for (const auto& server : known.config->virtual_servers) {
            if (config::id_of(*known.config, server) != remove->id) continue;
            const auto health = known.health.find(config::check_name(server.name, remove->address));
            const bool is_up = health != known.health.end() && health->second.first == health::State::Up &&
                               world_->now() - health->second.second > 5s;
            const bool configured = std::ranges::any_of(
                server.real_servers, [&](const auto& real) { return real.address == remove->address; });
            if (is_up && configured && known.drained.contains(vip::RealServerTarget{server.name, remove->address}) &&
                world_->now() - node.edited_at() > 5s) {
                fail("drained-server", at(node) + anyvip::describe(command));
            }
        }
    }
}

void Oracle::check_servers(Node& node) {
    const auto& known = node.known();
    if (!node.is_running() || !known.config || known.stopping) return;
    for (const auto& server : known.config->virtual_servers) {
        const auto found = node.kernel().services.find(config::id_of(*known.config, server));
        if (found == node.kernel().services.end()) continue;
        for (const auto& [address, real] : found->second.real_servers) {
            const auto health = known.health.find(config::check_name(server.name, address));
            if (health == known.health.end() || health->second.first != health::State::Down) continue;
            const auto since = std::max({health->second.second, node.well_since(LoopName::Kernel), node.edited_at(),
                                         node.refused_at(), node.well_since(LoopName::Decision)});
            if (real.weight.value() > 0 && world_->now() - since > 11s) {
                fail("failed-server", at(node) + address.to_string() + " is down and still gets connections");
                return;
            }
        }
    }
}

void Oracle::stopped(Node& node, bool in_order) {
    if (!in_order || world_->now() - node.edited_at() < 5s) return;
    for (const auto& ip : vips_) {
        if (node.kernel().has(ip)) fail("stop-complete", at(node) + ip.to_string() + " is still in the kernel");
        for (const auto& [id, server] : node.kernel().services) {
            if (id.address.address == ip)
                fail("stop-complete", at(node) + ipvs::describe(id) + " is still in the kernel");
        }
    }
}

// ---- liveness -------------------------------------------------------------------------------------------

bool Oracle::should_serve(Node& node, const config::Vip& vip) const {
    const auto up = [&](const CheckName& check) {
        return world_->backend().health(node.index(), check) == Backend::Health::Up;
    };
    const auto& known = node.known();
    if (known.drained.contains(vip::NodeTarget{}) || known.drained.contains(vip.name)) return false;
    for (const auto& track : vip.track) {
        if (!up(track.check)) return false;
    }
    for (const auto& server : known.config->virtual_servers) {
        if (server.vip != vip.name || server.when_empty == config::WhenEmpty::Keep) continue;
        const auto healthy = std::ranges::count_if(server.real_servers, [&](const auto& real) {
            return up(config::check_name(server.name, real.address)) &&
                   !known.drained.contains(vip::RealServerTarget{server.name, real.address});
        });
        if (healthy < server.quorum) return false;
    }
    return true;
}

std::vector<std::string> Oracle::unmet() const {
    std::vector<std::string> out;
    for (const auto& node : world_->nodes()) {
        if (!node->is_running() || !node->known().config) {
            out.push_back(node->name() + " does not run");
            return out;
        }
    }
    for (const auto& node : world_->nodes()) {
        unmet_routes(*node, out);
        unmet_services(*node, out);
    }
    unmet_routers(out);
    return out;
}

void Oracle::unmet_routes(Node& node, std::vector<std::string>& out) const {
    std::set<net::Prefix> expected;
    for (const auto& vip : node.config().vips) {
        if (!vip.announce.bgp || !should_serve(node, vip)) continue;
        if (vip.virtual_router && !node.is_active(*vip.virtual_router)) continue;
        expected.insert(net::Prefix::host(vip.address.address()));
    }
    for (const auto& router : world_->routers()) {
        std::set<net::Prefix> actual;
        for (const auto& [prefix, when] : router->routes(node.index())) actual.insert(prefix);
        if (actual == expected) continue;
        std::string text = describe_host(router->host()) + " has via " + node.name() + ":";
        for (const auto& prefix : actual) text += ' ' + prefix.to_string();
        text += " expected:";
        for (const auto& prefix : expected) text += ' ' + prefix.to_string();
        out.push_back(text);
    }
}

void Oracle::unmet_routers(std::vector<std::string>& out) const {
    const auto& first = world_->nodes().front()->config();
    for (const auto& router : first.virtual_routers) {
        std::vector<int> eligible;
        for (const auto& node : world_->nodes()) {
            const bool all = std::ranges::all_of(node->config().vips, [&](const auto& vip) {
                return vip.virtual_router != router.name || should_serve(*node, vip);
            });
            if (all) eligible.push_back(node->index());
            // Who is Active has the address, nobody else.
            for (const auto& vip : node->config().vips) {
                if (vip.virtual_router != router.name) continue;
                if (node->kernel().has(vip.address.address()) != node->is_active(router.name)) {
                    out.push_back(node->name() + ": the address of " + vip.name.value() + " does not follow the state");
                }
            }
        }
        const auto active = world_->active(router.name.value());
        const std::size_t expected = eligible.empty() ? 0 : 1;
        if (active.size() != expected) {
            out.push_back(router.name.value() + ": " + std::to_string(active.size()) + " Active routers");
        }
    }
}

void Oracle::unmet_services(Node& node, std::vector<std::string>& out) const {
    const auto& config = node.config();
    ipvs::Table expected;
    for (const auto& server : config.virtual_servers) {
        const auto& router = config::vip_of(config, server).virtual_router;
        if (server.program == config::Program::Active && !(router && node.is_active(*router))) continue;
        auto& wanted = expected[config::id_of(config, server)];
        wanted.scheduler = server.scheduler;
        wanted.persistence_timeout = static_cast<std::uint32_t>(server.persistence.value_or(0s).count());
        for (const auto& real : server.real_servers) {
            const auto check = config::check_name(server.name, real.address);
            if (world_->backend().health(node.index(), check) != Backend::Health::Up) continue;
            const bool drained = node.known().drained.contains(vip::RealServerTarget{server.name, real.address});
            wanted.real_servers[real.address] = {.forwarding = server.forwarding,
                                                 .weight = drained ? ipvs::Weight{0} : real.weight};
        }
    }
    auto actual = node.kernel().services;
    // The foreign one is looked at elsewhere.
    std::erase_if(actual, [](const auto& entry) { return entry.first.protocol == ipvs::Protocol::Udp; });
    if (ipvs::normalised(expected) != ipvs::normalised(actual)) {
        out.push_back(node.name() + ": IPVS is\n" + ipvs::describe(actual) + "and should be\n" +
                      ipvs::describe(expected));
    }
    for (const auto& vip : config.vips) {
        if (!vip.announce.vrrp && !node.kernel().has(vip.address.address())) {
            out.push_back(node.name() + ": the address of " + vip.name.value() + " is missing");
        }
    }
    for (const auto& ip : vips_) {
        const bool wanted =
            std::ranges::any_of(config.vips, [&](const auto& vip) { return vip.address.address() == ip; });
        if (node.kernel().has(ip) && !wanted) out.push_back(node.name() + ": " + ip.to_string() + " is left over");
    }
}

}  // namespace anyvip::sim
