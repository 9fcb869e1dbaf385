#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "latetime/base/outcome.hpp"
#include "latetime/dynamics/descent_options.hpp"
#include "latetime/dynamics/exact_run.hpp"
#include "latetime/dynamics/hand_over.hpp"
#include "latetime/dynamics/late_run.hpp"

namespace latetime {

/// What watches a run. All are called on the thread that runs it, between steps.
struct DescentObservers {
  /// At every recorded time, the first one included.
  std::function<void(const TrainingState&)> record;
  /// Every few dozen milliseconds with the time reached; returning false stops the run there
  /// (Outcome reason `interrupted`). May be empty.
  std::function<bool(const LogTime& time)> pulse;
  /// False when `record` can do without weights where they follow from the coefficients: an engine
  /// that does not hold them then leaves TrainingState::weights empty.
  bool needs_weights = true;
  /// Whether error_estimate is needed of all records; otherwise records of a late-time flow have
  /// NaN instead, but for the last of the schedule.
  bool needs_errors = true;
};

/// One gradient descent, followed by the engines that suit it: exact steps first, the late-time
/// flow once its error is small enough.
class Descent {
 public:
  /// Throws InputError for what no engine follows (plan_engines), std::invalid_argument for another
  /// loss than those that have a name.
  Descent(const Problem& problem, const DescentOptions& options);

  /// What took the last step.
  EngineKind engine() const;
  LogTime time() const;
  TrainingState state(bool with_weights = true, bool with_error = true) const;
  EngineMemory memory() const;
  /// Names and shapes of what restore() takes, where arrays of those names are `stored`.
  EngineMemory memory_pattern(const std::function<bool(const std::string& array)>& stored);
  void restore(const EngineMemory& memory);

  /// Goes to each of the ascending `record_at` in turn (those before the current time are passed
  /// over) and shows the state there to `observers.record`. After restore(), `recorded` are the
  /// times that were recorded before: a late-time flow goes to the last of them again, silently, to
  /// know what has switched since.
  Outcome run(std::span<const LogTime> record_at, const DescentObservers& observers,
              std::span<const LogTime> recorded = {});

  /// The late-time flow that follows the run now, if it does.
  const LateFlow* flow() const { return late_ ? &late_->flow() : nullptr; }
  /// The events of that flow so far; none while exact steps are taken.
  std::vector<FlowEvent> events() const {
    return late_ ? late_->events() : std::vector<FlowEvent>();
  }
  /// A late-time flow from the present state on: for the limit. Two classes.
  LateFlow flow_from_here() const;

 private:
  std::optional<Outcome> advance_to(const LogTime& target, const DescentObservers& observers);
  std::optional<Outcome> step_to(std::uint64_t target, const DescentObservers& observers);
  std::optional<Outcome> flow_to(const LogTime& target, const DescentObservers& observers);
  std::optional<Outcome> look(const DescentObservers& observers);
  /// Where a late-time flow begins that begins now.
  FlowStart flow_start() const;
  void begin_flow(const FlowStart& start, double error, double exact_error,
                  const FlowOptions& flow_options);
  void begin_gradient_flow();
  bool hardly_falls(double log_loss) const;
  Outcome end() const;
  void clear_switched();
  void add_flow_to(EngineMemory& memory) const;

  const Problem problem_;
  const DescentOptions options_;
  const EnginePlan plan_;
  ExactRun exact_;
  std::optional<FlowProblem> flow_problem_;      // where a flow may take over
  std::shared_ptr<const WeightsBeyond> beyond_;  // the same, of the initial weights
  std::unique_ptr<HandOver> hand_over_;
  std::unique_ptr<LateRun> late_;
  double flow_error_ = 0.0;       // at the hand-over
  double flow_start_loss_ = 0.0;  // log loss there
  FlowOptions flow_options_;
  std::uint64_t looked_at_ = 0;  // last step of a look
  std::uint64_t chunk_ = 1;      // steps between two looks at the clock
};

}  // namespace latetime
