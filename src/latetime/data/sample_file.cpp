#include "latetime/data/sample_file.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/array_file.hpp"
#include "latetime/data/labels.hpp"

namespace latetime {
namespace {

/// A table that holds a column of labels is not taken for samples alone.
void refuse_label_columns(const std::vector<std::string>& header,
                          const SampleFileOptions& options) {
  const auto found = std::find_if(header.begin(), header.end(), is_label_name);
  if (found == header.end()) return;
  const bool is_set = options.label_column == *found;
  const bool of_y = is_set && may_hold_labels(options.y);
  throw InputError(
      options.x,
      fmt::format("column {} is named \"{}\"; leave out data.y{}, or write the samples alone{}",
                  found - header.begin() + 1, *found,
                  is_set ? "" : fmt::format(" and set data.label_column = \"{}\"", *found),
                  is_set && !of_y ? ", without data.label_column" : ""));
}

/// Samples in columns: the count of labels is that of the file's columns.
void require_columns(const Matrix& x, const Labels& labels, const SampleFileOptions& options) {
  const auto n = static_cast<std::size_t>(x.rows()), d = static_cast<std::size_t>(x.cols());
  if (!options.transpose || labels.size() == n) return;
  throw InputError(
      options.y,
      fmt::format("{} labels for the {} columns of {}, each a sample by data.transpose = true; {}",
                  labels.size(), n, options.x,
                  labels.size() == d ? fmt::format("as it has {} rows, leave out data.transpose", d)
                                     : "give one a column"));
}

[[noreturn]] void refuse_without_labels(const SampleFileOptions& options,
                                        const std::vector<std::string>& header) {
  const auto found = std::find_if(header.begin(), header.end(), is_label_name);
  const std::string column = found == header.end() ? "its header, or its number from 1" : *found;
  throw InputError("data.y",
                   fmt::format("is missing, the labels of {}; name their file{}", options.x,
                               header.empty() && !may_hold_labels(options.x)
                                   ? ""
                                   : fmt::format(", or set data.label_column = \"{}\"", column)));
}

Matrix matrix_of(const NumericArray& array, const SampleFileOptions& options) {
  require_matrix(array.shape, options.x);
  const Eigen::Map<const Matrix> stored(array.values.data(),
                                        static_cast<Eigen::Index>(array.shape[0]),
                                        static_cast<Eigen::Index>(array.shape[1]));
  if (options.transpose) return stored.transpose();
  return stored;
}

void require_features(const Matrix& x, const SampleFileOptions& options) {
  const auto d = static_cast<std::size_t>(x.cols());
  if (options.features == 0 || d == options.features) return;
  throw InputError("data.d", fmt::format("is {}, {} has {} features; set it to that, or leave it "
                                         "out",
                                         options.features, options.x, d));
}

}  // namespace

Dataset load_sample_files(const SampleFileOptions& options) {
  const bool own_labels = options.y.empty();
  if (own_labels && options.transpose) {
    throw InputError("data.transpose",
                     "labels in the file of x belong to its rows; name their own file, data.y");
  }
  LabelledArray samples = read_labelled(options.x, own_labels ? options.label_column : "",
                                        options.transpose ? 0 : options.features);
  if (own_labels && !samples.has_labels) refuse_without_labels(options, samples.header);
  if (!own_labels && samples.has_labels) samples.labels = {};
  if (!own_labels) refuse_label_columns(samples.header, options);
  Matrix x = matrix_of(samples.x, options);
  samples.x = {};
  require_features(x, options);
  if (own_labels) {
    return make_dataset(std::move(x), samples.labels, options.positive, options.x, options.x,
                        options.x);
  }
  const Labels labels =
      read_labels(options.y, options.label_column, static_cast<std::size_t>(x.rows()));
  require_columns(x, labels, options);
  return make_dataset(std::move(x), labels, options.positive, options.x, options.y,
                      options.x + ", " + options.y);
}

}  // namespace latetime
