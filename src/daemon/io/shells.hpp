#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "bgp/io/link_socket.hpp"
#include "bgp/io/speaker.hpp"
#include "control/io/server.hpp"
#include "daemon/checks.hpp"
#include "daemon/decision.hpp"
#include "daemon/heartbeat.hpp"
#include "daemon/io/bfd_sockets.hpp"
#include "daemon/io/post.hpp"
#include "daemon/kernel.hpp"
#include "health/io/prober.hpp"
#include "io/sd_notify.hpp"
#include "ipvs/io/ipvs_client.hpp"
#include "kernel/io/owned_file.hpp"
#include "kernel/io/rtnetlink.hpp"
#include "vrrp/io/raw_socket.hpp"

/// The four shells: each carries out the actions of one composite with the io classes, and turns what comes of
/// them into events. They decide nothing.
namespace anyvip::daemon::io {

class HeartbeatShell {
public:
    static constexpr auto thread_name = "heartbeat";
    static constexpr bool drains_together = false;
    using Feed = std::function<void(Heartbeat::Event)>;
    HeartbeatShell(boost::asio::io_context& context, Feed feed, Post& post);

    void perform(const Heartbeat::Action& action);
    void drain();
    bool flush();

private:
    void perform(const OpenSocket& action);
    void perform(const CloseSocket& action);
    void perform(const SendPacket& action);
    void perform(const SendFrame& action);
    void perform(const OpenBfdListener& action) { bfd_.perform(action); }
    void perform(const CloseBfdListener& action) { bfd_.perform(action); }
    void perform(const OpenBfdSender& action) { bfd_.perform(action); }
    void perform(const CloseBfdSender& action) { bfd_.perform(action); }
    void perform(const SendBfdPacket& action) { bfd_.perform(action); }
    void perform(const DecisionMail& mail);
    void perform(const KernelMail& mail);
    void adopt(SocketAnswer answer);
    void close(vrrp::io::Descriptors descriptors);
    void report(const RouterName& router, const vrrp::io::Error& error);

    boost::asio::io_context& context_;
    Feed feed_;
    Post& post_;
    SocketOrderNumber last_order_;
    std::map<RouterName, SocketOrderNumber> opening_;
    std::map<RouterName, std::unique_ptr<vrrp::io::RawSocket>> sockets_;
    BfdSockets bfd_;
    std::map<RouterName, vrrp::io::Error> reported_;  ///< the last problem: said once, not with every packet
};

class ChecksShell {
public:
    static constexpr auto thread_name = "checks";
    static constexpr bool drains_together = false;
    using Feed = std::function<void(Checks::Event)>;
    ChecksShell(boost::asio::io_context& context, Feed feed, Post& post);

    void perform(const Checks::Action& action);
    void drain();
    bool flush();

private:
    Feed feed_;
    Post& post_;
    health::io::Prober prober_;
};

/// May block in netlink, on the disk and in opening sockets for the heartbeat: that is what its loop is for.
class KernelShell {
public:
    static constexpr auto thread_name = "kernel";
    static constexpr bool drains_together = true;
    using Feed = std::function<void(Kernel::Event)>;
    KernelShell(boost::asio::io_context& context, Feed feed, Post& post, const std::filesystem::path& state_dir);

    /// Before the loop runs: what a former run left, and what the kernel's notifications can be read from.
    [[nodiscard]] std::expected<void, std::string> start();

    void perform(const Kernel::Action& action);
    void drain();
    bool flush();

private:
    void perform(const ReadKernel& action);
    void perform(const StoreOwned& action);
    void perform(const Execute& action);
    void perform(const DecisionMail& mail);
    void perform(const HeartbeatMail& mail);
    void watch();
    [[nodiscard]] std::expected<ipvs::Table, kernel::Error> read_services();

    boost::asio::io_context& context_;
    Feed feed_;
    Post& post_;
    kernel::io::OwnedFile owned_;
    std::optional<kernel::io::Rtnetlink> rtnetlink_;
    std::optional<kernel::io::Monitor> monitor_;
    std::optional<boost::asio::posix::stream_descriptor> monitor_descriptor_;
    std::optional<ipvs::io::IpvsClient> ipvs_;  ///< opened when services are first wanted
};

class DecisionShell {
public:
    static constexpr auto thread_name = "decision";
    static constexpr bool drains_together = false;
    using Feed = std::function<void(Decision::Event)>;
    DecisionShell(boost::asio::io_context& context, Feed feed, Post& post, std::filesystem::path config_file);
    ~DecisionShell();

    [[nodiscard]] std::expected<void, std::string> listen(const std::filesystem::path& socket);
    /// Called once, on StopFinished, when what was sent to the peers is out or has had its second.
    void on_stopped(std::function<void(bool complete)> stopped) { stopped_ = std::move(stopped); }

    void perform(const Decision::Action& action);
    void drain();
    bool flush();

private:
    void perform(const PeerAction& action);
    void perform(const ConfigureSpeaker& action);
    void perform(const ConfigureLinks& action);
    void perform(const SendLinkPacket& action);
    void perform(const ReplyStatus& action);
    void perform(const ReplyRoutes& action);
    void perform(const ReplyDone& action);
    void perform(const Notice& action);
    void perform(const Ready& action);
    void perform(const StopFinished& action);
    void perform(const HeartbeatMail& mail);
    void perform(const ChecksMail& mail);
    void perform(const KernelMail& mail);
    void requested(control::io::ClientId client, const control::Request& request);
    /// On the worker: the decision loop never waits for a disk or a parser.
    void reload(const std::optional<ClientId>& client);
    void wait_for_signal();
    /// Again every few seconds while an address cannot be bound: it may be assigned later, or its port left.
    void configure_speaker();
    void open_links(std::vector<std::string>& problems);
    void reply(ClientId client, std::string answer);
    /// What is large for a moment is free again a little later.
    void give_memory_back_soon();

    boost::asio::io_context& context_;
    Feed feed_;
    Post& post_;
    std::filesystem::path config_file_;
    ConfigureSpeaker wanted_speaker_;
    std::vector<std::string> speaker_problems_;  ///< as they were logged
    boost::asio::steady_timer speaker_retry_;
    boost::asio::steady_timer memory_timer_;
    bool memory_is_due_ = false;
    bgp::io::Speaker speaker_;
    ConfigureLinks wanted_links_;
    std::map<net::InterfaceName, std::unique_ptr<bgp::io::LinkSocket>> links_;
    control::io::Server control_;
    boost::asio::signal_set signals_;
    anyvip::io::Watchdog watchdog_;
    boost::asio::thread_pool worker_{1};
    std::function<void(bool)> stopped_;
};

}  // namespace anyvip::daemon::io
