#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "anyvip/random.hpp"
#include "anyvip/time.hpp"
#include "sim/backend.hpp"
#include "sim/network.hpp"
#include "sim/node.hpp"
#include "sim/options.hpp"
#include "sim/oracle.hpp"
#include "sim/tor_router.hpp"

/// The deterministic simulator: the daemon's own composites, in a world that is a priority queue of (virtual
/// time, sequence, closure).
///
///   world       the queue, the hosts, the transcript; run_for() and run_until()
///   node        one host with anyvipd: four loops with mail that may be slow and stalls, as src/daemon/io/loop does
///   network     the VRRP segment and TCP connections, with delay, loss, one-way cuts, full windows
///   kernel      addresses, links, IPVS; refuses, forgets at a reboot, is edited by others
///   tor_router  a BGP router: our own bgp::Peer in the other role, and its table
///   backend     what probes find
///   oracle      what must never be, looked at after every event, and what must be once faults are off
///   chaos       which fault comes when, drawn from the seed
///   main        anyvip_sim: one seed or many; *_test.cpp: scenarios by hand, which read as sentences
///
/// Same seed, same run: nothing here reads a clock, an address of memory or the order of a hash.
/// Not implemented: IPv6 sessions; a wall clock that jumps, for nothing reads one but the log's time stamps.
namespace anyvip::sim {

class World {
public:
    explicit World(const Options& options);

    [[nodiscard]] TimePoint now() const { return now_; }
    [[nodiscard]] Random& random() { return random_; }
    [[nodiscard]] const Options& options() const { return options_; }
    [[nodiscard]] Network& network() { return network_; }
    [[nodiscard]] Backend& backend() { return backend_; }
    [[nodiscard]] Oracle& oracle() { return oracle_; }
    /// Counted from 1.
    [[nodiscard]] Node& node(int index) { return *nodes_.at(static_cast<std::size_t>(index) - 1); }
    [[nodiscard]] TorRouter& router(int index) { return *routers_.at(static_cast<std::size_t>(index) - 1); }
    [[nodiscard]] const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }
    [[nodiscard]] const std::vector<std::unique_ptr<TorRouter>>& routers() const { return routers_; }

    void at(TimePoint when, std::function<void()> what);
    void after(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }

    /// False once an oracle has spoken, unless the options say to keep going.
    bool run_for(Duration duration);
    /// True when the condition came to hold within the limit; it is looked at after every event.
    template <class Condition>
    [[nodiscard]] bool run_until(Condition condition, Duration limit) {
        const auto end = now_ + limit;
        while (!condition()) {
            if (failed() || events_.empty() || events_.top().when > end) return false;
            step();
        }
        return true;
    }
    [[nodiscard]] bool failed() const { return !options_.keep_going && !oracle_.violations().empty(); }

    // What is true of all nodes, for scenarios.
    void start();
    /// The nodes that are Active, in order.
    [[nodiscard]] std::vector<int> active(const std::string& router) const;

    /// A line of the transcript; the text is made only when somebody reads it.
    template <class Text>
    void trace(const std::string& who, Text text) {
        if (!options_.trace) return;
        record(who, text());
    }
    [[nodiscard]] const std::vector<std::string>& transcript() const { return transcript_; }
    [[nodiscard]] std::uint64_t events() const { return sequence_; }

private:
    struct Event {
        TimePoint when;
        std::uint64_t sequence = 0;
        std::shared_ptr<std::function<void()>> what;
        friend bool operator<(const Event& a, const Event& b) {
            return std::pair{a.when, a.sequence} > std::pair{b.when, b.sequence};  // The queue's top is the earliest.
        }
    };
    void step();
    void record(const std::string& who, const std::string& text);

    Options options_;
    Random random_;
    TimePoint now_{std::chrono::seconds{1000}};
    std::uint64_t sequence_ = 0;
    std::priority_queue<Event> events_;
    std::vector<std::string> transcript_;
    Network network_;
    Backend backend_;
    Oracle oracle_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<std::unique_ptr<TorRouter>> routers_;
};

/// A run of one seed: chaos, then faults off, then everything must come right.
/// False: an oracle spoke; what it said is in world.oracle().
bool run_seed(World& world);

}  // namespace anyvip::sim
