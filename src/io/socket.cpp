#include "io/socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <boost/asio/error.hpp>

namespace anyvip::io {
namespace {

constexpr std::size_t drain_at_most = 10000;  // A flood must not keep a loop from its timers.

net::IpAddress from_in_addr(const in_addr& address) {
    return net::Ipv4Address{ntohl(address.s_addr)};
}

net::IpAddress from_in6_addr(const in6_addr& address) {
    net::Ipv6Address::Bytes bytes{};
    std::memcpy(bytes.data(), &address, bytes.size());
    return net::Ipv6Address{bytes};
}

template <class T>
T control_data(cmsghdr* header) {
    T value{};
    std::memcpy(&value, CMSG_DATA(header), sizeof value);
    return value;
}

/// Destination, interface and TTL, from where the kernel puts them for each family.
void read_control(msghdr& message, Packet& packet) {
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        const auto is = [&](int level, int type) { return header->cmsg_level == level && header->cmsg_type == type; };
        if (is(IPPROTO_IP, IP_TTL)) packet.ttl = static_cast<std::uint8_t>(control_data<int>(header));
        if (is(IPPROTO_IPV6, IPV6_HOPLIMIT)) packet.ttl = static_cast<std::uint8_t>(control_data<int>(header));
        if (is(IPPROTO_IP, IP_PKTINFO)) {
            const auto info = control_data<in_pktinfo>(header);
            packet.destination = from_in_addr(info.ipi_addr);
            packet.interface = net::InterfaceIndex{static_cast<std::uint32_t>(info.ipi_ifindex)};
        }
        if (is(IPPROTO_IPV6, IPV6_PKTINFO)) {
            const auto info = control_data<in6_pktinfo>(header);
            packet.destination = from_in6_addr(info.ipi6_addr);
            packet.interface = net::InterfaceIndex{info.ipi6_ifindex};
        }
    }
}

}  // namespace

std::string describe(const SocketError& error) {
    return std::string{error.step} + ": " + std::generic_category().message(error.code);
}

std::unexpected<SocketError> failed(std::string_view step) {
    return failed(step, errno);
}
std::unexpected<SocketError> failed(std::string_view step, int code) {
    return std::unexpected{SocketError{step, code}};
}

std::expected<void, SocketError> set_options(int socket, std::span<const SocketOption> options) {
    for (const auto& option : options) {
        if (::setsockopt(socket, option.level, option.name, &option.value, sizeof option.value) != 0) {
            return failed(option.step);
        }
    }
    return {};
}

// The socket calls take every family's address as a sockaddr; a sockaddr_storage may be read as one.
const sockaddr* SocketAddress::get() const {
    return reinterpret_cast<const sockaddr*>(&storage);  // NOLINT(*-reinterpret-cast): as above.
}
sockaddr* SocketAddress::get() {
    return reinterpret_cast<sockaddr*>(&storage);  // NOLINT(*-reinterpret-cast): as above.
}

SocketAddress to_socket_address(const net::Endpoint& endpoint, net::InterfaceIndex scope) {
    SocketAddress result;
    if (endpoint.address.is_v4()) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(endpoint.port);
        const auto bytes = endpoint.address.v4().bytes();
        std::memcpy(&in.sin_addr, bytes.data(), bytes.size());
        std::memcpy(&result.storage, &in, sizeof in);
        result.size = sizeof in;
    } else {
        sockaddr_in6 in{};
        in.sin6_family = AF_INET6;
        in.sin6_port = htons(endpoint.port);
        in.sin6_scope_id = scope.value();
        const auto& bytes = endpoint.address.v6().bytes();
        std::memcpy(&in.sin6_addr, bytes.data(), bytes.size());
        std::memcpy(&result.storage, &in, sizeof in);
        result.size = sizeof in;
    }
    return result;
}

net::Endpoint from_socket_address(const sockaddr_storage& storage) {
    if (storage.ss_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, &storage, sizeof in);
        return {from_in6_addr(in.sin6_addr), ntohs(in.sin6_port)};
    }
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof in);
    return {from_in_addr(in.sin_addr), ntohs(in.sin_port)};
}

PacketReader::PacketReader(const boost::asio::any_io_executor& executor, std::size_t longest_packet, Sink sink)
    : socket_{executor}, sink_{std::move(sink)}, buffer_(longest_packet) {}

PacketReader::~PacketReader() {
    release();
}

std::expected<void, SocketError> PacketReader::watch(int socket) {
    release();
    boost::system::error_code error;
    socket_.assign(socket, error);
    if (error) return failed("epoll_ctl", error.value());
    epoch_ = std::make_shared<const int>(0);
    wait();
    return {};
}

void PacketReader::release() {
    epoch_.reset();
    if (socket_.is_open()) (void)socket_.release();
}

void PacketReader::drain() {
    // The sink may release the socket: then this epoch is over.
    const std::weak_ptr<const int> epoch = epoch_;
    for (std::size_t i = 0; i < drain_at_most && !epoch.expired(); ++i) {
        if (!receive_one()) return;
    }
}

void PacketReader::wait() {
    socket_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [this, epoch = std::weak_ptr<const int>{epoch_}](const boost::system::error_code& error) {
                           if (epoch.expired() || error == boost::asio::error::operation_aborted) return;
                           drain();
                           if (!epoch.expired()) wait();
                       });
}

bool PacketReader::receive_one() {
    sockaddr_storage from{};
    alignas(cmsghdr) std::array<std::uint8_t, 256> control{};
    iovec data{buffer_.data(), buffer_.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto octets = ::recvmsg(socket_.native_handle(), &message, 0);
    if (octets < 0) {
        const int code = errno;
        if (code == EAGAIN || code == EINTR) return false;
        sink_(failed("recvmsg", code));
        return false;
    }
    Packet packet;
    packet.source = from_socket_address(from);
    read_control(message, packet);
    const auto bytes = std::span<const std::uint8_t>{buffer_}.first(static_cast<std::size_t>(octets));
    packet.bytes.assign(bytes.begin(), bytes.end());
    sink_(std::move(packet));
    return true;
}

}  // namespace anyvip::io
