#pragma once

#include <vector>

#include "anyvip/config/config.hpp"
#include "anyvip/config/load.hpp"
#include "config/document.hpp"
#include "config/reader.hpp"

/// What the sections of a file owe one another, after each has been read by itself.
namespace anyvip::config {

/// Where a thing of the Config stands in the document, so that a rule can point at any of its keys.
struct Source {
    const Value* table = nullptr;
    /// Read without error. Rules about values pass over what is not: one mistake should be one message.
    bool sound = true;
};

/// Parallel to the lists of the Config.
struct Sources {
    const Value* bgp = nullptr;  ///< nullptr: there is no [bgp]
    std::vector<Source> peers;
    std::vector<Source> virtual_routers;
    std::vector<Source> checks;
    std::vector<Source> vips;
    std::vector<Source> virtual_servers;
    std::vector<std::vector<Source>> real_servers;
};

/// Fills in the defaults that follow from other sections: family of a virtual router, interface and peers
/// of a VIP, listening addresses, router_id.
void resolve(Config& config, const Sources& sources, const Host& host, Errors& errors);

void check_rules(const Config& config, const Sources& sources, Errors& errors);

}  // namespace anyvip::config
