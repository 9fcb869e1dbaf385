#include "latetime/dynamics/batch_descent.hpp"

#include <algorithm>

namespace latetime {
namespace {

/// Steps between two pulses: some dozen milliseconds on one core. A count, not a clock, so that
/// where an overflow is seen does not depend on the machine.
template <class Real>
std::uint64_t steps_of_a_pulse(const BatchTrainer<Real>& trainer) {
  constexpr double operations = 1e9, most = 50;
  return static_cast<std::uint64_t>(
      std::clamp(operations / std::max(trainer.operations_a_step(), 1.0), 1.0, most));
}

}  // namespace

template <class Real>
Outcome follow(BatchTrainer<Real>& trainer, std::span<const LogTime> record_at,
               const BatchObservers& observers) {
  const auto overflowed = [&] {
    return Outcome{StopReason::not_finite, trainer.step(),
                   "the outputs overflowed; choose a smaller descent.learning_rate"};
  };
  const std::uint64_t chunk = steps_of_a_pulse(trainer);
  for (const LogTime& time : record_at) {
    const std::uint64_t target = time.step().value();
    while (trainer.step() < target) {
      trainer.advance(std::min(chunk, target - trainer.step()));
      if (!trainer.finite()) return overflowed();
      if (observers.pulse && !observers.pulse(trainer.step())) {
        return {StopReason::interrupted, trainer.step(), "stopped on request"};
      }
    }
    if (!observers.record()) return overflowed();
  }
  return {StopReason::reached_end, trainer.step(), ""};
}

template Outcome follow(BatchTrainer<float>&, std::span<const LogTime>, const BatchObservers&);
template Outcome follow(BatchTrainer<double>&, std::span<const LogTime>, const BatchObservers&);

}  // namespace latetime
