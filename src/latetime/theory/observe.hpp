#pragma once

#include <functional>
#include <string>
#include <vector>

#include "latetime/dynamics/descent.hpp"
#include "latetime/measure/measures.hpp"
#include "latetime/theory/step_watch.hpp"

namespace latetime {

/// How far a run is looked into.
struct ObserveOptions {
  /// Steps are looked at one by one until this many (neuron, sample) pairs have been seen: about a
  /// second for 2e7.
  double most_pairs = 1e8;
  std::uint64_t most_steps = 50'000;  ///< and not beyond this step
  /// Weights are stepped by the dense engine beside them for at most that many operations, and at
  /// most `most_weight_steps`.
  double most_weight_work = 2e9;
  std::uint64_t most_weight_steps = 1000;
  /// A late-time flow is followed to 10^this.
  double last_decade = 1e5;
  /// Asked now and then; false stops, and what was seen until then is judged. May be empty.
  std::function<bool()> keep_going = {};
  /// Shown every step that the coefficient engine (or, for short runs, the dense engine alone) has
  /// taken, with its coefficients; may be empty.
  std::function<void(std::uint64_t step, const Matrix& coefficients)> on_step = {};

  bool goes_on() const { return !keep_going || keep_going(); }
};

/// Looks at every step from the start to step `last`, as far as the bounds allow; the dense engine
/// steps beside the coefficient engine at first. Only for full-batch gradient descent.
StepAccount watch_steps(const ClaimSetting& setting, std::uint64_t last,
                        const ObserveOptions& options);

/// A state as claims see it.
Snapshot take_snapshot(const TrainingState& state, bool exact, const ClaimSetting& setting,
                       const Measurer& measurer);

/// Follows a late-time flow, which continues the run, to 10^options.last_decade and on to its
/// limit; appends snapshots to `run`, and fills in its limit.
void follow_late(LateFlow& flow, const Measurer& measurer, const ObserveOptions& options,
                 RunTrace& run);

/// Times of the snapshots of a run up to `until`: four a decade of t up to 10^15, from there on
/// eight a decade of log t.
std::vector<LogTime> snapshot_times(const LogTime& until);

/// What to change in a configuration whose run ends before late time so that it gets there.
std::string late_time_advice(Method method, EngineChoice engine);

/// Carries out a run in memory and looks at it.
RunTrace observe_run(const ClaimSetting& setting, const DescentOptions& descent,
                     const ObserveOptions& options);

}  // namespace latetime
