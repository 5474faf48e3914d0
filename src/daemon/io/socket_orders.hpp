#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <variant>

#include "anyvip/names.hpp"
#include "anyvip/strong.hpp"
#include "daemon/heartbeat.hpp"
#include "vrrp/io/raw_socket.hpp"

/// To open or close a socket of VRRP may mean to wait for the kernel's RTNL lock, which somebody else can hold, and the
/// heartbeat may wait for nothing. So it orders both from the kernel loop, whose other work waits for that lock too.
/// Between shells: a descriptor is nothing that a composite could compare or print.
namespace anyvip::daemon::io {

using SocketOrderNumber = Strong<std::uint64_t, struct SocketOrderNumberTag>;

struct OpenSocketOrder {
    SocketOrderNumber number;
    OpenSocket wanted;
};
struct CloseSocketOrder {
    vrrp::io::Descriptors descriptors;
};
using SocketOrder = std::variant<OpenSocketOrder, CloseSocketOrder>;

/// Of an OpenSocketOrder alone.
struct SocketAnswer {
    SocketOrderNumber number;
    RouterName router;
    std::expected<vrrp::io::Descriptors, vrrp::io::Error> opened;
};

/// On the kernel loop: may wait.
[[nodiscard]] std::optional<SocketAnswer> carry_out(SocketOrder order);

}  // namespace anyvip::daemon::io
