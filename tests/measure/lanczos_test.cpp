#include "latetime/measure/lanczos.hpp"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "support/dense.hpp"

namespace latetime {
namespace {

constexpr double tolerance = 1e-6;
// Of products and sums in dimension ≤ 200, relative to the trace: 200 roundings.
constexpr double rounding = 3e-14;

Vector start_vector(Eigen::Index dimension) {
  return ProvedLanczos(dimension, 1.0, tolerance).direction();
}

Eigen::MatrixXd orthogonal_matrix(Eigen::Index d, std::uint64_t seed) {
  RandomStream stream(seed, RandomPurpose::test);
  Eigen::MatrixXd a(d, d);
  for (double& v : a.reshaped()) v = stream.normal();
  return dense_math::orthonormal(a);
}

Eigen::MatrixXd with_spectrum(const Vector& eigenvalues, std::uint64_t seed) {
  const Eigen::MatrixXd q = orthogonal_matrix(eigenvalues.size(), seed);
  return q * eigenvalues.asDiagonal() * q.transpose();
}

double top_of(const Eigen::MatrixXd& g) {
  return dense_math::eigenvalues(g).maxCoeff();
}

void expect_enclosed(const ProvedLanczos& iteration, double top, double trace) {
  EXPECT_LE(iteration.top(), top + rounding * trace) << iteration.steps() << " steps";
  EXPECT_FALSE(std::isnan(iteration.error()));
  EXPECT_LE(top, iteration.top() * (1.0 + iteration.error()) + rounding * trace)
      << iteration.steps() << " steps, error " << iteration.error();
}

/// Goes on until settled; the enclosure must hold after each step, and with ‖G‖_F.
ProvedLanczos iterate(const Eigen::MatrixXd& g, double top) {
  ProvedLanczos iteration(g.rows(), g.trace(), tolerance);
  EXPECT_FALSE(iteration.proved());
  while (!iteration.settled()) {
    const Vector product = g * iteration.direction();
    iteration.take_product(product);
    expect_enclosed(iteration, top, g.trace());
    ProvedLanczos with_norm = iteration;
    with_norm.take_squared_norm(g.squaredNorm());
    EXPECT_LE(with_norm.error(), iteration.error());
    expect_enclosed(with_norm, top, g.trace());
  }
  return iteration;
}

TEST(ProvedLanczos, StartsFromTheFixedRandomVector) {
  RandomStream stream(0, RandomPurpose::iteration_start);
  Vector expected(7);
  for (double& v : expected) v = stream.normal();
  EXPECT_EQ(start_vector(7), expected.normalized());
}

TEST(ProvedLanczos, ProvesADominantEigenvalue) {
  for (const Eigen::Index d : {2, 3, 20, 150}) {
    for (const double rest : {0.0, 1e-12, 1e-6, 1e-3}) {
      Vector spectrum = Vector::Constant(d, rest / static_cast<double>(d));
      spectrum[0] = 1.0;
      const Eigen::MatrixXd g = with_spectrum(spectrum, 1);
      const ProvedLanczos iteration = iterate(g, top_of(g));
      EXPECT_TRUE(iteration.proved()) << d << " dimensions, rest " << rest;
      EXPECT_LE(iteration.steps(), 5u);
    }
  }
}

TEST(ProvedLanczos, EnclosesTheTopOfAnySpectrum) {
  for (const Eigen::Index d : {2, 5, 40, 150}) {
    for (const char* kind : {"identity", "nearly identity", "bulk", "two tops", "decay", "steps"}) {
      SCOPED_TRACE(std::string(kind) + ", d = " + std::to_string(d));
      Vector spectrum(d);
      for (Eigen::Index i = 0; i < d; ++i) {
        const double part = static_cast<double>(i) / static_cast<double>(d);
        const std::string k = kind;
        spectrum[i] = k == "identity"          ? 1.0
                      : k == "nearly identity" ? 1.0 + 1e-8 * part
                      : k == "bulk"            ? 0.1 + part
                      : k == "two tops"        ? (i == 0   ? 1.0
                                                  : i == 1 ? 1.0 - 1e-9
                                                           : 1e-3 * part)
                      : k == "decay"           ? std::pow(0.5, static_cast<double>(i))
                                               : (i < d / 2 ? 1.0 : 0.0);
      }
      const Eigen::MatrixXd g = with_spectrum(spectrum, 2);
      iterate(g, top_of(g));
    }
  }
}

TEST(ProvedLanczos, ProvesItselfOnceTheWholeSpaceIsSpanned) {
  Vector spectrum(40);
  for (Eigen::Index i = 0; i < 40; ++i) spectrum[i] = 1.0 + 0.1 * static_cast<double>(i);
  const Eigen::MatrixXd g = with_spectrum(spectrum, 3);
  ProvedLanczos iteration(40, g.trace(), 1e-12);
  while (iteration.steps() < 40) {
    const Vector product = g * iteration.direction();
    iteration.take_product(product);
  }
  EXPECT_TRUE(iteration.proved());
  EXPECT_NEAR(iteration.top(), 4.9, 1e-12);
}

/// The top eigenvector stands at right angles to the start: the iteration sees the other ones only.
TEST(ProvedLanczos, DoesNotProveWhatItsStartHides) {
  for (const Eigen::Index d : {3, 20, 150}) {
    for (const double hidden : {1.0, 0.5 + 1e-5, 0.6}) {
      const Vector start = start_vector(d);
      Eigen::MatrixXd frame = orthogonal_matrix(d, 4);
      frame.col(0) = start;
      const Eigen::MatrixXd q = dense_math::orthonormal(frame);
      const Vector seen = (q.col(0) + q.col(1)).normalized(), top = q.col(2);
      const Eigen::MatrixXd g = 0.5 * seen * seen.transpose() + hidden * top * top.transpose();
      const ProvedLanczos iteration = iterate(g, hidden);
      if (iteration.proved()) {
        EXPECT_NEAR(iteration.top(), hidden, tolerance);
      }
    }
  }
}

TEST(ProvedLanczos, ProvesNothingFromAStartThatTheMatrixSendsToZero) {
  ProvedLanczos nothing(5, 1.0, tolerance);
  nothing.take_product(Vector::Zero(5));
  EXPECT_FALSE(nothing.proved());
  EXPECT_TRUE(nothing.settled());  // no direction is left
  nothing.take_squared_norm(1.0);
  EXPECT_FALSE(nothing.proved());
  EXPECT_FALSE(std::isnan(nothing.top()));
}

/// The same up to rounding, which may well be negative.
TEST(ProvedLanczos, GoesOnFromAProductThatIsRoundingAlone) {
  for (const double sign : {1.0, -1.0}) {
    const Vector start = start_vector(5);
    Vector other = Vector::Unit(5, 0) - start[0] * start;
    other.normalize();
    ProvedLanczos iteration(5, 1.0, tolerance);
    iteration.take_product(sign * 1e-34 * start + 1e-17 * other);
    EXPECT_FALSE(iteration.proved()) << sign;
    ASSERT_FALSE(iteration.settled()) << sign;
    iteration.take_product(other);  // G = other otherᵀ
    EXPECT_TRUE(iteration.proved()) << sign;
    EXPECT_NEAR(iteration.top(), 1.0, rounding);
  }
}

}  // namespace
}  // namespace latetime
