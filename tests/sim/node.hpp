#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/checks.hpp"
#include "daemon/decision.hpp"
#include "daemon/heartbeat.hpp"
#include "daemon/kernel.hpp"
#include "sim/kernel.hpp"
#include "sim/network.hpp"
#include "sim/options.hpp"

namespace anyvip::sim {

class World;
class Node;

enum class LoopName : std::uint8_t { Heartbeat, Decision, Checks, Kernel };
[[nodiscard]] std::string_view describe(LoopName loop);

/// One loop as src/daemon/io/loop drives it: all that waits in sockets and mail is handled before an expiry, what an
/// action leads to is handled before anything new, actions are carried out in their order.
template <class Composite>
class Loop {
public:
    using Event = typename Composite::Event;

    template <class... Arguments>
    Loop(Node& node, LoopName name, Arguments&&... arguments)
        : composite_{std::forward<Arguments>(arguments)...}, node_{&node}, name_{name} {}
    Loop(const Loop&) = delete;

    void deliver(Event event);                                   ///< by a socket or as mail
    void follow_up(Event event);                                 ///< by an action that was just carried out
    void block(Duration duration, std::function<Event()> call);  ///< in a system call, whose end the event tells
    void stall(Duration duration);

    [[nodiscard]] bool is_stalled() const;
    [[nodiscard]] bool is_blocked() const { return blocked_; }

private:
    void wake_at(TimePoint when);
    void run();
    void handle(const Event& event);

    Composite composite_;
    Node* node_;
    LoopName name_;
    std::deque<Event> inbox_;
    std::deque<Event> follow_ups_;
    TimePoint stalled_until_;
    bool blocked_ = false;
    bool running_ = false;
    std::optional<TimePoint> wake_;
};

/// What an observer of one run of the daemon knows of it; made new with each start.
struct Known {
    struct Verdict {
        bool eligible = false;
        TimePoint since;
    };
    struct Wish {
        bool present = false;
        TimePoint since;
    };
    std::map<VipName, Verdict> verdicts;
    std::map<RouterName, Verdict> serving;                            ///< as the decision loop has been told
    std::map<CheckName, std::pair<health::State, TimePoint>> health;  ///< likewise
    std::set<vip::DrainTarget> drained;
    std::map<kernel::AddressKey, TimePoint> dumped_addresses;  ///< newest dump that had it
    std::map<ipvs::VirtualServerId, TimePoint> dumped_services;
    std::map<RouterName, Wish> wishes;  ///< newest of the heartbeat
    std::map<RouterName, vrrp::StateName> states;
    std::map<bgp::ConnectionId, std::set<net::Prefix>> announced;
    std::map<net::Prefix, TimePoint> unknown_since;  ///< left the configuration
    std::set<ServerName> lasting_servers;            ///< of every configuration of this run
    std::optional<config::Config> config;
    std::set<ipvs::VirtualServerId> services;  ///< of this configuration and the one before
    std::optional<TimePoint> stopping;
    TimePoint started;
};

/// A host with anyvipd on it.
class Node {
public:
    Node(World& world, int index);
    ~Node();
    Node(const Node&) = delete;

    // What an operator does.
    void start();
    void stop();  ///< SIGTERM
    void reload(int variant);
    void drain(const vip::DrainTarget& target, bool drain = true);
    // What fate does.
    void crash();      ///< SIGKILL
    void power_off();  ///< kernel state is lost
    void power_on();   ///< and the daemon starts
    void stall(LoopName loop, Duration duration);
    void set_link(const std::string& interface, bool up);
    void edit_kernel(const std::function<void(Kernel&)>& edit, bool notify = true);  ///< by a hostile operator

    [[nodiscard]] int index() const { return index_; }
    [[nodiscard]] Host host() const { return index_; }
    [[nodiscard]] bool is_running() const { return life_ != nullptr; }
    [[nodiscard]] bool is_powered() const { return powered_; }
    [[nodiscard]] bool is_active(const RouterName& router) const;
    [[nodiscard]] bool is_stalled(LoopName loop) const;
    [[nodiscard]] Kernel& kernel() { return kernel_; }
    [[nodiscard]] const Known& known() const { return known_; }
    [[nodiscard]] int variant() const { return variant_; }
    [[nodiscard]] const config::Config& config() const { return *known_.config; }
    /// The instant since which the loop has not stalled, been blocked for long, or been started.
    [[nodiscard]] TimePoint well_since(LoopName loop) const { return well_since_.at(static_cast<std::size_t>(loop)); }
    [[nodiscard]] TimePoint decision_stalled_at() const { return decision_stalled_at_; }
    [[nodiscard]] TimePoint down_since() const { return down_since_; }
    [[nodiscard]] TimePoint powered_off_at() const { return powered_off_at_; }
    [[nodiscard]] TimePoint edited_at() const { return edited_at_; }
    [[nodiscard]] TimePoint refused_at() const { return refused_at_; }
    [[nodiscard]] std::optional<bool> stopped_in_order() const { return stopped_in_order_; }
    [[nodiscard]] std::uint64_t frames(const std::string& address) const;  ///< gratuitous ARP sent for it

    // The world's side.
    void receive(const daemon::SendPacket& packet);
    void receive_bfd(Host from, const std::vector<std::uint8_t>& bytes);
    [[nodiscard]] World& world() { return *world_; }
    [[nodiscard]] std::string name() const { return describe_host(index_); }

    // The shells' side: what the actions do.
    void perform(const daemon::OpenSocket& action);
    void perform(const daemon::CloseSocket& action);
    void perform(const daemon::SendPacket& action);
    void perform(const daemon::SendFrame& action);
    void perform(const daemon::OpenBfdListener& action);
    void perform(const daemon::CloseBfdListener&) {}
    void perform(const daemon::OpenBfdSender& action);
    void perform(const daemon::CloseBfdSender& action);
    void perform(const daemon::SendBfdPacket& action);
    void perform(const daemon::PeerAction& action);
    void perform(const daemon::ConfigureSpeaker& action);
    void perform(const daemon::ConfigureLinks& action);
    void perform(const daemon::SendLinkPacket& action);
    void perform(const daemon::ReplyStatus&) {}
    void perform(const daemon::ReplyRoutes&) {}
    void perform(const daemon::ReplyDone&) {}
    void perform(const daemon::Notice&) {}
    void perform(const daemon::Ready&) {}
    void perform(const daemon::StopFinished& action);
    void perform(const daemon::StartCheckProbe& action);
    void perform(const daemon::AbandonCheckProbe&) {}  // An answer may come all the same: the ids are compared.
    void perform(const daemon::ReadKernel& action);
    void perform(const daemon::StoreOwned& action);
    void perform(const daemon::Execute& action);
    template <class Action>
    void perform_from(LoopName, const Action& action) {
        perform(action);
    }
    void perform_from(LoopName from, const daemon::HeartbeatMail& mail);
    void perform_from(LoopName from, const daemon::DecisionMail& mail);
    void perform_from(LoopName from, const daemon::ChecksMail& mail);
    void perform_from(LoopName from, const daemon::KernelMail& mail);

    // The observer's side: before an event is handled, and before its actions are carried out.
    template <class Event>
    void observe_event(const Event&) {}
    void observe_event(const daemon::Decision::Event& event);
    template <class Actions>
    void observe_actions(const Actions&) {}
    void observe_actions(const daemon::Decision::Actions& actions);

    /// Runs `what` later, unless the daemon has ended by then.
    void later(Duration delay, std::function<void()> what);

private:
    struct Life {
        explicit Life(Node& node);
        Loop<daemon::Heartbeat> heartbeat;
        Loop<daemon::Decision> decision;
        Loop<daemon::Checks> checks;
        Loop<daemon::Kernel> kernel;
    };
    struct Speaker {
        daemon::ConfigureSpeaker wanted;
        std::map<bgp::ConnectionId, PeerName> connections;
    };

    void end_life();
    void load(int variant);
    [[nodiscard]] Network::Sink sink_for(const PeerName& peer);
    template <class L, class Mail>
    void post(LoopName from, LoopName to, L& loop, Mail mail);
    void restore_generation(daemon::HeartbeatMail& mail) const;
    void restore_generation(daemon::DecisionMail& mail) const;
    void answer_at_once(const daemon::KernelMail& mail);

    World* world_;
    int index_;
    Kernel kernel_;
    std::shared_ptr<Life> life_;
    bool powered_ = true;
    int variant_ = 0;
    Known known_;
    Speaker speaker_;
    std::map<RouterName, daemon::OpenSocket> sockets_;
    std::map<bfd::Discriminator, Host> bfd_senders_;  ///< and whom they send to
    std::map<std::pair<LoopName, LoopName>, TimePoint> last_letter_;
    std::array<TimePoint, 4> well_since_{};
    TimePoint decision_stalled_at_;
    TimePoint down_since_;
    TimePoint powered_off_at_;
    TimePoint edited_at_;
    TimePoint refused_at_;
    std::optional<bool> stopped_in_order_;
    std::map<net::IpAddress, std::uint64_t> frames_;
    // For mutations: the newest generation that was asked for.
    std::map<daemon::AddressOwner, daemon::Generation> newest_addresses_;
    std::map<VipName, daemon::Generation> newest_services_;
};

}  // namespace anyvip::sim
