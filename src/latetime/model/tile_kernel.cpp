#include "latetime/model/tile_kernel.hpp"

namespace latetime::tile {
namespace {

template <class Real>
const Kernels<Real>& of_precision(const KernelPair& pair) {
  if constexpr (sizeof(Real) == sizeof(float)) {
    return pair.single;
  } else {
    return pair.twofold;
  }
}

}  // namespace

template <class Real>
std::size_t available_kernels(const Kernels<Real>** list) {
  std::size_t count = 0;
  list[count++] = &of_precision<Real>(reference_kernels);
  list[count++] = &of_precision<Real>(reference_kernels_split);
  list[count++] = &of_precision<Real>(baseline_kernels);
#if defined(LATETIME_X86_KERNELS)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    list[count++] = &of_precision<Real>(avx2_kernels);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
      list[count++] = &of_precision<Real>(avx512_kernels);
    }
  }
#endif
  return count;
}

template <class Real>
const Kernels<Real>& best_kernels() {
  const Kernels<Real>* list[max_kernels];
  return *list[available_kernels(list) - 1];
}

template std::size_t available_kernels<float>(const Kernels<float>**);
template std::size_t available_kernels<double>(const Kernels<double>**);
template const Kernels<float>& best_kernels<float>();
template const Kernels<double>& best_kernels<double>();

}  // namespace latetime::tile
