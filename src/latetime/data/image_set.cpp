#include "latetime/data/image_set.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/random.hpp"
#include "latetime/data/class_grouping.hpp"
#include "latetime/data/file_bytes.hpp"
#include "latetime/data/idx.hpp"

namespace latetime {
namespace fs = std::filesystem;
namespace {

/// The file, or its gzip form. Throws InputError that says how to get it.
std::string find_image_file(const ImageSetOptions& options, const std::string& name) {
  const bool cached = options.folder.empty();
  const fs::path folder =
      cached ? fs::path(image_cache_folder()) / text_of(options.name) : fs::path(options.folder);
  std::error_code error;
  for (const char* suffix : {"", ".gz"}) {
    const fs::path path = folder / (name + suffix);
    if (fs::exists(path, error)) return path.string();
  }
  throw InputError((folder / name).string(),
                   cached ? "no such file; run scripts/fetch-data"
                          : "no such file, nor .gz; run scripts/fetch-data and leave data.folder "
                            "empty, or set data.folder to the folder of the IDX files");
}

/// What the names of the split's files begin with.
std::string prefix_of(ImageSplit split) {
  return split == ImageSplit::train ? "train" : "t10k";
}

std::string images_file(ImageSplit split) {
  return prefix_of(split) + "-images-idx3-ubyte";
}

IdxImages read_images(const ImageSetOptions& options, ImageSplit split) {
  return read_idx_images(find_image_file(options, images_file(split)));
}

std::vector<std::uint8_t> read_labels(const ImageSetOptions& options, std::size_t count) {
  const std::string path =
      find_image_file(options, prefix_of(options.split) + "-labels-idx1-ubyte");
  std::vector<std::uint8_t> labels = read_idx_labels(path);
  if (labels.size() != count) {
    throw InputError(
        path, fmt::format("{} labels for {} images; fetch both files anew", labels.size(), count));
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (labels[i] > 9) {
      throw InputError(path, fmt::format("label {} is {}; labels must be 0 to 9, fetch the file "
                                         "anew",
                                         i, labels[i]));
    }
  }
  return labels;
}

/// File positions of the chosen images, ascending.
std::vector<std::size_t> choose_images(const ImageSetOptions& options,
                                       const ClassGrouping& grouping,
                                       const std::vector<std::uint8_t>& labels) {
  std::vector<std::size_t> eligible;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (grouping.class_of[labels[i]] != ClassGrouping::left_out) eligible.push_back(i);
  }
  if (eligible.empty()) {
    throw InputError("data.classes",
                     fmt::format("no image belongs to \"{}\"; name other digits", options.classes));
  }
  if (options.n > eligible.size()) {
    throw InputError("data.n", fmt::format("{} samples wanted, {} images available ({} {}, classes "
                                           "\"{}\"); lower data.n",
                                           options.n, eligible.size(), text_of(options.name),
                                           word_of(options.split), options.classes));
  }
  if (options.n == 0 || options.n == eligible.size()) return eligible;
  RandomStream stream(options.seed, RandomPurpose::subset);
  const auto order = stream.permutation(static_cast<std::uint32_t>(eligible.size()));
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < options.n; ++i) chosen.push_back(eligible[order[i]]);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

/// Value of each of the 256 pixel bytes.
using PixelTable = std::array<double, 256>;

PixelTable unit_table() {
  PixelTable table;
  for (std::size_t v = 0; v < table.size(); ++v) table[v] = static_cast<double>(v) / 255.0;
  return table;
}

/// Mean and variance come from exact integer sums, so the order of the pixels does not matter.
PixelTable standardized_table(const std::vector<std::uint8_t>& training_pixels) {
  const auto [least, greatest] =
      std::minmax_element(training_pixels.begin(), training_pixels.end());
  if (least == training_pixels.end() || *least == *greatest) {
    throw InputError("data.pixels", "the training images are constant; choose \"unit\"");
  }
  std::uint64_t sum = 0, squares = 0;
  for (const std::uint64_t v : training_pixels) {
    sum += v;
    squares += v * v;
  }
  const auto count = static_cast<double>(training_pixels.size());
  const double mean = static_cast<double>(sum) / count;
  const double variance = static_cast<double>(squares) / count - mean * mean;
  PixelTable table;
  for (std::size_t v = 0; v < table.size(); ++v) {
    table[v] = (static_cast<double>(v) - mean) / std::sqrt(variance);
  }
  return table;
}

Matrix gather(const IdxImages& images, const std::vector<std::size_t>& chosen,
              const PixelTable& table) {
  const std::size_t dim = images.rows * images.cols;
  Matrix x(static_cast<Eigen::Index>(chosen.size()), static_cast<Eigen::Index>(dim));
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const std::uint8_t* image = images.pixels.data() + chosen[i] * dim;
    double* row = x.data() + i * dim;
    for (std::size_t j = 0; j < dim; ++j) row[j] = table[image[j]];
  }
  return x;
}

void normalize_rows(Eigen::Map<Matrix> x, const std::vector<std::size_t>& chosen) {
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    const double norm = x.row(i).norm();
    if (norm == 0.0) {
      throw InputError("data.normalize",
                       fmt::format("image {} of the file is zero{} and cannot be scaled to unit "
                                   "norm; set data.normalize = false",
                                   chosen[static_cast<std::size_t>(i)],
                                   x.rows() == 1 ? " (centring one sample leaves nothing)" : ""));
    }
    x.row(i) /= norm;
  }
}

}  // namespace

std::string image_cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value ? value : "");
  };
  if (const fs::path own = variable("LATETIME_DATA"); !own.empty()) return own.string();
  if (const fs::path cache = variable("XDG_CACHE_HOME"); !cache.empty()) {
    return (cache / "latetime").string();
  }
  const fs::path home = variable("HOME");
  if (home.empty()) {
    throw InputError("LATETIME_DATA", "no folder for image sets; set this environment variable");
  }
  return (home / ".cache" / "latetime").string();
}

Dataset load_image_set(const ImageSetOptions& options) {
  const ClassGrouping grouping = parse_classes(options.classes);
  const IdxImages images = read_images(options, options.split);
  const std::vector<std::uint8_t> labels = read_labels(options, images.count);
  if (images.pixels.empty()) {
    throw InputError(find_image_file(options, images_file(options.split)),
                     "holds no pixels; fetch the file anew");
  }
  const std::vector<std::size_t> chosen = choose_images(options, grouping, labels);
  PixelTable table = unit_table();
  if (options.pixels == PixelScaling::standardized) {
    table = options.split == ImageSplit::train
                ? standardized_table(images.pixels)
                : standardized_table(read_images(options, ImageSplit::train).pixels);
  }
  Dataset data{
      .x = gather(images, chosen, table),
      .classes = {},
      .class_count = grouping.class_count,
      .origin = fmt::format("{} {}, classes {}, {} images, seed {}", text_of(options.name),
                            word_of(options.split), options.classes, chosen.size(), options.seed)};
  for (const std::size_t i : chosen) data.classes.push_back(grouping.class_of[labels[i]]);
  if (options.center) {
    data.subtracted = options.mean;
    if (data.subtracted.size() == 0) data.subtracted = data.x.colwise().mean();
    if (data.subtracted.size() != data.dim()) {
      throw InputError("data.center",
                       fmt::format("images of {} pixels, and a mean of {}; fetch all "
                                   "four files of one set",
                                   data.dim(), data.subtracted.size()));
    }
    data.x.edit().rowwise() -= data.subtracted.transpose();
  }
  if (options.normalize) normalize_rows(data.x.edit(), chosen);
  return data;
}

}  // namespace latetime
