#pragma once

#include <memory>

#include "latetime/dynamics/frozen_engine.hpp"
#include "latetime/dynamics/switching_engine.hpp"
#include "latetime/model/method.hpp"

namespace latetime {

/// Full-batch gradient descent step by step: the coefficient engine, the frozen engine for the
/// stretches in which no activation changes, and the switching engine for those in which few do
/// (two classes). All are exact.
///
/// The frozen engine is tried at multiples of `patience` steps when nothing has switched for that
/// long, and goes on until it meets a step that it cannot prove. The switching engine is tried at
/// multiples of its longest block, and goes on while its next block is worth it. Which engine takes
/// a step so depends on steps and states alone, and the result does not depend on how a run is cut.
class ExactDescent {
 public:
  ExactDescent(const Problem& problem, unsigned threads, bool use_frozen,
               bool use_switching = false);

  /// Steps of the switching engine count as the coefficient engine's, whose state it carries on.
  EngineKind engine() const { return frozen_now_ ? EngineKind::frozen : EngineKind::coefficient; }
  std::uint64_t step() const { return switching_ ? switching_->step() : coefficient_->step(); }
  void advance(std::uint64_t steps);
  bool finite() const { return coefficient_->finite(); }
  TrainingState state(bool with_weights = true) const {
    return switching_ ? switching_->state(with_weights) : coefficient_->state(with_weights);
  }
  Matrix coefficients() const {
    return switching_ ? switching_->coefficients() : coefficient_->coefficients();
  }
  Matrix preactivations_of(const Matrix& coefficients) const {
    return coefficient_->preactivations_of(coefficients);
  }
  SwitchCounts switches() const {
    return switching_ ? switching_->switches() : coefficient_->switches();
  }
  void clear_switched();
  /// Within a block of the switching engine: its start, and how many steps were taken since.
  EngineMemory memory() const;
  void restore(const EngineMemory& memory);
  void take_preactivations(const Matrix& z);

  static constexpr std::uint64_t patience = 256;
  static_assert(SwitchingEngine::longest_block % patience == 0);

 private:
  bool quiet() const;
  bool in_block() const { return switching_ && switching_->in_block(); }
  void choose_engine();
  std::uint64_t advance_block(std::uint64_t steps);
  std::uint64_t advance_alone(std::uint64_t steps);

  std::unique_ptr<CoefficientEngine> coefficient_;  // its address is the other engines'
  std::unique_ptr<FrozenEngine> frozen_;            // null: not used
  std::unique_ptr<SwitchingEngine> switching_;      // null: not used
  bool frozen_now_ = false;
  bool switching_now_ = false;
};

}  // namespace latetime
