#pragma once

#include <string_view>

namespace anyvip::control {

/// Of this build: the daemon and the command line come from one.
inline constexpr std::string_view version = ANYVIP_VERSION;

/// Where the daemon listens, and `anyvip` asks, unless told otherwise.
inline constexpr std::string_view default_socket = "/run/anyvip/anyvipd.sock";

}  // namespace anyvip::control
