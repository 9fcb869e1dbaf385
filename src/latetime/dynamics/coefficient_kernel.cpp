#include "latetime/dynamics/coefficient_kernel.hpp"

#include <algorithm>
#include <iterator>

#include "latetime/base/instruction_set.hpp"

namespace latetime::kernel {

std::size_t available_kernels(const Kernels** list) {
  const Kernels* const all[] = {
    &baseline_kernels,
#if defined(LATETIME_X86_KERNELS)
    &avx2_kernels,
    &avx512_kernels
#endif
  };
  const std::size_t count = std::min(instruction_sets(), std::size(all));
  std::copy_n(all, count, list);
  return count;
}

const Kernels& best_kernels() {
  const Kernels* list[3];
  return *list[available_kernels(list) - 1];
}

}  // namespace latetime::kernel
