#include "latetime/optimize/least_norm.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "latetime/base/error.hpp"
#include "latetime/optimize/box_qp.hpp"

namespace latetime {
namespace {

constexpr double unit_roundoff = std::numeric_limits<double>::epsilon() / 2;

// More than all that underflow can take from sums of terms within the range of squared norms.
constexpr double underflow = 1e-250;

// A few operations beside the sums.
constexpr double few_roundings = 1e-14;

}  // namespace

LeastNormProblem::LeastNormProblem(Matrix gram_matrix, Eigen::Index dim,
                                   std::vector<int> sample_classes, Eigen::Index neurons,
                                   double leak)
    : gram(std::move(gram_matrix)),
      classes(std::move(sample_classes)),
      width(neurons),
      slope(leak) {
  const Eigen::Index n = gram.rows();
  if (gram.cols() != n || static_cast<Eigen::Index>(classes.size()) != n || n == 0) {
    throw InputError("least norm", "the Gram matrix must be n x n for n classes, n >= 1");
  }
  if (width < 1 || !(slope >= 0.0 && slope <= 1.0)) {
    throw InputError("least norm", "width must be at least 1 and slope in [0, 1]");
  }
  for (Eigen::Index i = 0; i < n; ++i) {
    const int group = classes[static_cast<std::size_t>(i)];
    if (group != 0 && group != 1) throw InputError("least norm", "classes must be 0 or 1");
    members[static_cast<std::size_t>(group)].push_back(i);
    if (!(gram(i, i) >= 1e-100 && gram(i, i) <= 1e100)) {
      throw InputError("least norm",
                       "a sample's squared norm is outside [1e-100, 1e100]; scale the samples");
    }
  }
  // Inner products are off by (d + 1) u of their terms, sums over samples twice by (n + 2) u, those
  // over neurons by 2m u, and the factors by some u: four times that.
  rounding = 4.0 * unit_roundoff * static_cast<double>(dim + 2 * n + 2 * width + 32);
  lengths = gram.diagonal().cwiseSqrt() * (1.0 + rounding);
}

double LeastNormProblem::size(const Eigen::Ref<const Vector>& coefficients) const {
  return coefficients.cwiseAbs().dot(lengths) * (1.0 + rounding);
}

double LeastNormProblem::squared_norm_above(const Eigen::Ref<const Vector>& coefficients) const {
  const double terms = size(coefficients);
  const double computed = coefficients.dot(gram * coefficients);
  return std::max(0.0, computed) + rounding * terms * terms + underflow;
}

NeuronPush push_on_neuron(const LeastNormProblem& problem, int group, const Vector& multipliers,
                          const OwnSlopes& slopes, const std::vector<BoundState>& start) {
  const auto& others = problem.others(group);
  NeuronPush push;
  push.coefficients = Vector::Zero(problem.samples());
  for (const Eigen::Index i : problem.own(group)) {
    const bool steep = slopes[static_cast<std::size_t>(i)] != 0;
    push.coefficients[i] = (steep ? 1.0 : problem.slope) * multipliers[i];
  }
  if (!others.empty()) {
    const Eigen::MatrixXd block = problem.gram(others, others);
    const Vector pull = (problem.gram * push.coefficients)(others);
    const Vector upper = multipliers(others);
    const Vector lower = problem.slope * upper;
    const BoxQpResult best = solve_box_qp(block, pull, lower, upper, start);
    push.states = best.state;
    for (std::size_t l = 0; l < others.size(); ++l) {
      const auto index = static_cast<Eigen::Index>(l);
      // A multiplier of zero leaves the slope to the side that its sample is on.
      if (multipliers[others[l]] == 0.0) {
        push.states[l] = best.gradient[index] > 0.0 ? BoundState::lower : BoundState::upper;
      }
      push.coefficients[others[l]] = -best.x[index];
    }
  }
  push.preactivations = problem.gram * push.coefficients;
  push.squared = std::max(0.0, push.coefficients.dot(push.preactivations));
  push.squared_above = problem.squared_norm_above(push.coefficients);
  return push;
}

double dual_bound(const LeastNormProblem& problem, const Vector& multipliers, double push_above) {
  const double total = multipliers.sum() * (1.0 - problem.rounding);
  if (!(total > 0.0) || !(push_above > 0.0)) return 0.0;
  const double ratio = static_cast<double>(problem.width) * total / std::sqrt(push_above);
  return 0.5 * ratio * ratio * (1.0 - few_roundings);
}

Matrix neuron_rows(const SpannedWeights& weights, Eigen::Index width) {
  if (weights.rows() == 0) return {};
  Matrix rows(2 * width, weights.coefficients.cols());
  std::array<Eigen::Index, 2> next{0, width};
  for (Eigen::Index k = 0; k < weights.rows(); ++k) {
    const auto index = static_cast<std::size_t>(k);
    Eigen::Index& row = next[static_cast<std::size_t>(weights.groups[index])];
    for (double left = weights.counts[index]; left > 0.5; left -= 1.0) {
      rows.row(row++) = weights.coefficients.row(k);
    }
  }
  return rows;
}

WeightBounds bound_weights(const LeastNormProblem& problem, const SpannedWeights& weights,
                           const std::vector<OwnSlopes>* slopes) {
  const Eigen::Index n = problem.samples();
  const auto m = static_cast<double>(problem.width);
  const Matrix z = weights.coefficients * problem.gram;
  WeightBounds result;
  result.margins_below = Vector::Zero(n);
  Vector sizes = Vector::Zero(n);
  for (Eigen::Index k = 0; k < weights.rows(); ++k) {
    const auto index = static_cast<std::size_t>(k);
    const double count = weights.counts[index];
    const double terms = problem.size(weights.coefficients.row(k).transpose());
    for (Eigen::Index i = 0; i < n; ++i) {
      const double off = problem.rounding * terms * problem.lengths[i] + underflow;
      // σ is increasing, with slopes of at most 1: it is off by no more than z.
      double out = std::max(problem.slope * z(k, i), z(k, i));
      if (problem.classes[static_cast<std::size_t>(i)] == weights.groups[index]) {
        if (slopes != nullptr) {
          const bool steep = (*slopes)[index][static_cast<std::size_t>(i)] != 0;
          out = (steep ? 1.0 : problem.slope) * z(k, i);
        }
      } else {
        out = -out;
      }
      result.margins_below[i] += count / m * (out - off);
      sizes[i] += count / m * (std::abs(out) + off);
    }
    const double squared = weights.coefficients.row(k).dot(z.row(k));
    result.value_above +=
        0.5 * count * (std::max(0.0, squared) + problem.rounding * terms * terms + underflow);
  }
  const double sums = 4.0 * unit_roundoff * static_cast<double>(weights.rows() + 8);
  result.margins_below -= sums * sizes;
  result.value_above *= 1.0 + sums;
  result.least_margin = result.margins_below.minCoeff();
  result.feasible = std::numeric_limits<double>::infinity();
  if (result.least_margin > 0.0) {
    const double scale = 1.0 / result.least_margin;
    result.feasible = result.value_above * scale * scale * (1.0 + few_roundings);
  }
  return result;
}

}  // namespace latetime
