#include "health/io/prober.hpp"

#include <memory>
#include <utility>
#include <variant>

#include "anyvip/overloaded.hpp"
#include "health/io/attempt.hpp"
#include "health/io/exec_probe.hpp"
#include "health/io/http_probe.hpp"
#include "health/io/processes.hpp"
#include "health/io/tcp_probe.hpp"

namespace anyvip::health::io {

Prober::Prober(boost::asio::any_io_executor executor, Sink sink)
    : executor_{std::move(executor)},
      sink_{std::move(sink)},
      tcp_sockets_{std::make_unique<TcpSockets>(executor_)},
      tls_contexts_{std::make_shared<TlsContexts>(executor_)},
      processes_{std::make_shared<Processes>()} {}

Prober::~Prober() {
    for (const auto& [key, attempt] : attempts_) attempt->abandon();
    tls_contexts_->stop();
}

void Prober::start(const CheckName& check, ProbeId id, const Probe& probe) {
    const Key key{check, id};
    auto report = [this, key](const Outcome& outcome) { finished(key, outcome); };
    auto attempt = std::visit(
        overloaded{
            [&](const TcpProbe& tcp) { return make_tcp_attempt(executor_, *tcp_sockets_, tcp, std::move(report)); },
            [&](const HttpProbe& http) { return make_http_attempt(executor_, tls_contexts_, http, std::move(report)); },
            [&](const ExecProbe& exec) {
                return make_exec_attempt(executor_, processes_, check, exec, std::move(report));
            },
        },
        probe);
    abandon(check, id);
    attempts_[key] = attempt;
    attempt->start();
}

void Prober::abandon(const CheckName& check, ProbeId id) {
    const auto found = attempts_.find({check, id});
    if (found == attempts_.end()) return;
    const auto attempt = std::move(found->second);
    attempts_.erase(found);
    attempt->abandon();
}

void Prober::finished(const Key& key, const Outcome& outcome) {
    // A copy: the sink may start the next probe of this check, and the key lies in what is erased here.
    const Key finished_key = key;  // NOLINT(performance-unnecessary-copy-initialization)
    attempts_.erase(finished_key);
    sink_(finished_key.first, ProbeFinished{finished_key.second, outcome});
}

}  // namespace anyvip::health::io
