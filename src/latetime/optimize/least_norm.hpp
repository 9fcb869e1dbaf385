#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "latetime/data/dataset.hpp"
#include "latetime/optimize/certificate.hpp"

namespace latetime {

/// min ½‖V‖² subject to y_i f(V; x_i) ≥ 1, f = (1/m) Σ_k a_k σ(⟨v_k, x⟩) with m neurons of each
/// sign a_k, known by the inner products of the samples (docs/optimality.md).
///
/// A pair (neuron, sample) is own-class where a_k = y_i. Since σ(z) = max over the slopes γ and 1
/// of slope · z, the problem is the union of convex ones, in which every own-class pair has one of
/// the two slopes and margins are concave in V.
struct LeastNormProblem {
  /// gram: n × n, as computed in doubles from samples of dimension `dim`; classes: 0 for y = 1, 1
  /// for y = −1; width: m; slope: γ in [0, 1]. Throws InputError for other shapes and classes, and
  /// for squared norms outside [1e-100, 1e100], where rounding is not accounted for.
  LeastNormProblem(Matrix gram, Eigen::Index dim, std::vector<int> classes, Eigen::Index width,
                   double slope);

  Matrix gram;
  Vector lengths;  ///< ‖x_i‖, not below
  std::vector<int> classes;
  std::array<std::vector<Eigen::Index>, 2> members;  ///< samples of each class, ascending
  Eigen::Index width;
  double slope;
  /// Bound of the relative error of sums below: |computed − exact| ≤ rounding · Σ of the sizes of
  /// their terms, each with ‖x_i‖ ‖x_l‖ in the place of ⟨x_i, x_l⟩.
  double rounding;

  Eigen::Index samples() const { return gram.rows(); }
  const std::vector<Eigen::Index>& own(int group) const {
    return members[static_cast<std::size_t>(group)];
  }
  const std::vector<Eigen::Index>& others(int group) const {
    return members[static_cast<std::size_t>(1 - group)];
  }
  /// Σ |c_i| ‖x_i‖.
  double size(const Eigen::Ref<const Vector>& coefficients) const;
  /// Not below ‖Σ c_i x_i‖².
  double squared_norm_above(const Eigen::Ref<const Vector>& coefficients) const;
};

/// Slopes of a neuron's own-class pairs, n flags: 1 where the slope is 1, 0 where it is γ; those of
/// the other class are not looked at.
using OwnSlopes = std::vector<std::uint8_t>;

/// A neuron's part of the dual function for multipliers λ ≥ 0 and slopes s of its own-class pairs:
///   H_s(λ) = max over ‖v‖ ≤ 1 of Σ_own s_i λ_i ⟨v, x_i⟩ − Σ_other λ_l σ(⟨v, x_l⟩)
///          = min over t in [γ, 1] of ‖w‖,  w = Σ_own s_i λ_i x_i − Σ_other t_l λ_l x_l.
struct NeuronPush {
  Vector coefficients;             ///< of w, n
  Vector preactivations;           ///< ⟨w, x_i⟩, n
  double squared = 0.0;            ///< ‖w‖², to rounding
  double squared_above = 0.0;      ///< not below H_s(λ)²: any t is a bound
  std::vector<BoundState> states;  ///< of t, where 1 is `upper`; as long as others(group)
};

/// `start`, empty or the states of a neighbouring problem, saves work.
NeuronPush push_on_neuron(const LeastNormProblem& problem, int group, const Vector& multipliers,
                          const OwnSlopes& slopes, const std::vector<BoundState>& start = {});

/// A lower bound of the minimum that multipliers λ ≥ 0 prove where Σ_k H_k(λ)² ≤ `push_above`, over
/// all neurons: the maximum over c of c Σλ − c² push_above / (2m²).
double dual_bound(const LeastNormProblem& problem, const Vector& multipliers, double push_above);

/// Weights v_k = Σ_l c_kl x_l of groups of `counts_k` equal neurons of class `groups_k`.
struct SpannedWeights {
  Matrix coefficients;         ///< rows × n
  std::vector<int> groups;     ///< a row each
  std::vector<double> counts;  ///< a row each

  Eigen::Index rows() const { return coefficients.rows(); }
};

/// All 2m rows, class +1 first, those of a class in the order of their groups; none where there are
/// no groups.
Matrix neuron_rows(const SpannedWeights& weights, Eigen::Index width);

/// What is proved of weights: margins of f or, where `slopes` has a row each, of the convex problem
/// with these slopes of own-class pairs, whose margins are no larger.
struct WeightBounds {
  Vector margins_below;      ///< n
  double value_above = 0.0;  ///< not below ½‖V‖²
  double feasible = 0.0;  ///< not below ½‖V/μ‖², μ = min margins_below > 0; else infinity
  double least_margin = 0.0;  ///< μ
};
WeightBounds bound_weights(const LeastNormProblem& problem, const SpannedWeights& weights,
                           const std::vector<OwnSlopes>* slopes = nullptr);

}  // namespace latetime
