#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/vip/coordinator.hpp"
#include "daemon/decision.hpp"
#include "daemon/translate.hpp"
#include "support/decision_world.hpp"

/// What one verdict costs between its letter and the UPDATE (product rule 3: p99 below a millisecond, also with ten
/// thousand real servers): 100 VIPs, each with a check of its own and a virtual server of 100 real servers, each of
/// those with its check. Figures of an optimised build are worth something, others show that it runs:
///
///     cmake -S . -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release && cmake --build build/bench --target anyvip_bench
namespace anyvip {
namespace {

constexpr std::size_t virtual_servers = 100;
constexpr std::size_t real_servers_each = 100;

std::string vip_name(std::size_t vip) {
    return "vip-" + std::to_string(vip);
}
std::string real_server_address(std::size_t vip, std::size_t real_server) {
    return "10.1." + std::to_string(vip) + "." + std::to_string(real_server + 1);
}

const config::Config& ten_thousand_real_servers() {
    static const auto config = [] {
        std::string text = R"(
[bgp]
asn = 65010
router_id = "10.0.0.11"
[[bgp.peer]]
name = "tor-a"
address = "10.0.0.1"
asn = 65000
)";
        for (std::size_t vip = 0; vip < virtual_servers; ++vip) {
            const auto name = vip_name(vip);
            text += "[[check]]\nname = \"" + name + "\"\ntcp = { address = \"127.0.0.1\", port = 80 }\n";
            text += "[[vip]]\nname = \"" + name + "\"\naddress = \"203.0.113." + std::to_string(vip + 1) +
                    "\"\nannounce = \"bgp\"\ntrack = [\"" + name + "\"]\n";
            text += "[[virtual_server]]\nname = \"" + name + "-http\"\nvip = \"" + name +
                    "\"\nport = 80\nforwarding = \"dr\"\ncheck = { tcp = {} }\nreal_server = [\n";
            for (std::size_t one = 0; one < real_servers_each; ++one) {
                text += "{ address = \"" + real_server_address(vip, one) + "\" },\n";
            }
            text += "]\n";
        }
        return testing::config_of(text);
    }();
    return config;
}

/// In an order in which no two that follow each other are neighbours.
std::vector<CheckName> checks_of_real_servers() {
    std::vector<CheckName> checks;
    for (std::size_t one = 0; one < real_servers_each; ++one) {
        for (std::size_t vip = 0; vip < virtual_servers; ++vip) {
            checks.emplace_back(vip_name(vip) + "-http/" + real_server_address(vip, one) + ":80");
        }
    }
    return checks;
}

/// One real server after the other fails, then one after the other returns, and no VIP loses its quorum.
class Rounds {
public:
    std::pair<const CheckName&, bool> next() {
        if (at_ == checks_.size()) at_ = 0;
        if (at_ == 0) up_ = !up_;
        // The first of each virtual server stays.
        if (at_ == 0) at_ = virtual_servers;
        return {checks_[at_++], up_};
    }
    [[nodiscard]] const std::vector<CheckName>& all() const { return checks_; }

private:
    std::vector<CheckName> checks_ = checks_of_real_servers();
    std::size_t at_ = 0;
    bool up_ = true;
};

// What is measured is made once and goes on from where the last measurement left it.

void coordinator_hears_of_a_real_server(benchmark::State& state) {
    static Rounds rounds;
    static auto coordinator = [] {
        vip::Coordinator made;
        (void)made.handle(vip::PoliciesChanged{daemon::policies(ten_thousand_real_servers())});
        for (const auto& check : rounds.all()) (void)made.handle(vip::HealthReported{check, {vip::Health::Up, ""}});
        for (std::size_t vip = 0; vip < virtual_servers; ++vip) {
            (void)made.handle(vip::HealthReported{CheckName{vip_name(vip)}, {vip::Health::Up, ""}});
            if (!is_eligible(made.verdict(VipName{vip_name(vip)}))) throw std::logic_error{"nothing to measure"};
        }
        return made;
    }();
    for (auto _ : state) {
        const auto& [check, up] = rounds.next();
        const auto actions =
            coordinator.handle(vip::HealthReported{check, {up ? vip::Health::Up : vip::Health::Down, "refused"}});
        if (actions.size() != 1) throw std::logic_error{"one pool changes"};
    }
}
BENCHMARK(coordinator_hears_of_a_real_server)->Unit(benchmark::kMicrosecond);

daemon::Decision::Event health(const CheckName& check, bool up) {
    return daemon::DecisionMail{
        daemon::HealthChanged{check, up ? health::State::Up : health::State::Down, up ? "" : "refused"}};
}

/// Everything is announced.
testing::DecisionWorld& settled() {
    static testing::DecisionWorld world;
    static const bool once = [] {
        world.feed(daemon::ConfigLoaded{ten_thousand_real_servers(), std::nullopt});
        world.establish("tor-a");
        const auto checks = checks_of_real_servers();
        // The kernel answers for the last one of each virtual server.
        const auto last = checks.size() - virtual_servers;
        for (std::size_t one = 0; one < last; ++one) (void)world.core.handle(health(checks[one], true), world.now);
        for (std::size_t one = last; one < checks.size(); ++one) world.feed(health(checks[one], true));
        for (std::size_t vip = 0; vip < virtual_servers; ++vip) world.feed(health(CheckName{vip_name(vip)}, true));
        if (world.wire().size() != virtual_servers + 1) throw std::logic_error{"routes, and End-of-RIB"};
        world.clear();
        return true;
    }();
    (void)once;
    return world;
}

void decision_hears_of_a_real_server(benchmark::State& state) {
    static Rounds rounds;
    auto& world = settled();
    for (auto _ : state) {
        const auto& [check, up] = rounds.next();
        const auto actions = world.core.handle(health(check, up), world.now);
        const bool kernel_hears = std::ranges::any_of(
            actions, [](const auto& action) { return std::holds_alternative<daemon::KernelMail>(action); });
        state.PauseTiming();
        if (!kernel_hears) throw std::logic_error{"one pool changes"};
        world.perform(actions);  // The kernel has it.
        world.clear();
        state.ResumeTiming();
    }
}
BENCHMARK(decision_hears_of_a_real_server)->Unit(benchmark::kMicrosecond);

/// The way to the wire: a VIP is withdrawn, and announced again.
void decision_withdraws_or_announces(benchmark::State& state) {
    static std::size_t vip = 0;
    static bool up = true;
    auto& world = settled();
    for (auto _ : state) {
        if (vip == 0) up = !up;
        const auto event = health(CheckName{vip_name(vip)}, up);
        vip = (vip + 1) % virtual_servers;
        const auto actions = world.core.handle(event, world.now);
        state.PauseTiming();
        if (world.wire(actions).size() != 1) throw std::logic_error{"one route changes"};
        world.perform(actions);  // The transport takes it.
        world.clear();
        state.ResumeTiming();
    }
}
BENCHMARK(decision_withdraws_or_announces)->Unit(benchmark::kMicrosecond);

/// What a VIP costs at the start and when it leaves again, with so many of them: twice as many are to cost each no
/// more.
void decision_starts_and_leaves(benchmark::State& state) {
    const auto vips = static_cast<std::size_t>(state.range(0));
    std::string text =
        "[bgp]\nasn = 65010\nrouter_id = \"10.0.0.11\"\n"
        "[[bgp.peer]]\nname = \"tor-a\"\naddress = \"10.0.0.1\"\nasn = 65000\n"
        "[[check]]\nname = \"nginx\"\ntcp = { address = \"127.0.0.1\", port = 80 }\n";
    for (std::size_t vip = 0; vip < vips; ++vip) {
        text += "[[vip]]\nname = \"" + vip_name(vip) + "\"\naddress = \"198.18." + std::to_string(vip / 250) + "." +
                std::to_string(vip % 250) + "\"\nannounce = \"bgp\"\ntrack = [\"nginx\"]\n";
    }
    const auto config = testing::config_of(text);
    for (auto _ : state) {
        testing::DecisionWorld world;
        world.feed(daemon::ConfigLoaded{config, std::nullopt});
        world.establish("tor-a");
        world.feed(health(CheckName{"nginx"}, true));
        world.feed(health(CheckName{"nginx"}, false));
        state.PauseTiming();
        if (world.wire().size() != 2 * vips + 1) throw std::logic_error{"announced, End-of-RIB, withdrawn"};
        state.ResumeTiming();
    }
    state.counters["per VIP"] = benchmark::Counter(
        static_cast<double>(vips), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(decision_starts_and_leaves)->RangeMultiplier(4)->Range(1024, 16384)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace anyvip
