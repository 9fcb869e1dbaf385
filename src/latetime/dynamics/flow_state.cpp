#include "latetime/dynamics/flow_state.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "latetime/base/log_domain.hpp"
#include "latetime/dynamics/mode_rows.hpp"
#include "latetime/model/blas.hpp"

namespace latetime {
namespace {

// Mean offsets are computed afresh when multipliers have moved by this part of the largest, while
// 1/t is above that.
constexpr double offset_drift = 0.02;
// Those that have a closed form cost nothing, and follow log t.
constexpr double closed_form_period = 0.25;
constexpr double last_offset_inverse_time = 1e-10;

// All pairs are foreseen anew after so many looks at single ones, and one for so many pairs: that
// is what it costs.
constexpr std::uint64_t looks_before_foresight = 64, pairs_of_a_foresight = 8;

// Pairs are looked at from so many times as near as hops may take them.
constexpr double wide = 2.0;

// Pairs go along with those that slide when they are nearer to zero than this part of a hop.
constexpr double beside_zero = 1.0 / 32.0;

// What projections leave of the squared norm of a sample in the span.
constexpr double rounding_of_squares = 1e-13;

// A pair's own step counts beside hops where it is so many times as large.
constexpr double large_knock = 4.0;

// What is booked of a step is not booked again until it has grown by this factor.
constexpr double worth_booking = 1.5;

// A neuron that leaves the origin of a span leaves by the first ray that rises only where all
// others fall by more than this part of their terms.
constexpr double rival_tolerance = 0.05;

// λ of samples that nothing follows grows with t; it stays a number.
constexpr double largest_log_multiplier = 650.0;

}  // namespace

Vector multipliers_of(const FlowProblem& problem, double theta, const Vector& gaps) {
  const Loss& loss = problem.loss;
  if (!problem.rivals.two_classes()) {
    const Vector totals = problem.rivals.log_totals(gaps.array() + theta, loss);
    return (-gaps - totals).cwiseMin(largest_log_multiplier).array().exp();
  }
  // log g(u) = −u, of the exponential loss everywhere, of others to rounding once u > 37.
  const double tail = loss == exponential ? -std::numeric_limits<double>::infinity() : 37.0;
  return gaps.unaryExpr([&loss, theta, tail](double gap) {
    const double log = gap + theta > tail ? -gap : theta + loss.log_multiplier(gap + theta);
    return std::exp(std::min(log, largest_log_multiplier));
  });
}

Vector FlowState::pushed_margins(const Vector& change, double factor) const {
  if (problem->rivals.two_classes()) return factor * (kernel * change);
  return problem->rivals.through_groups(change,
                                        [&](std::size_t group, const Vector& felt) -> Vector {
                                          return factor * (group_kernels[group] * felt);
                                        });
}

/// u − θ, `delta` in log time and x in s after the present moment.
Vector FlowState::gaps_at(double delta, const Vector& x) const {
  const double inverse_time = std::exp(-(theta + delta));
  Vector gaps = gap + pushed_margins(x) + inverse_time * offset;
  gaps.array() -= delta;
  // Samples at rest lag behind by what the others' multipliers ask for, to the next order in 1/t.
  if (plateau && inverse_time > 1e-17) {
    gaps += inverse_time * (lag * multipliers_of(*problem, theta + delta, gaps));
  }
  return gaps;
}

Vector FlowState::lambda_at(double delta, const Vector& x) const {
  return multipliers_of(*problem, theta + delta, gaps_at(delta, x));
}

/// The multipliers λ, for gradient descent with the corrections of its modified equation
///   g̃ = g − ½ g'∘p + (1/12) g''∘p² + (1/3) g'∘(κ(g'∘p)),  p = κ g,
/// each a factor 1/t smaller than the one before; g' and g'' as Loss::saturation says.
Vector FlowState::multiplier_rates(double delta, const Vector& x) const {
  Vector lambda = lambda_at(delta, x);
  const double inverse_time = std::exp(-(theta + delta));
  if (!options.of_descent || inverse_time < 1e-17) return lambda;
  if (!problem->rivals.two_classes()) return lambda + corrections(lambda, inverse_time);
  const Vector change = pushed_margins(lambda, inverse_time);  // p
  const Vector g = inverse_time * lambda;
  const double b = *problem->loss.saturation;
  const Vector rest = (1.0 - b * g.array()).matrix();
  Vector factor = (1.0 + 0.5 * rest.array() * change.array()).matrix();
  if (inverse_time > 1e-9) {
    const Vector second = pushed_margins(g.array() * rest.array() * change.array());
    factor.array() += rest.array() * ((1.0 - 2.0 * b * g.array()) * change.array().square() / 12.0 +
                                      second.array() / 3.0);
  }
  // Where a step still changes margins by much, the series means nothing, but rates stay rates: a
  // trial will tell that the flow does not follow.
  return lambda.cwiseProduct(factor.cwiseMax(0.0));
}

/// The same corrections of K classes, times t, where g' couples the rivals of a sample.
Vector FlowState::corrections(const Vector& lambda, double inverse_time) const {
  const Rivals& rivals = problem->rivals;
  const double b = inverse_time * *problem->loss.saturation;
  const Vector change = pushed_margins(lambda, inverse_time);  // p
  const Vector first = rivals.bent(lambda, change, b);
  Vector result = -0.5 * first;
  if (inverse_time > 1e-9) {
    const Vector second = pushed_margins(first, inverse_time);
    result += rivals.bent_twice(lambda, change, b) / 12.0 + rivals.bent(lambda, second, b) / 3.0;
  }
  return result.cwiseMax(-lambda);
}

/// ds/dθ, 0 for samples that are asleep or at rest.
Vector FlowState::rates(double delta, const Vector& x) const {
  Vector result = multiplier_rates(delta, x);
  for (Eigen::Index i = 0; i < result.size(); ++i) {
    if (asleep(i) || at_rest(i)) result[i] = 0.0;
  }
  return result;
}

/// The rates at the present moment, those of sleeping samples included. Whether a pair slides or
/// leaves is asked of these, not of λ: they are what moves the pre-activations. With λ, pairs that
/// leave would turn back at once until log t has moved by O(1/t), in as many events as the
/// tolerances let through.
Vector FlowState::drive() const {
  return driven(multiplier_rates(0.0, Vector::Zero(margins())));
}

/// λ, or s, with what holds the samples at rest in their places.
Vector FlowState::driven(Vector lambda) const {
  if (!plateau) return lambda;
  return plateau->response * lambda;
}

/// The row r' with r'·λ = r·driven(λ).
Vector FlowState::driven_row(Vector row) const {
  if (!plateau) return row;
  return plateau->response.transpose() * row;
}

/// What its coefficients gain by that s, all samples included.
Vector FlowState::gain_of(const FlowNeuron& neuron, const Vector& change) const {
  return problem->rate *
         signed_multipliers(*problem, neuron.group, neuron.mode, felt(neuron.group, change));
}

/// What the coefficients of a neuron have gained since it was last brought up to date.
Vector FlowState::moved(const FlowNeuron& neuron) const {
  return gain_of(neuron, driven(s - neuron.since));
}

/// Whether a neuron may go otherwise than its mode says: at the origin of a span it stands a hop
/// away on any side, and turns back from there only while the ray of that side still falls. It
/// takes hop / |h| to do so, and h moves by that much in the meantime.
bool FlowState::doubts(const NeuronMode& mode) const {
  const double hops = options.of_descent ? 4.0 * std::exp(-0.5 * theta) : 0.0;
  return mode.doubtful || mode.rival > -std::max(rival_tolerance, hops);
}

/// Brings coefficients and pre-activations of neuron k up to date.
void FlowState::sync(Eigen::Index k) {
  FlowNeuron& neuron = neurons[static_cast<std::size_t>(k)];
  add_gain(k, moved(neuron));
  neuron.since = s;
}

/// Adds to the coefficients of neuron k; pairs at zero stay there.
void FlowState::add_gain(Eigen::Index k, const Vector& gain) {
  coefficients.row(k) += gain.transpose();
  z.row(k).noalias() += gain.transpose() * problem->gram;
  for (const Eigen::Index i : neuron(k).mode.pairs_at_zero()) z(k, i) = 0.0;
}

/// Brings every neuron up to date, recomputes Z from C, and counts s from zero again.
void FlowState::rebase() {
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) sync(k);
  const Matrix before = z;
  z = initial_preactivations;
  add_product(coefficients, problem->gram, z);
  keep_sides(before);
  s = Vector::Zero(margins());
  lambda_variation = 0.0;
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) {
    FlowNeuron& neuron = neurons[static_cast<std::size_t>(k)];
    neuron.since = s;
    for (const Eigen::Index i : neuron.mode.pairs_at_zero()) z(k, i) = 0.0;
  }
  refresh_gaps();
  rebuild_kernel();
  take_plateau();
  last_lambda = rates_now();
  foresee();
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) refresh_slack(k);
}

/// Where only rounding puts a pair on the other side of zero, it stays where it was.
void FlowState::keep_sides(const Matrix& before) {
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    const NeuronMode& mode = neurons[static_cast<std::size_t>(k)].mode;
    for (Eigen::Index i = 0; i < z.cols(); ++i) {
      const double side = mode.is_active(i) ? 1.0 : -1.0;
      if (side * z(k, i) >= 0.0 || side * before(k, i) < 0.0) continue;
      initial_preactivations(k, i) += before(k, i) - z(k, i);
      z(k, i) = before(k, i);
    }
  }
}

/// Margins from the pre-activations.
void FlowState::refresh_gaps() {
  Vector sums = Vector::Zero(margins()), part(samples());
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) {
    const FlowNeuron& neuron = neurons[static_cast<std::size_t>(k)];
    for (Eigen::Index i = 0; i < samples(); ++i) {
      part[i] = problem->sign(neuron.group, i) * problem->slope(neuron.mode.is_active(i)) * z(k, i);
    }
    problem->rivals.add(neuron.group, part, sums);
  }
  gap = (sums / static_cast<double>(problem->shape.width)).array() - theta;
}

void FlowState::rebuild_kernel() {
  const auto mode_of = [this](Eigen::Index k) -> const NeuronMode& { return neuron(k).mode; };
  if (problem->rivals.two_classes()) {
    kernel = kernel_of(*problem, mode_of);
  } else {
    group_kernels = group_kernels_of(*problem, mode_of);
    kernel = problem->rivals.kernel(group_kernels);
  }
  changes_since_rebuild = 0;
  refresh_asleep();
}

/// Adds factor × the part of neuron k, with its mode of now.
void FlowState::add_kernel_of(Eigen::Index k, double factor) {
  const FlowNeuron& of = neuron(k);
  if (problem->rivals.two_classes()) {
    return add_kernel(*problem, of.group, of.mode, factor, kernel);
  }
  const Eigen::MatrixXd part = group_kernel(*problem, of.group, of.mode, factor);
  group_kernels[static_cast<std::size_t>(of.group)] += part;
  problem->rivals.add_kernel(of.group, part, kernel);
}

/// Samples that enter nothing: their t g grows without bound, and must not be followed.
void FlowState::refresh_asleep() {
  Vector awake = Vector::Zero(margins());
  for (Eigen::Index i = 0; i < samples(); ++i) {
    if (!(problem->gram(i, i) > 0.0)) continue;
    int seen = -1;  // one neuron of a group will do
    for (const FlowNeuron& neuron : neurons) {
      if (neuron.group == seen) continue;
      if (problem->shape.slope == 0.0 && !neuron.mode.is_active(i) && !neuron.mode.at_zero(i)) {
        continue;
      }
      problem->rivals.add(neuron.group, i, 1.0, awake);
      seen = neuron.group;
      if (problem->rivals.two_classes()) break;
    }
  }
  sleeping.resize(static_cast<std::size_t>(margins()));
  for (Eigen::Index c = 0; c < margins(); ++c) {
    sleeping[static_cast<std::size_t>(c)] = awake[c] > 0.0 ? 0 : 1;
  }
}

bool FlowState::offset_due() const {
  if (!options.of_descent || !options.switching_means) return false;
  if (std::exp(-theta) < last_offset_inverse_time) return false;
  return offset_stale || theta > offset_time + closed_form_period ||
         (driven(last_lambda) - offset_lambda).cwiseAbs().maxCoeff() >
             offset_drift * last_lambda.maxCoeff();
}

/// The mode as far as hops are concerned: pairs beside zero whose samples lie nearly on one line
/// with a sliding one, so near to it that they go to and fro with that, ride.
NeuronMode FlowState::hopping_mode(Eigen::Index k) const {
  const FlowNeuron& neuron = this->neuron(k);
  NeuronMode result = neuron.mode;
  const Vector hops = std::exp(-theta) * hop_bounds(neuron);
  for (const Eigen::Index l : neuron.mode.sliding) {
    for (Eigen::Index i = 0; i < samples(); ++i) {
      if (!problem->leads(i) || !problem->on_one_line(l, i) || result.at_zero(i)) continue;
      if (pushes_away(neuron.group, i)) continue;  // does not stay
      if (std::abs(height(k, i)) < beside_zero * hops[i]) result.riding.push_back(i);
    }
  }
  return result;
}

/// The mean offset of the margins for the present modes and multipliers. Where only an event has
/// changed a few neurons, the others keep theirs.
void FlowState::refresh_offset() {
  offset.setZero();
  offset_stale = false;
  offset_time = theta;
  if (!options.of_descent || !options.switching_means) return;
  const Vector lambda = driven(rates_now());
  const bool drifted = offset_lambda.size() == 0 || (lambda - offset_lambda).cwiseAbs().maxCoeff() >
                                                        0.5 * offset_drift * lambda.maxCoeff();
  if (drifted) offset_lambda = lambda;
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) {
    FlowNeuron& neuron = this->neuron(k);
    if (!neuron.mode.slides()) continue;
    const bool closed_form = neuron.mode.sliding.size() == 1;
    if (drifted || closed_form || neuron.mean.preactivation.size() == 0) {
      neuron.mean =
          switching_mean(*problem, neuron.group, hopping_mode(k), felt(neuron.group, lambda));
    }
    problem->rivals.add(neuron.group,
                        margin_offset(*problem, neuron.group, neuron.mode, neuron.mean), offset);
  }
  // Margins at rest are so on average, hops included: the others are moved by what keeps them
  // there.
  if (plateau) offset = plateau->response.transpose() * offset;
}

double FlowState::height(Eigen::Index k, Eigen::Index i) const {
  const FlowNeuron& neuron = this->neuron(k);
  const Vector row = preactivation_row(*problem, neuron.group, neuron.mode, i);
  return z(k, i) + row.dot(felt(neuron.group, driven(s - neuron.since)));
}

bool FlowState::pushes_away(int group, Eigen::Index i) const {
  if (problem->members[static_cast<std::size_t>(i)].size() == 1) return problem->own(group, i);
  return !fold_bounds(*problem, group, i, felt(group, drive())).holds();
}

bool FlowState::feels_hops(Eigen::Index k, Eigen::Index i) const {
  const FlowNeuron& neuron = this->neuron(k);
  return options.of_descent && neuron.mode.slides() &&
         std::exp(-theta) >= last_offset_inverse_time && !neuron.mode.at_zero(i) &&
         pushes_away(neuron.group, i);
}

Vector FlowState::hop_bounds(const FlowNeuron& neuron) const {
  Vector result = Vector::Zero(samples());
  if (!neuron.mode.slides()) return result;
  if (!options.of_descent || std::exp(-theta) < last_offset_inverse_time) return result;
  const Vector lambda = felt(neuron.group, driven(last_lambda));
  for (const Eigen::Index l : neuron.mode.sliding) {
    const FoldBounds bounds = fold_bounds(*problem, neuron.group, l, lambda);
    result += problem->rate * (bounds.above - bounds.below) * problem->gram.col(l).cwiseAbs();
  }
  return result;
}

/// Where hops take a pair across zero that pushes back, it goes to and fro with steps of its own,
/// which are large where its sample is asleep or at rest. The loss is convex in the meantime, so
/// that descent is off by no more than such a step.
void FlowState::book_knock(Eigen::Index k, Eigen::Index i) {
  const int group = neuron(k).group;
  const FoldBounds bounds = fold_bounds(*problem, group, i, felt(group, drive()));
  const double step = std::exp(-theta) * problem->rate * std::abs(bounds.above - bounds.below) *
                      problem->gram(i, i);
  if (knocks_across(k, i, step)) ++undecided;
  if (step < worth_booking * knocks(k, i)) return;
  book(k, i, step - knocks(k, i));
  knocks(k, i) = step;
}

/// A pair that goes to and fro with the sliding ones, or rides, is active for another part of the
/// time than its mode says, and these make up for that along their samples. What its own has beyond
/// their span goes on to push, by as much as they can make up for, until the pair is out of reach:
/// within `hops` of z_{k,i}.
void FlowState::book_drift(Eigen::Index k, Eigen::Index i, double hops) {
  const FlowNeuron& neuron = this->neuron(k);
  const Vector link = problem->gram(neuron.mode.sliding, i);
  const Vector share = neuron.mode.inverse * link;
  const double square = problem->gram(i, i) - share.dot(link);
  if (!(square > rounding_of_squares * problem->gram(i, i))) return;
  const Vector lambda = felt(neuron.group, drive());
  const FoldBounds own = fold_bounds(*problem, neuron.group, i, lambda);
  double push = std::abs(own.above - own.below);
  for (std::size_t r = 0; r < neuron.mode.sliding.size(); ++r) {
    const FoldBounds bounds = fold_bounds(*problem, neuron.group, neuron.mode.sliding[r], lambda);
    const double part = std::abs(share[static_cast<Eigen::Index>(r)]);
    if (part > 0.0) push = std::min(push, (bounds.above - bounds.below) / part);
  }
  const double length = std::sqrt(square);
  double& drift = drifts(k, i);
  drift = std::min(drift + problem->rate * push * length * step_taken,
                   std::max(drift, wide * hops / length));
  double& booked = drifts_booked(k, i);
  if (drift <= booked) return;
  book_beside(k, i, worth_booking * drift - booked);
  booked = worth_booking * drift;
}

/// Whether such a step of z_{k,i}, back to its side, is so much larger than hops that it may take
/// another pair across that pushes away from zero.
bool FlowState::knocks_across(Eigen::Index k, Eigen::Index i, double step) const {
  const FlowNeuron& neuron = this->neuron(k);
  const Vector hops = std::exp(-theta) * hop_bounds(neuron);
  const double side = neuron.mode.is_active(i) ? 1.0 : -1.0;
  const Vector moved = (side * step / problem->gram(i, i)) * problem->gram.col(i);
  for (Eigen::Index j = 0; j < samples(); ++j) {
    if (j == i || std::abs(moved[j]) < large_knock * hops[j] || !feels_hops(k, j)) continue;
    if ((height(k, j) + moved[j] >= 0.0) != neuron.mode.is_active(j)) return true;
  }
  return false;
}

/// How far λ and s may move before anything can happen to neuron k, which is up to date.
void FlowState::refresh_bounds(Eigen::Index k) {
  const Vector gain = gain_of(neuron(k), driven(foreseen));
  set_room(k, z.row(k).transpose(), problem->gram * gain);
  refresh_slack(k);
}

/// The part of it that the neuron's moving uses up, from its pre-activations, now and foreseen.
void FlowState::set_room(Eigen::Index k, const Vector& heights, const Vector& velocities) {
  constexpr double never = std::numeric_limits<double>::infinity();
  FlowNeuron& neuron = this->neuron(k);
  neuron.room = heights;
  neuron.velocity = velocities;
  for (Eigen::Index i = 0; i < samples(); ++i) {
    if (neuron.mode.is_active(i)) continue;
    neuron.room[i] *= -1.0;
    neuron.velocity[i] *= -1.0;
  }
  neuron.room += travel - elapsed * neuron.velocity;
  if (neuron.mode.slides()) neuron.room -= wide * std::exp(-theta) * hop_bounds(neuron);
  const auto leave_alone = [&](Eigen::Index i) {
    neuron.room[i] = never;
    neuron.velocity[i] = 0.0;
  };
  for (const Eigen::Index i : neuron.mode.pairs_at_zero()) leave_alone(i);
  for (Eigen::Index i = 0; i < samples(); ++i) {
    const bool moves = problem->shape.slope < 1.0 && problem->gram(i, i) > 0.0;
    if (!moves || !problem->leads(i)) leave_alone(i);
  }
}

/// Whether single pairs have been looked at so often that all may as well be foreseen anew.
bool FlowState::foresight_due() const {
  const auto pairs = static_cast<std::uint64_t>(problem->neurons() * samples());
  return looks > looks_before_foresight + pairs / pairs_of_a_foresight;
}

/// Foresees all pairs with the multipliers of now.
void FlowState::foresee() {
  foreseen = last_lambda;
  elapsed = 0.0;
  travel = Vector::Zero(samples());
  looks = 0;
  const Vector drive = driven(foreseen);
  Matrix moved(problem->neurons(), samples()), moving(problem->neurons(), samples());
  for (Eigen::Index k = 0; k < moved.rows(); ++k) {
    moved.row(k) = this->moved(neuron(k)).transpose();
    moving.row(k) = gain_of(neuron(k), drive).transpose();
  }
  Matrix heights = z, velocities = Matrix::Zero(moving.rows(), moving.cols());
  add_product(moved, problem->gram, heights);
  add_product(moving, problem->gram, velocities);
  for (Eigen::Index k = 0; k < moved.rows(); ++k) {
    set_room(k, heights.row(k).transpose(), velocities.row(k).transpose());
  }
}

/// The part of it that λ's moving uses up.
void FlowState::refresh_slack(Eigen::Index k) {
  FlowNeuron& neuron = neurons[static_cast<std::size_t>(k)];
  neuron.slack = std::numeric_limits<double>::infinity();
  if (neuron.mode.climb.rows() > 0) {
    neuron.slack = -std::numeric_limits<double>::infinity();  // looked at in every step
    return;
  }
  const Vector lambda = felt(neuron.group, driven(last_lambda));
  const Vector beta = sliding_multipliers(neuron.mode, lambda);
  for (std::size_t r = 0; r < neuron.mode.sliding.size(); ++r) {
    const auto row = static_cast<Eigen::Index>(r);
    const Eigen::Index first = neuron.mode.sliding[r];
    const FoldBounds bounds = fold_bounds(*problem, neuron.group, first, lambda);
    const double room = std::min(bounds.above - beta[row], beta[row] - bounds.below);
    double sensitivity =
        felt_row(neuron.group, neuron.mode.share.row(row).transpose()).cwiseAbs().sum();
    for (const Eigen::Index i : problem->members[static_cast<std::size_t>(first)]) {
      const auto felt = static_cast<double>(problem->rivals.felt_count(neuron.group, i));
      sensitivity += felt * std::abs(problem->ratio[static_cast<std::size_t>(i)]);
    }
    neuron.slack = std::min(neuron.slack, lambda_variation + room / sensitivity);
  }
}

/// Bounds after a step without an event, in which those of some pairs were used up (`looked_at`).
/// `rows`: those of the search.
void FlowState::renew_bounds(const std::vector<std::pair<Eigen::Index, Eigen::Index>>& looked_at,
                             ModeRows& rows) {
  Eigen::Index of_bounds = -1;
  Vector gained, bounds;
  for (const auto& [k, i] : looked_at) {
    FlowNeuron& neuron = neurons[static_cast<std::size_t>(k)];
    if (of_bounds != k) {
      rows.go_to(*problem, neuron.group, neuron.mode, k);
      gained = felt(neuron.group, driven(s - neuron.since));
      bounds = hop_bounds(neuron);
      of_bounds = k;
    }
    const double side = neuron.mode.is_active(i) ? 1.0 : -1.0;
    const double distance = side * (z(k, i) + rows.row(i).dot(gained));
    neuron.room[i] = travel[i] + distance - elapsed * neuron.velocity[i];
    if (!neuron.mode.slides()) continue;
    const double hops = std::exp(-theta) * bounds[i];
    neuron.room[i] -= wide * hops;
    if (std::abs(distance) < hops && !pushes_away(neuron.group, i)) {
      book_knock(k, i);
      book_drift(k, i, hops);
    }
  }
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) {
    if (neuron(k).slack < lambda_variation) refresh_slack(k);
    const std::vector<Eigen::Index>& riding = neuron(k).mode.riding;
    if (std::none_of(riding.begin(), riding.end(),
                     [this](Eigen::Index i) { return problem->leads(i); })) {
      continue;
    }
    const Vector hops = std::exp(-theta) * hop_bounds(neuron(k));
    for (const Eigen::Index i : riding) {
      if (problem->leads(i)) book_drift(k, i, hops[i]);
    }
  }
}

FlowState after(FlowState state, const Vector& x, double size, const Vector& wander) {
  if (state.problem->rivals.two_classes()) {
    state.gap += state.kernel * x;  // a sum of another rounding than that of the product
  } else {
    state.gap += state.pushed_margins(x);
  }
  state.gap.array() -= size;
  state.s += x;
  state.travel += size * (state.reach * wander);
  state.elapsed += size;
  if (state.options.of_descent) state.book_series(x);
  state.theta += size;
  state.step_taken = size;
  return state;
}

FlowState after(FlowState state, const DenseStep& step, const Vector& wander) {
  return after(std::move(state), step.end(), step.size(), wander);
}

}  // namespace latetime
