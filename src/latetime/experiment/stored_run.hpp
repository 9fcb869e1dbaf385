#pragma once

#include <memory>
#include <string>
#include <vector>

#include "latetime/base/hdf5_file.hpp"
#include "latetime/base/log_time.hpp"
#include "latetime/data/dataset.hpp"
#include "latetime/experiment/config.hpp"
#include "latetime/measure/errors.hpp"
#include "latetime/model/problem.hpp"
#include "latetime/store/run_schema.hpp"

namespace latetime {

/// What the result.h5 of a run's folder knows of the run: read on demand, every array held to the
/// size that it must have. All members throw InputError, naming the file, where it is damaged.
class StoredRun {
 public:
  /// Throws InputError for a folder without a run or without result.h5.
  explicit StoredRun(const std::string& directory);
  /// Of arrays in memory, which must outlive this; `origin` names them in messages.
  StoredRun(const ArrayReader& arrays, const std::string& origin);

  const ArrayReader& file() const { return *arrays_; }
  const std::string& path() const { return path_; }  ///< of result.h5
  const RunConfig& config() const { return config_; }
  const Dataset& data() const { return data_; }
  /// What it was judged by: nothing where it measured no errors.
  HeldOut held_out() const;
  NetworkShape shape() const;
  Network initial() const;
  /// What it descends on.
  Problem problem() const {
    return {data_, initial(), config_.descent.learning_rate, loss_named(config_.descent.loss)};
  }

  const FinalState& last() const { return last_; }
  LogTime final_time() const;
  /// A group of run_schema.hpp.
  template <class Group>
  Group read() const {
    return read_group<Group>(file(), path_, sizes_);
  }
  /// An array (2, m, n) as neurons × n.
  Matrix pairs(const std::vector<double>& entries) const;

  /// That made the last state.
  EngineKind engine() const;
  std::vector<LogTime> record_times() const;
  /// The step that exact engines have come to: where the late-time flow began, if it did.
  std::uint64_t engine_step() const;
  std::size_t records() const;
  /// A number a record; NaN where there is none.
  std::vector<double> column(const std::string& name) const;
  std::vector<EngineKind> record_engines() const;
  /// Coefficients of record `index`, neurons × n; empty when they were too large to be kept.
  bool keeps_coefficients() const { return file().exists("/records/coefficients"); }
  std::vector<Matrix> record_coefficients() const;

 private:
  std::size_t width() const { return static_cast<std::size_t>(config_.network.width); }
  StoredRun(std::shared_ptr<const ArrayReader> arrays, const std::string& path,
            const std::string& folder);
  Dataset data_of(const RunBeginning& beginning) const;
  EngineKind engine_of(const std::string& word, const char* where) const;
  [[noreturn]] void fail(const std::string& problem) const;

  std::string path_;
  std::shared_ptr<const ArrayReader> arrays_;
  RunSizes sizes_;
  RunConfig config_;
  RunBeginning beginning_;
  Dataset data_;
  FinalState last_;
};

}  // namespace latetime
