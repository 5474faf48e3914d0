#include "health/io/tcp_probe.hpp"

#include <memory>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include "health/io/system_error.hpp"
#include "health/io/tcp_endpoint.hpp"

namespace anyvip::health::io {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

class TcpAttempt final : public Attempt {
public:
    TcpAttempt(const boost::asio::any_io_executor& executor, TcpSockets& sockets, const TcpProbe& probe,
               Report on_outcome)
        : Attempt{std::move(on_outcome)}, sockets_{sockets}, probe_{probe}, socket_{executor} {}

    void start() override {
        error_code error;
        socket_ = sockets_.take(probe_.target.address.family(), probe_.source, error);
        auto connected = [self = shared_from_this(), this](error_code result) { finish(result); };
        if (error) {
            boost::asio::post(socket_.get_executor(), [connected = std::move(connected), error] { connected(error); });
            return;
        }
        socket_.async_connect(tcp_endpoint(probe_.target), std::move(connected));
    }

private:
    void stop() override {
        error_code ignored;
        socket_.close(ignored);
    }

    void finish(error_code error) {
        if (is_over()) return;
        // The peer's name is the proof: on a socket that was used before, SO_ERROR = 0 alone can be stale.
        tcp::endpoint peer;
        if (!error) peer = socket_.remote_endpoint(error);
        if (error) {
            stop();
            return report(outcome_of(error));
        }
        // Both ends of a simultaneous open may be this one socket, when the kernel chose the target's port for it.
        if (peer == socket_.local_endpoint(error)) {
            stop();
            return report(Failure{FailureReason::Refused, "connected to itself"});
        }
        switch (probe_.close) {
            case CloseWith::Reset:
                sockets_.give_back(probe_.target.address.family(), probe_.source, std::move(socket_));
                break;
            case CloseWith::Fin:
                socket_.shutdown(tcp::socket::shutdown_both, error);
                stop();
                break;
        }
        report(Success{"connected"});
    }

    TcpSockets& sockets_;
    TcpProbe probe_;
    tcp::socket socket_;
};

}  // namespace

std::shared_ptr<Attempt> make_tcp_attempt(const boost::asio::any_io_executor& executor, TcpSockets& sockets,
                                          const TcpProbe& probe, Attempt::Report report) {
    return std::make_shared<TcpAttempt>(executor, sockets, probe, std::move(report));
}

}  // namespace anyvip::health::io
