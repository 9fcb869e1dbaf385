#include "latetime/dynamics/fine_descent.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "latetime/dynamics/dense_engine.hpp"
#include "problems.hpp"

namespace latetime {
namespace {

using namespace testing_support;

class FineDescentOn : public testing::TestWithParam<TestProblem> {};

TEST_P(FineDescentOn, TakesTheStepsOfTheEngine) {
  const TestProblem& p = GetParam();
  for (const std::size_t batch_size : {0, 3}) {
    DenseEngine engine(p, batch_size, 7, 1);
    FineDescent fine(p, batch_size, 7);
    Eigen::Index decided = 0;
    for (std::uint64_t step = 1; step <= 3; ++step) {
      engine.advance(1);
      fine.take_step();
      EXPECT_EQ(fine.step(), step);
      const Matrix z = engine.state().preactivations;
      const double size = z.cwiseAbs().maxCoeff();
      for (Eigen::Index k = 0; k < z.rows(); ++k) {
        for (Eigen::Index i = 0; i < z.cols(); ++i) {
          if (std::abs(z(k, i)) < 1e-10 * size) continue;
          ++decided;
          ASSERT_EQ(fine.is_active(k, i), z(k, i) >= 0.0)
              << "step " << step << ", pair " << k << ", " << i << ", batch " << batch_size;
        }
      }
    }
    EXPECT_GT(decided, 0);
  }
}

/// Those whose steps take milliseconds.
std::vector<TestProblem> small_problems() {
  std::vector<TestProblem> small;
  for (const TestProblem& p : problems()) {
    if (p.initial.weights.size() * p.data.size() < 100'000) small.push_back(p);
  }
  return small;
}

INSTANTIATE_TEST_SUITE_P(Problems, FineDescentOn, testing::ValuesIn(small_problems()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace latetime
