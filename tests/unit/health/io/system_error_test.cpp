#include "health/io/system_error.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <variant>

#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>

namespace anyvip::health::io {
namespace {

boost::system::error_code error(int number) {
    return {number, boost::system::system_category()};
}

/// Product rule 2: what we could not do says nothing about the target.
TEST(SystemError, OfOurselvesIsNoFailureOfTheTarget) {
    for (const int number :
         {EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, EADDRINUSE, EAGAIN, EACCES, EPERM, EINVAL, EAFNOSUPPORT}) {
        EXPECT_TRUE(std::holds_alternative<CouldNotRun>(outcome_of(error(number)))) << error(number).message();
    }
}

TEST(SystemError, OfTheTargetIsItsFailure) {
    const auto reason = [](const boost::system::error_code& code) {
        const auto outcome = outcome_of(code);
        const auto* failure = std::get_if<Failure>(&outcome);
        return failure == nullptr ? FailureReason::ExitCode : failure->reason;
    };
    EXPECT_EQ(reason(error(ECONNREFUSED)), FailureReason::Refused);
    for (const int number : {ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN}) {
        EXPECT_EQ(reason(error(number)), FailureReason::Unreachable);
    }
    EXPECT_EQ(reason(error(ETIMEDOUT)), FailureReason::TimedOut);
    EXPECT_EQ(reason(error(ECONNRESET)), FailureReason::ConnectionLost);
    EXPECT_EQ(reason(boost::asio::error::eof), FailureReason::ConnectionLost);
}

}  // namespace
}  // namespace anyvip::health::io
