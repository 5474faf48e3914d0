#include "control/io/server.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "control/version.hpp"
#include "io/file_descriptor.hpp"

namespace anyvip::control::io {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using anyvip::io::FileDescriptor;
using boost::system::error_code;
using Protocol = asio::local::stream_protocol;
using std::chrono::steady_clock;

constexpr mode_t socket_mode = 0660;
constexpr int backlog = 16;
/// Out of descriptors: somebody may close one.
constexpr std::chrono::milliseconds accept_retry{100};
constexpr auto awaited = asio::as_tuple(asio::use_awaitable);

std::string refusal(const std::string& what, int error) {
    return what + ": " + std::error_code{error, std::system_category()}.message();
}

/// What tells our socket from one that took its place.
struct FileId {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const FileId&, const FileId&) = default;
};

std::optional<FileId> id_of(const fs::path& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
    return FileId{status.st_dev, status.st_ino};
}

std::expected<void, std::string> make_directory(const fs::path& directory) {
    const fs::path ours{"/run/anyvip"};
    const auto end = std::mismatch(ours.begin(), ours.end(), directory.begin(), directory.end()).first;
    if (end != ours.end()) return {};
    std::error_code error;
    fs::create_directories(directory, error);
    if (error) return std::unexpected{directory.string() + ": " + error.message()};
    return {};
}

/// Makes room for a socket; the caller holds the directory's lock.
std::expected<void, std::string> remove_stale(const fs::path& path, const sockaddr_un& address) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return {};
        return std::unexpected{refusal(path.string(), errno)};
    }
    if (!S_ISSOCK(status.st_mode)) return std::unexpected{path.string() + " is there and is no socket"};

    const FileDescriptor probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (probe.get() < 0) return std::unexpected{refusal("socket", errno)};
    // A Unix socket connects at once or not at all; a full backlog (EAGAIN) has somebody behind it.
    // NOLINTNEXTLINE(*-reinterpret-cast): the socket API takes addresses of every family this way.
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(probe.get(), generic, sizeof address) == 0 || errno == EAGAIN) {
        return std::unexpected{"another anyvipd is running on " + path.string()};
    }
    if (errno != ECONNREFUSED && errno != ENOENT) return std::unexpected{refusal(path.string(), errno)};
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return std::unexpected{refusal(path.string(), errno)};
    return {};
}

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(Executor executor, Sink sink, ServerLimits limits)
        : executor_{std::move(executor)},
          sink_{std::move(sink)},
          limits_{limits},
          acceptor_{executor_},
          accept_pause_{executor_} {}

    [[nodiscard]] std::expected<void, std::string> listen(const fs::path& path);
    void reply(ClientId id, std::string line);
    void close();

private:
    struct Client {
        Client(ClientId client, const Executor& executor)
            : id{client}, socket{executor}, deadline{executor}, answered{executor} {}

        ClientId id;
        Protocol::socket socket;
        asio::steady_timer deadline;  ///< of what is awaited from the client; cuts it off
        asio::steady_timer answered;  ///< cancelled by reply()
        std::string received;
        bool waiting = false;  ///< for reply()
        std::optional<std::string> answer;
        bool writing = false;
    };
    using Self = std::shared_ptr<Impl>;
    using ClientPtr = std::shared_ptr<Client>;
    enum class Line { Complete, TooLong, None };

    // Named coroutines with parameters by value, and each result in a variable of its own: g++ 12 destroys
    // temporaries of a co_await expression twice when captures or conversions are among them.
    static asio::awaitable<void> accept_clients(Self self);
    static asio::awaitable<void> converse(Self self, ClientPtr client);
    static asio::awaitable<Line> read_line(Self self, ClientPtr client);
    static asio::awaitable<std::string> ask_sink(Self self, ClientPtr client, Request request);
    static asio::awaitable<bool> write_line(Self self, ClientPtr client, std::string line);

    void admit(int fd);
    static void cut_off_at(const ClientPtr& client, steady_clock::time_point when);
    static void no_deadline(Client& client);
    static void cut_off(Client& client);

    Executor executor_;
    Sink sink_;
    ServerLimits limits_;
    Protocol::acceptor acceptor_;
    asio::steady_timer accept_pause_;
    fs::path path_;
    std::optional<FileId> file_;
    std::map<ClientId, ClientPtr> clients_;
    std::uint64_t last_id_ = 0;
    bool closed_ = false;
};

std::expected<void, std::string> Server::Impl::listen(const fs::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof address.sun_path) {
        return std::unexpected{path.string() + ": longer than the " + std::to_string(sizeof address.sun_path - 1) +
                               " octets of a socket's name"};
    }
    std::memcpy(address.sun_path, path.c_str(), path.native().size() + 1);
    const auto directory = path.has_parent_path() ? path.parent_path() : fs::path{"."};
    if (auto made = make_directory(directory); !made) return made;

    // Two daemons that start at once would each take the other's new socket for a stale one.
    const FileDescriptor lock{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (lock.get() < 0) return std::unexpected{refusal(directory.string(), errno)};
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return std::unexpected{refusal(directory.string() + ": another anyvipd is starting there", errno)};
    }
    if (auto removed = remove_stale(path, address); !removed) return removed;

    FileDescriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (socket.get() < 0) return std::unexpected{refusal("socket", errno)};
    // NOLINTNEXTLINE(*-reinterpret-cast): the socket API takes addresses of every family this way.
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(socket.get(), generic, sizeof address) != 0) {
        return std::unexpected{refusal(path.string(), errno)};
    }
    path_ = path;
    file_ = id_of(path);
    // Before anybody can connect.
    if (::chmod(path.c_str(), socket_mode) != 0 || ::listen(socket.get(), backlog) != 0) {
        return std::unexpected{refusal(path.string(), errno)};
    }
    error_code error;
    acceptor_.assign(Protocol{}, socket.get(), error);
    if (error) return std::unexpected{path.string() + ": " + error.message()};
    (void)socket.release();
    asio::co_spawn(executor_, accept_clients(shared_from_this()), asio::detached);
    return {};
}

void Server::Impl::reply(ClientId id, std::string line) {
    const auto found = clients_.find(id);
    if (found == clients_.end() || !found->second->waiting || found->second->answer) return;
    found->second->answer = std::move(line);
    found->second->answered.cancel();
}

void Server::Impl::close() {
    if (closed_) return;
    closed_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    accept_pause_.cancel();
    if (file_ && id_of(path_) == file_) ::unlink(path_.c_str());
    for (const auto& [id, client] : clients_) {
        if (!client->writing && !client->answer) cut_off(*client);
    }
}

asio::awaitable<void> Server::Impl::accept_clients(Self self) {
    while (!self->closed_) {
        const auto [error] = co_await self->acceptor_.async_wait(Protocol::acceptor::wait_read, awaited);
        if (error) co_return;
        // Asio's own accept leaves the descriptor open across exec.
        const int fd = ::accept4(self->acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            self->admit(fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            self->accept_pause_.expires_after(accept_retry);
            const auto [cancelled] = co_await self->accept_pause_.async_wait(awaited);
            if (cancelled) co_return;
        }
    }
}

void Server::Impl::admit(int fd) {
    if (clients_.size() >= limits_.clients) {
        const auto line = answer_error("too many clients") + '\n';
        // Fits into the empty buffer of a new socket, or is not worth waiting for.
        (void)::send(fd, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        ::close(fd);
        return;
    }
    const auto client = std::make_shared<Client>(ClientId{++last_id_}, executor_);
    error_code error;
    client->socket.assign(Protocol{}, fd, error);
    if (error) {
        ::close(fd);
        return;
    }
    clients_.emplace(client->id, client);
    asio::co_spawn(executor_, converse(shared_from_this(), client), asio::detached);
}

/// One deadline at a time; the newest counts.
void Server::Impl::cut_off_at(const ClientPtr& client, steady_clock::time_point when) {
    client->deadline.expires_at(when);
    client->deadline.async_wait([weak = std::weak_ptr{client}](const error_code& error) {
        const auto late = weak.lock();
        // One that had expired when it was replaced comes here without an error.
        if (error || !late || late->deadline.expiry() > steady_clock::now()) return;
        cut_off(*late);
    });
}

/// Not cancel(): a handler that is queued already must find that it is too early.
void Server::Impl::no_deadline(Client& client) {
    client.deadline.expires_at(steady_clock::time_point::max());
}

void Server::Impl::cut_off(Client& client) {
    error_code ignored;
    client.socket.close(ignored);
    client.answered.cancel();
}

asio::awaitable<void> Server::Impl::converse(Self self, ClientPtr client) {
    bool goes_on = true;
    while (goes_on && !self->closed_) {
        const Line line = co_await read_line(self, client);
        if (line == Line::None || self->closed_) break;
        std::string answer;
        if (line == Line::TooLong) {
            answer = answer_error("the request is longer than 64 KiB");
            goes_on = false;
        } else {
            const auto end = client->received.find('\n');
            const auto request = decode(std::string_view{client->received}.substr(0, end));
            client->received.erase(0, end + 1);
            if (!request) {
                answer = answer_error(request.error());
            } else if (std::holds_alternative<PingRequest>(*request)) {
                answer = answer_ok("anyvipd " + std::string{version});
            } else {
                answer = co_await ask_sink(self, client, *request);
                if (answer.empty()) {
                    answer = answer_error("the daemon does not answer");
                    goes_on = false;
                }
            }
        }
        const bool written = co_await write_line(self, client, std::move(answer));
        goes_on = goes_on && written;
    }
    no_deadline(*client);
    cut_off(*client);
    self->clients_.erase(client->id);
}

asio::awaitable<Server::Impl::Line> Server::Impl::read_line(Self self, ClientPtr client) {
    constexpr std::size_t chunk = 4096;
    bool begun = !client->received.empty();
    cut_off_at(client, steady_clock::now() + (begun ? self->limits_.transfer : self->limits_.idle));
    std::size_t searched = 0;
    while (true) {
        const auto end = client->received.find('\n', searched);
        if (std::min(end, client->received.size()) > max_request_size) co_return Line::TooLong;
        if (end != std::string::npos) co_return Line::Complete;
        searched = client->received.size();
        if (!begun && searched > 0) {
            begun = true;
            cut_off_at(client, steady_clock::now() + self->limits_.transfer);
        }
        client->received.resize(searched + chunk);
        const auto [error, size] =
            co_await client->socket.async_read_some(asio::buffer(client->received.data() + searched, chunk), awaited);
        client->received.resize(searched + size);
        if (error) co_return Line::None;
    }
}

/// Empty: no answer in time.
asio::awaitable<std::string> Server::Impl::ask_sink(Self self, ClientPtr client, Request request) {
    no_deadline(*client);
    client->answer.reset();
    client->waiting = true;
    client->answered.expires_after(self->limits_.answer);
    self->sink_(client->id, std::move(request));
    if (!client->answer && !self->closed_) {
        [[maybe_unused]] const auto [cancelled] = co_await client->answered.async_wait(awaited);
    }
    client->waiting = false;
    std::string answer = std::move(client->answer).value_or("");
    co_return answer;
}

asio::awaitable<bool> Server::Impl::write_line(Self self, ClientPtr client, std::string line) {
    line += '\n';
    client->writing = true;
    cut_off_at(client, steady_clock::now() + self->limits_.transfer);
    const auto [error, size] = co_await asio::async_write(client->socket, asio::buffer(line), awaited);
    client->writing = false;
    client->answer.reset();
    co_return !error;
}

Server::Server(Executor executor, Sink sink, ServerLimits limits)
    : impl_{std::make_shared<Impl>(std::move(executor), std::move(sink), limits)} {}

Server::~Server() {
    impl_->close();
}

std::expected<void, std::string> Server::listen(const fs::path& path) {
    return impl_->listen(path);
}

void Server::reply(ClientId client, std::string line) {
    impl_->reply(client, std::move(line));
}

void Server::close() {
    impl_->close();
}

}  // namespace anyvip::control::io
