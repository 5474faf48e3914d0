#include "cli/hints.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "cli/answer.hpp"

namespace anyvip::cli {
namespace {

namespace json = boost::json;
using namespace answer;

/// What stands in the system's words, and ours of what the kernel dropped, when a connection fails.
struct Words {
    std::string_view part;
    std::string_view hint;
    bool at_router = false;  ///< it is there, and turns us away: what it said before it did tells more
};

constexpr std::array connection{
    Words{"TCPMD5Failure", "password_file holds another key than the router has for this node"},
    Words{"TCPMD5NotFound",
          "password_file is set here, and the router signs nothing: give it the key, or take it away"},
    Words{"TCPMD5Unexpected", "the router has a key for this node: set password_file, or take it away there"},
    Words{"which is a VIP", "the router has to connect to this node's own address, which the session is to have"},
    Words{"Connection refused",
          "nothing listens there: does BGP run at the router, on this port, with this node as its neighbor? Or a "
          "firewall refuses it",
          true},
    Words{"No route to host", "nobody answers for that address: is the link up, the address right, the router there?"},
    Words{"Network is unreachable", "this node has no route to that address"},
    Words{"Host is down", "nobody answers for that address: is the link up, the address right, the router there?"},
    Words{"Cannot assign requested address", "the peer's source is no address of this node"},
    Words{"Permission denied", "a firewall of this node, or a missing capability of anyvipd"},
    Words{"closed by peer", "the router closes without a word: is this node's address among its neighbors?", true},
    Words{"Connection reset", "the router closes without a word: is this node's address among its neighbors?", true},
};

/// RFC 4271 §4.5 and its successors; a subcode of 0 is any.
struct Meaning {
    std::uint8_t code;
    std::uint8_t subcode;
    std::string_view sent;      ///< to do when we said it
    std::string_view received;  ///< when the router did
};

constexpr std::array meanings{
    Meaning{2, 1, "the router speaks another version of BGP", "the router speaks another version of BGP"},
    Meaning{2, 3, "two routers must not have one router ID: change router_id, or the router's",
            "two routers must not have one router ID: change router_id, or the router's"},
    Meaning{2, 4, "", "the router knows no capabilities: such a session carries IPv4 alone"},
    Meaning{2, 6, "the router asks for a hold time of 1 or 2 seconds", "the router wants a longer hold_time"},
    Meaning{2, 7,
            "no address family in common: compare families with those that the router has activated for this node",
            "the router misses or refuses a capability: compare the address families, or try capability_fallback"},
    Meaning{2, 11, "the roles do not fit: compare role with the router's",
            "the roles do not fit: compare role with the router's"},
    Meaning{2, 0, "", "compare this peer's configuration with the router's"},
    Meaning{4, 0, "",
            "the router has heard nothing of us for its hold time: is the path one-way, this node overloaded?"},
    Meaning{6, 1, "the router announces more than max_prefixes: raise it, or have the router announce less",
            "the router takes fewer prefixes from us than there are VIPs: raise its maximum-prefix limit"},
    Meaning{6, 2, "", "an administrator has shut the session at the router: it has to be enabled there"},
    Meaning{6, 3, "", "this node is no longer configured at the router"},
    Meaning{6, 4, "", "an administrator has reset the session at the router: it should come back by itself"},
    Meaning{6, 5, "", "the router refuses this node: is it among its neighbors, or within its limit of dynamic ones?"},
    Meaning{6, 6, "", "the router's configuration has changed: it should come back by itself"},
    Meaning{6, 8, "", "the router is out of resources"},
    Meaning{6, 9, "", "the router has reset the session for good: see what it says in brackets"},
    Meaning{6, 10, "", "BFD at the router says that the path has failed: is it one-way, this node stalled?"},
};

/// Nothing comes back. What carries another key than the other side has, its kernel drops without a word.
std::string hint_for_silence(const json::object& peer) {
    const auto signature = signature_of(peer);
    const auto silence = "nothing comes back from " + text(peer, "address") + ": ";
    if (signature.empty()) return silence + "is the router there, a firewall between, does it expect a TCP-MD5 key?";
    return silence + "a router that has another " + signature +
           " key drops what we send without a word: compare the keys; or it is not there, or a firewall between";
}

/// RFC 4271 §6.2: what each side takes the other for.
std::string hint_for_as(const json::object& status, const json::object& peer, bool sent) {
    const auto* const bgp = member(status, "bgp");
    const auto ours = bgp == nullptr ? std::string{nothing} : text(*bgp, "asn");
    if (!sent) return "the router expects another AS than our " + ours + ": correct its remote-as, or our asn";
    return "it says that it is AS " + text(peer, "said_asn") + ", and asn = " + text(peer, "configured_asn") +
           " is configured: correct one of them";
}

std::string hint_for_notification(const json::object& status, const json::object& peer, bool sent) {
    const auto* const said = member(peer, sent ? "last_sent" : "last_received");
    if (said == nullptr) return {};
    const auto code = std::lround(number(*said, "code").value_or(0));
    const auto subcode = std::lround(number(*said, "subcode").value_or(0));
    if (code == 2 && subcode == 2) return hint_for_as(status, peer, sent);
    const auto* const meaning = std::ranges::find_if(
        meanings, [&](const Meaning& m) { return m.code == code && (m.subcode == subcode || m.subcode == 0); });
    if (meaning == meanings.end()) return {};
    return std::string{sent ? meaning->sent : meaning->received};
}

std::string hint_for_link(const json::object& link) {
    const auto interface = string(link, "interface");
    if (string(link, "local").empty()) {
        return "is " + interface + " up? An unnumbered peer needs a link-local address there";
    }
    if (!string(link, "neighbor").empty()) return {};
    return "the router has to send router advertisements on that link (FRR: no ipv6 nd suppress-ra)";
}

}  // namespace

std::string hint_for_session(const json::object& status, const json::object& peer) {
    if (const auto* const link = member(peer, "link"); link != nullptr) {
        if (auto hint = hint_for_link(*link); !hint.empty()) return hint;
    }
    const auto kind = string(peer, "last_error_kind");
    if (kind == "notification_sent") return hint_for_notification(status, peer, true);
    if (kind == "notification_received") return hint_for_notification(status, peer, false);
    if (kind == "hold_timer_expired") {
        return "nothing came from the router for the hold time: is the path up in both directions, the router alive?";
    }
    if (kind == "send_hold_timer_expired") return "the router's TCP took nothing of ours: is it stuck?";
    if (kind == "bfd_down") return "BFD found the path to the router dead: see the link, and BFD at the router";
    const auto error = string(peer, "last_error");
    const auto* const known =
        std::ranges::find_if(connection, [&](const Words& w) { return error.find(w.part) != std::string::npos; });
    if (known != connection.end()) {
        const auto before = known->at_router ? hint_for_notification(status, peer, false) : std::string{};
        return before.empty() ? std::string{known->hint} : "it last said why: " + before;
    }
    return error.empty() || error.find("timed out") != std::string::npos ? hint_for_silence(peer) : std::string{};
}

std::string hint_for_withheld(std::string_view reason, std::string_view prefix) {
    const bool ipv6 = prefix.find(':') != std::string_view::npos;
    const std::string family = ipv6 ? "IPv6" : "IPv4";
    if (reason == "family_not_negotiated") {
        return "the session does not carry " + family + ": activate it for this node at the router, and see families";
    }
    if (reason == "no_next_hop") {
        return ipv6 ? "an IPv6 route needs an IPv6 next hop: next_hop6 of the peer, or a session over IPv6"
                    : "an IPv4 route needs an IPv4 next hop: next_hop of the peer, a session over IPv4, or "
                      "extended_next_hop at both ends";
    }
    if (reason == "too_large") return "its attributes do not fit into a message: fewer communities";
    return {};
}

std::string hint_for_kernel(std::string_view error) {
    const auto has = [&](std::string_view part) { return error.find(part) != std::string_view::npos; };
    if (has("modprobe")) return {};  // It says so itself.
    if (has("not permitted") || has("Permission denied")) return "anyvipd needs CAP_NET_ADMIN";
    if (has("No such device") || has("interface")) return "is the interface there, by this name?";
    if (has("File exists") || has("somebody else")) return "somebody else has it: anyvip touches only what it made";
    return {};
}

}  // namespace anyvip::cli
