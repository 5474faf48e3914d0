#include <array>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <variant>
#include <vector>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"
#include "anyvip/random.hpp"
#include "anyvip/wire/reader.hpp"
#include "bgp/peer.hpp"

/// Octets are a script of events for a bgp::Peer: what the shell, the operator and a hostile router may do in
/// any order. What must hold whatever happens is asserted after each event.
namespace {

using namespace anyvip;
using namespace anyvip::bgp;

/// Abort also where NDEBUG is set.
void require(bool holds) {
    if (!holds) __builtin_trap();
}

class Script {
public:
    Script(const std::uint8_t* data, std::size_t size) : in_{{data, size}} {}

    void run() {
        while (!in_.at_end()) step(in_.u8());
        feed(Stop{});
        require(peer_.state() == State::Idle && !peer_.deadline() && open_.empty());
    }

private:
    static PeerConfig config() {
        PeerConfig config;
        config.local_as = Asn{65010};
        config.router_id = net::Ipv4Address{0x0a00000b};
        config.address = net::Ipv4Address{0x0a000001};
        config.graceful_restart =
            RestartOffer{.restart_time = std::chrono::seconds{30}, .long_lived_stale_time = std::chrono::seconds{60}};
        config.import = {.rules = {{.prefix = *net::Prefix::parse("0.0.0.0/0"), .max_length = 32}}, .max_prefixes = 4};
        config.bfd_strict = true;
        return config;
    }

    void step(std::uint8_t kind) {
        switch (kind % 14) {
            case 0: return feed(Start{});
            case 1: return feed(Stop{CeaseSubcode::AdministrativeShutdown, "x"});
            case 2: return opened(attempt_);
            case 3: return opened(std::nullopt);
            case 4: return feed(ConnectionFailed{AttemptId{in_.u8()}, "refused"});
            case 5: return closed();
            case 6: return received(in_.sub(in_.u8()).rest());
            case 7: return received(router_message(in_.u8()));
            case 8: return feed(Written{connection(), in_.u32()});
            case 9: return change_routes();
            case 10: return feed(InitialRoutesComplete{});
            case 11: now_ += std::chrono::milliseconds{in_.u16()}; return feed(TimerExpired{});
            case 12: return feed(BfdDown{"fuzzed"});
            case 13: return feed(BfdUp{});
            default: return;
        }
    }

    void change_routes() {
        const std::array changes{change(), change()};
        feed(RoutesChanged{routes_.change(changes)});
    }

    RouteChange change() {
        const auto octet = in_.u8();
        RouteChange change{.prefix = net::Prefix::host(net::Ipv4Address{0xcb007100U + octet % 16U}), .route = {}};
        if (octet >= 64) {
            change.route.emplace();
            change.route->attributes.med = octet % 3;
        }
        return change;
    }

    /// A message that a well-behaved router could send, so that the script gets far.
    std::vector<std::uint8_t> router_message(std::uint8_t kind) {
        Open open;
        open.my_as = Asn{65000};
        open.hold_time = HoldTime{static_cast<std::uint16_t>(kind)};
        open.identifier = net::Ipv4Address{kind % 2 == 0 ? 0x0a000001U : 0x0b000001U};
        open.capabilities = {FourOctetAs{Asn{65000}}};
        // Of the upper half of the kinds, one that restarts gracefully, and has something to lose.
        const bool restarts = kind >= 128;
        if (restarts) {
            open.capabilities.emplace_back(GracefulRestart{.restarted = kind % 3 == 0,
                                                           .notification = kind % 4 != 0,
                                                           .restart_time = std::chrono::seconds{kind % 8},
                                                           .families = {{ipv4_unicast, kind % 16 != 0}}});
            open.capabilities.emplace_back(
                LongLivedGracefulRestart{{{ipv4_unicast, kind % 7 != 0, std::chrono::seconds{kind % 6}}}});
        }
        if (kind % 3 == 0) open.capabilities.emplace_back(BfdStrictMode{});
        switch (kind % 5) {
            case 0: return encode(open, {});
            case 1: return encode(Keepalive{}, {});
            case 2: return restarts ? encode(route(kind), {}) : encode(RouteRefresh{.family = ipv4_unicast}, {});
            case 3: return encode(end_of_rib(ipv4_unicast), {});
            default: {
                const auto reset = cease(CeaseSubcode::AdministrativeReset);
                return encode(restarts && kind % 2 == 0 ? hard_reset(reset) : reset, {});
            }
        }
    }

    static Update route(std::uint8_t kind) {
        Update update;
        update.attributes.as_path = AsPath::sequence({Asn{65000}});
        update.attributes.next_hop = net::Ipv4Address{0x0a000001};
        if (kind % 4 == 0) update.attributes.communities = {no_llgr_community};
        update.nlri = {net::Prefix::host(net::Ipv4Address{0x0a010000U + kind % 6U})};
        return update;
    }

    ConnectionId connection() { return ConnectionId{in_.u8()}; }

    void opened(std::optional<AttemptId> attempt) {
        const ConnectionId id{++last_connection_};
        open_.insert(id);
        feed(ConnectionOpened{.connection = id,
                              .attempt = attempt,
                              .local = {net::Ipv4Address{0x0a00000b}, 1024},
                              .remote = {net::Ipv4Address{0x0a000001}, 179}});
    }
    void closed() {
        const auto id = connection();
        open_.erase(id);
        feed(ConnectionClosed{id, "reset"});
    }
    void received(std::span<const std::uint8_t> bytes) {
        // The newest connection is the interesting one; now and then another.
        const auto id = in_.u8() % 4 != 0 ? ConnectionId{last_connection_} : connection();
        feed(Received{id, {bytes.begin(), bytes.end()}});
    }

    void feed(const Event& event) {
        const auto before = peer_.state();
        State shown = before;
        for (const auto& action : peer_.handle(event, now_)) {
            require(!describe(action).empty());
            std::visit(
                overloaded{
                    [&](const OpenConnection& a) {
                        require(a.attempt > attempt_);
                        attempt_ = a.attempt;
                    },
                    [&](const Send& a) { require(open_.contains(a.connection) && a.bytes.size() >= header_size); },
                    [&](const CloseConnection& a) { require(open_.erase(a.connection) == 1); },
                    [&](const SessionUp&) {
                        require(!up_);
                        up_ = true;
                    },
                    [&](const SessionDown&) {
                        require(up_);
                        up_ = false;
                    },
                    [&](const bgp::StateChanged& a) {
                        require(a.from == shown && a.to != shown);
                        shown = a.to;
                    },
                    [&](const RoutesReceived&) {}, [&](const RefreshBegins&) {}, [&](const RefreshEnds&) {},
                    [&](const WatchedRoutesChanged&) {}, [&](const InitialRoutesReceived&) {},
                    [&](const MaxPrefixesReached&) {}, [&](const AbortOpen&) {}, [&](const RoutesSent&) {}},
                action);
        }
        const auto status = peer_.status();
        require(shown == peer_.state());
        require(up_ == (peer_.state() == State::Established));
        require(open_.size() <= 2);
        require(status.routes_announced <= 16);
        require(peer_.adj_rib_in().routes().size() <= 4);
        // What is stale has an end, and without a session nothing is anything else.
        require(peer_.adj_rib_in().stale() == 0 || status.kept || up_);
        require(up_ || peer_.adj_rib_in().stale() == peer_.adj_rib_in().routes().size());
        require(peer_.state() != State::Established || status.negotiated->hold_time.count() == 0 || peer_.deadline());
    }

    wire::Reader in_;
    Random random_{1};
    TimePoint now_{std::chrono::seconds{1000}};
    RouteTable routes_;
    Peer peer_{config(), random_, routes_};
    AttemptId attempt_;
    std::set<ConnectionId> open_;
    std::uint64_t last_connection_ = 0;
    bool up_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Script{data, size}.run();
    return 0;
}
