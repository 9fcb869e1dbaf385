#include "latetime/model/tiled_weights.hpp"

#include <gtest/gtest.h>

#include "latetime/base/random.hpp"

namespace latetime {
namespace {

Matrix random_matrix(Eigen::Index rows, Eigen::Index cols, std::uint64_t seed) {
  RandomStream stream(seed, RandomPurpose::test);
  Matrix matrix(rows, cols);
  for (double& v : matrix.reshaped()) v = stream.normal();
  return matrix;
}

template <class Real>
class TiledWeightsOf : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(TiledWeightsOf, Precisions);

TYPED_TEST(TiledWeightsOf, HoldEachNeuronInItsLane) {
  using Real = TypeParam;
  for (const std::size_t width : {1u, 15u, 16u, 17u, 127u, 128u, 129u, 300u}) {
    for (const std::size_t groups : {1u, 3u}) {
      SCOPED_TRACE(testing::Message() << groups << " groups of " << width);
      const Matrix matrix = random_matrix(static_cast<Eigen::Index>(groups * width), 5, width);
      TiledWeights<Real> weights(groups, width, matrix);
      EXPECT_EQ(weights.to_matrix(), matrix.template cast<Real>().template cast<double>());
      // Filled anew, nothing of the old weights may be left.
      const Matrix next = random_matrix(matrix.rows(), matrix.cols(), width + 1);
      weights.assign(next);
      EXPECT_EQ(weights.to_matrix(), next.template cast<Real>().template cast<double>());

      ASSERT_EQ(weights.tiles(), groups * weights.tiles_per_group());
      std::size_t neuron = 0;
      for (std::size_t t = 0; t < weights.tiles(); ++t) {
        EXPECT_EQ(weights.first_neuron(t), neuron);
        EXPECT_EQ(weights.group_of(t), neuron / width);
        EXPECT_EQ(weights.lanes(t) % tile::lane_multiple, 0u);
        EXPECT_LT(weights.lanes(t) - weights.neurons(t), tile::lane_multiple);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(weights.tile(t)) % 64, 0u);
        for (std::size_t r = 0; r < tile::width; ++r) {
          for (std::size_t p = 0; p < 5; ++p) {
            const bool used = r < weights.neurons(t);
            const Real expected =
                used ? static_cast<Real>(next(static_cast<Eigen::Index>(neuron + r),
                                              static_cast<Eigen::Index>(p)))
                     : Real(0);
            ASSERT_EQ(weights.tile(t)[p * tile::width + r], expected);
          }
        }
        neuron += weights.neurons(t);
      }
      EXPECT_EQ(neuron, groups * width);
    }
  }
}

}  // namespace
}  // namespace latetime
