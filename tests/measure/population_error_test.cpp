#include "latetime/measure/population_error.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "latetime/measure/errors.hpp"

namespace latetime {
namespace {

constexpr Eigen::Index n = 6, d = 30;

struct Case {
  NetworkShape shape;
  Dataset data;
  Population population;
  Network initial;
  Matrix coefficients;
};

Matrix normal_matrix(Eigen::Index rows, Eigen::Index columns, double scale, std::uint64_t index) {
  RandomStream stream(21, RandomPurpose::test, index);
  Matrix matrix(rows, columns);
  for (double& entry : matrix.reshaped()) entry = scale * stream.normal();
  return matrix;
}

/// A network that has learned its samples, with some of its start left.
Case make_case(double slope, double init_std, std::uint64_t draws, double disorder = 0.02,
               double smoothing = 0.0) {
  const NetworkShape shape{
      .groups = 2, .width = 4, .dim = d, .slope = slope, .smoothing = smoothing};
  Case c{.shape = shape,
         .data = gaussian_mixture(n, d, 0.25, 1.0, 9),
         .population = {.mixture = mixture_of(d, 0.25, 1.0, 9), .draws = draws, .seed = 9},
         .initial = gaussian_network(shape, init_std, 9),
         .coefficients = normal_matrix(8, n, disorder, 0)};
  for (Eigen::Index k = 0; k < 8; ++k) {
    for (Eigen::Index i = 0; i < n; ++i) {
      c.coefficients(k, i) += (k < 4 ? 1.0 : -1.0) * c.data.label(i) * 0.2;
    }
  }
  return c;
}

PopulationError measured(const Case& c, unsigned threads = 1) {
  return PopulationMeter(c.population, c.shape, c.initial.weights, c.data.x)
      .measure(c.coefficients, 1e-13, threads);
}

double drawn_error(const Case& c, std::uint64_t draws) {
  const Matrix weights = c.initial.weights + c.coefficients * c.data.x;
  const Dataset fresh =
      gaussian_mixture_test(static_cast<Eigen::Index>(draws), c.population.mixture, 1234);
  const Matrix outputs = group_outputs(preactivations(weights, fresh.x), c.shape);
  double wrong = 0.0;
  for (Eigen::Index i = 0; i < fresh.size(); ++i) {
    if (fresh.label(i) * (outputs(i, 0) - outputs(i, 1)) <= 0.0) wrong += 1.0;
  }
  return wrong / static_cast<double>(draws);
}

TEST(PopulationError, HoldsWhatManyOtherDrawsShow) {
  constexpr std::uint64_t draws = 100'000;
  for (const auto& [slope, smoothing] :
       {std::pair{0.0, 0.0}, {0.1, 0.0}, {0.6, 0.0}, {0.0, 2.0}, {0.1, 30.0}}) {
    for (const double init_std : {0.0, 0.05, 0.5}) {
      const Case c = make_case(slope, init_std, 20'000, 0.02, smoothing);
      const PopulationError error = measured(c);
      const double seen = drawn_error(c, draws);
      const double deviation = std::sqrt(seen * (1 - seen) / draws);
      EXPECT_GT(error.draws, 0u);
      EXPECT_LE(error.low, seen + 4 * deviation) << slope << " " << init_std;
      EXPECT_GE(error.high, seen - 4 * deviation) << slope << " " << init_std;
      EXPECT_LE(error.low, error.value);
      EXPECT_GE(error.high, error.value);
      EXPECT_LE(error.high - error.low, 0.025) << slope << " " << init_std;
    }
  }
}

/// In one plane as well, where a kinked network's is a quadrature; a linear one has no kink.
TEST(PopulationError, OfASmoothedNetworkIsDrawn) {
  for (const double smoothing : {1.0, 20.0}) {
    const Case c = make_case(0.1, 0.0, 20'000, 0.0, smoothing);
    const PopulationError error = measured(c);
    const double seen = drawn_error(c, 100'000), deviation = std::sqrt(seen * (1 - seen) / 1e5);
    EXPECT_GT(error.draws, 0u);
    EXPECT_LE(error.low, seen + 4 * deviation);
    EXPECT_GE(error.high, seen - 4 * deviation);
    EXPECT_EQ(measured(make_case(1.0, 0.1, 20'000, 0.02, smoothing)).value,
              measured(make_case(1.0, 0.1, 20'000)).value);
  }
}

TEST(PopulationError, KeepsItsConfidenceOverManySeeds) {
  // Four neurons in a plane, whose error the quadrature knows. With two more that are nearly
  // nothing, and outside, it is Monte Carlo's turn.
  Matrix planar(4, 3), hidden(6, 3);
  planar << 1.0, 0.3, 0.0, -0.2, 0.7, 0.0, -0.8, 0.5, 0.0, 0.3, -0.9, 0.0;
  hidden << planar.topRows(2), Eigen::RowVector3d(0.0, 0.0, 1e-9), planar.bottomRows(2),
      Eigen::RowVector3d(0.0, 0.0, 2e-9);
  const Vector mean = (Vector(3) << 0.9, 0.1, 0.0).finished();
  for (const double slope : {0.0, 0.1}) {
    Population population{.mixture = {.mean = mean, .noise_std = 1.0}, .draws = 2000, .seed = 0};
    const auto error_of = [&](const Matrix& neurons) {
      const NetworkShape shape{.groups = 2, .width = neurons.rows() / 2, .dim = 3, .slope = slope};
      return population_error(population, shape, neurons, neurons * mean, 1e-13, 1);
    };
    const PopulationError truth = error_of(planar);
    ASSERT_EQ(truth.draws, 0u);
    // 200 intervals of 99 %: more than 8 that miss have a probability below 1e-3.
    int missed = 0;
    for (population.seed = 1; population.seed <= 200; ++population.seed) {
      const PopulationError error = error_of(hidden);
      ASSERT_GT(error.draws, 0u);
      ASSERT_GT(error.high - error.low, 0.01);
      if (truth.value < error.low || truth.value > error.high) ++missed;
    }
    EXPECT_LE(missed, 8) << slope;
  }
}

TEST(PopulationError, TakesTheQuadratureWhereAllNeuronsOfAClassAreAlike) {
  const Case c = make_case(0.1, 0.0, 20'000, 0.0);
  const PopulationError error = measured(c);
  EXPECT_EQ(error.draws, 0u);
  EXPECT_LE(error.high - error.low, 1e-9);
  const double seen = drawn_error(c, 100'000);
  EXPECT_NEAR(error.value, seen, 4 * std::sqrt(seen * (1 - seen) / 1e5));
}

TEST(PopulationError, OfALinearNetworkIsClosedForm) {
  const Case c = make_case(1.0, 0.5, 20'000);
  const Matrix weights = c.initial.weights + c.coefficients * c.data.x;
  const Vector normal =
      (weights.topRows(4).colwise().sum() - weights.bottomRows(4).colwise().sum()).transpose();
  const double z = normal.dot(c.population.mixture.mean) / normal.norm();
  const PopulationError error = measured(c);
  EXPECT_EQ(error.draws, 0u);
  EXPECT_NEAR(error.value, 0.5 * std::erfc(z / std::sqrt(2.0)), 1e-12);
}

TEST(PopulationError, DoesNotDependOnThreadsOrOnTheScaleOfWeights) {
  const Case c = make_case(0.1, 0.05, 5'000);
  const PopulationError one = measured(c, 1), four = measured(c, 4);
  EXPECT_EQ(one.value, four.value);
  EXPECT_EQ(one.low, four.low);
  Case large = c;
  large.coefficients *= std::ldexp(1.0, 300);
  large.initial.weights *= std::ldexp(1.0, 300);
  EXPECT_EQ(measured(large).value, one.value);
}

TEST(PopulationError, OfNumbersThatAreNotFiniteIsNone) {
  Case c = make_case(0.1, 0.05, 5'000);
  c.coefficients(0, 0) = std::nan("");
  EXPECT_TRUE(std::isnan(measured(c).value));
}

TEST(Errors, TellsLabelsOfTrainingFromCleanOnes) {
  Case c = make_case(0.1, 0.05, 1'000, 0.0);
  c.data.clean_classes = c.data.classes;
  c.data.classes[2] ^= 1;  // the network was made for the clean labels
  const HeldOut none;
  const ErrorMeter meter(c.data, c.initial, none);
  TrainingState state;
  state.coefficients = c.coefficients;
  state.preactivations = preactivations(c.initial.weights + c.coefficients * c.data.x, c.data.x);
  const Errors errors = meter.measure(state, 1);
  EXPECT_EQ(errors.train, 1.0 / n);
  EXPECT_EQ(errors.train_clean, 0.0);
  EXPECT_TRUE(std::isnan(errors.test));
  EXPECT_FALSE(errors.population.has_value());
}

TEST(Errors, CountsTestSamplesOneByOne) {
  const Case c = make_case(0.0, 0.3, 1'000);
  HeldOut held_out{.test = gaussian_mixture_test(500, c.population.mixture, 9), .population = {}};
  const ErrorMeter meter(c.data, c.initial, held_out);
  const Matrix weights = c.initial.weights + c.coefficients * c.data.x;
  TrainingState state;
  state.coefficients = c.coefficients;
  state.preactivations = preactivations(weights, c.data.x);
  double wrong = 0.0;
  for (Eigen::Index i = 0; i < 500; ++i) {
    double f = 0.0;
    for (Eigen::Index k = 0; k < 8; ++k) {
      f += (k < 4 ? 1.0 : -1.0) * std::max(0.0, weights.row(k).dot(held_out.test->x.row(i)));
    }
    if (held_out.test->label(i) * f <= 0.0) wrong += 1.0;
  }
  EXPECT_EQ(meter.measure(state, 1).test, wrong / 500.0);
}

TEST(LimitErrors, CountsAsZeroWhatTheDirectionDoesNotDecide) {
  // ReLU neurons that look at the samples alone: a test sample at right angles to all gives f = 0.
  const NetworkShape shape{.groups = 2, .width = 1, .dim = 4, .slope = 0.0};
  const Dataset data{.x = Matrix::Identity(2, 4), .classes = {0, 1}};
  const Matrix coefficients = (Matrix(2, 2) << 1.0, 0.0, 0.0, 1.0).finished();
  HeldOut held_out{
      .test = Dataset{.x = Matrix::Identity(4, 4), .classes = {0, 1, 0, 1}},
      .population = Population{
          .mixture = {.mean = Vector::Zero(4), .noise_std = 1.0}, .draws = 1000, .seed = 1}};
  const Errors errors = limit_errors(coefficients, data, shape, held_out, 1);
  EXPECT_EQ(errors.train, 0.0);
  EXPECT_EQ(errors.test, 0.5);
  EXPECT_EQ(errors.test_zero, 0.5);
  ASSERT_TRUE(errors.population.has_value());
  EXPECT_EQ(errors.population->draws, 0u);  // two neurons lie in a plane
  EXPECT_NEAR(errors.population->zero, 0.25, 1e-12);
}

}  // namespace
}  // namespace latetime
