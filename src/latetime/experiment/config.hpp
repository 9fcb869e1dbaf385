#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "latetime/base/choice.hpp"
#include "latetime/data/image_set.hpp"
#include "latetime/model/classifier.hpp"
#include "latetime/model/loss.hpp"
#include "latetime/model/method.hpp"

namespace latetime {

enum class DataSource {
  gaussian_mixture,
  orthogonal,
  near_orthogonal,
  symmetric_separable,
  file,
  mnist,
  fashion_mnist
};

template <>
struct ChoiceTable<DataSource> {
  static constexpr std::array<ChoiceWord<DataSource>, 7> words{
      {{DataSource::gaussian_mixture, "gaussian-mixture"},
       {DataSource::orthogonal, "orthogonal"},
       {DataSource::near_orthogonal, "near-orthogonal"},
       {DataSource::symmetric_separable, "symmetric-separable"},
       {DataSource::file, "file"},
       {DataSource::mnist, text_of(ImageSetName::mnist)},
       {DataSource::fashion_mnist, text_of(ImageSetName::fashion_mnist)}}};
};

enum class Precision {
  automatic,  ///< float64, in latetime train float32
  float64,
  float32
};

template <>
struct ChoiceTable<Precision> {
  static constexpr std::array<ChoiceWord<Precision>, 3> words{{{Precision::automatic, "auto"},
                                                               {Precision::float64, "float64"},
                                                               {Precision::float32, "float32"}}};
};

struct DataConfig {
  DataSource source = DataSource::gaussian_mixture;
  std::int64_t n = 10;
  std::int64_t d = 784;
  double signal_std = 0.01;
  double noise_std = 1.0;
  double sample_norm = 1.0;
  double inner_product = 0.01;
  double margin = 1.0;
  std::string x;
  std::string y;
  std::string positive;
  std::string label_column;
  bool transpose = false;
  std::string classes = "even-odd";
  PixelScaling pixels = PixelScaling::unit;
  ImageSplit split = ImageSplit::train;
  bool center = false;
  bool normalize = false;
  std::string folder;
  double label_noise = 0.0;
  std::int64_t test_n = 0;
  std::string test_x;
  std::string test_y;
  std::int64_t population_draws = 20'000;

  /// Whether a run measures errors: where there are test samples or flipped labels.
  bool measures_errors() const { return test_n > 0 || !test_x.empty() || label_noise > 0.0; }
  bool is_images() const {
    return source == DataSource::mnist || source == DataSource::fashion_mnist;
  }
};

struct NetworkConfig {
  std::int64_t width = 100;
  double slope = 0.1;
  double smoothing = 0.0;
  double init_std = 1e-3;
  std::string initial_weights;
  Head head = Head::groups;
  OutputScale output_scale = OutputScale::automatic;
};

struct DescentConfig {
  Method method = Method::gradient_descent;
  double learning_rate = 0.1;
  LossName loss = LossName::logistic;
  std::string until = "1e5";
  std::int64_t epochs = 0;
  std::int64_t batch_size = 64;
  EngineChoice engine = EngineChoice::automatic;
  double tolerance = 1e-8;
  Precision precision = Precision::automatic;
};

struct RecordConfig {
  std::int64_t per_decade = 4;
  std::vector<std::string> at;
  std::int64_t every = 0;
};

/// A run as its configuration file describes it. Field by field what the file format, the command
/// line's --set and the complete config.toml of a run directory hold; see config_fields().
struct RunConfig {
  std::int64_t seed = 1;
  DataConfig data;
  NetworkConfig network;
  DescentConfig descent;
  RecordConfig record;
};

/// One key of the configuration, for help texts and for other languages.
struct FieldDescription {
  std::string section;  ///< empty for the top level
  std::string key;
  std::string default_value;  ///< as TOML
  std::string meaning;
  std::string type;                      ///< "integer", "number", "flag", "text", or "texts"
  bool is_file = false;                  ///< the text names a file
  std::vector<std::string> one_of = {};  ///< all values there are; empty: no such list

  /// "section.key"; of the top level, the key.
  std::string name() const { return section.empty() ? key : section + "." + key; }
};
std::vector<FieldDescription> describe_fields();

/// A key that has a meaning in a configuration, with its value.
struct FieldValue {
  std::string name;   ///< "section.key"
  std::string value;  ///< as TOML
  bool is_file = false;
};
/// All of them, in the order of the file format: the configuration itself, without comments.
std::vector<FieldValue> field_values(const RunConfig& config);

/// Reads a configuration file and then applies `overrides` ("section.key=value"). File names in it
/// are taken relative to the file's folder. Throws InputError, naming file and key, for syntax
/// errors, unknown keys (with the nearest known one), wrong types, impossible values, and keys that
/// do not belong to the chosen source or method.
RunConfig read_config(const std::string& path, std::span<const std::string> overrides = {});

/// The same from TOML text; `origin` names it in messages, relative file names are taken from
/// `folder`.
RunConfig parse_config(const std::string& text, const std::string& origin,
                       const std::string& folder, std::span<const std::string> overrides = {});

/// Complete TOML text: every key that applies, with its value and a comment.
std::string to_toml(const RunConfig& config);

/// Name of the first key in which the two configurations differ, except the length of the run
/// (descent.until, descent.epochs); empty when there is none.
std::string first_difference(const RunConfig& a, const RunConfig& b);

}  // namespace latetime
