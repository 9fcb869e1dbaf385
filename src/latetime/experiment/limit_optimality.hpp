#pragma once

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
struct LimitOptimality : LeastNormBounds {
  bool every_slope = false;  ///< OptimumBounds
  bool complete = false;     ///< OptimumBounds

  OptimalityVerdict global;
  OptimalityVerdict local;

  /// 2m × n: feasible weights better · X with ½‖V'‖² ≤ upper; empty where none are better than V.
  Matrix better;
  /// The same in a cell of own-class activations that V lies at the edge of, where `local` is not
  /// optimal: the way from V to them descends.
  Matrix better_nearby;
};

/// Calls put(name, value) for every number of the bounds and for the verdicts, as `latetime limit
/// --json` names them; values are doubles, flags and OptimalityVerdicts.
template <class Put>
void list_optimality(const LimitOptimality& optimality, const Put& put) {
  put("value", optimality.value);
  put("cell_lower", optimality.cell_lower);
  put("lower", optimality.lower);
  put("upper", optimality.upper);
  put("gap", optimality.gap());
  put("excess", optimality.excess());
  put("every_slope", optimality.every_slope);
  put("complete", optimality.complete);
  put("global", optimality.global);
  put("local", optimality.local);
}

/// The same for the words of a verdict.
template <class Put>
void list_verdict(const OptimalityVerdict& verdict, const Put& put) {
  put("verdict", word_of(verdict.verdict));
  put("certainty", word_of(verdict.certainty));
  put("reason", verdict.reason);
}

/// Judges a limit with a direction on samples x (n × d). `effort`: see bound_optimum; 0 for what a
/// first look gives. Never throws for what a limit may be: what cannot be bounded is undecided, and
/// the reasons say why.
LimitOptimality judge_optimality(const Limit& limit, const Eigen::Ref<const Matrix>& x,
                                 const std::vector<int>& classes, const NetworkShape& shape,
                                 double effort = 1.0);

}  // namespace latetime
