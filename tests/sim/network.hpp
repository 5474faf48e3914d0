#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/time.hpp"
#include "bgp/peer.hpp"
#include "daemon/heartbeat.hpp"

namespace anyvip::sim {

class World;

/// A machine on the network: nodes are 1, 2, ..., routers 101, 102, ...
using Host = int;
[[nodiscard]] constexpr Host router_host(int index) {
    return 100 + index;
}
[[nodiscard]] std::string describe_host(Host host);
[[nodiscard]] std::optional<Host> host_of(const net::IpAddress& address);  ///< on the routed side
[[nodiscard]] net::Ipv4Address address_of(Host host);

/// The segment that VRRP is spoken on, and TCP as BGP sees it: octets arrive whole and in order, or later, or the
/// connection breaks. What a cut holds up is sent again when it heals.
class Network {
public:
    using Sink = std::function<void(bgp::Event)>;
    /// Who takes a connection from the host; empty: refused.
    using Acceptor = std::function<std::optional<Sink>(Host from)>;

    explicit Network(World& world) : world_{&world} {}

    // Faults: one way each.
    void cut(Host from, Host to);
    void heal(Host from, Host to);
    void cut_both(Host a, Host b) { cut(a, b), cut(b, a); }
    void heal_both(Host a, Host b) { heal(a, b), heal(b, a); }
    void clog(Host from, Host to);  ///< the receiver reads nothing: its window is full
    void unclog(Host from, Host to);
    void heal_everything();
    void set_loss(unsigned loss, unsigned duplication, unsigned reordering) {
        loss_ = loss;
        duplication_ = duplication;
        reordering_ = reordering;
    }
    void stop_losing();  ///< no loss, duplication, reordering from here on
    [[nodiscard]] bool is_cut(Host from, Host to) const { return cuts_.contains({from, to}); }
    [[nodiscard]] bool is_well(Host a, Host b) const;
    /// When a fault of either direction began or ended.
    [[nodiscard]] TimePoint changed_at(Host a, Host b) const;
    [[nodiscard]] bool loses() const { return loss_ + duplication_ + reordering_ > 0; }
    [[nodiscard]] TimePoint stopped_losing_at() const { return stopped_losing_at_; }

    // The segment.
    void send(Host from, const daemon::SendPacket& packet);

    // UDP on the routed side. What a cut or a machine that is down stops is gone.
    using DatagramSink = std::function<void(Host from, const std::vector<std::uint8_t>& bytes)>;
    void hear(Host host, DatagramSink sink) { hearers_[host] = std::move(sink); }
    void send_datagram(Host from, Host to, const std::vector<std::uint8_t>& bytes);

    // TCP.
    void listen(Host host, Acceptor acceptor) { acceptors_[host] = std::move(acceptor); }
    void connect(Host from, Host to, bgp::AttemptId attempt, Sink sink);
    void abort(Host from, Host to, bgp::AttemptId attempt);
    /// `held` back in the sender, which claims otherwise.
    void send(bgp::ConnectionId end, std::vector<std::uint8_t> bytes, Duration held = {});
    void close(bgp::ConnectionId end);
    /// The process is gone: its kernel closes for it.
    void close_all(Host host);
    /// The machine is gone: nobody closes anything.
    void forget_all(Host host);
    void set_up(Host host, bool up);

private:
    struct Segment {
        std::vector<std::uint8_t> bytes;
        bool fin = false;
        TimePoint arrival;
    };
    struct Connection;
    struct End {
        Host host = 0;
        bgp::ConnectionId id;
        Sink sink;
        bool open = true;
        bool exists = true;  ///< false: the machine knows nothing of it
        std::uint64_t written = 0;
        std::deque<std::vector<std::uint8_t>> untaken;  ///< beyond the window
        std::deque<Segment> flying;
        TimePoint last_arrival;
    };
    struct Connection {
        std::array<End, 2> ends;
    };
    using Place = std::pair<std::shared_ptr<Connection>, std::size_t>;

    [[nodiscard]] Duration delay(Host from, Host to);
    void try_connect(Host from, Host to, bgp::AttemptId attempt, std::uint64_t token, Sink sink, std::size_t trial);
    [[nodiscard]] bool is_wanted(Host from, Host to, bgp::AttemptId attempt, std::uint64_t token) const;
    [[nodiscard]] std::optional<Place> find(bgp::ConnectionId id) const;
    void take(const std::shared_ptr<Connection>& connection, std::size_t end, std::vector<std::uint8_t> bytes,
              Duration held);
    void fly(const std::shared_ptr<Connection>& connection, std::size_t end, Segment segment, Duration held = {});
    void arrive(const std::shared_ptr<Connection>& connection, std::size_t end);
    void move_on(Host from, Host to);
    void note_change(Host from, Host to);

    World* world_;
    std::set<std::pair<Host, Host>> cuts_;
    std::set<std::pair<Host, Host>> clogs_;
    std::map<std::pair<Host, Host>, TimePoint> changes_;
    std::map<Host, Acceptor> acceptors_;
    std::map<Host, DatagramSink> hearers_;
    std::set<Host> down_;
    std::map<std::tuple<Host, Host, bgp::AttemptId>, std::uint64_t> attempts_;
    std::uint64_t last_token_ = 0;
    std::map<bgp::ConnectionId, Place> ends_;
    std::uint64_t last_id_ = 0;
    TimePoint stopped_losing_at_;
    std::map<std::pair<Host, Host>, TimePoint> last_packet_;
    unsigned loss_ = 0;
    unsigned duplication_ = 0;
    unsigned reordering_ = 0;
};

}  // namespace anyvip::sim
