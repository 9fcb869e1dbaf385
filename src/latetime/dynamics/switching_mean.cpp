#include "latetime/dynamics/switching_mean.hpp"

#include <algorithm>
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

// Phases from which a crossing is tried, and the longest such try in steps.
constexpr int delay_phases = 256;
constexpr double longest_lead = 2000.0;

/// t z_S of the sliding pairs, step by step.
class Hopping {
 public:
  Hopping(const FlowProblem& problem, int group, const NeuronMode& mode, const Vector& lambda)
      : columns_(mode.sliding.size(), mode.sliding.size()),
        drift_(Vector::Zero(columns_.rows())),
        z_(drift_),
        next_(drift_) {
    const Vector beta = sliding_multipliers(mode, lambda);
    for (Eigen::Index l = 0; l < z_.size(); ++l) {
      const Eigen::Index sample = mode.sliding[static_cast<std::size_t>(l)];
      const FoldBounds bounds = fold_bounds(problem, group, sample, lambda);
      for (Eigen::Index r = 0; r < z_.size(); ++r) {
        const double gram = problem.gram(mode.sliding[static_cast<std::size_t>(r)], sample);
        columns_(r, l) = problem.rate * (bounds.above - bounds.below) * gram;
        drift_[r] += problem.rate * gram * (beta[l] - bounds.below);
      }
    }
  }

  void hop() {
    next_ = z_ + drift_;
    for (Eigen::Index l = 0; l < z_.size(); ++l) {
      if (z_[l] >= 0.0) next_ -= columns_.col(l);
    }
    z_.swap(next_);
  }
  const Vector& z() const { return z_; }

 private:
  Eigen::MatrixXd columns_;  // column l: what z_S loses when pair l is active rather than not
  Vector drift_, z_, next_;
};

SwitchingMean nothing_of(Eigen::Index size) {
  const Vector zero = Vector::Zero(size);
  return {zero, zero, zero, zero, zero};
}

/// From how far z_S goes to either side, and the means.
void spread_activations(const Vector& highest, const Vector& lowest, double slope,
                        SwitchingMean& mean) {
  for (Eigen::Index l = 0; l < highest.size(); ++l) {
    const auto farthest = [](double low, double high, double middle) {
      return std::max(high - middle, middle - low);
    };
    mean.activation_spread[l] =
        farthest(activation(lowest[l], slope), activation(highest[l], slope), mean.activation[l]);
    mean.mirrored_spread[l] =
        farthest(activation(-highest[l], slope), activation(-lowest[l], slope),
                 mean.mirrored_activation(l, slope));
  }
}

SwitchingMean mean_of_one(const FlowProblem& problem, double size, double beta,
                          const FoldBounds& bounds) {
  const double slope = problem.shape.slope;
  const double up = problem.rate * size * (beta - bounds.below);
  const double down = problem.rate * size * (bounds.above - beta);
  SwitchingMean mean = nothing_of(1);
  if (!(up > 0.0) || !(down > 0.0)) return mean;
  mean.preactivation[0] = 0.5 * (up - down);
  mean.activation[0] = (up * up - slope * down * down) / (2.0 * (up + down));
  mean.spread[0] = 0.5 * (up + down);
  spread_activations(Vector::Constant(1, up), Vector::Constant(1, -down), slope, mean);
  return mean;
}

}  // namespace

SwitchingMean switching_mean(const FlowProblem& problem, int group, const NeuronMode& mode,
                             const Vector& lambda) {
  const auto size = static_cast<Eigen::Index>(mode.sliding.size());
  if (size == 1) {
    const Eigen::Index l = mode.sliding[0];
    return mean_of_one(problem, problem.gram(l, l), mode.share.row(0).dot(lambda),
                       fold_bounds(problem, group, l, lambda));
  }
  Hopping hopping(problem, group, mode, lambda);
  SwitchingMean mean = nothing_of(size);
  Vector highest = Vector::Zero(size), lowest = highest;
  for (int step = -first_hops; step < hops; ++step) {
    hopping.hop();
    if (step < 0) continue;
    const double weight = hop_weights()[static_cast<std::size_t>(step)];
    highest = highest.cwiseMax(hopping.z());
    lowest = lowest.cwiseMin(hopping.z());
    for (Eigen::Index l = 0; l < size; ++l) {
      mean.preactivation[l] += weight * hopping.z()[l];
      mean.activation[l] += weight * activation(hopping.z()[l], problem.shape.slope);
    }
  }
  mean.spread = (highest - mean.preactivation).cwiseMax(mean.preactivation - lowest);
  spread_activations(highest, lowest, problem.shape.slope, mean);
  return mean;
}

CrossingDelay crossing_delay(const FlowProblem& problem, int group, const NeuronMode& mode,
                             const Vector& lambda, Eigen::Index i, double speed) {
  Vector link(static_cast<Eigen::Index>(mode.sliding.size()));
  for (Eigen::Index s = 0; s < link.size(); ++s) {
    link[s] = problem.gram(i, mode.sliding[static_cast<std::size_t>(s)]);
  }
  const Vector weights = (speed > 0.0 ? 1.0 : -1.0) * (mode.inverse * link);
  const double drift = std::abs(speed);
  Hopping hopping(problem, group, mode, lambda);
  double amplitude = 0.0;
  for (int step = 0; step < first_hops; ++step) {
    hopping.hop();
    amplitude = std::max(amplitude, std::abs(weights.dot(hopping.z())));
  }
  const double lead = std::ceil(1.5 * amplitude / drift);
  if (!(lead < longest_lead)) return {-amplitude / drift, amplitude / drift};
  double sum = 0.0, squares = 0.0;
  for (int phase = 0; phase < delay_phases; ++phase) {
    // The hopping has periods of its own: start at uneven places of it.
    for (int skip = phase * 37 % 101; skip > 0; --skip) hopping.hop();
    // On its way through zero at moment 0; never later than a lead after it.
    double moment = (phase + 0.5) / delay_phases - lead;
    for (; moment < lead; moment += 1.0) {
      hopping.hop();
      if (drift * moment + weights.dot(hopping.z()) >= 0.0) break;
    }
    sum += moment;
    squares += moment * moment;
  }
  const double mean = sum / delay_phases;
  return {mean, std::sqrt(std::max(0.0, squares / delay_phases - mean * mean))};
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
      if (mode.sliding[s] != problem.fold[static_cast<std::size_t>(i)]) continue;
      const auto row = static_cast<Eigen::Index>(s);
      const double ratio = problem.ratio[static_cast<std::size_t>(i)];
      value = std::abs(ratio) * (ratio > 0.0 ? mean.activation[row]
                                             : mean.mirrored_activation(row, problem.shape.slope));
    }
    offset[i] += scale * problem.sign(group, i) * value;
  }
}

}  // namespace latetime
