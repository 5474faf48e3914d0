#pragma once

#include <string>

#include "anyvip/strong.hpp"

/// The names that the configuration gives to things. They identify a thing across a reload: what keeps its
/// name keeps its state.
namespace anyvip {

using VipName = Strong<std::string, struct VipNameTag>;
using PeerName = Strong<std::string, struct PeerNameTag>;
using RouterName = Strong<std::string, struct RouterNameTag>;  ///< a virtual router
using ServerName = Strong<std::string, struct ServerNameTag>;  ///< a virtual server

/// A check: the name of a [[check]], or for the check of a real server "SERVER/ADDRESS:PORT".
using CheckName = Strong<std::string, struct CheckNameTag>;

}  // namespace anyvip
