#include "latetime/dynamics/switching_kernel.hpp"

#include <algorithm>
#include <iterator>

#include "latetime/base/instruction_set.hpp"

namespace latetime::kernel {

std::size_t available_switching_kernels(const SwitchingKernel** list) {
  const SwitchingKernel* const all[] = {
    &baseline_switching_kernel,
#if defined(LATETIME_X86_KERNELS)
    &avx2_switching_kernel,
    &avx512_switching_kernel
#endif
  };
  const std::size_t count = std::min(instruction_sets(), std::size(all));
  std::copy_n(all, count, list);
  return count;
}

const SwitchingKernel& best_switching_kernel() {
  const SwitchingKernel* list[3];
  return *list[available_switching_kernels(list) - 1];
}

}  // namespace latetime::kernel
