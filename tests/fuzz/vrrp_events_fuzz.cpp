#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <variant>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"
#include "anyvip/wire/reader.hpp"
#include "vrrp/virtual_router.hpp"

/// Any script of events leaves the virtual router within its invariants:
///   - after TimerExpired no deadline lies in the past, so that the driver cannot spin;
///   - Active holds an Adver_Timer within one interval, has asked for the addresses, and nobody else holds them;
///   - leaving by own will is priority 0 and then removal; yielding is no priority 0;
///   - gratuitous ARP is sent in Active only, after the newest generation was confirmed;
///   - a StateChanged names the states that were and are.

using namespace anyvip;
using namespace anyvip::vrrp;

namespace {

void require(bool holds, const char* invariant) {
    if (holds) return;
    std::fprintf(stderr, "broken: %s\n", invariant);
    std::abort();
}

net::IpAddress address_of(std::uint8_t low) {
    return net::Ipv4Address{0x0a000000U + (low & 7U)};
}

Config config_of(wire::Reader& in) {
    Config config;
    const std::uint8_t flags = in.u8();
    config.version = (flags & 1U) != 0 ? Version::V2 : Version::V3;
    config.preempt = (flags & 2U) == 0;
    config.preempt_delay = (flags & 4U) != 0 ? std::chrono::seconds{3} : std::chrono::seconds{0};
    config.garp_delay = (flags & 8U) != 0 ? std::chrono::seconds{0} : std::chrono::seconds{5};
    config.garp_repeat = flags >> 6U;
    config.advertise_interval = std::chrono::milliseconds{in.u16()};
    config.apply_timeout = std::chrono::milliseconds{1 + in.u16()};
    config.addresses = {address_of(in.u8())};
    return config;
}

std::optional<Priority> priority_of(std::uint8_t value) {
    // One value more than there are priorities: Ineligible.
    return value == 1 ? std::nullopt : std::optional{Priority{value}};
}

Event event_of(wire::Reader& in, const Config& config, Generation newest, TimePoint now) {
    switch (in.u8() % 13) {
        case 0: return Startup{};
        case 1: return Shutdown{};
        case 2: return InterfaceUp{};
        case 3: return InterfaceDown{};
        case 4: {
            const std::uint8_t low = in.u8();
            return SourceChanged{low == 0 ? std::nullopt : std::optional{address_of(low)}};
        }
        case 5: return PriorityChanged{priority_of(in.u8()), "fuzzed"};
        case 6: {
            const auto priority = priority_of(in.u8());
            return Lease{priority, "fuzzed", now + std::chrono::milliseconds{in.u16()}};
        }
        case 7: {
            const std::uint8_t value = in.u8();
            const Generation generation{newest.value() - std::min<std::uint64_t>(newest.value(), value & 3U)};
            return AddressesApplied{generation,
                                    (value & 4U) != 0 ? std::optional<std::string>{"refused"} : std::nullopt};
        }
        case 8: return Retry{};
        case 9: return ConfigChanged{config_of(in), (in.u8() & 1U) != 0};
        case 10: return AdvertisementDiscarded{static_cast<DiscardReason>(in.u8() % discard_reasons)};
        case 11: {
            const net::IpAddress source = address_of(in.u8());
            const Priority priority{in.u8()};
            const Advertisement heard{config.version, VirtualRouterId{51}, priority, Centiseconds{in.u16()}, {source}};
            return AdvertisementReceived{source, heard};
        }
        default: return TimerExpired{};
    }
}

/// What an observer of the actions knows.
struct Observer {
    Generation newest;
    bool present = false;
    bool confirmed = false;

    void see(const Actions& actions, StateName before, StateName after) {
        bool said_goodbye = false;
        bool changed = false;
        for (const auto& action : actions) {
            std::visit(
                overloaded{
                    [&](const SendAdvertisement& a) {
                        said_goodbye = said_goodbye || a.priority == Priority::shutdown();
                        require(before == StateName::Active || after == StateName::Active, "only Active advertises");
                    },
                    [&](const SetAddresses& a) {
                        require(a.generation > newest, "generations grow");
                        newest = a.generation;
                        present = a.present;
                        confirmed = false;
                        require(a.present || said_goodbye == (after == StateName::Initialize),
                                "leaving says goodbye before the addresses go, yielding never");
                    },
                    [&](const SendGratuitousArp&) {
                        require(after == StateName::Active && confirmed, "gratuitous ARP for confirmed addresses");
                    },
                    [&](const StateChanged& a) {
                        changed = true;
                        require(a.from == before && a.to == after && before != after, "StateChanged is true");
                    },
                },
                action);
        }
        require(changed == (before != after), "a change of state is told");
        require(present == (after == StateName::Active), "the addresses follow the state");
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    wire::Reader in{std::span{data, size}};
    VirtualRouter router{Identity{VirtualRouterId{51}, net::Family::Ipv4}, config_of(in)};
    TimePoint now{std::chrono::seconds{1000}};
    Observer observer;
    while (!in.at_end()) {
        now += std::chrono::milliseconds{in.u8() * in.u8()};
        const Event event = event_of(in, router.config(), observer.newest, now);
        const StateName before = router.state_name();
        if (const auto* applied = std::get_if<AddressesApplied>(&event)) {
            if (applied->generation == observer.newest && !applied->error) observer.confirmed = true;
        }
        const Actions actions = router.handle(event, now);
        observer.see(actions, before, router.state_name());
        (void)anyvip::describe(event);
        (void)anyvip::describe(actions);
        (void)anyvip::describe(router.state());

        const bool expired = std::holds_alternative<TimerExpired>(event);
        require(!expired || !router.deadline() || *router.deadline() > now, "no deadline in the past after an expiry");
        if (const auto* active = std::get_if<Active>(&router.state())) {
            require(active->adver_timer <= now + std::chrono::seconds{255}, "Active has an Adver_Timer");
            require(router.deadline() <= active->adver_timer, "the deadline is the earliest timer");
        }
    }
    return 0;
}
