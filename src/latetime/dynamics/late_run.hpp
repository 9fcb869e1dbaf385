#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "latetime/base/outcome.hpp"
#include "latetime/dynamics/late_flow.hpp"
#include "latetime/model/training_state.hpp"

namespace latetime {

/// The coordinate θ of a late-time flow: log t, for gradient flow log(1 + t), because it starts at
/// t = 0 where log t is no coordinate.
double flow_log_time(const LogTime& time, bool of_descent);

/// A late-time flow as a run sees it: times in steps, states with weights, error estimates.
class LateRun {
 public:
  struct Start {
    FlowStart flow;
    FlowOptions options;
    LogTime time;        ///< of the start
    double error = 0.0;  ///< of log loss and stable ranks there
    /// What rounding may have done to the exact steps by then, part of `error`, where that grows.
    double rounding = 0.0;
    std::shared_ptr<const WeightsBeyond> beyond;  ///< of the initial weights
  };
  LateRun(const FlowProblem& problem, const Dataset& data, const Network& initial,
          const Start& start);

  LogTime time() const { return time_; }
  /// Goes on to that time; `keep_going` is asked now and then with the time reached.
  FlowStatus advance_to(const LogTime& time,
                        const std::function<bool(const LogTime&)>& keep_going = {});
  /// Without its error, which takes longer than all else of it, error_estimate is NaN.
  TrainingState state(bool with_weights, bool with_error = true) const;
  void clear_switched();
  const LateFlow& flow() const { return flow_; }
  /// All so far; their log_time is the natural logarithm of the time in steps.
  const std::vector<FlowEvent>& events() const { return events_; }

 private:
  double step_log_time(double flow_time) const;
  double error_estimate(const FlowStart& state, const std::vector<bool>& only_hops) const;

  LateFlow flow_;
  const Start start_;
  const Samples x_;
  const Matrix initial_weights_, initial_preactivations_;
  LogTime time_;
  std::vector<FlowEvent> events_;
  PairBits switched_;  // pairs with an event since the last record
};

}  // namespace latetime
