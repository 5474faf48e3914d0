#include "daemon/kernel.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "anyvip/describe.hpp"
#include "anyvip/overloaded.hpp"

namespace anyvip::daemon {
namespace {

using namespace std::chrono_literals;

/// IPVS tells nobody when it was changed; rtnetlink does, unless a notification is lost.
constexpr Duration reconcile_with_services = 2s;
constexpr Duration reconcile_without = 30s;
constexpr Duration first_retry = 100ms;
constexpr Duration longest_retry = 5s;

/// What cannot be read is unknown, not gone: what was confirmed counts for so long (product rule 2).
constexpr Duration blind_limit = 30s;

std::set<kernel::AddressKey> keys_of(const kernel::AddressTable& table) {
    std::set<kernel::AddressKey> keys;
    for (const auto& address : table) keys.insert(address.key);
    return keys;
}

template <class Value>
std::set<ipvs::VirtualServerId> keys_of(const std::map<ipvs::VirtualServerId, Value>& table) {
    std::set<ipvs::VirtualServerId> keys;
    for (const auto& [id, value] : table) keys.insert(id);
    return keys;
}

template <class Key>
std::set<Key> difference(const std::set<Key>& from, const std::set<Key>& less) {
    std::set<Key> result;
    std::ranges::set_difference(from, less, std::inserter(result, result.end()));
    return result;
}

/// A pool as a table: real servers without a first verdict stay as they are observed, also absent.
ipvs::VirtualServer resolve(const DesiredServer& desired, const ipvs::VirtualServer* observed) {
    ipvs::VirtualServer resolved = desired.properties;
    for (const auto& [address, wish] : desired.pool) {
        if (const auto* present = std::get_if<vip::Present>(&wish)) {
            resolved.real_servers[address] = {.forwarding = desired.forwarding,
                                              .weight = ipvs::Weight{present->weight}};
        }
        if (!std::holds_alternative<vip::AsItIs>(wish) || observed == nullptr) continue;
        const auto known = observed->real_servers.find(address);
        if (known != observed->real_servers.end()) resolved.real_servers.insert(*known);
    }
    return resolved;
}

ipvs::Table resolve(const DesiredServices& wanted, const ipvs::Table& observed) {
    ipvs::Table table;
    for (const auto& [id, desired] : wanted) {
        const auto known = observed.find(id);
        table.emplace(id, resolve(desired, known == observed.end() ? nullptr : &known->second));
    }
    return table;
}

}  // namespace

Kernel::Actions Kernel::handle(const Event& event, TimePoint now) {
    Actions out;
    std::visit([&](const auto& e) { on(e, now, out); }, event);
    return out;
}

void Kernel::on(const KernelMail& mail, TimePoint /*now*/, Actions& out) {
    std::visit([this](const auto& m) { read_mail(m); }, mail);
    round_wanted_ = true;
    begin_round(out);
}

void Kernel::on(const OwnedLoaded& event, TimePoint /*now*/, Actions& /*out*/) {
    owned_ = event.ownership;
}

void Kernel::on(const KernelNotified& /*event*/, TimePoint /*now*/, Actions& out) {
    round_wanted_ = true;
    begin_round(out);
}

void Kernel::on(const KernelTimerExpired& /*event*/, TimePoint now, Actions& out) {
    if (!deadline_ || now < *deadline_) return;
    deadline_.reset();
    round_wanted_ = true;
    begin_round(out);
}

void Kernel::read_mail(const Adopt& mail) {
    if (std::exchange(adoption_, Answer{.generation = mail.generation})) {
        // Whose owner is gone without a word protects nothing any more.
        std::erase_if(adopt_.addresses, [&](const auto& key) { return !mail.addresses.contains(key); });
        std::erase_if(adopt_.virtual_servers, [&](const auto& id) { return !mail.virtual_servers.contains(id); });
        return;
    }
    adopt_ = mail;
    former_run_.emplace();
    std::ranges::set_intersection(owned_.addresses, mail.addresses,
                                  std::inserter(former_run_->addresses, former_run_->addresses.end()));
    std::ranges::set_intersection(owned_.virtual_servers, mail.virtual_servers,
                                  std::inserter(former_run_->virtual_servers, former_run_->virtual_servers.end()));
}

void Kernel::read_mail(const SetAddresses& mail) {
    address_wishes_[mail.owner].take(mail.generation, mail.addresses);
    for (const auto& address : mail.addresses) adopt_.addresses.erase(address.key);
}

void Kernel::read_mail(const SetServices& mail) {
    service_wishes_[mail.vip].take(mail.generation, mail.services);
    for (const auto& [id, desired] : mail.services) adopt_.virtual_servers.erase(id);
}

template <class Wanted, class Key>
void Kernel::Wish<Wanted, Key>::take(Generation newer, const Wanted& wish) {
    leaving.merge(keys_of(wanted));
    leaving = difference(leaving, keys_of(wish));
    wanted = wish;
    static_cast<Answer&>(*this) = {.generation = newer};
}

void Kernel::begin_round(Actions& out) {
    if (phase_ != Phase::Idle || !adoption_) return;
    round_wanted_ = false;
    phase_ = Phase::Reading;
    out.emplace_back(ReadKernel{uses_services()});
}

void Kernel::on(const KernelRead& event, TimePoint now, Actions& out) {
    addresses_.note(event.addresses, now);
    if (event.services) services_.note(*event.services, now);
    // Interfaces that could not be read are still there, for all we know.
    if (event.links) links_ = *event.links;
    tell_interfaces(out);

    switch (phase_) {
        case Phase::Reading:
            // A wish for services may have come after the question: nothing is planned from an old reading.
            if (uses_services() && !event.services) {
                out.emplace_back(ReadKernel{true});
            } else {
                tell_of_former_run(out);
                plan_round(now, out);
            }
            return;
        case Phase::ReadingBack: end_round(now, out); return;
        case Phase::Idle:
        case Phase::Storing:
        case Phase::Executing: return;  // Nothing was asked.
    }
}

/// What cannot be read was not there, for all that the peers may be told.
void Kernel::tell_of_former_run(Actions& out) {
    if (!former_run_) return;
    const auto former = std::exchange(former_run_, std::nullopt).value();
    const auto there = keys_of(addresses_.table);
    const auto forwarded = [&](net::Family family) {
        const auto of_family = [family](const kernel::AddressKey& key) { return key.prefix.family() == family; };
        const auto is_there = [&](const kernel::AddressKey& key) { return !of_family(key) || there.contains(key); };
        const auto is_served = [&](const ipvs::VirtualServerId& id) {
            return id.address.address.family() != family || (!services_.error && services_.table.contains(id));
        };
        return !addresses_.error && std::ranges::any_of(former.addresses, of_family) &&
               std::ranges::all_of(former.addresses, is_there) &&
               std::ranges::all_of(former.virtual_servers, is_served);
    };
    out.emplace_back(DecisionMail{FormerRunFound{.left_something = owned_ != Ownership{},
                                                 .forwarded_ipv4 = forwarded(net::Family::Ipv4),
                                                 .forwarded_ipv6 = forwarded(net::Family::Ipv6)}});
}

void Kernel::plan_round(TimePoint now, Actions& out) {
    refusals_ = {};
    store_error_.reset();
    planned_ = {};
    const auto addresses = desired_addresses();
    const auto services = desired_services();
    if (!addresses_.error) {
        planned_.addresses = kernel::plan(addresses, addresses_.table, difference(owned_.addresses, adopt_.addresses));
    }
    if (!services_.error) {
        planned_.services =
            ipvs::plan(services, services_.table, difference(owned_.virtual_servers, adopt_.virtual_servers));
    }
    note_repairs(out);

    for (auto& [owner, wish] : address_wishes_) wish.in_round = true;
    for (auto& [vip, wish] : service_wishes_) wish.in_round = true;
    adoption_->in_round = true;
    planned_ownership_ = ownership_for(addresses, services);
    if (planned_ownership_ == owned_ && planned_.addresses.empty() && planned_.services.empty()) {
        end_round(now, out);
        return;
    }
    phase_ = Phase::Storing;
    out.emplace_back(StoreOwned{planned_ownership_});
}

/// All that is going to be made or is there as wanted, and all that was ours and is still there. What cannot be
/// read is not going to be made.
Ownership Kernel::ownership_for(const kernel::AddressTable& addresses, const ipvs::Table& services) const {
    Ownership ownership;
    if (!addresses_.error) ownership.addresses = keys_of(addresses);
    if (!services_.error) ownership.virtual_servers = keys_of(services);
    const auto observed_addresses = keys_of(addresses_.table);
    for (const auto& key : owned_.addresses) {
        if (addresses_.error || observed_addresses.contains(key)) ownership.addresses.insert(key);
    }
    for (const auto& id : owned_.virtual_servers) {
        if (services_.error || services_.table.contains(id)) ownership.virtual_servers.insert(id);
    }
    return ownership;
}

/// A command for what had been confirmed mends what somebody else did.
void Kernel::note_repairs(Actions& out) {
    std::multimap<kernel::AddressKey, AddressWish*> confirmed;
    for (auto& [owner, wish] : address_wishes_) {
        if (planned_.addresses.empty() || !wish.confirmed()) continue;
        for (const auto& address : wish.wanted) confirmed.emplace(address.key, &wish);
    }
    for (const auto& command : planned_.addresses) {
        const auto [first, last] = confirmed.equal_range(key_of(command));
        for (auto wish = first; wish != last; ++wish) {
            wish->second->repaired = true;
            out.emplace_back(DecisionMail{Repaired{anyvip::describe(command)}});
        }
    }
    for (const auto& command : planned_.services) {
        for (auto& [vip, wish] : service_wishes_) {
            if (!wish.confirmed() || !wish.wanted.contains(key_of(command))) continue;
            wish.repaired = true;
            out.emplace_back(DecisionMail{Repaired{anyvip::describe(command)}});
        }
    }
}

void Kernel::on(const OwnedStored& event, TimePoint now, Actions& out) {
    if (phase_ != Phase::Storing) return;
    if (event.error) {
        // What is not written down must not be made: a crash would leave it behind for ever.
        store_error_ = event.error;
        end_round(now, out);
        return;
    }
    owned_ = planned_ownership_;
    if (planned_.addresses.empty() && planned_.services.empty()) {
        end_round(now, out);
        return;
    }
    phase_ = Phase::Executing;
    out.emplace_back(planned_);
}

void Kernel::on(const Executed& event, TimePoint /*now*/, Actions& out) {
    if (phase_ != Phase::Executing) return;
    refusals_ = event;
    phase_ = Phase::ReadingBack;
    out.emplace_back(ReadKernel{uses_services()});
}

void Kernel::end_round(TimePoint now, Actions& out) {
    phase_ = Phase::Idle;
    bool short_of_something = addresses_.error || services_.error;
    /// True when who asked has to be told; a wish that came while the round ran waits for the next.
    const auto settle = [&](Answer& answer, const std::optional<std::string>& error) {
        if (!answer.in_round) return false;
        short_of_something |= error.has_value();
        return answer.settle(error.has_value());
    };
    forget_the_gone();
    for (auto& [owner, wish] : address_wishes_) {
        const auto error = shortfall(wish);
        if (!settle(wish, error)) continue;
        if (const auto* router = std::get_if<RouterName>(&owner)) {
            out.emplace_back(HeartbeatMail{RouterAddressesApplied{*router, wish.generation, error}});
        } else {
            out.emplace_back(DecisionMail{VipAddressesApplied{std::get<VipName>(owner), wish.generation, error}});
        }
    }
    for (auto& [vip, wish] : service_wishes_) {
        const auto error = shortfall(wish);
        if (settle(wish, error)) out.emplace_back(DecisionMail{ServicesApplied{vip, wish.generation, error}});
    }
    const auto error = leftover();
    if (settle(*adoption_, error)) out.emplace_back(DecisionMail{Adopted{adoption_->generation, error}});
    // What is gone and unwanted is struck off the list by the next round; no need to hurry.
    std::erase_if(address_wishes_, [](const auto& e) { return e.second.wanted.empty() && e.second.confirmed(); });
    std::erase_if(service_wishes_, [](const auto& e) { return e.second.wanted.empty() && e.second.confirmed(); });

    if (short_of_something) {
        retry_delay_ = retry_delay_ == Duration{} ? first_retry : std::min(2 * retry_delay_, longest_retry);
        deadline_ = now + retry_delay_;
    } else {
        retry_delay_ = {};
        deadline_ = now + (uses_services() ? reconcile_with_services : reconcile_without);
    }
    if (round_wanted_) begin_round(out);
}

bool Kernel::Answer::settle(bool refused_now) {
    const bool is_news = !answered || refused != refused_now || repaired;
    answered = true;
    refused = refused_now;
    repaired = false;
    return is_news;
}

/// What an owner let go is off its hands when it is not there, was never made, or is wanted by another owner now.
void Kernel::forget_the_gone() {
    const auto wanted_addresses = keys_of(desired_addresses());
    const auto observed_addresses = keys_of(addresses_.table);
    for (auto& [owner, wish] : address_wishes_) {
        std::erase_if(wish.leaving, [&](const auto& key) {
            const bool gone = !addresses_.error && !observed_addresses.contains(key);
            return gone || !owned_.addresses.contains(key) || wanted_addresses.contains(key);
        });
    }
    const auto wanted_services = keys_of(desired_services());
    for (auto& [vip, wish] : service_wishes_) {
        std::erase_if(wish.leaving, [&](const auto& id) {
            const bool gone = !services_.error && !services_.table.contains(id);
            return gone || !owned_.virtual_servers.contains(id) || wanted_services.contains(id);
        });
    }
}

std::optional<std::string> Kernel::shortfall(const AddressWish& wish) const {
    const auto missing = kernel::plan(wish.wanted, addresses_.table, {});
    if (missing.empty() && wish.leaving.empty() && addresses_.tells(wish.confirmed())) return std::nullopt;
    if (store_error_) return kernel::describe(*store_error_);
    if (addresses_.error) return kernel::describe(*addresses_.error);
    const auto key = missing.empty() ? *wish.leaving.begin() : key_of(missing.front());
    const auto refusal = refusals_.addresses.find(key);
    if (refusal != refusals_.addresses.end()) return kernel::describe(refusal->second);
    return kernel::describe(key) + (missing.empty() ? " is still there" : " is not there");
}

std::optional<std::string> Kernel::shortfall(const ServiceWish& wish) const {
    if (wish.wanted.empty() && wish.leaving.empty()) return std::nullopt;
    const auto missing = ipvs::plan(resolve(wish.wanted, services_.table), services_.table, {});
    if (missing.empty() && wish.leaving.empty() && services_.tells(wish.confirmed())) return std::nullopt;
    if (services_.error) return kernel::describe(*services_.error);
    if (store_error_) return kernel::describe(*store_error_);
    const auto id = missing.empty() ? *wish.leaving.begin() : key_of(missing.front());
    const auto refusal = refusals_.services.find(id);
    if (refusal != refusals_.services.end()) return kernel::describe(refusal->second);
    return ipvs::describe(id) + (missing.empty() ? " is still there" : " is not as it should be");
}

/// What is ours, still there for all we know, wanted by nobody and protected by nothing; empty: nothing is.
std::optional<std::string> Kernel::leftover() const {
    const auto words = [](const std::string& what, const std::optional<kernel::Error>& why) {
        return what + " is left over" + (why ? ": " + kernel::describe(*why) : "");
    };
    const auto reason = [&](const auto& refusals, const auto& key) {
        const auto refusal = refusals.find(key);
        return refusal == refusals.end() ? store_error_ : std::optional{refusal->second};
    };
    auto kept_addresses = keys_of(desired_addresses());
    kept_addresses.insert(adopt_.addresses.begin(), adopt_.addresses.end());
    const auto observed_addresses = keys_of(addresses_.table);
    for (const auto& key : difference(owned_.addresses, kept_addresses)) {
        if (addresses_.error) return words(kernel::describe(key), addresses_.error);
        if (observed_addresses.contains(key)) {
            return words(kernel::describe(key), reason(refusals_.addresses, key));
        }
    }
    auto kept_services = keys_of(desired_services());
    kept_services.insert(adopt_.virtual_servers.begin(), adopt_.virtual_servers.end());
    for (const auto& id : difference(owned_.virtual_servers, kept_services)) {
        if (services_.error) return words(ipvs::describe(id), services_.error);
        if (services_.table.contains(id)) return words(ipvs::describe(id), reason(refusals_.services, id));
    }
    return std::nullopt;
}

template <class Table>
void Kernel::Observed<Table>::note(const std::expected<Table, kernel::Error>& reading, TimePoint now) {
    if (reading) {
        *this = {.table = *reading};
        return;
    }
    error = reading.error();
    if (!unread_since) unread_since = now;
    blind = now >= *unread_since + blind_limit;
}

/// Every interface, with the addresses that packets of ours may come from: no VIP (product rule 11).
void Kernel::tell_interfaces(Actions& out) {
    std::map<net::InterfaceName, InterfaceChanged> now;
    for (const auto& [name, link] : links_) now[name] = {.name = name, .link = link, .addresses = {}};
    auto ours = owned_.addresses;
    ours.merge(keys_of(desired_addresses()));
    for (const auto& address : addresses_.table) {
        const auto interface = now.find(address.key.interface);
        if (interface == now.end() || ours.contains(address.key)) continue;
        if (address.dad == kernel::DadState::Done) interface->second.addresses.push_back(address.key.prefix);
    }
    for (const auto& [name, told] : told_interfaces_) {
        if (!now.contains(name)) out.emplace_back(HeartbeatMail{InterfaceChanged{name, std::nullopt, {}}});
    }
    for (const auto& [name, interface] : now) {
        const auto told = told_interfaces_.find(name);
        if (told == told_interfaces_.end() || told->second != interface) out.emplace_back(HeartbeatMail{interface});
    }
    told_interfaces_ = std::move(now);
    tell_link_locals(out);
}

/// The decision loop hears of less, and less often: only of what a neighbour can be talked to from.
void Kernel::tell_link_locals(Actions& out) {
    std::map<net::InterfaceName, LinkLocalChanged> now;
    for (const auto& [name, interface] : told_interfaces_) {
        if (!interface.link->admin_up) continue;
        const auto own = std::ranges::find_if(interface.addresses, [](const net::Prefix& prefix) {
            return prefix.address().is_v6() && prefix.address().is_link_local();
        });
        if (own == interface.addresses.end()) continue;
        const auto& link = *interface.link;
        const auto mac = link.mac == net::MacAddress{} ? std::nullopt : std::optional{link.mac};
        now[name] = {.interface = name, .index = link.index, .address = own->address().v6(), .mac = mac};
    }
    for (const auto& [name, told] : told_link_locals_) {
        if (!now.contains(name)) out.emplace_back(DecisionMail{LinkLocalChanged{name, told.index, std::nullopt}});
    }
    for (const auto& [name, own] : now) {
        const auto told = told_link_locals_.find(name);
        if (told == told_link_locals_.end() || told->second != own) out.emplace_back(DecisionMail{own});
    }
    told_link_locals_ = std::move(now);
}

bool Kernel::uses_services() const {
    if (!owned_.virtual_servers.empty() || !adopt_.virtual_servers.empty()) return true;
    return std::ranges::any_of(service_wishes_, [](const auto& entry) {
        return !entry.second.wanted.empty() || !entry.second.leaving.empty();
    });
}

kernel::AddressTable Kernel::desired_addresses() const {
    kernel::AddressTable desired;
    for (const auto& [owner, wish] : address_wishes_) desired.insert(wish.wanted.begin(), wish.wanted.end());
    return desired;
}

ipvs::Table Kernel::desired_services() const {
    ipvs::Table desired;
    for (const auto& [vip, wish] : service_wishes_) desired.merge(resolve(wish.wanted, services_.table));
    return desired;
}

std::string describe(const OwnedLoaded& event) {
    return "OwnedLoaded addresses=" + std::to_string(event.ownership.addresses.size()) +
           " virtual_servers=" + std::to_string(event.ownership.virtual_servers.size());
}
std::string describe(const KernelRead& event) {
    std::string text = "KernelRead";
    text += event.addresses ? " addresses=" + std::to_string(event.addresses->size())
                            : " error=\"" + kernel::describe(event.addresses.error()) + '"';
    if (event.services) {
        text += *event.services ? " virtual_servers=" + std::to_string((*event.services)->size())
                                : " error=\"" + kernel::describe(event.services->error()) + '"';
    }
    return text;
}
std::string describe(const OwnedStored& event) {
    return event.error ? "OwnedStored error=\"" + kernel::describe(*event.error) + '"' : "OwnedStored";
}
std::string describe(const Executed& event) {
    std::string text = "Executed";
    for (const auto& [key, error] : event.addresses) text += " refused=\"" + kernel::describe(error) + '"';
    for (const auto& [id, error] : event.services) text += " refused=\"" + kernel::describe(error) + '"';
    return text;
}
std::string describe(const KernelNotified& /*event*/) {
    return "KernelNotified";
}
std::string describe(const KernelTimerExpired& /*event*/) {
    return "TimerExpired";
}
std::string describe(const ReadKernel& action) {
    return action.services ? "ReadKernel services" : "ReadKernel";
}
std::string describe(const StoreOwned& action) {
    return "StoreOwned addresses=" + std::to_string(action.ownership.addresses.size()) +
           " virtual_servers=" + std::to_string(action.ownership.virtual_servers.size());
}
std::string describe(const Execute& action) {
    std::string text = "Execute";
    for (const auto& command : action.addresses) text += ' ' + anyvip::describe(command) + ';';
    for (const auto& command : action.services) text += ' ' + anyvip::describe(command) + ';';
    return text;
}

}  // namespace anyvip::daemon
