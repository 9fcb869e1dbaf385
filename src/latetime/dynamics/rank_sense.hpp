#pragma once

#include <vector>

#include "latetime/dynamics/flow_problem.hpp"
#include "latetime/dynamics/flow_state.hpp"

namespace latetime {

/// What a small change of W does to one stable rank r = ‖W‖_F²/‖W‖₂²: of W_{+1}, W_{−1} or W.
struct RankSense {
  Eigen::Index first = 0;  ///< of its neurons
  /// Most that r changes by, over ‖ΔW‖_F: 2 (r + r^{3/2})/‖W‖_F.
  double factor = 0.0;
  /// |∂r/∂c_{k,i}| for its neurons and all samples, when c_{k,i} x_i is added to w_k: with
  /// s = ‖W‖₂, W^T u = s v and z = W X^T it is 2 |z_{k,i} − r u_k (z^T u)_i|/s².
  Matrix slopes;
  /// Of `factor`: what the slopes are off by because u is known to so much only; and what the
  /// second order adds, over ‖ΔW‖_F (it is of the order of 1/(s − second singular value)).
  double blur = 0.0, bend = 0.0;

  /// Most that r changes by when the changes of coefficients are `coefficients` at most, each times
  /// its slope and added up, and move W by ‖ΔW‖_F = `weights`.
  double change(double coefficients, double weights) const;
};

/// For W_{+1}, W_{−1} and W, those that are not zero. u by a few iterations of a subspace.
std::vector<RankSense> rank_senses(const FlowProblem& problem, const Matrix& initial_weights,
                                   const Matrix& initial_preactivations, const FlowStart& state);

}  // namespace latetime
