#pragma once

#include <optional>

#include "latetime/data/dataset.hpp"
#include "latetime/measure/population_error.hpp"
#include "latetime/model/training_state.hpp"

namespace latetime {

/// What a network is judged by beside its training samples.
struct HeldOut {
  std::optional<Dataset> test;           ///< samples with clean labels
  std::optional<Population> population;  ///< that all samples are drawn from
};

/// Shares of samples on which a network errs, y f(x) ≤ 0; NaN where there are none.
struct Errors {
  double train = 0.0;        ///< training samples, with the labels that were trained on
  double train_clean = 0.0;  ///< with those before label noise
  double test = 0.0;
  double test_zero = 0.0;  ///< test samples on which f is 0, which are part of `test`
  std::optional<PopulationError> population;
};

/// Errors of the states of one run; may be used by several threads at a time.
class ErrorMeter {
 public:
  /// `held_out` and `data` are referred to.
  ErrorMeter(const Dataset& data, const Network& initial, const HeldOut& held_out);

  /// The result does not depend on `threads`.
  Errors measure(const TrainingState& state, unsigned threads) const;

 private:
  const Dataset& data_;
  const HeldOut& held_out_;
  const NetworkShape shape_;
  Matrix test_initial_;  // W⁰ Xᵀ of the test samples, 2m × test samples
  Matrix test_gram_;     // X Xᵀ, n × test samples
  std::optional<PopulationMeter> population_;
};

/// Errors of the direction V = coefficients · X in which the weights of a run diverge, known to a
/// relative 1e-9: where |f| is less than that of its terms, it counts as 0. A sample on which f is
/// not 0 is classified by W(t) as by V from some time on. A ReLU network is 0 where no neuron of V
/// is active, and W(t) is then 0 there too, but for neurons that stay behind (v_k = 0). Takes ten
/// times the draws of a record.
Errors limit_errors(const Matrix& coefficients, const Dataset& data, const NetworkShape& shape,
                    const HeldOut& held_out, unsigned threads);

}  // namespace latetime
