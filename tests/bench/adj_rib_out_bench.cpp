#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "anyvip/wire/writer.hpp"
#include "bgp/adj_rib_out.hpp"
#include "bgp/framer.hpp"
#include "bgp/message.hpp"
#include "bgp/route_table.hpp"

/// What routes cost on their way to the peers, without sockets: a hundred thousand to one of them, one to a hundred,
/// and what they weigh. The peer takes 64 KiB at a time, as bgp::Peer lets it. Beside it what cannot be beaten: the
/// same octets from a sorted vector, without any memory of what the peer knows.
namespace anyvip::bgp {
namespace {

constexpr std::size_t window = 65536;
constexpr std::uint32_t many = 100000;

Export session(std::size_t peer = 0) {
    return {.peer = PeerName{"tor-" + std::to_string(peer)},
            .local_as = Asn{65010},
            .ipv4 = true,
            .next_hop = net::Ipv4Address{0x0a00000b},
            .next_hop6 = {}};
}

std::vector<RouteChange> routes(std::uint32_t count) {
    std::vector<RouteChange> changes;
    for (std::uint32_t i = 0; i < count; ++i) {
        changes.push_back({net::Prefix::host(net::Ipv4Address{0xc6120000U + i}), Route{.attributes = {.med = 50}}});
    }
    return changes;
}

std::size_t take_all(AdjRibOut& rib) {
    std::size_t octets = 0;
    while (!rib.clean()) octets += rib.take(window).octets.size();
    return octets;
}

void require(bool holds) {
    if (!holds) throw std::logic_error{"it does not measure what it says"};
}

void a_straight_encoding(benchmark::State& state) {
    std::vector<net::Prefix> prefixes;
    for (const auto& change : routes(many)) prefixes.push_back(change.prefix);
    for (auto _ : state) {
        wire::Writer out;
        for (const auto& prefix : prefixes) encode_prefix(prefix, out);
        benchmark::DoNotOptimize(out.view().data());
    }
}
BENCHMARK(a_straight_encoding)->Unit(benchmark::kMillisecond);

/// From Established to End-of-RIB.
void announce_a_hundred_thousand(benchmark::State& state) {
    RouteTable table;
    (void)table.change(routes(many));
    for (auto _ : state) {
        AdjRibOut rib{table};
        rib.allow_end_of_rib();
        rib.start(session());
        require(take_all(rib) > 5U * many && rib.announced() == many);
        state.PauseTiming();
        rib.stop();
        state.ResumeTiming();
    }
}
BENCHMARK(announce_a_hundred_thousand)->Unit(benchmark::kMillisecond);

void withdraw_a_hundred_thousand(benchmark::State& state) {
    RouteTable table;
    AdjRibOut rib{table};
    rib.start(session());
    const auto announced = routes(many);
    auto withdrawn = announced;
    for (auto& change : withdrawn) change.route.reset();
    for (auto _ : state) {
        state.PauseTiming();
        rib.changed(table.change(announced));
        (void)take_all(rib);
        const auto slots = table.change(withdrawn);
        state.ResumeTiming();
        rib.changed(slots);
        require(take_all(rib) > 5U * many && rib.announced() == 0);
    }
}
BENCHMARK(withdraw_a_hundred_thousand)->Unit(benchmark::kMillisecond);

/// The table's part of the same, as a configuration of a hundred thousand VIPs has it.
void change_the_table(benchmark::State& state) {
    const auto announced = routes(many);
    for (auto _ : state) {
        RouteTable table;
        benchmark::DoNotOptimize(table.change(announced));
    }
}
BENCHMARK(change_the_table)->Unit(benchmark::kMillisecond);

struct Fabric {
    explicit Fabric(std::size_t count, std::uint32_t prefixes) {
        (void)table.change(routes(prefixes));
        for (std::size_t peer = 0; peer < count; ++peer) {
            peers.emplace_back(table);
            peers.back().start(session(peer));
            (void)take_all(peers.back());
        }
    }
    RouteTable table;
    std::deque<AdjRibOut> peers;
};

/// One VIP is withdrawn, or announced, to so many peers: the octets of all of them.
void one_verdict(benchmark::State& state) {
    Fabric fabric{static_cast<std::size_t>(state.range(0)), 1000};
    const auto vip = net::Prefix::host(net::Ipv4Address{0xc6120000U + 500});
    bool up = true;
    for (auto _ : state) {
        up = !up;
        const auto slots = fabric.table.change({vip, up ? std::optional{Route{}} : std::nullopt});
        std::size_t octets = 0;
        for (auto& peer : fabric.peers) {
            peer.changed(slots);
            octets += peer.take(window).octets.size();
        }
        require(octets >= 28U * fabric.peers.size());
    }
}
BENCHMARK(one_verdict)->Arg(1)->Arg(100)->Unit(benchmark::kMicrosecond);

/// `octets`: of the heap, for everything that was announced.
void weight(benchmark::State& state) {
    const auto peers = static_cast<std::size_t>(state.range(0));
    const auto prefixes = static_cast<std::uint32_t>(state.range(1));
    for (auto _ : state) {
        const auto before = mallinfo2();
        const Fabric fabric{peers, prefixes};
        const auto after = mallinfo2();
        state.counters["octets"] = static_cast<double>(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd);
    }
}
BENCHMARK(weight)->Args({100, 1000})->Args({1, 100000})->Iterations(1)->Unit(benchmark::kMillisecond);

void decode_an_update(benchmark::State& state) {
    RouteTable table;
    AdjRibOut rib{table};
    rib.start(session());
    rib.changed(table.change(routes(800)));
    const auto octets = rib.take(window).octets;
    for (auto _ : state) {
        Framer framer;
        framer.feed(octets);
        const auto raw = framer.next();
        require(raw && decode(**raw, {}).has_value());
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(octets.size()) * state.iterations());
}
BENCHMARK(decode_an_update)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace anyvip::bgp
