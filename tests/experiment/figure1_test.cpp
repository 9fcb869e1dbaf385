#include "latetime/experiment/figure1.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "latetime/data/generators.hpp"
#include "latetime/dynamics/descent.hpp"
#include "latetime/measure/spectrum.hpp"

namespace latetime {
namespace {

bool keep_going(std::size_t, std::size_t) {
  return true;
}

TEST(Figure1, LargerSlopesGiveFasterAndLowerStableRanks) {
  Figure1Options options;
  options.slopes = {0.0, 0.1, 0.5, 1.0};
  const auto summary = summarize(run_figure1(options, 2, keep_going));
  ASSERT_EQ(summary.size(), 4u * 51u);
  for (const std::int64_t epoch : {10, 25, 50}) {
    for (std::size_t slope = 1; slope < 4; ++slope) {
      const auto& lower = summary[(slope - 1) * 51 + static_cast<std::size_t>(epoch)];
      const auto& higher = summary[slope * 51 + static_cast<std::size_t>(epoch)];
      ASSERT_EQ(lower.epoch, epoch);
      EXPECT_GT(lower.stable_rank_pos.mean, higher.stable_rank_pos.mean);
      EXPECT_GT(lower.loss.mean, higher.loss.mean);
    }
  }
}

TEST(Figure1, DoesNotDependOnThreads) {
  Figure1Options options;
  options.slopes = {0.0, 0.3};
  options.runs = 3;
  options.epochs = 5;
  const auto one = figure1_runs_csv(run_figure1(options, 1, keep_going));
  EXPECT_EQ(one, figure1_runs_csv(run_figure1(options, 3, keep_going)));
}

TEST(Figure1, StopsOnRequest) {
  Figure1Options options;
  options.epochs = 2;
  const auto points = run_figure1(options, 2, [](std::size_t, std::size_t) { return false; });
  EXPECT_TRUE(points.empty());
}

TEST(Figure1, AgreesWithARunMeasuredThroughItsWeights) {
  Figure1Options options;
  options.slopes = {0.1};
  options.runs = 1;
  const auto points = run_figure1(options, 1, keep_going);
  const Dataset data = gaussian_mixture(10, 784, 0.01, 1.0, 1);
  const NetworkShape shape{.groups = 2, .width = 100, .dim = 784, .slope = 0.1};
  DenseEngine engine({data, gaussian_network(shape, 1e-3, 1), 0.1}, 0, 1, 1);
  engine.advance(50);
  const Matrix weights = engine.state().weights;
  EXPECT_NEAR(points.back().stable_rank_pos,
              stable_rank(singular_values(weights.topRows(100))).value, 1e-11);
  EXPECT_NEAR(points.back().stable_rank_all, stable_rank(singular_values(weights)).value, 1e-11);
}

TEST(Figure1, SummaryIsMeanAndSampleDeviation) {
  std::vector<Figure1Point> points;
  for (std::int64_t seed = 1; seed <= 3; ++seed) {
    for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
      const auto value = static_cast<double>(seed * seed + epoch);
      points.push_back({0.5, seed, epoch, value, value, value, value});
    }
  }
  const auto summary = summarize(points);
  ASSERT_EQ(summary.size(), 2u);
  EXPECT_DOUBLE_EQ(summary[1].loss.mean, 17.0 / 3);  // 2, 5, 10
  EXPECT_DOUBLE_EQ(summary[1].loss.std,
                   std::sqrt(((2 - 17. / 3) * (2 - 17. / 3) + (5 - 17. / 3) * (5 - 17. / 3) +
                              (10 - 17. / 3) * (10 - 17. / 3)) /
                             2));
}

}  // namespace
}  // namespace latetime
