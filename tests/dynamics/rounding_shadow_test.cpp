#include "latetime/dynamics/rounding_shadow.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/dynamics/descent.hpp"
#include "latetime/dynamics/schedule.hpp"
#include "problems.hpp"

namespace latetime {
namespace {

using namespace testing_support;

/// Full-batch descent as plain loops in long double, whose roundings are 2,000 times smaller.
std::vector<double> finer_log_losses(const Problem& p, const std::vector<LogTime>& schedule) {
  using Real = long double;
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
      loss += margin > 0 ? std::log1p(std::exp(-margin)) : -margin + std::log1p(std::exp(margin));
    }
    if (schedule[losses.size()] == LogTime(step)) {
      losses.push_back(static_cast<double>(std::log(loss / static_cast<Real>(n))));
    }
    for (Eigen::Index i = 0; i < n; ++i) {
      const Real margin = u[static_cast<std::size_t>(i)];
      const Real g =
          margin > 0 ? std::exp(-margin) / (1 + std::exp(-margin)) : 1 / (1 + std::exp(margin));
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

Problem unstable(std::uint64_t seed, double learning_rate) {
  RandomStream stream(seed, RandomPurpose::test, 77);
  const auto n = static_cast<Eigen::Index>(2 + stream.below(7));
  const auto d = static_cast<Eigen::Index>(2 + stream.below(11));
  const auto m = static_cast<Eigen::Index>(1 + stream.below(5));
  const double slope = std::array{0.0, 0.1, 0.3, 0.9}[stream.below(4)];
  Problem p = problem_on(
      "unstable",
      gaussian_mixture(static_cast<std::size_t>(n), static_cast<std::size_t>(d), 0.1, 1.0, seed), m,
      slope, 0.5);
  p.learning_rate = learning_rate * std::pow(10.0, 1.5 * stream.uniform());
  return p;
}

struct Recorded {
  std::vector<double> log_losses, estimates;
};

Recorded follow(const Problem& p, const std::vector<LogTime>& schedule, EngineChoice engine) {
  Descent descent(p.data, p.initial,
                  {.learning_rate = p.learning_rate, .engine = engine, .until = schedule.back()});
  Recorded recorded;
  descent.run(schedule, {.record =
                             [&](const TrainingState& state) {
                               recorded.log_losses.push_back(log_loss(state, p));
                               recorded.estimates.push_back(state.error_estimate);
                             },
                         .pulse = {}});
  return recorded;
}

/// Rounding of exp and log in the recorded loss itself.
constexpr double measuring = 1e-12;

TEST(RoundingShadow, BoundsWhatRoundingDoesToUnstableSteps) {
  const std::vector<LogTime> schedule{1, 10, 30, 100, 200, 300, 600, 1000};
  int amplified = 0, lost = 0, settled = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Problem p = unstable(seed, 30.0);
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
  const Problem p = problem_on("tame", gaussian_mixture(10, 784, 0.01, 1.0, 1), 20, 0.1, 1e-3);
  EXPECT_TRUE(steps_contract(p.data, p.initial.shape, p.learning_rate, 0));
  const Recorded run = follow(p, {1, 100, 1000}, EngineChoice::automatic);
  EXPECT_THAT(run.estimates, testing::Each(0.0));
}

TEST(RoundingShadow, ContractionIsDecidedByTheLargestEigenvalueOfTheGramMatrix) {
  // λ_max(G) = 4 for orthogonal samples of norm 2: contraction up to η = nm.
  const Problem p = problem_on("orthogonal", orthogonal_data(3, 5, 2.0), 7, 0.0, 1e-2);
  EXPECT_TRUE(steps_contract(p.data, p.initial.shape, 20.9, 0));
  EXPECT_FALSE(steps_contract(p.data, p.initial.shape, 21.1, 0));
  // A batch of one sees one sample: up to η = m.
  EXPECT_TRUE(steps_contract(p.data, p.initial.shape, 6.9, 1));
  EXPECT_FALSE(steps_contract(p.data, p.initial.shape, 7.1, 1));
}

TEST(RoundingShadow, StoppedRunsGoOnToTheSameEstimates) {
  for (const EngineChoice engine : {EngineChoice::dense, EngineChoice::automatic}) {
    const Problem p = unstable(4, 8.0);
    const DescentOptions options{.learning_rate = p.learning_rate, .engine = engine, .until = 700};
    ASSERT_FALSE(steps_contract(p.data, p.initial.shape, p.learning_rate, 0));
    Descent whole(p.data, p.initial, options), first(p.data, p.initial, options),
        second(p.data, p.initial, options);
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

TEST(RoundingShadow, MiniBatchesAreShadowedAsWell) {
  Problem p = unstable(9, 20.0);
  DescentOptions options{.method = Method::stochastic,
                         .learning_rate = p.learning_rate,
                         .batch_size = 1,
                         .until = 400};
  Descent descent(p.data, p.initial, options);
  std::vector<double> estimates;
  descent.run(std::vector<LogTime>{400},
              {.record = [&](const TrainingState& s) { estimates.push_back(s.error_estimate); },
               .pulse = {}});
  ASSERT_EQ(estimates.size(), 1u);
  EXPECT_GT(estimates.front(), 0.0);
}

}  // namespace
}  // namespace latetime
