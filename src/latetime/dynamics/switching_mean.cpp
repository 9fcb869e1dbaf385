#include "latetime/dynamics/switching_mean.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace latetime {
namespace {

// Hops that are averaged over, after one for every so many of them, which only forget the start.
constexpr int hops = 4096;
constexpr std::size_t averaged_per_forgotten = 8;

// With pairs that change sides more rarely than this part of the hops, longer ones.
constexpr double rare = 1.0 / 512.0;
constexpr int hops_with_rare = 16 * hops;
constexpr double rarest = rare / 4.0;

// Hops of a rare pair that move the others by so many of their own are many hops' worth for them:
// from there on everything grows in proportion.
constexpr double many_hops = 8.0;

// What averages are off by, in hops.
constexpr double part_of_hop = 1.0 / 32.0;
constexpr double part_of_rare_hop = 1.0 / 16.0;

/// Weights exp(−1/(p (1 − p))) at the phases p of so many hops, with sum 1.
std::vector<double> make_weights(int count) {
  std::vector<double> made;
  double total = 0.0;
  for (int step = 0; step < count; ++step) {
    const double phase = (step + 0.5) / count;
    total += made.emplace_back(std::exp(-1.0 / (phase * (1.0 - phase))));
  }
  for (double& weight : made) weight /= total;
  return made;
}

const std::vector<double>& hop_weights(bool with_rare) {
  static const std::vector<double> some = make_weights(hops), more = make_weights(hops_with_rare);
  return with_rare ? more : some;
}

// Phases from which a crossing is tried, and the longest such try in steps. Before it, so many hops
// forget where rare pairs were put.
constexpr int delay_phases = 256;
constexpr double longest_lead = 2000.0;
constexpr int forgetting_hops = 64;

// Hops that show how far they shake the pre-activation that crosses.
constexpr int hops_of_amplitude = hops / 8;

/// How the sliding pairs of a neuron hop, in the coordinates w = G_SS⁻¹ t z_S: each step adds
/// `drift`, less `jump` for the pairs that are active.
struct HopSizes {
  HopSizes(const FlowProblem& problem, int group, const NeuronMode& mode, const Vector& lambda)
      : gram(mode.sliding.size(), mode.sliding.size()), jump(gram.rows()), drift(gram.rows()) {
    const Vector beta = sliding_multipliers(mode, lambda);
    for (Eigen::Index l = 0; l < size(); ++l) {
      const Eigen::Index sample = mode.sliding[static_cast<std::size_t>(l)];
      const FoldBounds bounds = fold_bounds(problem, group, sample, lambda);
      jump[l] = problem.rate * (bounds.above - bounds.below);
      // Multipliers of a moment may be beyond what holds a pair that is about to leave.
      drift[l] = std::clamp(problem.rate * (beta[l] - bounds.below), 0.0, jump[l]);
      for (Eigen::Index r = 0; r < size(); ++r) {
        gram(r, l) = problem.gram(mode.sliding[static_cast<std::size_t>(r)], sample);
      }
    }
  }

  Eigen::Index size() const { return drift.size(); }
  /// What moves pair l on the side of zero that it is on most of the time.
  double slow_speed(Eigen::Index l) const { return std::min(drift[l], jump[l] - drift[l]); }
  bool is_rare(Eigen::Index l) const { return slow_speed(l) < rare * jump[l]; }
  std::vector<Eigen::Index> rare_pairs() const {
    std::vector<Eigen::Index> result;
    for (Eigen::Index l = 0; l < size(); ++l) {
      if (is_rare(l)) result.push_back(l);
    }
    return result;
  }

  /// Gives pair l other hops, with the same side rare and the speed on the other.
  void resize(Eigen::Index l, double new_jump, double speed) {
    const bool rarely_active = 2.0 * drift[l] < jump[l];
    jump[l] = new_jump;
    drift[l] = rarely_active ? speed : new_jump - speed;
  }

  Eigen::MatrixXd gram;
  Vector jump, drift;
};

/// t z_S of the sliding pairs, step by step.
class Hopping {
 public:
  explicit Hopping(const HopSizes& sizes)
      : columns_(sizes.gram * sizes.jump.asDiagonal()),
        drift_(sizes.gram * sizes.drift),
        z_(Vector::Zero(sizes.size())),
        next_(z_) {}

  void hop() {
    next_ = z_ + drift_;
    for (Eigen::Index l = 0; l < z_.size(); ++l) {
      if (z_[l] >= 0.0) next_ -= columns_.col(l);
    }
    z_.swap(next_);
  }
  /// Sets w_l to so many of its hops, and the other coordinates to zero.
  void begin(const std::vector<Eigen::Index>& pairs, const std::vector<double>& places) {
    z_.setZero();
    for (std::size_t p = 0; p < pairs.size(); ++p) z_ += places[p] * columns_.col(pairs[p]);
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

/// t times the means of z_S and σ(z_S), and how far z_S goes.
struct Averages {
  Vector preactivation, activation, highest, lowest;

  /// What these become where they change by as much again for every `other` − these, `times` over.
  void extrapolate(const Averages& base, const Averages& other, double times) {
    preactivation += times * (other.preactivation - base.preactivation);
    activation += times * (other.activation - base.activation);
    highest += times * (other.highest - base.highest).cwiseMax(0.0);
    lowest += times * (other.lowest - base.lowest).cwiseMin(0.0);
  }
};

/// Carries the hopping out.
Averages carry_out(const HopSizes& sizes, double slope, bool with_rare) {
  Hopping hopping(sizes);
  const std::vector<double>& weights = hop_weights(with_rare);
  for (std::size_t step = 0; step < weights.size() / averaged_per_forgotten; ++step) hopping.hop();
  const Vector zero = Vector::Zero(sizes.size());
  Averages result{zero, zero, zero, zero};
  for (const double weight : weights) {
    hopping.hop();
    const Vector& z = hopping.z();
    result.highest = result.highest.cwiseMax(z);
    result.lowest = result.lowest.cwiseMin(z);
    result.preactivation += weight * z;
    for (Eigen::Index l = 0; l < z.size(); ++l) {
      result.activation[l] += weight * activation(z[l], slope);
    }
  }
  return result;
}

/// The averages of hops that are `exact`. A pair that changes sides once in a million hops does not
/// show its average in some thousands, but it is simple: z goes through one of its hops evenly, and
/// what that does to the others is the same but in proportion for a smaller hop. So a smaller one
/// is carried out, and another of twice its size, and the rest is extrapolated.
Averages averages_of(const HopSizes& exact, double slope) {
  const std::vector<Eigen::Index> rare_pairs = exact.rare_pairs();
  if (rare_pairs.empty()) return carry_out(exact, slope, false);
  HopSizes small = exact;
  double others = 0.0;
  for (Eigen::Index r = 0; r < exact.size(); ++r) {
    if (!exact.is_rare(r)) others = std::max(others, exact.jump[r] * std::sqrt(exact.gram(r, r)));
  }
  for (const Eigen::Index l : rare_pairs) {
    const double enough =
        others > 0.0 ? many_hops * others / std::sqrt(exact.gram(l, l)) : exact.jump[l];
    const double jump = std::min(exact.jump[l], std::max(exact.slow_speed(l) / rarest, enough));
    small.resize(l, jump, std::max(exact.slow_speed(l), rarest * jump));
  }
  const Averages base = carry_out(small, slope, true);
  Averages result = base;
  for (const Eigen::Index l : rare_pairs) {
    const double left = exact.jump[l] - small.jump[l];
    if (!(left > 0.0)) continue;
    const double more = std::min(left, small.jump[l]);
    HopSizes larger = small;
    larger.resize(l, small.jump[l] + more, small.slow_speed(l));
    result.extrapolate(base, carry_out(larger, slope, true), left / more);
  }
  return result;
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
  const Averages averages =
      averages_of(HopSizes(problem, group, mode, lambda), problem.shape.slope);
  SwitchingMean mean = nothing_of(size);
  mean.preactivation = averages.preactivation;
  mean.activation = averages.activation;
  mean.spread =
      (averages.highest - mean.preactivation).cwiseMax(mean.preactivation - averages.lowest);
  spread_activations(averages.highest, averages.lowest, problem.shape.slope, mean);
  return mean;
}

Vector switching_mean_error(const FlowProblem& problem, int group, const NeuronMode& mode,
                            const Vector& lambda) {
  const HopSizes sizes(problem, group, mode, lambda);
  Vector result(sizes.size());
  for (Eigen::Index l = 0; l < result.size(); ++l) {
    const double part = sizes.size() == 1 ? 0.0 : sizes.is_rare(l) ? part_of_rare_hop : part_of_hop;
    result[l] = part * sizes.jump[l] * sizes.gram(l, l);
  }
  return result;
}

CrossingDelay crossing_delay(const FlowProblem& problem, int group, const NeuronMode& mode,
                             const Vector& lambda, Eigen::Index i, double speed) {
  Vector link(static_cast<Eigen::Index>(mode.sliding.size()));
  for (Eigen::Index s = 0; s < link.size(); ++s) {
    link[s] = problem.gram(i, mode.sliding[static_cast<std::size_t>(s)]);
  }
  const Vector weights = (speed > 0.0 ? 1.0 : -1.0) * (mode.inverse * link);
  const double drift = std::abs(speed);
  const HopSizes sizes(problem, group, mode, lambda);
  const std::vector<Eigen::Index> rare_pairs = sizes.rare_pairs();
  Hopping hopping(sizes);
  double amplitude = 0.0;
  for (int step = 0; step < hops_of_amplitude; ++step) {
    hopping.hop();
    amplitude = std::max(amplitude, std::abs(weights.dot(hopping.z())));
  }
  for (const Eigen::Index l : rare_pairs) {  // may not have hopped yet
    amplitude += std::abs(weights.dot(sizes.gram.col(l))) * sizes.jump[l];
  }
  const double lead = std::ceil(1.5 * amplitude / drift);
  if (!(lead < longest_lead)) return {-amplitude / drift, amplitude / drift};
  double sum = 0.0, squares = 0.0;
  for (int phase = 0; phase < delay_phases; ++phase) {
    // The hopping has periods of its own: start at uneven places of it.
    if (!rare_pairs.empty()) {
      std::vector<double> places;
      for (std::size_t p = 0; p < rare_pairs.size(); ++p) {
        places.push_back(std::fmod(0.5 + phase * std::sqrt(2.0 + static_cast<double>(p)), 1.0));
      }
      hopping.begin(rare_pairs, places);
      for (int step = 0; step < forgetting_hops; ++step) hopping.hop();
    }
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
