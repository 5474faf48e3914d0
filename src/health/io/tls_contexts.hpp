#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "anyvip/health/outcome.hpp"

namespace anyvip::health::io {

/// What TLS probes trust. An SSL_CTX costs 2.5 MiB and a CA bundle 1.6 more and 18 ms, or any time where the disk is
/// slow: each is loaded when a probe first needs it, on a worker, and shared by all that agree on it.
class TlsContexts {
public:
    using Context = std::shared_ptr<boost::asio::ssl::context>;
    using Loaded = std::expected<Context, CouldNotRun>;

    explicit TlsContexts(boost::asio::any_io_executor executor);
    /// As stop().
    ~TlsContexts();
    TlsContexts(const TlsContexts&) = delete;
    TlsContexts& operator=(const TlsContexts&) = delete;

    /// On the executor. Waits for the worker, but not for long: a disk that hangs says nothing about the target, and
    /// the probe's time is not to run out over it. A file that cannot be loaded is tried again by the next probe.
    [[nodiscard]] boost::asio::awaitable<Loaded> get(std::string ca_file, bool verify);

    /// Ends the worker. Before the executor goes; who waits in get() may go on waiting.
    void stop();

private:
    using Key = std::pair<std::string, bool>;  ///< CA file (empty: the system's), verify
    struct Entry;

    [[nodiscard]] static Loaded load(const Key& key);
    void begin_loading(const Key& key, const std::shared_ptr<Entry>& entry);

    boost::asio::any_io_executor executor_;
    std::map<Key, std::shared_ptr<Entry>> entries_;
    std::optional<boost::asio::thread_pool> worker_;  ///< from the first TLS probe on
};

}  // namespace anyvip::health::io
