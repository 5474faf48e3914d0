#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "anyvip/describe.hpp"
#include "anyvip/names.hpp"
#include "anyvip/overloaded.hpp"
#include "anyvip/random.hpp"
#include "bgp/io/speaker.hpp"
#include "bgp/peer.hpp"

/// A bgp::Peer over real sockets, for tests: the smallest loop that a Speaker can live in.
namespace anyvip::testing {

class BgpNode {
public:
    BgpNode(boost::asio::io_context& context, const bgp::PeerConfig& config)
        : peer_{config, random_, routes_},
          speaker_{context.get_executor(), [this](const PeerName&, bgp::Event event) { feed(std::move(event)); }} {}

    std::vector<std::string> configure(const std::vector<net::Endpoint>& listen,
                                       const std::set<net::IpAddress>& vips = {}) {
        return speaker_.configure(listen, {{name_, peer_.config()}}, vips);
    }

    /// Queues while an event is being handled, as the driver of a loop does.
    void feed(bgp::Event event) {
        events_.push_back(std::move(event));
        if (busy_) return;
        busy_ = true;
        while (!events_.empty()) {
            const auto next = std::move(events_.front());
            events_.pop_front();
            for (const auto& action : peer_.handle(next, now())) {
                log.push_back(describe(action));
                std::visit(
                    overloaded{[&](const bgp::SessionUp&) {}, [&](const bgp::SessionDown&) {},
                               [&](const bgp::RoutesSent&) { ++routes_sent; },
                               [&](const bgp::RoutesReceived& received) { updates.push_back(received.update); },
                               [&](const bgp::RefreshBegins&) {}, [&](const bgp::RefreshEnds&) {},
                               [&](const bgp::WatchedRoutesChanged&) {}, [&](const bgp::InitialRoutesReceived&) {},
                               [&](const bgp::MaxPrefixesReached&) {}, [&](const bgp::StateChanged&) {},
                               [&](const auto& wanted) { speaker_.perform(name_, wanted); }},
                    action);
            }
        }
        busy_ = false;
    }

    /// The route of this prefix from now on.
    void announce(const net::Prefix& prefix, const bgp::Route& route) {
        feed(bgp::RoutesChanged{routes_.change({prefix, route})});
    }

    void tick() {
        if (peer_.deadline() && *peer_.deadline() <= now()) feed(bgp::TimerExpired{});
    }

    [[nodiscard]] const bgp::Peer& peer() const { return peer_; }
    [[nodiscard]] bgp::io::Speaker& speaker() { return speaker_; }

    std::vector<bgp::Update> updates;
    std::vector<std::string> log;
    std::size_t routes_sent = 0;

    static TimePoint now() { return TimePoint{std::chrono::steady_clock::now().time_since_epoch()}; }

private:
    Random random_{42};
    bgp::RouteTable routes_;
    PeerName name_{"peer"};
    bgp::Peer peer_;
    std::deque<bgp::Event> events_;
    bool busy_ = false;
    bgp::io::Speaker speaker_;
};

/// Runs the context and the nodes' timers until the condition holds; false after the deadline.
template <class Condition>
[[nodiscard]] bool run_until(boost::asio::io_context& context, const std::vector<BgpNode*>& nodes,
                             std::chrono::milliseconds limit, Condition condition) {
    const auto end = BgpNode::now() + limit;
    while (!condition()) {
        if (BgpNode::now() > end) return false;
        context.restart();
        (void)context.run_one_for(std::chrono::milliseconds{10});
        for (auto* node : nodes) node->tick();
    }
    return true;
}

}  // namespace anyvip::testing
