#include "bgp/io/speaker.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "bgp/io/endpoint.hpp"
#include "bgp/io/tcp_ao.hpp"

namespace anyvip::bgp::io {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

using Tcp = asio::ip::tcp;

Tcp to_protocol(net::Family family) {
    return family == net::Family::Ipv4 ? Tcp::v4() : Tcp::v6();
}

OptionError failed(const char* what, const error_code& error) {
    return {what, error.value()};
}

/// Makes it the owner of the descriptor, which is closed if it cannot be: Asio's constructors throw then and leak it.
template <class Socket>
std::optional<OptionError> give(Socket& socket, const Tcp& protocol, int fd) {
    error_code error;
    socket.assign(protocol, fd, error);
    if (!error) return std::nullopt;
    ::close(fd);
    return failed("epoll_ctl", error);
}

/// The address that the kernel would give a connection to `to`: connecting a datagram socket chooses a route and
/// sends nothing. nullopt where there is none, which connect() itself explains better.
std::optional<net::IpAddress> chosen_source(const Tcp::endpoint& to, const std::string& device) {
    const int fd = ::socket(to.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return std::nullopt;
    Tcp::endpoint local;
    auto size = static_cast<socklen_t>(local.capacity());
    const bool known = bind_to_device(fd, device) && ::connect(fd, to.data(), static_cast<socklen_t>(to.size())) == 0 &&
                       ::getsockname(fd, local.data(), &size) == 0;
    ::close(fd);
    if (!known) return std::nullopt;
    return from_asio(local).address;
}

OptionResult set_keys(int listener, const PeerConfig& peer) {
    if (!peer.password.empty()) return set_md5_key(listener, addresses_of(peer), peer.password);
    return set_tcp_ao_keys(listener, peer, SocketRole::Listens);
}

std::string speaks_from_vip(const net::IpAddress& address) {
    return "it would speak from " + address.to_string() + ", which is a VIP";
}

}  // namespace

Speaker::Speaker(asio::any_io_executor executor, Sink sink)
    : executor_{std::move(executor)},
      sink_{std::move(sink)},
      diagnosis_timer_{executor_},
      alive_{std::make_shared<Speaker*>(this)} {}

Speaker::~Speaker() {
    for (const auto& [id, open] : connections_) open.connection->abort();
    error_code ignored;
    for (const auto& [key, socket] : attempts_) socket->close(ignored);
    for (const auto& [where, acceptor] : listeners_) acceptor->close(ignored);
}

// ---- Listening ------------------------------------------------------------------------------------------

std::vector<std::string> Speaker::configure(const std::vector<net::Endpoint>& listen, const Peers& peers,
                                            const std::set<net::IpAddress>& vips) {
    std::vector<std::string> problems;
    vips_ = vips;
    end_connections_of_vips();
    std::set<Listen> wanted;
    for (const auto& endpoint : listen) {
        for (const auto& [name, peer] : peers) {
            // Nobody is known there, and the interface may be gone: what comes back is another one.
            if (peer.unnumbered && peer.address.is_unspecified()) continue;
            wanted.insert({endpoint, peer.device});
        }
    }
    std::erase_if(listeners_, [&](const auto& listener) {
        if (wanted.contains(listener.first)) return false;
        error_code ignored;
        listener.second->close(ignored);
        return true;
    });
    remove_keys(peers);
    peers_ = peers;
    for (const auto& where : wanted) {
        if (listeners_.contains(where)) continue;
        if (auto acceptor = listen_on(where)) {
            listeners_[where] = *acceptor;
        } else {
            problems.push_back("listen on " + describe(where.endpoint) + ": " + describe(acceptor.error()));
        }
    }
    protect_listeners(problems);
    md5_counters_ = read_md5_counters();
    diagnose_later();
    return problems;
}

/// Keys that are not wanted any more, before those that are: a peer may have changed its name.
void Speaker::remove_keys(const Peers& wanted) {
    for (const auto& [name, before] : peers_) {
        const auto found = wanted.find(name);
        const bool stays = found != wanted.end() && addresses_of(found->second) == addresses_of(before) &&
                           found->second.device == before.device;
        for (const auto& [where, acceptor] : listeners_) {
            if (!where.serves(before)) continue;
            if (!before.password.empty() && !(stays && !found->second.password.empty())) {
                (void)set_md5_key(acceptor->native_handle(), addresses_of(before), Password{});
            }
            for (const auto& key : before.tcp_ao) {
                if (stays && std::ranges::find(found->second.tcp_ao, key) != found->second.tcp_ao.end()) continue;
                (void)remove_tcp_ao_key(acceptor->native_handle(), before, key);
            }
        }
    }
}

/// A listening socket without a peer's key would take unsigned connections: those are then refused. GTSM counts from
/// the SYN on where all peers of the socket want it; for the others it begins with the connection.
void Speaker::protect_listeners(std::vector<std::string>& problems) {
    unprotected_.clear();
    for (const auto& [name, peer] : peers_) {
        // Of an unnumbered peer that nobody has heard.
        if (peer.unnumbered && peer.address.is_unspecified()) continue;
        for (const auto& [where, acceptor] : listeners_) {
            if (!where.serves(peer)) continue;
            const auto set = set_keys(acceptor->native_handle(), peer);
            if (set) continue;
            unprotected_.insert(name);
            problems.push_back("peer " + describe(name) + " on " + describe(where.endpoint) + ": " +
                               describe(set.error()));
        }
    }
    for (const auto& [where, acceptor] : listeners_) {
        std::optional<std::uint8_t> farthest = std::uint8_t{0};
        for (const auto& [name, peer] : peers_) {
            if (!where.serves(peer)) continue;
            farthest =
                farthest && peer.ttl_security ? std::optional{std::max(*farthest, *peer.ttl_security)} : std::nullopt;
        }
        if (farthest == std::uint8_t{0}) farthest.reset();  // It serves nobody.
        // A socket that takes more than it should is none the worse for the check that follows.
        (void)limit_listener(acceptor->native_handle(), where.endpoint.address.family(), farthest);
    }
}

// ---- What the kernel dropped ----------------------------------------------------------------------------

void Speaker::diagnose_later() {
    diagnosis_timer_.expires_after(diagnosis_interval);
    diagnosis_timer_.async_wait([alive = std::weak_ptr{alive_}](const error_code& error) {
        const auto speaker = alive.lock();
        if (!error && speaker) (*speaker)->diagnose();
    });
}

/// With a wrong key no connection comes about, so that a peer with one has no reason to complain.
void Speaker::diagnose() {
    std::set<PeerName> silent;
    for (const auto& [name, peer] : peers_) silent.insert(name);
    for (const auto& [id, open] : connections_) silent.erase(open.peer);
    const auto now = silent.empty() ? std::nullopt : read_md5_counters();
    if (now && md5_counters_) {
        for (const auto& name : silent) {
            const auto peer = peers_.find(name);  // The sink may have us configured anew.
            if (peer == peers_.end()) continue;
            auto text = explain(*md5_counters_, *now, !peer->second.password.empty());
            if (!text.empty()) sink_(name, TransportDiagnosis{std::move(text)});
        }
    }
    if (now) md5_counters_ = now;
    diagnose_later();
}

std::expected<std::shared_ptr<Tcp::acceptor>, OptionError> Speaker::listen_on(const Listen& where) {
    const auto& endpoint = where.endpoint;
    const auto family = endpoint.address.family();
    const auto socket = new_socket(family);
    if (!socket) return std::unexpected{socket.error()};
    auto acceptor = std::make_shared<Tcp::acceptor>(executor_);
    if (const auto given = give(*acceptor, to_protocol(family), *socket)) return std::unexpected{*given};
    const auto prepared = prepare_to_listen(*socket, family, where.device);
    if (!prepared) return std::unexpected{prepared.error()};
    error_code error;
    acceptor->bind(to_asio(endpoint.address, endpoint.port), error);
    if (error) return std::unexpected{failed("bind", error)};
    acceptor->listen(asio::socket_base::max_listen_connections, error);
    if (error) return std::unexpected{failed("listen", error)};
    asio::co_spawn(executor_, accept(alive_, acceptor, where.device), asio::detached);
    return acceptor;
}

std::vector<net::Endpoint> Speaker::listening() const {
    std::vector<net::Endpoint> endpoints;
    for (const auto& [where, acceptor] : listeners_) {
        error_code ignored;
        endpoints.push_back(from_asio(acceptor->local_endpoint(ignored)));
    }
    return endpoints;
}

/// accept4() instead of Asio's accept(): the new descriptor is close-on-exec from its first moment.
asio::awaitable<void> Speaker::accept(std::weak_ptr<Speaker*> alive, std::shared_ptr<Tcp::acceptor> acceptor,
                                      std::string device) {
    constexpr auto pause_without_descriptors = std::chrono::milliseconds{100};
    error_code error;
    while (true) {
        co_await acceptor->async_wait(Tcp::acceptor::wait_read, asio::redirect_error(asio::use_awaitable, error));
        if (error || alive.expired() || !acceptor->is_open()) co_return;
        const int fd = ::accept4(acceptor->native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            error_code ignored;
            Tcp::socket socket{acceptor->get_executor()};
            // Closed if it cannot be watched: the peer tries again.
            if (give(socket, acceptor->local_endpoint(ignored).protocol(), fd)) continue;
            // Locked no longer than this: to the handlers, a Speaker that is locked is alive.
            if (const auto speaker = alive.lock()) (*speaker)->accepted(std::move(socket), device);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            asio::steady_timer pause{acceptor->get_executor(), pause_without_descriptors};
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        }
    }
}

void Speaker::accepted(Tcp::socket socket, const std::string& device) {
    error_code error;
    const auto remote = socket.remote_endpoint(error);
    if (error) return;
    const auto address = from_asio(remote).address;
    const auto peer = peer_of(peers_, address, device);
    if (peer == peers_.end()) return;
    const auto& config = peer->second;
    const auto name = config.range ? instance_name(peer->first, address) : peer->first;
    if (unprotected_.contains(peer->first)) return refuse(name, {}, "the kernel did not take the key of the peer");
    const auto prepared = prepare_accepted(socket.native_handle(), config);
    if (!prepared) return refuse(name, {}, describe(prepared.error()));
    adopt(name, std::move(socket), std::nullopt);
}

// ---- Connecting -----------------------------------------------------------------------------------------

std::expected<std::shared_ptr<Tcp::socket>, std::string> Speaker::socket_for(const PeerConfig& peer) const {
    // Before the SYN: that is a packet of ours as well.
    const auto source = peer.source ? peer.source : chosen_source(to_asio(peer.address, peer.port), peer.device);
    if (source && vips_.contains(*source)) return std::unexpected{speaks_from_vip(*source)};
    const auto family = peer.address.family();
    const auto fd = new_socket(family);
    if (!fd) return std::unexpected{describe(fd.error())};
    auto socket = std::make_shared<Tcp::socket>(executor_);
    if (const auto given = give(*socket, to_protocol(family), *fd)) return std::unexpected{describe(*given)};
    const auto prepared = prepare_to_connect(*fd, peer);
    if (!prepared) return std::unexpected{describe(prepared.error())};
    if (peer.source) {
        error_code error;
        socket->bind(to_asio(*peer.source, 0), error);
        if (error) return std::unexpected{describe(failed("bind", error))};
    }
    return socket;
}

void Speaker::perform(const PeerName& peer, const OpenConnection& action) {
    const auto config = peers_.find(peer);
    if (config == peers_.end()) return sink_(peer, ConnectionFailed{action.attempt, "no such peer"});
    const auto socket = socket_for(config->second);
    if (!socket) return refuse(peer, action.attempt, socket.error());
    const AttemptKey key{peer, action.attempt};
    attempts_[key] = *socket;
    (*socket)->async_connect(to_asio(config->second.address, config->second.port),
                             [alive = std::weak_ptr{alive_}, socket = *socket, key](const error_code& error) {
                                 const auto speaker = alive.lock();
                                 if (!speaker) return;
                                 auto& attempts = (*speaker)->attempts_;
                                 const auto attempt = attempts.find(key);
                                 // Given up; and the number may be in use again, by a peer that was removed and added.
                                 if (attempt == attempts.end() || attempt->second != socket) return;
                                 attempts.erase(attempt);
                                 if (error) return (*speaker)->refuse(key.first, key.second, error.message());
                                 (*speaker)->adopt(key.first, std::move(*socket), key.second);
                             });
}

void Speaker::perform(const PeerName& peer, const AbortOpen& action) {
    const auto attempt = attempts_.find({peer, action.attempt});
    if (attempt == attempts_.end()) return;
    error_code ignored;
    attempt->second->close(ignored);
    attempts_.erase(attempt);
}

// ---- Connections ----------------------------------------------------------------------------------------

void Speaker::adopt(const PeerName& peer, Tcp::socket socket, std::optional<AttemptId> attempt) {
    error_code error;
    const auto local = from_asio(socket.local_endpoint(error));
    const auto remote = from_asio(socket.remote_endpoint(error));
    if (error) return refuse(peer, attempt, error.message());  // Reset already.
    if (vips_.contains(local.address)) return refuse(peer, attempt, speaks_from_vip(local.address));
    const ConnectionId id{++last_connection_};
    auto report = [alive = std::weak_ptr{alive_}, peer, id](Event event) {
        const auto speaker = alive.lock();
        if (!speaker) return;
        if (std::holds_alternative<ConnectionClosed>(event)) (*speaker)->connections_.erase(id);
        (*speaker)->sink_(peer, std::move(event));
    };
    const auto connection = std::make_shared<Connection>(std::move(socket), id, std::move(report));
    connections_[id] = {peer, local.address, connection};
    sink_(peer, ConnectionOpened{.connection = id, .attempt = attempt, .local = local, .remote = remote});
    connection->start();
}

void Speaker::report_acknowledged() {
    for (const auto& [id, open] : connections_) sink_(open.peer, Acknowledged{id, open.connection->acknowledged()});
}

void Speaker::perform(const PeerName&, const Send& action) {
    const auto found = connections_.find(action.connection);
    if (found == connections_.end()) return;
    const auto connection = found->second.connection;  // It may end, and leave the map, while it sends.
    connection->send(action.bytes);
}

void Speaker::perform(const PeerName&, const CloseConnection& action) {
    const auto open = connections_.find(action.connection);
    if (open == connections_.end()) return;
    ++lingering_;
    open->second.connection->close([alive = std::weak_ptr{alive_}] {
        const auto speaker = alive.lock();
        if (!speaker) return;
        --(*speaker)->lingering_;
        (*speaker)->call_if_idle();
    });
    connections_.erase(open);
}

/// An attempt of ours that came to nothing, or a connection of the peer's that we do not take.
void Speaker::refuse(const PeerName& peer, const std::optional<AttemptId>& attempt, std::string reason) {
    if (attempt) return sink_(peer, ConnectionFailed{*attempt, std::move(reason)});
    sink_(peer, ConnectionRefused{std::move(reason)});
}

/// A reload can make a VIP of an address that a session has had so far. Without Cease: that too would come from it.
void Speaker::end_connections_of_vips() {
    const auto all = connections_;  // The sink may open and close others.
    for (const auto& [id, open] : all) {
        if (!vips_.contains(open.local)) continue;
        open.connection->abort();
        connections_.erase(id);
        sink_(open.peer, ConnectionClosed{id, speaks_from_vip(open.local)});
    }
}

void Speaker::when_idle(std::move_only_function<void()> idle) {
    when_idle_ = std::move(idle);
    call_if_idle();
}

/// Posted: the caller may have more connections to close in the same breath.
void Speaker::call_if_idle() {
    if (!when_idle_ || lingering_ != 0) return;
    asio::post(executor_, [alive = std::weak_ptr{alive_}] {
        const auto speaker = alive.lock();
        if (!speaker || (*speaker)->lingering_ != 0) return;
        if (auto idle = std::exchange((*speaker)->when_idle_, nullptr)) idle();
    });
}

}  // namespace anyvip::bgp::io
