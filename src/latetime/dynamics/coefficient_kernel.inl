// Body of the coefficient engine's inner loops; included by one source file for each instruction
// set, which defines LATETIME_KERNELS (the exported name) and LATETIME_KERNEL_LABEL.
//
// Every operation works lane by lane on samples, and sums over neurons run in row order, so the
// result does not depend on the vector width.

#include "latetime/dynamics/coefficient_kernel.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace latetime::kernel {
namespace {

#if defined(__AVX512F__)
constexpr std::size_t lanes = 8;
#elif defined(__AVX__)
constexpr std::size_t lanes = 4;
#else
constexpr std::size_t lanes = 2;
#endif
constexpr std::size_t tile_vectors = 8;  // accumulators kept in registers

typedef double Pack __attribute__((vector_size(lanes * sizeof(double))));

inline Pack load(const double* from) {
  return *reinterpret_cast<const Pack*>(from);
}
inline void store(double* to, Pack value) {
  *reinterpret_cast<Pack*>(to) = value;
}

/// Bit v: lane v is ≥ 0 (σ'(0) = 1, so zero counts as active).
inline std::uint64_t active_bits(Pack z) {
#if defined(__AVX512F__)
  return _mm512_cmp_pd_mask(z, _mm512_setzero_pd(), _CMP_GE_OQ);
#elif defined(__AVX__)
  return static_cast<std::uint64_t>(
      _mm256_movemask_pd(_mm256_cmp_pd(z, _mm256_setzero_pd(), _CMP_GE_OQ)));
#elif defined(__SSE2__)
  return static_cast<std::uint64_t>(_mm_movemask_pd(_mm_cmpge_pd(z, _mm_setzero_pd())));
#else
  std::uint64_t bits = 0;
  for (std::size_t v = 0; v < lanes; ++v) bits |= static_cast<std::uint64_t>(z[v] >= 0.0) << v;
  return bits;
#endif
}

void build_tables(const TableJob& job, std::size_t chunk) {
  const std::size_t width = job.width;
  const std::size_t rows = std::size_t{1} << job.chunk_bits;
  const std::size_t first = chunk * job.chunk_bits;
  double* table = job.tables + chunk * rows * width;
  for (std::size_t i = 0; i < width; i += lanes) {
    Pack base = {};
    if (chunk == 0 && job.slope != 0.0) {
      for (std::size_t l = 0; l < job.samples; ++l) {
        base += (job.slope * job.pull[l]) * load(job.gram + l * job.gram_stride + i);
      }
    }
    store(table + i, base);
    std::size_t filled = 1;
    for (std::size_t bit = 0; bit < job.chunk_bits && first + bit < job.samples; ++bit) {
      const std::size_t l = first + bit;
      const Pack q = ((1.0 - job.slope) * job.pull[l]) * load(job.gram + l * job.gram_stride + i);
      for (std::size_t row = 0; row < filled; ++row) {
        store(table + (filled + row) * width + i, load(table + row * width + i) + q);
      }
      filled *= 2;
    }
  }
}

/// Moves `vectors` packs of one neuron's row by `increment`, adds their activations to `sum`, and
/// returns the new activation bits of these samples.
template <bool mirrored, std::size_t vectors>
inline __attribute__((always_inline)) std::uint64_t move_tile(double* z, const Pack* increment,
                                                              double slope, Pack* sum) {
  std::uint64_t active = 0;
  for (std::size_t v = 0; v < vectors; ++v) {
    const Pack before = load(z + v * lanes);
    const Pack after = mirrored ? before - increment[v] : before + increment[v];
    store(z + v * lanes, after);
    const Pack leak = slope * after;
    sum[v] += after > leak ? after : leak;  // max(z, γz)
    active |= active_bits(after) << (v * lanes);
  }
  return active;
}

/// `vectors` packs of every row, from lane `first` of the tile on: the sums over neurons stay in
/// registers, and so does a row's increment. `whole`: these packs are the whole row, of one word.
/// `fixed_chunks`: the number of chunks where it is known when this is compiled, else 0.
template <bool mirrored, bool whole, std::size_t vectors, std::size_t fixed_chunks = 0>
void move_lanes(const MoveJob& shared, std::size_t first) {
  const MoveJob job = shared;  // a private copy: stores to z cannot alias its fields
  const std::size_t width = whole ? vectors * lanes : job.width;
  const std::uint64_t row_mask = (std::uint64_t{1} << job.chunk_bits) - 1;
  const std::size_t table_size = width << job.chunk_bits;
  const std::size_t chunks_a_word = job.words == 1 ? job.chunks : 64 / job.chunk_bits;
  Pack sum[vectors] = {};
  double* z = job.z + first;
  for (std::size_t row = 0; row < job.rows; ++row, z += job.z_stride) {
    Pack increment[vectors] = {};
    const double* table = job.tables + first;
    const auto add_word = [&](std::uint64_t bits, std::size_t count) {
      for (std::size_t chunk = 0; chunk < count; ++chunk) {
        const double* entry = table + (bits & row_mask) * width;
        for (std::size_t v = 0; v < vectors; ++v) increment[v] += load(entry + v * lanes);
        bits >>= job.chunk_bits;
        table += table_size;
      }
    };
    if constexpr (whole) {
      add_word(job.pattern[row], fixed_chunks ? fixed_chunks : job.chunks);
      job.new_pattern[row] = move_tile<mirrored, vectors>(z, increment, job.slope, sum);
    } else {
      const std::uint64_t* pattern = job.pattern + row * job.words;
      std::size_t left = job.chunks;
      for (; left > chunks_a_word; left -= chunks_a_word) add_word(*pattern++, chunks_a_word);
      add_word(*pattern, left);
      const std::uint64_t active = move_tile<mirrored, vectors>(z, increment, job.slope, sum);
      std::uint64_t& word = job.new_pattern[row * job.words];
      word = first == 0 ? active : word | active << first;
    }
  }
  for (std::size_t v = 0; v < vectors; ++v) store(job.activation_sum + first + v * lanes, sum[v]);
}

template <bool mirrored, std::size_t vectors>
void move_remaining(const MoveJob& job, std::size_t first) {
  if (first == 0 && job.words == 1) {
    switch (job.chunks) {
      case 1:
        return move_lanes<mirrored, true, vectors, 1>(job, 0);
      case 2:
        return move_lanes<mirrored, true, vectors, 2>(job, 0);
      case 3:
        return move_lanes<mirrored, true, vectors, 3>(job, 0);
      default:
        return move_lanes<mirrored, true, vectors>(job, 0);
    }
  } else {
    move_lanes<mirrored, false, vectors>(job, first);
  }
}

template <bool mirrored>
void move_along(const MoveJob& job) {
  constexpr std::size_t tile = tile_vectors * lanes;
  std::size_t first = 0;
  for (; first + tile < job.width; first += tile) {
    move_lanes<mirrored, false, tile_vectors>(job, first);
  }
  switch ((job.width - first) / lanes) {
    case 1:
      return move_remaining<mirrored, 1>(job, first);
    case 2:
      return move_remaining<mirrored, 2>(job, first);
    case 3:
      return move_remaining<mirrored, 3>(job, first);
    case 4:
      return move_remaining<mirrored, 4>(job, first);
    case 5:
      return move_remaining<mirrored, 5>(job, first);
    case 6:
      return move_remaining<mirrored, 6>(job, first);
    case 7:
      return move_remaining<mirrored, 7>(job, first);
    default:
      return move_remaining<mirrored, 8>(job, first);
  }
}

void move_neurons(const MoveJob& job) {
  if (job.mirrored) {
    move_along<true>(job);
  } else {
    move_along<false>(job);
  }
}

/// Bit v: words v of the two arrays differ (`lanes` words).
inline std::uint64_t different_bits(const std::uint64_t* a, const std::uint64_t* b) {
#if defined(__AVX512F__)
  return _mm512_cmpneq_epi64_mask(_mm512_loadu_si512(a), _mm512_loadu_si512(b));
#elif defined(__AVX2__)
  const __m256i equal = _mm256_cmpeq_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a)),
                                           _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b)));
  return static_cast<std::uint64_t>(~_mm256_movemask_pd(_mm256_castsi256_pd(equal)) & 0xF);
#else
  std::uint64_t bits = 0;
  for (std::size_t v = 0; v < lanes; ++v) bits |= static_cast<std::uint64_t>(a[v] != b[v]) << v;
  return bits;
#endif
}

/// Books the switches `changed` of one word of one row's pattern (see BookJob).
inline __attribute__((always_inline)) void book_word(const BookJob& job, std::size_t index,
                                                     std::size_t row, std::size_t word) {
  const std::uint64_t now = job.new_pattern[index];
  double* active_sum = job.active_sum + row * job.stride + 64 * word;
  const double* cumulative = job.cumulative + 64 * word;
  for (std::uint64_t left = job.pattern[index] ^ now; left != 0; left &= left - 1) {
    const int bit = __builtin_ctzll(left);
    active_sum[bit] += (now >> bit) & 1 ? -cumulative[bit] : cumulative[bit];
  }
  job.pattern[index] = now;
}

/// Most words do not change in a step, and which ones do is hard to predict: collect up to 64
/// words' worth of changes without a branch, then visit those alone.
void book_switches(BookJob& shared) {
  const BookJob job = shared;
  const std::size_t count = job.rows * job.words;
  std::uint64_t own = 0, all = 0;
  for (std::size_t first = 0; first < count; first += 64) {
    const std::size_t here = count - first < 64 ? count - first : 64;
    std::uint64_t changed = 0;
    std::size_t k = 0;
    for (; k + lanes <= here; k += lanes) {
      changed |= different_bits(job.pattern + first + k, job.new_pattern + first + k) << k;
    }
    for (; k < here; ++k) {
      const bool differs = job.pattern[first + k] != job.new_pattern[first + k];
      changed |= static_cast<std::uint64_t>(differs) << k;
    }
    for (; changed != 0; changed &= changed - 1) {
      const std::size_t index = first + static_cast<std::size_t>(__builtin_ctzll(changed));
      const std::size_t row = job.words == 1 ? index : index / job.words;
      const std::size_t word = index - row * job.words;
      const std::uint64_t switched = job.pattern[index] ^ job.new_pattern[index];
      job.switched[index] |= switched;
      own += static_cast<std::uint64_t>(__builtin_popcountll(switched & job.own[word]));
      all += static_cast<std::uint64_t>(__builtin_popcountll(switched));
      book_word(job, index, row, word);
    }
  }
  shared.own_switches = own;
  shared.other_switches = all - own;
}

}  // namespace

extern const Kernels LATETIME_KERNELS;
const Kernels LATETIME_KERNELS{LATETIME_KERNEL_LABEL, build_tables, move_neurons, book_switches};

}  // namespace latetime::kernel
