#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "latetime/dynamics/flow_state.hpp"

// Samples at rest (Plateau) within the state of a flow.

namespace latetime {
namespace {

// λ_i κ_ii, of order one at late times, beyond which no integration step is worth while.
constexpr double stiffness = 300.0;

// What the lag of samples at rest is off by, a part of its square; after that log time it is none.
constexpr double second_order_of_lag = 4.0;
constexpr double time_of_no_lag = 40.0;

// log of steps after which nothing is left of any distance.
constexpr double longest_wait = 700.0;

}  // namespace

/// Whether margins relax much faster than log t: samples rest, but not so that they can be left
/// out.
bool FlowState::stiff() const {
  return kernel.diagonal().cwiseProduct(rates_now()).maxCoeff() > stiffness;
}

/// Whether crossing zero at fold l changes the push t g* of samples at rest: not where its samples
/// are none of them, or balance each other (one sample under both labels).
bool FlowState::disturbs(const Plateau& rest, int group, Eigen::Index l) const {
  return !fold_balances(*problem, group, l, rest.rest);
}

/// Whether the modes are those of samples at rest: no pair at zero disturbs them (it would hop by
/// steps that do not shrink), and their push t g* on sliding pairs cancels.
bool FlowState::holds_plateau(const Plateau& rest) const {
  for (const FlowNeuron& neuron : neurons) {
    for (const Eigen::Index i : neuron.mode.pairs_at_zero()) {
      if (problem->leads(i) && disturbs(rest, neuron.group, i)) return false;
    }
    if (!neuron.mode.slides()) continue;
    const Vector push = neuron.mode.share * rest.rest;
    const Vector size = neuron.mode.share.cwiseAbs() * rest.rest;
    if ((push.cwiseAbs().array() > balance_tolerance * size.array()).any()) return false;
  }
  return true;
}

/// Looks for samples at rest, all neurons up to date, and leaves them out of what is integrated.
void FlowState::take_plateau() {
  take_lag_along();
  const std::optional<Plateau> before = std::exchange(plateau, std::nullopt);
  const Unrest left = unrest();
  reach = problem->reach;
  if (!entered) return;
  if (!problem->rivals.two_classes()) return;  // such a flow is stiff, and ends
  plateau = find_plateau(problem->loss, kernel, gap.array() + theta, theta, sleeping, before);
  if (!plateau) return;
  if (!holds_plateau(*plateau)) {
    plateau.reset();
    return;
  }
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) {
    add_gain(k, gain_of(neurons[static_cast<std::size_t>(k)], plateau->approach));
  }
  refresh_gaps();
  const Eigen::MatrixXd all = kernel;
  reach = problem->reach * plateau->response.cwiseAbs();
  Eigen::MatrixXd moving = kernel * plateau->response;
  for (const Eigen::Index i : plateau->samples) moving.row(i).setZero();
  lag = kernel * plateau->lag;
  kernel = 0.5 * (moving + moving.transpose());
  lags = true;
  const Vector& approach = plateau->approach;
  double weights = problem->weight_change(approach, all * approach);
  if (const auto lag_here = lag_now()) {  // what they were off where descent is (distance)
    const Vector whole = approach + *lag_here;
    weights = std::min(weights, problem->weight_change(whole, all * whole));
  }
  arrival = {left.margins + plateau->distance, left.weights + weights};
  arrival_time = theta;
  relaxation = plateau->relaxation;
}

/// Whether coefficients and z are without a lag that shows.
bool FlowState::lag_counts() const {
  return lags && theta < time_of_no_lag;
}

/// What s is beyond its slow part, n entries; nothing where no sample is at rest.
std::optional<Vector> FlowState::lag_now() const {
  if (!lag_counts()) return std::nullopt;
  return Vector(std::exp(-theta) * (plateau->lag * rates_now()));
}

/// The row r' with r'·λ/t = r·lag_now(), λ the rates of then.
std::optional<Vector> FlowState::lag_row(const Vector& row) const {
  if (!lag_counts()) return std::nullopt;
  return Vector(plateau->lag.transpose() * row);
}

/// Puts the lag into coefficients and z, all neurons up to date: where descent is just now, whether
/// samples go on to rest or not.
void FlowState::take_lag_along() {
  if (const auto lag_here = lag_now()) {
    for (Eigen::Index k = 0; k < problem->neurons(); ++k) {
      add_gain(k, gain_of(neuron(k), *lag_here));
    }
    refresh_gaps();
  }
  lags = false;
}

Unrest FlowState::unrest() const {
  // e^θ − e^arrival_time steps, for any θ.
  const double passed =
      -std::exp(std::min(theta, longest_wait)) * std::expm1(std::min(0.0, arrival_time - theta));
  const double left = relaxation > 0.0 ? std::exp(-relaxation * passed) : 1.0;
  Unrest result{left * arrival.margins, left * arrival.weights};
  if (const auto change = lag_now()) {
    // The lag is right to first order in 1/t.
    const Vector image = std::exp(-theta) * (lag * rates_now());
    const double margins = image.cwiseAbs().maxCoeff();
    const double weights = problem->weight_change(*change, image);
    result.margins += second_order_of_lag * margins * margins;
    result.weights += second_order_of_lag * margins * weights;
  }
  return result;
}

}  // namespace latetime
