#pragma once

// The inner loops of training in mini-batches, compiled once for every instruction set.
// Plain pointers only: the variants are built with other compiler flags than the rest, so nothing
// inline may be shared with them.
//
// Neurons are worked on in tiles of `width`. A table of a tile (weights, pre-activations) has a row
// of `width` numbers for every feature, or sample; neurons lie side by side, those past the end of
// a group are zero and stay zero. Sums run in the order of features, samples and neurons, with one
// rounding for a product and its addition (kernels that say `fused`), whatever the vector width.

#include <cstddef>
#include <cstdint>

#include "latetime/base/sparse_entry.hpp"

namespace latetime::tile {

/// Neurons a tile.
inline constexpr std::size_t width = 128;

/// The used lanes of a tile are padded to a multiple of this. Sums over neurons are kept in this
/// many lanes, which are added up at the end in pairs of halves.
inline constexpr std::size_t lane_multiple = 16;

/// target[r] += Σ_e value_e · source[row_e] over the entries e of each row r, in their order.
template <class Real>
struct AccumulateJob {
  Real* target;        ///< rows × width
  const Real* source;  ///< rows of width numbers, begins on a cache line
  /// `rows` each: the entries of row r are begins[r] … ends[r] − 1.
  const std::uint32_t* begins;
  const std::uint32_t* ends;
  const SparseEntry<Real>* entries;
  std::size_t rows;
  std::size_t lanes;  ///< used lanes, a multiple of lane_multiple
  bool overwrite;     ///< target[r] starts from zero instead
};

/// Pre-activations of one tile and what goes with them.
template <class Real>
struct ActivationJob {
  Real* z;  ///< samples × width
  std::size_t samples;
  std::size_t lanes;
  std::size_t neurons;  ///< of the tile: lanes beyond are padding
  Real slope;           ///< γ
  Real smoothing;       ///< h of the smoothed leaky ReLU (Activation); 0: the kink
  std::size_t outputs;  ///< K, of a linear output layer
  const Real* head;     ///< outputs × width, of a linear output layer
  const Real* pulls;    ///< samples (fixed second layer) or samples × outputs (linear)
  Real* result;         ///< see the kernel
};

/// A tile against `count` vectors over its features: result_c += Wᵀ (W v_c), in double precision.
template <class Real>
struct NormalProductJob {
  const Real* weights;  ///< features × width
  std::size_t features;
  std::size_t lanes;
  std::size_t count;
  const double* vectors;  ///< count × features
  double* results;        ///< count × features
};

/// gram[p][q] += Σ_r w_{p,r} w_{q,r} of a tile, for the panels of q at or right of that of p: at
/// least the upper triangle. In double precision.
template <class Real>
struct GramJob {
  const Real* weights;  ///< features × width
  std::size_t features;
  std::size_t lanes;
  double* scratch;     ///< width × gram_stride
  double* gram;        ///< gram_stride × gram_stride
  std::size_t stride;  ///< gram_stride(features)
};

/// Features are worked on in panels of this many by GramJob.
inline constexpr std::size_t panel = 24;
constexpr std::size_t gram_stride(std::size_t features) {
  return (features + panel - 1) / panel * panel;
}

/// One build of the loops.
template <class Real>
struct Kernels {
  const char* name;  ///< "reference", "baseline", "avx2", "avx512"
  bool fused;        ///< a product and its addition are rounded once
  void (*accumulate)(const AccumulateJob<Real>&);
  /// result[s] = Σ_r σ(z[s][r]).
  void (*sum_activations)(const ActivationJob<Real>&);
  /// z[s][r] ← pulls[s] σ'(z[s][r]).
  void (*fixed_pulls)(const ActivationJob<Real>&);
  /// result[s][k] = Σ_r head[k][r] σ(z[s][r]).
  void (*linear_outputs)(const ActivationJob<Real>&);
  /// result[k][r] = head[k][r] + Σ_s pulls[s][k] σ(z[s][r]).
  void (*linear_update)(const ActivationJob<Real>&);
  /// z[s][r] ← σ'(z[s][r]) Σ_k pulls[s][k] head[k][r].
  void (*linear_pulls)(const ActivationJob<Real>&);
  void (*normal_product)(const NormalProductJob<Real>&);
  void (*add_gram)(const GramJob<Real>&);
};

/// The variants that this processor can run, slowest first: the plain loops that the others are
/// tested against, then one for each instruction set. At most max_kernels.
inline constexpr std::size_t max_kernels = 5;
template <class Real>
std::size_t available_kernels(const Kernels<Real>** list);

/// Fastest variant of this processor.
template <class Real>
const Kernels<Real>& best_kernels();

/// One variant in both precisions.
struct KernelPair {
  Kernels<float> single;
  Kernels<double> twofold;
};
extern const KernelPair reference_kernels;        ///< one rounding for a product and its addition
extern const KernelPair reference_kernels_split;  ///< two roundings
extern const KernelPair baseline_kernels;
#if defined(LATETIME_X86_KERNELS)
extern const KernelPair avx2_kernels;
extern const KernelPair avx512_kernels;
#endif

}  // namespace latetime::tile
