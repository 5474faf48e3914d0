#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace anyvip::testing {

/// A new network namespace, which the thread that makes it is in from then on. It lives as long as the object, and as
/// what was opened in it. Needs root.
class NetworkNamespace {
public:
    NetworkNamespace() {
        if (::unshare(CLONE_NEWNET) != 0) return;
        descriptor_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    }
    NetworkNamespace(const NetworkNamespace&) = delete;
    NetworkNamespace& operator=(const NetworkNamespace&) = delete;
    ~NetworkNamespace() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    [[nodiscard]] bool exists() const { return descriptor_ >= 0; }
    void enter() const { ASSERT_EQ(::setns(descriptor_, CLONE_NEWNET), 0); }
    void run(const std::string& command) const {
        enter();
        ASSERT_EQ(std::system(command.c_str()), 0) << command;
    }
    [[nodiscard]] std::string output(const std::string& command) const {
        enter();
        std::string text;
        FILE* pipe = ::popen(command.c_str(), "r");
        if (pipe == nullptr) return text;
        for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
        ::pclose(pipe);
        return text;
    }
    /// For `ip ... netns PATH`.
    [[nodiscard]] std::string path() const {
        return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(descriptor_);
    }

private:
    int descriptor_ = -1;
};

}  // namespace anyvip::testing
