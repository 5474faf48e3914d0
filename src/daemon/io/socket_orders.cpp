#include "daemon/io/socket_orders.hpp"

#include <optional>
#include <variant>

#include "anyvip/overloaded.hpp"

namespace anyvip::daemon::io {

std::optional<SocketAnswer> carry_out(SocketOrder order) {
    return std::visit(overloaded{
                          [](const OpenSocketOrder& open) -> std::optional<SocketAnswer> {
                              const auto& wanted = open.wanted;
                              const auto transport =
                                  wanted.multicast ? vrrp::io::Transport::Multicast : vrrp::io::Transport::Unicast;
                              return SocketAnswer{open.number, wanted.router,
                                                  vrrp::io::open(wanted.interface, wanted.family, transport)};
                          },
                          // The order ends here, and its descriptors with it.
                          [](const CloseSocketOrder&) -> std::optional<SocketAnswer> { return std::nullopt; },
                      },
                      order);
}

}  // namespace anyvip::daemon::io
