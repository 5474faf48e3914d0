#pragma once

#include <string>

#include "anyvip/time.hpp"

namespace anyvip::health {

/// As the configuration writes it: "2s", "300ms"; anything finer in microseconds, rounded down.
[[nodiscard]] std::string text_of(Duration duration);

}  // namespace anyvip::health
