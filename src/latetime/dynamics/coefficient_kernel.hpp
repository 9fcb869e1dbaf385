#pragma once

// The inner loops of the coefficient engine, compiled once for every instruction set.
// Plain pointers only: the variants are built with other compiler flags than the rest, so nothing
// inline may be shared with them.

#include <cstddef>
#include <cstdint>

namespace latetime::kernel {

/// Rows are padded to a multiple of this many doubles.
inline constexpr std::size_t lane_multiple = 8;

/// Samples are worked on in tiles of this many: one word of a pattern.
inline constexpr std::size_t tile_samples = 64;

/// Sums over all subsets of a chunk of samples ("four Russians"), for the samples of one tile. With
/// q_l = (1 − γ) p_l G_l,
///   tables[chunk][bits] = Σ_{l in chunk, bit l set} q_l   (+ γ Σ_l p_l G_l in chunk 0).
/// A neuron's increment is then one table row a chunk, whatever its activation pattern, and neurons
/// with equal patterns share every sum.
struct TableJob {
  const double* gram;  ///< samples × gram_stride, from the tile's first column on
  std::size_t gram_stride;
  const double* pull;      ///< p_l, samples
  std::size_t samples;     ///< n
  std::size_t width;       ///< lanes of the tile, a multiple of lane_multiple
  std::size_t chunk_bits;  ///< samples a chunk; divides 64 when n > 64
  double slope;            ///< γ
  double* tables;          ///< chunks × 2^chunk_bits × width
};

/// Fills the tables of one chunk.
using TableKernel = void (*)(const TableJob& job, std::size_t chunk);

/// One gradient step of the pre-activations of some neurons of one group, on one tile of samples.
struct MoveJob {
  double* z;  ///< rows, z_stride apart, from the tile's first column on; padded
              ///< lanes hold −1 and stay there
  std::size_t z_stride;
  const std::uint64_t* pattern;  ///< rows × words, bit i: z_i ≥ 0; the whole rows of all tiles
  std::uint64_t* new_pattern;    ///< rows × words, from the tile's word on: overwritten
  std::size_t words;             ///< 64-bit words of a pattern row
  std::size_t rows;
  std::size_t width;  ///< lanes of the tile, a multiple of lane_multiple, at most 64
  std::size_t chunk_bits;
  std::size_t chunks;  ///< of all samples
  const double* tables;
  bool mirrored;  ///< the group moves along −p instead of p
  double slope;
  double* activation_sum;  ///< width: Σ over the rows of σ(z), overwritten
};

using MoveKernel = void (*)(const MoveJob& job);

/// Takes over the new patterns of some neurons of one group and books what switched.
///
/// Coefficients are booked by switches instead of by steps: with S_l = Σ p_l over the steps so far,
/// a pair that switches on subtracts the S_l of that moment from its active sum and one that
/// switches off adds it, so that active_sum + [active now] S_l = Σ p_l over the steps it was
/// active.
struct BookJob {
  std::uint64_t* pattern;            ///< rows × words
  const std::uint64_t* new_pattern;  ///< rows × words
  std::uint64_t* switched;           ///< rows × words, a bit is set when that activation changes
  std::size_t rows;
  std::size_t words;
  double* active_sum;  ///< rows × stride
  std::size_t stride;
  const double* cumulative;      ///< S_l with this step's p_l included, stride
  const std::uint64_t* own;      ///< words: samples of this group's class
  std::uint64_t own_switches;    ///< out
  std::uint64_t other_switches;  ///< out
};

using BookKernel = void (*)(BookJob& job);

/// One build of the loops.
struct Kernels {
  const char* name;  ///< "baseline", "avx2", "avx512"
  TableKernel build_tables;
  MoveKernel move_neurons;
  BookKernel book_switches;
};

/// The variants that this processor can run, slowest first. All give the same bits.
/// Terminated by the returned count.
std::size_t available_kernels(const Kernels** list);

/// Fastest variant of this processor.
const Kernels& best_kernels();

extern const Kernels baseline_kernels;
#if defined(LATETIME_X86_KERNELS)
extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;
#endif

}  // namespace latetime::kernel
