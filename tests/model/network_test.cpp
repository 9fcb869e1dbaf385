#include "latetime/model/network.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "latetime/model/blas.hpp"

namespace latetime {
namespace {

constexpr double unit = std::numeric_limits<double>::epsilon();

Matrix random_matrix(Eigen::Index rows, Eigen::Index columns, std::uint64_t index) {
  RandomStream stream(11, RandomPurpose::test, index);
  Matrix result(rows, columns);
  for (double& entry : result.reshaped()) entry = stream.normal();
  return result;
}

TEST(Activation, HasDerivativeOneAtZero) {
  for (const double slope : {0.0, 0.1, 1.0}) {
    EXPECT_EQ(activation_derivative(0.0, slope), 1.0);
    EXPECT_EQ(activation_derivative(-0.0, slope), 1.0);
    EXPECT_EQ(activation_derivative(1e-300, slope), 1.0);
    EXPECT_EQ(activation_derivative(-1e-300, slope), slope);
    EXPECT_EQ(activation(0.0, slope), 0.0);
  }
}

TEST(Activation, IsTheLargerOfTheTwoLines) {
  for (const double slope : {0.0, 0.1, 0.5, 1.0}) {
    for (const double z : {-3.0, -1e-8, 0.0, 1e-8, 2.5}) {
      EXPECT_EQ(activation(z, slope), std::fmax(slope * z, z));
    }
  }
}

/// From its definition: C¹, σ(0) = 0, σ' from γ to 1, σ'' = (1−γ)/(2h) where |z| < h, 0 elsewhere.
TEST(Activation, SmoothedIsAParabolaBetweenTheLines) {
  for (const double slope : {0.0, 0.1, 0.7, 1.0}) {
    for (const double h : {1e-3, 0.5, 20.0}) {
      const Activation sigma{slope, h};
      EXPECT_EQ(sigma.value(0.0), 0.0);
      const double lower = 0.25 * (1.0 - slope) * h;  // than the leaky ReLU
      for (const double z : {1.0, 1.5, 40.0}) {
        EXPECT_NEAR(sigma.value(z * h), z * h - lower, 8 * unit * z * h);
        EXPECT_NEAR(sigma.value(-z * h), -slope * z * h - lower, 8 * unit * z * h);
        EXPECT_NEAR(sigma.derivative(z * h), 1.0, 4 * unit);
        EXPECT_NEAR(sigma.derivative(-z * h), slope, 4 * unit);
      }
      const double curvature = 0.5 * (1.0 - slope) / h;
      for (const double z : {-0.9, -0.25, 0.0, 0.3, 0.8}) {
        const double step = 0.0625 * h;
        const double first = (sigma.value(z * h + step) - sigma.value(z * h - step)) / (2 * step);
        const double second =
            (sigma.derivative(z * h + step) - sigma.derivative(z * h - step)) / (2 * step);
        EXPECT_NEAR(first, sigma.derivative(z * h), 1e-13);
        EXPECT_NEAR(second, curvature, 1e-12 * (1.0 + curvature));
      }
    }
  }
}

TEST(Activation, SmoothedTendsToTheLeakyReLU) {
  for (const double slope : {0.0, 0.3}) {
    for (const double h : {1.0, 1e-4, 1e-9}) {
      const Activation sigma{slope, h};
      for (const double z : {-2.0, -0.5 * h, 0.0, 0.1 * h, 3.0}) {
        const double off = activation(z, slope) - sigma.value(z);
        EXPECT_GE(off, -4 * unit * std::abs(z));
        EXPECT_LE(off, 0.25 * (1.0 - slope) * h + 4 * unit * std::abs(z));
      }
    }
  }
}

TEST(Network, ForwardPassEqualsExplicitLoops) {
  for (const int groups : {2, 3}) {
    for (const double slope : {0.0, 0.1, 1.0}) {
      const NetworkShape shape{.groups = groups, .width = 7, .dim = 13, .slope = slope};
      const Matrix x = random_matrix(5, shape.dim, 1);
      const Matrix w = random_matrix(shape.neurons(), shape.dim, 2);
      const Matrix z = preactivations(w, x);
      const Matrix outputs = group_outputs(z, shape);
      ASSERT_EQ(z.rows(), shape.neurons());
      ASSERT_EQ(z.cols(), x.rows());
      ASSERT_EQ(outputs.rows(), x.rows());
      ASSERT_EQ(outputs.cols(), groups);
      for (Eigen::Index i = 0; i < x.rows(); ++i) {
        for (int group = 0; group < groups; ++group) {
          double output = 0.0, size = 0.0;
          for (Eigen::Index r = 0; r < shape.width; ++r) {
            const Eigen::Index k = group * shape.width + r;
            double sum = 0.0, absolute = 0.0;
            for (Eigen::Index j = 0; j < shape.dim; ++j) {
              sum += w(k, j) * x(i, j);
              absolute += std::abs(w(k, j) * x(i, j));
            }
            // A sum of p terms in any order: error at most p units of the sum of their sizes.
            EXPECT_NEAR(z(k, i), sum, static_cast<double>(shape.dim) * unit * absolute);
            output += (sum > 0 ? sum : slope * sum) / static_cast<double>(shape.width);
            size += absolute / static_cast<double>(shape.width);
          }
          EXPECT_NEAR(outputs(i, group), output,
                      static_cast<double>(shape.dim + shape.width) * unit * size);
        }
      }
    }
  }
}

TEST(Network, GaussianWeightsAreScaledAndKeyedByNeuron) {
  const NetworkShape narrow{.groups = 2, .width = 3, .dim = 4000, .slope = 0.0};
  const Network a = gaussian_network(narrow, 1e-3, 5), b = gaussian_network(narrow, 2e-3, 5);
  ASSERT_EQ(a.weights.rows(), 6);
  EXPECT_EQ(b.weights, 2.0 * a.weights);
  const double count = static_cast<double>(a.weights.size());
  EXPECT_NEAR(a.weights.squaredNorm() / count, 1e-6, 5e-6 * std::sqrt(2.0 / count));
  EXPECT_NEAR(a.weights.mean(), 0.0, 5e-3 / std::sqrt(count));
  NetworkShape wider = narrow;
  wider.width = 5;
  EXPECT_EQ(gaussian_network(wider, 1e-3, 5).weights.topRows(6), a.weights);
  EXPECT_NE(gaussian_network(narrow, 1e-3, 6).weights, a.weights);
}

TEST(Blas, ProductsAddToTheTargetAlsoInsideALargerMatrix) {
  const Matrix a = random_matrix(3, 5, 3), b = random_matrix(4, 5, 4);
  Matrix plain = Matrix::Ones(3, 4), transposed = plain;
  add_product_transposed(a, b, plain);
  add_product(a, Matrix(b.transpose()), transposed);
  Matrix large = Matrix::Ones(10, 9);
  add_product_transposed(a, b, large.block(2, 3, 3, 4));
  for (Eigen::Index i = 0; i < 3; ++i) {
    for (Eigen::Index k = 0; k < 4; ++k) {
      double sum = 1.0;
      for (Eigen::Index j = 0; j < 5; ++j) sum += a(i, j) * b(k, j);
      EXPECT_NEAR(plain(i, k), sum, 60 * unit);
      EXPECT_NEAR(transposed(i, k), sum, 60 * unit);
      EXPECT_NEAR(large(2 + i, 3 + k), sum, 60 * unit);
    }
  }
  large.block(2, 3, 3, 4).setOnes();
  EXPECT_EQ(large, Matrix::Ones(10, 9));
}

TEST(Blas, EmptyProductsChangeNothing) {
  Matrix c = Matrix::Ones(3, 2);
  add_product_transposed(Matrix(3, 0), Matrix(2, 0), c);
  EXPECT_EQ(c, Matrix::Ones(3, 2));
}

// (a, b)·(−b, a) is zero, but rounds to ±10⁻¹⁷ where products are fused, or summed in another
// order; σ'(0) = 1 depends on it. The same at any scale, and with more entries that cancel.
TEST(Preactivations, AtRightAnglesAreZeroExactly) {
  RandomStream stream(3, RandomPurpose::test, 0);
  int rounded = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const Eigen::Index pairs = 1 + trial % 5;
    const double scale = std::pow(10.0, 60.0 * stream.uniform() - 30.0);
    Matrix x(1, 2 * pairs), w(2, 2 * pairs);
    for (Eigen::Index j = 0; j < pairs; ++j) {
      const double a = scale * stream.normal(), b = stream.normal();
      x(0, j) = a;
      x(0, j + pairs) = b;
      w(0, j) = -b;
      w(0, j + pairs) = a;
      w(1, j) = b;
      w(1, j + pairs) = -a;
    }
    if (w.row(0).dot(x.row(0)) != 0.0) ++rounded;
    const Matrix z = preactivations(w, x);
    EXPECT_EQ(z(0, 0), 0.0);
    EXPECT_EQ(z(1, 0), 0.0);
  }
  EXPECT_GT(rounded, 0) << "plain sums get them right: nothing was tested";
}

// The true sign, however small what is left.
TEST(Preactivations, BesideRightAnglesHaveTheirOwnSign) {
  RandomStream stream(4, RandomPurpose::test, 0);
  for (int trial = 0; trial < 200; ++trial) {
    const double a = stream.normal(), b = stream.normal(), tiny = 0x1p-80 * stream.normal();
    Matrix x(1, 3), w(1, 3);
    x << a, b, 0x1p-40;
    w << -b, a, 0x1p40 * tiny;
    EXPECT_EQ(preactivations(w, x)(0, 0), tiny);
  }
}

}  // namespace
}  // namespace latetime
