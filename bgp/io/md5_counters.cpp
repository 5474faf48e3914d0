#include "bgp/io/md5_counters.hpp"

#include <charconv>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <map>
#include <system_error>
#include <vector>

namespace anyvip::bgp::io {
namespace {

std::string_view take_until(std::string_view& text, char end) {
    const auto length = text.find(end);
    const auto taken = text.substr(0, length);
    text.remove_prefix(length == std::string_view::npos ? text.size() : length + 1);
    return taken;
}

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    while (!line.empty()) {
        if (const auto word = take_until(line, ' '); !word.empty()) words.push_back(word);
    }
    return words;
}

std::optional<std::uint64_t> number(const std::map<std::string_view, std::string_view>& values, std::string_view name) {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
    if (error != std::errc{}) return std::nullopt;
    return value;
}

std::string segments(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " segment" : " segments");
}

}  // namespace

std::optional<Md5Counters> parse_md5_counters(std::string_view netstat) {
    std::map<std::string_view, std::string_view> values;
    while (!netstat.empty()) {
        const auto names = words_of(take_until(netstat, '\n'));
        if (names.empty() || names[0] != "TcpExt:") continue;
        const auto counts = words_of(take_until(netstat, '\n'));
        for (std::size_t i = 1; i < names.size() && i < counts.size(); ++i) values.emplace(names[i], counts[i]);
    }
    const auto not_found = number(values, "TCPMD5NotFound");
    const auto unexpected = number(values, "TCPMD5Unexpected");
    const auto failure = number(values, "TCPMD5Failure");
    if (!not_found || !unexpected || !failure) return std::nullopt;
    return Md5Counters{*not_found, *unexpected, *failure};
}

std::optional<Md5Counters> read_md5_counters() {
    std::ifstream file{"/proc/self/net/netstat"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    return parse_md5_counters(text);
}

std::string explain(const Md5Counters& before, const Md5Counters& now, bool has_key) {
    if (has_key && now.failure > before.failure) {
        return "TCP-MD5: another key? The kernel dropped " + segments(now.failure - before.failure) +
               " with a wrong signature (TCPMD5Failure)";
    }
    if (has_key && now.not_found > before.not_found) {
        return "TCP-MD5: does the peer have a key? The kernel dropped " + segments(now.not_found - before.not_found) +
               " without a signature (TCPMD5NotFound)";
    }
    if (!has_key && now.unexpected > before.unexpected) {
        return "TCP-MD5: does the peer expect a key? The kernel dropped " +
               segments(now.unexpected - before.unexpected) + " with a signature (TCPMD5Unexpected)";
    }
    return {};
}

}  // namespace anyvip::bgp::io
