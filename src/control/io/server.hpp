#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "control/request.hpp"
#include "daemon/decision.hpp"

/// The control socket: a Unix stream socket on which `anyvip` asks and is answered (control/request.hpp).
///
/// One conversation per client, a coroutine that reads a line, gives it to the sink, and waits for reply() before
/// it reads the next: a client has at most one request under way, so nothing piles up. Every wait on a client has
/// a deadline; who is slower is cut off. A ping and what cannot be decoded are answered here.
///
/// All of it happens on the executor, which must be that of one thread. Non-logging.
namespace anyvip::control::io {

using daemon::ClientId;

struct ServerLimits {
    std::size_t clients = 32;  ///< one more is told so and cut off
    /// From the first octet of a request to its last, and for a client to take an answer.
    std::chrono::milliseconds transfer{std::chrono::seconds{5}};
    /// Between requests.
    std::chrono::milliseconds idle{std::chrono::seconds{60}};
    /// For the sink's side to reply(): the client is told that the daemon does not answer, and cut off.
    std::chrono::milliseconds answer{std::chrono::seconds{30}};
};

class Server {
public:
    /// Called on the executor for everything but pings. The answer is due by reply(id), now or later.
    using Sink = std::function<void(ClientId, Request)>;
    using Executor = boost::asio::any_io_executor;

    Server(Executor executor, Sink sink, ServerLimits limits = {});
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Makes the directory when it is /run/anyvip or below, takes the place of a stale socket, and refuses the place
    /// of a live daemon, or of anything that is no socket. Blocks for less than a second; for the start.
    /// The socket has mode 0660.
    [[nodiscard]] std::expected<void, std::string> listen(const std::filesystem::path& path);

    /// `line` without its newline. A client that has gone meanwhile is no error.
    void reply(ClientId client, std::string line);

    /// Stops listening, removes the socket's file and cuts everybody off once what was replied is on its way.
    void close();

private:
    class Impl;
    std::shared_ptr<Impl> impl_;  ///< shared with the conversations, which may end after us
};

}  // namespace anyvip::control::io
