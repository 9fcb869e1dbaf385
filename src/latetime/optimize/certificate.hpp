#pragma once

#include <cstdint>

namespace latetime {

/// Where a variable stands in its interval. A variable whose bounds coincide counts as `lower`.
enum class BoundState : std::uint8_t { lower, free, upper };

/// How well x satisfies the optimality (KKT) conditions of a convex QP with gradient g = Ax − b.
/// All parts are relative, the largest over the variables, 0 at an exact solution. Rounding is
/// measured against m_i = Σ_j |A_ij x_j| + |b_i|, the sum of the sizes that g_i is made of.
struct QpCertificate {
  /// |g_i| / m_i of a free variable; at a bound, the same for a g_i whose sign points inward.
  double stationarity = 1.0;
  /// Distance outside the bounds, over the larger absolute bound. 0: solutions are clamped.
  double feasibility = 1.0;
  /// (|g_i| / m_i) · (distance to the bound that the sign of g_i asks for) / (size of the
  /// interval's larger absolute bound, or of the largest entry of x, in units of 1/√A_ii, where
  /// there is no bound).
  double complementarity = 1.0;
};

}  // namespace latetime
