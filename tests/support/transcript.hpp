#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "anyvip/time.hpp"

/// What a core was told and what it answered, one line each: tests/transcripts/CORE/CASE.txt.
///
///     @12.000 > TimerExpired
///     < OpenConnection attempt 2
///
/// The test compares; with ANYVIP_RECORD set it rewrites the file, and the difference is reviewed like code. What a
/// daemon recorded, with every octet, is in tests/transcripts/daemon, and replay.hpp tells it again.
namespace anyvip::testing {

class Transcript {
public:
    explicit Transcript(TimePoint start) : start_{start} {}

    void event(TimePoint now, const std::string& text) {
        const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now - start_).count();
        char at[32];
        std::snprintf(at, sizeof at, "@%lld.%03lld > ", static_cast<long long>(milliseconds / 1000),
                      static_cast<long long>(milliseconds % 1000));
        text_ += at + text + '\n';
    }
    void action(const std::string& text) { text_ += "< " + text + '\n'; }

    [[nodiscard]] const std::string& text() const { return text_; }

    /// What the file `name`, a path under tests/transcripts, says it should be. Recording makes it what it is.
    [[nodiscard]] std::string expected(const std::string& name) const {
        const auto path = std::filesystem::path{ANYVIP_SOURCE_DIR} / "tests/transcripts" / name;
        if (std::getenv("ANYVIP_RECORD") != nullptr) std::ofstream{path} << text_;
        std::ifstream file{path};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

private:
    TimePoint start_;
    std::string text_;
};

}  // namespace anyvip::testing
