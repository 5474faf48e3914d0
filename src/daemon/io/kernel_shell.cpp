#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <expected>
#include <string>
#include <utility>
#include <variant>

#include "anyvip/describe.hpp"
#include "daemon/io/shells.hpp"

namespace anyvip::daemon::io {
KernelShell::KernelShell(boost::asio::io_context& context, Feed feed, Post& post,
                         const std::filesystem::path& state_dir)
    : context_{context}, feed_{std::move(feed)}, post_{post}, owned_{state_dir / "owned"} {}

std::expected<void, std::string> KernelShell::start() {
    auto rtnetlink = kernel::io::Rtnetlink::open();
    if (!rtnetlink) return std::unexpected{kernel::describe(rtnetlink.error())};
    auto monitor = kernel::io::Monitor::open();
    if (!monitor) return std::unexpected{kernel::describe(monitor.error())};
    auto owned = owned_.load();
    if (!owned) return std::unexpected{kernel::describe(owned.error())};
    for (const auto& line : owned->bad_lines) spdlog::warn("owned {}", kernel::io::describe(line));
    rtnetlink_.emplace(std::move(*rtnetlink));
    monitor_.emplace(std::move(*monitor));
    monitor_descriptor_.emplace(context_, ::dup(monitor_->native_handle()));
    watch();
    feed_(OwnedLoaded{owned->ownership});
    return {};
}

void KernelShell::watch() {
    monitor_descriptor_->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                    [this](const boost::system::error_code& error) {
                                        if (error) return;
                                        // The wait may end for nothing; read() never blocks.
                                        if (!monitor_->read().empty()) feed_(KernelNotified{});
                                        watch();
                                    });
}

void KernelShell::perform(const Kernel::Action& action) {
    std::visit([this](const auto& a) { perform(a); }, action);
}

void KernelShell::drain() {
    post_.socket_orders.receive([this](SocketOrder order) {
        if (auto answer = carry_out(std::move(order))) post_.socket_answers.send(std::move(*answer));
    });
    post_.bfd_socket_orders.receive([this](BfdSocketOrder order) {
        if (auto answer = carry_out(std::move(order))) post_.bfd_socket_answers.send(std::move(*answer));
    });
    const auto feed_mail = [this](KernelMail mail) { feed_(std::move(mail)); };
    post_.heartbeat_to_kernel.receive(feed_mail);
    post_.decision_to_kernel.receive(feed_mail);
}

bool KernelShell::flush() {
    const bool decision = post_.kernel_to_decision.flush();
    const bool sockets = post_.socket_answers.flush();
    const bool bfd_sockets = post_.bfd_socket_answers.flush();
    return post_.kernel_to_heartbeat.flush() && decision && sockets && bfd_sockets;
}

std::expected<ipvs::Table, kernel::Error> KernelShell::read_services() {
    if (!ipvs_) {
        auto client = ipvs::io::IpvsClient::open();
        if (!client) return std::unexpected{client.error()};
        ipvs_.emplace(std::move(*client));
    }
    return ipvs_->dump();
}

void KernelShell::perform(const ReadKernel& action) {
    KernelRead read{.addresses = rtnetlink_->addresses(), .services = std::nullopt, .links = rtnetlink_->links()};
    if (action.services) read.services = read_services();
    feed_(std::move(read));
}

void KernelShell::perform(const StoreOwned& action) {
    const auto stored = owned_.store(action.ownership);
    feed_(OwnedStored{stored ? std::nullopt : std::optional{stored.error()}});
}

void KernelShell::perform(const Execute& action) {
    Executed executed;
    for (const auto& command : action.addresses) {
        const auto done = rtnetlink_->execute(command);
        spdlog::debug("kernel {}{}", anyvip::describe(command),
                      done ? "" : " refused: " + kernel::describe(done.error()));
        if (!done) executed.addresses.emplace(kernel::key_of(command), done.error());
    }
    for (const auto& command : action.services) {
        if (!ipvs_) break;  // The reading that planned this has opened it.
        const auto done = ipvs_->execute(command);
        spdlog::debug("kernel {}{}", anyvip::describe(command),
                      done ? "" : " refused: " + kernel::describe(done.error()));
        if (!done) {
            executed.services.emplace(ipvs::key_of(command), done.error());
        }
    }
    feed_(std::move(executed));
}

void KernelShell::perform(const DecisionMail& mail) {
    post_.kernel_to_decision.send(mail);
}
void KernelShell::perform(const HeartbeatMail& mail) {
    post_.kernel_to_heartbeat.send(mail);
}

}  // namespace anyvip::daemon::io
