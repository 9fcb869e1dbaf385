#pragma once

#include <functional>
#include <span>

#include "latetime/base/outcome.hpp"
#include "latetime/dynamics/batch_trainer.hpp"

namespace latetime {

/// What watches a training. All are called on the thread that carries it out, between steps.
struct BatchObservers {
  /// At every recorded step, the first one included; false where what it found is not finite, which
  /// ends the training there.
  std::function<bool()> record;
  /// Every few dozen milliseconds, or after each step where one takes longer, with the step
  /// reached; returning false stops the training there (`interrupted`). May be empty.
  std::function<bool(const LogTime& time)> pulse;
};

/// Takes the trainer from where it is to each of these steps in turn, and has each recorded: what
/// Descent::run does for runs. The times are steps, in ascending order, none before the trainer's
/// own. Ends `reached_end`, `interrupted`, or `not_finite` where outputs overflow. What the
/// observers throw passes through.
template <class Real>
Outcome follow(BatchTrainer<Real>& trainer, std::span<const LogTime> record_at,
               const BatchObservers& observers);

}  // namespace latetime
