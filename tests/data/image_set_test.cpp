#include "latetime/data/image_set.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/idx_files.hpp"
#include "latetime/base/random.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr double epsilon = std::numeric_limits<double>::epsilon();
constexpr std::size_t train_count = 40, test_count = 20, pixel_count = 6;

/// Four IDX files of 2 × 3 images: label i mod 10, pixels random; pixel 0 of image i is 5 i.
class SmallImages : public testing::Test {
 protected:
  SmallImages() {
    write_split("train", train_count, false);
    write_split("t10k", test_count, true);
    options_.folder = folder_.file("");
    options_.seed = 3;
  }

  void write_split(const std::string& prefix, std::size_t count, bool packed) {
    RandomStream stream(1, RandomPurpose::test, count);
    std::vector<std::uint8_t> pixels, labels;
    for (std::size_t i = 0; i < count; ++i) {
      labels.push_back(static_cast<std::uint8_t>(i % 10));
      pixels.push_back(static_cast<std::uint8_t>(5 * i));
      for (std::size_t j = 1; j < pixel_count; ++j) {
        pixels.push_back(static_cast<std::uint8_t>(1 + stream.below(255)));
      }
    }
    const auto n = static_cast<std::uint32_t>(count);
    store(prefix + "-images-idx3-ubyte", idx_bytes(0x803, {n, 2, 3}, pixels), packed);
    store(prefix + "-labels-idx1-ubyte", idx_bytes(0x801, {n}, labels), packed);
    if (prefix == "train") train_pixels_ = pixels;
  }
  void store(const std::string& name, const std::string& bytes, bool packed) {
    folder_.write(packed ? name + ".gz" : name, packed ? gzip_bytes(bytes) : bytes);
  }
  /// File positions of the samples of an uncentred set in unit scaling.
  static std::vector<int> positions(const Dataset& data) {
    std::vector<int> result;
    for (Eigen::Index i = 0; i < data.size(); ++i) {
      result.push_back(static_cast<int>(std::lround(data.x(i, 0) * 255 / 5)));
    }
    return result;
  }
  std::string refusal() {
    return error_of([&] { load_image_set(options_); });
  }

  TemporaryFolder folder_;
  ImageSetOptions options_;
  std::vector<std::uint8_t> train_pixels_;
};

TEST_F(SmallImages, LoadsEveryImageOfASplit) {
  const Dataset data = load_image_set(options_);
  ASSERT_EQ(data.size(), static_cast<Eigen::Index>(train_count));
  ASSERT_EQ(data.dim(), static_cast<Eigen::Index>(pixel_count));
  EXPECT_EQ(data.class_count, 2);
  EXPECT_THAT(data.origin, HasSubstr("mnist train"));
  for (Eigen::Index i = 0; i < data.size(); ++i) {
    EXPECT_EQ(data.label(i), i % 2 == 0 ? 1 : -1);  // even digits are +1
    for (Eigen::Index j = 0; j < data.dim(); ++j) {
      EXPECT_EQ(data.x(i, j), train_pixels_[static_cast<std::size_t>(i * 6 + j)] / 255.0);
    }
  }
  options_.split = ImageSplit::test;  // these files are gzip
  EXPECT_EQ(load_image_set(options_).size(), static_cast<Eigen::Index>(test_count));
}

TEST_F(SmallImages, KeepsTheNamedDigitsInFileOrder) {
  options_.classes = "8 vs 1,3";
  const Dataset data = load_image_set(options_);
  EXPECT_THAT(positions(data), ElementsAre(1, 3, 8, 11, 13, 18, 21, 23, 28, 31, 33, 38));
  EXPECT_THAT(data.classes, ElementsAre(1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0));
  options_.classes = "all";
  const Dataset all = load_image_set(options_);
  EXPECT_EQ(all.class_count, 10);
  EXPECT_EQ(all.classes[27], 7);
}

TEST_F(SmallImages, ChoosesASubsetBySeed) {
  options_.n = 12;
  const auto first = positions(load_image_set(options_));
  EXPECT_EQ(first, positions(load_image_set(options_)));
  EXPECT_EQ(std::set<int>(first.begin(), first.end()).size(), 12u);
  EXPECT_TRUE(std::is_sorted(first.begin(), first.end()));
  options_.seed = 4;
  EXPECT_NE(first, positions(load_image_set(options_)));
}

TEST_F(SmallImages, ChoosesEveryImageEquallyOften) {
  // Each of the 12 eligible images is in a subset of 4 with probability 1/3. Over R = 3000 seeds
  // its count has deviation sqrt(R · 1/3 · 2/3) = 25.8; six deviations fail by chance once in 10^8.
  constexpr int rounds = 3000;
  std::map<int, int> counts;
  options_.classes = "8 vs 1,3";
  options_.n = 4;
  for (int seed = 0; seed < rounds; ++seed) {
    options_.seed = static_cast<std::uint64_t>(seed);
    for (const int position : positions(load_image_set(options_))) ++counts[position];
  }
  EXPECT_EQ(counts.size(), 12u);
  for (const auto& [position, count] : counts) {
    EXPECT_NEAR(count, rounds / 3.0, 6 * std::sqrt(rounds * 2.0 / 9.0)) << position;
  }
}

TEST_F(SmallImages, StandardizesByTheWholeTrainingSplit) {
  long double sum = 0, squares = 0;
  for (const std::uint8_t v : train_pixels_) sum += v / 255.0L;
  const long double mean = sum / train_pixels_.size();
  for (const std::uint8_t v : train_pixels_) {
    squares += (v / 255.0L - mean) * (v / 255.0L - mean);
  }
  const long double deviation = std::sqrt(squares / train_pixels_.size());
  for (const ImageSplit split : {ImageSplit::train, ImageSplit::test}) {
    options_.split = split;
    options_.classes = "0-3 vs 7";
    options_.pixels = PixelScaling::unit;
    const Matrix unit = load_image_set(options_).x;
    options_.pixels = PixelScaling::standardized;
    const Matrix x = load_image_set(options_).x;
    for (Eigen::Index i = 0; i < x.size(); ++i) {
      const auto expected = static_cast<double>((unit.data()[i] - mean) / deviation);
      // Mean and variance carry a few roundings; the variance loses E[v²]/Var < 10 to cancellation.
      EXPECT_NEAR(x.data()[i], expected, 100 * epsilon);
    }
  }
}

TEST_F(SmallImages, CentresTheChosenSamples) {
  options_.n = 7;
  options_.center = true;
  const Matrix x = load_image_set(options_).x;
  EXPECT_LT(x.colwise().mean().cwiseAbs().maxCoeff(), 10 * epsilon);
  EXPECT_GT(x.cwiseAbs().maxCoeff(), 0.1);
}

TEST_F(SmallImages, TestImagesAreCentredByTheMeanOfTheTrainingImages) {
  options_.n = 7;
  const Matrix plain = load_image_set(options_).x;
  options_.center = true;
  const Dataset training = load_image_set(options_);
  EXPECT_EQ(Vector(plain.colwise().mean()), training.subtracted);
  options_.split = ImageSplit::test;
  options_.n = 0;
  options_.center = false;
  const Dataset test = load_image_set(options_);
  EXPECT_EQ(test.subtracted.size(), 0);
  options_.center = true;
  options_.mean = training.subtracted;
  const Dataset centred = load_image_set(options_);
  for (Eigen::Index i = 0; i < test.size(); ++i) {
    EXPECT_EQ(centred.x.row(i), test.x.row(i) - training.subtracted.transpose());
  }
  options_.mean = Vector::Zero(5);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("data.center"), HasSubstr("6 pixels, and a mean of 5")));
}

TEST_F(SmallImages, NormalizesAfterCentring) {
  options_.n = 7;
  options_.center = true;
  const Matrix centred = load_image_set(options_).x;
  options_.normalize = true;
  const Matrix x = load_image_set(options_).x;
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    EXPECT_NEAR(x.row(i).norm(), 1.0, 10 * epsilon);
    EXPECT_LT((x.row(i) * centred.row(i).norm() - centred.row(i)).norm(), 10 * epsilon);
  }
}

TEST_F(SmallImages, RefusesToNormalizeAZeroImage) {
  std::vector<std::uint8_t> pixels(train_pixels_);
  std::fill_n(pixels.begin() + 6 * 5, 6, std::uint8_t{0});
  store("train-images-idx3-ubyte", idx_bytes(0x803, {train_count, 2, 3}, pixels), false);
  options_.normalize = true;
  EXPECT_THAT(refusal(), AllOf(HasSubstr("data.normalize: image 5"), HasSubstr("is zero")));
  options_.center = true;
  EXPECT_NO_THROW(load_image_set(options_));
  options_.n = 1;  // one sample minus its own mean
  EXPECT_THAT(refusal(), HasSubstr("centring one sample"));
}

TEST_F(SmallImages, NamesTheKeyAndTheMend) {
  options_.n = train_count + 1;
  EXPECT_THAT(refusal(), AllOf(HasSubstr("data.n: "), HasSubstr("40 images available")));
  options_.n = 0;
  options_.classes = "3 vs 3";
  EXPECT_THAT(refusal(), HasSubstr("data.classes: "));
}

TEST_F(SmallImages, NamesMissingAndMismatchedFiles) {
  options_.folder = folder_.file("elsewhere");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("train-images"), HasSubstr("data.folder")));
  options_.folder = folder_.file("");
  store("train-labels-idx1-ubyte", idx_bytes(0x801, {2}, {1, 2}), false);
  EXPECT_THAT(refusal(), HasSubstr("2 labels for 40 images"));
  store("train-labels-idx1-ubyte", idx_bytes(0x801, {40}, std::vector<std::uint8_t>(40, 10)),
        false);
  EXPECT_THAT(refusal(), HasSubstr("label 0 is 10"));
  store("train-labels-idx1-ubyte", idx_bytes(0x801, {40}, std::vector<std::uint8_t>(40, 1)), false);
  options_.classes = "2 vs 3";
  EXPECT_THAT(refusal(), HasSubstr("data.classes: no image"));
  store("train-labels-idx1-ubyte", idx_bytes(0x801, {0}, {}), false);
  store("train-images-idx3-ubyte", idx_bytes(0x803, {0, 2, 3}, {}), false);
  EXPECT_THAT(refusal(), HasSubstr("holds no pixels"));
}

TEST_F(SmallImages, RefusesToStandardizeConstantImages) {
  store("train-images-idx3-ubyte", idx_bytes(0x803, {40, 2, 3}, std::vector<std::uint8_t>(240, 77)),
        false);
  options_.pixels = PixelScaling::standardized;
  EXPECT_THAT(refusal(), HasSubstr("data.pixels: "));
}

/// Sets environment variables for one test.
class Environment {
 public:
  void set(const char* name, const char* value) {
    if (!old_.count(name)) {
      const char* before = std::getenv(name);
      old_[name] = before ? std::optional<std::string>(before) : std::nullopt;
    }
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Environment() {
    for (const auto& [name, value] : old_) {
      value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    }
  }

 private:
  std::map<std::string, std::optional<std::string>> old_;
};

TEST(ImageCache, FollowsTheEnvironment) {
  Environment environment;
  environment.set("LATETIME_DATA", "/a");
  environment.set("XDG_CACHE_HOME", "/b");
  environment.set("HOME", "/c");
  EXPECT_EQ(image_cache_folder(), "/a");
  environment.set("LATETIME_DATA", "");
  EXPECT_EQ(image_cache_folder(), "/b/latetime");
  environment.set("XDG_CACHE_HOME", nullptr);
  EXPECT_EQ(image_cache_folder(), "/c/.cache/latetime");
  environment.set("HOME", nullptr);
  EXPECT_THAT(error_of([] { image_cache_folder(); }), HasSubstr("LATETIME_DATA"));
}

TEST(ImageCache, WhenMissingNamesTheScript) {
  const TemporaryFolder folder;
  Environment environment;
  environment.set("LATETIME_DATA", folder.file("cache").c_str());
  EXPECT_THAT(
      error_of([] { load_image_set({}); }),
      AllOf(HasSubstr("cache/mnist/train-images-idx3-ubyte"), HasSubstr("run scripts/fetch-data")));
}

class RealImages : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    options_.name = *choice_of<ImageSetName>(GetParam());
    std::string folder;
    try {
      folder = image_cache_folder() + "/" + GetParam();
    } catch (const InputError& error) {
      GTEST_SKIP() << error.what();
    }
    if (!std::filesystem::exists(folder)) {
      GTEST_SKIP() << folder << " does not exist; run scripts/fetch-data to test on real images";
    }
  }
  std::vector<int> class_sizes() {
    std::vector<int> sizes(10);
    for (const int c : load_image_set(options_).classes) ++sizes[static_cast<std::size_t>(c)];
    return sizes;
  }
  ImageSetOptions options_;
};

TEST_P(RealImages, HaveTheirKnownCounts) {
  options_.classes = "all";
  const bool mnist = GetParam() == "mnist";
  EXPECT_EQ(class_sizes(),
            mnist ? (std::vector<int>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949})
                  : std::vector<int>(10, 6000));
  options_.split = ImageSplit::test;
  EXPECT_EQ(class_sizes(),
            mnist ? (std::vector<int>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009})
                  : std::vector<int>(10, 1000));
}

TEST_P(RealImages, HaveTheirKnownMoments) {
  // Mean and deviation as they are published with common loaders, to four digits.
  const bool mnist = GetParam() == "mnist";
  const double mean = mnist ? 0.1307 : 0.2860, deviation = mnist ? 0.3081 : 0.3530;
  const Dataset unit = load_image_set(options_);
  ASSERT_EQ(unit.size(), 60000);
  ASSERT_EQ(unit.dim(), 784);
  EXPECT_NEAR(unit.x.mean(), mean, 5e-5);
  EXPECT_NEAR(std::sqrt((unit.x.array() - unit.x.mean()).square().mean()), deviation, 1e-4);
  EXPECT_EQ(unit.x.minCoeff(), 0.0);
  EXPECT_EQ(unit.x.maxCoeff(), 1.0);
  const auto even = std::count(unit.classes.begin(), unit.classes.end(), 0);
  EXPECT_EQ(even, mnist ? 29492 : 30000);
}

TEST_P(RealImages, AreStandardizedToMeanZeroAndVarianceOne) {
  options_.pixels = PixelScaling::standardized;
  const Dataset data = load_image_set(options_);
  // 4.7e7 terms of size 1, summed in vector lanes: rounding grows at most linearly, in practice far
  // less; 1e-9 stands between that and a wrong mean (1e-4).
  EXPECT_NEAR(data.x.mean(), 0.0, 1e-9);
  EXPECT_NEAR(data.x.array().square().mean(), 1.0, 1e-9);
}

INSTANTIATE_TEST_SUITE_P(Cache, RealImages, testing::Values("mnist", "fashion-mnist"),
                         [](const auto& name) {
                           return name.param == "mnist" ? "Mnist" : "FashionMnist";
                         });

}  // namespace
}  // namespace latetime
