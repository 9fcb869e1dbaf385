#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "latetime/dynamics/flow_problem.hpp"
#include "latetime/dynamics/log_time_stepper.hpp"
#include "latetime/dynamics/neuron_mode.hpp"
#include "latetime/dynamics/plateau.hpp"
#include "latetime/dynamics/switching_mean.hpp"

namespace latetime {

class ModeRows;

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

/// One neuron of a FlowState. Its coefficients and pre-activations are those of s = `since`; what
/// has come since follows from its mode (FlowState::moved).
struct FlowNeuron {
  int group;
  NeuronMode mode;
  Vector since;        ///< a margin each
  SwitchingMean mean;  ///< of its sliding pairs, at multipliers offset_lambda; empty: not known
  Vector errors;       ///< n: of its pre-activations
  double weights_error = 0.0;   ///< ‖Δw‖ that events have added to them
  double measured_error = 0.0;  ///< of each, what trials have seen
  double last_event = -std::numeric_limits<double>::infinity();  ///< log time
  // Bounds: nothing happens to the neuron while they hold (FlowState::refresh_bounds).
  Vector room;      ///< n: no crossing at sample i while room_i + velocity_i · elapsed > travel_i
  Vector velocity;  ///< n: foreseen dz/dθ, positive away from zero
  double slack;     ///< no sliding pair leaves before lambda_variation exceeds this
};

/// What margins, and weights, still are off their rest.
struct Unrest {
  double margins = 0.0, weights = 0.0;
};

/// What one neuron is off by.
struct Disturbance {
  Eigen::Index neuron;
  Vector z;              ///< n: of its pre-activations
  double weights = 0.0;  ///< ‖Δw‖
  /// Samples whose slope changes about now: margins may feel all of z.
  std::vector<Eigen::Index> turning;
};

/// What events may have added to the errors: the moment of own-class crossings is as uncertain as
/// the pre-activation is, descent crosses at whole steps, and where a pair ends to slide, the phase
/// of its hops is not known. Each moves one neuron along one sample; what makes up for it, all.
struct EventErrors {
  Matrix coefficients;      ///< neurons × n: of c_{k,i}, when all err to one side
  double weights = 0.0;     ///< Σ ‖Δw_k‖ over events, of the neuron that each moved
  Vector unanswered;        ///< of u, where what makes up for it is not among `coefficients`
  Vector margins, fresh;    ///< of u; the same if all of it died away as 1/t
  double fresh_time = 0.0;  ///< log time that `fresh` belongs to
};

/// One moment of late-time gradient descent (or flow) as a value: where the network is, how each
/// neuron moves until the next event, and what has been booked of errors. Its functions either look
/// (const) or keep it consistent:
///
/// * `kernel`, `reach` and `lag` belong to the modes and the plateau of now;
/// * margins are θ + `gap` (+ offset/t), the mean over the fast switching with offset;
/// * coefficients and z of neuron k are those of s = since_k; z of its pairs at zero is 0; beside
///   samples at rest they are without the lag (Plateau::lag), which `lag_now` has;
/// * `room` and `slack` are bounds that cost little to hold against travel and lambda_variation:
///   every pair moves as it would with the multipliers `foreseen`, but for `travel`.
///
/// A step of the integrator leads to the next value (`after`), an event to the next (`transition`);
/// which event comes first is asked of a value and a step (`first_event`).
struct FlowState {
  FlowState(std::shared_ptr<const FlowProblem> problem, const FlowStart& start,
            const FlowOptions& options);

  std::shared_ptr<const FlowProblem> problem;
  FlowOptions options;
  double theta;                   ///< log time
  Matrix initial_preactivations;  ///< z − C G, for recomputing z from C
  Matrix coefficients, z;         ///< neurons × n
  std::vector<FlowNeuron> neurons;
  // Of every margin (FlowProblem::margins):
  Vector s;                ///< ∫ λ dθ since the last rebase
  Vector gap;              ///< u − θ without offset: keeps its digits when θ is huge
  Eigen::MatrixXd kernel;  ///< du/dθ = kernel · λ
  /// Of more classes than two its parts by group, n × n each, whose products take n²K operations
  /// where those of `kernel` take n²(K−1)².
  std::vector<Eigen::MatrixXd> group_kernels;
  std::vector<std::uint8_t> sleeping;  ///< flags, see asleep

  Vector offset;             ///< t · (mean margins − margins with sliding pairs at zero)
  Vector offset_lambda;      ///< multipliers that `offset` belongs to; empty: none yet
  double offset_time = 0.0;  ///< log time of its last renewal
  bool offset_stale = true;  ///< an event has changed the modes since

  std::optional<Plateau> plateau;  ///< samples that contradict each other and have come to rest
  Matrix reach;  ///< problem->reach, what moves samples at rest counted with those that move them
  Eigen::MatrixXd lag;  ///< κ plateau lag: t · what margins at rest, and others by them, are beyond
  Unrest arrival;       ///< at `arrival_time`
  double arrival_time = 0.0;  ///< log time
  double relaxation = 0.0;    ///< of it, a unit of time
  bool lags = false;          ///< coefficients and z are without the lag of samples at rest

  Vector foreseen;          ///< rates that pairs are foreseen with
  double elapsed = 0.0;     ///< log time since then
  Vector travel;            ///< n: Σ_c reach_{i,c} ∫ |rate_c − foreseen_c| dθ since then
  std::uint64_t looks = 0;  ///< at single pairs since then
  Vector last_lambda;       ///< rates at `theta`
  double lambda_variation = 0.0;  ///< Σ max |Δλ| since the last rebase

  std::uint64_t undecided = 0, changes_since_rebuild = 0;
  EventErrors event_errors;
  Matrix knocks;  ///< neurons × n: booked of steps of pairs that hops take across zero
  /// Neurons × n: ‖Δw‖ by which such steps may have moved the neuron beside the sliding samples,
  /// and what is booked of it.
  Matrix drifts, drifts_booked;
  double step_taken = 0.0;    ///< the last, in log time
  double series_error = 0.0;  ///< of the margins

  /// Beyond so many margins it is not looked for how descent makes up for errors of margins.
  static constexpr Eigen::Index most_margins_of_answer = 150;

  Eigen::Index samples() const { return problem->samples(); }
  Eigen::Index margins() const { return problem->margins(); }
  const FlowNeuron& neuron(Eigen::Index k) const { return neurons[static_cast<std::size_t>(k)]; }
  FlowNeuron& neuron(Eigen::Index k) { return neurons[static_cast<std::size_t>(k)]; }
  /// z_{k,i} at the present moment, `z` being that of s = since_k; without the lag.
  double height(Eigen::Index k, Eigen::Index i) const;
  /// Whether the fold of sample i, at neurons of that class, pushes away from zero, as an own-class
  /// pair does.
  bool pushes_away(int group, Eigen::Index i) const;
  /// Whether it decides which way a pair goes that hops of its neuron's sliding pairs take it
  /// across zero: it does not slide, and pushes away from zero.
  bool feels_hops(Eigen::Index k, Eigen::Index i) const;
  /// t · what hops of each sliding pair may move pre-activations of the neuron by, added up, n.
  Vector hop_bounds(const FlowNeuron& neuron) const;
  /// Margins of samples at which no neuron that feels them is active (slope 0): they do not move
  /// at all.
  bool asleep(Eigen::Index i) const { return sleeping[static_cast<std::size_t>(i)] != 0; }
  bool at_rest(Eigen::Index i) const {
    return plateau && plateau->rests[static_cast<std::size_t>(i)] != 0;
  }

  // What moves, a margin each: `delta` in log time and x in s after the present moment.
  /// factor × kernel · change.
  Vector pushed_margins(const Vector& change, double factor = 1.0) const;
  Vector gaps_at(double delta, const Vector& x) const;           ///< u − θ
  Vector lambda_at(double delta, const Vector& x) const;         ///< t g
  Vector multiplier_rates(double delta, const Vector& x) const;  ///< with descent's corrections
  Vector rates(double delta, const Vector& x) const;             ///< ds/dθ
  Vector rates_now() const { return rates(0.0, Vector::Zero(margins())); }
  Vector drive() const;
  Vector driven(Vector lambda) const;
  Vector driven_row(Vector row) const;
  /// What neurons of a group feel of λ, or s, n entries.
  Vector felt(int group, Vector lambda) const {
    return problem->rivals.felt(group, std::move(lambda));
  }
  /// The row r' with r'·λ = r·felt(driven(λ)), r of n entries.
  Vector felt_row(int group, Vector row) const {
    return driven_row(problem->rivals.asked(group, std::move(row)));
  }
  Vector gain_of(const FlowNeuron& neuron, const Vector& change) const;
  Vector moved(const FlowNeuron& neuron) const;
  /// Whether margins relax much faster than log t: samples rest, but not so that they can be left
  /// out.
  bool stiff() const;
  bool doubts(const NeuronMode& mode) const;
  bool disturbs(const Plateau& rest, int group, Eigen::Index l) const;
  bool lag_counts() const;
  std::optional<Vector> lag_now() const;
  std::optional<Vector> lag_row(const Vector& row) const;
  Unrest unrest() const;

  // What keeps it consistent.
  void sync(Eigen::Index k);
  void rebase();
  void rebuild_kernel();
  void add_kernel_of(Eigen::Index k, double factor);
  void take_plateau();
  void take_lag_along();
  void refresh_asleep();
  bool offset_due() const;
  void refresh_offset();
  void refresh_bounds(Eigen::Index k);
  bool foresight_due() const;
  void foresee();
  void renew_bounds(const std::vector<std::pair<Eigen::Index, Eigen::Index>>& looked_at,
                    ModeRows& rows);
  void book(Eigen::Index k, Eigen::Index i, double change);
  Disturbance off_at_zero(Eigen::Index k, const Vector& change) const;
  Matrix propagate(const Disturbance& off);
  void forget_errors_along_sliding(Eigen::Index k);
  double most_pushed(const Vector& change) const;
  void book_series(const Vector& x);

 private:
  Disturbance off_along(Eigen::Index k, Eigen::Index i, double change) const;
  std::vector<Vector> answers(const Disturbance& off) const;
  Matrix gains_of(const Vector& answer) const;
  NeuronMode hopping_mode(Eigen::Index k) const;
  Vector corrections(const Vector& lambda, double inverse_time) const;
  void book_knock(Eigen::Index k, Eigen::Index i);
  bool knocks_across(Eigen::Index k, Eigen::Index i, double step) const;
  void book_drift(Eigen::Index k, Eigen::Index i, double hops);
  void book_beside(Eigen::Index k, Eigen::Index i, double distance);
  void book_disturbance(const Disturbance& off, const Vector& at_samples);
  void refresh_slack(Eigen::Index k);
  void set_room(Eigen::Index k, const Vector& heights, const Vector& velocities);
  void start_from_zero();
  void enter();
  void book_entry(Eigen::Index k, const Vector& before);
  void add_gain(Eigen::Index k, const Vector& gain);
  void keep_sides(const Matrix& before);
  void refresh_gaps();
  bool holds_plateau(const Plateau& rest) const;

  bool entered = false;
};

/// λ = t g at u − θ = gaps, a margin each: finite at any time (of samples that nothing follows λ
/// grows with t, and is cut off).
Vector multipliers_of(const FlowProblem& problem, double theta, const Vector& gaps);

/// The state at the end of a step of the integrator from `state` in which no event lies and rates
/// are no further than `wander` from those foreseen. `last_lambda` is still that of before.
FlowState after(FlowState state, const DenseStep& step, const Vector& wander);
/// The same of a step of that size in log time over which s moves by x.
FlowState after(FlowState state, const Vector& x, double size, const Vector& wander);

}  // namespace latetime
