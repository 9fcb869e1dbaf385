#include "latetime/dynamics/frozen_kernel.hpp"

#include <algorithm>
#include <iterator>

#include "latetime/base/instruction_set.hpp"

namespace latetime::kernel {

std::size_t available_frozen_kernels(const FrozenKernel** list) {
  const FrozenKernel* const all[] = {
    &baseline_frozen_kernel,
#if defined(LATETIME_X86_KERNELS)
    &avx2_frozen_kernel,
    &avx512_frozen_kernel
#endif
  };
  const std::size_t count = std::min(instruction_sets(), std::size(all));
  std::copy_n(all, count, list);
  return count;
}

const FrozenKernel& best_frozen_kernel() {
  const FrozenKernel* list[3];
  return *list[available_frozen_kernels(list) - 1];
}

}  // namespace latetime::kernel
