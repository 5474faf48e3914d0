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
#include "anyvip/random.hpp"
#include "anyvip/wire/reader.hpp"
#include "bgp/bfd/session.hpp"

/// Any script of events leaves the session within its invariants:
///   - after TimerExpired no deadline lies in the past, so that the driver cannot spin;
///   - one event sends three packets at most: nobody can make us a flood;
///   - no packet is both Poll and Final; every packet says the present state, and could be decoded by the neighbour;
///   - while the session is not Up, packets announce one second or more;
///   - a StateChanged names the states that were and are;
///   - Init and Up need a lease when they are entered.

using namespace anyvip;
using namespace anyvip::bfd;

namespace {

constexpr Discriminator ours{0x01020304};

void require(bool holds, const char* invariant) {
    if (holds) return;
    std::fprintf(stderr, "broken: %s\n", invariant);
    std::abort();
}

Config config_of(wire::Reader& in) {
    Config config;
    config.desired_min_tx_interval = std::chrono::milliseconds{in.u16()};
    config.required_min_rx_interval = std::chrono::milliseconds{in.u16()};
    config.detect_mult = in.u8();
    if (config.detect_mult == 0) config.detect_mult = 1;
    config.passive = (in.u8() & 1U) != 0;
    return config;
}

ControlPacket packet_of(wire::Reader& in) {
    ControlPacket packet;
    const std::uint8_t flags = in.u8();
    packet.state = static_cast<SessionState>(flags & 3U);
    packet.poll = (flags & 4U) != 0;
    packet.final = (flags & 8U) != 0;
    packet.demand = (flags & 16U) != 0;
    packet.my_discriminator = Discriminator{1U + (flags >> 7U)};
    packet.your_discriminator = (flags & 32U) != 0 ? ours : Discriminator{(flags & 64U) != 0 ? 9U : 0U};
    packet.detect_mult = static_cast<std::uint8_t>(1U + in.u8() % 255U);
    packet.desired_min_tx_interval = Microseconds{in.u16() * 1000U};
    packet.required_min_rx_interval = Microseconds{in.u16() * 1000U};
    return packet;
}

Event event_of(wire::Reader& in, TimePoint now) {
    switch (in.u8() % 8) {
        case 0: return AdminUp{};
        case 1: return AdminDown{};
        case 2: return ConfigChanged{config_of(in)};
        case 3: return Lease{now + std::chrono::milliseconds{in.u16()}};
        case 4: return ControlPacketDiscarded{static_cast<DiscardReason>(in.u8() % discard_reasons)};
        case 5: return TimerExpired{};
        default: return ControlPacketReceived{packet_of(in), 255};
    }
}

void check(const Actions& actions, const Session& session, SessionState before, bool leased) {
    std::size_t packets = 0;
    SessionState seen = before;
    for (const auto& action : actions) {
        std::visit(overloaded{
                       [&](const SendControlPacket& a) {
                           ++packets;
                           require(!(a.packet.poll && a.packet.final), "Poll and Final exclude each other");
                           require(a.packet.state == session.state(), "a packet says the present state");
                           require(decode(encode(a.packet)).has_value(), "a packet can be decoded");
                           require(a.packet.state == SessionState::Up ||
                                       a.packet.desired_min_tx_interval >= std::chrono::seconds{1},
                                   "slow until Up");
                       },
                       [&](const StateChanged& a) {
                           require(a.from == seen && a.from != a.to, "StateChanged is true");
                           const bool alive = a.to == SessionState::Init || a.to == SessionState::Up;
                           require(!alive || leased, "nothing comes up without a lease");
                           seen = a.to;
                       },
                   },
                   action);
    }
    require(seen == session.state(), "a change of state is told");
    require(packets <= 3, "no flood");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    wire::Reader in{std::span{data, size}};
    Random random{in.u8()};
    Session session{ours, config_of(in), random};
    TimePoint now{std::chrono::seconds{1000}};
    std::optional<TimePoint> lease;
    while (!in.at_end()) {
        // Mostly as the driver does: to the deadline, or some time before or after it.
        const std::uint8_t step = in.u8();
        if ((step & 1U) != 0 && session.deadline() && *session.deadline() > now) now = *session.deadline();
        now += std::chrono::milliseconds{step >> 1U};
        const Event event = event_of(in, now);
        if (const auto* granted = std::get_if<Lease>(&event)) lease = granted->expires_at;
        const SessionState before = session.state();
        const Actions actions = session.handle(event, now);
        check(actions, session, before, lease && *lease > now);
        (void)anyvip::describe(event);
        (void)anyvip::describe(actions);
        (void)session.status();
        const bool expired = std::holds_alternative<TimerExpired>(event);
        require(!expired || !session.deadline() || *session.deadline() > now, "no deadline in the past");
    }
    return 0;
}
