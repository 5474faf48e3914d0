#include "kernel/io/owned_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "io/netlink.hpp"

namespace anyvip::kernel::io {
namespace {

using anyvip::io::kernel_error;

constexpr std::string_view header = "# anyvip: what this daemon put into the kernel\n";

/// The next word of `rest`, which loses it and the blanks before it.
std::string_view take_word(std::string_view& rest) {
    constexpr std::string_view blanks = " \t\r";
    rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
    const auto word = rest.substr(0, rest.find_first_of(blanks));
    rest.remove_prefix(word.size());
    return word;
}

std::optional<ipvs::Protocol> parse_protocol(std::string_view word) {
    for (const auto protocol : {ipvs::Protocol::Tcp, ipvs::Protocol::Udp, ipvs::Protocol::Sctp}) {
        if (word == ipvs::describe(protocol)) return protocol;
    }
    return std::nullopt;
}

/// "10.0.0.1:80", "[2001:db8::1]:80": what Endpoint::to_string writes.
std::optional<net::Endpoint> parse_endpoint(std::string_view word) {
    const auto colon = word.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto host = word.substr(0, colon);
    const auto digits = word.substr(colon + 1);
    const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() >= 2;
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = net::IpAddress::parse(host);
    if (!address || address->is_v6() != bracketed) return std::nullopt;
    net::Endpoint endpoint{.address = *address};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return endpoint;
}

/// Adds the object of a line to `ownership`; else says why it cannot.
std::optional<std::string> decode_line(std::string_view rest, Ownership& ownership) {
    const auto kind = take_word(rest);
    const auto first = take_word(rest);
    const auto second = take_word(rest);
    if (second.empty() || !take_word(rest).empty()) return "not three words";
    if (kind == "address") {
        constexpr std::size_t longest_name = 15;
        const auto prefix = net::Prefix::parse(second);
        if (first.size() > longest_name) return "no interface name";
        if (!prefix) return "no address";
        ownership.addresses.insert({net::InterfaceName{std::string{first}}, *prefix});
        return std::nullopt;
    }
    if (kind == "virtual-server") {
        const auto protocol = parse_protocol(first);
        const auto endpoint = parse_endpoint(second);
        if (!protocol) return "no protocol";
        if (!endpoint) return "no address and port";
        ownership.virtual_servers.insert({*protocol, *endpoint});
        return std::nullopt;
    }
    return "no known kind of object";
}

class FileDescriptor {
public:
    explicit FileDescriptor(int fd) : fd_{fd} {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() { (void)close(); }

    [[nodiscard]] int get() const { return fd_; }
    /// False when the kernel reports here what it had not written before.
    [[nodiscard]] bool close() {
        const int fd = std::exchange(fd_, -1);
        return fd < 0 || ::close(fd) == 0;
    }

private:
    int fd_;
};

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace

std::string describe(const BadLine& line) {
    return "line " + std::to_string(line.number) + ": " + line.why + ": \"" + line.text + "\"";
}

OwnedFileContents decode_owned(std::string_view text) {
    OwnedFileContents contents;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        auto rest = line;
        const auto word = take_word(rest);
        if (word.empty() || word.starts_with('#')) continue;
        if (auto why = decode_line(line, contents.ownership)) {
            contents.bad_lines.push_back({number, std::string{line}, std::move(*why)});
        }
    }
    return contents;
}

std::string encode_owned(const OwnedFileContents& contents) {
    std::string text{header};
    for (const auto& key : contents.ownership.addresses) {
        text += "address " + key.interface.value() + ' ' + key.prefix.to_string() + '\n';
    }
    for (const auto& id : contents.ownership.virtual_servers) {
        text += "virtual-server " + ipvs::describe(id.protocol) + ' ' + id.address.to_string() + '\n';
    }
    for (const auto& line : contents.bad_lines) text += line.text + '\n';
    return text;
}

std::expected<OwnedFileContents, Error> OwnedFile::load() {
    const std::string what = "read " + path_.string();
    const FileDescriptor file{::open(path_.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.get() < 0) {
        if (errno != ENOENT) return std::unexpected{kernel_error(errno, what)};
        on_disk_.clear();
        bad_lines_.clear();
        return OwnedFileContents{};
    }
    std::string text;
    std::array<char, 4096> buffer{};
    while (true) {
        const auto got = ::read(file.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected{kernel_error(errno, what)};
        if (got == 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    auto contents = decode_owned(text);
    bad_lines_ = contents.bad_lines;
    on_disk_ = std::move(text);
    return contents;
}

std::expected<void, Error> OwnedFile::store(const Ownership& ownership) {
    std::string text = encode_owned({ownership, bad_lines_});
    if (text == on_disk_) return {};
    // Between a rename and the sync of its directory either list may survive a crash: believe neither.
    on_disk_.clear();
    if (auto written = write(text); !written) return written;
    on_disk_ = std::move(text);
    return {};
}

std::expected<void, Error> OwnedFile::write(const std::string& text) const {
    const std::filesystem::path temporary = path_.string() + ".new";
    const auto failed = [&](const std::string& step) {
        const int code = errno;
        ::unlink(temporary.c_str());
        return std::unexpected{kernel_error(code, step + ' ' + temporary.string())};
    };
    constexpr mode_t owner_writes = 0644;
    FileDescriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, owner_writes)};
    if (file.get() < 0) return std::unexpected{kernel_error(errno, "create " + temporary.string())};
    if (!write_all(file.get(), text)) return failed("write");
    if (::fsync(file.get()) != 0) return failed("sync");
    if (!file.close()) return failed("close");
    if (::rename(temporary.c_str(), path_.c_str()) != 0) return failed("rename");

    const auto directory = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path{"."};
    const FileDescriptor folder{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (folder.get() < 0 || ::fsync(folder.get()) != 0) {
        return std::unexpected{kernel_error(errno, "sync " + directory.string())};
    }
    return {};
}

}  // namespace anyvip::kernel::io
