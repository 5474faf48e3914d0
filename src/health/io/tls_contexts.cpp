#include "health/io/tls_contexts.hpp"

#include <openssl/ssl.h>

#include <chrono>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

namespace anyvip::health::io {
namespace {

namespace asio = boost::asio;

/// Many times what a bundle of 140 certificates takes, and half of what a probe has by default.
constexpr std::chrono::milliseconds patience{500};

CouldNotRun unusable(const std::string& ca_file, const std::string& why) {
    return {CouldNotRunReason::CaFileUnusable, (ca_file.empty() ? "the system's" : ca_file) + ": " + why};
}

}  // namespace

struct TlsContexts::Entry {
    explicit Entry(const asio::any_io_executor& executor) : ready{executor, patience} {}
    std::optional<Loaded> loaded;
    asio::steady_timer ready;  ///< ends when it is loaded, or when waiting for it does
};

TlsContexts::TlsContexts(asio::any_io_executor executor) : executor_{std::move(executor)} {}

TlsContexts::~TlsContexts() {
    stop();
}

void TlsContexts::stop() {
    worker_.reset();
}

asio::awaitable<TlsContexts::Loaded> TlsContexts::get(std::string ca_file, bool verify) {
    const Key key{verify ? ca_file : std::string{}, verify};
    auto& known = entries_[key];
    if (!known || (known->loaded && !*known->loaded)) {
        known = std::make_shared<Entry>(executor_);
        begin_loading(key, known);
    }
    const auto entry = known;
    if (!entry->loaded) (void)co_await entry->ready.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!entry->loaded) co_return std::unexpected{unusable(key.first, "is still being loaded")};
    co_return *entry->loaded;
}

void TlsContexts::begin_loading(const Key& key, const std::shared_ptr<Entry>& entry) {
    if (!worker_) worker_.emplace(1);
    asio::post(*worker_, [executor = executor_, key, entry] {
        asio::post(executor, [entry, loaded = load(key)] {
            entry->loaded = loaded;
            entry->ready.cancel();
        });
    });
}

TlsContexts::Loaded TlsContexts::load(const Key& key) {
    const auto& [ca_file, verify] = key;
    boost::system::error_code error;
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
    SSL_CTX* const native = context->native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
    context->set_verify_mode(verify ? asio::ssl::verify_peer : asio::ssl::verify_none, error);
    if (!error && verify && ca_file.empty()) context->set_default_verify_paths(error);
    if (!error && verify && !ca_file.empty()) context->load_verify_file(ca_file, error);
    if (error) return std::unexpected{unusable(ca_file, error.message())};
    return context;
}

}  // namespace anyvip::health::io
