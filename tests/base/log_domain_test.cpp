#include "latetime/base/log_domain.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace latetime {
namespace {

// A library function is good to one unit in the last place; each formula composes at most three.
constexpr double rounding = 4 * std::numeric_limits<double>::epsilon();
constexpr double infinity = std::numeric_limits<double>::infinity();

// log(1 + e^x) in 80-bit arithmetic; for x < −40 by the series e^x − e^{2x}/2, whose next term
// e^{3x}/3 is below 1e-34 of the sum.
long double exact_softplus(long double x) {
  if (x < -40.0L) return std::exp(x) - std::exp(2 * x) / 2;
  if (x > 40.0L) return x + std::exp(-x);
  return std::log1p(std::exp(x));
}

// log log(1 + e^{−u}); for u > 40: −u + log(1 − e^{−u}/2 + …) = −u − e^{−u}/2 + O(e^{−2u}).
long double exact_log_loss(long double u) {
  if (u > 40.0L) return -u - std::exp(-u) / 2;
  return std::log(exact_softplus(-u));
}

std::vector<double> test_points() {
  std::vector<double> points{0.0,   -0.0,   1e-300, -1e-300, 1e-17, -1e-17, 36.9,
                             37.0,  37.1,   -36.9,  -37.0,   -37.1, 700.0,  -700.0,
                             745.0, -745.0, 800.0,  -800.0,  1e6,   -1e6,   1e100};
  for (double x = -60.0; x <= 60.0; x += 0.173) points.push_back(x);
  return points;
}

void expect_close(double got, long double exact, double absolute, double x) {
  const double expected = static_cast<double>(exact);
  EXPECT_NEAR(got, expected, rounding * std::abs(expected) + absolute) << "at " << x;
}

TEST(LogDomain, SoftplusIsAccurateRelativeToItself) {
  // Below e^{-708} doubles are subnormal: one unit there is denorm_min.
  constexpr double unit = 4 * std::numeric_limits<double>::denorm_min();
  for (const double x : test_points()) expect_close(softplus(x), exact_softplus(x), unit, x);
  EXPECT_EQ(softplus(800.0), 800.0);
  EXPECT_EQ(softplus(-800.0), 0.0);  // e^{-800} is below the smallest double
  EXPECT_EQ(softplus(1e6), 1e6);
}

TEST(LogDomain, LogMultiplierIsFiniteForEveryMargin) {
  for (const double u : test_points()) {
    EXPECT_TRUE(std::isfinite(log_multiplier(u))) << u;
    expect_close(log_multiplier(u), -exact_softplus(u),
                 4 * std::numeric_limits<double>::denorm_min(), u);
  }
  EXPECT_EQ(log_multiplier(1e6), -1e6);
}

TEST(LogDomain, MultiplierIsTheExponentialOfItsLogarithm) {
  for (const double u : test_points()) {
    const long double exact = std::exp(-exact_softplus(u));
    expect_close(multiplier(u), exact, 4 * std::numeric_limits<double>::denorm_min(), u);
  }
  EXPECT_EQ(multiplier(0.0), 0.5);
  EXPECT_EQ(multiplier(800.0), 0.0);
  EXPECT_EQ(multiplier(-800.0), 1.0);
}

TEST(LogDomain, LogLogisticLossIsAccurateAcrossTheSwitchOfFormulas) {
  // log of a number near 1 (u near −0.54) is accurate in absolute terms only.
  for (const double u : test_points())
    expect_close(log_logistic_loss(u), exact_log_loss(u), rounding, u);
  EXPECT_EQ(log_logistic_loss(800.0), -800.0);
  EXPECT_EQ(log_logistic_loss(1e6), -1e6);
  EXPECT_DOUBLE_EQ(log_logistic_loss(-800.0), std::log(800.0));
  EXPECT_DOUBLE_EQ(log_logistic_loss(-1e6), std::log(1e6));
  EXPECT_DOUBLE_EQ(log_logistic_loss(0.0), std::log(std::log(2.0)));
}

TEST(LogDomain, LogLogisticLossFalls) {
  double previous = infinity;
  for (double u = 30.0; u < 45.0; u += 1e-3) {
    const double now = log_logistic_loss(u);
    EXPECT_LT(now, previous) << u;
    previous = now;
  }
}

TEST(LogDomain, LogSumExpIsFreeOfScale) {
  const std::vector<double> small{0.1, -2.3, 1.7, 0.4};
  long double sum = 0.0L;
  for (const double v : small) sum += std::exp(static_cast<long double>(v));
  for (const double shift : {0.0, 800.0, -800.0, 1e6, -1e6}) {
    std::vector<double> shifted = small;
    for (double& v : shifted) v += shift;
    // Adding the shift already rounds the entries to a unit of the shift.
    const double tolerance = rounding * std::max(1.0, std::abs(shift));
    EXPECT_NEAR(log_sum_exp(shifted), shift + static_cast<double>(std::log(sum)), tolerance);
  }
}

TEST(LogDomain, LogSumExpOfNothingIsMinusInfinity) {
  EXPECT_EQ(log_sum_exp({}), -infinity);
  const std::array nothing{-infinity, -infinity};
  EXPECT_EQ(log_sum_exp(nothing), -infinity);
  const std::array one{-infinity, -1e6};
  EXPECT_EQ(log_sum_exp(one), -1e6);
  const std::array equal{-1e6, -1e6, -1e6, -1e6};
  EXPECT_DOUBLE_EQ(log_sum_exp(equal), -1e6 + std::log(4.0));
}

}  // namespace
}  // namespace latetime
