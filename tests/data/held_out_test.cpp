#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/data/label_noise.hpp"

namespace latetime {
namespace {

constexpr Eigen::Index d = 7;

std::vector<std::size_t> flips(const Dataset& data) {
  std::vector<std::size_t> list;
  for (Eigen::Index i = 0; i < data.size(); ++i) {
    if (data.flipped(i)) list.push_back(static_cast<std::size_t>(i));
  }
  return list;
}

Dataset noisy(double share, Eigen::Index n = 2000) {
  Dataset data = gaussian_mixture(n, d, 0.3, 1.0, 5);
  add_label_noise(data, share, 5);
  return data;
}

TEST(GaussianMixture, IsDrawnFromItsOwnStreams) {
  // Written out: samples must stay those that a seed has always given.
  const Dataset data = gaussian_mixture(4, d, 0.25, 2.0, 3);
  RandomStream signal(3, RandomPurpose::signal), labels(3, RandomPurpose::labels);
  Vector mean(d);
  for (double& entry : mean) entry = 0.25 * signal.normal();
  for (Eigen::Index i = 0; i < 4; ++i) {
    const int y = labels.bits() >> 63 ? -1 : 1;
    EXPECT_EQ(data.label(i), y);
    RandomStream noise(3, RandomPurpose::noise, static_cast<std::uint64_t>(i));
    for (Eigen::Index j = 0; j < d; ++j) {
      EXPECT_EQ(data.x(i, j), y * mean[j] + 2.0 * noise.normal()) << i << " " << j;
    }
  }
  EXPECT_EQ(mixture_of(d, 0.25, 2.0, 3).mean, mean);
}

TEST(TestSamples, AreFreshAndDoNotDependOnTheirNumber) {
  const GaussianMixture mixture = mixture_of(d, 0.3, 1.0, 5);
  const Dataset few = gaussian_mixture_test(10, mixture, 5),
                many = gaussian_mixture_test(50, mixture, 5);
  EXPECT_EQ(Matrix(many.x.topRows(10)), Matrix(few.x));
  EXPECT_TRUE(std::equal(few.classes.begin(), few.classes.end(), many.classes.begin()));
  const Dataset train = gaussian_mixture(10, d, 0.3, 1.0, 5);
  for (Eigen::Index i = 0; i < 10; ++i) {
    for (Eigen::Index k = 0; k < 10; ++k) {
      EXPECT_GT((train.x.row(i) - few.x.row(k)).norm(), 0.1);
    }
  }
}

TEST(TestSamples, OfAMixtureHaveItsMeanAndNoise) {
  const GaussianMixture mixture = mixture_of(d, 0.5, 1.5, 8);
  const Eigen::Index count = 40'000;
  const Dataset test = gaussian_mixture_test(count, mixture, 8);
  Vector mean = Vector::Zero(d);
  double square = 0.0, positive = 0.0;
  for (Eigen::Index i = 0; i < count; ++i) {
    mean += test.label(i) * test.x.row(i).transpose() / static_cast<double>(count);
    square += (test.x.row(i).transpose() - test.label(i) * mixture.mean).squaredNorm();
    positive += test.label(i) == 1 ? 1.0 : 0.0;
  }
  const double of_mean = 1.5 / std::sqrt(static_cast<double>(count));  // standard deviation
  EXPECT_LE((mean - mixture.mean).cwiseAbs().maxCoeff(), 5 * of_mean);
  const double entries = static_cast<double>(count) * d;
  EXPECT_NEAR(square / entries, 1.5 * 1.5, 5 * 1.5 * 1.5 * std::sqrt(2.0 / entries));
  EXPECT_NEAR(positive / static_cast<double>(count), 0.5,
              5 * 0.5 / std::sqrt(static_cast<double>(count)));
}

TEST(TestSamples, OfSymmetricDataKeepTheMarginOfTheSameDirection) {
  const Dataset train = symmetric_separable_data(40, d, 0.7, 0.2, 4);
  const Dataset test = symmetric_separable_test(300, d, 0.7, 0.2, 4);
  const Vector direction = [] {
    Vector v(d);
    RandomStream stream(4, RandomPurpose::direction);
    for (double& entry : v) entry = stream.normal();
    return Vector(v.normalized());
  }();
  for (const Dataset* data : {&train, &test}) {
    for (Eigen::Index i = 0; i < data->size(); ++i) {
      EXPECT_GE(data->label(i) * data->x.row(i).dot(direction), 0.7 - 1e-12);
    }
  }
  EXPECT_GT((test.x.row(0) + test.x.row(1)).norm(), 0.05);  // no mirror images
}

TEST(LabelNoise, OfZeroLeavesEverythingAsItIs) {
  const Dataset clean = gaussian_mixture(2000, d, 0.3, 1.0, 5), data = noisy(0.0);
  EXPECT_EQ(data.classes, clean.classes);
  EXPECT_TRUE(data.clean_classes.empty());
  EXPECT_TRUE(flips(data).empty());
}

TEST(LabelNoise, FlipsTheShareAskedForAndKeepsTheCleanLabels) {
  const Dataset clean = gaussian_mixture(2000, d, 0.3, 1.0, 5);
  for (const double share : {0.05, 0.2, 0.45}) {
    const Dataset data = noisy(share);
    EXPECT_EQ(data.clean_classes, clean.classes);
    EXPECT_EQ(data.x, clean.x);
    const double deviation = std::sqrt(2000 * share * (1 - share));
    EXPECT_NEAR(static_cast<double>(flips(data).size()), 2000 * share, 5 * deviation) << share;
  }
}

TEST(LabelNoise, OfALargerShareFlipsTheSameLabelsAndOthers) {
  const auto less = flips(noisy(0.1)), more = flips(noisy(0.3));
  EXPECT_GT(more.size(), less.size());
  EXPECT_TRUE(std::includes(more.begin(), more.end(), less.begin(), less.end()));
}

TEST(LabelNoise, OfASampleDoesNotDependOnHowManyThereAre) {
  const Dataset few = noisy(0.3, 50), many = noisy(0.3, 500);
  for (Eigen::Index i = 0; i < 50; ++i) EXPECT_EQ(few.flipped(i), many.flipped(i)) << i;
}

TEST(LabelNoise, OfTenClassesDrawsEveryOtherOne) {
  Dataset data{.x = Matrix::Zero(9000, 1), .classes = std::vector<int>(9000, 3), .class_count = 10};
  add_label_noise(data, 0.49, 2);
  std::vector<int> counts(10, 0);
  for (const int of_sample : data.classes) ++counts[static_cast<std::size_t>(of_sample)];
  EXPECT_EQ(counts[3], 9000 - static_cast<int>(flips(data).size()));
  for (std::size_t k = 0; k < 10; ++k) {
    if (k == 3) continue;
    EXPECT_NEAR(counts[k], 490, 5 * std::sqrt(490.0)) << k;
  }
}

}  // namespace
}  // namespace latetime
