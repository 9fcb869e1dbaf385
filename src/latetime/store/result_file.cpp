#include "latetime/store/result_file.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/file_bytes.hpp"

namespace latetime {
namespace {

std::size_t size_of(Eigen::Index count) {
  return static_cast<std::size_t>(count);
}

std::span<const double> view(const Matrix& matrix) {
  return {matrix.data(), size_of(matrix.size())};
}

/// +1 and −1 of two classes, else their numbers.
std::vector<double> labels_of_classes(const std::vector<int>& classes, int class_count) {
  std::vector<double> labels;
  for (const int of_sample : classes) {
    labels.push_back(class_count > 2 ? of_sample : of_sample == 0 ? 1.0 : -1.0);
  }
  return labels;
}

std::vector<double> labels_of(const Dataset& data) {
  return labels_of_classes(data.classes, data.class_count);
}

/// Names of Spectra under /records.
std::vector<std::string> names_of_spectra(int groups) {
  std::vector<std::string> names;
  for (const std::string& name : group_names(groups)) names.push_back("singular_values_" + name);
  names.emplace_back("singular_values_all");
  return names;
}

/// (groups, width, columns): neurons ordered by group.
std::vector<std::size_t> neuron_shape(const NetworkShape& shape, Eigen::Index columns) {
  return {static_cast<std::size_t>(shape.groups), size_of(shape.width), size_of(columns)};
}

}  // namespace

void RecordArrays::add(const std::string& name, std::vector<std::size_t> entry_shape,
                       const double* values, std::size_t count) {
  Array& array = arrays_[name];
  array.entry_shape = std::move(entry_shape);
  array.values.insert(array.values.end(), values, values + count);
}

void RecordArrays::append(const Record& record, const TrainingState& state,
                          const NetworkShape& shape, bool keep_coefficients) {
  const auto& names = metrics_columns(record.errors.has_value(), record.groups());
  const auto values = metrics_values(record);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != engine_column) add(names[i], {}, &values[i], 1);
  }
  const Measures& m = record.measures;
  const Vector active = m.active_own.cast<double>();
  const std::size_t n = size_of(active.size());
  add("active_own", {n}, active.data(), n);
  add("rho_own_mean", {n}, m.rho_own_mean.data(), n);
  add("rho_other_mean", {n}, m.rho_other_mean.data(), n);
  if (keep_coefficients) {
    add("coefficients", neuron_shape(shape, state.coefficients.cols()), state.coefficients.data(),
        size_of(state.coefficients.size()));
  }
  const double log_t = record.time.log();
  add("log_t", {}, &log_t, 1);
  engines_.push_back(record.engine);
  times_.push_back(record.time);
}

void RecordArrays::append_spectra(const Spectra& spectra) {
  const std::vector<std::string> names = names_of_spectra(static_cast<int>(spectra.size()) - 1);
  for (std::size_t part = 0; part < spectra.size(); ++part) {
    const Vector& values = spectra[part];
    add(names[part], {size_of(values.size())}, values.data(), size_of(values.size()));
  }
}

std::vector<std::vector<std::string>> RecordArrays::rows() const {
  std::vector<std::vector<std::string>> rows(size());
  if (rows.empty()) return rows;  // before the first record there are no arrays
  const int groups = this->groups();
  const std::vector<std::string>& columns = metrics_columns(measures_errors(), groups);
  for (std::size_t column = 0; column < columns.size(); ++column) {
    const std::string& name = columns[column];
    const auto found = arrays_.find(name);
    if (name != engine_column &&
        (found == arrays_.end() || found->second.values.size() != size())) {
      throw InputError("result.h5", "/records/" + name +
                                        " is missing or of another length, it was made by another "
                                        "version; run anew into another folder");
    }
    for (std::size_t at = 0; at < size(); ++at) {
      rows[at].push_back(name == engine_column
                             ? word_of(engines_[at])
                             : metrics_field(column, found->second.values[at], groups));
    }
  }
  return rows;
}

int RecordArrays::groups() const {
  int count = 0;
  while (arrays_.contains(fmt::format("stable_rank_{}", count))) ++count;
  return std::max(2, count);
}

bool RecordArrays::measures_errors() const {
  return arrays_.contains(metrics_columns(true).back());
}

void RecordArrays::write(ArrayWriter& file) const {
  for (const auto& [name, array] : arrays_) {
    std::vector<std::size_t> shape{size()};
    shape.insert(shape.end(), array.entry_shape.begin(), array.entry_shape.end());
    file.write("/records/" + name, shape, std::span<const double>(array.values));
  }
  std::vector<std::string> engines;
  for (const EngineKind engine : engines_) engines.push_back(word_of(engine));
  file.write("/records/engine", engines);
}

namespace {

[[noreturn]] void damaged_records(const std::string& problem) {
  throw InputError("result.h5", problem + "; it is damaged, run anew into another folder");
}

/// Each is exact where it counts: the step up to 2^53, its logarithm beyond.
LogTime stored_time(double step, double log) {
  constexpr auto largest = static_cast<double>(LogTime::largest_step);
  if (step >= 0.0 && step <= largest) return static_cast<std::uint64_t>(step);
  if (!std::isnan(step) || !std::isfinite(log) || log < std::log(largest)) {
    damaged_records("/records has an entry without a time");
  }
  return LogTime::from_log(log);
}

}  // namespace

RecordArrays RecordArrays::read(const ArrayReader& file) {
  RecordArrays result;
  for (const std::string& engine : file.read_strings("/records/engine")) {
    const auto kind = choice_of<EngineKind>(engine);
    if (!kind) damaged_records("/records/engine names \"" + printable(engine) + "\"");
    result.engines_.push_back(*kind);
  }
  for (const std::string& path : file.numeric_datasets()) {
    constexpr std::string_view prefix = "/records/";
    if (!path.starts_with(prefix)) continue;
    const auto shape = file.shape(path);
    if (shape.empty() || shape.front() != result.size()) {
      damaged_records(path + " has not one entry a record");
    }
    Array& array = result.arrays_[path.substr(prefix.size())];
    array.entry_shape.assign(shape.begin() + 1, shape.end());
    array.values = file.read_doubles(path);
  }
  const auto& steps = result.arrays_["step"].values;
  const auto& logs = result.arrays_["log_t"].values;
  if (steps.size() != result.size() || logs.size() != result.size()) {
    damaged_records("/records/step or log_t is missing");
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    result.times_.push_back(stored_time(steps[i], logs[i]));
    if (i > 0 && !(result.times_[i - 1] < result.times_[i])) {
      damaged_records("/records has times that do not ascend");
    }
  }
  return result;
}

void RecordArrays::go_on_with(const NetworkShape& shape, Eigen::Index samples,
                              bool keep_coefficients, bool errors) {
  if (size() == 0) return;
  const std::vector<std::size_t> of_samples{size_of(samples)};
  std::map<std::string, std::vector<std::size_t>> wanted{
      {"log_t", {}},
      {"active_own", of_samples},
      {"rho_own_mean", of_samples},
      {"rho_other_mean", of_samples},
  };
  for (const std::string& name : names_of_spectra(shape.groups)) {
    wanted[name] = {size_of(std::min(shape.width, shape.dim))};
  }
  wanted["singular_values_all"] = {size_of(std::min(shape.neurons(), shape.dim))};
  for (const std::string& name : metrics_columns(errors, shape.groups)) {
    if (name != engine_column) wanted[name] = {};
  }
  if (keep_coefficients) {
    wanted["coefficients"] = neuron_shape(shape, samples);
  } else {
    arrays_.erase("coefficients");
  }
  for (const auto& [name, entry_shape] : wanted) {
    const auto found = arrays_.find(name);
    if (found == arrays_.end() || found->second.entry_shape != entry_shape) {
      damaged_records("/records/" + name + " is missing or of another shape");
    }
  }
  for (const auto& [name, array] : arrays_) {
    if (!wanted.contains(name)) damaged_records("/records/" + name + " is none that runs write");
  }
}

std::string describe_machine() {
  std::ifstream info("/proc/cpuinfo");
  std::string line, model = "unknown processor";
  while (std::getline(info, line)) {
    if (line.starts_with("model name")) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
  return fmt::format("{}, {} cores", model, std::thread::hardware_concurrency());
}

void require_same_beginning(const ArrayReader& earlier, const Dataset& data, const Network& initial,
                            const HeldOut& held_out) {
  const std::vector<double> labels = labels_of(data);
  const auto require = [&](const char* name, const char* what, std::span<const double> now) {
    const auto before = earlier.read_doubles(name);
    if (std::equal(before.begin(), before.end(), now.begin(), now.end())) return;
    throw InputError("result.h5",
                     fmt::format("was begun with other {} than those of now; resume with the same, "
                                 "which it holds as {}, or run anew into another folder",
                                 what, name));
  };
  require("/data/x", "samples", view(data.x));
  require("/data/y", "labels", labels);
  require("/network/initial_weights", "initial weights", view(initial.weights));
  if (held_out.test) {
    require("/data/test_x", "test samples", view(held_out.test->x));
    require("/data/test_y", "test labels", labels_of(*held_out.test));
  }
}

namespace {

RunBeginning beginning_of(const Dataset& data, const Network& initial, const HeldOut& held_out) {
  RunBeginning beginning{.x = entries_of(data.x),
                         .y = labels_of(data),
                         .initial_weights = entries_of(initial.weights)};
  if (!data.clean_classes.empty()) {
    beginning.clean_y = labels_of_classes(data.clean_classes, data.class_count);
  }
  if (held_out.test) {
    beginning.test_x = entries_of(held_out.test->x);
    beginning.test_y = labels_of(*held_out.test);
  }
  if (held_out.population) beginning.mean = entries_of(held_out.population->mixture.mean);
  return beginning;
}

}  // namespace

void write_run(ArrayWriter& file, const Dataset& data, const Network& initial,
               const TrainingState& latest, std::vector<std::uint64_t> last_switch_record,
               const Outcome& outcome, const Provenance& provenance, const HeldOut& held_out) {
  RunSizes sizes = sizes_of(initial.shape, data.size());
  if (held_out.test) sizes.tests = size_of(held_out.test->size());
  write_group(file, beginning_of(data, initial, held_out), sizes);
  write_group(
      file,
      FinalState{.weights = entries_of(latest.weights),
                 .preactivations = entries_of(latest.preactivations),
                 .coefficients = entries_of(latest.coefficients),
                 .rho = entries_of(data_correlated_coefficients(latest.coefficients, data.x)),
                 .time = StoredTime::of(latest.time),
                 .last_switch_record = std::move(last_switch_record)},
      sizes);
  write_group(file,
              RunEnd{.reason = outcome.reason,
                     .message = outcome.message,
                     .time = StoredTime::of(outcome.time)},
              sizes);
  write_group(file, provenance, sizes);
}

}  // namespace latetime
