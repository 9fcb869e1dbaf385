#include "latetime/experiment/stored_run.hpp"

#include <cmath>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/file_bytes.hpp"
#include "latetime/data/labels.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/store/run_directory.hpp"
#include "latetime/store/training_folder.hpp"

namespace latetime {
namespace {

std::shared_ptr<const ArrayReader> open_result(const std::string& folder) {
  const RunDirectory directory = RunDirectory::open(folder);
  refuse_training(folder);
  auto file = directory.read_result();
  if (!file) {
    throw InputError(directory.file("result.h5"),
                     "is missing: the run was stopped before its first record; use run --resume");
  }
  return file;
}

}  // namespace

StoredRun::StoredRun(const std::string& directory)
    : StoredRun(open_result(directory), RunDirectory::open(directory).file("result.h5"),
                directory) {}

StoredRun::StoredRun(const ArrayReader& arrays, const std::string& origin)
    : StoredRun(std::shared_ptr<const ArrayReader>(&arrays, [](const ArrayReader*) {}), origin,
                "") {}

StoredRun::StoredRun(std::shared_ptr<const ArrayReader> arrays, const std::string& path,
                     const std::string& folder)
    : path_(path),
      arrays_(std::move(arrays)),
      sizes_(read_sizes(*arrays_, path_)),
      config_(parse_config(read<Provenance>().config, path_ + ":/provenance/config", folder)),
      beginning_(read<RunBeginning>()),
      data_(data_of(beginning_)),
      last_(read<FinalState>()) {
  if (sizes_.width != width()) {
    fail(fmt::format("/network/initial_weights has {} neurons a class where {} are needed",
                     sizes_.width, width()));
  }
  beginning_.x = {};  // data_ holds them
  beginning_.test_x = {};
}

NetworkShape StoredRun::shape() const {
  return shape_of(config_.network, data_.dim(), static_cast<int>(sizes_.classes));
}

Network StoredRun::initial() const {
  return {shape(), Eigen::Map<const Matrix>(beginning_.initial_weights.data(), shape().neurons(),
                                            data_.dim())};
}

LogTime StoredRun::final_time() const {
  const StoredTime& time = last_.time;
  if (time.step >= 0.0 && time.step <= static_cast<double>(LogTime::largest_step)) {
    return static_cast<std::uint64_t>(time.step);
  }
  if (!std::isfinite(time.log10_t)) fail("/final has no time");
  return LogTime::from_log10(time.log10_t);
}

Matrix StoredRun::pairs(const std::vector<double>& entries) const {
  return Eigen::Map<const Matrix>(entries.data(), shape().neurons(), data_.size());
}

std::vector<LogTime> StoredRun::record_times() const {
  const auto steps = file().read_doubles("/records/step"),
             logs = file().read_doubles("/records/log_t");
  if (steps.size() != logs.size()) fail("/records/step and log_t differ in length");
  std::vector<LogTime> times;
  for (std::size_t at = 0; at < steps.size(); ++at) {
    const bool whole = steps[at] >= 0.0 && steps[at] <= static_cast<double>(LogTime::largest_step);
    if (!whole && !std::isfinite(logs[at])) fail("/records has an entry without a time");
    times.push_back(whole ? LogTime(static_cast<std::uint64_t>(steps[at]))
                          : LogTime::from_log(logs[at]));
  }
  return times;
}

std::uint64_t StoredRun::engine_step() const {
  const auto step = file().read_uint64("/engine/step");
  if (step.size() != 1) fail("/engine/step is no single number");
  return step.front();
}

std::size_t StoredRun::records() const {
  const ArrayShape shape = file().shape("/records/step");
  if (shape.size() != 1) fail("/records/step is no list of numbers");
  return shape.front();
}

std::vector<double> StoredRun::column(const std::string& name) const {
  const auto values = file().read_doubles("/records/" + name);
  if (values.size() != records()) {
    fail(fmt::format("/records/{} has {} entries, a number a record is needed", name,
                     values.size()));
  }
  return values;
}

EngineKind StoredRun::engine_of(const std::string& word, const char* where) const {
  if (const auto kind = choice_of<EngineKind>(word)) return *kind;
  fail(fmt::format("{} names \"{}\", which is none of {}", where, printable(word),
                   join(words_of<EngineKind>())));
}

EngineKind StoredRun::engine() const {
  return engine_of(file().read_string("/engine/name"), "/engine/name");
}

std::vector<EngineKind> StoredRun::record_engines() const {
  const auto words = file().read_strings("/records/engine");
  if (words.size() != records()) fail("/records/engine is too short");
  std::vector<EngineKind> engines;
  for (const std::string& word : words) engines.push_back(engine_of(word, "/records/engine"));
  return engines;
}

std::vector<Matrix> StoredRun::record_coefficients() const {
  const auto n = static_cast<std::size_t>(data_.size());
  const std::size_t records = this->records();
  if (file().shape("/records/coefficients") != ArrayShape{records, sizes_.classes, width(), n}) {
    fail("/records/coefficients has not one (K, m, n) a record");
  }
  const auto values = file().read_doubles("/records/coefficients");
  std::vector<Matrix> result;
  for (std::size_t at = 0; at < records; ++at) {
    result.emplace_back(Eigen::Map<const Matrix>(values.data() + at * sizes_.classes * width() * n,
                                                 shape().neurons(), data_.size()));
  }
  return result;
}

Dataset StoredRun::data_of(const RunBeginning& beginning) const {
  const auto n = static_cast<Eigen::Index>(sizes_.samples),
             d = static_cast<Eigen::Index>(sizes_.dim);
  Dataset data = make_dataset(Eigen::Map<const Matrix>(beginning.x.data(), n, d),
                              Eigen::Map<const Vector>(beginning.y.data(), n), path_ + ":/data/x",
                              path_ + ":/data/y", "");
  if (data.class_count != static_cast<int>(sizes_.classes)) {
    fail(fmt::format("/data/y has labels of {} classes, /network/initial_weights those of {}",
                     data.class_count, sizes_.classes));
  }
  if (!beginning.clean_y.empty()) {
    data.clean_classes = two_classes(labels_of(beginning.clean_y), "", path_ + ":/data/clean_y");
  }
  return data;
}

HeldOut StoredRun::held_out() const {
  HeldOut held_out{.test = {}, .population = population_of(config_)};
  if (sizes_.tests == 0) return held_out;
  const auto run = read<RunBeginning>();
  const auto count = static_cast<Eigen::Index>(sizes_.tests),
             d = static_cast<Eigen::Index>(sizes_.dim);
  held_out.test = make_dataset(Eigen::Map<const Matrix>(run.test_x.data(), count, d),
                               Eigen::Map<const Vector>(run.test_y.data(), count),
                               path_ + ":/data/test_x", path_ + ":/data/test_y", "");
  return held_out;
}

void StoredRun::fail(const std::string& problem) const {
  throw InputError(path_, problem + "; the file is damaged, run again into another folder");
}

}  // namespace latetime
