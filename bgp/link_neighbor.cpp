#include "bgp/link_neighbor.hpp"

#include <algorithm>

namespace anyvip::bgp::link {
namespace {

/// Whoever sends from ever new addresses gets no more of our memory than this, nor of the log.
constexpr std::size_t most_others = 8;

}  // namespace

Actions Neighbor::handle(const Event& event, TimePoint now) {
    Actions out;
    std::visit([&](const auto& e) { on(e, now, out); }, event);
    return out;
}

std::optional<TimePoint> Neighbor::deadline() const {
    std::optional<TimePoint> next = advertise_at_;
    if (heard_ && !session_) next = earliest(next, heard_->lives_until);
    return next;
}

std::optional<net::Ipv6Address> Neighbor::neighbor() const {
    return heard_ ? std::optional{heard_->address} : std::nullopt;
}

Status Neighbor::status() const {
    Status status = counters_;
    if (interface_) status.own = interface_->address;
    status.neighbor = neighbor();
    if (heard_) status.heard_at = heard_->at;
    const auto newest = std::ranges::max_element(others_, {}, [](const auto& other) { return other.second; });
    if (newest != others_.end()) status.another = newest->first;
    return status;
}

void Neighbor::on(const InterfaceIs& event, TimePoint now, Actions& out) {
    if (event.interface == interface_) return;
    const bool same_link = event.interface && interface_ && event.interface->index == interface_->index;
    if (!same_link) lose(out);
    interface_ = event.interface;
    advertise_at_.reset();
    if (!interface_) return;
    quick_left_ = quick_advertisements;
    advertise(now, out);
}

void Neighbor::on(const PacketReceived& event, TimePoint now, Actions& out) {
    if (!interface_ || event.source == interface_->address) return;
    ++counters_.received;
    const auto message = nd::decode(event.bytes, event.source, event.hop_limit);
    if (!message) {
        ++counters_.discarded;
        counters_.last_discard = message.error();
        return;
    }
    std::visit([&](const auto& m) { receive(m, event.source, now, out); }, *message);
}

void Neighbor::on(const SessionIs& event, TimePoint now, Actions& out) {
    session_ = event.established;
    expire(now, out);
}

void Neighbor::on(const TimerExpired& /*event*/, TimePoint now, Actions& out) {
    expire(now, out);
    if (advertise_at_ && *advertise_at_ <= now) advertise(now, out);
}

/// RFC 4861 §6.2.6: to all, not at once, and not too often.
void Neighbor::receive(const nd::RouterSolicitation& /*message*/, const net::Ipv6Address& /*source*/, TimePoint now,
                       Actions& /*out*/) {
    const auto delay = random_->between(Duration::zero(), longest_answer_delay);
    advertise_at_ = earliest(advertise_at_, std::max(now + delay, advertised_at_ + shortest_answer_interval));
}

void Neighbor::receive(const nd::RouterAdvertisement& message, const net::Ipv6Address& source, TimePoint now,
                       Actions& out) {
    const Duration lifetime = message.router_lifetime.count() == 0 ? longest_interval : message.router_lifetime;
    const bool changes = !heard_ || (heard_->address != source && !session_ && now >= heard_->at + silence);
    if (changes || heard_->address == source) {
        heard_ = Heard{.address = source, .at = now, .lives_until = now + lifetime};
        others_.erase(source);
        if (changes) out.emplace_back(NeighborChanged{source});
        return;
    }
    if (!others_.contains(source) && others_.size() >= most_others) return;
    if (others_.insert_or_assign(source, now).second) out.emplace_back(AnotherNeighbor{source});
}

/// Fast while the link is new, and while it is, who is there is asked as well.
void Neighbor::advertise(TimePoint now, Actions& out) {
    nd::RouterAdvertisement advertisement;
    advertisement.source_link_layer = interface_->mac;
    send(advertisement, nd::all_nodes, out);
    if (quick_left_ > 0 && !heard_) send(nd::RouterSolicitation{interface_->mac}, nd::all_routers, out);
    advertised_at_ = now;
    advertise_at_ = now + (quick_left_ > 0 ? quick_interval : interval);
    if (quick_left_ > 0) --quick_left_;
}

void Neighbor::send(const nd::Message& message, const net::Ipv6Address& destination, Actions& out) {
    ++counters_.sent;
    out.emplace_back(SendPacket{interface_->address, destination, nd::encode(message)});
}

void Neighbor::expire(TimePoint now, Actions& out) {
    if (heard_ && !session_ && heard_->lives_until <= now) lose(out);
}

void Neighbor::lose(Actions& out) {
    others_.clear();
    if (!heard_) return;
    heard_.reset();
    out.emplace_back(NeighborChanged{std::nullopt});
}

std::string describe(const InterfaceIs& event) {
    if (!event.interface) return "InterfaceIs gone";
    return "InterfaceIs index=" + anyvip::describe(event.interface->index) + ' ' + event.interface->address.to_string();
}
std::string describe(const PacketReceived& event) {
    const auto message = nd::decode(event.bytes, event.source, event.hop_limit);
    const auto text = message ? std::visit([](const auto& m) { return nd::describe(m); }, *message)
                              : std::string{nd::describe(message.error())};
    return "PacketReceived from " + event.source.to_string() + ": " + text;
}
std::string describe(const SessionIs& event) {
    return event.established ? "SessionIs established" : "SessionIs gone";
}
std::string describe(const TimerExpired& /*event*/) {
    return "TimerExpired";
}
std::string describe(const SendPacket& action) {
    const auto message = nd::decode(action.bytes, action.source, nd::hop_limit);
    const auto text = message ? std::visit([](const auto& m) { return nd::describe(m); }, *message) : std::string{"?"};
    return "SendPacket to " + action.destination.to_string() + ": " + text;
}
std::string describe(const NeighborChanged& action) {
    return action.neighbor ? "NeighborChanged " + action.neighbor->to_string() : "NeighborChanged none";
}
std::string describe(const AnotherNeighbor& action) {
    return "AnotherNeighbor " + action.address.to_string();
}

}  // namespace anyvip::bgp::link
