#pragma once

#include <chrono>
#include <map>
#include <optional>

#include "anyvip/net/address.hpp"
#include "anyvip/time.hpp"
#include "bgp/address_family.hpp"
#include "bgp/fsm.hpp"
#include "bgp/negotiation.hpp"

/// How long the routes of a peer are kept whose session is lost: RFC 4724 §4.2 (the Receiving Speaker), RFC 8538 §4
/// (after a NOTIFICATION, and several restarts in a row), RFC 9494 §4.2 (for long).
///
///     session lost ---> stale ------ restart_time of the peer ------> gone, or long-lived --- its stale time ---> gone
///                         |                                                   |
///                      session back: kept for the families whose F bit is set, the others go at once
///                         |                                                   |
///                    End-of-RIB, or stale_time: what was not said again goes; a long-lived timer runs on
///
/// Peer owns one, tells it what happens, and does with its AdjRibIn as it says. Nothing is kept beyond the peer's
/// restart time and stale_time since it became stale, however often the peer restarts, and the long-lived time after.
namespace anyvip::bgp {

/// RFC 4724 §4.2, RFC 8538 §4: does the end of a session that agreed on `restart` leave the peer's routes in place?
[[nodiscard]] bool keeps_routes(const Reason& reason, const PeerRestart& restart);

class Retention {
public:
    /// For which a peer that is back may say its routes again; the default of RFC 8538 §4.1.
    static constexpr Duration stale_time = std::chrono::seconds{180};

    struct Lost {
        Families kept{};
        Families twice{};  ///< of those, what was stale already goes (RFC 4724 §4.2; not with RFC 8538)
        friend bool operator==(const Lost&, const Lost&) = default;
    };
    struct Due {
        Families gone{};
        Families long_lived{};
        friend bool operator==(const Due&, const Due&) = default;
    };

    /// The session ended so that its routes are kept. Stale routes of other families than Lost::kept go.
    [[nodiscard]] Lost lost(const PeerRestart& restart, TimePoint now);
    /// There is a session again: whose stale routes are kept still.
    [[nodiscard]] Families back(const std::optional<PeerRestart>& restart, TimePoint now);
    /// End-of-RIB: what is stale of the family goes. True: something may be.
    [[nodiscard]] bool complete(net::Family family) { return kept_.erase(family) > 0; }
    void forget() { kept_.clear(); }

    [[nodiscard]] Due expire(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    [[nodiscard]] Families families() const;
    /// Those that are kept as the last choice (RFC 9494 §4.2).
    [[nodiscard]] Families long_lived() const;

private:
    struct Kept {
        TimePoint bound;  ///< not longer, however often the peer restarts
        TimePoint until;
        std::chrono::seconds long_lived_time{0};  ///< from `until` on, if the session is not back by then
        bool long_lived = false;
        bool back = false;
    };
    std::map<net::Family, Kept> kept_;
};

}  // namespace anyvip::bgp
