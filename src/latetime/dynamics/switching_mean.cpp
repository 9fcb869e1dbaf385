#include "latetime/dynamics/switching_mean.hpp"

#include <array>
#include <cmath>

namespace latetime {
namespace {

// Hops that are averaged over, after a part of them that only forgets the start.
constexpr int hops = 4096;
constexpr int first_hops = hops / 8;

/// Weights exp(−1/(p (1 − p))) at the phases p of the hops, with sum 1.
const std::array<double, hops>& hop_weights() {
  static const std::array<double, hops> weights = [] {
    std::array<double, hops> made;
    double total = 0.0;
    for (int step = 0; step < hops; ++step) {
      const double phase = (step + 0.5) / hops;
      total += made[static_cast<std::size_t>(step)] = std::exp(-1.0 / (phase * (1.0 - phase)));
    }
    for (double& weight : made) weight /= total;
    return made;
  }();
  return weights;
}

SwitchingMean mean_of_one(const FlowProblem& problem, double size, double beta, double lambda) {
  const double slope = problem.shape.slope;
  const double up = problem.rate * size * (beta - slope * lambda);
  const double down = problem.rate * size * (lambda - beta);
  SwitchingMean mean{Vector::Zero(1), Vector::Zero(1)};
  if (!(up > 0.0) || !(down > 0.0)) return mean;
  mean.preactivation[0] = 0.5 * (up - down);
  mean.activation[0] = (up * up - slope * down * down) / (2.0 * (up + down));
  return mean;
}

}  // namespace

SwitchingMean switching_mean(const FlowProblem& problem, const NeuronMode& mode,
                             const Vector& lambda) {
  const auto size = static_cast<Eigen::Index>(mode.sliding.size());
  const Vector beta = mode.share * lambda;
  const auto gram = [&](Eigen::Index r, Eigen::Index c) {
    return problem.gram(mode.sliding[static_cast<std::size_t>(r)],
                        mode.sliding[static_cast<std::size_t>(c)]);
  };
  if (size == 1) return mean_of_one(problem, gram(0, 0), beta[0], lambda[mode.sliding[0]]);

  // columns.col(l): what z_S loses when pair l is active rather than not.
  Eigen::MatrixXd columns(size, size);
  Vector drift = Vector::Zero(size);
  for (Eigen::Index l = 0; l < size; ++l) {
    const double own = lambda[mode.sliding[static_cast<std::size_t>(l)]];
    for (Eigen::Index r = 0; r < size; ++r) {
      columns(r, l) = problem.rate * (1.0 - problem.shape.slope) * own * gram(r, l);
      drift[r] += problem.rate * gram(r, l) * (beta[l] - problem.shape.slope * own);
    }
  }
  SwitchingMean mean{Vector::Zero(size), Vector::Zero(size)};
  Vector z = Vector::Zero(size), next(size);
  for (int step = -first_hops; step < hops; ++step) {
    next = z + drift;
    for (Eigen::Index l = 0; l < size; ++l) {
      if (z[l] >= 0.0) next -= columns.col(l);
    }
    z.swap(next);
    if (step < 0) continue;
    const double weight = hop_weights()[static_cast<std::size_t>(step)];
    for (Eigen::Index l = 0; l < size; ++l) {
      mean.preactivation[l] += weight * z[l];
      mean.activation[l] += weight * activation(z[l], problem.shape.slope);
    }
  }
  return mean;
}

void add_margin_offset(const FlowProblem& problem, int group, const NeuronMode& mode,
                       const SwitchingMean& mean, Vector& offset) {
  const Vector weights = mode.inverse * mean.preactivation;
  const double scale = 1.0 / static_cast<double>(problem.shape.width);
  for (Eigen::Index i = 0; i < problem.samples(); ++i) {
    double shift = 0.0;
    for (std::size_t s = 0; s < mode.sliding.size(); ++s) {
      shift += problem.gram(i, mode.sliding[s]) * weights[static_cast<Eigen::Index>(s)];
    }
    const double slope = mode.active[static_cast<std::size_t>(i)] ? 1.0 : problem.shape.slope;
    double value = slope * shift;
    for (std::size_t s = 0; s < mode.sliding.size(); ++s) {
      if (mode.sliding[s] == i) value = mean.activation[static_cast<Eigen::Index>(s)];
    }
    offset[i] += scale * problem.sign(group, i) * value;
  }
}

}  // namespace latetime
