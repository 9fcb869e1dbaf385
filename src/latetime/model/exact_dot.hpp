#pragma once

#include <span>

namespace latetime {

/// Σ a_j b_j of finite numbers, exact but for one rounding at the end: 0 only where it is.
double exact_dot(std::span<const double> a, std::span<const double> b);

}  // namespace latetime
