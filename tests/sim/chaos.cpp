#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>

#include "sim/world.hpp"

/// Which fault comes when: drawn from the seed, each with its end. At the end all of them end, and everything must
/// come right by itself.
namespace anyvip::sim {
namespace {

using namespace std::chrono_literals;

class Chaos {
public:
    explicit Chaos(World& world) : world_{&world}, end_{world.now() + world.options().chaos} {}

    void go_on() {
        const auto pause = world_->options().between_faults;
        world_->after(world_->random().between(pause / 4, 2 * pause), [this] {
            if (world_->now() >= end_) return;
            strike();
            go_on();
        });
    }

    /// Faults off. Health and drains stay as they are.
    void end() {
        over_ = true;
        world_->network().heal_everything();
        world_->backend().settle();
        for (const auto& node : world_->nodes()) {
            node->kernel().refusals = 0;
            node->kernel().refuses_all.reset();
            node->power_on();
            node->start();
            for (const char* interface : {"eth0", "eth1"}) node->set_link(interface, true);
        }
        restart_the_stopped();
    }

private:
    /// A node that is on its way out when faults end comes back when it is out.
    void restart_the_stopped() {
        for (const auto& node : world_->nodes()) node->start();
        world_->after(1s, [this] { restart_the_stopped(); });
    }

    [[nodiscard]] Duration some_time() { return random().between(Duration{100ms}, Duration{12s}); }
    [[nodiscard]] Random& random() { return world_->random(); }
    [[nodiscard]] Node& any_node() { return world_->node(random().between(1, world_->options().nodes)); }
    [[nodiscard]] int any_router() { return router_host(random().between(1, world_->options().routers)); }
    [[nodiscard]] int other_node(const Node& node) {
        const int other = random().between(1, world_->options().nodes);
        return other == node.index() ? other % world_->options().nodes + 1 : other;
    }
    [[nodiscard]] CheckName any_check() {
        std::vector<CheckName> checks{CheckName{"local"}};
        std::vector<ServerName> servers{ServerName{"www-http"}, ServerName{"office-http"}};
        if (world_->options().program_active) servers.emplace_back("edge-http");
        for (const auto& server : servers) {
            for (const std::size_t which : {0U, 1U}) {
                checks.push_back(config::check_name(server, real_server_of(world_->options(), which)));
            }
        }
        return checks.at(random().below(checks.size()));
    }
    /// Ends a fault later, or when all faults end.
    void later(std::function<void()> what) {
        world_->after(some_time(), [this, what = std::move(what)] {
            if (!over_) what();
        });
    }

    void strike() {
        auto& node = any_node();
        auto& network = world_->network();
        switch (random().below(18)) {
            case 0: node.crash(); return later([&node] { node.start(); });
            case 1: node.power_off(); return later([&node] { node.power_on(); });
            case 2: node.stop(); return later([&node] { node.start(); });
            case 3: return node.reload(static_cast<int>(random().below(variants)));
            case 4: {
                const int other = other_node(node);
                if (other == node.index()) return;
                network.cut(node.host(), other);
                return later([&network, &node, other] { network.heal(node.host(), other); });
            }
            case 5: {
                const int other = other_node(node);
                if (other == node.index()) return;
                network.cut_both(node.host(), other);
                return later([&network, &node, other] { network.heal_both(node.host(), other); });
            }
            case 6: {
                const int router = any_router();
                network.cut_both(node.host(), router);
                return later([&network, &node, router] { network.heal_both(node.host(), router); });
            }
            case 7: {
                const int router = any_router();
                network.cut(router, node.host());
                return later([&network, &node, router] { network.heal(router, node.host()); });
            }
            case 8: {
                const int router = any_router();
                network.clog(node.host(), router);
                return later([&network, &node, router] { network.unclog(node.host(), router); });
            }
            case 9:
            case 10: {
                constexpr std::array kinds{Backend::Health::Refuses, Backend::Health::Hangs,
                                           Backend::Health::CannotBeProbed};
                const auto check = any_check();
                world_->backend().set(node.index(), check, kinds.at(random().below(kinds.size())));
                // Some stay as they are to the end.
                if (random().chance(800)) {
                    later([this, &node, check] { world_->backend().set(node.index(), check, Backend::Health::Up); });
                }
                return;
            }
            case 11:
            case 12: {
                const auto loop = static_cast<LoopName>(random().below(4));
                // As long as it takes to doubt a neighbour, or the decisions, or neither.
                const auto interval = world_->options().advertise_interval;
                const auto duration = random().chance(600) ? random().between(interval, 5 * interval) : some_time();
                return node.stall(loop, duration);
            }
            case 13: return drain(node);
            case 14: node.set_link("eth0", false); return later([&node] { node.set_link("eth0", true); });
            case 15:
                if (world_->options().hostile) edit(node);
                return;
            case 16:
                node.kernel().refuses_all = kernel::Error{105, "everything"};
                return later([&node] { node.kernel().refuses_all.reset(); });
            case 17: return world_->router(random().between(1, world_->options().routers)).restart();
            default: return;
        }
    }

    void drain(Node& node) {
        vip::DrainTarget target = vip::NodeTarget{};
        switch (random().below(3)) {
            case 0: break;
            case 1: target = VipName{random().chance(500) ? "www" : "edge"}; break;
            default: target = vip::RealServerTarget{ServerName{"www-http"}, real_server_of(world_->options(), 0)};
        }
        // An operator sees whether the target exists; the simulator's book is kept likewise.
        if (!node.is_running() || !node.known().config || !exists(node, target)) return;
        node.drain(target);
        later([&node, target] { node.drain(target, false); });
        world_->after(30s, [&node, target] { node.drain(target, false); });
    }

    [[nodiscard]] static bool exists(const Node& node, const vip::DrainTarget& target) {
        if (const auto* name = std::get_if<VipName>(&target)) {
            return std::ranges::find(node.config().vips, *name, &config::Vip::name) != node.config().vips.end();
        }
        if (const auto* real = std::get_if<vip::RealServerTarget>(&target)) {
            const auto& servers = node.config().virtual_servers;
            return std::ranges::find(servers, real->server, &config::VirtualServer::name) != servers.end();
        }
        return true;
    }

    void edit(Node& node) {
        const auto which = random().below(5);
        // IPVS tells nobody; of an address, the notification may be lost.
        const bool notify = which < 2 && random().chance(900);
        node.edit_kernel(
            [which, vips = vips_of(world_->options()), stranger = stranger_of(world_->options())](Kernel& kernel) {
                const auto ours = [](const auto& id) { return id.protocol == ipvs::Protocol::Tcp; };
                const auto server = std::ranges::find_if(kernel.services, [&](const auto& e) { return ours(e.first); });
                switch (which) {
                    case 0:
                        std::erase_if(kernel.addresses,
                                      [&](const auto& address) { return vips.contains(address.key.prefix.address()); });
                        return;
                    case 1: {
                        kernel::AddressTable edited;
                        for (auto address : kernel.addresses) {
                            if (address.key.interface.value() == "lo" && vips.contains(address.key.prefix.address())) {
                                address.scope = kernel::Scope::Global;
                            }
                            edited.insert(address);
                        }
                        kernel.addresses = edited;
                        return;
                    }
                    case 2:
                        std::erase_if(kernel.services, [&](const auto& entry) { return ours(entry.first); });
                        return;
                    case 3:
                        if (server != kernel.services.end()) server->second.real_servers.clear();
                        return;
                    default:
                        if (server == kernel.services.end()) return;
                        server->second.scheduler = ipvs::Scheduler{"rr"};
                        server->second.real_servers[stranger] = {};
                        return;
                }
            },
            notify);
    }

    World* world_;
    TimePoint end_;
    bool over_ = false;
};

}  // namespace

bool run_seed(World& world) {
    const auto chaos = std::make_shared<Chaos>(world);
    const auto& options = world.options();
    world.network().set_loss(options.loss, options.duplication, options.reordering);
    world.start();
    chaos->go_on();
    if (!world.run_for(options.chaos)) return false;
    world.trace("chaos", [] { return "faults off"; });
    chaos->end();
    // The last stall and the last drain end within half a minute. Four minutes are the longest that a session may
    // take: the HoldTimer in OpenSent (RFC 4271 §8.2.2) of a connection whose other end lost its memory.
    for (int waited = 0; waited < 300; ++waited) {
        if (!world.run_for(1s)) return false;
        if (waited >= 31 && world.oracle().unmet().empty()) break;
    }
    // It came right: it must stay so.
    if (!world.run_for(5s)) return false;
    for (const auto& what : world.oracle().unmet()) world.oracle().fail("liveness", what);
    return world.oracle().violations().empty();
}

}  // namespace anyvip::sim
