// Body of the switching engine's inner loop; included by one source file for each instruction set,
// which defines LATETIME_SWITCHING_KERNEL (the exported name) and LATETIME_KERNEL_LABEL.
//
// Every operation works lane by lane on samples, sums over neurons run in row order and sums over
// samples in their order, so the result does not depend on the vector width; counts are whole
// numbers. exp is SLEEF's in its builds without fused multiply-add (see frozen_kernel.inl).

#include <sleef.h>

#include "latetime/dynamics/coefficient_kernel.hpp"
#include "latetime/dynamics/switching_kernel.hpp"

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
constexpr std::size_t tile_lanes = 32;
constexpr std::size_t most_packs = tile_lanes / lanes < 8 ? tile_lanes / lanes : 8;

typedef double Pack __attribute__((vector_size(lanes * sizeof(double))));

inline Pack load(const double* from) {
  return *reinterpret_cast<const Pack*>(from);
}
inline void store(double* to, Pack value) {
  *reinterpret_cast<Pack*>(to) = value;
}

inline Pack exponential(Pack x) {
#if defined(__AVX512F__)
  return Sleef_expd8_u10avx512fnofma(x);
#elif defined(__AVX__)
  return Sleef_expd4_u10avx(x);
#elif defined(__SSE2__)
  return Sleef_expd2_u10sse2(x);
#else
  for (std::size_t v = 0; v < lanes; ++v) x[v] = Sleef_exp_u10(x[v]);
  return x;
#endif
}

/// Bit v: lane v is ≥ 0.
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

// ---- multipliers ----------------------------------------------------------------------------

/// Margins, p, and Σ |p|; false, with nothing changed but scratch, where that exceeds a budget.
template <bool exponential_loss>
bool take_pulls(const SwitchingJob& job) {
  for (std::size_t i = 0; i < job.stride; i += lanes) {
    store(job.margins + i, load(job.outputs + i));
  }
  for (const SwitchingGroup& group : job.groups) {
    for (std::size_t j = 0; j < group.open; ++j) {
      double& f = job.margins[group.samples[j]];
      f = group.mirrored ? f - group.activation_sum[j] : f + group.activation_sum[j];
    }
  }
  std::uint64_t within = ~std::uint64_t{0};
  for (std::size_t i = 0; i < job.stride; i += lanes) {
    const Pack y = load(job.labels + i), rate = load(job.rate + i);
    const Pack u = y * (load(job.margins + i) * job.inverse_width);
    Pack q;
    if constexpr (exponential_loss) {
      q = rate * exponential(-u);
    } else {
      const Pack e = exponential(u < 0.0 ? u : -u);
      q = (u > 0.0 ? rate * e : rate) / (1.0 + e);
    }
    store(job.pull + i, q);
    // Not a number where values overflow: not within.
    within &= active_bits(load(job.budget + i) - (load(job.grown + i) + q)) |
              ~((std::uint64_t{1} << lanes) - 1);
  }
  if (~within) return false;
  for (std::size_t i = 0; i < job.stride; i += lanes) {
    const Pack q = load(job.pull + i);
    store(job.grown + i, load(job.grown + i) + q);
    store(job.pull + i, load(job.labels + i) * q);
  }
  return true;
}

/// outputs += Σ_l p_l kernel_l of `count` rows, in two strands; `packs` packs from lane `first` on.
template <std::size_t packs>
inline __attribute__((always_inline)) void add_rows(const SwitchingJob& job, std::size_t first) {
  Pack even[packs] = {}, odd[packs] = {};
  const double* row = job.kernel + first;
  std::size_t l = 0;
  for (; l + 1 < job.samples; l += 2, row += 2 * job.stride) {
    for (std::size_t v = 0; v < packs; ++v) {
      even[v] += load(row + v * lanes) * job.pull[l];
      odd[v] += load(row + job.stride + v * lanes) * job.pull[l + 1];
    }
  }
  if (l < job.samples) {
    for (std::size_t v = 0; v < packs; ++v) even[v] += load(row + v * lanes) * job.pull[l];
  }
  for (const SwitchingGroup& group : job.groups) {
    const double* open = group.kernel + first;
    for (std::size_t j = 0; j < group.open; ++j, open += job.stride) {
      const double p = job.pull[group.samples[j]];
      for (std::size_t v = 0; v < packs; ++v) odd[v] += load(open + v * lanes) * p;
    }
  }
  for (std::size_t v = 0; v < packs; ++v) {
    double* out = job.outputs + first + v * lanes;
    store(out, load(out) + (even[v] + odd[v]));
  }
}

template <std::size_t packs>
inline void add_last_rows(const SwitchingJob& job, std::size_t first) {
  if constexpr (packs > 0) {
    if (first + packs * lanes == job.stride) {
      add_rows<packs>(job, first);
    } else {
      add_last_rows<packs - 1>(job, first);
    }
  }
}

/// The outputs on shut samples, one step on.
void move_outputs(const SwitchingJob& job) {
  constexpr std::size_t packs = lanes == 8 ? 8 : 4;
  std::size_t first = 0;
  for (; first + packs * lanes <= job.stride; first += packs * lanes) add_rows<packs>(job, first);
  add_last_rows<packs - 1>(job, first);
}

// ---- pre-activations on open samples --------------------------------------------------------

/// The table of one chunk of `bits` samples: sums over all their subsets (coefficient_kernel.hpp),
/// made in registers.
template <std::size_t bits>
inline void build_table(const double* const* rows, const double* pulls, std::size_t width,
                        double* table) {
  for (std::size_t i = 0; i < width; i += lanes) {
    Pack entries[std::size_t{1} << bits];
    entries[0] = Pack{};
    for (std::size_t bit = 0; bit < bits; ++bit) {
      const Pack q = pulls[bit] * load(rows[bit] + i);
      for (std::size_t row = 0; row < std::size_t{1} << bit; ++row) {
        entries[(std::size_t{1} << bit) + row] = entries[row] + q;
      }
    }
    for (std::size_t row = 0; row < std::size_t{1} << bits; ++row) {
      store(table + row * width + i, entries[row]);
    }
  }
}

void build_any_table(const double* const* rows, const double* pulls, std::size_t bits,
                     std::size_t width, double* table) {
  for (std::size_t i = 0; i < width; i += lanes) {
    store(table + i, Pack{});
    std::size_t filled = 1;
    for (std::size_t bit = 0; bit < bits; ++bit, filled *= 2) {
      const Pack q = pulls[bit] * load(rows[bit] + i);
      for (std::size_t row = 0; row < filled; ++row) {
        store(table + (filled + row) * width + i, load(table + row * width + i) + q);
      }
    }
  }
}

/// The tables of `count` samples in chunks of `bits`.
void build_tables(const SwitchingJob& job, const double* gram, std::size_t gram_stride,
                  const std::uint32_t* samples, std::size_t count, std::size_t bits,
                  std::size_t width, double* tables) {
  const double share = 1.0 - job.slope;
  for (std::size_t first = 0; first < count; first += bits, tables += width << bits) {
    const std::size_t here = count - first < bits ? count - first : bits;
    const double* rows[8];
    double pulls[8];
    for (std::size_t bit = 0; bit < here; ++bit) {
      rows[bit] = gram + (first + bit) * gram_stride;
      pulls[bit] = share * job.pull[samples[first + bit]];
    }
    switch (here) {
      case 1:
        build_table<1>(rows, pulls, width, tables);
        break;
      case 2:
        build_table<2>(rows, pulls, width, tables);
        break;
      case 3:
        build_table<3>(rows, pulls, width, tables);
        break;
      case 4:
        build_table<4>(rows, pulls, width, tables);
        break;
      default:
        build_any_table(rows, pulls, here, width, tables);
    }
  }
}

/// Adds to `sum` the table rows that the bits of a pattern choose, chunk by chunk.
template <std::size_t packs>
inline __attribute__((always_inline)) void add_chosen(const std::uint64_t* pattern,
                                                      std::size_t count, std::size_t bits,
                                                      const double* tables, std::size_t width,
                                                      Pack* sum) {
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  const std::size_t size = width << bits;
  std::uint64_t word = 0;
  for (std::size_t first = 0; first < count; first += bits, tables += size) {
    if (first % 64 == 0 || bits > 64) word = pattern[first / 64];
    const double* row = tables + (word & mask) * width;
    for (std::size_t v = 0; v < packs; ++v) sum[v] += load(row + v * lanes);
    word >>= bits;
  }
}

/// A part of the open samples: `width` lanes from `first` on.
struct Tile {
  std::size_t first, width;
  double* open_tables;
};

/// The share of the shut samples in the increments, a row for each pattern on them.
template <std::size_t packs>
void move_bases(const SwitchingJob& job, const SwitchingGroup& group, const Tile& tile,
                std::size_t lane) {
  Pack leak[packs] = {};
  if (job.slope != 0.0) {
    const auto add = [&](const double* gram, const std::uint32_t* samples, std::size_t count) {
      for (std::size_t l = 0; l < count; ++l, gram += group.width) {
        const double p = job.slope * job.pull[samples[l]];
        for (std::size_t v = 0; v < packs; ++v) leak[v] += p * load(gram + v * lanes);
      }
    };
    add(group.shut_gram + tile.first + lane, group.shut_samples, group.shut);
    add(group.open_gram + tile.first + lane, group.samples, group.open);
  }
  for (std::size_t r = 0; r < group.bases; ++r) {
    Pack sum[packs];
    for (std::size_t v = 0; v < packs; ++v) sum[v] = leak[v];
    add_chosen<packs>(group.base_patterns + r * group.shut_words, group.shut, group.shut_bits,
                      group.tables + lane, tile.width, sum);
    double* row = group.base_rows + r * tile_samples + lane;
    for (std::size_t v = 0; v < packs; ++v) store(row + v * lanes, sum[v]);
  }
}

template <bool mirrored, std::size_t packs>
void move_rows(const SwitchingJob& job, const SwitchingGroup& group, const Tile& tile,
               std::size_t lane, std::uint64_t* new_pattern) {
  Pack pull[packs], sum[packs] = {};
  for (std::size_t v = 0; v < packs; ++v) {
    for (std::size_t e = 0; e < lanes; ++e) {
      const std::size_t j = tile.first + lane + v * lanes + e;
      pull[v][e] = j < group.open ? job.pull[group.samples[j]] : 0.0;
    }
  }
  double* z = group.z + tile.first + lane;
  double* active_sum = group.active_sum + tile.first + lane;
  const double slope = job.slope;
  const std::size_t shift = (tile.first + lane) % 64;
  for (std::size_t row = 0; row < group.rows; ++row) {
    Pack increment[packs];
    const double* base = group.base_rows + group.base_of[row] * tile_samples + lane;
    for (std::size_t v = 0; v < packs; ++v) increment[v] = load(base + v * lanes);
    add_chosen<packs>(group.pattern + row * group.words, group.open, group.open_bits,
                      tile.open_tables + lane, tile.width, increment);
    std::uint64_t active = 0;
    for (std::size_t v = 0; v < packs; ++v) {
      const Pack before = load(z + v * lanes);
      const Pack after = mirrored ? before - increment[v] : before + increment[v];
      store(active_sum + v * lanes,
            load(active_sum + v * lanes) + (before >= 0.0 ? pull[v] : Pack{}));
      store(z + v * lanes, after);
      const Pack leak = slope * after;
      sum[v] += after > leak ? after : leak;  // max(z, γz)
      active |= active_bits(after) << (v * lanes);
    }
    new_pattern[row] = shift == 0 ? active : new_pattern[row] | active << shift;
    z += group.width;
    active_sum += group.width;
  }
  for (std::size_t v = 0; v < packs; ++v) {
    store(group.activation_sum + tile.first + lane + v * lanes, sum[v]);
  }
}

template <std::size_t packs>
void move_lanes(const SwitchingJob& job, const SwitchingGroup& group, const Tile& tile,
                std::size_t lane, std::uint64_t* new_pattern) {
  move_bases<packs>(job, group, tile, lane);
  if (group.mirrored) {
    move_rows<true, packs>(job, group, tile, lane, new_pattern);
  } else {
    move_rows<false, packs>(job, group, tile, lane, new_pattern);
  }
}

template <std::size_t packs>
void move_last_lanes(const SwitchingJob& job, const SwitchingGroup& group, const Tile& tile,
                     std::size_t lane, std::uint64_t* new_pattern) {
  if constexpr (packs > 0) {
    if (lane + packs * lanes == tile.width) {
      move_lanes<packs>(job, group, tile, lane, new_pattern);
    } else {
      move_last_lanes<packs - 1>(job, group, tile, lane, new_pattern);
    }
  }
}

// ---- patterns -------------------------------------------------------------------------------

/// Bit r: bit `lane` of words[r], of up to 64 rows.
inline std::uint64_t column_of(const std::uint64_t* words, std::size_t rows, std::size_t lane) {
  std::uint64_t column = 0;
  std::size_t r = 0;
#if defined(__AVX512F__)
  const __m512i bit = _mm512_set1_epi64(static_cast<long long>(std::uint64_t{1} << lane));
  for (; r + 8 <= rows; r += 8) {
    column |= std::uint64_t{_mm512_test_epi64_mask(_mm512_loadu_si512(words + r), bit)} << r;
  }
#elif defined(__AVX2__)
  const __m128i shift = _mm_cvtsi64_si128(static_cast<long long>(63 - lane));
  for (; r + 4 <= rows; r += 4) {
    const __m256i four = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words + r));
    const int bits = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_sll_epi64(four, shift)));
    column |= static_cast<std::uint64_t>(bits) << r;
  }
#endif
  for (; r < rows; ++r) column |= (words[r] >> lane & 1) << r;
  return column;
}

/// The row of `kernel` that belongs to open sample j.
inline __attribute__((always_inline)) void kernel_row_of(const SwitchingJob& job,
                                                         const SwitchingGroup& group,
                                                         std::size_t j) {
  const std::uint64_t* column = group.columns + j * group.column_words;
  const double* gram = group.masked_gram + j * job.stride;
  double* row = group.kernel + j * job.stride;
  const double slope = job.slope;
  std::uint64_t active = 0;
  for (std::size_t w = 0; w < group.column_words; ++w) {
    active += static_cast<std::uint64_t>(__builtin_popcountll(column[w]));
  }
  const double neurons = static_cast<double>(group.rows), own = static_cast<double>(active);
  const double of_both = (1.0 - slope) * (1.0 - slope), of_one = slope * (1.0 - slope);
  const double of_all = slope * slope * neurons;
  for (std::size_t i = 0; i < job.stride; ++i) {
    std::int64_t both = 0;
    for (std::size_t w = 0; w < group.column_words; ++w) {
      both += __builtin_popcountll(column[w] & group.shut_columns[w * job.stride + i]);
    }
    row[i] = gram[i] * (of_both * static_cast<double>(both) +
                        (of_one * (own + group.shut_counts[i]) + of_all));
  }
}

#if defined(__AVX512F__)
__attribute__((target("avx512vpopcntdq,avx512f,avx512dq"))) void kernel_row_by_vectors(
    const SwitchingJob& job, const SwitchingGroup& group, std::size_t j) {
  const std::uint64_t* column = group.columns + j * group.column_words;
  const double* gram = group.masked_gram + j * job.stride;
  double* row = group.kernel + j * job.stride;
  const double slope = job.slope;
  std::uint64_t active = 0;
  for (std::size_t w = 0; w < group.column_words; ++w) {
    active += static_cast<std::uint64_t>(__builtin_popcountll(column[w]));
  }
  const double neurons = static_cast<double>(group.rows), own = static_cast<double>(active);
  const double of_both = (1.0 - slope) * (1.0 - slope), of_one = slope * (1.0 - slope);
  const double of_all = slope * slope * neurons;
  for (std::size_t i = 0; i < job.stride; i += 8) {
    __m512i both = _mm512_setzero_si512();
    for (std::size_t w = 0; w < group.column_words; ++w) {
      const __m512i of_row = _mm512_set1_epi64(static_cast<long long>(column[w]));
      const __m512i of_column = _mm512_loadu_si512(group.shut_columns + w * job.stride + i);
      both = _mm512_add_epi64(both, _mm512_popcnt_epi64(_mm512_and_si512(of_row, of_column)));
    }
    const Pack counted = _mm512_cvtepi64_pd(both);
    store(row + i, load(gram + i) * (of_both * counted +
                                     (of_one * (own + load(group.shut_counts + i)) + of_all)));
  }
}
#endif

void move_kernel_row(const SwitchingJob& job, const SwitchingGroup& group, std::size_t j) {
#if defined(__AVX512F__)
  static const bool vectors = __builtin_cpu_supports("avx512vpopcntdq");
  if (vectors) return kernel_row_by_vectors(job, group, j);
#endif
  kernel_row_of(job, group, j);
}

/// Takes over the new patterns of the open samples from 64 `word` on: columns, their kernel rows,
/// and the switches.
void take_patterns(SwitchingJob& job, SwitchingGroup& group, std::size_t word,
                   const std::uint64_t* new_pattern, std::uint64_t* own, std::uint64_t* other) {
  const std::size_t first = 64 * word;
  const std::size_t count = group.open - first < 64 ? group.open - first : 64;
  for (std::size_t lane = 0; lane < count; ++lane) {
    const std::size_t j = first + lane;
    std::uint64_t changed = 0;
    for (std::size_t w = 0; w < group.column_words; ++w) {
      const std::size_t rows = group.rows - 64 * w < 64 ? group.rows - 64 * w : 64;
      std::uint64_t& column = group.columns[j * group.column_words + w];
      const std::uint64_t now = column_of(new_pattern + 64 * w, rows, lane);
      const std::uint64_t different = column ^ now;
      group.switched[j * group.column_words + w] |= different;
      changed += static_cast<std::uint64_t>(__builtin_popcountll(different));
      column = now;
    }
    if (changed == 0) continue;
    *(group.own[j] ? own : other) += changed;
    move_kernel_row(job, group, j);
  }
}

void begin(SwitchingJob& job, SwitchingGroup& group) {
  for (std::size_t j = 0; j < group.open; ++j) {
    for (std::size_t w = 0; w < group.column_words; ++w) {
      std::uint64_t column = 0;
      for (std::size_t row = 64 * w; row < group.rows && row < 64 * (w + 1); ++row) {
        column |= (group.pattern[row * group.words + j / 64] >> (j % 64) & 1) << (row % 64);
      }
      group.columns[j * group.column_words + w] = column;
    }
    move_kernel_row(job, group, j);
  }
  for (std::size_t j = 0; j < group.width; ++j) {
    double sum = 0.0;
    for (std::size_t row = 0; row < group.rows && j < group.open; ++row) {
      const double z = group.z[row * group.width + j], leak = job.slope * z;
      sum += z > leak ? z : leak;
    }
    group.activation_sum[j] = sum;
  }
}

/// The lanes of one tile: tables, then rows, which use them up while they lie in the nearest cache.
void move_tile(const SwitchingJob& job, const SwitchingGroup& group, Tile tile,
               std::uint64_t* new_pattern) {
  const std::size_t shut_chunks = (group.shut + group.shut_bits - 1) / group.shut_bits;
  tile.open_tables = group.tables + (shut_chunks << group.shut_bits) * tile.width;
  build_tables(job, group.shut_gram + tile.first, group.width, group.shut_samples, group.shut,
               group.shut_bits, tile.width, group.tables);
  build_tables(job, group.open_gram + tile.first, group.width, group.samples, group.open,
               group.open_bits, tile.width, tile.open_tables);
  constexpr std::size_t whole = most_packs * lanes;
  std::size_t lane = 0;
  for (; lane + whole <= tile.width; lane += whole) {
    move_lanes<most_packs>(job, group, tile, lane, new_pattern);
  }
  move_last_lanes<most_packs - 1>(job, group, tile, lane, new_pattern);
}

/// One step of a group, a tile of its open samples after the other. Patterns are taken over once no
/// tile needs the old ones any more.
void move_group(SwitchingJob& job, SwitchingGroup& group, std::uint64_t* own,
                std::uint64_t* other) {
  std::uint64_t* new_patterns = group.pattern + group.rows * group.words;
  for (std::size_t first = 0; first < group.width; first += tile_lanes) {
    const std::size_t left = group.width - first;
    move_tile(job, group, {first, left < tile_lanes ? left : tile_lanes, nullptr},
              new_patterns + first / 64 * group.rows);
  }
  for (std::size_t word = 0; word < group.words; ++word) {
    const std::uint64_t* new_pattern = new_patterns + word * group.rows;
    take_patterns(job, group, word, new_pattern, own, other);
    for (std::size_t row = 0; row < group.rows; ++row) {
      group.pattern[row * group.words + word] = new_pattern[row];
    }
  }
}

template <bool exponential_loss>
std::uint64_t advance_steps(SwitchingJob& job, std::uint64_t steps) {
  for (std::uint64_t taken = 0; taken < steps; ++taken) {
    if (!take_pulls<exponential_loss>(job)) return taken;
    move_outputs(job);
    std::uint64_t own = 0, other = 0;
    for (SwitchingGroup& group : job.groups) move_group(job, group, &own, &other);
    ++job.step;
    job.own_switches += own;
    job.other_switches += other;
    if (own) job.last_own = job.step;
    if (other) job.last_other = job.step;
  }
  return steps;
}

std::uint64_t advance(SwitchingJob& job, std::uint64_t steps) {
  return job.exponential ? advance_steps<true>(job, steps) : advance_steps<false>(job, steps);
}

}  // namespace

extern const SwitchingKernel LATETIME_SWITCHING_KERNEL;
const SwitchingKernel LATETIME_SWITCHING_KERNEL{LATETIME_KERNEL_LABEL, begin, advance};

}  // namespace latetime::kernel
