#include "latetime/experiment/image_figure.hpp"

#include <cmath>
#include <filesystem>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/tiny_images.hpp"
#include "latetime/base/run_failure.hpp"

namespace latetime {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

bool keep_going(double, double) {
  return true;
}

/// A figure of four small networks on 90 training and 40 test images of 4 × 4 pixels.
class ImageFigure : public testing::Test {
 protected:
  ImageFigure() {
    write_tiny_images(images_, 90, 40, 4, 4);
    options_ = {.figure = PaperFigure::fig4,
                .reading = FigureReading::trained,
                .folder = images_.path(),
                .init_stds = {0.1},
                .widths = {3, 20},
                .batch_size = 16,
                .epochs = 3,
                .runs = 2};
  }
  std::string csv(const std::string& folder, unsigned threads = 1) const {
    return image_runs_csv(run_image_figure(options_, out_ / folder, threads, keep_going));
  }
  std::set<std::string> stored(const std::string& folder) const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(out_ / folder + "/fig4_runs")) {
      if (entry.path().extension() == ".csv") names.insert(entry.path().filename());
    }
    return names;
  }

  TemporaryFolder images_, out_;
  ImageFigureOptions options_;
};

TEST_F(ImageFigure, HoldsEveryVariantAndSeedAtEveryStep) {
  const auto runs = run_image_figure(options_, out_ / "a", 1, keep_going);
  ASSERT_EQ(runs.size(), 4u);
  const auto steps = image_record_steps(6, 3);  // 90 images in batches of 16
  for (std::size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(runs[i].width, i < 2 ? 3 : 20);
    EXPECT_EQ(runs[i].seed, 1 + static_cast<int>(i % 2));
    ASSERT_EQ(runs[i].records.size(), steps.size());
    for (std::size_t k = 0; k < steps.size(); ++k) {
      const TrainingRecord& record = runs[i].records[k];
      EXPECT_EQ(record.step, steps[k]);
      EXPECT_EQ(record.epoch, static_cast<double>(steps[k]) / 6.0);
      EXPECT_EQ(std::isnan(record.running_loss), k == 0);
      EXPECT_EQ(std::isnan(record.train_loss), k != 0 && k + 1 != steps.size());
      EXPECT_EQ(record.group_stable_ranks.size(), 1u);
      EXPECT_GE(record.stable_rank, 1.0);
      EXPECT_LE(record.proved_error, 1e-6);
    }
    EXPECT_NE(runs[i].records[0].test_loss, runs[i ^ 1].records[0].test_loss);
    EXPECT_LT(runs[i].records.back().train_loss, runs[i].records.front().train_loss);
  }
}

TEST_F(ImageFigure, DoesNotDependOnThreads) {
  const std::string one = csv("one");
  EXPECT_EQ(one, csv("two", 2));
  EXPECT_EQ(one, csv("nine", 9));  // two threads within each run
  options_.reading = FigureReading::groups;
  EXPECT_EQ(csv("groups one"), csv("groups three", 3));
}

TEST_F(ImageFigure, StoppedInTheMiddleGoesOnToTheSameResult) {
  const std::string whole = csv("whole");
  for (const unsigned threads : {1u, 2u}) {
    const std::string folder = "parts" + std::to_string(threads);
    double full = 0.0;
    const auto stopped =
        run_image_figure(options_, out_ / folder, threads, [&](double done, double total) {
          EXPECT_LE(done, total * (1.0 + 1e-12));
          full = total;
          return stored(folder).empty();  // stops once a run is finished
        });
    EXPECT_TRUE(stopped.empty());
    const auto kept = stored(folder);
    EXPECT_GE(kept.size(), 1u);
    EXPECT_LT(kept.size(), 4u);
    double left = 0.0, last = 0.0;
    const auto runs =
        run_image_figure(options_, out_ / folder, threads, [&](double done, double total) {
          left = total;
          last = done;
          return true;
        });
    EXPECT_EQ(image_runs_csv(runs), whole);
    EXPECT_LT(left, full);
    EXPECT_NEAR(last, left, 1e-9 * left);
  }
}

TEST_F(ImageFigure, DoesNotRepeatWhatIsFinished) {
  const std::string whole = csv("a");
  EXPECT_EQ(stored("a").size(), 4u);
  for (const auto& entry : std::filesystem::directory_iterator(images_.path())) {
    std::filesystem::remove(entry.path());  // finished runs need no images
  }
  const auto runs = run_image_figure(options_, out_ / "a", 2, [](double, double) {
    ADD_FAILURE() << "nothing is left to do";
    return true;
  });
  EXPECT_EQ(image_runs_csv(runs), whole);
}

TEST_F(ImageFigure, RefusesAFolderOfOtherSettings) {
  csv("a");
  const auto refusal_with = [&](const auto& change) {
    ImageFigureOptions other = options_;
    change(other);
    return error_of([&] { run_image_figure(other, out_ / "a", 1, keep_going); });
  };
  using Options = ImageFigureOptions;
  const std::vector<void (*)(Options&)> changes{
      [](Options& o) { o.images = ImageSetName::fashion_mnist; },
      [](Options& o) { o.reading = FigureReading::groups; },
      [](Options& o) { o.output_scale = OutputScale::one_over_width; },
      [](Options& o) { o.pixels = PixelScaling::standardized; },
      [](Options& o) { o.folder += "/other"; },
      [](Options& o) { o.slope = 0.1; },
      [](Options& o) { o.init_stds = {0.2}; },
      [](Options& o) { o.widths = {3}; },
      [](Options& o) { o.n = 80; },
      [](Options& o) { o.test_n = 30; },
      [](Options& o) { o.learning_rate = 0.2; },
      [](Options& o) { o.batch_size = 8; },
      [](Options& o) { o.epochs = 4; },
      [](Options& o) { o.runs = 3; },
      [](Options& o) { o.first_seed = 2; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_THAT(refusal_with(changes[i]), AllOf(HasSubstr("a/fig4_runs"), HasSubstr("settings")))
        << i;
  }
}

/// Settings under which no run was finished hold nobody back.
TEST_F(ImageFigure, AFailedAttemptDoesNotClaimTheFolder) {
  ImageFigureOptions mistaken = options_;
  mistaken.folder = images_ / "elsewhere";
  mistaken.slope = 0.5;
  EXPECT_THAT(error_of([&] { run_image_figure(mistaken, out_ / "a", 1, keep_going); }),
              HasSubstr("elsewhere/train-images-idx3-ubyte"));
  EXPECT_EQ(csv("a"), csv("b"));
}

TEST_F(ImageFigure, NamesBadInput) {
  options_.n = 91;
  EXPECT_THAT(error_of([&] { csv("a"); }), HasSubstr("90 images available"));
  options_.n = 0;
  options_.learning_rate = 1e38;
  // Seen in the middle of the work: an early end, which leaves nothing behind.
  try {
    csv("b");
    ADD_FAILURE() << "went on";
  } catch (const RunFailure& failure) {
    EXPECT_THAT(failure.what(), AllOf(HasSubstr("descent.learning_rate"), HasSubstr("diverges"),
                                      HasSubstr("nothing was recorded")));
  }
  EXPECT_THAT(error_of([&] { run_image_figure(options_, "/proc/latetime", 1, keep_going); }),
              HasSubstr("/proc/latetime"));
  EXPECT_THAT(error_of([] { image_figure(PaperFigure::fig1, false); }), HasSubstr("fig1"));
}

// ---- pieces ------------------------------------------------------------------------------------

TEST(ImageFigureTable, HoldsMeansAndDeviationsOverTheSeeds) {
  std::vector<ImageRun> runs;
  for (const std::int64_t width : {10, 50}) {
    for (std::int64_t seed = 1; seed <= 2; ++seed) {
      ImageRun run{0.5, width, seed, {}};
      for (std::uint64_t step = 0; step < 2; ++step) {
        const auto v = static_cast<double>(width) + static_cast<double>(seed) * (step == 0 ? 1 : 4);
        run.records.push_back({.step = 7 * step,
                               .epoch = static_cast<double>(step),
                               .running_loss = step == 0 ? std::nan("") : v + 1,
                               .running_error = step == 0 ? std::nan("") : v + 2,
                               .test_loss = v + 3,
                               .test_error = v + 4,
                               .stable_rank = v + 5,
                               .group_stable_ranks = {v + 6, v + 8}});
      }
      runs.push_back(run);
    }
  }
  const auto rows = summarize(runs);
  ASSERT_EQ(rows.size(), 4u);
  // Width 50, second step: v = 54 and 58, so mean 56 and deviation √(2² + 2²) = 2√2.
  const ImageFigureRow& row = rows[3];
  EXPECT_EQ(row.width, 50);
  EXPECT_EQ(row.init_std, 0.5);
  EXPECT_EQ(row.step, 7u);
  EXPECT_EQ(row.epoch, 1.0);
  const double deviation = std::sqrt(8.0);
  const std::vector<std::pair<Spread, double>> expected{
      {row.running_loss, 57}, {row.running_error, 58}, {row.test_loss, 59},
      {row.test_error, 60},   {row.stable_rank, 61},   {row.group_stable_rank, 63}};
  for (const auto& [spread, mean] : expected) {
    EXPECT_DOUBLE_EQ(spread.mean, mean);
    EXPECT_DOUBLE_EQ(spread.std, deviation);
  }
  // Width 10, first step: 11 and 12.
  EXPECT_DOUBLE_EQ(rows[0].stable_rank.mean, 16.5);
  EXPECT_DOUBLE_EQ(rows[0].stable_rank.std, std::sqrt(0.5));

  const std::string text = image_figure_csv(rows);
  EXPECT_THAT(text, testing::StartsWith(
                        "init_std,width,step,epoch,stable_rank_all_mean,stable_rank_all_std,"
                        "group_stable_rank_mean,group_stable_rank_std,test_error_mean,"
                        "test_error_std,test_loss_mean,test_loss_std,running_error_mean,"
                        "running_error_std,running_loss_mean,running_loss_std\n0.5,10,0,0,16.5,"));
  std::istringstream lines(text);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), 15) << line;
    if (count == 1) {
      EXPECT_THAT(line, testing::EndsWith(",,,,"));  // nothing ran before step 0
    }
  }
  EXPECT_EQ(count, 5);
}

TEST(ImageRunsTable, HoldsARowForEverySeedAndStep) {
  const std::vector<ImageRun> runs{{1e-5,
                                    10,
                                    3,
                                    {{.step = 2,
                                      .epoch = 0.25,
                                      .running_loss = 0.5,
                                      .running_error = 0.125,
                                      .test_loss = 0.75,
                                      .test_error = 0.0625,
                                      .train_loss = std::nan(""),
                                      .train_error = std::nan(""),
                                      .stable_rank = 1.5,
                                      .group_stable_ranks = {1.25, 2.5},
                                      .proved_error = 0.0}}}};
  EXPECT_EQ(image_runs_csv(runs),
            "init_std,width,seed,step,epoch,running_loss,running_error,test_loss,test_error,"
            "train_loss,train_error,stable_rank_all,stable_rank_proved_error,group_stable_ranks\n"
            "1e-05,10,3,2,0.25,0.5,0.125,0.75,0.0625,,,1.5,0,1.25 2.5\n");
}

TEST(ImageFigures, AreThoseOfThePaper) {
  using enum PaperFigure;
  for (const PaperFigure figure : {fig2, fig3, fig4, fig5}) {
    const ImageFigureOptions options = image_figure(figure, false);
    const bool widths = figure == fig4 || figure == fig5;
    EXPECT_EQ(options.slope, figure == fig2 || figure == fig4 ? 0.0 : 0.1);
    EXPECT_EQ(options.widths.size(), widths ? 5u : 1u);
    EXPECT_EQ(options.init_stds.size(), widths ? 1u : 5u);
    EXPECT_EQ(options.reading, widths ? FigureReading::trained : FigureReading::groups);
    EXPECT_EQ(options.batch_size, 64);
    EXPECT_EQ(options.learning_rate, 0.1);
    EXPECT_EQ(options.epochs, 10);
    EXPECT_EQ(options.runs, 5);
    EXPECT_EQ(options.n, 0);
    EXPECT_LT(image_figure(figure, true).epochs, options.epochs);
  }
}

TEST(ImageRecordSteps, RiseFromZeroThroughTheFirstEpochToEachEnd) {
  for (const std::uint64_t per_epoch : {1u, 2u, 3u, 4u, 7u, 94u, 938u}) {
    for (const std::int64_t epochs : {1, 2, 10}) {
      const auto steps = image_record_steps(per_epoch, epochs);
      EXPECT_EQ(steps.front(), 0u);
      EXPECT_EQ(steps.back(), per_epoch * static_cast<std::uint64_t>(epochs));
      std::size_t ends = 0;
      for (std::size_t k = 1; k < steps.size(); ++k) {
        EXPECT_LT(steps[k - 1], steps[k]);
        ends += steps[k] % per_epoch == 0;
        // Equal ratios of √2, rounded to whole steps.
        if (k > 1 && steps[k] <= per_epoch) {
          EXPECT_LE(static_cast<double>(steps[k]),
                    std::sqrt(2.0) * static_cast<double>(steps[k - 1]) + 1.0);
        }
      }
      EXPECT_EQ(ends, static_cast<std::size_t>(epochs));
    }
  }
  const auto mnist = image_record_steps(938, 1);
  EXPECT_GE(mnist.size(), 18u);
  EXPECT_LE(mnist.size(), 23u);
}

TEST(OutputScale, IsThatOfTheHeadWhereNoneIsChosen) {
  EXPECT_EQ(output_factor(OutputScale::one_over_width, Head::trained, 16), 0.0625);
  EXPECT_EQ(output_factor(OutputScale::one_over_root_width, Head::groups, 16), 0.25);
  EXPECT_EQ(output_factor(OutputScale::one, Head::groups, 16), 1.0);
  EXPECT_EQ(output_factor(OutputScale::automatic, Head::groups, 16), 0.0625);
  EXPECT_EQ(output_factor(OutputScale::automatic, Head::trained, 16), 1.0);
}

TEST(LoadImageData, LoadsBothSplits) {
  const TemporaryFolder folder;
  write_tiny_images(folder, 50, 20, 4, 3);
  ImageSetOptions options{.folder = folder.path(), .classes = "all", .n = 30};
  const ImageData data = load_image_data(options, 10);
  EXPECT_EQ(data.train.size(), 30u);
  EXPECT_EQ(data.test.size(), 10u);
  EXPECT_EQ(data.train.features, 12u);
  EXPECT_EQ(data.test.features, 12u);
  EXPECT_EQ(data.test.class_count, 10);
  options.n = 0;
  EXPECT_EQ(load_image_data(options).train.size(), 50u);
  EXPECT_EQ(load_image_data(options).test.size(), 20u);
  options.classes = "even-odd";
  EXPECT_EQ(load_image_data(options).test.class_count, 2);
}

TEST(LoadImageData, RefusesTestImagesOfAnotherSize) {
  const TemporaryFolder folder;
  write_tiny_images(folder, 50, 20, 4, 4);
  write_tiny_split(folder, "t10k", 20, 5, 4);
  EXPECT_THAT(error_of([&] { load_image_data({.folder = folder.path(), .classes = "all"}); }),
              AllOf(HasSubstr(folder.path()), HasSubstr("16"), HasSubstr("20")));
}

// ---- real images -------------------------------------------------------------------------------

class OnMnist : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder;
    try {
      folder = image_cache_folder() + "/mnist";
    } catch (const InputError& error) {
      GTEST_SKIP() << error.what();
    }
    if (!fs::exists(folder)) {
      GTEST_SKIP() << folder << " does not exist; run scripts/fetch-data to test on real images";
    }
  }
  static TrainingRecord last_record(std::size_t n, const ImageTrainingOptions& options) {
    ImageSetOptions set{.classes = "all", .n = n};
    return train_on_images(load_image_data(set), options, 2, [](std::uint64_t) { return true; })
        .back();
  }
};

// What common frameworks reach with these settings: some 8 to 9 % after one epoch.
TEST_F(OnMnist, OneEpochOfATrainedLayerReachesTheUsualError) {
  const TrainingRecord record = last_record(
      0, {.head = Head::trained, .width = 100, .output_scale = OutputScale::one, .epochs = 1});
  EXPECT_GT(record.test_error, 0.06);
  EXPECT_LT(record.test_error, 0.12);
}

// From small weights every group follows the one direction of its first gradients.
TEST_F(OnMnist, GroupsFromSmallWeightsAreNearlyOfRankOne) {
  const TrainingRecord record =
      last_record(6000, {.head = Head::groups, .width = 100, .init_std = 1e-5, .epochs = 1});
  ASSERT_EQ(record.group_stable_ranks.size(), 10u);
  for (const double rank : record.group_stable_ranks) {
    EXPECT_GE(rank, 1.0);
    EXPECT_LT(rank, 1.2);
  }
  EXPECT_GT(record.stable_rank, 1.2);  // ten directions
}

}  // namespace
}  // namespace latetime
