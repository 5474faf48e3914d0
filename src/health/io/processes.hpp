#pragma once

#include <sys/types.h>

#include <cstddef>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "anyvip/health/outcome.hpp"
#include "anyvip/names.hpp"
#include "io/file_descriptor.hpp"

namespace anyvip::health::io {

/// A running child, the leader of its own process group.
struct Process {
    pid_t pid = -1;
    anyvip::io::FileDescriptor pidfd;
    anyvip::io::FileDescriptor output;  ///< stdout and stderr, non-blocking
};

/// Starts the children of exec probes: argv without a shell, a clean environment, no capability and no way to gain
/// one, no descriptor of ours, /dev/null as stdin, default signals.
class Processes {
public:
    Processes();
    ~Processes();
    Processes(const Processes&) = delete;
    Processes& operator=(const Processes&) = delete;

    [[nodiscard]] std::expected<Process, CouldNotRun> start(const CheckName& check,
                                                            const std::vector<std::string>& argv,
                                                            const std::string& user);

    /// Killed, but not gone yet: a process in an uninterruptible call outlives SIGKILL.
    void lingers(const CheckName& check) { ++lingering_[check]; }
    void gone(const CheckName& check);

private:
    struct User {
        uid_t uid = 0;
        gid_t gid = 0;
        std::vector<gid_t> groups;
    };

    /// Looked up once per name: a user database may be a slow network service.
    [[nodiscard]] const User* find_user(const std::string& name);

    void* stack_ = nullptr;
    anyvip::io::FileDescriptor dev_null_;
    std::map<std::string, User> users_;
    std::map<CheckName, int> lingering_;
};

}  // namespace anyvip::health::io
