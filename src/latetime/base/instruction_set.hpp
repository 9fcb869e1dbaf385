#pragma once

#include <cstddef>
#include <cstdint>

namespace latetime {

/// Instruction sets that kernels are compiled for; each has those before it.
enum class InstructionSet : std::uint8_t {
  baseline,  ///< of the compiler's target
  avx2,      ///< with FMA, BMI1, BMI2 and POPCNT
  avx512,    ///< F, DQ, VL and BW
};

/// The last that this processor has.
InstructionSet best_instruction_set();

/// How many of these this processor has: the first so many of a list in their order.
inline std::size_t instruction_sets() {
  return static_cast<std::size_t>(best_instruction_set()) + 1;
}

}  // namespace latetime
