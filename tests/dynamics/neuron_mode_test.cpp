// The modes of single neurons against their definitions: plain loops, and an enumeration of the
// faces of the box.

#include "latetime/dynamics/neuron_mode.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include <Eigen/QR>
#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "support/dense.hpp"

namespace latetime {
namespace {

/// One neuron with pairs at zero. Relative errors of a velocity are those of at most 10 products
/// and of a solve with G_SS: 2⁻⁵³ · 100 · its condition number, ≤ 1e3 for most of what is drawn.
constexpr double solve_rounding = 1e-10;

struct Case {
  FlowProblem problem;
  int group = 0;
  Vector lambda;
  std::vector<Eigen::Index> at_zero;  // other-class, ascending
  NeuronMode mode;
};

Case random_case(std::uint64_t index, bool degenerate) {
  RandomStream stream(31, RandomPurpose::test, index);
  const auto n = static_cast<Eigen::Index>(3 + stream.below(8));
  // Independent samples, or also fewer dimensions than samples.
  const auto d = static_cast<Eigen::Index>(degenerate ? 2 + stream.below(6)
                                                      : static_cast<std::uint64_t>(n) + 8);
  Dataset data{.x = Matrix(n, d), .classes = std::vector<int>(static_cast<std::size_t>(n))};
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index c = 0; c < d; ++c) data.x.edit()(i, c) = stream.normal();
    data.x.edit()(i, 0) += 0.5;  // correlated, so that own-class samples pull the others
    data.classes[static_cast<std::size_t>(i)] = static_cast<int>(stream.below(2));
  }
  if (degenerate) {
    data.x.edit().row(1) = data.x.row(0);
    data.classes[1] = data.classes[0];
  }
  const double slopes[] = {0.0, 0.1, 0.5};
  const NetworkShape shape{.groups = 2, .width = 3, .dim = d, .slope = slopes[stream.below(3)]};
  Case c{.problem = FlowProblem({data, {shape, {}}, 0.7}), .lambda = Vector(n)};
  c.group = static_cast<int>(stream.below(2));
  c.mode.active.resize(static_cast<std::size_t>(n));
  for (Eigen::Index i = 0; i < n; ++i) {
    c.mode.active[static_cast<std::size_t>(i)] = stream.below(2) ? 1 : 0;
    c.lambda[i] = degenerate && stream.below(4) == 0 ? 0.0 : 2.0 * stream.uniform();
    if (!c.problem.own(c.group, i) && c.at_zero.size() < 6 && stream.below(4) > 0) {
      c.at_zero.push_back(i);
    }
  }
  return c;
}

double slope_of(const Case& c, Eigen::Index l) {
  return c.mode.active[static_cast<std::size_t>(l)] ? 1.0 : c.problem.shape.slope;
}

bool contains(const std::vector<Eigen::Index>& list, Eigen::Index value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

/// dz_i/dθ / q for effective multipliers b, and what its terms sum up to in size.
double velocity(const Case& c, const Vector& b, Eigen::Index i, double* size = nullptr) {
  double sum = 0.0, sizes = 0.0;
  for (Eigen::Index l = 0; l < b.size(); ++l) {
    sum += c.problem.sign(c.group, l) * b[l] * c.problem.gram(l, i);
    sizes += std::abs(b[l] * c.problem.gram(l, i));
  }
  if (size) *size = sizes;
  return sum;
}

/// The smallest ½‖Σ ς b x‖² over the box: stationary points of all 3^|S| faces. Where a face's
/// block is singular, one of its own faces has the same value.
Vector enumerate_faces(const Case& c, double& least) {
  const std::size_t size = c.at_zero.size();
  std::size_t faces = 1;
  for (std::size_t s = 0; s < size; ++s) faces *= 3;
  Vector best, b(c.lambda.size());
  least = std::numeric_limits<double>::infinity();
  for (std::size_t face = 0; face < faces; ++face) {
    for (Eigen::Index l = 0; l < b.size(); ++l) b[l] = slope_of(c, l) * c.lambda[l];
    std::vector<Eigen::Index> free;
    for (std::size_t s = 0, code = face; s < size; ++s, code /= 3) {
      const Eigen::Index l = c.at_zero[s];
      const double bounds[] = {c.problem.shape.slope * c.lambda[l], c.lambda[l], 0.0};
      b[l] = bounds[code % 3];
      if (code % 3 == 2) free.push_back(l);
    }
    const auto count = static_cast<Eigen::Index>(free.size());
    Eigen::MatrixXd block(count, count);
    Vector pull(count);
    for (Eigen::Index r = 0; r < count; ++r) {
      const Eigen::Index l = free[static_cast<std::size_t>(r)];
      pull[r] = velocity(c, b, l);
      for (Eigen::Index k = 0; k < count; ++k) {
        block(r, k) = c.problem.gram(l, free[static_cast<std::size_t>(k)]);
      }
    }
    if (count > 0) {
      const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(block);
      if (qr.rank() < count) continue;
      const Vector beta = qr.solve(pull);
      for (Eigen::Index r = 0; r < count; ++r) b[free[static_cast<std::size_t>(r)]] = beta[r];
    }
    bool inside = true;
    for (const Eigen::Index l : free) {
      const double room = 1e-12 * c.lambda[l];
      inside = inside && b[l] >= c.problem.shape.slope * c.lambda[l] - room &&
               b[l] <= c.lambda[l] + room;
    }
    if (!inside) continue;
    double value = 0.0;
    for (Eigen::Index i = 0; i < b.size(); ++i) {
      value += 0.5 * c.problem.sign(c.group, i) * b[i] * velocity(c, b, i);
    }
    if (value < least) {
      least = value;
      best = b;
    }
  }
  return best;
}

/// Everything that makes a mode the right one, apart from its being the minimum.
void expect_consistent(const Case& c, const Vector& b) {
  for (const Eigen::Index l : c.at_zero) {
    double size = 0.0;
    const double z = velocity(c, b, l, &size);
    const double room = solve_rounding * c.lambda[l];
    EXPECT_GE(b[l], c.problem.shape.slope * c.lambda[l] - room);
    EXPECT_LE(b[l], c.lambda[l] + room);
    if (contains(c.mode.sliding, l) || contains(c.mode.riding, l)) {
      EXPECT_NEAR(z, 0.0, solve_rounding * size) << "sample " << l;
    } else if (std::abs(z) > solve_rounding * size) {
      EXPECT_EQ(z > 0.0, c.mode.active[static_cast<std::size_t>(l)] != 0) << "sample " << l;
    }
  }
  for (const auto* list : {&c.mode.sliding, &c.mode.riding}) {
    EXPECT_TRUE(std::is_sorted(list->begin(), list->end()));
    for (const Eigen::Index l : *list) EXPECT_TRUE(contains(c.at_zero, l));
  }
}

/// Whether samples that are not at zero lie in the span of those that are: such a state is none.
bool contradicts_itself(const Case& c) {
  const auto count = static_cast<Eigen::Index>(c.at_zero.size());
  if (count == 0) return false;
  Eigen::MatrixXd block(count, count);
  for (Eigen::Index r = 0; r < count; ++r) {
    for (Eigen::Index k = 0; k < count; ++k) {
      block(r, k) = c.problem.gram(c.at_zero[static_cast<std::size_t>(r)],
                                   c.at_zero[static_cast<std::size_t>(k)]);
    }
  }
  const Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd> solver(block);
  for (Eigen::Index i = 0; i < c.lambda.size() && count > 0; ++i) {
    if (contains(c.at_zero, i)) continue;
    Vector link(count);
    for (Eigen::Index r = 0; r < count; ++r) {
      link[r] = c.problem.gram(i, c.at_zero[static_cast<std::size_t>(r)]);
    }
    const double left = c.problem.gram(i, i) - link.dot(Vector(solver.solve(link)));
    if (left < 1e-8 * c.problem.gram(i, i)) return true;
  }
  return false;
}

class ModeOf : public testing::TestWithParam<bool> {};  // degenerate?

TEST_P(ModeOf, TheSubgradientOfLeastNormIsTheBestOfAllFaces) {
  int sliding = 0, leaving = 0;
  for (std::uint64_t index = 0; index < 600; ++index) {
    SCOPED_TRACE("case " + std::to_string(index));
    Case c = random_case(index, GetParam());
    if (contradicts_itself(c)) continue;
    double least = 0.0;
    const Vector expected = enumerate_faces(c, least);
    resolve_mode(c.problem, c.group, c.lambda, c.at_zero, c.mode);
    const Vector b = effective_multipliers(c.problem, c.group, c.mode, c.lambda);
    // The velocities of all samples are unique, the multipliers where the samples are independent.
    for (Eigen::Index i = 0; i < b.size(); ++i) {
      double size = 0.0;
      const double z = velocity(c, expected, i, &size);
      EXPECT_NEAR(velocity(c, b, i), z, solve_rounding * size) << "sample " << i;
      if (GetParam()) continue;
      EXPECT_NEAR(b[i], expected[i], solve_rounding * c.lambda.maxCoeff());
    }
    expect_consistent(c, b);
    sliding += static_cast<int>(c.mode.sliding.size());
    leaving += static_cast<int>(c.at_zero.size() - c.mode.sliding.size());
  }
  EXPECT_GT(sliding, 50);  // else little was tested
  EXPECT_GT(leaving, 50);
}

TEST_P(ModeOf, RowsAndKernelAreTheirDefinitions) {
  for (std::uint64_t index = 0; index < 300; ++index) {
    SCOPED_TRACE("case " + std::to_string(index));
    Case c = random_case(index, GetParam());
    if (contradicts_itself(c)) continue;
    resolve_mode(c.problem, c.group, c.lambda, c.at_zero, c.mode);
    const Eigen::Index n = c.lambda.size();
    Eigen::MatrixXd expected(n, n);  // du/dθ for λ = unit vectors: all of it is linear in λ
    double scale = 0.0;
    for (Eigen::Index j = 0; j < n; ++j) {
      const Vector b = effective_multipliers(c.problem, c.group, c.mode, Vector::Unit(n, j));
      for (Eigen::Index i = 0; i < n; ++i) {
        double size = 0.0;
        const double z = c.problem.rate * velocity(c, b, i, &size);
        const double row = preactivation_row(c.problem, c.group, c.mode, i)[j];
        EXPECT_NEAR(row, z, solve_rounding * c.problem.rate * size);
        const bool slides = contains(c.mode.sliding, i);
        const double u = slides ? 0.0 : c.problem.sign(c.group, i) * slope_of(c, i) * z;
        expected(i, j) = u / static_cast<double>(c.problem.shape.width);
        scale = std::max(scale, c.problem.rate * size);
      }
    }
    Eigen::MatrixXd kernel = Eigen::MatrixXd::Zero(n, n);
    add_kernel(c.problem, c.group, c.mode, 1.0, kernel);
    EXPECT_LE((kernel - expected).cwiseAbs().maxCoeff(), solve_rounding * scale);
    EXPECT_GE(dense_math::eigenvalues(kernel).minCoeff(), -solve_rounding * scale);
    add_kernel(c.problem, c.group, c.mode, -1.0, kernel);
    EXPECT_LE(kernel.cwiseAbs().maxCoeff(), solve_rounding * scale);
  }
}

INSTANTIATE_TEST_SUITE_P(NeuronMode, ModeOf, testing::Values(false, true),
                         [](const auto& instance) {
                           return instance.param ? "DegenerateSamples" : "IndependentSamples";
                         });

/// x_0 of the other class twice, x_1 of the own class at an angle: the own sample pulls z_0 up by
/// G_01 λ_1, either copy of x_0 can hold it with G_00 λ_0.
Case twins(double lambda_own, double slope) {
  Dataset data{.x = Matrix(3, 2), .classes = {1, 1, 0}};
  data.x.edit() << 1.0, 0.0, 1.0, 0.0, 1.0, 1.0;
  const NetworkShape shape{.groups = 2, .width = 1, .dim = 2, .slope = slope};
  Case c{.problem = FlowProblem({data, {shape, {}}, 3.0}), .lambda = Vector(3)};
  c.lambda << 1.0, 1.0, lambda_own;
  c.at_zero = {0, 1};
  c.mode.active = {0, 0, 1};
  return c;
}

TEST(NeuronMode, EqualSamplesShareTheSlidingOneOfThemRides) {
  for (const double slope : {0.0, 0.2}) {
    for (const double own : {0.7, 1.3}) {
      Case c = twins(own, slope);
      resolve_mode(c.problem, 0, c.lambda, c.at_zero, c.mode);
      ASSERT_EQ(c.mode.sliding.size(), 1u) << own;
      ASSERT_EQ(c.mode.riding.size(), 1u) << own;
      const Vector b = effective_multipliers(c.problem, c.group, c.mode, c.lambda);
      EXPECT_NEAR(b[0] + b[1], own, 1e-14);
    }
  }
}

/// Twins together hold up to 2 λ_0 and down to 2 γ λ_0; beyond that both leave.
TEST(NeuronMode, EqualSamplesLeaveTogether) {
  for (const double slope : {0.0, 0.2}) {
    Case up = twins(2.1, slope);
    resolve_mode(up.problem, 0, up.lambda, up.at_zero, up.mode);
    EXPECT_TRUE(up.mode.sliding.empty() && up.mode.riding.empty());
    EXPECT_TRUE(up.mode.active[0] && up.mode.active[1]);
  }
  Case down = twins(0.3, 0.2);
  resolve_mode(down.problem, 0, down.lambda, down.at_zero, down.mode);
  EXPECT_TRUE(down.mode.sliding.empty() && down.mode.riding.empty());
  EXPECT_FALSE(down.mode.active[0] || down.mode.active[1]);
}

/// A sample without a multiplier cannot hold its pre-activation: it goes where the others pull it.
TEST(NeuronMode, ASampleWithoutAMultiplierGoesWithThePull) {
  for (const double pull : {1.0, -1.0}) {
    Case c = twins(1.0, 0.0);
    c.problem.gram(0, 2) = c.problem.gram(2, 0) = pull;
    c.problem.gram(1, 2) = c.problem.gram(2, 1) = pull;
    c.lambda << 0.0, 0.0, 1.0;
    resolve_mode(c.problem, 0, c.lambda, c.at_zero, c.mode);
    EXPECT_FALSE(c.mode.slides());
    EXPECT_EQ(c.mode.active[0] != 0, pull > 0.0);
    EXPECT_EQ(c.mode.active[1] != 0, pull > 0.0);
  }
}

}  // namespace
}  // namespace latetime
