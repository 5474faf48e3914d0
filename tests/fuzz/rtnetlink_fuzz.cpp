#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include "kernel/io/rtnetlink.hpp"

/// One rtnetlink message of any contents: a value or nothing. As in a datagram, the header's length has been
/// checked against the octets that are there.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace anyvip;
    if (size < sizeof(nlmsghdr)) return 0;
    std::vector<std::uint8_t> octets{data, data + size};
    const auto length = static_cast<std::uint32_t>(size);
    std::memcpy(octets.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof(length));
    void* first = octets.data();
    auto& message = *std::launder(static_cast<nlmsghdr*>(first));
    const kernel::io::InterfaceNames names{{net::InterfaceIndex{1}, net::InterfaceName{"lo"}}};
    (void)kernel::io::decode_link(message);
    (void)kernel::io::decode_address(message, names);
    return 0;
}
