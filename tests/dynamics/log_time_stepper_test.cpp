// The integrator against a problem with a known solution.

#include "latetime/dynamics/log_time_stepper.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace latetime {
namespace {

/// y' = y cos θ, y = e^{sin θ}, and a second entry y' = 1/(1 + e^y), where y + e^y − θ stays: the
/// equation of one margin. Steps report x = y(θ + δ) − y(θ), as the stepper wants it.
struct Known {
  double theta = 0.0;
  Vector y = Vector::Ones(2);
  LogTimeStepper stepper;

  explicit Known(double tolerance)
      : stepper(
            2, [this](double delta, const Vector& x) { return rates(delta, x); },
            [tolerance](const Vector& error) {
              return tolerance > 0.0 ? error.cwiseAbs().maxCoeff() / tolerance : 0.0;
            }) {
    stepper.restart();
  }
  Vector rates(double delta, const Vector& x) const {
    Vector result(2);
    result << (y[0] + x[0]) * std::cos(theta + delta), 1.0 / (1.0 + std::exp(y[1] + x[1]));
    return result;
  }
  void take_over() {
    theta += stepper.dense().size();
    y += stepper.dense().end();
    stepper.accept();
  }
  static double solution(double theta) { return std::exp(std::sin(theta)); }
  double invariant() const { return y[1] + std::exp(y[1]) - theta - 1.0 - std::exp(1.0); }
};

/// Without error control a step is as long as `limit` allows once a few short ones were taken.
void run_in(Known& run) {
  while (run.stepper.step_size() < 10.0) {
    ASSERT_TRUE(run.stepper.attempt(1e-6));
    const double before = run.stepper.step_size();
    if (before >= 10.0) break;
    ASSERT_TRUE(run.stepper.attempt(before));
  }
}

/// Slope of the least-squares line through (log x, log y).
double order(const std::vector<double>& x, const std::vector<double>& y) {
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

TEST(LogTimeStepper, IsOfOrderFive) {
  std::vector<double> sizes, errors;
  for (const int steps : {20, 40, 80, 160}) {
    Known run(0.0);
    run_in(run);
    const double size = 4.0 / steps;
    double worst = 0.0;
    for (int s = 0; s < steps; ++s) {
      ASSERT_TRUE(run.stepper.attempt(size));
      ASSERT_EQ(run.stepper.dense().size(), size);
      run.take_over();
      worst = std::max(worst, std::abs(run.y[0] - Known::solution(run.theta)));
    }
    sizes.push_back(size);
    errors.push_back(worst);
  }
  EXPECT_NEAR(order(sizes, errors), 5.0, 0.3);
  EXPECT_LT(errors.back(), 1e-8);
}

/// Inside a step the dense output is of order four: its error falls like size⁵.
TEST(LogTimeStepper, DenseOutputIsOfOrderFour) {
  std::vector<double> sizes, errors;
  for (const double size : {0.4, 0.2, 0.1, 0.05}) {
    Known run(0.0);
    run_in(run);
    ASSERT_TRUE(run.stepper.attempt(size));
    const DenseStep& step = run.stepper.dense();
    double worst = 0.0;
    for (int j = 0; j <= DenseStep::points; ++j) {
      const double delta = size * j / DenseStep::points;
      const double exact = Known::solution(delta) - 1.0;
      worst = std::max(worst, std::abs(step.grid(j)[0] - exact));
      EXPECT_LE((step.grid(j) - step.at(delta)).cwiseAbs().maxCoeff(), 1e-15);
    }
    sizes.push_back(size);
    errors.push_back(worst);
  }
  EXPECT_NEAR(order(sizes, errors), 5.0, 0.4);
}

/// Steps whose errors meet the tolerance add up to no more than their number times it, times the
/// growth of errors, e^{sin} at most e² here; and the steps grow as the tolerance's fifth root.
TEST(LogTimeStepper, ErrorControlKeepsItsPromise) {
  std::vector<double> tolerances, counts;
  for (const double tolerance : {1e-6, 1e-8, 1e-10, 1e-12}) {
    Known run(tolerance);
    int steps = 0;
    while (run.theta < 20.0) {
      ASSERT_TRUE(run.stepper.attempt(20.0 - run.theta));
      run.take_over();
      ++steps;
    }
    EXPECT_LE(std::abs(run.y[0] - Known::solution(run.theta)), 8.0 * steps * tolerance);
    EXPECT_LE(std::abs(run.invariant()), 20.0 * steps * tolerance);
    tolerances.push_back(tolerance);
    counts.push_back(steps);
  }
  EXPECT_NEAR(order(tolerances, counts), -0.2, 0.04);
}

TEST(LogTimeStepper, AShortenedStepIsTheShortStep) {
  for (const double delta : {0.3, 0.05, 1e-4}) {
    Known cut(0.0), direct(0.0);
    run_in(cut);
    run_in(direct);
    ASSERT_TRUE(cut.stepper.attempt(0.4));
    cut.stepper.shorten(delta);
    ASSERT_TRUE(direct.stepper.attempt(delta));
    EXPECT_EQ(cut.stepper.dense().size(), delta);
    EXPECT_EQ(cut.stepper.dense().end(), direct.stepper.dense().end());
    EXPECT_EQ(cut.stepper.dense().at(delta / 2), direct.stepper.dense().at(delta / 2));
    // And the steps that follow are the same.
    cut.take_over();
    direct.take_over();
    ASSERT_TRUE(cut.stepper.attempt(0.2));
    ASSERT_TRUE(direct.stepper.attempt(0.2));
    EXPECT_EQ(cut.stepper.dense().end(), direct.stepper.dense().end());
  }
}

TEST(LogTimeStepper, IsMonotoneWhereTheRatesArePositive) {
  Known run(1e-10);
  for (int s = 0; s < 2000 && run.theta < 30.0; ++s) {
    ASSERT_TRUE(run.stepper.attempt(8.0));
    const DenseStep& step = run.stepper.dense();
    EXPECT_EQ(step.grid(0), Vector::Zero(2));
    for (int j = 1; j <= DenseStep::points; ++j) {
      EXPECT_GT(step.grid(j)[1], step.grid(j - 1)[1]);
    }
    run.take_over();
  }
  EXPECT_GE(run.theta, 30.0);
}

TEST(LogTimeStepper, StraightStepsAreStraight) {
  Known run(1e-10);
  Vector rates(2);
  rates << 0.5, 3.0;
  run.stepper.attempt_straight(1000.0, rates);
  EXPECT_EQ(run.stepper.dense().end(), 1000.0 * rates);
  EXPECT_EQ(run.stepper.dense().at(10.0), 10.0 * rates);
  EXPECT_EQ(run.stepper.dense().grid(16), 250.0 * rates);
  run.stepper.shorten(2.0);
  EXPECT_EQ(run.stepper.dense().end(), 2.0 * rates);
  // The curved step after it starts from rates at the new place.
  run.take_over();
  ASSERT_TRUE(run.stepper.attempt(1e-3));
  Known there(1e-10);
  there.theta = run.theta;
  there.y = run.y;
  there.stepper.restart();
  ASSERT_TRUE(there.stepper.attempt(1e-3));
  EXPECT_EQ(run.stepper.dense().end(), there.stepper.dense().end());
}

/// Beyond x = 1 the rates are undefined: steps shrink until they stay below, or give up.
TEST(LogTimeStepper, ShrinksAwayFromUndefinedRatesAndGivesUpWhereThereIsNoWay) {
  double start = 0.0;
  LogTimeStepper stepper(
      1,
      [&](double, const Vector& x) {
        const double there = start + x[0];
        return Vector::Constant(1, there < 1.0 ? 1.0 : std::numeric_limits<double>::quiet_NaN());
      },
      [](const Vector& error) { return error.cwiseAbs().sum(); });
  stepper.restart();
  int steps = 0;
  while (stepper.attempt(10.0)) {
    start += stepper.dense().end()[0];
    stepper.accept();
    ASSERT_LT(++steps, 1000);
  }
  EXPECT_LT(start, 1.0);
  EXPECT_NEAR(start, 1.0, 1e-9);
}

}  // namespace
}  // namespace latetime
