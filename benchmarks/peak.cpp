#include "peak.hpp"

namespace latetime::bench {
namespace {

template <std::size_t lanes>
struct PackOf {
  typedef double type __attribute__((vector_size(lanes * sizeof(double))));
};

template <std::size_t lanes>
inline __attribute__((always_inline)) double sum_with(const double* values, std::size_t count) {
  using Pack = typename PackOf<lanes>::type;
  Pack sum[8] = {};
  for (std::size_t i = 0; i < count; i += 8 * lanes) {
    for (std::size_t v = 0; v < 8; ++v) {
      sum[v] += *reinterpret_cast<const Pack*>(values + i + v * lanes);
    }
  }
  double total = 0.0;
  for (std::size_t v = 0; v < 8; ++v) {
    for (std::size_t lane = 0; lane < lanes; ++lane) total += sum[v][lane];
  }
  return total;
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) double sum_avx512(const double* values, std::size_t count) {
  return sum_with<8>(values, count);
}
__attribute__((target("avx2"))) double sum_avx2(const double* values, std::size_t count) {
  return sum_with<4>(values, count);
}
#endif

}  // namespace

std::size_t widest_lanes() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return 8;
  if (__builtin_cpu_supports("avx2")) return 4;
#endif
  return 2;
}

double sum_widest(const double* values, std::size_t count) {
#if defined(__x86_64__)
  if (widest_lanes() == 8) return sum_avx512(values, count);
  if (widest_lanes() == 4) return sum_avx2(values, count);
#endif
  return sum_with<2>(values, count);
}

}  // namespace latetime::bench
