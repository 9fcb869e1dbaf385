#pragma once

#include <array>

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

/// What takes the steps of a run.
enum class EngineKind {
  dense,        ///< exact steps of the weights
  coefficient,  ///< exact steps of the coefficients
  frozen,       ///< exact steps while no activation changes
  flow,         ///< the late-time flow
};

template <>
struct ChoiceTable<EngineKind> {
  static constexpr std::array<ChoiceWord<EngineKind>, 4> words{
      {{EngineKind::dense, "dense"},
       {EngineKind::coefficient, "coefficient"},
       {EngineKind::frozen, "frozen"},
       {EngineKind::flow, "flow"}}};
};

/// Which of them a configuration asks for.
enum class EngineChoice { automatic, dense, coefficient, frozen, flow };

template <>
struct ChoiceTable<EngineChoice> {
  static constexpr std::array<ChoiceWord<EngineChoice>, 5> words{
      {{EngineChoice::automatic, "auto"},
       {EngineChoice::dense, text_of(EngineKind::dense)},
       {EngineChoice::coefficient, text_of(EngineKind::coefficient)},
       {EngineChoice::frozen, text_of(EngineKind::frozen)},
       {EngineChoice::flow, text_of(EngineKind::flow)}}};
};

}  // namespace latetime
