#include "health/io/processes.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace anyvip::health::io {
namespace {

using anyvip::io::FileDescriptor;

constexpr std::size_t stack_size = std::size_t{64} * 1024;
constexpr int max_lingering = 3;  ///< processes of one check; one is usual for an instant after each time-out

constexpr const char* search_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

enum class Step { ProcessGroup, Descriptors, User, Capabilities, Execute };

/// All that the child needs, made before it exists: it shares our memory and must not allocate.
struct Plan {
    const char* path = nullptr;
    char* const* argv = nullptr;
    char* const* environment = nullptr;
    int input = -1;
    int output = -1;
    bool switch_user = false;
    uid_t uid = 0;
    gid_t gid = 0;
    const gid_t* groups = nullptr;
    std::size_t group_count = 0;
    pid_t parent = 0;
    // The child's answer, written before it exits without having executed anything.
    Step failed_step{};
    int error = 0;
};

/// Runs on a borrowed stack in our memory until exec (CLONE_VM | CLONE_VFORK), so that a check costs no copy of our
/// page tables. System calls only: glibc's setuid() would signal all our threads to change user with it, and the
/// sanitizers' wrappers would leave their marks in our memory.
#if defined(__clang__) || defined(__GNUC__)
__attribute__((no_sanitize("address", "undefined")))
#endif
int run_child(void* argument) {
    auto& plan = *static_cast<Plan*>(argument);
    const auto fail = [&plan](Step step) __attribute__((no_sanitize("address", "undefined"))) {
        plan.failed_step = step;
        plan.error = errno;
        syscall(SYS_exit_group, 127);
    };

    if (syscall(SYS_setpgid, 0, 0) != 0) fail(Step::ProcessGroup);
    // Before signals are let in: a handler of ours would run in our memory. Exec resets only what is caught.
    const std::array<unsigned long, 8> default_action{};  // struct kernel_sigaction, all zero: SIG_DFL
    for (int number = 1; number <= 64; ++number) {
        syscall(SYS_rt_sigaction, number, default_action.data(), nullptr, 8UL);  // SIGKILL, SIGSTOP: refused, fine
    }

    if (syscall(SYS_dup3, plan.input, STDIN_FILENO, 0) < 0 || syscall(SYS_dup3, plan.output, STDOUT_FILENO, 0) < 0 ||
        syscall(SYS_dup3, plan.output, STDERR_FILENO, 0) < 0 || syscall(SYS_close_range, 3U, ~0U, 0U) != 0 ||
        syscall(SYS_chdir, "/") != 0) {
        fail(Step::Descriptors);
    }

    if (plan.switch_user && (syscall(SYS_setgroups, plan.group_count, plan.groups) != 0 ||
                             syscall(SYS_setresgid, plan.gid, plan.gid, plan.gid) != 0 ||
                             syscall(SYS_setresuid, plan.uid, plan.uid, plan.uid) != 0)) {
        fail(Step::User);
    }

    // no_new_privs makes it stick: exec as uid 0, a set-uid program or file capabilities gain nothing beyond the
    // empty permitted set (capabilities(7)), whatever the bounding set holds.
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0 ||
        syscall(SYS_prctl, PR_CAP_AMBIENT, static_cast<unsigned long>(PR_CAP_AMBIENT_CLEAR_ALL), 0UL, 0UL, 0UL) != 0 ||
        syscall(SYS_capset, &header, none.data()) != 0) {
        fail(Step::Capabilities);
    }

    // If we die by SIGKILL, the script goes too. After the change of user, which would clear this.
    syscall(SYS_prctl, PR_SET_PDEATHSIG, static_cast<unsigned long>(SIGKILL), 0UL, 0UL, 0UL);
    const unsigned long no_signals = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, sizeof no_signals);
    syscall(SYS_execve, plan.path, plan.argv, plan.environment);
    fail(Step::Execute);
    return 0;
}

std::string text_of_error(int error) {
    return std::error_code{error, std::system_category()}.message();
}

CouldNotRun refusal(int error, const std::string& what) {
    const auto detail = what + ": " + text_of_error(error);
    switch (error) {
        case EMFILE:
        case ENFILE: return {CouldNotRunReason::NoDescriptors, detail};
        case EAGAIN: return {CouldNotRunReason::NoProcess, detail};
        case ENOMEM: return {CouldNotRunReason::NoMemory, detail};
        case EPERM: return {CouldNotRunReason::NotPermitted, detail};
        default: return {CouldNotRunReason::SystemError, detail};  // The kernel's enum, not ours.
    }
}

CouldNotRun refusal(const Plan& plan) {
    const std::string path{plan.path};
    switch (plan.failed_step) {
        case Step::ProcessGroup: return refusal(plan.error, "setpgid");
        case Step::Descriptors: return refusal(plan.error, "descriptors of the child");
        case Step::User: return refusal(plan.error, "change of user");
        case Step::Capabilities: return refusal(plan.error, "capabilities of the child");
        case Step::Execute:
            if (plan.error == ENOENT) return {CouldNotRunReason::ScriptMissing, path + ": its interpreter is missing"};
            if (plan.error == EACCES || plan.error == ENOEXEC) {
                return {CouldNotRunReason::ScriptNotExecutable, path + ": " + text_of_error(plan.error)};
            }
            return refusal(plan.error, path);
    }
    return refusal(plan.error, path);
}

/// Anybody may write it. A directory with the sticky bit lets others add files but not replace ours. Owner and
/// group are trusted: the administrator chose them.
bool is_open_to_others(const struct stat& status) {
    const bool sticky_directory = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
    return (status.st_mode & S_IWOTH) != 0 && !sticky_directory;
}

/// The path itself and each directory above it: who may write one of those may replace the script.
std::optional<CouldNotRun> check_path(std::string path) {
    while (true) {
        struct stat status{};
        if (::stat(path.c_str(), &status) != 0) {
            const auto reason = errno == ENOENT || errno == ENOTDIR ? CouldNotRunReason::ScriptMissing
                                                                    : CouldNotRunReason::NotPermitted;
            return CouldNotRun{reason, path + ": " + text_of_error(errno)};
        }
        if (is_open_to_others(status)) {
            return CouldNotRun{CouldNotRunReason::ScriptInsecure, path + " is writable by everybody"};
        }
        if (path == "/") return std::nullopt;
        path.erase(std::max<std::size_t>(path.rfind('/'), 1));
    }
}

std::optional<CouldNotRun> check_script(const std::string& path) {
    if (!path.starts_with('/')) {
        return CouldNotRun{CouldNotRunReason::ScriptMissing, "\"" + path + "\" is not an absolute path"};
    }
    if (auto insecure = check_path(path)) return insecure;
    // Symbolic links: the place that they lead to counts as well.
    const std::unique_ptr<char, decltype(&std::free)> resolved{::realpath(path.c_str(), nullptr), &std::free};
    if (!resolved) return CouldNotRun{CouldNotRunReason::ScriptMissing, path + ": " + text_of_error(errno)};
    return path == resolved.get() ? std::nullopt : check_path(resolved.get());
}

/// Above the three standard ones, which the child replaces.
FileDescriptor above_standard(FileDescriptor descriptor) {
    if (descriptor.get() < 0 || descriptor.get() > STDERR_FILENO) return descriptor;
    return FileDescriptor{::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    for (auto& text : strings) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

/// While the child shares our memory, no handler may run in it.
class AllSignalsBlocked {
public:
    AllSignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    AllSignalsBlocked(const AllSignalsBlocked&) = delete;
    AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

}  // namespace

Processes::Processes() = default;

Processes::~Processes() {
    if (stack_ != nullptr) ::munmap(stack_, stack_size);
}

void Processes::gone(const CheckName& check) {
    const auto found = lingering_.find(check);
    if (found != lingering_.end() && --found->second <= 0) lingering_.erase(found);
}

const Processes::User* Processes::find_user(const std::string& name) {
    if (const auto found = users_.find(name); found != users_.end()) return &found->second;
    std::vector<char> buffer(std::size_t{16} * 1024);
    passwd entry{};
    passwd* result = nullptr;
    if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &result) != 0 || result == nullptr) {
        return nullptr;
    }
    User user{.uid = entry.pw_uid, .gid = entry.pw_gid, .groups = std::vector<gid_t>(NGROUPS_MAX)};
    int count = NGROUPS_MAX;
    if (::getgrouplist(name.c_str(), user.gid, user.groups.data(), &count) < 0) return nullptr;
    user.groups.resize(static_cast<std::size_t>(count));
    user.groups.shrink_to_fit();
    return &users_.emplace(name, std::move(user)).first->second;
}

std::expected<Process, CouldNotRun> Processes::start(const CheckName& check, const std::vector<std::string>& argv,
                                                     const std::string& user_name) {
    if (argv.empty()) return std::unexpected{CouldNotRun{CouldNotRunReason::ScriptMissing, "no command"}};
    if (const auto found = lingering_.find(check); found != lingering_.end() && found->second >= max_lingering) {
        return std::unexpected{CouldNotRun{CouldNotRunReason::StillRunning,
                                           std::to_string(found->second) + " processes outlive their kill"}};
    }
    if (auto refused = check_script(argv.front())) return std::unexpected{*refused};

    Plan plan;
    if (!user_name.empty()) {
        const auto* const user = find_user(user_name);
        if (user == nullptr) return std::unexpected{CouldNotRun{CouldNotRunReason::UnknownUser, user_name}};
        plan.switch_user = user->uid != ::geteuid() || user->gid != ::getegid();
        plan.uid = user->uid;
        plan.gid = user->gid;
        plan.groups = user->groups.data();
        plan.group_count = user->groups.size();
    }

    if (dev_null_.get() < 0) dev_null_ = above_standard(FileDescriptor{::open("/dev/null", O_RDWR | O_CLOEXEC)});
    if (dev_null_.get() < 0) return std::unexpected{refusal(errno, "/dev/null")};
    if (stack_ == nullptr) {
        void* const memory =
            ::mmap(nullptr, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (memory == MAP_FAILED) return std::unexpected{refusal(errno, "stack of the child")};
        stack_ = memory;
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected{refusal(errno, "pipe")};
    Process process;
    process.output = FileDescriptor{ends[0]};
    const auto child_output = above_standard(FileDescriptor{ends[1]});
    // Only our end: the script's must block like any pipe.
    if (child_output.get() < 0 || ::fcntl(process.output.get(), F_SETFL, O_NONBLOCK) != 0) {
        return std::unexpected{refusal(errno, "pipe")};
    }

    auto arguments = argv;
    std::vector<std::string> environment{search_path, "ANYVIP_CHECK=" + check.value()};
    const auto argument_pointers = pointers_to(arguments);
    const auto environment_pointers = pointers_to(environment);
    plan.path = argv.front().c_str();
    plan.argv = argument_pointers.data();
    plan.environment = environment_pointers.data();
    plan.input = dev_null_.get();
    plan.output = child_output.get();

    int pidfd = -1;
    int clone_error = 0;
    {
        const AllSignalsBlocked guard;
        process.pid = ::clone(&run_child, static_cast<std::byte*>(stack_) + stack_size,
                              CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &plan, &pidfd);
        clone_error = errno;
    }
    if (process.pid < 0) return std::unexpected{refusal(clone_error, "fork")};
    process.pidfd = FileDescriptor{pidfd};
    if (plan.error != 0) {
        siginfo_t info{};
        ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED);
        return std::unexpected{refusal(plan)};
    }
    return process;
}

}  // namespace anyvip::health::io
