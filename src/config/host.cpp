#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <expected>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>

#include "anyvip/config/load.hpp"

/// load(): the part of this folder that reads the machine.
namespace anyvip::config {

namespace {

namespace fs = std::filesystem;

std::expected<std::string, std::string> read_file(const fs::path& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (error) return std::unexpected{"cannot read it: " + error.message()};
    if (fs::is_directory(status)) return std::unexpected{"cannot read it: it is a directory"};
    std::ifstream file{path, std::ios::binary};
    if (!file) return std::unexpected{std::string{"cannot read it: permission denied or not a file"}};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    if (file.bad()) return std::unexpected{std::string{"cannot read it to its end"}};
    return text;
}

/// What a kernel holds of a key (TCP_MD5SIG_MAXKEYLEN, TCP_AO_MAXKEYLEN).
constexpr std::size_t longest_password = 80;

std::expected<std::string, std::string> read_password(const fs::path& path) {
    const std::string subject = "password file " + path.string() + ": ";
    std::error_code error;
    const fs::perms permissions = fs::status(path, error).permissions();
    if (!error && (permissions & fs::perms::others_read) != fs::perms::none) {
        return std::unexpected{subject + "everybody can read it (chmod o= helps)"};
    }
    auto text = read_file(path);
    if (!text) return std::unexpected{subject + text.error()};
    while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
    if (text->empty()) return std::unexpected{subject + "it is empty"};
    if (text->size() > longest_password) return std::unexpected{subject + "a key has at most 80 octets"};
    return text;
}

/// What the kernel would take: connecting a datagram socket chooses a route and sends nothing.
std::optional<net::Ipv4Address> source_towards(const net::IpAddress& peer) {
    if (!peer.is_v4()) return std::nullopt;
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return std::nullopt;
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(179);
    name.sin_addr.s_addr = htonl(peer.v4().value());
    socklen_t length = sizeof name;
    // The sockets API takes every address family through a pointer to its common header.
    // NOLINTNEXTLINE(*-reinterpret-cast): the socket API takes addresses of every family this way.
    auto* generic = reinterpret_cast<sockaddr*>(&name);
    const bool known = ::connect(socket, generic, length) == 0 && ::getsockname(socket, generic, &length) == 0;
    ::close(socket);
    const net::Ipv4Address address{ntohl(name.sin_addr.s_addr)};
    if (!known || address.is_unspecified()) return std::nullopt;
    return address;
}

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    return name.data();
}

}  // namespace

std::expected<Config, std::vector<Error>> load(const fs::path& path) {
    const auto text = read_file(path);
    if (!text) return std::unexpected{std::vector{Error{path.string(), 0, 0, text.error(), {}}}};
    const Host host{
        .name = host_name(),
        .source_towards = source_towards,
        .read_password = [&](const std::string& file) { return read_password(path.parent_path() / file); },
    };
    return parse(*text, path.string(), host);
}

}  // namespace anyvip::config
