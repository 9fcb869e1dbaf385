#pragma once

#include <array>
#include <string>

#include "latetime/base/choice.hpp"

namespace latetime {

enum class Method {
  gradient_descent,  ///< full batch, (3.2)
  stochastic,        ///< mini-batches, a new seeded order each epoch
  flow,              ///< gradient flow; one unit of time is one step
};

template <>
struct ChoiceTable<Method> {
  static constexpr std::array<ChoiceWord<Method>, 3> words{
      {{Method::gradient_descent, "gd"}, {Method::stochastic, "sgd"}, {Method::flow, "flow"}}};
};

enum class EngineChoice { automatic, dense, coefficient, frozen, flow };

template <>
struct ChoiceTable<EngineChoice> {
  static constexpr std::array<ChoiceWord<EngineChoice>, 5> words{
      {{EngineChoice::automatic, "auto"},
       {EngineChoice::dense, "dense"},
       {EngineChoice::coefficient, "coefficient"},
       {EngineChoice::frozen, "frozen"},
       {EngineChoice::flow, "flow"}}};
};

/// Throws InputError, naming `where`, for a method that the engine does not follow: mini-batches
/// are the dense engine's alone, gradient flow the flow's.
void require_engine_follows(EngineChoice engine, Method method, const std::string& where);

}  // namespace latetime
