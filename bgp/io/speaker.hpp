#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "anyvip/names.hpp"
#include "anyvip/net/address.hpp"
#include "bgp/io/connection.hpp"
#include "bgp/io/md5_counters.hpp"
#include "bgp/io/tcp_options.hpp"
#include "bgp/peer.hpp"
#include "bgp/peer_config.hpp"
#include "bgp/peer_range.hpp"

/// The TCP side of all bgp::Peers of a process: listens, connects, and carries out their actions.
///
/// Parts: Speaker owns the listening sockets, the attempts under way and the connections; Connection moves
/// octets; tcp_options says what a socket must have. What happens is reported to the sink as the event of the
/// peer it concerns. The sink queues: it may be called from within perform() and configure(). Which connection
/// wins, when to try again and what to send is bgp::Peer's to say. Non-logging; runs on one executor, without locks.
///
/// A peer with a device (an interface, or a VRF by its name) has listening sockets of its own there, and is looked for
/// among those of that device alone. What connects from a range is reported under the name of an instance of it
/// (peer_range.hpp), with the range's key and options; whether it becomes a peer is for the sink to say. While a peer
/// has no connection, the kernel's counters of TCP-MD5 are compared every `diagnosis_interval`: what they tell goes to
/// the peer as TransportDiagnosis.
///
/// No connection has a VIP at its near end (product rule 11): what a peer opens towards one is closed, and one
/// that the kernel would open from one is not opened. The peer hears the reason.
namespace anyvip::bgp::io {

class Speaker {
public:
    using Sink = std::move_only_function<void(PeerName, Event)>;

    Speaker(boost::asio::any_io_executor executor, Sink sink);
    /// Ends everything at once; nothing is reported any more.
    ~Speaker();
    Speaker(const Speaker&) = delete;
    Speaker& operator=(const Speaker&) = delete;

    /// The peers and the sockets to listen on, now; no peers: none. What stays the same is not touched, so a
    /// second call retries what failed. Returns what could not be done, for people: an address that could not
    /// be bound; a peer whose key was not taken, from which no connection is accepted therefore.
    [[nodiscard]] std::vector<std::string> configure(const std::vector<net::Endpoint>& listen, const Peers& peers,
                                                     const std::set<net::IpAddress>& vips);

    void perform(const PeerName& peer, const OpenConnection& action);
    void perform(const PeerName& peer, const AbortOpen& action);
    void perform(const PeerName& peer, const Send& action);
    void perform(const PeerName& peer, const CloseConnection& action);

    /// Tells each peer with a connection how much the other end has acknowledged, from the kernel.
    void report_acknowledged();

    static constexpr std::chrono::seconds diagnosis_interval{2};

    /// Calls `idle` as soon as no connection lingers any more, never from within; the last call's counts. Who
    /// leaves before that takes the peers' NOTIFICATION along. It takes no longer than Connection::linger.
    void when_idle(std::move_only_function<void()> idle);

    /// As bound: port 0 has become a port.
    [[nodiscard]] std::vector<net::Endpoint> listening() const;

private:
    using Tcp = boost::asio::ip::tcp;
    using AttemptKey = std::pair<PeerName, AttemptId>;
    /// What to listen on: an address, in a device or none.
    struct Listen {
        net::Endpoint endpoint;
        std::string device;
        friend auto operator<=>(const Listen&, const Listen&) = default;
        [[nodiscard]] bool serves(const PeerConfig& peer) const {
            return device == peer.device && endpoint.address.family() == peer.address.family();
        }
    };
    struct Open {
        PeerName peer;
        net::IpAddress local;
        std::shared_ptr<Connection> connection;
    };

    [[nodiscard]] std::expected<std::shared_ptr<Tcp::acceptor>, OptionError> listen_on(const Listen& where);
    void remove_keys(const Peers& wanted);
    void protect_listeners(std::vector<std::string>& problems);
    static boost::asio::awaitable<void> accept(std::weak_ptr<Speaker*> alive, std::shared_ptr<Tcp::acceptor> acceptor,
                                               std::string device);
    void accepted(Tcp::socket socket, const std::string& device);
    void call_if_idle();
    void adopt(const PeerName& peer, Tcp::socket socket, std::optional<AttemptId> attempt);
    void refuse(const PeerName& peer, const std::optional<AttemptId>& attempt, std::string reason);
    void end_connections_of_vips();
    void diagnose_later();
    void diagnose();
    [[nodiscard]] std::expected<std::shared_ptr<Tcp::socket>, std::string> socket_for(const PeerConfig& peer) const;

    boost::asio::any_io_executor executor_;
    Sink sink_;
    Peers peers_;
    std::set<net::IpAddress> vips_;
    std::set<PeerName> unprotected_;  ///< their key could not be set on a listening socket
    std::map<Listen, std::shared_ptr<Tcp::acceptor>> listeners_;
    std::map<AttemptKey, std::shared_ptr<Tcp::socket>> attempts_;
    std::map<ConnectionId, Open> connections_;
    std::uint64_t last_connection_ = 0;
    boost::asio::steady_timer diagnosis_timer_;
    std::optional<Md5Counters> md5_counters_;  ///< as of the last look
    std::size_t lingering_ = 0;                ///< closed, with something still to go out or to come in
    std::move_only_function<void()> when_idle_;
    /// Handlers that outlive the Speaker see it expired.
    std::shared_ptr<Speaker*> alive_;
};

}  // namespace anyvip::bgp::io
