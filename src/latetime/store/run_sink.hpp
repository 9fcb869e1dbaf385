#pragma once

#include <functional>
#include <string>
#include <vector>

#include "latetime/store/run_directory.hpp"

namespace latetime {

/// What a run directory holds, in memory.
struct RunMemory {
  std::string config;   ///< config.toml
  CsvTable metrics;     ///< metrics.csv
  ArrayArchive arrays;  ///< result.h5; empty before it is first written
};

/// Where a run goes while it is made.
struct RunSink {
  /// Adds a row to metrics.csv.
  std::function<void(const std::vector<std::string>& fields)> append_row;
  /// Replaces the arrays of result.h5 by what `fill` writes.
  std::function<void(const std::function<void(ArrayWriter&)>& fill)> write_result;
  /// Whether what is written outlives the process: then checkpoints are worth their time.
  bool lasting = true;
  /// Whether result.h5 is wanted at all: spectra and arrays of every record are for it alone.
  bool keeps_result = true;
  /// Whether every record is measured, not the last alone: then rows before it hold no more than
  /// times, engine and loss.
  bool measures_all = true;
};

RunSink sink_into(const RunDirectory& directory);
/// Refers to `memory`.
RunSink sink_into(RunMemory& memory);
/// The rows of metrics.csv alone, see RunSink::measures_all. Refers to `metrics`.
RunSink sink_into(CsvTable& metrics, bool measures_all);

/// Reads the folder of a run. Throws InputError when there is none, and for damaged files.
RunMemory read_run(const std::string& path);

/// The same of a folder of `latetime train`, which read_run refuses.
RunMemory read_training(const std::string& path);

/// Makes `path` the folder of this run, as the run itself would have made it. Throws InputError
/// when it already holds one, and when it cannot be written to.
void write_run(const RunMemory& run, const std::string& path);

}  // namespace latetime
