#pragma once

#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "anyvip/health/probe.hpp"
#include "anyvip/names.hpp"
#include "health/io/attempt.hpp"
#include "health/io/processes.hpp"

namespace anyvip::health::io {

/// Runs a script: exit code 0 is the success. A probe leaves no process behind: what is left of its process group
/// when it ends is killed.
[[nodiscard]] std::shared_ptr<Attempt> make_exec_attempt(const boost::asio::any_io_executor& executor,
                                                         const std::shared_ptr<Processes>& processes,
                                                         const CheckName& check, const ExecProbe& probe,
                                                         Attempt::Report report);

}  // namespace anyvip::health::io
