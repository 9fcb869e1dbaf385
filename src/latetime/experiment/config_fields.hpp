#pragma once

// The one list of configuration keys. File reading, writing, help and every other face of the
// configuration visit it, so that they cannot drift apart.

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "latetime/experiment/config.hpp"

namespace latetime {

/// What a value must satisfy beyond its type.
struct FieldRule {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool above_min = false;  ///< min itself is not allowed
  bool below_max = false;  ///< nor max
  bool is_file = false;    ///< file name, relative to the configuration's folder
  /// Empty when the key has a meaning in this configuration, else what it belongs to.
  std::function<std::string(const RunConfig&)> belongs_to = [](const RunConfig&) {
    return std::string();
  };
};

inline auto only_for_sources(std::vector<DataSource> sources) {
  return [sources = std::move(sources)](const RunConfig& config) -> std::string {
    std::string list;
    for (const DataSource source : sources) {
      if (source == config.data.source) return {};
      list += (list.empty() ? "data.source = \"" : ", \"") + word_of(source) + "\"";
    }
    return list;
  };
}

inline std::string only_for_sgd(const RunConfig& config) {
  return config.descent.method == Method::stochastic ? "" : "descent.method = \"sgd\"";
}

inline std::string not_for_sgd(const RunConfig& config) {
  return config.descent.method == Method::stochastic ? "descent.method = \"gd\" or \"flow\"" : "";
}

inline std::string only_with_population(const RunConfig& config) {
  const bool mixture = config.data.source == DataSource::gaussian_mixture;
  if (mixture && config.data.measures_errors()) return "";
  return "a Gaussian mixture and data.test_n or data.label_noise above 0";
}

constexpr double largest_count = 9e15;  // below 2^53

/// The sections of visit_fields().
template <class Config, class Visitor>
void visit_data(Config& config, Visitor& visit) {
  using enum DataSource;
  const std::vector<DataSource> synthetic{gaussian_mixture, orthogonal, near_orthogonal,
                                          symmetric_separable};
  std::vector<DataSource> sized = synthetic;
  sized.insert(sized.end(), {mnist, fashion_mnist});
  std::vector<DataSource> with_dimension = synthetic;
  with_dimension.push_back(DataSource::file);

  visit("data", "source", config.data.source, "where the samples come from", FieldRule{});
  visit("data", "n", config.data.n, "samples (images: 0 takes all that the classes leave)",
        FieldRule{.min = 0, .max = largest_count, .belongs_to = only_for_sources(sized)});
  visit("data", "d", config.data.d, "dimension of a sample (files: 0 takes what the file has)",
        FieldRule{.min = 0, .max = largest_count, .belongs_to = only_for_sources(with_dimension)});
  visit("data", "signal_std", config.data.signal_std, "standard deviation of the mean's entries",
        FieldRule{.min = 0, .belongs_to = only_for_sources({gaussian_mixture})});
  visit(
      "data", "noise_std", config.data.noise_std, "standard deviation of the noise",
      FieldRule{.min = 0, .belongs_to = only_for_sources({gaussian_mixture, symmetric_separable})});
  visit("data", "sample_norm", config.data.sample_norm, "Euclidean norm of every sample",
        FieldRule{.min = 0,
                  .above_min = true,
                  .belongs_to = only_for_sources({orthogonal, near_orthogonal})});
  visit("data", "inner_product", config.data.inner_product,
        "p, the largest |<x_i, x_k>| of two samples",
        FieldRule{.min = 0, .belongs_to = only_for_sources({near_orthogonal})});
  visit("data", "margin", config.data.margin, "least y <v, x> along the separating direction v",
        FieldRule{
            .min = 0, .above_min = true, .belongs_to = only_for_sources({symmetric_separable})});
  visit("data", "x", config.data.x,
        "samples, n x d: .npy, .npz:name, .csv, .h5:/path, .mat:/path, LIBSVM",
        FieldRule{.is_file = true, .belongs_to = only_for_sources({DataSource::file})});
  visit("data", "y", config.data.y,
        "labels, n of two values, or classes 0, 1, ..., K-1: the same formats; empty: in the file "
        "of x",
        FieldRule{.is_file = true, .belongs_to = only_for_sources({DataSource::file})});
  visit("data", "positive", config.data.positive,
        "the label that counts as +1, the other as -1; empty: labels are +1 and -1",
        FieldRule{.belongs_to = only_for_sources({DataSource::file})});
  visit("data", "label_column", config.data.label_column,
        "column of the labels in a CSV file, y's or else x's: its header, or its number from 1 "
        "(-1: the last)",
        FieldRule{.belongs_to = only_for_sources({DataSource::file})});
  visit("data", "transpose", config.data.transpose, "x holds a sample a column, as d x n",
        FieldRule{.belongs_to = only_for_sources({DataSource::file})});
}

template <class Config, class Visitor>
void visit_images(Config& config, Visitor& visit) {
  const std::vector<DataSource> images{DataSource::mnist, DataSource::fashion_mnist};

  visit(
      "data", "classes", config.data.classes,
      "classes of images: \"even-odd\", \"0-4 vs 5-9\", \"3 vs 8\", the first is +1; \"all\": ten",
      FieldRule{.belongs_to = only_for_sources(images)});
  visit("data", "pixels", config.data.pixels, "unit: [0, 1]; standardized: mean 0, variance 1",
        FieldRule{.belongs_to = only_for_sources(images)});
  visit("data", "split", config.data.split, "which part of the image set",
        FieldRule{.belongs_to = only_for_sources(images)});
  visit("data", "center", config.data.center, "subtract the mean of the chosen images",
        FieldRule{.belongs_to = only_for_sources(images)});
  visit("data", "normalize", config.data.normalize, "scale every image to unit Euclidean norm",
        FieldRule{.belongs_to = only_for_sources(images)});
  visit("data", "folder", config.data.folder, "folder of the IDX files; empty: the cache",
        FieldRule{.is_file = true, .belongs_to = only_for_sources(images)});
}

/// What a network is judged by beside its training samples.
template <class Config, class Visitor>
void visit_held_out(Config& config, Visitor& visit) {
  using enum DataSource;

  visit("data", "label_noise", config.data.label_noise,
        "probability that a training label is flipped",
        FieldRule{.min = 0, .max = 0.5, .below_max = true});
  visit("data", "test_n", config.data.test_n,
        "test samples of the same source (0: none; latetime train: all test images)",
        FieldRule{.min = 0,
                  .max = largest_count,
                  .belongs_to = only_for_sources(
                      {gaussian_mixture, symmetric_separable, mnist, fashion_mnist})});
  visit("data", "test_x", config.data.test_x, "test samples: a file such as x",
        FieldRule{.is_file = true, .belongs_to = only_for_sources({DataSource::file})});
  visit("data", "test_y", config.data.test_y, "their labels; empty: in the file of test_x",
        FieldRule{.is_file = true, .belongs_to = only_for_sources({DataSource::file})});
  visit("data", "population_draws", config.data.population_draws,
        "Monte Carlo draws for population_error at a record; the limit takes ten times as many",
        FieldRule{.min = 1000, .max = 1e9, .belongs_to = only_with_population});
}

template <class Config, class Visitor>
void visit_network(Config& config, Visitor& visit) {
  visit("network", "width", config.network.width, "m, neurons of each class",
        FieldRule{.min = 1, .max = largest_count});
  visit("network", "slope", config.network.slope,
        "gamma, slope of the leaky ReLU: 0 is ReLU, 1 is linear", FieldRule{.min = 0, .max = 1});
  visit("network", "smoothing", config.network.smoothing,
        "h: the smoothed leaky ReLU, a parabola where |z| < h; 0: ReLU or leaky ReLU",
        FieldRule{.min = 0});
  visit("network", "init_std", config.network.init_std,
        "sigma_0, standard deviation of the initial weights", FieldRule{.min = 0});
  visit("network", "initial_weights", config.network.initial_weights,
        "file with initial weights, shape (2, m, d), instead of random ones",
        FieldRule{.is_file = true});
  visit("network", "head", config.network.head,
        "groups: second layer fixed; trained: a linear output layer, one hidden layer of m "
        "(latetime train)",
        FieldRule{});
  visit("network", "output_scale", config.network.output_scale,
        "factor before the sum of neurons; auto: 1/m, or 1 for a trained head (latetime train)",
        FieldRule{});
}

template <class Config, class Visitor>
void visit_descent(Config& config, Visitor& visit) {
  visit("descent", "method", config.descent.method,
        "gd: full-batch gradient descent; sgd: mini-batches; flow: gradient flow", FieldRule{});
  visit("descent", "learning_rate", config.descent.learning_rate, "eta, step size",
        FieldRule{.min = 0, .above_min = true});
  visit("descent", "loss", config.descent.loss,
        "logistic: log(1 + e^-u) of a margin u, the paper's; exponential: e^-u", FieldRule{});
  visit("descent", "until", config.descent.until, "last step, of any size: \"1e6\", \"1e100\"",
        FieldRule{});
  visit("descent", "epochs", config.descent.epochs,
        "passes over the data, instead of until; 0: until counts",
        FieldRule{.min = 0, .max = largest_count, .belongs_to = only_for_sgd});
  visit("descent", "batch_size", config.descent.batch_size, "samples of a mini-batch",
        FieldRule{.min = 1, .max = largest_count, .belongs_to = only_for_sgd});
  visit("descent", "engine", config.descent.engine, "how the descent is followed", FieldRule{});
  visit("descent", "tolerance", config.descent.tolerance,
        "of log loss and stable ranks, for choosing the hand-over to the late-time flow",
        FieldRule{.min = 0, .max = 0.1, .above_min = true, .belongs_to = not_for_sgd});
  visit("descent", "precision", config.descent.precision,
        "auto: float64, in latetime train float32", FieldRule{});
}

template <class Config, class Visitor>
void visit_record(Config& config, Visitor& visit) {
  visit("record", "per_decade", config.record.per_decade, "records for each factor 10 of steps",
        FieldRule{.min = 0, .max = 1e6});
  visit("record", "at", config.record.at, "steps that are recorded too", FieldRule{});
  visit("record", "every", config.record.every, "record every so many steps too; 0: do not",
        FieldRule{.min = 0, .max = largest_count});
}

/// Calls visitor(section, key, value, meaning, rule) for every key, in the order of the file
/// format.
template <class Config, class Visitor>
void visit_fields(Config& config, Visitor&& visit) {
  visit("", "seed", config.seed, "root of every random number of the run", FieldRule{.min = 0});
  visit_data(config, visit);
  visit_images(config, visit);
  visit_held_out(config, visit);
  visit_network(config, visit);
  visit_descent(config, visit);
  visit_record(config, visit);
}

}  // namespace latetime
