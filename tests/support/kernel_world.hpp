#pragma once

#include <deque>
#include <expected>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "anyvip/ipvs/plan.hpp"
#include "anyvip/kernel/plan.hpp"
#include "anyvip/overloaded.hpp"
#include "anyvip/ownership.hpp"
#include "anyvip/time.hpp"
#include "daemon/kernel.hpp"

namespace anyvip::testing {

/// The kernel loop's composite over a kernel and a disk in memory. A test edits both behind its back, makes
/// them refuse, and lets requests be answered one by one with step() or all with settle().
class KernelWorld {
public:
    kernel::AddressTable addresses;
    ipvs::Table services;
    kernel::LinkTable links;
    std::optional<kernel::Error> links_error;
    Ownership disk;
    bool has_ipvs = true;
    std::optional<kernel::Error> store_error;
    std::map<kernel::AddressKey, kernel::Error> refused_addresses;
    std::map<ipvs::VirtualServerId, kernel::Error> refused_services;

    daemon::Kernel core;
    TimePoint now{TimePoint{} + std::chrono::seconds{1000}};
    daemon::Kernel::Actions log;  ///< everything that was asked for or said since clear()

    /// Without answering what it asks.
    void feed(const daemon::Kernel::Event& event) {
        for (auto& action : core.handle(event, now)) {
            if (!std::holds_alternative<daemon::DecisionMail>(action) &&
                !std::holds_alternative<daemon::HeartbeatMail>(action)) {
                asked_.push_back(action);
            }
            log.push_back(std::move(action));
        }
    }
    /// Answers the oldest request; false: there is none.
    bool step() {
        if (asked_.empty()) return false;
        const auto action = std::move(asked_.front());
        asked_.pop_front();
        std::visit(overloaded{[&](const daemon::ReadKernel& read) { feed(reading(read.services)); },
                              [&](const daemon::StoreOwned& store) {
                                  if (!store_error) disk = store.ownership;
                                  feed(daemon::OwnedStored{store_error});
                              },
                              [&](const daemon::Execute& execute) { feed(carried_out(execute)); }, [](const auto&) {}},
                   action);
        return true;
    }
    void settle() {
        for (int steps = 0; steps < 1000 && step(); ++steps) {
        }
    }
    void tell(const daemon::Kernel::Event& event) {
        feed(event);
        settle();
    }
    /// Lets the core's deadline come.
    void wait() {
        now = core.deadline().value_or(now);
        tell(daemon::KernelTimerExpired{});
    }
    [[nodiscard]] const daemon::Kernel::Action* asked() const { return asked_.empty() ? nullptr : &asked_.front(); }
    void clear() { log.clear(); }

private:
    [[nodiscard]] daemon::KernelRead reading(bool with_services) const {
        daemon::KernelRead read{.addresses = addresses, .services = std::nullopt, .links = links};
        if (links_error) read.links = std::unexpected{*links_error};
        if (!with_services) return read;
        if (has_ipvs) {
            read.services = std::expected<ipvs::Table, kernel::Error>{services};
        } else {
            read.services = std::expected<ipvs::Table, kernel::Error>{std::unexpect, 2, "IPVS is not available"};
        }
        return read;
    }
    [[nodiscard]] daemon::Executed carried_out(const daemon::Execute& execute) {
        daemon::Executed executed;
        for (const auto& command : execute.addresses) {
            const auto key = kernel::key_of(command);
            if (const auto refused = refused_addresses.find(key); refused != refused_addresses.end()) {
                executed.addresses.insert(*refused);
            } else {
                addresses = kernel::apply(std::move(addresses), command);
            }
        }
        for (const auto& command : execute.services) {
            const auto id = ipvs::key_of(command);
            if (const auto refused = refused_services.find(id); refused != refused_services.end()) {
                executed.services.insert(*refused);
            } else if (!ipvs::applies(services, command)) {
                executed.services.emplace(id, kernel::Error{17, "File exists"});
            } else {
                services = ipvs::apply(std::move(services), command);
            }
        }
        return executed;
    }

    std::deque<daemon::Kernel::Action> asked_;
};

}  // namespace anyvip::testing
