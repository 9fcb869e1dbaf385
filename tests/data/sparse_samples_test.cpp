#include "latetime/data/sparse_samples.hpp"

#include <gtest/gtest.h>

namespace latetime {
namespace {

Dataset small_set() {
  Dataset data;
  Matrix x(4, 3);
  x << 0.0, 0.1, -2.0,  //
      0.0, -0.0, 0.0,   //
      1.0, 1e-60, 3.0,  // the middle one is zero in float
      5.0, 0.0, 0.0;
  data.x = x;
  data.classes = {2, 0, 1, 2};
  data.class_count = 3;
  return data;
}

template <class Real>
class SparseSamplesOf : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(SparseSamplesOf, Precisions);

TYPED_TEST(SparseSamplesOf, HoldEveryNonZeroOnceInOrder) {
  using Real = TypeParam;
  const Dataset data = small_set();
  const auto samples = sparse_samples<Real>(data);
  EXPECT_EQ(samples.features, 3u);
  EXPECT_EQ(samples.size(), 4u);
  EXPECT_EQ(samples.classes, data.classes);
  EXPECT_EQ(samples.class_count, 3);
  ASSERT_EQ(samples.starts.size(), 5u);
  EXPECT_EQ(samples.starts.back(), samples.entries.size());
  Matrix rebuilt = Matrix::Zero(4, 3);
  for (std::size_t i = 0; i < 4; ++i) {
    std::uint32_t next = 0;
    for (const auto& entry : samples.sample(i)) {
      EXPECT_NE(entry.value, Real(0));
      EXPECT_GE(entry.row, next);
      next = entry.row + 1;
      rebuilt(static_cast<Eigen::Index>(i), entry.row) = static_cast<double>(entry.value);
    }
  }
  EXPECT_EQ(rebuilt, data.x.cast<Real>().template cast<double>());
  EXPECT_TRUE(samples.sample(1).empty());
  EXPECT_EQ(samples.sample(2).size(), sizeof(Real) == sizeof(float) ? 2u : 3u);
}

}  // namespace
}  // namespace latetime
