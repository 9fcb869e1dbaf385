#include "latetime/measure/planar_error.hpp"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "latetime/model/network.hpp"

namespace latetime {
namespace {

constexpr double accuracy = 1e-13;

/// Φ(−z).
double upper_tail(double z) {
  return 0.5 * std::erfc(z / std::sqrt(2.0));
}

PlanarError error_of(const Matrix& neurons, const Vector& mean, const Vector& signs, double slope,
                     double noise_std) {
  const auto network = planar_network(neurons, neurons * mean, signs, slope, noise_std);
  EXPECT_TRUE(network.has_value());
  return planar_error(*network, accuracy);
}

/// Share of draws on which the network errs, by its definition.
double drawn_error(const Matrix& neurons, const Vector& mean, const Vector& signs, double slope,
                   double noise_std, std::uint64_t draws) {
  RandomStream stream(11, RandomPurpose::test);
  std::uint64_t wrong = 0;
  Vector x(mean.size());
  for (std::uint64_t i = 0; i < draws; ++i) {
    const double y = i % 2 == 0 ? 1.0 : -1.0;
    for (Eigen::Index j = 0; j < x.size(); ++j) x[j] = y * mean[j] + noise_std * stream.normal();
    double f = 0.0;
    for (Eigen::Index k = 0; k < neurons.rows(); ++k) {
      f += signs[k] * activation(neurons.row(k).dot(x), slope);
    }
    if (y * f <= 0.0) ++wrong;
  }
  return static_cast<double>(wrong) / static_cast<double>(draws);
}

Vector vector_of(std::initializer_list<double> entries) {
  Vector v(static_cast<Eigen::Index>(entries.size()));
  std::copy(entries.begin(), entries.end(), v.data());
  return v;
}

TEST(PlanarError, OfALinearNetworkIsTheTailOfANormal) {
  // One class's neuron is the negative of the other's: f is ⟨w, x⟩ times a positive number.
  Matrix neurons(2, 5);
  neurons.row(0) << 1.0, -2.0, 0.5, 0.0, 3.0;
  neurons.row(1) = -neurons.row(0);
  for (const double size : {0.0, 0.1, 1.0, 4.0, 20.0, 36.0}) {
    const Vector mean = size * vector_of({0.3, -0.2, 0.1, 0.7, 0.4});
    for (const double slope : {0.0, 0.3, 1.0}) {
      const double expected = upper_tail(neurons.row(0).dot(mean) / neurons.row(0).norm() / 0.8);
      const PlanarError error = error_of(neurons, mean, vector_of({1.0, -1.0}), slope, 0.8);
      EXPECT_NEAR(error.wrong, expected, 1e-11 * expected) << size << " " << slope;
      EXPECT_LE(std::abs(error.wrong - expected), error.error + 1e-300) << size << " " << slope;
      EXPECT_LE(error.error, 1e-11);
      EXPECT_EQ(error.zero, 0.0);
    }
  }
}

TEST(PlanarError, CountsWhereReluNetworksAreZero) {
  // f(x) = x_1⁺ − x_2⁺ in the plane: zero in the quadrant where both are negative.
  const Matrix neurons = Matrix::Identity(2, 2);
  const PlanarError centred = error_of(neurons, Vector::Zero(2), vector_of({1.0, -1.0}), 0.0, 1.0);
  EXPECT_NEAR(centred.zero, 0.25, 1e-13);
  EXPECT_NEAR(centred.wrong, 0.25 + 0.375, 1e-13);
  const Vector mean = vector_of({0.4, -0.3});
  const PlanarError moved = error_of(neurons, mean, vector_of({1.0, -1.0}), 0.0, 1.0);
  const double zero =
      0.5 * (upper_tail(0.4) * upper_tail(-0.3) + upper_tail(-0.4) * upper_tail(0.3));
  EXPECT_NEAR(moved.zero, zero, 1e-13);
}

TEST(PlanarError, DoesNotDependOnCoordinatesOrScale) {
  const Vector mean = vector_of({0.5, 0.2});
  Matrix neurons(3, 2);
  neurons << 1.0, 0.2, -0.3, 1.0, -0.4, -0.9;
  const Vector signs = vector_of({1.0, -1.0, -1.0});
  const double before = error_of(neurons, mean, signs, 0.2, 1.0).wrong;
  const double turn = 0.7;
  Matrix rotation(2, 2);
  rotation << std::cos(turn), -std::sin(turn), std::sin(turn), std::cos(turn);
  const Matrix turned = neurons * rotation.transpose();
  EXPECT_NEAR(error_of(turned, rotation * mean, signs, 0.2, 1.0).wrong, before, 1e-12);
  EXPECT_NEAR(error_of(1e200 * neurons, mean, signs, 0.2, 1.0).wrong, before, 1e-12);
  EXPECT_NEAR(error_of(neurons, 3.0 * mean, signs, 0.2, 3.0).wrong, before, 1e-12);
  // Labels and groups exchanged: the same network, seen from the other side.
  EXPECT_NEAR(error_of(neurons, -mean, -signs, 0.2, 1.0).wrong, before, 1e-12);
}

TEST(PlanarError, WithoutNoiseIsThatOfTheMeans) {
  const Matrix neurons = Matrix::Identity(2, 2);
  const Vector signs = vector_of({1.0, -1.0});
  EXPECT_EQ(error_of(neurons, vector_of({1.0, -1.0}), signs, 0.5, 0.0).wrong, 0.0);
  EXPECT_EQ(error_of(neurons, vector_of({-1.0, 1.0}), signs, 0.5, 0.0).wrong, 1.0);
  const PlanarError half = error_of(neurons, vector_of({1.0, 0.5}), signs, 0.0, 0.0);
  EXPECT_EQ(half.wrong, 0.5);  // f(−μ) = 0
  EXPECT_EQ(half.zero, 0.5);
}

TEST(PlanarError, KnowsWhatIsNoPlane) {
  const Matrix neurons = Matrix::Identity(3, 3);
  EXPECT_FALSE(planar_network(neurons, Vector::Zero(3), Vector::Ones(3), 0.0, 1.0).has_value());
  const PlanarError nothing =
      error_of(Matrix::Zero(2, 3), Vector::Ones(3), vector_of({1.0, -1.0}), 0.1, 1.0);
  EXPECT_EQ(nothing.zero, 1.0);
  EXPECT_EQ(nothing.wrong, 1.0);
}

TEST(PlanarError, AgreesWithDrawsOnRandomNetworks) {
  constexpr std::uint64_t draws = 100'000;
  RandomStream stream(7, RandomPurpose::test);
  for (int network = 0; network < 12; ++network) {
    const auto count = static_cast<Eigen::Index>(1 + stream.below(6));
    Matrix plane(2, 4), within(count, 2);
    for (double& entry : plane.reshaped()) entry = stream.normal();
    for (double& entry : within.reshaped()) entry = stream.normal();
    Vector mean(4), signs(count);
    for (double& entry : mean) entry = stream.normal();
    for (Eigen::Index k = 0; k < count; ++k) signs[k] = k % 2 == 0 ? 1.0 : -1.0;
    const double slope = network % 3 == 0 ? 0.0 : 0.25;
    const Matrix neurons = within * plane;
    const double exact = error_of(neurons, mean, signs, slope, 1.3).wrong;
    const double seen = drawn_error(neurons, mean, signs, slope, 1.3, draws);
    EXPECT_NEAR(seen, exact, 5 * std::sqrt(exact * (1 - exact) / draws) + 1e-4) << network;
  }
}

TEST(PlanarError, SlowAgreesWithAHundredMillionDraws) {
  constexpr std::uint64_t draws = 100'000'000;
  Matrix neurons(2, 2);
  neurons << 1.0, 0.3, -0.8, 0.5;
  const Vector mean = vector_of({0.9, 0.1}), signs = vector_of({1.0, -1.0});
  const double exact = error_of(neurons, mean, signs, 0.1, 1.0).wrong;
  const double seen = drawn_error(neurons, mean, signs, 0.1, 1.0, draws);
  EXPECT_NEAR(seen, exact, 4 * std::sqrt(exact * (1 - exact) / draws));
}

}  // namespace
}  // namespace latetime
