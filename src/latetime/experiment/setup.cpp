#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/array_file.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/data/image_set.hpp"
#include "latetime/data/label_noise.hpp"
#include "latetime/data/sample_file.hpp"
#include "latetime/dynamics/batch_order.hpp"
#include "latetime/dynamics/schedule.hpp"
#include "latetime/experiment/memory_needs.hpp"
#include "latetime/experiment/run.hpp"

namespace latetime {
namespace {

ImageSetOptions image_options(const RunConfig& config) {
  ImageSetOptions options;
  options.name = config.data.source == DataSource::fashion_mnist ? ImageSetName::fashion_mnist
                                                                 : ImageSetName::mnist;
  options.folder = config.data.folder;
  options.split = config.data.split;
  options.classes = config.data.classes;
  options.n = static_cast<std::size_t>(config.data.n);
  options.pixels = config.data.pixels;
  options.center = config.data.center;
  options.normalize = config.data.normalize;
  options.seed = static_cast<std::uint64_t>(config.seed);
  return options;
}

/// For samples that are made or chosen, before they are.
void require_memory_of_samples(const RunConfig& config, double classes) {
  const DataConfig& data = config.data;
  if (data.source == DataSource::file) return;
  require_memory(config, static_cast<double>(data.n),
                 data.is_images() ? 784 : static_cast<double>(data.d), classes);
}

std::size_t batch_size(const RunConfig& config, Eigen::Index n) {
  return std::min(static_cast<std::size_t>(config.descent.batch_size), static_cast<std::size_t>(n));
}

Dataset load_clean_data(const RunConfig& config) {
  const DataConfig& data = config.data;
  const auto seed = static_cast<std::uint64_t>(config.seed);
  switch (data.source) {
    case DataSource::gaussian_mixture:
      return gaussian_mixture(data.n, data.d, data.signal_std, data.noise_std, seed);
    case DataSource::orthogonal:
      return orthogonal_data(data.n, data.d, data.sample_norm);
    case DataSource::near_orthogonal:
      return near_orthogonal_data(data.n, data.d, data.sample_norm, data.inner_product, seed);
    case DataSource::symmetric_separable:
      return symmetric_separable_data(data.n, data.d, data.margin, data.noise_std, seed);
    case DataSource::file:
      return load_sample_files({.x = data.x,
                                .y = data.y,
                                .positive = data.positive,
                                .label_column = data.label_column,
                                .transpose = data.transpose,
                                .features = static_cast<std::size_t>(data.d)});
    case DataSource::mnist:
    case DataSource::fashion_mnist:
      break;
  }
  return load_image_set(image_options(config));
}

/// The test images, centred by the mean of the training images where these are.
Dataset load_test_images(const RunConfig& config, const Dataset& training) {
  ImageSetOptions options = image_options(config);
  options.split = ImageSplit::test;
  options.n = static_cast<std::size_t>(config.data.test_n);
  options.mean = training.subtracted;
  return load_image_set(options);
}

/// Test samples of files, with as many features as those to train on.
Dataset load_test_files(const RunConfig& config, const Dataset& training) {
  const DataConfig& data = config.data;
  const bool own_labels = data.test_y.empty();
  const bool column_of_y = !data.y.empty() && own_labels;
  Dataset test = load_sample_files({.x = data.test_x,
                                    .y = data.test_y,
                                    .positive = data.positive,
                                    .label_column = column_of_y ? "" : data.label_column,
                                    .transpose = data.transpose,
                                    .features = 0});
  if (test.dim() != training.dim()) {
    throw InputError("data.test_x",
                     fmt::format("{} has {} features, the training samples have {}; give both the "
                                 "same",
                                 data.test_x, test.dim(), training.dim()));
  }
  return test;
}

}  // namespace

Dataset load_data(const RunConfig& config) {
  require_memory_of_samples(config, 2.0);
  Dataset data = load_training_data(config);
  if (data.class_count > 2 && config.data.measures_errors()) {
    throw InputError("data",
                     "test errors, population errors and label noise are of two classes; leave out "
                     "test_n, test_x and label_noise");
  }
  return data;
}

Dataset load_two_classes(const RunConfig& config, const std::string& what) {
  Dataset data = load_data(config);
  require_two_classes(data, config.data.is_images() ? "data.classes" : "data.y", what);
  return data;
}

Dataset load_training_data(const RunConfig& config) {
  require_memory_of_samples(config, 0.0);
  Dataset data = load_clean_data(config);
  add_label_noise(data, config);
  return data;
}

void add_label_noise(Dataset& data, const RunConfig& config) {
  add_label_noise(data, config.data.label_noise, static_cast<std::uint64_t>(config.seed));
}

std::string no_test_reason(const RunConfig& config) {
  const DataConfig& data = config.data;
  if (!data.is_images()) {
    if (data.test_n > 0 || !data.test_x.empty()) return "";
    return "data.source \"" + word_of(data.source) + "\" has no test images";
  }
  if (data.split == ImageSplit::test) return "data.split = \"test\" trains on the test images";
  return "";
}

std::optional<Dataset> load_test_data(const RunConfig& config, const Dataset& training) {
  if (!no_test_reason(config).empty()) return std::nullopt;
  const DataConfig& data = config.data;
  const auto seed = static_cast<std::uint64_t>(config.seed);
  if (data.source == DataSource::gaussian_mixture) {
    return gaussian_mixture_test(data.test_n, *mixture_of(config), seed);
  }
  if (data.source == DataSource::symmetric_separable) {
    return symmetric_separable_test(data.test_n, data.d, data.margin, data.noise_std, seed);
  }
  if (data.source == DataSource::file) return load_test_files(config, training);
  return load_test_images(config, training);
}

std::optional<GaussianMixture> mixture_of(const RunConfig& config) {
  const DataConfig& data = config.data;
  if (data.source != DataSource::gaussian_mixture) return std::nullopt;
  return mixture_of(data.d, data.signal_std, data.noise_std,
                    static_cast<std::uint64_t>(config.seed));
}

HeldOut held_out_of(const RunConfig& config, const Dataset& training) {
  HeldOut held_out;
  if (!config.data.measures_errors()) return held_out;
  const bool has_test = config.data.test_n > 0 || !config.data.test_x.empty();
  if (has_test) held_out.test = load_test_data(config, training);
  held_out.population = population_of(config);
  return held_out;
}

std::optional<Population> population_of(const RunConfig& config) {
  const auto mixture = mixture_of(config);
  if (!mixture || !config.data.measures_errors()) return std::nullopt;
  return Population{.mixture = *mixture,
                    .draws = static_cast<std::uint64_t>(config.data.population_draws),
                    .seed = static_cast<std::uint64_t>(config.seed)};
}

NetworkShape shape_of(const NetworkConfig& network, Eigen::Index dim, int groups) {
  return {.groups = groups,
          .width = network.width,
          .dim = dim,
          .slope = network.slope,
          .smoothing = network.smoothing};
}

Network load_network(const RunConfig& config, const Dataset& data) {
  require_memory(config, static_cast<double>(data.size()), static_cast<double>(data.dim()),
                 data.class_count);
  const NetworkShape shape = shape_of(config.network, data.dim(), data.class_count);
  const std::string& file = config.network.initial_weights;
  if (file.empty()) {
    return gaussian_network(shape, config.network.init_std,
                            static_cast<std::uint64_t>(config.seed));
  }
  return network_of_file(shape, file);
}

Network network_of_file(const NetworkShape& shape, const std::string& file) {
  const NumericArray array = read_array(file);
  return network_of_array(shape, array.shape, array.values, file);
}

Network network_of_array(const NetworkShape& shape, const std::vector<std::size_t>& array_shape,
                         std::span<const double> values, const std::string& where) {
  const std::vector<std::size_t> wanted{static_cast<std::size_t>(shape.groups),
                                        static_cast<std::size_t>(shape.width),
                                        static_cast<std::size_t>(shape.dim)};
  if (array_shape != wanted) {
    throw InputError(where,
                     fmt::format("has shape ({}); initial weights need ({}, m, d) = ({}), "
                                 "set network.width to its m",
                                 fmt::join(array_shape, ", "), wanted[0], fmt::join(wanted, ", ")));
  }
  for (std::size_t at = 0; at < values.size(); ++at) {
    if (std::isfinite(values[at])) continue;
    const std::size_t neuron = at / wanted[2];
    throw InputError(where, fmt::format("entry ({}, {}, {}) is {}; every entry must be finite",
                                        neuron / wanted[1], neuron % wanted[1], at % wanted[2],
                                        shortest(values[at])));
  }
  return {shape, Eigen::Map<const Matrix>(values.data(), shape.neurons(), shape.dim)};
}

DescentOptions descent_options(const RunConfig& config, Eigen::Index n, unsigned threads) {
  return {.method = config.descent.method,
          .batch_size = batch_size(config, n),
          .engine = config.descent.engine,
          .tolerance = config.descent.tolerance,
          .until = last_time(config, n),
          .seed = static_cast<std::uint64_t>(config.seed),
          .threads = threads};
}

bool takes_mini_batches(const RunConfig& config, Eigen::Index n) {
  return config.descent.method == Method::stochastic && config.descent.batch_size < n;
}

LogTime last_time(const RunConfig& config, Eigen::Index n) {
  if (config.descent.epochs == 0) return LogTime::parse(config.descent.until, "descent.until");
  const std::uint64_t batches = steps_of_epoch(static_cast<std::size_t>(n), batch_size(config, n));
  const auto epochs = static_cast<std::uint64_t>(config.descent.epochs);
  if (epochs > LogTime::largest_step / batches) {
    throw InputError("descent.epochs",
                     fmt::format("{} epochs of {} batches are more than 2^53 (about 9e15) steps; "
                                 "choose fewer",
                                 epochs, batches));
  }
  return epochs * batches;
}

std::vector<LogTime> recorded_steps(const RunConfig& config, Eigen::Index n) {
  std::vector<LogTime> at;
  for (const auto& time : config.record.at) at.push_back(LogTime::parse(time, "record.at"));
  return record_steps(last_time(config, n), static_cast<unsigned>(config.record.per_decade), at,
                      static_cast<std::uint64_t>(config.record.every));
}

}  // namespace latetime
