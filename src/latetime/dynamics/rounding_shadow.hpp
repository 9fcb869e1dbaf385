#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "latetime/dynamics/dense_engine.hpp"
#include "latetime/dynamics/exact_descent.hpp"
#include "latetime/dynamics/hand_over.hpp"
#include "latetime/dynamics/undecided_signs.hpp"

namespace latetime {

/// An engine that takes every step.
using ExactEngine = std::variant<ExactDescent, DenseEngine>;

/// Whether no step of this descent makes differences larger, so that rounding errors only add up.
/// While no activation changes, a step is W ← W − η ∇L with 0 ≼ ∇²L ≼ 2c λ_max(G)/(nm), c ≥ ℓ'':
/// the features y_l (a_k σ'(z_{k,l}) x_l)_k have a Gram matrix of at most (2/m) λ_max(G) (Schur).
/// It is the same with K classes: those of one group have (1/m) λ_max(G), and the Hessian of the
/// sample's loss by its outputs, diag(p) − p pᵀ, is at most ½; that of the exponential loss,
/// Σ_c g_c v_c v_cᵀ with ‖v_c‖² = 2, at most 2 Σ_c g_c (Rivals::largest_pull).
/// So η c λ_max(G) ≤ nm is enough. The logistic loss has ℓ'' ≤ 1/4 everywhere, hence η λ_max(G) ≤
/// 4nm; of the exponential one ℓ'' = g, and steps contract while no multiplier is beyond
/// `contracting_multiplier()`: asked for is half of it at the start, ExactRun looks at the rest.
/// λ_max(G) is bounded by norms of G; with mini-batches of b samples, by max ‖x_i‖² b as well.
/// `batch_size` of 0: full batch. False for smoothed activations: their σ'' moves a
/// neuron's samples of the other class apart.
bool steps_contract(const Problem& problem, std::size_t batch_size);

/// nm/(η λ_max(G)), λ_max(G) from above: the largest ℓ'' with which steps contract.
double contracting_multiplier(const Problem& problem, std::size_t batch_size);

/// ‖w_k⁰‖ + Σ_l |c_{k,l}| ‖x_l‖ of each neuron: the size of the terms that its weights are made of.
Vector neuron_terms(const TrainingState& state, const Vector& sample_norms,
                    const Vector& initial_norms);

/// What rounding may have done to the stable ranks of an exact state whose steps do not amplify it:
/// weights are sums, and where they cancel (a group of neurons that its samples push to zero), what
/// is left has few digits. With neuron_terms() over
/// a lower bound of what they leave, max_i |z_{k,i}|/‖x_i‖, both root mean squares over a group.
/// 0 where ranks are good to 5e-10, many times what a row shows.
double rounding_of_ranks(const TrainingState& state, const NetworkShape& shape,
                         const Vector& sample_norms, const Vector& initial_norms);

/// The problem with samples and initial weights that are off by up to 2⁻⁴⁴ of each row, some
/// hundred roundings of each step. The perturbation is a factor a sample and a factor a neuron:
/// pre-activations that are exactly zero stay so.
Problem nearby_start(const Problem& problem, std::size_t shadow);

/// A descent beside the run: sample j of its engine is sample order[j] of the run, `scale` times.
/// Descent is the same at c x, w/c, η/c²; coefficients are 1/c² of the run's.
struct Shadow {
  std::unique_ptr<ExactEngine> engine;
  std::vector<Eigen::Index> order;
  double scale = 1.0;
};

/// Samples in another order: sums are rounded otherwise, and what cancels exactly still does.
std::vector<Eigen::Index> shadow_order(Eigen::Index n, std::size_t shadow);
Dataset reordered(const Dataset& data, const std::vector<Eigen::Index>& order);

/// What rounding may have done to exact steps: two more descents that differ from the run by a few
/// hundred roundings, from a nearby_start() or at a learning rate nearby and another scale, with
/// the samples in another order. What they come apart from the run by, times a factor of safety, is
/// the run's error; once they have lost it, the run has no digit that can be trusted.
class RoundingShadow {
 public:
  /// Shadow 0 or 1.
  using MakeShadow = std::function<Shadow(std::size_t shadow)>;

  RoundingShadow(const std::vector<int>& classes, const NetworkShape& shape,
                 const MakeShadow& make_shadow, HandOver::Discrepancy discrepancy);

  /// Takes the first steps of a run that has taken them already.
  void catch_up(std::uint64_t steps);

  /// Follows the run, which has just taken that many steps and stands at a multiple of `period` or
  /// before the next one. Its coefficients are looked at there.
  void advance(std::uint64_t steps, const ExactEngine& run);

  /// Goes on with the signs that the run goes on with, where rounding would decide them.
  void take_signs(const std::vector<UndecidedSign>& signs);
  /// The run has no digit any more.
  void lose() { lost_ = true; }
  bool lost() const { return lost_; }

  /// Of log loss and stable ranks of the run's present state, absolute; infinity once lost.
  double error_estimate(const TrainingState& run) const;

  /// For checkpoints: arrays under names that no engine uses.
  void add_to(EngineMemory& memory) const;
  void restore(const EngineMemory& memory);
  static constexpr const char* first_array = "shadows_lost";

  static constexpr std::uint64_t period = 256;

 private:
  const Rivals rivals_;
  const NetworkShape shape_;
  const HandOver::Discrepancy discrepancy_;
  std::array<Shadow, 2> shadows_;
  bool lost_ = false;
};

}  // namespace latetime
