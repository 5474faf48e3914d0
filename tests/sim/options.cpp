#include "sim/options.hpp"

#include <array>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <utility>

#include "anyvip/config/load.hpp"
#include "anyvip/random.hpp"

namespace anyvip::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::pair<Mutation, std::string_view>, 6> mutations{{
    {Mutation::None, "none"},
    {Mutation::StaleGeneration, "stale-generation"},
    {Mutation::AnnounceUnconfirmed, "announce-unconfirmed"},
    {Mutation::LeaseIgnored, "lease-ignored"},
    {Mutation::SocketsNotDrained, "sockets-not-drained"},
    {Mutation::WithdrawAfterRemoval, "withdraw-after-removal"},
}};

std::string_view describe(Opens opens) {
    switch (opens) {
        case Opens::Node: return "node";
        case Opens::Router: return "router";
        case Opens::Both: return "both";
    }
    return "?";
}

std::string milliseconds(Duration duration) {
    return std::to_string(duration / 1ms) + "ms";
}

constexpr Addresses ipv4{.www = "203.0.113.10",
                         .www_moved = "203.0.113.11",
                         .extra = "203.0.113.30",
                         .office = "192.0.2.100",
                         .edge = "192.0.2.200",
                         .edge_extra = "192.0.2.201",
                         .length = "/24",
                         .real_servers = {"10.1.0.21", "10.1.0.22"},
                         .stranger = "10.1.0.99"};
constexpr Addresses ipv6{.www = "2001:db8:f::10",
                         .www_moved = "2001:db8:f::11",
                         .extra = "2001:db8:f::30",
                         .office = "2001:db8:2::100",
                         .edge = "2001:db8:2::200",
                         .edge_extra = "2001:db8:2::201",
                         .length = "/64",
                         .real_servers = {"2001:db8:1::21", "2001:db8:1::22"},
                         .stranger = "2001:db8:1::99"};

std::string toml(std::string_view text) {
    return '"' + std::string{text} + '"';
}

/// `more` are keys of the virtual server itself.
std::string virtual_server(const Options& options, const std::string& name, const std::string& vip, int variant,
                           const std::string& more) {
    const auto& servers = addresses_of(options).real_servers;
    std::string text = "[[virtual_server]]\nname = \"" + name + "\"\nvip = \"" + vip +
                       "\"\nport = 80\nscheduler = \"wrr\"\nforwarding = \"dr\"\n" + more +
                       "check = { tcp = {}, interval = \"1s\", timeout = \"500ms\", rise = 1, fall = 2, "
                       "unknown_timeout = \"5s\" }\n"
                       "[[virtual_server.real_server]]\naddress = " +
                       toml(servers[0]) + "\nweight = 2\n";
    if (variant != 3) text += "[[virtual_server.real_server]]\naddress = " + toml(servers[1]) + '\n';
    return text;
}

}  // namespace

std::string_view describe(Mutation mutation) {
    for (const auto& [value, name] : mutations) {
        if (value == mutation) return name;
    }
    return "?";
}

std::optional<Mutation> to_mutation(std::string_view name) {
    for (const auto& [value, known] : mutations) {
        if (known == name) return value;
    }
    return std::nullopt;
}

const Addresses& addresses_of(const Options& options) {
    return options.ipv6 ? ipv6 : ipv4;
}

std::set<net::IpAddress> vips_of(const Options& options) {
    std::set<net::IpAddress> vips;
    for (int variant = 0; variant < variants; ++variant) {
        for (const auto& vip : config_of(options, 1, variant).vips) vips.insert(vip.address.address());
    }
    return vips;
}

net::Endpoint real_server_of(const Options& options, std::size_t which) {
    return {*net::IpAddress::parse(addresses_of(options).real_servers.at(which)), 80};
}

net::Endpoint stranger_of(const Options& options) {
    return {*net::IpAddress::parse(addresses_of(options).stranger), 80};
}

Options options_from(std::uint64_t seed) {
    Random random{seed * 7919 + 17};
    Options options;
    options.seed = seed;
    options.nodes = random.between(1, 3);
    options.routers = random.between(1, 2);
    const auto kinds = random.between(1U, 7U);
    options.bgp_vip = (kinds & 1U) != 0;
    options.vrrp_vip = (kinds & 2U) != 0;
    options.hybrid_vip = (kinds & 4U) != 0;
    if (options.vrrp_vip || options.hybrid_vip) options.nodes = std::max(options.nodes, 2);
    options.preempt = random.chance(700);
    constexpr std::array<Duration, 3> intervals{100ms, 300ms, 1s};
    options.advertise_interval = intervals.at(random.below(intervals.size()));
    options.opens = static_cast<Opens>(random.below(3));
    options.link_delay = random.between(Duration{100us}, Duration{20ms});
    options.mail_delay = random.chance(300) ? random.between(Duration{1ms}, Duration{300ms}) : Duration{100us};
    options.lateness = random.chance(300) ? random.between(Duration{1ms}, Duration{30ms}) : Duration{0};
    options.kernel_latency = random.chance(500) ? random.between(Duration{1ms}, Duration{400ms}) : Duration{0};
    if (random.chance(400)) options.loss = random.between(5U, 100U);
    if (random.chance(200)) options.duplication = random.between(5U, 200U);
    if (random.chance(200)) options.reordering = random.between(5U, 200U);
    if (random.chance(300)) options.refusals = random.between(5U, 200U);
    options.chaos = random.between(Duration{20s}, Duration{60s});
    options.between_faults = random.between(Duration{500ms}, Duration{5s});
    options.hostile = random.chance(400);
    // Seeds below were chosen, and some have their stories, before what follows was there: they keep their runs.
    if (seed < 10'000) return options;
    options.ipv6 = random.chance(300);
    options.script = random.chance(400);
    options.persistence = random.chance(300);
    options.keeps_empty = random.chance(300);
    options.program_active = random.chance(500);
    options.vrrp2 = !options.ipv6 && random.chance(300);
    if (options.vrrp2) options.advertise_interval = 1s;
    if (seed < 20'000) return options;  // Likewise.
    options.bfd = random.chance(800);
    options.graceful_shutdown = std::chrono::seconds{random.chance(500) ? random.between(1, 3) : 0};
    if (seed < 30'000) return options;  // Likewise.
    options.bfd_strict = options.bfd && random.chance(500);
    return options;
}

std::string describe(const Options& options) {
    std::ostringstream text;
    text << "seed=" << options.seed << " mutation=" << describe(options.mutation) << " nodes=" << options.nodes
         << " routers=" << options.routers << " vips=" << (options.bgp_vip ? "bgp " : "")
         << (options.vrrp_vip ? "vrrp " : "") << (options.hybrid_vip ? "hybrid " : "") << "preempt=" << options.preempt
         << " advertise_interval=" << milliseconds(options.advertise_interval) << " opens=" << describe(options.opens)
         << " link_delay=" << options.link_delay / 1us << "us"
         << " mail_delay=" << milliseconds(options.mail_delay) << " lateness=" << milliseconds(options.lateness)
         << " kernel_latency=" << milliseconds(options.kernel_latency) << " loss=" << options.loss
         << " duplication=" << options.duplication << " reordering=" << options.reordering
         << " refusals=" << options.refusals << " chaos=" << milliseconds(options.chaos)
         << " between_faults=" << milliseconds(options.between_faults) << " hostile=" << options.hostile
         << " ipv6=" << options.ipv6 << " script=" << options.script << " persistence=" << options.persistence
         << " keeps_empty=" << options.keeps_empty << " program_active=" << options.program_active
         << " vrrp2=" << options.vrrp2 << " bfd=" << options.bfd << " bfd_strict=" << options.bfd_strict
         << " graceful_shutdown=" << options.graceful_shutdown.count() << 's';
    return text.str();
}

int priority_of(int node, int variant) {
    return variant == 2 ? 100 + node : 200 - 20 * node;
}

std::string config_text(const Options& options, int node, int variant) {
    const auto n = std::to_string(node);
    const auto& addresses = addresses_of(options);
    std::string text = "[node]\nname = \"node" + n + "\"\n";
    if (options.bgp_vip || options.hybrid_vip) {
        text += "[bgp]\nasn = 65010\nrouter_id = \"10.0.0.1" + n + "\"\n";
        text += "graceful_shutdown = \"" + std::to_string(options.graceful_shutdown.count()) + "s\"\n";
        if (options.opens != Opens::Node) text += "listen = [\"0.0.0.0\"]\n";
        for (int router = 1; router <= options.routers; ++router) {
            const auto r = std::to_string(router);
            text += "[[bgp.peer]]\nname = \"tor" + r + "\"\naddress = \"10.0.0." + r +
                    "\"\nasn = 65000\nhold_time = \"9s\"\n";
            if (options.ipv6) text += "next_hop6 = \"2001:db8::1" + n + "\"\n";
            if (options.opens == Opens::Router) text += "passive = true\n";
            if (options.bfd) text += options.bfd_strict ? "bfd = { strict = true }\n" : "bfd = {}\n";
        }
    }
    const auto router = [&](const std::string& name, int vrid) {
        text += "[[virtual_router]]\nname = \"" + name + "\"\ninterface = \"eth0\"\nvrid = " + std::to_string(vrid) +
                "\npriority = " + std::to_string(priority_of(node, variant)) + "\nadvertise_interval = \"" +
                milliseconds(options.advertise_interval) + "\"\npreempt = " + (options.preempt ? "true" : "false") +
                "\n";
        if (options.ipv6) text += "family = \"ipv6\"\n";
        if (options.vrrp2) text += "version = 2\n";
    };
    if (options.vrrp_vip) router("office", 51);
    if (options.hybrid_vip) router("edge", 52);
    text += "[[check]]\nname = \"local\"\n";
    text += options.script ? "script = [\"/etc/anyvip/check\"]\n" : "tcp = { address = \"127.0.0.1\", port = 80 }\n";
    text += "interval = \"1s\"\ntimeout = \"500ms\"\nrise = 2\nfall = 2\nunknown_timeout = \"5s\"\n";
    if (options.bgp_vip) {
        text += "[[vip]]\nname = \"www\"\naddress = " + toml(variant == 4 ? addresses.www_moved : addresses.www) +
                "\nannounce = \"bgp\"\ntrack = [\"local\"]\n" +
                (variant == 2 ? "bgp = { med = 50, communities = [\"65010:100\"] }\n" : "");
    }
    if (options.bgp_vip && variant == 1) {
        text += "[[vip]]\nname = \"extra\"\naddress = " + toml(addresses.extra) + "\nannounce = \"bgp\"\n";
    }
    const auto moved = [&](std::string_view address) { return toml(std::string{address}.append(addresses.length)); };
    if (options.vrrp_vip) {
        text += "[[vip]]\nname = \"office\"\naddress = " + moved(addresses.office) +
                "\nannounce = \"vrrp\"\nvirtual_router = \"office\"\ntrack = [\"local\"]\n";
    }
    if (options.hybrid_vip) {
        text += "[[vip]]\nname = \"edge\"\naddress = " + moved(addresses.edge) +
                "\nannounce = [\"vrrp\", \"bgp\"]\nvirtual_router = \"edge\"\ntrack = [\"local\"]\n";
    }
    if (options.hybrid_vip && variant == 1) {
        text += "[[vip]]\nname = \"edge-extra\"\naddress = " + moved(addresses.edge_extra) +
                "\nannounce = [\"vrrp\", \"bgp\"]\nvirtual_router = \"edge\"\n";
    }
    if (options.bgp_vip && variant != 5) {
        text += virtual_server(options, "www-http", "www", variant,
                               std::string{options.persistence ? "persistence = \"60s\"\n" : ""} +
                                   (options.keeps_empty ? "when_empty = \"keep\"\n" : ""));
    }
    const std::string program = options.program_active ? "program = \"active\"\n" : "";
    if (options.vrrp_vip) text += virtual_server(options, "office-http", "office", variant, program);
    if (options.hybrid_vip && options.program_active) {
        text += virtual_server(options, "edge-http", "edge", variant, program);
    }
    return text;
}

config::Config config_of(const Options& options, int node, int variant) {
    const auto text = config_text(options, node, variant);
    auto config = config::parse(text, "node.toml");
    if (config) return *std::move(config);
    for (const auto& error : config.error()) std::cerr << config::describe(error) << '\n';
    std::abort();  // The simulator's own mistake.
}

}  // namespace anyvip::sim
