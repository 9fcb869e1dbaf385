#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "latetime/dynamics/late_flow.hpp"
#include "latetime/model/limit_status.hpp"

namespace latetime {

/// The direction in which the weights diverge, W(t) = V log t + o(log t): a KKT point of
/// min ½‖V‖² subject to y_i f(V; x_i) ≥ 1 (Lyu & Li 2020).
struct Limit {
  LimitStatus status = LimitStatus::not_solved;
  std::string message;  ///< one line for people when status is not `found` or not settled
  Vector multipliers;   ///< λ ≥ 0, n: lim t g_i; λ times η/n are those of the KKT conditions
  Matrix coefficients;  ///< neurons × n: V = coefficients · X
  Matrix slopes;        ///< effective σ', neurons × n
  Vector margins;       ///< y_i f(V; x_i), n: 1 on support samples, larger elsewhere
  std::vector<bool> support;          ///< λ_i > 0
  double normalized_margin = 0.0;     ///< min_i margins_i / ‖V‖_F
  double kkt_residual = 0.0;          ///< see limit_residual()
  double strictness = 0.0;            ///< least distance of a decided pair from undecided, relative
  std::vector<PairVerdict> verdicts;  ///< neurons × n, row-major
  Vector ray;  ///< not_separated(_so_far): r ≥ 0 with kernel · r = 0, its support is to blame
  double log_time = 0.0;  ///< log t of the flow whose own-class activations these are
  /// follow_to_limit: the flow's own t g_i have come to `multipliers`, so that nothing is under way
  /// that could still change the pattern.
  bool settled = false;

  PairVerdict verdict(Eigen::Index neuron, Eigen::Index sample) const {
    return verdicts[static_cast<std::size_t>(neuron * coefficients.cols() + sample)];
  }
  Eigen::Index count(PairVerdict verdict) const;
};

/// The limit of a late-time flow with the own-class activations that it has now. While they stay,
/// the weights move by the minimal-norm subgradient of a convex function, and the limit solves
///   min over λ ≥ 0 of ½ λᵀ kernel(λ) λ − Σ λ_i,
/// where kernel(λ) is the tangent kernel of the modes that λ itself leads to (a box QP a neuron): a
/// convex, piecewise quadratic problem, solved by Newton steps, each a nonnegative QP.
Limit solve_limit(const LateFlow& flow);

/// Whether the samples of this flow are proved never to be separated: no weights with its own-class
/// activations give all of them positive margins, and every push on every own-class pair points
/// away from zero for ever; or the loss has a minimum so near that descent, which comes no further
/// from it, stays in this region.
bool proved_not_separated(const LateFlow& flow, Limit& limit);

/// Options of a flow that is to be followed to its limit: with a bound on its steps, about half a
/// minute of work, after which the limit is said not to be settled.
FlowOptions options_to_limit(const FlowProblem& problem, bool of_descent);

/// Follows the flow on, by squaring t again and again, until its own-class activations are those of
/// its limit and its multipliers have come near to the limit's (Limit::settled), or to t =
/// 10^`largest_decade`; then the limit. Where the flow stops before, the limit that its last
/// activations have, and the message says why it stopped. Samples that are not separated and whose
/// smallest margin no longer grows end it as well.
Limit follow_to_limit(LateFlow& flow, double largest_decade = 1e6,
                      const std::function<bool(double)>& keep_going = {});

/// Whether a neuron of a limit, or its pre-activation at a sample, is zero to rounding: the size of
/// a sum, beside the sizes of its terms added up.
bool zero_to_rounding(double sum, double terms);

/// Largest violation of the KKT conditions, each part relative: stationarity (V against
/// q Σ ς α λ x, row by row, over ‖V‖), slopes outside [γ, 1] or not at the end that the sign of
/// ⟨v_k, x_l⟩ asks for (weighted by how far from zero that is), margins below 1, and
/// λ_i (margin_i − 1) over Σ λ.
double limit_residual(const FlowProblem& problem, const Limit& limit);

}  // namespace latetime
