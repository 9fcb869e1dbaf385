#pragma once

#include <array>
#include <cstdint>

#include "latetime/base/choice.hpp"

// What is said of the limit t = ∞, in memory and in files.

namespace latetime {

/// What becomes of the activation of one (neuron, sample) pair as t → ∞.
enum class PairVerdict : std::uint8_t {
  inactive,   ///< off for ever
  active,     ///< on for ever
  switches,   ///< on and off for ever
  undecided,  ///< the first-order conditions hold with equality: they do not decide
};

enum class LimitStatus {
  found,          ///< a KKT point, consistent with the present pattern of own-class activations
  not_separated,  ///< no weights of the present pattern give every sample a positive margin
  pattern_moves,  ///< a KKT point, but some own-class activations still have to change before it
  not_solved,     ///< the complementarity problem was not solved to its tolerance
  not_separated_so_far,  ///< as not_separated, but activations may still change
};

template <>
struct ChoiceTable<LimitStatus> {
  static constexpr std::array<ChoiceWord<LimitStatus>, 5> words{
      {{LimitStatus::found, "found"},
       {LimitStatus::not_separated, "not-separated"},
       {LimitStatus::pattern_moves, "pattern-moves"},
       {LimitStatus::not_solved, "not-solved"},
       {LimitStatus::not_separated_so_far, "not-separated-so-far"}}};
};

}  // namespace latetime
