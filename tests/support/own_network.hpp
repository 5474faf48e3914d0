#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

/// A network namespace of the test's own, with nothing in it but a loopback that is up. Needs root.
namespace anyvip::testing {

/// The thread is in it from construction to destruction, and so are the sockets that it makes meanwhile.
class OwnNetwork {
public:
    OwnNetwork() : before_{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)} {
        usable_ = before_ >= 0 && ::unshare(CLONE_NEWNET) == 0 && shell("ip link set lo up");
    }
    OwnNetwork(const OwnNetwork&) = delete;
    OwnNetwork& operator=(const OwnNetwork&) = delete;
    ~OwnNetwork() {
        if (before_ < 0) return;
        (void)::setns(before_, CLONE_NEWNET);
        ::close(before_);
    }

    /// False without root, or where a command failed: assert it first.
    [[nodiscard]] bool usable() const { return usable_; }
    [[nodiscard]] bool shell(const std::string& command) const { return std::system(command.c_str()) == 0; }

private:
    int before_ = -1;
    bool usable_ = false;
};

}  // namespace anyvip::testing
