#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "latetime/base/outcome.hpp"
#include "latetime/dynamics/dense_engine.hpp"
#include "latetime/dynamics/exact_descent.hpp"
#include "latetime/dynamics/fine_descent.hpp"
#include "latetime/dynamics/hand_over.hpp"
#include "latetime/dynamics/late_run.hpp"
#include "latetime/dynamics/rounding_shadow.hpp"

namespace latetime {

enum class Method {
  gradient_descent,  ///< full batch, (3.2)
  stochastic,        ///< mini-batches, a new seeded order each epoch
  flow,              ///< gradient flow; one unit of time is one step
};

enum class EngineChoice { automatic, dense, coefficient, frozen, flow };

struct DescentOptions {
  Method method = Method::gradient_descent;
  double learning_rate = 0.1;   ///< η > 0
  std::size_t batch_size = 64;  ///< samples a mini-batch; for Method::stochastic
  EngineChoice engine = EngineChoice::automatic;
  double tolerance = 1e-8;    ///< of log loss and stable ranks, for the hand-over to the flow; > 0
  LogTime until = LogTime();  ///< how far the run is meant to go
  std::uint64_t seed = 1;     ///< of the order of the samples in mini-batches
  unsigned threads = 1;       ///< ≥ 1; does not change the result
  /// Compares states, for the hand-over and for shadows of exact steps (HandOver, RoundingShadow);
  /// empty: log losses alone.
  HandOver::Discrepancy discrepancy = {};
};

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
};

/// Which engines a run uses.
struct EnginePlan {
  bool dense = false;                  ///< the dense engine takes every step
  bool frozen = false;                 ///< the frozen engine helps the coefficient engine
  bool hand_over = false;              ///< the late-time flow takes over when a trial allows it
  bool forced_flow = false;            ///< as soon as it can, whatever the error
  std::uint64_t most_exact_steps = 0;  ///< hand over then at the latest
};

/// The plan for n samples of dimension d and that many neurons. Automatic: mini-batches need the
/// dense engine; full batch takes exact steps to the end where that is a matter of seconds (the
/// dense engine if n > 2d, where weights are the smaller state), and else hands over to the
/// late-time flow. Throws InputError (key descent.engine) for a method that the forced engine does
/// not follow.
EnginePlan plan_engines(const DescentOptions& options, Eigen::Index n, Eigen::Index d,
                        Eigen::Index neurons);

/// One gradient descent, followed by the engines that suit it: exact steps first, the late-time
/// flow once its error is small enough.
class Descent {
 public:
  Descent(const Dataset& data, const Network& initial, const DescentOptions& options);

  /// "dense", "coefficient", "frozen" or "flow": what took the last step.
  std::string_view engine_name() const;
  LogTime time() const;
  TrainingState state(bool with_weights = true) const;
  EngineMemory memory() const;
  /// Names and shapes of what restore() takes, where arrays of those names are `stored`.
  EngineMemory memory_pattern(const std::function<bool(const std::string& array)>& stored);
  void restore(const EngineMemory& memory);

  /// Goes to each of the ascending `record_at` in turn (those before the current time are passed
  /// over) and shows the state there to `observers.record`. After restore(), `recorded` are the
  /// times that were recorded before: a late-time flow passes through them again, silently, to
  /// reach the same bits.
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
  std::uint64_t step() const;
  RoundingShadow make_shadows() const;
  void advance(std::uint64_t steps);
  void look_at_signs();
  bool finite() const;
  void clear_switched();

  const Dataset data_;
  const Network initial_;
  const DescentOptions options_;
  const EnginePlan plan_;
  ExactEngine engine_;
  bool contracts_ = true;                        // no step amplifies rounding
  std::optional<RoundingShadow> shadow_;         // where steps may amplify rounding, or are short
  std::uint64_t signs_until_;                    // the last step at which signs are looked at
  std::optional<FineDescent> fine_;              // once rounding would decide one
  std::optional<FlowProblem> problem_;           // where a flow may take over
  std::shared_ptr<const WeightsBeyond> beyond_;  // the same, of the initial weights
  std::unique_ptr<HandOver> hand_over_;
  std::unique_ptr<LateRun> late_;
  double flow_error_ = 0.0;       // at the hand-over
  double flow_start_loss_ = 0.0;  // log loss there
  FlowOptions flow_options_;
  Vector sample_norms_, initial_norms_;
  std::uint64_t looked_at_ = 0;  // last step of a look
  std::uint64_t chunk_ = 1;      // steps between two looks at the clock
};

}  // namespace latetime
