// Body of the tile kernels; included by one source file for each instruction set, which defines
// LATETIME_KERNELS (the exported name) and LATETIME_KERNEL_LABEL.

#include "latetime/model/tile_kernel.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace latetime::tile {
namespace {

#if defined(__AVX512F__)
constexpr std::size_t vector_bytes = 64;
#elif defined(__AVX__)
constexpr std::size_t vector_bytes = 32;
#else
constexpr std::size_t vector_bytes = 16;
#endif
#if defined(__FMA__) || defined(__aarch64__)
constexpr bool fused = true;
#else
constexpr bool fused = false;
#endif

template <class Real>
struct Simd;
template <>
struct Simd<float> {
  typedef float Pack __attribute__((vector_size(vector_bytes)));
};
template <>
struct Simd<double> {
  typedef double Pack __attribute__((vector_size(vector_bytes)));
};
template <class Real>
using Pack = typename Simd<Real>::Pack;
template <class Real>
constexpr std::size_t lanes_of = vector_bytes / sizeof(Real);
template <class Real>
constexpr std::size_t packs_of_sum = lane_multiple / lanes_of<Real>;

template <class Real>
inline Pack<Real> load(const Real* from) {
  return *reinterpret_cast<const Pack<Real>*>(from);
}
template <class Real>
inline void store(Real* to, Pack<Real> value) {
  *reinterpret_cast<Pack<Real>*>(to) = value;
}
template <class Real>
inline Pack<Real> broadcast(Real value) {
  return value - Pack<Real>{};
}

/// a b + c.
template <class Real>
inline Pack<Real> multiply_add(Pack<Real> a, Pack<Real> b, Pack<Real> c) {
  [[maybe_unused]] constexpr bool single = sizeof(Real) == sizeof(float);
#if defined(__AVX512F__)
  if constexpr (single) {
    return _mm512_fmadd_ps(a, b, c);
  } else {
    return _mm512_fmadd_pd(a, b, c);
  }
#elif defined(__FMA__)
  if constexpr (single) {
    return _mm256_fmadd_ps(a, b, c);
  } else {
    return _mm256_fmadd_pd(a, b, c);
  }
#elif defined(__aarch64__)
  if constexpr (single) {
    return vfmaq_f32(c, a, b);
  } else {
    return vfmaq_f64(c, a, b);
  }
#else
  return a * b + c;
#endif
}

/// Leaky ReLU.
template <class Real>
struct Kinked {
  Real slope;

  explicit Kinked(const ActivationJob<Real>& job) : slope(job.slope) {}
  Pack<Real> value(Pack<Real> z) const { return z >= Real(0) ? z : slope * z; }
  /// σ'(z) of a pull.
  Pack<Real> pulled(Pack<Real> z, Pack<Real> pull) const {
    return z >= Real(0) ? pull : slope * pull;
  }
};

/// Smoothed leaky ReLU.
template <class Real>
struct Smoothed {
  Real middle, bend, h;

  explicit Smoothed(const ActivationJob<Real>& job)
      : middle(Real(0.5) * (Real(1) + job.slope)),
        bend(Real(0.5) * (Real(1) - job.slope) / job.smoothing),
        h(job.smoothing) {}
  Pack<Real> bent(Pack<Real> z) const {
    const Pack<Real> top = broadcast(h), bottom = broadcast(-h);
    return z > top ? top : (z < bottom ? bottom : z);
  }
  Pack<Real> value(Pack<Real> z) const {
    const Pack<Real> b = bent(z);
    return middle * z + bend * b * (z - Real(0.5) * b);
  }
  Pack<Real> pulled(Pack<Real> z, Pack<Real> pull) const {
    return (middle + bend * bent(z)) * pull;
  }
};

/// `loop` with the activation of the job.
template <class Real, class Loop>
inline void with_activation(const ActivationJob<Real>& job, const Loop& loop) {
  if (job.smoothing > Real(0)) {
    loop(Smoothed<Real>(job));
  } else {
    loop(Kinked<Real>(job));
  }
}

/// target_v (or 0) + Σ_e value_e source[row_e]_v for N packs.
template <class Real, std::size_t N>
inline void gather(const Real* source, const SparseEntry<Real>* entry, const SparseEntry<Real>* end,
                   bool overwrite, Real* target) {
  Pack<Real> sums[N];
  for (std::size_t v = 0; v < N; ++v) {
    sums[v] = overwrite ? Pack<Real>{} : load(target + v * lanes_of<Real>);
  }
  for (; entry != end; ++entry) {
    const Real* row = source + entry->row * width;
    const Pack<Real> value = broadcast(entry->value);
    for (std::size_t v = 0; v < N; ++v) {
      sums[v] = multiply_add<Real>(value, load(row + v * lanes_of<Real>), sums[v]);
    }
  }
  for (std::size_t v = 0; v < N; ++v) store(target + v * lanes_of<Real>, sums[v]);
}

/// The same for every row, on the N packs from lane `first` on.
template <class Real, std::size_t N>
void accumulate_packs(const AccumulateJob<Real>& job, std::size_t first) {
  constexpr std::size_t ahead = 4;  // rows whose target is fetched into the cache beforehand
  for (std::size_t r = 0; r < job.rows; ++r) {
    Real* target = job.target + r * width + first;
    if (r + ahead < job.rows && job.begins[r + ahead] != job.ends[r + ahead]) {
      const char* next = reinterpret_cast<const char*>(target + ahead * width);
      for (std::size_t b = 0; b < N * vector_bytes; b += 64) __builtin_prefetch(next + b, 1);
    }
    if (job.begins[r] == job.ends[r] && !job.overwrite) continue;
    gather<Real, N>(job.source + first, job.entries + job.begins[r], job.entries + job.ends[r],
                    job.overwrite, target);
  }
}

template <class Real>
void accumulate(const AccumulateJob<Real>& job) {
  constexpr std::size_t most = 8;  // packs kept in registers
  std::size_t first = 0;
  for (; first + most * lanes_of<Real> <= job.lanes; first += most * lanes_of<Real>) {
    accumulate_packs<Real, most>(job, first);
  }
  switch ((job.lanes - first) / lanes_of<Real>) {
    case 7:
      accumulate_packs<Real, 7>(job, first);
      break;
    case 6:
      accumulate_packs<Real, 6>(job, first);
      break;
    case 5:
      accumulate_packs<Real, 5>(job, first);
      break;
    case 4:
      accumulate_packs<Real, 4>(job, first);
      break;
    case 3:
      accumulate_packs<Real, 3>(job, first);
      break;
    case 2:
      accumulate_packs<Real, 2>(job, first);
      break;
    case 1:
      accumulate_packs<Real, 1>(job, first);
      break;
    default:
      break;
  }
}

/// Sum of lane_multiple lanes: halves are added to each other until one number is left.
template <class Real>
inline Real add_lanes(const Pack<Real>* sums) {
  alignas(64) Real lane[lane_multiple];
  for (std::size_t v = 0; v < packs_of_sum<Real>; ++v) store(lane + v * lanes_of<Real>, sums[v]);
  for (std::size_t half = lane_multiple / 2; half > 0; half /= 2) {
    for (std::size_t l = 0; l < half; ++l) lane[l] += lane[l + half];
  }
  return lane[0];
}

template <class Real, class Activation>
void sum_activations_of(const ActivationJob<Real>& job, const Activation& sigma) {
  for (std::size_t s = 0; s < job.samples; ++s) {
    const Real* z = job.z + s * width;
    Pack<Real> sums[packs_of_sum<Real>] = {};
    for (std::size_t r = 0; r < job.lanes; r += lane_multiple) {
      for (std::size_t v = 0; v < packs_of_sum<Real>; ++v) {
        sums[v] += sigma.value(load(z + r + v * lanes_of<Real>));
      }
    }
    job.result[s] = add_lanes<Real>(sums);
  }
}

template <class Real, class Activation>
void fixed_pulls_of(const ActivationJob<Real>& job, const Activation& sigma) {
  for (std::size_t s = 0; s < job.samples; ++s) {
    Real* z = job.z + s * width;
    const Pack<Real> pull = broadcast(job.pulls[s]);
    for (std::size_t r = 0; r < job.lanes; r += lanes_of<Real>) {
      store<Real>(z + r, sigma.pulled(load(z + r), pull));
    }
    for (std::size_t r = job.neurons; r < job.lanes; ++r) z[r] = Real(0);
  }
}

// The three loops of the linear output layer, for K outputs known beforehand, or any number (0).

template <class Real, std::size_t K, class Activation>
void linear_outputs_of(const ActivationJob<Real>& job, const Activation& sigma) {
  const std::size_t outputs = K ? K : job.outputs;
  for (std::size_t s = 0; s < job.samples; ++s) {
    const Real* z = job.z + s * width;
    for (std::size_t k = 0; k < outputs; ++k) {
      const Real* head = job.head + k * width;
      Pack<Real> sums[packs_of_sum<Real>] = {};
      for (std::size_t r = 0; r < job.lanes; r += lane_multiple) {
        for (std::size_t v = 0; v < packs_of_sum<Real>; ++v) {
          const std::size_t at = r + v * lanes_of<Real>;
          sums[v] = multiply_add<Real>(load(head + at), sigma.value(load(z + at)), sums[v]);
        }
      }
      job.result[s * outputs + k] = add_lanes<Real>(sums);
    }
  }
}

template <class Real, std::size_t K, class Activation>
void linear_update_of(const ActivationJob<Real>& job, const Activation& sigma) {
  const std::size_t outputs = K ? K : job.outputs;
  constexpr std::size_t kept = K ? K : 1;
  for (std::size_t r = 0; r < job.lanes; r += lanes_of<Real>) {
    for (std::size_t first = 0; first < outputs; first += kept) {
      Pack<Real> sums[kept];
      for (std::size_t k = 0; k < kept; ++k) sums[k] = load(job.head + (first + k) * width + r);
      for (std::size_t s = 0; s < job.samples; ++s) {
        const Pack<Real> h = sigma.value(load(job.z + s * width + r));
        const Real* pull = job.pulls + s * outputs + first;
        for (std::size_t k = 0; k < kept; ++k) {
          sums[k] = multiply_add<Real>(broadcast(pull[k]), h, sums[k]);
        }
      }
      for (std::size_t k = 0; k < kept; ++k) store(job.result + (first + k) * width + r, sums[k]);
    }
  }
}

template <class Real, std::size_t K, class Activation>
void linear_pulls_of(const ActivationJob<Real>& job, const Activation& sigma) {
  const std::size_t outputs = K ? K : job.outputs;
  constexpr std::size_t kept = K ? K : 1;
  for (std::size_t r = 0; r < job.lanes; r += lanes_of<Real>) {
    Pack<Real> head[kept];
    for (std::size_t k = 0; k < kept; ++k) head[k] = load(job.head + k * width + r);
    for (std::size_t s = 0; s < job.samples; ++s) {
      const Real* pull = job.pulls + s * outputs;
      Pack<Real> sum = {};
      for (std::size_t k = 0; k < outputs; ++k) {
        const Pack<Real> weight = K ? head[K ? k : 0] : load(job.head + k * width + r);
        sum = multiply_add<Real>(broadcast(pull[k]), weight, sum);
      }
      Real* z = job.z + s * width + r;
      store<Real>(z, sigma.pulled(load(z), sum));
    }
  }
}

template <class Real>
void sum_activations(const ActivationJob<Real>& job) {
  with_activation(job, [&](const auto& sigma) { sum_activations_of(job, sigma); });
}
template <class Real>
void fixed_pulls(const ActivationJob<Real>& job) {
  with_activation(job, [&](const auto& sigma) { fixed_pulls_of(job, sigma); });
}
template <class Real>
void linear_outputs(const ActivationJob<Real>& job) {
  with_activation(job, [&](const auto& sigma) {
    if (job.outputs == 10) return linear_outputs_of<Real, 10>(job, sigma);
    linear_outputs_of<Real, 0>(job, sigma);
  });
}
template <class Real>
void linear_update(const ActivationJob<Real>& job) {
  with_activation(job, [&](const auto& sigma) {
    if (job.outputs == 10) return linear_update_of<Real, 10>(job, sigma);
    linear_update_of<Real, 0>(job, sigma);
  });
}
template <class Real>
void linear_pulls(const ActivationJob<Real>& job) {
  with_activation(job, [&](const auto& sigma) {
    if (job.outputs == 10) return linear_pulls_of<Real, 10>(job, sigma);
    linear_pulls_of<Real, 0>(job, sigma);
  });
}

/// As many doubles as a pack of Real holds lanes of a double pack.
template <class Real>
inline Pack<double> load_doubles(const Real* from) {
  if constexpr (sizeof(Real) == sizeof(double)) {
    return load(from);
  } else {
    typedef float Half __attribute__((vector_size(vector_bytes / 2)));
    return __builtin_convertvector(*reinterpret_cast<const Half*>(from), Pack<double>);
  }
}

template <class Real, std::size_t N>
void multiply_by_packs(const NormalProductJob<Real>& job, const double* vector, double* products,
                       std::size_t first) {
  Pack<double> sums[N] = {};
  for (std::size_t p = 0; p < job.features; ++p) {
    const Pack<double> value = broadcast(vector[p]);
    const Real* row = job.weights + p * width + first;
    for (std::size_t v = 0; v < N; ++v) {
      sums[v] = multiply_add<double>(value, load_doubles(row + v * lanes_of<double>), sums[v]);
    }
  }
  for (std::size_t v = 0; v < N; ++v) store(products + first + v * lanes_of<double>, sums[v]);
}

template <class Real>
void normal_product(const NormalProductJob<Real>& job) {
  constexpr std::size_t packs = packs_of_sum<double>;
  alignas(64) double products[width];
  for (std::size_t c = 0; c < job.count; ++c) {
    const double* vector = job.vectors + c * job.features;
    double* result = job.results + c * job.features;
    for (std::size_t first = 0; first < job.lanes; first += lane_multiple) {
      multiply_by_packs<Real, packs>(job, vector, products, first);
    }
    for (std::size_t p = 0; p < job.features; ++p) {
      const Real* row = job.weights + p * width;
      Pack<double> sums[packs] = {};
      for (std::size_t r = 0; r < job.lanes; r += lane_multiple) {
        for (std::size_t v = 0; v < packs; ++v) {
          const std::size_t at = r + v * lanes_of<double>;
          sums[v] = multiply_add<double>(load(products + at), load_doubles(row + at), sums[v]);
        }
      }
      result[p] += add_lanes<double>(sums);
    }
  }
}

/// The tile as doubles in panels of features: scratch[panel][lane][feature of the panel].
template <class Real>
void pack_panels(const GramJob<Real>& job) {
  for (std::size_t p = 0; p < job.stride; ++p) {
    double* to = job.scratch + p / panel * panel * job.lanes + p % panel;
    const Real* row = job.weights + p * width;
    for (std::size_t r = 0; r < job.lanes; ++r) {
      to[r * panel] = p < job.features ? static_cast<double>(row[r]) : 0.0;
    }
  }
}

template <class Real>
void add_gram(const GramJob<Real>& job) {
  constexpr std::size_t packs = panel / lanes_of<double>;
  constexpr std::size_t rows = lanes_of<double> == 8 ? 8 : lanes_of<double> == 4 ? 2 : 1;
  pack_panels(job);
  for (std::size_t q = 0; q < job.stride; q += panel) {
    const double* right = job.scratch + q * job.lanes;
    for (std::size_t p = 0; p < q + panel; p += rows) {
      const double* left = job.scratch + p / panel * panel * job.lanes + p % panel;
      Pack<double> sums[rows][packs] = {};
      for (std::size_t r = 0; r < job.lanes; ++r) {
        for (std::size_t i = 0; i < rows; ++i) {
          const Pack<double> value = broadcast(left[r * panel + i]);
          for (std::size_t v = 0; v < packs; ++v) {
            sums[i][v] = multiply_add<double>(value, load(right + r * panel + v * lanes_of<double>),
                                              sums[i][v]);
          }
        }
      }
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t v = 0; v < packs; ++v) {
          double* to = job.gram + (p + i) * job.stride + q + v * lanes_of<double>;
          store<double>(to, load(to) + sums[i][v]);
        }
      }
    }
  }
}

template <class Real>
constexpr Kernels<Real> kernels_of() {
  return {.name = LATETIME_KERNEL_LABEL,
          .fused = fused,
          .accumulate = accumulate<Real>,
          .sum_activations = sum_activations<Real>,
          .fixed_pulls = fixed_pulls<Real>,
          .linear_outputs = linear_outputs<Real>,
          .linear_update = linear_update<Real>,
          .linear_pulls = linear_pulls<Real>,
          .normal_product = normal_product<Real>,
          .add_gram = add_gram<Real>};
}

}  // namespace

const KernelPair LATETIME_KERNELS{kernels_of<float>(), kernels_of<double>()};

}  // namespace latetime::tile
