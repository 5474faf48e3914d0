#include <cerrno>
#include <expected>
#include <filesystem>
#include <initializer_list>
#include <ostream>
#include <set>
#include <string>
#include <utility>

#include "anyvip/ipvs/plan.hpp"
#include "anyvip/kernel/plan.hpp"
#include "anyvip/ownership.hpp"
#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "ipvs/io/ipvs_client.hpp"
#include "kernel/io/owned_file.hpp"
#include "kernel/io/rtnetlink.hpp"

namespace anyvip::cli {
namespace {

using Failed = std::unexpected<kernel::Error>;

/// Removing, as one tells it: what was done, what was refused, and what is ours still.
class Removal {
public:
    Removal(bool dry_run, const Terminal& terminal) : dry_run_{dry_run}, terminal_{terminal} {}

    /// `gone` are errors that mean that somebody was faster.
    template <class Client, class Command>
    void execute(Client& client, const Command& command, std::initializer_list<int> gone) {
        terminal_.out << (dry_run_ ? "would: " : "") << describe(command) << '\n';
        if (dry_run_) return;
        const auto done = client.execute(command);
        if (done) return;
        for (const int code : gone) {
            if (done.error().code == code) return;
        }
        fail(done.error());
    }
    void fail(const kernel::Error& error) { fail(kernel::describe(error)); }
    void fail(const std::string& what) {
        terminal_.err << "anyvip: " << what << '\n';
        complete_ = false;
    }
    [[nodiscard]] bool complete() const { return complete_; }

private:
    bool dry_run_;
    const Terminal& terminal_;
    bool complete_ = true;
};

/// What is left of `owned`.
std::expected<std::set<kernel::AddressKey>, kernel::Error> remove_addresses(const std::set<kernel::AddressKey>& owned,
                                                                            Removal& removal) {
    if (owned.empty()) return owned;
    auto client = kernel::io::Rtnetlink::open();
    if (!client) return Failed{client.error()};
    const auto observed = client->addresses();
    if (!observed) return Failed{observed.error()};
    for (const auto& command : kernel::plan({}, *observed, owned)) {
        removal.execute(*client, command, {EADDRNOTAVAIL, ENODEV});
    }
    const auto after = client->addresses();
    if (!after) return Failed{after.error()};
    std::set<kernel::AddressKey> left;
    for (const auto& address : *after) {
        if (owned.contains(address.key)) left.insert(address.key);
    }
    return left;
}

std::expected<std::set<ipvs::VirtualServerId>, kernel::Error> remove_virtual_servers(
    const std::set<ipvs::VirtualServerId>& owned, Removal& removal) {
    if (owned.empty()) return owned;
    auto client = ipvs::io::IpvsClient::open();
    // A kernel without IPVS has no virtual servers.
    if (!client && client.error().code == ENOENT) return std::set<ipvs::VirtualServerId>{};
    if (!client) return Failed{client.error()};
    const auto observed = client->dump();
    if (!observed) return Failed{observed.error()};
    for (const auto& command : ipvs::plan({}, *observed, owned)) {
        removal.execute(*client, command, {ESRCH, ENOENT});
    }
    const auto after = client->dump();
    if (!after) return Failed{after.error()};
    std::set<ipvs::VirtualServerId> left;
    for (const auto& [id, virtual_server] : *after) {
        if (owned.contains(id)) left.insert(id);
    }
    return left;
}

}  // namespace

ExitCode cleanup(const std::string& socket, const std::string& state_dir, bool dry_run, const Terminal& terminal) {
    const auto daemon = ask(socket, control::PingRequest{});
    if (daemon || daemon.error().kind != AskError::Kind::NotRunning) {
        terminal.err << "anyvip: a daemon is running on " << socket << (daemon ? "" : ", or may be: ")
                     << (daemon ? "" : daemon.error().text) << "; it needs what would be removed\n";
        return ExitCode::Error;
    }

    const auto path = std::filesystem::path{state_dir} / "owned";
    kernel::io::OwnedFile file{path};
    const auto contents = file.load();
    if (!contents) {
        terminal.err << "anyvip: " << kernel::describe(contents.error()) << '\n';
        return ExitCode::Error;
    }
    const auto& owned = contents->ownership;
    Removal removal{dry_run, terminal};
    for (const auto& line : contents->bad_lines) removal.fail(path.string() + ": " + kernel::io::describe(line));

    // Addresses first: nobody is to reach a VIP that balances no more.
    Ownership left = owned;
    if (auto addresses = remove_addresses(owned.addresses, removal)) {
        left.addresses = std::move(*addresses);
    } else {
        removal.fail(addresses.error());
    }
    if (auto servers = remove_virtual_servers(owned.virtual_servers, removal)) {
        left.virtual_servers = std::move(*servers);
    } else {
        removal.fail(servers.error());
    }
    if (!dry_run && left != owned) {
        if (const auto stored = file.store(left); !stored) removal.fail(stored.error());
    }
    return removal.complete() ? ExitCode::Ok : ExitCode::Error;
}

}  // namespace anyvip::cli
