#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anyvip/config/config.hpp"

/// From a file to a Config, and back. Nothing in a file is ignored: an unknown key, a wrong type, a name that
/// leads nowhere is an error with its place, and all errors of a file come at once, in the file's order.
namespace anyvip::config {

struct Error {
    std::string file;
    std::uint32_t line = 0;    ///< from 1; 0: the file as a whole
    std::uint32_t column = 0;  ///< from 1, in code points
    std::string message;
    std::string suggestion;  ///< a word of the schema or of the file; empty: none
    friend bool operator==(const Error&, const Error&) = default;
};

/// "FILE:LINE:COLUMN: error: MESSAGE", and "; did you mean "x"?" where there is a suggestion.
[[nodiscard]] std::string describe(const Error& error);

/// What a text cannot say. Everything that reads the machine is behind it, so that parse() is pure without.
struct Host {
    std::string name{};  ///< default of node.name
    /// Our IPv4 address towards a peer: default of router_id.
    std::function<std::optional<net::Ipv4Address>(const net::IpAddress& peer)> source_towards{};
    /// The text of a password file, or why it cannot be used. Unset: passwords stay empty.
    std::function<std::expected<std::string, std::string>(const std::string& path)> read_password{};
};

[[nodiscard]] std::expected<Config, std::vector<Error>> parse(std::string_view text, const std::string& filename,
                                                              const Host& host = {});

/// Reads the file, its password files (relative to its folder) and what the host says. Blocks: for the worker,
/// or before the loops start.
[[nodiscard]] std::expected<Config, std::vector<Error>> load(const std::filesystem::path& path);

/// A derived router_id follows the host's routes; a running daemon keeps the one it has, for a change
/// would reset every session. Call it between load() and diff().
void keep_derived(Config& next, const Config& running);

/// What is allowed and yet probably not meant, one sentence each.
[[nodiscard]] std::vector<std::string> warnings(const Config& config);
/// Those about the route of one VIP, which they do not name, but for its peers.
[[nodiscard]] std::vector<std::string> warnings(const Bgp& bgp, const Vip& vip);
/// Why a standby that announces would not hear of others from this peer; nullopt: it would, or it is no standby.
/// `add_path`: the peer tells several paths, as is configured or, better, as the session has agreed on.
[[nodiscard]] std::optional<std::string> deaf_standby(const Bgp& bgp, const Vip& vip, const Peer& peer, bool add_path);

/// The effective configuration as TOML: every default and derived value written out, of secrets the file
/// names. parse(format(c)) == c, but for the passwords themselves.
[[nodiscard]] std::string format(const Config& config);

}  // namespace anyvip::config
