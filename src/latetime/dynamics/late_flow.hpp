#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "latetime/dynamics/flow_state.hpp"
#include "latetime/dynamics/flow_transition.hpp"
#include "latetime/dynamics/mode_rows.hpp"
#include "latetime/dynamics/rank_sense.hpp"
#include "latetime/dynamics/weights_beyond.hpp"

namespace latetime {

enum class FlowStatus {
  reached,
  interrupted,
  too_many_events,
  too_stiff,  ///< step sizes collapse: margins relax much faster than log t
  too_long,   ///< more integration steps than allowed
  not_finite,
};

/// What margins are off dies away as 1/t where descent makes up for it, but is not taken to do so
/// below this part.
constexpr double lasting_error = 0.2;

/// One line for people on why a flow stopped; empty for `reached`.
std::string explain(FlowStatus status);

/// Late-time gradient descent of a network in log time θ: smooth motion between events
/// (a few dozen integration steps a decade at first, far fewer later), with sliding modes for the
/// pairs that switch for ever. It carries a FlowState from step to step and from event to event.
/// Where steps end is its own affair: a moment that is asked for is shown from inside the step it
/// lies in, and leaves no trace on what comes after.
class LateFlow {
 public:
  LateFlow(const FlowProblem& problem, const FlowStart& start, const FlowOptions& options);
  LateFlow(const LateFlow&) = delete;  // start another one from state()
  LateFlow& operator=(const LateFlow&) = delete;

  double log_time() const { return here().theta; }
  /// Goes on to that log time; `keep_going` is asked now and then.
  FlowStatus advance_to(double log_time, const std::function<bool(double)>& keep_going = {});

  /// State at log_time(), the mean over the fast switching where pairs slide.
  FlowStart state() const;
  /// `preactivations` (neurons × n, of a state nearby) with the sliding pairs moved to zero: the
  /// fast switching taken out.
  Matrix without_switching(Matrix preactivations) const;
  Vector margins() const;         ///< u, the mean over the fast switching where pairs slide
  Vector lambda() const;          ///< t g, a margin each
  double log_loss() const;        ///< log L
  double log_loss_speed() const;  ///< d log L/dθ
  Matrix slopes() const;          ///< effective σ', neurons × n
  const NeuronMode& mode(Eigen::Index neuron) const { return here().neuron(neuron).mode; }
  std::vector<NeuronMode> modes() const;
  const FlowProblem& problem() const { return *here().problem; }

  /// Whether a pair slides, or rides with those that do.
  bool at_zero(Eigen::Index neuron, Eigen::Index sample) const;
  Eigen::Index sliding_pairs() const;
  /// The sliding samples of every neuron.
  std::vector<std::vector<Eigen::Index>> sliding() const;
  std::uint64_t events() const { return event_count_; }
  std::uint64_t steps() const { return step_count_; }
  std::uint64_t undecided() const { return here().undecided; }
  /// What events may have added to the error of log loss; `dies_away`: nothing keeps margins from
  /// making up for it.
  double event_loss_error(bool dies_away) const;
  /// The same of the stable ranks.
  double event_rank_error(const std::vector<RankSense>& senses) const;
  /// What margins, and weights, still were off their rest when they were taken to be there, as far
  /// as descent has not made up for it.
  Unrest unrest() const { return here().unrest(); }
  /// What margins, and weights, have drifted by since samples came to rest: where these
  /// contradict each other only nearly, what is left of their push goes on, too small to follow.
  Unrest drift_of_rest() const;
  /// How far log loss and stable ranks of one moment may be from the mean over the fast switching.
  double switching_error(const std::vector<RankSense>& senses) const;
  /// For each class, whether its weights are on average no more than twice as large as what hops
  /// move them by. `preactivations` are those of state(); `beyond` is asked for its norms only
  /// where what lies in the span of the samples does not decide.
  std::vector<bool> only_hops(const Matrix& preactivations, const WeightsBeyond& beyond) const;
  /// Margins that no active neuron feels (slope 0): they do not move at all.
  bool asleep(Eigen::Index margin) const { return here().asleep(margin); }
  /// Samples that contradict each other and have come to rest, where there are any.
  const std::optional<Plateau>& plateau() const { return here().plateau; }
  std::function<void(const FlowEvent&)> on_event;

 private:
  const FlowState& here() const { return shown_ ? *shown_ : now_; }
  bool attempt_step();
  FlowStatus begin_step();
  void finish_step();
  void show(double log_time);
  template <class Change>
  void change_where_it_is(const Change& change);
  void carry_out(const FlowSearch& search);
  void go_on(const FlowSearch& search);
  void begin_step_anew();
  bool steady();

  FlowState now_;                    // at the end of a step
  std::optional<FlowSearch> ahead_;  // what lies in the step that begins there, once it is taken
  std::optional<FlowState> shown_;   // inside that step, where a caller asked for that moment
  Vector steady_lambda_;             // where λ goes while the modes stay; empty: not known
  LogTimeStepper stepper_;
  ModeRows rows_;  // of pairs that are looked at
  std::uint64_t event_count_ = 0, step_count_ = 0;
  // Within the present unit of log time.
  double unit_start_ = -std::numeric_limits<double>::infinity();
  std::uint64_t unit_steps_ = 0, unit_events_ = 0;
  bool step_counted_ = false;  // the last, among those of this unit
};

}  // namespace latetime
