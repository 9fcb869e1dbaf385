#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "latetime/base/run_failure.hpp"
#include "latetime/data/symmetric_eigen.hpp"
#include "latetime/data/symmetric_solve.hpp"

namespace latetime {
namespace {

Eigen::MatrixXd two_by_two(double a, double b, double c) {
  Eigen::MatrixXd matrix(2, 2);
  matrix << a, b, b, c;
  return matrix;
}

const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(2, 2);

TEST(SymmetricSolution, SolvesWhatHasASolution) {
  for (const auto& a : {two_by_two(2, 1, 3), two_by_two(1e-200, 0, 1e-190), two_by_two(1, 2, 1)}) {
    const auto inverse = symmetric_solution(a, identity);
    ASSERT_TRUE(inverse) << a;
    EXPECT_LE((a * *inverse - identity).norm(), 1e-14) << a;
  }
  const auto within = symmetric_solution(two_by_two(1, 1, 1), Eigen::MatrixXd::Constant(2, 1, 3.0));
  ASSERT_TRUE(within);  // singular, and b in its range
  EXPECT_NEAR(within->sum(), 3.0, 1e-14);
  EXPECT_TRUE(symmetric_solution(Eigen::MatrixXd(0, 0), Eigen::MatrixXd(0, 3)));
}

TEST(SymmetricSolution, GivesNoNumbersWhereThereIsNone) {
  EXPECT_FALSE(symmetric_solution(two_by_two(1, 1, 1), identity));
  EXPECT_FALSE(symmetric_solution(two_by_two(0, 0, 0), identity));
  EXPECT_FALSE(symmetric_solution(two_by_two(0, 1, 0), identity));  // no pivot: info() says so
  EXPECT_FALSE(symmetric_solution(two_by_two(std::nan(""), 0, 1), identity));
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(symmetric_solution(two_by_two(1, infinity, 1), identity));
  EXPECT_FALSE(symmetric_solution(two_by_two(1, 0, 1), two_by_two(infinity, 0, 1)));
}

TEST(SymmetricEigenvalues, ThatDoNotConvergeAreAFailure) {
  EXPECT_EQ(symmetric_eigenvalues(two_by_two(1, 2, 1)).size(), 2);
  EXPECT_THROW(symmetric_eigenvalues(two_by_two(std::nan(""), 1, 1)), RunFailure);
}

}  // namespace
}  // namespace latetime
