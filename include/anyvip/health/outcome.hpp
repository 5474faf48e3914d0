#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "anyvip/strong.hpp"

/// What came of one probe. The three kinds are kept apart because they mean different things: the target is
/// well, the target is not well, and *we* could not find out, which says nothing about the target.
namespace anyvip::health {

/// Unique within one check; never reused while the daemon runs.
using ProbeId = Strong<std::uint64_t, struct ProbeIdTag>;

enum class FailureReason : std::uint8_t {
    TimedOut,             ///< no outcome before the probe's deadline
    Refused,              ///< the target answered with a reset: nothing listens
    Unreachable,          ///< no route, or an ICMP error
    ConnectionLost,       ///< closed or reset in the middle of the conversation
    TlsFailed,            ///< the handshake failed, but not over the certificate
    CertificateRejected,  ///< the chain or the name does not verify
    MalformedResponse,    ///< not HTTP, or headers above the limit
    UnexpectedStatus,
    BodyMismatch,  ///< body_contains was not found
    ExitCode,
    KilledBySignal,
};

enum class CouldNotRunReason : std::uint8_t {
    NoDescriptors,
    NoProcess,  ///< fork refused: the process table or a limit is full
    NoMemory,
    NoLocalAddress,  ///< the source does not exist here, or its ports are used up
    NotPermitted,
    ScriptMissing,
    ScriptNotExecutable,
    ScriptInsecure,  ///< somebody else may change the script or replace it
    UnknownUser,
    CaFileUnusable,
    StillRunning,  ///< processes of former probes cannot be killed
    SystemError,   ///< any other refusal by our own kernel
};

/// Details are for people: short, without secrets, and may hold bytes that the target chose.
struct Success {
    std::string detail;
    friend bool operator==(const Success&, const Success&) = default;
};

struct Failure {
    FailureReason reason{};
    std::string detail;
    friend bool operator==(const Failure&, const Failure&) = default;
};

struct CouldNotRun {
    CouldNotRunReason reason{};
    std::string detail;
    friend bool operator==(const CouldNotRun&, const CouldNotRun&) = default;
};

using Outcome = std::variant<Success, Failure, CouldNotRun>;

[[nodiscard]] std::string_view describe(FailureReason reason);
[[nodiscard]] std::string_view describe(CouldNotRunReason reason);
[[nodiscard]] std::string describe(const Success& success);
[[nodiscard]] std::string describe(const Failure& failure);
[[nodiscard]] std::string describe(const CouldNotRun& could_not_run);
[[nodiscard]] std::string describe(const Outcome& outcome);

}  // namespace anyvip::health
