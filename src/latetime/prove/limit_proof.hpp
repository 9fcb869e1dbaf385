#pragma once

#include <array>
#include <optional>
#include <vector>

#include "latetime/dynamics/limit.hpp"
#include "latetime/model/problem.hpp"
#include "latetime/prove/proof.hpp"

namespace latetime {

/// Which pieces a limit t = ∞ lies on: what a solver says, to be proved.
struct LimitPattern {
  std::vector<PairVerdict> verdicts;  ///< neurons × n, row-major
  std::vector<bool> support;          ///< n
};

/// Slope of a pair that switches for ever: between γ and 1, both excluded.
struct SwitchingSlope {
  Eigen::Index neuron, sample;
  Enclosure slope;
  /// (slope − γ)/(1 − γ): the share of steps at which the pair is active, where a theorem about the
  /// run says that it has one.
  Enclosure density;
};

/// Theorem. Among the weights V whose own-class pre-activations have the signs of the pattern, one
/// alone minimises ½‖V‖² subject to y_i f(V; x_i) ≥ 1, and it is a KKT point of that problem among
/// all weights (Clarke's subgradients; Lyu & Li 2020): v_k = q a_k m Σ_l α_kl λ_l y_l x_l with
/// q = η/(nm), with one λ alone. Every inequality that decides a pair or a sample is strict. The
/// samples and η are the doubles given, all arithmetic is exact.
struct LimitTheorem {
  std::vector<Enclosure> multipliers;  ///< λ, n; 0 off the support, positive on it
  std::vector<Enclosure> margins;      ///< y_i f(V; x_i), n; 1 on the support, above 1 off it
  std::vector<bool> support;           ///< n
  std::vector<SwitchingSlope> switching;
  Eigen::Index dead_neurons = 0;  ///< ReLU neurons with v_k = 0, off at every sample
  Enclosure norm;                 ///< ‖V‖_F
  Enclosure normalized_margin;    ///< 1/‖V‖_F
  Enclosure loss_constant;        ///< log (1/n) Σ λ_i: lim log L + log t of a run that goes there
  /// Stable ranks of V_{+1}, V_{−1} and both stacked; nothing for a class with V_j = 0. Exactly
  /// {1, 1} where all neurons of the class are multiples of one vector.
  std::array<std::optional<Enclosure>, 3> stable_ranks;
  std::array<std::optional<Enclosure>, 3> spectral_norms;  ///< of the same
};

/// Proves a limit in ball arithmetic, from its pattern alone: no number of the solver is trusted.
/// The network has two groups; its weights do not matter. Throws std::invalid_argument for a
/// pattern of another size.
Proof<LimitTheorem> prove_limit(const Problem& problem, const LimitPattern& pattern);

}  // namespace latetime
