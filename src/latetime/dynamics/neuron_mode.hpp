#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "latetime/dynamics/flow_problem.hpp"

namespace latetime {

/// How one neuron moves between two events: which samples activate it, and at which other-class
/// samples it slides, that is, switches on and off for ever with pre-activation zero on average.
///
/// A sliding pair (k, l) has an effective multiplier β_l between γλ_l and λ_l that keeps z_{k,l} at
/// zero. All of them are linear in λ: β_S = share · λ, from G_SS β_S = Σ_{l∉S} ς_l α_l λ_l G_{lS}.
struct NeuronMode {
  std::vector<std::uint8_t> active;   ///< n: σ'(z) = 1 (else γ), for pairs that do not slide
  std::vector<Eigen::Index> sliding;  ///< S, ascending
  std::vector<Eigen::Index> riding;   ///< at zero as well because x_l lies in the span of x_S
  Matrix share;                       ///< |S| × n
  Eigen::MatrixXd inverse;            ///< G_SS⁻¹, |S| × |S|

  bool slides() const { return !sliding.empty(); }
  /// Whether a pair slides, or rides with those that do.
  bool at_zero(Eigen::Index sample) const;
  /// All of them, ascending.
  std::vector<Eigen::Index> pairs_at_zero() const;
};

/// β_S = share · λ, |S| entries.
Vector sliding_multipliers(const NeuronMode& mode, const Vector& lambda);

/// Effective multipliers b_l (or, linear as they are, their integrals from those of λ), n entries.
Vector effective_multipliers(const FlowProblem& problem, const NeuronMode& mode,
                             const Vector& lambda);

/// What must be added to the coefficients of the sliding pairs (|S| entries) so that their
/// pre-activations, of `z` (n entries), become zero: −G_SS⁻¹ z_S.
Vector to_zero(const NeuronMode& mode, const Eigen::Ref<const Eigen::RowVectorXd>& z);

/// v with dz_{k,i}/dθ = ⟨v, λ⟩, n entries.
Vector preactivation_row(const FlowProblem& problem, int group, const NeuronMode& mode,
                         Eigen::Index i);

/// Adds factor × the neuron's part of the tangent kernel, the matrix with du/dθ = kernel · λ.
void add_kernel(const FlowProblem& problem, int group, const NeuronMode& mode, double factor,
                Eigen::MatrixXd& kernel);

/// Decides for the pairs of one neuron that are at zero, `at_zero` (other-class, ascending), which
/// of them slide and where the others go, and fits `mode` to it.
///
/// While own-class activations stay, the loss is convex in the weights, so that the flow follows
/// the subgradient of least norm: β minimises ½ βᵀ G β − rᵀβ over γλ_l ≤ β_l ≤ λ_l, r the pull of
/// the other pairs. A pair with β strictly inside slides; at a bound it leaves to that side. A pair
/// that could not move because its sample depends linearly on the sliding ones rides with them.
void resolve_mode(const FlowProblem& problem, int group, const Vector& lambda,
                  std::span<const Eigen::Index> at_zero, NeuronMode& mode);

}  // namespace latetime
