#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <system_error>
#include <utility>

#include <boost/lockfree/spsc_queue.hpp>

/// Letters between two threads without a lock: neither end can hold up the other (README, "Four loops").
/// asio::post and spdlog's queue are mutexes; under load they cost the heartbeat milliseconds.
namespace anyvip::daemon::io {

/// Wakes a loop up. Any thread may ring, the loop's own thread watches and answers.
class Doorbell {
public:
    Doorbell() : descriptor_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)} {
        if (descriptor_ < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
    }
    ~Doorbell() { ::close(descriptor_); }
    Doorbell(const Doorbell&) = delete;
    Doorbell& operator=(const Doorbell&) = delete;

    /// A counter that is full has rung already.
    void ring() const {
        const std::uint64_t one = 1;
        (void)!::write(descriptor_, &one, sizeof one);
    }
    void answer() const {
        std::uint64_t rung = 0;
        (void)!::read(descriptor_, &rung, sizeof rung);
    }
    [[nodiscard]] int native_handle() const { return descriptor_; }

private:
    int descriptor_;
};

/// From one thread to one other. What does not fit into the ring waits with the sender, in order, and goes
/// with its next letter or flush(); nothing is lost and nobody waits. What waits is not bounded: a letter may be
/// the only one of its kind, and a loop that hangs so long has lost its lease, and with it what letters are about.
template <class Letter>
class Mailbox {
public:
    explicit Mailbox(Doorbell& receiver) : receiver_{receiver} {}

    // The sender's side.
    void send(Letter letter) {
        waiting_.push_back(std::move(letter));
        (void)flush();
    }
    /// False while something still waits.
    bool flush() {
        if (waiting_.empty()) return true;
        // Moved, not copied: what a letter owns has one owner, and it is the receiver that destroys it.
        const auto first = std::make_move_iterator(waiting_.begin());
        const auto rest = ring_.push(first, std::make_move_iterator(waiting_.end()));
        if (rest != first) receiver_.ring();
        waiting_.erase(waiting_.begin(), rest.base());
        return waiting_.empty();
    }

    // The receiver's side.
    template <class Sink>
    void receive(Sink&& sink) {
        ring_.consume_all([&](Letter& letter) { sink(std::move(letter)); });
    }

private:
    static constexpr std::size_t capacity = 1024;

    Doorbell& receiver_;
    boost::lockfree::spsc_queue<Letter, boost::lockfree::capacity<capacity>> ring_;
    std::deque<Letter> waiting_;
};

/// For letters that may be lost, such as lines of a log: what does not fit into the ring is dropped and counted.
template <class Letter>
class LossyMailbox {
public:
    static constexpr std::size_t capacity = 1024;

    explicit LossyMailbox(Doorbell& receiver) : receiver_{receiver} {}

    // The sender's side.
    void send(const Letter& letter) {
        if (ring_.push(letter)) {
            receiver_.ring();
        } else {
            dropped_.fetch_add(1, std::memory_order_relaxed);
        }
    }

    // The receiver's side.
    template <class Sink>
    void receive(Sink&& sink) {
        ring_.consume_all([&](Letter& letter) { sink(std::move(letter)); });
    }
    /// How many were lost since the last call.
    [[nodiscard]] std::uint64_t take_dropped() { return dropped_.exchange(0, std::memory_order_relaxed); }

private:
    Doorbell& receiver_;
    boost::lockfree::spsc_queue<Letter, boost::lockfree::capacity<capacity>> ring_;
    std::atomic<std::uint64_t> dropped_ = 0;
};

}  // namespace anyvip::daemon::io
