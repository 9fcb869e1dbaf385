// The tile kernels as their comments read, one number at a time: what the fast ones are tested
// against, to the last bit.

#include <algorithm>
#include <array>
#include <cmath>

#include "latetime/model/tile_kernel.hpp"

namespace latetime::tile {
namespace {

template <class Real>
Real multiply_add(Real a, Real b, Real c, bool fused) {
  return fused ? std::fma(a, b, c) : a * b + c;
}

/// z between −h and h.
template <class Real>
Real bent(Real z, Real h) {
  return z > h ? h : z < -h ? -h : z;
}

template <class Real>
Real bend(const ActivationJob<Real>& job) {
  return Real(0.5) * (Real(1) - job.slope) / job.smoothing;
}

template <class Real>
Real activation(Real z, const ActivationJob<Real>& job) {
  if (job.smoothing > Real(0)) {
    const Real b = bent(z, job.smoothing);
    return Real(0.5) * (Real(1) + job.slope) * z + bend(job) * b * (z - Real(0.5) * b);
  }
  return z >= Real(0) ? z : job.slope * z;
}

/// Of the pull of a pair, σ'(z) of it.
template <class Real>
Real pulled(Real z, Real pull, const ActivationJob<Real>& job) {
  if (job.smoothing > Real(0)) {
    const Real middle = Real(0.5) * (Real(1) + job.slope);
    return (middle + bend(job) * bent(z, job.smoothing)) * pull;
  }
  return z >= Real(0) ? pull : job.slope * pull;
}

/// Σ_r term(r) in lane_multiple lanes.
template <class Real, class Add>
Real sum_in_lanes(std::size_t count, const Add& add) {
  std::array<Real, lane_multiple> lane{};
  for (std::size_t r = 0; r < count; ++r) add(r, lane[r % lane_multiple]);
  for (std::size_t half = lane_multiple / 2; half > 0; half /= 2) {
    for (std::size_t l = 0; l < half; ++l) lane[l] += lane[l + half];
  }
  return lane[0];
}

template <class Real, bool fused>
void accumulate(const AccumulateJob<Real>& job) {
  for (std::size_t r = 0; r < job.rows; ++r) {
    Real* target = job.target + r * width;
    if (job.overwrite) std::fill(target, target + job.lanes, Real(0));
    for (std::size_t e = job.begins[r]; e < job.ends[r]; ++e) {
      const Real* source = job.source + job.entries[e].row * width;
      for (std::size_t l = 0; l < job.lanes; ++l) {
        target[l] = multiply_add(job.entries[e].value, source[l], target[l], fused);
      }
    }
  }
}

template <class Real>
void sum_activations(const ActivationJob<Real>& job) {
  for (std::size_t s = 0; s < job.samples; ++s) {
    job.result[s] = sum_in_lanes<Real>(
        job.lanes, [&](std::size_t r, Real& sum) { sum += activation(job.z[s * width + r], job); });
  }
}

template <class Real>
void fixed_pulls(const ActivationJob<Real>& job) {
  for (std::size_t s = 0; s < job.samples; ++s) {
    for (std::size_t r = 0; r < job.lanes; ++r) {
      Real& z = job.z[s * width + r];
      z = r < job.neurons ? pulled(z, job.pulls[s], job) : Real(0);
    }
  }
}

template <class Real, bool fused>
void linear_outputs(const ActivationJob<Real>& job) {
  for (std::size_t s = 0; s < job.samples; ++s) {
    for (std::size_t k = 0; k < job.outputs; ++k) {
      job.result[s * job.outputs + k] =
          sum_in_lanes<Real>(job.lanes, [&](std::size_t r, Real& sum) {
            sum = multiply_add(job.head[k * width + r], activation(job.z[s * width + r], job), sum,
                               fused);
          });
    }
  }
}

template <class Real, bool fused>
void linear_update(const ActivationJob<Real>& job) {
  for (std::size_t k = 0; k < job.outputs; ++k) {
    for (std::size_t r = 0; r < job.lanes; ++r) {
      Real sum = job.head[k * width + r];
      for (std::size_t s = 0; s < job.samples; ++s) {
        sum = multiply_add(job.pulls[s * job.outputs + k], activation(job.z[s * width + r], job),
                           sum, fused);
      }
      job.result[k * width + r] = sum;
    }
  }
}

template <class Real, bool fused>
void linear_pulls(const ActivationJob<Real>& job) {
  for (std::size_t s = 0; s < job.samples; ++s) {
    for (std::size_t r = 0; r < job.lanes; ++r) {
      Real sum = 0;
      for (std::size_t k = 0; k < job.outputs; ++k) {
        sum = multiply_add(job.pulls[s * job.outputs + k], job.head[k * width + r], sum, fused);
      }
      Real& z = job.z[s * width + r];
      z = pulled(z, sum, job);
    }
  }
}

template <class Real, bool fused>
void normal_product(const NormalProductJob<Real>& job) {
  for (std::size_t c = 0; c < job.count; ++c) {
    std::array<double, width> product{};
    for (std::size_t p = 0; p < job.features; ++p) {
      for (std::size_t r = 0; r < job.lanes; ++r) {
        product[r] =
            multiply_add(job.vectors[c * job.features + p],
                         static_cast<double>(job.weights[p * width + r]), product[r], fused);
      }
    }
    for (std::size_t p = 0; p < job.features; ++p) {
      job.results[c * job.features + p] += sum_in_lanes<double>(job.lanes, [&](std::size_t r,
                                                                               double& sum) {
        sum = multiply_add(product[r], static_cast<double>(job.weights[p * width + r]), sum, fused);
      });
    }
  }
}

template <class Real, bool fused>
void add_gram(const GramJob<Real>& job) {
  for (std::size_t p = 0; p < job.features; ++p) {
    for (std::size_t q = p / panel * panel; q < job.features; ++q) {
      double sum = 0.0;
      for (std::size_t r = 0; r < job.lanes; ++r) {
        sum = multiply_add(static_cast<double>(job.weights[p * width + r]),
                           static_cast<double>(job.weights[q * width + r]), sum, fused);
      }
      job.gram[p * job.stride + q] += sum;
    }
  }
}

template <class Real, bool fused>
constexpr Kernels<Real> kernels_of() {
  return {.name = fused ? "reference" : "reference, two roundings",
          .fused = fused,
          .accumulate = accumulate<Real, fused>,
          .sum_activations = sum_activations<Real>,
          .fixed_pulls = fixed_pulls<Real>,
          .linear_outputs = linear_outputs<Real, fused>,
          .linear_update = linear_update<Real, fused>,
          .linear_pulls = linear_pulls<Real, fused>,
          .normal_product = normal_product<Real, fused>,
          .add_gram = add_gram<Real, fused>};
}

}  // namespace

const KernelPair reference_kernels{kernels_of<float, true>(), kernels_of<double, true>()};
const KernelPair reference_kernels_split{kernels_of<float, false>(), kernels_of<double, false>()};

}  // namespace latetime::tile
