#pragma once

#include "latetime/theory/trace.hpp"

namespace latetime {

/// Looks at every step of a full-batch gradient descent, for the claims that speak of every step.
/// It takes states from whoever steps, and checks them against the update rule and against each
/// other; it shares no code with the engines.
class StepWatch {
 public:
  /// Keeps a reference to `setting`.
  explicit StepWatch(const ClaimSetting& setting) : setting_(setting) {}

  /// The state after `step` steps: 0, 1, 2, … without gaps. Shapes: neurons × n, neurons × n;
  /// weights neurons × d, or empty where they are not known independently of the coefficients.
  void look(std::uint64_t step, const Matrix& coefficients, const Matrix& preactivations,
            const Matrix& weights = {});

  /// A run that was not looked at, and why.
  void give_up(const std::string& problem) { account_.problem = problem; }

  const StepAccount& account() const { return account_; }

 private:
  struct Sequence {
    bool running = false;
    double first = 0.0, latest = 0.0;         // x_{t0}, x_t
    std::uint64_t start = 0;                  // t0
    double log_upper = 0.0, log_lower = 0.0;  // log of the largest and the least constant so far
  };

  void check_update(const Matrix& rho);
  void check_signs(const Matrix& rho);
  void check_weights(const Matrix& coefficients, const Matrix& weights);
  void check_activations(const Matrix& preactivations);
  void follow_sequences(const Vector& margins);
  void follow_sequence(Sequence& sequence, double margin, const Place& place);

  const ClaimSetting& setting_;
  StepAccount account_;
  Place now_;
  Matrix previous_rho_, previous_z_;
  Vector previous_margins_;
  std::vector<Sequence> sequences_;
};

/// u_i = y_i f(x_i) from pre-activations, n.
Vector margins_of(const ClaimSetting& setting, const Matrix& preactivations);

}  // namespace latetime
