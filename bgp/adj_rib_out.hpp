#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anyvip/net/address.hpp"
#include "bgp/asn.hpp"
#include "bgp/message.hpp"
#include "bgp/path_attribute.hpp"

/// Adj-RIB-Out: what one peer shall know, and what it has been told (RFC 4271 §3.2, §9.2).
///
/// Parts: a Route is what a VIP wants to carry; an Export turns it into what this session can say; AdjRibOut
/// is one sorted table of {prefix, wanted, sent} and a list of the prefixes where the two may differ.
/// Peer feeds change() from RoutesChanged, start() and stop() from its session, and asks take() for octets as
/// the transport has room. There is no queue: a peer that does not read costs one entry per prefix, and gets
/// only the newest state later. What take() returns counts as sent.
///
/// Order: withdrawals first (a wrong route costs more than a late one), then announcements grouped by
/// attributes, NLRI packed up to 4096 octets; End-of-RIB once per family and session (RFC 4724 §2), not
/// before allow_end_of_rib(). No UPDATE repeats what the peer was told, except after refresh() (RFC 2918).
///
/// Not implemented: ADD-PATH, extended messages (RFC 8654), IPv4 routes with IPv6 next hops (RFC 8950),
/// link-local next hops (RFC 2545 §3), AS4_PATH is the codec's, one table for several peers.
namespace anyvip::bgp {

/// What one VIP's route carries to one peer. A level: the newest counts.
struct Route {
    std::vector<Community> communities{};
    std::vector<LargeCommunity> large_communities{};
    std::optional<std::uint32_t> med{};
    std::uint8_t prepend = 0;                   ///< our AS so many times more; external peers only
    std::optional<std::uint32_t> local_pref{};  ///< internal peers only; nullopt: 100
    std::optional<net::IpAddress> next_hop{};   ///< of the prefix' family; nullopt: the session's
    friend auto operator<=>(const Route&, const Route&) = default;
};

/// Why a wanted route is not announced in this session.
enum class Withheld : std::uint8_t {
    FamilyNotNegotiated,
    NoNextHop,  ///< the session is of the other family and no next_hop is configured
    TooLarge,   ///< its communities do not fit into a message
};

/// How one session turns routes into path attributes.
struct Export {
    Asn local_as;
    bool external = true;
    bool four_octet_as = true;
    bool ipv4 = false;  ///< negotiated families
    bool ipv6 = false;
    std::optional<net::Ipv4Address> next_hop;
    std::optional<net::Ipv6Address> next_hop6;
    friend bool operator==(const Export&, const Export&) = default;

    [[nodiscard]] bool carries(net::Family family) const { return family == net::Family::Ipv4 ? ipv4 : ipv6; }
    /// What the peer is told of a route of this family, or why nothing. Communities sorted and once each, next
    /// hop filled in, LOCAL_PREF to internal peers only, prepends to external ones only: what this session
    /// cannot tell apart is equal here.
    [[nodiscard]] std::expected<PathAttributes, Withheld> attributes(net::Family family, const Route& route) const;
};

/// A value as a number: equal values have the same one for as long as anybody uses it; 0 is none.
template <class T>
class Interned {
public:
    using Id = std::uint32_t;

    Interned() = default;
    Interned(Interned&&) = default;  // A copy's slots would point into the original's map.
    Interned& operator=(Interned&&) = default;

    [[nodiscard]] Id acquire(const T& value) {
        const auto [found, added] = ids_.try_emplace(value, Id{0});
        if (added) {
            if (free_.empty()) {
                free_.push_back(static_cast<Id>(slots_.size()));
                slots_.emplace_back();
            }
            found->second = free_.back();
            free_.pop_back();
            slots_[found->second] = {.place = found, .uses = 0};
        }
        ++slots_[found->second].uses;
        return found->second;
    }
    void release(Id id) {
        if (id == 0 || --slots_[id].uses > 0) return;
        ids_.erase(slots_[id].place);
        free_.push_back(id);
    }
    /// Precondition: acquired and not released.
    [[nodiscard]] const T& at(Id id) const { return slots_[id].place->first; }
    [[nodiscard]] std::size_t size() const { return ids_.size(); }

private:
    struct Slot {
        typename std::map<T, Id>::iterator place{};
        std::uint32_t uses = 0;
    };
    std::map<T, Id> ids_;
    std::vector<Slot> slots_{1};
    std::vector<Id> free_;
};

class AdjRibOut {
public:
    using Octets = std::vector<std::uint8_t>;

    /// The level of one prefix: a route, or none. Host bits are cleared.
    void change(const net::Prefix& prefix, const std::optional<Route>& route);

    /// A session is up: the peer knows nothing yet.
    void start(const Export& exported);
    /// Other next hops or families within a session: what differs is sent again.
    void change_export(const Export& exported);
    /// The session is gone, and with it what the peer knew.
    void stop();
    /// Everything wanted at first is here; End-of-RIB may follow it. Holds for later sessions too.
    void allow_end_of_rib() { end_of_rib_allowed_ = true; }
    /// RFC 2918: the peer asks for a family again.
    void refresh(net::Family family);
    /// Everything is to be withdrawn, and nothing announced until the next start(). The wanted level stays.
    void withdraw_all();

    /// Whole UPDATEs of together at most `budget` octets.
    [[nodiscard]] std::vector<Octets> take(std::size_t budget);
    /// take() would return nothing, however large its budget.
    [[nodiscard]] bool clean() const;

    [[nodiscard]] std::size_t wanted() const { return wanted_; }
    [[nodiscard]] std::size_t announced() const { return announced_; }
    [[nodiscard]] bool announces(const net::Prefix& prefix) const;
    /// How many wanted routes this session withholds, by reason.
    [[nodiscard]] std::map<Withheld, std::size_t> withheld() const;

private:
    using RouteId = Interned<Route>::Id;
    using AttributesId = Interned<PathAttributes>::Id;
    static constexpr std::uint32_t none = 0;

    struct Entry {
        net::Prefix prefix;
        RouteId wanted = none;     ///< as the VIP wants it
        AttributesId sent = none;  ///< as the peer was told
        bool dirty = false;        ///< is in dirty_
        bool again = false;        ///< asked for by refresh()
    };
    class Taking;  ///< one take(): adj_rib_out.cpp

    [[nodiscard]] Entry& entry(const net::Prefix& prefix);
    [[nodiscard]] const Entry* find(const net::Prefix& prefix) const;
    void mark(Entry& entry);
    void mark_all();
    void set_sent(Entry& entry, AttributesId id);
    void forget_empty_entries();

    std::vector<Entry> table_;        ///< sorted by prefix
    std::vector<net::Prefix> dirty_;  ///< each once
    Interned<Route> routes_;
    Interned<PathAttributes> attributes_;
    std::size_t wanted_ = 0;
    std::size_t announced_ = 0;
    std::optional<Export> export_;  ///< of the session that is up
    bool withdrawing_ = false;
    bool end_of_rib_allowed_ = false;
    std::array<bool, 2> end_of_rib_due_{};  ///< by family
};

[[nodiscard]] std::string_view describe(Withheld reason);
/// "communities 65010:100 med 50 prepend 1"; "plain" without anything.
[[nodiscard]] std::string describe(const Route& route);

}  // namespace anyvip::bgp
