#include "sim/kernel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <variant>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"

namespace anyvip::sim {
namespace {

net::Prefix prefix(const std::string& text) {
    return *net::Prefix::parse(text);
}

}  // namespace

Kernel::Kernel(int node, Random random) : node_{node}, random_{random} {
    const auto n = std::to_string(node);
    foreign_addresses_ = {
        {.key = {net::InterfaceName{"lo"}, prefix("127.0.0.1/8")}, .scope = kernel::Scope::Host},
        {.key = {net::InterfaceName{"eth0"}, prefix("192.0.2.1" + n + "/24")}},
        {.key = {net::InterfaceName{"eth0"}, prefix("fe80::1" + n + "/64")}, .scope = kernel::Scope::Link},
        {.key = {net::InterfaceName{"eth1"}, prefix("10.0.0.1" + n + "/24")}},
    };
    ipvs::VirtualServer foreign;
    foreign.scheduler = ipvs::Scheduler{"rr"};
    foreign.real_servers[{*net::IpAddress::parse("10.9.0.1"), 53}] = {.weight = ipvs::Weight{7}};
    const ipvs::VirtualServerId id{ipvs::Protocol::Udp, {*net::IpAddress::parse("198.51.100.53"), 53}};
    foreign_services_[id] = ipvs::normalised(id, foreign);
    reboot();
}

void Kernel::reboot() {
    addresses = foreign_addresses_;
    services = foreign_services_;
    links.clear();
    std::uint32_t index = 0;
    for (const char* name : {"lo", "eth0", "eth1"}) {
        kernel::Link link;
        link.name = net::InterfaceName{name};
        link.index = net::InterfaceIndex{++index};
        link.admin_up = link.running = link.lower_up = true;
        if (index > 1)
            link.mac =
                net::MacAddress{{2, 0, 0, 0, static_cast<std::uint8_t>(index), static_cast<std::uint8_t>(node_)}};
        link.mtu = 1500;
        links[link.name] = link;
    }
}

std::optional<kernel::Error> Kernel::refusal(const std::string& what) {
    if (refuses_all) return refuses_all;
    if (!random_.chance(refusals)) return std::nullopt;
    constexpr std::array codes{ENOBUFS, EBUSY, ENOMEM, EINTR};
    return kernel::Error{codes.at(random_.below(codes.size())), what};
}

daemon::KernelRead Kernel::read(bool with_services) {
    daemon::KernelRead result{.addresses = addresses, .services = std::nullopt, .links = links};
    if (auto error = refusal("RTM_GETADDR")) result.addresses = std::unexpected(*error);
    if (!with_services) return result;
    result.services = services;
    if (auto error = refusal("IPVS_CMD_GET_SERVICE")) result.services = std::unexpected(*error);
    return result;
}

daemon::OwnedStored Kernel::store(const Ownership& ownership) {
    if (auto error = refusal("fsync")) return {error};
    owned = ownership;
    return {};
}

daemon::Executed Kernel::execute(const daemon::Execute& wanted) {
    daemon::Executed result;
    for (const auto& command : wanted.addresses) {
        const auto& key = kernel::key_of(command);
        if (auto error = refusal(anyvip::describe(command))) {
            result.addresses.emplace(key, *error);
        } else if (!kernel::applies(addresses, command)) {
            const bool adds = std::holds_alternative<kernel::AddAddress>(command);
            result.addresses.emplace(key, kernel::Error{adds ? EEXIST : EADDRNOTAVAIL, anyvip::describe(command)});
        } else {
            addresses = kernel::apply(addresses, command);
        }
    }
    for (const auto& command : wanted.services) {
        const auto& id = ipvs::key_of(command);
        if (auto error = refusal(anyvip::describe(command))) {
            result.services.emplace(id, *error);
        } else if (!ipvs::applies(services, command)) {
            result.services.emplace(id,
                                    kernel::Error{services.contains(id) ? EEXIST : ENOENT, anyvip::describe(command)});
        } else {
            services = ipvs::apply(services, command);
        }
    }
    return result;
}

void Kernel::set_link(const net::InterfaceName& name, bool up) {
    auto& link = links.at(name);
    link.running = link.lower_up = up;
}

bool Kernel::has(const net::IpAddress& address) const {
    return std::ranges::any_of(addresses, [&](const auto& a) { return a.key.prefix.address() == address; });
}

bool Kernel::has(const kernel::AddressKey& key) const {
    return std::ranges::any_of(addresses, [&](const auto& a) { return a.key == key; });
}

bool Kernel::foreign_untouched() const {
    return std::ranges::includes(addresses, foreign_addresses_) &&
           std::ranges::all_of(foreign_services_, [&](const auto& entry) {
               const auto found = services.find(entry.first);
               return found != services.end() && found->second == entry.second;
           });
}

}  // namespace anyvip::sim
