#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "latetime/base/outcome.hpp"
#include "latetime/dynamics/late_flow.hpp"

namespace latetime {

/// Losses that fall by less than this in log, over a decade of steps, are not at late times: the
/// flow, in whose time they should fall by about log 10, would only be slow.
constexpr double least_fall_of_a_decade = 0.5;

/// When exact steps may give way to the late-time flow, decided by trials: at every half decade T a
/// flow is started from the run's own state at T/10 and compared with the exact steps up to T. What
/// it was off by is, up to a factor, what a flow from T will be off by later.
class HandOver {
 public:
  /// Largest absolute difference of log loss and stable ranks of two states given by coefficients
  /// (neurons × n) and margins (Rivals::margins), but for the ranks of classes that only hop.
  using Discrepancy = std::function<double(
      const Matrix& flow_coefficients, const Vector& flow_margins, const Matrix& coefficients,
      const Vector& margins, const std::vector<bool>& only_hops)>;
  struct Options {
    double tolerance = 1e-8;
    bool forced = false;           ///< leave at the first trial that works, whatever its error
    std::uint64_t most_steps = 0;  ///< leave then, with the error that was reached
  };
  enum class Decision { go_on, leave, give_up, interrupted };

  /// `initial_preactivations` is Z(0), neurons × n; `beyond` is of the initial weights.
  HandOver(const FlowProblem& problem, Matrix initial_preactivations,
           std::shared_ptr<const WeightsBeyond> beyond, Discrepancy discrepancy,
           const Options& options);

  /// The first step after `step` at which look() must be called: 8 a decade.
  static std::uint64_t next_look(std::uint64_t step);

  /// Takes note of the exact state at a step that next_look() named, tries where one is due.
  /// `keep_going` is asked now and then; after `interrupted`, the same step must be looked at
  /// again.
  Decision look(std::uint64_t step, const Matrix& coefficients,
                const std::function<bool()>& keep_going = {});

  /// After `leave`: expected error of log loss and stable ranks at the hand-over.
  double error() const { return error_; }
  /// For the flow's decisions: its options with the errors that the last trial met.
  const FlowOptions& flow_options() const { return flow_options_; }
  /// After `give_up`: why.
  const Outcome& outcome() const { return outcome_; }

  /// The flow that a state starts.
  FlowStart start(std::uint64_t step, const Matrix& coefficients) const;

  /// For checkpoints: 1 × looks_kept steps (0: none), and their coefficients stacked.
  static constexpr std::size_t looks_kept = 9;
  Matrix look_steps() const;
  Matrix look_coefficients() const;
  void restore(const Matrix& steps, const Matrix& coefficients);

 private:
  struct Look {
    std::uint64_t step;
    Matrix coefficients;
  };
  struct Trial;
  class BetweenCrossings;
  double try_from_oldest(bool stays, double enough, const std::function<bool()>& keep_going,
                         FlowStatus& status);
  bool see_between_crossings(const std::function<bool()>& keep_going, FlowOptions& seen);
  LateFlow flow_from(const Look& look, const FlowOptions& options = {}) const;
  std::vector<const Look*> settled_looks() const;
  double log_loss_at(const Look& look) const;
  double jitter() const;
  bool find_not_separated();
  bool has_resting_samples() const;
  Vector margins_of(const Matrix& preactivations) const;

  const FlowProblem problem_;
  const Matrix initial_preactivations_;
  const std::shared_ptr<const WeightsBeyond> beyond_;
  const Discrepancy discrepancy_;
  const Options options_;
  std::deque<Look> looks_;  // the last decade, oldest first
  // While a trial goes on, checkpoints have the looks before this one, which is to be asked again.
  bool trying_ = false;
  std::optional<Look> dropped_;  // by the last look
  double error_ = 0.0;
  FlowOptions flow_options_;
  Outcome outcome_;
};

/// The outcome of a run whose present pattern cannot separate the samples, so that its loss does
/// not go to zero (reason `not_separated`); a default outcome when it can, or when that is not
/// decided.
Outcome not_separated(const LateFlow& flow, const LogTime& time, double log_loss);

/// The outcome of a run whose loss hardly falls any more where nothing follows it further.
Outcome not_separated_so_far(const LogTime& time, double log_loss, bool of_descent = true);

/// What the error at the hand-over has fallen to at a later time, as a part of it: fluctuations of
/// switching pairs die like 1/t, what else there is may stay.
double error_decay(double log_time, double hand_over_log_time);

}  // namespace latetime
