#include "health/io/http_probe.hpp"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "health/io/http_exchange.hpp"
#include "health/io/system_error.hpp"
#include "health/io/tcp_endpoint.hpp"
#include "health/io/tcp_sockets.hpp"

namespace anyvip::health::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);

/// "www.example.com:8443" -> "www.example.com", "[2001:db8::1]:443" -> "2001:db8::1".
std::string_view without_port(std::string_view host) {
    if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
    const auto colon = host.find(':');
    return colon != std::string_view::npos && colon == host.rfind(':') ? host.substr(0, colon) : host;
}

class HttpAttempt final : public Attempt {
public:
    HttpAttempt(const asio::any_io_executor& executor, std::shared_ptr<TlsContexts> contexts, HttpProbe probe,
                Report on_outcome)
        : Attempt{std::move(on_outcome)}, contexts_{std::move(contexts)}, probe_{std::move(probe)}, socket_{executor} {}

    void start() override {
        auto self = std::static_pointer_cast<HttpAttempt>(shared_from_this());
        asio::co_spawn(socket_.get_executor(), run(std::move(self)), asio::detached);
    }

private:
    using TlsStream = asio::ssl::stream<tcp::socket&>;

    void stop() override {
        error_code ignored;
        socket_.close(ignored);
    }

    static asio::awaitable<void> run(std::shared_ptr<HttpAttempt> self) {
        co_await asio::post(self->socket_.get_executor(), asio::use_awaitable);
        if (self->is_over()) co_return;
        auto outcome = co_await self->converse();
        self->stop();
        self->report(std::move(outcome));
    }

    asio::awaitable<Outcome> converse() {
        error_code error;
        TlsContexts::Context context;
        if (probe_.tls) {
            auto loaded = co_await contexts_->get(probe_.ca_file, probe_.verify);
            if (!loaded) co_return loaded.error();
            context = *std::move(loaded);
            if (is_over()) co_return Failure{FailureReason::TimedOut, {}};  // Abandoned meanwhile: nobody hears it.
        }
        socket_ = open_socket(socket_.get_executor(), probe_.target.address.family(), probe_.source, error);
        if (error) co_return outcome_of(error);
        const auto [connect_error] = co_await socket_.async_connect(tcp_endpoint(probe_.target), as_tuple);
        if (connect_error) co_return outcome_of(connect_error);
        if (!context) {
            auto outcome = co_await exchange(socket_, probe_);
            co_return outcome;
        }

        tls_.emplace(socket_, *context);
        if (auto refused = prepare_tls()) co_return *refused;
        const auto [handshake_error] = co_await tls_->async_handshake(TlsStream::client, as_tuple);
        if (handshake_error) co_return outcome_of_handshake_error(handshake_error);
        auto outcome = co_await exchange(*tls_, probe_);
        co_return outcome;
    }

    /// Sets the name to ask for and the name or address that the certificate must have.
    std::optional<Outcome> prepare_tls() {
        const std::string name{probe_.host.empty() ? probe_.target.address.to_string() : without_port(probe_.host)};
        SSL* const ssl = tls_->native_handle();
        bool done = true;
        if (net::IpAddress::parse(name)) {
            // RFC 6066 §3: no address in server_name. RFC 9110 §4.3.5: it must be in the certificate as an address.
            done = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
        } else {
            SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
            done = SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                            const_cast<char*>(name.c_str())) == 1 &&  // NOLINT: OpenSSL's macro casts alike
                   SSL_set1_host(ssl, name.c_str()) == 1;
        }
        if (done) return std::nullopt;
        return CouldNotRun{CouldNotRunReason::SystemError, "cannot verify the name " + name};
    }

    Outcome outcome_of_handshake_error(const error_code& error) {
        const auto verified = SSL_get_verify_result(tls_->native_handle());
        if (probe_.verify && verified != X509_V_OK) {
            return Failure{FailureReason::CertificateRejected, X509_verify_cert_error_string(verified)};
        }
        if (error.category() == boost::system::system_category()) return outcome_of(error);
        return Failure{FailureReason::TlsFailed, error.message()};
    }

    std::shared_ptr<TlsContexts> contexts_;
    HttpProbe probe_;
    tcp::socket socket_;
    std::optional<TlsStream> tls_;
};

}  // namespace

std::shared_ptr<Attempt> make_http_attempt(const asio::any_io_executor& executor, std::shared_ptr<TlsContexts> contexts,
                                           const HttpProbe& probe, Attempt::Report report) {
    return std::make_shared<HttpAttempt>(executor, std::move(contexts), probe, std::move(report));
}

}  // namespace anyvip::health::io
