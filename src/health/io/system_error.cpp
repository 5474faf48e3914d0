#include "health/io/system_error.hpp"

#include <cerrno>
#include <string>

namespace anyvip::health::io {

Outcome outcome_of(const boost::system::error_code& error) {
    if (error.category() != boost::system::system_category()) {
        return Failure{FailureReason::ConnectionLost, error.message()};  // asio's own: end of file
    }
    switch (error.value()) {
        case ECONNREFUSED: return Failure{FailureReason::Refused, {}};
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENETDOWN:
        case EHOSTDOWN:
        case ENONET:
        case ENOPROTOOPT: return Failure{FailureReason::Unreachable, error.message()};
        case ETIMEDOUT: return Failure{FailureReason::TimedOut, "the kernel gave up"};
        case EMFILE:
        case ENFILE: return CouldNotRun{CouldNotRunReason::NoDescriptors, error.message()};
        case ENOMEM:
        case ENOBUFS: return CouldNotRun{CouldNotRunReason::NoMemory, error.message()};
        case EADDRNOTAVAIL:  // bind: no such source; connect: its ports are used up
        case EADDRINUSE:
        case EAGAIN: return CouldNotRun{CouldNotRunReason::NoLocalAddress, error.message()};
        case EACCES:
        case EPERM: return CouldNotRun{CouldNotRunReason::NotPermitted, error.message()};
        case EINVAL:
        case EAFNOSUPPORT: return CouldNotRun{CouldNotRunReason::SystemError, error.message()};
        default: return Failure{FailureReason::ConnectionLost, error.message()};  // The kernel's enum, not ours.
    }
}

}  // namespace anyvip::health::io
