#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "latetime/experiment/config.hpp"
#include "latetime/store/run_sink.hpp"

namespace latetime {

/// Throws InputError, naming `where` and the first key that differs, where the configuration of an
/// earlier part is another one. A later end is none.
void require_same_configuration(const RunConfig& earlier, const RunConfig& now,
                                const std::string& where);

/// Fields of rows of metrics.csv.
using MetricsRows = std::vector<std::vector<std::string>>;

/// Where a run or a training goes, and what an earlier part of it left there. Refers to the
/// configuration, the columns and, where it goes there, the memory that it was made of.
struct RunPlace {
  std::string name;  ///< for messages
  RunSink sink;
  /// result.h5 of the earlier part; null where this is the first.
  std::shared_ptr<const ArrayReader> earlier = nullptr;
  /// The first so many rows of metrics.csv. Throws InputError where there are fewer.
  std::function<MetricsRows(std::size_t)> stored_rows = nullptr;
  /// Before the first step: stores the configuration, and these rows of the earlier part.
  std::function<void(const MetricsRows&)> begin = nullptr;
  /// After a failure: leaves what is worth to be resumed, and says whether that is anything.
  std::function<bool()> give_up = nullptr;
};

/// The folder `out`, its lock held: a new one, or, with `resume`, that of an earlier part of the
/// same configuration, as yet unchanged. `columns`: of metrics.csv. Throws InputError where it
/// holds something else.
RunPlace place_in_directory(const RunConfig& config, const std::string& out, bool resume,
                            const std::vector<std::string>& columns);

/// The same in memory; the arrays of the earlier part are taken out of it.
RunPlace place_in_memory(const RunConfig& config, RunMemory& memory, bool resume,
                         const std::vector<std::string>& columns);

/// The rows of metrics.csv alone (RunSink::measures_all); there is no earlier part.
RunPlace place_in_table(CsvTable& metrics, const std::vector<std::string>& columns,
                        bool measures_all);

}  // namespace latetime
