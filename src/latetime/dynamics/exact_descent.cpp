#include "latetime/dynamics/exact_descent.hpp"

#include <algorithm>
#include <bit>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

// What "frozen_now" says in a checkpoint beside 0 and 1: the switching engine goes on, so many
// steps into a block.
constexpr double switching_from = 2.0;

/// Whether blocks are worth it is asked eight to sixteen times while steps double: asking costs as
/// much as some tens of steps.
std::uint64_t period_of_trials(std::uint64_t step) {
  return std::max(SwitchingEngine::longest_block, std::bit_floor(step) / 8);
}

}  // namespace

ExactDescent::ExactDescent(const Problem& problem, unsigned threads, bool use_frozen,
                           bool use_switching)
    : coefficient_(std::make_unique<CoefficientEngine>(problem, threads)) {
  if (problem.shape().groups != 2) return;
  if (use_frozen) frozen_ = std::make_unique<FrozenEngine>(*coefficient_);
  if (use_switching) switching_ = std::make_unique<SwitchingEngine>(*coefficient_);
}

/// Nothing has switched for `patience` steps.
bool ExactDescent::quiet() const {
  const SwitchCounts& switches = coefficient_->switches();
  const std::uint64_t last = std::max(switches.last_own_step, switches.last_other_step);
  return step() >= last + patience;
}

void ExactDescent::advance(std::uint64_t steps) {
  while (steps > 0) {
    if (!in_block()) choose_engine();
    const std::uint64_t taken = in_block() ? advance_block(steps) : advance_alone(steps);
    steps -= taken;
    if (!finite()) return;
    // A step that could not be proved is the coefficient engine's, up to the next attempt.
    if (steps > 0 && frozen_ && !frozen_now_ && !in_block() && step() % patience == 0 &&
        taken == 0) {
      const std::uint64_t leave = std::min(steps, patience);
      coefficient_->advance(leave);
      steps -= leave;
    }
  }
}

/// Where no block is under way: what takes the next steps.
void ExactDescent::choose_engine() {
  if (frozen_ && !frozen_now_) frozen_now_ = step() % patience == 0 && quiet();
  if (frozen_now_ || !switching_) {
    switching_now_ = false;
    return;
  }
  if (step() > 0 && step() % period_of_trials(step()) == 0) switching_now_ = true;
  if (switching_now_) switching_now_ = switching_->begin_block();
}

std::uint64_t ExactDescent::advance_block(std::uint64_t steps) {
  const bool first = switching_->block_steps() == 0;
  const std::uint64_t taken = switching_->advance(steps);
  if (first && taken == 0) switching_now_ = false;
  return taken;
}

std::uint64_t ExactDescent::advance_alone(std::uint64_t steps) {
  std::uint64_t taken = steps;
  if (frozen_now_) {
    taken = frozen_->advance(steps);
    frozen_now_ = taken == steps;
  } else {
    if (frozen_ || switching_) taken = std::min(steps, patience - step() % patience);
    coefficient_->advance(taken);
  }
  return taken;
}

void ExactDescent::clear_switched() {
  in_block() ? switching_->clear_switched() : coefficient_->clear_switched();
}

void ExactDescent::take_preactivations(const Matrix& z) {
  if (in_block()) switching_->end_block();
  coefficient_->take_preactivations(z);
}

EngineMemory ExactDescent::memory() const {
  EngineMemory memory = coefficient_->memory();
  double mode = frozen_now_ ? 1.0 : 0.0;
  if (switching_now_) mode = switching_from;
  if (in_block()) {
    memory.step = step();
    memory.switches = switches();
    memory.switched_since_record = switching_->switched();
    mode = switching_from + static_cast<double>(switching_->block_steps());
  }
  memory.arrays["frozen_now"] = Matrix::Constant(1, 1, mode);
  return memory;
}

void ExactDescent::restore(const EngineMemory& memory) {
  const double mode = memory.arrays.at("frozen_now")(0, 0);
  frozen_now_ = frozen_ && mode != 0.0 && mode < switching_from;
  switching_now_ = switching_ && mode >= switching_from;
  std::uint64_t in_block = 0;
  if (mode > switching_from) {
    constexpr auto longest = static_cast<double>(SwitchingEngine::longest_block);
    const double steps = mode - switching_from;
    if (!(steps <= longest && steps <= static_cast<double>(memory.step))) {
      throw InputError("result.h5",
                       "/engine/frozen_now is not what a run writes; the file is "
                       "damaged, run anew into another folder");
    }
    in_block = static_cast<std::uint64_t>(steps);
  }
  EngineMemory start = memory;
  start.step -= in_block;
  if (switching_) switching_->leave_block();
  coefficient_->restore(start);
  if (in_block == 0) return;
  if (!switching_now_ || !switching_->replay(in_block)) {
    throw InputError("result.h5",
                     "/engine does not lead to the step at which it was left; the file "
                     "is damaged, run anew into another folder");
  }
}

}  // namespace latetime
