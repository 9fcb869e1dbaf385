#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "latetime/data/image_set.hpp"
#include "latetime/data/sparse_samples.hpp"
#include "latetime/measure/spectrum.hpp"
#include "latetime/model/classifier.hpp"

namespace latetime {

/// Training and test images, in float32.
struct ImageData {
  SparseSamples<float> train, test;
};

/// Loads both splits, `options.n` training and `test_n` test images (0: all); `options.split` is
/// ignored. Throws InputError.
ImageData load_image_data(ImageSetOptions options, std::size_t test_n = 0);

struct ImageTrainingOptions {
  Head head = Head::groups;
  std::int64_t width = 1000;  ///< m
  double slope = 0.0;
  double init_std = 1e-5;
  OutputScale output_scale = OutputScale::automatic;
  double learning_rate = 0.1;
  std::int64_t batch_size = 64;
  std::int64_t epochs = 10;
  std::uint64_t seed = 1;  ///< of weights and batches
};

/// What is measured at one step.
struct TrainingRecord {
  std::uint64_t step = 0;
  double epoch = 0.0;
  /// Over the batches since the last record, each before its update; NaN at step 0.
  double running_loss = 0.0, running_error = 0.0;
  double test_loss = 0.0, test_error = 0.0;
  /// Over all training images: at the first and last record, NaN between.
  double train_loss = 0.0, train_error = 0.0;
  double stable_rank = 0.0;                ///< of all hidden weights, stacked
  std::vector<double> group_stable_ranks;  ///< K (`groups`) or 1
  double proved_error = 0.0;               ///< of the stable ranks, relative
};

/// Steps 0, about twenty within the first epoch at equal ratios, and the end of each epoch.
std::vector<std::uint64_t> image_record_steps(std::uint64_t steps_per_epoch, std::int64_t epochs);

/// Trains one network with SGD in float32 and measures it at image_record_steps(). `keep_going` is
/// asked every few dozen milliseconds, with the steps taken so far; false stops (the result is then
/// empty). The result does not depend on `threads`. Throws InputError when the training diverges.
std::vector<TrainingRecord> train_on_images(const ImageData& data,
                                            const ImageTrainingOptions& options, unsigned threads,
                                            const std::function<bool(std::uint64_t)>& keep_going);

}  // namespace latetime
