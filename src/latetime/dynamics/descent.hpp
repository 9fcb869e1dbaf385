#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <variant>

#include "latetime/base/outcome.hpp"
#include "latetime/dynamics/coefficient_engine.hpp"
#include "latetime/dynamics/dense_engine.hpp"

namespace latetime {

enum class Method {
  gradient_descent,  ///< full batch, (3.2)
  stochastic,        ///< mini-batches, a new seeded order each epoch
  flow,              ///< gradient flow; one unit of time is one step
};

enum class EngineChoice { automatic, dense, coefficient, frozen, flow };

struct DescentOptions {
  Method method = Method::gradient_descent;
  double learning_rate = 0.1;   ///< η > 0
  std::size_t batch_size = 64;  ///< samples a mini-batch; for Method::stochastic
  EngineChoice engine = EngineChoice::automatic;
  double tolerance = 1e-8;  ///< of log loss and stable ranks, for the hand-over to the flow; > 0
  std::uint64_t seed = 1;   ///< of the order of the samples in mini-batches
  unsigned threads = 1;     ///< ≥ 1; does not change the result
};

/// What watches a run. All are called on the thread that runs it, between steps.
struct DescentObservers {
  /// At every recorded time, the first one included.
  std::function<void(const TrainingState&)> record;
  /// Every few dozen milliseconds with the time reached; returning false stops the run there
  /// (Outcome reason `interrupted`). May be empty.
  std::function<bool(const LogTime& time)> pulse;
  /// False when `record` can do without weights where they follow from the coefficients: an engine
  /// that does not hold them then leaves TrainingState::weights empty.
  bool needs_weights = true;
};

/// One gradient descent, followed by the engine that suits it.
class Descent {
 public:
  /// Picks the engine: mini-batches need the dense one; full batch takes the coefficient engine
  /// unless n > 2d, where weights are the smaller state. A forced engine is taken as asked; throws
  /// InputError (key descent.engine) for mini-batches on any but the dense engine.
  Descent(const Dataset& data, const Network& initial, const DescentOptions& options);

  std::string_view engine_name() const;
  LogTime time() const;
  TrainingState state(bool with_weights = true) const;
  EngineMemory memory() const;
  void restore(const EngineMemory& memory);

  /// Steps to each of the ascending `record_at` in turn (those before the current time are passed
  /// over) and shows the state there to `observers.record`.
  Outcome run(std::span<const LogTime> record_at, const DescentObservers& observers);

 private:
  bool advance_to(std::uint64_t target, const DescentObservers& observers);
  std::uint64_t step() const;
  void advance(std::uint64_t steps);
  bool finite() const;
  void clear_switched();

  std::variant<CoefficientEngine, DenseEngine> engine_;
  std::uint64_t chunk_ = 1;  // steps between two looks at the clock
};

/// The engine that `automatic` stands for.
EngineChoice choose_engine(const DescentOptions& options, Eigen::Index n, Eigen::Index d);

}  // namespace latetime
