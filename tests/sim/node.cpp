#include "sim/node.hpp"

#include <algorithm>
#include <chrono>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"
#include "sim/world.hpp"

namespace anyvip::sim {

using namespace std::chrono_literals;

std::string_view describe(LoopName loop) {
    switch (loop) {
        case LoopName::Heartbeat: return "heartbeat";
        case LoopName::Decision: return "decision";
        case LoopName::Checks: return "checks";
        case LoopName::Kernel: return "kernel";
    }
    return "?";
}

// ---- a loop ---------------------------------------------------------------------------------------------

template <class Composite>
void Loop<Composite>::deliver(Event event) {
    inbox_.push_back(std::move(event));
    auto& world = node_->world();
    wake_at(world.now() + world.random().between(Duration{0}, world.options().lateness));
}

template <class Composite>
void Loop<Composite>::follow_up(Event event) {
    follow_ups_.push_back(std::move(event));
    if (!running_) wake_at(node_->world().now());
}

template <class Composite>
void Loop<Composite>::block(Duration duration, std::function<Event()> call) {
    blocked_ = true;
    node_->later(duration, [this, call = std::move(call)] {
        blocked_ = false;
        follow_ups_.push_back(call());
        run();
    });
}

template <class Composite>
void Loop<Composite>::stall(Duration duration) {
    stalled_until_ = std::max(stalled_until_, node_->world().now() + duration);
    wake_at(stalled_until_);
}

template <class Composite>
bool Loop<Composite>::is_stalled() const {
    return node_->world().now() < stalled_until_;
}

template <class Composite>
void Loop<Composite>::wake_at(TimePoint when) {
    if (wake_ && *wake_ <= when) return;
    wake_ = when;
    node_->later(when - node_->world().now(), [this, when] {
        if (wake_ != when) return;
        wake_.reset();
        run();
    });
}

template <class Composite>
void Loop<Composite>::run() {
    auto& world = node_->world();
    if (is_stalled()) return wake_at(stalled_until_);
    running_ = true;
    const auto due = [&] { return composite_.deadline() && *composite_.deadline() <= world.now(); };
    bool undrained = name_ == LoopName::Heartbeat && world.options().mutation == Mutation::SocketsNotDrained && due();
    for (int expiries = 0; !blocked_;) {
        if (!follow_ups_.empty()) {
            const auto event = std::move(follow_ups_.front());
            follow_ups_.pop_front();
            handle(event);
        } else if (undrained) {
            undrained = false;
            handle(Event{typename Composite::TimerExpired{}});
        } else if (!inbox_.empty()) {
            const auto event = std::move(inbox_.front());
            inbox_.pop_front();
            handle(event);
        } else if (due()) {
            if (++expiries > 8) {
                world.oracle().fail("timer", node_->name() + ": the " + std::string{describe(name_)} +
                                                 " loop has a timer in the past that nothing ends");
                break;
            }
            handle(Event{typename Composite::TimerExpired{}});
        } else {
            break;
        }
    }
    running_ = false;
    if (blocked_) return;  // The end of the call goes on.
    if (const auto deadline = composite_.deadline()) {
        // The driver's timers lie on a grid of 1 ms.
        const auto grid = std::chrono::ceil<std::chrono::milliseconds>(deadline->time_since_epoch());
        wake_at(TimePoint{grid} + world.random().between(Duration{0}, world.options().lateness));
    }
}

template <class Composite>
void Loop<Composite>::handle(const Event& event) {
    auto& world = node_->world();
    const auto who = [&] { return node_->name() + '/' + std::string{describe(name_)}; };
    if (world.options().trace) world.trace(who(), [&] { return "> " + anyvip::describe(event); });
    node_->observe_event(event);
    const auto actions = composite_.handle(event, world.now());
    if (world.options().trace) {
        for (const auto& action : actions) world.trace(who(), [&] { return "< " + anyvip::describe(action); });
    }
    node_->observe_actions(actions);
    for (const auto& action : actions) {
        std::visit([&](const auto& a) { node_->perform_from(name_, a); }, action);
    }
}

// ---- the daemon's life ----------------------------------------------------------------------------------

Node::Life::Life(Node& node)
    // Not drawn from the world's: the runs of seeds from before BFD stay what they were.
    : heartbeat{node, LoopName::Heartbeat,
                Random{node.world().options().seed * 977 + static_cast<std::uint64_t>(node.index()) +
                       static_cast<std::uint64_t>(node.world().now().time_since_epoch().count())}},
      decision{node, LoopName::Decision, Random{node.world().random().next()}},
      checks{node, LoopName::Checks, Random{node.world().random().next()}},
      kernel{node, LoopName::Kernel} {}

Node::Node(World& world, int index)
    : world_{&world},
      index_{index},
      kernel_{index, Random{world.options().seed * 131 + static_cast<std::uint64_t>(index)}} {
    kernel_.refusals = world.options().refusals;
    world.network().hear(host(), [this](Host from, const auto& bytes) { receive_bfd(from, bytes); });
    world.network().listen(host(), [this](Host from) -> std::optional<Network::Sink> {
        if (!life_ || speaker_.wanted.listen.empty()) return std::nullopt;
        for (const auto& [name, peer] : speaker_.wanted.peers) {
            if (host_of(peer.address) == from) return sink_for(name);
        }
        return std::nullopt;
    });
}

Node::~Node() = default;

void Node::start() {
    if (life_ || !powered_) return;
    world_->trace(name(), [] { return "starts"; });
    known_ = {};
    known_.started = world_->now();
    well_since_.fill(world_->now());
    stopped_in_order_.reset();
    last_letter_.clear();
    newest_addresses_.clear();
    newest_services_.clear();
    life_ = std::make_shared<Life>(*this);
    life_->kernel.deliver(daemon::OwnedLoaded{kernel_.owned});
    load(variant_);
}

void Node::load(int variant) {
    variant_ = variant;
    life_->decision.deliver(daemon::ConfigLoaded{config_of(world_->options(), index_, variant), std::nullopt});
}

void Node::reload(int variant) {
    if (!life_) return;
    world_->trace(name(), [&] { return "reloads variant " + std::to_string(variant); });
    load(variant);
}

void Node::stop() {
    if (!life_) return;
    world_->trace(name(), [] { return "is told to stop"; });
    life_->decision.deliver(daemon::StopRequested{"SIGTERM"});
}

void Node::drain(const vip::DrainTarget& target, bool drain) {
    if (life_) life_->decision.deliver(daemon::DrainCommand{daemon::ClientId{1}, target, drain});
}

void Node::end_life() {
    life_.reset();
    sockets_.clear();
    bfd_senders_.clear();
    speaker_ = {};
    down_since_ = world_->now();
}

void Node::crash() {
    if (!life_) return;
    world_->trace(name(), [] { return "is killed"; });
    world_->network().close_all(host());
    end_life();
}

void Node::power_off() {
    if (!powered_) return;
    world_->trace(name(), [] { return "loses power"; });
    world_->network().forget_all(host());
    world_->network().set_up(host(), false);
    end_life();
    powered_ = false;
    powered_off_at_ = world_->now();
    kernel_.reboot();
}

void Node::power_on() {
    if (powered_) return;
    powered_ = true;
    world_->network().set_up(host(), true);
    start();
}

void Node::stall(LoopName loop, Duration duration) {
    if (!life_) return;
    world_->trace(name(),
                  [&] { return std::string{describe(loop)} + " stalls for " + std::to_string(duration / 1ms) + "ms"; });
    auto& since = well_since_.at(static_cast<std::size_t>(loop));
    if (loop == LoopName::Decision && !is_stalled(loop)) decision_stalled_at_ = world_->now();
    since = std::max(since, world_->now() + duration);
    switch (loop) {
        case LoopName::Heartbeat: return life_->heartbeat.stall(duration);
        case LoopName::Decision: return life_->decision.stall(duration);
        case LoopName::Checks: return life_->checks.stall(duration);
        case LoopName::Kernel: return life_->kernel.stall(duration);
    }
}

bool Node::is_stalled(LoopName loop) const {
    return world_->now() < well_since(loop);
}

void Node::set_link(const std::string& interface, bool up) {
    world_->trace(name(), [&] { return interface + (up ? " up" : " down"); });
    kernel_.set_link(net::InterfaceName{interface}, up);
    well_since_.at(static_cast<std::size_t>(LoopName::Heartbeat)) =
        std::max(well_since(LoopName::Heartbeat), world_->now());
    if (life_) life_->kernel.deliver(daemon::KernelNotified{});
}

void Node::edit_kernel(const std::function<void(Kernel&)>& edit, bool notify) {
    world_->trace(name(), [] { return "has its kernel edited"; });
    edit(kernel_);
    edited_at_ = world_->now();
    if (life_ && notify) life_->kernel.deliver(daemon::KernelNotified{});
}

bool Node::is_active(const RouterName& router) const {
    if (!life_) return false;
    const auto state = known_.states.find(router);
    return state != known_.states.end() && state->second == vrrp::StateName::Active;
}

std::uint64_t Node::frames(const std::string& address) const {
    const auto known = frames_.find(*net::IpAddress::parse(address));
    return known == frames_.end() ? 0 : known->second;
}

void Node::later(Duration delay, std::function<void()> what) {
    world_->after(delay, [life = std::weak_ptr{life_}, what = std::move(what)] {
        const auto alive = life.lock();  // Also keeps it until the closure is done.
        if (alive) what();
    });
}

// ---- heartbeat ------------------------------------------------------------------------------------------

void Node::perform(const daemon::OpenSocket& action) {
    const bool up = kernel_.links.at(action.interface).is_up();
    if (up) sockets_[action.router] = action;
    life_->heartbeat.follow_up(
        daemon::SocketOpened{action.router, up ? std::nullopt : std::optional<std::string>{"ENETDOWN"}});
}

void Node::perform(const daemon::CloseSocket& action) {
    sockets_.erase(action.router);
}

void Node::perform(const daemon::SendPacket& action) {
    const auto socket = sockets_.find(action.router);
    if (socket == sockets_.end() || !kernel_.links.at(socket->second.interface).is_up()) return;
    world_->oracle().advertised(*this, action);
    world_->network().send(host(), action);
}

void Node::perform(const daemon::SendFrame& action) {
    ++frames_[action.address];
    world_->oracle().framed(*this, action);
}

void Node::perform(const daemon::OpenBfdListener& action) {
    life_->heartbeat.follow_up(daemon::BfdListenerOpened{action.listener, std::nullopt});
}

void Node::perform(const daemon::OpenBfdSender& action) {
    bfd_senders_[action.session] = host_of(action.remote).value_or(0);
    life_->heartbeat.follow_up(daemon::BfdSenderOpened{action.session, address_of(host()), {}, std::nullopt});
}

void Node::perform(const daemon::CloseBfdSender& action) {
    bfd_senders_.erase(action.session);
}

void Node::perform(const daemon::SendBfdPacket& action) {
    const auto sender = bfd_senders_.find(action.session);
    if (sender != bfd_senders_.end()) world_->network().send_datagram(host(), sender->second, action.bytes);
}

void Node::receive_bfd(Host from, const std::vector<std::uint8_t>& bytes) {
    if (!life_) return;
    life_->heartbeat.deliver(
        daemon::BfdPacketReceived{bfd::Hops::Single, {address_of(from), address_of(host()), {}, 255}, bytes});
}

void Node::receive(const daemon::SendPacket& packet) {
    if (!life_) return;
    for (const auto& [router, socket] : sockets_) {
        if (!kernel_.links.at(socket.interface).is_up()) continue;
        world_->oracle().heard(*this, router, packet);
        life_->heartbeat.deliver(
            daemon::PacketReceived{router, {packet.source, packet.destination, 255}, packet.bytes});
    }
}

// ---- decision -------------------------------------------------------------------------------------------

Network::Sink Node::sink_for(const PeerName& peer) {
    return [this, peer, life = std::weak_ptr{life_}](bgp::Event event) {
        if (!life.lock() || life.lock() != life_) return;
        if (const auto* opened = std::get_if<bgp::ConnectionOpened>(&event)) {
            speaker_.connections[opened->connection] = peer;
            known_.announced[opened->connection].clear();
        }
        life_->decision.deliver(daemon::PeerEvent{peer, std::move(event)});
    };
}

void Node::perform(const daemon::PeerAction& action) {
    auto& network = world_->network();
    const auto peer = speaker_.wanted.peers.find(action.peer);
    const Host to = peer == speaker_.wanted.peers.end() ? 0 : host_of(peer->second.address).value_or(0);
    std::visit(overloaded{
                   [&](const bgp::OpenConnection& open) {
                       if (to != 0) network.connect(host(), to, open.attempt, sink_for(action.peer));
                   },
                   [&](const bgp::AbortOpen& abort) {
                       if (to != 0) network.abort(host(), to, abort.attempt);
                   },
                   [&](const bgp::Send& send) {
                       const bool withdraws = world_->oracle().sent(*this, send, known_.announced[send.connection]);
                       const bool held = withdraws && world_->options().mutation == Mutation::WithdrawAfterRemoval;
                       network.send(send.connection, send.bytes, held ? Duration{4s} : Duration{0});
                   },
                   [&](const bgp::CloseConnection& close) {
                       network.close(close.connection);
                       known_.announced.erase(close.connection);
                   },
                   [](const auto& /*news of the session: nothing to do*/) {},
               },
               action.action);
}

void Node::perform(const daemon::ConfigureSpeaker& action) {
    speaker_.wanted = action;
}

/// No peer of the simulator is unnumbered.
void Node::perform(const daemon::ConfigureLinks& /*action*/) {}
void Node::perform(const daemon::SendLinkPacket& /*action*/) {}

void Node::perform(const daemon::StopFinished& action) {
    later(0s, [this, complete = action.complete] {
        world_->trace(name(), [] { return "has stopped"; });
        stopped_in_order_ = complete;
        world_->oracle().stopped(*this, complete);
        world_->network().close_all(host());
        end_life();
    });
}

// ---- checks ---------------------------------------------------------------------------------------------

void Node::perform(const daemon::StartCheckProbe& action) {
    world_->backend().probe(
        index_, action.check,
        [this, check = action.check, id = action.id, life = std::weak_ptr{life_}](health::Outcome outcome) {
            if (!life.lock() || life.lock() != life_) return;
            life_->checks.deliver(daemon::CheckProbeFinished{check, {id, std::move(outcome)}});
        });
}

// ---- kernel ---------------------------------------------------------------------------------------------

void Node::perform(const daemon::ReadKernel& action) {
    // The dump is of the beginning of the call: the oldest that it can be.
    auto dump = kernel_.read(action.services);
    if (dump.addresses) {
        for (const auto& address : *dump.addresses) known_.dumped_addresses[address.key] = world_->now();
    }
    if (dump.services && *dump.services) {
        for (const auto& [id, server] : **dump.services) known_.dumped_services[id] = world_->now();
    }
    if (!dump.addresses || (dump.services && !*dump.services)) refused_at_ = world_->now();
    life_->kernel.block(world_->random().between(Duration{0}, world_->options().kernel_latency),
                        [dump = std::move(dump)] { return daemon::Kernel::Event{dump}; });
}

void Node::perform(const daemon::StoreOwned& action) {
    life_->kernel.block(0s, [this, ownership = action.ownership] {
        const auto stored = kernel_.store(ownership);
        if (stored.error) refused_at_ = world_->now();
        return daemon::Kernel::Event{stored};
    });
}

void Node::perform(const daemon::Execute& action) {
    life_->kernel.block(world_->random().between(Duration{0}, world_->options().kernel_latency), [this, action] {
        world_->oracle().executing(*this, action);
        const auto executed = kernel_.execute(action);
        if (!executed.addresses.empty() || !executed.services.empty()) refused_at_ = world_->now();
        // Our own changes are notified as well.
        if (!action.addresses.empty()) later(1ms, [this] { life_->kernel.deliver(daemon::KernelNotified{}); });
        return daemon::Kernel::Event{executed};
    });
}

// ---- mail -----------------------------------------------------------------------------------------------

template <class L, class Mail>
void Node::post(LoopName from, LoopName to, L& loop, Mail mail) {
    const auto delay = world_->random().between(Duration{1us}, std::max(Duration{1us}, world_->options().mail_delay));
    auto& last = last_letter_[{from, to}];
    last = std::max(last, world_->now() + delay);
    later(last - world_->now(), [&loop, mail = std::move(mail)] { loop.deliver(mail); });
}

void Node::perform_from(LoopName from, const daemon::HeartbeatMail& mail) {
    auto letter = mail;
    switch (world_->options().mutation) {
        case Mutation::StaleGeneration: restore_generation(letter); break;
        case Mutation::LeaseIgnored:
            if (auto* lease = std::get_if<daemon::RouterLease>(&letter)) lease->lease.expires_at += 1h;
            break;
        case Mutation::None:
        case Mutation::AnnounceUnconfirmed:
        case Mutation::SocketsNotDrained:
        case Mutation::WithdrawAfterRemoval: break;
    }
    post(from, LoopName::Heartbeat, life_->heartbeat, letter);
}

void Node::perform_from(LoopName from, const daemon::DecisionMail& mail) {
    if (const auto* changed = std::get_if<daemon::RouterStateChanged>(&mail)) {
        known_.states[changed->router] = changed->to;
        world_->oracle().state_changed(*this, *changed);
    }
    auto letter = mail;
    if (world_->options().mutation == Mutation::StaleGeneration) restore_generation(letter);
    post(from, LoopName::Decision, life_->decision, letter);
}

void Node::perform_from(LoopName from, const daemon::ChecksMail& mail) {
    post(from, LoopName::Checks, life_->checks, mail);
}

void Node::perform_from(LoopName from, const daemon::KernelMail& mail) {
    std::visit(overloaded{
                   [&](const daemon::SetAddresses& wish) {
                       newest_addresses_[wish.owner] = wish.generation;
                       if (const auto* router = std::get_if<RouterName>(&wish.owner)) {
                           known_.wishes[*router] = {!wish.addresses.empty(), world_->now()};
                       }
                   },
                   [&](const daemon::SetServices& wish) { newest_services_[wish.vip] = wish.generation; },
                   [](const daemon::Adopt&) {},
               },
               mail);
    post(from, LoopName::Kernel, life_->kernel, mail);
    if (world_->options().mutation == Mutation::AnnounceUnconfirmed) answer_at_once(mail);
}

void Node::restore_generation(daemon::HeartbeatMail& mail) const {
    auto* applied = std::get_if<daemon::RouterAddressesApplied>(&mail);
    if (applied == nullptr) return;
    applied->generation = newest_addresses_.at(applied->router);
}

void Node::restore_generation(daemon::DecisionMail& mail) const {
    if (auto* addresses = std::get_if<daemon::VipAddressesApplied>(&mail)) {
        addresses->generation = newest_addresses_.at(addresses->vip);
    } else if (auto* services = std::get_if<daemon::ServicesApplied>(&mail)) {
        services->generation = newest_services_.at(services->vip);
    }
}

void Node::answer_at_once(const daemon::KernelMail& mail) {
    if (const auto* addresses = std::get_if<daemon::SetAddresses>(&mail)) {
        if (const auto* vip = std::get_if<VipName>(&addresses->owner)) {
            life_->decision.deliver(
                daemon::DecisionMail{daemon::VipAddressesApplied{*vip, addresses->generation, std::nullopt}});
        }
    } else if (const auto* services = std::get_if<daemon::SetServices>(&mail)) {
        life_->decision.deliver(
            daemon::DecisionMail{daemon::ServicesApplied{services->vip, services->generation, std::nullopt}});
    }
}

// ---- the observer ---------------------------------------------------------------------------------------

void Node::observe_event(const daemon::Decision::Event& event) {
    const auto now = world_->now();
    std::visit(overloaded{
                   [&](const daemon::DecisionMail& mail) {
                       if (const auto* health = std::get_if<daemon::HealthChanged>(&mail)) {
                           known_.health[health->check] = {health->to, now};
                       } else if (const auto* serving = std::get_if<daemon::RouterServing>(&mail)) {
                           known_.serving[serving->router] = {!serving->addresses.empty(), now};
                       }
                   },
                   [&](const daemon::ConfigLoaded& loaded) {
                       if (known_.stopping) return;
                       const auto& next = *loaded.result;
                       if (known_.config) {
                           for (const auto& vip : known_.config->vips) {
                               known_.unknown_since[net::Prefix::host(vip.address.address())] = now;
                           }
                           std::erase_if(known_.lasting_servers, [&](const ServerName& name) {
                               return std::ranges::find(next.virtual_servers, name, &config::VirtualServer::name) ==
                                      next.virtual_servers.end();
                           });
                       } else {
                           for (const auto& server : next.virtual_servers) known_.lasting_servers.insert(server.name);
                       }
                       for (const auto& vip : next.vips) {
                           if (vip.announce.bgp) known_.unknown_since.erase(net::Prefix::host(vip.address.address()));
                       }
                       // What keeps its name keeps its health; the rest begins anew.
                       std::set<CheckName> names;
                       for (const auto& check : config::effective_checks(next)) names.insert(check.name);
                       std::erase_if(known_.health, [&](const auto& entry) { return !names.contains(entry.first); });
                       known_.services.clear();
                       for (const auto* config : {known_.config ? &*known_.config : &next, &next}) {
                           for (const auto& server : config->virtual_servers) {
                               known_.services.insert(config::id_of(*config, server));
                           }
                       }
                       known_.config = next;
                   },
                   [&](const daemon::StopRequested&) {
                       if (!known_.stopping) known_.stopping = now;
                   },
                   [&](const daemon::DrainCommand& command) {
                       if (command.drain) {
                           known_.drained.insert(command.target);
                       } else {
                           known_.drained.erase(command.target);
                       }
                   },
                   [](const auto&) {},
               },
               event);
}

void Node::observe_actions(const daemon::Decision::Actions& actions) {
    for (const auto& action : actions) {
        const auto* notice = std::get_if<daemon::Notice>(&action);
        if (notice == nullptr || notice->kind != daemon::NoticeKind::VerdictChanged) continue;
        if (!notice->subject.starts_with("vip=")) continue;
        const bool eligible = notice->detail.starts_with("Eligible");
        auto& verdict = known_.verdicts[VipName{notice->subject.substr(4)}];
        if (verdict.eligible != eligible || verdict.since == TimePoint{}) verdict = {eligible, world_->now()};
    }
}

template class Loop<daemon::Heartbeat>;
template class Loop<daemon::Decision>;
template class Loop<daemon::Checks>;
template class Loop<daemon::Kernel>;

}  // namespace anyvip::sim
