#include "latetime/model/classifier.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace latetime {
namespace {

TEST(RandomClassifier, HasTheHiddenWeightsOfGaussianNetwork) {
  const ClassifierShape shape{.classes = 3, .width = 7, .dim = 5, .slope = 0.1};
  const Classifier groups = random_classifier(shape, 0.01, 4);
  EXPECT_EQ(groups.weights,
            gaussian_network({.groups = 3, .width = 7, .dim = 5, .slope = 0.1}, 0.01, 4).weights);
  EXPECT_EQ(groups.output_weights.size(), 0);
  EXPECT_EQ(groups.output_bias.size(), 0);
  ClassifierShape one_layer = shape;
  one_layer.head = Head::trained;
  EXPECT_EQ(random_classifier(one_layer, 0.01, 4).weights,
            gaussian_network({.groups = 1, .width = 7, .dim = 5, .slope = 0.1}, 0.01, 4).weights);
}

TEST(RandomClassifier, DrawsTheOutputLayerUniformly) {
  const ClassifierShape shape{.head = Head::trained, .classes = 10, .width = 400, .dim = 3};
  const Classifier network = random_classifier(shape, 1e-5, 1);
  const double bound = 1.0 / std::sqrt(400.0);
  ASSERT_EQ(network.output_weights.rows(), 10);
  ASSERT_EQ(network.output_weights.cols(), 400);
  ASSERT_EQ(network.output_bias.size(), 10);
  EXPECT_LE(network.output_weights.cwiseAbs().maxCoeff(), bound);
  EXPECT_LE(network.output_bias.cwiseAbs().maxCoeff(), bound);
  // 4000 uniform numbers: mean and mean square lie within six deviations of 0 and bound²/3.
  const double unit = std::sqrt(4000.0);
  EXPECT_NEAR(network.output_weights.mean() / bound, 0.0, 6 * std::sqrt(1.0 / 3) / unit);
  EXPECT_NEAR(network.output_weights.squaredNorm() / 4000 / (bound * bound), 1.0 / 3,
              6 * std::sqrt(4.0 / 45) / unit);
  EXPECT_NE(network.output_weights.row(0), network.output_weights.row(1));
  EXPECT_EQ((network.output_bias.array() == network.output_bias[0]).count(), 1);
}

TEST(RandomClassifier, DependsOnTheSeedAlone) {
  const ClassifierShape shape{.head = Head::trained, .classes = 3, .width = 20, .dim = 3};
  const Classifier a = random_classifier(shape, 0.1, 5), b = random_classifier(shape, 0.1, 5),
                   c = random_classifier(shape, 0.1, 6);
  EXPECT_EQ(a.weights, b.weights);
  EXPECT_EQ(a.output_weights, b.output_weights);
  EXPECT_EQ(a.output_bias, b.output_bias);
  EXPECT_NE(a.weights, c.weights);
  EXPECT_NE(a.output_weights, c.output_weights);
  EXPECT_NE(a.output_bias, c.output_bias);
}

}  // namespace
}  // namespace latetime
