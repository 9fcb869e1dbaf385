// What events and integration may have added to the errors of a flow, and how errors of one neuron
// reach the others.

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "latetime/data/symmetric_solve.hpp"
#include "latetime/dynamics/flow_state.hpp"
#include "latetime/model/blas.hpp"

namespace latetime {
namespace {

// The term of third order of the modified equation is below this part of p³; not looked for while
// 1/t³ is below that.
constexpr double rest_of_series = 0.5;
constexpr double step_of_no_series = 1e-24;

// What projections leave of a squared norm.
constexpr double rounding = 1e-15;

// What makes up for errors of margins may be so many times what it is to first order; it is looked
// at after these times in θ, the last of them for ever.
constexpr double beyond_first_order = 2.0;
constexpr std::array<double, 4> times_of_answers{0.5, 2.0, 8.0, 1000.0};

/// What x_i has beyond the span of the sliding samples, x_i − Σ_r share_r x_r.
struct BeyondSliding {
  Vector share;     ///< |S|
  Vector products;  ///< n: its inner products with the samples
};
BeyondSliding beyond_sliding(const FlowProblem& problem, const NeuronMode& mode, Eigen::Index i) {
  BeyondSliding result{{}, problem.gram.col(i)};
  result.share = mode.inverse * result.products(mode.sliding);
  for (std::size_t r = 0; r < mode.sliding.size(); ++r) {
    result.products -=
        result.share[static_cast<Eigen::Index>(r)] * problem.gram.col(mode.sliding[r]);
  }
  return result;
}

}  // namespace

/// What z_{k,i} being off by `change` along x_i is, for the whole neuron: its pairs at zero stay
/// there.
Disturbance FlowState::off_along(Eigen::Index k, Eigen::Index i, double change) const {
  const double coefficient = change / problem->gram(i, i);
  Vector shift = coefficient * beyond_sliding(*problem, neuron(k).mode, i).products;
  shift[i] = change;
  return {k, std::move(shift), coefficient * std::sqrt(problem->gram(i, i)), {i}};
}

/// The same of its sliding pairs, by `change` (|S| entries).
Disturbance FlowState::off_at_zero(Eigen::Index k, const Vector& change) const {
  const NeuronMode& mode = neuron(k).mode;
  const Vector moved = mode.inverse * change;
  Vector shift = Vector::Zero(samples());
  for (std::size_t r = 0; r < mode.sliding.size(); ++r) {
    shift += moved[static_cast<Eigen::Index>(r)] * problem->gram.col(mode.sliding[r]);
  }
  return {k, std::move(shift), std::sqrt(std::max(0.0, moved.dot(change))), mode.pairs_at_zero()};
}

/// What a disturbance moves margins by is made up for: the s that do so, to first order, from soon
/// to late. By a time T in θ it is about δs = −(κ + Λ⁻¹/T)⁻¹ δu. None where that is not looked for.
std::vector<Vector> FlowState::answers(const Disturbance& off) const {
  if (margins() > most_margins_of_answer || plateau) return {};
  const FlowNeuron& disturbed = neuron(off.neuron);
  Vector at_samples = off.z / -static_cast<double>(problem->shape.width);
  for (Eigen::Index l = 0; l < samples(); ++l) {
    const bool turns = std::find(off.turning.begin(), off.turning.end(), l) != off.turning.end();
    const double slope = turns ? 1.0 : problem->slope(disturbed.mode.is_active(l));
    at_samples[l] *= problem->sign(disturbed.group, l) * slope;
  }
  const Vector moved = problem->rivals.asked(disturbed.group, at_samples);
  // Samples that are asleep make up for nothing.
  const Vector rates = rates_now();
  std::vector<Eigen::Index> awake;
  for (Eigen::Index l = 0; l < margins(); ++l) {
    if (rates[l] > 0.0) awake.push_back(l);
  }
  const Eigen::MatrixXd links = kernel(awake, awake);
  const Vector asked = moved(awake), slowness = rates(awake).cwiseInverse();
  std::vector<Vector> found;
  for (const double time : times_of_answers) {
    Eigen::MatrixXd followed = links;
    followed.diagonal() += slowness / time;
    const auto made_up = symmetric_solution(followed, asked);
    if (!made_up) return {};
    found.emplace_back(Vector::Zero(margins()));
    found.back()(awake) = made_up->col(0);
  }
  return found;
}

/// What answers move coefficients by, neurons × n.
Matrix FlowState::gains_of(const Vector& answer) const {
  Matrix gains(problem->neurons(), samples());
  for (Eigen::Index k = 0; k < gains.rows(); ++k) {
    gains.row(k) = gain_of(neuron(k), answer).transpose();
  }
  return gains;
}

/// Books an error of z_{k,i} along x_i, and what makes up for it.
void FlowState::book(Eigen::Index k, Eigen::Index i, double change) {
  if (!(change > 0.0)) return;
  const double coefficient = change / problem->gram(i, i);
  event_errors.coefficients(k, i) += coefficient;
  const Vector margins =
      (coefficient / static_cast<double>(problem->shape.width)) * problem->gram.col(i).cwiseAbs();
  book_disturbance(off_along(k, i, change), margins);
}

/// The same of w_k by `distance` along what x_i has beyond the span of the sliding samples.
void FlowState::book_beside(Eigen::Index k, Eigen::Index i, double distance) {
  if (!(distance > 0.0)) return;
  const NeuronMode& mode = neuron(k).mode;
  auto [share, shift] = beyond_sliding(*problem, mode, i);
  const double length = std::sqrt(std::max(shift[i], rounding * problem->gram(i, i)));
  event_errors.coefficients(k, i) += distance / length;
  for (std::size_t r = 0; r < mode.sliding.size(); ++r) {
    event_errors.coefficients(k, mode.sliding[r]) +=
        std::abs(share[static_cast<Eigen::Index>(r)]) * distance / length;
  }
  shift *= distance / length;
  const Vector margins = shift.cwiseAbs() / static_cast<double>(problem->shape.width);
  book_disturbance({k, std::move(shift), distance, {i}}, margins);
}

/// The rest of it: what it does to the margins at each sample (n entries), and what makes up for
/// that.
void FlowState::book_disturbance(const Disturbance& off, const Vector& at_samples) {
  EventErrors& errors = event_errors;
  const Vector margins = problem->rivals.asked(neuron(off.neuron).group, at_samples);
  errors.weights += off.weights;
  errors.margins += margins;
  errors.fresh *= std::exp(errors.fresh_time - theta);
  errors.fresh += margins;
  errors.fresh_time = theta;
  const Matrix made_up = propagate(off);
  if (made_up.size() == 0) {
    errors.unanswered += margins;
  } else {
    errors.coefficients += made_up;
  }
}

/// Adds what a disturbance does to the errors of all pre-activations: to those of the same neuron
/// at once, to all as it is made up for. Two descents of a convex loss do not part further than
/// they were. Returns what the latter moves coefficients by at most, neurons × n; empty where that
/// is not known.
Matrix FlowState::propagate(const Disturbance& off) {
  neuron(off.neuron).errors += off.z.cwiseAbs();
  neuron(off.neuron).weights_error += off.weights;
  if (margins() > most_margins_of_answer) return {};  // a trial has measured it (HandOver)
  Matrix coefficients_moved, moved;
  for (const Vector& answer : answers(off)) {
    const Matrix gains = gains_of(answer);
    Matrix shifts = Matrix::Zero(gains.rows(), gains.cols());
    add_product(gains, problem->gram, shifts);
    if (moved.size() == 0) {
      coefficients_moved = moved = Matrix::Zero(gains.rows(), gains.cols());
    }
    coefficients_moved = coefficients_moved.cwiseMax(beyond_first_order * gains.cwiseAbs());
    moved = moved.cwiseMax(beyond_first_order * shifts.cwiseAbs());
  }
  const Vector norms = problem->gram.diagonal().cwiseSqrt();
  const Vector most = off.weights * norms;
  for (Eigen::Index k = 0; k < problem->neurons(); ++k) {
    double longest = off.weights;
    if (moved.size() > 0) longest = std::min(longest, coefficients_moved.row(k).dot(norms));
    neuron(k).weights_error += longest;
    Vector shift = most;
    if (moved.size() > 0) shift = shift.cwiseMin(moved.row(k).transpose());
    for (const Eigen::Index l : neuron(k).mode.pairs_at_zero()) shift[l] = 0.0;
    neuron(k).errors += shift;
  }
  return coefficients_moved;
}

/// Where pairs slide their errors are forgotten, and with them what others were off by along the
/// same samples: of Δw only what is at right angles to x_S is left.
void FlowState::forget_errors_along_sliding(Eigen::Index k) {
  FlowNeuron& neuron = this->neuron(k);
  if (!neuron.mode.slides()) return;
  const Eigen::MatrixXd links = problem->gram(neuron.mode.sliding, Eigen::all);
  const Eigen::MatrixXd shares = neuron.mode.inverse * links;
  for (Eigen::Index i = 0; i < samples(); ++i) {
    const double square = problem->gram(i, i);
    const double left = std::max(square - shares.col(i).dot(links.col(i)), rounding * square);
    const double known = neuron.measured_error * (1.0 + shares.col(i).cwiseAbs().sum());
    neuron.errors[i] = std::min(neuron.errors[i], known + std::sqrt(left) * neuron.weights_error);
  }
}

/// Bound of how far margins move where s moves by `change` ≥ 0, each entry with either sign.
double FlowState::most_pushed(const Vector& change) const {
  if (problem->rivals.two_classes()) return (kernel.cwiseAbs() * change).maxCoeff();
  const auto act = [&](std::size_t group, const Vector& felt) -> Vector {
    return group_kernels[group].cwiseAbs() * felt;
  };
  return problem->rivals.through_groups(change, act).maxCoeff();
}

void FlowState::book_series(const Vector& x) {
  const double inverse_time = std::exp(-theta);
  if (inverse_time * inverse_time * inverse_time < step_of_no_series) return;
  Vector change = pushed_margins(last_lambda, inverse_time).cwiseAbs().cwiseMin(1.0);
  const Eigen::Index each = problem->rivals.each();
  for (Eigen::Index first = 0; each > 1 && first < margins(); first += each) {
    const double most = change.segment(first, each).maxCoeff();  // g' couples them
    change.segment(first, each).setConstant(most);
  }
  const Vector left = x.cwiseAbs().cwiseProduct(change.array().cube().matrix());
  series_error += rest_of_series * most_pushed(left);
}

}  // namespace latetime
