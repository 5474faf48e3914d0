#include "bgp/standby_mark.hpp"

#include <algorithm>

namespace anyvip::bgp {
namespace {

constexpr std::uint32_t base = 4'271'000'000;
constexpr std::uint32_t highest_rank = 65535;

}  // namespace

LargeCommunity to_community(const StandbyMark& mark, Asn local_as) {
    return {local_as.value(), base + mark.rank, mark.router_id.value()};
}

std::optional<StandbyMark> standby_mark(const std::set<LargeCommunity>& communities) {
    std::optional<StandbyMark> mark;
    for (const auto& community : communities) {
        if (community.local_data_1 < base || community.local_data_1 > base + highest_rank) continue;
        mark = std::max(mark, std::optional{StandbyMark{static_cast<std::uint16_t>(community.local_data_1 - base),
                                                        net::Ipv4Address{community.local_data_2}}});
    }
    return mark;
}

}  // namespace anyvip::bgp
