#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "anyvip/net/address.hpp"
#include "anyvip/time.hpp"
#include "bgp/asn.hpp"
#include "bgp/import.hpp"
#include "bgp/message.hpp"
#include "bgp/path_attribute.hpp"

/// What one peer announces to us (RFC 4271 §3.2), as far as somebody here wants to know it.
///
/// Nothing is accepted but what the operator's Import names (RFC 8212), and nothing that is accepted is installed or
/// handed on: it is there to be looked at. Beside it are the routes of watched prefixes, our own VIPs', kept whatever
/// Import says and even if they are refused: who else announces them is what a standby has to know, also where both
/// sites share an AS. Of what is refused only numbers and examples stay.
///
/// Memory is bounded whatever the peer sends: `max_prefixes` accepted routes, `max_watched_paths` for each watched
/// prefix, `max_examples` for each reason to refuse, and no route with more than `max_elements` in its attributes.
///
/// Peer owns one, tells it of the session and of each UPDATE, and asks the peer to say everything again (RFC 2918)
/// when more is wanted than before. Standards: RFC 4271 §9.1.2 (AS loops), 4456 §8 (ORIGINATOR_ID), 7313 §4 (stale
/// routes), 8326 §4.1 (graceful shutdown on receipt), 4724 §2 (End-of-RIB) and §4.2, 9494 §4.2 (routes of a peer that
/// is away: how long they stay is bgp::Retention's).
namespace anyvip::bgp {

using anyvip::describe;

enum class Refusal : std::uint8_t {
    Malformed,    ///< treated as withdrawn (RFC 7606)
    Leak,         ///< RFC 9234 §5
    OwnAs,        ///< our AS is in its AS_PATH
    OwnRouterId,  ///< an internal peer reflects what is ours
    TooLarge,     ///< more attributes than anybody needs
    Policy,       ///< Import does not name it
    MaxPrefixes,
};
inline constexpr std::size_t refusals = 7;

struct ReceivedRoute {
    PathAttributes attributes;  ///< of a peer with GRACEFUL_SHUTDOWN: LOCAL_PREF 0
    TimePoint since;            ///< with these attributes
    std::optional<Refusal> refused{};
    bool stale = false;  ///< not said again since the peer began a refresh, or since its session was lost
};

/// An example: the newest of those that are refused is not among them if there are many.
struct RefusedRoute {
    Refusal why{};
    std::string detail;  ///< the attribute at fault, the AS_PATH
    TimePoint since;
};

class AdjRibIn {
public:
    static constexpr std::size_t max_watched_paths = 16;
    static constexpr std::size_t max_examples = 32;
    static constexpr std::size_t max_elements = 256;

    struct Session {
        Asn local_as;
        net::Ipv4Address router_id;
        bool external = true;
    };
    struct Learnt {
        std::set<net::Prefix> watched{};             ///< that have other routes now
        std::optional<net::Family> limit_reached{};  ///< by a route of this family, and was not before
    };

    /// What is no longer accepted goes. True: the peer may have said something that is accepted now.
    [[nodiscard]] bool configure(const Import& import);
    /// True: the peer may have said something of these.
    [[nodiscard]] bool watch(std::set<net::Prefix> prefixes);

    /// What was kept of the families `kept` of the session before is there still, and stale.
    void start(const Session& session, Families kept = {});
    void stop();
    /// RFC 4724 §4.2: the session is lost, and what it told of these families is stale from now on; the rest goes. What
    /// was stale already goes as well in the families `twice`.
    void retain(Families kept, Families twice = {});
    /// What the peer has not said again.
    [[nodiscard]] Learnt forget_stale(Families families);
    /// RFC 9494 §4.2: what is stale is so for long now, and bears the community; what asks not to be kept goes.
    [[nodiscard]] Learnt keep_for_long(Families families);
    [[nodiscard]] Learnt learn(const Update& update, TimePoint now);
    /// RFC 7313 §4.
    void refresh_begins(net::Family family);
    [[nodiscard]] Learnt refresh_ends(net::Family family);

    /// The peer has said all that it had to say at first (End-of-RIB).
    [[nodiscard]] bool complete(net::Family family) const { return complete_.contains(family); }
    /// Accepted, or of a watched prefix.
    [[nodiscard]] const std::map<Nlri, ReceivedRoute>& routes() const { return routes_; }
    [[nodiscard]] const std::map<Nlri, RefusedRoute>& examples() const { return examples_; }
    [[nodiscard]] std::size_t accepted() const { return accepted_; }
    [[nodiscard]] std::size_t stale() const;
    /// Announcements of this session that were refused, by reason.
    [[nodiscard]] const std::array<std::uint64_t, refusals>& refused() const { return refused_; }

private:
    [[nodiscard]] std::optional<Refusal> refusal(const net::Prefix& prefix, const PathAttributes& attributes) const;
    void announce(const Nlri& nlri, const PathAttributes& attributes, TimePoint now, Learnt& learnt);
    void keep(const Nlri& nlri, ReceivedRoute route, Learnt& learnt);
    template <class Condition>
    [[nodiscard]] Learnt withdraw_if(const Condition& condition);
    void withdraw(const Nlri& nlri, Learnt& learnt);
    void withdraw_known(const Nlri& nlri, Learnt& learnt);
    [[nodiscard]] RefusedRoute* refuse(const Nlri& nlri, Refusal why, TimePoint now);
    void forget_example(const Nlri& nlri);
    [[nodiscard]] bool has_room_for(const Nlri& nlri) const;
    [[nodiscard]] bool can_watch(const Nlri& nlri) const;

    Import import_;
    std::set<net::Prefix> watched_;
    Session session_;
    std::map<Nlri, ReceivedRoute> routes_;
    std::size_t accepted_ = 0;
    bool full_ = false;  ///< a route was refused for max_prefixes, and there is no room since
    std::map<Nlri, RefusedRoute> examples_;
    std::array<std::size_t, refusals> examples_of_{};
    std::array<std::uint64_t, refusals> refused_{};
    Families complete_;
};

[[nodiscard]] std::string_view describe(Refusal why);

}  // namespace anyvip::bgp
