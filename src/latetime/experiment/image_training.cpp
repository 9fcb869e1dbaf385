#include "latetime/experiment/image_training.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/dynamics/batch_descent.hpp"
#include "latetime/measure/tiled_rank.hpp"

namespace latetime {
namespace {

constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

TrainingRecord measure(BatchTrainer<float>& trainer, const ImageData& data, bool whole_training) {
  TrainingRecord record{
      .step = trainer.step(),
      .epoch = static_cast<double>(trainer.step()) / static_cast<double>(trainer.steps_per_epoch()),
      .running_loss = not_measured,
      .running_error = not_measured,
      .train_loss = not_measured,
      .train_error = not_measured};
  if (trainer.step() > 0) {
    const Evaluation running = trainer.take_running_evaluation();
    record.running_loss = running.loss;
    record.running_error = running.error();
  }
  if (whole_training) {
    const Evaluation train = trainer.evaluate(data.train);
    record.train_loss = train.loss;
    record.train_error = train.error();
  }
  const Evaluation test = trainer.evaluate(data.test);
  record.test_loss = test.loss;
  record.test_error = test.error();
  const GroupRanks ranks = stable_ranks(trainer.weights(), trainer.team(), trainer.kernels());
  record.stable_rank = ranks.stacked.value;
  record.proved_error = ranks.proved_error;
  for (const StableRank& rank : ranks.groups) record.group_stable_ranks.push_back(rank.value);
  return record;
}

/// `step`: where the outputs were seen to overflow.
[[noreturn]] void refuse_divergence(std::uint64_t step, const std::vector<std::uint64_t>& records,
                                    const ImageTrainingOptions& options) {
  if (step == 0) {
    throw InputError(
        "network.init_std",
        fmt::format("{} overflows before the first step; choose a smaller one", options.init_std));
  }
  throw InputError(
      "descent.learning_rate",
      fmt::format("the training diverges before step {} (seed {}); choose a "
                  "smaller one",
                  *std::lower_bound(records.begin(), records.end(), step), options.seed));
}

}  // namespace

ImageData load_image_data(ImageSetOptions options, std::size_t test_n) {
  ImageData data;
  options.split = ImageSplit::train;
  data.train = sparse_samples<float>(load_image_set(options));
  options.split = ImageSplit::test;
  options.n = test_n;
  data.test = sparse_samples<float>(load_image_set(options));
  if (data.test.features != data.train.features) {
    throw InputError(options.folder.empty() ? word_of(options.name) : options.folder,
                     fmt::format("training images of {} pixels but test images of {}; fetch all "
                                 "four files of one set",
                                 data.train.features, data.test.features));
  }
  return data;
}

std::vector<std::uint64_t> image_record_steps(std::uint64_t steps_per_epoch, std::int64_t epochs) {
  std::vector<std::uint64_t> steps{0};
  for (int k = 0;; ++k) {
    const auto step = static_cast<std::uint64_t>(std::lround(std::pow(2.0, 0.5 * k)));
    if (step >= steps_per_epoch) break;
    if (step > steps.back()) steps.push_back(step);
  }
  for (std::int64_t epoch = 1; epoch <= epochs; ++epoch) {
    steps.push_back(static_cast<std::uint64_t>(epoch) * steps_per_epoch);
  }
  return steps;
}

std::vector<TrainingRecord> train_on_images(const ImageData& data,
                                            const ImageTrainingOptions& options, unsigned threads,
                                            const std::function<bool(std::uint64_t)>& keep_going) {
  const ClassifierShape shape{
      .head = options.head,
      .classes = data.train.class_count,
      .width = options.width,
      .dim = static_cast<Eigen::Index>(data.train.features),
      .slope = options.slope,
      .output_scale = output_factor(options.output_scale, options.head, options.width)};
  BatchTrainer<float> trainer(data.train, random_classifier(shape, options.init_std, options.seed),
                              {.learning_rate = options.learning_rate,
                               .batch_size = static_cast<std::size_t>(options.batch_size),
                               .seed = options.seed,
                               .threads = threads});
  const auto steps = image_record_steps(trainer.steps_per_epoch(), options.epochs);
  const std::vector<LogTime> times(steps.begin(), steps.end());
  std::vector<TrainingRecord> records;
  const auto record = [&] {
    const bool whole = trainer.step() == 0 || trainer.step() == steps.back();
    records.push_back(measure(trainer, data, whole));
    return trainer.finite() && std::isfinite(records.back().test_loss) &&
           std::isfinite(records.back().stable_rank);
  };
  const auto pulse = [&](const LogTime& time) { return keep_going(*time.step()); };
  const Outcome outcome = follow(trainer, times, {.record = record, .pulse = pulse});
  if (outcome.reason == StopReason::interrupted) return {};
  if (outcome.reason == StopReason::not_finite)
    refuse_divergence(*outcome.time.step(), steps, options);
  return records;
}

}  // namespace latetime
