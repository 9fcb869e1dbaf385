// Trainings as values: into a folder or into memory, from samples and weights of any origin.

#include "latetime/experiment/training_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/tiny_images.hpp"
#include "latetime/base/error.hpp"
#include "latetime/data/npy.hpp"

namespace latetime {
namespace {

using testing::HasSubstr;

/// A network on tiny images of ten classes, forty steps an epoch.
class TrainingInMemory : public testing::Test {
 protected:
  TrainingInMemory() { write_tiny_images(images_, 120, 40, 5, 5); }

  TrainingProblem problem(std::vector<std::string> more = {}) const {
    std::vector<std::string> keys{"data.source=mnist",  "data.folder=" + images_.path(),
                                  "data.classes=all",   "data.n=0",
                                  "network.width=6",    "network.init_std=0.01",
                                  "descent.method=sgd", "descent.batch_size=3",
                                  "descent.until=300"};
    keys.insert(keys.end(), more.begin(), more.end());
    return load_training_problem(parse_config("", "test", ".", keys));
  }

  TemporaryFolder images_;
};

void expect_same(const RunMemory& a, const RunMemory& b) {
  EXPECT_EQ(a.config, b.config);
  EXPECT_EQ(a.metrics.columns, b.metrics.columns);
  EXPECT_EQ(a.metrics.rows, b.metrics.rows);
  ASSERT_EQ(a.arrays.entries().size(), b.arrays.entries().size());
  for (const auto& entry : a.arrays.entries()) {  // no entry of a training is NaN
    EXPECT_EQ(entry.shape, b.arrays.shape(entry.name)) << entry.name;
    EXPECT_TRUE(entry.values == b.arrays.entry(entry.name).values) << entry.name;
  }
}

std::string refusal_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST_F(TrainingInMemory, HoldsWhatTheFolderHolds) {
  for (const auto& keys :
       {std::vector<std::string>{}, {"network.head=trained"}, {"descent.precision=float64"}}) {
    const TemporaryFolder folder;
    RunMemory memory;
    const TrainingSummary here = carry_out_training(problem(keys), memory, {.threads = 2});
    const TrainingSummary there = carry_out_training(problem(keys), folder / "a", {});
    expect_same(memory, read_training(folder / "a"));
    EXPECT_EQ(here.records, there.records);
    EXPECT_EQ(here.last, there.last);
    EXPECT_FALSE(here.last.at("test_error").empty());
  }
}

TEST_F(TrainingInMemory, GoesOnAfterAnInterruptionToTheBitsOfOneTraining) {
  RunMemory whole, parts;
  carry_out_training(problem(), whole, {});
  const auto stop = [](const LogTime& time) { return time < LogTime(120); };
  const TrainingSummary part = carry_out_training(problem(), parts, {.pulse = stop});
  EXPECT_EQ(part.outcome.reason, StopReason::interrupted);
  EXPECT_EQ(parts.arrays.read_string("/outcome/reason"), "interrupted");
  EXPECT_LT(parts.metrics.rows.size(), whole.metrics.rows.size());
  carry_out_training(problem(), parts, {.resume = true});
  expect_same(parts, whole);
}

TEST_F(TrainingInMemory, GoesOnInAFolderThatItWasWrittenTo) {
  const TemporaryFolder folder;
  RunMemory whole, part;
  carry_out_training(problem(), whole, {});
  carry_out_training(problem(), part, {.pulse = [](const LogTime&) { return false; }});
  write_run(part, folder / "a");
  carry_out_training(problem(), folder / "a", {.resume = true});
  expect_same(read_training(folder / "a"), whole);
}

TEST_F(TrainingInMemory, GoesOnWithWhatItBeganWithAlone) {
  RunMemory begun;
  carry_out_training(problem(), begun, {});
  const auto go_on = [&](TrainingProblem other) {
    RunMemory memory = begun;
    return refusal_of([&] { carry_out_training(std::move(other), memory, {.resume = true}); });
  };
  TrainingProblem other = problem();
  other.data.x.edit()(2, 3) += 0.5;
  EXPECT_THAT(go_on(other), HasSubstr("other samples"));
  other = problem();
  other.test = std::nullopt;
  EXPECT_THAT(go_on(other), HasSubstr("other samples"));
  other = problem();
  other.initial_weights = Matrix::Ones(60, 25);
  EXPECT_THAT(go_on(other), HasSubstr("initial weights"));
  EXPECT_THAT(go_on(problem({"network.slope=0.5"})), HasSubstr("network.slope"));
  EXPECT_THAT(go_on(problem({"descent.until=200"})), HasSubstr("descent.until"));
  RunMemory run;
  const std::vector<std::string> small{"data.n=4", "network.width=2", "descent.until=2"};
  carry_out_run(load_problem(parse_config("", "test", ".", small)), run, {});
  EXPECT_THAT(refusal_of([&] { carry_out_training(problem(), run, {.resume = true}); }),
              HasSubstr("latetime run"));
}

TEST_F(TrainingInMemory, TestSamplesThatDoNotFitAreRefused) {
  const auto refusal = [](const TrainingProblem& other) {
    RunMemory memory;
    return refusal_of([&] { carry_out_training(other, memory, {}); });
  };
  TrainingProblem other = problem();
  other.test->classes[7] = 10;
  EXPECT_THAT(refusal(other), HasSubstr("class 10"));
  other = problem({"data.split=test"});
  other.test = Dataset{.x = Matrix::Ones(2, 24), .classes = {0, 1}, .class_count = 10};
  EXPECT_THAT(refusal(other), HasSubstr("24 features"));
  other.test = Dataset{.x = Matrix::Ones(0, 25), .classes = {}, .class_count = 10};
  EXPECT_THAT(refusal(other), HasSubstr("there are none"));
}

TEST_F(TrainingInMemory, BeginsWithGivenWeights) {
  const TemporaryFolder folder;
  Matrix weights(60, 25);
  for (Eigen::Index i = 0; i < weights.size(); ++i) {
    weights.data()[i] = 0.001 * static_cast<double>(i % 37);
  }
  const std::string file = folder / "W0.npy";
  write_npy(file, ArrayShape{10, 6, 25},
            std::vector<double>(weights.data(), weights.data() + weights.size()));
  const std::vector<std::string> start{"descent.until=0", "descent.precision=float64"};
  auto keys = start;
  keys.push_back("network.initial_weights=" + file);
  TrainingProblem own = problem(start);
  own.initial_weights = weights;
  for (const TrainingProblem& from : {problem(keys), own}) {
    RunMemory memory;
    carry_out_training(from, memory, {});
    EXPECT_EQ(memory.arrays.read_doubles("/final/weights"),
              std::vector<double>(weights.data(), weights.data() + weights.size()));
  }
  keys.push_back("network.head=trained");
  EXPECT_THAT(refusal_of([&] { problem(keys); }), HasSubstr("(1, m, d) = (1, 6, 25)"));
  own.initial_weights->setConstant(1e200);
  RunMemory memory;
  own.config.descent.precision = Precision::float32;
  EXPECT_THAT(refusal_of([&] { carry_out_training(own, memory, {}); }),
              HasSubstr("network.initial_weights: an entry overflows float32"));
}

}  // namespace
}  // namespace latetime
