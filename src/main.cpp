#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <future>
#include <iostream>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <variant>

#include "anyvip/config/load.hpp"
#include "daemon/io/loop.hpp"
#include "daemon/io/recorder.hpp"
#include "daemon/io/shells.hpp"
#include "daemon/io/startup.hpp"

/// anyvipd: four loops that share nothing, joined by mail (README, "How it is built").
namespace {

using namespace anyvip;
using namespace anyvip::daemon;
using namespace anyvip::daemon::io;

std::uint64_t entropy() {
    std::random_device device;
    return (std::uint64_t{device()} << 32U) | device();
}

int fail(const std::string& why) {
    std::cerr << "anyvipd: " << why << '\n';
    return EXIT_FAILURE;
}

int run(const Options& options, config::Config config) {
    const auto seed = entropy();
    Post post;
    Loop<Heartbeat, HeartbeatShell> heartbeat{Heartbeat{Random{seed}}, post.heartbeat_bell, post};
    Loop<Checks, ChecksShell> checks{Checks{Random{seed}}, post.checks_bell, post};
    Loop<Kernel, KernelShell> kernel{Kernel{}, post.kernel_bell, post, config.node.state_dir};
    Loop<Decision, DecisionShell> decision{Decision{Random{seed}}, post.decision_bell, post, options.config};

    Recorder recorder{options.record, seed};
    heartbeat.witness(recorder.witness<Heartbeat>("heartbeat"));
    checks.witness(recorder.witness<Checks>("checks"));
    kernel.witness(recorder.witness<Kernel>("kernel"));
    decision.witness(recorder.witness<Decision>("decision"));

    if (const auto listening = decision.shell().listen(options.socket); !listening) return fail(listening.error());
    if (const auto started = kernel.shell().start(); !started) return fail(started.error());
    bool complete = true;
    decision.shell().on_stopped([&](bool in_order) {
        complete = in_order;
        decision.stop();
    });

    auto kernel_done = std::async(std::launch::async, [&] { kernel.run(); });
    std::thread heartbeat_thread{[&] { heartbeat.run(); }};
    std::thread checks_thread{[&] { checks.run(); }};
    decision.feed(ConfigLoaded{std::move(config), std::nullopt});
    decision.run();

    heartbeat.stop();
    checks.stop();
    kernel.stop();
    heartbeat_thread.join();
    checks_thread.join();
    const bool answered = kernel_done.wait_for(std::chrono::milliseconds{200}) == std::future_status::ready;
    if (!answered) spdlog::error("the kernel does not answer: leaving without it");
    recorder.stop();
    spdlog::shutdown();
    // Somebody else holds the kernel's lock; nothing of ours is worth waiting for it.
    if (!answered) std::_Exit(EXIT_FAILURE);
    return complete ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const auto command_line = parse_command_line(argc, argv);
        if (const auto* status = std::get_if<ExitStatus>(&command_line)) return status->code;
        const auto& options = std::get<Options>(command_line);
        auto config = load_configuration(options);
        raise_capabilities(config);
        start_log(options.log_level);
        for (const auto& warning : config::warnings(config)) spdlog::warn("config {}", warning);
        return run(options, std::move(config));
    } catch (const std::exception& e) {
        return fail(e.what());
    }
}
