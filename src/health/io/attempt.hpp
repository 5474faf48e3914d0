#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "anyvip/health/outcome.hpp"

namespace anyvip::health::io {

/// One running probe. Handlers keep it alive by shared_from_this(), so that it may be abandoned, or report,
/// while the kernel still owes it a completion.
class Attempt : public std::enable_shared_from_this<Attempt> {
public:
    using Report = std::move_only_function<void(Outcome)>;

    explicit Attempt(Report report) : report_{std::move(report)} {}
    virtual ~Attempt() = default;
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    /// Never reports from inside: an outcome that is known at once is posted.
    virtual void start() = 0;

    void abandon() {
        report_ = nullptr;
        stop();
    }

protected:
    /// Only the first call counts, and none after abandon().
    void report(Outcome outcome) {
        if (auto once = std::exchange(report_, nullptr)) once(std::move(outcome));
    }
    [[nodiscard]] bool is_over() const { return !report_; }

private:
    /// Ends what runs; handlers still come.
    virtual void stop() = 0;

    Report report_;
};

}  // namespace anyvip::health::io
