#include "latetime/dynamics/frozen_kernel.hpp"

#include "latetime/dynamics/coefficient_kernel.hpp"

namespace latetime::kernel {

std::size_t available_frozen_kernels(const FrozenKernel** list) {
  const FrozenKernel* const all[] = {
    &baseline_frozen_kernel,
#if defined(LATETIME_X86_KERNELS)
    &avx2_frozen_kernel,
    &avx512_frozen_kernel
#endif
  };
  const Kernels* same_order[3];
  const std::size_t count = available_kernels(same_order);
  for (std::size_t i = 0; i < count; ++i) list[i] = all[i];
  return count;
}

const FrozenKernel& best_frozen_kernel() {
  const FrozenKernel* list[3];
  return *list[available_frozen_kernels(list) - 1];
}

}  // namespace latetime::kernel
