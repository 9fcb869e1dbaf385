#pragma once

// The limit in balls, for the proofs that build on it.

#include <vector>

#include "latetime/dynamics/limit.hpp"
#include "latetime/prove/ball.hpp"
#include "latetime/prove/limit_proof.hpp"

namespace latetime {

/// Neurons of one group whose pairs have the same verdicts: they go the same way.
struct ModeBalls {
  int group = 0;
  std::vector<PairVerdict> verdicts;  ///< n
  std::vector<Eigen::Index> neurons;
  /// b = effective · λ, n × n: λ_l times the slope, of pairs that switch as their being at zero
  /// asks for.
  BallMatrix effective;
  std::vector<Ball> multipliers;     ///< b, n
  std::vector<Ball> coefficients;    ///< v = Σ_l coefficients_l x_l, n
  std::vector<Ball> preactivations;  ///< ⟨v, x_i⟩, n; exactly 0 where the pair switches
};

struct LimitBalls {
  BallMatrix gram;  ///< n × n
  Ball rate;        ///< q = η/(nm)
  Ball slope;       ///< γ
  Ball width;       ///< m
  std::vector<bool> support;
  std::vector<Ball> multipliers;  ///< λ, n
  std::vector<Ball> margins;      ///< n
  std::vector<ModeBalls> modes;
  Ball squared_norm;  ///< ‖V‖²_F

  /// ReLU neurons that no sample activates: v = 0.
  bool is_dead(const ModeBalls& mode) const;
};

/// As prove_limit.
Proof<LimitBalls> enclose_limit(const Problem& problem, const LimitPattern& pattern);

/// What prove_limit states of it.
LimitTheorem limit_theorem(const LimitBalls& limit);

/// x xᵀ, n × n.
BallMatrix gram_balls(const Samples& x);

/// An upper and a lower bound of the largest eigenvalue of a symmetric matrix, positive
/// semidefinite and not zero.
Ball largest_eigenvalue(const BallMatrix& matrix);

}  // namespace latetime
