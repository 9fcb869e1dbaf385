#pragma once

#include <limits>
#include <string>

#include "latetime/dynamics/limit.hpp"
#include "latetime/model/optimality.hpp"

namespace latetime {

struct OptimalityVerdict {
  Optimality verdict = Optimality::undecided;
  Certainty certainty = Certainty::undecided;  ///< undecided with the verdict alone
  std::string reason;                          ///< one line for people
};

/// How far a limit direction V is from the least ½‖V‖² among all weights with y_i f(V; x_i) ≥ 1,
/// and whether it is a local minimum of that problem (docs/optimality.md).
struct LimitOptimality {
  /// Proved, rounding included. `value`: not below ½‖V‖² of V scaled to margins of at least 1.
  double value = std::numeric_limits<double>::quiet_NaN();
  /// Not above ½‖·‖² of any weights with the limit's own-class activations, V itself included.
  double cell_lower = 0.0;
  double lower = 0.0;                                      ///< not above the global optimum
  double upper = std::numeric_limits<double>::infinity();  ///< not below it: of the best weights
  bool every_slope = false;                                ///< OptimumBounds
  bool complete = false;                                   ///< OptimumBounds

  OptimalityVerdict global;
  OptimalityVerdict local;

  /// 2m × n: feasible weights better · X with ½‖V'‖² ≤ upper; empty where none are better than V.
  Matrix better;
  /// The same in a cell of own-class activations that V lies at the edge of, where `local` is not
  /// optimal: the way from V to them descends.
  Matrix better_nearby;

  bool known() const { return lower > 0.0 && value < std::numeric_limits<double>::infinity(); }
  /// V is at most this part above the optimum: value/lower − 1, proved.
  double gap() const;
  /// V is at least this part above the optimum: cell_lower/upper − 1, 0 where it is not, proved.
  double excess() const;
};

/// Judges a limit with a direction on samples x (n × d). `effort`: see bound_optimum; 0 for what a
/// first look gives. Never throws for what a limit may be: what cannot be bounded is undecided, and
/// the reasons say why.
LimitOptimality judge_optimality(const Limit& limit, const Eigen::Ref<const Matrix>& x,
                                 const std::vector<int>& classes, const NetworkShape& shape,
                                 double effort = 1.0);

}  // namespace latetime
