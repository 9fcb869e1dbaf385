#pragma once

// The inner loop of the frozen engine, compiled once for every instruction set (see
// coefficient_kernel.hpp for the rules that such sources keep).

#include <cstddef>
#include <cstdint>

namespace latetime::kernel {

/// Gradient steps of all samples while no activation changes:
///   u = u_ref + K s,   s_i ← s_i + rate_i / (1 + e^{u_i}),
/// of the exponential loss s_i ← s_i + rate_i e^{−u_i}.
/// Lanes from n to the stride have rate 0 and zeros in K, and stay 0.
struct FrozenJob {
  const double* tangent;    ///< K, samples × stride: row l is its column l (K is symmetric)
  const double* reference;  ///< u_ref, stride
  const double* rate;       ///< stride
  double* sums;             ///< s, stride: moved on
  double* margins;          ///< stride: scratch
  std::size_t samples;      ///< n
  std::size_t stride;       ///< a multiple of lane_multiple; rows start on cache lines
  std::uint64_t steps;
  bool exponential;  ///< the loss; else it is the logistic one
};

/// One build of the loop.
struct FrozenKernel {
  const char* name;  ///< as in Kernels
  void (*advance)(const FrozenJob& job);
};

/// The variants that this processor can run, slowest first. All give the same bits.
/// Terminated by the returned count.
std::size_t available_frozen_kernels(const FrozenKernel** list);

/// Fastest variant of this processor.
const FrozenKernel& best_frozen_kernel();

extern const FrozenKernel baseline_frozen_kernel;
#if defined(LATETIME_X86_KERNELS)
extern const FrozenKernel avx2_frozen_kernel;
extern const FrozenKernel avx512_frozen_kernel;
#endif

}  // namespace latetime::kernel
