#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "anyvip/overloaded.hpp"
#include "anyvip/time.hpp"
#include "bgp/framer.hpp"
#include "bgp/message.hpp"
#include "bgp/peer_range.hpp"
#include "daemon/decision.hpp"
#include "support/actions.hpp"

namespace anyvip::testing {

/// The decision loop's composite with a kernel loop that answers at once, a heartbeat that stops at once, and
/// transports that take everything at once, unless a test says otherwise. `log` is what the composite did since
/// clear(), in order; `first` what the event itself caused, before anybody answered.
class DecisionWorld {
public:
    bool kernel_answers = true;
    bool heartbeat_answers = true;
    std::set<PeerName> slow_peers;  ///< their transports take nothing
    std::optional<std::string> services_error;
    std::optional<std::string> adoption_error;
    std::optional<daemon::FormerRunFound> former_run;  ///< what the kernel loop says that it found
    TimePoint now{TimePoint{} + std::chrono::seconds{1000}};
    daemon::Decision core{Random{7}};
    daemon::Decision::Actions log;
    daemon::Decision::Actions first;

    void feed(const daemon::Decision::Event& event) { perform(core.handle(event, now)); }
    void perform(const daemon::Decision::Actions& actions) {
        first = actions;
        log.insert(log.end(), actions.begin(), actions.end());
        for (const auto& action : actions) answer(action);
        first = actions;
    }
    void tell(const daemon::DecisionMail& mail) { feed(mail); }
    void load(std::string_view toml) { feed(daemon::ConfigLoaded{config_of(toml), std::nullopt}); }
    void health(const char* check, health::State state, std::string detail = "") {
        tell(daemon::HealthChanged{CheckName{check}, state, std::move(detail)});
    }
    void clear() { log.clear(); }
    void wait_until(TimePoint then) {
        now = then;
        feed(daemon::DecisionTimerExpired{});
    }
    void wait() { wait_until(core.deadline().value_or(now)); }

    /// The peer accepts the connection that was asked for and agrees to everything.
    void establish(const char* peer, std::uint64_t attempt = 1, const std::vector<bgp::Capability>& more = {}) {
        const PeerName name{peer};
        const bgp::ConnectionId id{++last_connection_};
        connections_[name] = {id, 0};
        feed(daemon::PeerEvent{name, bgp::ConnectionOpened{.connection = id,
                                                           .attempt = bgp::AttemptId{attempt},
                                                           .local = {ip("10.0.0.11"), 40000},
                                                           .remote = {ip("10.0.0.1"), 179}}});
        agree(name, more);
    }
    /// Somebody connects from an address in a range; whether it becomes a session is for the composite to say.
    bgp::ConnectionId connect(const char* range, const char* address) {
        const auto name = bgp::instance_name(PeerName{range}, ip(address));
        const bgp::ConnectionId id{++last_connection_};
        connections_[name] = {id, 0};
        feed(daemon::PeerEvent{name, bgp::ConnectionOpened{.connection = id,
                                                           .attempt = std::nullopt,
                                                           .local = {ip("10.0.0.11"), 179},
                                                           .remote = {ip(address), 40000}}});
        return id;
    }
    /// It opened the connection and agrees to everything.
    void establish_from(const char* range, const char* address) {
        connect(range, address);
        agree(bgp::instance_name(PeerName{range}, ip(address)));
    }
    void agree(const PeerName& name, const std::vector<bgp::Capability>& more = {}) {
        bgp::Open open;
        open.my_as = bgp::Asn{65000};
        open.hold_time = bgp::HoldTime{0};  // No timers of the session in these tests.
        open.identifier = *net::Ipv4Address::parse("10.0.0.1");
        open.capabilities = {bgp::Multiprotocol{bgp::ipv4_unicast}, bgp::FourOctetAs{bgp::Asn{65000}}};
        open.capabilities.insert(open.capabilities.end(), more.begin(), more.end());
        receive(name, open);
        receive(name, bgp::Keepalive{});
    }
    void receive(const PeerName& peer, const bgp::Message& message) {
        feed(daemon::PeerEvent{peer, bgp::Received{connections_.at(peer).id, bgp::encode(message, {})}});
    }
    void lose(const char* peer) {
        feed(daemon::PeerEvent{PeerName{peer}, bgp::ConnectionClosed{connections_.at(PeerName{peer}).id, "reset"}});
    }
    /// A slow peer reads on.
    void read_on(const char* peer) {
        const PeerName name{peer};
        slow_peers.erase(name);
        feed(daemon::PeerEvent{name, bgp::Written{connections_.at(name).id, connections_.at(name).octets}});
    }

    /// "tor-a + 203.0.113.10/32", "tor-a - 203.0.113.10/32", "tor-a end-of-rib", "tor-a cease": what went to peers.
    [[nodiscard]] std::vector<std::string> wire(const daemon::Decision::Actions& actions) const {
        std::vector<std::string> lines;
        for (const auto& sent : all<daemon::PeerAction>(actions)) {
            const auto* send = std::get_if<bgp::Send>(&sent.action);
            if (send == nullptr) continue;
            bgp::Framer framer;
            framer.feed(send->bytes);
            while (const auto raw = framer.next()) {
                if (!*raw) break;
                const auto message = bgp::decode(**raw, {});
                if (message) write(lines, sent.peer.value() + ' ', *message);
            }
        }
        return lines;
    }
    [[nodiscard]] std::vector<std::string> wire() const { return wire(log); }

private:
    struct Connection {
        bgp::ConnectionId id;
        std::uint64_t octets = 0;
    };

    static net::IpAddress ip(const char* text) { return *net::IpAddress::parse(text); }

    static void write(std::vector<std::string>& lines, const std::string& peer, const bgp::Message& message) {
        if (std::holds_alternative<bgp::Notification>(message)) lines.push_back(peer + "cease");
        const auto* update = std::get_if<bgp::Update>(&message);
        if (update == nullptr) return;
        if (bgp::end_of_rib_family(*update)) lines.push_back(peer + "end-of-rib");
        for (const auto& nlri : update->withdrawn) lines.push_back(peer + "- " + nlri.prefix.to_string());
        for (const auto& nlri : update->nlri) lines.push_back(peer + "+ " + nlri.prefix.to_string());
    }

    void answer(const daemon::Decision::Action& action) {
        for (const auto& sent : all<daemon::PeerAction>(std::vector{action})) {
            if (const auto* send = std::get_if<bgp::Send>(&sent.action)) {
                auto& connection = connections_[sent.peer];
                connection.octets += send->bytes.size();
                if (!slow_peers.contains(sent.peer)) {
                    feed(daemon::PeerEvent{sent.peer, bgp::Written{send->connection, connection.octets}});
                }
            }
        }
        if (heartbeat_answers && !all<daemon::StopRouters>(std::vector{action}).empty()) tell(daemon::RoutersStopped{});
        if (!kernel_answers) return;
        for (const auto& adopt : all<daemon::Adopt>(std::vector{action})) {
            if (former_run) tell(*former_run);
            tell(daemon::Adopted{adopt.generation, adoption_error});
        }
        for (const auto& set : all<daemon::SetServices>(std::vector{action})) {
            tell(
                daemon::ServicesApplied{set.vip, set.generation, set.services.empty() ? std::nullopt : services_error});
        }
        for (const auto& set : all<daemon::SetAddresses>(std::vector{action})) {
            tell(daemon::VipAddressesApplied{std::get<VipName>(set.owner), set.generation, std::nullopt});
        }
    }

    std::map<PeerName, Connection> connections_;
    std::uint64_t last_connection_ = 0;
};

}  // namespace anyvip::testing
