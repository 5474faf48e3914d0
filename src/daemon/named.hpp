#pragma once

#include <algorithm>
#include <string>

#include "anyvip/names.hpp"

/// Things by their names: what a Notice is about, and what a list has.
namespace anyvip::daemon {

[[nodiscard]] inline std::string subject(const VipName& vip) {
    return "vip=" + vip.value();
}
[[nodiscard]] inline std::string subject(const PeerName& peer) {
    return "peer=" + peer.value();
}
[[nodiscard]] inline std::string subject(const RouterName& router) {
    return "virtual_router=" + router.value();
}

template <class Items, class Name>
[[nodiscard]] auto find_named(Items& items, const Name& name) {
    return std::ranges::find_if(items, [&](const auto& item) { return item.name == name; });
}

}  // namespace anyvip::daemon
