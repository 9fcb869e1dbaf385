#pragma once

#include <cmath>
#include <vector>

#include "problems.hpp"

namespace latetime::testing_support {

/// Gradient descent (3.2) as anyone would write it down, for comparison: plain loops, W alone,
/// naive softmax, nothing shared with the engines.
struct PlainDescent {
  explicit PlainDescent(const TestProblem& problem)
      : p(problem),
        n(problem.data.size()),
        d(problem.data.dim()),
        neurons(problem.initial.shape.neurons()),
        width(problem.initial.shape.width),
        weights(problem.initial.weights),
        coefficients(Matrix::Zero(neurons, n)) {
    z = evaluate();
  }

  Matrix evaluate() const {
    Matrix result(neurons, n);
    for (Eigen::Index k = 0; k < neurons; ++k) {
      for (Eigen::Index i = 0; i < n; ++i) {
        double sum = 0.0;
        for (Eigen::Index j = 0; j < d; ++j) sum += weights(k, j) * p.data.x(i, j);
        result(k, i) = sum;
      }
    }
    return result;
  }

  /// σ(z): a parabola within ±h, lines that go on from it.
  double value(double at) const {
    const double slope = p.initial.shape.slope, h = p.initial.shape.smoothing;
    if (h == 0.0) return at > 0 ? at : slope * at;
    const double lower = (1.0 - slope) * h / 4.0;
    if (at >= h) return at - lower;
    if (at <= -h) return slope * at - lower;
    return (1.0 + slope) / 2.0 * at + (1.0 - slope) / (4.0 * h) * at * at;
  }
  double slope_at(double at) const {
    const double slope = p.initial.shape.slope, h = p.initial.shape.smoothing;
    if (at >= h) return 1.0;
    if (at < -h || h == 0.0) return slope;
    return slope + (1.0 - slope) * (at + h) / (2.0 * h);
  }

  double softmax(Eigen::Index i, int group) const {
    std::vector<double> outputs(static_cast<std::size_t>(p.initial.shape.groups), 0.0);
    for (Eigen::Index k = 0; k < neurons; ++k) {
      const double sigma = value(z(k, i));
      outputs[static_cast<std::size_t>(k / width)] += sigma / static_cast<double>(width);
    }
    double sum = 0.0;
    for (const double output : outputs) {
      sum += std::exp(output - outputs[static_cast<std::size_t>(group)]);
    }
    return 1.0 / sum;
  }

  void step() {
    ++steps;
    const double rate = p.learning_rate / (static_cast<double>(n) * static_cast<double>(width));
    Matrix move = Matrix::Zero(neurons, d);
    for (Eigen::Index i = 0; i < n; ++i) {
      const int own = p.data.classes[static_cast<std::size_t>(i)];
      for (int group = 0; group < p.initial.shape.groups; ++group) {
        const double pull = (group == own ? 1.0 : 0.0) - softmax(i, group);
        for (Eigen::Index k = group * width; k < (group + 1) * width; ++k) {
          const double derivative = slope_at(z(k, i));
          coefficients(k, i) += rate * pull * derivative;
          for (Eigen::Index j = 0; j < d; ++j) {
            move(k, j) += rate * pull * derivative * p.data.x(i, j);
          }
        }
      }
    }
    weights += move;
    const Matrix now = evaluate();
    for (Eigen::Index k = 0; k < neurons; ++k) {
      for (Eigen::Index i = 0; i < n; ++i) {
        if ((z(k, i) >= 0) == (now(k, i) >= 0)) continue;
        const bool is_own = k / width == p.data.classes[static_cast<std::size_t>(i)];
        ++(is_own ? switches.own : switches.other);
        (is_own ? switches.last_own_step : switches.last_other_step) = steps;
      }
    }
    z = now;
  }

  const TestProblem& p;
  Eigen::Index n, d, neurons, width;
  Matrix weights, coefficients, z;
  SwitchCounts switches{.counted = true};
  std::uint64_t steps = 0;
};

}  // namespace latetime::testing_support
