#include <algorithm>
#include <cmath>
#include <utility>

#include "latetime/dynamics/flow_state.hpp"
#include "latetime/model/blas.hpp"

// How the state of a flow begins.

namespace latetime {
namespace {

// At a hand-over, pairs within this many largest possible single steps of zero may be sliding.
constexpr double entry_band = 3.0;

// Pairs at zero may be beyond the hops of a moment by this part of them.
constexpr double beyond_hops = 0.1;

// What is left of a pre-activation in the span of others, in parts of the neuron's largest.
constexpr double nothing = 1e-12;

// Pre-activations below this part of the largest count as zero at the start.
constexpr double zero_at_start = 1e-15;

}  // namespace

FlowState::FlowState(std::shared_ptr<const FlowProblem> fixed, const FlowStart& start,
                     const FlowOptions& how)
    : problem(std::move(fixed)),
      options(how),
      theta(start.log_time),
      initial_preactivations(start.preactivations),
      coefficients(start.coefficients),
      z(start.preactivations) {
  add_product(Matrix(-coefficients), problem->gram, initial_preactivations);
  const Eigen::Index n = samples();
  s = Vector::Zero(margins());
  event_errors = {.coefficients = Matrix::Zero(problem->neurons(), n),
                  .unanswered = Vector::Zero(margins()),
                  .margins = Vector::Zero(margins()),
                  .fresh = Vector::Zero(margins()),
                  .fresh_time = theta};
  offset = Vector::Zero(margins());
  knocks = drifts = drifts_booked = Matrix::Zero(problem->neurons(), n);
  neurons.resize(static_cast<std::size_t>(problem->neurons()));
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) {
    FlowNeuron& neuron = neurons[static_cast<std::size_t>(k)];
    neuron.group = problem->group_of(k);
    neuron.mode.active.resize(static_cast<std::size_t>(n));
    for (Eigen::Index i = 0; i < n; ++i) {
      neuron.mode.active[static_cast<std::size_t>(i)] = z(k, i) >= 0.0 ? 1 : 0;
    }
    neuron.since = s;
    neuron.measured_error = options.preactivation_error;
    neuron.errors = Vector::Constant(samples(), neuron.measured_error);
  }
  start_from_zero();
  rebase();
  enter();
}

/// Folds that begin at zero exactly (W⁰ = 0, gradient flow that starts on a boundary) go on from
/// where the first step takes them, σ'(0) = 1 at all of them.
void FlowState::start_from_zero() {
  const Eigen::Index n = samples();
  Vector lambda = Vector::Zero(margins()), part(n);
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) {
    const int group = problem->group_of(k);
    for (Eigen::Index i = 0; i < n; ++i) {
      part[i] = problem->sign(group, i) * activation(z(k, i), problem->shape.slope);
    }
    problem->rivals.add(group, part, lambda);
  }
  lambda /= static_cast<double>(problem->shape.width);
  lambda = multipliers_of(*problem, theta, Vector(lambda.array() - theta));
  std::vector<Eigen::Index> from_origin(static_cast<std::size_t>(problem->shape.groups), -1);
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) {
    FlowNeuron& neuron = neurons[static_cast<std::size_t>(k)];
    const double tiny = zero_at_start * z.cwiseAbs().maxCoeff();
    std::vector<Eigen::Index> folds;
    for (Eigen::Index i = 0; i < n; ++i) {
      if (!problem->leads(i)) continue;
      if (std::abs(z(k, i)) <= tiny && problem->gram(i, i) > 0.0) {
        folds.push_back(i);
      } else {
        set_side(*problem, i, z(k, i) >= 0.0, neuron.mode);
      }
    }
    if (folds.empty()) continue;
    // Neurons that begin at the origin go alike.
    const bool at_origin = z.row(k).isZero(0.0);
    Eigen::Index& first_alike = from_origin[static_cast<std::size_t>(neuron.group)];
    if (at_origin && first_alike >= 0) {
      neuron.mode = this->neuron(first_alike).mode;
      continue;
    }
    if (at_origin) first_alike = k;
    leave_zero(*problem, neuron.group, felt(neuron.group, lambda), folds, neuron.mode);
    if (doubts(neuron.mode)) ++undecided;
  }
}

/// Finds the pairs that gradient descent is already switching for ever: those within a few steps of
/// zero that the subgradient of least norm would hold there.
void FlowState::enter() {
  const Vector all = drive();
  const double steps = options.of_descent ? entry_band * std::exp(-theta) : 0.0;
  const Vector band = steps * (problem->reach * all);
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) {
    FlowNeuron& neuron = neurons[static_cast<std::size_t>(k)];
    const Vector lambda = felt(neuron.group, all);
    std::vector<Eigen::Index> near, beside;
    // In gradient flow what is at zero has been decided.
    for (Eigen::Index i = 0; options.of_descent && i < samples(); ++i) {
      if (!problem->leads(i) || !(problem->gram(i, i) > 0.0)) continue;
      if (!(std::abs(z(k, i)) <= band[i] || neuron.mode.at_zero(i))) continue;
      (fold_bounds(*problem, neuron.group, i, lambda).holds() ? near : beside).push_back(i);
    }
    const std::vector<std::uint8_t> signs = neuron.mode.active;
    for (bool settled = near.empty(); !settled;) {
      resolve_mode(*problem, neuron.group, lambda, near, neuron.mode, beside);
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
        set_side(*problem, i, signs[index] != 0, neuron.mode);
      }
      near = std::move(staying);
      if (near.empty() && !settled) {
        resolve_mode(*problem, neuron.group, lambda, near, neuron.mode);
        settled = true;
      }
    }
    if (options.of_descent && doubts(neuron.mode)) ++undecided;
    if (!neuron.mode.slides()) continue;
    const Vector move = to_zero(neuron.mode, z.row(k));
    coefficients(k, neuron.mode.sliding) += move.transpose();
  }
  const Matrix before = z;
  entered = true;
  rebase();
  refresh_offset();
  if (!options.of_descent) return;
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) {
    if (neuron(k).mode.slides()) book_entry(k, before.row(k));
  }
}

/// Books how far pairs that begin at zero were from there, beyond where hops take them: one may
/// come to zero only later, and one that rides may be off the span of those that slide.
void FlowState::book_entry(Eigen::Index k, const Vector& before) {
  const FlowNeuron& neuron = this->neuron(k);
  const NeuronMode& mode = neuron.mode;
  const double step = std::exp(-theta);
  for (std::size_t r = 0; r < mode.sliding.size(); ++r) {
    const auto row = static_cast<Eigen::Index>(r);
    const double mean = neuron.mean.preactivation.size() ? neuron.mean.preactivation[row] : 0.0;
    const double spread = neuron.mean.spread.size() ? neuron.mean.spread[row] : 0.0;
    const double off = std::abs(before[mode.sliding[r]] - step * mean) - step * spread;
    if (off > step * beyond_hops * spread) book(k, mode.sliding[r], off);
  }
  const Vector move = to_zero(mode, before.transpose());
  for (const Eigen::Index i : mode.riding) {
    double off = before[i];
    for (std::size_t r = 0; r < mode.sliding.size(); ++r) {
      off += move[static_cast<Eigen::Index>(r)] * problem->gram(i, mode.sliding[r]);
    }
    if (std::abs(off) > nothing * before.cwiseAbs().maxCoeff()) book(k, i, std::abs(off));
  }
}

}  // namespace latetime
