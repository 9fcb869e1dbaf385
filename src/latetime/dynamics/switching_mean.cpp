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

// Hops that show how far they shake a pre-activation.
constexpr int hops_of_amplitude = hops / 8;

/// A fold that rides: z = ⟨weights, z_S⟩, `weights` in G_SS⁻¹ z_S. Each step takes `push` from it
/// while it is above zero.
struct Rider {
  Eigen::Index fold;
  Vector along;  ///< |S|: z = ⟨along, z_S⟩
  double push;   ///< less what counts as drift; 0: that of the sliding pair on its line does
};

/// How the pairs at zero of a neuron hop, in the coordinates w = G_SS⁻¹ t z_S: each step adds
/// `drift`, less `jump` for the sliding pairs that are active.
struct HopSizes {
  HopSizes(const FlowProblem& problem, int group, const NeuronMode& mode, const Vector& lambda)
      : gram(problem.gram(mode.sliding, mode.sliding)), jump(gram.rows()), drift(gram.rows()) {
    const Vector beta = sliding_multipliers(mode, lambda);
    for (Eigen::Index l = 0; l < size(); ++l) {
      const FoldBounds bounds =
          fold_bounds(problem, group, mode.sliding[static_cast<std::size_t>(l)], lambda);
      jump[l] = problem.rate * (bounds.above - bounds.below);
      drift[l] = problem.rate * (beta[l] - bounds.below);
    }
    for (const Eigen::Index i : mode.riding) {
      if (!problem.leads(i)) continue;
      add_rider(i, fold_bounds(problem, group, i, lambda), problem, mode);
    }
    // Multipliers of a moment may be beyond what holds a pair that is about to leave.
    for (Eigen::Index l = 0; l < size(); ++l) drift[l] = std::clamp(drift[l], 0.0, jump[l]);
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
  std::vector<Rider> riders;

 private:
  /// β counts it as on its side for ever, but it goes along with z_S.
  void add_rider(Eigen::Index i, const FoldBounds& bounds, const FlowProblem& problem,
                 const NeuronMode& mode) {
    const Vector link = problem.gram(mode.sliding, i);
    const double push = problem.rate * (bounds.above - bounds.below);
    const double counted = mode.is_active(i) ? push : 0.0;
    for (Eigen::Index l = 0; l < size(); ++l) {
      if (!problem.on_one_line(mode.sliding[static_cast<std::size_t>(l)], i)) continue;
      const double ratio = link[l] / gram(l, l);
      Rider rider{i, Vector::Zero(size()), 0.0};
      rider.along[l] = ratio;
      riders.push_back(std::move(rider));
      // Where it is on the other side, the constant part is what it pushes below zero of z_l.
      drift[l] += ratio * counted - (ratio < 0.0 ? ratio * push : 0.0);
      jump[l] += std::abs(ratio) * push;
      return;
    }
    riders.push_back({i, mode.inverse * link, push});
    drift += counted * riders.back().along;
  }
};

/// t z_S of the sliding pairs, step by step.
class Hopping {
 public:
  explicit Hopping(const HopSizes& sizes)
      : columns_(sizes.gram * sizes.jump.asDiagonal()),
        drift_(sizes.gram * sizes.drift),
        z_(Vector::Zero(sizes.size())),
        next_(z_) {
    for (const Rider& rider : sizes.riders) {
      if (rider.push == 0.0) continue;
      along_.push_back(rider.along);
      pushes_.emplace_back(rider.push * (sizes.gram * rider.along));
    }
  }

  void hop() {
    next_ = z_ + drift_;
    for (Eigen::Index l = 0; l < z_.size(); ++l) {
      if (z_[l] >= 0.0) next_ -= columns_.col(l);
    }
    for (std::size_t r = 0; r < along_.size(); ++r) {
      if (along_[r].dot(z_) >= 0.0) next_ -= pushes_[r];
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
  std::vector<Vector> along_, pushes_;  // the same of riders
};

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

/// t times the means of z_S and σ(z_S), and of σ(z) of riders, and how far z_S goes.
struct Averages {
  Vector preactivation, activation, highest, lowest, rider_activation;

  /// What these become where they change by as much again for every `other` − these, `times` over.
  void extrapolate(const Averages& base, const Averages& other, double times) {
    preactivation += times * (other.preactivation - base.preactivation);
    activation += times * (other.activation - base.activation);
    rider_activation += times * (other.rider_activation - base.rider_activation);
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
  const auto riders = static_cast<Eigen::Index>(sizes.riders.size());
  Averages result{zero, zero, zero, zero, Vector::Zero(riders)};
  for (const double weight : weights) {
    hopping.hop();
    const Vector& z = hopping.z();
    result.highest = result.highest.cwiseMax(z);
    result.lowest = result.lowest.cwiseMin(z);
    result.preactivation += weight * z;
    for (Eigen::Index l = 0; l < z.size(); ++l) {
      result.activation[l] += weight * activation(z[l], slope);
    }
    for (Eigen::Index r = 0; r < riders; ++r) {
      const double height = sizes.riders[static_cast<std::size_t>(r)].along.dot(z);
      result.rider_activation[r] += weight * activation(height, slope);
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

/// One pair fills the interval between its two steps evenly; riders are on its line.
Averages averages_of_one(const HopSizes& sizes, double slope) {
  const double up = sizes.gram(0, 0) * sizes.drift[0];
  const double down = sizes.gram(0, 0) * sizes.jump[0] - up;
  const auto mean = [&](double rise, double fall) {
    return (rise * rise - slope * fall * fall) / (2.0 * (up + down));
  };
  const auto one = [](double value) { return Vector(Vector::Constant(1, value)); };
  Vector riders = Vector::Zero(static_cast<Eigen::Index>(sizes.riders.size()));
  if (!(up > 0.0) || !(down > 0.0)) return {one(0.0), one(0.0), one(0.0), one(0.0), riders};
  for (Eigen::Index r = 0; r < riders.size(); ++r) {
    const double ratio = sizes.riders[static_cast<std::size_t>(r)].along[0];
    riders[r] = std::abs(ratio) * (ratio > 0.0 ? mean(up, down) : mean(down, up));
  }
  return {one(0.5 * (up - down)), one(mean(up, down)), one(up), one(-down), riders};
}

}  // namespace

SwitchingMean switching_mean(const FlowProblem& problem, int group, const NeuronMode& mode,
                             const Vector& lambda) {
  const double slope = problem.shape.slope;
  const HopSizes sizes(problem, group, mode, lambda);
  const Averages averages =
      sizes.size() == 1 ? averages_of_one(sizes, slope) : averages_of(sizes, slope);
  SwitchingMean mean;
  mean.preactivation = averages.preactivation;
  mean.activation = averages.activation;
  mean.spread =
      (averages.highest - mean.preactivation).cwiseMax(mean.preactivation - averages.lowest);
  mean.activation_spread = mean.mirrored_spread = Vector::Zero(sizes.size());
  spread_activations(averages.highest, averages.lowest, slope, mean);
  mean.rider_activation = averages.rider_activation;
  mean.rider_preactivation = Vector::Zero(mean.rider_activation.size());
  for (std::size_t r = 0; r < sizes.riders.size(); ++r) {
    mean.riders.push_back(sizes.riders[r].fold);
    mean.rider_preactivation[static_cast<Eigen::Index>(r)] =
        sizes.riders[r].along.dot(mean.preactivation);
  }
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

namespace {

/// What one pair that does not slide feels of those that do.
class Shaking {
 public:
  Shaking(const FlowProblem& problem, int group, const NeuronMode& mode, const Vector& lambda,
          Eigen::Index i, double side)
      : sizes_(problem, group, mode, lambda), rare_pairs_(sizes_.rare_pairs()), hopping_(sizes_) {
    Vector link(sizes_.size());
    for (Eigen::Index s = 0; s < link.size(); ++s) {
      link[s] = problem.gram(i, mode.sliding[static_cast<std::size_t>(s)]);
    }
    weights_ = side * (mode.inverse * link);
  }

  /// The most of t z_{k,i} in the direction of `side`.
  double reach() {
    if (sizes_.size() > 1) return most_of(hops, [](double here) { return here; });
    const double weight = weights_[0] * sizes_.gram(0, 0);
    const double up = sizes_.drift[0], down = sizes_.jump[0] - up;
    return std::max(weight * up, -weight * down);
  }
  /// The same in either direction.
  double amplitude() {
    return most_of(hops_of_amplitude, [](double here) { return std::abs(here); });
  }

  /// The first moment, from `begin` to `end`, at which drift · moment + t z_{k,i} ≥ level, from
  /// many phases of the hopping.
  CrossingDelay first_beyond(double level, double drift, double begin, double end) {
    double sum = 0.0, squares = 0.0;
    for (int phase = 0; phase < delay_phases; ++phase) {
      go_to(phase);
      double moment = (phase + 0.5) / delay_phases + begin;
      for (; moment < end; moment += 1.0) {
        hopping_.hop();
        if (drift * moment + weights_.dot(hopping_.z()) >= level) break;
      }
      sum += moment;
      squares += moment * moment;
    }
    const double mean = sum / delay_phases;
    return {mean, std::sqrt(std::max(0.0, squares / delay_phases - mean * mean))};
  }

 private:
  template <class Size>
  double most_of(int count, const Size& size) {
    double most = 0.0;
    for (int step = 0; step < count; ++step) {
      hopping_.hop();
      most = std::max(most, size(weights_.dot(hopping_.z())));
    }
    for (const Eigen::Index l : rare_pairs_) {  // may not have hopped yet
      most += std::abs(weights_.dot(sizes_.gram.col(l))) * sizes_.jump[l];
    }
    return most;
  }

  /// The hopping has periods of its own: starts at uneven places of it.
  void go_to(int phase) {
    if (!rare_pairs_.empty()) {
      std::vector<double> places;
      for (std::size_t p = 0; p < rare_pairs_.size(); ++p) {
        places.push_back(std::fmod(0.5 + phase * std::sqrt(2.0 + static_cast<double>(p)), 1.0));
      }
      hopping_.begin(rare_pairs_, places);
      for (int step = 0; step < forgetting_hops; ++step) hopping_.hop();
    }
    for (int skip = phase * 37 % 101; skip > 0; --skip) hopping_.hop();
  }

  HopSizes sizes_;
  std::vector<Eigen::Index> rare_pairs_;
  Hopping hopping_;
  Vector weights_;
};

}  // namespace

CrossingDelay crossing_delay(const FlowProblem& problem, int group, const NeuronMode& mode,
                             const Vector& lambda, Eigen::Index i, double speed) {
  Shaking shaking(problem, group, mode, lambda, i, speed > 0.0 ? 1.0 : -1.0);
  const double drift = std::abs(speed);
  const double amplitude = shaking.amplitude();
  const double lead = std::ceil(1.5 * amplitude / drift);
  if (!(lead < longest_lead)) return {-amplitude / drift, amplitude / drift};
  // On its way through zero at moment 0; never later than a lead after it.
  return shaking.first_beyond(0.0, drift, -lead, lead);
}

double hop_reach(const FlowProblem& problem, int group, const NeuronMode& mode,
                 const Vector& lambda, Eigen::Index i, double side) {
  return Shaking(problem, group, mode, lambda, i, side).reach();
}

CrossingDelay hop_delay(const FlowProblem& problem, int group, const NeuronMode& mode,
                        const Vector& lambda, Eigen::Index i, double side, double reach) {
  return Shaking(problem, group, mode, lambda, i, side).first_beyond(reach, 0.0, 0.0, longest_lead);
}

Vector margin_offset(const FlowProblem& problem, int group, const NeuronMode& mode,
                     const SwitchingMean& mean) {
  Vector offset(problem.samples());
  const Vector weights = mode.inverse * mean.preactivation;
  const double scale = 1.0 / static_cast<double>(problem.shape.width);
  const double gamma = problem.shape.slope;
  const auto place = [](const std::vector<Eigen::Index>& folds, Eigen::Index fold) {
    return std::find(folds.begin(), folds.end(), fold) - folds.begin();
  };
  for (Eigen::Index i = 0; i < problem.samples(); ++i) {
    const auto index = static_cast<std::size_t>(i);
    const double ratio = problem.ratio[index];
    const Eigen::Index slides = place(mode.sliding, problem.fold[index]);
    const Eigen::Index rides = place(mean.riders, problem.fold[index]);
    double value = 0.0;
    if (slides < mean.activation.size()) {
      value = std::abs(ratio) *
              (ratio > 0.0 ? mean.activation[slides] : mean.mirrored_activation(slides, gamma));
    } else if (rides < mean.rider_activation.size()) {
      const double mirrored =
          mean.rider_activation[rides] - (1.0 + gamma) * mean.rider_preactivation[rides];
      value = std::abs(ratio) * (ratio > 0.0 ? mean.rider_activation[rides] : mirrored);
    } else {
      for (std::size_t s = 0; s < mode.sliding.size(); ++s) {
        value += problem.gram(i, mode.sliding[s]) * weights[static_cast<Eigen::Index>(s)];
      }
      value *= problem.slope(mode.is_active(i));
    }
    offset[i] = scale * problem.sign(group, i) * value;
  }
  return offset;
}

}  // namespace latetime
