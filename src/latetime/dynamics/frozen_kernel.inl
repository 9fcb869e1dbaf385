// Body of the frozen engine's inner loop; included by one source file for each instruction set,
// which defines LATETIME_FROZEN_KERNEL (the exported name) and LATETIME_KERNEL_LABEL.
//
// Every operation works lane by lane, and the order in which the columns of K are summed depends
// on n alone, so the result does not depend on the vector width. exp is SLEEF's, within 1 ulp, in
// its builds without fused multiply-add, which agree to the bit (a test holds them to it).

#include <sleef.h>

#include "latetime/dynamics/frozen_kernel.hpp"

namespace latetime::kernel {
namespace {

#if defined(__AVX512F__)
constexpr std::size_t lanes = 8;
constexpr std::size_t tile_packs = 8;  // twice as many sums are kept in registers
#elif defined(__AVX__)
constexpr std::size_t lanes = 4;
constexpr std::size_t tile_packs = 4;
#else
constexpr std::size_t lanes = 2;
constexpr std::size_t tile_packs = 4;
#endif

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

/// rate / (1 + e^u) from e = e^{−|u|}: without cancellation or overflow, and with a small relative
/// error however large u is. Of the exponential loss rate · e^{−u}.
template <bool exponential_loss>
inline __attribute__((always_inline)) Pack pull(Pack u, Pack rate) {
  if constexpr (exponential_loss) return rate * exponential(-u);
  const Pack e = exponential(u < 0.0 ? u : -u);
  return (u > 0.0 ? rate * e : rate) / (1.0 + e);
}

/// n ≤ 16: everything in registers and the first-level cache, the sum over l in four strands,
/// because a step is one chain of dependent operations.
template <std::size_t samples, bool exponential_loss>
void advance_few(const FrozenJob& shared) {
  const FrozenJob job = shared;
  constexpr std::size_t width = (samples + 7) / 8 * 8;
  constexpr std::size_t packs = width / lanes;
  constexpr std::size_t strands = samples < 4 ? samples : 4;
  alignas(64) double sums[width];
  for (std::size_t i = 0; i < width; ++i) sums[i] = job.sums[i];
  for (std::uint64_t step = 0; step < job.steps; ++step) {
    Pack margin[packs];
    for (std::size_t v = 0; v < packs; ++v) {
      Pack strand[4] = {};
      for (std::size_t l = 0; l < strands; ++l) {
        strand[l] = load(job.tangent + l * width + v * lanes) * sums[l];
      }
      for (std::size_t l = strands; l < samples; ++l) {
        strand[l % 4] += load(job.tangent + l * width + v * lanes) * sums[l];
      }
      margin[v] =
          load(job.reference + v * lanes) + ((strand[0] + strand[1]) + (strand[2] + strand[3]));
    }
    for (std::size_t v = 0; v < packs; ++v) {
      const Pack q = pull<exponential_loss>(margin[v], load(job.rate + v * lanes));
      store(sums + v * lanes, load(sums + v * lanes) + q);
    }
  }
  for (std::size_t i = 0; i < width; ++i) job.sums[i] = sums[i];
}

/// u of `packs` packs of samples, from lane `first` on; the sum over l in two strands.
template <std::size_t packs>
inline void tile_margins(const FrozenJob& job, std::size_t first) {
  Pack even[packs] = {}, odd[packs] = {};
  const double* column = job.tangent + first;
  std::size_t l = 0;
  for (; l + 1 < job.samples; l += 2, column += 2 * job.stride) {
    for (std::size_t v = 0; v < packs; ++v) {
      even[v] += load(column + v * lanes) * job.sums[l];
      odd[v] += load(column + job.stride + v * lanes) * job.sums[l + 1];
    }
  }
  if (l < job.samples) {
    for (std::size_t v = 0; v < packs; ++v) even[v] += load(column + v * lanes) * job.sums[l];
  }
  for (std::size_t v = 0; v < packs; ++v) {
    const std::size_t i = first + v * lanes;
    store(job.margins + i, load(job.reference + i) + (even[v] + odd[v]));
  }
}

/// The packs that are left when no whole tile is.
template <std::size_t packs>
inline void last_tile(const FrozenJob& job, std::size_t first) {
  if constexpr (packs > 0) {
    if (first + packs * lanes == job.stride) {
      tile_margins<packs>(job, first);
    } else {
      last_tile<packs - 1>(job, first);
    }
  }
}

template <bool exponential_loss>
void advance_many(const FrozenJob& shared) {
  const FrozenJob job = shared;
  const std::size_t width = job.stride;
  for (std::uint64_t step = 0; step < job.steps; ++step) {
    std::size_t first = 0;
    for (; first + tile_packs * lanes <= width; first += tile_packs * lanes) {
      tile_margins<tile_packs>(job, first);
    }
    last_tile<tile_packs - 1>(job, first);
    for (std::size_t i = 0; i < width; i += lanes) {
      const Pack q = pull<exponential_loss>(load(job.margins + i), load(job.rate + i));
      store(job.sums + i, load(job.sums + i) + q);
    }
  }
}

template <bool exponential_loss>
void advance_samples(const FrozenJob& job) {
  switch (job.samples) {
    case 1:
      return advance_few<1, exponential_loss>(job);
    case 2:
      return advance_few<2, exponential_loss>(job);
    case 3:
      return advance_few<3, exponential_loss>(job);
    case 4:
      return advance_few<4, exponential_loss>(job);
    case 5:
      return advance_few<5, exponential_loss>(job);
    case 6:
      return advance_few<6, exponential_loss>(job);
    case 7:
      return advance_few<7, exponential_loss>(job);
    case 8:
      return advance_few<8, exponential_loss>(job);
    case 9:
      return advance_few<9, exponential_loss>(job);
    case 10:
      return advance_few<10, exponential_loss>(job);
    case 11:
      return advance_few<11, exponential_loss>(job);
    case 12:
      return advance_few<12, exponential_loss>(job);
    case 13:
      return advance_few<13, exponential_loss>(job);
    case 14:
      return advance_few<14, exponential_loss>(job);
    case 15:
      return advance_few<15, exponential_loss>(job);
    case 16:
      return advance_few<16, exponential_loss>(job);
    default:
      return advance_many<exponential_loss>(job);
  }
}

void advance(const FrozenJob& job) {
  job.exponential ? advance_samples<true>(job) : advance_samples<false>(job);
}

}  // namespace

extern const FrozenKernel LATETIME_FROZEN_KERNEL;
const FrozenKernel LATETIME_FROZEN_KERNEL{LATETIME_KERNEL_LABEL, advance};

}  // namespace latetime::kernel
