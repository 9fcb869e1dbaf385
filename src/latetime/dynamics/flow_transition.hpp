#pragma once

#include <vector>

#include "latetime/dynamics/flow_events.hpp"

namespace latetime {

struct FlowEvent {
  double log_time;
  Eigen::Index neuron, sample;
  FlowCause cause;
  bool decided;  ///< with a margin above the error estimate
};

/// The state right after `event`, which happens at `state`, with what it adds to the errors. Adds
/// to `events` an entry for every pair that came to zero or left it.
FlowState transition(FlowState state, const FoundEvent& event, std::vector<FlowEvent>& events);

}  // namespace latetime
