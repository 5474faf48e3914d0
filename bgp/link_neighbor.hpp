#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/describe.hpp"
#include "anyvip/net/address.hpp"
#include "anyvip/net/interface.hpp"
#include "anyvip/net/mac_address.hpp"
#include "anyvip/random.hpp"
#include "anyvip/time.hpp"
#include "bgp/neighbor_discovery.hpp"

/// Who is at the other end of an interface: the neighbour of an unnumbered peer.
///
/// A router is known by its advertisements (RFC 4861), and knows us by ours: FRR opens no session before it has heard
/// one. Ours say that we are no default router (Router Lifetime 0). They go out at once, three times at intervals of a
/// second and then every ten, and when somebody asks; with the first ones we ask ourselves, until somebody is there.
///
/// The first router that is heard is the neighbour, for as long as its advertisements say, or half an hour where they
/// name no time. Another one takes its place when it has been silent for `silence` and there is no session with it;
/// else it is reported, since a link with two routers needs two peers with addresses. A session outlives the
/// advertisements: it has a hold time of its own.
///
/// Standards: RFC 4861 §6.2.4-6.2.6 with a quicker start, and with a fixed pace after it.
namespace anyvip::bgp::link {

// Events.

/// What packets of ours may come from on the interface; nullopt: it is not there, down, or without such an address.
struct Interface {
    net::InterfaceIndex index;  ///< another one: it was recreated
    net::Ipv6Address address;
    /// Told in what we send (RFC 4861 §4.6.1), so that the router's kernel knows us before we connect; none: the link
    /// has no such address.
    std::optional<net::MacAddress> mac{};
    friend bool operator==(const Interface&, const Interface&) = default;
};
struct InterfaceIs {
    std::optional<Interface> interface;
    friend bool operator==(const InterfaceIs&, const InterfaceIs&) = default;
};
struct PacketReceived {
    net::Ipv6Address source;
    std::uint8_t hop_limit = 0;
    std::vector<std::uint8_t> bytes;  ///< from the type of ICMPv6 on
    friend bool operator==(const PacketReceived&, const PacketReceived&) = default;
};
/// There is a session with the neighbour, or there is none any more.
struct SessionIs {
    bool established = false;
    friend bool operator==(const SessionIs&, const SessionIs&) = default;
};
struct TimerExpired {
    friend bool operator==(const TimerExpired&, const TimerExpired&) = default;
};
using Event = std::variant<InterfaceIs, PacketReceived, SessionIs, TimerExpired>;

// Actions.

struct SendPacket {
    net::Ipv6Address source;
    net::Ipv6Address destination;
    std::vector<std::uint8_t> bytes;
    friend bool operator==(const SendPacket&, const SendPacket&) = default;
};
struct NeighborChanged {
    std::optional<net::Ipv6Address> neighbor;
    friend bool operator==(const NeighborChanged&, const NeighborChanged&) = default;
};
/// Once for each: another router is on the link.
struct AnotherNeighbor {
    net::Ipv6Address address;
    friend bool operator==(const AnotherNeighbor&, const AnotherNeighbor&) = default;
};
using Action = std::variant<SendPacket, NeighborChanged, AnotherNeighbor>;
using Actions = std::vector<Action>;

/// What `anyvip status` shows of it.
struct Status {
    std::optional<net::Ipv6Address> own;
    std::optional<net::Ipv6Address> neighbor;
    TimePoint heard_at;  ///< of the neighbour
    std::optional<net::Ipv6Address> another;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t discarded = 0;
    std::optional<nd::Discard> last_discard;
};

class Neighbor {
public:
    static constexpr std::uint8_t quick_advertisements = 3;
    static constexpr Duration quick_interval = std::chrono::seconds{1};
    static constexpr Duration interval = std::chrono::seconds{10};
    /// MAX_RA_DELAY_TIME, MIN_DELAY_BETWEEN_RAS (RFC 4861 §10).
    static constexpr Duration longest_answer_delay = std::chrono::milliseconds{500};
    static constexpr Duration shortest_answer_interval = std::chrono::seconds{3};
    /// An advertisement and a half of ours, and of FRR's.
    static constexpr Duration silence = std::chrono::seconds{15};
    /// The longest MaxRtrAdvInterval (§6.2.1).
    static constexpr Duration longest_interval = std::chrono::seconds{1800};

    /// `random` outlives it.
    explicit Neighbor(Random& random) : random_{&random} {}

    [[nodiscard]] Actions handle(const Event& event, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] Status status() const;
    [[nodiscard]] const std::optional<Interface>& interface() const { return interface_; }
    [[nodiscard]] std::optional<net::Ipv6Address> neighbor() const;

private:
    struct Heard {
        net::Ipv6Address address;
        TimePoint at;
        TimePoint lives_until;
    };

    void on(const InterfaceIs& event, TimePoint now, Actions& out);
    void on(const PacketReceived& event, TimePoint now, Actions& out);
    void on(const SessionIs& event, TimePoint now, Actions& out);
    void on(const TimerExpired&, TimePoint now, Actions& out);
    void receive(const nd::RouterSolicitation&, const net::Ipv6Address& source, TimePoint now, Actions& out);
    void receive(const nd::RouterAdvertisement& message, const net::Ipv6Address& source, TimePoint now, Actions& out);
    void advertise(TimePoint now, Actions& out);
    void send(const nd::Message& message, const net::Ipv6Address& destination, Actions& out);
    void lose(Actions& out);
    void expire(TimePoint now, Actions& out);

    Random* random_;
    std::optional<Interface> interface_;
    std::optional<Heard> heard_;
    bool session_ = false;
    std::uint8_t quick_left_ = 0;
    std::optional<TimePoint> advertise_at_;
    TimePoint advertised_at_;
    std::map<net::Ipv6Address, TimePoint> others_;  ///< that were reported; a few
    Status counters_;
};

[[nodiscard]] std::string describe(const InterfaceIs& event);
[[nodiscard]] std::string describe(const PacketReceived& event);
[[nodiscard]] std::string describe(const SessionIs& event);
[[nodiscard]] std::string describe(const TimerExpired& event);
[[nodiscard]] std::string describe(const SendPacket& action);
[[nodiscard]] std::string describe(const NeighborChanged& action);
[[nodiscard]] std::string describe(const AnotherNeighbor& action);

}  // namespace anyvip::bgp::link
