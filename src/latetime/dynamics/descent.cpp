#include "latetime/dynamics/descent.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

using Clock = std::chrono::steady_clock;

// How long a run goes on between two calls of `pulse`.
constexpr std::chrono::milliseconds pulse_period{30};

std::variant<CoefficientEngine, DenseEngine> make_engine(const Dataset& data,
                                                         const Network& initial,
                                                         const DescentOptions& options) {
  using Engine = std::variant<CoefficientEngine, DenseEngine>;
  if (choose_engine(options, data.size(), data.dim()) == EngineChoice::coefficient) {
    return Engine(std::in_place_type<CoefficientEngine>, data, initial, options.learning_rate,
                  options.threads);
  }
  const std::size_t batch = options.method == Method::stochastic ? options.batch_size : 0;
  return Engine(std::in_place_type<DenseEngine>, data, initial, options.learning_rate, batch,
                options.seed, options.threads);
}

}  // namespace

EngineChoice choose_engine(const DescentOptions& options, Eigen::Index n, Eigen::Index d) {
  if (options.method == Method::stochastic) {
    if (options.engine != EngineChoice::automatic && options.engine != EngineChoice::dense) {
      throw InputError(
          "descent.engine",
          "mini-batches are followed by the dense engine only; use engine = \"dense\" or "
          "method = \"gd\"");
    }
    return EngineChoice::dense;
  }
  if (options.method == Method::flow || options.engine == EngineChoice::frozen ||
      options.engine == EngineChoice::flow) {
    throw std::logic_error("not wired yet");
  }
  if (options.engine != EngineChoice::automatic) return options.engine;
  return n <= 2 * d ? EngineChoice::coefficient : EngineChoice::dense;
}

Descent::Descent(const Dataset& data, const Network& initial, const DescentOptions& options)
    : engine_(make_engine(data, initial, options)) {}

std::string_view Descent::engine_name() const {
  return std::holds_alternative<CoefficientEngine>(engine_) ? "coefficient" : "dense";
}

LogTime Descent::time() const {
  return step();
}

std::uint64_t Descent::step() const {
  return std::visit([](const auto& engine) { return engine.step(); }, engine_);
}

TrainingState Descent::state(bool with_weights) const {
  return std::visit([&](const auto& engine) { return engine.state(with_weights); }, engine_);
}

EngineMemory Descent::memory() const {
  return std::visit([](const auto& engine) { return engine.memory(); }, engine_);
}

void Descent::restore(const EngineMemory& memory) {
  std::visit([&](auto& engine) { engine.restore(memory); }, engine_);
}

void Descent::advance(std::uint64_t steps) {
  std::visit([&](auto& engine) { engine.advance(steps); }, engine_);
}

bool Descent::finite() const {
  return std::visit([](const auto& engine) { return engine.finite(); }, engine_);
}

void Descent::clear_switched() {
  std::visit([](auto& engine) { engine.clear_switched(); }, engine_);
}

/// False when `pulse` asked to stop, or the state is no longer finite.
bool Descent::advance_to(std::uint64_t target, const DescentObservers& observers) {
  while (step() < target) {
    const auto start = Clock::now();
    const std::uint64_t steps = std::min(chunk_, target - step());
    advance(steps);
    const auto spent = Clock::now() - start;
    // Chunks only pace the calls of `pulse`; the engines step alike however they are chunked.
    if (spent < pulse_period / 2 && steps == chunk_) chunk_ *= 2;
    if (spent > pulse_period * 2 && chunk_ > 1) chunk_ /= 2;
    if (!finite()) return false;
    if (observers.pulse && !observers.pulse(step())) return false;
  }
  return true;
}

Outcome Descent::run(std::span<const LogTime> record_at, const DescentObservers& observers) {
  if (!record_at.empty() && !record_at.back().step()) throw std::logic_error("not wired yet");
  for (const LogTime& target : record_at) {
    if (target < time()) continue;
    if (!advance_to(*target.step(), observers)) {
      if (finite()) return {StopReason::interrupted, time(), "stopped on request"};
      return {StopReason::not_finite, time(),
              "the network's outputs overflowed; the data or the learning rate are far too large"};
    }
    const TrainingState here = state(observers.needs_weights);
    clear_switched();  // first, so that a checkpoint written by the observer starts the new
                       // interval
    observers.record(here);
  }
  return {StopReason::reached_end, time(), ""};
}

}  // namespace latetime
