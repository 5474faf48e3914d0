#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

/// Tables for people, made of the JSON that the daemon answers with (control/json.hpp). Pure: text in, text out.
/// What the JSON lacks is shown as "-", so that a command line and a daemon of different age get along.
namespace anyvip::cli {

struct Style {
    std::size_t width = 80;  ///< columns
    bool colour = false;
};

enum class Tone : unsigned char { Plain, Good, Bad, Doubtful };

struct Cell {
    std::string text;
    Tone tone = Tone::Plain;
};

/// Without C0, DEL, and C1 (U+0080..U+009F), which some terminals obey as well: "?" in the place of each.
[[nodiscard]] std::string printable(std::string_view text);
[[nodiscard]] std::string coloured(const std::string& text, Tone tone, const Style& style);

/// Columns as wide as what is in them, two spaces apart. If a line would be longer than the style's width, the
/// last column goes on in the next line, below itself. Control characters are shown as "?": what a check's target
/// said must not drive a terminal.
class Table {
public:
    explicit Table(std::vector<std::string> headers) : headers_{std::move(headers)} {}

    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    /// Lines, each with its newline. Without rows nothing.
    [[nodiscard]] std::string render(const Style& style) const;

private:
    std::vector<std::string> headers_;
    std::vector<std::vector<Cell>> rows_;
};

// Each takes the whole status object.
[[nodiscard]] std::string vip_table(const boost::json::object& status, const Style& style);
[[nodiscard]] std::string bfd_table(const boost::json::object& status, const Style& style);
[[nodiscard]] std::string peer_table(const boost::json::object& status, const Style& style);
/// One peer in full, a line each; empty: there is no such peer.
[[nodiscard]] std::string peer_details(const boost::json::object& status, std::string_view name, const Style& style);
[[nodiscard]] std::string range_table(const boost::json::object& status, const Style& style);
[[nodiscard]] std::string router_table(const boost::json::object& status, const Style& style);
[[nodiscard]] std::string server_table(const boost::json::object& status, const Style& style);
[[nodiscard]] std::string check_table(const boost::json::object& status, const Style& style);

// Of the answer to a request for routes.
[[nodiscard]] std::string announcement_table(const boost::json::object& routes, const Style& style);
[[nodiscard]] std::string received_table(const boost::json::object& routes, const Style& style);

/// The node in one line, then every table that has rows.
[[nodiscard]] std::string overview(const boost::json::object& status, const Style& style);

/// Every VIP is eligible and no kernel refuses one: what `anyvip status --exit-code` asks.
[[nodiscard]] bool is_healthy(const boost::json::object& status);

}  // namespace anyvip::cli
