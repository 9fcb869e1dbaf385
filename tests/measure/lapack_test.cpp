#include "latetime/measure/lapack.hpp"

#include <new>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lapacke.h>

#include "latetime/base/run_failure.hpp"

namespace latetime {
namespace {

std::string failure_of(int info) {
  try {
    lapack::require_success(info, "dgesdd");
  } catch (const RunFailure& failure) {
    return failure.what();
  }
  return {};
}

TEST(Lapack, EveryInfoIsLookedAt) {
  EXPECT_NO_THROW(lapack::require_success(0, "dgesdd"));
  EXPECT_THROW(lapack::require_success(LAPACK_WORK_MEMORY_ERROR, "dgesdd"), std::bad_alloc);
  EXPECT_THROW(lapack::require_success(LAPACK_TRANSPOSE_MEMORY_ERROR, "dgesdd"), std::bad_alloc);
  EXPECT_THAT(failure_of(3), testing::HasSubstr("dgesdd did not converge"));
  EXPECT_THAT(failure_of(-4), testing::HasSubstr("dgesdd refused argument 4"));
}

TEST(Lapack, WhatLapackeRefusesIsThrown) {
  Eigen::MatrixXd a = Eigen::MatrixXd::Identity(4, 3);
  a(1, 1) = std::nan("");  // LAPACKE looks for these and refuses
  EXPECT_THROW(lapack::singular_values(a.data(), 4, 3), RunFailure);
  EXPECT_THROW(lapack::factor_qr(a.data(), 4, 3), RunFailure);
  Eigen::MatrixXd wide = Eigen::MatrixXd::Identity(3, 4);
  EXPECT_THROW(lapack::form_q(wide.data(), 3, 4, Vector::Zero(4)), RunFailure);
}

TEST(Lapack, TellsPositiveDefiniteMatrices) {
  Eigen::MatrixXd good(2, 2), bad(2, 2);
  good << 2, 1, 1, 2;
  bad << 1, 2, 2, 1;
  EXPECT_TRUE(lapack::is_positive_definite(good.data(), 2));
  EXPECT_FALSE(lapack::is_positive_definite(bad.data(), 2));
}

TEST(Lapack, NothingHasNoSingularValues) {
  EXPECT_EQ(lapack::singular_values(nullptr, 0, 5).size(), 0);
}

}  // namespace
}  // namespace latetime
