#include "latetime/dynamics/never_separated.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "latetime/data/symmetric_solve.hpp"
#include "latetime/dynamics/features.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

// No margin is beyond this at a minimum of the loss.
constexpr double largest_margin_at_minimum = 15.0;

/// Whether steps come no further away from a minimum with these multipliers, from weights that are
/// that far from it: of the exponential loss ℓ'' = g, which is e^{√(2/m) ‖x‖ way} times as large
/// there at most, has to be as small as steps_contract() asks for.
bool steps_contract_within(const FlowProblem& problem, const Vector& multipliers, double way) {
  if (problem.loss == logistic) return true;
  const double longest = std::sqrt(problem.gram.diagonal().maxCoeff());
  const double reach = std::sqrt(2.0 / static_cast<double>(problem.shape.width)) * longest * way;
  const double largest = problem.gram.cwiseAbs().rowwise().sum().maxCoeff();
  return problem.rate * largest * multipliers.maxCoeff() * std::exp(reach) <= 1.0;
}

}  // namespace

bool own_pairs_are_final(const LateFlow& flow) {
  const FlowProblem& problem = flow.problem();
  const Eigen::Index n = problem.samples();
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    const NeuronMode& mode = flow.mode(k);
    const int group = problem.group_of(k);
    std::vector<char> off(static_cast<std::size_t>(n), 0);
    for (Eigen::Index l = 0; l < n; ++l) {
      off[static_cast<std::size_t>(l)] = problem.shape.slope == 0.0 && !flow.at_zero(k, l) &&
                                         !mode.active[static_cast<std::size_t>(l)];
    }
    const auto pushed_inward = [&](Eigen::Index i) {
      const double side = mode.active[static_cast<std::size_t>(i)] ? 1.0 : -1.0;
      for (Eigen::Index l = 0; l < n; ++l) {
        if (off[static_cast<std::size_t>(l)]) continue;
        if (side * problem.sign(group, l) * problem.gram(l, i) < 0.0) return true;
      }
      return false;
    };
    for (bool changed = true; changed;) {
      changed = false;
      for (Eigen::Index i = 0; i < n; ++i) {
        const auto index = static_cast<std::size_t>(i);
        if (!off[index] || problem.own(group, i) || !pushed_inward(i)) continue;
        off[index] = 0;
        changed = true;
      }
    }
    for (Eigen::Index i = 0; i < n; ++i) {
      if (problem.own(group, i) && problem.gram(i, i) > 0.0 && pushed_inward(i)) return false;
    }
  }
  return true;
}

bool minimum_is_near(const LateFlow& flow) {
  const FlowProblem& problem = flow.problem();
  if (!problem.rivals.two_classes()) return false;  // not looked for
  const Eigen::Index n = problem.samples();
  const Eigen::MatrixXd kernel = kernel_of(problem, flow.modes());
  const Vector start = flow.margins();
  Vector s = Vector::Zero(n);
  const double top = kernel.diagonal().maxCoeff();
  if (!(top > 0.0)) return false;
  double slope = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 100 && slope > kernel_rounding(n) * top; ++round) {
    const Vector u = start + kernel * s;
    const Vector g = multipliers(u, problem.loss);
    const double size = std::max(1.0, g.maxCoeff());
    slope = (kernel * g).cwiseAbs().maxCoeff() / size;
    const Vector bend = curvatures(g, problem.loss);
    // Newton's step in the margins, K (g − bend ∘ K Δ) = 0, damped where the kernel is singular.
    Eigen::MatrixXd hessian = kernel * bend.asDiagonal() * kernel;
    hessian.diagonal().array() += 1e-13 * top * top;
    Vector step = unchecked_symmetric_solution(hessian, kernel * g);
    const double largest = (kernel * step).cwiseAbs().maxCoeff();
    if (largest > 1.0) step /= largest;
    s += step;
  }
  if (!(slope <= kernel_rounding(n) * top)) return false;
  const Vector u = start + kernel * s;
  if (u.maxCoeff() > largest_margin_at_minimum) return false;  // rather a ray than a minimum
  const Vector g = multipliers(u, problem.loss);
  if (!moves_no_weights(problem, flow.modes(), g)) return false;  // it goes on, however slowly
  const double way = problem.weight_change(s, kernel * s);
  if (!steps_contract_within(problem, g, way)) return false;
  const Matrix z = flow.state().preactivations;
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    for (Eigen::Index i = 0; i < n; ++i) {
      if (!problem.own(problem.group_of(k), i) || !(problem.gram(i, i) > 0.0)) continue;
      if (std::abs(z(k, i)) > 3.0 * way * std::sqrt(problem.gram(i, i))) continue;
      const Eigen::Index fold = problem.fold[static_cast<std::size_t>(i)];
      if (!fold_balances(problem, problem.group_of(k), fold, g)) return false;
    }
  }
  return true;
}

}  // namespace latetime
