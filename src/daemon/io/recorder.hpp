#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "anyvip/time.hpp"
#include "daemon/transcript.hpp"

/// `anyvipd --record DIR`: what each loop was told and answered, in DIR/LOOP.txt (daemon/transcript.hpp).
///
/// A loop makes the text and leaves it in a ring; a thread of the recorder's own writes it. The disk can be slow,
/// full or gone: the ring then drops and counts, and the file says "# 12 entries lost" where they are missing. Trouble
/// is said once in the log, and recording goes on when it is over.
///
/// A file that has grown to its limit goes to LOOP.old.txt, as does one of a former run: the disk holds two of each
/// loop. A session can be replayed from its first event alone, so the old file is worth keeping while it has that.
namespace anyvip::daemon::io {

class Recorder {
public:
    static constexpr std::uint64_t default_limit = 64ULL * 1024 * 1024;

    /// An empty directory: nothing is recorded and nothing runs. It is made if it is not there. `seed` is that of the
    /// composites' Random, which who replays needs.
    Recorder(std::filesystem::path directory, std::uint64_t seed, std::uint64_t limit = default_limit);
    /// As stop().
    ~Recorder();
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    /// For Loop::witness(); empty when nothing is recorded.
    template <class Composite>
    [[nodiscard]] std::function<void(const typename Composite::Event&, const typename Composite::Actions&, TimePoint)>
    witness(const std::string& loop) {
        auto add = open(loop);
        if (!add) return nullptr;
        return [add = std::move(add), start = start_](const auto& event, const auto& actions, TimePoint now) {
            add(transcript_entry(event, actions, now, start));
        };
    }

    /// Writes what is in the rings and ends the thread; waits no longer than a second for a disk that hangs. Call it
    /// after the loops have ended and before the log does.
    void stop();

private:
    class Files;  ///< shared with the thread, which outlives us if its disk hangs

    [[nodiscard]] std::function<void(const std::string& entry)> open(const std::string& loop);

    TimePoint start_;
    std::shared_ptr<Files> files_;
};

}  // namespace anyvip::daemon::io
