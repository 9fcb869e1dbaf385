#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "latetime/optimize/fixed_slopes.hpp"
#include "latetime/optimize/least_norm.hpp"

namespace latetime {

/// Where the bounds of an optimum begin from; all of it may be empty.
struct OptimumStart {
  Vector multipliers;              ///< of a KKT point, n
  std::vector<SlopeGroup> groups;  ///< slopes of its neurons, whole numbers of them
  double known = std::numeric_limits<double>::infinity();  ///< proved ½‖V‖² of feasible weights
};

/// Bounds of the least ½‖V‖² over all weights with margins of at least 1.
struct OptimumBounds {
  /// Proved, rounding included. 0 ≤ lower ≤ optimum ≤ upper, both for m neurons of each class.
  double lower = 0.0;
  double upper = std::numeric_limits<double>::infinity();  ///< infinity: no feasible weights found
  SpannedWeights best;  ///< feasible weights with ½‖V‖² ≤ upper; without rows where none were found
                        ///< that are better than `known`
  Vector multipliers;  ///< λ ≥ 0 behind `lower`, or behind most of it where all slopes were tried
  bool every_slope = false;  ///< `lower` is of all slopes one by one, not of networks of any width
  bool complete = false;     ///< no box of slopes was left open in the search behind `lower`

  /// How far a feasible value is above the optimum at most: value/lower − 1.
  double gap(double value) const {
    return lower > 0.0 ? value / lower - 1.0 : std::numeric_limits<double>::infinity();
  }
};

/// Two optima are one where they agree to this part: what rounding leaves of bounds.
inline constexpr double same_optimum = 1e-9;

/// Bounds the global optimum, over all activation patterns of all neurons.
///
/// Below: for every λ ≥ 0, ½‖V‖² ≥ Σλ − (h_+(λ)² + h_−(λ)²)/(2m), h by search_slopes; λ is that of
/// the network of any width, found by column generation over slope patterns (solve_shares). Above:
/// the patterns' shares are rounded to whole neurons, and neurons moved from one to another while
/// that helps. Where few patterns are possible, all networks of m neurons are gone through.
///
/// `effort` ≥ 0 multiplies how many boxes, networks and steps are tried at most; they are counted,
/// not timed, and so the answer is the same on every machine that rounds alike.
OptimumBounds bound_optimum(const LeastNormProblem& problem, const OptimumStart& start = {},
                            double effort = 1.0);

}  // namespace latetime
