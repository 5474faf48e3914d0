#include "io/capabilities.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace anyvip::io {
namespace {

struct Held {
    std::uint32_t permitted = 0;
    std::uint32_t effective = 0;
};

/// Those below 32; both words of version 3.
void hold(Held held) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    const std::array<__user_cap_data_struct, 2> data{
        {{.effective = held.effective, .permitted = held.permitted, .inheritable = 0}, {}}};
    if (::syscall(SYS_capset, &header, data.data()) != 0) ::_exit(99);
}

std::uint32_t effective() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> data{};
    if (::syscall(SYS_capget, &header, data.data()) != 0) ::_exit(99);
    return data[0].effective;
}

constexpr std::uint32_t bit(int capability) {
    return 1U << static_cast<unsigned>(capability);
}

/// Runs in a child, since what a thread has given up it does not get back. True if the child found it true.
template <class Body>
bool in_a_child(Body body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body() ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

const std::vector<Capability> two{{CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_NET_RAW, "CAP_NET_RAW"}};

TEST(RaiseCapabilities, MakesEffectiveWhatIsPermittedAndNamesTheRest) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has capabilities to give up";
    EXPECT_TRUE(in_a_child([] {
        hold({.permitted = bit(CAP_NET_ADMIN) | bit(CAP_KILL), .effective = 0});
        return raise_capabilities(two) == std::vector<std::string>{"CAP_NET_RAW"} && effective() == bit(CAP_NET_ADMIN);
    }));
}

TEST(RaiseCapabilities, LeavesEffectiveWhatNobodyAskedAbout) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has capabilities to give up";
    EXPECT_TRUE(in_a_child([] {
        const auto all = bit(CAP_NET_ADMIN) | bit(CAP_NET_RAW) | bit(CAP_KILL);
        hold({.permitted = all, .effective = bit(CAP_KILL)});
        return raise_capabilities(two).empty() && effective() == all;
    }));
}

TEST(RaiseCapabilities, OfAProcessWithoutAnyAllAreMissing) {
    EXPECT_TRUE(in_a_child([] {
        hold({});
        return raise_capabilities(two) == std::vector<std::string>{"CAP_NET_ADMIN", "CAP_NET_RAW"} && effective() == 0;
    }));
}

}  // namespace
}  // namespace anyvip::io
