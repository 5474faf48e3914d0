#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "anyvip/health/probe.hpp"
#include "anyvip/names.hpp"
#include "health/io/prober.hpp"

namespace anyvip::health::io {

/// A Prober on an io_context that the test turns by hand, until a condition holds or ten seconds have passed.
class ProberTest : public ::testing::Test {
protected:
    using Finished = std::pair<CheckName, ProbeFinished>;

    void run_until(const std::function<bool()>& condition) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{10};
        while (!condition()) {
            if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error{"condition did not hold in time"};
            io_context.restart();
            io_context.run_one_for(std::chrono::milliseconds{20});
        }
    }

    Outcome outcome_of(const Probe& probe, const CheckName& check = CheckName{"test"}) {
        const auto before = finished.size();
        const ProbeId id{++last_id};
        prober.start(check, id, probe);
        EXPECT_EQ(finished.size(), before) << "the sink must not be called from inside start()";
        run_until([&] { return finished.size() > before; });
        EXPECT_EQ(finished.back().first, check);
        EXPECT_EQ(finished.back().second.id, id);
        return finished.back().second.outcome;
    }

    boost::asio::io_context io_context;
    std::vector<Finished> finished;
    Prober prober{io_context.get_executor(),
                  [this](const CheckName& check, const ProbeFinished& event) { finished.emplace_back(check, event); }};
    std::uint64_t last_id = 0;
};

/// Listens on the loopback and serves one connection after the other in a thread of its own.
class Server {
public:
    using tcp = boost::asio::ip::tcp;
    using Serve = std::function<void(tcp::socket&)>;

    explicit Server(Serve serve, const char* address = "127.0.0.1")
        : acceptor_{io_context_, {boost::asio::ip::make_address(address), 0}}, serve_{std::move(serve)} {
        thread_ = std::thread{[this] {
            while (true) {
                tcp::socket socket{io_context_};
                boost::system::error_code error;
                acceptor_.accept(socket, error);
                if (error) return;
                try {
                    serve_(socket);
                } catch (const boost::system::system_error&) {  // The probe went away, as it may.
                }
            }
        }};
    }
    ~Server() {
        ::shutdown(acceptor_.native_handle(), SHUT_RDWR);  // wakes accept()
        thread_.join();
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] net::Endpoint endpoint() const {
        const auto local = acceptor_.local_endpoint();
        return {*net::IpAddress::parse(local.address().to_string()), local.port()};
    }

private:
    boost::asio::io_context io_context_;
    tcp::acceptor acceptor_;
    Serve serve_;
    std::thread thread_;
};

/// A port of 127.0.0.1 that nothing listens on: bound, so that nobody else can take it, but not listening.
class ClosedPort {
public:
    ClosedPort() : socket_{io_context_, {boost::asio::ip::address_v4::loopback(), 0}} {}
    [[nodiscard]] net::Endpoint endpoint() const {
        return {*net::IpAddress::parse("127.0.0.1"), socket_.local_endpoint().port()};
    }

private:
    boost::asio::io_context io_context_;
    boost::asio::ip::tcp::socket socket_;
};

template <class Kind>
const Kind& expect(const Outcome& outcome) {
    const auto* const kind = std::get_if<Kind>(&outcome);
    if (kind == nullptr) throw std::runtime_error{"unexpected outcome: " + describe(outcome)};
    return *kind;
}

}  // namespace anyvip::health::io
