#pragma once

#include <vector>

#include "latetime/optimize/least_norm.hpp"

namespace latetime {

/// Neurons of one class with the same slopes of own-class pairs. Where `neurons` is not whole, they
/// are shares of a network as wide as one likes (mean field).
struct SlopeGroup {
  int group = 0;
  OwnSlopes slopes;
  double neurons = 1.0;
};

/// The least-norm problem with slopes of own-class pairs given, which is convex, and every feasible
/// point of it one of the whole problem.
struct FixedSlopesResult {
  bool feasible = false;  ///< false: these slopes do not separate the samples, or nothing was found
  bool solved = false;    ///< the method ended by itself
  Vector multipliers;     ///< λ, n; of slopes that do not separate, a ray that moves no weights
  SpannedWeights weights;
  Vector neuron_norms;  ///< ‖v_k‖, a group each
  double value = 0.0;   ///< ½‖V‖², to rounding
};

/// Solves its dual max over λ ≥ 0 of Σλ − (1/2m²) Σ_k n_k H_{s_k}(λ)², which is concave, once
/// continuously differentiable and quadratic on pieces: Newton steps, each a nonnegative QP,
/// shortened until they ascend. `start`, empty or n multipliers, saves work. At most `most_steps`
/// of them.
FixedSlopesResult solve_fixed_slopes(const LeastNormProblem& problem,
                                     const std::vector<SlopeGroup>& groups,
                                     const Vector& start = {}, int most_steps = 60);

/// Makes shares of slope groups those of the network of least norm: min over n_k ≥ 0, Σ n_k = m in
/// each class, of the value, which is convex in them (∂/∂n_k = −½‖v_k‖²). Multiplicative steps
/// n_k ← n_k ‖v_k‖ / mean, at most `most_rounds`; shares that vanish are dropped. Nothing where no
/// step could be solved.
FixedSlopesResult solve_shares(const LeastNormProblem& problem, std::vector<SlopeGroup>& groups,
                               const Vector& start, int most_rounds);

}  // namespace latetime
