// Bounds of the least norm against brute force: on tiny problems every choice of own-class slopes
// of all neurons is a least-distance problem with linear constraints, one for every choice of the
// other neurons' slopes, solved one by one in weight space.

#include "latetime/optimize/optimum.hpp"

#include <cmath>
#include <limits>
#include <sstream>

#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "latetime/base/random.hpp"
#include "latetime/data/gram.hpp"
#include "latetime/optimize/nonnegative_qp.hpp"
#include "latetime/optimize/slope_search.hpp"

namespace latetime {
namespace {

struct Tiny {
  Matrix x;
  std::vector<int> classes;
  Eigen::Index width;
  double slope;

  LeastNormProblem problem() const {
    return LeastNormProblem(gram_matrix(x), x.cols(), classes, width, slope);
  }
};

/// At least `fewest` samples with normal entries, up to twelve of as many dimensions.
Matrix normal_samples(RandomStream& random, Eigen::Index fewest, std::uint64_t sizes) {
  const Eigen::Index n = fewest + static_cast<Eigen::Index>(random.below(sizes));
  const Eigen::Index d = 1 + static_cast<Eigen::Index>(random.below(12));
  Matrix x(n, d);
  for (double& entry : x.reshaped()) entry = random.normal();
  return x;
}

/// ½‖u‖² of the least u with C u ≥ 1; infinity where there is none.
double least_distance(const Eigen::MatrixXd& constraints) {
  const Eigen::MatrixXd kernel = constraints * constraints.transpose();
  const auto dual = solve_nonnegative_qp(kernel, Vector::Ones(kernel.rows()));
  if (dual.ray) return std::numeric_limits<double>::infinity();
  return dual.x.sum() - 0.5 * dual.x.dot(kernel * dual.x);
}

/// The least ½‖V‖², V in R^{2m × d}.
double brute_force(const Tiny& tiny) {
  const Eigen::Index n = tiny.x.rows(), d = tiny.x.cols(), m = tiny.width;
  std::vector<std::pair<Eigen::Index, Eigen::Index>> own;  // neuron, sample
  for (Eigen::Index k = 0; k < 2 * m; ++k) {
    for (Eigen::Index i = 0; i < n; ++i) {
      if (tiny.classes[static_cast<std::size_t>(i)] == (k < m ? 0 : 1)) own.emplace_back(k, i);
    }
  }
  const auto slope_of = [&](bool one) { return one ? 1.0 : tiny.slope; };
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t bits = 0; bits < std::size_t{1} << own.size(); ++bits) {
    Matrix s = Matrix::Zero(2 * m, n);
    std::vector<std::size_t> patterns(static_cast<std::size_t>(2 * m), 0);
    for (std::size_t p = 0; p < own.size(); ++p) {
      const bool one = ((bits >> p) & 1U) != 0;
      s(own[p].first, own[p].second) = slope_of(one);
      auto& pattern = patterns[static_cast<std::size_t>(own[p].first)];
      pattern = 2 * pattern + (one ? 1 : 0);
    }
    bool sorted = true;  // neurons of a class may be exchanged
    for (Eigen::Index k = 1; k < 2 * m; ++k) {
      const auto index = static_cast<std::size_t>(k);
      sorted = sorted && (k == m || patterns[index - 1] <= patterns[index]);
    }
    if (!sorted) continue;
    const Eigen::Index ways = Eigen::Index{1} << m;
    Eigen::MatrixXd constraints = Eigen::MatrixXd::Zero(n * ways, 2 * m * d);
    for (Eigen::Index i = 0; i < n; ++i) {
      for (Eigen::Index way = 0; way < ways; ++way) {
        for (Eigen::Index k = 0; k < 2 * m; ++k) {
          const bool mine = tiny.classes[static_cast<std::size_t>(i)] == (k < m ? 0 : 1);
          const double factor = mine ? s(k, i) : -slope_of(((way >> (k % m)) & 1) != 0);
          constraints.block(i * ways + way, k * d, 1, d) =
              factor / static_cast<double>(m) * tiny.x.row(i);
        }
      }
    }
    least = std::min(least, least_distance(constraints));
  }
  return least;
}

enum Family {
  gaussian,
  orthogonal,
  exclusive_or,
  duplicates,
  mirrored,
  one_class,
  on_a_line,
  families
};

Tiny random_problem(std::uint64_t seed) {
  RandomStream random(seed, RandomPurpose::test, 0);
  const auto pick = [&](int from, int to) {
    return from + static_cast<int>(random.below(static_cast<std::uint64_t>(to - from + 1)));
  };
  const auto family = static_cast<Family>(seed % families);
  Tiny tiny;
  tiny.width = pick(1, 3);
  Eigen::Index n = tiny.width == 3 ? pick(1, 4) : pick(1, 5);
  Eigen::Index d = pick(1, 3);
  if (family == exclusive_or) n = 4, d = 2;
  if (family == orthogonal) d = n;
  if (family == on_a_line) d = 1;
  const double slopes[] = {0.0, 0.0, 0.1, 0.5, 0.9};
  tiny.slope = slopes[pick(0, 4)];
  tiny.x.resize(n, d);
  for (Eigen::Index i = 0; i < n; ++i) {
    tiny.classes.push_back(family == one_class ? static_cast<int>(seed / families % 2)
                                               : pick(0, 1));
    for (Eigen::Index j = 0; j < d; ++j) tiny.x(i, j) = random.normal();
    if (family == orthogonal)
      tiny.x.row(i) = (0.5 + random.uniform()) * Vector::Unit(d, i).transpose();
    if (i > 0 && family == duplicates && pick(0, 1) == 1) {
      tiny.x.row(i) = tiny.x.row(i - 1);
      if (pick(0, 3) > 0) tiny.classes.back() = tiny.classes[static_cast<std::size_t>(i) - 1];
    }
    if (i > 0 && family == mirrored && pick(0, 1) == 1) tiny.x.row(i) = -tiny.x.row(i - 1);
  }
  if (family == exclusive_or) {
    const double a = 1.0 + 0.3 * random.uniform(), b = 0.2 * random.normal();
    tiny.x << a, b, -a, b, b, a, b, -a;
    tiny.classes = {0, 0, 1, 1};
  }
  const double scales[] = {1.0, 1.0, 1.0, 1e6, 1e-6};
  tiny.x *= scales[pick(0, 4)];
  return tiny;
}

std::string describe(const Tiny& tiny) {
  std::ostringstream text;
  text << "m " << tiny.width << ", slope " << tiny.slope << ", classes";
  for (const int group : tiny.classes) text << ' ' << group;
  text << ", x\n" << tiny.x;
  return text.str();
}

/// Rounding of brute_force, relative: constraints are doubles and multipliers sums of a few.
constexpr double brute_tolerance = 1e-7;

void expect_bounds_hold(std::uint64_t first, std::uint64_t count, double effort, int& closed,
                        int& feasible) {
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const Tiny tiny = random_problem(seed);
    SCOPED_TRACE(testing::Message() << "seed " << seed << ": " << describe(tiny));
    const double least = brute_force(tiny);
    const OptimumBounds bounds = bound_optimum(tiny.problem(), {}, effort);
    EXPECT_LE(bounds.lower, bounds.upper);
    EXPECT_LE(bounds.lower, least * (1.0 + brute_tolerance));
    EXPECT_GE(bounds.upper, least * (1.0 - brute_tolerance));
    if (!std::isfinite(least)) continue;
    ++feasible;
    if (bounds.upper <= bounds.lower * (1.0 + 1e-6)) ++closed;
  }
}

TEST(Optimum, LiesBetweenItsBounds) {
  int closed = 0, feasible = 0;
  expect_bounds_hold(0, 50, 1.0, closed, feasible);
  EXPECT_GE(feasible, 28);
  EXPECT_GE(closed, feasible * 95 / 100);  // few enough networks to go through all of them
}

TEST(Optimum, LiesBetweenItsBoundsHoweverLittleIsTried) {
  int closed = 0, feasible = 0;
  expect_bounds_hold(1000, 70, 0.0, closed, feasible);
  expect_bounds_hold(2000, 70, 0.05, closed, feasible);
  EXPECT_LT(closed, feasible);
}

TEST(Optimum, SlowLiesBetweenItsBounds) {
  int closed = 0, feasible = 0;
  expect_bounds_hold(10000, 3000, 1.0, closed, feasible);
  EXPECT_GE(closed, feasible * 95 / 100);
}

TEST(Optimum, OrthogonalSamplesHaveTheirClosedForm) {
  // All neurons of a class at v = Σ_own x_i/‖x_i‖² and, where that costs less than it saves, with a
  // part against the others: with slope 0 it never does, and ½‖V‖² = ½ m Σ 1/‖x_i‖².
  for (const Eigen::Index width : {1, 2, 7}) {
    const Vector squares{{1.0, 4.0, 0.25, 9.0, 2.0, 1.0}};
    const Matrix gram = Matrix(squares.asDiagonal());
    const OptimumBounds bounds =
        bound_optimum(LeastNormProblem(gram, 6, {0, 1, 0, 1, 0, 0}, width, 0.0));
    const double least = 0.5 * static_cast<double>(width) * squares.cwiseInverse().sum();
    EXPECT_LE(bounds.lower, least);
    EXPECT_GE(bounds.upper, least * (1.0 - 1e-15));
    EXPECT_LE(bounds.gap(bounds.upper), 1e-9);
    EXPECT_TRUE(bounds.complete);
  }
}

TEST(Optimum, BestWeightsAreFeasibleAndOfTheValueSaid) {
  int seen = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Tiny tiny = random_problem(seed);
    const OptimumBounds bounds = bound_optimum(tiny.problem(), {}, 0.3);
    if (bounds.best.rows() == 0) continue;
    ++seen;
    double value = 0.0;
    Vector margins = Vector::Zero(tiny.x.rows());
    std::array<double, 2> neurons{};
    for (Eigen::Index k = 0; k < bounds.best.rows(); ++k) {
      const auto index = static_cast<std::size_t>(k);
      const Vector v = tiny.x.transpose() * bounds.best.coefficients.row(k).transpose();
      value += 0.5 * bounds.best.counts[index] * v.squaredNorm();
      neurons[static_cast<std::size_t>(bounds.best.groups[index])] += bounds.best.counts[index];
      for (Eigen::Index i = 0; i < margins.size(); ++i) {
        const double z = tiny.x.row(i).dot(v);
        const bool own = tiny.classes[static_cast<std::size_t>(i)] == bounds.best.groups[index];
        margins[i] += (own ? 1.0 : -1.0) * bounds.best.counts[index] * std::max(z, tiny.slope * z) /
                      static_cast<double>(tiny.width);
      }
    }
    EXPECT_GE(margins.minCoeff(), 1.0 - 1e-9) << "seed " << seed;
    EXPECT_NEAR(value, bounds.upper, 1e-9 * bounds.upper) << "seed " << seed;
    EXPECT_EQ(neurons[0], static_cast<double>(tiny.width));
    EXPECT_EQ(neurons[1], static_cast<double>(tiny.width));
  }
  EXPECT_GE(seen, 35);
}

TEST(Optimum, SlopesAreSearchedToTheLargestPush) {
  int open = 0, complete = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomStream random(seed, RandomPurpose::test, 1);
    const Matrix x = normal_samples(random, 2, 9);
    const Eigen::Index n = x.rows();
    std::vector<int> classes;
    Vector lambda(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      classes.push_back(static_cast<int>(random.below(2)));
      lambda[i] = random.below(5) == 0 ? 0.0 : random.uniform();
    }
    const double slope = random.below(2) == 0 ? 0.0 : random.uniform();
    const LeastNormProblem problem(gram_matrix(x), x.cols(), classes, 1, slope);
    for (const int group : {0, 1}) {
      double largest = 0.0;
      for (std::size_t bits = 0; bits < std::size_t{1} << n; ++bits) {
        OwnSlopes slopes;
        for (Eigen::Index i = 0; i < n; ++i) slopes.push_back((bits >> i) & 1U);
        largest = std::max(largest, push_on_neuron(problem, group, lambda, slopes).squared);
      }
      for (const std::int64_t boxes : {1, 3, 9, 100000}) {
        const auto found = search_slopes(problem, group, lambda, boxes);
        EXPECT_GE(found.squared_above, largest * (1.0 - 1e-14)) << seed;
        EXPECT_LE(found.squared, largest * (1.0 + 1e-12)) << seed;
        if (found.complete) {
          EXPECT_NEAR(found.squared_above, largest, 1e-10 * std::max(largest, 1.0)) << seed;
          EXPECT_NEAR(push_on_neuron(problem, group, lambda, found.slopes).squared, largest,
                      1e-10 * std::max(largest, 1.0))
              << seed;
        }
        (found.complete ? complete : open) += 1;
      }
    }
  }
  EXPECT_GT(open, 100);
  EXPECT_GE(complete, 600);
}

TEST(Optimum, ADiagonalAboveIsAbove) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(seed, RandomPurpose::test, 2);
    Matrix x = normal_samples(random, 1, 12);
    const Eigen::Index n = x.rows();
    if (random.below(4) == 0) x.row(0) *= 1e-9;
    const Matrix gram = gram_matrix(x);
    const Vector kappa = diagonal_above(gram);
    for (std::size_t bits = 0; bits < std::size_t{1} << n; ++bits) {
      Vector r(n);
      for (Eigen::Index i = 0; i < n; ++i) r[i] = static_cast<double>((bits >> i) & 1U);
      EXPECT_LE(r.dot(gram * r), r.dot(kappa) * (1.0 + 1e-14)) << seed;
    }
  }
}

TEST(Optimum, RefusesWhatItCannotBound) {
  const Matrix one = Matrix::Identity(2, 2);
  EXPECT_THROW(LeastNormProblem(one, 2, {0}, 1, 0.0), InputError);
  EXPECT_THROW(LeastNormProblem(one, 2, {0, 2}, 1, 0.0), InputError);
  EXPECT_THROW(LeastNormProblem(one, 2, {0, 1}, 0, 0.0), InputError);
  EXPECT_THROW(LeastNormProblem(one, 2, {0, 1}, 1, 1.5), InputError);
  EXPECT_THROW(LeastNormProblem(1e-120 * one, 2, {0, 1}, 1, 0.5), InputError);
}

}  // namespace
}  // namespace latetime
