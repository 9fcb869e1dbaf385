#include <span>

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/array_file.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/sweep/plan.hpp"

namespace latetime {
namespace {

using Hash = boost::uuids::name_generator_sha1;

Hash hash() {
  return Hash(boost::uuids::ns::url());
}

std::string hash_of(std::span<const double> values) {
  return boost::uuids::to_string(hash()(values.data(), values.size_bytes()));
}

/// Hash of the samples and labels that a configuration names; nothing where they follow from its
/// own values.
std::string data_hash(const RunConfig& config) {
  if (config.data.source != DataSource::file && !config.data.is_images()) return "";
  const Dataset data = load_two_classes(config, "sweeps are");
  std::vector<double> labels;
  for (Eigen::Index i = 0; i < data.size(); ++i) labels.push_back(data.label(i));
  const std::span<const double> x(data.x.data(), static_cast<std::size_t>(data.x.size()));
  const std::string training = hash_of(x) + " " + hash_of(labels);
  const auto test = held_out_of(config, data).test;
  if (!test) return training;
  std::vector<double> test_labels;
  for (Eigen::Index i = 0; i < test->size(); ++i) test_labels.push_back(test->label(i));
  const std::span<const double> test_x(test->x.data(), static_cast<std::size_t>(test->x.size()));
  return training + " " + hash_of(test_x) + " " + hash_of(test_labels);
}

std::string weights_hash(const std::string& file) {
  return file.empty() ? "" : hash_of(read_array(file).values);
}

}  // namespace

std::string PointKeys::remembered(const std::string& name,
                                  const std::function<std::string()>& compute) {
  const std::lock_guard lock(mutex_);
  const auto place = known_.find(name);
  if (place != known_.end()) return place->second;
  return known_[name] = compute();
}

std::string PointKeys::of(const RunConfig& config) {
  std::string text = fmt::format("latetime {} points {}\n", LATETIME_VERSION, points_version);
  // What says which samples a file gives: its section, and the seed, which draws images.
  std::string data = fmt::format("seed = {}\n", config.seed);
  for (const FieldValue& field : field_values(config)) {
    const std::string line = field.name + " = " + field.value + "\n";
    if (field.name.starts_with("data.")) data += line;
    if (!field.is_file) text += line;
  }
  if (config.data.source == DataSource::file || config.data.is_images()) {
    text += remembered(data, [&] { return data_hash(config); });
  }
  const std::string& weights = config.network.initial_weights;
  if (!weights.empty()) {
    text += remembered("weights " + weights, [&] { return weights_hash(weights); });
  }
  return boost::uuids::to_string(hash()(text));
}

}  // namespace latetime
