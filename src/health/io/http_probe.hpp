#pragma once

#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "anyvip/health/probe.hpp"
#include "health/io/attempt.hpp"
#include "health/io/tls_contexts.hpp"

namespace anyvip::health::io {

/// One request over a connection of its own, with or without TLS.
[[nodiscard]] std::shared_ptr<Attempt> make_http_attempt(const boost::asio::any_io_executor& executor,
                                                         std::shared_ptr<TlsContexts> contexts, const HttpProbe& probe,
                                                         Attempt::Report report);

}  // namespace anyvip::health::io
