#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "latetime/dynamics/flow_state.hpp"
#include "latetime/dynamics/mode_rows.hpp"

namespace latetime {

/// Why a pair changed.
enum class FlowCause {
  own_crosses,    ///< an own-class activation crosses zero
  other_meets,    ///< an other-class activation reaches zero: it crosses, or starts to slide
  leaves_upward,  ///< a sliding pair's multiplier reached its upper bound: active from now on
  leaves_downward,
};

/// An event inside a step.
struct FoundEvent {
  double delta;  ///< log time after the start of the step
  Eigen::Index neuron, sample;
  FlowCause cause;
  /// Where hops of the neuron's sliding pairs take the pair beyond zero, which itself does not get
  /// there: how far they do at most, t · z; else 0.
  double reach = 0.0;
};

/// What a step brings. Every pair gets one of three answers: clear (it stays as it is, for all that
/// the step goes through), an event at a moment, or undecided (it turned back from zero, nearer to
/// it than its error).
struct FlowSearch {
  std::optional<FoundEvent> first;  ///< the earliest event; none: all is clear to the end
  /// Pairs that turned back before that, and might not have.
  std::vector<std::pair<Eigen::Index, Eigen::Index>> undecided;
  /// Clear pairs whose bounds (FlowNeuron::room) did not do: to be renewed.
  std::vector<std::pair<Eigen::Index, Eigen::Index>> looked_at;
  double lambda_variation;  ///< FlowState::lambda_variation at the end of the step
  Vector wander;            ///< a margin each: how far rates are from FlowState::foreseen at most
  std::uint64_t looks = 0;  ///< at single pairs
};

/// The first event of a step of the integrator that begins at `state`. `rows`: those of steps
/// before, of the same flow; what is found does not depend on them.
FlowSearch first_event(const FlowState& state, const DenseStep& step, ModeRows& rows);

/// What fold `i` does when it reaches zero at a neuron of that class: one whose samples together
/// push away from zero crosses, as an own-class pair does.
FlowCause cause_at_zero(const FlowState& state, int group, Eigen::Index i);

}  // namespace latetime
