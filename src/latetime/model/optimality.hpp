#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

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

/// What is proved of ½‖V‖² of a limit, rounding included, and of the least of all weights with
/// margins of at least 1.
struct LeastNormBounds {
  /// Not below ½‖V‖² of V scaled to margins of at least 1.
  double value = std::numeric_limits<double>::quiet_NaN();
  /// Not above ½‖·‖² of any weights with the limit's own-class activations, V itself included.
  double cell_lower = 0.0;
  double lower = 0.0;                                      ///< not above the global optimum
  double upper = std::numeric_limits<double>::infinity();  ///< not below it: of the best weights

  bool known() const { return lower > 0.0 && value < std::numeric_limits<double>::infinity(); }
  /// V is at most this part above the optimum: value/lower − 1.
  double gap() const {
    return known() ? std::max(0.0, value / lower - 1.0) : std::numeric_limits<double>::infinity();
  }
  /// V is at least this part above the optimum: cell_lower/upper − 1, 0 where it is not.
  double excess() const { return cell_lower > upper ? cell_lower / upper - 1.0 : 0.0; }
};

}  // namespace latetime
