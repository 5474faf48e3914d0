#include "sim/network.hpp"

#include <algorithm>
#include <tuple>

#include "anyvip/describe.hpp"
#include "sim/world.hpp"

namespace anyvip::sim {

using namespace std::chrono_literals;

std::string describe_host(Host host) {
    return host > 100 ? "tor" + std::to_string(host - 100) : "node" + std::to_string(host);
}

net::Ipv4Address address_of(Host host) {
    const auto last = static_cast<std::uint32_t>(host > 100 ? host - 100 : host + 10);
    return net::Ipv4Address{0x0a000000U + last};
}

std::optional<Host> host_of(const net::IpAddress& address) {
    if (!address.is_v4()) return std::nullopt;
    const auto last = static_cast<Host>(address.v4().value() & 0xffU);
    return last > 10 ? last - 10 : last + 100;
}

// ---- faults

void Network::note_change(Host from, Host to) {
    changes_[std::minmax(from, to)] = world_->now();
}

void Network::cut(Host from, Host to) {
    cuts_.emplace(from, to);
    note_change(from, to);
    world_->trace("network", [&] { return "cut " + describe_host(from) + " -> " + describe_host(to); });
}

void Network::heal(Host from, Host to) {
    if (cuts_.erase({from, to}) == 0) return;
    note_change(from, to);
    world_->trace("network", [&] { return "heal " + describe_host(from) + " -> " + describe_host(to); });
    // TCP's retransmission timer has backed off in the meantime.
    world_->after(world_->random().between(Duration{1ms}, Duration{1s}), [=, this] { move_on(from, to); });
}

void Network::clog(Host from, Host to) {
    clogs_.emplace(from, to);
    note_change(from, to);
    world_->trace("network", [&] { return "clog " + describe_host(from) + " -> " + describe_host(to); });
}

void Network::unclog(Host from, Host to) {
    if (clogs_.erase({from, to}) == 0) return;
    note_change(from, to);
    world_->trace("network", [&] { return "unclog " + describe_host(from) + " -> " + describe_host(to); });
    world_->after(1ms, [=, this] { move_on(from, to); });
}

void Network::heal_everything() {
    for (const auto& [from, to] : std::set{cuts_}) heal(from, to);
    for (const auto& [from, to] : std::set{clogs_}) unclog(from, to);
    stop_losing();
}

void Network::stop_losing() {
    set_loss(0, 0, 0);
    stopped_losing_at_ = world_->now();
}

bool Network::is_well(Host a, Host b) const {
    return !cuts_.contains({a, b}) && !cuts_.contains({b, a}) && !clogs_.contains({a, b}) && !clogs_.contains({b, a});
}

TimePoint Network::changed_at(Host a, Host b) const {
    const auto known = changes_.find(std::minmax(a, b));
    return known == changes_.end() ? TimePoint{} : known->second;
}

void Network::set_up(Host host, bool up) {
    if (up) {
        down_.erase(host);
        // What was on its way is sent again, and finds that nobody knows of it.
        world_->after(world_->random().between(Duration{1ms}, Duration{1s}), [this, host] {
            for (int r = 1; r <= world_->options().routers; ++r) move_on(router_host(r), host);
        });
    } else {
        down_.insert(host);
    }
    for (const auto& node : world_->nodes()) note_change(node->index(), host);
    for (int r = 1; r <= world_->options().routers; ++r) note_change(router_host(r), host);
}

Duration Network::delay(Host /*from*/, Host /*to*/) {
    const auto mean = world_->options().link_delay;
    return world_->random().between(mean / 2, mean + mean / 2);
}

// ---- the segment

void Network::send(Host from, const daemon::SendPacket& packet) {
    for (const auto& node : world_->nodes()) {
        const Host to = node->index();
        if (to == from || is_cut(from, to) || world_->random().chance(loss_)) continue;
        const int copies = world_->random().chance(duplication_) ? 2 : 1;
        for (int copy = 0; copy < copies; ++copy) {
            const bool late = world_->random().chance(reordering_);
            const Duration extra = late ? world_->random().between(Duration{0}, Duration{300ms}) : Duration{0};
            // Nothing overtakes on an Ethernet, unless it is asked for.
            auto& last = last_packet_[{from, to}];
            const auto arrival = std::max(last, world_->now() + delay(from, to));
            if (!late) last = arrival;
            world_->at(arrival + extra, [&receiver = *node, packet] { receiver.receive(packet); });
        }
    }
}

// ---- UDP

void Network::send_datagram(Host from, Host to, const std::vector<std::uint8_t>& bytes) {
    if (is_cut(from, to) || down_.contains(from)) return;
    world_->after(delay(from, to), [this, from, to, bytes] {
        const auto hearer = hearers_.find(to);
        if (hearer != hearers_.end() && !down_.contains(to)) hearer->second(from, bytes);
    });
}

// ---- TCP

void Network::connect(Host from, Host to, bgp::AttemptId attempt, Sink sink) {
    // A daemon that was restarted counts its attempts from the beginning.
    const auto token = ++last_token_;
    attempts_[{from, to, attempt}] = token;
    try_connect(from, to, attempt, token, std::move(sink), 0);
}

void Network::abort(Host from, Host to, bgp::AttemptId attempt) {
    attempts_.erase({from, to, attempt});
}

bool Network::is_wanted(Host from, Host to, bgp::AttemptId attempt, std::uint64_t token) const {
    const auto known = attempts_.find({from, to, attempt});
    return known != attempts_.end() && known->second == token;
}

void Network::try_connect(Host from, Host to, bgp::AttemptId attempt, std::uint64_t token, Sink sink,
                          std::size_t trial) {
    // SYN, and what TCP sends again: after 1, 3, 7 s.
    static constexpr std::array<Duration, 4> again{1s, 2s, 4s, 8s};
    world_->after(delay(from, to), [=, this, sink = std::move(sink)] {
        if (!is_wanted(from, to, attempt, token)) return;
        if (is_cut(from, to) || is_cut(to, from) || down_.contains(to)) {
            if (trial == again.size()) {
                attempts_.erase({from, to, attempt});
                return sink(bgp::ConnectionFailed{attempt, "timed out"});
            }
            world_->after(again.at(trial), [=, this] { try_connect(from, to, attempt, token, sink, trial + 1); });
            return;
        }
        const auto acceptor = acceptors_.find(to);
        auto other = acceptor == acceptors_.end() ? std::nullopt : acceptor->second(from);
        const auto back = world_->now() + delay(to, from);
        if (!other) {
            world_->at(back, [=, this] {
                if (!is_wanted(from, to, attempt, token)) return;
                attempts_.erase({from, to, attempt});
                sink(bgp::ConnectionFailed{attempt, "refused"});
            });
            return;
        }
        const auto connection = std::make_shared<Connection>();
        const std::array hosts{from, to};
        for (std::size_t i = 0; i < 2; ++i) {
            auto& end = connection->ends.at(i);
            end.host = hosts.at(i);
            end.id = bgp::ConnectionId{++last_id_};
            ends_.emplace(end.id, Place{connection, i});
        }
        auto& [ours, theirs] = connection->ends;
        ours.sink = sink;
        theirs.sink = *other;
        theirs.last_arrival = back;  // Nothing overtakes the SYN, ACK.
        const net::Endpoint here{address_of(from), 40000};
        const net::Endpoint there{address_of(to), 179};
        world_->at(back, [=, this, id = ours.id] {
            if (is_wanted(from, to, attempt, token)) {
                attempts_.erase({from, to, attempt});
                sink(bgp::ConnectionOpened{id, attempt, here, there});
            } else {
                close(id);
            }
        });
        // Last: what it sends at once arrives after the SYN, ACK.
        theirs.sink(bgp::ConnectionOpened{theirs.id, std::nullopt, there, here});
    });
}

std::optional<Network::Place> Network::find(bgp::ConnectionId id) const {
    const auto known = ends_.find(id);
    if (known == ends_.end()) return std::nullopt;
    return known->second;
}

void Network::send(bgp::ConnectionId id, std::vector<std::uint8_t> bytes, Duration held) {
    const auto place = find(id);
    if (!place) return;
    const auto& [connection, index] = *place;
    auto& end = connection->ends.at(index);
    if (!end.open) return;
    if (!end.untaken.empty() || clogs_.contains({end.host, connection->ends.at(1 - index).host})) {
        end.untaken.push_back(std::move(bytes));
    } else {
        take(connection, index, std::move(bytes), held);
    }
}

void Network::take(const std::shared_ptr<Connection>& connection, std::size_t index, std::vector<std::uint8_t> bytes,
                   Duration held) {
    auto& end = connection->ends.at(index);
    end.written += bytes.size();
    fly(connection, index, {.bytes = std::move(bytes), .fin = false, .arrival = {}}, held);
    // The sender's shell says so in its own time: not from within perform().
    world_->after(0s, [connection, index, octets = end.written] {
        auto& sender = connection->ends.at(index);
        if (sender.open && sender.exists) sender.sink(bgp::Written{sender.id, octets});
    });
}

void Network::fly(const std::shared_ptr<Connection>& connection, std::size_t index, Segment segment, Duration held) {
    auto& end = connection->ends.at(index);
    segment.arrival =
        std::max(end.last_arrival, world_->now() + held + delay(end.host, connection->ends.at(1 - index).host));
    end.last_arrival = segment.arrival;
    end.flying.push_back(std::move(segment));
    world_->at(end.last_arrival, [=, this] { arrive(connection, index); });
}

void Network::arrive(const std::shared_ptr<Connection>& connection, std::size_t index) {
    auto& from = connection->ends.at(index);
    auto& to = connection->ends.at(1 - index);
    if (is_cut(from.host, to.host) || clogs_.contains({from.host, to.host}) || down_.contains(to.host)) return;
    while (!from.flying.empty() && from.flying.front().arrival <= world_->now()) {
        const Segment segment = std::move(from.flying.front());
        from.flying.pop_front();
        if (!to.exists) {
            // The machine came back without it: a reset.
            if (from.open && from.exists) {
                from.open = false;
                from.sink(bgp::ConnectionClosed{from.id, "reset"});
            }
            continue;
        }
        if (!to.open) continue;
        if (segment.fin) {
            to.open = false;
            to.sink(bgp::ConnectionClosed{to.id, "closed by the other end"});
        } else {
            to.sink(bgp::Received{to.id, segment.bytes});
        }
    }
}

void Network::close(bgp::ConnectionId id) {
    const auto place = find(id);
    if (!place) return;
    const auto& [connection, index] = *place;
    auto& end = connection->ends.at(index);
    if (!end.open) return;
    end.open = false;
    end.untaken.clear();
    fly(connection, index, {.bytes = {}, .fin = true, .arrival = {}});
}

void Network::close_all(Host host) {
    for (const auto& [id, place] : ends_) {
        if (place.first->ends.at(place.second).host == host) close(id);
    }
    std::erase_if(attempts_, [&](const auto& attempt) { return std::get<0>(attempt.first) == host; });
}

void Network::forget_all(Host host) {
    for (const auto& [id, place] : ends_) {
        auto& end = place.first->ends.at(place.second);
        if (end.host != host) continue;
        end.open = false;
        end.exists = false;
        end.untaken.clear();
        end.flying.clear();
    }
    std::erase_if(attempts_, [&](const auto& attempt) { return std::get<0>(attempt.first) == host; });
}

void Network::move_on(Host from, Host to) {
    if (is_cut(from, to) || clogs_.contains({from, to})) return;
    const auto places = ends_;  // What arrives may open another.
    for (const auto& [id, place] : places) {
        const auto& [connection, index] = place;
        auto& end = connection->ends.at(index);
        if (end.host != from || connection->ends.at(1 - index).host != to) continue;
        arrive(connection, index);
        while (end.open && !end.untaken.empty()) {
            auto bytes = std::move(end.untaken.front());
            end.untaken.pop_front();
            take(connection, index, std::move(bytes), {});
        }
    }
    std::erase_if(ends_, [](const auto& entry) {
        const auto& ends = entry.second.first->ends;
        return !ends[0].open && !ends[1].open && ends[0].flying.empty() && ends[1].flying.empty();
    });
}

}  // namespace anyvip::sim
