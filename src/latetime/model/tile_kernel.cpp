#include "latetime/model/tile_kernel.hpp"

#include <algorithm>
#include <iterator>
#include <span>

#include "latetime/base/instruction_set.hpp"

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
  const KernelPair* const all[] = {
    &baseline_kernels,
#if defined(LATETIME_X86_KERNELS)
    &avx2_kernels,
    &avx512_kernels
#endif
  };
  std::size_t count = 0;
  list[count++] = &of_precision<Real>(reference_kernels);
  list[count++] = &of_precision<Real>(reference_kernels_split);
  for (const KernelPair* pair :
       std::span(all).first(std::min(instruction_sets(), std::size(all)))) {
    list[count++] = &of_precision<Real>(*pair);
  }
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
