#include "latetime/dynamics/late_flow.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "latetime/base/log_domain.hpp"
#include "latetime/model/blas.hpp"
#include "latetime/optimize/nonnegative_qp.hpp"

namespace latetime {
namespace {

// At a hand-over, pairs within this many largest possible single steps of zero may be sliding.
constexpr double entry_band = 3.0;

// The sum of hops of independent phases is below this many times the root of their squares.
constexpr double many_hops = 2.0;

// Pre-activations below this part of the largest count as zero at the start.
constexpr double zero_at_start = 1e-15;

// Mean offsets are computed afresh when multipliers have moved by this part of the largest, while
// 1/t is above that.
constexpr double offset_drift = 0.02;
// Those that have a closed form cost nothing, and follow log t.
constexpr double closed_form_period = 0.25;
constexpr double last_offset_inverse_time = 1e-10;

// Largest step of the integrator in θ. Longer ones are taken only once λ is where it goes, to this
// part of the largest multiplier (times θ, the size of the margins).
constexpr double longest_curved_step = 8.0;
constexpr double steady_tolerance = 1e-13;
constexpr double time_of_no_corrections = 40.0;

constexpr std::uint64_t most_steps_per_unit = 5'000;

// After so many steps in one unit of log time, samples that have come to rest are looked for.
constexpr std::uint64_t steps_before_rest = 250;

// λ_i κ_ii, of order one at late times, beyond which no integration step is worth while.
constexpr double stiffness = 300.0;

// Pushes of samples at rest cancel to this part of them.
constexpr double rest_tolerance = 1e-9;

// A neuron that leaves the origin of a span leaves by the first ray that rises only where all
// others fall by more than this part of their terms.
constexpr double rival_tolerance = 0.05;

// What the lag of samples at rest is off by, a part of its square.
constexpr double second_order_of_lag = 4.0;

// The term of third order of the modified equation is below this part of p³; not looked for while
// 1/t³ is below that.
constexpr double rest_of_series = 0.5;
constexpr double step_of_no_series = 1e-24;

// λ of samples that nothing follows grows with t; it stays a number.
constexpr double largest_log_multiplier = 650.0;

/// ‖ΔW‖_F when s changes by that much, of its image κ s: ‖ΔW‖² = q m sᵀ κ s.
double weight_change(const FlowProblem& problem, const Vector& s, const Vector& image) {
  const double square = problem.rate * static_cast<double>(problem.shape.width) * s.dot(image);
  return std::sqrt(std::max(0.0, square));
}

/// λ = t g at u − θ = gaps.
Vector multipliers_of(double theta, const Vector& gaps) {
  return gaps.unaryExpr([theta](double gap) {
    // softplus(u) = u to rounding once u > 37.
    const double log = gap + theta > 37.0 ? -gap : theta - softplus(gap + theta);
    return std::exp(std::min(log, largest_log_multiplier));
  });
}

}  // namespace

std::string explain(FlowStatus status) {
  switch (status) {
    case FlowStatus::reached:
      return "";
    case FlowStatus::interrupted:
      return "stopped on request";
    case FlowStatus::too_many_events:
      return "activations change more often in log t than the late-time flow resolves";
    case FlowStatus::too_stiff:
      return "the margins move too fast in log t for the late-time flow; the samples may not be "
             "separable";
    case FlowStatus::too_long:
      return "following activations in log t takes longer than exact steps";
    case FlowStatus::not_finite:
      return "the late-time flow left the range of floating-point numbers";
  }
  return "";
}

LateFlow::LateFlow(const FlowProblem& problem, const FlowStart& start, const FlowOptions& options)
    : problem_(problem),
      options_(options),
      theta_(start.log_time),
      initial_preactivations_(start.preactivations),
      coefficients_(start.coefficients),
      z_(start.preactivations),
      stepper_(
          problem.samples(), [this](double delta, const Vector& x) { return rates(delta, x); },
          [this](const Vector& error) {
            return (kernel_ * error).cwiseAbs().maxCoeff() / options_.step_tolerance;
          }) {
  add_product(Matrix(-coefficients_), problem_.gram, initial_preactivations_);
  const Eigen::Index n = problem_.samples();
  s_ = Vector::Zero(n);
  offset_ = Vector::Zero(n);
  neurons_.resize(static_cast<std::size_t>(problem_.neurons()));
  for (Eigen::Index k = 0; k < problem_.neurons(); ++k) {
    Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
    neuron.group = problem_.group_of(k);
    neuron.mode.active.resize(static_cast<std::size_t>(n));
    for (Eigen::Index i = 0; i < n; ++i) {
      neuron.mode.active[static_cast<std::size_t>(i)] = z_(k, i) >= 0.0 ? 1 : 0;
    }
    neuron.since = s_;
    neuron.error = options_.preactivation_error;
  }
  start_from_zero();
  rebase();
  enter();
}

/// Folds that begin at zero exactly (W⁰ = 0, gradient flow that starts on a boundary) go on from
/// where the first step takes them, σ'(0) = 1 at all of them.
void LateFlow::start_from_zero() {
  const Eigen::Index n = problem_.samples();
  Vector lambda = Vector::Zero(n);
  for (Eigen::Index k = 0; k < problem_.neurons(); ++k) {
    for (Eigen::Index i = 0; i < n; ++i) {
      lambda[i] +=
          problem_.sign(problem_.group_of(k), i) * activation(z_(k, i), problem_.shape.slope);
    }
  }
  lambda /= static_cast<double>(problem_.shape.width);
  for (double& u : lambda) u = std::exp(theta_ - softplus(u));
  int from_origin[] = {-1, -1};
  for (Eigen::Index k = 0; k < problem_.neurons(); ++k) {
    Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
    const double tiny = zero_at_start * z_.cwiseAbs().maxCoeff();
    std::vector<Eigen::Index> folds;
    for (Eigen::Index i = 0; i < n; ++i) {
      if (!problem_.leads(i)) continue;
      if (std::abs(z_(k, i)) <= tiny && problem_.gram(i, i) > 0.0) {
        folds.push_back(i);
      } else {
        set_side(problem_, i, z_(k, i) >= 0.0, neuron.mode);
      }
    }
    if (folds.empty()) continue;
    // Neurons that begin at the origin go alike.
    const bool at_origin = z_.row(k).isZero(0.0);
    const int first_alike = from_origin[neuron.group];
    if (at_origin && first_alike >= 0) {
      neuron.mode = neurons_[static_cast<std::size_t>(first_alike)].mode;
      continue;
    }
    if (at_origin) from_origin[neuron.group] = static_cast<int>(k);
    leave_zero(problem_, neuron.group, lambda, folds, neuron.mode);
    if (doubts(neuron.mode)) ++undecided_;
  }
}

/// Finds the pairs that gradient descent is already switching for ever: those within a few steps of
/// zero that the subgradient of least norm would hold there.
void LateFlow::enter() {
  const Vector lambda = drive();
  const double steps = options_.of_descent ? entry_band * std::exp(-theta_) : 0.0;
  const Vector band = steps * (problem_.reach * lambda);
  for (Eigen::Index k = 0; k < problem_.neurons(); ++k) {
    Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
    std::vector<Eigen::Index> near;
    // In gradient flow what is at zero has been decided.
    for (Eigen::Index i = 0; options_.of_descent && i < problem_.samples(); ++i) {
      if (!problem_.leads(i) || !(std::abs(z_(k, i)) <= band[i] || neuron.mode.at_zero(i)))
        continue;
      if (fold_bounds(problem_, neuron.group, i, lambda).holds()) near.push_back(i);
    }
    const std::vector<std::uint8_t> signs = neuron.mode.active;
    for (bool settled = near.empty(); !settled;) {
      resolve_mode(problem_, neuron.group, lambda, near, neuron.mode);
      // Pairs that do not stay at zero keep the side that they are really on.
      settled = true;
      std::vector<Eigen::Index> staying;
      for (const Eigen::Index i : near) {
        if (neuron.mode.at_zero(i)) staying.push_back(i);
      }
      for (const Eigen::Index i : near) {
        const auto index = static_cast<std::size_t>(i);
        if (std::binary_search(staying.begin(), staying.end(), i)) continue;
        if (neuron.mode.active[index] != signs[index]) settled = false;
        set_side(problem_, i, signs[index] != 0, neuron.mode);
      }
      near = std::move(staying);
      if (near.empty() && !settled) {
        resolve_mode(problem_, neuron.group, lambda, near, neuron.mode);
        settled = true;
      }
    }
    if (options_.of_descent && doubts(neuron.mode)) ++undecided_;
    if (!neuron.mode.slides()) continue;
    const Vector move = to_zero(neuron.mode, z_.row(k));
    for (std::size_t s = 0; s < neuron.mode.sliding.size(); ++s) {
      coefficients_(k, neuron.mode.sliding[s]) += move[static_cast<Eigen::Index>(s)];
    }
  }
  for (Neuron& neuron : neurons_) neuron.entry_sliding = neuron.mode.sliding;
  entered_ = true;
  rebase();
  refresh_offset();
  stepper_.restart();
}

/// Brings every neuron up to date, recomputes Z from C, and counts s from zero again.
void LateFlow::rebase() {
  for (Eigen::Index k = 0; k < problem_.neurons(); ++k) sync(k);
  const Matrix before = z_;
  z_ = initial_preactivations_;
  add_product(coefficients_, problem_.gram, z_);
  keep_sides(before);
  s_ = Vector::Zero(problem_.samples());
  travel_ = Vector::Zero(problem_.samples());
  lambda_variation_ = 0.0;
  for (Eigen::Index k = 0; k < problem_.neurons(); ++k) {
    Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
    neuron.since = s_;
    for (const Eigen::Index i : neuron.mode.pairs_at_zero()) z_(k, i) = 0.0;
  }
  refresh_gaps();
  rebuild_kernel();
  take_plateau();
  last_lambda_ = rates(0.0, Vector::Zero(problem_.samples()));
  for (Eigen::Index k = 0; k < problem_.neurons(); ++k) refresh_bounds(k);
  stepper_.restart();
}

/// Where only rounding puts a pair on the other side of zero, it stays where it was.
void LateFlow::keep_sides(const Matrix& before) {
  for (Eigen::Index k = 0; k < z_.rows(); ++k) {
    const NeuronMode& mode = neurons_[static_cast<std::size_t>(k)].mode;
    for (Eigen::Index i = 0; i < z_.cols(); ++i) {
      const double side = mode.active[static_cast<std::size_t>(i)] ? 1.0 : -1.0;
      if (side * z_(k, i) >= 0.0 || side * before(k, i) < 0.0) continue;
      initial_preactivations_(k, i) += before(k, i) - z_(k, i);
      z_(k, i) = before(k, i);
    }
  }
}

/// Margins from the pre-activations.
void LateFlow::refresh_gaps() {
  Vector margins = Vector::Zero(problem_.samples());
  for (Eigen::Index k = 0; k < problem_.neurons(); ++k) {
    const Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
    for (Eigen::Index i = 0; i < problem_.samples(); ++i) {
      const double slope =
          neuron.mode.active[static_cast<std::size_t>(i)] ? 1.0 : problem_.shape.slope;
      margins[i] += problem_.sign(neuron.group, i) * slope * z_(k, i);
    }
  }
  gap_ = (margins / static_cast<double>(problem_.shape.width)).array() - theta_;
}

/// Whether crossing zero at fold l changes the push t g* of samples at rest: not where its samples
/// are none of them, or balance each other (one sample under both labels).
bool LateFlow::disturbs(const Plateau& plateau, int group, Eigen::Index l) const {
  const FoldBounds bounds = fold_bounds(problem_, group, l, plateau.rest);
  double size = 0.0;
  for (const Eigen::Index i : problem_.members[static_cast<std::size_t>(l)]) {
    size += std::abs(problem_.ratio[static_cast<std::size_t>(i)]) * plateau.rest[i];
  }
  return std::abs(bounds.above - bounds.below) > rest_tolerance * size;
}

/// Whether the modes are those of samples at rest: no pair at zero disturbs them (it would hop by
/// steps that do not shrink), and their push t g* on sliding pairs cancels.
bool LateFlow::holds_plateau(const Plateau& plateau) const {
  for (const Neuron& neuron : neurons_) {
    for (const Eigen::Index i : neuron.mode.pairs_at_zero()) {
      if (problem_.leads(i) && disturbs(plateau, neuron.group, i)) return false;
    }
    if (!neuron.mode.slides()) continue;
    const Vector push = neuron.mode.share * plateau.rest;
    const Vector size = neuron.mode.share.cwiseAbs() * plateau.rest;
    if ((push.cwiseAbs().array() > rest_tolerance * size.array()).any()) return false;
  }
  return true;
}

/// Looks for samples at rest, all neurons up to date, and leaves them out of what is integrated.
void LateFlow::take_plateau() {
  const std::optional<Plateau> before = std::exchange(plateau_, std::nullopt);
  const Unrest left = unrest();
  reach_ = problem_.reach;
  if (!entered_) return;
  plateau_ = find_plateau(kernel_, gap_.array() + theta_, theta_, asleep_, before);
  if (!plateau_) return;
  if (!holds_plateau(*plateau_)) {
    plateau_.reset();
    return;
  }
  for (Eigen::Index k = 0; k < problem_.neurons(); ++k) {
    add_gain(k, gain_of(neurons_[static_cast<std::size_t>(k)], plateau_->approach));
  }
  refresh_gaps();
  const double weights = weight_change(problem_, plateau_->approach, kernel_ * plateau_->approach);
  unrest_ = {left.margins + plateau_->distance, left.weights + weights};
  unrest_time_ = theta_;
  relaxation_ = plateau_->relaxation;
  reach_ = problem_.reach * plateau_->response.cwiseAbs();
  Eigen::MatrixXd kernel = kernel_ * plateau_->response;
  for (const Eigen::Index i : plateau_->samples) kernel.row(i).setZero();
  lag_ = kernel_ * plateau_->lag;
  kernel_ = 0.5 * (kernel + kernel.transpose());
}

LateFlow::Unrest LateFlow::unrest() const {
  const double passed = std::exp(unrest_time_) * std::expm1(theta_ - unrest_time_);
  const double left = relaxation_ > 0.0 ? std::exp(-relaxation_ * passed) : 1.0;
  Unrest result{left * unrest_.margins, left * unrest_.weights};
  if (plateau_ && theta_ < time_of_no_corrections) {
    // The lag is right to first order in 1/t.
    const Vector lambda = rates(0.0, Vector::Zero(problem_.samples()));
    const Vector s = std::exp(-theta_) * (plateau_->lag * lambda);
    const Vector lag = std::exp(-theta_) * (lag_ * lambda);
    const double margins = lag.cwiseAbs().maxCoeff();
    const double weights = weight_change(problem_, s, lag);
    result.margins += second_order_of_lag * margins * margins;
    result.weights += second_order_of_lag * margins * weights;
  }
  return result;
}

/// Whether margins relax much faster than log t: samples rest, but not so that they can be left
/// out.
bool LateFlow::stiff() const {
  const Vector rates_now = rates(0.0, Vector::Zero(problem_.samples()));
  return (kernel_.diagonal().cwiseProduct(rates_now)).maxCoeff() > stiffness;
}

/// Whether a neuron may go otherwise than its mode says: at the origin of a span it stands a hop
/// away on any side, and turns back from there only while the ray of that side still falls. It
/// takes hop / |h| to do so, and h moves by that much in the meantime.
bool LateFlow::doubts(const NeuronMode& mode) const {
  const double hops = options_.of_descent ? 4.0 * std::exp(-0.5 * theta_) : 0.0;
  return mode.doubtful || mode.rival > -std::max(rival_tolerance, hops);
}

/// λ, or s, with what holds the samples at rest in their places.
Vector LateFlow::driven(Vector lambda) const {
  if (!plateau_) return lambda;
  return plateau_->response * lambda;
}

/// The row r' with r'·λ = r·driven(λ).
Vector LateFlow::driven_row(Vector row) const {
  if (!plateau_) return row;
  return plateau_->response.transpose() * row;
}

void LateFlow::rebuild_kernel() {
  kernel_ = Eigen::MatrixXd::Zero(problem_.samples(), problem_.samples());
  for (const Neuron& neuron : neurons_) {
    add_kernel(problem_, neuron.group, neuron.mode, 1.0, kernel_);
  }
  changes_since_rebuild_ = 0;
  steady_lambda_.resize(0);
  refresh_asleep();
}

/// Samples that enter nothing: their t g grows without bound, and must not be followed.
void LateFlow::refresh_asleep() {
  asleep_.assign(static_cast<std::size_t>(problem_.samples()), 1);
  for (Eigen::Index i = 0; i < problem_.samples(); ++i) {
    if (!(problem_.gram(i, i) > 0.0)) continue;
    const auto index = static_cast<std::size_t>(i);
    for (const Neuron& neuron : neurons_) {
      if (problem_.shape.slope == 0.0 && !neuron.mode.active[index] && !neuron.mode.at_zero(i))
        continue;
      asleep_[index] = 0;
      break;
    }
  }
}

/// u − θ, `delta` in log time and x in s after the present moment.
Vector LateFlow::gaps_at(double delta, const Vector& x) const {
  const double inverse_time = std::exp(-(theta_ + delta));
  Vector gaps = gap_ + kernel_ * x + inverse_time * offset_;
  gaps.array() -= delta;
  // Samples at rest lag behind by what the others' multipliers ask for, to the next order in 1/t.
  if (plateau_ && inverse_time > 1e-17) {
    gaps += inverse_time * (lag_ * multipliers_of(theta_ + delta, gaps));
  }
  return gaps;
}

bool LateFlow::offset_due() const {
  if (!options_.of_descent || !options_.switching_means) return false;
  if (std::exp(-theta_) < last_offset_inverse_time) return false;
  return offset_stale_ || theta_ > offset_time_ + closed_form_period ||
         (driven(last_lambda_) - offset_lambda_).cwiseAbs().maxCoeff() >
             offset_drift * last_lambda_.maxCoeff();
}

/// The mean offset of the margins for the present modes and multipliers. Where only an event has
/// changed a few neurons, the others keep theirs.
void LateFlow::refresh_offset() {
  offset_.setZero();
  offset_stale_ = false;
  offset_time_ = theta_;
  if (!options_.of_descent || !options_.switching_means) return;
  const Vector lambda = driven(rates(0.0, Vector::Zero(problem_.samples())));
  const bool drifted =
      offset_lambda_.size() == 0 ||
      (lambda - offset_lambda_).cwiseAbs().maxCoeff() > 0.5 * offset_drift * lambda.maxCoeff();
  if (drifted) offset_lambda_ = lambda;
  for (Neuron& neuron : neurons_) {
    if (!neuron.mode.slides()) continue;
    const bool closed_form = neuron.mode.sliding.size() == 1;
    if (drifted || closed_form || neuron.mean.preactivation.size() == 0) {
      neuron.mean = switching_mean(problem_, neuron.group, neuron.mode, lambda);
    }
    add_margin_offset(problem_, neuron.group, neuron.mode, neuron.mean, offset_);
  }
  // Margins at rest are so on average, hops included: the others are moved by what keeps them
  // there.
  if (plateau_) offset_ = plateau_->response.transpose() * offset_;
}

Vector LateFlow::lambda_at(double delta, const Vector& x) const {
  return multipliers_of(theta_ + delta, gaps_at(delta, x));
}

/// ds/dθ, 0 for samples that are asleep or at rest.
Vector LateFlow::rates(double delta, const Vector& x) const {
  Vector result = multiplier_rates(delta, x);
  for (Eigen::Index i = 0; i < result.size(); ++i) {
    if (asleep(i) || at_rest(i)) result[i] = 0.0;
  }
  return result;
}

/// The multipliers λ, for gradient descent with the corrections of its modified equation
///   g̃ = g − ½ g'∘p + (1/12) g''∘p² + (1/3) g'∘(κ(g'∘p)),  p = κ g,
/// each a factor 1/t smaller than the one before.
Vector LateFlow::multiplier_rates(double delta, const Vector& x) const {
  Vector lambda = lambda_at(delta, x);
  const double inverse_time = std::exp(-(theta_ + delta));
  if (!options_.of_descent || inverse_time < 1e-17) return lambda;
  const Vector change = inverse_time * (kernel_ * lambda);  // p
  const Vector g = inverse_time * lambda;
  const Vector rest = (1.0 - g.array()).matrix();
  Vector factor = (1.0 + 0.5 * rest.array() * change.array()).matrix();
  if (inverse_time > 1e-9) {
    const Vector second = kernel_ * (g.array() * rest.array() * change.array()).matrix();
    factor.array() += rest.array() * ((1.0 - 2.0 * g.array()) * change.array().square() / 12.0 +
                                      second.array() / 3.0);
  }
  // Where a step still changes margins by much, the series means nothing, but rates stay rates: a
  // trial will tell that the flow does not follow.
  return lambda.cwiseProduct(factor.cwiseMax(0.0));
}

Vector LateFlow::margins() const {
  return gaps_at(0.0, Vector::Zero(problem_.samples())).array() + theta_;
}

Vector LateFlow::lambda() const {
  return lambda_at(0.0, Vector::Zero(problem_.samples()));
}

/// The rates at the present moment, those of sleeping samples included. Whether a pair slides or
/// leaves is asked of these, not of λ: they are what moves the pre-activations. With λ, pairs that
/// leave would turn back at once until log t has moved by O(1/t), in as many events as the
/// tolerances let through.
Vector LateFlow::drive() const {
  return driven(multiplier_rates(0.0, Vector::Zero(problem_.samples())));
}

/// What the coefficients of a neuron have gained since it was last brought up to date.
Vector LateFlow::moved(const Neuron& neuron) const {
  return gain_of(neuron, driven(s_ - neuron.since));
}

/// What its coefficients gain by that s, all samples included.
Vector LateFlow::gain_of(const Neuron& neuron, const Vector& s) const {
  Vector result = problem_.rate * effective_multipliers(problem_, neuron.group, neuron.mode, s);
  for (Eigen::Index l = 0; l < result.size(); ++l) result[l] *= problem_.sign(neuron.group, l);
  return result;
}

/// Brings coefficients and pre-activations of neuron k up to date.
void LateFlow::sync(Eigen::Index k) {
  Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
  add_gain(k, moved(neuron));
  neuron.since = s_;
}

/// Adds to the coefficients of neuron k; pairs at zero stay there.
void LateFlow::add_gain(Eigen::Index k, const Vector& gain) {
  coefficients_.row(k) += gain.transpose();
  z_.row(k).noalias() += gain.transpose() * problem_.gram;
  for (const Eigen::Index i : mode(k).pairs_at_zero()) z_(k, i) = 0.0;
}

/// How far λ and s may move before anything can happen to neuron k.
void LateFlow::refresh_bounds(Eigen::Index k) {
  Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
  neuron.room = travel_ + z_.row(k).transpose().cwiseAbs();
  for (const Eigen::Index i : neuron.mode.pairs_at_zero()) {
    neuron.room[i] = std::numeric_limits<double>::infinity();
  }
  for (Eigen::Index i = 0; i < problem_.samples(); ++i) {
    if (problem_.leads(i) && problem_.gram(i, i) > 0.0) continue;
    neuron.room[i] = std::numeric_limits<double>::infinity();
  }
  if (problem_.shape.slope == 1.0) {
    neuron.room.setConstant(std::numeric_limits<double>::infinity());
  }
  neuron.slack = std::numeric_limits<double>::infinity();
  if (neuron.mode.climb.rows() > 0) {
    neuron.slack = -std::numeric_limits<double>::infinity();  // looked at in every step
    return;
  }
  const Vector lambda = driven(last_lambda_);
  const Vector beta = sliding_multipliers(neuron.mode, lambda);
  for (std::size_t r = 0; r < neuron.mode.sliding.size(); ++r) {
    const auto row = static_cast<Eigen::Index>(r);
    const Eigen::Index first = neuron.mode.sliding[r];
    const FoldBounds bounds = fold_bounds(problem_, neuron.group, first, lambda);
    const double gap = std::min(bounds.above - beta[row], beta[row] - bounds.below);
    double sensitivity = driven_row(neuron.mode.share.row(row).transpose()).cwiseAbs().sum();
    for (const Eigen::Index i : problem_.members[static_cast<std::size_t>(first)]) {
      sensitivity += std::abs(problem_.ratio[static_cast<std::size_t>(i)]);
    }
    neuron.slack = std::min(neuron.slack, lambda_variation_ + gap / sensitivity);
  }
}

/// Moves the present moment to the end of the step.
void LateFlow::take_over_step() {
  const DenseStep& step = stepper_.dense();
  const Vector& x = step.end();
  gap_ += kernel_ * x;
  gap_.array() -= step.size();
  s_ += x;
  travel_ += reach_ * x;
  if (options_.of_descent) book_series(x);
  theta_ += step.size();
  stepper_.accept();
}

/// Books what the modified equation leaves out (multiplier_rates), g · O(p³), where a step of
/// descent changes margins by much: when a sample is learned late.
void LateFlow::book_series(const Vector& x) {
  const double inverse_time = std::exp(-theta_);
  if (inverse_time * inverse_time * inverse_time < step_of_no_series) return;
  const Vector change = (inverse_time * (kernel_ * last_lambda_)).cwiseAbs().cwiseMin(1.0);
  const Vector left = x.cwiseAbs().cwiseProduct(change.array().cube().matrix());
  event_error_ += rest_of_series * (kernel_.cwiseAbs() * left).maxCoeff();
}

/// Whether λ has arrived where it goes: kernel · λ = 1 on the support, more elsewhere.
bool LateFlow::steady() {
  if (theta_ < time_of_no_corrections) return false;
  const Vector lambda = this->lambda();
  const Vector speed = kernel_ * lambda;
  const double top = lambda.maxCoeff();
  for (Eigen::Index i = 0; i < lambda.size(); ++i) {
    if (asleep(i) || at_rest(i)) return false;
    const bool vanishing = lambda[i] <= steady_tolerance * top && speed[i] > 1.0;
    if (!vanishing && std::abs(1.0 - speed[i]) > 1e3 * steady_tolerance) return false;
  }
  if (steady_lambda_.size() == 0) {
    const NonnegativeQpResult limit =
        solve_nonnegative_qp(kernel_, Vector::Ones(problem_.samples()));
    if (!limit.solved) return false;
    steady_lambda_ = limit.x;
  }
  return (lambda - steady_lambda_).cwiseAbs().maxCoeff() <= steady_tolerance * theta_ * top;
}

FlowStatus LateFlow::advance_to(double log_time, const std::function<bool(double)>& keep_going) {
  const auto pairs = static_cast<std::uint64_t>(problem_.neurons() * problem_.samples());
  bool counted = false;  // the step before, among those of this unit
  while (theta_ < log_time) {
    if (counted && unit_steps_ % steps_before_rest == 0 && !plateau_) {
      rebase();
      if (unit_steps_ >= 16 * steps_before_rest && stiff()) return FlowStatus::too_stiff;
    }
    counted = false;
    if (keep_going && step_count_ % 64 == 0 && !keep_going(theta_)) return FlowStatus::interrupted;
    if (theta_ > unit_start_ + 1.0) {
      unit_start_ = theta_;
      unit_steps_ = unit_events_ = 0;
    }
    if (unit_events_ > 10 * pairs + 1000) return FlowStatus::too_many_events;
    if (unit_steps_ >= most_steps_per_unit + 8 * unit_events_) return FlowStatus::too_stiff;
    if (step_count_ >= options_.most_steps) return FlowStatus::too_long;
    if (log_time - theta_ > longest_curved_step && steady()) {
      stepper_.attempt_straight(std::min(log_time - theta_, theta_), steady_lambda_);
    } else if (!stepper_.attempt(std::min(log_time - theta_, longest_curved_step))) {
      return FlowStatus::too_stiff;
    }
    ++step_count_;
    const DenseStep& step = stepper_.dense();
    if (!step.end().allFinite()) return FlowStatus::not_finite;
    Found first{.delta = std::numeric_limits<double>::infinity()};
    popped_.clear();
    const bool crossing = find_crossing(step, first);
    const bool exit = find_exit(step, first);
    if (crossing || exit) {
      ++unit_events_;
      ++unit_steps_;
      counted = true;
      if (first.delta > 0.0) {
        stepper_.shorten(first.delta);
        take_over_step();
      }
      handle(first);
      continue;
    }
    const bool last = theta_ + step.size() >= log_time - 1e-14 * std::abs(log_time);
    take_over_step();
    if (last) {  // as short a step as was asked for
      theta_ = log_time;
    } else {
      ++unit_steps_;
      counted = true;
    }
    const Vector lambda_before = last_lambda_;
    last_lambda_ = rates(0.0, Vector::Zero(problem_.samples()));
    if (offset_due()) {
      refresh_offset();
      stepper_.restart();
    }
    watch_near_misses(lambda_before);
    for (const auto& [k, i] : popped_) {
      Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
      const double z =
          z_(k, i) +
          preactivation_row(problem_, neuron.group, neuron.mode, i).dot(driven(s_ - neuron.since));
      neuron.room[i] = travel_[i] + std::abs(z);
    }
    for (Eigen::Index k = 0; k < problem_.neurons(); ++k) {
      Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
      if (neuron.slack < lambda_variation_) {
        const Vector room = neuron.room;
        refresh_bounds(k);
        neuron.room = room;
      }
    }
    if (last) break;
  }
  return FlowStatus::reached;
}

FlowStart LateFlow::state() const {
  FlowStart result{theta_, coefficients_, z_};
  Matrix gains(problem_.neurons(), problem_.samples());
  for (Eigen::Index k = 0; k < gains.rows(); ++k) {
    gains.row(k) = moved(neurons_[static_cast<std::size_t>(k)]).transpose();
  }
  if (plateau_ && theta_ < time_of_no_corrections) {
    const Vector lag =
        std::exp(-theta_) * (plateau_->lag * rates(0.0, Vector::Zero(problem_.samples())));
    for (Eigen::Index k = 0; k < gains.rows(); ++k) {
      gains.row(k) += gain_of(neurons_[static_cast<std::size_t>(k)], lag).transpose();
    }
  }
  result.coefficients += gains;
  add_product(gains, problem_.gram, result.preactivations);
  for (Eigen::Index k = 0; k < gains.rows(); ++k) {
    const Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
    for (const Eigen::Index i : neuron.mode.pairs_at_zero()) result.preactivations(k, i) = 0.0;
    if (neuron.mean.preactivation.size() == 0) continue;
    const Vector move = std::exp(-theta_) * (neuron.mode.inverse * neuron.mean.preactivation);
    for (std::size_t s = 0; s < neuron.mode.sliding.size(); ++s) {
      const double shift = move[static_cast<Eigen::Index>(s)];
      result.coefficients(k, neuron.mode.sliding[s]) += shift;
      result.preactivations.row(k) += shift * problem_.gram.row(neuron.mode.sliding[s]);
    }
  }
  return result;
}

Matrix LateFlow::without_switching(Matrix preactivations) const {
  for (Eigen::Index k = 0; k < preactivations.rows(); ++k) {
    const NeuronMode& mode = neurons_[static_cast<std::size_t>(k)].mode;
    if (!mode.slides()) continue;
    const Vector move = to_zero(mode, preactivations.row(k));
    for (std::size_t s = 0; s < mode.sliding.size(); ++s) {
      preactivations.row(k) +=
          move[static_cast<Eigen::Index>(s)] * problem_.gram.row(mode.sliding[s]);
    }
    for (const Eigen::Index i : mode.pairs_at_zero()) preactivations(k, i) = 0.0;
  }
  return preactivations;
}

Matrix LateFlow::slopes() const {
  const Vector lambda = driven(this->lambda());
  Matrix result(problem_.neurons(), problem_.samples());
  for (Eigen::Index k = 0; k < result.rows(); ++k) {
    const NeuronMode& mode = neurons_[static_cast<std::size_t>(k)].mode;
    for (Eigen::Index i = 0; i < result.cols(); ++i) {
      result(k, i) = mode.active[static_cast<std::size_t>(i)] ? 1.0 : problem_.shape.slope;
    }
    const Vector above = times_above(problem_, problem_.group_of(k), mode, lambda);
    for (std::size_t r = 0; r < mode.sliding.size(); ++r) {
      for (const Eigen::Index l : problem_.members[static_cast<std::size_t>(mode.sliding[r])]) {
        const double time = above[static_cast<Eigen::Index>(r)];
        const double active = problem_.ratio[static_cast<std::size_t>(l)] > 0.0 ? time : 1.0 - time;
        result(k, l) = problem_.shape.slope + (1.0 - problem_.shape.slope) * active;
      }
    }
  }
  return result;
}

bool LateFlow::at_zero(Eigen::Index neuron, Eigen::Index sample) const {
  const NeuronMode& mode = neurons_[static_cast<std::size_t>(neuron)].mode;
  return mode.at_zero(sample);
}

double LateFlow::switching_error(bool since_entry, double rank_factor) const {
  if (!options_.of_descent) return 0.0;
  const double step = std::exp(-theta_);
  const Eigen::Index n = problem_.samples();
  // Neurons of one mode hop at the same rates and may do so in step; those of different modes add
  // up as independent ones do.
  std::vector<std::size_t> first_alike;
  std::vector<Vector> margins;
  std::vector<double> weights;
  double size[2] = {0.0, 0.0};
  const double width = static_cast<double>(problem_.shape.width);
  for (std::size_t k = 0; k < neurons_.size(); ++k) {
    const Neuron& neuron = neurons_[k];
    double length = 0.0;
    for (Eigen::Index i = 0; i < n; ++i) {
      if (!(problem_.gram(i, i) > 0.0)) continue;
      const double z = z_(static_cast<Eigen::Index>(k), i);
      length = std::max(length, z * z / problem_.gram(i, i));
    }
    size[neuron.group] += length;
    if (!neuron.mode.slides() || neuron.mean.spread.size() == 0) continue;
    if ((neuron.mode.sliding == neuron.entry_sliding) != since_entry) continue;
    const Vector move = neuron.mode.inverse.cwiseAbs() * neuron.mean.spread;
    std::size_t alike = 0;
    for (; alike < first_alike.size(); ++alike) {
      const Neuron& other = neurons_[first_alike[alike]];
      if (other.group == neuron.group && other.mode.sliding == neuron.mode.sliding &&
          other.mode.active == neuron.mode.active)
        break;
    }
    if (alike == first_alike.size()) {
      first_alike.push_back(k);
      margins.push_back(Vector::Zero(n));
      weights.push_back(0.0);
    }
    for (Eigen::Index i = 0; i < n; ++i) {
      const double slope =
          neuron.mode.active[static_cast<std::size_t>(i)] ? 1.0 : problem_.shape.slope;
      double shift = 0.0;
      bool slides = false;
      for (std::size_t s = 0; s < neuron.mode.sliding.size(); ++s) {
        shift +=
            std::abs(problem_.gram(i, neuron.mode.sliding[s])) * move[static_cast<Eigen::Index>(s)];
        slides = slides || neuron.mode.sliding[s] == problem_.fold[static_cast<std::size_t>(i)];
      }
      margins[alike][i] += (slides ? 1.0 : slope) * shift / width;
    }
    weights[alike] += std::sqrt(std::max(0.0, neuron.mean.spread.dot(move)));
  }
  double squares = 0.0, weight_squares = 0.0;
  for (std::size_t a = 0; a < margins.size(); ++a) {
    squares += std::pow(margins[a].maxCoeff(), 2);
    weight_squares += std::pow(weights[a], 2);
  }
  const double loss = many_hops * std::sqrt(squares);
  const double shortest = std::sqrt(std::min(size[0], size[1]));
  const double ranks =
      shortest > 0.0 ? rank_factor * 4.0 * many_hops * std::sqrt(weight_squares) / shortest : 0.0;
  return step * std::max(loss, ranks);
}

std::vector<std::vector<Eigen::Index>> LateFlow::sliding() const {
  std::vector<std::vector<Eigen::Index>> result;
  for (const Neuron& neuron : neurons_) result.push_back(neuron.mode.sliding);
  return result;
}

void LateFlow::count_as_seen(const std::vector<std::vector<Eigen::Index>>& sliding) {
  for (std::size_t k = 0; k < neurons_.size(); ++k) neurons_[k].entry_sliding = sliding[k];
}

Eigen::Index LateFlow::sliding_pairs() const {
  Eigen::Index count = 0;
  for (const Neuron& neuron : neurons_) {
    count += static_cast<Eigen::Index>(neuron.mode.sliding.size() + neuron.mode.riding.size());
  }
  return count;
}

}  // namespace latetime
