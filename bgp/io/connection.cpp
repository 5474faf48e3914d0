#include "bgp/io/connection.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace anyvip::bgp::io {

namespace asio = boost::asio;
using boost::system::error_code;

void Connection::start() {
    error_code ignored;
    socket_.non_blocking(true, ignored);
    asio::co_spawn(socket_.get_executor(), [self = shared_from_this()] { return self->read(); }, asio::detached);
}

asio::awaitable<void> Connection::read() {
    const auto self = shared_from_this();
    error_code error;
    while (!error) {
        const auto count =
            co_await socket_.async_read_some(asio::buffer(buffer_), asio::redirect_error(asio::use_awaitable, error));
        if (error || closing_) continue;
        report_(Received{id_, {buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(count)}});
    }
    fail(error == asio::error::eof ? "closed by peer" : error.message());
}

void Connection::send(std::vector<std::uint8_t> bytes) {
    if (closing_ || bytes.empty()) return;
    queue_.push_back(std::move(bytes));
    if (!waiting_) flush();
}

void Connection::flush() {
    const auto before = written_;
    error_code error;
    while (!queue_.empty() && !error) {
        const auto& front = queue_.front();
        const auto count = socket_.write_some(asio::buffer(front) + front_written_, error);
        written_ += count;
        front_written_ += count;
        if (front_written_ == front.size()) {
            queue_.pop_front();
            front_written_ = 0;
        }
    }
    if (error == asio::error::would_block) {
        wait_until_writable();
    } else if (error) {
        return fail(error.message());
    } else if (closing_) {
        finish();
    }
    if (written_ > before && !closing_) report_(Written{id_, written_});
}

void Connection::wait_until_writable() {
    waiting_ = true;
    socket_.async_wait(Socket::wait_write, [self = shared_from_this()](error_code error) {
        self->waiting_ = false;
        if (!error) self->flush();
    });
}

void Connection::close(std::move_only_function<void()> ended) {
    if (closing_) return;
    closing_ = true;
    ended_ = std::move(ended);
    linger_timer_.expires_after(linger);
    linger_timer_.async_wait([self = shared_from_this()](error_code error) {
        if (!error) self->abort();
    });
    if (queue_.empty()) finish();
}

/// All is out: FIN. The read loop ends with the peer's.
void Connection::finish() {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
}

void Connection::abort() {
    closing_ = true;
    queue_.clear();
    linger_timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
    if (auto ended = std::exchange(ended_, nullptr)) ended();
}

void Connection::fail(const std::string& reason) {
    const bool silent = closing_;
    abort();
    if (!silent) report_(ConnectionClosed{id_, reason});
}

std::uint64_t Connection::acknowledged() {
    int queued = 0;
    if (!socket_.is_open() || ::ioctl(socket_.native_handle(), SIOCOUTQ, &queued) != 0) return 0;
    return written_ - std::min(written_, static_cast<std::uint64_t>(std::max(queued, 0)));
}

}  // namespace anyvip::bgp::io
