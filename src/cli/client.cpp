#include "cli/client.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace anyvip::cli {
namespace {

namespace json = boost::json;

/// Longer than the daemon's own patience with its loops (control::io::ServerLimits), so that its words win.
constexpr timeval patience{.tv_sec = 40, .tv_usec = 0};

std::unexpected<AskError> failure(AskError::Kind kind, const std::string& what, int error) {
    return std::unexpected{AskError{kind, what + ": " + std::error_code{error, std::system_category()}.message()}};
}

class Socket {
public:
    Socket() : fd_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {}
    ~Socket() {
        if (fd_ >= 0) ::close(fd_);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

std::expected<void, AskError> connect(const Socket& socket, const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return failure(AskError::Kind::NotRunning, path, ENAMETOOLONG);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (socket.get() < 0) return failure(AskError::Kind::Broken, "socket", errno);
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    // NOLINTNEXTLINE(*-reinterpret-cast): the socket API takes addresses of every family this way.
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(socket.get(), generic, sizeof address) == 0) return {};
    const bool nobody = errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR;
    return failure(nobody ? AskError::Kind::NotRunning : AskError::Kind::NoAccess, path, errno);
}

std::expected<std::string, AskError> converse(const Socket& socket, const std::string& line) {
    std::string_view rest = line;
    while (!rest.empty()) {
        const auto sent = ::send(socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        // Cut off, but perhaps not without a word: read it.
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) break;
        if (sent < 0 && errno != EINTR) return failure(AskError::Kind::Broken, "send", errno);
        if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    std::string answer;
    std::array<char, 65536> chunk{};
    while (true) {
        const auto received = ::recv(socket.get(), chunk.data(), chunk.size(), 0);
        if (received < 0 && errno == EINTR) continue;
        if (received < 0) return failure(AskError::Kind::Broken, "receive", errno);
        if (received == 0) {
            return std::unexpected{AskError{AskError::Kind::Broken, "the daemon closed the connection"}};
        }
        answer.append(chunk.data(), static_cast<std::size_t>(received));
        if (answer.ends_with('\n')) return answer;
    }
}

}  // namespace

std::expected<json::object, AskError> ask(const std::string& socket_path, const control::Request& request) {
    const Socket socket;
    if (auto connected = connect(socket, socket_path); !connected) return std::unexpected{connected.error()};
    const auto line = converse(socket, control::encode(request) + '\n');
    if (!line) return std::unexpected{line.error()};

    json::error_code malformed;
    const auto document = json::parse(*line, malformed);
    const auto* const answer = malformed ? nullptr : document.if_object();
    const auto* const ok = answer == nullptr ? nullptr : answer->if_contains("ok");
    if (ok == nullptr || !ok->is_bool()) {
        return std::unexpected{AskError{AskError::Kind::Broken, "what answers there is no anyvipd"}};
    }
    if (!ok->as_bool()) {
        const auto* const error = answer->if_contains("error");
        const auto* const text = error == nullptr ? nullptr : error->if_string();
        return std::unexpected{
            AskError{AskError::Kind::Refused, text == nullptr ? std::string{"refused"} : std::string{*text}}};
    }
    return *answer;
}

}  // namespace anyvip::cli
