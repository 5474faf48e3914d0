#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/_experimental/test/stream.hpp>

#include "anyvip/health/outcome.hpp"
#include "anyvip/health/probe.hpp"
#include "health/io/http_exchange.hpp"

/// Whatever a target answers, in pieces of any size, is one outcome: a good one only with a status that was asked
/// for, and never that we could not run. The first octet chooses the probe, the second the size of the pieces.
namespace {

using namespace anyvip::health;
using Stream = boost::beast::test::stream;

boost::asio::awaitable<void> probe_it(Stream& stream, const HttpProbe& probe, std::optional<Outcome>& outcome) {
    auto made = co_await io::exchange(stream, probe);
    outcome = std::move(made);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    HttpProbe probe;
    if ((data[0] & 1U) != 0) probe.body_contains = "ok";
    if ((data[0] & 2U) != 0) probe.method = "HEAD";
    if ((data[0] & 4U) != 0) probe.status = {{100, 599}};

    boost::asio::io_context context;
    Stream stream{context};
    Stream target{context};
    stream.connect(target);
    stream.read_size(std::size_t{data[1]} + 1);
    const std::string octets{data + 2, data + size};
    stream.append(octets);
    target.close();  // Behind its last octet; what we say is not read.

    std::optional<Outcome> outcome;
    boost::asio::co_spawn(context, probe_it(stream, probe, outcome), boost::asio::detached);
    context.run();
    if (!outcome || std::holds_alternative<CouldNotRun>(*outcome)) std::abort();
    if (const auto* success = std::get_if<Success>(&*outcome)) {
        const std::string_view status = std::string_view{success->detail}.substr(0, 10);
        if (octets.find(status.substr(7)) == std::string::npos) std::abort();
        if (!probe.body_contains.empty() && octets.find("ok") == std::string::npos &&
            octets.find("\r\n") == std::string::npos) {
            std::abort();  // Not there, and not divided by chunks either.
        }
    }
    const auto text = describe(*outcome);
    if (text.size() > 200 || std::ranges::any_of(text, [](unsigned char c) { return c < ' ' || c >= 0x7f; })) {
        std::abort();
    }
    return 0;
}
