#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "latetime/base/log_domain.hpp"
#include "latetime/dynamics/late_flow.hpp"
#include "problems.hpp"

/// What the tests of the late-time flow share.
namespace latetime::testing_support {

inline FlowProblem flow_problem(const TestProblem& p) {
  return FlowProblem(p);
}

/// A moment of exact gradient descent, as a flow takes it over.
inline FlowStart start_of(const CoefficientEngine& engine) {
  TrainingState state = engine.state(false);
  return {state.time.log(), std::move(state.coefficients), std::move(state.preactivations)};
}

inline FlowStart exact_start(const TestProblem& p, std::uint64_t steps) {
  CoefficientEngine engine(p, 1);
  engine.advance(steps);
  return start_of(engine);
}

/// y_i f(x_i), by plain loops over the pre-activations.
inline Vector plain_margins(const TestProblem& p, const Matrix& z) {
  Vector u = Vector::Zero(z.cols());
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    for (Eigen::Index i = 0; i < z.cols(); ++i) {
      const bool own = p.data.classes[static_cast<std::size_t>(i)] == k / p.initial.shape.width;
      const double sigma = z(k, i) > 0.0 ? z(k, i) : p.initial.shape.slope * z(k, i);
      u[i] += (own ? sigma : -sigma) / static_cast<double>(p.initial.shape.width);
    }
  }
  return u;
}

/// log L, L the mean of log(1 + e^{−u}).
inline double log_loss_of(const Vector& margins) {
  std::vector<double> terms;
  for (const double u : margins) terms.push_back(log_logistic_loss(u));
  return log_sum_exp(terms) - std::log(static_cast<double>(terms.size()));
}

/// Slope of the least-squares line through (log x, log y).
inline double order(const std::vector<double>& x, const std::vector<double>& y) {
  double mx = 0.0, my = 0.0, xx = 0.0, xy = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mx += std::log(x[i]) / static_cast<double>(x.size());
    my += std::log(y[i]) / static_cast<double>(x.size());
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (std::log(x[i]) - mx) * (std::log(x[i]) - mx);
    xy += (std::log(x[i]) - mx) * (std::log(y[i]) - my);
  }
  return xy / xx;
}

}  // namespace latetime::testing_support
