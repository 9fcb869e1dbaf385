#include "latetime/dynamics/coefficient_kernel.hpp"

namespace latetime::kernel {

std::size_t available_kernels(const Kernels** list) {
  std::size_t count = 0;
  list[count++] = &baseline_kernels;
#if defined(LATETIME_X86_KERNELS)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
      __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) {
    list[count++] = &avx2_kernels;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
      list[count++] = &avx512_kernels;
    }
  }
#endif
  return count;
}

const Kernels& best_kernels() {
  const Kernels* list[3];
  return *list[available_kernels(list) - 1];
}

}  // namespace latetime::kernel
