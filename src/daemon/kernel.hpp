#pragma once

#include <cstddef>
#include <expected>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "anyvip/ipvs/plan.hpp"
#include "anyvip/kernel/link_table.hpp"
#include "anyvip/kernel/plan.hpp"
#include "anyvip/ownership.hpp"
#include "anyvip/time.hpp"
#include "daemon/mail.hpp"

/// The kernel loop without its I/O: one reconciler for addresses and virtual servers (product rule 5).
///
/// A round is: read the kernel, plan, write down what will be ours, execute, read again. Wishes that arrive
/// meanwhile wait for the next round. A wish is confirmed by what was read back, never by a command's success;
/// one that is not fulfilled after its round is answered with the kernel's words, and tried again.
///
/// Rounds start for a new wish, for a notification that an address or link changed, and from time to time,
/// because IPVS tells nobody when it was changed.
///
/// Real servers without a first verdict are planned as the kernel has them: that is how a running pool is
/// adopted with the weights it has.
namespace anyvip::daemon {

// Events: mail, and from the shell:
struct OwnedLoaded {
    Ownership ownership;
    friend bool operator==(const OwnedLoaded&, const OwnedLoaded&) = default;
};
/// The newest of each; a service table is missing when it was not asked for.
struct KernelRead {
    std::expected<kernel::AddressTable, kernel::Error> addresses;
    std::optional<std::expected<ipvs::Table, kernel::Error>> services;
    std::expected<kernel::LinkTable, kernel::Error> links;
};
struct OwnedStored {
    std::optional<kernel::Error> error;
    friend bool operator==(const OwnedStored&, const OwnedStored&) = default;
};
/// What was refused, in the order of the commands; what is not named was done.
struct Executed {
    std::map<kernel::AddressKey, kernel::Error> addresses;
    std::map<ipvs::VirtualServerId, kernel::Error> services;
    friend bool operator==(const Executed&, const Executed&) = default;
};
/// Somebody changed an address or a link, or notifications were lost.
struct KernelNotified {
    friend bool operator==(const KernelNotified&, const KernelNotified&) = default;
};
struct KernelTimerExpired {
    friend bool operator==(const KernelTimerExpired&, const KernelTimerExpired&) = default;
};

// Actions: mail, and to the shell, which answers each:
struct ReadKernel {  ///< answered by KernelRead
    bool services = false;
    friend bool operator==(const ReadKernel&, const ReadKernel&) = default;
};
struct StoreOwned {  ///< answered by OwnedStored, once it is on the disk
    Ownership ownership;
    friend bool operator==(const StoreOwned&, const StoreOwned&) = default;
};
struct Execute {  ///< answered by Executed
    std::vector<kernel::Command> addresses;
    std::vector<ipvs::Command> services;
    friend bool operator==(const Execute&, const Execute&) = default;
};

class Kernel {
public:
    using Event =
        std::variant<KernelMail, OwnedLoaded, KernelRead, OwnedStored, Executed, KernelNotified, KernelTimerExpired>;
    using Action = std::variant<ReadKernel, StoreOwned, Execute, DecisionMail, HeartbeatMail>;
    using Actions = std::vector<Action>;
    using TimerExpired = KernelTimerExpired;

    [[nodiscard]] Actions handle(const Event& event, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const { return deadline_; }

private:
    /// Where a round is: each phase ends with the shell's answer.
    enum class Phase : std::uint8_t { Idle, Reading, Storing, Executing, ReadingBack };

    /// Who asked for something is told once how it went, and again when that is no longer true.
    struct Answer {
        Generation generation = 0;
        bool in_round = false;  ///< the round under way was planned with the wish
        bool answered = false;
        bool refused = false;   ///< the last answer was an error
        bool repaired = false;  ///< in this round, after it had been confirmed
        [[nodiscard]] bool confirmed() const { return answered && !refused; }
        /// True when the end of the round is news to who asked.
        [[nodiscard]] bool settle(bool refused_now);
    };
    /// What one owner wants, and how far that is from being so.
    template <class Wanted, class Key>
    struct Wish : Answer {
        Wanted wanted;
        std::set<Key> leaving;  ///< wanted before, and not yet known to be gone
        /// A newer one takes the older one's place.
        void take(Generation newer, const Wanted& wish);
    };
    /// The newest table that could be read, and what has been in the way since.
    template <class Table>
    struct Observed {
        Table table;
        std::optional<kernel::Error> error = std::nullopt;  ///< of the newest reading
        std::optional<TimePoint> unread_since = std::nullopt;
        bool blind = false;  ///< for so long that the table counts for nothing
        void note(const std::expected<Table, kernel::Error>& reading, TimePoint now);
        /// An older table keeps confirmed for a while what it has confirmed, and confirms nothing new: commands
        /// may have been executed since.
        [[nodiscard]] bool tells(bool confirmed) const { return confirmed ? !blind : !error; }
    };
    using AddressWish = Wish<kernel::AddressTable, kernel::AddressKey>;
    using ServiceWish = Wish<DesiredServices, ipvs::VirtualServerId>;

    void on(const KernelMail& mail, TimePoint now, Actions& out);
    void on(const OwnedLoaded& event, TimePoint now, Actions& out);
    void on(const KernelRead& event, TimePoint now, Actions& out);
    void on(const OwnedStored& event, TimePoint now, Actions& out);
    void on(const Executed& event, TimePoint now, Actions& out);
    void on(const KernelNotified&, TimePoint now, Actions& out);
    void on(const KernelTimerExpired&, TimePoint now, Actions& out);
    void read_mail(const Adopt& mail);
    void read_mail(const SetAddresses& mail);
    void read_mail(const SetServices& mail);

    void begin_round(Actions& out);
    void plan_round(TimePoint now, Actions& out);
    void note_repairs(Actions& out);
    void end_round(TimePoint now, Actions& out);
    void forget_the_gone();
    void tell_of_former_run(Actions& out);
    void tell_interfaces(Actions& out);
    void tell_link_locals(Actions& out);
    [[nodiscard]] bool uses_services() const;
    [[nodiscard]] kernel::AddressTable desired_addresses() const;
    [[nodiscard]] ipvs::Table desired_services() const;
    [[nodiscard]] Ownership ownership_for(const kernel::AddressTable& addresses, const ipvs::Table& services) const;
    [[nodiscard]] std::optional<std::string> shortfall(const AddressWish& wish) const;
    [[nodiscard]] std::optional<std::string> shortfall(const ServiceWish& wish) const;
    [[nodiscard]] std::optional<std::string> leftover() const;

    Phase phase_ = Phase::Idle;
    bool round_wanted_ = false;
    std::optional<TimePoint> deadline_;
    Duration retry_delay_{};

    std::map<AddressOwner, AddressWish> address_wishes_;
    std::map<VipName, ServiceWish> service_wishes_;
    Adopt adopt_;
    std::optional<Answer> adoption_;  ///< none: the first letter is not here, and nothing may be removed
    Ownership owned_;
    /// Of a former run, as far as the first letter wants it; none: told.
    std::optional<Ownership> former_run_;

    Observed<kernel::AddressTable> addresses_;
    Observed<ipvs::Table> services_;
    kernel::LinkTable links_;
    std::optional<kernel::Error> store_error_;
    Executed refusals_;
    Execute planned_;
    Ownership planned_ownership_;
    std::map<net::InterfaceName, InterfaceChanged> told_interfaces_;
    std::map<net::InterfaceName, LinkLocalChanged> told_link_locals_;
};

[[nodiscard]] std::string describe(const OwnedLoaded& event);
[[nodiscard]] std::string describe(const KernelRead& event);
[[nodiscard]] std::string describe(const OwnedStored& event);
[[nodiscard]] std::string describe(const Executed& event);
[[nodiscard]] std::string describe(const KernelNotified& event);
[[nodiscard]] std::string describe(const KernelTimerExpired& event);
[[nodiscard]] std::string describe(const ReadKernel& action);
[[nodiscard]] std::string describe(const StoreOwned& action);
[[nodiscard]] std::string describe(const Execute& action);

}  // namespace anyvip::daemon
