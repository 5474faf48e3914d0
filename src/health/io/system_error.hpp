#pragma once

#include <boost/system/error_code.hpp>

#include "anyvip/health/outcome.hpp"

namespace anyvip::health::io {

/// What an errno says of a probe's connection: about the target (Failure), or about us (CouldNotRun).
[[nodiscard]] Outcome outcome_of(const boost::system::error_code& error);

}  // namespace anyvip::health::io
