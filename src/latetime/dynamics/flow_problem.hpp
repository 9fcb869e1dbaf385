#pragma once

#include <cstdint>
#include <vector>

#include "latetime/model/problem.hpp"
#include "latetime/model/rivals.hpp"

namespace latetime {

/// Gram matrix of the samples, n × n, in which those count as orthogonal that are so to rounding.
Matrix gram_without_rounding(const Eigen::Ref<const Matrix>& x);

/// What stays the same while a network is followed in log time θ.
///
/// Multipliers are carried as λ_c = t g_c, which stay of order one while t goes to 10^100, one for
/// each margin: of two classes one a sample, of K classes one for each of its rivals (Rivals). What
/// a neuron does is decided by what its group feels of them at each sample, λ_l below (n entries,
/// Rivals::felt). With effective multipliers b_{k,l} = α_{k,l} λ_l of neuron k (α its effective
/// slope),
///   dc_{k,l}/dθ = q ς_{k,l} b_{k,l},   dz_{k,i}/dθ = q Σ_l ς_{k,l} b_{k,l} G_{li},
///   du_c/dθ = (1/m) Σ_k ς_{k,i} α_{k,i} dz_{k,i}/dθ over the neurons k that feel c = (i, ·),
/// where q = η/(nm) and ς_{k,l} is +1 for own-class pairs and −1 for the others.
struct FlowProblem {
  /// Throws std::invalid_argument unless the loss is a named one and the activation has a kink.
  explicit FlowProblem(const Problem& problem);

  NetworkShape shape;
  std::vector<int> classes;  ///< n
  Rivals rivals;             ///< what margins there are
  Samples x;                 ///< n × d
  Matrix gram;               ///< n × n, without rounding
  double rate;               ///< q = η/(nm)
  Loss loss;                 ///< ℓ
  /// q |G_{li}|, n × margins, c = (l, ·): |Δz_{k,i}| ≤ Σ_c reach_{i,c} ∫λ_c dθ for any neuron.
  Matrix reach;

  /// Samples on one line through zero, x_i = ratio_i x_{fold_i}, reach zero together, at every
  /// neuron: duplicates, x and −x. fold_i is the first of them; those that are zero stand alone.
  std::vector<Eigen::Index> fold;
  std::vector<double> ratio;
  std::vector<std::vector<Eigen::Index>> members;  ///< of the fold that starts at i; else empty

  /// Whether two samples lie on one line through zero, but for this part of their squared norms.
  static constexpr double line_tolerance = 1e-10;
  bool on_one_line(Eigen::Index l, Eigen::Index i) const {
    return gram(l, l) > 0.0 &&
           gram(i, i) - gram(i, l) / gram(l, l) * gram(i, l) <= line_tolerance * gram(i, i);
  }

  bool leads(Eigen::Index i) const { return fold[static_cast<std::size_t>(i)] == i; }

  Eigen::Index samples() const { return gram.rows(); }
  /// How many margins there are: n, of K classes n(K−1).
  Eigen::Index margins() const { return rivals.size(); }
  Eigen::Index neurons() const { return shape.neurons(); }
  int group_of(Eigen::Index neuron) const { return shape.group_of(neuron); }
  bool own(int group, Eigen::Index i) const { return of_class(classes, group, i); }
  double slope(bool active) const { return active ? 1.0 : shape.slope; }  ///< σ'
  double sign(int group, Eigen::Index i) const { return own(group, i) ? 1.0 : -1.0; }
  /// ‖ΔW‖_F when s = ∫ λ dθ changes by `change` (a margin each), whose image under the tangent
  /// kernel is κ · change: ‖ΔW‖² = q m sᵀ κ s.
  double weight_change(const Vector& change, const Vector& image) const;
};

/// Sums over rows of an n × n tangent kernel, as a part of their terms, that are zero to rounding.
inline double kernel_rounding(Eigen::Index n) {
  return 3e-14 + 2e-16 * static_cast<double>(n);
}

/// Samples count as collinear when they differ from a multiple of each other by this part of their
/// norm: by rounding alone.
constexpr double collinear_tolerance = 1e-13;

/// Whether x_i differs from a multiple of x_l by no more than this part of its norm, at most 1e-6.
/// Gram matrix of the samples, neither of which is zero.
bool on_line_within(double tolerance, const Samples& x, const Matrix& gram, Eigen::Index i,
                    Eigen::Index l);

}  // namespace latetime
