#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "latetime/dynamics/log_time_stepper.hpp"
#include "latetime/dynamics/plateau.hpp"
#include "latetime/dynamics/switching_mean.hpp"

namespace latetime {

struct FlowOptions {
  /// Follow gradient descent with unit steps (its modified equation) instead of gradient flow.
  bool of_descent = true;
  double step_tolerance = 1e-12;  ///< error of a margin in one integration step
  /// Account for where switching pairs are on average (SwitchingMean): second order in 1/t instead
  /// of first.
  bool switching_means = true;
  /// Integration steps, those that end in events included, beyond which the flow gives up.
  std::uint64_t most_steps = std::numeric_limits<std::uint64_t>::max();
  /// For decisions: error of own-class pre-activations while no event changes their neuron, and
  /// what an other-class event at time t adds to it, times t.
  double preactivation_error = 0.0, event_error = 0.0;
};

/// Where a flow starts: one moment of gradient descent or flow.
struct FlowStart {
  double log_time = 0.0;  ///< log t (of_descent), else log(1 + t)
  Matrix coefficients;    ///< neurons × n
  Matrix preactivations;  ///< neurons × n
};

/// Why a pair changed.
enum class FlowCause {
  own_crosses,    ///< an own-class activation crosses zero
  other_meets,    ///< an other-class activation reaches zero: it crosses, or starts to slide
  leaves_upward,  ///< a sliding pair's multiplier reached its upper bound: active from now on
  leaves_downward,
};

struct FlowEvent {
  double log_time;
  Eigen::Index neuron, sample;
  FlowCause cause;
  bool decided;  ///< with a margin above the error estimate
};

enum class FlowStatus {
  reached,
  interrupted,
  too_many_events,
  too_stiff,  ///< step sizes collapse: margins relax much faster than log t
  too_long,   ///< more integration steps than allowed
  not_finite,
};

/// One line for people on why a flow stopped; empty for `reached`.
std::string explain(FlowStatus status);

/// Late-time gradient descent of a two-class network in log time θ: smooth motion between events
/// (a few dozen integration steps a decade at first, far fewer later), with sliding modes for the
/// pairs that switch for ever.
class LateFlow {
 public:
  LateFlow(const FlowProblem& problem, const FlowStart& start, const FlowOptions& options);
  LateFlow(const LateFlow&) = delete;  // start another one from state()
  LateFlow& operator=(const LateFlow&) = delete;

  double log_time() const { return theta_; }
  /// Goes on to that log time; `keep_going` is asked now and then.
  FlowStatus advance_to(double log_time, const std::function<bool(double)>& keep_going = {});

  /// State at log_time(), the mean over the fast switching where pairs slide.
  FlowStart state() const;
  /// `preactivations` (neurons × n, of a state nearby) with the sliding pairs moved to zero: the
  /// fast switching taken out.
  Matrix without_switching(Matrix preactivations) const;
  Vector margins() const;  ///< u, n, the mean over the fast switching where pairs slide
  Vector lambda() const;   ///< t g_i, n
  Matrix slopes() const;   ///< effective σ', neurons × n
  const NeuronMode& mode(Eigen::Index neuron) const {
    return neurons_[static_cast<std::size_t>(neuron)].mode;
  }
  const FlowProblem& problem() const { return problem_; }

  /// Whether a pair slides, or rides with those that do.
  bool at_zero(Eigen::Index neuron, Eigen::Index sample) const;
  Eigen::Index sliding_pairs() const;
  /// The sliding samples of every neuron.
  std::vector<std::vector<Eigen::Index>> sliding() const;
  /// Neurons that slide otherwise than that did not do so when a trial began (switching_error).
  void count_as_seen(const std::vector<std::vector<Eigen::Index>>& sliding);
  std::uint64_t events() const { return event_count_; }
  std::uint64_t steps() const { return step_count_; }
  std::uint64_t undecided() const { return undecided_; }
  /// What events may have added to the error of the margins: the moment of own-class crossings is
  /// as uncertain as the pre-activation is, descent crosses at whole steps, and where a pair begins
  /// or ends to slide, the phase of its hops is not known.
  double event_error() const { return event_error_; }
  /// The same for the weights, as a Frobenius norm.
  double event_weight_error() const { return event_weight_error_; }
  /// What margins, and weights, still were off their rest when they were taken to be there, as far
  /// as descent has not made up for it.
  struct Unrest {
    double margins = 0.0, weights = 0.0;
  };
  Unrest unrest() const;
  /// How far log loss and stable ranks of one moment may be from the mean over the fast switching,
  /// of the neurons that slid alike when the flow began, or of the others. `rank_factor`: what a
  /// stable rank changes by, over 4 ‖ΔW‖/‖W‖.
  double switching_error(bool since_entry, double rank_factor = 1.0) const;
  /// Samples that no neuron is active at (slope 0): their margins do not move at all.
  bool asleep(Eigen::Index sample) const { return asleep_[static_cast<std::size_t>(sample)] != 0; }
  /// Samples that contradict each other and have come to rest, where there are any.
  const std::optional<Plateau>& plateau() const { return plateau_; }
  std::function<void(const FlowEvent&)> on_event;

 private:
  struct Neuron {
    int group;
    NeuronMode mode;
    Vector since;        ///< s at which its coefficients and pre-activations are current
    Vector room;         ///< n: no crossing at sample i before travel_[i] exceeds this
    SwitchingMean mean;  ///< of its sliding pairs, at multipliers offset_lambda_; empty: not known
    double slack;        ///< no sliding pair leaves before lambda_variation_ exceeds this
    double error;        ///< of its own-class pre-activations
    std::vector<Eigen::Index> entry_sliding;
  };
  struct Found {
    double delta;  ///< log time after the start of the step
    Eigen::Index neuron, sample;
    FlowCause cause;
  };

  void enter();
  Vector rates(double delta, const Vector& x) const;
  Vector multiplier_rates(double delta, const Vector& x) const;
  void start_from_zero();
  void refresh_asleep();
  void keep_sides(const Matrix& before);
  void refresh_gaps();
  bool disturbs(const Plateau& plateau, int group, Eigen::Index l) const;
  bool stiff() const;
  bool doubts(const NeuronMode& mode) const;
  void book(Eigen::Index i, double change);
  void settle_beside_plateau(Eigen::Index k, const std::vector<Eigen::Index>& at_zero);
  bool holds_plateau(const Plateau& plateau) const;
  void take_plateau();
  bool at_rest(Eigen::Index sample) const {
    return plateau_ && plateau_->rests[static_cast<std::size_t>(sample)] != 0;
  }
  Vector gain_of(const Neuron& neuron, const Vector& s) const;
  Vector driven(Vector lambda) const;
  Vector driven_row(Vector row) const;
  FlowCause cause_at_zero(int group, Eigen::Index i) const;
  Vector drive() const;
  void refresh_offset();
  bool offset_due() const;
  Vector gaps_at(double delta, const Vector& x) const;
  void take_over_step();
  void book_series(const Vector& x);
  Vector lambda_at(double delta, const Vector& x) const;
  void rebuild_kernel();
  void change_mode(Eigen::Index k, std::span<const Eigen::Index> at_zero);
  Vector moved(const Neuron& neuron) const;
  void sync(Eigen::Index k);
  void add_gain(Eigen::Index k, const Vector& gain);
  void rebase();
  void refresh_bounds(Eigen::Index k);
  void handle(const Found& event);
  struct Delay {
    double mean = 0.0, error = 0.0;  // steps
  };
  Delay delay_of(const Neuron& neuron, Eigen::Index i, const Vector& lambda, double speed) const;
  bool weigh_crossing(Neuron& neuron, Eigen::Index i, const Vector& lambda, Delay& delay);
  void shift(Eigen::Index k, Eigen::Index i, double change);
  void watch_near_misses(const Vector& lambda_before);
  bool steady();
  bool find_crossing(const DenseStep& step, Found& first);
  bool find_exit(const DenseStep& step, Found& first);

  const FlowProblem problem_;
  const FlowOptions options_;
  double theta_;
  Matrix initial_preactivations_;  // z − C G, for recomputing z from C
  Matrix coefficients_, z_;
  std::vector<Neuron> neurons_;
  Vector s_;                  // ∫ λ dθ since the last rebase
  Vector gap_;                // u − θ without offset_: keeps its digits when θ is huge
  Eigen::MatrixXd kernel_;    // du/dθ = kernel · λ
  Vector offset_;             // t · (mean margins − margins with sliding pairs at zero)
  Vector offset_lambda_;      // multipliers that `offset_` belongs to; empty: none yet
  double offset_time_ = 0.0;  // log time of its last renewal
  bool offset_stale_ = true;  // an event has changed the modes since
  Vector travel_;             // Σ_l reach_{li} s_l
  Vector last_lambda_;
  double lambda_variation_ = 0.0;
  std::vector<std::uint8_t> asleep_;
  std::optional<Plateau> plateau_;
  Unrest unrest_;             // at `unrest_time_`
  double unrest_time_ = 0.0;  // log time
  double relaxation_ = 0.0;   // of it, a unit of time
  Matrix reach_;  // problem_.reach, what moves samples at rest counted with those that move them
  Eigen::MatrixXd lag_;  // κ plateau lag: t · what margins at rest, and others by them, are beyond
  bool entered_ = false;
  Vector steady_lambda_;  // where λ goes while the modes stay; empty: not known
  LogTimeStepper stepper_;
  std::vector<std::pair<Eigen::Index, Eigen::Index>> popped_;
  std::uint64_t event_count_ = 0, step_count_ = 0, undecided_ = 0, changes_since_rebuild_ = 0;
  // Within the present unit of log time.
  double unit_start_ = -std::numeric_limits<double>::infinity();
  std::uint64_t unit_steps_ = 0, unit_events_ = 0;
  double event_error_ = 0.0, event_weight_error_ = 0.0;
};

}  // namespace latetime
