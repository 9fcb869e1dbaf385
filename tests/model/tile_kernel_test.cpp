// Every variant of the tile kernels against the plain loops of the same rounding, to the last bit.

#include "latetime/model/tile_kernel.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "latetime/base/aligned.hpp"
#include "latetime/base/random.hpp"
#include "latetime/model/network.hpp"

namespace latetime {
namespace {

template <class Real>
std::vector<const tile::Kernels<Real>*> variants() {
  const tile::Kernels<Real>* list[tile::max_kernels];
  const std::size_t count = tile::available_kernels(list);
  return {list, list + count};
}

template <class T>
bool same_bits(const AlignedArray<T>& a, const AlignedArray<T>& b) {
  if (a.size() != b.size()) return false;
  return a.size() == 0 || std::memcmp(a.data(), b.data(), sizeof(T) * a.size()) == 0;
}

template <class Real>
AlignedArray<Real> absolute(AlignedArray<Real> values) {
  for (Real& v : values) v = std::abs(v);
  return values;
}

/// Random numbers of mixed size, one in ten a zero and half of these negative.
class Numbers {
 public:
  explicit Numbers(std::uint64_t index) : stream_(1, RandomPurpose::test, index) {}

  std::size_t between(std::size_t least, std::size_t most) {
    return least + static_cast<std::size_t>(stream_.below(most - least + 1));
  }
  template <class Real>
  Real number() {
    const std::uint64_t kind = stream_.below(20);
    if (kind < 2) return kind == 0 ? Real(0) : -Real(0);
    return static_cast<Real>(std::exp(2.0 * stream_.normal()) * stream_.normal());
  }
  template <class Real>
  AlignedArray<Real> numbers(std::size_t count) {
    AlignedArray<Real> values(count);
    for (Real& v : values) v = number<Real>();
    return values;
  }
  /// rows × tile::width: zeros from `neurons` on, and from `lanes` on NaN, which nothing may touch.
  template <class Real>
  AlignedArray<Real> table(std::size_t rows, std::size_t neurons, std::size_t lanes) {
    AlignedArray<Real> values(rows * tile::width, std::numeric_limits<Real>::quiet_NaN());
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t r = 0; r < lanes; ++r) {
        values[row * tile::width + r] = r < neurons ? number<Real>() : Real(0);
      }
    }
    return values;
  }

 private:
  RandomStream stream_;
};

// ---- jobs with their data --------------------------------------------------------------------

template <class Real>
struct Accumulate {
  std::size_t lanes;
  bool overwrite;
  std::size_t rows;
  AlignedArray<Real> source, target;
  std::vector<std::uint32_t> begins, ends;
  std::vector<SparseEntry<Real>> entries;

  Accumulate(Numbers& random, std::size_t lanes_of_tile, bool overwrites)
      : lanes(lanes_of_tile), overwrite(overwrites), rows(random.between(1, 30)) {
    const std::size_t sources = random.between(1, 20);
    source = random.table<Real>(sources, lanes, lanes);
    target = random.table<Real>(rows, lanes, lanes);
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t skipped = random.between(0, 2);  // entries that belong to no row
      const std::size_t count = r % 3 == 1 ? 0 : random.between(0, 12);
      begins.push_back(static_cast<std::uint32_t>(entries.size() + skipped));
      for (std::size_t e = 0; e < skipped + count; ++e) {
        entries.push_back(
            {random.number<Real>(), static_cast<std::uint32_t>(random.between(0, sources - 1))});
      }
      ends.push_back(static_cast<std::uint32_t>(entries.size()));
    }
  }

  AlignedArray<Real> run(const tile::Kernels<Real>& kernels) const {
    AlignedArray<Real> result = target;
    kernels.accumulate({.target = result.data(),
                        .source = source.data(),
                        .begins = begins.data(),
                        .ends = ends.data(),
                        .entries = entries.data(),
                        .rows = rows,
                        .lanes = lanes,
                        .overwrite = overwrite});
    return result;
  }
};

template <class Real>
struct Activation {
  std::size_t samples, lanes, neurons, outputs;
  Real slope, smoothing;
  AlignedArray<Real> z, head, group_pulls, pulls;

  Activation(Numbers& random, std::size_t lanes_of_tile, std::size_t output_count, Real leak,
             Real half_width = 0)
      : samples(random.between(1, 20)),
        lanes(lanes_of_tile),
        neurons(random.between(lanes - tile::lane_multiple + 1, lanes)),
        outputs(output_count),
        slope(leak),
        smoothing(half_width),
        z(random.table<Real>(samples, neurons, lanes)),
        head(random.table<Real>(outputs, neurons, lanes)),
        group_pulls(random.numbers<Real>(samples)),
        pulls(random.numbers<Real>(samples * outputs)) {}

  /// The kernel on this data: z as it leaves it, then the result (`size` numbers, NaN before).
  AlignedArray<Real> run(void (*kernel)(const tile::ActivationJob<Real>&),
                         const AlignedArray<Real>& pulls_used, std::size_t size) const {
    AlignedArray<Real> changed = z;
    AlignedArray<Real> result(size, std::numeric_limits<Real>::quiet_NaN());
    kernel({.z = changed.data(),
            .samples = samples,
            .lanes = lanes,
            .neurons = neurons,
            .slope = slope,
            .smoothing = smoothing,
            .outputs = outputs,
            .head = head.data(),
            .pulls = pulls_used.data(),
            .result = result.data()});
    changed.insert(changed.end(), result.begin(), result.end());
    return changed;
  }

  /// What all five kernels of activations make of it, by name.
  std::vector<std::pair<const char*, AlignedArray<Real>>> run_all(
      const tile::Kernels<Real>& k) const {
    return {{"sum_activations", run(k.sum_activations, group_pulls, samples)},
            {"fixed_pulls", run(k.fixed_pulls, group_pulls, 0)},
            {"linear_outputs", run(k.linear_outputs, pulls, samples * outputs)},
            {"linear_update", run(k.linear_update, pulls, outputs * tile::width)},
            {"linear_pulls", run(k.linear_pulls, pulls, 0)}};
  }
};

template <class Real>
struct WeightProducts {
  std::size_t features, lanes, count, stride;
  AlignedArray<Real> weights;
  AlignedArray<double> vectors, results, gram;

  WeightProducts(Numbers& random, std::size_t lanes_of_tile, std::size_t dim)
      : features(dim),
        lanes(lanes_of_tile),
        count(random.between(0, 3)),
        stride(tile::gram_stride(features)),
        weights(random.table<Real>(features, lanes - random.between(0, 15), lanes)),
        vectors(random.numbers<double>(count * features)),
        results(random.numbers<double>(count * features)),
        gram(random.numbers<double>(stride * stride)) {}

  AlignedArray<double> normal_product(const tile::Kernels<Real>& kernels) const {
    AlignedArray<double> sums = results;
    kernels.normal_product({.weights = weights.data(),
                            .features = features,
                            .lanes = lanes,
                            .count = count,
                            .vectors = vectors.data(),
                            .results = sums.data()});
    return sums;
  }

  /// The part of the Gram matrix that is specified.
  AlignedArray<double> add_gram(const tile::Kernels<Real>& kernels) const {
    AlignedArray<double> sums = gram;
    AlignedArray<double> scratch(tile::width * stride, std::numeric_limits<double>::quiet_NaN());
    kernels.add_gram({.weights = weights.data(),
                      .features = features,
                      .lanes = lanes,
                      .scratch = scratch.data(),
                      .gram = sums.data(),
                      .stride = stride});
    AlignedArray<double> specified;
    for (std::size_t p = 0; p < features; ++p) {
      for (std::size_t q = p / tile::panel * tile::panel; q < features; ++q) {
        specified.push_back(sums[p * stride + q]);
      }
    }
    return specified;
  }
};

// ---- tests -------------------------------------------------------------------------------------

template <class Real>
class TileKernels : public testing::Test {
 protected:
  using K = tile::Kernels<Real>;
  static const K& reference(bool fused) { return *variants<Real>()[fused ? 0 : 1]; }

  /// Calls compare(variant, reference of the same rounding) for every variant that is not plain.
  template <class Compare>
  static void for_each_fast(const Compare& compare) {
    const auto all = variants<Real>();
    for (std::size_t v = 2; v < all.size(); ++v) {
      SCOPED_TRACE(all[v]->name);
      compare(*all[v], reference(all[v]->fused));
    }
  }

  /// Both roundings of one job differ by at most one rounding a term, `scale` being the same sum
  /// over absolute values.
  template <class T>
  static void expect_rounding(const AlignedArray<T>& a, const AlignedArray<T>& b,
                              const AlignedArray<T>& scale, std::size_t terms) {
    // Each way errs by at most (1 + terms) · 2 roundings of ε/2.
    const T bound = static_cast<T>(2 * (terms + 2)) * std::numeric_limits<T>::epsilon();
    ASSERT_EQ(a.size(), scale.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (std::isnan(scale[i])) continue;  // not to be touched
      ASSERT_LE(std::abs(a[i] - b[i]), bound * scale[i]) << i;
    }
  }
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(TileKernels, Precisions);

TYPED_TEST(TileKernels, AreListedSlowestFirst) {
  const auto all = variants<TypeParam>();
  ASSERT_GE(all.size(), 3u);
  ASSERT_LE(all.size(), tile::max_kernels);
  EXPECT_TRUE(all[0]->fused);
  EXPECT_FALSE(all[1]->fused);
  EXPECT_EQ(&tile::best_kernels<TypeParam>(), all.back());
}

TYPED_TEST(TileKernels, AccumulateToTheSameBits) {
  std::uint64_t index = 0;
  for (std::size_t lanes = 16; lanes <= tile::width; lanes += 16) {
    for (const bool overwrite : {false, true}) {
      for (int repeat = 0; repeat < 3; ++repeat) {
        Numbers random(index++);
        const Accumulate<TypeParam> job(random, lanes, overwrite);
        this->for_each_fast([&](const auto& fast, const auto& plain) {
          EXPECT_TRUE(same_bits(job.run(fast), job.run(plain)))
              << lanes << " lanes, overwrite " << overwrite << ", job " << index - 1;
        });
      }
    }
  }
}

TYPED_TEST(TileKernels, ActivateToTheSameBits) {
  constexpr std::pair<double, double> activations[] = {{0.0, 0.0}, {0.1, 0.0},  {1.0, 0.0},
                                                       {0.0, 0.7}, {0.1, 1e-3}, {0.4, 100.0}};
  std::uint64_t index = 1000;
  for (std::size_t lanes = 16; lanes <= tile::width; lanes += 16) {
    for (const std::size_t outputs : {2u, 3u, 10u}) {
      for (const auto& [slope, smoothing] : activations) {
        Numbers random(index++);
        const Activation<TypeParam> job(random, lanes, outputs, static_cast<TypeParam>(slope),
                                        static_cast<TypeParam>(smoothing));
        this->for_each_fast([&](const auto& fast, const auto& plain) {
          const auto found = job.run_all(fast), expected = job.run_all(plain);
          for (std::size_t k = 0; k < found.size(); ++k) {
            EXPECT_TRUE(same_bits(found[k].second, expected[k].second))
                << found[k].first << ", " << lanes << " lanes, " << job.neurons << " neurons, "
                << outputs << " outputs, slope " << slope << ", smoothing " << smoothing;
          }
        });
      }
    }
  }
}

TYPED_TEST(TileKernels, MultiplyWithTransposeToTheSameBits) {
  std::uint64_t index = 2000;
  for (std::size_t lanes = 16; lanes <= tile::width; lanes += 16) {
    for (const std::size_t features : {1u, 23u, 24u, 25u, 50u}) {
      Numbers random(index++);
      const WeightProducts<TypeParam> job(random, lanes, features);
      this->for_each_fast([&](const auto& fast, const auto& plain) {
        EXPECT_TRUE(same_bits(job.normal_product(fast), job.normal_product(plain)))
            << "product, " << lanes << " lanes, " << features << " features";
        EXPECT_TRUE(same_bits(job.add_gram(fast), job.add_gram(plain)))
            << "Gram matrix, " << lanes << " lanes, " << features << " features";
      });
    }
  }
}

/// Zero activations have derivative 1, whichever sign the zero has; padding pulls nothing.
TYPED_TEST(TileKernels, TakeZerosAsActive) {
  using Real = TypeParam;
  for (const auto* kernels : variants<Real>()) {
    AlignedArray<Real> z(tile::width, Real(0));
    z[1] = -Real(0);
    z[2] = Real(-1);
    const Real pull = Real(-3);
    kernels->fixed_pulls({.z = z.data(),
                          .samples = 1,
                          .lanes = 16,
                          .neurons = 3,
                          .slope = Real(0.5),
                          .smoothing = Real(0),
                          .outputs = 2,
                          .head = nullptr,
                          .pulls = &pull,
                          .result = nullptr});
    EXPECT_EQ(z[0], Real(-3)) << kernels->name;
    EXPECT_EQ(z[1], Real(-3)) << kernels->name;
    EXPECT_EQ(z[2], Real(-1.5)) << kernels->name;
    for (std::size_t r = 3; r < 16; ++r) EXPECT_EQ(z[r], Real(0)) << kernels->name;
  }
}

/// The smoothed activation is the one of network.hpp.
TYPED_TEST(TileKernels, SmoothTheKink) {
  using Real = TypeParam;
  const latetime::Activation sigma{0.25, 0.5};
  for (const auto* kernels : variants<Real>()) {
    for (const double z : {-3.0, -0.5, -0.125, 0.0, 0.375, 0.5, 2.0}) {
      AlignedArray<Real> table(tile::width, Real(0));
      table[0] = static_cast<Real>(z);
      Real sum = 0;
      const Real pull = Real(2);
      tile::ActivationJob<Real> job{.z = table.data(),
                                    .samples = 1,
                                    .lanes = 16,
                                    .neurons = 1,
                                    .slope = static_cast<Real>(sigma.slope),
                                    .smoothing = static_cast<Real>(sigma.smoothing),
                                    .outputs = 1,
                                    .head = nullptr,
                                    .pulls = &pull,
                                    .result = &sum};
      kernels->sum_activations(job);
      kernels->fixed_pulls(job);
      EXPECT_EQ(sum, static_cast<Real>(sigma.value(z))) << kernels->name;
      EXPECT_EQ(table[0], static_cast<Real>(2.0 * sigma.derivative(z))) << kernels->name;
    }
  }
}

TYPED_TEST(TileKernels, RoundOnceOrTwiceAndAgreeToRounding) {
  using Real = TypeParam;
  const auto &once = this->reference(true), &twice = this->reference(false);
  bool differ = false;
  for (std::uint64_t index = 3000; index < 3020; ++index) {
    Numbers random(index);
    const Accumulate<Real> sums(random, 16 * random.between(1, 8), index % 2 == 0);
    Accumulate<Real> sizes = sums;
    sizes.source = absolute(sums.source);
    sizes.target = absolute(sums.target);
    for (auto& entry : sizes.entries) entry.value = std::abs(entry.value);
    this->expect_rounding(sums.run(once), sums.run(twice), sizes.run(once), 12);
    differ = differ || !same_bits(sums.run(once), sums.run(twice));

    const Activation<Real> layer(random, 16 * random.between(1, 8), 3, Real(0.1));
    Activation<Real> layer_sizes = layer;
    for (auto* values : {&layer_sizes.z, &layer_sizes.head, &layer_sizes.pulls}) {
      *values = absolute(*values);
    }
    layer_sizes.slope = 1;  // |σ(z)| ≤ |z|
    const auto a = layer.run_all(once), b = layer.run_all(twice), c = layer_sizes.run_all(once);
    for (std::size_t k = 0; k < a.size(); ++k) {
      SCOPED_TRACE(a[k].first);
      if (std::string(a[k].first) == "fixed_pulls") {
        EXPECT_TRUE(same_bits(a[k].second, b[k].second));  // holds no sum
      } else {
        this->expect_rounding(a[k].second, b[k].second, c[k].second, 20);
      }
    }

    const WeightProducts<Real> products(random, 16 * random.between(1, 8), 30);
    WeightProducts<Real> product_sizes = products;
    product_sizes.weights = absolute(products.weights);
    for (auto* values : {&product_sizes.vectors, &product_sizes.results, &product_sizes.gram}) {
      *values = absolute(*values);
    }
    this->expect_rounding(products.normal_product(once), products.normal_product(twice),
                          product_sizes.normal_product(once), 30 + 16);
    this->expect_rounding(products.add_gram(once), products.add_gram(twice),
                          product_sizes.add_gram(once), 128);
  }
  EXPECT_TRUE(differ);
}

}  // namespace
}  // namespace latetime
