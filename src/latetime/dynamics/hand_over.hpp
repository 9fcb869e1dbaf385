#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "latetime/dynamics/late_flow.hpp"

namespace latetime {

/// When exact steps may give way to the late-time flow, decided by trials: at every half decade T a
/// flow is started from the run's own state at T/10 and compared with the exact steps up to T. What
/// it was off by is, up to a factor, what a flow from T will be off by later.
class HandOver {
 public:
  /// Largest absolute difference of log loss and stable ranks of two states given by coefficients
  /// (neurons × n) and margins (n).
  using Discrepancy =
      std::function<double(const Matrix& flow_coefficients, const Vector& flow_margins,
                           const Matrix& coefficients, const Vector& margins)>;
  struct Options {
    double tolerance = 1e-8;
    bool forced = false;           ///< leave at the first trial that works, whatever its error
    std::uint64_t most_steps = 0;  ///< leave then, with the error that was reached
  };
  enum class Decision { go_on, leave, give_up };

  /// `initial_preactivations` is Z(0), neurons × n.
  HandOver(const FlowProblem& problem, Matrix initial_preactivations, Discrepancy discrepancy,
           const Options& options);

  /// The first step after `step` at which look() must be called: 8 a decade.
  static std::uint64_t next_look(std::uint64_t step);

  /// Takes note of the exact state at a step that next_look() named, tries where one is due.
  Decision look(std::uint64_t step, const Matrix& coefficients);

  /// After `leave`: expected error of log loss and stable ranks at the hand-over.
  double error() const { return error_; }
  /// The same of pre-activations.
  double preactivation_error() const { return preactivation_error_; }
  /// After `give_up`: one line for people.
  const std::string& complaint() const { return complaint_; }

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
  double try_from_oldest(FlowStatus& status);
  Vector margins_of(const Matrix& preactivations) const;
  std::string diagnose(const Look& now, FlowStatus status) const;

  const FlowProblem problem_;
  const Matrix initial_preactivations_;
  const Discrepancy discrepancy_;
  const Options options_;
  std::deque<Look> looks_;  // the last decade, oldest first
  double error_ = 0.0, preactivation_error_ = 0.0;
  std::string complaint_;
};

/// What the error at the hand-over has fallen to at a later time, as a part of it: fluctuations of
/// switching pairs die like 1/t, what else there is may stay.
double error_decay(double log_time, double hand_over_log_time);

}  // namespace latetime
