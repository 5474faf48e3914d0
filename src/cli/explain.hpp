#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "cli/table.hpp"

/// Why a VIP is announced, or is not: the chain from the daemon to what each peer's TCP has acknowledged, made of what
/// the daemon answers with and of nothing else. Pure: JSON in, text or JSON out.
///
/// The links are in the order in which one depends on another:
///
///   node, vip         stopping, drained
///   check             those that the VIP and its virtual router track
///   virtual_server    healthy real servers, quorum
///   bgp_session       of a hybrid VIP: one has to be Established
///   virtual_router    Active, or who else is
///   kernel            services and address
///   standby           whether another node is heard
///   hold_down, flap   how long it is kept back, and why
///   lifecycle         what is left when all that holds: a step of the order up or down is under way
///   loop              a part of the daemon did not answer: what follows of it is not known
///   bfd, peer, range  for each peer that the route goes to
///   route             desired, sent, acknowledged by its TCP
///   import, warning, router   remarks: what is refused of its routes, what `check` warns of, the router's side
///
/// The cause is the link that the summary names: of a VIP that is not there the first of those up to `loop` that is
/// broken, else rests, else is not known; of one that is, the first broken one anywhere.
namespace anyvip::cli {

enum class LinkState : unsigned char {
    Holds,
    Remark,   ///< changes nothing, and is worth knowing
    Unknown,  ///< not known, or not yet
    Rests,    ///< the chain ends here as it should: another node serves
    Broken,
};

struct Link {
    std::string kind;     ///< one of those above: words of the contract
    std::string subject;  ///< the name of the check, the peer ...
    LinkState state = LinkState::Holds;
    std::string text;    ///< goes on after the label: "check nginx" "failed 12s ago: exit code 1"
    std::string hint{};  ///< what to look at, here or at the router; empty where we know nothing
};

struct Chain {
    std::string vip;
    bool served = false;  ///< this node is the VIP's Active router, or a peer has its route
    std::string summary;
    std::vector<Link> links;
    std::optional<std::size_t> cause;  ///< nullopt: all is well

    [[nodiscard]] bool broken() const;
};

/// `answer` is the status and beside its members those of the routes. nullopt: there is no such VIP.
[[nodiscard]] std::optional<Chain> explain(const boost::json::object& answer, std::string_view vip);

[[nodiscard]] std::vector<std::string> vip_names(const boost::json::object& status);

/// The summary, then what is broken, then the rest; both in the order of the chain.
[[nodiscard]] std::string chain_text(const Chain& chain, const Style& style);

/// A contract as control/json.hpp is one: members and words stay, but for summary, text and hint, which are for people.
///
///     vip, served, summary, cause (index of a link; null: all is well)
///     links[]  kind, subject, state "holds" | "remark" | "unknown" | "rests" | "broken", text, hint
[[nodiscard]] boost::json::object chain_json(const Chain& chain);

}  // namespace anyvip::cli
