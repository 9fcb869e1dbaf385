#pragma once

// The inner loop of the switching engine, compiled once for every instruction set (see
// coefficient_kernel.hpp for the rules that such sources keep).

#include <cstddef>
#include <cstdint>

namespace latetime::kernel {

/// The neurons of one group and the samples on which they can switch within a block of steps: its
/// *open* samples. On all others, the *shut* ones, no neuron of the group switches.
struct SwitchingGroup {
  bool mirrored;             ///< the group moves along −p instead of p
  std::size_t rows;          ///< neurons
  std::size_t open;          ///< open samples, > 0
  std::size_t width;         ///< that, rounded up to lane_multiple
  std::size_t words;         ///< 64-bit words of `open` bits
  std::size_t column_words;  ///< 64-bit words of `rows` bits

  double* z;                 ///< rows × width: pre-activations on open samples; padding −1
  double* active_sum;        ///< rows × width: Σ p over the steps at which the pair was active
  std::uint64_t* pattern;    ///< rows × words, bit j: active on open sample j
  double* activation_sum;    ///< width: Σ over the rows of σ(z)
  std::uint64_t* columns;    ///< open × column_words: the pattern's transpose
  std::uint64_t* switched;   ///< the same: pairs that have switched, set and never cleared here
  const unsigned char* own;  ///< open: sample j is of the group's class
  const std::uint32_t* samples;  ///< open: which sample j is

  // The increment of a row on open samples is the sum of `bases[base_of[row]]`, over the shut
  // samples that it is active on, and of table rows over the open ones.
  std::size_t shut;
  std::size_t shut_bits, open_bits;    ///< samples a chunk; divides 64 where there are more
  std::size_t bases;                   ///< different patterns on shut samples
  std::size_t shut_words;              ///< 64-bit words of `shut` bits
  const std::uint64_t* base_patterns;  ///< bases × shut_words
  const std::uint32_t* base_of;        ///< rows
  const std::uint32_t* shut_samples;   ///< shut
  const double* shut_gram;             ///< shut × width: G_{l,j}
  const double* open_gram;             ///< open × width
  double* base_rows;                   ///< bases × tile_samples: scratch
  double* tables;                      ///< scratch of the tables of one tile

  // What open sample j does to the outputs on shut samples i: G_{ji} Σ_k σ'_{k,i} σ'_{k,j}.
  const std::uint64_t* shut_columns;  ///< column_words × stride: bit k, neuron k is active on i
  const double* shut_counts;          ///< stride: active neurons
  const double* masked_gram;          ///< open × stride: G_{ji}, 0 where i is open
  double* kernel;                     ///< open × stride
};

/// Gradient steps of two classes in a block. Padding of samples up to the stride has rate and
/// budget 0.
struct SwitchingJob {
  std::size_t samples;   ///< n
  std::size_t stride;    ///< a multiple of lane_multiple; rows start on cache lines
  bool exponential;      ///< the loss; else it is the logistic one
  double slope;          ///< γ
  double inverse_width;  ///< 1/m
  const double* labels;  ///< y, stride; 1 beyond n
  const double* rate;    ///< η/(nm), stride
  const double* budget;  ///< stride: what a sample's Σ |p| may come to in the block
  const double* kernel;  ///< samples × stride: Σ over groups, both samples shut
  double* outputs;       ///< stride: m (F_0 − F_1) of the shut pairs
  double* margins;       ///< stride: scratch
  double* pull;          ///< stride: scratch, p
  double* grown;         ///< stride: Σ |p| in the block
  SwitchingGroup groups[2];
  std::uint64_t step;                          ///< of the block: steps taken
  std::uint64_t own_switches, other_switches;  ///< in the block
  std::uint64_t last_own, last_other;          ///< the step of the block that saw the last; 0: none
};

/// One build of the loop.
struct SwitchingKernel {
  const char* name;  ///< as in Kernels
  /// Sets `columns` and `kernel` of a group by its pattern, and `activation_sum` by z.
  void (*begin)(SwitchingJob& job, SwitchingGroup& group);
  /// Takes up to `steps` steps, fewer where the next would exceed a budget. Returns how many.
  std::uint64_t (*advance)(SwitchingJob& job, std::uint64_t steps);
};

/// The variants that this processor can run, slowest first. All give the same bits.
/// Terminated by the returned count.
std::size_t available_switching_kernels(const SwitchingKernel** list);

/// Fastest variant of this processor.
const SwitchingKernel& best_switching_kernel();

extern const SwitchingKernel baseline_switching_kernel;
#if defined(LATETIME_X86_KERNELS)
extern const SwitchingKernel avx2_switching_kernel;
extern const SwitchingKernel avx512_switching_kernel;
#endif

}  // namespace latetime::kernel
