#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

/// What to look at, here or at the router, when a link of a VIP's chain (explain.hpp) is broken. Each is empty where we
/// know nothing better than what the link says.
namespace anyvip::cli {

/// Of a peer of the status without a session.
[[nodiscard]] std::string hint_for_session(const boost::json::object& status, const boost::json::object& peer);

/// `reason` is a word of the contract, "no_next_hop".
[[nodiscard]] std::string hint_for_withheld(std::string_view reason, std::string_view prefix);

/// In the kernel's words, or those of who asked it.
[[nodiscard]] std::string hint_for_kernel(std::string_view error);

}  // namespace anyvip::cli
