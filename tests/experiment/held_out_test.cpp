#include <cmath>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/tiny_images.hpp"
#include "latetime/base/error.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/experiment/run_limit.hpp"
#include "latetime/experiment/training_run.hpp"
#include "latetime/store/run_directory.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Overrides = std::vector<std::string>;

RunConfig configured(Overrides overrides) {
  for (const char* small : {"data.n=8", "data.d=40", "network.width=4", "record.per_decade=1"}) {
    overrides.insert(overrides.begin(), small);
  }
  return parse_config("", "test", ".", overrides);
}

RunConfig with_images(const TemporaryFolder& folder, Overrides overrides) {
  for (const std::string& key :
       {std::string("data.source=mnist"), "data.folder=" + folder.path(), std::string("data.n=20")}) {
    overrides.insert(overrides.begin(), key);
  }
  return parse_config("", "test", ".", overrides);
}

std::string refusal(const RunConfig& config) {
  try {
    load_problem(config);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

const Overrides judged{"data.test_n=100", "data.label_noise=0.3", "data.population_draws=1000"};

Overrides with(Overrides overrides, const std::string& more) {
  overrides.push_back(more);
  return overrides;
}

TEST(HeldOut, ChangesNothingOfTheRunAndAddsItsColumnsBehind) {
  const TemporaryFolder folder;
  carry_out_run(configured({"descent.until=1e30"}), folder / "plain", {});
  carry_out_run(configured({"descent.until=1e30", "data.test_n=50"}), folder / "judged", {});
  const CsvTable plain = read_metrics(folder / "plain/metrics.csv"),
                 more = read_metrics(folder / "judged/metrics.csv");
  ASSERT_EQ(plain.columns, metrics_columns());
  ASSERT_EQ(more.columns, metrics_columns(true));
  ASSERT_EQ(plain.rows.size(), more.rows.size());
  for (std::size_t r = 0; r < plain.rows.size(); ++r) {
    for (std::size_t c = 0; c < plain.columns.size(); ++c) {
      EXPECT_EQ(plain.rows[r][c], more.rows[r][c]) << plain.columns[c];
    }
  }
}

TEST(HeldOut, AResumedRunHasTheBytesOfAWholeOne) {
  const TemporaryFolder folder;
  carry_out_run(configured(with(judged, "descent.until=1e40")), folder / "whole", {});
  carry_out_run(configured(with(judged, "descent.until=1e25")), folder / "parts", {});
  carry_out_run(configured(with(judged, "descent.until=1e40")), folder / "parts", {.resume = true});
  EXPECT_EQ(bytes_of(folder / "whole/metrics.csv"), bytes_of(folder / "parts/metrics.csv"));
}

TEST(HeldOut, TheNumberOfThreadsChangesNothing) {
  const TemporaryFolder folder;
  const RunConfig config = configured(with(judged, "descent.until=1e30"));
  carry_out_run(config, folder / "one", {});
  carry_out_run(config, folder / "four", {.threads = 4});
  EXPECT_EQ(bytes_of(folder / "one/metrics.csv"), bytes_of(folder / "four/metrics.csv"));
}

TEST(HeldOut, TheLimitIsStoredAndComputedAlike) {
  const TemporaryFolder folder;
  carry_out_run(configured(with(judged, "descent.until=1e40")), folder / "late", {});
  carry_out_run(configured(with(with(judged, "descent.until=3000"), "descent.engine=coefficient")),
                folder / "exact", {});
  const RunLimit stored = limit_of_run(folder / "late"), computed = limit_of_run(folder / "exact");
  ASSERT_TRUE(stored.stored && stored.report.errors);
  ASSERT_TRUE(!computed.stored && computed.report.errors);
  EXPECT_EQ(stored.report.errors->train, 0.0);
  EXPECT_EQ(stored.report.errors->test, computed.report.errors->test);
  EXPECT_EQ(stored.report.errors->train_clean, computed.report.errors->train_clean);
  EXPECT_GT(stored.report.errors->train_clean, 0.0);
  EXPECT_NEAR(stored.report.errors->population->value, computed.report.errors->population->value,
              1e-3);
}

TEST(HeldOut, TestImagesAreThoseOfTheOtherSplitAndOfTheSameClasses) {
  const TemporaryFolder images;
  write_tiny_images(images, 200, 60, 4, 4);
  const RunProblem problem =
      load_problem(with_images(images, {"data.test_n=10", "data.classes=3 vs 8", "data.center=true"}));
  ASSERT_TRUE(problem.held_out.test);
  EXPECT_EQ(problem.held_out.test->size(), 10);
  EXPECT_FALSE(problem.held_out.population);
  EXPECT_EQ(problem.held_out.test->subtracted, problem.data.subtracted);
  EXPECT_EQ(problem.data.x,
            load_problem(with_images(images, {"data.classes=3 vs 8", "data.center=true"})).data.x);
  EXPECT_THAT(refusal(with_images(images, {"data.test_n=13", "data.classes=3 vs 8"})),
              AllOf(HasSubstr("12 images available"), Not(HasSubstr("\n"))));
}

TEST(HeldOut, TrainingsTakeTestSamplesAndLabelNoise) {
  const TemporaryFolder folder;
  const RunConfig config = configured(
      {"data.test_n=300", "data.label_noise=0.4", "data.signal_std=1", "descent.until=50"});
  const TrainingProblem problem = load_training_problem(config);
  ASSERT_TRUE(problem.test);
  EXPECT_EQ(problem.test->size(), 300);
  EXPECT_EQ(problem.data.classes, load_data(config).classes);
  EXPECT_FALSE(problem.data.clean_classes.empty());
  carry_out_training(config, folder / "a", {});
  const CsvTable table = read_metrics(folder / "a/metrics.csv");
  EXPECT_FALSE(table.rows.back()[table.index_of("test_error")].empty());
}

TEST(HeldOut, FilesOfTestSamplesAreHeldToTheTrainingSamples) {
  const TemporaryFolder folder;
  const std::string x = folder.write("x.csv", "1,0\n0,1\n"), y = folder.write("y.csv", "1\n-1\n"),
                    t = folder.write("t.csv", "1,0.5\n0.25,1\n2,1\n"),
                    s = folder.write("s.csv", "1\n-1\n-1\n"),
                    wide = folder.write("wide.csv", "1,0,0\n0,1,0\n1,1,1\n");
  const auto files = [&](const std::string& test_x) {
    return parse_config("", "test", ".",
                        Overrides{"data.source=file", "data.x=" + x, "data.y=" + y,
                                  "data.test_x=" + test_x, "data.test_y=" + s, "network.width=3",
                                  "descent.until=100"});
  };
  EXPECT_THAT(refusal(files(wide)),
              AllOf(HasSubstr("data.test_x: "),
                    HasSubstr("wide.csv has 3 features, the training samples have 2"),
                    Not(HasSubstr("\n"))));
  carry_out_run(files(t), folder / "run", {});
  const CsvTable table = read_metrics(folder / "run/metrics.csv");
  EXPECT_EQ(table.rows.back()[table.index_of("test_error")].substr(0, 5), "0.333");
  EXPECT_EQ(table.rows.back()[table.index_of("population_error")], "");
}

}  // namespace
}  // namespace latetime
