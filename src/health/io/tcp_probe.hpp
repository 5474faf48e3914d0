#pragma once

#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "anyvip/health/probe.hpp"
#include "health/io/attempt.hpp"
#include "health/io/tcp_sockets.hpp"

namespace anyvip::health::io {

/// Connects, and that is all: a completed handshake is the success. `sockets` must outlive the attempt's
/// abandonment or report.
[[nodiscard]] std::shared_ptr<Attempt> make_tcp_attempt(const boost::asio::any_io_executor& executor,
                                                        TcpSockets& sockets, const TcpProbe& probe,
                                                        Attempt::Report report);

}  // namespace anyvip::health::io
