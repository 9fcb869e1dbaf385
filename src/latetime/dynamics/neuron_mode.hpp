#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "latetime/dynamics/flow_problem.hpp"

namespace latetime {

/// Below λ is what the neuron's group feels of the multipliers, n entries (Rivals::felt).
///
/// How one neuron moves between two events: which samples activate it, and at which other-class
/// samples it slides, that is, switches on and off for ever with pre-activation zero on average.
///
/// Samples of one fold (FlowProblem::fold) are at zero together and push along one line, so that
/// they are decided as one: what slides are folds, each named by its first sample. The push of fold
/// l, −β_l x_l with β_l = −Σ_{i∈fold} ς_i α_i λ_i ratio_i, lies between that of its side z_l < 0
/// and that of z_l > 0 (for a single other-class sample γλ_l ≤ β_l ≤ λ_l), where it keeps z_{k,l}
/// at zero. All of them are linear in λ: β_S = share · λ, from G_SS β_S = Σ_{l∉S} ς_l α_l λ_l
/// G_{lS}.
struct NeuronMode {
  std::vector<std::uint8_t> active;   ///< n: σ'(z) = 1 (else γ), for pairs that do not slide
  std::vector<Eigen::Index> sliding;  ///< S, ascending, first samples of their folds
  std::vector<Eigen::Index> riding;   ///< at zero as well because x_l lies in the span of x_S
  /// Where folds that push away from zero lie in the span of x_S as well, the neuron rests at the
  /// origin of that span while h(w) = Σ_i ς_i λ_i σ(z_i(w)) + ⟨pull, w⟩ is negative for every w in
  /// it: dw/dθ = ∇h and h is homogeneous, so that d‖w‖²/dθ = 2h. h is linear between the folds, so
  /// its rays decide: one row each, h(ray) = climb · λ. Empty where no such folds ride.
  Matrix climb;
  /// One of several answers: the neuron leaves the origin of a span and may do so in several ways.
  bool doubtful = false;
  /// Where it leaves such an origin: the largest h(ray) of the rays not taken, relative to its
  /// terms (−1 … 0). Near 0 it would have left along that one as well, and what is left of its last
  /// hop decides. Otherwise −1.
  double rival = -1.0;
  Matrix share;             ///< |S| × n
  Eigen::MatrixXd inverse;  ///< G_SS⁻¹, |S| × |S|

  bool is_active(Eigen::Index i) const { return active[static_cast<std::size_t>(i)] != 0; }
  bool slides() const { return !sliding.empty(); }
  /// Whether neurons of one class in these two modes move alike.
  bool is_like(const NeuronMode& other) const {
    return sliding == other.sliding && active == other.active;
  }
  /// Whether a pair slides, or rides with those that do.
  bool at_zero(Eigen::Index sample) const;
  /// All of them, ascending.
  std::vector<Eigen::Index> pairs_at_zero() const;
};

/// ς_l α_l for pairs that do not slide, 0 for those that do, n entries.
Vector signed_slopes(const FlowProblem& problem, int group, const NeuronMode& mode);

/// β_S = share · λ, |S| entries.
Vector sliding_multipliers(const NeuronMode& mode, const Vector& lambda);

/// β of a fold on either side of zero, of its first sample `l`.
struct FoldBounds {
  double below, above;
  /// Whether it pushes towards zero from both sides, as other-class samples do.
  bool holds() const { return above > below; }
};
FoldBounds fold_bounds(const FlowProblem& problem, int group, Eigen::Index l, const Vector& lambda);

/// Pushes that cancel to this part of their terms are none.
constexpr double balance_tolerance = 1e-9;

/// Whether the fold pushes alike on either side of zero: one sample under two labels, where both
/// push as much.
bool fold_balances(const FlowProblem& problem, int group, Eigen::Index l, const Vector& lambda);

/// Puts all samples of the fold on the side of zero on which z of the first is positive, or not.
void set_side(const FlowProblem& problem, Eigen::Index l, bool above, NeuronMode& mode);

/// The part of the time that z_l of each sliding fold is above zero, |S| entries.
Vector times_above(const FlowProblem& problem, int group, const NeuronMode& mode,
                   const Vector& lambda);

/// Effective multipliers b_l (or, linear as they are, their integrals from those of λ), n entries.
Vector effective_multipliers(const FlowProblem& problem, int group, const NeuronMode& mode,
                             const Vector& lambda);

/// The same with signs, ς_l b_l: what λ adds to the coefficients of the neuron, over q.
Vector signed_multipliers(const FlowProblem& problem, int group, const NeuronMode& mode,
                          const Vector& lambda);

/// What must be added to the coefficients of the sliding pairs (|S| entries) so that their
/// pre-activations, of `z` (n entries), become zero: −G_SS⁻¹ z_S.
Vector to_zero(const NeuronMode& mode, const Eigen::Ref<const Eigen::RowVectorXd>& z);

/// v with dz_{k,i}/dθ = ⟨v, λ⟩, n entries.
Vector preactivation_row(const FlowProblem& problem, int group, const NeuronMode& mode,
                         Eigen::Index i);

/// factor × the neuron's part of the tangent kernel, n × n, from what its group feels of λ to what
/// it does to outputs.
Eigen::MatrixXd group_kernel(const FlowProblem& problem, int group, const NeuronMode& mode,
                             double factor);

/// Adds factor × the neuron's part of the tangent kernel, the matrix with du/dθ = kernel · λ, λ and
/// u of every margin (FlowProblem::margins).
void add_kernel(const FlowProblem& problem, int group, const NeuronMode& mode, double factor,
                Eigen::MatrixXd& kernel);

/// Sums of `group_kernel` over the neurons of each group.
std::vector<Eigen::MatrixXd> group_kernels_of(
    const FlowProblem& problem, const std::function<const NeuronMode&(Eigen::Index)>& mode_of);

/// All of it, from the modes of the neurons.
Eigen::MatrixXd kernel_of(const FlowProblem& problem,
                          const std::function<const NeuronMode&(Eigen::Index)>& mode_of);
Eigen::MatrixXd kernel_of(const FlowProblem& problem, const std::vector<NeuronMode>& modes);

/// Decides for the folds of one neuron that are at zero, `at_zero` (samples, ascending; those of
/// their folds come along), which of them slide and where the others go, and fits `mode` to it.
///
/// Where all folds push towards zero from both sides (other-class samples do), the loss is convex
/// in the weights and the flow follows the subgradient of least norm: β minimises ½ βᵀ G β − rᵀβ
/// between its bounds, r the pull of the other pairs. A fold with β strictly inside slides; at a
/// bound it leaves to that side. One that could not move because its sample depends linearly on
/// the sliding ones rides with them. A fold that pushes away from zero goes on to where its
/// velocity points, `doubtful` where it has none. `beside`: samples that are at zero as well where
/// they lie in the span of those that slide.
void resolve_mode(const FlowProblem& problem, int group, const Vector& lambda,
                  std::span<const Eigen::Index> at_zero, NeuronMode& mode,
                  std::span<const Eigen::Index> beside = {});

/// First samples of the folds that come to zero together with sample `l` because they lie in the
/// span of x_l and the sliding samples, ascending; its own fold is not among them. They may do so
/// but for 1e-5 of their norm, or, `exactly`, but for rounding.
std::vector<Eigen::Index> zeros_with(const FlowProblem& problem, const NeuronMode& mode,
                                     Eigen::Index l, bool exactly = false);

/// Takes a pair to zero whose fold holds or repels (cause_at_zero), with those that come along, and
/// decides. `sample` crosses where it repels alone.
void meet_zero(const FlowProblem& problem, int group, const Vector& lambda, Eigen::Index sample,
               std::span<const Eigen::Index> with, NeuronMode& mode);

/// Decides for `folds` (first samples, ascending) that are at zero at first, where gradient flow
/// alone does not say which way they go: as gradient descent does in the limit of small steps. Of
/// any size, these are the same up to scale: a number of them at constant λ from z = 0 on, σ'(0) =
/// 1, then the flow from there until none turns back. `mode` holds the sides of all other samples.
void leave_zero(const FlowProblem& problem, int group, const Vector& lambda,
                std::span<const Eigen::Index> folds, NeuronMode& mode);

}  // namespace latetime
