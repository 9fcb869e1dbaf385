#pragma once

#include <array>
#include <cstdint>

#include "latetime/base/choice.hpp"

// What is said of a KKT point as a minimum, in memory and in files.

namespace latetime {

enum class Optimality : std::uint8_t { optimal, not_optimal, undecided };

template <>
struct ChoiceTable<Optimality> {
  static constexpr std::array<ChoiceWord<Optimality>, 3> words{
      {{Optimality::optimal, "optimal"},
       {Optimality::not_optimal, "not-optimal"},
       {Optimality::undecided, "undecided"}}};
};

/// How a verdict is known.
enum class Certainty : std::uint8_t { proved, estimated, undecided };

template <>
struct ChoiceTable<Certainty> {
  static constexpr std::array<ChoiceWord<Certainty>, 3> words{
      {{Certainty::proved, "proved"},
       {Certainty::estimated, "estimated"},
       {Certainty::undecided, "undecided"}}};
};

}  // namespace latetime
