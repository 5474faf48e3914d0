#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>

#include "anyvip/health/check.hpp"
#include "anyvip/health/probe.hpp"
#include "anyvip/names.hpp"

/// Carries out the probes of health::Check: TCP connects, HTTP requests, child processes. It decides nothing,
/// logs nothing and has no timer: a probe runs until it has an outcome or is abandoned.
///
/// Not thread-safe: all calls come from the executor's one thread. The sink is never called from inside
/// start() or abandon(), and never for a probe that was abandoned.
namespace anyvip::health::io {

class Attempt;
class TcpSockets;
class TlsContexts;
class Processes;

class Prober {
public:
    using Sink = std::move_only_function<void(const CheckName& check, const ProbeFinished& finished)>;

    Prober(boost::asio::any_io_executor executor, Sink sink);
    /// Abandons what runs.
    ~Prober();
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;

    void start(const CheckName& check, ProbeId id, const Probe& probe);
    /// Unknown ids are ignored: the outcome may have crossed the wish to abandon.
    void abandon(const CheckName& check, ProbeId id);

private:
    using Key = std::pair<CheckName, ProbeId>;

    void finished(const Key& key, const Outcome& outcome);

    boost::asio::any_io_executor executor_;
    Sink sink_;
    std::unique_ptr<TcpSockets> tcp_sockets_;
    std::shared_ptr<TlsContexts> tls_contexts_;  ///< attempts may still wait for it when this object is gone
    std::shared_ptr<Processes> processes_;       ///< killed ones are reaped after this object is gone
    std::map<Key, std::shared_ptr<Attempt>> attempts_;
};

}  // namespace anyvip::health::io
