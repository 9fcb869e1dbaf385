#pragma once

#include <memory>

#include "latetime/dynamics/frozen_engine.hpp"
#include "latetime/model/method.hpp"

namespace latetime {

/// Full-batch gradient descent step by step: the coefficient engine, and the frozen engine for the
/// stretches in which no activation changes (two classes). Both are exact.
///
/// The frozen engine is tried at multiples of `patience` steps when nothing has switched for that
/// long, and goes on until it meets a step that it cannot prove. Which engine takes a step so
/// depends on steps and switches alone, and the result does not depend on how a run is cut.
class ExactDescent {
 public:
  ExactDescent(const Problem& problem, unsigned threads, bool use_frozen);

  EngineKind engine() const { return frozen_now_ ? EngineKind::frozen : EngineKind::coefficient; }
  std::uint64_t step() const { return coefficient_->step(); }
  void advance(std::uint64_t steps);
  bool finite() const { return coefficient_->finite(); }
  TrainingState state(bool with_weights = true) const { return coefficient_->state(with_weights); }
  Matrix coefficients() const { return coefficient_->coefficients(); }
  Matrix preactivations_of(const Matrix& coefficients) const {
    return coefficient_->preactivations_of(coefficients);
  }
  SwitchCounts switches() const { return coefficient_->switches(); }
  void clear_switched() { coefficient_->clear_switched(); }
  EngineMemory memory() const;
  void restore(const EngineMemory& memory);
  void take_preactivations(const Matrix& z) { coefficient_->take_preactivations(z); }

  static constexpr std::uint64_t patience = 256;

 private:
  bool quiet() const;

  std::unique_ptr<CoefficientEngine> coefficient_;  // its address is the frozen engine's
  std::unique_ptr<FrozenEngine> frozen_;            // null: not used
  bool frozen_now_ = false;
};

}  // namespace latetime
