// The limit t = ∞ in balls: on the pieces of a pattern it solves linear equations, and every
// inequality that the pattern asks for is then looked at on the balls of the solution.

#include "latetime/prove/limit_proof.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "latetime/data/symmetric_eigen.hpp"
#include "latetime/prove/limit_balls.hpp"

namespace latetime {
namespace {

// λ_max is looked for in an interval of this relative width around its value in doubles.
constexpr double eigenvalue_slack = 0x1p-40;

const char* const degenerate =
    "the limit is degenerate there; other samples or another slope decide it";

using Step = std::optional<NotProved>;  // what a step of the proof could not show

/// The limit of one pattern.
class LimitSystem {
 public:
  LimitSystem(const Problem& problem, const LimitPattern& pattern)
      : problem_(problem),
        shape_(problem.shape()),
        pattern_(pattern),
        n_(static_cast<slong>(problem.samples())) {
    balls_.gram = gram_balls(problem.data.x);
    balls_.width = Ball(static_cast<double>(shape_.width));
    balls_.rate =
        Ball(problem.learning_rate) / (Ball(static_cast<double>(problem.samples())) * balls_.width);
    balls_.slope = Ball(shape_.slope);
    balls_.support = pattern.support;
    for (slong i = 0; i < n_; ++i) {
      if (pattern.support[static_cast<std::size_t>(i)]) support_.push_back(i);
    }
  }

  Proof<LimitBalls> solve() {
    if (auto open = group_modes()) return *open;
    if (auto open = solve_modes()) return *open;
    if (auto open = solve_multipliers()) return *open;
    fill_in();
    if (auto open = check_margins()) return *open;
    for (const ModeBalls& mode : balls_.modes) {
      if (auto open = check_pairs(mode)) return *open;
    }
    return std::move(balls_);
  }

 private:
  double sign(int group, slong i) const {
    return of_class(problem_.data.classes, group, i) ? 1.0 : -1.0;
  }
  bool is_switching(const ModeBalls& mode, slong i) const {
    return mode.verdicts[static_cast<std::size_t>(i)] == PairVerdict::switches;
  }
  /// Slope of a pair that does not switch.
  const Ball& slope(const ModeBalls& mode, slong i) const {
    return mode.verdicts[static_cast<std::size_t>(i)] == PairVerdict::active ? one_ : balls_.slope;
  }
  static std::string pair_text(const ModeBalls& mode, slong i) {
    return fmt::format("neuron {} at sample {}", mode.neurons.front(), i);
  }

  Step group_modes();
  Step solve_modes();
  Step solve_mode(ModeBalls& mode);
  Step solve_multipliers();
  void fill_in();
  void fill_in(ModeBalls& mode);
  Step check_margins() const;
  Step check_pairs(const ModeBalls& mode) const;
  Step check_pair(const ModeBalls& mode, slong i) const;

  const Problem& problem_;
  const NetworkShape& shape_;
  const LimitPattern& pattern_;
  slong n_;
  std::vector<slong> support_;
  Ball one_ = 1.0;
  BallMatrix kernel_;  ///< margins = kernel · λ, n × n
  LimitBalls balls_;
};

Step LimitSystem::group_modes() {
  const auto n = static_cast<std::size_t>(n_);
  std::map<std::pair<int, std::vector<PairVerdict>>, std::size_t> known;
  for (Eigen::Index k = 0; k < shape_.neurons(); ++k) {
    const auto begin =
        pattern_.verdicts.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(k) * n);
    std::vector<PairVerdict> row(begin, begin + static_cast<std::ptrdiff_t>(n));
    const auto open = std::find(row.begin(), row.end(), PairVerdict::undecided);
    if (open != row.end()) {
      return NotProved{fmt::format("the limit leaves the pair of neuron {} and sample {} undecided",
                                   k, open - row.begin()),
                       degenerate};
    }
    const int group = shape_.group_of(k);
    const auto [place, is_new] = known.try_emplace({group, row}, balls_.modes.size());
    if (is_new) balls_.modes.push_back({.group = group, .verdicts = row});
    balls_.modes[place->second].neurons.push_back(k);
  }
  return {};
}

Step LimitSystem::solve_modes() {
  kernel_ = BallMatrix(n_, n_);
  for (ModeBalls& mode : balls_.modes) {
    if (auto open = solve_mode(mode)) return open;
    // margins_i += (count/m) ς_i α_i q Σ_l G_il ς_l b_l; a pair at zero adds nothing.
    const Ball weight = balls_.rate * Ball(static_cast<double>(mode.neurons.size())) / balls_.width;
    BallMatrix signed_effective = mode.effective;
    for (slong l = 0; l < n_; ++l) {
      if (sign(mode.group, l) > 0.0) continue;
      for (slong j = 0; j < n_; ++j) signed_effective.set(l, j, -signed_effective(l, j));
    }
    const BallMatrix pushed = balls_.gram * signed_effective;
    for (slong i = 0; i < n_; ++i) {
      if (is_switching(mode, i)) continue;
      const Ball factor = weight * Ball(sign(mode.group, i)) * slope(mode, i);
      for (slong j = 0; j < n_; ++j) kernel_.add_product(i, j, factor, pushed(i, j));
    }
  }
  return {};
}

/// b as a linear function of λ: pairs that switch have the b that keeps them at zero.
Step LimitSystem::solve_mode(ModeBalls& mode) {
  mode.effective = BallMatrix(n_, n_);
  std::vector<slong> switching, all;
  for (slong i = 0; i < n_; ++i) {
    all.push_back(i);
    if (is_switching(mode, i)) {
      switching.push_back(i);
      if (sign(mode.group, i) > 0.0) {
        return NotProved{
            fmt::format("{} is said to switch, and both are of the same class", pair_text(mode, i)),
            "no proof is known for that"};
      }
      if (pattern_.support[static_cast<std::size_t>(i)]) continue;
      return NotProved{fmt::format("{} is said to switch, and the sample is none of the support",
                                   pair_text(mode, i)),
                       degenerate};
    }
    mode.effective.set(i, i, slope(mode, i));
  }
  if (switching.empty()) return {};
  BallMatrix pushes(static_cast<slong>(switching.size()), n_);
  for (std::size_t r = 0; r < switching.size(); ++r) {
    for (slong j = 0; j < n_; ++j) {
      if (is_switching(mode, j)) continue;
      pushes.set(static_cast<slong>(r), j,
                 Ball(-sign(mode.group, j)) * slope(mode, j) * balls_.gram(switching[r], j));
    }
  }
  const auto solution = balls_.gram.block(switching, switching).solved(pushes);
  if (!solution) {
    return NotProved{
        fmt::format("the samples at which neuron {} switches depend on each other linearly, or "
                    "nearly so: their shares are not the only ones",
                    mode.neurons.front()),
        "leave out samples that are multiples of others"};
  }
  for (std::size_t r = 0; r < switching.size(); ++r) {
    const Ball side(sign(mode.group, switching[r]));
    for (slong j = 0; j < n_; ++j) {
      mode.effective.set(switching[r], j, side * (*solution)(static_cast<slong>(r), j));
    }
  }
  return {};
}

Step LimitSystem::solve_multipliers() {
  balls_.multipliers.assign(static_cast<std::size_t>(n_), Ball());
  if (support_.empty()) return NotProved{"no sample is of the support", "let the run go on"};
  BallMatrix ones(static_cast<slong>(support_.size()), 1);
  for (std::size_t r = 0; r < support_.size(); ++r) ones.set(static_cast<slong>(r), 0, one_);
  const auto solution = kernel_.block(support_, support_).solved(ones);
  if (!solution) {
    return NotProved{
        "the gradients of the margins on the support depend on each other linearly, or nearly so: "
        "the multipliers are not the only ones",
        "leave out samples that are multiples of others"};
  }
  for (std::size_t r = 0; r < support_.size(); ++r) {
    const Ball value = (*solution)(static_cast<slong>(r), 0);
    if (!value.is_positive()) {
      return NotProved{fmt::format("the multiplier of sample {} is not proved to be positive: {}",
                                   support_[r], value.text()),
                       degenerate};
    }
    balls_.multipliers[static_cast<std::size_t>(support_[r])] = value;
  }
  return {};
}

void LimitSystem::fill_in() {
  balls_.squared_norm = Ball();
  for (ModeBalls& mode : balls_.modes) fill_in(mode);
  balls_.margins.assign(static_cast<std::size_t>(n_), one_);
  for (slong i = 0; i < n_; ++i) {
    const auto index = static_cast<std::size_t>(i);
    if (balls_.support[index]) continue;
    balls_.margins[index] = Ball();
    for (const slong j : support_) {
      balls_.margins[index].add_product(kernel_(i, j),
                                        balls_.multipliers[static_cast<std::size_t>(j)]);
    }
  }
}

void LimitSystem::fill_in(ModeBalls& mode) {
  const auto n = static_cast<std::size_t>(n_);
  mode.multipliers.assign(n, Ball());
  mode.coefficients.assign(n, Ball());
  mode.preactivations.assign(n, Ball());
  for (slong l = 0; l < n_; ++l) {
    const auto index = static_cast<std::size_t>(l);
    for (const slong j : support_) {
      mode.multipliers[index].add_product(mode.effective(l, j),
                                          balls_.multipliers[static_cast<std::size_t>(j)]);
    }
    mode.coefficients[index] = balls_.rate * Ball(sign(mode.group, l)) * mode.multipliers[index];
  }
  Ball squared;
  for (slong i = 0; i < n_; ++i) {
    if (is_switching(mode, i)) continue;  // 0, as b was solved for
    Ball& z = mode.preactivations[static_cast<std::size_t>(i)];
    for (slong l = 0; l < n_; ++l) {
      z.add_product(balls_.gram(i, l), mode.coefficients[static_cast<std::size_t>(l)]);
    }
    squared.add_product(z, mode.coefficients[static_cast<std::size_t>(i)]);
  }
  balls_.squared_norm += squared * Ball(static_cast<double>(mode.neurons.size()));
}

Step LimitSystem::check_margins() const {
  for (std::size_t i = 0; i < balls_.margins.size(); ++i) {
    if (balls_.support[i] || one_ < balls_.margins[i]) continue;
    return NotProved{
        fmt::format("the margin of sample {}, off the support, is not proved to exceed "
                    "1: {}",
                    i, balls_.margins[i].text()),
        degenerate};
  }
  return {};
}

Step LimitSystem::check_pairs(const ModeBalls& mode) const {
  if (balls_.is_dead(mode)) return {};  // v = 0: every side is a subgradient's
  for (slong i = 0; i < n_; ++i) {
    if (auto open = check_pair(mode, i)) return open;
  }
  return {};
}

Step LimitSystem::check_pair(const ModeBalls& mode, slong i) const {
  const auto index = static_cast<std::size_t>(i);
  if (balls_.gram(i, i).is_zero()) return {};  // a sample of zeros
  if (is_switching(mode, i)) {
    const Ball share = mode.multipliers[index] / balls_.multipliers[index];
    if (balls_.slope < share && share < one_) return {};
    return NotProved{fmt::format("the slope of {}, which is said to switch, is not proved to lie "
                                 "between {:g} and 1: {}",
                                 pair_text(mode, i), shape_.slope, share.text()),
                     degenerate};
  }
  const Ball& z = mode.preactivations[index];
  const bool active = mode.verdicts[index] == PairVerdict::active;
  if (active ? z.is_positive() : z.is_negative()) return {};
  return NotProved{fmt::format("the pre-activation of {} in the limit is not proved to be {}: {}",
                               pair_text(mode, i), active ? "positive" : "negative", z.text()),
                   degenerate};
}

/// Σ c_i G c_j for the coefficients of these modes, scaled by their numbers of neurons.
BallMatrix products_of(const LimitBalls& limit, const std::vector<const ModeBalls*>& modes) {
  const slong n = limit.gram.rows();
  const auto count = static_cast<slong>(modes.size());
  BallMatrix coefficients(count, n);
  for (slong r = 0; r < count; ++r) {
    const ModeBalls& mode = *modes[static_cast<std::size_t>(r)];
    const Ball root = sqrt(Ball(static_cast<double>(mode.neurons.size())));
    for (slong l = 0; l < n; ++l) {
      coefficients.set(r, l, root * mode.coefficients[static_cast<std::size_t>(l)]);
    }
  }
  return coefficients * limit.gram * coefficients.transposed();
}

struct Spectrum {
  Enclosure stable_rank, spectral_norm;
};

/// Of the rows of these modes; nothing where all of them are 0.
std::optional<Spectrum> spectrum_of(const LimitBalls& limit,
                                    const std::vector<const ModeBalls*>& modes) {
  if (modes.empty()) return std::nullopt;
  const BallMatrix products = products_of(limit, modes);
  if (modes.size() == 1) return Spectrum{{1.0, 1.0}, sqrt(products(0, 0)).enclosure()};
  Ball trace;
  for (slong r = 0; r < products.rows(); ++r) trace += products(r, r);
  const Ball largest = largest_eigenvalue(products);
  Spectrum result{(trace / largest).enclosure(), sqrt(largest).enclosure()};
  result.stable_rank.lower = std::max(result.stable_rank.lower, 1.0);  // by definition
  return result;
}

}  // namespace

LimitTheorem limit_theorem(const LimitBalls& limit) {
  LimitTheorem theorem;
  theorem.support = limit.support;
  for (const Ball& multiplier : limit.multipliers) {
    theorem.multipliers.push_back(multiplier.enclosure());
  }
  for (const Ball& margin : limit.margins) theorem.margins.push_back(margin.enclosure());
  std::vector<const ModeBalls*> classes[2], all;
  for (const ModeBalls& mode : limit.modes) {
    if (limit.is_dead(mode)) {
      theorem.dead_neurons += static_cast<Eigen::Index>(mode.neurons.size());
      continue;
    }
    classes[mode.group].push_back(&mode);
    all.push_back(&mode);
    for (std::size_t i = 0; i < mode.verdicts.size(); ++i) {
      if (mode.verdicts[i] != PairVerdict::switches) continue;
      const Ball slope = mode.multipliers[i] / limit.multipliers[i];
      const Ball density = (slope - limit.slope) / (Ball(1.0) - limit.slope);
      for (const Eigen::Index k : mode.neurons) {
        theorem.switching.push_back(
            {k, static_cast<Eigen::Index>(i), slope.enclosure(), density.enclosure()});
      }
    }
  }
  Ball sum;
  for (const Ball& multiplier : limit.multipliers) sum += multiplier;
  theorem.loss_constant = log(sum / Ball(static_cast<double>(limit.support.size()))).enclosure();
  const Ball norm = sqrt(limit.squared_norm);
  theorem.norm = norm.enclosure();
  theorem.normalized_margin = (Ball(1.0) / norm).enclosure();
  const std::vector<const ModeBalls*>* parts[] = {&classes[0], &classes[1], &all};
  for (std::size_t part = 0; part < 3; ++part) {
    const auto spectrum = spectrum_of(limit, *parts[part]);
    if (!spectrum) continue;
    theorem.stable_ranks[part] = spectrum->stable_rank;
    theorem.spectral_norms[part] = spectrum->spectral_norm;
  }
  return theorem;
}

bool LimitBalls::is_dead(const ModeBalls& mode) const {
  return slope.is_zero() &&
         std::all_of(mode.verdicts.begin(), mode.verdicts.end(),
                     [](PairVerdict verdict) { return verdict == PairVerdict::inactive; });
}

BallMatrix gram_balls(const Samples& x) {
  const auto n = static_cast<slong>(x.rows());
  const auto d = static_cast<slong>(x.cols());
  BallMatrix samples(n, d);
  for (slong i = 0; i < n; ++i) {
    for (slong j = 0; j < d; ++j) samples.set(i, j, Ball(x(i, j)));
  }
  return samples * samples.transposed();
}

Ball largest_eigenvalue(const BallMatrix& matrix) {
  const slong size = matrix.rows();
  Eigen::MatrixXd rounded(size, size);
  for (slong i = 0; i < size; ++i) {
    for (slong j = 0; j < size; ++j) rounded(i, j) = matrix(i, j).middle();
  }
  const SymmetricEigen spectrum = symmetric_eigen(rounded);
  const Eigen::VectorXd direction = spectrum.vectors.col(size - 1);
  Ball quotient, square;
  for (slong i = 0; i < size; ++i) {
    for (slong j = 0; j < size; ++j) {
      quotient.add_product(Ball(direction[i]) * Ball(direction[j]), matrix(i, j));
    }
    square.add_product(Ball(direction[i]), Ball(direction[i]));
  }
  const Ball lower = quotient / square;  // Rayleigh: never above the largest
  for (double slack = eigenvalue_slack; slack <= 1.0; slack *= 1024.0) {
    const Ball upper = lower * Ball(1.0 + slack);
    BallMatrix difference(size, size);
    for (slong i = 0; i < size; ++i) {
      for (slong j = 0; j < size; ++j) difference.set(i, j, -matrix(i, j));
      difference.add(i, i, upper);
    }
    if (!difference.is_positive_definite()) continue;
    return hull(lower, upper);
  }
  Ball trace = lower;  // at most the sum of all
  for (slong i = 0; i < size; ++i) trace += matrix(i, i);
  return hull(lower, trace);
}

Proof<LimitBalls> enclose_limit(const Problem& problem, const LimitPattern& pattern) {
  const auto n = static_cast<std::size_t>(problem.samples());
  if (pattern.support.size() != n ||
      pattern.verdicts.size() != n * static_cast<std::size_t>(problem.neurons())) {
    throw std::invalid_argument("enclose_limit: a pattern of another size");
  }
  require_named(problem.loss, "enclose_limit");
  if (!(problem.learning_rate > 0.0))
    return NotProved{"the learning rate is 0", "train with one above 0"};
  return LimitSystem(problem, pattern).solve();
}

Proof<LimitTheorem> prove_limit(const Problem& problem, const LimitPattern& pattern) {
  const Proof<LimitBalls> limit = enclose_limit(problem, pattern);
  if (!is_proved(limit)) return std::get<NotProved>(limit);
  return limit_theorem(std::get<LimitBalls>(limit));
}

}  // namespace latetime
