#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "latetime/measure/errors.hpp"
#include "latetime/measure/measures.hpp"
#include "latetime/model/method.hpp"

namespace latetime {

/// One row of metrics.csv with the arrays that go beside it into result.h5.
struct Record {
  LogTime time;
  EngineKind engine = EngineKind::coefficient;
  SwitchCounts switches;
  /// Pairs that switched since the last record at or before a tenth of this time.
  std::uint64_t switching_pairs = 0;
  Eigen::Index sliding_pairs = 0;  ///< as in TrainingState, with the next two
  double error_estimate = 0.0;
  std::uint64_t undecided_events = 0;
  Measures measures;
  std::optional<Errors> errors = {};  ///< of runs that measure them

  int groups() const { return static_cast<int>(measures.stable_ranks.size()) - 1; }
};

/// What names of columns and arrays of a group end with: "pos", "neg" of two classes, else numbers.
std::vector<std::string> group_names(int groups);

/// Names of the columns of metrics.csv. The first fourteen are a contract; scripts go by name.
/// `errors`: of runs that measure errors, whose columns come last. Of `groups` ≥ 3 classes, which
/// measure none, columns of each class come last.
const std::vector<std::string>& metrics_columns(bool errors = false, int groups = 2);

/// One field a column, as text: the shortest decimals that read back exactly, empty where a value
/// does not exist (log10_t at the start, step beyond 2^53, switches of mini-batches, KKT residual
/// before separation).
std::vector<std::string> metrics_fields(const Record& record);
/// The same of a record without measures: times, engine and loss, and all else empty; `errors` and
/// `groups`: see metrics_columns.
std::vector<std::string> loss_fields(const Record& record, bool errors, int groups = 2);

/// Name of the one column that holds words, those of EngineKind; all others hold numbers.
constexpr const char* engine_column = "engine";

/// The fields as numbers, as they stand under /records of result.h5: NaN where a value does not
/// exist, and for the engine.
std::vector<double> metrics_values(const Record& record);

/// The text of such a number.
std::string metrics_field(std::size_t column, double stored, int groups = 2);

}  // namespace latetime
