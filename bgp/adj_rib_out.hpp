#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "anyvip/names.hpp"
#include "anyvip/net/address.hpp"
#include "bgp/asn.hpp"
#include "bgp/message.hpp"
#include "bgp/path_attribute.hpp"
#include "bgp/route_table.hpp"

/// Adj-RIB-Out: what one peer shall know, and what it has been told (RFC 4271 §3.2, §9.2).
///
/// Parts: the RouteTable has the routes, one row for all peers; an Export turns a route into what this session can
/// say; AdjRibOut is a column beside the table (what the peer was told of each slot), and two lists of slots where
/// the two may differ: those that have no route any more, and the others.
/// Peer feeds changed() from RoutesChanged, start() and stop() from its session, and asks take() for octets as
/// the transport has room. There is no queue: a peer that does not read costs one place in a list per prefix, and
/// gets only the newest state later. What take() returns counts as sent.
///
/// Order: withdrawals first (a wrong route costs more than a late one), then announcements grouped by
/// attributes, NLRI packed as UpdateWriter does; End-of-RIB once per family and session (RFC 4724 §2), not
/// before allow_end_of_rib(). No UPDATE repeats what the peer was told, except after refresh() (RFC 2918).
///
/// Not implemented: a link-local next hop beside a global one (RFC 2545 §3).
namespace anyvip::bgp {

/// Why a wanted route is not announced in this session.
enum class Withheld : std::uint8_t {
    FamilyNotNegotiated,
    NoNextHop,  ///< the session is of the other family and no next_hop is configured
    TooLarge,   ///< its communities do not fit into a message
};

/// How one session turns routes into path attributes.
struct Export {
    PeerName peer;  ///< that routes may name
    Asn local_as;
    EncodeContext encoding{};
    bool enhanced_refresh = false;  ///< RFC 7313
    bool ipv4 = false;              ///< negotiated families
    bool ipv6 = false;
    bool ipv4_over_ipv6 = false;            ///< RFC 8950: the peer takes IPv4 routes with an IPv6 next hop
    std::optional<Asn> only_to_customer{};  ///< RFC 9234 §5
    bool keeps_for_long = false;            ///< RFC 9494: the peer does, after the session has ended
    std::optional<net::Ipv4Address> next_hop;
    std::optional<net::Ipv6Address> next_hop6;
    friend bool operator==(const Export&, const Export&) = default;

    [[nodiscard]] bool external() const { return !encoding.ibgp; }
    [[nodiscard]] bool carries(net::Family family) const { return family == net::Family::Ipv4 ? ipv4 : ipv6; }
    /// What the peer is told of a route of this family, or why nothing. Communities sorted and once each, next
    /// hop filled in, LOCAL_PREF to internal peers only, prepends to external ones only: what this session
    /// cannot tell apart is equal here.
    [[nodiscard]] std::expected<PathAttributes, Withheld> attributes(net::Family family,
                                                                     const RouteAttributes& route) const;

private:
    [[nodiscard]] std::optional<net::IpAddress> next_hop_of(net::Family family, const RouteAttributes& route) const;
};

class AdjRibOut {
public:
    using Octets = std::vector<std::uint8_t>;

    /// `routes` outlives it.
    explicit AdjRibOut(RouteTable& routes) : routes_{&routes} {}
    ~AdjRibOut();
    AdjRibOut(AdjRibOut&&) = default;  // What is moved from holds nothing.
    AdjRibOut& operator=(AdjRibOut&&) = delete;

    /// These slots have other routes than before.
    void changed(std::span<const RouteSlot> slots);

    /// A session is up: the peer knows nothing yet.
    void start(const Export& exported);
    /// Other next hops or families within a session: what differs is sent again.
    void change_export(const Export& exported);
    /// The session is gone, and with it what the peer knew.
    void stop();
    /// Everything wanted at first is here; End-of-RIB may follow it. Holds for later sessions too.
    void allow_end_of_rib() { end_of_rib_allowed_ = true; }
    /// RFC 2918: the peer asks for a family again. With enhanced refresh (RFC 7313) the answer begins and ends with
    /// BoRR and EoRR.
    void refresh(net::Family family);
    /// Everything is to be withdrawn, and nothing announced until the next start(). The table stays.
    void withdraw_all();

    /// One take() that had something to return: what TCP has of it can be told from what it has not. Counts round.
    using Batch = std::uint32_t;
    static constexpr Batch batches = 1U << 28U;
    struct Taken {
        Octets octets;  ///< whole messages
        std::size_t messages = 0;
        std::size_t updates = 0;  ///< of them
        Batch batch = 0;
    };
    /// Messages of together at most `budget` octets.
    [[nodiscard]] Taken take(std::size_t budget);
    /// take() would return nothing, however large its budget.
    [[nodiscard]] bool clean() const;
    /// In this session, of every family that it carries.
    [[nodiscard]] bool end_of_rib_sent() const;

    /// Routes that are for this peer; looks at the whole table.
    [[nodiscard]] std::size_t wanted(const PeerName& peer) const;
    [[nodiscard]] std::size_t announced() const { return announced_; }
    [[nodiscard]] bool announces(const net::Prefix& prefix) const;
    /// What the peer was told of a prefix.
    struct Account {
        bool wanted = false;                 ///< for this peer
        std::optional<Withheld> withheld{};  ///< in this session
        std::optional<Batch> sent{};         ///< as it is wanted now; or withdrawn, which is forgotten
        friend bool operator==(const Account&, const Account&) = default;
    };
    [[nodiscard]] Account account(const net::Prefix& prefix, const PeerName& peer) const;
    /// How many wanted routes this session withholds, by reason.
    [[nodiscard]] std::map<Withheld, std::size_t> withheld() const;

private:
    using AttributesId = RouteTable::Attributes::Id;
    static constexpr AttributesId none = RouteTable::Attributes::none;

    /// The peer's side of a row.
    struct Told {
        AttributesId attributes = none;  ///< none: it does not know the prefix
        bool in_withdrawals : 1 = false;
        bool in_announcements : 1 = false;
        bool again : 1 = false;  ///< asked for by refresh()
        bool held : 1 = false;
        Batch batch : 28 = 0;  ///< that said so
        [[nodiscard]] bool matters() const { return attributes != none || in_withdrawals || in_announcements; }
    };
    static_assert(sizeof(Told) == 8);  // There may be a hundred thousand for each of a hundred peers.
    /// Slots to look at, in order. What is done leaves at the front.
    class WorkList {
    public:
        void push(RouteSlot slot) { slots_.push_back(slot); }
        void clear();
        [[nodiscard]] bool empty() const { return done_ == slots_.size(); }
        /// At most so many; valid until the next push().
        [[nodiscard]] std::span<const RouteSlot> front(std::size_t most) const;
        /// Of the first `count`, those that are finished leave.
        void drop(std::size_t count, const auto& finished);

    private:
        std::vector<RouteSlot> slots_;
        std::size_t done_ = 0;
    };
    /// A family's answer to a request for refresh, and its End-of-RIB.
    struct Markers {
        bool end_of_rib_due = false;
        bool refresh_waits = false;  ///< for End-of-RIB (RFC 7313 §4)
        bool refresh_begins = false;
        bool refresh_ends = false;
        [[nodiscard]] bool refreshing() const { return refresh_begins || refresh_ends; }
    };
    class Taking;  ///< one take(): adj_rib_out.cpp

    [[nodiscard]] Told& told(RouteSlot slot) { return told_[slot.value()]; }
    [[nodiscard]] const Told& told(RouteSlot slot) const { return told_[slot.value()]; }
    void mark(RouteSlot slot);
    void mark_all();
    void tell(RouteSlot slot, AttributesId id);
    void settle(RouteSlot slot);
    [[nodiscard]] std::optional<Withheld> why_withheld(net::Family family, const Route& route) const;

    RouteTable* routes_;
    std::vector<Told> told_;  ///< by slot; may be shorter than the table
    WorkList withdrawals_;
    WorkList announcements_;
    std::size_t announced_ = 0;
    Batch batch_ = 0;               ///< the last
    std::optional<Export> export_;  ///< of the session that is up
    bool withdrawing_ = false;
    bool end_of_rib_allowed_ = false;
    std::array<Markers, 2> markers_{};  ///< by family
};

[[nodiscard]] std::string_view describe(Withheld reason);

}  // namespace anyvip::bgp
