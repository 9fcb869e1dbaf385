#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "latetime/base/log_time.hpp"
#include "latetime/experiment/limit_report.hpp"
#include "latetime/model/method.hpp"
#include "latetime/theory/linear_comparison.hpp"

namespace latetime {

/// The limit of a run that lies in a folder.
struct RunLimit {
  LimitReport report;
  NetworkShape shape;
  PairCounts pairs;         ///< when the report has a direction
  LinearComparison linear;  ///< the same
  bool stored = false;      ///< read from /limit; else computed from /final
  LogTime start;            ///< time of the state that it was, or is, computed from
  EngineKind engine = EngineKind::coefficient;  ///< that made this state
  bool mini_batches = false;
  /// Events on the run's way that its flow decided by less than its error: the run itself may go
  /// to another limit.
  std::uint64_t undecided_events = 0;
  /// Why no limit could even be tried (too early, weights not finite); else empty.
  std::string problem;
};

/// Reads the limit that a run stored, or computes it from the last state that the run wrote, taking
/// this state for a late one; `linear` is computed either way, and so is the optimality where it
/// is not stored or an `effort` (judge_optimality) is asked for. Nothing in `directory` is changed.
/// `keep_going` is asked now and then while the flow is followed.
/// Throws InputError for a folder without a run or without result.h5, and for damaged files.
RunLimit limit_of_run(const std::string& directory,
                      const std::function<bool(double)>& keep_going = {},
                      std::optional<double> effort = {});

/// The same for the arrays of a run; `origin` names them in messages.
RunLimit limit_of_arrays(const ArrayReader& arrays, const std::string& origin,
                         const std::function<bool(double)>& keep_going = {},
                         std::optional<double> effort = {});

}  // namespace latetime
