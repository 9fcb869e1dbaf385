#pragma once

#include <cstdint>
#include <functional>

#include "latetime/base/outcome.hpp"
#include "latetime/dynamics/late_flow.hpp"
#include "latetime/model/training_state.hpp"

namespace latetime {

/// A late-time flow as a run sees it: times in steps, states with weights, error estimates.
class LateRun {
 public:
  struct Start {
    FlowStart flow;
    FlowOptions options;
    LogTime time;        ///< of the start
    double error = 0.0;  ///< of log loss and stable ranks there
  };
  LateRun(const FlowProblem& problem, const Dataset& data, const Network& initial,
          const Start& start);

  LogTime time() const { return time_; }
  /// Goes on to that time; `keep_going` is asked now and then with the time reached.
  FlowStatus advance_to(const LogTime& time,
                        const std::function<bool(const LogTime&)>& keep_going = {});
  TrainingState state(bool with_weights) const;
  void clear_switched();
  double error_estimate() const;
  const LateFlow& flow() const { return flow_; }

 private:
  double log_time_of(const LogTime& time) const;

  LateFlow flow_;
  const Start start_;
  const Matrix x_, initial_weights_;
  LogTime time_;
  PairBits switched_;  // pairs with an event since the last record
};

}  // namespace latetime
