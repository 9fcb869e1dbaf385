#pragma once

#include <cstddef>
#include <cstdint>

#include "latetime/base/log_time.hpp"
#include "latetime/data/dataset.hpp"
#include "latetime/dynamics/hand_over.hpp"
#include "latetime/model/method.hpp"

namespace latetime {

struct DescentOptions {
  Method method = Method::gradient_descent;
  std::size_t batch_size = 64;  ///< samples a mini-batch; for Method::stochastic
  EngineChoice engine = EngineChoice::automatic;
  double tolerance = 1e-8;    ///< of log loss and stable ranks, for the hand-over to the flow; > 0
  LogTime until = LogTime();  ///< how far the run is meant to go
  std::uint64_t seed = 1;     ///< of the order of the samples in mini-batches
  unsigned threads = 1;       ///< ≥ 1; does not change the result
  /// Compares states, for the hand-over and for shadows of exact steps (HandOver, RoundingShadow);
  /// empty: log losses alone.
  HandOver::Discrepancy discrepancy = {};
};

/// Throws InputError, naming `where`, for a method that the engine does not follow: mini-batches
/// are the dense engine's alone, gradient flow the flow's.
void require_engine_follows(EngineChoice engine, Method method, const std::string& where);

/// Throws InputError for an engine or a method that does not follow smoothed activations: the dense
/// engine alone does, by steps. `section` begins the key's name, such as "descent.".
void require_engine_smooths(EngineChoice engine, Method method, const std::string& section);

/// Samples a step: 0 for the full batch.
std::size_t batch_size(const DescentOptions& options);

/// What compares states: options.discrepancy, or log losses alone.
HandOver::Discrepancy discrepancy_of(const DescentOptions& options, const Problem& problem);

/// Which engines a run uses.
struct EnginePlan {
  bool dense = false;                  ///< the dense engine takes every step
  bool frozen = false;                 ///< the frozen engine helps the coefficient engine
  bool switching = false;              ///< and so does the switching engine
  bool hand_over = false;              ///< the late-time flow takes over when a trial allows it
  bool forced_flow = false;            ///< as soon as it can, whatever the error
  std::uint64_t most_exact_steps = 0;  ///< hand over then at the latest
};

/// The plan for n samples. Automatic: mini-batches and smoothed activations need the dense engine;
/// full batch takes exact steps to the end where that is a matter of seconds (the
/// dense engine if n > 2d, where weights are the smaller state), and else hands over to the
/// late-time flow. Throws InputError (key descent.engine) for a method or an activation that the
/// forced engine does not follow.
EnginePlan plan_engines(const DescentOptions& options, Eigen::Index n, const NetworkShape& shape);

/// EnginePlan::most_exact_steps of steps that take three times as long, with their shadows.
std::uint64_t most_shadowed_steps(const EnginePlan& plan);

}  // namespace latetime
