#include "latetime/dynamics/exact_descent.hpp"

#include <algorithm>

namespace latetime {

ExactDescent::ExactDescent(const Problem& problem, unsigned threads, bool use_frozen)
    : coefficient_(std::make_unique<CoefficientEngine>(problem, threads)) {
  if (use_frozen && problem.shape().groups == 2) {
    frozen_ = std::make_unique<FrozenEngine>(*coefficient_);
  }
}

/// Nothing has switched for `patience` steps.
bool ExactDescent::quiet() const {
  const SwitchCounts& switches = coefficient_->switches();
  const std::uint64_t last = std::max(switches.last_own_step, switches.last_other_step);
  return step() >= last + patience;
}

void ExactDescent::advance(std::uint64_t steps) {
  while (steps > 0) {
    if (frozen_ && !frozen_now_) frozen_now_ = step() % patience == 0 && quiet();
    std::uint64_t taken = 0;
    if (frozen_now_) {
      taken = frozen_->advance(steps);
      frozen_now_ = taken == steps;
    } else {
      taken = frozen_ ? std::min(steps, patience - step() % patience) : steps;
      coefficient_->advance(taken);
    }
    steps -= taken;
    if (!finite()) return;
    // A step that could not be proved is the coefficient engine's, up to the next attempt.
    if (steps > 0 && frozen_ && !frozen_now_ && step() % patience == 0 && taken == 0) {
      const std::uint64_t leave = std::min(steps, patience);
      coefficient_->advance(leave);
      steps -= leave;
    }
  }
}

EngineMemory ExactDescent::memory() const {
  EngineMemory memory = coefficient_->memory();
  memory.arrays["frozen_now"] = Matrix::Constant(1, 1, frozen_now_ ? 1.0 : 0.0);
  return memory;
}

void ExactDescent::restore(const EngineMemory& memory) {
  coefficient_->restore(memory);
  frozen_now_ = frozen_ && memory.arrays.at("frozen_now")(0, 0) != 0.0;
}

}  // namespace latetime
