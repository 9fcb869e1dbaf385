// Level C: exact descent from the initial weights, followed with proof.

#include <algorithm>
#include <cmath>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "latetime/prove/bounds.hpp"
#include "latetime/prove/reference_curve.hpp"
#include "latetime/prove/run_proof.hpp"

namespace latetime {
namespace {

// The largest error of a margin with which signs are still looked for: what steps add is counted on
// the way (margin_error_), and is far less. |φ'| ≤ φ, so a multiplier is off by no more than that
// times the largest one.
constexpr double largest_error = 0x1p-90;
// Of the exponential loss; multipliers of the logistic one are below 1.
constexpr double largest_exponential_multiplier = 64.0;
// Bits of sums over steps, and of the pre-activations that are made of them: pairs that hop for
// ever turn millions of times, and each turn takes what z is off by into the margin.
constexpr slong sum_precision = 192;
constexpr std::uint64_t most_steps = 1U << 24U;
constexpr int most_terms = 64;
constexpr double term_end = 0x1p-140;  // of the series of e^{−Δu}, relative

/// Makes the ball its midpoint. Returns its radius.
double take_middle(Ball& ball) {
  const double radius = mag_get_d(arb_radref(ball.get()));
  mag_zero(arb_radref(ball.get()));
  return radius;
}

class ExactReplay {
 public:
  /// Refers to the problem.
  explicit ExactReplay(const ProofProblem& problem)
      : p_(problem),
        n_(problem.n()),
        initial_(problem.problem().initial.weights),
        largest_multiplier_(is_logistic() ? 1.0 : largest_exponential_multiplier),
        gamma_(problem.gamma()) {
    start_ = preactivation_balls(problem, initial_);
    for (const BallVector& row : start_) {
      std::vector<bool> on;
      for (const Ball& value : row) on.push_back(!value.is_negative());
      active_.push_back(std::move(on));
    }
    total_.assign(at(n_), Ball());
    reach_.assign(at(n_), 0.0);
    due_.resize(at(n_));
    sums_.assign(at(p_.neurons()), BallVector(at(n_)));
    since_ = sums_;
    row_sum_ = above(p_.rate() * p_.output() * p_.gram_size().rowwise().sum().maxCoeff());
    count_slopes();
    kernel_.assign(at(n_), BallVector(at(n_)));
    signed_gram_ = kernel_;
    for (Eigen::Index i = 0; i < n_; ++i) {
      for (Eigen::Index l = 0; l < n_; ++l) {
        signed_gram_[at(i)][at(l)] = Ball(p_.label(l)) * p_.gram()(i, l);
      }
    }
    for (Eigen::Index j = 0; j < n_; ++j) fill_kernel(j);
    start_margins();
    for (Eigen::Index k = 0; k < p_.neurons(); ++k) {
      for (Eigen::Index i = 0; i < n_; ++i) schedule(k, i, start_[at(k)][at(i)]);
    }
  }

  std::uint64_t step() const { return step_; }

  void advance(std::uint64_t steps) {
    if (steps > most_steps || step_ + steps > most_steps) {
      throw Unproved(
          fmt::format("rounding is bounded for {} steps from the initial weights on, and "
                      "there are more",
                      most_steps),
          "prove from an earlier step, or at level B");
    }
    for (std::uint64_t s = 0; s < steps; ++s) take_step();
  }

  double distance(const Matrix& weights) const {
    const Eigen::Index d = weights.cols();
    Ball square;
    for (Eigen::Index k = 0; k < p_.neurons(); ++k) {
      BallVector c(at(n_));
      const Ball scale = p_.factor() * Ball(p_.sign(k));
      for (Eigen::Index i = 0; i < n_; ++i) {
        c[at(i)] = scale * Ball(p_.label(i)) * coefficient(k, i);
      }
      for (Eigen::Index j = 0; j < d; ++j) {
        Ball off = Ball(weights(k, j)) - Ball(initial_(k, j));
        for (Eigen::Index i = 0; i < n_; ++i) off -= c[at(i)] * Ball(p_.data().x(i, j));
        square.add_product(off, off);
      }
    }
    return above(sqrt(square).upper() + drift());
  }

 private:
  bool is_logistic() const { return p_.problem().loss == logistic; }

  /// A pair that has to be looked at again when `reach` of its sample has come so far.
  struct Due {
    double reach;
    Eigen::Index neuron;
    bool operator<(const Due& other) const { return reach > other.reach; }
  };

  /// ‖δ‖ of docs/proofs.md, 9, of margins that are off by this.
  double error_of_steps(double margin_error) const {
    return p_.length(Vector::Constant(n_, largest_multiplier_ * margin_error));
  }
  /// e_t of docs/proofs.md, 9.
  double drift() const { return above(static_cast<double>(step_) * error_of_steps(margin_error_)); }

  /// Lemma 1's r < 1 (docs/proofs.md, 9), with the largest multiplier of a step.
  void require_short_step(double largest) const {
    if (largest <= largest_multiplier_ && row_sum_ * largest < 0.999) return;
    throw Unproved(
        fmt::format("step {} may be longer than the curvature of the loss allows", step_),
        "train with a smaller learning rate");
  }

  double slope(Eigen::Index k, Eigen::Index i) const {
    return active_[at(k)][at(i)] ? 1.0 : p_.gamma();
  }

  void count_slopes() {
    for (auto& count : counts_) count = Eigen::MatrixXi::Zero(n_, n_);
    for (Eigen::Index k = 0; k < p_.neurons(); ++k) count_neuron(k, 1);
  }
  /// counts_[a + 2 b](j, l): neurons with activations a at j and b at l.
  void count_neuron(Eigen::Index k, int times) {
    for (Eigen::Index j = 0; j < n_; ++j) {
      for (Eigen::Index l = 0; l < n_; ++l) {
        counts_[active_[at(k)][at(j)] + 2 * active_[at(k)][at(l)]](j, l) += times;
      }
    }
  }
  /// Row and column j: change of u_j for a unit of g_l.
  void fill_kernel(Eigen::Index j) {
    const Ball width(static_cast<double>(p_.shape().width)), gamma(p_.gamma());
    for (Eigen::Index l = 0; l < n_; ++l) {
      Ball slopes(static_cast<double>(counts_[3](j, l)));
      slopes.add_product(gamma, Ball(static_cast<double>(counts_[1](j, l) + counts_[2](j, l))));
      slopes.add_product(gamma * gamma, Ball(static_cast<double>(counts_[0](j, l))));
      const Ball entry =
          p_.factor() / width * slopes * Ball(p_.label(j) * p_.label(l)) * p_.gram()(j, l);
      kernel_[at(j)][at(l)] = entry;
      kernel_[at(l)][at(j)] = entry;
    }
  }

  void start_margins() {
    odds_.resize(at(n_));
    multipliers_.resize(at(n_));
    const Ball width(static_cast<double>(p_.shape().width));
    for (Eigen::Index i = 0; i < n_; ++i) {
      Ball sum;
      for (Eigen::Index k = 0; k < p_.neurons(); ++k) {
        sum.add_product(Ball(p_.sign(k) * slope(k, i)), start_[at(k)][at(i)]);
      }
      odds_[at(i)] = exp(-(Ball(p_.label(i)) * sum / width));
      settle_odds(i);
    }
  }

  /// Makes e^{−u_i} exact, and counts what that is off by, of itself.
  void settle_odds(Eigen::Index i) {
    const double radius = take_middle(odds_[at(i)]);
    const double size = below(odds_[at(i)].lower());
    if (size > 0.0) count_error(radius / size);
    if (!(size > 0.0) || !(margin_error_ < largest_error)) {
      throw Unproved(fmt::format("the rounding of steps is not bounded at step {}", step_),
                     "take smaller initial weights, or prove from a later step (level B)");
    }
  }
  void count_error(double error) { margin_error_ = above_sum(margin_error_, above(error)); }

  /// Multiplies e^{−u_i} by e^{−change}.
  void change_margin(Eigen::Index i, Ball change) {
    count_error(take_middle(change));
    const double size = change.magnitude();
    if (size > 0.25) {
      odds_[at(i)] *= exp(-change);
      settle_odds(i);
      return;
    }
    Ball factor(1.0), term(1.0);
    double left = 1.0;
    for (int k = 1; k < most_terms && left > term_end; ++k) {
      term *= -change / Ball(static_cast<double>(k));
      factor += term;
      left *= size / k;
    }
    count_error(2.0 * left);
    odds_[at(i)] *= factor;
    settle_odds(i);
  }

  void take_step() {
    for (std::size_t i = 0; i < at(n_); ++i) {
      multipliers_[i] = is_logistic() ? odds_[i] / (one_ + odds_[i]) : odds_[i];
      count_error(take_middle(multipliers_[i]));
    }
    double largest = 0.0;
    for (const Ball& multiplier : multipliers_) {
      largest = std::max(largest, above(multiplier.middle()));
    }
    require_short_step(largest);
    for (Eigen::Index i = 0; i < n_; ++i) {
      change_margin(i, dot(kernel_[at(i)], multipliers_));
      arb_struct* total = total_[at(i)].get();
      arb_add(total, total, multipliers_[at(i)].get(), sum_precision);
    }
    ++step_;
    Vector sizes(n_);
    for (Eigen::Index i = 0; i < n_; ++i) sizes[i] = multipliers_[at(i)].middle();
    const Vector moves = p_.gram_size() * sizes * above(p_.rate() * p_.output());
    for (Eigen::Index i = 0; i < n_; ++i) {
      reach_[at(i)] = above_sum(reach_[at(i)], above(moves[i]));
      look_at_due(i);
    }
  }

  /// For sums of millions of terms: rounded up one by one.
  static double above_sum(double a, double b) {
    return std::nextafter(a + b, std::numeric_limits<double>::infinity());
  }

  void look_at_due(Eigen::Index i) {
    auto& queue = due_[at(i)];
    changed_.clear();
    while (!queue.empty() && queue.top().reach <= reach_[at(i)]) {
      const Eigen::Index k = queue.top().neuron;
      queue.pop();
      changed_.push_back(k);
    }
    for (const Eigen::Index k : changed_) {
      const Ball z = preactivation(k, i);
      if (schedule(k, i, z) != active_[at(k)][at(i)]) turn(k, i, z);
    }
  }

  Ball coefficient(Eigen::Index k, Eigen::Index i) const {
    Ball result;
    arb_sub(result.get(), total_[at(i)].get(), since_[at(k)][at(i)].get(), sum_precision);
    if (!active_[at(k)][at(i)]) {
      arb_mul(result.get(), result.get(), gamma_.get(), sum_precision);
    }
    arb_add(result.get(), result.get(), sums_[at(k)][at(i)].get(), sum_precision);
    return result;
  }

  Ball preactivation(Eigen::Index k, Eigen::Index i) const {
    Ball sum;
    for (Eigen::Index l = 0; l < n_; ++l) {
      const Ball& pull = signed_gram_[at(i)][at(l)];
      arb_addmul(sum.get(), pull.get(), coefficient(k, l).get(), sum_precision);
    }
    if (p_.sign(k) < 0.0) arb_neg(sum.get(), sum.get());
    arb_mul(sum.get(), sum.get(), p_.factor().get(), sum_precision);
    arb_add(sum.get(), sum.get(), start_[at(k)][at(i)].get(), sum_precision);
    return sum;
  }

  /// When to look at the pair again; its sign.
  bool schedule(Eigen::Index k, Eigen::Index i, const Ball& z) {
    const Enclosure bounds = z.enclosure();
    const double distance = std::max(bounds.lower, -bounds.upper);
    // What exact descent may be off by then, with more steps than are ever taken.
    const double slack =
        above(static_cast<double>(most_steps) * error_of_steps(largest_error) * p_.norm()[i]);
    const double room = below(distance) - slack;
    if (!(room > 0.0)) {
      throw Unproved(
          fmt::format("the sign of the pre-activation of neuron {} at sample {} is not known at "
                      "step {}",
                      k, i, step_),
          "take other initial weights, or prove from a later step (level B)");
    }
    due_[at(i)].push({below(reach_[at(i)] + room), k});
    return bounds.lower > 0.0;
  }

  /// The pair has changed its side in the last step.
  void turn(Eigen::Index k, Eigen::Index i, const Ball& z) {
    sums_[at(k)][at(i)] = coefficient(k, i);
    since_[at(k)][at(i)] = total_[at(i)];
    const double before = slope(k, i);
    count_neuron(k, -1);
    active_[at(k)][at(i)] = !active_[at(k)][at(i)];
    count_neuron(k, 1);
    fill_kernel(i);
    // The margin has moved with the old slope: y a (σ'(new) − σ'(old)) z is missing.
    change_margin(i, Ball(p_.label(i) * p_.sign(k)) * (Ball(slope(k, i)) - Ball(before)) * z /
                         Ball(static_cast<double>(p_.shape().width)));
  }

  const ProofProblem& p_;
  Eigen::Index n_;
  const Matrix& initial_;
  std::vector<BallVector> start_;  ///< z of W_0
  std::vector<std::vector<bool>> active_;
  Eigen::MatrixXi counts_[4];
  std::vector<BallVector> kernel_;
  std::vector<BallVector> signed_gram_;  ///< y_l ⟨x_i, x_l⟩
  BallVector odds_, multipliers_;        ///< e^{−u}, g̃
  BallVector total_;                     ///< Σ g̃ over all steps, with the rounding of the sum
  /// Σ g̃ σ'(z) of each pair until its last change, and Σ g̃ then.
  std::vector<BallVector> sums_, since_;
  std::vector<double> reach_;  ///< how far a pre-activation at the sample can have moved in all
  std::vector<std::priority_queue<Due>> due_;
  std::vector<Eigen::Index> changed_;
  std::uint64_t step_ = 0;
  double row_sum_ = 0.0;       ///< at least (q/m) max_i Σ_l |⟨x_i, x_l⟩|
  double margin_error_ = 0.0;  ///< what every margin at every step so far is off by at most
  double largest_multiplier_;  ///< of all steps: larger ones are refused
  Ball one_ = 1.0, gamma_;
};

}  // namespace

class DescentReplay::State {
 public:
  explicit State(const Problem& problem) : problem_(problem) {}

  Proof<double> distance(std::uint64_t step, const Matrix& weights,
                         const std::function<bool(std::uint64_t)>& keep_going) {
    constexpr std::uint64_t at_once = 256;
    try {
      if (!facts_) facts_.emplace(problem_);
      if (!replay_) replay_.emplace(*facts_);
      while (replay_->step() < step) {
        if (keep_going && !keep_going(replay_->step())) throw Interrupted();
        replay_->advance(std::min(at_once, step - replay_->step()));
      }
      return replay_->distance(weights);
    } catch (const Unproved& open) {
      return open.proof;
    } catch (const Interrupted&) {
      return stopped_proof();
    }
  }

 private:
  const Problem problem_;
  std::optional<ProofProblem> facts_;
  std::optional<ExactReplay> replay_;
};

DescentReplay::DescentReplay(const Problem& problem) : state_(std::make_unique<State>(problem)) {}
DescentReplay::~DescentReplay() = default;
DescentReplay::DescentReplay(DescentReplay&&) noexcept = default;

Proof<double> DescentReplay::distance(std::uint64_t step, const Matrix& weights,
                                      const std::function<bool(std::uint64_t)>& keep_going) {
  return state_->distance(step, weights, keep_going);
}

}  // namespace latetime
