#include <algorithm>
#include <cmath>

#include "latetime/theory/claims.hpp"
#include "latetime/theory/hypotheses.hpp"
#include "latetime/theory/linear_comparison.hpp"

namespace latetime {
namespace {

// Limits are accepted with a KKT residual up to 1e-10, and what follows from them is so exact; what
// is off by more than `witness` is off.
constexpr double accuracy = 1e-8;
constexpr double witness = 1e-6;

/// Largest ‖j_k v_k − v‖ / ‖v‖ over the neurons, j_k = ±1 by class, v the mean of j_k v_k: 0 when f
/// is (1+γ)⟨v, x⟩. Infinite where v = 0.
double distance_from_linear(const ClaimSetting& s, const Matrix& coefficients) {
  Matrix rows = coefficients;
  rows.bottomRows(s.width()) *= -1.0;
  const Eigen::RowVectorXd mean = rows.colwise().mean();
  rows.rowwise() -= mean;
  // Not by the root of G, which is singular: it would show half the digits.
  const Vector squares = (rows * s.gram).cwiseProduct(rows).rowwise().sum();
  return std::sqrt(std::max(0.0, squares.maxCoeff()) / mean.dot(mean * s.gram));
}

}  // namespace

/// For gradient flow on both layers from vanishing initial weights this is a theorem of Lyu, Li,
/// Wang and Arora (arXiv 2110.13905). With the second layer fixed, as here, such a limit exists:
/// where every neuron is active on the samples of its class alone, V is the least-norm solution of
/// constraints that (v_+, v_−) → (−v_−, −v_+) only permutes, so v_− = −v_+ and f is linear.
Claim check_linear_limit(const RunTrace& run) {
  const ClaimSetting& s = run.setting;
  Claim claim = begin_descent(run, {"L.1", "symmetric data have a linear limit",
                                    "Lyu et al. 2021 (arXiv 2110.13905)", "Symmetric data"});
  claim.applies = s.is_leaky();
  for (const auto& hypothesis : {symmetric_samples, linearly_separable, small_initial_outputs}) {
    claim.hypotheses.push_back(hypothesis(s));
  }
  claim.conclusion =
      "W/|W| converges, and f to a multiple of the linear classifier of largest margin";
  claim.criterion =
      "in the limit neurons of a class are equal, those of the other class their opposite, to "
      "1e-8, "
      "and the angle to the classifier is below 1e-8; fails when f(x) + f(-x) is not 0 at a "
      "sample, or "
      "the angle is above 1e-6";
  if (!claim.applies) return judge(std::move(claim), other_activation(s));
  const Limit* limit = run.sure_limit();
  if (!limit) return judge(std::move(claim), Finding::undecided(run.no_limit_reason()));
  const LinearComparison linear =
      compare_with_linear(*limit, s.gram, s.problem.data.classes, s.problem.shape());
  const double distance = distance_from_linear(s, limit->coefficients);
  claim.figures = {{"largest |y v_k - v| / |v|, v the mean of the neurons", distance},
                   {"even part of f on the samples", linear.even_part},
                   {"angle between the linear part of f and the classifier", linear.angle}};
  if (linear.svm.verdict == Separability::not_separable) {
    return judge(std::move(claim), Finding::fails("no linear classifier separates the samples"));
  }
  if (linear.even_part >= witness) {
    return judge(std::move(claim), Finding::fails("f is not linear"));
  }
  if (linear.angle >= witness) {
    return judge(std::move(claim), Finding::fails("f is not the classifier of largest margin"));
  }
  if (distance <= accuracy && linear.angle <= accuracy) {
    return judge(std::move(claim), Finding::holds());
  }
  return judge(std::move(claim),
               Finding::undecided("the limit is too near to a linear one to be told from it"));
}

}  // namespace latetime
