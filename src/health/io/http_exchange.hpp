#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/error_code.hpp>

#include "anyvip/health/outcome.hpp"
#include "anyvip/health/probe.hpp"
#include "health/io/system_error.hpp"

/// What an HTTP probe says and makes of the answer, over any stream: TCP, TLS, or the fuzzer's octets.
/// A target can make it fail and cannot make it "could not run": that is for what is wrong with ourselves.
namespace anyvip::health::io {

inline constexpr std::uint32_t header_limit = 16U * 1024;
inline constexpr std::size_t body_limit = std::size_t{256} * 1024;
inline constexpr int max_informational = 8;  ///< 1xx responses before the final one (RFC 9110 §15.2)

/// RFC 9110 §7.2: the port is left out when it is the scheme's own.
inline std::string host_header(const HttpProbe& probe) {
    if (!probe.host.empty()) return probe.host;
    const auto with_port = probe.target.to_string();
    const bool default_port = probe.target.port == (probe.tls ? 443 : 80);
    return default_port ? with_port.substr(0, with_port.rfind(':')) : with_port;
}

inline boost::beast::http::request<boost::beast::http::empty_body> request_of(const HttpProbe& probe) {
    boost::beast::http::request<boost::beast::http::empty_body> request;
    request.version(11);
    request.method_string(probe.method);
    request.target(probe.path);
    request.set(boost::beast::http::field::host, host_header(probe));
    request.set(boost::beast::http::field::user_agent, "anyvip");
    request.set(boost::beast::http::field::accept, "*/*");
    request.set(boost::beast::http::field::connection, "close");
    for (const auto& [name, value] : probe.headers) request.set(name, value);
    return request;
}

inline bool is_expected(const HttpProbe& probe, unsigned status) {
    return std::ranges::any_of(
        probe.status, [status](const StatusRange& range) { return range.low <= status && status <= range.high; });
}

inline Outcome outcome_of_response_error(const boost::system::error_code& error) {
    if (error == boost::beast::http::error::end_of_stream || error == boost::beast::http::error::partial_message) {
        return Failure{FailureReason::ConnectionLost, "closed before the response was complete"};
    }
    if (error.category() == boost::system::error_code{boost::beast::http::error::bad_version}.category()) {
        return Failure{FailureReason::MalformedResponse, error.message()};
    }
    return outcome_of(error);
}

/// One request and its answer. `probe` outlives it.
template <class Stream>
boost::asio::awaitable<Outcome> exchange(Stream& stream, const HttpProbe& probe) {
    constexpr auto as_tuple = boost::asio::as_tuple(boost::asio::use_awaitable);
    auto request = request_of(probe);
    const auto [write_error, written] = co_await boost::beast::http::async_write(stream, request, as_tuple);
    if (write_error) co_return outcome_of_response_error(write_error);

    boost::beast::flat_buffer buffer{header_limit + body_limit};
    std::optional<boost::beast::http::response_parser<boost::beast::http::string_body>> parser;
    unsigned status = 100;
    for (int count = 0; status / 100 == 1 && status != 101 && count <= max_informational; ++count) {
        parser.emplace();
        parser->header_limit(header_limit);
        parser->body_limit(boost::none);  // Ours is read up to, not an error: see matches().
        parser->skip(probe.method == "HEAD");
        const auto [error, size] = co_await boost::beast::http::async_read_header(stream, buffer, *parser, as_tuple);
        if (error) co_return outcome_of_response_error(error);
        status = parser->get().result_int();
    }
    if (!is_expected(probe, status)) {
        co_return Failure{FailureReason::UnexpectedStatus, std::to_string(status)};
    }
    if (probe.body_contains.empty()) co_return Success{"status " + std::to_string(status)};

    // A body may be endless: stop at the first match or at the limit.
    const auto& body = parser->get().body();
    std::size_t searched = 0;
    while (true) {
        if (body.find(probe.body_contains, searched) < body_limit) {
            co_return Success{"status " + std::to_string(status) + ", body matches"};
        }
        searched = body.size() - std::min(body.size(), probe.body_contains.size() - 1);
        if (parser->is_done() || body.size() >= body_limit) break;
        const auto [error, size] = co_await boost::beast::http::async_read_some(stream, buffer, *parser, as_tuple);
        if (error == boost::asio::ssl::error::stream_truncated) break;  // Closed without close_notify, as many do.
        if (error) co_return outcome_of_response_error(error);
    }
    co_return Failure{FailureReason::BodyMismatch,
                      "not found in " + std::to_string(std::min(body.size(), body_limit)) + " octets"};
}

}  // namespace anyvip::health::io
