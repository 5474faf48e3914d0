#pragma once

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <variant>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "anyvip/time.hpp"
#include "daemon/io/mailbox.hpp"

/// What makes a loop of a composite: one thread, one io_context, one timer. The only place that reads a clock.
///
/// A Shell has `perform(action)` for every action of its composite, `drain()`, which feeds all that already
/// waits in its sockets and mailboxes, `flush()`, which says whether all of its own mail is on its way, a
/// `thread_name`, and `drains_together`: whether all that drain() feeds is queued before any of it is handled. A
/// thousand letters to the kernel loop are then one round of it, as what the first one causes stands behind the last.
namespace anyvip::daemon::io {

/// In whole microseconds: what a transcript prints is then all that a composite has seen of the time, and a recorded
/// run repeats exactly.
[[nodiscard]] inline TimePoint monotonic_now() {
    const auto since_epoch = std::chrono::steady_clock::now().time_since_epoch();
    return TimePoint{std::chrono::floor<std::chrono::microseconds>(since_epoch)};
}

template <class Composite, class Shell>
class Loop {
public:
    using Event = typename Composite::Event;
    using Actions = typename Composite::Actions;
    using Witness = std::function<void(const Event&, const Actions&, TimePoint now)>;

    /// The shell is constructed from (io_context&, function that feeds an event, arguments...).
    template <class... Arguments>
    explicit Loop(Composite composite, Doorbell& doorbell, Arguments&&... arguments)
        : composite_{std::move(composite)},
          timer_{context_},
          doorbell_{doorbell},
          bell_{context_, ::dup(doorbell.native_handle())},
          shell_{context_, [this](Event event) { feed(std::move(event)); }, std::forward<Arguments>(arguments)...} {
        wait_for_bell();
    }

    /// Called with every event that was handled and its actions, before they are performed. None: an empty one.
    void witness(Witness witness) { witness_ = std::move(witness); }

    /// Queues the event and runs to completion: what an action causes at once comes after the actions of
    /// the event that caused it. Call it on the loop's thread, or before run().
    void feed(Event event) {
        queue_.push_back(std::move(event));
        if (!running_) run_to_completion();
    }

    /// An exception ends the process (std::terminate says which): without one of its loops the daemon would keep
    /// addresses that nobody looks after. Its peers see it go.
    void run() noexcept {
        // `ps -L` and `top -H` tell the loops apart. The main thread keeps the process's name.
        if (::gettid() != ::getpid()) ::pthread_setname_np(::pthread_self(), Shell::thread_name);
        context_.run();
    }
    /// From any thread.
    void stop() { context_.stop(); }
    [[nodiscard]] Shell& shell() { return shell_; }

private:
    /// 10,000 timers a second cost by their wake-ups: deadlines are rounded up to a grid.
    static constexpr auto grid = std::chrono::milliseconds{1};

    void run_to_completion() {
        running_ = true;
        while (!queue_.empty()) {
            const Event event = std::move(queue_.front());
            queue_.pop_front();
            const auto now = monotonic_now();
            const auto actions = composite_.handle(event, now);
            if (witness_) witness_(event, actions, now);
            for (const auto& action : actions) shell_.perform(action);
        }
        running_ = false;
        arm_timer();
    }

    void drain() {
        running_ = Shell::drains_together;
        shell_.drain();
        running_ = false;
        if (!queue_.empty()) run_to_completion();
    }

    void arm_timer() {
        auto deadline = composite_.deadline();
        // A full mailbox is tried again soon.
        if (!shell_.flush()) deadline = std::min(deadline.value_or(TimePoint::max()), monotonic_now() + grid);
        if (deadline == armed_) return;
        armed_ = deadline;
        if (!deadline) {
            timer_.cancel();
            return;
        }
        const auto since_epoch = std::chrono::ceil<std::chrono::milliseconds>(deadline->time_since_epoch());
        timer_.expires_at(std::chrono::steady_clock::time_point{since_epoch});
        timer_.async_wait([this](const boost::system::error_code& error) {
            if (error) return;  // Another deadline took its place.
            armed_.reset();
            // What waits in the sockets came before this instant: a peer that spoke is not silent.
            drain();
            feed(typename Composite::TimerExpired{});
        });
    }

    void wait_for_bell() {
        bell_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this](const boost::system::error_code& error) {
                             if (error) return;
                             doorbell_.answer();
                             drain();
                             wait_for_bell();
                         });
    }

    boost::asio::io_context context_{1};
    Composite composite_;
    Witness witness_;
    boost::asio::steady_timer timer_;
    Doorbell& doorbell_;
    boost::asio::posix::stream_descriptor bell_;
    std::deque<Event> queue_;
    bool running_ = false;
    std::optional<TimePoint> armed_;
    Shell shell_;
};

}  // namespace anyvip::daemon::io
