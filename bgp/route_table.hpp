#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "anyvip/names.hpp"
#include "anyvip/net/address.hpp"
#include "anyvip/strong.hpp"
#include "bgp/interned.hpp"
#include "bgp/path_attribute.hpp"

/// The routes that this node originates: one table for all its peers, so that a prefix and what it carries are
/// stored once, however many peers there are (RFC 4271 §9.2 calls what each of them gets an Adj-RIB-Out).
///
/// Parts: a Route is what a VIP wants to carry and to whom; a row is a prefix with its route, and has a number, its
/// slot, by which each AdjRibOut keeps its own column of what its peer was told; an index of the slots in the order
/// of their prefixes.
///
/// Who calls: the decision loop's composite changes it and tells each Peer which slots are others now; the peers'
/// AdjRibOuts read it, and hold the slots that they still have something to say about. A slot that has no route and
/// is held by nobody is used again, not at once but when half of the table is empty: a withdrawal costs no search.
namespace anyvip::bgp {

/// A row of the RouteTable; stable for as long as it has a route or is held.
using RouteSlot = Strong<std::uint32_t, struct RouteSlotTag>;

struct RouteAttributes {
    std::vector<Community> communities{};
    std::vector<LargeCommunity> large_communities{};
    std::vector<ExtendedCommunity> extended_communities{};
    std::optional<std::uint32_t> med{};
    std::uint8_t prepend = 0;                   ///< our AS so many times more; external peers only
    std::optional<std::uint32_t> local_pref{};  ///< internal peers only; nullopt: 100
    std::optional<net::IpAddress> next_hop{};   ///< of the prefix' family; nullopt: the session's
    bool no_llgr = true;  ///< a peer that would keep it as stale for long is told not to (RFC 9494 §4.1)
    friend auto operator<=>(const RouteAttributes&, const RouteAttributes&) = default;
};

/// What a VIP wants to be said, and to whom. A level: the newest counts.
struct Route {
    RouteAttributes attributes{};
    std::map<PeerName, RouteAttributes> exceptions{};  ///< peers that hear something else
    std::optional<std::set<PeerName>> peers{};         ///< that hear of it; nullopt: all
    friend auto operator<=>(const Route&, const Route&) = default;

    /// nullptr: it is not for this peer.
    [[nodiscard]] const RouteAttributes* for_peer(const PeerName& peer) const;
};

struct RouteChange {
    net::Prefix prefix;          ///< host bits do not count
    std::optional<Route> route;  ///< nullopt: withdraw
    friend bool operator==(const RouteChange&, const RouteChange&) = default;
};

class RouteTable {
public:
    using RouteId = Interned<Route>::Id;
    using Attributes = Interned<PathAttributes>;

    RouteTable() = default;
    RouteTable(RouteTable&&) = default;  // For as long as no AdjRibOut knows where it is.
    RouteTable& operator=(RouteTable&&) = delete;

    /// Returns the slots whose route is another one now, each once. Of two changes of one prefix the later counts.
    [[nodiscard]] std::vector<RouteSlot> change(std::span<const RouteChange> changes);
    [[nodiscard]] std::vector<RouteSlot> change(const RouteChange& change) { return this->change({&change, 1}); }

    /// One above the greatest slot in use.
    [[nodiscard]] std::size_t size() const { return rows_.size(); }
    [[nodiscard]] const net::Prefix& prefix(RouteSlot slot) const { return row(slot).prefix; }
    /// Equal numbers are equal routes, until the next change(); none: it is not to be announced.
    [[nodiscard]] RouteId route_id(RouteSlot slot) const { return row(slot).route; }
    [[nodiscard]] const Route& route(RouteId id) const { return routes_.at(id); }
    [[nodiscard]] std::optional<RouteSlot> find(const net::Prefix& prefix) const;

    /// A peer was told of the slot, or is to be: it keeps its prefix until the last one lets go.
    void hold(RouteSlot slot);
    void let_go(RouteSlot slot);

    /// What peers were told, of all AdjRibOuts together: peers of one kind are told the same.
    [[nodiscard]] Attributes& attributes() { return attributes_; }
    [[nodiscard]] const Attributes& attributes() const { return attributes_; }

private:
    struct Row {
        net::Prefix prefix;
        RouteId route = Interned<Route>::none;
        std::uint32_t holders = 0;
        [[nodiscard]] bool idle() const { return route == Interned<Route>::none && holders == 0; }
    };
    [[nodiscard]] Row& row(RouteSlot slot) { return rows_[slot.value()]; }
    [[nodiscard]] const Row& row(RouteSlot slot) const { return rows_[slot.value()]; }
    void add_rows(std::span<const RouteChange> changes);
    void add_row(const net::Prefix& prefix);
    void forget_idle_rows();

    std::vector<Row> rows_;         ///< by slot
    std::vector<RouteSlot> index_;  ///< by prefix, without the free ones
    std::vector<RouteSlot> free_;
    std::size_t idle_ = 0;  ///< in the index, and of no use
    Interned<Route> routes_;
    Attributes attributes_;
};

/// "med=50 65010:100"; "plain" without anything.
[[nodiscard]] std::string describe(const RouteAttributes& attributes);
/// The same, and where not all peers hear it: ", to tor-a tor-b", ", tor-a: med=60".
[[nodiscard]] std::string describe(const Route& route);

}  // namespace anyvip::bgp
