// The limit network beside the linear classifier of largest margin, against networks whose odd
// part, even part and boundary are known.

#include "latetime/theory/linear_comparison.hpp"

#include <cmath>

#include <Eigen/Cholesky>
#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "latetime/data/gram.hpp"

namespace latetime {
namespace {

/// A network of weights V = coefficients · X on samples X, as if it were a limit.
struct Case {
  Matrix x, coefficients;
  std::vector<int> classes;
  double slope;

  NetworkShape shape() const {
    return {.groups = 2, .width = coefficients.rows() / 2, .dim = x.cols(), .slope = slope};
  }
  LinearComparison compare() const {
    Limit limit;
    limit.status = LimitStatus::found;
    limit.coefficients = coefficients;
    limit.support.assign(classes.size(), true);
    return compare_with_linear(limit, gram_matrix(x), classes, shape());
  }
  /// f(x), straight from its definition.
  double output(const Vector& point) const {
    const Vector z = coefficients * x * point;
    double sum = 0.0;
    for (Eigen::Index k = 0; k < z.size(); ++k) {
      sum += (k < shape().width ? 1 : -1) * activation(z[k], slope);
    }
    return sum / static_cast<double>(shape().width);
  }
};

Case random_case(Eigen::Index width, double slope, std::uint64_t seed) {
  RandomStream stream(seed, RandomPurpose::initial_weights);
  Case result{.x = Matrix(6, 9),
              .coefficients = Matrix(2 * width, 6),
              .classes = {0, 1, 0, 1, 0, 1},
              .slope = slope};
  for (double& entry : result.x.reshaped()) entry = stream.normal();
  for (double& entry : result.coefficients.reshaped()) entry = stream.normal();
  return result;
}

/// Weights that are multiples `factors` (one of them zero) of one vector a class, v_− = −v_+ at
/// angle 0.
Case rank_one_case(double slope, double off_opposite) {
  Case result = random_case(3, slope, 5);
  const Eigen::RowVectorXd plus = result.coefficients.row(0);
  const Eigen::RowVectorXd minus = -plus + off_opposite * result.coefficients.row(1);
  const double factors[] = {1.0, 0.0, 2.5, 0.5, 3.0, 1.0};
  for (Eigen::Index k = 0; k < 6; ++k) {
    result.coefficients.row(k) = factors[k] * (k < 3 ? plus : minus);
  }
  return result;
}

TEST(LinearComparison, OddAndEvenPartsAreThoseOfTheOutputs) {
  for (const double slope : {0.0, 0.3, 1.0}) {
    const Case tested = random_case(4, slope, 11);
    const LinearComparison result = tested.compare();
    double even = 0.0, all = 0.0;
    Vector odd(6);
    for (Eigen::Index i = 0; i < 6; ++i) {
      const Vector point = tested.x.row(i).transpose();
      const double there = tested.output(point), opposite = tested.output(-point);
      even += std::pow((there + opposite) / 2, 2);
      all += there * there;
      odd[i] = (there - opposite) / 2;
    }
    EXPECT_NEAR(result.even_part, std::sqrt(even / all), 1e-13);
    // f_odd = ⟨u, x⟩: its values on the samples, which span their space, fix u.
    const Vector u = tested.x.transpose() * gram_matrix(tested.x).ldlt().solve(odd);
    double margin = 1e300;
    for (Eigen::Index i = 0; i < 6; ++i) margin = std::min(margin, (i % 2 ? -1 : 1) * odd[i]);
    EXPECT_NEAR(result.odd_margin, margin / u.norm(), 1e-11);
  }
}

TEST(LinearComparison, ARandomNetworkHasAWitness) {
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    for (const double slope : {0.0, 0.5}) {
      const Case tested = random_case(4, slope, seed);
      const LinearComparison result = tested.compare();
      EXPECT_EQ(result.boundary, Boundary::not_linear);
      // The same by way of dense vectors, over the samples and neurons without their part along u.
      const Matrix v = tested.coefficients * tested.x;
      const Vector u = (v.topRows(4).colwise().sum() - v.bottomRows(4).colwise().sum()).transpose();
      double largest = 0.0;
      const auto try_point = [&](const Vector& start) {
        const Vector point = start - start.dot(u) / u.squaredNorm() * u;
        double size = 0.0;
        for (const double z : Vector(v * point)) size += std::abs(activation(z, slope)) / 4;
        largest = std::max(largest, std::abs(tested.output(point)) / size);
        EXPECT_NEAR(tested.output(point), tested.output(-point), 1e-13 * (v * start).lpNorm<1>());
      };
      for (Eigen::Index i = 0; i < 6; ++i) try_point(tested.x.row(i).transpose());
      for (Eigen::Index k = 0; k < 8; ++k) try_point(v.row(k).transpose());
      EXPECT_NEAR(result.even_on_boundary, largest, 1e-11);
    }
  }
}

TEST(LinearComparison, OneDirectionAClassIsLinearForLeakyRelu) {
  const Case tested = rank_one_case(0.2, 0.7);
  const LinearComparison result = tested.compare();
  EXPECT_LT(result.spread, 1e-14);
  EXPECT_EQ(result.boundary, Boundary::linear);
  EXPECT_LT(result.even_on_boundary, 1e-14);
  EXPECT_GT(result.even_part, 0.01);  // and yet f is not linear
}

TEST(LinearComparison, ReluNeedsOppositeDirections) {
  EXPECT_EQ(rank_one_case(0.0, 0.0).compare().boundary, Boundary::linear);
  EXPECT_NE(rank_one_case(0.0, 0.7).compare().boundary, Boundary::linear);
}

/// A neuron against its class is no nonnegative multiple: σ(z) + σ(−z) is not σ of anything.
TEST(LinearComparison, ANeuronAgainstItsClassSpoilsTheProof) {
  Case tested = rank_one_case(0.2, 0.7);
  tested.coefficients.row(0) *= -1.0;
  EXPECT_EQ(tested.compare().boundary, Boundary::not_linear);
}

TEST(LinearComparison, ALinearNetworkIsLinear) {
  const LinearComparison result = random_case(4, 1.0, 2).compare();
  EXPECT_EQ(result.boundary, Boundary::linear);
  EXPECT_EQ(result.even_part, 0.0);
}

/// Orthogonal samples of norm R, V as the limit of leaky ReLU has it: u is along w_svm, of margin
/// R/√n, and f_even/f = (1−γ)²/(2(1+γ²)) on every sample.
TEST(LinearComparison, OrthogonalDataGiveTheClosedForm) {
  const double slope = 0.1, norm = 2.0;
  Case tested{.x = norm * Matrix::Identity(4, 7),
              .coefficients = Matrix(6, 4),
              .classes = {0, 1, 0, 1},
              .slope = slope};
  for (Eigen::Index k = 0; k < 6; ++k) {
    for (Eigen::Index i = 0; i < 4; ++i) {
      tested.coefficients(k, i) = (k < 3) == (i % 2 == 0) ? 1.0 : -slope;
    }
  }
  const LinearComparison result = tested.compare();
  EXPECT_EQ(result.svm.verdict, Separability::separable);
  EXPECT_NEAR(result.svm.margin, norm / 2, 1e-14);
  EXPECT_EQ(result.common_support, 4);
  EXPECT_LT(result.angle, 1e-14);
  EXPECT_NEAR(result.cosine, 1.0, 1e-14);
  EXPECT_NEAR(result.odd_margin, norm / 2, 1e-14);
  EXPECT_NEAR(result.even_part, (1 - slope) * (1 - slope) / (2 * (1 + slope * slope)), 1e-14);
  EXPECT_EQ(result.boundary, Boundary::linear);
}

TEST(LinearComparison, TheAngleIsThatOfTheDirections) {
  // w_svm of samples (1, 0) and (0, 1) of class +1 is (1, 1); u = v_+ = (1, 0).
  const Case tested{.x = Matrix::Identity(2, 2),
                    .coefficients = (Matrix(2, 2) << 1, 0, 0, 0).finished(),
                    .classes = {0, 0},
                    .slope = 0.5};
  const LinearComparison result = tested.compare();
  EXPECT_NEAR(result.angle, std::atan(1.0), 1e-14);
  EXPECT_NEAR(result.cosine, std::sqrt(0.5), 1e-14);
  EXPECT_EQ(result.odd_margin, 0.0);
  EXPECT_NEAR(result.svm.margin, std::sqrt(0.5), 1e-14);
}

TEST(LinearComparison, SamplesThatNoHyperplaneSeparates) {
  Case tested = random_case(4, 0.5, 3);
  tested.x.row(1) = tested.x.row(0);  // of the other class
  const LinearComparison result = tested.compare();
  EXPECT_EQ(result.svm.verdict, Separability::not_separable);
  EXPECT_TRUE(std::isnan(result.cosine));
  EXPECT_TRUE(std::isnan(result.angle));
}

}  // namespace
}  // namespace latetime
