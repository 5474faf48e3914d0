#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "anyvip/describe.hpp"
#include "anyvip/net/address.hpp"
#include "anyvip/vip/coordinator.hpp"

/// The conversation on the control socket: one request a line, one answer a line, both JSON objects (RFC 8259),
/// as many as the client likes on one connection.
///
///     {"command":"ping"}                                            -> {"ok":true,"text":"..."}
///     {"command":"status"}                                          -> {"ok":true,"status":{...}}
///     {"command":"routes"}                                          -> {"ok":true,"routes":{...}}
///     {"command":"reload"}                                          -> {"ok":true,"text":"..."}
///     {"command":"drain","target":"node"}                           -> {"ok":true,"text":"..."}
///     {"command":"drain","target":"vip","vip":"www"}
///     {"command":"undrain","target":"server","server":"www-https","address":"10.0.1.21:443"}
///                                                                   -> {"ok":false,"error":"..."}
///
/// Parts: request.hpp the decoder and the answers; json.hpp the form of a status; io/server.hpp the socket.
/// Who calls what: io::Server splits lines and decodes, answers by itself what decode() refuses and pings, and
/// gives everything else to the decision loop's shell, which turns it into events of daemon::Decision; from
/// ReplyStatus and ReplyDone the shell makes a line with the functions here and hands it to Server::reply().
///
/// A member that is not known is an error, so that nobody believes that it was heeded.
///
/// Not implemented: a request for the running configuration, events, explain.
namespace anyvip::control {

/// Of a request without its newline. What is longer is refused unread.
constexpr std::size_t max_request_size = std::size_t{64} * 1024;

/// Is there a daemon? Answered without asking the decision loop.
struct PingRequest {
    friend bool operator==(const PingRequest&, const PingRequest&) = default;
};
struct StatusRequest {
    friend bool operator==(const StatusRequest&, const StatusRequest&) = default;
};
struct RoutesRequest {
    friend bool operator==(const RoutesRequest&, const RoutesRequest&) = default;
};
struct ReloadRequest {
    friend bool operator==(const ReloadRequest&, const ReloadRequest&) = default;
};
struct DrainRequest {
    vip::DrainTarget target;
    bool drain = true;  ///< false: undrain
    friend bool operator==(const DrainRequest&, const DrainRequest&) = default;
};
using Request = std::variant<PingRequest, StatusRequest, RoutesRequest, ReloadRequest, DrainRequest>;
using anyvip::describe;  // of a Request: a variant of ours is looked up here

/// Total; the error is a sentence for the client, and its untrusted text in it is quoted and short.
[[nodiscard]] std::expected<Request, std::string> decode(std::string_view line);
/// One line, without its newline. decode(encode(r)) == r.
[[nodiscard]] std::string encode(const Request& request);

/// "10.0.1.21:443", "[2001:db8::1]:443"; nullopt for anything else and for port 0.
[[nodiscard]] std::optional<net::Endpoint> parse_endpoint(std::string_view text);

// Answers; one line each, without its newline. A status answer is made by json.hpp.
[[nodiscard]] std::string answer_ok(std::string_view text);
[[nodiscard]] std::string answer_error(std::string_view error);

[[nodiscard]] std::string describe(const PingRequest&);
[[nodiscard]] std::string describe(const StatusRequest&);
[[nodiscard]] std::string describe(const RoutesRequest&);
[[nodiscard]] std::string describe(const ReloadRequest&);
[[nodiscard]] std::string describe(const DrainRequest& request);

}  // namespace anyvip::control
