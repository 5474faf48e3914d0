#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "anyvip/describe.hpp"
#include "anyvip/time.hpp"
#include "daemon/transcript.hpp"

/// A transcript of `anyvipd --record` told again: the events as they stand there, with the answers of the composite
/// as it is now. Equal to the recording unless its behaviour has changed.
namespace anyvip::testing {

class Recording {
public:
    explicit Recording(std::string_view text) {
        while (!text.empty()) {
            const auto end = std::min(text.find('\n'), text.size());
            lines_.emplace_back(text.substr(0, end));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
    }

    /// Of the first line: "# anyvip VERSION LOOP seed=NUMBER start=NUMBERus". Throw where it is another.
    [[nodiscard]] std::string loop() const { return header()[3]; }
    [[nodiscard]] std::uint64_t seed() const { return std::stoull(header()[4].substr(std::string{"seed="}.size())); }
    /// The clock's, since some texts tell its time.
    [[nodiscard]] TimePoint start() const {
        return TimePoint{std::chrono::microseconds{std::stoll(header()[5].substr(std::string{"start="}.size()))}};
    }

    /// Throws where an event cannot be read, or entries were lost and the composite would not have known of them.
    template <class Composite>
    [[nodiscard]] std::string replay(Composite composite) const {
        const auto start = this->start();
        std::string text;
        for (std::size_t i = 0; i < lines_.size();) {
            const auto& line = lines_[i];
            if (line.starts_with('#') && line.ends_with("entries lost")) throw std::runtime_error{line};
            if (line.starts_with('#')) {
                text += line + '\n';
                ++i;
                continue;
            }
            const auto mark = line.find(" > ");
            if (!line.starts_with('@') || mark == std::string::npos) throw std::runtime_error{"no event: " + line};
            const auto now = start + seconds_of(line.substr(1, mark - 1));
            std::vector<std::string> event{line.substr(mark + 3)};
            std::vector<std::string> details;
            text += line + '\n';
            for (++i; i < lines_.size() && !lines_[i].starts_with("< ") && !lines_[i].starts_with('@'); ++i) {
                text += lines_[i] + '\n';
                if (lines_[i].starts_with("| ")) details.push_back(lines_[i].substr(2));
            }
            while (i < lines_.size() && !lines_[i].starts_with('@') && !lines_[i].starts_with('#')) ++i;  // Answers.

            const auto read = daemon::read_event<typename Composite::Event>(details.empty() ? event : details, start);
            if (!read) throw std::runtime_error{read.error()};
            for (const auto& action : composite.handle(*read, now)) {
                text += daemon::transcript_lines("< ", anyvip::describe(action), daemon::details(action, start));
            }
        }
        return text;
    }

private:
    [[nodiscard]] std::vector<std::string> header() const {
        std::istringstream words{lines_.empty() ? std::string{} : lines_.front()};
        std::vector<std::string> header{std::istream_iterator<std::string>{words}, {}};
        if (header.size() != 6 || header[0] != "#" || !header[4].starts_with("seed=") ||
            !header[5].starts_with("start=")) {
            throw std::runtime_error{"not a recording of anyvipd"};
        }
        return header;
    }

    [[nodiscard]] static Duration seconds_of(const std::string& text) {
        const auto point = text.find('.');
        if (point == std::string::npos) throw std::runtime_error{"no time: " + text};
        auto digits = text.substr(point + 1);
        digits.resize(9, '0');
        return std::chrono::seconds{std::stoll(text.substr(0, point))} + Duration{std::stoll(digits)};
    }

    std::vector<std::string> lines_;
};

}  // namespace anyvip::testing
