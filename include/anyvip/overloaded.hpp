#pragma once

namespace anyvip {

/// One visitor from several lambdas.
/// Visit `std::as_const(state)`: a non-const visitee lets `(Idle&, const auto&)` win over `(const Idle&, const
/// Start&)`.
template <class... Ts>
struct overloaded : Ts... {
    using Ts::operator()...;
};

}  // namespace anyvip
