#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/names.hpp"

/// May this node serve the VIP, and if not, why not: the one question everything else follows from.
///
/// `evaluate` is a pure function from a policy (what the operator wrote) and facts (what is known now) to a
/// Verdict. It names the first broken link in the order in which an operator would look: an order of the
/// operator's own (drain), then the checks in the order of the file, the virtual servers, the BGP sessions.
/// What is not known never counts as healthy (product rule 2).
///
/// Whether the kernel has what the VIP needs is not asked here: that is order, and vip::Lifecycle owns it.
namespace anyvip::vip {

enum class Reason : std::uint8_t {
    Starting,      ///< nothing has been evaluated yet
    Drained,       ///< an operator said so, for the VIP or the node
    CheckUnknown,  ///< a required check has no first verdict
    CheckFailed,   ///< a required check is down
    BelowQuorum,   ///< a virtual server has fewer healthy real servers than its quorum
    NoBgpSession,  ///< the VIP needs an Established session and there is none
};

/// `priority_adjustment` is the sum of the weights in force; it moves a virtual router's priority.
struct Eligible {
    int priority_adjustment = 0;
    friend bool operator==(const Eligible&, const Eligible&) = default;
};

/// `detail` names the check, virtual server or peer and carries its own reason.
struct Ineligible {
    Reason reason = Reason::Starting;
    std::string detail;
    friend bool operator==(const Ineligible&, const Ineligible&) = default;
};

using Verdict = std::variant<Ineligible, Eligible>;

[[nodiscard]] inline bool is_eligible(const Verdict& verdict) {
    return std::holds_alternative<Eligible>(verdict);
}

/// A dependence on a check. Without a weight the check is required. With one, a failed check adds a negative
/// weight to the priority, and a good check adds a positive one, as keepalived's tracking does.
struct Track {
    CheckName check;
    std::optional<int> weight;
    friend bool operator==(const Track&, const Track&) = default;
};

enum class ServicesRule : std::uint8_t { All, Any };

struct Policy {
    std::vector<Track> tracks;
    /// Virtual servers whose quorum counts; one with `when_empty = "keep"` is not listed.
    std::vector<ServerName> servers;
    ServicesRule services = ServicesRule::All;
    bool needs_bgp_session = false;
    friend bool operator==(const Policy&, const Policy&) = default;
};

enum class Health : std::uint8_t { Unknown, Up, Down };

struct CheckFact {
    Health health = Health::Unknown;
    std::string detail;
    friend bool operator==(const CheckFact&, const CheckFact&) = default;
};

struct PoolFact {
    std::size_t healthy = 0;
    std::size_t configured = 0;
    std::size_t quorum = 1;
    friend bool operator==(const PoolFact&, const PoolFact&) = default;
};

/// A name that is missing here is not known, and so not healthy.
struct Facts {
    std::map<CheckName, CheckFact> checks;
    std::map<ServerName, PoolFact> pools;
    std::size_t established_sessions = 0;
    std::optional<std::string> drained;  ///< who or what drained it
};

[[nodiscard]] Verdict evaluate(const Policy& policy, const Facts& facts);

[[nodiscard]] std::string describe(Reason reason);
[[nodiscard]] std::string describe(Health health);
[[nodiscard]] std::string describe(const Eligible& eligible);
[[nodiscard]] std::string describe(const Ineligible& ineligible);

}  // namespace anyvip::vip
