#include "latetime/dynamics/rounding_shadow.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/dynamics/descent.hpp"
#include "latetime/dynamics/schedule.hpp"
#include "latetime/dynamics/undecided_signs.hpp"
#include "problems.hpp"

namespace latetime {
namespace {

using namespace testing_support;

/// Full-batch descent as plain loops; in long double, roundings are 2,000 times smaller.
template <class Real = long double>
std::vector<double> finer_log_losses(const TestProblem& p, const std::vector<LogTime>& schedule) {
  using std::exp, std::log, std::log1p;
  const Eigen::Index n = p.data.size(), d = p.data.dim(), neurons = p.initial.shape.neurons();
  const Eigen::Index m = p.initial.shape.width;
  const Real slope = static_cast<Real>(p.initial.shape.slope);
  std::vector<Real> w(static_cast<std::size_t>(neurons * d));
  for (Eigen::Index e = 0; e < neurons * d; ++e) {
    w[static_cast<std::size_t>(e)] = static_cast<Real>(p.initial.weights.data()[e]);
  }
  std::vector<Real> z(static_cast<std::size_t>(neurons * n)), u(static_cast<std::size_t>(n));
  std::vector<double> losses;
  for (std::uint64_t step = 0; losses.size() < schedule.size(); ++step) {
    Real loss = 0;
    for (Eigen::Index i = 0; i < n; ++i) {
      Real f = 0;
      for (Eigen::Index k = 0; k < neurons; ++k) {
        Real sum = 0;
        for (Eigen::Index j = 0; j < d; ++j) {
          sum += w[static_cast<std::size_t>(k * d + j)] * static_cast<Real>(p.data.x(i, j));
        }
        z[static_cast<std::size_t>(k * n + i)] = sum;
        f += (k < m ? 1 : -1) * (sum >= 0 ? sum : slope * sum);
      }
      u[static_cast<std::size_t>(i)] =
          static_cast<Real>(p.data.label(i)) * f / static_cast<Real>(m);
      const Real margin = u[static_cast<std::size_t>(i)];
      loss += margin > 0 ? log1p(exp(-margin)) : -margin + log1p(exp(margin));
    }
    if (schedule[losses.size()] == LogTime(step)) {
      losses.push_back(static_cast<double>(log(loss / static_cast<Real>(n))));
    }
    for (Eigen::Index i = 0; i < n; ++i) {
      const Real margin = u[static_cast<std::size_t>(i)];
      const Real g = margin > 0 ? exp(-margin) / (1 + exp(-margin)) : 1 / (1 + exp(margin));
      const Real push = static_cast<Real>(p.learning_rate) / static_cast<Real>(n * m) * g *
                        static_cast<Real>(p.data.label(i));
      for (Eigen::Index k = 0; k < neurons; ++k) {
        const Real move = (k < m ? push : -push) *
                          (z[static_cast<std::size_t>(k * n + i)] >= 0 ? Real(1) : slope);
        for (Eigen::Index j = 0; j < d; ++j) {
          w[static_cast<std::size_t>(k * d + j)] += move * static_cast<Real>(p.data.x(i, j));
        }
      }
    }
  }
  return losses;
}

TestProblem unstable(std::uint64_t seed, double learning_rate) {
  RandomStream stream(seed, RandomPurpose::test, 77);
  const auto n = static_cast<Eigen::Index>(2 + stream.below(7));
  const auto d = static_cast<Eigen::Index>(2 + stream.below(11));
  const auto m = static_cast<Eigen::Index>(1 + stream.below(5));
  const double slope = std::array{0.0, 0.1, 0.3, 0.9}[stream.below(4)];
  TestProblem p = problem_on(
      "unstable",
      gaussian_mixture(static_cast<std::size_t>(n), static_cast<std::size_t>(d), 0.1, 1.0, seed), m,
      slope, 0.5);
  p.learning_rate = learning_rate * std::pow(10.0, 1.5 * stream.uniform());
  return p;
}

struct Recorded {
  std::vector<double> log_losses, estimates;
};

Recorded record(Descent& descent, std::span<const LogTime> schedule, const TestProblem& p) {
  Recorded recorded;
  descent.run(schedule, {.record =
                             [&](const TrainingState& state) {
                               recorded.log_losses.push_back(log_loss(state, p));
                               recorded.estimates.push_back(state.error_estimate);
                             },
                         .pulse = {}});
  return recorded;
}

Recorded follow(const TestProblem& p, const std::vector<LogTime>& schedule, EngineChoice engine) {
  Descent descent(p, {.engine = engine, .until = schedule.back()});
  return record(descent, schedule, p);
}

/// Rounding of exp and log in the recorded loss itself.
constexpr double measuring = 1e-12;

TEST(RoundingShadow, BoundsWhatRoundingDoesToUnstableSteps) {
  const std::vector<LogTime> schedule{1, 10, 30, 100, 200, 300, 600, 1000};
  int amplified = 0, lost = 0, settled = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const TestProblem p = unstable(seed, 30.0);
    const auto truth = finer_log_losses(p, schedule);
    for (const EngineChoice engine : {EngineChoice::dense, EngineChoice::coefficient}) {
      const Recorded run = follow(p, schedule, engine);
      for (std::size_t r = 0; r < run.log_losses.size(); ++r) {
        const double off = std::abs(run.log_losses[r] - truth[r]);
        const double scale = 1.0 + std::abs(truth[r]);
        if (!std::isfinite(truth[r])) continue;
        EXPECT_LE(off, run.estimates[r] + measuring * scale)
            << "seed " << seed << ", step " << schedule[r];
        if (off > 1e-10) ++amplified;
        if (std::isinf(run.estimates[r])) ++lost;
        if (run.estimates[r] < 1e-9) ++settled;
      }
    }
  }
  // The cases are what they are meant to be: some lose digits, some all of them, some none.
  EXPECT_GT(amplified, 10);
  EXPECT_GT(lost, 10);
  EXPECT_GT(settled, 100);
}

TEST(RoundingShadow, IsNotNeededWhereStepsContract) {
  const TestProblem p = problem_on("tame", gaussian_mixture(10, 784, 0.01, 1.0, 1), 20, 0.1, 1e-3);
  EXPECT_TRUE(steps_contract(p, 0));
  const Recorded run = follow(p, {1, 100, 1000}, EngineChoice::automatic);
  EXPECT_THAT(run.estimates, testing::Each(0.0));
}

/// σ'' > 0 makes a step curve the other way, and no bound on it is at hand.
TEST(RoundingShadow, IsNeededWhereTheActivationIsSmoothed) {
  TestProblem p = problem_on("smoothed", gaussian_mixture(10, 784, 0.01, 1.0, 1), 20, 0.1, 1e-3);
  p.initial.shape.smoothing = 0.5;
  EXPECT_FALSE(steps_contract(p, 0));
  const Recorded run = follow(p, {100, 1000}, EngineChoice::automatic);
  for (const double estimate : run.estimates) {
    EXPECT_GT(estimate, 0.0);
    EXPECT_LT(estimate, 1e-9);
  }
}

TEST(RoundingShadow, ContractionIsDecidedByTheLargestEigenvalueOfTheGramMatrix) {
  // λ_max(G) = 4 for orthogonal samples of norm 2: contraction up to η = nm.
  const TestProblem p = problem_on("orthogonal", orthogonal_data(3, 5, 2.0), 7, 0.0, 1e-2);
  EXPECT_TRUE(steps_contract({p.data, p.initial, 20.9}, 0));
  EXPECT_FALSE(steps_contract({p.data, p.initial, 21.1}, 0));
  // A batch of one sees one sample: up to η = m.
  EXPECT_TRUE(steps_contract({p.data, p.initial, 6.9}, 1));
  EXPECT_FALSE(steps_contract({p.data, p.initial, 7.1}, 1));
}

TEST(RoundingShadow, StoppedRunsGoOnToTheSameEstimates) {
  for (const EngineChoice engine : {EngineChoice::dense, EngineChoice::automatic}) {
    const TestProblem p = unstable(4, 8.0);
    const DescentOptions options{.engine = engine, .until = 700};
    ASSERT_FALSE(steps_contract(p, 0));
    Descent whole(p, options), first(p, options), second(p, options);
    std::vector<double> expected, seen;
    const auto record_in = [](std::vector<double>& list) {
      return DescentObservers{
          .record = [&](const TrainingState& state) { list.push_back(state.error_estimate); },
          .pulse = {}};
    };
    whole.run(std::vector<LogTime>{50, 301, 700}, record_in(expected));
    first.run(std::vector<LogTime>{50}, record_in(seen));
    second.restore(first.memory());
    second.run(std::vector<LogTime>{301, 700}, record_in(seen));
    EXPECT_EQ(seen, expected);
    EXPECT_GT(expected.back(), 0.0);
  }
}

/// Samples on circles in directions that are multiples of one angle, and W⁰ = 0: after the first
/// step many a pre-activation is a sum that cancels but for roundings of the sines.
TestProblem on_circles(std::uint64_t seed, Eigen::Index width) {
  RandomStream stream(seed, RandomPurpose::test, 78);
  const std::uint64_t n = 3 + stream.below(7), directions = std::array{4, 6}[stream.below(2)];
  const double phase = 3.0 * stream.uniform();
  Dataset data;
  Matrix x(n, 2);
  for (std::uint64_t i = 0; i < n; ++i) {
    const double angle = phase + 2.0 * std::numbers::pi *
                                     static_cast<double>(stream.below(directions)) /
                                     static_cast<double>(directions);
    const double radius = std::array{1.0, 2.0}[stream.below(2)];
    x.row(static_cast<Eigen::Index>(i)) << radius * std::cos(angle), radius * std::sin(angle);
    data.classes.push_back(static_cast<int>(i < 2 ? i : stream.below(2)));
  }
  data.x = Samples(std::move(x));
  const double slope = std::array{0.0, 0.1, 0.5}[stream.below(3)];
  TestProblem p = problem_on("circles", std::move(data), width, slope, 0.0);
  p.learning_rate = 0.5;
  return p;
}

TEST(UndecidedSigns, AreDecidedWithMoreDigits) {
  using Digits = boost::multiprecision::cpp_bin_float_50;
  const std::vector<LogTime> schedule{1, 2, 3, 20};
  for (const Eigen::Index width : {2, 60}) {  // with shadows and without
    int wrong_in_double = 0, without_estimate = 0;
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
      const TestProblem p = on_circles(seed, width);
      if (!steps_contract(p, 0)) continue;
      TestProblem narrow = p;  // a neuron of each group stands for all, which start at zero
      narrow.initial.shape.width = 1;
      narrow.initial.weights = Matrix::Zero(2, 2);
      narrow.learning_rate /= static_cast<double>(width);
      const auto truth = finer_log_losses<Digits>(narrow, schedule);
      const auto in_double = finer_log_losses<double>(p, schedule);
      if (std::abs(in_double.back() - truth.back()) > 1e-9) ++wrong_in_double;
      for (const EngineChoice engine : {EngineChoice::dense, EngineChoice::coefficient}) {
        const Recorded run = follow(p, schedule, engine);
        for (std::size_t r = 0; r < run.log_losses.size(); ++r) {
          EXPECT_NEAR(run.log_losses[r], truth[r], run.estimates[r] + measuring)
              << "seed " << seed << ", step " << schedule[r];
        }
        if (run.estimates.back() == 0.0) ++without_estimate;
      }
    }
    EXPECT_GT(wrong_in_double, 3) << width;
    EXPECT_GT(without_estimate, 150) << width;
  }
}

TEST(UndecidedSigns, RunsStoppedAtThemGoOnAsTheyWould) {
  int with = 0;
  for (const Eigen::Index width : {2, 60}) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      const TestProblem p = on_circles(seed, width);
      for (const EngineChoice engine : {EngineChoice::dense, EngineChoice::coefficient}) {
        const std::vector<LogTime> schedule{1, 2, 3, 10, 50};
        const Recorded whole = follow(p, schedule, engine);
        const DescentOptions options{.engine = engine, .until = schedule.back()};
        for (std::size_t stop = 0; stop < 3; ++stop) {
          Descent first(p, options), second(p, options);
          first.run(std::vector<LogTime>{schedule[stop]},
                    {.record = [](const TrainingState&) {}, .pulse = {}});
          const EngineMemory memory = first.memory();
          const EngineMemory pattern = second.memory_pattern(
              [&](const std::string& array) { return memory.arrays.contains(array); });
          EXPECT_EQ(pattern.arrays.size(), memory.arrays.size());
          if (memory.arrays.contains("signs_until")) ++with;
          second.restore(memory);
          const Recorded rest = record(second, std::span(schedule).subspan(stop), p);
          EXPECT_THAT(rest.estimates,
                      testing::ElementsAreArray(std::span(whole.estimates).subspan(stop)))
              << "seed " << seed << " stopped at " << schedule[stop];
          EXPECT_THAT(rest.log_losses,
                      testing::ElementsAreArray(std::span(whole.log_losses).subspan(stop)))
              << "seed " << seed << " stopped at " << schedule[stop];
        }
      }
    }
  }
  EXPECT_GT(with, 10);
}

std::vector<UndecidedSign> signs_of(const TrainingState& state, const Dataset& data,
                                    const Matrix& initial_weights) {
  const Vector norms = data.x.rowwise().norm(), initial = initial_weights.rowwise().norm();
  return undecided_signs(state, neuron_terms(state, norms, initial), norms, data.dim());
}

TEST(UndecidedSigns, AreThoseOfSumsThatCancelButForRounding) {
  // Three unit vectors at 120 degrees, one class: w = c (x_0 + x_1 + x_2), nothing but rounding.
  Dataset data;
  Matrix x(3, 2);
  for (Eigen::Index i = 0; i < 3; ++i) {
    const double angle = 0.1 + 2.0 * std::numbers::pi / 3.0 * static_cast<double>(i);
    x.row(i) << std::cos(angle), std::sin(angle);
  }
  data.x = Samples(std::move(x));
  data.classes = {0, 0, 0};
  const Matrix start = Matrix::Zero(1, 2);
  TrainingState state;
  state.time = 1;
  state.coefficients = Matrix::Constant(1, 3, 0.25);
  state.preactivations = 0.25 * Matrix(data.x).colwise().sum() * Matrix(data.x).transpose();
  EXPECT_EQ(signs_of(state, data, start).size(), 3u);
  state.coefficients(0, 1) = 0.25 + 1e-9;
  state.preactivations = state.coefficients * Matrix(data.x) * Matrix(data.x).transpose();
  EXPECT_THAT(signs_of(state, data, start), testing::IsEmpty());
}

TEST(UndecidedSigns, WithoutTermsThereIsNothingToDecide) {
  Dataset data;
  Matrix x(2, 2);
  x << 1.5, 0.0, 0.0, 0.0;  // a sample that is zero
  data.x = Samples(std::move(x));
  data.classes = {0, 1};
  Matrix start = Matrix::Zero(2, 2);
  start(0, 0) = 1.0;  // and a neuron that is
  TrainingState state;
  state.time = 1;
  state.coefficients = Matrix::Zero(2, 2);
  state.preactivations = Matrix::Zero(2, 2);
  state.preactivations(0, 0) = 1.5;
  EXPECT_THAT(signs_of(state, data, start), testing::IsEmpty());
}

TEST(UndecidedSigns, ThatTakeTooLongToDecideLeaveNoDigit) {
  // Neurons of all kinds, on samples that cancel in a plane that their initial weights are
  // orthogonal to.
  const Eigen::Index n = 600, d = 800, width = 60;
  Matrix x = Matrix::Zero(n, d);
  Dataset data;
  for (Eigen::Index i = 0; i < n; ++i) {
    const double angle = 0.1 + 2.0 * std::numbers::pi / 3.0 * static_cast<double>(i % 3);
    x.row(i).head(2) << std::cos(angle), std::sin(angle);
    data.classes.push_back(i < n / 2 ? 0 : 1);
  }
  data.x = Samples(std::move(x));
  TestProblem p = problem_on("plane", std::move(data), width, 0.5, 1.0);
  p.initial.weights.leftCols(2).setZero();
  const Recorded run = follow(p, {1, 2}, EngineChoice::dense);
  EXPECT_TRUE(std::isinf(run.estimates[0]));
  EXPECT_TRUE(std::isinf(run.estimates[1]));
}

TEST(RoundingShadow, MiniBatchesAreShadowedAsWell) {
  TestProblem p = unstable(9, 20.0);
  DescentOptions options{.method = Method::stochastic, .batch_size = 1, .until = 400};
  Descent descent(p, options);
  std::vector<double> estimates;
  descent.run(std::vector<LogTime>{400},
              {.record = [&](const TrainingState& s) { estimates.push_back(s.error_estimate); },
               .pulse = {}});
  ASSERT_EQ(estimates.size(), 1u);
  EXPECT_GT(estimates.front(), 0.0);
}

}  // namespace
}  // namespace latetime
