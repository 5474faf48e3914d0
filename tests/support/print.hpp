#pragma once

#include <ostream>

#include "anyvip/describe.hpp"

/// For test failures: events, actions and states print as in the log. A test includes this and says
/// `using anyvip::testing::PrintTo` nowhere: gtest finds PrintTo by the namespaces of the printed type, so
/// ANYVIP_PRINT stands once in each namespace whose types a test compares.
#define ANYVIP_PRINT(space)                            \
    namespace space {                                  \
    template <class T>                                 \
        requires requires(const T& v) { describe(v); } \
    void PrintTo(const T& value, std::ostream* out) {  \
        *out << describe(value);                       \
    }                                                  \
    }
