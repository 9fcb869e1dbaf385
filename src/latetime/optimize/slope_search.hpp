#pragma once

#include <cstdint>
#include <vector>

#include "latetime/optimize/least_norm.hpp"

namespace latetime {

struct SlopeSearchResult {
  /// Not below max over s of H_s(λ)², over all slopes that were free: proved.
  double squared_above = 0.0;
  double squared = 0.0;  ///< H_s(λ)² at `slopes`, to rounding: the largest that was found
  OwnSlopes slopes;
  std::int64_t nodes = 0;
  bool complete = false;  ///< every node was closed: the two agree but for 1e-11 and rounding
};

/// The largest push on a neuron of class `group`: max over s in {γ, 1}^own of H_s(λ), which is
/// max over ‖v‖ ≤ 1 of ± Σ_i λ_i y_i σ(⟨v, x_i⟩), by branch and bound over the slopes of own-class
/// pairs. `fixed`, empty or n flags, names pairs that keep the slope they have in `start`; `start`,
/// empty or n flags, is where the search begins. At most `most_nodes` boxes of slopes are looked
/// into; what is left open then counts with its bound.
///
/// A box of slopes is bounded at one t, that of its best s: with w = Σ_own s_i λ_i x_i − Σ_other
/// t_l λ_l x_l, changes δ_i of slopes in a set R move ‖w‖² by
///   2 Σ_R δ_i λ_i ⟨x_i, w⟩ + ‖Σ_R δ_i λ_i x_i‖² ≤ Σ_R [2 δ_i λ_i ⟨x_i, w⟩ + (1−γ)² κ_i]
/// wherever diag(κ) − (λ_i λ_j ⟨x_i, x_j⟩) is positive semidefinite on the free pairs. And since
/// ‖w‖² is convex in s_i, s_i = 1 is best for every t where ½ (1+γ) λ_i ‖x_i‖² + ⟨x_i, rest of w⟩
/// cannot be negative, γ where it cannot be positive.
SlopeSearchResult search_slopes(const LeastNormProblem& problem, int group,
                                const Vector& multipliers, std::int64_t most_nodes,
                                const OwnSlopes& start = {},
                                const std::vector<std::uint8_t>& fixed = {});

/// Upper bounds κ of a symmetric positive semidefinite matrix D, entries ≥ 0, with diag(κ) − D
/// proved to be positive semidefinite: the smaller in sum of scaled largest eigenvalues (shown by a
/// Cholesky factor; Rump 2006) and of row sums.
Vector diagonal_above(const Eigen::MatrixXd& matrix);

}  // namespace latetime
