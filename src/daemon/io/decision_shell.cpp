#include <spdlog/spdlog.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/post.hpp>

#include "anyvip/config/load.hpp"
#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"
#include "control/json.hpp"
#include "daemon/io/shells.hpp"
#include "io/memory.hpp"
#include "io/sd_notify.hpp"

namespace anyvip::daemon::io {
namespace {

/// A warning is for somebody to look at; what the daemon does about the world is information.
spdlog::level::level_enum level_of(NoticeKind kind) {
    switch (kind) {
        case NoticeKind::ConfigWarning:
        case NoticeKind::ReloadRefused:
        case NoticeKind::SpeakerRefused:
        case NoticeKind::PeerConnectionRefused:
        case NoticeKind::PeerMaxPrefixes:
        case NoticeKind::PeerNeighborIgnored:
        case NoticeKind::SocketFailed:
        case NoticeKind::KernelRefused:
        case NoticeKind::LogLost: return spdlog::level::warn;
        case NoticeKind::Started:
        case NoticeKind::Reloaded:
        case NoticeKind::VerdictChanged:
        case NoticeKind::VipStateChanged:
        case NoticeKind::VipHeldBack:
        case NoticeKind::VipOthersChanged:
        case NoticeKind::PeerStateChanged:
        case NoticeKind::PeerBfdChanged:
        case NoticeKind::PeerNeighborChanged:
        case NoticeKind::RouterStateChanged:
        case NoticeKind::CheckChanged:
        case NoticeKind::SpeakerRecovered:
        case NoticeKind::Repaired:
        case NoticeKind::Drained:
        case NoticeKind::Undrained:
        case NoticeKind::Stopping:
        case NoticeKind::Stopped: return spdlog::level::info;
    }
    return spdlog::level::info;
}

}  // namespace

DecisionShell::DecisionShell(boost::asio::io_context& context, Feed feed, Post& post, std::filesystem::path config_file)
    : context_{context},
      feed_{std::move(feed)},
      post_{post},
      config_file_{std::move(config_file)},
      speaker_retry_{context},
      memory_timer_{context},
      speaker_{context.get_executor(),
               [this](PeerName peer, bgp::Event event) { feed_(PeerEvent{std::move(peer), std::move(event)}); }},
      control_{context.get_executor(),
               [this](control::io::ClientId client, const control::Request& request) { requested(client, request); }},
      signals_{context, SIGTERM, SIGINT, SIGHUP},
      watchdog_{context.get_executor()} {
    wait_for_signal();
}

DecisionShell::~DecisionShell() {
    worker_.stop();
}

std::expected<void, std::string> DecisionShell::listen(const std::filesystem::path& socket) {
    return control_.listen(socket);
}

void DecisionShell::wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
        if (error) return;
        if (signal == SIGHUP) {
            reload(std::nullopt);
        } else {
            anyvip::io::sd_notify("STOPPING=1\nSTATUS=leaving in order");
            feed_(StopRequested{signal == SIGTERM ? "SIGTERM" : "SIGINT"});
        }
        wait_for_signal();
    });
}

void DecisionShell::reload(const std::optional<ClientId>& client) {
    anyvip::io::sd_notify(anyvip::io::reloading());
    boost::asio::post(worker_, [this, client] {
        auto result = config::load(config_file_);
        boost::asio::post(context_, [this, client, result = std::move(result)]() mutable {
            if (result) {
                for (const auto& warning : config::warnings(*result)) {
                    perform(Notice{NoticeKind::ConfigWarning, "config", warning});
                }
            }
            const auto* const status = result
                                           ? "READY=1\nSTATUS=reloaded"
                                           : "READY=1\nSTATUS=a reload was refused: the former configuration goes on";
            feed_(ConfigLoaded{std::move(result), client});
            give_memory_back_soon();
            anyvip::io::sd_notify(status);
        });
    });
}

void DecisionShell::requested(control::io::ClientId client, const control::Request& request) {
    std::visit(overloaded{
                   [&](const control::PingRequest&) { control_.reply(client, control::answer_ok("")); },
                   [&](const control::StatusRequest&) {
                       speaker_.report_acknowledged();
                       feed_(StatusRequested{client});
                   },
                   [&](const control::RoutesRequest&) {
                       speaker_.report_acknowledged();
                       feed_(RoutesRequested{client});
                   },
                   [&](const control::ReloadRequest&) { reload(client); },
                   [&](const control::DrainRequest& drain) { feed_(DrainCommand{client, drain.target, drain.drain}); },
               },
               request);
}

void DecisionShell::drain() {
    const auto feed_mail = [this](DecisionMail mail) { feed_(std::move(mail)); };
    post_.heartbeat_to_decision.receive(feed_mail);
    post_.checks_to_decision.receive(feed_mail);
    post_.kernel_to_decision.receive(feed_mail);
    post_.heartbeat_log.receive([this](const SocketProblem& problem) {
        perform(Notice{NoticeKind::SocketFailed, problem.subject, anyvip::io::describe(problem.error)});
    });
    if (const auto dropped = post_.heartbeat_log.take_dropped(); dropped != 0) {
        perform(Notice{NoticeKind::LogLost, "heartbeat", "lines=" + std::to_string(dropped)});
    }
}

bool DecisionShell::flush() {
    const bool heartbeat = post_.decision_to_heartbeat.flush();
    const bool checks = post_.decision_to_checks.flush();
    return post_.decision_to_kernel.flush() && heartbeat && checks;
}

void DecisionShell::perform(const Decision::Action& action) {
    std::visit([this](const auto& a) { perform(a); }, action);
}

void DecisionShell::perform(const PeerAction& action) {
    if (spdlog::should_log(spdlog::level::debug)) spdlog::debug("{}", describe(action));
    std::visit(overloaded{
                   [&](const bgp::OpenConnection& a) { speaker_.perform(action.peer, a); },
                   [&](const bgp::AbortOpen& a) { speaker_.perform(action.peer, a); },
                   [&](const bgp::Send& a) { speaker_.perform(action.peer, a); },
                   [&](const bgp::CloseConnection& a) { speaker_.perform(action.peer, a); },
                   [](const bgp::SessionUp&) {},
                   [](const bgp::SessionDown&) {},
                   [](const bgp::RoutesSent&) {},
                   [](const bgp::RoutesReceived&) {},
                   [](const bgp::RefreshBegins&) {},
                   [](const bgp::RefreshEnds&) {},
                   [](const bgp::WatchedRoutesChanged&) {},
                   [](const bgp::InitialRoutesReceived&) {},
                   [](const bgp::MaxPrefixesReached&) {},
                   [](const bgp::StateChanged&) {},
               },
               action.action);
}

void DecisionShell::perform(const ConfigureSpeaker& action) {
    wanted_speaker_ = action;
    configure_speaker();
}

void DecisionShell::perform(const ConfigureLinks& action) {
    wanted_links_ = action;
    configure_speaker();
}

void DecisionShell::open_links(std::vector<std::string>& problems) {
    std::erase_if(links_, [this](const auto& link) {
        const auto wanted = wanted_links_.links.find(link.first);
        return wanted == wanted_links_.links.end() || wanted->second != link.second->index();
    });
    for (const auto& [interface, index] : wanted_links_.links) {
        if (links_.contains(interface)) continue;
        auto socket = std::make_unique<bgp::io::LinkSocket>(
            context_.get_executor(),
            [this, name = interface](bgp::link::PacketReceived packet) { feed_(LinkPacket{name, std::move(packet)}); });
        if (const auto opened = socket->open(interface, index); opened) {
            links_.emplace(interface, std::move(socket));
        } else {
            problems.push_back("router advertisements on " + interface.value() + ": " +
                               anyvip::io::describe(opened.error()));
        }
    }
}

/// What cannot be sent is sent again in its time, and a neighbour that hears nothing shows as one without a session.
void DecisionShell::perform(const SendLinkPacket& action) {
    const auto link = links_.find(action.interface);
    if (link == links_.end()) return;
    const auto sent = link->second->send(action.packet);
    if (!sent) spdlog::debug("{}: {}", action.interface.value(), anyvip::io::describe(sent.error()));
}

void DecisionShell::configure_speaker() {
    constexpr std::chrono::seconds retry{5};
    std::vector<net::Endpoint> listen;
    for (const auto& address : wanted_speaker_.listen) listen.push_back({address, wanted_speaker_.port});
    auto problems = speaker_.configure(listen, wanted_speaker_.peers, wanted_speaker_.vips);
    open_links(problems);
    if (problems != speaker_problems_) {
        for (const auto& problem : problems) perform(Notice{NoticeKind::SpeakerRefused, "bgp", problem});
        if (problems.empty()) perform(Notice{NoticeKind::SpeakerRecovered, "bgp", "listens as configured"});
        speaker_problems_ = std::move(problems);
    }
    speaker_retry_.cancel();
    if (speaker_problems_.empty()) return;
    speaker_retry_.expires_after(retry);
    speaker_retry_.async_wait([this](const boost::system::error_code& error) {
        if (!error) configure_speaker();
    });
}

void DecisionShell::perform(const ReplyStatus& action) {
    reply(action.client, control::answer_status(action.status));
}

void DecisionShell::perform(const ReplyRoutes& action) {
    reply(action.client, control::answer_routes(action.routes));
}

void DecisionShell::reply(ClientId client, std::string answer) {
    constexpr std::size_t large = 1U << 20U;
    if (answer.size() >= large) give_memory_back_soon();
    control_.reply(client, std::move(answer));
}

void DecisionShell::give_memory_back_soon() {
    if (std::exchange(memory_is_due_, true)) return;
    memory_timer_.expires_after(std::chrono::seconds{5});
    memory_timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        memory_is_due_ = false;
        boost::asio::post(worker_, anyvip::io::give_back_free_memory);
    });
}

void DecisionShell::perform(const ReplyDone& action) {
    control_.reply(action.client,
                   action.error ? control::answer_error(*action.error) : control::answer_ok(action.text));
}

void DecisionShell::perform(const Notice& action) {
    spdlog::log(level_of(action.kind), "{}", describe(action));
}

void DecisionShell::perform(const Ready& /*action*/) {
    anyvip::io::sd_notify("READY=1\nSTATUS=running");
    give_memory_back_soon();
}

void DecisionShell::perform(const StopFinished& action) {
    control_.close();
    // The last NOTIFICATION may still be on its way to a slow peer.
    speaker_.when_idle([this, complete = action.complete] {
        if (stopped_) stopped_(complete);
    });
}

void DecisionShell::perform(const HeartbeatMail& mail) {
    post_.decision_to_heartbeat.send(mail);
}
void DecisionShell::perform(const ChecksMail& mail) {
    post_.decision_to_checks.send(mail);
}
void DecisionShell::perform(const KernelMail& mail) {
    post_.decision_to_kernel.send(mail);
}

}  // namespace anyvip::daemon::io
